/* solcheck validate: case files before GPU-hours are spent, perf tables after.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/findings.h"
#include "cli/library.h"
#include "collector/validate.h"
#include "collector/walk.h"

/* Findings of one code in one file that are listed; --all lists them all. */
#define MOST_LISTED 20
#define MAX_STORES 16

typedef struct validator {
    cli_session *cli;
    cli_library lib;
    sol_system *target; /* of case files: --system, h100_sxm */
    col_findings *findings;
    col_cases *plan;
    col_store *store[MAX_STORES];
    size_t n_stores, n_unreadable;
    double n_cases, gpu_s;
} validator;

/* ---- findings ---- */

static sc_status add(validator *v, const sc_diag *finding)
{
    return col_findings_add(v->findings, finding) ? sc_diag_nomem(&v->cli->diag) : SC_OK;
}

/* A file that cannot be read is a finding, and the others are looked at. */
static sc_status unreadable(validator *v, const char *path, sc_diag *why)
{
    if (why->code == SC1000) {
        v->cli->diag = *why;
        return SC_ENOMEM;
    }
    if (!why->file[0])
        sc_diag_at(why, path, 0, 0, 0, NULL);
    v->n_unreadable++;
    return add(v, why);
}

static sc_status set_findings(validator *v)
{
    cli_session *cli = v->cli;
    const cli_values *off = &cli->options.given[CLI_OPT_DISABLE];
    const char *baseline = cli_value(&cli->options, CLI_OPT_BASELINE, NULL);
    bool all = cli_has(&cli->options, CLI_OPT_LIST_ALL);
    sc_status status = col_findings_new(all ? 0 : MOST_LISTED, &v->findings, &cli->diag);
    if (status == SC_OK && cli_has(&cli->options, CLI_OPT_WRITE_BASELINE))
        col_findings_keep(v->findings);
    for (int i = 0; i < off->n && status == SC_OK; i++)
        for (const char *at = off->text[i]; *at && status == SC_OK;) {
            char code[16];
            size_t n = strcspn(at, ",");
            snprintf(code, sizeof code, "%.*s", n < 15 ? (int)n : 15, at);
            status = col_findings_disable(v->findings, code, &cli->diag);
            at += n + (at[n] == ',');
        }
    if (status == SC_OK && baseline)
        status = col_findings_baseline(v->findings, baseline, &cli->diag);
    return status;
}

/* ---- case files ---- */

/* What axis-decision.json beside a case file decided for its op: it stands above the
 * proof, because it knows measurements. */
static void read_decision(const char *path, const sol_op *op, col_axes out[SOL_N_PHASES])
{
    sc_buf name = {0};
    sc_buf_addn(&name, path, (size_t)(sc_path_base(path) - path));
    sc_buf_add(&name, "axis-decision.json");
    json_t *root = name.failed ? NULL : json_load_file(name.text, 0, NULL), *phase;
    const char *of = json_string_value(json_object_get(root, "op"));
    size_t i;
    sc_buf_free(&name);
    if (of && strcmp(of, op->name) == 0)
        json_array_foreach(json_object_get(root, "phases"), i, phase)
        {
            const char *which = json_string_value(json_object_get(phase, "phase"));
            const char *kind = json_string_value(
                json_object_get(json_object_get(phase, "decision"), "kind"));
            for (int p = 0; p < SOL_N_PHASES && which && kind; p++)
                if (strcmp(which, sol_phase_name((sol_phase_kind)p)) == 0)
                    out[p] = strcmp(kind, "token-equivalent") == 0       ? COL_AXES_TOKENS
                             : strcmp(kind, "token-non-equivalent") == 0 ? COL_AXES_ALL
                                                                         : COL_AXES_PROOF;
        }
    json_decref(root);
}

