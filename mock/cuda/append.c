/* solcheck - host of append.cu: what a case does before its attention kernel runs. The
 * kernel finds queries and keys, turned or made wide, where exec->ptr then points.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <string.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"

struct cuda_fresh_state {
    cuda_fresh_args args;
    int kind;
    void *memory; /* device: what exec->ptr points to instead of the inputs */
    /* fp8 keys and values of the context phase, n numbers each. */
    const void *narrow[2];
    void *wide[2];
    int64_t n_wide;
};

static void add_part(cuda_fresh_args *a, cuda_fresh_part part)
{
    part.units = part.heads * part.width / (part.turned ? 16 : 8);
    a->part[a->n_parts++] = part;
}

/* Numbers of 16 bits further on; NULL stays NULL. */
static void *ahead(void *p, int64_t n)
{
    return p ? (uint16_t *)p + n : NULL;
}

static void parts_of_attention(mock_exec *exec, const mock_attend_at *at, void *q,
                               void *k, cuda_fresh_args *a)
{
    const int64_t *p = exec->c->param;
    void *const *t = exec->ptr;
    int h = (int)p[MOCK_ATTENTION_HEADS], hkv = (int)p[MOCK_ATTENTION_KV_HEADS];
    int d = (int)p[MOCK_ATTENTION_DIM];
    int64_t row = (int64_t)hkv * d;
    add_part(a, (cuda_fresh_part){t[at->q], q, NULL, 0, h, d, d, 1, 0, 0});
    add_part(a, (cuda_fresh_part){t[at->k], k, t[at->k_pool], row, hkv, d, d, 1, 0, 0});
    add_part(a,
             (cuda_fresh_part){t[at->v], NULL, t[at->v_pool], row, hkv, d, d, 0, 1, 0});
}

static void parts_of_mla(mock_exec *exec, const mock_attend_at *at, void *q, void *k,
                         cuda_fresh_args *a)
{
    const int64_t *p = exec->c->param;
    void *const *t = exec->ptr;
    bool context = exec->c->phase == SOL_CONTEXT;
    int h = (int)p[MOCK_MLA_HEADS], rope = (int)p[MOCK_MLA_ROPE];
    int lora = (int)p[MOCK_MLA_LORA], plain = context ? (int)p[MOCK_MLA_NOPE] : lora;
    int64_t row = lora + rope, number_B = a->scale ? 1 : 2;
    char *pool = t[at->k_pool];
    add_part(a, (cuda_fresh_part){t[at->q], q, NULL, 0, h, plain, plain + rope, 0, 0, 0});
    add_part(a, (cuda_fresh_part){ahead(t[at->q], plain), ahead(q, plain), NULL, 0, h,
                                  rope, plain + rope, 1, 0, 0});
    add_part(a,
             (cuda_fresh_part){t[at->latent], NULL, pool, row, 1, lora, lora, 0, 0, 0});
    add_part(a, (cuda_fresh_part){t[at->k_rope], k, pool + lora * number_B, row, 1, rope,
                                  rope, 1, 0, 0});
}

/* Numbers of q, and of keys that are turned for the attention itself. */
static void sizes(const mock_exec *exec, bool mla, int64_t *q, int64_t *k)
{
    const int64_t *p = exec->c->param, tokens = cuda_tokens(exec->c);
    bool context = exec->c->phase == SOL_CONTEXT;
    if (mla) {
        *q = tokens * p[MOCK_MLA_HEADS] *
             (p[context ? MOCK_MLA_NOPE : MOCK_MLA_LORA] + p[MOCK_MLA_ROPE]);
        *k = context ? tokens * p[MOCK_MLA_ROPE] : 0;
    } else {
        *q = tokens * p[MOCK_ATTENTION_HEADS] * p[MOCK_ATTENTION_DIM];
        *k = context ? tokens * p[MOCK_ATTENTION_KV_HEADS] * p[MOCK_ATTENTION_DIM] : 0;
    }
}

