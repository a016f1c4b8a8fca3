/* solcheck explain: the symbolic forms of an op.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <jansson.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/json.h"
#include "cli/sweep.h"
#include "reports/report.h"
#include "sol/normal.h"

/* What a term spends: which key of the op file says so, and its value there. */
static const char *resource_key(const sol_term *term)
{
    static const char *const key[] = {"engine", "access", "link"};
    return key[term->kind];
}

static const char *resource_name(const sol_term *term)
{
    if (term->kind == SOL_BYTES)
        return term->access == SOL_WRITE ? "write" : "read";
    return term->kind == SOL_NETWORK ? sol_link_name(term->link)
                                     : sol_engine_name(term->engine);
}

/* The expanded form of a term, as JSON text. */
static sc_status term_json(cli_session *cli, const sol_term *term, json_t *list)
{
    sol_normal *normal;
    sc_buf text = {0};
    sc_status status = sol_normal_new(cli->op->ctx, term->expr, &normal, &cli->diag);
    if (status != SC_OK)
        return status;
    if (sol_normal_print(normal, &text) != SC_OK)
        status = sc_diag_nomem(&cli->diag);
    sol_normal_free(normal);
    if (status == SC_OK) {
        bool exps = term->kind == SOL_FLOPS && term->engine == SOL_EXP;
        const char *slot = term->slot >= 0 ? cli->op->slot[term->slot].name : NULL;
        json_t *object =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s}", "name", term->name, "kind",
                      exps ? "exp" : sol_term_kind_name(term->kind), resource_key(term),
                      resource_name(term), "expr", term->text, "normal_form",
                      sc_buf_text(&text), "dtype", slot, "source", term->source);
        if (object && term->kind == SOL_NETWORK &&
            json_object_set_new(object, "direction",
                                json_string(sol_direction_name(term->direction))) != 0)
            status = sc_diag_nomem(&cli->diag);
        if (!object || json_array_append_new(list, object) != 0)
            status = sc_diag_nomem(&cli->diag);
    }
    sc_buf_free(&text);
    return status;
}

/* ---- what the forms mean ---- */

/* Everything that one phase needs, and owns. */
typedef struct analysis {
    rep_analysis view;
    sol_proof proof;
    sol_regimes *regimes;
    rep_point point, against;
    sc_diag missing;
} analysis;

static void analysis_free(analysis *a)
{
    if (!a)
        return;
    sol_regimes_free(a->regimes);
    sc_free(a->point.term);
    sc_free(a->point.time_s);
    sc_free(a->against.term);
    sc_free(a->against.time_s);
    sc_free(a);
}

static sc_status evaluate_point(cli_session *cli, const sol_phase *phase,
                                cli_option option, rep_point *point)
{
    const double *axis[SOL_MAX_AXES];
    sol_model *model = NULL;
    sc_status status = cli_point(cli, option, phase, point->axis);
    if (status != SC_OK)
        return status;
    point->term = sc_calloc((size_t)phase->n_terms, sizeof *point->term);
    point->time_s = sc_calloc((size_t)phase->n_terms, sizeof *point->time_s);
    for (int i = 0; i < phase->n_axes; i++)
        axis[i] = &point->axis[i];
    if (!point->term || !point->time_s)
        return sc_diag_nomem(&cli->diag);
    status = sol_model_new(cli->op, phase->kind, &cli->config, cli->system, cli->ceiling,
                           &model, &cli->diag);
    if (status == SC_OK)
        status = sol_model_eval(model, 1, axis, &point->bound, point->term, &cli->diag);
    sol_model_free(model);
    for (int t = 0; t < phase->n_terms && status == SC_OK; t++) {
        double rate;
        sol_term_resource(&phase->term[t], &cli->config, cli->system, cli->ceiling,
                          &rate);
        point->time_s[t] = point->term[t] / rate;
    }
    return status;
}

/* Optional axes named by --sweep. */
static sc_status swept_axes(cli_session *cli, const sol_phase *phase, bool *swept)
{
    const cli_values *given = &cli->options.given[CLI_OPT_SWEEP];
    for (int i = 0; i < given->n; i++) {
        int at = -1;
        for (int p = 0; p < SOL_N_PHASES; p++)
            if (cli->phase[p])
                at =
                    sol_phase_axis_index(cli->op->phase[p], given->text[i]) >= 0 ? 0 : at;
        if (at < 0)
            return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "op %s has no axis '%s'",
                                cli->op->name, given->text[i]);
        at = sol_phase_axis_index(phase, given->text[i]);
        if (at >= 0)
            swept[at] = true;
    }
    return SC_OK;
}

