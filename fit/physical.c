/* solcheck - the physical model: a launch floor plus a smooth maximum of compute and
 * memory.
 *
 * Coefficients are bounded by transforms: t0 = T exp(theta), eta = logistic(theta),
 * sharpness = 1 + exp(theta); T is the smallest latency.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <string.h>

#include "fit/internal.h"
#include "fit/nls.h"

enum { T0, ETA_C, ETA_M, SHARP, N_COEFS };

/* Points packed for training, and which coefficients the data have a say in. */
typedef struct packed {
    size_t n;
    double *store;
    const double *compute, *memory, *y; /* ln of SOL times and latency in seconds */
    double t_unit;                      /* T, seconds */
    int p;
    int slot[N_COEFS]; /* place in theta, or -1 */
} packed;

/* Coefficients in theta's transforms; absent ones keep their neutral value. */
typedef struct coefs {
    double th[N_COEFS];
} coefs;

static double logistic(double v)
{
    return v >= 0 ? 1 / (1 + exp(-v)) : exp(v) / (1 + exp(v));
}

typedef struct unpacked {
    double t0, eta_c, eta_m, p, ln_eta_c, ln_eta_m;
} unpacked;

static unpacked unpack(const coefs *c, double t_unit)
{
    double eta_c = logistic(c->th[ETA_C]), eta_m = logistic(c->th[ETA_M]);
    return (unpacked){t_unit * exp(c->th[T0]), eta_c,      eta_m,
                      1 + exp(c->th[SHARP]),   log(eta_c), log(eta_m)};
}

/* From ln SOL times (-inf: absent); share is the compute term's part of
 * (compute/eta_c)^p + (memory/eta_m)^p. */
static void body_of(const unpacked *u, double ln_compute, double ln_memory, double *body,
                    double *share, double *dln_dp)
{
    double a = ln_compute - u->ln_eta_c, m = ln_memory - u->ln_eta_m;
    *dln_dp = 0;
    if (isinf(a) || isinf(m)) {
        *body = (isinf(a) ? 0 : exp(a)) + (isinf(m) ? 0 : exp(m));
        *share = !isinf(a);
        return;
    }
    double hi = fmax(a, m), gap = u->p * (fmin(a, m) - hi);
    double e = gap < -40 ? 0 : exp(gap), ln = hi + log1p(e) / u->p;
    double w_hi = 1 / (1 + e);
    *body = exp(ln);
    *share = a >= m ? w_hi : 1 - w_hi;
    *dln_dp = (*share * a + (1 - *share) * m - ln) / u->p;
}

static bool eval_model(const double *theta, void *context, double *f, double *jac)
{
    const packed *k = context;
    coefs c = {{-HUGE_VAL}}; /* no floor unless there is a slot for it */
    for (int j = 0; j < N_COEFS; j++) {
        if (k->slot[j] >= 0) {
            c.th[j] = theta[k->slot[j]];
        }
    }
    unpacked u = unpack(&c, k->t_unit);
    if (!isfinite(u.t0) || !(u.eta_c > 0) || !(u.eta_m > 0) || !isfinite(u.p)) {
        return false;
    }
    for (size_t i = 0; i < k->n; i++) {
        double body, share, dln_dp;
        body_of(&u, k->compute[i], k->memory[i], &body, &share, &dln_dp);
        double t = u.t0 + body;
        if (!(t > 0) || !isfinite(t)) {
            return false;
        }
        if (f) {
            f[i] = log(t) - k->y[i];
        }
        if (jac) {
            double r = body / t;
            double d[N_COEFS] = {u.t0 / t, -r * share * (1 - u.eta_c),
                                 -r * (1 - share) * (1 - u.eta_m),
                                 r * dln_dp * (u.p - 1)};
            for (int j = 0; j < N_COEFS; j++) {
                if (k->slot[j] >= 0) {
                    jac[i * (size_t)k->p + (size_t)k->slot[j]] = d[j];
                }
            }
        }
    }
    return true;
}

/* Packs the points of group (all: -1) outside fold (FIT_ALL: none left out), at most
 * `limit` of them, evenly thinned. */
