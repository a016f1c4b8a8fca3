/* solcheck - reports: axis-decision.md, the note that goes with a decision.
 *
 * The sections stand in the order in which a reader needs them: the decision, why, the
 * evidence, what it freezes, where it ends, how to get it again. A section that has
 * nothing to say is left out. note_evidence.c holds the measurements' part.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "reports/note.h"

void rep_add_paragraph(sc_buf *out, sc_buf *text)
{
    rep_add_wrapped(out, sc_buf_text(text), 0, 96, "");
    sc_buf_add(out, "\n\n");
    out->failed |= text->failed;
    sc_buf_free(text);
}

void rep_add_axis_names(sc_buf *out, const rep_phase *p)
{
    const char *name[SOL_MAX_AXES];
    int n = rep_decision_axes(p, name);
    rep_add_names(out, name, n, " and ", "`");
}

/* ---- the decision ---- */

static bool same_decision(const rep_phase *a, const rep_phase *b)
{
    const char *na[SOL_MAX_AXES], *nb[SOL_MAX_AXES];
    int n = rep_decision_axes(a, na);
    if (a->kind != b->kind || n != rep_decision_axes(b, nb)) {
        return false;
    }
    for (int i = 0; i < n; i++) {
        if (strcmp(na[i], nb[i]) != 0) {
            return false;
        }
    }
    return true;
}

/* "over `b` and `s` (token-non-equivalent)" */
static void add_verdict(sc_buf *out, const rep_phase *p)
{
    if (p->kind == FIT_UNDECIDED) {
        sc_buf_add(out, "is undecided and keeps ");
        rep_add_axis_names(out, p);
        sc_buf_add(out, " apart until it is settled");
        return;
    }
    sc_buf_add(out, "is collected and queried over ");
    rep_add_axis_names(out, p);
    sc_buf_printf(out, " (%s)", fit_kind_name(p->kind));
}

static void add_first_sentence(sc_buf *out, const rep_study *study)
{
    const rep_phase *c = &study->phase[SOL_CONTEXT], *g = &study->phase[SOL_GENERATION];
    sc_buf_add(out, "**Decision.** ");
    rep_add_code(out, study->op->name);
    sc_buf_add(out, " ");
    if (c->present && g->present && same_decision(c, g)) {
        add_verdict(out, c);
        sc_buf_add(out, ", in both phases.");
        return;
    }
    const char *sep = "";
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &study->phase[k];
        if (p->present) {
            sc_buf_add(out, sep);
            add_verdict(out, p);
            sc_buf_printf(out, " in the %s phase", sol_phase_name((sol_phase_kind)k));
            sep = ", and ";
        }
    }
    sc_buf_add(out, ".");
}

/* What SOL says, as a clause. */
static void add_sol_reason(sc_buf *out, const rep_phase *p, const char *sol)
{
    const sol_proof *proof = &p->proof;
    switch (proof->sol.verdict) {
    case SOL_PROVED:
        sc_buf_printf(out, "FLOPs, bytes and %s are functions of `x` alone", sol);
        break;
    case SOL_DISPROVED:
        sc_buf_printf(out, "%s differs", sol);
        if (proof->witness.found) {
            sc_buf_printf(out, " up to %s-fold", rep_sig(proof->witness.ratio, 3).c);
        }
        sc_buf_add(out, " at equal `x`");
        break;
    case SOL_UNKNOWN:
        sc_buf_printf(out, "%s is neither proved nor disproved to follow `x`", sol);
        break;
    }
}

/* What the held-out points say, as a clause. */
static void add_fit_reason(sc_buf *out, const rep_phase *p)
{
    const fit_result *fit = &p->fit;
    if (!p->fitted || fit->n_models[FIT_AXES_X] == 0 || fit->n_models[FIT_AXES_BS] == 0) {
        sc_buf_add(out, p->points.n ? ", and the measurements support no fit"
                                    : ", and nothing has been measured yet");
        return;
    }
    const fit_score *x = &fit->model[FIT_AXES_X][fit->best[FIT_AXES_X]];
    const fit_score *bs = &fit->model[FIT_AXES_BS][fit->best[FIT_AXES_BS]];
    sc_buf_printf(
        out,
        ", and the best model on `x` alone misses held-out points by %s in the median "
        "(one in ten by more than %s) where `b` and `s` apart miss by %s (%s)",
        rep_percent(x->median_error).c, rep_percent(x->p90_error).c,
        rep_percent(bs->median_error).c, rep_percent(bs->p90_error).c);
}

