/* solcheck - reports: numbers as text, and foreign text made safe for its place.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/internal.h"

/* ---- numbers ---- */

rep_text rep_sig(double value, int digits)
{
    rep_text out;
    double size = fabs(value);
    if (!isfinite(value)) {
        snprintf(out.c, sizeof out.c, "n/a");
    } else if (size == 0) {
        snprintf(out.c, sizeof out.c, "0");
    } else if (size >= 1e7 || size < 1e-4) {
        snprintf(out.c, sizeof out.c, "%.*e", digits - 1, value);
    } else {
        /* The exponent after rounding decides: 9.996 with 3 digits is 10.0. */
        char rounded[48];
        snprintf(rounded, sizeof rounded, "%.*e", digits - 1, size);
        int exponent = 0;
        sscanf(strchr(rounded, 'e') + 1, "%d", &exponent);
        int decimals = digits - 1 - exponent;
        snprintf(out.c, sizeof out.c, "%.*f", decimals > 0 ? decimals : 0, value);
    }
    return out;
}

rep_text rep_number(double value)
{
    rep_text out;
    if (isfinite(value) && fabs(value) < 1e15 && value == floor(value)) {
        snprintf(out.c, sizeof out.c, "%.0f", value);
        return out;
    }
    return rep_sig(value, 4);
}

rep_text rep_plain(double value)
{
    rep_text out = rep_sig(value, 3);
    if (isfinite(value)) {
        snprintf(out.c, sizeof out.c, "%g", value);
    }
    return out;
}

/* value * unit with an SI prefix; base is the exponent of ten of the first prefix. */
static rep_text with_prefix(double value, const char *const *unit, int n)
{
    rep_text out;
    if (!isfinite(value)) {
        return rep_sig(value, 3);
    }
    int i = 0;
    /* 999.5 would round to 1000 of the smaller unit */
    while (i + 1 < n && fabs(value) >= 999.5) {
        value /= 1000;
        i++;
    }
    snprintf(out.c, sizeof out.c, "%.24s %s", rep_sig(value, 3).c, unit[i]);
    return out;
}

rep_text rep_seconds(double seconds)
{
    static const char *const unit[] = {"ns", "us", "ms", "s"};
    return with_prefix(seconds * 1e9, unit, 4);
}

rep_text rep_bytes(double size_B)
{
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB"};
    return with_prefix(size_B, unit, 5);
}

rep_text rep_rate(double per_s, const char *unit)
{
    rep_text out;
    if (!isfinite(per_s)) {
        return rep_sig(per_s, 3);
    }
    /* People quote tensor rates in T even above 1000, and bandwidths in G. */
    bool bytes = unit[0] == 'B';
    double scale = bytes || per_s < 1e12 ? 1e9 : 1e12;
    double value = per_s / scale;
    snprintf(out.c, sizeof out.c, "%.24s %c%.12s",
             value >= 100 ? rep_number(round(value)).c : rep_sig(value, 3).c,
             scale == 1e9 ? 'G' : 'T', unit);
    return out;
}

rep_text rep_percent(double fraction)
{
    rep_text out;
    double percent = 100 * fraction;
    if (!isfinite(percent)) {
        return rep_sig(percent, 3);
    }
    double size = fabs(percent);
    int decimals = size >= 99.95 ? 0 : size >= 0.095 || size == 0 ? 1 : 2;
    if (size < 0.005) { /* nothing that can be told from none */
        percent = 0;
    }
    snprintf(out.c, sizeof out.c, "%.*f %%", decimals, percent);
    return out;
}

rep_text rep_spread(double spread)
{
    rep_text out;
    if (isfinite(spread) && spread >= 1) {
        snprintf(out.c, sizeof out.c, "%.24s-fold", rep_sig(1 + spread, 3).c);
    } else {
        snprintf(out.c, sizeof out.c, "by %.24s", rep_percent(spread).c);
    }
    return out;
}

rep_text rep_p_value(double p)
{
    rep_text out;
    if (!isfinite(p)) {
        snprintf(out.c, sizeof out.c, "n/a");
    } else if (p < 1e-12) {
        snprintf(out.c, sizeof out.c, "< 1e-12");
    } else if (p < 1e-3) {
        snprintf(out.c, sizeof out.c, "= %.1e", p);
    } else {
        snprintf(out.c, sizeof out.c, "= %.2g", p);
    }
    return out;
}

rep_text rep_capability(int sm_version)
{
    rep_text out;
    snprintf(out.c, sizeof out.c, "%d.%d", sm_version / 10, sm_version % 10);
    return out;
}

/* ---- foreign text ---- */

/* Takes one character from *text into c (NUL-terminated), made harmless. False at the
 * end. */
static bool next_character(const char **text, char c[5])
{
    const unsigned char *p = (const unsigned char *)*text;
    if (*p == 0) {
        return false;
    }
    size_t n = sc_utf8_length(*text);
    if (n == 0) {
        strcpy(c, "?");
        *text += 1;
        return true;
    }
    bool control = p[0] < 0x20 || p[0] == 0x7f || (p[0] == 0xc2 && p[1] < 0xa0);
    bool separator =
        n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9);
    if (control || separator) {
        strcpy(c, " ");
    } else {
        memcpy(c, p, n);
        c[n] = 0;
    }
    *text += n;
    return true;
}

/* Appends text, each character that occurs in `special` replaced by prefix + itself. */
static void add_escaped(sc_buf *out, const char *text, const char *special,
                        const char *prefix)
{
    char c[5];
    while (next_character(&text, c)) {
        if (strchr(special, c[0])) {
            sc_buf_add(out, prefix);
        }
        sc_buf_add(out, c);
    }
}

