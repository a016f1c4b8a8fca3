/* solcheck - inside of mock_bench, for the harness and the checks.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_BENCH_H
#define SC_MOCK_BENCH_H

#include "mock/harness.h"

#define MOCK_GUARD_B 256 /* behind every tensor, to see writes past its end */
#define MOCK_GUARD 0xa5
#define MOCK_POISON 0xff /* NaN in every float type here */

struct mock_bench {
    const mock_class *cls;
    const mock_device_ops *ops;
    mock_device *dev;
    mock_case c;
    mock_tensor tensor[MOCK_MAX_TENSORS];
    int n;                       /* tensors */
    int output;                  /* index of the output */
    void *ptr[MOCK_MAX_TENSORS]; /* on the device */
    mock_exec *exec;
    struct mock_bench **copy; /* [n_list-1] cold: the same case on other memory */
    mock_exec **list;         /* [n_list] exec and those of the copies; NULL: hot */
    int n_list;
    double between_B; /* touched between two uses of the same memory */
};

/* Host copies of tensors; release with mock_host_free. */
typedef struct mock_host {
    void *ptr[MOCK_MAX_TENSORS];
} mock_host;
/* Downloads everything but outputs, or the index tensors alone. Errors: SC_ENOMEM,
 * SC_EGPU.
 */
sc_status mock_host_inputs(const mock_bench *bench, mock_host *out, sc_diag *diag);
sc_status mock_host_index(const mock_bench *bench, mock_host *out, sc_diag *diag);
/* The same case on memory of its own, with these index tensors: making them anew can take
 * longer than everything else (the cosines of 131072 positions). Errors: those of
 * mock_bench_new. */
sc_status mock_bench_copy(const mock_bench *bench, const mock_host *index,
                          mock_bench **out, sc_diag *diag);
void mock_host_free(mock_host *host);
/* Downloads the output into a new buffer, release with sc_free. */
sc_status mock_bench_output(const mock_bench *bench, void **out, sc_diag *diag);
/* Sets every byte of the output. */
sc_status mock_bench_poison(const mock_bench *bench, int value, sc_diag *diag);
/* *broken: index of the first tensor with a damaged guard, or -1. */
sc_status mock_bench_guards(const mock_bench *bench, int *broken, sc_diag *diag);
/* Scope op: holds the cache of a host copy made after a run against what new tokens must
 * have left there (all of them, or max_tokens spread evenly); adds to *out. */
sc_status mock_bench_judge_cache(const mock_bench *bench, const mock_host *after,
                                 int64_t max_tokens, mock_compare *out, sc_diag *diag);
/* Index of the tensor of that name, -1: none. */
int mock_bench_find(const mock_bench *bench, const char *name);
/* Seed of the random fill of tensor i. */
uint64_t mock_bench_seed(const mock_bench *bench, int i);
/* Compares a downloaded output with the reference on the given inputs, as
 * mock_bench_compare does. */
sc_status mock_bench_judge(const mock_bench *bench, const mock_host *inputs,
                           const void *output, int64_t max_rows, mock_compare *out,
                           sc_diag *diag);

#endif
