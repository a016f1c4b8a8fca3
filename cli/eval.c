/* solcheck eval: the speed of light at one point.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/eval.h"
#include "cli/json.h"
#include "sol/proof.h"

typedef struct evaluation {
    const sol_phase *phase;
    double axis[SOL_MAX_AXES], x;
    sol_bound bound;
    double *term;
    bool fell_back;
} evaluation;

static sc_status evaluate(cli_session *cli, evaluation *ev)
{
    sol_model *model;
    const double *axis[SOL_MAX_AXES];
    sc_status status = sol_model_new(cli->op, ev->phase->kind, &cli->config, cli->system,
                                     cli->ceiling, &model, &cli->diag);
    if (status != SC_OK)
        return status;
    for (int i = 0; i < ev->phase->n_axes; i++)
        axis[i] = &ev->axis[i];
    ev->fell_back = sol_model_fell_back(model);
    ev->term = sc_calloc((size_t)ev->phase->n_terms, sizeof *ev->term);
    status = ev->term ? sol_model_eval(model, 1, axis, &ev->bound, ev->term, &cli->diag)
                      : sc_diag_nomem(&cli->diag);
    if (status == SC_OK)
        status = sol_model_tokens(model, 1, axis, &ev->x, &cli->diag);
    sol_model_free(model);
    return status;
}

static const char *kind_of(const sol_term *term)
{
    bool exps = term->kind == SOL_FLOPS && term->engine == SOL_EXP;
    return exps ? "exp" : sol_term_kind_name(term->kind);
}

const char *cli_bound_by(const sol_bound *b)
{
    return b->memory_bound ? "memory" : b->network_bound ? "network" : "compute";
}

/* Has the phase any term on the network? */
static bool has_network(const evaluation *ev)
{
    for (int t = 0; t < ev->phase->n_terms; t++)
        if (ev->phase->term[t].kind == SOL_NETWORK)
            return true;
    return false;
}

static const char *ceiling_of(const cli_session *cli, const evaluation *ev)
{
    return ev->fell_back ? "datasheet" : cli->ceiling_name;
}

static json_t *terms_json(const evaluation *ev)
{
    json_t *terms = json_array();
    for (int t = 0; t < ev->phase->n_terms; t++)
        json_array_append_new(terms, json_pack("{s:s, s:s, s:f}", "name",
                                               ev->phase->term[t].name, "kind",
                                               kind_of(&ev->phase->term[t]), "value",
                                               ev->term[t]));
    return terms;
}

static sc_status to_json(cli_session *cli, const evaluation *ev, sc_buf *out)
{
    const sol_bound *b = &ev->bound;
    json_t *root = json_pack(
        "{s:s, s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:s, s:f, s:f, s:f, s:f, s:o}",
        "op", cli->op->name, "phase", sol_phase_name(ev->phase->kind), "system",
        cli->system->name, "ceiling", ceiling_of(cli, ev), "x", ev->x, "flops", b->flop,
        "exponentials", b->exps, "bytes", b->bytes_B, "sol_ms", 1e3 * b->sol_cold_s,
        "bound", cli_bound_by(b), "sol_hot_ms", 1e3 * b->sol_hot_s,
        "compute_ms", 1e3 * b->compute_s, "memory_ms", 1e3 * b->memory_cold_s,
        "memory_hot_ms", 1e3 * b->memory_hot_s, "terms", terms_json(ev));
    if (root && has_network(ev)) {
        json_object_set_new(root, "network_bytes", json_real(b->network_B));
        json_object_set_new(root, "network_ms", json_real(1e3 * b->network_s));
    }
    json_t *axes = json_object();
    for (int i = 0; i < ev->phase->n_axes; i++)
        json_object_set_new(axes, ev->phase->axis[i].name, json_real(ev->axis[i]));
    if (root)
        json_object_set_new(root, "axes", axes);
    else
        json_decref(axes);
    return cli_json_dump(root, out, &cli->diag);
}

static void to_text(cli_session *cli, const evaluation *ev, sc_buf *out)
{
    const sol_bound *b = &ev->bound;
    sc_buf_printf(out, "%s, %s phase, on %s (%s ceiling):", cli->op->name,
                  sol_phase_name(ev->phase->kind), cli->system->name, ceiling_of(cli, ev));
    for (int i = 0; i < ev->phase->n_axes; i++)
        sc_buf_printf(out, " %s=%.0f", ev->phase->axis[i].name, ev->axis[i]);
    sc_buf_printf(out, ", x=%.0f tokens\n\n", ev->x);
    for (int t = 0; t < ev->phase->n_terms; t++)
        sc_buf_printf(out, "  %-14s %-6s %16.6g\n", ev->phase->term[t].name,
                      kind_of(&ev->phase->term[t]), ev->term[t]);
    sc_buf_printf(out, "\n  FLOPs          %12.6g\n  bytes          %12.6g B\n", b->flop,
                  b->bytes_B);
    sc_buf_printf(out, "  compute        %12.6g ms\n  memory, cold   %12.6g ms\n",
                  1e3 * b->compute_s, 1e3 * b->memory_cold_s);
    sc_buf_printf(out, "  memory, hot    %12.6g ms (L2-resident where it fits)\n",
                  1e3 * b->memory_hot_s);
    if (has_network(ev))
        sc_buf_printf(out, "  network        %12.6g ms (%.6g B in one direction)\n",
                      1e3 * b->network_s, b->network_B);
    sc_buf_printf(out, "  speed of light %12.6g ms, %s-bound\n", 1e3 * b->sol_cold_s,
                  cli_bound_by(b));
}

sc_status cli_eval(cli_session *cli, int *exit_code)
{
    (void)exit_code;
    evaluation ev = {0};
    for (int p = 0; p < SOL_N_PHASES; p++) {
        if (cli->phase[p] && ev.phase)
            return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                                "eval needs --phase context or --phase generation");
        if (cli->phase[p])
            ev.phase = cli->op->phase[p];
    }
    const char *format = cli_value(&cli->options, CLI_OPT_FORMAT, "text");
    bool json = cli_has(&cli->options, CLI_OPT_JSON) || strcmp(format, "json") == 0;
    bool csv = strcmp(format, "csv") == 0;
    if (!json && !csv && strcmp(format, "text") != 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--format is text, csv or json, not '%s'", format);
    if (csv || cli_has(&cli->options, CLI_OPT_GRID) || cli_has(&cli->options, CLI_OPT_DATA))
        return cli_eval_many(cli, ev.phase, json);
    sc_buf text = {0};
    sc_status status = cli_point(cli, CLI_OPT_SET, ev.phase, ev.axis);
    if (status == SC_OK)
        status = evaluate(cli, &ev);
    if (status == SC_OK && json)
        status = to_json(cli, &ev, &text);
    else if (status == SC_OK)
        to_text(cli, &ev, &text);
    if (status == SC_OK)
        status = cli_print(cli, &text);
    sc_free(ev.term);
    sc_buf_free(&text);
    return status;
}
