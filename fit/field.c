/* solcheck - a latency field by local kriging.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "fit/field.h"

#include <gsl/gsl_linalg.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/internal.h"
#include "fit/terms.h"
#include "fit/tree.h"

#define MAX_NEAR 48
/* Points to learn from, up to which terms are tried: more show the steps to the field. */
#define FEW 400
#define MAX_DIMS (FIT_FIELD_MAX_COORDS + 2 + FIT_FIELD_MAX_TERMS)

/* Covariances of Matern's family, radial or as a product over the coordinates. A product
 * of exponentials has the Markov property on grids: only the nearest rows speak. */
typedef enum kernel { EXP, M32, M52, PRODUCT_EXP, PRODUCT_M32, N_KERNELS } kernel;
static const char *const kernel_name[N_KERNELS] = {
    "exponential", "Matern-3/2", "Matern-5/2", "product of exponentials",
    "product of Matern-3/2"};

static const double length_grid[] = {0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, HUGE_VAL};
#define N_LENGTHS ((int)(sizeof length_grid / sizeof *length_grid))
static const double nugget_grid[] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1};
#define N_NUGGETS ((int)(sizeof nugget_grid / sizeof *nugget_grid))

typedef struct setting { /* indices into the grids */
    int length[MAX_DIMS];
    int nugget, kernel;
} setting;

struct fit_field {
    size_t n;
    int n_coords, n_dims;       /* dims: coordinates, then ln SOL times that vary, then
                                   ln sizes of terms */
    double *store;              /* the arrays below but the integers */
    double *coord[MAX_DIMS];    /* [n] each */
    int sol_dim[2];             /* place of ln compute and ln memory among dims, or -1 */
    double *sol;                /* [2][n] ln SOL times */
    double *r, *y;              /* [n] ln(latency/model), ln latency */
    int *place;                 /* [n] equal coordinates, equal place */
    size_t *order;              /* [n] by coordinates */
    int *block;                 /* [n] or NULL */
    const unsigned char *learn; /* the caller's, while settings are chosen */
    fit_curve curve;
    fit_terms terms; /* n = 0: the curve is the model */
    double centre;   /* of the residuals, where nothing is near */
    setting set;
    double scale[MAX_DIMS];
    double variance, loss;
    int near;
    fit_tree *tree;
    size_t near_index[MAX_NEAR];
    double near_d2[MAX_NEAR];
    gsl_matrix *cov;
    gsl_vector *kr, *k1;
};

void fit_field_defaults(fit_field_options *options)
{
    *options = (fit_field_options){.near = 32, .tune = 800, .seed = 1};
}

void fit_field_free(fit_field *f)
{
    if (f) {
        sc_free(f->store);
        sc_free(f->place);
        sc_free(f->order);
        sc_free(f->block);
        fit_tree_free(f->tree);
        gsl_matrix_free(f->cov);
        gsl_vector_free(f->kr);
        gsl_vector_free(f->k1);
        sc_free(f);
    }
}

/* ---- the data ---- */

static sc_status check(const fit_field_data *d, const fit_field_options *o, sc_diag *diag)
{
    if (d->n_coords < 1 || d->n_coords > FIT_FIELD_MAX_COORDS || o->near < 4 ||
        o->near > MAX_NEAR || o->tune < 1) {
        return sc_diag_fail(diag, SC_EINVAL, SC6001,
                            "field: %d regressors, %d neighbours, %d points to tune on",
                            d->n_coords, o->near, o->tune);
    }
    if (d->n < 4) {
        return sc_diag_fail(diag, SC_EDOMAIN, SC4000,
                            "%zu points; a field needs at least 4", d->n);
    }
    for (size_t i = 0; i < d->n; i++) {
        double c = d->compute_s ? d->compute_s[i] : 0;
        double m = d->memory_s ? d->memory_s[i] : 0;
        bool ok = isfinite(d->latency_s[i]) && d->latency_s[i] > 0 && isfinite(c) &&
                  c >= 0 && isfinite(m) && m >= 0;
        for (int k = 0; ok && k < d->n_coords; k++) {
            ok = isfinite(d->coord[k][i]);
        }
        if (!ok) {
            return sc_diag_fail(diag, SC_EDOMAIN, SC4001,
                                "point %zu: latency %g s, SOL times %g and %g s; all "
                                "regressors finite, please",
                                i + 1, d->latency_s[i], c, m);
        }
    }
    return SC_OK;
}

