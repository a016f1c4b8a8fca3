/* solcheck - context attention: FlashAttention-2 (Dao 2023, arXiv 2307.08691, algorithm
 * 1) with mma.sync, cp.async and ldmatrix, over requests of different lengths.
 *
 * Shapes, for one request of n tokens and one head: S[n,n] = Q[n,dqk] K[n,dqk]^T,
 * O[n,dv] = softmax(S) V[n,dv]; causal: row i sees columns 0..i, with a window w the last w of
 * them: blocks of keys before the first that a tile sees are passed over. k may be in two parts:
 * dqk-ROPE columns per head and ROPE columns shared by all heads (multi-head latent
 * attention).
 *
 * Floors on an H100 SXM (bf16 989 TFLOP/s, 3.35 TB/s; datasheet), b=1, H=128, 192/128:
 *   FLOPs  2*H*(dqk+dv)*n(n+1)/2: n=4096 0.69 TFLOP, 0.69 ms; bytes q+k+v+out 0.67 GB at
 *   n=4096, 0.2 ms: compute-bound from n of about 1200 on.
 * mma.sync reaches some 62 % of that peak (Luo et al. 2024, arXiv 2402.13499); shared
 * memory gives 128 bytes a clock. A block of 64 keys costs 1152 clocks of K and Q
 * fragments, 512 of V and 320 of writes against 2060 of mma: prediction 350 to 420
 * TFLOP/s. Measured: docs/kernels.md.
 *
 * One thread block: ROWS query rows of one head, WARPS warps of 16*MT rows each, so that
 * a K or V fragment read from shared memory feeds MT products. The float accumulators of
 * O[16*MT, DV] stay in registers; Q is read again from shared memory for every key block.
 * K and V have one buffer each: V is copied during Q K^T, the next K during P V.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CUDA_FLASH_CUH
#define SC_MOCK_CUDA_FLASH_CUH

#include "mock/cuda/kernels.h"
#include "mock/cuda/mma.cuh"

template <typename T_, int DQK_, int DV_, int ROPE_, int MT_, int WARPS_, int BLOCKS_>
struct flash_config {
    typedef T_ T;
    static constexpr int DQK = DQK_, DV = DV_, ROPE = ROPE_, MT = MT_, WARPS = WARPS_;
    static constexpr int BLOCKS = BLOCKS_;       /* thread blocks an SM */
    static constexpr int ROWS = 16 * MT * WARPS; /* query rows a tile */
    static constexpr int COLS = 64;              /* keys a block */
    static constexpr int THREADS = 32 * WARPS;
    static constexpr int Q_B = ROWS * DQK * 2, K_B = COLS * DQK * 2, V_B = COLS * DV * 2;
    static constexpr int SMEM_B = Q_B + K_B + V_B;
};

/* Where one thread block works. */
struct flash_place {
    int request, head, kv_head;
    int first;  /* first token of the request in the packed tensors */
    int length; /* tokens of the request */
    int row0;   /* first query row of the tile, within the request */
};

/* Blocks are numbered so that head_group (request, head) pairs, whose keys and values fit
 * in the L2 cache, run together, and the long tiles of causal attention come first. */
__device__ inline bool flash_locate(const cuda_flash_args &a, int rows, flash_place *p)
{
    int n_pairs = a.b * a.heads;
    int group = min((int)blockIdx.x / (a.head_group * a.q_tiles), a.groups - 1);
    int rest = blockIdx.x - group * a.head_group * a.q_tiles;
    int first_pair = group * a.head_group;
    int size = group == a.groups - 1 ? n_pairs - first_pair : a.head_group;
    int tile = a.q_tiles - 1 - rest / size;
    int pair = first_pair + rest % size;
    p->request = pair / a.heads;
    p->head = pair - p->request * a.heads;
    p->kv_head = p->head / (a.heads / a.kv_heads);
    p->first = a.offset[p->request];
    p->length = a.offset[p->request + 1] - p->first;
    p->row0 = tile * rows;
    return p->row0 < p->length;
}

/* Copies a tile of ROWS rows of D columns, row stride in elements, to chunks chunk0... of
 * rows of row_B bytes; rows from `valid` on become zero. A thread keeps its chunk and
 * walks down the rows, so that addresses need one addition each. */
template <typename T, int D, int ROWS, int THREADS>
__device__ __forceinline__ void flash_copy(uint32_t to, const T *from, int stride,
                                           int valid, int row_B, int chunk0)
{
    constexpr int CHUNKS = D / 8, STEP = THREADS / CHUNKS;
    static_assert(THREADS % CHUNKS == 0 && ROWS % STEP == 0,
                  "tile divides among threads");
    int tid = thread_now();
    int row = tid / CHUNKS, chunk = tid % CHUNKS;
    from += (int64_t)row * stride + chunk * 8;
#pragma unroll
    for (int i = 0; i < ROWS / STEP; i++, row += STEP, from += STEP * stride)
        copy16(to + swizzle(row, chunk0 + chunk, row_B), from, row < valid);
}

