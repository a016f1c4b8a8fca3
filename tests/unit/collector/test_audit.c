/* solcheck - tests of collector/audit.c and collector/suspect.c: an invented op on an
 * invented GPU, latencies made up so that one thing is wrong at a time.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "collector/audit.h"

/* 2 * b * work FLOP, b * wide elements: work and wide decide what bounds a row. */
static const char text[] =
    "op: toy\ntitle: an invented op\nsource: [nowhere]\ngranularity: kernel\n"
    "params:\n"
    "  work: {default: 1, meaning: multiply-adds of a row}\n"
    "  wide: {default: 1, meaning: elements of a row}\n"
    "dtypes:\n"
    "  act: {default: bf16, allowed: [bf16, fp16, fp8]}\n"
    "phases:\n"
    "  context:\n"
    "    axes: {b: rows}\n"
    "    ranges: {b: [1, 100000000]}\n"
    "    tokens: b\n"
    "    flops:\n"
    "      mm: {expr: 2*b*work, engine: tensor, dtype: act, source: x}\n"
    "    bytes:\n"
    "      in: {expr: b*wide*bytes(act), access: read, dtype: act, source: x}\n"
    "    output: {shape: [b, wide], dtype: act}\n";

#define TENSOR_FLOP_S 1.25e14
#define MEMORY_B_S 1.6e12
#define L2_SIZE_B 2.4e7
#define L2_B_S 6.5e12

static sol_op *op;
static sol_system gpu;
static col_points points;
static col_audit audit;

static void nothing(sol_quantity *q, size_t n)
{
    for (size_t i = 0; i < n; i++)
        q[i].value = NAN;
}

static void setup(void)
{
    char path[] = "/tmp/sc_audit_XXXXXX.yaml";
    sc_diag diag = {0};
    int file = mkstemps(path, 5);
    cr_assert(file >= 0 && write(file, text, sizeof text - 1) == sizeof text - 1);
    close(file);
    sc_status status = sol_op_load(path, &op, &diag);
    unlink(path);
    cr_assert_eq(status, SC_OK, "%d: %s", diag.line, diag.message);
    gpu.name = (char *)"invented";
    nothing(&gpu.rate[0][0][0], sizeof gpu.rate / sizeof(sol_quantity));
    nothing(gpu.mem_bw_B_s, SOL_N_CEILINGS);
    gpu.rate[SOL_ARCHITECTURAL][SOL_TENSOR][SOL_BF16].value = TENSOR_FLOP_S;
    gpu.rate[SOL_ARCHITECTURAL][SOL_TENSOR][SOL_FP8].value = 2 * TENSOR_FLOP_S;
    gpu.mem_bw_B_s[SOL_ARCHITECTURAL].value = MEMORY_B_S;
    gpu.l2_B.value = L2_SIZE_B;
    gpu.l2_bw_B_s.value = L2_B_S;
    points = (col_points){.op = op, .phase = SOL_CONTEXT};
    points.point = sc_calloc(1000, sizeof *points.point);
    points.config = sc_calloc(10, sizeof *points.config);
}

static void teardown(void)
{
    col_audit_clear(&audit);
    col_points_clear(&points);
    sol_op_free(op);
}

TestSuite(audit, .init = setup, .fini = teardown);

/* Rows added from here on are of this configuration. */
static void configure(double work, double wide, const char *dtype)
{
    sol_config *c = &points.config[points.n_configs++];
    cr_assert_eq(sol_config_init(op, c, NULL), SC_OK);
    cr_assert_eq(sol_config_set_param(op, c, "work", work, NULL), SC_OK);
    cr_assert_eq(sol_config_set_param(op, c, "wide", wide, NULL), SC_OK);
    cr_assert_eq(sol_config_set_dtype(op, c, "act", dtype, NULL), SC_OK);
}

static void add(double b, double latency_s, bool hot)
{
    points.point[points.n] = (col_point){.axis = {b},
                                         .latency_s = latency_s,
                                         .group = (int)points.n_configs - 1,
                                         .line = (int)points.n + 2,
                                         .hot = hot};
    points.n++;
}

/* n compute-bound rows of configure(1e6, 1, ...), at lo to hi of the tensor peak. */
static void compute_rows(int n, double peak, double lo, double hi)
{
    for (int i = 0; i < n; i++) {
        double b = 23850 + 1713 * i, ratio = lo + (hi - lo) * i / (n - 1);
        add(b, 2e6 * b / peak / ratio, true);
    }
}

