/* solcheck - the rows of a mapped table: checked, filtered and put into groups.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/points_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "collector/unit.h"

/* Relative standard error of a median from the median absolute deviation of n samples:
 * 1.4826 MAD estimates sigma, and a median's standard error is sqrt(pi/2) = 1.2533 times
 * that of a mean. Source: Kendall and Stuart, The Advanced Theory of Statistics I, 10.11.
 */
#define MEDIAN_ERROR (1.2533 * 1.4826)

/* ---- quantities of a row ---- */

/* Latency in seconds; "nan" and "inf" are told from text that is no number. */
static sc_status read_latency(const col_plan *p, size_t row, double *out)
{
    const char *text = col_plan_cell(p, row, p->latency);
    double value = NAN;
    const char *sign = text + (*text == '-' || *text == '+');
    bool number = col_ms_parse(text, &value);
    bool special = strncasecmp(sign, "nan", 3) == 0 || strncasecmp(sign, "inf", 3) == 0;
    if (!number && !special)
        return col_plan_fail(p, row, SC2002, "latency", text, "is not a number",
                             "latency is in milliseconds; mend the row or leave it out");
    if (!number || !(value > 0))
        return col_plan_fail(p, row, SC2003, "latency", text,
                             "is not positive and finite",
                             "such a row is a failed measurement; leave it out");
    *out = value;
    return SC_OK;
}

/* Optional numbers of a row: NaN where the column or the cell is empty. */
static sc_status read_optional(const col_plan *p, size_t row, int column, double *out)
{
    *out = NAN;
    if (column < 0 || !*col_plan_cell(p, row, column))
        return SC_OK;
    if (!col_table_number(p->table, row, column, out) || *out < 0)
        return col_plan_fail(p, row, SC2002, p->table->column[column],
                             col_plan_cell(p, row, column),
                             "is not a finite number of at least 0",
                             "leave the cell empty where it is unknown");
    return SC_OK;
}

static sc_status read_noise(const col_plan *p, size_t row, size_t i, col_block *block)
{
    double mad, samples;
    sc_status status = read_optional(p, row, p->mad, &mad);
    if (!status)
        status = read_optional(p, row, p->samples, &samples);
    if (status)
        return status;
    block->samples[i] = samples >= 1 && samples < 1e9 ? (int)samples : 0;
    block->noise[i] =
        block->samples[i] && isfinite(mad)
            ? MEDIAN_ERROR * mad / 1e3 / (block->latency_s[i] * sqrt(block->samples[i]))
            : NAN;
    return SC_OK;
}

static sc_status read_cache(const col_plan *p, size_t row, bool *hot)
{
    const char *cache = col_plan_cell(p, row, p->cache);
    *hot = strcasecmp(cache, "cold") != 0;
    if (!*cache || !*hot || strcasecmp(cache, "hot") == 0)
        return SC_OK;
    return col_plan_fail(p, row, SC2002, "cache", cache, "is neither hot nor cold",
                         "hot: repeated over one buffer; cold: flushed or rotated");
}

/* Latencies and what is known of them, for the rows of the window that are not skipped.
 */
static sc_status read_quantities(const col_plan *p, col_block *block)
{
    const col_values *ms = col_plan_values(p, p->latency);
    bool noise = p->mad >= 0 || p->samples >= 0, simple = !ms->is_text;
    sc_status status = SC_OK;
    /* Decimal milliseconds become seconds by their digits. */
    simple &= !p->table->decimal;
    if (simple)
        col_values_read(ms, p->first, p->n, block->latency_s);
    for (size_t i = 0; i < p->n && !status; i++) {
        size_t row = p->first + i;
        if (p->skip[row])
            continue;
        double *latency_s = &block->latency_s[i];
        if (simple && *latency_s > 0 && isfinite(*latency_s))
            *latency_s /= 1e3;
        else
            status = read_latency(p, row, latency_s);
        block->samples[i] = 0;
        block->noise[i] = NAN;
        block->hot[i] = true;
        if (!status && noise)
            status = read_noise(p, row, i, block);
        if (!status && p->cache >= 0 && i > 0 && !p->skip[row - 1] &&
            col_plan_same(p, row, row - 1, p->cache))
            block->hot[i] = block->hot[i - 1];
        else if (!status && p->cache >= 0)
            status = read_cache(p, row, &block->hot[i]);
    }
    return status;
}

/* ---- rows ---- */

/* Rows without a latency that is read. */
static void no_quantities(const col_plan *p, col_block *block)
{
    for (size_t i = 0; i < p->n; i++) {
        block->latency_s[i] = block->noise[i] = 0;
        block->samples[i] = 0;
        block->hot[i] = false;
    }
}

