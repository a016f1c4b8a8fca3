/* solcheck - mixture of experts on Hopper: host of moe_hopper.cu. The shapes of tiles
 * that suit the average expert are timed on the case's own routing; the fastest is kept,
 * and found again for further execs of the same case. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"

enum { MAX_VARIANTS = 4, ROUNDS = 2, MAX_REPEATS = 10, LEAST_ENTRIES = 32 };

typedef struct moe_state {
    cuda_moe_hopper args;
    const cuda_moe_variant *variant;
    int kind;
    void *work;
} moe_state;

static sc_status check(const mock_exec *exec, const cuda_moe_args *a, int kind,
                       sc_diag *diag)
{
    if (exec->dev->info.sm_version != 90)
        return cuda_refuse(diag, "wgmma needs compute capability 9.0");
    sc_status status = cuda_moe_check(a, kind, diag);
    if (status)
        return status;
    int64_t wide = a->hidden > a->inter ? a->hidden : a->inter;
    if ((wide / 32 + 1) * (a->entries / LEAST_ENTRIES + a->here) > INT32_MAX)
        return cuda_refuse(diag, "too many tiles; lower b or s");
    return SC_OK;
}

/* ---- one variant ---- */

static sc_status map_up(CUtensorMap *out, const cuda_moe_args *a, int kind, int rows,
                        sc_diag *diag)
{
    int64_t row_B = (int64_t)a->hidden * cuda_moe_element_B(kind);
    cuda_box box = {
        .rank = 5,
        .dim = {a->hidden, 8, 2, a->inter / 8, a->here},
        .stride_B = {row_B, a->inter * row_B, 8 * row_B, 2 * a->inter * row_B},
        .box = {128 / cuda_moe_element_B(kind), 8, 2, rows / 16, 1}};
    return cuda_tensor_map_box(out, kind, a->w13, &box, diag);
}

static sc_status map_down(CUtensorMap *out, const cuda_moe_args *a, int kind, int rows,
                          sc_diag *diag)
{
    int64_t row_B = (int64_t)a->inter * cuda_moe_element_B(kind);
    cuda_box box = {.rank = 3,
                    .dim = {a->inter, a->hidden, a->here},
                    .stride_B = {row_B, a->hidden * row_B},
                    .box = {128 / cuda_moe_element_B(kind), rows, 1}};
    return cuda_tensor_map_box(out, kind, a->w2, &box, diag);
}

static sc_status map_entries(CUtensorMap *out, const cuda_moe_args *a, int kind,
                             const void *data, int64_t depth, sc_diag *diag)
{
    cuda_box box = {.rank = 2,
                    .dim = {depth, a->entries},
                    .stride_B = {depth * cuda_moe_element_B(kind)},
                    .box = {128 / cuda_moe_element_B(kind), CUDA_MOE_BOX}};
    return cuda_tensor_map_box(out, kind, data, &box, diag);
}

/* What both products of a variant have in common. */
static cuda_moe_product product_of(const cuda_moe_args *a, int depth, int width, int cols)
{
    return (cuda_moe_product){.first = a->first,
                              .first_tile = a->first_tile,
                              .tile_expert = a->tile_expert,
                              .here = a->here,
                              .depth = depth,
                              .width = width,
                              .across = (width + cols - 1) / cols,
                              .max_tiles = a->max_tiles};
}

/* Sets the arguments for a variant. */
static sc_status aim(mock_exec *exec, const cuda_moe_variant *v, sc_diag *diag)
{
    moe_state *state = exec->state;
    cuda_moe_hopper *h = &state->args;
    cuda_moe_args *a = &h->args;
    int kind = state->kind;
    cuda_moe_tiles(a, v->entries);
    h->sms = exec->dev->info.sm_count;
    h->up = product_of(a, a->hidden, a->inter, v->rows / 2);
    h->down = product_of(a, a->inter, a->hidden, v->rows);
    h->up.counter = a->counter;
    h->down.counter = a->counter + 1;
    h->up.out = a->middle;
    h->down.out = a->result;
    sc_status status = map_up(&h->up.matrix, a, kind, v->rows, diag);
    if (!status)
        status = map_down(&h->down.matrix, a, kind, v->rows, diag);
    if (!status)
        status = map_entries(&h->up.entries, a, kind, a->sorted, a->hidden, diag);
    if (!status)
        status = map_entries(&h->down.entries, a, kind, a->middle, a->inter, diag);
    if (!status)
        state->variant = v;
    return status;
}

static sc_status set_up(const mock_exec *exec, const cuda_moe_variant *v, sc_diag *diag)
{
    if (v->smem_B > exec->dev->smem_block_B)
        return cuda_refuse(diag, "%s needs %d bytes of shared memory, a block has %d",
                           v->name, v->smem_B, exec->dev->smem_block_B);
    cudaError_t error = v->setup();
    if (error == cudaErrorInvalidDeviceFunction) {
        cudaGetLastError();
        return cuda_refuse(diag, "the module was built without code for sm_90a");
    }
    return CU(error, diag);
}

/* ---- choice ---- */

/* The least of ROUNDS replays; after the warm-up alone where that is far behind `best`.
 */
