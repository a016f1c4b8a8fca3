/* solcheck - perf tables: reading, mapping to an op, writing.
 *
 * Columns are a superset of the reference ecosystem's (docs/tables.md). Latency is in ms
 * in the file and in seconds here. Tests: tests/unit/collector/test_table.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_TABLE_H
#define SC_COLLECTOR_TABLE_H

#include "base/diag.h"
#include "collector/values.h"
#include "sol/proof.h"

/* A table: header and cells, with line numbers. CSV per RFC 4180: quotes, CRLF and a
 * byte-order mark are accepted, NUL bytes and ragged rows are errors. Files are read a
 * piece at a time; what is kept are columns in few bytes. A column of CSV holds numbers
 * where each cell is empty or written as col_number_format would write it, else texts: a
 * cell's text is always that of the file. */
typedef struct col_table {
    char *path;
    char **column; /* [n_columns] */
    size_t n_columns, n_rows;
    col_values *values; /* [n_columns] */
    int *line;          /* [n_rows], from 1; NULL: the number of the row */
    bool decimal;       /* numbers were decimal text (CSV), not binary (Parquet) */
} col_table;

/* More columns than any perf table has, by two orders of magnitude. */
#define COL_MAX_COLUMNS 4096

/* Reads CSV, or Parquet where the name ends in .parquet or the file begins with "PAR1".
 * Errors: SC_EIO SC1001, SC_EPARSE SC1002 (too large), SC2000 (position), SC2006 (Parquet
 * without support), SC_ENOMEM. Release with col_table_free. */
sc_status col_table_load(const char *path, col_table **out, sc_diag *diag);
/* The same without the columns that are not wanted, whose cells are then empty. */
typedef bool col_wanted(const void *user, const char *column);
sc_status col_table_load_wanted(const char *path, col_wanted *wanted, const void *user,
                                col_table **out, sc_diag *diag);
sc_status col_table_parse(const char *name, const char *text, size_t n, col_table **out,
                          sc_diag *diag);
void col_table_free(col_table *table);
int col_table_column(const col_table *table, const char *name); /* -1 if absent */
int col_table_line(const col_table *table, size_t row);
/* A cell as text, "" when empty; that of a number is written to scratch. Equal texts of
 * one column are the same pointer. */
const char *col_table_text(const col_table *table, size_t row, int column,
                           char scratch[32]);
/* A cell as a finite number, locale-independent; false (*out untouched) when it is none.
 */
bool col_table_number(const col_table *table, size_t row, int column, double *out);

/* Appends the table as CSV. Errors: SC_ENOMEM. */
sc_status col_table_csv(const col_table *table, sc_buf *out, sc_diag *diag);
/* A copy without the rows that are left out [n_rows]. Errors: SC_ENOMEM. */
sc_status col_table_select(const col_table *table, const bool *leave_out, col_table **out,
                           sc_diag *diag);
/* Keeps the rows whose cell in the column is one of the values (NULL-terminated); of
 * numbers the value counts, not its spelling. *n_dropped: rows that went. Errors:
 * SC_EINVAL SC2001 (no such column). */
sc_status col_table_keep(col_table *table, const char *column, const char *const *value,
                         size_t *n_dropped, sc_diag *diag);

/* One measured point of an op. */
typedef struct col_point {
    double axis[SOL_MAX_AXES]; /* in the order of the phase's axes */
    double latency_s;
    double noise; /* relative standard error of latency_s, NaN when unknown */
    int samples;  /* 0 unknown */
    int group;    /* index into col_points.config: rows of equal parameters and dtypes */
    int line;
    bool hot; /* measured over one buffer; tables without a cache column are hot */
} col_point;

typedef struct col_points {
    const sol_op *op;
    sol_phase_kind phase;
    col_point *point;
    size_t n;
    sol_config *config; /* [n_configs], complete configurations, tp as stored */
    uint64_t *apart; /* [n_configs] 0: scope kernel and normal inputs; else a hash of what
                        they are; NULL: all 0 */
    size_t n_configs;
    size_t n_dropped; /* rows left out: other parameters than asked for, outside ranges */
    char unknown[128]; /* columns that the op does not know and whose values differ, "" */
    char device[96], framework[96], date[32]; /* as the table says; "" or "mixed" */
} col_points;

/* Maps rows to (op, phase): through the op's tables section when the file's stem or
 * columns match, else by equal names (batch_size|b; isl+step|isl|s; parameter and dtype
 * names). Rows whose parameters differ from those given in filter are dropped and
 * counted. Rows of another phase are skipped. Errors: SC_EPARSE SC2001..SC2005 naming
 * column or row; SC_EDOMAIN SC2004 (no row left for this phase); SC_ENOMEM. */
sc_status col_points_map(const col_table *table, const sol_op *op, sol_phase_kind phase,
                         const sol_config *filter, col_points *out, sc_diags *warnings,
                         sc_diag *diag);
/* The same for a table of points that are to be measured: no latency is read, and
 * latency_s of each point is 0. */
sc_status col_points_list(const col_table *table, const sol_op *op, sol_phase_kind phase,
                          const sol_config *filter, col_points *out, sc_diags *warnings,
                          sc_diag *diag);

/* Rows on their way, in the order of the table; arrays of n. */
typedef struct col_block {
    size_t n;
    double *axis[SOL_MAX_AXES];
    double *latency_s, *noise;
    int *samples, *group, *line;
    bool *hot;
} col_block;

/* Who takes them. */
typedef struct col_sink {
    bool (*take)(void *user, const col_block *block); /* false: without memory */
    /* Rows from the first on (which were taken last) change their group g to to[g].
     * false: without memory. */
    bool (*regroup)(void *user, size_t first, const size_t *to);
    size_t (*count)(const void *user); /* rows taken so far */
    void *user;
} col_sink;

/* Like col_points_map, or col_points_list if untimed; points go to the sink, the rest to
 * out, whose n counts them. After an error the sink has some of them. */
sc_status col_points_stream(const col_table *table, const sol_op *op,
                            sol_phase_kind phase, const sol_config *filter, bool untimed,
                            const col_sink *sink, col_points *out, sc_diags *warnings,
                            sc_diag *diag);
/* Which columns matter: does one by this name describe a measurement, without being a
 * latency or telling cache state, scope, op or phase? Does the op mention it? A table
 * without the columns that describe and are not mentioned gives the same points, but for
 * noise, device, framework and date. */
bool col_points_describes(const char *column);
bool col_points_mentions(const sol_op *op, const char *column);
void col_points_clear(col_points *points);
/* Equal parameters, dtypes and tp; and a hash of them. */
bool col_config_same(const sol_op *op, const sol_config *a, const sol_config *b);
uint64_t col_config_hash(const sol_op *op, const sol_config *config);
/* Appends the points of `more` (same op and phase); `more` is emptied. */
sc_status col_points_merge(col_points *into, col_points *more, sc_diag *diag);

#endif
