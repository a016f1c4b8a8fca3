/* solcheck - layers that pass over memory once: rmsnorm, rope, activation, embedding.
 *
 * Shapes: mock/layer.h. All accesses are 16 bytes wide where the widths allow it, with
 * two to eight loads in flight per thread; else one element at a time.
 *
 * Floors on an H100 (3.35 TB/s, 132 SMs x 128 lanes x 1.755 GHz = 29.6e12 lane operations
 * a second), bf16, one value of each tensor:
 *   rmsnorm, residual, [8192,7168]: 4*2*T*d = 470 MB, 140 us; about 8 T d = 4.7e8
 * operations, 16 us. rope, 32+8 heads of 128, [8192]: 2*2*T*5120 = 168 MB, 50 us; 3
 * T*5120 and conversions, 6 T*5120 = 2.5e8, 8.5 us. activation, [8192,14336]: 3*2*T*n =
 * 705 MB, 210 us; one exp and one division, about 20 T n = 2.3e9, 79 us. embedding,
 * [8192,7168]: 2*2*T*d = 235 MB, 70 us; no arithmetic. Predictions and measurements:
 * docs/kernels.md. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission,
 * see LICENSE */
#include "mock/cuda/kernels.h"
#include "mock/cuda/vector.cuh"

enum { MAX_THREADS = 1024, NORM_CHUNKS = 4, FEW_ROWS = 264 };

__device__ __forceinline__ float to_float(bf16 x)
{
    return __bfloat162float(x);
}
__device__ __forceinline__ float to_float(fp16 x)
{
    return __half2float(x);
}
__device__ __forceinline__ void from_float(float x, bf16 *p)
{
    *p = __float2bfloat16_rn(x);
}
__device__ __forceinline__ void from_float(float x, fp16 *p)
{
    *p = __float2half_rn(x);
}

static unsigned whole_warps(int64_t threads)
{
    int64_t warps = (threads + 31) / 32;
    return (unsigned)(32 * (warps < 1 ? 1 : warps > 32 ? 32 : warps));
}

/* ---- rmsnorm: a thread block a row, the row kept in registers ---- */

/* Sum over the block, in every thread. */
__device__ __forceinline__ float block_sum(float x)
{
    __shared__ float part[32];
#pragma unroll
    for (int s = 16; s > 0; s >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, s);
    if ((threadIdx.x & 31) == 0)
        part[threadIdx.x >> 5] = x;
    __syncthreads();
    x = (threadIdx.x & 31) < (blockDim.x >> 5) ? part[threadIdx.x & 31] : 0.f;
#pragma unroll
    for (int s = 16; s > 0; s >>= 1)
        x += __shfl_xor_sync(0xffffffffu, x, s);
    return x;
}

template <typename T, bool RESIDUAL>
__global__ __launch_bounds__(MAX_THREADS) void norm_kernel(const cuda_norm_args a)
{
    int chunks = a.width / CHUNK;
    int64_t row = (int64_t)blockIdx.x * chunks;
    const uint4 *x = (const uint4 *)a.x + row, *weight = (const uint4 *)a.weight;
    const uint4 *residual = (const uint4 *)a.residual + row;
    uint4 *out = (uint4 *)a.out + row, *sum = (uint4 *)a.sum + row;
    uint4 raw[NORM_CHUNKS], add[NORM_CHUNKS];
#pragma unroll
    for (int i = 0; i < NORM_CHUNKS; i++) {
        int at = threadIdx.x + i * blockDim.x;
        raw[i] = add[i] = make_uint4(0, 0, 0, 0);
        if (at < chunks) {
            raw[i] = x[at];
            if (RESIDUAL)
                add[i] = residual[at];
        }
    }
    float h[NORM_CHUNKS][CHUNK], squares = 0.f;
#pragma unroll
    for (int i = 0; i < NORM_CHUNKS; i++) {
        unpack8<T>(raw[i], h[i]);
        if (RESIDUAL) {
            float r[CHUNK];
            unpack8<T>(add[i], r);
#pragma unroll
            for (int e = 0; e < CHUNK; e++)
                h[i][e] += r[e];
        }
#pragma unroll
        for (int e = 0; e < CHUNK; e++)
            squares += h[i][e] * h[i][e];
    }
    float scale = rsqrtf(block_sum(squares) / (float)a.width + a.epsilon);
#pragma unroll
    for (int i = 0; i < NORM_CHUNKS; i++) {
        int at = threadIdx.x + i * blockDim.x;
        if (at >= chunks)
            break;
        if (RESIDUAL)
            sum[at] = pack8<T>(h[i]);
        float w[CHUNK];
        unpack8<T>(weight[at], w);
#pragma unroll
        for (int e = 0; e < CHUNK; e++)
            w[e] *= h[i][e] * scale;
        out[at] = pack8<T>(w);
    }
}

