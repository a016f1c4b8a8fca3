/* solcheck - what the parts of an audit share: rows with their bounds, which are
 * evaluated whenever they are looked at (that takes less time than to fetch them from
 * memory). SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#ifndef SC_COLLECTOR_AUDIT_ROWS_H
#define SC_COLLECTOR_AUDIT_ROWS_H

#include "collector/audit.h"

/* Tables print latencies with few digits, at times with three; a row is faster than its
 * bound only beyond that rounding. */
#define COL_ROUNDING 1e-3

typedef struct col_audit_row {
    unsigned row; /* of the table */
    int config;
    bool is_hot; /* its own cache state */
    double latency_s;
    double cold, hot; /* either bound / latency */
    double bound_s;   /* of the row's own cache state */
    double ratio;     /* bound_s / latency */
    double bytes_B;   /* working set: each distinct byte once */
    col_limiter limiter;
} col_audit_row;

/* Rows by configuration, and memory for a block of them. */
typedef struct col_bounds col_bounds;

/* Keeps pointers to rows, system and order. Errors: SC_ENOMEM. Release with
 * col_bounds_free. */
sc_status col_bounds_new(const col_rows *rows, const sol_system *system,
                         const col_row_order *order, col_bounds **out, sc_diag *diag);
void col_bounds_free(col_bounds *bounds);

/* Calls visit with all rows, n at a time, configuration by configuration. Errors: those
 * of sol_model_new and sol_model_eval, and what visit returns. */
typedef sc_status col_visit(void *user, const col_audit_row *row, size_t n);
sc_status col_bounds_visit(col_bounds *bounds, col_visit *visit, void *user,
                           sc_diag *diag);

/* Value of rank ceil(q n) of sorted[n], NaN when n is 0. */
double col_audit_quantile(const double *sorted, size_t n, double q);

/* Are the large rows too slow to be true? */
bool col_audit_slow(const col_audit *audit);

static inline bool col_row_is_bad(const col_audit_row *row)
{
    return row->ratio > 1 + COL_ROUNDING;
}
/* Hot, and faster than the cold bound only. */
static inline bool col_row_is_explained(const col_audit_row *row)
{
    return row->is_hot && row->cold > 1 + COL_ROUNDING && !col_row_is_bad(row);
}

/* Fills audit->finding. Errors: SC_ENOMEM, and those of col_bounds_visit. */
sc_status col_audit_suspect(const col_rows *rows, const sol_system *system,
                            col_bounds *bounds, col_audit *audit, sc_diag *diag);

#endif
