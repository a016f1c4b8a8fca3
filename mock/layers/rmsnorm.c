/* solcheck - mock layer rmsnorm: root mean square normalisation (arXiv 1910.07467), with
 * or without the residual addition before it. SPDX-License-Identifier: GPL-3.0-or-later
 * WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>

#include "mock/layers/layers.h"

static const mock_param params[] = {MOCK_RMSNORM_PARAMS(MOCK_PARAM_ENTRY)};
static const char *const slots[] = {"act", "weight"};

static sc_status plan(const mock_case *c, mock_tensor *tensor, int *n, sc_diag *diag)
{
    sc_status status = mock_plan_check(&mock_class_rmsnorm, c, diag);
    if (status)
        return status;
    mock_tensor list[MOCK_MAX_TENSORS];
    int count = 0;
    int64_t t = mock_case_tokens(c), d = c->param[MOCK_RMSNORM_HIDDEN];
    sol_dtype act = c->dtype[0];
    mock_plan_add(list, &count, "x", MOCK_INPUT, act, 1, MOCK_DIMS(t, d));
    mock_plan_add(list, &count, "weight", MOCK_WEIGHT, c->dtype[1], 1, MOCK_DIMS(d));
    mock_plan_add(list, &count, "out", MOCK_OUTPUT, act, 1, MOCK_DIMS(t, d));
    if (c->param[MOCK_RMSNORM_RESIDUAL]) {
        mock_plan_add(list, &count, "residual", MOCK_INPUT, act, 1, MOCK_DIMS(t, d));
        mock_plan_add(list, &count, "sum", MOCK_SIDE, act, 1, MOCK_DIMS(t, d));
    }
    return mock_plan_deliver(list, count, tensor, n, diag);
}

/* Element i of what is normalised. */
static double summed(const mock_case *c, const void *const host[], int64_t i)
{
    double x = mock_get(host[MOCK_RMSNORM_X], c->dtype[0], i);
    if (c->param[MOCK_RMSNORM_RESIDUAL])
        x += mock_get(host[MOCK_RMSNORM_RESIDUAL_IN], c->dtype[0], i);
    return x;
}

static sc_status reference(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out, sc_diag *diag)
{
    (void)diag;
    int64_t d = c->param[MOCK_RMSNORM_HIDDEN];
    for (int64_t i = 0; i < n_rows; i++) {
        double squares = 0;
        for (int64_t e = 0; e < d; e++) {
            double x = summed(c, host, row[i] * d + e);
            squares += x * x;
        }
        double root = sqrt(squares / (double)d + MOCK_RMSNORM_EPSILON);
        for (int64_t e = 0; e < d; e++)
            out[i * d + e] = summed(c, host, row[i] * d + e) / root *
                             mock_get(host[MOCK_RMSNORM_WEIGHT], c->dtype[1], e);
    }
    return SC_OK;
}

static int64_t depth(const mock_case *c)
{
    return c->param[MOCK_RMSNORM_HIDDEN];
}

static const mock_route routes[] = {
    {"add_rmsnorm", 80, MOCK_SM_ANY, {true, true}, "a row a block, residual = 1"},
    {"rmsnorm", 80, MOCK_SM_ANY, {true, true}, "a row a block, residual = 0"},
    {"cpu_rmsnorm", 0, 0, {true, true}, "row by row"},
};
static const char *const papers[] = {
    "Root Mean Square Layer Normalization, arXiv 1910.07467", NULL};

const mock_class mock_class_rmsnorm = {
    .name = "rmsnorm",
    .title = "root mean square normalisation of each token",
    .param = params,
    .n_params = MOCK_RMSNORM_N_PARAMS,
    .route = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .formula = "h = x + residual or x; out = h / sqrt(mean(h^2) + 1e-6) * weight",
    .paper = papers,
    .slot = slots,
    .n_slots = 2,
    .needs_cache = {false, false},
    .plan = plan,
    .fill = mock_fill_nothing,
    .reference = reference,
    .depth = depth,
};
