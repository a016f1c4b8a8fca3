/* solcheck - how well a part of the points tells the rest.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "fit/design.h"

#include <math.h>
#include <string.h>

#include "fit/internal.h"

typedef struct curve {
    const fit_field_data *data;
    const int *kind;
    const size_t *order;
    size_t n_train, stride;
    uint64_t seed;
    bool *trained;  /* [n] is among the first */
    double *column; /* [(n_coords + 3) * n_train] the training points of one kind */
    double *error;  /* [n] signed, of the points predicted so far */
    size_t n_errors;
} curve;

static int kind_of(const curve *c, size_t i)
{
    return c->kind ? c->kind[i] : 0;
}

static void keep(curve *c, size_t i, double latency_s)
{
    c->error[c->n_errors++] = latency_s / c->data->latency_s[i] - 1;
}

/* Does point i of the n-th in its order get a prediction? */
static bool tested(const curve *c, size_t i)
{
    return i % c->stride == 0;
}

/* Packs the training points of a kind into columns; returns their number. */
static size_t pack(curve *c, int kind, const double *coord[FIT_FIELD_MAX_COORDS],
                   fit_field_data *out)
{
    const fit_field_data *d = c->data;
    size_t n = 0, m = c->n_train;
    double *sol[2] = {c->column + (size_t)d->n_coords * m,
                      c->column + (size_t)(d->n_coords + 1) * m};
    double *latency = c->column + (size_t)(d->n_coords + 2) * m;
    for (size_t q = 0; q < m; q++) {
        size_t i = c->order[q];
        if (kind_of(c, i) != kind) {
            continue;
        }
        for (int k = 0; k < d->n_coords; k++) {
            c->column[(size_t)k * m + n] = d->coord[k][i];
        }
        sol[0][n] = d->compute_s ? d->compute_s[i] : 0;
        sol[1][n] = d->memory_s ? d->memory_s[i] : 0;
        latency[n++] = d->latency_s[i];
    }
    for (int k = 0; k < d->n_coords; k++) {
        coord[k] = c->column + (size_t)k * m;
    }
    *out = (fit_field_data){n, d->n_coords, coord, sol[0], sol[1], latency};
    return n;
}

/* Predicts the points of a kind from its training points. */
static sc_status run_kind(curve *c, int kind, sc_diag *diag)
{
    const fit_field_data *d = c->data;
    const double *coord[FIT_FIELD_MAX_COORDS];
    fit_field_data train;
    fit_field_options options;
    fit_field *field = NULL;
    sc_status status = SC_OK;
    bool enough = pack(c, kind, coord, &train) >= 4, all = c->n_train == d->n;
    fit_field_defaults(&options);
    options.seed = c->seed;
    if (enough) {
        status = fit_field_new(&train, &options, &field, diag);
    }
    for (size_t q = 0, own = 0; all && !status && q < d->n; q++) {
        size_t i = c->order[q];
        if (kind_of(c, i) != kind) {
            continue;
        }
        if (tested(c, q)) {
            keep(c, i, enough ? fit_field_hold_out(field, own).latency_s : 0);
        }
        own++;
    }
    for (size_t i = 0; !all && !status && i < d->n; i++) {
        double at[FIT_FIELD_MAX_COORDS];
        fit_field_value value = {0};
        if (c->trained[i] || kind_of(c, i) != kind || !tested(c, i)) {
            continue;
        }
        for (int k = 0; k < d->n_coords; k++) {
            at[k] = d->coord[k][i];
        }
        if (enough) {
            status = fit_field_at(field, at, d->compute_s ? d->compute_s[i] : 0,
                                  d->memory_s ? d->memory_s[i] : 0, &value, diag);
        }
        keep(c, i, value.latency_s);
    }
    fit_field_free(field);
    return status;
}

static sc_status run_all(curve *c, sc_diag *diag)
{
    int lo = kind_of(c, 0), hi = lo;
    for (size_t i = 1; i < c->data->n; i++) {
        int k = kind_of(c, i);
        lo = k < lo ? k : lo;
        hi = k > hi ? k : hi;
    }
    sc_status status = SC_OK;
    for (int k = lo; k <= hi && !status; k++) {
        status = run_kind(c, k, diag);
    }
    return status;
}

static void summarise(curve *c, fit_design_score *out)
{
    size_t n = c->n_errors;
    out->n_train = c->n_train;
    out->n_test = n;
    out->bias = n ? fit_quantile(c->error, n, 0.5) : NAN;
    for (size_t i = 0; i < n; i++) {
        c->error[i] = fabs(c->error[i]);
    }
    fit_sort(c->error, n);
    out->median = n ? fit_quantile_sorted(c->error, n, 0.5) : NAN;
    out->p90 = n ? fit_quantile_sorted(c->error, n, 0.9) : NAN;
}

sc_status fit_design_error(const fit_field_data *data, const int *kind,
                           const size_t *order, size_t n_train, size_t n_test,
                           uint64_t seed, fit_design_score *out, sc_diag *diag)
{
    size_t n = data->n, rest = n_train == n ? n : n - n_train;
    if (n_train < 4 || n_train > n) {
        return sc_diag_fail(diag, SC_EINVAL, SC6001, "a field from %zu of %zu points",
                            n_train, n);
    }
    curve c = {.data = data,
               .kind = kind,
               .order = order,
               .n_train = n_train,
               .stride = n_test && rest > n_test ? (rest + n_test - 1) / n_test : 1,
               .seed = seed};
    c.trained = sc_calloc(n, sizeof *c.trained);
    c.column = sc_malloc((size_t)(data->n_coords + 3) * n_train * sizeof *c.column);
    c.error = sc_malloc(n * sizeof *c.error);
    sc_status status = c.trained && c.column && c.error ? SC_OK : sc_diag_nomem(diag);
    for (size_t q = 0; !status && q < n_train; q++) {
        c.trained[order[q]] = true;
    }
    if (!status) {
        status = run_all(&c, diag);
    }
    if (!status) {
        summarise(&c, out);
    }
    sc_free(c.trained);
    sc_free(c.column);
    sc_free(c.error);
    return status;
}
