/* solcheck - what a table says about the decision and about itself.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/evidence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* Cells of one grid, times the grids that have to be looked at apart. */
#define MAX_CELLS 50000
#define MAX_VALUES 4096 /* of one axis */

typedef struct entry {
    const col_point *point;
    double x;
} entry;

typedef struct survey {
    const col_points *points;
    const sol_phase *phase;
    int n_axes;
    entry *row;     /* [points->n], by sets: one configuration in one cache state */
    double *spread; /* [points->n] */
    col_evidence found;
} survey;

/* ---- orders within a set ---- */

typedef int order(const void *a, const void *b, void *axes);

typedef struct axes { /* last: the axis that is compared last */
    int n, last;
} axes;

static int by_number(double x, double y)
{
    return (x > y) - (x < y);
}

static int by_axes(const void *a, const void *b, void *user)
{
    const entry *x = a, *y = b;
    const axes *how = user;
    for (int i = 0; i < how->n; i++)
        if (i != how->last && x->point->axis[i] != y->point->axis[i])
            return by_number(x->point->axis[i], y->point->axis[i]);
    int last = by_number(x->point->axis[how->last], y->point->axis[how->last]);
    return last ? last : by_number(x->point->latency_s, y->point->latency_s);
}

static int by_tokens(const void *a, const void *b, void *user)
{
    const entry *x = a, *y = b;
    (void)user;
    return by_number(x->x, y->x);
}

static int by_value(const void *a, const void *b)
{
    return by_number(*(const double *)a, *(const double *)b);
}

/* Most tables are in order already. */
static void sort(entry *row, size_t n, order *compare, axes *how)
{
    size_t i = 1;
    while (i < n && compare(&row[i - 1], &row[i], how) <= 0)
        i++;
    if (i < n)
        qsort_r(row, n, sizeof *row, compare, how);
}

/* Do two rows of one set differ in no axis but `except`, which may be -1? */
static bool same_axes(const survey *s, const entry *a, const entry *b, int except)
{
    for (int i = 0; i < s->n_axes; i++)
        if (i != except && a->point->axis[i] != b->point->axis[i])
            return false;
    return true;
}

/* ---- iso-token spread ---- */

static void iso_group(survey *s, const entry *row, size_t n)
{
    double least = INFINITY, most = 0;
    bool differ = false;
    for (size_t i = 0; i < n; i++) {
        least = fmin(least, row[i].point->latency_s);
        most = fmax(most, row[i].point->latency_s);
        differ |= !same_axes(s, &row[0], &row[i], -1);
    }
    if (!differ)
        return;
    s->spread[s->found.n_iso++] = most / least;
    s->found.n_iso_rows += n;
}

static void iso_tokens(survey *s, entry *row, size_t n)
{
    sort(row, n, by_tokens, NULL);
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && row[from].x == row[to].x;)
            to++;
        if (to - from > 1)
            iso_group(s, row + from, to - from);
    }
}

static double rank(const double *sorted, size_t n, double q)
{
    size_t at = (size_t)ceil(q * (double)n);
    return n ? sorted[at ? at - 1 : 0] : NAN;
}

static void iso_quantiles(survey *s)
{
    qsort(s->spread, s->found.n_iso, sizeof *s->spread, by_value);
    s->found.iso_median = rank(s->spread, s->found.n_iso, 0.5);
    s->found.iso_p90 = rank(s->spread, s->found.n_iso, 0.9);
    s->found.iso_largest = rank(s->spread, s->found.n_iso, 1);
}

/* ---- neighbours ---- */

static void invert(survey *s, const entry *less, const entry *more)
{
    double ratio = less->point->latency_s / more->point->latency_s;
    if (ratio <= 1 + COL_AGREE)
        return;
    s->found.n_inverted++;
    if (ratio > s->found.inverted_ratio || !s->found.inverted_line) {
        s->found.inverted_ratio = ratio;
        s->found.inverted_line = more->point->line;
    }
}

static void repeat(survey *s, const entry *fastest, const entry *row)
{
    s->found.n_repeated++;
    if (row->point->latency_s <= (1 + COL_AGREE) * fastest->point->latency_s)
        return;
    s->found.n_contradictory++;
    s->found.contradictory_line = row->point->line;
}

/* The fastest rows of neighbouring keys, along each axis in turn; repeats once. */
static void neighbours(survey *s, entry *row, size_t n)
{
    for (int axis = s->n_axes - 1; axis >= 0; axis--) {
        axes how = {s->n_axes, axis};
        sort(row, n, by_axes, &how);
        for (size_t i = 1, first = 0; i < n; i++) {
            bool line = same_axes(s, &row[first], &row[i], axis);
            if (line && row[first].point->axis[axis] == row[i].point->axis[axis]) {
                if (axis == 0)
                    repeat(s, &row[first], &row[i]);
                continue;
            }
            if (line)
                invert(s, &row[first], &row[i]);
            first = i;
        }
    }
}

/* ---- sets ---- */

static size_t set_of(const col_point *point)
{
    return 2 * (size_t)point->group + point->hot;
}

/* A counting sort: rows keep their order within a set. */
static sc_status make_sets(survey *s, const double *x, size_t **end, sc_diag *diag)
{
    const col_points *points = s->points;
    size_t n_sets = 2 * points->n_configs, *next = sc_calloc(n_sets + 1, sizeof *next);
    if (!next)
        return sc_diag_nomem(diag);
    for (size_t i = 0; i < points->n; i++)
        next[set_of(&points->point[i]) + 1]++;
    for (size_t k = 0; k < n_sets; k++)
        next[k + 1] += next[k];
    for (size_t i = 0; i < points->n; i++)
        s->row[next[set_of(&points->point[i])]++] = (entry){&points->point[i], x[i]};
    *end = next;
    return SC_OK;
}

