/* solcheck - quantiles and error summaries.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/internal.h"

void fit_sort(double *v, size_t n)
{
    gsl_sort(v, 1, n);
}

double fit_quantile_sorted(const double *v, size_t n, double q)
{
    return n ? gsl_stats_quantile_from_sorted_data(v, 1, n, q) : NAN;
}

double fit_quantile(double *v, size_t n, double q)
{
    if (n == 0) {
        return NAN;
    }
    double at = q * (double)(n - 1);
    size_t lo = (size_t)at;
    double a = gsl_stats_select(v, 1, n, lo); /* what follows it is not less */
    if (lo + 1 == n) {
        return a;
    }
    double b = gsl_stats_min(v + lo + 1, 1, n - lo - 1);
    return (1 - (at - (double)lo)) * a + (at - (double)lo) * b;
}

sc_status fit_loss(const double *predicted, const double *y, size_t n, double *loss,
                   sc_diag *diag)
{
    double *e = sc_malloc(n * sizeof *e);
    if (!e) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < n; i++) {
        e[i] = fabs(predicted[i] - y[i]);
        if (!(e[i] < HUGE_VAL)) {
            e[i] = HUGE_VAL;
        }
    }
    fit_sort(e, n);
    size_t keep = n - n / 20;
    *loss = keep ? gsl_stats_mean(e, 1, keep) : HUGE_VAL;
    sc_free(e);
    return SC_OK;
}

/* Akaike's criterion with Hurvich and Tsai's (1989) correction, Gaussian log residuals.
 */
static double aicc_of(double rss, double n, double k)
{
    double p = k + 1; /* and the variance */
    if (!(n - p - 1 > 0) || !(rss > 0)) {
        return NAN;
    }
    return n * log(rss / n) + 2 * p + 2 * p * (p + 1) / (n - p - 1);
}

sc_status fit_score_of(const fit_candidate *c, const fit_data *data, fit_score *out,
                       sc_diag *diag)
{
    size_t n = data->n;
    double *v = sc_malloc(n * sizeof *v);
    if (!v) {
        return sc_diag_nomem(diag);
    }
    snprintf(out->name, sizeof out->name, "%s", c->name);
    double rss = 0;
    for (size_t i = 0; i < n; i++) {
        v[i] = expm1(c->held[i] - data->y[i]);
        double r = c->fitted[i] - data->y[i];
        rss += r * r;
    }
    fit_sort(v, n);
    out->signed_error = fit_quantile_sorted(v, n, 0.5);
    for (size_t i = 0; i < n; i++) {
        v[i] = fabs(v[i]);
    }
    fit_sort(v, n);
    out->median_error = fit_quantile_sorted(v, n, 0.5);
    out->p90_error = fit_quantile_sorted(v, n, 0.9);
    out->parameters = (int)lround(c->parameters);
    out->aicc = aicc_of(rss, (double)n, c->parameters);
    sc_free(v);
    return SC_OK;
}

sc_status fit_candidate_init(fit_candidate *c, const char *name, fit_axes axes, size_t n,
                             int folds, bool by_fold, sc_diag *diag)
{
    memset(c, 0, sizeof *c);
    snprintf(c->name, sizeof c->name, "%s", name);
    c->axes = axes;
    c->n = n;
    c->loss = HUGE_VAL;
    c->held = sc_calloc(n, sizeof *c->held);
    c->fitted = sc_calloc(n, sizeof *c->fitted);
    if (by_fold) {
        c->by_fold = sc_calloc(n * (size_t)(folds + 1), sizeof *c->by_fold);
    }
    if (!c->held || !c->fitted || (by_fold && !c->by_fold)) {
        fit_candidate_clear(c);
        return sc_diag_nomem(diag);
    }
    return SC_OK;
}

void fit_candidate_clear(fit_candidate *c)
{
    sc_free(c->by_fold);
    sc_free(c->held);
    sc_free(c->fitted);
    memset(c, 0, sizeof *c);
}

sc_status fit_candidate_finish(fit_candidate *c, const fit_data *data,
                               const fit_folds *folds, sc_diag *diag)
{
    if (c->by_fold) {
        for (size_t i = 0; i < c->n; i++) {
            c->fitted[i] = c->by_fold[i];
            c->held[i] = c->by_fold[(size_t)(folds->fold[i] + 1) * c->n + i];
        }
    }
    return fit_loss(c->held, data->y, c->n, &c->loss, diag);
}
