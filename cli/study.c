/* solcheck - filling a study.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/study.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "cli/fitting.h"

static sc_status bound_points(cli_session *cli, rep_phase *ph, double *x)
{
    ph->bound = sc_calloc(ph->points.n, sizeof *ph->bound);
    ph->bound_sheet = sc_calloc(ph->points.n, sizeof *ph->bound_sheet);
    if (!ph->bound || !ph->bound_sheet)
        return sc_diag_nomem(&cli->diag);
    sc_status status = cli_point_bounds(&ph->points, cli->system, cli->ceiling, ph->bound,
                                        x, &cli->diag);
    if (status == SC_OK)
        status = cli_point_bounds(&ph->points, cli->system, SOL_DATASHEET,
                                  ph->bound_sheet, NULL, &cli->diag);
    return status;
}

/* ---- points to measure next ---- */

/* The fit knows no ranges and no guards. Moves a point along its x, b halved and s
 * doubled, to where the op admits it; *found is false when that is nowhere. */
static sc_status move_inside(cli_session *cli, const rep_phase *ph, double *b, double *s,
                             bool *found)
{
    const sol_phase *phase = ph->phase;
    int ib = sol_phase_axis_index(phase, "b"), is = sol_phase_axis_index(phase, "s");
    double at[SOL_MAX_AXES];
    bool product = phase->tokens->op == SOL_OP_MUL;
    *found = ib < 0 || is < 0;
    for (int i = 0; i < phase->n_axes; i++)
        at[i] = phase->axis[i].value;
    for (double half = 1; !*found && *b / half >= 1; half *= 2) {
        at[ib] = *b / half;
        at[is] = *s * half;
        sc_status status = sol_phase_admits(cli->op, phase, &cli->config, at, NULL);
        if (status == SC_ENOMEM)
            return sc_diag_nomem(&cli->diag);
        *found = status == SC_OK;
        if (*found || !product)
            break;
    }
    if (*found && ib >= 0 && is >= 0) {
        *b = at[ib];
        *s = at[is];
    }
    return SC_OK;
}

/* Points come in pairs of equal x: one that falls on the other is none. */
static sc_status admit_next(cli_session *cli, rep_phase *ph)
{
    fit_result *fit = &ph->fit;
    int n = 0;
    for (int i = 0; i + 1 < fit->n_next; i += 2) {
        double b[2] = {fit->next_b[i], fit->next_b[i + 1]};
        double s[2] = {fit->next_s[i], fit->next_s[i + 1]};
        bool found[2];
        for (int k = 0; k < 2; k++) {
            sc_status status = move_inside(cli, ph, &b[k], &s[k], &found[k]);
            if (status != SC_OK)
                return status;
        }
        if (!found[0] || !found[1] || (b[0] == b[1] && s[0] == s[1]))
            continue;
        for (int k = 0; k < 2; k++, n++) {
            fit->next_b[n] = b[k];
            fit->next_s[n] = s[k];
        }
    }
    fit->n_next = n;
    return SC_OK;
}

/* ---- fit ---- */

/* Too little or degenerate data leaves the phase undecided and says why; the rest fails.
 */
static sc_status fit_phase(cli_session *cli, rep_study *study, rep_phase *ph)
{
    size_t n = ph->points.n;
    double *x = sc_calloc(n, sizeof *x);
    fit_point *point = sc_calloc(n, sizeof *point);
    sc_status status = x && point ? bound_points(cli, ph, x) : sc_diag_nomem(&cli->diag);
    if (status == SC_OK)
        status = cli_fit_points(&ph->points, ph->bound, x, point, &cli->diag);
    if (status == SC_OK) {
        sc_diag diag = {0};
        status = fit_decide(point, n, &study->fit_options, &ph->fit, &diag);
        ph->fitted = status == SC_OK;
        bool degenerate = status == SC_EDOMAIN || status == SC_EUNABLE;
        if (degenerate) {
            snprintf(ph->why, sizeof ph->why, "%.400s", diag.message);
            diag.severity = SC_WARNING;
            status = sc_diags_add(&cli->warnings, &diag);
        }
        if (status != SC_OK)
            cli->diag = diag;
    }
    if (status == SC_OK && ph->fitted)
        status = admit_next(cli, ph);
    sc_free(x);
    sc_free(point);
    return status;
}

/* ---- decision ---- */

static fit_kind proved_kind(sol_verdict verdict)
{
    return verdict == SOL_PROVED      ? FIT_TOKEN_EQUIVALENT
           : verdict == SOL_DISPROVED ? FIT_TOKEN_NON_EQUIVALENT
                                      : FIT_UNDECIDED;
}

/* Proof and measurement together. Where they contradict each other the larger axis set is
 * kept: that costs points, the other choice could cost correctness. */
