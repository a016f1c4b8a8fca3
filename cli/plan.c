/* solcheck - the plan of a measurement.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/plan.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sol/proof.h"

/* ---- configurations ---- */

sc_status cli_plan_add_config(cli_session *cli, cli_plan *plan, size_t *index)
{
    size_t n = plan->n_configs;
    if ((n & (n - 1)) == 0) { /* full: 0, 1, 2, 4, .. */
        sol_config *more =
            sc_reallocarray(plan->config, n ? 2 * n : 1, sizeof *plan->config);
        if (!more)
            return sc_diag_nomem(&cli->diag);
        plan->config = more;
    }
    sc_status status =
        sol_config_copy(cli->op, &cli->config, &plan->config[n], &cli->diag);
    if (status == SC_OK)
        *index = plan->n_configs++;
    return status;
}

sc_status cli_plan_case(cli_session *cli, const mock_class *cls, const cli_plan *plan,
                        const cli_job *point, mock_case *out)
{
    cli_plan_use(cli, plan, point);
    return cli_make_case(cli, cls, point->phase, point->at.b, point->at.s, out);
}

/* ---- points ---- */

/* What all points of a plan have in common. */
typedef struct maker {
    cli_session *cli;
    const mock_class *cls;
    cli_plan *plan;
    mock_timing_options timing;
    double l2_B; /* that cold points have to outrun */
    cli_speed speed[SOL_N_PHASES];
    bool wants[2]; /* hot, cold */
} maker;

static sc_status leave_out(cli_job *point, sc_diag *why)
{
    point->state = CLI_LEFT_OUT;
    point->code = why->code;
    snprintf(point->why, sizeof point->why, "%.200s", why->message);
    sc_diag_clear(why);
    return SC_OK;
}

/* What the layer cannot run is left out: of a table any point, else what is beyond what a
 * tensor can index. */
static sc_status set_memory(const maker *make, cli_job *point)
{
    mock_case c;
    cli_session *cli = make->cli;
    sc_status status = cli_plan_case(cli, make->cls, make->plan, point, &c);
    if (status == SC_OK)
        status = mock_case_bytes(make->cls, &c, &point->need_B, &cli->diag);
    if (status == SC_EUNABLE || (status == SC_EINVAL && make->plan->table))
        return leave_out(point, &cli->diag);
    return status;
}

/* Copies in rotation: a plan for the memory. The device has the last word. */
static void set_copies(const maker *make, cli_job *point)
{
    sc_diag why;
    sc_diag_clear(&why);
    if (!point->cold || point->state != CLI_TODO)
        return;
    double touched_B = fmin(point->at.bytes_B, (double)point->need_B);
    if (mock_cold_copies(make->l2_B, touched_B, &point->copies, &why))
        leave_out(point, &why);
    else
        point->need_B *= (size_t)point->copies;
}

static sc_status add_job(const maker *make, sol_phase_kind phase, size_t config,
                         const cli_axes *at, bool cold)
{
    cli_job *point = &make->plan->point[make->plan->n++];
    *point =
        (cli_job){.phase = phase, .config = config, .at = *at, .cold = cold, .copies = 1};
    sc_status status = set_memory(make, point);
    set_copies(make, point);
    cli_speed_apply(&make->speed[phase], &make->timing, point);
    return status;
}

static sc_status grow(cli_session *cli, cli_plan *plan, size_t more)
{
    cli_job *point = sc_reallocarray(plan->point, plan->n + more + 1, sizeof *point);
    if (!point)
        return sc_diag_nomem(&cli->diag);
    plan->point = point;
    return SC_OK;
}

