/* solcheck - work that comes in steps.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "fit/terms.h"

#include <math.h>
#include <string.h>

#include "fit/nls.h"

#define MOST_POINTS 250
#define POINTS_A_TERM 20 /* a model of k terms needs (k + 1) times as many points */
#define TERM_GAIN 0.1    /* of the loss that a term must take off, */
#define TILE_GAIN 0.20   /* and another tile */
#define KNEE 0.05        /* ln units */
#define MAX_PARTS (2 + FIT_FIELD_MAX_TERMS)

static const double tile_grid[] = {1,   2,   4,   8,    16,   32,      64,
                                   128, 256, 512, 1024, 4096, HUGE_VAL};
#define N_TILES ((int)(sizeof tile_grid / sizeof *tile_grid))
#define OFF (N_TILES - 1)

typedef struct form { /* of a term: indices into the grid */
    int tile[FIT_FIELD_MAX_COORDS];
} form;

typedef struct search { /* the search */
    size_t n;
    int n_coords;
    double *store;
    double *coord[FIT_FIELD_MAX_COORDS]; /* [n] */
    bool usable[FIT_FIELD_MAX_COORDS];   /* varies, and is nowhere below 1 */
    double *part[MAX_PARTS];             /* [n] ln of what each coefficient multiplies */
    double *y, *error;                   /* [n] */
    double t_unit;
    int n_parts, n_sol;
    form form[FIT_FIELD_MAX_TERMS];
    double theta[2 + MAX_PARTS]; /* ln t0/t_unit, ln(sharpness - 1), ln coefficients */
    double loss;
} search;

static double round_up(double ln, double tile)
{
    double v = exp(ln);
    return tile > 1 ? log(ceil(v / tile * (1 - 1e-12)) * tile) : ln;
}

static double size_of(const form *f, int n_coords, const double *coord)
{
    double sum = 0;
    for (int c = 0; c < n_coords; c++) {
        sum += f->tile[c] == OFF ? 0 : round_up(coord[c], tile_grid[f->tile[c]]);
    }
    return sum;
}

/* ---- the model ---- */

/* ln of the smooth maximum of parts of which ln is given; share[n]: of each. */
static double smooth_max(const double *ln, int n, double p, double *share)
{
    double hi = -HUGE_VAL, sum = 0;
    for (int j = 0; j < n; j++) {
        hi = fmax(hi, ln[j]);
    }
    for (int j = 0; j < n; j++) {
        share[j] = exp(p * (ln[j] - hi));
        sum += share[j];
    }
    for (int j = 0; j < n; j++) {
        share[j] /= sum;
    }
    return hi + log(sum) / p;
}

static bool eval_model(const double *theta, void *context, double *f, double *jac)
{
    const search *t = context;
    int m = t->n_parts;
    double t0 = t->t_unit * exp(theta[0]), p = 1 + exp(theta[1]);
    if (!isfinite(t0) || !isfinite(p)) {
        return false;
    }
    for (size_t i = 0; i < t->n; i++) {
        double ln[MAX_PARTS], share[MAX_PARTS], slope = 0;
        for (int j = 0; j < m; j++) {
            ln[j] = t->part[j][i] + theta[2 + j];
        }
        double ln_body = smooth_max(ln, m, p, share), body = exp(ln_body),
               sum = t0 + body;
        if (!(sum > 0) || !isfinite(sum)) {
            return false;
        }
        if (f) {
            f[i] = log(sum) - t->y[i];
        }
        for (int j = 0; jac && j < m; j++) {
            jac[i * (size_t)(2 + m) + 2 + (size_t)j] = body / sum * share[j];
            slope += share[j] > 0 ? share[j] * ln[j] : 0;
        }
        if (jac) {
            jac[i * (size_t)(2 + m)] = t0 / sum;
            jac[i * (size_t)(2 + m) + 1] = body / sum * (slope - ln_body) / p * (p - 1);
        }
    }
    return true;
}

/* Pseudo-Huber loss: errors below KNEE are the field's to explain and count by their
 * square, larger ones by their size. */
static double loss_at(search *t, const double *theta)
{
    double sum = 0;
    if (!eval_model(theta, t, t->error, NULL)) {
        return HUGE_VAL;
    }
    for (size_t i = 0; i < t->n; i++) {
        sum += hypot(1, t->error[i] / KNEE) - 1;
    }
    return sum / (double)t->n;
}

/* Fits from theta; the priors are worth little, but keep what the points do not determine
 * near the start. */
static sc_status solve(search *t, double *theta, double *loss, sc_diag *diag)
{
    double mean[2 + MAX_PARTS] = {-0.5, 0.5}, weight[2 + MAX_PARTS] = {0.02, 0.05};
    for (int j = 0; j < t->n_parts; j++) {
        mean[2 + j] = theta[2 + j];
        weight[2 + j] = 0.01;
    }
    fit_nls_problem problem = {.n = t->n,
                               .p = (size_t)(2 + t->n_parts),
                               .eval = eval_model,
                               .context = t,
                               .huber = 1.345,
                               .scale_min = KNEE / 1.345,
                               .max_iterations = 15,
                               .prior_mean = mean,
                               .prior_weight = weight};
    fit_nls_result result;
    sc_status status = fit_nls_solve(&problem, theta, &result, diag);
    *loss = status ? HUGE_VAL : loss_at(t, theta);
    return status == SC_EUNABLE ? SC_OK : status;
}

