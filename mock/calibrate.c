/* solcheck - measured ceilings: what a device reaches at most, and its launch floor.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "mock/calibrate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mock/bench.h"

const mock_ceiling_info *mock_ceiling_describe(mock_ceiling which)
{
    static const mock_ceiling_info list[MOCK_N_CEILINGS] = {
#define X(id, text, unit, section, entry, key) {text, unit, section, entry, key},
        MOCK_CEILING_LIST(X)
#undef X
    };
    return &list[which];
}

void mock_calibrate_defaults(const mock_device_info *info,
                             mock_calibrate_options *options)
{
    bool cpu = strcmp(info->kind, "cpu") == 0;
    *options = (mock_calibrate_options){.burst_s = cpu ? 0.1 : 0.04,
                                        .pause_s = cpu ? 0 : 0.4,
                                        .sustained_s = cpu ? 0.1 : 1.5,
                                        .memory_B = (size_t)1 << (cpu ? 28 : 32)};
}

typedef struct calibration {
    const mock_device_ops *ops;
    mock_device *dev;
    const mock_device_info *info;
    const mock_calibrate_options *options;
    mock_reading_fn *emit;
    void *user;
    mock_reading *out;
} calibration;

static void pause_for(double seconds)
{
    const struct timespec pause = {.tv_sec = (time_t)seconds,
                                   .tv_nsec = (long)(1e9 * (seconds - floor(seconds)))};
    nanosleep(&pause, NULL);
}

/* ---- the launch floor ---- */

#define FLOOR_NODES 1024 /* above 1 ms for 1 us each */
#define FLOOR_SAMPLES 15

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median, and median absolute deviation over it. */
static void summarise(double *value, int n, mock_reading *out)
{
    double deviation[FLOOR_SAMPLES];
    qsort(value, (size_t)n, sizeof *value, by_value);
    out->value = n % 2 ? value[n / 2] : (value[n / 2 - 1] + value[n / 2]) / 2;
    for (int i = 0; i < n; i++)
        deviation[i] = fabs(value[i] - out->value);
    qsort(deviation, (size_t)n, sizeof *deviation, by_value);
    out->noise = deviation[n / 2] / out->value;
    out->samples = n;
}

/* One sample of each: launches into a stream; a graph of FLOOR_NODES and one of 1, of
 * which the difference is the other nodes and the rest the replay. */
static sc_status floor_sample(const mock_device_ops *ops, mock_exec *empty,
                              double sample[3], sc_diag *diag)
{
    double stream = 0, many = 0, one = 0;
    sc_status status = ops->time(empty, MOCK_EAGER, FLOOR_NODES, &stream, diag);
    if (!status)
        status = ops->time(empty, MOCK_GRAPH, FLOOR_NODES, &many, diag);
    if (!status)
        status = ops->time(empty, MOCK_GRAPH, 1, &one, diag);
    sample[0] = stream / FLOOR_NODES;
    sample[1] = (many - one) / (FLOOR_NODES - 1);
    sample[2] = one - sample[1];
    return status;
}

static void no_reading(mock_reading *r, const char *why)
{
    *r = (mock_reading){.value = NAN, .noise = NAN};
    snprintf(r->why, sizeof r->why, "%.190s", why);
}

static void read_telemetry(const mock_device_ops *ops, mock_device *dev,
                           mock_telemetry *out)
{
    if (ops->telemetry(dev, out, NULL))
        *out = MOCK_NO_TELEMETRY;
}

