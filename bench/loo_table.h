/* solcheck - leave-one-out on one perf table: points as regressors, halves, folds.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_BENCH_LOO_TABLE_H
#define SC_BENCH_LOO_TABLE_H

#include <stdint.h>

#include "cli/library.h"
#include "collector/table.h"
#include "fit/field.h"

/* A table as a cloud of points over regressors. Sorted by kind (the dtypes), then by
 * coordinate; the innermost axis is the last coordinate, so that its curves are
 * contiguous. Rows at one place are one point, their median. */
typedef struct loo_table {
    const sol_op *op;
    sol_phase_kind phase;
    char name[64]; /* system, file */
    size_t n, n_rows;
    int n_coords, n_params; /* the parameters come first */
    char coord_name[FIT_FIELD_MAX_COORDS][32];
    double *coord[FIT_FIELD_MAX_COORDS];                  /* [n] natural logarithms */
    double *compute_s, *memory_s, *latency_s, *b, *s, *x; /* [n] */
    int *kind, *config, *curve;                           /* [n] ascending */
    unsigned char *learn;    /* [n] settings are chosen here, errors reported elsewhere */
    unsigned char *interior; /* [n] neither first nor last of its curve */
    double *store;
    int *istore;
    unsigned char *cstore;
} loo_table;

/* *found is false where the table is not of that op and phase. */
sc_status loo_table_load(cli_library *lib, const char *path, const sol_op *op,
                         sol_phase_kind phase, uint64_t seed, loo_table *out, bool *found,
                         sc_diag *diag);
void loo_table_clear(loo_table *table);

typedef struct loo_error {
    size_t n;
    double median, p90, bias; /* of |predicted/measured - 1|; of the signed error */
} loo_error;

typedef struct loo_result {
    loo_error interior, frontier, site; /* each point, or each configuration, left out */
    loo_error tenth_interior, tenth_frontier; /* from a tenth of the points */
    loo_error bracket; /* interior, by blending the neighbours on the innermost axis */
} loo_result;
sc_status loo_table_run(const loo_table *table, uint64_t seed, loo_result *out,
                        sc_diag *diag);

#endif
