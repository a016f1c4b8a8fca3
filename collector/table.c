/* solcheck - CSV tables as text (RFC 4180), strict where a guess could change a number.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/table.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "collector/parquet.h"

/* The largest table read: the reference ecosystem's largest is a fiftieth of it. */
#define MAX_FILE_B ((size_t)1 << 30)

/* The reader's place in the text. Cells are unquoted in place, so that they can point
 * into the one backing store: writing never overtakes reading. */
typedef struct csv {
    const char *name;
    char *at, *end;
    const char *line_start; /* of the current line, for columns in diagnostics */
    int line;               /* from 1 */
    sc_diag *diag;
} csv;

static sc_status fail_at(const csv *in, const char *where, const char *message,
                         const char *hint)
{
    int col = (int)(where - in->line_start) + 1;
    sc_diag_fail(in->diag, SC_EPARSE, SC2000, "%s", message);
    sc_diag_at(in->diag, in->name, in->line, col > 0 ? col : 1, 1, NULL);
    sc_diag_hint(in->diag, "%s", hint);
    return SC_EPARSE;
}

/* Reads "...": at stands on the opening quote. *cell receives the unquoted text. */
static sc_status quoted_cell(csv *in, char **cell)
{
    const char *open = in->at, *open_start = in->line_start;
    int open_line = in->line;
    char *to = ++in->at;
    *cell = to;
    for (; in->at < in->end; in->at++) {
        if (*in->at == '"') {
            if (in->at + 1 < in->end && in->at[1] == '"')
                in->at++;
            else
                break;
        }
        if (*in->at == '\n') {
            in->line++;
            in->line_start = in->at + 1;
        }
        *to++ = *in->at;
    }
    if (in->at == in->end) {
        in->line = open_line;
        in->line_start = open_start;
        return fail_at(in, open, "quoted cell is not closed", "add the closing quote");
    }
    in->at++;
    if (in->at < in->end && !strchr(",\r\n", *in->at))
        return fail_at(in, in->at, "text after a closing quote",
                       "write a quote inside of a quoted cell twice");
    *to = 0; /* on the closing quote or before it */
    return SC_OK;
}

static sc_status plain_cell(csv *in, char **cell)
{
    *cell = in->at;
    while (in->at < in->end && !strchr(",\"\r\n", *in->at))
        in->at++;
    if (in->at < in->end && *in->at == '"')
        return fail_at(in, in->at, "quote inside of a cell that is not quoted",
                       "enclose the whole cell in quotes and double those inside");
    return SC_OK;
}

/* Reads one cell and what ends it; *last is set at the end of a row or of the text. */
static sc_status read_cell(csv *in, char **cell, bool *last)
{
    sc_status status =
        in->at < in->end && *in->at == '"' ? quoted_cell(in, cell) : plain_cell(in, cell);
    if (status)
        return status;
    char *stop = in->at;
    *last = stop == in->end || *stop != ',';
    if (stop < in->end && *stop == '\r') {
        in->at++;
        if (in->at < in->end && *in->at != '\n')
            return fail_at(in, stop, "carriage return without line feed",
                           "end lines with LF or CR LF");
    }
    if (in->at < in->end)
        in->at++;
    *stop = 0; /* the text has room for one NUL after its end */
    if (*last) {
        in->line++;
        in->line_start = in->at;
    }
    return SC_OK;
}

/* Growable list of cells of one row or of the whole table. */
typedef struct cells {
    char **item;
    size_t n, capacity;
} cells;

static bool cells_add(cells *list, char *cell)
{
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        char **item = sc_reallocarray(list->item, capacity, sizeof *item);
        if (!item)
            return false;
        list->item = item;
        list->capacity = capacity;
    }
    list->item[list->n++] = cell;
    return true;
}

/* Blank lines are skipped wherever they stand. */
static void skip_blank(csv *in)
{
    while (in->at < in->end) {
        char *at = in->at;
        if (*at == '\r' && at + 1 < in->end)
            at++;
        if (*at != '\n')
            return;
        in->at = at + 1;
        in->line++;
        in->line_start = in->at;
    }
}

static sc_status read_row(csv *in, cells *row)
{
    bool last = false;
    while (!last) {
        char *cell;
        sc_status status = read_cell(in, &cell, &last);
        if (status)
            return status;
        if (!cells_add(row, cell))
            return sc_diag_nomem(in->diag);
    }
    return SC_OK;
}

