/* solcheck - tests of sol/system.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "sol/merge.h"
#include "sol/system.h"

static const char *data_dir(void)
{
    const char *dir = getenv("SOLCHECK_DATA_DIR");
    return dir ? dir : SC_SOURCE_DIR;
}

/* Relative distance; NaN stays NaN, so that !(d <= tolerance) catches it. */
static double distance(double got, double want)
{
    return fabs(got / want - 1);
}

static void near(const char *what, double got, double want, double tolerance)
{
    if (!(distance(got, want) <= tolerance))
        cr_assert_fail("%s: got %.9g, want %.9g", what, got, want);
}

static sol_system *shipped(const char *name)
{
    sol_system *system = NULL;
    sc_diag diag;
    cr_assert_eq(sol_system_find(name, data_dir(), &system, &diag), SC_OK, "%s: %s", name,
                 diag.message);
    return system;
}

/* Writes text to a fresh file in a fresh directory; the caller removes both. */
static char *write_temp(const char *base, const char *text)
{
    char dir[] = "/tmp/test_system.XXXXXX";
    cr_assert(mkdtemp(dir) != NULL);
    char *path = sc_path_join(dir, base);
    FILE *file = fopen(path, "w");
    cr_assert(file != NULL);
    fputs(text, file);
    fclose(file);
    return path;
}

static void remove_temp(char *path)
{
    remove(path);
    *strrchr(path, '/') = 0;
    rmdir(path);
    sc_free(path);
}

static sc_status load_text(const char *base, const char *text, sol_system **out,
                           sc_diag *diag)
{
    char *path = write_temp(base, text);
    sc_diag_clear(diag);
    sc_status status = sol_system_load(path, out, diag);
    remove_temp(path);
    return status;
}

/* What the documents print, against what the file's factors multiply to. */
Test(system, shipped_numbers_agree_with_the_datasheets)
{
    static const struct {
        const char *name;
        int sm_version;
        double bf16, fp8, memory; /* architectural: FLOP/s, FLOP/s (NaN: none), B/s */
        double sheet_bf16;
    } want[] = {
        {"a100_sxm", 80, 311.87e12, NAN, 2.039e12, 312e12},
        {"h100_sxm", 90, 1070.5e12, 2141e12, 3.352e12, 989.4e12},
        {"h200_sxm", 90, 1070.5e12, 2141e12, 4.814e12, 989.5e12},
        {"b200_sxm", 100, 2382.4e12, 4764.7e12, 8.184e12, 2250e12},
        {"l40s", 89, 366.4e12, 732.9e12, 0.8641e12, 362.05e12},
    };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        sol_system *s = shipped(want[i].name);
        bool fallback = true;
        cr_assert_str_eq(s->name, want[i].name);
        cr_assert_eq(s->sm_version, want[i].sm_version);
        near(want[i].name,
             sol_system_rate(s, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_BF16, &fallback),
             want[i].bf16, 1e-3);
        cr_assert_not(fallback);
        near(want[i].name, sol_system_mem_bw(s, SOL_ARCHITECTURAL, &fallback),
             want[i].memory, 1e-3);
        cr_assert_not(fallback);
        near(want[i].name,
             sol_system_rate(s, SOL_DATASHEET, SOL_TENSOR, SOL_BF16, &fallback),
             want[i].sheet_bf16, 1e-9);
        double fp8 =
            sol_system_rate(s, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_FP8, &fallback);
        if (isnan(want[i].fp8))
            cr_assert(isnan(fp8), "%s has no fp8", want[i].name);
        else
            near(want[i].name, fp8, want[i].fp8, 1e-3);
        sol_system_free(s);
    }
}

/* The architectural ceiling is the upper one, for every rate of every shipped system, up to
 * the rounding of what is printed (75 TFLOP/s in fp32 for the 74.4 of a B200). */
