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

/* ---- ranges and guards ---- */

sc_status col_gate_open(col_plan *p)
{
    col_gate *g = &p->gate;
    size_t n = (size_t)p->phase->n_guards,
           n_symbols = (size_t)sol_symbol_count(p->op->ctx);
    if (!n)
        return SC_OK;
    const sol_expr **root = sc_calloc(n, sizeof *root);
    g->value = sc_calloc(n_symbols, sizeof *g->value);
    g->in = sc_calloc(n_symbols, sizeof *g->in);
    g->stride = sc_calloc(n_symbols, 1);
    g->holds = sc_calloc(n, sizeof *g->holds);
    g->out = sc_calloc(n, sizeof *g->out);
    sc_status status = SC_ENOMEM;
    if (root && g->value && g->in && g->stride && g->holds && g->out) {
        for (size_t i = 0; i < n; i++) {
            root[i] = p->phase->guard[i].expr;
            g->out[i] = &g->holds[i];
        }
        for (size_t i = 0; i < n_symbols; i++)
            g->in[i] = &g->value[i];
        memset(g->stride, 1, n_symbols); /* anything may differ from row to row */
        status = sol_program_new(p->op->ctx, root, (int)n, &g->program, p->diag);
    }
    if (!status)
        status = sol_plan_new(g->program, g->in, g->stride, &g->plan);
    if (!status)
        status = sol_run_new(g->plan, &g->run);
    sc_free(root);
    return status == SC_ENOMEM ? sc_diag_nomem(p->diag) : status;
}

void col_gate_close(col_gate *g)
{
    sol_run_free(g->run);
    sol_plan_free(g->plan);
    sol_program_free(g->program);
    sc_free(g->value);
    sc_free(g->in);
    sc_free(g->stride);
    sc_free(g->holds);
    sc_free(g->out);
}

/* sol_phase_admits without its words: tables have rows by the million. */
static bool gate_test(const col_plan *p, const sol_config *config, const double *axis)
{
    const col_gate *g = &p->gate;
    bool admitted = true;
    for (int i = 0; i < p->phase->n_axes; i++) {
        const sol_axis *a = &p->phase->axis[i];
        admitted &= axis[i] >= a->lo && axis[i] <= a->hi && axis[i] == floor(axis[i]);
    }
    if (!g->program || !admitted)
        return admitted;
    sol_config_values(p->op, p->phase, config, g->value);
    for (int i = 0; i < p->phase->n_axes; i++)
        g->value[p->phase->axis[i].symbol] = axis[i];
    sol_run_block(g->run, g->in, 0, 1, g->out);
    for (int i = 0; i < p->phase->n_guards; i++)
        admitted &= g->holds[i] != 0 && !isnan(g->holds[i]);
    return admitted;
}

/* ---- rows ---- */

/* Latency in seconds; "nan" and "inf" are told from text that is no number. */
static sc_status read_latency(const col_plan *p, size_t row, double *out)
{
    const double *ms = col_plan_numbers(p, p->latency);
    if (ms && ms[row] > 0 && isfinite(ms[row])) {
        *out = ms[row] / 1e3;
        return SC_OK;
    }
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
    const double *number = column >= 0 ? col_plan_numbers(p, column) : NULL;
    *out = NAN;
    if (column < 0 || (number && isnan(number[row])))
        return SC_OK;
    const char *text = number ? "" : col_plan_cell(p, row, column);
    if (!number && !*text)
        return SC_OK;
    if (!col_table_number(p->table, row, column, out) || *out < 0)
        return col_plan_fail(p, row, SC2002, p->table->column[column],
                             col_plan_cell(p, row, column),
                             "is not a finite number of at least 0",
                             "leave the cell empty where it is unknown");
    return SC_OK;
}

static sc_status read_quality(const col_plan *p, size_t row, col_point *point)
{
    double mad, samples;
    sc_status status = read_optional(p, row, p->mad, &mad);
    if (!status)
        status = read_optional(p, row, p->samples, &samples);
    if (status)
        return status;
    point->samples = samples >= 1 && samples < 1e9 ? (int)samples : 0;
    point->noise =
        point->samples && isfinite(mad)
            ? MEDIAN_ERROR * mad / 1e3 / (point->latency_s * sqrt(point->samples))
            : NAN;
    const char *cache = p->cache >= 0 ? col_plan_cell(p, row, p->cache) : "";
    if (!*cache) {
        point->hot = true;
        return SC_OK;
    }
    point->hot = strcasecmp(cache, "cold") != 0;
    if (point->hot && strcasecmp(cache, "hot") != 0)
        return col_plan_fail(p, row, SC2002, "cache", cache, "is neither hot nor cold",
                             "hot: repeated over one buffer; cold: flushed or rotated");
    return SC_OK;
}

