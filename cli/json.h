/* solcheck - JSON: values of what may be no JSON (foreign texts, infinite numbers),
 * dumps. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#ifndef SC_CLI_JSON_H
#define SC_CLI_JSON_H

#include <jansson.h>

#include "base/diag.h"
#include "base/text.h"

/* A text whose bytes that are no UTF-8 (names of files, cells) are '?'. NULL without
 * memory. */
json_t *cli_json_text(const char *text);

/* A number, null where it is not finite. NULL without memory. */
json_t *cli_json_number(double value);

/* Appends root, indented, and a newline to out; takes root, of which NULL stands for no
 * memory. Errors: SC_ENOMEM; out may hold part of it then. */
sc_status cli_json_dump(json_t *root, sc_buf *out, sc_diag *diag);

#endif
