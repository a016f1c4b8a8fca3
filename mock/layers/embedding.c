/* solcheck - mock layer embedding: one row of the table a token, tokens drawn from all of
 * it. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
 */
#include <config.h>

#include "mock/layers/layers.h"
#include "mock/number.h"
#include "mock/random.h"

static const mock_param params[] = {MOCK_EMBEDDING_PARAMS(MOCK_PARAM_ENTRY)};
static const char *const slots[] = {"act"};

enum { TOKEN, WEIGHT };

static sc_status plan(const mock_case *c, mock_tensor *tensor, int *n, sc_diag *diag)
{
    sc_status status = mock_plan_check(&mock_class_embedding, c, diag);
    if (status)
        return status;
    mock_tensor list[MOCK_MAX_TENSORS];
    int count = 0;
    int64_t t = mock_case_tokens(c), d = c->param[MOCK_EMBEDDING_HIDDEN];
    mock_plan_add(list, &count, "token", MOCK_INDEX, SOL_INT32, 0, MOCK_DIMS(t));
    mock_plan_add(list, &count, "weight", MOCK_WEIGHT, c->dtype[0], 1,
                  MOCK_DIMS(c->param[MOCK_EMBEDDING_VOCAB], d));
    mock_plan_add(list, &count, "out", MOCK_OUTPUT, c->dtype[0], 1, MOCK_DIMS(t, d));
    return mock_plan_deliver(list, count, tensor, n, diag);
}

static sc_status fill(const mock_case *c, void *const host[], sc_diag *diag)
{
    (void)diag;
    int64_t t = mock_case_tokens(c);
    uint64_t key = mock_mix64(c->seed), vocab = (uint64_t)c->param[MOCK_EMBEDDING_VOCAB];
    int32_t *token = host[TOKEN];
    for (int64_t i = 0; i < t; i++)
        token[i] = (int32_t)(mock_mix64(key + (uint64_t)i) % vocab);
    return SC_OK;
}

static sc_status reference(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out, sc_diag *diag)
{
    (void)diag;
    int64_t d = c->param[MOCK_EMBEDDING_HIDDEN];
    const int32_t *token = host[TOKEN];
    for (int64_t i = 0; i < n_rows; i++)
        mock_load_double(host[WEIGHT], c->dtype[0], token[row[i]] * d, d, out + i * d);
    return SC_OK;
}

static int64_t depth(const mock_case *c)
{
    (void)c;
    return 1;
}

static const mock_route routes[] = {
    {"gather",
     80,
     MOCK_SM_ANY,
     {true, true},
     "a row a block, 16 bytes at a time where rows allow"},
    {"cpu_gather", 0, 0, {true, true}, "row by row"},
};
static const char *const papers[] = {
    "Attention Is All You Need, arXiv 1706.03762, section 3.4", NULL};

const mock_class mock_class_embedding = {
    .name = "embedding",
    .title = "rows of the token table",
    .param = params,
    .n_params = MOCK_EMBEDDING_N_PARAMS,
    .route = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .formula = "out[t] = weight[token[t]]",
    .paper = papers,
    .slot = slots,
    .n_slots = 1,
    .needs_cache = {false, false},
    .plan = plan,
    .fill = fill,
    .reference = reference,
    .depth = depth,
};
