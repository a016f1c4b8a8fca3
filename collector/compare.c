/* solcheck - two sets of measured points, one by one.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "collector/compare.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

const char *col_verdict_name(col_verdict verdict)
{
    static const char *const name[] = {
#define X(id, name) name,
        COL_VERDICT_LIST(X)
#undef X
    };
    return (unsigned)verdict < COL_N_VERDICTS ? name[verdict] : "";
}

void col_compare_defaults(col_compare_options *options)
{
    *options = (col_compare_options){.noise = 0.01, .threshold = 0.05, .alpha = 0.01};
}

/* ---- rows to points ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sorted values. */
static double median_of(const double *v, size_t n)
{
    return n % 2 ? v[n / 2] : 0.5 * (v[n / 2 - 1] + v[n / 2]);
}

static int by_key(const void *va, const void *vb)
{
    const col_entry *a = va, *b = vb;
    int order = strcmp(a->key, b->key);
    return order ? order : by_value(&a->latency_s, &b->latency_s);
}

/* entry[0..n) have one key and rising latencies. The noise of a median of three or more
 * follows from their spread (1.2533 and 1.4826: normal errors). */
static col_entry pool(const col_entry *entry, size_t n, double *scratch)
{
    col_entry one = entry[0];
    for (size_t i = 0; i < n; i++) {
        scratch[i] = entry[i].latency_s;
        if (!(one.noise >= entry[i].noise))
            one.noise = entry[i].noise;
    }
    one.latency_s = median_of(scratch, n);
    if (n < 3)
        return one;
    for (size_t i = 0; i < n; i++)
        scratch[i] = fabs(scratch[i] - one.latency_s);
    qsort(scratch, n, sizeof *scratch, by_value);
    one.noise =
        1.2533 * 1.4826 * median_of(scratch, n) / (one.latency_s * sqrt((double)n));
    return one;
}

/* Leaves one entry a key; returns their number. */
static size_t pool_rows(col_entry *entry, size_t n, double *scratch)
{
    size_t kept = 0;
    qsort(entry, n, sizeof *entry, by_key);
    for (size_t i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && strcmp(entry[j].key, entry[i].key) == 0; j++)
            ;
        entry[kept++] = j - i > 1 ? pool(entry + i, j - i, scratch) : entry[i];
    }
    return kept;
}

/* ---- pairs ---- */

static double share(const col_entry *e)
{
    return e->bound_s > 0 ? e->bound_s / e->latency_s : NAN;
}

static col_pair alone(const col_entry *e, col_verdict verdict)
{
    bool first = verdict == COL_ONLY_A;
    return (col_pair){.key = e->key,
                      .verdict = verdict,
                      .a_s = first ? e->latency_s : NAN,
                      .b_s = first ? NAN : e->latency_s,
                      .ratio = NAN,
                      .lo = NAN,
                      .hi = NAN,
                      .sol_a = first ? share(e) : NAN,
                      .sol_b = first ? NAN : share(e)};
}

static col_pair judge(const col_entry *a, const col_entry *b,
                      const col_compare_options *options, double z)
{
    double noise_a = isnan(a->noise) ? options->noise : a->noise;
    double noise_b = isnan(b->noise) ? options->noise : b->noise;
    double reach = exp(z * hypot(noise_a, noise_b)), ratio = b->latency_s / a->latency_s;
    double limit = 1 + options->threshold;
    col_pair p = {.key = a->key,
                  .a_s = a->latency_s,
                  .b_s = b->latency_s,
                  .ratio = ratio,
                  .lo = ratio / reach,
                  .hi = ratio * reach,
                  .sol_a = share(a),
                  .sol_b = share(b)};
    p.verdict = p.lo > 1                             ? COL_SLOWER
                : p.hi < 1                           ? COL_FASTER
                : p.hi <= limit && p.lo >= 1 / limit ? COL_SAME
                                                     : COL_AMBIGUOUS;
    p.regressed = p.lo > limit;
    return p;
}

