/* solcheck - work that comes in steps, as terms of the physical model.
 *
 * Beside compute and memory a launch costs what its schedule makes of it: requests that
 * wait for a free SM (waves), a sequence that one SM walks along tile by tile, tiles of
 * heads. A term is a cost per unit times the product of some coordinates' values, each
 * rounded up to a multiple of its tile:
 *
 *     t = t0 + ((compute/eta_c)^p + (memory/eta_m)^p + sum_k (cost_k size_k)^p)^(1/p),
 *     size_k = product over c of ceil(v_c / tile_kc) tile_kc,  v_c = exp(coord_c).
 *
 * A tile of 1 is the plain value; an infinite one takes the coordinate out of the term.
 * Terms enter one at a time, tiles are walked up and down a grid of powers of two, and
 * either stays only where it takes enough off the error. The caller decides by held-out
 * error whether the terms win at all (fit/field.c).
 * Tests: tests/unit/fit/test_terms.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_FIT_TERMS_H
#define SC_FIT_TERMS_H

#include "fit/field.h"
#include "fit/internal.h"

typedef struct fit_terms {
    int n;        /* terms, 0: none was worth its coefficient */
    int n_coords; /* of the places */
    double tile[FIT_FIELD_MAX_TERMS][FIT_FIELD_MAX_COORDS];
    double ln_cost[FIT_FIELD_MAX_TERMS]; /* seconds a unit */
    double t0_s, sharpness;
    double ln_compute, ln_memory; /* of 1/eta; not held to eta <= 1, as terms may do the
                                     work of a bound; -inf: no such SOL time */
} fit_terms;

/* From coord[n_coords][n], ln SOL times (-inf: none) and y = ln latency, [n] each. start:
 * the model without terms on the same points. At most 250 points are used, evenly
 * thinned. Errors: SC_ENOMEM. */
sc_status fit_terms_fit(const double *const *coord, int n_coords,
                        const double *ln_compute, const double *ln_memory,
                        const double *y, size_t n, const fit_curve *start, fit_terms *out,
                        sc_diag *diag);

/* ln size of term k at coord[n_coords]. */
double fit_terms_size(const fit_terms *terms, int k, const double *coord);

/* ln latency of the model. */
double fit_terms_ln(const fit_terms *terms, const double *coord, double ln_compute,
                    double ln_memory);

#endif
