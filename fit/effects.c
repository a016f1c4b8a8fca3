/* solcheck - effects that bend the physical model: each on trial, by held-out error.
 *
 * An effect changes the SOL times that the physical model sees, or takes its floor away:
 *
 * - stairs in x or in s: work comes in tiles of T tokens, so compute costs
 *   ceil(x/T) T/x times more (tile and, for large T, wave quantisation);
 * - few requests: below K requests part of the GPU idles unless the work of one request
 *   is split (split-KV): both times grow with (K/b)^a, a = 1 unsplit, a = 1/2 split in
 *   part;
 * - DRAM only: nothing is served from L2, though the working set would fit;
 * - no launch floor: t0 = 0.
 *
 * Forward selection: in each round the effect with the lowest held-out loss enters if it
 * takes at least MIN_GAIN off. Trials run on at most TRIAL_POINTS points of some groups.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "fit/internal.h"

#define MIN_GAIN 0.03
#define TRIAL_POINTS 1200
#define TRIAL_GROUPS 8
#define ROUNDS 3

static const double tile_grid[] = {16, 64, 128, 256, 1024, 4096};
static const double request_grid[] = {4, 16, 64, 128};
static const double request_power[] = {0.5, 1};

static const struct {
    const char *name;
    const double *size;
    int n_sizes, n_powers;
} kinds[FIT_N_EFFECTS] = {
    {"stairs in x", tile_grid, sizeof tile_grid / sizeof *tile_grid, 1},
    {"stairs in s", tile_grid, sizeof tile_grid / sizeof *tile_grid, 1},
    {"few requests", request_grid, sizeof request_grid / sizeof *request_grid, 2},
    {"DRAM only", NULL, 1, 1},
    {"no launch floor", NULL, 1, 1}};

static double stairs(double v, double tile)
{
    return log(ceil(v / tile) * tile / v);
}

bool fit_effects_any(const fit_effects *e)
{
    bool any = false;
    for (int k = 0; k < FIT_N_EFFECTS; k++) {
        any = any || e->on[k];
    }
    return any;
}

void fit_effects_apply(const fit_effects *e, fit_view *view)
{
    const fit_data *d = view->data;
    bool both = view->axes == FIT_AXES_BS;
    view->ln_compute = view->bent;
    view->ln_memory = view->bent + d->n;
    view->no_floor = e->on[FIT_NO_FLOOR];
    for (size_t i = 0; i < d->n; i++) {
        const fit_point *p = &d->pt[i];
        double c = view->plain[i], m = view->plain[d->n + i];
        if (e->on[FIT_STAIRS_X]) {
            c += stairs(p->x, e->size[FIT_STAIRS_X]);
        }
        if (both && e->on[FIT_STAIRS_S]) {
            c += stairs(p->s, e->size[FIT_STAIRS_S]);
        }
        if (both && e->on[FIT_DRAM_ONLY] && p->memory_cold_s > 0) {
            m = log(p->memory_cold_s);
        }
        if (both && e->on[FIT_FEW_REQUESTS] && p->b < e->size[FIT_FEW_REQUESTS]) {
            double idle = e->power * log(e->size[FIT_FEW_REQUESTS] / p->b);
            c += idle;
            m += idle;
        }
        view->bent[i] = c;
        view->bent[d->n + i] = m;
    }
}

typedef struct trial {
    fit_data data;
    fit_folds folds;
    fit_view view;
    bool per_group;
} trial;

static void trial_clear(trial *t)
{
    fit_view_clear(&t->view);
    fit_folds_clear(&t->folds);
    fit_data_clear(&t->data);
}

/* Whole groups, evenly spaced, so that groups keep their curves: as many as hold
 * TRIAL_POINTS, but TRIAL_GROUPS at least; thinned evenly where they hold more.
 * SC_EDOMAIN where too few points are left: no trial. */
static sc_status trial_init(trial *t, const fit_data *d, int folds, sc_diag *diag)
{
    size_t groups = (size_t)d->n_groups, total = 0, n = 0, seen = 0;
    size_t m = groups * TRIAL_POINTS / d->n; /* of mean size */
    m = m < TRIAL_GROUPS ? TRIAL_GROUPS : m;
    m = m > groups ? groups : m;
    *t = (trial){.per_group = d->n_groups > 1};
    for (size_t q = 0; q < m; q++) {
        total += d->start[q * groups / m + 1] - d->start[q * groups / m];
    }
    size_t most = total < TRIAL_POINTS ? total : TRIAL_POINTS;
    fit_point *p = sc_malloc(most * sizeof *p);
    if (!p) {
        return sc_diag_nomem(diag);
    }
    for (size_t q = 0; q < m; q++) {
        size_t g = q * groups / m;
        for (size_t i = d->start[g]; i < d->start[g + 1]; i++) {
            if (++seen * most / total > n) { /* most of them, evenly */
                p[n++] = d->pt[i];
            }
        }
    }
    sc_status status = fit_data_init(&t->data, p, n, diag);
    sc_free(p);
    if (status) {
        return status;
    }
    status = fit_folds_init(&t->folds, &t->data, folds < 5 ? folds : 5, diag);
    if (!status) {
        status = fit_view_init(&t->view, &t->data, FIT_AXES_BS, diag);
    }
    if (status) {
        trial_clear(t);
    }
    return status;
}

