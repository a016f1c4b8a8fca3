/* solcheck - points to measure from a cases file, which collector/cases.h reads.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/plan.h"
#include "collector/cases.h"
#include "collector/table.h"
#include "sol/proof.h"

#define MAX_CONFIGS (1 << 20)

/* What stands in the way of measuring: the first error of the file. */
static sc_status first_error(cli_session *cli, const col_findings *findings)
{
    const sc_diags *list = col_findings_list(findings);
    for (size_t i = 0; i < list->n; i++)
        if (list->item[i].severity == SC_ERROR) {
            cli->diag = list->item[i];
            return SC_EPARSE;
        }
    return SC_OK;
}

static sc_status open_cases(cli_session *cli, const char *path, col_cases **out)
{
    sc_yaml *doc;
    col_findings *findings = NULL;
    sc_status status = sc_yaml_load(path, &doc, &cli->diag);
    if (status != SC_OK)
        return status;
    status = col_findings_new(1, &findings, &cli->diag);
    if (status != SC_OK) {
        sc_yaml_free(doc);
        return status;
    }
    status = col_cases_read_plan(doc, cli->op, cli->system, &cli->config, findings, out,
                                 &cli->diag);
    if (status == SC_OK && (status = first_error(cli, findings)) != SC_OK)
        col_cases_free(*out);
    col_findings_free(findings);
    return status;
}

typedef struct visitor {
    cli_session *cli;
    sc_buf rows;     /* of a table */
    cli_axes *point; /* or of one configuration */
    size_t n, n_unable, n_other;
} visitor;

/* `most` configurations of each sweep of a phase. */
static sc_status visit_phase(visitor *v, const col_cases *cases, sol_phase_kind phase,
                             size_t most, col_case_visit *visit)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < cases->n && status == SC_OK; i++) {
        size_t visited;
        if (cases->sweep[i].phase == phase)
            status = col_cases_visit(cases, &cases->sweep[i], most != 1, most, visit, v,
                                     &visited, &v->cli->diag);
    }
    return status;
}

/* ---- whole shapes, as a table ---- */

static void add_number(sc_buf *out, double value)
{
    char text[32];
    sc_format_double(value, text);
    sc_buf_printf(out, ",%s", text);
}

/* Layers run over b and s alone: are other axes at their defaults? */
static bool runs_over(const sol_phase *phase, const col_case_grid *grid, size_t k)
{
    bool good =
        sol_phase_axis_index(phase, "b") >= 0 && sol_phase_axis_index(phase, "s") >= 0;
    for (int i = 0; i < phase->n_axes && good; i++)
        good = strcmp(phase->axis[i].name, "b") == 0 ||
               strcmp(phase->axis[i].name, "s") == 0 ||
               grid->axis[i][k] == phase->axis[i].value;
    return good;
}

/* A row a point; parameters as one GPU sees them. */
static sc_status add_rows(void *user, const col_case_grid *grid)
{
    visitor *v = user;
    const sol_op *op = v->cli->op;
    const sol_phase *phase = op->phase[grid->sweep->phase];
    const char *device = cli_value(&v->cli->options, CLI_OPT_DEVICE, "cuda");
    if (!grid->able && strncmp(device, "cpu", 3) != 0) {
        v->n_unable += grid->n;
        return SC_OK;
    }
    for (size_t k = 0; k < grid->n; k++) {
        if (!runs_over(phase, grid, k)) {
            v->n_other++;
            continue;
        }
        sc_buf_add(&v->rows, sol_phase_name(phase->kind));
        add_number(&v->rows, grid->axis[sol_phase_axis_index(phase, "b")][k]);
        add_number(&v->rows, grid->axis[sol_phase_axis_index(phase, "s")][k]);
        add_number(&v->rows, grid->config->tp);
        for (int i = 0; i < op->n_params; i++)
            add_number(&v->rows, sol_config_local(op, grid->config, i));
        for (int i = 0; i < op->n_slots; i++)
            sc_buf_printf(&v->rows, ",%s", sol_dtype_name(grid->config->slot[i]));
        sc_buf_add(&v->rows, "\n");
    }
    return v->rows.failed ? sc_diag_nomem(&v->cli->diag) : SC_OK;
}

bool cli_cases_list_shapes(const cli_session *cli, const sc_yaml *doc)
{
    const sc_yaml_node *root = sc_yaml_root(doc);
    const sc_yaml_node *common =
        sc_yaml_get(sc_yaml_get(root, "common_case_values"), cli->op->name);
    return sc_yaml_get(root, "all_frameworks_op_cases") ||
           sc_yaml_get(common, "tensor_parallel_sizes");
}