static sc_status pack(const fit_view *view, const fit_folds *folds, int fold, int group,
                      size_t limit, packed *k, sc_diag *diag)
{
    const fit_data *d = view->data;
    size_t lo = group < 0 ? 0 : d->start[group];
    size_t hi = group < 0 ? d->n : d->start[group + 1];
    memset(k, 0, sizeof *k);
    k->store = sc_malloc(3 * (hi - lo) * sizeof *k->store);
    if (!k->store) {
        return sc_diag_nomem(diag);
    }
    double *c = k->store, *m = c + (hi - lo), *y = m + (hi - lo);
    size_t stride = limit && hi - lo > limit ? (hi - lo + limit - 1) / limit : 1;
    bool any_c = false, any_m = false;
    double y_min = HUGE_VAL;
    for (size_t i = lo; i < hi; i += stride) {
        if (fold != FIT_ALL && folds->fold[i] == fold) {
            continue;
        }
        c[k->n] = view->ln_compute[i];
        m[k->n] = view->ln_memory[i];
        y[k->n] = d->y[i];
        any_c = any_c || !isinf(c[k->n]);
        any_m = any_m || !isinf(m[k->n]);
        y_min = fmin(y_min, y[k->n++]);
    }
    k->compute = c;
    k->memory = m;
    k->y = y;
    k->t_unit = exp(y_min);
    k->slot[T0] = view->no_floor ? -1 : k->p++;
    k->slot[ETA_C] = any_c ? k->p++ : -1;
    k->slot[ETA_M] = any_m ? k->p++ : -1;
    k->slot[SHARP] = any_c && any_m ? k->p++ : -1;
    return SC_OK;
}

/* The prior is worth about one point of 10 % scatter per three units of theta. */
static const double prior_mean_of[N_COEFS] = {-1, 0, 0, 0.5};
static const double prior_weight_of[N_COEFS] = {0.01, 0.03, 0.03, 0.05};

static sc_status solve(packed *k, bool warm, coefs *c, fit_nls_result *result,
                       sc_diag *diag)
{
    double theta[N_COEFS], mean[N_COEFS], weight[N_COEFS];
    for (int j = 0; j < N_COEFS; j++) {
        if (k->slot[j] >= 0) {
            theta[k->slot[j]] = c->th[j];
            mean[k->slot[j]] = prior_mean_of[j];
            weight[k->slot[j]] = prior_weight_of[j];
        }
    }
    fit_nls_problem problem = {.n = k->n,
                               .p = (size_t)k->p,
                               .eval = eval_model,
                               .context = k,
                               .huber = 1.345,
                               .scale_min = 1e-6,
                               .max_iterations = warm ? 8 : 40,
                               .warm = warm,
                               .prior_mean = mean,
                               .prior_weight = weight};
    sc_status status = fit_nls_solve(&problem, theta, result, diag);
    for (int j = 0; !status && j < N_COEFS; j++) {
        if (k->slot[j] >= 0) {
            c->th[j] = theta[k->slot[j]];
        }
    }
    return status;
}

static double logit(double p)
{
    return log(p / (1 - p));
}

/* A high quantile of bound over measurement: where that roof is nearly reached. */
static double start_eta(const packed *k, const double *sol, double *scratch)
{
    for (size_t i = 0; i < k->n; i++) {
        scratch[i] = exp(sol[i] - k->y[i]);
    }
    return fmin(fmax(fit_quantile(scratch, k->n, 0.9), 1e-4), 0.9);
}

/* Tries several starts on a thinned set, then polishes the best on all points. */
static sc_status fit_shared(const fit_view *view, const fit_folds *folds, coefs *best,
                            fit_nls_result *result, packed *k, sc_diag *diag)
{
    sc_status status = pack(view, folds, FIT_ALL, -1, 400, k, diag);
    double *scratch = status ? NULL : sc_malloc(k->n * sizeof *scratch);
    if (!scratch) {
        sc_free(k->store);
        k->store = NULL;
        return status ? status : sc_diag_nomem(diag);
    }
    double eta_c = start_eta(k, k->compute, scratch);
    double eta_m = start_eta(k, k->memory, scratch);
    sc_free(scratch);
    double lowest = HUGE_VAL;
    for (int s = 0; s < 6 && status != SC_ENOMEM; s++) {
        double shrink = s < 4 ? 1 : 0.3;
        double floor = view->no_floor ? -HUGE_VAL : s & 1 ? -0.2 : -3;
        coefs c = {
            {floor, logit(shrink * eta_c), logit(shrink * eta_m), s & 2 ? 1.5 : -0.5}};
        fit_nls_result r;
        status = solve(k, false, &c, &r, diag);
        if (!status && r.loss < lowest) {
            lowest = r.loss;
            *best = c;
        }
    }
    sc_free(k->store);
    k->store = NULL;
    if (status == SC_ENOMEM) {
        return status;
    }
    if (!(lowest < HUGE_VAL)) {
        return sc_diag_fail(diag, SC_EUNABLE, SC4002,
                            "physical model: no start converged");
    }
    double unit = k->t_unit;
    status = pack(view, folds, FIT_ALL, -1, 0, k, diag);
    if (!status) {
        best->th[T0] += log(unit / k->t_unit);
        status = solve(k, false, best, result, diag);
    }
    return status;
}

