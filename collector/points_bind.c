/* solcheck - columns of a table as axes, parameters and dtypes of an op.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/points_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* ---- columns of numbers ---- */

/* Adds the numbers of a column to sum[n] for the rows of the window that are not skipped.
 */
static sc_status add_column(const col_plan *p, int column, double *sum)
{
    enum { AT_ONCE = 256 };
    const col_values *cells = col_plan_values(p, column);
    double part[AT_ONCE];
    for (size_t i = 0; i < p->n; i++) {
        size_t row = p->first + i;
        double value;
        if (i % AT_ONCE == 0 && !cells->is_text)
            col_values_read(cells, row, p->n - i < AT_ONCE ? p->n - i : AT_ONCE, part);
        value = cells->is_text ? NAN : part[i % AT_ONCE];
        if (p->skip[row])
            continue;
        if (!isfinite(value) && !col_table_number(p->table, row, column, &value))
            return col_plan_fail(p, row, SC2002, p->table->column[column],
                                 col_plan_cell(p, row, column), "is not a finite number",
                                 "mend the row or leave it out");
        sum[i] += value;
    }
    p->used[column] = true;
    return SC_OK;
}

/* *out receives the sum of the columns (column[1] may be -1). */
static sc_status bind_columns(const col_plan *p, const int column[2], double **out)
{
    double *sum = sc_calloc(p->n, sizeof *sum);
    if (!sum)
        return sc_diag_nomem(p->diag);
    sc_status status = add_column(p, column[0], sum);
    if (!status && column[1] >= 0)
        status = add_column(p, column[1], sum);
    if (status)
        sc_free(sum);
    else
        *out = sum;
    return status;
}

static sc_status bind_column(const col_plan *p, int column, double **out)
{
    return bind_columns(p, (const int[2]){column, -1}, out);
}

/* The first of the names that is a column, -1 if none is. */
static int any_column(const col_table *table, const char *const *name)
{
    for (; *name; name++) {
        int column = col_table_column(table, *name);
        if (column >= 0)
            return column;
    }
    return -1;
}

/* ---- binding by name ---- */

static sc_status bind_axis(const col_plan *p, int i)
{
    /* Names under which the reference ecosystem stores the axes b, s and prefix. */
    static const char *const batch[] = {"batch_size", NULL};
    static const char *const length[] = {"seq_len", "isl", NULL};
    static const char *const cached[] = {"step", NULL};
    const sol_axis *axis = &p->phase->axis[i];
    bool context = p->phase->kind == SOL_CONTEXT;
    const char *const *other = NULL;
    if (strcmp(axis->name, "b") == 0)
        other = batch;
    else if (strcmp(axis->name, "s") == 0)
        other = length;
    else if (strcmp(axis->name, "prefix") == 0 && context)
        other = cached;
    int column[2] = {col_table_column(p->table, axis->name), -1};
    if (column[0] < 0 && other)
        column[0] = any_column(p->table, other);
    if (column[0] >= 0) {
        /* Generation: isl + step is the length of the KV cache. */
        if (other == length && !context &&
            strcmp(p->table->column[column[0]], "isl") == 0)
            column[1] = col_table_column(p->table, "step");
        return bind_columns(p, column, &p->axis[i]);
    }
    if (axis->optional)
        return SC_OK;
    char what[160];
    snprintf(what, sizeof what, "column '%s' (axis %s of %s)",
             other ? *other : axis->name, axis->name, sol_phase_name(p->phase->kind));
    return col_plan_missing(p, what,
                            other == length ? "isl"
                            : other         ? *other
                                            : axis->name);
}

static sc_status bind_param(const col_plan *p, int i)
{
    const sol_param *param = &p->op->param[i];
    char text[256];
    int column = col_table_column(p->table, param->name);
    if (column >= 0)
        return bind_column(p, column, &p->param[i]);
    double value = p->filter ? p->filter->param[i] : param->value;
    if (p->first > 0) /* it was told */
        return SC_OK;
    if (value == 0) /* a feature that is off, and the table knows nothing of it */
        return SC_OK;
    snprintf(text, sizeof text, "no column '%s': %.9g is taken for all rows", param->name,
             value);
    return col_plan_warn(p, 0, SC2001, text, "");
}

static void bind_slot(const col_plan *p, int i)
{
    char name[128];
    snprintf(name, sizeof name, "%s_dtype", p->op->slot[i].name);
    p->slot[i] =
        any_column(p->table, (const char *const[]){name, p->op->slot[i].name, NULL});
    if (p->slot[i] >= 0)
        p->used[p->slot[i]] = true;
}

