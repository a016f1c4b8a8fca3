/* solcheck - the columns of perf tables that describe a measurement, in file order.
 *
 * Between kernel_source and phase a table has the key columns of its op: parameters under
 * their own names (local to one GPU), then one <slot>_dtype a dtype slot. docs/tables.md
 * gives meanings and units.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_COLUMNS_H
#define SC_COLLECTOR_COLUMNS_H

/* X(id, name): before the keys. */
#define COL_ORIGIN_LIST(X)                                                               \
    X(FRAMEWORK, "framework")                                                            \
    X(VERSION, "version")                                                                \
    X(DEVICE, "device")                                                                  \
    X(OP_NAME, "op_name")                                                                \
    X(KERNEL_SOURCE, "kernel_source")

/* X(id, name): after the keys. */
#define COL_RESULT_LIST(X)                                                               \
    X(PHASE, "phase")                                                                    \
    X(BATCH_SIZE, "batch_size")                                                          \
    X(ISL, "isl")                                                                        \
    X(STEP, "step")                                                                      \
    X(TP_SIZE, "tp_size")                                                                \
    X(LATENCY, "latency")                                                                \
    X(LATENCY_MEAN, "latency_mean")                                                      \
    X(LATENCY_MIN, "latency_min")                                                        \
    X(LATENCY_MAX, "latency_max")                                                        \
    X(LATENCY_MAD, "latency_mad")                                                        \
    X(SAMPLES, "samples")                                                                \
    X(BATCH, "batch")                                                                    \
    X(LAUNCH_FLOOR, "launch_floor")                                                      \
    X(LAUNCH, "launch")                                                                  \
    X(CACHE, "cache")                                                                    \
    X(SCOPE, "scope")                                                                    \
    X(INPUTS, "inputs")                                                                  \
    X(SM_CLOCK_MHZ, "sm_clock_mhz")                                                      \
    X(MEM_CLOCK_MHZ, "mem_clock_mhz")                                                    \
    X(THROTTLE, "throttle")                                                              \
    X(POWER, "power")                                                                    \
    X(POWER_LIMIT, "power_limit")

/* What keys nothing, wherever it stands: a difference in it is no other configuration.
 * The last ones are written by others. */
#define COL_METADATA_LIST(X)                                                             \
    COL_ORIGIN_LIST(X)                                                                   \
    COL_RESULT_LIST(X)                                                                   \
    X(DATE, "date")                                                                      \
    X(BEST_MS, "best_ms")                                                                \
    X(MODEL, "model")                                                                    \
    X(MODEL_NAME, "model_name")                                                          \
    X(ARCHITECTURE, "architecture")

/* X(name, what an empty cell and a table without the column mean): of those, what sets
 * rows apart all the same. */
#define COL_APART_LIST(X) X("scope", "kernel") X("inputs", "normal")
#define COL_N_APART 2

#endif
