/* solcheck - speed of light: terms -> time per resource -> the largest.
 *
 * Per phase, terms are summed per resource (each engine; memory; each link and direction of
 * the network) and the resources are combined by max: perfect overlap is the only assumption,
 * so the result is a lower bound.
 * cold: every compulsory byte comes from DRAM. hot: up to l2_B of them may come from the L2
 * cache, while all of them pass from L2 to the SMs (benchmarks that repeat over one buffer):
 * the larger of bytes / l2_bw and (bytes - min(bytes, l2_B)) / mem_bw.
 * Source: Williams, Waterman, Patterson, "Roofline", CACM 52(4), 2009.
 * Tests: tests/unit/sol/test_roofline.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_ROOFLINE_H
#define SC_SOL_ROOFLINE_H

#include "base/export.h"
#include "sol/op.h"
#include "sol/system.h"

SC_BEGIN_DECLS

typedef enum sol_cache { SOL_COLD, SOL_HOT } sol_cache;

typedef struct sol_bound {
    double flop;   /* tensor and cuda terms */
    double exps;   /* exponentials */
    double bytes_B;
    double engine_s[SOL_N_ENGINES];
    double memory_cold_s, memory_hot_s;
    double compute_s;            /* largest engine_s */
    double network_B;            /* largest sum over the links of one direction */
    double link_s[SOL_N_LINKS][SOL_N_DIRECTIONS];
    double network_s;            /* largest link_s */
    double sol_cold_s, sol_hot_s; /* the speed of light in either cache state */
    bool memory_bound;           /* of the cold bound */
    bool network_bound;          /* nothing else is as slow */
} sol_bound;

/* One (op, phase, configuration, system, ceiling), compiled; reusable over many points. */
typedef struct sol_model sol_model;

/* Errors: SC_EINVAL SC1109 (no such phase), SC1110 (the system lacks a rate that a term
 * needs; names term, dtype and system), SC_ENOMEM. Release with sol_model_free.
 * Keeps pointers to op and system. */
sc_status sol_model_new(const sol_op *op, sol_phase_kind phase, const sol_config *config,
                        const sol_system *system, sol_ceiling ceiling, sol_model **out,
                        sc_diag *diag);
void sol_model_free(sol_model *model);
/* True when the ceiling fell back to datasheet numbers somewhere. */
bool sol_model_fell_back(const sol_model *model);
/* False when the system names no L2 size: nothing then counts as resident, and the hot bound
 * equals the cold one, which a measurement out of L2 may undercut. */
bool sol_model_knows_l2(const sol_model *model);

/* Evaluates n points; axis[i] points to n values of phase->axis[i], or is NULL for an
 * optional axis at its default. bound[n] (undefined on failure); term, if not NULL, receives n_terms values per
 * point (term[point*n_terms + t]). Ranges and guards are not checked.
 * Errors: SC_EDOMAIN SC1112 (not finite, or negative) naming the term and the point;
 * SC_ENOMEM. */
sc_status sol_model_eval(const sol_model *model, size_t n, const double *const *axis,
                         sol_bound *bound, double *term, sc_diag *diag);

/* The same figures as arrays, for streams of points: each array of n values, or NULL where
 * it is not wanted. term, if not NULL, holds n_terms arrays in the order of phase->term. */
typedef struct sol_columns {
    double *flop, *exps, *bytes_B;
    double *engine_s[SOL_N_ENGINES];
    double *memory_cold_s, *memory_hot_s, *compute_s, *network_B, *network_s;
    double *sol_cold_s, *sol_hot_s;
    double *const *term;
} sol_columns;

/* Like sol_model_eval, without the detour over one struct per point. Memory does not grow
 * with n. No array may overlap another or an axis. Errors: as sol_model_eval. */
sc_status sol_model_eval_columns(const sol_model *model, size_t n, const double *const *axis,
                                 const sol_columns *out, sc_diag *diag);

/* x = tokens at n points, like sol_model_eval. */
sc_status sol_model_tokens(const sol_model *model, size_t n, const double *const *axis,
                           double *x, sc_diag *diag);

SC_END_DECLS

#endif
