/* solcheck - mapping the rows of a perf table to points of one op and phase.
 *
 * Rows are chosen first, then mapped a window at a time: columns become arrays of
 * numbers, and every row is checked, filtered, put into its group and handed on.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
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

static bool is_metadata(const char *name)
{
    for (size_t i = 0; i < N_METADATA; i++)
        if (strcmp(metadata[i], name) == 0)
            return true;
    return false;
}

bool col_points_describes(const char *column)
{
    static const char *const read[] = {"op_name", "phase",   "batch_size", "isl",  "step",
                                       "tp_size", "latency", "best_ms",    "cache"};
    for (size_t i = 0; i < sizeof read / sizeof *read; i++)
        if (strcmp(read[i], column) == 0)
            return false;
    return is_metadata(column) && !col_apart_default(column);
}

bool col_points_mentions(const sol_op *op, const char *column)
{
    for (int i = 0; i < op->n_slots; i++)
        if (strcmp(op->slot[i].name, column) == 0)
            return true;
    for (int p = 0; p < SOL_N_PHASES; p++)
        if (op->phase[p] && sol_phase_axis_index(op->phase[p], column) >= 0)
            return true;
    for (int i = 0; i < op->n_tables; i++) {
        const sol_table_map *map = &op->table[i];
        bool named = sol_symbol_find(map->columns, column) >= 0;
        for (int k = 0; k < map->n_columns; k++)
            named |= !map->column[k].expr && strcmp(map->column[k].text, column) == 0;
        for (int k = 0; k < map->n_dtypes; k++)
            named |= strcmp(map->dtype[k].column, column) == 0;
        for (int k = 0; k < map->n_rows; k++)
            named |= strcmp(map->rows[k].column, column) == 0;
        if (named)
            return true;
    }
    return sol_op_param_index(op, column) >= 0;
}

/* Columns of the window. */
static void unbind(col_plan *p)
{
    for (int i = 0; p->axis && i < p->phase->n_axes; i++) {
        sc_free(p->axis[i]);
        p->axis[i] = NULL;
    }
    for (int i = 0; p->param && i < p->op->n_params; i++) {
        sc_free(p->param[i]);
        p->param[i] = NULL;
    }
    sc_free(p->tp);
    p->tp = NULL;
}

static void plan_free(col_plan *p)
{
    unbind(p);
    sc_free(p->axis);
    sc_free(p->param);
    sc_free(p->skip);
    sc_free(p->used);
    sc_free(p->slot);
    sc_free(p->labels);
    sc_free(p->extra);
    sc_free(p->dtype);
    sc_free(p->origin_seen);
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
        if (col_plan_is_one(p, (int)c))
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
        sc_status status = known ? SC_OK : col_plan_warn(p, row, SC2005, text, "");
        if (status)
            return status;
        p->extra[p->n_extra++] = (int)c;
    }
    return SC_OK;
}

/* Columns of the measurement, and the rows that the map is about. */
static sc_status plan_choose(col_plan *p, const sol_table_map *map)
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
    if (map && map->phase != p->phase->kind)
        return col_plan_none(p, 0);
    if (!map) {
        col_plan_skip_ops(p, p->op->name);
        return col_plan_skip_phases(p, SOL_N_PHASES);
    }
    if (*map->op_name)
        col_plan_skip_ops(p, map->op_name);
    sc_status status = col_plan_skip_others(p, map);
    return status ? status : col_plan_skip_phases(p, map->phase);
}

/* Without a tp column, stored values are those of one GPU; a table that stores no sharded
 * parameter at all is taken to be of the configuration asked for. */
static void default_tp(col_plan *p)
{
    p->default_tp = p->filter ? p->filter->tp : 1;
    for (int i = 0; i < p->op->n_params; i++)
        if (p->param[i] && p->op->param[i].shard_tp)
            p->default_tp = 1;
}

/* All windows of the table, or one without rows, which tells what is missing. */
static sc_status map_windows(col_plan *p, const sol_table_map *map, col_points *points,
                             const col_sink *sink)
{
    col_taking t = {0};
    sc_status status = SC_OK;
    for (p->first = 0; !status; p->first += p->n) {
        size_t rest = p->table->n_rows - p->first;
        p->n = rest < COL_WINDOW ? rest : COL_WINDOW;
        unbind(p);
        status = map ? col_plan_bind_map(p, map) : col_plan_bind_names(p);
        if (!status && p->first == 0) {
            default_tp(p);
            status = find_extra(p);
            if (!status)
                status = col_taking_open(p, &t);
        }
        if (!status)
            status = col_taking_window(&t, points, sink);
        if (p->n == rest)
            break;
    }
    if (!status)
        status = col_taking_end(&t, points);
    col_taking_close(p, &t);
    return status;
}

