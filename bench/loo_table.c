/* solcheck - leave-one-out on one perf table.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "bench/loo_table.h"

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/fitting.h"
#include "fit/internal.h"

/* ---- points ---- */

typedef struct raw { /* a row on its way into the table */
    double coord[FIT_FIELD_MAX_COORDS], compute_s, memory_s, latency_s, b, s, x;
    int n_coords, kind;
} raw;

static int compare(const raw *a, const raw *b, int n_coords)
{
    int c = (a->kind > b->kind) - (a->kind < b->kind);
    for (int k = 0; !c && k < n_coords; k++) {
        c = (a->coord[k] > b->coord[k]) - (a->coord[k] < b->coord[k]);
    }
    return c;
}

static int compare_raw(const void *va, const void *vb)
{
    const raw *a = va, *b = vb;
    int c = compare(a, b, a->n_coords);
    return c ? c : (a->latency_s > b->latency_s) - (a->latency_s < b->latency_s);
}

/* ln v; ln(1 + v) for a column that has zeros. */
static double log_of(double v, bool zeros)
{
    return zeros ? log1p(v) : log(v);
}

static int kind_of(const sol_op *op, const sol_config *c)
{
    int kind = 0;
    for (int i = 0; i < op->n_slots; i++) {
        kind = kind * SOL_N_DTYPES + (int)c->slot[i];
    }
    return kind;
}

typedef struct column {
    int param, axis; /* one of them, the other is -1 */
    bool zeros;
} column;

static double value_of(const col_points *p, size_t i, const column *c)
{
    const col_point *at = &p->point[i];
    return c->param >= 0 ? sol_config_local(p->op, &p->config[at->group], c->param)
                         : at->axis[c->axis];
}

static void add_column(const col_points *p, column c, column *out, int *n)
{
    double first = value_of(p, 0, &c);
    bool varies = false;
    for (size_t i = 0; i < p->n; i++) {
        double v = value_of(p, i, &c);
        varies |= v != first;
        c.zeros |= v == 0;
    }
    if (varies && *n < FIT_FIELD_MAX_COORDS) {
        out[(*n)++] = c;
    }
}

/* Parameters that vary, then axes, the innermost last: b in the context phase, s in the
 * generation phase, as the reference's tables nest. */
static int find_columns(const col_points *p, column *out, int *n_params)
{
    const sol_phase *phase = p->op->phase[p->phase];
    int n = 0, b, s;
    cli_fit_axes(phase, &b, &s);
    for (int i = 0; i < p->op->n_params; i++) {
        add_column(p, (column){i, -1, false}, out, &n);
    }
    *n_params = n;
    for (int i = 0; i < phase->n_axes; i++) {
        if (i != b && i != s) {
            add_column(p, (column){-1, i, false}, out, &n);
        }
    }
    int last = p->phase == SOL_CONTEXT ? b : s, other = last == b ? s : b;
    if (other >= 0) {
        add_column(p, (column){-1, other, false}, out, &n);
    }
    if (last >= 0) {
        add_column(p, (column){-1, last, false}, out, &n);
    }
    return n;
}

static sc_status allocate(loo_table *t, size_t n, sc_diag *diag)
{
    t->store = sc_malloc(n * (size_t)(t->n_coords + 6) * sizeof *t->store);
    t->istore = sc_malloc(3 * n * sizeof *t->istore);
    t->cstore = sc_malloc(2 * n);
    if (!t->store || !t->istore || !t->cstore) {
        return sc_diag_nomem(diag);
    }
    double *at = t->store;
    for (int c = 0; c < t->n_coords; c++, at += n) {
        t->coord[c] = at;
    }
    double **array[] = {&t->compute_s, &t->memory_s, &t->latency_s, &t->b, &t->s, &t->x};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++, at += n) {
        *array[k] = at;
    }
    t->kind = t->istore;
    t->config = t->kind + n;
    t->curve = t->config + n;
    t->learn = t->cstore;
    t->interior = t->learn + n;
    return SC_OK;
}

