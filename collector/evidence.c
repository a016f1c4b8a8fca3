/* solcheck - what a table says about the decision and about itself.
 *
 * Rows are sorted by keys of a few bits: the values of an axis less the least one. A key
 * and the place of its row share one word, and a radix sort moves those.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/evidence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

/* Cells of one grid, times the grids that have to be looked at apart. */
#define MAX_CELLS 50000
#define MAX_VALUES 4096 /* of one axis */

/* How the values of an axis become integers from 0 on, of so many bits. */
typedef struct scale {
    bool whole;   /* all values are integers: less `least`; else by their order */
    double least; /* of whole ones */
    uint64_t least_bits;
    int bits;
} scale;

/* A column to sort by, and the bits of its scale that one word has room for. */
typedef struct part {
    const col_values *column; /* NULL: the tokens */
    const scale *scale;
    int shift, bits;
} part;

#define MAX_PARTS (2 * SOL_MAX_AXES + 2)

struct col_survey {
    const col_rows *rows;
    const sol_phase *phase;
    int n_axes;
    scale scale[SOL_MAX_AXES];
    bool any_hot, any_cold;
    /* Of one set: rows of one configuration in one cache state. */
    unsigned *row; /* [capacity] */
    double *x;
    uint64_t *word, *other; /* key << index_bits | place in row */
    size_t n, capacity;
    int index_bits;
    bool one_word;  /* the whole key is in the word */
    double *spread; /* [n_iso] */
    size_t spread_capacity;
    col_evidence found;
};

/* ---- keys ---- */

/* Integers in the order of the doubles. */
static uint64_t ordered(double value)
{
    uint64_t bits;
    value += 0.0; /* -0 equals 0 */
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static int bit_width(uint64_t value)
{
    int n = 0;
    for (; value; value >>= 1)
        n++;
    return n;
}

typedef struct extent {
    double least, most;
    bool whole;
} extent;

static void extend(extent *e, const double *value, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        e->whole &= fabs(value[i]) < 0x1p53 && value[i] == floor(value[i]);
        e->least = fmin(e->least, value[i]);
        e->most = fmax(e->most, value[i]);
    }
}

static scale scale_of(const extent *e)
{
    scale s = {.whole = e->whole, .least = e->least};
    if (!(e->least <= e->most)) /* no values */
        return s;
    s.least_bits = ordered(e->least);
    s.bits = bit_width(e->whole ? (uint64_t)(e->most - e->least)
                                : ordered(e->most) - s.least_bits);
    return s;
}

static uint64_t scaled(const scale *s, double value)
{
    return s->whole ? (uint64_t)(value - s->least) : ordered(value) - s->least_bits;
}

/* ---- sorting ---- */

#define DIGIT 11
#define FEW 256 /* below, a digit is fewer bits: counters cost, too */

static bool in_order(const uint64_t *word, size_t n, int from)
{
    for (size_t i = 1; i < n; i++)
        if (word[i - 1] >> from > word[i] >> from)
            return false;
    return true;
}

/* A stable sort of s->word by its bits [from, to). Most tables are in order already. */
static void radix_sort(col_survey *s, int from, int to)
{
    size_t count[1 << DIGIT], n = s->n;
    int digit = n < FEW ? 6 : DIGIT;
    uint64_t mask = ((uint64_t)1 << digit) - 1;
    if (in_order(s->word, n, from))
        return;
    for (int at = from; at < to; at += digit) {
        memset(count, 0, sizeof *count << digit);
        for (size_t i = 0; i < n; i++)
            count[s->word[i] >> at & mask]++;
        if (count[s->word[0] >> at & mask] == n)
            continue;
        for (size_t k = 0, next = 0; k <= mask; k++) {
            size_t own = count[k];
            count[k] = next;
            next += own;
        }
        for (size_t i = 0; i < n; i++)
            s->other[count[s->word[i] >> at & mask]++] = s->word[i];
        uint64_t *swap = s->word;
        s->word = s->other;
        s->other = swap;
    }
}

static size_t place(const col_survey *s, size_t i)
{
    return s->word[i] & (((uint64_t)1 << s->index_bits) - 1);
}

