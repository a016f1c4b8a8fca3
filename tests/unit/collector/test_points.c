/* solcheck - tests of collector/points.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "collector/table.h"
#include "fixture.h"

static sol_op *op;
static col_points points;
static sc_diags warnings;
static sc_diag diag;
static sol_config filter;

static void set_up(void)
{
    op = toy_op();
    cr_assert_eq(sol_config_init(op, &filter, NULL), SC_OK);
}

static void tear_down(void)
{
    col_points_clear(&points);
    sc_diags_free(&warnings);
    sol_config_clear(&filter);
    sol_op_free(op);
}

TestSuite(points, .init = set_up, .fini = tear_down);

static sc_status map(const char *name, const char *text, sol_phase_kind phase,
                     const sol_config *with)
{
    col_table *table = table_of(name, text);
    col_points_clear(&points);
    sc_diag_clear(&diag);
    sc_status status = col_points_map(table, op, phase, with, &points, &warnings, &diag);
    col_table_free(table);
    return status;
}

static void mapped(const char *name, const char *text, sol_phase_kind phase,
                   const sol_config *with)
{
    cr_assert_eq(map(name, text, phase, with), SC_OK, "line %d: %s", diag.line,
                 diag.message);
}

static void near(const char *what, double got, double want)
{
    if (!(fabs(got - want) <= 1e-14 * fabs(want)))
        cr_assert_fail("%s: got %.17g, want %.17g", what, got, want);
}

static const sol_config *config_of(size_t point)
{
    return &points.config[points.point[point].group];
}

Test(points, by_name_context)
{
    mapped("x.csv",
           "device,framework,version,phase,heads,width,act_dtype,kv_dtype,batch_size,isl,"
           "step,tp_size,latency,latency_mad,samples,cache\n"
           "G1,F,2,context,6,80,bfloat16,fp8_e4m3,3,17,5,4,2.385,0.004,25,cold\n"
           "G1,F,2,generation,6,80,bf16,fp8,3,1,16,4,9.5,,,\n"
           "G1,F,3,prefill,6,80,bf16,fp8,7,9,0,4,1.25,,,hot\n",
           SOL_CONTEXT, NULL);
    cr_assert_eq(points.n, 2);
    cr_assert_eq(points.n_configs, 1);
    cr_assert_eq(warnings.n, 0);
    const col_point *p = &points.point[0];
    near("b", p->axis[0], 3);
    near("s", p->axis[1], 17);
    near("prefix", p->axis[2], 5);
    near("latency", p->latency_s, 2.385e-3);
    near("noise", p->noise, 1.2533 * 1.4826 * 0.004 / (2.385 * 5));
    cr_assert_eq(p->samples, 25);
    cr_assert_eq(p->line, 2);
    cr_assert_not(p->hot);
    cr_assert(points.point[1].hot);
    cr_assert(isnan(points.point[1].noise));
    cr_assert_eq(points.point[1].samples, 0);
    cr_assert_eq(points.point[1].line, 4);
    near("6 local heads at tp 4", config_of(0)->param[0], 24);
    near("width", config_of(0)->param[1], 80);
    near("tp", config_of(0)->tp, 4);
    cr_assert_eq(config_of(0)->slot[0], SOL_BF16);
    cr_assert_eq(config_of(0)->slot[1], SOL_FP8);
    cr_assert_str_eq(points.device, "G1");
    cr_assert_str_eq(points.framework, "mixed");
    cr_assert_str_eq(points.date, "");
}

Test(points, by_name_generation_counts_the_new_token)
{
    mapped("x.csv",
           "op_name,heads,width,batch_size,isl,step,latency\n"
           "toy_generation,24,40,3,1,130,0.5\n"
           "toy_context,24,40,3,130,0,0.7\n",
           SOL_GENERATION, NULL);
    cr_assert_eq(points.n, 1);
    near("s", points.point[0].axis[1], 131);
    mapped("decode_x.csv", "b,s,heads,width,latency\n3,131,24,40,0.5\n", SOL_GENERATION,
           NULL);
    near("s by its own name", points.point[0].axis[1], 131);
    cr_assert_eq(map("decode_x.csv", "b,s,heads,width,latency\n3,131,24,40,0.5\n",
                     SOL_CONTEXT, NULL),
                 SC_EDOMAIN);
    cr_assert_eq(diag.code, SC2004);
    cr_assert_str_eq(diag.message, "no row for context of op toy");
}

Test(points, tables_section_by_stem)
{
    mapped("/some/where/toy_ctx_perf_2.csv",
           "op_name,batch,len,cached,n_heads,toy_dtype,latency\n"
           "whatever,3,30,13,6,fp8,0.25\n",
           SOL_CONTEXT, NULL);
    near("s", points.point[0].axis[1], 17);
    near("prefix", points.point[0].axis[2], 13);
    near("local heads at tp 1", config_of(0)->param[0], 6);
    near("width is the default", config_of(0)->param[1], 40);
    cr_assert_eq(config_of(0)->slot[0], SOL_FP8);
    cr_assert_eq(config_of(0)->slot[1], SOL_BF16);
    cr_assert_eq(warnings.n, 0);
}

Test(points, tables_section_by_columns_and_op_name)
{
    static const char text[] = "op_name,batch,len,n_heads,ranks,toy_dtype,cache_dtype,"
                               "latency\n"
                               "other,3,30,6,4,bf16,bf16,0.25\n"
                               "toy_gen,5,130,6,4,bf16,fp8,0.75\n";
    mapped("renamed.csv", text, SOL_GENERATION, NULL);
    cr_assert_eq(points.n, 1);
    near("b", points.point[0].axis[0], 5);
    near("s", points.point[0].axis[1], 131);
    near("heads of the whole model", config_of(0)->param[0], 24);
    cr_assert_eq(config_of(0)->slot[1], SOL_FP8);
}

/* Both phases' maps find their columns in it: name and op_name say whose rows they are.
 */
