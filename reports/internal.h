/* solcheck - reports: what the artefact writers share. Not installed.
 *
 * format.c turns numbers and foreign text into text that is safe in its place; facts.c
 * derives what several artefacts state (axes of the decision, totals, sweeps, regimes,
 * SOL shares), so that they cannot contradict each other.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_REPORTS_INTERNAL_H
#define SC_REPORTS_INTERNAL_H

#include "reports/report.h"

/* ---- format.c: numbers ---- */

/* Short text by value, for use as a printf argument: rep_seconds(t).c. "n/a" for NaN. */
typedef struct rep_text {
    char c[48];
} rep_text;

rep_text rep_sig(double value, int digits); /* significant digits, no exponent if short */
rep_text rep_number(double value);          /* integers in full, else 4 digits */
rep_text rep_plain(double value);           /* up to 6 digits, no trailing zeros */
rep_text rep_seconds(double seconds);       /* "3.41 us" */
rep_text rep_percent(double fraction);      /* 0.0312 -> "3.1 %" */
rep_text rep_spread(double spread); /* max/min - 1: "by 12.0 %", from 2 on "7.87-fold" */
rep_text rep_p_value(double p);     /* "= 0.031", "< 1e-12" */
rep_text rep_rate(double per_s,
                  const char *unit);     /* 1.07e15, "FLOP/s" -> "1070 TFLOP/s" */
rep_text rep_bytes(double size_B);       /* "50 MB" */
rep_text rep_capability(int sm_version); /* 89 -> "8.9", 100 -> "10.0" */

/* ---- format.c: foreign text (titles, file names), each safe in its place ----
 *
 * All of them replace control characters by a blank and bytes that are no UTF-8 by '?'.
 * Errors show in out->failed. */
void rep_add_clean(sc_buf *out, const char *text);
void rep_add_short(sc_buf *out, const char *text,
                   int columns);                     /* clean, "..." at the end */
void rep_add_md(sc_buf *out, const char *text);      /* Markdown, table cells included */
/* Markdown: text, which begins with a letter, as a sentence with a capital and a stop. */
void rep_add_sentence(sc_buf *out, const char *text);
void rep_add_code(sc_buf *out, const char *text);    /* `text` in Markdown */
void rep_add_yaml(sc_buf *out, const char *text);    /* single-quoted YAML scalar */
void rep_add_gnuplot(sc_buf *out, const char *text); /* single-quoted gnuplot string */
void rep_add_docstring(sc_buf *out, const char *text); /* inside """ """ of Python */
/* Appends text broken at blanks so that lines hold at most `columns`; continuation lines
 * start with `indent`; column is where the first one starts. */
void rep_add_wrapped(sc_buf *out, const char *text, int column, int columns,
                     const char *indent);
/* Python names: lower_case (suffix _ for keywords) and CamelCase. */
void rep_add_snake(sc_buf *out, const char *name);
void rep_add_camel(sc_buf *out, const char *name);

/* SC_ENOMEM when a buffer failed, else SC_OK. */
sc_status rep_done(const sc_buf *out, sc_diag *diag);
/* Ends a report that was written apart: appends text to out where status and text are
 * good, and frees it. Returns status, else SC_ENOMEM when a buffer failed. */
sc_status rep_append(sc_buf *out, sc_buf *text, sc_status status, sc_diag *diag);

/* ---- facts.c ---- */

/* Whether ranges and guards admit a point; axis[i] in the order of phase->axis.
 * Errors: SC_ENOMEM. */
sc_status rep_admits(const sol_op *op, const sol_phase *phase, const sol_config *config,
                     const double *axis, bool *admitted, sc_diag *diag);

/* Indices of the axes without default, in file order; returns their number. */
int rep_required_axes(const sol_phase *phase, int index[SOL_MAX_AXES]);
/* Names of the axes that the decision freezes: "x", or the axes that SOL depends on. */
int rep_decision_axes(const rep_phase *p, const char *name[SOL_MAX_AXES]);
/* Names of the axes that one claim depends on: "x" when token equivalence is proved. */
int rep_claim_axes(const rep_phase *p, const sol_claim *claim,
                   const char *name[SOL_MAX_AXES]);
