/* solcheck - inside of the record store: handle and columns.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_STORE_INTERNAL_H
#define SC_COLLECTOR_STORE_INTERNAL_H

#include <sqlite3.h>

#include "collector/store.h"

/* X(field of col_record): a column of `points` each, SI units. A new field changes
 * COL_STORE_VERSION. */
#define COL_STORE_TEXTS(X)                                                               \
    X(framework)                                                                         \
    X(version) X(device) X(op_name) X(kernel_source) X(launch) X(cache) X(scope)         \
        X(inputs) X(unmet) X(repro)
#define COL_STORE_REALS(X)                                                               \
    X(b)                                                                                 \
    X(s)                                                                                 \
    X(tp) X(latency_s) X(mean_s) X(min_s) X(max_s) X(mad_s) X(floor_s) X(wall_s)         \
        X(sm_clock_hz) X(mem_clock_hz) X(power_W) X(power_limit_W)
#define COL_STORE_INTS(X) X(samples) X(batch)

struct col_store {
    sqlite3 *db;
    char *path;
};

/* The last SQLite error as SC_EIO SC2010, or SC_ENOMEM. */
sc_status col_store_fail(col_store *store, sc_diag *diag);
sc_status col_store_prepare(col_store *store, const char *sql, sqlite3_stmt **out,
                            sc_diag *diag);
/* Runs statements without rows or parameters. */
sc_status col_store_run(col_store *store, const char *sql, sc_diag *diag);
/* Runs a statement that yields no row, and releases it. */
sc_status col_store_finish(col_store *store, sqlite3_stmt *statement, sc_diag *diag);
/* The first number of a statement's first row. */
sc_status col_store_number(col_store *store, const char *sql, int64_t *out,
                           sc_diag *diag);
/* Makes the tables where the file is empty. Errors: SC_EIO SC2010, SC_ENOMEM. */
sc_status col_store_make_schema(col_store *store, sc_diag *diag);
/* Is it a store, and of this version? One of an older version is brought up to date.
 * Errors: SC_EIO SC2010, SC_ENOMEM. */
sc_status col_store_check_schema(col_store *store, sc_diag *diag);
/* Appends what tells two points apart, as one text. */
void col_store_key(const col_record *r, sc_buf *out);

#endif
