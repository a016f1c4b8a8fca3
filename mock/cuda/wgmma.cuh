/* solcheck - Hopper's own instructions (compute capability 9.0, target sm_90a): warpgroup
 * matrix products, tensor copies, transaction barriers, register reallocation. PTX
 * ISA 8.x, sections on wgmma, cp.async.bulk.tensor, mbarrier and setmaxnreg.
 *
 * All tiles lie in shared memory as the copy engine's 128-byte swizzle leaves them:
 * columns in panels of 64 numbers of 16 bits, a panel's rows 128 bytes apart, panels
 * aligned to 1024 bytes. SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#ifndef SC_MOCK_CUDA_WGMMA_CUH
#define SC_MOCK_CUDA_WGMMA_CUH

#include <cuda.h>

#include "mock/cuda/mma.cuh"

/* Kernels have bodies in code for sm_90a alone; setup functions see that from the static
 * shared memory, which an empty kernel has none of. */
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define SC_HOPPER 1
#else
#define SC_HOPPER 0
#endif

#if SC_HOPPER

/* ---- barriers ---- */

__device__ __forceinline__ void barrier_init(uint64_t *barrier, int count)
{
    asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(smem_address(barrier)),
                 "r"(count));
}

/* Makes initialised barriers known to the copy engine. */
__device__ __forceinline__ void barrier_init_done()
{
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
}

__device__ __forceinline__ void barrier_arrive(uint64_t *barrier)
{
    asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(smem_address(barrier))
                 : "memory");
}

/* Once for the warp, after everything that its threads have done. */
__device__ __forceinline__ void barrier_arrive_warp(uint64_t *barrier)
{
    __syncwarp();
    if ((threadIdx.x & 31) == 0)
        barrier_arrive(barrier);
}

/* Arrives and announces bytes that copies will bring. */
__device__ __forceinline__ void barrier_expect(uint64_t *barrier, int size_B)
{
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(
                     smem_address(barrier)),
                 "r"(size_B)
                 : "memory");
}

/* Until the phase of this parity is complete. */
__device__ __forceinline__ void barrier_wait(uint64_t *barrier, uint32_t parity)
{
    asm volatile("{\n.reg .pred p;\n"
                 "again:\n"
                 "mbarrier.try_wait.parity.shared::cta.b64 p, [%0], %1;\n"
                 "@p bra done;\n"
                 "bra again;\n"
                 "done:\n}" ::"r"(smem_address(barrier)),
                 "r"(parity)
                 : "memory");
}

/* Hardware barriers 1 to 15: waits for, or only announces, `threads` arrivals. */
__device__ __forceinline__ void named_sync(int id, int threads)
{
    asm volatile("bar.sync %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

__device__ __forceinline__ void named_arrive(int id, int threads)
{
    asm volatile("bar.arrive %0, %1;" ::"r"(id), "r"(threads) : "memory");
}

/* Position in a ring of buffers: index and the parity of the round. */
template <int STAGES> struct ring {
    int stage = 0;
    uint32_t parity = 0;
    __device__ __forceinline__ void next()
    {
        if (++stage == STAGES) {
            stage = 0;
            parity ^= 1;
        }
    }
};

/* ---- tensor copies ---- */

__device__ __forceinline__ void tensor_prefetch(const CUtensorMap *map)
{
    asm volatile("prefetch.tensormap [%0];" ::"l"(map) : "memory");
}

__device__ __forceinline__ void tensor_load(uint32_t to, const CUtensorMap *map, int x,
                                            int y, int z, uint64_t *barrier)
{
    asm volatile(
        "cp.async.bulk.tensor.3d.shared::cluster.global.tile"
        ".mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::"r"(to),
        "l"(map), "r"(x), "r"(y), "r"(z), "r"(smem_address(barrier))
        : "memory");
}

/* Makes this thread's ordinary writes to shared memory visible to the copy engine and to
 * wgmma; a barrier is still needed. */
__device__ __forceinline__ void async_fence()
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

/* ---- registers ---- */

template <int N> __device__ __forceinline__ void registers_raise()
{
    asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(N));
}

template <int N> __device__ __forceinline__ void registers_lower()
{
    asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(N));
}

/* ---- warpgroup matrix products ---- */

__device__ __forceinline__ void wgmma_fence()
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}

__device__ __forceinline__ void wgmma_commit()
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

template <int N> __device__ __forceinline__ void wgmma_wait()
{
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(N) : "memory");
}

/* Keeps the compiler from moving accesses of accumulators across this point. */
template <int N> __device__ __forceinline__ void wgmma_hold(float (&d)[N])
{
#pragma unroll
    for (int i = 0; i < N; i++)
        asm volatile("" : "+f"(d[i])::"memory");
}

/* Holds the wait that follows back until x, which is not negative, is known: ptxas
 * otherwise moves waits up across the arithmetic that is to run beside the products. */
__device__ __forceinline__ void wgmma_after(float x)
{
    asm volatile("bar.warp.sync %0;" ::"r"(x < 0.f ? 0x7fffffff : -1) : "memory");
}

/* Matrix descriptor of a tile at `address`, 128-byte swizzle: groups of eight rows are
 * 1024 bytes apart; panel_B matters for transposed operands of more than 64 columns. */
