/* solcheck - choosing the points to measure: sequential I-optimal design.
 *
 * The departure of ln latency from the physical model is taken as a random field with the
 * covariance of krige.c at its default scales, wider by RIDGE within a factor of two of
 * the compute/memory boundary, where the sharpness of the maximum is not known. Each
 * choice takes the point whose measurement lowers the summed variance of the targets most
 * (Cohn 1996, "active learning"; Seo et al. 2000); variances follow by one step of a
 * pivoted Cholesky factorisation. Latencies are not read, so a design made from them
 * cannot favour its own evaluation. Blocks bound time and memory: the points are halved
 * along their widest coordinate until at most BLOCK are together, and the blocks' choices
 * are merged, the block with most variance a point left first.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_rng.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "fit/internal.h"

#define BLOCK 2048
#define PRODUCT ((size_t)1 << 20) /* of a block's sites and targets, at most */
#define ELL_AXIS 2.0
#define ELL_WORK 4.0
#define RHO 0.9
#define NUGGET 1e-2
#define RIDGE 1.5   /* amplitude near the boundary */
#define MAX_PAIRS 8 /* of equal x */
#define MAX_BRACKETS 4

#define MAX_U (FIT_DESIGN_MAX_COORDS + 2) /* coordinates, SOL times */

typedef struct site { /* a place */
    fit_point p;
    size_t i; /* index of the caller's */
    double u[MAX_U];
    double amplitude;
    double key;        /* to sort by */
    bool repeat, seed; /* repeat: an earlier row has the same place */
} site;

typedef struct step {
    size_t site;
    bool seed;
    double left; /* summed variance of the block after it, scaled to the block's size */
} step;

typedef struct block {
    site *s;
    size_t n;
    step *step;
    size_t n_steps, next;
    double start; /* summed variance before the first step */
} block;

typedef struct design {
    site *s;
    size_t n, wanted;
    int n_coords, n_own; /* coordinates, and the caller's among them, which come first */
    block *block;
    size_t n_blocks;
} design;

/* ---- sites ---- */

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

static int by_place(const void *va, const void *vb)
{
    const site *a = va, *b = vb;
    int c = compare(a->p.group, b->p.group);
    c = c ? c : compare(a->p.x, b->p.x);
    c = c ? c : compare(a->p.b, b->p.b);
    c = c ? c : compare(a->p.s, b->p.s);
    for (int k = 0; !c && k < MAX_U; k++) { /* the caller's, or all zero */
        c = compare(a->u[k], b->u[k]);
    }
    return c ? c : (a->i > b->i) - (a->i < b->i);
}

static bool same_site(const design *d, const site *a, const site *b)
{
    bool same = a->p.group == b->p.group && a->p.b == b->p.b && a->p.s == b->p.s;
    for (int k = 0; same && k < d->n_own; k++) {
        same = a->u[k] == b->u[k];
    }
    return same;
}

static sc_status check(const fit_point *p, size_t i, sc_diag *diag)
{
    const double positive[] = {p->b, p->s, p->x}, sol[] = {p->compute_s, p->memory_s};
    bool ok = true;
    for (int k = 0; k < 3; k++) {
        ok = ok && isfinite(positive[k]) && positive[k] > 0;
    }
    for (int k = 0; k < 2; k++) {
        ok = ok && isfinite(sol[k]) && sol[k] >= 0;
    }
    return ok ? SC_OK
              : sc_diag_fail(diag, SC_EDOMAIN, SC4001,
                             "point %zu: b %g, s %g, x %g, bounds %g s and %g s", i + 1,
                             p->b, p->s, p->x, p->compute_s, p->memory_s);
}

static void add_coordinate(design *d, size_t offset, double length)
{
    int c = d->n_coords;
    bool varies = false;
    for (size_t i = 0; i < d->n; i++) {
        double v = *(const double *)((const char *)&d->s[i].p + offset);
        if (!(v > 0)) {
            return;
        }
        d->s[i].u[c] = log(v) / length;
        varies = varies || d->s[i].u[c] != d->s[0].u[c];
    }
    d->n_coords += varies;
}