static sc_status no_op(validator *v, const sc_yaml *doc)
{
    const sc_yaml_node *root = sc_yaml_root(doc), *name = sc_yaml_get(root, "op");
    const char *only = cli_value(&v->cli->options, CLI_OPT_OP, NULL);
    sc_diag finding;
    sc_diag_clear(&finding);
    if (!name)
        sc_yaml_fail(doc, root, SC_EPARSE, SC2102, &finding, "op is missing");
    else
        sc_yaml_fail(doc, name, SC_EPARSE, SC2104, &finding,
                     only ? "the cases are not of op %s%.0s"
                          : "%sno op has cases of the name '%.60s'",
                     only ? only : "", name->text);
    sc_diag_hint(&finding, only ? "leave --op out, or name another one"
                                : "op: NAME; solcheck list names them, --op gives one");
    return add(v, &finding);
}

/* Reads the case file at path; *out is NULL (and there is a finding) where it is of no
 * op. */
static sc_status load_cases(validator *v, const char *path, col_cases **out)
{
    sc_yaml *doc;
    sc_diag diag = {0};
    *out = NULL;
    sc_status status = sc_yaml_load(path, &doc, &diag);
    if (status != SC_OK)
        return unreadable(v, path, &diag);
    const sol_op *op = col_cases_op(doc, (const sol_op *const *)v->lib.op, v->lib.n_ops);
    if (!op) {
        status = no_op(v, doc);
        sc_yaml_free(doc);
        return status;
    }
    return col_cases_read(doc, op, v->target, v->findings, out, &v->cli->diag);
}

static sc_status validate_cases(validator *v, const char *path)
{
    col_cases *cases;
    col_cost cost = {0};
    col_axes decision[SOL_N_PHASES] = {COL_AXES_PROOF};
    sc_status status = load_cases(v, path, &cases);
    if (status != SC_OK || !cases)
        return status;
    read_decision(path, cases->op, decision);
    status = col_cases_check(cases, decision, v->findings, &cost, &v->cli->diag);
    v->n_cases += cost.n_cases;
    v->gpu_s += cost.gpu_s;
    col_cases_free(cases);
    return status;
}

/* ---- tables ---- */

/* The system of a table: --system, its directories, its device. */
static sc_status find_system(validator *v, const char *path, const col_table *table,
                             const sol_system **out)
{
    char scratch[32];
    int device = col_table_column(table, "device");
    sc_status status = cli_library_system(&v->lib, path, out);
    if (status == SC_OK && !*out && device >= 0 && table->n_rows)
        status =
            cli_library_device(&v->lib, col_table_text(table, 0, device, scratch), out);
    return status;
}

/* Rows of one op and phase; what keeps them from being mapped is held in *why. */
static sc_status check_as(validator *v, const col_table *table, const sol_op *op,
                          sol_phase_kind phase, const sol_system *system, size_t *used,
                          sc_diag *why)
{
    size_t n = 0;
    sc_diag diag = {0};
    const col_table_check what = {.op = op,
                                  .phase = phase,
                                  .system = system,
                                  .plan = v->plan && v->plan->op == op ? v->plan : NULL,
                                  .store = v->store,
                                  .n_stores = v->n_stores};
    sc_status status = col_table_check_rows(table, &what, v->findings, &n, &diag);
    *used += n;
    if (status == SC_ENOMEM) {
        v->cli->diag = diag;
        return status;
    }
    if (status == SC_EDOMAIN) /* no row of that phase */
        return SC_OK;
    if (status != SC_OK)
        *why = diag;
    return SC_OK;
}

static sc_status no_table_op(validator *v, const col_table *table)
{
    return col_table_report(table, v->findings, 1, SC_ERROR, SC2222,
                            "give the op with --op, or name the file as its op file's "
                            "tables section does",
                            "no op file maps the table")
               ? sc_diag_nomem(&v->cli->diag)
               : SC_OK;
}

/* The column op_name stands for another op of the library than the file's name does. */
static sc_status check_name(validator *v, const col_table *table, const sol_op *const *op,
                            size_t n)
{
    char scratch[32];
    int column = col_table_column(table, "op_name");
    const char *name = column < 0 ? "" : col_table_text(table, 0, column, scratch);
    bool is_op = false, ours = false;
    for (size_t i = 0; i < v->lib.n_ops; i++)
        is_op |= strcmp(v->lib.op[i]->name, name) == 0;
    for (size_t i = 0; i < n; i++)
        ours |= strcmp(op[i]->name, name) == 0 || strcmp(op[i]->layer, name) == 0;
    return is_op && !ours &&
                   col_table_report(table, v->findings, col_table_line(table, 0),
                                    SC_WARNING, SC2226,
                                    "name the file after the op that was measured, or "
                                    "mend the column",
                                    "op_name is %.60s, but the file's name is that of a "
                                    "table of %s",
                                    name, op[0]->name)
               ? sc_diag_nomem(&v->cli->diag)
               : SC_OK;
}

