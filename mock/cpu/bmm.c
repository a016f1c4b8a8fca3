/* solcheck - CPU kernel of mla_bmm: tiles of 64 tokens by 64 columns of one head, the
 * matrix read as it lies, [k,n].
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <string.h>

#include "mock/cpu/cpu.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

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

/* Rows k0.. and columns col0.. of a head's matrix into ws[deep][TILE]. */
static void load_matrix(const mock_exec *exec, int64_t head, int64_t k0, int64_t deep,
                        int64_t col0, int64_t cols, float *ws)
{
    const mock_case *c = exec->c;
    int64_t k = mock_bmm_k(c), n = mock_bmm_n(c);
    float line[DEEP];
    if (!mock_bmm_k_rows(c)) {
        for (int64_t e = 0; e < deep; e++)
            mock_load_float(exec->ptr[W], c->dtype[0], (head * k + k0 + e) * n + col0,
                            cols, ws + e * TILE);
        return;
    }
    for (int64_t j = 0; j < cols; j++) {
        mock_load_float(exec->ptr[W], c->dtype[0], (head * n + col0 + j) * k + k0, deep,
                        line);
        for (int64_t e = 0; e < deep; e++)
            ws[e * TILE + j] = line[e];
    }
}

static void tile(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    const mock_case *c = exec->c;
    int64_t k = mock_bmm_k(c), n = mock_bmm_n(c), heads = c->param[MOCK_MLA_BMM_HEADS];
    int64_t across = ceil_div(n, TILE), head = task / across % heads;
    int64_t col0 = task % across * TILE, row0 = task / across / heads * TILE;
    int64_t rows = least(TILE, mock_case_tokens(c) - row0), cols = least(TILE, n - col0);
    float *xs = mock_cpu_scratch(exec, thread), *ws = xs + TILE * DEEP;
    float *sum = ws + DEEP * TILE;
    memset(sum, 0, TILE * TILE * sizeof *sum);
    memset(ws, 0, DEEP * TILE * sizeof *ws); /* columns past the edge count as 0 */
    for (int64_t k0 = 0; k0 < k; k0 += DEEP) {
        int64_t deep = least(DEEP, k - k0);
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

sc_status mock_cpu_prepare_mla_bmm(mock_exec *exec, sc_diag *diag)
{
    (void)diag;
    int64_t tiles = ceil_div(mock_case_tokens(exec->c), TILE);
    exec->step[0] = (mock_cpu_step){tile, tiles * exec->c->param[MOCK_MLA_BMM_HEADS] *
                                              ceil_div(mock_bmm_n(exec->c), TILE)};
    exec->n_steps = 1;
    exec->source = "cpu_bmm_64x64x256";
    exec->scratch = 2 * TILE * DEEP + TILE * TILE;
    return SC_OK;
}
