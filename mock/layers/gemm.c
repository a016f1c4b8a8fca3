/* solcheck - mock layer gemm: out = x * w^T, one weight matrix shared by all tokens.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

static const mock_param params[] = {MOCK_GEMM_PARAMS(MOCK_PARAM_ENTRY)};
static const char *const slots[] = {"mm"};

enum { X_IN, W, OUT };

static sc_status plan(const mock_case *c, mock_tensor *tensor, int *n, sc_diag *diag)
{
    sc_status status = mock_plan_check(&mock_class_gemm, c, diag);
    if (status)
        return status;
    mock_tensor list[MOCK_MAX_TENSORS];
    int count = 0;
    int64_t t = mock_case_tokens(c), rows = c->param[MOCK_GEMM_N],
            k = c->param[MOCK_GEMM_K];
    /* x ~ N(0,1) and w ~ N(0,1/k) give out ~ N(0,1) at any k. */
    mock_plan_add(list, &count, "x", MOCK_INPUT, c->dtype[0], 1, MOCK_DIMS(t, k));
    mock_plan_add(list, &count, "w", MOCK_WEIGHT, c->dtype[0], 1 / sqrt((double)k),
                  MOCK_DIMS(rows, k));
    mock_plan_add(list, &count, "out", MOCK_OUTPUT, mock_result_dtype(c->dtype[0]), 1,
                  MOCK_DIMS(t, rows));
    return mock_plan_deliver(list, count, tensor, n, diag);
}

static sc_status fill(const mock_case *c, void *const host[], sc_diag *diag)
{
    (void)c, (void)host, (void)diag; /* no index tensors */
    return SC_OK;
}

static sc_status reference(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out, sc_diag *diag)
{
    int64_t n = c->param[MOCK_GEMM_N], k = c->param[MOCK_GEMM_K];
    double *x = sc_reallocarray(NULL, (size_t)k, 2 * sizeof *x);
    if (!x)
        return sc_diag_nomem(diag);
    double *w = x + k;
    for (int64_t i = 0; i < n_rows; i++) {
        mock_load_double(host[X_IN], c->dtype[0], row[i] * k, k, x);
        for (int64_t j = 0; j < n; j++) {
            double sum = 0;
            mock_load_double(host[W], c->dtype[0], j * k, k, w);
            for (int64_t e = 0; e < k; e++)
                sum += x[e] * w[e];
            out[i * n + j] = sum;
        }
    }
    sc_free(x);
    return SC_OK;
}

static int64_t depth(const mock_case *c)
{
    return c->param[MOCK_GEMM_K];
}

static const mock_route routes[] = {
    {"cublaslt",
     80,
     MOCK_SM_ANY,
     {true, true},
     "cuBLASLt, the fastest of its heuristic's candidates; fp8 from 8.9 on"},
    {"cpu_gemm", 0, 0, {true, true}, "blocked loops over all cores"},
};
static const char *const papers[] = {"BLAS xGEMM with alpha = 1 and beta = 0", NULL};

const mock_class mock_class_gemm = {
    .name = "gemm",
    .title = "matrix product with one weight matrix",
    .param = params,
    .n_params = MOCK_GEMM_N_PARAMS,
    .route = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .formula = "out[T,n] = x[T,k] w[n,k]^T",
    .paper = papers,
    .slot = slots,
    .n_slots = 1,
    .fp8 = {true},
    .needs_cache = {false, false},
    .plan = plan,
    .fill = fill,
    .reference = reference,
    .depth = depth,
};
