/* solcheck - mock layer attention: MHA, GQA and MQA; packed context, paged generation.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>

#include "mock/layers/layers.h"

static const mock_param params[] = {MOCK_ATTENTION_PARAMS(MOCK_PARAM_ENTRY)};
static const char *const slots[] = {"attn", "kv"};

static mock_attend_at tensors(const mock_case *c)
{
    return mock_attend_tensors(false, c);
}

static void plan_tensors(const mock_case *c, const mock_attend_at *at, mock_tensor *list)
{
    int64_t t = mock_case_tokens(c), h = c->param[MOCK_ATTENTION_HEADS];
    int64_t hkv = c->param[MOCK_ATTENTION_KV_HEADS], d = c->param[MOCK_ATTENTION_DIM];
    sol_dtype attn = c->dtype[0], kv = c->dtype[1];
    bool fresh = c->scope == MOCK_SCOPE_OP; /* else keys are as a cache has them */
    double k_scale = 1 / mock_attend_scale(c, false),
           v_scale = 1 / mock_attend_scale(c, true);
    mock_attend_put(list, at->q, "q", MOCK_INPUT, attn, 1, MOCK_DIMS(t, h, d));
    mock_attend_put(list, at->k, "k", MOCK_INPUT, fresh ? attn : kv, fresh ? 1 : k_scale,
                    MOCK_DIMS(t, hkv, d));
    mock_attend_put(list, at->v, "v", MOCK_INPUT, fresh ? attn : kv, fresh ? 1 : v_scale,
                    MOCK_DIMS(t, hkv, d));
    const int64_t *pool = MOCK_DIMS(mock_plan_blocks(c), MOCK_KV_BLOCK, hkv, d);
    mock_attend_put(list, at->k_pool, "k_pool", MOCK_CACHE, kv, k_scale, pool);
    mock_attend_put(list, at->v_pool, "v_pool", MOCK_CACHE, kv, v_scale, pool);
    mock_attend_put(list, at->out, "out", MOCK_OUTPUT, attn, 1, MOCK_DIMS(t, h * d));
    mock_attend_plan(c, at, d, list);
}

static sc_status plan(const mock_case *c, mock_tensor *tensor, int *n, sc_diag *diag)
{
    sc_status status = mock_plan_check(&mock_class_attention, c, diag);
    if (!status)
        status = mock_attend_check(c, c->param[MOCK_ATTENTION_DIM], diag);
    if (status)
        return status;
    int64_t h = c->param[MOCK_ATTENTION_HEADS], hkv = c->param[MOCK_ATTENTION_KV_HEADS];
    if (h % hkv)
        return sc_diag_fail(diag, SC_EINVAL, SC3005,
                            "num_kv_heads %lld does not divide num_heads %lld",
                            (long long)hkv, (long long)h);
    if (c->param[MOCK_ATTENTION_WINDOW] && !c->param[MOCK_ATTENTION_CAUSAL])
        return sc_diag_fail(diag, SC_EINVAL, SC3005, "a window needs causal attention");
    mock_tensor list[MOCK_MAX_TENSORS];
    mock_attend_at at = tensors(c);
    plan_tensors(c, &at, list);
    return mock_plan_deliver(list, at.n, tensor, n, diag);
}

static sc_status fill(const mock_case *c, void *const host[], sc_diag *diag)
{
    mock_attend_at at = tensors(c);
    return mock_attend_fill(c, &at, c->param[MOCK_ATTENTION_DIM], host, diag);
}

/* Key or value of a new token, as it is before it is rounded. */
static void load_new(const mock_attend_place *p, int64_t token, bool value, double *out)
{
    int64_t hkv = p->c->param[MOCK_ATTENTION_KV_HEADS];
    int64_t d = p->c->param[MOCK_ATTENTION_DIM];
    const mock_piece piece = {value ? p->at.v : p->at.k, (token * hkv + p->head) * d, d,
                              !value};
    mock_attend_new(p, token, &piece, 1, out);
}