static sc_status study_sets(survey *s, const double *x, sc_diag *diag)
{
    size_t *end = NULL;
    sc_status status = make_sets(s, x, &end, diag);
    if (status)
        return status;
    for (size_t k = 0, from = 0; k < 2 * s->points->n_configs; from = end[k++]) {
        iso_tokens(s, s->row + from, end[k] - from);
        neighbours(s, s->row + from, end[k] - from);
    }
    iso_quantiles(s);
    sc_free(end);
    return SC_OK;
}

/* ---- coverage ---- */

typedef struct values { /* of an axis, distinct and ascending */
    double value[MAX_VALUES];
    size_t n;
} values;

/* false: full, no grid. */
static bool insert(values *v, double value)
{
    size_t lo = 0, hi = v->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (v->value[mid] < value)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < v->n && v->value[lo] == value)
        return true;
    if (v->n == MAX_VALUES)
        return false;
    memmove(&v->value[lo + 1], &v->value[lo], (v->n - lo) * sizeof(double));
    v->value[lo] = value;
    v->n++;
    return true;
}

static bool distinct(const col_points *points, int axis, values *v)
{
    v->n = 0;
    for (size_t i = 0; i < points->n; i++)
        if (!insert(v, points->point[i].axis[axis]))
            return false;
    return true;
}

static sc_status count_admitted(const survey *s, const sol_config *config,
                                const values *v, size_t *out, sc_diag *diag)
{
    size_t cells = 1;
    for (int i = 0; i < s->n_axes; i++)
        cells *= v[i].n;
    *out = 0;
    for (size_t cell = 0; cell < cells; cell++) {
        double axis[SOL_MAX_AXES];
        size_t rest = cell;
        for (int i = 0; i < s->n_axes; i++) {
            axis[i] = v[i].value[rest % v[i].n];
            rest /= v[i].n;
        }
        sc_diag why = {0};
        sc_status status = sol_phase_admits(s->points->op, s->phase, config, axis, &why);
        *out += status == SC_OK;
        if (status != SC_OK && status != SC_EINVAL) {
            *diag = why;
            return status;
        }
    }
    return SC_OK;
}

/* Do the guards of the phase depend on more than the axes? */
static sc_status guards_vary(const survey *s, bool *vary, sc_diag *diag)
{
    const sol_op *op = s->points->op;
    int n = sol_symbol_count(op->ctx);
    bool *used = sc_calloc((size_t)n + 1, sizeof *used);
    if (!used)
        return sc_diag_nomem(diag);
    for (int g = 0; g < s->phase->n_guards; g++)
        sol_expr_symbols(s->phase->guard[g].expr, used, n);
    for (int i = 0; i < s->n_axes; i++)
        used[s->phase->axis[i].symbol] = false;
    *vary = false;
    for (int i = 0; i < n; i++)
        *vary |= used[i];
    sc_free(used);
    return SC_OK;
}

static sc_status grid(survey *s, const values *v, sc_diag *diag)
{
    const col_points *points = s->points;
    bool vary = false;
    sc_status status = guards_vary(s, &vary, diag);
    if (status)
        return status;
    size_t looks = vary ? points->n_configs : 1, per = 0;
    double cells = (double)looks;
    for (int i = 0; i < s->n_axes; i++)
        cells *= (double)v[i].n;
    if (cells > MAX_CELLS)
        return SC_OK;
    for (size_t c = 0; c < looks && !status; c++) {
        status = count_admitted(s, &points->config[c], v, &per, diag);
        s->found.n_cells += per;
    }
    if (looks < points->n_configs)
        s->found.n_cells *= points->n_configs;
    return status;
}

/* Rows measured in both cache states fill two grids; the second counts only where the
 * table has it. */
static bool has_state(const col_points *points, bool hot)
{
    for (size_t i = 0; i < points->n; i++)
        if (points->point[i].hot == hot)
            return true;
    return false;
}

static sc_status coverage(survey *s, sc_diag *diag)
{
    values *v = sc_calloc((size_t)s->n_axes, sizeof *v);
    sc_status status = v ? SC_OK : sc_diag_nomem(diag);
    bool is_grid = true;
    for (int i = 0; i < s->n_axes && !status && is_grid; i++)
        is_grid = distinct(s->points, i, &v[i]);
    if (!status && is_grid)
        status = grid(s, v, diag);
    sc_free(v);
    if (has_state(s->points, true) && has_state(s->points, false))
        s->found.n_cells *= 2;
    s->found.n_filled = s->points->n - s->found.n_repeated;
    return status;
}

/* ---- all of it ---- */

sc_status col_evidence_points(const col_points *points, const double *x,
                              col_evidence *out, sc_diag *diag)
{
    survey s = {.points = points, .phase = points->op->phase[points->phase]};
    s.n_axes = s.phase->n_axes;
    s.row = sc_calloc(points->n + 1, sizeof *s.row);
    s.spread = sc_calloc(points->n + 1, sizeof *s.spread);
    sc_status status = s.row && s.spread ? SC_OK : sc_diag_nomem(diag);
    if (!status)
        status = study_sets(&s, x, diag);
    if (!status)
        status = coverage(&s, diag);
    if (!status)
        *out = s.found;
    sc_free(s.row);
    sc_free(s.spread);
    return status;
}
