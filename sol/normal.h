/* solcheck - exact normal form: quotients of polynomials over symbols and opaque atoms.
 *
 * min, max, floor, ceil, ceil_div, pow, if, comparisons and sums without a closed form become
 * atoms, identified by their function and the normal forms of their arguments, so that
 * equal atoms cancel. Sums over polynomials in the running index, in minima and in
 * comparisons of terms linear in it have closed forms. Declared domains of symbols
 * (sol_symbol_declare) decide floors, minima and comparisons where they can: the form holds
 * for values within them. Coefficients are exact rationals (FLINT fmpq_mpoly).
 * Tests: tests/unit/sol/test_normal.c; tests/prop/prop_normal.c (two routes).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_NORMAL_H
#define SC_SOL_NORMAL_H

#include "base/export.h"
#include "sol/expr.h"

SC_BEGIN_DECLS

typedef struct sol_normal sol_normal;

/* Normal form of expr. Errors: SC_EPARSE SC1013 (a denominator that is identically 0),
 * SC_EUNABLE SC1200 (too large), SC_ENOMEM. Release with sol_normal_free. */
sc_status sol_normal_new(const sol_context *ctx, const sol_expr *expr, sol_normal **out,
                         sc_diag *diag);
void sol_normal_free(sol_normal *normal);

bool sol_normal_is_zero(const sol_normal *normal);
/* Exact value at a point: value[symbol], all of sol_symbol_count() given, within the
 * domains of the symbols. Equals sol_expr_exact wherever that has a value.
 * Errors: SC_EDOMAIN SC1013/SC1016, SC_ENOMEM. */
sc_status sol_normal_exact(const sol_normal *normal, const fmpq *value, fmpq_t out,
                           sc_diag *diag);
/* Text of the normal form, expanded: "2*b*n*s^2 + 3/2*b". Errors: SC_ENOMEM. */
sc_status sol_normal_print(const sol_normal *normal, sc_buf *out);

/* depends[symbol] = the value may depend on the symbol (also through atoms). Exact for
 * quotients of polynomials; may over-state through atoms, never under-state. */
void sol_normal_depends(const sol_normal *normal, bool *depends, int n_symbols);

/* Is the value a function of the product x = prod axis[i]^exponent[i] alone, once every
 * other symbol is fixed? True proves it. False from quotients of polynomials without
 * atoms disproves it; with atoms it is only "not proved" (*exact = false).
 * exponent[] >= 0, at least one positive; axes with exponent 0 must not occur at all. */
bool sol_normal_function_of(const sol_normal *normal, int n_axes, const int *axis_symbol,
                            const int *exponent, bool *exact);

/* Rank of the lattice spanned by the exponent vectors of the non-constant monomials over
 * the axes: the number of axes needed. vector[n_axes] receives the primitive vector when
 * the rank is 1. Atoms count as all axes of their arguments. */
int sol_normal_rank(const sol_normal *normal, int n_axes, const int *axis_symbol,
                    int *vector);

/* The other route to the same question: b*df/db - s*df/ds = 0 identically, for two axes.
 * Defined for quotients of polynomials without axis-dependent atoms; *defined says so. */
bool sol_normal_euler(const sol_normal *normal, int symbol_b, int symbol_s, bool *defined);

SC_END_DECLS

#endif