Test(system, architectural_ceilings_are_not_below_the_datasheet)
{
    char **names = NULL;
    cr_assert_eq(sol_system_names(data_dir(), &names, NULL), SC_OK);
    int checked = 0;
    for (int n = 0; names[n]; n++) {
        sol_system *s = shipped(names[n]);
        for (int e = 0; e < SOL_N_ENGINES; e++)
            for (int d = 0; d < SOL_N_DTYPES; d++) {
                double a = s->rate[SOL_ARCHITECTURAL][e][d].value;
                double b = s->rate[SOL_DATASHEET][e][d].value;
                if (isnan(b))
                    continue;
                cr_assert(a >= b * (1 - 1e-2), "%s %d %d: %g < %g", names[n], e, d, a, b);
                checked++;
            }
        cr_assert(s->mem_bw_B_s[SOL_ARCHITECTURAL].value >=
                      s->mem_bw_B_s[SOL_DATASHEET].value * 0.999,
                  "%s memory", names[n]);
        cr_assert(s->l2_bw_B_s.value > s->mem_bw_B_s[SOL_ARCHITECTURAL].value, "%s L2",
                  names[n]);
        sol_system_free(s);
        sc_free(names[n]);
    }
    sc_free(names);
    cr_assert_gt(checked, 25);
}

static void has_source(const sol_quantity *q, const char *system, const char *what)
{
    if (isfinite(q->value))
        cr_assert(q->source && strlen(q->source) > 10, "%s: %s has no source", system,
                  what);
}

Test(system, every_shipped_number_has_a_source)
{
    char **names = NULL;
    int n = 0;
    cr_assert_eq(sol_system_names(data_dir(), &names, NULL), SC_OK);
    for (; names[n]; n++) {
        sol_system *s = shipped(names[n]);
        has_source(&s->sm_count, names[n], "sm_count");
        has_source(&s->sm_clock_max_hz, names[n], "clock");
        has_source(&s->mem_capacity_B, names[n], "capacity");
        has_source(&s->l2_B, names[n], "l2");
        has_source(&s->l2_bw_B_s, names[n], "l2 bandwidth");
        has_source(&s->power_W, names[n], "power");
        has_source(&s->num_gpus_per_node, names[n], "num_gpus_per_node");
        has_source(&s->link_bw_B_s[SOL_INTRA], names[n], "intra_node_bw");
        has_source(&s->link_bw_B_s[SOL_INTER], names[n], "inter_node_bw");
        for (int c = 0; c < SOL_N_CEILINGS; c++) {
            has_source(&s->mem_bw_B_s[c], names[n], "memory");
            for (int e = 0; e < SOL_N_ENGINES; e++)
                for (int d = 0; d < SOL_N_DTYPES; d++)
                    has_source(&s->rate[c][e][d], names[n], sol_dtype_name((sol_dtype)d));
        }
        sol_system_free(s);
        sc_free(names[n]);
    }
    sc_free(names);
    cr_assert_geq(n, 5);
}

Test(system, unknown_name_offers_the_nearest)
{
    sol_system *s = NULL;
    sc_diag diag;
    cr_assert_eq(sol_system_find("h10_sxm", data_dir(), &s, &diag), SC_EINVAL);
    cr_assert_eq(diag.code, SC1101);
    cr_assert_str_eq(diag.message, "no system named 'h10_sxm'");
    cr_assert(strstr(diag.hint, "h100_sxm") != NULL, "%s", diag.hint);
    cr_assert_eq(sol_system_find("zzzzzzzzzzzzz", data_dir(), &s, &diag), SC_EINVAL);
    cr_assert(strstr(diag.hint, "a100_sxm") != NULL, "%s", diag.hint);
    cr_assert_eq(sol_system_find("h100_sxm", "/nonexistent", &s, &diag), SC_EINVAL);
    cr_assert(strstr(diag.hint, "/nonexistent/sol/systems holds none") != NULL, "%s",
              diag.hint);
    cr_assert_eq(sol_system_find("./nothing.yaml", data_dir(), &s, &diag), SC_EIO);
    cr_assert_eq(diag.code, SC1001);
    cr_assert(s == NULL);
}

