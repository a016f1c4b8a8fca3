/* solcheck - fit/ inside: data in sorted order, views of it on an axis set, candidate
 * models.
 *
 * Every model is trained on the points outside one fold and predicts all points; fold
 * FIT_ALL trains on everything. Models see the data only through a fit_view, so that a
 * model on x cannot look at b or s, and both axis sets get the same model classes.
 * All predictions and residuals are natural logarithms of seconds.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_FIT_INTERNAL_H
#define SC_FIT_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include <gsl/gsl_rng.h>

#include "base/alloc.h"
#include "fit/fit.h"

#define FIT_ALL (-1)

/* Points sorted by (group, x, b, s, latency); result index = perm[sorted index]. */
typedef struct fit_data {
    size_t n;
    fit_point *pt; /* [n] */
    size_t *perm;  /* [n] index in the caller's array */
    double *y;     /* [n] ln latency */
    int *xid;      /* [n] rank of x among the distinct x of all groups */
    int *cell;     /* [n] index of (group, x), ascending */
    int *site;     /* [n] index of (group, x, b, s), ascending */
    int *grp;      /* [n] dense group index, ascending */
    double *x_of;  /* [n_x] */
    size_t *start; /* [n_groups + 1] first point of each group */
    int n_x, n_cells, n_sites, n_groups;
} fit_data;

/* Checks and sorts. Errors: as fit_decide. Release with fit_data_clear. */
sc_status fit_data_init(fit_data *data, const fit_point *point, size_t n, sc_diag *diag);
void fit_data_clear(fit_data *data);

/* Folds of the cross-validation: points of equal x share one in every group, and x that
 * are neighbours never do. */
typedef struct fit_folds {
    int n;     /* folds */
    int *fold; /* [data.n] */
} fit_folds;
sc_status fit_folds_init(fit_folds *folds, const fit_data *data, int wanted,
                         sc_diag *diag);
void fit_folds_clear(fit_folds *folds);

#define FIT_MAX_COORDS 4
/* What a model on one axis set may see. */
typedef struct fit_view {
    fit_axes axes;
    const fit_data *data;
    int n_axes;                     /* 1: ln x; 2: ln b, ln s */
    double *axis[2];                /* [n] */
    double *ln_compute, *ln_memory; /* [n] of the SOL times, -inf where 0; on x: means
                                       over the points of equal x */
    int n_coords;                  /* axes, then ln compute, ln memory where they exist */
    double *coord[FIT_MAX_COORDS]; /* [n] */
    double *store;
    double *plain, *bent; /* [2 n] ln compute, ln memory: without and with effects */
    bool no_floor;        /* the physical model has t0 = 0 */
} fit_view;
sc_status fit_view_init(fit_view *view, const fit_data *data, fit_axes axes,
                        sc_diag *diag);
void fit_view_clear(fit_view *view);

/* A candidate with its predictions. by_fold[(k + 1) * n + i] is point i's prediction by
 * the model trained without fold k; k = FIT_ALL comes first. */
typedef struct fit_candidate {
    char name[48];
    fit_axes axes; /* of the view it was built on */
    size_t n;
    double *by_fold; /* [(folds + 1) * n] */
    double *held;   /* [n] ln seconds, each point by the model trained without its fold */
    double *fitted; /* [n] ln seconds, in-sample */
    double parameters; /* effective */
    double loss;       /* held-out criterion: fit_loss */
} fit_candidate;
sc_status fit_candidate_init(fit_candidate *c, const char *name, fit_axes axes, size_t n,
                             int folds, bool by_fold, sc_diag *diag);
void fit_candidate_clear(fit_candidate *c);
/* Copies held and fitted from by_fold and computes the loss. */
sc_status fit_candidate_finish(fit_candidate *c, const fit_data *data,
                               const fit_folds *folds, sc_diag *diag);

/* Mean absolute log error of the 95 % best-predicted points; +inf without a finite one.
 */
sc_status fit_loss(const double *predicted, const double *y, size_t n, double *loss,
                   sc_diag *diag);
/* Turns a candidate's held-out and in-sample predictions into a score. */
sc_status fit_score_of(const fit_candidate *c, const fit_data *data, fit_score *out,
                       sc_diag *diag);

/* The shared coefficients of a view, as transformed parameters. */
typedef struct fit_start {
    bool known;
    double theta[4], t_unit_s;
} fit_start;

/* physical.c: t = t0 + smoothmax(compute/eta_c, memory/eta_m); per_group gives each group
 * that has enough points its own coefficients. *usable is false when the view has no SOL
 * terms or no start converged to something finite. physical may be NULL. start, unless
 * NULL, receives the shared coefficients where they are not known, else they are taken
 * from it and physical is not written. */