/* Any width: reads the row twice, an element at a time. */
template <typename T>
__global__ __launch_bounds__(MAX_THREADS) void norm_any_kernel(const cuda_norm_args a)
{
    int64_t row = (int64_t)blockIdx.x * a.width;
    const T *x = (const T *)a.x + row, *residual = (const T *)a.residual + row;
    float squares = 0.f;
    for (int e = threadIdx.x; e < a.width; e += blockDim.x) {
        float h = to_float(x[e]) + (a.residual ? to_float(residual[e]) : 0.f);
        squares += h * h;
    }
    float scale = rsqrtf(block_sum(squares) / (float)a.width + a.epsilon);
    for (int e = threadIdx.x; e < a.width; e += blockDim.x) {
        float h = to_float(x[e]) + (a.residual ? to_float(residual[e]) : 0.f);
        if (a.residual)
            from_float(h, (T *)a.sum + row + e);
        from_float(h * scale * to_float(((const T *)a.weight)[e]), (T *)a.out + row + e);
    }
}

template <typename T>
static cudaError_t norm(const cuda_norm_args *a, cudaStream_t stream)
{
    unsigned rows = (unsigned)a->rows;
    int chunks = a->width / CHUNK;
    /* Few rows: as many threads as possible share the latency of one. */
    int each = a->rows > FEW_ROWS ? NORM_CHUNKS : 1;
    unsigned threads = whole_warps((chunks + each - 1) / each);
    if (!cuda_norm_wide(a->width))
        norm_any_kernel<T><<<rows, whole_warps(a->width), 0, stream>>>(*a);
    else if (a->residual)
        norm_kernel<T, true><<<rows, threads, 0, stream>>>(*a);
    else
        norm_kernel<T, false><<<rows, threads, 0, stream>>>(*a);
    return cudaGetLastError();
}

int cuda_norm_wide(int width)
{
    return width % CHUNK == 0 && width <= CHUNK * NORM_CHUNKS * MAX_THREADS;
}

cudaError_t cuda_rmsnorm(const cuda_norm_args *args, int kind, cudaStream_t stream)
{
    return kind == CUDA_BF16 ? norm<bf16>(args, stream) : norm<fp16>(args, stream);
}

/* ---- rope: a thread takes eight elements of a head's first half and their partners ----
 */

template <typename T>
__global__ __launch_bounds__(MAX_THREADS) void rope_kernel(const cuda_rope_args a)
{
    int half = a.dim / 2, each = half / CHUNK, units = a.heads * each;
    int64_t row = blockIdx.x;
    const float *turn = a.turns + (int64_t)a.position[row] * a.dim;
    const T *x = (const T *)a.x + row * a.heads * a.dim;
    T *out = (T *)a.out + row * a.heads * a.dim;
    for (int u = threadIdx.x; u < units; u += blockDim.x) {
        int i = u % each * CHUNK, at = u / each * a.dim + i;
        uint4 low = *(const uint4 *)(x + at), high = *(const uint4 *)(x + at + half);
        float p[CHUNK], q[CHUNK];
        unpack8<T>(low, p);
        unpack8<T>(high, q);
        turn8(p, q, turn + i, turn + half + i);
        *(uint4 *)(out + at) = pack8<T>(p);
        *(uint4 *)(out + at + half) = pack8<T>(q);
    }
}

template <typename T>
__global__ __launch_bounds__(MAX_THREADS) void rope_any_kernel(const cuda_rope_args a)
{
    int half = a.dim / 2, units = a.heads * half;
    int64_t row = blockIdx.x;
    const float *turn = a.turns + (int64_t)a.position[row] * a.dim;
    const T *x = (const T *)a.x + row * a.heads * a.dim;
    T *out = (T *)a.out + row * a.heads * a.dim;
    for (int u = threadIdx.x; u < units; u += blockDim.x) {
        int i = u % half, at = u / half * a.dim + i;
        float p = to_float(x[at]), q = to_float(x[at + half]);
        float c = turn[i], s = turn[half + i];
        from_float(p * c - q * s, out + at);
        from_float(q * c + p * s, out + at + half);
    }
}

template <typename T>
static cudaError_t rope(const cuda_rope_args *a, cudaStream_t stream)
{
    unsigned rows = (unsigned)a->rows;
    int64_t halves = (int64_t)a->heads * a->dim / 2;
    if (a->dim % (2 * CHUNK) == 0)
        rope_kernel<T><<<rows, whole_warps(halves / CHUNK), 0, stream>>>(*a);
    else
        rope_any_kernel<T><<<rows, whole_warps(halves), 0, stream>>>(*a);
    return cudaGetLastError();
}

