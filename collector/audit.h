/* solcheck - auditing a table against the speed of light: no row may be faster than the
 * bound of its own cache state, and where one is, something is wrong: which, the findings
 * say with their evidence. docs/audit.md describes the rules.
 * Tests: tests/unit/collector/test_audit.c, test_real_tables.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_AUDIT_H
#define SC_COLLECTOR_AUDIT_H

#include "collector/evidence.h"
#include "sol/roofline.h"

/* X(id, name, what to do about it). */
#define COL_SUSPECT_LIST(X)                                                              \
    X(CACHE, "cache",                                                                    \
      "the working set sits in L2: a warm benchmark, not a faster memory")               \
    X(PEAK, "peak", "a compute peak in the system file is too low for this part")        \
    X(BANDWIDTH, "bandwidth", "a bandwidth in the system file is too low for this part") \
    X(LABEL, "label", "the rows ran another dtype or case than their columns say")       \
    X(TIMER, "timer", "the clock or the number of repetitions was wrong; measure again") \
    X(FORMULA, "formula", "the op file counts work that the kernel need not do")

typedef enum col_suspect {
#define X(id, name, text) COL_SUSPECT_##id,
    COL_SUSPECT_LIST(X)
#undef X
        COL_N_SUSPECTS
} col_suspect;
const char *col_suspect_name(col_suspect suspect);
const char *col_suspect_text(col_suspect suspect);

/* The resource that bounds a row. */
#define COL_LIMITER_LIST(X)                                                              \
    X(TENSOR, "tensor peak")                                                             \
    X(CUDA, "CUDA-core peak")                                                            \
    X(EXP, "exponential rate")                                                           \
    X(MEMORY, "memory bandwidth")                                                        \
    X(L2, "L2 bandwidth")                                                                \
    X(NETWORK, "network bandwidth")

typedef enum col_limiter {
#define X(id, name) COL_LIMITER_##id,
    COL_LIMITER_LIST(X)
#undef X
        COL_N_LIMITERS
} col_limiter;
const char *col_limiter_name(col_limiter limiter);

/* Rows from this bound on count as large: fixed costs of a launch (2 to 5 us) are lost in
 * them. */
#define COL_LARGE_S 1e-4

/* A table whose many large rows all stay below this share of their bound is not slow, it
 * is wrong by a unit or by the number of repetitions: the best rows of every other
 * recorded table reach a third or more. */
#define COL_SLOW 0.1
#define COL_SLOW_ROWS 100

typedef struct col_finding { /* about the rows of one limiter and one set of dtypes */
    col_suspect suspect;
    bool violation; /* rows faster than the bound of their own cache state; else: hot rows
                       faster than the cold bound only, which L2 explains */
    bool slow;      /* no violation: the large rows of a table that are all too slow */
    col_limiter limiter;
    char dtypes[128];          /* "attn=bf16, kv=fp8" */
    size_t n_rows, n_peers;    /* concerned; all of this limiter and these dtypes */
    double median, largest;    /* of bound / latency over the rows concerned */
    int line;                  /* of the worst row */
    double latency_s, bound_s; /* of the worst row */
    char worst[256];           /* its parameters and axes */
    char evidence[512];
    col_suspect also; /* what else the numbers allow; equal to suspect: nothing */
    char also_evidence[512];
} col_finding;

typedef struct col_share { /* distribution of bound / latency */
    double median, p90, p99, largest;
} col_share;

typedef struct col_audit {
    size_t n_rows;       /* evaluated */
    size_t n_below_cold; /* hot rows faster than the cold bound */
    size_t n_violations; /* rows faster than the bound of their own state */
    size_t n_large;
    col_share cold, hot; /* against either bound, over all rows */
    /* Over the rows whose hot bound is COL_LARGE_S or more, against it; NaN: none. */
    double large_p99_hot, large_best_hot;
    bool fell_back; /* bounds rest on datasheet numbers somewhere: not sound */
    bool knows_l2;
    col_evidence evidence;
    col_finding *finding; /* the most rows first, violations before the rest */
    size_t n_findings;
} col_audit;

/* Evaluates the architectural bounds of all rows, configuration by configuration, and
 * judges them. Errors: those of sol_model_new and sol_model_eval; SC_EDOMAIN SC2004 (no
 * rows); SC_ENOMEM. Release with col_audit_clear. */
sc_status col_audit_rows(const col_rows *rows, const sol_system *system, col_audit *out,
                         sc_diag *diag);
/* The same of points. */
sc_status col_audit_points(const col_points *points, const sol_system *system,
                           col_audit *out, sc_diag *diag);
void col_audit_clear(col_audit *audit);

#endif
