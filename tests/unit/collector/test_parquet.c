/* solcheck - tests of collector/parquet.c and collector/parquet.cc: files are written by
 * pyarrow, so that writer and reader are not both ours. Without the module or pyarrow
 * these tests skip, and say so. SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "collector/parquet.h"
#include "sol/op.h"

static char file_path[64];

static void remove_file(void)
{
    unlink(file_path);
}

/* Runs script, python that writes the table to `path`; skips where that is impossible. */
static void write_parquet(const char *script)
{
    static const char module[] = SC_BUILD_DIR "/solcheck_parquet.so";
    char command[4096];
    const char *python = getenv("PYTHON3");
    if (access(module, R_OK) != 0)
        cr_skip_test("SKIPPED: this build has no Parquet module (see configure)");
    setenv("SOLCHECK_PARQUET_MODULE", module, 1);
    snprintf(file_path, sizeof file_path, "/tmp/sc_parquet_%ld.parquet", (long)getpid());
    atexit(remove_file);
    snprintf(command, sizeof command,
             "env -u LD_PRELOAD %s - <<'END'\n"
             "import sys\n"
             "try:\n"
             "    import pyarrow as pa, pyarrow.parquet as pq\n"
             "except ImportError:\n"
             "    sys.exit(77)\n"
             "path = '%s'\n%s\nEND",
             python && *python ? python : "python3", file_path, script);
    int status = system(command);
    if (status != 0 && WIFEXITED(status) && WEXITSTATUS(status) != 1)
        cr_skip_test("SKIPPED: no pyarrow to write a Parquet file with");
    cr_assert_eq(status, 0, "the script failed");
}

static col_table *load(void)
{
    col_table *table = NULL;
    sc_diag diag;
    sc_diag_clear(&diag);
    cr_assert_eq(col_table_load(file_path, &table, &diag), SC_OK, "%s", diag.message);
    return table;
}

static const char *at(const col_table *table, size_t row, const char *column)
{
    static char scratch[8][32];
    static unsigned next;
    int c = col_table_column(table, column);
    cr_assert_geq(c, 0, "no column %s", column);
    return col_table_text(table, row, c, scratch[next++ % 8]);
}

static double number(const col_table *table, size_t row, const char *column)
{
    double value = NAN;
    cr_assert(col_table_number(table, row, col_table_column(table, column), &value));
    return value;
}

#define TYPES                                                                            \
    "pq.write_table(pa.table({'name': ['one', None, '', 'one', 'f\\u00fcnf'],\n"         \
    " 'i64': [3, None, -17, 9007199254740992, 5],\n"                                     \
    " 'i8': pa.array([1, 2, 3, None, 127], pa.int8()),\n"                                \
    " 'u32': pa.array([4294967295, 1, 2, 3, 4], pa.uint32()),\n"                         \
    " 'f64': [2.385, 1e-300, None, float('inf'), 0.1],\n"                                \
    " 'f32': pa.array([0.5, 2.25, 3, 4, 5], pa.float32()),\n"                            \
    " 'flag': [True, False, None, True, False],\n"                                       \
    " 'cat': pa.array(['b', 'a', 'b', None, 'a']).dictionary_encode(),\n"                \
    " 'big': pa.array(['x', 'y', 'x', 'y', 'z'], pa.large_string()),\n"                  \
    " 'digits': ['12', '3.5', '', 'x', '-7'],\n"                                         \
    " 'list': [[1, 2], None, [], [3], [4]]}), path, row_group_size=2)\n"