/* What becomes of a row. */
typedef enum fate { KEEP, DROP_FILTER, DROP_DTYPE, DROP_RANGE } fate;

/* The dtype of slot i in a row, -1 where the op has none of that name. */
static int dtype_cell(const col_plan *p, size_t row, int i)
{
    sol_dtype dtype;
    const char *text = col_plan_cell(p, row, p->slot[i]);
    if (!col_memo_holds(&p->dtype[i], text)) {
        bool known = p->labels[i] ? sol_table_dtype_parse(p->labels[i], text, &dtype)
                                  : sol_dtype_parse(text, &dtype);
        known = known && p->op->slot[i].allowed[dtype];
        p->dtype[i] = (col_memo){col_plan_numbers(p, p->slot[i]) ? NULL : text,
                                 known ? (int)dtype : -1};
    }
    return p->dtype[i].meaning;
}

/* Sets parameters, tp and dtypes of config from a row. Sharded parameters are stored
 * local to one GPU and held here for the whole model. */
static fate row_config(const col_plan *p, size_t row, sol_config *config)
{
    config->tp = p->tp ? p->tp[row] : p->default_tp;
    if (!(config->tp >= 1))
        return DROP_RANGE;
    config->tp_given = p->tp != NULL;
    for (int i = 0; i < p->op->n_params; i++) {
        const sol_param *param = &p->op->param[i];
        if (p->param[i]) {
            config->param[i] = p->param[i][row] * (param->shard_tp ? config->tp : 1);
            config->given[i] = true;
        }
        if (!(config->param[i] >= param->lo && config->param[i] <= param->hi))
            return DROP_RANGE;
    }
    for (int i = 0; i < p->op->n_slots; i++) {
        if (p->slot[i] < 0)
            continue;
        int dtype = dtype_cell(p, row, i);
        if (dtype < 0)
            return DROP_DTYPE;
        config->slot[i] = (sol_dtype)dtype;
        config->slot_given[i] = true;
    }
    sol_config_follow(p->op, config);
    return KEEP;
}

/* Does the configuration have what the user asked for? Sharded parameters are compared as
 * one GPU sees them: 128 heads at tp 8 are 16 heads at tp 1. */
static bool passes(const col_plan *p, const sol_config *config)
{
    const sol_config *want = p->filter;
    if (!want)
        return true;
    for (int i = 0; i < p->op->n_params; i++) {
        bool shard = p->op->param[i].shard_tp;
        if (!want->given[i] && !(shard && want->tp_given))
            continue;
        double a = want->param[i], b = config->param[i];
        if (shard ? a * config->tp != b * want->tp : a != b)
            return false;
    }
    for (int i = 0; i < p->op->n_slots; i++)
        if (want->slot_given[i] && want->slot[i] != config->slot[i])
            return false;
    return true;
}

/* What was left out, for the warnings. */
typedef struct losses {
    size_t n[DROP_RANGE + 1], first[DROP_RANGE + 1];
    char why[512]; /* of the first row out of range */
} losses;