/* The point of --set. */
static sc_status set_point(cli_session *cli, const sol_phase *phase, cli_axes **out,
                           size_t *n)
{
    double axis[SOL_MAX_AXES];
    int b = sol_phase_axis_index(phase, "b"), s = sol_phase_axis_index(phase, "s");
    sc_status status = cli_point(cli, CLI_OPT_SET, phase, axis);
    if (status == SC_OK && (b < 0 || s < 0))
        status = sc_diag_fail(&cli->diag, SC_EINVAL, SC3005,
                              "mock layers run over axes b and s; the %s phase lacks one",
                              sol_phase_name(phase->kind));
    cli_axes *at = status == SC_OK ? sc_calloc(1, sizeof *at) : NULL;
    if (status != SC_OK)
        return status;
    if (!at)
        return sc_diag_nomem(&cli->diag);
    *at = (cli_axes){.b = axis[b], .s = axis[s]};
    status = cli_axes_estimate(cli, phase, at, 1);
    if (status != SC_OK) {
        sc_free(at);
        return status;
    }
    *out = at;
    *n = 1;
    return SC_OK;
}

static bool on_cpu(const cli_session *cli)
{
    return strncmp(cli_value(&cli->options, CLI_OPT_DEVICE, "cuda"), "cpu", 3) == 0;
}

static sc_status phase_points(cli_session *cli, const sol_phase *phase, cli_axes **at,
                              size_t *n)
{
    const char *file = cli_value(&cli->options, CLI_OPT_CASES, NULL);
    if (cli_has(&cli->options, CLI_OPT_SET))
        return set_point(cli, phase, at, n);
    if (file)
        return cli_case_points(cli, file, phase, at, n);
    return cli_grid_points(
        cli, phase,
        cli_value(&cli->options, CLI_OPT_GRID, on_cpu(cli) ? "small" : "coarse"), at, n);
}

/* The points of a phase at cli->config. */
static sc_status add_phase(const maker *make, sol_phase_kind phase, size_t config)
{
    cli_axes *at = NULL;
    size_t n = 0;
    sc_status status = phase_points(make->cli, make->cli->op->phase[phase], &at, &n);
    if (status == SC_OK)
        status = grow(make->cli, make->plan, 2 * n);
    for (int cold = 0; cold < 2; cold++)
        for (size_t i = 0; i < n && status == SC_OK && make->wants[cold]; i++)
            status = add_job(make, phase, config, &at[i], cold);
    sc_free(at);
    return status;
}

static sc_status add_tp(const maker *make, double tp)
{
    size_t config;
    sc_status status =
        sol_config_set_tp(make->cli->op, &make->cli->config, tp, &make->cli->diag);
    if (status == SC_OK)
        status = cli_plan_add_config(make->cli, make->plan, &config);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (make->cli->phase[p])
            status = add_phase(make, (sol_phase_kind)p, config);
    return status;
}

static sc_status wrong_tp(cli_session *cli, const char *why, const char *all)
{
    return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "--tp %s, not '%s'", why, all);
}

/* "1,2,4,8" */
static sc_status add_all_tp(const maker *make)
{
    const char *all = cli_value(&make->cli->options, CLI_OPT_TP, "1"), *text = all;
    for (;;) {
        char one[32];
        int64_t tp;
        size_t n = strcspn(text, ",");
        snprintf(one, sizeof one, "%.*s", n < 31 ? (int)n : 31, text);
        if (!sc_parse_int(one, &tp))
            return wrong_tp(make->cli, "wants numbers with commas between", all);
        for (size_t i = 0; i < make->plan->n_configs; i++)
            if (make->plan->config[i].tp == (double)tp)
                return wrong_tp(make->cli, "names every number once", all);
        sc_status status = add_tp(make, (double)tp);
        if (status != SC_OK || !text[n])
            return status;
        text += n + 1;
    }
}

static sc_status add_table(const maker *make)
{
    cli_listed *list = NULL;
    size_t n = 0;
    sc_status status = cli_listed_points(make->cli, make->cls, make->plan, &list, &n);
    if (status == SC_OK)
        status = grow(make->cli, make->plan, 2 * n);
    for (int cold = 0; cold < 2; cold++)
        for (size_t i = 0; i < n && status == SC_OK && make->wants[cold]; i++)
            status = add_job(make, list[i].phase, list[i].config, &list[i].at, cold);
    sc_free(list);
    return status;
}

/* ---- shards ---- */

