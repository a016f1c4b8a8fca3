/* solcheck - multi-head latent attention, generation: the absorbed form, multi-query
 * attention over the paged latent cache (DeepSeek-V2, arXiv 2405.04434, section 2.1;
 * absorption in appendix C), with the keys split over thread blocks.
 *
 * Shapes, for one request of n cached tokens: S[H,n] = Q[H,576] L[n,576]^T,
 * O[H,512] = softmax(S) L[n,0:512]: a token's 576 numbers are its key, the first 512 of
 * them its value, so each page is copied to shared memory once and used twice.
 *
 * Floors on an H100 SXM (bf16 989 TFLOP/s, 3.35 TB/s; datasheet), b=64, n=4096:
 *   bytes b*n*576*2 = 302 MB: 90 us; FLOPs 2*b*n*H*(576+512): H=16 9.1 GFLOP, 9.2 us:
 *   memory-bound; H=128 73 GFLOP, 74 us: near the ridge.
 * Predictions. H=16: a page of 73.7 KB takes 5080 clocks at full bandwidth and some 2400
 * of shared memory and mma: 2.3 to 2.8 TB/s. H=128 (two tiles of 64 heads): 3456 clocks
 * of Q and L fragments for S, 1024 for O and 576 of writes a page and tile, three
 * barriers: 8.9 MFLOP in 5050 to 8000 clocks, 260 to 400 TFLOP/s. Measured:
 * docs/kernels.md.
 *
 * In fp8 half the bytes: 45 us, memory-bound up to 60 heads. Bytes are made wide on the
 * way from shared memory to registers, as keys and again as values, 2.25 instructions
 * each: 61 lanes of the 128 that an SM issues a clock at full bandwidth; with the rest of
 * the work 2.0 to 2.5 TB/s are expected with 16 heads, and the 260 to 400 TFLOP/s of bf16
 * with 128.
 *
 * One thread block of 8 warps: ROWS = 16, 32 or 64 heads. Scores: the warps divide ROWS x
 * 64 tokens among them. Values: warp w owns columns 64w..64w+63 of all rows; the float
 * accumulator O[ROWS,512] lies in the registers of the 8 warps. With 16 heads Q is kept
 * in registers too, which leaves shared memory for a third page buffer.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/decode.cuh"

template <typename C> __global__ void latent_kernel(const cuda_decode_args a);

template <typename T_, bool FP8_, int ROWS_, int TOKENS_, int STAGES_>
struct latent_config {
    typedef T_ T;
    static constexpr bool FP8 = FP8_;
    static constexpr int ROWS = ROWS_, TOKENS = TOKENS_, STAGES = STAGES_;
    static constexpr int D = 576, DV = 512, WARPS = 8, THREADS = 256;
    static constexpr int MT = ROWS / 16; /* 16-row tiles of O a warp holds */
    /* Scores: GRID_M x GRID_N warps, each SM 16-row by SN 8-token tiles. */
    static constexpr int GRID_M = ROWS == 16 ? 1 : 2, SM = MT / GRID_M;
    static constexpr int GRID_N =
        TOKENS / 8 < WARPS / GRID_M ? TOKENS / 8 : WARPS / GRID_M;
    static constexpr int SN = TOKENS / 8 / GRID_N;
    static constexpr bool Q_REG = ROWS == 16;
    /* A token's 576 bytes are kept 640 apart: whole lines of 128. */
    static constexpr int NUMBER_B = FP8 ? 1 : 2, TOKEN_B = D * NUMBER_B;
    static constexpr int ROW_B = FP8 ? 640 : TOKEN_B, Q_ROW_B = D * 2;
    static constexpr int P_ROW_B = TOKENS * 2;
    static constexpr int Q_B = Q_REG ? 0 : ROWS * Q_ROW_B;
    static constexpr int PAGE_B = TOKENS * ROW_B;
    static constexpr int P_B = ROWS * (P_ROW_B < 128 ? 128 : P_ROW_B);
    static constexpr int STAT_B = (GRID_N * ROWS + ROWS) * 4;
    static constexpr int SMEM_B = Q_B + STAGES * PAGE_B + P_B + STAT_B;
    static_assert(!Q_REG || ROWS * Q_ROW_B <= PAGE_B,
                  "Q passes through the last page buffer");
    static constexpr decode_kernel *kernel()
    {
        return latent_kernel<latent_config>;
    }
};

