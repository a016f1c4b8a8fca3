/* solcheck - validating case files and perf tables: what an op, its proof and a system
 * say of them before a GPU-hour is spent, and after. docs/validate.md lists every code.
 * Tests: tests/validate/mutate.py, tests/unit/collector/test_cases.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_VALIDATE_H
#define SC_COLLECTOR_VALIDATE_H

#include "collector/cases.h"
#include "collector/store.h"
#include "collector/table.h"

/* Which axes a phase is to be collected over. */
typedef enum col_axes { COL_AXES_PROOF, COL_AXES_TOKENS, COL_AXES_ALL } col_axes;

typedef struct col_cost {
    double n_cases; /* that the target can run; all dtype combinations */
    double gpu_s;   /* estimated: 5 us + SOL / 0.5 a launch, repeated as measure does */
    bool at_least;  /* there are too many to look at each */
} col_cost;

/* Checks what was read: decision, phases, guards, TP, memory, indices, regimes, iso-token
 * pairs, keys. decision: of each phase; COL_AXES_PROOF takes what the proof says at the
 * first configuration. Errors: SC_ENOMEM, SC_EUNABLE SC1200. */
sc_status col_cases_check(const col_cases *cases, const col_axes decision[SOL_N_PHASES],
                          col_findings *findings, col_cost *out, sc_diag *diag);

/* What a table is held against. */
typedef struct col_table_check {
    const sol_op *op;
    sol_phase_kind phase;
    const sol_system *system; /* NULL: nothing that needs one is checked */
    const col_cases *plan;    /* NULL: none */
    col_store *const *store;  /* whose failures explain holes; [n_stores] */
    size_t n_stores;
} col_table_check;

/* Checks cells, before anything is mapped: numbers, latencies, dispersion, unknown
 * columns. ops: those that the table may be of. *out is the table without the rows that
 * cannot be used, NULL when all can; release with col_table_free. Errors: SC_ENOMEM. */
sc_status col_table_check_cells(const col_table *table, const sol_op *const *op, size_t n,
                                col_findings *findings, col_table **out, sc_diag *diag);

/* Checks the rows of one op and phase. *n_rows: how many were of it. Errors: SC_ENOMEM;
 * those of col_points_map but SC_EDOMAIN, which is no finding (rows of another phase). */
sc_status col_table_check_rows(const col_table *table, const col_table_check *what,
                               col_findings *findings, size_t *n_rows, sc_diag *diag);

/* Adds a finding about a row of a table; row SIZE_MAX: about the file. Errors: SC_ENOMEM.
 */
sc_status col_table_report(const col_table *table, col_findings *findings, int line,
                           sc_severity severity, sc_code code, const char *hint,
                           const char *fmt, ...) SC_PRINTF(7, 8);

#endif