static const col_finding *run(size_t n_findings)
{
    sc_diag diag = {0};
    cr_assert_eq(col_audit_points(&points, &gpu, &audit, &diag), SC_OK, "%s",
                 diag.message);
    for (size_t i = 0; i < audit.n_findings; i++)
        fprintf(stderr, "%s: %s\n", col_suspect_name(audit.finding[i].suspect),
                audit.finding[i].evidence);
    cr_assert_eq(audit.n_findings, n_findings, "%zu findings", audit.n_findings);
    return audit.finding;
}

Test(audit, nothing_to_find)
{
    configure(1e6, 1, "bf16");
    for (int i = 1; i <= 200; i++) /* hot and compute-bound: both bounds are equal */
        add(4000 * i, 2e6 * 4000 * i / TENSOR_FLOP_S / (i / 250.0), true);
    run(0);
    cr_assert_eq(audit.n_rows, 200);
    cr_assert_eq(audit.n_violations, 0);
    cr_assert_eq(audit.n_below_cold, 0);
    cr_assert_float_eq(audit.hot.median, 100 / 250.0, 1e-12);
    cr_assert_float_eq(audit.hot.p90, 180 / 250.0, 1e-12);
    cr_assert_float_eq(audit.cold.p99, 198 / 250.0, 1e-12);
    cr_assert_float_eq(audit.cold.largest, 200 / 250.0, 1e-12);
    cr_assert_eq(audit.n_large, 199, "64 us is not large, 128 us is");
    cr_assert(audit.knows_l2);
    cr_assert_not(audit.fell_back);
}

Test(audit, rounding_is_no_violation)
{
    configure(1e6, 1, "bf16");
    add(23850, 2e6 * 23850 / TENSOR_FLOP_S / 1.0009, true);
    run(0);
}

Test(audit, peak)
{
    configure(1e6, 1, "bf16");
    compute_rows(40, TENSOR_FLOP_S, 0.81, 1.09);
    const col_finding *f = run(1);
    cr_assert(f->violation);
    cr_assert_eq(f->suspect, COL_SUSPECT_PEAK);
    cr_assert_eq(f->also, f->suspect);
    cr_assert_eq(f->limiter, COL_LIMITER_TENSOR);
    cr_assert_eq(f->n_peers, 40);
    cr_assert_eq(f->n_rows, audit.n_violations);
    cr_assert_eq(f->n_rows, 13);
    cr_assert_float_eq(f->largest, 1.09, 1e-12);
    cr_assert_eq(f->line, 41);
    cr_assert_str_eq(f->dtypes, "act=bf16");
    cr_assert(strstr(f->worst, "b=90657"), "%s", f->worst);
    cr_assert_float_eq(f->bound_s / f->latency_s, 1.09, 1e-12);
}

Test(audit, datasheet_numbers_are_said)
{
    gpu.rate[SOL_ARCHITECTURAL][SOL_TENSOR][SOL_BF16].value = NAN;
    gpu.rate[SOL_DATASHEET][SOL_TENSOR][SOL_BF16].value = TENSOR_FLOP_S;
    configure(1e6, 1, "bf16");
    compute_rows(40, TENSOR_FLOP_S, 0.81, 1.09);
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_PEAK);
    cr_assert(audit.fell_back);
    cr_assert(strstr(f->evidence, "datasheet"), "%s", f->evidence);
}

Test(audit, bandwidth)
{
    configure(1, 1e6, "bf16");
    for (int i = 0; i < 40; i++) { /* 170 MB and more, of which 24 may come from L2 */
        double bytes_B = 2e6 * (85 + 7 * i), ratio = 0.82 + 0.007 * i;
        add(85 + 7 * i, (bytes_B - L2_SIZE_B) / MEMORY_B_S / ratio, true);
    }
    const col_finding *f = run(2); /* with the rows that L2 explains */
    cr_assert_eq(f->suspect, COL_SUSPECT_BANDWIDTH);
    cr_assert_eq(f->limiter, COL_LIMITER_MEMORY);
    cr_assert_not(f[1].violation);
    cr_assert_eq(audit.n_violations, 14);
}

Test(audit, bandwidth_of_l2)
{
    configure(1, 1e6, "bf16");
    for (int i = 0; i < 40; i++) /* 4 to 24 MB */
        add(2 + i / 4.0, 2e6 * (2 + i / 4.0) / L2_B_S / (0.82 + 0.007 * i), true);
    const col_finding *f = run(2);
    cr_assert_eq(f->suspect, COL_SUSPECT_BANDWIDTH);
    cr_assert_eq(f->limiter, COL_LIMITER_L2);
}