template <typename C> struct latent_smem {
    uint32_t q, pages, p; /* shared-memory addresses */
    unsigned char *p_bytes;
    float *top, *shrink; /* [GRID_N][ROWS], [ROWS] */
};

struct latent_run {
    int request, head0; /* first head of this tile */
    int heads;          /* heads of this tile that exist */
    int length;
    const int32_t *table;
    int step0, step1; /* in blocks of TOKENS tokens */
};

/* `rows` rows of WIDTH_B bytes to rows ROW_B apart; those from `valid` on become zero. */
template <int WIDTH_B, int ROW_B>
__device__ __forceinline__ void latent_copy_rows(uint32_t to, const void *from, int rows,
                                                 int valid)
{
    constexpr int CHUNKS = WIDTH_B / 16;
    int tid = thread_now(), row = tid >> 3, chunk = tid & 7;
#pragma unroll
    for (int i = 0; i < (rows + 31) / 32; i++, row += 32) {
        if (rows % 32 != 0 && row >= rows)
            break;
        const char *at = (const char *)from + (int64_t)row * WIDTH_B + chunk * 16;
        uint32_t off = to + swizzle(row, chunk, ROW_B);
#pragma unroll
        for (int j = 0; j < (CHUNKS + 7) / 8; j++)
            if (CHUNKS % 8 == 0 || chunk + 8 * j < CHUNKS)
                copy16(off + j * 128, at + j * 128, row < valid);
    }
}

/* Copies step `step` of the run into its buffer. */
template <typename C>
__device__ __forceinline__ void latent_copy(uint32_t to, const cuda_decode_args &a,
                                            const latent_run &r, int step, int block)
{
    constexpr int PER_PAGE = PAGE / C::TOKENS;
    int64_t token = (int64_t)block * PAGE + (step % PER_PAGE) * C::TOKENS;
    latent_copy_rows<C::TOKEN_B, C::ROW_B>(to, (const char *)a.k + token * C::TOKEN_B,
                                           C::TOKENS, r.length - step * C::TOKENS);
}

template <typename C>
__device__ __forceinline__ int latent_block(const latent_run &r, int step)
{
    return step < r.step1 ? r.table[step / (PAGE / C::TOKENS)] : 0;
}

/* Scores of this warp's SM x SN tiles, Q from shared memory. */
template <typename C>
__device__ __forceinline__ void latent_scores(float s[C::SM][C::SN][4], uint32_t q,
                                              uint32_t k, int wm, int wn)
{
    static_assert(C::SN == 2 || C::Q_REG, "two token tiles share a fragment load");
    int lane = thread_now() & 31;
    int q_row = wm * 16 * C::SM + (lane & 15), q_hi = lane >> 4;
    int k_row = wn * 16 + (lane & 7) + ((lane >> 4) << 3), k_hi = (lane >> 3) & 1;
    constexpr int STEPS = C::FP8 ? 2 : 1; /* of 16 columns, in one load */
    float odd[C::SM][2][4] = {}; /* a second chain of sums where one would wait on mma */
    uint32_t kb[4];
#pragma unroll
    for (int kk = 0; kk < C::D / 16; kk++) {
        uint32_t b[4];
        if (kk % STEPS == 0)
            load4(kb, k + swizzle(k_row, 2 * (kk / STEPS) + k_hi, C::ROW_B));
#pragma unroll
        for (int j = 0; j < 2; j++) {
            uint32_t x = kb[2 * j + kk % STEPS];
            b[2 * j] = C::FP8 ? widen_even<typename C::T>(x) : kb[2 * j];
            b[2 * j + 1] = C::FP8 ? widen_odd<typename C::T>(x) : kb[2 * j + 1];
        }
#pragma unroll
        for (int i = 0; i < C::SM; i++) {
            uint32_t qa[4];
            load4(qa, q + swizzle(q_row + 16 * i, 2 * kk + q_hi, C::Q_ROW_B));
            float(*to)[4] = C::SM == 1 && (kk & 1) ? odd[i] : s[i];
            mma<typename C::T>(to[0], qa, b[0], b[1]);
            mma<typename C::T>(to[1], qa, b[2], b[3]);
        }
    }
    if (C::SM == 1)
#pragma unroll
        for (int j = 0; j < 2; j++)
#pragma unroll
            for (int e = 0; e < 4; e++)
                s[0][j][e] += odd[0][j][e];
}

