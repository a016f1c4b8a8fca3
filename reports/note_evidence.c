/* solcheck - reports: the note's evidence and its limits.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/note.h"

static const char *phase_title(const rep_phase *p)
{
    return p->phase->kind == SOL_CONTEXT ? "Context" : "Generation";
}

static void add_verdict(sc_buf *out, const rep_phase *p)
{
    sc_buf text = {0};
    sc_buf_printf(&text, "**Measured: %s.** ", fit_kind_name(p->fit.kind));
    rep_add_sentence(&text, p->fit.reason);
    rep_add_paragraph(out, &text);
}

/* ---- models ---- */

static void add_model_row(sc_buf *out, const fit_score *s, const char *axes, bool best)
{
    const char *mark = best ? "**" : "";
    rep_text aicc = rep_number(round(10 * s->aicc) / 10);
    sc_buf_printf(out, "| %s%s%s | %s", mark, axes, mark, mark);
    rep_add_md(out, s->name);
    sc_buf_printf(out, "%s | %s%s%s | %s | %s | %d | %s |\n", mark, mark,
                  rep_percent(s->median_error).c, mark, rep_percent(s->p90_error).c,
                  rep_percent(s->signed_error).c, s->parameters, aicc.c);
}

static void add_models(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    const fit_result *fit = &p->fit;
    sc_buf_printf(
        out,
        "Held-out error |predicted / measured - 1|, %d-fold cross-validation: no model "
        "has seen any point at\nan x that it predicts. Median and p90: half and one in "
        "ten of the points are missed by more;\nbias: the median error with its sign. "
        "The best of an axis set, in bold, has the smallest mean log\nerror over the 95 "
        "%% of points that it predicts best. Parameters are effective ones; AICc weighs\n"
        "fit against them (lower is better) and selects nothing.\n\n"
        "| axes | model | median | p90 | bias | parameters | AICc |\n"
        "|---|---|--:|--:|--:|--:|--:|\n",
        study->fit_options.folds);
    for (int a = 0; a < 2; a++) {
        for (int i = 0; i < fit->n_models[a]; i++) {
            add_model_row(out, &fit->model[a][i], a == FIT_AXES_X ? "x" : "b, s",
                          i == fit->best[a]);
        }
    }
    sc_buf_add(out, "\n");
}

static void add_cost(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    const fit_result *fit = &p->fit;
    if (fit->n_models[FIT_AXES_X] == 0 || fit->n_models[FIT_AXES_BS] == 0) {
        return;
    }
    sc_buf text = {0};
    double x = fit->model[FIT_AXES_X][fit->best[FIT_AXES_X]].p90_error;
    double bs = fit->model[FIT_AXES_BS][fit->best[FIT_AXES_BS]].p90_error;
    sc_buf_printf(
        &text,
        "**Cost of `x`.** One held-out point in ten is missed by more than %s by the "
        "best "
        "model on `b`, `s` and by more than %s by the best on `x`, a cost of %s "
        "percentage points; the mean error is %s times as large (%s %% interval %s to "
        "%s).",
        rep_percent(bs).c, rep_percent(x).c, rep_sig(100 * fit->cost, 3).c,
        rep_sig(fit->error_ratio.value, 3).c,
        rep_plain(100 * (1 - study->fit_options.alpha)).c,
        rep_sig(fit->error_ratio.lo, 3).c, rep_sig(fit->error_ratio.hi, 3).c);
    if (isfinite(fit->iso_cost.value)) {
        bool below = fit->iso_cost.hi < study->fit_options.tolerance;
        sc_buf_printf(
            &text,
            " Models aside: among points of equal `x`, any function of `x` leaves an "
            "error of %s (%s to %s) at the 90th percentile, noise taken out; the "
            "tolerance is %s%s.",
            rep_percent(fit->iso_cost.value).c, rep_percent(fit->iso_cost.lo).c,
            rep_percent(fit->iso_cost.hi).c, rep_percent(study->fit_options.tolerance).c,
            below ? ", so that `b` and `s` apart buy nothing that matters" : "");
    }
    rep_add_paragraph(out, &text);
}