#define OWN_HEAD                                                                         \
    "system: t\n"                                                                        \
    "gpu:\n"                                                                             \
    "  sm_version: {value: 77, source: a made-up part}\n"                                \
    "  sm_count: {value: 23, source: invented}\n"                                        \
    "  sm_clock_max_hz: {value: 1.3e9, source: invented}\n"                              \
    "memory:\n"                                                                          \
    "  capacity_B: {value: 7e9, source: invented}\n"                                     \
    "  bandwidth_B_s: {value: 1.1e11, source: invented}\n"

Test(system, rates_are_products_of_their_factors)
{
    sol_system *s = NULL;
    sc_diag diag;
    bool fallback;
    cr_assert_eq(load_text("t.yaml",
                           OWN_HEAD
                           "  clock_hz: {value: 0.7e9, source: invented}\n"
                           "  bus_bits: {value: 352, source: invented}\n"
                           "l2:\n"
                           "  capacity_B: {value: 3e6, source: invented}\n"
                           "  bytes_clk: {value: 1000, source: invented}\n"
                           "  bytes_clk_sm: {value: 40, source: narrower}\n"
                           "tensor:\n"
                           "  bf16: {flop_clk_sm: {value: 96, source: invented}}\n",
                           &s, &diag),
                 SC_OK, "%s", diag.message);
    near("bf16", s->rate[SOL_ARCHITECTURAL][SOL_TENSOR][SOL_BF16].value, 23 * 96 * 1.3e9,
         1e-12);
    near("memory", s->mem_bw_B_s[SOL_ARCHITECTURAL].value, 2 * 0.7e9 * 352 / 8, 1e-12);
    near("l2: the smaller bound", s->l2_bw_B_s.value, 23 * 40 * 1.3e9, 1e-12);
    cr_assert(strstr(s->l2_bw_B_s.source, "narrower") != NULL);
    near("fp16 shares bf16's rate",
         sol_system_rate(s, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_FP16, &fallback),
         23 * 96 * 1.3e9, 1e-12);
    near("no datasheet rate: the other ceiling's",
         sol_system_rate(s, SOL_DATASHEET, SOL_TENSOR, SOL_BF16, &fallback),
         23 * 96 * 1.3e9, 1e-12);
    cr_assert(fallback);
    cr_assert(isnan(sol_system_rate(s, SOL_ARCHITECTURAL, SOL_EXP, SOL_BF16, &fallback)));
    sol_system_free(s);
}

/* Published figures of NVLink, both directions together, and one adapter per GPU. */
Test(system, shipped_links)
{
    static const struct {
        const char *name;
        double nvlink_B_s, adapter_bit_s;
    } want[] = {{"a100_sxm", 600e9, 200e9},
                {"h100_sxm", 900e9, 400e9},
                {"h200_sxm", 900e9, 400e9},
                {"b200_sxm", 1.8e12, 800e9}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        sol_system *s = shipped(want[i].name);
        near(want[i].name, sol_system_link_bw(s, SOL_INTRA), want[i].nvlink_B_s / 2, 1e-12);
        near(want[i].name, sol_system_link_bw(s, SOL_INTER), want[i].adapter_bit_s / 8,
             1e-12);
        near(want[i].name, sol_system_link_bw(s, SOL_ANY),
             want[i].nvlink_B_s / 2 + want[i].adapter_bit_s / 8, 1e-12);
        cr_assert_eq(s->num_gpus_per_node.value, 8);
        sol_system_free(s);
    }
}

Test(system, cuda_cores_compute_narrow_types_in_wider_ones)
{
    sol_system *s = shipped("h100_sxm");
    bool fallback;
    double fp32 = sol_system_rate(s, SOL_ARCHITECTURAL, SOL_CUDA, SOL_FP32, &fallback);
    double fp8 = sol_system_rate(s, SOL_ARCHITECTURAL, SOL_CUDA, SOL_FP8, &fallback);
    near("fp32", fp32, 132 * 256 * 1.98e9, 1e-12);
    near("fp8 in packed 16-bit arithmetic", fp8, 132 * 512 * 1.98e9, 1e-12);
    near("exponentials",
         sol_system_rate(s, SOL_ARCHITECTURAL, SOL_EXP, SOL_FP8, &fallback),
         132 * 16 * 1.98e9, 1e-12);
    cr_assert_not(fallback);
    sol_system_free(s);
}

