/* Conversions over every bit pattern against arithmetic on the definition of the format.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mock/layer.h"
#include "mock/number.h"
#include "mock/random.h"

/* A format: sign, exponent and mantissa bits; ieee has infinities at the top exponent. */
typedef struct format {
    sol_dtype dtype;
    int exponent, mantissa, bias;
    bool ieee;
} format;

static const format formats[] = {
    {SOL_BF16, 8, 7, 127, true}, {SOL_FP16, 5, 10, 15, true}, {SOL_FP8, 4, 3, 7, false}};

/* The value of a pattern by the textbook. */
static double by_definition(const format *f, unsigned bits)
{
    int top = (1 << f->exponent) - 1, e = (int)(bits >> f->mantissa) & top;
    int m = (int)bits & ((1 << f->mantissa) - 1);
    double sign = (bits >> (f->exponent + f->mantissa)) & 1 ? -1 : 1;
    if (f->ieee && e == top)
        return m ? NAN : sign * INFINITY;
    if (!f->ieee && e == top && m == (1 << f->mantissa) - 1)
        return NAN;
    if (e == 0)
        return sign * ldexp(m, 1 - f->bias - f->mantissa);
    return sign * ldexp(m + (1 << f->mantissa), e - f->bias - f->mantissa);
}

static unsigned pack(const format *f, double value)
{
    uint16_t wide = 0;
    mock_set(&wide, f->dtype, 0, value);
    return f->dtype == SOL_FP8 ? wide & 0xffu : wide;
}

static double unpack(const format *f, unsigned bits)
{
    uint16_t wide = (uint16_t)bits;
    return mock_get(&wide, f->dtype, 0);
}

Test(number, every_pattern_reads_as_defined_and_survives_a_round_trip)
{
    for (int i = 0; i < 3; i++) {
        const format *f = &formats[i];
        unsigned n = 1u << (1 + f->exponent + f->mantissa);
        for (unsigned bits = 0; bits < n; bits++) {
            double want = by_definition(f, bits), got = unpack(f, bits);
            if (isnan(want)) {
                cr_assert(isnan(got), "%d: %x", i, bits);
                cr_assert(isnan(unpack(f, pack(f, got))), "%d: NaN %x is lost", i, bits);
                continue;
            }
            cr_assert(got == want && signbit(got) == signbit(want),
                      "%d: %x reads %g, not %g", i, bits, got, want);
            cr_assert_eq(pack(f, want), bits, "%d: %x does not come back", i, bits);
        }
    }
}

/* Between two neighbours the nearer wins, halfway the even one; for floats just off. */
Test(number, rounds_to_nearest_even_between_all_neighbours)
{
    for (int i = 0; i < 3; i++) {
        const format *f = &formats[i];
        unsigned sign_bit = 1u << (f->exponent + f->mantissa);
        for (unsigned bits = 0; bits + 1 < sign_bit; bits++) {
            double lo = by_definition(f, bits), hi = by_definition(f, bits + 1);
            if (!isfinite(lo) || !isfinite(hi))
                continue;
            float half = (float)((lo + hi) / 2);
            if ((double)half != (lo + hi) / 2)
                continue; /* bf16 subnormals: the middle is no float */
            unsigned even = bits & 1 ? bits + 1 : bits;
            cr_assert_eq(pack(f, half), even, "%d: middle of %x", i, bits);
            cr_assert_eq(pack(f, nextafterf(half, 0)), bits, "%d: below middle %x", i,
                         bits);
            cr_assert_eq(pack(f, nextafterf(half, INFINITY)), bits + 1, "%d: above %x", i,
                         bits);
            cr_assert_eq(pack(f, -half), even | sign_bit, "%d: minus middle %x", i, bits);
        }
    }
}

