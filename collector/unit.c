/* solcheck - conversion between seconds and milliseconds, and numbers as tables have
 * them. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
 */
#include "config.h"

#include "collector/unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

bool col_ms_parse(const char *text, double *value_s)
{
    char shifted[128];
    double ms, exact;
    if (!sc_parse_double(text, &ms))
        return false;
    /* The same digits with an exponent that is smaller by 3. */
    size_t digits = strcspn(text, "eE");
    long exponent = text[digits] ? strtol(text + digits + 1, NULL, 10) : 0;
    int n =
        snprintf(shifted, sizeof shifted, "%.*se%ld", (int)digits, text, exponent - 3);
    bool fits = n > 0 && (size_t)n < sizeof shifted;
    *value_s = fits && sc_parse_double(shifted, &exact) ? exact : ms / 1e3;
    return true;
}

/* Lays out the decimal 0.DIGITS x 10^point; digits has at most 17 characters. */
static void layout(bool negative, const char *digits, int point, char out[32])
{
    char text[64]; /* wider than any layout, which the compiler wants to see */
    int n = (int)strlen(digits), zeros = point > n ? point - n : 0;
    const char *sign = negative ? "-" : "";
    if (point > 17 || point < -5)
        snprintf(text, sizeof text, "%s%.1s%s%.16se%d", sign, digits, n > 1 ? "." : "",
                 digits + 1, point - 1);
    else if (point <= 0)
        snprintf(text, sizeof text, "%s0.%.*s%.17s", sign, -point, "00000", digits);
    else
        snprintf(text, sizeof text, "%s%.*s%.*s%s%.17s", sign, point, digits, zeros,
                 "00000000000000000", n > point ? "." : "",
                 n > point ? digits + point : "");
    memcpy(out, text, 32);
    out[31] = 0;
}

/* The shortest text of a number, its decimal point moved to the right. */
static void format_shifted(double value, int shift, char out[32])
{
    char text[32], digits[32];
    int n = 0, point = 0, exponent = 0;
    bool after_point = false;
    sc_format_double(value, text);
    for (const char *c = text; *c; c++) {
        if (*c == 'e' || *c == 'E') {
            exponent = (int)strtol(c + 1, NULL, 10);
            break;
        }
        after_point |= *c == '.';
        if (*c < '0' || *c > '9')
            continue;
        if (n < 17 && (n > 0 || *c != '0'))
            digits[n++] = *c;
        if (!after_point)
            point += n > 0;
        else if (n == 0)
            point--; /* a zero between the point and the first digit */
    }
    while (n > 0 && digits[n - 1] == '0')
        n--;
    digits[n] = 0;
    if (n == 0)
        snprintf(out, 32, signbit(value) ? "-0" : "0");
    else
        layout(value < 0, digits, point + exponent + shift, out);
}

void col_number_format(double value, char out[32])
{
    if (isnan(value))
        out[0] = 0;
    else if (isinf(value))
        snprintf(out, 32, value > 0 ? "inf" : "-inf");
    else if (value == floor(value) && fabs(value) < 1e15)
        snprintf(out, 32, "%.0f", value);
    else
        format_shifted(value, 0, out);
}

void col_ms_format(double value_s, char out[32])
{
    double ms, near[3], back;
    out[0] = 0;
    if (!isfinite(value_s))
        return;
    format_shifted(value_s, 3, out);
    if (!sc_parse_double(out, &ms))
        return; /* beyond what a double holds in ms */
    near[0] = ms;
    near[1] = nextafter(ms, 0);
    near[2] = nextafter(ms, ms < 0 ? -INFINITY : INFINITY);
    for (int i = 0; i < 3; i++) {
        col_number_format(near[i], out);
        if (col_ms_parse(out, &back) && back == value_s)
            return;
    }
    col_number_format(ms, out);
}

/* ---- text that is a number's own ---- */

/* Up to 15 digits without an exponent, from start to end: read exactly, as the quotient
 * of two integers that doubles hold (Clinger, PLDI 1990). false: not of that kind. */
static bool short_decimal(const char *text, double *out)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,
                                   1e7,  1e8,  1e9,  1e10, 1e11, 1e12, 1e13,
                                   1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20};
    bool negative = *text == '-';
    const char *start = text + negative, *c = start, *point = NULL;
    int64_t mantissa = 0;
    for (; (*c >= '0' && *c <= '9') || (*c == '.' && !point && c > start); c++) {
        if (*c == '.')
            point = c;
        else if (mantissa >= 100000000000000) /* a 16th digit follows */
            return false;
        else
            mantissa = 10 * mantissa + (*c - '0');
    }
    size_t scale = point ? (size_t)(c - point - 1) : 0;
    if (*c || c == start || scale > 20 || (*start == '0' && start[1] && start[1] != '.'))
        return false;
    if (point && (scale == 0 || c[-1] == '0'))
        return false; /* a number would be written without the last zero */
    *out = (double)mantissa / power[scale] * (negative ? -1 : 1);
    return scale < 6 || fabs(*out) >= 1e-6;
}

bool col_number_is_own(const char *text, double *value)
{
    char own[32];
    double number;
    if (!*text) {
        *value = NAN;
        return true;
    }
    if (!short_decimal(text, &number)) {
        if (strlen(text) >= sizeof own || !sc_parse_double(text, &number))
            return false;
        col_number_format(number, own);
        if (strcmp(own, text) != 0)
            return false;
    }
    *value = number;
    return true;
}
