/* solcheck - rows of equal keys: what makes their configuration is looked at once. And
 * the guards, which are evaluated for many rows at a time. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/points_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

/* ---- configurations ---- */

/* The dtype of slot i in a row, -1 where the op has none of that name. */
static int dtype_cell(const col_plan *p, size_t row, int i)
{
    sol_dtype dtype;
    const char *text = col_plan_cell(p, row, p->slot[i]);
    if (!col_memo_holds(&p->dtype[i], text)) {
        bool known = p->labels[i] ? sol_table_dtype_parse(p->labels[i], text, &dtype)
                                  : sol_dtype_parse(text, &dtype);
        known = known && p->op->slot[i].allowed[dtype];
        p->dtype[i] = (col_memo){col_plan_values(p, p->slot[i])->is_text ? text : NULL,
                                 known ? (int)dtype : -1};
    }
    return p->dtype[i].meaning;
}

/* Sets parameters, tp and dtypes of config from a row. Sharded parameters are stored
 * local to one GPU and held here for the whole model. */
col_fate col_plan_config(const col_plan *p, size_t row, sol_config *config)
{
    size_t at = row - p->first;
    config->tp = p->tp ? p->tp[at] : p->default_tp;
    if (!(config->tp >= 1))
        return COL_DROP_RANGE;
    config->tp_given = p->tp != NULL;
    for (int i = 0; i < p->op->n_params; i++) {
        const sol_param *param = &p->op->param[i];
        if (p->param[i]) {
            config->param[i] = p->param[i][at] * (param->shard_tp ? config->tp : 1);
            config->given[i] = true;
        }
        if (!(config->param[i] >= param->lo && config->param[i] <= param->hi))
            return COL_DROP_RANGE;
    }
    for (int i = 0; i < p->op->n_slots; i++) {
        if (p->slot[i] < 0)
            continue;
        int dtype = dtype_cell(p, row, i);
        if (dtype < 0)
            return COL_DROP_DTYPE;
        config->slot[i] = (sol_dtype)dtype;
        config->slot_given[i] = true;
    }
    sol_config_follow(p->op, config);
    return COL_KEEP;
}

/* config is as col_plan_config left it. */
void col_plan_why(const col_plan *p, size_t row, const sol_config *config, char *out,
                  size_t out_B)
{
    *out = 0;
    if (!(config->tp >= 1)) {
        snprintf(out, out_B, "tp = %.9g is below 1", config->tp);
        return;
    }
    for (int i = 0; i < p->op->n_params && !*out; i++) {
        const sol_param *param = &p->op->param[i];
        if (!(config->param[i] >= param->lo && config->param[i] <= param->hi))
            snprintf(out, out_B, "%s = %.9g is %s %.9g", param->name, config->param[i],
                     config->param[i] > param->hi ? "above" : "below",
                     config->param[i] > param->hi ? param->hi : param->lo);
    }
    for (int i = 0; i < p->op->n_slots && !*out; i++)
        if (p->slot[i] >= 0 && dtype_cell(p, row, i) < 0)
            snprintf(out, out_B, "%.60s '%.60s'", p->table->column[p->slot[i]],
                     col_plan_cell(p, row, p->slot[i]));
}

/* Does the configuration have what the user asked for? Sharded parameters are compared as
 * one GPU sees them: 128 heads at tp 8 are 16 heads at tp 1. */
static bool passes(const col_plan *p, const sol_config *config)
{
    const sol_config *want = p->filter;
    if (!want)
        return true;
    for (int i = 0; i < p->op->n_params; i++) {
        bool shard = p->op->param[i].shard_tp;
        if (!want->given[i] && !(shard && want->tp_given))
            continue;
        double a = want->param[i], b = config->param[i];
        if (shard ? a * config->tp != b * want->tp : a != b)
            return false;
    }
    for (int i = 0; i < p->op->n_slots; i++)
        if (want->slot_given[i] && want->slot[i] != config->slot[i])
            return false;
    return true;
}

/* ---- keys ---- */

