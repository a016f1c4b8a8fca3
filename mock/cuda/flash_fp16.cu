/* solcheck - context attention in fp16; see flash.cuh.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/flash.cuh"
#include "mock/cuda/flash_short.cuh"

static const cuda_flash_variant variants[] = {SHORT_TABLE(fp16, CUDA_FP16),
                                              FLASH_TABLE(fp16, CUDA_FP16)};

const cuda_flash_variant *cuda_flash_fp16(int *n)
{
    *n = (int)(sizeof variants / sizeof variants[0]);
    return variants;
}
