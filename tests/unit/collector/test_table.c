/* solcheck - tests of collector/table.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "collector/table.h"

static col_table *parse(const char *text)
{
    col_table *table = NULL;
    sc_diag diag;
    sc_diag_clear(&diag);
    cr_assert_eq(col_table_parse("t.csv", text, strlen(text), &table, &diag), SC_OK,
                 "%d:%d %s", diag.line, diag.col, diag.message);
    return table;
}

static const char *at(const col_table *table, size_t row, const char *column)
{
    int c = col_table_column(table, column);
    cr_assert_geq(c, 0, "no column %s", column);
    static char scratch[8][32];
    static unsigned next;
    return col_table_text(table, row, c, scratch[next++ % 8]);
}

Test(table, plain_rows)
{
    col_table *t = parse("a,b,c\n1,two,3.5\n,,\n7,8,9");
    cr_assert_eq(t->n_columns, 3);
    cr_assert_eq(t->n_rows, 3);
    cr_assert_str_eq(t->path, "t.csv");
    cr_assert_str_eq(at(t, 0, "b"), "two");
    cr_assert_str_eq(at(t, 1, "c"), "");
    cr_assert_str_eq(at(t, 2, "c"), "9");
    cr_assert_eq(col_table_line(t, 2), 4);
    cr_assert_eq(col_table_column(t, "d"), -1);
    col_table_free(t);
    col_table_free(NULL);
}

Test(table, quotes_crlf_bom_and_blank_lines)
{
    col_table *t = parse("\xef\xbb\xbf\"a\",\"b,c\"\r\n\r\n"
                         "\"x \"\"y\"\"\",\"two\r\nlines\"\r\n"
                         "\"\",plain text \n\n\n"
                         "last,\"\"\n");
    cr_assert_eq(t->n_columns, 2);
    cr_assert_eq(t->n_rows, 3);
    cr_assert_str_eq(t->column[0], "a");
    cr_assert_str_eq(at(t, 0, "a"), "x \"y\"");
    cr_assert_str_eq(at(t, 0, "b,c"), "two\r\nlines");
    cr_assert_eq(col_table_line(t, 0), 3);
    cr_assert_str_eq(at(t, 1, "b,c"), "plain text ");
    cr_assert_eq(col_table_line(t, 1), 5);
    cr_assert_str_eq(at(t, 2, "b,c"), "");
    cr_assert_eq(col_table_line(t, 2), 8);
    col_table_free(t);
}

Test(table, header_alone_is_a_table_of_no_rows)
{
    col_table *t = parse("a,b");
    cr_assert_eq(t->n_rows, 0);
    cr_assert_eq(t->n_columns, 2);
    col_table_free(t);
}

Test(table, malformed_tables_name_their_place)
{
    static const struct {
        const char *text;
        size_t n; /* 0: strlen */
        int line, col;
        const char *message;
    } bad[] = {
        {"", 0, 1, 1, "table is empty"},
        {"\n\r\n", 0, 3, 1, "table is empty"},
        {"a,b\n1\n", 0, 2, 0, "row has 1 cells, the header has 2"},
        {"a,b\n1,2\n1,2,3\n", 0, 3, 0, "row has 3 cells, the header has 2"},
        {"a,b\n1,2\n3", 0, 3, 0, "row has 1 cells, the header has 2, and the file ends"},
        {"a;b\n1;2\n", 0, 1, 0, "a;b is the name of the only column"},
        {"a\tb\n1\t2\n", 0, 1, 0, "a\tb is the name of the only column"},
        {"a, b\n1, 2\n", 0, 1, 0, " b begins or ends with a blank"},
        {"a,,c\n", 0, 1, 0, "a column has no name"},
        {"a,b,a\n", 0, 1, 0, "a is the name of two columns"},
        {"a,b\n1,\"2\n3,4\n", 0, 2, 3, "quoted cell is not closed"},
        {"a,b\n1,2\"3\n", 0, 2, 4, "quote inside of a cell that is not quoted"},
        {"a,b\n\"1\"2,3\n", 0, 2, 4, "text after a closing quote"},
        {"a,b\n1,2\r3,4\n", 0, 2, 4, "carriage return without line feed"},
        {"a,b\n1,\0\n", 8, 2, 3, "NUL byte in a table"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        col_table *t = NULL;
        sc_diag diag;
        size_t n = bad[i].n ? bad[i].n : strlen(bad[i].text);
        cr_assert_eq(col_table_parse("t.csv", bad[i].text, n, &t, &diag), SC_EPARSE,
                     "case %zu", i);
        cr_assert(t == NULL);
        cr_assert_eq(diag.code, SC2000, "case %zu", i);
        cr_assert_str_eq(diag.message, bad[i].message);
        cr_assert_eq(diag.line, bad[i].line, "case %zu: line %d", i, diag.line);
        cr_assert_eq(diag.col, bad[i].col, "case %zu: col %d", i, diag.col);
        cr_assert_str_eq(diag.file, "t.csv");
        cr_assert(*diag.hint != 0);
    }
}

