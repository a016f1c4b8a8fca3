/* solcheck fit TABLE...: the models alone: errors, coefficients, lack of fit.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/json.h"
#include "cli/study.h"

static const char *const axes_name[] = {"x", "b,s"};

/* ---- coefficients in units that a person reads ---- */

typedef struct coefficient {
    const char *name, *key, *unit;
    fit_interval v;
} coefficient;
#define N_COEFFICIENTS 6

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over the points of work per second of the bound; NaN: no point has any. */
static sc_status rate_of(const rep_phase *ph, bool compute, double *out, sc_diag *diag)
{
    size_t n = 0;
    double *v = sc_malloc(ph->points.n * sizeof *v);
    if (!v)
        return sc_diag_nomem(diag);
    for (size_t i = 0; i < ph->points.n; i++) {
        const sol_bound *b = &ph->bound[i];
        double work = compute ? b->flop : b->bytes_B;
        double time_s = compute ? b->compute_s : b->memory_cold_s;
        if (work > 0 && time_s > 0)
            v[n++] = work / time_s;
    }
    qsort(v, n, sizeof *v, by_value);
    *out = n ? v[n / 2] : NAN;
    sc_free(v);
    return SC_OK;
}

static fit_interval scaled(fit_interval v, double factor)
{
    return (fit_interval){v.value * factor, v.lo * factor, v.hi * factor};
}

static sc_status coefficients(const rep_phase *ph, coefficient out[N_COEFFICIENTS],
                              sc_diag *diag)
{
    const fit_physical *p = &ph->fit.physical;
    double flop_s, B_s;
    sc_status status = rate_of(ph, true, &flop_s, diag);
    if (status == SC_OK)
        status = rate_of(ph, false, &B_s, diag);
    if (status != SC_OK)
        return status;
    const coefficient all[N_COEFFICIENTS] = {
        {"launch floor", "t0_us", "us", scaled(p->t0_s, 1e6)},
        {"compute, of the bound", "eta_compute", "", p->eta_compute},
        {"compute", "compute_TFLOP_s", "TFLOP/s", scaled(p->eta_compute, 1e-12 * flop_s)},
        {"memory, of the bound", "eta_memory", "", p->eta_memory},
        {"memory", "memory_GB_s", "GB/s", scaled(p->eta_memory, 1e-9 * B_s)},
        {"sharpness of the knee", "sharpness", "", p->sharpness}};
    memcpy(out, all, sizeof all);
    return SC_OK;
}

/* ---- text ---- */

static void models_text(const fit_result *fit, int axes, sc_buf *out)
{
    sc_buf_printf(out, "  over %-32s %8s %8s %8s %6s %10s\n", axes_name[axes], "median",
                  "p90", "signed", "par", "AICc");
    for (int m = 0; m < fit->n_models[axes]; m++) {
        const fit_score *s = &fit->model[axes][m];
        sc_buf_printf(out, "  %c %-35s %6.2f %% %6.2f %% %+6.2f %% %6d ",
                      m == fit->best[axes] ? '*' : ' ', s->name, 1e2 * s->median_error,
                      1e2 * s->p90_error, 1e2 * s->signed_error, s->parameters);
        if (isfinite(s->aicc))
            sc_buf_printf(out, "%10.1f\n", s->aicc);
        else
            sc_buf_printf(out, "%10s\n", "none");
    }
}

static sc_status physical_text(const rep_phase *ph, double level, sc_buf *out,
                               sc_diag *diag)
{
    coefficient c[N_COEFFICIENTS];
    if (!ph->fit.physical.valid) {
        sc_buf_add(out, "  no physical model: the bounds are zero, or no start "
                        "converged\n");
        return SC_OK;
    }
    sc_status status = coefficients(ph, c, diag);
    sc_buf_printf(out, "  physical model, %g %% intervals\n", 1e2 * level);
    for (int i = 0; i < N_COEFFICIENTS && status == SC_OK; i++)
        if (!isnan(c[i].v.value))
            sc_buf_printf(out, "    %-22s %9.4g %s%s(%.4g to %.4g)\n", c[i].name,
                          c[i].v.value, c[i].unit, *c[i].unit ? " " : "", c[i].v.lo,
                          c[i].v.hi);
    return status;
}

static void lack_text(const fit_lack_of_fit *l, sc_buf *out)
{
    if (isnan(l->f)) {
        sc_buf_add(out, "  lack of fit: no two points share x with different (b,s)\n");
        return;
    }
    char p[32] = "p < 1e-12"; /* below, the distribution function is rounding */
    if (l->p >= 1e-12)
        snprintf(p, sizeof p, "p = %.2g", l->p);
    sc_buf_printf(out,
                  "  lack of fit of any function of x: F(%.0f, %.0f) = %.4g, %s\n"
                  "    %d points at %d x; noise %.2f %% (%s); spread at equal x: median "
                  "%.1f %%, p90 %.1f %%, largest %.1f %%\n",
                  l->df1, l->df2, l->f, p, l->n_points, l->n_x, 1e2 * l->noise,
                  l->noise_measured ? "measured" : "assumed", 1e2 * l->spread_median,
                  1e2 * l->spread_p90, 1e2 * l->spread_max);
}

