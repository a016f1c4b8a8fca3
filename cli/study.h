/* solcheck - filling a study: proof, measurements, fit, and how they agree.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_STUDY_H
#define SC_CLI_STUDY_H

#include "cli/session.h"
#include "reports/report.h"

/* Takes measurements for the phases of the study: --data, --measure, or the recording that
 * ships for (system, layer). None found is no error: study->source stays REP_NONE and a
 * warning says so. Errors: those of col_table_load, col_points_map, cli_sweep. */
sc_status cli_measurements(cli_session *cli, rep_study *study);

/* Fills the study from the session: proofs and measurements. Errors: those of sol_prove
 * and cli_measurements. */
sc_status cli_study_points(cli_session *cli, rep_study *study);
/* The same, and bounds, fits, decisions. Release with cli_study_clear in any case. */
sc_status cli_study(cli_session *cli, rep_study *study);
void cli_study_clear(rep_study *study);

#endif
