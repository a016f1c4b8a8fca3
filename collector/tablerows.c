/* solcheck - perf tables: what the rows of one op and phase say of each other, of the
 * speed of light, and of a plan. docs/validate.md gives the thresholds and where they are
 * from. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/audit.h"
#include "collector/bounds.h"
#include "collector/keyset.h"
#include "collector/tablerows.h"
#include "collector/validate.h"
#include "collector/walk.h"

/* A step against the axis beyond this factor is no noise and no tile: of 600 000 recorded
 * neighbours, 99.9 % stay below 1.25 in most tables, and those beyond 1.5 are broken
 * rows. */
#define STEP 1.5

/* A factor of a thousand, give or take what neighbours differ by. */
#define UNIT_LEAST 400.0
#define UNIT_MOST 2500.0

/* Equal latencies of work that differs by these factors are a clock that stands still. */
#define STUCK_ROWS 8
#define STUCK_WORK 2.0
#define STUCK_SHARE 0.2

/* A table is quantised when its latencies are multiples of a step above 1 % of their
 * median. */
#define QUANTUM_SHARE 0.01
#define QUANTUM_ROWS 16

/* Large rows of which the best stays below this share of its bound are a thousand times
 * too long; small ones, when none takes less than a hundred launches. */
#define UNIT_SLOW 0.005
#define UNIT_FAST 20.0
#define LEAST_S 1e-7
#define LAUNCH_S 1e-5
#define FEW_ROWS 8

typedef struct entry { /* of a row */
    const col_point *point;
    const char *kernel; /* kernel_source, "" when there is none */
    uint64_t labels;    /* of its texts that may mean something to others */
    double sol_s;       /* hot bound, NaN without a system */
    double x;           /* tokens */
    bool odd;           /* told to have another unit */
    bool told;
} entry;

typedef struct rows {
    const col_table *table;
    const col_table_check *what;
    const sol_phase *phase;
    col_findings *findings;
    sc_diag *diag;
    col_points points;
    entry *row;    /* [points.n] */
    entry **order; /* [points.n] */
    bool units;    /* all rows have another unit */
} rows;

#define REPORT(r, line, severity, code, hint, ...)                                       \
    col_table_report((r)->table, (r)->findings, line, severity, code, hint, __VA_ARGS__)

/* Parameters, dtypes and TP of a configuration, where there are several. */
static void config_text(const rows *r, int group, char *out, size_t out_B)
{
    const sol_config *config = &r->points.config[group];
    const sol_op *op = r->what->op;
    bool several = r->points.n_configs > 1;
    size_t n = 0;
    *out = 0;
    for (int i = 0; i < op->n_params && n < out_B; i++)
        if (config->given[i] && several)
            n += (size_t)snprintf(out + n, out_B - n, "%s%s=%.9g", n ? ", " : "",
                                  op->param[i].name, config->param[i]);
    for (int i = 0; i < op->n_slots && n < out_B; i++)
        if (config->slot_given[i] && several)
            n += (size_t)snprintf(out + n, out_B - n, "%s%s=%s", n ? ", " : "",
                                  op->slot[i].name, sol_dtype_name(config->slot[i]));
    if (config->tp > 1 && n < out_B)
        snprintf(out + n, out_B - n, "%stp=%.9g", n ? ", " : "", config->tp);
}

static void key_text(const rows *r, const col_point *p, char *out, size_t out_B)
{
    char config[200];
    size_t n = 0;
    *out = 0;
    for (int i = 0; i < r->phase->n_axes && n < out_B; i++)
        if (!r->phase->axis[i].optional || p->axis[i] != r->phase->axis[i].value)
            n += (size_t)snprintf(out + n, out_B - n, "%s%s=%.9g", n ? ", " : "",
                                  r->phase->axis[i].name, p->axis[i]);
    config_text(r, p->group, config, sizeof config);
    if (*config && n < out_B)
        snprintf(out + n, out_B - n, ", %.*s", (int)(out_B - n), config);
}

