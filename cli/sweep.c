/* solcheck - running a mock layer over a grid of points.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/sweep.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "collector/record.h"
#include "sol/proof.h"

/* A small grid is for CPUs: some seconds at a few GFLOP/s and GB/s. */
#define SMALL_POINTS 32
#define SMALL_ENOUGH 12  /* points that a fit needs, whatever they cost */
#define SMALL_BUDGET 4e9 /* FLOPs and bytes of one launch of every point */
#define SMALL_PER_X 4    /* iso-token points at one x */

/* ---- device, layer, case ---- */

sc_status cli_device_open(cli_session *cli, cli_device *out)
{
    return mock_device_open(cli_value(&cli->options, CLI_OPT_DEVICE, "cuda"), &out->ops,
                            &out->dev, &out->info, &cli->diag);
}

void cli_device_close(cli_device *device)
{
    if (device->dev)
        device->ops->close(device->dev);
    device->dev = NULL;
}

sc_status cli_find_layer(cli_session *cli, const mock_class **out)
{
    if (!cli->op->layer[0]) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC3010, "op %s names no mock layer",
                     cli->op->name);
        sc_diag_at(&cli->diag, cli->op->path, 0, 0, 0, NULL);
        sc_diag_hint(&cli->diag,
                     "give measurements with --data FILE, or add `layer: NAME`");
        return SC_EINVAL;
    }
    *out = mock_class_find(cli->op->layer);
    if (*out)
        return SC_OK;
    const char *names[16];
    char near[128];
    int n;
    const mock_class *const *all = mock_classes(&n);
    for (int i = 0; i < n && i < 16; i++)
        names[i] = all[i]->name;
    sc_diag_fail(&cli->diag, SC_EINVAL, SC3000, "there is no mock layer '%s'",
                 cli->op->layer);
    if (sc_suggest(cli->op->layer, names, n < 16 ? (size_t)n : 16, near, sizeof near) > 0)
        sc_diag_hint(&cli->diag, "did you mean %s?", near);
    return SC_EINVAL;
}

static sc_status set_case_params(cli_session *cli, const mock_class *cls, mock_case *c)
{
    for (int i = 0; i < cls->n_params; i++) {
        int at = sol_op_param_index(cli->op, cls->param[i].name);
        if (at < 0)
            continue;
        double value = cli->config.param[at];
        if (cli->op->param[at].shard_tp)
            value /= cli->config.tp;
        if (value != floor(value) || value < (double)cls->param[i].lo ||
            value > (double)cls->param[i].hi)
            return sc_diag_fail(
                &cli->diag, SC_EINVAL, SC3005,
                "layer %s cannot run %s = %g (integers from %lld to %lld)", cls->name,
                cls->param[i].name, value, (long long)cls->param[i].lo,
                (long long)cls->param[i].hi);
        c->param[i] = (int64_t)value;
    }
    return SC_OK;
}

sc_status cli_scope(cli_session *cli, mock_scope *out)
{
    const char *text = cli_value(&cli->options, CLI_OPT_SCOPE, "kernel");
    mock_scope scope = MOCK_SCOPE_KERNEL;
    if (strcmp(text, mock_scope_name(MOCK_SCOPE_OP)) == 0)
        scope = MOCK_SCOPE_OP;
    else if (strcmp(text, mock_scope_name(MOCK_SCOPE_KERNEL)) != 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--scope is kernel or op, not '%s'", text);
    *out = scope;
    return SC_OK;
}

sc_status cli_inputs(cli_session *cli, mock_inputs *out)
{
    const char *text = cli_value(&cli->options, CLI_OPT_INPUTS, "normal");
    for (mock_inputs i = 0; i < MOCK_N_INPUTS; i++)
        if (strcmp(text, mock_inputs_name(i)) == 0) {
            *out = i;
            return SC_OK;
        }
    return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                        "--inputs is normal, uniform or zeros, not '%s'", text);
}