static const char flat[] = "# invented numbers in the flat layout\n"
                           "data_dir: data/x\n"
                           "gpu:\n"
                           "  mem_bw: 1234000000000 # B/s\n"
                           "  mem_bw_empirical_scaling_factor: 0.7\n"
                           "  mem_capacity: 33000000000\n"
                           "  bfloat16_tc_flops: 409600000000000\n"
                           "  fp8_tc_flops: 830000000000000\n"
                           "  power: 555\n"
                           "  sm_version: 90\n"
                           "node:\n"
                           "  num_gpus_per_node: 3\n"
                           "  intra_node_bw: 41000000000 # B/s, single direction\n"
                           "misc:\n"
                           "  nccl_mem: {1: 0, 2: 17}\n";

Test(system, flat_layout_loads_as_datasheet_numbers)
{
    sol_system *s = NULL;
    sc_diag diag;
    bool fallback = false;
    cr_assert_eq(load_text("made_up.yaml", flat, &s, &diag), SC_OK, "%s", diag.message);
    near("intra", sol_system_link_bw(s, SOL_INTRA), 41e9, 1e-12);
    cr_assert(isnan(sol_system_link_bw(s, SOL_INTER)) &&
              isnan(sol_system_link_bw(s, SOL_ANY)) && s->num_gpus_per_node.value == 3);
    cr_assert_str_eq(s->link_bw_B_s[SOL_INTRA].source, "node.intra_node_bw of made_up.yaml");
    cr_assert_str_eq(s->name, "made_up");
    cr_assert_eq(s->sm_version, 90);
    near("memory", sol_system_mem_bw(s, SOL_ARCHITECTURAL, &fallback), 1.234e12, 1e-12);
    cr_assert(fallback);
    near("bf16", sol_system_rate(s, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_BF16, &fallback),
         409.6e12, 1e-12);
    cr_assert(fallback);
    near("fp8", sol_system_rate(s, SOL_DATASHEET, SOL_TENSOR, SOL_FP8, &fallback), 830e12,
         1e-12);
    cr_assert_not(fallback);
    near("exponentials: 16 of 4096",
         sol_system_rate(s, SOL_DATASHEET, SOL_EXP, SOL_BF16, &fallback), 1.6e12, 1e-12);
    near("fp32: 256 of 4096",
         sol_system_rate(s, SOL_DATASHEET, SOL_CUDA, SOL_FP32, &fallback), 25.6e12,
         1e-12);
    cr_assert(isnan(sol_system_rate(s, SOL_DATASHEET, SOL_TENSOR, SOL_FP4, &fallback)));
    near("power", s->power_W.value, 555, 1e-12);
    cr_assert(isnan(s->l2_B.value) && isnan(s->l2_bw_B_s.value));
    sol_system_free(s);
}