/* Sorted rows into the table; rows at one place become their median. */
static void fill(loo_table *t, const raw *r, size_t n_rows)
{
    int nc = t->n_coords;
    for (size_t i = 0, j; i < n_rows; i = j) {
        for (j = i + 1; j < n_rows && compare(&r[i], &r[j], nc) == 0; j++) {
        }
        size_t k = t->n++;
        for (int c = 0; c < nc; c++) {
            t->coord[c][k] = r[i].coord[c];
        }
        t->compute_s[k] = r[i].compute_s;
        t->memory_s[k] = r[i].memory_s;
        t->latency_s[k] =
            0.5 * (r[i + (j - i - 1) / 2].latency_s + r[i + (j - i) / 2].latency_s);
        t->b[k] = r[i].b;
        t->s[k] = r[i].s;
        t->x[k] = r[i].x;
        t->kind[k] = r[i].kind;
    }
}

static bool same(const loo_table *t, size_t i, size_t j, int n_coords)
{
    bool equal = t->kind[i] == t->kind[j];
    for (int c = 0; equal && c < n_coords; c++) {
        equal = t->coord[c][i] == t->coord[c][j];
    }
    return equal;
}

/* Configurations, curves, which points are at the end of their curve. */
static void number(loo_table *t)
{
    int config = 0, curve = 0;
    for (size_t i = 0; i < t->n; i++) {
        config += i > 0 && !same(t, i - 1, i, t->n_params);
        curve += i > 0 && !same(t, i - 1, i, t->n_coords - 1);
        t->config[i] = config;
        t->curve[i] = curve;
    }
    for (size_t i = 0; i < t->n; i++) {
        t->interior[i] = i > 0 && i + 1 < t->n && t->curve[i - 1] == t->curve[i] &&
                         t->curve[i + 1] == t->curve[i];
    }
}

/* Every other configuration of a kind, in an order drawn with the seed, is learnt from;
 * where a kind has fewer than four of them, every other curve. */
static sc_status halve(loo_table *t, uint64_t seed, sc_diag *diag)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    if (!rng) {
        return sc_diag_nomem(diag);
    }
    gsl_rng_set(rng, (unsigned long)seed);
    for (size_t i = 0, j; i < t->n; i = j) {
        for (j = i; j < t->n && t->kind[j] == t->kind[i]; j++) {
        }
        const int *unit = t->config[j - 1] - t->config[i] >= 3 ? t->config : t->curve;
        bool heads = false, open = false; /* of a pair: one of two, at random */
        for (size_t k = i; k < j; k++) {
            if (k == i || unit[k] != unit[k - 1]) {
                heads = open ? !heads : gsl_rng_uniform(rng) < 0.5;
                open = !open;
            }
            t->learn[k] = heads;
        }
    }
    gsl_rng_free(rng);
    return SC_OK;
}

