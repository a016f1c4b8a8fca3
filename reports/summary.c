/* solcheck - reports: about a screen of text, the decision last.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "reports/internal.h"

#define COLUMNS 90
#define LABEL "  %-10s "
#define LABEL_COLUMNS 13

/* Label and text, cut to n_lines of the screen. */
static void add_lines(sc_buf *out, const char *label, int n_lines, const char *fmt,
                      va_list ap)
{
    sc_buf text = {0}, cut = {0};
    sc_buf_vprintf(&text, fmt, ap);
    sc_buf_printf(out, LABEL, label);
    /* what wrapping may leave unused at the end of a line is about a word */
    rep_add_short(&cut, sc_buf_text(&text),
                  n_lines * (COLUMNS - LABEL_COLUMNS) - (n_lines - 1) * 20);
    rep_add_wrapped(out, sc_buf_text(&cut), LABEL_COLUMNS, COLUMNS, "             ");
    sc_buf_add(out, "\n");
    out->failed |= text.failed || cut.failed;
    sc_buf_free(&text);
    sc_buf_free(&cut);
}

static void add_line(sc_buf *out, const char *label, const char *fmt, ...)
    SC_PRINTF(3, 4);
static void add_line(sc_buf *out, const char *label, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_lines(out, label, 1, fmt, ap);
    va_end(ap);
}

static void add_two(sc_buf *out, const char *label, const char *fmt, ...) SC_PRINTF(3, 4);
static void add_two(sc_buf *out, const char *label, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add_lines(out, label, 2, fmt, ap);
    va_end(ap);
}

/* A row of a table: as add_line, but blanks stay. */
static void add_row(sc_buf *out, const char *axes, const char *model, const char *median,
                    const char *p90, const char *bias)
{
    sc_buf_printf(out, LABEL "%-5s %-34.34s %8s %8s %8s\n", "", axes, model, median, p90,
                  bias);
}

static void add_head(sc_buf *out, const rep_study *study)
{
    sc_buf text = {0};
    sc_buf_printf(&text, "%s: %s", study->op->name, study->op->title);
    sc_buf_printf(out, "solcheck %s  ", PACKAGE_VERSION);
    rep_add_short(out, sc_buf_text(&text), COLUMNS - 12 - (int)strlen(PACKAGE_VERSION));
    sc_buf_add(out, "\n");
    out->failed |= text.failed;
    sc_buf_free(&text);

    const char *title = study->system->title ? study->system->title : "";
    add_line(out, "system", "%s%s%s", study->system->name, title[0] ? ", " : "", title);
    sc_buf config = {0};
    rep_add_config(&config, study->op, &study->config);
    add_two(out, "config", "%s", sc_buf_text(&config));
    out->failed |= config.failed;
    sc_buf_free(&config);
    if (study->source == REP_NONE) {
        add_line(out, "source", "no measurements; decided by proof alone");
    } else {
        add_two(out, "source", "%s: %s", rep_source_name(study->source),
                study->source_text);
    }
}

static sc_status add_forms(sc_buf *out, const rep_study *study, const rep_phase *p,
                           sc_diag *diag)
{
    static const char *const label[] = {[REP_FLOP] = "FLOP",
                                        [REP_EXPS] = "exp",
                                        [REP_BYTES] = "bytes",
                                        [REP_NETWORK] = "network"};
    for (int t = 0; t < REP_N_TOTALS; t++) {
        if (t == REP_EXPS || t == REP_NETWORK) {
            continue; /* in explain and in the note */
        }
        sc_buf form = {0};
        sc_status status =
            rep_add_total(&form, study->op, p->phase, (rep_total)t, &study->config, diag);
        if (status == SC_OK) {
            status = rep_done(&form, diag);
        }
        if (status == SC_OK) {
            add_line(out, label[t], "%s", sc_buf_text(&form));
        }
        sc_buf_free(&form);
        if (status != SC_OK) {
            return status;
        }
    }
    return SC_OK;
}

static void add_proof(sc_buf *out, const rep_phase *p)
{
    const sol_proof *proof = &p->proof;
    const char *name[SOL_MAX_AXES];
    int n = rep_claim_axes(p, &proof->sol, name);
    sc_buf axes = {0};
    rep_add_names(&axes, name, n, ", ", "");
    add_line(out, "proof", "token equivalence %s; SOL depends on %s",
             sol_verdict_name(proof->sol.verdict), n ? sc_buf_text(&axes) : "no axis");
    out->failed |= axes.failed;
    sc_buf_free(&axes);
    if (!proof->witness.found) {
        return;
    }
    const sol_witness *w = &proof->witness;
    sc_buf a = {0}, b = {0};
    rep_add_point(&a, p->phase, w->axis[0]);
    rep_add_point(&b, p->phase, w->axis[1]);
    add_line(out, "witness", "x = %s: (%s) %s, (%s) %s: ratio %s", rep_number(w->x).c,
             sc_buf_text(&a), rep_seconds(w->sol_s[0]).c, sc_buf_text(&b),
             rep_seconds(w->sol_s[1]).c, rep_sig(w->ratio, 3).c);
    add_line(out, "", "SOL at equal x spreads %s (median), %s at most; %d values of x",
             rep_spread(proof->spread.median).c, rep_spread(proof->spread.largest).c,
             proof->spread.n_x);
    out->failed |= a.failed || b.failed;
    sc_buf_free(&a);
    sc_buf_free(&b);
}

