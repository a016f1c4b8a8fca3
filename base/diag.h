/* solcheck - diagnostics with positions.
 *
 * The first function that detects an error fills the caller-owned sc_diag and returns the
 * status; every caller above passes the status on untouched. A NULL sc_diag is legal
 * everywhere: the text is then dropped.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_BASE_DIAG_H
#define SC_BASE_DIAG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/codes.h"
#include "base/export.h"
#include "base/status.h"
#include "base/text.h"

SC_BEGIN_DECLS

#if defined(__GNUC__)
#define SC_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define SC_PRINTF(fmt, first)
#endif

typedef enum sc_severity { SC_NOTE, SC_WARNING, SC_ERROR } sc_severity;

/* One diagnostic. Plain data, fixed size, so that reporting never needs memory.
 * line and col count from 1; 0 means "not known". For tables, line is the row's line. */
typedef struct sc_diag {
    sc_code code;
    sc_severity severity;
    char file[512];
    int line, col;
    int width;        /* columns to underline, at least 1 when col > 0 */
    char source[256]; /* the offending source line, "" when there is none */
    char message[512];
    char hint[512]; /* how to mend it, "" when there is none */
} sc_diag;

/* Resets to "nothing reported". NULL is legal. */
void sc_diag_clear(sc_diag *diag);

/* Fills code, severity ERROR and message; clears position, source and hint. Returns
 * status, so that a detector reads `return sc_diag_fail(diag, SC_EPARSE, SC1010,
 * "...");`. */
sc_status sc_diag_fail(sc_diag *diag, sc_status status, sc_code code, const char *fmt,
                       ...) SC_PRINTF(4, 5);

/* The same with severity WARNING, for entries of an sc_diags list. */
void sc_diag_warn(sc_diag *diag, sc_code code, const char *fmt, ...) SC_PRINTF(3, 4);

/* Adds a position to a filled diagnostic. source may be NULL; only its first line is
 * kept. */
void sc_diag_at(sc_diag *diag, const char *file, int line, int col, int width,
                const char *source);

/* Adds the hint line. */
void sc_diag_hint(sc_diag *diag, const char *fmt, ...) SC_PRINTF(2, 3);

/* SC_ENOMEM with the standard text. */
sc_status sc_diag_nomem(sc_diag *diag);

/* Formats like a compiler, ending in a newline:
 *   file:line:col: error: message [SC1234]
 *       source line
 *         ^~~~
 *   hint: ...
 * Errors: SC_ENOMEM. */
sc_status sc_diag_format(const sc_diag *diag, sc_buf *out);

/* A growable list of diagnostics (warnings, lint findings). Zero-initialise before use.
 */
typedef struct sc_diags {
    sc_diag *item;
    size_t n, capacity;
} sc_diags;

/* Appends a copy. list NULL is legal (dropped). Errors: SC_ENOMEM. */
sc_status sc_diags_add(sc_diags *list, const sc_diag *diag);
void sc_diags_free(sc_diags *list);

SC_END_DECLS

#endif