static void match(const col_entry *a, size_t n_a, const col_entry *b, size_t n_b,
                  const col_compare_options *options, col_comparison *out)
{
    double z = gsl_cdf_ugaussian_Qinv(options->alpha / 2);
    size_t i = 0, k = 0;
    while (i < n_a || k < n_b) {
        int order = i == n_a ? 1 : k == n_b ? -1 : strcmp(a[i].key, b[k].key);
        col_pair p = order < 0   ? alone(&a[i], COL_ONLY_A)
                     : order > 0 ? alone(&b[k], COL_ONLY_B)
                                 : judge(&a[i], &b[k], options, z);
        i += order <= 0;
        k += order >= 0;
        out->count[p.verdict]++;
        out->n_regressed += p.regressed;
        out->pair[out->n++] = p;
    }
}

/* ---- summary ---- */

/* The largest k with P(Binomial(n, 1/2) < k) <= alpha / 2: the k-th smallest and largest
 * of n values enclose their median (Conover 1999, section 3.2). 0: n is too small. */
static size_t sign_rank(size_t n, double alpha)
{
    size_t k = 0;
    while (k < n / 2 && gsl_cdf_binomial_P((unsigned)k, 0.5, (unsigned)n) <= alpha / 2)
        k++;
    return k;
}

static double median_where(const col_comparison *c, size_t offset, double *scratch)
{
    size_t n = 0;
    for (size_t i = 0; i < c->n; i++) {
        const col_pair *p = &c->pair[i];
        double v = *(const double *)((const char *)p + offset);
        if (!isnan(p->ratio) && !isnan(v))
            scratch[n++] = v;
    }
    qsort(scratch, n, sizeof *scratch, by_value);
    return n ? median_of(scratch, n) : NAN;
}

static void summarise(col_comparison *c, const col_compare_options *options,
                      double *scratch)
{
    size_t n = c->n - c->count[COL_ONLY_A] - c->count[COL_ONLY_B];
    c->sol_a = median_where(c, offsetof(col_pair, sol_a), scratch);
    c->sol_b = median_where(c, offsetof(col_pair, sol_b), scratch);
    c->median = median_where(c, offsetof(col_pair, ratio), scratch);
    size_t k = sign_rank(n, options->alpha); /* scratch: the ratios, sorted */
    c->median_lo = k ? scratch[k - 1] : n ? 0 : NAN;
    c->shifted = c->median_lo > 1 + options->threshold;
    c->median_hi = k ? scratch[n - k] : n ? HUGE_VAL : NAN;
}

static sc_status check(const col_compare_options *o, sc_diag *diag)
{
    if (o->noise >= 0 && o->noise < 1 && o->threshold > 0 && o->alpha > 0 && o->alpha < 1)
        return SC_OK;
    return sc_diag_fail(diag, SC_EINVAL, SC6001,
                        "comparison: noise %g, threshold %g, alpha %g", o->noise,
                        o->threshold, o->alpha);
}

sc_status col_compare(col_entry *a, size_t n_a, col_entry *b, size_t n_b,
                      const col_compare_options *options, col_comparison *out,
                      sc_diag *diag)
{
    col_comparison c = {0};
    sc_status status = check(options, diag);
    if (status)
        return status;
    double *scratch = sc_malloc((n_a + n_b + 1) * sizeof *scratch);
    c.pair = sc_malloc((n_a + n_b + 1) * sizeof *c.pair);
    if (!scratch || !c.pair) {
        sc_free(scratch);
        sc_free(c.pair);
        return sc_diag_nomem(diag);
    }
    n_a = pool_rows(a, n_a, scratch);
    n_b = pool_rows(b, n_b, scratch);
    match(a, n_a, b, n_b, options, &c);
    summarise(&c, options, scratch);
    sc_free(scratch);
    *out = c;
    return SC_OK;
}

void col_comparison_clear(col_comparison *comparison)
{
    sc_free(comparison->pair);
    *comparison = (col_comparison){0};
}
