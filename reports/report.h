/* solcheck - reports: everything that a study found, written down.
 *
 * A study is filled by cli/ (op file -> expressions -> grid -> measurements -> fit) and
 * only read here. Writers build text in buffers; rep_write() puts all files in place at
 * the end, so that a failure leaves nothing half-written. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_REPORTS_REPORT_H
#define SC_REPORTS_REPORT_H

#include "collector/table.h"
#include "fit/fit.h"
#include "sol/proof.h"
#include "sol/regime.h"

typedef enum rep_source { REP_NONE, REP_RECORDING, REP_MEASURED, REP_DATA } rep_source;
const char *rep_source_name(rep_source source); /* none, recording, measured, data */

typedef enum rep_agreement { REP_AGREE, REP_DISAGREE, REP_OPEN } rep_agreement;

typedef struct rep_error { /* of the points that are not among n, predicted from those */
    size_t n;              /* all: each from the others */
    double median, p90;    /* |predicted/measured - 1| */
} rep_error;

typedef struct rep_phase {
    bool present; /* phase asked for and defined */
    const sol_phase *phase;
    sol_proof proof;
    col_points points;      /* n = 0: no measurements */
    sol_bound *bound;       /* [points.n], architectural ceiling (or fallback) */
    sol_bound *bound_sheet; /* [points.n], datasheet ceiling */
    bool fitted;
    fit_result fit;          /* valid when fitted */
    fit_kind kind;           /* the decision */
    rep_agreement agreement; /* of proof and measurement */
    char why[512];           /* one sentence on how the decision follows */
    rep_error *error;        /* [n_errors] over growing n; NULL: not asked for */
    size_t n_errors;
} rep_phase;

typedef struct rep_study {
    const sol_op *op;
    const sol_system *system;
    sol_config config;
    rep_source source;
    char source_text[512]; /* file name(s) or device, date, command: for the note */
    bool sol_comparable;   /* measurements and system are the same GPU model */
    rep_phase phase[SOL_N_PHASES];
    double target; /* held-out error to reach; 0: none */
    fit_options fit_options;
    char command[1024]; /* command line, to reproduce */
    char date[32];      /* ISO date; $SOURCE_DATE_EPOCH honoured */
} rep_study;

/* The one-object JSON of `--json` (also axis-decision.json). Errors: SC_ENOMEM. */
sc_status rep_json(const rep_study *study, sc_buf *out, sc_diag *diag);
/* About a screen of text, decision last. */
sc_status rep_summary(const rep_study *study, sc_buf *out, sc_diag *diag);
/* FLOPs and bytes symbolically, term by term (solcheck explain). */
sc_status rep_explain(const sol_op *op, const sol_phase *phase, sc_buf *out,
                      sc_diag *diag);
/* What the forms mean: growth of every total, reduced axes, regimes and boundaries, and,
 * at points, the share of every term and what changes between two of them. */
typedef enum rep_format { REP_TEXT, REP_MARKDOWN, REP_LATEX } rep_format;
typedef struct rep_point { /* one point, evaluated */
    double axis[SOL_MAX_AXES];
    sol_bound bound;
    double *term;   /* [n_terms] work */
    double *time_s; /* [n_terms] on the term's resource, perfect overlap */
} rep_point;
typedef struct rep_analysis {
    const sol_op *op;
    const sol_phase *phase;
    const sol_config *config;
    const sol_system *system;
    sol_ceiling ceiling;
    const sol_proof *proof;     /* NULL with `missing`: why there is none */
    const sol_regimes *regimes; /* likewise */
    const sc_diag *missing;
    const rep_point *point, *against; /* NULL: not asked for */
} rep_analysis;
/* All of it, the terms first. Errors: SC_ENOMEM, those of sol_normal_new. */
sc_status rep_explain_as(const rep_analysis *a, rep_format format, sc_buf *out,
                         sc_diag *diag);
/* The same but the terms, as members of a JSON object. Errors: SC_ENOMEM. */
sc_status rep_analysis_json(const rep_analysis *a, void *json_object, sc_diag *diag);
/* axis-decision.md, cases.yaml, query_signature.py, parameters.md. */
sc_status rep_note(const rep_study *study, sc_buf *out, sc_diag *diag);
sc_status rep_cases(const rep_study *study, sc_buf *out, sc_diag *diag);
sc_status rep_query_signature(const rep_study *study, sc_buf *out, sc_diag *diag);
sc_status rep_parameters(const rep_study *study, sc_buf *out, sc_diag *diag);

typedef enum rep_plots { REP_NO_PLOTS, REP_PLOTS, REP_PLOTS_AND_SCRIPT } rep_plots;

/* Writes all files to dir (created); the gnuplot script, data inside, as plot.gp when
 * asked for. Plots: gnuplot is run without a shell; when it is missing or fails the rest
 * is written and a warning (SC5001, SC5002) is added. Errors: SC_EIO SC5000: nothing is
 * left behind; SC_ENOMEM. */
sc_status rep_write(const rep_study *study, const char *dir, rep_plots plots,
                    sc_diags *warnings, sc_diag *diag);

#endif