static void add_model(sc_buf *out, const rep_phase *p, fit_axes axes, const char *label)
{
    const fit_result *fit = &p->fit;
    if (fit->n_models[axes] == 0) {
        return;
    }
    const fit_score *s = &fit->model[axes][fit->best[axes]];
    add_row(out, label, s->name, rep_percent(s->median_error).c,
            rep_percent(s->p90_error).c, rep_percent(s->signed_error).c);
}

static void add_lack_of_fit(sc_buf *out, const rep_phase *p)
{
    const fit_lack_of_fit *l = &p->fit.lof;
    if (!isfinite(l->f)) {
        add_line(out, "equal x", "no two measured points share x: no lack-of-fit test");
        return;
    }
    add_two(out, "equal x",
            "latency spreads %s (median), %s at most; x alone costs %s at p90 "
            "(%s to %s); lack of fit p %s",
            rep_spread(l->spread_median).c, rep_spread(l->spread_max).c,
            rep_percent(p->fit.iso_cost.value).c, rep_percent(p->fit.iso_cost.lo).c,
            rep_percent(p->fit.iso_cost.hi).c, rep_p_value(l->p).c);
}

static sc_status add_share(sc_buf *out, const rep_study *study, const rep_phase *p,
                           sc_diag *diag)
{
    if (!study->sol_comparable || !p->bound || !p->bound_sheet) {
        return SC_OK;
    }
    rep_share arch, sheet;
    sc_status status = rep_share_of(p, SOL_ARCHITECTURAL, &arch, diag);
    if (status == SC_OK) {
        status = rep_share_of(p, SOL_DATASHEET, &sheet, diag);
    }
    if (status != SC_OK) {
        return status;
    }
    add_two(out, "SOL%",
            "median %s, best %s of the architectural ceiling (%zu points above); %s, %s "
            "of the "
            "datasheet's",
            rep_percent(arch.median).c, rep_percent(arch.most).c, arch.n_above,
            rep_percent(sheet.median).c, rep_percent(sheet.most).c);
    return SC_OK;
}

static sc_status add_measured(sc_buf *out, const rep_study *study, const rep_phase *p,
                              sc_diag *diag)
{
    if (p->points.n == 0) {
        return SC_OK;
    }
    char where[160] = "";
    if (p->points.device[0]) {
        snprintf(where, sizeof where, " on %s", p->points.device);
    }
    add_line(out, "measured", "%zu points, %zu configuration%s%s", p->points.n,
             p->points.n_configs, p->points.n_configs == 1 ? "" : "s", where);
    if (p->fitted) {
        add_row(out, "axes", "best model, held-out error", "median", "p90", "bias");
        add_model(out, p, FIT_AXES_X, "x");
        add_model(out, p, FIT_AXES_BS, "b, s");
        add_lack_of_fit(out, p);
    }
    return add_share(out, study, p, diag);
}

static sc_status add_phase(sc_buf *out, const rep_study *study, const rep_phase *p,
                           sc_diag *diag)
{
    sc_buf tokens = {0};
    sc_status status = rep_add_expr(&tokens, study->op, p->phase, p->phase->tokens,
                                    &study->config, diag);
    sc_buf_printf(out, "%s", sol_phase_name(p->phase->kind));
    sc_buf_printf(out, ": x = %s", sc_buf_text(&tokens));
    int index[SOL_MAX_AXES], n = rep_required_axes(p->phase, index);
    for (int i = 0; i < n; i++) {
        const sol_axis *a = &p->phase->axis[index[i]];
        sc_buf_printf(out, ", %s %s..%s", a->name, rep_number(a->lo).c,
                      rep_number(a->hi).c);
    }
    sc_buf_add(out, "\n");
    sc_buf_free(&tokens);
    if (status == SC_OK) {
        status = add_forms(out, study, p, diag);
    }
    if (status == SC_OK) {
        add_proof(out, p);
        status = add_measured(out, study, p, diag);
    }
    return status;
}

static void add_decision(sc_buf *out, const rep_phase *p)
{
    static const char *const agreement[] = {
        [REP_AGREE] = "proof and measurement agree",
        [REP_DISAGREE] = "proof and measurement DISAGREE",
        [REP_OPEN] = "proof and measurement do not settle it"};
    const char *name[SOL_MAX_AXES];
    int n = rep_decision_axes(p, name);
    sc_buf text = {0};
    sc_buf_printf(&text, "%s: ", fit_kind_name(p->kind));
    sc_buf_add(&text, p->kind == FIT_UNDECIDED ? "keep " : "collect over ");
    rep_add_names(&text, name, n, ", ", "");
    bool silent = p->fitted && p->fit.lof.n_points == 0 && p->kind != FIT_UNDECIDED &&
                  p->agreement == REP_OPEN;
    sc_buf_printf(&text, " (%s)",
                  p->points.n == 0 ? "by proof, nothing measured"
                  : silent         ? "by proof; no points of equal x test it"
                                   : agreement[p->agreement]);
    add_line(out, sol_phase_name(p->phase->kind), "%s", sc_buf_text(&text));
    out->failed |= text.failed;
    sc_buf_free(&text);
}

sc_status rep_summary(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    sc_buf text = {0};
    add_head(&text, study);
    sc_status status = SC_OK;
    for (int k = 0; k < SOL_N_PHASES && status == SC_OK; k++) {
        if (study->phase[k].present) {
            status = add_phase(&text, study, &study->phase[k], diag);
        }
    }
    sc_buf_add(&text, "decision\n");
    for (int k = 0; k < SOL_N_PHASES; k++) {
        if (study->phase[k].present) {
            add_decision(&text, &study->phase[k]);
        }
    }
    return rep_append(out, &text, status, diag);
}