/* Appends names joined by sep, each between quote marks. */
void rep_add_names(sc_buf *out, const char *const *name, int n, const char *sep,
                   const char *quote);
/* Appends "b = 2, s = 32768" for the required axes of a point. */
void rep_add_point(sc_buf *out, const sol_phase *phase, const double *axis);
/* Appends "num_heads 128, kv_lora_rank 512, attn bf16", values on one GPU. */
void rep_add_config(sc_buf *out, const sol_op *op, const sol_config *config);
/* Appends what tells `own` from the others of all[0..n), "num_heads = 16, kv fp8" with
 * values on one GPU; nothing when they are all equal. */
void rep_add_difference(sc_buf *out, const sol_op *op, const sol_config *own,
                        const sol_config *const *all, int n);

/* What the terms of a phase add up to. */
typedef enum rep_total {
    REP_FLOP,
    REP_EXPS,
    REP_BYTES,
    REP_NETWORK, /* all links and directions */
    REP_N_TOTALS
} rep_total;
bool rep_term_in(const sol_term *term, rep_total total);
/* Normal form of one expression; parameters, tp, dtypes and optional axes replaced by
 * their values when config is given. Errors: SC_ENOMEM, those of sol_normal_new. */
sc_status rep_add_expr(sc_buf *out, const sol_op *op, const sol_phase *phase,
                       const sol_expr *expr, const sol_config *config, sc_diag *diag);
/* Sum of the terms in `total`, likewise; "0" when there are none. */
sc_status rep_add_total(sc_buf *out, const sol_op *op, const sol_phase *phase,
                        rep_total total, const sol_config *config, sc_diag *diag);
bool rep_has_total(const sol_phase *phase, rep_total total);

/* SOL share of the measured points, each against the bound of its own cache state. */
typedef struct rep_share {
    size_t n, n_above;             /* points; those faster than the bound */
    double p10, median, p90, most; /* fractions of the ceiling reached */
    size_t worst;                  /* index of the point with the largest share */
} rep_share;
double rep_point_share(const rep_phase *p, size_t i, sol_ceiling ceiling);
sc_status rep_share_of(const rep_phase *p, sol_ceiling ceiling, rep_share *out,
                       sc_diag *diag);

/* What explains that proof and measurement disagree: among the effects on trial that can
 * make the difference, the one that changes the physical model's held-out error most, in
 * p->fit; NULL where none lowers it. Appends a sentence that says so, with both errors.
 */
const fit_effect *rep_explain_disagreement(const rep_phase *p, sc_buf *out);

/* What a model of x alone costs: held-out errors of the best model of either axis set
 * among the points of a region. */
typedef enum rep_region_kind {
    REP_EVERYWHERE,
    REP_COMPUTE, /* the bound of the measurement's cache state says what is slower */
    REP_MEMORY,
    REP_FAR,
    REP_X_LOW,
    REP_X_MIDDLE,
    REP_X_HIGH,
    REP_N_REGIONS
} rep_region_kind;
typedef struct rep_region {
    const char *name;
    size_t n;                 /* points */
    double x_lo, x_hi;        /* of these points */
    double median[2], p90[2]; /* relative, by fit_axes */
    double cost;              /* p90 of x less p90 of (b,s), at least 0 */
} rep_region;
/* Regions with ten points or more, everywhere first; *n is 0 without a fit. Bounds have
 * to be of the GPU that was measured, else there are no regimes. Errors: SC_ENOMEM, those
 * of sol_model_new. */
sc_status rep_regions(const rep_study *study, const rep_phase *p,
                      rep_region out[REP_N_REGIONS], int *n, sc_diag *diag);

/* q-quantile (0..1) of v[n], linear between order statistics; sorts v. */
double rep_quantile(double *v, size_t n, double q);

/* Integer values to sweep, ascending. */
typedef struct rep_sweep {
    double *value;
    bool *ridge; /* value lies at the compute/memory boundary */
    size_t n, capacity;
} rep_sweep;
void rep_sweep_clear(rep_sweep *sweep);
sc_status rep_sweep_add(rep_sweep *sweep, double value, bool ridge);
/* Powers of two in the axis's range and both ends; from 1024 on also their 1.5 multiples
 * on all but the first required axis; boundary points. */