Test(table, text_that_is_no_utf8_names_its_place)
{
    static const char latin[] = "a,b\n1,\"x\n\303\244 \344\"\n"; /* UTF-8, then Latin-1 */
    col_table *t = NULL;
    sc_diag diag;
    cr_assert_eq(col_table_parse("t.csv", latin, sizeof latin - 1, &t, &diag), SC_EPARSE);
    cr_assert_eq(diag.code, SC1006);
    cr_assert_eq(diag.line, 3);
    cr_assert_eq(diag.col, 4);
    t = parse("a,b\n1,\303\244\n");
    cr_assert_str_eq(at(t, 0, "b"), "\303\244");
    col_table_free(t);
}

static sc_status load_file(const char *base, const char *text, size_t n, col_table **out,
                           sc_diag *diag)
{
    char dir[] = "/tmp/test_table.XXXXXX";
    cr_assert(mkdtemp(dir) != NULL);
    char *path = sc_path_join(dir, base);
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL);
    fwrite(text, 1, n, file);
    fclose(file);
    sc_status status = col_table_load(path, out, diag);
    remove(path);
    rmdir(dir);
    sc_free(path);
    return status;
}

Test(table, files)
{
    col_table *t = NULL;
    sc_diag diag;
    cr_assert_eq(load_file("x.csv", "a\n3\n", 4, &t, &diag), SC_OK);
    cr_assert_str_eq(at(t, 0, "a"), "3");
    col_table_free(t);
    t = NULL;
    cr_assert_eq(load_file("x.csv", "", 0, &t, &diag), SC_EPARSE);
    cr_assert_eq(diag.code, SC2000);
    cr_assert_eq(col_table_load("/nonexistent/x.csv", &t, &diag), SC_EIO);
    cr_assert_eq(diag.code, SC1001);
    cr_assert(t == NULL);
}

Test(table, parquet_is_told_how_to_convert)
{
    col_table *t = NULL;
    sc_diag diag;
    setenv("SOLCHECK_PARQUET_MODULE", "/nowhere/x.so", 1);
    cr_assert_eq(load_file("x.parquet", "junk", 4, &t, &diag), SC_EPARSE);
    cr_assert_eq(diag.code, SC2006);
    cr_assert(strstr(diag.hint, "to_csv") != NULL);
    cr_assert_eq(load_file("x.csv", "PAR1\x15\x04", 6, &t, &diag), SC_EPARSE);
    cr_assert_eq(diag.code, SC2006);
    cr_assert(t == NULL);
}

Test(table, keeps_rows_by_value)
{
    static const char text[] = "a,b\nx,1\ny,2.50\nx,3\nz,2.5\n";
    col_table *t = NULL;
    sc_diag diag;
    size_t n;
    char scratch[32];
    cr_assert_eq(col_table_parse("t", text, strlen(text), &t, NULL), SC_OK);
    cr_assert_eq(col_table_keep(t, "c", (const char *const[]){"x", NULL}, &n, &diag),
                 SC_EINVAL);
    cr_assert_eq(diag.code, SC2001);
    cr_assert_eq(
        col_table_keep(t, "b", (const char *const[]){"2.5", "3", NULL}, &n, &diag),
        SC_OK);
    cr_assert_eq(n, 1);
    cr_assert_eq(t->n_rows, 3);
    cr_assert_str_eq(col_table_text(t, 0, 0, scratch), "y");
    cr_assert_eq(col_table_line(t, 2), 5);
    cr_assert_eq(col_table_keep(t, "a", (const char *const[]){"z", "w", NULL}, &n, &diag),
                 SC_OK);
    cr_assert_eq(t->n_rows, 1);
    cr_assert_str_eq(col_table_text(t, 0, 1, scratch), "2.5");
    col_table_free(t);
}