static sc_status allocate(fit_field *f, const fit_field_data *d, sc_diag *diag)
{
    size_t n = d->n;
    f->n = n;
    f->n_coords = d->n_coords;
    f->store =
        sc_malloc(n * (size_t)(d->n_coords + 4 + FIT_FIELD_MAX_TERMS) * sizeof *f->store);
    f->place = sc_malloc(n * sizeof *f->place);
    f->order = sc_malloc(n * sizeof *f->order);
    f->cov = gsl_matrix_alloc(MAX_NEAR, MAX_NEAR);
    f->kr = gsl_vector_alloc(MAX_NEAR);
    f->k1 = gsl_vector_alloc(MAX_NEAR);
    bool ok = f->store && f->place && f->order && f->cov && f->kr && f->k1;
    return ok ? SC_OK : sc_diag_nomem(diag);
}

/* Takes ln v as a dimension where v is positive everywhere and varies. */
static int add_sol(fit_field *f, double *ln)
{
    bool varies = false;
    for (size_t i = 0; i < f->n; i++) {
        if (isinf(ln[i])) {
            return -1;
        }
        varies = varies || ln[i] != ln[0];
    }
    if (!varies) {
        return -1;
    }
    f->coord[f->n_dims] = ln;
    return f->n_dims++;
}

static void copy_data(fit_field *f, const fit_field_data *d)
{
    size_t n = f->n;
    for (int c = 0; c < d->n_coords; c++) {
        f->coord[c] = f->store + (size_t)c * n;
        memcpy(f->coord[c], d->coord[c], n * sizeof(double));
    }
    f->n_dims = d->n_coords;
    double *sol = f->sol = f->store + (size_t)d->n_coords * n;
    f->r = sol + 2 * n;
    f->y = f->r + n;
    for (size_t i = 0; i < n; i++) {
        sol[i] = log(d->compute_s ? d->compute_s[i] : 0);
        sol[n + i] = log(d->memory_s ? d->memory_s[i] : 0);
        f->y[i] = log(d->latency_s[i]);
    }
    f->sol_dim[0] = add_sol(f, sol);
    f->sol_dim[1] = add_sol(f, sol + n);
}

/* Order by coordinates, the order of places. */
static int compare_at(const fit_field *f, size_t i, const double *at)
{
    for (int c = 0; c < f->n_coords; c++) {
        if (f->coord[c][i] != at[c]) {
            return f->coord[c][i] < at[c] ? -1 : 1;
        }
    }
    return 0;
}

static int compare_points(const fit_field *f, size_t i, size_t j)
{
    double at[FIT_FIELD_MAX_COORDS];
    for (int c = 0; c < f->n_coords; c++) {
        at[c] = f->coord[c][j];
    }
    int order = compare_at(f, i, at);
    return order ? order : (i > j) - (i < j);
}

typedef struct keyed {
    const fit_field *f;
    size_t i;
} keyed;

static int compare_keyed(const void *a, const void *b)
{
    const keyed *p = a, *q = b;
    return compare_points(p->f, p->i, q->i);
}

static sc_status number_places(fit_field *f, sc_diag *diag)
{
    keyed *k = sc_malloc(f->n * sizeof *k);
    if (!k) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < f->n; i++) {
        k[i] = (keyed){f, i};
    }
    qsort(k, f->n, sizeof *k, compare_keyed);
    int place = 0;
    for (size_t q = 0; q < f->n; q++) {
        double at[FIT_FIELD_MAX_COORDS];
        for (int c = 0; c < f->n_coords; c++) {
            at[c] = f->coord[c][k[q].i];
        }
        place += q > 0 && compare_at(f, k[q - 1].i, at) != 0;
        f->order[q] = k[q].i;
        f->place[k[q].i] = place;
    }
    sc_free(k);
    return SC_OK;
}

/* ---- the model ---- */

static double model_at(const fit_field *f, const double *coord, double ln_compute,
                       double ln_memory)
{
    double v = f->terms.n ? fit_terms_ln(&f->terms, coord, ln_compute, ln_memory)
                          : fit_curve_ln(&f->curve, ln_compute, ln_memory);
    return isfinite(v) ? v : f->curve.mean;
}

static void place_of(const fit_field *f, size_t i, double *at)
{
    for (int c = 0; c < f->n_dims; c++) {
        at[c] = f->coord[c][i];
    }
}

