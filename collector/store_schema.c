/* solcheck - the record store: its tables, and stores of older versions.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>

#include "collector/store_internal.h"

#define APPLICATION_ID 0x536f4c63 /* "SoLc", for file(1) */

static const char schema[] =
    "CREATE TABLE runs(id INTEGER PRIMARY KEY, device TEXT NOT NULL, driver TEXT NOT "
    "NULL,"
    " cuda TEXT NOT NULL, compute_capability INTEGER NOT NULL, version TEXT NOT NULL,"
    " \"commit\" TEXT NOT NULL, date TEXT NOT NULL, command TEXT NOT NULL);"
    "CREATE TABLE points(id INTEGER PRIMARY KEY, run INTEGER NOT NULL REFERENCES "
    "runs(id),"
    " key TEXT NOT NULL UNIQUE, state TEXT NOT NULL CHECK(state IN ('done', 'failed')),"
    " code TEXT, reason TEXT, params TEXT NOT NULL, dtypes TEXT NOT NULL,"
    " phase TEXT NOT NULL, throttle INTEGER"
#define X(field) ", " #field " TEXT"
    COL_STORE_TEXTS(X)
#undef X
#define X(field) ", " #field " REAL"
        COL_STORE_REALS(X)
#undef X
#define X(field) ", " #field " INTEGER"
            COL_STORE_INTS(X)
#undef X
                ");"
                "CREATE TABLE samples(point INTEGER NOT NULL REFERENCES points(id) ON "
                "DELETE CASCADE,"
                " n INTEGER NOT NULL, latency_s REAL NOT NULL, sm_clock_hz REAL, power_W "
                "REAL,"
                " throttle INTEGER, PRIMARY KEY(point, n)) WITHOUT ROWID;";

static const char kernels_table[] =
    "CREATE TABLE IF NOT EXISTS kernels(point INTEGER NOT NULL REFERENCES points(id) ON "
    "DELETE CASCADE,"
    " n INTEGER NOT NULL, name TEXT NOT NULL, latency_s REAL NOT NULL, grid TEXT NOT "
    "NULL,"
    " block TEXT NOT NULL, registers INTEGER, smem_B INTEGER, PRIMARY KEY(point, n))"
    " WITHOUT ROWID;";