Test(number, overflow_goes_to_infinity_or_saturates)
{
    cr_assert_eq(mock_fp16_from(65519.996f), 0x7bff);
    cr_assert_eq(mock_fp16_from(65520.0f), 0x7c00);
    cr_assert_eq(mock_fp16_from(-INFINITY), 0xfc00);
    cr_assert_eq(mock_bf16_from(3.4e38f), 0x7f80);
    cr_assert_eq(mock_bf16_from(INFINITY), 0x7f80);
    cr_assert_eq(mock_fp8_pack(1e9f), 0x7e);
    cr_assert_eq(mock_fp8_pack(-INFINITY), 0xfe);
    cr_assert(isnan(mock_bf16_to(mock_bf16_from(NAN))));
    cr_assert(isnan(mock_fp16_to(mock_fp16_from(-NAN))));
    /* A NaN whose payload lies in the bits that are cut off. */
    cr_assert(isnan(mock_bf16_to(mock_bf16_from(mock_bits_float(0x7f800001u)))));
    cr_assert(isnan(mock_fp16_to(mock_fp16_from(mock_bits_float(0x7f800001u)))));
}

Test(number, integers_and_absent_formats)
{
    int32_t wide[2] = {0, 7};
    int8_t narrow[2] = {0, 7};
    mock_set(wide, SOL_INT32, 0, -12345);
    mock_set(narrow, SOL_INT8, 0, -300);
    cr_assert_eq(wide[0], -12345);
    cr_assert_eq(narrow[0], -128);
    cr_assert_eq(mock_get(wide, SOL_INT32, 1), 7);
    cr_assert_eq(mock_get(narrow, SOL_INT8, 1), 7);
    mock_set(wide, SOL_INT4, 1, 3);
    cr_assert_eq(wide[1], 7);
    cr_assert(isnan(mock_get(wide, SOL_FP4, 0)));
    for (int d = 0; d < SOL_N_DTYPES; d++) {
        double u = mock_dtype_roundoff((sol_dtype)d);
        float one = 1;
        char data[4];
        if (isnan(u))
            continue;
        /* 1 + u is halfway to the next number and rounds back, 1 + 1.01 u does not. */
        mock_set(data, (sol_dtype)d, 0, one + u);
        cr_assert_eq(mock_get(data, (sol_dtype)d, 0), 1);
        mock_set(data, (sol_dtype)d, 0, one + 2 * u);
        cr_assert_eq(mock_get(data, (sol_dtype)d, 0), 1 + 2 * u);
    }
}

/* ---- random fill ---- */

Test(random, is_standard_normal_enough)
{
    enum { N = 1 << 20 };
    float *x = malloc(N * sizeof *x);
    double sum = 0, sum2 = 0, sum3 = 0, sum4 = 0, lag = 0;
    mock_fill_random(x, SOL_FP32, N, MOCK_INPUTS_NORMAL, 31, 2.5);
    for (int i = 0; i < N; i++) {
        double v = x[i] / 2.5;
        cr_assert_lt(fabs(v), 6.0001);
        sum += v;
        sum2 += v * v;
        sum3 += v * v * v;
        sum4 += v * v * v * v;
        lag += i ? v * x[i - 1] / 2.5 : 0;
    }
    /* Standard errors for N = 2^20: 0.001 of the mean, 0.0014 of the variance. Twelve
     * uniforms have variance 1 and kurtosis 3 - 6/5/12 = 2.9. */
    cr_assert_float_eq(sum / N, 0, 0.005);
    cr_assert_float_eq(sum2 / N, 1, 0.007);
    cr_assert_float_eq(sum3 / N, 0, 0.015);
    cr_assert_float_eq(sum4 / N, 2.9, 0.05);
    cr_assert_float_eq(lag / N, 0, 0.005);
    free(x);
}

