/* solcheck - work that comes in steps: are waves and tiles found where they are, and only
 * there?
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <gsl/gsl_randist.h>
#include <math.h>

#include "base/alloc.h"
#include "fit/terms.h"

#define MOST 256
static double coord[3][MOST], compute[MOST], memory[MOST], y[MOST];
static const double *const at[] = {coord[0], coord[1], coord[2]};

/* Decode attention of h heads: waves of 64 requests that walk along s in tiles of 128. */
static double stepped(double h, double b, double s)
{
    double body = 2.3e-9 * ceil(b / 64) * 64 * ceil(s / 128) * 128;
    return 7.1e-6 + fmax(body, 1.7 * b * s * 1.9e-12 + 1e-13 * h);
}

static double smooth(double h, double b, double s)
{
    return 7.1e-6 + 1.7 * b * s * 1.9e-12 + 2.2 * b * h * s * 4e-13;
}

static size_t make(double (*latency)(double, double, double), double noise)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    size_t n = 0;
    gsl_rng_set(rng, 4711);
    for (int h = 0; h < 3; h++) {
        for (int b = 0; b < 9; b++) {
            for (int s = 0; s < 9; s++) {
                double heads = 7 << (2 * h), requests = 1 << b,
                       length = 3 << (2 * s - s / 2);
                coord[0][n] = log(heads);
                coord[1][n] = log(requests);
                coord[2][n] = log(length);
                compute[n] = log(requests * heads * length * 4e-13);
                memory[n] = log(requests * length * 1.9e-12);
                y[n] =
                    log(latency(heads, requests, length)) + gsl_ran_gaussian(rng, noise);
                n++;
            }
        }
    }
    gsl_rng_free(rng);
    return n;
}

static fit_terms fitted(size_t n, fit_curve *curve)
{
    fit_terms t;
    sc_diag diag = {0};
    cr_assert_eq(fit_curve_fit(compute, memory, y, n, curve, &diag), SC_OK);
    cr_assert_eq(fit_terms_fit(at, 3, compute, memory, y, n, curve, &t, &diag), SC_OK,
                 "%s", diag.message);
    return t;
}

static double worst_decile(const fit_terms *t, const fit_curve *curve, size_t n)
{
    double e[MOST];
    for (size_t i = 0; i < n; i++) {
        double place[] = {coord[0][i], coord[1][i], coord[2][i]};
        e[i] = fabs(y[i] - (t ? fit_terms_ln(t, place, compute[i], memory[i])
                              : fit_curve_ln(curve, compute[i], memory[i])));
    }
    return fit_quantile(e, n, 0.9);
}

Test(terms, find_waves_and_tiles)
{
    size_t n = make(stepped, 0.01);
    fit_curve curve;
    fit_terms t = fitted(n, &curve);
    cr_assert_geq(t.n, 1);
    cr_expect(isinf(t.tile[0][0]), "heads are in the term: tile %g", t.tile[0][0]);
    cr_expect_eq(t.tile[0][1], 64, "waves of %g", t.tile[0][1]);
    cr_expect_eq(t.tile[0][2], 128, "tiles of %g", t.tile[0][2]);
    cr_expect_float_eq(exp(t.ln_cost[0]) / 2.3e-9, 1, 0.1, "%g s", exp(t.ln_cost[0]));
    double with = worst_decile(&t, NULL, n), without = worst_decile(NULL, &curve, n);
    cr_expect_lt(with, 0.06);
    cr_expect_gt(without, 5 * with, "%g without, %g with", without, with);
}

Test(terms, stay_out_where_there_are_no_steps)
{
    size_t n = make(smooth, 0.01);
    fit_curve curve;
    fit_terms t = fitted(n, &curve);
    cr_expect_eq(t.n, 0, "%d terms", t.n);
}

/* No SOL times, one point, no coordinate that can come in tiles: no terms, no error. */
Test(terms, need_something_to_go_by)
{
    fit_curve curve;
    size_t n = make(stepped, 0.01);
    cr_expect_eq(fitted(1, &curve).n, 0);
    cr_expect_eq(fitted(30, &curve).n, 0);
    for (size_t i = 0; i < n; i++) {
        compute[i] = memory[i] = -HUGE_VAL;
    }
    cr_expect_eq(fitted(n, &curve).n, 0);
    n = make(stepped, 0.01);
    for (size_t i = 0; i < n; i++) {
        coord[0][i] = coord[1][i] = 1.5;
        coord[2][i] = -coord[2][i];
    }
    cr_expect_eq(fitted(n, &curve).n, 0);
}

Test(terms, survive_every_failed_allocation)
{
    size_t n = make(stepped, 0.01);
    fit_curve curve;
    fit_terms t;
    (void)fitted(n, &curve);
    unsigned long before = sc_alloc_count();
    (void)fit_terms_fit(at, 3, compute, memory, y, n, &curve, &t, NULL);
    unsigned long total = sc_alloc_count() - before;
    cr_assert_gt(total, 0);
    for (unsigned long k = 1; k <= total && k <= 60; k++) {
        sc_diag diag = {0};
        t.n = 91;
        sc_alloc_fail_at(k, 1);
        sc_status status = fit_terms_fit(at, 3, compute, memory, y, n, &curve, &t, &diag);
        sc_alloc_fail_at(0, 0);
        cr_assert_eq(status, SC_ENOMEM, "allocation %lu of %lu", k, total);
        cr_assert_eq(t.n, 91);
    }
}
