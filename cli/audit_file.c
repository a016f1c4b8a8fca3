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

/* The rows of a table that are of one op and phase. */
typedef struct part {
    audit_result result;
    col_rows rows;
} part;

typedef struct parts {
    part *item;
    size_t n, capacity;
    size_t used; /* rows of the table that are of some part */
} parts;

static part *new_part(parts *all)
{
    if (all->n == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 4;
        part *more = sc_reallocarray(all->item, capacity, sizeof *more);
        if (!more)
            return NULL;
        all->item = more;
        all->capacity = capacity;
    }
    all->item[all->n] = (part){.result = {.path = NULL}};
    return &all->item[all->n];
}

/* What is wrong with a part is its result. With --op it may be of the other phase. */
static sc_status refuse(audit_worker *a, audit_result *result, const sc_diag *diag)
{
    if (cli_has(&a->cli.options, CLI_OPT_OP)) {
        a->held = *diag;
        result->path = NULL; /* no result */
        return SC_OK;
    }
    snprintf(result->unaudited, sizeof result->unaudited, "%.255s", diag->message);
    return sc_diags_add(&a->out->warnings, diag) ? sc_diag_nomem(&a->out->diag) : SC_OK;
}

/* Maps a table as (op, phase); one without rows of that kind is no error. */
static sc_status map_part(audit_worker *a, const col_table *table, const sol_op *op,
                          sol_phase_kind phase, const sol_system *system, parts *all)
{
    part *to = new_part(all);
    sc_diags warnings = {0};
    sc_diag diag = {0};
    if (!to)
        return sc_diag_nomem(&a->out->diag);
    to->result = (audit_result){.path = table->path,
                                .op = op,
                                .phase = phase,
                                .system = system,
                                .n_table = table->n_rows};
    sc_status status = col_rows_map(table, op, phase, &to->rows, &warnings, &diag);
    if (status != SC_ENOMEM && keep_warnings(a, &warnings))
        status = sc_diag_nomem(&diag);
    sc_diags_free(&warnings);
    if (status == SC_EDOMAIN)
        return SC_OK;
    if (status == SC_ENOMEM) {
        a->out->diag = diag;
        return status;
    }
    if (status)
        status = refuse(a, &to->result, &diag);
    to->result.n_dropped = to->rows.about.n_dropped;
    all->used += to->rows.n + to->rows.about.n_dropped;
    all->n += to->result.path != NULL;
    return status;
}

static sc_status audit_part(audit_worker *a, part *p)
{
    sc_diag diag = {0};
    sc_status status = SC_OK;
    if (!*p->result.unaudited)
        status = col_audit_rows(&p->rows, p->result.system, &p->result.audit, &diag);
    col_rows_clear(&p->rows);
    if (status == SC_ENOMEM) {
        a->out->diag = diag;
        return status;
    }
    if (status)
        status = refuse(a, &p->result, &diag);
    if (status || !p->result.path)
        return status;
    status = add_result(a, &p->result);
    if (status)
        col_audit_clear(&p->result.audit);
    return status;
}

/* Ops and phases whose tables section has the longest name that path begins with; with
 * --op all of that op's. */
static bool is_claimed(const audit_worker *a, const sol_op *op, int phase,
                       const char *path, size_t longest)
{
    return op->phase[phase] &&
           (cli_has(&a->cli.options, CLI_OPT_OP) ||
            (longest && cli_op_claim(op, (sol_phase_kind)phase, path) == longest));
}

static size_t longest_claim(const audit_worker *a, const char *path)
{
    size_t longest = 0;
    for (size_t i = 0; i < a->lib.n_ops; i++)
        for (int p = 0; p < SOL_N_PHASES; p++) {
            size_t n = a->lib.op[i]->phase[p]
                           ? cli_op_claim(a->lib.op[i], (sol_phase_kind)p, path)
                           : 0;
            longest = n > longest ? n : longest;
        }
    return longest;
}

/* A table that no op file names is mapped by its columns, as validate does. */
static bool is_mapped(const audit_worker *a, const col_table *table, const sol_op *op,
                      int phase, const char *path, size_t longest)
{
    if (longest || cli_has(&a->cli.options, CLI_OPT_OP))
        return is_claimed(a, op, phase, path, longest);
    return op->phase[phase] &&
           cli_table_may_be(&a->lib, table, op, (sol_phase_kind)phase);
}

