/* solcheck - the record store: reading points of several stores, perf tables from them.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/store_internal.h"

#define X(field) +1
enum { N_TEXTS = 0 COL_STORE_TEXTS(X) };
#undef X

typedef struct export_row {
    col_record record; /* texts are owned by `text` */
    char *key, *date;
    char *text[N_TEXTS + 2 * COL_MAX_KEYS];
    int n_texts;
} export_row;

struct col_export {
    export_row *row;
    size_t n, capacity;
    col_export_table *table;
    size_t *first; /* row of each table */
    size_t n_tables;
};

static void row_clear(export_row *row)
{
    for (int i = 0; i < row->n_texts; i++)
        sc_free(row->text[i]);
    sc_free(row->key);
    sc_free(row->date);
}

void col_export_free(col_export *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->n; i++)
        row_clear(&all->row[i]);
    sc_free(all->row);
    sc_free(all->table);
    sc_free(all->first);
    sc_free(all);
}

/* ---- reading ---- */

/* A copy that lives as long as the row; NULL without memory. */
static const char *keep(export_row *row, const char *text)
{
    char *copy = sc_strdup(text ? text : "");
    if (copy)
        row->text[row->n_texts++] = copy;
    return copy;
}

static sc_status malformed(const col_store *store, const char *what, sc_diag *diag)
{
    return sc_diag_fail(diag, SC_EIO, SC2010, "store '%s': malformed %s", store->path,
                        what);
}

/* An object of at most COL_MAX_KEYS members; to be released whatever is returned. */
static sc_status load_keys(const col_store *store, const char *what, const char *text,
                           json_t **object, sc_diag *diag)
{
    *object = json_loads(text ? text : "", 0, NULL);
    return json_is_object(*object) && json_object_size(*object) <= COL_MAX_KEYS
               ? SC_OK
               : malformed(store, what, diag);
}

static sc_status read_params(const col_store *store, const char *text, export_row *row,
                             sc_diag *diag)
{
    col_record *r = &row->record;
    const char *name;
    json_t *value, *object;
    sc_status status = load_keys(store, "parameters", text, &object, diag);
    if (!status)
        json_object_foreach(object, name, value)
        {
            if (!(r->param[r->n_params] = keep(row, name))) {
                status = sc_diag_nomem(diag);
                break;
            }
            r->value[r->n_params++] = json_number_value(value);
        }
    json_decref(object);
    return status;
}

static sc_status read_dtypes(const col_store *store, const char *text, export_row *row,
                             sc_diag *diag)
{
    col_record *r = &row->record;
    const char *name;
    json_t *value, *object;
    sc_status status = load_keys(store, "dtypes", text, &object, diag);
    if (!status)
        json_object_foreach(object, name, value)
        {
            const char *label = json_string_value(value);
            if (!label || !sol_dtype_parse(label, &r->dtype[r->n_slots]))
                status = malformed(store, "dtypes", diag);
            else if (!(r->slot[r->n_slots++] = keep(row, name)))
                status = sc_diag_nomem(diag);
            if (status)
                break;
        }
    json_decref(object);
    return status;
}

static const char select_sql[] = "SELECT key, date, params, dtypes, phase, throttle"
#define X(field) ", points." #field
    COL_STORE_TEXTS(X) COL_STORE_REALS(X) COL_STORE_INTS(X)
#undef X
        " FROM points JOIN runs ON runs.id = run WHERE state = 'done'"
        " AND (:op IS NULL OR op_name = :op)";

static double real_or_nan(sqlite3_stmt *from, int column)
{
    return sqlite3_column_type(from, column) == SQLITE_NULL
               ? NAN
               : sqlite3_column_double(from, column);
}

