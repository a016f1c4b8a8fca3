/* solcheck - warpgroup products whose operands both lie in shared memory as rows of k, in
 * 16-bit formats and in fp8, for more widths than wgmma.cuh has; and copies of tiles of
 * two and of five dimensions (PTX ISA 8.x, sections on wgmma and cp.async.bulk.tensor).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CUDA_WGMMA_ROWS_CUH
#define SC_MOCK_CUDA_WGMMA_ROWS_CUH

#include "mock/cuda/fp8.cuh"
#include "mock/cuda/wgmma.cuh"

#if SC_HOPPER

/* d[64,N] (+)= a[64,K] b[N,K]^T in float, K numbers of 32 bytes. */
template <typename T, int N> struct wgmma_rows;

#define WGMMA_ROWS(T, N, K, TYPES, TAIL, AT, A, B, ADD, ...)                             \
    template <> struct wgmma_rows<T, N> {                                                \
        static __device__ __forceinline__ void run(float (&d)[N / 2], uint64_t a,        \
                                                   uint64_t b, int add)                  \
        {                                                                                \
            asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" ADD ", 0;\n"               \
                         "wgmma.mma_async.sync.aligned.m64n" #N "k" K ".f32." TYPES      \
                         " {" AT "}, %" A ", %" B ", p, 1, 1" TAIL ";\n}"                \
                         : __VA_ARGS__                                                   \
                         : "l"(a), "l"(b), "r"(add));                                    \
        }                                                                                \
    };
#define WGMMA_ROWS_OF(N, ...)                                                            \
    WGMMA_ROWS(bf16, N, "16", "bf16.bf16", ", 0, 0", __VA_ARGS__)                        \
    WGMMA_ROWS(fp16, N, "16", "f16.f16", ", 0, 0", __VA_ARGS__)                          \
    WGMMA_ROWS(fp8, N, "32", "e4m3.e4m3", "", __VA_ARGS__)

WGMMA_ROWS_OF(16, WGMMA_AT_8, "8", "9", "10", WGMMA_D8(0))
WGMMA_ROWS_OF(32, WGMMA_AT_16, "16", "17", "18", WGMMA_D8(0), WGMMA_D8(8))
WGMMA_ROWS_OF(64, WGMMA_AT_32, "32", "33", "34", WGMMA_D32(0))
WGMMA_ROWS_OF(128, WGMMA_AT_64, "64", "65", "66", WGMMA_D32(0), WGMMA_D32(32))
WGMMA_ROWS_OF(192, WGMMA_AT_96, "96", "97", "98", WGMMA_D32(0), WGMMA_D32(32),
              WGMMA_D32(64))
WGMMA_ROWS_OF(256, WGMMA_AT_128, "128", "129", "130", WGMMA_D32(0), WGMMA_D32(32),
              WGMMA_D32(64), WGMMA_D32(96))

/* ---- tensor copies ---- */

__device__ __forceinline__ void tensor_load2(uint32_t to, const CUtensorMap *map, int x,
                                             int y, uint64_t *barrier)
{
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.tile"
                 ".mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(to),
                 "l"(map), "r"(x), "r"(y), "r"(smem_address(barrier))
                 : "memory");
}

__device__ __forceinline__ void tensor_load5(uint32_t to, const CUtensorMap *map,
                                             const int (&at)[5], uint64_t *barrier)
{
    asm volatile("cp.async.bulk.tensor.5d.shared::cluster.global.tile"
                 ".mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4, %5, %6}], [%7];" ::
                     "r"(to),
                 "l"(map), "r"(at[0]), "r"(at[1]), "r"(at[2]), "r"(at[3]), "r"(at[4]),
                 "r"(smem_address(barrier))
                 : "memory");
}

/* The 8 x 8 matrix of 16-bit numbers that a warp holds, two neighbours of row lane/4 a
 * lane, transposed. */
__device__ __forceinline__ uint32_t transpose8(uint32_t x)
{
    uint32_t r;
    asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(r) : "r"(x));
    return r;
}

#endif
#endif
