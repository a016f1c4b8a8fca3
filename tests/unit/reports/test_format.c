/* solcheck - tests of reports/format.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "reports/internal.h"

Test(format, significant_digits)
{
    cr_expect_str_eq(rep_sig(9.996, 3).c, "10.0");
    cr_expect_str_eq(rep_sig(-2.3847, 3).c, "-2.38");
    cr_expect_str_eq(rep_sig(0.00098765, 3).c, "0.000988");
    cr_expect_str_eq(rep_sig(73951.2, 3).c, "73951");
    cr_expect_str_eq(rep_sig(4.5e12, 3).c, "4.50e+12");
    cr_expect_str_eq(rep_sig(0, 3).c, "0");
    cr_expect_str_eq(rep_sig(NAN, 3).c, "n/a");
    cr_expect_str_eq(rep_sig(-INFINITY, 3).c, "n/a");
}

Test(format, quantities_carry_their_unit)
{
    cr_expect_str_eq(rep_seconds(3.4112e-6).c, "3.41 us");
    cr_expect_str_eq(rep_seconds(0.99961e-3).c, "1.00 ms", "%s",
                     rep_seconds(0.99961e-3).c);
    cr_expect_str_eq(rep_seconds(8.5e-9).c, "8.50 ns");
    cr_expect_str_eq(rep_seconds(71.25).c, "71.2 s");
    cr_expect_str_eq(rep_seconds(NAN).c, "n/a");
    cr_expect_str_eq(rep_bytes(52428800).c, "52.4 MB");
    cr_expect_str_eq(rep_rate(1.0706e15, "FLOP/s").c, "1071 TFLOP/s");
    cr_expect_str_eq(rep_rate(3.352e12, "B/s").c, "3352 GB/s");
    cr_expect_str_eq(rep_number(65536).c, "65536");
    cr_expect_str_eq(rep_number(0.12345).c, "0.1235", "%s", rep_number(0.12345).c);
}

Test(format, percentages_and_spreads)
{
    cr_expect_str_eq(rep_percent(0.0312).c, "3.1 %");
    cr_expect_str_eq(rep_percent(-0.00087).c, "-0.09 %", "%s", rep_percent(-0.00087).c);
    cr_expect_str_eq(rep_percent(-0.0000488).c, "0.00 %");
    cr_expect_str_eq(rep_percent(0).c, "0.0 %");
    cr_expect_str_eq(rep_percent(4.385).c, "438 %", "%s", rep_percent(4.385).c);
    cr_expect_str_eq(rep_percent(NAN).c, "n/a");
    cr_expect_str_eq(rep_spread(0.275).c, "by 27.5 %");
    cr_expect_str_eq(rep_spread(6.87).c, "7.87-fold");
    cr_expect_str_eq(rep_p_value(0).c, "< 1e-12");
    cr_expect_str_eq(rep_p_value(3.5e-9).c, "= 3.5e-09");
    cr_expect_str_eq(rep_p_value(0.031).c, "= 0.031");
    cr_expect_str_eq(rep_p_value(NAN).c, "n/a");
    cr_expect_str_eq(rep_capability(89).c, "8.9");
    cr_expect_str_eq(rep_capability(103).c, "10.3");
}

static void expect_text(void (*add)(sc_buf *, const char *), const char *in,
                        const char *want)
{
    sc_buf out = {0};
    add(&out, in);
    cr_expect_str_eq(sc_buf_text(&out), want, "%s became %s", in, sc_buf_text(&out));
    sc_buf_free(&out);
}

Test(format, foreign_text_is_made_safe_for_its_place)
{
    const char *nasty = "a'b`c\\d\"e\nf\x1b[31m|<g>";
    expect_text(rep_add_clean, nasty, "a'b`c\\d\"e f [31m|<g>");
    expect_text(rep_add_gnuplot, nasty, "'a''b`c\\d\"e f [31m|<g>'");
    expect_text(rep_add_gnuplot, "a]]>b]>", "'a]] >b]>'");
    expect_text(rep_add_yaml, nasty, "'a''b`c\\d\"e f [31m|<g>'");
    expect_text(rep_add_docstring, nasty, "a'b`c\\\\d\\\"e f [31m|<g>");
    expect_text(rep_add_md, nasty, "a'b\\`c\\\\d\"e f \\[31m\\|\\<g\\>");
    expect_text(rep_add_code, nasty, "`a'b'c\\d\"e f [31m\\|<g>`");
}

Test(format, broken_utf8_is_replaced)
{
    expect_text(rep_add_clean, "caf\xc3\xa9", "caf\xc3\xa9");
    expect_text(rep_add_clean, "cut \xc3", "cut ?");
    expect_text(rep_add_clean, "\xff\xfe", "??");
    expect_text(rep_add_clean, "overlong \xc0\xaf", "overlong ??");
    expect_text(rep_add_clean, "surrogate \xed\xa0\x80.", "surrogate ???.");
    expect_text(rep_add_clean, "line\xe2\x80\xa8sep", "line sep");
}

Test(format, python_names)
{
    expect_text(rep_add_snake, "num_heads", "num_heads");
    expect_text(rep_add_snake, "lambda", "lambda_");
    expect_text(rep_add_snake, "database_mode", "database_mode_");
    expect_text(rep_add_snake, "3d-conv", "_3d_conv");
    expect_text(rep_add_camel, "mla_bmm-pre", "MlaBmmPre");
}

Test(format, wrapping_keeps_lines_short_and_percent_signs_in_place)
{
    sc_buf out = {0};
    rep_add_wrapped(&out, "one two 12.5 % three", 0, 12, "  ");
    cr_expect_str_eq(sc_buf_text(&out), "one two\n  12.5 %\n  three");
    sc_buf_free(&out);
    rep_add_wrapped(&out, "F = x", 0, 90, "    ");
    cr_expect_str_eq(sc_buf_text(&out), "F = x");
    sc_buf_free(&out);
}

Test(format, cutting_counts_characters_not_bytes)
{
    sc_buf out = {0};
    rep_add_short(&out, "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 5);
    cr_expect_str_eq(sc_buf_text(&out), "\xc3\xa9\xc3\xa9...");
    sc_buf_free(&out);
    rep_add_short(&out, "exact", 5);
    cr_expect_str_eq(sc_buf_text(&out), "exact");
    sc_buf_free(&out);
}
