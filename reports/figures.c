/* solcheck - reports: figures other than SOL over the axes (plot.c): roofline, SOL% map,
 * iso-token spread, residuals, error over number of points. Numbers go in as data blocks,
 * foreign text in single quotes only. Colours: Okabe and Ito, "Color Universal Design",
 * 2008, and, where a value is coded, viridis (Nunez et al., PLoS ONE 13(7), 2018): both
 * colour-blind safe. SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#include <config.h>

#include "reports/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/plot.h"

#define BLUE "#0072b2"
#define ORANGE "#d55e00"

const char *rep_figure_name(rep_figure kind)
{
    static const char *const names[] = {
#define X(id, name, text, measured) name,
        REP_FIGURE_LIST(X)
#undef X
    };
    return (unsigned)kind < REP_N_FIGURES ? names[kind] : "?";
}

const char *rep_figure_text(rep_figure kind)
{
    static const char *const texts[] = {
#define X(id, name, text, measured) text,
        REP_FIGURE_LIST(X)
#undef X
    };
    return (unsigned)kind < REP_N_FIGURES ? texts[kind] : "?";
}

static bool needs_points(rep_figure kind)
{
    static const bool measured[] = {
#define X(id, name, text, measured) measured,
        REP_FIGURE_LIST(X)
#undef X
    };
    return measured[kind];
}

bool rep_figure_find(const char *name, rep_figure *out)
{
    for (int k = 0; k < REP_N_FIGURES; k++)
        if (strcmp(name, rep_figure_name((rep_figure)k)) == 0) {
            *out = (rep_figure)k;
            return true;
        }
    return false;
}

bool rep_is_format(const char *format)
{
    static const char *const known[] = {"svg", "png", "pdf", "dumb"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(format, known[i]) == 0)
            return true;
    return false;
}

/* ---- the frame ---- */

typedef struct figure {
    const rep_study *study;
    const rep_phase *p;
    bool dumb; /* characters: no room for notes */
    sc_buf *out;
} figure;

static void quoted(const figure *f, const char *before, const sc_buf *text, int columns,
                   const char *after)
{
    sc_buf cut = {0};
    rep_add_short(&cut, sc_buf_text(text), columns);
    sc_buf_add(f->out, before);
    rep_add_gnuplot(f->out, sc_buf_text(&cut));
    sc_buf_add(f->out, after);
    f->out->failed |= cut.failed || text->failed;
    sc_buf_free(&cut);
}

/* Title, note, and at the foot source and date. */
static void frame(const figure *f, const char *title, const char *note)
{
    const rep_study *study = f->study;
    sc_buf text = {0};
    sc_buf_printf(&text, "%s, %s phase: %s", study->op->name,
                  sol_phase_name(f->p->phase->kind), title);
    if (f->p->points.device[0])
        sc_buf_printf(&text, ", %s", f->p->points.device);
    quoted(f, "set title ", &text, f->dumb ? 90 : 105, f->dumb ? "\n" : " font ',15'\n");
    sc_buf_free(&text);
    if (f->dumb)
        return;
    sc_buf_printf(&text, "%s; SOL of %s%s", note, study->system->name,
                  study->sol_comparable ? "" : " (another device than the measured one)");
    quoted(f, "set label 1 ", &text, 150,
           " at screen 0.012, 0.036 left font ',11' textcolor rgb '#444444'\n");
    sc_buf_free(&text);
    sc_buf_printf(&text, "%s: %s; solcheck %s, %s", rep_source_name(study->source),
                  study->source_text, PACKAGE_VERSION, study->date);
    quoted(f, "set label 2 ", &text, 165,
           " at screen 0.012, 0.014 left font ',11' textcolor rgb '#444444'\n");
    sc_buf_free(&text);
    sc_buf_add(f->out,
               "set lmargin at screen 0.1\nset bmargin at screen 0.16\nset "
               "tics font ',12' nomirror\nset border 3 linecolor rgb '#444444'\nset grid "
               "back linetype 1 linecolor rgb '#d9d9d9' linewidth 0.7\n");
}

/* "s: new tokens per request", as a label of gnuplot's. */
static void axis_label(const figure *f, const char *which, int axis)
{
    const sol_axis *a = &f->p->phase->axis[axis];
    sc_buf text = {0};
    sc_buf_printf(&text, "%s: %s", a->name, a->meaning);
    sc_buf_printf(f->out, "set %s ", which);
    quoted(f, "", &text, 70, "\n");
    sc_buf_free(&text);
}