Test(audit, label)
{
    configure(1e6, 1, "bf16");
    compute_rows(30, TENSOR_FLOP_S, 0.40, 0.74);
    configure(1e6, 1, "fp16"); /* the rate of bf16, but as fast as fp8 */
    compute_rows(30, TENSOR_FLOP_S, 0.70, 1.55);
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_LABEL);
    cr_assert_eq(f->also, f->suspect, "1.55 is too far for a peak");
    cr_assert_str_eq(f->dtypes, "act=fp16");
    cr_assert(strstr(f->evidence, "act=bf16") && strstr(f->evidence, "0.74"), "%s",
              f->evidence);
}

Test(audit, label_or_peak)
{
    configure(1e6, 1, "bf16");
    compute_rows(30, TENSOR_FLOP_S, 0.40, 0.74);
    configure(1e6, 1, "fp16");
    compute_rows(30, TENSOR_FLOP_S, 0.85, 1.07);
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_LABEL);
    cr_assert_eq(f->also, COL_SUSPECT_PEAK);
    cr_assert(strstr(f->also_evidence, "1.07"), "%s", f->also_evidence);
}

Test(audit, exchanged_labels)
{
    configure(1e6, 1, "bf16");
    compute_rows(30, TENSOR_FLOP_S, 0.61, 1.57);
    configure(1e6, 1, "fp8");
    compute_rows(30, 2 * TENSOR_FLOP_S, 0.22, 0.43);
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_LABEL);
    cr_assert(strstr(f->evidence, "exchanged"), "%s", f->evidence);
}

Test(audit, other_peaks_contradict_nothing)
{
    configure(1e6, 1, "fp8"); /* twice the rate: says nothing about that of bf16 */
    compute_rows(30, 2 * TENSOR_FLOP_S, 0.40, 0.74);
    configure(1e6, 1, "bf16");
    compute_rows(30, TENSOR_FLOP_S, 0.85, 1.07);
    cr_assert_eq(run(1)->suspect, COL_SUSPECT_PEAK);
}

Test(audit, timer_faster_than_smaller_rows)
{
    configure(1e6, 1, "bf16");
    compute_rows(30, TENSOR_FLOP_S, 0.40, 0.74);
    points.point[17].latency_s /= 31; /* a quarter of the launches did not run */
    points.point[23].latency_s /= 17;
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_TIMER);
    cr_assert_eq(f->n_rows, 2);
    cr_assert_eq(f->line, 19);
    cr_assert(strstr(f->evidence, "2 of 2"), "%s", f->evidence);
}

Test(audit, timer_single_rows)
{
    configure(1e6, 1, "bf16");
    for (int i = 0; i < 40; i++) {
        double b = 1e3 * pow(1.31, i), ratio = i == 11 ? 1.4 : 0.61;
        add(floor(b), 2e6 * floor(b) / TENSOR_FLOP_S / ratio, true);
    }
    /* Smaller rows leave room: 1.31 x the work at 1.4 / 0.61 x the speed is inverted only
     * against rows of 0.8 x the work, so take those away. */
    for (int i = 5; i < 11; i++)
        points.point[i] = points.point[30];
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_TIMER);
    cr_assert(strstr(f->evidence, "1 of 40"), "%s", f->evidence);
}

/* Launches into a stream that nobody waits for: 5 us each, ascending so that no row is
 * faster than a smaller one. */
Test(audit, timer_that_does_not_wait)
{
    configure(1e6, 1, "bf16");
    for (int i = 0; i < 30; i++)
        add(floor(23850 * pow(1.31, i)), 4.93e-6 * (1 + 0.003 * i), true);
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_TIMER);
    cr_assert_eq(f->n_rows, 30);
    cr_assert(strstr(f->evidence, "does not wait"), "%s", f->evidence);
}

/* A window that the op does not know keeps latency from growing as well. */
Test(audit, flat_rows_of_an_unknown_column_are_the_formulas)
{
    configure(1e6, 1, "bf16");
    for (int i = 0; i < 30; i++)
        add(floor(23850 * pow(1.31, i)), 4.93e-6 * (1 + 0.003 * i), true);
    strcpy(points.unknown, "window_size");
    cr_assert_eq(run(1)->suspect, COL_SUSPECT_FORMULA);
}

Test(audit, formula)
{
    configure(1e6, 1, "bf16");
    compute_rows(30, TENSOR_FLOP_S, 1.7, 2.9);
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_FORMULA);
    cr_assert_eq(f->n_rows, 30);
}

