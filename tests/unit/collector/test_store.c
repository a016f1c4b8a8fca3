/* solcheck - tests of collector/store.c and export.c: what is stored is what is exported;
 * killed writers, two writers, foreign files.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "collector/store.h"
#include "collector/table.h"
#include "fixture.h"

static char dir[] = "/tmp/sc_store_XXXXXX";
static char path[64], other[64];

static void setup(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.db", dir);
    snprintf(other, sizeof other, "%s/b.db", dir);
}

static void teardown(void)
{
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

TestSuite(store, .init = setup, .fini = teardown);

static col_record point(int i)
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
        .phase = i % 2 ? SOL_GENERATION : SOL_CONTEXT,
        .b = 3 + i,
        .s = 131,
        .tp = 4,
        .latency_s = 23.8512345678901e-6 * (1 + i),
        .mean_s = 24.5e-6,
        .min_s = 23.1e-6,
        .max_s = 31.7e-6,
        .mad_s = 0.0173e-6,
        .samples = 3,
        .batch = 12,
        .floor_s = 1.31e-6,
        .launch = "graph",
        .cache = "hot",
        .scope = "kernel",
        .inputs = "normal",
        .wall_s = 0.059,
        .sm_clock_hz = 1.98e9,
        .mem_clock_hz = 2.619e9,
        .throttle = 1ull << 63 | 4,
        .power_W = NAN,
        .power_limit_W = 700,
    };
}

static const col_sample samples[] = {{23.1e-6, 1.98e9, 431.33, 0},
                                     {23.8512345678901e-6, NAN, NAN, 4},
                                     {31.7e-6, 1.755e9, 700.1, 0}};

static col_store *open_store(const char *file)
{
    col_store *store = NULL;
    sc_diag diag = {0};
    cr_assert_eq(col_store_open(file, true, &store, &diag), SC_OK, "%s", diag.message);
    return store;
}

static int64_t add_run(col_store *store, const char *date)
{
    int64_t id = -1;
    col_run run = {.device = "An \"odd\", name",
                   .driver = "580.1",
                   .cuda = "13.0",
                   .compute_capability = 90,
                   .version = "0.1.0",
                   .commit = "abc",
                   .date = date,
                   .command = "solcheck measure --op 'toy'"};
    cr_assert_eq(col_store_add_run(store, &run, &id, NULL), SC_OK);
    return id;
}

static void add(col_store *store, int64_t run, const col_record *r)
{
    sc_diag diag = {0};
    cr_assert_eq(col_store_add(store, run, r, samples, 3, &diag), SC_OK, "%s",
                 diag.message);
}

static char *exported(const char *const *files, size_t n, const char *op)
{
    col_export *all = NULL;
    sc_buf text = {0};
    sc_diag diag = {0};
    cr_assert_eq(col_export_load(files, n, op, &all, &diag), SC_OK, "%s", diag.message);
    cr_assert_eq(col_export_csv(all, SIZE_MAX, &text, &diag), SC_OK, "%s", diag.message);
    col_export_free(all);
    return sc_buf_take(&text);
}

static double sql_number(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *get;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_prepare_v2(db, sql, -1, &get, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(db));
    cr_assert_eq(sqlite3_step(get), SQLITE_ROW);
    double value = sqlite3_column_double(get, 0);
    sqlite3_finalize(get);
    sqlite3_close(db);
    return value;
}

static void sql_run(const char *sql)
{
    sqlite3 *db;
    cr_assert_eq(sqlite3_open(path, &db), SQLITE_OK);
    cr_assert_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK, "%s",
                 sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void check_integrity(void)
{
    cr_assert_eq(sql_number("SELECT count(*) FROM pragma_integrity_check"
                            " WHERE integrity_check != 'ok'"),
                 0);
    cr_assert_eq(sql_number("SELECT count(*) FROM pragma_foreign_key_check"), 0);
    cr_assert_eq(
        sql_number("SELECT count(*) FROM points WHERE state = 'done' AND samples !="
                   " (SELECT count(*) FROM samples WHERE point = points.id)"),
        0);
}

/* The rows of the export are, to the last byte, what record.c writes. */
Test(store, exports_the_rows_that_were_stored)
{
    col_store *store = open_store(path);
    int64_t run = add_run(store, "2026-11-22T13:33:39Z");
    sc_buf want = {0};
    col_record r = point(0);
    cr_assert_eq(col_record_header(&r, &want, NULL), SC_OK);
    for (int i = 0; i < 6; i += 2) { /* sorted by phase, then b */
        r = point(i);
        cr_assert_eq(col_record_append(&r, &want, NULL), SC_OK);
    }
    r = point(1);
    cr_assert_eq(col_record_append(&r, &want, NULL), SC_OK);
    for (int i = 0; i < 6; i++) {
        r = point((5 * i + 4) % 6);
        if (r.phase == SOL_CONTEXT || r.b == 4)
            add(store, run, &r);
    }
    col_store_close(store);
    const char *files[] = {path};
    char *got = exported(files, 1, NULL);
    cr_assert_str_eq(got, sc_buf_text(&want));
    sc_free(got);
    sc_buf_free(&want);
    check_integrity();
    cr_assert_eq(sql_number("SELECT latency_s FROM samples WHERE n = 1 LIMIT 1"),
                 samples[1].latency_s);
    cr_assert_eq(sql_number("SELECT params ->> 'heads' FROM points LIMIT 1"), 6);
    cr_assert_eq(sql_number("SELECT count(*) FROM samples WHERE sm_clock_hz IS NULL"), 4);
}

