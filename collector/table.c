/* solcheck - CSV tables (RFC 4180), strict where a guess could change a number.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/table.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "collector/parquet.h"
#include "collector/unit.h"

/* The largest table read: the reference ecosystem's largest is a fiftieth of it. */
#define MAX_FILE_B ((size_t)1 << 30)

/* What is read of a file at a time, and how many cells of a column are. */
#define PIECE_B ((size_t)1 << 18)
#define MAX_ROW_B ((size_t)1 << 26)
#define PENDING 256

/* The reader's place in the text, of which the current row, at least, is in the buffer.
 * Cells are unquoted in place: writing never overtakes reading. */
typedef struct csv {
    const char *name;
    FILE *file;             /* NULL: all of the text is in the buffer */
    char *buffer;           /* [capacity + 1] */
    size_t capacity, total; /* total: bytes read so far */
    char *at, *end;
    const char *line_start; /* of the current line, for columns in diagnostics */
    int line;               /* from 1 */
    bool utf16;
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

/* Growable list of the cells of one row. */
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

/* ---- pieces of a file ---- */

static sc_status too_large(const csv *in)
{
    sc_diag_fail(in->diag, SC_EPARSE, SC1002, "table is too large: more than %zu MiB",
                 MAX_FILE_B >> 20);
    sc_diag_at(in->diag, in->name, 0, 0, 0, NULL);
    sc_diag_hint(in->diag, "split it into files of fewer rows");
    return SC_EPARSE;
}

/* What has been read of is dropped, what follows is read behind the rest; at the end of
 * the file, in->file becomes NULL. */
static sc_status read_piece(csv *in)
{
    size_t rest = (size_t)(in->end - in->at), from = (size_t)(in->at - in->buffer);
    if (rest > MAX_ROW_B)
        return fail_at(in, in->at, "row is longer than 64 MiB", "is a quote not closed?");
    if (rest == in->capacity) {
        char *more = sc_realloc(in->buffer, 2 * in->capacity + 1);
        if (!more)
            return sc_diag_nomem(in->diag);
        in->buffer = more;
        in->capacity *= 2;
    }
    memmove(in->buffer, in->buffer + from, rest);
    in->at = in->buffer;
    in->line_start = in->at; /* rows begin with a line */
    size_t n = fread(in->buffer + rest, 1, in->capacity - rest, in->file);
    in->end = in->buffer + rest + n;
    in->total += n;
    *in->end = 0;
    if (in->total > MAX_FILE_B)
        return too_large(in);
    if (n == 0 && ferror(in->file)) {
        sc_diag_fail(in->diag, SC_EIO, SC1001, "cannot read '%s': %s", in->name,
                     strerror(errno));
        sc_diag_at(in->diag, in->name, 0, 0, 0, NULL);
        return SC_EIO;
    }
    if (n == 0)
        in->file = NULL;
    return SC_OK;
}

/* A byte that no table may hold, in the row at hand. */
static sc_status bad_byte(csv *in, const char *bad, sc_code code, const char *message,
                          const char *hint)
{
    for (const char *c = in->at; c < bad; c++)
        if (*c == '\n') {
            in->line++;
            in->line_start = c + 1;
        }
    fail_at(in, bad, message, in->utf16 ? "it is UTF-16; save it as UTF-8" : hint);
    if (in->diag)
        in->diag->code = code;
    return SC_EPARSE;
}

/* The first byte that is no UTF-8, or NULL. */
static const char *not_utf8(const char *at, const char *end)
{
    for (size_t n; at < end; at += n) {
        n = sc_utf8_length(at);
        if (n == 0)
            return at;
    }
    return NULL;
}

/* Reads until the whole row that starts at in->at is there. Quotes where none may be are
 * found when the row is taken apart. */
static sc_status whole_row(csv *in)
{
    bool quoted = false, found = false;
    unsigned char bits = 0;
    const char *bad = NULL;
    for (size_t seen = 0; !found;) {
        const char *c = in->at + seen;
        for (; c < in->end && !found; c++) {
            quoted ^= *c == '"';
            bits |= (unsigned char)*c;
            found = *c == '\n' && !quoted;
        }
        bad = memchr(in->at + seen, 0, (size_t)(c - in->at) - seen);
        if (bad)
            return bad_byte(in, bad, SC2000, "NUL byte in a table",
                            "save the table as plain text");
        seen = (size_t)(c - in->at);
        if (!found && in->file) {
            sc_status status = read_piece(in);
            if (status)
                return status;
            continue;
        }
        if (bits & 0x80)
            bad = not_utf8(in->at, c);
        break;
    }
    return bad ? bad_byte(in, bad, SC1006, "text is not UTF-8", "save the table as UTF-8")
               : SC_OK;
}

/* Blank lines are skipped wherever they stand. */
static sc_status skip_blank(csv *in)
{
    for (;;) {
        if (in->end - in->at < 2 && in->file) {
            sc_status status = read_piece(in);
            if (status)
                return status;
            continue;
        }
        char *at = in->at;
        if (at < in->end && *at == '\r' && at + 1 < in->end)
            at++;
        if (at == in->end || *at != '\n')
            return SC_OK;
        in->at = at + 1;
        in->line++;
        in->line_start = in->at;
    }
}

/* ---- rows ---- */

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

/* What is wrong with the name of column i, or NULL. */
static const char *name_fault(const cells *header, size_t i)
{
    const char *name = header->item[i];
    size_t n = strlen(name);
    if (n == 0)
        return "a column has no name";
    if (header->n == 1 && strpbrk(name, ";\t"))
        return "is the name of the only column";
    if (strchr(" \t", name[0]) || strchr(" \t", name[n - 1]))
        return "begins or ends with a blank";
    for (size_t j = 0; j < i; j++)
        if (strcmp(name, header->item[j]) == 0)
            return "is the name of two columns";
    return NULL;
}

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
        const char *why = name_fault(header, i), *name = header->item[i];
        if (!why)
            continue;
        sc_diag_fail(in->diag, SC_EPARSE, SC2000, "%.200s%s%s", name, *name ? " " : "",
                     why);
        sc_diag_at(in->diag, in->name, line, 0, 0, NULL);
        if (header->n == 1)
            sc_diag_hint(in->diag, "separate cells by commas, and write decimals with a "
                                   "point");
        else
            sc_diag_hint(in->diag,
                         "the first line names the columns, without blanks around "
                         "commas; column %zu is wrong",
                         i + 1);
        return SC_EPARSE;
    }
    return SC_OK;
}

