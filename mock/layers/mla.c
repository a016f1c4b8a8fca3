/* solcheck - mock layer mla: multi-head latent attention (DeepSeek-V2, arXiv 2405.04434,
 * section 2.1). Context runs on expanded heads, generation in the absorbed form on the
 * latent cache, where all heads share one key and its first kv_lora_rank elements are the
 * value too.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"

static const mock_param params[] = {MOCK_MLA_PARAMS(MOCK_PARAM_ENTRY)};
static const char *const slots[] = {"attn", "kv"};

static mock_attend_at tensors(const mock_case *c)
{
    return mock_attend_tensors(true, c);
}

/* Width of a query, and of a key. */
static int64_t key_width(const mock_case *c)
{
    return c->param[c->phase == SOL_CONTEXT ? MOCK_MLA_NOPE : MOCK_MLA_LORA] +
           c->param[MOCK_MLA_ROPE];
}

static int64_t value_width(const mock_case *c)
{
    return c->param[c->phase == SOL_CONTEXT ? MOCK_MLA_V : MOCK_MLA_LORA];
}

static void plan_tensors(const mock_case *c, const mock_attend_at *at, mock_tensor *list)
{
    int64_t t = mock_case_tokens(c), h = c->param[MOCK_MLA_HEADS];
    int64_t rope = c->param[MOCK_MLA_ROPE], nope = c->param[MOCK_MLA_NOPE];
    int64_t lora = c->param[MOCK_MLA_LORA], dv = value_width(c);
    sol_dtype attn = c->dtype[0];
    /* The softmax scale is that of the expanded heads; this keeps the scores at N(0,1).
     */
    double scale = sqrt((double)(nope + rope) / (double)key_width(c));
    mock_attend_put(list, at->q, "q", MOCK_INPUT, attn, scale,
                    MOCK_DIMS(t, h, key_width(c)));
    mock_attend_put(list, at->k, "k_nope", MOCK_INPUT, attn, 1, MOCK_DIMS(t, h, nope));
    mock_attend_put(list, at->k_rope, "k_rope", MOCK_INPUT, attn, 1, MOCK_DIMS(t, rope));
    mock_attend_put(list, at->v, "v", MOCK_INPUT, attn, 1, MOCK_DIMS(t, h, dv));
    mock_attend_put(list, at->latent, "latent", MOCK_INPUT, attn, 1, MOCK_DIMS(t, lora));
    mock_attend_put(list, at->k_pool, "pool", MOCK_CACHE, c->dtype[1],
                    1 / mock_attend_scale(c, false),
                    MOCK_DIMS(mock_plan_blocks(c), MOCK_KV_BLOCK, lora + rope));
    mock_attend_put(list, at->out, "out", MOCK_OUTPUT, attn, 1, MOCK_DIMS(t, h * dv));
    mock_attend_plan(c, at, rope, list);
}

static sc_status plan(const mock_case *c, mock_tensor *tensor, int *n, sc_diag *diag)
{
    sc_status status = mock_plan_check(&mock_class_mla, c, diag);
    if (!status)
        status = mock_attend_check(c, c->param[MOCK_MLA_ROPE], diag);
    if (status)
        return status;
    mock_tensor list[MOCK_MAX_TENSORS];
    mock_attend_at at = tensors(c);
    plan_tensors(c, &at, list);
    return mock_plan_deliver(list, at.n, tensor, n, diag);
}

static sc_status fill(const mock_case *c, void *const host[], sc_diag *diag)
{
    mock_attend_at at = tensors(c);
    return mock_attend_fill(c, &at, c->param[MOCK_MLA_ROPE], host, diag);
}

static void load_expanded(const void *user, int64_t token, double *key, double *value)
{
    const mock_attend_place *p = user;
    const mock_case *c = p->c;
    int64_t nope = c->param[MOCK_MLA_NOPE], rope = c->param[MOCK_MLA_ROPE];
    int64_t vd = c->param[MOCK_MLA_V], at = p->first + token;
    int64_t wide = at * c->param[MOCK_MLA_HEADS] + p->head;
    const mock_piece keys[] = {{p->at.k, wide * nope, nope, false},
                               {p->at.k_rope, at * rope, rope, true}};
    const mock_piece values = {p->at.v, wide * vd, vd, false};
    if (key) {
        mock_attend_new(p, at, keys, 2, key);
        mock_attend_round(p, false, false, nope + rope, key);
    }
    if (value)
        mock_attend_new(p, at, &values, 1, value);
}

/* The first n numbers of what a new token appends to the cache, not rounded. */
static void load_new(const mock_attend_place *p, int64_t token, int64_t n, double *out)
{
    int64_t lora = p->c->param[MOCK_MLA_LORA], rope = p->c->param[MOCK_MLA_ROPE];
    const mock_piece pieces[] = {{p->at.latent, token * lora, lora, false},
                                 {p->at.k_rope, token * rope, rope, true}};
    mock_attend_new(p, token, pieces, n > lora ? 2 : 1, out);
}

