/* solcheck audit: which table is next. Tables are held in memory whole, so that several
 * of the largest at a time would take more than they may (500 MB for all).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "base/text.h"
#include "cli/audit.h"
#include "collector/parquet.h"

/* What a row takes while its table is audited: docs/audit.md. A row of CSV has as many
 * characters or more. */
#define ROW_B 35.0

/* What the tables at work may take together; the program and its caches take up to 80 MB
 * besides. */
#define BUDGET_B 4e8

/* Smaller files are not opened for it: at a byte a row, what they hold does not matter.
 */
#define SMALL_B 2e5

audit_turn audit_turn_of(size_t file, const char *path, double size_B)
{
    bool parquet = size_B >= SMALL_B && sc_ends_with(path, ".parquet");
    double rows_B = parquet ? ROW_B * (double)col_parquet_rows(path) : 0;
    return (audit_turn){file, size_B, rows_B > 0 ? rows_B : size_B, false};
}

size_t audit_pick(const audit_turn *turn, size_t n, double in_hand_B, bool *left)
{
    *left = false;
    for (size_t i = 0; i < n; i++) {
        if (turn[i].taken)
            continue;
        *left = true;
        if (in_hand_B <= 0 || in_hand_B + turn[i].memory_B <= BUDGET_B)
            return i;
    }
    return n;
}
