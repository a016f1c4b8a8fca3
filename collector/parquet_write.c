/* solcheck - tables into Parquet files.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/columns.h"
#include "collector/parquet.h"
#include "collector/unit.h"

typedef struct output {
    const col_table *table;
    col_parquet_column *column; /* [n_columns], numbers and texts owned */
    char (*scratch)[32];        /* [n_rows] numbers of a Parquet table as text */
} output;

/* Names, not quantities, even where one looks like a number (a version). */
static bool is_origin(const char *name)
{
    static const char *const origin[] = {
#define X(id, name) name,
        COL_ORIGIN_LIST(X)
#undef X
    };
    for (size_t i = 0; i < sizeof origin / sizeof *origin; i++)
        if (strcmp(origin[i], name) == 0)
            return true;
    return false;
}

/* All cells as numbers, empty ones as NaN; false: some cell is none, or all are empty. */
static bool read_numbers(const col_table *table, int column, double *out, int *integer)
{
    bool any = false;
    *integer = 1;
    for (size_t row = 0; row < table->n_rows; row++) {
        char scratch[32];
        double own;
        const char *text = col_table_text(table, row, column, scratch);
        out[row] = NAN;
        if (!*text)
            continue;
        if (!col_table_number(table, row, column, &out[row]))
            return false;
        if (fabs(out[row]) >= 0x1p53 && !col_number_is_own(text, &own))
            return false; /* digits that no double has: a mask of bits, an identifier */
        any = true;
        *integer &= out[row] == floor(out[row]) && fabs(out[row]) <= 0x1p53 &&
                    !(out[row] == 0 && signbit(out[row]));
    }
    return any;
}

static sc_status make_column(output *out, int at, sc_diag *diag)
{
    const col_table *t = out->table;
    col_parquet_column *c = &out->column[at];
    double *number = sc_calloc(t->n_rows + 1, sizeof *number);
    c->name = t->column[at];
    if (!number)
        return sc_diag_nomem(diag);
    if (!is_origin(c->name) && read_numbers(t, at, number, &c->integer)) {
        c->number = number;
        return SC_OK;
    }
    sc_free(number);
    const char **text = sc_calloc(t->n_rows + 1, sizeof *text);
    if (!text)
        return sc_diag_nomem(diag);
    for (size_t row = 0; row < t->n_rows; row++) /* texts last as long as the table */
        text[row] = col_table_text(t, row, at, out->scratch[row]);
    c->text = text;
    return SC_OK;
}

/* Under another name first: no half of a file is ever taken for one. */
static sc_status write_file(const output *out, const char *path, sc_diag *diag)
{
    const col_parquet_ops *ops;
    char why[300] = "";
    sc_buf part = {0};
    sc_diag missing = {0};
    sc_status status = col_parquet_module(&ops, &missing);
    if (status) {
        sc_diag_fail(diag, status, SC2006, "'%s' cannot be written: %.200s", path,
                     missing.message);
        sc_diag_hint(diag,
                     "name a .csv file, or build the Parquet module (docs/tables.md)");
        return status;
    }
    sc_buf_printf(&part, "%s.part", path);
    if (part.failed)
        return sc_diag_nomem(diag);
    status = ops->write(part.text, out->column, out->table->n_columns, out->table->n_rows,
                        why, sizeof why);
    if (!status && rename(part.text, path) != 0) {
        snprintf(why, sizeof why, "%s", strerror(errno));
        status = SC_EIO;
    }
    if (status)
        remove(part.text);
    sc_buf_free(&part);
    if (status == SC_ENOMEM)
        return sc_diag_nomem(diag);
    return status ? sc_diag_fail(diag, SC_EIO, SC1001, "cannot write '%s': %s", path, why)
                  : SC_OK;
}

sc_status col_parquet_save(const char *path, const col_table *table, sc_diag *diag)
{
    output out = {.table = table};
    out.column = sc_calloc(table->n_columns + 1, sizeof *out.column);
    out.scratch = sc_calloc(table->n_rows + 1, sizeof *out.scratch);
    sc_status status = out.column && out.scratch ? SC_OK : sc_diag_nomem(diag);
    for (size_t c = 0; c < table->n_columns && !status; c++)
        status = make_column(&out, (int)c, diag);
    if (!status)
        status = write_file(&out, path, diag);
    for (size_t c = 0; out.column && c < table->n_columns; c++) {
        sc_free((void *)out.column[c].number);
        sc_free((void *)out.column[c].text);
    }
    sc_free(out.column);
    sc_free(out.scratch);
    return status;
}
