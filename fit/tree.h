/* solcheck - a kd-tree over points in up to a few coordinates, for nearest neighbours in
 * any axis-scaled Euclidean distance. Scales are given per query: scaling keeps the order
 * along each coordinate, so one tree serves all of them. Source: Bentley, Communications
 * of the ACM 18 (1975). Tests: tests/unit/fit/test_tree.c. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_FIT_TREE_H
#define SC_FIT_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

#define FIT_TREE_MAX_COORDS 17

typedef struct fit_tree fit_tree;

/* Points first <= i < first + n, at coord[c][i] for c < n_coords <= FIT_TREE_MAX_COORDS,
 * finite. label[i] >= 0, or NULL: a query can leave out all points of one label, and
 * passes over whole branches of them. Both are copied. Errors: SC_ENOMEM. */
sc_status fit_tree_new(const double *const *coord, int n_coords, size_t first, size_t n,
                       const int *label, fit_tree **out, sc_diag *diag);
void fit_tree_free(fit_tree *tree);

/* Keeps the k nearest points so far, nearest first; equal distances in order of index. */
typedef struct fit_nearest {
    size_t *index; /* [k] */
    double *d2;    /* [k] squared scaled distance, extra included */
    int k, n;
} fit_nearest;

/* What a query is after. */
typedef struct fit_tree_want {
    const double *scale; /* [n_coords] differences are multiplied by it */
    double extra;        /* >= 0, added to every squared distance */
    int hidden;          /* points of this label are left out; -1: none are */
    bool (*admits)(const void *context, size_t i); /* NULL: all others are admitted */
    const void *context;
} fit_tree_want;

/* Enters the points of the tree that are nearest to at[n_coords] among those that nearest
 * holds already; nearest->n = 0 starts anew. */
void fit_tree_query(const fit_tree *tree, const double *at, const fit_tree_want *want,
                    fit_nearest *nearest);

#endif