/* ---- the search ---- */

static void set_part(search *t, const form *f)
{
    double at[FIT_FIELD_MAX_COORDS];
    for (size_t i = 0; i < t->n; i++) {
        for (int c = 0; c < t->n_coords; c++) {
            at[c] = t->coord[c][i];
        }
        t->part[t->n_parts - 1][i] = size_of(f, t->n_coords, at);
    }
}

/* Does the term differ from a constant? */
static bool varies(const search *t)
{
    const double *v = t->part[t->n_parts - 1];
    bool any = false;
    for (size_t i = 1; i < t->n; i++) {
        any = any || v[i] != v[0];
    }
    return any;
}

typedef struct guess {
    form form;
    double theta[2 + MAX_PARTS], loss;
    double mean; /* ln size */
} guess;

/* Where the search for coefficients starts: as if the newest term explained nearly all
 * points of some kind (k = 0), or some of them (1); or from the best guess so far, the
 * term at its mean size (2). */
static void set_guess(search *t, const guess *best, int k, double mean, double *theta)
{
    int at = t->n_parts - 1;
    if (k == 2) {
        memcpy(theta, best->theta, sizeof best->theta);
        theta[2 + at] += best->mean - mean;
        return;
    }
    memcpy(theta, t->theta, sizeof t->theta);
    for (size_t i = 0; i < t->n; i++) {
        t->error[i] = t->y[i] - t->part[at][i];
    }
    theta[2 + at] = fit_quantile(t->error, t->n, k ? 0.3 : 0.05);
}

/* Tries a form of the newest term. */
static sc_status attempt(search *t, const form *f, double gain, guess *best, bool *better,
                         sc_diag *diag)
{
    const guess before = *best;
    sc_status status = SC_OK;
    double mean = 0;
    *better = false;
    set_part(t, f);
    for (size_t i = 0; i < t->n; i++) {
        mean += t->part[t->n_parts - 1][i] / (double)t->n;
    }
    for (int k = 0; !status && k < (isfinite(before.loss) ? 3 : 2) && varies(t); k++) {
        double theta[2 + MAX_PARTS], loss;
        set_guess(t, &before, k, mean, theta);
        status = solve(t, theta, &loss, diag);
        if (!status && loss < fmin(before.loss * (1 - gain), best->loss)) {
            *best = (guess){.form = *f, .loss = loss, .mean = mean};
            memcpy(best->theta, theta, sizeof theta);
            *better = true;
        }
    }
    return status;
}

/* Tiles of one coordinate: the neighbours on the grid, some far ones, and none. */
static sc_status walk(search *t, int c, guess *best, bool *changed, sc_diag *diag)
{
    int from = best->form.tile[c], to[] = {from - 1, from + 1, 0, 5, 7, OFF};
    sc_status status = SC_OK;
    for (int k = from == OFF ? 2 : 0; !status && k < 6; k++) {
        form f = best->form;
        bool better;
        f.tile[c] = to[k];
        if (to[k] >= 0 && to[k] != from) {
            status = attempt(t, &f, TILE_GAIN, best, &better, diag);
            *changed |= better;
        }
    }
    return status;
}

/* The best next term; *entered tells whether it is worth it. */
static sc_status add_term(search *t, bool *entered, sc_diag *diag)
{
    guess best = {.loss = HUGE_VAL};
    sc_status status = SC_OK;
    bool changed = true, better;
    t->n_parts++;
    for (int c = 0; !status && c < t->n_coords; c++) {
        form f;
        for (int k = 0; k < FIT_FIELD_MAX_COORDS; k++) {
            f.tile[k] = k == c ? 0 : OFF;
        }
        if (t->usable[c]) {
            status = attempt(t, &f, 0, &best, &better, diag);
        }
    }
    for (int sweep = 0; !status && changed && isfinite(best.loss) && sweep < 8; sweep++) {
        changed = false;
        for (int c = 0; !status && c < t->n_coords; c++) {
            if (t->usable[c]) {
                status = walk(t, c, &best, &changed, diag);
            }
        }
    }
    *entered = !status && best.loss < t->loss * (1 - TERM_GAIN);
    if (!*entered) {
        t->n_parts--;
        return status;
    }
    set_part(t, &best.form);
    t->form[t->n_parts - 1 - t->n_sol] = best.form;
    memcpy(t->theta, best.theta, sizeof t->theta);
    t->loss = best.loss;
    return status;
}

/* ---- in and out ---- */