Test(store, export_is_read_back_by_the_mapper)
{
    col_store *store = open_store(path);
    int64_t run = add_run(store, "2026-11-22T13:33:39Z");
    for (int i = 0; i < 4; i++) {
        col_record r = point(i);
        add(store, run, &r);
    }
    col_store_close(store);
    const char *files[] = {path};
    char *csv = exported(files, 1, "toy");
    sol_op *op = toy_op();
    col_table *table = table_of("t.csv", csv);
    col_points points = {0};
    sc_diags warnings = {0};
    sc_diag diag = {0};
    cr_assert_eq(
        col_points_map(table, op, SOL_GENERATION, NULL, &points, &warnings, &diag), SC_OK,
        "%s", diag.message);
    cr_assert_eq(points.n, 2);
    cr_assert_eq(points.point[1].latency_s, point(3).latency_s);
    cr_assert_eq(points.point[1].axis[0], 6);
    col_points_clear(&points);
    col_table_free(table);
    sol_op_free(op);
    sc_free(csv);
}

Test(store, finds_points_by_their_keys)
{
    col_store *store = open_store(path);
    int64_t run = add_run(store, "d"), done = 0, failed = 0;
    col_record r = point(0);
    col_state state = COL_FAILED;
    cr_assert_eq(col_store_find(store, &r, &state, NULL), SC_OK);
    cr_assert_eq(state, COL_ABSENT);
    add(store, run, &r);
    r.latency_s = 1; /* no key */
    r.kernel_source = "another";
    r.route = "auto"; /* as if none was asked for */
    cr_assert_eq(col_store_find(store, &r, &state, NULL), SC_OK);
    cr_assert_eq(state, COL_DONE);
    col_record differs[11];
    for (int i = 0; i < 11; i++)
        differs[i] = r;
    differs[0].b++;
    differs[1].s++;
    differs[2].tp = 2;
    differs[3].value[1] = 81;
    differs[4].dtype[1] = SOL_BF16;
    differs[5].cache = "cold";
    differs[6].phase = SOL_GENERATION;
    differs[7].device = "Another";
    differs[8].scope = "op";
    differs[9].inputs = "uniform";
    differs[10].route = "own";
    for (int i = 0; i < 11; i++) {
        cr_assert_eq(col_store_find(store, &differs[i], &state, NULL), SC_OK);
        cr_assert_eq(state, COL_ABSENT, "key %d is not told apart", i);
    }
    cr_assert_eq(col_store_count(store, &done, &failed, NULL), SC_OK);
    cr_assert(done == 1 && failed == 0);
    col_store_close(store);
}

Test(store, failures_give_way_to_measurements_and_never_replace_them)
{
    col_store *store = open_store(path);
    int64_t run = add_run(store, "d"), done, failed;
    col_record r = point(0);
    col_state state;
    sc_diag why;
    sc_diag_clear(&why);
    sc_diag_fail(&why, SC_EGPU, SC3003, "the worker's \"pipe\" broke");
    cr_assert_eq(col_store_add_failure(store, run, &r, &why, NULL), SC_OK);
    cr_assert_eq(col_store_add_failure(store, run, &r, &why, NULL), SC_OK);
    cr_assert_eq(col_store_find(store, &r, &state, NULL), SC_OK);
    cr_assert_eq(state, COL_FAILED);
    cr_assert_eq(
        sql_number("SELECT count(*) FROM points WHERE code = 'SC3003' AND latency_s"
                   " IS NULL AND reason = 'the worker''s \"pipe\" broke'"),
        1);
    const char *files[] = {path};
    col_export *all = NULL;
    sc_diag diag = {0};
    cr_assert_eq(col_export_load(files, 1, NULL, &all, &diag), SC_EDOMAIN);
    cr_assert_eq(diag.code, SC2004);
    add(store, run, &r);
    cr_assert_eq(col_store_find(store, &r, &state, NULL), SC_OK);
    cr_assert_eq(state, COL_DONE);
    cr_assert_eq(col_store_add_failure(store, run, &r, &why, NULL), SC_OK);
    cr_assert_eq(col_store_count(store, &done, &failed, NULL), SC_OK);
    cr_assert(done == 1 && failed == 0);
    r.latency_s = 0; /* could not be read back */
    cr_assert_eq(col_store_add(store, run, &r, samples, 3, &diag), SC_EINVAL);
    cr_assert_eq(diag.code, SC2003);
    col_store_close(store);
    check_integrity();
}

