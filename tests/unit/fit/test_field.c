/* solcheck - the latency field: exact where measured, better than blending neighbours
 * where not, blind to what is held out, and with named errors.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "fit/field.h"

#define N_B 9
#define N_S 12
#define N_H 5
#define N (N_B * N_S * N_H)

static double coord[3][N], compute[N], memory[N], latency[N];
static int block[N];
static const double *columns[3] = {coord[0], coord[1], coord[2]};

static double law(double h, double b, double s, double *c, double *m)
{
    *c = 331 * b * h * s * (s + 1) / 731e12;
    *m = 2 * b * s * (h * 577 + 63) / 2.1e12;
    double eta = 0.61 / (1 + 90 / (b * h + 7)); /* few heads fill few SMs */
    return 7.3e-6 + pow(pow(*c / eta, 3) + pow(*m / 0.77, 3), 1 / 3.0);
}

/* A grid in heads, b and s, with noise. */
static void make(double noise)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    cr_assert(rng);
    gsl_set_error_handler_off();
    for (int i = 0; i < N; i++) {
        double h = ldexp(3, i / (N_B * N_S)), s = 37 * pow(1.9, i / N_B % N_S);
        double b = ldexp(1, i % N_B);
        coord[0][i] = log(h);
        coord[1][i] = log(s);
        coord[2][i] = log(b);
        latency[i] = law(h, b, s, &compute[i], &memory[i]);
        latency[i] *= exp(gsl_ran_gaussian(rng, noise));
        block[i] = i / (N_B * N_S);
    }
    gsl_rng_free(rng);
}

static fit_field *build(const fit_field_options *options)
{
    fit_field_options o;
    fit_field_data d = {N, 3, columns, compute, memory, latency};
    fit_field *f = NULL;
    sc_diag diag = {0};
    fit_field_defaults(&o);
    o.tune = 200;
    cr_assert_eq(fit_field_new(&d, options ? options : &o, &f, &diag), SC_OK, "%s",
                 diag.message);
    return f;
}

static double median_error(fit_field *f, double *worst_z)
{
    static double e[N];
    int inside = 0;
    for (int i = 0; i < N; i++) {
        fit_field_value v = fit_field_hold_out(f, (size_t)i);
        e[i] = fabs(v.latency_s / latency[i] - 1);
        inside += e[i] < 2 * v.sigma;
    }
    for (int i = 1; i < N; i++) { /* insertion: few points */
        double v = e[i];
        int j = i;
        for (; j > 0 && e[j - 1] > v; j--) {
            e[j] = e[j - 1];
        }
        e[j] = v;
    }
    *worst_z = (double)inside / N;
    return e[N / 2];
}

Test(field, exact_where_measured)
{
    make(0.02);
    fit_field *f = build(NULL);
    for (int i = 0; i < N; i += 7) {
        double at[3] = {coord[0][i], coord[1][i], coord[2][i]};
        fit_field_value v;
        cr_assert_eq(fit_field_at(f, at, compute[i], memory[i], &v, NULL), SC_OK);
        cr_expect_float_eq(v.latency_s / latency[i], 1, 1e-12, "point %d", i);
        cr_expect_eq(v.sigma, 0);
    }
    fit_field_free(f);
}

/* Held out, it misses by little more than the noise, far less than a blend of the two
 * neighbours on b, which the curvature of the law costs more; and it knows by how much.
 */
Test(field, leave_one_out_near_the_noise)
{
    double covered, blend = 0;
    make(0.004);
    fit_field *f = build(NULL);
    double median = median_error(f, &covered);
    for (int i = 0; i < N; i++) {
        if (i % N_B > 0 && i % N_B < N_B - 1) {
            double v = (2 * latency[i - 1] + latency[i + 1]) / 3; /* at b in (b/2, 2b) */
            blend += fabs(v / latency[i] - 1) / (N_H * N_S * (N_B - 2));
        }
    }
    cr_expect_lt(median, 0.008, "median %g", median);
    cr_expect_lt(median, 0.7 * blend, "median %g, blend %g", median, blend);
    cr_expect_gt(covered, 0.8, "%g within two sigma", covered);
    fit_field_free(f);
}

/* A held-out value must not depend on the point itself, nor on its twins or block. */
Test(field, blind_to_what_is_held_out)
{
    fit_field_options o;
    fit_field_value before[N];
    make(0.01);
    static unsigned char learn[N];
    for (int i = 0; i < N; i++) {
        learn[i] = i / (N_B * N_S) != 2; /* the settings do not see heads 12 */
    }
    fit_field_defaults(&o);
    o.tune = 150;
    o.learn = learn;
    o.block = block;
    fit_field *f = build(&o);
    for (int i = 2 * N_B * N_S; i < 3 * N_B * N_S; i++) {
        before[i] = fit_field_hold_out(f, (size_t)i);
    }
    fit_field_free(f);
    for (int i = 2 * N_B * N_S; i < 3 * N_B * N_S; i++) {
        latency[i] *= 1 + 0.37 * (i % 3);
    }
    f = build(&o);
    for (int i = 2 * N_B * N_S; i < 3 * N_B * N_S; i++) {
        fit_field_value v = fit_field_hold_out(f, (size_t)i);
        cr_expect_float_eq(v.latency_s / before[i].latency_s, 1, 1e-9, "point %d", i);
    }
    fit_field_free(f);
}