Test(points, rows_of_the_other_phase_are_not_taken)
{
    static const char text[] =
        "op_name,batch,len,cached,n_heads,ranks,toy_dtype,cache_dtype,latency\n"
        "toy_gen,3,30,13,6,1,bf16,bf16,0.25\n";
    static const char mixed[] = "op_name,batch,len,cached,n_heads,toy_dtype,latency\n"
                                "toy_generation,3,30,13,6,bf16,0.25\n"
                                "toy_context,5,31,13,6,bf16,0.75\n";
    cr_assert_eq(map("toy_gen_perf.csv", text, SOL_CONTEXT, NULL), SC_EDOMAIN);
    cr_assert_eq(diag.code, SC2004);
    mapped("toy_gen_perf.csv", text, SOL_GENERATION, NULL);
    mapped("renamed.csv", mixed, SOL_CONTEXT, NULL);
    cr_assert_eq(points.n, 1);
    near("b", points.point[0].axis[0], 5);
}

Test(points, a_map_by_name_tells_the_phase)
{
    mapped("toy_ctx_perf.csv",
           "batch,len,cached,n_heads,toy_dtype,latency\n"
           "3,30,13,6,fp8,0.25\n",
           SOL_CONTEXT, NULL);
    cr_assert_eq(points.n, 1);
}

Test(points, groups_by_parameters_dtypes_tp_and_unknown_columns)
{
    mapped("context.csv",
           "heads,width,act_dtype,kv_dtype,b,s,tp,window,kernel_source,latency\n"
           "6,80,bf16,bf16,1,2,1,0,k1,0.5\n"
           "6,80,bf16,bf16,2,2,1,0,k2,0.5\n"
           "6,88,bf16,bf16,2,2,1,0,k1,0.5\n"
           "6,80,bf16,fp8,2,2,1,0,k1,0.5\n"
           "3,80,bf16,bf16,2,2,2,0,k1,0.5\n"
           "6,80,bf16,bf16,2,2,1,128,k1,0.5\n"
           "6,80,bf16,bf16,4,2,1,0,k1,0.5\n",
           SOL_CONTEXT, NULL);
    static const int want[] = {0, 0, 1, 2, 3, 4, 0};
    cr_assert_eq(points.n, 7);
    cr_assert_eq(points.n_configs, 5);
    for (int i = 0; i < 7; i++)
        cr_assert_eq(points.point[i].group, want[i], "row %d: %d", i,
                     points.point[i].group);
    cr_assert_eq(warnings.n, 1);
    cr_assert_eq(warnings.item[0].code, SC2005);
    cr_assert(strstr(warnings.item[0].message, "'window'") != NULL);
    cr_assert_eq(warnings.item[0].line, 7);
}

