/* solcheck - context attention on Hopper: FlashAttention-3 (Shah et al. 2024, arXiv
 * 2407.08608, algorithms 1 and 2) with wgmma, the tensor copy engine and warp
 * specialisation. Shapes, requests and floors as in flash.cuh.
 *
 * Persistent thread blocks, one an SM or two or three of the small kind (_m64): warpgroup
 * 0 is the producer, of which one thread works: it draws tiles (ROWS query rows) from a
 * counter and has the copy engine fill Q and the rings of K and V. The other warpgroups
 * have 64 rows each. They walk the keys from the last block, the first of the few that
 * need a mask, to the first. S of a block is computed while P V of the block before it is
 * in flight, and the softmax of S runs beside that product. A tile is `tokens` tokens of
 * `pack` heads that share their keys: short requests fill the rows with heads.
 * tiling.c chooses.
 *
 * Prediction, 192/128: a block of 128 keys is 2*128*128*(192+128) FLOPs, 2560 clocks at
 * 4096 a clock; 16384 exponentials at 16 a clock are 1024 clocks and hidden; Q, K, V are
 * read by wgmma itself, 128 bytes a clock: K 48 KB, V 32 KB and Q 48 KB twice are 1380
 * clocks. So the tensor cores bind: 600 TFLOP/s, which is what others reach, less 128/n
 * for the masked half of the diagonal blocks.
 * 256/256: the accumulators of O take 128 registers a thread, those of S with 80 keys a
 * block 40; 224 KB of shared memory. A block is 2560 clocks of products against 640 of
 * exponentials and 1760 of operands (Q 64 KB, K 40 KB and V 40 KB twice): 600 TFLOP/s.
 * One block of keys and little else to do: launch, Q and K, two products, softmax, store,
 * each waiting for the one before, some 2.5 us, whatever the FLOPs; b=256 s=1 with 8
 * heads a tile is 16 MB, 5 us of memory. Measured: docs/kernels.md.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CUDA_FLASH_HOPPER_CUH
#define SC_MOCK_CUDA_FLASH_HOPPER_CUH

#include "mock/cuda/kernels.h"
#include "mock/cuda/wgmma.cuh"

template <typename T_, int DQK_, int DV_, int ROPE_, int GROUPS_, bool TURNS_, int COLS_,
          int STAGES_, int PER_SM_>
struct hopper_config {
    typedef T_ T;
    static constexpr int DQK = DQK_, DV = DV_, ROPE = ROPE_;
    static constexpr int GROUPS = GROUPS_;   /* consumer warpgroups */
    static constexpr bool TURNS = TURNS_;    /* they take turns at the tensor cores */
    static constexpr int ROWS = 64 * GROUPS; /* query rows a tile */
    static constexpr int COLS = COLS_;       /* keys a block */
    static constexpr int STAGES = STAGES_;   /* buffers of K, and of V */
    static constexpr int PER_SM = PER_SM_;   /* thread blocks an SM */
    static constexpr int THREADS = 128 * (GROUPS + 1);
    /* Registers at launch, in steps of 8; the consumers get what the producer gives back.
     */
    static constexpr int LAUNCH_REGS = 65536 / (THREADS * PER_SM) / 8 * 8;
    static constexpr int PRODUCER_REGS = GROUPS == 2 ? 40 : GROUPS == 3 ? 32 : 24;
    static constexpr int CONSUMER_REGS =
        (LAUNCH_REGS * (GROUPS + 1) - PRODUCER_REGS) / GROUPS / 8 * 8;
    static constexpr int Q_B = ROWS * DQK * 2, K_B = COLS * DQK * 2, V_B = COLS * DV * 2;
    static constexpr int SMEM_B = Q_B + STAGES * (K_B + V_B) + 1024; /* for alignment */
};

#if SC_HOPPER

struct hopper_barriers {
    uint64_t q_full, q_empty, k_full[2], k_empty[2], v_full[2], v_empty[2];
    int tile; /* of the Q that q_full announces; -1: there are no more */
};

/* a.tokens tokens of a.pack heads that share their keys; row r of the tile is head
 * r % pack of token r / pack. */
struct hopper_tile {
    int head, kv_head;
    int first, length; /* of the request, in tokens */
    int token0;
    int blocks; /* of keys that some row sees */
    int clear;  /* of them, from the first on, those that every row sees in full */
};

/* Tiles are numbered as in flash.cuh: pairs that share the L2 cache together, long tiles
 * first. */
