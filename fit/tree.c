/* solcheck - a kd-tree for nearest neighbours.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "fit/tree.h"

#include "base/alloc.h"

#define LEAF 12

/* The points of a node are index[lo..hi); its splitting point is in the middle. */
struct fit_tree {
    const double *coord[FIT_TREE_MAX_COORDS];
    int n_coords;
    size_t n;
    size_t *index;      /* [n] */
    unsigned char *dim; /* [n] splitting coordinate, at the node's middle */
};

void fit_tree_free(fit_tree *tree)
{
    if (tree) {
        sc_free(tree->index);
        sc_free(tree->dim);
        sc_free(tree);
    }
}

static int widest(const fit_tree *t, size_t lo, size_t hi)
{
    int best = 0;
    double most = -1;
    for (int c = 0; c < t->n_coords; c++) {
        double a = t->coord[c][t->index[lo]], b = a;
        for (size_t i = lo + 1; i < hi; i++) {
            double v = t->coord[c][t->index[i]];
            a = v < a ? v : a;
            b = v > b ? v : b;
        }
        if (b - a > most) {
            most = b - a;
            best = c;
        }
    }
    return best;
}

/* Orders by coordinate, then index: a total order, so that the tree is unique. */
static bool before(const double *v, size_t a, size_t b)
{
    return v[a] < v[b] || (v[a] == v[b] && a < b);
}

/* Puts the element of rank k into place, smaller ones before it (Hoare). */
static void split_at(const double *v, size_t *index, size_t lo, size_t hi, size_t k)
{
    hi--;
    while (lo < hi) {
        size_t pivot = index[lo + (hi - lo) / 2], i = lo, j = hi;
        for (;;) {
            while (before(v, index[i], pivot)) {
                i++;
            }
            while (before(v, pivot, index[j])) {
                j--;
            }
            if (i >= j) {
                break;
            }
            size_t t = index[i];
            index[i++] = index[j];
            index[j--] = t;
        }
        if (k <= j) {
            hi = j;
        } else {
            lo = j + 1;
        }
    }
}

static void build(fit_tree *t, size_t lo, size_t hi)
{
    if (hi - lo <= LEAF) {
        return;
    }
    size_t mid = lo + (hi - lo) / 2;
    int dim = widest(t, lo, hi);
    split_at(t->coord[dim], t->index, lo, hi, mid);
    t->dim[mid] = (unsigned char)dim;
    build(t, lo, mid);
    build(t, mid + 1, hi);
}

sc_status fit_tree_new(const double *const *coord, int n_coords, size_t n, fit_tree **out,
                       sc_diag *diag)
{
    fit_tree *t = sc_calloc(1, sizeof *t);
    if (!t) {
        return sc_diag_nomem(diag);
    }
    t->index = sc_malloc(n * sizeof *t->index);
    t->dim = sc_calloc(n, sizeof *t->dim);
    if (!t->index || !t->dim) {
        fit_tree_free(t);
        return sc_diag_nomem(diag);
    }
    t->n_coords = n_coords;
    t->n = n;
    for (int c = 0; c < n_coords; c++) {
        t->coord[c] = coord[c];
    }
    for (size_t i = 0; i < n; i++) {
        t->index[i] = i;
    }
    build(t, 0, n);
    *out = t;
    return SC_OK;
}

typedef struct query {
    const fit_tree *tree;
    const double *scale;
    double at[FIT_TREE_MAX_COORDS];
    fit_tree_penalty penalty;
    const void *context;
    fit_nearest *nearest;
} query;

static bool closer(double d2, size_t j, const fit_nearest *near, int at)
{
    return d2 < near->d2[at] || (d2 == near->d2[at] && j < near->index[at]);
}

void fit_nearest_offer(fit_nearest *near, size_t j, double d2)
{
    if (near->n == near->k && !closer(d2, j, near, near->k - 1)) {
        return;
    }
    int at = near->n < near->k ? near->n++ : near->k - 1;
    for (; at > 0 && closer(d2, j, near, at - 1); at--) {
        near->index[at] = near->index[at - 1];
        near->d2[at] = near->d2[at - 1];
    }
    near->index[at] = j;
    near->d2[at] = d2;
}

static void offer(query *q, size_t j)
{
    double extra = q->penalty(q->context, j), d2 = extra;
    if (extra < 0) {
        return;
    }
    for (int c = 0; c < q->tree->n_coords; c++) {
        double d = (q->tree->coord[c][j] - q->at[c]) * q->scale[c];
        d2 += d * d;
    }
    fit_nearest_offer(q->nearest, j, d2);
}

static void visit(query *q, size_t lo, size_t hi)
{
    const fit_tree *t = q->tree;
    if (hi - lo <= LEAF) {
        for (size_t i = lo; i < hi; i++) {
            offer(q, t->index[i]);
        }
        return;
    }
    size_t mid = lo + (hi - lo) / 2;
    int dim = t->dim[mid];
    double gap = (q->at[dim] - t->coord[dim][t->index[mid]]) * q->scale[dim];
    if (gap < 0) {
        visit(q, lo, mid);
    } else {
        visit(q, mid + 1, hi);
    }
    offer(q, t->index[mid]);
    if (q->nearest->n < q->nearest->k || gap * gap <= q->nearest->d2[q->nearest->k - 1]) {
        if (gap < 0) {
            visit(q, mid + 1, hi);
        } else {
            visit(q, lo, mid);
        }
    }
}

void fit_tree_query_at(const fit_tree *tree, const double *at, const double *scale,
                       fit_tree_penalty penalty, const void *context,
                       fit_nearest *nearest)
{
    query q = {.tree = tree,
               .scale = scale,
               .penalty = penalty,
               .context = context,
               .nearest = nearest};
    for (int c = 0; c < tree->n_coords; c++) {
        q.at[c] = at[c];
    }
    nearest->n = 0;
    visit(&q, 0, tree->n);
}

void fit_tree_query(const fit_tree *tree, size_t i, const double *scale,
                    fit_tree_penalty penalty, const void *context, fit_nearest *nearest)
{
    double at[FIT_TREE_MAX_COORDS];
    for (int c = 0; c < tree->n_coords; c++) {
        at[c] = tree->coord[c][i];
    }
    fit_tree_query_at(tree, at, scale, penalty, context, nearest);
}