static void add_second_sentence(sc_buf *out, const rep_study *study)
{
    const char *sep = " ";
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &study->phase[k];
        if (p->present) {
            sc_buf_printf(out, "%s%s the %s phase, ", sep, sep[0] == ' ' ? "In" : "in",
                          sol_phase_name((sol_phase_kind)k));
            bool first = sep[0] == ' ';
            add_sol_reason(out, p,
                           first ? "the speed of light (SOL, the least time that the "
                                   "hardware allows)"
                                 : "SOL");
            add_fit_reason(out, p);
            sep = "; ";
        }
    }
    sc_buf_add(out, ".");
}

/* Facts of the study as a two-column table without a header to fill. */
void rep_add_study_facts(sc_buf *out, const rep_study *study)
{
    const sol_op *op = study->op;
    sc_buf_add(out, "| | |\n|---|---|\n| op | ");
    rep_add_md(out, op->title);
    if (op->granularity && op->granularity[0]) {
        sc_buf_add(out, "; granularity: ");
        rep_add_md(out, op->granularity);
    }
    sc_buf_add(out, " |\n| configuration | ");
    sc_buf config = {0};
    rep_add_config(&config, op, &study->config);
    rep_add_md(out, sc_buf_text(&config));
    out->failed |= config.failed;
    sc_buf_free(&config);
    sc_buf_add(out, " |\n| system | ");
    rep_add_code(out, study->system->name);
    if (study->system->title && study->system->title[0]) {
        sc_buf_add(out, " ");
        rep_add_md(out, study->system->title);
    }
    sc_buf_add(out, " |\n| measurements | ");
    if (study->source == REP_NONE) {
        sc_buf_add(out, "none: decided by proof alone");
    } else {
        sc_buf_printf(out, "%s: ", rep_source_name(study->source));
        rep_add_md(out, study->source_text);
    }
    sc_buf_add(out, " |\n| date | ");
    rep_add_md(out, study->date);
    sc_buf_printf(out, ", solcheck %s |\n\n", PACKAGE_VERSION);
}

void rep_add_decision(sc_buf *out, const rep_study *study)
{
    sc_buf text = {0};
    add_first_sentence(&text, study);
    add_second_sentence(&text, study);
    rep_add_paragraph(out, &text);
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &study->phase[k];
        if (!p->present || (p->agreement == REP_AGREE && p->kind != FIT_UNDECIDED) ||
            !p->why[0]) {
            continue;
        }
        sc_buf_printf(&text, "**%s, %s.** ", k == SOL_CONTEXT ? "Context" : "Generation",
                      p->agreement == REP_DISAGREE ? "proof and measurement disagree"
                                                   : "open point");
        rep_add_sentence(&text, p->why);
        if (p->kind == FIT_UNDECIDED && !p->fitted) {
            sc_buf_add(&text, " `solcheck design --op ");
            rep_add_clean(&text, study->op->name);
            sc_buf_add(&text, "` chooses the points that a decision needs.");
        }
        rep_add_paragraph(out, &text);
    }
}

/* ---- why: speed of light ---- */

/* "name = normal form", wrapped inside a fenced block. */
static sc_status add_form(sc_buf *out, const rep_study *study, const rep_phase *p,
                          rep_total total, const char *label, const sol_config *config,
                          sc_diag *diag)
{
    sc_buf form = {0};
    sc_buf_printf(&form, "%s = ", label);
    sc_status status = rep_add_total(&form, study->op, p->phase, total, config, diag);
    if (status == SC_OK) {
        status = rep_done(&form, diag);
    }
    if (status == SC_OK) {
        rep_add_wrapped(out, sc_buf_text(&form), 0, 92, "    ");
        sc_buf_add(out, "\n");
    }
    sc_buf_free(&form);
    return status;
}