/* The last row of a file that was cut off has too few cells and no line feed (which
 * read_cell would have made a NUL). */
static sc_status ragged(const csv *in, int line, size_t got, const col_table *table)
{
    bool cut = got < table->n_columns && in->at == in->end && in->end[-1];
    sc_diag_fail(in->diag, SC_EPARSE, SC2000, "row has %zu cells, the header has %zu%s",
                 got, table->n_columns, cut ? ", and the file ends" : "");
    sc_diag_at(in->diag, in->name, line, 0, 0, NULL);
    if (cut)
        sc_diag_hint(in->diag, "it was cut off: copy it again, or take the row out");
    else if (table->column[0][0] == '#')
        sc_diag_hint(in->diag, "the first line names the columns: take the comment out");
    else
        sc_diag_hint(in->diag,
                     "quote cells that hold commas, and write empty cells as ,,");
    return SC_EPARSE;
}

/* ---- columns ---- */

/* A column while it is read: cells are handed over by the PENDING. */
typedef struct filling {
    bool wanted;
    size_t n;
    double cell[PENDING];
} filling;

static bool flush(col_values *values, filling *f)
{
    if (!col_values_add(values, f->cell, f->n, 0))
        return false;
    f->n = 0;
    return true;
}

/* A column of numbers meets a text that is none: its numbers become texts, too. */
static bool become_text(col_values *values)
{
    double part[PENDING];
    col_values texts = {.is_text = true};
    bool ok = true;
    for (size_t first = 0, n; first < values->n && ok; first += n) {
        n = values->n - first < PENDING ? values->n - first : PENDING;
        col_values_read(values, first, n, part);
        for (size_t i = 0; i < n && ok; i++) {
            char text[32];
            col_number_format(part[i], text);
            int code = col_values_intern(&texts, text, strlen(text));
            part[i] = code;
            ok = code >= 0;
        }
        ok = ok && col_values_add(&texts, part, n, 0);
    }
    col_values_clear(ok ? values : &texts);
    if (ok)
        *values = texts;
    return ok;
}

static bool add_text(col_values *values, filling *f, const char *text)
{
    double value;
    if (!values->is_text && !col_number_is_own(text, &value) &&
        !(flush(values, f) && become_text(values)))
        return false;
    if (values->is_text) {
        int code = col_values_intern(values, text, strlen(text));
        if (code < 0)
            return false;
        value = code;
    }
    f->cell[f->n++] = value;
    return f->n < PENDING || flush(values, f);
}

static sc_status add_row(const csv *in, const cells *row, int line, filling *f,
                         size_t *capacity, col_table *table)
{
    if (table->n_rows == *capacity) {
        size_t more = *capacity ? 2 * *capacity : 64;
        int *grown = sc_reallocarray(table->line, more, sizeof *grown);
        if (!grown)
            return sc_diag_nomem(in->diag);
        table->line = grown;
        *capacity = more;
    }
    for (size_t c = 0; c < row->n; c++)
        if (f[c].wanted && !add_text(&table->values[c], &f[c], row->item[c]))
            return sc_diag_nomem(in->diag);
    table->line[table->n_rows++] = line;
    return SC_OK;
}