/* The bare kernel and the op with RoPE and append: apart, and no surprise. */
Test(points, groups_by_scope)
{
    mapped("context.csv",
           "heads,width,act_dtype,kv_dtype,b,s,tp,scope,latency\n"
           "6,80,bf16,bf16,1,2,1,kernel,0.5\n"
           "6,80,bf16,bf16,1,2,1,op,0.7\n"
           "6,80,bf16,bf16,2,2,1,kernel,0.6\n",
           SOL_CONTEXT, NULL);
    cr_assert_eq(points.n_configs, 2);
    cr_assert_eq(points.point[1].group, 1);
    cr_assert_eq(points.point[2].group, 0);
    cr_assert_eq(warnings.n, 0);
}

/* What inputs were drawn from; an empty cell is normal, and so is a table without the
 * column. Tables of one kind each stay apart when they are merged. */
Test(points, groups_by_inputs)
{
    static const char *const text[] = {
        "heads,width,b,s,scope,inputs,latency\n6,80,3,2,kernel,zeros,0.25\n",
        "heads,width,b,s,scope,inputs,latency\n6,80,3,2,kernel,normal,0.75\n",
        "heads,width,b,s,scope,inputs,latency\n6,80,3,2,op,normal,0.875\n"};
    static const int want[] = {0, 1, 0, 1, 0, 2};
    mapped("context.csv",
           "heads,width,b,s,inputs,latency\n6,80,1,2,normal,0.5\n6,80,1,2,zeros,0.4\n"
           "6,80,2,2,,0.6\n",
           SOL_CONTEXT, NULL);
    cr_assert_eq(points.n_configs, 2);
    cr_assert_eq(warnings.n, 0);
    for (int i = 0; i < 3; i++) {
        col_points other = {0};
        col_table *table = table_of("context.csv", text[i]);
        cr_assert_eq(
            col_points_map(table, op, SOL_CONTEXT, NULL, &other, &warnings, &diag),
            SC_OK);
        cr_assert_eq(col_points_merge(&points, &other, &diag), SC_OK);
        col_table_free(table);
    }
    cr_assert_eq(points.n_configs, 3);
    for (int i = 0; i < 6; i++)
        cr_assert_eq(points.point[i].group, want[i], "%d", i);
}

/* Several hundred configurations: the hash table grows. */
Test(points, many_groups)
{
    sc_buf text = {0};
    sc_buf_add(&text, "heads,width,b,s,latency\n");
    for (int i = 0; i < 900; i++)
        sc_buf_printf(&text, "%d,%d,3,17,0.5\n", 1 + i % 30, 8 + i / 60);
    mapped("context.csv", sc_buf_text(&text), SOL_CONTEXT, NULL);
    sc_buf_free(&text);
    cr_assert_eq(points.n, 900);
    cr_assert_eq(points.n_configs, 450);
    for (int i = 0; i < 900; i++) {
        near("heads", config_of((size_t)i)->param[0], 1 + i % 30);
        near("width", config_of((size_t)i)->param[1], 8 + i / 60);
    }
}

static const char filtered[] = "phase,heads,width,act_dtype,b,s,tp_size,latency\n"
                               "context,16,80,bf16,1,2,8,0.5\n"
                               "context,16,80,fp8,1,3,1,0.5\n"
                               "context,128,80,bf16,1,4,1,0.5\n"
                               "context,128,96,bf16,1,5,1,0.5\n";

Test(points, filter_compares_what_one_gpu_sees)
{
    sol_config_set_param(op, &filter, "heads", 128, NULL);
    mapped("x.csv", filtered, SOL_CONTEXT, &filter);
    cr_assert_eq(points.n, 2);
    cr_assert_eq(points.n_dropped, 2);
    near("128 local heads", points.point[0].axis[1], 4);
    sol_config_set_tp(op, &filter, 8, NULL);
    mapped("x.csv", filtered, SOL_CONTEXT, &filter);
    cr_assert_eq(points.n, 2);
    near("16 local heads", points.point[1].axis[1], 3);
    sol_config_set_dtype(op, &filter, "act", "bf16", NULL);
    mapped("x.csv", filtered, SOL_CONTEXT, &filter);
    cr_assert_eq(points.n, 1);
    near("bf16 only", points.point[0].axis[1], 2);
    sol_config_set_param(op, &filter, "width", 88, NULL);
    cr_assert_eq(map("x.csv", filtered, SOL_CONTEXT, &filter), SC_EDOMAIN);
    cr_assert_eq(diag.code, SC2004);
    cr_assert(strstr(diag.hint, "4 rows") != NULL, "%s", diag.hint);
    cr_assert(points.point == NULL);
}

