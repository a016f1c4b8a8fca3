/* solcheck - timing harness and validation checks of mock layers.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_HARNESS_H
#define SC_MOCK_HARNESS_H

#include "mock/calibrate.h"

/* A case with its memory on a device, ready to run. */
typedef struct mock_bench mock_bench;

/* Plans, allocates, fills (random inputs, index tensors, poisoned outputs) and prepares.
 * Errors: those of plan, alloc and prepare. Release with mock_bench_free. Keeps cls, ops
 * and dev; copies c but not c->lengths. */
sc_status mock_bench_new(const mock_class *cls, const mock_case *c,
                         const mock_device_ops *ops, mock_device *dev, mock_bench **out,
                         sc_diag *diag);
void mock_bench_free(mock_bench *bench);
/* Copies of a case's memory that a cold cache needs, so that 2 * l2_B bytes at least are
 * touched between two uses of the same memory: touched_B is a lower bound on the distinct
 * bytes that one launch touches. Errors: SC_EUNABLE SC3013 (the size of the cache or
 * touched_B is not known, or more than MOCK_MAX_COPIES are needed). */
#define MOCK_MAX_COPIES 256
sc_status mock_cold_copies(double l2_B, double touched_B, int *copies, sc_diag *diag);
/* Makes the bench run on that many copies of its memory in turn: launches from then on
 * find a cold cache, also inside of a graph. Errors: as mock_cold_copies and
 * mock_bench_new. */
sc_status mock_bench_make_cold(mock_bench *bench, double l2_B, double touched_B,
                               sc_diag *diag);
/* Bytes on the device that a case needs, workspace apart. Errors: those of plan. */
sc_status mock_case_bytes(const mock_class *cls, const mock_case *c, size_t *size_B,
                          sc_diag *diag);

typedef enum mock_stop {
    MOCK_STOP_NOISE, /* the relative standard error of the median is below `noise`, or the
                        spread of the samples has stopped changing */
    MOCK_STOP_TIME,  /* max_time_s has been spent */
    MOCK_STOP_ENTROPY, /* the distribution of the samples has stopped changing */
} mock_stop;

typedef struct mock_timing_options {
    mock_stop stop;
    int warmup; /* untimed launches, at least */
    int min_samples, max_samples;
    double noise; /* stop when the relative standard error of the median estimate,
                     1.2533 * 1.4826 * MAD / (median * sqrt(n)), is below */
    double drift; /* what may change by less than this share while the last half of the
                     samples comes in, and have stopped changing: their entropy; their
                     relative MAD, of 2 * min_samples at least. 0: never */
    double min_batch_s; /* launches are batched until a sample lasts this long, and
                           until timer_s is MOCK_TIMER_SHARE of it at most */
    double timer_s;     /* resolution of the device's timer; 0: not known */
    double warm_s;      /* work before the first sample, so that clocks are up */
    mock_floor floor;   /* of the device; 0 or NaN: not known */
    double max_time_s;  /* stop sampling after this much device time */
    double rest;        /* idle time after a sample, as a share of its length, on devices
                           that tell the clock of a sample: the power limit acts on the mean
                           of some 50 ms */
    double max_backoff_s;  /* throttled samples are discarded, and this long waited in all
                              before they are taken after all */
    bool graph;            /* replay a CUDA graph */
    bool allow_graph_fail; /* fall back to eager launches when capture fails */
} mock_timing_options;
void mock_timing_defaults(mock_timing_options *options);

#define MOCK_MAX_SAMPLES 256
#define MOCK_TIMER_SHARE 0.005 /* of a sample, at most */
#define MOCK_CLOCK_SLACK 0.01  /* throttled: below the SM clock's maximum by more */
#define MOCK_CLOCK_FALL 0.015  /* the same, below the highest clock of the point */
#define MOCK_STEP 3 /* halves of the samples may differ by so many times `noise` */
typedef struct mock_timing {
    double median_s, mean_s, min_s, max_s, mad_s; /* per launch */
    int n;                                        /* samples */
    int batch;                                    /* launches a sample */
    double sample_s[MOCK_MAX_SAMPLES];
    mock_telemetry sample_telemetry[MOCK_MAX_SAMPLES]; /* right after each;
                                  sm_clock_hz is that of the sample where it is known */
    mock_launch launch;                                /* which path ran */
    bool converged;           /* the stopping criterion was met */
    char unmet[128];          /* else: what stopped it, which one was not and how far off,
                                 "stopped by time: noise 0.8 % > 0.5 %" */
    int n_discarded;          /* throttled samples, and those before a step of latency */
    bool slowed;              /* some of those taken are throttled, too */
    double timer_share;       /* resolution of the timer over the length of a sample */
    double floor_s;           /* what the launch itself takes, on the path that ran;
                                 NaN: not known */
    int copies;               /* of the memory in rotation; 1: hot */
    double between_B;         /* cold: touched between uses of the same memory */
    char graph_note[160];     /* why the graph was not used, "" else */
    char source[96];          /* kernel route */
    mock_telemetry telemetry; /* right after the last sample */
} mock_timing;