template <typename C>
__device__ __forceinline__ bool hopper_locate(const cuda_hopper_args &args, int index,
                                              hopper_tile *t)
{
    const cuda_flash_args &a = args.flash;
    int packs = a.heads / args.pack, n_pairs = a.b * packs;
    int per_group = a.head_group * a.q_tiles;
    int group = min(index / per_group, a.groups - 1), rest = index - group * per_group;
    int first_pair = group * a.head_group;
    int size = group == a.groups - 1 ? n_pairs - first_pair : a.head_group;
    int pair = first_pair + rest % size, request = pair / packs;
    t->head = (pair - request * packs) * args.pack;
    t->kv_head = t->head / (a.heads / a.kv_heads);
    t->first = a.offset[request];
    t->length = a.offset[request + 1] - t->first;
    t->token0 = (a.q_tiles - 1 - rest / size) * args.tokens;
    int end = a.causal ? min(t->length, t->token0 + args.tokens) : t->length;
    int all = a.causal ? min(t->length, t->token0 + 1) : t->length;
    t->blocks = (end + C::COLS - 1) / C::COLS;
    t->clear = all / C::COLS;
    return t->token0 < t->length;
}

/* ---- producer ---- */

template <typename C>
__device__ __forceinline__ void hopper_load_q(const cuda_hopper_args &a,
                                              const hopper_tile &t, uint32_t to,
                                              hopper_barriers *bar)
{
    barrier_expect(&bar->q_full, C::DQK / 64 * a.q_panel_B);
#pragma unroll
    for (int p = 0; p < C::DQK / 64; p++)
        tensor_load(to + p * C::ROWS * 128, &a.q, 64 * p, t.head, t.first + t.token0,
                    &bar->q_full);
}

template <typename C>
__device__ __forceinline__ void
hopper_load_k(const cuda_hopper_args &a, const hopper_tile &t, int block, uint32_t to,
              hopper_barriers *bar, ring<C::STAGES> &at)
{
    constexpr int NOPE = C::DQK - C::ROPE, PANEL_B = C::COLS * 128;
    uint64_t *full = &bar->k_full[at.stage];
    barrier_wait(&bar->k_empty[at.stage], at.parity ^ 1);
    barrier_expect(full, C::DQK / 64 * a.kv_panel_B);
    to += at.stage * C::K_B;
    int token = t.first + block * C::COLS;
#pragma unroll
    for (int p = 0; p < NOPE / 64; p++)
        tensor_load(to + p * PANEL_B, &a.k, 64 * p, t.kv_head, token, full);
#pragma unroll
    for (int p = 0; p < C::ROPE / 64; p++)
        tensor_load(to + (NOPE / 64 + p) * PANEL_B, &a.k_rope, 64 * p, 0, token, full);
    at.next();
}

template <typename C>
__device__ __forceinline__ void
hopper_load_v(const cuda_hopper_args &a, const hopper_tile &t, int block, uint32_t to,
              hopper_barriers *bar, ring<C::STAGES> &at)
{
    uint64_t *full = &bar->v_full[at.stage];
    barrier_wait(&bar->v_empty[at.stage], at.parity ^ 1);
    barrier_expect(full, C::DV / 64 * a.kv_panel_B);
    to += at.stage * C::V_B;
#pragma unroll
    for (int p = 0; p < C::DV / 64; p++)
        tensor_load(to + p * C::COLS * 128, &a.v, 64 * p, t.kv_head,
                    t.first + block * C::COLS, full);
    at.next();
}

/* One thread. The next tile is drawn late, so that who is busy with a long one does not
 * take another long one along, but early enough to hide the counter's latency. The
 * counter is left at zero for the next launch by the last block to end. */