static void predict(const fit_view *view, const coefs *c, double t_unit, size_t lo,
                    size_t hi, double *out)
{
    unpacked u = unpack(c, t_unit);
    for (size_t i = lo; i < hi; i++) {
        double body, share, dln_dp;
        body_of(&u, view->ln_compute[i], view->ln_memory[i], &body, &share, &dln_dp);
        out[i] = log(u.t0 + body);
    }
}

/* Fits group (-1: all) without a fold from a warm start and predicts that group's points.
 * A group with too few points keeps the start. */
static sc_status fit_part(const fit_view *view, const fit_folds *folds, int fold,
                          int group, const coefs *start, double start_unit, double *out,
                          double *parameters, coefs *solution, double *solution_unit,
                          sc_diag *diag)
{
    const fit_data *d = view->data;
    packed k;
    sc_status status = pack(view, folds, fold, group, 0, &k, diag);
    if (status) {
        return status;
    }
    coefs c = *start;
    double unit = start_unit;
    if (k.n >= 12) {
        fit_nls_result r;
        c.th[T0] += log(start_unit / k.t_unit);
        unit = k.t_unit;
        status = solve(&k, fold != FIT_ALL, &c, &r, diag);
        *parameters += k.p;
        if (status == SC_EUNABLE) {
            status = SC_OK;
            c = *start;
            unit = start_unit;
        }
    }
    sc_free(k.store);
    if (!status) {
        predict(view, &c, unit, group < 0 ? 0 : d->start[group],
                group < 0 ? d->n : d->start[group + 1], out);
        if (solution) {
            *solution = c;
            *solution_unit = unit;
        }
    }
    return status;
}

static sc_status run_folds(const fit_view *view, const fit_folds *folds, int group,
                           const coefs *start, double unit, fit_candidate *out,
                           sc_diag *diag)
{
    coefs full;
    double full_unit, ignored = 0;
    sc_status status = fit_part(view, folds, FIT_ALL, group, start, unit, out->by_fold,
                                &out->parameters, &full, &full_unit, diag);
    for (int f = 0; !status && f < folds->n; f++) {
        status =
            fit_part(view, folds, f, group, &full, full_unit,
                     out->by_fold + (size_t)(f + 1) * out->n, &ignored, NULL, NULL, diag);
    }
    return status;
}

static fit_interval interval(const packed *k, const fit_nls_result *r, const coefs *c,
                             int which, double z, double (*map)(double, double),
                             double unit)
{
    int j = k->slot[which];
    if (j < 0) {
        return (fit_interval){NAN, NAN, NAN};
    }
    double sd = sqrt(fmax(r->cov[j * k->p + j], 0)), at = c->th[which];
    return (fit_interval){map(at, unit), map(at - z * sd, unit), map(at + z * sd, unit)};
}

static double map_t0(double v, double unit)
{
    return unit * exp(v);
}

static double map_eta(double v, double unit)
{
    return unit * logistic(v);
}

static double map_sharp(double v, double unit)
{
    return unit + exp(v);
}

static void report(const packed *k, const fit_nls_result *r, const coefs *c, double alpha,
                   fit_physical *out)
{
    double z = gsl_cdf_tdist_Qinv(alpha / 2, r->dof);
    out->t0_s = interval(k, r, c, T0, z, map_t0, k->t_unit);
    out->eta_compute = interval(k, r, c, ETA_C, z, map_eta, 1);
    out->eta_memory = interval(k, r, c, ETA_M, z, map_eta, 1);
    out->sharpness = interval(k, r, c, SHARP, z, map_sharp, 1);
    out->valid = true;
}

static bool has_sol(const fit_view *view)
{
    for (size_t i = 0; i < view->data->n; i++) {
        if (!isinf(view->ln_compute[i]) || !isinf(view->ln_memory[i])) {
            return true;
        }
    }
    return false;
}

