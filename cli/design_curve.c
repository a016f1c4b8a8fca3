/* solcheck design: order, curve of error against number of points, choice.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/design.h"
#include "cli/fitting.h"

#define FEWEST 12       /* points of the smallest design */
#define STEP_RATIO 1.35 /* from one point of the curve to the next */
#define MOST_STEPS 40
#define MOST_ORDERED 4096  /* candidates that are all put in order; else half of them */
#define TESTED 2000        /* points that a step of the curve predicts */
#define SKETCH_RATIO 2.2   /* the same for a sketch */
#define SKETCH_ORDERED 281 /* FEWEST * SKETCH_RATIO^4 */
#define SKETCH_TESTED 500
#define SKETCH_APART 1.3 /* the last step is that much farther than the one before */
#define BISECTIONS 3
#define PER_BOUNDARY 2 /* places where each boundary gets a pair of points */

/* Points that the design may have at most: those in order. */
static size_t most_of(const design *d, const design_phase *ph)
{
    size_t n = ph->points.n;
    if (d->sketch)
        return (double)n <= SKETCH_APART * SKETCH_ORDERED ? n : SKETCH_ORDERED;
    return n <= MOST_ORDERED ? n : n / 2;
}

double design_seconds(const design_phase *ph, size_t n)
{
    double sum = 0;
    for (size_t q = 0; q < n; q++)
        sum += ph->cost_s[ph->order[q]];
    return sum;
}

/* ---- cost ---- */

static sc_status set_costs(design *d, design_phase *ph)
{
    cli_speed speed;
    mock_timing_options timing;
    mock_device_info info = {.kind = "cuda"};
    cli_timing_options(d->cli, &info, &timing);
    sc_status status = cli_speed_find(d->cli, ph->phase, &speed);
    for (size_t i = 0; i < ph->points.n && status == SC_OK; i++) {
        double latency = ph->points.point[i].latency_s;
        cli_speed known = {.floor_s = latency, .utilisation = INFINITY};
        cli_job job = {.copies = 1, .need_B = (size_t)ph->bound[i].bytes_B};
        job.at.sol_s = ph->bound[i].sol_hot_s;
        cli_speed_apply(isnan(latency) ? &speed : &known, &timing, &job);
        ph->cost_s[i] = job.cost_s;
    }
    return status;
}

/* ---- regimes ---- */

/* What binds at a point, and whether its bytes fit in the L2 cache. */
static int regime_of(const design *d, const sol_bound *bound)
{
    double most = fmax(bound->memory_cold_s, bound->network_s);
    int best =
        bound->network_s > bound->memory_cold_s ? SOL_N_ENGINES + 1 : SOL_N_ENGINES;
    for (int e = 0; e < SOL_N_ENGINES; e++)
        if (bound->engine_s[e] > most) {
            most = bound->engine_s[e];
            best = e;
        }
    return 2 * best + (bound->bytes_B <= d->cli->system->l2_B.value);
}

typedef struct line_point { /* to sort points into lines that only s, or b, moves along */
    int group;
    double fixed, moves;
    size_t i;
    int regime;
} line_point;

static int by_line(const void *va, const void *vb)
{
    const line_point *a = va, *b = vb;
    int c = (a->group > b->group) - (a->group < b->group);
    c = c ? c : (a->fixed > b->fixed) - (a->fixed < b->fixed);
    c = c ? c : (a->moves > b->moves) - (a->moves < b->moves);
    return c ? c : (a->i > b->i) - (a->i < b->i);
}

static bool is_crossing(const line_point *a, const line_point *b)
{
    return a->group == b->group && a->fixed == b->fixed && a->moves != b->moves &&
           a->regime != b->regime;
}

#define N_REGIMES (2 * (SOL_N_ENGINES + 2))

static int pair_of(const line_point *a, const line_point *b)
{
    return a->regime < b->regime ? a->regime * N_REGIMES + b->regime
                                 : b->regime * N_REGIMES + a->regime;
}

/* Marks the neighbours on both sides of every kind of boundary, at PER_BOUNDARY places
 * spread over those where it is crossed. */
