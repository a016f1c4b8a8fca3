/* solcheck - the record store: schema, writing, looking up.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/store_internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

#define BUSY_MS 30000 /* a point is written in milliseconds */

sc_status col_store_fail(col_store *store, sc_diag *diag)
{
    int code = sqlite3_errcode(store->db);
    if (code == SQLITE_NOMEM)
        return sc_diag_nomem(diag);
    int error = code == SQLITE_CANTOPEN ? sqlite3_system_errno(store->db) : 0;
    return sc_diag_fail(diag, SC_EIO, SC2010, "store '%s': %s%s%s", store->path,
                        sqlite3_errmsg(store->db), error ? ": " : "",
                        error ? strerror(error) : "");
}

sc_status col_store_run(col_store *store, const char *sql, sc_diag *diag)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK
               ? SC_OK
               : col_store_fail(store, diag);
}

sc_status col_store_prepare(col_store *store, const char *sql, sqlite3_stmt **out,
                            sc_diag *diag)
{
    return sqlite3_prepare_v2(store->db, sql, -1, out, NULL) == SQLITE_OK
               ? SC_OK
               : col_store_fail(store, diag);
}

/* Runs a statement that yields no row, and releases it. */
sc_status col_store_finish(col_store *store, sqlite3_stmt *statement, sc_diag *diag)
{
    int code = sqlite3_step(statement);
    sc_status status = code == SQLITE_DONE ? SC_OK : col_store_fail(store, diag);
    sqlite3_finalize(statement);
    return status;
}

/* Changing over to WAL needs the file for itself for a moment, and SQLite calls no busy
 * handler there: two processes that create one store would trip over each other. */
