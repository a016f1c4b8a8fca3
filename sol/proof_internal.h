/* solcheck - what sol/proof.c, sol/candidate.c and sol/regime.c share.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_PROOF_INTERNAL_H
#define SC_SOL_PROOF_INTERNAL_H

#include "sol/regime.h"

#define SOL_N_QUANTITIES 3 /* flops, bytes, sol */

typedef struct sol_grid_point {
    double x;
    size_t index;
} sol_grid_point;

typedef struct sol_prover {
    const sol_op *op;
    const sol_phase *phase;
    const sol_config *config;
    sol_context *ctx;
    /* as expressions, optional axes at their defaults */
    const sol_expr *quantity[SOL_N_QUANTITIES];
    const sol_expr *resource[SOL_N_RESOURCES]; /* seconds; sol is their maximum */
    int resource_id[SOL_N_RESOURCES]; /* of sol/regime.h */
    int n_resources;
    const sol_expr *tokens;
    int n_axes, symbol[SOL_MAX_AXES];
    bool swept[SOL_MAX_AXES]; /* required axes, and optional ones that were asked for */
    int exponent[SOL_MAX_AXES];
    bool product; /* tokens is a power of one product of axes, given by exponent */
    /* on the grid */
    size_t n;
    double *axis[SOL_MAX_AXES];
    double *value[SOL_N_QUANTITIES];
    sol_grid_point *by_x;
    sc_diag *diag;
} sol_prover;

/* Fills what is known before any work; sol_prover_end releases what the work added. */
sc_status sol_prover_start(const sol_op *op, sol_phase_kind phase,
                           const sol_config *config, const bool *swept, sol_prover *p,
                           sc_diag *diag);
void sol_prover_end(sol_prover *p);
/* Puts the defaults of the axes that are not swept in. */
sc_status sol_prover_close_axes(sol_prover *p, const sol_expr *expr, const sol_expr **out);
/* Totals and the time of every resource, as expressions. */
sc_status sol_prover_collect(sol_prover *p, const sol_system *system, sol_ceiling ceiling);
/* The grid and the values on it, sorted by x. */
sc_status sol_prover_evaluate_grid(sol_prover *p, const sol_system *system,
                                   sol_ceiling ceiling);
/* Do the exact values of an expression at two grid points differ? */
sc_status sol_prover_exact_differ(sol_prover *p, const sol_expr *expr, size_t a, size_t b,
                                  bool *differ);
/* For qsort over doubles, ascending. */
int sol_by_value(const void *a, const void *b);
/* Sets largest and median from each[0..n_x), which it sorts; nothing where n_x is 0. */
void sol_spread_summarise(sol_spread *spread, double *each);
sc_status sol_prover_candidates(sol_prover *p, sol_proof *proof);
sc_status sol_prover_regions(sol_prover *p, sol_proof *proof);

#endif