Test(parquet, reads_every_type_over_row_groups)
{
    write_parquet(TYPES);
    col_table *t = load();
    cr_assert_eq(t->n_rows, 5);
    cr_assert_eq(t->n_columns, 11);
    cr_assert_eq(col_table_line(t, 0), 1);
    cr_assert_eq(col_table_line(t, 4), 5);
    cr_assert_str_eq(at(t, 0, "name"), "one");
    cr_assert_eq(at(t, 0, "name"), at(t, 3, "name"), "equal texts are one pointer");
    cr_assert_str_eq(at(t, 1, "name"), "");
    cr_assert_str_eq(at(t, 4, "name"), "f\xc3\xbcnf");
    cr_assert_eq(number(t, 0, "i64"), 3);
    cr_assert_eq(number(t, 2, "i64"), -17);
    cr_assert_eq(number(t, 3, "i64"), 9007199254740992.0);
    cr_assert_str_eq(at(t, 1, "i64"), "");
    cr_assert_eq(number(t, 4, "i8"), 127);
    cr_assert_eq(number(t, 0, "u32"), 4294967295.0);
    cr_assert_eq(number(t, 0, "f64"), 2.385);
    cr_assert_str_eq(at(t, 4, "f64"), "0.1");
    cr_assert_str_eq(at(t, 3, "f64"), "inf");
    cr_assert_eq(number(t, 1, "f32"), 2.25);
    cr_assert_str_eq(at(t, 0, "flag"), "true");
    cr_assert_str_eq(at(t, 2, "cat"), "b");
    cr_assert_str_eq(at(t, 3, "cat"), "");
    cr_assert_str_eq(at(t, 4, "big"), "z");
    cr_assert_eq(number(t, 1, "digits"), 3.5, "numbers may be written as text");
    double value = 4.75;
    cr_assert_not(col_table_number(t, 3, col_table_column(t, "digits"), &value));
    cr_assert_not(col_table_number(t, 3, col_table_column(t, "f64"), &value));
    cr_assert_not(col_table_number(t, 1, col_table_column(t, "i64"), &value));
    cr_assert_eq(value, 4.75);
    cr_assert(strlen(at(t, 0, "list")) > 0);
    col_table_free(t);
}

static bool is_f64_or_name(const void *user, const char *column)
{
    (void)user;
    return strcmp(column, "f64") == 0 || strcmp(column, "name") == 0;
}

Test(parquet, reads_only_what_is_asked_for)
{
    write_parquet(TYPES);
    col_table *t = NULL;
    sc_diag diag;
    cr_assert_eq(col_table_load_wanted(file_path, is_f64_or_name, NULL, &t, &diag),
                 SC_OK);
    cr_assert_eq(t->n_columns, 11);
    cr_assert_eq(number(t, 0, "f64"), 2.385);
    cr_assert_str_eq(at(t, 0, "name"), "one");
    cr_assert_str_eq(at(t, 0, "i64"), "");
    col_table_free(t);
}

/* The same table as CSV and as Parquet gives the same points. */
#define MLA                                                                              \
    "rows = [(1, 512, 16, 0.031), (2, 385, 16, 0.047), (3, 129, 32, 0.083),\n"           \
    "        (70000, 9, 16, 3.5), (5, 33, 16, 0.0123456789)]\n"                          \
    "names = ('batch_size', 'isl', 'num_heads', 'latency')\n"                            \
    "t = {n: list(v) for n, v in zip(names, zip(*rows))}\n"                              \
    "t['mla_dtype'] = ['bfloat16'] * 4 + ['fp8']\n"                                      \
    "t['op_name'] = ['mla_context'] * 5\n"                                               \
    "t['device'] = ['GPU X', 'GPU X', 'GPU Y', 'GPU X', 'GPU X']\n"                      \
    "t['step'] = [0, 17, 0, 0, 0]\n"                                                     \
    "t['kv_cache_dtype'] = ['bfloat16'] * 5\n"                                           \
    "t['window'] = [3, 4, 3, 3, None]\n"                                                 \
    "pq.write_table(pa.table(t), path, row_group_size=3)\n"                              \
    "print(','.join(t), *(','.join('' if v is None else repr(v).strip(\"'\")\n"          \
    "      for v in r) for r in zip(*t.values())), sep='\\n', file=open(path + '.csv', " \
    "'w'))"

