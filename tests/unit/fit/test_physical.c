/* solcheck - the physical model finds known coefficients, and its intervals hold them.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>

#include "fit/internal.h"
#include "truth.h"

static fit_point pt[4096];

static void setup(void)
{
    gsl_set_error_handler_off();
}

TestSuite(physical, .init = setup);

static fit_physical physical_of(size_t n, double *median_error)
{
    fit_data data;
    fit_folds folds;
    fit_view view;
    fit_candidate c;
    fit_score score;
    fit_physical out = {0};
    sc_diag diag = {0};
    bool usable = false;
    cr_assert_eq(fit_data_init(&data, pt, n, &diag), SC_OK, "%s", diag.message);
    cr_assert_eq(fit_folds_init(&folds, &data, 10, &diag), SC_OK);
    cr_assert_eq(fit_view_init(&view, &data, FIT_AXES_BS, &diag), SC_OK);
    cr_assert_eq(
        fit_physical_run(&view, &folds, false, 0.01, NULL, &c, &out, &usable, &diag),
        SC_OK);
    cr_assert(usable);
    cr_assert_eq(fit_score_of(&c, &data, &score, &diag), SC_OK);
    *median_error = score.median_error;
    fit_candidate_clear(&c);
    fit_view_clear(&view);
    fit_folds_clear(&folds);
    fit_data_clear(&data);
    return out;
}

static bool holds(fit_interval i, double v)
{
    return i.lo <= v && v <= i.hi;
}

Test(physical, intervals_hold_the_truth)
{
    enum { SETS = 40 };
    int held[4] = {0};
    truth t = truth_default;
    for (int k = 0; k < SETS; k++) {
        double error;
        t.seed = 70001 + (unsigned long)k;
        fit_physical f = physical_of(truth_attention(&t, 3, 7, 12, pt), &error);
        cr_assert(f.valid);
        held[0] += holds(f.t0_s, t.t0_s);
        held[1] += holds(f.eta_compute, t.eta_c);
        held[2] += holds(f.eta_memory, t.eta_m);
        held[3] += holds(f.sharpness, t.p);
        cr_expect_lt(error, 1.1 * t.noise, "held-out median error %g", error);
        cr_expect_lt(f.eta_compute.hi - f.eta_compute.lo, 0.1, "interval says nothing");
        cr_expect_lt(f.t0_s.hi / f.t0_s.lo, 1.1, "interval says nothing");
    }
    for (int j = 0; j < 4; j++) { /* 99 %: fewer than 36 of 40 has odds below 1e-5 */
        cr_expect_geq(held[j], 36, "coefficient %d: %d of %d", j, held[j], SETS);
    }
}

Test(physical, efficiencies_stay_below_one)
{
    truth t = truth_default;
    double error;
    t.eta_c = 1.3; /* faster than the bound: a wrong peak */
    t.eta_m = 1.2;
    fit_physical f = physical_of(truth_attention(&t, 1, 7, 12, pt), &error);
    cr_expect_leq(f.eta_compute.hi, 1);
    cr_expect_leq(f.eta_memory.hi, 1);
    cr_expect_gt(f.eta_compute.value, 0.9);
}

Test(physical, absent_term_has_no_coefficient)
{
    truth t = truth_default;
    double error;
    size_t n = truth_attention(&t, 1, 7, 9, pt);
    for (size_t i = 0; i < n; i++) {
        pt[i].latency_s = t.t0_s + pt[i].memory_s / t.eta_m;
        pt[i].compute_s = 0;
    }
    fit_physical f = physical_of(n, &error);
    cr_expect(isnan(f.eta_compute.value));
    cr_expect(isnan(f.sharpness.value));
    cr_expect_lt(fabs(f.eta_memory.value / t.eta_m - 1), 0.01, "%g", f.eta_memory.value);
    cr_expect_lt(error, 0.005);
}

Test(physical, outliers_do_not_move_it)
{
    truth t = truth_default;
    double error;
    size_t n = truth_attention(&t, 2, 7, 12, pt);
    for (size_t i = 5; i < n; i += 17) {
        pt[i].latency_s *= i % 2 ? 31 : 0.07;
    }
    fit_physical f = physical_of(n, &error);
    cr_expect_lt(fabs(f.eta_compute.value / t.eta_c - 1), 0.05, "%g",
                 f.eta_compute.value);
    cr_expect_lt(fabs(f.t0_s.value / t.t0_s - 1), 0.05, "%g", f.t0_s.value);
}