sc_status cli_route(cli_session *cli, mock_choice *out)
{
    const char *text = cli_value(&cli->options, CLI_OPT_ROUTE, "auto");
    for (int i = 0; i < MOCK_N_CHOICES; i++)
        if (strcmp(text, mock_choice_name((mock_choice)i)) == 0) {
            *out = (mock_choice)i;
            return SC_OK;
        }
    return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                        "--route is auto, own or cudnn, not '%s'", text);
}

/* A parameter or dtype that the layer does not have must be what the layer does: a
 * sliding window, say, is not measured by a layer that knows of none. */
static sc_status check_features(cli_session *cli, const mock_class *cls)
{
    const sol_op *op = cli->op;
    sol_config plain;
    sc_status status = sol_config_init(op, &plain, &cli->diag);
    if (status != SC_OK)
        return status;
    for (int i = 0; i < cls->n_slots; i++) {
        int at = sol_op_slot_index(op, cls->slot[i]);
        if (at >= 0) {
            plain.slot[at] = cli->config.slot[at];
            plain.slot_given[at] = true;
        }
    }
    sol_config_follow(op, &plain);
    for (int i = 0; i < op->n_params && status == SC_OK; i++)
        if (mock_class_param(cls, op->param[i].name) < 0 &&
            cli->config.param[i] != op->param[i].value)
            status = sc_diag_fail(
                &cli->diag, SC_EUNABLE, SC3005, "layer %s has no %s: it runs %g, not %g",
                cls->name, op->param[i].name, op->param[i].value, cli->config.param[i]);
    for (int i = 0; i < op->n_slots && status == SC_OK; i++)
        if (plain.slot[i] != cli->config.slot[i])
            status =
                sc_diag_fail(&cli->diag, SC_EUNABLE, SC3005,
                             "layer %s has no dtype %s: it runs %s, not %s", cls->name,
                             op->slot[i].name, sol_dtype_name(plain.slot[i]),
                             sol_dtype_name(cli->config.slot[i]));
    sol_config_clear(&plain);
    return status;
}

sc_status cli_make_case(cli_session *cli, const mock_class *cls, sol_phase_kind phase,
                        double b, double s, mock_case *out)
{
    mock_case_init(cls, phase, (int64_t)b, (int64_t)s, out);
    out->seed = cli->seed;
    sc_status status = cli_scope(cli, &out->scope);
    if (status == SC_OK)
        status = cli_inputs(cli, &out->inputs);
    if (status == SC_OK)
        status = cli_route(cli, &out->choice);
    if (status != SC_OK)
        return status;
    for (int i = 0; i < cls->n_slots; i++) {
        int at = sol_op_slot_index(cli->op, cls->slot[i]);
        if (at >= 0)
            out->dtype[i] = cli->config.slot[at];
    }
    status = check_features(cli, cls);
    return status == SC_OK ? set_case_params(cli, cls, out) : status;
}

/* ---- points ---- */

static int by_cost(const void *a, const void *b)
{
    const cli_axes *p = a, *q = b;
    if (p->cost != q->cost)
        return p->cost < q->cost ? -1 : 1;
    if (p->b != q->b)
        return p->b < q->b ? -1 : 1;
    return p->s < q->s ? -1 : p->s > q->s;
}

static bool power_of_two(double v)
{
    int exponent;
    return frexp(v, &exponent) == 0.5;
}

/* Moves the points of a small grid, cheapest first, to the front; returns their number.
 */
static size_t affordable(cli_axes *point, size_t n)
{
    double spent = 0;
    size_t taken = 0;
    for (size_t i = 0; i < n && taken < SMALL_POINTS; i++) {
        int same = 0;
        for (size_t k = 0; k < taken; k++)
            same += point[k].x == point[i].x;
        if (same >= SMALL_PER_X)
            continue;
        spent += point[i].cost;
        if (taken >= SMALL_ENOUGH && spent > SMALL_BUDGET)
            break;
        point[taken++] = point[i];
    }
    return taken;
}

