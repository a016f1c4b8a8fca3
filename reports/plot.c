/* solcheck - reports: SOL versus measured latency, as gnuplot commands.
 *
 * One figure a phase: log-log latency over the last swept axis (or over x), one colour
 * per value of the first; panels for up to four configurations. Numbers go in as data
 * blocks, foreign text in single quotes only, file names are our own. Palette: Okabe and
 * Ito, "Color Universal Design", 2008 (colour-blind safe). SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/plot.h"

#define SHADE "#e6eef5"

static const char *const palette[PLOT_MAX_CURVES] = {"#0072b2", "#e69f00", "#009e73",
                                                     "#d55e00", "#cc79a7"};
static const int point_type[PLOT_MAX_CURVES] = {7, 5, 9, 11, 13};
/* Points that should coincide nest: hollow marks of growing size. */
static const int hollow_type[PLOT_MAX_CURVES] = {2, 6, 8, 10, 4};
static const double hollow_size[PLOT_MAX_CURVES] = {0.8, 1.0, 1.5, 1.9, 2.3};

/* ---- data blocks ---- */

/* Which curve a measured point belongs to; -1: to none. */
static int curve_of(const plot_figure *f, const plot_panel *panel, const col_point *point)
{
    if (f->first < 0) {
        return 0;
    }
    for (int c = 0; c < panel->n_curves; c++) {
        if (panel->curve[c].first == point->axis[f->first]) {
            return c;
        }
    }
    return -1;
}

/* $m<panel>_<curve>: abscissa, latency, low and high end of the bar, in ms; curve
 * PLOT_MAX_CURVES holds the points of no curve. Returns in count[] how many there are. */
static void add_measured(sc_buf *out, const plot_figure *f, int k, const double *x,
                         int count[PLOT_MAX_CURVES + 1])
{
    const plot_panel *panel = &f->panel[k];
    for (int c = 0; c <= PLOT_MAX_CURVES; c++) {
        count[c] = 0;
        sc_buf_printf(out, "$m%d_%d << EOD\n", k, c);
        for (size_t i = 0; i < f->p->points.n; i++) {
            const col_point *point = &f->p->points.point[i];
            int own = curve_of(f, panel, point);
            if (!plot_in_group(f->p, i, panel->group) || point->hot != panel->hot ||
                (own < 0 ? PLOT_MAX_CURVES : own) != c) {
                continue;
            }
            double t = 1e3 * point->latency_s;
            double bar = isfinite(point->noise) ? fmin(2 * point->noise, 0.9) : 0;
            sc_buf_printf(out, "%.9g %.9g %.9g %.9g\n",
                          f->tokens ? x[i] : point->axis[f->along], t, t * (1 - bar),
                          t * (1 + bar));
            count[c]++;
        }
        sc_buf_add(out, "EOD\n");
    }
}

static void add_value(sc_buf *out, double v)
{
    if (isfinite(v) && v > 0) {
        sc_buf_printf(out, " %.9g", v);
    } else {
        sc_buf_add(out, " NaN");
    }
}

/* $s<panel>_<curve>: abscissa, bound where compute-bound, where memory-bound, datasheet.
 * A sample next to a change of regime belongs to both, so that the line has no gap. */
static void add_bounds(sc_buf *out, const plot_figure *f, int k)
{
    const plot_panel *panel = &f->panel[k];
    int n_curves = f->tokens ? 1 : panel->n_curves;
    for (int c = 0; c < n_curves; c++) {
        const plot_curve *v = &panel->curve[c];
        sc_buf_printf(out, "$s%d_%d << EOD\n", k, c);
        for (int j = 0; j < v->n; j++) {
            const plot_sample *s = &v->sample[j];
            bool joins = j + 1 < v->n && v->sample[j + 1].memory != s->memory;
            sc_buf_printf(out, "%.9g", s->at);
            add_value(out, !s->memory || joins ? s->sol : NAN);
            add_value(out, s->memory || joins ? s->sol : NAN);
            /* only where it is another line */
            add_value(out, s->sheet > 1.005 * s->sol ? s->sheet : NAN);
            sc_buf_add(out, "\n");
        }
        sc_buf_add(out, "EOD\n");
    }
}

/* ---- ranges ---- */

typedef struct range {
    double lo, hi;
} range;

static void widen(range *r, double v)
{
    if (isfinite(v) && v > 0) {
        r->lo = fmin(r->lo, v);
        r->hi = fmax(r->hi, v);
    }
}