static double amplitude(const fit_point *p)
{
    bool near = p->compute_s > 0.5 * p->memory_s && p->memory_s > 0.5 * p->compute_s;
    return near ? RIDGE : 1;
}

/* The caller's coordinates of point i, scaled. */
static sc_status load_coords(const fit_design_input *in, size_t i, double *u,
                             sc_diag *diag)
{
    for (int c = 0; c < in->n_coords; c++) {
        double v = in->coord[c][i];
        if (!isfinite(v)) {
            return sc_diag_fail(diag, SC_EDOMAIN, SC4001,
                                "point %zu: coordinate %d is %g", i + 1, c + 1, v);
        }
        u[c] = v / ELL_AXIS;
    }
    return SC_OK;
}

static sc_status load(design *d, const fit_design_input *in, sc_diag *diag)
{
    d->n = in->n;
    d->n_own = d->n_coords = in->n_coords;
    d->s = sc_calloc(d->n, sizeof *d->s);
    if (!d->s) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < d->n; i++) {
        const fit_point *p = &in->point[i];
        sc_status status = check(p, i, diag);
        d->s[i] = (site){.p = *p, .i = i, .amplitude = amplitude(p)};
        if (!status) {
            status = load_coords(in, i, d->s[i].u, diag);
        }
        if (status) {
            return status;
        }
    }
    qsort(d->s, d->n, sizeof *d->s, by_place);
    for (size_t i = 1; i < d->n; i++) {
        d->s[i].repeat = same_site(d, &d->s[i - 1], &d->s[i]);
    }
    if (d->n_own == 0) {
        add_coordinate(d, offsetof(fit_point, b), ELL_AXIS);
        add_coordinate(d, offsetof(fit_point, s), ELL_AXIS);
    }
    add_coordinate(d, offsetof(fit_point, compute_s), ELL_WORK);
    add_coordinate(d, offsetof(fit_point, memory_s), ELL_WORK);
    return SC_OK;
}

static double covariance(const design *d, const site *a, const site *b)
{
    double d2 = 0;
    for (int c = 0; c < d->n_coords; c++) {
        d2 += (a->u[c] - b->u[c]) * (a->u[c] - b->u[c]);
    }
    double r = sqrt(3 * d2), k = a->amplitude * b->amplitude * (1 + r) * exp(-r);
    return d->n_own || a->p.group == b->p.group ? k : RHO * k;
}

/* ---- what a design needs besides small variance ---- */

/* First group with the most sites, as [lo, hi). */
static void largest_group(const design *d, size_t *lo, size_t *hi)
{
    *lo = *hi = 0;
    for (size_t i = 0, j; i < d->n; i = j) {
        for (j = i; j < d->n && d->s[j].p.group == d->s[i].p.group; j++) {
        }
        if (j - i > *hi - *lo) {
            *lo = i;
            *hi = j;
        }
    }
}

/* Marks the two ends of n_pairs cells of equal x, spread over the range of x: sites of a
 * cell are sorted by b, so the ends lie farthest apart. */
static void mark_pairs(design *d, size_t n_pairs)
{
    size_t lo, hi, cells = 0;
    largest_group(d, &lo, &hi);
    for (int pass = 0; pass < 2; pass++) {
        size_t cell = 0;
        for (size_t i = lo, j; i < hi; i = j) {
            for (j = i; j < hi && d->s[j].p.x == d->s[i].p.x; j++) {
            }
            size_t last = j - 1;
            while (d->s[last].repeat) {
                last--;
            }
            if (last == i) {
                continue;
            }
            if (pass == 0) {
                cells++;
                continue;
            }
            size_t n = n_pairs < cells ? n_pairs : cells;
            if ((cell + 1) * n / cells > cell * n / cells) {
                d->s[i].seed = d->s[last].seed = true;
            }
            cell++;
        }
    }
}