/* ---- neighbours ---- */

typedef struct item {
    entry *e;
    int axis, n_axes;
} item;

/* Configuration, cache state, the other axes, the axis itself. */
static int by_line(const void *a, const void *b)
{
    const item *x = a, *y = b;
    const col_point *p = x->e->point, *q = y->e->point;
    if (p->group != q->group)
        return p->group < q->group ? -1 : 1;
    if (p->hot != q->hot)
        return p->hot ? -1 : 1;
    if (x->e->labels != y->e->labels)
        return x->e->labels < y->e->labels ? -1 : 1;
    for (int i = 0; i < x->n_axes; i++)
        if (i != x->axis && p->axis[i] != q->axis[i])
            return p->axis[i] < q->axis[i] ? -1 : 1;
    if (p->axis[x->axis] != q->axis[x->axis])
        return p->axis[x->axis] < q->axis[x->axis] ? -1 : 1;
    return (p->line > q->line) - (p->line < q->line);
}

static bool same_key(const entry *a, const entry *b, int n_axes, int but)
{
    const col_point *p = a->point, *q = b->point;
    if (p->group != q->group || p->hot != q->hot || a->labels != b->labels)
        return false;
    for (int i = 0; i < n_axes; i++)
        if (i != but && p->axis[i] != q->axis[i])
            return false;
    return true;
}

static sc_status sort_line(rows *r, int axis)
{
    item *items = sc_calloc(r->points.n + 1, sizeof *items);
    if (!items)
        return sc_diag_nomem(r->diag);
    for (size_t i = 0; i < r->points.n; i++)
        items[i] = (item){&r->row[i], axis, r->phase->n_axes};
    qsort(items, r->points.n, sizeof *items, by_line);
    for (size_t i = 0; i < r->points.n; i++)
        r->order[i] = items[i].e;
    sc_free(items);
    return SC_OK;
}

static sc_status check_twins(rows *r)
{
    char key[200];
    sc_status status = sort_line(r, 0);
    for (size_t i = 1; i < r->points.n && !status; i++) {
        const col_point *p = r->order[i - 1]->point, *q = r->order[i]->point;
        if (!same_key(r->order[i - 1], r->order[i], r->phase->n_axes, -1))
            continue;
        key_text(r, q, key, sizeof key);
        status = p->latency_s == q->latency_s
                     ? REPORT(r, q->line, SC_WARNING, SC2203, "take one of the rows out",
                              "%s is there twice with the same latency", key)
                     : REPORT(r, q->line, SC_WARNING, SC2202,
                              "readers take one of them: keep the right one",
                              "%s is there with %.6g ms and with %.6g ms", key,
                              fmin(p->latency_s, q->latency_s) * 1e3,
                              fmax(p->latency_s, q->latency_s) * 1e3);
    }
    return status;
}

/* The line of entries [first, first + *n) along an axis, repeated keys left out. */
static size_t next_line(rows *r, size_t first, int axis, entry **line, size_t *n)
{
    size_t i = first;
    *n = 0;
    for (; i < r->points.n &&
           same_key(r->order[first], r->order[i], r->phase->n_axes, axis);
         i++)
        if (*n == 0 || line[*n - 1]->point->axis[axis] != r->order[i]->point->axis[axis])
            line[(*n)++] = r->order[i];
    return i;
}

/* By how much a row stands out from its neighbours on a line; 1: not. */
static double stands_out(entry *const *line, size_t n, size_t i)
{
    double own = line[i]->point->latency_s;
    double left = i > 0 ? own / line[i - 1]->point->latency_s : NAN;
    double right = i + 1 < n ? own / line[i + 1]->point->latency_s : NAN;
    if (isnan(left) || isnan(right)) {
        double one = isnan(left) ? right : left;
        return isnan(one) || n < 3 ? 1 : one;
    }
    if ((left > 1) != (right > 1))
        return 1;
    return left > 1 ? fmin(left, right) : fmax(left, right);
}