sc_status col_store_number(col_store *store, const char *sql, int64_t *out, sc_diag *diag)
{
    sqlite3_stmt *statement;
    sc_status status = col_store_prepare(store, sql, &statement, diag);
    if (status)
        return status;
    if (sqlite3_step(statement) == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    else
        status = col_store_fail(store, diag);
    sqlite3_finalize(statement);
    return status;
}

static sc_status wrong_file(const char *path, const char *why, sc_diag *diag)
{
    return sc_diag_fail(diag, SC_EIO, SC2010, "'%s' is no store that can be used: %s",
                        path, why);
}

/* Makes the tables in an empty file. Inside of a write transaction: of two processes that
 * come at once the second finds the tables. */
sc_status col_store_make_schema(col_store *store, sc_diag *diag)
{
    int64_t n = 0, version = 0;
    char sql[128];
    sc_status status = col_store_run(store, "BEGIN IMMEDIATE", diag);
    if (status)
        return status;
    status = col_store_number(store, "SELECT count(*) FROM sqlite_schema", &n, diag);
    if (!status)
        status = col_store_number(store, "PRAGMA user_version", &version, diag);
    if (!status && n == 0) {
        snprintf(sql, sizeof sql, "PRAGMA user_version = %d; PRAGMA application_id = %d",
                 COL_STORE_VERSION, APPLICATION_ID);
        status = col_store_run(store, schema, diag);
        if (!status)
            status = col_store_run(store, kernels_table, diag);
        if (!status)
            status = col_store_run(store, sql, diag);
    }
    if (!status)
        return col_store_run(store, "COMMIT", diag);
    col_store_run(store, "ROLLBACK", NULL);
    return status;
}

/* ---- older stores ---- */

static sc_status add_column(col_store *store, const char *name, const char *type,
                            sc_diag *diag)
{
    char sql[160];
    int64_t there = 0;
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM pragma_table_info('points') WHERE name = '%s'", name);
    sc_status status = col_store_number(store, sql, &there, diag);
    if (status || there)
        return status;
    snprintf(sql, sizeof sql, "ALTER TABLE points ADD COLUMN %s %s", name, type);
    return col_store_run(store, sql, diag);
}

/* What earlier versions measured: the bare kernel, on normal inputs. Version 1 had no
 * scope in its keys. */
static sc_status add_missing(col_store *store, int64_t version, sc_diag *diag)
{
    sc_status status = SC_OK;
#define X(field)                                                                         \
    if (!status)                                                                         \
        status = add_column(store, #field, "TEXT", diag);
    COL_STORE_TEXTS(X)
#undef X
#define X(field)                                                                         \
    if (!status)                                                                         \
        status = add_column(store, #field, "REAL", diag);
    COL_STORE_REALS(X)
#undef X
#define X(field)                                                                         \
    if (!status)                                                                         \
        status = add_column(store, #field, "INTEGER", diag);
    COL_STORE_INTS(X)
#undef X
    if (!status && version < 2)
        status = col_store_run(
            store,
            "UPDATE points SET key = replace(key, '|' || phase || '|' || cache || '|',"
            " '|' || phase || '|' || cache || '|kernel|')",
            diag);
    if (!status)
        status = col_store_run(store,
                               "UPDATE points SET scope = 'kernel' WHERE scope IS NULL;"
                               "UPDATE points SET inputs = 'normal' WHERE inputs IS NULL",
                               diag);
    return status ? status : col_store_run(store, kernels_table, diag);
}

static sc_status set_version(col_store *store, sc_diag *diag)
{
    char sql[64];
    snprintf(sql, sizeof sql, "PRAGMA user_version = %d", COL_STORE_VERSION);
    return col_store_run(store, sql, diag);
}

/* Brings an older store up to date, all of it or nothing: of two processes that come at
 * once the second finds it done. */
static sc_status migrate(col_store *store, sc_diag *diag)
{
    int64_t version = 0;
    sc_status status = col_store_run(store, "BEGIN IMMEDIATE", diag);
    if (status)
        return status;
    status = col_store_number(store, "PRAGMA user_version", &version, diag);
    if (!status && version < COL_STORE_VERSION)
        status = add_missing(store, version, diag);
    if (!status)
        status = set_version(store, diag);
    if (!status)
        return col_store_run(store, "COMMIT", diag);
    col_store_run(store, "ROLLBACK", NULL);
    return status;
}

sc_status col_store_check_schema(col_store *store, sc_diag *diag)
{
    int64_t id = 0, version = 0;
    char why[128];
    sc_status status = col_store_number(store, "PRAGMA application_id", &id, diag);
    if (!status)
        status = col_store_number(store, "PRAGMA user_version", &version, diag);
    if (status)
        return status;
    if (id != APPLICATION_ID)
        return wrong_file(store->path, "another program's database, or an empty file",
                          diag);
    if (version >= 1 && version < COL_STORE_VERSION &&
        sqlite3_db_readonly(store->db, "main") == 0)
        return migrate(store, diag);
    bool older = version < COL_STORE_VERSION;
    snprintf(why, sizeof why, "schema version %" PRId64 ", this solcheck knows %d%s",
             version, COL_STORE_VERSION, older ? " and may not write to the file" : "");
    if (version == COL_STORE_VERSION)
        return SC_OK;
    wrong_file(store->path, why, diag);
    sc_diag_hint(diag,
                 older ? "make it writable, or open a copy: that is brought up to date"
                       : "a newer solcheck wrote it: read it with that one");
    return SC_EIO;
}
