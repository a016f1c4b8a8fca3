/* solcheck - generation of attention and mla: host of paged.cuh, latent.cu,
 * latent_hopper.cu and combine.cu.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"

typedef struct decode_state {
    cuda_decode_args args;
    const cuda_decode_variant *variant;
    void *plan; /* device: work, work_begin and parts, one after the other */
    void *part; /* device: part_out and part_lse */
} decode_state;

typedef struct decode_shape {
    int64_t heads, kv_heads, dqk, dv;
    int64_t window;
    double scale;
    int kind, kv_kind;
} decode_shape;

static bool is_mla(const mock_exec *exec)
{
    return strcmp(exec->route->layer, "mla") == 0;
}

static void shape_of(const mock_exec *exec, decode_shape *s, cuda_decode_args *a)
{
    const int64_t *p = exec->c->param;
    void *const *t = exec->ptr;
    mock_attend_at at = mock_attend_tensors(is_mla(exec), exec->c);
    *a = (cuda_decode_args){.q = t[at.q],
                            .k = t[at.k_pool],
                            .v = at.v_pool >= 0 ? t[at.v_pool] : NULL,
                            .scale = at.scale >= 0 ? t[at.scale] : NULL,
                            .table = t[at.table],
                            .length = t[at.length],
                            .out = t[at.out]};
    if (is_mla(exec)) {
        *s = (decode_shape){.heads = p[MOCK_MLA_HEADS],
                            .kv_heads = 1,
                            .dqk = p[MOCK_MLA_LORA] + p[MOCK_MLA_ROPE],
                            .dv = p[MOCK_MLA_LORA],
                            .scale =
                                1 / sqrt((double)(p[MOCK_MLA_NOPE] + p[MOCK_MLA_ROPE]))};
        return;
    }
    int64_t d = p[MOCK_ATTENTION_DIM];
    *s = (decode_shape){.heads = p[MOCK_ATTENTION_HEADS],
                        .kv_heads = p[MOCK_ATTENTION_KV_HEADS],
                        .dqk = d,
                        .dv = d,
                        .window = p[MOCK_ATTENTION_WINDOW],
                        .scale = 1 / sqrt((double)d)};
    a->window = (int)s->window;
}

/* Of queries, and of the cache: the same or fp8. Errors: SC_EUNABLE. */
static sc_status kinds_of(const mock_exec *exec, decode_shape *s, sc_diag *diag)
{
    bool fp8 = exec->c->dtype[1] == SOL_FP8;
    sc_status status = cuda_kind_of_case(exec->c, fp8 ? 1 : 2, &s->kind, diag);
    s->kv_kind = fp8 ? CUDA_FP8 : s->kind;
    return status;
}

static const cuda_decode_variant *variants(const mock_exec *exec, int kind, int *n)
{
    if (is_mla(exec))
        return cuda_latent_variants(n);
    return kind == CUDA_BF16 ? cuda_paged_bf16(n) : cuda_paged_fp16(n);
}

/* The fewest rows that hold the group of heads, or the most there are; of equal rows the
 * first whose shared memory a block can have. Where requests are short the beginning and
 * the end of a run cost more than pages that are read twice: no more rows than two thread
 * blocks an SM can have (measured: docs/kernels.md). */
static const cuda_decode_variant *find(const mock_exec *exec, const decode_shape *s)
{
    enum { FEW_PAGES = 4 };
    int n = 0;
    const cuda_decode_variant *v = variants(exec, s->kind, &n);
    const cuda_decode_variant *best = NULL;
    int64_t group = s->heads / s->kv_heads;
    int half_B = exec->dev->smem_block_B / 2;
    bool is_short = cuda_longest(exec->c) <= FEW_PAGES * MOCK_KV_BLOCK;
    for (int i = 0; i < n; i++) {
        if (is_short && best && best->smem_B <= half_B && v[i].smem_B > half_B)
            continue;
        if (v[i].kind == s->kind && v[i].kv_kind == s->kv_kind && v[i].dqk == s->dqk &&
            v[i].dv == s->dv && v[i].smem_B <= exec->dev->smem_block_B &&
            (!best || (v[i].rows > best->rows && best->rows < group)))
            best = &v[i];
    }
    return best;
}

/* The wgmma kernel and its tensor maps, for more heads than the memory-bound kernels are
 * good for. NULL in *out: not for this shape, device or build. Errors: SC_EGPU. */
static sc_status find_hopper(mock_exec *exec, const decode_shape *s,
                             const cuda_decode_variant **out, int *blocks_per_sm,
                             sc_diag *diag)
{
    enum { FEW_HEADS = 32 };
    cuda_decode_args *a = &((decode_state *)exec->state)->args;
    const cuda_decode_variant *v = cuda_latent_hopper(s->kind);
    *out = NULL;
    if (!is_mla(exec) || exec->dev->info.sm_version != 90 || s->heads <= FEW_HEADS ||
        s->kv_kind != s->kind || s->dqk != v->dqk || s->dv != v->dv ||
        v->smem_B > exec->dev->smem_block_B)
        return SC_OK;
    cudaError_t error = v->setup(blocks_per_sm);
    if (error == cudaErrorInvalidDeviceFunction) {
        cudaGetLastError();
        return SC_OK;
    }
    sc_status status = CU(error, diag);
    int64_t width = (exec->c->s + MOCK_KV_BLOCK - 1) / MOCK_KV_BLOCK;
    if (!status)
        status = cuda_tensor_map(&a->q_map, s->kind, a->q, s->dqk, 1,
                                 exec->c->b * s->heads, v->rows, diag);
    if (!status)
        status = cuda_tensor_map(&a->latent_map, s->kind, a->k, s->dqk, 1,
                                 exec->c->b * width * MOCK_KV_BLOCK, MOCK_KV_BLOCK, diag);
    if (!status)
        *out = v;
    return status == SC_EUNABLE ? SC_OK : status;
}