static sc_status bind_tp(col_plan *p)
{
    int column = any_column(p->table, (const char *const[]){"tp_size", "tp", NULL});
    return column < 0 ? SC_OK : bind_column(p, column, &p->tp);
}

sc_status col_plan_bind_names(col_plan *p)
{
    sc_status status = SC_OK;
    for (int i = 0; !status && i < p->phase->n_axes; i++)
        status = bind_axis(p, i);
    for (int i = 0; !status && i < p->op->n_params; i++)
        status = bind_param(p, i);
    for (int i = 0; !status && i < p->op->n_slots; i++)
        bind_slot(p, i);
    return status ? status : bind_tp(p);
}

/* ---- binding through the op's tables section ---- */

static bool stem_matches(const sol_table_map *map, const char *path)
{
    return *map->stem && strncmp(sc_path_base(path), map->stem, strlen(map->stem)) == 0;
}

/* Every column that the map mentions is there, and rows of its op_name. */
static bool columns_match(const sol_table_map *map, const col_table *table)
{
    int n = sol_symbol_count(map->columns), name = col_table_column(table, "op_name");
    char number[32];
    for (int symbol = 0; symbol < n; symbol++)
        if (col_table_column(table, sol_symbol_name(map->columns, symbol)) < 0)
            return false;
    for (int i = 0; i < map->n_dtypes; i++)
        if (col_table_column(table, map->dtype[i].column) < 0)
            return false;
    for (int i = 0; i < map->n_columns; i++)
        if (!map->column[i].expr && col_table_column(table, map->column[i].text) < 0)
            return false;
    if (!*map->op_name || name < 0)
        return n > 0 && !*map->op_name;
    bool one = table->values[name].width == COL_ONE;
    for (size_t row = 0; row < (one && table->n_rows ? 1 : table->n_rows); row++)
        if (strcmp(col_table_text(table, row, name, number), map->op_name) == 0)
            return true;
    return false;
}

/* Does the table name phase, parameters and dtypes as the op does, so that nothing is
 * left to a map that its columns happen to match? */
static bool own_names(const col_plan *p)
{
    bool own = col_table_column(p->table, "phase") >= 0;
    for (int i = 0; i < p->op->n_params && own; i++)
        own = col_table_column(p->table, p->op->param[i].name) >= 0;
    for (int i = 0; i < p->op->n_slots && own; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s_dtype", p->op->slot[i].name);
        own = col_table_column(p->table, name) >= 0;
    }
    return own;
}

/* The map for the table, the longest stem first, then columns; NULL: none matches. Where
 * the file's name is that of another phase's map, that one is returned: no row is ours.
 */
const sol_table_map *col_plan_choose(const col_plan *p)
{
    const sol_table_map *best = NULL, *other = NULL;
    for (int i = 0; i < p->op->n_tables; i++) {
        const sol_table_map *map = &p->op->table[i];
        if (!stem_matches(map, p->table->path))
            continue;
        const sol_table_map **of = map->phase == p->phase->kind ? &best : &other;
        if (!*of || strlen(map->stem) > strlen((*of)->stem))
            *of = map;
    }
    if (!best && other)
        return other;
    if (!best && own_names(p))
        return NULL;
    for (int i = 0; i < p->op->n_tables && !best; i++) {
        const sol_table_map *map = &p->op->table[i];
        if (!columns_match(map, p->table))
            continue;
        if (map->phase == p->phase->kind)
            best = map;
        else if (!other)
            other = map;
    }
    return best ? best : other;
}

/* The columns that expr mentions, as arrays by symbol. */
static sc_status map_inputs(const col_plan *p, const sol_table_map *map,
                            const sol_expr *expr, double **in, bool *mentioned)
{
    int n = sol_symbol_count(map->columns);
    char what[160];
    sol_expr_symbols(expr, mentioned, n);
    for (int symbol = 0; symbol < n; symbol++) {
        const char *name = sol_symbol_name(map->columns, symbol);
        if (!mentioned[symbol])
            continue;
        int column = col_table_column(p->table, name);
        if (column < 0) {
            snprintf(what, sizeof what, "column '%s'", name);
            return col_plan_missing(p, what, name);
        }
        sc_status status = bind_column(p, column, &in[symbol]);
        if (status)
            return status;
    }
    return SC_OK;
}

