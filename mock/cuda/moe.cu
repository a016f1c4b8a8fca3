/* solcheck - mixture of experts: entries (token, choice) are sorted by expert, two
 * grouped matrix products run over all experts in one launch each, and a last kernel adds
 * up.
 *
 * Shapes: cuda_moe_args. Floors on an H100, bf16, hidden 7168, inter 2048, 256 experts, 8
 * choices: an expert is 3*7168*2048*2 = 88 MB. One token: 8 of them, 705 MB, 210 us
 * at 3.35 TB/s; 128 tokens: nearly all, 22.5 GB, 6.7 ms; FLOPs 6*7168*2048*8*T, 1.3e11 of
 * them, 0.13 ms at 989 TFLOP/s. 16384 tokens: 11.5 TFLOP, 11.7 ms, above the 6.7 ms of
 * the weights. mma.sync reaches some 62 % of the tensor peak. Predictions and
 * measurements: docs/kernels.md.
 *
 * A block multiplies ROWS entries of one expert with 128 rows of its matrix, 64 deep,
 * from a ring of stages that cp.async fills. In the first product gate and up rows
 * alternate by eight, so that a thread holds both halves of an output; silu(gate)*up is
 * all that is written. fp8 is widened to bf16 on the way from shared memory to the tensor
 * cores, exactly, so that it runs where these have no fp8. Blocks are numbered by expert,
 * then column, then row tile: what runs at a time shares an expert's rows and matrix in
 * the L2 cache. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#include "mock/cuda/fp8.cuh"
#include "mock/cuda/kernels.h"
#include "mock/cuda/mma.cuh"

/* ---- sorting ---- */

enum { SORT_THREADS = 1024, SORT_ONE = 8192 };

/* Exclusive sums of counts and of their tiles over all experts, by one warp. first and
 * first_tile may be shared or global memory. */
__device__ void scan_experts(const int32_t *count, int here, int tile_rows,
                             int32_t *first, int32_t *first_tile)
{
    int lane = threadIdx.x & 31, entries = 0, tiles = 0;
    for (int base = 0; base < here; base += 32) {
        int e = base + lane, n = e < here ? count[e] : 0;
        int t = (n + tile_rows - 1) / tile_rows, sum_n = n, sum_t = t;
#pragma unroll
        for (int s = 1; s < 32; s <<= 1) {
            int below_n = __shfl_up_sync(0xffffffffu, sum_n, s);
            int below_t = __shfl_up_sync(0xffffffffu, sum_t, s);
            sum_n += lane >= s ? below_n : 0;
            sum_t += lane >= s ? below_t : 0;
        }
        if (e < here) {
            first[e] = entries + sum_n - n;
            first_tile[e] = tiles + sum_t - t;
        }
        entries += __shfl_sync(0xffffffffu, sum_n, 31);
        tiles += __shfl_sync(0xffffffffu, sum_t, 31);
    }
    if (lane == 0) {
        first[here] = entries;
        first_tile[here] = tiles;
    }
}

/* Hands the sums, and each tile's expert, to the kernels that follow. */
__device__ void publish(const cuda_moe_args &a, const int32_t *first,
                        const int32_t *first_tile)
{
    if (threadIdx.x < 2)
        a.counter[threadIdx.x] = 0;
    for (int e = threadIdx.x; e <= a.here; e += blockDim.x) {
        a.first[e] = first[e];
        a.first_tile[e] = first_tile[e];
        for (int t = first_tile[e]; e < a.here && t < first_tile[e + 1]; t++)
            a.tile_expert[t] = e;
    }
}

__device__ __forceinline__ void put_entry(const cuda_moe_args &a, int i, int place)
{
    a.place[i] = place;
    if (place >= 0)
        a.order[place] = i;
}

