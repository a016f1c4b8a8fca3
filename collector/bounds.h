/* solcheck - bounds of the points of a table, each at its own configuration.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_BOUNDS_H
#define SC_COLLECTOR_BOUNDS_H

#include "collector/table.h"
#include "sol/roofline.h"

/* bound[points->n]; x[points->n], unless NULL, receives token counts. Errors: those of
 * sol_model_new and sol_model_eval; SC_ENOMEM. */
sc_status col_point_bounds(const col_points *points, const sol_system *system,
                           sol_ceiling ceiling, sol_bound *bound, double *x,
                           sc_diag *diag);

#endif