template <typename C>
__device__ __forceinline__ void hopper_produce(const cuda_hopper_args &a, uint32_t q,
                                               uint32_t k, uint32_t v,
                                               hopper_barriers *bar)
{
    ring<C::STAGES> k_at, v_at;
    uint32_t q_parity = 1;
    int index = blockIdx.x;
    while (index < a.n_tiles) {
        int next = 0;
        hopper_tile t;
        if (hopper_locate<C>(a, index, &t)) {
            barrier_wait(&bar->q_empty, q_parity);
            q_parity ^= 1;
            bar->tile = index;
            hopper_load_q<C>(a, t, q, bar);
            hopper_load_k<C>(a, t, t.blocks - 1, k, bar, k_at);
            for (int block = t.blocks - 1; block >= 0; block--) {
                if (block > 0)
                    hopper_load_k<C>(a, t, block - 1, k, bar, k_at);
                if (block == 1 || t.blocks == 1)
                    next = atomicAdd(a.counter, 1);
                hopper_load_v<C>(a, t, block, v, bar, v_at);
            }
        } else {
            next = atomicAdd(a.counter, 1);
        }
        index = gridDim.x + next;
    }
    barrier_wait(&bar->q_empty, q_parity);
    bar->tile = -1;
    barrier_arrive(&bar->q_full);
    if (atomicInc((unsigned *)a.counter + 1, gridDim.x - 1) == gridDim.x - 1)
        *a.counter = 0;
}

/* ---- consumers ---- */

template <typename C> struct hopper_rows {
    float o[C::DV / 2];
    float top[2], sum[2]; /* of rows lane/4 and lane/4+8 of a warp's 16 */
};

/* s[64,COLS] = Q K^T, committed. */
template <typename C>
__device__ __forceinline__ void hopper_scores(float (&s)[C::COLS / 2], uint32_t q,
                                              uint32_t k)
{
    uint64_t qd = wgmma_tile(q, 0), kd = wgmma_tile(k, 0);
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < C::DQK / 16; i++)
        wgmma<typename C::T, C::COLS, 0>::ss(
            s, qd + (i / 4 * C::ROWS * 128 + i % 4 * 32) / 16,
            kd + (i / 4 * C::COLS * 128 + i % 4 * 32) / 16, i > 0);
    wgmma_commit();
}

/* o[64,DV] += P V, committed. ptxas wants the accumulators of one product to fit the
 * registers at launch. */
template <typename C>
__device__ __forceinline__ void
hopper_values(float (&o)[C::DV / 2], const uint32_t (&p)[C::COLS / 4], uint32_t v)
{
    constexpr int N = C::LAUNCH_REGS > C::DV / 2 ? C::DV : C::DV / 2;
    wgmma_fence();
#pragma unroll
    for (int part = 0; part < C::DV / N; part++) {
        float(&d)[N / 2] = *(float(*)[N / 2])(o + part * (N / 2));
        uint64_t vd = wgmma_tile(v + part * (N / 64 * C::COLS * 128), C::COLS * 128);
#pragma unroll
        for (int i = 0; i < C::COLS / 16; i++)
            wgmma<typename C::T, N, 1>::rs(d, p + 4 * i, vd + i * 2048 / 16, 1);
    }
    wgmma_commit();
}

/* limit: one past the last key that the thread's two rows see. */
template <typename C>
__device__ __forceinline__ void hopper_mask(float (&s)[C::COLS / 2], const int limit[2],
                                            int col0)
{
    int col = col0 + 2 * (threadIdx.x & 3);
#pragma unroll
    for (int h = 0; h < 2; h++)
#pragma unroll
        for (int j = 0; j < C::COLS / 8; j++)
#pragma unroll
            for (int e = 0; e < 2; e++)
                if (8 * j + e >= limit[h] - col)
                    s[4 * j + 2 * h + e] = -INFINITY;
}

/* s becomes the weights relative to top, sum follows; shrink is what o is still to be
 * multiplied by. A row may be masked altogether: weights 0. top is the row's maximum, or
 * up to 8 in the exponent below it: moving it costs a pass over o, and weights up to 2^8
 * lose nothing (the conditional rescaling of FlashAttention-4).
 * Two chains each for maximum and sum: one is bound by the latency of its steps. */
template <typename C>
__device__ __forceinline__ void hopper_softmax(float (&s)[C::COLS / 2], float top[2],
                                               float sum[2], float shrink[2],
                                               float scale_log2)
{
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float m[2] = {top[h], top[h]}, add[2] = {0.f, 0.f};
#pragma unroll
        for (int j = 0; j < C::COLS / 8; j++)
            m[j & 1] = fmaxf(m[j & 1], fmaxf(s[4 * j + 2 * h], s[4 * j + 2 * h + 1]));
        float now = quad_max(fmaxf(m[0], m[1]));
        bool moved = (now - top[h]) * scale_log2 > 8.f;
        now = moved ? now : top[h];
        shrink[h] = moved ? power2((top[h] - now) * scale_log2) : 1.f;
        float base = now == -INFINITY ? 0.f : now * scale_log2;
        top[h] = now;
#pragma unroll
        for (int j = 0; j < C::COLS / 8; j++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float w = power2(fmaf(s[4 * j + 2 * h + e], scale_log2, -base));
                s[4 * j + 2 * h + e] = w;
                add[e] += w;
            }
        sum[h] = sum[h] * shrink[h] + (add[0] + add[1]);
    }
}

