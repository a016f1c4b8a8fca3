/* solcheck - reports: what a figure shows, apart from how gnuplot draws it. Not
 * installed. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#ifndef SC_REPORTS_PLOT_H
#define SC_REPORTS_PLOT_H

#include "reports/internal.h"

#define PLOT_MAX_PANELS 4
#define PLOT_MAX_CURVES 5
#define PLOT_MAX_SAMPLES 72

/* One point of a SOL curve, in ms; NaN where the point is not admissible. */
typedef struct plot_sample {
    double at;         /* abscissa */
    double sol, sheet; /* architectural and datasheet bound */
    bool memory;       /* memory-bound */
} plot_sample;

typedef struct plot_curve {
    double first; /* value of the first axis; NaN: does not matter */
    plot_sample sample[PLOT_MAX_SAMPLES];
    int n;
} plot_curve;

typedef struct plot_panel {
    const sol_config *config;
    int group; /* of the measured points, -1: nothing measured */
    bool hot;  /* points and bounds drawn are those of a hot cache */
    plot_curve curve[PLOT_MAX_CURVES];
    int n_curves;
} plot_panel;

typedef struct plot_figure {
    const rep_study *study;
    const rep_phase *p;
    bool tokens;      /* abscissa is x */
    int first, along; /* indices of the axes; first = -1: only one is swept */
    plot_panel panel[PLOT_MAX_PANELS];
    int n_panels;
    size_t n_groups; /* measured configurations, shown or not */
    bool hot;        /* cache state of the panels that have points in it */
} plot_figure;

/* Chooses panels and curves and evaluates the bounds. Errors: SC_ENOMEM, those of
 * sol_model_new and sol_model_eval. Release with sc_free. */
sc_status plot_figure_new(const rep_study *study, const rep_phase *p, plot_figure **out,
                          sc_diag *diag);
/* x[i] = tokens of the i-th measured point. */
sc_status plot_point_tokens(const rep_study *study, const rep_phase *p, double *x,
                            sc_diag *diag);
/* The terminal of a format (figures.h) and the name of the file. */
void plot_begin(sc_buf *out, const char *format, const char *file);
/* Does the i-th measured point belong to the configuration `group`? */
bool plot_in_group(const rep_phase *p, size_t i, int group);

#endif