sc_status fit_physical_run(const fit_view *view, const fit_folds *folds, bool per_group,
                           double alpha, fit_start *start, fit_candidate *out,
                           fit_physical *physical, bool *usable, sc_diag *diag);

/* effects.c: what bends the physical model. */
typedef struct fit_effects {
    bool on[FIT_N_EFFECTS];
    double size[FIT_N_EFFECTS], power;
} fit_effects;
bool fit_effects_any(const fit_effects *effects);
/* Forward selection by held-out error; fills out->effect. */
sc_status fit_effects_choose(const fit_data *data, int folds, fit_effects *in,
                             fit_result *out, sc_diag *diag);
/* Points the view's SOL times at bent ones; its coordinates stay as they are. On x only
 * the effects that are functions of x apply. */
void fit_effects_apply(const fit_effects *effects, fit_view *view);

/* The same model outside of a contest: fitted once, evaluated anywhere. */
typedef struct fit_curve {
    double t0_s, eta_compute, eta_memory, sharpness; /* NaN: that term is absent */
    double mean; /* of y: the model's value where no SOL time is known */
} fit_curve;
/* From ln SOL times (-inf: none) and y = ln latency, [n] each. Without any SOL time, or
 * fewer than 12 points, the curve is the mean. Errors: SC_ENOMEM. */
sc_status fit_curve_fit(const double *ln_compute, const double *ln_memory,
                        const double *y, size_t n, fit_curve *out, sc_diag *diag);
double fit_curve_ln(const fit_curve *curve, double ln_compute, double ln_memory);

/* freeform.c: monotone P-spline on the view's axes, per group. */
sc_status fit_freeform_run(const fit_view *view, const fit_folds *folds,
                           fit_candidate *out, sc_diag *diag);

/* krige.c: interpolation of a base candidate's training residuals in the view's
 * coordinates (local ordinary kriging, groups correlated). base needs by_fold. */
sc_status fit_krige_run(const fit_view *view, const fit_folds *folds,
                        const fit_candidate *base, uint64_t seed, fit_candidate *out,
                        sc_diag *diag);

/* lof.c: spread at equal x. */
typedef struct fit_iso {
    fit_lack_of_fit lof;
    size_t n;          /* distinct iso-token (b,s) */
    double *deviation; /* [n] relative error of the cell's median, >= 0 */
    double *sigma; /* [n] relative noise of the deviation, assumed where not measured */
    double *y;     /* [n] ln s, mean of the site */
    size_t *first; /* [n] first point of the site; sites of a cell are adjacent */
    int *xid;      /* [n] */
    int n_x;       /* distinct x among them, over all groups */
    double df;     /* independent deviations: sites less cells */
    double noise_df;
    /* Witnesses: points whose cell can speak for equivalence. In the other cells the
     * bound differs by more than the tolerance, yet is so far below the latency that a
     * launch floor would hide the difference. */
    int witness_x; /* distinct x */
    double witness_df;
    double witness_lo, witness_hi; /* range of x */
} fit_iso;
sc_status fit_iso_init(fit_iso *iso, const fit_data *data, double tolerance,
                       sc_diag *diag);
void fit_iso_clear(fit_iso *iso);

/* boot.c: percentile intervals from resampled x. */
sc_status fit_boot_ratio(const fit_data *data, const double *error_x,
                         const double *error_bs, const fit_options *options,
                         fit_interval *ratio, sc_diag *diag);
/* held: held-out predictions of the best (b,s) model, ln s. Fills iso_cost, iso_deviation
 * and iso_unexplained. */
sc_status fit_boot_iso(const fit_data *data, const fit_iso *iso, const double *held,
                       const fit_options *options, fit_result *out, sc_diag *diag);

/* decide.c: the rule; fills kind, reason and the points to measure next. */
void fit_rule(const fit_data *data, const fit_iso *iso, const fit_options *options,
              fit_result *out);
/* design.c: iso-token pairs that would add most; large: at the upper end of x. */
void fit_next_points(const fit_data *data, bool large, fit_result *out);

/* stat.c. Quantiles interpolate linearly (Hyndman and Fan 1996, type 7); NaN sorts last
 * and poisons the quantiles it reaches. */
void fit_sort(double *v, size_t n);
double fit_quantile_sorted(const double *v, size_t n, double q);
double fit_quantile(double *v, size_t n, double q); /* in linear time; reorders v */

#endif