static sc_status read_row(const col_store *store, sqlite3_stmt *from, export_row *row,
                          sc_diag *diag)
{
    col_record *r = &row->record;
    const char *phase = (const char *)sqlite3_column_text(from, 4);
    int i = 6;
    row->key = sc_strdup((const char *)sqlite3_column_text(from, 0));
    row->date = sc_strdup((const char *)sqlite3_column_text(from, 1));
    bool ok = row->key && row->date;
    r->throttle = (uint64_t)sqlite3_column_int64(from, 5);
#define X(field)                                                                         \
    r->field = keep(row, (const char *)sqlite3_column_text(from, i++));                  \
    ok &= r->field != NULL;
    COL_STORE_TEXTS(X)
#undef X
#define X(field) r->field = real_or_nan(from, i++);
    COL_STORE_REALS(X)
#undef X
#define X(field) r->field = sqlite3_column_int(from, i++);
    COL_STORE_INTS(X)
#undef X
    if (!ok)
        return sc_diag_nomem(diag);
    while (r->phase < SOL_N_PHASES &&
           strcmp(sol_phase_name(r->phase), phase ? phase : ""))
        r->phase++;
    if (r->phase == SOL_N_PHASES)
        return malformed(store, "phase", diag);
    sc_status status =
        read_params(store, (const char *)sqlite3_column_text(from, 2), row, diag);
    return status ? status
                  : read_dtypes(store, (const char *)sqlite3_column_text(from, 3), row,
                                diag);
}

static sc_status add_row(col_export *all, const col_store *store, sqlite3_stmt *from,
                         sc_diag *diag)
{
    if (all->n == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 64;
        export_row *row = sc_reallocarray(all->row, capacity, sizeof *row);
        if (!row)
            return sc_diag_nomem(diag);
        all->row = row;
        all->capacity = capacity;
    }
    memset(&all->row[all->n], 0, sizeof *all->row);
    return read_row(store, from, &all->row[all->n++], diag); /* freed with the rest */
}

static sc_status read_store(col_export *all, const char *path, const char *op_name,
                            sc_diag *diag)
{
    col_store *store;
    sqlite3_stmt *from = NULL;
    sc_status status = col_store_open(path, false, &store, diag);
    if (status)
        return status;
    status = col_store_prepare(store, select_sql, &from, diag);
    if (!status && op_name)
        sqlite3_bind_text(from, 1, op_name, -1, SQLITE_TRANSIENT);
    int code = SQLITE_DONE;
    while (!status && (code = sqlite3_step(from)) == SQLITE_ROW)
        status = add_row(all, store, from, diag);
    if (!status && code != SQLITE_DONE)
        status = col_store_fail(store, diag);
    sqlite3_finalize(from);
    col_store_close(store);
    return status;
}

/* ---- order ---- */

static int by_key(const void *a, const void *b)
{
    const export_row *p = a, *q = b;
    int order = strcmp(p->key, q->key);
    return order ? order : strcmp(q->date, p->date); /* newest first */
}