static void set_axis(const sol_phase *phase, const char *name, double *const *axis,
                     size_t i, double value)
{
    int at = sol_phase_axis_index(phase, name);
    if (at >= 0)
        axis[at][i] = value;
}

static sc_status evaluate(cli_session *cli, const sol_phase *phase, size_t n,
                          double *const *axis, sol_bound *bound, double *x)
{
    sol_model *model;
    sc_status status = sol_model_new(cli->op, phase->kind, &cli->config, cli->system,
                                     SOL_ARCHITECTURAL, &model, &cli->diag);
    if (status != SC_OK)
        return status;
    status =
        sol_model_eval(model, n, (const double *const *)axis, bound, NULL, &cli->diag);
    if (status == SC_OK)
        status = sol_model_tokens(model, n, (const double *const *)axis, x, &cli->diag);
    sol_model_free(model);
    return status;
}

sc_status cli_axes_estimate(cli_session *cli, const sol_phase *phase, cli_axes *point,
                            size_t n)
{
    double *axis[SOL_MAX_AXES] = {0};
    sol_bound *bound = sc_calloc(n, sizeof *bound);
    double *x = sc_calloc(n, sizeof *x);
    bool ok = bound && x;
    for (int i = 0; i < phase->n_axes; i++)
        if (!phase->axis[i].optional)
            ok &= (axis[i] = sc_calloc(n, sizeof *axis[i])) != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        set_axis(phase, "b", axis, i, point[i].b);
        set_axis(phase, "s", axis, i, point[i].s);
    }
    sc_status status =
        ok ? evaluate(cli, phase, n, axis, bound, x) : sc_diag_nomem(&cli->diag);
    for (size_t i = 0; i < n && status == SC_OK; i++) {
        point[i].x = x[i];
        point[i].cost = bound[i].flop + bound[i].bytes_B;
        point[i].sol_s = bound[i].sol_hot_s;
        point[i].bytes_B = bound[i].bytes_B;
    }
    for (int i = 0; i < phase->n_axes; i++)
        sc_free(axis[i]);
    sc_free(bound);
    sc_free(x);
    return status;
}

/* Filters the admissible grid down to the asked kind: full keeps all of it, coarse the
 * powers of two, small the cheapest of those. Returns points by rising cost. */
static sc_status choose(cli_session *cli, const sol_phase *phase, const char *kind,
                        cli_axes **out, size_t *n_out)
{
    double *axis[SOL_MAX_AXES] = {0};
    size_t n = 0, kept = 0;
    int b = sol_phase_axis_index(phase, "b"), s = sol_phase_axis_index(phase, "s");
    sc_status status = sol_grid(cli->op, phase, &cli->config, axis, &n, &cli->diag);
    if (status != SC_OK)
        return status;
    cli_axes *point = sc_calloc(n, sizeof *point);
    bool full = strcmp(kind, "full") == 0;
    for (size_t i = 0; i < n && point; i++)
        if (full || (power_of_two(axis[b][i]) && power_of_two(axis[s][i])))
            point[kept++] = (cli_axes){.b = axis[b][i], .s = axis[s][i]};
    for (int i = 0; i < phase->n_axes; i++)
        sc_free(axis[i]);
    status =
        point ? cli_axes_estimate(cli, phase, point, kept) : sc_diag_nomem(&cli->diag);
    if (status != SC_OK) {
        sc_free(point);
        return status;
    }
    qsort(point, kept, sizeof *point, by_cost);
    *out = point;
    *n_out = strcmp(kind, "small") == 0 ? affordable(point, kept) : kept;
    return SC_OK;
}

sc_status cli_grid_points(cli_session *cli, const sol_phase *phase, const char *kind,
                          cli_axes **out, size_t *n)
{
    if (strcmp(kind, "small") && strcmp(kind, "coarse") && strcmp(kind, "full"))
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--grid is small, coarse or full, not '%s'", kind);
    if (sol_phase_axis_index(phase, "b") < 0 || sol_phase_axis_index(phase, "s") < 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC3005,
                            "mock layers run over axes b and s; the %s phase lacks one",
                            sol_phase_name(phase->kind));
    return choose(cli, phase, kind, out, n);
}

