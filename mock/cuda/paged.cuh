/* solcheck - attention, generation: one new token a request over a paged KV cache,
 * grouped query heads, with the keys split over thread blocks (flash decoding, Dao et al.
 * 2023).
 *
 * Shapes, for one request of n cached tokens and one kv head: S[G,n] = Q[G,d] K[n,d]^T,
 * O[G,d] = softmax(S) V[n,d], G = H/Hkv query heads a group.
 *
 * Floors on an H100 SXM (bf16 989 TFLOP/s, 3.35 TB/s; datasheet), b=64, n=4096, H=32,
 * Hkv=8, d=128:
 *   bytes 2*b*n*Hkv*d*2 = 1.07 GB: 0.32 ms; FLOPs 4*b*H*n*d = 4.3 GFLOP: 4.3 us.
 * Memory-bound for every G up to 295; in fp8 half the bytes, 0.16 ms, up to 147. To make
 * a byte wide takes 2.25 instructions: 33 lanes of the 128 that an SM issues a clock at
 * 14.5 B a clock and SM. Predictions: 2.6 to 2.9 TB/s (a copy reaches 3.0), fp8 2.3
 * to 2.7. Measured: docs/kernels.md.
 *
 * One thread block works through runs of pages that the host laid out evenly
 * (mock/cuda/schedule.c). Each of its four warps takes 16 of the page's 64 tokens, copies
 * them itself, STAGES-1 pages ahead, and keeps an online softmax of its own: no
 * block-wide barrier until the run ends, when the four are merged in shared memory.
 *
 * Wide heads, or many of them, overflow the registers of a warp: there SPLIT warps share
 * the 16 tokens, each with d/SPLIT columns of Q, K, V and O. What they have of the scores
 * is added up through shared memory, a barrier among the SPLIT of them a page; the
 * softmax they all compute. SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#ifndef SC_MOCK_CUDA_PAGED_CUH
#define SC_MOCK_CUDA_PAGED_CUH

#include "mock/cuda/decode.cuh"

template <typename C> __global__ void paged_kernel(const cuda_decode_args a);

template <typename T_, bool FP8_, int D_, int MT_, int STAGES_, int SPLIT_ = 1>
struct paged_config {
    typedef T_ T;
    static constexpr bool FP8 = FP8_;
    static constexpr int D = D_, DV = D_, MT = MT_, STAGES = STAGES_, SPLIT = SPLIT_;
    static constexpr int WARPS = 4 * SPLIT, THREADS = 32 * WARPS, ROWS = 16 * MT;
    static constexpr int MIN_BLOCKS = SPLIT == 1 ? 2 : 1;
    static constexpr int W = D / SPLIT;          /* columns of a warp */
    static constexpr int NUMBER_B = FP8 ? 1 : 2; /* in the cache */
    static constexpr int ROW_B = W * NUMBER_B;
    static constexpr int TOKENS = 16;             /* of a page, per group of warps */
    static constexpr int TILE_B = TOKENS * ROW_B; /* of K or V, per warp and stage */
    static constexpr int WARP_B = STAGES * 2 * TILE_B;
    static constexpr int SCORES = MT * 8; /* of a thread */
    static constexpr int SCORES_B = SPLIT == 1 ? 0 : 2 * WARPS * SCORES * 32 * 4;
    static constexpr int MERGE_B = WARPS * ROWS * (W + 2) * 4;
    static constexpr int PIPE_B = WARPS * WARP_B + SCORES_B;
    static constexpr int SMEM_B = PIPE_B > MERGE_B ? PIPE_B : MERGE_B;
    static constexpr decode_kernel *kernel()
    {
        return paged_kernel<paged_config>;
    }
};

/* Token group and column part of this warp. */
template <typename C> __device__ __forceinline__ int paged_group()
{
    return (threadIdx.x >> 5) % 4;
}

template <typename C> __device__ __forceinline__ int paged_part()
{
    return C::SPLIT == 1 ? 0 : (threadIdx.x >> 5) / 4;
}

/* One (request, kv head, tile of query heads) and its run of pages. */
struct paged_run {
    int request, kv_head, tile;
    int page0, page1, length, group;
    int first; /* token that is seen */
    const int32_t *table;
};

