/* solcheck - context attention and context mla on Hopper: host of flash_hopper.cuh, and
 * the tensor maps that its copies are described by. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <cudaTypedefs.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

typedef struct hopper_state {
    cuda_hopper_args args;
    cuda_tiling tiling;
    int blocks;
} hopper_state;

/* The driver's function, without linking to the driver: the module must load where there
 * is none. */
static sc_status encoder(PFN_cuTensorMapEncodeTiled_v12000 *out, sc_diag *diag)
{
    void *f = NULL;
    enum cudaDriverEntryPointQueryResult found = cudaDriverEntryPointSymbolNotFound;
#if CUDART_VERSION >= 12050
    sc_status status =
        CU(cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &f, 12000,
                                            cudaEnableDefault, &found),
           diag);
#else
    sc_status status = CU(
        cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &f, cudaEnableDefault, &found),
        diag);
#endif
    if (status)
        return status;
    if (found != cudaDriverEntryPointSuccess || !f)
        return cuda_refuse(diag, "the driver has no cuTensorMapEncodeTiled");
    memcpy(out, &f, sizeof f);
    return SC_OK;
}

sc_status cuda_tensor_map_box(CUtensorMap *out, int kind, const void *data,
                              const cuda_box *box, sc_diag *diag)
{
    PFN_cuTensorMapEncodeTiled_v12000 encode = NULL;
    cuuint64_t dim[5], stride_B[4];
    cuuint32_t size[5], step[5];
    sc_status status = encoder(&encode, diag);
    if (status)
        return status;
    for (int i = 0; i < box->rank; i++) {
        dim[i] = (cuuint64_t)box->dim[i];
        size[i] = (cuuint32_t)box->box[i];
        step[i] = 1;
        if (i + 1 < box->rank)
            stride_B[i] = (cuuint64_t)box->stride_B[i];
    }
    CUresult result =
        encode(out,
               kind == CUDA_FP8    ? CU_TENSOR_MAP_DATA_TYPE_UINT8
               : kind == CUDA_BF16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                                   : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
               (cuuint32_t)box->rank, (void *)(uintptr_t)data, dim, stride_B, size, step,
               CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
               CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (result != CUDA_SUCCESS)
        return cuda_refuse(diag,
                           "no tensor map of %d dimensions, %lld by %lld ... (driver "
                           "error %d)",
                           box->rank, (long long)box->dim[0], (long long)box->dim[1],
                           (int)result);
    return SC_OK;
}

sc_status cuda_tensor_map_packed(CUtensorMap *out, int kind, const void *data,
                                 int64_t cols, int64_t heads, int64_t tokens,
                                 int box_heads, int box_tokens, sc_diag *diag)
{
    cuda_box box = {.rank = 3,
                    .dim = {cols, heads, tokens},
                    .stride_B = {2 * cols, 2 * cols * heads},
                    .box = {64, box_heads, box_tokens}};
    return cuda_tensor_map_box(out, kind, data, &box, diag);
}

sc_status cuda_tensor_map(CUtensorMap *out, int kind, const void *data, int64_t cols,
                          int64_t heads, int64_t tokens, int box_tokens, sc_diag *diag)
{
    return cuda_tensor_map_packed(out, kind, data, cols, heads, tokens, 1, box_tokens,
                                  diag);
}

/* Boxes hold no more tokens than the longest request, but whole groups of eight rows:
 * what is beyond costs copies. */
static sc_status make_maps(mock_exec *exec, const cuda_flash_shape *s, sc_diag *diag)
{
    hopper_state *state = exec->state;
    cuda_hopper_args *a = &state->args;
    int64_t tokens = cuda_tokens(exec->c), longest = (cuda_longest(exec->c) + 7) / 8 * 8;
    int cols = state->tiling.variant->cols;
    int box = longest < cols ? (int)longest : cols;
    a->pack = state->tiling.pack;
    a->tokens = state->tiling.tokens;
    a->q_panel_B = 128 * a->pack * a->tokens;
    a->kv_panel_B = 128 * box;
    sc_status status = cuda_tensor_map_packed(&a->q, s->kind, a->flash.q, s->dqk,
                                              s->heads, tokens, a->pack, a->tokens, diag);
    if (!status)
        status = cuda_tensor_map(&a->k, s->kind, a->flash.k, s->dqk - s->rope,
                                 s->kv_heads, tokens, box, diag);
    if (!status && s->rope > 0)
        status = cuda_tensor_map(&a->k_rope, s->kind, a->flash.k_rope, s->rope, 1, tokens,
                                 box, diag);
    if (!status)
        status = cuda_tensor_map(&a->v, s->kind, a->flash.v, s->dv, s->kv_heads, tokens,
                                 box, diag);
    return status;
}

static sc_status make_counter(mock_exec *exec, sc_diag *diag)
{
    static const int zero[2] = {0, 0};
    hopper_state *state = exec->state;
    void *counter = NULL;
    sc_status status = cuda_alloc(exec->dev, sizeof zero, &counter, diag);
    if (status)
        return status;
    state->args.counter = counter;
    return cuda_upload(exec->dev, counter, zero, sizeof zero, diag);
}

/* Refuses what the kernels were not compiled for, shape or device. */
static sc_status choose(mock_exec *exec, const cuda_flash_shape *s, sc_diag *diag)
{
    hopper_state *state = exec->state;
    int n = 0;
    const cuda_hopper_variant *v =
        s->kind == CUDA_BF16 ? cuda_hopper_bf16(&n) : cuda_hopper_fp16(&n);
    if (exec->dev->info.sm_version != 90)
        return cuda_refuse(diag, "wgmma needs compute capability 9.0");
    if (state->args.flash.window > 0)
        return cuda_refuse(diag, "no wgmma kernel has a sliding window");
    if (!cuda_tiling_choose(exec->c, s, state->args.flash.causal, v, n,
                            exec->dev->smem_block_B, exec->dev->info.sm_count,
                            &state->tiling))
        return cuda_refuse(diag,
                           "no wgmma kernel for heads of %lld (rotary %lld) by %lld"
                           " within %d bytes of shared memory",
                           (long long)s->dqk, (long long)s->rope, (long long)s->dv,
                           exec->dev->smem_block_B);
    if (cuda_short_us(exec->c, s, exec->dev->info.sm_count) < state->tiling.us)
        return cuda_refuse(diag, "mma tiles of %d rows are faster", CUDA_SHORT_ROWS);
    cudaError_t error = state->tiling.variant->setup();
    if (error == cudaErrorInvalidDeviceFunction) {
        cudaGetLastError();
        return cuda_refuse(diag, "the module was built without code for sm_90a");
    }
    return CU(error, diag);
}

static void name_source(mock_exec *exec)
{
    const hopper_state *state = exec->state;
    const char *name = state->tiling.variant->name;
    if (state->tiling.pack > 1)
        snprintf(exec->source, sizeof exec->source, "%s_pack%d", name,
                 state->tiling.pack);
    else
        snprintf(exec->source, sizeof exec->source, "%s", name);
}

sc_status cuda_hopper_prepare(mock_exec *exec, sc_diag *diag)
{
    cuda_flash_shape s;
    hopper_state *state = exec->state = sc_calloc(1, sizeof *state);
    if (!state)
        return sc_diag_nomem(diag);
    cuda_flash_args *a = &state->args.flash;
    sc_status status = cuda_flash_case(exec, &s, a, diag);
    if (!status)
        status = choose(exec, &s, diag);
    if (!status)
        status =
            cuda_flash_tiles(exec, &s, state->tiling.tokens, state->tiling.pack, a, diag);
    if (!status)
        status = make_maps(exec, &s, diag);
    if (!status)
        status = make_counter(exec, diag);
    if (status)
        return status;
    int slots = exec->dev->info.sm_count * state->tiling.variant->per_sm;
    state->args.n_tiles = a->b * (a->heads / state->tiling.pack) * a->q_tiles;
    state->blocks = slots < state->args.n_tiles ? slots : state->args.n_tiles;
    name_source(exec);
    return SC_OK;
}

sc_status cuda_hopper_launch(mock_exec *exec, sc_diag *diag)
{
    const hopper_state *state = exec->state;
    return CU(
        state->tiling.variant->launch(&state->args, state->blocks, exec->dev->stream),
        diag);
}

void cuda_hopper_release(mock_exec *exec)
{
    hopper_state *state = exec->state;
    if (state)
        cudaFree(state->args.counter);
    sc_free(state);
}
