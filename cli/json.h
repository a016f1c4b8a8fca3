/* solcheck - JSON values of what may be no JSON: foreign texts, infinite numbers.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_JSON_H
#define SC_CLI_JSON_H

#include <jansson.h>

/* A text whose bytes that are no UTF-8 (names of files, cells) are '?'. NULL without
 * memory. */
json_t *cli_json_text(const char *text);

/* A number, null where it is not finite. NULL without memory. */
json_t *cli_json_number(double value);

#endif
