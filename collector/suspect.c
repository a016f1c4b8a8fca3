/* solcheck - why rows are faster than their bound: one suspect for all rows that share a
 * limiter and dtypes (a crowd), with the evidence. docs/audit.md gives the rules.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/audit_rows.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* A row is inverted when one with this share of its work, or less, took this much longer;
 * looked for among so many next smaller ones, to bound the time. */
#define INVERTED_WORK 0.8
#define INVERTED_TIME 1.1
#define INVERTED_REACH 2000
#define INVERTED_ROWS 4096 /* rows that are looked at, spread over all bad ones */

/* Rates that are printed too low are so by a tenth or a fifth: boost clocks against base
 * clocks, one memory generation. Beyond that something else is wrong. */
#define CLUSTER_MAX 1.25
#define NEAR 0.8      /* "close below the bound" */
#define CLEARLY 0.97  /* "clearly below the bound" */
#define ENOUGH_ROWS 8 /* so many rows may contradict a suspicion */

/* A guard against L2 that is effectively larger than printed (compression, sectors). */
#define L2_SLACK 4

typedef struct crowd {
    col_limiter limiter;
    int dtypes;
    const sol_config *config; /* of any of its rows, for dtypes */
    size_t n, n_bad, n_looked_at, n_inverted, n_near, n_large, n_bad_cold, n_beyond;
    double best_good, best_large; /* largest ratio of the rows that keep to the bound; of
                                     all large ones */
    double least_bytes_B, most_bytes_B; /* working sets of the bad rows */
    double *ratio;                      /* [n_bad], ascending */
    const col_audit_row *worst;
} crowd;

typedef struct study {
    const col_points *points;
    const sol_system *system;
    col_audit_row *row;
    size_t n;
    int n_dtypes;
    crowd *crowd; /* [COL_N_LIMITERS * n_dtypes] */
    double *ratio;
    bool knows_l2, fell_back;
} study;

static bool bad(const col_audit_row *row)
{
    return row->ratio > 1 + COL_ROUNDING;
}

static bool explained(const col_audit_row *row)
{
    return row->point->hot && row->cold > 1 + COL_ROUNDING && !bad(row);
}

/* ---- classes of equal dtypes ---- */

static bool same_dtypes(const sol_op *op, const sol_config *a, const sol_config *b)
{
    for (int i = 0; i < op->n_slots; i++)
        if (a->slot[i] != b->slot[i])
            return false;
    return true;
}

/* Numbers the classes; rows of one configuration follow each other. */
static sc_status number_dtypes(study *s, sc_diag *diag)
{
    const sol_config **known = sc_calloc(s->points->n_configs + 1, sizeof *known);
    if (!known)
        return sc_diag_nomem(diag);
    for (size_t i = 0; i < s->n; i++) {
        int k = 0;
        if (i > 0 && s->row[i].config == s->row[i - 1].config) {
            s->row[i].dtypes = s->row[i - 1].dtypes;
            continue;
        }
        while (k < s->n_dtypes && !same_dtypes(s->points->op, known[k], s->row[i].config))
            k++;
        if (k == s->n_dtypes)
            known[s->n_dtypes++] = s->row[i].config;
        s->row[i].dtypes = k;
    }
    sc_free(known);
    return SC_OK;
}

/* ---- rows that are faster than smaller ones ---- */

static int by_work(const void *a, const void *b)
{
    const col_audit_row *x = a, *y = b;
    if (x->point->group != y->point->group)
        return x->point->group < y->point->group ? -1 : 1;
    return (x->bound_s > y->bound_s) - (x->bound_s < y->bound_s);
}

/* Has a to do no more than b along any axis? */
static bool within(const study *s, const col_audit_row *a, const col_audit_row *b)
{
    for (int i = 0; i < s->points->op->phase[s->points->phase]->n_axes; i++)
        if (a->point->axis[i] > b->point->axis[i])
            return false;
    return true;
}

/* Marks the bad rows that undercut one that lies within them on every axis: whatever the
 * formula says of either, no kernel does that. */