/* Reads all rows after the header into table. */
static sc_status read_body(csv *in, cells *row, filling *f, col_table *table)
{
    size_t capacity = 0;
    sc_status status = skip_blank(in);
    while (!status && in->at < in->end) {
        int line = in->line;
        row->n = 0;
        status = whole_row(in);
        if (!status)
            status = read_row(in, row);
        if (!status && row->n != table->n_columns)
            status = ragged(in, line, row->n, table);
        if (!status)
            status = add_row(in, row, line, f, &capacity, table);
        if (!status)
            status = skip_blank(in);
    }
    for (size_t c = 0; c < table->n_columns && !status; c++)
        if (!flush(&table->values[c], &f[c]))
            status = sc_diag_nomem(in->diag);
    return status;
}

static sc_status copy_names(const csv *in, const cells *header, col_table *table)
{
    table->column = sc_calloc(header->n + 1, sizeof *table->column);
    table->values = sc_calloc(header->n + 1, sizeof *table->values);
    if (!table->column || !table->values)
        return sc_diag_nomem(in->diag);
    table->n_columns = header->n;
    for (size_t i = 0; i < header->n; i++)
        if (!(table->column[i] = sc_strdup(header->item[i])))
            return sc_diag_nomem(in->diag);
    return SC_OK;
}

static sc_status read_header(csv *in, cells *header, col_table *table)
{
    sc_status status = in->file ? read_piece(in) : SC_OK;
    while (!status && in->file && in->end - in->at < 3)
        status = read_piece(in);
    if (status)
        return status;
    in->utf16 = in->end - in->at > 1 && (memcmp(in->at, "\xff\xfe", 2) == 0 ||
                                         memcmp(in->at, "\xfe\xff", 2) == 0);
    if (in->end - in->at >= 3 && memcmp(in->at, "\xef\xbb\xbf", 3) == 0)
        in->line_start = in->at += 3; /* byte-order mark */
    status = skip_blank(in);
    int line = in->line;
    if (!status && in->at == in->end)
        return fail_at(in, in->at, "table is empty", "the first line names the columns");
    if (!status)
        status = whole_row(in);
    if (!status)
        status = read_row(in, header);
    if (!status)
        status = check_header(in, header, line);
    return status ? status : copy_names(in, header, table);
}

static sc_status read_table(csv *in, col_wanted *wanted, const void *user,
                            col_table *table)
{
    cells row = {0};
    filling *f = NULL;
    sc_status status = read_header(in, &row, table);
    if (!status && !(f = sc_calloc(table->n_columns + 1, sizeof *f)))
        status = sc_diag_nomem(in->diag);
    for (size_t c = 0; c < table->n_columns && !status; c++)
        f[c].wanted = !wanted || wanted(user, table->column[c]);
    if (!status)
        status = read_body(in, &row, f, table);
    sc_free(row.item);
    sc_free(f);
    return status;
}

/* Reads on from in, whose buffer is released. */
static sc_status parse(csv *in, col_wanted *wanted, const void *user, col_table **out)
{
    col_table *table = sc_calloc(1, sizeof *table);
    sc_status status = SC_OK;
    if (!table || !in->buffer || !(table->path = sc_strdup(in->name)))
        status = sc_diag_nomem(in->diag);
    if (!status) {
        table->decimal = true;
        status = read_table(in, wanted, user, table);
    }
    sc_free(in->buffer);
    if (status)
        col_table_free(table);
    else
        *out = table;
    return status;
}

sc_status col_table_parse(const char *name, const char *text, size_t n, col_table **out,
                          sc_diag *diag)
{
    csv in = {.name = name, .capacity = n, .total = n, .line = 1, .diag = diag};
    in.buffer = sc_malloc(n + 1);
    if (in.buffer) {
        memcpy(in.buffer, text, n);
        in.buffer[n] = 0;
        in.line_start = in.at = in.buffer;
        in.end = in.buffer + n;
    }
    return parse(&in, NULL, NULL, out);
}

