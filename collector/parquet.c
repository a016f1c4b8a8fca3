/* solcheck - finding the Parquet module, and tables out of Parquet files.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/parquet.h"

#include <dlfcn.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"

#define MODULE_FILE "solcheck_parquet.so"

/* The most that the columns of one table may take; and rows count in an int. */
#define MAX_TABLE_B ((size_t)4 << 30)

/* ---- the module ---- */

static bool readable(char *out, size_t out_B, const char *dir, const char *below)
{
    int n = snprintf(out, out_B, "%s%s/" MODULE_FILE, dir, below);
    return n > 0 && (size_t)n < out_B && access(out, R_OK) == 0;
}

/* The file that the user named, else the first that exists. A libtool program runs from
 * .libs, hence the second place. */
static bool find_module(char *out, size_t out_B)
{
    static const char *const beside[] = {"", "/..", "/../lib/solcheck"};
    char dir[PATH_MAX];
    const char *named = getenv("SOLCHECK_PARQUET_MODULE");
    if (named && *named) {
        int n = snprintf(out, out_B, "%s", named);
        return n > 0 && (size_t)n < out_B && access(out, R_OK) == 0;
    }
    bool known = sc_program_dir(dir, sizeof dir);
    for (size_t i = 0; known && i < sizeof beside / sizeof *beside; i++)
        if (readable(out, out_B, dir, beside[i]))
            return true;
    return readable(out, out_B, SC_MODULE_DIR, "");
}

static sc_status no_module(sc_diag *diag, const char *why)
{
    sc_diag_fail(diag, SC_EPARSE, SC2006, "%s", why);
    sc_diag_hint(diag, "convert it: python3 -c \"import pandas; "
                       "pandas.read_parquet('IN.parquet').to_csv('OUT.csv', "
                       "index=False)\", and keep the name before the dot");
    return SC_EPARSE;
}

sc_status col_parquet_module(const col_parquet_ops **out, sc_diag *diag)
{
    char path[PATH_MAX], why[500];
    if (!find_module(path, sizeof path))
        return no_module(diag, "this build does not read Parquet");
    /* Stays loaded: Arrow's threads and globals do not survive dlclose. */
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *text = dlerror();
        snprintf(why, sizeof why, "the Parquet module cannot be loaded: %s",
                 text ? text : "unknown reason");
        return no_module(diag, why);
    }
    /* POSIX has a function pointer fit a void pointer; ISO C has no cast for it. */
    col_parquet_entry_fn *entry = NULL;
    void *symbol = dlsym(library, COL_PARQUET_ENTRY);
    memcpy(&entry, &symbol, sizeof entry);
    const col_parquet_ops *ops = entry ? entry() : NULL;
    if (ops && ops->abi == COL_PARQUET_ABI) {
        *out = ops;
        return SC_OK;
    }
    snprintf(why, sizeof why,
             ops ? "%.400s is of another version of solcheck"
                 : "%.400s is no Parquet module of solcheck",
             path);
    return no_module(diag, why);
}

/* ---- a column ---- */

typedef struct column {
    col_values *values;
    size_t n_rows;
} column;

static int add_cells(void *user, const double *cell, size_t n)
{
    column *to = user;
    return col_values_add(to->values, cell, n, to->n_rows);
}

static int intern(void *user, const char *text, size_t n)
{
    column *to = user;
    return n && memchr(text, 0, n) ? -2 : col_values_intern(to->values, text, n);
}

/* ---- a file ---- */

typedef struct source {
    const char *path;
    const col_parquet_ops *ops;
    col_parquet_file *file;
    sc_diag *diag;
    char why[300];
} source;

static sc_status source_fail(source *from, sc_status status, const char *what)
{
    if (status == SC_ENOMEM)
        return sc_diag_nomem(from->diag);
    sc_diag_fail(from->diag, status, status == SC_EIO ? SC1001 : SC2000, "%s: %s", what,
                 from->why);
    sc_diag_at(from->diag, from->path, 0, 0, 0, NULL);
    if (status != SC_EIO)
        sc_diag_hint(from->diag,
                     "the file is damaged or cut short; fetch or write it again");
    return status;
}

