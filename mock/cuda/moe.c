/* solcheck - host of the mixture-of-experts kernels (moe.cu): choice of tile, work
 * memory. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#include "mock/cuda/cuda.h"

#include <stdio.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"

typedef struct moe_state {
    cuda_moe_args args;
    int kind;
    void *work;
} moe_state;

/* Entries that the matrices of one expert are used for, on average, decide the tile's
 * height: a tile that is mostly empty still costs its arithmetic. */
static int tile_rows(const cuda_moe_args *a)
{
    int touched = a->here < a->entries ? a->here : a->entries;
    int each = (a->entries + touched - 1) / touched;
    return each <= 32 ? 16 : each <= 128 ? 64 : 128;
}

void cuda_moe_describe(const mock_exec *exec, cuda_moe_args *a)
{
    const int64_t *p = exec->c->param;
    *a = (cuda_moe_args){.x = exec->ptr[0],
                         .w13 = exec->ptr[1],
                         .w2 = exec->ptr[2],
                         .expert = exec->ptr[3],
                         .gate = exec->ptr[4],
                         .out = exec->ptr[5],
                         .tokens = (int)cuda_tokens(exec->c),
                         .hidden = (int)p[MOCK_MOE_HIDDEN],
                         .inter = (int)p[MOCK_MOE_INTER],
                         .choices = (int)mock_moe_choices(exec->c),
                         .here = (int)mock_moe_here(exec->c)};
    a->entries = a->tokens * a->choices;
    int64_t routed = a->tokens * p[MOCK_MOE_TOPK] / p[MOCK_MOE_EP];
    a->expected = (int)routed + a->tokens / (int)p[MOCK_MOE_EP] * (int)p[MOCK_MOE_SHARED];
}

void cuda_moe_tiles(cuda_moe_args *a, int rows)
{
    int partly = a->here < a->entries ? a->here : a->entries;
    a->tile_rows = rows;
    a->max_tiles = a->entries / rows + partly;
}

/* Room for size_B bytes behind *at, aligned for 16-byte accesses; NULL without memory. */
static void *carve(char *base, size_t *at, int64_t size_B)
{
    size_t from = *at;
    *at += (size_t)(size_B + 255) / 256 * 256;
    return base ? base + from : NULL;
}

size_t cuda_moe_lay_out(cuda_moe_args *a, int element_B, bool gathered, void *memory)
{
    char *base = memory;
    size_t at = 0;
    int64_t entries = a->entries, here = a->here;
    a->counter = carve(base, &at, 8);
    a->count = carve(base, &at, here * 4);
    a->rank = carve(base, &at, entries * 4);
    a->first = carve(base, &at, (here + 1) * 4);
    a->first_tile = carve(base, &at, (here + 1) * 4);
    a->tile_expert = carve(base, &at, (int64_t)a->max_tiles * 4);
    a->order = carve(base, &at, entries * 4);
    a->place = carve(base, &at, entries * 4);
    a->sorted = gathered ? carve(base, &at, entries * a->hidden * element_B) : NULL;
    a->middle = carve(base, &at, entries * a->inter * element_B);
    a->result = carve(base, &at, entries * a->hidden * 2);
    return at;
}

int cuda_moe_element_B(int kind)
{
    return kind == CUDA_FP8 ? 1 : 2;
}

sc_status cuda_moe_kind(const mock_case *c, int *kind, sc_diag *diag)
{
    if (c->dtype[0] != SOL_FP8 || c->dtype[1] != SOL_FP8)
        return cuda_kind_of_case(c, 2, kind, diag);
    *kind = CUDA_FP8;
    return SC_OK;
}

sc_status cuda_moe_check(const cuda_moe_args *a, int kind, sc_diag *diag)
{
    int each = 16 / cuda_moe_element_B(kind);
    if (a->hidden % each || a->inter % each)
        return cuda_refuse(diag,
                           "the moe kernels load 16 bytes at a time: hidden_size %d and "
                           "moe_intermediate_size %d must be multiples of %d",
                           a->hidden, a->inter, each);
    if (a->here > CUDA_MOE_MAX_EXPERTS)
        return cuda_refuse(diag, "%d experts on one GPU are more than %d", a->here,
                           CUDA_MOE_MAX_EXPERTS);
    return SC_OK;
}

static sc_status check(const mock_exec *exec, const cuda_moe_args *a, int kind,
                       sc_diag *diag)
{
    int64_t wide = a->hidden > 2 * a->inter ? a->hidden : 2 * (int64_t)a->inter;
    sc_status status = cuda_moe_check(a, kind, diag);
    if (status)
        return status;
    if ((wide / 128 + 1) * a->max_tiles > INT32_MAX)
        return cuda_refuse(diag, "too many tiles for one grid; lower b or s");
    if (cuda_moe_smem(a->tile_rows) > exec->dev->smem_block_B)
        return cuda_refuse(diag, "moe needs %d bytes of shared memory, a block has %d",
                           cuda_moe_smem(a->tile_rows), exec->dev->smem_block_B);
    return SC_OK;
}

sc_status cuda_moe_prepare(mock_exec *exec, sc_diag *diag)
{
    moe_state *state = exec->state = sc_calloc(1, sizeof *state);
    if (!state)
        return sc_diag_nomem(diag);
    sc_status status = cuda_moe_kind(exec->c, &state->kind, diag);
    if (status)
        return status;
    cuda_moe_describe(exec, &state->args);
    cuda_moe_tiles(&state->args, tile_rows(&state->args));
    status = check(exec, &state->args, state->kind, diag);
    int element_B = cuda_moe_element_B(state->kind);
    if (!status)
        status =
            cuda_alloc(exec->dev, cuda_moe_lay_out(&state->args, element_B, false, NULL),
                       &state->work, diag);
    if (!status)
        status = CU(cuda_moe_setup(state->kind, state->args.tile_rows), diag);
    if (status)
        return status;
    cuda_moe_lay_out(&state->args, element_B, false, state->work);
    snprintf(exec->source, sizeof exec->source, "grouped_mma_m%d%s",
             state->args.tile_rows, state->kind == CUDA_FP8 ? ":fp8_as_bf16" : "");
    return SC_OK;
}

sc_status cuda_moe_launch(mock_exec *exec, sc_diag *diag)
{
    const moe_state *state = exec->state;
    return CU(cuda_moe(&state->args, state->kind, exec->dev->stream), diag);
}

void cuda_moe_release(mock_exec *exec)
{
    moe_state *state = exec->state;
    if (!state)
        return;
    cudaFree(state->work);
    sc_free(state);
}
