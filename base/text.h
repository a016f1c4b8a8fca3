/* solcheck - growable text buffers, files and small string helpers.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_BASE_TEXT_H
#define SC_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/export.h"
#include "base/status.h"

SC_BEGIN_DECLS

struct sc_diag;

#if defined(__GNUC__)
#define SC_TEXT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define SC_TEXT_PRINTF(fmt, first)
#endif

/* A growable, always NUL-terminated text. Zero-initialise before use. A failed append
 * sets `failed` and later appends do nothing, so that a writer may check once at the end.
 */
typedef struct sc_buf {
    char *text; /* NULL until the first append; use sc_buf_text() to read */
    size_t n, capacity;
    bool failed;
} sc_buf;

sc_status sc_buf_add(sc_buf *buf, const char *text);
sc_status sc_buf_addn(sc_buf *buf, const char *text, size_t n);
sc_status sc_buf_printf(sc_buf *buf, const char *fmt, ...) SC_TEXT_PRINTF(2, 3);
sc_status sc_buf_vprintf(sc_buf *buf, const char *fmt, va_list ap) SC_TEXT_PRINTF(2, 0);
/* Appends text as an XML attribute value; control characters and bytes that are no UTF-8,
 * which XML cannot hold, become '?'. */
sc_status sc_buf_add_xml(sc_buf *buf, const char *text);
/* Appends text as a cell of CSV, quoted where RFC 4180 (2.6, 2.7) asks for it. */
sc_status sc_buf_add_csv(sc_buf *buf, const char *text);
/* The text so far, "" when empty; owned by the buffer. */
const char *sc_buf_text(const sc_buf *buf);
/* Hands the text over (release with sc_free) and empties the buffer; NULL on failure. */
char *sc_buf_take(sc_buf *buf);
void sc_buf_free(sc_buf *buf);

/* Opens a file that is no directory for reading; close it with fclose. Errors: SC_EIO
 * (SC1001). */
sc_status sc_file_open(const char *path, FILE **out, struct sc_diag *diag);

/* Reads a whole file of at most max_B bytes; the text is NUL-terminated and *n excludes
 * the NUL. Errors: SC_EIO (SC1001), SC_EPARSE (SC1002 too large), SC_ENOMEM. Release
 * *text with sc_free. "-" is not special. */
sc_status sc_file_read(const char *path, size_t max_B, char **text, size_t *n,
                       struct sc_diag *diag);

/* Writes a file through a temporary name in the same directory and rename(2), so that a
 * failure leaves the old file or none. Errors: SC_EIO (SC5000). */
sc_status sc_file_write(const char *path, const char *text, size_t n,
                        struct sc_diag *diag);

/* Parses all of text as a finite double or an int64; leading or trailing junk, overflow,
 * "nan" and "inf" yield false and leave *value alone. Locale-independent. */
bool sc_parse_double(const char *text, double *value);
bool sc_parse_int(const char *text, int64_t *value);

/* A time to wait, for people: "4.2 s", "75 s", "12 min", "3.5 h". */
void sc_format_duration(double seconds, char out[32]);
/* Shortest decimal text that reads back to the same double; out has room for 32 bytes. */
void sc_format_double(double value, char out[32]);

/* Optimal-string-alignment distance, for "did you mean". */
int sc_edit_distance(const char *a, const char *b);
/* Writes up to 3 of names[0..n) that resemble `wanted`, as "a, b or c", to out; "" if
 * none is near. Returns the number written. */
int sc_suggest(const char *wanted, const char *const *names, size_t n, char *out,
               size_t out_B);

/* Length of the UTF-8 sequence at text, 1 to 4; 0 if it is malformed (RFC 3629: no
 * overlong forms, no surrogates) or a non-character that XML forbids. The NUL at the end
 * has 1. */
size_t sc_utf8_length(const char *text);
/* Replaces bytes that are no UTF-8 by '?', in place: foreign text, or a character that
 * was cut. */
void sc_utf8_mend(char *text);

bool sc_ends_with(const char *text, const char *suffix);
/* dir + "/" + name, or NULL without memory; release with sc_free. */
char *sc_path_join(const char *dir, const char *name);
/* Pointer to the last path component of path. */
const char *sc_path_base(const char *path);
/* Creates a directory and its parents (mode 0777 less umask). Errors: SC_EIO (SC5000). */
sc_status sc_mkdirs(const char *path, struct sc_diag *diag);

/* Directory of the running program, without the last slash; false where it cannot be told
 * or out is too small. */
bool sc_program_dir(char *out, size_t out_B);

/* Seconds on the monotonic clock, from an arbitrary start. */
double sc_now_s(void);

SC_END_DECLS

#endif
