/* solcheck - runs every candidate on both axis sets and decides.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "fit/fit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/internal.h"

void fit_options_defaults(fit_options *options)
{
    *options = (fit_options){
        .tolerance = 0.05, .alpha = 0.01, .folds = 10, .bootstrap = 400, .seed = 1};
}

/* The best candidates of one axis set so far, and the scores of all. */
typedef struct contest {
    const fit_view *view;
    const fit_folds *folds;
    const fit_options *options;
    fit_score *score; /* [FIT_MAX_MODELS] */
    int n, best;
    fit_candidate winner;
    fit_candidate
        mean; /* of the models with residuals; n_mean of them so far summed up */
    int n_mean;
} contest;

/* Enters a candidate, which the contest owns from here on. */
static sc_status enter(contest *c, fit_candidate *candidate, sc_diag *diag)
{
    sc_status status = fit_score_of(candidate, c->view->data, &c->score[c->n], diag);
    if (status || (c->best >= 0 && !(candidate->loss < c->winner.loss))) {
        fit_candidate_clear(candidate);
    } else {
        fit_candidate_clear(&c->winner);
        c->winner = *candidate;
        c->best = c->n;
    }
    c->n += !status;
    return status;
}

/* Sums up predictions for the mean model. */
static sc_status add_to_mean(contest *c, const fit_candidate *one, sc_diag *diag)
{
    sc_status status = SC_OK;
    if (c->n_mean == 0) {
        status = fit_candidate_init(&c->mean, "mean of both with residuals", one->axes,
                                    one->n, c->folds->n, false, diag);
    }
    for (size_t i = 0; !status && i < one->n; i++) {
        c->mean.held[i] += one->held[i];
        c->mean.fitted[i] += one->fitted[i];
    }
    c->mean.parameters += one->parameters;
    c->n_mean += !status;
    return status;
}

/* Two smoothers of different kind err differently; their mean often errs less than
 * either. */
static sc_status enter_mean(contest *c, sc_diag *diag)
{
    if (c->n_mean < 2) {
        return SC_OK;
    }
    for (size_t i = 0; i < c->mean.n; i++) {
        c->mean.held[i] /= c->n_mean;
        c->mean.fitted[i] /= c->n_mean;
    }
    c->mean.parameters /= c->n_mean;
    sc_status status = fit_candidate_finish(&c->mean, c->view->data, c->folds, diag);
    if (status) {
        return status;
    }
    fit_candidate mean = c->mean;
    memset(&c->mean, 0, sizeof c->mean);
    return enter(c, &mean, diag);
}

/* Enters a base model with and without its residuals interpolated. */
static sc_status enter_with_residuals(contest *c, fit_candidate *base, sc_diag *diag)
{
    fit_candidate refined;
    sc_status status =
        fit_krige_run(c->view, c->folds, base, c->options->seed, &refined, diag);
    if (status) {
        fit_candidate_clear(base);
        return status;
    }
    sc_free(base->by_fold);
    base->by_fold = NULL;
    status = enter(c, base, diag);
    if (!status) {
        status = add_to_mean(c, &refined, diag);
    }
    if (status) {
        fit_candidate_clear(&refined);
        return status;
    }
    return enter(c, &refined, diag);
}

/* The physical model, shared and per group; residuals are interpolated on the better. */
static sc_status run_physical(contest *c, fit_physical *physical, sc_diag *diag)
{
    fit_candidate shared, own;
    fit_start start = {0};
    bool usable = false, usable_own = false;
    sc_status status = fit_physical_run(c->view, c->folds, false, c->options->alpha,
                                        &start, &shared, physical, &usable, diag);
    if (status || !usable) {
        return status;
    }
    if (c->view->data->n_groups > 1) {
        status = fit_physical_run(c->view, c->folds, true, c->options->alpha, &start,
                                  &own, NULL, &usable_own, diag);
    }
    if (status || !usable_own) {
        if (status) {
            fit_candidate_clear(&shared);
            return status;
        }
        return enter_with_residuals(c, &shared, diag);
    }
    fit_candidate *better = own.loss < shared.loss ? &own : &shared;
    fit_candidate *worse = better == &own ? &shared : &own;
    status = enter(c, worse, diag);
    if (status) {
        fit_candidate_clear(better);
        return status;
    }
    return enter_with_residuals(c, better, diag);
}

