/* solcheck - comparing measured points: verdicts against known shifts and known noise.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>

#include "base/alloc.h"
#include "collector/compare.h"

#define MOST 2000
static char key[2][MOST][24];
static col_entry side[2][MOST];
static col_compare_options options;

/* Points of latencies from 7 us to 4 ms; side 1 is `shift` times as slow. */
static void make(size_t n, double shift, double noise, bool tell, unsigned long seed)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, seed);
    col_compare_defaults(&options);
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; i < n; i++) {
            double t = 7.3e-6 * pow(1.0021, (double)((i * 37) % 3001));
            snprintf(key[k][i], sizeof key[k][i], "b=%zu", (i * 7919) % n);
            side[k][i] = (col_entry){.key = key[k][i],
                                     .latency_s = t * (k ? shift : 1) *
                                                  exp(gsl_ran_gaussian(rng, noise)),
                                     .noise = tell ? noise : NAN,
                                     .bound_s = 0.31 * t};
        }
    gsl_rng_free(rng);
}

static col_comparison run(size_t n_a, size_t n_b)
{
    col_comparison c = {0};
    sc_diag diag = {0};
    cr_assert_eq(col_compare(side[0], n_a, side[1], n_b, &options, &c, &diag), SC_OK,
                 "%s", diag.message);
    return c;
}

Test(compare, noise_alone_is_no_regression)
{
    make(1500, 1, 0.0087, true, 11);
    col_comparison c = run(1500, 1500);
    cr_expect_eq(c.n_regressed, 0);
    /* 1 % of intervals miss 1 by construction: 15 +- 4 */
    size_t missed = c.count[COL_SLOWER] + c.count[COL_FASTER];
    cr_expect(missed >= 2 && missed <= 32, "%zu of 1500", missed);
    cr_expect(c.median_lo < 1 && c.median_hi > 1, "%g to %g", c.median_lo, c.median_hi);
    cr_expect_lt(c.median_hi - c.median_lo, 0.004);
    col_comparison_clear(&c);
}

Test(compare, finds_a_shift_and_tells_its_size)
{
    make(701, 1.13, 0.0087, true, 12);
    col_comparison c = run(701, 701);
    cr_expect_gt(c.n_regressed, 600, "%zu", c.n_regressed);
    cr_expect_geq(c.count[COL_SLOWER], 690);
    cr_expect_eq(c.count[COL_FASTER], 0);
    cr_expect(c.median_lo < 1.13 && c.median_hi > 1.13, "%g to %g", c.median_lo,
              c.median_hi);
    cr_expect(c.shifted);
    cr_expect_float_eq(c.sol_b * 1.13 / c.sol_a, 1, 0.003);
    col_comparison_clear(&c);
    make(701, 1 / 1.13, 0.0087, true, 12);
    c = run(701, 701);
    cr_expect_eq(c.n_regressed, 0);
    cr_expect_geq(c.count[COL_FASTER], 690);
    col_comparison_clear(&c);
}

Test(compare, a_small_change_is_slower_but_no_regression)
{
    make(401, 1.021, 0.0011, true, 13);
    col_comparison c = run(401, 401);
    cr_expect_geq(c.count[COL_SLOWER], 399);
    cr_expect_not(c.shifted);
    cr_expect_eq(c.n_regressed, 0);
    options.threshold = 0.013;
    make(401, 1.021, 0.0011, true, 13);
    options.threshold = 0.013;
    col_comparison_clear(&c);
    c = run(401, 401);
    cr_expect_geq(c.n_regressed, 395);
    col_comparison_clear(&c);
}

/* No single point is beyond doubt, all together are. */
Test(compare, finds_a_shift_below_the_noise_of_a_point)
{
    make(301, 1.07, 0.02, true, 18);
    col_comparison c = run(301, 301);
    cr_expect_lt(c.n_regressed, 60);
    cr_expect(c.shifted, "median from %g", c.median_lo);
    col_comparison_clear(&c);
}

Test(compare, wide_intervals_are_ambiguous)
{
    make(11, 1, 0, false, 14);
    options.noise = 0.031;
    col_comparison c = run(11, 11);
    cr_expect_eq(c.count[COL_AMBIGUOUS], 11);
    col_comparison_clear(&c);
    options.noise = 0.003;
    c = run(11, 11);
    cr_expect_eq(c.count[COL_SAME], 11);
    /* z = 2.5758 at 99 % */
    cr_expect_float_eq(log(c.pair[3].hi), 2.5758 * 0.003 * M_SQRT2, 1e-6);
    col_comparison_clear(&c);
}

Test(compare, lists_points_of_one_side)
{
    make(30, 1, 0.002, true, 15);
    col_comparison c = run(26, 30);
    cr_expect_eq(c.n, 30);
    cr_expect_eq(c.count[COL_ONLY_B], 4);
    cr_expect_eq(c.count[COL_ONLY_A], 0);
    for (size_t i = 0; i < c.n; i++)
        cr_expect_eq(isnan(c.pair[i].a_s), c.pair[i].verdict == COL_ONLY_B);
    col_comparison_clear(&c);
    c = run(30, 0);
    cr_expect_eq(c.count[COL_ONLY_A], 30);
    cr_expect(isnan(c.median));
    col_comparison_clear(&c);
}

Test(compare, rows_of_one_key_are_one_point)
{
    make(9, 1.3, 0.0001, true, 16);
    for (size_t i = 0; i < 9; i++)
        snprintf(key[1][i], sizeof key[1][i], i < 5 ? "b=3" : "b=4");
    double fifth[] = {1.01e-3, 1.02e-3, 1.04e-3, 1.05e-3, 9e-3};
    for (size_t i = 0; i < 5; i++)
        side[1][i].latency_s = fifth[4 - i];
    col_comparison c = run(9, 9);
    cr_expect_eq(c.count[COL_ONLY_A], 7);
    for (size_t i = 0; i < c.n; i++)
        if (strcmp(c.pair[i].key, "b=3") == 0) {
            cr_expect_float_eq(c.pair[i].b_s, 1.04e-3, 1e-12);
            double noise = 1.2533 * 1.4826 * 0.02e-3 / (1.04e-3 * sqrt(5));
            cr_expect_float_eq(log(c.pair[i].hi / c.pair[i].ratio),
                               2.5758 * hypot(noise, 0.0001), 1e-5);
        }
    col_comparison_clear(&c);
}

Test(compare, refuses_options_and_survives_failed_allocations)
{
    make(5, 1, 0.01, true, 17);
    col_comparison c = {.n = 77};
    sc_diag diag = {0};
    options.threshold = 0;
    cr_expect_eq(col_compare(side[0], 5, side[1], 5, &options, &c, &diag), SC_EINVAL);
    col_compare_defaults(&options);
    options.noise = NAN;
    cr_expect_eq(col_compare(side[0], 5, side[1], 5, &options, &c, &diag), SC_EINVAL);
    col_compare_defaults(&options);
    for (unsigned long k = 1; k <= 2; k++) {
        long live = sc_alloc_live();
        sc_alloc_fail_at(k, 1);
        sc_status status = col_compare(side[0], 5, side[1], 5, &options, &c, &diag);
        sc_alloc_fail_at(0, 0);
        cr_expect_eq(status, SC_ENOMEM);
        cr_expect_eq(sc_alloc_live(), live);
    }
    cr_expect_eq(c.n, 77);
}
