/* solcheck - the random numbers of mock inputs: one formula for host and device.
 *
 * Element i of a tensor filled with (inputs, seed, scale) is scale times a number of mean
 * 0 and standard deviation 1 that splitmix64 (Steele, Lea, Flood, OOPSLA 2014, as in
 * Java's SplittableRandom) makes of seed and i by exact integer arithmetic, so that host
 * and device agree to the last bit, which Box-Muller with two maths libraries would not.
 * Usable from C and from CUDA C.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_RANDOM_H
#define SC_MOCK_RANDOM_H

#include <stdint.h>

#ifdef __CUDACC__
#define MOCK_HD __host__ __device__
#else
#define MOCK_HD
#endif

MOCK_HD static inline uint64_t mock_mix64(uint64_t z)
{
    z += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* What random inputs are drawn from; zeros are not random at all. X(id, name) */
#define MOCK_INPUTS_LIST(X) X(NORMAL, "normal") X(UNIFORM, "uniform") X(ZEROS, "zeros")

typedef enum mock_inputs {
#define X(id, name) MOCK_INPUTS_##id,
    MOCK_INPUTS_LIST(X)
#undef X
        MOCK_N_INPUTS
} mock_inputs;

/* Standard normal to within the tails (|value| <= 6), a multiple of 2^-16: the sum of
 * twelve uniforms less six (Irwin-Hall) of 16 bits each. */
MOCK_HD static inline float mock_normal(uint64_t seed, uint64_t i)
{
    uint64_t key = mock_mix64(seed) + i * 3u;
    int32_t sum = 0;
    for (uint64_t k = 0; k < 3; k++) {
        uint64_t r = mock_mix64(key + k);
        sum += (int32_t)((r & 0xffff) + ((r >> 16) & 0xffff) + ((r >> 32) & 0xffff) +
                         (r >> 48));
    }
    return (float)(sum - 6 * 65535) * (1.0f / 65536.0f);
}

/* Uniform on the multiples of 2^-16 within +-M 2^-16. Their variance, M (M + 1) / 3 *
 * 2^-32, is 1 to 4e-6 for this M, which is next to 2^16 sqrt(3). */
MOCK_HD static inline float mock_uniform(uint64_t seed, uint64_t i)
{
    const uint64_t m = 113511;
    uint64_t r = mock_mix64(mock_mix64(seed) + i) >> 32;
    return (float)((int32_t)((r * (2 * m + 1)) >> 32) - (int32_t)m) * (1.0f / 65536.0f);
}

MOCK_HD static inline float mock_draw(mock_inputs inputs, uint64_t seed, uint64_t i)
{
    switch (inputs) {
    case MOCK_INPUTS_UNIFORM:
        return mock_uniform(seed, i);
    case MOCK_INPUTS_ZEROS:
        return 0;
    case MOCK_INPUTS_NORMAL:
    case MOCK_N_INPUTS:
        break;
    }
    return mock_normal(seed, i);
}

#endif