/* The rows that one map (NULL: binding by name) is about, into sink; what else is known
 * of them, into out. */
static sc_status map_rows(const col_plan *common, const sol_table_map *map,
                          const col_sink *sink, col_points *out)
{
    col_plan p = *common;
    col_scratch texts = {0};
    col_points points = {.op = p.op, .phase = p.phase->kind};
    p.scratch = &texts;
    sc_status status = plan_alloc(&p);
    if (!status)
        status = plan_choose(&p, map);
    if (!status)
        status = map_windows(&p, map, &points, sink);
    plan_free(&p);
    if (status)
        col_points_clear(&points);
    else
        *out = points;
    return status;
}

/* What a map found joins what those before it did. */
static sc_status join(const col_plan *p, col_points *into, col_points *more,
                      const col_sink *sink, size_t first)
{
    if (first == 0) {
        *into = *more;
        return SC_OK;
    }
    size_t *to;
    sc_status status = col_configs_merge(into, more, &to, p->diag);
    if (!status) {
        if (!sink->regroup(sink->user, first, to))
            status = sc_diag_nomem(p->diag);
        into->n += more->n;
        sc_free(to);
    }
    col_points_clear(more);
    return status;
}

/* Maps of one phase and stem share a table: each is about rows of its own. */
static sc_status map_shared(const col_plan *p, const sol_table_map *first,
                            const col_sink *sink, col_points *out)
{
    col_points points = {.op = p->op, .phase = p->phase->kind};
    sc_status status = SC_OK, none = SC_OK;
    for (int i = 0; i < p->op->n_tables && !status; i++) {
        const sol_table_map *map = &p->op->table[i];
        size_t before = sink->count(sink->user);
        col_points more;
        if (map->phase != first->phase || strcmp(map->stem, first->stem) != 0)
            continue;
        status = map_rows(p, map, sink, &more);
        if (status == SC_EDOMAIN) { /* none of its rows is here */
            none = status;
            status = SC_OK;
            continue;
        }
        if (!status)
            status = join(p, &points, &more, sink, before);
    }
    if (!status && points.n == 0)
        status = none;
    if (status)
        col_points_clear(&points);
    else
        *out = points;
    return status;
}

sc_status col_points_stream(const col_table *table, const sol_op *op,
                            sol_phase_kind phase, const sol_config *filter, bool untimed,
                            const col_sink *sink, col_points *out, sc_diags *warnings,
                            sc_diag *diag)
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
    return map ? map_shared(&p, map, sink, out) : map_rows(&p, NULL, sink, out);
}

/* ---- into an array ---- */

typedef struct listing {
    col_point *point;
    size_t n, capacity;
    int n_axes;
} listing;

static bool list_block(void *user, const col_block *block)
{
    listing *to = user;
    if (to->n + block->n > to->capacity) {
        size_t capacity =
            2 * to->capacity > to->n + block->n ? 2 * to->capacity : to->n + block->n;
        col_point *more = sc_reallocarray(to->point, capacity, sizeof *more);
        if (!more)
            return false;
        to->point = more;
        to->capacity = capacity;
    }
    for (size_t i = 0; i < block->n; i++) {
        col_point *point = &to->point[to->n++];
        *point = (col_point){.latency_s = block->latency_s[i],
                             .noise = block->noise[i],
                             .samples = block->samples[i],
                             .group = block->group[i],
                             .line = block->line[i],
                             .hot = block->hot[i]};
        for (int k = 0; k < to->n_axes; k++)
            point->axis[k] = block->axis[k][i];
    }
    return true;
}

static bool list_regroup(void *user, size_t first, const size_t *group)
{
    listing *to = user;
    for (size_t i = first; i < to->n; i++)
        to->point[i].group = (int)group[to->point[i].group];
    return true;
}

static size_t list_count(const void *user)
{
    return ((const listing *)user)->n;
}

static sc_status map_table(const col_table *table, const sol_op *op, sol_phase_kind phase,
                           const sol_config *filter, bool untimed, col_points *out,
                           sc_diags *warnings, sc_diag *diag)
{
    listing list = {.n_axes = op->phase[phase] ? op->phase[phase]->n_axes : 0};
    const col_sink sink = {list_block, list_regroup, list_count, &list};
    col_points points;
    sc_status status = col_points_stream(table, op, phase, filter, untimed, &sink,
                                         &points, warnings, diag);
    if (status) {
        sc_free(list.point);
        return status;
    }
    points.point = list.point;
    *out = points;
    return SC_OK;
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
    sc_free(points->apart);
    sc_free(points->point);
    points->config = NULL;
    points->apart = NULL;
    points->point = NULL;
    points->n = points->n_configs = 0;
}