static sc_status time_variant(mock_exec *exec, double best, double *seconds,
                              sc_diag *diag)
{
    sc_status status = cuda_time(exec, MOCK_EAGER, 1, seconds, diag);
    if (!status)
        status = cuda_time(exec, MOCK_EAGER, 1, seconds, diag);
    if (status || (best > 0 && *seconds > 2e-4 && *seconds > 1.3 * best))
        return status;
    int n = *seconds * MAX_REPEATS < 1e-3 ? MAX_REPEATS : 1 + (int)(1e-3 / *seconds);
    for (int i = 0; i < ROUNDS && !status; i++) {
        double all = 0;
        status = cuda_time(exec, MOCK_GRAPH, n, &all, diag);
        if (!status && (i == 0 || all / n < *seconds))
            *seconds = all / n;
    }
    cuda_graphs_drop(exec);
    return status;
}

/* Would an expert fill a fair part of a tile, if this rank had all entries; and does an
 * expert of an average rank not need many, unless there are no larger tiles? */
static bool suits(const cuda_moe_variant *v, const cuda_moe_args *a)
{
    int most = (a->entries + a->here - 1) / a->here;
    int average = a->expected / a->here;
    return v->entries <= 8 * most + 64 &&
           (average <= 4 * v->entries || v->entries >= CUDA_MOE_MOST_ENTRIES);
}

/* The case that a choice was made for. */
typedef struct moe_memo {
    int64_t param[MOCK_MOE_N_PARAMS];
    int64_t tokens;
    int kind;
    const cuda_moe_variant *variant;
} moe_memo;

static moe_memo memo_of(const mock_exec *exec)
{
    const moe_state *state = exec->state;
    moe_memo m;
    memset(&m, 0, sizeof m);
    memcpy(m.param, exec->c->param, sizeof m.param);
    m.tokens = cuda_tokens(exec->c);
    m.kind = state->kind;
    return m;
}

static const cuda_moe_variant *recall(const mock_exec *exec)
{
    moe_memo is = memo_of(exec);
    const moe_memo *was = exec->dev->moe_memo;
    if (!was || memcmp(is.param, was->param, sizeof is.param) != 0 ||
        is.tokens != was->tokens || is.kind != was->kind)
        return NULL;
    return was->variant;
}

/* Without memory the next exec searches again. */
static void remember(mock_exec *exec, const cuda_moe_variant *v)
{
    moe_memo *m = exec->dev->moe_memo;
    if (!m)
        m = exec->dev->moe_memo = sc_calloc(1, sizeof *m);
    if (!m)
        return;
    *m = memo_of(exec);
    m->variant = v;
}

static sc_status choose(mock_exec *exec, sc_diag *diag)
{
    moe_state *state = exec->state;
    const cuda_moe_variant *best = recall(exec);
    int n = 0;
    const cuda_moe_variant *v = cuda_moe_variants(&n);
    double least = 0;
    sc_status status = SC_OK;
    if (best)
        return aim(exec, best, diag);
    for (int i = 0; i < n && !status; i++) {
        double seconds = 0;
        if (v[i].kind != state->kind || !suits(&v[i], &state->args.args))
            continue;
        status = set_up(exec, &v[i], diag);
        if (!status)
            status = aim(exec, &v[i], diag);
        if (!status)
            status = time_variant(exec, least, &seconds, diag);
        if (!status && (!best || seconds < least)) {
            best = &v[i];
            least = seconds;
        }
    }
    if (!status && !best)
        status = cuda_refuse(diag, "no shape of tiles suits the case");
    if (!status)
        status = aim(exec, best, diag);
    if (!status)
        remember(exec, best);
    return status;
}

/* ---- the route ---- */

sc_status cuda_moe_hopper_prepare(mock_exec *exec, sc_diag *diag)
{
    moe_state *state = exec->state = sc_calloc(1, sizeof *state);
    if (!state)
        return sc_diag_nomem(diag);
    cuda_moe_args *a = &state->args.args;
    sc_status status = cuda_moe_kind(exec->c, &state->kind, diag);
    if (status)
        return status;
    cuda_moe_describe(exec, a);
    status = check(exec, a, state->kind, diag);
    if (status)
        return status;
    cuda_moe_tiles(a, LEAST_ENTRIES);
    size_t work_B = cuda_moe_lay_out(a, cuda_moe_element_B(state->kind), true, NULL);
    status = cuda_alloc(exec->dev, work_B, &state->work, diag);
    /* Copies bring whole boxes: rows behind the last entry are read, and not used. */
    if (!status)
        status = CU(cudaMemsetAsync(state->work, 0, work_B, exec->dev->stream), diag);
    if (status)
        return status;
    cuda_moe_lay_out(a, cuda_moe_element_B(state->kind), true, state->work);
    status = choose(exec, diag);
    if (!status)
        snprintf(exec->source, sizeof exec->source, "%s", state->variant->name);
    return status;
}

sc_status cuda_moe_hopper_launch(mock_exec *exec, sc_diag *diag)
{
    const moe_state *state = exec->state;
    cudaStream_t stream = exec->dev->stream;
    sc_status status = CU(cuda_moe_sort(&state->args.args, stream), diag);
    return status ? status : CU(state->variant->launch(&state->args, stream), diag);
}

void cuda_moe_hopper_release(mock_exec *exec)
{
    moe_state *state = exec->state;
    if (!state)
        return;
    cudaFree(state->work);
    sc_free(state);
}