static void mark_line(const line_point *p, size_t n, design_phase *ph)
{
    static const size_t none[N_REGIMES * N_REGIMES];
    size_t total[N_REGIMES * N_REGIMES], seen[N_REGIMES * N_REGIMES];
    memcpy(total, none, sizeof total);
    memcpy(seen, none, sizeof seen);
    for (size_t i = 1; i < n; i++)
        if (is_crossing(&p[i - 1], &p[i]))
            total[pair_of(&p[i - 1], &p[i])]++;
    for (size_t i = 1; i < n; i++) {
        if (!is_crossing(&p[i - 1], &p[i]))
            continue;
        int k = pair_of(&p[i - 1], &p[i]);
        size_t at = seen[k]++, wanted = total[k] < PER_BOUNDARY ? total[k] : PER_BOUNDARY;
        if ((at + 1) * wanted / total[k] > at * wanted / total[k]) {
            ph->first[p[i - 1].i] = ph->first[p[i].i] = true;
            ph->n_boundaries++;
        }
    }
}

static sc_status mark_regimes(design *d, design_phase *ph)
{
    size_t n = ph->points.n;
    line_point *p = sc_calloc(n, sizeof *p);
    if (!p)
        return sc_diag_nomem(&d->cli->diag);
    for (int along_s = 0; along_s < 2; along_s++) {
        for (size_t i = 0; i < n; i++) {
            const fit_point *f = &ph->fit[i];
            p[i] = (line_point){f->group, along_s ? f->b : f->s, along_s ? f->s : f->b, i,
                                regime_of(d, &ph->bound[i])};
        }
        qsort(p, n, sizeof *p, by_line);
        mark_line(p, n, ph);
    }
    sc_free(p);
    return SC_OK;
}

/* ---- the field's view of the candidates ---- */

typedef struct cloud { /* the candidates with a latency */
    fit_field_data data;
    const double *coord[FIT_FIELD_MAX_COORDS];
    double *store;
    int *kind;     /* [n] */
    size_t *order; /* [n] of the design, as indices of the cloud */
    size_t *count; /* [candidates + 1] of the first q of the design, how many have one */
} cloud;

static void cloud_clear(cloud *c)
{
    sc_free(c->store);
    sc_free(c->kind);
    sc_free(c->order);
    sc_free(c->count);
}

/* Configurations that differ in dtypes, or not at all but for columns that the op does
 * not know, are of different kinds. */
static bool same_kind(const sol_op *op, const sol_config *a, const sol_config *b)
{
    bool same = true, equal = a->tp == b->tp;
    for (int i = 0; i < op->n_slots; i++)
        same &= a->slot[i] == b->slot[i];
    for (int i = 0; i < op->n_params; i++)
        equal &= a->param[i] == b->param[i];
    return same && !equal;
}

static void set_kinds(const col_points *points, int *of_config)
{
    int n = 0;
    for (size_t g = 0; g < points->n_configs; g++) {
        of_config[g] = -1;
        for (size_t h = 0; h < g && of_config[g] < 0; h++) {
            bool mate = true; /* of every configuration of that kind */
            for (size_t k = 0; k < g && mate; k++)
                mate = of_config[k] != of_config[h] ||
                       same_kind(points->op, &points->config[g], &points->config[k]);
            if (mate)
                of_config[g] = of_config[h];
        }
        if (of_config[g] < 0)
            of_config[g] = n++;
    }
}

static int kind_of(const col_point *p, const int *of_config)
{
    return 2 * of_config[p->group] + p->hot;
}

/* The value of regressor c (an axis, then parameters, then tp) of a candidate. */
static double regressor(const design_phase *ph, size_t i, int c)
{
    const col_points *points = &ph->points;
    const col_point *p = &points->point[i];
    const sol_config *config = &points->config[p->group];
    if (c < ph->phase->n_axes)
        return p->axis[c];
    c -= ph->phase->n_axes;
    return c < points->op->n_params ? sol_config_local(points->op, config, c)
                                    : config->tp;
}

/* A regressor of n candidates: its logarithm, or ln(1 + v) where it is 0 somewhere.
 * False: it does not vary. */
static bool fill_regressor(const design_phase *ph, const size_t *row, size_t n, int which,
                           double *out)
{
    bool positive = true, varies = false;
    for (size_t i = 0; i < n; i++) {
        out[i] = regressor(ph, row[i], which);
        positive &= out[i] > 0;
        varies |= out[i] != out[0];
    }
    for (size_t i = 0; i < n; i++)
        out[i] = positive ? log(out[i]) : log1p(out[i]);
    return varies;
}

/* The regressors that vary among n candidates, into store[FIT_FIELD_MAX_COORDS * n];
 * returns their number. */
