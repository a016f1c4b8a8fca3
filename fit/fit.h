/* solcheck - fits and the decision: is latency a function of x alone, or of (b, s)?
 *
 * Works on numbers only: no op names, no files. All times in seconds. Deterministic for a
 * seed. GSL's error handler must be off (gsl_set_error_handler_off).
 * Method: docs/fit.md. Tests: tests/unit/fit/.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_FIT_FIT_H
#define SC_FIT_FIT_H

#include <stdint.h>

#include "base/diag.h"
#include "base/export.h"

SC_BEGIN_DECLS

typedef struct fit_point {
    int group;        /* points of equal parameters; models may differ by group */
    double b, s, x;   /* all > 0; x is the token count */
    double compute_s; /* SOL time of the slowest engine, > 0 or 0 when there is none */
    double memory_s;  /* SOL time of memory in the measurement's cache state */
    double latency_s; /* measured, > 0, finite */
    double noise;     /* relative standard error of latency_s; NaN unknown */
    double memory_cold_s; /* SOL time of memory from DRAM alone; 0 unknown */
} fit_point;

typedef struct fit_options {
    double tolerance; /* relative error that the user accepts for a smaller axis set */
    double alpha;     /* significance level of tests and intervals */
    int folds;        /* of the cross-validation, grouped by x */
    int bootstrap;    /* resamples for intervals */
    uint64_t seed;
} fit_options;
void fit_options_defaults(fit_options *options); /* 0.05, 0.01, 10, 400, 1 */

typedef enum fit_axes { FIT_AXES_X, FIT_AXES_BS } fit_axes;

/* A model's held-out errors: relative, |predicted/measured - 1|. */
typedef struct fit_score {
    char name[48]; /* "physical", "spline", ... */
    double median_error, p90_error;
    double signed_error; /* median of predicted/measured - 1 */
    double aicc;         /* in-sample, log-time residuals; comparable at equal n; NaN when
                            there are not more points than parameters + 1 */
    int parameters;      /* effective: trace of the smoother where there is one */
} fit_score;

typedef struct fit_interval {
    double value, lo, hi; /* at level 1 - alpha */
} fit_interval;

/* t = t0 + ((compute/eta_c)^p + (memory/eta_m)^p)^(1/p), 0 < eta <= 1. One set of
 * coefficients for all groups. A coefficient whose term is 0 at every point, and the
 * sharpness when either term is, is NaN. */
typedef struct fit_physical {
    bool valid;
    fit_interval t0_s, eta_compute, eta_memory, sharpness;
} fit_physical;

/* An effect that was tried on the physical model; fit/effects.c says what each is. */
typedef enum fit_effect_kind {
    FIT_STAIRS_X,
    FIT_STAIRS_S,
    FIT_FEW_REQUESTS,
    FIT_DRAM_ONLY,
    FIT_NO_FLOOR,
    FIT_N_EFFECTS
} fit_effect_kind;
typedef struct fit_effect {
    int kind; /* fit_effect_kind */
    char name[24];
    double without, with; /* held-out loss of the physical model, ln units: fit_score's
                             errors, averaged */
    double size, power;   /* tokens of a tile; requests, and the power of (size/b) */
    bool entered;         /* it won, and the models below are built with it */
} fit_effect;

typedef struct fit_lack_of_fit { /* iso-token points: equal group and x, different (b,s)
                                  */
    int n_points, n_x;           /* in groups of two or more distinct (b,s) */
    double f, df1, df2, p; /* between (b,s) at equal x, against repeat noise; NaN: no
                              iso-token points */
    double noise;          /* pooled relative repeat noise that the test used */
    bool noise_measured;   /* from repeats or stored dispersion; else a stated floor */
    double spread_median, spread_p90, spread_max; /* max/min - 1 of latency at equal x */
} fit_lack_of_fit;

typedef enum fit_kind {
    FIT_UNDECIDED,
    FIT_TOKEN_EQUIVALENT,
    FIT_TOKEN_NON_EQUIVALENT
} fit_kind;
/* "undecided", "token-equivalent", "token-non-equivalent" */
const char *fit_kind_name(fit_kind kind);