static void write_header(const sol_op *op, sc_buf *out)
{
    sc_buf_add(out, "phase,b,s,tp");
    for (int i = 0; i < op->n_params; i++)
        sc_buf_printf(out, ",%s", op->param[i].name);
    for (int i = 0; i < op->n_slots; i++)
        sc_buf_printf(out, ",%s_dtype", op->slot[i].name);
    sc_buf_add(out, "\n");
}

static sc_status warn(cli_session *cli, size_t n, const char *why)
{
    sc_diag warning;
    if (n == 0)
        return SC_OK;
    sc_diag_clear(&warning);
    sc_diag_warn(&warning, SC3005, "%zu points of the cases are left out: %s", n, why);
    return sc_diags_add(&cli->warnings, &warning) == SC_OK ? SC_OK
                                                           : sc_diag_nomem(&cli->diag);
}

static sc_status fill_rows(visitor *v, const col_cases *cases, const char *path)
{
    cli_session *cli = v->cli;
    char why[120];
    sc_status status = SC_OK;
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (cli->phase[p])
            status = visit_phase(v, cases, (sol_phase_kind)p, MAX_CONFIGS, add_rows);
    snprintf(why, sizeof why, "%.60s lacks the compute capability that their dtypes need",
             cli->system->name);
    if (status == SC_OK)
        status = warn(cli, v->n_unable, why);
    if (status == SC_OK)
        status = warn(cli, v->n_other,
                      "layers run over b and s alone, other axes at their defaults");
    if (status == SC_OK && v->rows.n == 0)
        status = sc_diag_fail(&cli->diag, SC_EPARSE, SC1102,
                              "%s lists no case of op %s that can be measured", path,
                              cli->op->name);
    return status;
}

sc_status cli_cases_table(cli_session *cli, const char *path, col_table **out)
{
    col_cases *cases;
    sc_buf text = {0};
    visitor v = {.cli = cli};
    sc_status status = open_cases(cli, path, &cases);
    if (status != SC_OK)
        return status;
    write_header(cli->op, &text);
    status = fill_rows(&v, cases, path);
    if (status == SC_OK) {
        sc_buf_addn(&text, sc_buf_text(&v.rows), v.rows.n);
        status = text.failed
                     ? sc_diag_nomem(&cli->diag)
                     : col_table_parse(path, sc_buf_text(&text), text.n, out, &cli->diag);
    }
    sc_buf_free(&v.rows);
    sc_buf_free(&text);
    col_cases_free(cases);
    return status;
}

/* ---- points of one configuration, that of the command line ---- */

static sc_status add_points(void *user, const col_case_grid *grid)
{
    visitor *v = user;
    cli_session *cli = v->cli;
    const sol_phase *phase = cli->op->phase[grid->sweep->phase];
    cli_axes *more = sc_reallocarray(v->point, v->n + grid->n + 1, sizeof *more);
    if (!more)
        return sc_diag_nomem(&cli->diag);
    v->point = more;
    for (size_t k = 0; k < grid->n; k++) {
        double axis[SOL_MAX_AXES];
        for (int i = 0; i < phase->n_axes; i++)
            axis[i] = grid->axis[i][k];
        if (runs_over(phase, grid, k) &&
            sol_phase_admits(cli->op, phase, &cli->config, axis, NULL) == SC_OK)
            v->point[v->n++] = (cli_axes){.b = axis[sol_phase_axis_index(phase, "b")],
                                          .s = axis[sol_phase_axis_index(phase, "s")]};
    }
    return SC_OK;
}

sc_status cli_case_points(cli_session *cli, const char *path, const sol_phase *phase,
                          cli_axes **out, size_t *n)
{
    col_cases *cases;
    visitor v = {.cli = cli};
    bool any = false;
    sc_status status = open_cases(cli, path, &cases);
    if (status != SC_OK)
        return status;
    for (size_t i = 0; i < cases->n; i++)
        any |= cases->sweep[i].phase == phase->kind;
    status = any ? visit_phase(&v, cases, phase->kind, 1, add_points)
                 : sc_yaml_fail(cases->doc, sc_yaml_root(cases->doc), SC_EPARSE, SC1102,
                                &cli->diag,
                                "neither batch sizes with sequence lengths nor token "
                                "counts are listed for the %s phase of op %s",
                                sol_phase_name(phase->kind), cli->op->name);
    if (status == SC_OK && !v.point && !(v.point = sc_calloc(1, sizeof *v.point)))
        status = sc_diag_nomem(&cli->diag);
    if (status == SC_OK)
        status = cli_axes_estimate(cli, phase, v.point, v.n);
    col_cases_free(cases);
    if (status != SC_OK) {
        sc_free(v.point);
        return status;
    }
    *out = v.point;
    *n = v.n;
    return SC_OK;
}
