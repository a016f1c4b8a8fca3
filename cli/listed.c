/* solcheck - points to measure from a table: --points FILE, --where, --sample.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/plan.h"
#include "collector/table.h"
#include "mock/random.h"

#define MAX_VALUES 32 /* of one --where */
/* Of the system's memory: what a sampled point may need. */
#define MEMORY_SHARE 0.9

/* ---- which rows ---- */

/* "COLUMN=V,V": cuts text into values at its commas. */
static sc_status keep_rows(cli_session *cli, col_table *table, char *text)
{
    const char *value[MAX_VALUES + 1];
    int n = 0;
    size_t n_dropped;
    char *at = strchr(text, '=');
    if (!at || at == text)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--where wants COLUMN=VALUE,.., not '%s'", text);
    *at++ = '\0';
    for (;;) {
        char *comma = strchr(at, ',');
        if (n == MAX_VALUES)
            return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                                "--where takes at most %d values", MAX_VALUES);
        value[n++] = at;
        if (!comma)
            break;
        *comma = '\0';
        at = comma + 1;
    }
    value[n] = NULL;
    return col_table_keep(table, text, value, &n_dropped, &cli->diag);
}

/* --points FILE, or the shapes that --cases lists. */
static sc_status read_table(cli_session *cli, col_table **out)
{
    const char *cases = cli_value(&cli->options, CLI_OPT_CASES, NULL);
    return cases ? cli_cases_table(cli, cases, out)
                 : col_table_load(cli_value(&cli->options, CLI_OPT_POINTS, ""), out,
                                  &cli->diag);
}

static sc_status load_table(cli_session *cli, col_table **out)
{
    const cli_values *where = &cli->options.given[CLI_OPT_WHERE];
    col_table *table;
    sc_status status = read_table(cli, &table);
    for (int i = 0; i < where->n && status == SC_OK; i++) {
        char *text = sc_strdup(where->text[i]);
        status = text ? keep_rows(cli, table, text) : sc_diag_nomem(&cli->diag);
        sc_free(text);
        if (status != SC_OK)
            col_table_free(table);
    }
    if (status == SC_OK)
        *out = table;
    return status;
}

/* ---- points of one phase ---- */

/* Layers run over b and s alone: other axes have to be at their defaults. */
static bool runs_over(const sol_phase *phase, const col_point *point, cli_listed *out)
{
    *out = (cli_listed){.phase = phase->kind, .config = (size_t)point->group};
    for (int i = 0; i < phase->n_axes; i++) {
        const sol_axis *axis = &phase->axis[i];
        if (strcmp(axis->name, "b") == 0)
            out->at.b = point->axis[i];
        else if (strcmp(axis->name, "s") == 0)
            out->at.s = point->axis[i];
        else if (!axis->optional || point->axis[i] != axis->value)
            return false;
    }
    return true;
}

static int by_place(const void *a, const void *b)
{
    const cli_listed *p = a, *q = b;
    if (p->config != q->config)
        return p->config < q->config ? -1 : 1;
    if (p->at.b != q->at.b)
        return p->at.b < q->at.b ? -1 : 1;
    return (p->at.s > q->at.s) - (p->at.s < q->at.s);
}

static int by_time(const void *a, const void *b)
{
    const cli_listed *p = a, *q = b;
    if (p->at.sol_s != q->at.sol_s)
        return p->at.sol_s < q->at.sol_s ? -1 : 1;
    return by_place(a, b);
}

/* Removes what the list holds twice; leaves it in order of place. */
static size_t unite(cli_listed *list, size_t n)
{
    size_t kept = 0;
    qsort(list, n, sizeof *list, by_place);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_place(&list[kept - 1], &list[i]) != 0)
            list[kept++] = list[i];
    return kept;
}

static void copy_config(const sol_op *op, const sol_config *from, sol_config *to)
{
    for (int i = 0; i < op->n_params; i++) {
        to->param[i] = from->param[i];
        to->given[i] = from->given[i];
    }
    for (int i = 0; i < op->n_slots; i++) {
        to->slot[i] = from->slot[i];
        to->slot_given[i] = from->slot_given[i];
    }
    to->tp = from->tp;
    to->tp_given = from->tp_given;
}

