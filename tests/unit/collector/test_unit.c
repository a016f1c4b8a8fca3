/* solcheck - tests of collector/unit.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "collector/unit.h"

Test(unit, decimal_shift_is_exact)
{
    static const struct {
        const char *text;
        double want;
    } cases[] = {{"23.6", 0.0236},
                 {"0.0085", 8.5e-6},
                 {"1e-2", 1e-5},
                 {"-4.4E+3", -4.4},
                 {"2.385e1", 0.02385},
                 {"17", 0.017},
                 {"0", 0},
                 {"0.010487999767065048", 1.0487999767065048e-5}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        double got = NAN;
        cr_assert(col_ms_parse(cases[i].text, &got), "%s", cases[i].text);
        cr_assert_eq(got, cases[i].want, "%s: %.17g", cases[i].text, got);
    }
    double kept = 2.5;
    cr_assert_not(col_ms_parse("nan", &kept));
    cr_assert_not(col_ms_parse("3 ms", &kept));
    cr_assert_not(col_ms_parse("", &kept));
    cr_assert_eq(kept, 2.5);
}

Test(unit, text_is_short)
{
    char text[32];
    col_ms_format(0.0236, text);
    cr_assert_str_eq(text, "23.6");
    col_ms_format(8.5e-6, text);
    cr_assert_str_eq(text, "0.0085");
    col_ms_format(NAN, text);
    cr_assert_str_eq(text, "");
    col_ms_format(INFINITY, text);
    cr_assert_str_eq(text, "");
    static const struct {
        double value;
        const char *want;
    } cases[] = {{0, "0"},
                 {-0.25, "-250"},
                 {17, "17000"},
                 {3e-9, "0.000003"},
                 {1.7e-12, "1.7e-9"},
                 {120.5, "120500"},
                 {2e20, "2e23"},
                 {0.0010003, "1.0003"},
                 {8e-7, "0.0008"},
                 {-1e-9, "-0.000001"},
                 {5e-324, "5e-321"},
                 {3e-11, "3e-8"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        col_ms_format(cases[i].value, text);
        cr_assert_str_eq(text, cases[i].want);
    }
}

static double random_s(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return 1e-12 * pow(10, 20 * ((double)(*state >> 11) / 9007199254740992.0));
}

/* Random doubles from 1 ps to years: the text is that of a double of milliseconds, so
 * that binary files keep it byte by byte. Where such a text means the same double of
 * seconds, seven times out of eight, it comes back bit for bit, else a neighbour does. */
Test(unit, round_trip)
{
    uint64_t state = 12345;
    int n = 200000, n_next = 0;
    for (int i = 0; i < n; i++) {
        char text[32], again[32];
        double back = NAN, ms = NAN, value = random_s(&state);
        col_ms_format(value, text);
        cr_assert(col_number_is_own(text, &ms), "%s", text);
        col_number_format(ms, again);
        cr_assert_str_eq(again, text);
        cr_assert(col_ms_parse(text, &back));
        n_next += back != value;
        cr_assert(back == value || back == nextafter(value, 0) ||
                      back == nextafter(value, INFINITY),
                  "%s: %.17g is not %.17g", text, back, value);
    }
    cr_assert_lt(n_next, 0.15 * n);
    cr_assert_gt(n_next, 0);
}

Test(unit, numbers_as_tables_write_them)
{
    static const struct {
        double value;
        const char *want;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {2.385, "2.385"},
                 {-17, "-17"},
                 {1e-6, "0.000001"},
                 {9.9e-7, "9.9e-7"},
                 {0.00012345, "0.00012345"},
                 {12345678901234568, "12345678901234568"},
                 {123456789012345680, "1.2345678901234568e17"},
                 {1e17, "1e17"},
                 {3.0000000000000004, "3.0000000000000004"},
                 {5e-324, "5e-324"},
                 {1.7976931348623157e308, "1.7976931348623157e308"},
                 {INFINITY, "inf"},
                 {-INFINITY, "-inf"},
                 {NAN, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        double back = 4.75;
        col_number_format(cases[i].value, text);
        cr_assert_str_eq(text, cases[i].want);
        cr_assert_eq(col_number_is_own(text, &back), !isinf(cases[i].value), "%s", text);
        if (isfinite(cases[i].value))
            cr_assert_eq(memcmp(&back, &cases[i].value, sizeof back), 0, "%s", text);
    }
}

/* Text that a number would not be written as stays text. */
Test(unit, texts_that_are_no_numbers_own)
{
    static const char *const texts[] = {"1.50",
                                        "+3",
                                        "03",
                                        "-",
                                        ".5",
                                        "5.",
                                        "1e3",
                                        "1e-05",
                                        "0x10",
                                        " 1",
                                        "1 ",
                                        "nan",
                                        "inf",
                                        "1e400",
                                        "1,5",
                                        "1.0",
                                        "-0.0",
                                        "00.5",
                                        "2.385e",
                                        "1E-7",
                                        "--1",
                                        "1..2",
                                        "0.0",
                                        "1e-7 ",
                                        "x",
                                        "1.10",
                                        "3e-7x",
                                        "0.0000001",
                                        "10000000000000000000",
                                        "9007199254740993"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        double value = 4.75;
        cr_assert_not(col_number_is_own(texts[i], &value), "%s", texts[i]);
        cr_assert_eq(value, 4.75);
    }
}

/* Both ways to recognise a text, the short one and the one over sc_format_double, agree
 * with reading and writing it. */
Test(unit, own_texts_by_two_routes)
{
    uint64_t state = 777;
    for (int i = 0; i < 200000; i++) {
        char text[40], own[32];
        double value = NAN, read = NAN;
        snprintf(text, sizeof text, "%.*f", i % 20, random_s(&state));
        bool is_own = col_number_is_own(text, &value);
        cr_assert(sc_parse_double(text, &read));
        col_number_format(read, own);
        cr_assert_eq(is_own, strcmp(own, text) == 0, "%s, %s", text, own);
        if (is_own)
            cr_assert_eq(value, read, "%s", text);
    }
}