Test(store, merges_stores_and_the_newest_point_wins)
{
    col_store *a = open_store(path), *b = open_store(other);
    col_record r = point(0);
    add(a, add_run(a, "2026-11-22T13:00:00Z"), &r);
    r.latency_s = 0.0236;
    add(b, add_run(b, "2026-11-22T14:00:00Z"), &r);
    r = point(2);
    add(b, add_run(b, "2026-11-21T14:00:00Z"), &r);
    col_store_close(a);
    col_store_close(b);
    const char *files[] = {other, path}, *swapped[] = {path, other};
    char *csv = exported(files, 2, NULL), *same = exported(swapped, 2, NULL);
    cr_assert_str_eq(csv, same);
    col_table *table = table_of("t.csv", csv);
    cr_assert_eq(table->n_rows, 2);
    int latency = col_table_column(table, "latency");
    char scratch[32];
    cr_assert_str_eq(col_table_text(table, 0, latency, scratch), "23.6");
    col_table_free(table);
    sc_free(csv);
    sc_free(same);
}

/* Doubles, as a binary table has them, are enough to write an export again byte by byte.
 */
Test(store, exports_survive_binary_numbers)
{
    col_store *store = open_store(path);
    int64_t run = add_run(store, "2026-11-22T13:00:00Z");
    unsigned state = 2385;
    for (int i = 0; i < 400; i++) {
        col_record r = point(2 * i);
        state = state * 1103515245u + 12345u;
        r.b = 1 + i;
        r.latency_s = 1e-6 * pow(10, (double)(state >> 8) / 4194304) / 3;
        r.mean_s = r.latency_s * 1.0037;
        r.throttle = (uint64_t)i;
        add(store, run, &r);
    }
    col_store_close(store);
    const char *files[] = {path};
    char *csv = exported(files, 1, NULL);
    col_table *table = table_of("t.csv", csv);
    sc_buf again = {0};
    static const char *const names[] = {"latency",    "latency_mean", "latency_mad",
                                        "batch_size", "sm_clock_mhz", "throttle"};
    cr_assert_eq(table->n_rows, 400);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int column = col_table_column(table, names[i]);
        cr_assert_geq(column, 0, "%s", names[i]);
        cr_assert_not(table->values[column].is_text, "%s is not kept as numbers",
                      names[i]);
    }
    cr_assert_eq(col_table_csv(table, &again, NULL), SC_OK);
    cr_assert_str_eq(sc_buf_text(&again), csv);
    sc_buf_free(&again);
    col_table_free(table);
    sc_free(csv);
}

Test(store, ops_with_other_keys_make_tables_of_their_own)
{
    col_store *store = open_store(path);
    int64_t run = add_run(store, "d");
    col_record r = point(0);
    add(store, run, &r);
    r.op_name = "gym";
    r.param[1] = "depth";
    add(store, run, &r);
    r.b++;
    add(store, run, &r);
    col_store_close(store);
    const char *files[] = {path};
    col_export *all = NULL;
    col_export_table table;
    sc_buf text = {0};
    sc_diag diag = {0};
    cr_assert_eq(col_export_load(files, 1, NULL, &all, NULL), SC_OK);
    cr_assert(col_export_table_at(all, 0, &table));
    cr_assert_str_eq(table.op_name, "gym");
    cr_assert_eq(table.n_rows, 2);
    cr_assert(col_export_table_at(all, 1, &table));
    cr_assert_str_eq(table.op_name, "toy");
    cr_assert_not(col_export_table_at(all, 2, &table));
    cr_assert_eq(col_export_csv(all, SIZE_MAX, &text, &diag), SC_EINVAL);
    cr_assert_eq(diag.code, SC2005);
    sc_buf_free(&text);
    cr_assert_eq(col_export_csv(all, 1, &text, &diag), SC_OK);
    cr_assert_not_null(strstr(sc_buf_text(&text), ",width,"));
    sc_buf_free(&text);
    col_export_free(all);
}