cudaError_t cuda_rope(const cuda_rope_args *args, int kind, cudaStream_t stream)
{
    return kind == CUDA_BF16 ? rope<bf16>(args, stream) : rope<fp16>(args, stream);
}

/* ---- activation ---- */

__device__ __forceinline__ float silu(float x)
{
    return x / (1.f + __expf(-x));
}

enum { THREADS = 256, PER_THREAD = 2 };

template <typename T>
__global__ __launch_bounds__(THREADS) void activate_kernel(const cuda_activate_args a)
{
    int chunks = a.width / CHUNK, at[PER_THREAD];
    const uint4 *x =
        (const uint4 *)a.x + (int64_t)blockIdx.x * chunks * (a.gated ? 2 : 1);
    uint4 *out = (uint4 *)a.out + (int64_t)blockIdx.x * chunks;
    uint4 gate[PER_THREAD], up[PER_THREAD];
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) {
        at[i] = (blockIdx.y * PER_THREAD + i) * THREADS + threadIdx.x;
        if (at[i] < chunks) {
            gate[i] = x[at[i]];
            up[i] = a.gated ? x[chunks + at[i]] : gate[i];
        }
    }
#pragma unroll
    for (int i = 0; i < PER_THREAD; i++) {
        float g[CHUNK], u[CHUNK];
        if (at[i] >= chunks)
            return;
        unpack8<T>(gate[i], g);
        unpack8<T>(up[i], u);
#pragma unroll
        for (int e = 0; e < CHUNK; e++)
            g[e] = silu(g[e]) * (a.gated ? u[e] : 1.f);
        out[at[i]] = pack8<T>(g);
    }
}

template <typename T>
__global__ __launch_bounds__(THREADS) void activate_any_kernel(const cuda_activate_args a)
{
    const T *x = (const T *)a.x + (int64_t)blockIdx.x * a.width * (a.gated ? 2 : 1);
    T *out = (T *)a.out + (int64_t)blockIdx.x * a.width;
    int e = blockIdx.y * THREADS + threadIdx.x;
    if (e < a.width)
        from_float(silu(to_float(x[e])) * (a.gated ? to_float(x[a.width + e]) : 1.f),
                   out + e);
}

template <typename T>
static cudaError_t activate(const cuda_activate_args *a, cudaStream_t stream)
{
    bool wide = a->width % CHUNK == 0;
    int each = wide ? THREADS * PER_THREAD * CHUNK : THREADS;
    dim3 grid((unsigned)a->rows, (unsigned)((a->width + each - 1) / each));
    if (wide)
        activate_kernel<T><<<grid, THREADS, 0, stream>>>(*a);
    else
        activate_any_kernel<T><<<grid, THREADS, 0, stream>>>(*a);
    return cudaGetLastError();
}

cudaError_t cuda_activate(const cuda_activate_args *args, int kind, cudaStream_t stream)
{
    return kind == CUDA_BF16 ? activate<bf16>(args, stream)
                             : activate<fp16>(args, stream);
}

/* ---- embedding: rows are copied as they are, W bytes at a time ---- */

enum { COPIES = 4 };

template <typename W>
__global__ __launch_bounds__(THREADS) void embed_kernel(const cuda_embed_args a)
{
    int words = a.row_B / (int)sizeof(W);
    const W *from = (const W *)a.weight + (int64_t)a.token[blockIdx.x] * words;
    W *to = (W *)a.out + (int64_t)blockIdx.x * words;
    int first = blockIdx.y * COPIES * THREADS + threadIdx.x;
    W word[COPIES];
#pragma unroll
    for (int i = 0; i < COPIES; i++)
        if (first + i * THREADS < words)
            word[i] = from[first + i * THREADS];
#pragma unroll
    for (int i = 0; i < COPIES; i++)
        if (first + i * THREADS < words)
            to[first + i * THREADS] = word[i];
}

cudaError_t cuda_embed(const cuda_embed_args *args, cudaStream_t stream)
{
    int word_B = args->row_B % 16 == 0 ? 16 : 2, each = word_B * COPIES * THREADS;
    dim3 grid((unsigned)args->rows, (unsigned)((args->row_B + each - 1) / each));
    if (word_B == 16)
        embed_kernel<uint4><<<grid, THREADS, 0, stream>>>(*args);
    else
        embed_kernel<uint16_t><<<grid, THREADS, 0, stream>>>(*args);
    return cudaGetLastError();
}