/* Puts the parts' bits, least significant part first, over the place of each row. */
static void make_words(col_survey *s, const part *p, int n_parts)
{
    enum { AT_ONCE = 256 };
    double value[AT_ONCE];
    unsigned row[AT_ONCE];
    uint64_t where[AT_ONCE], key[AT_ONCE];
    for (size_t first = 0, n; first < s->n; first += n) {
        n = s->n - first < AT_ONCE ? s->n - first : AT_ONCE;
        for (size_t i = 0; i < n; i++) {
            where[i] = place(s, first + i);
            row[i] = s->row[where[i]];
            key[i] = 0;
        }
        for (int k = 0, at = 0; k < n_parts; at += p[k++].bits) {
            if (p[k].column)
                col_rows_gather(p[k].column, row, n, value);
            for (size_t i = 0; i < n; i++) {
                double v = p[k].column ? value[i] : s->x[where[i]];
                uint64_t bits = scaled(p[k].scale, v) >> p[k].shift;
                key[i] |= (bits & (((uint64_t)1 << p[k].bits) - 1)) << at;
            }
        }
        for (size_t i = 0; i < n; i++)
            s->word[first + i] = key[i] << s->index_bits | where[i];
    }
}

/* Sorts the rows of the set by the parts, of which the first is the least significant;
 * equal rows keep their order. As many parts as fit share a word. */
static void sort_set(col_survey *s, const part *p, int n_parts)
{
    int room = 64 - s->index_bits;
    for (size_t i = 0; i < s->n; i++)
        s->word[i] = i;
    s->one_word = true;
    for (int from = 0, to; from < n_parts; from = to) {
        int bits = 0;
        for (to = from; to < n_parts && bits + p[to].bits <= room; to++)
            bits += p[to].bits;
        make_words(s, p + from, to - from);
        radix_sort(s, s->index_bits, s->index_bits + bits);
        s->one_word = from == 0 && to == n_parts;
    }
}

/* Adds a column to the parts; what is wider than half a word becomes two. */
static int add_part(part *p, int n, const col_values *column, const scale *how)
{
    for (int shift = 0; shift < how->bits; shift += 32) {
        int bits = how->bits - shift < 32 ? how->bits - shift : 32;
        p[n++] = (part){column, how, shift, bits};
    }
    return n;
}

/* ---- rows of a set ---- */

static unsigned row_at(const col_survey *s, size_t i)
{
    return s->row[place(s, i)];
}

static double latency_at(const col_survey *s, size_t i)
{
    return s->rows->latency_s[row_at(s, i)];
}

/* Do two rows differ in no axis but `except`, which may be -1? */
static bool same_axes(const col_survey *s, size_t i, size_t k, int except)
{
    for (int a = 0; a < s->n_axes; a++)
        if (a != except && col_values_at(&s->rows->axis[a], row_at(s, i)) !=
                               col_values_at(&s->rows->axis[a], row_at(s, k)))
            return false;
    return true;
}

/* The same, of rows that were sorted by all axes, `axis` last. */
static bool same_line(const col_survey *s, size_t i, size_t k, int axis)
{
    int shift = s->index_bits + s->scale[axis].bits;
    if (!s->one_word)
        return same_axes(s, i, k, axis);
    return shift > 63 || (s->word[i] ^ s->word[k]) >> shift == 0;
}

static bool same_key(const col_survey *s, size_t i, size_t k)
{
    return s->one_word ? (s->word[i] ^ s->word[k]) >> s->index_bits == 0
                       : same_axes(s, i, k, -1);
}

/* ---- iso-token spread ---- */

static bool add_spread(col_survey *s, double spread)
{
    if (s->found.n_iso == s->spread_capacity) {
        size_t capacity = s->spread_capacity ? 2 * s->spread_capacity : 64;
        double *more = sc_reallocarray(s->spread, capacity, sizeof *more);
        if (!more)
            return false;
        s->spread = more;
        s->spread_capacity = capacity;
    }
    s->spread[s->found.n_iso++] = spread;
    return true;
}

