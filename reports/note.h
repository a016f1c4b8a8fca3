/* solcheck - reports: what the two halves of the note share. Not installed.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_REPORTS_NOTE_H
#define SC_REPORTS_NOTE_H

#include "reports/internal.h"

/* Appends text as a wrapped paragraph and empties it. */
void rep_add_paragraph(sc_buf *out, sc_buf *text);
/* Appends "`b` and `s`". */
void rep_add_axis_names(sc_buf *out, const rep_phase *p);

/* The decision in two sentences, and what is open. */
void rep_add_decision(sc_buf *out, const rep_study *study);
/* Op, configuration, system, measurements and date as a table. */
void rep_add_study_facts(sc_buf *out, const rep_study *study);
/* What the proof says about a phase: claims, witness, spread, regimes. Errors:
 * SC_ENOMEM, those of sol_model_new. */
sc_status rep_add_proof(sc_buf *out, const rep_study *study, const rep_phase *p,
                        sc_diag *diag);
/* What the measurements of a phase say; nothing where there are none. Errors likewise. */
sc_status rep_add_phase_evidence(sc_buf *out, const rep_study *study, const rep_phase *p,
                                 sc_diag *diag);
/* What the decision freezes, where it ends and how to get it again. Errors likewise. */
sc_status rep_add_consequences(sc_buf *out, const rep_study *study, sc_diag *diag);

/* Section "Evidence", left out when nothing was measured and nothing plotted. */
sc_status rep_add_evidence(sc_buf *out, const rep_study *study, bool plots,
                           sc_diag *diag);
/* Section "Limits of validity". */
void rep_add_limits(sc_buf *out, const rep_study *study);

#endif