template <typename C>
__device__ __forceinline__ void flash_copy_q(uint32_t to, const cuda_flash_args &a,
                                             const flash_place &p)
{
    typedef typename C::T T;
    constexpr int MAIN = C::DQK - C::ROPE;
    int stride = a.heads * C::DQK;
    const T *from =
        (const T *)a.q + ((int64_t)(p.first + p.row0) * a.heads + p.head) * C::DQK;
    int valid = p.length - p.row0;
    flash_copy<T, MAIN, C::ROWS, C::THREADS>(to, from, stride, valid, C::DQK * 2, 0);
    if constexpr (C::ROPE > 0)
        flash_copy<T, C::ROPE, C::ROWS, C::THREADS>(to, from + MAIN, stride, valid,
                                                    C::DQK * 2, MAIN / 8);
}

/* Keys from col0 of the request on. Addresses are worked out anew for every block: kept
 * from block to block they would spill. */
template <typename C>
__device__ __forceinline__ void flash_copy_k(uint32_t to, const cuda_flash_args &a,
                                             const flash_place &p, int col0)
{
    typedef typename C::T T;
    constexpr int NOPE = C::DQK - C::ROPE;
    int64_t token = p.first + col0;
    flash_copy<T, NOPE, C::COLS, C::THREADS>(
        to, (const T *)a.k + (token * a.kv_heads + p.kv_head) * NOPE, a.kv_heads * NOPE,
        p.length - col0, C::DQK * 2, 0);
    if constexpr (C::ROPE > 0)
        flash_copy<T, C::ROPE, C::COLS, C::THREADS>(
            to, (const T *)a.k_rope + token * C::ROPE, C::ROPE, p.length - col0,
            C::DQK * 2, NOPE / 8);
}

template <typename C>
__device__ __forceinline__ void flash_copy_v(uint32_t to, const cuda_flash_args &a,
                                             const flash_place &p, int col0)
{
    typedef typename C::T T;
    int64_t token = p.first + col0;
    flash_copy<T, C::DV, C::COLS, C::THREADS>(
        to, (const T *)a.v + (token * a.kv_heads + p.kv_head) * C::DV, a.kv_heads * C::DV,
        p.length - col0, C::DV * 2, 0);
}

/* s[MT][COLS/8][4] = Q K^T for this warp's rows. */
template <typename C>
__device__ __forceinline__ void flash_scores(float s[C::MT][C::COLS / 8][4], uint32_t q,
                                             uint32_t k)
{
    int tid = thread_now(), lane = tid & 31, warp = tid >> 5;
    int q_row = warp * 16 * C::MT + (lane & 15), q_hi = lane >> 4;
    int k_row = (lane & 7) + ((lane >> 4) << 3), k_hi = (lane >> 3) & 1;
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int j = 0; j < C::COLS / 8; j++)
            s[i][j][0] = s[i][j][1] = s[i][j][2] = s[i][j][3] = 0.f;
#pragma unroll
    for (int kk = 0; kk < C::DQK / 16; kk++) {
        uint32_t qa[C::MT][4];
#pragma unroll
        for (int i = 0; i < C::MT; i++)
            load4(qa[i], q + swizzle(q_row + 16 * i, 2 * kk + q_hi, C::DQK * 2));
#pragma unroll
        for (int j = 0; j < C::COLS / 16; j++) {
            uint32_t kb[4];
            load4(kb, k + swizzle(k_row + 16 * j, 2 * kk + k_hi, C::DQK * 2));
#pragma unroll
            for (int i = 0; i < C::MT; i++) {
                mma<typename C::T>(s[i][2 * j], qa[i], kb[0], kb[1]);
                mma<typename C::T>(s[i][2 * j + 1], qa[i], kb[2], kb[3]);
            }
        }
    }
}

/* Columns outside the request, above the diagonal, or before the window (0: none), become
 * -inf. */
template <typename C>
__device__ __forceinline__ void flash_mask(float s[C::MT][C::COLS / 8][4], int row,
                                           int col0, int length, bool causal, int window)
{
    int col = col0 + 2 * (thread_now() & 3);
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            int r = row + 16 * i + 8 * h;
            int limit = causal ? min(length, r + 1) : length;
            int least = window > 0 ? r + 1 - window : 0;
#pragma unroll
            for (int j = 0; j < C::COLS / 8; j++)
#pragma unroll
                for (int e = 0; e < 2; e++)
                    if (col + 8 * j + e >= limit || col + 8 * j + e < least)
                        s[i][j][2 * h + e] = -INFINITY;
        }
}