static double axis_at(const col_plan *p, int axis, size_t i)
{
    return p->axis[axis] ? p->axis[axis][i] : p->phase->axis[axis].value;
}

static void drop(col_taking *t, col_points *points, col_fate fate, size_t row)
{
    col_losses *lost = &t->lost;
    if (!lost->n[fate]++) {
        lost->first[fate] = row;
        if (fate != COL_DROP_FILTER && col_plan_config(t->p, row, &t->config) != COL_KEEP)
            col_plan_why(t->p, row, &t->config, lost->why[fate], sizeof lost->why[fate]);
    }
    points->n_dropped++;
}

/* The row's configuration is one of the op, its axes are not. */
static sc_status drop_axes(col_taking *t, col_points *points, size_t i)
{
    const col_plan *p = t->p;
    size_t row = p->first + i;
    double axis[SOL_MAX_AXES];
    sc_diag why;
    sc_diag_clear(&why);
    bool first = !t->lost.n[COL_DROP_RANGE];
    drop(t, points, COL_DROP_RANGE, row);
    for (int k = 0; k < p->phase->n_axes; k++)
        axis[k] = axis_at(p, k, i);
    if (first && col_plan_config(p, row, &t->config) == COL_KEEP &&
        sol_phase_admits(p->op, p->phase, &t->config, axis, &why) == SC_ENOMEM)
        return sc_diag_nomem(p->diag);
    if (first)
        snprintf(t->lost.why[COL_DROP_RANGE], sizeof t->lost.why[0], "%s", why.message);
    return SC_OK;
}

/* The group of a key of which a row is kept. */
static sc_status find_group(col_taking *t, col_points *points, col_key *key, size_t row)
{
    if (key->group >= 0)
        return SC_OK;
    col_plan_config(t->p, row, &t->config);
    return col_groups_find(t->p, points, &t->groups, &t->config, row, &key->group);
}

/* Are b and s exchanged? Neither column reaches beyond the other axis's range then, and
 * that of b reaches beyond its own. */
static bool exchanged(const col_plan *p, const col_losses *lost)
{
    int b = sol_phase_axis_index(p->phase, "b"), s = sol_phase_axis_index(p->phase, "s");
    if (b < 0 || s < 0)
        return false;
    return lost->most[b] > p->phase->axis[b].hi &&
           lost->most[b] <= p->phase->axis[s].hi && lost->most[s] <= p->phase->axis[b].hi;
}

static sc_status report_loss(const col_plan *p, const col_losses *lost, col_fate fate,
                             sc_code code, const char *what, const char *hint)
{
    char text[512 + 256];
    size_t n = lost->n[fate];
    const char *why = lost->why[fate];
    if (!n)
        return SC_OK;
    snprintf(text, sizeof text, "%zu row%s %s left out%s%s", n, n == 1 ? "" : "s", what,
             *why ? "; the first: " : "", why);
    return col_plan_warn(p, lost->first[fate], code, text, hint);
}

static sc_status report_losses(const col_plan *p, const col_losses *lost)
{
    char what[160];
    snprintf(what, sizeof what, "with a dtype that op %.64s does not have", p->op->name);
    sc_status status = report_loss(p, lost, COL_DROP_DTYPE, SC1107, what,
                                   "mend the labels, or add the dtype to the op file");
    snprintf(what, sizeof what, "outside the ranges of op %.64s", p->op->name);
    return status
               ? status
               : report_loss(p, lost, COL_DROP_RANGE, SC2007, what,
                             exchanged(p, lost)
                                 ? "all rows would fit with b and s exchanged: are the "
                                   "columns mixed up?"
                                 : "mend or take out the rows, or widen the op file");
}

static void keep_origin(const col_plan *p, col_points *points, size_t row)
{
    const char *text[4];
    char framework[96];
    bool seen = true;
    for (int i = 0; i < 4; i++) {
        text[i] = p->origin[i] >= 0 ? col_plan_cell(p, row, p->origin[i]) : "";
        seen &= col_memo_holds(&p->origin_seen[i], text[i]);
        bool lasts = p->origin[i] < 0 || col_plan_values(p, p->origin[i])->is_text;
        p->origin_seen[i].text = lasts ? text[i] : NULL;
    }
    if (seen)
        return;
    snprintf(framework, sizeof framework, "%s%s%s", text[1],
             *text[1] && *text[2] ? " " : "", text[2]);
    col_points_keep(points->device, sizeof points->device, text[0]);
    col_points_keep(points->framework, sizeof points->framework, framework);
    col_points_keep(points->date, sizeof points->date, text[3]);
}