static int by_number(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_table(const export_row *p, const export_row *q)
{
    int order = strcmp(p->record.op_name, q->record.op_name);
    return order ? order : (int)p->record.phase - (int)q->record.phase;
}

static int by_place(const void *a, const void *b)
{
    const export_row *p = a, *q = b;
    const col_record *x = &p->record, *y = &q->record;
    int order = by_table(p, q);
    if (!order)
        order = strcmp(x->device, y->device);
    if (!order)
        order = by_number(x->tp, y->tp);
    for (int i = 0; i < x->n_params && i < y->n_params && !order; i++)
        order = by_number(x->value[i], y->value[i]);
    for (int i = 0; i < x->n_slots && i < y->n_slots && !order; i++)
        order = (int)x->dtype[i] - (int)y->dtype[i];
    if (!order)
        order = strcmp(y->cache, x->cache); /* hot, then cold */
    if (!order)
        order = strcmp(x->scope, y->scope); /* kernel, then op */
    if (!order)
        order = strcmp(x->inputs, y->inputs);
    if (!order)
        order = by_number(x->b, y->b);
    if (!order)
        order = by_number(x->s, y->s);
    return order ? order : strcmp(p->key, q->key);
}

static void drop_older(col_export *all)
{
    size_t kept = 0;
    qsort(all->row, all->n, sizeof *all->row, by_key);
    for (size_t i = 0; i < all->n; i++)
        if (kept > 0 && strcmp(all->row[kept - 1].key, all->row[i].key) == 0)
            row_clear(&all->row[i]);
        else
            all->row[kept++] = all->row[i];
    all->n = kept;
    qsort(all->row, all->n, sizeof *all->row, by_place);
}

static sc_status find_tables(col_export *all, sc_diag *diag)
{
    all->table = sc_calloc(all->n, sizeof *all->table);
    all->first = sc_calloc(all->n + 1, sizeof *all->first);
    if (!all->table || !all->first)
        return sc_diag_nomem(diag);
    for (size_t i = 0; i < all->n; i++) {
        const col_record *r = &all->row[i].record;
        if (i == 0 || by_table(&all->row[i - 1], &all->row[i]) != 0) {
            all->first[all->n_tables] = i;
            all->table[all->n_tables++] =
                (col_export_table){.op_name = r->op_name, .phase = r->phase};
        }
        all->table[all->n_tables - 1].n_rows++;
    }
    all->first[all->n_tables] = all->n;
    return SC_OK;
}

static sc_status nothing(const char *op_name, sc_diag *diag)
{
    return op_name ? sc_diag_fail(diag, SC_EDOMAIN, SC2004,
                                  "no measured point of op %s in the stores", op_name)
                   : sc_diag_fail(diag, SC_EDOMAIN, SC2004,
                                  "no measured point in the stores");
}

sc_status col_export_load(const char *const path[], size_t n, const char *op_name,
                          col_export **out, sc_diag *diag)
{
    col_export *all = sc_calloc(1, sizeof *all);
    if (!all)
        return sc_diag_nomem(diag);
    sc_status status = SC_OK;
    for (size_t i = 0; i < n && !status; i++)
        status = read_store(all, path[i], op_name, diag);
    if (!status && all->n == 0)
        status = nothing(op_name, diag);
    if (!status) {
        drop_older(all);
        status = find_tables(all, diag);
    }
    if (status) {
        col_export_free(all);
        return status;
    }
    *out = all;
    return SC_OK;
}

/* ---- tables ---- */

bool col_export_table_at(const col_export *all, size_t i, col_export_table *out)
{
    if (i >= all->n_tables)
        return false;
    *out = all->table[i];
    return true;
}

static bool same_keys(const col_record *a, const col_record *b)
{
    bool same = a->n_params == b->n_params && a->n_slots == b->n_slots;
    for (int i = 0; same && i < a->n_params; i++)
        same = strcmp(a->param[i], b->param[i]) == 0;
    for (int i = 0; same && i < a->n_slots; i++)
        same = strcmp(a->slot[i], b->slot[i]) == 0;
    return same;
}

sc_status col_export_csv(const col_export *all, size_t i, sc_buf *out, sc_diag *diag)
{
    bool whole = i == SIZE_MAX;
    size_t first = whole ? 0 : all->first[i], end = whole ? all->n : all->first[i + 1];
    const col_record *head = &all->row[first].record;
    sc_status status = col_record_header(head, out, diag);
    for (size_t k = first; k < end && !status; k++) {
        const col_record *r = &all->row[k].record;
        if (!same_keys(head, r)) {
            sc_diag_fail(diag, SC_EINVAL, SC2005,
                         "ops %s and %s have different key columns and make no one table",
                         head->op_name, r->op_name);
            sc_diag_hint(diag, "choose one with --op, or name a directory with --out");
            return SC_EINVAL;
        }
        status = col_record_append(r, out, diag);
    }
    return status;
}

sc_status col_export_repro(const col_export *all, sc_buf *out, sc_diag *diag)
{
    for (size_t i = 0; i < all->n; i++)
        sc_buf_printf(out, "%s\n", all->row[i].record.repro);
    return out->failed ? sc_diag_nomem(diag) : SC_OK;
}
