/* solcheck - findings of a validation: what is switched off, what a baseline knows
 * already, and how many of a kind are listed. docs/validate.md describes the baseline
 * file. Tests: tests/unit/collector/test_findings.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_FINDINGS_H
#define SC_COLLECTOR_FINDINGS_H

#include "base/diag.h"

typedef struct col_findings col_findings;

/* Of each code, per file, at most `most` findings are listed; one more says how many
 * there are. 0: all. Errors: SC_ENOMEM. Release with col_findings_free. */
sc_status col_findings_new(size_t most, col_findings **out, sc_diag *diag);
void col_findings_free(col_findings *all);

/* Drops findings of a code, "SC1234". Errors: SC_EINVAL SC6001 (no such code). */
sc_status col_findings_disable(col_findings *all, const char *code, sc_diag *diag);

/* Findings that the file lists are not reported. Errors: SC_EIO SC1001, SC_EPARSE SC2190
 * (position), SC_ENOMEM. */
sc_status col_findings_baseline(col_findings *all, const char *path, sc_diag *diag);

/* Keeps what col_findings_write_baseline needs of the findings that follow. */
void col_findings_keep(col_findings *all);

/* Will the next finding of a code be listed? Where not, its source line is not needed. */
bool col_findings_lists(const col_findings *all, sc_code code);

/* Adds a copy; `all` NULL is legal (dropped). Errors: SC_ENOMEM. */
sc_status col_findings_add(col_findings *all, const sc_diag *finding);
/* Ends a file: what was held back is summed up. Errors: SC_ENOMEM. */
sc_status col_findings_end(col_findings *all);

typedef struct col_finding_counts {
    size_t n[SC_ERROR + 1]; /* by severity, those held back included */
    size_t n_known;         /* in the baseline */
    size_t n_disabled;
} col_finding_counts;
col_finding_counts col_findings_count(const col_findings *all);
/* Those to list, in order; owned by `all`. */
const sc_diags *col_findings_list(const col_findings *all);

/* Writes all findings of severity warning and error (the known ones too) that came after
 * col_findings_keep as a baseline.
 * Errors: SC_EIO SC5000, SC_ENOMEM. */
sc_status col_findings_write_baseline(const col_findings *all, const char *path,
                                      sc_diag *diag);

#endif
