/* solcheck - points of one op and phase column by column, in a fifth of the bytes that
 * col_points takes: for tables of millions of rows.
 * Tests: tests/unit/collector/test_rows.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_ROWS_H
#define SC_COLLECTOR_ROWS_H

#include "collector/table.h"

typedef struct col_rows {
    col_points about; /* configurations and the like; no points */
    size_t n;
    int n_axes;
    col_values axis[SOL_MAX_AXES], group, hot;
    col_values line; /* less the number of the row: mostly one number */
    double *latency_s;
    size_t capacity, expected;
    bool borrowed; /* about is another one's */
} col_rows;

/* As col_points_map without a filter. Release with col_rows_clear. */
sc_status col_rows_map(const col_table *table, const sol_op *op, sol_phase_kind phase,
                       col_rows *out, sc_diags *warnings, sc_diag *diag);
/* The same rows; configurations stay those of points, which must outlive *out. Errors:
 * SC_ENOMEM. */
sc_status col_rows_of(const col_points *points, col_rows *out, sc_diag *diag);
void col_rows_clear(col_rows *rows);

int col_rows_line(const col_rows *rows, size_t row);
static inline bool col_rows_hot(const col_rows *rows, size_t row)
{
    return col_values_at(&rows->hot, row) != 0;
}
/* Values of some rows: column[row[i]]. Rows ascend in most calls, which is fast. */
void col_rows_gather(const col_values *column, const unsigned *row, size_t n,
                     double *out);

/* Rows by configuration, in the order of the table within one. */
typedef struct col_row_order {
    unsigned *row; /* [n] */
    size_t *first; /* [n_configs + 1] into row */
} col_row_order;

/* Errors: SC_ENOMEM. Release with col_row_order_clear in any case. */
sc_status col_row_order_make(const col_rows *rows, col_row_order *out, sc_diag *diag);
void col_row_order_clear(col_row_order *order);

#endif
