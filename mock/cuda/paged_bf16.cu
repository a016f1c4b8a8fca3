/* solcheck - the kernels of paged.cuh for queries in bf16.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/paged.cuh"

const cuda_decode_variant *cuda_paged_bf16(int *n)
{
    static const cuda_decode_variant variants[] = {PAGED_TABLE(bf16, CUDA_BF16)};
    *n = (int)(sizeof variants / sizeof variants[0]);
    return variants;
}
