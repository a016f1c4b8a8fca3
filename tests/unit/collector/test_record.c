/* solcheck - tests of collector/record.c: what is written is what is read.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/record.h"
#include "collector/table.h"
#include "fixture.h"

static col_record example(sol_phase_kind phase)
{
    return (col_record){
        .framework = "solcheck",
        .version = "0.1.0",
        .device = "An \"odd\", name",
        .op_name = "toy",
        .kernel_source = "flash_17x352",
        .n_params = 2,
        .param = {"heads", "width"},
        .value = {6, 80},
        .n_slots = 2,
        .slot = {"act", "kv"},
        .dtype = {SOL_BF16, SOL_FP8},
        .phase = phase,
        .b = 3,
        .s = 131,
        .tp = 4,
        .latency_s = 23.8512345678901e-6,
        .mean_s = 24.5e-6,
        .min_s = 23.1e-6,
        .max_s = 31.7e-6,
        .mad_s = 0.0173e-6,
        .samples = 37,
        .batch = 12,
        .floor_s = 1.31e-6,
        .launch = "graph",
        .cache = "hot",
        .scope = "op",
        .inputs = "uniform",
        .sm_clock_hz = 1.98e9,
        .mem_clock_hz = 2.619e9,
        .throttle = 4,
        .power_W = 431.33,
        .power_limit_W = 700,
    };
}

static void near(const char *what, double got, double want)
{
    if (!(fabs(got - want) <= 1e-15 * fabs(want)))
        cr_assert_fail("%s: got %.17g, want %.17g", what, got, want);
}

Test(record, header_and_row)
{
    col_record r = example(SOL_GENERATION);
    sc_buf out = {0};
    cr_assert_eq(col_record_header(&r, &out, NULL), SC_OK);
    cr_assert_str_eq(sc_buf_text(&out),
                     "framework,version,device,op_name,kernel_source,heads,width,"
                     "act_dtype,kv_dtype,phase,batch_size,isl,step,tp_size,latency,"
                     "latency_mean,latency_min,latency_max,latency_mad,samples,batch,"
                     "launch_floor,launch,cache,scope,inputs,sm_clock_mhz,mem_clock_mhz,"
                     "throttle,"
                     "power,"
                     "power_limit\n");
    sc_buf_free(&out);
    r.latency_s = 0.0236;
    r.mean_s = r.min_s = r.power_W = NAN;
    r.max_s = 0.5;
    r.mad_s = 0.00025;
    r.launch = NULL;
    cr_assert_eq(col_record_append(&r, &out, NULL), SC_OK);
    cr_assert_str_eq(sc_buf_text(&out),
                     "solcheck,0.1.0,\"An \"\"odd\"\", name\",toy,flash_17x352,6,80,bf16,"
                     "fp8,generation,3,1,130,4,23.6,,,500,0.25,37,12,0.00131,,hot,op,uniform,"
                     "1980,2619,4,,"
                     "700\n");
    sc_buf_free(&out);
}

Test(record, is_read_back)
{
    sol_op *op = toy_op();
    for (int phase = 0; phase < SOL_N_PHASES; phase++) {
        col_record r = example((sol_phase_kind)phase);
        sc_buf out = {0};
        col_points points = {0};
        sc_diags warnings = {0};
        sc_diag diag;
        cr_assert_eq(col_record_header(&r, &out, NULL), SC_OK);
        cr_assert_eq(col_record_append(&r, &out, NULL), SC_OK);
        r.latency_s *= 1.7;
        r.cache = "cold";
        cr_assert_eq(col_record_append(&r, &out, NULL), SC_OK);
        col_table *table = table_of("t.csv", sc_buf_text(&out));
        cr_assert_eq(col_points_map(table, op, (sol_phase_kind)phase, NULL, &points,
                                    &warnings, &diag),
                     SC_OK, "%s", diag.message);
        cr_assert_eq(points.n, 2);
        cr_assert_eq(points.n_configs, 1);
        cr_assert_eq(warnings.n, 0);
        const col_point *p = &points.point[1];
        near("b", p->axis[0], r.b);
        near("s", p->axis[1], r.s);
        cr_assert_eq(p->latency_s, r.latency_s, "%.17g", p->latency_s);
        near("noise", p->noise,
             1.2533 * 1.4826 * r.mad_s / (r.latency_s * sqrt(r.samples)));
        cr_assert_eq(p->samples, r.samples);
        cr_assert(points.point[0].hot);
        cr_assert_not(p->hot);
        near("heads", points.config[0].param[0], 6 * 4);
        near("width", points.config[0].param[1], 80);
        near("tp", points.config[0].tp, 4);
        cr_assert_eq(points.config[0].slot[1], SOL_FP8);
        cr_assert_str_eq(points.device, r.device);
        cr_assert_str_eq(points.framework, "solcheck 0.1.0");
        col_points_clear(&points);
        col_table_free(table);
        sc_buf_free(&out);
    }
    sol_op_free(op);
}

Test(record, refuses_what_could_not_be_read)
{
    col_record r = example(SOL_CONTEXT);
    sc_buf out = {0};
    sc_diag diag;
    static const double bad[] = {0, -1e-6, NAN, INFINITY};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        r.latency_s = bad[i];
        cr_assert_eq(col_record_append(&r, &out, &diag), SC_EINVAL);
        cr_assert_eq(diag.code, SC2003);
    }
    r = example(SOL_CONTEXT);
    r.s = 0;
    cr_assert_eq(col_record_append(&r, &out, &diag), SC_EINVAL);
    cr_assert_eq(diag.code, SC1105);
    r = example(SOL_CONTEXT);
    r.n_params = COL_MAX_KEYS + 1;
    cr_assert_eq(col_record_header(&r, &out, &diag), SC_EINVAL);
    cr_assert_eq(col_record_append(&r, &out, &diag), SC_EINVAL);
    cr_assert_str_eq(sc_buf_text(&out), "");
    sc_buf_free(&out);
}

Test(record, survives_failing_allocations)
{
    col_record r = example(SOL_CONTEXT);
    for (unsigned long i = 1;; i++) {
        sc_buf out = {0};
        sc_alloc_fail_at(i, 0);
        sc_status status = col_record_header(&r, &out, NULL);
        if (!status)
            status = col_record_append(&r, &out, NULL);
        sc_alloc_fail_at(0, 0);
        sc_buf_free(&out);
        if (!status) {
            cr_assert_gt(i, 1);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM);
    }
}
