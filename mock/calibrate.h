/* solcheck - measured ceilings of a device, and its launch floor.
 * Tests: tests/unit/mock/test_calibrate.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CALIBRATE_H
#define SC_MOCK_CALIBRATE_H

#include "mock/device.h"

/* X(id, text, unit, section, entry and key in a system file). In the order in which they
 * are measured. Tensor rates come twice: for some milliseconds after a pause, and once
 * the device has settled at its power limit. */
#define MOCK_CEILING_LIST(X)                                                             \
    X(LAUNCH, "launch, stream", "s", "launch", "", "stream_s")                           \
    X(GRAPH_NODE, "launch, node of a graph", "s", "launch", "", "graph_node_s")          \
    X(GRAPH_REPLAY, "launch, replay of a graph", "s", "launch", "", "graph_replay_s")    \
    X(DRAM_READ, "DRAM read", "B/s", "memory", "", "read_B_s")                           \
    X(DRAM_WRITE, "DRAM write", "B/s", "memory", "", "write_B_s")                        \
    X(DRAM_COPY, "DRAM copy", "B/s", "memory", "", "copy_B_s")                           \
    X(DRAM, "DRAM, best of them", "B/s", "memory", "", "measured_B_s")                   \
    X(L2, "L2 read", "B/s", "l2", "", "measured_B_s")                                    \
    X(CUDA_FP32, "CUDA cores fp32", "FLOP/s", "cuda", "fp32", "measured_flop_s")         \
    X(CUDA_BF16, "CUDA cores bf16", "FLOP/s", "cuda", "bf16", "measured_flop_s")         \
    X(CUDA_FP16, "CUDA cores fp16", "FLOP/s", "cuda", "fp16", "measured_flop_s")         \
    X(EXP, "exponentials", "1/s", "exp", "", "measured_per_s")                           \
    X(BF16, "tensor bf16, burst", "FLOP/s", "tensor", "bf16", "measured_flop_s")         \
    X(BF16_LONG, "tensor bf16, sustained", "FLOP/s", "tensor", "bf16",                   \
      "sustained_flop_s")                                                                \
    X(FP16, "tensor fp16, burst", "FLOP/s", "tensor", "fp16", "measured_flop_s")         \
    X(FP16_LONG, "tensor fp16, sustained", "FLOP/s", "tensor", "fp16",                   \
      "sustained_flop_s")                                                                \
    X(FP8, "tensor fp8, burst", "FLOP/s", "tensor", "fp8", "measured_flop_s")            \
    X(FP8_LONG, "tensor fp8, sustained", "FLOP/s", "tensor", "fp8", "sustained_flop_s")  \
    X(INT8, "tensor int8, burst", "FLOP/s", "tensor", "int8", "measured_flop_s")         \
    X(INT8_LONG, "tensor int8, sustained", "FLOP/s", "tensor", "int8", "sustained_flop_s")

typedef enum mock_ceiling {
#define X(id, text, unit, section, entry, key) MOCK_CEILING_##id,
    MOCK_CEILING_LIST(X)
#undef X
        MOCK_N_CEILINGS
} mock_ceiling;

typedef struct mock_reading {
    double value; /* median, in the unit of the list; NaN: not measured, see why */
    double noise; /* median absolute deviation of the samples over the median */
    int samples;
    char how[160];            /* what ran: kernel, sizes */
    char why[200];            /* not measured: the reason */
    mock_telemetry telemetry; /* after the last sample; throttle bits of any */
} mock_reading;

/* Text, unit and place of a ceiling; static storage. */
typedef struct mock_ceiling_info {
    const char *text, *unit, *section, *entry, *key;
} mock_ceiling_info;
const mock_ceiling_info *mock_ceiling_describe(mock_ceiling which);

/* Seconds that the device needs for nothing: a launch of an empty kernel into a stream
 * that is kept busy, a node of a graph of such kernels, and a replay of a graph beside
 * its nodes. NaN where it could not be measured. */
typedef struct mock_floor {
    double stream_s, node_s, replay_s;
} mock_floor;

/* Takes some milliseconds. Errors: SC_EGPU; a device without probes has no floor, which
 * is no error. */
sc_status mock_floor_measure(const mock_device_ops *ops, mock_device *dev,
                             mock_floor *out, sc_diag *diag);

typedef struct mock_calibrate_options {
    double burst_s;     /* of samples */
    double pause_s;     /* before a burst: the device cools and its clock comes back */
    double sustained_s; /* of work before samples of a sustained rate are taken */
    size_t memory_B;    /* at most, for DRAM */
} mock_calibrate_options;
/* By kind of device: seconds on a GPU, a fraction of one on a CPU. */
void mock_calibrate_defaults(const mock_device_info *info,
                             mock_calibrate_options *options);

/* Called after every reading. */
typedef void mock_reading_fn(void *user, mock_ceiling which, const mock_reading *reading);

/* Measures every ceiling that the device has; out[MOCK_N_CEILINGS]. Each is the best of
 * some sizes. What a device cannot do is NaN, with the reason. emit may be NULL. Errors:
 * SC_EGPU, SC_ENOMEM; SC_EUNABLE SC3017 (nothing was measured). */
sc_status mock_calibrate(const mock_device_ops *ops, mock_device *dev,
                         const mock_device_info *info,
                         const mock_calibrate_options *options, mock_reading_fn *emit,
                         void *user, mock_reading out[MOCK_N_CEILINGS], sc_diag *diag);

#endif
