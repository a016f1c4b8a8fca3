/* solcheck - bounds of the points of a table.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/bounds.h"

#include <string.h>

#include "base/alloc.h"

typedef struct columns { /* axes of the points of one configuration */
    double *axis[SOL_MAX_AXES];
    sol_bound *bound;
    double *x;
} columns;

static void free_columns(columns *c)
{
    for (int i = 0; i < SOL_MAX_AXES; i++)
        sc_free(c->axis[i]);
    sc_free(c->bound);
    sc_free(c->x);
}

static bool make_columns(columns *c, size_t n, int n_axes)
{
    *c = (columns){.bound = sc_calloc(n, sizeof *c->bound),
                   .x = sc_calloc(n, sizeof *c->x)};
    bool ready = c->bound && c->x;
    for (int i = 0; i < n_axes && ready; i++)
        ready = (c->axis[i] = sc_calloc(n, sizeof *c->axis[i])) != NULL;
    return ready;
}

/* Bounds of row[0..n), points of one configuration. */
static sc_status bound_rows(const col_points *points, const size_t *row, size_t n,
                            const sol_system *system, sol_ceiling ceiling, columns *c,
                            sol_bound *bound, double *x, sc_diag *diag)
{
    const sol_phase *phase = points->op->phase[points->phase];
    const sol_config *config = &points->config[points->point[row[0]].group];
    const double *const *axis = (const double *const *)c->axis;
    sol_model *model = NULL;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < phase->n_axes; k++)
            c->axis[k][i] = points->point[row[i]].axis[k];
    sc_status status =
        sol_model_new(points->op, phase->kind, config, system, ceiling, &model, diag);
    if (status == SC_OK)
        status = sol_model_eval(model, n, axis, c->bound, NULL, diag);
    if (status == SC_OK && x)
        status = sol_model_tokens(model, n, axis, c->x, diag);
    for (size_t i = 0; i < n && status == SC_OK; i++) {
        bound[row[i]] = c->bound[i];
        if (x)
            x[row[i]] = c->x[i];
    }
    sol_model_free(model);
    return status;
}

/* row[0..n): the points by configuration; start[0..n_configs]: where each begins. */
static void sort_rows(const col_points *points, size_t *row, size_t *start)
{
    for (size_t i = 0; i < points->n; i++)
        start[points->point[i].group + 1]++;
    for (size_t g = 0; g < points->n_configs; g++)
        start[g + 1] += start[g];
    for (size_t i = points->n; i-- > 0;)
        row[--start[points->point[i].group + 1]] = i;
    memmove(start, start + 1, points->n_configs * sizeof *start);
    start[points->n_configs] = points->n;
}

sc_status col_point_bounds(const col_points *points, const sol_system *system,
                           sol_ceiling ceiling, sol_bound *bound, double *x,
                           sc_diag *diag)
{
    columns c = {0};
    size_t *row = sc_calloc(points->n, sizeof *row);
    size_t *start = sc_calloc(points->n_configs + 1, sizeof *start);
    int n_axes = points->op->phase[points->phase]->n_axes;
    sc_status status =
        row && start && make_columns(&c, points->n, n_axes) ? SC_OK : sc_diag_nomem(diag);
    if (status == SC_OK)
        sort_rows(points, row, start);
    for (size_t g = 0; g < points->n_configs && status == SC_OK; g++)
        if (start[g + 1] > start[g])
            status = bound_rows(points, row + start[g], start[g + 1] - start[g], system,
                                ceiling, &c, bound, x, diag);
    free_columns(&c);
    sc_free(row);
    sc_free(start);
    return status;
}
