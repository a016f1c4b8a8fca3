/* solcheck - mock layer mla_bmm: one small weight matrix a head, which takes queries into
 * the latent space (pre) and attention outputs out of it (post): DeepSeek-V2, arXiv
 * 2405.04434, section 2.1.2. SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#include <config.h>

#include <math.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

static const mock_param params[] = {MOCK_MLA_BMM_PARAMS(MOCK_PARAM_ENTRY)};
static const char *const slots[] = {"mm"};

enum { X_IN, W };

static sc_status plan(const mock_case *c, mock_tensor *tensor, int *n, sc_diag *diag)
{
    sc_status status = mock_plan_check(&mock_class_mla_bmm, c, diag);
    if (status)
        return status;
    mock_tensor list[MOCK_MAX_TENSORS];
    int count = 0;
    int64_t t = mock_case_tokens(c), h = c->param[MOCK_MLA_BMM_HEADS];
    int64_t k = mock_bmm_k(c), width = mock_bmm_n(c);
    mock_plan_add(list, &count, "x", MOCK_INPUT, c->dtype[0], 1, MOCK_DIMS(t, h, k));
    bool rows = mock_bmm_k_rows(c);
    mock_plan_add(list, &count, "w", MOCK_WEIGHT, c->dtype[0], 1 / sqrt((double)k),
                  MOCK_DIMS(h, rows ? width : k, rows ? k : width));
    mock_plan_add(list, &count, "out", MOCK_OUTPUT, mock_result_dtype(c->dtype[0]), 1,
                  MOCK_DIMS(t, h * width));
    return mock_plan_deliver(list, count, tensor, n, diag);
}

/* w[h,n,k] */
static sc_status reference_k_rows(const mock_case *c, const void *const host[],
                                  const int64_t *row, int64_t n_rows, double *out,
                                  sc_diag *diag)
{
    int64_t h = c->param[MOCK_MLA_BMM_HEADS], k = mock_bmm_k(c), n = mock_bmm_n(c);
    double *x = sc_reallocarray(NULL, (size_t)k, 2 * sizeof *x);
    if (!x)
        return sc_diag_nomem(diag);
    double *w = x + k;
    for (int64_t i = 0; i < n_rows * h * n; i++) {
        double sum = 0;
        int64_t head = i / n % h;
        if (i % n == 0)
            mock_load_double(host[X_IN], c->dtype[0], (row[i / (h * n)] * h + head) * k,
                             k, x);
        mock_load_double(host[W], c->dtype[0], (head * n + i % n) * k, k, w);
        for (int64_t e = 0; e < k; e++)
            sum += x[e] * w[e];
        out[i] = sum;
    }
    sc_free(x);
    return SC_OK;
}

static sc_status reference(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out, sc_diag *diag)
{
    int64_t h = c->param[MOCK_MLA_BMM_HEADS], k = mock_bmm_k(c), n = mock_bmm_n(c);
    if (mock_bmm_k_rows(c))
        return reference_k_rows(c, host, row, n_rows, out, diag);
    double *w = sc_reallocarray(NULL, (size_t)n, sizeof *w);
    if (!w)
        return sc_diag_nomem(diag);
    for (int64_t i = 0; i < n_rows * h * n; i++)
        out[i] = 0;
    for (int64_t i = 0; i < n_rows; i++)
        for (int64_t j = 0; j < h * k; j++) {
            double x = mock_get(host[X_IN], c->dtype[0], row[i] * h * k + j);
            mock_load_double(host[W], c->dtype[0], j * n, n, w);
            for (int64_t e = 0; e < n; e++)
                out[(i * h + j / k) * n + e] += x * w[e];
        }
    sc_free(w);
    return SC_OK;
}

static int64_t depth(const mock_case *c)
{
    return mock_bmm_k(c);
}

static const mock_route routes[] = {
    {"cublaslt_batched",
     80,
     MOCK_SM_ANY,
     {true, true},
     "cuBLASLt, one product a head in one launch; fp8 from 8.9 on"},
    {"cpu_bmm", 0, 0, {true, true}, "blocked loops, head by head"},
};
static const char *const papers[] = {"DeepSeek-V2, arXiv 2405.04434, appendix C", NULL};

const mock_class mock_class_mla_bmm = {
    .name = "mla_bmm",
    .title =
        "products of every head with a matrix of its own, before or after absorbed mla",
    .param = params,
    .n_params = MOCK_MLA_BMM_N_PARAMS,
    .route = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .formula =
        "out[T,h] = x[T,h] w[h] for each head h, before (post = 0) or after attention",
    .paper = papers,
    .slot = slots,
    .n_slots = 1,
    .fp8 = {true},
    .needs_cache = {false, false},
    .plan = plan,
    .fill = mock_fill_nothing,
    .reference = reference,
    .depth = depth,
};
