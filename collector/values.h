/* solcheck - one column of a table, in as few bytes as its values allow: nothing where
 * all cells are equal, else integers of 1, 2 or 4 bytes, else doubles. Texts are kept
 * once each, their numbers are the cells. Tests: tests/unit/collector/test_values.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_VALUES_H
#define SC_COLLECTOR_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum col_width { COL_ONE, COL_INT8, COL_INT16, COL_INT32, COL_DOUBLE } col_width;

/* Zero-initialised: no cells yet; read, every cell of such a column is empty. */
typedef struct col_values {
    col_width width;
    double same; /* COL_ONE: all cells; NaN: empty */
    void *cell;  /* [capacity] of the width; the least integer is an empty cell */
    size_t n, capacity;
    bool is_text;      /* cells are indices into text */
    const char **text; /* [n_texts], each once */
    size_t n_texts;
    struct col_texts *texts; /* where they are kept and found */
} col_values;

/* Appends n cells, NaN: empty; expected: cells that the column is going to have, if that
 * is known. false: without memory, the column is as before. */
bool col_values_add(col_values *values, const double *cell, size_t n, size_t expected);
/* The number of a text of n bytes without NUL, a new one if need be; -1: without memory.
 */
int col_values_intern(col_values *values, const char *text, size_t n);
/* Cells [first, first + n), NaN where they are empty. */
void col_values_read(const col_values *values, size_t first, size_t n, double *out);
double col_values_at(const col_values *values, size_t row);
/* "" for cells that hold no text. */
static inline const char *col_values_text(const col_values *values, size_t row)
{
    double code = values->is_text ? col_values_at(values, row) : -1;
    return code >= 0 ? values->text[(size_t)code] : "";
}
/* Row `to` becomes what row `from` is, from >= to. */
void col_values_move(col_values *values, size_t from, size_t to);
/* A copy of the rows that are not left out. false: without memory; *out is to be
 * cleared in either case. */
bool col_values_select(const col_values *values, size_t n, const bool *leave_out,
                       col_values *out);
void col_values_clear(col_values *values);

#endif