Test(system, malformed_files_are_reported_at_their_place)
{
    static const struct {
        const char *text;
        sc_code code;
        int line, col;
        const char *message;
    } bad[] = {
        {"gpu: 3\n", SC1102, 1, 1, "no system file"},
        {"gpu: {mem_bw: -3e9, sm_version: 90}\n", SC1105, 1, 15,
         "mem_bw must be positive"},
        {"gpu: {mem_bw: x, sm_version: 90}\n", SC1104, 1, 15, NULL},
        {"gpu: {mem_bw: 3e9}\n", SC1102, 1, 6, "sm_version is missing"},
        {"system: t\n", SC1102, 1, 1, "section gpu is missing"},
        {"system: t\nclock: 3\n", SC1103, 2, 1, NULL},
        {"system: t\ngpu: {sm_version: 90}\n", SC1104, 2, 19, "must be a mapping"},
        {"system: t\ngpu: {sm_version: {value: 90}}\n", SC1102, 2, 19, "needs a source"},
        {"system: t\ngpu: {sm_version: {value: 90.5, source: x}}\n", SC1105, 2, 19, NULL},
        {OWN_HEAD "tensor: {bf17: {}}\n", SC1103, 9, 10, NULL},
        {OWN_HEAD "tensor: {bf16: {}}\n", SC1102, 9, 16, "flop_clk_sm is missing"},
        {OWN_HEAD "exp: {per_clk_sm: {value: 0, source: x}}\n", SC1105, 9, 27,
         "positive"},
        {OWN_HEAD "exp: {per_clk_sm: {value: 4, source: []}}\n", SC1104, 9, 38, "text"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sol_system *s = NULL;
        sc_diag diag;
        cr_assert_eq(load_text("bad.yaml", bad[i].text, &s, &diag), SC_EPARSE, "%s",
                     bad[i].text);
        cr_assert(s == NULL);
        cr_assert_eq(diag.code, bad[i].code, "%s: %s", bad[i].text, diag.message);
        cr_assert_eq(diag.line, bad[i].line, "%s: line %d", bad[i].text, diag.line);
        cr_assert_eq(diag.col, bad[i].col, "%s: col %d", bad[i].text, diag.col);
        if (bad[i].message)
            cr_assert(strstr(diag.message, bad[i].message) != NULL, "%s", diag.message);
    }
}

/* Every allocation of a load fails once; nothing may leak (LeakSanitizer) or crash. */
Test(system, survives_failing_allocations)
{
    char *path = write_temp("flat.yaml", flat);
    const char *const files[] = {path, NULL};
    char *own = sc_path_join(data_dir(), "sol/systems/h100_sxm.yaml");
    for (int k = 0; k < 2; k++) {
        const char *file = k ? own : files[0];
        sol_system *s = NULL;
        unsigned long before = sc_alloc_count(), n;
        cr_assert_eq(sol_system_load(file, &s, NULL), SC_OK);
        n = sc_alloc_count() - before;
        sol_system_free(s);
        for (unsigned long i = 1; i <= n; i++) {
            s = NULL;
            sc_alloc_fail_at(i, 0);
            sc_status status = sol_system_load(file, &s, NULL);
            sc_alloc_fail_at(0, 0);
            cr_assert_eq(status, SC_ENOMEM, "allocation %lu: %s", i,
                         sc_status_name(status));
            cr_assert(s == NULL);
        }
    }
    sc_free(own);
    remove_temp(path);
}

/* The published flat files, where a copy is at hand: SC_FLAT_SYSTEMS names the folder. */
Test(system, published_flat_files_load)
{
    static const char *const names[] = {"a100_sxm", "b200_sxm", "b300_sxm",
                                        "h100_sxm", "h200_sxm", "l40s"};
    const char *dir = getenv("SC_FLAT_SYSTEMS");
    if (!dir)
        cr_skip_test("SC_FLAT_SYSTEMS is not set: no copy of the published system files");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        sc_buf path = {0};
        sol_system *s = NULL;
        sc_diag diag;
        bool fallback;
        sc_buf_printf(&path, "%s/%s.yaml", dir, names[i]);
        cr_assert_eq(sol_system_find(sc_buf_text(&path), "", &s, &diag), SC_OK, "%s",
                     diag.message);
        cr_assert_str_eq(s->name, names[i]);
        for (int e = 0; e < SOL_N_ENGINES; e++)
            cr_assert(sol_system_rate(s, SOL_DATASHEET, (sol_engine)e, SOL_BF16,
                                      &fallback) > 1e11,
                      "%s engine %d", names[i], e);
        cr_assert(sol_system_mem_bw(s, SOL_DATASHEET, &fallback) > 8e11);
        sol_system_free(s);
        sc_buf_free(&path);
    }
}

/* ---- ceilings of a measurement ---- */

