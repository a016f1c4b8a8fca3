/* solcheck - inside of mock_check: what the check functions share.
 *
 * Checks of one phase run in the order of a table in check.c. A check whose verdict would
 * only repeat an earlier failure is skipped and says so: the list then has one FAIL, and
 * that is the one to mend.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CHECK_H
#define SC_MOCK_CHECK_H

#include "mock/bench.h"

/* The base case of a phase, run once for all checks that look at its result. */
typedef struct mock_observed {
    mock_bench *bench;
    mock_host inputs;  /* before the runs */
    void *output;      /* of a run over poison 0xff */
    int64_t n, hidden; /* elements of the output, of a row */
    int64_t unwritten, nonfinite, zero_rows;
    int guard;   /* tensor written past its end, or -1 */
    int changed; /* input that the run changed, or -1; the cache of scope op is none */
} mock_observed;

typedef struct mock_checker {
    const mock_class *cls;
    const mock_device_ops *ops;
    mock_device *dev;
    const mock_device_info *info;
    const mock_check_options *options;
    mock_finding_fn *emit;
    void *user;
    sc_diag *diag;
    int n_failed;
    bool stopped; /* emit wants no more */
    sol_phase_kind phase;
    mock_observed base;
    char culprit[48]; /* the failed check that later ones would repeat, "" = none */
} mock_checker;

typedef sc_status mock_check_fn(mock_checker *k);
mock_check_fn mock_check_input, mock_check_output, mock_check_finite, mock_check_zeros,
    mock_check_cache, mock_check_append, mock_check_agreement, mock_check_boundaries,
    mock_check_dtypes, mock_check_shards, mock_check_graph, mock_check_memory;

/* A case of the phase under check with the user's parameters at tp; false when tp does
 * not divide one of the sharded parameters. */
bool mock_checker_case(const mock_checker *k, int tp, int64_t b, int64_t s,
                       mock_case *out);

/* Emits one finding; c may be NULL. */
void mock_checker_report(mock_checker *k, const char *check, const mock_case *c, int tp,
                         mock_outcome outcome, const char *fmt, ...) SC_PRINTF(6, 7);
/* The same, and a FAIL makes later value checks skip. */
void mock_checker_gate(mock_checker *k, const char *check, const mock_case *c, bool pass,
                       const char *fmt, ...) SC_PRINTF(5, 6);
/* True, with a finding, when an earlier failure makes this check pointless. */
bool mock_checker_skip(mock_checker *k, const char *check);
/* Reports a failed call as FAIL. Returns the status if it ends the run (device or host
 * out of order), else SC_OK. */
sc_status mock_checker_broke(mock_checker *k, const char *check, const mock_case *c,
                             int tp, sc_status status, const sc_diag *why);
/* Runs a case and compares it with the reference. *status and *why say why it could not
 * run; true if it ran. */
bool mock_checker_try(const mock_checker *k, const mock_case *c, int64_t max_rows,
                      mock_compare *out, char source[96], sc_status *status,
                      sc_diag *why);
/* "worst 0.18 of tolerance over 1024 elements" or what is wrong. */
void mock_checker_describe(const mock_compare *r, char *out, size_t out_B);

#endif
