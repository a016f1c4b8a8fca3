/* solcheck - the record store: did a case fail?
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <jansson.h>
#include <string.h>

#include "collector/store_internal.h"

/* Are all parameters of a stored object those of the configuration, as one GPU has them?
 */
static bool same_params(const char *text, const sol_op *op, const sol_config *config)
{
    json_t *object = text ? json_loads(text, 0, NULL) : NULL, *value;
    const char *key;
    bool same = json_is_object(object);
    if (same)
        json_object_foreach(object, key, value)
        {
            int i = sol_op_param_index(op, key);
            same &= i >= 0 && json_number_value(value) == sol_config_local(op, config, i);
        }
    json_decref(object);
    return same;
}

static bool same_dtypes(const char *text, const sol_op *op, const sol_config *config)
{
    json_t *object = text ? json_loads(text, 0, NULL) : NULL, *value;
    const char *key;
    bool same = json_is_object(object);
    if (same)
        json_object_foreach(object, key, value)
        {
            int i = sol_op_slot_index(op, key);
            same &=
                i >= 0 && json_is_string(value) &&
                strcmp(json_string_value(value), sol_dtype_name(config->slot[i])) == 0;
        }
    json_decref(object);
    return same;
}

sc_status col_store_failed(col_store *store, const sol_op *op, const sol_config *config,
                           sol_phase_kind phase, double b, double s, bool *out,
                           sc_diag *diag)
{
    sqlite3_stmt *find;
    sc_status status =
        col_store_prepare(store,
                          "SELECT params, dtypes FROM points WHERE state = 'failed' AND "
                          "op_name IN (?1, ?2) "
                          "AND phase = ?3 AND tp = ?4 AND b = ?5 AND s = ?6",
                          &find, diag);
    if (status)
        return status;
    int code;
    bool found = false;
    sqlite3_bind_text(find, 1, op->name, -1, SQLITE_STATIC);
    sqlite3_bind_text(find, 2, op->layer, -1, SQLITE_STATIC);
    sqlite3_bind_text(find, 3, sol_phase_name(phase), -1, SQLITE_STATIC);
    sqlite3_bind_double(find, 4, config->tp);
    sqlite3_bind_double(find, 5, b);
    sqlite3_bind_double(find, 6, s);
    while (!found && (code = sqlite3_step(find)) == SQLITE_ROW)
        found = same_params((const char *)sqlite3_column_text(find, 0), op, config) &&
                same_dtypes((const char *)sqlite3_column_text(find, 1), op, config);
    if (!found && code != SQLITE_DONE)
        status = col_store_fail(store, diag);
    sqlite3_finalize(find);
    if (!status)
        *out = found;
    return status;
}
