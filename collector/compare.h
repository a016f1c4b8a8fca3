/* solcheck - two sets of measured points, one by one: the same, faster, slower, or not
 * told apart.
 *
 * The ratio of two latencies has the interval exp(ln(b/a) +- z sqrt(noise_a^2 +
 * noise_b^2)), z the normal quantile of the level. FASTER or SLOWER: the interval leaves
 * out 1. SAME: it holds 1 and stays within the threshold. AMBIGUOUS: it holds 1 and is
 * wider. A point has regressed when the whole interval lies above 1 + threshold; the
 * median of all ratios likewise, by the interval of the sign test.
 * Tests: tests/unit/collector/test_compare.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_COMPARE_H
#define SC_COLLECTOR_COMPARE_H

#include <stddef.h>

#include "base/diag.h"

/* X(id, name). */
#define COL_VERDICT_LIST(X)                                                              \
    X(SAME, "SAME")                                                                      \
    X(FASTER, "FASTER")                                                                  \
    X(SLOWER, "SLOWER")                                                                  \
    X(AMBIGUOUS, "AMBIGUOUS")                                                            \
    X(ONLY_A, "ONLY IN A")                                                               \
    X(ONLY_B, "ONLY IN B")

typedef enum col_verdict {
#define X(id, name) COL_##id,
    COL_VERDICT_LIST(X)
#undef X
        COL_N_VERDICTS
} col_verdict;
const char *col_verdict_name(col_verdict verdict);

typedef struct col_entry { /* a measured point of one side */
    char *key;             /* what tells points apart; equal on both sides. Borrowed */
    double latency_s;      /* > 0 */
    double noise;          /* relative standard error of latency_s; NaN unknown */
    double bound_s;        /* its speed of light, seconds; NaN or 0 unknown */
} col_entry;

typedef struct col_compare_options {
    double noise;     /* relative standard error where none is known */
    double threshold; /* relative change that matters */
    double alpha;     /* intervals are at level 1 - alpha */
} col_compare_options;
void col_compare_defaults(col_compare_options *options); /* 0.01, 0.05, 0.01 */

typedef struct col_pair {
    const char *key; /* borrowed from an entry */
    col_verdict verdict;
    bool regressed;
    double a_s, b_s;      /* NaN where only the other side has the point */
    double ratio, lo, hi; /* b_s / a_s; NaN likewise */
    double sol_a, sol_b;  /* speed of light / latency; NaN unknown */
} col_pair;

typedef struct col_comparison {
    col_pair *pair; /* [n], by key */
    size_t n;
    size_t count[COL_N_VERDICTS], n_regressed;
    double median, median_lo, median_hi; /* of the ratios, with the interval of the sign
                                            test; NaN: no point in common */
    bool shifted;                        /* the interval of the median lies above 1 +
                                            threshold */
    double sol_a, sol_b;                 /* medians over points in common; NaN unknown */
} col_comparison;

/* Sorts both sides by key. Rows of one side with equal keys are one point: its latency is
 * their median, its noise that of three or more rows or the largest stored one. Errors:
 * SC_EINVAL SC6001 (options), SC_ENOMEM. Release with col_comparison_clear; the keys must
 * outlive it. */
sc_status col_compare(col_entry *a, size_t n_a, col_entry *b, size_t n_b,
                      const col_compare_options *options, col_comparison *out,
                      sc_diag *diag);
void col_comparison_clear(col_comparison *comparison);

#endif
