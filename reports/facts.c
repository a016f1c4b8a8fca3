/* solcheck - reports: facts that several artefacts state, derived once.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/internal.h"
#include "sol/normal.h"

/* ---- axes ---- */

sc_status rep_admits(const sol_op *op, const sol_phase *phase, const sol_config *config,
                     const double *axis, bool *admitted, sc_diag *diag)
{
    sc_status status = sol_phase_admits(op, phase, config, axis, NULL);
    if (status == SC_ENOMEM) {
        return sc_diag_nomem(diag);
    }
    *admitted = status == SC_OK;
    return SC_OK;
}

int rep_required_axes(const sol_phase *phase, int index[SOL_MAX_AXES])
{
    int n = 0;
    for (int i = 0; i < phase->n_axes && n < SOL_MAX_AXES; i++) {
        if (!phase->axis[i].optional) {
            index[n++] = i;
        }
    }
    return n;
}

/* Required axes that the claim depends on; all required ones when it names none. */
static int axes_of(const sol_phase *phase, const sol_claim *claim,
                   const char *name[SOL_MAX_AXES])
{
    int required[SOL_MAX_AXES], n_required = rep_required_axes(phase, required), n = 0;
    for (int i = 0; i < n_required; i++) {
        if (claim->depends[required[i]]) {
            name[n++] = phase->axis[required[i]].name;
        }
    }
    return n;
}

int rep_decision_axes(const rep_phase *p, const char *name[SOL_MAX_AXES])
{
    if (p->kind == FIT_TOKEN_EQUIVALENT) {
        name[0] = "x";
        return 1;
    }
    int n = axes_of(p->phase, &p->proof.sol, name);
    /* Latency may need axes that SOL does not show: a decision against x by measurement
     * alone, or none at all, keeps every axis apart. */
    if (n < 2 || p->proof.sol.verdict != SOL_DISPROVED) {
        int required[SOL_MAX_AXES];
        n = rep_required_axes(p->phase, required);
        for (int i = 0; i < n; i++) {
            name[i] = p->phase->axis[required[i]].name;
        }
    }
    return n;
}

int rep_claim_axes(const rep_phase *p, const sol_claim *claim,
                   const char *name[SOL_MAX_AXES])
{
    int n = axes_of(p->phase, claim, name);
    if (claim->verdict == SOL_PROVED && n > 0) {
        name[0] = "x";
        return 1;
    }
    return n;
}

void rep_add_names(sc_buf *out, const char *const *name, int n, const char *sep,
                   const char *quote)
{
    for (int i = 0; i < n; i++) {
        sc_buf_printf(out, "%s%s%s%s", i ? sep : "", quote, name[i], quote);
    }
}

void rep_add_point(sc_buf *out, const sol_phase *phase, const double *axis)
{
    int required[SOL_MAX_AXES], n = rep_required_axes(phase, required);
    for (int i = 0; i < n; i++) {
        sc_buf_printf(out, "%s%s = %s", i ? ", " : "", phase->axis[required[i]].name,
                      rep_number(axis[required[i]]).c);
    }
}

void rep_add_config(sc_buf *out, const sol_op *op, const sol_config *config)
{
    const char *sep = "";
    for (int i = 0; i < op->n_params; i++) {
        bool sharded = op->param[i].shard_tp && config->tp > 1;
        sc_buf_printf(out, "%s%s%s %s", sep, sharded ? "local " : "", op->param[i].name,
                      rep_number(sol_config_local(op, config, i)).c);
        sep = ", ";
    }
    if (config->tp > 1) {
        sc_buf_printf(out, "%stp %s", sep, rep_number(config->tp).c);
        sep = ", ";
    }
    for (int i = 0; i < op->n_slots; i++) {
        sc_buf_printf(out, "%s%s %s", sep, op->slot[i].name,
                      sol_dtype_name(config->slot[i]));
        sep = ", ";
    }
}

void rep_add_difference(sc_buf *out, const sol_op *op, const sol_config *own,
                        const sol_config *const *all, int n)
{
    const char *sep = "";
    for (int i = 0; i < op->n_params; i++) {
        bool differs = false;
        for (int k = 0; k < n; k++) {
            differs |= sol_config_local(op, all[k], i) != sol_config_local(op, own, i);
        }
        if (differs) {
            sc_buf_printf(out, "%s%s%s = %s", sep, op->param[i].shard_tp ? "local " : "",
                          op->param[i].name, rep_number(sol_config_local(op, own, i)).c);
            sep = ", ";
        }
    }
    for (int i = 0; i < op->n_slots; i++) {
        bool differs = false;
        for (int k = 0; k < n; k++) {
            differs |= all[k]->slot[i] != own->slot[i];
        }
        if (differs) {
            sc_buf_printf(out, "%s%s %s", sep, op->slot[i].name,
                          sol_dtype_name(own->slot[i]));
            sep = ", ";
        }
    }
}

