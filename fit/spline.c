/* solcheck - penalised monotone tensor B-splines in one or two variables.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "fit/spline.h"

#include <gsl/gsl_bspline.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

#include "fit/internal.h"

#define ORDER 4

/* One variable's basis, evaluated at every point. */
typedef struct axis {
    int k;            /* functions */
    int order;        /* of which this many are nonzero at a point */
    double *greville; /* [k] */
    int *first;       /* [n] first nonzero function */
    double *value;    /* [n * ORDER] */
} axis;

struct fit_spline {
    size_t n;
    axis ax[2];                       /* ax[0] varies slowest in the coefficient vector */
    int k, band;                      /* coefficients, half bandwidth */
    gsl_matrix *lhs, *chol, *inverse; /* [k, band + 1], [k, band + 1], [k, k] */
    gsl_vector *rhs, *alpha;
    unsigned char *falls; /* [2 * k] differences under the monotone penalty */
};

static void axis_clear(axis *a)
{
    sc_free(a->greville);
    sc_free(a->first);
    sc_free(a->value);
}

/* Distinct values thinned to at most max, ends kept, gaps as even as the data allow. */
static size_t choose_knots(double *v, size_t n, size_t max)
{
    fit_sort(v, n);
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        if (m == 0 || v[i] - v[m - 1] > 1e-9 * (1 + fabs(v[i]))) {
            v[m++] = v[i];
        }
    }
    if (m <= max) {
        return m;
    }
    double gap = (v[m - 1] - v[0]) / (double)(max - 1), last = v[m - 1];
    size_t kept = 1;
    for (size_t i = 1; i + 1 < m && kept + 1 < max; i++) {
        if (v[i] - v[kept - 1] >= gap && last - v[i] >= 0.5 * gap) {
            v[kept++] = v[i];
        }
    }
    v[kept++] = last;
    return kept;
}

/* A variable with a single value: the constant function. */
static void axis_constant(axis *a, size_t n)
{
    a->k = a->order = 1;
    a->greville[0] = 0;
    for (size_t i = 0; i < n; i++) {
        a->first[i] = 0;
        a->value[i * ORDER] = 1;
    }
}

static bool axis_spline(axis *a, const double *u, size_t n, const double *knot, size_t m)
{
    a->order = m == 2 ? 2 : ORDER;
    gsl_bspline_workspace *work = gsl_bspline_alloc((size_t)a->order, m);
    gsl_vector *value = gsl_vector_alloc((size_t)a->order);
    bool ok = work && value;
    if (ok) {
        gsl_vector_const_view breaks = gsl_vector_const_view_array(knot, m);
        gsl_bspline_knots(&breaks.vector, work);
        a->k = (int)gsl_bspline_ncoeffs(work);
        for (int j = 0; j < a->k; j++) {
            a->greville[j] = gsl_bspline_greville_abscissa((size_t)j, work);
        }
    }
    for (size_t i = 0; ok && i < n; i++) {
        size_t start = 0, end = 0;
        double at = fmin(fmax(u[i], knot[0]), knot[m - 1]);
        ok = !gsl_bspline_eval_nonzero(at, value, &start, &end, work);
        a->first[i] = (int)start;
        for (int j = 0; ok && j < a->order; j++) {
            a->value[i * ORDER + (size_t)j] = gsl_vector_get(value, (size_t)j);
        }
    }
    gsl_bspline_free(work);
    gsl_vector_free(value);
    return ok;
}

static bool axis_init(axis *a, const double *u, size_t n, int max_knots)
{
    double *knot = sc_malloc(n * sizeof *knot);
    a->first = sc_malloc(n * sizeof *a->first);
    a->value = sc_malloc(n * ORDER * sizeof *a->value);
    a->greville = sc_malloc((size_t)(max_knots + ORDER) * sizeof *a->greville);
    bool ok = knot && a->first && a->value && a->greville;
    if (ok) {
        memcpy(knot, u, n * sizeof *knot);
        size_t m = choose_knots(knot, n, (size_t)max_knots);
        if (m == 1) {
            axis_constant(a, n);
        } else {
            ok = axis_spline(a, u, n, knot, m);
        }
    }
    sc_free(knot);
    return ok;
}

void fit_spline_free(fit_spline *s)
{
    if (!s) {
        return;
    }
    axis_clear(&s->ax[0]);
    axis_clear(&s->ax[1]);
    gsl_matrix_free(s->lhs);
    gsl_matrix_free(s->chol);
    gsl_matrix_free(s->inverse);
    gsl_vector_free(s->rhs);
    gsl_vector_free(s->alpha);
    sc_free(s->falls);
    sc_free(s);
}

