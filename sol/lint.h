/* solcheck - lint: mistakes that an op file can hold although it loads.
 *
 * Every check looks at the expressions themselves (normal forms, degrees, values on the
 * admissible grid), never at the name of an op, a parameter or a term. docs/lint.md
 * explains each; codes are SC13xx.
 * Tests: tests/unit/sol/test_lint.c, tests/lang/lint.test (one op file per check).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_LINT_H
#define SC_SOL_LINT_H

#include "base/export.h"
#include "sol/roofline.h"

SC_BEGIN_DECLS

/* Appends findings (severities ERROR and WARNING, positions and hints) for an op at its
 * defaults. The system serves to see how SOL goes with each axis; where it lacks a rate
 * that is left out. Errors: SC_ENOMEM. */
sc_status sol_lint(const sol_op *op, const sol_system *system, sc_diags *findings,
                   sc_diag *diag);

SC_END_DECLS

#endif
