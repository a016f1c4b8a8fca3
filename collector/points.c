/* solcheck - mapping the rows of a perf table to points of one op and phase.
 *
 * Two passes: columns are bound and turned into arrays of numbers (a plan), then every
 * row is checked, filtered and put into its group. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/points_internal.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/columns.h"

/* Columns that describe a measurement and key nothing. */
static const char *const metadata[] = {
#define X(id, name) name,
    COL_METADATA_LIST(X)
#undef X
};
#define N_METADATA (sizeof metadata / sizeof *metadata)

static void plan_free(col_plan *p)
{
    for (int i = 0; p->axis && i < p->phase->n_axes; i++)
        sc_free(p->axis[i]);
    for (int i = 0; p->param && i < p->op->n_params; i++)
        sc_free(p->param[i]);
    sc_free(p->axis);
    sc_free(p->param);
    sc_free(p->tp);
    sc_free(p->skip);
    sc_free(p->used);
    sc_free(p->slot);
    sc_free(p->labels);
    sc_free(p->extra);
    sc_free(p->dtype);
    sc_free(p->origin_seen);
    col_gate_close(&p->gate);
}

static sc_status plan_alloc(col_plan *p)
{
    p->axis = sc_calloc((size_t)p->phase->n_axes, sizeof *p->axis);
    p->param = sc_calloc((size_t)p->op->n_params, sizeof *p->param);
    p->skip = sc_calloc(p->table->n_rows, sizeof *p->skip);
    p->used = sc_calloc(p->table->n_columns, sizeof *p->used);
    p->slot = sc_calloc((size_t)p->op->n_slots, sizeof *p->slot);
    p->labels = sc_calloc((size_t)p->op->n_slots, sizeof *p->labels);
    p->extra = sc_calloc(p->table->n_columns, sizeof *p->extra);
    p->dtype = sc_calloc((size_t)p->op->n_slots, sizeof *p->dtype);
    p->origin_seen = sc_calloc(4, sizeof *p->origin_seen);
    if (!p->labels || !p->axis || !p->param || !p->skip || !p->used || !p->slot ||
        !p->extra || !p->dtype || !p->origin_seen)
        return sc_diag_nomem(p->diag);
    for (int i = 0; i < p->op->n_slots; i++)
        p->slot[i] = -1;
    return SC_OK;
}

static bool is_metadata(const char *name)
{
    for (size_t i = 0; i < N_METADATA; i++)
        if (strcmp(metadata[i], name) == 0)
            return true;
    return false;
}

/* Columns that nobody knows and whose values differ: their rows stay in separate groups,
 * because what they say may well change the latency. So do scope and inputs, which are no
 * surprise. */
static sc_status find_extra(col_plan *p)
{
    for (size_t c = 0; c < p->table->n_columns; c++) {
        size_t first = 0, row;
        bool known = col_apart_default(p->table->column[c]) != NULL;
        if (p->used[c] || (is_metadata(p->table->column[c]) && !known))
            continue;
        while (first < p->table->n_rows && p->skip[first])
            first++;
        for (row = first; row < p->table->n_rows; row++)
            if (!p->skip[row] && !col_plan_same(p, row, first, (int)c))
                break;
        if (row == p->table->n_rows)
            continue;
        char text[256];
        snprintf(text, sizeof text,
                 "op %s knows no column '%s': its values are kept in separate groups",
                 p->op->name, p->table->column[c]);
        sc_status status = known ? SC_OK : col_plan_warn(p, row, SC2005, text);
        if (status)
            return status;
        p->extra[p->n_extra++] = (int)c;
    }
    return SC_OK;
}

