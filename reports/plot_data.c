/* solcheck - reports: what a figure shows: panels, curves and their bounds.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "reports/plot.h"

/* ---- what to show ---- */

bool plot_in_group(const rep_phase *p, size_t i, int group)
{
    return p->points.point[i].group == group;
}

/* Up to PLOT_MAX_PANELS configurations with most points, in the order of the table. */
static sc_status choose_panels(plot_figure *f, sc_diag *diag)
{
    const col_points *points = &f->p->points;
    if (points->n == 0) {
        f->panel[0] = (plot_panel){.config = &f->study->config, .group = -1};
        f->n_panels = 1;
        return SC_OK;
    }
    size_t *count = sc_calloc(points->n_configs, sizeof *count);
    if (!count) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < points->n; i++) {
        count[points->point[i].group]++;
    }
    for (size_t g = 0; g < points->n_configs; g++) {
        size_t larger = 0;
        for (size_t h = 0; h < points->n_configs; h++) {
            larger += count[h] > count[g] || (count[h] == count[g] && h < g);
        }
        f->n_groups += count[g] > 0;
        if (count[g] > 0 && larger < PLOT_MAX_PANELS) {
            f->panel[f->n_panels++] =
                (plot_panel){.config = &points->config[g], .group = (int)g};
        }
    }
    sc_free(count);
    return SC_OK;
}

/* Points of a group (-1: of all), and how many of them are hot. */
static size_t count_points(const rep_phase *p, int group, size_t *hot)
{
    size_t n = 0;
    *hot = 0;
    for (size_t i = 0; i < p->points.n; i++) {
        if (group < 0 || plot_in_group(p, i, group)) {
            n++;
            *hot += p->points.point[i].hot;
        }
    }
    return n;
}

/* One state for the figure, that of most points; a panel without any of them shows its own. */
static void choose_cache(plot_figure *f)
{
    size_t hot = 0, n = count_points(f->p, -1, &hot);
    f->hot = 2 * hot > n;
    for (int k = 0; k < f->n_panels; k++) {
        plot_panel *panel = &f->panel[k];
        n = count_points(f->p, panel->group, &hot);
        panel->hot = (f->hot ? hot : n - hot) > 0 ? f->hot : hot > 0;
    }
}

/* Distinct values of the first axis: measured ones, or a sweep's. */
static sc_status first_values(const plot_figure *f, const plot_panel *panel,
                              rep_sweep *out, sc_diag *diag)
{
    if (panel->group < 0) {
        return rep_sweep_axis(f->study, f->p, f->first, out, diag);
    }
    for (size_t i = 0; i < f->p->points.n; i++) {
        if (plot_in_group(f->p, i, panel->group) &&
            rep_sweep_add(out, f->p->points.point[i].axis[f->first], false) != SC_OK) {
            return sc_diag_nomem(diag);
        }
    }
    return SC_OK;
}

/* Picks up to PLOT_MAX_CURVES of them, spread evenly, both ends included. */
static sc_status choose_curves(const plot_figure *f, plot_panel *panel, sc_diag *diag)
{
    if (f->first < 0) {
        panel->n_curves = 1;
        panel->curve[0].first = NAN;
        return SC_OK;
    }
    rep_sweep values = {0};
    sc_status status = first_values(f, panel, &values, diag);
    if (status == SC_OK) {
        panel->n_curves = values.n < PLOT_MAX_CURVES ? (int)values.n : PLOT_MAX_CURVES;
        for (int c = 0; c < panel->n_curves; c++) {
            size_t at = panel->n_curves > 1
                            ? (size_t)c * (values.n - 1) / (size_t)(panel->n_curves - 1)
                            : 0;
            panel->curve[c].first = values.value[at];
        }
    }
    rep_sweep_clear(&values);
    return status;
}

/* ---- SOL curves ---- */

static bool memory_bound(const sol_bound *bound, bool hot)
{
    return (hot ? bound->memory_hot_s : bound->memory_cold_s) >= bound->compute_s;
}

/* Both ceilings of one configuration. */
typedef struct model_pair {
    sol_model *model[SOL_N_CEILINGS];
} model_pair;

static void pair_clear(model_pair *pair)
{
    for (int c = 0; c < SOL_N_CEILINGS; c++) {
        sol_model_free(pair->model[c]);
    }
}

static sc_status pair_init(const plot_figure *f, const plot_panel *panel,
                           model_pair *pair, sc_diag *diag)
{
    sc_status status = SC_OK;
    for (int c = 0; c < SOL_N_CEILINGS && status == SC_OK; c++) {
        status = sol_model_new(f->study->op, f->p->phase->kind, panel->config,
                               f->study->system, (sol_ceiling)c, &pair->model[c], diag);
    }
    return status;
}

/* Evaluates n points, axis[i][j] in the order of phase->axis, into sample[].sol/.sheet.
 */
