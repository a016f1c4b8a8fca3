/* solcheck - the record store: kernels of the measured points.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/store_internal.h"
#include "collector/unit.h"

/* Binds the key of a record to the first parameter of a new statement. */
static sc_status prepare_keyed(col_store *store, const char *sql, const col_record *key,
                               sqlite3_stmt **out, sc_diag *diag)
{
    sc_buf text = {0};
    col_store_key(key, &text);
    sc_status status =
        text.failed ? sc_diag_nomem(diag) : col_store_prepare(store, sql, out, diag);
    if (!status)
        sqlite3_bind_text(*out, 1, sc_buf_text(&text), -1, SQLITE_TRANSIENT);
    sc_buf_free(&text);
    return status;
}

sc_status col_store_has_kernels(col_store *store, const col_record *key, bool *out,
                                sc_diag *diag)
{
    sqlite3_stmt *find;
    sc_status status =
        prepare_keyed(store,
                      "SELECT count(*) FROM points JOIN kernels ON kernels.point = "
                      "points.id WHERE key = ?",
                      key, &find, diag);
    if (status)
        return status;
    if (sqlite3_step(find) == SQLITE_ROW)
        *out = sqlite3_column_int64(find, 0) > 0;
    else
        status = col_store_fail(store, diag);
    sqlite3_finalize(find);
    return status;
}

/* ---- writing ---- */

static sc_status find_point(col_store *store, const col_record *key, int64_t *id,
                            sc_diag *diag)
{
    sqlite3_stmt *find;
    sc_status status =
        prepare_keyed(store, "SELECT id FROM points WHERE key = ? AND state = 'done'",
                      key, &find, diag);
    if (status)
        return status;
    int code = sqlite3_step(find);
    if (code == SQLITE_ROW)
        *id = sqlite3_column_int64(find, 0);
    else if (code == SQLITE_DONE)
        status = sc_diag_fail(diag, SC_EIO, SC2010,
                              "store '%s': kernels of a point that it does not have",
                              store->path);
    else
        status = col_store_fail(store, diag);
    sqlite3_finalize(find);
    return status;
}

static void bind_dims(sqlite3_stmt *to, int at, const int64_t dim[3])
{
    char text[72];
    snprintf(text, sizeof text, "%" PRId64 "x%" PRId64 "x%" PRId64, dim[0], dim[1],
             dim[2]);
    sqlite3_bind_text(to, at, text, -1, SQLITE_TRANSIENT);
}

static sc_status insert(col_store *store, int64_t point, const col_kernel *kernel,
                        size_t n, sc_diag *diag)
{
    sqlite3_stmt *add;
    sc_status status = col_store_prepare(
        store, "INSERT INTO kernels VALUES(?, ?, ?, ?, ?, ?, ?, ?)", &add, diag);
    if (status)
        return status;
    for (size_t i = 0; i < n && !status; i++) {
        const col_kernel *k = &kernel[i];
        sqlite3_bind_int64(add, 1, point);
        sqlite3_bind_int64(add, 2, (int64_t)i + 1);
        sqlite3_bind_text(add, 3, k->name, -1, SQLITE_TRANSIENT);
        sqlite3_bind_double(add, 4, k->latency_s);
        bind_dims(add, 5, k->grid);
        bind_dims(add, 6, k->block);
        sqlite3_bind_int(add, 7, k->registers);
        sqlite3_bind_int64(add, 8, k->smem_B);
        if (sqlite3_step(add) != SQLITE_DONE)
            status = col_store_fail(store, diag);
        sqlite3_reset(add);
    }
    sqlite3_finalize(add);
    return status;
}

static sc_status replace(col_store *store, const col_record *key,
                         const col_kernel *kernel, size_t n, sc_diag *diag)
{
    int64_t point = 0;
    sqlite3_stmt *drop;
    sc_status status = find_point(store, key, &point, diag);
    if (!status)
        status =
            col_store_prepare(store, "DELETE FROM kernels WHERE point = ?", &drop, diag);
    if (status)
        return status;
    sqlite3_bind_int64(drop, 1, point);
    status = col_store_finish(store, drop, diag);
    return status ? status : insert(store, point, kernel, n, diag);
}

sc_status col_store_set_kernels(col_store *store, const col_record *key,
                                const col_kernel *kernel, size_t n, sc_diag *diag)
{
    sc_status status = col_store_run(store, "BEGIN IMMEDIATE", diag);
    if (status)
        return status;
    status = replace(store, key, kernel, n, diag);
    if (!status)
        status = col_store_run(store, "COMMIT", diag);
    if (status)
        col_store_run(store, "ROLLBACK", NULL);
    return status;
}

/* ---- reading ---- */

/* The columns, as SQL and as they are called in the table. Latencies in ms, like those of
 * perf tables. */
