/* solcheck - context attention of requests of at most 16 tokens. Shapes as in flash.cuh.
 *
 * There the larger tiles are slow: one (request, head) leaves most of their rows empty,
 * and every tile pays its start. Here a warp has 16 rows, the tokens of 16/longest pairs
 * of request and head, and by itself loads, multiplies and stores them: their keys are 16
 * columns, of which a row sees those of its own pair. No shared memory and no barriers:
 * the columns of a product may be summed in any order, so that 16 bytes of a row of Q and
 * K that a lane loads are its operands of two steps of mma; the columns of V may be
 * numbered in any order, so that 16 bytes each of four rows, their halves put together in
 * pairs, are its operands of eight tiles, and its results 32 bytes in a row.
 *
 * Floors on an H100 SXM (bf16 989 TFLOP/s, 3.35 TB/s; datasheet), mla b=128, 128 heads,
 * s=1: 16384*(192+128+128+128)*2 bytes are 18.9 MB, 5.6 us; 1024 tiles of
 * 2*16*16*(192+128) FLOPs are 0.2 us. s=16: 302 MB, 90 us; 16384 tiles, 2.7 us. So memory
 * binds: a tile is 18 KB in flight, and sixteen fit an SM where some 40 KB cover the
 * latency. Prediction: 2.5 us for little work, 5 to 7 us at s=1 (from the L2 cache), 100
 * to 110 us at s=16. Measured: docs/kernels.md.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CUDA_FLASH_SHORT_CUH
#define SC_MOCK_CUDA_FLASH_SHORT_CUH

#include "mock/cuda/kernels.h"
#include "mock/cuda/mma.cuh"

enum { SHORT_WARPS = 2 }; /* of a thread block */

template <typename T_, int DQK_, int DV_, int ROPE_> struct short_config {
    typedef T_ T;
    static constexpr int DQK = DQK_, DV = DV_, ROPE = ROPE_, NOPE = DQK - ROPE;
};

/* A row of the tile. */
struct short_row {
    int q, kv, token; /* its rows in q and out, k and v, k_rope; -1: there is none */
    int low, high;    /* the first and last column that it sees */
};

__device__ __forceinline__ short_row short_locate(const cuda_flash_args &a, int tile,
                                                  int row)
{
    int slots = CUDA_SHORT_ROWS / a.longest, slot = row / a.longest;
    int token = row - slot * a.longest, pair = tile * slots + slot;
    short_row at = {-1, -1, -1, row, row};
    if (slot >= slots || pair >= a.b * a.heads)
        return at;
    int request = pair / a.heads, head = pair - request * a.heads;
    int first = a.offset[request], length = a.offset[request + 1] - first;
    if (token >= length)
        return at;
    at.token = first + token;
    at.q = at.token * a.heads + head;
    at.kv = at.token * a.kv_heads + head / (a.heads / a.kv_heads);
    at.low = row - token;
    if (!a.causal)
        at.high = at.low + length - 1;
    if (a.window > 0)
        at.low = max(at.low, row + 1 - a.window);
    return at;
}

/* x[i] = 16 bytes of every STEP numbers of a row, from `column` on; row -1: zeros. */
template <typename T, int N, int STEP>
__device__ __forceinline__ void short_load(uint4 *x, const void *from, int row, int width,
                                           int column)
{
    const T *p = (const T *)from + (int64_t)row * width + column;
#pragma unroll
    for (int i = 0; i < N; i++)
        x[i] = row >= 0 ? *(const uint4 *)(p + STEP * i) : make_uint4(0, 0, 0, 0);
}

/* s[16,16] = Q K^T; s[t] are columns 8t to 8t+7, rows lane/4 and lane/4+8. */
template <typename C>
__device__ __forceinline__ void short_scores(float (&s)[2][4],
                                             const uint4 (&q)[2][C::DQK / 32],
                                             const uint4 (&k)[2][C::DQK / 32])
{
#pragma unroll
    for (int i = 0; i < C::DQK / 32; i++) {
        const uint32_t q0[4] = {q[0][i].x, q[1][i].x, q[0][i].y, q[1][i].y};
        const uint32_t q1[4] = {q[0][i].z, q[1][i].z, q[0][i].w, q[1][i].w};
#pragma unroll
        for (int t = 0; t < 2; t++) {
            mma<typename C::T>(s[t], q0, k[t][i].x, k[t][i].y);
            mma<typename C::T>(s[t], q1, k[t][i].z, k[t][i].w);
        }
    }
}

/* s becomes the weights, but for a factor for each row. */
__device__ __forceinline__ void short_softmax(float (&s)[2][4], const int low[2],
                                              const int high[2], float scale_log2,
                                              float inverse[2])
{
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float top = -INFINITY, sum = 0.f;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            int col = 8 * (i / 2) + 2 * (threadIdx.x & 3) + i % 2;
            float &x = s[i / 2][2 * h + i % 2];
            if (col < low[h] || col > high[h])
                x = -INFINITY;
            top = fmaxf(top, x);
        }
        top = quad_max(top) * scale_log2;
#pragma unroll
        for (int i = 0; i < 4; i++) {
            float &x = s[i / 2][2 * h + i % 2];
            x = power2(fmaf(x, scale_log2, -top));
            sum += x;
        }
        inverse[h] = 1.f / quad_sum(sum);
    }
}

