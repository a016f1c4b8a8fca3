/* solcheck - numbers in memory: element access, row conversion, random fill.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "mock/number.h"

#include <math.h>

#include "mock/layer.h"

uint16_t mock_bf16_from(float value)
{
    return mock_bf16_pack(value);
}

float mock_bf16_to(uint16_t bits)
{
    return mock_bf16_unpack(bits);
}

uint16_t mock_fp16_from(float value)
{
    return mock_fp16_pack(value);
}

float mock_fp16_to(uint16_t bits)
{
    return mock_fp16_unpack(bits);
}

/* One switch feeds the three loaders: T is the destination type. */
#define LOAD(T)                                                                          \
    switch (dtype) {                                                                     \
    case SOL_BF16:                                                                       \
        for (int64_t i = 0; i < n; i++)                                                  \
            out[i] = (T)mock_bf16_unpack(((const uint16_t *)data)[first + i]);           \
        return;                                                                          \
    case SOL_FP16:                                                                       \
        for (int64_t i = 0; i < n; i++)                                                  \
            out[i] = (T)mock_fp16_unpack(((const uint16_t *)data)[first + i]);           \
        return;                                                                          \
    case SOL_FP32:                                                                       \
        for (int64_t i = 0; i < n; i++)                                                  \
            out[i] = (T)((const float *)data)[first + i];                                \
        return;                                                                          \
    case SOL_FP8:                                                                        \
        for (int64_t i = 0; i < n; i++)                                                  \
            out[i] = (T)mock_fp8_unpack(((const uint8_t *)data)[first + i]);             \
        return;                                                                          \
    case SOL_INT8:                                                                       \
        for (int64_t i = 0; i < n; i++)                                                  \
            out[i] = (T)((const int8_t *)data)[first + i];                               \
        return;                                                                          \
    case SOL_INT32:                                                                      \
        for (int64_t i = 0; i < n; i++)                                                  \
            out[i] = (T)((const int32_t *)data)[first + i];                              \
        return;                                                                          \
    case SOL_INT4:                                                                       \
    case SOL_FP4:                                                                        \
    case SOL_N_DTYPES:                                                                   \
        for (int64_t i = 0; i < n; i++)                                                  \
            out[i] = (T)NAN;                                                             \
        return;                                                                          \
    }

void mock_load_float(const void *data, sol_dtype dtype, int64_t first, int64_t n,
                     float *out)
{
    LOAD(float)
}

void mock_load_double(const void *data, sol_dtype dtype, int64_t first, int64_t n,
                      double *out){LOAD(double)}

sol_dtype mock_result_dtype(sol_dtype dtype)
{
    return dtype == SOL_FP8 ? SOL_BF16 : dtype;
}

double mock_get(const void *data, sol_dtype dtype, int64_t i)
{
    double value;
    mock_load_double(data, dtype, i, 1, &value);
    return value;
}

static int32_t clamp_int(float value, int32_t lo, int32_t hi)
{
    if (!(value > (float)lo))
        return lo;
    return value >= (float)hi ? hi : (int32_t)lrintf(value);
}

void mock_store_float(void *data, sol_dtype dtype, int64_t first, int64_t n,
                      const float *in)
{
    switch (dtype) {
    case SOL_BF16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)data)[first + i] = mock_bf16_pack(in[i]);
        return;
    case SOL_FP16:
        for (int64_t i = 0; i < n; i++)
            ((uint16_t *)data)[first + i] = mock_fp16_pack(in[i]);
        return;
    case SOL_FP32:
        memcpy((float *)data + first, in, (size_t)n * sizeof *in);
        return;
    case SOL_FP8:
        for (int64_t i = 0; i < n; i++)
            ((uint8_t *)data)[first + i] = mock_fp8_pack(in[i]);
        return;
    case SOL_INT8:
        for (int64_t i = 0; i < n; i++)
            ((int8_t *)data)[first + i] = (int8_t)clamp_int(in[i], -128, 127);
        return;
    case SOL_INT32:
        for (int64_t i = 0; i < n; i++)
            ((int32_t *)data)[first + i] = clamp_int(in[i], INT32_MIN, INT32_MAX);
        return;
    case SOL_INT4:
    case SOL_FP4:
    case SOL_N_DTYPES:
        return;
    }
}

void mock_set(void *data, sol_dtype dtype, int64_t i, double value)
{
    float narrow = (float)value;
    mock_store_float(data, dtype, i, 1, &narrow);
}

void mock_fill_random(void *data, sol_dtype dtype, int64_t n, mock_inputs inputs,
                      uint64_t seed, double scale)
{
    float buffer[256], factor = (float)scale;
    for (int64_t first = 0; first < n; first += 256) {
        int64_t m = n - first < 256 ? n - first : 256;
        for (int64_t i = 0; i < m; i++)
            buffer[i] = mock_draw(inputs, seed, (uint64_t)(first + i)) * factor;
        mock_store_float(data, dtype, first, m, buffer);
    }
}

double mock_dtype_roundoff(sol_dtype dtype)
{
    switch (dtype) {
    case SOL_BF16:
        return 0x1p-8; /* 8 bits of precision, the hidden one included */
    case SOL_FP16:
        return 0x1p-11;
    case SOL_FP32:
        return 0x1p-24;
    case SOL_FP8:
        return 0x1p-4;
    case SOL_INT8:
    case SOL_INT4:
    case SOL_FP4:
    case SOL_INT32:
    case SOL_N_DTYPES:
        break;
    }
    return NAN;
}
