/* solcheck - a kd-tree over points in up to a few coordinates, for nearest neighbours in
 * any axis-scaled Euclidean distance. Scales are given per query: scaling keeps the order
 * along each coordinate, so one tree serves all of them. Source: Bentley, Communications
 * of the ACM 18 (1975). Tests: tests/unit/fit/test_tree.c. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_FIT_TREE_H
#define SC_FIT_TREE_H

#include <stddef.h>

#include "base/diag.h"

#define FIT_TREE_MAX_COORDS 14

typedef struct fit_tree fit_tree;

/* coord[c][i] for c < n_coords <= FIT_TREE_MAX_COORDS, i < n; borrowed, finite.
 * Errors: SC_ENOMEM. */
sc_status fit_tree_new(const double *const *coord, int n_coords, size_t n, fit_tree **out,
                       sc_diag *diag);
void fit_tree_free(fit_tree *tree);

/* Keeps the k nearest points so far, nearest first; equal distances in order of index. */
typedef struct fit_nearest {
    size_t *index; /* [k] */
    double *d2;    /* [k] squared scaled distance and penalty */
    int k, n;
} fit_nearest;

/* Enters point j at squared distance d2 if it is near enough. */
void fit_nearest_offer(fit_nearest *nearest, size_t j, double d2);

/* Extra squared distance of point j, or a negative number to leave it out. */
typedef double (*fit_tree_penalty)(const void *context, size_t j);

/* Finds the neighbours of point i (itself included unless left out) where coordinate
 * differences are multiplied by scale[c]. */
void fit_tree_query(const fit_tree *tree, size_t i, const double *scale,
                    fit_tree_penalty penalty, const void *context, fit_nearest *nearest);
/* The same around any place, at[n_coords]. */
void fit_tree_query_at(const fit_tree *tree, const double *at, const double *scale,
                       fit_tree_penalty penalty, const void *context,
                       fit_nearest *nearest);

#endif
