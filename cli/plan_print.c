/* solcheck - a plan in words and as JSON, and the command that repeats one of its points.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "cli/json.h"
#include "cli/plan.h"

static const char *state_name(cli_job_state state)
{
    static const char *const name[CLI_N_JOB_STATES] = {
        [CLI_TODO] = "to do",        [CLI_OTHER_SHARD] = "other shard",
        [CLI_STORED] = "stored",     [CLI_FAILED_BEFORE] = "failed before",
        [CLI_LEFT_OUT] = "left out", [CLI_MEASURED] = "measured",
        [CLI_FAILED] = "failed",
    };
    return name[state];
}

static void add_number(sc_buf *out, const char *before, double value)
{
    char text[32];
    sc_format_double(value, text);
    sc_buf_printf(out, "%s%s", before, text);
}

/* What sets one configuration apart from the op's defaults, as options or as words. */
static void add_config(const sol_op *op, const sol_config *config, bool options,
                       sc_buf *out)
{
    for (int i = 0; i < op->n_params; i++) {
        if (config->param[i] == op->param[i].value)
            continue;
        sc_buf_printf(out, options ? " --param %s" : "%s", op->param[i].name);
        add_number(out, "=", config->param[i]);
        sc_buf_add(out, options ? "" : " ");
    }
    for (int i = 0; i < op->n_slots; i++)
        if (config->slot_given[i])
            sc_buf_printf(out, options ? " --dtype %s=%s" : "%s=%s ", op->slot[i].name,
                          sol_dtype_name(config->slot[i]));
}

void cli_plan_name(const cli_session *cli, const cli_plan *plan, const cli_job *point,
                   sc_buf *out)
{
    const sol_config *config = &plan->config[point->config];
    sc_buf_printf(out, "%s ", sol_phase_name(point->phase));
    if (plan->table)
        add_config(cli->op, config, false, out);
    sc_buf_printf(out, "tp=%.0f b=%.0f s=%.0f", config->tp, point->at.b, point->at.s);
}

void cli_plan_repro(const cli_session *cli, const cli_plan *plan, const cli_job *point,
                    sc_buf *out)
{
    /* Options that change how a point is measured. */
    static const cli_option kept[] = {
        CLI_OPT_SYSTEM, CLI_OPT_DEVICE,   CLI_OPT_STOP,        CLI_OPT_NOISE,
        CLI_OPT_SEED,   CLI_OPT_MAX_TIME, CLI_OPT_MIN_SAMPLES, CLI_OPT_SCOPE,
        CLI_OPT_INPUTS, CLI_OPT_DRIFT,    CLI_OPT_ROUTE,
    };
    const sol_config *config = &plan->config[point->config];
    sc_buf_add(out, "solcheck measure --op ");
    cli_add_word(out, cli_value(&cli->options, CLI_OPT_OP, cli->op->name));
    sc_buf_printf(out, " --phase %s", sol_phase_name(point->phase));
    add_config(cli->op, config, true, out);
    sc_buf_printf(out, " --tp %.0f --set b=%.0f,s=%.0f --cache %s", config->tp,
                  point->at.b, point->at.s, point->cold ? "cold" : "hot");
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        const char *value = cli_value(&cli->options, kept[i], NULL);
        if (!value)
            continue;
        sc_buf_printf(out, " --%s ", cli_option_name(kept[i]));
        cli_add_word(out, value);
    }
    if (cli_has(&cli->options, CLI_OPT_GRAPH_FAIL))
        sc_buf_printf(out, " --%s", cli_option_name(CLI_OPT_GRAPH_FAIL));
}

/* ---- as text ---- */

static void print_point(const cli_session *cli, const cli_plan *plan, const cli_job *p,
                        sc_buf *out)
{
    sc_buf_printf(out, "%-10s %3.0f %6.0f %8.0f  %-5s %10.3f %12.2f %10.3f",
                  sol_phase_name(p->phase), plan->config[p->config].tp, p->at.b, p->at.s,
                  p->cold ? "cold" : "hot", (double)p->need_B / 0x1p20,
                  p->latency_s * 1e6, p->cost_s);
    if (plan->table) {
        sc_buf_add(out, "  ");
        add_config(cli->op, &plan->config[p->config], false, out);
    }
    sc_buf_printf(out, "%s%s\n", p->why[0] ? "  left out: " : "", p->why);
}