static int fill_regressors(const design_phase *ph, const size_t *row, size_t n,
                           double *store, const double *coord[FIT_FIELD_MAX_COORDS])
{
    int n_regressors = ph->phase->n_axes + ph->points.op->n_params + 1, m = 0;
    for (int r = 0; r < n_regressors && m < FIT_FIELD_MAX_COORDS; r++) {
        coord[m] = store + (size_t)m * n;
        m += fill_regressor(ph, row, n, r, store + (size_t)m * n);
    }
    return m;
}

static void fill_cloud(const design_phase *ph, const size_t *row, const int *of_config,
                       cloud *c)
{
    size_t n = c->data.n;
    double *compute = c->store + FIT_FIELD_MAX_COORDS * n, *memory = compute + n,
           *latency = memory + n;
    c->data.n_coords = fill_regressors(ph, row, n, c->store, c->coord);
    for (size_t i = 0; i < n; i++) {
        const col_point *p = &ph->points.point[row[i]];
        compute[i] = ph->fit[row[i]].compute_s;
        memory[i] = ph->fit[row[i]].memory_s;
        latency[i] = p->latency_s;
        c->kind[i] = kind_of(p, of_config);
    }
    c->data.coord = c->coord;
    c->data.compute_s = compute;
    c->data.memory_s = memory;
    c->data.latency_s = latency;
}

/* Numbers the candidates with a latency: row[] by the cloud's index, and the design's
 * order in those indices. */
static void number_rows(const design_phase *ph, size_t *row, size_t *index, cloud *c)
{
    size_t m = 0, k = 0;
    for (size_t i = 0; i < ph->points.n; i++)
        if (!isnan(ph->points.point[i].latency_s)) {
            index[i] = m;
            row[m++] = i;
        }
    for (size_t q = 0; q < ph->points.n; q++) {
        size_t i = ph->order[q];
        c->count[q] = k;
        if (!isnan(ph->points.point[i].latency_s))
            c->order[k++] = index[i];
    }
    c->count[ph->points.n] = k;
}

static sc_status make_cloud(const design_phase *ph, const int *of_config, cloud *c,
                            sc_diag *diag)
{
    size_t n = ph->n_measured, all = ph->points.n;
    *c = (cloud){.data.n = n};
    c->store = sc_malloc((FIT_FIELD_MAX_COORDS + 3) * n * sizeof *c->store);
    c->kind = sc_malloc(n * sizeof *c->kind);
    c->order = sc_malloc(n * sizeof *c->order);
    c->count = sc_malloc((all + 1) * sizeof *c->count);
    size_t *row = sc_malloc(n * sizeof *row), *index = sc_malloc(all * sizeof *index);
    bool ok = c->store && c->kind && c->order && c->count && row && index;
    if (ok) {
        number_rows(ph, row, index, c);
        fill_cloud(ph, row, of_config, c);
    }
    sc_free(row);
    sc_free(index);
    if (ok)
        return SC_OK;
    cloud_clear(c);
    return sc_diag_nomem(diag);
}

/* ---- the curve ---- */

/* The design of the first n points: measured where there are latencies, else expected. */
static sc_status step_at(const design *d, const design_phase *ph, const cloud *c,
                         size_t n, design_step *out)
{
    *out = (design_step){.n = n, .gpu_s = design_seconds(ph, n)};
    if (ph->n_measured == 0) { /* normal quantiles of the median and p90 of |error| */
        out->median = 0.6745 * DESIGN_PRIOR * ph->deviation[n - 1];
        out->p90 = 1.6449 * DESIGN_PRIOR * ph->deviation[n - 1];
        return SC_OK;
    }
    fit_design_score score;
    sc_status status = fit_design_error(&c->data, c->kind, c->order, c->count[n],
                                        d->sketch ? SKETCH_TESTED : TESTED, d->cli->seed,
                                        &score, &d->cli->diag);
    if (status == SC_OK) {
        out->median = score.median;
        out->p90 = score.p90;
    }
    return status;
}

static sc_status draw(const design *d, design_phase *ph, const cloud *c)
{
    size_t most = most_of(d, ph);
    double ratio = d->sketch ? SKETCH_RATIO : STEP_RATIO;
    sc_status status = SC_OK;
    ph->step = sc_calloc(MOST_STEPS, sizeof *ph->step);
    if (!ph->step)
        return sc_diag_nomem(&d->cli->diag);
    for (double n = FEWEST; status == SC_OK && ph->n_steps < MOST_STEPS; n *= ratio) {
        size_t at = (d->sketch ? SKETCH_APART : 1) * n < (double)most ? (size_t)n : most;
        if (at == most && at < ph->points.n && ph->n_steps && ph->n_measured == 0)
            break;
        if (c->data.n == 0 || c->count[at] >= 4)
            status = step_at(d, ph, c, at, &ph->step[ph->n_steps++]);
        if (at == most)
            break;
    }
    /* All of them in any order: each is predicted from the others. */
    if (d->sketch && most < ph->points.n && status == SC_OK)
        status = step_at(d, ph, c, ph->points.n, &ph->step[ph->n_steps++]);
    return status;
}

