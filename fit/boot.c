/* solcheck - bootstrap intervals. The unit that is resampled is an x with all its points
 * in all groups: points of equal x share their error of a function of x.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_cdf.h>
#include <gsl/gsl_randist.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/internal.h"

#define LEVEL 0.9 /* the quantile of deviations that is bootstrapped */
/* Noise is simulated at that many sites at most, evenly spaced. The quantile of so many
 * draws has a standard error of 1.4 % of itself, which widens the limits of the cost by
 * about as much. */
#define NOISE_SITES 4096

/* A value and the x that it belongs to. */
typedef struct tagged {
    double v;
    int xid;
} tagged;

static int cmp_tagged(const void *va, const void *vb)
{
    const tagged *a = va, *b = vb;
    int c = (a->v > b->v) - (a->v < b->v);
    return c ? c : (a->xid > b->xid) - (a->xid < b->xid);
}

static tagged *sorted_copy(const double *v, const int *xid, size_t n)
{
    tagged *t = sc_malloc(n * sizeof *t);
    for (size_t i = 0; t && i < n; i++) {
        t[i] = (tagged){isnan(v[i]) ? HUGE_VAL : v[i], xid[i]};
    }
    if (t) {
        qsort(t, n, sizeof *t, cmp_tagged);
    }
    return t;
}

/* The smallest value that a fraction LEVEL of the mass does not exceed; count[xid] copies
 * of each point. */
static double weighted_quantile(const tagged *t, size_t n, const int *count)
{
    double mass = 0, seen = 0;
    for (size_t i = 0; i < n; i++) {
        mass += count[t[i].xid];
    }
    for (size_t i = 0; i < n; i++) {
        seen += count[t[i].xid];
        if (seen >= LEVEL * mass && count[t[i].xid] > 0) {
            return t[i].v;
        }
    }
    return t[n - 1].v;
}

/* Draws as many x as there are in pool[0..m), with replacement. */
static void resample(gsl_rng *rng, const int *pool, int m, int *count, int n_x)
{
    memset(count, 0, (size_t)n_x * sizeof *count);
    for (int i = 0; i < m; i++) {
        count[pool[gsl_rng_uniform_int(rng, (unsigned long)m)]]++;
    }
}

/* x that occur in xid[0..n). */
static int list_pool(const int *xid, size_t n, int *pool, int *count, int n_x)
{
    int m = 0;
    memset(count, 0, (size_t)n_x * sizeof *count);
    for (size_t i = 0; i < n; i++) {
        if (count[xid[i]]++ == 0) {
            pool[m++] = xid[i];
        }
    }
    return m;
}

/* What every bootstrap needs. */
typedef struct boot {
    gsl_rng *rng;
    int *count, *pool; /* [n_x] */
    double *value;     /* [resamples] */
    int resamples;
} boot;

static bool boot_init(boot *b, int n_x, const fit_options *o)
{
    b->resamples = o->bootstrap < 20 ? 20 : o->bootstrap;
    b->rng = gsl_rng_alloc(gsl_rng_mt19937);
    b->count = sc_malloc((size_t)n_x * sizeof *b->count);
    b->pool = sc_malloc((size_t)n_x * sizeof *b->pool);
    b->value = sc_malloc((size_t)b->resamples * sizeof *b->value);
    if (b->rng) {
        gsl_rng_set(b->rng, (unsigned long)o->seed);
    }
    return b->rng && b->count && b->pool && b->value;
}

static void boot_clear(boot *b)
{
    gsl_rng_free(b->rng);
    sc_free(b->count);
    sc_free(b->pool);
    sc_free(b->value);
}

static void boot_limits(boot *b, double alpha, fit_interval *out)
{
    fit_sort(b->value, (size_t)b->resamples);
    out->lo = fit_quantile_sorted(b->value, (size_t)b->resamples, alpha / 2);
    out->hi = fit_quantile_sorted(b->value, (size_t)b->resamples, 1 - alpha / 2);
}

/* Sums of capped errors by x. */
static void sum_by_x(const fit_data *d, const double *error, double *sum)
{
    memset(sum, 0, (size_t)d->n_x * sizeof *sum);
    for (size_t i = 0; i < d->n; i++) {
        sum[d->xid[i]] += error[i] < 1 ? error[i] : 1; /* also where it is NaN */
    }
}

static double ratio_of(const double *num, const double *den, const int *count, int n_x)
{
    double a = 0, b = 0;
    for (int i = 0; i < n_x; i++) {
        a += count[i] * num[i];
        b += count[i] * den[i];
    }
    return fmax(a, 1e-12) / fmax(b, 1e-12);
}

sc_status fit_boot_ratio(const fit_data *d, const double *error_x, const double *error_bs,
                         const fit_options *options, fit_interval *ratio, sc_diag *diag)
{
    boot b = {0};
    double *sum = sc_malloc(2 * (size_t)d->n_x * sizeof *sum);
    sc_status status = SC_OK;
    if (!boot_init(&b, d->n_x, options) || !sum) {
        status = sc_diag_nomem(diag);
    } else {
        sum_by_x(d, error_x, sum);
        sum_by_x(d, error_bs, sum + d->n_x);
        for (int i = 0; i < d->n_x; i++) {
            b.pool[i] = i;
            b.count[i] = 1;
        }
        ratio->value = ratio_of(sum, sum + d->n_x, b.count, d->n_x);
        for (int r = 0; r < b.resamples; r++) {
            resample(b.rng, b.pool, d->n_x, b.count, d->n_x);
            b.value[r] = ratio_of(sum, sum + d->n_x, b.count, d->n_x);
        }
        boot_limits(&b, options->alpha, ratio);
    }
    boot_clear(&b);
    sc_free(sum);
    return status;
}