/* Two rows at one place: neither tells the other, and the place answers with their mean.
 */
Test(field, twins)
{
    make(0.004);
    for (int c = 0; c < 3; c++) {
        coord[c][101] = coord[c][100];
    }
    compute[101] = compute[100];
    memory[101] = memory[100];
    latency[100] *= 1.9;
    latency[101] = latency[100] * 1.21;
    fit_field *f = build(NULL);
    fit_field_value v = fit_field_hold_out(f, 100);
    cr_expect_lt(v.latency_s / latency[100], 0.7, "the twin was seen");
    double at[3] = {coord[0][100], coord[1][100], coord[2][100]};
    cr_assert_eq(fit_field_at(f, at, compute[100], memory[100], &v, NULL), SC_OK);
    cr_expect_float_eq(v.latency_s / latency[100], 1.1, 1e-9);
    fit_field_free(f);
}

/* Beyond the points the physical model carries the scale: the latency there is 20 times
 * the largest measured. */
Test(field, extrapolates_by_physics)
{
    double c, m, want;
    fit_field_value v;
    make(0.002);
    fit_field *f = build(NULL);
    double at[3] = {log(24), log(37 * pow(1.9, N_S + 1)), log(512)};
    want = law(24, 512, 37 * pow(1.9, N_S + 1), &c, &m);
    cr_assert_eq(fit_field_at(f, at, c, m, &v, NULL), SC_OK);
    cr_expect_float_eq(v.latency_s / want, 1, 0.4, "%g", v.latency_s / want);
    fit_field_free(f);
}

Test(field, without_sol_and_constant_coordinates)
{
    fit_field_data d = {N, 3, columns, NULL, NULL, latency};
    fit_field_options o;
    fit_field *f = NULL;
    fit_field_value v;
    make(0.003);
    fit_field_defaults(&o);
    o.tune = 100;
    for (int i = 0; i < N; i++) {
        coord[0][i] = 1.25;
    }
    cr_assert_eq(fit_field_new(&d, &o, &f, NULL), SC_OK);
    double at[3] = {1.25, coord[1][50], coord[2][50] + 0.31};
    cr_assert_eq(fit_field_at(f, at, 0, 0, &v, NULL), SC_OK);
    cr_expect(isfinite(v.latency_s) && v.latency_s > 0 && v.sigma > 0);
    fit_field_free(f);
}

Test(field, named_errors)
{
    fit_field_data d = {N, 3, columns, compute, memory, latency};
    fit_field_options o;
    fit_field *f = NULL;
    sc_diag diag = {0};
    fit_field_value v;
    make(0.01);
    fit_field_defaults(&o);
    d.n = 3;
    cr_expect_eq(fit_field_new(&d, &o, &f, &diag), SC_EDOMAIN);
    cr_expect_eq(diag.code, SC4000);
    d.n = N;
    static const double bad[] = {NAN, INFINITY, 0, -2.1e-5};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        double keep = latency[17];
        latency[17] = bad[k];
        cr_expect_eq(fit_field_new(&d, &o, &f, &diag), SC_EDOMAIN);
        cr_expect_eq(diag.code, SC4001);
        cr_expect(strstr(diag.message, "point 18"), "%s", diag.message);
        latency[17] = keep;
    }
    coord[1][3] = NAN;
    cr_expect_eq(fit_field_new(&d, &o, &f, &diag), SC_EDOMAIN);
    coord[1][3] = 1;
    o.near = 3;
    cr_expect_eq(fit_field_new(&d, &o, &f, &diag), SC_EINVAL);
    o.near = 12;
    d.n_coords = FIT_FIELD_MAX_COORDS + 1;
    cr_expect_eq(fit_field_new(&d, &o, &f, &diag), SC_EINVAL);
    cr_expect_null(f, "output written");
    f = build(NULL);
    double at[3] = {1, NAN, 1};
    cr_expect_eq(fit_field_at(f, at, 1e-5, 1e-6, &v, &diag), SC_EDOMAIN);
    at[1] = 2;
    cr_expect_eq(fit_field_at(f, at, -1e-5, 1e-6, &v, &diag), SC_EDOMAIN);
    fit_field_free(f);
    fit_field_free(NULL);
}

Test(field, every_allocation_may_fail)
{
    fit_field_data d = {N, 3, columns, compute, memory, latency};
    fit_field_options o;
    fit_field *f = NULL;
    make(0.01);
    fit_field_defaults(&o);
    o.tune = 4;
    o.block = block;
    unsigned long before = sc_alloc_count();
    cr_assert_eq(fit_field_new(&d, &o, &f, NULL), SC_OK);
    fit_field_free(f);
    unsigned long total = sc_alloc_count() - before;
    for (unsigned long k = 1; k <= total; k++) {
        f = NULL;
        sc_alloc_fail_at(k, 1);
        sc_status status = fit_field_new(&d, &o, &f, NULL);
        sc_alloc_fail_at(0, 0);
        cr_assert_eq(status, SC_ENOMEM, "allocation %lu of %lu: %s", k, total,
                     sc_status_name(status));
    }
}