/* Common to all panels, so that they compare. Far below the fastest measurement SOL has
 * nothing to say: the range ends a factor of 30 below it. */
static void ranges(const plot_figure *f, const double *x, range *ax, range *ay)
{
    range sol = {INFINITY, -INFINITY}, seen = sol, at = sol;
    for (int k = 0; k < f->n_panels; k++) {
        const plot_panel *panel = &f->panel[k];
        for (int c = 0; c < (f->tokens ? 1 : panel->n_curves); c++) {
            for (int j = 0; j < panel->curve[c].n; j++) {
                widen(&sol, panel->curve[c].sample[j].sol);
                widen(&at, isfinite(panel->curve[c].sample[j].sol)
                               ? panel->curve[c].sample[j].at
                               : NAN);
            }
        }
        for (size_t i = 0; i < f->p->points.n; i++) {
            const col_point *point = &f->p->points.point[i];
            if (plot_in_group(f->p, i, panel->group) && point->hot == panel->hot &&
                (f->tokens || curve_of(f, panel, point) >= 0)) {
                widen(&seen, 1e3 * point->latency_s);
                widen(&at, f->tokens ? x[i] : point->axis[f->along]);
            }
        }
    }
    double low = fmin(sol.lo, seen.lo), high = fmax(sol.hi, seen.hi);
    if (isfinite(seen.lo)) {
        low = fmax(low, seen.lo / 30);
    }
    *ax = (range){at.lo / 1.15, at.hi * 1.15};
    /* room for the key above the data */
    *ay = (range){low / 1.5, high * pow(high / low, f->n_panels > 2 ? 0.3 : 0.22)};
}

/* Labels at powers of ten, over short ranges also at 2 and 5 times them. */
static void add_ytics(sc_buf *out, const range *ay)
{
    static const double few[] = {1}, many[] = {1, 2, 5};
    const double *mantissa = ay->hi / ay->lo > 1000 ? few : many;
    int n = mantissa == few ? 1 : 3;
    sc_buf_add(out, "set ytics nomirror (");
    const char *sep = "";
    for (double decade = pow(10, floor(log10(ay->lo))); decade <= ay->hi; decade *= 10) {
        for (int i = 0; i < n; i++) {
            double v = mantissa[i] * decade;
            if (v >= ay->lo && v <= ay->hi) {
                sc_buf_printf(out, "%s'%g' %.6g", sep, v, v);
                sep = ", ";
            }
        }
    }
    sc_buf_add(out, ")\n");
}

/* Ticks at powers of 4 (of 2 over short ranges), labelled in full. */
static void add_xtics(sc_buf *out, const range *ax)
{
    double step = ax->hi / ax->lo > 300 ? 4 : 2;
    sc_buf_add(out, "set xtics (");
    const char *sep = "";
    for (double v = 1; v <= ax->hi; v *= step) {
        if (v >= ax->lo) {
            sc_buf_printf(out, "%s'%s' %.0f", sep,
                          v >= 1048576 ? rep_sig(v, 3).c : rep_number(v).c, v);
            sep = ", ";
        }
    }
    sc_buf_add(out, ") rotate by 0\n");
}

/* ---- regime shading ---- */

/* Regime of every curve at sample j: 1 all memory-bound, 0 not, -1 no curve reaches it.
 */
static int regime_at(const plot_figure *f, const plot_panel *panel, int j)
{
    int state = -1;
    for (int c = 0; c < (f->tokens ? 1 : panel->n_curves); c++) {
        const plot_sample *s = &panel->curve[c].sample[j];
        if (j >= panel->curve[c].n || !isfinite(s->sol)) {
            continue;
        }
        if (!s->memory) {
            return 0;
        }
        state = 1;
    }
    return state;
}

/* One rectangle per run of samples at which every curve is memory-bound. */
static void add_shades(sc_buf *out, const plot_figure *f, const plot_panel *panel,
                       const range *ax)
{
    const plot_curve *v = &panel->curve[0];
    int n = v->n, tag = 0;
    for (int j = 0; j < n; j++) {
        if (regime_at(f, panel, j) != 1) {
            continue;
        }
        int last = j;
        while (last + 1 < n && regime_at(f, panel, last + 1) == 1) {
            last++;
        }
        double from = j > 0 ? sqrt(v->sample[j - 1].at * v->sample[j].at) : ax->lo;
        double to =
            last + 1 < n ? sqrt(v->sample[last].at * v->sample[last + 1].at) : ax->hi;
        from = fmax(from, ax->lo);
        to = fmin(to, ax->hi);
        tag++;
        sc_buf_printf(
            out,
            "set object %d rectangle from first %.9g, graph 0 to first %.9g, graph "
            "1 behind fillcolor rgb '" SHADE "' fillstyle solid noborder\n",
            tag, from, to);
        if (to > 8 * from) { /* room for the words */
            sc_buf_printf(
                out,
                "set label %d 'memory-bound' at first %.9g, graph %g center font "
                "',11' textcolor rgb '#5b7a94' front boxed\n",
                10 + tag, sqrt(from * to), f->n_panels > 2 ? 0.05 : 0.025);
        }
        j = last;
    }
}