Test(table, survives_failing_allocations)
{
    static char text[6000] = "a,b\n";
    for (int i = 0; i < 300; i++)
        strcat(text, "17,2.385\n");
    for (unsigned long i = 1;; i++) {
        col_table *t = NULL;
        sc_alloc_fail_at(i, 0);
        sc_status status = col_table_parse("t", text, strlen(text), &t, NULL);
        sc_alloc_fail_at(0, 0);
        if (!status) {
            cr_assert_gt(i, 5);
            cr_assert_eq(t->n_rows, 300);
            col_table_free(t);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM);
        cr_assert(t == NULL);
    }
}

/* ---- pieces ---- */

static unsigned next_random(unsigned *state)
{
    *state = *state * 1103515245u + 12345u;
    return *state >> 16;
}

/* Cells that are numbers, quoted, empty, long, with line ends inside, between blank
 * lines; columns that turn from numbers into texts on their way. */
static void add_row(sc_buf *text, unsigned *state, int row)
{
    static const char *const odd[] = {
        "\"a, \"\"b\"\"\"", "\"\r\n\"", "", "1.50", "-0", "1e-7", "17", "\"\n\n,\""};
    const char *end = next_random(state) % 5 ? "\n" : "\r\n";
    sc_buf_printf(text, "%d,%d.%d,", row, row % 7, 1 + row % 9);
    sc_buf_add(text, odd[next_random(state) % 8]);
    if (next_random(state) % 300 == 0) {
        sc_buf_add(text, ",\"");
        for (unsigned i = next_random(state) * 7 % 300000; i > 0; i--)
            sc_buf_addn(text, "x\ny," + i % 4, 1);
        sc_buf_add(text, "\",");
    } else {
        sc_buf_add(text, ",short,");
    }
    sc_buf_printf(text, row > 2500 ? "late%s" : "4%s", end);
    while (next_random(state) % 11 == 0)
        sc_buf_add(text, end);
}

/* A file is read in pieces; a text is there as a whole. */
Test(table, pieces_of_a_file_make_no_difference)
{
    char file[] = "/tmp/sc_pieces_XXXXXX.csv", a[32], b[32];
    sc_buf text = {0};
    unsigned state = 2385;
    col_table *whole = NULL, *pieces = NULL;
    sc_diag diag = {0};
    sc_buf_add(&text, "\xef\xbb\xbf\r\nrow,ratio,odd,long,late\n");
    for (int row = 0; row < 4000; row++)
        add_row(&text, &state, row);
    cr_assert_not(text.failed);
    cr_assert_gt(text.n, 1 << 20, "several pieces");
    int fd = mkstemps(file, 4);
    cr_assert(fd >= 0 && write(fd, text.text, text.n) == (ssize_t)text.n);
    close(fd);
    sc_status status = col_table_load(file, &pieces, &diag);
    unlink(file);
    cr_assert_eq(status, SC_OK, "%d:%d %s", diag.line, diag.col, diag.message);
    cr_assert_eq(col_table_parse("t", text.text, text.n, &whole, &diag), SC_OK);
    cr_assert_eq(pieces->n_rows, 4000);
    cr_assert_eq(whole->n_rows, 4000);
    for (size_t row = 0; row < 4000; row++) {
        cr_assert_eq(col_table_line(whole, row), col_table_line(pieces, row));
        for (int c = 0; c < 5; c++)
            cr_assert_str_eq(col_table_text(whole, row, c, a),
                             col_table_text(pieces, row, c, b), "row %zu column %d", row,
                             c);
    }
    cr_assert_not(pieces->values[0].is_text);
    cr_assert_not(pieces->values[1].is_text);
    cr_assert(pieces->values[4].is_text);
    cr_assert_str_eq(col_table_text(pieces, 17, 4, a), "4");
    /* The place of a mistake behind many pieces. */
    int line = col_table_line(pieces, 3999);
    col_table_free(pieces);
    cr_assert(sc_buf_add(&text, "\n\n1,2,\"x\n\n\"y,3,4\n") == SC_OK);
    strcpy(file + strlen(file) - 10, "XXXXXX.csv");
    fd = mkstemps(file, 4);
    cr_assert(fd >= 0 && write(fd, text.text, text.n) == (ssize_t)text.n);
    close(fd);
    cr_assert_eq(col_table_load(file, &pieces, &diag), SC_EPARSE);
    unlink(file);
    cr_assert_eq(diag.code, SC2000);
    sc_diag same = {0};
    cr_assert_eq(col_table_parse("t", text.text, text.n, &pieces, &same), SC_EPARSE);
    cr_assert_eq(diag.line, same.line);
    cr_assert_eq(diag.col, same.col);
    cr_assert_gt(diag.line, line + 2);
    cr_assert_eq(diag.col, 2);
    col_table_free(whole);
    sc_buf_free(&text);
}