static void mark_inverted(study *s)
{
    size_t n_bad = 0, seen = 0;
    qsort(s->row, s->n, sizeof *s->row, by_work);
    for (size_t i = 0; i < s->n; i++)
        n_bad += bad(&s->row[i]);
    size_t every = 1 + n_bad / INVERTED_ROWS;
    for (size_t i = 0; i < s->n; i++) {
        col_audit_row *row = &s->row[i];
        size_t last = i > INVERTED_REACH ? i - INVERTED_REACH : 0;
        row->looked_at = bad(row) && seen++ % every == 0;
        for (size_t k = i; row->looked_at && !row->inverted && k-- > last;) {
            const col_audit_row *less = &s->row[k];
            if (less->point->group != row->point->group)
                break;
            row->inverted =
                less->bound_s <= INVERTED_WORK * row->bound_s &&
                less->point->latency_s > INVERTED_TIME * row->point->latency_s &&
                within(s, less, row);
        }
    }
}

/* ---- crowds ---- */

/* Rows out of L2 and out of memory are one crowd: which of both it was is the question.
 */
static crowd *crowd_of(const study *s, const col_audit_row *row)
{
    int limiter = row->limiter == COL_LIMITER_L2 ? COL_LIMITER_MEMORY : (int)row->limiter;
    return &s->crowd[limiter * s->n_dtypes + row->dtypes];
}

static void add_bad(crowd *c, const col_audit_row *row)
{
    bool first = c->n_bad == 0;
    c->n_looked_at += row->looked_at;
    c->n_inverted += row->inverted;
    c->n_bad_cold += !row->point->hot && row->hot <= 1 + COL_ROUNDING;
    c->least_bytes_B = first ? row->bytes_B : fmin(c->least_bytes_B, row->bytes_B);
    c->most_bytes_B = fmax(c->most_bytes_B, row->bytes_B);
    if (first || row->ratio > c->worst->ratio)
        c->worst = row;
    c->n_bad++;
}

