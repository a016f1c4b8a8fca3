/* solcheck - what the two halves of an audit share: rows with their bounds.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_AUDIT_ROWS_H
#define SC_COLLECTOR_AUDIT_ROWS_H

#include "collector/audit.h"

/* Tables print latencies with few digits, at times with three; a row is faster than its
 * bound only beyond that rounding. */
#define COL_ROUNDING 1e-3

typedef struct col_audit_row {
    const col_point *point;
    const sol_config *config;
    double cold, hot; /* either bound / latency */
    double bound_s;   /* of the row's own cache state */
    double ratio;     /* bound_s / latency */
    double bytes_B;   /* working set: each distinct byte once */
    col_limiter limiter;
    int dtypes;    /* class of equal dtype slots */
    bool looked_at; /* whether it is so: */
    bool inverted; /* faster than a row of the same configuration with less to do */
} col_audit_row;

/* Value of rank ceil(q n) of sorted[n], NaN when n is 0. */
double col_audit_quantile(const double *sorted, size_t n, double q);

/* Are the large rows too slow to be true? */
bool col_audit_slow(const col_audit *audit);

/* Fills audit->finding from rows, sorted by configuration. Errors: SC_ENOMEM. */
sc_status col_audit_suspect(const col_points *points, const sol_system *system,
                            col_audit_row *row, col_audit *audit, sc_diag *diag);

#endif