/* The same with Q in registers: one 16 x 8 tile a warp, four chains of sums. */
template <typename C>
__device__ __forceinline__ void latent_scores_reg(float s[4], const uint32_t q[36][4],
                                                  uint32_t k, int wn)
{
    int lane = thread_now() & 31;
    int k_row = wn * 8 + (lane & 7), k_hi = lane >> 3;
    float part[4][4] = {};
#pragma unroll
    for (int kk = 0; kk < C::TOKEN_B / 64; kk++) {
        uint32_t kb[4];
        load4(kb, k + swizzle(k_row, 4 * kk + k_hi, C::ROW_B));
        if (C::FP8) {
#pragma unroll
            for (int i = 0; i < 4; i++)
                mma<typename C::T>(part[i], q[4 * kk % (C::D / 16) + i],
                                   widen_even<typename C::T>(kb[i]),
                                   widen_odd<typename C::T>(kb[i]));
        } else {
            mma<typename C::T>(part[2 * (kk & 1)], q[2 * kk], kb[0], kb[1]);
            mma<typename C::T>(part[2 * (kk & 1) + 1], q[2 * kk + 1], kb[2], kb[3]);
        }
    }
#pragma unroll
    for (int e = 0; e < 4; e++)
        s[e] = (part[0][e] + part[1][e]) + (part[2][e] + part[3][e]);
}

/* Scales and masks s, and leaves this warp's row maxima for the others. */
template <typename C>
__device__ __forceinline__ void latent_maxima(float s[C::SM][C::SN][4],
                                              const latent_smem<C> &m, int wm, int wn,
                                              int left, float scale_log2)
{
    int lane = threadIdx.x & 31;
    int col = wn * C::SN * 8 + 2 * (lane & 3);
#pragma unroll
    for (int i = 0; i < C::SM; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float top = -INFINITY;
#pragma unroll
            for (int j = 0; j < C::SN; j++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    float x = s[i][j][2 * h + e] * scale_log2;
                    if (col + 8 * j + e >= left)
                        x = -INFINITY;
                    s[i][j][2 * h + e] = x;
                    top = fmaxf(top, x);
                }
            top = quad_max(top);
            if ((lane & 3) == 0)
                m.top[wn * C::ROWS + (wm * C::SM + i) * 16 + 8 * h + (lane >> 2)] = top;
        }
}

/* Weights of this warp's tiles into shared memory; row maxima and partial sums follow. */
template <typename C>
__device__ __forceinline__ void latent_weights(float s[C::SM][C::SN][4],
                                               float top[C::SM][2], float sum[C::SM][2],
                                               const latent_smem<C> &m, int wm, int wn)
{
    int lane = threadIdx.x & 31;
#pragma unroll
    for (int i = 0; i < C::SM; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int row = (wm * C::SM + i) * 16 + 8 * h + (lane >> 2);
            float now = top[i][h], add = 0.f;
#pragma unroll
            for (int w = 0; w < C::GRID_N; w++)
                now = fmaxf(now, m.top[w * C::ROWS + row]);
            float shrink = power2(top[i][h] - now);
            top[i][h] = now;
            if (wn == 0 && (lane & 3) == 0)
                m.shrink[row] = shrink;
#pragma unroll
            for (int j = 0; j < C::SN; j++) {
                float x = power2(s[i][j][2 * h] - now),
                      y = power2(s[i][j][2 * h + 1] - now);
                add += x + y;
                *(uint32_t *)(m.p_bytes + swizzle(row, wn * C::SN + j, 128) +
                              4 * (lane & 3)) = pack2<typename C::T>(x, y);
            }
            sum[i][h] = sum[i][h] * shrink + add;
        }
}