/* A table that stores no heads is of the configuration asked for. */
Test(points, missing_parameters_are_those_asked_for)
{
    sol_config_set_param(op, &filter, "heads", 48, NULL);
    sol_config_set_tp(op, &filter, 4, NULL);
    mapped("context.csv", "width,b,s,latency\n80,3,17,0.5\n", SOL_CONTEXT, &filter);
    near("heads", config_of(0)->param[0], 48);
    near("tp", config_of(0)->tp, 4);
    cr_assert_eq(warnings.n, 1);
    cr_assert_eq(warnings.item[0].code, SC2001);
    cr_assert_str_eq(warnings.item[0].message,
                     "no column 'heads': 48 is taken for all rows");
}

Test(points, rows_out_of_range_are_dropped_with_one_warning)
{
    mapped("context.csv",
           "heads,width,act_dtype,kv_dtype,b,s,latency\n"
           "6,80,bf16,bf16,3,17,0.5\n"
           "6,80,bf16,bf16,3,5000,0.5\n"  /* s */
           "6,80,bf16,bf16,64,4096,0.5\n" /* guard */
           "6,4,bf16,bf16,3,17,0.5\n"     /* width */
           "6,80,int8_wo,bf16,3,17,0.5\n" /* not allowed */
           "6,80,w4afp8,bf16,3,17,0.5\n", /* unknown */
           SOL_CONTEXT, NULL);
    cr_assert_eq(points.n, 1);
    cr_assert_eq(points.n_dropped, 5);
    cr_assert_eq(warnings.n, 2);
    cr_assert_eq(warnings.item[0].code, SC1107);
    cr_assert_eq(warnings.item[0].line, 6);
    cr_assert(strstr(warnings.item[0].message, "2 rows") == warnings.item[0].message);
    cr_assert_eq(warnings.item[1].code, SC2007);
    cr_assert_eq(warnings.item[1].line, 3);
    cr_assert(strstr(warnings.item[1].message, "3 rows") == warnings.item[1].message);
    cr_assert(strstr(warnings.item[1].message, "the first: ") != NULL, "%s",
              warnings.item[1].message);
}