static int by_line(const void *va, const void *vb)
{
    const site *a = *(site *const *)va, *b = *(site *const *)vb;
    int c = compare(a->p.group, b->p.group);
    c = c ? c : compare(a->p.b, b->p.b);
    c = c ? c : compare(a->p.s, b->p.s);
    return c ? c : (a->i > b->i) - (a->i < b->i);
}

/* Does the boundary pass between two neighbours of one line of equal b? */
static bool crosses(const site *a, const site *b)
{
    return a->p.group == b->p.group && a->p.b == b->p.b &&
           (a->p.compute_s > a->p.memory_s) != (b->p.compute_s > b->p.memory_s);
}

/* Marks neighbours on both sides of the compute/memory boundary, on lines spread over
 * those that cross it. */
static sc_status mark_brackets(design *d, size_t n_brackets, sc_diag *diag)
{
    site **line = sc_malloc(d->n * sizeof *line);
    size_t crossings = 0, at = 0;
    if (!line) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 0; i < d->n; i++) {
        line[i] = &d->s[i];
    }
    qsort(line, d->n, sizeof *line, by_line);
    for (size_t i = 1; i < d->n; i++) {
        crossings += crosses(line[i - 1], line[i]);
    }
    size_t n = n_brackets < crossings ? n_brackets : crossings;
    for (size_t i = 1; i < d->n && n > 0; i++) {
        if (!crosses(line[i - 1], line[i])) {
            continue;
        }
        if ((at + 1) * n / crossings > at * n / crossings) {
            for (size_t k = i - 1; k <= i; k++) {
                line[k]->seed = line[k]->seed || !line[k]->repeat;
            }
        }
        at++;
    }
    sc_free(line);
    return SC_OK;
}

static sc_status mark_seeds(design *d, sc_diag *diag)
{
    size_t budget = d->wanted / 3, pairs = budget / 4, brackets = budget / 8;
    pairs = pairs < MAX_PAIRS ? pairs : MAX_PAIRS;
    brackets = brackets < MAX_BRACKETS ? brackets : MAX_BRACKETS;
    mark_pairs(d, pairs);
    return mark_brackets(d, brackets, diag);
}

/* ---- blocks ---- */

static int by_key(const void *va, const void *vb)
{
    const site *a = va, *b = vb;
    int c = compare(a->key, b->key);
    return c ? c : by_place(a, b);
}

/* The coordinate in which n sites reach farthest, -1: they are at one place. */
static int widest(const design *d, const site *s, size_t n)
{
    int best = -1;
    double reach = 0;
    for (int c = 0; c < d->n_coords; c++) {
        double lo = s[0].u[c], hi = lo;
        for (size_t i = 1; i < n; i++) {
            lo = fmin(lo, s[i].u[c]);
            hi = fmax(hi, s[i].u[c]);
        }
        if (hi - lo > reach) {
            reach = hi - lo;
            best = c;
        }
    }
    return best;
}

/* Halves s[0..n) until blocks are small enough; the recursion is log2(n / BLOCK) deep. */
static void split(design *d, site *s, size_t n)
{
    if (n <= BLOCK) {
        d->block[d->n_blocks++] = (block){.s = s, .n = n};
        return;
    }
    int c = widest(d, s, n);
    for (size_t i = 0; i < n; i++) {
        s[i].key = c < 0 ? 0 : s[i].u[c];
    }
    qsort(s, n, sizeof *s, by_key);
    split(d, s, n / 2);
    split(d, s + n / 2, n - n / 2);
}

/* ---- choice in one block ---- */

typedef struct chooser {
    const design *d;
    block *b;
    size_t m;       /* targets: points whose variance is summed */
    size_t *target; /* [m] ascending */
    double *r;      /* [m * n] covariance of target and site, given the choices so far */
    double *var;    /* [n] likewise, of the site */
    double *gain;   /* [n] squared covariances with the targets, summed */
    double *low;    /* [n_steps * n] rows of the Cholesky factor */
    double *row;    /* [n] the one being made */
    bool *taken;    /* [n] */
} chooser;

static void chooser_clear(chooser *c)
{
    sc_free(c->target);
    sc_free(c->r);
    sc_free(c->var);
    sc_free(c->gain);
    sc_free(c->low);
    sc_free(c->taken);
}

