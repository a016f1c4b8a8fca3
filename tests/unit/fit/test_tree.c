/* solcheck - nearest neighbours against brute force.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <gsl/gsl_rng.h>

#include "fit/tree.h"

#define N 613
#define K 13

static double coord[3][N];
static int label[N];
static const double scale[3][3] = {{1, 1, 1}, {0.13, 4.7, 1.9}, {7.3, 0.011, 0.5}};

static bool admits(const void *context, size_t j)
{
    (void)context;
    return j % 7 != 0;
}

static double distance2(const fit_tree_want *want, size_t i, size_t j)
{
    double d2 = want->extra;
    for (int c = 0; c < 3; c++) {
        double d = (coord[c][j] - coord[c][i]) * want->scale[c];
        d2 += d * d;
    }
    return d2;
}

/* The number of wanted points in [lo, hi) that come before (d2, j). */
static int rank_of(const fit_tree_want *want, size_t i, size_t lo, size_t hi, double d2,
                   size_t j)
{
    int before = 0;
    for (size_t k = lo; k < hi; k++) {
        double other = distance2(want, i, k);
        bool in = (!want->admits || want->admits(NULL, k)) && label[k] != want->hidden;
        before += in && (other < d2 || (other == d2 && k < j));
    }
    return before;
}

static void fill(void)
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    for (int i = 0; i < N; i++) {
        coord[0][i] = (double)gsl_rng_uniform_int(rng, 9) * 0.693; /* a lattice: ties */
        coord[1][i] = (double)gsl_rng_uniform_int(rng, 14) * 0.693;
        coord[2][i] = gsl_rng_uniform(rng);
        label[i] = (int)(coord[0][i] / 0.693 + 0.5) % 4; /* whole branches of one */
    }
    gsl_rng_free(rng);
}

static void look(const fit_tree *tree, const fit_tree_want *want, size_t i, size_t lo,
                 size_t hi)
{
    size_t index[K];
    double d2[K], at[3] = {coord[0][i], coord[1][i], coord[2][i]};
    fit_nearest near = {index, d2, K, 0};
    fit_tree_query(tree, at, want, &near);
    cr_assert_eq(near.n, K);
    for (int k = 0; k < K; k++) {
        double want_d2 = distance2(want, i, index[k]);
        cr_assert_eq(d2[k], want_d2);
        cr_assert_neq(label[index[k]], want->hidden);
        cr_assert_eq(rank_of(want, i, lo, hi, want_d2, index[k]), k,
                     "point %zu, neighbour %d", i, k);
    }
}

Test(tree, agrees_with_brute_force)
{
    const double *c[3] = {coord[0], coord[1], coord[2]};
    fit_tree *tree = NULL;
    fill();
    cr_assert_eq(fit_tree_new(c, 3, 0, N, label, &tree, NULL), SC_OK);
    for (size_t i = 0; i < N; i += 5) {
        fit_tree_want want = {.scale = scale[i % 3],
                              .extra = i % 2 ? 0.17 : 0,
                              .hidden = (int)(i % 5) - 1,
                              .admits = i % 3 ? admits : NULL};
        look(tree, &want, i, 0, N);
    }
    fit_tree_free(tree);
}

Test(tree, of_a_part_of_the_points)
{
    const double *c[3] = {coord[0], coord[1], coord[2]};
    fit_tree *tree = NULL;
    fill();
    cr_assert_eq(fit_tree_new(c, 3, 101, 311, label, &tree, NULL), SC_OK);
    for (size_t i = 0; i < N; i += 37) {
        fit_tree_want want = {.scale = scale[i % 3], .hidden = label[i]};
        look(tree, &want, i, 101, 412);
    }
    fit_tree_free(tree);
}

/* What a second tree holds farther away takes part in the contest. */
Test(tree, adds_to_what_is_near_already)
{
    const double *c[3] = {coord[0], coord[1], coord[2]};
    fit_tree *half[2] = {NULL, NULL}, *whole = NULL;
    fill();
    cr_assert_eq(fit_tree_new(c, 3, 0, 300, NULL, &half[0], NULL), SC_OK);
    cr_assert_eq(fit_tree_new(c, 3, 300, N - 300, NULL, &half[1], NULL), SC_OK);
    cr_assert_eq(fit_tree_new(c, 3, 0, N, NULL, &whole, NULL), SC_OK);
    for (size_t i = 3; i < N; i += 41) {
        size_t one[K], two[K];
        double d1[K], d2[K], at[3] = {coord[0][i], coord[1][i], coord[2][i]};
        fit_nearest a = {one, d1, K, 0}, b = {two, d2, K, 0};
        fit_tree_want want = {.scale = scale[i % 3], .hidden = -1};
        fit_tree_query(whole, at, &want, &a);
        fit_tree_query(half[0], at, &want, &b);
        fit_tree_query(half[1], at, &want, &b);
        cr_assert_arr_eq(one, two, sizeof one);
    }
    fit_tree_free(half[0]);
    fit_tree_free(half[1]);
    fit_tree_free(whole);
}