/* Few entries: everything in one block. */
__global__ __launch_bounds__(SORT_THREADS) void sort_one_kernel(const cuda_moe_args a)
{
    __shared__ int32_t count[CUDA_MOE_MAX_EXPERTS], first[CUDA_MOE_MAX_EXPERTS + 1];
    __shared__ int32_t first_tile[CUDA_MOE_MAX_EXPERTS + 1];
    int expert[SORT_ONE / SORT_THREADS], rank[SORT_ONE / SORT_THREADS];
    for (int e = threadIdx.x; e < a.here; e += blockDim.x)
        count[e] = 0;
    __syncthreads();
#pragma unroll
    for (int k = 0; k < SORT_ONE / SORT_THREADS; k++) {
        int i = k * SORT_THREADS + threadIdx.x;
        expert[k] = i < a.entries ? a.expert[i] : -1;
        rank[k] = expert[k] >= 0 ? atomicAdd(&count[expert[k]], 1) : 0;
    }
    __syncthreads();
    if (threadIdx.x < 32)
        scan_experts(count, a.here, a.tile_rows, first, first_tile);
    __syncthreads();
    publish(a, first, first_tile);
#pragma unroll
    for (int k = 0; k < SORT_ONE / SORT_THREADS; k++) {
        int i = k * SORT_THREADS + threadIdx.x;
        if (i < a.entries)
            put_entry(a, i, expert[k] >= 0 ? first[expert[k]] + rank[k] : -1);
    }
}

/* Many: counts first; count[] starts at 0. */
__global__ __launch_bounds__(SORT_THREADS) void count_kernel(const cuda_moe_args a)
{
    __shared__ int32_t count[CUDA_MOE_MAX_EXPERTS];
    for (int e = threadIdx.x; e < a.here; e += blockDim.x)
        count[e] = 0;
    __syncthreads();
    int i = blockIdx.x * SORT_THREADS + threadIdx.x;
    int expert = i < a.entries ? a.expert[i] : -1;
    int rank = expert >= 0 ? atomicAdd(&count[expert], 1) : 0;
    __syncthreads();
    for (int e = threadIdx.x; e < a.here; e += blockDim.x)
        if (count[e] > 0)
            count[e] = atomicAdd(&a.count[e], count[e]);
    __syncthreads();
    if (expert >= 0)
        a.rank[i] = count[expert] + rank;
}

__global__ __launch_bounds__(SORT_THREADS) void place_kernel(const cuda_moe_args a)
{
    __shared__ int32_t first[CUDA_MOE_MAX_EXPERTS + 1];
    __shared__ int32_t first_tile[CUDA_MOE_MAX_EXPERTS + 1];
    if (threadIdx.x < 32)
        scan_experts(a.count, a.here, a.tile_rows, first, first_tile);
    __syncthreads();
    if (blockIdx.x == 0)
        publish(a, first, first_tile);
    int i = blockIdx.x * SORT_THREADS + threadIdx.x;
    int expert = i < a.entries ? a.expert[i] : -1;
    if (i < a.entries)
        put_entry(a, i, expert >= 0 ? first[expert] + a.rank[i] : -1);
}

cudaError_t cuda_moe_sort(const cuda_moe_args *a, cudaStream_t stream)
{
    if (a->entries <= SORT_ONE) {
        sort_one_kernel<<<1, SORT_THREADS, 0, stream>>>(*a);
        return cudaGetLastError();
    }
    unsigned blocks = (unsigned)((a->entries + SORT_THREADS - 1) / SORT_THREADS);
    cudaError_t e =
        cudaMemsetAsync(a->count, 0, (size_t)a->here * sizeof *a->count, stream);
    if (e != cudaSuccess)
        return e;
    count_kernel<<<blocks, SORT_THREADS, 0, stream>>>(*a);
    place_kernel<<<blocks, SORT_THREADS, 0, stream>>>(*a);
    return cudaGetLastError();
}

/* ---- grouped products ---- */

enum { COLS = 128, ROW_B = 128 }; /* of a tile; bytes of its rows */