static sc_status build(const col_points *p, const sol_system *system, uint64_t seed,
                       loo_table *t, sc_diag *diag)
{
    column col[FIT_FIELD_MAX_COORDS];
    int b, s;
    cli_fit_axes(p->op->phase[p->phase], &b, &s);
    t->n_coords = find_columns(p, col, &t->n_params);
    for (int c = 0; c < t->n_coords; c++) {
        snprintf(t->coord_name[c], sizeof t->coord_name[c], "%.31s",
                 col[c].param >= 0 ? p->op->param[col[c].param].name
                                   : p->op->phase[p->phase]->axis[col[c].axis].name);
    }
    sol_bound *bound = sc_calloc(p->n, sizeof *bound);
    fit_point *point = sc_calloc(p->n, sizeof *point);
    double *x = sc_calloc(p->n, sizeof *x);
    raw *r = sc_calloc(p->n, sizeof *r);
    sc_status status = bound && point && x && r ? SC_OK : sc_diag_nomem(diag);
    if (!status) {
        status = cli_point_bounds(p, system, SOL_ARCHITECTURAL, bound, x, diag);
    }
    if (!status) {
        status = cli_fit_points(p, bound, x, point, diag);
    }
    if (!status) {
        status = allocate(t, p->n, diag);
    }
    for (size_t i = 0; !status && i < p->n; i++) {
        const fit_point *q = &point[i];
        r[i] = (raw){.compute_s = q->compute_s,
                     .memory_s = q->memory_s,
                     .latency_s = q->latency_s,
                     .b = q->b,
                     .s = q->s,
                     .x = q->x,
                     .n_coords = t->n_coords,
                     .kind = kind_of(p->op, &p->config[p->point[i].group])};
        for (int c = 0; c < t->n_coords; c++) {
            r[i].coord[c] = log_of(value_of(p, i, &col[c]), col[c].zeros);
        }
    }
    if (!status) {
        t->n_rows = p->n;
        qsort(r, p->n, sizeof *r, compare_raw);
        fill(t, r, p->n);
        number(t);
        status = halve(t, seed, diag);
    }
    sc_free(bound);
    sc_free(point);
    sc_free(x);
    sc_free(r);
    return status;
}

void loo_table_clear(loo_table *t)
{
    sc_free(t->store);
    sc_free(t->istore);
    sc_free(t->cstore);
    *t = (loo_table){0};
}

sc_status loo_table_load(cli_library *lib, const char *path, const sol_op *op,
                         sol_phase_kind phase, uint64_t seed, loo_table *t, bool *found,
                         sc_diag *diag)
{
    const sol_system *system = NULL;
    col_table *table = NULL;
    col_points points = {0};
    *found = false;
    *t = (loo_table){.op = op, .phase = phase};
    if (!op->phase[phase] || cli_op_claim(op, phase, path) == 0) {
        return SC_OK;
    }
    sc_status status = cli_library_system(lib, path, &system);
    if (status || !system) {
        return status;
    }
    status = col_table_load(path, &table, diag);
    if (!status) {
        status =
            col_points_map(table, op, phase, NULL, &points, &lib->cli->warnings, diag);
    }
    if (status == SC_EDOMAIN) { /* no row of this phase */
        status = SC_OK;
    } else if (!status && points.n > 0) {
        status = build(&points, system, seed, t, diag);
        snprintf(t->name, sizeof t->name, "%.12s %.20s %s", system->name, op->name,
                 sol_phase_name(phase));
        *found = !status;
        if (status) {
            loo_table_clear(t);
        }
    }
    col_points_clear(&points);
    col_table_free(table);
    return status;
}

/* ---- errors ---- */

typedef struct errors {
    double *v; /* signed, predicted/measured - 1 */
    size_t n;
} errors;

static void summarise(errors *e, loo_error *out)
{
    *out = (loo_error){.n = e->n};
    if (e->n == 0) {
        return;
    }
    out->bias = fit_quantile(e->v, e->n, 0.5);
    for (size_t i = 0; i < e->n; i++) {
        e->v[i] = fabs(e->v[i]);
    }
    out->median = fit_quantile(e->v, e->n, 0.5);
    out->p90 = fit_quantile(e->v, e->n, 0.9);
}

/* The points [lo,hi) of one kind as field data. */
static fit_field_data slice(const loo_table *t, size_t lo, size_t hi,
                            const double **coord)
{
    for (int c = 0; c < t->n_coords; c++) {
        coord[c] = t->coord[c] + lo;
    }
    return (fit_field_data){.n = hi - lo,
                            .n_coords = t->n_coords,
                            .coord = coord,
                            .compute_s = t->compute_s + lo,
                            .memory_s = t->memory_s + lo,
                            .latency_s = t->latency_s + lo};
}

