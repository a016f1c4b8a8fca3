/* solcheck - what routes ask of a case: its dtypes and lengths; and how they refuse it.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <stdio.h>

sc_status cuda_refuse(sc_diag *diag, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sc_diag_fail(diag, SC_EUNABLE, SC3005, "%s", text);
}

bool cuda_kind(sol_dtype dtype, int *kind)
{
    switch (dtype) {
    case SOL_BF16:
        *kind = CUDA_BF16;
        return true;
    case SOL_FP16:
        *kind = CUDA_FP16;
        return true;
    case SOL_FP32:
        *kind = CUDA_FP32;
        return true;
    case SOL_FP8:
        *kind = CUDA_FP8;
        return true;
    case SOL_INT8:
    case SOL_INT4:
    case SOL_FP4:
    case SOL_INT32:
    case SOL_N_DTYPES:
        break;
    }
    return false;
}

sc_status cuda_kind_of_case(const mock_case *c, int n_slots, int *kind, sc_diag *diag)
{
    for (int i = 0; i < n_slots; i++) {
        sol_dtype d = c->dtype[i];
        if (d != SOL_BF16 && d != SOL_FP16)
            return cuda_refuse(diag, "the CUDA kernels have no %s: bf16 and fp16 only",
                               sol_dtype_name(d));
        if (d != c->dtype[0])
            return cuda_refuse(diag, "the CUDA kernels do not mix %s and %s",
                               sol_dtype_name(c->dtype[0]), sol_dtype_name(d));
    }
    cuda_kind(c->dtype[0], kind);
    return SC_OK;
}

sc_status cuda_check_fp8(const mock_device *dev, sc_diag *diag)
{
    int sm = dev->info.sm_version;
    if (sm < 89)
        return cuda_refuse(diag,
                           "fp8 products need compute capability 8.9, this is %d.%d",
                           sm / 10, sm % 10);
    return SC_OK;
}

int64_t cuda_length(const mock_case *c, int64_t request)
{
    return c->lengths ? c->lengths[request] : c->s;
}

int64_t cuda_tokens(const mock_case *c)
{
    int64_t sum = 0;
    if (c->phase == SOL_GENERATION)
        return c->b;
    for (int64_t r = 0; r < c->b; r++)
        sum += cuda_length(c, r);
    return sum;
}

int64_t cuda_longest(const mock_case *c)
{
    int64_t longest = 0;
    for (int64_t r = 0; r < c->b; r++)
        if (cuda_length(c, r) > longest)
            longest = cuda_length(c, r);
    return longest;
}
