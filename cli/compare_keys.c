/* solcheck compare: what tells points apart, as text.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/compare.h"
#include "collector/columns.h"

#define MAX_EXTRA 16

/* Which parts of the keys differ between any two points of the two sides. */
typedef struct plan {
    const compare_result *r;
    bool *param, *slot; /* [n_params], [n_slots] of the op */
    bool tp, cache;
    char extra[2][128]; /* names of columns that the op does not know */
    const char *column[MAX_EXTRA];
    int n_columns;
} plan;

static bool shards(const sol_op *op)
{
    for (int i = 0; i < op->n_params; i++)
        if (op->param[i].shard_tp)
            return true;
    return false;
}

/* ---- mapped rows ---- */

static void compare_configs(plan *p, const sol_config *a, const sol_config *b)
{
    const sol_op *op = p->r->op;
    for (int i = 0; i < op->n_params; i++)
        p->param[i] |= sol_config_local(op, a, i) != sol_config_local(op, b, i);
    for (int i = 0; i < op->n_slots; i++)
        p->slot[i] |= a->slot[i] != b->slot[i];
    p->tp |= !shards(op) && a->tp != b->tp;
}

static void find_differences(plan *p)
{
    const sol_config *first = NULL;
    int hot = -1;
    for (int k = 0; k < 2; k++) {
        const col_points *points =
            p->r->side[k].part ? &p->r->side[k].part->points : NULL;
        for (size_t g = 0; points && g < points->n_configs; g++) {
            if (first)
                compare_configs(p, first, &points->config[g]);
            else
                first = &points->config[g];
        }
        for (size_t i = 0; points && i < points->n; i++) {
            p->cache |= hot >= 0 && hot != points->point[i].hot;
            hot = points->point[i].hot;
        }
    }
}

static void add_column(plan *p, const char *name)
{
    for (int i = 0; i < p->n_columns; i++)
        if (strcmp(p->column[i], name) == 0)
            return;
    if (p->n_columns < MAX_EXTRA)
        p->column[p->n_columns++] = name;
}

/* Columns that no op knows and that either side keeps apart by. */
static void add_unknown(plan *p)
{
    for (int k = 0; k < 2; k++) {
        const cli_part *part = p->r->side[k].part;
        snprintf(p->extra[k], sizeof p->extra[k], "%s", part ? part->points.unknown : "");
        char *name = p->extra[k];
        while (name && *name) {
            char *comma = strstr(name, ", ");
            if (comma)
                *comma = '\0';
            add_column(p, name);
            name = comma ? comma + 2 : NULL;
        }
    }
}

static bool varies(const col_table *table, int column)
{
    char first[32], other[32];
    for (size_t i = 1; i < table->n_rows; i++)
        if (strcmp(col_table_text(table, 0, column, first),
                   col_table_text(table, i, column, other)) != 0)
            return true;
    return false;
}

/* A column of labels that both tables have: several labels may mean one dtype or number
 * to the op, and yet be other kernels. */
static void add_labels(plan *p, const char *name)
{
    bool differs = false;
    for (int k = 0; k < 2; k++) {
        const col_table *table = p->r->side[k].table;
        int column = table ? col_table_column(table, name) : -1;
        if (column < 0)
            return;
        differs |= varies(table, column);
    }
    if (differs)
        add_column(p, name);
}

static void find_columns(plan *p)
{
    const sol_op *op = p->r->op;
    add_unknown(p);
    for (int m = 0; m < op->n_tables; m++) {
        const sol_table_map *map = &op->table[m];
        for (int i = 0; i < map->n_columns && map->phase == p->r->phase; i++)
            if (!map->column[i].expr)
                add_labels(p, map->column[i].text);
        for (int i = 0; i < map->n_dtypes && map->phase == p->r->phase; i++)
            add_labels(p, map->dtype[i].column);
    }
}

static int by_line(const void *key, const void *line)
{
    return *(const int *)key - *(const int *)line;
}

