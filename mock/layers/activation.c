/* solcheck - mock layer activation: silu(gate) * up between the two layers of an MLP, or
 * silu alone. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#include <config.h>

#include <math.h>

#include "mock/layers/layers.h"

static const mock_param params[] = {MOCK_ACTIVATION_PARAMS(MOCK_PARAM_ENTRY)};
static const char *const slots[] = {"act"};

enum { X_IN };

static sc_status plan(const mock_case *c, mock_tensor *tensor, int *n, sc_diag *diag)
{
    sc_status status = mock_plan_check(&mock_class_activation, c, diag);
    if (status)
        return status;
    mock_tensor list[MOCK_MAX_TENSORS];
    int count = 0;
    int64_t t = mock_case_tokens(c), width = c->param[MOCK_ACTIVATION_INTER];
    int64_t halves = 1 + c->param[MOCK_ACTIVATION_GATED];
    mock_plan_add(list, &count, "x", MOCK_INPUT, c->dtype[0], 1,
                  MOCK_DIMS(t, halves * width));
    mock_plan_add(list, &count, "out", MOCK_OUTPUT, c->dtype[0], 1, MOCK_DIMS(t, width));
    return mock_plan_deliver(list, count, tensor, n, diag);
}

static sc_status reference(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out, sc_diag *diag)
{
    (void)diag;
    int64_t width = c->param[MOCK_ACTIVATION_INTER];
    bool gated = c->param[MOCK_ACTIVATION_GATED] != 0;
    for (int64_t i = 0; i < n_rows; i++)
        for (int64_t e = 0; e < width; e++) {
            int64_t at = row[i] * width * (gated ? 2 : 1) + e;
            double gate = mock_get(host[X_IN], c->dtype[0], at);
            double up = gated ? mock_get(host[X_IN], c->dtype[0], at + width) : 1;
            out[i * width + e] = gate / (1 + exp(-gate)) * up;
        }
    return SC_OK;
}

static int64_t depth(const mock_case *c)
{
    (void)c;
    return 1;
}

static const mock_route routes[] = {
    {"silu",
     80,
     MOCK_SM_ANY,
     {true, true},
     "elementwise, 16 bytes at a time where rows allow; silu_mul: gated"},
    {"cpu_silu", 0, 0, {true, true}, "row by row"},
};
static const char *const papers[] = {
    "GLU Variants Improve Transformer, arXiv 2002.05202, section 2", NULL};

const mock_class mock_class_activation = {
    .name = "activation",
    .title = "SiLU of the gate times the up projection",
    .param = params,
    .n_params = MOCK_ACTIVATION_N_PARAMS,
    .route = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .formula = "out = silu(gate) * up, or silu(x) where gated = 0",
    .paper = papers,
    .slot = slots,
    .n_slots = 1,
    .needs_cache = {false, false},
    .plan = plan,
    .fill = mock_fill_nothing,
    .reference = reference,
    .depth = depth,
};
