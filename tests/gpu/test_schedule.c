/* solcheck - division of decode work among thread blocks: every page read exactly once,
 * partial results where the combine kernel looks for them. Needs no GPU.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "mock/cuda/cuda.h"

static int n_failed;

static void fail(const char *what, const mock_case *c, int kv_heads, int resident)
{
    n_failed++;
    printf("FAIL %s: b=%lld s=%lld%s kv_heads=%d resident=%d\n", what, (long long)c->b,
           (long long)c->s, c->lengths ? " ragged" : "", kv_heads, resident);
}

/* The page of the first token that is seen. */
static int64_t first_seen(const mock_case *c, int64_t window, int64_t request)
{
    int64_t length = cuda_length(c, request), hidden = window ? length - window : 0;
    return hidden > 0 ? hidden / 64 : 0;
}

/* Walks the ranges in order. Pages of a pair must come in order without gap or overlap; a
 * run that is not the whole request has the pair's next slot. NULL: all is well. */
static const char *walk(const mock_case *c, int kv_heads, int64_t window,
                        const cuda_schedule *s, int64_t *done, int *parts)
{
    int slots = 0, most = 0;
    for (int64_t pair = 0; pair < c->b * kv_heads; pair++)
        done[pair] = first_seen(c, window, pair / kv_heads);
    if (s->work_begin[0] != 0 || s->work_begin[s->n_ranges] != s->n_work)
        return "ranges do not hold the work";
    for (int range = 0; range < s->n_ranges; range++) {
        if (s->work_begin[range] >= s->work_begin[range + 1])
            return "a range is empty";
        for (int i = s->work_begin[range]; i < s->work_begin[range + 1]; i++) {
            const cuda_work *w = &s->work[i];
            int64_t pair = (int64_t)w->request * kv_heads + w->kv_head;
            int64_t pages = (cuda_length(c, w->request) + 63) / 64;
            int64_t first = first_seen(c, window, w->request);
            if (w->page0 != done[pair] || w->page1 <= w->page0 || w->page1 > pages)
                return "pages are skipped, repeated or out of range";
            done[pair] = w->page1;
            bool whole = w->page0 == first && w->page1 == pages;
            if (whole ? w->slot != -1 : w->slot != s->parts[pair].first + parts[pair])
                return "a partial result is in the wrong slot";
            parts[pair] += !whole;
            slots += !whole;
        }
    }
    for (int64_t pair = 0; pair < c->b * kv_heads; pair++) {
        if (done[pair] != (cuda_length(c, pair / kv_heads) + 63) / 64)
            return "pages are left out";
        if (parts[pair] != s->parts[pair].count || parts[pair] == 1)
            return "the number of partial results is wrong";
        most = parts[pair] > most ? parts[pair] : most;
    }
    return slots == s->n_slots && most == s->max_parts ? NULL : "slots are miscounted";
}

static void check(const mock_case *c, int kv_heads, int64_t window, int resident)
{
    cuda_schedule s;
    sc_diag diag;
    size_t n = (size_t)(c->b * kv_heads);
    int64_t *done = sc_calloc(n, sizeof *done);
    int *parts = sc_calloc(n, sizeof *parts);
    if (!done || !parts || cuda_schedule_make(c, kv_heads, window, resident, &s, &diag)) {
        fail("no schedule", c, kv_heads, resident);
    } else {
        const char *wrong = walk(c, kv_heads, window, &s, done, parts);
        if (wrong)
            fail(wrong, c, kv_heads, resident);
        cuda_schedule_free(&s);
    }
    sc_free(done);
    sc_free(parts);
}

/* The least a schedule must be good for: one long request fills the GPU, and as many
 * equal requests as thread blocks are left whole. */
static void check_choice(void)
{
    mock_case c = {.phase = SOL_GENERATION, .b = 1, .s = 64 * 1000 - 5};
    cuda_schedule s;
    sc_diag diag;
    if (cuda_schedule_make(&c, 1, 0, 132, &s, &diag)) {
        fail("no schedule", &c, 1, 132);
        return;
    }
    if (s.n_ranges != 132 || s.max_parts != 132)
        fail("one long request does not fill the GPU", &c, 1, 132);
    cuda_schedule_free(&s);
    c.b = 132;
    if (cuda_schedule_make(&c, 1, 0, 132, &s, &diag)) {
        fail("no schedule", &c, 1, 132);
        return;
    }
    if (s.n_ranges != 132 || s.max_parts != 0)
        fail("requests are split without need", &c, 1, 132);
    cuda_schedule_free(&s);
}

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u; /* Numerical Recipes, section 7.1 */
    return *seed >> 8;
}

int main(void)
{
    unsigned seed = 20261;
    for (int i = 0; i < 3000; i++) {
        int64_t lengths[300];
        mock_case c = {.phase = SOL_GENERATION};
        c.b = 1 + next(&seed) % (i % 3 ? 9 : 300);
        c.s = 1 + next(&seed) % (i % 2 ? 200 : 20000);
        for (int64_t r = 0; r < c.b; r++)
            lengths[r] = 1 + next(&seed) % (unsigned)c.s;
        c.lengths = i % 4 ? lengths : NULL;
        int kv_heads = 1 + (int)(next(&seed) % (i % 5 ? 3 : 40));
        int64_t window = i % 3 == 1 ? 1 + next(&seed) % (unsigned)(c.s + 20) : 0;
        check(&c, kv_heads, window, (int)(next(&seed) % 300));
    }
    check_choice();
    return n_failed > 0;
}
