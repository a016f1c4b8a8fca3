/* Calibration on a scripted device: rates, the power limit, refusals; and on the CPU.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "mock/calibrate.h"

/* A device that takes as long as it is told to. Tensor cores are 30 % slower once they
 * have worked for 0.2 s without a pause that anyone could see: a power limit. */
struct mock_device {
    int refuse_gemm_of, fail_kind; /* a dtype; a kind of probe; -1: none */
    bool refuse_all;
    double gemm_s; /* worked so far */
    int live;
};
struct mock_exec {
    mock_device *dev;
    mock_probe probe;
    double work, rate;
};

static const double rate_of[] = {0, 3.07e12, 2.83e12, 2.91e12, 6.1e13, 4.1e12, 7.5e14};
enum { STREAM, NODE, REPLAY };
static const double floor_s[] = {2.31e-6, 1.17e-6, 3.9e-6};

static sc_status s_probe(mock_device *dev, const mock_probe *p, mock_exec **out,
                         double *work, sc_diag *diag)
{
    bool gemm = p->kind == MOCK_PROBE_GEMM;
    if (dev->refuse_all || (gemm && (int)p->dtype == dev->refuse_gemm_of))
        return sc_diag_fail(diag, SC_EUNABLE, SC3005, "no %s here",
                            sol_dtype_name(p->dtype));
    if ((int)p->kind == dev->fail_kind)
        return sc_diag_fail(diag, SC_EGPU, SC3003, "an illegal address");
    if (gemm && p->m > 10000)
        return sc_diag_fail(diag, SC_ENOMEM, SC3004, "no room");
    mock_exec *exec = calloc(1, sizeof *exec);
    *exec = (mock_exec){dev, *p, 1e9, rate_of[p->kind]};
    if (p->kind == MOCK_PROBE_READ || p->kind == MOCK_PROBE_WRITE ||
        p->kind == MOCK_PROBE_COPY)
        exec->work = (double)p->size_B * p->passes;
    if (p->kind == MOCK_PROBE_READ && p->passes > 1) /* L2: the larger one is slower */
        exec->rate = p->size_B > 10 << 20 ? 6.6e12 : 7.7e12;
    if (gemm) {
        exec->work = 2.0 * (double)p->m * (double)p->n * (double)p->k;
        exec->rate = rate_of[p->kind] + (p->n == 8448 && p->k == 8192 ? 1e13 : 0);
    }
    dev->live++;
    *work = p->kind == MOCK_PROBE_EMPTY ? 0 : exec->work;
    *out = exec;
    return SC_OK;
}

static sc_status s_time(mock_exec *exec, mock_launch launch, int n, double *seconds,
                        sc_diag *diag)
{
    (void)diag;
    if (exec->probe.kind == MOCK_PROBE_EMPTY)
        *seconds = launch == MOCK_EAGER ? n * floor_s[STREAM]
                                        : floor_s[REPLAY] + n * floor_s[NODE];
    else
        *seconds = n * exec->work / exec->rate;
    if (exec->probe.kind == MOCK_PROBE_GEMM) {
        if (exec->dev->gemm_s > 0.2)
            *seconds /= 0.7;
        exec->dev->gemm_s += *seconds;
    }
    return SC_OK;
}

static void s_release(mock_exec *exec)
{
    if (!exec)
        return;
    exec->dev->live--;
    exec->dev->gemm_s = 0;
    free(exec);
}

static const char *s_source(const mock_exec *exec)
{
    (void)exec;
    return "scripted";
}

static sc_status s_available(mock_device *dev, size_t *free_B, sc_diag *diag)
{
    (void)dev, (void)diag;
    *free_B = (size_t)80e9;
    return SC_OK;
}

static sc_status s_telemetry(mock_device *dev, mock_telemetry *out, sc_diag *diag)
{
    (void)diag;
    *out = dev->gemm_s > 0.2 ? (mock_telemetry){1.305e9, 2.619e9, 699.1, 700, 4, NAN, NAN}
                             : (mock_telemetry){1.98e9, 2.619e9, 311.7, 700, 0, NAN, NAN};
    return SC_OK;
}

static void s_range(const char *name)
{
    (void)name;
}

static void s_end(void)
{
}

static const mock_device_ops scripted = {.abi = MOCK_ABI,
                                         .kind = "cuda",
                                         .available = s_available,
                                         .release = s_release,
                                         .source = s_source,
                                         .time = s_time,
                                         .probe = s_probe,
                                         .telemetry = s_telemetry,
                                         .range_push = s_range,
                                         .range_pop = s_end};
static const mock_device_info info = {.kind = "cuda", .l2_B = 50 << 20};
static int n_emitted;

static void count(void *user, mock_ceiling which, const mock_reading *reading)
{
    cr_assert_eq((int)which, n_emitted, "out of order");
    cr_assert(isfinite(reading->value) || reading->why[0]);
    n_emitted++;
    (void)user;
}

static sc_status calibrate(mock_device *dev, mock_reading *out, sc_diag *diag)
{
    mock_calibrate_options options;
    mock_calibrate_defaults(&info, &options);
    options.pause_s = 0;
    n_emitted = 0;
    sc_status status =
        mock_calibrate(&scripted, dev, &info, &options, count, NULL, out, diag);
    cr_assert_eq(dev->live, 0, "%d probes were not released", dev->live);
    return status;
}

static void near(const mock_reading *r, double want)
{
    cr_assert(fabs(r->value - want) <= 1e-9 * want, "%.12g, wanted %.12g (%s)", r->value,
              want, r->why);
}