static const char *const total_label[] = {[REP_FLOP] = "FLOP",
                                          [REP_EXPS] = "exponentials",
                                          [REP_BYTES] = "bytes",
                                          [REP_NETWORK] =
                                              "network bytes, all links and directions"};

static sc_status add_forms(sc_buf *out, const rep_study *study, const rep_phase *p,
                           const sol_config *config, sc_diag *diag)
{
    sc_status status = SC_OK;
    sc_buf_add(out, "```\n");
    for (int t = 0; t < REP_N_TOTALS && status == SC_OK; t++) {
        if (rep_has_total(p->phase, (rep_total)t)) {
            status = add_form(out, study, p, (rep_total)t, total_label[t], config, diag);
        }
    }
    sc_buf_add(out, "```\n\n");
    return status;
}

/* The lattice takes a function like pow(a, b*s) for one of b and of s. */
static int axes_needed(const sol_claim *claim)
{
    return claim->verdict == SOL_PROVED && claim->rank > 1 ? 1 : claim->rank;
}

static void add_claim(sc_buf *out, const rep_phase *p, const char *what,
                      const sol_claim *claim)
{
    const char *name[SOL_MAX_AXES];
    int n = rep_claim_axes(p, claim, name);
    sc_buf_printf(out, "| %s | %s | ", what, sol_verdict_name(claim->verdict));
    if (n > 0) {
        rep_add_names(out, name, n, ", ", "`");
    } else {
        sc_buf_add(out, "no axis");
    }
    sc_buf_printf(out, " | %d |\n", axes_needed(claim));
}

/* Two names and one axis look like a contradiction. */
static void add_axes_legend(sc_buf *out, const rep_phase *p)
{
    const sol_claim *claim[] = {&p->proof.flops, &p->proof.bytes, &p->proof.sol};
    sc_buf text = {0};
    bool fewer = false;
    for (int i = 0; i < 3; i++) {
        const char *name[SOL_MAX_AXES];
        fewer |= rep_claim_axes(p, claim[i], name) > axes_needed(claim[i]);
    }
    if (fewer) {
        sc_buf_add(&text, "Where fewer axes are needed than are named, only a product of "
                          "the named ones counts.");
        rep_add_paragraph(out, &text);
    }
}

static void add_witness(sc_buf *out, const rep_phase *p)
{
    const sol_witness *w = &p->proof.witness;
    if (!w->found) {
        return;
    }
    sc_buf text = {0};
    sc_buf_printf(&text, "**Witness.** At x = %s, ", rep_number(w->x).c);
    for (int k = 0; k < 2; k++) {
        sc_buf_add(&text, k ? " and (" : "(");
        rep_add_point(&text, p->phase, w->axis[k]);
        sc_buf_printf(&text, ") takes at least %s", rep_seconds(w->sol_s[k]).c);
    }
    sc_buf_printf(&text,
                  ": a factor of %s, from exact arithmetic, so no measurement can "
                  "overturn it.",
                  rep_sig(w->ratio, 3).c);
    rep_add_paragraph(out, &text);
}

static void add_spread(sc_buf *out, const rep_phase *p)
{
    const sol_spread *s = &p->proof.spread;
    if (s->n_x == 0) {
        return;
    }
    sc_buf text = {0};
    sc_buf_printf(&text,
                  "**Spread.** %d values of x are reached by more than one point of the "
                  "admissible grid; there SOL ",
                  s->n_x);
    if (s->largest < 1e-9) {
        sc_buf_add(&text, "is the same each time.");
    } else {
        sc_buf_printf(&text, "spreads %s in the median and %s at most.",
                      rep_spread(s->median).c, rep_spread(s->largest).c);
    }
    rep_add_paragraph(out, &text);
}