/* ---- totals ---- */

bool rep_term_in(const sol_term *term, rep_total total)
{
    switch (total) {
    case REP_FLOP:
        return term->kind == SOL_FLOPS && term->engine != SOL_EXP;
    case REP_EXPS:
        return term->kind == SOL_FLOPS && term->engine == SOL_EXP;
    case REP_BYTES:
        return term->kind == SOL_BYTES;
    case REP_NETWORK:
        return term->kind == SOL_NETWORK;
    case REP_N_TOTALS:
        break;
    }
    return false;
}

bool rep_has_total(const sol_phase *phase, rep_total total)
{
    for (int i = 0; i < phase->n_terms; i++) {
        if (rep_term_in(&phase->term[i], total)) {
            return true;
        }
    }
    return false;
}

/* map[symbol] = value for everything that config and defaults fix; false without memory.
 */
static bool fixed_symbols(const sol_op *op, const sol_phase *phase,
                          const sol_config *config, double *value, const sol_expr **map)
{
    bool ok = true;
    sol_config_values(op, phase, config, value);
    for (int i = 0; i < op->n_params; i++) {
        int symbol = op->param[i].symbol;
        ok &= (map[symbol] = sol_number_double(op->ctx, value[symbol])) != NULL;
    }
    for (int i = 0; i < op->n_slots; i++) {
        int symbol = op->slot[i].bytes_symbol;
        ok &= (map[symbol] = sol_number_double(op->ctx, value[symbol])) != NULL;
    }
    for (int i = 0; i < phase->n_axes; i++) {
        if (phase->axis[i].optional) {
            int symbol = phase->axis[i].symbol;
            ok &=
                (map[symbol] = sol_number_double(op->ctx, phase->axis[i].value)) != NULL;
        }
    }
    map[op->tp_symbol] = sol_number_double(op->ctx, config->tp);
    return ok && map[op->tp_symbol];
}

/* Replaces everything that config and defaults fix by its value. */
static sc_status specialise(const sol_op *op, const sol_phase *phase,
                            const sol_config *config, const sol_expr *expr,
                            const sol_expr **out, sc_diag *diag)
{
    int n = sol_symbol_count(op->ctx);
    double *value = sc_calloc((size_t)n, sizeof *value);
    const sol_expr **map = sc_calloc((size_t)n, sizeof(const sol_expr *));
    sc_status status;
    if (value && map && fixed_symbols(op, phase, config, value, map)) {
        status = sol_expr_substitute(op->ctx, expr, map, n, out, diag);
    } else {
        status = sc_diag_nomem(diag);
    }
    sc_free(value);
    sc_free(map);
    return status;
}

sc_status rep_add_expr(sc_buf *out, const sol_op *op, const sol_phase *phase,
                       const sol_expr *expr, const sol_config *config, sc_diag *diag)
{
    sol_normal *normal = NULL;
    sc_status status = SC_OK;
    if (config) {
        status = specialise(op, phase, config, expr, &expr, diag);
    }
    if (status == SC_OK) {
        status = sol_normal_new(op->ctx, expr, &normal, diag);
    }
    if (status == SC_OK && sol_normal_print(normal, out) != SC_OK) {
        status = sc_diag_nomem(diag);
    }
    sol_normal_free(normal);
    return status;
}

sc_status rep_add_total(sc_buf *out, const sol_op *op, const sol_phase *phase,
                        rep_total total, const sol_config *config, sc_diag *diag)
{
    const sol_expr *sum = NULL;
    for (int i = 0; i < phase->n_terms; i++) {
        if (!rep_term_in(&phase->term[i], total)) {
            continue;
        }
        sum = sum ? sol_add(op->ctx, sum, phase->term[i].expr) : phase->term[i].expr;
        if (!sum) {
            return sc_diag_nomem(diag);
        }
    }
    if (!sum) {
        sc_buf_add(out, "0");
        return rep_done(out, diag);
    }
    return rep_add_expr(out, op, phase, sum, config, diag);
}

/* ---- distributions ---- */

