/* solcheck - reports: the kinds of figure, and drawing one by itself.
 * Tests: tests/unit/reports/test_figures.c, tests/lang/plot.test.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_REPORTS_FIGURES_H
#define SC_REPORTS_FIGURES_H

#include "reports/report.h"

/* X(id, name, what it shows, needs measurements). */
#define REP_FIGURE_LIST(X)                                                               \
    X(LATENCY, "latency", "SOL and measured latency, regimes shaded", false)             \
    X(ROOFLINE, "roofline", "rate over arithmetic intensity, under both ceilings", true) \
    X(SHARE, "share", "SOL% as a heat map over two axes", true)                          \
    X(SPREAD, "spread", "latency at equal x, relative to the fastest", true)             \
    X(RESIDUALS, "residuals", "held-out error of the best models over latency", true)    \
    X(ERROR, "error", "held-out error over number of points", true)

typedef enum rep_figure {
#define X(id, name, text, measured) REP_FIGURE_##id,
    REP_FIGURE_LIST(X)
#undef X
        REP_N_FIGURES
} rep_figure;
const char *rep_figure_name(rep_figure kind);
const char *rep_figure_text(rep_figure kind);
bool rep_figure_find(const char *name, rep_figure *out);

/* Names of terminals: "svg", "png", "pdf" and "dumb" (text for a terminal of 79 columns,
 * 8-bit characters of UTF-8). */
bool rep_is_format(const char *format);

/* Appends the gnuplot commands that draw one phase to `file` (a name without directory).
 * Data are inline: the text is a script that draws the figure anywhere. Errors:
 * SC_EDOMAIN SC5003 (the kind needs measurements, or of another sort), SC_ENOMEM, those
 * of sol_model_eval. */
sc_status rep_figure_script(const rep_study *study, const rep_phase *p, rep_figure kind,
                            const char *format, const char *file, sc_buf *out,
                            sc_diag *diag);

/* Runs a script that draws to `file` in a directory of its own and hands the figure over.
 * Errors: SC_EIO SC5001 (no gnuplot), SC5002 (failed, or the figure is not complete),
 * SC_EIO, SC_ENOMEM. */
sc_status rep_figure_draw(const sc_buf *script, const char *file, sc_buf *out,
                          sc_diag *diag);

#endif
