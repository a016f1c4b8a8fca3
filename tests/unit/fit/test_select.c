/* solcheck - choosing the points to measure: what every design holds, and that it covers
 * the range better than chance.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <gsl/gsl_randist.h>

#include "base/alloc.h"
#include "truth.h"

#define MOST 8192
static fit_point pt[MOST], other[MOST];
static size_t order[MOST], order2[MOST];
static double deviation[MOST];

static void select_n(const fit_point *p, size_t n, size_t wanted, size_t *out)
{
    sc_diag diag = {0};
    cr_assert_eq(fit_design_select(p, n, wanted, out, deviation, &diag), SC_OK, "%s",
                 diag.message);
}

/* The farthest that a point is from the nearest chosen one of its group, in octaves of b
 * and s. */
static double fill_distance(const fit_point *p, size_t n, const size_t *chosen, size_t k)
{
    double worst = 0;
    for (size_t i = 0; i < n; i++) {
        double nearest = HUGE_VAL;
        for (size_t q = 0; q < k; q++) {
            const fit_point *c = &p[chosen[q]];
            if (c->group == p[i].group) {
                nearest = fmin(nearest, hypot(log2(c->b / p[i].b), log2(c->s / p[i].s)));
            }
        }
        worst = fmax(worst, nearest);
    }
    return worst;
}

Test(select, covers_better_than_chance)
{
    size_t n = truth_attention(&truth_default, 1, 9, 13, pt), all[MOST];
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    gsl_rng_set(rng, 77);
    select_n(pt, n, 23, order);
    double ours = fill_distance(pt, n, order, 23), best = HUGE_VAL;
    for (int r = 0; r < 50; r++) {
        for (size_t i = 0; i < n; i++) {
            all[i] = i;
        }
        gsl_ran_shuffle(rng, all, n, sizeof *all);
        best = fmin(best, fill_distance(pt, n, all, 23));
    }
    gsl_rng_free(rng);
    cr_expect_lt(ours, best, "%g octaves, chance in 50 tries %g", ours, best);
}

Test(select, is_a_permutation_with_falling_variance)
{
    size_t n = truth_attention(&truth_default, 3, 7, 11, pt);
    static bool seen[MOST];
    select_n(pt, n, n, order);
    for (size_t q = 0; q < n; q++) {
        cr_assert_lt(order[q], n);
        cr_assert(!seen[order[q]], "point %zu twice", order[q]);
        seen[order[q]] = true;
        cr_assert_leq(deviation[q], q ? deviation[q - 1] : 1);
    }
    cr_expect_lt(deviation[n / 4], 0.5);
}

Test(select, does_not_depend_on_the_order_or_on_latency)
{
    size_t n = truth_gemm(&truth_default, 3, 6, 8, pt);
    for (size_t i = 0; i < n; i++) {
        other[i] = pt[n - 1 - i];
        other[i].latency_s = i % 3 ? NAN : -1;
    }
    select_n(pt, n, 31, order);
    select_n(other, n, 31, order2);
    for (int q = 0; q < 31; q++) {
        cr_assert_eq(order[q], n - 1 - order2[q], "choice %d", q);
    }
}

Test(select, holds_pairs_of_equal_x_and_both_sides_of_the_boundary)
{
    size_t n = truth_attention(&truth_default, 1, 9, 13, pt);
    int pairs = 0, brackets = 0;
    select_n(pt, n, 48, order);
    for (int q = 0; q < 16; q++) {
        for (int r = 0; r < q; r++) {
            const fit_point *a = &pt[order[q]], *c = &pt[order[r]];
            pairs += a->x == c->x && a->b != c->b;
            double step = a->s / c->s;
            brackets += a->b == c->b && (step == 2 || step == 0.5) &&
                        (a->compute_s > a->memory_s) != (c->compute_s > c->memory_s);
        }
    }
    cr_expect_geq(pairs, 4);
    cr_expect_geq(brackets, 2);
}

Test(select, takes_repeats_last)
{
    truth t = truth_default;
    t.repeats = 3;
    size_t n = truth_decode(&t, true, 5, 7, pt);
    static bool site[35];
    select_n(pt, n, n, order);
    for (int q = 0; q < 35; q++) {
        cr_assert(!site[order[q] / 3], "choice %d repeats site %zu", q, order[q] / 3);
        site[order[q] / 3] = true;
    }
}

/* More points than a block holds: every part of the range has its share. */
Test(select, spreads_over_blocks)
{
    size_t n = truth_gemm(&truth_default, 60, 9, 11, pt), each[60] = {0};
    cr_assert_gt(n, 4096);
    select_n(pt, n, n / 10, order);
    for (size_t q = 0; q < n / 10; q++) {
        each[pt[order[q]].group - 7]++;
    }
    for (int g = 0; g < 60; g++) {
        cr_expect_geq(each[g], 2, "group %d: %zu points", g, each[g]);
    }
}