static sc_status run_freeform(contest *c, sc_diag *diag)
{
    fit_candidate spline;
    sc_status status = fit_freeform_run(c->view, c->folds, &spline, diag);
    return status ? status : enter_with_residuals(c, &spline, diag);
}

/* A function of x is a function of (b,s): the best of the one set competes in the other.
 */
static sc_status enter_function_of_x(contest *bs, const contest *x, sc_diag *diag)
{
    fit_candidate copy;
    char name[sizeof copy.name];
    snprintf(name, sizeof name, "of x: %.40s", x->winner.name);
    sc_status status = fit_candidate_init(&copy, name, FIT_AXES_X, x->winner.n,
                                          bs->folds->n, false, diag);
    if (status) {
        return status;
    }
    memcpy(copy.held, x->winner.held, copy.n * sizeof *copy.held);
    memcpy(copy.fitted, x->winner.fitted, copy.n * sizeof *copy.fitted);
    copy.parameters = x->winner.parameters;
    copy.loss = x->winner.loss;
    return enter(bs, &copy, diag);
}

static sc_status run_contest(contest *c, const fit_view *view, const fit_folds *folds,
                             const fit_options *options, const contest *other,
                             fit_result *out, sc_diag *diag)
{
    *c = (contest){.view = view,
                   .folds = folds,
                   .options = options,
                   .score = out->model[view->axes],
                   .best = -1};
    sc_status status =
        run_physical(c, view->axes == FIT_AXES_BS ? &out->physical : NULL, diag);
    if (!status) {
        status = run_freeform(c, diag);
    }
    if (!status) {
        status = enter_mean(c, diag);
    }
    if (!status && other) {
        status = enter_function_of_x(c, other, diag);
    }
    out->n_models[view->axes] = c->n;
    out->best[view->axes] = c->best;
    if (!status && !(c->winner.loss < HUGE_VAL)) {
        status = sc_diag_fail(diag, SC_EUNABLE, SC4002,
                              "no model of latency over %s predicts a finite value",
                              view->axes == FIT_AXES_X ? "x" : "(b,s)");
    }
    return status;
}

/* Sorted ln seconds to the caller's order in seconds. */
static double *export_seconds(const fit_data *d, const double *ln)
{
    double *out = sc_malloc(d->n * sizeof *out);
    for (size_t i = 0; out && i < d->n; i++) {
        out[d->perm[i]] = exp(ln[i]);
    }
    return out;
}

static sc_status export_all(const fit_data *d, const contest *x, const contest *bs,
                            fit_result *out, sc_diag *diag)
{
    out->n = d->n;
    out->held_out[FIT_AXES_X] = export_seconds(d, x->winner.held);
    out->held_out[FIT_AXES_BS] = export_seconds(d, bs->winner.held);
    out->fitted = export_seconds(d, bs->winner.fitted);
    bool ok = out->held_out[FIT_AXES_X] && out->held_out[FIT_AXES_BS] && out->fitted;
    return ok ? SC_OK : sc_diag_nomem(diag);
}