Test(parquet, maps_like_csv)
{
    char csv[96];
    sol_op *op = NULL;
    col_points a = {0}, b = {0};
    col_table *text = NULL;
    sc_diag diag;
    write_parquet(MLA);
    cr_assert_eq(sol_op_load(SC_SOURCE_DIR "/sol/ops/mla.yaml", &op, &diag), SC_OK);
    snprintf(csv, sizeof csv, "%s.csv", file_path);
    sc_status status = col_table_load(csv, &text, &diag);
    unlink(csv);
    cr_assert_eq(status, SC_OK, "%s", diag.message);
    col_table *typed = load();
    cr_assert(text->decimal && !typed->decimal);
    cr_assert_eq(col_points_map(text, op, SOL_CONTEXT, NULL, &a, NULL, &diag), SC_OK);
    cr_assert_eq(col_points_map(typed, op, SOL_CONTEXT, NULL, &b, NULL, &diag), SC_OK,
                 "%s", diag.message);
    cr_assert_eq(a.n, 4);
    cr_assert_eq(a.n_dropped, 1);
    cr_assert_eq(b.n, a.n);
    cr_assert_eq(b.n_dropped, a.n_dropped);
    cr_assert_eq(b.n_configs, a.n_configs);
    cr_assert_str_eq(b.device, "mixed");
    for (size_t i = 0; i < a.n; i++) {
        cr_assert_eq(a.point[i].group, b.point[i].group);
        cr_assert_float_eq(a.point[i].latency_s, b.point[i].latency_s, 1e-19);
        for (int k = 0; k < op->phase[SOL_CONTEXT]->n_axes; k++)
            cr_assert_eq(a.point[i].axis[k], b.point[i].axis[k]);
    }
    for (size_t i = 0; i < a.n_configs; i++) {
        cr_assert_eq(a.config[i].slot[0], b.config[i].slot[0]);
        cr_assert_eq(a.config[i].param[0], b.config[i].param[0]);
    }
    col_points_clear(&a);
    col_points_clear(&b);
    col_table_free(text);
    col_table_free(typed);
    sol_op_free(op);
}

Test(parquet, large_integers_are_never_rounded)
{
    write_parquet("pq.write_table(pa.table({'n': [1, 9007199254740993]}), path)\n");
    col_table *t = NULL;
    sc_diag diag;
    cr_assert_eq(col_table_load(file_path, &t, &diag), SC_EPARSE);
    cr_assert_eq(diag.code, SC2000);
    cr_assert(strstr(diag.message, "'n'") && strstr(diag.message, "2^53"), "%s",
              diag.message);
}

Test(parquet, nul_bytes_are_errors)
{
    write_parquet("pq.write_table(pa.table({'n': ['a', 'b\\0c']}), path)\n");
    col_table *t = NULL;
    sc_diag diag;
    cr_assert_eq(col_table_load(file_path, &t, &diag), SC_EPARSE);
    cr_assert_eq(diag.code, SC2000);
    cr_assert(strstr(diag.message, "NUL"), "%s", diag.message);
}

static sc_status load_bytes(const char *bytes, size_t n)
{
    col_table *t = NULL;
    sc_diag diag;
    FILE *out = fopen(file_path, "wb");
    cr_assert(out && fwrite(bytes, 1, n, out) == n && fclose(out) == 0);
    sc_diag_clear(&diag);
    sc_status status = col_table_load(file_path, &t, &diag);
    cr_assert((status == SC_OK) == (t != NULL));
    cr_assert((status == SC_OK) == (diag.code == SC_CODE_NONE));
    col_table_free(t);
    return status;
}