static sc_status prepare_op(mock_exec *exec, bool mla, const mock_attend_at *at,
                            sc_diag *diag)
{
    struct cuda_fresh_state *state = exec->fresh;
    cuda_fresh_args *a = &state->args;
    int64_t n_q, n_k, rope = exec->c->param[mla ? MOCK_MLA_ROPE : MOCK_ATTENTION_DIM];
    if (rope % 16)
        return cuda_refuse(diag, "RoPE over %lld numbers, no multiple of 16",
                           (long long)rope);
    if (mla && (exec->c->param[MOCK_MLA_NOPE] % 8 || exec->c->param[MOCK_MLA_LORA] % 8))
        return cuda_refuse(diag, "parts of a head that are no multiple of 8");
    sizes(exec, mla, &n_q, &n_k);
    sc_status status =
        cuda_alloc(exec->dev, (size_t)(n_q + n_k) * 2, &state->memory, diag);
    if (status)
        return status;
    void *q = state->memory, *k = n_k ? ahead(q, n_q) : NULL;
    *a = (cuda_fresh_args){.tokens = cuda_tokens(exec->c),
                           .position = exec->ptr[at->position],
                           .slot = exec->ptr[at->slot],
                           .turns = exec->ptr[at->cos_sin],
                           .scale = at->scale >= 0 ? exec->ptr[at->scale] : NULL};
    if (mla)
        parts_of_mla(exec, at, q, k, a);
    else
        parts_of_attention(exec, at, q, k, a);
    exec->ptr[at->q] = q;
    if (k)
        exec->ptr[mla ? at->k_rope : at->k] = k;
    return SC_OK;
}

/* Context of attention on fp8 keys and values: the kernels multiply 16-bit numbers. */
static sc_status prepare_wide(mock_exec *exec, const mock_attend_at *at, sc_diag *diag)
{
    struct cuda_fresh_state *state = exec->fresh;
    const int64_t *p = exec->c->param;
    int64_t n = cuda_tokens(exec->c) * p[MOCK_ATTENTION_KV_HEADS] * p[MOCK_ATTENTION_DIM];
    if (p[MOCK_ATTENTION_DIM] % 16)
        return cuda_refuse(diag, "fp8 heads of %lld, no multiple of 16",
                           (long long)p[MOCK_ATTENTION_DIM]);
    sc_status status = cuda_alloc(exec->dev, (size_t)n * 4, &state->memory, diag);
    if (status)
        return status;
    const int tensor[2] = {at->k, at->v};
    state->n_wide = n;
    state->args.scale = exec->ptr[at->scale];
    for (int i = 0; i < 2; i++) {
        state->narrow[i] = exec->ptr[tensor[i]];
        exec->ptr[tensor[i]] = state->wide[i] = ahead(state->memory, i * n);
    }
    return SC_OK;
}

sc_status cuda_fresh_prepare(mock_exec *exec, const char *layer, const char **what,
                             sc_diag *diag)
{
    const mock_case *c = exec->c;
    bool mla = strcmp(layer, "mla") == 0, op = c->scope == MOCK_SCOPE_OP;
    bool fp8 = c->dtype[1] == SOL_FP8, context = c->phase == SOL_CONTEXT;
    if (!mla && strcmp(layer, "attention") != 0)
        return SC_OK;
    int kind = 0;
    sc_status status = cuda_kind_of_case(c, fp8 ? 1 : 2, &kind, diag);
    if (status || (!op && (mla || !fp8 || !context)))
        return status;
    exec->fresh = sc_calloc(1, sizeof *exec->fresh);
    if (!exec->fresh)
        return sc_diag_nomem(diag);
    exec->fresh->kind = kind;
    mock_attend_at at = mock_attend_tensors(mla, c);
    *what = op ? "rope_append+" : "widen_fp8+";
    return op ? prepare_op(exec, mla, &at, diag) : prepare_wide(exec, &at, diag);
}

sc_status cuda_fresh_launch(mock_exec *exec, sc_diag *diag)
{
    const struct cuda_fresh_state *state = exec->fresh;
    cudaStream_t stream = exec->dev->stream;
    sc_status status = SC_OK;
    if (!state)
        return SC_OK;
    if (state->args.n_parts > 0)
        return CU(cuda_fresh(&state->args, state->kind, stream), diag);
    for (int i = 0; i < 2 && !status; i++)
        status = CU(cuda_widen(state->narrow[i], state->wide[i], state->n_wide,
                               state->args.scale + i, state->kind, stream),
                    diag);
    return status;
}

void cuda_fresh_release(mock_exec *exec)
{
    if (exec->fresh)
        cudaFree(exec->fresh->memory);
    sc_free(exec->fresh);
    exec->fresh = NULL;
}
