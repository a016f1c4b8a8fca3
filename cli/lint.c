/* solcheck lint: mistakes in op files.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <stdlib.h>

#include "cli/findings.h"
#include "sol/lint.h"

/* ---- finding ---- */

/* Findings of one file; one that does not load is a finding itself. */
static sc_status lint_one(cli_session *cli, const char *name, sc_diags *findings)
{
    sol_op *op;
    sc_diag broken = {0};
    sc_status status =
        sol_op_find(name, getenv("SOLCHECK_OP_PATH"), cli->data_dir, &op, &broken);
    if (status == SC_EPARSE)
        return sc_diags_add(findings, &broken) == SC_OK ? SC_OK
                                                        : sc_diag_nomem(&cli->diag);
    if (status != SC_OK) {
        cli->diag = broken;
        return status;
    }
    status = sol_lint(op, cli->system, findings, &cli->diag);
    sol_op_free(op);
    return status;
}

static sc_status lint_all(cli_session *cli, sc_diags *findings, size_t *n)
{
    const cli_values *files = &cli->options.files;
    const char *op = cli_value(&cli->options, CLI_OPT_OP, NULL);
    char **names = NULL;
    sc_status status = SC_OK;
    *n = 0;
    for (int i = 0; i < files->n && status == SC_OK; i++, (*n)++)
        status = lint_one(cli, files->text[i], findings);
    if (op && status == SC_OK) {
        status = lint_one(cli, op, findings);
        (*n)++;
    }
    if (*n > 0 || status != SC_OK)
        return status;
    status = sol_op_names(getenv("SOLCHECK_OP_PATH"), cli->data_dir, &names, &cli->diag);
    for (; status == SC_OK && names[*n]; (*n)++)
        status = lint_one(cli, names[*n], findings);
    sol_names_free(names);
    return status;
}

sc_status cli_lint(cli_session *cli, int *exit_code)
{
    cli_format format = CLI_TEXT;
    sc_diags findings = {0};
    cli_findings all = {.list = &findings, .noun = "op file"};
    sc_status status = cli_pick_format(cli, &format);
    if (status == SC_OK)
        status = sol_system_find("h100_sxm", cli->data_dir, &cli->system, &cli->diag);
    if (status == SC_OK)
        status = lint_all(cli, &findings, &all.n_files);
    for (size_t i = 0; i < findings.n; i++)
        all.n[findings.item[i].severity]++;
    if (status == SC_OK)
        status = cli_write_findings(cli, format, &all);
    if (status == SC_OK && all.n[SC_ERROR] > 0)
        *exit_code = 1;
    sc_diags_free(&findings);
    return status;
}