/* ---- labels ---- */

/* The configuration, or what tells it from those of the other panels. */
static void add_panel_title(sc_buf *out, const plot_figure *f, int k)
{
    const sol_config *all[PLOT_MAX_PANELS];
    for (int i = 0; i < f->n_panels; i++) {
        all[i] = f->panel[i].config;
    }
    sc_buf text = {0}, cut = {0};
    if (f->n_panels == 1) {
        rep_add_config(&text, f->study->op, all[k]);
    } else {
        rep_add_difference(&text, f->study->op, all[k], all, f->n_panels);
    }
    if (f->panel[k].hot != f->hot) {
        sc_buf_add(&text, f->panel[k].hot ? ", hot cache" : ", cold cache");
    }
    rep_add_short(&cut, sc_buf_text(&text), f->n_panels == 1 ? 110 : 58);
    rep_add_gnuplot(out, sc_buf_text(&cut));
    out->failed |= text.failed || cut.failed;
    sc_buf_free(&text);
    sc_buf_free(&cut);
}

static void add_figure_title(sc_buf *out, const plot_figure *f)
{
    sc_buf text = {0}, cut = {0};
    sc_buf_printf(&text, "%s, %s phase: %s", f->study->op->name,
                  sol_phase_name(f->p->phase->kind),
                  f->p->points.n ? "speed of light (SOL) and measured latency"
                                 : "speed of light (SOL), nothing measured");
    if (f->p->points.n && f->p->points.device[0]) {
        sc_buf_printf(&text, " on %s", f->p->points.device);
    }
    rep_add_short(&cut, sc_buf_text(&text), 105);
    rep_add_gnuplot(out, sc_buf_text(&cut));
    out->failed |= text.failed || cut.failed;
    sc_buf_free(&text);
    sc_buf_free(&cut);
}

/* Source, date and what the marks mean: two lines at the foot. */
static void add_footer(sc_buf *out, const plot_figure *f)
{
    const rep_study *study = f->study;
    sc_buf text = {0}, cut = {0};
    sc_buf_printf(&text, "SOL of %s, %s cache", study->system->name,
                  f->hot ? "hot" : "cold");
    if (study->source != REP_NONE && !study->sol_comparable) {
        sc_buf_add(&text, " (another device than the measured one)");
    }
    if (f->p->points.n) {
        sc_buf_add(&text, "; bars: 2 standard errors");
    }
    if (f->n_groups > (size_t)f->n_panels) {
        sc_buf_printf(&text, "; %d of %zu measured configurations shown, the first: ",
                      f->n_panels, f->n_groups);
        rep_add_config(&text, study->op, f->panel[0].config);
    }
    rep_add_short(&cut, sc_buf_text(&text), 150);
    sc_buf_add(out, "set label 1 ");
    rep_add_gnuplot(out, sc_buf_text(&cut));
    sc_buf_add(out, " at screen 0.012, 0.036 left font ',11' textcolor rgb '#444444'\n");
    out->failed |= text.failed || cut.failed;
    sc_buf_free(&text);
    sc_buf_free(&cut);

    if (study->source == REP_NONE || f->p->points.n == 0) {
        sc_buf_printf(&text, "solcheck %s, %s", PACKAGE_VERSION, study->date);
    } else {
        sc_buf_printf(&text, "%s: %s; solcheck %s, %s", rep_source_name(study->source),
                      study->source_text, PACKAGE_VERSION, study->date);
    }
    rep_add_short(&cut, sc_buf_text(&text), 165);
    sc_buf_add(out, "set label 2 ");
    rep_add_gnuplot(out, sc_buf_text(&cut));
    sc_buf_add(out, " at screen 0.012, 0.014 left font ',11' textcolor rgb '#444444'\n");
    out->failed |= text.failed || cut.failed;
    sc_buf_free(&text);
    sc_buf_free(&cut);
}

