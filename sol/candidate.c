/* solcheck - reduced axes judged one by one, and where x alone is good enough.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sol/normal.h"
#include "sol/proof_internal.h"

/* ---- which candidates there are ---- */

/* Adds one unless an earlier one is the same function of the axes. */
static void add(sol_proof *proof, const sol_prover *p, const char *name,
                const int *exponent, const bool *kept)
{
    for (int c = 0; c < proof->n_candidates; c++) {
        bool same = true;
        for (int i = 0; i < p->n_axes; i++)
            same &= proof->candidate[c].exponent[i] == exponent[i] &&
                    proof->candidate[c].kept[i] == kept[i];
        if (same)
            return;
    }
    sol_candidate *made = &proof->candidate[proof->n_candidates++];
    strncpy(made->name, name, sizeof made->name - 1);
    memcpy(made->exponent, exponent, sizeof made->exponent);
    memcpy(made->kept, kept, sizeof made->kept);
}

/* Appends a separator and a name, as far as there is room. */
static void join(char *text, size_t text_B, const char *separator, const char *name)
{
    size_t n = strlen(text);
    if (n + strlen(separator) + strlen(name) + 1 > text_B)
        return;
    strcat(text, n ? separator : "");
    strcat(text, name);
}

static void list(sol_prover *p, sol_proof *proof)
{
    bool none[SOL_MAX_AXES] = {false}, optional[SOL_MAX_AXES] = {false}, any = false;
    int zero[SOL_MAX_AXES] = {0}, all[SOL_MAX_AXES] = {0};
    char product[64] = "", beside[64] = "x";
    for (int i = 0; i < p->n_axes; i++) {
        const sol_axis *axis = &p->phase->axis[i];
        optional[i] = axis->optional && p->swept[i];
        any |= optional[i];
        if (optional[i])
            join(beside, sizeof beside, ", ", axis->name);
        else if (p->swept[i]) {
            all[i] = 1;
            join(product, sizeof product, "*", axis->name);
        }
    }
    add(proof, p, "x", p->product ? p->exponent : zero, none);
    if (any)
        add(proof, p, beside, p->product ? p->exponent : zero, optional);
    add(proof, p, product, all, none);
    for (int i = 0; i < p->n_axes; i++) {
        int one[SOL_MAX_AXES] = {0};
        one[i] = 1;
        if (p->swept[i])
            add(proof, p, p->phase->axis[i].name, one, none);
    }
}

/* ---- verdicts ---- */

/* Is an expression a function of the product once the kept axes are fixed? */
static sc_status proves(sol_prover *p, const sol_candidate *c, const sol_expr *expr,
                        bool *holds)
{
    int symbol[SOL_MAX_AXES], exponent[SOL_MAX_AXES], n_axes = 0;
    bool exact, any = false;
    sol_normal *n;
    for (int i = 0; i < p->n_axes; i++) {
        if (c->kept[i])
            continue;
        symbol[n_axes] = p->symbol[i];
        exponent[n_axes++] = c->exponent[i];
        any |= c->exponent[i] > 0;
    }
    *holds = false;
    if (!any) /* x is no product: only witnesses tell */
        return SC_OK;
    sc_status status = sol_normal_new(p->ctx, expr, &n, p->diag);
    if (status == SC_OK) {
        *holds = sol_normal_function_of(n, n_axes, symbol, exponent, &exact);
        sol_normal_free(n);
    }
    return status;
}

/* Grid points with the value of a candidate, sorted so that equal ones are neighbours. */
typedef struct keyed {
    double key;
    const double *kept[SOL_MAX_AXES]; /* columns of the axes that stay separate */
    int n_kept;
    size_t index;
} keyed;

static int by_key(const void *a, const void *b)
{
    const keyed *p = a, *q = b;
    if (p->key != q->key)
        return p->key < q->key ? -1 : 1;
    for (int i = 0; i < p->n_kept; i++)
        if (p->kept[i][p->index] != q->kept[i][q->index])
            return p->kept[i][p->index] < q->kept[i][q->index] ? -1 : 1;
    return 0;
}

static sc_status sort_by_key(const sol_prover *p, const sol_candidate *c, keyed **out)
{
    keyed *made = sc_calloc(p->n, sizeof *made);
    if (!made)
        return sc_diag_nomem(p->diag);
    for (size_t i = 0; i < p->n; i++) {
        keyed *k = &made[i];
        bool any = false;
        k->index = p->by_x[i].index;
        k->key = 1;
        for (int a = 0; a < p->n_axes; a++) {
            any |= c->exponent[a] > 0;
            k->key *= pow(p->axis[a][k->index], c->exponent[a]);
            if (c->kept[a])
                k->kept[k->n_kept++] = p->axis[a];
        }
        if (!any)
            k->key = p->by_x[i].x;
    }
    qsort(made, p->n, sizeof *made, by_key);
    *out = made;
    return SC_OK;
}

/* The smallest and the largest value among points of equal key from `from` on; returns
 * the end of the run. */
static size_t run_of(const keyed *point, size_t n, size_t from, const double *value,
                     size_t pair[2])
{
    size_t to = from + 1;
    pair[0] = pair[1] = point[from].index;
    for (; to < n && by_key(&point[to], &point[from]) == 0; to++) {
        size_t at = point[to].index;
        pair[0] = value[at] < value[pair[0]] ? at : pair[0];
        pair[1] = value[at] > value[pair[1]] ? at : pair[1];
    }
    return to;
}