/* out[3]: stream, node, replay. */
static sc_status measure_floor(const mock_device_ops *ops, mock_device *dev,
                               mock_reading out[3], sc_diag *diag)
{
    double value[3][FLOOR_SAMPLES], sample[3], work;
    mock_exec *empty = NULL;
    mock_probe probe = {.kind = MOCK_PROBE_EMPTY};
    sc_status status = ops->probe(dev, &probe, &empty, &work, diag);
    if (!status) /* graphs are made, clocks come up */
        status = floor_sample(ops, empty, sample, diag);
    for (int i = 0; i < FLOOR_SAMPLES && !status; i++) {
        status = floor_sample(ops, empty, sample, diag);
        for (int k = 0; k < 3; k++)
            value[k][i] = sample[k];
    }
    ops->release(empty);
    if (status)
        return status;
    for (int k = 0; k < 3; k++) {
        out[k] = (mock_reading){.value = NAN};
        summarise(value[k], FLOOR_SAMPLES, &out[k]);
        snprintf(out[k].how, sizeof out[k].how,
                 k == 0   ? "empty kernel, %d launches into a stream"
                 : k == 1 ? "empty kernel, graphs of %d and of 1"
                          : "empty kernel, graph of 1 less its node (graphs of %d and 1)",
                 FLOOR_NODES);
        if (!(out[k].value > 0)) /* below what the timer resolves */
            no_reading(&out[k], "not above the resolution of the timer");
        read_telemetry(ops, dev, &out[k].telemetry);
    }
    return SC_OK;
}

/* Refusals are readings; true errors end the calibration. */
static bool refused(sc_status status)
{
    return status == SC_EUNABLE;
}

sc_status mock_floor_measure(const mock_device_ops *ops, mock_device *dev,
                             mock_floor *out, sc_diag *diag)
{
    mock_reading r[3];
    sc_diag why;
    sc_diag_clear(&why);
    sc_status status = measure_floor(ops, dev, r, &why);
    if (refused(status)) {
        *out = (mock_floor){NAN, NAN, NAN};
        return SC_OK;
    }
    if (status) {
        if (diag)
            *diag = why;
        return status;
    }
    *out = (mock_floor){r[0].value, r[1].value, r[2].value};
    return SC_OK;
}

static sc_status calibrate_floor(calibration *run, sc_diag *diag)
{
    sc_diag why;
    sc_diag_clear(&why);
    mock_reading *r = &run->out[MOCK_CEILING_LAUNCH];
    sc_status status = measure_floor(run->ops, run->dev, r, &why);
    for (int i = 0; i < 3 && refused(status); i++)
        no_reading(&r[i], why.message);
    if (status && !refused(status)) {
        if (diag)
            *diag = why;
        return status;
    }
    for (int i = 0; i < 3 && run->emit; i++)
        run->emit(run->user, MOCK_CEILING_LAUNCH + (mock_ceiling)i, &r[i]);
    return SC_OK;
}

/* ---- rates ---- */

/* A probe is timed as a layer is. */
static sc_status time_probe(const calibration *run, mock_exec *exec,
                            const mock_timing_options *options, mock_timing *out,
                            sc_diag *diag)
{
    static const mock_class as_class = {.name = "calibrate"};
    mock_bench bench = {.cls = &as_class, .ops = run->ops, .dev = run->dev, .exec = exec};
    return mock_bench_time(&bench, options, out, diag);
}

static mock_timing_options burst_options(const calibration *run)
{
    mock_timing_options o;
    mock_timing_defaults(&o);
    o.warmup = 2;
    o.max_time_s = run->options->burst_s;
    o.max_samples = 40;
    return o;
}

static mock_timing_options sustained_options(const calibration *run)
{
    mock_timing_options o = burst_options(run);
    o.warm_s = run->options->sustained_s;
    o.stop = MOCK_STOP_TIME;
    o.max_time_s = run->options->sustained_s / 3;
    o.min_batch_s = fmin(1e-2, o.max_time_s / 10);
    o.max_samples = MOCK_MAX_SAMPLES;
    o.max_backoff_s = 0; /* the power limit is what is asked for */
    return o;
}

static void take_timing(const mock_timing *t, double work, mock_reading *out)
{
    *out = (mock_reading){.value = work / t->median_s,
                          .noise = t->mad_s / t->median_s,
                          .samples = t->n,
                          .telemetry = t->telemetry};
}