/* Rows [from, to) have the same x. */
static bool iso_group(col_survey *s, size_t from, size_t to)
{
    double least = INFINITY, most = 0;
    bool differ = false;
    for (size_t i = from; i < to; i++) {
        double latency_s = latency_at(s, i);
        least = fmin(least, latency_s);
        most = fmax(most, latency_s);
        differ = differ || !same_axes(s, from, i, -1);
    }
    if (!differ)
        return true;
    s->found.n_iso_rows += to - from;
    return add_spread(s, most / least);
}

static bool iso_tokens(col_survey *s)
{
    part p[2];
    extent e = {INFINITY, -INFINITY, true};
    extend(&e, s->x, s->n);
    scale how = scale_of(&e);
    sort_set(s, p, add_part(p, 0, NULL, &how));
    for (size_t from = 0, to; from < s->n; from = to) {
        double x = s->x[place(s, from)];
        for (to = from + 1; to < s->n && s->x[place(s, to)] == x;)
            to++;
        if (to - from > 1 && !iso_group(s, from, to))
            return false;
    }
    return true;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double rank(const double *sorted, size_t n, double q)
{
    size_t at = (size_t)ceil(q * (double)n);
    return n ? sorted[at ? at - 1 : 0] : NAN;
}

static void iso_quantiles(col_survey *s)
{
    if (s->found.n_iso)
        qsort(s->spread, s->found.n_iso, sizeof *s->spread, by_value);
    s->found.iso_median = rank(s->spread, s->found.n_iso, 0.5);
    s->found.iso_p90 = rank(s->spread, s->found.n_iso, 0.9);
    s->found.iso_largest = rank(s->spread, s->found.n_iso, 1);
}

/* ---- neighbours ---- */

/* Rows of one key, by their latency. */
typedef struct run {
    size_t from, to, fastest, slowest;
} run;

static void find_run(const col_survey *s, size_t from, run *r)
{
    *r = (run){from, from + 1, from, from};
    for (; r->to < s->n && same_key(s, from, r->to); r->to++) {
        if (latency_at(s, r->to) < latency_at(s, r->fastest))
            r->fastest = r->to;
        if (latency_at(s, r->to) >= latency_at(s, r->slowest))
            r->slowest = r->to;
    }
}

static void invert(col_survey *s, size_t less, size_t more)
{
    double ratio = latency_at(s, less) / latency_at(s, more);
    if (ratio <= 1 + COL_AGREE)
        return;
    s->found.n_inverted++;
    if (ratio > s->found.inverted_ratio || !s->found.inverted_line) {
        s->found.inverted_ratio = ratio;
        s->found.inverted_line = col_rows_line(s->rows, row_at(s, more));
    }
}

static void repeats(col_survey *s, const run *r)
{
    double most_s = (1 + COL_AGREE) * latency_at(s, r->fastest);
    s->found.n_repeated += r->to - r->from - 1;
    if (latency_at(s, r->slowest) <= most_s)
        return;
    for (size_t i = r->from; i < r->to; i++)
        s->found.n_contradictory += latency_at(s, i) > most_s;
    s->found.contradictory_line = col_rows_line(s->rows, row_at(s, r->slowest));
}

/* The fastest rows of neighbouring keys, along each axis in turn; repeats once. */
static void neighbours(col_survey *s)
{
    for (int axis = s->n_axes - 1; axis >= 0; axis--) {
        part p[MAX_PARTS];
        int n_parts = add_part(p, 0, &s->rows->axis[axis], &s->scale[axis]);
        for (int k = s->n_axes - 1; k >= 0; k--)
            if (k != axis)
                n_parts = add_part(p, n_parts, &s->rows->axis[k], &s->scale[k]);
        sort_set(s, p, n_parts);
        run before = {0}, now;
        for (size_t from = 0; from < s->n; from = now.to, before = now) {
            find_run(s, from, &now);
            if (axis == 0 && now.to - now.from > 1)
                repeats(s, &now);
            if (from > 0 && same_line(s, before.from, from, axis))
                invert(s, before.fastest, now.fastest);
        }
    }
}

/* ---- sets ---- */

static bool make_room(col_survey *s, size_t n)
{
    if (n <= s->capacity)
        return true;
    sc_free(s->row);
    sc_free(s->x);
    sc_free(s->word);
    sc_free(s->other);
    s->row = sc_reallocarray(NULL, n, sizeof *s->row);
    s->x = sc_reallocarray(NULL, n, sizeof *s->x);
    s->word = sc_reallocarray(NULL, n, sizeof *s->word);
    s->other = sc_reallocarray(NULL, n, sizeof *s->other);
    s->capacity = s->row && s->x && s->word && s->other ? n : 0;
    return s->capacity == n;
}

sc_status col_survey_add(col_survey *s, const unsigned *row, size_t n, const double *x,
                         sc_diag *diag)
{
    if (!make_room(s, n))
        return sc_diag_nomem(diag);
    for (int hot = 0; hot < 2; hot++) {
        s->n = 0;
        for (size_t i = 0; i < n; i++)
            if (col_rows_hot(s->rows, row[i]) == hot) {
                s->row[s->n] = row[i];
                s->x[s->n++] = x[i];
            }
        if (!s->n)
            continue;
        *(hot ? &s->any_hot : &s->any_cold) = true;
        s->index_bits = bit_width(s->n - 1);
        if (!iso_tokens(s))
            return sc_diag_nomem(diag);
        neighbours(s);
    }
    return SC_OK;
}

sc_status col_survey_new(const col_rows *rows, col_survey **out, sc_diag *diag)
{
    enum { AT_ONCE = 512 };
    double value[AT_ONCE];
    col_survey *s = sc_calloc(1, sizeof *s);
    if (!s)
        return sc_diag_nomem(diag);
    s->rows = rows;
    s->phase = rows->about.op->phase[rows->about.phase];
    s->n_axes = rows->n_axes;
    for (int k = 0; k < s->n_axes; k++) {
        extent e = {INFINITY, -INFINITY, true};
        for (size_t first = 0, n; first < rows->n; first += n) {
            n = rows->n - first < AT_ONCE ? rows->n - first : AT_ONCE;
            col_values_read(&rows->axis[k], first, n, value);
            extend(&e, value, n);
        }
        s->scale[k] = scale_of(&e);
    }
    *out = s;
    return SC_OK;
}

void col_survey_free(col_survey *s)
{
    if (!s)
        return;
    sc_free(s->row);
    sc_free(s->x);
    sc_free(s->word);
    sc_free(s->other);
    sc_free(s->spread);
    sc_free(s);
}

/* ---- coverage ---- */

typedef struct values { /* of an axis, distinct and ascending */
    double value[MAX_VALUES];
    size_t n;
} values;

/* false: full, no grid. */
static bool insert(values *v, double value)
{
    size_t lo = 0, hi = v->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (v->value[mid] < value)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo < v->n && v->value[lo] == value)
        return true;
    if (v->n == MAX_VALUES)
        return false;
    memmove(&v->value[lo + 1], &v->value[lo], (v->n - lo) * sizeof(double));
    v->value[lo] = value;
    v->n++;
    return true;
}