static sc_status upload(mock_exec *exec, const cuda_schedule *s, int64_t n_pairs,
                        sc_diag *diag)
{
    decode_state *state = exec->state;
    size_t work_B = (size_t)s->n_work * sizeof *s->work;
    size_t parts_B = (size_t)n_pairs * sizeof *s->parts;
    size_t begin_B = ((size_t)s->n_ranges + 1) * sizeof *s->work_begin;
    sc_status status =
        cuda_alloc(exec->dev, work_B + parts_B + begin_B, &state->plan, diag);
    if (status)
        return status;
    char *work = state->plan, *parts = work + work_B, *begin = parts + parts_B;
    state->args.work = (const cuda_work *)work;
    state->args.parts = (const cuda_parts *)parts;
    state->args.work_begin = (const int32_t *)begin;
    status = cuda_upload(exec->dev, work, s->work, work_B, diag);
    if (!status)
        status = cuda_upload(exec->dev, parts, s->parts, parts_B, diag);
    if (!status)
        status = cuda_upload(exec->dev, begin, s->work_begin, begin_B, diag);
    return status;
}

static sc_status schedule(mock_exec *exec, const decode_shape *shape, int blocks_per_sm,
                          sc_diag *diag)
{
    decode_state *state = exec->state;
    cuda_decode_args *a = &state->args;
    const cuda_decode_variant *v = state->variant;
    cuda_schedule s;
    int resident = exec->dev->info.sm_count * blocks_per_sm / a->m_tiles;
    sc_status status = cuda_schedule_make(exec->c, (int)shape->kv_heads, shape->window,
                                          resident, &s, diag);
    if (status)
        return status;
    a->n_ranges = s.n_ranges;
    a->max_parts = s.max_parts;
    status = upload(exec, &s, exec->c->b * shape->kv_heads, diag);
    size_t rows = (size_t)s.n_slots * (size_t)a->m_tiles * (size_t)v->rows;
    if (!status && rows > 0) {
        status = cuda_alloc(exec->dev, rows * (size_t)(v->dv + 1) * sizeof(float),
                            &state->part, diag);
        a->part_out = state->part;
        a->part_lse = a->part_out + rows * (size_t)v->dv;
    }
    snprintf(exec->source, sizeof exec->source, "%s_%s", v->name,
             s.max_parts ? "splitkv" : "whole");
    cuda_schedule_free(&s);
    return status;
}

sc_status cuda_decode_prepare(mock_exec *exec, sc_diag *diag)
{
    decode_shape s;
    decode_state *state = exec->state = sc_calloc(1, sizeof *state);
    if (!state)
        return sc_diag_nomem(diag);
    cuda_decode_args *a = &state->args;
    shape_of(exec, &s, a);
    sc_status status = kinds_of(exec, &s, diag);
    if (status)
        return status;
    const cuda_decode_variant *v = NULL;
    int blocks_per_sm = 0;
    status = find_hopper(exec, &s, &v, &blocks_per_sm, diag);
    if (status)
        return status;
    if (!v)
        v = find(exec, &s);
    state->variant = v;
    if (!v)
        return cuda_refuse(
            diag,
            "no decode kernel for keys of %lld and values of %lld within %d"
            " bytes of shared memory; compiled: %s",
            (long long)s.dqk, (long long)s.dv, exec->dev->smem_block_B,
            is_mla(exec) ? "576 and 512" : "64, 128 and 256");
    int64_t group = s.heads / s.kv_heads,
            width = (exec->c->s + MOCK_KV_BLOCK - 1) / MOCK_KV_BLOCK;
    if (exec->c->b * s.heads > INT32_MAX || width > INT32_MAX ||
        s.kv_heads * s.dqk > INT32_MAX / MOCK_KV_BLOCK)
        return cuda_refuse(diag, "too many heads for one grid; lower b");
    a->b = (int)exec->c->b;
    a->heads = (int)s.heads;
    a->kv_heads = (int)s.kv_heads;
    a->table_width = (int)width;
    a->m_tiles = (int)((group + v->rows - 1) / v->rows);
    a->scale_log2 = (float)(M_LOG2E * s.scale);
    a->overlap = exec->dev->info.sm_version >= 90;
    status = CU(v->setup(&blocks_per_sm), diag);
    if (status)
        return status;
    return schedule(exec, &s, blocks_per_sm, diag);
}

sc_status cuda_decode_launch(mock_exec *exec, sc_diag *diag)
{
    const decode_state *state = exec->state;
    const cuda_decode_variant *v = state->variant;
    cudaStream_t stream = exec->dev->stream;
    sc_status status = CU(v->launch(&state->args, stream), diag);
    if (!status && state->args.max_parts > 0)
        status = CU(cuda_combine(&state->args, v->kind, v->rows, v->dv, stream), diag);
    return status;
}

void cuda_decode_release(mock_exec *exec)
{
    decode_state *state = exec->state;
    if (state) {
        cudaFree(state->plan);
        cudaFree(state->part);
    }
    sc_free(state);
}
