/* solcheck - CPU kernels of scope op: RoPE on new tokens and the append to the cache, in
 * front of the attention. A task is a token.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "mock/cpu/cpu.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

float mock_cpu_cache_scale(const mock_exec *exec, const mock_attend_at *at, bool values)
{
    return at->scale >= 0 ? ((const float *)exec->ptr[at->scale])[values] : 1;
}

/* Pairs (i, i + n/2), as the layer rope has them. */
static void turn(const mock_exec *exec, int64_t token, int64_t n, float *x)
{
    const float *cosine = exec->turns + exec->position[token] * n;
    const float *sine = cosine + n / 2;
    for (int64_t i = 0; i < n / 2; i++) {
        float a = x[i], b = x[n / 2 + i];
        x[i] = a * cosine[i] - b * sine[i];
        x[n / 2 + i] = b * cosine[i] + a * sine[i];
    }
}

static void append_part(const mock_exec *exec, const mock_cpu_fresh *part, int64_t token,
                        float *x)
{
    sol_dtype attn = exec->c->dtype[0], kv = exec->c->dtype[1];
    for (int64_t h = 0; h < part->heads; h++) {
        int64_t at = (token * part->heads + h) * part->from_stride;
        mock_load_float(part->from, attn, at, part->width, x);
        if (part->turned)
            turn(exec, token, part->width, x);
        if (part->to)
            mock_store_float(part->to, attn, at, part->width, x);
        for (int64_t e = 0; part->pool && e < part->width; e++)
            x[e] /= part->scale;
        if (part->pool)
            mock_store_float(part->pool, kv,
                             exec->slot[token] * part->pool_stride + h * part->width,
                             part->width, x);
    }
}

void mock_cpu_append_task(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    float *room = mock_cpu_scratch(exec, thread);
    for (int i = 0; i < exec->n_fresh; i++)
        append_part(exec, &exec->fresh[i], task, room);
}

/* An element of a tensor further on. */
static void *at_element(void *data, sol_dtype dtype, int64_t i)
{
    return (char *)data + (size_t)i * (size_t)sol_dtype_bits(dtype) / 8;
}

/* Memory for turned queries and keys; queries first. */
static sc_status alloc_turned(mock_exec *exec, int64_t n_q, int64_t n_k, void **k,
                              sc_diag *diag)
{
    sol_dtype attn = exec->c->dtype[0];
    size_t size_B = (size_t)(n_q + n_k) * (size_t)sol_dtype_bits(attn) / 8;
    sc_status status = mock_cpu_alloc(exec->dev, size_B, &exec->turned, diag);
    if (!status)
        *k = n_k ? at_element(exec->turned, attn, n_q) : NULL;
    return status;
}

static void use_indices(mock_exec *exec, const mock_attend_at *at)
{
    exec->turns = exec->ptr[at->cos_sin];
    exec->position = exec->ptr[at->position];
    exec->slot = exec->ptr[at->slot];
}

sc_status mock_cpu_fresh_attention(mock_exec *exec, const mock_attend_at *at,
                                   sc_diag *diag)
{
    mock_cpu_attend *p = &exec->attend;
    const mock_case *c = exec->c;
    int64_t t = mock_case_tokens(c), d = c->param[MOCK_ATTENTION_DIM];
    bool context = c->phase == SOL_CONTEXT;
    void *k = NULL;
    sc_status status =
        alloc_turned(exec, t * p->heads * d, context ? t * p->kv_heads * d : 0, &k, diag);
    if (status)
        return status;
    use_indices(exec, at);
    int64_t stride = p->kv_heads * d;
    float k_scale = mock_cpu_cache_scale(exec, at, false);
    float v_scale = mock_cpu_cache_scale(exec, at, true);
    exec->fresh[0] = (mock_cpu_fresh){exec->ptr[at->q], p->heads, d, d, true,
                                      exec->turned,     NULL,     0, 1};
    exec->fresh[1] =
        (mock_cpu_fresh){exec->ptr[at->k],      p->kv_heads, d,      d, true, k,
                         exec->ptr[at->k_pool], stride,      k_scale};
    exec->fresh[2] =
        (mock_cpu_fresh){exec->ptr[at->v],      p->kv_heads, d,      d, false, NULL,
                         exec->ptr[at->v_pool], stride,      v_scale};
    exec->n_fresh = 3;
    p->q = exec->turned;
    if (context)
        p->key[0].data = k;
    return SC_OK;
}

sc_status mock_cpu_fresh_mla(mock_exec *exec, const mock_attend_at *at, sc_diag *diag)
{
    mock_cpu_attend *p = &exec->attend;
    const mock_case *c = exec->c;
    int64_t t = mock_case_tokens(c), rope = c->param[MOCK_MLA_ROPE];
    int64_t lora = c->param[MOCK_MLA_LORA], width = p->key[0].width + p->key[1].width;
    bool context = c->phase == SOL_CONTEXT;
    sol_dtype attn = c->dtype[0];
    void *k = NULL, *pool = exec->ptr[at->k_pool], *q = exec->ptr[at->q];
    sc_status status =
        alloc_turned(exec, t * p->heads * width, context ? t * rope : 0, &k, diag);
    if (status)
        return status;
    use_indices(exec, at);
    float scale = mock_cpu_cache_scale(exec, at, false);
    exec->fresh[0] = (mock_cpu_fresh){
        q, p->heads, width - rope, width, false, exec->turned, NULL, 0, 1};
    exec->fresh[1] = (mock_cpu_fresh){at_element(q, attn, width - rope),
                                      p->heads,
                                      rope,
                                      width,
                                      true,
                                      at_element(exec->turned, attn, width - rope),
                                      NULL,
                                      0,
                                      1};
    exec->fresh[2] = (mock_cpu_fresh){
        exec->ptr[at->latent], 1, lora, lora, false, NULL, pool, lora + rope, scale};
    exec->fresh[3] = (mock_cpu_fresh){exec->ptr[at->k_rope],
                                      1,
                                      rope,
                                      rope,
                                      true,
                                      k,
                                      at_element(pool, c->dtype[1], lora),
                                      lora + rope,
                                      scale};
    exec->n_fresh = 4;
    p->q = exec->turned;
    if (context)
        p->key[1].data = k;
    return SC_OK;
}
