/* solcheck - data types of tensors: one table for names, widths and foreign labels.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_DTYPE_H
#define SC_SOL_DTYPE_H

#include <stdbool.h>

#include "base/export.h"

SC_BEGIN_DECLS

/* X(id, name, bits per element, labels that perf tables use, comma-separated).
 * Widths are storage widths of the element alone; block scales are terms of their own. */
#define SOL_DTYPE_LIST(X)                                                                \
    X(BF16, "bf16", 16, "bfloat16")                                                      \
    X(FP16, "fp16", 16, "float16,half")                                                  \
    X(FP32, "fp32", 32, "float32,float")                                                 \
    X(FP8, "fp8", 8, "fp8_e4m3,float8_e4m3fn,e4m3,fp8_block")                            \
    X(INT8, "int8", 8, "int8_wo,sq")                                                     \
    X(INT4, "int4", 4, "int4_wo")                                                        \
    X(FP4, "fp4", 4, "nvfp4,mxfp4")                                                      \
    X(INT32, "int32", 32, "int")

typedef enum sol_dtype {
#define X(id, name, bits, labels) SOL_##id,
    SOL_DTYPE_LIST(X)
#undef X
        SOL_N_DTYPES
} sol_dtype;

const char *sol_dtype_name(sol_dtype dtype);
int sol_dtype_bits(sol_dtype dtype);
/* Finds a dtype by its name or by a foreign label, ignoring case; false if unknown. */
bool sol_dtype_parse(const char *label, sol_dtype *out);

SC_END_DECLS

#endif
