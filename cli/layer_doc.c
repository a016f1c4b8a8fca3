/* solcheck explain --layer: what a mock layer takes, and how devices run it.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/sweep.h"

/* Dtypes of a slot: what the class takes and, where the op has the slot, the op as well.
 */
static bool slot_takes(const cli_session *cli, const mock_class *cls, int slot,
                       sol_dtype dtype)
{
    int at = sol_op_slot_index(cli->op, cls->slot[slot]);
    bool ours = dtype == SOL_BF16 || dtype == SOL_FP16 || dtype == SOL_FP32 ||
                (dtype == SOL_FP8 && cls->fp8[slot]);
    return ours && (at < 0 || cli->op->slot[at].allowed[dtype]);
}

static bool runs_phase(const mock_class *cls, int phase)
{
    for (int i = 0; i < cls->n_routes; i++)
        if (cls->route[i].phase[phase])
            return true;
    return false;
}

/* "8.0 and later", "9.0", "CPU" */
static void add_capability(const mock_route *r, sc_buf *out)
{
    if (r->sm_to == 0)
        sc_buf_add(out, "CPU");
    else if (r->sm_from == r->sm_to)
        sc_buf_printf(out, "%d.%d alone", r->sm_from / 10, r->sm_from % 10);
    else
        sc_buf_printf(out, "%d.%d and later", r->sm_from / 10, r->sm_from % 10);
}

/* ---- as text ---- */

static void text_params(const mock_class *cls, sc_buf *out)
{
    sc_buf_printf(out, "\n%-22s %-9s %10s  %-20s %-3s  %s\n", "parameter", "unit",
                  "default", "range", "TP", "meaning");
    for (int i = 0; i < cls->n_params; i++) {
        const mock_param *p = &cls->param[i];
        char range[48];
        snprintf(range, sizeof range, "%lld to %lld", (long long)p->lo, (long long)p->hi);
        sc_buf_printf(out, "%-22s %-9s %10lld  %-20s %-3s  %s\n", p->name, p->unit,
                      (long long)p->value, range, p->shard_tp ? "/TP" : "", p->meaning);
    }
}

static void text_slots(const cli_session *cli, const mock_class *cls, sc_buf *out)
{
    sc_buf_add(out, "\n");
    for (int i = 0; i < cls->n_slots; i++) {
        sc_buf_printf(out, "dtype %s:", cls->slot[i]);
        for (int d = 0; d < SOL_N_DTYPES; d++)
            if (slot_takes(cli, cls, i, (sol_dtype)d))
                sc_buf_printf(out, " %s", sol_dtype_name((sol_dtype)d));
        sc_buf_add(out, "\n");
    }
}

static void text_routes(const mock_class *cls, sc_buf *out)
{
    for (int p = 0; p < SOL_N_PHASES; p++) {
        if (!runs_phase(cls, p))
            continue;
        sc_buf_printf(out, "\n%s%s, the first route that has the case:\n",
                      sol_phase_name((sol_phase_kind)p),
                      cls->needs_cache[p] ? " (paged KV cache)" : "");
        for (int i = 0; i < cls->n_routes; i++) {
            sc_buf where = {0};
            if (!cls->route[i].phase[p])
                continue;
            add_capability(&cls->route[i], &where);
            sc_buf_printf(out, "  %-20s %-14s %s\n", cls->route[i].source,
                          sc_buf_text(&where), cls->route[i].what);
            sc_buf_free(&where);
        }
    }
}

static void layer_text(const cli_session *cli, const mock_class *cls, sc_buf *out)
{
    sc_buf_printf(out, "layer %s: %s\n", cls->name, cls->title);
    sc_buf_printf(out, "reference (plain C, double sums): %s\n", cls->formula);
    for (int i = 0; cls->paper[i]; i++)
        sc_buf_printf(out, "  %s\n", cls->paper[i]);
    if (cls->scoped)
        sc_buf_add(out, "scope: kernel, or op: with RoPE and the append to the cache\n");
    if (cls->routed)
        sc_buf_add(out,
                   "route: auto (own kernels; cuDNN where they lack the case), own or"
                   " cudnn; context only\n");
    if (cls->partial_sums)
        sc_buf_add(out, "under TP every rank writes a whole row, to be added up\n");
    text_params(cls, out);
    text_slots(cli, cls, out);
    text_routes(cls, out);
}

/* ---- as JSON ---- */

static json_t *params_json(const mock_class *cls)
{
    json_t *list = json_array();
    for (int i = 0; i < cls->n_params; i++) {
        const mock_param *p = &cls->param[i];
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:I, s:[I, I], s:b}", "name", p->name,
                            "meaning", p->meaning, "unit", p->unit, "default",
                            (json_int_t)p->value, "range", (json_int_t)p->lo,
                            (json_int_t)p->hi, "sharded_by_tp", p->shard_tp));
    }
    return list;
}

static json_t *slots_json(const cli_session *cli, const mock_class *cls)
{
    json_t *all = json_object();
    for (int i = 0; i < cls->n_slots; i++) {
        json_t *list = json_array();
        for (int d = 0; d < SOL_N_DTYPES; d++)
            if (slot_takes(cli, cls, i, (sol_dtype)d))
                json_array_append_new(list, json_string(sol_dtype_name((sol_dtype)d)));
        json_object_set_new(all, cls->slot[i], list);
    }
    return all;
}

static json_t *routes_json(const mock_class *cls)
{
    json_t *list = json_array();
    for (int i = 0; i < cls->n_routes; i++) {
        const mock_route *r = &cls->route[i];
        json_t *phases = json_array();
        for (int p = 0; p < SOL_N_PHASES; p++)
            if (r->phase[p])
                json_array_append_new(phases,
                                      json_string(sol_phase_name((sol_phase_kind)p)));
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:i, s:o?, s:o, s:s}", "kernel_source", r->source,
                      "device", r->sm_to ? "cuda" : "cpu", "sm_from", r->sm_from, "sm_to",
                      r->sm_to && r->sm_to != MOCK_SM_ANY ? json_integer(r->sm_to) : NULL,
                      "phases", phases, "what", r->what));
    }
    return list;
}

static sc_status layer_json(cli_session *cli, const mock_class *cls, sc_buf *out)
{
    json_t *papers = json_array();
    for (int i = 0; cls->paper[i]; i++)
        json_array_append_new(papers, json_string(cls->paper[i]));
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:o, s:b, s:b, s:b, s:o, s:o, s:o}", "layer",
                  cls->name, "title", cls->title, "reference", cls->formula, "sources",
                  papers, "has_scope_op", cls->scoped, "has_route", cls->routed,
                  "partial_sums", cls->partial_sums, "params", params_json(cls), "dtypes",
                  slots_json(cli, cls), "routes", routes_json(cls));
    return cli_json_dump(root, out, &cli->diag);
}

sc_status cli_explain_layer(cli_session *cli)
{
    const mock_class *cls;
    sc_buf out = {0};
    const char *format = cli_value(&cli->options, CLI_OPT_FORMAT, "text");
    bool json = cli_has(&cli->options, CLI_OPT_JSON) || strcmp(format, "json") == 0;
    sc_status status = cli_find_layer(cli, &cls);
    if (status == SC_OK && !json && strcmp(format, "text") != 0)
        status = sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                              "--layer prints text or json, not '%s'", format);
    if (status != SC_OK)
        return status;
    if (json)
        status = layer_json(cli, cls, &out);
    else
        layer_text(cli, cls, &out);
    if (status == SC_OK)
        status = cli_print(cli, &out);
    sc_buf_free(&out);
    return status;
}