static sc_status check_units(rows *r, int axis, entry **line, size_t n)
{
    char key[200];
    sc_status status = SC_OK;
    for (size_t i = 0; i < n && !status; i++) {
        double factor = stands_out(line, n, i);
        double up = factor > 1 ? factor : 1 / factor;
        /* At an end of a line only the far one of two neighbours can be wrong. */
        if (up < UNIT_LEAST || up > UNIT_MOST || line[i]->odd ||
            (i == 0 && n > 2 && stands_out(line, n, 1) != 1) ||
            (i + 1 == n && n > 2 && stands_out(line, n, n - 2) != 1))
            continue;
        line[i]->odd = true;
        if (line[i]->told)
            continue;
        line[i]->told = true;
        key_text(r, line[i]->point, key, sizeof key);
        status = REPORT(r, line[i]->point->line, SC_ERROR, SC2214,
                        "latency is in milliseconds",
                        "%s: %.6g ms, %.4g times its neighbours along %s: %s as ms?", key,
                        line[i]->point->latency_s * 1e3, factor,
                        r->phase->axis[axis].name, factor > 1 ? "us" : "s");
    }
    return status;
}

/* By how much the bound grows from one row to the next; 1 where it is not known. */
static double growth(const entry *from, const entry *to)
{
    double factor = to->sol_s / from->sol_s;
    return isfinite(factor) ? fmax(1, factor) : 1;
}

/* A step down from line[i] to line[i + 1], or a row that stands alone: beyond what the
 * bound grows by from its other neighbour on, or to it. */
static sc_status report_step(rows *r, int axis, entry *const *line, size_t n, size_t i)
{
    const double high = line[i]->point->latency_s, low = line[i + 1]->point->latency_s;
    const char *name = r->phase->axis[axis].name;
    bool spike = i > 0 && high > STEP * line[i - 1]->point->latency_s *
                                     growth(line[i - 1], line[i]);
    bool dip =
        !spike && i + 2 < n &&
        line[i + 2]->point->latency_s > STEP * low * growth(line[i + 1], line[i + 2]);
    entry *odd = dip || (!spike && !dip) ? line[i + 1] : line[i];
    bool other = strcmp(line[i]->kernel, line[i + 1]->kernel) != 0;
    char key[200];
    if (odd->told)
        return SC_OK;
    odd->told = true;
    key_text(r, odd->point, key, sizeof key);
    if (other)
        return REPORT(r, odd->point->line, SC_NOTE, spike || dip ? SC2210 : SC2209,
                      "a library that chose the other one here would be faster",
                      "%s: %.6g ms at %s=%.9g (%.80s), %.6g ms at %.9g (%.80s)", key,
                      high * 1e3, name, line[i]->point->axis[axis], line[i]->kernel,
                      low * 1e3, line[i + 1]->point->axis[axis], line[i + 1]->kernel);
    if (spike || dip)
        return REPORT(r, odd->point->line, SC_WARNING, SC2210, "measure the row again",
                      "%s: %.6g ms is %.3g times %s of its neighbours along %s", key,
                      odd->point->latency_s * 1e3, spike ? high / low : low / high,
                      "that", name);
    return REPORT(
        r, odd->point->line, SC_WARNING, SC2209,
        "more work cannot take less time: measure both rows again",
        "%s: latency falls from %.6g ms at %s=%.9g to %.6g ms, by a factor of %.3g", key,
        high * 1e3, name, line[i]->point->axis[axis], low * 1e3, high / low);
}

static sc_status check_steps(rows *r, int axis, entry **line, size_t n)
{
    size_t kept = 0;
    sc_status status = SC_OK;
    for (size_t i = 0; i < n; i++)
        if (!line[i]->odd)
            line[kept++] = line[i];
    for (size_t i = 0; i + 1 < kept && !status; i++)
        if (line[i]->point->latency_s > STEP * line[i + 1]->point->latency_s)
            status = report_step(r, axis, line, kept, i);
    return status;
}