Test(points, bad_tables_name_column_or_row)
{
    static const struct {
        const char *name, *text;
        sc_code code;
        int line;
        const char *message, *hint;
    } bad[] = {
        {"context.csv", "b,s,latnecy\n3,17,0.5\n", SC2001, 1,
         "column 'latency' is missing", "did you mean latnecy?"},
        {"x.csv", "batchsize,s,latency\n3,17,0.5\n", SC2005, 2,
         "nothing tells the rows' phase, and op toy has two", "column phase"},
        {"context.csv", "batchsize,s,latency\n3,17,0.5\n", SC2001, 1,
         "column 'batch_size' (axis b of context) is missing", "did you mean batchsize"},
        {"context.csv", "b,t,latency\n3,17,0.5\n", SC2001, 1,
         "column 'seq_len' (axis s of context) is missing", "isl"},
        {"context.csv", "b,s,latency\n3,17,0.5\n3,18,0\n", SC2003, 3,
         "latency '0' is not positive and finite", "leave it out"},
        {"context.csv", "b,s,latency\n3,17,-2.5\n", SC2003, 2,
         "latency '-2.5' is not positive and finite", "leave it out"},
        {"context.csv", "b,s,latency\n3,17,nan\n", SC2003, 2,
         "latency 'nan' is not positive and finite", "leave it out"},
        {"context.csv", "b,s,latency\n3,17,-Inf\n", SC2003, 2,
         "latency '-Inf' is not positive and finite", "leave it out"},
        {"context.csv", "b,s,latency\n3,17,1ms\n", SC2002, 2,
         "latency '1ms' is not a number", "milliseconds"},
        {"context.csv", "b,s,latency\n3,17,\n", SC2002, 2, "latency '' is not a number",
         "milliseconds"},
        {"context.csv", "b,s,latency\n3,17,0.5\n3,x17,0.5\n", SC2002, 3,
         "s 'x17' is not a finite number", "mend the row"},
        {"context.csv", "b,s,heads,latency\n3,17,inf,0.5\n", SC2002, 2,
         "heads 'inf' is not a finite number", "mend the row"},
        {"context.csv", "b,s,latency,cache\n3,17,0.5,warm\n", SC2002, 2,
         "cache 'warm' is neither hot nor cold", "hot"},
        {"context.csv", "b,s,latency,samples\n3,17,0.5,-3\n", SC2002, 2,
         "samples '-3' is not a finite number of at least 0", "empty"},
        {"x.csv", "phase,b,s,latency\nwarmup,3,17,0.5\n", SC2005, 2,
         "phase 'warmup' is no phase", "context or generation"},
        {"toy_ctx_perf.csv", "batch,len,cached,nheads,toy_dtype,latency\n3,1,0,6,fp8,1\n",
         SC2001, 1, "column 'n_heads' is missing", "did you mean nheads?"},
        {"toy_ctx_perf.csv", "batch,len,cached,n_heads,latency\n3,1,0,6,1\n", SC2001, 1,
         "column 'toy_dtype' is missing", "toy_dtype"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(map(bad[i].name, bad[i].text, SOL_CONTEXT, NULL), SC_EPARSE,
                     "case %zu: %s", i, diag.message);
        cr_assert_eq(diag.code, bad[i].code, "case %zu: %s", i, diag.message);
        cr_assert_str_eq(diag.message, bad[i].message);
        cr_assert_eq(diag.line, bad[i].line, "case %zu: line %d", i, diag.line);
        cr_assert_str_eq(diag.file, bad[i].name);
        cr_assert(strstr(diag.hint, bad[i].hint) != NULL, "case %zu: %s", i, diag.hint);
        cr_assert_eq(points.n, 0);
    }
}

Test(points, one_phase_needs_no_phase_column)
{
    sol_op_free(op);
    op = toy_op_context_only();
    mapped("x.csv", "b,s,heads,width,latency\n3,17,24,40,0.5\n", SOL_CONTEXT, NULL);
    cr_assert_eq(points.n, 1);
    cr_assert_eq(map("x.csv", "b,s,latency\n3,17,0.5\n", SOL_GENERATION, NULL),
                 SC_EINVAL);
    cr_assert_eq(diag.code, SC1109);
}

Test(points, merge_unites_equal_configurations)
{
    col_points other = {0};
    col_table *table = table_of("context.csv", "device,heads,width,b,s,latency\n"
                                               "G2,6,80,1,2,0.5\n"
                                               "G2,7,80,1,2,0.25\n");
    mapped("context.csv",
           "device,heads,width,b,s,latency\nG1,5,80,1,2,0.5\nG1,6,80,1,2,0.75\n",
           SOL_CONTEXT, NULL);
    cr_assert_eq(col_points_map(table, op, SOL_CONTEXT, NULL, &other, &warnings, &diag),
                 SC_OK);
    cr_assert_eq(col_points_merge(&points, &other, &diag), SC_OK);
    col_table_free(table);
    cr_assert_eq(points.n, 4);
    cr_assert_eq(points.n_configs, 3);
    static const int want[] = {0, 1, 1, 2};
    for (int i = 0; i < 4; i++)
        cr_assert_eq(points.point[i].group, want[i], "%d", i);
    near("7 heads", config_of(3)->param[0], 7);
    near("its latency", points.point[3].latency_s, 0.25e-3);
    cr_assert_str_eq(points.device, "mixed");
    cr_assert_eq(other.n, 0);
    cr_assert(other.point == NULL && other.config == NULL);
    col_points_clear(&other);
}

/* Equal configurations of one table that a column tells apart stay apart. */
Test(points, merge_keeps_twins_and_finds_its_place_among_many)
{
    static char text[40000] = "heads,width,b,s,latency,flag\n";
    size_t used = strlen(text);
    for (int i = 0; i < 700; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%d,%d,3,17,0.5,x\n",
                                 1 + i % 100, 8 + i / 100);
    mapped("context.csv", text, SOL_CONTEXT, NULL);
    cr_assert_eq(points.n_configs, 700);
    col_points other = {0};
    col_table *table = table_of("context.csv", "heads,width,b,s,latency,flag\n"
                                               "38,14,3,18,0.5,x\n"
                                               "9,11,3,18,0.25,x\n"
                                               "9,11,3,18,0.75,y\n");
    cr_assert_eq(col_points_map(table, op, SOL_CONTEXT, NULL, &other, &warnings, &diag),
                 SC_OK);
    col_table_free(table);
    cr_assert_eq(other.n_configs, 3);
    cr_assert_eq(col_points_merge(&points, &other, &diag), SC_OK);
    cr_assert_eq(points.n_configs, 702);
    cr_assert_eq(points.point[700].group, 6 * 100 + 37);
    cr_assert_eq(points.point[701].group, 700);
    cr_assert_eq(points.point[702].group, 701);
}

Test(points, config_hash_is_that_of_what_is_compared)
{
    sol_config copy;
    cr_assert_eq(sol_config_copy(op, &filter, &copy, NULL), SC_OK);
    filter.param[1] = 0.0;
    copy.param[1] = -0.0;
    cr_assert(col_config_same(op, &filter, &copy));
    cr_assert_eq(col_config_hash(op, &filter), col_config_hash(op, &copy));
    copy.param[1] = 2.385;
    cr_assert_not(col_config_same(op, &filter, &copy));
    cr_assert_neq(col_config_hash(op, &filter), col_config_hash(op, &copy));
    sol_config_clear(&copy);
}

/* Points that are to be measured have no latency; best_ms is one. */
Test(points, latency_by_other_names_and_none)
{
    mapped("context.csv", "b,s,heads,width,best_ms\n3,17,6,80,0.25\n3,19,6,80,0.5\n",
           SOL_CONTEXT, NULL);
    near("best", points.point[0].latency_s, 0.25e-3);
    cr_assert_eq(points.n_configs, 1, "best_ms is no key");
    col_table *table = table_of("context.csv", "b,s,heads,width\n3,17,6,80\n");
    col_points_clear(&points);
    cr_assert_eq(col_points_map(table, op, SOL_CONTEXT, NULL, &points, NULL, &diag),
                 SC_EPARSE);
    cr_assert_eq(col_points_list(table, op, SOL_CONTEXT, NULL, &points, NULL, &diag),
                 SC_OK);
    col_table_free(table);
    cr_assert_eq(points.n, 1);
    near("s", points.point[0].axis[1], 17);
    near("none", points.point[0].latency_s, 0);
}

Test(points, survives_failing_allocations)
{
    col_table *table =
        table_of("toy_ctx_perf.csv", "batch,len,cached,n_heads,toy_dtype,window,latency\n"
                                     "3,30,13,6,fp8,1,0.25\n"
                                     "3,30,13,6,fp9,1,0.25\n"
                                     "3,30,13,7,fp8,2,0.25\n");
    for (unsigned long i = 1;; i++) {
        col_points got = {0}, copy = {0};
        sc_diags list = {0};
        sc_alloc_fail_at(i, 0);
        sc_status status =
            col_points_map(table, op, SOL_CONTEXT, &filter, &got, &list, NULL);
        if (!status)
            status = col_points_map(table, op, SOL_CONTEXT, NULL, &copy, &list, NULL);
        if (!status)
            status = col_points_merge(&got, &copy, NULL);
        sc_alloc_fail_at(0, 0);
        size_t n = got.n;
        col_points_clear(&got);
        col_points_clear(&copy);
        sc_diags_free(&list);
        if (!status) {
            cr_assert_gt(i, 30);
            cr_assert_eq(n, 4);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM, "allocation %lu: %s", i, sc_status_name(status));
    }
    col_table_free(table);
}

/* Published tables with the shipped ops, where a copy is at hand: SC_PERF_TABLES names a
 * folder with them as CSV. */
Test(points, published_tables_map)
{
    static const struct {
        const char *file, *op;
        sol_phase_kind phase;
    } tables[] = {{"context_mla_perf.csv", "mla", SOL_CONTEXT},
                  {"generation_mla_perf.csv", "mla", SOL_GENERATION},
                  {"context_attention_perf.csv", "attention", SOL_CONTEXT},
                  {"generation_attention_perf.csv", "attention", SOL_GENERATION},
                  {"gemm_perf.csv", "gemm", SOL_CONTEXT}};
    const char *dir = getenv("SC_PERF_TABLES");
    if (!dir)
        cr_skip_test("SC_PERF_TABLES is not set: no copy of the published tables");
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
        char *path = sc_path_join(dir, tables[i].file);
        sol_op *shipped = NULL;
        col_table *table = NULL;
        col_points got = {0};
        sc_diags list = {0};
        cr_assert_eq(sol_op_find(tables[i].op, NULL, SC_SOURCE_DIR, &shipped, &diag),
                     SC_OK, "%s", diag.message);
        cr_assert_eq(col_table_load(path, &table, &diag), SC_OK, "%s", diag.message);
        cr_assert_eq(
            col_points_map(table, shipped, tables[i].phase, NULL, &got, &list, &diag),
            SC_OK, "%s:%d: %s", path, diag.line, diag.message);
        for (size_t w = 0; w < list.n; w++)
            cr_log_info("%s:%d: %s", path, list.item[w].line, list.item[w].message);
        cr_log_info("%s: %zu points, %zu groups, %zu dropped, %s, %s", path, got.n,
                    got.n_configs, got.n_dropped, got.device, got.framework);
        cr_assert(got.n > table->n_rows / 2, "%s: %zu of %zu", path, got.n,
                  table->n_rows);
        col_points_clear(&got);
        sc_diags_free(&list);
        col_table_free(table);
        sol_op_free(shipped);
        sc_free(path);
    }
}

