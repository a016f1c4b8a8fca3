/* solcheck compare A B: two files of measurements, point by point.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/compare.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/fitting.h"

#define MOST_FITTED 20000 /* points of a decision, for the time that it takes */

/* ---- results: what both files hold ---- */

/* Rows that no op maps are held against each other table by table, in their order. */
static compare_result *find_result(compare_report *report, const sol_op *op,
                                   sol_phase_kind phase, int k)
{
    for (size_t i = 0; i < report->n; i++) {
        compare_result *r = &report->result[i];
        if (r->op == op && (op ? r->phase == phase : !r->side[k].table))
            return r;
    }
    return NULL;
}

static sc_status add_result(compare_report *report, const sol_op *op,
                            sol_phase_kind phase, const char *name, int k,
                            compare_result **out, sc_diag *diag)
{
    *out = find_result(report, op, phase, k);
    if (*out)
        return SC_OK;
    compare_result *more =
        sc_reallocarray(report->result, report->n + 1, sizeof *report->result);
    if (!more)
        return sc_diag_nomem(diag);
    report->result = more;
    *out = &more[report->n++];
    **out = (compare_result){.op = op, .phase = phase};
    snprintf((*out)->name, sizeof(*out)->name, "%.100s", name);
    return SC_OK;
}

static sc_status add_parts(compare_report *report, const cli_parts *parts, int k,
                           sc_diag *diag)
{
    sc_status status = SC_OK;
    compare_result *r;
    char name[128];
    for (size_t i = 0; i < parts->n && status == SC_OK; i++) {
        const cli_part *part = &parts->part[i];
        snprintf(name, sizeof name, "%.90s, %s", part->op->name,
                 sol_phase_name(part->phase));
        status = add_result(report, part->op, part->phase, name, k, &r, diag);
        if (status == SC_OK)
            r->side[k] =
                (compare_side){.part = part, .table = part->table, .n = part->points.n};
    }
    for (size_t i = 0; i < parts->tables.n && status == SC_OK; i++) {
        const col_table *table = parts->tables.table[i];
        if (parts->mapped[i])
            continue;
        status =
            add_result(report, NULL, SOL_CONTEXT, sc_path_base(table->path), k, &r, diag);
        if (status == SC_OK)
            r->side[k] = (compare_side){.table = table, .n = table->n_rows};
    }
    return status;
}

/* ---- entries ---- */

/* Latency and noise of a row that no op maps; docs/tables.md. */
static sc_status raw_entry(const col_table *t, size_t row, const int column[3],
                           col_entry *out, sc_diag *diag)
{
    double ms, mad, samples;
    if (!col_table_number(t, row, column[0], &ms) || !(ms > 0)) {
        sc_diag_fail(diag, SC_EPARSE, SC2003, "latency is not a positive number");
        sc_diag_at(diag, t->path, col_table_line(t, row), 0, 0, NULL);
        return SC_EPARSE;
    }
    *out = (col_entry){.latency_s = 1e-3 * ms, .noise = NAN, .bound_s = NAN};
    if (column[1] >= 0 && column[2] >= 0 && col_table_number(t, row, column[1], &mad) &&
        col_table_number(t, row, column[2], &samples) && samples >= 1)
        out->noise = 1.2533 * 1.4826 * mad / (ms * sqrt(samples));
    return SC_OK;
}

static sc_status raw_entries(compare_side *side, sc_diag *diag)
{
    const col_table *t = side->table;
    const int column[] = {col_table_column(t, "latency"),
                          col_table_column(t, "latency_mad"),
                          col_table_column(t, "samples")};
    if (column[0] < 0) {
        sc_diag_fail(diag, SC_EPARSE, SC2001, "column 'latency' is missing");
        sc_diag_at(diag, t->path, 1, 0, 0, NULL);
        return SC_EPARSE;
    }
    sc_status status = SC_OK;
    for (size_t i = 0; i < side->n && status == SC_OK; i++)
        status = raw_entry(t, i, column, &side->entry[i], diag);
    return status;
}

