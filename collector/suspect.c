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

/* Latencies that stay within this factor while the work of their rows differs by that one
 * are of a clock that does not wait for the kernel. */
#define FLAT_TIME 2
#define FLAT_WORK 10

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
    double least_s, most_s;             /* their latencies */
    double least_bound_s, most_bound_s; /* their bounds */
    double *ratio;                      /* [n_bad], ascending */
    size_t n_ratios;                    /* filled so far */
    col_audit_row worst;
} crowd;

/* Rows that are no violation, but told all the same. */
typedef struct others {
    size_t n, resident; /* resident: working sets within L2 */
    double most_bytes_B;
    double *ratio; /* [n] */
    size_t n_ratios;
    col_audit_row worst;
} others;

/* A row of the configuration that is looked through for inverted ones. */
typedef struct step {
    double bound_s;
    unsigned row;
    int crowd; /* of a bad row, -1 */
} step;

typedef struct study {
    const col_rows *rows;
    const sol_system *system;
    const col_points *about;
    size_t n;
    int *dtypes;          /* [n_configs] class of equal dtype slots */
    int n_dtypes, config; /* config: of the steps */
    crowd *crowd;         /* [COL_N_LIMITERS * n_dtypes] */
    double *ratio;
    others explained, large;
    step *step; /* [n_steps] of one configuration */
    size_t n_steps, capacity;
    size_t n_bad, seen;
    bool knows_l2, fell_back;
} study;

/* ---- classes of equal dtypes ---- */

static bool same_dtypes(const sol_op *op, const sol_config *a, const sol_config *b)
{
    for (int i = 0; i < op->n_slots; i++)
        if (a->slot[i] != b->slot[i])
            return false;
    return true;
}

/* Numbers the classes. */
static sc_status number_dtypes(study *s, sc_diag *diag)
{
    size_t n = s->about->n_configs;
    const sol_config **known = sc_calloc(n + 1, sizeof *known);
    s->dtypes = sc_calloc(n + 1, sizeof *s->dtypes);
    if (!known || !s->dtypes) {
        sc_free(known);
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < n; i++) {
        int k = 0;
        while (k < s->n_dtypes &&
               !same_dtypes(s->about->op, known[k], &s->about->config[i]))
            k++;
        if (k == s->n_dtypes)
            known[s->n_dtypes++] = &s->about->config[i];
        s->dtypes[i] = k;
    }
    sc_free(known);
    return SC_OK;
}

/* ---- crowds ---- */

/* Rows out of L2 and out of memory are one crowd: which of both it was is the question.
 */
static int crowd_of(const study *s, const col_audit_row *row)
{
    int limiter = row->limiter == COL_LIMITER_L2 ? COL_LIMITER_MEMORY : (int)row->limiter;
    return limiter * s->n_dtypes + s->dtypes[row->config];
}

static void add_bad(crowd *c, const col_audit_row *row)
{
    bool first = c->n_bad == 0;
    c->n_bad_cold += !row->is_hot && row->hot <= 1 + COL_ROUNDING;
    c->least_bytes_B = first ? row->bytes_B : fmin(c->least_bytes_B, row->bytes_B);
    c->most_bytes_B = fmax(c->most_bytes_B, row->bytes_B);
    c->least_s = first ? row->latency_s : fmin(c->least_s, row->latency_s);
    c->most_s = fmax(c->most_s, row->latency_s);
    c->least_bound_s = first ? row->bound_s : fmin(c->least_bound_s, row->bound_s);
    c->most_bound_s = fmax(c->most_bound_s, row->bound_s);
    if (first || row->ratio > c->worst.ratio)
        c->worst = *row;
    c->n_bad++;
}

static void count_other(const study *s, others *o, const col_audit_row *row, bool more)
{
    if (o->n++ == 0 || more)
        o->worst = *row;
    o->resident += row->bytes_B <= s->system->l2_B.value;
    o->most_bytes_B = fmax(o->most_bytes_B, row->bytes_B);
}