static sc_status too_large(source *from, const char *what)
{
    sc_diag_fail(from->diag, SC_EPARSE, SC1002, "table is too large: %s", what);
    sc_diag_at(from->diag, from->path, 0, 0, 0, NULL);
    sc_diag_hint(from->diag, "split it into files of fewer rows");
    return SC_EPARSE;
}

static sc_status copy_names(source *from, col_table *table)
{
    if (table->n_columns > COL_MAX_COLUMNS)
        return too_large(from, "too many columns");
    table->column = sc_calloc(table->n_columns + 1, sizeof *table->column);
    table->values = sc_calloc(table->n_columns + 1, sizeof *table->values);
    if (!table->column || !table->values)
        return sc_diag_nomem(from->diag);
    for (size_t i = 0; i < table->n_columns; i++) {
        table->column[i] = sc_strdup(from->ops->name(from->file, i));
        if (!table->column[i])
            return sc_diag_nomem(from->diag);
        for (size_t j = 0; j < i; j++)
            if (strcmp(table->column[i], table->column[j]) == 0) {
                snprintf(from->why, sizeof from->why, "%.200s is the name of two columns",
                         table->column[i]);
                return source_fail(from, SC_EPARSE, "cannot be read");
            }
    }
    return SC_OK;
}

static sc_status count_rows(source *from, col_table *table)
{
    table->n_rows = from->ops->n_rows(from->file);
    if (table->n_rows > INT_MAX)
        return too_large(from, "more than 2147483647 rows");
    if (table->n_rows > MAX_TABLE_B / sizeof(double) / (table->n_columns + 1))
        return too_large(from, "its cells do not fit into 4 GiB");
    return SC_OK;
}

static sc_status read_column(source *from, col_table *table, size_t at)
{
    column to = {&table->values[at], table->n_rows};
    const col_parquet_sink sink = {.add = add_cells, .intern = intern, .user = &to};
    to.values->is_text = from->ops->kind(from->file, at) == COL_PARQUET_TEXT;
    sc_status status =
        from->ops->read(from->file, at, &sink, from->why, sizeof from->why);
    if (!status)
        return SC_OK;
    char what[200];
    snprintf(what, sizeof what, "column '%.100s' cannot be read", table->column[at]);
    return source_fail(from, status, what);
}

static sc_status read_file(source *from, col_wanted *wanted, const void *user,
                           col_table *table)
{
    table->n_columns = from->ops->n_columns(from->file);
    sc_status status = copy_names(from, table);
    if (!status)
        status = count_rows(from, table);
    for (size_t i = 0; !status && i < table->n_columns; i++)
        if (!wanted || wanted(user, table->column[i]))
            status = read_column(from, table, i);
    return status;
}

sc_status col_parquet_load(const char *path, col_wanted *wanted, const void *user,
                           col_table **out, sc_diag *diag)
{
    source from = {.path = path, .diag = diag};
    sc_status status = col_parquet_module(&from.ops, diag);
    if (status) {
        sc_diag_at(diag, path, 0, 0, 0, NULL);
        return status;
    }
    status = from.ops->open(path, &from.file, from.why, sizeof from.why);
    if (status)
        return source_fail(&from, status, "cannot be read as Parquet");
    col_table *table = sc_calloc(1, sizeof *table);
    if (table)
        table->path = sc_strdup(path);
    if (!table || !table->path)
        status = sc_diag_nomem(diag);
    else
        status = read_file(&from, wanted, user, table);
    from.ops->close(from.file);
    if (status)
        col_table_free(table);
    else
        *out = table;
    return status;
}

size_t col_parquet_rows(const char *path)
{
    source from = {.path = path};
    if (col_parquet_module(&from.ops, NULL) ||
        from.ops->open(path, &from.file, from.why, sizeof from.why))
        return 0;
    size_t n = from.ops->n_rows(from.file);
    from.ops->close(from.file);
    return n;
}
