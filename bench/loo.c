/* solcheck - leave-one-out accuracy of the latency field on a directory of perf tables.
 *
 *     bench_loo PATH [SEED]          a table or a directory, e.g.
 * ../shared/data/perf_tables
 *
 * Protocol, definitions and results: docs/accuracy.md. Data and op library are found as
 * the program does ($SOLCHECK_DATA_DIR).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "bench/loo_table.h"
#include "collector/walk.h"

/* What the project is held to, and the figure of the reference ecosystem beside it
 * (aiconfigurator, docs/design/perf_interp_design.md, section 4). Percent, medians. */
static const struct target {
    const char *op;
    sol_phase_kind phase;
    const char *fold;
    double ours, theirs;
} targets[] = {
    {"mla", SOL_CONTEXT, "interior", 1.9, 2.19},
    {"mla", SOL_GENERATION, "interior", 1.1, 1.2},
    {"attention", SOL_CONTEXT, "interior", 1.8, 2.00},
    {"attention", SOL_GENERATION, "interior", 1.0, 1.1},
    {"gemm", SOL_CONTEXT, "interior", 4.5, 4.87},
    {"gemm", SOL_CONTEXT, "whole site", 3.4, 3.63},
    {"mla", SOL_CONTEXT, "frontier", 5.0, 5.47},
    {"attention", SOL_GENERATION, "frontier", 8.0, 9.7},
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const struct target *target_of(const loo_table *t, const char *fold)
{
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        const struct target *g = &targets[i];
        if (strcmp(g->op, t->op->name) == 0 && g->phase == t->phase &&
            strcmp(g->fold, fold) == 0) {
            return g;
        }
    }
    return NULL;
}

static void print_row(const loo_table *t, const char *kind, const char *fold,
                      const loo_error *e, double factor)
{
    const struct target *g = target_of(t, fold);
    if (e->n == 0) {
        return;
    }
    printf("%-34s %-11s %-10s %7zu %8.2f %8.2f %+8.2f", t->name, kind, fold, e->n,
           100 * e->median, 100 * e->p90, 100 * e->bias);
    if (g) {
        double limit = factor * g->ours;
        printf(" %7.2f %7.2f  %s", g->theirs, limit,
               100 * e->median <= limit ? "met" : "MISSED");
    }
    printf("\n");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    gsl_set_error_handler_off();
    if (argc < 2) {
        fprintf(stderr, "usage: %s PATH [SEED]\n", argv[0]);
        return 2;
    }
    cli_session cli = {.seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1};
    cli_library lib = {0};
    sc_diag diag = {0};
    col_files files = {0};
    sc_status status = cli_find_data(&cli.data_dir, &diag);
    if (!status) {
        status = cli_library_load(&cli, &lib);
    }
    if (!status) {
        status = col_walk(argv[1], &files, &cli.warnings, &diag);
    }
    printf("%-34s %-11s %-10s %7s %8s %8s %8s %7s %7s\n", "table", "chosen from", "fold",
           "points", "median %", "p90 %", "bias %", "theirs", "target");
    for (size_t i = 0; !status && i < files.n; i++) {
        for (size_t o = 0; !status && o < lib.n_ops; o++) {
            for (int p = 0; !status && p < SOL_N_PHASES; p++) {
                loo_table t;
                bool found = false;
                status = loo_table_load(&lib, files.path[i], lib.op[o], (sol_phase_kind)p,
                                        cli.seed, &t, &found, &diag);
                if (status || !found) {
                    continue;
                }
                double start = now_s();
                loo_result r;
                status = loo_table_run(&t, cli.seed, &r, &diag);
                if (!status) {
                    print_row(&t, "brackets", "(interior)", &r.bracket, 1);
                    print_row(&t, "all", "interior", &r.interior, 1);
                    print_row(&t, "all", "frontier", &r.frontier, 1);
                    print_row(&t, "all", "whole site", &r.site, 1);
                    print_row(&t, "a tenth", "interior", &r.tenth_interior, 2);
                    print_row(&t, "a tenth", "frontier", &r.tenth_frontier, 2);
                    fprintf(stderr, "%s: %.1f s\n", t.name, now_s() - start);
                }
                loo_table_clear(&t);
            }
        }
    }
    if (status) {
        fprintf(stderr, "error: %s\n", diag.message);
    }
    col_files_free(&files);
    cli_library_clear(&lib);
    sc_diags_free(&cli.warnings);
    sc_free(cli.data_dir);
    return status ? 2 : 0;
}