static void decide(rep_phase *ph)
{
    fit_kind proof = proved_kind(ph->proof.sol.verdict);
    fit_kind measured = ph->fitted ? ph->fit.kind : FIT_UNDECIDED;
    ph->agreement = REP_OPEN;
    if (ph->points.n == 0) {
        ph->kind = proof;
        snprintf(ph->why, sizeof ph->why, "%s",
                 proof == FIT_UNDECIDED
                     ? "the proof is open and there are no measurements"
                     : "by proof alone: there are no measurements");
    } else if (ph->fitted && ph->fit.lof.n_points == 0 && proof != FIT_UNDECIDED) {
        ph->kind = proof; /* as without measurements: these do not speak of the matter */
        snprintf(
            ph->why, sizeof ph->why,
            "by proof alone: no two measured points share x, so they cannot test it");
    } else if (measured == FIT_UNDECIDED) {
        ph->kind = FIT_UNDECIDED;
        if (ph->fitted)
            memcpy(ph->why, ph->fit.reason, sizeof ph->why); /* same size */
    } else if (proof == FIT_UNDECIDED) {
        ph->kind = measured;
        snprintf(ph->why, sizeof ph->why, "by measurement alone: the proof is open");
    } else if (proof == measured) {
        ph->kind = proof;
        ph->agreement = REP_AGREE;
        snprintf(ph->why, sizeof ph->why, "proof and measurement agree");
    } else {
        ph->kind = FIT_TOKEN_NON_EQUIVALENT;
        ph->agreement = REP_DISAGREE;
        snprintf(
            ph->why, sizeof ph->why,
            "the proof says %s, the measurements say %s; the larger axis set is kept",
            fit_kind_name(proof), fit_kind_name(measured));
    }
}

/* ---- the study ---- */

static sc_status describe_run(cli_session *cli, rep_study *study)
{
    time_t when = time(NULL);
    const char *epoch = getenv("SOURCE_DATE_EPOCH"); /* reproducible-builds.org */
    int64_t seconds;
    if (epoch && sc_parse_int(epoch, &seconds))
        when = (time_t)seconds;
    struct tm utc;
    gmtime_r(&when, &utc);
    strftime(study->date, sizeof study->date, "%Y-%m-%d", &utc);
    sc_buf command = {0};
    cli_add_command(cli, true, &command);
    snprintf(study->command, sizeof study->command, "%s", sc_buf_text(&command));
    sc_status status = command.failed ? sc_diag_nomem(&cli->diag) : SC_OK;
    sc_buf_free(&command);
    return status;
}

static sc_status set_fit_options(cli_session *cli, rep_study *study)
{
    char text[32];
    const char *given = cli_value(&cli->options, CLI_OPT_TOLERANCE, "5%");
    size_t n;
    double percent;
    fit_options_defaults(&study->fit_options);
    snprintf(text, sizeof text, "%s", given);
    n = strlen(text);
    if (n > 0 && text[n - 1] == '%')
        text[n - 1] = '\0';
    if (!sc_parse_double(text, &percent) || !(percent > 0 && percent < 100))
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--tolerance wants a percentage from 0 to 100, not '%s'",
                            given);
    study->fit_options.tolerance = percent / 100;
    study->fit_options.seed = cli->seed;
    return SC_OK;
}

static sc_status warn_open(cli_session *cli, const rep_phase *ph)
{
    bool alone = ph->points.n == 0 && ph->kind != FIT_UNDECIDED;
    bool disagree = ph->agreement == REP_DISAGREE;
    sc_diag warning;
    if (disagree)
        sc_diag_warn(&warning, SC6003, "%s phase: %.400s",
                     sol_phase_name(ph->phase->kind), ph->why);
    else if (!alone && ph->kind == FIT_UNDECIDED)
        sc_diag_warn(&warning, SC4003, "%s phase is undecided: %.400s",
                     sol_phase_name(ph->phase->kind), ph->why);
    else
        return SC_OK;
    return sc_diags_add(&cli->warnings, &warning) == SC_OK ? SC_OK
                                                           : sc_diag_nomem(&cli->diag);
}

sc_status cli_study_points(cli_session *cli, rep_study *study)
{
    study->op = cli->op;
    study->system = cli->system;
    sc_status status = describe_run(cli, study);
    if (status == SC_OK)
        status = set_fit_options(cli, study);
    if (status == SC_OK)
        status = sol_config_copy(cli->op, &cli->config, &study->config, &cli->diag);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++) {
        rep_phase *ph = &study->phase[p];
        ph->present = cli->phase[p];
        ph->phase = cli->op->phase[p];
        if (ph->present)
            status = sol_prove(cli->op, (sol_phase_kind)p, &cli->config, cli->system,
                               cli->ceiling, &ph->proof, &cli->diag);
    }
    return status == SC_OK ? cli_measurements(cli, study) : status;
}

sc_status cli_study(cli_session *cli, rep_study *study)
{
    sc_status status = cli_study_points(cli, study);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++) {
        rep_phase *ph = &study->phase[p];
        if (!ph->present)
            continue;
        if (ph->points.n > 0)
            status = fit_phase(cli, study, ph);
        decide(ph);
        if (status == SC_OK)
            status = warn_open(cli, ph);
    }
    return status;
}

void cli_study_clear(rep_study *study)
{
    for (int p = 0; p < SOL_N_PHASES; p++) {
        rep_phase *ph = &study->phase[p];
        col_points_clear(&ph->points);
        sc_free(ph->bound);
        sc_free(ph->bound_sheet);
        if (ph->fitted)
            fit_result_clear(&ph->fit);
        sc_free(ph->error);
    }
    sol_config_clear(&study->config);
}
