/* solcheck - what the parts of `solcheck design` share.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_DESIGN_H
#define SC_CLI_DESIGN_H

#include "cli/plan.h"
#include "collector/table.h"
#include "fit/design.h"
#include "fit/fit.h"

typedef struct design_step { /* of the curve of error against number of points */
    size_t n;
    double median, p90; /* relative, of the points that are not among the n */
    double gpu_s;       /* to measure the n */
} design_step;

typedef struct design_phase {
    const sol_phase *phase;
    bool present;
    char source[600];  /* of the candidates */
    col_points points; /* candidates; latency NaN where none is recorded */
    size_t n_measured; /* of them with a latency; 0: errors are expected ones */
    sol_bound *bound;  /* [n] */
    fit_point *fit;    /* [n] */
    double *cost_s;    /* [n] estimated time to measure */
    bool *first;       /* [n] on one side of a boundary between regimes: comes first */
    int n_boundaries;  /* crossings that have points on both sides among them */
    size_t *order;     /* [n] the design: best first */
    double *deviation; /* [n] of fit_design_select */
    design_step *step;
    size_t n_steps;
    size_t chosen; /* points of the design */
    bool reached;
    design_step at; /* the curve at chosen */
} design_phase;

typedef struct design {
    cli_session *cli;
    double target;
    bool sketch; /* only the curve, with fewer steps, in seconds; nothing is chosen */
    design_phase phase[SOL_N_PHASES];
} design;

/* Reads --target, "3%" or "3", as a fraction; the fallback where it is not given. Errors:
 * SC_EINVAL SC6001. */
sc_status design_target(cli_session *cli, const char *fallback, double *target);

/* Fills bound, fit, cost_s, first, order, deviation and the curve of a phase whose points
 * are there, and chooses. Errors: those of sol_model, fit_design_select and fit_field_new.
 */
sc_status design_run(design *d, design_phase *ph);
/* Releases what design_run filled in. */
void design_clear(design_phase *ph);

/* Without a recording: departure of latency from the physical model, relative standard
 * deviation, where nothing is measured. docs/design.md says where it comes from. */
#define DESIGN_PRIOR 0.25

sc_status design_text(const design *d, sc_buf *out);
sc_status design_json(const design *d, sc_buf *out);
sc_status design_csv(const design *d, sc_buf *out);
/* The chosen points as a cases file that `solcheck measure --cases` reads. */
sc_status design_cases(const design *d, sc_buf *out);

/* Sum of cost_s over the first n of the order. */
double design_seconds(const design_phase *ph, size_t n);

#endif
