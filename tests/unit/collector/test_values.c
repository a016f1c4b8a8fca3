/* solcheck - tests of collector/values.c: whatever the width, cells come back bit by bit.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/values.h"

#define MOST 5000

static double cell[MOST];
static size_t n_cells;

static void add(col_values *v, double value)
{
    cr_assert_lt(n_cells, MOST);
    cell[n_cells++] = value;
    cr_assert(col_values_add(v, &value, 1, 0));
}

static bool same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

static void holds(const col_values *v, col_width width)
{
    double back[MOST];
    cr_assert_eq(v->width, width);
    cr_assert_eq(v->n, n_cells);
    col_values_read(v, 0, n_cells, back);
    for (size_t i = 0; i < n_cells; i++) {
        cr_assert(same(back[i], cell[i]), "%zu: %g, not %g", i, back[i], cell[i]);
        cr_assert(same(col_values_at(v, i), cell[i]));
    }
}

Test(values, widths_grow_as_cells_ask)
{
    col_values v = {0};
    n_cells = 0;
    cr_assert(isnan(col_values_at(&v, 3)), "a column that was not read is empty");
    for (int i = 0; i < 700; i++)
        add(&v, -17);
    holds(&v, COL_ONE);
    add(&v, NAN);
    add(&v, 127);
    add(&v, -127);
    holds(&v, COL_INT8);
    add(&v, -128); /* the least of a width stands for an empty cell */
    holds(&v, COL_INT16);
    add(&v, 32767);
    add(&v, NAN);
    holds(&v, COL_INT16);
    add(&v, -32768);
    holds(&v, COL_INT32);
    add(&v, -2147483647);
    add(&v, 2147483647);
    holds(&v, COL_INT32);
    add(&v, 2.385);
    holds(&v, COL_DOUBLE);
    add(&v, INFINITY);
    add(&v, -0.0);
    holds(&v, COL_DOUBLE);
    col_values_clear(&v);
}

Test(values, what_is_no_small_integer_is_a_double)
{
    static const double odd[] = {-0.0, 2147483648.0, -2147483648.0, 0.5, INFINITY, 1e300};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        col_values v = {0};
        n_cells = 0;
        add(&v, 3);
        add(&v, odd[i]);
        add(&v, NAN);
        holds(&v, COL_DOUBLE);
        col_values_clear(&v);
    }
}

/* All at once, some at a time, with and without a guess of the number of rows. */
Test(values, pieces_make_no_difference)
{
    unsigned state = 2385;
    for (int round = 0; round < 40; round++) {
        col_values v = {0};
        n_cells = 0;
        double range = pow(10, round % 12);
        size_t n = 1 + (size_t)(round * 97 % 1700);
        for (size_t i = 0; i < n; i++) {
            state = state * 1103515245u + 12345u;
            cell[i] = state % 7 == 0 ? NAN : floor(range * (state >> 8) / 16777216.0);
        }
        for (size_t first = 0, m; first < n; first += m) {
            m = n - first < 13 + (size_t)round ? n - first : 13 + (size_t)round;
            cr_assert(col_values_add(&v, cell + first, m, round % 2 ? n : 0));
        }
        n_cells = n;
        holds(&v, v.width);
        bool leave_out[MOST] = {false};
        size_t kept = 0;
        for (size_t i = 0; i < n; i++)
            leave_out[i] = i % 3 == 1;
        col_values some;
        cr_assert(col_values_select(&v, n, leave_out, &some));
        for (size_t i = 0; i < n; i++)
            if (!leave_out[i])
                cr_assert(same(col_values_at(&some, kept++), cell[i]));
        cr_assert_eq(some.n, kept);
        col_values_move(&v, n - 1, 0);
        cr_assert(same(col_values_at(&v, 0), cell[n - 1]));
        col_values_clear(&some);
        col_values_clear(&v);
    }
}

Test(values, texts_are_kept_once)
{
    col_values v = {0};
    char text[32];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 3000; i++) {
            snprintf(text, sizeof text, "label %d", i);
            cr_assert_eq(col_values_intern(&v, text, strlen(text)), i);
        }
    cr_assert_eq(col_values_intern(&v, "label 1 and more", 7), 1, "n bytes count");
    cr_assert_eq(col_values_intern(&v, "label", 5), 3000);
    cr_assert_eq(col_values_intern(&v, "", 0), 3001);
    cr_assert_eq(v.n_texts, 3002);
    double codes[] = {1, 2999, 1, NAN};
    cr_assert(col_values_add(&v, codes, 4, 0));
    cr_assert_str_eq(col_values_text(&v, 1), "label 2999");
    cr_assert_eq(col_values_text(&v, 0), col_values_text(&v, 2));
    cr_assert_str_eq(col_values_text(&v, 3), "");
    col_values_clear(&v);
}

Test(values, survives_failing_allocations)
{
    for (unsigned long i = 1;; i++) {
        static const double cells[] = {1, 300, 70000, 0.5};
        col_values v = {0};
        sc_alloc_fail_at(i, 0);
        bool ok = true;
        size_t n = 0;
        for (; n < 4 && ok; n += ok)
            ok = col_values_add(&v, &cells[n], 1, 0);
        sc_alloc_fail_at(0, 0);
        cr_assert_eq(v.n, n, "a failure leaves the column as it was");
        for (size_t k = 0; k < n; k++)
            cr_assert_eq(col_values_at(&v, k), cells[k]);
        col_values_clear(&v);
        cr_assert_eq(sc_alloc_live(), 0);
        if (ok)
            break;
        cr_assert_lt(i, 10);
    }
}
