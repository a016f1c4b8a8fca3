/* solcheck - the points of a fit: checked, sorted, grouped; folds; views on an axis set.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/internal.h"

static sc_status check_point(const fit_point *p, size_t i, sc_diag *diag)
{
    const struct {
        const char *name;
        double value;
        bool zero_ok;
    } field[] = {{"b", p->b, false},
                 {"s", p->s, false},
                 {"x", p->x, false},
                 {"the compute bound", p->compute_s, true},
                 {"the memory bound", p->memory_s, true},
                 {"the memory bound from DRAM", p->memory_cold_s, true},
                 {"latency", p->latency_s, false}};
    for (size_t f = 0; f < sizeof field / sizeof *field; f++) {
        double v = field[f].value;
        if (!isfinite(v) || v < 0 || (v == 0 && !field[f].zero_ok)) {
            return sc_diag_fail(diag, SC_EDOMAIN, SC4001, "point %zu: %s is %g", i + 1,
                                field[f].name, v);
        }
    }
    if (isinf(p->noise) || p->noise < 0) {
        return sc_diag_fail(diag, SC_EDOMAIN, SC4001, "point %zu: relative noise is %g",
                            i + 1, p->noise);
    }
    return SC_OK;
}

static int cmp(double a, double b)
{
    return (a > b) - (a < b);
}

typedef struct indexed {
    fit_point p;
    size_t i;
} indexed;

static int cmp_points(const void *va, const void *vb)
{
    const indexed *a = va, *b = vb;
    int c = (a->p.group > b->p.group) - (a->p.group < b->p.group);
    if (!c) {
        c = cmp(a->p.x, b->p.x);
    }
    if (!c) {
        c = cmp(a->p.b, b->p.b);
    }
    if (!c) {
        c = cmp(a->p.s, b->p.s);
    }
    if (!c) {
        c = cmp(a->p.latency_s, b->p.latency_s);
    }
    return c ? c : (a->i > b->i) - (a->i < b->i);
}

static int cmp_doubles(const void *a, const void *b)
{
    return cmp(*(const double *)a, *(const double *)b);
}

static int cmp_pairs(const void *va, const void *vb)
{
    const double *a = va, *b = vb;
    int c = cmp(a[0], b[0]);
    return c ? c : cmp(a[1], b[1]);
}

static sc_status sort_points(fit_data *d, const fit_point *point, sc_diag *diag)
{
    indexed *v = sc_malloc(d->n * sizeof *v);
    if (!v) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < d->n; i++) {
        v[i] = (indexed){point[i], i};
    }
    qsort(v, d->n, sizeof *v, cmp_points);
    for (size_t i = 0; i < d->n; i++) {
        d->pt[i] = v[i].p;
        d->perm[i] = v[i].i;
        d->y[i] = log(v[i].p.latency_s);
    }
    sc_free(v);
    return SC_OK;
}

/* Ranks of x over all groups. */
static void rank_x(fit_data *d)
{
    for (size_t i = 0; i < d->n; i++) {
        d->x_of[i] = d->pt[i].x;
    }
    qsort(d->x_of, d->n, sizeof *d->x_of, cmp_doubles);
    int m = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (i == 0 || d->x_of[i] != d->x_of[m - 1]) {
            d->x_of[m++] = d->x_of[i];
        }
    }
    d->n_x = m;
    for (size_t i = 0; i < d->n; i++) {
        const double *at =
            bsearch(&d->pt[i].x, d->x_of, (size_t)m, sizeof *d->x_of, cmp_doubles);
        d->xid[i] = (int)(at - d->x_of);
    }
}

static void number_points(fit_data *d)
{
    int g = 0, c = 0, t = 0;
    d->start[0] = 0;
    for (size_t i = 0; i < d->n; i++) {
        if (i > 0) {
            const fit_point *p = &d->pt[i - 1], *q = &d->pt[i];
            bool group = p->group != q->group, x = group || p->x != q->x;
            bool site = x || p->b != q->b || p->s != q->s;
            if (group) {
                d->start[++g] = i;
            }
            c += x;
            t += site;
        }
        d->grp[i] = g;
        d->cell[i] = c;
        d->site[i] = t;
    }
    d->start[g + 1] = d->n;
    d->n_groups = g + 1;
    d->n_cells = c + 1;
    d->n_sites = t + 1;
}

static sc_status count_distinct(const fit_data *d, size_t *n_bs, sc_diag *diag)
{
    double(*bs)[2] = sc_malloc(d->n * sizeof *bs);
    if (!bs) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < d->n; i++) {
        bs[i][0] = d->pt[i].b;
        bs[i][1] = d->pt[i].s;
    }
    qsort(bs, d->n, sizeof *bs, cmp_pairs);
    *n_bs = 0;
    for (size_t i = 0; i < d->n; i++) {
        *n_bs += i == 0 || cmp_pairs(bs[i - 1], bs[i]) != 0;
    }
    sc_free(bs);
    return SC_OK;
}

static sc_status check_variety(const fit_data *d, sc_diag *diag)
{
    size_t n_bs = 0;
    sc_status status = count_distinct(d, &n_bs, diag);
    if (status) {
        return status;
    }
    if (n_bs < 4) {
        return sc_diag_fail(diag, SC_EDOMAIN, SC4000,
                            "%zu distinct pair%s (b,s); a fit needs at least 4", n_bs,
                            n_bs == 1 ? "" : "s");
    }
    if (d->n_x == 1) {
        return sc_diag_fail(diag, SC_EDOMAIN, SC4001, "x is %g at every point",
                            d->x_of[0]);
    }
    double lo = d->y[0], hi = d->y[0];
    for (size_t i = 0; i < d->n; i++) {
        lo = fmin(lo, d->y[i]);
        hi = fmax(hi, d->y[i]);
    }
    if (!(hi > lo)) {
        return sc_diag_fail(diag, SC_EDOMAIN, SC4001, "latency is %g s at every point",
                            d->pt[0].latency_s);
    }
    return SC_OK;
}