static sc_status add_regions(sc_buf *out, const rep_study *study, const rep_phase *p,
                             sc_diag *diag)
{
    rep_region region[REP_N_REGIONS];
    int n;
    sc_status status = rep_regions(study, p, region, &n, diag);
    if (status != SC_OK || n == 0) {
        return status;
    }
    sc_buf text = {0};
    sc_buf_add(&text, "Where it costs: 90th percentile of the held-out error of the best "
                      "model on `x` and of the best on `b`, `s`, region by region; the "
                      "cost is their difference in percentage points. What binds a "
                      "point is told by the bound of its own cache state.");
    rep_add_paragraph(out, &text);
    sc_buf_add(out, "| region | points | x | p90 on `x` | p90 on `b`, `s` | cost of `x` "
                    "|\n|---|--:|---|--:|--:|--:|\n");
    for (int i = 0; i < n; i++) {
        const rep_region *r = &region[i];
        sc_buf_printf(out, "| %s | %zu | %s to %s | %s | %s | %s |\n", r->name, r->n,
                      rep_number(r->x_lo).c, rep_number(r->x_hi).c,
                      rep_percent(r->p90[FIT_AXES_X]).c,
                      rep_percent(r->p90[FIT_AXES_BS]).c, rep_percent(r->cost).c);
    }
    sc_buf_add(out, "\n");
    return SC_OK;
}

/* Degrees of freedom; a noise that is known exactly has as good as infinitely many. */
static rep_text freedom(double df)
{
    return df >= 1e6 ? (rep_text){"inf"} : rep_number(df);
}

/* "= 12.3"; far beyond any critical value the digits mean nothing. */
static rep_text f_value(double f)
{
    rep_text out = {"> 1000"};
    if (f <= 1000) {
        snprintf(out.c, sizeof out.c, "= %.40s", rep_sig(f, 3).c);
    }
    return out;
}

static void add_lack_of_fit(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    const fit_lack_of_fit *l = &p->fit.lof;
    sc_buf text = {0};
    if (l->n_x == 0) {
        sc_buf_add(&text,
                   "**Equal x.** No two measured points of one configuration share x, "
                   "so that the lack-of-fit test has nothing to work on.");
        rep_add_paragraph(out, &text);
        return;
    }
    sc_buf_printf(
        &text,
        "**Equal x.** %d points share %d values of x with another (b,s) of the same "
        "configuration; their latency spreads %s in the median, %s at p90 and %s "
        "at most.",
        l->n_points, l->n_x, rep_spread(l->spread_median).c, rep_spread(l->spread_p90).c,
        rep_spread(l->spread_max).c);
    const sol_spread *sol = &p->proof.spread;
    if (sol->n_x > 0 && sol->largest < 1e-9) {
        sc_buf_add(&text, " SOL, over its grid, does not differ at equal x.");
    } else if (sol->n_x > 0) {
        sc_buf_printf(&text,
                      " SOL, over its grid, spreads %s in the median and %s at most.",
                      rep_spread(sol->median).c, rep_spread(sol->largest).c);
    }
    if (isfinite(l->f)) {
        bool significant = l->p < study->fit_options.alpha;
        sc_buf_printf(
            &text,
            " Lack of fit of any function of x against repeat noise of %s (%s): "
            "F(%s, %s) %s, p %s; %s at level %s%s.",
            rep_percent(l->noise).c,
            l->noise_measured ? "measured" : "a floor, no repeats in the data",
            freedom(l->df1).c, freedom(l->df2).c, f_value(l->f).c, rep_p_value(l->p).c,
            significant ? "significant" : "not significant",
            rep_plain(study->fit_options.alpha).c,
            significant && p->fit.kind == FIT_TOKEN_EQUIVALENT
                ? ": the differences are real, but too small to matter"
                : "");
    }
    rep_add_paragraph(out, &text);
}

