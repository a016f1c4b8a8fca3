/* solcheck - the kernels of paged.cuh for queries in fp16.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/paged.cuh"

const cuda_decode_variant *cuda_paged_fp16(int *n)
{
    static const cuda_decode_variant variants[] = {PAGED_TABLE(fp16, CUDA_FP16)};
    *n = (int)(sizeof variants / sizeof variants[0]);
    return variants;
}