static sc_status eval_samples(const model_pair *pair, const double *const *axis, int n,
                              bool hot, plot_sample *out, sc_diag *diag)
{
    sol_bound bound[SOL_N_CEILINGS][PLOT_MAX_SAMPLES];
    for (int c = 0; c < SOL_N_CEILINGS; c++) {
        sc_status status =
            sol_model_eval(pair->model[c], (size_t)n, axis, bound[c], NULL, diag);
        if (status != SC_OK) {
            return status;
        }
    }
    for (int j = 0; j < n; j++) {
        const sol_bound *arch = &bound[SOL_ARCHITECTURAL][j];
        const sol_bound *sheet = &bound[SOL_DATASHEET][j];
        out[j].sol = 1e3 * (hot ? arch->sol_hot_s : arch->sol_cold_s);
        out[j].sheet = 1e3 * (hot ? sheet->sol_hot_s : sheet->sol_cold_s);
        out[j].memory = memory_bound(arch, hot);
    }
    return SC_OK;
}

/* The points of one curve, before they are evaluated. */
typedef struct track {
    double value[SOL_MAX_AXES][PLOT_MAX_SAMPLES]; /* in the order of phase->axis */
    bool admitted[PLOT_MAX_SAMPLES];
    int n;
} track;

/* Sets every axis but `along` for the curve of one value of the first axis. */
static void base_point(const plot_figure *f, double first, double point[SOL_MAX_AXES])
{
    for (int i = 0; i < f->p->phase->n_axes; i++) {
        const sol_axis *a = &f->p->phase->axis[i];
        point[i] = i == f->first ? first : a->optional ? a->value : a->lo;
    }
}

/* Moves the first sample that a guard refuses to the last point that it admits, so that
 * curves end where the collector's do. */
static sc_status move_to_guard(const plot_figure *f, const plot_panel *panel,
                               double *point, track *t, int j, sc_diag *diag)
{
    double good = t->value[f->along][j - 1], bad = t->value[f->along][j];
    while (bad - good > 1) {
        bool admitted = false;
        point[f->along] = floor((good + bad) / 2);
        sc_status status =
            rep_admits(f->study->op, f->p->phase, panel->config, point, &admitted, diag);
        if (status != SC_OK) {
            return status;
        }
        *(admitted ? &good : &bad) = point[f->along];
    }
    t->admitted[j] = good > t->value[f->along][j - 1];
    t->value[f->along][j] = good;
    return SC_OK;
}

/* Integers spread evenly in log space over the range of the last axis. */
static sc_status lay_track(const plot_figure *f, const plot_panel *panel, double first,
                           track *t, sc_diag *diag)
{
    const sol_phase *phase = f->p->phase;
    const sol_axis *along = &phase->axis[f->along];
    double lo = fmax(1, ceil(along->lo)), hi = fmax(lo, floor(along->hi)), before = NAN;
    double point[SOL_MAX_AXES];
    base_point(f, first, point);
    t->n = 0;
    for (int j = 0; j < PLOT_MAX_SAMPLES; j++) {
        double at = round(lo * pow(hi / lo, j / (PLOT_MAX_SAMPLES - 1.0)));
        if (at == before) {
            continue;
        }
        before = point[f->along] = at;
        for (int i = 0; i < phase->n_axes; i++) {
            t->value[i][t->n] = point[i];
        }
        sc_status status = rep_admits(f->study->op, phase, panel->config, point,
                                      &t->admitted[t->n], diag);
        if (status == SC_OK && t->n > 0 && t->admitted[t->n - 1] && !t->admitted[t->n]) {
            status = move_to_guard(f, panel, point, t, t->n, diag);
        }
        if (status != SC_OK) {
            return status;
        }
        t->n++;
    }
    return SC_OK;
}

/* A SOL curve over the last axis, the first one fixed. */
static sc_status fill_curve(const plot_figure *f, const plot_panel *panel,
                            const model_pair *pair, plot_curve *curve, sc_diag *diag)
{
    track t;
    const double *pointer[SOL_MAX_AXES];
    sc_status status = lay_track(f, panel, curve->first, &t, diag);
    if (status != SC_OK) {
        return status;
    }
    for (int i = 0; i < f->p->phase->n_axes; i++) {
        pointer[i] = t.value[i];
    }
    status = eval_samples(pair, pointer, t.n, panel->hot, curve->sample, diag);
    for (int j = 0; j < t.n && status == SC_OK; j++) {
        curve->sample[j].at = t.value[f->along][j];
        if (!t.admitted[j]) {
            curve->sample[j].sol = curve->sample[j].sheet = NAN;
        }
    }
    curve->n = t.n;
    return status;
}

static int compare_sample(const void *a, const void *b)
{
    double x = ((const plot_sample *)a)->at, y = ((const plot_sample *)b)->at;
    return (x > y) - (x < y);
}

/* Keeps at most PLOT_MAX_SAMPLES of all[0..n), spread over the sorted order, and of equal
 * x the fastest: the bound at that x. */