/* ---- maps that share a table ---- */

static const char shared_op[] =
    "op: shared\ntitle: t\nsource: [x]\ngranularity: kernel\n"
    "params: {k: {default: 3, meaning: width}, first: {default: 1, range: [0, 1], "
    "meaning: x}}\n"
    "phases:\n  context:\n    axes: {b: r, s: t}\n"
    "    ranges: {b: [1, 99], s: [1, 99]}\n"
    "    bytes: {in: {expr: b*s*k*first, access: read, source: x}}\n"
    "tables:\n"
    "  - {phase: context, file: shared_perf, rows: {kernel_source: one, phase: "
    "context},\n"
    "     ignore: num_tokens, columns: {b: n, s: m, k: w, first: 1}}\n"
    "  - {phase: context, file: shared_perf, rows: {kernel_source: [two, too], phase: "
    "context},\n"
    "     ignore: [num_tokens], columns: {b: n, s: m, k: w, first: 0}}\n";

/* Rows go to the map whose values they have, with its parameters; others go nowhere, be
 * their phase known or not; an ignored column splits no group. */
Test(points, maps_share_a_table_by_rows)
{
    static const char head[] = "phase,kernel_source,n,m,w,num_tokens,latency\n";
    char path[] = "/tmp/sc_shared_XXXXXX.yaml";
    int fd = mkstemps(path, 5);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, shared_op, strlen(shared_op)), (ssize_t)strlen(shared_op));
    close(fd);
    sol_config_clear(&filter);
    sol_op_free(op);
    cr_assert_eq(sol_op_load(path, &op, &diag), SC_OK, "%d:%d %s", diag.line, diag.col,
                 diag.message);
    unlink(path);
    cr_assert_eq(sol_config_init(op, &filter, NULL), SC_OK);
    sc_buf text = {0};
    sc_buf_printf(&text, "%s%s", head,
                  "context,one,2,3,7,6,1.5\n"
                  "verify,one,2,3,7,6,99\n"
                  "context,two,5,4,7,20,2.5\n"
                  "context,three,1,1,7,1,99\n"
                  "context,one,2,11,7,22,3.5\n"
                  "context,too,5,8,7,40,4.5\n");
    mapped("shared_perf.csv", sc_buf_text(&text), SOL_CONTEXT, NULL);
    sc_buf_free(&text);
    cr_assert_eq(points.n, 4);
    cr_assert_eq(points.n_configs, 2);
    for (size_t i = 0; i < 4; i++) {
        const double latency[] = {1.5e-3, 3.5e-3, 2.5e-3, 4.5e-3};
        near("latency", points.point[i].latency_s, latency[i]);
        near("w", config_of(i)->param[0], 7);
        near("first", config_of(i)->param[1], i < 2);
    }
    near("b", points.point[3].axis[0], 5);
    near("s", points.point[3].axis[1], 8);
    /* One map finds rows, the other none: no error. Neither: SC2004. */
    mapped("shared_perf.csv",
           "phase,kernel_source,n,m,w,latency\ncontext,too,5,8,7,4.5\n", SOL_CONTEXT,
           NULL);
    cr_assert_eq(points.n, 1);
    near("first", config_of(0)->param[1], 0);
    cr_assert_eq(map("shared_perf.csv",
                     "phase,kernel_source,n,m,w,latency\ncontext,z,5,8,7,4\n",
                     SOL_CONTEXT, NULL),
                 SC_EDOMAIN);
    cr_assert_eq(diag.code, SC2004);
    /* A column that tells the rows is missing. */
    cr_assert_eq(map("shared_perf.csv", "kernel_source,n,m,w,latency\none,5,8,7,4\n",
                     SOL_CONTEXT, NULL),
                 SC_EPARSE);
    cr_assert_eq(diag.code, SC2001);
}