/* Values of few bits are ticked off; others are found a place each. */
static sc_status distinct(const col_survey *s, int axis, values *v, bool *few)
{
    enum { AT_ONCE = 512 };
    const scale *how = &s->scale[axis];
    bool small = how->whole && how->bits <= 20;
    double value[AT_ONCE], last = NAN;
    bool *seen = sc_calloc(small ? (size_t)1 << how->bits : 1, sizeof *seen);
    if (!seen)
        return SC_ENOMEM;
    v->n = 0;
    *few = true;
    for (size_t first = 0, n; first < s->rows->n && *few; first += n) {
        n = s->rows->n - first < AT_ONCE ? s->rows->n - first : AT_ONCE;
        col_values_read(&s->rows->axis[axis], first, n, value);
        for (size_t i = 0; i < n && *few; last = value[i++])
            if (small)
                seen[(size_t)(value[i] - how->least)] = true;
            else if (value[i] != last)
                *few = insert(v, value[i]);
    }
    for (size_t i = 0; small && i < (size_t)1 << how->bits && *few; i++)
        if (seen[i])
            *few = insert(v, how->least + (double)i);
    sc_free(seen);
    return SC_OK;
}

static sc_status count_admitted(const col_survey *s, const sol_config *config,
                                const values *v, size_t *out, sc_diag *diag)
{
    size_t cells = 1;
    for (int i = 0; i < s->n_axes; i++)
        cells *= v[i].n;
    *out = 0;
    for (size_t cell = 0; cell < cells; cell++) {
        double axis[SOL_MAX_AXES];
        size_t rest = cell;
        for (int i = 0; i < s->n_axes; i++) {
            axis[i] = v[i].value[rest % v[i].n];
            rest /= v[i].n;
        }
        sc_diag why = {0};
        sc_status status =
            sol_phase_admits(s->rows->about.op, s->phase, config, axis, &why);
        *out += status == SC_OK;
        if (status != SC_OK && status != SC_EINVAL) {
            *diag = why;
            return status;
        }
    }
    return SC_OK;
}

