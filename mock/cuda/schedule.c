/* solcheck - how decode work is divided: which thread block reads which pages.
 *
 * Either every (request, kv head) is one run and the hardware deals them out, or all
 * pages are laid end to end and cut into equal pieces, one per resident thread block: no
 * tail, at the price of partial results and a second kernel. The shorter of two estimates
 * wins. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
 */
#include "mock/cuda/cuda.h"

#include "base/alloc.h"

/* In units of the time a thread block takes for a page, all SMs busy: starting and ending
 * a run (query load, first page's latency, output), and the combine kernel. Estimates
 * from an H100, docs/kernels.md; they move the threshold of splitting, nothing else. */
static const double run_cost = 1.0, combine_cost = 1.0;

/* The first page that is seen, and the number of those that are. */
static int64_t first_page(const mock_case *c, int64_t window, int64_t request)
{
    int64_t length = cuda_length(c, request);
    return window > 0 && length > window ? (length - window) / MOCK_KV_BLOCK : 0;
}

static int64_t pages_of(const mock_case *c, int64_t window, int64_t request)
{
    return (cuda_length(c, request) + MOCK_KV_BLOCK - 1) / MOCK_KV_BLOCK -
           first_page(c, window, request);
}

static double most(double a, double b)
{
    return a > b ? a : b;
}

/* Length of the schedule without splitting: list scheduling's bound, or whole waves. */
static double whole_cost(int64_t total, int64_t longest, int64_t n, int resident)
{
    double waves = (double)((n + resident - 1) / resident);
    double by_waves = waves * ((double)longest + run_cost);
    double by_list = (double)total / resident + (double)longest +
                     run_cost * (double)n / resident + run_cost;
    return by_waves < by_list ? by_waves : by_list;
}

/* Equal pieces. Where requests are equally long and every one gets the same number of
 * pieces, no piece straddles two requests. */
static double split_cost(int64_t total, int64_t longest, int64_t n, int ranges)
{
    bool aligned = longest * n == total && ranges % n == 0;
    double runs = aligned ? 1 : most(1, (double)n / ranges) + 1;
    return (double)((total + ranges - 1) / ranges) + run_cost * runs + combine_cost;
}

/* The number of pieces: one per resident thread block, or the most that is a multiple of
 * the number of (request, kv head) pairs. */
static int best_ranges(int64_t total, int64_t longest, int64_t n, int resident)
{
    int all = total < resident ? (int)total : resident;
    int aligned = n <= all ? (int)(all / n * n) : all;
    return split_cost(total, longest, n, aligned) <= split_cost(total, longest, n, all)
               ? aligned
               : all;
}

/* Cuts the line of pages at i*total/ranges. Every run but whole requests gets a slot. */
static void cut(const mock_case *c, int kv_heads, int64_t window, int64_t total,
                cuda_schedule *s)
{
    int64_t done = 0; /* pages before the current pair */
    int range = 0, ranges = s->n_ranges;
    s->work_begin[0] = 0;
    for (int64_t r = 0; r < c->b; r++) {
        int64_t pages = pages_of(c, window, r), page0 = first_page(c, window, r);
        for (int h = 0; h < kv_heads; h++) {
            cuda_parts *parts = &s->parts[r * kv_heads + h];
            *parts = (cuda_parts){s->n_slots, 0};
            for (int64_t at = 0; at < pages;) {
                int64_t end = (int64_t)(range + 1) * total / ranges - done;
                int64_t stop = end < pages ? end : pages;
                if (stop > at) {
                    bool whole = at == 0 && stop == pages;
                    s->work[s->n_work++] =
                        (cuda_work){(int32_t)r, h, (int32_t)(page0 + at),
                                    (int32_t)(page0 + stop), whole ? -1 : s->n_slots};
                    s->n_slots += !whole;
                    parts->count += !whole;
                    at = stop;
                }
                if (stop == end)
                    s->work_begin[++range] = s->n_work;
            }
            if (parts->count > s->max_parts)
                s->max_parts = parts->count;
            done += pages;
        }
    }
}

static void keep_whole(const mock_case *c, int kv_heads, int64_t window, cuda_schedule *s)
{
    for (int64_t r = 0; r < c->b; r++)
        for (int h = 0; h < kv_heads; h++) {
            s->work_begin[s->n_work] = s->n_work;
            int64_t page0 = first_page(c, window, r);
            s->work[s->n_work++] =
                (cuda_work){(int32_t)r, h, (int32_t)page0,
                            (int32_t)(page0 + pages_of(c, window, r)), -1};
        }
    s->work_begin[s->n_work] = s->n_work;
}

sc_status cuda_schedule_make(const mock_case *c, int kv_heads, int64_t window,
                             int resident, cuda_schedule *out, sc_diag *diag)
{
    int64_t n = c->b * kv_heads, total = 0, longest = 0;
    if (n > INT32_MAX / 4)
        return cuda_refuse(diag, "%lld requests times kv heads are too many",
                           (long long)n);
    for (int64_t r = 0; r < c->b; r++) {
        int64_t pages = pages_of(c, window, r);
        total += pages * kv_heads;
        longest = pages > longest ? pages : longest;
    }
    if (resident < 1)
        resident = 1;
    int ranges = best_ranges(total, longest, n, resident);
    bool split =
        split_cost(total, longest, n, ranges) < whole_cost(total, longest, n, resident);
    cuda_schedule s = {.n_ranges = split ? ranges : (int)n};
    s.work = sc_reallocarray(NULL, (size_t)(n + s.n_ranges), sizeof *s.work);
    s.work_begin = sc_reallocarray(NULL, (size_t)s.n_ranges + 1, sizeof *s.work_begin);
    s.parts = sc_calloc((size_t)n, sizeof *s.parts);
    if (!s.work || !s.work_begin || !s.parts) {
        cuda_schedule_free(&s);
        return sc_diag_nomem(diag);
    }
    if (split)
        cut(c, kv_heads, window, total, &s);
    else
        keep_whole(c, kv_heads, window, &s);
    *out = s;
    return SC_OK;
}

void cuda_schedule_free(cuda_schedule *schedule)
{
    sc_free(schedule->work);
    sc_free(schedule->work_begin);
    sc_free(schedule->parts);
}
