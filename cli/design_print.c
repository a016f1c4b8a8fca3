/* solcheck design: the design as text, JSON and CSV.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/design.h"
#include "cli/json.h"

#define LISTED 10 /* redundant cases in the text */
#define WIDTH 60  /* of the plot, without the scale */
#define HEIGHT 13

/* ---- names ---- */

/* "b=4 s=1024", and what differs between the configurations. */
static void add_name(const design_phase *ph, size_t i, sc_buf *out)
{
    const col_points *points = &ph->points;
    const col_point *p = &points->point[i];
    const sol_op *op = points->op;
    const sol_config *c = &points->config[p->group], *first = &points->config[0];
    char text[32];
    for (int k = 0; k < ph->phase->n_axes; k++)
        if (!ph->phase->axis[k].optional || p->axis[k] != ph->phase->axis[k].value) {
            sc_format_double(p->axis[k], text);
            sc_buf_printf(out, "%s%s=%s", k ? " " : "", ph->phase->axis[k].name, text);
        }
    for (int k = 0; k < op->n_params; k++) {
        bool differs = false;
        for (size_t g = 1; g < points->n_configs; g++)
            differs |= points->config[g].param[k] != first->param[k];
        if (differs) {
            sc_format_double(c->param[k], text);
            sc_buf_printf(out, " %s=%s", op->param[k].name, text);
        }
    }
    bool tp = false;
    for (size_t g = 1; g < points->n_configs; g++)
        tp |= points->config[g].tp != first->tp;
    if (tp)
        sc_buf_printf(out, " tp=%.0f", c->tp);
    for (int k = 0; k < op->n_slots; k++) {
        bool differs = false;
        for (size_t g = 1; g < points->n_configs; g++)
            differs |= points->config[g].slot[k] != first->slot[k];
        if (differs)
            sc_buf_printf(out, " %s=%s", op->slot[k].name, sol_dtype_name(c->slot[k]));
    }
}

static const char *duration(double s, char out[32])
{
    if (s < 120)
        snprintf(out, 32, "%.1f s", s);
    else if (s < 7200)
        snprintf(out, 32, "%.1f min", s / 60);
    else
        snprintf(out, 32, "%.2f h", s / 3600);
    return out;
}

/* ---- plot ---- */

typedef struct scale {
    double lo, hi;
    int cells;
} scale;

static int place(const scale *s, double v)
{
    double at = (log(v) - log(s->lo)) / (log(s->hi) - log(s->lo)) * (s->cells - 1);
    return at < 0 ? 0 : at > s->cells - 1 ? s->cells - 1 : (int)(at + 0.5);
}

static void ranges(const design *d, const design_phase *ph, scale *x, scale *y)
{
    *x = (scale){(double)ph->step[0].n, (double)ph->step[ph->n_steps - 1].n, WIDTH};
    *y = (scale){d->target / 2, d->target * 2, HEIGHT};
    for (size_t i = 0; i < ph->n_steps; i++) {
        y->lo = fmin(y->lo, fmax(ph->step[i].median, 1e-4));
        y->hi = fmax(y->hi, fmin(fmax(ph->step[i].p90, 1e-4), 1));
    }
    if (x->hi <= x->lo)
        x->hi = 2 * x->lo;
}

/* Error against number of points, both logarithmic. */
static void plot(const design *d, const design_phase *ph, sc_buf *out)
{
    char cell[HEIGHT][WIDTH + 1];
    scale x, y;
    ranges(d, ph, &x, &y);
    for (int r = 0; r < HEIGHT; r++) {
        memset(cell[r], r == place(&y, d->target) ? '-' : ' ', WIDTH);
        cell[r][WIDTH] = '\0';
    }
    for (size_t i = 0; i < ph->n_steps; i++) {
        const design_step *s = &ph->step[i];
        int column = place(&x, (double)s->n);
        cell[place(&y, fmax(s->p90, 1e-4))][column] = 'o';
        cell[place(&y, fmax(s->median, 1e-4))][column] = '*';
    }
    for (int r = HEIGHT - 1; r >= 0; r--) {
        double v = y.lo * pow(y.hi / y.lo, (double)r / (HEIGHT - 1));
        bool labelled = r % 3 == 0 || r == place(&y, d->target);
        if (r == place(&y, d->target))
            v = d->target;
        if (labelled)
            sc_buf_printf(out, "  %6.2f %% |%s\n", 1e2 * v, cell[r]);
        else
            sc_buf_printf(out, "           |%s\n", cell[r]);
    }
    sc_buf_printf(out, "           +%.*s\n", WIDTH,
                  "-----------------------------------------------------------------");
    sc_buf_printf(out, "            %-8zu%*zu points\n", ph->step[0].n, WIDTH - 8,
                  ph->step[ph->n_steps - 1].n);
    sc_buf_add(out, "            * median, o 90th percentile of the error, - target\n");
}