/* Query rows straight into mma fragments; rows beyond the group are zero. */
template <typename C>
__device__ __forceinline__ void paged_load_q(uint32_t q[C::MT][C::W / 16][4],
                                             const cuda_decode_args &a,
                                             const paged_run &r)
{
    int lane = threadIdx.x & 31;
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int row = r.tile * C::ROWS + 16 * i + 8 * h + (lane >> 2);
            bool ok = row < r.group;
            int64_t head =
                (int64_t)r.request * a.heads + r.kv_head * r.group + (ok ? row : 0);
            const uint32_t *from =
                (const uint32_t *)((const typename C::T *)a.q + head * C::D +
                                   paged_part<C>() * C::W);
#pragma unroll
            for (int kk = 0; kk < C::W / 16; kk++) {
                uint32_t x = 0, y = 0;
                if (ok && C::FP8) {
                    uint2 four = *(const uint2 *)(from + 8 * kk + 2 * (lane & 3));
                    x = pick_even(four.x, four.y);
                    y = pick_odd(four.x, four.y);
                } else if (ok) {
                    x = from[8 * kk + (lane & 3)];
                    y = from[8 * kk + 4 + (lane & 3)];
                }
                q[i][kk][h] = x;
                q[i][kk][h + 2] = y;
            }
        }
}

/* Copies this warp's tokens of one page; tokens beyond the request become zero. */
template <typename C>
__device__ __forceinline__ void paged_copy(uint32_t to, const cuda_decode_args &a,
                                           const paged_run &r, int page, int block)
{
    constexpr int CHUNKS = C::ROW_B / 16, STEP = 32 / CHUNKS;
    int lane = threadIdx.x & 31, group = paged_group<C>();
    int row = lane / CHUNKS, chunk = lane % CHUNKS;
    int token = page * PAGE + group * C::TOKENS + row;
    int64_t stride_B = (int64_t)a.kv_heads * C::D * C::NUMBER_B;
    int64_t at_B = ((int64_t)block * PAGE + group * C::TOKENS + row) * stride_B +
                   (r.kv_head * C::SPLIT + paged_part<C>()) * C::ROW_B + chunk * 16;
    const char *k = (const char *)a.k + at_B, *v = (const char *)a.v + at_B;
#pragma unroll
    for (int i = 0; i < C::TOKENS / STEP; i++) {
        bool ok = token + i * STEP < r.length;
        uint32_t off = tile_at<C::ROW_B>(row + i * STEP, chunk);
        copy16(to + off, k + i * STEP * stride_B, ok);
        copy16(to + C::TILE_B + off, v + i * STEP * stride_B, ok);
    }
}

/* s = Q K^T of this warp's columns and 16 tokens. */
template <typename C>
__device__ __forceinline__ void
paged_scores(float s[C::MT][2][4], const uint32_t q[C::MT][C::W / 16][4], uint32_t k)
{
    typedef typename C::T T;
    constexpr int STEPS = C::FP8 ? 2 : 1; /* of 16 columns, in one load */
    int lane = threadIdx.x & 31;
    int k_row = (lane & 7) + ((lane >> 4) << 3), k_hi = (lane >> 3) & 1;
#pragma unroll
    for (int kk = 0; kk < C::W / 16 / STEPS; kk++) {
        uint32_t kb[4];
        load4(kb, k + tile_at<C::ROW_B>(k_row, 2 * kk + k_hi));
#pragma unroll
        for (int step = 0; step < STEPS; step++)
#pragma unroll
            for (int j = 0; j < 2; j++) {
                uint32_t b0 = C::FP8 ? widen_even<T>(kb[2 * j + step]) : kb[2 * j];
                uint32_t b1 = C::FP8 ? widen_odd<T>(kb[2 * j + step]) : kb[2 * j + 1];
#pragma unroll
                for (int i = 0; i < C::MT; i++)
                    mma<T>(s[i][j], q[i][STEPS * kk + step], b0, b1);
            }
    }
}

/* Waits for the warps of the group; 0 is the barrier of the block. Groups without tokens
 * wait as often as the others: racecheck counts the barriers of a warp, and took those
 * that had passed fewer to be ahead of the barrier of the block. */
template <typename C> __device__ __forceinline__ void paged_group_wait()
{
    if (C::SPLIT > 1)
        asm volatile("bar.sync %0, %1;" ::"r"(1 + paged_group<C>()), "n"(32 * C::SPLIT)
                     : "memory");
}

/* Adds what the other warps of the group have of the scores. `scores`: two buffers, taken
 * in turn, so that one barrier a page is enough. */
template <typename C>
__device__ __forceinline__ void paged_add_scores(float s[C::MT][2][4], float *scores)
{
    int lane = threadIdx.x & 31, group = paged_group<C>(), part = paged_part<C>();
    float *own = scores + (group * C::SPLIT + part) * C::SCORES * 32 + lane;
#pragma unroll
    for (int e = 0; e < C::SCORES; e++)
        own[32 * e] = s[e / 8][e / 4 % 2][e % 4];
    paged_group_wait<C>();
#pragma unroll
    for (int other = 1; other < C::SPLIT; other++) {
        const float *from =
            scores + (group * C::SPLIT + (part + other) % C::SPLIT) * C::SCORES * 32 +
            lane;
#pragma unroll
        for (int e = 0; e < C::SCORES; e++)
            s[e / 8][e / 4 % 2][e % 4] += from[32 * e];
    }
}

