/* solcheck - interpolation of a base model's residuals: local ordinary kriging.
 *
 * The residuals of the training points are a random field over the view's coordinates
 * (log axes, log SOL terms) with a Matern-3/2 covariance, a nugget, and a correlation rho
 * between groups: SOL terms as coordinates let a point borrow from another group that
 * does the same work. Each prediction uses the nearest training points only (Cressie
 * 1993, section 3.2; Stein 2002 on why nearby points suffice). Length scales, rho and
 * nugget are chosen by held-out error on a sample of the points. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_linalg.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/internal.h"
#include "fit/tree.h"

#define MAX_NEAR 12
#define TUNE_POINTS 128 /* at least, and TUNE_SHARE of all up to TUNE_MOST */
#define TUNE_SHARE 64
#define TUNE_MOST 1024

enum { ELL_AXIS0, ELL_AXIS1, ELL_WORK, RHO, NUGGET, N_HYPER };

typedef struct hyper {
    double v[N_HYPER];
} hyper;

typedef struct krige {
    const fit_view *view;
    const fit_folds *folds;
    const double *base;           /* by_fold of the base candidate */
    double clip_lo, clip_hi;      /* residuals beyond are outliers */
    double scale[FIT_MAX_COORDS]; /* 1 / length */
    fit_tree *all, **own;         /* trees of all points, and [n_groups] of each group */
    size_t near[MAX_NEAR];
    double near_d2[MAX_NEAR];
    fit_nearest nearest;
    gsl_matrix *cov;
    gsl_vector *kr, *k1;
} krige;

static void krige_clear(krige *k)
{
    gsl_matrix_free(k->cov);
    gsl_vector_free(k->kr);
    gsl_vector_free(k->k1);
    fit_tree_free(k->all);
    for (int g = 0; k->own && g < k->view->data->n_groups; g++) {
        fit_tree_free(k->own[g]);
    }
    sc_free(k->own);
}

/* Clips residuals at six robust standard deviations around their median. */
static sc_status set_clip(krige *k, sc_diag *diag)
{
    size_t n = k->view->data->n;
    double *r = sc_malloc(n * sizeof *r);
    if (!r) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < n; i++) {
        r[i] = k->view->data->y[i] - k->base[i];
    }
    double median = fit_quantile(r, n, 0.5);
    for (size_t i = 0; i < n; i++) {
        r[i] = fabs(r[i] - median);
    }
    double reach = 6 * 1.4826 * fit_quantile(r, n, 0.5);
    sc_free(r);
    k->clip_lo = median - fmax(reach, 0.05);
    k->clip_hi = median + fmax(reach, 0.05);
    return SC_OK;
}

static sc_status plant(krige *k, sc_diag *diag)
{
    const fit_data *d = k->view->data;
    const double *const *coord = (const double *const *)k->view->coord;
    int n_coords = k->view->n_coords;
    k->own = sc_calloc((size_t)d->n_groups, sizeof(fit_tree *));
    if (!k->own) {
        return sc_diag_nomem(diag);
    }
    sc_status status =
        fit_tree_new(coord, n_coords, 0, d->n, k->folds->fold, &k->all, diag);
    for (int g = 0; !status && g < d->n_groups; g++) {
        status = fit_tree_new(coord, n_coords, d->start[g], d->start[g + 1] - d->start[g],
                              k->folds->fold, &k->own[g], diag);
    }
    return status;
}

static sc_status krige_init(krige *k, const fit_view *view, const fit_folds *folds,
                            const fit_candidate *base, sc_diag *diag)
{
    memset(k, 0, sizeof *k);
    k->view = view;
    k->folds = folds;
    k->base = base->by_fold;
    k->nearest = (fit_nearest){k->near, k->near_d2, MAX_NEAR, 0};
    k->cov = gsl_matrix_alloc(MAX_NEAR, MAX_NEAR);
    k->kr = gsl_vector_alloc(MAX_NEAR);
    k->k1 = gsl_vector_alloc(MAX_NEAR);
    sc_status status = SC_OK;
    if (!k->cov || !k->kr || !k->k1) {
        status = sc_diag_nomem(diag);
    }
    if (!status) {
        status = plant(k, diag);
    }
    if (!status) {
        status = set_clip(k, diag);
    }
    if (status) {
        krige_clear(k);
    }
    return status;
}

static void set_scale(krige *k, const hyper *h)
{
    const fit_view *v = k->view;
    for (int c = 0; c < v->n_coords; c++) {
        k->scale[c] = 1 / (c < v->n_axes ? h->v[ELL_AXIS0 + c] : h->v[ELL_WORK]);
    }
}

/* What the model without a fold leaves at point j. */
static double residual(const krige *k, int fold, size_t j)
{
    const fit_data *d = k->view->data;
    double r = d->y[j] - k->base[(size_t)(fold + 1) * d->n + j];
    return fmin(fmax(r, k->clip_lo), k->clip_hi);
}