static sc_status use_wal(col_store *store, sc_diag *diag)
{
    const struct timespec pause = {.tv_nsec = 5000000};
    int code = SQLITE_BUSY;
    for (int waited_ms = 0; waited_ms < BUSY_MS && code == SQLITE_BUSY; waited_ms += 5) {
        code = sqlite3_exec(store->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
        if (code == SQLITE_BUSY)
            nanosleep(&pause, NULL);
    }
    return code == SQLITE_OK ? SC_OK : col_store_fail(store, diag);
}

static sc_status set_up(col_store *store, bool create, sc_diag *diag)
{
    sqlite3_busy_timeout(store->db, BUSY_MS);
    sqlite3_extended_result_codes(store->db, 0);
    sc_status status = col_store_run(store, "PRAGMA foreign_keys = ON", diag);
    if (!status && create)
        status = use_wal(store, diag);
    if (!status && create)
        status = col_store_run(store, "PRAGMA synchronous = FULL", diag);
    if (!status && create)
        status = col_store_make_schema(store, diag);
    return status ? status : col_store_check_schema(store, diag);
}

static sc_status open_file(col_store *store, const char *path, int flags, bool create,
                           sc_diag *diag)
{
    int code = sqlite3_open_v2(path, &store->db, flags, NULL);
    return code == SQLITE_OK ? set_up(store, create, diag)
           : store->db       ? col_store_fail(store, diag)
                             : sc_diag_nomem(diag);
}

static bool may(const char *path, int mode)
{
    return faccessat(AT_FDCWD, path, mode, AT_EACCESS) == 0;
}

/* A store that we cannot write to, with no log beside it that has yet to be merged. To
 * read a WAL file SQLite writes to its directory, unless it is told that nothing changes.
 */
static bool is_archived(const char *path)
{
    sc_buf wal = {0}, dir = {0};
    struct stat info;
    const char *base = sc_path_base(path);
    sc_buf_printf(&wal, "%s-wal", path);
    sc_buf_printf(&dir, "%.*s.", (int)(base - path), path);
    bool archived = !wal.failed && !dir.failed && may(path, R_OK) && !may(path, W_OK) &&
                    !may(dir.text, W_OK) &&
                    (stat(wal.text, &info) != 0 || info.st_size == 0);
    sc_buf_free(&wal);
    sc_buf_free(&dir);
    return archived;
}

static sc_status open_archived(col_store *store, sc_diag *diag)
{
    sc_buf uri = {0};
    sc_buf_add(&uri, "file:");
    for (const char *at = store->path; *at; at++)
        sc_buf_printf(&uri, strchr("%?#", *at) ? "%%%02x" : "%c", *at);
    sc_buf_add(&uri, "?immutable=1");
    sc_status status =
        uri.failed ? sc_diag_nomem(diag)
                   : open_file(store, uri.text, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
                               false, diag);
    sc_buf_free(&uri);
    return status;
}

sc_status col_store_open(const char *path, bool create, col_store **out, sc_diag *diag)
{
    col_store *store = sc_calloc(1, sizeof *store);
    if (!store || !(store->path = sc_strdup(path))) {
        sc_free(store);
        return sc_diag_nomem(diag);
    }
    int flags = SQLITE_OPEN_READWRITE | (create ? SQLITE_OPEN_CREATE : 0);
    sc_status status = !create && is_archived(path)
                           ? open_archived(store, diag)
                           : open_file(store, path, flags, create, diag);
    if (status) {
        col_store_close(store);
        return status;
    }
    *out = store;
    return SC_OK;
}

void col_store_close(col_store *store)
{
    if (!store)
        return;
    sqlite3_close(store->db);
    sc_free(store->path);
    sc_free(store);
}

/* ---- runs ---- */

static void bind_text(sqlite3_stmt *to, const char *name, const char *text)
{
    sqlite3_bind_text(to, sqlite3_bind_parameter_index(to, name), text ? text : "", -1,
                      SQLITE_TRANSIENT);
}

static void bind_int(sqlite3_stmt *to, const char *name, int64_t value)
{
    sqlite3_bind_int64(to, sqlite3_bind_parameter_index(to, name), value);
}

/* NaN becomes NULL. */
static void bind_real(sqlite3_stmt *to, const char *name, double value)
{
    sqlite3_bind_double(to, sqlite3_bind_parameter_index(to, name), value);
}

sc_status col_store_add_run(col_store *store, const col_run *run, int64_t *id,
                            sc_diag *diag)
{
    sqlite3_stmt *add;
    sc_status status = col_store_prepare(
        store,
        "INSERT INTO runs(device, driver, cuda, compute_capability, version, \"commit\","
        " date, command) VALUES(:device, :driver, :cuda, :cc, :version, :commit, :date,"
        " :command)",
        &add, diag);
    if (status)
        return status;
    bind_text(add, ":device", run->device);
    bind_text(add, ":driver", run->driver);
    bind_text(add, ":cuda", run->cuda);
    bind_int(add, ":cc", run->compute_capability);
    bind_text(add, ":version", run->version);
    bind_text(add, ":commit", run->commit);
    bind_text(add, ":date", run->date);
    bind_text(add, ":command", run->command);
    status = col_store_finish(store, add, diag);
    if (!status)
        *id = sqlite3_last_insert_rowid(store->db);
    return status;
}

/* ---- keys ---- */

static void add_number(sc_buf *out, const char *name, double value)
{
    char text[32];
    sc_format_double(value, text);
    sc_buf_printf(out, "|%s=%s", name, text);
}

/* What tells two points apart, as one text; names are sorted by the op, not by us: they
 * come in the order of the layer's parameters. */
void col_store_key(const col_record *r, sc_buf *out)
{
    sc_buf_printf(out, "%s|%s|%s|%s|%s", r->device ? r->device : "",
                  r->op_name ? r->op_name : "", sol_phase_name(r->phase),
                  r->cache ? r->cache : "", r->scope ? r->scope : "");
    if (r->route && strcmp(r->route, "auto") != 0)
        sc_buf_printf(out, "|route=%s", r->route);
    for (int i = 0; i < r->n_params; i++)
        add_number(out, r->param[i], r->value[i]);
    for (int i = 0; i < r->n_slots; i++)
        sc_buf_printf(out, "|%s=%s", r->slot[i], sol_dtype_name(r->dtype[i]));
    add_number(out, "tp", r->tp);
    add_number(out, "b", r->b);
    add_number(out, "s", r->s);
    if (r->inputs && *r->inputs && strcmp(r->inputs, "normal") != 0)
        sc_buf_printf(out, "|inputs=%s", r->inputs); /* so that older keys stay valid */
}

sc_status col_store_find(col_store *store, const col_record *key, col_state *out,
                         sc_diag *diag)
{
    sqlite3_stmt *find;
    sc_buf text = {0};
    col_store_key(key, &text);
    sc_status status =
        text.failed
            ? sc_diag_nomem(diag)
            : col_store_prepare(store,
                                "SELECT state = 'done' FROM points WHERE key = :key",
                                &find, diag);
    if (!status) {
        bind_text(find, ":key", sc_buf_text(&text));
        int code = sqlite3_step(find);
        if (code == SQLITE_ROW)
            *out = sqlite3_column_int(find, 0) ? COL_DONE : COL_FAILED;
        else if (code == SQLITE_DONE)
            *out = COL_ABSENT;
        else
            status = col_store_fail(store, diag);
        sqlite3_finalize(find);
    }
    sc_buf_free(&text);
    return status;
}

/* ---- points ---- */

static char *params_json(const col_record *r)
{
    json_t *object = json_object();
    bool ok = object != NULL;
    for (int i = 0; i < r->n_params && ok; i++)
        ok = json_object_set_new(object, r->param[i], json_real(r->value[i])) == 0;
    char *text = ok ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(object);
    return text;
}

static char *dtypes_json(const col_record *r)
{
    json_t *object = json_object();
    bool ok = object != NULL;
    for (int i = 0; i < r->n_slots && ok; i++)
        ok = json_object_set_new(object, r->slot[i],
                                 json_string(sol_dtype_name(r->dtype[i]))) == 0;
    char *text = ok ? json_dumps(object, JSON_COMPACT) : NULL;
    json_decref(object);
    return text;
}

static void json_text_free(char *text)
{
    json_malloc_t take;
    json_free_t release;
    json_get_alloc_funcs(&take, &release);
    if (text)
        release(text);
}

static const char insert[] =
    "INSERT INTO points(run, key, state, code, reason, params, dtypes, phase, throttle"
#define X(field) ", " #field
    COL_STORE_TEXTS(X) COL_STORE_REALS(X) COL_STORE_INTS(X)
#undef X
        ") VALUES(:run, :key, :state, :code, :reason, :params, :dtypes, :phase, :throttle"
#define X(field) ", :" #field
    COL_STORE_TEXTS(X) COL_STORE_REALS(X) COL_STORE_INTS(X)
#undef X
        ")";

static void bind_fields(sqlite3_stmt *to, const col_record *r)
{
#define X(field) bind_text(to, ":" #field, r->field);
    COL_STORE_TEXTS(X)
#undef X
#define X(field) bind_real(to, ":" #field, r->field);
    COL_STORE_REALS(X)
#undef X
#define X(field) bind_int(to, ":" #field, r->field);
    COL_STORE_INTS(X)
#undef X
    bind_text(to, ":phase", sol_phase_name(r->phase));
    bind_int(to, ":throttle", (int64_t)r->throttle);
}

/* The row of a point; why NULL: measured. */
static sc_status insert_point(col_store *store, int64_t run, const col_record *r,
                              const char *key, const sc_diag *why, sc_diag *diag)
{
    sqlite3_stmt *add;
    char *params = params_json(r), *dtypes = dtypes_json(r);
    sc_status status = params && dtypes ? col_store_prepare(store, insert, &add, diag)
                                        : sc_diag_nomem(diag);
    if (!status) {
        bind_int(add, ":run", run);
        bind_text(add, ":key", key);
        bind_text(add, ":state", why ? "failed" : "done");
        if (why) {
            bind_text(add, ":code", sc_code_name(why->code));
            bind_text(add, ":reason", why->message);
        }
        bind_text(add, ":params", params);
        bind_text(add, ":dtypes", dtypes);
        bind_fields(add, r);
        status = col_store_finish(store, add, diag);
    }
    json_text_free(params);
    json_text_free(dtypes);
    return status;
}

static sc_status insert_samples(col_store *store, int64_t point, const col_sample *sample,
                                size_t n, sc_diag *diag)
{
    sqlite3_stmt *add;
    sc_status status = col_store_prepare(
        store,
        "INSERT INTO samples VALUES(:point, :n, :latency_s, :sm_clock_hz, :power_W,"
        " :throttle)",
        &add, diag);
    for (size_t i = 0; i < n && !status; i++) {
        bind_int(add, ":point", point);
        bind_int(add, ":n", (int64_t)i);
        bind_real(add, ":latency_s", sample[i].latency_s);
        bind_real(add, ":sm_clock_hz", sample[i].sm_clock_hz);
        bind_real(add, ":power_W", sample[i].power_W);
        bind_int(add, ":throttle", (int64_t)sample[i].throttle);
        if (sqlite3_step(add) != SQLITE_DONE)
            status = col_store_fail(store, diag);
        sqlite3_reset(add);
    }
    sqlite3_finalize(add);
    return status;
}

/* Removes what the new row replaces. */
static sc_status remove_old(col_store *store, const char *key, bool failed_only,
                            sc_diag *diag)
{
    sqlite3_stmt *drop;
    sc_status status = col_store_prepare(
        store,
        failed_only ? "DELETE FROM points WHERE key = :key AND state = 'failed'"
                    : "DELETE FROM points WHERE key = :key",
        &drop, diag);
    if (status)
        return status;
    bind_text(drop, ":key", key);
    return col_store_finish(store, drop, diag);
}

static sc_status replace(col_store *store, int64_t run, const col_record *r,
                         const char *key, const sc_diag *why, const col_sample *sample,
                         size_t n, sc_diag *diag)
{
    col_state old;
    sc_status status = remove_old(store, key, why != NULL, diag);
    if (!status)
        status = col_store_find(store, r, &old, diag);
    if (status || old == COL_DONE) /* a failure does not replace a measurement */
        return status;
    status = insert_point(store, run, r, key, why, diag);
    if (!status)
        status =
            insert_samples(store, sqlite3_last_insert_rowid(store->db), sample, n, diag);
    return status;
}

static sc_status store_point(col_store *store, int64_t run, const col_record *r,
                             const sc_diag *why, const col_sample *sample, size_t n,
                             sc_diag *diag)
{
    sc_buf key = {0};
    col_store_key(r, &key);
    sc_status status =
        key.failed ? sc_diag_nomem(diag) : col_store_run(store, "BEGIN IMMEDIATE", diag);
    if (!status) {
        status = replace(store, run, r, sc_buf_text(&key), why, sample, n, diag);
        if (!status)
            status = col_store_run(store, "COMMIT", diag);
        if (status)
            col_store_run(store, "ROLLBACK", NULL);
    }
    sc_buf_free(&key);
    return status;
}

sc_status col_store_add(col_store *store, int64_t run, const col_record *record,
                        const col_sample *sample, size_t n, sc_diag *diag)
{
    sc_status status = col_record_check(record, diag);
    return status ? status : store_point(store, run, record, NULL, sample, n, diag);
}

sc_status col_store_add_failure(col_store *store, int64_t run, const col_record *key,
                                const sc_diag *why, sc_diag *diag)
{
    col_record r = *key;
    r.latency_s = r.mean_s = r.min_s = r.max_s = r.mad_s = r.floor_s = NAN;
    r.wall_s = NAN;
    r.sm_clock_hz = r.mem_clock_hz = r.power_W = r.power_limit_W = NAN;
    r.samples = r.batch = 0;
    r.throttle = 0;
    return store_point(store, run, &r, why, NULL, 0, diag);
}

sc_status col_store_count(col_store *store, int64_t *n_done, int64_t *n_failed,
                          sc_diag *diag)
{
    int64_t done = 0, failed = 0;
    sc_status status = col_store_number(
        store, "SELECT count(*) FROM points WHERE state = 'done'", &done, diag);
    if (!status)
        status = col_store_number(
            store, "SELECT count(*) FROM points WHERE state = 'failed'", &failed, diag);
    if (status)
        return status;
    *n_done = done;
    *n_failed = failed;
    return SC_OK;
}

sc_status col_store_walls(col_store *store, const char *op_name, sol_phase_kind phase,
                          const char *cache, col_wall **out, size_t *n, sc_diag *diag)
{
    sqlite3_stmt *from;
    col_wall *all = NULL;
    size_t count = 0;
    int code = SQLITE_DONE;
    sc_status status =
        col_store_prepare(store,
                          "SELECT latency_s, wall_s, batch FROM points WHERE state = "
                          "'done' AND op_name = :op"
                          " AND phase = :phase AND cache = :cache AND wall_s IS NOT NULL",
                          &from, diag);
    if (status)
        return status;
    bind_text(from, ":op", op_name);
    bind_text(from, ":phase", sol_phase_name(phase));
    bind_text(from, ":cache", cache);
    while (!status && (code = sqlite3_step(from)) == SQLITE_ROW) {
        if ((count & (count - 1)) == 0) { /* full: 0, 1, 2, 4, .. */
            col_wall *more = sc_reallocarray(all, count ? 2 * count : 1, sizeof *all);
            status = more ? SC_OK : sc_diag_nomem(diag);
            all = more ? more : all;
        }
        if (!status)
            all[count++] =
                (col_wall){sqlite3_column_double(from, 0), sqlite3_column_double(from, 1),
                           sqlite3_column_int(from, 2)};
    }
    if (!status && code != SQLITE_DONE)
        status = col_store_fail(store, diag);
    sqlite3_finalize(from);
    if (status) {
        sc_free(all);
        return status;
    }
    *out = all;
    *n = count;
    return SC_OK;
}
