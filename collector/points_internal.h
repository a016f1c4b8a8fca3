/* solcheck - inside of col_points_map: what is known of a table while it is mapped.
 *
 * points.c binds and drives, points_phase.c chooses rows, points_bind.c turns columns
 * into numbers, points_rows.c checks and takes rows, points_groups.c finds the group of
 * each and merges points, points_cells.c reads cells and complains.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_POINTS_INTERNAL_H
#define SC_COLLECTOR_POINTS_INTERNAL_H

#include "collector/columns.h"
#include "collector/table.h"
#include "sol/plan.h"

/* Numbers of Parquet tables as text, for messages and comparisons: the last few asked
 * for. */
typedef struct col_scratch {
    char text[4][32];
    unsigned next;
} col_scratch;

/* A text of a column and what it was found to mean: rows in a row mostly agree. */
typedef struct col_memo {
    const char *text; /* NULL: nothing yet */
    int meaning;
} col_memo;

/* The guards of the phase, compiled once. */
typedef struct col_gate {
    sol_program *program; /* NULL: no guards */
    sol_plan *plan;
    sol_run *run;
    double *value;     /* [n_symbols] */
    const double **in; /* [n_symbols], into value */
    unsigned char *stride;
    double *holds; /* [n_guards] */
    double **out;  /* [n_guards], into holds */
} col_gate;

/* Groups by hash of configuration and extra columns: open addressing, at most half full.
 */
typedef struct col_groups {
    size_t *slot; /* index + 1 of a configuration, 0: empty */
    size_t n_slots;
    size_t *row; /* [n_configs] a row of each, to compare the extra columns */
    size_t capacity;
} col_groups;

typedef struct col_plan {
    const col_table *table;
    col_scratch *scratch;
    col_memo *dtype; /* [n_slots] */
    col_gate gate;
    int origin[4];         /* columns device, framework, version and date */
    col_memo *origin_seen; /* [4] */
    const sol_op *op;
    const sol_phase *phase;
    const sol_config *filter; /* NULL: nothing is filtered */
    sc_diags *warnings;
    sc_diag *diag;
    bool untimed;   /* latencies are not read */
    bool *skip;     /* [n_rows] rows of another phase or op */
    bool *used;     /* [n_columns] bound to an axis, a parameter, a dtype or tp */
    double **axis;  /* [n_axes][n_rows], NULL: the default */
    double **param; /* [n_params][n_rows], NULL: the default */
    double *tp;     /* [n_rows], NULL: default_tp */
    double default_tp;
    int *slot;                             /* [n_slots] column, -1: the default */
    const struct sol_table_dtype **labels; /* [n_slots] what labels mean, or NULL */
    int latency, mad, samples, cache;      /* columns, -1 where there is none */
    int apart[COL_N_APART];                /* likewise: COL_APART_LIST */
    int *extra; /* columns that nobody knows, whose values differ */
    int n_extra;
} col_plan;

/* ---- cells ---- */

/* A cell as text; of a Parquet number good until four more have been asked for. */
const char *col_plan_cell(const col_plan *p, size_t row, int column);
/* The numbers of a column, NULL where it holds texts. */
const double *col_plan_numbers(const col_plan *p, int column);
bool col_plan_same(const col_plan *p, size_t a, size_t b, int column);
/* What an empty cell of the column means where it sets rows apart by more than their
 * configuration (scope, inputs); NULL: it is no such column. */
const char *col_apart_default(const char *column);
/* A cell as text, the default in the place of an empty one. */
const char *col_plan_label(const col_plan *p, size_t row, int column);
bool col_memo_holds(const col_memo *seen, const char *text);
/* Keeps text in out, or "mixed" once rows differ. */
void col_points_keep(char *out, size_t out_B, const char *text);

/* Each returns the error that it files: SC_EPARSE at a row; SC_EPARSE SC2001 for `what`
 * ("column 'latency'"), with the names that resemble `wanted`. */
sc_status col_plan_fail(const col_plan *p, size_t row, sc_code code, const char *column,
                        const char *text, const char *problem, const char *hint);
sc_status col_plan_missing(const col_plan *p, const char *what, const char *wanted);
/* Adds a warning. Errors: SC_ENOMEM. */
sc_status col_plan_warn(const col_plan *p, size_t row, sc_code code, const char *text);

/* ---- choosing rows: each sets plan.skip ---- */

/* By the column phase, else by a word of op_name, else by one of the file's name, else by
 * what the op's map says (map_says, SOL_N_PHASES: nothing); a table that says nothing of
 * it serves ops of one phase only. Errors: SC_EPARSE SC2005. */
sc_status col_plan_skip_phases(const col_plan *p, sol_phase_kind map_says);
/* Where some rows are of the op by name, the others are of other ops. */
void col_plan_skip_ops(const col_plan *p, const char *op_name);
/* Rows that the map is not about. Errors: SC_EPARSE SC2001. */
sc_status col_plan_skip_others(const col_plan *p, const sol_table_map *map);

/* ---- binding columns ---- */

/* The map for the table, the longest stem first, then columns; NULL: none matches. Where
 * the file's name or the columns are those of another phase's map, that one is returned:
 * no row is ours. */
const sol_table_map *col_plan_choose(const col_plan *p);
/* Errors: SC_EPARSE SC2001, SC2002, SC_ENOMEM. */
sc_status col_plan_bind_names(col_plan *p);
sc_status col_plan_bind_map(col_plan *p, const sol_table_map *map);

/* ---- rows and groups ---- */

sc_status col_gate_open(col_plan *p);
void col_gate_close(col_gate *g);
/* All rows that are not skipped, into points. Errors: SC_EPARSE SC2002, SC2003,
 * SC_EDOMAIN SC2004 (none is left), SC_ENOMEM. */
sc_status col_plan_take(const col_plan *p, col_points *points, col_groups *g,
                        sol_config *config);
/* col_point.apart of a row. */
uint64_t col_plan_apart(const col_plan *p, size_t row);
/* *group receives the index of the row's configuration, a new one if need be. */
sc_status col_groups_find(const col_plan *p, col_points *points, col_groups *g,
                          const sol_config *config, size_t row, int *group);

#endif