static sc_status take_row(const col_plan *p, col_points *points, col_groups *g,
                          losses *lost, sol_config *config, size_t row)
{
    col_point point = {.line = p->table->line[row]};
    sc_diag why;
    sc_diag_clear(&why);
    sc_status status = p->untimed ? SC_OK : read_latency(p, row, &point.latency_s);
    if (!status && !p->untimed)
        status = read_quality(p, row, &point);
    if (status)
        return status;
    point.apart = col_plan_apart(p, row);
    for (int i = 0; i < p->phase->n_axes; i++)
        point.axis[i] = p->axis[i] ? p->axis[i][row] : p->phase->axis[i].value;
    fate end = row_config(p, row, config);
    if (end == KEEP && !passes(p, config))
        end = DROP_FILTER;
    if (end == KEEP) {
        bool admitted = gate_test(p, config, point.axis);
        if (!admitted && !lost->n[DROP_RANGE])
            status = sol_phase_admits(p->op, p->phase, config, point.axis, &why);
        if (status == SC_ENOMEM)
            return sc_diag_nomem(p->diag);
        end = admitted ? KEEP : DROP_RANGE;
    }
    if (end != KEEP) {
        if (!lost->n[end]++)
            lost->first[end] = row;
        if (end == DROP_RANGE && lost->n[end] == 1)
            snprintf(lost->why, sizeof lost->why, "%s", why.message);
        points->n_dropped++;
        return SC_OK;
    }
    status = col_groups_find(p, points, g, config, row, &point.group);
    if (!status)
        points->point[points->n++] = point;
    return status;
}

static sc_status report_losses(const col_plan *p, const losses *lost)
{
    char text[512 + 256];
    sc_status status = SC_OK;
    if (lost->n[DROP_DTYPE]) {
        size_t row = lost->first[DROP_DTYPE];
        snprintf(text, sizeof text,
                 "%zu row%s with a dtype that op %s does not have left out",
                 lost->n[DROP_DTYPE], lost->n[DROP_DTYPE] == 1 ? "" : "s", p->op->name);
        status = col_plan_warn(p, row, SC1107, text);
    }
    if (!status && lost->n[DROP_RANGE]) {
        size_t n = lost->n[DROP_RANGE];
        snprintf(text, sizeof text, "%zu row%s outside the ranges of op %s left out%s%s",
                 n, n == 1 ? "" : "s", p->op->name, *lost->why ? "; the first: " : "",
                 lost->why);
        status = col_plan_warn(p, lost->first[DROP_RANGE], SC2007, text);
    }
    return status;
}

static void keep_origin(const col_plan *p, col_points *points, size_t row)
{
    const char *text[4];
    char framework[96];
    bool seen = true;
    for (int i = 0; i < 4; i++) {
        text[i] = p->origin[i] >= 0 ? col_plan_cell(p, row, p->origin[i]) : "";
        seen &= col_memo_holds(&p->origin_seen[i], text[i]);
        p->origin_seen[i].text =
            p->origin[i] >= 0 && col_plan_numbers(p, p->origin[i]) ? NULL : text[i];
    }
    if (seen)
        return;
    snprintf(framework, sizeof framework, "%s%s%s", text[1],
             *text[1] && *text[2] ? " " : "", text[2]);
    col_points_keep(points->device, sizeof points->device, text[0]);
    col_points_keep(points->framework, sizeof points->framework, framework);
    col_points_keep(points->date, sizeof points->date, text[3]);
}

sc_status col_plan_take(const col_plan *p, col_points *points, col_groups *g,
                        sol_config *config)
{
    losses lost = {0};
    size_t used = 0;
    for (int i = 0; i < p->n_extra && used < sizeof points->unknown; i++)
        used += (size_t)snprintf(points->unknown + used, sizeof points->unknown - used,
                                 "%s%s", i ? ", " : "", p->table->column[p->extra[i]]);
    points->point = sc_calloc(p->table->n_rows, sizeof *points->point);
    if (!points->point)
        return sc_diag_nomem(p->diag);
    for (size_t row = 0; row < p->table->n_rows; row++) {
        size_t before = points->n;
        if (p->skip[row])
            continue;
        sc_status status = take_row(p, points, g, &lost, config, row);
        if (status)
            return status;
        if (points->n > before)
            keep_origin(p, points, row);
    }
    sc_status status = report_losses(p, &lost);
    if (status || points->n)
        return status;
    sc_diag_fail(p->diag, SC_EDOMAIN, SC2004, "no row for %s of op %s",
                 sol_phase_name(p->phase->kind), p->op->name);
    sc_diag_at(p->diag, p->table->path, 0, 0, 0, NULL);
    if (points->n_dropped)
        sc_diag_hint(p->diag,
                     "%zu rows have other parameters or dtypes than asked for, or "
                     "lie outside the op's ranges",
                     points->n_dropped);
    else
        sc_diag_hint(p->diag, "the table has %zu rows of other phases or ops",
                     p->table->n_rows);
    return SC_EDOMAIN;
}
