/* solcheck audit: every row of every table against its speed of light.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/audit.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "collector/walk.h"

typedef struct auditor {
    cli_session *cli;
    cli_library lib;
    audit_report report;
    sc_diag held; /* with --op: why the table cannot be of one phase, while it may be of
                     the other */
} auditor;

/* ---- tables ---- */

static sc_status add_result(auditor *a, const audit_result *result)
{
    audit_report *r = &a->report;
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 32;
        audit_result *more = sc_reallocarray(r->result, capacity, sizeof *more);
        if (!more)
            return sc_diag_nomem(&a->cli->diag);
        r->result = more;
        r->capacity = capacity;
    }
    r->result[r->n++] = *result;
    return SC_OK;
}

static sc_status add_unaudited(auditor *a, const char *path, size_t n_table,
                               const char *why)
{
    audit_result result = {.path = path, .n_table = n_table};
    snprintf(result.unaudited, sizeof result.unaudited, "%.255s", why);
    return add_result(a, &result);
}

/* Columns that an op does not know make groups here, not decisions: no warning. */
static sc_status keep_warnings(auditor *a, const sc_diags *warnings)
{
    for (size_t i = 0; i < warnings->n; i++)
        if (warnings->item[i].code != SC2005 &&
            sc_diags_add(&a->cli->warnings, &warnings->item[i]))
            return SC_ENOMEM;
    return SC_OK;
}

/* Audits a table as (op, phase). *used grows by the rows that are of it; a table without
 * rows of that kind is no error. */
static sc_status audit_as(auditor *a, const col_table *table, const sol_op *op,
                          sol_phase_kind phase, const sol_system *system, size_t *used)
{
    col_points points = {0};
    audit_result result = {.path = table->path,
                           .op = op,
                           .phase = phase,
                           .system = system,
                           .n_table = table->n_rows};
    sc_diags warnings = {0};
    sc_diag diag = {0};
    sc_status status = col_points_map(table, op, phase, NULL, &points, &warnings, &diag);
    if (status != SC_ENOMEM && keep_warnings(a, &warnings))
        status = sc_diag_nomem(&diag);
    sc_diags_free(&warnings);
    if (status == SC_EDOMAIN)
        return SC_OK;
    if (!status) {
        *used += points.n + points.n_dropped;
        result.n_dropped = points.n_dropped;
        status = col_audit_points(&points, system, &result.audit, &diag);
    }
    col_points_clear(&points);
    if (status == SC_ENOMEM) {
        a->cli->diag = diag;
        return status;
    }
    if (status && cli_has(&a->cli->options, CLI_OPT_OP)) {
        a->held = diag;
        return SC_OK;
    }
    if (status) {
        snprintf(result.unaudited, sizeof result.unaudited, "%.255s", diag.message);
        if (sc_diags_add(&a->cli->warnings, &diag))
            return sc_diag_nomem(&a->cli->diag);
    }
    status = add_result(a, &result);
    if (status)
        col_audit_clear(&result.audit);
    return status;
}

static sc_status audit_table(auditor *a, const char *path, col_table *table)
{
    const sol_system *system;
    size_t longest = 0, used = 0, first = a->report.n;
    bool only = cli_has(&a->cli->options, CLI_OPT_OP);
    sc_diag_clear(&a->held);
    sc_status status = cli_library_system(&a->lib, path, &system);
    if (status)
        return status;
    sc_free(table->path); /* results name the path that outlives the table */
    table->path = sc_strdup(path);
    if (!table->path)
        return sc_diag_nomem(&a->cli->diag);
    for (size_t i = 0; i < a->lib.n_ops; i++)
        for (int p = 0; p < SOL_N_PHASES; p++) {
            size_t n = a->lib.op[i]->phase[p] ? cli_op_claim(a->lib.op[i], (sol_phase_kind)p, path) : 0;
            longest = n > longest ? n : longest;
        }
    if (!longest && !only)
        return add_unaudited(a, path, table->n_rows, "no op file maps it");
    if (!system)
        return add_unaudited(a, path, table->n_rows,
                             "no system file; give one with --system");
    for (size_t i = 0; i < a->lib.n_ops && !status; i++)
        for (int p = 0; p < SOL_N_PHASES && !status; p++)
            if (a->lib.op[i]->phase[p] &&
                (only || cli_op_claim(a->lib.op[i], (sol_phase_kind)p, path) == longest))
                status = audit_as(a, table, a->lib.op[i], (sol_phase_kind)p, system, &used);
    for (size_t i = first; i < a->report.n; i++)
        a->report.result[i].path = path;
    if (!status && a->report.n == first && a->held.code) {
        a->report.n_failed++;
        if (sc_diags_add(&a->cli->warnings, &a->held))
            return sc_diag_nomem(&a->cli->diag);
        return add_unaudited(a, path, table->n_rows, a->held.message);
    }
    if (!status && a->report.n == first)
        return add_unaudited(a, path, table->n_rows,
                             "no row is of the ops that map it, or all lie outside of "
                             "their ranges");
    if (!status && used < table->n_rows)
        status = add_unaudited(a, path, table->n_rows - used,
                               "these rows are of no op or phase that maps the table");
    return status;
}

static sc_status audit_file(auditor *a, const char *path)
{
    col_table *table = NULL;
    sc_diag diag = {0};
    a->report.n_files++;
    sc_status status = col_table_load(path, &table, &diag);
    if (status == SC_ENOMEM) {
        a->cli->diag = diag;
        return status;
    }
    if (status) {
        a->report.n_failed++;
        if (sc_diags_add(&a->cli->warnings, &diag))
            return sc_diag_nomem(&a->cli->diag);
        return add_unaudited(a, path, 0, diag.message);
    }
    status = audit_table(a, path, table);
    col_table_free(table);
    return status;
}

static sc_status print(auditor *a)
{
    sc_buf out = {0};
    sc_status status = cli_has(&a->cli->options, CLI_OPT_JSON)
                           ? audit_json(a->cli, &a->report, &out)
                           : audit_text(a->cli, &a->report, &out);
    if (!status)
        status = cli_print(a->cli, &out);
    sc_buf_free(&out);
    return status;
}

static void auditor_free(auditor *a)
{
    for (size_t i = 0; i < a->report.n; i++)
        col_audit_clear(&a->report.result[i].audit);
    sc_free(a->report.result);
    cli_library_clear(&a->lib);
}

sc_status cli_audit(cli_session *cli, int *exit_code)
{
    auditor a = {.cli = cli};
    const cli_values *paths = &cli->options.files;
    col_files files = {0};
    size_t violations = 0;
    if (paths->n == 0) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "nothing to audit is named");
        sc_diag_hint(&cli->diag, "solcheck audit PATH...: perf tables, or directories "
                                 "<system>/<family>/<backend>/<version> of them");
        return SC_EINVAL;
    }
    sc_status status = cli_library_load(cli, &a.lib);
    for (int i = 0; i < paths->n && !status; i++)
        status = col_walk(paths->text[i], &files, &cli->warnings, &cli->diag);
    for (size_t i = 0; i < files.n && !status; i++)
        status = audit_file(&a, files.path[i]);
    if (!status)
        status = print(&a);
    for (size_t i = 0; i < a.report.n; i++)
        violations += a.report.result[i].audit.n_violations;
    *exit_code = violations ? 1 : a.report.n_failed ? 3 : 0;
    auditor_free(&a);
    col_files_free(&files);
    return status;
}