/* o += P V of this warp's columns and 16 tokens. */
template <typename C>
__device__ __forceinline__ void paged_values(float o[C::MT][C::W / 8][4],
                                             const uint32_t p[C::MT][4], uint32_t v)
{
    typedef typename C::T T;
    int lane = threadIdx.x & 31;
    constexpr int LOADS = C::ROW_B / 32;
#pragma unroll
    for (int j = 0; j < LOADS; j++) {
        uint32_t vb[4];
        load4_transposed(vb, v + tile_at<C::ROW_B>(lane & 15, 2 * j + (lane >> 4)));
#pragma unroll
        for (int half = 0; half < 2; half++) {
            uint32_t x = vb[2 * half], y = vb[2 * half + 1];
            if (C::FP8) {
                int tile = 4 * j + 2 * half;
                uint32_t e0 = widen_even<T>(x), e1 = widen_even<T>(y);
                uint32_t d0 = widen_odd<T>(x), d1 = widen_odd<T>(y);
#pragma unroll
                for (int i = 0; i < C::MT; i++) {
                    mma<T>(o[i][tile % (C::W / 8)], p[i], e0, e1);
                    mma<T>(o[i][(tile + 1) % (C::W / 8)], p[i], d0, d1);
                }
            } else {
#pragma unroll
                for (int i = 0; i < C::MT; i++)
                    mma<T>(o[i][2 * j + half], p[i], x, y);
            }
        }
    }
}

/* Adds 16 tokens to the running softmax of this warp. left: tokens that exist, >= 1;
 * skip: tokens that are not seen any more, <= 15. */
template <typename C>
__device__ __forceinline__ void
paged_step(float o[C::MT][C::W / 8][4], float top[C::MT][2], float sum[C::MT][2],
           const uint32_t q[C::MT][C::W / 16][4], uint32_t k, float *scores, int left,
           int skip, float scale_log2)
{
    typedef typename C::T T;
    int lane = threadIdx.x & 31;
    float s[C::MT][2][4] = {};
    paged_scores<C>(s, q, k);
    if (C::SPLIT > 1)
        paged_add_scores<C>(s, scores);
    float shrink[C::MT][2];
    bool moved = false;
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float m = top[i][h];
#pragma unroll
            for (int j = 0; j < 2; j++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    float x = s[i][j][2 * h + e] * scale_log2;
                    int token = 8 * j + 2 * (lane & 3) + e;
                    if (token >= left || token < skip)
                        x = -INFINITY;
                    s[i][j][2 * h + e] = x;
                    m = fmaxf(m, x);
                }
            m = quad_max(m);
            shrink[i][h] = power2(top[i][h] - m);
            moved |= m != top[i][h];
            top[i][h] = m;
            float add = 0.f;
#pragma unroll
            for (int j = 0; j < 2; j++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    float w = power2(s[i][j][2 * h + e] - m);
                    s[i][j][2 * h + e] = w;
                    add += w;
                }
            sum[i][h] = sum[i][h] * shrink[i][h] + add;
        }
    if (__any_sync(0xffffffffu, moved)) {
#pragma unroll
        for (int i = 0; i < C::MT; i++)
#pragma unroll
            for (int j = 0; j < C::W / 8; j++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    o[i][j][e] *= shrink[i][e >> 1];
    }
    uint32_t p[C::MT][4];
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int e = 0; e < 4; e++)
            p[i][e] = pack2<T>(s[i][e >> 1][2 * (e & 1)], s[i][e >> 1][2 * (e & 1) + 1]);
    paged_values<C>(o, p, k + C::TILE_B);
}

/* Row h of a tile of o to `to`, the warp's columns of a row. */
template <typename C>
__device__ __forceinline__ void paged_leave_row(float *to, const float o[C::W / 8][4],
                                                int h)
{
    int c = threadIdx.x & 3;
    if constexpr (C::FP8) {
#pragma unroll
        for (int j = 0; j < C::W / 16; j++)
            *(float4 *)(to + 16 * j + 4 * c) =
                make_float4(o[2 * j][2 * h], o[2 * j + 1][2 * h], o[2 * j][2 * h + 1],
                            o[2 * j + 1][2 * h + 1]);
    } else {
#pragma unroll
        for (int j = 0; j < C::W / 8; j++)
            *(float2 *)(to + 8 * j + 2 * c) = make_float2(o[j][2 * h], o[j][2 * h + 1]);
    }
}

