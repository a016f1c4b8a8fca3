/* solcheck - what the two halves of `solcheck audit` share.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_AUDIT_H
#define SC_CLI_AUDIT_H

#include <jansson.h>

#include "cli/library.h"
#include "collector/audit.h"

typedef struct audit_result { /* of one table, op and phase */
    const char *path;
    const sol_op *op; /* NULL: none maps the table, or it could not be read */
    sol_phase_kind phase;
    const sol_system *system; /* NULL: no system file */
    col_audit audit;
    size_t n_dropped;    /* rows that the op does not cover */
    size_t n_table;      /* rows in the table */
    char unaudited[256]; /* why there is no audit, "" when there is one */
} audit_result;

/* What came of one file. */
typedef struct audit_outcome {
    audit_result *result;
    size_t n, capacity;
    size_t n_rows; /* of the table */
    sc_diags warnings;
    bool failed;      /* could not be read: the other files still are */
    sc_status status; /* what ends the whole audit, with diag */
    sc_diag diag;
} audit_outcome;

/* What audits one table after the other; one a thread, with a session of its own that
 * shares options and data directory with the others. */
typedef struct audit_worker {
    cli_session cli;
    cli_library lib;
    audit_outcome *out;
    sc_diag held; /* with --op: why the table cannot be of one phase, while it may be of
                     the other */
} audit_worker;

/* Loads all ops; one that does not load is a warning of a->cli. Results point into the
 * worker's ops. Release with audit_worker_clear in any case. Errors: those of
 * cli_library_load, in a->cli.diag. */
sc_status audit_worker_init(audit_worker *a, const cli_session *cli);
void audit_worker_clear(audit_worker *a);

/* Audits the table at path (which results keep pointing to). *out is zero before. Errors:
 * SC_ENOMEM; what is wrong with the table is in *out. */
sc_status audit_file(audit_worker *a, const char *path, const sol_system *system,
                     audit_outcome *out);
void audit_outcome_clear(audit_outcome *out);

/* A file in its turn. */
typedef struct audit_turn {
    size_t file;
    double size_B, memory_B; /* of the file; what its table takes while it is audited */
    bool taken;
} audit_turn;

/* memory_B by the rows that a Parquet file says to have, else by its size. */
audit_turn audit_turn_of(size_t file, const char *path, double size_B);

/* The first turn that is not taken and whose table fits beside those at work, which take
 * in_hand_B; n: none does. A table that fits beside nothing has its turn when nothing
 * else is at work. *left: are any not taken? Test: tests/unit/cli/test_audit_turn.c. */
size_t audit_pick(const audit_turn *turn, size_t n, double in_hand_B, bool *left);

typedef struct audit_report { /* results in the order of the files, borrowed */
    audit_result *result;
    size_t n;
    size_t n_files, n_failed; /* tables; those that could not be read */
} audit_report;

typedef struct audit_totals {
    size_t rows, violations, below_cold, audited, unaudited, rows_unaudited;
    size_t inverted, contradictory;
    size_t suspect[COL_N_SUSPECTS]; /* rows */
    size_t also[COL_N_SUSPECTS];    /* rows whose first suspect is another one */
} audit_totals;
audit_totals audit_count(const audit_report *report);

/* "architectural", or "datasheet" where the bounds rest on such numbers. */
const char *audit_ceiling(const audit_result *r);
/* Rows of a table that fill its own grid, in [0, 1]; NaN: not counted. */
double audit_coverage(const col_evidence *e);

sc_status audit_text(cli_session *cli, const audit_report *report, sc_buf *out);
sc_status audit_json(cli_session *cli, const audit_report *report, sc_buf *out);
sc_status audit_html(cli_session *cli, const audit_report *report, sc_buf *out);

#endif
