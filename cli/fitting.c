/* solcheck - from points of tables to points of fits.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/fitting.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/bounds.h"

/* ---- bounds ---- */

sc_status cli_point_bounds(const col_points *points, const sol_system *system,
                           sol_ceiling ceiling, sol_bound *bound, double *x,
                           sc_diag *diag)
{
    return col_point_bounds(points, system, ceiling, bound, x, diag);
}

/* ---- points ---- */

void cli_fit_axes(const sol_phase *phase, int *b, int *s)
{
    *b = sol_phase_axis_index(phase, "b");
    *s = sol_phase_axis_index(phase, "s");
    for (int i = 0; i < phase->n_axes; i++) {
        if (phase->axis[i].optional || i == *b || i == *s)
            continue;
        if (*b < 0)
            *b = i;
        else if (*s < 0)
            *s = i;
    }
}

/* Points of one configuration at different optional axes (prefix) are different groups:
 * the lead of a group is the first point of it. */
static bool same_group(const col_points *points, const col_point *a, const col_point *b)
{
    bool same = a->group == b->group && a->hot == b->hot;
    for (int k = 0; k < points->op->phase[points->phase]->n_axes && same; k++)
        same = !points->op->phase[points->phase]->axis[k].optional ||
               a->axis[k] == b->axis[k];
    return same;
}

static int group_of(const col_points *points, const col_point *point, size_t *lead,
                    int *n_leads)
{
    for (int i = *n_leads - 1; i >= 0; i--) /* tables keep groups together: look back */
        if (same_group(points, &points->point[lead[i]], point))
            return i;
    lead[*n_leads] = (size_t)(point - points->point);
    return (*n_leads)++;
}

static void fill_fit_point(const col_points *points, size_t at, const sol_bound *bound,
                           int b, int s, fit_point *out)
{
    const col_point *point = &points->point[at];
    out->b = point->axis[b];
    out->s = s >= 0 ? point->axis[s] : 1;
    out->compute_s = bound->compute_s;
    /* The fit knows one transport: the slower one. */
    out->memory_s =
        fmax(point->hot ? bound->memory_hot_s : bound->memory_cold_s, bound->network_s);
    out->latency_s = point->latency_s;
    out->noise = point->noise;
    out->memory_cold_s = fmax(bound->memory_cold_s, bound->network_s);
}

sc_status cli_fit_points(const col_points *points, const sol_bound *bound,
                         const double *x, fit_point *out, sc_diag *diag)
{
    int b, s, n_leads = 0;
    size_t *lead = sc_calloc(points->n, sizeof *lead);
    if (!lead)
        return sc_diag_nomem(diag);
    cli_fit_axes(points->op->phase[points->phase], &b, &s);
    for (size_t i = 0; i < points->n; i++) {
        fill_fit_point(points, i, &bound[i], b, s, &out[i]);
        out[i].group = group_of(points, &points->point[i], lead, &n_leads);
        out[i].x = x[i];
    }
    sc_free(lead);
    return SC_OK;
}