static double distance2(const krige *k, size_t i, size_t j)
{
    double d2 = 0;
    for (int c = 0; c < k->view->n_coords; c++) {
        double d = (k->view->coord[c][i] - k->view->coord[c][j]) * k->scale[c];
        d2 += d * d;
    }
    return d2;
}

typedef struct own_group {
    const int *grp;
    int g;
} own_group;

static bool in_another(const void *context, size_t j)
{
    const own_group *own = context;
    return own->grp[j] != own->g;
}

/* Nearest training points; another group counts as farther, by the distance at which the
 * covariance has fallen to rho. */
static void find_near(krige *k, const hyper *h, size_t i, int fold)
{
    const fit_data *d = k->view->data;
    double rho = h->v[RHO], at[FIT_MAX_COORDS];
    own_group own = {d->grp, d->grp[i]};
    fit_tree_want want = {.scale = k->scale, .hidden = fold};
    for (int c = 0; c < k->view->n_coords; c++) {
        at[c] = k->view->coord[c][i];
    }
    k->nearest.n = 0;
    fit_tree_query(k->own[own.g], at, &want, &k->nearest);
    if (rho > 0 && d->n_groups > 1) {
        want.extra = log(rho) * log(rho);
        want.admits = in_another;
        want.context = &own;
        fit_tree_query(k->all, at, &want, &k->nearest);
    }
}

static double covariance(const krige *k, const hyper *h, size_t i, size_t j)
{
    double d = sqrt(3 * distance2(k, i, j));
    double c = (1 + d) * exp(-d);
    const int *grp = k->view->data->grp;
    return grp[i] == grp[j] ? c : c * h->v[RHO];
}

/* The kriged residual at point i, of the model without a fold, from its neighbours; 0
 * when there are none. self, unless NULL, gets the weight of point i itself (in-sample).
 */
static double predict(krige *k, const hyper *h, int fold, size_t i, double *self)
{
    size_t m = (size_t)k->nearest.n;
    double at[MAX_NEAR];
    if (self) {
        *self = 0;
    }
    if (m == 0) {
        return 0;
    }
    gsl_matrix_view cov = gsl_matrix_submatrix(k->cov, 0, 0, m, m);
    gsl_vector_view kr = gsl_vector_subvector(k->kr, 0, m);
    gsl_vector_view k1 = gsl_vector_subvector(k->k1, 0, m);
    for (size_t a = 0; a < m; a++) {
        at[a] = covariance(k, h, i, k->near[a]);
        for (size_t b = 0; b < a; b++) {
            gsl_matrix_set(&cov.matrix, a, b, covariance(k, h, k->near[a], k->near[b]));
        }
        gsl_matrix_set(&cov.matrix, a, a, 1 + h->v[NUGGET]);
        gsl_vector_set(&kr.vector, a, at[a]);
        gsl_vector_set(&k1.vector, a, 1);
    }
    if (gsl_linalg_cholesky_decomp1(&cov.matrix)) {
        return 0;
    }
    gsl_linalg_cholesky_svx(&cov.matrix, &kr.vector);
    gsl_linalg_cholesky_svx(&cov.matrix, &k1.vector);
    double one = 0, sum = 0;
    for (size_t a = 0; a < m; a++) {
        one += gsl_vector_get(&k1.vector, a);
        sum += gsl_vector_get(&kr.vector, a);
    }
    double value = 0;
    for (size_t a = 0; a < m; a++) {
        double w = gsl_vector_get(&kr.vector, a) +
                   (1 - sum) * gsl_vector_get(&k1.vector, a) / one;
        value += w * residual(k, fold, k->near[a]);
        if (self && k->near[a] == i) {
            *self = w;
        }
    }
    return value;
}

/* Mean absolute held-out log error over the sample, capped so that outliers do not steer.
 */
static double tune_loss(krige *k, const hyper *h, const size_t *sample, size_t n_sample)
{
    const fit_data *d = k->view->data;
    set_scale(k, h);
    double sum = 0;
    for (size_t q = 0; q < n_sample; q++) {
        size_t i = sample[q];
        int fold = k->folds->fold[i];
        find_near(k, h, i, fold);
        double base = k->base[(size_t)(fold + 1) * d->n + i];
        double e = fabs(base + predict(k, h, fold, i, NULL) - d->y[i]);
        sum += e < 0.5 ? e : 0.5;
    }
    return sum / (double)n_sample;
}

static const double ell_grid[] = {0.5, 1, 2, 4, 8, 16};
static const double rho_grid[] = {0, 0.5, 0.9, 0.98};
static const double nugget_grid[] = {1e-3, 1e-2, 1e-1};