/* ---- the physical model in units that a person can read ---- */

/* Of an interval over more than a decade the middle says nothing. */
#define LEAST_KNOWN 0.1

static void add_eta(sc_buf *out, const char *name, const fit_interval *eta,
                    double ceiling, const char *unit, const char *of)
{
    if (!isfinite(eta->value)) {
        return;
    }
    if (eta->lo < LEAST_KNOWN * eta->hi) {
        sc_buf_printf(out, "| %s | not determined by these points (%s to %s) | |\n", name,
                      rep_percent(eta->lo).c, rep_percent(eta->hi).c);
        return;
    }
    sc_buf_printf(out, "| %s | %s (%s to %s) | ", name, rep_percent(eta->value).c,
                  rep_percent(eta->lo).c, rep_percent(eta->hi).c);
    if (isfinite(ceiling)) {
        sc_buf_printf(out, "%s of %s %s", rep_rate(eta->value * ceiling, unit).c,
                      rep_rate(ceiling, unit).c, of);
    }
    sc_buf_add(out, " |\n");
}

/* Beyond 50 the knee is a corner to any measurement, and the number means nothing. */
static rep_text sharpness(double p)
{
    return p > 50 ? (rep_text){"above 50"} : rep_sig(p, 3);
}

static void add_physical(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    const fit_physical *f = &p->fit.physical;
    if (!f->valid) {
        return;
    }
    bool fallback;
    double compute = NAN, memory = NAN;
    if (study->sol_comparable) {
        compute = rep_compute_rate(study, p, SOL_ARCHITECTURAL);
        memory = sol_system_mem_bw(study->system, SOL_ARCHITECTURAL, &fallback);
    }
    sc_buf_printf(
        out,
        "Physical model t = t0 + ((F/(eta_c P))^p + (B/(eta_m W))^p)^(1/p), with "
        "%s %% intervals:\n\n"
        "| coefficient | value | in units |\n|---|---|---|\n",
        rep_plain(100 * (1 - study->fit_options.alpha)).c);
    sc_buf_printf(out, "| t0, fixed cost of a launch | %s (%s to %s) | |\n",
                  rep_seconds(f->t0_s.value).c, rep_seconds(f->t0_s.lo).c,
                  rep_seconds(f->t0_s.hi).c);
    add_eta(out, "eta_c, share of peak compute", &f->eta_compute, compute, "FLOP/s",
            "architectural peak");
    add_eta(out, "eta_m, share of memory bandwidth", &f->eta_memory, memory, "B/s",
            "from DRAM");
    if (isfinite(f->sharpness.value)) {
        sc_buf_printf(out, "| p, sharpness of the knee | %s (%s to %s) | |\n",
                      sharpness(f->sharpness.value).c, sharpness(f->sharpness.lo).c,
                      sharpness(f->sharpness.hi).c);
    }
    sc_buf_add(out, "\n");
}

static void add_effect(sc_buf *out, const fit_effect *e)
{
    sc_buf_printf(out, "| %s", e->name);
    if (e->kind == FIT_FEW_REQUESTS) {
        sc_buf_printf(out, ": below %s, power %s", rep_number(e->size).c,
                      rep_plain(e->power).c);
    } else if (isfinite(e->size)) {
        sc_buf_printf(out, ": tiles of %s tokens", rep_number(e->size).c);
    }
    sc_buf_printf(out, " | %s | %s | %s |\n", rep_percent(e->without).c,
                  rep_percent(e->with).c, e->entered ? "yes" : "no");
}

