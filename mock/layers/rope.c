/* solcheck - mock layer rope: rotary position embedding of queries and keys (arXiv
 * 2104.09864, section 3.4.2), halves of a head as pairs. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>

#include "mock/layers/layers.h"

static const mock_param params[] = {MOCK_ROPE_PARAMS(MOCK_PARAM_ENTRY)};
static const char *const slots[] = {"act"};

enum { X_IN, POSITION, COS_SIN };

static sc_status plan(const mock_case *c, mock_tensor *tensor, int *n, sc_diag *diag)
{
    sc_status status = mock_plan_check(&mock_class_rope, c, diag);
    if (status)
        return status;
    mock_tensor list[MOCK_MAX_TENSORS];
    int count = 0;
    int64_t t = mock_case_tokens(c), d = c->param[MOCK_ROPE_DIM];
    int64_t heads = c->param[MOCK_ROPE_HEADS] + c->param[MOCK_ROPE_KV_HEADS];
    if (d % 2)
        return sc_diag_fail(diag, SC_EINVAL, SC3005, "rotary_dim %lld is odd",
                            (long long)d);
    mock_plan_add(list, &count, "x", MOCK_INPUT, c->dtype[0], 1, MOCK_DIMS(t, heads, d));
    mock_plan_add(list, &count, "position", MOCK_INDEX, SOL_INT32, 0, MOCK_DIMS(t));
    mock_plan_add(list, &count, "cos_sin", MOCK_INDEX, SOL_FP32, 0, MOCK_DIMS(c->s, d));
    mock_plan_add(list, &count, "out", MOCK_OUTPUT, c->dtype[0], 1,
                  MOCK_DIMS(t, heads * d));
    return mock_plan_deliver(list, count, tensor, n, diag);
}

static sc_status fill(const mock_case *c, void *const host[], sc_diag *diag)
{
    (void)diag;
    mock_fill_positions(c, host[POSITION]);
    mock_fill_turns(host[COS_SIN], c->s, c->param[MOCK_ROPE_DIM]);
    return SC_OK;
}

static sc_status reference(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out, sc_diag *diag)
{
    (void)diag;
    int64_t d = c->param[MOCK_ROPE_DIM], half = d / 2;
    int64_t heads = c->param[MOCK_ROPE_HEADS] + c->param[MOCK_ROPE_KV_HEADS];
    const int32_t *position = host[POSITION];
    for (int64_t i = 0; i < n_rows; i++) {
        const float *turn = (const float *)host[COS_SIN] + position[row[i]] * d;
        for (int64_t e = 0; e < heads * d; e++) {
            int64_t pair = e % d % half, at = row[i] * heads * d + e;
            bool first = e % d < half;
            double x = mock_get(host[X_IN], c->dtype[0], at);
            double y = mock_get(host[X_IN], c->dtype[0], first ? at + half : at - half);
            double cosine = turn[pair], sine = turn[half + pair];
            out[i * heads * d + e] = x * cosine + (first ? -y : y) * sine;
        }
    }
    return SC_OK;
}

static int64_t depth(const mock_case *c)
{
    (void)c;
    return 2;
}

static const mock_route routes[] = {
    {"rope",
     80,
     MOCK_SM_ANY,
     {true, true},
     "an element pair a thread, 16 bytes at a time where rows allow"},
    {"cpu_rope", 0, 0, {true, true}, "row by row"},
};
static const char *const papers[] = {"RoFormer, arXiv 2104.09864, section 3.2.2", NULL};

const mock_class mock_class_rope = {
    .name = "rope",
    .title = "rotary position embedding of queries and keys",
    .param = params,
    .n_params = MOCK_ROPE_N_PARAMS,
    .route = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .formula =
        "element i < r/2 is rotated with element i + r/2 by position * 10000^(-2i/r)",
    .paper = papers,
    .slot = slots,
    .n_slots = 1,
    .needs_cache = {false, false},
    .plan = plan,
    .fill = fill,
    .reference = reference,
    .depth = depth,
};
