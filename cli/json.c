/* solcheck - JSON values of what may be no JSON.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/json.h"

#include <math.h>

#include "base/alloc.h"
#include "base/text.h"

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