__device__ __forceinline__ uint64_t wgmma_tile(uint32_t address, int panel_B)
{
    return (uint64_t)((address & 0x3ffff) >> 4) | (uint64_t)(panel_B >> 4) << 16 |
           (uint64_t)(1024 >> 4) << 32 | (uint64_t)1 << 62;
}

/* The same of 8 x 8 core matrices of 128 bytes, so far apart along columns and rows. */
__device__ __forceinline__ uint64_t wgmma_cores(uint32_t address, int col_B, int row_B)
{
    return (uint64_t)((address & 0x3ffff) >> 4) | (uint64_t)(col_B >> 4) << 16 |
           (uint64_t)(row_B >> 4) << 32;
}

/* d[64,N] (+)= a[64,16] b[16,N] in float: a from registers (rs) or shared memory (ss); b
 * as rows of N (k-major, B_COLUMNS 0) or as rows of k (1). */
template <typename T, int N, int B_COLUMNS> struct wgmma;

/* Places of N/2 accumulators in the instruction, and what stands there. */
#define WGMMA_AT_8 \
    "%0, %1, %2, %3, %4, %5, %6, %7"
#define WGMMA_AT_16 \
    WGMMA_AT_8 ", " \
    "%8, %9, %10, %11, %12, %13, %14, %15"
#define WGMMA_AT_32 \
    WGMMA_AT_16 ", " \
    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, " \
    "%28, %29, %30, %31"
#define WGMMA_AT_40 \
    WGMMA_AT_32 ", " \
    "%32, %33, %34, %35, %36, %37, %38, %39"
#define WGMMA_AT_64 \
    WGMMA_AT_40 ", " \
    "%40, %41, %42, %43, "                                        \
    "%44, %45, %46, %47, %48, %49, %50, %51, %52, %53, %54, %55, " \
    "%56, %57, %58, %59, %60, %61, %62, %63"
#define WGMMA_AT_96 \
    WGMMA_AT_64 ", " \
    "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, " \
    "%76, %77, %78, %79, %80, %81, %82, %83, %84, %85, %86, %87, " \
    "%88, %89, %90, %91, %92, %93, %94, %95"
#define WGMMA_AT_128 \
    WGMMA_AT_96 ", " \
    "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, " \
    "%107, %108, %109, %110, %111, %112, %113, %114, %115, %116, " \
    "%117, %118, %119, %120, %121, %122, %123, %124, %125, %126, " \
    "%127"
#define WGMMA_D8(i)                                                                      \
    "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3]), "+f"(d[i + 4]),          \
        "+f"(d[i + 5]), "+f"(d[i + 6]), "+f"(d[i + 7])
#define WGMMA_D32(i) WGMMA_D8(i), WGMMA_D8(i + 8), WGMMA_D8(i + 16), WGMMA_D8(i + 24)

/* P0 to P6: the places after the accumulators. */
#define WGMMA_SS(N, TYPES, AT, P0, P1, P2, P3, P4, P5, P6, ...)                          \
    static __device__ __forceinline__ void ss(float (&d)[N / 2], uint64_t a, uint64_t b, \
                                              int add)                                   \
    {                                                                                    \
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" P2 ", 0;\n"                    \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." TYPES " {" AT     \
                     "}, %" P0 ", %" P1 ", p, 1, 1, 0, %" P3 ";\n}"                      \
                     : __VA_ARGS__                                                       \
                     : "l"(a), "l"(b), "r"(add), "n"(B_COLUMNS));                        \
    }
#define WGMMA_RS(N, TYPES, AT, P0, P1, P2, P3, P4, P5, P6, ...)                          \
    static __device__ __forceinline__ void rs(float (&d)[N / 2], const uint32_t *a,      \
                                              uint64_t b, int add)                       \
    {                                                                                    \
        asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %" P5 ", 0;\n"                    \
                     "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." TYPES " {" AT     \
                     "}, {%" P0 ", %" P1 ", %" P2 ", %" P3 "}, %" P4 ", p, 1, 1, %" P6   \
                     ";\n}"                                                              \
                     : __VA_ARGS__                                                       \
                     : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(add),     \
                       "n"(B_COLUMNS));                                                  \
    }
#define WGMMA(T, N, ...)                                                                 \
    template <int B_COLUMNS> struct wgmma<T, N, B_COLUMNS> {                             \
        WGMMA_SS(N, __VA_ARGS__)                                                         \
        WGMMA_RS(N, __VA_ARGS__)                                                         \
    };
#define WGMMA_OF(N, ...)                                                                 \
    WGMMA(bf16, N, "bf16.bf16", __VA_ARGS__)                                             \
    WGMMA(fp16, N, "f16.f16", __VA_ARGS__)

WGMMA_OF(64, WGMMA_AT_32, "32", "33", "34", "35", "36", "37", "38", WGMMA_D32(0))
WGMMA_OF(80, WGMMA_AT_40, "40", "41", "42", "43", "44", "45", "46", WGMMA_D32(0),
         WGMMA_D8(32))
WGMMA_OF(128, WGMMA_AT_64, "64", "65", "66", "67", "68", "69", "70", WGMMA_D32(0),
         WGMMA_D32(32))
WGMMA_OF(256, WGMMA_AT_128, "128", "129", "130", "131", "132", "133", "134",
         WGMMA_D32(0), WGMMA_D32(32), WGMMA_D32(64), WGMMA_D32(96))

#endif
#endif