Test(audit, formula_names_columns_that_the_op_lacks)
{
    configure(1e6, 1, "bf16");
    compute_rows(30, TENSOR_FLOP_S, 1.7, 2.9);
    strcpy(points.unknown, "window_size");
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_FORMULA);
    cr_assert(strstr(f->evidence, "window_size"), "%s", f->evidence);
}

Test(audit, too_slow_to_be_true)
{
    configure(1e6, 1, "bf16");
    compute_rows(99, TENSOR_FLOP_S, 0.02, 0.07);
    run(0); /* a few rows prove nothing */
    col_audit_clear(&audit);
    compute_rows(2, TENSOR_FLOP_S, 0.03, 0.04);
    const col_finding *f = run(1);
    cr_assert(f->slow);
    cr_assert_not(f->violation);
    cr_assert_eq(f->suspect, COL_SUSPECT_TIMER);
    cr_assert_eq(f->n_rows, 101);
    cr_assert_float_eq(f->largest, 0.07, 1e-12);
    cr_assert(strstr(f->evidence, "7.0 %"), "%s", f->evidence);
    points.point[50].latency_s /= 10; /* one row at 0.45: such tables there are */
    col_audit_clear(&audit);
    run(0);
}

/* 2 to 20 MB that the hot bound lets L2 serve. */
static void resident_rows(bool hot)
{
    configure(1, 1e6, "bf16");
    for (int i = 1; i <= 10; i++)
        add(i, 2e6 * i / MEMORY_B_S / 1.7, hot);
}

Test(audit, cache_explains_hot_rows)
{
    resident_rows(true);
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_CACHE);
    cr_assert_not(f->violation);
    cr_assert_eq(audit.n_violations, 0);
    cr_assert_eq(audit.n_below_cold, 10);
    cr_assert_float_eq(f->largest, 1.7, 1e-12);
    cr_assert(strstr(f->evidence, "10 of 10"), "%s", f->evidence);
}

Test(audit, cache_rows_labelled_cold)
{
    resident_rows(false);
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_CACHE);
    cr_assert(f->violation);
    cr_assert_eq(audit.n_violations, 10);
    cr_assert_eq(audit.n_below_cold, 0);
    cr_assert(strstr(f->evidence, "labelled cold"), "%s", f->evidence);
}

Test(audit, cache_of_unknown_size)
{
    gpu.l2_B.value = NAN;
    resident_rows(true);
    const col_finding *f = run(1);
    cr_assert_eq(f->suspect, COL_SUSPECT_CACHE);
    cr_assert(f->violation);
    cr_assert_not(audit.knows_l2);
    cr_assert(strstr(f->evidence, "no L2 size"), "%s", f->evidence);
}

Test(audit, cache_larger_than_the_file_says)
{
    configure(1, 1e6, "bf16");
    for (int i = 0; i < 30; i++) { /* 30 to 320 MB; those up to 70 MB come from L2 */
        double bytes_B = 3e7 + 1e7 * i, hot_s = (bytes_B - L2_SIZE_B) / MEMORY_B_S;
        add(bytes_B / 2e6, bytes_B < 7e7 ? hot_s / 1.6 : hot_s / 0.7, true);
    }
    const col_finding *f = run(2);
    cr_assert_eq(f->suspect, COL_SUSPECT_CACHE);
    cr_assert(f->violation);
    cr_assert(strstr(f->evidence, "26 rows with larger ones"), "%s", f->evidence);
}

Test(audit, errors)
{
    sc_diag diag = {0};
    cr_assert_eq(col_audit_points(&points, &gpu, &audit, &diag), SC_EDOMAIN);
    cr_assert_eq(diag.code, SC2004);
    configure(1e6, 1, "bf16");
    compute_rows(3, TENSOR_FLOP_S, 0.5, 0.6);
    gpu.mem_bw_B_s[SOL_ARCHITECTURAL].value = NAN;
    cr_assert_eq(col_audit_points(&points, &gpu, &audit, &diag), SC_EINVAL);
    cr_assert_eq(diag.code, SC1110);
}

Test(audit, survives_failing_allocations)
{
    configure(1e6, 1, "bf16");
    compute_rows(40, TENSOR_FLOP_S, 0.81, 1.09);
    resident_rows(true);
    for (unsigned long i = 1;; i++) {
        sc_diag diag = {0};
        sc_alloc_fail_at(i, 0);
        sc_status status = col_audit_points(&points, &gpu, &audit, &diag);
        sc_alloc_fail_at(0, 0);
        if (status == SC_OK) {
            cr_assert_gt(i, 10);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM, "allocation %lu", i);
        cr_assert(audit.finding == NULL);
    }
}