/* The smallest step from which on the error stays within the target; then, between it and
 * the step before, by bisection. */
static sc_status choose(const design *d, design_phase *ph, const cloud *c)
{
    size_t k = ph->n_steps;
    while (k > 0 && ph->step[k - 1].median <= d->target)
        k--;
    ph->reached = k < ph->n_steps;
    ph->at = ph->step[ph->reached ? k : ph->n_steps - 1];
    sc_status status = SC_OK;
    size_t lo = k > 0 ? ph->step[k - 1].n : ph->at.n;
    for (int i = 0; i < BISECTIONS && ph->reached && status == SC_OK; i++) {
        design_step middle;
        if (ph->at.n - lo < 2)
            break;
        status = step_at(d, ph, c, lo + (ph->at.n - lo) / 2, &middle);
        if (status == SC_OK && middle.median <= d->target)
            ph->at = middle;
        else if (status == SC_OK)
            lo = middle.n;
    }
    ph->chosen = ph->at.n;
    return status;
}

void design_clear(design_phase *ph)
{
    sc_free(ph->bound);
    sc_free(ph->fit);
    sc_free(ph->cost_s);
    sc_free(ph->first);
    sc_free(ph->order);
    sc_free(ph->deviation);
    sc_free(ph->step);
}

static sc_status allocate(design_phase *ph, double **x, sc_diag *diag)
{
    size_t n = ph->points.n;
    *x = sc_calloc(n, sizeof **x);
    ph->bound = sc_calloc(n, sizeof *ph->bound);
    ph->fit = sc_calloc(n, sizeof *ph->fit);
    ph->cost_s = sc_calloc(n, sizeof *ph->cost_s);
    ph->first = sc_calloc(n, sizeof *ph->first);
    ph->order = sc_calloc(n, sizeof *ph->order);
    ph->deviation = sc_calloc(n, sizeof *ph->deviation);
    bool ok = *x && ph->bound && ph->fit && ph->cost_s && ph->first && ph->order &&
              ph->deviation;
    return ok ? SC_OK : sc_diag_nomem(diag);
}

/* Candidates that no field relates are designed apart: what one kind tells does not help
 * another. */
typedef struct subset {
    fit_point *fit; /* of one kind */
    bool *first;
    size_t *row; /* place among the candidates */
    size_t *order;
    double *deviation;
    double *store; /* regressors */
    size_t n, taken;
    size_t most; /* of them in order */
} subset;

static void subset_clear(subset *s)
{
    sc_free(s->fit);
    sc_free(s->first);
    sc_free(s->row);
    sc_free(s->order);
    sc_free(s->deviation);
    sc_free(s->store);
}

static sc_status design_kind(design *d, const design_phase *ph, const int *of_config,
                             int kind, subset *s)
{
    size_t n = ph->points.n;
    *s = (subset){.fit = sc_malloc(n * sizeof *s->fit),
                  .first = sc_calloc(n, sizeof *s->first),
                  .row = sc_malloc(n * sizeof *s->row),
                  .order = sc_malloc(n * sizeof *s->order),
                  .deviation = sc_malloc(n * sizeof *s->deviation),
                  .store = sc_malloc(FIT_FIELD_MAX_COORDS * n * sizeof *s->store)};
    if (!s->fit || !s->first || !s->row || !s->order || !s->deviation || !s->store)
        return sc_diag_nomem(&d->cli->diag);
    for (size_t i = 0; i < n; i++) {
        const col_point *p = &ph->points.point[i];
        if (kind_of(p, of_config) != kind)
            continue;
        s->fit[s->n] = ph->fit[i];
        s->first[s->n] = ph->first[i];
        s->row[s->n++] = i;
    }
    /* All of it, or as much as its share of the order can take, and more. */
    size_t most = most_of(d, ph), share = s->n * most / n + 1;
    s->most = most == n || s->n < 64 || share > s->n ? s->n : share;
    const double *coord[FIT_FIELD_MAX_COORDS];
    fit_design_input in = {.point = s->fit, .n = s->n, .coord = coord, .first = s->first};
    if (s->n == 0)
        return SC_OK;
    in.n_coords = fill_regressors(ph, s->row, s->n, s->store, coord);
    return fit_design_choose(&in, s->most, s->order, s->deviation, &d->cli->diag);
}