/* Numbers of a row of a tile, and of 16 bytes; what products are written in. */
template <typename T> struct format {
    enum { DEEP = ROW_B / (int)sizeof(T), CHUNK = 16 / (int)sizeof(T) };
    typedef T result;
};
template <> struct format<fp8> {
    enum { DEEP = ROW_B, CHUNK = 16 };
    typedef bf16 result;
};

template <int ROWS> struct shape;
template <> struct shape<16> {
    enum { WARPS_M = 1, WARPS_N = 4, STAGES = 4 };
};
template <> struct shape<64> {
    enum { WARPS_M = 2, WARPS_N = 2, STAGES = 3 };
};
template <> struct shape<128> {
    enum { WARPS_M = 4, WARPS_N = 2, STAGES = 3 };
};

template <int ROWS> struct tiling {
    enum {
        WARPS_M = shape<ROWS>::WARPS_M,
        WARPS_N = shape<ROWS>::WARPS_N,
        STAGES = shape<ROWS>::STAGES,
        THREADS = 32 * WARPS_M * WARPS_N,
        M = ROWS / WARPS_M / 16, /* 16-row fragments of a warp */
        N = COLS / WARPS_N / 8,  /* 8-column fragments of a warp */
        COPIES_A = ROWS * 8 / THREADS,
        COPIES_W = COLS * 8 / THREADS,
        STEP = THREADS / 8, /* rows between two copies of a thread */
        STAGE_B = (ROWS + COLS) * ROW_B,
        SMEM_B = STAGES * STAGE_B
    };
};

/* What one block works on. */
typedef struct moe_tile {
    int expert, row0, rows, col0; /* col0: first output column */
} moe_tile;

__device__ __forceinline__ bool find_tile(const cuda_moe_args &a, int across,
                                          int tile_rows, int out_cols, moe_tile *t)
{
    int slot = blockIdx.x / across;
    if (slot >= a.first_tile[a.here])
        return false;
    t->expert = a.tile_expert[slot];
    int begin = a.first_tile[t->expert], tiles = a.first_tile[t->expert + 1] - begin;
    int number = blockIdx.x - begin * across, row = number % tiles * tile_rows;
    int first = a.first[t->expert], left = a.first[t->expert + 1] - first - row;
    t->row0 = first + row;
    t->rows = left < tile_rows ? left : tile_rows;
    t->col0 = number / tiles * out_cols;
    return true;
}

/* A thread's share of the copies of one stage: 16-byte chunk `chunk` of some rows. */
template <typename T, int ROWS> struct loader {
    typedef tiling<ROWS> tl;
    const T *a[tl::COPIES_A]; /* NULL: past the last row */
    const T *w;
    int64_t w_step; /* elements between two copies */
    int w_copies;   /* that are inside of the matrix */
    int depth, chunk, row;

    __device__ __forceinline__ void stage(uint32_t smem, int k0) const
    {
        int k = k0 + chunk * format<T>::CHUNK;
        bool in = k < depth;
#pragma unroll
        for (int i = 0; i < tl::COPIES_A; i++) {
            bool ok = in && a[i];
            copy16(smem + swizzle(row + i * tl::STEP, chunk, ROW_B), ok ? a[i] + k : w,
                   ok);
        }
        smem += ROWS * ROW_B;
#pragma unroll
        for (int i = 0; i < tl::COPIES_W; i++) {
            bool ok = in && i < w_copies;
            copy16(smem + swizzle(row + i * tl::STEP, chunk, ROW_B),
                   ok ? w + i * w_step + k : w, ok);
        }
    }
};

/* Rows of the first product are tokens' and lie anywhere; gate and up rows of the matrix
 * alternate by eight. */