static void plan_text(const cli_session *cli, const cli_plan *plan, sc_buf *out)
{
    char time[32];
    size_t n_todo = cli_plan_count(plan, CLI_TODO),
           n_out = cli_plan_count(plan, CLI_LEFT_OUT);
    sc_buf_printf(out, "%-10s %3s %6s %8s  %-5s %10s %12s %10s\n", "phase", "tp", "b",
                  "s", "cache", "MiB", "latency us", "time s");
    for (size_t i = 0; i < plan->n; i++)
        if (plan->point[i].state != CLI_OTHER_SHARD)
            print_point(cli, plan, &plan->point[i], out);
    sc_format_duration(cli_plan_seconds(plan), time);
    sc_buf_printf(out, "%zu point%s, about %s", n_todo, n_todo == 1 ? "" : "s", time);
    if (n_out > 0)
        sc_buf_printf(out, "; %zu left out", n_out);
    if (plan->n_shards > 1)
        sc_buf_printf(out, " (shard %d of %d; %zu points in all)", plan->shard,
                      plan->n_shards, plan->n);
    sc_buf_add(out, "\n");
    sc_buf_printf(out, "beside launches: %s\n",
                  plan->learnt ? "what the points in the store took"
                  : plan->cpu  ? "guessed"
                               : "what points took on an H100");
    for (int p = 0; p < SOL_N_PHASES; p++)
        if (cli->phase[p])
            sc_buf_printf(
                out, "%s: time %s\n", sol_phase_name((sol_phase_kind)p),
                plan->cpu ? "guessed from FLOPs and bytes: right to a factor of some"
                : plan->guessed[p]
                    ? "guessed from the speed of light: no recording"
                    : "from the speed of light and the recording's utilisation");
}

/* ---- as JSON ---- */

static json_t *number(double value)
{
    return value == floor(value) && fabs(value) < 0x1p53 ? json_integer((json_int_t)value)
                                                         : json_real(value);
}

static json_t *config_json(const sol_op *op, const sol_config *config)
{
    json_t *params = json_object(), *dtypes = json_object();
    for (int i = 0; i < op->n_params && params; i++)
        json_object_set_new(params, op->param[i].name, number(config->param[i]));
    for (int i = 0; i < op->n_slots && dtypes; i++)
        json_object_set_new(dtypes, op->slot[i].name,
                            json_string(sol_dtype_name(config->slot[i])));
    return json_pack("{s:o, s:o, s:o}", "tp", number(config->tp), "params", params,
                     "dtypes", dtypes);
}

static bool add_result(json_t *object, const cli_job *p)
{
    json_t *result =
        json_pack("{s:f, s:f, s:i, s:s, s:s?}", "latency_s", p->measured_s,
                  "latency_mad_s", p->mad_s, "samples", p->samples, "kernel_source",
                  p->source, "unmet", p->unmet[0] ? p->unmet : NULL);
    return result && json_object_set_new(object, "result", result) == 0;
}

static json_t *point_json(const cli_session *cli, const cli_plan *plan, const cli_job *p)
{
    sc_buf repro = {0};
    cli_plan_repro(cli, plan, p, &repro);
    json_t *object = config_json(cli->op, &plan->config[p->config]);
    json_t *more =
        json_pack("{s:s, s:o, s:o, s:s, s:I, s:f, s:f, s:s, s:s?, s:s?, s:s}", "phase",
                  sol_phase_name(p->phase), "b", number(p->at.b), "s", number(p->at.s),
                  "cache", p->cold ? "cold" : "hot", "memory_B", (json_int_t)p->need_B,
                  "expected_s", p->latency_s, "cost_s", p->cost_s, "state",
                  state_name(p->state), "why", p->why[0] ? p->why : NULL, "code",
                  p->why[0] ? sc_code_name(p->code) : NULL, "repro", sc_buf_text(&repro));
    bool ok = object && more && !repro.failed && json_object_update(object, more) == 0 &&
              (p->state != CLI_MEASURED || add_result(object, p));
    sc_buf_free(&repro);
    json_decref(more);
    if (ok)
        return object;
    json_decref(object);
    return NULL;
}

static json_t *plan_json(const cli_session *cli, const cli_plan *plan)
{
    json_t *points = json_array();
    for (size_t i = 0; i < plan->n && points; i++) {
        const cli_job *p = &plan->point[i];
        if (p->state != CLI_OTHER_SHARD &&
            json_array_append_new(points, point_json(cli, plan, p)) != 0) {
            json_decref(points);
            points = NULL;
        }
    }
    json_t *count = json_object();
    for (int s = 0; s < CLI_N_JOB_STATES && count; s++)
        json_object_set_new(
            count, state_name((cli_job_state)s),
            json_integer((json_int_t)cli_plan_count(plan, (cli_job_state)s)));
    return json_pack("{s:s, s:s, s:o, s:f, s:i, s:i, s:o}", "op", cli->op->name, "system",
                     cli->system->name, "count", count, "seconds_left",
                     cli_plan_seconds(plan), "shard", plan->shard, "shards",
                     plan->n_shards, "points", points);
}

sc_status cli_plan_report(cli_session *cli, const cli_plan *plan)
{
    sc_buf out = {0};
    sc_status status = cli_json_dump(plan_json(cli, plan), &out, &cli->diag);
    if (status == SC_OK)
        status = cli_print(cli, &out);
    sc_buf_free(&out);
    return status;
}

sc_status cli_plan_print(cli_session *cli, const cli_plan *plan)
{
    sc_buf out = {0};
    if (cli_has(&cli->options, CLI_OPT_JSON))
        return cli_plan_report(cli, plan);
    plan_text(cli, plan, &out);
    sc_status status = cli_print(cli, &out);
    sc_buf_free(&out);
    return status;
}
