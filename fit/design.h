/* solcheck - how well a part of the points tells the rest: the curve of a design.
 * Which points come first: fit_design_select in fit/fit.h.
 * Tests: tests/unit/fit/test_curve.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_FIT_DESIGN_H
#define SC_FIT_DESIGN_H

#include "base/export.h"
#include "fit/field.h"

SC_BEGIN_DECLS

typedef struct fit_design_score { /* relative errors, |predicted/measured - 1| */
    size_t n_train, n_test;
    double median, p90;
    double bias; /* median of predicted/measured - 1 */
} fit_design_score;

/* Trains a latency field on the points order[0..n_train) and predicts the others; with
 * n_train = data->n every point is predicted from all others. kind[n] keeps points apart
 * that no regressor relates (dtypes): each kind has a field of its own, and where fewer
 * than 4 of its points are among the first, its others count as wrong by 100 %. NULL: all
 * are of one kind. At most n_test points are predicted, evenly thinned; 0: all. Errors:
 * SC_EINVAL SC6001 (n_train not in 4..n), those of fit_field_new. */
sc_status fit_design_error(const fit_field_data *data, const int *kind,
                           const size_t *order, size_t n_train, size_t n_test,
                           uint64_t seed, fit_design_score *out, sc_diag *diag);

SC_END_DECLS

#endif