static void count_crowds(study *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const col_audit_row *row = &s->row[i];
        crowd *c = crowd_of(s, row);
        c->limiter = row->limiter == COL_LIMITER_L2 ? COL_LIMITER_MEMORY : row->limiter;
        c->dtypes = row->dtypes;
        c->config = row->config;
        c->n++;
        c->n_near += row->ratio >= NEAR && !bad(row);
        if (row->bound_s >= COL_LARGE_S) {
            c->n_large++;
            c->best_large = fmax(c->best_large, row->ratio);
        }
        if (bad(row))
            add_bad(c, row);
        else
            c->best_good = fmax(c->best_good, row->ratio);
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The ratios of each crowd's bad rows, and how many rows keep to the bound beyond them.
 */
static void sort_ratios(study *s)
{
    double *next = s->ratio;
    size_t n_crowds = (size_t)s->n_dtypes * COL_N_LIMITERS;
    for (size_t k = 0; k < n_crowds; k++) {
        s->crowd[k].ratio = next;
        next += s->crowd[k].n_bad;
        s->crowd[k].n_bad = 0;
    }
    for (size_t i = 0; i < s->n; i++) {
        crowd *c = crowd_of(s, &s->row[i]);
        if (bad(&s->row[i]))
            c->ratio[c->n_bad++] = s->row[i].ratio;
        else
            c->n_beyond += s->row[i].bytes_B > c->most_bytes_B;
    }
    for (size_t k = 0; k < n_crowds; k++)
        qsort(s->crowd[k].ratio, s->crowd[k].n_bad, sizeof(double), by_value);
}

/* ---- suspects ---- */

/* What the limiter does at most, as far as dtypes matter for it. */
static double peak(const study *s, const crowd *c)
{
    static const int engine_of[COL_N_LIMITERS] = {[COL_LIMITER_TENSOR] = SOL_TENSOR,
                                                  [COL_LIMITER_CUDA] = SOL_CUDA,
                                                  [COL_LIMITER_EXP] = SOL_EXP};
    const sol_phase *phase = s->points->op->phase[s->points->phase];
    if (c->limiter > COL_LIMITER_EXP)
        return 1;
    sol_engine engine = (sol_engine)engine_of[c->limiter];
    for (int t = 0; t < phase->n_terms; t++) {
        const sol_term *term = &phase->term[t];
        bool fallback;
        if (term->kind == SOL_FLOPS && term->engine == engine)
            return sol_system_rate(
                s->system, SOL_ARCHITECTURAL, engine,
                term->slot >= 0 ? c->config->slot[term->slot] : SOL_FP32, &fallback);
    }
    return NAN;
}

/* A crowd of other dtypes with the same peak that clearly keeps to it, NULL: none. */
static const crowd *contradicts(const study *s, const crowd *c)
{
    for (int k = 0; k < s->n_dtypes; k++) {
        const crowd *other = &s->crowd[(int)c->limiter * s->n_dtypes + k];
        if (k != c->dtypes && other->n_large >= ENOUGH_ROWS && other->n_bad == 0 &&
            other->best_large < CLEARLY && peak(s, other) == peak(s, c))
            return other;
    }
    return NULL;
}

static bool is_engine(const crowd *c)
{
    return c->limiter <= COL_LIMITER_EXP;
}

static bool from_memory(const crowd *c)
{
    return c->limiter == COL_LIMITER_MEMORY;
}

static void dtype_text(const sol_op *op, const sol_config *config, char *out,
                       size_t out_B)
{
    size_t n = 0;
    *out = 0;
    for (int i = 0; i < op->n_slots && n < out_B; i++)
        n += (size_t)snprintf(out + n, out_B - n, "%s%s=%s", i ? ", " : "",
                              op->slot[i].name, sol_dtype_name(config->slot[i]));
}

#define SAY(...) snprintf(evidence, evidence_B, __VA_ARGS__)

/* What L2 explains. */
static bool cache_suspect(const study *s, const crowd *c, char *evidence,
                          size_t evidence_B)
{
    double l2_B = s->system->l2_B.value;
    if (2 * c->n_bad_cold >= c->n_bad && c->n_bad_cold)
        SAY("%zu of %zu rows are labelled cold, but slower than the bound out of L2",
            c->n_bad_cold, c->n_bad);
    else if (from_memory(c) && !s->knows_l2)
        SAY("the system file gives no L2 size; working sets are %.3g to %.3g MB",
            c->least_bytes_B / 1e6, c->most_bytes_B / 1e6);
    else if (from_memory(c) && c->most_bytes_B > l2_B &&
             c->most_bytes_B <= L2_SLACK * l2_B && c->n_beyond >= ENOUGH_ROWS)
        SAY("working sets are at most %.3g MB, L2 has %.3g MB; %zu rows with larger ones "
            "keep to the bound",
            c->most_bytes_B / 1e6, l2_B / 1e6, c->n_beyond);
    else
        return false;
    return true;
}

/* Rows just above a rate that many more come close to. */
static bool clusters(const study *s, const crowd *c, char *evidence, size_t evidence_B)
{
    double median = col_audit_quantile(c->ratio, c->n_bad, 0.5);
    double largest = c->ratio[c->n_bad - 1];
    if (largest > CLUSTER_MAX || c->n_near < c->n_bad)
        return false;
    SAY("all share one limiter and lie at 1.00 to %.2f of it (median %.2f); %zu more "
        "rows "
        "lie between %.2f and 1.00, so the distribution has no gap%s",
        largest, median, c->n_near, NEAR,
        s->fell_back ? "; the system file has datasheet numbers only" : "");
    return true;
}

static col_suspect decide(const study *s, const crowd *c, char *evidence,
                          size_t evidence_B)
{
    double median = col_audit_quantile(c->ratio, c->n_bad, 0.5);
    double largest = c->ratio[c->n_bad - 1];
    const crowd *other = contradicts(s, c);
    char dtypes[128];
    if (cache_suspect(s, c, evidence, evidence_B))
        return COL_SUSPECT_CACHE;
    if (c->n_looked_at && 2 * c->n_inverted >= c->n_looked_at) {
        SAY("%zu of %zu rows are faster than a row of the same configuration with less "
            "to do",
            c->n_inverted, c->n_looked_at);
        return COL_SUSPECT_TIMER;
    }
    if (other) {
        dtype_text(s->points->op, other->config, dtypes, sizeof dtypes);
        SAY("%zu large rows with %s and the same %s reach at most %.2f of it",
            other->n_large, dtypes, col_limiter_name(c->limiter), other->best_large);
        return COL_SUSPECT_LABEL;
    }
    if (clusters(s, c, evidence, evidence_B))
        return is_engine(c) ? COL_SUSPECT_PEAK : COL_SUSPECT_BANDWIDTH;
    if (20 * c->n_bad <= c->n && c->best_good < CLEARLY) {
        SAY("%zu of %zu rows; the others reach at most %.2f: a few rows stand alone",
            c->n_bad, c->n, c->best_good);
        return COL_SUSPECT_TIMER;
    }
    if (*s->points->unknown)
        SAY("%zu of %zu rows, at up to %.3g times the bound; op %s does not know what "
            "these "
            "columns change: %s",
            c->n_bad, c->n, largest, s->points->op->name, s->points->unknown);
    else
        SAY("%zu of %zu rows, at up to %.3g times the bound (median %.3g): too far for a "
            "rate, too many for a timer",
            c->n_bad, c->n, largest, median);
    return COL_SUSPECT_FORMULA;
}

/* ---- findings ---- */

static void worst_text(const study *s, const col_audit_row *row, char *out, size_t out_B)
{
    const sol_op *op = s->points->op;
    const sol_phase *phase = op->phase[s->points->phase];
    size_t n = 0;
    *out = 0;
    for (int i = 0; i < phase->n_axes && n < out_B; i++)
        n += (size_t)snprintf(out + n, out_B - n, "%s%s=%.9g", i ? ", " : "",
                              phase->axis[i].name, row->point->axis[i]);
    for (int i = 0; i < op->n_params && n < out_B; i++)
        if (row->config->given[i])
            n += (size_t)snprintf(out + n, out_B - n, ", %s=%.9g", op->param[i].name,
                                  row->config->param[i]);
}

static void fill(const study *s, const crowd *c, col_finding *f)
{
    *f = (col_finding){.violation = true,
                       .limiter = c->worst->limiter,
                       .n_rows = c->n_bad,
                       .n_peers = c->n,
                       .median = col_audit_quantile(c->ratio, c->n_bad, 0.5),
                       .largest = c->ratio[c->n_bad - 1],
                       .line = c->worst->point->line,
                       .latency_s = c->worst->point->latency_s,
                       .bound_s = c->worst->bound_s};
    dtype_text(s->points->op, c->config, f->dtypes, sizeof f->dtypes);
    worst_text(s, c->worst, f->worst, sizeof f->worst);
    f->suspect = f->also = decide(s, c, f->evidence, sizeof f->evidence);
    if (f->suspect == COL_SUSPECT_LABEL &&
        clusters(s, c, f->also_evidence, sizeof f->also_evidence))
        f->also = is_engine(c) ? COL_SUSPECT_PEAK : COL_SUSPECT_BANDWIDTH;
}

/* The rows that only the cold bound forbids: one finding a table. s->ratio is free again.
 */
static void fill_explained(const study *s, col_finding *f)
{
    size_t n = 0, resident = 0;
    const col_audit_row *worst = NULL;
    double l2_B = s->system->l2_B.value, most_B = 0;
    for (size_t i = 0; i < s->n; i++) {
        const col_audit_row *row = &s->row[i];
        if (!explained(row))
            continue;
        s->ratio[n++] = row->cold;
        resident += row->bytes_B <= l2_B;
        most_B = fmax(most_B, row->bytes_B);
        if (!worst || row->cold > worst->cold)
            worst = row;
    }
    assert(worst); /* audit->n_below_cold counted it */
    qsort(s->ratio, n, sizeof *s->ratio, by_value);
    *f = (col_finding){.suspect = COL_SUSPECT_CACHE,
                       .also = COL_SUSPECT_CACHE,
                       .limiter = COL_LIMITER_MEMORY,
                       .n_rows = n,
                       .n_peers = s->n,
                       .median = col_audit_quantile(s->ratio, n, 0.5),
                       .largest = s->ratio[n - 1],
                       .line = worst->point->line,
                       .latency_s = worst->point->latency_s,
                       .bound_s = worst->cold * worst->point->latency_s};
    dtype_text(s->points->op, worst->config, f->dtypes, sizeof f->dtypes);
    worst_text(s, worst, f->worst, sizeof f->worst);
    snprintf(
        f->evidence, sizeof f->evidence,
        "%zu of %zu working sets fit into the %.3g MB of L2, the largest is %.3g MB; "
        "none of these rows is faster than L2 allows",
        resident, n, l2_B / 1e6, most_B / 1e6);
}

/* All large rows; the fastest of them is the example. */
static void fill_slow(const study *s, const col_audit *audit, col_finding *f)
{
    const col_audit_row *best = NULL;
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const col_audit_row *row = &s->row[i];
        if (row->hot * row->point->latency_s < COL_LARGE_S)
            continue;
        s->ratio[n++] = row->hot;
        if (!best || row->hot > best->hot)
            best = row;
    }
    assert(best); /* col_audit_slow counted it */
    qsort(s->ratio, n, sizeof *s->ratio, by_value);
    *f = (col_finding){.slow = true,
                       .suspect = COL_SUSPECT_TIMER,
                       .also = COL_SUSPECT_TIMER,
                       .limiter = best->limiter,
                       .n_rows = n,
                       .n_peers = s->n,
                       .median = col_audit_quantile(s->ratio, n, 0.5),
                       .largest = best->hot,
                       .line = best->point->line,
                       .latency_s = best->point->latency_s,
                       .bound_s = best->hot * best->point->latency_s};
    dtype_text(s->points->op, best->config, f->dtypes, sizeof f->dtypes);
    worst_text(s, best, f->worst, sizeof f->worst);
    snprintf(f->evidence, sizeof f->evidence,
             "%zu rows of 0.1 ms or more reach at most %.1f %% of the bound: look for a "
             "unit, or for repetitions that were not divided out",
             audit->n_large, 1e2 * audit->large_best_hot);
}