/* Rows that were looked at as rows of no op. */
static sc_status check_rest(validator *v, const col_table *table, size_t used)
{
    const char *hint =
        used            ? "the columns phase and op_name say what a row is of, and op "
                          "files what they know"
        : table->n_rows ? "all rows are of other ops or phases, or outside "
                          "of the op's ranges"
                        : "was anything measured?";
    if (table->n_rows && used >= table->n_rows)
        return SC_OK;
    sc_status status =
        used ? col_table_report(table, v->findings, 1, SC_WARNING, SC2222, hint,
                                "%zu of %zu rows are of no op or phase that maps the "
                                "table: nothing is known of them",
                                table->n_rows - used, table->n_rows)
             : col_table_report(table, v->findings, 1, SC_ERROR, SC2004, hint,
                                table->n_rows ? "no row can be used"
                                              : "the table has no rows");
    return status ? sc_diag_nomem(&v->cli->diag) : SC_OK;
}

static sc_status check_table(validator *v, const char *path, const col_table *table)
{
    const sol_op **op = sc_calloc(v->lib.n_ops + 1, sizeof *op);
    size_t n = 0, used = 0;
    col_table *good = NULL;
    const sol_system *system = NULL;
    sc_diag why = {0};
    if (!op)
        return sc_diag_nomem(&v->cli->diag);
    for (size_t i = 0; i < v->lib.n_ops; i++)
        for (int p = 0; p < SOL_N_PHASES; p++)
            if (cli_table_may_be(&v->lib, table, v->lib.op[i], (sol_phase_kind)p)) {
                op[n++] = v->lib.op[i];
                break;
            }
    sc_status status = n                ? SC_OK
                       : !table->n_rows ? check_rest(v, table, 0)
                                        : no_table_op(v, table);
    if (status == SC_OK && n && table->n_rows)
        status = check_name(v, table, op, n);
    if (status == SC_OK && n)
        status = find_system(v, path, table, &system);
    if (status == SC_OK && n)
        status = col_table_check_cells(table, op, n, v->findings, &good, &v->cli->diag);
    for (size_t i = 0; i < n && status == SC_OK; i++)
        for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
            if (cli_table_may_be(&v->lib, table, op[i], (sol_phase_kind)p))
                status = check_as(v, good ? good : table, op[i], (sol_phase_kind)p,
                                  system, &used, &why);
    if (status == SC_OK && why.code && !used)
        status = add(v, &why);
    else if (status == SC_OK && n)
        status = check_rest(v, good ? good : table, used);
    col_table_free(good);
    sc_free(op);
    return status;
}

static sc_status validate_tables(validator *v, const char *path)
{
    cli_tables tables = {0};
    sc_diag diag = {0};
    sc_status status = cli_tables_load(path, &tables, &diag);
    if (status != SC_OK)
        return unreadable(v, path, &diag);
    for (size_t i = 0; i < tables.n && status == SC_OK; i++)
        status = check_table(v, path, tables.table[i]);
    cli_tables_free(&tables);
    return status;
}

/* ---- all of it ---- */

static sc_status validate_file(validator *v, const char *path)
{
    sc_status status = sc_ends_with(path, ".yaml") || sc_ends_with(path, ".yml")
                           ? validate_cases(v, path)
                           : validate_tables(v, path);
    if (status == SC_OK && col_findings_end(v->findings))
        status = sc_diag_nomem(&v->cli->diag);
    return status;
}

