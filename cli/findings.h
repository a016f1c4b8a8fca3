/* solcheck - findings as text, JSON, SARIF 2.1.0 or JUnit: one writer for lint and
 * validate. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#ifndef SC_CLI_FINDINGS_H
#define SC_CLI_FINDINGS_H

#include <jansson.h>

#include "cli/session.h"

typedef enum cli_format { CLI_TEXT, CLI_JSON, CLI_SARIF, CLI_JUNIT } cli_format;

typedef struct cli_findings {
    const sc_diags *list;
    const char *noun;        /* of what was looked at: "op file" */
    size_t n_files;          /* looked at */
    const char *const *file; /* their names, or NULL; JUnit has a case for each */
    size_t n[SC_ERROR + 1];  /* by severity, those not listed included */
    json_t *more;            /* members that JSON has besides, or NULL; borrowed */
    const char *tail;        /* what the text ends with besides, or NULL */
} cli_findings;

/* --format, or --json. Errors: SC_EINVAL SC6001, SC6002. */
sc_status cli_pick_format(cli_session *cli, cli_format *out);

/* Writes all to standard output; --quiet leaves the sum out of the text. Errors:
 * SC_ENOMEM, SC_EIO. Test: tests/validate/mutate.py (required properties of SARIF). */
sc_status cli_write_findings(cli_session *cli, cli_format format,
                             const cli_findings *all);

#endif