/* ---- several processes ---- */

/* Writes points first, first+1, ... ; a byte a point goes to the pipe once it is stored.
 */
static pid_t writer(int first, int n, int report)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    col_store *store;
    int64_t run;
    col_run about = {.date = "d"};
    if (col_store_open(path, true, &store, NULL) ||
        col_store_add_run(store, &about, &run, NULL))
        _exit(3);
    for (int i = first; i < first + n; i++) {
        col_record r = point(i);
        if (col_store_add(store, run, &r, samples, 3, NULL))
            _exit(4);
        if (report >= 0 && write(report, "x", 1) != 1)
            _exit(5);
    }
    col_store_close(store);
    _exit(0);
}

/* Killed at ten different moments; every point that was reported is there. */
Test(store, a_killed_writer_loses_at_most_the_point_in_flight)
{
    int stored = 0;
    for (int round = 0; round < 10; round++) {
        int ends[2];
        char x;
        cr_assert_eq(pipe(ends), 0);
        pid_t child = writer(1000 * round, 1000, ends[1]);
        close(ends[1]);
        int reported = 0;
        while (reported < 2 + round && read(ends[0], &x, 1) == 1)
            reported++;
        const struct timespec pause = {.tv_nsec = 137000L * round};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        while (read(ends[0], &x, 1) == 1)
            reported++;
        close(ends[0]);
        cr_assert(WIFSIGNALED(status), "the writer ended by itself: %d", status);
        check_integrity();
        int64_t done, failed;
        col_store *store = open_store(path);
        cr_assert_eq(col_store_count(store, &done, &failed, NULL), SC_OK);
        col_store_close(store);
        cr_assert(done - stored >= reported && done - stored <= reported + 1,
                  "%d reported, %d stored", reported, (int)done - stored);
        stored = (int)done;
    }
}

Test(store, two_writers_share_one_store)
{
    pid_t a = writer(0, 60, -1), b = writer(60, 60, -1);
    int status;
    cr_assert_eq(waitpid(a, &status, 0), a);
    cr_assert_eq(status, 0, "first writer: %d", status >> 8);
    cr_assert_eq(waitpid(b, &status, 0), b);
    cr_assert_eq(status, 0, "second writer: %d", status >> 8);
    check_integrity();
    cr_assert_eq(sql_number("SELECT count(*) FROM points"), 120);
    cr_assert_eq(sql_number("SELECT count(*) FROM runs"), 2);
}

/* ---- what is no store ---- */

static void expect_refusal(bool create, const char *word)
{
    col_store *store = NULL;
    sc_diag diag = {0};
    cr_assert_eq(col_store_open(path, create, &store, &diag), SC_EIO);
    cr_assert_eq(diag.code, SC2010);
    cr_assert_not_null(strstr(diag.message, word), "%s", diag.message);
    cr_assert_null(store);
}

Test(store, refuses_what_is_no_store)
{
    expect_refusal(false, "unable to open database file: No such file");
    fclose(fopen(path, "w"));
    expect_refusal(false, "an empty file");
    FILE *file = fopen(path, "w");
    fputs(
        "framework,version\nsolcheck,0.1.0 and so on, longer than a header of SQLite is, "
        "which has a hundred bytes\n",
        file);
    fclose(file);
    expect_refusal(true, "not a database");
    unlink(path);
    sql_run("CREATE TABLE recipes(id INTEGER)");
    expect_refusal(true, "another program");
    unlink(path);
    col_store_close(open_store(path));
    sql_run("PRAGMA user_version = 77");
    expect_refusal(true, "version 77");
    expect_refusal(false, "version 77");
}

Test(store, reads_what_nobody_may_write)
{
    snprintf(path, sizeof path, "%s/a?b%%20#.db", dir);
    col_store *store = open_store(path);
    col_record r = point(3);
    add(store, add_run(store, "d"), &r);
    col_store_close(store); /* merges the log */
    cr_assert_eq(chmod(path, 0444), 0);
    cr_assert_eq(chmod(dir, 0555), 0);
    if (geteuid() == 0) /* root may write whatever the mode */
        cr_assert_eq(seteuid(65534), 0);
    int64_t done = 0, failed = 7;
    cr_assert_eq(col_store_open(path, false, &store, NULL), SC_OK);
    cr_assert_eq(col_store_count(store, &done, &failed, NULL), SC_OK);
    cr_assert(done == 1 && failed == 0);
    cr_assert_eq(col_store_add_run(store, &(col_run){0}, &done, NULL), SC_EIO);
    col_store_close(store);
    cr_assert_neq(col_store_open(path, true, &store, NULL), SC_OK);
    cr_assert(geteuid() == getuid() || seteuid(getuid()) == 0);
    cr_assert_eq(chmod(dir, 0755), 0);
}

