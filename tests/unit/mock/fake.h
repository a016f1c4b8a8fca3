/* solcheck - a device for tests: the CPU with one deliberate fault, or with a scripted
 * timer. Criterion runs each test in a process of its own, so the state is global.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_TESTS_UNIT_MOCK_FAKE_H
#define SC_TESTS_UNIT_MOCK_FAKE_H

#include "mock/harness.h"

typedef enum fake_fault {
    FAKE_SOUND,
    FAKE_SCALED,       /* output 5 % too large */
    FAKE_NAN,          /* one NaN */
    FAKE_ZEROS,        /* all zeros */
    FAKE_ZERO_ROW,     /* the last row is zeros */
    FAKE_UNWRITTEN,    /* the last element is not written */
    FAKE_PAST_END,     /* one byte behind the output is written */
    FAKE_INPUT,        /* the first input is changed by the run */
    FAKE_RANDOM,       /* random fill with another seed */
    FAKE_TABLE,        /* blocks taken as contiguous: ignores the table */
    FAKE_STALE,        /* reads the slots behind a request as if they were tokens */
    FAKE_LENGTHS,      /* all requests taken as equally long */
    FAKE_BATCH_1,      /* wrong for one request */
    FAKE_SEQ_1,        /* wrong for one token */
    FAKE_LARGE_BATCH,  /* wrong for more than 100 requests */
    FAKE_FP16,         /* wrong in fp16 */
    FAKE_FP16_REFUSED, /* refuses fp16, with a reason */
    FAKE_FP16_MUTE,    /* refuses fp16 without saying why */
    FAKE_HEADS_2,      /* wrong for two local heads */
    FAKE_NO_APPEND,    /* new tokens do not reach the cache */
    FAKE_APPEND_OFF,   /* new tokens land one slot further on */
    FAKE_CAPTURE,      /* graph capture fails */
    FAKE_GRAPH_STALE,  /* a replayed graph does nothing */
    FAKE_OVERCOMMIT,   /* grants memory that it has not */
    FAKE_OOM_MUTE,     /* refuses memory without name or advice */
    FAKE_OOM_FATAL,    /* does not survive a refused allocation */
    FAKE_N_FAULTS
} fake_fault;

/* What the device has, so that running out of it is cheap. */
#define FAKE_MEMORY_B ((size_t)64 << 20)

/* Opens the CPU device behind the fault. */
const mock_device_ops *fake_open(fake_fault fault, mock_device **dev,
                                 mock_device_info *info);

/* Scripted timer: a batch of n launches takes overhead + n * launch * (1 + noise *
 * N(0,1)), no layer is run. */
typedef struct fake_timer {
    bool on;
    double launch_s, overhead_s, noise;
    uint64_t seed, calls, eager_launches, graph_launches;
    double timer_s; /* steps that the timer can tell apart; 0: all */
    int throttled;  /* so many telemetry reads report a throttled clock; -1: all */
    const double *clock_hz; /* [n_clock] SM clock of each sample in turn, the last one for
                               ever; a slower one makes longer samples. NULL: not known */
    int n_clock;
    int slow; /* so many samples take `slower` times as long */
    double slower;
    int reads;
    double max_hz;               /* of the SM clock, which is at 1.755e9; 0: not known */
    const mock_exec *turn[8192]; /* what rotate ran, in order */
    int n_turns;
} fake_timer;
extern fake_timer fake_time;

/* Small parameters for a class, so that checks take milliseconds. */
void fake_small(const mock_class *cls, int64_t param[MOCK_MAX_PARAMS]);

#endif
