/* solcheck - interpolated residuals: what they gain, and that they see no held-out point.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>

#include "fit/internal.h"
#include "truth.h"

static fit_point pt[4096];
static fit_data data;
static fit_folds folds;
static fit_view view;

static void setup(void)
{
    gsl_set_error_handler_off();
}

TestSuite(krige, .init = setup);

static void prepare(size_t n)
{
    sc_diag diag = {0};
    cr_assert_eq(fit_data_init(&data, pt, n, &diag), SC_OK, "%s", diag.message);
    cr_assert_eq(fit_folds_init(&folds, &data, 10, &diag), SC_OK);
    cr_assert_eq(fit_view_init(&view, &data, FIT_AXES_BS, &diag), SC_OK);
}

static void release(void)
{
    fit_view_clear(&view);
    fit_folds_clear(&folds);
    fit_data_clear(&data);
}

/* A smooth wave in both axes, common to all groups, that the physical model lacks. */
static size_t wavy(double noise)
{
    truth t = truth_default;
    t.noise = noise;
    size_t n = truth_attention(&t, 4, 7, 12, pt);
    for (size_t i = 0; i < n; i++) {
        pt[i].latency_s *= exp(0.2 * sin(0.9 * log(pt[i].b)) * cos(0.8 * log(pt[i].s)));
    }
    return n;
}

static void run(fit_candidate *base, fit_candidate *refined)
{
    bool usable = false;
    cr_assert_eq(
        fit_physical_run(&view, &folds, false, 0.01, NULL, base, NULL, &usable, NULL),
        SC_OK);
    cr_assert(usable);
    cr_assert_eq(fit_krige_run(&view, &folds, base, 5, refined, NULL), SC_OK);
}

Test(krige, takes_up_what_the_base_lacks)
{
    fit_candidate base, refined;
    prepare(wavy(0.002));
    run(&base, &refined);
    cr_expect_gt(base.loss, 0.05, "the wave is too small: %g", base.loss);
    cr_expect_lt(refined.loss, 0.5 * base.loss, "%g against %g", refined.loss, base.loss);
    double worst = 0;
    for (size_t i = 0; i < data.n; i++) {
        worst = fmax(worst, fabs(refined.fitted[i] - data.y[i]));
    }
    cr_expect_lt(worst, 0.06, "in-sample off by %g", worst);
    fit_candidate_clear(&base);
    fit_candidate_clear(&refined);
    release();
}

Test(krige, adds_little_where_the_base_is_right)
{
    fit_candidate base, refined;
    truth t = truth_default;
    prepare(truth_attention(&t, 3, 7, 12, pt));
    run(&base, &refined);
    cr_expect_lt(refined.loss, 1.35 * base.loss, "%g against %g", refined.loss,
                 base.loss);
    fit_candidate_clear(&base);
    fit_candidate_clear(&refined);
    release();
}

/* The base predictions stay; only the latencies of one fold change, so that no prediction
 * of that fold may. */
Test(krige, sees_no_held_out_point)
{
    fit_candidate base, before, after;
    prepare(wavy(0.002));
    run(&base, &before);
    for (size_t i = 0; i < data.n; i++) {
        data.y[i] += folds.fold[i] == 3 ? 0.013 : 0;
    }
    cr_assert_eq(fit_krige_run(&view, &folds, &base, 5, &after, NULL), SC_OK);
    size_t seen = 0, others = 0;
    for (size_t i = 0; i < data.n; i++) {
        bool same = fabs(after.held[i] - before.held[i]) < 1e-9;
        if (folds.fold[i] == 3) {
            cr_expect(same, "point %zu moved by %g", i, after.held[i] - before.held[i]);
            seen++;
        } else {
            others += !same;
        }
    }
    cr_expect_gt(seen, 10);
    cr_expect_gt(others, 10, "the change was too small to be seen anywhere");
    fit_candidate_clear(&base);
    fit_candidate_clear(&before);
    fit_candidate_clear(&after);
    release();
}