Test(store, tells_what_points_took)
{
    col_store *store = open_store(path);
    int64_t run = add_run(store, "d");
    col_wall *all = NULL;
    size_t n = 7;
    for (int i = 0; i < 6; i++) {
        col_record r = point(i);
        r.wall_s = i == 4 ? NAN : 0.059 * (1 + i);
        r.cache = i == 2 ? "cold" : "hot";
        add(store, run, &r);
    }
    cr_assert_eq(col_store_walls(store, "toy", SOL_CONTEXT, "hot", &all, &n, NULL),
                 SC_OK);
    cr_assert_eq(n,
                 1); /* 0; 2 is cold, of 4 it is not known, the others are generation */
    cr_assert(all[0].latency_s == point(0).latency_s && all[0].wall_s == 0.059 &&
              all[0].batch == 12);
    sc_free(all);
    cr_assert_eq(col_store_walls(store, "toy", SOL_GENERATION, "hot", &all, &n, NULL),
                 SC_OK);
    cr_assert_eq(n, 3);
    sc_free(all);
    cr_assert_eq(col_store_walls(store, "other", SOL_CONTEXT, "hot", &all, &n, NULL),
                 SC_OK);
    cr_assert_eq(n, 0);
    sc_free(all);
    col_store_close(store);
}

/* ---- older stores ---- */

/* What version `version` did not have yet is taken out again. */
static void make_older(int version)
{
    char sql[64];
    static const char *const gone[] = {
        [4] = "ALTER TABLE points DROP COLUMN inputs; ALTER TABLE points DROP COLUMN "
              "wall_s",
        [3] = "ALTER TABLE points DROP COLUMN repro",
        [2] = "ALTER TABLE points DROP COLUMN floor_s; DROP TABLE kernels",
        [1] = "ALTER TABLE points DROP COLUMN scope;"
              "UPDATE points SET key = replace(key, '|kernel|', '|')"};
    for (int v = 4; v >= version; v--)
        sql_run(gone[v]);
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version);
    sql_run(sql);
}

Test(store, brings_older_stores_up_to_date)
{
    for (int version = 1; version <= 4; version++) {
        col_store *store = open_store(path);
        col_record r = point(0), other_inputs = point(0);
        col_state state;
        bool kernels = true;
        add(store, add_run(store, "2026-11-22T13:33:39Z"), &r);
        col_store_close(store);
        make_older(version);
        store = open_store(path);
        cr_assert_eq(col_store_find(store, &r, &state, NULL), SC_OK);
        cr_assert_eq(state, COL_DONE, "version %d: the point is not found", version);
        other_inputs.inputs = "zeros";
        cr_assert_eq(col_store_find(store, &other_inputs, &state, NULL), SC_OK);
        cr_assert_eq(state, COL_ABSENT);
        cr_assert_eq(col_store_has_kernels(store, &r, &kernels, NULL), SC_OK);
        cr_assert_not(kernels);
        add(store, add_run(store, "2026-11-22T13:33:40Z"), &other_inputs);
        col_store_close(store);
        cr_assert_eq(sql_number("SELECT count(*) FROM points WHERE scope = 'kernel'"), 2);
        cr_assert_eq(sql_number("SELECT count(*) FROM points WHERE inputs = 'normal'"),
                     1);
        cr_assert_eq(sql_number("SELECT user_version FROM pragma_user_version"),
                     COL_STORE_VERSION);
        check_integrity();
        unlink(path);
    }
}

/* root may write to anything: SQLite is told, as a read-only file system would. */
Test(store, says_why_an_older_store_cannot_be_brought_up_to_date)
{
    col_store *store = NULL;
    sc_diag diag = {0};
    char uri[96];
    col_store_close(open_store(path));
    make_older(4);
    sql_run("PRAGMA journal_mode = DELETE");
    snprintf(uri, sizeof uri, "file:%s?mode=ro", path);
    sqlite3_config(SQLITE_CONFIG_URI, 1);
    sc_status status = col_store_open(uri, false, &store, &diag);
    cr_assert_eq(status, SC_EIO);
    cr_assert_not_null(strstr(diag.message, "version 4"), "%s", diag.message);
    cr_assert_not_null(strstr(diag.hint, "writable"), "%s", diag.hint);
}