/* For the next point of a device: where a back-off was waited in vain, half of it, for a
 * device at its power limit does not recover between two heavy points; most_s again once
 * no sample of a point is throttled. Test: tests/unit/mock/test_harness.c. */
void mock_timing_adapt(mock_timing_options *options, const mock_timing *timing,
                       double most_s);

/* Is the latency less than MOCK_FLOOR_NEAR launches of nothing? Then it says more of the
 * launch than of the kernel. */
#define MOCK_FLOOR_NEAR 2.0
bool mock_timing_near_floor(const mock_timing *timing);

/* Errors: SC_EGPU; SC_EUNABLE SC3006 when capture fails and no fallback is allowed. */
sc_status mock_bench_time(mock_bench *bench, const mock_timing_options *options,
                          mock_timing *out, sc_diag *diag);

typedef struct mock_compare {
    int64_t n;     /* elements compared */
    int64_t n_bad; /* !(|got - want| <= tolerance): NaN counts as bad */
    int64_t n_nonfinite, n_zero;
    double worst;  /* largest |got - want| / tolerance */
    double rel_l2; /* |got - want| / |want| in the 2-norm */
    double want_rms;
} mock_compare;

/* Poisons the output, runs once and compares rows (up to max_rows, spread over all
 * requests, first and last included) with the reference; in scope op also what as many
 * new tokens left in the cache. Errors: SC_EGPU, SC_ENOMEM. The
 * caller judges *out with mock_compare_ok. */
sc_status mock_bench_compare(mock_bench *bench, int64_t max_rows, mock_compare *out,
                             sc_diag *diag);
bool mock_compare_ok(const mock_compare *compare);

/* The kernels of one launch, in order; out[MOCK_MAX_KERNELS]. Nothing may be timed in
 * this process afterwards (mock_device_ops.trace). Errors: SC_EUNABLE SC3016, SC_EGPU. */
sc_status mock_bench_trace(mock_bench *bench, mock_kernel *out, int *n, sc_diag *diag);

/* ---- validation (solcheck check) ---- */

typedef enum mock_outcome { MOCK_PASS, MOCK_FAIL, MOCK_SKIP } mock_outcome;
typedef struct mock_finding {
    char check[48]; /* "output format" */
    char where[64]; /* "context b=3 s=65 tp=8 bf16" */
    char seen[256]; /* what was seen, in one line */
    mock_outcome outcome;
} mock_finding;
/* Called once per check, in order; false stops the run. */
typedef bool mock_finding_fn(void *user, const mock_finding *finding);

typedef struct mock_check_options {
    bool phase[SOL_N_PHASES];
    int64_t param[MOCK_MAX_PARAMS];  /* whole-model values; -1 = class default */
    sol_dtype dtype[MOCK_MAX_SLOTS]; /* of all checks but dtype support */
    int tp;
    mock_scope scope;
    mock_inputs inputs; /* not zeros: everything agrees on them */
    mock_choice choice;
    bool allow_graph_fail;
    uint64_t seed;
} mock_check_options;
void mock_check_defaults(const mock_class *cls, mock_check_options *options);

/* Runs every check of docs/mock.md on one layer: input format, output format, KV-cache
 * manager, boundary cases, dtype support, graph capture, no NaN, not all zeros, agreement
 * with the reference, out-of-memory report. Errors are those that end the run itself. */
sc_status mock_check(const mock_class *cls, const mock_device_ops *ops, mock_device *dev,
                     const mock_device_info *info, const mock_check_options *options,
                     mock_finding_fn *emit, void *user, int *n_failed, sc_diag *diag);

#endif
