/* The main job with every allocation failing in turn: no crash, no leak, the exit status of a
 * lack of memory, and nothing left in the output directory.
 *
 * Two-phase measurements on awkward numbers, small enough to run some thousand times; plots
 * (another process) are drawn in tests/unit/reports. SC_ALLOC_STRIDE=1 tries every
 * allocation, the default every 101st after the first 300.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/session.h"

#define FILES 6 /* of a report without plots */

static char dir[] = "/tmp/sc_alloc_XXXXXX";
static char table[64], out[64];

/* A latency that depends on b and s apart: 12 iso-token pairs and a few more. */
static void write_table(void)
{
    FILE *file = fopen(table, "w");
    cr_assert_not_null(file);
    fputs("device,num_heads,phase,batch_size,isl,step,latency,latency_mad,samples\n", file);
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 5; k++) {
            double b = 1 << i, s = 16 << k;
            double us = 4.385 + 0.0217 * b * s + 3.1e-5 * b * s * s;
            fprintf(file, "G,16,context,%g,%g,0,%.6g,1e-6,11\n", b, s, us * 1e-3);
            us = 5.385 + 0.0117 * b * s;
            fprintf(file, "G,16,generation,%g,1,%g,%.6g,1e-6,11\n", b, s, us * 1e-3);
        }
    cr_assert_eq(fclose(file), 0);
}

static int run_job(const char *command_json)
{
    char *argv[] = {"solcheck", "--op",   "mla", "--data",     table,
                    "--out",    out,      (char *)command_json, "--no-plots", NULL};
    return cli_main(9, argv);
}

static int files_in(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;
    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
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

static void setup(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(table, sizeof table, "%s/t.csv", dir);
    snprintf(out, sizeof out, "%s/out", dir);
    write_table();
}

static void remove_all(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    cr_assert_eq(system(command), 0);
}

static void walk(const char *what)
{
    const char *text = getenv("SC_ALLOC_STRIDE");
    unsigned long stride = text ? strtoul(text, NULL, 10) : 101, tried = 0;
    setup();
    silence();
    cr_assert_eq(run_job(what), 0, "the job itself fails");
    cr_assert_eq(files_in(out), FILES);
    unsigned long before = sc_alloc_count();
    long live = sc_alloc_live();
    cr_assert_eq(run_job(what), 0);
    unsigned long total = sc_alloc_count() - before;
    cr_assert_eq(sc_alloc_live(), live, "a clean run leaks %ld", sc_alloc_live() - live);
    for (unsigned long n = 1; n <= total; n += n < 300 ? 1 : stride) {
        char command[128];
        snprintf(command, sizeof command, "rm -rf '%s'", out);
        cr_assert_eq(system(command), 0);
        sc_alloc_fail_at(n, 0);
        int code = run_job(what);
        sc_alloc_fail_at(0, 0);
        cr_assert_eq(sc_alloc_live(), live, "allocation %lu of %lu leaks %ld", n, total,
                     sc_alloc_live() - live);
        cr_assert(code == 2 || code == 0, "allocation %lu: exit status %d", n, code);
        cr_assert(code == 0 || files_in(out) == 0 || files_in(out) == FILES,
                  "allocation %lu leaves %d files", n, files_in(out));
        tried++;
    }
    cr_assert_gt(tried, 300);
    remove_all();
}

Test(allocation, main_job_with_summary)
{
    walk("--tolerance=5%");
}

Test(allocation, main_job_with_json)
{
    walk("--json");
}
