/* solcheck - a kd-tree for nearest neighbours.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "fit/tree.h"

#include "base/alloc.h"

#define LEAF 12

/* The points of a node are index[lo..hi); its splitting point is in the middle, and what
 * is known of the node stands there too. */
struct fit_tree {
    const double *const *coord; /* while it is built */
    int n_coords;
    size_t n;
    size_t *index; /* [n] */
    double *at;    /* [n, n_coords] in the order of index: leaves are read in a row */
    unsigned char *dim; /* [n] splitting coordinate */
    int *label;         /* [n] in the order of index; NULL: there are none */
    int *common;        /* [n] the label that all points of the node have, or -1 */
};

void fit_tree_free(fit_tree *tree)
{
    if (tree) {
        sc_free(tree->index);
        sc_free(tree->dim);
        sc_free(tree->at);
        sc_free(tree->label);
        sc_free(tree->common);
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

/* The label of all points of a node, or -1; notes it for the node and those below. */
static int find_common(fit_tree *t, size_t lo, size_t hi)
{
    if (lo == hi) {
        return -1;
    }
    size_t mid = lo + (hi - lo) / 2;
    int label = t->label[mid];
    if (hi - lo <= LEAF) {
        for (size_t i = lo; i < hi; i++) {
            label = t->label[i] == label ? label : -1;
        }
    } else { /* no side is empty */
        int left = find_common(t, lo, mid), right = find_common(t, mid + 1, hi);
        label = left == label && right == label ? label : -1;
    }
    return t->common[mid] = label;
}

static bool allocate(fit_tree *t, bool labels)
{
    t->index = sc_malloc(t->n * sizeof *t->index);
    t->dim = sc_calloc(t->n, sizeof *t->dim);
    t->at = sc_malloc(t->n * (size_t)t->n_coords * sizeof *t->at);
    if (labels) {
        t->label = sc_malloc(t->n * sizeof *t->label);
        t->common = sc_malloc(t->n * sizeof *t->common);
    }
    return t->index && t->dim && t->at && (!labels || (t->label && t->common));
}

/* Copies what the points hold into their order. */
static void fill(fit_tree *t, const int *label)
{
    size_t k = (size_t)t->n_coords;
    for (size_t i = 0; i < t->n; i++) {
        for (size_t c = 0; c < k; c++) {
            t->at[i * k + c] = t->coord[c][t->index[i]];
        }
        if (label) {
            t->label[i] = label[t->index[i]];
        }
    }
}

sc_status fit_tree_new(const double *const *coord, int n_coords, size_t first, size_t n,
                       const int *label, fit_tree **out, sc_diag *diag)
{
    fit_tree *t = sc_calloc(1, sizeof *t);
    if (!t) {
        return sc_diag_nomem(diag);
    }
    t->n_coords = n_coords;
    t->n = n;
    t->coord = coord;
    if (!allocate(t, label != NULL)) {
        fit_tree_free(t);
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < n; i++) {
        t->index[i] = first + i;
    }
    build(t, 0, n);
    fill(t, label);
    if (label) {
        find_common(t, 0, n);
    }
    t->coord = NULL; /* borrowed */
    *out = t;
    return SC_OK;
}

typedef struct query {
    const fit_tree *tree;
    const fit_tree_want *want;
    const double *at;
    double
        gap[FIT_TREE_MAX_COORDS]; /* at least that far, scaled, along each coordinate */
    fit_nearest *nearest;
} query;

static bool closer(double d2, size_t j, const fit_nearest *near, int at)
{
    return d2 < near->d2[at] || (d2 == near->d2[at] && j < near->index[at]);
}

static void enter(fit_nearest *near, size_t j, double d2)
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

static bool too_far(const query *q, double d2)
{
    return q->nearest->n == q->nearest->k && d2 > q->nearest->d2[q->nearest->k - 1];
}

static void offer(query *q, size_t i)
{
    const fit_tree *t = q->tree;
    const double *v = t->at + i * (size_t)t->n_coords;
    double d2 = q->want->extra;
    if (t->label && t->label[i] == q->want->hidden) {
        return;
    }
    for (int c = 0; c < t->n_coords; c++) {
        double d = (v[c] - q->at[c]) * q->want->scale[c];
        d2 += d * d;
    }
    size_t j = t->index[i];
    if (!too_far(q, d2) && (!q->want->admits || q->want->admits(q->want->context, j))) {
        enter(q->nearest, j, d2);
    }
}

static void visit(query *q, size_t lo, size_t hi);

/* The branch on the other side of the splitting plane. Sums of squares round alike here
 * and in offer, and rounding keeps order: no point is nearer than its branch. */
static void visit_far(query *q, size_t lo, size_t hi, int dim, double gap)
{
    double before = q->gap[dim], d2 = q->want->extra;
    q->gap[dim] = gap;
    for (int c = 0; c < q->tree->n_coords; c++) {
        d2 += q->gap[c] * q->gap[c];
    }
    if (!too_far(q, d2)) {
        visit(q, lo, hi);
    }
    q->gap[dim] = before;
}

static void visit(query *q, size_t lo, size_t hi)
{
    const fit_tree *t = q->tree;
    size_t mid = lo + (hi - lo) / 2;
    if (lo < hi && t->common && t->common[mid] >= 0 &&
        t->common[mid] == q->want->hidden) {
        return;
    }
    if (hi - lo <= LEAF) {
        for (size_t i = lo; i < hi; i++) {
            offer(q, i);
        }
        return;
    }
    int dim = t->dim[mid];
    double gap = (q->at[dim] - t->at[mid * (size_t)t->n_coords + (size_t)dim]) *
                 q->want->scale[dim];
    if (gap < 0) {
        visit(q, lo, mid);
        offer(q, mid);
        visit_far(q, mid + 1, hi, dim, gap);
    } else {
        visit(q, mid + 1, hi);
        offer(q, mid);
        visit_far(q, lo, mid, dim, gap);
    }
}

void fit_tree_query(const fit_tree *tree, const double *at, const fit_tree_want *want,
                    fit_nearest *nearest)
{
    query q = {.tree = tree, .want = want, .at = at, .nearest = nearest};
    visit(&q, 0, tree->n);
}