static sc_status map_run(const col_plan *p, const sol_table_column *target,
                         const sol_table_map *map, double *const *in,
                         const bool *mentioned, double *out)
{
    int n = sol_symbol_count(map->columns);
    sol_program *program = NULL;
    unsigned char *stride = sc_calloc((size_t)n + 1, 1);
    if (!stride)
        return sc_diag_nomem(p->diag);
    for (int symbol = 0; symbol < n; symbol++)
        stride[symbol] = mentioned[symbol];
    sc_status status = sol_program_new(map->columns, &target->expr, 1, &program, p->diag);
    if (!status &&
        sol_program_eval(program, (const double *const *)in, stride, p->n, &out))
        status = sc_diag_nomem(p->diag);
    sol_program_free(program);
    sc_free(stride);
    for (size_t i = 0; !status && i < p->n; i++)
        if (!p->skip[p->first + i] && !isfinite(out[i]))
            status = col_plan_fail(p, p->first + i, SC2002, target->target, target->text,
                                   "has no finite value in this row",
                                   "mend the row or leave it out");
    return status;
}

/* A number by the label in a column; NaN, out of any range, for labels without one. */
static sc_status map_cases(const col_plan *p, const sol_table_column *target,
                           double **out)
{
    char what[160];
    int column = col_table_column(p->table, target->text);
    snprintf(what, sizeof what, "column '%s'", target->text);
    if (column < 0)
        return col_plan_missing(p, what, target->text);
    double *result = sc_calloc(p->n, sizeof *result);
    if (!result)
        return sc_diag_nomem(p->diag);
    for (size_t row = 0; row < p->n; row++) {
        if (row > 0 && col_plan_same(p, p->first + row, p->first + row - 1, column)) {
            result[row] = result[row - 1];
            continue;
        }
        const char *label = col_plan_cell(p, p->first + row, column);
        result[row] = target->otherwise;
        for (int i = 0; i < target->n_cases; i++)
            if (strcmp(label, target->cases[i].label) == 0)
                result[row] = target->cases[i].number;
    }
    p->used[column] = true;
    *out = result;
    return SC_OK;
}

/* One target of the map: an axis, a parameter or tp. */
static sc_status map_column(const col_plan *p, const sol_table_map *map,
                            const sol_table_column *target, double **out)
{
    if (!target->expr)
        return map_cases(p, target, out);
    size_t n = (size_t)sol_symbol_count(map->columns);
    double **in = sc_calloc(n + 1, sizeof *in);
    bool *mentioned = sc_calloc(n + 1, sizeof *mentioned);
    double *result = sc_calloc(p->n, sizeof *result);
    sc_status status = in && mentioned && result ? SC_OK : sc_diag_nomem(p->diag);
    if (!status)
        status = map_inputs(p, map, target->expr, in, mentioned);
    if (!status)
        status = map_run(p, target, map, in, mentioned, result);
    for (size_t i = 0; in && i < n; i++)
        sc_free(in[i]);
    sc_free(in);
    sc_free(mentioned);
    if (status)
        sc_free(result);
    else
        *out = result;
    return status;
}

static double **map_target(col_plan *p, const char *name)
{
    int axis = sol_phase_axis_index(p->phase, name);
    int param = sol_op_param_index(p->op, name);
    if (axis >= 0)
        return &p->axis[axis];
    if (param >= 0)
        return &p->param[param];
    return strcmp(name, "tp") == 0 ? &p->tp : NULL;
}

sc_status col_plan_bind_map(col_plan *p, const sol_table_map *map)
{
    sc_status status = SC_OK;
    for (char **name = map->ignored; *name; name++) {
        int column = col_table_column(p->table, *name);
        if (column >= 0)
            p->used[column] = true;
    }
    for (int i = 0; !status && i < map->n_columns; i++) {
        double **out = map_target(p, map->column[i].target);
        if (out && !*out)
            status = map_column(p, map, &map->column[i], out);
    }
    for (int i = 0; !status && i < map->n_dtypes; i++) {
        char what[160];
        int slot = sol_op_slot_index(p->op, map->dtype[i].slot);
        int column = col_table_column(p->table, map->dtype[i].column);
        snprintf(what, sizeof what, "column '%s'", map->dtype[i].column);
        if (column < 0)
            status = col_plan_missing(p, what, map->dtype[i].column);
        else if (slot >= 0) {
            p->slot[slot] = column;
            p->labels[slot] = &map->dtype[i];
            p->used[column] = true;
        }
    }
    for (int i = 0; !status && i < p->phase->n_axes; i++)
        if (!p->axis[i] && !p->phase->axis[i].optional)
            status = bind_axis(p, i);
    return status || p->tp ? status : bind_tp(p);
}