/* All sites, or one of each of m equal parts, at random: an even stride would fall in
 * step with the grid that the sites come from, and see few of its levels. */
static sc_status set_targets(chooser *c, sc_diag *diag)
{
    size_t n = c->b->n;
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    c->target = sc_malloc(c->m * sizeof *c->target);
    if (rng && c->target) {
        gsl_rng_set(rng, 1);
        for (size_t t = 0; t < c->m; t++) {
            size_t lo = t * n / c->m, hi = (t + 1) * n / c->m;
            c->target[t] = lo + gsl_rng_uniform_int(rng, (unsigned long)(hi - lo));
        }
    }
    bool ok = rng && c->target;
    gsl_rng_free(rng);
    return ok ? SC_OK : sc_diag_nomem(diag);
}

static double left(const chooser *c)
{
    double sum = 0;
    for (size_t t = 0; t < c->m; t++) {
        sum += c->var[c->target[t]];
    }
    return sum * (double)c->b->n / (double)c->m;
}

static sc_status chooser_init(chooser *c, const design *d, block *b, sc_diag *diag)
{
    size_t n = b->n;
    *c = (chooser){.d = d, .b = b, .m = n < PRODUCT / n ? n : PRODUCT / n};
    c->r = sc_malloc(c->m * n * sizeof *c->r);
    c->var = sc_malloc(n * sizeof *c->var);
    c->gain = sc_malloc(n * sizeof *c->gain);
    c->low = sc_malloc(b->n_steps * n * sizeof *c->low);
    c->taken = sc_calloc(n, sizeof *c->taken);
    bool ok = c->r && c->var && c->gain && c->low && c->taken;
    sc_status status = ok ? set_targets(c, diag) : sc_diag_nomem(diag);
    if (status) {
        chooser_clear(c);
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        c->var[i] = b->s[i].amplitude * b->s[i].amplitude;
        c->gain[i] = 0;
        for (size_t t = 0; t < c->m; t++) {
            double k = covariance(d, &b->s[c->target[t]], &b->s[i]);
            c->r[t * n + i] = k;
            c->gain[i] += k * k;
        }
    }
    b->start = left(c);
    return SC_OK;
}

/* Seeds in their order first, then by gain; repeats when nothing else is left. */
static size_t best_site(const chooser *c)
{
    size_t best = SIZE_MAX;
    double most = 0;
    for (size_t i = 0; i < c->b->n; i++) {
        const site *s = &c->b->s[i];
        if (c->taken[i]) {
            continue;
        }
        double score = c->gain[i] / (c->var[i] + NUGGET);
        score = s->seed ? HUGE_VAL : s->repeat ? -1 : score;
        if (best == SIZE_MAX || score > most) {
            most = score;
            best = i;
        }
    }
    return best;
}

/* Conditions variances and covariances on a measurement of site j, the k-th one. */
static void condition(chooser *c, size_t j, size_t k)
{
    size_t n = c->b->n;
    double *row = c->low + k * n, pivot = sqrt(fmax(c->var[j], 0) + NUGGET);
    for (size_t i = 0; i < n; i++) {
        row[i] = covariance(c->d, &c->b->s[j], &c->b->s[i]);
    }
    for (size_t q = 0; q < k; q++) {
        const double *l = c->low + q * n, f = l[j];
        for (size_t i = 0; i < n; i++) {
            row[i] -= f * l[i];
        }
    }
    for (size_t i = 0; i < n; i++) {
        row[i] /= pivot;
        c->var[i] = fmax(c->var[i] - row[i] * row[i], 0);
        c->gain[i] = 0;
    }
    for (size_t t = 0; t < c->m; t++) {
        double f = row[c->target[t]], *r = c->r + t * n;
        for (size_t i = 0; i < n; i++) {
            r[i] -= f * row[i];
            c->gain[i] += r[i] * r[i];
        }
    }
}

