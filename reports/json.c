/* solcheck - reports: the one-object JSON of --json and axis-decision.json.
 *
 * The schema is in docs/report.md. A number that does not exist is null, never NaN.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "reports/internal.h"

/* Every constructor yields NULL without memory and json_*_new() reject NULL, so that one
 * flag, checked at the end, covers the whole tree. */
static void set(json_t *object, const char *key, json_t *value, bool *bad)
{
    if (json_object_set_new(object, key, value) != 0) {
        *bad = true;
    }
}

static void push(json_t *array, json_t *value, bool *bad)
{
    if (json_array_append_new(array, value) != 0) {
        *bad = true;
    }
}

/* Integers as such, other finite numbers as reals, the rest as null. */
static json_t *number(double value)
{
    if (!isfinite(value)) {
        return json_null();
    }
    if (value == floor(value) && fabs(value) < 9007199254740992.0) {
        return json_integer((json_int_t)value);
    }
    return json_real(value);
}

/* Foreign text, which may be no UTF-8. */
static json_t *text(const char *raw)
{
    sc_buf clean = {0};
    rep_add_clean(&clean, raw);
    json_t *value = clean.failed ? NULL : json_string(sc_buf_text(&clean));
    sc_buf_free(&clean);
    return value;
}

static json_t *names(const char *const *name, int n, bool *bad)
{
    json_t *array = json_array();
    for (int i = 0; i < n; i++) {
        push(array, json_string(name[i]), bad);
    }
    return array;
}

/* {"value": v, "lo": l, "hi": h}, all times scale. */
static json_t *interval(const fit_interval *v, double scale, bool *bad)
{
    json_t *object = json_object();
    set(object, "value", number(v->value * scale), bad);
    set(object, "lo", number(v->lo * scale), bad);
    set(object, "hi", number(v->hi * scale), bad);
    return object;
}

static json_t *configuration(const rep_study *study, bool *bad)
{
    const sol_op *op = study->op;
    json_t *object = json_object(), *params = json_object(), *dtypes = json_object();
    for (int i = 0; i < op->n_params; i++) {
        set(params, op->param[i].name, number(study->config.param[i]), bad);
    }
    for (int i = 0; i < op->n_slots; i++) {
        set(dtypes, op->slot[i].name, json_string(sol_dtype_name(study->config.slot[i])),
            bad);
    }
    set(object, "params", params, bad);
    set(object, "dtypes", dtypes, bad);
    set(object, "tp", number(study->config.tp), bad);
    return object;
}

static json_t *decision(const rep_phase *p, bool *bad)
{
    const char *name[SOL_MAX_AXES];
    int n = rep_decision_axes(p, name);
    json_t *object = json_object();
    set(object, "kind", json_string(fit_kind_name(p->kind)), bad);
    set(object, "axes", names(name, n, bad), bad);
    return object;
}

static json_t *witness(const rep_phase *p, bool *bad)
{
    const sol_witness *w = &p->proof.witness;
    if (!w->found) {
        return json_null();
    }
    json_t *object = json_object(), *points = json_array();
    for (int k = 0; k < 2; k++) {
        json_t *point = json_object();
        for (int i = 0; i < p->phase->n_axes; i++) {
            if (!p->phase->axis[i].optional) {
                set(point, p->phase->axis[i].name, number(w->axis[k][i]), bad);
            }
        }
        set(point, "sol_ms", number(w->sol_s[k] * 1e3), bad);
        push(points, point, bad);
    }
    set(object, "x", number(w->x), bad);
    set(object, "points", points, bad);
    set(object, "ratio", number(w->ratio), bad);
    return object;
}

static json_t *claim(const rep_phase *p, const sol_claim *c, bool *bad)
{
    const char *name[SOL_MAX_AXES];
    int n = rep_claim_axes(p, c, name);
    json_t *object = json_object();
    set(object, "verdict", json_string(sol_verdict_name(c->verdict)), bad);
    set(object, "axes", names(name, n, bad), bad);
    return object;
}