/* Where the regime changes: in x when that is what counts, else along one axis with the
 * others at either end. */
static sc_status add_ridge_text(sc_buf *out, const rep_study *study, const rep_phase *p,
                                sc_diag *diag)
{
    int required[SOL_MAX_AXES], n_required = rep_required_axes(p->phase, required);
    int along = rep_ridge_axis(p);
    bool tokens = p->proof.sol.verdict == SOL_PROVED;
    for (int end = 0; end < (tokens || n_required < 2 ? 1 : 2); end++) {
        rep_ridge ridge[REP_MAX_RIDGES];
        double x[REP_MAX_RIDGES];
        int n = 0;
        sc_status status = rep_ridges_at(study, p, end, ridge, x, &n, diag);
        if (status != SC_OK) {
            return status;
        }
        for (int i = 0; i < n; i++) {
            sc_buf_add(out, "; ");
            for (int r = 0; r < n_required && !tokens; r++) {
                const sol_axis *a = &p->phase->axis[required[r]];
                if (required[r] != along) {
                    sc_buf_printf(out, "with %s = %s ", a->name,
                                  rep_number(end ? a->hi : a->lo).c);
                }
            }
            sc_buf_printf(out, "it is %s-bound from %s = %s on",
                          ridge[i].memory_below ? "compute" : "memory",
                          tokens ? "x" : p->phase->axis[along].name,
                          rep_number(tokens ? x[i] : ridge[i].at).c);
        }
    }
    return SC_OK;
}

static sc_status add_regime(sc_buf *out, const rep_study *study, const rep_phase *p,
                            sc_diag *diag)
{
    size_t n_memory = 0, n = 0;
    sc_status status = rep_memory_share(study, p, &n_memory, &n, diag);
    if (status != SC_OK) {
        return status;
    }
    sc_buf text = {0};
    sc_buf_add(&text, "**Regime.** On ");
    rep_add_code(&text, study->system->name);
    sc_buf_add(&text, ", from a cold cache,");
    if (n_memory == 0 || n_memory == n) {
        sc_buf_printf(&text, " it is %s-bound at all %zu points of the grid",
                      n_memory ? "memory" : "compute", n);
    } else {
        sc_buf_printf(&text, " it is memory-bound at %zu of %zu points of the grid",
                      n_memory, n);
        status = add_ridge_text(&text, study, p, diag);
    }
    sc_buf_add(&text, ".");
    rep_add_paragraph(out, &text);
    return status;
}

/* Symbolic sums of more characters explain nothing. */
#define MAX_GENERAL 1500

static sc_status add_why(sc_buf *out, const rep_study *study, const rep_phase *p,
                         sc_diag *diag)
{
    sc_buf_printf(out, "### %s: x = `",
                  p->phase->kind == SOL_CONTEXT ? "Context" : "Generation");
    sc_status status =
        rep_add_expr(out, study->op, p->phase, p->phase->tokens, NULL, diag);
    sc_buf_add(out, "`\n\n");
    sc_buf general = {0};
    if (status == SC_OK) {
        status = add_forms(&general, study, p, NULL, diag);
    }
    if (status == SC_OK && general.n <= MAX_GENERAL) {
        sc_buf_printf(out, "Summed over all terms:\n\n%s", sc_buf_text(&general));
        sc_buf_add(out, "and with the numbers of this configuration:\n\n");
    } else if (status == SC_OK) {
        sc_buf_add(out, "Summed over all terms, with the numbers of this configuration "
                        "(in symbols, term by\nterm: `solcheck explain --op ");
        rep_add_clean(out, study->op->name);
        sc_buf_add(out, "`):\n\n");
    }
    out->failed |= general.failed;
    sc_buf_free(&general);
    if (status == SC_OK) {
        status = add_forms(out, study, p, &study->config, diag);
    }
    return status == SC_OK ? rep_add_proof(out, study, p, diag) : status;
}