static sc_status load_csv(const char *path, col_wanted *wanted, const void *user,
                          col_table **out, sc_diag *diag)
{
    csv in = {.name = path, .capacity = PIECE_B, .line = 1, .diag = diag};
    sc_status status = sc_file_open(path, &in.file, diag);
    if (status)
        return status;
    FILE *file = in.file;
    in.buffer = sc_malloc(in.capacity + 1);
    in.line_start = in.at = in.end = in.buffer;
    status = parse(&in, wanted, user, out);
    fclose(file);
    return status;
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

sc_status col_table_load_wanted(const char *path, col_wanted *wanted, const void *user,
                                col_table **out, sc_diag *diag)
{
    return is_parquet(path) ? col_parquet_load(path, wanted, user, out, diag)
                            : load_csv(path, wanted, user, out, diag);
}

sc_status col_table_load(const char *path, col_table **out, sc_diag *diag)
{
    return col_table_load_wanted(path, NULL, NULL, out, diag);
}

/* ---- a table ---- */

void col_table_free(col_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->n_columns; i++) {
        if (table->values)
            col_values_clear(&table->values[i]);
        if (table->column)
            sc_free(table->column[i]);
    }
    sc_free(table->values);
    sc_free(table->path);
    sc_free(table->column);
    sc_free(table->line);
    sc_free(table);
}

int col_table_column(const col_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns && i < INT_MAX; i++)
        if (strcmp(table->column[i], name) == 0)
            return (int)i;
    return -1;
}

int col_table_line(const col_table *table, size_t row)
{
    return table->line ? table->line[row] : (int)row + 1;
}

const char *col_table_text(const col_table *table, size_t row, int column,
                           char scratch[32])
{
    const col_values *values = &table->values[column];
    if (values->is_text)
        return col_values_text(values, row);
    col_number_format(col_values_at(values, row), scratch);
    return scratch;
}

bool col_table_number(const col_table *table, size_t row, int column, double *out)
{
    const col_values *values = &table->values[column];
    if (values->is_text)
        return sc_parse_double(col_values_text(values, row), out);
    double number = col_values_at(values, row);
    if (isfinite(number))
        *out = number;
    return isfinite(number);
}

/* Memory for a table like another one, without rows. */
static col_table *table_like(const col_table *from, size_t n_rows)
{
    col_table *to = sc_calloc(1, sizeof *to);
    if (!to)
        return NULL;
    to->decimal = from->decimal;
    to->n_columns = from->n_columns;
    to->path = sc_strdup(from->path);
    to->column = sc_calloc(from->n_columns + 1, sizeof *to->column);
    to->values = sc_calloc(from->n_columns + 1, sizeof *to->values);
    to->line = sc_calloc(n_rows + 1, sizeof *to->line);
    bool ok = to->path && to->column && to->values && to->line;
    for (size_t i = 0; i < from->n_columns && ok; i++)
        ok = (to->column[i] = sc_strdup(from->column[i])) != NULL;
    if (ok)
        return to;
    col_table_free(to);
    return NULL;
}

sc_status col_table_select(const col_table *from, const bool *leave_out, col_table **out,
                           sc_diag *diag)
{
    col_table *to = table_like(from, from->n_rows);
    bool ok = to != NULL;
    for (size_t row = 0; row < from->n_rows && ok; row++)
        if (!leave_out[row])
            to->line[to->n_rows++] = col_table_line(from, row);
    for (size_t i = 0; i < from->n_columns && ok; i++)
        ok = !from->values[i].n ||
             col_values_select(&from->values[i], from->n_rows, leave_out, &to->values[i]);
    if (!ok) {
        col_table_free(to);
        return sc_diag_nomem(diag);
    }
    *out = to;
    return SC_OK;
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

/* Lines of rows that are to be moved. */
static bool own_lines(col_table *table)
{
    if (table->line || !table->n_rows)
        return true;
    int *line = sc_calloc(table->n_rows, sizeof *line);
    for (size_t row = 0; row < table->n_rows && line; row++)
        line[row] = (int)row + 1;
    table->line = line;
    return line != NULL;
}

static void move_row(col_table *table, size_t from, size_t to)
{
    table->line[to] = table->line[from];
    for (size_t c = 0; c < table->n_columns; c++)
        col_values_move(&table->values[c], from, to);
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
    if (!own_lines(table))
        return sc_diag_nomem(diag);
    for (size_t row = 0; row < table->n_rows; row++)
        if (cell_is(table, row, at, value))
            move_row(table, row, kept++);
    *n_dropped = table->n_rows - kept;
    table->n_rows = kept;
    return SC_OK;
}

sc_status col_table_csv(const col_table *table, sc_buf *out, sc_diag *diag)
{
    char scratch[32];
    for (size_t c = 0; c < table->n_columns; c++) {
        sc_buf_add(out, c ? "," : "");
        sc_buf_add_csv(out, table->column[c]);
    }
    sc_buf_add(out, "\n");
    for (size_t row = 0; row < table->n_rows; row++) {
        for (size_t c = 0; c < table->n_columns; c++) {
            sc_buf_add(out, c ? "," : "");
            sc_buf_add_csv(out, col_table_text(table, row, (int)c, scratch));
        }
        sc_buf_add(out, "\n");
    }
    return out->failed ? sc_diag_nomem(diag) : SC_OK;
}