/* Leaves this warp's rows (not divided), maxima and sums in shared memory. */
template <typename C>
__device__ __forceinline__ void
paged_leave(float *merge, const float o[C::MT][C::W / 8][4], const float top[C::MT][2],
            const float sum[C::MT][2])
{
    int lane = threadIdx.x & 31, place = paged_part<C>() * 4 + paged_group<C>();
    float *stats = merge + C::WARPS * C::ROWS * C::W + 2 * place * C::ROWS;
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int row = 16 * i + 8 * h + (lane >> 2);
            float total = quad_sum(sum[i][h]);
            if ((lane & 3) == 0) {
                stats[2 * row] = top[i][h];
                stats[2 * row + 1] = total;
            }
            paged_leave_row<C>(merge + (place * C::ROWS + row) * C::W, o[i], h);
        }
}

/* Merges the first token groups and writes the rows of the group: final ones or a slot's.
 */
template <typename C>
__device__ __forceinline__ void paged_finish(const float *merge,
                                             const cuda_decode_args &a,
                                             const paged_run &r, int slot, int groups)
{
    const float *stats = merge + C::WARPS * C::ROWS * C::W;
    for (int id = threadIdx.x; id < C::ROWS * (C::D / 2); id += C::THREADS) {
        int row = id / (C::D / 2), col = 2 * (id % (C::D / 2));
        int in_group = r.tile * C::ROWS + row, part = col / C::W;
        if (in_group >= r.group)
            break;
        float top = -INFINITY, total = 0.f, x = 0.f, y = 0.f;
#pragma unroll
        for (int w = 0; w < 4; w++)
            if (w < groups)
                top = fmaxf(top, stats[2 * (w * C::ROWS + row)]);
#pragma unroll
        for (int w = 0; w < 4; w++) {
            if (w >= groups)
                break;
            float f = power2(stats[2 * (w * C::ROWS + row)] - top);
            float2 add =
                *(const float2 *)(merge + ((part * 4 + w) * C::ROWS + row) * C::W +
                                  col % C::W);
            total += f * stats[2 * (w * C::ROWS + row) + 1];
            x += f * add.x;
            y += f * add.y;
        }
        float inverse = decode_inverse<C::FP8>(total, a, 1);
        if (slot < 0) {
            int64_t head = (int64_t)r.request * a.heads + r.kv_head * r.group + in_group;
            store2<typename C::T>(a.out, head * C::D + col, x * inverse, y * inverse);
        } else {
            int64_t at = decode_part_row(slot, a.m_tiles, r.tile, C::ROWS) + row;
            *(float2 *)(a.part_out + at * C::D + col) =
                make_float2(x * inverse, y * inverse);
            if (col == 0)
                a.part_lse[at] = top + log2f(total);
        }
    }
}

template <typename C>
__device__ __forceinline__ void paged_do_run(const cuda_decode_args &a,
                                             const paged_run &r, int slot, bool last,
                                             unsigned char *smem)
{
    int group = paged_group<C>();
    /* Groups that have tokens: of a run of one page not all need. */
    int tokens = r.page1 - r.page0 > 1 ? PAGE : r.length - r.page0 * PAGE;
    int groups = min(4, (tokens + C::TOKENS - 1) / C::TOKENS);
    int page1 = group < groups ? r.page1 : r.page0;
    uint32_t pipe = smem_address(smem) + (threadIdx.x >> 5) * C::WARP_B;
    float *scores = (float *)(smem + C::WARPS * C::WARP_B);
    uint32_t q[C::MT][C::W / 16][4];
    float o[C::MT][C::W / 8][4] = {}, sum[C::MT][2] = {}, top[C::MT][2];
#pragma unroll
    for (int i = 0; i < C::MT; i++)
        top[i][0] = top[i][1] = -INFINITY;
    int ahead = r.page0; /* next page to copy; its block number is read one page early */
    int block = r.table[ahead];
#pragma unroll
    for (int i = 0; i < C::STAGES - 1; i++) {
        if (ahead < page1) {
            paged_copy<C>(pipe + i * 2 * C::TILE_B, a, r, ahead, block);
            ahead++;
            block = ahead < page1 ? r.table[ahead] : 0;
        }
        copy_commit();
    }
    if (r.page0 < page1)
        paged_load_q<C>(q, a, r);
    int stage = 0, free_stage = C::STAGES - 1;
    for (int page = r.page0; page < page1; page++) {
        copy_wait<C::STAGES - 2>();
        __syncwarp();
        if (ahead < page1) {
            paged_copy<C>(pipe + free_stage * 2 * C::TILE_B, a, r, ahead, block);
            ahead++;
            block = ahead < page1 ? r.table[ahead] : 0;
        }
        copy_commit();
        int at = page * PAGE + group * C::TOKENS;
        if (at < r.length && at + C::TOKENS > r.first)
            paged_step<C>(o, top, sum, q, pipe + stage * 2 * C::TILE_B,
                          scores + (page & 1) * (C::SCORES_B / 8), r.length - at,
                          r.first - at, decode_scale_log2<C::FP8>(a));
        else
            paged_group_wait<C>();
        stage = stage + 1 == C::STAGES ? 0 : stage + 1;
        free_stage = free_stage + 1 == C::STAGES ? 0 : free_stage + 1;
    }
    if (r.page0 >= page1)
        paged_group_wait<C>(); /* as the groups of a page do */
    copy_wait<0>();
    __syncthreads();
    if (last)
        release_next_kernel();
    if (r.page0 < page1)
        paged_leave<C>((float *)smem, o, top, sum);
    __syncthreads();
    paged_finish<C>((const float *)smem, a, r, slot, groups);
    __syncthreads();
}