static void describe(const loo_table *t, const fit_field *f, const char *what)
{
    fit_field_choice c;
    fit_field_describe(f, &c);
    fprintf(stderr, "  %s: %s, loss %.4f, nugget %g, lengths", what, c.kernel, c.loss,
            c.nugget);
    for (int k = 0; k < c.n_coords + 2; k++) {
        fprintf(stderr, " %s %g",
                k < c.n_coords    ? t->coord_name[k]
                : k == c.n_coords ? "compute"
                                  : "memory",
                c.length[k]);
    }
    fprintf(stderr, "; t0 %.2f us, eta %.2f %.2f, p %.2f", 1e6 * c.t0_s, c.eta_compute,
            c.eta_memory, c.sharpness);
    for (int q = 0; q < c.n_terms; q++) {
        fprintf(stderr, "; %.3g us", 1e6 * c.unit_s[q]);
        for (int k = 0; k < c.n_coords; k++) {
            if (isfinite(c.tile[q][k])) {
                fprintf(stderr, " %s/%g", t->coord_name[k], c.tile[q][k]);
            }
        }
    }
    fprintf(stderr, "\n");
}

#define SITE_POINTS 4000 /* of held-out sites that are predicted, at most */

/* What blending the two neighbours on the innermost axis gives, linear in latency over
 * the axis itself: the reference ecosystem's rule, on the points that run_loo predicts.
 */
static void run_bracket(const loo_table *t, size_t lo, size_t hi, errors *e)
{
    const double *ln = t->coord[t->n_coords - 1];
    for (size_t i = lo; i < hi; i++) {
        if (t->learn[i] || !t->interior[i]) {
            continue;
        }
        double a = exp(ln[i - 1]), v = exp(ln[i]), b = exp(ln[i + 1]);
        double w = (v - a) / (b - a);
        double guess = (1 - w) * t->latency_s[i - 1] + w * t->latency_s[i + 1];
        e->v[e->n++] = guess / t->latency_s[i] - 1;
    }
}

/* Each point of the half that nothing was learnt from, left out; with its block where
 * there are blocks. */
static sc_status run_loo(const loo_table *t, size_t lo, size_t hi, const int *block,
                         uint64_t seed, errors *interior, errors *frontier, sc_diag *diag)
{
    const double *coord[FIT_FIELD_MAX_COORDS];
    fit_field_data data = slice(t, lo, hi, coord);
    fit_field_options o;
    fit_field *f;
    fit_field_defaults(&o);
    o.seed = seed;
    o.learn = t->learn + lo;
    o.block = block ? block + lo : NULL;
    sc_status status = fit_field_new(&data, &o, &f, diag);
    if (status) {
        return status;
    }
    describe(t, f, block ? "sites" : "points");
    size_t stride = block && hi - lo > SITE_POINTS ? (hi - lo) / SITE_POINTS : 1;
    for (size_t i = lo; i < hi; i += stride) {
        if (t->learn[i]) {
            continue;
        }
        fit_field_value v = fit_field_hold_out(f, i - lo);
        errors *e = t->interior[i] || block ? interior : frontier;
        e->v[e->n++] = v.latency_s / t->latency_s[i] - 1;
    }
    fit_field_free(f);
    return SC_OK;
}

/* The half that nothing was chosen on, from a tenth of all points, which the design chose
 * without seeing any latency. */