/* Cut short everywhere, and with bytes changed: an error or a table, never a crash. */
Test(parquet, damaged_files, .timeout = 120)
{
    char *good = NULL;
    size_t n, errors = 0;
    write_parquet(TYPES);
    cr_assert_eq(sc_file_read(file_path, 1 << 20, &good, &n, NULL), SC_OK);
    for (size_t cut = 0; cut < n; cut += 1 + n / 97)
        cr_assert_eq(load_bytes(good, cut), SC_EPARSE, "cut to %zu of %zu", cut, n);
    unsigned seed = 2385;
    for (int i = 0; i < 400; i++) {
        size_t where = (seed = seed * 1103515245u + 12345u) % n;
        char old = good[where];
        good[where] ^= (char)(1 + (seed >> 16) % 255);
        errors += load_bytes(good, n) != SC_OK;
        good[where] = old;
    }
    cr_assert(errors > 100, "damage was noticed in only %zu of 400 files", errors);
    cr_assert_eq(load_bytes(good, n), SC_OK);
    sc_free(good);
}

Test(parquet, survives_failing_allocations)
{
    write_parquet(TYPES);
    for (unsigned long i = 1;; i++) {
        col_table *t = NULL;
        sc_diag diag;
        sc_alloc_fail_at(i, 0);
        sc_status status = col_table_load(file_path, &t, &diag);
        sc_alloc_fail_at(0, 0);
        if (status == SC_OK) {
            col_table_free(t);
            cr_assert_gt(i, 20);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM, "allocation %lu", i);
        cr_assert(t == NULL);
    }
}

Test(parquet, a_module_that_is_none)
{
    col_table *t = NULL;
    sc_diag diag;
    setenv("SOLCHECK_PARQUET_MODULE", "/dev/null", 1);
    cr_assert_eq(col_table_load("x.parquet", &t, &diag), SC_EPARSE);
    cr_assert_eq(diag.code, SC2006);
    cr_assert(strstr(diag.hint, "to_csv"));
}

Test(parquet, no_such_file)
{
    write_parquet(TYPES);
    col_table *t = NULL;
    sc_diag diag;
    cr_assert_eq(col_table_load("/nonexistent/x.parquet", &t, &diag), SC_EIO);
    cr_assert_eq(diag.code, SC1001);
}

/* ---- writing ---- */

static const char awkward[] =
    "framework,version,note,n,ratio,latency,sparse,empty\n"
    "solcheck,1.10,plain,128,2.385,0.0000036681570657870015,,\n"
    "solcheck,1.10,\"a, b \"\"c\"\"\",-9007199254740992,-0,7.903134381332642e-7,3.5,\n"
    "solcheck,1.10,,9007199254740992,1e300,0.1,,\n";

static void own_module(void)
{
    static const char module[] = SC_BUILD_DIR "/solcheck_parquet.so";
    if (access(module, R_OK) != 0)
        cr_skip_test("SKIPPED: this build has no Parquet module (see configure)");
    setenv("SOLCHECK_PARQUET_MODULE", module, 1);
    snprintf(file_path, sizeof file_path, "/tmp/sc_parquet_%ld.parquet", (long)getpid());
    atexit(remove_file);
}

static void save(const char *csv)
{
    col_table *table;
    sc_diag diag;
    cr_assert_eq(col_table_parse("t", csv, strlen(csv), &table, NULL), SC_OK);
    cr_assert_eq(col_parquet_save(file_path, table, &diag), SC_OK, "%s", diag.message);
    col_table_free(table);
}

/* 2^53 + 1 rounds to 2^53, which a double has: only the digits tell. */
Test(parquet, digits_that_no_double_has_stay_text)
{
    own_module();
    save("mask,whole\n9007199254740993,9007199254740992\n7,-1\n");
    char scratch[32];
    col_table *t = load();
    cr_assert_str_eq(col_table_text(t, 0, 0, scratch), "9007199254740993");
    cr_assert_eq(number(t, 0, "whole"), 0x1p53);
    col_table_free(t);
}

