/* solcheck - reports: what the smaller axis set costs, everywhere and region by region.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>

#include "base/alloc.h"
#include "reports/internal.h"
#include "reports/plot.h"

/* A bound below this share of the latency says little about the point: fixed costs rule,
 * or an implementation far from the bound. */
#define FAR_SHARE 0.25
/* A 90th percentile of fewer errors is the largest of them. */
#define LEAST_POINTS 10

static const char *const region_name[REP_N_REGIONS] = {
    [REP_EVERYWHERE] = "everywhere",
    [REP_COMPUTE] = "compute-bound",
    [REP_MEMORY] = "memory- or network-bound",
    [REP_FAR] = "mostly fixed cost: SOL below a quarter of the latency",
    [REP_X_LOW] = "lower third of ln x",
    [REP_X_MIDDLE] = "middle third of ln x",
    [REP_X_HIGH] = "upper third of ln x"};

static rep_region_kind regime_of(const rep_phase *p, size_t i)
{
    const sol_bound *bound = &p->bound[i];
    const col_point *point = &p->points.point[i];
    double moved =
        fmax(point->hot ? bound->memory_hot_s : bound->memory_cold_s, bound->network_s);
    if (fmax(moved, bound->compute_s) < FAR_SHARE * point->latency_s) {
        return REP_FAR;
    }
    return bound->compute_s > moved ? REP_COMPUTE : REP_MEMORY;
}

/* Is point i, at x, in the region? ends: of x over all points. */
static bool inside(const rep_phase *p, rep_region_kind kind, size_t i, double x,
                   const double ends[2])
{
    if (kind == REP_EVERYWHERE) {
        return true;
    }
    if (kind < REP_X_LOW) {
        return regime_of(p, i) == kind;
    }
    double at = log(x / ends[0]) / log(ends[1] / ends[0]);
    int third = at < 1.0 / 3 ? 0 : at < 2.0 / 3 ? 1 : 2;
    return third == (int)(kind - REP_X_LOW);
}

/* error[points.n] is work. False: too few points lie in the region. */
static bool measure(const rep_phase *p, rep_region_kind kind, const double *x,
                    const double ends[2], double *error, rep_region *out)
{
    *out = (rep_region){.name = region_name[kind], .x_lo = HUGE_VAL, .x_hi = 0};
    for (int a = 0; a < 2; a++) {
        size_t n = 0;
        for (size_t i = 0; i < p->points.n; i++) {
            if (!inside(p, kind, i, x[i], ends)) {
                continue;
            }
            double e = fabs(p->fit.held_out[a][i] / p->points.point[i].latency_s - 1);
            error[n++] = isfinite(e) ? e : HUGE_VAL;
            out->x_lo = fmin(out->x_lo, x[i]);
            out->x_hi = fmax(out->x_hi, x[i]);
        }
        if (n < LEAST_POINTS) {
            return false;
        }
        out->n = n;
        out->median[a] = rep_quantile(error, n, 0.5);
        out->p90[a] = rep_quantile(error, n, 0.9);
    }
    out->cost = fmax(out->p90[FIT_AXES_X] - out->p90[FIT_AXES_BS], 0);
    return true;
}

sc_status rep_regions(const rep_study *study, const rep_phase *p,
                      rep_region out[REP_N_REGIONS], int *n, sc_diag *diag)
{
    size_t points = p->points.n;
    double ends[2] = {HUGE_VAL, 0};
    *n = 0;
    if (!p->fitted || !p->fit.held_out[0] || !p->fit.held_out[1]) {
        return SC_OK;
    }
    double *x = sc_reallocarray(NULL, points, sizeof *x);
    double *error = sc_reallocarray(NULL, points, sizeof *error);
    sc_status status = x && error ? SC_OK : sc_diag_nomem(diag);
    if (status == SC_OK) {
        status = plot_point_tokens(study, p, x, diag);
    }
    for (size_t i = 0; status == SC_OK && i < points; i++) {
        ends[0] = fmin(ends[0], x[i]);
        ends[1] = fmax(ends[1], x[i]);
    }
    bool regimes = p->bound && study->sol_comparable;
    for (int k = 0; status == SC_OK && k < REP_N_REGIONS; k++) {
        bool asked = k == REP_EVERYWHERE || (k < REP_X_LOW ? regimes : ends[0] < ends[1]);
        if (asked && measure(p, (rep_region_kind)k, x, ends, error, &out[*n])) {
            ++*n;
        }
    }
    sc_free(x);
    sc_free(error);
    return status;
}