/* Decides the axes from one side's points; too little data is no failure. */
static sc_status decide(cli_session *cli, compare_side *side, const fit_point *point)
{
    fit_options options;
    fit_result fit;
    sc_diag diag = {0};
    if (side->n > MOST_FITTED) {
        snprintf(side->why, sizeof side->why,
                 "%zu points: decisions are compared up to %d; solcheck --op OP --data "
                 "FILE decides",
                 side->n, MOST_FITTED);
        return SC_OK;
    }
    fit_options_defaults(&options);
    options.seed = cli->seed;
    sc_status status = fit_decide(point, side->n, &options, &fit, &diag);
    if (status == SC_OK) {
        side->fitted = true;
        side->kind = fit.kind;
        memcpy(side->why, fit.reason, sizeof side->why); /* same size */
        fit_result_clear(&fit);
        return SC_OK;
    }
    if (status != SC_EDOMAIN && status != SC_EUNABLE) {
        cli->diag = diag;
        return status;
    }
    snprintf(side->why, sizeof side->why, "%.400s", diag.message);
    return SC_OK;
}

static sc_status mapped_entries(cli_session *cli, compare_side *side)
{
    const col_points *points = &side->part->points;
    sol_bound *bound = sc_calloc(side->n, sizeof *bound);
    double *x = sc_calloc(side->n, sizeof *x);
    fit_point *fit = sc_calloc(side->n, sizeof *fit);
    bool known = side->part->system != NULL;
    sc_status status = bound && x && fit ? SC_OK : sc_diag_nomem(&cli->diag);
    if (status == SC_OK && known)
        status = cli_point_bounds(points, side->part->system, SOL_ARCHITECTURAL, bound, x,
                                  &cli->diag);
    if (status == SC_OK && known)
        status = cli_fit_points(points, bound, x, fit, &cli->diag);
    for (size_t i = 0; i < side->n && status == SC_OK; i++)
        side->entry[i] =
            (col_entry){.latency_s = points->point[i].latency_s,
                        .noise = points->point[i].noise,
                        .bound_s = !known                 ? NAN
                                   : points->point[i].hot ? bound[i].sol_hot_s
                                                          : bound[i].sol_cold_s};
    if (status == SC_OK && known)
        status = decide(cli, side, fit);
    sc_free(bound);
    sc_free(x);
    sc_free(fit);
    return status;
}

static sc_status fill_side(cli_session *cli, compare_side *side)
{
    side->entry = sc_calloc(side->n + 1, sizeof *side->entry);
    side->key = sc_calloc(side->n + 1, sizeof *side->key);
    if (!side->entry || !side->key)
        return sc_diag_nomem(&cli->diag);
    snprintf(side->why, sizeof side->why,
             "no system file is known: give one with "
             "--system");
    sc_status status = side->n == 0 ? SC_OK
                       : side->part ? mapped_entries(cli, side)
                                    : raw_entries(side, &cli->diag);
    for (size_t i = 0; i < side->n && status == SC_OK; i++)
        side->n_assumed += isnan(side->entry[i].noise);
    return status;
}

static sc_status run_result(cli_session *cli, compare_report *report, compare_result *r)
{
    sc_status status = SC_OK;
    for (int k = 0; k < 2 && status == SC_OK; k++)
        status = fill_side(cli, &r->side[k]);
    if (status == SC_OK)
        status = compare_keys(r, &cli->diag);
    if (status == SC_OK)
        status = col_compare(r->side[0].entry, r->side[0].n, r->side[1].entry,
                             r->side[1].n, &report->options, &r->comparison, &cli->diag);
    if (status != SC_OK)
        return status;
    const compare_side *a = &r->side[0], *b = &r->side[1];
    if (a->part && b->part && a->part->system == b->part->system)
        r->system = a->part->system;
    r->changed = a->fitted && b->fitted && a->kind != b->kind &&
                 a->kind != FIT_UNDECIDED && b->kind != FIT_UNDECIDED;
    report->n_changed += r->changed;
    report->n_shifted += r->comparison.shifted;
    report->n_regressed += r->comparison.n_regressed;
    report->n_loose +=
        r->comparison.count[COL_AMBIGUOUS] + r->comparison.count[COL_ONLY_A];
    return SC_OK;
}

/* ---- options ---- */

static sc_status percentage(cli_session *cli, cli_option option, double *out)
{
    char text[32];
    const char *given = cli_value(&cli->options, option, NULL);
    double percent;
    if (!given)
        return SC_OK;
    snprintf(text, sizeof text, "%s", given);
    size_t n = strlen(text);
    if (n > 0 && text[n - 1] == '%')
        text[n - 1] = '\0';
    if (!sc_parse_double(text, &percent) || !(percent > 0 && percent < 100))
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--%s wants a percentage from 0 to 100, not '%s'",
                            cli_option_name(option), given);
    *out = percent / 100;
    return SC_OK;
}