static bool has_op(const audit_worker *a, const col_table *table, const char *path,
                   size_t longest)
{
    for (size_t i = 0; i < a->lib.n_ops; i++)
        for (int p = 0; p < SOL_N_PHASES; p++)
            if (is_mapped(a, table, a->lib.op[i], p, path, longest))
                return true;
    return false;
}

/* What is left of a table that no part of it was audited of, or not all. */
static sc_status add_rest(audit_worker *a, const char *path, size_t first, size_t n_rows,
                          size_t used)
{
    if (a->out->n > first)
        return used < n_rows
                   ? add_unaudited(a, path, n_rows - used,
                                   "these rows are of no op or phase that maps the table")
                   : SC_OK;
    if (!a->held.code)
        return add_unaudited(a, path, n_rows,
                             "no row is of the ops that map it, or all lie outside of "
                             "their ranges");
    a->out->failed = true;
    if (sc_diags_add(&a->out->warnings, &a->held))
        return sc_diag_nomem(&a->out->diag);
    return add_unaudited(a, path, n_rows, a->held.message);
}

/* Frees the table as soon as its rows are taken out of it. */
static sc_status audit_table(audit_worker *a, const char *path, const sol_system *system,
                             size_t longest, col_table *table)
{
    size_t first = a->out->n, n_rows = table->n_rows;
    parts all = {0};
    sc_status status = SC_OK;
    sc_diag_clear(&a->held);
    for (size_t i = 0; i < a->lib.n_ops && !status; i++)
        for (int p = 0; p < SOL_N_PHASES && !status; p++)
            if (is_mapped(a, table, a->lib.op[i], p, path, longest))
                status =
                    map_part(a, table, a->lib.op[i], (sol_phase_kind)p, system, &all);
    col_table_free(table);
    for (size_t i = 0; i < all.n; i++) {
        all.item[i].result.path = path; /* which outlives the table */
        if (!status)
            status = audit_part(a, &all.item[i]);
        col_rows_clear(&all.item[i].rows);
    }
    sc_free(all.item);
    return status ? status : add_rest(a, path, first, n_rows, all.used);
}

/* Does an audit of these ops look at the column? What describes a measurement and is
 * mentioned nowhere is not read. */
typedef struct wanted {
    const audit_worker *a;
    const char *path;
    size_t longest;
    bool device; /* the table's, which names its system */
} wanted;

static bool is_wanted(const void *user, const char *column)
{
    const wanted *w = user;
    bool any = false;
    if (!col_points_describes(column) || (w->device && strcmp(column, "device") == 0))
        return true;
    for (size_t i = 0; i < w->a->lib.n_ops && !any; i++)
        for (int p = 0; p < SOL_N_PHASES && !any; p++)
            any = is_claimed(w->a, w->a->lib.op[i], p, w->path, w->longest) &&
                  col_points_mentions(w->a->lib.op[i], column);
    return any;
}

/* Finds the system that the device of a table names; true where there is none. */
static bool lacks_system(audit_worker *a, const col_table *table, const sol_system **out)
{
    char scratch[32];
    int device = col_table_column(table, "device");
    return device < 0 || !table->n_rows ||
           cli_library_device(&a->lib, col_table_text(table, 0, device, scratch), out) ||
           !*out;
}

sc_status audit_file(audit_worker *a, const char *path, const sol_system *system,
                     audit_outcome *out)
{
    col_table *table = NULL;
    sc_diag diag = {0};
    a->out = out;
    const wanted columns = {a, path, longest_claim(a, path), !system};
    sc_status status = col_table_load_wanted(path, is_wanted, &columns, &table, &diag);
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
    const char *why = NULL;
    if (!has_op(a, table, path, columns.longest))
        why = "no op file maps it";
    else if (!system && lacks_system(a, table, &system))
        why = "no system file; give one with --system";
    if (!why)
        return audit_table(a, path, system, columns.longest, table);
    status = add_unaudited(a, path, table->n_rows, why);
    col_table_free(table);
    return status;
}