static void add_effects(sc_buf *out, const rep_phase *p)
{
    sc_buf text = {0};
    if (p->fit.n_effects == 0) {
        return;
    }
    sc_buf_add(&text,
               "Effects on trial: mean held-out error of the physical model without "
               "and with each; one that takes off too little stays out. One that "
               "enters is part of the model that later ones are tried on.");
    if (p->fit.n_trial < p->points.n) {
        sc_buf_printf(&text, " The trial runs on a sample of %zu of the points.",
                      p->fit.n_trial);
    }
    rep_add_paragraph(out, &text);
    sc_buf_add(out, "| effect | without | with | entered |\n|---|--:|--:|---|\n");
    for (int i = 0; i < p->fit.n_effects; i++) {
        add_effect(out, &p->fit.effect[i]);
    }
    sc_buf_add(out, "\n");
    if (p->agreement == REP_DISAGREE) {
        rep_explain_disagreement(p, &text);
        rep_add_paragraph(out, &text);
    }
}

/* ---- SOL shares ---- */

static size_t count_hot(const rep_phase *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->points.n; i++) {
        n += p->points.point[i].hot;
    }
    return n;
}

static void add_above(sc_buf *out, const rep_phase *p, const rep_share *share)
{
    if (share->n_above == 0) {
        return;
    }
    const col_point *point = &p->points.point[share->worst];
    sc_buf text = {0};
    sc_buf_printf(
        &text,
        "**Impossible points.** %zu of %zu points are faster than the architectural "
        "bound, the worst at (",
        share->n_above, share->n);
    rep_add_point(&text, p->phase, point->axis);
    sc_buf_printf(
        &text,
        "): %s measured against %s. One of the formula, the system file, the cache "
        "state (taken as %s), the label or the timer is wrong.",
        rep_seconds(point->latency_s).c, rep_seconds(share->most * point->latency_s).c,
        point->hot ? "hot" : "cold");
    rep_add_paragraph(out, &text);
}

static sc_status add_shares(sc_buf *out, const rep_study *study, const rep_phase *p,
                            sc_diag *diag)
{
    if (!study->sol_comparable || !p->bound || !p->bound_sheet) {
        return SC_OK;
    }
    size_t hot = count_hot(p);
    rep_share arch = {0};
    sc_buf_printf(out,
                  "Share of SOL reached, each point against the bound of its cache state "
                  "(%zu hot, %zu cold):\n\n"
                  "| ceiling | p10 | median | p90 | best | points above |\n"
                  "|---|--:|--:|--:|--:|--:|\n",
                  hot, p->points.n - hot);
    for (int c = 0; c < SOL_N_CEILINGS; c++) {
        rep_share share;
        sc_status status = rep_share_of(p, (sol_ceiling)c, &share, diag);
        if (status != SC_OK) {
            return status;
        }
        if (c == SOL_ARCHITECTURAL) {
            arch = share;
        }
        sc_buf_printf(out, "| %s | %s | %s | %s | %s | %zu |\n",
                      sol_ceiling_name((sol_ceiling)c), rep_percent(share.p10).c,
                      rep_percent(share.median).c, rep_percent(share.p90).c,
                      rep_percent(share.most).c, share.n_above);
    }
    sc_buf_add(out, "\n");
    add_above(out, p, &arch);
    return SC_OK;
}

static void add_next(sc_buf *out, const rep_phase *p)
{
    if (!p->fitted || p->fit.n_next == 0) {
        return;
    }
    sc_buf text = {0};
    sc_buf_add(&text, "**To settle it,** measure");
    for (int i = 0; i < p->fit.n_next; i++) {
        sc_buf_printf(&text, "%s (b = %s, s = %s)", i ? "," : "",
                      rep_number(p->fit.next_b[i]).c, rep_number(p->fit.next_s[i]).c);
    }
    sc_buf_add(&text, ".");
    rep_add_paragraph(out, &text);
}