static void describe_probe(const mock_probe *p, const mock_timing *t, double work,
                           mock_reading *out)
{
    switch (p->kind) {
    case MOCK_PROBE_GEMM:
        snprintf(out->how, sizeof out->how, "%s, %s, %lld x %lld x %lld", t->source,
                 sol_dtype_name(p->dtype), (long long)p->m, (long long)p->n,
                 (long long)p->k);
        return;
    case MOCK_PROBE_READ:
    case MOCK_PROBE_WRITE:
    case MOCK_PROBE_COPY:
        snprintf(out->how, sizeof out->how, "%s, %.4g MB", t->source,
                 work / (p->kind == MOCK_PROBE_READ ? p->passes : 1) / 1e6);
        return;
    case MOCK_PROBE_FMA:
    case MOCK_PROBE_EXP:
    case MOCK_PROBE_EMPTY:
        break;
    }
    snprintf(out->how, sizeof out->how, "%s, %s", t->source, sol_dtype_name(p->dtype));
}

/* The burst rate of one probe; *sustained too, unless NULL. */
static sc_status measure_probe(const calibration *run, const mock_probe *p,
                               mock_reading *burst, mock_reading *sustained,
                               sc_diag *diag)
{
    mock_exec *exec = NULL;
    mock_timing t;
    double work = 0;
    sc_status status = run->ops->probe(run->dev, p, &exec, &work, diag);
    mock_timing_options options = burst_options(run);
    if (!status && burst) {
        pause_for(run->options->pause_s);
        status = time_probe(run, exec, &options, &t, diag);
    }
    if (!status && burst) {
        take_timing(&t, work, burst);
        describe_probe(p, &t, work, burst);
    }
    options = sustained_options(run);
    if (!status && sustained)
        status = time_probe(run, exec, &options, &t, diag);
    if (!status && sustained) {
        take_timing(&t, work, sustained);
        describe_probe(p, &t, work, sustained);
    }
    run->ops->release(exec);
    return status;
}

/* The best of n probes into *best; sustained of the best one, unless NULL. */
static sc_status best_of(const calibration *run, const mock_probe *probe, int n,
                         mock_reading *best, mock_reading *sustained, sc_diag *diag)
{
    int chosen = -1;
    sc_diag why;
    sc_diag_clear(&why);
    no_reading(best, "");
    for (int i = 0; i < n; i++) {
        mock_reading reading;
        sc_status status = measure_probe(run, &probe[i], &reading, NULL, &why);
        if (status && !refused(status) && status != SC_ENOMEM) {
            if (diag)
                *diag = why;
            return status;
        }
        if (!status && (chosen < 0 || reading.value > best->value)) {
            *best = reading;
            chosen = i;
        }
    }
    if (chosen < 0) {
        no_reading(best, why.message);
        if (sustained)
            no_reading(sustained, why.message);
        return SC_OK;
    }
    return sustained ? measure_probe(run, &probe[chosen], NULL, sustained, diag) : SC_OK;
}

static sc_status calibrate_one(calibration *run, mock_ceiling which, mock_ceiling more,
                               const mock_probe *probe, int n, sc_diag *diag)
{
    bool two = more != which;
    sc_status status =
        best_of(run, probe, n, &run->out[which], two ? &run->out[more] : NULL, diag);
    if (!status && run->emit) {
        run->emit(run->user, which, &run->out[which]);
        if (two)
            run->emit(run->user, more, &run->out[more]);
    }
    return status;
}

/* ---- memory ---- */

static sc_status calibrate_dram(calibration *run, sc_diag *diag)
{
    static const mock_probe_kind kind[] = {MOCK_PROBE_READ, MOCK_PROBE_WRITE,
                                           MOCK_PROBE_COPY};
    size_t free_B = 0, size_B = run->options->memory_B;
    sc_status status = run->ops->available(run->dev, &free_B, diag);
    size_B = size_B < free_B / 4 ? size_B : free_B / 4;
    mock_reading *best = &run->out[MOCK_CEILING_DRAM];
    no_reading(best, "the memory that is free is no larger than the cache");
    for (int i = 0; i < 3 && !status; i++) {
        mock_ceiling which = MOCK_CEILING_DRAM_READ + (mock_ceiling)i;
        mock_probe probe = {.kind = kind[i], .size_B = size_B, .passes = 1};
        no_reading(&run->out[which], best->why);
        if ((double)size_B < 4 * (double)run->info->l2_B)
            continue; /* that would be the cache */
        status = calibrate_one(run, which, which, &probe, 1, diag);
        if (!status && !(run->out[which].value <= best->value))
            *best = run->out[which];
    }
    if (!status && run->emit)
        run->emit(run->user, MOCK_CEILING_DRAM, best);
    return status;
}

