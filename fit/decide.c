/* solcheck - the decision rule (docs/fit.md).
 *
 * Non-equivalent needs three things: the differences at equal x are beyond chance (F
 * test), they matter (lower limit of the cost above the tolerance), and b and s explain
 * them (a (b,s) model predicts held-out x better). Equivalent needs evidence of its own:
 * enough iso-token points over the range of x, and the upper limit of the cost below the
 * tolerance. Everything else is undecided. SPDX-License-Identifier: GPL-3.0-or-later WITH
 * additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "fit/internal.h"

/* Below these an interval over iso-token points means nothing. */
#define MIN_ISO_X 4
#define MIN_ISO_DF 8
/* The part of the range of ln x that iso-token points must span to speak for all of it.
 */
#define MIN_COVER 0.5

const char *fit_kind_name(fit_kind kind)
{
    static const char *const name[] = {"undecided", "token-equivalent",
                                       "token-non-equivalent"};
    return (unsigned)kind < sizeof name / sizeof *name ? name[kind] : "undecided";
}

static void SC_PRINTF(3, 4) conclude(fit_result *out, fit_kind kind, const char *fmt, ...)
{
    va_list ap;
    out->kind = kind;
    va_start(ap, fmt);
    vsnprintf(out->reason, sizeof out->reason, fmt, ap);
    va_end(ap);
}

static double coverage(const fit_data *d, const fit_iso *iso)
{
    return log(iso->witness_hi / iso->witness_lo) / log(d->x_of[d->n_x - 1] / d->x_of[0]);
}

/* True when there are too few iso-token points to conclude anything. */
static bool too_few(const fit_iso *iso, fit_result *out)
{
    if (iso->n == 0) {
        conclude(
            out, FIT_UNDECIDED,
            "no two points share x with different (b,s), so nothing tells a function "
            "of x from one of (b,s)");
    } else if (iso->n_x < MIN_ISO_X || iso->df < MIN_ISO_DF) {
        conclude(out, FIT_UNDECIDED,
                 "%zu points at %d values of x share x with different (b,s); at least %d "
                 "values of x and %d points beyond the first at each are needed",
                 iso->n, iso->n_x, MIN_ISO_X, MIN_ISO_DF);
    } else {
        return false;
    }
    return true;
}

static void explain_open(const fit_options *o, bool significant, bool material,
                         fit_result *out)
{
    const fit_interval *c = &out->iso_cost;
    if (material && !significant) {
        conclude(
            out, FIT_UNDECIDED,
            "differences at equal x (p90 %.3g %%) are not beyond the repeat noise of "
            "%.3g %% (p = %.2g)",
            100 * out->iso_deviation, 100 * out->lof.noise, out->lof.p);
    } else if (material) {
        conclude(out, FIT_UNDECIDED,
                 "latency differs at equal x (p90 %.3g %%), but no (b,s) model predicts "
                 "held-out x better: error ratio %.3g [%.3g, %.3g]",
                 100 * out->iso_deviation, out->error_ratio.value, out->error_ratio.lo,
                 out->error_ratio.hi);
    } else {
        conclude(
            out, FIT_UNDECIDED,
            "latency differs at equal x by %.3g %% at p90, of which b and s explain "
            "%.3g %% [%.3g, %.3g]: not enough to tell whether that is below the "
            "tolerance of %.3g %%%s",
            100 * out->iso_deviation, 100 * c->value, 100 * c->lo, 100 * c->hi,
            100 * o->tolerance,
            out->iso_deviation > o->tolerance && c->value < o->tolerance
                ? "; most of it is noise, so that longer measurements tell more than "
                  "further points"
                : "");
    }
}

/* Held-out p90 error that choosing x adds. */
static double added_error(const fit_result *r)
{
    return r->model[FIT_AXES_X][r->best[FIT_AXES_X]].p90_error -
           r->model[FIT_AXES_BS][r->best[FIT_AXES_BS]].p90_error;
}

static void decide_equivalent(const fit_data *d, const fit_iso *iso, const fit_options *o,
                              fit_result *out)
{
    const fit_interval *c = &out->iso_cost;
    double cover = coverage(d, iso), added = added_error(out);
    if (iso->witness_x < MIN_ISO_X || iso->witness_df < MIN_ISO_DF) {
        conclude(
            out, FIT_UNDECIDED,
            "points of equal x agree within %.3g %%, but where their bounds differ "
            "latency is far above them: a launch floor would hide a dependence on b and "
            "s; larger x will tell",
            100 * c->hi);
    } else if (cover < MIN_COVER) {
        conclude(
            out, FIT_UNDECIDED,
            "points of equal x agree within %.3g %%, but they span only %.0f %% of the "
            "range of x",
            100 * c->hi, 100 * cover);
    } else if (added > o->tolerance && out->error_ratio.lo > 1) {
        conclude(
            out, FIT_UNDECIDED,
            "points of equal x agree within %.3g %%, yet a (b,s) model predicts held-out "
            "x better by %.3g %%: the points of equal x may not be typical",
            100 * c->hi, 100 * added);
    } else {
        const char *note = "";
        if (out->iso_deviation > o->tolerance) {
            note = "; larger differences are there, but b and s do not explain them";
        } else if (out->lof.p < o->alpha) {
            note = "; the differences are beyond the repeat noise but do not matter";
        }
        conclude(
            out, FIT_TOKEN_EQUIVALENT,
            "%zu points at %d values of x share x with different (b,s), and what b and "
            "s add to a function of x is at most %.2g %% at p90, below the tolerance "
            "of %.3g %%%s",
            iso->n, iso->n_x, 100 * c->hi, 100 * o->tolerance, note);
    }
}

void fit_rule(const fit_data *d, const fit_iso *iso, const fit_options *o,
              fit_result *out)
{
    const fit_interval *c = &out->iso_cost;
    bool significant = out->lof.p < o->alpha;
    bool material = c->lo > o->tolerance;
    bool explained = out->error_ratio.lo > 1;
    if (too_few(iso, out)) {
        fit_next_points(d, false, out);
        return;
    }
    if (significant && material && explained) {
        conclude(
            out, FIT_TOKEN_NON_EQUIVALENT,
            "at equal x latency differs up to %.3g-fold: any function of x is off by "
            "%.3g %% [%.3g, %.3g] at p90 (tolerance %.3g %%), beyond noise (p %s %.2g), "
            "and a (b,s) model has %.3g times less held-out error [%.3g, %.3g]",
            1 + out->lof.spread_max, 100 * c->value, 100 * c->lo, 100 * c->hi,
            100 * o->tolerance, out->lof.p < 1e-12 ? "<" : "=", fmax(out->lof.p, 1e-12),
            out->error_ratio.value, out->error_ratio.lo, out->error_ratio.hi);
    } else if (c->hi < o->tolerance) {
        decide_equivalent(d, iso, o, out);
    } else {
        explain_open(o, significant, material, out);
    }
    if (out->kind == FIT_UNDECIDED) {
        fit_next_points(d, iso->witness_df < iso->df, out);
    }
}