/* Held-out loss of the physical model under these effects; infinite where it cannot be
 * fitted. */
static sc_status loss_of(trial *t, const fit_effects *e, double *loss, sc_diag *diag)
{
    fit_candidate c;
    bool usable;
    *loss = HUGE_VAL;
    fit_effects_apply(e, &t->view);
    sc_status status = fit_physical_run(&t->view, &t->folds, t->per_group, 0.01, NULL, &c,
                                        NULL, &usable, diag);
    if (!status && usable) {
        *loss = c.loss;
        fit_candidate_clear(&c);
    }
    return status;
}

/* The best form of one effect on top of those that are in. */
static sc_status try_effect(trial *t, const fit_effects *in, int k, fit_effects *best,
                            double *loss, sc_diag *diag)
{
    sc_status status = SC_OK;
    *loss = HUGE_VAL;
    for (int z = 0; !status && z < kinds[k].n_sizes * kinds[k].n_powers; z++) {
        fit_effects e = *in;
        double v;
        e.on[k] = true;
        e.size[k] = kinds[k].size ? kinds[k].size[z / kinds[k].n_powers] : NAN;
        if (k == FIT_FEW_REQUESTS) {
            e.power = request_power[z % kinds[k].n_powers];
        }
        status = loss_of(t, &e, &v, diag);
        if (!status && v < *loss) {
            *loss = v;
            *best = e;
        }
    }
    return status;
}

/* True where the effect would change something. */
static bool possible(const fit_data *d, int k)
{
    double x_lo = HUGE_VAL, s_lo = HUGE_VAL, b_lo = HUGE_VAL, b_hi = 0;
    bool cold = false, compute = false;
    for (size_t i = 0; i < d->n; i++) {
        x_lo = fmin(x_lo, d->pt[i].x);
        s_lo = fmin(s_lo, d->pt[i].s);
        b_lo = fmin(b_lo, d->pt[i].b);
        b_hi = fmax(b_hi, d->pt[i].b);
        cold |= d->pt[i].memory_cold_s > d->pt[i].memory_s * (1 + 1e-9);
        compute |= d->pt[i].compute_s > 0;
    }
    return k == FIT_DRAM_ONLY      ? cold
           : k == FIT_FEW_REQUESTS ? b_lo < b_hi
           : k == FIT_NO_FLOOR     ? true
                                   : compute;
}

static void note_effect(int k, double without, double with, const fit_effects *e,
                        fit_effect *out)
{
    snprintf(out->name, sizeof out->name, "%s", kinds[k].name);
    out->without = without;
    out->with = with;
    out->size = e->size[k];
    out->power = k == FIT_FEW_REQUESTS ? e->power : NAN;
}

sc_status fit_effects_choose(const fit_data *d, int folds, fit_effects *in,
                             fit_result *out, sc_diag *diag)
{
    trial t;
    memset(in, 0, sizeof *in);
    sc_status status = trial_init(&t, d, folds, diag);
    if (status) {
        return status == SC_EDOMAIN ? SC_OK : status;
    }
    double base;
    out->n_trial = t.data.n;
    status = loss_of(&t, in, &base, diag);
    out->n_effects = 0;
    for (int round = 0; !status && isfinite(base) && round < ROUNDS; round++) {
        double lowest = HUGE_VAL;
        fit_effects winner = *in;
        int which = -1;
        for (int k = 0; !status && k < FIT_N_EFFECTS; k++) {
            fit_effects best = *in;
            double loss = HUGE_VAL;
            if (in->on[k] || !possible(d, k)) {
                continue;
            }
            status = try_effect(&t, in, k, &best, &loss, diag);
            if (!status && isfinite(loss) && round == 0) {
                note_effect(k, base, loss, &best, &out->effect[out->n_effects]);
                out->effect[out->n_effects++].kind = k;
            }
            if (!status && loss < lowest) {
                lowest = loss;
                winner = best;
                which = k;
            }
        }
        if (status || !(lowest < base * (1 - MIN_GAIN))) {
            break;
        }
        for (int q = 0; q < out->n_effects; q++) {
            if (out->effect[q].kind == which) {
                note_effect(which, base, lowest, &winner, &out->effect[q]);
                out->effect[q].entered = true;
            }
        }
        base = lowest;
        *in = winner;
    }
    trial_clear(&t);
    return status;
}