sc_status rep_add_phase_evidence(sc_buf *out, const rep_study *study, const rep_phase *p,
                                 sc_diag *diag)
{
    sc_status status = SC_OK;
    if (p->fitted) {
        add_verdict(out, p);
        add_models(out, study, p);
        add_cost(out, study, p);
        status = add_regions(out, study, p, diag);
        add_lack_of_fit(out, study, p);
        add_physical(out, study, p);
        add_effects(out, p);
    } else if (p->points.n > 0 && p->why[0]) {
        sc_buf text = {0};
        rep_add_md(&text, p->why);
        rep_add_paragraph(out, &text);
    }
    if (p->points.n > 0 && status == SC_OK) {
        status = add_shares(out, study, p, diag);
        add_next(out, p);
    }
    return status;
}

static sc_status add_phase(sc_buf *out, const rep_study *study, const rep_phase *p,
                           bool plots, sc_diag *diag)
{
    sc_buf_printf(out, "### %s", phase_title(p));
    if (p->points.n > 0) {
        sc_buf_printf(out, ": %zu point%s", p->points.n, p->points.n == 1 ? "" : "s");
        if (p->points.device[0]) {
            sc_buf_add(out, " on ");
            rep_add_md(out, p->points.device);
        }
    }
    sc_buf_add(out, p->points.n > 0 ? "\n\n" : "\n\nNothing was measured.\n\n");
    sc_status status = rep_add_phase_evidence(out, study, p, diag);
    if (plots) {
        const char *phase = sol_phase_name(p->phase->kind);
        sc_buf_printf(out, "![SOL%s, %s phase](sol-vs-measured-%s.svg)\n\n",
                      p->points.n ? " and measured latency" : "", phase, phase);
    }
    return status;
}

sc_status rep_add_evidence(sc_buf *out, const rep_study *study, bool plots, sc_diag *diag)
{
    bool any = plots;
    for (int k = 0; k < SOL_N_PHASES; k++) {
        any |= study->phase[k].present && study->phase[k].points.n > 0;
    }
    if (!any) {
        return SC_OK;
    }
    sc_buf_add(out, "## Evidence: measurements\n\n");
    for (int k = 0; k < SOL_N_PHASES; k++) {
        if (study->phase[k].present) {
            sc_status status = add_phase(out, study, &study->phase[k], plots, diag);
            if (status != SC_OK) {
                return status;
            }
        }
    }
    return SC_OK;
}

/* ---- limits ---- */

static void add_item(sc_buf *out, sc_buf *text)
{
    sc_buf_add(out, "- ");
    rep_add_wrapped(out, sc_buf_text(text), 2, 96, "  ");
    sc_buf_add(out, "\n");
    out->failed |= text->failed;
    sc_buf_free(text);
}

/* Measured range of every required axis. */
static void add_measured_range(sc_buf *out, const rep_phase *p)
{
    if (p->points.n == 0) {
        return;
    }
    int required[SOL_MAX_AXES], n = rep_required_axes(p->phase, required);
    sc_buf text = {0};
    sc_buf_printf(&text, "%s: measured over ", phase_title(p));
    for (int i = 0; i < n; i++) {
        double lo = INFINITY, hi = -INFINITY;
        for (size_t j = 0; j < p->points.n; j++) {
            lo = fmin(lo, p->points.point[j].axis[required[i]]);
            hi = fmax(hi, p->points.point[j].axis[required[i]]);
        }
        const sol_axis *a = &p->phase->axis[required[i]];
        sc_buf_printf(&text, "%s%s %s to %s (range %s to %s)", i ? ", " : "", a->name,
                      rep_number(lo).c, rep_number(hi).c, rep_number(a->lo).c,
                      rep_number(a->hi).c);
    }
    sc_buf_add(&text, "; outside, the fit is an extrapolation and only the proof holds.");
    if (p->points.n_dropped > 0) {
        sc_buf_printf(&text,
                      " %zu rows of other parameters or outside the ranges were left "
                      "out.",
                      p->points.n_dropped);
    }
    add_item(out, &text);
}