static void set_residuals(fit_field *f, double *work)
{
    for (size_t i = 0; i < f->n; i++) {
        double at[MAX_DIMS];
        place_of(f, i, at);
        f->r[i] = work[i] = f->y[i] - model_at(f, at, f->sol[i], f->sol[f->n + i]);
    }
    f->centre = fit_quantile(work, f->n, 0.5);
}

/* The terms' sizes become dimensions after all others. */
static void set_term_dims(fit_field *f)
{
    int first = f->n_coords + (f->sol_dim[0] >= 0) + (f->sol_dim[1] >= 0);
    double *size = f->y + f->n;
    f->n_dims = first;
    for (int k = 0; k < f->terms.n; k++, size += f->n) {
        for (size_t i = 0; i < f->n; i++) {
            double at[MAX_DIMS];
            place_of(f, i, at);
            size[i] = fit_terms_size(&f->terms, k, at);
        }
        f->coord[first + k] = size;
    }
    f->n_dims = first + f->terms.n;
}

/* Makes these terms, or none, the model's; dimensions, residuals and tree follow. */
static sc_status adopt(fit_field *f, const fit_terms *terms, sc_diag *diag)
{
    double *work = sc_malloc(f->n * sizeof *work);
    if (!work) {
        return sc_diag_nomem(diag);
    }
    f->terms = *terms;
    set_term_dims(f);
    set_residuals(f, work);
    sc_free(work);
    fit_tree_free(f->tree);
    f->tree = NULL;
    return fit_tree_new((const double *const *)f->coord, f->n_dims, 0, f->n, NULL,
                        &f->tree, diag);
}

/* The physical model, and terms for it, on the points that may be learnt from. */
static sc_status fit_model(fit_field *f, const fit_field_options *o, fit_terms *terms,
                           sc_diag *diag)
{
    size_t n = f->n, m = 0;
    int nc = f->n_coords;
    double *work = sc_malloc((size_t)(nc + 3) * n * sizeof *work);
    const double *coord[FIT_FIELD_MAX_COORDS];
    if (!work) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < n; i++) {
        if (!o->learn || o->learn[i]) {
            work[m] = f->sol[i];
            work[n + m] = f->sol[n + i];
            work[2 * n + m] = f->y[i];
            for (int c = 0; c < nc; c++) {
                work[(size_t)(3 + c) * n + m] = f->coord[c][i];
            }
            m++;
        }
    }
    for (int c = 0; c < nc; c++) {
        coord[c] = work + (size_t)(3 + c) * n;
    }
    sc_status status = fit_curve_fit(work, work + n, work + 2 * n, m, &f->curve, diag);
    *terms = (fit_terms){0};
    if (!status && m <= FEW) {
        status = fit_terms_fit(coord, nc, work, work + n, work + 2 * n, m, &f->curve,
                               terms, diag);
    }
    sc_free(work);
    return status;
}

/* ---- kriging ---- */

static void set_scale(fit_field *f, const setting *s)
{
    for (int c = 0; c < f->n_dims; c++) {
        double length = length_grid[s->length[c]];
        f->scale[c] = isinf(length) ? 0 : 1 / length;
    }
}

static double matern32(double d)
{
    d *= 1.7320508075688772;
    return (1 + d) * exp(-d);
}

static double covariance(const fit_field *f, const setting *s, const double *a,
                         const double *b)
{
    double d2 = 0, sum = 0, product = 1;
    for (int c = 0; c < f->n_dims; c++) {
        double d = fabs(a[c] - b[c]) * f->scale[c];
        d2 += d * d;
        sum += d;
        if (s->kernel == PRODUCT_M32) {
            product *= 1 + 1.7320508075688772 * d;
        }
    }
    switch ((kernel)s->kernel) {
    case EXP:
        return exp(-sqrt(d2));
    case M32:
        return matern32(sqrt(d2));
    case M52: {
        double d = sqrt(5 * d2);
        return (1 + d + d * d / 3) * exp(-d);
    }
    case PRODUCT_EXP:
        return exp(-sum);
    default:
        return product * exp(-1.7320508075688772 * sum);
    }
}

typedef struct hidden {         /* points that a prediction must not see */
    const int *places, *blocks; /* blocks NULL: there are none */
    int place, block;
    const unsigned char *learn; /* NULL; else points at 0 are hidden */
} hidden;

static bool admits(const void *context, size_t j)
{
    const hidden *h = context;
    return h->places[j] != h->place && !(h->blocks && h->blocks[j] == h->block) &&
           (!h->learn || h->learn[j]);
}

/* The residual at a place from its neighbours, and its kriging variance in units of the
 * field's. */
