/* solcheck - random inputs, made on the device: the same bits as mock_fill_random.
 *
 * Shapes: p[n]. Floors for bf16, n = 2^30 on an H100: bytes 2n/3.35e12 = 0.64 ms; integer
 * work of some 60 instructions an element, 0.5 ms at 4 x 32 lanes x 132 SMs x 1.8 GHz.
 * Prediction: 1 ms. Not timed: it runs once per case.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp8.h>

#include "mock/cuda/kernels.h"
#include "mock/random.h"

__device__ __forceinline__ void put(float x, __nv_bfloat16 *p)
{
    *p = __float2bfloat16_rn(x);
}
__device__ __forceinline__ void put(float x, __half *p)
{
    *p = __float2half_rn(x);
}
__device__ __forceinline__ void put(float x, float *p)
{
    *p = x;
}
__device__ __forceinline__ void put(float x, __nv_fp8_storage_t *p)
{
    *p = __nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3);
}

template <typename T>
__global__ void fill_kernel(T *p, int64_t n, mock_inputs inputs, uint64_t seed,
                            float scale)
{
    int64_t step = (int64_t)gridDim.x * blockDim.x;
    for (int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; i < n; i += step)
        put(__fmul_rn(mock_draw(inputs, seed, (uint64_t)i), scale), p + i);
}

template <typename T>
static cudaError_t fill(void *p, int64_t n, mock_inputs inputs, uint64_t seed,
                        double scale, cudaStream_t stream)
{
    int64_t blocks = (n + 255) / 256;
    unsigned grid = blocks > 8192 ? 8192u : (unsigned)blocks;
    fill_kernel<T><<<grid, 256, 0, stream>>>((T *)p, n, inputs, seed, (float)scale);
    return cudaGetLastError();
}

cudaError_t cuda_fill_random(void *p, int kind, int64_t n, mock_inputs inputs,
                             uint64_t seed, double scale, cudaStream_t stream)
{
    switch (kind) {
    case CUDA_BF16:
        return fill<__nv_bfloat16>(p, n, inputs, seed, scale, stream);
    case CUDA_FP16:
        return fill<__half>(p, n, inputs, seed, scale, stream);
    case CUDA_FP8:
        return fill<__nv_fp8_storage_t>(p, n, inputs, seed, scale, stream);
    default:
        return fill<float>(p, n, inputs, seed, scale, stream);
    }
}