/* ---- text ---- */

static void redundant_text(const design_phase *ph, sc_buf *out)
{
    size_t n = ph->points.n - ph->chosen;
    char time[32];
    double seconds = design_seconds(ph, ph->points.n) - ph->at.gpu_s;
    if (n == 0)
        return;
    sc_buf_printf(out, "  %zu case%s redundant for this target, %s of GPU time:\n", n,
                  n == 1 ? " is" : "s are", duration(seconds, time));
    for (size_t q = ph->points.n; q > ph->chosen && ph->points.n - q < LISTED; q--) {
        sc_buf_add(out, "    ");
        add_name(ph, ph->order[q - 1], out);
        sc_buf_add(out, "\n");
    }
    if (n > LISTED)
        sc_buf_printf(out, "    and %zu more (--format json lists all)\n", n - LISTED);
}

static void verdict_text(const design *d, const design_phase *ph, sc_buf *out)
{
    char time[32], all[32];
    const char *how = ph->n_measured ? "" : ", expected";
    duration(ph->at.gpu_s, time);
    duration(design_seconds(ph, ph->points.n), all);
    if (ph->reached)
        sc_buf_printf(out,
                      "  %zu %s %.3g %%%s (median %.2f %%, p90 %.2f %%): %.1f "
                      "times fewer, %s of GPU time instead of %s\n",
                      ph->chosen, ph->chosen == 1 ? "point reaches" : "points reach",
                      1e2 * d->target, how, 1e2 * ph->at.median, 1e2 * ph->at.p90,
                      (double)ph->points.n / (double)ph->chosen, time, all);
    else
        sc_buf_printf(out,
                      "  %.3g %% is not reached%s: with %zu points the median is %.2f "
                      "%%, p90 %.2f %%\n",
                      1e2 * d->target, how, ph->chosen, 1e2 * ph->at.median,
                      1e2 * ph->at.p90);
}

static void phase_text(const design *d, const design_phase *ph, sc_buf *out)
{
    sc_buf_printf(out, "\n%s: %zu candidate%s of %s, %zu configuration%s\n",
                  sol_phase_name(ph->phase->kind), ph->points.n,
                  ph->points.n == 1 ? "" : "s", ph->source, ph->points.n_configs,
                  ph->points.n_configs == 1 ? "" : "s");
    if (ph->n_measured == 0)
        sc_buf_printf(out,
                      "  no latencies: errors are expected from SOL alone, for a latency "
                      "that departs from\n  the physical model by %.0f %% (standard "
                      "deviation)\n",
                      1e2 * DESIGN_PRIOR);
    else
        sc_buf_add(out, "  error of the points that are not in the design, predicted "
                        "from those that are;\n  with all of them: each predicted from "
                        "the others\n");
    plot(d, ph, out);
    verdict_text(d, ph, out);
    sc_buf_printf(out, "  boundaries between regimes with points on both sides: %d\n",
                  ph->n_boundaries);
    if (cli_has(&d->cli->options, CLI_OPT_CASES))
        redundant_text(ph, out);
}

sc_status design_text(const design *d, sc_buf *out)
{
    const char *dir = cli_value(&d->cli->options, CLI_OPT_OUT, NULL);
    sc_buf_printf(out, "design of %s on %s, target %.3g %%\n", d->cli->op->name,
                  d->cli->system->name, 1e2 * d->target);
    for (int p = 0; p < SOL_N_PHASES; p++)
        if (d->phase[p].present)
            phase_text(d, &d->phase[p], out);
    if (dir)
        sc_buf_printf(out, "\nwritten to %s: cases.yaml, design.json, design.csv\n", dir);
    else
        sc_buf_add(out, "\n--out DIR writes cases.yaml for solcheck measure --cases\n");
    return out->failed ? sc_diag_nomem(&d->cli->diag) : SC_OK;
}

