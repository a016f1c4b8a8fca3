/* solcheck - cells of a table that is being mapped, and complaints about them.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/points_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *col_plan_cell(const col_plan *p, size_t row, int column)
{
    return col_table_text(p->table, row, column,
                          p->scratch->text[p->scratch->next++ % 4]);
}

bool col_plan_same(const col_plan *p, size_t a, size_t b, int column)
{
    double x = col_values_at(col_plan_values(p, column), a);
    double y = col_values_at(col_plan_values(p, column), b);
    if (x == y || (isnan(x) && isnan(y)))
        return true;
    return col_plan_values(p, column)->is_text &&
           strcmp(col_plan_label(p, a, column), col_plan_label(p, b, column)) == 0;
}

const char *col_apart_default(const char *column)
{
#define X(name, meaning)                                                                 \
    if (strcmp(column, name) == 0)                                                       \
        return meaning;
    COL_APART_LIST(X)
#undef X
    return NULL;
}

const char *col_plan_label(const col_plan *p, size_t row, int column)
{
    const char *text = col_plan_cell(p, row, column);
    const char *other = *text ? NULL : col_apart_default(p->table->column[column]);
    return other ? other : text;
}

bool col_memo_holds(const col_memo *seen, const char *text)
{
    return seen->text && (seen->text == text || strcmp(seen->text, text) == 0);
}

/* ---- diagnostics ---- */

sc_status col_plan_fail(const col_plan *p, size_t row, sc_code code, const char *column,
                        const char *text, const char *problem, const char *hint)
{
    sc_diag_fail(p->diag, SC_EPARSE, code, "%s '%s' %s", column, text, problem);
    sc_diag_at(p->diag, p->table->path, col_table_line(p->table, row), 0, 0, NULL);
    sc_diag_hint(p->diag, "%s", hint);
    return SC_EPARSE;
}

/* SC2001 for `what` ("column 'latency'"), with the names that resemble `wanted`. */
sc_status col_plan_missing(const col_plan *p, const char *what, const char *wanted)
{
    char near[200];
    const col_table *t = p->table;
    sc_diag_fail(p->diag, SC_EPARSE, SC2001, "%s is missing", what);
    sc_diag_at(p->diag, t->path, 1, 0, 0, NULL);
    if (sc_suggest(wanted, (const char *const *)t->column, t->n_columns, near,
                   sizeof near))
        sc_diag_hint(p->diag, "did you mean %s? Rename the column to %s%s", near, wanted,
                     strcmp(wanted, "latency") == 0 ? ", in milliseconds" : "");
    else
        sc_diag_hint(p->diag, "add a column %s; docs/tables.md lists what is read",
                     wanted);
    return SC_EPARSE;
}

sc_status col_plan_none(const col_plan *p, size_t n_dropped)
{
    sc_diag_fail(p->diag, SC_EDOMAIN, SC2004, "no row for %s of op %s",
                 sol_phase_name(p->phase->kind), p->op->name);
    sc_diag_at(p->diag, p->table->path, 0, 0, 0, NULL);
    if (n_dropped)
        sc_diag_hint(p->diag,
                     "%zu rows have other parameters or dtypes than asked for, or "
                     "lie outside the op's ranges",
                     n_dropped);
    else
        sc_diag_hint(p->diag, "the table has %zu rows of other phases or ops",
                     p->table->n_rows);
    return SC_EDOMAIN;
}

sc_status col_plan_warn(const col_plan *p, size_t row, sc_code code, const char *text,
                        const char *hint)
{
    sc_diag diag;
    sc_diag_clear(&diag);
    sc_diag_warn(&diag, code, "%s", text);
    sc_diag_at(&diag, p->table->path,
               p->table->n_rows ? col_table_line(p->table, row) : 0, 0, 0, NULL);
    sc_diag_hint(&diag, "%s", hint);
    return sc_diags_add(p->warnings, &diag) ? sc_diag_nomem(p->diag) : SC_OK;
}

/* Keeps text in out, or "mixed" once rows differ. */
void col_points_keep(char *out, size_t out_B, const char *text)
{
    if (!*text || strcmp(out, "mixed") == 0)
        return;
    if (!*out)
        snprintf(out, out_B, "%s", text);
    else if (strncmp(out, text, out_B - 1) != 0)
        snprintf(out, out_B, "mixed");
}