static sc_status plan_make(col_plan *p, const sol_table_map *map)
{
    p->latency = col_table_column(p->table, "latency");
    if (p->latency < 0)
        p->latency = col_table_column(p->table, "best_ms");
    p->mad = col_table_column(p->table, "latency_mad");
    p->samples = col_table_column(p->table, "samples");
    p->cache = col_table_column(p->table, "cache");
    int n_apart = 0;
#define X(name, meaning) p->apart[n_apart++] = col_table_column(p->table, name);
    COL_APART_LIST(X)
#undef X
    static const char *const origins[] = {"device", "framework", "version", "date"};
    for (int i = 0; i < 4; i++)
        p->origin[i] = col_table_column(p->table, origins[i]);
    if (p->latency < 0 && !p->untimed)
        return col_plan_missing(p, "column 'latency'", "latency");
    sc_status status = SC_OK;
    if (map && map->phase != p->phase->kind) {
        memset(p->skip, true, p->table->n_rows * sizeof *p->skip);
        return SC_OK;
    }
    if (map) {
        if (*map->op_name)
            col_plan_skip_ops(p, map->op_name);
        status = col_plan_skip_others(p, map);
        if (!status)
            status = col_plan_skip_phases(p, map->phase);
        if (!status)
            status = col_plan_bind_map(p, map);
    } else {
        col_plan_skip_ops(p, p->op->name);
        status = col_plan_skip_phases(p, SOL_N_PHASES);
        if (!status)
            status = col_plan_bind_names(p);
    }
    /* Without a tp column, stored values are those of one GPU; a table that stores no
     * sharded parameter at all is taken to be of the configuration asked for. */
    p->default_tp = p->filter ? p->filter->tp : 1;
    for (int i = 0; i < p->op->n_params; i++)
        if (p->param[i] && p->op->param[i].shard_tp)
            p->default_tp = 1;
    return status ? status : find_extra(p);
}

/* The points of the rows that one map (NULL: binding by name) is about. */
static sc_status map_rows(const col_plan *common, const sol_table_map *map,
                          col_points *out)
{
    col_plan p = *common;
    col_scratch texts = {0};
    col_points points = {.op = p.op, .phase = p.phase->kind};
    col_groups g = {0};
    sol_config config = {0};
    p.scratch = &texts;
    sc_status status = p.filter ? sol_config_copy(p.op, p.filter, &config, p.diag)
                                : sol_config_init(p.op, &config, p.diag);
    if (!status)
        status = plan_alloc(&p);
    if (!status)
        status = plan_make(&p, map);
    if (!status)
        status = col_gate_open(&p);
    if (!status)
        status = col_plan_take(&p, &points, &g, &config);
    plan_free(&p);
    sc_free(g.slot);
    sc_free(g.row);
    sol_config_clear(&config);
    if (status)
        col_points_clear(&points);
    else
        *out = points;
    return status;
}

/* Maps of one phase and stem share a table: each is about rows of its own. */
static sc_status map_shared(const col_plan *p, const sol_table_map *first,
                            col_points *out)
{
    col_points points = {.op = p->op, .phase = p->phase->kind};
    sc_status status = SC_OK, none = SC_OK;
    for (int i = 0; i < p->op->n_tables && !status; i++) {
        const sol_table_map *map = &p->op->table[i];
        col_points more;
        if (map->phase != first->phase || strcmp(map->stem, first->stem) != 0)
            continue;
        status = map_rows(p, map, &more);
        if (status == SC_EDOMAIN) { /* none of its rows is here */
            none = status;
            status = SC_OK;
            continue;
        }
        if (status)
            break;
        status = col_points_merge(&points, &more, p->diag);
        col_points_clear(&more);
    }
    if (!status && points.n == 0)
        status = none;
    if (status)
        col_points_clear(&points);
    else
        *out = points;
    return status;
}

static sc_status map_table(const col_table *table, const sol_op *op, sol_phase_kind phase,
                           const sol_config *filter, bool untimed, col_points *out,
                           sc_diags *warnings, sc_diag *diag)
{
    col_plan p = {.table = table,
                  .untimed = untimed,
                  .op = op,
                  .phase = op->phase[phase],
                  .filter = filter,
                  .warnings = warnings,
                  .diag = diag};
    if (!p.phase)
        return sc_diag_fail(diag, SC_EINVAL, SC1109, "op %s defines no %s phase",
                            op->name, sol_phase_name(phase));
    const sol_table_map *map = col_plan_choose(&p);
    return map ? map_shared(&p, map, out) : map_rows(&p, NULL, out);
}

sc_status col_points_map(const col_table *table, const sol_op *op, sol_phase_kind phase,
                         const sol_config *filter, col_points *out, sc_diags *warnings,
                         sc_diag *diag)
{
    return map_table(table, op, phase, filter, false, out, warnings, diag);
}

sc_status col_points_list(const col_table *table, const sol_op *op, sol_phase_kind phase,
                          const sol_config *filter, col_points *out, sc_diags *warnings,
                          sc_diag *diag)
{
    return map_table(table, op, phase, filter, true, out, warnings, diag);
}

void col_points_clear(col_points *points)
{
    for (size_t i = 0; i < points->n_configs; i++)
        sol_config_clear(&points->config[i]);
    sc_free(points->config);
    sc_free(points->point);
    points->config = NULL;
    points->point = NULL;
    points->n = points->n_configs = 0;
}
