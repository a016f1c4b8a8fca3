/* solcheck - JSON values of what may be no JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/json.h"

#include <math.h>

#include "base/alloc.h"

json_t *cli_json_text(const char *text)
{
    char *copy = sc_strdup(text);
    if (!copy)
        return NULL;
    sc_utf8_mend(copy);
    json_t *value = json_string(copy);
    sc_free(copy);
    return value;
}

json_t *cli_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static int add(const char *text, size_t n, void *out)
{
    return sc_buf_addn(out, text, n) == SC_OK ? 0 : -1;
}

sc_status cli_json_dump(json_t *root, sc_buf *out, sc_diag *diag)
{
    bool whole = root && json_dump_callback(root, add, out, JSON_INDENT(1)) == 0 &&
                 sc_buf_add(out, "\n") == SC_OK;
    json_decref(root);
    return whole ? SC_OK : sc_diag_nomem(diag);
}