static void load_part(const mock_attend_place *p, int64_t token, int64_t n, double *out)
{
    const mock_case *c = p->c;
    int64_t width = c->param[MOCK_MLA_LORA] + c->param[MOCK_MLA_ROPE];
    if (c->scope == MOCK_SCOPE_OP && token + 1 == p->length) {
        load_new(p, p->request, n, out);
        mock_attend_round(p, true, false, n, out);
        return;
    }
    int64_t at =
        mock_ref_slot(p->host[p->at.table], mock_plan_width(c), p->request, token);
    mock_attend_cached(p, p->at.k_pool, at * width, n, out);
}

static void load_latent(const void *user, int64_t token, double *key, double *value)
{
    const mock_attend_place *p = user;
    if (key)
        load_part(p, token, key_width(p->c), key);
    if (value)
        load_part(p, token, value_width(p->c), value);
}

static sc_status reference(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out, sc_diag *diag)
{
    int64_t h = c->param[MOCK_MLA_HEADS], rope = c->param[MOCK_MLA_ROPE];
    mock_attend_place p = {.c = c, .host = host, .at = tensors(c)};
    mock_ref_head head = {.dqk = key_width(c),
                          .dv = value_width(c),
                          .scale = 1 / sqrt((double)(c->param[MOCK_MLA_NOPE] + rope)),
                          .load = c->phase == SOL_CONTEXT ? load_expanded : load_latent,
                          .user = &p};
    double *q = sc_reallocarray(NULL, (size_t)head.dqk, sizeof *q);
    if (!q)
        return sc_diag_nomem(diag);
    sc_status status = SC_OK;
    for (int64_t i = 0; !status && i < n_rows; i++) {
        int64_t seen = mock_attend_see(&p, row[i], true, 0);
        for (int64_t j = 0; !status && j < h; j++) {
            int64_t at = (row[i] * h + j) * head.dqk;
            const mock_piece pieces[] = {{p.at.q, at, head.dqk - rope, false},
                                         {p.at.q, at + head.dqk - rope, rope, true}};
            p.head = j;
            mock_attend_new(&p, row[i], pieces, 2, q);
            mock_attend_round(&p, false, false, head.dqk, q);
            status = mock_ref_attend(&head, q, seen, out + (i * h + j) * head.dv, diag);
        }
    }
    sc_free(q);
    return status;
}

/* out[lora+rope] */
static void appended(const mock_case *c, const void *const host[], int tensor,
                     int64_t token, double *out)
{
    int64_t width = c->param[MOCK_MLA_LORA] + c->param[MOCK_MLA_ROPE];
    mock_attend_place p = {.c = c, .host = host, .at = tensors(c)};
    (void)tensor; /* there is one pool */
    load_new(&p, token, width, out);
    for (int64_t e = 0; e < width; e++)
        out[e] /= mock_attend_factor(&p, false);
}

static int64_t depth(const mock_case *c)
{
    return c->s + c->param[MOCK_MLA_ROPE] +
           c->param[c->phase == SOL_CONTEXT ? MOCK_MLA_NOPE : MOCK_MLA_LORA];
}

static const mock_route routes[] = {
    {"flash_wgmma",
     90,
     90,
     {true, false},
     "heads of 192 and 128, tiles by TMA, products by wgmma"},
    {"flash_mma",
     80,
     MOCK_SM_ANY,
     {true, false},
     "heads of 192 and 128, tiles by cp.async, products by mma; requests of at most "
     "16 tokens in tiles of 16 rows"},
    {"cudnn",
     80,
     MOCK_SM_ANY,
     {true, false},
     "cuDNN's fused attention on keys put side by side (concat_k): --route cudnn, and "
     "what the others lack"},
    {"latent_wgmma",
     90,
     90,
     {false, true},
     "absorbed MQA over the paged latent cache, 64 heads a tile, wgmma"},
    {"latent_mma",
     80,
     MOCK_SM_ANY,
     {false, true},
     "absorbed MQA over the paged latent cache, 16 to 64 heads a tile, mma"},
    {"cpu_flash", 0, 0, {true, false}, "online softmax over blocks of keys"},
    {"cpu_paged_split_kv", 0, 0, {false, true}, "parts of the cache, merged"},
};
static const char *const papers[] = {
    "DeepSeek-V2, arXiv 2405.04434, section 2.1.2 and appendix C", NULL};

const mock_class mock_class_mla = {
    .name = "mla",
    .title = "multi-head latent attention, attention kernel only",
    .param = params,
    .n_params = MOCK_MLA_N_PARAMS,
    .route = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .formula = "context: softmax(q [k_nope, k_rope]^T / sqrt(nope + rope)) v; "
               "generation: the same with q and v absorbed, over the latent cache",
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