static void load_one(const mock_attend_place *p, int64_t token, bool value, double *out)
{
    const mock_case *c = p->c;
    int64_t hkv = c->param[MOCK_ATTENTION_KV_HEADS], d = c->param[MOCK_ATTENTION_DIM];
    bool context = c->phase == SOL_CONTEXT;
    if (context || (c->scope == MOCK_SCOPE_OP && token + 1 == p->length)) {
        load_new(p, context ? p->first + token : p->request, value, out);
        mock_attend_round(p, !context, value, d, out);
        return;
    }
    int64_t at =
        mock_ref_slot(p->host[p->at.table], mock_plan_width(c), p->request, token);
    mock_attend_cached(p, value ? p->at.v_pool : p->at.k_pool, (at * hkv + p->head) * d,
                       d, out);
}

static void load(const void *user, int64_t token, double *key, double *value)
{
    const mock_attend_place *p = user;
    if (key)
        load_one(p, p->skip + token, false, key);
    if (value)
        load_one(p, p->skip + token, true, value);
}

static sc_status reference(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out, sc_diag *diag)
{
    int64_t h = c->param[MOCK_ATTENTION_HEADS], d = c->param[MOCK_ATTENTION_DIM];
    int64_t group = h / c->param[MOCK_ATTENTION_KV_HEADS];
    mock_attend_place p = {.c = c, .host = host, .at = tensors(c)};
    mock_ref_head head = {d, d, 1 / sqrt((double)d), load, &p};
    double q[1024]; /* the range of head_dim */
    for (int64_t i = 0; i < n_rows; i++) {
        int64_t seen = mock_attend_see(&p, row[i], c->param[MOCK_ATTENTION_CAUSAL],
                                       c->param[MOCK_ATTENTION_WINDOW]);
        for (int64_t j = 0; j < h; j++) {
            const mock_piece piece = {p.at.q, (row[i] * h + j) * d, d, true};
            p.head = j / group;
            mock_attend_new(&p, row[i], &piece, 1, q);
            mock_attend_round(&p, false, false, d, q);
            sc_status status =
                mock_ref_attend(&head, q, seen, out + (i * h + j) * d, diag);
            if (status)
                return status;
        }
    }
    return SC_OK;
}

/* out[Hkv,d] */
static void appended(const mock_case *c, const void *const host[], int tensor,
                     int64_t token, double *out)
{
    int64_t d = c->param[MOCK_ATTENTION_DIM];
    mock_attend_place p = {.c = c, .host = host, .at = tensors(c)};
    bool value = tensor == p.at.v_pool;
    for (; p.head < c->param[MOCK_ATTENTION_KV_HEADS]; p.head++, out += d) {
        load_new(&p, token, value, out);
        for (int64_t e = 0; e < d; e++)
            out[e] /= mock_attend_factor(&p, value);
    }
}

static int64_t depth(const mock_case *c)
{
    return c->s + c->param[MOCK_ATTENTION_DIM];
}

static const mock_route routes[] = {
    {"flash_wgmma",
     90,
     90,
     {true, false},
     "tiles by TMA, products by wgmma, heads packed where groups share keys"},
    {"flash_mma",
     80,
     MOCK_SM_ANY,
     {true, false},
     "tiles by cp.async, products by mma: what wgmma does not have, and other GPUs; "
     "requests of at most 16 tokens in tiles of 16 rows"},
    {"cudnn",
     80,
     MOCK_SM_ANY,
     {true, false},
     "cuDNN's fused attention: --route cudnn, and other widths of heads"},
    {"paged_mma",
     80,
     MOCK_SM_ANY,
     {false, true},
     "paged cache, the heads of a group in one tile, split over the keys where requests "
     "are few"},
    {"cpu_flash", 0, 0, {true, false}, "online softmax over blocks of keys"},
    {"cpu_paged_split_kv", 0, 0, {false, true}, "parts of the cache, merged"},
};
static const char *const papers[] = {
    "Attention Is All You Need, arXiv 1706.03762, section 3.2",
    "FlashAttention-2, arXiv 2307.08691", "GQA, arXiv 2305.13245, section 2.2", NULL};

const mock_class mock_class_attention = {
    .name = "attention",
    .title = "attention over a packed context or a paged KV cache",
    .param = params,
    .n_params = MOCK_ATTENTION_N_PARAMS,
    .route = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .formula = "out = softmax(q k^T / sqrt(head_dim)) v, causal or not, over a window "
               "where it is set",
    .paper = papers,
    .slot = slots,
    .n_slots = 2,
    .needs_cache = {false, true},
    .fp8 = {false, true},
    .scoped = true,
    .routed = true,
    .plan = plan,
    .fill = fill,
    .reference = reference,
    .appended = appended,
    .depth = depth,
};