#define COLUMNS(X)                                                                       \
    X("device", "device")                                                                \
    X("op_name", "op_name")                                                              \
    X("params", "params")                                                                \
    X("dtypes", "dtypes")                                                                \
    X("phase", "phase")                                                                  \
    X("b", "b")                                                                          \
    X("s", "s")                                                                          \
    X("tp", "tp_size")                                                                   \
    X("cache", "cache")                                                                  \
    X("points.latency_s AS all_s", "latency")                                            \
    X("kernels.n", "kernel")                                                             \
    X("name", "kernel_name")                                                             \
    X("kernels.latency_s AS one_s", "kernel_latency")                                    \
    X("grid", "grid")                                                                    \
    X("block", "block")                                                                  \
    X("registers", "registers")                                                          \
    X("smem_B", "smem_B")

static const char select_sql[] = "SELECT key"
#define X(sql, name) ", " sql
    COLUMNS(X)
#undef X
        " FROM points JOIN kernels ON kernels.point = points.id WHERE state = 'done'"
        " AND (?1 IS NULL OR op_name = ?1)"
        " ORDER BY op_name, phase, tp, cache DESC, params, dtypes, b, s, key, kernels.n";

/* Keys of the stores that were read. */
typedef struct seen {
    char **key;
    size_t n, capacity;
    size_t n_before; /* those of the stores before this one */
} seen;

static bool was_seen(const seen *keys, const char *key)
{
    for (size_t i = 0; i < keys->n_before; i++)
        if (strcmp(keys->key[i], key) == 0)
            return true;
    return false;
}

/* Rows of a point follow each other. */
static sc_status remember(seen *keys, const char *key, sc_diag *diag)
{
    if (keys->n > keys->n_before && strcmp(keys->key[keys->n - 1], key) == 0)
        return SC_OK;
    if (keys->n == keys->capacity) {
        size_t capacity = keys->capacity ? 2 * keys->capacity : 64;
        char **more = sc_reallocarray(keys->key, capacity, sizeof *more);
        if (!more)
            return sc_diag_nomem(diag);
        keys->key = more;
        keys->capacity = capacity;
    }
    keys->key[keys->n] = sc_strdup(key);
    if (!keys->key[keys->n])
        return sc_diag_nomem(diag);
    keys->n++;
    return SC_OK;
}

static void put_row(sqlite3_stmt *from, sc_buf *out)
{
    char number[32];
    for (int i = 1; i < sqlite3_column_count(from); i++) {
        const char *text = (const char *)sqlite3_column_text(from, i);
        if (sqlite3_column_type(from, i) == SQLITE_FLOAT) {
            double value = sqlite3_column_double(from, i);
            if (sc_ends_with(sqlite3_column_name(from, i), "_s"))
                col_ms_format(value, number);
            else
                col_number_format(value, number);
            text = number;
        }
        col_csv_cell(out, text, i == 1);
    }
    sc_buf_add(out, "\n");
}

static sc_status read_store(const char *path, const char *op_name, seen *keys,
                            sc_buf *out, sc_diag *diag)
{
    col_store *store;
    sqlite3_stmt *from = NULL;
    int code = SQLITE_DONE;
    sc_status status = col_store_open(path, false, &store, diag);
    if (status)
        return status;
    status = col_store_prepare(store, select_sql, &from, diag);
    if (!status && op_name)
        sqlite3_bind_text(from, 1, op_name, -1, SQLITE_TRANSIENT);
    keys->n_before = keys->n;
    while (!status && (code = sqlite3_step(from)) == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(from, 0);
        if (!key)
            status = sc_diag_nomem(diag);
        else if (!was_seen(keys, key)) {
            status = remember(keys, key, diag);
            put_row(from, out);
        }
    }
    if (!status && code != SQLITE_DONE)
        status = col_store_fail(store, diag);
    sqlite3_finalize(from);
    col_store_close(store);
    return status;
}

sc_status col_kernels_csv(const char *const path[], size_t n, const char *op_name,
                          sc_buf *out, sc_diag *diag)
{
    static const char *const name[] = {
#define X(sql, name) name,
        COLUMNS(X)
#undef X
    };
    seen keys = {0};
    sc_buf text = {0};
    sc_status status = SC_OK;
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++)
        col_csv_cell(&text, name[i], i == 0);
    sc_buf_add(&text, "\n");
    for (size_t i = 0; i < n && !status; i++)
        status = read_store(path[i], op_name, &keys, &text, diag);
    if (!status && keys.n == 0) {
        status = sc_diag_fail(diag, SC_EDOMAIN, SC2004, "no kernels in the stores");
        sc_diag_hint(diag, "solcheck measure --kernels --store FILE records them");
    }
    if (!status && (text.failed || sc_buf_addn(out, sc_buf_text(&text), text.n)))
        status = sc_diag_nomem(diag);
    for (size_t i = 0; i < keys.n; i++)
        sc_free(keys.key[i]);
    sc_free(keys.key);
    sc_buf_free(&text);
    return status;
}