static json_t *proof(const rep_phase *p, bool *bad)
{
    json_t *object = claim(p, &p->proof.sol, bad);
    set(object, "witness", witness(p, bad), bad);
    return object;
}

static json_t *quantities(const rep_phase *p, bool *bad)
{
    json_t *object = json_object();
    set(object, "flops", claim(p, &p->proof.flops, bad), bad);
    set(object, "bytes", claim(p, &p->proof.bytes, bad), bad);
    set(object, "sol", claim(p, &p->proof.sol, bad), bad);
    return object;
}

static json_t *spread(double median, double largest, int n_x, bool *bad)
{
    json_t *object = json_object();
    set(object, "median", number(n_x > 0 ? median : NAN), bad);
    set(object, "largest", number(n_x > 0 ? largest : NAN), bad);
    set(object, "n_x", json_integer(n_x), bad);
    return object;
}

static json_t *score(const fit_score *s, bool *bad)
{
    json_t *object = json_object();
    set(object, "name", text(s->name), bad);
    set(object, "median_error", number(s->median_error), bad);
    set(object, "p90_error", number(s->p90_error), bad);
    set(object, "signed_error", number(s->signed_error), bad);
    set(object, "aicc", number(s->aicc), bad);
    set(object, "parameters", json_integer(s->parameters), bad);
    return object;
}

static json_t *best(const fit_result *fit, fit_axes axes, bool *bad)
{
    return fit->n_models[axes] > 0 ? score(&fit->model[axes][fit->best[axes]], bad)
                                   : json_null();
}

static json_t *all_models(const fit_result *fit, bool *bad)
{
    static const char *const key[] = {[FIT_AXES_X] = "x", [FIT_AXES_BS] = "bs"};
    json_t *object = json_object();
    for (int a = 0; a < 2; a++) {
        json_t *array = json_array();
        for (int i = 0; i < fit->n_models[a]; i++) {
            push(array, score(&fit->model[a][i], bad), bad);
        }
        set(object, key[a], array, bad);
    }
    return object;
}

static json_t *lack_of_fit(const fit_lack_of_fit *l, bool *bad)
{
    json_t *object = json_object();
    set(object, "points", json_integer(l->n_points), bad);
    set(object, "n_x", json_integer(l->n_x), bad);
    set(object, "f", number(l->f), bad);
    set(object, "df1", number(l->df1), bad);
    set(object, "df2", number(l->df2), bad);
    set(object, "noise", number(l->noise), bad);
    set(object, "noise_measured", json_boolean(l->noise_measured), bad);
    set(object, "spread_median", number(l->spread_median), bad);
    set(object, "spread_p90", number(l->spread_p90), bad);
    set(object, "spread_max", number(l->spread_max), bad);
    return object;
}

/* SOL shares, or null where system and device are not the same GPU model. */
static json_t *shares(const rep_study *study, const rep_phase *p, bool *bad,
                      sc_status *status, sc_diag *diag)
{
    if (!study->sol_comparable || !p->bound) {
        return json_null();
    }
    json_t *object = json_object();
    for (int c = 0; c < SOL_N_CEILINGS; c++) {
        rep_share share;
        *status = rep_share_of(p, (sol_ceiling)c, &share, diag);
        if (*status != SC_OK) {
            return object;
        }
        json_t *one = json_object();
        set(one, "p10", number(share.p10), bad);
        set(one, "median", number(share.median), bad);
        set(one, "p90", number(share.p90), bad);
        set(one, "most", number(share.most), bad);
        set(one, "above", json_integer((json_int_t)share.n_above), bad);
        set(object, sol_ceiling_name((sol_ceiling)c), one, bad);
    }
    return object;
}