sc_status col_keys_open(const col_plan *p, col_keys *keys)
{
    size_t own = (size_t)(p->op->n_slots + p->n_extra);
    keys->column = sc_calloc((size_t)p->op->n_params + 1 + own, sizeof *keys->column);
    keys->own = sc_reallocarray(NULL, own * p->n + 1, sizeof *keys->own);
    keys->hash = sc_calloc(p->n + 1, sizeof *keys->hash);
    keys->of_row = sc_calloc(p->n + 1, sizeof *keys->of_row);
    return keys->column && keys->own && keys->hash && keys->of_row
               ? SC_OK
               : sc_diag_nomem(p->diag);
}

void col_keys_close(col_keys *keys)
{
    sc_free(keys->column);
    sc_free(keys->own);
    sc_free(keys->hash);
    sc_free(keys->of_row);
    sc_free(keys->key);
    sc_free(keys->hashes);
    sc_free(keys->value);
    sc_free(keys->symbol);
    sc_free(keys->slot);
}

/* The columns that make a key, in this window. A column of one value tells nothing. */
static void gather(const col_plan *p, col_keys *keys)
{
    double *own = keys->own;
    keys->n_columns = 0;
    for (int i = 0; i < p->op->n_params; i++)
        if (p->param[i])
            keys->column[keys->n_columns++] = p->param[i];
    if (p->tp)
        keys->column[keys->n_columns++] = p->tp;
    for (int i = 0; i < p->op->n_slots + p->n_extra; i++) {
        int column = i < p->op->n_slots ? p->slot[i] : p->extra[i - p->op->n_slots];
        if (column < 0 || col_plan_is_one(p, column))
            continue;
        col_values_read(col_plan_values(p, column), p->first, p->n, own);
        keys->column[keys->n_columns++] = own;
        own += p->n;
    }
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Multiply and fold, column by column. */
static void hash_rows(const col_keys *keys, size_t n)
{
    for (size_t i = 0; i < n; i++)
        keys->hash[i] = 0;
    for (int k = 0; k < keys->n_columns; k++) {
        const double *column = keys->column[k];
        for (size_t i = 0; i < n; i++) {
            uint64_t hash = (keys->hash[i] ^ bits_of(column[i])) * 0x9e3779b97f4a7c15u;
            keys->hash[i] = hash ^ hash >> 32;
        }
    }
}

static bool grow_slots(col_keys *keys)
{
    size_t n_slots = keys->n_slots ? 2 * keys->n_slots : 64; /* a power of two */
    int *slot = sc_calloc(n_slots, sizeof *slot);
    if (!slot)
        return false;
    for (size_t i = 0; i < keys->n; i++) {
        size_t at = keys->hashes[i] & (n_slots - 1);
        while (slot[at])
            at = (at + 1) & (n_slots - 1);
        slot[at] = (int)i + 1;
    }
    sc_free(keys->slot);
    keys->slot = slot;
    keys->n_slots = n_slots;
    return true;
}

static bool grow_array(void *array, size_t capacity, size_t size_B)
{
    void **at = array;
    void *more = sc_reallocarray(*at, capacity ? capacity : 1, size_B ? size_B : 1);
    if (more)
        *at = more;
    return more != NULL;
}

static bool grow_keys(col_keys *keys, int n_symbols)
{
    size_t capacity = keys->capacity ? 2 * keys->capacity : 16;
    bool ok =
        grow_array(&keys->key, capacity, sizeof *keys->key) &&
        grow_array(&keys->hashes, capacity, sizeof *keys->hashes) &&
        grow_array(&keys->value, capacity,
                   (size_t)keys->n_columns * sizeof *keys->value) &&
        grow_array(&keys->symbol, capacity, (size_t)n_symbols * sizeof *keys->symbol);
    if (ok)
        keys->capacity = capacity;
    return ok;
}

static bool same_key(const col_keys *keys, size_t known, size_t i)
{
    const double *value = keys->value + known * (size_t)keys->n_columns;
    for (int k = 0; k < keys->n_columns; k++)
        if (bits_of(value[k]) != bits_of(keys->column[k][i]))
            return false;
    return true;
}

static sc_status add_key(const col_plan *p, col_keys *keys, const col_gate *gate,
                         sol_config *config, size_t i)
{
    if (keys->n == keys->capacity && !grow_keys(keys, gate->n_symbols))
        return sc_diag_nomem(p->diag);
    col_fate fate = col_plan_config(p, p->first + i, config);
    if (fate == COL_KEEP && !passes(p, config))
        fate = COL_DROP_FILTER;
    keys->key[keys->n] = (col_key){fate, -1};
    keys->hashes[keys->n] = keys->hash[i];
    for (int k = 0; k < keys->n_columns; k++)
        keys->value[keys->n * (size_t)keys->n_columns + (size_t)k] = keys->column[k][i];
    if (gate->n_symbols) {
        sol_config_values(p->op, p->phase, config, gate->constant);
        for (int k = 0; k < gate->n_symbols; k++)
            keys->symbol[keys->n * (size_t)gate->n_symbols + (size_t)k] =
                gate->constant[gate->symbol[k]];
    }
    keys->n++;
    return SC_OK;
}

sc_status col_keys_find(const col_plan *p, col_keys *keys, const col_gate *gate,
                        sol_config *config)
{
    gather(p, keys);
    hash_rows(keys, p->n);
    for (size_t i = 0; i < p->n; i++) {
        if (p->skip[p->first + i])
            continue;
        if (2 * (keys->n + 1) > keys->n_slots && !grow_slots(keys))
            return sc_diag_nomem(p->diag);
        size_t at = keys->hash[i] & (keys->n_slots - 1);
        while (keys->slot[at] && !(keys->hashes[keys->slot[at] - 1] == keys->hash[i] &&
                                   same_key(keys, (size_t)keys->slot[at] - 1, i)))
            at = (at + 1) & (keys->n_slots - 1);
        if (!keys->slot[at]) {
            sc_status status = add_key(p, keys, gate, config, i);
            if (status)
                return status;
            keys->slot[at] = (int)keys->n;
        }
        keys->of_row[i] = keys->slot[at] - 1;
    }
    return SC_OK;
}

/* ---- ranges and guards ---- */

/* The symbols that guards mention: axes move by themselves, the others with the key. */
static sc_status find_symbols(const col_plan *p, col_gate *g, unsigned char *stride)
{
    int n = sol_symbol_count(p->op->ctx);
    bool *mentioned = sc_calloc((size_t)n + 1, sizeof *mentioned);
    g->symbol = sc_calloc((size_t)n + 1, sizeof *g->symbol);
    if (!mentioned || !g->symbol) {
        sc_free(mentioned);
        return SC_ENOMEM;
    }
    for (int i = 0; i < p->phase->n_guards; i++)
        sol_expr_symbols(p->phase->guard[i].expr, mentioned, n);
    for (int i = 0; i < p->phase->n_axes; i++) {
        mentioned[p->phase->axis[i].symbol] = false;
        stride[p->phase->axis[i].symbol] = 1;
    }
    for (int i = 0; i < n; i++)
        if (mentioned[i]) {
            stride[i] = 1;
            g->symbol[g->n_symbols++] = i;
        }
    sc_free(mentioned);
    return SC_OK;
}

/* Arrays of a block: axes (defaults where the table has none), symbols, results. */
static bool make_columns(const col_plan *p, col_gate *g, size_t n_guards)
{
    size_t n = (size_t)(p->phase->n_axes + g->n_symbols);
    g->column = sc_calloc(n + 1, sizeof *g->column);
    g->out = sc_calloc(n_guards, sizeof *g->out);
    for (size_t i = 0; g->column && i < n; i++)
        if (!(g->column[i] = sc_calloc(SOL_BLOCK, sizeof(double))))
            return false;
    for (size_t i = 0; g->out && i < n_guards; i++)
        if (!(g->out[i] = sc_calloc(SOL_BLOCK, sizeof(double))))
            return false;
    return g->column && g->out;
}

sc_status col_gate_open(const col_plan *p, col_gate *g)
{
    size_t n = (size_t)p->phase->n_guards, n_all = (size_t)sol_symbol_count(p->op->ctx);
    if (!n)
        return SC_OK;
    const sol_expr **root = sc_calloc(n, sizeof *root);
    unsigned char *stride = sc_calloc(n_all + 1, 1);
    g->n_guards = p->phase->n_guards;
    g->n_axes = p->phase->n_axes;
    g->constant = sc_calloc(n_all + 1, sizeof *g->constant);
    g->in = sc_calloc(n_all + 1, sizeof *g->in);
    sc_status status = root && stride && g->constant && g->in ? SC_OK : SC_ENOMEM;
    if (!status)
        status = find_symbols(p, g, stride);
    if (!status && !make_columns(p, g, n))
        status = SC_ENOMEM;
    for (size_t i = 0; i < n && !status; i++)
        root[i] = p->phase->guard[i].expr;
    for (size_t i = 0; i < n_all && !status; i++)
        g->in[i] = &g->constant[i];
    if (!status)
        status = sol_program_new(p->op->ctx, root, (int)n, &g->program, p->diag);
    if (!status)
        status = sol_plan_new(g->program, g->in, stride, &g->plan);
    if (!status)
        status = sol_run_new(g->plan, &g->run);
    for (int i = 0; i < g->n_axes && !status; i++)
        g->in[p->phase->axis[i].symbol] = g->column[i];
    for (int i = 0; i < g->n_symbols && !status; i++)
        g->in[g->symbol[i]] = g->column[g->n_axes + i];
    sc_free(root);
    sc_free(stride);
    return status == SC_ENOMEM ? sc_diag_nomem(p->diag) : status;
}

void col_gate_close(col_gate *g)
{
    for (int i = 0; g->column && i < g->n_axes + g->n_symbols; i++)
        sc_free(g->column[i]);
    for (int i = 0; g->out && i < g->n_guards; i++)
        sc_free(g->out[i]);
    sol_run_free(g->run);
    sol_plan_free(g->plan);
    sol_program_free(g->program);
    sc_free(g->symbol);
    sc_free(g->constant);
    sc_free(g->column);
    sc_free(g->in);
    sc_free(g->out);
}

static void test_ranges(const col_plan *p, size_t first, size_t n, bool *admitted)
{
    for (size_t i = 0; i < n; i++)
        admitted[i] = true;
    for (int k = 0; k < p->phase->n_axes; k++) {
        const sol_axis *a = &p->phase->axis[k];
        for (size_t i = 0; i < n; i++) {
            double x = p->axis[k] ? p->axis[k][first + i] : a->value;
            admitted[i] &= x >= a->lo && x <= a->hi && x == floor(x);
        }
    }
}

/* n rows from row `first` of the window on. */
static void test_guards(const col_plan *p, const col_gate *g, const col_keys *keys,
                        size_t first, size_t n, bool *admitted)
{
    for (int k = 0; k < g->n_axes; k++)
        for (size_t i = 0; i < n; i++)
            g->column[k][i] =
                p->axis[k] ? p->axis[k][first + i] : p->phase->axis[k].value;
    for (int k = 0; k < g->n_symbols; k++)
        for (size_t i = 0; i < n; i++) {
            size_t key = p->skip[p->first + first + i]
                             ? 0
                             : (size_t)keys->of_row[first + i] * (size_t)g->n_symbols;
            g->column[g->n_axes + k][i] = keys->n ? keys->symbol[key + (size_t)k] : 0;
        }
    sol_run_block(g->run, g->in, 0, n, g->out);
    for (int k = 0; k < g->n_guards; k++)
        for (size_t i = 0; i < n; i++)
            admitted[i] &= g->out[k][i] != 0 && !isnan(g->out[k][i]);
}

/* sol_phase_admits without its words: tables have rows by the million. */
void col_gate_test(const col_plan *p, const col_gate *g, const col_keys *keys,
                   bool *admitted)
{
    for (size_t first = 0, n; first < p->n; first += n) {
        n = p->n - first < SOL_BLOCK ? p->n - first : SOL_BLOCK;
        test_ranges(p, first, n, admitted + first);
        if (g->program)
            test_guards(p, g, keys, first, n, admitted + first);
    }
}