/* Columns 16c to 16c+15 of 64 of the output's rows lane/4 and lane/4+8, c being lane%4;
 * v: columns 8*(lane/4) to 8*(lane/4)+7 of rows 2c, 2c+1, 2c+8, 2c+9. */
template <typename T>
__device__ __forceinline__ void short_values(const uint32_t (&p)[4], const uint4 (&v)[4],
                                             const float inverse[2], T *const out[2])
{
    const uint32_t word[4][4] = {{v[0].x, v[0].y, v[0].z, v[0].w},
                                 {v[1].x, v[1].y, v[1].z, v[1].w},
                                 {v[2].x, v[2].y, v[2].z, v[2].w},
                                 {v[3].x, v[3].y, v[3].z, v[3].w}};
    float o[8][4] = {};
#pragma unroll
    for (int j = 0; j < 8; j++) {
        unsigned half = j % 2 ? 0x7632 : 0x5410;
        mma<T>(o[j], p, __byte_perm(word[0][j / 2], word[1][j / 2], half),
               __byte_perm(word[2][j / 2], word[3][j / 2], half));
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int h = i / 2, e = i % 2;
        uint32_t x[4];
#pragma unroll
        for (int j = 0; j < 4; j++)
            x[j] = pack2<T>(o[2 * j][i] * inverse[h], o[2 * j + 1][i] * inverse[h]);
        if (out[h])
            ((uint4 *)out[h])[e] = make_uint4(x[0], x[1], x[2], x[3]);
    }
}

/* At least one block an SM: without that ptxas spares registers, and loads wait for
 * products. */
template <typename C>
__global__ __launch_bounds__(32 * SHORT_WARPS,
                             1) void short_kernel(const cuda_flash_args a)
{
    typedef typename C::T T;
    const unsigned all = 0xffffffffu;
    int lane = threadIdx.x & 31, g = lane >> 2, c = lane & 3, low[2], high[2];
    short_row at =
        short_locate(a, blockIdx.x * SHORT_WARPS + threadIdx.x / 32, lane & 15);
    uint4 q[2][C::DQK / 32], k[2][C::DQK / 32], v[C::DV / 64][4];
    T *out[2];
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int row = __shfl_sync(all, at.q, g + 8 * h);
        out[h] = row < 0 ? NULL : (T *)a.out + (int64_t)row * C::DV + 16 * c;
        low[h] = __shfl_sync(all, at.low, g + 8 * h);
        high[h] = __shfl_sync(all, at.high, g + 8 * h);
        short_load<T, C::DQK / 32, 32>(q[h], a.q, row, C::DQK, 8 * c);
        row = __shfl_sync(all, at.kv, g + 8 * h);
        short_load<T, C::NOPE / 32, 32>(k[h], a.k, row, C::NOPE, 8 * c);
        row = __shfl_sync(all, at.token, g + 8 * h);
        short_load<T, C::ROPE / 32, 32>(k[h] + C::NOPE / 32, a.k_rope, row, C::ROPE,
                                        8 * c);
    }
#pragma unroll
    for (int i = 0; i < 4; i++) {
        int row = __shfl_sync(all, at.kv, 2 * c + i % 2 + i / 2 * 8);
#pragma unroll
        for (int part = 0; part < C::DV / 64; part++)
            short_load<T, 1, 0>(&v[part][i], a.v, row, C::DV, 64 * part + 8 * g);
    }
    float s[2][4] = {}, inverse[2];
    short_scores<C>(s, q, k);
    short_softmax(s, low, high, a.scale_log2, inverse);
    const uint32_t p[4] = {pack2<T>(s[0][0], s[0][1]), pack2<T>(s[0][2], s[0][3]),
                           pack2<T>(s[1][0], s[1][1]), pack2<T>(s[1][2], s[1][3])};
#pragma unroll
    for (int part = 0; part < C::DV / 64; part++) {
        short_values<T>(p, v[part], inverse, out);
        out[0] = out[0] ? out[0] + 64 : NULL;
        out[1] = out[1] ? out[1] + 64 : NULL;
    }
}

inline cudaError_t short_setup(void)
{
    return cudaSuccess;
}

template <typename C>
cudaError_t short_launch(const cuda_flash_args *args, cudaStream_t stream)
{
    int per_block = CUDA_SHORT_ROWS / args->longest * SHORT_WARPS;
    unsigned blocks = ((unsigned)(args->b * args->heads) + per_block - 1) / per_block;
    short_kernel<C><<<blocks, 32 * SHORT_WARPS, 0, stream>>>(*args);
    return cudaGetLastError();
}

/* The compiled shapes: dqk, dv, rope. */
#define SHORT_VARIANT(T, KIND, NAME, DQK, DV, ROPE)                                      \
    {                                                                                    \
        "flash_mma_" NAME "_m16", KIND, DQK, DV, ROPE, CUDA_SHORT_ROWS, 0, short_setup,  \
            short_launch<short_config<T, DQK, DV, ROPE>>                                 \
    }
#define SHORT_TABLE(T, KIND)                                                             \
    SHORT_VARIANT(T, KIND, "64x64", 64, 64, 0),                                          \
        SHORT_VARIANT(T, KIND, "128x128", 128, 128, 0),                                  \
        SHORT_VARIANT(T, KIND, "192x128", 192, 128, 64),                                 \
        SHORT_VARIANT(T, KIND, "256x256", 256, 256, 0)

#endif
