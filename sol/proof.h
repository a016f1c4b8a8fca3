/* solcheck - the proof of the axes: on which axes FLOPs, bytes and SOL latency depend.
 *
 * Token equivalence asks whether a quantity is a function of x (phase->tokens) alone. A
 * normal form can prove it; a witness, two admissible integer points of equal x with
 * different exact values, disproves it; otherwise the verdict is UNKNOWN.
 * Optional axes stay at their defaults; whether a quantity depends on them is told apart.
 * Tests: tests/unit/sol/test_proof.c; tests/prop/prop_proof.c (lattice versus derivative).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_PROOF_H
#define SC_SOL_PROOF_H

#include "base/export.h"
#include "sol/roofline.h"

SC_BEGIN_DECLS

typedef enum sol_verdict { SOL_UNKNOWN, SOL_PROVED, SOL_DISPROVED } sol_verdict;
const char *sol_verdict_name(sol_verdict verdict); /* "UNKNOWN", "PROVED", "DISPROVED" */

#define SOL_MAX_AXES 8

typedef struct sol_claim {     /* about one quantity */
    sol_verdict verdict;       /* on token equivalence */
    bool depends[SOL_MAX_AXES]; /* on phase->axis[i]; false is proved, true has a witness
                                   unless confirmed[i] is false */
    bool confirmed[SOL_MAX_AXES];
    int rank; /* of the exponent lattice: axes needed */
} sol_claim;

typedef struct sol_witness {
    bool found;
    double x;
    double axis[2][SOL_MAX_AXES]; /* the two points, in the order of phase->axis */
    double sol_s[2];              /* their cold SOL latencies */
    double ratio;                 /* larger over smaller */
} sol_witness;

typedef struct sol_spread { /* of SOL latency at equal x over the admissible grid */
    double median, largest; /* relative: max/min - 1 within one x */
    int n_x;                /* values of x with at least two points */
} sol_spread;

/* A reduced set of axes: is SOL latency a function of it alone? Candidates are x, the product
 * of the swept axes, each of them alone, and, when an optional axis is swept, x next to the
 * optional ones. One that equals an earlier one is left out. */
typedef struct sol_candidate {
    char name[64];              /* "x", "b*s", "b", "x, prefix" */
    int exponent[SOL_MAX_AXES]; /* of the product that it is */
    bool kept[SOL_MAX_AXES];    /* axes that stay separate, next to the product */
    sol_verdict flops, bytes, sol;
    sol_witness witness; /* against it: the worst found, x being the product's value */
    sol_spread spread;   /* at equal values of it */
} sol_candidate;
#define SOL_MAX_CANDIDATES (SOL_MAX_AXES + 3)

/* Where the token-equivalent model errs by at most `tolerance`: max/min - 1 of SOL latency
 * over points of equal x. */
typedef struct sol_region {
    double tolerance;
    double share;                /* of the grid points that share their x with another one:
                                    those whose x spreads no more */
    double below[SOL_MAX_AXES];  /* the spread stays within when axis[i] is at most this;
                                    NaN: at no value with points to compare */
    double share_below[SOL_MAX_AXES]; /* of all grid points */
} sol_region;
#define SOL_N_REGIONS 3 /* 1, 5 and 10 % */

typedef struct sol_proof {
    sol_claim flops, bytes, sol; /* sol: the cold bound */
    sol_witness witness;         /* against token equivalence of sol: the worst found */
    sol_spread spread;
    int n_grid; /* admissible points examined */
    sol_candidate candidate[SOL_MAX_CANDIDATES];
    int n_candidates;
    sol_region region[SOL_N_REGIONS];
} sol_proof;

/* Errors: SC_EINVAL (as sol_model_new), SC_EDOMAIN SC1111 (guards admit no point) or
 * SC1112, SC_EUNABLE SC1200, SC_ENOMEM. */
sc_status sol_prove(const sol_op *op, sol_phase_kind phase, const sol_config *config,
                    const sol_system *system, sol_ceiling ceiling, sol_proof *out,
                    sc_diag *diag);

/* The same with optional axes swept like the others: swept[i] for phase->axis[i], NULL for
 * none. */
sc_status sol_prove_over(const sol_op *op, sol_phase_kind phase, const sol_config *config,
                         const sol_system *system, sol_ceiling ceiling, const bool *swept,
                         sol_proof *out, sc_diag *diag);

/* The admissible integer grid over the required axes: per axis the powers of two in its
 * range, their 1.5 multiples and both ends. axis[i] receives *n values each (release every
 * one with sc_free). Errors: SC_EDOMAIN SC1111, SC_ENOMEM. */
sc_status sol_grid(const sol_op *op, const sol_phase *phase, const sol_config *config,
                   double *axis[SOL_MAX_AXES], size_t *n, sc_diag *diag);
sc_status sol_grid_over(const sol_op *op, const sol_phase *phase, const sol_config *config,
                        const bool *swept, double *axis[SOL_MAX_AXES], size_t *n,
                        sc_diag *diag);

SC_END_DECLS

#endif
