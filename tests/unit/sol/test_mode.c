/* Quantisation modes: as named, by the labels of tables, by dtypes.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sol/op.h"

static sol_op *load(const char *modes, const char *tables)
{
    char path[] = "/tmp/sc_mode_XXXXXX", text[4096];
    sol_op *op;
    sc_diag diag = {0};
    int n = snprintf(
        text, sizeof text,
        "op: toy\n"
        "params:\n  g: {default: 0, range: [0, 512], meaning: group}\n"
        "dtypes:\n"
        "  mm: {default: bf16, allowed: [bf16, fp16, fp8], min_sm: {fp8: 89}}\n"
        "  weight: {default: mm, allowed: [bf16, fp16, fp8, int4]}\n"
        "  scale: {default: fp32, allowed: [fp32, fp8]}\n"
        "  out: {default: bf16, allowed: [bf16, fp16]}\n"
        "%sphases:\n  context:\n"
        "    axes: {b: requests, s: tokens}\n    ranges: {b: [1, 8], s: [1, 64]}\n"
        "    bytes:\n      in: {expr: b*s*bytes(mm), access: read, dtype: mm}\n%s",
        modes, tables);
    cr_assert(n > 0 && (size_t)n < sizeof text);
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, text, (size_t)n) == n);
    close(fd);
    sc_status status = sol_op_load(path, &op, &diag);
    unlink(path);
    cr_assert_eq(status, SC_OK, "%d:%d %s", diag.line, diag.col, diag.message);
    return op;
}

/* The mode at `index` has the name, the dtypes of mm, weight, scale, out, and the group.
 */
static void expect(const sol_op *op, int index, const char *name, sol_dtype mm,
                   sol_dtype weight, sol_dtype scale, sol_dtype out, double g, int min_sm)
{
    cr_assert_lt(index, op->n_modes);
    const sol_mode *mode = &op->mode[index];
    cr_expect_str_eq(mode->name, name);
    cr_expect(mode->slot[0] == mm && mode->slot[1] == weight && mode->slot[2] == scale &&
                  mode->slot[3] == out,
              "%s", name);
    cr_expect(isnan(g) ? isnan(mode->param[0]) : mode->param[0] == g, "%s", name);
    cr_expect_eq(mode->min_sm, min_sm, "%s", name);
    cr_expect_eq(sol_op_mode(op, name), mode);
}

Test(mode, as_the_op_file_names_them)
{
    sol_op *op = load("modes:\n  bfloat16: {}\n  block: {mm: fp8, g: 128}\n"
                      "  wo: {weight: int4, scale: fp8, min_sm: 80}\n",
                      "");
    cr_assert_eq(op->n_modes, 3);
    expect(op, 0, "bfloat16", SOL_BF16, SOL_BF16, SOL_FP32, SOL_BF16, NAN, 0);
    expect(op, 1, "block", SOL_FP8, SOL_FP8, SOL_FP32, SOL_BF16, 128, 89);
    expect(op, 2, "wo", SOL_BF16, SOL_INT4, SOL_FP8, SOL_BF16, NAN, 80);
    cr_expect_null(sol_op_mode(op, "fp8"));
    sol_op_free(op);
}

/* nvfp4 is no dtype that mm allows: no mode; fp8 stands in two maps: one mode. */
Test(mode, derived_from_the_labels_of_tables)
{
    sol_op *op = load(
        "", "tables:\n"
            "  - phase: context\n    file: toy_perf\n"
            "    columns: {b: 1, s: m, g: {of: label, cases: {block: 128}, else: 0}}\n"
            "    dtypes:\n"
            "      mm: {of: label, cases: {block: fp8, wo: bf16, fp8: fp8}}\n"
            "      weight: {of: label, cases: {block: fp8, wo: int4}}\n"
            "      scale: {of: label, cases: {nvfp4: fp8, fp8: fp32, wo: fp32, block: "
            "fp32}}\n");
    cr_assert_eq(op->n_modes, 3);
    expect(op, 0, "block", SOL_FP8, SOL_FP8, SOL_FP32, SOL_BF16, 128, 89);
    expect(op, 1, "wo", SOL_BF16, SOL_INT4, SOL_FP32, SOL_BF16, 0, 0);
    expect(op, 2, "fp8", SOL_FP8, SOL_FP8, SOL_FP32, SOL_BF16, 0, 89);
    sol_op_free(op);
}

/* fp8 is not allowed in out, and scale has another default. */
Test(mode, derived_from_dtypes)
{
    sol_op *op = load("", "");
    cr_assert_eq(op->n_modes, 3);
    expect(op, 0, "bf16", SOL_BF16, SOL_BF16, SOL_FP32, SOL_BF16, NAN, 0);
    expect(op, 1, "fp16", SOL_FP16, SOL_FP16, SOL_FP32, SOL_FP16, NAN, 0);
    expect(op, 2, "fp8", SOL_FP8, SOL_FP8, SOL_FP32, SOL_BF16, NAN, 89);
    sol_op_free(op);
}