/* Cost and its intervals from the two winners. */
static sc_status compare(const fit_data *d, const contest *x, const contest *bs,
                         const fit_options *options, fit_result *out, sc_diag *diag)
{
    double *e = sc_malloc(2 * d->n * sizeof *e);
    if (!e) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < d->n; i++) {
        e[i] = fabs(expm1(x->winner.held[i] - d->y[i]));
        e[d->n + i] = fabs(expm1(bs->winner.held[i] - d->y[i]));
    }
    sc_status status = fit_boot_ratio(d, e, e + d->n, options, &out->error_ratio, diag);
    sc_free(e);
    out->cost = fmax(out->model[FIT_AXES_X][out->best[FIT_AXES_X]].p90_error -
                         out->model[FIT_AXES_BS][out->best[FIT_AXES_BS]].p90_error,
                     0);
    return status;
}

/* Everything after the points are sorted. */
static sc_status decide_sorted(const fit_data *d, const fit_folds *folds,
                               const fit_view view[2], const fit_options *options,
                               fit_result *out, sc_diag *diag)
{
    contest c[2] = {{0}};
    fit_iso iso = {0};
    sc_status status =
        run_contest(&c[FIT_AXES_X], &view[FIT_AXES_X], folds, options, NULL, out, diag);
    if (!status) {
        status = run_contest(&c[FIT_AXES_BS], &view[FIT_AXES_BS], folds, options,
                             &c[FIT_AXES_X], out, diag);
    }
    if (!status) {
        status = compare(d, &c[FIT_AXES_X], &c[FIT_AXES_BS], options, out, diag);
    }
    if (!status) {
        status = fit_iso_init(&iso, d, options->tolerance, diag);
    }
    if (!status) {
        out->lof = iso.lof;
        status = fit_boot_iso(d, &iso, c[FIT_AXES_BS].winner.held, options, out, diag);
    }
    if (!status) {
        fit_rule(d, &iso, options, out);
        status = export_all(d, &c[FIT_AXES_X], &c[FIT_AXES_BS], out, diag);
    }
    fit_iso_clear(&iso);
    for (int a = 0; a < 2; a++) {
        fit_candidate_clear(&c[a].winner);
        fit_candidate_clear(&c[a].mean);
    }
    return status;
}

static sc_status check_options(const fit_options *o, sc_diag *diag)
{
    if (!(o->tolerance > 0) || !(o->alpha > 0) || !(o->alpha < 1) || o->folds < 2 ||
        o->bootstrap < 0) {
        return sc_diag_fail(diag, SC_EINVAL, SC6001,
                            "fit options: tolerance %g, alpha %g, folds %d, bootstrap %d",
                            o->tolerance, o->alpha, o->folds, o->bootstrap);
    }
    return SC_OK;
}

sc_status fit_decide(const fit_point *point, size_t n, const fit_options *options,
                     fit_result *out, sc_diag *diag)
{
    fit_data data;
    fit_folds folds = {0};
    fit_view view[2] = {{0}};
    fit_result result = {0};
    sc_status status = check_options(options, diag);
    if (!status) {
        status = fit_data_init(&data, point, n, diag);
    }
    if (status) {
        return status;
    }
    status = fit_folds_init(&folds, &data, options->folds, diag);
    fit_effects effects;
    if (!status) {
        status = fit_effects_choose(&data, options->folds, &effects, &result, diag);
    }
    for (int a = 0; !status && a < 2; a++) {
        status = fit_view_init(&view[a], &data, (fit_axes)a, diag);
        if (!status && fit_effects_any(&effects)) {
            fit_effects_apply(&effects, &view[a]);
        }
    }
    if (!status) {
        status = decide_sorted(&data, &folds, view, options, &result, diag);
    }
    fit_view_clear(&view[0]);
    fit_view_clear(&view[1]);
    fit_folds_clear(&folds);
    fit_data_clear(&data);
    if (status) {
        fit_result_clear(&result);
        return status;
    }
    sc_diag_clear(diag);
    *out = result;
    return SC_OK;
}

void fit_result_clear(fit_result *result)
{
    sc_free(result->held_out[0]);
    sc_free(result->held_out[1]);
    sc_free(result->fitted);
    memset(result, 0, sizeof *result);
}
