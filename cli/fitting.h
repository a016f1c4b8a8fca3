/* solcheck - from points of tables to points of fits.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_FITTING_H
#define SC_CLI_FITTING_H

#include "collector/table.h"
#include "fit/fit.h"

/* The two axes that fits call b and s: by name, else the first two required ones. *s is -1
 * where there is no second one. */
void cli_fit_axes(const sol_phase *phase, int *b, int *s);

/* Bounds of points, each at its own configuration: bound[points->n]; x, unless NULL,
 * receives their token counts. Errors: those of sol_model_new and sol_model_eval. */
sc_status cli_point_bounds(const col_points *points, const sol_system *system,
                           sol_ceiling ceiling, sol_bound *bound, double *x,
                           sc_diag *diag);

/* out[points->n], from what cli_point_bounds found: a group for each configuration and
 * value of the optional axes; memory in the cache state of the measurement, or the
 * network where it is slower: a fit knows one transport. Errors: SC_ENOMEM. */
sc_status cli_fit_points(const col_points *points, const sol_bound *bound,
                         const double *x, fit_point *out, sc_diag *diag);

#endif