/* Chunk `chunk` of the warp's columns of 16 tokens: 8 columns, or 16 of fp8. */
template <typename C>
__device__ __forceinline__ void latent_add_tile(float o[C::MT][8][4],
                                                const uint32_t p[C::MT][4], int chunk,
                                                uint32_t x, uint32_t y)
{
    typedef typename C::T T;
    uint32_t e0 = C::FP8 ? widen_even<T>(x) : x, e1 = C::FP8 ? widen_even<T>(y) : y;
    int tile = C::FP8 ? 2 * chunk : chunk;
#pragma unroll
    for (int i = 0; i < C::MT; i++)
        mma<T>(o[i][tile], p[i], e0, e1);
    if (C::FP8) {
        uint32_t d0 = widen_odd<T>(x), d1 = widen_odd<T>(y);
#pragma unroll
        for (int i = 0; i < C::MT; i++)
            mma<T>(o[i][(tile + 1) % 8], p[i], d0, d1);
    }
}

/* o = o * shrink + P L[:, 64w..64w+63] */
template <typename C>
__device__ __forceinline__ void
latent_values(float o[C::MT][8][4], const latent_smem<C> &m, uint32_t v, int warp)
{
    int lane = thread_now() & 31;
    float shrink[C::MT][2];
    bool moved = false;
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            shrink[i][h] = m.shrink[16 * i + 8 * h + (lane >> 2)];
            moved |= shrink[i][h] != 1.f;
        }
    if (__any_sync(0xffffffffu, moved)) {
#pragma unroll
        for (int i = 0; i < C::MT; i++)
#pragma unroll
            for (int j = 0; j < 8; j++)
#pragma unroll
                for (int e = 0; e < 4; e++)
                    o[i][j][e] *= shrink[i][e >> 1];
    }
#pragma unroll
    for (int kk = 0; kk < C::TOKENS / 16; kk++) {
        uint32_t p[C::MT][4];
#pragma unroll
        for (int i = 0; i < C::MT; i++)
            load4(p[i], m.p + swizzle(16 * i + (lane & 15), 2 * kk + (lane >> 4), 128));
        constexpr int CHUNKS = 64 * C::NUMBER_B / 16; /* of a warp's columns */
#pragma unroll
        for (int j = 0; j < CHUNKS / 2; j++) {
            uint32_t vb[4];
            load4_transposed(vb,
                             v + swizzle(16 * kk + (lane & 15),
                                         CHUNKS * warp + 2 * j + (lane >> 4), C::ROW_B));
#pragma unroll
            for (int half = 0; half < 2; half++) {
                uint32_t x = vb[2 * half], y = vb[2 * half + 1];
                latent_add_tile<C>(o, p, 2 * j + half, x, y);
            }
        }
    }
}

/* Adds up the row sums over warps, then writes rows / sum: final ones or a slot's. */
template <typename C>
__device__ __forceinline__ void
latent_finish(const float o[C::MT][8][4], const float top[C::SM][2],
              const float sum[C::SM][2], const latent_smem<C> &m,
              const cuda_decode_args &a, const latent_run &r, int tile, int slot,
              bool scores, int wm, int wn)
{
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int64_t part = slot < 0 ? 0 : decode_part_row(slot, a.m_tiles, tile, C::ROWS);
#pragma unroll
    for (int i = 0; i < C::SM; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int row = (wm * C::SM + i) * 16 + 8 * h + (lane >> 2);
            float total = quad_sum(sum[i][h]);
            if (scores && (lane & 3) == 0) {
                m.top[wn * C::ROWS + row] = total;
                if (wn == 0)
                    m.shrink[row] = top[i][h];
            }
        }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int row = 16 * i + 8 * h + (lane >> 2);
            if (row >= r.heads)
                continue;
            float total = 0.f;
#pragma unroll
            for (int w = 0; w < C::GRID_N; w++)
                total += m.top[w * C::ROWS + row];
            float inverse = decode_inverse<C::FP8>(total, a, 0);
            int64_t out = ((int64_t)r.request * a.heads + r.head0 + row) * C::DV;
#pragma unroll
            for (int j = 0; j < 8; j++) {
                /* In fp8 tiles 2t and 2t+1 have a lane's columns 4c..4c+3 of 16. */
                int mate = C::FP8 ? j ^ 1 : j, e = C::FP8 ? j & 1 : 0;
                int col = 64 * warp + (C::FP8 ? 16 * (j / 2) + 4 * (lane & 3) + 2 * e
                                              : 8 * j + 2 * (lane & 3));
                float x = (C::FP8 ? o[i][j & 6][2 * h + e] : o[i][j][2 * h]) * inverse;
                float y =
                    (C::FP8 ? o[i][mate | 1][2 * h + e] : o[i][j][2 * h + 1]) * inverse;
                if (slot < 0)
                    store2<typename C::T>(a.out, out + col, x, y);
                else
                    *(float2 *)(a.part_out + (part + row) * C::DV + col) =
                        make_float2(x, y);
            }
            if (slot >= 0 && warp == 0 && (lane & 3) == 0)
                a.part_lse[part + row] = m.shrink[row] + log2f(total);
        }
    __syncthreads();
}