Test(calibrate, every_ceiling_and_the_floor)
{
    mock_device dev = {.refuse_gemm_of = SOL_FP8, .fail_kind = -1};
    mock_reading r[MOCK_N_CEILINGS];
    cr_assert_eq(calibrate(&dev, r, NULL), SC_OK);
    cr_assert_eq(n_emitted, MOCK_N_CEILINGS);
    near(&r[MOCK_CEILING_LAUNCH], 2.31e-6);
    near(&r[MOCK_CEILING_GRAPH_NODE], 1.17e-6);
    near(&r[MOCK_CEILING_GRAPH_REPLAY], 3.9e-6);
    near(&r[MOCK_CEILING_DRAM_READ], 3.07e12);
    near(&r[MOCK_CEILING_DRAM_WRITE], 2.83e12);
    near(&r[MOCK_CEILING_DRAM_COPY], 2.91e12);
    near(&r[MOCK_CEILING_DRAM], 3.07e12);
    near(&r[MOCK_CEILING_L2], 7.7e12);
    near(&r[MOCK_CEILING_CUDA_FP32], 6.1e13);
    near(&r[MOCK_CEILING_EXP], 4.1e12);
    cr_assert_not_null(strstr(r[MOCK_CEILING_DRAM_READ].how, "MB"));
}

/* Burst and sustained differ by the power limit, are of the same shape, and say with what
 * clock; a shape without room is passed over; a dtype that is refused has the reason. */
Test(calibrate, tensor_rates_in_bursts_and_at_the_power_limit)
{
    mock_device dev = {.refuse_gemm_of = SOL_FP8, .fail_kind = -1};
    mock_reading r[MOCK_N_CEILINGS];
    cr_assert_eq(calibrate(&dev, r, NULL), SC_OK);
    const mock_reading *burst = &r[MOCK_CEILING_BF16], *lasting = burst + 1;
    near(burst, 7.6e14);
    near(lasting, 0.7 * 7.6e14);
    cr_assert_not_null(strstr(burst->how, "8192 x 8448 x 8192"), "%s", burst->how);
    cr_assert_str_eq(burst->how, lasting->how);
    cr_assert_eq(burst->telemetry.sm_clock_hz, 1.98e9);
    cr_assert_eq(lasting->telemetry.sm_clock_hz, 1.305e9);
    cr_assert_eq(lasting->telemetry.throttle, 4);
    cr_assert_geq(burst->samples, 5);
    cr_assert(isnan(r[MOCK_CEILING_FP8].value) && isnan(r[MOCK_CEILING_FP8_LONG].value));
    cr_assert_str_eq(r[MOCK_CEILING_FP8].why, "no fp8 here");
}

Test(calibrate, nothing_measured_is_an_error)
{
    mock_device dev = {.refuse_all = true, .fail_kind = -1};
    mock_reading r[MOCK_N_CEILINGS];
    sc_diag diag = {0};
    cr_assert_eq(calibrate(&dev, r, &diag), SC_EUNABLE);
    cr_assert_eq(diag.code, SC3017);
    mock_floor floor = {0};
    cr_assert_eq(mock_floor_measure(&scripted, &dev, &floor, NULL), SC_OK);
    cr_assert(isnan(floor.stream_s) && isnan(floor.node_s) && isnan(floor.replay_s));
}

Test(calibrate, a_broken_device_ends_it)
{
    static const int kind[] = {MOCK_PROBE_EMPTY, MOCK_PROBE_COPY, MOCK_PROBE_EXP,
                               MOCK_PROBE_GEMM};
    for (int i = 0; i < 4; i++) {
        mock_device dev = {.refuse_gemm_of = -1, .fail_kind = kind[i]};
        mock_reading r[MOCK_N_CEILINGS];
        sc_diag diag = {0};
        cr_assert_eq(calibrate(&dev, r, &diag), SC_EGPU, "kind %d", kind[i]);
        cr_assert_eq(diag.code, SC3003);
    }
}

/* For real: what a CPU of this century does, to within a factor of a thousand. */
Test(calibrate, the_cpu_device)
{
    const mock_device_ops *ops;
    mock_device *dev;
    mock_device_info cpu;
    mock_calibrate_options options;
    mock_reading r[MOCK_N_CEILINGS];
    cr_assert_eq(mock_device_open("cpu", &ops, &dev, &cpu, NULL), SC_OK);
    mock_calibrate_defaults(&cpu, &options);
    options.burst_s = 2e-3;
    options.memory_B = (size_t)64 << 20;
    cpu.l2_B = 4 << 20;
    cr_assert_eq(mock_calibrate(ops, dev, &cpu, &options, NULL, NULL, r, NULL), SC_OK);
    for (int i = 0; i < MOCK_N_CEILINGS; i++) {
        const char *unit = mock_ceiling_describe((mock_ceiling)i)->unit;
        if (isnan(r[i].value)) {
            cr_assert_gt(strlen(r[i].why), 0);
            continue;
        }
        bool time = strcmp(unit, "s") == 0;
        cr_assert(r[i].value > (time ? 1e-10 : 1e7) && r[i].value < (time ? 1e-2 : 1e14),
                  "%s: %g %s", mock_ceiling_describe((mock_ceiling)i)->text, r[i].value,
                  unit);
    }
    cr_assert(r[MOCK_CEILING_DRAM_READ].value > 0 && r[MOCK_CEILING_CUDA_FP32].value > 0);
    cr_assert(isnan(r[MOCK_CEILING_BF16].value));
    cr_assert_not_null(strstr(r[MOCK_CEILING_BF16].why, "no tensor cores"));
    ops->close(dev);
}
