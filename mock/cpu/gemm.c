/* solcheck - CPU kernels: small matrix product on packed floats, and the layers gemm and
 * mla_bmm: tiles of 64 tokens by 64 columns of one head, 256 deep.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <string.h>

#include "mock/cpu/cpu.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

/* Four floats of a vector register (SSE2, NEON); gcc and clang lower it elsewhere. */
typedef float v4 __attribute__((vector_size(16)));

static inline v4 load4(const float *p)
{
    v4 v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store4(float *p, v4 v)
{
    memcpy(p, &v, sizeof v);
}

/* Four rows by eight columns, kept in registers over all of k. */
static void multiply_4x8(float *c, int64_t ldc, const float *a, int64_t lda,
                         const float *b, int64_t ldb, int64_t k)
{
    v4 sum[4][2];
    for (int i = 0; i < 4; i++) {
        sum[i][0] = load4(c + i * ldc);
        sum[i][1] = load4(c + i * ldc + 4);
    }
    for (int64_t e = 0; e < k; e++) {
        v4 b0 = load4(b + e * ldb), b1 = load4(b + e * ldb + 4);
        for (int i = 0; i < 4; i++) {
            float x = a[i * lda + e];
            v4 xs = {x, x, x, x};
            sum[i][0] += xs * b0;
            sum[i][1] += xs * b1;
        }
    }
    for (int i = 0; i < 4; i++) {
        store4(c + i * ldc, sum[i][0]);
        store4(c + i * ldc + 4, sum[i][1]);
    }
}

static void multiply_1x8(float *c, const float *a, const float *b, int64_t ldb, int64_t k)
{
    v4 sum0 = load4(c), sum1 = load4(c + 4);
    for (int64_t e = 0; e < k; e++) {
        v4 xs = {a[e], a[e], a[e], a[e]};
        sum0 += xs * load4(b + e * ldb);
        sum1 += xs * load4(b + e * ldb + 4);
    }
    store4(c, sum0);
    store4(c + 4, sum1);
}

void mock_cpu_multiply(float *c, int64_t ldc, const float *a, int64_t lda, const float *b,
                       int64_t ldb, int64_t m, int64_t k, int64_t w)
{
    int64_t i = 0;
    for (; i + 4 <= m; i += 4)
        for (int64_t j = 0; j < w; j += 8)
            multiply_4x8(c + i * ldc + j, ldc, a + i * lda, lda, b + j, ldb, k);
    for (; i < m; i++)
        for (int64_t j = 0; j < w; j += 8)
            multiply_1x8(c + i * ldc + j, a + i * lda, b + j, ldb, k);
}

void mock_cpu_load_columns(const void *w, sol_dtype dtype, int64_t k, int64_t row0,
                           int64_t rows, int64_t k0, int64_t deep, float *ws)
{
    float line[MOCK_CPU_DEEP];
    for (int64_t j = 0; j < rows; j++) {
        mock_load_float(w, dtype, (row0 + j) * k + k0, deep, line);
        for (int64_t e = 0; e < deep; e++)
            ws[e * MOCK_CPU_TILE + j] = line[e];
    }
}

/* ---- the layers ---- */

enum { TILE = MOCK_CPU_TILE, DEEP = MOCK_CPU_DEEP };
enum { X_IN, W, OUT };

/* Rows k0.. and columns col0.. of a head's matrix into ws[deep][TILE]. */
static void load_matrix(const mock_exec *exec, int64_t head, int64_t k0, int64_t deep,
                        int64_t col0, int64_t cols, float *ws)
{
    const mock_cpu_product *p = &exec->product;
    sol_dtype dtype = exec->c->dtype[0];
    if (p->k_rows) {
        mock_cpu_load_columns(exec->ptr[W], dtype, p->k, head * p->n + col0, cols, k0,
                              deep, ws);
        return;
    }
    for (int64_t e = 0; e < deep; e++)
        mock_load_float(exec->ptr[W], dtype, (head * p->k + k0 + e) * p->n + col0, cols,
                        ws + e * TILE);
}

static void tile(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    const mock_case *c = exec->c;
    int64_t k = exec->product.k, n = exec->product.n, heads = exec->product.heads;
    int64_t across = mock_cpu_ceil_div(n, TILE), head = task / across % heads;
    int64_t col0 = task % across * TILE, row0 = task / across / heads * TILE;
    int64_t rows = mock_cpu_least(TILE, mock_case_tokens(c) - row0);
    int64_t cols = mock_cpu_least(TILE, n - col0);
    float *xs = mock_cpu_scratch(exec, thread), *ws = xs + TILE * DEEP;
    float *sum = ws + DEEP * TILE;
    memset(sum, 0, TILE * TILE * sizeof *sum);
    memset(ws, 0, DEEP * TILE * sizeof *ws); /* columns past the edge count as 0 */
    for (int64_t k0 = 0; k0 < k; k0 += DEEP) {
        int64_t deep = mock_cpu_least(DEEP, k - k0);
        for (int64_t i = 0; i < rows; i++)
            mock_load_float(exec->ptr[X_IN], c->dtype[0],
                            ((row0 + i) * heads + head) * k + k0, deep, xs + i * DEEP);
        load_matrix(exec, head, k0, deep, col0, cols, ws);
        mock_cpu_multiply(sum, TILE, xs, DEEP, ws, TILE, rows, deep, TILE);
    }
    for (int64_t i = 0; i < rows; i++)
        mock_store_float(exec->ptr[OUT], mock_result_dtype(c->dtype[0]),
                         ((row0 + i) * heads + head) * n + col0, cols, sum + i * TILE);
}

static sc_status prepare(mock_exec *exec, mock_cpu_product product, const char *source)
{
    int64_t tiles = mock_cpu_ceil_div(mock_case_tokens(exec->c), TILE) *
                    mock_cpu_ceil_div(product.n, TILE);
    exec->product = product;
    exec->step[0] = (mock_cpu_step){tile, tiles * product.heads};
    exec->n_steps = 1;
    exec->source = source;
    exec->scratch = 2 * TILE * DEEP + TILE * TILE;
    return SC_OK;
}

sc_status mock_cpu_prepare_gemm(mock_exec *exec, sc_diag *diag)
{
    (void)diag;
    const int64_t *p = exec->c->param;
    return prepare(exec, (mock_cpu_product){1, p[MOCK_GEMM_N], p[MOCK_GEMM_K], true},
                   "cpu_gemm_64x64x256");
}

sc_status mock_cpu_prepare_mla_bmm(mock_exec *exec, sc_diag *diag)
{
    (void)diag;
    const mock_case *c = exec->c;
    return prepare(exec,
                   (mock_cpu_product){c->param[MOCK_MLA_BMM_HEADS], mock_bmm_n(c),
                                      mock_bmm_k(c), mock_bmm_k_rows(c)},
                   "cpu_bmm_64x64x256");
}