static bool basis_init(fit_spline *s, const double *const *u, int n_axes, int max_knots)
{
    if (!axis_init(&s->ax[0], u[0], s->n, max_knots)) {
        return false;
    }
    if (n_axes == 2) {
        if (!axis_init(&s->ax[1], u[1], s->n, max_knots)) {
            return false;
        }
    } else {
        s->ax[1].first = sc_malloc(s->n * sizeof *s->ax[1].first);
        s->ax[1].value = sc_malloc(s->n * ORDER * sizeof *s->ax[1].value);
        s->ax[1].greville = sc_malloc(sizeof *s->ax[1].greville);
        if (!s->ax[1].first || !s->ax[1].value || !s->ax[1].greville) {
            return false;
        }
        axis_constant(&s->ax[1], s->n);
    }
    if (s->ax[1].k > s->ax[0].k) { /* the shorter one inside: narrower band */
        axis t = s->ax[0];
        s->ax[0] = s->ax[1];
        s->ax[1] = t;
    }
    return true;
}

sc_status fit_spline_new(const double *const *u, int n_axes, size_t n, int max_knots,
                         fit_spline **out, sc_diag *diag)
{
    fit_spline *s = sc_calloc(1, sizeof *s);
    if (!s) {
        return sc_diag_nomem(diag);
    }
    s->n = n;
    bool ok = basis_init(s, u, n_axes, max_knots < 2 ? 2 : max_knots);
    if (ok) {
        s->k = s->ax[0].k * s->ax[1].k;
        int reach = s->ax[0].order > 2 ? s->ax[0].order - 1 : s->ax[0].k - 1;
        s->band = reach * s->ax[1].k + s->ax[1].order - 1;
        s->band = s->band < s->k - 1 ? s->band : s->k - 1;
        size_t k = (size_t)s->k, w = (size_t)s->band + 1;
        s->lhs = gsl_matrix_alloc(k, w);
        s->chol = gsl_matrix_alloc(k, w);
        s->inverse = gsl_matrix_alloc(k, k);
        s->rhs = gsl_vector_alloc(k);
        s->alpha = gsl_vector_alloc(k);
        s->falls = sc_malloc(2 * k);
        ok = s->lhs && s->chol && s->inverse && s->rhs && s->alpha && s->falls;
    }
    if (!ok) {
        fit_spline_free(s);
        return sc_diag_nomem(diag);
    }
    *out = s;
    return SC_OK;
}

/* Lower band storage: column j of the matrix in row j, diagonal first. */
static void add(gsl_matrix *band, int i, int j, double v)
{
    int hi = i > j ? i : j, lo = i > j ? j : i;
    band->data[(size_t)lo * band->tda + (size_t)(hi - lo)] += v;
}

/* Adds q * (sum_m c[m] alpha[at + m * step])^2, m < 3. */
static void add_square(gsl_matrix *band, int at, int step, const double c[3], double q)
{
    for (int a = 0; a < 3; a++) {
        for (int b = 0; b <= a; b++) {
            if (c[a] != 0 && c[b] != 0) {
                add(band, at + a * step, at + b * step, q * c[a] * c[b]);
            }
        }
    }
}

/* Penalties along ax[which]: curvature, and a trace of slope so that the system stays
 * regular where no point speaks. */
static void add_penalty(fit_spline *s, int which, double lambda)
{
    const axis *a = &s->ax[which];
    int step = which == 0 ? s->ax[1].k : 1;
    int other = which == 0 ? s->ax[1].k : s->ax[0].k;
    int other_step = which == 0 ? 1 : s->ax[1].k;
    for (int o = 0; o < other; o++) {
        int row = o * other_step;
        for (int j = 0; j + 1 < a->k; j++) {
            double h = a->greville[j + 1] - a->greville[j];
            double slope[3] = {-1 / h, 1 / h, 0};
            add_square(s->lhs, row + j * step, step, slope, 1e-7 * h);
            if (j + 2 >= a->k) {
                continue;
            }
            double h2 = a->greville[j + 2] - a->greville[j + 1], mid = (h + h2) / 2;
            double bend[3] = {1 / (h * mid), -(1 / h + 1 / h2) / mid, 1 / (h2 * mid)};
            add_square(s->lhs, row + j * step, step, bend, lambda * mid);
        }
    }
}

/* The products of basis functions that are not 0 at point i: which, and their values.
 * Returns how many. */
