/* solcheck - fuzz target: perf tables in CSV. Every cell of a table that loads can be
 * read. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
 */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "collector/table.h"
#include "tests/fuzz/fuzz.h"

static void read_cells(const col_table *table)
{
    char scratch[32];
    double number;
    size_t length = 0;
    for (size_t row = 0; row < table->n_rows; row++)
        for (size_t c = 0; c < table->n_columns; c++) {
            length += strlen(col_table_text(table, row, (int)c, scratch));
            col_table_number(table, row, (int)c, &number);
        }
    if (table->n_rows > 0 && length > 0 && col_table_line(table, 0) < 1)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    col_table *table = NULL;
    sc_diag diag = {0};
    if (col_table_parse("fuzz.csv", (const char *)data, n, &table, &diag) == SC_OK) {
        read_cells(table);
        col_table_free(table);
    } else {
        sc_buf shown = {0};
        if (diag.code == SC_CODE_NONE || sc_diag_format(&diag, &shown) != SC_OK)
            abort();
        sc_buf_free(&shown);
    }
    return 0;
}