static sc_status check_lines(rows *r)
{
    entry **line = sc_calloc(r->points.n + 1, sizeof(entry *));
    sc_status status = line ? SC_OK : sc_diag_nomem(r->diag);
    for (int pass = 0; pass < 2; pass++)
        for (int axis = 0; axis < r->phase->n_axes && !status; axis++) {
            size_t n;
            status = sort_line(r, axis);
            for (size_t i = 0; i < r->points.n && !status;) {
                i = next_line(r, i, axis, line, &n);
                status = pass == 0 ? check_units(r, axis, line, n)
                                   : check_steps(r, axis, line, n);
            }
        }
    sc_free(line);
    return status;
}

/* ---- clocks ---- */

static int by_latency(const void *a, const void *b)
{
    const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
    if (x->point->group != y->point->group)
        return x->point->group < y->point->group ? -1 : 1;
    double p = x->point->latency_s, q = y->point->latency_s;
    return (p > q) - (p < q);
}

/* One latency in a configuration, at work that differs. */
static sc_status check_stuck(rows *r)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < r->points.n; i++)
        r->order[i] = &r->row[i];
    qsort(r->order, r->points.n, sizeof(entry *), by_latency);
    for (size_t i = 0, group = 0, n; i < r->points.n && !status; i += n) {
        const col_point *p = r->order[i]->point;
        double least = INFINITY, most = 0;
        if (i == 0 || r->order[i - 1]->point->group != p->group) {
            group = 0;
            for (size_t k = i; k < r->points.n && r->order[k]->point->group == p->group;
                 k++)
                group++;
        }
        for (n = 0; i + n < r->points.n && r->order[i + n]->point->group == p->group &&
                    r->order[i + n]->point->latency_s == p->latency_s;
             n++) {
            double sol_s = r->order[i + n]->sol_s;
            least = fmin(least, isnan(sol_s) ? r->order[i + n]->x : sol_s);
            most = fmax(most, isnan(sol_s) ? r->order[i + n]->x : sol_s);
        }
        if (n >= STUCK_ROWS && (double)n >= STUCK_SHARE * (double)group &&
            most >= STUCK_WORK * least)
            status =
                REPORT(r, p->line, SC_ERROR, SC2211,
                       "look for a clock that is not read, or a result that is copied",
                       "%zu of %zu rows of one configuration take %.9g ms, though their "
                       "work differs by a factor of %.3g",
                       n, group, p->latency_s * 1e3, most / least);
    }
    return status;
}