static sc_status choose(const design *d, block *b, sc_diag *diag)
{
    chooser c;
    sc_status status = chooser_init(&c, d, b, diag);
    if (status) {
        return status;
    }
    for (size_t k = 0; k < b->n_steps; k++) {
        size_t j = best_site(&c);
        c.taken[j] = true;
        condition(&c, j, k);
        b->step[k] = (step){b->s[j].i, b->s[j].seed, left(&c)};
    }
    chooser_clear(&c);
    return SC_OK;
}

/* A block may be asked for more than its share: where its points are far apart. */
static size_t steps_of(const design *d, const block *b)
{
    double share = (double)d->wanted * (double)b->n / (double)d->n;
    size_t n = d->n_blocks == 1 ? d->wanted : (size_t)(2 * share) + 64;
    return n < b->n ? n : b->n;
}

static sc_status choose_all(design *d, sc_diag *diag)
{
    d->block = sc_calloc(2 * (d->n / BLOCK) + 2, sizeof *d->block);
    sc_status status = d->block ? SC_OK : sc_diag_nomem(diag);
    if (!status) {
        split(d, d->s, d->n);
    }
    for (size_t k = 0; !status && k < d->n_blocks; k++) {
        block *b = &d->block[k];
        b->n_steps = steps_of(d, b);
        b->step = sc_malloc(b->n_steps * sizeof *b->step);
        status = b->step ? choose(d, b, diag) : sc_diag_nomem(diag);
    }
    return status;
}

static double block_left(const block *b)
{
    return b->next ? b->step[b->next - 1].left : b->start;
}

/* Seeds of all blocks first, then always from the block with most variance a point left.
 */
static void merge(design *d, size_t *order, double *deviation)
{
    double start = 0, sum = 0;
    for (size_t k = 0; k < d->n_blocks; k++) {
        start += d->block[k].start;
    }
    sum = start;
    for (size_t q = 0; q < d->wanted; q++) {
        block *best = NULL;
        double most = 0;
        for (size_t k = 0; k < d->n_blocks; k++) {
            block *b = &d->block[k];
            if (b->next == b->n_steps) {
                continue;
            }
            bool seed = b->step[b->next].seed;
            double score = seed ? HUGE_VAL : block_left(b) / (double)b->n;
            if (!best || score > most) {
                best = b;
                most = score;
            }
        }
        order[q] = best->step[best->next].site;
        sum -= block_left(best);
        best->next++;
        sum += block_left(best);
        if (deviation) {
            deviation[q] = sqrt(fmax(sum, 0) / start);
        }
    }
}

sc_status fit_design_choose(const fit_design_input *in, size_t wanted, size_t *order,
                            double *deviation, sc_diag *diag)
{
    design d = {.wanted = wanted};
    if (wanted == 0 || wanted > in->n || in->n_coords < 0 ||
        in->n_coords > FIT_DESIGN_MAX_COORDS) {
        return sc_diag_fail(diag, SC_EINVAL, SC6001,
                            "a design of %zu points out of %zu, %d coordinates", wanted,
                            in->n, in->n_coords);
    }
    sc_status status = load(&d, in, diag);
    for (size_t i = 0; !status && in->first && i < in->n; i++) {
        d.s[i].seed = in->first[d.s[i].i];
    }
    if (!status) {
        status = mark_seeds(&d, diag);
    }
    if (!status) {
        status = choose_all(&d, diag);
    }
    if (!status) {
        merge(&d, order, deviation);
    }
    for (size_t k = 0; k < d.n_blocks; k++) {
        sc_free(d.block[k].step);
    }
    sc_free(d.block);
    sc_free(d.s);
    return status;
}

sc_status fit_design_select_with(const fit_point *point, size_t n, const bool *first,
                                 size_t wanted, size_t *order, double *deviation,
                                 sc_diag *diag)
{
    fit_design_input in = {.point = point, .n = n, .first = first};
    return fit_design_choose(&in, wanted, order, deviation, diag);
}

sc_status fit_design_select(const fit_point *point, size_t n, size_t wanted,
                            size_t *order, double *deviation, sc_diag *diag)
{
    return fit_design_select_with(point, n, NULL, wanted, order, deviation, diag);
}
