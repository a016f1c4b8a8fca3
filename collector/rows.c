/* solcheck - points column by column.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/rows.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

#define AT_ONCE 512

/* ---- taking rows ---- */

static bool add_latencies(col_rows *rows, const double *latency_s, size_t n)
{
    size_t need = rows->n + n;
    if (need > rows->capacity) {
        size_t capacity = need > 2 * rows->capacity ? need : 2 * rows->capacity;
        capacity = need <= rows->expected ? rows->expected : capacity;
        double *more = sc_reallocarray(rows->latency_s, capacity, sizeof *more);
        if (!more)
            return false;
        rows->latency_s = more;
        rows->capacity = capacity;
    }
    memcpy(rows->latency_s + rows->n, latency_s, n * sizeof *latency_s);
    return true;
}

/* Columns of another type, some rows at a time. */
#define ADD(column, expression)                                                          \
    for (size_t first = 0, m; first < block->n && ok; first += m) {                      \
        m = block->n - first < AT_ONCE ? block->n - first : AT_ONCE;                     \
        for (size_t i = 0; i < m; i++)                                                   \
            part[i] = (expression);                                                      \
        ok = col_values_add(&rows->column, part, m, rows->expected);                     \
    }

static bool take(void *user, const col_block *block)
{
    col_rows *rows = user;
    double part[AT_ONCE];
    bool ok = block->n == 0 || add_latencies(rows, block->latency_s, block->n);
    for (int k = 0; k < rows->n_axes && ok; k++)
        ok = col_values_add(&rows->axis[k], block->axis[k], block->n, rows->expected);
    ADD(group, block->group[first + i])
    ADD(hot, block->hot[first + i])
    ADD(line, block->line[first + i] - (double)(rows->n + first + i))
    if (ok)
        rows->n += block->n;
    return ok;
}

static size_t count(const void *user)
{
    return ((const col_rows *)user)->n;
}

/* What maps that share a table join: groups are written anew. */
static bool regroup(void *user, size_t from, const size_t *to)
{
    col_rows *rows = user;
    col_values group = {0};
    double part[AT_ONCE];
    bool ok = true;
    for (size_t first = 0, n; first < rows->n && ok; first += n) {
        n = rows->n - first < AT_ONCE ? rows->n - first : AT_ONCE;
        col_values_read(&rows->group, first, n, part);
        for (size_t i = 0; i < n; i++)
            if (first + i >= from)
                part[i] = (double)to[(size_t)part[i]];
        ok = col_values_add(&group, part, n, rows->n);
    }
    col_values_clear(ok ? &rows->group : &group);
    if (ok)
        rows->group = group;
    return ok;
}

sc_status col_rows_map(const col_table *table, const sol_op *op, sol_phase_kind phase,
                       col_rows *out, sc_diags *warnings, sc_diag *diag)
{
    col_rows rows = {.n_axes = op->phase[phase] ? op->phase[phase]->n_axes : 0,
                     .expected = table->n_rows};
    const col_sink sink = {take, regroup, count, &rows};
    sc_status status = col_points_stream(table, op, phase, NULL, false, &sink,
                                         &rows.about, warnings, diag);
    if (status)
        col_rows_clear(&rows);
    else
        *out = rows;
    return status;
}

sc_status col_rows_of(const col_points *points, col_rows *out, sc_diag *diag)
{
    col_rows rows = {.about = *points,
                     .n_axes = points->op->phase[points->phase]->n_axes,
                     .expected = points->n};
    double axis[SOL_MAX_AXES], latency_s;
    int group, line;
    bool hot, ok = true;
    col_block one = {
        .n = 1, .latency_s = &latency_s, .group = &group, .line = &line, .hot = &hot};
    for (int k = 0; k < rows.n_axes; k++)
        one.axis[k] = &axis[k];
    rows.about.point = NULL;
    for (size_t i = 0; i < points->n && ok; i++) {
        const col_point *point = &points->point[i];
        memcpy(axis, point->axis, sizeof axis);
        latency_s = point->latency_s;
        group = point->group;
        line = point->line;
        hot = point->hot;
        ok = take(&rows, &one);
    }
    rows.borrowed = true;
    if (!ok) {
        col_rows_clear(&rows);
        return sc_diag_nomem(diag);
    }
    *out = rows;
    return SC_OK;
}

void col_rows_clear(col_rows *rows)
{
    for (int k = 0; k < SOL_MAX_AXES; k++)
        col_values_clear(&rows->axis[k]);
    col_values_clear(&rows->group);
    col_values_clear(&rows->hot);
    col_values_clear(&rows->line);
    sc_free(rows->latency_s);
    if (!rows->borrowed)
        col_points_clear(&rows->about);
    *rows = (col_rows){0};
}

/* ---- reading ---- */

int col_rows_line(const col_rows *rows, size_t row)
{
    return (int)(col_values_at(&rows->line, row) + (double)row);
}

#define GATHER(type, least)                                                              \
    for (size_t i = 0; i < n; i++) {                                                     \
        type cell = ((const type *)column->cell)[row[i]];                                \
        out[i] = cell == (least) ? NAN : (double)cell;                                   \
    }                                                                                    \
    break

void col_rows_gather(const col_values *column, const unsigned *row, size_t n, double *out)
{
    switch (column->width) {
    case COL_ONE:
        for (size_t i = 0; i < n; i++)
            out[i] = column->same;
        break;
    case COL_INT8:
        GATHER(int8_t, INT8_MIN);
    case COL_INT16:
        GATHER(int16_t, INT16_MIN);
    case COL_INT32:
        GATHER(int32_t, INT32_MIN);
    case COL_DOUBLE:
        for (size_t i = 0; i < n; i++)
            out[i] = ((const double *)column->cell)[row[i]];
        break;
    }
}

/* ---- by configuration ---- */

/* A counting sort. */
sc_status col_row_order_make(const col_rows *rows, col_row_order *out, sc_diag *diag)
{
    size_t n_configs = rows->about.n_configs, *next;
    double part[AT_ONCE];
    out->row = sc_calloc(rows->n + 1, sizeof *out->row);
    out->first = sc_calloc(n_configs + 2, sizeof *out->first);
    if (!out->row || !out->first)
        return sc_diag_nomem(diag);
    next = out->first + 1; /* ends where the next one begins */
    for (int pass = 0; pass < 2; pass++) {
        for (size_t first = 0, n; first < rows->n; first += n) {
            n = rows->n - first < AT_ONCE ? rows->n - first : AT_ONCE;
            col_values_read(&rows->group, first, n, part);
            for (size_t i = 0; i < n; i++) {
                size_t group = (size_t)part[i];
                if (pass == 0)
                    next[group + 1]++;
                else
                    out->row[next[group]++] = (unsigned)(first + i);
            }
        }
        for (size_t g = 0; g < n_configs && pass == 0; g++)
            next[g + 1] += next[g];
    }
    return SC_OK;
}

void col_row_order_clear(col_row_order *order)
{
    sc_free(order->row);
    sc_free(order->first);
    *order = (col_row_order){0};
}