static void thin_out(plot_sample *all, size_t n, plot_curve *curve)
{
    qsort(all, n, sizeof *all, compare_sample);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && all[kept - 1].at == all[i].at) {
            if (all[i].sol < all[kept - 1].sol) {
                all[kept - 1] = all[i];
            }
        } else {
            all[kept++] = all[i];
        }
    }
    curve->n = kept < PLOT_MAX_SAMPLES ? (int)kept : PLOT_MAX_SAMPLES;
    for (int j = 0; j < curve->n; j++) {
        size_t at = curve->n > 1 ? (size_t)j * (kept - 1) / (size_t)(curve->n - 1) : 0;
        curve->sample[j] = all[at];
    }
}

/* The SOL curve over x: the admissible grid, sorted by x. */
static sc_status fill_token_curve(const plot_figure *f, const plot_panel *panel,
                                  const model_pair *pair, plot_curve *curve,
                                  sc_diag *diag)
{
    double *axis[SOL_MAX_AXES] = {NULL};
    size_t n = 0;
    sc_status status = sol_grid(f->study->op, f->p->phase, panel->config, axis, &n, diag);
    double *x = sc_reallocarray(NULL, n, sizeof *x);
    plot_sample *all = sc_reallocarray(NULL, n, sizeof *all);
    if (status == SC_OK && (!x || !all)) {
        status = sc_diag_nomem(diag);
    }
    if (status == SC_OK) {
        status = sol_model_tokens(pair->model[SOL_ARCHITECTURAL], n,
                                  (const double *const *)axis, x, diag);
    }
    for (size_t start = 0; start < n && status == SC_OK; start += PLOT_MAX_SAMPLES) {
        int m = n - start < PLOT_MAX_SAMPLES ? (int)(n - start) : PLOT_MAX_SAMPLES;
        const double *pointer[SOL_MAX_AXES];
        for (int i = 0; i < f->p->phase->n_axes; i++) {
            pointer[i] = axis[i] ? axis[i] + start : NULL;
        }
        status = eval_samples(pair, pointer, m, panel->hot, all + start, diag);
        for (int j = 0; j < m && status == SC_OK; j++) {
            all[start + (size_t)j].at = x[start + (size_t)j];
        }
    }
    if (status == SC_OK) {
        thin_out(all, n, curve);
    }
    for (int i = 0; i < SOL_MAX_AXES; i++) {
        sc_free(axis[i]);
    }
    sc_free(x);
    sc_free(all);
    return status;
}

static sc_status fill_panel(const plot_figure *f, plot_panel *panel, sc_diag *diag)
{
    model_pair pair = {{NULL}};
    sc_status status = choose_curves(f, panel, diag);
    if (status == SC_OK) {
        status = pair_init(f, panel, &pair, diag);
    }
    if (status == SC_OK && f->tokens) {
        status = fill_token_curve(f, panel, &pair, &panel->curve[0], diag);
    }
    for (int c = 0; c < panel->n_curves && status == SC_OK && !f->tokens; c++) {
        status = fill_curve(f, panel, &pair, &panel->curve[c], diag);
    }
    pair_clear(&pair);
    return status;
}

sc_status plot_figure_new(const rep_study *study, const rep_phase *p, plot_figure **out,
                          sc_diag *diag)
{
    plot_figure *f = sc_calloc(1, sizeof *f);
    if (!f) {
        return sc_diag_nomem(diag);
    }
    int required[SOL_MAX_AXES], n = rep_required_axes(p->phase, required);
    f->study = study;
    f->p = p;
    f->tokens = p->kind == FIT_TOKEN_EQUIVALENT;
    f->first = n > 1 ? required[0] : -1;
    f->along = n > 0 ? required[n - 1] : 0;
    const sol_expr *x = p->phase->tokens;
    if (f->tokens && n > 1 && x->op == SOL_OP_SYMBOL &&
        x->symbol == p->phase->axis[f->first].symbol) {
        f->first = f->along; /* x is the first axis: the colours show another one */
    }
    sc_status status = choose_panels(f, diag);
    if (status == SC_OK) {
        choose_cache(f);
    }
    for (int i = 0; i < f->n_panels && status == SC_OK; i++) {
        status = fill_panel(f, &f->panel[i], diag);
    }
    if (status != SC_OK) {
        sc_free(f);
        return status;
    }
    *out = f;
    return SC_OK;
}

/* A model of any group's configuration knows them. */
sc_status plot_point_tokens(const rep_study *study, const rep_phase *p, double *x,
                            sc_diag *diag)
{
    const col_points *points = &p->points;
    const sol_config *config = points->n ? &points->config[0] : &study->config;
    sol_model *model = NULL;
    sc_status status = sol_model_new(study->op, p->phase->kind, config, study->system,
                                     SOL_ARCHITECTURAL, &model, diag);
    for (size_t i = 0; i < points->n && status == SC_OK; i++) {
        const double *pointer[SOL_MAX_AXES];
        for (int k = 0; k < p->phase->n_axes; k++) {
            pointer[k] = &points->point[i].axis[k];
        }
        status = sol_model_tokens(model, 1, pointer, &x[i], diag);
    }
    sol_model_free(model);
    return status;
}
