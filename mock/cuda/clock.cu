/* solcheck - reads the clock counters of every SM.
 * Source: PTX ISA, special registers %smid, %clock64 (cycles of this SM) and %globaltimer
 * (ns; it moves in steps of 32 ns to 1 us). SPDX-License-Identifier: GPL-3.0-or-later
 * WITH additional permission, see LICENSE */
#include "mock/cuda/kernels.h"

__global__ void clock_stamp(unsigned long long *out, int sms)
{
    unsigned sm;
    unsigned long long cycles, ns;
    asm volatile("mov.u32 %0, %%smid;" : "=r"(sm));
    asm volatile("mov.u64 %0, %%clock64;" : "=l"(cycles));
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
    if (threadIdx.x == 0 && sm < (unsigned)sms) {
        out[2 * sm] = cycles;
        out[2 * sm + 1] = ns;
    }
}

cudaError_t cuda_clock_stamp(unsigned long long *out, int sms, cudaStream_t stream)
{
    clock_stamp<<<sms, 32, 0, stream>>>(out, sms);
    return cudaGetLastError();
}
