/* solcheck - inside of col_points_map: what is known of a table while it is mapped.
 *
 * Rows are mapped a window at a time, so that what a row takes on its way does not add
 * up. points.c drives, points_phase.c chooses rows, points_bind.c turns columns into
 * numbers, points_rows.c checks and takes rows, points_keys.c knows what rows of equal
 * keys have in common, points_groups.c finds the group of each and merges points,
 * points_cells.c reads cells and complains. SPDX-License-Identifier: GPL-3.0-or-later
 * WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_POINTS_INTERNAL_H
#define SC_COLLECTOR_POINTS_INTERNAL_H

#include "collector/columns.h"
#include "collector/table.h"
#include "sol/kernels.h"
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

/* Rows that are mapped at a time: what they take stays in the second-level cache. */
#define COL_WINDOW 8192

/* What becomes of a row. */
typedef enum col_fate {
    COL_KEEP,
    COL_DROP_FILTER,
    COL_DROP_DTYPE,
    COL_DROP_RANGE
} col_fate;
#define COL_N_FATES (COL_DROP_RANGE + 1)

/* The guards of the phase, compiled once. */
typedef struct col_gate {
    sol_program *program; /* NULL: no guards */
    sol_plan *plan;
    sol_run *run;
    int *symbol; /* [n_symbols] parameters and the like that guards mention */
    int n_symbols, n_axes, n_guards;
    double *constant;  /* [symbols of the op] scratch */
    double **column;   /* [n_axes + n_symbols][SOL_BLOCK] values, row by row */
    const double **in; /* [symbols of the op] */
    double **out;      /* [n_guards][SOL_BLOCK] */
} col_gate;

/* What rows that agree in all columns which make their configuration have in common:
 * found once, then looked up. Open addressing, at most half full. */
typedef struct col_key {
    col_fate fate;
    int group; /* -1: none of its rows was kept yet */
} col_key;

typedef struct col_keys {
    int n_columns;         /* that make a key */
    const double **column; /* [n_columns][n], of the window */
    double *own;      /* those that no array of the plan is: labels, columns of others */
    uint64_t *hash;   /* [COL_WINDOW] */
    int *of_row;      /* [COL_WINDOW] index into key */
    col_key *key;     /* [n] */
    uint64_t *hashes; /* [n] */
    double *value;    /* [n * n_columns] */
    double *symbol;   /* [n * gate.n_symbols] */
    size_t n, capacity;
    int *slot; /* [n_slots] index + 1, 0: empty */
    size_t n_slots;
} col_keys;

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
    col_memo *dtype;       /* [n_slots] */
    size_t first, n;       /* the window: rows [first, first + n), n <= COL_WINDOW */
    int origin[4];         /* columns device, framework, version and date */
    col_memo *origin_seen; /* [4] */
    const sol_op *op;
    const sol_phase *phase;
    const sol_config *filter; /* NULL: nothing is filtered */
    sc_diags *warnings;
    sc_diag *diag;
    bool untimed;   /* latencies are not read */
    bool *skip;     /* [rows of the table] rows of another phase or op */
    bool *used;     /* [n_columns] bound to an axis, a parameter, a dtype or tp */
    double **axis;  /* [n_axes][n], NULL: the default */
    double **param; /* [n_params][n], NULL: the default */
    double *tp;     /* [n], NULL: default_tp */
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
/* The cells of a column, or what stands for its texts. */
static inline const col_values *col_plan_values(const col_plan *p, int column)
{
    return &p->table->values[column];
}
/* All cells of the column are equal. */
static inline bool col_plan_is_one(const col_plan *p, int column)
{
    return col_plan_values(p, column)->width == COL_ONE;
}
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
/* SC_EDOMAIN SC2004: no row is of the phase, n_dropped are but were left out. */
sc_status col_plan_none(const col_plan *p, size_t n_dropped);
/* Adds a warning; hint may be "". Errors: SC_ENOMEM. */
sc_status col_plan_warn(const col_plan *p, size_t row, sc_code code, const char *text,
                        const char *hint);

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

sc_status col_gate_open(const col_plan *p, col_gate *g);
void col_gate_close(col_gate *g);
/* admitted[i]: does row first + i of the window lie within ranges and guards? */
void col_gate_test(const col_plan *p, const col_gate *g, const col_keys *keys,
                   bool *admitted);

/* Errors: SC_ENOMEM. */
sc_status col_keys_open(const col_plan *p, col_keys *keys);
void col_keys_close(col_keys *keys);
/* Finds the key of each row of the window that is not skipped; config is scratch. Errors:
 * SC_ENOMEM. */
sc_status col_keys_find(const col_plan *p, col_keys *keys, const col_gate *gate,
                        sol_config *config);
/* Sets parameters, tp and dtypes of config from a row. Sharded parameters are stored
 * local to one GPU and held here for the whole model. */
col_fate col_plan_config(const col_plan *p, size_t row, sol_config *config);
/* What of a row's configuration made it COL_DROP_RANGE or COL_DROP_DTYPE. */
void col_plan_why(const col_plan *p, size_t row, const sol_config *config, char *out,
                  size_t out_B);

/* What was left out, for the warnings. */
typedef struct col_losses {
    size_t n[COL_N_FATES], first[COL_N_FATES];
    char why[COL_N_FATES][512]; /* of the first row */
    double most[SOL_MAX_AXES];  /* of all rows that have a configuration */
} col_losses;

/* Memory for taking rows, a window at a time. */
typedef struct col_taking {
    const col_plan *p;
    col_gate gate;
    col_keys keys;
    col_groups groups;
    col_losses lost;
    col_block block;
    bool *admitted; /* [COL_WINDOW] */
    bool kept_any;
    sol_config config;
} col_taking;

/* Errors: SC_ENOMEM. Release with col_taking_close in any case. */
sc_status col_taking_open(const col_plan *p, col_taking *t);
void col_taking_close(const col_plan *p, col_taking *t);
/* The rows of the window that are not skipped, into sink; configurations, into points.
 * Errors: SC_EPARSE SC2002, SC2003, SC_ENOMEM. */
sc_status col_taking_window(col_taking *t, col_points *points, const col_sink *sink);
/* After the last window. Errors: SC_EDOMAIN SC2004 (no row was taken), SC_ENOMEM. */
sc_status col_taking_end(col_taking *t, const col_points *points);

/* *group receives the index of the row's configuration, a new one if need be. */
sc_status col_groups_find(const col_plan *p, col_points *points, col_groups *g,
                          const sol_config *config, size_t row, int *group);
/* Moves the configurations of more to into; to[i] receives the place of each. Errors:
 * SC_ENOMEM. */
sc_status col_configs_merge(col_points *into, col_points *more, size_t **to,
                            sc_diag *diag);

#endif
