/* solcheck - how long a decision takes, and how much of it each part is.
 *
 * Every figure is the best of several runs of processor time; ratios are against a plain
 * pass of the same size (one logarithm and one exponential a point, a thousand times) in
 * the same run, so that they compare between machines. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_errno.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fit/field.h"
#include "fit/internal.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Attention-like points: groups of 10 by 16. */
static void make_points(fit_point *p, size_t n)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    for (size_t i = 0; rng && i < n; i++) {
        double b = ldexp(1, (int)(i % 10)), s = ldexp(1, (int)(i / 10 % 16));
        double heads = (double)(1 + i / 160);
        p[i] = (fit_point){.group = (int)(i / 160), .b = b, .s = s, .x = b * s};
        p[i].compute_s = 320 * b * heads * s * (s + 1) / 731e12;
        p[i].memory_s = 2 * b * s * (heads * 576 + 64) / 2.1e12;
        p[i].latency_s = (7.3e-6 + p[i].compute_s / 0.61 + p[i].memory_s / 0.77) *
                         exp(gsl_ran_gaussian(rng, 0.009));
        p[i].noise = 0.009;
    }
    gsl_rng_free(rng);
}

static double baseline_s(const fit_point *p, size_t n)
{
    double best = HUGE_VAL;
    volatile double sink = 0;
    for (int r = 0; r < 3; r++) {
        double start = now_s(), sum = 0;
        for (int k = 0; k < 1000; k++) {
            for (size_t i = 0; i < n; i++) {
                sum += log(p[i].latency_s + k) + exp(-p[i].latency_s * k);
            }
        }
        sink = sink + sum;
        best = fmin(best, now_s() - start);
    }
    return best;
}

static double decision_s(const fit_point *p, size_t n, int runs)
{
    double best = HUGE_VAL;
    fit_options o;
    fit_options_defaults(&o);
    for (int r = 0; r < runs; r++) {
        fit_result result;
        double start = now_s();
        if (fit_decide(p, n, &o, &result, NULL)) {
            return NAN;
        }
        best = fmin(best, now_s() - start);
        fit_result_clear(&result);
    }
    return best;
}

/* One physical fit and one free-form fit with two folds: a fit without the decision. */
static double plain_s(const fit_point *p, size_t n)
{
    fit_data data;
    fit_folds folds = {0};
    fit_view view = {0};
    fit_candidate c[2] = {{{0}, 0, 0, 0, 0, 0, 0, 0}};
    fit_physical physical;
    bool usable = false;
    double start = now_s();
    if (fit_data_init(&data, p, n, NULL)) {
        return NAN;
    }
    bool ok = !fit_folds_init(&folds, &data, 2, NULL) &&
              !fit_view_init(&view, &data, FIT_AXES_BS, NULL) &&
              !fit_physical_run(&view, &folds, false, 0.01, NULL, &c[0], &physical,
                                &usable, NULL) &&
              !fit_freeform_run(&view, &folds, &c[1], NULL);
    double took = now_s() - start;
    fit_candidate_clear(&c[0]);
    fit_candidate_clear(&c[1]);
    fit_view_clear(&view);
    fit_folds_clear(&folds);
    fit_data_clear(&data);
    return ok ? took : NAN;
}

/* Peak resident memory of this process, bytes; 0 where /proc has none. */
static double peak_B(void)
{
    char line[256];
    double kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f)) {
        if (sscanf(line, "VmHWM: %lf", &kib) == 1) {
            break;
        }
    }
    if (f) {
        fclose(f);
    }
    return 1024 * kib;
}

/* Lets the peak start anew from what is resident (Linux 4.0; elsewhere it does not). */
static void reset_peak(void)
{
    FILE *f = fopen("/proc/self/clear_refs", "w");
    if (f) {
        fputs("5", f);
        fclose(f);
    }
}

/* The latency field at n points: what it costs to build, to ask, and in memory. */
static void field_row(size_t n)
{
    reset_peak();
    double *v = malloc(6 * n * sizeof *v), before = peak_B();
    const double *coord[3] = {v, v + n, v + 2 * n};
    fit_point *p = malloc(n * sizeof *p);
    fit_field *f = NULL;
    fit_field_options o;
    if (!v || !p) {
        free(v);
        free(p);
        return;
    }
    make_points(p, n);
    for (size_t i = 0; i < n; i++) {
        v[i] = log((double)(1 + p[i].group));
        v[n + i] = log(p[i].s);
        v[2 * n + i] = log(p[i].b);
        v[3 * n + i] = p[i].compute_s;
        v[4 * n + i] = p[i].memory_s;
        v[5 * n + i] = p[i].latency_s;
    }
    free(p);
    fit_field_defaults(&o);
    o.tune = 100; /* settings cost this many predictions a trial, whatever n is */
    fit_field_data d = {n, 3, coord, v + 3 * n, v + 4 * n, v + 5 * n};
    double start = now_s();
    if (!fit_field_new(&d, &o, &f, NULL)) {
        double built = now_s();
        for (size_t i = 0; i < 1000; i++) {
            fit_field_hold_out(f, i * (n / 1000));
        }
        printf("%8zu %12.3f %12.1f %12.0f\n", n, built - start, 1e3 * (now_s() - built),
               (peak_B() - before) / (double)n);
        fflush(stdout);
    }
    fit_field_free(f);
    free(v);
}

/* A decision over n points, and the memory that it needs. */
static void decision_row(size_t n)
{
    reset_peak();
    fit_point *p = malloc(n * sizeof *p);
    double before = peak_B();
    if (!p) {
        return;
    }
    make_points(p, n);
    double took = decision_s(p, n, 1);
    printf("%8zu %12.2f %12.1f %12.0f\n", n, took, 1e6 * took / (double)n,
           (peak_B() - before) / (double)n);
    fflush(stdout);
    free(p);
}

/* An argument asks for the million points too, which take minutes. */
int main(int argc, char **argv)
{
    (void)argv;
    static const size_t size[] = {200, 1000, 2000, 5000, 10000};
    static const size_t large[] = {10000, 100000, 1000000};
    gsl_set_error_handler_off();
    fit_point *p = malloc(10000 * sizeof *p);
    if (!p) {
        return 1;
    }
    make_points(p, 10000);
    printf("%8s %12s %12s %12s %10s %10s\n", "points", "baseline_s", "plain_fit_s",
           "decision_s", "plain/base", "dec/base");
    for (size_t k = 0; k < sizeof size / sizeof *size; k++) {
        size_t n = size[k];
        double base = baseline_s(p, n), plain = plain_s(p, n);
        double decision = decision_s(p, n, n <= 2000 ? 3 : 1);
        printf("%8zu %12.4f %12.4f %12.4f %10.2f %10.2f\n", n, base, plain, decision,
               plain / base, decision / base);
    }
    free(p);
    printf("%8s %12s %12s %12s\n", "points", "decision_s", "us/point", "peak B/point");
    for (size_t k = 1; k < sizeof large / sizeof *large - (argc < 2); k++) {
        decision_row(large[k]);
    }
    printf("%8s %12s %12s %12s\n", "points", "field_s", "query_us", "peak B/point");
    for (size_t k = 0; k < sizeof large / sizeof *large; k++) {
        field_row(large[k]);
    }
    return 0;
}