/* Q in the order of the columns that fp8 keys are multiplied in: of 16 the even ones,
 * then the odd ones. */
template <typename C>
__device__ __forceinline__ void latent_permute_q(uint32_t to, const void *q, int heads)
{
    constexpr int GROUPS = C::D / 16;
    for (int id = threadIdx.x; id < C::ROWS * GROUPS; id += C::THREADS) {
        int row = id / GROUPS, at = id % GROUPS;
        uint4 x = {}, y = {};
        if (row < heads) {
            const uint4 *from = (const uint4 *)q + (row * GROUPS + at) * 2;
            x = from[0];
            y = from[1];
        }
        store_shared4(to + swizzle(row, 2 * at, C::Q_ROW_B),
                      make_uint4(pick_even(x.x, x.y), pick_even(x.z, x.w),
                                 pick_even(y.x, y.y), pick_even(y.z, y.w)));
        store_shared4(to + swizzle(row, 2 * at + 1, C::Q_ROW_B),
                      make_uint4(pick_odd(x.x, x.y), pick_odd(x.z, x.w),
                                 pick_odd(y.x, y.y), pick_odd(y.z, y.w)));
    }
}

/* Q of the tile to shared memory; heads that do not exist become zero. */
template <typename C>
__device__ __forceinline__ void latent_copy_q(uint32_t to, const cuda_decode_args &a,
                                              const latent_run &r)
{
    const void *q =
        (const typename C::T *)a.q + ((int64_t)r.request * a.heads + r.head0) * C::D;
    if (C::FP8)
        latent_permute_q<C>(to, q, r.heads);
    else
        latent_copy_rows<C::Q_ROW_B, C::Q_ROW_B>(to, q, C::ROWS, r.heads);
}

template <typename C>
__device__ __forceinline__ void latent_do_run(const cuda_decode_args &a,
                                              const latent_run &r, int tile, int slot,
                                              const latent_smem<C> &m, bool last)
{
    int lane = threadIdx.x & 31, warp = __shfl_sync(0xffffffffu, threadIdx.x >> 5, 0);
    int wm = warp / C::GRID_N, wn = warp % C::GRID_N;
    bool scores = wm < C::GRID_M; /* small token blocks leave some warps without scores */
    wm = scores ? wm : 0;
    uint32_t q_reg[C::Q_REG ? C::D / 16 : 1][4];
    float o[C::MT][8][4] = {}, top[C::SM][2], sum[C::SM][2] = {};
#pragma unroll
    for (int i = 0; i < C::SM; i++)
        top[i][0] = top[i][1] = -INFINITY;

    uint32_t q_at = C::Q_REG ? m.pages + (C::STAGES - 1) * C::PAGE_B : m.q;
    latent_copy_q<C>(q_at, a, r);
    copy_commit();
    int ahead = r.step0, block = latent_block<C>(r, ahead);
#pragma unroll
    for (int i = 0; i < C::STAGES - 1; i++) {
        if (ahead < r.step1) {
            latent_copy<C>(m.pages + i * C::PAGE_B, a, r, ahead, block);
            block = latent_block<C>(r, ++ahead);
        }
        copy_commit();
    }
    if constexpr (C::Q_REG) {
        copy_wait<C::STAGES - 1>();
        __syncthreads();
#pragma unroll
        for (int kk = 0; kk < C::D / 16; kk++)
            load4(q_reg[kk], q_at + swizzle(lane & 15, 2 * kk + (lane >> 4), C::Q_ROW_B));
    }
    int stage = 0, free_stage = C::STAGES - 1;
    for (int step = r.step0; step < r.step1; step++) {
        copy_wait<C::STAGES - 2>();
        __syncthreads(); /* the page is there, and the one before is done with */
        if (ahead < r.step1) {
            latent_copy<C>(m.pages + free_stage * C::PAGE_B, a, r, ahead, block);
            block = latent_block<C>(r, ++ahead);
        }
        copy_commit();
        uint32_t page = m.pages + stage * C::PAGE_B;
        float s[C::SM][C::SN][4] = {};
        if (scores) {
            if constexpr (C::Q_REG)
                latent_scores_reg<C>(s[0][0], q_reg, page, wn);
            else
                latent_scores<C>(s, m.q, page, wm, wn);
            latent_maxima<C>(s, m, wm, wn, r.length - step * C::TOKENS,
                             decode_scale_log2<C::FP8>(a));
        }
        __syncthreads();
        if (scores)
            latent_weights<C>(s, top, sum, m, wm, wn);
        __syncthreads();
        latent_values<C>(o, m, page, warp);
        stage = stage + 1 == C::STAGES ? 0 : stage + 1;
        free_stage = free_stage + 1 == C::STAGES ? 0 : free_stage + 1;
    }
    copy_wait<0>();
    __syncthreads();
    if (last)
        release_next_kernel();
    latent_finish<C>(o, top, sum, m, a, r, tile, slot, scores, wm, wn);
}