sc_status rep_add_proof(sc_buf *out, const rep_study *study, const rep_phase *p,
                        sc_diag *diag)
{
    sc_buf_add(out, "| quantity | is a function of x alone | depends on | axes needed |\n"
                    "|---|---|---|--:|\n");
    add_claim(out, p,
              rep_has_total(p->phase, REP_EXPS) ? "FLOP and exponentials" : "FLOP",
              &p->proof.flops);
    add_claim(out, p, "bytes", &p->proof.bytes);
    add_claim(out, p, "SOL latency", &p->proof.sol);
    sc_buf_add(out, "\n");
    add_axes_legend(out, p);
    add_witness(out, p);
    add_spread(out, p);
    return add_regime(out, study, p, diag);
}

/* ---- what it freezes ---- */

/* "b 1 to 256, s 1 to 32768", with the tokens that they reach where x is what is swept */
static sc_status add_range(sc_buf *out, const rep_study *study, const rep_phase *p,
                           sc_diag *diag)
{
    int required[SOL_MAX_AXES], n = rep_required_axes(p->phase, required);
    if (p->kind == FIT_TOKEN_EQUIVALENT) {
        rep_sweep x = {0};
        sc_status status = rep_sweep_tokens(study, p, &x, diag);
        if (status == SC_OK && x.n > 0) {
            sc_buf_printf(out, "x %s to %s; ", rep_number(x.value[0]).c,
                          rep_number(x.value[x.n - 1]).c);
        }
        rep_sweep_clear(&x);
        if (status != SC_OK) {
            return status;
        }
    }
    for (int i = 0; i < n; i++) {
        const sol_axis *a = &p->phase->axis[required[i]];
        sc_buf_printf(out, "%s%s %s to %s", i ? ", " : "", a->name, rep_number(a->lo).c,
                      rep_number(a->hi).c);
    }
    return SC_OK;
}

static sc_status add_frozen(sc_buf *out, const rep_study *study, sc_diag *diag)
{
    sc_buf_add(out, "## Frozen collector axes\n\n"
                    "| phase | swept and stored | range | constraint | points |\n"
                    "|---|---|---|---|--:|\n");
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &study->phase[k];
        if (!p->present) {
            continue;
        }
        size_t n = 0;
        sc_status status = rep_count_cases(study, p, &n, diag);
        if (status != SC_OK) {
            return status;
        }
        const char *name[SOL_MAX_AXES];
        int n_axes = rep_decision_axes(p, name);
        sc_buf_printf(out, "| %s | ", sol_phase_name((sol_phase_kind)k));
        rep_add_names(out, name, n_axes, ", ", "`");
        sc_buf_add(out, " | ");
        status = add_range(out, study, p, diag);
        if (status != SC_OK) {
            return status;
        }
        sc_buf_add(out, " | ");
        for (int i = 0; i < p->phase->n_guards; i++) {
            sc_buf_add(out, i ? ", " : "");
            rep_add_code(out, p->phase->guard[i].text);
        }
        sc_buf_printf(out, " | %zu |\n", n);
    }
    sc_buf text = {0};
    double tp[REP_MAX_TP];
    int n_tp = rep_tp_sizes(study, tp);
    sc_buf_add(out, "\n");
    sc_buf_add(&text, "Points are per dtype combination and per TP size");
    if (n_tp > 1) {
        sc_buf_add(&text, ", TP sizes being ");
        for (int i = 0; i < n_tp; i++) {
            sc_buf_printf(&text, "%s%s",
                          i == 0         ? ""
                          : i + 1 < n_tp ? ", "
                                         : " and ",
                          rep_number(tp[i]).c);
        }
    }
    sc_buf_add(&text, "; the full sweep, boundary points included, is in `cases.yaml`.");
    rep_add_paragraph(out, &text);
    return SC_OK;
}

static void add_signature(sc_buf *out, const rep_study *study)
{
    sc_buf_add(out, "## Planned query signature\n\n```python\n");
    const char *sep = "";
    for (int k = 0; k < SOL_N_PHASES; k++) {
        if (study->phase[k].present) {
            sc_buf_add(out, sep);
            rep_add_query_def(out, study, &study->phase[k], "");
            sc_buf_add(out, "    ...\n");
            sep = "\n";
        }
    }
    sc_buf_add(out,
               "```\n\nNesting order, argument documentation and the operations classes "
               "are in `query_signature.py`.\n\n");
}

