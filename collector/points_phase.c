/* solcheck - which rows of a table belong to a phase of an op.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/points_internal.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"

/* The phase that a word of text ("mla_context", "generation_mla_perf.csv") names. */
static sol_phase_kind phase_word(const char *text)
{
    static const struct {
        const char *word;
        sol_phase_kind kind;
    } words[] = {{"context", SOL_CONTEXT},
                 {"prefill", SOL_CONTEXT},
                 {"generation", SOL_GENERATION},
                 {"decode", SOL_GENERATION}};
    while (*text) {
        size_t n = strcspn(text, "_-. ");
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (n == strlen(words[i].word) && strncasecmp(text, words[i].word, n) == 0)
                return words[i].kind;
        text += n;
        text += strspn(text, "_-. ");
    }
    return SOL_N_PHASES;
}

static bool single_phase(const sol_op *op)
{
    int n = 0;
    for (int k = 0; k < SOL_N_PHASES; k++)
        n += op->phase[k] != NULL;
    return n == 1;
}

/* phase_word of a cell. Numbers name no phase, and their text does not last. */
static sol_phase_kind phase_cell(const col_plan *p, size_t row, int column,
                                 col_memo *seen)
{
    if (!col_plan_values(p, column)->is_text)
        return SOL_N_PHASES;
    const char *text = col_plan_cell(p, row, column);
    if (!col_memo_holds(seen, text))
        *seen = (col_memo){text, phase_word(text)};
    return (sol_phase_kind)seen->meaning;
}

/* Is the cell of a row one of the values? *n receives how many rows from it on have the
 * same cell. */
static bool cell_run(const col_plan *p, int column, size_t row, char *const *value,
                     size_t *n)
{
    const char *text = col_plan_cell(p, row, column);
    const col_values *cells = col_plan_values(p, column);
    double own = col_values_at(cells, row);
    *n = 1;
    if (cells->width == COL_ONE)
        *n = p->table->n_rows - row;
    while (row + *n < p->table->n_rows && col_values_at(cells, row + *n) == own)
        ++*n;
    for (; *value; value++)
        if (strcmp(*value, text) == 0)
            return true;
    return false;
}

/* Skips rows whose cell is none of the values. */
static void skip_others(const col_plan *p, int column, char *const *value)
{
    for (size_t row = 0, n; row < p->table->n_rows; row += n)
        if (!cell_run(p, column, row, value, &n))
            memset(p->skip + row, true, n * sizeof *p->skip);
}

/* Skips rows by the column phase, else by a word of op_name, else by one of the file's
 * name, else by what the op's map says (map_says, SOL_N_PHASES: nothing); a table that
 * says nothing of it serves ops of one phase only. */
sc_status col_plan_skip_phases(const col_plan *p, sol_phase_kind map_says)
{
    const col_table *t = p->table;
    int phase = col_table_column(t, "phase"), name = col_table_column(t, "op_name");
    sol_phase_kind by_file = phase_word(sc_path_base(t->path));
    col_memo seen = {0};
    for (size_t row = 0; row < t->n_rows; row++) {
        sol_phase_kind kind = SOL_N_PHASES;
        if (p->skip[row])
            continue;
        if (phase >= 0) {
            kind = phase_cell(p, row, phase, &seen);
            if (kind == SOL_N_PHASES)
                return col_plan_fail(p, row, SC2005, "phase",
                                     col_plan_cell(p, row, phase), "is no phase",
                                     "write context or generation");
        } else {
            if (name >= 0)
                kind = phase_cell(p, row, name, &seen);
            if (kind == SOL_N_PHASES)
                kind = by_file;
            if (kind == SOL_N_PHASES)
                kind = map_says;
            if (kind == SOL_N_PHASES && !single_phase(p->op)) {
                sc_diag_fail(p->diag, SC_EPARSE, SC2005,
                             "nothing tells the rows' phase, and op %s has two",
                             p->op->name);
                sc_diag_at(p->diag, t->path, col_table_line(t, row), 0, 0, NULL);
                sc_diag_hint(p->diag, "add a column phase with context or generation, or "
                                      "put that word into the file's name");
                return SC_EPARSE;
            }
        }
        p->skip[row] |= kind != SOL_N_PHASES && kind != p->phase->kind;
    }
    return SC_OK;
}

/* Where some rows are of the op by name, the others are of other ops. */
void col_plan_skip_ops(const col_plan *p, const char *op_name)
{
    int column = col_table_column(p->table, "op_name");
    bool any = false;
    if (column < 0)
        return;
    char *const value[] = {(char *)op_name, NULL};
    for (size_t row = 0, n = 0; row < p->table->n_rows && !any; row += n)
        any = cell_run(p, column, row, value, &n);
    if (any)
        skip_others(p, column, value);
}

/* Skips the rows that the map is not about. */
sc_status col_plan_skip_others(const col_plan *p, const sol_table_map *map)
{
    for (int i = 0; i < map->n_rows; i++) {
        int column = col_table_column(p->table, map->rows[i].column);
        if (column < 0)
            return col_plan_missing(p, "a column that tells the op's rows",
                                    map->rows[i].column);
        p->used[column] = true;
        skip_others(p, column, map->rows[i].value);
    }
    return SC_OK;
}
