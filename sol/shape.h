/* solcheck - the shape of a normal form: degree, trend and asymptotics in its symbols.
 * Tests: tests/unit/sol/test_shape.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_SHAPE_H
#define SC_SOL_SHAPE_H

#include "base/export.h"
#include "sol/normal.h"

SC_BEGIN_DECLS

/* Proved over the declared domains: rises means "never falls". */
typedef enum sol_trend { SOL_CONSTANT, SOL_RISES, SOL_FALLS, SOL_UNDECIDED } sol_trend;
const char *sol_trend_name(sol_trend trend); /* "constant", "rises", "falls", "undecided" */

sol_trend sol_normal_trend(const sol_normal *normal, int symbol);

/* Degree of the numerator less that of the denominator. *in_atoms: the symbol occurs inside
 * of min(), floor(), ... as well, which the degree does not count. */
int sol_normal_degree(const sol_normal *normal, int symbol, bool *in_atoms);

/* Appends the monomials that lead as the given symbols grow: those whose exponents no other
 * monomial reaches in every symbol, "b*s^2 + b^2*s"; over the leading ones of the
 * denominator. Errors: SC_ENOMEM. */
sc_status sol_normal_leading(const sol_normal *normal, int n, const int *symbol,
                             sc_buf *out);

SC_END_DECLS

#endif