static const struct {
    const double *value;
    size_t n;
} grid_of[N_HYPER] = {{ell_grid, sizeof ell_grid / sizeof *ell_grid},
                      {ell_grid, sizeof ell_grid / sizeof *ell_grid},
                      {ell_grid, sizeof ell_grid / sizeof *ell_grid},
                      {rho_grid, sizeof rho_grid / sizeof *rho_grid},
                      {nugget_grid, sizeof nugget_grid / sizeof *nugget_grid}};

/* Coordinate descent over the grids; stops when a sweep changes nothing. */
static void tune(krige *k, const size_t *sample, size_t n_sample, hyper *best)
{
    const fit_view *v = k->view;
    *best = (hyper){{2, 2, 4, v->data->n_groups > 1 ? 0.9 : 0, 1e-2}};
    double lowest = tune_loss(k, best, sample, n_sample);
    static const int order[N_HYPER] = {RHO, ELL_WORK, ELL_AXIS0, ELL_AXIS1, NUGGET};
    for (int sweep = 0; sweep < 2; sweep++) {
        bool changed = false;
        for (int q = 0; q < N_HYPER; q++) {
            int j = order[q];
            if ((j == ELL_AXIS1 && v->n_axes < 2) ||
                (j == ELL_WORK && v->n_coords == v->n_axes) ||
                (j == RHO && v->data->n_groups < 2)) {
                continue;
            }
            double start = best->v[j];
            for (size_t g = 0; g < grid_of[j].n; g++) {
                hyper h = *best;
                h.v[j] = grid_of[j].value[g];
                if (h.v[j] == start || h.v[j] == best->v[j]) {
                    continue;
                }
                double loss = tune_loss(k, &h, sample, n_sample);
                if (loss < lowest) {
                    lowest = loss;
                    *best = h;
                    changed = true;
                }
            }
        }
        if (!changed) {
            break;
        }
    }
}

/* A seeded sample without replacement, ordered by fold. */
static sc_status draw_sample(const krige *k, uint64_t seed, size_t **sample, size_t *n,
                             sc_diag *diag)
{
    size_t total = k->view->data->n, m = 0;
    size_t *all = sc_malloc(total * sizeof *all);
    size_t *out = sc_malloc(total * sizeof *out);
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    if (!all || !out || !rng) {
        sc_free(all);
        sc_free(out);
        gsl_rng_free(rng);
        return sc_diag_nomem(diag);
    }
    gsl_rng_set(rng, (unsigned long)seed);
    for (size_t i = 0; i < total; i++) {
        all[i] = i;
    }
    *n = total / TUNE_SHARE;
    *n = *n < TUNE_POINTS ? TUNE_POINTS : *n > TUNE_MOST ? TUNE_MOST : *n;
    *n = *n < total ? *n : total;
    for (size_t i = 0; i < *n; i++) {
        size_t j = i + gsl_rng_uniform_int(rng, (unsigned long)(total - i));
        size_t t = all[i];
        all[i] = all[j];
        all[j] = t;
    }
    for (int f = 0; f < k->folds->n; f++) {
        for (size_t i = 0; i < *n; i++) {
            if (k->folds->fold[all[i]] == f) {
                out[m++] = all[i];
            }
        }
    }
    sc_free(all);
    gsl_rng_free(rng);
    *sample = out;
    return SC_OK;
}

static void predict_all(krige *k, const hyper *h, const fit_candidate *base,
                        fit_candidate *out)
{
    size_t n = out->n;
    set_scale(k, h);
    double trace = 0;
    for (size_t i = 0; i < n; i++) {
        double self;
        int fold = k->folds->fold[i];
        find_near(k, h, i, FIT_ALL);
        out->fitted[i] = base->fitted[i] + predict(k, h, FIT_ALL, i, &self);
        trace += self;
        find_near(k, h, i, fold);
        out->held[i] = base->held[i] + predict(k, h, fold, i, NULL);
    }
    /* trace(S1 + S2 (I - S1)), the base's leverage taken as even */
    out->parameters = base->parameters + trace * (1 - base->parameters / (double)n);
}

sc_status fit_krige_run(const fit_view *view, const fit_folds *folds,
                        const fit_candidate *base, uint64_t seed, fit_candidate *out,
                        sc_diag *diag)
{
    char name[sizeof out->name];
    snprintf(name, sizeof name, "%.32s + residuals", base->name);
    krige k;
    sc_status status = krige_init(&k, view, folds, base, diag);
    if (status) {
        return status;
    }
    size_t *sample = NULL, n_sample = 0;
    status = draw_sample(&k, seed, &sample, &n_sample, diag);
    if (!status) {
        status =
            fit_candidate_init(out, name, view->axes, base->n, folds->n, false, diag);
    }
    if (!status) {
        hyper h;
        tune(&k, sample, n_sample, &h);
        predict_all(&k, &h, base, out);
        status = fit_candidate_finish(out, view->data, folds, diag);
        if (status) {
            fit_candidate_clear(out);
        }
    }
    sc_free(sample);
    krige_clear(&k);
    return status;
}
