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

/* ---- distinct texts of a column ---- */

typedef struct texts {
    col_values *values;
    size_t *slot; /* [n_slots], number of a text + 1, 0 free; open addressing */
    size_t n_slots, capacity;
} texts;

/* FNV-1a. */
static size_t hash_text(const char *text, size_t n)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

static bool texts_grow(texts *set)
{
    size_t n_slots = set->n_slots ? 2 * set->n_slots : 64;
    size_t *slot = sc_calloc(n_slots, sizeof *slot);
    if (!slot)
        return false;
    for (size_t i = 0; i < set->values->n_texts; i++) {
        const char *text = set->values->text[i];
        size_t at = hash_text(text, strlen(text)) % n_slots;
        while (slot[at])
            at = (at + 1) % n_slots;
        slot[at] = i + 1;
    }
    sc_free(set->slot);
    set->slot = slot;
    set->n_slots = n_slots;
    return true;
}

static bool texts_add(texts *set, const char *text, size_t n)
{
    col_values *values = set->values;
    if (values->n_texts == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 16;
        char **more = sc_reallocarray(values->text, capacity, sizeof *more);
        if (!more)
            return false;
        values->text = more;
        set->capacity = capacity;
    }
    char *copy = sc_malloc(n + 1);
    if (!copy)
        return false;
    if (n)
        memcpy(copy, text, n);
    copy[n] = 0;
    values->text[values->n_texts++] = copy;
    return true;
}

/* col_parquet_sink.intern. */
static int intern(void *user, const char *text, size_t n)
{
    texts *set = user;
    if (n && memchr(text, 0, n))
        return -2;
    if (set->values->n_texts >= INT_MAX ||
        (2 * (set->values->n_texts + 1) > set->n_slots && !texts_grow(set)))
        return -1;
    size_t at = hash_text(text, n) % set->n_slots;
    for (; set->slot[at]; at = (at + 1) % set->n_slots) {
        const char *known = set->values->text[set->slot[at] - 1];
        if (strlen(known) == n && (n == 0 || memcmp(known, text, n) == 0))
            return (int)(set->slot[at] - 1);
    }
    if (!texts_add(set, text, n))
        return -1;
    set->slot[at] = set->values->n_texts;
    return (int)set->values->n_texts - 1;
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

static sc_status number_rows(source *from, col_table *table)
{
    size_t n_groups = from->ops->n_groups(from->file), n = 0;
    for (size_t g = 0; g < n_groups; g++) {
        size_t rows = from->ops->group_rows(from->file, g);
        if (rows > INT_MAX || n + rows > INT_MAX)
            return too_large(from, "more than 2147483647 rows");
        n += rows;
    }
    if (n > MAX_TABLE_B / sizeof(double) / (table->n_columns + 1))
        return too_large(from, "its cells do not fit into 4 GiB");
    table->n_rows = n;
    table->line = sc_calloc(n + 1, sizeof *table->line);
    if (!table->line)
        return sc_diag_nomem(from->diag);
    for (size_t row = 0; row < n; row++)
        table->line[row] = (int)row + 1;
    return SC_OK;
}

static bool wanted(const char *const *columns, const char *name)
{
    for (; columns && *columns; columns++)
        if (strcmp(*columns, name) == 0)
            return true;
    return !columns;
}

static sc_status read_column(source *from, col_table *table, size_t column)
{
    col_values *values = &table->values[column];
    texts set = {.values = values};
    col_parquet_sink sink = {.intern = intern, .user = &set};
    size_t n_groups = from->ops->n_groups(from->file), first = 0;
    sc_status status = SC_OK;
    bool number = from->ops->kind(from->file, column) == COL_PARQUET_NUMBER;
    if (number)
        values->number = sc_calloc(table->n_rows + 1, sizeof *values->number);
    else
        values->code = sc_calloc(table->n_rows + 1, sizeof *values->code);
    if (!values->number && !values->code)
        return sc_diag_nomem(from->diag);
    for (size_t g = 0; !status && g < n_groups; g++) {
        sink.number = number ? values->number + first : NULL;
        sink.code = number ? NULL : values->code + first;
        status =
            from->ops->read(from->file, g, column, &sink, from->why, sizeof from->why);
        first += from->ops->group_rows(from->file, g);
    }
    sc_free(set.slot);
    if (!status)
        return SC_OK;
    char what[200];
    snprintf(what, sizeof what, "column '%.100s' cannot be read", table->column[column]);
    return source_fail(from, status, what);
}

static sc_status read_file(source *from, const char *const *columns, col_table *table)
{
    table->n_columns = from->ops->n_columns(from->file);
    sc_status status = copy_names(from, table);
    if (!status)
        status = number_rows(from, table);
    for (size_t i = 0; !status && i < table->n_columns; i++)
        if (wanted(columns, table->column[i]))
            status = read_column(from, table, i);
    return status;
}

sc_status col_parquet_load(const char *path, const char *const *columns, col_table **out,
                           sc_diag *diag)
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
        status = read_file(&from, columns, table);
    from.ops->close(from.file);
    if (status)
        col_table_free(table);
    else
        *out = table;
    return status;
}