static double predict(fit_field *f, const setting *s, const double *at, const hidden *h,
                      double *variance)
{
    fit_nearest nearest = {f->near_index, f->near_d2, f->near, 0};
    fit_tree_want want = {f->scale, 0, -1, admits, h};
    fit_tree_query(f->tree, at, &want, &nearest);
    size_t m = (size_t)nearest.n;
    double place[MAX_NEAR][MAX_DIMS];
    *variance = 1;
    if (m == 0) {
        return f->centre;
    }
    gsl_matrix_view cov = gsl_matrix_submatrix(f->cov, 0, 0, m, m);
    gsl_vector_view kr = gsl_vector_subvector(f->kr, 0, m);
    gsl_vector_view k1 = gsl_vector_subvector(f->k1, 0, m);
    double k0[MAX_NEAR];
    for (size_t a = 0; a < m; a++) {
        for (int c = 0; c < f->n_dims; c++) {
            place[a][c] = f->coord[c][f->near_index[a]];
        }
        k0[a] = covariance(f, s, at, place[a]);
        for (size_t b = 0; b < a; b++) {
            gsl_matrix_set(&cov.matrix, a, b, covariance(f, s, place[a], place[b]));
        }
        gsl_matrix_set(&cov.matrix, a, a, 1 + nugget_grid[s->nugget]);
        gsl_vector_set(&kr.vector, a, k0[a]);
        gsl_vector_set(&k1.vector, a, 1);
    }
    if (gsl_linalg_cholesky_decomp1(&cov.matrix)) {
        return f->r[f->near_index[0]];
    }
    gsl_linalg_cholesky_svx(&cov.matrix, &kr.vector);
    gsl_linalg_cholesky_svx(&cov.matrix, &k1.vector);
    double one = 0, sum = 0, explained = 0, value = 0;
    for (size_t a = 0; a < m; a++) {
        one += gsl_vector_get(&k1.vector, a);
        sum += gsl_vector_get(&kr.vector, a);
        explained += k0[a] * gsl_vector_get(&kr.vector, a);
    }
    for (size_t a = 0; a < m; a++) {
        double w = gsl_vector_get(&kr.vector, a) +
                   (1 - sum) * gsl_vector_get(&k1.vector, a) / one;
        value += w * f->r[f->near_index[a]];
    }
    *variance = fmax(1 - explained + (1 - sum) * (1 - sum) / one, 0);
    return value;
}

static double hold_out(fit_field *f, const setting *s, size_t i, double *variance)
{
    double at[MAX_DIMS];
    hidden h = {f->place, f->block, f->place[i], f->block ? f->block[i] : 0, f->learn};
    for (int c = 0; c < f->n_dims; c++) {
        at[c] = f->coord[c][i];
    }
    return predict(f, s, at, &h, variance);
}

/* ---- settings ---- */

typedef struct tuner {
    fit_field *f;
    size_t *sample;
    double *error; /* [n] */
    size_t n;
    setting best;
    double loss;
} tuner;

/* Mean absolute leave-one-out error of the 90 % best-predicted points. */
static double loss_of(tuner *t, const setting *s)
{
    double ignored, sum = 0;
    set_scale(t->f, s);
    for (size_t q = 0; q < t->n; q++) {
        size_t i = t->sample[q];
        t->error[q] = fabs(hold_out(t->f, s, i, &ignored) - t->f->r[i]);
    }
    fit_sort(t->error, t->n);
    size_t keep = t->n - t->n / 10;
    for (size_t q = 0; q < keep; q++) {
        sum += t->error[q];
    }
    return sum / (double)keep;
}

static bool attempt(tuner *t, const setting *s)
{
    double loss = loss_of(t, s);
    if (!(loss < t->loss)) {
        return false;
    }
    t->loss = loss;
    t->best = *s;
    return true;
}

/* Walks one setting up or down its grid while that helps. */
static bool walk(tuner *t, int *(*which)(setting *, int), int c, int n_values)
{
    bool changed = false;
    for (int step = -1; step <= 1; step += 2) {
        for (;;) {
            setting s = t->best;
            int *v = which(&s, c);
            *v += step;
            if (*v < 0 || *v >= n_values || !attempt(t, &s)) {
                break;
            }
            changed = true;
        }
        if (changed) {
            break;
        }
    }
    return changed;
}

static int *length_of(setting *s, int c)
{
    return &s->length[c];
}

static int *nugget_of(setting *s, int c)
{
    (void)c;
    return &s->nugget;
}