static sc_status open_plan(validator *v)
{
    const char *plan = cli_value(&v->cli->options, CLI_OPT_CASES, NULL);
    const cli_values *stores = &v->cli->options.given[CLI_OPT_STORE];
    sc_status status = SC_OK;
    for (int i = 0; i < stores->n && status == SC_OK && i < MAX_STORES; i++) {
        status = col_store_open(stores->text[i], false, &v->store[i], &v->cli->diag);
        v->n_stores += status == SC_OK;
    }
    if (!plan || status != SC_OK)
        return status;
    status = load_cases(v, plan, &v->plan);
    if (status == SC_OK && col_findings_end(v->findings))
        status = sc_diag_nomem(&v->cli->diag);
    return status;
}

static sc_status print(validator *v, cli_format format, const col_files *files)
{
    col_finding_counts counts = col_findings_count(v->findings);
    char tail[200] = "";
    size_t n = 0;
    json_t *more =
        json_pack("{s:I, s:I, s:I, s:I, s:f, s:f}", "notes",
                  (json_int_t)counts.n[SC_NOTE], "known", (json_int_t)counts.n_known,
                  "disabled", (json_int_t)counts.n_disabled, "unreadable",
                  (json_int_t)v->n_unreadable, "cases", v->n_cases, "gpu_s", v->gpu_s);
    if (!more)
        return sc_diag_nomem(&v->cli->diag);
    if (counts.n_known)
        n += (size_t)snprintf(tail + n, sizeof tail - n, "; %zu in the baseline",
                              counts.n_known);
    if (counts.n_disabled)
        snprintf(tail + n, sizeof tail - n, "; %zu disabled", counts.n_disabled);
    const cli_findings all = {.list = col_findings_list(v->findings),
                              .noun = "file",
                              .n_files = files->n,
                              .file = (const char *const *)files->path,
                              .n = {counts.n[0], counts.n[1], counts.n[2]},
                              .more = more,
                              .tail = tail};
    sc_status status = cli_write_findings(v->cli, format, &all);
    json_decref(more);
    return status;
}

static void validator_clear(validator *v)
{
    for (size_t i = 0; i < v->n_stores; i++)
        col_store_close(v->store[i]);
    col_cases_free(v->plan);
    col_findings_free(v->findings);
    cli_library_clear(&v->lib);
    sol_system_free(v->target);
}

static int exit_of(const validator *v)
{
    col_finding_counts counts = col_findings_count(v->findings);
    size_t bad = counts.n[SC_ERROR];
    if (cli_has(&v->cli->options, CLI_OPT_STRICT))
        bad += counts.n[SC_WARNING];
    return bad > v->n_unreadable ? 1 : v->n_unreadable ? 3 : 0;
}

sc_status cli_validate(cli_session *cli, int *exit_code)
{
    validator v = {.cli = cli};
    const cli_values *paths = &cli->options.files;
    const char *baseline = cli_value(&cli->options, CLI_OPT_WRITE_BASELINE, NULL);
    cli_format format = CLI_TEXT;
    col_files files = {0};
    if (paths->n == 0) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "nothing to validate is named");
        sc_diag_hint(&cli->diag, "solcheck validate FILE...: case files (.yaml), perf "
                                 "tables, record stores, directories of tables");
        return SC_EINVAL;
    }
    sc_status status = cli_pick_format(cli, &format);
    if (status == SC_OK)
        status = set_findings(&v);
    if (status == SC_OK)
        status = cli_library_load(cli, &v.lib);
    if (status == SC_OK)
        status = sol_system_find(cli_value(&cli->options, CLI_OPT_SYSTEM, "h100_sxm"),
                                 cli->data_dir, &v.target, &cli->diag);
    if (status == SC_OK)
        status = open_plan(&v);
    for (int i = 0; i < paths->n && status == SC_OK; i++)
        status = col_walk(paths->text[i], &files, &cli->warnings, &cli->diag);
    for (size_t i = 0; i < files.n && status == SC_OK; i++)
        status = validate_file(&v, files.path[i]);
    if (status == SC_OK)
        status = print(&v, format, &files);
    if (status == SC_OK && baseline)
        status = col_findings_write_baseline(v.findings, baseline, &cli->diag);
    if (status == SC_OK)
        *exit_code = exit_of(&v);
    validator_clear(&v);
    col_files_free(&files);
    return status;
}
