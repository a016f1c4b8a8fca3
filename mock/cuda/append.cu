/* solcheck - what scope op does before the attention: RoPE on the new tokens' queries and
 * keys, and the append of keys and values, or of latent and rope key, to the paged cache;
 * and fp8 keys and values made wide for the kernels of the context phase.
 *
 * Shapes: a part is [tokens,heads,width] out of rows of `stride` numbers a head; it goes
 * to an array of the same layout, or to the cache at slot[token], or to both. Floors on
 * an H100 (3.35 TB/s): each part is read once and written once or twice; attention,
 * context, [8192], 32+8+8 heads of 128: 84+21+21 MB read, 84+21+21+21 written, 252 MB, 75
 * us; generation, b=64: 2 MB, the launch. A handful of FLOPs a number are nothing.
 * Measured: docs/kernels.md.
 *
 * A thread takes eight numbers, of turned parts also the eight that they are turned with.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/fp8.cuh"
#include "mock/cuda/kernels.h"
#include "mock/cuda/vector.cuh"

enum { THREADS = 128 };

/* Eight numbers to the cache, in fp8 in units of its scale. */
template <typename T, bool FP8>
__device__ __forceinline__ void append8(const cuda_fresh_part &part, int64_t at,
                                        const float x[CHUNK], const float *scale)
{
    if (!FP8) {
        *(uint4 *)((T *)part.pool + at) = pack8<T>(x);
        return;
    }
    float by = scale[part.value];
    uint32_t bits[2];
#pragma unroll
    for (int i = 0; i < 2; i++)
        bits[i] = (uint32_t)pack_fp8(x[4 * i] / by, x[4 * i + 1] / by) |
                  (uint32_t)pack_fp8(x[4 * i + 2] / by, x[4 * i + 3] / by) << 16;
    *(uint2 *)((uint8_t *)part.pool + at) = make_uint2(bits[0], bits[1]);
}

template <typename T, bool FP8>
__device__ __forceinline__ void
fresh_unit(const cuda_fresh_args &a, const cuda_fresh_part &part, int64_t token, int unit)
{
    int half = part.width / 2, each = (part.turned ? half : part.width) / CHUNK;
    int head = unit / each, col = unit % each * CHUNK;
    int64_t from = (token * part.heads + head) * part.stride + col;
    int64_t to = a.slot[token] * part.pool_stride + head * part.width + col;
    uint4 bits = *(const uint4 *)((const T *)part.from + from), far = {};
    float x[CHUNK], y[CHUNK];
    unpack8<T>(bits, x);
    if (part.turned) {
        const float *turn = a.turns + (int64_t)a.position[token] * part.width + col;
        far = *(const uint4 *)((const T *)part.from + from + half);
        unpack8<T>(far, y);
        turn8(x, y, turn, turn + half);
    }
    if (part.to) {
        *(uint4 *)((T *)part.to + from) = part.turned ? pack8<T>(x) : bits;
        if (part.turned)
            *(uint4 *)((T *)part.to + from + half) = pack8<T>(y);
    }
    if (part.pool) {
        append8<T, FP8>(part, to, x, a.scale);
        if (part.turned)
            append8<T, FP8>(part, to + half, y, a.scale);
    }
}

template <typename T, bool FP8>
__global__ __launch_bounds__(THREADS) void fresh_kernel(const cuda_fresh_args a)
{
    int unit = (int)(blockIdx.y * THREADS + threadIdx.x);
#pragma unroll
    for (int i = 0; i < CUDA_MAX_FRESH; i++) {
        if (i >= a.n_parts)
            return;
        if (unit < a.part[i].units) {
            fresh_unit<T, FP8>(a, a.part[i], blockIdx.x, unit);
            return;
        }
        unit -= a.part[i].units;
    }
}

cudaError_t cuda_fresh(const cuda_fresh_args *a, int kind, cudaStream_t stream)
{
    int units = 0;
    for (int i = 0; i < a->n_parts; i++)
        units += a->part[i].units;
    dim3 grid((unsigned)a->tokens, (unsigned)((units + THREADS - 1) / THREADS));
    if (kind == CUDA_BF16 && a->scale)
        fresh_kernel<bf16, true><<<grid, THREADS, 0, stream>>>(*a);
    else if (kind == CUDA_BF16)
        fresh_kernel<bf16, false><<<grid, THREADS, 0, stream>>>(*a);
    else if (a->scale)
        fresh_kernel<fp16, true><<<grid, THREADS, 0, stream>>>(*a);
    else
        fresh_kernel<fp16, false><<<grid, THREADS, 0, stream>>>(*a);
    return cudaGetLastError();
}

/* ---- fp8 made wide: 16 numbers a thread ---- */

template <typename T>
__global__ __launch_bounds__(THREADS) void widen_kernel(const uint4 *from, uint4 *to,
                                                        int64_t n, const float *scale)
{
    float by = *scale;
    int64_t step = (int64_t)gridDim.x * THREADS;
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < n; i += step) {
        uint4 bits = from[i];
        const uint32_t word[4] = {bits.x, bits.y, bits.z, bits.w};
        uint32_t out[8];
#pragma unroll
        for (int k = 0; k < 4; k++) {
            float2 lo = unpack_fp8((uint16_t)word[k]);
            float2 hi = unpack_fp8((uint16_t)(word[k] >> 16));
            out[2 * k] = pack2<T>(lo.x * by, lo.y * by);
            out[2 * k + 1] = pack2<T>(hi.x * by, hi.y * by);
        }
        to[2 * i] = make_uint4(out[0], out[1], out[2], out[3]);
        to[2 * i + 1] = make_uint4(out[4], out[5], out[6], out[7]);
    }
}

cudaError_t cuda_widen(const void *from, void *to, int64_t n, const float *scale,
                       int kind, cudaStream_t stream)
{
    enum { MOST_BLOCKS = 4096 };
    int64_t blocks = (n / 16 + THREADS - 1) / THREADS;
    unsigned grid = (unsigned)(blocks < MOST_BLOCKS ? blocks : MOST_BLOCKS);
    if (kind == CUDA_BF16)
        widen_kernel<bf16><<<grid, THREADS, 0, stream>>>((const uint4 *)from, (uint4 *)to,
                                                         n / 16, scale);
    else
        widen_kernel<fp16><<<grid, THREADS, 0, stream>>>((const uint4 *)from, (uint4 *)to,
                                                         n / 16, scale);
    return cudaGetLastError();
}