static bool one_origin(const col_plan *p)
{
    for (int i = 0; i < 4; i++)
        if (p->origin[i] >= 0 && !col_plan_is_one(p, p->origin[i]))
            return false;
    return true;
}

/* Row i of the window becomes row block->n, which is no later one. */
static void put_row(const col_plan *p, col_block *block, size_t i, int group)
{
    size_t to = block->n++;
    for (int k = 0; k < p->phase->n_axes; k++)
        block->axis[k][to] = axis_at(p, k, i);
    block->latency_s[to] = block->latency_s[i];
    block->noise[to] = block->noise[i];
    block->samples[to] = block->samples[i];
    block->hot[to] = block->hot[i];
    block->group[to] = group;
    block->line[to] = col_table_line(p->table, p->first + i);
}

sc_status col_taking_window(col_taking *t, col_points *points, const col_sink *sink)
{
    const col_plan *p = t->p;
    col_block *block = &t->block;
    sc_status status = SC_OK;
    bool one = one_origin(p);
    block->n = 0;
    if (p->untimed)
        no_quantities(p, block);
    else
        status = read_quantities(p, block);
    if (!status)
        status = col_keys_find(p, &t->keys, &t->gate, &t->config);
    if (!status)
        col_gate_test(p, &t->gate, &t->keys, t->admitted);
    for (size_t i = 0; i < p->n && !status; i++) {
        if (p->skip[p->first + i])
            continue;
        col_key *key = &t->keys.key[t->keys.of_row[i]];
        if (key->fate != COL_KEEP) {
            drop(t, points, key->fate, p->first + i);
            continue;
        }
        for (int k = 0; k < p->phase->n_axes; k++)
            t->lost.most[k] = fmax(t->lost.most[k], axis_at(p, k, i));
        if (!t->admitted[i]) {
            status = drop_axes(t, points, i);
        } else {
            status = find_group(t, points, key, p->first + i);
            if (!status && (!one || !t->kept_any))
                keep_origin(p, points, p->first + i);
            t->kept_any = true;
            put_row(p, block, i, key->group);
        }
    }
    if (!status && !sink->take(sink->user, block))
        status = sc_diag_nomem(p->diag);
    points->n += status ? 0 : block->n;
    return status;
}

sc_status col_taking_end(col_taking *t, const col_points *points)
{
    sc_status status = report_losses(t->p, &t->lost);
    return status || points->n ? status : col_plan_none(t->p, points->n_dropped);
}

/* ---- memory ---- */

static bool block_open(const col_plan *p, col_block *block)
{
    bool ok = true;
    for (int i = 0; i < p->phase->n_axes; i++)
        ok &= (block->axis[i] = sc_calloc(p->n + 1, sizeof(double))) != NULL;
    block->latency_s = sc_calloc(p->n + 1, sizeof *block->latency_s);
    block->noise = sc_calloc(p->n + 1, sizeof *block->noise);
    block->samples = sc_calloc(p->n + 1, sizeof *block->samples);
    block->group = sc_calloc(p->n + 1, sizeof *block->group);
    block->line = sc_calloc(p->n + 1, sizeof *block->line);
    block->hot = sc_calloc(p->n + 1, sizeof *block->hot);
    return ok && block->latency_s && block->noise && block->samples && block->group &&
           block->line && block->hot;
}

/* The first window is the largest. */
sc_status col_taking_open(const col_plan *p, col_taking *t)
{
    t->p = p;
    t->admitted = sc_calloc(p->n + 1, sizeof *t->admitted);
    if (!t->admitted || !block_open(p, &t->block))
        return sc_diag_nomem(p->diag);
    sc_status status = p->filter ? sol_config_copy(p->op, p->filter, &t->config, p->diag)
                                 : sol_config_init(p->op, &t->config, p->diag);
    if (!status)
        status = col_gate_open(p, &t->gate);
    return status ? status : col_keys_open(p, &t->keys);
}

void col_taking_close(const col_plan *p, col_taking *t)
{
    for (int i = 0; i < p->phase->n_axes; i++)
        sc_free(t->block.axis[i]);
    sc_free(t->block.latency_s);
    sc_free(t->block.noise);
    sc_free(t->block.samples);
    sc_free(t->block.group);
    sc_free(t->block.line);
    sc_free(t->block.hot);
    sc_free(t->admitted);
    sc_free(t->groups.slot);
    sc_free(t->groups.row);
    col_keys_close(&t->keys);
    col_gate_close(&t->gate);
    sol_config_clear(&t->config);
}