static sc_status parse_shard(cli_session *cli, cli_plan *plan)
{
    const char *text = cli_value(&cli->options, CLI_OPT_SHARD, "1/1");
    int i, n, used = 0;
    if (sscanf(text, "%d/%d%n", &i, &n, &used) != 2 || text[used] || n < 1 || i < 1 ||
        i > n || n > 100000)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--shard wants I/N with I from 1 to N, not '%s'", text);
    plan->shard = i;
    plan->n_shards = n;
    return SC_OK;
}

typedef struct rank {
    double cost_s;
    size_t index;
} rank;

static int costliest_first(const void *a, const void *b)
{
    const rank *p = a, *q = b;
    if (p->cost_s != q->cost_s)
        return p->cost_s > q->cost_s ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

static sc_status divide(cli_session *cli, cli_plan *plan)
{
    if (plan->n_shards == 1)
        return SC_OK;
    rank *order = sc_calloc(plan->n, sizeof *order);
    double *load = sc_calloc((size_t)plan->n_shards, sizeof *load);
    sc_status status = order && load ? SC_OK : sc_diag_nomem(&cli->diag);
    for (size_t i = 0; i < plan->n && status == SC_OK; i++) /* what is left out is free */
        order[i] = (rank){plan->point[i].state == CLI_TODO ? plan->point[i].cost_s : 0, i};
    if (status == SC_OK)
        qsort(order, plan->n, sizeof *order, costliest_first);
    for (size_t i = 0; i < plan->n && status == SC_OK; i++) {
        int least = 0;
        for (int k = 1; k < plan->n_shards; k++)
            least = load[k] < load[least] ? k : least;
        load[least] += order[i].cost_s;
        if (least + 1 != plan->shard)
            plan->point[order[i].index].state = CLI_OTHER_SHARD;
    }
    sc_free(order);
    sc_free(load);
    return status;
}

/* ---- the plan ---- */

/* A store that is there corrects the costs. One that another process is just making, or that
 * is none, has nothing to tell; whoever writes to it will see. */
static sc_status correct(const maker *make)
{
    col_store *store;
    cli_session *cli = make->cli;
    const char *path = cli_value(&cli->options, CLI_OPT_STORE, NULL);
    if (!path || access(path, F_OK) != 0)
        return SC_OK;
    sc_status status = col_store_open(path, false, &store, &cli->diag);
    if (status == SC_EIO) {
        sc_diag_clear(&cli->diag);
        return SC_OK;
    }
    if (status != SC_OK)
        return status;
    status = cli_speed_correct(cli, store, make->cls, &make->timing, make->plan);
    col_store_close(store);
    return status;
}

/* Does a table hold the points: --points, or --cases with whole shapes? */
static sc_status has_table(cli_session *cli, bool *out)
{
    sc_yaml *doc;
    const char *cases = cli_value(&cli->options, CLI_OPT_CASES, NULL);
    *out = cli_has(&cli->options, CLI_OPT_POINTS);
    if (*out || !cases)
        return SC_OK;
    sc_status status = sc_yaml_load(cases, &doc, &cli->diag);
    if (status == SC_OK) {
        *out = cli_cases_list_shapes(cli, doc);
        sc_yaml_free(doc);
    }
    return status;
}

/* At most one option may say which points. */
static sc_status check_sources(cli_session *cli, bool *table)
{
    static const cli_option source[] = {CLI_OPT_GRID, CLI_OPT_CASES, CLI_OPT_POINTS,
                                        CLI_OPT_SET};
    const cli_options *options = &cli->options;
    const char *first = NULL;
    for (size_t i = 0; i < sizeof source / sizeof *source; i++) {
        const char *name = cli_option_name(source[i]);
        if (!cli_has(options, source[i]))
            continue;
        if (first)
            return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                                "--%s and --%s contradict each other", name, first);
        first = name;
    }
    sc_status status = has_table(cli, table);
    if (status != SC_OK)
        return status;
    if (*table && cli_has(options, CLI_OPT_TP))
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                            "each point that is listed has its tp: --tp contradicts it");
    if (!*table && (cli_has(options, CLI_OPT_WHERE) || cli_has(options, CLI_OPT_SAMPLE)))
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                            "--where and --sample choose points of --points, or of "
                            "--cases that lists shapes");
    return SC_OK;
}