/* ---- JSON ---- */

static json_t *point_json(const design_phase *ph, size_t i)
{
    const col_point *p = &ph->points.point[i];
    const sol_op *op = ph->points.op;
    const sol_config *c = &ph->points.config[p->group];
    json_t *out = json_object(), *params = json_object(), *dtypes = json_object();
    for (int k = 0; k < ph->phase->n_axes; k++)
        json_object_set_new(out, ph->phase->axis[k].name, cli_json_number(p->axis[k]));
    for (int k = 0; k < op->n_params; k++)
        json_object_set_new(params, op->param[k].name, cli_json_number(c->param[k]));
    for (int k = 0; k < op->n_slots; k++)
        json_object_set_new(dtypes, op->slot[k].name,
                            json_string(sol_dtype_name(c->slot[k])));
    json_object_set_new(out, "tp", cli_json_number(c->tp));
    json_object_set_new(out, "params", params);
    json_object_set_new(out, "dtypes", dtypes);
    json_object_set_new(out, "latency_ms", cli_json_number(1e3 * p->latency_s));
    json_object_set_new(out, "measuring_s", cli_json_number(ph->cost_s[i]));
    return out;
}

static json_t *step_json(const design_step *s)
{
    return json_pack("{s:I, s:o, s:o, s:o}", "points", (json_int_t)s->n, "median_error",
                     cli_json_number(s->median), "p90_error", cli_json_number(s->p90),
                     "gpu_s", cli_json_number(s->gpu_s));
}

static json_t *phase_json(const design_phase *ph)
{
    json_t *curve = json_array(), *points = json_array(), *redundant = json_array();
    for (size_t i = 0; i < ph->n_steps; i++)
        json_array_append_new(curve, step_json(&ph->step[i]));
    for (size_t q = 0; q < ph->points.n; q++)
        json_array_append_new(q < ph->chosen ? points : redundant,
                              point_json(ph, ph->order[q]));
    double all = design_seconds(ph, ph->points.n);
    return json_pack("{s:s, s:s, s:I, s:I, s:b, s:b, s:I, s:o, s:o, s:i, s:o, s:o, s:o, "
                     "s:o}",
                     "phase", sol_phase_name(ph->phase->kind), "source", ph->source,
                     "candidates", (json_int_t)ph->points.n, "measured",
                     (json_int_t)ph->n_measured, "expected", ph->n_measured == 0,
                     "reached", (int)ph->reached, "chosen", (json_int_t)ph->chosen, "at",
                     step_json(&ph->at), "gpu_s_all", cli_json_number(all), "boundaries",
                     ph->n_boundaries, "redundant_gpu_h",
                     cli_json_number((all - ph->at.gpu_s) / 3600), "curve", curve,
                     "points", points, "redundant", redundant);
}

sc_status design_json(const design *d, sc_buf *out)
{
    json_t *phases = json_array();
    for (int p = 0; p < SOL_N_PHASES; p++)
        if (d->phase[p].present)
            json_array_append_new(phases, phase_json(&d->phase[p]));
    json_t *root = json_pack("{s:s, s:s, s:f, s:o}", "op", d->cli->op->name, "system",
                             d->cli->system->name, "target", d->target, "phases", phases);
    return cli_json_dump(root, out, &d->cli->diag);
}

/* ---- CSV ---- */

sc_status design_csv(const design *d, sc_buf *out)
{
    sc_buf_add(out, "phase,points,median_error,p90_error,gpu_s,expected\n");
    for (int p = 0; p < SOL_N_PHASES; p++) {
        const design_phase *ph = &d->phase[p];
        for (size_t i = 0; ph->present && i < ph->n_steps; i++)
            sc_buf_printf(out, "%s,%zu,%.6g,%.6g,%.6g,%s\n",
                          sol_phase_name(ph->phase->kind), ph->step[i].n,
                          ph->step[i].median, ph->step[i].p90, ph->step[i].gpu_s,
                          ph->n_measured ? "no" : "yes");
    }
    return out->failed ? sc_diag_nomem(&d->cli->diag) : SC_OK;
}