/* First pass. */
static sc_status count_crowds(void *user, const col_audit_row *row, size_t n)
{
    study *s = user;
    for (size_t i = 0; i < n; i++, row++) {
        crowd *c = &s->crowd[crowd_of(s, row)];
        c->limiter = row->limiter == COL_LIMITER_L2 ? COL_LIMITER_MEMORY : row->limiter;
        c->dtypes = s->dtypes[row->config];
        c->config = &s->about->config[row->config];
        c->n++;
        c->n_near += row->ratio >= NEAR && !col_row_is_bad(row);
        if (row->bound_s >= COL_LARGE_S) {
            c->n_large++;
            c->best_large = fmax(c->best_large, row->ratio);
        }
        if (col_row_is_bad(row))
            add_bad(c, row);
        else
            c->best_good = fmax(c->best_good, row->ratio);
        if (col_row_is_explained(row))
            count_other(s, &s->explained, row, row->cold > s->explained.worst.cold);
        if (row->hot * row->latency_s >= COL_LARGE_S)
            count_other(s, &s->large, row, row->hot > s->large.worst.hot);
    }
    return SC_OK;
}

/* ---- rows that are faster than smaller ones ---- */

static int by_work(const void *a, const void *b)
{
    const step *x = a, *y = b;
    return (x->bound_s > y->bound_s) - (x->bound_s < y->bound_s);
}

/* Has a to do no more than b along any axis? */
static bool within(const study *s, unsigned a, unsigned b)
{
    for (int k = 0; k < s->rows->n_axes; k++)
        if (col_values_at(&s->rows->axis[k], a) > col_values_at(&s->rows->axis[k], b))
            return false;
    return true;
}

/* Does row i undercut one that lies within it on every axis? Whatever the formula says of
 * either, no kernel does that. */
static bool is_inverted(const study *s, size_t i)
{
    size_t last = i > INVERTED_REACH ? i - INVERTED_REACH : 0;
    double most_s = INVERTED_WORK * s->step[i].bound_s;
    double latency_s = INVERTED_TIME * s->rows->latency_s[s->step[i].row];
    for (size_t k = i; k-- > last;)
        if (s->step[k].bound_s <= most_s &&
            s->rows->latency_s[s->step[k].row] > latency_s &&
            within(s, s->step[k].row, s->step[i].row))
            return true;
    return false;
}

/* A configuration is complete. */
static void end_steps(study *s)
{
    size_t every = 1 + s->n_bad / INVERTED_ROWS;
    bool any = false;
    for (size_t i = 0; i < s->n_steps; i++)
        any |= s->step[i].crowd >= 0;
    if (any)
        qsort(s->step, s->n_steps, sizeof *s->step, by_work);
    for (size_t i = 0; i < s->n_steps && any; i++) {
        if (s->step[i].crowd < 0 || s->seen++ % every != 0)
            continue;
        crowd *c = &s->crowd[s->step[i].crowd];
        c->n_looked_at++;
        c->n_inverted += is_inverted(s, i);
    }
    s->n_steps = 0;
}

static sc_status add_steps(study *s, const col_audit_row *row, size_t n)
{
    if (s->n_steps + n > s->capacity) {
        size_t capacity = 2 * s->capacity + n;
        step *more = sc_reallocarray(s->step, capacity, sizeof *more);
        if (!more)
            return SC_ENOMEM;
        s->step = more;
        s->capacity = capacity;
    }
    for (size_t i = 0; i < n; i++)
        s->step[s->n_steps++] =
            (step){row[i].bound_s, row[i].row,
                   col_row_is_bad(&row[i]) ? crowd_of(s, &row[i]) : -1};
    return SC_OK;
}