/* CSV to Parquet and back: texts byte by byte, numbers bit by bit. */
Test(parquet, csv_round_trip_is_exact)
{
    own_module();
    save(awkward);
    col_table *csv, *back = load();
    cr_assert_eq(col_table_parse("t", awkward, strlen(awkward), &csv, NULL), SC_OK);
    cr_assert_eq(back->n_rows, 3);
    cr_assert_eq(back->n_columns, csv->n_columns);
    for (size_t row = 0; row < 3; row++)
        for (size_t c = 0; c < csv->n_columns; c++) {
            char a[32], b[32];
            double x = NAN, y = NAN;
            const char *before = col_table_text(csv, row, (int)c, a);
            cr_assert_str_eq(csv->column[c], back->column[c]);
            if (c > 2 && *before) {
                cr_assert(col_table_number(csv, row, (int)c, &x));
                cr_assert(col_table_number(back, row, (int)c, &y));
                cr_assert_eq(memcmp(&x, &y, sizeof x), 0, "%s row %zu: %.17g, %.17g",
                             csv->column[c], row, x, y);
            } else {
                cr_assert_str_eq(col_table_text(back, row, (int)c, b), before);
            }
        }
    sc_buf once = {0}, twice = {0};
    cr_assert_eq(col_table_csv(back, &once, NULL), SC_OK);
    col_table_free(back);
    save(sc_buf_text(&once));
    back = load();
    cr_assert_eq(col_table_csv(back, &twice, NULL), SC_OK);
    cr_assert_str_eq(sc_buf_text(&once), sc_buf_text(&twice));
    sc_buf_free(&once);
    sc_buf_free(&twice);
    col_table_free(back);
    col_table_free(csv);
}

/* Others see integers as integers. */
Test(parquet, others_read_what_we_write)
{
    own_module();
    save(awkward);
    char command[600];
    snprintf(command, sizeof command,
             "env -u LD_PRELOAD %s -c 'import sys\n"
             "try:\n    import pyarrow.parquet as pq\n"
             "except ImportError:\n    sys.exit(77)\n"
             "t = pq.read_table(\"%s\")\n"
             "assert [str(f.type) for f in t.schema] == [\"string\"] * 3 + [\"int64\"] + "
             "[\"double\"] * 3 + [\"string\"], t.schema\n"
             "assert t[\"sparse\"].to_pylist() == [None, 3.5, None]\n"
             "assert t[\"version\"][0].as_py() == \"1.10\"'",
             getenv("PYTHON3") && *getenv("PYTHON3") ? getenv("PYTHON3") : "python3",
             file_path);
    int status = system(command);
    if (WIFEXITED(status) && (WEXITSTATUS(status) == 77 || WEXITSTATUS(status) == 127))
        cr_skip_test("SKIPPED: no pyarrow to read a Parquet file with");
    cr_assert_eq(status, 0);
}

Test(parquet, writing_fails_loudly_and_leaves_nothing)
{
    col_table *table;
    sc_diag diag;
    cr_assert_eq(col_table_parse("t", "a\n1\n", 4, &table, NULL), SC_OK);
    setenv("SOLCHECK_PARQUET_MODULE", "/nowhere/x.so", 1);
    cr_assert_eq(col_parquet_save("/tmp/sc_never.parquet", table, &diag), SC_EPARSE);
    cr_assert_eq(diag.code, SC2006);
    cr_assert(strstr(diag.message, "cannot be written") != NULL);
    cr_assert_neq(access("/tmp/sc_never.parquet", F_OK), 0);
    own_module();
    cr_assert_eq(col_parquet_save("/nowhere/t.parquet", table, &diag), SC_EIO);
    cr_assert_eq(diag.code, SC1001);
    col_table_free(table);
}

Test(parquet, writing_survives_failing_allocations)
{
    own_module();
    for (unsigned long i = 1;; i++) {
        col_table *table;
        cr_assert_eq(col_table_parse("t", awkward, strlen(awkward), &table, NULL), SC_OK);
        sc_alloc_fail_at(i, 0);
        sc_status status = col_parquet_save(file_path, table, NULL);
        sc_alloc_fail_at(0, 0);
        col_table_free(table);
        if (!status) {
            cr_assert_gt(i, 8);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM);
    }
}