/* The largest step of which all latencies are multiples, in picoseconds. */
static int64_t common_step(const rows *r)
{
    int64_t step = 0;
    for (size_t i = 0; i < r->points.n && step != 1; i++) {
        double ps = r->row[i].point->latency_s * 1e12;
        int64_t value = ps < 9e15 ? llround(ps) : 1;
        if (fabs(ps - (double)value) > 0.25) /* finer than a picosecond */
            return 1;
        while (value) {
            int64_t rest = step % value;
            step = value;
            value = rest;
        }
    }
    return step;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static sc_status check_quantum(rows *r)
{
    double *sorted = sc_calloc(r->points.n + 1, sizeof *sorted), step;
    size_t distinct = 1;
    if (!sorted)
        return sc_diag_nomem(r->diag);
    for (size_t i = 0; i < r->points.n; i++)
        sorted[i] = r->row[i].point->latency_s;
    qsort(sorted, r->points.n, sizeof *sorted, by_number);
    for (size_t i = 1; i < r->points.n; i++)
        distinct += sorted[i] != sorted[i - 1];
    double median = sorted[r->points.n / 2];
    sc_free(sorted);
    step = (double)common_step(r) * 1e-12;
    if (r->points.n < QUANTUM_ROWS || distinct < 2 || step < QUANTUM_SHARE * median)
        return SC_OK;
    return REPORT(r, r->points.point[0].line, SC_WARNING, SC2212,
                  "repeat launches inside of one timing, and print more digits",
                  "all %zu latencies are multiples of %.6g ms, %.2g %% of their median",
                  r->points.n, step * 1e3, 100 * step / median);
}

/* ---- copies ---- */

/* Latencies on the grid of a timer agree by chance: on recorded ones of a third of 32 ns,
 * up to 28 % of two configurations do. So many, and half of a configuration, were copied.
 */
#define COPIED_ROWS 8
#define COPIED_SHARE 0.5

/* Axes and latency, then configuration. */
static int by_result(const void *a, const void *b)
{
    const item *x = a, *y = b;
    const col_point *p = x->e->point, *q = y->e->point;
    for (int i = 0; i < x->n_axes; i++)
        if (p->axis[i] != q->axis[i])
            return p->axis[i] < q->axis[i] ? -1 : 1;
    if (p->latency_s != q->latency_s)
        return p->latency_s < q->latency_s ? -1 : 1;
    return (p->group > q->group) - (p->group < q->group);
}

static bool same_result(const item *a, const item *b)
{
    const col_point *p = a->e->point, *q = b->e->point;
    for (int i = 0; i < a->n_axes; i++)
        if (p->axis[i] != q->axis[i])
            return false;
    return p->latency_s == q->latency_s && p->hot == q->hot;
}

/* Does one GPU have other work in them? */
static bool differ(const rows *r, int a, int b)
{
    const sol_config *x = &r->points.config[a], *y = &r->points.config[b];
    const sol_op *op = r->what->op;
    bool other = false;
    for (int i = 0; i < op->n_params; i++)
        other |= sol_config_local(op, x, i) != sol_config_local(op, y, i);
    for (int i = 0; i < op->n_slots; i++)
        other |= x->slot[i] != y->slot[i];
    return other;
}

typedef struct copies { /* of a configuration */
    size_t n, n_copied, votes;
    int of; /* the configuration that most are of: by majority vote, then counted */
    const entry *first, *original;
} copies;

static void count_copy(copies *c, const entry *from, const entry *to, bool vote)
{
    int of = from->point->group;
    if (vote && c->votes == 0)
        c->of = of;
    if (vote)
        c->votes = c->of == of ? c->votes + 1 : c->votes - 1;
    else if (c->of == of && c->n_copied++ == 0) {
        c->first = to;
        c->original = from;
    }
}

/* Rows whose latency is, to the last digit, that of the same point of a configuration
 * with other work. */
static void count_copies(const rows *r, const item *items, copies *all, bool vote)
{
    for (size_t i = 1; i < r->points.n; i++) {
        const entry *from = items[i - 1].e, *to = items[i].e;
        if (from->point->group != to->point->group &&
            same_result(&items[i - 1], &items[i]) &&
            differ(r, from->point->group, to->point->group))
            count_copy(&all[to->point->group], from, to, vote);
    }
}

static sc_status report_copies(rows *r, const copies *c)
{
    char key[200], other[200];
    if (c->n_copied < COPIED_ROWS || (double)c->n_copied < COPIED_SHARE * (double)c->n)
        return SC_OK;
    key_text(r, c->first->point, key, sizeof key);
    config_text(r, c->original->point->group, other, sizeof other);
    return REPORT(r, c->first->point->line, SC_ERROR, SC2227,
                  "measure them: a cache of results or a resumed run took one "
                  "configuration for the other",
                  "%zu of %zu rows have, digit by digit, the latencies of other work: "
                  "%s has that of %s in row %d",
                  c->n_copied, c->n, key, other, c->original->point->line);
}

static sc_status check_copies(rows *r)
{
    item *items = sc_calloc(r->points.n + 1, sizeof *items);
    copies *all = sc_calloc(r->points.n_configs + 1, sizeof *all);
    sc_status status = items && all ? SC_OK : sc_diag_nomem(r->diag);
    for (size_t i = 0; i < r->points.n && !status; i++) {
        items[i] = (item){&r->row[i], 0, r->phase->n_axes};
        all[r->points.point[i].group].n++;
    }
    if (!status) {
        qsort(items, r->points.n, sizeof *items, by_result);
        count_copies(r, items, all, true);
        count_copies(r, items, all, false);
    }
    for (size_t i = 0; i < r->points.n_configs && !status; i++)
        status = report_copies(r, &all[i]);
    sc_free(items);
    sc_free(all);
    return status;
}

/* ---- the speed of light ---- */

/* What a set of rows says of its unit. */
typedef struct scale {
    size_t n, n_large, n_fast; /* fast: beyond light, or shorter than any launch */
    double best_large;         /* largest share of the bound that a large row reaches */
    const entry *least;        /* the shortest */
} scale;

static void scale_add(scale *s, const entry *e)
{
    double latency_s = e->point->latency_s;
    if (s->n++ == 0 || latency_s < s->least->point->latency_s)
        s->least = e;
    s->n_fast += e->sol_s > UNIT_FAST * latency_s || latency_s < LEAST_S;
    if (e->sol_s >= COL_LARGE_S) {
        s->n_large++;
        s->best_large = fmax(s->best_large, e->sol_s / latency_s);
    }
}

/* All rows a thousand times too long, or too short? Reports it, of the rows' kind. */
static sc_status scale_report(rows *r, const scale *s, const char *kind, bool *odd)
{
    double least_s = s->n ? s->least->point->latency_s : 0;
    bool large = s->n_large >= FEW_ROWS;
    bool slow = large ? s->best_large < UNIT_SLOW
                      : least_s > 100 * LAUNCH_S && s->least->sol_s < LAUNCH_S;
    *odd = s->n >= FEW_ROWS && (slow || 4 * s->n_fast >= 3 * s->n);
    if (!*odd)
        return SC_OK;
    if (slow)
        return REPORT(r, s->least->point->line, SC_ERROR, SC2213,
                      "latency is in milliseconds",
                      "the best of %zu rows%s takes %.3g times as long as the speed of "
                      "light allows: us written as ms?",
                      s->n, kind, large ? 1 / s->best_large : least_s / s->least->sol_s);
    return REPORT(
        r, s->least->point->line, SC_ERROR, SC2213, "latency is in milliseconds",
        "%zu of %zu rows%s are more than %.0f times faster than light, or below "
        "0.1 us: s written as ms?",
        s->n_fast, s->n, kind, UNIT_FAST);
}

/* The whole table, else each configuration: collectors write them one after another. */
static sc_status check_scale(rows *r)
{
    scale all = {0}, *group = sc_calloc(r->points.n_configs + 1, sizeof *group);
    char key[200], kind[240];
    bool odd;
    if (!group)
        return sc_diag_nomem(r->diag);
    for (size_t i = 0; i < r->points.n; i++) {
        scale_add(&all, &r->row[i]);
        scale_add(&group[r->points.point[i].group], &r->row[i]);
    }
    sc_status status = scale_report(r, &all, "", &r->units);
    for (size_t i = 0; i < r->points.n_configs && !status && !r->units; i++) {
        if (!group[i].n)
            continue;
        config_text(r, (int)i, key, sizeof key);
        snprintf(kind, sizeof kind, " of %s", key);
        status = scale_report(r, &group[i], kind, &odd);
    }
    sc_free(group);
    return status;
}

static sc_status report_finding(rows *r, const col_finding *f, bool sound)
{
    char suspect[64];
    snprintf(suspect, sizeof suspect, "%s%s%s", col_suspect_name(f->suspect),
             f->also != f->suspect ? " or " : "",
             f->also != f->suspect ? col_suspect_name(f->also) : "");
    if (f->slow)
        return REPORT(r, f->line, SC_WARNING, SC2219, col_suspect_text(f->suspect),
                      "large rows are too slow to be true, suspect %s: %s", suspect,
                      f->evidence);
    if (!f->violation)
        return REPORT(
            r, f->line, SC_NOTE, SC2218, col_suspect_text(f->suspect),
            "%zu rows are faster than DRAM allows by up to %.3g, suspect %s: %s",
            f->n_rows, f->largest, suspect, f->evidence);
    return REPORT(
        r, f->line, sound ? SC_ERROR : SC_WARNING, SC2217, col_suspect_text(f->suspect),
        "%zu rows are faster than the %s allows by up to %.3g, suspect %s: %s; the "
        "worst: %s",
        f->n_rows, col_limiter_name(f->limiter), f->largest, suspect, f->evidence,
        f->worst);
}

static sc_status check_system(rows *r)
{
    col_audit audit;
    const sol_system *system = r->what->system;
    const char *device = r->points.device;
    sc_diag why;
    if (!system)
        return SC_OK;
    if (*device && strcmp(device, "mixed") != 0 && !col_device_is(device, system->name))
        return REPORT(r, r->points.point[0].line, SC_WARNING, SC2221,
                      "give the right one with --system, or move the file",
                      "device '%s' is no %s: nothing is held against its speed of light",
                      device, system->name);
    sc_status status = col_audit_points(&r->points, system, &audit, &why);
    if (status)
        return status == SC_ENOMEM ? sc_diag_nomem(r->diag)
                                   : REPORT(r, r->points.point[0].line, SC_WARNING,
                                            why.code, why.hint, "%s", why.message);
    status = check_scale(r);
    for (size_t i = 0; i < audit.n_findings && !status && !r->units; i++)
        status = report_finding(r, &audit.finding[i], !audit.fell_back);
    col_audit_clear(&audit);
    return status;
}

/* ---- driving ---- */

static size_t row_of(const col_table *table, int line)
{
    size_t lo = 0, hi = table->n_rows;
    while (lo < hi) { /* lines ascend */
        size_t middle = lo + (hi - lo) / 2;
        if (col_table_line(table, middle) < line)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < table->n_rows ? lo : 0;
}

/* Columns of text that key nothing whatever the op. */
static bool is_silent(const char *name)
{
    static const char *const silent[] = {
        "framework", "version", "device", "kernel_source", "phase",
        "launch",    "cache",   "date",   "throttle",      "latency"};
    for (size_t i = 0; i < sizeof silent / sizeof *silent; i++)
        if (strcmp(silent[i], name) == 0)
            return true;
    return false;
}

/* The column's texts tell rows apart (a model, a distribution) that the op's map may take
 * for equal. Cells of CSV that are numbers are left to the map. */
static bool tells_apart(const col_table *table, size_t column)
{
    double number;
    if (is_silent(table->column[column]) || !table->n_rows)
        return false;
    return table->values[column].is_text &&
           !(table->decimal && col_table_number(table, 0, (int)column, &number));
}

static uint64_t labels_of(const col_table *table, const bool *tells, size_t row)
{
    uint64_t hash = col_key_start(0);
    char scratch[32];
    for (size_t i = 0; i < table->n_columns; i++)
        if (tells[i])
            hash = col_key_mix_text(hash, col_table_text(table, row, (int)i, scratch));
    return hash;
}

static entry make_entry(const rows *r, const col_point *point, int kernel,
                        const bool *tells)
{
    char scratch[32];
    size_t row = row_of(r->table, point->line);
    bool text = kernel >= 0 && r->table->values[kernel].is_text;
    return (entry){.point = point,
                   .kernel = text ? col_table_text(r->table, row, kernel, scratch) : "",
                   .labels = labels_of(r->table, tells, row)};
}

static sc_status fill_rows(rows *r)
{
    size_t n = r->points.n;
    const sol_system *system = r->what->system;
    int kernel = col_table_column(r->table, "kernel_source");
    sol_bound *bound = sc_calloc(n + 1, sizeof *bound);
    double *x = sc_calloc(n + 1, sizeof *x);
    sc_diag why;
    r->row = sc_calloc(n + 1, sizeof *r->row);
    r->order = sc_calloc(n + 1, sizeof(entry *));
    bool *tells = sc_calloc(r->table->n_columns + 1, sizeof *tells);
    sc_status status = bound && x && tells && r->row && r->order ? SC_OK : SC_ENOMEM;
    bool known = !status && system;
    if (known) {
        status = col_point_bounds(&r->points, system, SOL_ARCHITECTURAL, bound, x, &why);
        known = !status;
    }
    for (size_t i = 0; i < r->table->n_columns && tells; i++)
        tells[i] = tells_apart(r->table, i);
    for (size_t i = 0; i < n && status != SC_ENOMEM; i++) {
        r->row[i] = make_entry(r, &r->points.point[i], kernel, tells);
        r->row[i].sol_s = known ? bound[i].sol_hot_s : NAN;
        r->row[i].x = known ? x[i] : r->points.point[i].axis[0];
    }
    sc_free(tells);
    sc_free(bound);
    sc_free(x);
    return status == SC_ENOMEM ? sc_diag_nomem(r->diag) : SC_OK;
}

/* A step of generation makes one token: isl beside it is a length that step has, too. */
static sc_status check_new_tokens(rows *r)
{
    int isl = col_table_column(r->table, "isl");
    size_t n = 0, first = 0;
    for (size_t i = 0; i < r->points.n && isl >= 0; i++) {
        double tokens = 1;
        size_t row = row_of(r->table, r->points.point[i].line);
        if (col_table_number(r->table, row, isl, &tokens) && tokens != 1 && n++ == 0)
            first = row;
    }
    char scratch[32];
    return n && r->what->phase == SOL_GENERATION
               ? REPORT(r, col_table_line(r->table, first), SC_WARNING, SC2226,
                        "generation has isl = 1, and step is the length of the cache "
                        "before it; or are these rows of the context phase?",
                        "isl = %s in the generation phase, as in %zu of %zu rows",
                        col_table_text(r->table, first, isl, scratch), n, r->points.n)
               : SC_OK;
}

/* What the mapping complained of. Unknown columns have been told. */
static sc_status pass_on(rows *r, const sc_diags *warnings)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < warnings->n && !status; i++)
        if (warnings->item[i].code != SC2005)
            status = col_findings_add(r->findings, &warnings->item[i]);
    return status;
}

