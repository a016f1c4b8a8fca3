// Must not compile: the kernel takes a pointer to float. SPDX-License-Identifier:
// GPL-3.0-or-later WITH additional permission, see LICENSE
__global__ void kernel(float *p, int n)
{
    p[threadIdx.x] = (float)n;
}
void launch(int *p)
{
    kernel<<<1, 32>>>(p, 3);
}