static sc_status set_cache(maker *make)
{
    const char *cache = cli_value(&make->cli->options, CLI_OPT_CACHE, "hot");
    const bool both = strcmp(cache, "both") == 0;
    make->wants[0] = both || strcmp(cache, "hot") == 0;
    make->wants[1] = both || strcmp(cache, "cold") == 0;
    if (make->wants[0] || make->wants[1])
        return SC_OK;
    return sc_diag_fail(&make->cli->diag, SC_EINVAL, SC6001,
                        "--cache is hot, cold or both, not '%s'", cache);
}

/* Zeros toggle no bits: the clock stays up where random numbers would cost power. On an
 * H100 products of 8192^3 zeros are 7 % faster (docs/measure.md). */
static sc_status warn_of_zeros(cli_session *cli)
{
    sc_diag warning;
    mock_inputs inputs;
    sc_status status = cli_inputs(cli, &inputs);
    if (status != SC_OK || inputs != MOCK_INPUTS_ZEROS)
        return status;
    sc_diag_clear(&warning);
    sc_diag_warn(
        &warning, SC3019,
        "inputs are zeros: they cost less power, so that latencies are too good");
    sc_diag_hint(&warning, "leave out --inputs for numbers that stand for real ones");
    return sc_diags_add(&cli->warnings, &warning) == SC_OK ? SC_OK
                                                           : sc_diag_nomem(&cli->diag);
}

/* How --device will be timed, and its cache: of a GPU what the system file says, for it may
 * be another machine's. */
static sc_status set_device(maker *make)
{
    cli_session *cli = make->cli;
    cli_device device = {.info = {.kind = "cuda"}};
    sc_status status =
        mock_device_check(cli_value(&cli->options, CLI_OPT_DEVICE, "cuda"), &cli->diag);
    if (status == SC_OK && on_cpu(cli))
        status = cli_device_open(cli, &device);
    if (status != SC_OK)
        return status;
    make->plan->cpu = on_cpu(cli);
    make->l2_B = on_cpu(cli) ? (double)device.info.l2_B : cli->system->l2_B.value;
    cli_timing_options(cli, &device.info, &make->timing);
    cli_device_close(&device);
    return cli_stopping_options(cli, &make->timing);
}

static sc_status prepare(maker *make)
{
    cli_session *cli = make->cli;
    sc_status status = set_device(make);
    if (status == SC_OK)
        status = warn_of_zeros(cli);
    if (status == SC_OK)
        status = check_sources(cli, &make->plan->table);
    if (status == SC_OK)
        status = set_cache(make);
    if (status == SC_OK)
        status = parse_shard(cli, make->plan);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (cli->phase[p]) {
            status = cli_speed_find(cli, cli->op->phase[p], &make->speed[p]);
            make->plan->guessed[p] = make->speed[p].guessed;
        }
    return status;
}

sc_status cli_plan_make(cli_session *cli, const mock_class *cls, cli_plan *out)
{
    cli_plan plan = {0};
    maker make = {.cli = cli, .cls = cls, .plan = &plan};
    sc_status status = prepare(&make);
    if (status == SC_OK)
        status = plan.table ? add_table(&make) : add_all_tp(&make);
    if (status == SC_OK)
        status = divide(cli, &plan);
    if (status == SC_OK)
        status = correct(&make);
    if (status != SC_OK) {
        cli_plan_clear(&plan);
        return status;
    }
    *out = plan;
    return SC_OK;
}

void cli_plan_clear(cli_plan *plan)
{
    for (size_t i = 0; i < plan->n_configs; i++)
        sol_config_clear(&plan->config[i]);
    sc_free(plan->config);
    sc_free(plan->point);
    *plan = (cli_plan){0};
}

size_t cli_plan_count(const cli_plan *plan, cli_job_state state)
{
    size_t n = 0;
    for (size_t i = 0; i < plan->n; i++)
        n += plan->point[i].state == state;
    return n;
}

double cli_plan_seconds(const cli_plan *plan)
{
    double sum = 0;
    for (size_t i = 0; i < plan->n; i++)
        if (plan->point[i].state == CLI_TODO)
            sum += plan->point[i].cost_s;
    return sum;
}
