/* solcheck - the command, as a function.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/session.h"

static sc_status help(cli_session *cli, bool whole)
{
    sc_buf text = {0};
    sc_status status = cli_help(cli->options.command, whole, &text);
    if (status == SC_OK)
        status = cli_print(cli, &text);
    sc_buf_free(&text);
    return status;
}

static sc_status dispatch(cli_session *cli, int *exit_code)
{
    static cli_run *const run[CLI_N_COMMANDS] = {
        [CLI_DECIDE] = cli_decide, [CLI_PLOT] = cli_plot,
        [CLI_LIST] = cli_list,   [CLI_EXPLAIN] = cli_explain,
        [CLI_EVAL] = cli_eval,     [CLI_CHECK] = cli_check, [CLI_MEASURE] = cli_measure,
        [CLI_EXPORT] = cli_export, [CLI_LINT] = cli_lint,   [CLI_AUDIT] = cli_audit,
        [CLI_VALIDATE] = cli_validate,
        [CLI_MODEL] = cli_model,
        [CLI_COMPARE] = cli_compare,
        [CLI_CALIBRATE] = cli_calibrate,
        [CLI_DESIGN] = cli_design,
        [CLI_FIT] = cli_fit};
    cli_command command = cli->options.command;
    if (cli_has(&cli->options, CLI_OPT_HELP) || cli->argc < 2)
        return help(cli, command == CLI_DECIDE);
    if (cli_has(&cli->options, CLI_OPT_VERSION)) {
        puts("solcheck " PACKAGE_VERSION);
        return SC_OK;
    }
    sc_status status = cli_find_data(&cli->data_dir, &cli->diag);
    if (status == SC_OK && command != CLI_MODEL && command != CLI_LIST && command != CLI_EXPORT &&
        command != CLI_LINT && command != CLI_AUDIT && command != CLI_COMPARE &&
        command != CLI_CALIBRATE && command != CLI_VALIDATE)
        status = cli_load(cli);
    return status == SC_OK ? run[command](cli, exit_code) : status;
}

int cli_main(int argc, char **argv)
{
    static cli_session cli; /* large: diagnostics are fixed-size */
    int exit_code = 0;
    memset(&cli, 0, sizeof cli);
    gsl_set_error_handler_off();
    json_set_alloc_funcs(sc_malloc, sc_free);
    cli.argc = argc;
    cli.argv = argv;
    sc_status status = cli_options_parse(argc, argv, &cli.options, &cli.diag);
    if (status == SC_OK)
        status = dispatch(&cli, &exit_code);
    if (status == SC_OK) /* what was printed piecemeal has arrived */
        status = cli_print(&cli, &(sc_buf){0});
    for (size_t i = 0; i < cli.warnings.n; i++)
        cli_complain(&cli.warnings.item[i]);
    if (status != SC_OK) {
        cli_complain(&cli.diag);
        exit_code = cli_exit_code(status);
    }
    sc_diags_free(&cli.warnings);
    sol_config_clear(&cli.config);
    sol_system_free(cli.system);
    sol_op_free(cli.op);
    sc_free(cli.data_dir);
    flint_cleanup_master();
    return exit_code;
}
