/* solcheck - tests of collector/evidence.c: an invented op over two axes, latencies made
 * up so that each figure can be counted by hand.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "collector/evidence.h"

static const char text[] =
    "op: toy\ntitle: an invented op\nsource: [nowhere]\ngranularity: kernel\n"
    "params:\n"
    "  wide: {default: 3, meaning: elements of a row}\n"
    "dtypes:\n"
    "  act: {default: bf16, allowed: [bf16]}\n"
    "phases:\n"
    "  context:\n"
    "    axes: {b: rows, s: columns}\n"
    "    ranges: {b: [1, 1000], s: [1, 1000]}\n"
    "    guards: [b*s <= 60]\n"
    "    tokens: b*s\n"
    "    flops:\n"
    "      mm: {expr: 2*b*s*wide, engine: tensor, dtype: act, source: x}\n"
    "    bytes:\n"
    "      in: {expr: b*s*wide*bytes(act), access: read, dtype: act, source: x}\n"
    "    output: {shape: [b, s, wide], dtype: act}\n";

#define MOST 64

static sol_op *op;
static col_points points;
static col_point row[MOST];
static double x[MOST];
static col_evidence e;

static void setup(void)
{
    char path[] = "/tmp/sc_evidence_XXXXXX.yaml";
    sc_diag diag = {0};
    int file = mkstemps(path, 5);
    cr_assert(file >= 0 && write(file, text, sizeof text - 1) == sizeof text - 1);
    close(file);
    sc_status status = sol_op_load(path, &op, &diag);
    unlink(path);
    cr_assert_eq(status, SC_OK, "%d: %s", diag.line, diag.message);
    static sol_config config[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(sol_config_init(op, &config[i], &diag), SC_OK);
    points = (col_points){
        .op = op, .phase = SOL_CONTEXT, .point = row, .config = config, .n_configs = 2};
}

static void teardown(void)
{
    for (size_t i = 0; i < 2; i++)
        sol_config_clear(&points.config[i]);
    sol_op_free(op);
}

static void add(int group, double b, double s, double latency_s)
{
    cr_assert_lt(points.n, MOST);
    x[points.n] = b * s;
    row[points.n] = (col_point){.axis = {b, s},
                                .latency_s = latency_s,
                                .group = group,
                                .line = (int)points.n + 2,
                                .hot = true};
    points.n++;
}

static void look(void)
{
    sc_diag diag = {0};
    col_rows rows;
    cr_assert_eq(col_rows_of(&points, &rows, &diag), SC_OK);
    cr_assert_eq(col_evidence_rows(&rows, x, &e, &diag), SC_OK, "%s", diag.message);
    col_rows_clear(&rows);
}

TestSuite(evidence, .init = setup, .fini = teardown);

Test(evidence, spread_at_one_x_is_largest_over_smallest_of_a_configuration)
{
    add(0, 2, 15, 3.0); /* x = 30 three times in one configuration */
    add(0, 5, 6, 4.5);
    add(0, 15, 2, 3.6);
    add(0, 7, 1, 1.0); /* alone at 7 */
    add(1, 3, 10, 90); /* x = 30, but another configuration */
    add(1, 4, 3, 2.0); /* x = 12 twice */
    add(1, 3, 4, 2.2);
    look();
    cr_expect_eq(e.n_iso, 2);
    cr_expect_eq(e.n_iso_rows, 5);
    cr_expect_float_eq(e.iso_median, 1.1, 1e-12);
    cr_expect_float_eq(e.iso_largest, 1.5, 1e-12);
}

Test(evidence, repeats_of_one_point_are_no_iso_token_group)
{
    add(0, 2, 15, 3.0);
    add(0, 2, 15, 3.1);
    look();
    cr_expect_eq(e.n_iso, 0);
    cr_expect(isnan(e.iso_median));
    cr_expect_eq(e.n_repeated, 1);
    cr_expect_eq(e.n_contradictory, 0);
}

Test(evidence, repeats_that_differ_contradict)
{
    add(0, 2, 15, 3.0);
    add(0, 3, 15, 4.0);
    add(0, 2, 15, 3.4);
    add(1, 2, 15, 9.0);
    look();
    cr_expect_eq(e.n_repeated, 1);
    cr_expect_eq(e.n_contradictory, 1);
    cr_expect_eq(e.contradictory_line, 4);
}

Test(evidence, a_row_faster_than_its_smaller_neighbour_is_inverted)
{
    add(0, 2, 3, 1.0);
    add(0, 2, 5, 0.97); /* within what agrees */
    add(0, 2, 9, 0.8);  /* along s */
    add(0, 7, 3, 0.5);  /* along b */
    add(0, 7, 5, 2.0);
    add(1, 7, 9, 0.1); /* alone in its configuration */
    look();
    cr_expect_eq(e.n_inverted, 2);
    cr_expect_float_eq(e.inverted_ratio, 2, 1e-12);
    cr_expect_eq(e.inverted_line, 5);
}

Test(evidence, cold_and_hot_rows_are_not_compared)
{
    add(0, 2, 3, 1.0);
    add(0, 2, 9, 0.5);
    row[1].hot = false;
    look();
    cr_expect_eq(e.n_inverted, 0);
    cr_expect_eq(e.n_cells, 8); /* 2 points in 2 states of 2 configurations */
}

Test(evidence, coverage_counts_the_cells_that_guards_admit)
{
    /* b in {2, 7}, s in {3, 11}: 7 * 11 > 60 is no cell; two configurations. */
    add(0, 2, 3, 1);
    add(0, 7, 3, 2);
    add(0, 2, 11, 2);
    add(0, 2, 11, 2);
    add(1, 2, 3, 1);
    look();
    cr_expect_eq(e.n_cells, 6);
    cr_expect_eq(e.n_filled, 4);
}
