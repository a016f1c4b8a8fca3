/* solcheck - eight numbers of 16 bits at a time: the unit of kernels that pass over
 * memory. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#ifndef SC_MOCK_CUDA_VECTOR_CUH
#define SC_MOCK_CUDA_VECTOR_CUH

#include "mock/cuda/mma.cuh"

enum { CHUNK = 8 };

template <typename T> __device__ __forceinline__ void unpack8(uint4 bits, float x[CHUNK])
{
    const uint32_t part[4] = {bits.x, bits.y, bits.z, bits.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
        float2 v = unpack2<T>(part[i]);
        x[2 * i] = v.x;
        x[2 * i + 1] = v.y;
    }
}

template <typename T> __device__ __forceinline__ uint4 pack8(const float x[CHUNK])
{
    return make_uint4(pack2<T>(x[0], x[1]), pack2<T>(x[2], x[3]), pack2<T>(x[4], x[5]),
                      pack2<T>(x[6], x[7]));
}

/* Pairs (p[e], q[e]) turned by angles of which cosines and sines are given, 16-byte
 * aligned (RoPE, arXiv 2104.09864). */
__device__ __forceinline__ void turn8(float p[CHUNK], float q[CHUNK], const float *cosine,
                                      const float *sine)
{
    float c[CHUNK], s[CHUNK];
#pragma unroll
    for (int i = 0; i < CHUNK; i += 4) {
        *(float4 *)(c + i) = *(const float4 *)(cosine + i);
        *(float4 *)(s + i) = *(const float4 *)(sine + i);
    }
#pragma unroll
    for (int e = 0; e < CHUNK; e++) {
        float first = p[e] * c[e] - q[e] * s[e];
        q[e] = q[e] * c[e] + p[e] * s[e];
        p[e] = first;
    }
}

#endif
