// The least that a compiler has to take. SPDX-License-Identifier: GPL-3.0-or-later WITH
// additional permission, see LICENSE
__global__ void kernel(float *p)
{
    p[threadIdx.x] = fmaf(p[0], 2, 1);
}
