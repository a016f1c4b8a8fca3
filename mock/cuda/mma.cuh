/* solcheck - the instructions that the attention kernels are built from: 16-byte
 * asynchronous copies, ldmatrix, and m16n8k16 matrix products with float accumulators
 * (PTX ISA 8.x, sections on cp.async, ldmatrix and mma; compute capability 8.0 on).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CUDA_MMA_CUH
#define SC_MOCK_CUDA_MMA_CUH

#include <stdint.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

typedef __nv_bfloat16 bf16;
typedef __half fp16;

/* threadIdx.x, read anew: what is computed from it inside a loop is not hoisted out of
 * it, where it would cost registers that the accumulators need. */
__device__ __forceinline__ int thread_now()
{
    int tid;
    asm volatile("mov.u32 %0, %%tid.x;" : "=r"(tid));
    return tid;
}

__device__ __forceinline__ uint32_t smem_address(const void *p)
{
    return (uint32_t)__cvta_generic_to_shared(p);
}

__device__ __forceinline__ void store_shared(uint32_t address, uint32_t value)
{
    asm volatile("st.shared.u32 [%0], %1;" ::"r"(address), "r"(value) : "memory");
}

__device__ __forceinline__ void store_shared4(uint32_t address, uint4 value)
{
    asm volatile("st.shared.v4.u32 [%0], {%1, %2, %3, %4};" ::"r"(address), "r"(value.x),
                 "r"(value.y), "r"(value.z), "r"(value.w)
                 : "memory");
}

__device__ __forceinline__ float load_shared(uint32_t address)
{
    float r;
    asm volatile("ld.shared.f32 %0, [%1];" : "=f"(r) : "r"(address) : "memory");
    return r;
}

/* Copies 16 bytes to shared memory, or writes 16 zero bytes where ok is false and from is
 * not read (PTX: src-size 0). */
__device__ __forceinline__ void copy16(uint32_t to, const void *from, bool ok)
{
    int n = ok ? 16 : 0;
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(to),
                 "l"(from), "r"(n)
                 : "memory");
}

__device__ __forceinline__ void copy_commit()
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}

template <int N> __device__ __forceinline__ void copy_wait()
{
    asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}

__device__ __forceinline__ void load4(uint32_t r[4], uint32_t address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address));
}

__device__ __forceinline__ void load4_transposed(uint32_t r[4], uint32_t address)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address));
}

/* d[16,8] += a[16,16] * b[16,8] */
template <typename T>
__device__ __forceinline__ void mma(float d[4], const uint32_t a[4], uint32_t b0,
                                    uint32_t b1);

template <>
__device__ __forceinline__ void mma<bf16>(float d[4], const uint32_t a[4], uint32_t b0,
                                          uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

template <>
__device__ __forceinline__ void mma<fp16>(float d[4], const uint32_t a[4], uint32_t b0,
                                          uint32_t b1)
{
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 "
                 "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/* Two floats in one register, the first in the low half. */
template <typename T> __device__ __forceinline__ uint32_t pack2(float lo, float hi);

template <> __device__ __forceinline__ uint32_t pack2<bf16>(float lo, float hi)
{
    uint32_t r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
    return r;
}

template <> __device__ __forceinline__ uint32_t pack2<fp16>(float lo, float hi)
{
    uint32_t r;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(hi), "f"(lo));
    return r;
}

/* And back. */
template <typename T> __device__ __forceinline__ float2 unpack2(uint32_t bits);

template <> __device__ __forceinline__ float2 unpack2<bf16>(uint32_t bits)
{
    return make_float2(__uint_as_float(bits << 16), __uint_as_float(bits & 0xffff0000u));
}

template <> __device__ __forceinline__ float2 unpack2<fp16>(uint32_t bits)
{
    return __half22float2(*(const __half2 *)&bits);
}

/* 2^x; -inf gives 0. */
__device__ __forceinline__ float power2(float x)
{
    float r;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
    return r;
}

/* Over the four lanes that share a row of an mma accumulator. */
__device__ __forceinline__ float quad_max(float x)
{
    x = fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 1));
    return fmaxf(x, __shfl_xor_sync(0xffffffffu, x, 2));
}

__device__ __forceinline__ float quad_sum(float x)
{
    x += __shfl_xor_sync(0xffffffffu, x, 1);
    return x + __shfl_xor_sync(0xffffffffu, x, 2);
}

/* Lane c of a quad has word c of the 16-byte chunks 0 to 3 and gets all of chunk c. */
__device__ __forceinline__ void quad_transpose(uint32_t (&x)[4])
{
    int c = threadIdx.x & 3;
#pragma unroll
    for (int bit = 1; bit <= 2; bit *= 2)
#pragma unroll
        for (int i = 0; i < 4; i++)
            if (!(i & bit)) {
                bool odd = c & bit;
                uint32_t give = odd ? x[i] : x[i | bit];
                uint32_t got = __shfl_xor_sync(0xffffffffu, give, bit);
                x[i] = odd ? got : x[i];
                x[i | bit] = odd ? x[i | bit] : got;
            }
}

/* Byte offset of 16-byte chunk `chunk` of row `row` in a tile whose rows are row_B bytes,
 * a multiple of 128: chunks are XORed with the row within each 128 bytes, so that the
 * eight rows of an ldmatrix lie in different banks. */
__device__ __forceinline__ uint32_t swizzle(int row, int chunk, int row_B)
{
    return (uint32_t)(row * row_B + ((chunk ^ (row & 7)) << 4));
}

#endif