/* ---- running ---- */

#define VERIFY_FLOP 1e9 /* a second of double-precision loops */

/* As many rows as the reference has time for, the first and the last at least. */
static sc_status verify_rows(cli_session *cli, sol_phase_kind phase, int64_t *out)
{
    cli_axes at = {.b = 3, .s = 70};
    sc_status status = cli_axes_estimate(cli, cli->op->phase[phase], &at, 1);
    if (status == SC_OK)
        *out = (int64_t)fmax(2, fmin(CLI_VERIFY_ROWS, VERIFY_FLOP / at.cost * at.x));
    return status;
}

sc_status cli_verify_layer(cli_session *cli, const cli_device *device,
                           const mock_class *cls, sol_phase_kind phase)
{
    static const int64_t lengths[] = {70, 1, 65};
    mock_case c;
    mock_bench *bench;
    mock_compare compare;
    sc_diag *diag = &cli->diag;
    int64_t rows;
    sc_status status = cli_make_case(cli, cls, phase, 3, 70, &c);
    if (status == SC_OK)
        status = verify_rows(cli, phase, &rows);
    if (status != SC_OK)
        return status;
    if (cls->reduce)
        cls->reduce(&c);
    c.lengths = lengths;
    if (c.inputs == MOCK_INPUTS_ZEROS) /* on which every layer is right */
        c.inputs = MOCK_INPUTS_NORMAL;
    status = mock_bench_new(cls, &c, device->ops, device->dev, &bench, diag);
    if (status != SC_OK)
        return status;
    status = mock_bench_compare(bench, rows, &compare, diag);
    mock_bench_free(bench);
    if (status != SC_OK || mock_compare_ok(&compare))
        return status;
    return sc_diag_fail(diag, SC_EGPU, SC3007,
                        "layer %s, %s phase: %lld of %lld elements differ from the "
                        "reference, by up to %.3g tolerances; nothing was timed",
                        cls->name, sol_phase_name(phase), (long long)compare.n_bad,
                        (long long)compare.n, compare.worst);
}

static void fill_timing(const mock_timing *t, col_record *r)
{
    r->kernel_source = t->source;
    r->latency_s = t->median_s;
    r->mean_s = t->mean_s;
    r->min_s = t->min_s;
    r->max_s = t->max_s;
    r->mad_s = t->mad_s;
    r->samples = t->n;
    r->batch = t->batch;
    r->unmet = t->unmet;
    r->floor_s = t->floor_s;
    r->launch = t->launch == MOCK_GRAPH ? "graph" : "eager";
    r->sm_clock_hz = t->telemetry.sm_clock_hz;
    r->mem_clock_hz = t->telemetry.mem_clock_hz;
    r->throttle = t->telemetry.throttle;
    r->power_W = t->telemetry.power_W;
    r->power_limit_W = t->telemetry.power_limit_W;
}

void cli_fill_record(const cli_session *cli, const mock_device_info *info,
                     const mock_class *cls, const mock_case *c, const mock_timing *t,
                     col_record *r)
{
    memset(r, 0, sizeof *r);
    r->floor_s = r->wall_s = NAN;
    r->framework = "solcheck";
    r->version = PACKAGE_VERSION;
    r->device = info->name;
    r->op_name = cls->name;
    for (int i = 0; i < cls->n_params; i++)
        if (cls->param[i].key) {
            r->param[r->n_params] = cls->param[i].name;
            r->value[r->n_params++] = (double)c->param[i];
        }
    for (int i = 0; i < cls->n_slots; i++) {
        r->slot[r->n_slots] = cls->slot[i];
        r->dtype[r->n_slots++] = c->dtype[i];
    }
    r->phase = c->phase;
    r->b = (double)c->b;
    r->s = (double)c->s;
    r->tp = cli->config.tp;
    r->cache = "hot"; /* repeated over one buffer */
    r->scope = mock_scope_name(c->scope);
    r->inputs = mock_inputs_name(c->inputs);
    r->route = mock_choice_name(c->choice);
    if (t)
        fill_timing(t, r);
}