static sc_status load(search *t, const double *const *coord, const double *const sol[2],
                      const double *y, size_t n, sc_diag *diag)
{
    size_t stride = (n + MOST_POINTS - 1) / MOST_POINTS, m = (n + stride - 1) / stride;
    t->n = m;
    t->store = sc_malloc(m * (size_t)(t->n_coords + MAX_PARTS + 2) * sizeof *t->store);
    if (!t->store) {
        return sc_diag_nomem(diag);
    }
    double *at = t->store, lowest = HUGE_VAL;
    for (int c = 0; c < t->n_coords; c++, at += m) {
        double lo = HUGE_VAL, hi = -HUGE_VAL;
        t->coord[c] = at;
        for (size_t i = 0; i < m; i++) {
            at[i] = coord[c][i * stride];
            lo = fmin(lo, at[i]);
            hi = fmax(hi, at[i]);
        }
        t->usable[c] = lo >= 0 && hi > lo;
    }
    for (int k = 0; k < MAX_PARTS; k++, at += m) {
        t->part[k] = at;
    }
    for (int k = 0; k < 2; k++) {
        bool known = true;
        for (size_t i = 0; i < m; i++) {
            t->part[t->n_parts][i] = sol[k][i * stride];
            known = known && !isinf(sol[k][i * stride]);
        }
        t->n_parts += known;
    }
    t->n_sol = t->n_parts;
    t->y = at;
    t->error = at + m;
    for (size_t i = 0; i < m; i++) {
        t->y[i] = y[i * stride];
        lowest = fmin(lowest, t->y[i]);
    }
    t->t_unit = exp(lowest);
    return SC_OK;
}

/* Terms are measured against SOL times: there must be some, the same ones everywhere. */
static bool startable(const fit_curve *c, const search *t)
{
    int n = !isnan(c->eta_compute) + !isnan(c->eta_memory);
    return isfinite(c->t0_s) && n > 0 && n == t->n_sol;
}

static void set_start(search *t, const fit_curve *c)
{
    int k = 2;
    t->theta[0] = log(fmax(c->t0_s / t->t_unit, 1e-3));
    t->theta[1] = isnan(c->sharpness) ? 0.5 : log(fmax(c->sharpness - 1, 1e-2));
    t->theta[1] = fmin(t->theta[1], 2);
    if (!isnan(c->eta_compute)) {
        t->theta[k++] = -log(c->eta_compute);
    }
    if (!isnan(c->eta_memory)) {
        t->theta[k] = -log(c->eta_memory);
    }
}

static void put_out(const search *t, const fit_curve *c, fit_terms *out)
{
    int k = 2;
    out->n = t->n_parts - t->n_sol;
    out->t0_s = t->t_unit * exp(t->theta[0]);
    out->sharpness = 1 + exp(t->theta[1]);
    out->ln_compute = isnan(c->eta_compute) ? -HUGE_VAL : t->theta[k++];
    out->ln_memory = isnan(c->eta_memory) ? -HUGE_VAL : t->theta[k++];
    for (int j = 0; j < out->n; j++) {
        out->ln_cost[j] = t->theta[k + j];
        for (int q = 0; q < t->n_coords; q++) {
            out->tile[j][q] = tile_grid[t->form[j].tile[q]];
        }
    }
}

sc_status fit_terms_fit(const double *const *coord, int n_coords,
                        const double *ln_compute, const double *ln_memory,
                        const double *y, size_t n, const fit_curve *start, fit_terms *out,
                        sc_diag *diag)
{
    search t = {.n_coords = n_coords};
    const double *const sol[] = {ln_compute, ln_memory};
    fit_terms none = {.n_coords = n_coords};
    sc_status status = load(&t, coord, sol, y, n, diag);
    if (!status && startable(start, &t)) {
        bool entered = true;
        set_start(&t, start);
        status = solve(&t, t.theta, &t.loss, diag);
        for (int k = 0; !status && entered && k < FIT_FIELD_MAX_TERMS &&
                        t.n >= POINTS_A_TERM * (size_t)(k + 2);
             k++) {
            status = add_term(&t, &entered, diag);
        }
        if (!status && t.n_parts > t.n_sol) {
            put_out(&t, start, &none);
        }
    }
    sc_free(t.store);
    if (!status) {
        *out = none;
    }
    return status;
}

double fit_terms_size(const fit_terms *terms, int k, const double *coord)
{
    double sum = 0;
    for (int c = 0; c < terms->n_coords; c++) {
        double tile = terms->tile[k][c];
        sum += isinf(tile) ? 0 : round_up(coord[c], tile);
    }
    return sum;
}

double fit_terms_ln(const fit_terms *terms, const double *coord, double ln_compute,
                    double ln_memory)
{
    double ln[MAX_PARTS], share[MAX_PARTS];
    int n = 0;
    if (!isinf(ln_compute) && !isinf(terms->ln_compute)) {
        ln[n++] = ln_compute + terms->ln_compute;
    }
    if (!isinf(ln_memory) && !isinf(terms->ln_memory)) {
        ln[n++] = ln_memory + terms->ln_memory;
    }
    for (int k = 0; k < terms->n; k++) {
        ln[n++] = terms->ln_cost[k] + fit_terms_size(terms, k, coord);
    }
    return log(terms->t0_s + exp(smooth_max(ln, n, terms->sharpness, share)));
}