static int compare_double(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double rep_quantile(double *v, size_t n, double q)
{
    if (n == 0) {
        return NAN;
    }
    qsort(v, n, sizeof *v, compare_double);
    double at = q * (double)(n - 1);
    size_t i = (size_t)at;
    double t = at - (double)i;
    return i + 1 < n ? v[i] + t * (v[i + 1] - v[i]) : v[n - 1];
}

double rep_point_share(const rep_phase *p, size_t i, sol_ceiling ceiling)
{
    const sol_bound *bound = ceiling == SOL_DATASHEET ? p->bound_sheet : p->bound;
    const col_point *point = &p->points.point[i];
    if (!bound) {
        return NAN;
    }
    return (point->hot ? bound[i].sol_hot_s : bound[i].sol_cold_s) / point->latency_s;
}

sc_status rep_share_of(const rep_phase *p, sol_ceiling ceiling, rep_share *out,
                       sc_diag *diag)
{
    rep_share share = {.p10 = NAN, .median = NAN, .p90 = NAN, .most = NAN};
    double *v = sc_reallocarray(NULL, p->points.n, sizeof *v);
    if (!v) {
        return sc_diag_nomem(diag);
    }
    double most = -INFINITY;
    for (size_t i = 0; i < p->points.n; i++) {
        double value = rep_point_share(p, i, ceiling);
        if (!isfinite(value)) {
            continue;
        }
        share.n_above += value > 1;
        if (value > most) {
            most = value;
            share.worst = i;
        }
        v[share.n++] = value;
    }
    if (share.n > 0) {
        share.most = most;
        share.p10 = rep_quantile(v, share.n, 0.1);
        share.median = rep_quantile(v, share.n, 0.5);
        share.p90 = rep_quantile(v, share.n, 0.9);
    }
    sc_free(v);
    *out = share;
    return SC_OK;
}

/* A term that a parameter switches off; false where that cannot be told. */
static bool is_nothing(const rep_study *study, const rep_phase *p, const sol_term *term)
{
    sc_buf text = {0};
    bool zero = rep_add_expr(&text, study->op, p->phase, term->expr, &study->config,
                             NULL) == SC_OK &&
                strcmp(sc_buf_text(&text), "0") == 0;
    sc_buf_free(&text);
    return zero;
}

double rep_compute_rate(const rep_study *study, const rep_phase *p, sol_ceiling ceiling)
{
    double rate = NAN;
    bool first = true;
    for (int i = 0; i < p->phase->n_terms; i++) {
        const sol_term *term = &p->phase->term[i];
        if (!rep_term_in(term, REP_FLOP) || is_nothing(study, p, term)) {
            continue;
        }
        sol_dtype dtype = term->slot >= 0 ? study->config.slot[term->slot] : SOL_FP32;
        bool fallback;
        double r =
            sol_system_rate(study->system, ceiling, term->engine, dtype, &fallback);
        if (!first && r != rate) {
            return NAN;
        }
        rate = r;
        first = false;
    }
    return rate;
}

/* ---- why proof and measurement disagree ---- */

/* Where a SOL that is a function of x meets latencies that are none, only an effect of b
 * or of s apart can be the reason. */
static bool can_explain(const rep_phase *p, const fit_effect *e)
{
    if (p->fit.kind != FIT_TOKEN_NON_EQUIVALENT) {
        return true;
    }
    const sol_expr *x = p->phase->tokens;
    int b = sol_phase_axis_index(p->phase, "b");
    bool x_is_b =
        b >= 0 && x->op == SOL_OP_SYMBOL && x->symbol == p->phase->axis[b].symbol;
    return e->kind == FIT_STAIRS_S || (e->kind == FIT_FEW_REQUESTS && !x_is_b);
}

static const fit_effect *largest_effect(const rep_phase *p)
{
    const fit_result *fit = &p->fit;
    const fit_effect *most = NULL;
    double largest = 0;
    for (int i = 0; i < fit->n_effects; i++) {
        const fit_effect *e = &fit->effect[i];
        if (!can_explain(p, e)) {
            continue;
        }
        /* The floor is in the model and its trial takes it out. */
        bool gains = e->kind == FIT_NO_FLOOR ? e->with > e->without : e->entered;
        double gain = fabs(log(e->with / e->without));
        if (gains && (!most || gain > largest)) {
            most = e;
            largest = gain;
        }
    }
    return most;
}

const fit_effect *rep_explain_disagreement(const rep_phase *p, sc_buf *out)
{
    const fit_effect *most = largest_effect(p);
    if (p->fit.n_effects == 0) {
        sc_buf_add(out, "Proof and measurement disagree, and no effect could be tried.");
    } else if (!most) {
        sc_buf_printf(
            out,
            "Proof and measurement disagree, and none of these effects %slowers "
            "the held-out error: what causes it is not among them.",
            p->fit.kind == FIT_TOKEN_NON_EQUIVALENT ? "that tell points of equal x apart "
                                                    : "");
    } else if (most->kind == FIT_NO_FLOOR) {
        sc_buf_printf(out,
                      "Proof and measurement disagree. The launch floor, which the SOL "
                      "does not have, explains most: with it the physical model misses "
                      "by %s, without it by %s.",
                      rep_percent(most->without).c, rep_percent(most->with).c);
    } else {
        sc_buf_printf(out,
                      "Proof and measurement disagree. Of the effects that the SOL does "
                      "not have, %s explains most: without it the physical model misses "
                      "by %s, with it by %s.",
                      most->name, rep_percent(most->without).c,
                      rep_percent(most->with).c);
    }
    return most;
}