static sc_status check_all(rows *r)
{
    sc_status status = fill_rows(r);
    if (!status)
        status = check_new_tokens(r);
    if (!status)
        status = check_system(r);
    if (!status)
        status = check_twins(r);
    if (!status && !r->units)
        status = check_lines(r);
    if (!status)
        status = check_stuck(r);
    if (!status)
        status = check_copies(r);
    if (!status)
        status = check_quantum(r);
    if (!status && r->what->plan)
        status =
            col_table_check_plan(r->table, r->what, &r->points, r->findings, r->diag);
    return status;
}

sc_status col_table_check_rows(const col_table *table, const col_table_check *what,
                               col_findings *findings, size_t *n_rows, sc_diag *diag)
{
    rows r = {.table = table,
              .what = what,
              .phase = what->op->phase[what->phase],
              .findings = findings,
              .diag = diag};
    sc_diags warnings = {0};
    *n_rows = 0;
    sc_status status =
        col_points_map(table, what->op, what->phase, NULL, &r.points, &warnings, diag);
    bool none = status == SC_EDOMAIN;
    if (!status || none) {
        sc_status passed = pass_on(&r, &warnings);
        status = passed ? sc_diag_nomem(diag) : status;
    }
    sc_diags_free(&warnings);
    if (!status) {
        *n_rows = r.points.n + r.points.n_dropped;
        status = check_all(&r);
    }
    col_points_clear(&r.points);
    sc_free(r.row);
    sc_free(r.order);
    return status;
}
