/* solcheck audit: one table, by all the ops and phases that map it.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

sc_status audit_worker_init(audit_worker *a, const cli_session *cli)
{
    *a = (audit_worker){.cli = *cli};
    a->cli.warnings = (sc_diags){0};
    sc_diag_clear(&a->cli.diag);
    return cli_library_load(&a->cli, &a->lib);
}

void audit_worker_clear(audit_worker *a)
{
    cli_library_clear(&a->lib);
    sc_diags_free(&a->cli.warnings);
}

void audit_outcome_clear(audit_outcome *out)
{
    for (size_t i = 0; i < out->n; i++)
        col_audit_clear(&out->result[i].audit);
    sc_free(out->result);
    sc_diags_free(&out->warnings);
    *out = (audit_outcome){0};
}

/* ---- tables ---- */

static sc_status add_result(audit_worker *a, const audit_result *result)
{
    audit_outcome *r = a->out;
    if (r->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 32;
        audit_result *more = sc_reallocarray(r->result, capacity, sizeof *more);
        if (!more)
            return sc_diag_nomem(&a->out->diag);
        r->result = more;
        r->capacity = capacity;
    }
    r->result[r->n++] = *result;
    return SC_OK;
}

static sc_status add_unaudited(audit_worker *a, const char *path, size_t n_table,
                               const char *why)
{
    audit_result result = {.path = path, .n_table = n_table};
    snprintf(result.unaudited, sizeof result.unaudited, "%.255s", why);
    return add_result(a, &result);
}

/* Columns that an op does not know make groups here, not decisions: no warning. */
static sc_status keep_warnings(audit_worker *a, const sc_diags *warnings)
{
    for (size_t i = 0; i < warnings->n; i++)
        if (warnings->item[i].code != SC2005 &&
            sc_diags_add(&a->out->warnings, &warnings->item[i]))
            return SC_ENOMEM;
    return SC_OK;
}

/* Audits a table as (op, phase). *used grows by the rows that are of it; a table without
 * rows of that kind is no error. */
static sc_status audit_as(audit_worker *a, const col_table *table, const sol_op *op,
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
        a->out->diag = diag;
        return status;
    }
    if (status && cli_has(&a->cli.options, CLI_OPT_OP)) {
        a->held = diag;
        return SC_OK;
    }
    if (status) {
        snprintf(result.unaudited, sizeof result.unaudited, "%.255s", diag.message);
        if (sc_diags_add(&a->out->warnings, &diag))
            return sc_diag_nomem(&a->out->diag);
    }
    status = add_result(a, &result);
    if (status)
        col_audit_clear(&result.audit);
    return status;
}

static sc_status audit_table(audit_worker *a, const char *path, const sol_system *system,
                             col_table *table)
{
    size_t longest = 0, used = 0, first = a->out->n;
    bool only = cli_has(&a->cli.options, CLI_OPT_OP);
    sc_diag_clear(&a->held);
    sc_status status = SC_OK;
    sc_free(table->path); /* results name the path that outlives the table */
    table->path = sc_strdup(path);
    if (!table->path)
        return sc_diag_nomem(&a->out->diag);
    for (size_t i = 0; i < a->lib.n_ops; i++)
        for (int p = 0; p < SOL_N_PHASES; p++) {
            size_t n = a->lib.op[i]->phase[p]
                           ? cli_op_claim(a->lib.op[i], (sol_phase_kind)p, path)
                           : 0;
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
                status =
                    audit_as(a, table, a->lib.op[i], (sol_phase_kind)p, system, &used);
    for (size_t i = first; i < a->out->n; i++)
        a->out->result[i].path = path;
    if (!status && a->out->n == first && a->held.code) {
        a->out->failed = true;
        if (sc_diags_add(&a->out->warnings, &a->held))
            return sc_diag_nomem(&a->out->diag);
        return add_unaudited(a, path, table->n_rows, a->held.message);
    }
    if (!status && a->out->n == first)
        return add_unaudited(a, path, table->n_rows,
                             "no row is of the ops that map it, or all lie outside of "
                             "their ranges");
    if (!status && used < table->n_rows)
        status = add_unaudited(a, path, table->n_rows - used,
                               "these rows are of no op or phase that maps the table");
    return status;
}

sc_status audit_file(audit_worker *a, const char *path, const sol_system *system,
                     audit_outcome *out)
{
    col_table *table = NULL;
    sc_diag diag = {0};
    a->out = out;
    sc_status status = col_table_load(path, &table, &diag);
    if (status == SC_ENOMEM) {
        a->out->diag = diag;
        return status;
    }
    if (status) {
        a->out->failed = true;
        if (sc_diags_add(&a->out->warnings, &diag))
            return sc_diag_nomem(&a->out->diag);
        return add_unaudited(a, path, 0, diag.message);
    }
    out->n_rows = table->n_rows;
    status = audit_table(a, path, system, table);
    col_table_free(table);
    return status;
}