/* ---- ratios ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void sort_ratios(double *ratio, size_t n)
{
    if (n)
        qsort(ratio, n, sizeof *ratio, by_value);
}

/* Second pass: ratios, and how many rows keep to the bound beyond the bad ones. */
static sc_status fill_ratios(void *user, const col_audit_row *row, size_t n)
{
    study *s = user;
    int config = s->n_steps ? s->config : row[0].config;
    if (config != row[0].config)
        end_steps(s);
    s->config = row[0].config;
    for (size_t i = 0; i < n; i++) {
        crowd *c = &s->crowd[crowd_of(s, &row[i])];
        if (col_row_is_bad(&row[i]))
            c->ratio[c->n_ratios++] = row[i].ratio;
        else
            c->n_beyond += row[i].bytes_B > c->most_bytes_B;
        if (col_row_is_explained(&row[i]))
            s->explained.ratio[s->explained.n_ratios++] = row[i].cold;
        if (row[i].hot * row[i].latency_s >= COL_LARGE_S)
            s->large.ratio[s->large.n_ratios++] = row[i].hot;
    }
    return s->n_bad ? add_steps(s, row, n) : SC_OK;
}

/* ---- suspects ---- */

/* What the limiter does at most, as far as dtypes matter for it. */
static double peak(const study *s, const crowd *c)
{
    static const int engine_of[COL_N_LIMITERS] = {[COL_LIMITER_TENSOR] = SOL_TENSOR,
                                                  [COL_LIMITER_CUDA] = SOL_CUDA,
                                                  [COL_LIMITER_EXP] = SOL_EXP};
    const sol_phase *phase = s->about->op->phase[s->about->phase];
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

/* A crowd of dtypes with a higher peak that these rows keep to, while its own large rows
 * do not reach beyond the peak of these: as if labels were exchanged. NULL: none. */
static const crowd *exchanged(const study *s, const crowd *c)
{
    for (int k = 0; k < s->n_dtypes; k++) {
        const crowd *other = &s->crowd[(int)c->limiter * s->n_dtypes + k];
        if (k != c->dtypes && other->n_large >= ENOUGH_ROWS && other->n_bad == 0 &&
            c->ratio[c->n_bad - 1] * peak(s, c) <= peak(s, other) &&
            other->best_large * peak(s, other) <= peak(s, c))
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

/* Do all violations of the table have the dtypes of this crowd? */
static bool alone(const study *s, const crowd *c)
{
    size_t n = 0;
    for (int l = 0; l < COL_N_LIMITERS; l++)
        n += s->crowd[l * s->n_dtypes + c->dtypes].n_bad;
    return n == s->n_bad;
}

/* Rows just above a rate that many more come close to. */
static bool clusters(const study *s, const crowd *c, char *evidence, size_t evidence_B)
{
    double median = col_audit_quantile(c->ratio, c->n_bad, 0.5);
    double largest = c->ratio[c->n_bad - 1];
    char dtypes[128];
    if (largest > CLUSTER_MAX || c->n_near < c->n_bad)
        return false;
    dtype_text(s->about->op, c->config, dtypes, sizeof dtypes);
    SAY("all %zu %s share %s and cluster at %.2f to %.2f of the %s (median %.2f); %zu "
        "more rows lie between %.2f and 1.00, so the distribution has no gap%s",
        c->n_bad, alone(s, c) && s->n_dtypes > 1 ? "violations of the table" : "rows",
        dtypes, c->ratio[0], largest, col_limiter_name(c->limiter), median, c->n_near,
        NEAR, s->fell_back ? "; the system file has datasheet numbers only" : "");
    return true;
}

/* Launches that were timed, not kernels. What the op does not know (a window) may keep
 * latency from growing, too. */
static bool is_flat(const study *s, const crowd *c, char *evidence, size_t evidence_B)
{
    if (*s->about->unknown || c->n_bad < ENOUGH_ROWS ||
        c->most_s > FLAT_TIME * c->least_s ||
        c->most_bound_s < FLAT_WORK * c->least_bound_s)
        return false;
    SAY("all %zu rows take %.3g to %.3g ms, though their bounds differ by a factor of "
        "%.3g: the clock does not wait for the kernel",
        c->n_bad, c->least_s * 1e3, c->most_s * 1e3, c->most_bound_s / c->least_bound_s);
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
    if (is_flat(s, c, evidence, evidence_B))
        return COL_SUSPECT_TIMER;
    if (other) {
        dtype_text(s->about->op, other->config, dtypes, sizeof dtypes);
        SAY("%zu large rows with %s and the same %s reach at most %.2f of it",
            other->n_large, dtypes, col_limiter_name(c->limiter), other->best_large);
        return COL_SUSPECT_LABEL;
    }
    if (clusters(s, c, evidence, evidence_B))
        return is_engine(c) ? COL_SUSPECT_PEAK : COL_SUSPECT_BANDWIDTH;
    if (is_engine(c) && (other = exchanged(s, c)) != NULL) {
        dtype_text(s->about->op, other->config, dtypes, sizeof dtypes);
        SAY("%zu rows, at up to %.3g times the bound, would keep to that of %s, whose "
            "%zu "
            "large rows reach at most %.2f of it: are the labels exchanged?",
            c->n_bad, largest, dtypes, other->n_large, other->best_large);
        return COL_SUSPECT_LABEL;
    }
    if (20 * c->n_bad <= c->n && c->best_good < CLEARLY) {
        SAY("%zu of %zu rows; the others reach at most %.2f: a few rows stand alone",
            c->n_bad, c->n, c->best_good);
        return COL_SUSPECT_TIMER;
    }
    if (*s->about->unknown)
        SAY("%zu of %zu rows, at up to %.3g times the bound; op %s does not know what "
            "these "
            "columns change: %s",
            c->n_bad, c->n, largest, s->about->op->name, s->about->unknown);
    else
        SAY("%zu of %zu rows, at up to %.3g times the bound (median %.3g): too far for a "
            "rate, too many for a timer",
            c->n_bad, c->n, largest, median);
    return COL_SUSPECT_FORMULA;
}

/* ---- findings ---- */

static void worst_text(const study *s, const col_audit_row *row, char *out, size_t out_B)
{
    const sol_op *op = s->about->op;
    const sol_phase *phase = op->phase[s->about->phase];
    const sol_config *config = &s->about->config[row->config];
    size_t n = 0;
    *out = 0;
    for (int i = 0; i < phase->n_axes && n < out_B; i++)
        n += (size_t)snprintf(out + n, out_B - n, "%s%s=%.9g", i ? ", " : "",
                              phase->axis[i].name,
                              col_values_at(&s->rows->axis[i], row->row));
    for (int i = 0; i < op->n_params && n < out_B; i++)
        if (config->given[i])
            n += (size_t)snprintf(out + n, out_B - n, ", %s=%.9g", op->param[i].name,
                                  config->param[i]);
}

/* What a finding says of its worst row; bound_s: what that is held against. */
static void fill_worst(const study *s, const col_audit_row *worst, double bound_s,
                       col_finding *f)
{
    f->line = col_rows_line(s->rows, worst->row);
    f->latency_s = worst->latency_s;
    f->bound_s = bound_s;
    dtype_text(s->about->op, &s->about->config[worst->config], f->dtypes,
               sizeof f->dtypes);
    worst_text(s, worst, f->worst, sizeof f->worst);
}

static void fill(const study *s, const crowd *c, col_finding *f)
{
    *f = (col_finding){.violation = true,
                       .limiter = c->worst.limiter,
                       .n_rows = c->n_bad,
                       .n_peers = c->n,
                       .median = col_audit_quantile(c->ratio, c->n_bad, 0.5),
                       .largest = c->ratio[c->n_bad - 1]};
    fill_worst(s, &c->worst, c->worst.bound_s, f);
    f->suspect = f->also = decide(s, c, f->evidence, sizeof f->evidence);
    if (f->suspect == COL_SUSPECT_LABEL &&
        clusters(s, c, f->also_evidence, sizeof f->also_evidence))
        f->also = is_engine(c) ? COL_SUSPECT_PEAK : COL_SUSPECT_BANDWIDTH;
}

/* The rows that only the cold bound forbids: one finding a table. */
static void fill_explained(const study *s, col_finding *f)
{
    const others *o = &s->explained;
    *f = (col_finding){.suspect = COL_SUSPECT_CACHE,
                       .also = COL_SUSPECT_CACHE,
                       .limiter = COL_LIMITER_MEMORY,
                       .n_rows = o->n,
                       .n_peers = s->n,
                       .median = col_audit_quantile(o->ratio, o->n, 0.5),
                       .largest = o->ratio[o->n - 1]};
    fill_worst(s, &o->worst, o->worst.cold * o->worst.latency_s, f);
    snprintf(
        f->evidence, sizeof f->evidence,
        "%zu of %zu working sets fit into the %.3g MB of L2, the largest is %.3g MB; "
        "none of these rows is faster than L2 allows",
        o->resident, o->n, s->system->l2_B.value / 1e6, o->most_bytes_B / 1e6);
}

/* All large rows; the fastest of them is the example. */
static void fill_slow(const study *s, const col_audit *audit, col_finding *f)
{
    const others *o = &s->large;
    *f = (col_finding){.slow = true,
                       .suspect = COL_SUSPECT_TIMER,
                       .also = COL_SUSPECT_TIMER,
                       .limiter = o->worst.limiter,
                       .n_rows = o->n,
                       .n_peers = s->n,
                       .median = col_audit_quantile(o->ratio, o->n, 0.5),
                       .largest = o->worst.hot};
    fill_worst(s, &o->worst, o->worst.hot * o->worst.latency_s, f);
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

/* Room for the ratios of each crowd's bad rows, and of the others. */
static bool share_out(study *s, size_t n_crowds)
{
    s->ratio = sc_reallocarray(NULL, s->n_bad + s->explained.n + s->large.n + 1,
                               sizeof *s->ratio);
    double *next = s->ratio;
    for (size_t k = 0; k < n_crowds && next; k++) {
        s->crowd[k].ratio = next;
        next += s->crowd[k].n_bad;
    }
    if (next) {
        s->explained.ratio = next;
        s->large.ratio = next + s->explained.n;
    }
    return next != NULL;
}

static sc_status fill_all(study *s, col_bounds *bounds, col_audit *audit, sc_diag *diag)
{
    size_t n_crowds = (size_t)s->n_dtypes * COL_N_LIMITERS;
    s->crowd = sc_calloc(n_crowds, sizeof *s->crowd);
    audit->finding = sc_calloc(n_crowds + 2, sizeof *audit->finding);
    if (!s->crowd || !audit->finding)
        return sc_diag_nomem(diag);
    sc_status status = col_bounds_visit(bounds, count_crowds, s, diag);
    if (!status && !share_out(s, n_crowds))
        status = SC_ENOMEM;
    if (!status)
        status = col_bounds_visit(bounds, fill_ratios, s, diag);
    if (status)
        return status == SC_ENOMEM ? sc_diag_nomem(diag) : status;
    end_steps(s);
    sort_ratios(s->explained.ratio, s->explained.n);
    sort_ratios(s->large.ratio, s->large.n);
    for (size_t k = 0; k < n_crowds; k++)
        sort_ratios(s->crowd[k].ratio, s->crowd[k].n_bad);
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

sc_status col_audit_suspect(const col_rows *rows, const sol_system *system,
                            col_bounds *bounds, col_audit *audit, sc_diag *diag)
{
    study s = {.rows = rows,
               .system = system,
               .about = &rows->about,
               .n = rows->n,
               .n_bad = audit->n_violations,
               .knows_l2 = audit->knows_l2,
               .fell_back = audit->fell_back};
    sc_status status = number_dtypes(&s, diag);
    if (!status)
        status = fill_all(&s, bounds, audit, diag);
    sc_free(s.dtypes);
    sc_free(s.crowd);
    sc_free(s.ratio);
    sc_free(s.step);
    return status;
}