static void add_parameters(sc_buf *out, const rep_study *study)
{
    const sol_op *op = study->op;
    if (op->n_params == 0) {
        return;
    }
    sc_buf_add(out, "## Parameters\n\n| name | value | on one GPU | meaning |\n"
                    "|---|--:|--:|---|\n");
    for (int i = 0; i < op->n_params; i++) {
        sc_buf_add(out, "| ");
        rep_add_code(out, op->param[i].name);
        sc_buf_printf(out, " | %s | %s | ", rep_number(study->config.param[i]).c,
                      rep_number(sol_config_local(op, &study->config, i)).c);
        rep_add_md(out, op->param[i].meaning);
        sc_buf_add(out, " |\n");
    }
    sc_buf_add(out, "\nUnits, ranges, `model_config` names and persisted keys: "
                    "`parameters.md`.\n\n");
}

static void add_reproduce(sc_buf *out, const rep_study *study)
{
    sc_buf_add(out, "## How to reproduce\n\n```\n");
    rep_add_clean(out, study->command);
    sc_buf_add(out, "\n```\n\n");
    sc_buf text = {0};
    sc_buf_printf(&text, "solcheck %s; op file ", PACKAGE_VERSION);
    rep_add_code(&text, study->op->path);
    sc_buf_add(&text, ", system file ");
    rep_add_code(&text, study->system->path);
    if (study->source != REP_NONE) {
        const fit_options *o = &study->fit_options;
        sc_buf_printf(&text,
                      "; tolerance %s, significance level %s, %d folds grouped by x, %d "
                      "bootstrap resamples, seed %llu",
                      rep_percent(o->tolerance).c, rep_plain(o->alpha).c, o->folds,
                      o->bootstrap, (unsigned long long)o->seed);
    }
    sc_buf_add(&text, ". The numbers of this note are in `axis-decision.json`.");
    rep_add_paragraph(out, &text);
}

sc_status rep_add_consequences(sc_buf *out, const rep_study *study, sc_diag *diag)
{
    sc_status status = add_frozen(out, study, diag);
    if (status == SC_OK) {
        add_signature(out, study);
        add_parameters(out, study);
        rep_add_limits(out, study);
        add_reproduce(out, study);
    }
    return status;
}

static sc_status add_sections(sc_buf *out, const rep_study *study, bool plots,
                              sc_diag *diag)
{
    sc_status status = SC_OK;
    sc_buf_add(out, "# Axis decision: ");
    rep_add_code(out, study->op->name);
    sc_buf_add(out, "\n\n");
    rep_add_decision(out, study);
    rep_add_study_facts(out, study);
    sc_buf_add(out, "## Why: the speed of light\n\n");
    for (int k = 0; k < SOL_N_PHASES && status == SC_OK; k++) {
        if (study->phase[k].present) {
            status = add_why(out, study, &study->phase[k], diag);
        }
    }
    if (status == SC_OK) {
        status = rep_add_evidence(out, study, plots, diag);
    }
    if (status == SC_OK) {
        status = rep_add_consequences(out, study, diag);
    }
    return status == SC_OK ? rep_done(out, diag) : status;
}

sc_status rep_note_of(const rep_study *study, bool plots, sc_buf *out, sc_diag *diag)
{
    sc_buf text = {0};
    sc_status status = add_sections(&text, study, plots, diag);
    if (status == SC_OK) {
        while (text.n > 1 && text.text[text.n - 2] == '\n') {
            text.text[--text.n] = 0; /* one newline at the end */
        }
        sc_buf_addn(out, text.text, text.n);
        status = rep_done(out, diag);
    }
    sc_buf_free(&text);
    return status;
}

sc_status rep_note(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    return rep_note_of(study, true, out, diag);
}
