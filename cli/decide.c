/* solcheck --op OP: the main job.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <string.h>

#include "base/alloc.h"
#include "cli/study.h"

/* 4 when a phase is undecided, 1 when one disagrees, 0 when all are settled. */
static int verdict(const rep_study *study)
{
    int code = 0;
    for (int p = 0; p < SOL_N_PHASES; p++) {
        const rep_phase *ph = &study->phase[p];
        if (ph->present && ph->kind == FIT_UNDECIDED)
            return 4;
        if (ph->present && ph->agreement == REP_DISAGREE)
            code = 1;
    }
    return code;
}

static sc_status write_report(cli_session *cli, const rep_study *study)
{
    sc_buf dir = {0};
    const char *asked = cli_value(&cli->options, CLI_OPT_OUT, NULL);
    sc_buf_printf(&dir, asked ? "%s" : "solcheck-out/%s", asked ? asked : cli->op->name);
    rep_plots plots = cli_has(&cli->options, CLI_OPT_NO_PLOTS)       ? REP_NO_PLOTS
                      : cli_has(&cli->options, CLI_OPT_KEEP_SCRIPTS) ? REP_PLOTS_AND_SCRIPT
                                                                     : REP_PLOTS;
    sc_status status =
        dir.failed ? sc_diag_nomem(&cli->diag)
                   : rep_write(study, dir.text, plots, &cli->warnings, &cli->diag);
    sc_buf_free(&dir);
    return status;
}

sc_status cli_decide(cli_session *cli, int *exit_code)
{
    rep_study *study = sc_calloc(1, sizeof *study);
    sc_buf text = {0};
    if (!study)
        return sc_diag_nomem(&cli->diag);
    sc_status status = cli_study(cli, study);
    if (status == SC_OK)
        status = write_report(cli, study);
    if (status == SC_OK && cli_has(&cli->options, CLI_OPT_JSON))
        status = rep_json(study, &text, &cli->diag);
    else if (status == SC_OK && !cli_has(&cli->options, CLI_OPT_QUIET))
        status = rep_summary(study, &text, &cli->diag);
    if (status == SC_OK)
        status = cli_print(cli, &text);
    if (status == SC_OK)
        *exit_code = verdict(study);
    sc_buf_free(&text);
    cli_study_clear(study);
    sc_free(study);
    return status;
}