/* Online softmax: s becomes the weights relative to the new row maxima; sum and o follow.
 */
template <typename C>
__device__ __forceinline__ void
flash_softmax(float s[C::MT][C::COLS / 8][4], float o[C::MT][C::DV / 8][4],
              float top[C::MT][2], float sum[C::MT][2], float scale_log2)
{
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float m = top[i][h];
#pragma unroll
            for (int j = 0; j < C::COLS / 8; j++)
                m = fmaxf(m, fmaxf(s[i][j][2 * h], s[i][j][2 * h + 1]));
            m = quad_max(m);
            float shrink = power2((top[i][h] - m) * scale_log2);
            top[i][h] = m;
            float base = m * scale_log2, add = 0.f;
#pragma unroll
            for (int j = 0; j < C::COLS / 8; j++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    float w = power2(fmaf(s[i][j][2 * h + e], scale_log2, -base));
                    s[i][j][2 * h + e] = w;
                    add += w;
                }
            sum[i][h] = sum[i][h] * shrink + add;
#pragma unroll
            for (int j = 0; j < C::DV / 8; j++) {
                o[i][j][2 * h] *= shrink;
                o[i][j][2 * h + 1] *= shrink;
            }
        }
}

/* o += P V */
template <typename C>
__device__ __forceinline__ void flash_values(float o[C::MT][C::DV / 8][4],
                                             const float s[C::MT][C::COLS / 8][4],
                                             uint32_t v)
{
    int lane = thread_now() & 31;
    int v_row = lane & 15, v_hi = lane >> 4;
#pragma unroll
    for (int kk = 0; kk < C::COLS / 16; kk++) {
        uint32_t p[C::MT][4];
#pragma unroll
        for (int i = 0; i < C::MT; i++) {
            p[i][0] = pack2<typename C::T>(s[i][2 * kk][0], s[i][2 * kk][1]);
            p[i][1] = pack2<typename C::T>(s[i][2 * kk][2], s[i][2 * kk][3]);
            p[i][2] = pack2<typename C::T>(s[i][2 * kk + 1][0], s[i][2 * kk + 1][1]);
            p[i][3] = pack2<typename C::T>(s[i][2 * kk + 1][2], s[i][2 * kk + 1][3]);
        }
#pragma unroll
        for (int j = 0; j < C::DV / 16; j++) {
            uint32_t vb[4];
            load4_transposed(vb, v + swizzle(v_row + 16 * kk, 2 * j + v_hi, C::DV * 2));
#pragma unroll
            for (int i = 0; i < C::MT; i++) {
                mma<typename C::T>(o[i][2 * j], p[i], vb[0], vb[1]);
                mma<typename C::T>(o[i][2 * j + 1], p[i], vb[2], vb[3]);
            }
        }
    }
}

/* Divides by the row sums and writes the rows, through this warp's own rows of the Q tile
 * so that the stores are 16 bytes wide. */
template <typename C>
__device__ __forceinline__ void
flash_store(const float o[C::MT][C::DV / 8][4], const float sum[C::MT][2],
            unsigned char *q_tile, const cuda_flash_args &a, const flash_place &p)
{
    typedef typename C::T T;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int row_w = warp * 16 * C::MT;
#pragma unroll
    for (int i = 0; i < C::MT; i++)
#pragma unroll
        for (int h = 0; h < 2; h++) {
            float inverse = 1.f / quad_sum(sum[i][h]);
            int row = row_w + 16 * i + 8 * h + (lane >> 2);
#pragma unroll
            for (int j = 0; j < C::DV / 8; j++)
                *(uint32_t *)(q_tile + swizzle(row, j, C::DQK * 2) + 4 * (lane & 3)) =
                    pack2<T>(o[i][j][2 * h] * inverse, o[i][j][2 * h + 1] * inverse);
        }
    __syncwarp();
    constexpr int CHUNKS = C::DV / 8;
#pragma unroll
    for (int i = 0; i < 16 * C::MT * CHUNKS / 32; i++) {
        int id = i * 32 + lane;
        int row = row_w + id / CHUNKS, chunk = id % CHUNKS;
        int64_t token = p.first + p.row0 + row;
        if (p.row0 + row < p.length)
            *(uint4 *)((T *)a.out + (token * a.heads + p.head) * C::DV + chunk * 8) =
                *(const uint4 *)(q_tile + swizzle(row, chunk, C::DQK * 2));
    }
}

/* Below any score, and finite: a row may see nothing of its first block of keys. */
#define FLASH_LOWEST (-1e30f)

