/* solcheck - quantisation modes: which dtypes go together.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "sol/op.h"

sol_mode *sol_op_add_mode(sol_op *op, const char *name, size_t n)
{
    sol_mode *more = sc_reallocarray(op->mode, (size_t)op->n_modes + 1, sizeof *more);
    if (!more)
        return NULL;
    op->mode = more;
    sol_mode *mode = &more[op->n_modes++];
    *mode = (sol_mode){.name = sc_calloc(n + 1, 1),
                       .slot = sc_calloc((size_t)op->n_slots + 1, sizeof *mode->slot),
                       .param = sc_calloc((size_t)op->n_params + 1, sizeof *mode->param)};
    if (!mode->name || !mode->slot || !mode->param)
        return NULL;
    memcpy(mode->name, name, n);
    for (int i = 0; i < op->n_slots; i++)
        mode->slot[i] = op->slot[i].value;
    for (int i = 0; i < op->n_params; i++)
        mode->param[i] = NAN;
    return mode;
}

void sol_mode_capability(const sol_op *op, sol_mode *mode)
{
    for (int i = 0; i < op->n_slots; i++) {
        int needs = op->slot[i].min_sm[mode->slot[i]];
        mode->min_sm = needs > mode->min_sm ? needs : mode->min_sm;
    }
}

bool sol_mode_equal(const sol_op *op, const sol_mode *a, const sol_mode *b)
{
    bool equal = true;
    for (int i = 0; i < op->n_slots && equal; i++)
        equal = a->slot[i] == b->slot[i];
    for (int i = 0; i < op->n_params && equal; i++)
        equal = a->param[i] == b->param[i] || (isnan(a->param[i]) && isnan(b->param[i]));
    return equal;
}

const sol_mode *sol_op_mode(const sol_op *op, const char *name)
{
    for (int i = 0; i < op->n_modes; i++)
        if (strcmp(op->mode[i].name, name) == 0)
            return &op->mode[i];
    return NULL;
}

/* ---- derived ones ---- */

static void drop_last(sol_op *op)
{
    sol_mode *mode = &op->mode[--op->n_modes];
    sc_free(mode->name);
    sc_free(mode->slot);
    sc_free(mode->param);
}

/* Drops the last mode where another one is the same. */
static void drop_repeated(sol_op *op)
{
    int last = op->n_modes - 1;
    for (int i = 0; i < last; i++)
        if (sol_mode_equal(op, &op->mode[i], &op->mode[last]) ||
            strcmp(op->mode[i].name, op->mode[last].name) == 0) {
            drop_last(op);
            return;
        }
}

/* What a label of a column means for all slots and parameters; *good: slots allow it. */
static void read_label(const sol_op *op, const sol_table_map *map, const char *column,
                       sol_mode *mode, bool *good)
{
    *good = true;
    for (int i = 0; i < op->n_slots; i++)
        for (int k = 0; k < map->n_dtypes; k++)
            if (strcmp(map->dtype[k].slot, op->slot[i].name) == 0 &&
                strcmp(map->dtype[k].column, column) == 0)
                *good &=
                    sol_table_dtype_parse(&map->dtype[k], mode->name, &mode->slot[i]);
    for (int i = 0; i < op->n_slots; i++)
        *good &= op->slot[i].allowed[mode->slot[i]];
    for (int i = 0; i < map->n_columns; i++) {
        const sol_table_column *c = &map->column[i];
        int param = sol_op_param_index(op, c->target);
        if (c->expr || param < 0 || strcmp(c->text, column) != 0)
            continue;
        mode->param[param] = c->otherwise;
        for (int k = 0; k < c->n_cases; k++)
            if (strcmp(c->cases[k].label, mode->name) == 0)
                mode->param[param] = c->cases[k].number;
        *good &= !isnan(mode->param[param]);
    }
}

/* The labels that a table's maps of dtypes name. */
static sc_status from_table(sol_op *op, const sol_table_map *map, sc_diag *diag)
{
    for (int i = 0; i < map->n_dtypes; i++)
        for (int k = 0; k < map->dtype[i].n_cases; k++) {
            const char *label = map->dtype[i].cases[k].label;
            bool good;
            sol_mode *mode = sol_op_add_mode(op, label, strlen(label));
            if (!mode)
                return sc_diag_nomem(diag);
            read_label(op, map, map->dtype[i].column, mode, &good);
            sol_mode_capability(op, mode);
            if (good)
                drop_repeated(op);
            else
                drop_last(op);
        }
    return SC_OK;
}

/* A dtype of the first slot, in all slots that have its default and allow it. */
static sc_status from_slots(sol_op *op, sol_dtype dtype, sc_diag *diag)
{
    const char *name = sol_dtype_name(dtype);
    sol_mode *mode = sol_op_add_mode(op, name, strlen(name));
    if (!mode)
        return sc_diag_nomem(diag);
    for (int i = 0; i < op->n_slots; i++)
        if (op->slot[i].value == op->slot[0].value && op->slot[i].allowed[dtype])
            mode->slot[i] = dtype;
    sol_mode_capability(op, mode);
    return SC_OK;
}

sc_status sol_op_derive_modes(sol_op *op, sc_diag *diag)
{
    sc_status status = SC_OK;
    for (int i = 0; i < op->n_tables && !status; i++)
        status = from_table(op, &op->table[i], diag);
    if (op->n_modes || op->n_slots == 0 || status)
        return status;
    status = from_slots(op, op->slot[0].value, diag);
    for (int d = 0; d < SOL_N_DTYPES && !status; d++)
        if (op->slot[0].allowed[d] && (sol_dtype)d != op->slot[0].value)
            status = from_slots(op, (sol_dtype)d, diag);
    return status;
}