/* Colour codes the first axis, in log space. */
static double colour_of(const figure *f, size_t i)
{
    int required[SOL_MAX_AXES], n = rep_required_axes(f->p->phase, required);
    return n > 0 ? f->p->points.point[i].axis[required[0]] : 1;
}

static void palette(const figure *f)
{
    sc_buf_add(f->out,
               "set palette defined (0 '#440154', 0.25 '#3b528b', 0.5 '#21918c', 0.75 "
               "'#5ec962', 1 '#fde725')\n");
    if (f->dumb)
        sc_buf_add(f->out, "unset colorbox\n");
}

static void palette_of_first_axis(const figure *f)
{
    int required[SOL_MAX_AXES], n = rep_required_axes(f->p->phase, required);
    palette(f);
    sc_buf_add(f->out, f->dumb ? "" : "set logscale cb 2\n");
    if (n > 0)
        axis_label(f, "cblabel", required[0]);
}

static sc_status nothing(const figure *f, rep_figure kind, const char *why, sc_diag *diag)
{
    return sc_diag_fail(diag, SC_EDOMAIN, SC5003, "no %s figure of %s, %s phase: %s",
                        rep_figure_name(kind), f->study->op->name,
                        sol_phase_name(f->p->phase->kind), why);
}

/* Returns 1 when the line can be drawn: gnuplot fails on blocks of which none can. */
static size_t line(const figure *f, double a, double b, double c)
{
    if (!isfinite(a) || !isfinite(b))
        return 0;
    sc_buf_printf(f->out, "%.9g %.9g %.9g\n", a, b, c);
    return 1;
}

/* ---- roofline ---- */

typedef struct roof {
    double peak_FLOP_s, dram_B_s; /* architectural, the highest of all points */
    double sheet_peak_FLOP_s, sheet_dram_B_s; /* datasheet */
    bool flops;                               /* false: no work but moving bytes */
} roof;

static void reach(double *most, double value)
{
    if (isfinite(value))
        *most = fmax(*most, value);
}

static roof roof_of(const rep_phase *p)
{
    roof r = {0};
    for (size_t i = 0; i < p->points.n; i++) {
        const sol_bound *a = &p->bound[i], *d = &p->bound_sheet[i];
        reach(&r.peak_FLOP_s, a->flop / a->compute_s);
        reach(&r.dram_B_s, a->bytes_B / a->memory_cold_s);
        reach(&r.sheet_peak_FLOP_s, d->flop / d->compute_s);
        reach(&r.sheet_dram_B_s, d->bytes_B / d->memory_cold_s);
        r.flops |= a->flop > 0;
    }
    return r;
}

static size_t roofline_data(const figure *f, const roof *r)
{
    size_t n = 0;
    sc_buf_add(f->out, "$points << EOD\n");
    for (size_t i = 0; i < f->p->points.n; i++) {
        const sol_bound *a = &f->p->bound[i];
        double t = f->p->points.point[i].latency_s;
        if (r->flops && a->flop > 0 && a->bytes_B > 0)
            n += line(f, a->flop / a->bytes_B, 1e-12 * a->flop / t, colour_of(f, i));
        else if (!r->flops && a->bytes_B > 0)
            n += line(f, 1e-6 * a->bytes_B, 1e-9 * a->bytes_B / t, colour_of(f, i));
    }
    sc_buf_add(f->out, "EOD\n");
    return n;
}