static void add_cell(sc_buf *out, const col_table *table, size_t row, const char *column)
{
    char scratch[32];
    int at = col_table_column(table, column);
    sc_buf_printf(out, " %s=%s", column,
                  at < 0 ? "" : col_table_text(table, row, at, scratch));
}

static void add_number(sc_buf *out, const char *name, double value)
{
    char text[32];
    sc_format_double(value, text);
    sc_buf_printf(out, "%s%s=%s", out->n ? " " : "", name, text);
}

static void add_key(const plan *p, const compare_side *side, const col_point *point,
                    sc_buf *out)
{
    const sol_op *op = p->r->op;
    const sol_phase *phase = op->phase[p->r->phase];
    const sol_config *config = &side->part->points.config[point->group];
    for (int i = 0; i < phase->n_axes; i++)
        if (!phase->axis[i].optional || point->axis[i] != phase->axis[i].value)
            add_number(out, phase->axis[i].name, point->axis[i]);
    for (int i = 0; i < op->n_params; i++)
        if (p->param[i])
            add_number(out, op->param[i].name, sol_config_local(op, config, i));
    for (int i = 0; i < op->n_slots; i++)
        if (p->slot[i])
            sc_buf_printf(out, " %s=%s", op->slot[i].name,
                          sol_dtype_name(config->slot[i]));
    if (p->tp)
        add_number(out, "tp", config->tp);
    if (p->cache)
        sc_buf_add(out, point->hot ? " hot" : " cold");
    const int *line = p->n_columns ? bsearch(&point->line, side->table->line,
                                             side->table->n_rows, sizeof *line, by_line)
                                   : NULL;
    for (int i = 0; line && i < p->n_columns; i++)
        add_cell(out, side->table, (size_t)(line - side->table->line), p->column[i]);
}

static sc_status mapped_keys(const plan *p, compare_side *side, sc_diag *diag)
{
    for (size_t i = 0; i < side->n; i++) {
        sc_buf key = {0};
        add_key(p, side, &side->part->points.point[i], &key);
        side->entry[i].key = side->key[i] = sc_buf_take(&key);
        if (!side->entry[i].key)
            return sc_diag_nomem(diag);
    }
    return SC_OK;
}

/* ---- rows that no op maps ---- */

static bool is_key(const char *column)
{
    static const char *const other[] = {
#define X(id, name) name,
        COL_METADATA_LIST(X)
#undef X
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        if (strcmp(column, other[i]) == 0)
            return false;
    return true;
}

static sc_status raw_keys(compare_side *side, sc_diag *diag)
{
    const col_table *t = side->table;
    char scratch[32];
    for (size_t i = 0; i < side->n; i++) {
        sc_buf key = {0};
        for (size_t c = 0; c < t->n_columns; c++)
            if (is_key(t->column[c]))
                sc_buf_printf(&key, "%s%s=%s", key.n ? " " : "", t->column[c],
                              col_table_text(t, i, (int)c, scratch));
        side->entry[i].key = side->key[i] = sc_buf_take(&key);
        if (!side->entry[i].key)
            return sc_diag_nomem(diag);
    }
    return SC_OK;
}

sc_status compare_keys(compare_result *r, sc_diag *diag)
{
    sc_status status = SC_OK;
    if (!r->op) {
        for (int k = 0; k < 2 && status == SC_OK; k++)
            status = raw_keys(&r->side[k], diag);
        return status;
    }
    plan p = {.r = r};
    p.param = sc_calloc((size_t)r->op->n_params + 1, sizeof *p.param);
    p.slot = sc_calloc((size_t)r->op->n_slots + 1, sizeof *p.slot);
    if (!p.param || !p.slot)
        status = sc_diag_nomem(diag);
    if (status == SC_OK) {
        find_differences(&p);
        find_columns(&p);
    }
    for (int k = 0; k < 2 && status == SC_OK; k++)
        status = mapped_keys(&p, &r->side[k], diag);
    sc_free(p.param);
    sc_free(p.slot);
    return status;
}
