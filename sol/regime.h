/* solcheck - regimes: which resource binds where, and the boundaries between them.
 *
 * A boundary is where the times of two resources are equal. Over the swept axes, at one
 * configuration, it is solved for one axis in closed form where the difference of the times
 * is linear or quadratic in it; samples by root finding (Brent) stand beside every form and
 * alone where there is none.
 * Tests: tests/unit/sol/test_regime.c (closed forms against roots).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_REGIME_H
#define SC_SOL_REGIME_H

#include "base/export.h"
#include "sol/proof.h"

SC_BEGIN_DECLS

/* Resources: the engines in their order, memory, the links. SOL_RESOURCE_L2 is no resource
 * but the size of the L2 cache, which the bytes of a point reach or not. */
#define SOL_RESOURCE_MEMORY SOL_N_ENGINES
#define SOL_N_RESOURCES (SOL_N_ENGINES + 1 + SOL_N_LINKS * SOL_N_DIRECTIONS)
#define SOL_RESOURCE_L2 SOL_N_RESOURCES
/* "tensor", "memory", "intra link, out", "L2 size". */
const char *sol_resource_name(int resource);

typedef struct sol_regime { /* the points at which one resource takes longest */
    int resource;
    size_t n;
    double share;       /* of the admissible grid */
    int term;           /* index of the term that is largest at most of these points */
    double term_points; /* share of these points at which it is */
    double term_share;  /* its median share of the resource's time there */
} sol_regime;

typedef struct sol_crossing { /* one point of a boundary */
    double axis[SOL_MAX_AXES]; /* real-valued in the axis solved for */
} sol_crossing;
#define SOL_MAX_CROSSINGS 6

typedef struct sol_boundary {
    int resource[2]; /* below the boundary, in the axis solved for, the first one is slower
                        (L2: below it the bytes fit) */
    int axis;        /* index into phase->axis */
    int degree;      /* of the closed form: 1, 2; 0 when there is none */
    char *formula;   /* value of the axis, over the others; "" when there is none */
    sol_crossing crossing[SOL_MAX_CROSSINGS]; /* admissible ones, others at low, middle, high */
    int n_crossings;
} sol_boundary;

typedef struct sol_regimes {
    sol_regime regime[SOL_N_RESOURCES]; /* those with points, largest share first */
    int n_regimes;
    sol_boundary *boundary; /* those that the admissible grid crosses */
    int n_boundaries;
    size_t n_grid;
} sol_regimes;

/* swept: as in sol_prove_over. Errors: those of sol_prove. Release with sol_regimes_free. */
sc_status sol_regimes_find(const sol_op *op, sol_phase_kind phase,
                           const sol_config *config, const sol_system *system,
                           sol_ceiling ceiling, const bool *swept, sol_regimes **out,
                           sc_diag *diag);
void sol_regimes_free(sol_regimes *regimes);

/* The resource that a term spends, and its rate (work per second) on a system. */
int sol_term_resource(const sol_term *term, const sol_config *config,
                      const sol_system *system, sol_ceiling ceiling, double *rate);

SC_END_DECLS

#endif
