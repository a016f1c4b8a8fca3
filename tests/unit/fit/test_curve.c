/* solcheck - the error of a design: known laws are predicted, chosen points beat a bad
 * choice, kinds stay apart.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>

#include "base/alloc.h"
#include "fit/design.h"
#include "truth.h"

#define MOST 2048
static fit_point pt[MOST];
static double column[5][MOST];
static const double *const coord[2] = {column[0], column[1]};
static int kind[MOST];
static size_t order[MOST];
static fit_field_data data;

/* Attention with a smooth wave that the physical model lacks. */
static size_t make(int groups)
{
    truth t = truth_default;
    t.noise = 0.0021;
    size_t n = truth_attention(&t, groups, 8, 13, pt);
    gsl_set_error_handler_off();
    for (size_t i = 0; i < n; i++) {
        pt[i].latency_s *= exp(0.2 * sin(0.7 * log(pt[i].b)) * cos(0.6 * log(pt[i].s)));
        column[0][i] = log(pt[i].b);
        column[1][i] = log(pt[i].s);
        column[2][i] = pt[i].compute_s;
        column[3][i] = pt[i].memory_s;
        column[4][i] = pt[i].latency_s;
        kind[i] = pt[i].group;
    }
    data = (fit_field_data){n, 2, coord, column[2], column[3], column[4]};
    return n;
}

static fit_design_score score(size_t n_train, const int *kinds, size_t n_test)
{
    fit_design_score s = {0};
    sc_diag diag = {0};
    cr_assert_eq(fit_design_error(&data, kinds, order, n_train, n_test, 3, &s, &diag),
                 SC_OK, "%s", diag.message);
    return s;
}

Test(curve, falls_with_the_number_of_points)
{
    size_t n = make(1);
    cr_assert_eq(fit_design_select(pt, n, n, order, NULL, NULL), SC_OK);
    fit_design_score few = score(10, NULL, 0), tenth = score(26, NULL, 0),
                     all = score(n, NULL, 0);
    cr_expect_eq(few.n_test, n - 10);
    cr_expect_eq(all.n_test, n);
    cr_expect_lt(tenth.median, 0.05, "%g", tenth.median);
    cr_expect_lt(all.median, 0.02, "%g", all.median);
    cr_expect_gt(few.median, tenth.median);
    cr_expect_gt(tenth.median, all.median);
    cr_expect_geq(tenth.p90, tenth.median);
    cr_expect_lt(fabs(tenth.bias), tenth.p90);
}

Test(curve, a_corner_tells_less_than_a_design)
{
    size_t n = make(1);
    for (size_t i = 0; i < n; i++) {
        order[i] = i; /* by b: the points of the smallest batches */
    }
    double corner = score(26, NULL, 0).median;
    cr_assert_eq(fit_design_select(pt, n, n, order, NULL, NULL), SC_OK);
    double design = score(26, NULL, 0).median;
    cr_expect_lt(design, 0.5 * corner, "%g against %g", design, corner);
}

Test(curve, kinds_tell_nothing_about_each_other)
{
    size_t n = make(2);
    for (size_t i = 0; i < n; i++) {
        order[i] = i; /* all of the first group, then the second */
    }
    fit_design_score s = score(n / 2, kind, 0);
    cr_expect_eq(s.n_test, n / 2);
    cr_expect_float_eq(s.median, 1, 1e-12);
    cr_expect_lt(score(n, kind, 0).median, 0.02);
}

Test(curve, thins_what_it_predicts)
{
    size_t n = make(1);
    cr_assert_eq(fit_design_select(pt, n, n, order, NULL, NULL), SC_OK);
    fit_design_score s = score(30, NULL, 20);
    cr_expect(s.n_test >= 8 && s.n_test <= 20, "%zu", s.n_test);
}

Test(curve, refuses_and_survives_failed_allocations)
{
    size_t n = make(1);
    fit_design_score s = {.n_train = 991};
    sc_diag diag = {0};
    cr_assert_eq(fit_design_select(pt, n, n, order, NULL, NULL), SC_OK);
    cr_expect_eq(fit_design_error(&data, NULL, order, 3, 0, 1, &s, &diag), SC_EINVAL);
    cr_expect_eq(fit_design_error(&data, NULL, order, n + 1, 0, 1, &s, &diag), SC_EINVAL);
    for (unsigned long k = 1; k <= 9; k++) {
        long live = sc_alloc_live();
        sc_alloc_fail_at(k, 1);
        sc_status status = fit_design_error(&data, NULL, order, 20, 0, 1, &s, &diag);
        sc_alloc_fail_at(0, 0);
        cr_expect_eq(status, SC_ENOMEM, "allocation %lu", k);
        cr_expect_eq(sc_alloc_live(), live, "allocation %lu leaks", k);
    }
    cr_expect_eq(s.n_train, 991);
}
