/* solcheck - a latency field: interpolation over any number of regressors, exact at what
 * was measured.
 *
 * The regressors (logarithms of axes, heads, dims; the SOL times are added as two more)
 * span a space in which ln(latency / physical model) is a random field: what is
 * interpolated is the utilisation, and the physical model carries the scale to places
 * where nothing was measured. Prediction is local kriging over the nearest measured
 * points; how far a change in each regressor carries, the covariance and the nugget are
 * chosen by leave-one-out error. A measured point is returned as measured.
 * Memory is constant per point, time per prediction independent of their number but for
 * the search. Sources: Cressie, Statistics for Spatial Data (1993), sections 3.2 and 3.4;
 * Stein, Interpolation of Spatial Data (1999), on why near points suffice. Method and
 * accuracy: docs/accuracy.md. Tests: tests/unit/fit/test_field.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_FIT_FIELD_H
#define SC_FIT_FIELD_H

#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/export.h"

SC_BEGIN_DECLS

#define FIT_FIELD_MAX_COORDS 12
#define FIT_FIELD_MAX_TERMS 3

typedef struct fit_field fit_field;

typedef struct fit_field_data {
    size_t n;
    int n_coords;               /* 1..FIT_FIELD_MAX_COORDS */
    const double *const *coord; /* [n_coords][n] finite; natural logarithms as a rule */
    const double *compute_s;    /* [n] SOL time of compute, >= 0; NULL: none known */
    const double *memory_s;     /* [n] SOL time of memory, >= 0; NULL: none known */
    const double *latency_s;    /* [n] > 0 */
} fit_field_data;

typedef struct fit_field_options {
    int near;                   /* neighbours of a prediction, 4..48 */
    int tune;                   /* points that settings are chosen on, at most */
    uint64_t seed;              /* of their choice */
    const unsigned char *learn; /* [n] non-zero: settings and physical model are chosen on
                                   these points alone; NULL: on all. Predictions see all
                                   points. */
    const int *block; /* [n] points of equal block are held out together; NULL: each
                         point by itself */
} fit_field_options;
void fit_field_defaults(fit_field_options *options); /* 32, 800, 1, NULL, NULL */

/* Copies the data. Errors: SC_EINVAL SC6001 (options), SC_EDOMAIN SC4000 (fewer than 4
 * points), SC4001 (not finite or not positive; says which), SC_ENOMEM. Release with
 * fit_field_free. */
sc_status fit_field_new(const fit_field_data *data, const fit_field_options *options,
                        fit_field **out, sc_diag *diag);
void fit_field_free(fit_field *field);

typedef struct fit_field_value {
    double latency_s;
    double sigma; /* standard error of ln latency, as the field has it; 0 where measured
                   */
} fit_field_value;

/* The field at coord[n_coords] with the SOL times there. Errors: SC_EDOMAIN SC4001 (not
 * finite, or a negative SOL time). */
sc_status fit_field_at(fit_field *field, const double *coord, double compute_s,
                       double memory_s, fit_field_value *out, sc_diag *diag);

/* Predicts point i without it and without the points at the same place or of its block.
 */
fit_field_value fit_field_hold_out(fit_field *field, size_t i);

/* What was chosen: length of each coordinate (in its units; infinite: it plays no part;
 * the last two are the SOL times), and the leave-one-out loss that it had. */
typedef struct fit_field_choice {
    int n_coords;
    double length[FIT_FIELD_MAX_COORDS + 2];
    double nugget, loss;
    const char *kernel;
    double t0_s, eta_compute, eta_memory, sharpness; /* physical model; NaN: absent */
    int n_terms; /* work in steps that entered the model (fit/terms.h): unit_s seconds for
                    each unit of the product of coordinates, rounded up to tiles */
    double unit_s[FIT_FIELD_MAX_TERMS];
    double tile[FIT_FIELD_MAX_TERMS][FIT_FIELD_MAX_COORDS]; /* infinite: no part */
} fit_field_choice;
void fit_field_describe(const fit_field *field, fit_field_choice *out);

SC_END_DECLS

#endif