Test(select, refuses_what_is_no_point)
{
    size_t n = truth_decode(&truth_default, true, 4, 5, pt);
    sc_diag diag = {0};
    order[0] = 991;
    cr_expect_eq(fit_design_select(pt, n, 0, order, NULL, &diag), SC_EINVAL);
    cr_expect_eq(fit_design_select(pt, n, n + 1, order, NULL, &diag), SC_EINVAL);
    pt[3].memory_s = NAN;
    cr_expect_eq(fit_design_select(pt, n, 5, order, NULL, &diag), SC_EDOMAIN);
    cr_expect_eq(diag.code, SC4001);
    pt[3].memory_s = 1e-6;
    pt[7].s = 0;
    cr_expect_eq(fit_design_select(pt, n, 5, order, NULL, &diag), SC_EDOMAIN);
    cr_expect_eq(order[0], 991);
}

Test(select, survives_every_failed_allocation)
{
    size_t n = truth_gemm(&truth_default, 40, 8, 8, pt);
    for (unsigned long k = 1;; k++) {
        sc_diag diag = {0};
        long live = sc_alloc_live();
        sc_alloc_fail_at(k, 1);
        sc_status status = fit_design_select(pt, n, 40, order, NULL, &diag);
        sc_alloc_fail_at(0, 0);
        cr_assert_eq(sc_alloc_live(), live, "allocation %lu leaks", k);
        if (status == SC_OK) {
            cr_expect_gt(k, 10);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM);
    }
}

/* Heads, b and s on a grid of 8 x 11 x 17, as recorded tables have it. */
static size_t grid(double coord[3][MOST])
{
    size_t n = 0;
    for (int h = 0; h < 8; h++) {
        for (int b = 0; b < 11; b++) {
            for (int s = 0; s < 17; s++, n++) {
                double heads = 1 << h, batch = 1 << b, length = 2 << s;
                coord[0][n] = log(heads);
                coord[1][n] = log(batch);
                coord[2][n] = log(length);
                pt[n] = (fit_point){.group = h,
                                    .b = batch,
                                    .s = length,
                                    .x = batch,
                                    .compute_s = 4e-13 * heads * batch * length,
                                    .memory_s = 3e-12 * batch * length};
            }
        }
    }
    return n;
}

/* The choice does not fall in step with the grid: lines along s are seen at most lengths.
 */
Test(select, sees_most_levels_of_every_coordinate)
{
    static double coord[3][MOST];
    const double *at[] = {coord[0], coord[1], coord[2]};
    bool seen[3][17] = {{false}};
    int levels[3] = {0};
    fit_design_input in = {.point = pt, .n = grid(coord), .n_coords = 3, .coord = at};
    sc_diag diag = {0};
    cr_assert_eq(fit_design_choose(&in, 145, order, NULL, &diag), SC_OK, "%s",
                 diag.message);
    for (int q = 0; q < 145; q++) {
        for (int c = 0; c < 3; c++) {
            int k = (int)lround(coord[c][order[q]] / log(2)) - (c == 2);
            levels[c] += !seen[c][k];
            seen[c][k] = true;
        }
    }
    cr_expect_geq(levels[0], 7, "heads: %d", levels[0]);
    cr_expect_geq(levels[1], 9, "b: %d", levels[1]);
    cr_expect_geq(levels[2], 13, "s: %d", levels[2]);
}

/* What only a coordinate tells apart is no repeat. */
Test(select, tells_places_apart_by_coordinates)
{
    static double prefix[MOST];
    const double *at[] = {prefix};
    for (int i = 0; i < 23; i++) {
        pt[i] = (fit_point){.group = 3, .b = 5, .s = 96, .x = 480, .memory_s = 2e-6};
        prefix[i] = log1p(i * i);
    }
    fit_design_input in = {.point = pt, .n = 23, .n_coords = 1, .coord = at};
    cr_assert_eq(fit_design_choose(&in, 4, order, deviation, NULL), SC_OK);
    double lo = HUGE_VAL, hi = 0;
    for (int q = 0; q < 4; q++) {
        lo = fmin(lo, prefix[order[q]]);
        hi = fmax(hi, prefix[order[q]]);
    }
    cr_expect_gt(hi - lo, 4, "from %g to %g", lo, hi);
    prefix[7] = NAN;
    order[0] = 991;
    sc_diag diag = {0};
    cr_expect_eq(fit_design_choose(&in, 4, order, NULL, &diag), SC_EDOMAIN);
    cr_expect_eq(diag.code, SC4001);
    in.n_coords = FIT_DESIGN_MAX_COORDS + 1;
    cr_expect_eq(fit_design_choose(&in, 4, order, NULL, &diag), SC_EINVAL);
    cr_expect_eq(order[0], 991);
}