template <typename C, bool WINDOW>
__global__ __launch_bounds__(C::THREADS,
                             C::BLOCKS) void flash_kernel(const cuda_flash_args a)
{
    extern __shared__ __align__(128) unsigned char smem[];
    flash_place p;
    if (!flash_locate(a, C::ROWS, &p))
        return;
    uint32_t q = smem_address(smem), k = q + C::Q_B, v = k + C::K_B;
    const int window = WINDOW ? a.window : 0;
    const int begin = WINDOW ? max(0, p.row0 + 1 - window) / C::COLS * C::COLS : 0;
    flash_copy_q<C>(q, a, p);
    flash_copy_k<C>(k, a, p, begin);
    copy_commit();

    float o[C::MT][C::DV / 8][4] = {}, sum[C::MT][2] = {}, top[C::MT][2];
#pragma unroll
    for (int i = 0; i < C::MT; i++)
        top[i][0] = top[i][1] = WINDOW ? FLASH_LOWEST : -INFINITY;
    int lane = threadIdx.x & 31, warp = __shfl_sync(0xffffffffu, threadIdx.x >> 5, 0);
    int warp_row = p.row0 + warp * 16 * C::MT, row = warp_row + (lane >> 2);
    int end = a.causal ? min(p.length, p.row0 + C::ROWS) : p.length;
    /* One past the last key that every, and that any, row of this warp sees. */
    int all = a.causal ? min(p.length, warp_row + 1) : p.length;
    int any = a.causal ? min(p.length, warp_row + 16 * C::MT) : p.length;
    if (warp_row >= p.length)
        any = 0; /* no row of this warp exists */
    /* The first key that any row of this warp sees, and that every row does. */
    int from = WINDOW ? warp_row + 1 - window : 0;
    int from_all = WINDOW ? warp_row + 16 * C::MT - window : 0;
    for (int col0 = begin; col0 < end; col0 += C::COLS) {
        float s[C::MT][C::COLS / 8][4];
        copy_wait<0>();
        __syncthreads();
        flash_copy_v<C>(v, a, p, col0);
        copy_commit();
        bool busy = col0 < any && (!WINDOW || col0 + C::COLS > from);
        if (busy)
            flash_scores<C>(s, q, k);
        copy_wait<0>();
        __syncthreads();
        if (col0 + C::COLS < end)
            flash_copy_k<C>(k, a, p, col0 + C::COLS);
        copy_commit();
        if (busy) {
            if (col0 + C::COLS > all || (WINDOW && col0 < from_all))
                flash_mask<C>(s, row, col0, p.length, a.causal != 0, window);
            flash_softmax<C>(s, o, top, sum, a.scale_log2);
            flash_values<C>(o, s, v);
        }
    }
    flash_store<C>(o, sum, smem, a, p);
}

template <typename C> cudaError_t flash_setup(void)
{
    const cudaFuncAttribute attribute = cudaFuncAttributeMaxDynamicSharedMemorySize;
    cudaError_t error = cudaFuncSetAttribute(flash_kernel<C, false>, attribute, C::SMEM_B);
    if (C::ROPE == 0 && error == cudaSuccess)
        error = cudaFuncSetAttribute(flash_kernel<C, C::ROPE == 0>, attribute, C::SMEM_B);
    return error;
}

template <typename C>
cudaError_t flash_launch(const cuda_flash_args *args, cudaStream_t stream)
{
    unsigned blocks = (unsigned)(args->b * args->heads) * (unsigned)args->q_tiles;
    if (C::ROPE == 0 && args->window > 0)
        flash_kernel<C, C::ROPE == 0>
            <<<blocks, C::THREADS, C::SMEM_B, stream>>>(*args);
    else
        flash_kernel<C, false><<<blocks, C::THREADS, C::SMEM_B, stream>>>(*args);
    return cudaGetLastError();
}

template <typename C>
constexpr cuda_flash_variant flash_variant(const char *name, int kind)
{
    return {name,    kind,      C::DQK,         C::DV,          C::ROPE,
            C::ROWS, C::SMEM_B, flash_setup<C>, flash_launch<C>};
}

/* The compiled shapes: dqk, dv, rope; 16-row tiles a warp, warps, blocks an SM. */
#define FLASH_VARIANT(T, KIND, NAME, ...)                                                \
    flash_variant<flash_config<T, __VA_ARGS__>>("flash_mma_" NAME, KIND)
#define FLASH_TABLE(T, KIND)                                                             \
    FLASH_VARIANT(T, KIND, "64x64", 64, 64, 0, 2, 4, 2),                                 \
        FLASH_VARIANT(T, KIND, "128x128", 128, 128, 0, 2, 4, 2),                         \
        FLASH_VARIANT(T, KIND, "192x128", 192, 128, 64, 2, 4, 2),                        \
        FLASH_VARIANT(T, KIND, "256x256", 256, 256, 0, 1, 4, 1)

#endif
