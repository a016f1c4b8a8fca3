/* compare, fit and design with allocations failing in turn: no crash, no leak, and the
 * exit status of a lack of memory. SC_ALLOC_STRIDE=1 tries every allocation, the default
 * every one of the first 60 and then some 60 more. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/session.h"

static char dir[] = "/tmp/sc_tables_XXXXXX";
static char table[2][64];

static void write_table(const char *path, double factor)
{
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    fputs("device,num_heads,phase,batch_size,isl,step,latency,latency_mad,samples\n",
          file);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++) {
            double b = 1 << i, s = 16 << k;
            double us = 4.385 + 0.0217 * b * s + 3.1e-5 * b * s * s;
            fprintf(file, "H100,16,context,%g,%g,0,%.6g,1e-6,11\n", b, s,
                    us * 1e-3 * factor);
        }
    cr_assert_eq(fclose(file), 0);
}

static void silence(void)
{
    int null = open("/dev/null", O_WRONLY);
    cr_assert(null >= 0);
    fflush(NULL);
    dup2(null, STDOUT_FILENO);
    dup2(null, STDERR_FILENO);
    close(null);
}

/* expected: the exit status of the job when nothing fails. */
static void walk(int argc, const char *const argv[], int expected)
{
    const char *text = getenv("SC_ALLOC_STRIDE");
    cr_assert_eq(cli_main(argc, (char **)argv), expected, "the job itself fails");
    unsigned long before = sc_alloc_count();
    long live = sc_alloc_live();
    cr_assert_eq(cli_main(argc, (char **)argv), expected);
    unsigned long total = sc_alloc_count() - before, tried = 0;
    unsigned long stride = text ? strtoul(text, NULL, 10) : total / 60 + 1;
    cr_assert_eq(sc_alloc_live(), live, "a clean run leaks %ld", sc_alloc_live() - live);
    for (unsigned long n = 1; n <= total; n += n < 60 ? 1 : stride) {
        sc_alloc_fail_at(n, 0);
        int code = cli_main(argc, (char **)argv);
        sc_alloc_fail_at(0, 0);
        cr_assert_eq(sc_alloc_live(), live, "%s: allocation %lu of %lu leaks %ld",
                     argv[1], n, total, sc_alloc_live() - live);
        cr_assert(code == 2 || code == expected, "%s: allocation %lu: exit status %d",
                  argv[1], n, code);
        tried++;
    }
    cr_assert_gt(tried, 60);
}

static void setup(void)
{
    cr_assert_not_null(mkdtemp(dir));
    for (int i = 0; i < 2; i++) {
        snprintf(table[i], sizeof table[i], "%s/%d.csv", dir, i);
        write_table(table[i], i ? 1.2 : 1);
    }
    silence();
}

static void remove_all(void)
{
    for (int i = 0; i < 2; i++)
        unlink(table[i]);
    rmdir(dir);
}

TestSuite(tables_allocation, .init = setup, .fini = remove_all);

Test(tables_allocation, compare)
{
    static const char *const format[] = {"text", "json", "junit"};
    for (int i = 0; i < 3; i++) {
        const char *argv[] = {"solcheck", "compare",  table[0],  table[1], "--op",
                              "mla",      "--format", format[i], NULL};
        walk(8, argv, 1);
    }
}

Test(tables_allocation, fit)
{
    const char *argv[] = {"solcheck", "fit",     table[0], "--op", "mla",
                          "--phase",  "context", "--json", NULL};
    walk(7, argv, 0);
    walk(8, argv, 0);
}

Test(tables_allocation, design)
{
    static const char *const format[] = {"text", "json", "yaml"};
    for (int i = 0; i < 3; i++) {
        const char *argv[] = {"solcheck", "design",   table[0],  "--op",
                              "mla",      "--phase",  "context", "--target",
                              "90",       "--format", format[i], NULL};
        walk(11, argv, 0);
    }
}

Test(tables_allocation, validate)
{
    static const char *const format[] = {"text", "json", "sarif", "junit"};
    static char cases[72], known[72];
    snprintf(cases, sizeof cases, "%s/cases.yaml", dir);
    snprintf(known, sizeof known, "%s/known", dir);
    FILE *file = fopen(cases, "w");
    cr_assert_not_null(file);
    fputs("schema_version: 1\nop: mla\ncommon_case_values:\n  mla:\n"
          "    context_batch_sizes: [1, 2, 4, 8, 16]\n"
          "    context_sequence_lengths: [16, 32, 64, 128, 256]\n"
          "    num_heads: [16]\n    dtypes: {attn: [bf16]}\n"
          "    constraints: ['context: batch_size * sequence_length % 2 == 0']\n",
          file);
    cr_assert_eq(fclose(file), 0);
    for (int i = 0; i < 4; i++) { /* the generation phase is missing: 1 */
        const char *argv[] = {"solcheck", "validate", table[0],           cases,
                              "--op",     "mla",      "--cases",          cases,
                              "--format", format[i],  "--write-baseline", known,
                              NULL};
        walk(12, argv, 1);
    }
    unlink(cases);
    unlink(known);
}