static const char labels_op[] =
    "op: labelled\n"
    "params:\n"
    "  group: {default: 0, range: [0, 999]}\n"
    "  post: {default: 0, range: [0, 1]}\n"
    "dtypes:\n"
    "  mm: {default: bf16, allowed: [bf16, fp8, int8]}\n"
    "  weight: {default: mm, allowed: [bf16, fp8, int8, int4]}\n"
    "phases:\n"
    "  context:\n"
    "    axes: {b: requests, s: tokens}\n"
    "    ranges: {b: [1, 8], s: [1, 64]}\n"
    "    bytes: {w: {expr: b*s*group*post*bytes(weight), access: read, dtype: weight}}\n"
    "tables:\n"
    "  - phase: context\n"
    "    file: labelled_perf\n"
    "    columns:\n"
    "      b: n\n"
    "      s: m\n"
    "      group: {of: quant, cases: {fp8_block: 128}, else: 0}\n"
    "      post: {of: which, cases: {before: 0, after: 1}}\n"
    "    dtypes: {mm: {of: quant, cases: {int4_wo: bf16, fp8_block: fp8}}}\n";

/* Labels become numbers and dtypes; a label without a number leaves its row out; a slot
 * that no column names follows the one that it follows. */
Test(points, labels_become_numbers_and_dtypes)
{
    char path[] = "/tmp/sc_labels_XXXXXX.yaml";
    int fd = mkstemps(path, 5);
    cr_assert(fd >= 0);
    cr_assert_eq(write(fd, labels_op, strlen(labels_op)), (ssize_t)strlen(labels_op));
    close(fd);
    sol_config_clear(&filter);
    sol_op_free(op);
    cr_assert_eq(sol_op_load(path, &op, &diag), SC_OK, "%d:%d %s", diag.line, diag.col,
                 diag.message);
    unlink(path);
    cr_assert_eq(sol_config_init(op, &filter, NULL), SC_OK);
    mapped("labelled_perf.csv",
           "n,m,quant,which,latency\n"
           "2,3,fp8_block,after,1.5\n"
           "2,3,int4_wo,before,2.5\n"
           "2,3,int8,between,3.5\n"
           "2,3,int8,after,4.5\n",
           SOL_CONTEXT, NULL);
    static const struct {
        double latency, group, post;
        sol_dtype mm;
    } want[] = {
        {1.5e-3, 128, 1, SOL_FP8}, {2.5e-3, 0, 0, SOL_BF16}, {4.5e-3, 0, 1, SOL_INT8}};
    cr_assert_eq(points.n, 3);
    for (size_t i = 0; i < 3; i++) {
        near("latency", points.point[i].latency_s, want[i].latency);
        near("group", config_of(i)->param[0], want[i].group);
        near("post", config_of(i)->param[1], want[i].post);
        cr_assert_eq(config_of(i)->slot[0], want[i].mm);
        cr_assert_eq(config_of(i)->slot[1], want[i].mm, "weight does not follow");
    }
    /* The column of labels is missing: the file's name says that the map is meant. */
    cr_assert_eq(
        map("labelled_perf.csv", "n,m,quant,latency\n2,3,int8,1\n", SOL_CONTEXT, NULL),
        SC_EPARSE);
    cr_assert_eq(diag.code, SC2001);
}