template <typename T, int ROWS, bool UP>
__device__ __forceinline__ void aim(const cuda_moe_args &a, const moe_tile &t,
                                    loader<T, ROWS> *l)
{
    typedef tiling<ROWS> tl;
    l->chunk = threadIdx.x & 7;
    l->row = threadIdx.x >> 3;
    l->depth = UP ? a.hidden : a.inter;
#pragma unroll
    for (int i = 0; i < tl::COPIES_A; i++) {
        int r = l->row + i * tl::STEP;
        l->a[i] = NULL;
        if (r < t.rows) {
            int64_t from = UP ? a.order[t.row0 + r] / a.choices : t.row0 + r;
            l->a[i] = (const T *)(UP ? a.x : a.middle) + from * l->depth;
        }
    }
    int width = UP ? a.inter : a.hidden, col_step = UP ? tl::STEP / 2 : tl::STEP;
    int col = t.col0 + (UP ? (l->row >> 4) * 8 + (l->row & 7) : l->row);
    int64_t matrix_row = (int64_t)t.expert * (UP ? 2 * a.inter : a.hidden) + col +
                         (UP && (l->row & 8) ? a.inter : 0);
    l->w_step = (int64_t)col_step * l->depth;
    l->w_copies = col < width ? (width - col + col_step - 1) / col_step : 0;
    l->w = (const T *)(UP ? a.w13 : a.w2);
    if (col < width)
        l->w += matrix_row * l->depth;
}

/* acc += a b^T for 32 bytes of every row; a[4] are rows 0-7 and 8-15 of the first 16
 * bytes, then of the others; b[2] first and other 16 bytes. */
template <typename T, int ROWS> struct multiplier {
    static __device__ __forceinline__ void run(float acc[4], const uint32_t a[4],
                                               uint32_t b0, uint32_t b1)
    {
        mma<T>(acc, a, b0, b1);
    }
};

/* A lane has four neighbouring numbers where bf16 has two. Widened, they take the places
 * of two that are neighbours and two that are eight further on, on both sides alike: the
 * order of the terms does not matter. */
template <int ROWS> struct multiplier<fp8, ROWS> {
    static __device__ __forceinline__ void run(float acc[4], const uint32_t a[4],
                                               uint32_t b0, uint32_t b1)
    {
        uint32_t b[2] = {b0, b1};
#pragma unroll
        for (int i = 0; i < 2; i++) {
            uint2 top = widen_fp8<bf16>(a[2 * i]), low = widen_fp8<bf16>(a[2 * i + 1]);
            uint2 w = widen_fp8<bf16>(b[i]);
            const uint32_t wide[4] = {top.x, low.x, top.y, low.y};
            mma<bf16>(acc, wide, w.x, w.y);
        }
    }
};

template <typename T, int ROWS>
__device__ __forceinline__ void
multiply_stage(uint32_t smem, float acc[tiling<ROWS>::M][tiling<ROWS>::N][4])
{
    typedef tiling<ROWS> tl;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int row = warp / tl::WARPS_N * (tl::M * 16) + (lane & 15);
    int col = warp % tl::WARPS_N * (tl::N * 8) + ((lane >> 4) << 3) + (lane & 7);
#pragma unroll
    for (int k = 0; k < ROW_B / 32; k++) {
        uint32_t x[tl::M][4];
#pragma unroll
        for (int i = 0; i < tl::M; i++)
            load4(x[i], smem + swizzle(row + i * 16, 2 * k + (lane >> 4), ROW_B));
#pragma unroll
        for (int j = 0; j < tl::N / 2; j++) {
            uint32_t w[4];
            load4(w, smem + ROWS * ROW_B +
                         swizzle(col + j * 16, 2 * k + ((lane >> 3) & 1), ROW_B));
#pragma unroll
            for (int i = 0; i < tl::M; i++) {
                multiplier<T, ROWS>::run(acc[i][2 * j], x[i], w[0], w[1]);
                multiplier<T, ROWS>::run(acc[i][2 * j + 1], x[i], w[2], w[3]);
            }
        }
    }
}

__device__ __forceinline__ float silu(float x)
{
    return x / (1.f + __expf(-x));
}

