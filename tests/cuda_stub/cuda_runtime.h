/* solcheck - as much of CUDA C++ as the kernels of mock/cuda/ use, for clang's CUDA mode
 * without the Toolkit (run.sh). Bodies are not needed: only syntax and types are checked.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_TESTS_CUDA_STUB_RUNTIME_H
#define SC_TESTS_CUDA_STUB_RUNTIME_H

#define __host__ __attribute__((host))
#define __device__ __attribute__((device))
#define __global__ __attribute__((global))
#define __shared__ __attribute__((shared))
#define __constant__ __attribute__((constant))
#define __launch_bounds__(...) __attribute__((launch_bounds(__VA_ARGS__)))
#define __forceinline__ __inline__ __attribute__((always_inline))
#define __align__(n) __attribute__((aligned(n)))
#define __grid_constant__
#define __CUDACC__ 1

#include "cuda_runtime_api.h"

/* ---- vectors and built-in variables ---- */

struct uint3 { unsigned x, y, z; };
struct dim3 {
    unsigned x, y, z;
    __host__ __device__ constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1)
        : x(x), y(y), z(z)
    {
    }
};
extern const __device__ uint3 threadIdx, blockIdx;
extern const __device__ dim3 blockDim, gridDim;

#define STUB_VECTORS(X) X(unsigned, uint) X(int, int) X(float, float)
#define X(type, name)                                                                    \
    struct alignas(8) name##2 { type x, y; };                                            \
    struct alignas(16) name##4 { type x, y, z, w; };                                     \
    __host__ __device__ name##2 make_##name##2(type x, type y);                          \
    __host__ __device__ name##4 make_##name##4(type x, type y, type z, type w);
STUB_VECTORS(X)
#undef X

/* ---- functions of the device ---- */

#define D __device__
D void __syncthreads();
D void __syncwarp(unsigned mask = 0xffffffffu);
D void __trap();
D int __any_sync(unsigned mask, int predicate);
template <typename T> D T __shfl_sync(unsigned mask, T value, int lane, int width = 32);
template <typename T> D T __shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32);
template <typename T> D T __shfl_up_sync(unsigned mask, T value, unsigned lanes, int width = 32);
D int atomicAdd(int *p, int value);
D unsigned atomicAdd(unsigned *p, unsigned value);
D unsigned atomicInc(unsigned *p, unsigned most);
D size_t __cvta_generic_to_shared(const void *p);
D unsigned __byte_perm(unsigned x, unsigned y, unsigned selector);
D unsigned __vcmpeq2(unsigned x, unsigned y);
D float __uint_as_float(unsigned x);
D unsigned __float_as_uint(float x);
D float __fmul_rn(float x, float y);
D float __fdividef(float x, float y);
D float __expf(float x);
#undef D
#define HD __host__ __device__
HD float fmaxf(float x, float y);
HD float fminf(float x, float y);
HD float rsqrtf(float x);
HD float exp2f(float x);
HD float log2f(float x);
HD float fmaf(float x, float y, float z);
HD int min(int x, int y);
HD int64_t min(int64_t x, int64_t y);
HD int max(int x, int y);
#undef HD

#define INFINITY __builtin_inff()

/* ---- launching ---- */

cudaError_t cudaConfigureCall(dim3 grid, dim3 block, size_t shared = 0,
                              cudaStream_t stream = nullptr);
unsigned __cudaPushCallConfiguration(dim3 grid, dim3 block, size_t shared = 0,
                                     cudaStream_t stream = nullptr);
enum cudaLaunchAttributeID { cudaLaunchAttributeProgrammaticStreamSerialization = 6 };
union cudaLaunchAttributeValue { int programmaticStreamSerializationAllowed; };
struct cudaLaunchAttribute {
    cudaLaunchAttributeID id;
    cudaLaunchAttributeValue val;
};
struct cudaLaunchConfig_t {
    dim3 gridDim, blockDim;
    size_t dynamicSmemBytes;
    cudaStream_t stream;
    cudaLaunchAttribute *attrs;
    unsigned numAttrs;
};
/* The arguments have to fit the kernel's parameters. */
template <typename... P, typename... A>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config, void (*kernel)(P...),
                               A &&...argument);
template <typename F>
cudaError_t cudaFuncSetAttribute(F *kernel, cudaFuncAttribute which, int value);
template <typename F> cudaError_t cudaFuncGetAttributes(cudaFuncAttributes *out, F *kernel);
template <typename F>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *n, F *kernel, int threads,
                                                          size_t shared);

/* ---- narrow numbers ---- */

struct alignas(2) __half { unsigned short bits; };
struct alignas(4) __half2 { __half x, y; };
struct alignas(2) __nv_bfloat16 { unsigned short bits; };
struct __half_raw { unsigned short x; };
struct __half2_raw {
    unsigned short x, y;
    __host__ __device__ operator __half2() const;
};
typedef __half half;
typedef __half2 half2;
struct __nv_fp8_e4m3 { unsigned char __x; };
typedef unsigned char __nv_fp8_storage_t;
typedef unsigned short __nv_fp8x2_storage_t;
enum __nv_saturation_t { __NV_NOSAT, __NV_SATFINITE };
enum __nv_fp8_interpretation_t { __NV_E4M3, __NV_E5M2 };
__host__ __device__ __half __float2half_rn(float x);
__host__ __device__ float __half2float(__half x);
__host__ __device__ float2 __half22float2(__half2 x);
__host__ __device__ __nv_bfloat16 __float2bfloat16_rn(float x);
__host__ __device__ float __bfloat162float(__nv_bfloat16 x);
__host__ __device__ __nv_fp8_storage_t
__nv_cvt_float_to_fp8(float x, __nv_saturation_t saturate, __nv_fp8_interpretation_t kind);
__host__ __device__ __nv_fp8x2_storage_t __nv_cvt_float2_to_fp8x2(
    float2 x, __nv_saturation_t saturate, __nv_fp8_interpretation_t kind);
__host__ __device__ __half2_raw __nv_cvt_fp8x2_to_halfraw2(__nv_fp8x2_storage_t x,
                                                           __nv_fp8_interpretation_t kind);

#endif