static sc_status roofline(const figure *f, sc_diag *diag)
{
    roof r = roof_of(f->p);
    double l2_B_s = f->study->system->l2_bw_B_s.value;
    if (!(r.dram_B_s > 0))
        return nothing(f, REP_FIGURE_ROOFLINE, "it moves no bytes", diag);
    if (!roofline_data(f, &r))
        return nothing(f, REP_FIGURE_ROOFLINE, "no point has a bound", diag);
    palette_of_first_axis(f);
    sc_buf_add(f->out, "set logscale xy\nset key bottom right\n");
    frame(
        f, r.flops ? "roofline" : "achieved bandwidth (no FLOPs)",
        "bytes: each distinct one once, so points out of L2 may lie above the DRAM line");
    if (!r.flops) {
        sc_buf_printf(
            f->out,
            "set xlabel 'bytes moved (MB)'\nset ylabel 'bandwidth (GB/s)'\n"
            "plot %.9g with lines lw 2 lc rgb 'black' title 'DRAM, %s', $points "
            "using 1:2:3 with points pt 7 ps 0.8 lc palette title 'measured'\n",
            1e-9 * r.dram_B_s, rep_rate(r.dram_B_s, "B/s").c);
        return SC_OK;
    }
    sc_buf_printf(f->out,
                  "set xlabel 'arithmetic intensity (FLOP / byte)'\nset ylabel 'rate "
                  "(TFLOP/s)'\nroof(x, w, p) = x * w < p ? x * w : p\nset samples 500\n"
                  "plot roof(x, %.9g, %.9g) with lines lw 2 lc rgb 'black' title "
                  "'architectural: %s, ",
                  1e-12 * r.dram_B_s, 1e-12 * r.peak_FLOP_s,
                  rep_rate(r.peak_FLOP_s, "FLOP/s").c);
    sc_buf_printf(f->out, "%s', ", rep_rate(r.dram_B_s, "B/s").c);
    if (r.sheet_peak_FLOP_s < 0.999 * r.peak_FLOP_s ||
        r.sheet_dram_B_s < 0.999 * r.dram_B_s)
        sc_buf_printf(f->out,
                      "roof(x, %.9g, %.9g) with lines lw 1.2 dt 3 lc rgb 'black' "
                      "title 'datasheet: %s', ",
                      1e-12 * r.sheet_dram_B_s, 1e-12 * r.sheet_peak_FLOP_s,
                      rep_rate(r.sheet_peak_FLOP_s, "FLOP/s").c);
    if (isfinite(l2_B_s) && l2_B_s > r.dram_B_s)
        sc_buf_printf(f->out,
                      "roof(x, %.9g, %.9g) with lines lw 1.2 dt 2 lc rgb '" BLUE
                      "' title 'out of L2: %s', ",
                      1e-12 * l2_B_s, 1e-12 * r.peak_FLOP_s, rep_rate(l2_B_s, "B/s").c);
    sc_buf_add(f->out, "$points using 1:2:3 with points pt 7 ps 0.8 lc palette title "
                       "'measured'\n");
    return SC_OK;
}

/* ---- SOL% map ---- */

/* The configuration with most points. */
static int largest_group(const rep_phase *p)
{
    int best = 0;
    size_t most = 0;
    for (size_t g = 0; g < p->points.n_configs; g++) {
        size_t n = 0;
        for (size_t i = 0; i < p->points.n; i++)
            n += plot_in_group(p, i, (int)g);
        if (n > most) {
            most = n;
            best = (int)g;
        }
    }
    return best;
}

/* Of its two cache states the one with more points is shown. */
static bool mostly_hot(const rep_phase *p, int group)
{
    size_t n = 0, hot = 0;
    for (size_t i = 0; i < p->points.n; i++)
        if (plot_in_group(p, i, group)) {
            n++;
            hot += p->points.point[i].hot;
        }
    return 2 * hot >= n;
}

static size_t index_of(const rep_sweep *values, double value)
{
    size_t i = 0;
    while (i < values->n && values->value[i] != value)
        i++;
    return i;
}

static sc_status axis_values(const figure *f, int group, int axis, rep_sweep *out,
                             sc_diag *diag)
{
    for (size_t i = 0; i < f->p->points.n; i++)
        if (plot_in_group(f->p, i, group) &&
            rep_sweep_add(out, f->p->points.point[i].axis[axis], false) != SC_OK)
            return sc_diag_nomem(diag);
    return SC_OK;
}

static void share_tics(const figure *f, char axis, const rep_sweep *values)
{
    size_t every = 1 + values->n / (f->dumb ? 12 : 24);
    sc_buf_printf(f->out, "set %ctics (", axis);
    for (size_t i = 0; i < values->n; i += every)
        sc_buf_printf(f->out, "%s'%s' %zu", i ? ", " : "", rep_number(values->value[i]).c,
                      i);
    sc_buf_printf(f->out, ")%s\nset %crange [-0.5:%.1f]\n",
                  axis == 'x' && !f->dumb ? " rotate by 45 right" : "", axis,
                  (double)values->n - 0.5);
}