template <typename C>
__device__ __forceinline__ void hopper_pack(uint32_t (&p)[C::COLS / 4],
                                            const float (&s)[C::COLS / 2])
{
#pragma unroll
    for (int i = 0; i < C::COLS / 4; i++)
        p[i] = pack2<typename C::T>(s[2 * i], s[2 * i + 1]);
}

template <typename C>
__device__ __forceinline__ void hopper_rescale(float (&o)[C::DV / 2],
                                               const float shrink[2])
{
    if (!__any_sync(0xffffffffu, shrink[0] != 1.f || shrink[1] != 1.f))
        return;
#pragma unroll
    for (int i = 0; i < C::DV / 2; i++)
        o[i] *= shrink[i / 2 % 2];
}

/* Rows divided by their sums, straight to the output, 16 bytes a lane. */
template <typename C>
__device__ __forceinline__ void hopper_store(hopper_rows<C> &r, const cuda_hopper_args &a,
                                             const hopper_tile &t, int row)
{
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float inverse = 1.f / quad_sum(r.sum[h]);
        int local = (row + 8 * h) / a.pack, head = t.head + row + 8 * h - local * a.pack;
        int64_t token = t.first + t.token0 + local;
        uint4 *out = (uint4 *)((typename C::T *)a.flash.out +
                               (token * a.flash.heads + head) * C::DV) +
                     (threadIdx.x & 3);
        bool valid = local < a.tokens && t.token0 + local < t.length;
#pragma unroll
        for (int g = 0; g < C::DV / 32; g++) {
            uint32_t x[4];
#pragma unroll
            for (int i = 0; i < 4; i++)
                x[i] = pack2<typename C::T>(r.o[16 * g + 4 * i + 2 * h] * inverse,
                                            r.o[16 * g + 4 * i + 2 * h + 1] * inverse);
            quad_transpose(x);
            if (valid)
                out[4 * g] = make_uint4(x[0], x[1], x[2], x[3]);
        }
    }
}

/* What a consumer warpgroup carries from tile to tile. */
template <typename C> struct hopper_consumer {
    uint32_t q, k, v; /* shared memory; q: of this warpgroup's rows */
    int group;
    ring<C::STAGES> k_at, v_at;
    hopper_barriers *bar;
};

/* Scores of one block while P V of the block before it, whose weights are in p, is under
 * way; leaves the weights of this block in p and o up to date but for them. */
template <typename C, bool MASK>
__device__ __forceinline__ void hopper_block(hopper_consumer<C> &c, hopper_rows<C> &r,
                                             uint32_t (&p)[C::COLS / 4], float scale_log2,
                                             const int limit[2], int block)
{
    float s[C::COLS / 2], shrink[2];
    barrier_wait(&c.bar->k_full[c.k_at.stage], c.k_at.parity);
    if (C::TURNS)
        named_sync(1 + c.group, 256);
    hopper_scores<C>(s, c.q, c.k + c.k_at.stage * C::K_B);
    barrier_wait(&c.bar->v_full[c.v_at.stage], c.v_at.parity);
    hopper_values<C>(r.o, p, c.v + c.v_at.stage * C::V_B);
    if (C::TURNS)
        named_arrive(1 + (c.group + 1) % C::GROUPS, 256);
    wgmma_wait<1>();
    wgmma_hold(s);
    barrier_arrive_warp(&c.bar->k_empty[c.k_at.stage]);
    c.k_at.next();
    if (MASK)
        hopper_mask<C>(s, limit, block * C::COLS);
    hopper_softmax<C>(s, r.top, r.sum, shrink, scale_log2);
    wgmma_after(r.sum[0] + r.sum[1]);
    wgmma_wait<0>();
    wgmma_hold(r.o);
    barrier_arrive_warp(&c.bar->v_empty[c.v_at.stage]);
    c.v_at.next();
    hopper_rescale<C>(r.o, shrink);
    hopper_pack<C>(p, s);
}