static sc_status run_tenth(const loo_table *t, size_t lo, size_t hi, uint64_t seed,
                           errors *interior, errors *frontier, sc_diag *diag)
{
    size_t n = hi - lo, wanted = n / 10;
    if (wanted < 12) {
        return SC_OK;
    }
    fit_point *p = sc_calloc(n, sizeof *p);
    size_t *order = sc_calloc(n, sizeof *order);
    double *store = sc_calloc(wanted * (size_t)(t->n_coords + 3), sizeof *store);
    unsigned char *taken = sc_calloc(n, 1);
    sc_status status = p && order && store && taken ? SC_OK : sc_diag_nomem(diag);
    for (size_t i = 0; !status && i < n; i++) {
        p[i] = (fit_point){.group = t->config[lo + i],
                           .b = t->b[lo + i],
                           .s = t->s[lo + i],
                           .x = t->x[lo + i],
                           .compute_s = t->compute_s[lo + i],
                           .memory_s = t->memory_s[lo + i]};
    }
    if (!status) {
        const double *all[FIT_FIELD_MAX_COORDS];
        fit_design_input in = {.point = p, .n = n, .n_coords = t->n_coords};
        slice(t, lo, hi, all);
        in.coord = all;
        status = fit_design_choose(&in, wanted, order, NULL, diag);
    }
    const double *coord[FIT_FIELD_MAX_COORDS];
    fit_field *f = NULL;
    if (!status) {
        double *col[FIT_FIELD_MAX_COORDS + 3];
        for (int c = 0; c < t->n_coords + 3; c++) {
            col[c] = store + (size_t)c * wanted;
            const double *from = c < t->n_coords        ? t->coord[c]
                                 : c == t->n_coords     ? t->compute_s
                                 : c == t->n_coords + 1 ? t->memory_s
                                                        : t->latency_s;
            for (size_t k = 0; k < wanted; k++) {
                col[c][k] = from[lo + order[k]];
                taken[order[k]] = 1;
            }
            if (c < t->n_coords) {
                coord[c] = col[c];
            }
        }
        fit_field_options o;
        fit_field_defaults(&o);
        o.seed = seed;
        fit_field_data data = {.n = wanted,
                               .n_coords = t->n_coords,
                               .coord = coord,
                               .compute_s = col[t->n_coords],
                               .memory_s = col[t->n_coords + 1],
                               .latency_s = col[t->n_coords + 2]};
        status = fit_field_new(&data, &o, &f, diag);
    }
    if (!status) {
        describe(t, f, "tenth");
    }
    for (size_t i = 0; !status && i < n; i++) {
        double at[FIT_FIELD_MAX_COORDS];
        fit_field_value v;
        for (int c = 0; c < t->n_coords; c++) {
            at[c] = t->coord[c][lo + i];
        }
        if (taken[i] || t->learn[lo + i]) {
            continue;
        }
        status = fit_field_at(f, at, p[i].compute_s, p[i].memory_s, &v, diag);
        errors *e = t->interior[lo + i] ? interior : frontier;
        e->v[e->n++] = v.latency_s / t->latency_s[lo + i] - 1;
    }
    fit_field_free(f);
    sc_free(p);
    sc_free(order);
    sc_free(store);
    sc_free(taken);
    return status;
}

sc_status loo_table_run(const loo_table *t, uint64_t seed, loo_result *out, sc_diag *diag)
{
    errors e[6];
    double *store = sc_malloc(6 * t->n * sizeof *store);
    if (!store) {
        return sc_diag_nomem(diag);
    }
    for (int k = 0; k < 6; k++) {
        e[k] = (errors){store + (size_t)k * t->n, 0};
    }
    sc_status status = SC_OK;
    for (size_t i = 0, j; !status && i < t->n; i = j) {
        for (j = i; j < t->n && t->kind[j] == t->kind[i]; j++) {
        }
        if (j - i < 8) {
            continue;
        }
        run_bracket(t, i, j, &e[5]);
        status = run_loo(t, i, j, NULL, seed, &e[0], &e[1], diag);
        if (!status && t->config[j - 1] - t->config[i] >= 7) {
            status = run_loo(t, i, j, t->config, seed, &e[2], &e[2], diag);
        }
        if (!status) {
            status = run_tenth(t, i, j, seed, &e[3], &e[4], diag);
        }
    }
    if (!status) {
        loo_error *to[] = {&out->interior,       &out->frontier,       &out->site,
                           &out->tenth_interior, &out->tenth_frontier, &out->bracket};
        for (int k = 0; k < 6; k++) {
            summarise(&e[k], to[k]);
        }
    }
    sc_free(store);
    return status;
}