static void share_plot(const figure *f, int group, const int axis[2],
                       const rep_sweep values[2])
{
    const rep_phase *p = f->p;
    bool hot = mostly_hot(p, group), room = values[0].n <= 24 && values[1].n <= 32;
    sc_buf label = {0};
    sc_buf_add(f->out, "$cells << EOD\n");
    for (size_t i = 0; i < p->points.n; i++)
        if (plot_in_group(p, i, group) && p->points.point[i].hot == hot)
            line(f, (double)index_of(&values[1], p->points.point[i].axis[axis[1]]),
                 (double)index_of(&values[0], p->points.point[i].axis[axis[0]]),
                 100 * rep_point_share(p, i, SOL_ARCHITECTURAL));
    sc_buf_add(f->out, "EOD\n");
    share_tics(f, 'x', &values[1]);
    share_tics(f, 'y', &values[0]);
    palette(f);
    sc_buf_add(f->out, "set cblabel 'SOL% (SOL / latency)'\n");
    rep_add_config(&label, f->study->op, &p->points.config[group]);
    frame(f, hot ? "SOL%, hot cache" : "SOL%, cold cache", sc_buf_text(&label));
    f->out->failed |= label.failed;
    sc_buf_free(&label);
    axis_label(f, "xlabel", axis[1]);
    axis_label(f, "ylabel", axis[0]);
    sc_buf_add(f->out, "unset key\nunset grid\nset cbrange [0:100]\n");
    if (f->dumb) {
        sc_buf_add(f->out, "plot $cells using 1:2:(sprintf('%.0f', $3)) with labels\n");
        return;
    }
    sc_buf_add(f->out, "plot $cells using 1:2:($1-0.5):($1+0.5):($2-0.5):($2+0.5):3 with "
                       "boxxyerror fill solid noborder lc palette");
    if (room)
        sc_buf_add(f->out, ", $cells using 1:2:(sprintf('%.0f', $3)):($3 > 60 ? 0x000000 "
                           ": 0xffffff) with labels font ',10' tc rgb variable");
    sc_buf_add(f->out, "\n");
}

static sc_status share(const figure *f, sc_diag *diag)
{
    rep_sweep values[2] = {{0}};
    int required[SOL_MAX_AXES], n = rep_required_axes(f->p->phase, required);
    if (n < 2)
        return nothing(f, REP_FIGURE_SHARE, "it has one axis only", diag);
    int axis[2] = {required[0], required[n - 1]}, group = largest_group(f->p);
    sc_status status = axis_values(f, group, axis[0], &values[0], diag);
    if (status == SC_OK)
        status = axis_values(f, group, axis[1], &values[1], diag);
    if (status == SC_OK)
        share_plot(f, group, axis, values);
    rep_sweep_clear(&values[0]);
    rep_sweep_clear(&values[1]);
    return status;
}

/* ---- iso-token spread ---- */

typedef struct iso { /* a measured point by its x */
    const rep_phase *p;
    double x;
    size_t i;
} iso;

static bool same_set(const iso *a, const iso *b)
{
    const col_point *u = &a->p->points.point[a->i], *v = &b->p->points.point[b->i];
    return u->group == v->group && u->hot == v->hot && a->x == b->x;
}

static int by_set(const void *a, const void *b)
{
    const iso *x = a, *y = b;
    const col_point *u = &x->p->points.point[x->i], *v = &y->p->points.point[y->i];
    if (u->group != v->group)
        return u->group < v->group ? -1 : 1;
    if (u->hot != v->hot)
        return u->hot - v->hot;
    return (x->x > y->x) - (x->x < y->x);
}

static bool differ(const figure *f, const iso *a, const iso *b)
{
    for (int k = 0; k < f->p->phase->n_axes; k++)
        if (f->p->points.point[a->i].axis[k] != f->p->points.point[b->i].axis[k])
            return true;
    return false;
}

/* A decade that is nearly empty hides what there is. */
#define LOG_SPREAD 3

/* Points of one x, when they differ in their axes. Returns how many were written; *most
 * becomes the largest ratio, if it was less. */
static size_t spread_group(const figure *f, const iso *row, size_t n, double *most)
{
    double least = INFINITY;
    bool differs = false;
    for (size_t i = 0; i < n; i++) {
        least = fmin(least, f->p->points.point[row[i].i].latency_s);
        differs |= differ(f, &row[0], &row[i]);
    }
    for (size_t i = 0; i < n && differs; i++) {
        double ratio = f->p->points.point[row[i].i].latency_s / least;
        line(f, row[i].x, ratio, colour_of(f, row[i].i));
        reach(most, ratio);
    }
    return differs ? n : 0;
}