static json_t *measured(const rep_study *study, const rep_phase *p, bool *bad,
                        sc_status *status, sc_diag *diag)
{
    if (p->points.n == 0) {
        return json_null();
    }
    const fit_result *fit = &p->fit;
    json_t *object = json_object();
    set(object, "points", json_integer((json_int_t)p->points.n), bad);
    set(object, "configurations", json_integer((json_int_t)p->points.n_configs), bad);
    set(object, "dropped", json_integer((json_int_t)p->points.n_dropped), bad);
    set(object, "device", text(p->points.device), bad);
    set(object, "date", text(p->points.date), bad);
    set(object, "token_model", p->fitted ? best(fit, FIT_AXES_X, bad) : json_null(), bad);
    set(object, "bs_model", p->fitted ? best(fit, FIT_AXES_BS, bad) : json_null(), bad);
    set(object, "lack_of_fit_p", p->fitted ? number(fit->lof.p) : json_null(), bad);
    if (p->fitted) {
        set(object, "decision", json_string(fit_kind_name(fit->kind)), bad);
        set(object, "reason", text(fit->reason), bad);
        set(object, "models", all_models(fit, bad), bad);
        set(object, "lack_of_fit", lack_of_fit(&fit->lof, bad), bad);
        set(object, "error_ratio", interval(&fit->error_ratio, 1, bad), bad);
        set(object, "iso_cost", interval(&fit->iso_cost, 1, bad), bad);
    }
    set(object, "sol_share", shares(study, p, bad, status, diag), bad);
    return object;
}

/* Cost of x, everywhere and by region. */
static json_t *regions(const rep_study *study, const rep_phase *p, bool *bad,
                       sc_status *status, sc_diag *diag)
{
    rep_region region[REP_N_REGIONS];
    int n = 0;
    json_t *array = json_array();
    if (*status == SC_OK) {
        *status = rep_regions(study, p, region, &n, diag);
    }
    for (int i = 0; i < n; i++) {
        const rep_region *r = &region[i];
        json_t *object = json_object();
        set(object, "region", text(r->name), bad);
        set(object, "points", json_integer((json_int_t)r->n), bad);
        set(object, "x_lo", number(r->x_lo), bad);
        set(object, "x_hi", number(r->x_hi), bad);
        set(object, "token_median_error", number(r->median[FIT_AXES_X]), bad);
        set(object, "token_p90_error", number(r->p90[FIT_AXES_X]), bad);
        set(object, "bs_median_error", number(r->median[FIT_AXES_BS]), bad);
        set(object, "bs_p90_error", number(r->p90[FIT_AXES_BS]), bad);
        set(object, "cost", number(r->cost), bad);
        push(array, object, bad);
    }
    return array;
}

static json_t *physical(const fit_physical *f, bool *bad)
{
    if (!f->valid) {
        return json_null();
    }
    json_t *object = json_object();
    set(object, "t0_us", interval(&f->t0_s, 1e6, bad), bad);
    set(object, "eta_compute", interval(&f->eta_compute, 1, bad), bad);
    set(object, "eta_memory", interval(&f->eta_memory, 1, bad), bad);
    set(object, "sharpness", interval(&f->sharpness, 1, bad), bad);
    return object;
}

/* Effects tried on the physical model: held-out mean error without and with each. */
static json_t *effects(const fit_result *fit, bool *bad)
{
    json_t *array = json_array();
    for (int i = 0; i < fit->n_effects; i++) {
        const fit_effect *e = &fit->effect[i];
        json_t *object = json_object();
        set(object, "name", json_string(e->name), bad);
        set(object, "size", number(e->size), bad);
        set(object, "power", number(e->power), bad);
        set(object, "error_without", number(e->without), bad);
        set(object, "error_with", number(e->with), bad);
        set(object, "entered", json_boolean(e->entered), bad);
        push(array, object, bad);
    }
    return array;
}

