/* solcheck - keys of context mla as cuDNN reads them: each head's own part and the rotary
 * part that all heads share, side by side.
 *
 * out[T,H,nope+rope] = [nope[T,H,nope], rope[T,rope]]. Floor on an H100 (3.35 TB/s), at
 * T=4096, H=128, 128+64: 134 MB read, 201 MB written, 100 us; no FLOPs. Measured:
 * docs/kernels.md.
 *
 * A thread copies 16 bytes.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/kernels.h"

enum { THREADS = 256, CHUNK = 8 };

__global__ __launch_bounds__(THREADS) void concat_kernel(const cuda_concat_args a)
{
    const uint4 *nope = (const uint4 *)a.nope, *rope = (const uint4 *)a.rope;
    int n_nope = a.n_nope / CHUNK, n_rope = a.n_rope / CHUNK, n = n_nope + n_rope;
    int64_t rows = a.tokens * a.heads, step = (int64_t)gridDim.x * THREADS;
    for (int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x; i < rows * n;
         i += step) {
        int64_t row = i / n;
        int at = (int)(i - row * n);
        ((uint4 *)a.out)[i] = at < n_nope ? nope[row * n_nope + at]
                                          : rope[row / a.heads * n_rope + at - n_nope];
    }
}

cudaError_t cuda_concat(const cuda_concat_args *a, cudaStream_t stream)
{
    enum { MOST_BLOCKS = 1 << 16 };
    int64_t chunks = a->tokens * a->heads * ((a->n_nope + a->n_rope) / CHUNK);
    int64_t blocks = (chunks + THREADS - 1) / THREADS;
    unsigned grid = (unsigned)(blocks < MOST_BLOCKS ? blocks : MOST_BLOCKS);
    concat_kernel<<<grid, THREADS, 0, stream>>>(*a);
    return cudaGetLastError();
}