static sc_status spread(const figure *f, sc_diag *diag)
{
    size_t n = f->p->points.n, drawn = 0;
    double most = 1, *x = sc_calloc(n, sizeof *x);
    iso *row = sc_calloc(n, sizeof *row);
    sc_status status =
        x && row ? plot_point_tokens(f->study, f->p, x, diag) : sc_diag_nomem(diag);
    sc_buf_add(f->out, "$points << EOD\n");
    for (size_t i = 0; i < n && status == SC_OK; i++)
        row[i] = (iso){f->p, x[i], i};
    if (status == SC_OK)
        qsort(row, n, sizeof *row, by_set);
    for (size_t from = 0, to; from < n && status == SC_OK; from = to) {
        for (to = from + 1; to < n && same_set(&row[from], &row[to]);)
            to++;
        drawn += spread_group(f, row + from, to - from, &most);
    }
    sc_free(x);
    sc_free(row);
    if (status == SC_OK && !drawn)
        status = nothing(f, REP_FIGURE_SPREAD, "no two points share x", diag);
    if (status != SC_OK)
        return status;
    sc_buf_add(f->out, "EOD\n");
    palette_of_first_axis(f);
    sc_buf_printf(f->out,
                  "set logscale x\nunset key\nset xlabel 'tokens x'\nset ylabel 'latency "
                  "/ fastest latency at the same x'\n%s",
                  most > LOG_SPREAD ? "set logscale y\n" : "");
    if (most <= LOG_SPREAD)
        sc_buf_printf(f->out, "set yrange [%.9g:%.9g]\n", 1 - 0.1 * (most - 1),
                      1.1 * most - 0.1 + 1e-3);
    frame(f, "iso-token spread",
          "1 throughout: latency is a function of x; points of one configuration");
    sc_buf_add(f->out, "plot 1 with lines lw 2 lc rgb 'black', $points using 1:2:3 with "
                       "points pt 7 ps 0.8 lc palette\n");
    return SC_OK;
}

/* ---- residuals ---- */

static sc_status residuals(const figure *f, sc_diag *diag)
{
    static const char *const label[] = {
        [FIT_AXES_X] = "of x", [FIT_AXES_BS] = "of (b, s)"};
    static const char *const colour[] = {[FIT_AXES_X] = ORANGE, [FIT_AXES_BS] = BLUE};
    const fit_result *fit = &f->p->fit;
    if (!f->p->fitted || !fit->held_out[0] || !fit->held_out[1])
        return nothing(f, REP_FIGURE_RESIDUALS, "nothing was fitted", diag);
    size_t n[2] = {0};
    double most = 0;
    for (int a = 0; a < 2; a++) {
        sc_buf_printf(f->out, "$model%d << EOD\n", a);
        for (size_t i = 0; i < fit->n; i++) {
            double t = f->p->points.point[i].latency_s;
            double error = 100 * (fit->held_out[a][i] / t - 1);
            n[a] += line(f, 1e3 * t, error, 0);
            reach(&most, fabs(error));
        }
        sc_buf_add(f->out, "EOD\n");
    }
    if (!n[0] || !n[1])
        return nothing(f, REP_FIGURE_RESIDUALS, "nothing was held out", diag);
    double reached = fmin(100, fmax(1, ceil(1.1 * most)));
    sc_buf_printf(f->out,
                  "set logscale x\nset key top right\nset xlabel 'measured latency "
                  "(ms)'\nset ylabel 'held-out error (%%)'\nset yrange [%g:%g]\n",
                  -reached, reached);
    frame(f, "held-out error",
          most > 100 ? "cross-validation grouped by x; errors beyond 100 % are not shown"
                     : "cross-validation grouped by x");
    sc_buf_add(f->out, "plot 0 with lines lw 1 lc rgb 'black' notitle");
    for (int a = 0; a < 2; a++)
        sc_buf_printf(f->out,
                      ", $model%d using 1:2 with points pt %d ps 0.8 lc rgb '%s' "
                      "title 'best model %s: median %s'",
                      a, a ? 7 : 6, colour[a], label[a],
                      rep_percent(fit->model[a][fit->best[a]].median_error).c);
    sc_buf_add(f->out, "\n");
    return SC_OK;
}

/* ---- error over number of points ---- */