/* Merges the designs of the kinds so that every first part holds each by its share. */
static void merge_kinds(const design *d, design_phase *ph, subset *s, int n_kinds)
{
    size_t most = most_of(d, ph);
    double left = (double)ph->points.n, n = left;
    for (size_t q = 0; q < most; q++) {
        subset *best = NULL;
        for (int k = 0; k < n_kinds; k++)
            if (s[k].taken < s[k].most &&
                (!best || ((double)s[k].taken + 0.5) / (double)s[k].n <
                              ((double)best->taken + 0.5) / (double)best->n))
                best = &s[k];
        assert(best); /* the parts of the kinds sum to at least `most` */
        double before = best->taken ? best->deviation[best->taken - 1] : 1;
        double after = best->deviation[best->taken];
        ph->order[q] = best->row[best->order[best->taken++]];
        left += (after * after - before * before) * (double)best->n;
        ph->deviation[q] = sqrt(fmax(left, 0) / n);
    }
}

/* Orders the candidates; those beyond most_of() follow as they come. */
static sc_status put_in_order(design *d, design_phase *ph, const int *of_config)
{
    size_t n = ph->points.n, k = most_of(d, ph);
    int n_kinds = 0;
    for (size_t i = 0; i < n; i++) {
        int kind = kind_of(&ph->points.point[i], of_config);
        n_kinds = kind >= n_kinds ? kind + 1 : n_kinds;
    }
    bool *taken = sc_calloc(n, sizeof *taken);
    subset *s = sc_calloc((size_t)n_kinds, sizeof *s);
    sc_status status = taken && s ? SC_OK : sc_diag_nomem(&d->cli->diag);
    for (int i = 0; i < n_kinds && status == SC_OK; i++)
        status = design_kind(d, ph, of_config, i, &s[i]);
    if (status == SC_OK)
        merge_kinds(d, ph, s, n_kinds);
    for (size_t q = 0; q < k && status == SC_OK; q++)
        taken[ph->order[q]] = true;
    for (size_t i = 0; i < n && status == SC_OK; i++)
        if (!taken[i])
            ph->order[k++] = i;
    for (int i = 0; s && i < n_kinds; i++)
        subset_clear(&s[i]);
    sc_free(s);
    sc_free(taken);
    return status;
}

static sc_status prepare(design *d, design_phase *ph, const int *of_config)
{
    cli_session *cli = d->cli;
    double *x = NULL;
    sc_status status = allocate(ph, &x, &cli->diag);
    if (status == SC_OK)
        status = cli_point_bounds(&ph->points, cli->system, SOL_ARCHITECTURAL, ph->bound,
                                  x, &cli->diag);
    if (status == SC_OK)
        status = cli_fit_points(&ph->points, ph->bound, x, ph->fit, &cli->diag);
    sc_free(x);
    if (status == SC_OK)
        status = set_costs(d, ph);
    if (status == SC_OK)
        status = mark_regimes(d, ph);
    return status == SC_OK ? put_in_order(d, ph, of_config) : status;
}

sc_status design_run(design *d, design_phase *ph)
{
    cloud c = {0};
    sc_diag *diag = &d->cli->diag;
    int *of_config = sc_malloc(ph->points.n_configs * sizeof *of_config);
    if (!of_config)
        return sc_diag_nomem(diag);
    set_kinds(&ph->points, of_config);
    sc_status status = prepare(d, ph, of_config);
    if (status == SC_OK && ph->n_measured)
        status = make_cloud(ph, of_config, &c, diag);
    if (status == SC_OK)
        status = draw(d, ph, &c);
    if (status == SC_OK && ph->n_steps == 0)
        status =
            sc_diag_fail(diag, SC_EDOMAIN, SC4000,
                         "%s phase: %zu candidates with %zu latencies are too few "
                         "for a design",
                         sol_phase_name(ph->phase->kind), ph->points.n, ph->n_measured);
    if (status == SC_OK && !d->sketch)
        status = choose(d, ph, &c);
    cloud_clear(&c);
    sc_free(of_config);
    return status;
}