template <typename C>
__global__ __launch_bounds__(C::THREADS,
                             C::MIN_BLOCKS) void paged_kernel(const cuda_decode_args a)
{
    extern __shared__ __align__(128) unsigned char smem[];
    paged_run r;
    r.group = a.heads / a.kv_heads;
    r.tile = blockIdx.x % a.m_tiles;
    int range = blockIdx.x / a.m_tiles;
    int end = a.work_begin[range + 1];
    for (int i = a.work_begin[range]; i < end; i++) {
        cuda_work w = a.work[i];
        r.request = w.request;
        r.kv_head = w.kv_head;
        r.page0 = w.page0;
        r.page1 = w.page1;
        r.length = a.length[w.request];
        r.first = decode_first(a, r.length);
        r.table = a.table + (int64_t)w.request * a.table_width;
        paged_do_run<C>(a, r, w.slot, i + 1 == end, smem);
    }
}

#define PAGED(KIND, NAME, ...) decode_variant<paged_config<__VA_ARGS__>>(NAME, KIND)

/* For each cache and head_dim, fewest rows first; of equal rows, most shared memory
 * first: d, 16-row tiles, stages, warps that share a token. */
#define PAGED_TABLE(T, KIND)                                                             \
    PAGED(KIND, "paged_mma_d64_m16", T, false, 64, 1, 4),                                \
        PAGED(KIND, "paged_mma_d64_m32", T, false, 64, 2, 4),                            \
        PAGED(KIND, "paged_mma_d64_m64", T, false, 64, 4, 4),                            \
        PAGED(KIND, "paged_mma_d128_m16", T, false, 128, 1, 3),                          \
        PAGED(KIND, "paged_mma_d128_m32", T, false, 128, 2, 3),                          \
        PAGED(KIND, "paged_mma_d128_m64", T, false, 128, 4, 3, 2),                       \
        PAGED(KIND, "paged_mma_d256_m16", T, false, 256, 1, 3, 2),                       \
        PAGED(KIND, "paged_mma_d256_m16_x2", T, false, 256, 1, 2, 2),                    \
        PAGED(KIND, "paged_mma_d256_m32", T, false, 256, 2, 3, 2),                       \
        PAGED(KIND, "paged_mma_d256_m32_x2", T, false, 256, 2, 2, 2),                    \
        PAGED(KIND, "paged_mma_fp8_d64_m16", T, true, 64, 1, 6),                         \
        PAGED(KIND, "paged_mma_fp8_d64_m32", T, true, 64, 2, 6),                         \
        PAGED(KIND, "paged_mma_fp8_d64_m64", T, true, 64, 4, 6),                         \
        PAGED(KIND, "paged_mma_fp8_d128_m16", T, true, 128, 1, 4),                       \
        PAGED(KIND, "paged_mma_fp8_d128_m32", T, true, 128, 2, 4),                       \
        PAGED(KIND, "paged_mma_fp8_d128_m64", T, true, 128, 4, 4, 2),                    \
        PAGED(KIND, "paged_mma_fp8_d256_m16", T, true, 256, 1, 4, 2),                    \
        PAGED(KIND, "paged_mma_fp8_d256_m16_x2", T, true, 256, 1, 2, 2),                 \
        PAGED(KIND, "paged_mma_fp8_d256_m32", T, true, 256, 2, 4, 2)

#endif