template <typename C>
__global__ __launch_bounds__(C::THREADS, 1) void latent_kernel(const cuda_decode_args a)
{
    extern __shared__ __align__(128) unsigned char smem[];
    latent_smem<C> m;
    unsigned char *at = smem;
    m.q = smem_address(at);
    m.pages = smem_address(at += C::Q_B);
    m.p_bytes = at += C::STAGES * C::PAGE_B;
    m.p = smem_address(at);
    m.top = (float *)(at += C::P_B);
    m.shrink = m.top + C::GRID_N * C::ROWS;
    int tile = blockIdx.x % a.m_tiles, range = blockIdx.x / a.m_tiles;
    latent_run r;
    r.head0 = tile * C::ROWS;
    r.heads = min(C::ROWS, a.heads - r.head0);
    int end = a.work_begin[range + 1];
    for (int i = a.work_begin[range]; i < end; i++) {
        cuda_work w = a.work[i];
        r.request = w.request;
        r.length = a.length[w.request];
        r.table = a.table + (int64_t)w.request * a.table_width;
        r.step0 = w.page0 * (PAGE / C::TOKENS);
        r.step1 =
            min(w.page1 * (PAGE / C::TOKENS), (r.length + C::TOKENS - 1) / C::TOKENS);
        latent_do_run<C>(a, r, tile, w.slot, m, i + 1 == end);
    }
}

#define LATENT(KIND, NAME, ...) decode_variant<latent_config<__VA_ARGS__>>(NAME, KIND)

/* For each cache fewest rows first; of equal rows, most shared memory first: heads,
 * tokens, buffers. */
#define LATENT_TABLE(T, KIND)                                                            \
    LATENT(KIND, "latent_mma_m16_t64x3", T, false, 16, 64, 3),                           \
        LATENT(KIND, "latent_mma_m16_t64x2", T, false, 16, 64, 2),                       \
        LATENT(KIND, "latent_mma_m16_t32x2", T, false, 16, 32, 2),                       \
        LATENT(KIND, "latent_mma_m32_t64x2", T, false, 32, 64, 2),                       \
        LATENT(KIND, "latent_mma_m64_t64x2", T, false, 64, 64, 2),                       \
        LATENT(KIND, "latent_mma_fp8_m16_t64x4", T, true, 16, 64, 4),                    \
        LATENT(KIND, "latent_mma_fp8_m16_t64x2", T, true, 16, 64, 2),                    \
        LATENT(KIND, "latent_mma_fp8_m32_t64x4", T, true, 32, 64, 4),                    \
        LATENT(KIND, "latent_mma_fp8_m32_t64x2", T, true, 32, 64, 2),                    \
        LATENT(KIND, "latent_mma_fp8_m64_t64x3", T, true, 64, 64, 3)

const cuda_decode_variant *cuda_latent_variants(int *n)
{
    static const cuda_decode_variant variants[] = {LATENT_TABLE(bf16, CUDA_BF16),
                                                   LATENT_TABLE(fp16, CUDA_FP16)};
    *n = (int)(sizeof variants / sizeof variants[0]);
    return variants;
}