/* The shared coefficients: those of *start where it knows them, else by a fit. */
static sc_status find_shared(const fit_view *view, const fit_folds *folds, double alpha,
                             fit_start *start, fit_physical *physical, sc_diag *diag)
{
    coefs c = {{0}};
    fit_nls_result result = {0};
    packed k = {0};
    if (start->known) {
        return SC_OK;
    }
    sc_status status = fit_shared(view, folds, &c, &result, &k, diag);
    if (!status && physical) {
        report(&k, &result, &c, alpha, physical);
    }
    sc_free(k.store);
    *start = (fit_start){.known = !status, .t_unit_s = k.t_unit};
    memcpy(start->theta, c.th, sizeof start->theta);
    return status;
}

sc_status fit_physical_run(const fit_view *view, const fit_folds *folds, bool per_group,
                           double alpha, fit_start *start, fit_candidate *out,
                           fit_physical *physical, bool *usable, sc_diag *diag)
{
    const fit_data *d = view->data;
    fit_start own = {0};
    coefs shared;
    *usable = false;
    if (!has_sol(view)) {
        return SC_OK;
    }
    start = start ? start : &own;
    sc_status status = find_shared(view, folds, alpha, start, physical, diag);
    if (status) {
        return status == SC_EUNABLE ? SC_OK : status;
    }
    memcpy(shared.th, start->theta, sizeof shared.th);
    double unit = start->t_unit_s;
    status = fit_candidate_init(out, per_group ? "physical per group" : "physical",
                                view->axes, d->n, folds->n, true, diag);
    if (status) {
        return status;
    }
    if (!per_group) {
        status = run_folds(view, folds, -1, &shared, unit, out, diag);
    }
    for (int g = 0; per_group && !status && g < d->n_groups; g++) {
        status = run_folds(view, folds, g, &shared, unit, out, diag);
    }
    if (!status) {
        status = fit_candidate_finish(out, d, folds, diag);
    }
    if (status) {
        fit_candidate_clear(out);
    }
    *usable = !status;
    return status;
}

/* ---- the model as a curve ---- */

static double value_or_absent(const packed *k, int which, double v)
{
    return k->slot[which] < 0 ? NAN : v;
}

sc_status fit_curve_fit(const double *ln_compute, const double *ln_memory,
                        const double *y, size_t n, fit_curve *out, sc_diag *diag)
{
    size_t start[2] = {0, n};
    fit_data d = {.n = n, .y = (double *)y, .start = start, .n_groups = 1};
    fit_view view = {
        .data = &d, .ln_compute = (double *)ln_compute, .ln_memory = (double *)ln_memory};
    fit_curve curve = {NAN, NAN, NAN, NAN, 0};
    for (size_t i = 0; i < n; i++) {
        curve.mean += y[i] / (double)n;
    }
    sc_status status = SC_OK;
    if (n >= 12 && has_sol(&view)) {
        coefs c = {{0}};
        fit_nls_result result;
        packed k = {0};
        status = fit_shared(&view, NULL, &c, &result, &k, diag);
        if (!status) {
            unpacked u = unpack(&c, k.t_unit);
            curve.t0_s = u.t0;
            curve.eta_compute = value_or_absent(&k, ETA_C, u.eta_c);
            curve.eta_memory = value_or_absent(&k, ETA_M, u.eta_m);
            curve.sharpness = value_or_absent(&k, SHARP, u.p);
        }
        sc_free(k.store);
        status = status == SC_EUNABLE ? SC_OK : status;
    }
    if (!status) {
        *out = curve;
    }
    return status;
}

double fit_curve_ln(const fit_curve *curve, double ln_compute, double ln_memory)
{
    unpacked u = {curve->t0_s,      curve->eta_compute,      curve->eta_memory,
                  curve->sharpness, log(curve->eta_compute), log(curve->eta_memory)};
    double body, share, dln_dp;
    if (isnan(curve->t0_s)) {
        return curve->mean;
    }
    if (isnan(u.eta_c)) {
        ln_compute = -HUGE_VAL;
        u.ln_eta_c = 0;
    }
    if (isnan(u.eta_m)) {
        ln_memory = -HUGE_VAL;
        u.ln_eta_m = 0;
    }
    body_of(&u, ln_compute, ln_memory, &body, &share, &dln_dp);
    return log(u.t0 + body);
}
