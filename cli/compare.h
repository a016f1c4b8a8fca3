/* solcheck - what the halves of `solcheck compare` share.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_COMPARE_H
#define SC_CLI_COMPARE_H

#include "cli/library.h"
#include "collector/compare.h"
#include "fit/fit.h"

typedef struct compare_side { /* of one op and phase */
    const cli_part *part;     /* NULL: no op maps the rows */
    const col_table *table;
    size_t n;
    col_entry *entry; /* [n] */
    char **key;       /* [n], those of the entries */
    size_t n_assumed; /* entries without stored dispersion */
    bool fitted;
    fit_kind kind;
    char why[512]; /* the decision's reason, or why there is none */
} compare_side;

typedef struct compare_result { /* of one op and phase */
    char name[128];             /* "mla, context", or the table's name */
    const sol_op *op;           /* NULL: no op maps the rows */
    sol_phase_kind phase;
    const sol_system *system; /* NULL: not known, or not the same */
    compare_side side[2];     /* n 0: the other side alone has it */
    col_comparison comparison;
    bool changed; /* decided on both sides, and differently */
} compare_result;

typedef struct compare_report {
    const char *path[2];
    col_compare_options options;
    compare_result *result;
    size_t n, n_regressed, n_changed, n_shifted, n_loose; /* loose: only --strict minds */
    bool strict, failed;
} compare_report;

/* Builds the keys of both sides: axes, and those parameters, dtypes and unknown columns
 * that are not the same at all points of both. Errors: SC_ENOMEM. */
sc_status compare_keys(compare_result *r, sc_diag *diag);

sc_status compare_text(const compare_report *report, bool quiet, sc_buf *out,
                       sc_diag *diag);
sc_status compare_json(const compare_report *report, sc_buf *out, sc_diag *diag);
sc_status compare_junit(const compare_report *report, sc_buf *out, sc_diag *diag);

#endif