static sc_status phase_text(const rep_study *study, const rep_phase *ph, sc_buf *out,
                            sc_diag *diag)
{
    sc_buf_printf(out, "%s%s, %s: %zu points, %zu configuration%s\n", out->n ? "\n" : "",
                  study->op->name, sol_phase_name(ph->phase->kind), ph->points.n,
                  ph->points.n_configs, ph->points.n_configs == 1 ? "" : "s");
    if (!ph->fitted) {
        sc_buf_printf(out, "  not fitted: %s\n", ph->why);
        return SC_OK;
    }
    sc_buf_add(out, "  held-out errors, by x; * the best of its axes\n");
    for (int a = 0; a < 2; a++)
        models_text(&ph->fit, a, out);
    sc_buf_printf(out, "  error of x over (b,s): %.3g (%.3g to %.3g)\n",
                  ph->fit.error_ratio.value, ph->fit.error_ratio.lo,
                  ph->fit.error_ratio.hi);
    sc_status status = physical_text(ph, 1 - study->fit_options.alpha, out, diag);
    lack_text(&ph->fit.lof, out);
    sc_buf_printf(out, "  measurements say: %s: %s\n", fit_kind_name(ph->fit.kind),
                  ph->fit.reason);
    return status;
}

static sc_status text(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    sc_status status = SC_OK;
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (study->phase[p].present && study->phase[p].points.n)
            status = phase_text(study, &study->phase[p], out, diag);
    return status;
}

/* ---- JSON ---- */

static json_t *interval_json(const fit_interval *v)
{
    return json_pack("{s:o, s:o, s:o}", "value", cli_json_number(v->value), "lo",
                     cli_json_number(v->lo), "hi", cli_json_number(v->hi));
}

static json_t *models_json(const fit_result *fit)
{
    json_t *models = json_array();
    for (int a = 0; a < 2; a++)
        for (int m = 0; m < fit->n_models[a]; m++) {
            const fit_score *s = &fit->model[a][m];
            json_array_append_new(
                models,
                json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:i, s:o}", "axes",
                          axes_name[a], "name", s->name, "best", m == fit->best[a],
                          "median_error", cli_json_number(s->median_error), "p90_error",
                          cli_json_number(s->p90_error), "signed_error",
                          cli_json_number(s->signed_error), "parameters", s->parameters,
                          "aicc", cli_json_number(s->aicc)));
        }
    return models;
}

static json_t *lack_json(const fit_lack_of_fit *l)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:i, s:i, s:o, s:b, s:o, s:o, s:o}", "f",
                     cli_json_number(l->f), "df1", cli_json_number(l->df1), "df2",
                     cli_json_number(l->df2), "p", cli_json_number(l->p), "points",
                     l->n_points, "x", l->n_x, "noise", cli_json_number(l->noise),
                     "noise_measured", (int)l->noise_measured, "spread_median",
                     cli_json_number(l->spread_median), "spread_p90",
                     cli_json_number(l->spread_p90), "spread_max",
                     cli_json_number(l->spread_max));
}

static sc_status phase_json(const rep_phase *ph, json_t **out, sc_diag *diag)
{
    coefficient c[N_COEFFICIENTS];
    json_t *physical = json_object();
    *out = json_pack("{s:s, s:I, s:I, s:b}", "phase", sol_phase_name(ph->phase->kind),
                     "points", (json_int_t)ph->points.n, "configurations",
                     (json_int_t)ph->points.n_configs, "fitted", (int)ph->fitted);
    if (!ph->fitted) {
        json_object_set_new(*out, "reason", json_string(ph->why));
        json_decref(physical);
        return SC_OK;
    }
    sc_status status = coefficients(ph, c, diag);
    for (int i = 0; i < N_COEFFICIENTS && status == SC_OK && ph->fit.physical.valid; i++)
        json_object_set_new(physical, c[i].key, interval_json(&c[i].v));
    json_object_set_new(*out, "reason", json_string(ph->fit.reason));
    json_object_set_new(*out, "kind", json_string(fit_kind_name(ph->fit.kind)));
    json_object_set_new(*out, "models", models_json(&ph->fit));
    json_object_set_new(*out, "physical", physical);
    json_object_set_new(*out, "lack_of_fit", lack_json(&ph->fit.lof));
    json_object_set_new(*out, "error_ratio", interval_json(&ph->fit.error_ratio));
    json_object_set_new(*out, "cost", cli_json_number(ph->fit.cost));
    json_object_set_new(*out, "iso_cost", interval_json(&ph->fit.iso_cost));
    return status;
}

static sc_status json(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    json_t *phases = json_array();
    sc_status status = SC_OK;
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++) {
        json_t *one;
        if (!study->phase[p].present || !study->phase[p].points.n)
            continue;
        status = phase_json(&study->phase[p], &one, diag);
        json_array_append_new(phases, one);
    }
    json_t *root = json_pack("{s:s, s:s, s:s, s:f, s:o}", "op", study->op->name, "system",
                             study->system->name, "source", study->source_text, "level",
                             1 - study->fit_options.alpha, "phases", phases);
    if (status == SC_OK)
        return cli_json_dump(root, out, diag);
    json_decref(root);
    return status;
}

/* ---- the command ---- */

sc_status cli_fit(cli_session *cli, int *exit_code)
{
    sc_buf out = {0};
    if (cli->options.files.n == 0) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "no table is named");
        sc_diag_hint(&cli->diag, "solcheck fit TABLE... --op OP");
        return SC_EINVAL;
    }
    rep_study *study = sc_calloc(1, sizeof *study);
    if (!study)
        return sc_diag_nomem(&cli->diag);
    cli->options.given[CLI_OPT_DATA] = cli->options.files;
    sc_status status = cli_study(cli, study);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (study->phase[p].points.n && !study->phase[p].fitted)
            *exit_code = 4;
    if (status == SC_OK)
        status = cli_has(&cli->options, CLI_OPT_JSON) ? json(study, &out, &cli->diag)
                                                      : text(study, &out, &cli->diag);
    if (status == SC_OK)
        status = cli_print(cli, &out);
    sc_buf_free(&out);
    cli_study_clear(study);
    sc_free(study);
    return status;
}