void rep_add_clean(sc_buf *out, const char *text)
{
    add_escaped(out, text, "", "");
}

void rep_add_short(sc_buf *out, const char *text, int columns)
{
    char c[5];
    const char *p = text;
    int n = 0;
    while (next_character(&p, c)) {
        n++;
    }
    int keep = n <= columns ? n : columns - 3;
    p = text;
    for (int i = 0; i < keep && next_character(&p, c); i++) {
        sc_buf_add(out, c);
    }
    if (keep < n) {
        sc_buf_add(out, "...");
    }
}

void rep_add_md(sc_buf *out, const char *text)
{
    add_escaped(out, text, "\\`*_|<>[]", "\\");
}

void rep_add_sentence(sc_buf *out, const char *text)
{
    const char first[] = {(char)toupper((unsigned char)*text), 0};
    rep_add_md(out, first);
    rep_add_md(out, *text ? text + 1 : text);
    sc_buf_add(out, ".");
}

void rep_add_code(sc_buf *out, const char *text)
{
    /* No escapes work between backticks: a backtick becomes an apostrophe, and a bar
     * would end a table cell. */
    char c[5];
    sc_buf_add(out, "`");
    while (next_character(&text, c)) {
        sc_buf_add(out, c[0] == '`' ? "'" : c[0] == '|' ? "\\|" : c);
    }
    sc_buf_add(out, "`");
}

void rep_add_yaml(sc_buf *out, const char *text)
{
    sc_buf_add(out, "'");
    add_escaped(out, text, "'", "'");
    sc_buf_add(out, "'");
}

void rep_add_gnuplot(sc_buf *out, const char *text)
{
    /* In single quotes gnuplot expands neither backticks nor macros nor escapes; a quote
     * is doubled. Enhanced text is off in every terminal that we set. The svg terminal
     * escapes & and <, but leaves "]]>", which XML forbids in text. */
    char c[5];
    int brackets = 0;
    sc_buf_add(out, "'");
    while (next_character(&text, c)) {
        if (c[0] == '\'' || (c[0] == '>' && brackets >= 2)) {
            sc_buf_add(out, c[0] == '>' ? " " : "'");
        }
        sc_buf_add(out, c);
        brackets = c[0] == ']' ? brackets + 1 : 0;
    }
    sc_buf_add(out, "'");
}

void rep_add_docstring(sc_buf *out, const char *text)
{
    add_escaped(out, text, "\\\"", "\\");
}

/* Length of the next piece that must stay on one line: a word, with a percent sign that
 * follows it. */
static size_t piece_length(const char *text)
{
    size_t n = strcspn(text, " ");
    if (text[n] == ' ' && text[n + 1] == '%') {
        n += 1 + strcspn(text + n + 1, " ");
    }
    return n;
}

void rep_add_wrapped(sc_buf *out, const char *text, int column, int columns,
                     const char *indent)
{
    bool first = true;
    while (*text) {
        size_t n = piece_length(text);
        int width = (int)n;
        if (!first && column + 1 + width > columns) {
            sc_buf_printf(out, "\n%s", indent);
            column = (int)strlen(indent);
        } else if (!first) {
            sc_buf_add(out, " ");
            column++;
        }
        sc_buf_addn(out, text, n);
        column += width;
        first = false;
        text += n;
        text += strspn(text, " ");
    }
}

static const char *const python_keyword[] = {
    "False",  "None",         "True",    "and",      "as",       "assert", "async",
    "await",  "break",        "class",   "continue", "def",      "del",    "elif",
    "else",   "except",       "finally", "for",      "from",     "global", "if",
    "import", "in",           "is",      "lambda",   "nonlocal", "not",    "or",
    "pass",   "raise",        "return",  "try",      "while",    "with",   "yield",
    "self",   "database_mode"};

void rep_add_snake(sc_buf *out, const char *name)
{
    if (isdigit((unsigned char)name[0]) || name[0] == 0) {
        sc_buf_add(out, "_");
    }
    for (const char *p = name; *p; p++) {
        unsigned char ch = (unsigned char)*p;
        char c[2] = {isalnum(ch) && ch < 0x80 ? (char)ch : '_', 0};
        sc_buf_add(out, c);
    }
    for (size_t i = 0; i < sizeof python_keyword / sizeof *python_keyword; i++) {
        if (strcmp(name, python_keyword[i]) == 0) {
            sc_buf_add(out, "_");
        }
    }
}

void rep_add_camel(sc_buf *out, const char *name)
{
    bool start = true;
    for (const char *p = name; *p; p++) {
        unsigned char ch = (unsigned char)*p;
        if (ch >= 0x80 || !isalnum(ch)) {
            start = true;
            continue;
        }
        char c[2] = {(char)(start ? toupper(ch) : ch), 0};
        sc_buf_add(out, c);
        start = false;
    }
}

sc_status rep_done(const sc_buf *out, sc_diag *diag)
{
    return out->failed ? sc_diag_nomem(diag) : SC_OK;
}

sc_status rep_append(sc_buf *out, sc_buf *text, sc_status status, sc_diag *diag)
{
    if (status == SC_OK) {
        status = rep_done(text, diag);
    }
    if (status == SC_OK) {
        sc_buf_addn(out, text->text, text->n);
        status = rep_done(out, diag);
    }
    sc_buf_free(text);
    return status;
}