/* Do the guards of the phase depend on more than the axes? */
static sc_status guards_vary(const col_survey *s, bool *vary, sc_diag *diag)
{
    const sol_op *op = s->rows->about.op;
    int n = sol_symbol_count(op->ctx);
    bool *used = sc_calloc((size_t)n + 1, sizeof *used);
    if (!used)
        return sc_diag_nomem(diag);
    for (int g = 0; g < s->phase->n_guards; g++)
        sol_expr_symbols(s->phase->guard[g].expr, used, n);
    for (int i = 0; i < s->n_axes; i++)
        used[s->phase->axis[i].symbol] = false;
    *vary = false;
    for (int i = 0; i < n; i++)
        *vary |= used[i];
    sc_free(used);
    return SC_OK;
}

static sc_status grid(col_survey *s, const values *v, sc_diag *diag)
{
    const col_points *points = &s->rows->about;
    bool vary = false;
    sc_status status = guards_vary(s, &vary, diag);
    if (status)
        return status;
    size_t looks = vary ? points->n_configs : 1, per = 0;
    double cells = (double)looks;
    for (int i = 0; i < s->n_axes; i++)
        cells *= (double)v[i].n;
    if (cells > MAX_CELLS)
        return SC_OK;
    for (size_t c = 0; c < looks && !status; c++) {
        status = count_admitted(s, &points->config[c], v, &per, diag);
        s->found.n_cells += per;
    }
    if (looks < points->n_configs)
        s->found.n_cells *= points->n_configs;
    return status;
}

/* Rows measured in both cache states fill two grids; the second counts only where the
 * table has it. */
static sc_status coverage(col_survey *s, sc_diag *diag)
{
    values *v = sc_calloc((size_t)s->n_axes, sizeof *v);
    sc_status status = v ? SC_OK : sc_diag_nomem(diag);
    bool is_grid = true;
    for (int i = 0; i < s->n_axes && !status && is_grid; i++)
        if (distinct(s, i, &v[i], &is_grid))
            status = sc_diag_nomem(diag);
    if (!status && is_grid)
        status = grid(s, v, diag);
    sc_free(v);
    if (s->any_hot && s->any_cold)
        s->found.n_cells *= 2;
    s->found.n_filled = s->rows->n - s->found.n_repeated;
    return status;
}

/* ---- all of it ---- */

sc_status col_survey_end(col_survey *s, col_evidence *out, sc_diag *diag)
{
    iso_quantiles(s);
    sc_status status = coverage(s, diag);
    if (!status)
        *out = s->found;
    return status;
}

sc_status col_evidence_rows(const col_rows *rows, const double *x, col_evidence *out,
                            sc_diag *diag)
{
    col_survey *s = NULL;
    col_row_order order = {0};
    double *own = sc_calloc(rows->n + 1, sizeof *own);
    sc_status status = own ? col_survey_new(rows, &s, diag) : sc_diag_nomem(diag);
    if (!status)
        status = col_row_order_make(rows, &order, diag);
    for (size_t g = 0; g < rows->about.n_configs && !status; g++) {
        size_t first = order.first[g], n = order.first[g + 1] - first;
        for (size_t i = 0; i < n; i++)
            own[i] = x[order.row[first + i]];
        status = col_survey_add(s, order.row + first, n, own, diag);
    }
    if (!status)
        status = col_survey_end(s, out, diag);
    col_row_order_clear(&order);
    col_survey_free(s);
    sc_free(own);
    return status;
}