static int basis_at(const fit_spline *s, size_t i, int index[ORDER * ORDER],
                    double value[ORDER * ORDER])
{
    int m = 0;
    for (int a = 0; a < s->ax[0].order; a++) {
        for (int b = 0; b < s->ax[1].order; b++) {
            index[m] = (s->ax[0].first[i] + a) * s->ax[1].k + s->ax[1].first[i] + b;
            value[m++] = s->ax[0].value[i * ORDER + (size_t)a] *
                         s->ax[1].value[i * ORDER + (size_t)b];
        }
    }
    return m;
}

static void assemble(fit_spline *s, const double *y, const double *w, double lambda)
{
    gsl_matrix_set_zero(s->lhs);
    gsl_vector_set_zero(s->rhs);
    for (size_t i = 0; i < s->n; i++) {
        if (!(w[i] > 0)) {
            continue;
        }
        int index[ORDER * ORDER];
        double value[ORDER * ORDER];
        int m = basis_at(s, i, index, value);
        for (int a = 0; a < m; a++) {
            s->rhs->data[index[a]] += w[i] * value[a] * y[i];
            for (int b = 0; b <= a; b++) {
                add(s->lhs, index[a], index[b], w[i] * value[a] * value[b]);
            }
        }
    }
    add_penalty(s, 0, lambda);
    add_penalty(s, 1, lambda);
}

static bool solve(fit_spline *s)
{
    gsl_matrix_memcpy(s->chol, s->lhs);
    if (gsl_linalg_cholesky_band_decomp(s->chol) ||
        gsl_linalg_cholesky_band_solve(s->chol, s->rhs, s->alpha)) {
        return false;
    }
    for (int j = 0; j < s->k; j++) {
        if (!isfinite(s->alpha->data[j])) {
            return false;
        }
    }
    return true;
}

/* Puts the stiff penalty on differences that fall and are not under it yet; the number of
 * them. */
static int stiffen(fit_spline *s, int which, double stiffness)
{
    const axis *a = &s->ax[which];
    int inner = s->ax[1].k, step = which == 0 ? inner : 1, added = 0;
    for (int j = 0; j < s->k; j++) {
        int place = which == 0 ? j / inner : j % inner;
        if (place + 1 >= a->k || s->falls[which * s->k + j]) {
            continue;
        }
        if (s->alpha->data[j + step] - s->alpha->data[j] < -1e-9) {
            double c[3] = {-1, 1, 0};
            add_square(s->lhs, j, step, c, stiffness);
            s->falls[which * s->k + j] = 1;
            added++;
        }
    }
    return added;
}

static void evaluate(const fit_spline *s, double *f)
{
    int inner = s->ax[1].k;
    for (size_t i = 0; i < s->n; i++) {
        double sum = 0;
        for (int a = 0; a < s->ax[0].order; a++) {
            for (int b = 0; b < s->ax[1].order; b++) {
                int j = (s->ax[0].first[i] + a) * inner + s->ax[1].first[i] + b;
                sum += s->ax[0].value[i * ORDER + (size_t)a] *
                       s->ax[1].value[i * ORDER + (size_t)b] * s->alpha->data[j];
            }
        }
        f[i] = sum;
    }
}

/* trace(B A^-1 B' W) */
static double smoother_trace(fit_spline *s, const double *w)
{
    if (gsl_linalg_cholesky_band_invert(s->chol, s->inverse)) {
        return s->k;
    }
    double trace = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!(w[i] > 0)) {
            continue;
        }
        int index[ORDER * ORDER];
        double value[ORDER * ORDER];
        int m = basis_at(s, i, index, value);
        for (int a = 0; a < m; a++) {
            for (int b = 0; b < m; b++) {
                trace += w[i] * value[a] * value[b] *
                         gsl_matrix_get(s->inverse, (size_t)index[a], (size_t)index[b]);
            }
        }
    }
    return trace;
}

sc_status fit_spline_fit(fit_spline *s, const double *y, const double *w, double lambda,
                         bool monotone, double *f, double *df, sc_diag *diag)
{
    double mass = 0;
    for (size_t i = 0; i < s->n; i++) {
        mass += w[i];
    }
    if (!(mass > 0)) {
        return sc_diag_fail(diag, SC_EUNABLE, SC4002, "spline: no point to train on");
    }
    assemble(s, y, w, lambda);
    bool ok = solve(s);
    memset(s->falls, 0, 2 * (size_t)s->k);
    for (int round = 0; ok && monotone && round < 6; round++) {
        if (stiffen(s, 0, 100 * mass) + stiffen(s, 1, 100 * mass) == 0) {
            break;
        }
        ok = solve(s);
    }
    if (!ok) {
        return sc_diag_fail(diag, SC_EUNABLE, SC4002, "spline: singular system");
    }
    evaluate(s, f);
    if (df) {
        *df = smoother_trace(s, w);
    }
    return SC_OK;
}
