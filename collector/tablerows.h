/* solcheck - rows of a table against a plan.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_TABLEROWS_H
#define SC_COLLECTOR_TABLEROWS_H

#include "collector/validate.h"

/* Rows that are not in what->plan, and its cases without a row (holes), each explained.
 * Errors: SC_ENOMEM. */
sc_status col_table_check_plan(const col_table *table, const col_table_check *what,
                               const col_points *points, col_findings *findings,
                               sc_diag *diag);

#endif