static bool tune_lengths(tuner *t, int *(*which)(setting *, int))
{
    bool changed = false;
    for (int c = 0; c < t->f->n_dims; c++) {
        changed |= walk(t, which, c, N_LENGTHS);
        setting off = t->best; /* far from any finite length */
        int *v = which(&off, c);
        *v = *v == N_LENGTHS - 1 ? 4 : N_LENGTHS - 1;
        changed |= attempt(t, &off);
    }
    return changed;
}

/* SOL times and terms start without part, as they follow from the coordinates wherever
 * parameters are coordinates too. */
static setting start_setting(const fit_field *f)
{
    setting s = {.nugget = 2, .kernel = M32};
    for (int c = 0; c < f->n_dims; c++) {
        s.length[c] = c < f->n_coords ? 4 : N_LENGTHS - 1;
    }
    return s;
}

/* Coordinate descent. */
static void tune(tuner *t)
{
    setting s = start_setting(t->f);
    t->loss = HUGE_VAL;
    attempt(t, &s);
    t->best = s;
    for (int sweep = 0; sweep < 4; sweep++) {
        bool changed = tune_lengths(t, length_of);
        for (int k = 0; k < N_KERNELS; k++) {
            s = t->best;
            s.kernel = k;
            changed |= k != t->best.kernel && attempt(t, &s);
        }
        changed |= walk(t, nugget_of, 0, N_NUGGETS);
        if (!changed) {
            break;
        }
    }
}

/* Variance of the field from the held-out errors, robustly: their median square over that
 * of a normal deviate. */
static double variance_of(tuner *t)
{
    fit_field *f = t->f;
    set_scale(f, &t->best);
    for (size_t q = 0; q < t->n; q++) {
        double v, e = hold_out(f, &t->best, t->sample[q], &v) - f->r[t->sample[q]];
        t->error[q] = e * e / fmax(v, 1e-12);
    }
    return fit_quantile(t->error, t->n, 0.5) / 0.4549364231195724;
}

static sc_status draw(tuner *t, const fit_field_options *o, sc_diag *diag)
{
    size_t n = t->f->n, total = 0;
    t->sample = sc_malloc(n * sizeof *t->sample);
    t->error = sc_malloc(n * sizeof *t->error);
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    if (!t->sample || !t->error || !rng) {
        gsl_rng_free(rng);
        return sc_diag_nomem(diag);
    }
    gsl_rng_set(rng, (unsigned long)o->seed);
    for (size_t q = 0; q < n;
         q++) { /* by place, so that the order of rows is no matter */
        size_t i = t->f->order[q];
        if (!o->learn || o->learn[i]) {
            t->sample[total++] = i;
        }
    }
    t->n = total < (size_t)o->tune ? total : (size_t)o->tune;
    for (size_t q = 0; q < t->n; q++) {
        size_t j = q + gsl_rng_uniform_int(rng, (unsigned long)(total - q));
        size_t swap = t->sample[q];
        t->sample[q] = t->sample[j];
        t->sample[j] = swap;
    }
    gsl_rng_free(rng);
    return SC_OK;
}

/* Terms stay where the field is better for them, by leave-one-out error at the settings
 * that the tuning starts from. */
static sc_status contest(tuner *t, const fit_field_options *o, sc_diag *diag)
{
    fit_terms found, none = {0};
    sc_status status = fit_model(t->f, o, &found, diag);
    if (!status) {
        status = adopt(t->f, &none, diag);
    }
    if (status || found.n == 0) {
        return status;
    }
    setting s = start_setting(t->f);
    double without = loss_of(t, &s);
    status = adopt(t->f, &found, diag);
    if (!status) {
        s = start_setting(t->f);
        status = loss_of(t, &s) < without ? SC_OK : adopt(t->f, &none, diag);
    }
    return status;
}

static sc_status choose(fit_field *f, const fit_field_options *o, sc_diag *diag)
{
    tuner t = {.f = f};
    sc_status status = draw(&t, o, diag);
    if (!status && t.n == 0) {
        status = sc_diag_fail(diag, SC_EINVAL, SC6001, "field: no point to learn from");
    }
    f->learn = o->learn;
    if (!status) {
        status = contest(&t, o, diag);
    }
    if (!status) {
        tune(&t);
        f->set = t.best;
        f->loss = t.loss;
        f->variance = variance_of(&t);
    }
    f->learn = NULL;
    sc_free(t.sample);
    sc_free(t.error);
    return status;
}