/* A sixth and a third of the cache: lines of another kernel and the cache's own halves
 * leave less room than its size says. */
static sc_status calibrate_l2(calibration *run, sc_diag *diag)
{
    size_t l2_B = (size_t)run->info->l2_B;
    mock_probe probe[] = {{.kind = MOCK_PROBE_READ, .size_B = l2_B / 6, .passes = 64},
                          {.kind = MOCK_PROBE_READ, .size_B = l2_B / 3, .passes = 64}};
    if (l2_B > 0)
        return calibrate_one(run, MOCK_CEILING_L2, MOCK_CEILING_L2, probe, 2, diag);
    no_reading(&run->out[MOCK_CEILING_L2],
               "the device does not tell the size of its cache");
    if (run->emit)
        run->emit(run->user, MOCK_CEILING_L2, &run->out[MOCK_CEILING_L2]);
    return SC_OK;
}

/* ---- arithmetic ---- */

static sc_status calibrate_cores(calibration *run, sc_diag *diag)
{
    const mock_probe probe[] = {{.kind = MOCK_PROBE_FMA, .dtype = SOL_FP32},
                                {.kind = MOCK_PROBE_FMA, .dtype = SOL_BF16},
                                {.kind = MOCK_PROBE_FMA, .dtype = SOL_FP16},
                                {.kind = MOCK_PROBE_EXP, .dtype = SOL_FP32}};
    sc_status status = SC_OK;
    for (int i = 0; i < 4 && !status; i++) {
        mock_ceiling which = MOCK_CEILING_CUDA_FP32 + (mock_ceiling)i;
        status = calibrate_one(run, which, which, &probe[i], 1, diag);
    }
    return status;
}

/* Large products: 2 x 2 waves of 128 x 256 tiles over 132 SMs, and round numbers. */
static sc_status calibrate_tensor(calibration *run, sc_diag *diag)
{
    static const sol_dtype dtype[] = {SOL_BF16, SOL_FP16, SOL_FP8, SOL_INT8};
    static const int64_t shape[][3] = {
        {8192, 8448, 4096}, {8192, 8448, 8192}, {8192, 8192, 8192}, {16384, 8448, 4096}};
    enum { N = sizeof shape / sizeof shape[0] };
    sc_status status = SC_OK;
    for (int d = 0; d < 4 && !status; d++) {
        mock_probe probe[N];
        for (int i = 0; i < N; i++)
            probe[i] = (mock_probe){.kind = MOCK_PROBE_GEMM,
                                    .dtype = dtype[d],
                                    .m = shape[i][0],
                                    .n = shape[i][1],
                                    .k = shape[i][2]};
        mock_ceiling burst = MOCK_CEILING_BF16 + (mock_ceiling)(2 * d);
        status = calibrate_one(run, burst, burst + 1, probe, N, diag);
    }
    return status;
}

sc_status mock_calibrate(const mock_device_ops *ops, mock_device *dev,
                         const mock_device_info *info,
                         const mock_calibrate_options *options, mock_reading_fn *emit,
                         void *user, mock_reading out[MOCK_N_CEILINGS], sc_diag *diag)
{
    calibration run = {ops, dev, info, options, emit, user, out};
    for (int i = 0; i < MOCK_N_CEILINGS; i++)
        no_reading(&out[i], "not reached");
    sc_status status = calibrate_floor(&run, diag);
    if (!status)
        status = calibrate_dram(&run, diag);
    if (!status)
        status = calibrate_l2(&run, diag);
    if (!status)
        status = calibrate_cores(&run, diag);
    if (!status)
        status = calibrate_tensor(&run, diag);
    if (status)
        return status;
    for (int i = 0; i < MOCK_N_CEILINGS; i++)
        if (isfinite(out[i].value) && out[i].value > 0)
            return SC_OK;
    return sc_diag_fail(diag, SC_EUNABLE, SC3017, "nothing could be measured: %s",
                        out[MOCK_CEILING_DRAM_READ].why);
}