#define FIT_MAX_MODELS 8
typedef struct fit_result {
    fit_kind kind;
    char reason[512];                   /* one sentence, numbers included */
    fit_score model[2][FIT_MAX_MODELS]; /* per axis set, every candidate */
    int n_models[2];
    int best[2]; /* index of the best candidate per axis set */
    fit_interval
        error_ratio; /* mean held-out error, each capped at 100 %, of the best x
                        model over that of the best (b,s) model; bootstrap over x */
    double cost;     /* relative error added by choosing x: p90 of the best x model less
                        p90 of the best (b,s) model, held-out, at least 0 */
    fit_interval iso_cost;  /* p90, over iso-token points, of the error of the best
                               possible  function of x, noise taken out; NaN: no such
                               points. lo: for  these points; hi: for other x as well. The
                               decision rests on  it: docs/fit.md */
    double iso_deviation;   /* the same with noise; NaN: no such points */
    double iso_unexplained; /* p90 of the differences at equal x that the best (b,s)
                               model, held-out, leaves */
    fit_physical physical;
    fit_effect effect[FIT_N_EFFECTS]; /* those that the points allow to try */
    int n_effects;
    size_t
        n_trial; /* points that effects were tried on: all, or a sample of about 1200 */
    fit_lack_of_fit lof;
    size_t n;
    double *held_out[2]; /* [n] held-out predictions of the best models, seconds */
    double *fitted;      /* [n] in-sample prediction of the best (b,s) model */
    double next_b[4], next_s[4]; /* undecided: points to measure next */
    int n_next;
    int next_group; /* the fit_point.group that they belong to */
} fit_result;

/* Decides. Errors: SC_EDOMAIN SC4000 (fewer than 8 points or 4 distinct (b,s)), SC4001
 * (constant or non-finite input; says which), SC_EUNABLE SC4002, SC_ENOMEM. "Undecided"
 * is a result, not an error. Release with fit_result_clear. */
sc_status fit_decide(const fit_point *point, size_t n, const fit_options *options,
                     fit_result *out, sc_diag *diag);
void fit_result_clear(fit_result *result);

/* Points to choose from. */
typedef struct fit_design_input {
    const fit_point *point; /* [n] group, b, s, x and the SOL times are read, latency and
                               noise never */
    size_t n;
    int n_coords;               /* regressors of the field that the points are for */
    const double *const *coord; /* [n_coords][n] finite, natural logarithms as a rule:
                                   points are apart as far as these and the SOL times are.
                                   With none (0, NULL), b, s and the group take their
                                   place */
    const bool *first;          /* [n] of these are the first; NULL: of none */
} fit_design_input;
#define FIT_DESIGN_MAX_COORDS 12

/* Chooses which of n points to measure: order[0..wanted) are indices of point, and any
 * first part of it is the design for as many points. First come, within the first third,
 * pairs of equal x (for the lack-of-fit test) and pairs on both sides of the
 * compute/memory boundary; then each time the point that most reduces the summed kriging
 * variance of all points (I-optimal design); in blocks of at most 2048 neighbouring
 * points. Rows at one place are one point: the others come last.
 * deviation, unless NULL, receives [wanted]: the mean kriging standard deviation over all
 * points after each choice, 1 being that before the first. Deterministic; independent of
 * the order of rows as far as their places tell them apart. Errors: SC_EDOMAIN SC4001
 * (b, s, x not positive, a SOL time negative, anything not finite), SC_EINVAL SC6001
 * (wanted 0 or above n, more coordinates than FIT_DESIGN_MAX_COORDS), SC_ENOMEM.
 * Test: tests/unit/fit/test_select.c. */
sc_status fit_design_choose(const fit_design_input *input, size_t wanted, size_t *order,
                            double *deviation, sc_diag *diag);
/* The same without coordinates. */
sc_status fit_design_select(const fit_point *point, size_t n, size_t wanted,
                            size_t *order, double *deviation, sc_diag *diag);
/* The same; points with first[i] are among those that come first. */
sc_status fit_design_select_with(const fit_point *point, size_t n, const bool *first,
                                 size_t wanted, size_t *order, double *deviation,
                                 sc_diag *diag);

SC_END_DECLS

#endif