/* What explains that proof and measurement disagree; null where they do not. */
static json_t *explained_by(const rep_phase *p, bool *bad)
{
    if (p->agreement != REP_DISAGREE) {
        return json_null();
    }
    sc_buf reason = {0};
    const fit_effect *e = rep_explain_disagreement(p, &reason);
    json_t *object = json_object();
    set(object, "effect", e ? json_string(e->name) : json_null(), bad);
    set(object, "error_without", number(e ? e->without : NAN), bad);
    set(object, "error_with", number(e ? e->with : NAN), bad);
    set(object, "reason", reason.failed ? NULL : json_string(sc_buf_text(&reason)), bad);
    sc_buf_free(&reason);
    return object;
}

/* Points that would decide, when nothing does yet. */
static json_t *next_points(const rep_phase *p, bool *bad)
{
    json_t *array = json_array();
    for (int i = 0; p->fitted && i < p->fit.n_next; i++) {
        json_t *point = json_object();
        set(point, "b", number(p->fit.next_b[i]), bad);
        set(point, "s", number(p->fit.next_s[i]), bad);
        push(array, point, bad);
    }
    return array;
}

static json_t *phase_object(const rep_study *study, const rep_phase *p, bool *bad,
                            sc_status *status, sc_diag *diag)
{
    const sol_spread *s = &p->proof.spread;
    json_t *object = json_object();
    set(object, "phase", json_string(sol_phase_name(p->phase->kind)), bad);
    set(object, "decision", decision(p, bad), bad);
    set(object, "proof", proof(p, bad), bad);
    set(object, "quantities", quantities(p, bad), bad);
    set(object, "spread", spread(s->median, s->largest, s->n_x, bad), bad);
    set(object, "measured", measured(study, p, bad, status, diag), bad);
    set(object, "physical", p->fitted ? physical(&p->fit.physical, bad) : json_null(),
        bad);
    set(object, "effects", p->fitted ? effects(&p->fit, bad) : json_array(), bad);
    set(object, "effects_tried_on",
        p->fitted ? json_integer((json_int_t)p->fit.n_trial) : json_null(), bad);
    set(object, "cost", p->fitted ? number(p->fit.cost) : json_null(), bad);
    set(object, "cost_by_region", regions(study, p, bad, status, diag), bad);
    set(object, "tolerance", number(study->fit_options.tolerance), bad);
    set(object, "agree",
        p->agreement == REP_OPEN ? json_null() : json_boolean(p->agreement == REP_AGREE),
        bad);
    set(object, "explained_by", explained_by(p, bad), bad);
    set(object, "why", text(p->why), bad);
    set(object, "next_points", next_points(p, bad), bad);
    return object;
}

static json_t *tree(const rep_study *study, bool *bad, sc_status *status, sc_diag *diag)
{
    json_t *root = json_object(), *phases = json_array();
    set(root, "solcheck", json_string(PACKAGE_VERSION), bad);
    set(root, "op", text(study->op->name), bad);
    set(root, "title", text(study->op->title), bad);
    set(root, "system", text(study->system->name), bad);
    set(root, "source", json_string(rep_source_name(study->source)), bad);
    set(root, "source_text", text(study->source_text), bad);
    set(root, "date", text(study->date), bad);
    set(root, "command", text(study->command), bad);
    set(root, "configuration", configuration(study, bad), bad);
    for (int k = 0; k < SOL_N_PHASES && *status == SC_OK; k++) {
        if (study->phase[k].present) {
            push(phases, phase_object(study, &study->phase[k], bad, status, diag), bad);
        }
    }
    set(root, "phases", phases, bad);
    return root;
}

sc_status rep_json(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    bool bad = false;
    sc_status status = SC_OK;
    json_t *root = tree(study, &bad, &status, diag);
    char *dump = NULL;
    if (status == SC_OK && !bad) {
        dump = json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    }
    if (status == SC_OK && !dump) {
        status = sc_diag_nomem(diag);
    }
    if (status == SC_OK) {
        sc_buf_add(out, dump);
        sc_buf_add(out, "\n");
        status = rep_done(out, diag);
    }
    json_free_t release; /* jansson's own memory, whoever serves it */
    json_get_alloc_funcs(NULL, &release);
    release(dump);
    json_decref(root);
    return status;
}
