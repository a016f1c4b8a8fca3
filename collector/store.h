/* solcheck - the record store: measured points in an SQLite file, raw samples included.
 *
 * One transaction a point: a writer that is killed at any moment loses the point in
 * flight and nothing else. The file is in WAL mode with a busy timeout, so that several
 * processes can write one store; WAL needs shared memory, hence a local file system. A
 * handle must not be used on the other side of fork(2). The schema is in docs/measure.md
 * and is versioned (PRAGMA user_version): a store of an older version gets the columns
 * that it lacks when it is opened. Tests: tests/unit/collector/test_store.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_STORE_H
#define SC_COLLECTOR_STORE_H

#include <stddef.h>

#include "collector/record.h"

#define COL_STORE_VERSION 5

typedef struct col_store col_store;

/* Where rows come from. Texts are borrowed; NULL is stored as "". */
typedef struct col_run {
    const char *device, *driver, *cuda; /* runtime version */
    int compute_capability;             /* x10; 0 for a CPU */
    const char *version, *commit;       /* of solcheck */
    const char *date;                   /* UTC, 2026-11-22T13:33:39Z */
    const char *command;                /* as typed */
} col_run;

/* One timed sample: time of one launch, and what the device reported right after it. NaN:
 * not known. */
typedef struct col_sample {
    double latency_s;
    double sm_clock_hz, power_W;
    uint64_t throttle;
} col_sample;

typedef enum col_state { COL_ABSENT, COL_DONE, COL_FAILED } col_state;

/* Opens path; create makes it where there is none. Without create a file that may not be
 * written, in such a directory, is read as it is. Errors: SC_EIO SC2010 (cannot be
 * opened, is no store, of a newer version, or of an older one and not to be written; says
 * which), SC_ENOMEM. Release with
 * col_store_close. */
sc_status col_store_open(const char *path, bool create, col_store **out, sc_diag *diag);
void col_store_close(col_store *store); /* NULL is legal */

/* Adds a run; *id is what its points name. Errors: SC_EIO SC2010, SC_ENOMEM. */
sc_status col_store_add_run(col_store *store, const col_run *run, int64_t *id,
                            sc_diag *diag);

/* Is there a point with the keys of *key: device, op_name, parameters, dtypes, phase, b,
 * s, tp, cache, scope and inputs? Everything else of *key is ignored. Errors: SC_EIO
 * SC2010, SC_ENOMEM.
 */
sc_status col_store_find(col_store *store, const col_record *key, col_state *out,
                         sc_diag *diag);

/* Stores a measured point with its samples, sample[n], in one transaction. It replaces an
 * earlier point of equal keys. Errors: SC_EINVAL as col_record_append, SC_EIO SC2010,
 * SC_ENOMEM. */
sc_status col_store_add(col_store *store, int64_t run, const col_record *record,
                        const col_sample *sample, size_t n, sc_diag *diag);

/* Stores that a point could not be measured, with the diagnostic that says why; a
 * measured point of equal keys stays. Errors: as col_store_add. */
sc_status col_store_add_failure(col_store *store, int64_t run, const col_record *key,
                                const sc_diag *why, sc_diag *diag);

/* A kernel of one launch of a point's layer, in the order of launch. Names are borrowed.
 */
typedef struct col_kernel {
    const char *name;
    double latency_s;
    int64_t grid[3], block[3];
    int registers;  /* a thread; 0: not known */
    int64_t smem_B; /* shared memory of a block */
} col_kernel;

/* Has the measured point with the keys of *key kernels? False where there is no such
 * point. Errors: SC_EIO SC2010, SC_ENOMEM. Test: tests/unit/collector/test_kernels.c, as
 * for the two functions below. */
sc_status col_store_has_kernels(col_store *store, const col_record *key, bool *out,
                                sc_diag *diag);
/* Stores kernel[n] with the measured point of equal keys, in the place of those it has,
 * in one transaction. Errors: SC_EIO SC2010 (also: no such point), SC_ENOMEM. */
sc_status col_store_set_kernels(col_store *store, const col_record *key,
                                const col_kernel *kernel, size_t n, sc_diag *diag);
/* Appends the kernels of n stores as CSV, a row a kernel, sorted by point and order of
 * launch. op_name NULL: of all ops. Of points with equal keys in several stores those of
 * the first one that has kernels. Errors: SC_EIO SC2010, SC_EDOMAIN SC2004 (none),
 * SC_ENOMEM. */
sc_status col_kernels_csv(const char *const path[], size_t n, const char *op_name,
                          sc_buf *out, sc_diag *diag);

/* Does the store say that a point failed, on whatever device, in whatever cache state? Of
 * config, the parameters and dtypes that the store holds count. Errors: SC_EIO SC2010,
 * SC_ENOMEM. */
sc_status col_store_failed(col_store *store, const sol_op *op, const sol_config *config,
                           sol_phase_kind phase, double b, double s, bool *out,
                           sc_diag *diag);

/* What measured points took in all, of an op in a phase and cache state. */
typedef struct col_wall {
    double latency_s, wall_s;
    int batch;
} col_wall;
/* Those of which it is known; release *out with sc_free. Errors: SC_EIO SC2010,
 * SC_ENOMEM. Test: tests/unit/collector/test_store.c. */
sc_status col_store_walls(col_store *store, const char *op_name, sol_phase_kind phase,
                          const char *cache, col_wall **out, size_t *n, sc_diag *diag);

/* Number of points: measured, failed. Errors: SC_EIO SC2010. */
sc_status col_store_count(col_store *store, int64_t *n_done, int64_t *n_failed,
                          sc_diag *diag);

/* The measured points as perf tables (docs/tables.md), rows sorted by op, phase, keys,
 * tp, b and s. Of points with equal keys in several stores the newest is written. */
typedef struct col_export col_export;
typedef struct col_export_table {
    const char *op_name;  /* owned by the export */
    sol_phase_kind phase; /* of all rows, unless mixed */
    size_t n_rows;
} col_export_table;

/* Reads the measured points of n stores. op_name NULL: of all ops. Errors: SC_EIO SC2010,
 * SC_EDOMAIN SC2004 (no point), SC_ENOMEM. Release with col_export_free. */
sc_status col_export_load(const char *const path[], size_t n, const char *op_name,
                          col_export **out, sc_diag *diag);
void col_export_free(col_export *all);
/* The i-th table: one a (op, phase). False when there are no more. */
bool col_export_table_at(const col_export *all, size_t i, col_export_table *out);
/* Appends the CSV of the i-th table, or of all of them when i is SIZE_MAX. Errors:
 * SC_EINVAL SC2005 (all, and the ops have different keys), SC_ENOMEM. */
sc_status col_export_csv(const col_export *all, size_t i, sc_buf *out, sc_diag *diag);
/* Appends the command that measures each row again, a line each, in the order of the
 * rows. Errors: SC_ENOMEM. */
sc_status col_export_repro(const col_export *all, sc_buf *out, sc_diag *diag);

#endif