/* Column names must be there, and differ. */
static sc_status check_header(const csv *in, const cells *header, int line)
{
    if (header->n > COL_MAX_COLUMNS) {
        sc_diag_fail(in->diag, SC_EPARSE, SC1002,
                     "table is too large: %zu columns, more than %d", header->n,
                     COL_MAX_COLUMNS);
        sc_diag_at(in->diag, in->name, line, 0, 0, NULL);
        sc_diag_hint(in->diag, "leave out columns that no op knows");
        return SC_EPARSE;
    }
    for (size_t i = 0; i < header->n; i++) {
        const char *why = NULL;
        if (!*header->item[i])
            why = "a column has no name";
        for (size_t j = 0; j < i && !why; j++)
            if (strcmp(header->item[i], header->item[j]) == 0)
                why = "is the name of two columns";
        if (!why)
            continue;
        sc_diag_fail(in->diag, SC_EPARSE, SC2000, "%s%s%s", header->item[i],
                     *header->item[i] ? " " : "", why);
        sc_diag_at(in->diag, in->name, line, 0, 0, NULL);
        sc_diag_hint(in->diag, "the first line names the columns; column %zu is wrong",
                     i + 1);
        return SC_EPARSE;
    }
    return SC_OK;
}

static sc_status ragged(const csv *in, int line, size_t got, size_t want)
{
    sc_diag_fail(in->diag, SC_EPARSE, SC2000, "row has %zu cells, the header has %zu",
                 got, want);
    sc_diag_at(in->diag, in->name, line, 0, 0, NULL);
    sc_diag_hint(in->diag, "quote cells that hold commas, and write empty cells as ,,");
    return SC_EPARSE;
}

/* Reads all rows after the header into table. */
static sc_status read_body(csv *in, col_table *table)
{
    cells body = {0};
    size_t capacity = 0;
    sc_status status = SC_OK;
    for (skip_blank(in); !status && in->at < in->end; skip_blank(in)) {
        size_t before = body.n;
        int line = in->line;
        status = read_row(in, &body);
        if (!status && body.n - before != table->n_columns)
            status = ragged(in, line, body.n - before, table->n_columns);
        if (status)
            break;
        if (table->n_rows == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            int *more = sc_reallocarray(table->line, capacity, sizeof *more);
            if (!more) {
                status = sc_diag_nomem(in->diag);
                break;
            }
            table->line = more;
        }
        table->line[table->n_rows++] = line;
    }
    table->cell = body.item;
    return status;
}

static sc_status read_table(csv *in, col_table *table)
{
    cells header = {0};
    if (in->end - in->at >= 3 && memcmp(in->at, "\xef\xbb\xbf", 3) == 0)
        in->line_start = in->at += 3; /* byte-order mark */
    skip_blank(in);
    int line = in->line;
    if (in->at == in->end)
        return fail_at(in, in->at, "table is empty", "the first line names the columns");
    sc_status status = read_row(in, &header);
    table->column = header.item;
    table->n_columns = header.n;
    if (!status)
        status = check_header(in, &header, line);
    return status ? status : read_body(in, table);
}

/* Takes over text, which has n bytes and a NUL behind them. */
static sc_status parse_owned(const char *name, char *text, size_t n, col_table **out,
                             sc_diag *diag)
{
    col_table *table = sc_calloc(1, sizeof *table);
    if (!table) {
        sc_free(text);
        return sc_diag_nomem(diag);
    }
    table->text = text;
    csv in = {name, text, text + n, text, 1, diag};
    table->path = sc_strdup(name);
    sc_status status = table->path ? SC_OK : sc_diag_nomem(diag);
    const char *nul = memchr(text, 0, n);
    if (!status && nul) {
        for (const char *c = text; c < nul; c++)
            if (*c == '\n') {
                in.line++;
                in.line_start = c + 1;
            }
        status = fail_at(&in, nul, "NUL byte in a table",
                         n > 1 && ((text[0] == '\xff' && text[1] == '\xfe') ||
                                   (text[0] == '\xfe' && text[1] == '\xff'))
                             ? "it is UTF-16; save it as UTF-8"
                             : "save the table as plain text");
    }
    if (!status)
        status = read_table(&in, table);
    if (status) {
        col_table_free(table);
        return status;
    }
    *out = table;
    return SC_OK;
}

sc_status col_table_parse(const char *name, const char *text, size_t n, col_table **out,
                          sc_diag *diag)
{
    char *copy = sc_malloc(n + 1);
    if (!copy)
        return sc_diag_nomem(diag);
    memcpy(copy, text, n);
    copy[n] = 0;
    return parse_owned(name, copy, n, out, diag);
}

/* By its name or its first bytes; a file that cannot be opened is left to the reader. */
static bool is_parquet(const char *path)
{
    char magic[4] = "";
    if (sc_ends_with(path, ".parquet"))
        return true;
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(magic, 1, sizeof magic, file) : 0;
    if (file)
        fclose(file);
    return n == sizeof magic && memcmp(magic, "PAR1", sizeof magic) == 0;
}