__device__ __forceinline__ void put2(bf16 *to, float lo, float hi)
{
    *(uint32_t *)to = pack2<bf16>(lo, hi);
}
__device__ __forceinline__ void put2(fp16 *to, float lo, float hi)
{
    *(uint32_t *)to = pack2<fp16>(lo, hi);
}
__device__ __forceinline__ void put2(fp8 *to, float lo, float hi)
{
    *(uint16_t *)to = pack_fp8(lo, hi);
}

/* Writes two neighbouring outputs at a time. */
template <typename T, int ROWS, bool UP>
__device__ __forceinline__ void store_tile(const cuda_moe_args &a, const moe_tile &t,
                                           float acc[tiling<ROWS>::M][tiling<ROWS>::N][4])
{
    typedef tiling<ROWS> tl;
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    int row0 = warp / tl::WARPS_N * (tl::M * 16) + (lane >> 2);
    int warp_col = warp % tl::WARPS_N * (tl::N * 8), width = UP ? a.inter : a.hidden;
#pragma unroll
    for (int i = 0; i < 2 * tl::M; i++) {
        int row = row0 + i * 8, h = 2 * (i & 1);
        if (row >= t.rows)
            continue;
        int64_t at = (int64_t)(t.row0 + row) * width;
        float gate = UP ? 1.f : a.gate[a.order[t.row0 + row]];
#pragma unroll
        for (int j = 0; j < tl::N; j += UP ? 2 : 1) {
            int col = t.col0 + (UP ? (warp_col + j * 8) / 2 : warp_col + j * 8) +
                      2 * (lane & 3);
            const float *v = acc[i / 2][j];
            float lo = UP ? silu(v[h]) * acc[i / 2][j + UP][h] : gate * v[h];
            float hi = UP ? silu(v[h + 1]) * acc[i / 2][j + UP][h + 1] : gate * v[h + 1];
            if (col < width && UP)
                put2((T *)a.middle + at + col, lo, hi);
            else if (col < width)
                put2((typename format<T>::result *)a.result + at + col, lo, hi);
        }
    }
}

template <typename T, int ROWS, bool UP>
__global__
__launch_bounds__(tiling<ROWS>::THREADS) void product_kernel(const cuda_moe_args a,
                                                             int across)
{
    typedef tiling<ROWS> tl;
    extern __shared__ __align__(1024) unsigned char memory[];
    uint32_t smem = smem_address(memory);
    moe_tile t;
    if (!find_tile(a, across, ROWS, UP ? COLS / 2 : COLS, &t))
        return;
    loader<T, ROWS> l;
    aim<T, ROWS, UP>(a, t, &l);
    float acc[tl::M][tl::N][4] = {};
    enum { DEEP = format<T>::DEEP };
    int steps = (l.depth + DEEP - 1) / DEEP;
    for (int s = 0; s < tl::STAGES - 1; s++) {
        if (s < steps)
            l.stage(smem + s * tl::STAGE_B, s * DEEP);
        copy_commit();
    }
    int read = 0, write = tl::STAGES - 1;
    for (int s = 0; s < steps; s++) {
        copy_wait<tl::STAGES - 2>();
        __syncthreads(); /* stage s has arrived, and stage s-1 is read */
        if (s + tl::STAGES - 1 < steps)
            l.stage(smem + write * tl::STAGE_B, (s + tl::STAGES - 1) * DEEP);
        copy_commit();
        multiply_stage<T, ROWS>(smem + read * tl::STAGE_B, acc);
        read = read + 1 == tl::STAGES ? 0 : read + 1;
        write = write + 1 == tl::STAGES ? 0 : write + 1;
    }
    copy_wait<0>();
    store_tile<T, ROWS, UP>(a, t, acc);
}

/* ---- sum over a token's experts ---- */

enum { ADD_THREADS = 128 };

