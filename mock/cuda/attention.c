/* solcheck - context attention and context mla on the flash kernels (flash.cuh).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"

typedef struct flash_state {
    cuda_flash_args args;
    const cuda_flash_variant *variant;
} flash_state;

void cuda_flash_describe(const mock_exec *exec, cuda_flash_shape *s, cuda_flash_args *a)
{
    const int64_t *p = exec->c->param;
    void *const *t = exec->ptr;
    if (strcmp(exec->route->layer, "mla") == 0) {
        *s = (cuda_flash_shape){
            p[MOCK_MLA_HEADS], p[MOCK_MLA_HEADS], p[MOCK_MLA_NOPE] + p[MOCK_MLA_ROPE],
            p[MOCK_MLA_V],     p[MOCK_MLA_ROPE],  0};
        *a = (cuda_flash_args){.q = t[0],
                               .k = t[1],
                               .k_rope = t[2],
                               .v = t[3],
                               .offset = t[4],
                               .out = t[5],
                               .causal = 1};
    } else {
        *s = (cuda_flash_shape){p[MOCK_ATTENTION_HEADS],
                                p[MOCK_ATTENTION_KV_HEADS],
                                p[MOCK_ATTENTION_DIM],
                                p[MOCK_ATTENTION_DIM],
                                0,
                                0};
        *a = (cuda_flash_args){.q = t[0],
                               .k = t[1],
                               .v = t[2],
                               .offset = t[3],
                               .out = t[4],
                               .causal = p[MOCK_ATTENTION_CAUSAL] != 0,
                               .window = (int)p[MOCK_ATTENTION_WINDOW]};
    }
}

/* Tiles of 16 rows stand first in the tables, and hold requests whole. */
static const cuda_flash_variant *find(const mock_case *c, const cuda_flash_shape *s)
{
    int n = 0;
    bool brief = cuda_longest(c) <= CUDA_SHORT_ROWS;
    const cuda_flash_variant *v =
        s->kind == CUDA_BF16 ? cuda_flash_bf16(&n) : cuda_flash_fp16(&n);
    for (int i = 0; i < n; i++)
        if (v[i].dqk == s->dqk && v[i].dv == s->dv && v[i].rope == s->rope &&
            (brief || v[i].rows > CUDA_SHORT_ROWS))
            return &v[i];
    return NULL;
}

sc_status cuda_flash_case(const mock_exec *exec, cuda_flash_shape *shape,
                          cuda_flash_args *args, sc_diag *diag)
{
    cuda_flash_describe(exec, shape, args);
    /* Keys and values have the queries' dtype here, see append.c. */
    return cuda_kind_of_case(exec->c, 1, &shape->kind, diag);
}

sc_status cuda_flash_tiles(const mock_exec *exec, const cuda_flash_shape *s, int tokens,
                           int pack, cuda_flash_args *a, sc_diag *diag)
{
    int64_t longest = cuda_longest(exec->c), tiles = (longest + tokens - 1) / tokens;
    if (exec->c->b * (s->heads / pack) * tiles > INT32_MAX ||
        s->heads * s->dqk > INT32_MAX / 64)
        return cuda_refuse(diag, "too many tiles for one grid; lower b or s");
    a->b = (int)exec->c->b;
    a->heads = (int)s->heads;
    a->kv_heads = (int)s->kv_heads;
    a->q_tiles = (int)tiles;
    a->longest = (int)longest;
    cuda_walk walk = cuda_walk_make(exec->c, s, tokens, pack, &exec->dev->info);
    a->head_group = walk.pairs;
    a->groups = walk.groups;
    a->scale_log2 = (float)(M_LOG2E / sqrt((double)s->dqk));
    return SC_OK;
}

sc_status cuda_flash_prepare(mock_exec *exec, sc_diag *diag)
{
    cuda_flash_shape s;
    flash_state *state = exec->state = sc_calloc(1, sizeof *state);
    if (!state)
        return sc_diag_nomem(diag);
    sc_status status = cuda_flash_case(exec, &s, &state->args, diag);
    if (status)
        return status;
    const cuda_flash_variant *v = state->variant = find(exec->c, &s);
    if (!v)
        return cuda_refuse(
            diag,
            "no flash kernel for heads of %lld (of them rotary %lld) by %lld;"
            " compiled: 64x64, 128x128, 256x256, 192(64)x128",
            (long long)s.dqk, (long long)s.rope, (long long)s.dv);
    if (v->smem_B > exec->dev->smem_block_B)
        return cuda_refuse(diag, "%s needs %d bytes of shared memory, a block has %d",
                           v->name, v->smem_B, exec->dev->smem_block_B);
    status = cuda_flash_tiles(exec, &s, v->rows, 1, &state->args, diag);
    if (status)
        return status;
    snprintf(exec->source, sizeof exec->source, "%s", v->name);
    return CU(v->setup(), diag);
}

sc_status cuda_flash_launch(mock_exec *exec, sc_diag *diag)
{
    const flash_state *state = exec->state;
    return CU(state->variant->launch(&state->args, exec->dev->stream), diag);
}

void cuda_flash_release(mock_exec *exec)
{
    sc_free(exec->state);
}