sc_status col_table_load_columns(const char *path, const char *const *columns,
                                 col_table **out, sc_diag *diag)
{
    char *text = NULL;
    size_t n = 0;
    if (is_parquet(path))
        return col_parquet_load(path, columns, out, diag);
    sc_status status = sc_file_read(path, MAX_FILE_B, &text, &n, diag);
    return status ? status : parse_owned(path, text, n, out, diag);
}

sc_status col_table_load(const char *path, col_table **out, sc_diag *diag)
{
    return col_table_load_columns(path, NULL, out, diag);
}

/* Of a Parquet table each column's name is a piece of memory of its own. */
static void values_free(col_values *values, char *name)
{
    for (size_t i = 0; i < values->n_texts; i++)
        sc_free(values->text[i]);
    sc_free(values->text);
    sc_free(values->number);
    sc_free(values->code);
    sc_free(name);
}

void col_table_free(col_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; table->values && i < table->n_columns; i++)
        values_free(&table->values[i], table->column ? table->column[i] : NULL);
    sc_free(table->values);
    sc_free(table->path);
    sc_free(table->column);
    sc_free(table->cell);
    sc_free(table->line);
    sc_free(table->text);
    sc_free(table);
}

int col_table_column(const col_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns && i < INT_MAX; i++)
        if (strcmp(table->column[i], name) == 0)
            return (int)i;
    return -1;
}

const char *col_table_text(const col_table *table, size_t row, int column,
                           char scratch[32])
{
    if (!table->values)
        return table->cell[row * table->n_columns + (size_t)column];
    const col_values *values = &table->values[column];
    if (values->code)
        return values->text[values->code[row]];
    if (!values->number || isnan(values->number[row]))
        return "";
    if (isinf(values->number[row]))
        return values->number[row] > 0 ? "inf" : "-inf";
    sc_format_double(values->number[row], scratch);
    return scratch;
}

bool col_table_number(const col_table *table, size_t row, int column, double *out)
{
    const double *number = table->values ? table->values[column].number : NULL;
    if (number && isfinite(number[row]))
        *out = number[row];
    if (number)
        return isfinite(number[row]);
    char scratch[32];
    return sc_parse_double(col_table_text(table, row, column, scratch), out);
}

static bool cell_is(const col_table *table, size_t row, int column,
                    const char *const *value)
{
    char scratch[32];
    double number, wanted;
    const char *text = col_table_text(table, row, column, scratch);
    bool numeric = col_table_number(table, row, column, &number);
    for (; *value; value++)
        if (strcmp(*value, text) == 0 ||
            (numeric && sc_parse_double(*value, &wanted) && wanted == number))
            return true;
    return false;
}

static void move_row(col_table *table, size_t from, size_t to)
{
    size_t n = table->n_columns;
    table->line[to] = table->line[from];
    if (table->cell)
        memmove(&table->cell[to * n], &table->cell[from * n], n * sizeof *table->cell);
    for (size_t c = 0; c < n && table->values; c++) {
        if (table->values[c].number)
            table->values[c].number[to] = table->values[c].number[from];
        if (table->values[c].code)
            table->values[c].code[to] = table->values[c].code[from];
    }
}

sc_status col_table_keep(col_table *table, const char *column, const char *const *value,
                         size_t *n_dropped, sc_diag *diag)
{
    int at = col_table_column(table, column);
    size_t kept = 0;
    if (at < 0) {
        sc_diag_fail(diag, SC_EINVAL, SC2001, "there is no column '%s'", column);
        sc_diag_at(diag, table->path, 1, 0, 0, NULL);
        return SC_EINVAL;
    }
    for (size_t row = 0; row < table->n_rows; row++)
        if (cell_is(table, row, at, value))
            move_row(table, row, kept++);
    *n_dropped = table->n_rows - kept;
    table->n_rows = kept;
    return SC_OK;
}

/* Quoted where RFC 4180 asks for it. */
static void add_cell(sc_buf *out, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")]) {
        sc_buf_add(out, text);
        return;
    }
    sc_buf_add(out, "\"");
    for (; *text; text++) {
        if (*text == '"')
            sc_buf_add(out, "\"");
        sc_buf_addn(out, text, 1);
    }
    sc_buf_add(out, "\"");
}

sc_status col_table_csv(const col_table *table, sc_buf *out, sc_diag *diag)
{
    char scratch[32];
    for (size_t c = 0; c < table->n_columns; c++) {
        sc_buf_add(out, c ? "," : "");
        add_cell(out, table->column[c]);
    }
    sc_buf_add(out, "\n");
    for (size_t row = 0; row < table->n_rows; row++) {
        for (size_t c = 0; c < table->n_columns; c++) {
            sc_buf_add(out, c ? "," : "");
            add_cell(out, col_table_text(table, row, (int)c, scratch));
        }
        sc_buf_add(out, "\n");
    }
    return out->failed ? sc_diag_nomem(diag) : SC_OK;
}