/* The quantile of |deviation| that noise alone would give: its median over simulations
 * and its upper limit, the uncertainty of the noise included. */
typedef struct noise_level {
    double mid, hi;
} noise_level;

static sc_status simulate_noise(const fit_iso *iso, boot *b, double alpha,
                                noise_level *out, sc_diag *diag)
{
    size_t stride = (iso->n + NOISE_SITES - 1) / NOISE_SITES;
    size_t n = (iso->n + stride - 1) / stride;
    double *v = sc_malloc(n * sizeof *v);
    if (!v) {
        return sc_diag_nomem(diag);
    }
    for (int r = 0; r < b->resamples; r++) {
        for (size_t i = 0; i < n; i++) {
            v[i] = fabs(gsl_ran_gaussian_ziggurat(b->rng, iso->sigma[i * stride]));
        }
        double chi2 = gsl_ran_chisq(b->rng, iso->noise_df);
        size_t at = (size_t)ceil(LEVEL * (double)n) - 1;
        b->value[r] = gsl_stats_select(v, 1, n, at) * sqrt(iso->noise_df / chi2);
    }
    fit_sort(b->value, (size_t)b->resamples);
    out->mid = fit_quantile_sorted(b->value, (size_t)b->resamples, 0.5);
    out->hi = fit_quantile_sorted(b->value, (size_t)b->resamples, 1 - alpha / 2);
    sc_free(v);
    return SC_OK;
}

/* What is left of a deviation when independent noise is taken out. */
static double excess(double deviation, double noise)
{
    return sqrt(fmax(deviation * deviation - noise * noise, 0));
}

/* The bootstrap is too narrow when there are few x. A normal-theory limit of a scale
 * estimate widens it: 0.64 is the efficiency of the 0.9 quantile of |z| against the
 * standard deviation. */
static double widened(const fit_iso *iso, double quantile, double alpha)
{
    double nu = fmax(0.64 * iso->df, 1);
    return quantile * sqrt(nu / gsl_cdf_chisq_Pinv(alpha / 2, nu));
}

/* LEVEL quantile of what is left of the differences at equal x when the (b,s) model's
 * prediction of them, made without that x, is taken out. */
static sc_status unexplained(const fit_data *d, const fit_iso *iso, const double *held,
                             double *out, sc_diag *diag)
{
    double *r = sc_malloc(2 * iso->n * sizeof *r);
    if (!r) {
        return sc_diag_nomem(diag);
    }
    double *cell = r + iso->n;
    for (size_t i = 0, j; i < iso->n; i = j) {
        for (j = i; j < iso->n && d->cell[iso->first[j]] == d->cell[iso->first[i]]; j++) {
            r[j] = iso->y[j] - held[iso->first[j]];
            cell[j - i] = r[j];
        }
        double centre = fit_quantile(cell, j - i, 0.5);
        for (size_t k = i; k < j; k++) {
            r[k] = fabs(expm1(centre - r[k]));
        }
    }
    *out = gsl_stats_select(r, 1, iso->n, (size_t)ceil(LEVEL * (double)iso->n) - 1);
    sc_free(r);
    return SC_OK;
}

/* The upper limit speaks for x that were not measured, so x are resampled. The lower
 * limit speaks for the measured points alone. Noise is what repeats or stored dispersion
 * say or, where it is more, what (b,s) cannot explain either. */
static void iso_limits(const fit_data *d, const fit_iso *iso, const fit_options *options,
                       const tagged *t, boot *b, noise_level noise, fit_result *out)
{
    fit_interval *cost = &out->iso_cost;
    int m = list_pool(iso->xid, iso->n, b->pool, b->count, d->n_x);
    for (int i = 0; i < m; i++) {
        b->count[b->pool[i]] = 1;
    }
    double deviation = weighted_quantile(t, iso->n, b->count);
    double known = iso->lof.noise_measured ? noise.mid : 0;
    known = fmax(known, fmin(out->iso_unexplained, deviation));
    for (int r = 0; r < b->resamples; r++) {
        resample(b->rng, b->pool, m, b->count, d->n_x);
        double chi2 = gsl_ran_chisq(b->rng, iso->noise_df);
        b->value[r] = excess(weighted_quantile(t, iso->n, b->count),
                             known * sqrt(iso->noise_df / chi2));
    }
    boot_limits(b, options->alpha, cost);
    out->iso_deviation = deviation;
    cost->value = excess(deviation, known);
    double known_hi = fmax(noise.hi, widened(iso, known, options->alpha));
    cost->lo = fmin(cost->value, excess(deviation, known_hi));
    cost->hi = fmax(fmax(cost->value, cost->hi),
                    excess(widened(iso, deviation, options->alpha), known));
}

sc_status fit_boot_iso(const fit_data *d, const fit_iso *iso, const double *held,
                       const fit_options *options, fit_result *out, sc_diag *diag)
{
    out->iso_cost = (fit_interval){NAN, NAN, NAN};
    out->iso_deviation = out->iso_unexplained = NAN;
    if (iso->n == 0) {
        return SC_OK;
    }
    boot b = {0};
    noise_level noise = {0};
    tagged *t = sorted_copy(iso->deviation, iso->xid, iso->n);
    bool ok = boot_init(&b, d->n_x, options) && t;
    sc_status status =
        ok ? simulate_noise(iso, &b, options->alpha, &noise, diag) : sc_diag_nomem(diag);
    if (!status) {
        status = unexplained(d, iso, held, &out->iso_unexplained, diag);
    }
    if (!status) {
        iso_limits(d, iso, options, t, &b, noise, out);
    }
    boot_clear(&b);
    sc_free(t);
    return status;
}