void cli_timing_options(const cli_session *cli, const mock_device_info *info,
                        mock_timing_options *timing)
{
    mock_timing_defaults(timing);
    timing->timer_s = info->timer_s;
    timing->allow_graph_fail = cli_has(&cli->options, CLI_OPT_GRAPH_FAIL);
    timing->max_time_s = 0.1; /* a grid of a thousand points in two minutes */
    timing->warmup = 3;
    if (strcmp(info->kind, "cpu") != 0)
        return;
    timing->warmup = 1; /* a small grid in seconds, also where a launch lasts 0.1 s */
    timing->min_samples = 5;
    timing->max_samples = 15;
    timing->min_batch_s = 2e-4;
    timing->max_time_s = 0.1;
}

/* A number in [lo, hi], or the value there was. */
static sc_status limited(cli_session *cli, cli_option option, const char *name, double lo,
                         double hi, double *value)
{
    const char *text = cli_value(&cli->options, option, NULL);
    double read;
    if (!text)
        return SC_OK;
    sc_status status = cli_number(cli, name, text, &read);
    if (status == SC_OK && !(read >= lo && read <= hi))
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--%s is from %g to %g, not %s", name, lo, hi, text);
    if (status == SC_OK)
        *value = read;
    return status;
}

sc_status cli_stopping_options(cli_session *cli, mock_timing_options *timing)
{
    static const char *const rule[] = {"noise", "time", "entropy"};
    const char *stop = cli_value(&cli->options, CLI_OPT_STOP, "noise");
    double noise = 100 * timing->noise, samples = timing->min_samples;
    double drift;
    int i = 0;
    while (i < 3 && strcmp(stop, rule[i]) != 0)
        i++;
    if (i == 3)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--stop is noise, time or entropy, not '%s'", stop);
    drift = i == MOCK_STOP_ENTROPY ? 5 : 100 * timing->drift;
    sc_status status = limited(cli, CLI_OPT_NOISE, "noise", 1e-3, 50, &noise);
    if (status == SC_OK)
        status = limited(cli, CLI_OPT_DRIFT, "drift", 0, 50, &drift);
    if (status == SC_OK)
        status =
            limited(cli, CLI_OPT_MAX_TIME, "max-time", 1e-4, 3600, &timing->max_time_s);
    if (status == SC_OK)
        status = limited(cli, CLI_OPT_MIN_SAMPLES, "min-samples", 1, MOCK_MAX_SAMPLES,
                         &samples);
    timing->stop = (mock_stop)i;
    if (timing->stop == MOCK_STOP_TIME) /* the samples that there is room for last as long */
        timing->min_batch_s =
            fmax(timing->min_batch_s, 1.1 * timing->max_time_s / MOCK_MAX_SAMPLES);
    timing->noise = noise / 100;
    timing->drift = drift / 100;
    timing->min_samples = (int)samples;
    timing->max_samples = i == MOCK_STOP_TIME                  ? MOCK_MAX_SAMPLES
                          : timing->max_samples > (int)samples ? timing->max_samples
                                                               : (int)samples;
    return status;
}

#define SETTLE_S 3.0

void cli_settle(const cli_device *device)
{
    mock_telemetry seen = {0};
    const struct timespec pause = {.tv_nsec = 100000000};
    double end = sc_now_s() + SETTLE_S;
    for (int calm = 0; calm < 3 && sc_now_s() < end;) {
        if (device->ops->telemetry(device->dev, &seen, NULL) != SC_OK)
            return;
        calm = seen.throttle ? 0 : calm + 1;
        if (!isnan(seen.sm_clock_hz) && seen.sm_clock_hz > 0)
            nanosleep(&pause, NULL);
    }
}
