/* solcheck - tests of collector/rows.c, and of mapping a window at a time: rows and
 * points of one table are the same, however many windows it takes.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>

#include "base/alloc.h"
#include "base/text.h"
#include "collector/rows.h"
#include "fixture.h"

#define N_ROWS 20011 /* more than two windows */

static sol_op *op;
static col_table *table;
static sc_diag diag;

/* Every 13th row is out of range, every 101st line is blank, labels change in between. */
static void set_up(void)
{
    sc_buf text = {0};
    op = toy_op();
    sc_buf_add(&text, "phase,b,s,heads,act_dtype,latency,cache,odd\n");
    for (int i = 0; i < N_ROWS; i++) {
        sc_buf_printf(&text, "context,%d,%d,%d,%s,%d.385,%s,%s\n%s", 1 + i % 7,
                      i % 13 == 5 ? 1000000 : 1 + i % 911, i % 5 == 0 ? 8 : 16,
                      i % 3 ? "bf16" : "bfloat16", 1 + i % 17,
                      i < N_ROWS / 2 ? "hot" : "cold", i > 9000 ? "late" : "early",
                      i % 101 == 0 ? "\n" : "");
    }
    cr_assert_not(text.failed);
    cr_assert_eq(col_table_parse("t.csv", text.text, text.n, &table, &diag), SC_OK, "%s",
                 diag.message);
    sc_buf_free(&text);
}

static void tear_down(void)
{
    col_table_free(table);
    sol_op_free(op);
}

TestSuite(rows, .init = set_up, .fini = tear_down);

static void compare(const col_rows *rows, const col_points *points)
{
    cr_assert_eq(rows->n, points->n);
    for (size_t i = 0; i < rows->n; i++) {
        const col_point *point = &points->point[i];
        for (int k = 0; k < rows->n_axes; k++)
            cr_assert_eq(col_values_at(&rows->axis[k], i), point->axis[k]);
        cr_assert_eq(rows->latency_s[i], point->latency_s);
        cr_assert_eq(col_values_at(&rows->group, i), point->group);
        cr_assert_eq(col_rows_hot(rows, i), point->hot);
        cr_assert_eq(col_rows_line(rows, i), point->line);
    }
}

Test(rows, are_the_points)
{
    col_points points;
    col_rows rows, copy;
    sc_diags warnings = {0};
    sc_status status =
        col_points_map(table, op, SOL_CONTEXT, NULL, &points, &warnings, &diag);
    cr_assert_eq(status, SC_OK, "%s", diag.message);
    cr_assert_eq(col_rows_map(table, op, SOL_CONTEXT, &rows, NULL, &diag), SC_OK);
    cr_assert_eq(points.n + points.n_dropped, N_ROWS);
    cr_assert_eq(points.n_dropped, 1539, "%zu", points.n_dropped);
    cr_assert_eq(rows.about.n_dropped, points.n_dropped);
    cr_assert_eq(points.n_configs, 4,
                 "2 values of heads times 2 of odd, not %zu: bf16 and "
                 "bfloat16 are one",
                 points.n_configs);
    cr_assert_eq(rows.about.n_configs, 4);
    compare(&rows, &points);
    /* A line of the second window, counted by hand: line 1 is the header, row i of those
     * counted from 0 has 1 + (i - 1) / 101 blank lines before it. */
    bool found = false;
    for (size_t i = 0; i < points.n; i++)
        found |= points.point[i].line == 9002 + 2 + 1 + 9001 / 101;
    cr_assert(found);
    cr_assert_eq(col_rows_of(&points, &copy, &diag), SC_OK);
    compare(&copy, &points);
    col_rows_clear(&copy);
    col_rows_clear(&rows);
    col_points_clear(&points);
    sc_diags_free(&warnings);
}

Test(rows, by_configuration)
{
    col_rows rows;
    col_row_order order = {0};
    size_t n = 0;
    cr_assert_eq(col_rows_map(table, op, SOL_CONTEXT, &rows, NULL, &diag), SC_OK);
    cr_assert_eq(col_row_order_make(&rows, &order, &diag), SC_OK);
    cr_assert_eq(order.first[rows.about.n_configs], rows.n);
    for (size_t g = 0; g < rows.about.n_configs; g++)
        for (size_t i = order.first[g]; i < order.first[g + 1]; i++, n++) {
            cr_assert_eq(col_values_at(&rows.group, order.row[i]), (double)g);
            cr_assert(i == order.first[g] || order.row[i - 1] < order.row[i]);
        }
    cr_assert_eq(n, rows.n);
    double some[64];
    col_rows_gather(&rows.axis[1], order.row + 100, 64, some);
    for (size_t i = 0; i < 64; i++)
        cr_assert_eq(some[i], col_values_at(&rows.axis[1], order.row[100 + i]));
    col_row_order_clear(&order);
    col_rows_clear(&rows);
}

Test(rows, survive_failing_allocations, .timeout = 120)
{
    table->n_rows = 8500; /* into a second window */
    for (unsigned long i = 1;; i++) {
        col_rows rows;
        long live = sc_alloc_live();
        sc_alloc_fail_at(i, 0);
        sc_status status = col_rows_map(table, op, SOL_CONTEXT, &rows, NULL, &diag);
        sc_alloc_fail_at(0, 0);
        if (status == SC_OK) {
            col_rows_clear(&rows);
            cr_assert_gt(i, 30);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM, "allocation %lu: %d %s", i, status, diag.message);
        cr_assert_eq(sc_alloc_live(), live, "allocation %lu leaks", i);
    }
}