/* What the marks and lines mean, under the title. */
static void add_legend(sc_buf *out, const plot_figure *f)
{
    sc_buf_add(out, "set label 3 '");
    if (f->p->points.n) {
        sc_buf_add(out, f->tokens ? "marks: measured; line: SOL, "
                                  : "marks on thin lines: measured; thick lines: SOL, ");
    }
    sc_buf_add(out,
               "solid where compute-bound, dashed where memory-bound, dotted at the "
               "datasheet ceiling' at screen 0.5, 0.944 center font ',12' textcolor rgb "
               "'#444444'\n");
}

static sc_status add_xlabel(sc_buf *out, const plot_figure *f, sc_diag *diag)
{
    sc_buf text = {0}, cut = {0};
    sc_status status = SC_OK;
    if (f->tokens) {
        sc_buf_add(&text, "tokens x = ");
        status = rep_add_expr(&text, f->study->op, f->p->phase, f->p->phase->tokens,
                              &f->study->config, diag);
    } else {
        const sol_axis *a = &f->p->phase->axis[f->along];
        sc_buf_printf(&text, "%s: %s", a->name, a->meaning);
    }
    rep_add_short(&cut, sc_buf_text(&text), f->n_panels == 1 ? 100 : 56);
    sc_buf_add(out, "set xlabel ");
    rep_add_gnuplot(out, sc_buf_text(&cut));
    sc_buf_add(out, "\n");
    out->failed |= text.failed || cut.failed;
    sc_buf_free(&text);
    sc_buf_free(&cut);
    return status;
}

/* ---- the plot commands ---- */

void plot_begin(sc_buf *out, const char *format, const char *file)
{
    sc_buf_add(out, "reset\nset encoding utf8\n");
    if (strcmp(format, "png") == 0)
        /* "png" alone (libgd) where gnuplot was built without cairo */
        sc_buf_add(out,
                   "if (strstrt(GPVAL_TERMINALS, 'pngcairo') > 0) {\n"
                   "    set terminal pngcairo size 1200, 800 noenhanced font 'Sans,13' "
                   "background rgb 'white'\n"
                   "} else {\n"
                   "    set terminal png size 1200, 800 noenhanced\n"
                   "}\n");
    else if (strcmp(format, "pdf") == 0)
        sc_buf_add(out, "set terminal pdfcairo size 24cm, 16cm noenhanced font 'Sans,13' "
                        "background rgb 'white'\n");
    else if (strcmp(format, "dumb") == 0)
        sc_buf_add(out, "set terminal dumb size 100, 36 noenhanced mono\n");
    else
        sc_buf_add(out, "set terminal svg size 1200, 800 noenhanced font 'sans-serif,17' "
                        "background rgb 'white'\n");
    sc_buf_printf(out, "set output '%s'\n", file);
}

static void add_style(sc_buf *out, const range *ax, const range *ay)
{
    sc_buf_printf(out,
                  "set logscale xy\nset xrange [%.9g:%.9g]\nset yrange [%.9g:%.9g]\n",
                  ax->lo, ax->hi, ay->lo, ay->hi);
    add_xtics(out, ax);
    add_ytics(out, ay);
    sc_buf_add(out, "set mxtics default\n"
                    "set border 3 linecolor rgb '#444444'\nset xtics nomirror\n"
                    "set grid xtics ytics back linetype 1 linecolor rgb '#d9d9d9' "
                    "linewidth 0.7\n"
                    "set key top left Left reverse samplen 2.2 spacing 1.05 font ',12'\n"
                    "set style textbox opaque noborder fillcolor rgb '" SHADE "'\n"
                    "set bars 0.6\nset pointsize 0.95\nset tics font ',12'\n");
}

