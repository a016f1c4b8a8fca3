/* solcheck - fp8 (e4m3fn, as in mock/number.h) beside the 16-bit formats: conversions of
 * two or four numbers in a register, for kernels.
 *
 * From fp8 the conversions are exact in bf16, fp16 and float; NaN stays NaN. To fp8 they
 * round to nearest even and saturate at 448. The compiler's own conversions (cuda_fp8.h)
 * use cvt from compute capability 8.9 on and arithmetic below; bf16 is made with two
 * shifts and an exact product on every GPU, as there is no cvt. Tests: random fills and
 * every fp8 case of tests/gpu/test_layers.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CUDA_FP8_CUH
#define SC_MOCK_CUDA_FP8_CUH

#include <cuda_fp8.h>

#include "mock/cuda/mma.cuh"

typedef __nv_fp8_e4m3 fp8;

/* Bytes lo and hi: two floats rounded. */
__device__ __forceinline__ uint16_t pack_fp8(float lo, float hi)
{
    return __nv_cvt_float2_to_fp8x2(make_float2(lo, hi), __NV_SATFINITE, __NV_E4M3);
}

/* Two numbers as floats. */
__device__ __forceinline__ float2 unpack_fp8(uint16_t bits)
{
    __half2_raw r = __nv_cvt_fp8x2_to_halfraw2(bits, __NV_E4M3);
    return __half22float2(*(const __half2 *)&r);
}

/* Four numbers, in the order of their bytes, as two registers of two numbers each. */
template <typename T> __device__ __forceinline__ uint2 widen_fp8(uint32_t bits);

template <> __device__ __forceinline__ uint2 widen_fp8<fp16>(uint32_t bits)
{
    __half2_raw lo = __nv_cvt_fp8x2_to_halfraw2((uint16_t)bits, __NV_E4M3);
    __half2_raw hi = __nv_cvt_fp8x2_to_halfraw2((uint16_t)(bits >> 16), __NV_E4M3);
    return make_uint2((uint32_t)lo.x | (uint32_t)lo.y << 16,
                      (uint32_t)hi.x | (uint32_t)hi.y << 16);
}

/* Two numbers in the high bytes of the halves of x. Exponent and mantissa moved to where
 * bf16 has them make the number times 2^-120, subnormals too; NaN would become 480. */
__device__ __forceinline__ uint32_t widen_fp8_bf16(uint32_t x)
{
    uint32_t small = (x & 0x80008000u) | (x >> 4 & 0x07f007f0u), r;
    asm("fma.rn.bf16x2 %0, %1, %2, %3;"
        : "=r"(r)
        : "r"(small), "r"(0x7b807b80u), "r"(0x80008000u)); /* 2^120; -0 */
    uint32_t nan = __vcmpeq2(x & 0x7f007f00u, 0x7f007f00u);
    return r | (nan & 0x7fc07fc0u);
}

template <> __device__ __forceinline__ uint2 widen_fp8<bf16>(uint32_t bits)
{
    return make_uint2(widen_fp8_bf16(__byte_perm(bits, 0, 0x1404)),
                      widen_fp8_bf16(__byte_perm(bits, 0, 0x3424)));
}

#endif