#define MAX_SHOWN 6

/* Which configurations the measurements cover. */
static void add_configurations(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    size_t n = p->points.n_configs;
    if (p->points.n == 0 || n == 0) {
        return;
    }
    const sol_config *all[MAX_SHOWN + 1] = {0};
    int n_all = 0;
    for (size_t i = 0; i < n && i < MAX_SHOWN; i++) {
        all[n_all++] = &p->points.config[i];
    }
    sc_buf text = {0};
    sc_buf_printf(&text, "%s: measured with ", phase_title(p));
    all[n_all++] = &study->config; /* so that a difference from the study shows */
    for (int i = 0; i + 1 < n_all; i++) {
        sc_buf one = {0};
        rep_add_difference(&one, study->op, all[i], all, n_all);
        sc_buf_add(&text, i ? "; " : "");
        rep_add_md(&text, one.n ? sc_buf_text(&one) : "the configuration above");
        text.failed |= one.failed;
        sc_buf_free(&one);
    }
    if (n > MAX_SHOWN) {
        sc_buf_printf(&text, "; and %zu more", n - MAX_SHOWN);
    }
    sc_buf_add(&text,
               n > 1 ? "; everything else as above. Other dtypes and kernels may bend "
                       "the fit, not the proof."
                     : ". Other dtypes and kernels may bend the fit, not the proof.");
    add_item(out, &text);
}

static void add_optional_axes(sc_buf *out, const rep_phase *p)
{
    for (int i = 0; i < p->phase->n_axes; i++) {
        const sol_axis *a = &p->phase->axis[i];
        if (!a->optional) {
            continue;
        }
        sc_buf text = {0};
        sc_buf_printf(&text, "%s: %s was held at %s", phase_title(p), a->name,
                      rep_number(a->value).c);
        sc_buf_add(&text,
                   i < SOL_MAX_AXES && p->proof.sol.depends[i]
                       ? "; SOL depends on it, so that it needs an axis of its own "
                         "once it varies."
                       : "; SOL does not depend on it.");
        add_item(out, &text);
    }
}

static void add_device_limits(sc_buf *out, const rep_study *study)
{
    sc_buf text = {0};
    if (study->source == REP_NONE) {
        sc_buf_add(&text,
                   "Nothing was measured: the decision holds for the model of the op, "
                   "not yet for a kernel.");
        add_item(out, &text);
    } else if (!study->sol_comparable) {
        sc_buf_add(&text, "The measurements are not from the GPU that ");
        rep_add_code(&text, study->system->name);
        sc_buf_add(&text, " describes: shares of SOL are left out.");
        add_item(out, &text);
    }
    if (study->config.tp > 1) {
        sc_buf_printf(&text,
                      "TP %s is emulated on one GPU: local shapes, no communication.",
                      rep_number(study->config.tp).c);
        add_item(out, &text);
    }
}

void rep_add_limits(sc_buf *out, const rep_study *study)
{
    sc_buf_add(out, "## Limits of validity\n\n");
    sc_buf text = {0};
    char **excluded = study->op->excludes;
    if (excluded && excluded[0]) {
        sc_buf_add(&text, "Not inside the op: ");
        for (int i = 0; excluded[i]; i++) {
            sc_buf_add(&text, i ? ", " : "");
            rep_add_md(&text, excluded[i]);
        }
        sc_buf_add(&text, ".");
        add_item(out, &text);
    }
    sc_buf_add(&text,
               "SOL assumes perfect overlap of compute and memory and counts compulsory "
               "traffic only: a lower bound, not a prediction.");
    add_item(out, &text);
    add_device_limits(out, study);
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &study->phase[k];
        if (p->present) {
            add_configurations(out, study, p);
            add_measured_range(out, p);
            add_optional_axes(out, p);
        }
    }
    sc_buf_add(out, "\n");
}
