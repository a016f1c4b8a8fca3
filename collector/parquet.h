/* solcheck - reading and writing Parquet through Apache Arrow.
 *
 * Arrow is C++ and large; solcheck is neither. A shim (collector/parquet.cc) is built as
 * the loadable module solcheck_parquet.so where configure finds Arrow, and this interface
 * is all that the two share: plain C, no exceptions across it, no Arrow type in it.
 * Tests: tests/unit/collector/test_parquet.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_PARQUET_H
#define SC_COLLECTOR_PARQUET_H

#ifndef __cplusplus
#include "collector/table.h"
#endif
#include "base/status.h"

#include <stddef.h>

#define COL_PARQUET_ABI 3
#define COL_PARQUET_ENTRY "col_parquet_entry"

typedef enum col_parquet_kind { COL_PARQUET_TEXT, COL_PARQUET_NUMBER } col_parquet_kind;

typedef struct col_parquet_file col_parquet_file; /* opaque, of the module */

/* The most cells that are handed over at a time. */
#define COL_PARQUET_BATCH 16384

/* Where the cells of one column go, in their order. */
typedef struct col_parquet_sink {
    /* Takes n numbers (NaN: null), or what intern returned for n texts. 0: without
     * memory. */
    int (*add)(void *user, const double *cell, size_t n);
    /* Returns the number of a text of n bytes, -1 without memory, -2 when it holds a NUL
     * byte. */
    int (*intern)(void *user, const char *text, size_t n);
    void *user;
} col_parquet_sink;

/* One column to write: numbers (NaN: null; integer: all of them are whole and within
 * 2^53) or, with number NULL, texts ("": null). */
typedef struct col_parquet_column {
    const char *name;
    const double *number;    /* [n_rows] */
    const char *const *text; /* [n_rows] */
    int integer;
} col_parquet_column;

/* Functions return SC_OK, SC_EIO (cannot be opened), SC_EPARSE (malformed; why[why_B]
 * tells) or SC_ENOMEM, and write outputs on success only. Names live as long as
 * the file. */
typedef struct col_parquet_ops {
    int abi; /* COL_PARQUET_ABI */
    sc_status (*open)(const char *path, col_parquet_file **out, char *why, size_t why_B);
    void (*close)(col_parquet_file *file); /* NULL is legal */
    size_t (*n_columns)(const col_parquet_file *file);
    size_t (*n_rows)(const col_parquet_file *file);
    const char *(*name)(const col_parquet_file *file, size_t column);
    col_parquet_kind (*kind)(const col_parquet_file *file, size_t column);
    /* All cells of a column, page by page: memory does not grow with the file. */
    sc_status (*read)(col_parquet_file *file, size_t column, const col_parquet_sink *sink,
                      char *why, size_t why_B);
    sc_status (*write)(const char *path, const col_parquet_column *column,
                       size_t n_columns, size_t n_rows, char *why, size_t why_B);
} col_parquet_ops;

typedef const col_parquet_ops *col_parquet_entry_fn(void);

#ifndef __cplusplus
/* Loads the module: $SOLCHECK_PARQUET_MODULE, beside the program, its directory's parent,
 * ../lib/solcheck, the installed place. Errors: SC_EPARSE SC2006 with the reason. */
sc_status col_parquet_module(const col_parquet_ops **out, sc_diag *diag);

/* Loads a Parquet file as a table, column by column and page by page. Columns that are
 * not wanted (NULL: all are) are empty. Errors: SC_EIO SC1001, SC_EPARSE SC1002 (too
 * large), SC2000 (malformed), SC2006 (no module), SC_ENOMEM. */
sc_status col_parquet_load(const char *path, col_wanted *wanted, const void *user,
                           col_table **out, sc_diag *diag);

/* Number of rows that a file says to have; 0 where it cannot be opened. Nothing of them is
 * read. */
size_t col_parquet_rows(const char *path);

/* Writes a table. A column whose cells are all numbers or empty becomes one of doubles,
 * or of 64-bit integers where they are whole; those that name an origin (framework,
 * version, device, op_name, kernel_source) stay texts. Every number reads back as the
 * same double. The file appears under its name when it is complete. Errors: SC_EIO
 * SC1001, SC_EPARSE SC2006 (no module), SC_ENOMEM. */
sc_status col_parquet_save(const char *path, const col_table *table, sc_diag *diag);
#endif

#endif
