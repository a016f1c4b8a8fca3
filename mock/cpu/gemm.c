/* solcheck - CPU kernels: small matrix product on packed floats, and the gemm layer.
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

/* ---- the layer: tiles of 64 x 64 outputs, 256 deep ---- */

enum { TILE = 64, DEEP = 256 };
enum { X_IN, W, OUT };

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static void tile(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    const mock_case *c = exec->c;
    int64_t t = mock_case_tokens(c), n = c->param[MOCK_GEMM_N], k = c->param[MOCK_GEMM_K];
    int64_t tiles = ceil_div(n, TILE), row0 = task / tiles * TILE,
            col0 = task % tiles * TILE;
    int64_t rows = least(TILE, t - row0), cols = least(TILE, n - col0);
    float *xs = mock_cpu_scratch(exec, thread), *ws = xs + TILE * DEEP;
    float *sum = ws + DEEP * TILE, *line = sum + TILE * TILE;
    memset(sum, 0, TILE * TILE * sizeof *sum);
    memset(ws, 0, DEEP * TILE * sizeof *ws); /* columns past the edge count as 0 */
    for (int64_t k0 = 0; k0 < k; k0 += DEEP) {
        int64_t deep = least(DEEP, k - k0);
        for (int64_t i = 0; i < rows; i++)
            mock_load_float(exec->ptr[X_IN], c->dtype[0], (row0 + i) * k + k0, deep,
                            xs + i * DEEP);
        for (int64_t j = 0; j < cols; j++) {
            mock_load_float(exec->ptr[W], c->dtype[0], (col0 + j) * k + k0, deep, line);
            for (int64_t e = 0; e < deep; e++)
                ws[e * TILE + j] = line[e];
        }
        mock_cpu_multiply(sum, TILE, xs, DEEP, ws, TILE, rows, deep, TILE);
    }
    for (int64_t i = 0; i < rows; i++)
        mock_store_float(exec->ptr[OUT], mock_result_dtype(c->dtype[0]),
                         (row0 + i) * n + col0, cols, sum + i * TILE);
}

sc_status mock_cpu_prepare_gemm(mock_exec *exec, sc_diag *diag)
{
    (void)diag;
    int64_t rows = ceil_div(mock_case_tokens(exec->c), TILE);
    exec->step[0] =
        (mock_cpu_step){tile, rows * ceil_div(exec->c->param[MOCK_GEMM_N], TILE)};
    exec->n_steps = 1;
    exec->source = "cpu_gemm_64x64x256";
    exec->scratch = 2 * TILE * DEEP + TILE * TILE + DEEP;
    return SC_OK;
}