/* Proof and regimes; where the system or the op has no number for them, why. */
static sc_status find_regimes(cli_session *cli, const sol_phase *phase, analysis *a)
{
    bool swept[SOL_MAX_AXES] = {false};
    sc_status status = swept_axes(cli, phase, swept);
    if (status != SC_OK)
        return status;
    status = sol_prove_over(cli->op, phase->kind, &cli->config, cli->system, cli->ceiling,
                            swept, &a->proof, &cli->diag);
    if (status == SC_OK)
        status = sol_regimes_find(cli->op, phase->kind, &cli->config, cli->system,
                                  cli->ceiling, swept, &a->regimes, &cli->diag);
    if (status == SC_OK) {
        a->view.proof = &a->proof;
        a->view.regimes = a->regimes;
    } else if (status == SC_EINVAL || status == SC_EDOMAIN || status == SC_EUNABLE) {
        a->missing = cli->diag;
        a->view.missing = &a->missing;
        sc_diag_clear(&cli->diag);
        status = SC_OK;
    }
    return status;
}

static sc_status analyse(cli_session *cli, const sol_phase *phase, analysis **out)
{
    analysis *a = sc_calloc(1, sizeof *a);
    if (!a)
        return sc_diag_nomem(&cli->diag);
    a->view = (rep_analysis){.op = cli->op,
                             .phase = phase,
                             .config = &cli->config,
                             .system = cli->system,
                             .ceiling = cli->ceiling};
    sc_status status = find_regimes(cli, phase, a);
    bool set = cli_has(&cli->options, CLI_OPT_SET);
    bool against = cli_has(&cli->options, CLI_OPT_AGAINST);
    if (status == SC_OK && against && !set)
        status = sc_diag_fail(&cli->diag, SC_EINVAL, SC6002, "--against needs --set");
    if (status == SC_OK && set) {
        status = evaluate_point(cli, phase, CLI_OPT_SET, &a->point);
        a->view.point = &a->point;
    }
    if (status == SC_OK && against) {
        status = evaluate_point(cli, phase, CLI_OPT_AGAINST, &a->against);
        a->view.against = &a->against;
    }
    if (status == SC_OK)
        *out = a;
    else
        analysis_free(a);
    return status;
}

/* ---- output ---- */

static sc_status phase_json(cli_session *cli, const sol_phase *phase, json_t *phases)
{
    analysis *a = NULL;
    json_t *terms = json_array();
    sc_status status = terms ? analyse(cli, phase, &a) : sc_diag_nomem(&cli->diag);
    for (int t = 0; t < phase->n_terms && status == SC_OK; t++)
        status = term_json(cli, &phase->term[t], terms);
    json_t *object =
        json_pack("{s:s, s:o}", "phase", sol_phase_name(phase->kind), "terms", terms);
    if (status == SC_OK)
        status = object ? rep_analysis_json(&a->view, object, &cli->diag)
                        : sc_diag_nomem(&cli->diag);
    analysis_free(a);
    if (object && json_array_append_new(phases, object) != 0 && status == SC_OK)
        status = sc_diag_nomem(&cli->diag);
    return status;
}

static sc_status explain_json(cli_session *cli, sc_buf *out)
{
    json_t *phases = json_array();
    sc_status status = phases ? SC_OK : sc_diag_nomem(&cli->diag);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (cli->phase[p])
            status = phase_json(cli, cli->op->phase[p], phases);
    json_t *root = json_pack("{s:s, s:s, s:s, s:s, s:o}", "op", cli->op->name, "title",
                             cli->op->title, "system", cli->system->name, "ceiling",
                             cli->ceiling_name, "phases", phases);
    if (status == SC_OK)
        return cli_json_dump(root, out, &cli->diag);
    json_decref(root);
    return status;
}

static sc_status explain_as(cli_session *cli, rep_format format, sc_buf *out)
{
    sc_status status = SC_OK;
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++) {
        analysis *a = NULL;
        if (!cli->phase[p])
            continue;
        status = analyse(cli, cli->op->phase[p], &a);
        if (out->n > 0 && format == REP_TEXT)
            sc_buf_add(out, "\n");
        if (status == SC_OK)
            status = rep_explain_as(&a->view, format, out, &cli->diag);
        analysis_free(a);
    }
    return status;
}

sc_status cli_explain(cli_session *cli, int *exit_code)
{
    static const char *const name[] = {"text", "markdown", "latex"};
    const char *format = cli_value(&cli->options, CLI_OPT_FORMAT, "text");
    bool json = cli_has(&cli->options, CLI_OPT_JSON) || strcmp(format, "json") == 0;
    int which = 0;
    (void)exit_code;
    if (cli_has(&cli->options, CLI_OPT_LAYER))
        return cli_explain_layer(cli);
    while (which < 3 && strcmp(format, name[which]) != 0)
        which++;
    if (which == 3 && !json)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--format is text, markdown, latex or json, not '%s'",
                            format);
    sc_buf text = {0};
    sc_status status =
        json ? explain_json(cli, &text) : explain_as(cli, (rep_format)which, &text);
    if (status == SC_OK)
        status = cli_print(cli, &text);
    sc_buf_free(&text);
    return status;
}