static sc_status read_options(cli_session *cli, compare_report *report)
{
    const cli_values *files = &cli->options.files;
    if (files->n != 2) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "compare wants two files, not %d",
                     files->n);
        sc_diag_hint(&cli->diag,
                     "solcheck compare OLD NEW: perf tables or record stores");
        return SC_EINVAL;
    }
    report->path[0] = files->text[0];
    report->path[1] = files->text[1];
    report->strict = cli_has(&cli->options, CLI_OPT_STRICT);
    col_compare_defaults(&report->options);
    sc_status status = percentage(cli, CLI_OPT_NOISE, &report->options.noise);
    if (status == SC_OK)
        status = percentage(cli, CLI_OPT_THRESHOLD, &report->options.threshold);
    const char *seed = cli_value(&cli->options, CLI_OPT_SEED, NULL);
    int64_t value = 1;
    if (status == SC_OK && seed && (!sc_parse_int(seed, &value) || value < 0))
        status = sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                              "--seed wants a whole number, not '%s'", seed);
    cli->seed = (uint64_t)value;
    return status;
}

/* ---- the command ---- */

static sc_status nothing_in_common(cli_session *cli, const compare_report *report)
{
    size_t common = 0;
    for (size_t i = 0; i < report->n; i++) {
        const col_comparison *c = &report->result[i].comparison;
        common += c->n - c->count[COL_ONLY_A] - c->count[COL_ONLY_B];
    }
    if (common > 0)
        return SC_OK;
    sc_diag_fail(&cli->diag, SC_EDOMAIN, SC2004, "%s and %s have no point in common",
                 report->path[0], report->path[1]);
    sc_diag_hint(&cli->diag, report->n > 1 || !report->n
                                 ? "give --op where the files do not tell"
                                 : "their parameters, dtypes or cache states differ");
    return SC_EDOMAIN;
}

static sc_status print(cli_session *cli, const compare_report *report)
{
    sc_buf out = {0};
    bool json = cli_has(&cli->options, CLI_OPT_JSON);
    const char *format = cli_value(&cli->options, CLI_OPT_FORMAT, json ? "json" : "text");
    sc_status status;
    if (json && strcmp(format, "json") != 0)
        status = sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                              "--json and --format %s contradict each other", format);
    else if (strcmp(format, "json") == 0)
        status = compare_json(report, &out, &cli->diag);
    else if (strcmp(format, "junit") == 0)
        status = compare_junit(report, &out, &cli->diag);
    else if (strcmp(format, "text") == 0)
        status =
            compare_text(report, cli_has(&cli->options, CLI_OPT_QUIET), &out, &cli->diag);
    else
        status =
            sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                         "--format of compare is text, json or junit, not '%s'", format);
    if (status == SC_OK)
        status = cli_print(cli, &out);
    sc_buf_free(&out);
    return status;
}

static void clear_report(compare_report *report)
{
    for (size_t i = 0; i < report->n; i++) {
        col_comparison_clear(&report->result[i].comparison);
        for (int k = 0; k < 2; k++) {
            compare_side *side = &report->result[i].side[k];
            for (size_t e = 0; side->key && e < side->n; e++)
                sc_free(side->key[e]);
            sc_free(side->key);
            sc_free(side->entry);
        }
    }
    sc_free(report->result);
}

sc_status cli_compare(cli_session *cli, int *exit_code)
{
    compare_report report = {0};
    cli_library lib = {0};
    cli_parts parts[2] = {{0}};
    sc_status status = read_options(cli, &report);
    if (status == SC_OK)
        status = cli_library_load(cli, &lib);
    for (int k = 0; k < 2 && status == SC_OK; k++) {
        status = cli_parts_load(&lib, report.path[k], &parts[k]);
        if (status == SC_OK)
            status = add_parts(&report, &parts[k], k, &cli->diag);
    }
    for (size_t i = 0; i < report.n && status == SC_OK; i++)
        status = run_result(cli, &report, &report.result[i]);
    if (status == SC_OK)
        status = nothing_in_common(cli, &report);
    report.failed = report.n_regressed || report.n_changed || report.n_shifted ||
                    (report.strict && report.n_loose);
    if (status == SC_OK)
        status = print(cli, &report);
    *exit_code = report.failed ? 1 : 0;
    clear_report(&report);
    cli_parts_clear(&parts[0]);
    cli_parts_clear(&parts[1]);
    cli_library_clear(&lib);
    return status;
}