sc_status rep_sweep_axis(const rep_study *study, const rep_phase *p, int axis,
                         rep_sweep *out, sc_diag *diag);
/* The same for x = tokens, over all that ranges and guards admit. */
sc_status rep_sweep_tokens(const rep_study *study, const rep_phase *p, rep_sweep *out,
                           sc_diag *diag);
/* Number of admissible points of the decision's sweep. */
sc_status rep_count_cases(const rep_study *study, const rep_phase *p, size_t *n,
                          sc_diag *diag);
/* TP sizes: powers of two up to 16 that divide every sharded parameter, and the study's
 * own; returns their number. {1} when nothing is sharded. */
#define REP_MAX_TP 8
int rep_tp_sizes(const rep_study *study, double tp[REP_MAX_TP]);

/* A quantisation mode of a study. */
typedef struct rep_mode {
    char name[64];
    const sol_dtype *slot; /* [n_slots], borrowed from the op or the study */
    const double *param;   /* [n_params], NaN: the study's; NULL: all are */
    int min_sm;
} rep_mode;
/* The op's modes that agree with the dtypes and parameters given; where none does, one
 * with the study's dtypes, named by them. Release with sc_free. Errors: SC_ENOMEM. */
sc_status rep_modes(const rep_study *study, rep_mode **out, int *n, sc_diag *diag);
/* Appends "mm: bf16, weight: fp8": the dtypes of all slots. */
void rep_add_mode_dtypes(sc_buf *out, const sol_op *op, const rep_mode *mode);
/* Does a mode of the op set the parameter? */
bool rep_told_by_mode(const sol_op *op, int param);

/* Where the regime changes along one axis: the smallest integer value from which the
 * other resource binds, other axes fixed in `at` (order of phase->axis). */
typedef struct rep_ridge {
    double at;
    bool memory_below; /* memory-bound below, compute-bound from there on */
} rep_ridge;
#define REP_MAX_RIDGES 4
sc_status rep_find_ridges(const sol_model *model, const sol_phase *phase, int axis,
                          const double *at, rep_ridge out[REP_MAX_RIDGES], int *n,
                          sc_diag *diag);

/* The axis along which regimes are told: the last required one that SOL depends on; -1
 * when nothing is required. */
int rep_ridge_axis(const rep_phase *p);
/* The boundaries along that axis with the others at their low (end 0) or high (end 1)
 * end, admissible points only; x[i], if not NULL, receives the tokens of each. */
sc_status rep_ridges_at(const rep_study *study, const rep_phase *p, int end,
                        rep_ridge out[REP_MAX_RIDGES], double *x, int *n, sc_diag *diag);

/* Share of the admissible grid that is memory-bound. */
sc_status rep_memory_share(const rep_study *study, const rep_phase *p, size_t *n_memory,
                           size_t *n, sc_diag *diag);

/* The tensor (else CUDA-core) rate that every FLOP term of a phase runs at; NaN when the
 * terms differ in engine or dtype. Terms that are 0 do not count. */
double rep_compute_rate(const rep_study *study, const rep_phase *p, sol_ceiling ceiling);

/* ---- writers with more to say than the public ones ---- */

/* As rep_note, which is rep_note_of with plots. */
sc_status rep_note_of(const rep_study *study, bool plots, sc_buf *out, sc_diag *diag);
/* `def query_...(...)` of one phase, each line indented; body "..." left to the caller.
 */
void rep_add_query_def(sc_buf *out, const rep_study *study, const rep_phase *p,
                       const char *indent);

/* ---- plot.c, gnuplot.c ---- */

/* Appends the gnuplot commands that draw one phase to `file` (a name without directory),
 * terminal "svg" or "png". Data are inline. Errors: SC_ENOMEM, those of sol_model_eval.
 */
sc_status rep_plot_script(const rep_study *study, const rep_phase *p,
                          const char *terminal, const char *file, sc_buf *out,
                          sc_diag *diag);
/* Runs gnuplot in directory dir on dir/script, without a shell, and waits at most
 * limit_s. Errors: SC_EIO SC5001 (no gnuplot), SC5002 (failed; its first message),
 * SC_EIO. */
sc_status rep_gnuplot_run(const char *dir, const char *script, double limit_s,
                          sc_diag *diag);

#endif