Test(system, observed_clocks_scale_what_runs_on_them)
{
    const char *dir = getenv("SOLCHECK_DATA_DIR");
    sol_system *s;
    sc_diag diag = {0};
    bool fallback;
    cr_assert_eq(sol_system_find("h100_sxm", dir ? dir : ".", &s, &diag), SC_OK);
    double tensor = sol_system_rate(s, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_BF16, &fallback);
    double memory = sol_system_mem_bw(s, SOL_ARCHITECTURAL, &fallback);
    double sheet = sol_system_rate(s, SOL_DATASHEET, SOL_TENSOR, SOL_BF16, &fallback);
    double l2 = s->l2_bw_B_s.value;
    cr_assert_eq(sol_system_observe(s, 1.485e9, NAN, &diag), SC_OK, "%s", diag.message);
    cr_assert_float_eq(
        sol_system_rate(s, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_BF16, &fallback) / tensor,
        0.75, 1e-12);
    cr_assert_float_eq(s->l2_bw_B_s.value / l2, 0.75, 1e-12);
    cr_assert_eq(sol_system_mem_bw(s, SOL_ARCHITECTURAL, &fallback), memory);
    cr_assert_eq(sol_system_rate(s, SOL_DATASHEET, SOL_TENSOR, SOL_BF16, &fallback), sheet);
    cr_assert_eq(sol_system_observe(s, 2.1e9, NAN, &diag), SC_EINVAL);
    cr_assert_eq(diag.code, SC1105);
    cr_assert_eq(sol_system_observe(s, 0, NAN, &diag), SC_EINVAL);
    sol_system_free(s);
}

Test(system, measured_rates_take_the_place_of_the_architectural_ones)
{
    const char *dir = getenv("SOLCHECK_DATA_DIR");
    sol_system *s;
    sc_diag diag = {0};
    bool fallback;
    cr_assert_eq(sol_system_find("h100_sxm", dir ? dir : ".", &s, &diag), SC_OK);
    double tensor = sol_system_rate(s, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_BF16, &fallback);
    double sheet = sol_system_rate(s, SOL_DATASHEET, SOL_CUDA, SOL_FP32, &fallback);
    double l2 = s->l2_bw_B_s.value;
    cr_assert_eq(sol_system_use_measured(s, &diag), SC_OK, "%s", diag.message);
    double reached = sol_system_rate(s, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_BF16, &fallback);
    cr_assert(reached > 0.5 * tensor && reached < tensor);
    cr_assert_eq(reached, s->measured_rate[SOL_TENSOR][SOL_BF16].value);
    cr_assert_eq(sol_system_rate(s, SOL_DATASHEET, SOL_CUDA, SOL_FP32, &fallback), sheet);
    cr_assert(s->l2_bw_B_s.value < l2 && s->l2_bw_B_s.value > 0.5 * l2);
    cr_assert_eq(sol_system_rate(s, SOL_ARCHITECTURAL, SOL_EXP, SOL_FP32, &fallback),
                 s->measured_rate[SOL_EXP][0].value);
    sol_system_free(s);
    cr_assert_eq(sol_system_find("l40s", dir ? dir : ".", &s, &diag), SC_OK);
    cr_assert_eq(sol_system_use_measured(s, &diag), SC_EINVAL);
    cr_assert_eq(diag.code, SC1110);
    sol_system_free(s);
}

/* ---- merging ---- */

static const char base_text[] =
    OWN_HEAD "  measured_B_s: {value: 9e10, source: \"an older \\\"run\\\"\"}\n"
             "tensor:\n"
             "  bf16: {flop_clk_sm: {value: 96, source: invented}}\n";

static sc_status merge(const char *text, const sol_measurement *m, size_t n, sc_buf *out,
                       size_t *n_merged, sc_diag *diag)
{
    sc_yaml *doc = NULL;
    cr_assert_eq(sc_yaml_parse("base.yaml", text, strlen(text), &doc, diag), SC_OK);
    sc_status status = sol_system_merge(doc, m, n, out, n_merged, diag);
    sc_yaml_free(doc);
    return status;
}

/* What is merged loads again, with the new numbers in the place of the old ones, the rest
 * as it was, and the circumstances of each. */