Test(random, is_uniform_of_the_same_spread)
{
    enum { N = 1 << 20, BINS = 16 };
    float *x = malloc(N * sizeof *x);
    int bin[BINS] = {0};
    double sum = 0, sum2 = 0, sum4 = 0, lag = 0, edge = 0;
    mock_fill_random(x, SOL_FP32, N, MOCK_INPUTS_UNIFORM, 31, 2.5);
    for (int i = 0; i < N; i++) {
        double v = x[i] / 2.5;
        cr_assert_leq(fabs(v), 113511 / 65536.0 + 1e-6);
        cr_assert_float_eq(v * 65536, rint(v * 65536), 0.02); /* 2.5 v was rounded */
        bin[(int)fmin(BINS - 1, (v / 1.7321 + 1) / 2 * BINS)]++;
        edge = fmax(edge, fabs(v));
        sum += v;
        sum2 += v * v;
        sum4 += v * v * v * v;
        lag += i ? v * x[i - 1] / 2.5 : 0;
    }
    /* Kurtosis 9/5; a bin has N/16 = 65536, give or take 248. */
    cr_assert_float_eq(sum / N, 0, 0.005);
    cr_assert_float_eq(sum2 / N, 1, 0.005);
    cr_assert_float_eq(sum4 / N, 1.8, 0.02);
    cr_assert_float_eq(lag / N, 0, 0.005);
    cr_assert_gt(edge, 1.732);
    for (int i = 0; i < BINS; i++)
        cr_assert(abs(bin[i] - N / BINS) < 1500, "bin %d has %d", i, bin[i]);
    free(x);
}

Test(random, zeros_are_zero)
{
    static const sol_dtype dtypes[] = {SOL_BF16, SOL_FP16, SOL_FP32, SOL_FP8};
    for (size_t d = 0; d < sizeof dtypes / sizeof *dtypes; d++) {
        unsigned char x[301 * 4];
        memset(x, 0xff, sizeof x);
        mock_fill_random(x, dtypes[d], 301, MOCK_INPUTS_ZEROS, 31, 2.5);
        for (int i = 0; i < 301; i++)
            cr_assert_eq(mock_get(x, dtypes[d], i), 0);
    }
}

static uint64_t hash(const void *data, size_t size_B)
{
    uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < size_B; i++)
        h = (h ^ ((const unsigned char *)data)[i]) * 0x100000001b3u;
    return h;
}

/* Recordings name the seed only: the numbers behind it must never change. */
Test(random, is_frozen)
{
    uint16_t narrow[1000];
    float wide[1000];
    mock_fill_random(narrow, SOL_BF16, 1000, MOCK_INPUTS_NORMAL, 20240517, 1);
    mock_fill_random(wide, SOL_FP32, 1000, MOCK_INPUTS_NORMAL, 20240517, 0.0625);
    cr_assert_eq(hash(narrow, sizeof narrow), 0x451172ae2a685fefu, "%llx",
                 (unsigned long long)hash(narrow, sizeof narrow));
    cr_assert_eq(hash(wide, sizeof wide), 0x0ca99f2c50066a69u, "%llx",
                 (unsigned long long)hash(wide, sizeof wide));
    mock_fill_random(wide, SOL_FP32, 1000, MOCK_INPUTS_UNIFORM, 20240517, 0.0625);
    cr_assert_eq(hash(wide, sizeof wide), 0x453cbb7e5f8291b6u, "%llx",
                 (unsigned long long)hash(wide, sizeof wide));
}

Test(random, element_depends_on_seed_and_index_alone)
{
    uint16_t all[777], part[777];
    mock_fill_random(all, SOL_FP16, 777, MOCK_INPUTS_NORMAL, 5, 0.37);
    mock_fill_random(part, SOL_FP16, 300, MOCK_INPUTS_NORMAL, 5, 0.37);
    cr_assert_arr_eq(all, part, 300 * sizeof *all);
    for (int i = 0; i < 777; i++)
        cr_assert_eq(all[i], mock_fp16_pack(mock_normal(5, (uint64_t)i) * 0.37f));
    mock_fill_random(part, SOL_FP16, 777, MOCK_INPUTS_NORMAL, 6, 0.37);
    int equal = 0;
    for (int i = 0; i < 777; i++)
        equal += all[i] == part[i];
    cr_assert_lt(equal, 10);
}