/* The first block of a tile: nothing is under way yet. */
template <typename C>
__device__ __forceinline__ void hopper_first(hopper_consumer<C> &c, hopper_rows<C> &r,
                                             uint32_t (&p)[C::COLS / 4], float scale_log2,
                                             const int limit[2], int block)
{
    float s[C::COLS / 2], shrink[2];
    barrier_wait(&c.bar->k_full[c.k_at.stage], c.k_at.parity);
    hopper_scores<C>(s, c.q, c.k + c.k_at.stage * C::K_B);
    wgmma_wait<0>();
    wgmma_hold(s);
    barrier_arrive_warp(&c.bar->k_empty[c.k_at.stage]);
    c.k_at.next();
    hopper_mask<C>(s, limit, block * C::COLS);
#pragma unroll
    for (int i = 0; i < C::DV / 2; i++)
        r.o[i] = 0.f;
    r.top[0] = r.top[1] = -INFINITY;
    r.sum[0] = r.sum[1] = 0.f;
    hopper_softmax<C>(s, r.top, r.sum, shrink, scale_log2);
    hopper_pack<C>(p, s);
}

template <typename C>
__device__ __forceinline__ void hopper_last(hopper_consumer<C> &c, hopper_rows<C> &r,
                                            uint32_t (&p)[C::COLS / 4])
{
    barrier_arrive_warp(&c.bar->q_empty);
    barrier_wait(&c.bar->v_full[c.v_at.stage], c.v_at.parity);
    hopper_values<C>(r.o, p, c.v + c.v_at.stage * C::V_B);
    wgmma_wait<0>();
    wgmma_hold(r.o);
    barrier_arrive_warp(&c.bar->v_empty[c.v_at.stage]);
    c.v_at.next();
}

template <typename C>
__device__ __forceinline__ void hopper_consume(const cuda_hopper_args &a,
                                               hopper_consumer<C> &c)
{
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5 & 3;
    uint32_t q_parity = 0;
    if (C::TURNS && c.group == C::GROUPS - 1)
        named_arrive(1, 256);
    for (;;) {
        barrier_wait(&c.bar->q_full, q_parity);
        q_parity ^= 1;
        int index = 0;
        if (lane == 0)
            index = *(volatile int *)&c.bar->tile;
        index = __shfl_sync(0xffffffffu, index, 0);
        if (index < 0)
            break;
        hopper_tile t;
        hopper_rows<C> r;
        uint32_t p[C::COLS / 4];
        int limit[2];
        hopper_locate<C>(a, index, &t);
        int row = 64 * c.group + 16 * warp + (lane >> 2), block = t.blocks - 1;
#pragma unroll
        for (int h = 0; h < 2; h++)
            limit[h] = a.flash.causal
                           ? min(t.length, t.token0 + (row + 8 * h) / a.pack + 1)
                           : t.length;
        float scale_log2 = a.flash.scale_log2;
        hopper_first<C>(c, r, p, scale_log2, limit, block--);
        for (; block >= t.clear; block--)
            hopper_block<C, true>(c, r, p, scale_log2, limit, block);
        for (; block >= 0; block--)
            hopper_block<C, false>(c, r, p, scale_log2, limit, block);
        hopper_last<C>(c, r, p);
        hopper_store<C>(r, a, t, row);
    }
}

template <typename C> __device__ __forceinline__ void hopper_init(hopper_barriers *bar)
{
    int consumers = 4 * C::GROUPS; /* one lane of every warp */
    barrier_init(&bar->q_full, 1);
    barrier_init(&bar->q_empty, consumers);
    for (int i = 0; i < C::STAGES; i++) {
        barrier_init(&bar->k_full[i], 1);
        barrier_init(&bar->v_full[i], 1);
        barrier_init(&bar->k_empty[i], consumers);
        barrier_init(&bar->v_empty[i], consumers);
    }
    barrier_init_done();
}

/* Boxes of fewer than COLS tokens leave the rest of the buffers alone: the weights there
 * are 0, so the values must be finite. */
template <typename C> __device__ __forceinline__ void hopper_clear(unsigned char *v)
{
    for (int i = threadIdx.x; i < C::STAGES * C::V_B / 16; i += C::THREADS)
        ((uint4 *)v)[i] = make_uint4(0, 0, 0, 0);
    async_fence();
}

#endif