void cli_plan_use(cli_session *cli, const cli_plan *plan, const cli_job *point)
{
    copy_config(cli->op, &plan->config[point->config], &cli->config);
}

/* Bounds of a list in order of place, configuration by configuration. */
static sc_status estimate(cli_session *cli, const sol_phase *phase,
                          const col_points *points, cli_listed *list, size_t n)
{
    cli_axes *at = sc_calloc(n, sizeof *at);
    sc_status status = at ? SC_OK : sc_diag_nomem(&cli->diag);
    for (size_t i = 0, end; i < n && status == SC_OK; i = end) {
        for (end = i; end < n && list[end].config == list[i].config; end++)
            at[end - i] = list[end].at;
        copy_config(cli->op, &points->config[list[i].config], &cli->config);
        status = cli_axes_estimate(cli, phase, at, end - i);
        for (size_t k = i; k < end && status == SC_OK; k++)
            list[k].at = at[k - i];
    }
    sc_free(at);
    return status;
}

/* ---- sampling ---- */

/* Can the layer run the point in the memory that the system has? */
static bool runs(cli_session *cli, const mock_class *cls, const col_points *points,
                 const cli_listed *point)
{
    mock_case c;
    size_t need_B;
    sc_diag why = cli->diag;
    double memory_B = cli->system->mem_capacity_B.value;
    copy_config(cli->op, &points->config[point->config], &cli->config);
    bool fits =
        cli_make_case(cli, cls, point->phase, point->at.b, point->at.s, &c) == SC_OK &&
        mock_case_bytes(cls, &c, &need_B, NULL) == SC_OK &&
        !((double)need_B > MEMORY_SHARE * memory_B); /* NaN: not known */
    cli->diag = why;
    return fits;
}

/* One point out of each of `wanted` equal parts of the list, which is sorted by time: all
 * of the range is met, and within a part everything is equally likely. */
static size_t sample(cli_listed *list, size_t n, size_t wanted, uint64_t seed)
{
    if (wanted >= n)
        return n;
    for (size_t i = 0; i < wanted; i++) {
        size_t first = i * n / wanted, end = (i + 1) * n / wanted;
        uint64_t draw = mock_mix64(mock_mix64(seed) + i);
        list[i] = list[first + draw % (end - first)];
    }
    return wanted;
}

static sc_status sample_size(cli_session *cli, size_t *out)
{
    int64_t n;
    const char *text = cli_value(&cli->options, CLI_OPT_SAMPLE, NULL);
    *out = 0;
    if (!text)
        return SC_OK;
    if (!sc_parse_int(text, &n) || n < 1)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--sample wants a number of points, not '%s'", text);
    *out = (size_t)n;
    return SC_OK;
}

static sc_status sample_points(cli_session *cli, const mock_class *cls,
                               const col_points *points, cli_listed *list, size_t *n)
{
    size_t wanted, kept = 0;
    sc_status status = sample_size(cli, &wanted);
    qsort(list, *n, sizeof *list, by_time);
    if (status != SC_OK || wanted == 0)
        return status;
    for (size_t i = 0; i < *n; i++)
        if (runs(cli, cls, points, &list[i]))
            list[kept++] = list[i];
    *n = sample(list, kept, wanted, cli->seed);
    qsort(list, *n, sizeof *list, by_time);
    return SC_OK;
}

/* ---- all of it ---- */

/* The configurations that are in use move to the plan. */
static sc_status take_configs(cli_session *cli, cli_plan *plan, const col_points *points,
                              cli_listed *list, size_t n)
{
    size_t *to = sc_calloc(points->n_configs, sizeof *to); /* index + 1 */
    sc_status status = to ? SC_OK : sc_diag_nomem(&cli->diag);
    for (size_t i = 0; i < n && status == SC_OK; i++) {
        size_t from = list[i].config;
        if (!to[from]) {
            copy_config(cli->op, &points->config[from], &cli->config);
            status = cli_plan_add_config(cli, plan, &to[from]);
            to[from]++;
        }
        list[i].config = to[from] - 1;
    }
    sc_free(to);
    return status;
}

