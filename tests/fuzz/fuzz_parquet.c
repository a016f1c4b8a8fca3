/* solcheck - fuzz target: perf tables in Parquet, through the module in
 * $SOLCHECK_PARQUET_MODULE. What the file claims of itself is never believed: a table
 * that loads can be read, anything else is complained of. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <stdlib.h>
#include <string.h>

#include "collector/parquet.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(data, n);
    col_table *table = NULL;
    sc_diag diag = {0};
    if (!path)
        abort();
    sc_status status = col_parquet_load(path, NULL, NULL, &table, &diag);
    if (status == SC_OK) {
        char scratch[32];
        size_t length = 0;
        for (size_t row = 0; row < table->n_rows; row++)
            for (size_t c = 0; c < table->n_columns; c++)
                length += strlen(col_table_text(table, row, (int)c, scratch));
        if (length && col_table_line(table, table->n_rows - 1) != (int)table->n_rows)
            abort();
        col_table_free(table);
    } else if (diag.code == SC_CODE_NONE || diag.code == SC2006) {
        abort(); /* without a complaint, or without a module: nothing was tested */
    }
    return 0;
}