template <typename C>
__global__ __launch_bounds__(C::THREADS, C::PER_SM) void hopper_kernel(
    const __grid_constant__ cuda_hopper_args a)
{
#if SC_HOPPER
    extern __shared__ unsigned char smem[];
    __shared__ hopper_barriers bar;
    uint32_t q = (smem_address(smem) + 1023) & ~1023u, k = q + C::Q_B;
    uint32_t v = k + C::STAGES * C::K_B;
    if (threadIdx.x == 0)
        hopper_init<C>(&bar);
    if (a.kv_panel_B < C::COLS * 128)
        hopper_clear<C>(smem + (v - smem_address(smem)));
    __syncthreads();
    int group = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
    if (group == 0) {
        registers_lower<C::PRODUCER_REGS>();
        if (threadIdx.x == 0)
            hopper_produce<C>(a, q, k, v, &bar);
    } else {
        registers_raise<C::CONSUMER_REGS>();
        hopper_consumer<C> c;
        c.group = group - 1;
        c.q = q + c.group * 64 * 128;
        c.k = k;
        c.v = v;
        c.bar = &bar;
        hopper_consume<C>(a, c);
    }
#endif
}

/* cudaErrorInvalidDeviceFunction: there is no code for this device in the module. */
template <typename C> cudaError_t hopper_setup(void)
{
    cudaFuncAttributes is;
    cudaError_t e = cudaFuncGetAttributes(&is, hopper_kernel<C>);
    if (e == cudaSuccess && is.sharedSizeBytes == 0)
        e = cudaErrorInvalidDeviceFunction;
    return e != cudaSuccess
               ? e
               : cudaFuncSetAttribute(hopper_kernel<C>,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      C::SMEM_B);
}

template <typename C>
cudaError_t hopper_launch(const cuda_hopper_args *args, int blocks, cudaStream_t stream)
{
    hopper_kernel<C><<<(unsigned)blocks, C::THREADS, C::SMEM_B, stream>>>(*args);
    return cudaGetLastError();
}

template <typename C>
constexpr cuda_hopper_variant hopper_variant(const char *name, int kind, double tile_us,
                                             double block_us, double busy_us)
{
    return {name,     kind,    C::DQK,          C::DV,           C::ROPE,
            C::ROWS,  C::COLS, C::SMEM_B,       C::PER_SM,       tile_us,
            block_us, busy_us, hopper_setup<C>, hopper_launch<C>};
}

/* The compiled shapes: microseconds that cuda_tiling_choose goes by (tile, block, busy:
 * kernels.h), fitted to 539 timings of 189 cases on an H100, docs/kernels.md; then dqk,
 * dv, rope, consumer warpgroups, turns, keys a block, buffers, thread blocks an SM. */
#define HOPPER_VARIANT(T, KIND, NAME, TILE_US, BLOCK_US, BUSY_US, ...)                   \
    hopper_variant<hopper_config<T, __VA_ARGS__>>("flash_wgmma_" NAME, KIND, TILE_US,    \
                                                  BLOCK_US, BUSY_US)
#define HOPPER_TABLE(T, KIND)                                                            \
    {                                                                                    \
        HOPPER_VARIANT(T, KIND, "64x64", 1.95, 1.74, 1.74, 64, 64, 0, 3, true, 128, 2,   \
                       1),                                                               \
            HOPPER_VARIANT(T, KIND, "64x64_m64", 1.03, 0.62, 0.35, 64, 64, 0, 1, false,  \
                           64, 2, 3),                                                    \
            HOPPER_VARIANT(T, KIND, "128x128", 1.88, 1.80, 1.80, 128, 128, 0, 2, true,   \
                           128, 2, 1),                                                   \
            HOPPER_VARIANT(T, KIND, "128x128_m64", 1.43, 1.14, 0.58, 128, 128, 0, 1,     \
                           false, 64, 2, 2),                                             \
            HOPPER_VARIANT(T, KIND, "256x256", 2.66, 2.06, 2.06, 256, 256, 0, 2, true,   \
                           80, 2, 1),                                                    \
            HOPPER_VARIANT(T, KIND, "256x256_m64", 2.20, 1.38, 1.13, 256, 256, 0, 1,     \
                           false, 64, 1, 2),                                             \
            HOPPER_VARIANT(T, KIND, "192x128", 1.87, 2.22, 2.22, 192, 128, 64, 2, false, \
                           128, 2, 1),                                                   \
            HOPPER_VARIANT(T, KIND, "192x128_m64", 1.24, 0.90, 0.71, 192, 128, 64, 1,    \
                           false, 64, 2, 2)                                              \
    }

#endif
