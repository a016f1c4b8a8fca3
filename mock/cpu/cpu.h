/* solcheck - inside of the CPU device: thread pool, steps of a layer, kernels.
 *
 * A layer is prepared as a list of steps; a step is a function run for task numbers
 * 0..n-1 by all threads. Eager launches build the list anew each time, a graph is the
 * recorded list of all launches of a batch.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CPU_CPU_H
#define SC_MOCK_CPU_CPU_H

#include "mock/device.h"

#define MOCK_CPU_THREADS 8 /* at most; the machine may have fewer */

/* ---- thread pool ---- */

typedef struct mock_cpu_pool mock_cpu_pool;
/* thread counts from 0 and picks the caller's scratch memory. */
typedef void mock_cpu_task(void *user, int64_t task, int thread);

/* Starts as many threads as there are processors (fewer if the system refuses some); the
 * caller's thread is one of them. NULL without memory. */
mock_cpu_pool *mock_cpu_pool_new(void);
void mock_cpu_pool_free(mock_cpu_pool *pool); /* NULL is legal */
int mock_cpu_pool_threads(const mock_cpu_pool *pool);
/* Runs fn for tasks 0..n-1 and waits for all. */
void mock_cpu_pool_run(mock_cpu_pool *pool, int64_t n, mock_cpu_task *fn, void *user);

/* ---- executions ---- */

struct mock_device {
    mock_cpu_pool *pool;
    size_t limit_B; /* memory that was available when the device was opened */
    size_t used_B;
};

typedef struct mock_cpu_step {
    mock_cpu_task *fn; /* user is the exec */
    int64_t n_tasks;
} mock_cpu_step;

#define MOCK_CPU_MAX_STEPS 4

/* A run of elements within each token's row of a tensor. */
typedef struct mock_cpu_part {
    const void *data;
    sol_dtype dtype;
    int64_t width, token_stride, head_stride; /* elements; head: KV head */
    float scale;                              /* of stored numbers */
} mock_cpu_part;

/* Attention of either layer and phase, as strides. Query and output of (token, head)
 * start at (token*heads + head) * width. */
typedef struct mock_cpu_attend {
    int64_t heads, kv_heads, dqk, dv, dv_pad; /* dv_pad: dv rounded up to whole vectors */
    float scale;
    bool causal;
    int64_t window; /* keys that a query sees; 0: all */
    const void *q;
    mock_cpu_part key[2]; /* side by side; the second may have width 0 */
    mock_cpu_part value;
    void *out;
    const int32_t *offset;         /* context, else NULL */
    const int32_t *table, *length; /* generation, else NULL */
    int64_t width;                 /* columns of table */
    int64_t row_blocks;            /* of a request and KV head, at most */
    int64_t splits, split_tokens;  /* along the keys, generation */
} mock_cpu_attend;

/* Scope op: new tokens before the attention. A part is the numbers of `heads` heads a
 * token that are turned, or only copied. */
typedef struct mock_cpu_fresh {
    const void *from; /* [tokens,heads,from_stride], of the activations' dtype */
    int64_t heads, width, from_stride;
    bool turned;
    void *to;   /* for the attention: [tokens,heads,from_stride]; NULL: not needed */
    void *pool; /* NULL: not appended */
    int64_t pool_stride; /* elements a token */
    float scale;         /* pool: number = stored number * scale */
} mock_cpu_fresh;

#define MOCK_CPU_MAX_FRESH 4

/* Products of the activations with the matrices of heads, one head for gemm: x
 * [tokens,heads,k], out [tokens,heads,n]. */
typedef struct mock_cpu_product {
    int64_t heads, n, k;
    bool k_rows; /* the matrices are [n,k], else [k,n] */
} mock_cpu_product;

struct mock_attend_at; /* mock/layers/layers.h */
/* append.c: sets exec->fresh and its tensors, and where exec->attend finds queries and
 * keys then; the task does one token. Errors: SC_ENOMEM. */
typedef sc_status mock_cpu_fresh_fn(mock_exec *exec, const struct mock_attend_at *at,
                                    sc_diag *diag);
mock_cpu_fresh_fn mock_cpu_fresh_attention, mock_cpu_fresh_mla;
mock_cpu_task mock_cpu_append_task;
/* Of an fp8 cache, of keys or values; 1 of others. */
float mock_cpu_cache_scale(const mock_exec *exec, const struct mock_attend_at *at,
                           bool values);

struct mock_exec {
    mock_device *dev;
    const mock_case *c;
    void *ptr[MOCK_MAX_TENSORS];
    mock_cpu_step step[MOCK_CPU_MAX_STEPS];
    int n_steps;
    const char *source;
    mock_cpu_product product;
    mock_cpu_attend attend;
    mock_cpu_fresh fresh[MOCK_CPU_MAX_FRESH];
    int n_fresh;
    const int32_t *position, *slot; /* of new tokens */
    const float *turns;             /* [positions,width] */
    void *turned;                   /* what fresh[].to point into; device memory */
    float *work;                    /* shared between steps; device memory */
    size_t scratch;                 /* floats per thread */
    float *scratch_p;               /* [threads][scratch] */
    mock_cpu_step *graph;           /* [graph_n * n_steps] recorded launches */
    int graph_n;
    mock_probe probe; /* probe.c: in the place of c and ptr; work is its memory */
};

/* probe.c: mock_device_ops.probe. */
sc_status mock_cpu_probe(mock_device *dev, const mock_probe *probe, mock_exec **out,
                         double *work, sc_diag *diag);

/* Each sets step, n_steps, source, scratch and, if needed, work. */
sc_status mock_cpu_prepare_gemm(mock_exec *exec, sc_diag *diag);
sc_status mock_cpu_prepare_attention(mock_exec *exec, sc_diag *diag);
sc_status mock_cpu_prepare_mla(mock_exec *exec, sc_diag *diag);
sc_status mock_cpu_prepare_mla_bmm(mock_exec *exec, sc_diag *diag);
sc_status mock_cpu_prepare_moe(mock_exec *exec, sc_diag *diag);
sc_status mock_cpu_prepare_rmsnorm(mock_exec *exec, sc_diag *diag);
sc_status mock_cpu_prepare_rope(mock_exec *exec, sc_diag *diag);
sc_status mock_cpu_prepare_activation(mock_exec *exec, sc_diag *diag);
sc_status mock_cpu_prepare_embedding(mock_exec *exec, sc_diag *diag);

float *mock_cpu_scratch(const mock_exec *exec, int thread);
sc_status mock_cpu_alloc(mock_device *dev, size_t size_B, void **out, sc_diag *diag);
void mock_cpu_free(mock_device *dev, void *p);

static inline int64_t mock_cpu_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t mock_cpu_ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* ---- products of tiles (gemm.c) ---- */

/* Outputs of a tile either way, and how deep one pass over it goes. */
enum { MOCK_CPU_TILE = 64, MOCK_CPU_DEEP = 256 };

/* Numbers k0..k0+deep-1 of rows row0..row0+rows-1 of w [..,k] into the columns of
 * ws[deep][TILE]; at most TILE rows, DEEP deep. */
void mock_cpu_load_columns(const void *w, sol_dtype dtype, int64_t k, int64_t row0,
                           int64_t rows, int64_t k0, int64_t deep, float *ws);
/* c[m,w] += a[m,k] * b[k,w], leading dimensions lda, ldb, ldc; w a multiple of 8. */
void mock_cpu_multiply(float *c, int64_t ldc, const float *a, int64_t lda, const float *b,
                       int64_t ldb, int64_t m, int64_t k, int64_t w);

#endif