sc_status fit_data_init(fit_data *d, const fit_point *point, size_t n, sc_diag *diag)
{
    memset(d, 0, sizeof *d);
    for (size_t i = 0; i < n; i++) {
        sc_status status = check_point(&point[i], i, diag);
        if (status) {
            return status;
        }
    }
    if (n < 8) {
        return sc_diag_fail(diag, SC_EDOMAIN, SC4000,
                            "%zu point%s; a fit needs at least 8", n, n == 1 ? "" : "s");
    }
    d->n = n;
    d->pt = sc_malloc(n * sizeof *d->pt);
    d->perm = sc_malloc(n * sizeof *d->perm);
    d->y = sc_malloc(n * sizeof *d->y);
    d->xid = sc_malloc(n * sizeof *d->xid);
    d->cell = sc_malloc(n * sizeof *d->cell);
    d->site = sc_malloc(n * sizeof *d->site);
    d->grp = sc_malloc(n * sizeof *d->grp);
    d->x_of = sc_malloc(n * sizeof *d->x_of);
    d->start = sc_malloc((n + 1) * sizeof *d->start);
    sc_status status = SC_OK;
    if (!d->pt || !d->perm || !d->y || !d->xid || !d->cell || !d->site || !d->grp ||
        !d->x_of || !d->start) {
        status = sc_diag_nomem(diag);
    }
    if (!status) {
        status = sort_points(d, point, diag);
    }
    if (!status) {
        rank_x(d);
        number_points(d);
        status = check_variety(d, diag);
    }
    if (status) {
        fit_data_clear(d);
    }
    return status;
}

void fit_data_clear(fit_data *d)
{
    sc_free(d->pt);
    sc_free(d->perm);
    sc_free(d->y);
    sc_free(d->xid);
    sc_free(d->cell);
    sc_free(d->site);
    sc_free(d->grp);
    sc_free(d->x_of);
    sc_free(d->start);
    memset(d, 0, sizeof *d);
}

sc_status fit_folds_init(fit_folds *folds, const fit_data *data, int wanted,
                         sc_diag *diag)
{
    folds->n = wanted < 2 ? 2 : wanted;
    folds->n = folds->n > data->n_x ? data->n_x : folds->n;
    folds->fold = sc_malloc(data->n * sizeof *folds->fold);
    if (!folds->fold) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < data->n; i++) {
        folds->fold[i] = data->xid[i] % folds->n;
    }
    return SC_OK;
}

void fit_folds_clear(fit_folds *folds)
{
    sc_free(folds->fold);
    folds->fold = NULL;
}

/* Replaces ln v by its mean over each cell; -inf where any is. */
static void mean_by_cell(const fit_data *d, double *ln)
{
    for (size_t i = 0, j; i < d->n; i = j) {
        double sum = 0;
        for (j = i; j < d->n && d->cell[j] == d->cell[i]; j++) {
            sum += ln[j];
        }
        for (size_t k = i; k < j; k++) {
            ln[k] = sum / (double)(j - i);
        }
    }
}

/* Takes ln v as a coordinate where v is positive everywhere and varies. */
static void add_coord(fit_view *view, double *ln)
{
    bool varies = false;
    for (size_t i = 0; i < view->data->n; i++) {
        if (isinf(ln[i])) {
            return;
        }
        varies = varies || ln[i] != ln[0];
    }
    if (varies) {
        view->coord[view->n_coords++] = ln;
    }
}

sc_status fit_view_init(fit_view *view, const fit_data *d, fit_axes axes, sc_diag *diag)
{
    size_t n = d->n;
    memset(view, 0, sizeof *view);
    view->axes = axes;
    view->data = d;
    view->store = sc_malloc(6 * n * sizeof *view->store);
    if (!view->store) {
        return sc_diag_nomem(diag);
    }
    view->n_axes = axes == FIT_AXES_X ? 1 : 2;
    view->axis[0] = view->store;
    view->axis[1] = view->n_axes == 2 ? view->store + n : NULL;
    view->ln_compute = view->store + 2 * n;
    view->ln_memory = view->store + 3 * n;
    view->plain = view->ln_compute;
    view->bent = view->store + 4 * n;
    for (size_t i = 0; i < n; i++) {
        view->axis[0][i] = log(axes == FIT_AXES_X ? d->pt[i].x : d->pt[i].b);
        if (axes == FIT_AXES_BS) {
            view->axis[1][i] = log(d->pt[i].s);
        }
        view->ln_compute[i] = log(d->pt[i].compute_s);
        view->ln_memory[i] = log(d->pt[i].memory_s);
    }
    if (axes == FIT_AXES_X) {
        mean_by_cell(d, view->ln_compute);
        mean_by_cell(d, view->ln_memory);
    }
    for (int a = 0; a < view->n_axes; a++) {
        view->coord[view->n_coords++] = view->axis[a];
    }
    add_coord(view, view->ln_compute);
    add_coord(view, view->ln_memory);
    return SC_OK;
}

void fit_view_clear(fit_view *view)
{
    sc_free(view->store);
    memset(view, 0, sizeof *view);
}
