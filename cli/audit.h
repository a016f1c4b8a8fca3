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

typedef struct audit_report {
    audit_result *result;
    size_t n, capacity;
    size_t n_files, n_failed; /* tables; those that could not be read */
} audit_report;

sc_status audit_text(cli_session *cli, const audit_report *report, sc_buf *out);
sc_status audit_json(cli_session *cli, const audit_report *report, sc_buf *out);

#endif
