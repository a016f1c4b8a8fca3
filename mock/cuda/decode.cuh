/* solcheck - what the decode kernels share: runs of pages, where results go, fragments of
 * fp8 pages, and the way to the host.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CUDA_DECODE_CUH
#define SC_MOCK_CUDA_DECODE_CUH

#include "mock/cuda/kernels.h"
#include "mock/cuda/mma.cuh"

enum { PAGE = 64 }; /* tokens a page, MOCK_KV_BLOCK */

/* swizzle() for rows of 64 bytes too, two of which then share 128. */
template <int ROW_B> __device__ __forceinline__ uint32_t tile_at(int row, int chunk)
{
    static_assert(ROW_B == 64 || ROW_B % 128 == 0, "whole lines of banks");
    if (ROW_B == 64)
        return (uint32_t)((row >> 1) * 128 +
                          ((((row & 1) << 2 | chunk) ^ (row >> 1 & 3)) << 4));
    return swizzle(row, chunk, ROW_B);
}

/* First row of a slot's partial results of one tile of heads. */
__device__ __forceinline__ int64_t decode_part_row(int slot, int m_tiles, int tile,
                                                   int rows)
{
    return ((int64_t)slot * m_tiles + tile) * rows;
}

/* Programmatic dependent launch (compute capability 9.0): lets the next kernel of the
 * stream be launched early, and there waits until this one has finished and its writes
 * are seen. Called when a thread block has only its results left to write: earlier, the
 * next kernel's blocks crowd onto the first SMs that become free (docs/kernels.md). */
__device__ __forceinline__ void release_next_kernel()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

__device__ __forceinline__ void wait_for_kernel()
{
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/* The tokens of a request that are seen: [first, length). */
__device__ __forceinline__ int decode_first(const cuda_decode_args &a, int length)
{
    return a.window > 0 && length > a.window ? length - a.window : 0;
}

/* Factors of an fp8 cache, which go into the softmax scale and into the output. */
template <bool FP8>
__device__ __forceinline__ float decode_scale_log2(const cuda_decode_args &a)
{
    return FP8 ? a.scale_log2 * a.scale[0] : a.scale_log2;
}

template <bool FP8>
__device__ __forceinline__ float decode_inverse(float total, const cuda_decode_args &a,
                                                int value)
{
    return FP8 ? a.scale[value] / total : 1.f / total;
}

/* ---- fp8 pages ----
 *
 * ldmatrix moves pairs of bytes. A lane's register of a tile of 8 rows by 16 bytes holds
 * bytes 4c..4c+3 of row g (c = lane % 4, g = lane / 4); of a transposed tile bytes 2g and
 * 2g+1 of rows 2c and 2c+1. The even bytes of the register and the odd ones, made wide,
 * are then two fragments of m16n8k16 in which
 *  - of keys: k = 2c, 2c+1 means columns 4c, 4c+2 of the 16, and k+8 columns 4c+1, 4c+3;
 *    queries are laid out alike, and the sum over k is the same;
 *  - of values: the even register is an 8-column tile of columns 0, 2, ..., 14 of the 16,
 *    the odd one of 1, 3, ..., 15: an output's columns 4c..4c+3 are a lane's four
 * numbers. The bits of an e4m3 number moved to where bf16 (fp16) has them make the number
 * times 2^-120 (2^-8), subnormals too; one exact product undoes that. The two NaN
 * patterns read as 480: a cache holds none. */
template <typename T> __device__ __forceinline__ uint32_t widen_even(uint32_t x);
template <typename T> __device__ __forceinline__ uint32_t widen_odd(uint32_t x);

template <typename T> __device__ __forceinline__ uint32_t widen_factor(uint32_t small);

template <> __device__ __forceinline__ uint32_t widen_factor<bf16>(uint32_t small)
{
    uint32_t r;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;"
        : "=r"(r)
        : "r"(small), "r"(0x7b807b80u), "r"(0x80008000u)); /* 2^120; -0 */
    return r;
}

template <> __device__ __forceinline__ uint32_t widen_factor<fp16>(uint32_t small)
{
    uint32_t r;
    asm("mul.rn.f16x2 %0, %1, %2;" : "=r"(r) : "r"(small), "r"(0x5c005c00u)); /* 2^8 */
    return r;
}

template <> __device__ __forceinline__ uint32_t widen_even<bf16>(uint32_t x)
{
    return widen_factor<bf16>((x << 8 & 0x80008000u) | (x << 4 & 0x07f007f0u));
}

template <> __device__ __forceinline__ uint32_t widen_odd<bf16>(uint32_t x)
{
    return widen_factor<bf16>((x & 0x80008000u) | (x >> 4 & 0x07f007f0u));
}

template <> __device__ __forceinline__ uint32_t widen_even<fp16>(uint32_t x)
{
    return widen_factor<fp16>((x << 8 & 0x80008000u) | (x << 7 & 0x3f803f80u));
}

template <> __device__ __forceinline__ uint32_t widen_odd<fp16>(uint32_t x)
{
    return widen_factor<fp16>((x & 0x80008000u) | (x >> 1 & 0x3f803f80u));
}

/* The even halves of two registers of 16-bit pairs, and the odd ones. */
__device__ __forceinline__ uint32_t pick_even(uint32_t a, uint32_t b)
{
    return __byte_perm(a, b, 0x5410);
}

__device__ __forceinline__ uint32_t pick_odd(uint32_t a, uint32_t b)
{
    return __byte_perm(a, b, 0x7632);
}

/* ---- the host's side ---- */

/* Shared memory, and thread blocks an SM. */
template <typename K>
static cudaError_t decode_occupancy(K kernel, int threads, int smem_B, int *blocks_per_sm)
{
    cudaError_t e =
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, smem_B);
    return e != cudaSuccess ? e
                            : cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                                  blocks_per_sm, kernel, threads, smem_B);
}

/* A config C has THREADS, SMEM_B and kernel(). */
template <typename C> cudaError_t decode_setup(int *blocks_per_sm)
{
    return decode_occupancy(C::kernel(), C::THREADS, C::SMEM_B, blocks_per_sm);
}

template <typename C>
cudaError_t decode_launch(const cuda_decode_args *args, cudaStream_t stream)
{
    unsigned blocks = (unsigned)args->n_ranges * (unsigned)args->m_tiles;
    C::kernel()<<<blocks, C::THREADS, C::SMEM_B, stream>>>(*args);
    return cudaGetLastError();
}

template <typename C>
constexpr cuda_decode_variant decode_variant(const char *name, int kind)
{
    return {name,
            kind,
            C::FP8 ? CUDA_FP8 : kind,
            C::D,
            C::DV,
            C::ROWS,
            C::SMEM_B,
            decode_setup<C>,
            decode_launch<C>};
}

typedef void decode_kernel(const cuda_decode_args);

template <typename T>
__device__ __forceinline__ void store2(void *to, int64_t i, float x, float y)
{
    *(uint32_t *)((T *)to + i) = pack2<T>(x, y);
}

#endif
