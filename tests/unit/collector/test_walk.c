/* solcheck - tests of collector/walk.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "collector/walk.h"

static char root[] = "/tmp/sc_walk_XXXXXX";
static col_files files;
static sc_diags warnings;

static const char *below(const char *name)
{
    static char path[8][PATH_MAX];
    static int next;
    char *out = path[next++ % 8];
    snprintf(out, PATH_MAX, "%s/%s", root, name);
    return out;
}

static void touch(const char *dir, const char *name)
{
    char path[PATH_MAX];
    cr_assert_eq(sc_mkdirs(below(dir), NULL), SC_OK);
    snprintf(path, sizeof path, "%s/%s", below(dir), name);
    cr_assert_eq(sc_file_write(path, "x", 1, NULL), SC_OK);
}

static void setup(void)
{
    cr_assert(mkdtemp(root) != NULL);
    touch("gpu/mla/fw/1.0", "b_perf.csv");
    touch("gpu/mla/fw/1.0", "a_perf.parquet");
    touch("gpu/mla/fw/1.0", "meta.yaml");
    touch("gpu/mla/fw/1.0", "c_perf.txt");
    touch("gpu/attn/fw/2", "z_perf.parquet");
    touch("gpu", "own.csv");
    touch("gpu", "notes.txt");
    touch("gpu", "provenance.yaml");
    touch("gpu", "own.csv.gz");
}

static void teardown(void)
{
    char command[100];
    col_files_free(&files);
    sc_diags_free(&warnings);
    snprintf(command, sizeof command, "rm -rf %s", root);
    cr_assert_eq(system(command), 0);
}

TestSuite(walk, .init = setup, .fini = teardown);

Test(walk, finds_tables_in_order)
{
    static const char *const want[] = {
        "gpu/own.csv", "gpu/attn/fw/2/z_perf.parquet", "gpu/mla/fw/1.0/a_perf.parquet",
        "gpu/mla/fw/1.0/b_perf.csv", "gpu/mla/fw/1.0/c_perf.txt"};
    cr_assert_eq(col_walk(root, &files, &warnings, NULL), SC_OK);
    cr_assert_eq(files.n, 5);
    for (size_t i = 0; i < 5; i++)
        cr_assert_str_eq(files.path[i], below(want[i]));
    cr_assert_eq(warnings.n, 0);
    cr_assert_eq(col_walk(below("gpu/notes.txt"), &files, &warnings, NULL), SC_OK);
    cr_assert_eq(files.n, 6, "a file that is named counts whatever its name");
}

Test(walk, link_loops_end)
{
    cr_assert_eq(symlink("..", below("gpu/loop")), 0);
    cr_assert_eq(symlink("/nowhere/x", below("gpu/mla/x_perf.csv")), 0);
    cr_assert_eq(symlink("fw/1.0/b_perf.csv", below("gpu/mla/l_perf.csv")), 0);
    cr_assert_eq(col_walk(root, &files, &warnings, NULL), SC_OK);
    cr_assert_eq(files.n, 6, "a link to a table is a table");
    cr_assert_eq(warnings.n, 1);
    cr_assert_eq(warnings.item[0].code, SC2020);
    cr_assert_str_eq(warnings.item[0].file, below("gpu/loop"));
}

Test(walk, deep_directories_end)
{
    char dir[200] = "deep";
    for (int i = 0; i < 40; i++)
        strcat(dir, "/d");
    touch(dir, "a_perf.csv");
    cr_assert_eq(col_walk(root, &files, &warnings, NULL), SC_OK);
    cr_assert_eq(files.n, 5);
    cr_assert_eq(warnings.n, 1);
    cr_assert_eq(warnings.item[0].code, SC2020);
}

Test(walk, nothing_there)
{
    sc_diag diag;
    cr_assert_eq(col_walk(below("nope"), &files, &warnings, &diag), SC_EIO);
    cr_assert_eq(diag.code, SC1001);
}

Test(walk, systems)
{
    char name[64], dir[PATH_MAX];
    const char *table = below("gpu/mla/fw/1.0/b_perf.csv");
    cr_assert(col_system_of(table, name, sizeof name, dir, sizeof dir));
    cr_assert_str_eq(name, "gpu");
    cr_assert_str_eq(dir, below("gpu"));
    cr_assert_not(col_system_of(table, name, 3, NULL, 0), "the name does not fit");
    cr_assert_not(col_system_of(below("nope"), name, sizeof name, NULL, 0));
    cr_assert_not(col_system_of("/tmp", name, sizeof name, NULL, 0));
}

Test(walk, survives_failing_allocations)
{
    for (unsigned long i = 1;; i++) {
        col_files some = {0};
        sc_alloc_fail_at(i, 0);
        sc_status status = col_walk(root, &some, NULL, NULL);
        sc_alloc_fail_at(0, 0);
        size_t n = some.n;
        col_files_free(&some);
        if (status == SC_OK) {
            cr_assert_eq(n, 5);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM, "allocation %lu", i);
    }
}