Test(system, merged_measurements_load_and_replace)
{
    const sol_measurement m[] = {
        {"memory", "", "measured_B_s", 8.75e10, "a \"new\" \\ run", 0.013, 11, 1.1e9, NAN,
         93.5, 4},
        {"memory", "", "read_B_s", 8.5e10, "reads", 0.01, 7, NAN, NAN, NAN, 0},
        {"tensor", "bf16", "measured_flop_s", 2.1e12, "products", 0, 5, NAN, NAN, NAN, 0},
        {"tensor", "bf16", "sustained_flop_s", 1.9e12, "products", 0, 5, NAN, NAN, NAN, 0},
        {"tensor", "fp8", "measured_flop_s", 4.2e12, "no entry", 0, 5, NAN, NAN, NAN, 0},
        {"launch", "", "graph_node_s", 7.9e-7, "nothing", 0.1, 15, NAN, NAN, NAN, 0}};
    sc_buf text = {0};
    sc_diag diag = {0};
    sol_system *s = NULL;
    size_t n = 0;
    bool fallback;
    cr_assert_eq(merge(base_text, m, 6, &text, &n, &diag), SC_OK, "%s", diag.message);
    cr_assert_eq(n, 5, "the system has no fp8 entry");
    cr_assert_eq(load_text("merged.yaml", sc_buf_text(&text), &s, &diag), SC_OK, "%s",
                 diag.message);
    cr_assert_eq(s->measured_bw_B_s.value, 8.75e10);
    cr_assert_str_eq(s->measured_bw_B_s.source, "a \"new\" \\ run");
    cr_assert_eq(s->mem_bw_B_s[SOL_DATASHEET].value, 1.1e11);
    cr_assert_eq(s->sm_version, 77);
    near("architecture", s->rate[SOL_ARCHITECTURAL][SOL_TENSOR][SOL_BF16].value,
         23 * 96 * 1.3e9, 1e-12);
    cr_assert_not_null(strstr(sc_buf_text(&text), "sm_clock_hz: 1100000000, power_W: 93.5, "
                                                  "throttle: 4}"));
    cr_assert_null(strstr(sc_buf_text(&text), "older"));
    cr_assert_eq(sol_system_use_measured(s, &diag), SC_OK);
    cr_assert_eq(sol_system_rate(s, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_BF16, &fallback),
                 2.1e12);
    sol_system_free(s);
    sc_buf again = {0}; /* merging into what was merged changes nothing else */
    cr_assert_eq(merge(sc_buf_text(&text), m, 6, &again, &n, &diag), SC_OK);
    cr_assert_str_eq(sc_buf_text(&again), sc_buf_text(&text));
    sc_buf_free(&again);
    sc_buf_free(&text);
}

Test(system, merging_needs_our_layout_and_circumstances_must_make_sense)
{
    sc_buf text = {0};
    sc_diag diag = {0};
    sol_system *s = NULL;
    size_t n = 99;
    cr_assert_eq(merge("gpu: {mem_bw: 1e12, sm_version: 90}\n", NULL, 0, &text, &n, &diag),
                 SC_EPARSE);
    cr_assert_eq(diag.code, SC1102);
    cr_assert_eq(n, 99);
    static const char *const bad[] = {
        "launch: {stream_s: {value: 1e-6, source: a, noise: -0.1}}\n",
        "launch: {stream_s: {value: -1e-6, source: a}}\n",
        "launch: {stream_s: {value: 1e-6}}\n",
        "launch: {steam_s: {value: 1e-6, source: a}}\n",
        "launch: {stream_s: {value: 1e-6, source: a, samples: many}}\n"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sc_buf file = {0};
        sc_buf_printf(&file, "%s%s", OWN_HEAD, bad[i]);
        cr_assert_eq(load_text("bad.yaml", sc_buf_text(&file), &s, &diag), SC_EPARSE, "%s",
                     bad[i]);
        sc_buf_free(&file);
    }
    sc_buf_free(&text);
}