template <typename T>
__global__ __launch_bounds__(ADD_THREADS) void add_kernel(const cuda_moe_args a)
{
    int col = (blockIdx.y * ADD_THREADS + threadIdx.x) * 8;
    const int32_t *place = a.place + (int64_t)blockIdx.x * a.choices;
    float sum[8] = {0.f};
    if (col >= a.hidden)
        return;
#pragma unroll 8
    for (int j = 0; j < a.choices; j++) {
        int from = place[j];
        if (from < 0)
            continue;
        uint4 v = *(const uint4 *)((const T *)a.result + (int64_t)from * a.hidden + col);
        const uint32_t part[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float2 x = unpack2<T>(part[e]);
            sum[2 * e] += x.x;
            sum[2 * e + 1] += x.y;
        }
    }
    *(uint4 *)((T *)a.out + (int64_t)blockIdx.x * a.hidden + col) =
        make_uint4(pack2<T>(sum[0], sum[1]), pack2<T>(sum[2], sum[3]),
                   pack2<T>(sum[4], sum[5]), pack2<T>(sum[6], sum[7]));
}

/* ---- launch ---- */

template <typename T, int ROWS>
static cudaError_t products(const cuda_moe_args *a, cudaStream_t stream)
{
    typedef tiling<ROWS> tl;
    int up = (a->inter + COLS / 2 - 1) / (COLS / 2), down = (a->hidden + COLS - 1) / COLS;
    product_kernel<T, ROWS, true>
        <<<(unsigned)(a->max_tiles * up), tl::THREADS, tl::SMEM_B, stream>>>(*a, up);
    cudaError_t e = cudaGetLastError();
    if (e != cudaSuccess)
        return e;
    product_kernel<T, ROWS, false>
        <<<(unsigned)(a->max_tiles * down), tl::THREADS, tl::SMEM_B, stream>>>(*a, down);
    return cudaGetLastError();
}

template <typename T> static cudaError_t run(const cuda_moe_args *a, cudaStream_t stream)
{
    cudaError_t e = a->tile_rows == 16   ? products<T, 16>(a, stream)
                    : a->tile_rows == 64 ? products<T, 64>(a, stream)
                                         : products<T, 128>(a, stream);
    if (e != cudaSuccess)
        return e;
    int each = 8 * ADD_THREADS;
    dim3 grid((unsigned)a->tokens, (unsigned)((a->hidden + each - 1) / each));
    add_kernel<typename format<T>::result><<<grid, ADD_THREADS, 0, stream>>>(*a);
    return cudaGetLastError();
}

template <typename T, int ROWS> static cudaError_t allow(void)
{
    cudaError_t e = cudaFuncSetAttribute(product_kernel<T, ROWS, true>,
                                         cudaFuncAttributeMaxDynamicSharedMemorySize,
                                         tiling<ROWS>::SMEM_B);
    return e != cudaSuccess
               ? e
               : cudaFuncSetAttribute(product_kernel<T, ROWS, false>,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      tiling<ROWS>::SMEM_B);
}

template <typename T> static cudaError_t allow_rows(int tile_rows)
{
    return tile_rows == 16   ? allow<T, 16>()
           : tile_rows == 64 ? allow<T, 64>()
                             : allow<T, 128>();
}

cudaError_t cuda_moe_setup(int kind, int tile_rows)
{
    return kind == CUDA_BF16   ? allow_rows<bf16>(tile_rows)
           : kind == CUDA_FP16 ? allow_rows<fp16>(tile_rows)
                               : allow_rows<fp8>(tile_rows);
}

int cuda_moe_smem(int tile_rows)
{
    return tile_rows == 16   ? (int)tiling<16>::SMEM_B
           : tile_rows == 64 ? (int)tiling<64>::SMEM_B
                             : (int)tiling<128>::SMEM_B;
}

cudaError_t cuda_moe(const cuda_moe_args *args, int kind, cudaStream_t stream)
{
    cudaError_t e = cuda_moe_sort(args, stream);
    if (e != cudaSuccess)
        return e;
    return kind == CUDA_BF16   ? run<bf16>(args, stream)
           : kind == CUDA_FP16 ? run<fp16>(args, stream)
                               : run<fp8>(args, stream);
}