#define LEAST_ERROR 1e-6 /* drawn: a law without noise has none, and 0 no logarithm */

/* 1, 2, 5 times powers of ten: an axis of two decades has more than two labels. */
static void decade_tics(const figure *f, char axis, double lo, double hi)
{
    static const int step[] = {1, 2, 5};
    const char *comma = "";
    sc_buf_printf(f->out, "set logscale %c\nset %crange [%.9g:%.9g]\nset %ctics (", axis,
                  axis, lo, hi, axis);
    for (int e = (int)floor(log10(lo)); e <= (int)log10(hi); e++)
        for (int i = 0; i < 3; i++, comma = ", ")
            sc_buf_printf(f->out, "%s'%g' %.9g", comma, step[i] * pow(10, e),
                          step[i] * pow(10, e));
    sc_buf_add(f->out, ")\n");
}

static sc_status error(const figure *f, sc_diag *diag)
{
    const rep_phase *p = f->p;
    double target = 100 * f->study->target, n = (double)p->points.n;
    double lo = target > 0 ? target : INFINITY, hi = target;
    if (p->n_errors < 2)
        return nothing(f, REP_FIGURE_ERROR, "too few points for a curve", diag);
    sc_buf_add(f->out, "$error << EOD\n");
    for (size_t i = 0; i < p->n_errors; i++) {
        double median = 100 * fmax(p->error[i].median, LEAST_ERROR),
               p90 = 100 * fmax(p->error[i].p90, LEAST_ERROR);
        bool decade = i > 0 && p->error[i].n > 10 * p->error[i - 1].n;
        if (decade || (i > 0 && p->error[i].n == p->points.n))
            sc_buf_add(f->out, "\n"); /* no line through the unknown, nor to all points,
                                         each of which is left out in turn */
        line(f, (double)p->error[i].n, median, p90);
        lo = fmin(lo, median);
        hi = fmax(hi, p90);
    }
    sc_buf_add(f->out, "EOD\n");
    decade_tics(f, 'x', 0.9 * (double)p->error[0].n, 1.2 * n);
    decade_tics(f, 'y', lo / 1.5, 1.5 * hi);
    sc_buf_printf(f->out,
                  "set key bottom left\nset xlabel 'points'\nset ylabel 'held-out error "
                  "(%%)'\nset arrow 1 from %.9g, graph 0 to %.9g, graph 1 nohead dt 3 lc "
                  "rgb '#444444'\nset label 3 '%zu points in the table' at %.9g, graph "
                  "0.96 right offset -1, 0\n",
                  n, n, p->points.n, n);
    frame(f, "held-out error over number of points",
          "points in the order of solcheck design, the others predicted from them; with "
          "all "
          "of them each from the others");
    sc_buf_add(f->out, "plot ");
    if (target > 0)
        sc_buf_printf(
            f->out, "%.9g with lines lw 1.5 dt 2 lc rgb 'black' title 'target %.3g %%', ",
            target, target);
    sc_buf_add(f->out, "$error using 1:3 with linespoints lw 2 pt 6 lc rgb '" ORANGE
                       "' title '90th percentile', $error using 1:2 with linespoints "
                       "lw 2 pt 7 lc rgb '" BLUE "' title 'median'\n");
    return SC_OK;
}

/* ---- all of them ---- */

sc_status rep_figure_script(const rep_study *study, const rep_phase *p, rep_figure kind,
                            const char *format, const char *file, sc_buf *out,
                            sc_diag *diag)
{
    typedef sc_status drawer(const figure *f, sc_diag *diag);
    static drawer *const draw[REP_N_FIGURES] = {[REP_FIGURE_ROOFLINE] = roofline,
                                                [REP_FIGURE_SHARE] = share,
                                                [REP_FIGURE_SPREAD] = spread,
                                                [REP_FIGURE_RESIDUALS] = residuals,
                                                [REP_FIGURE_ERROR] = error};
    figure f = {study, p, strcmp(format, "dumb") == 0, out};
    if (kind == REP_FIGURE_LATENCY)
        return rep_plot_script(study, p, format, file, out, diag);
    if (needs_points(kind) && p->points.n == 0)
        return nothing(&f, kind, "nothing was measured", diag);
    plot_begin(out, format, file);
    sc_status status = draw[kind](&f, diag);
    if (status == SC_OK)
        sc_buf_add(out, "unset output\n");
    return status == SC_OK ? rep_done(out, diag) : status;
}