/* Bounds first, points on top. */
static void add_plot(sc_buf *out, const plot_figure *f, int k,
                     const int count[PLOT_MAX_CURVES + 1])
{
    const plot_panel *panel = &f->panel[k];
    int n_bounds = f->tokens ? 1 : panel->n_curves;
    const char *first = f->first >= 0 ? f->p->phase->axis[f->first].name : "";
    sc_buf_add(out, "plot ");
    for (int c = 0; c < n_bounds; c++) {
        const char *color = f->tokens ? "#000000" : palette[c];
        sc_buf_printf(
            out,
            "%s$s%d_%d using 1:4 with lines linewidth 1.2 dashtype 3 linecolor rgb "
            "'%s' notitle, $s%d_%d using 1:3 with lines linewidth 2 dashtype 2 "
            "linecolor rgb '%s' notitle, $s%d_%d using 1:2 with lines linewidth 2 "
            "linecolor rgb '%s' notitle",
            c ? ", " : "", k, c, color, k, c, color, k, c, color);
    }
    if (f->tokens && count[PLOT_MAX_CURVES] > 0) {
        sc_buf_printf(
            out,
            ", $m%d_%d using 1:2 with points pointtype 6 pointsize 0.6 linecolor rgb "
            "'#999999' title 'other %s'",
            k, PLOT_MAX_CURVES, first);
    }
    for (int c = 0; c < panel->n_curves; c++) {
        if (count[c] == 0 && f->tokens) {
            continue;
        }
        if (count[c] > 1 && !f->tokens) {
            sc_buf_printf(out,
                          ", $m%d_%d using 1:2 smooth unique with lines linewidth 0.8 "
                          "linecolor rgb '%s' notitle",
                          k, c, palette[c]);
        }
        /* without points the entry names the colour of the bound */
        sc_buf_printf(out, ", %s", count[c] ? "" : "NaN with lines linewidth 2");
        if (count[c]) {
            sc_buf_printf(
                out,
                "$m%d_%d using 1:2:3:4 with yerrorbars pointtype %d pointsize %g "
                "linewidth %g",
                k, c, f->tokens ? hollow_type[c] : point_type[c],
                f->tokens ? hollow_size[c] : 0.95, f->tokens ? 1.5 : 1.2);
        }
        sc_buf_printf(out, " linecolor rgb '%s' title ", palette[c]);
        if (f->first >= 0) {
            sc_buf_printf(out, "'%s = %s'", first, rep_number(panel->curve[c].first).c);
        } else {
            sc_buf_printf(out, "'%s'", count[c] ? "measured" : "SOL");
        }
    }
    sc_buf_add(out, "\n");
}

static sc_status add_panels(sc_buf *out, const plot_figure *f, const double *x,
                            sc_diag *diag)
{
    range ax, ay;
    ranges(f, x, &ax, &ay);
    add_style(out, &ax, &ay);
    sc_status status = add_xlabel(out, f, diag);
    int columns = f->n_panels > 1 ? 2 : 1, rows = f->n_panels > 2 ? 2 : 1;
    sc_buf_add(out, f->n_panels > 2 ? "set key maxrows 3 font ',11'\n" : "");
    sc_buf_printf(out, "set multiplot layout %d, %d title ", rows, columns);
    add_figure_title(out, f);
    sc_buf_printf(
        out,
        " font ',15' margins screen 0.085, screen 0.975, screen 0.14, screen %g "
        "spacing screen 0.07, screen 0.15\n",
        f->n_panels > 2 ? 0.87 : 0.865);
    for (int k = 0; k < f->n_panels && status == SC_OK; k++) {
        int count[PLOT_MAX_CURVES + 1];
        add_measured(out, f, k, x, count);
        add_bounds(out, f, k);
        sc_buf_add(out, "unset object\nunset label\nset title ");
        add_panel_title(out, f, k);
        sc_buf_add(out, " font ',13' offset 0, -0.5\n");
        add_shades(out, f, &f->panel[k], &ax);
        if (k == 0) {
            add_footer(out, f);
            add_legend(out, f);
        }
        sc_buf_printf(out, "set ylabel '%s' offset 0.5\n",
                      k % columns == 0 ? "latency (ms)" : "");
        add_plot(out, f, k, count);
    }
    sc_buf_add(out, "unset multiplot\nunset output\n");
    return status;
}

sc_status rep_plot_script(const rep_study *study, const rep_phase *p,
                          const char *terminal, const char *file, sc_buf *out,
                          sc_diag *diag)
{
    plot_figure *f = NULL;
    double *x = NULL;
    sc_status status = plot_figure_new(study, p, &f, diag);
    if (status == SC_OK) {
        x = sc_calloc(p->points.n, sizeof *x);
        status = x ? SC_OK : sc_diag_nomem(diag);
    }
    if (status == SC_OK && p->points.n > 0) {
        status = plot_point_tokens(study, p, x, diag);
    }
    if (status == SC_OK) {
        plot_begin(out, terminal, file);
        status = add_panels(out, f, x, diag);
    }
    if (status == SC_OK) {
        status = rep_done(out, diag);
    }
    sc_free(x);
    sc_free(f);
    return status;
}