static sc_status warn_axes(cli_session *cli, const sol_phase *phase, size_t n)
{
    sc_diag warning;
    if (n == 0)
        return SC_OK;
    sc_diag_clear(&warning);
    sc_diag_warn(&warning, SC3005,
                 "%zu points of %s are left out: layers run over b and s alone, other "
                 "axes at their defaults",
                 n, sol_phase_name(phase->kind));
    return sc_diags_add(&cli->warnings, &warning) == SC_OK ? SC_OK
                                                           : sc_diag_nomem(&cli->diag);
}

static sc_status phase_points(cli_session *cli, const mock_class *cls, cli_plan *plan,
                              const sol_phase *phase, const col_points *points,
                              cli_listed **list, size_t *n)
{
    cli_listed *more = sc_reallocarray(*list, *n + points->n + 1, sizeof *more), *first;
    if (!more)
        return sc_diag_nomem(&cli->diag);
    *list = more;
    first = more + *n;
    size_t kept = 0;
    for (size_t i = 0; i < points->n; i++)
        kept += runs_over(phase, &points->point[i], &first[kept]);
    sc_status status = warn_axes(cli, phase, points->n - kept);
    kept = unite(first, kept);
    if (status == SC_OK)
        status = estimate(cli, phase, points, first, kept);
    if (status == SC_OK)
        status = sample_points(cli, cls, points, first, &kept);
    if (status == SC_OK)
        status = take_configs(cli, plan, points, first, kept);
    *n += kept;
    return status;
}

/* Cases that spread a model over ranks have its whole widths and heads from --param:
 * those are no filter. */
static void keep_all_tp(const cli_session *cli, const col_table *table, sol_config *asked)
{
    int tp = col_table_column(table, "tp");
    double value = 1;
    bool spread = false;
    for (size_t row = 0; tp >= 0 && row < table->n_rows; row++)
        spread |= col_table_number(table, row, tp, &value) && value != 1;
    if (!spread || !cli_has(&cli->options, CLI_OPT_CASES))
        return;
    for (int i = 0; i < cli->op->n_params; i++)
        asked->given[i] &= !cli->op->param[i].shard_tp;
}

static sc_status all_phases(cli_session *cli, const mock_class *cls, cli_plan *plan,
                            const col_table *table, cli_listed **list, size_t *n)
{
    sol_config asked = {0}, before = {0};
    sc_diag none = {0};
    sc_status status = sol_config_copy(cli->op, &cli->config, &asked, &cli->diag);
    if (status == SC_OK)
        status = sol_config_copy(cli->op, &cli->config, &before, &cli->diag);
    if (status != SC_OK) {
        sol_config_clear(&asked);
        return status;
    }
    keep_all_tp(cli, table, &asked);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++) {
        col_points points = {0};
        if (!cli->phase[p])
            continue;
        status = col_points_list(table, cli->op, (sol_phase_kind)p, &asked, &points,
                                 &cli->warnings, &cli->diag);
        if (status == SC_EDOMAIN) { /* no row of this phase */
            none = cli->diag;
            sc_diag_clear(&cli->diag);
            status = SC_OK;
            continue;
        }
        if (status == SC_OK)
            status = phase_points(cli, cls, plan, cli->op->phase[p], &points, list, n);
        col_points_clear(&points);
    }
    copy_config(cli->op, &before, &cli->config);
    sol_config_clear(&before);
    sol_config_clear(&asked);
    if (status == SC_OK && *n == 0) {
        cli->diag = none;
        status = none.code ? SC_EDOMAIN
                           : sc_diag_fail(&cli->diag, SC_EDOMAIN, SC2004,
                                          "no point of the table can be measured");
    }
    return status;
}

sc_status cli_listed_points(cli_session *cli, const mock_class *cls, cli_plan *plan,
                            cli_listed **out, size_t *n_out)
{
    col_table *table;
    cli_listed *list = NULL;
    size_t n = 0;
    sc_status status = load_table(cli, &table);
    if (status != SC_OK)
        return status;
    status = all_phases(cli, cls, plan, table, &list, &n);
    col_table_free(table);
    if (status != SC_OK) {
        sc_free(list);
        return status;
    }
    *out = list;
    *n_out = n;
    return SC_OK;
}