/* The pair of equal key with the largest ratio of values; false when none differs. */
static bool worst(const sol_prover *p, const keyed *point, const double *value,
                  size_t pair[2], double *key, double *ratio)
{
    *ratio = 1;
    for (size_t from = 0, to; from < p->n; from = to) {
        size_t now[2];
        to = run_of(point, p->n, from, value, now);
        double r = value[now[0]] > 0   ? value[now[1]] / value[now[0]]
                   : value[now[1]] > 0 ? INFINITY
                                       : 1;
        if (r > *ratio) {
            *ratio = r;
            *key = point[from].key;
            memcpy(pair, now, sizeof now);
        }
    }
    return *ratio > 1;
}

static sc_status judge(sol_prover *p, const sol_candidate *c, const keyed *point, int q,
                       sol_verdict *verdict, size_t pair[2], double *key, double *ratio)
{
    bool holds = true, differ = false;
    sc_status status = SC_OK;
    if (q < 2)
        status = proves(p, c, p->quantity[q], &holds);
    for (int r = 0; q == 2 && r < p->n_resources && holds && status == SC_OK; r++)
        status = proves(p, c, p->resource[r], &holds);
    *ratio = 1;
    if (status == SC_OK && !holds && worst(p, point, p->value[q], pair, key, ratio))
        status = sol_prover_exact_differ(p, p->quantity[q], pair[0], pair[1], &differ);
    if (!differ)
        *ratio = 1;
    *verdict = holds ? SOL_PROVED : differ ? SOL_DISPROVED : SOL_UNKNOWN;
    return status;
}

static sc_status spread_of(sol_prover *p, const keyed *point, sol_spread *spread)
{
    double *each = sc_calloc(p->n, sizeof *each);
    if (!each)
        return sc_diag_nomem(p->diag);
    for (size_t from = 0, to; from < p->n; from = to) {
        size_t pair[2];
        to = run_of(point, p->n, from, p->value[2], pair);
        if (to - from > 1 && p->value[2][pair[0]] > 0)
            each[spread->n_x++] = p->value[2][pair[1]] / p->value[2][pair[0]] - 1;
    }
    sol_spread_summarise(spread, each);
    sc_free(each);
    return SC_OK;
}

static sc_status judge_candidate(sol_prover *p, sol_candidate *c)
{
    sol_verdict *verdict[] = {&c->flops, &c->bytes, &c->sol};
    keyed *point = NULL;
    size_t pair[2] = {0, 0};
    double key = 0, ratio = 1;
    sc_status status = sort_by_key(p, c, &point);
    if (status != SC_OK)
        return status;
    for (int q = 0; q < SOL_N_QUANTITIES && status == SC_OK; q++)
        status = judge(p, c, point, q, verdict[q], pair, &key, &ratio);
    if (status == SC_OK && c->sol == SOL_DISPROVED) {
        c->witness.found = true;
        c->witness.x = key;
        c->witness.ratio = ratio;
        for (int k = 0; k < 2; k++) {
            c->witness.sol_s[k] = p->value[2][pair[k]];
            for (int i = 0; i < p->n_axes; i++)
                c->witness.axis[k][i] = p->axis[i][pair[k]];
        }
    }
    if (status == SC_OK)
        status = spread_of(p, point, &c->spread);
    sc_free(point);
    return status;
}

sc_status sol_prover_candidates(sol_prover *p, sol_proof *proof)
{
    list(p, proof);
    sc_status status = SC_OK;
    for (int c = 0; c < proof->n_candidates && status == SC_OK; c++)
        status = judge_candidate(p, &proof->candidate[c]);
    return status;
}

/* ---- where x is good enough ---- */

/* Over the points with axis <= limit (axis < 0: all of them): how many there are, how
 * many share their x, and how many of those have an x that spreads by at most the
 * tolerance. */
typedef struct tally {
    size_t n, shared, within;
} tally;

static tally count(const sol_prover *p, int axis, double limit, double tolerance)
{
    tally t = {0};
    for (size_t from = 0, to; from < p->n; from = to) {
        double least = INFINITY, most = 0;
        size_t m = 0;
        for (to = from; to < p->n && p->by_x[to].x == p->by_x[from].x; to++) {
            size_t at = p->by_x[to].index;
            if (axis >= 0 && p->axis[axis][at] > limit)
                continue;
            least = fmin(least, p->value[2][at]);
            most = fmax(most, p->value[2][at]);
            m++;
        }
        t.n += m;
        t.shared += m > 1 ? m : 0;
        t.within += m > 1 && most <= (1 + tolerance) * least ? m : 0;
    }
    return t;
}

/* The largest grid value of an axis up to which every x stays within the tolerance. */
static void find_limit(const sol_prover *p, int axis, sol_region *region)
{
    double limit = -INFINITY;
    for (size_t i = 0; i < p->n; i++)
        limit = fmax(limit, p->axis[axis][i]);
    while (isfinite(limit)) {
        tally t = count(p, axis, limit, region->tolerance);
        if (t.shared == 0)
            return; /* nothing left to compare */
        if (t.within == t.shared) {
            region->below[axis] = limit;
            region->share_below[axis] = (double)t.n / (double)p->n;
            return;
        }
        double next = -INFINITY;
        for (size_t i = 0; i < p->n; i++)
            if (p->axis[axis][i] < limit)
                next = fmax(next, p->axis[axis][i]);
        limit = next;
    }
}

sc_status sol_prover_regions(sol_prover *p, sol_proof *proof)
{
    static const double tolerance[SOL_N_REGIONS] = {0.01, 0.05, 0.10};
    for (int r = 0; r < SOL_N_REGIONS; r++) {
        sol_region *region = &proof->region[r];
        region->tolerance = tolerance[r];
        tally all = count(p, -1, 0, tolerance[r]);
        region->share = all.shared ? (double)all.within / (double)all.shared : 1;
        for (int i = 0; i < p->n_axes; i++) {
            region->below[i] = NAN;
            if (p->swept[i])
                find_limit(p, i, region);
        }
    }
    return SC_OK;
}
