/* solcheck - what a table says about the decision and about itself: iso-token spread,
 * rows that are faster than a row with less to do, contradictory repeats, coverage.
 * Tests: tests/unit/collector/test_evidence.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_EVIDENCE_H
#define SC_COLLECTOR_EVIDENCE_H

#include "collector/rows.h"

/* Latencies within this share of each other agree: several times the noise that
 * collectors which average over a few replays show between runs. */
#define COL_AGREE 0.1

typedef struct col_evidence {
    /* Iso-token groups: rows of one configuration and one x at different axes. Spread:
     * largest / smallest latency of a group, 1 when x alone decides; NaN: no group. */
    size_t n_iso, n_iso_rows;
    double iso_median, iso_p90, iso_largest;
    /* Rows more than COL_AGREE faster than their neighbour with less on one axis and
     * the same on the others. */
    size_t n_inverted;
    double inverted_ratio; /* the worst: latency of the smaller / of the larger row */
    int inverted_line;     /* of the larger row, 0: none */
    /* Rows that repeat the key of another; those that differ by more than COL_AGREE. */
    size_t n_repeated, n_contradictory;
    int contradictory_line; /* of one of them, 0: none */
    /* Cells that rows fill, of those which all combinations of the table's own axis
     * values would have, within ranges and guards; 0: too many to count. */
    size_t n_filled, n_cells;
} col_evidence;

/* Studies rows one configuration after the other. */
typedef struct col_survey col_survey;

/* Keeps a pointer to rows. Errors: SC_ENOMEM. Release with col_survey_free. */
sc_status col_survey_new(const col_rows *rows, col_survey **out, sc_diag *diag);
void col_survey_free(col_survey *survey);
/* All rows of one configuration, row[n], ascending, with their tokens x[n]. Errors:
 * SC_ENOMEM. */
sc_status col_survey_add(col_survey *survey, const unsigned *row, size_t n,
                         const double *x, sc_diag *diag);
/* Errors: SC_ENOMEM and those of sol_phase_admits other than SC_EINVAL. */
sc_status col_survey_end(col_survey *survey, col_evidence *out, sc_diag *diag);

/* All of it at once; x: tokens of each row. */
sc_status col_evidence_rows(const col_rows *rows, const double *x, col_evidence *out,
                            sc_diag *diag);

#endif