sc_status fit_field_new(const fit_field_data *data, const fit_field_options *options,
                        fit_field **out, sc_diag *diag)
{
    sc_status status = check(data, options, diag);
    if (status) {
        return status;
    }
    fit_field *f = sc_calloc(1, sizeof *f);
    if (!f) {
        return sc_diag_nomem(diag);
    }
    f->near = options->near;
    status = allocate(f, data, diag);
    if (!status && options->block) {
        f->block = sc_malloc(data->n * sizeof *f->block);
        status = f->block ? SC_OK : sc_diag_nomem(diag);
    }
    if (!status) {
        if (f->block) {
            memcpy(f->block, options->block, data->n * sizeof *f->block);
        }
        copy_data(f, data);
        status = number_places(f, diag);
    }
    if (!status) {
        status = choose(f, options, diag);
    }
    if (status) {
        fit_field_free(f);
        return status;
    }
    set_scale(f, &f->set);
    *out = f;
    return SC_OK;
}

/* ---- queries ---- */

/* The mean of what was measured at a place; false: nothing was. */
static bool measured_at(const fit_field *f, const double *coord, double *ln)
{
    size_t lo = 0, hi = f->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (compare_at(f, f->order[mid], coord) < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    double sum = 0;
    size_t n = 0;
    for (; lo < f->n && compare_at(f, f->order[lo], coord) == 0; lo++, n++) {
        sum += f->y[f->order[lo]];
    }
    *ln = n ? sum / (double)n : 0;
    return n > 0;
}

sc_status fit_field_at(fit_field *f, const double *coord, double compute_s,
                       double memory_s, fit_field_value *out, sc_diag *diag)
{
    bool ok =
        isfinite(compute_s) && compute_s >= 0 && isfinite(memory_s) && memory_s >= 0;
    double at[MAX_DIMS], ln, variance;
    for (int c = 0; c < f->n_coords; c++) {
        ok = ok && isfinite(coord[c]);
        at[c] = coord[c];
    }
    const double sol[2] = {compute_s, memory_s};
    for (int k = 0; k < 2; k++) {
        if (f->sol_dim[k] >= 0) {
            at[f->sol_dim[k]] = log(sol[k]);
            ok = ok && sol[k] > 0;
        }
    }
    if (!ok) {
        return sc_diag_fail(diag, SC_EDOMAIN, SC4001,
                            "the field has no value where a regressor or SOL time is not "
                            "finite (SOL times %g and %g s)",
                            compute_s, memory_s);
    }
    if (measured_at(f, coord, &ln)) {
        *out = (fit_field_value){exp(ln), 0};
        return SC_OK;
    }
    for (int k = 0; k < f->terms.n; k++) {
        at[f->n_dims - f->terms.n + k] = fit_terms_size(&f->terms, k, coord);
    }
    hidden nothing = {f->place, NULL, -1, -1, NULL};
    ln = model_at(f, coord, log(compute_s), log(memory_s)) +
         predict(f, &f->set, at, &nothing, &variance);
    *out = (fit_field_value){exp(ln), sqrt(f->variance * variance)};
    return SC_OK;
}

fit_field_value fit_field_hold_out(fit_field *f, size_t i)
{
    double variance, r = hold_out(f, &f->set, i, &variance);
    return (fit_field_value){exp(f->y[i] - f->r[i] + r), sqrt(f->variance * variance)};
}

void fit_field_describe(const fit_field *f, fit_field_choice *out)
{
    *out = (fit_field_choice){.n_coords = f->n_coords,
                              .nugget = nugget_grid[f->set.nugget],
                              .loss = f->loss,
                              .kernel = kernel_name[f->set.kernel],
                              .t0_s = f->curve.t0_s,
                              .eta_compute = f->curve.eta_compute,
                              .eta_memory = f->curve.eta_memory,
                              .sharpness = f->curve.sharpness};
    for (int c = 0; c < f->n_coords; c++) {
        out->length[c] = length_grid[f->set.length[c]];
    }
    for (int k = 0; k < 2; k++) {
        out->length[f->n_coords + k] =
            f->sol_dim[k] < 0 ? HUGE_VAL : length_grid[f->set.length[f->sol_dim[k]]];
    }
    out->n_terms = f->terms.n;
    for (int k = 0; k < f->terms.n; k++) {
        out->unit_s[k] = exp(f->terms.ln_cost[k]);
        memcpy(out->tile[k], f->terms.tile[k], sizeof out->tile[k]);
    }
}