static int by_size(const void *a, const void *b)
{
    const col_finding *x = a, *y = b;
    if (x->violation != y->violation)
        return y->violation - x->violation;
    return (x->n_rows < y->n_rows) - (x->n_rows > y->n_rows);
}

static sc_status fill_all(study *s, col_audit *audit, sc_diag *diag)
{
    size_t n_crowds = (size_t)s->n_dtypes * COL_N_LIMITERS;
    s->crowd = sc_calloc(n_crowds, sizeof *s->crowd);
    s->ratio = sc_calloc(s->n, sizeof *s->ratio);
    audit->finding = sc_calloc(n_crowds + 2, sizeof *audit->finding);
    if (!s->crowd || !s->ratio || !audit->finding)
        return sc_diag_nomem(diag);
    count_crowds(s);
    sort_ratios(s);
    for (size_t k = 0; k < n_crowds; k++)
        if (s->crowd[k].n_bad)
            fill(s, &s->crowd[k], &audit->finding[audit->n_findings++]);
    if (audit->n_below_cold)
        fill_explained(s, &audit->finding[audit->n_findings++]);
    if (col_audit_slow(audit))
        fill_slow(s, audit, &audit->finding[audit->n_findings++]);
    qsort(audit->finding, audit->n_findings, sizeof *audit->finding, by_size);
    return SC_OK;
}

sc_status col_audit_suspect(const col_points *points, const sol_system *system,
                            col_audit_row *row, col_audit *audit, sc_diag *diag)
{
    study s = {.points = points,
               .system = system,
               .row = row,
               .n = points->n,
               .knows_l2 = audit->knows_l2,
               .fell_back = audit->fell_back};
    sc_status status = number_dtypes(&s, diag);
    if (!status) {
        mark_inverted(&s);
        status = fill_all(&s, audit, diag);
    }
    sc_free(s.crowd);
    sc_free(s.ratio);
    return status;
}
