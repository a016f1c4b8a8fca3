/* solcheck - tiles of context attention: every (pair, tile) walked exactly once, groups
 * that respect the cache and the end, tiles that fit, and a choice as good as simulating
 * all candidates; short requests to tiles of 16 rows. Needs no GPU.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/cuda/cuda.h"

static int n_failed;

/* Two kernels of one shape and one of another: name, kind, dqk, dv, rope, rows, cols,
 * shared memory, thread blocks an SM, us a tile, a block, and a block on a busy SM. */
static const cuda_hopper_variant table[] = {
    {"large", CUDA_BF16, 72, 40, 8, 144, 112, 190001, 1, 1.9, 1.7, 1.7, NULL, NULL},
    {"small", CUDA_BF16, 72, 40, 8, 48, 56, 70001, 3, 1.1, 0.6, 0.3, NULL, NULL},
    {"other", CUDA_BF16, 88, 88, 0, 64, 64, 70001, 2, 1.3, 0.7, 0.4, NULL, NULL},
};
enum { N_TABLE = 3, SMEM_B = 230000 };

static void fail(const char *what, const mock_case *c, const cuda_flash_shape *s)
{
    n_failed++;
    printf("FAIL %s: b=%lld s=%lld%s heads=%lld kv_heads=%lld\n", what, (long long)c->b,
           (long long)c->s, c->lengths ? " ragged" : "", (long long)s->heads,
           (long long)s->kv_heads);
}

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1664525u + 1013904223u; /* Numerical Recipes, section 7.1 */
    return *seed >> 8;
}

static int64_t up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* ---- the order of tiles ---- */

/* As the kernels number them: index -> pair and tile. Each must come once, tiles of a
 * group from the longest to the shortest. */
static const char *walk_all(cuda_walk w, int64_t pairs, int64_t tiles,
                            unsigned char *seen)
{
    int64_t before = tiles;
    memset(seen, 0, (size_t)(pairs * tiles));
    for (int64_t i = 0; i < pairs * tiles; i++) {
        int64_t group = i / (w.pairs * tiles);
        group = group < w.groups - 1 ? group : w.groups - 1;
        int64_t rest = i - group * w.pairs * tiles, first = group * w.pairs;
        int64_t size = group == w.groups - 1 ? pairs - first : w.pairs;
        int64_t pair = first + rest % size, tile = tiles - 1 - rest / size;
        if (pair >= pairs || tile < 0 || seen[pair * tiles + tile]++)
            return "a tile is walked twice or does not exist";
        if (rest > 0 && tile > before)
            return "a longer tile comes later";
        before = tile;
    }
    return NULL;
}

static void check_walk(const mock_case *c, const cuda_flash_shape *s, int tokens,
                       int pack, int sm_count, int64_t l2_B)
{
    mock_device_info info = {.sm_count = sm_count, .l2_B = l2_B};
    int64_t pairs = c->b * s->heads / pack, tiles = up(cuda_longest(c), tokens);
    if (pairs * tiles > 200000)
        return;
    cuda_walk w = cuda_walk_make(c, s, tokens, pack, &info);
    unsigned char *seen = sc_calloc((size_t)(pairs * tiles), 1);
    const char *wrong = "no memory";
    if (seen && (w.pairs < 1 || w.groups < 1 || (int64_t)w.pairs * w.groups > pairs))
        wrong = "the groups hold more pairs than there are";
    else if (seen)
        wrong = walk_all(w, pairs, tiles, seen);
    if (wrong)
        fail(wrong, c, s);
    sc_free(seen);
    int64_t last = pairs - (int64_t)w.pairs * (w.groups - 1);
    if (last < pairs && last * tiles < 3 * (int64_t)sm_count)
        fail("too few tiles are left for the end", c, s);
    int64_t kv_B = cuda_longest(c) * (s->dqk + s->dv) * 2 * s->kv_heads * pack / s->heads;
    if (w.groups > 1 && w.pairs > 1 && w.pairs * kv_B > l2_B / 4)
        fail("a group does not fit the cache", c, s);
}

/* ---- the choice ---- */

/* Time until the last of the thread blocks is done, each drawing the next tile in order.
 */
static double simulate(const mock_case *c, const cuda_flash_shape *s, bool causal,
                       const cuda_hopper_variant *v, int pack, int sm_count)
{
    enum { MAX_SLOTS = 64 };
    double busy[MAX_SLOTS] = {0}, end = 0, blocks = 0;
    int slots = sm_count * v->per_sm;
    int64_t longest = cuda_longest(c);
    int64_t tokens = v->rows / pack < longest ? v->rows / pack : longest;
    for (int64_t tile = up(longest, tokens) - 1; tile >= 0; tile--)
        for (int64_t pair = 0; pair < c->b * s->heads / pack; pair++) {
            int64_t length = cuda_length(c, pair / (s->heads / pack)), least = 0;
            if (tile * tokens >= length)
                continue;
            int64_t stop = (tile + 1) * tokens;
            int64_t n = up(causal && stop < length ? stop : length, v->cols);
            for (int64_t i = 1; i < slots; i++)
                if (busy[i] < busy[least])
                    least = i;
            busy[least] += v->tile_us + (double)n * v->block_us;
            blocks += (double)n;
            end = busy[least] > end ? busy[least] : end;
        }
    double tensor = blocks * v->busy_us / sm_count;
    return end > tensor ? end : tensor;
}

/* The chosen tiles fit; simulated, they take at most 1.5 times the best candidate's time
 * (the estimate is a lower bound of list scheduling, which is within 2 of it). */
static void check_choice(const mock_case *c, const cuda_flash_shape *s, bool causal,
                         int sm_count, double *worst)
{
    cuda_tiling t;
    if (!cuda_tiling_choose(c, s, causal, table, N_TABLE, SMEM_B, sm_count, &t)) {
        fail("nothing was chosen", c, s);
        return;
    }
    int64_t group = s->heads / s->kv_heads, longest = cuda_longest(c);
    if (t.variant == &table[2] || t.pack < 1 || group % t.pack || t.tokens < 1 ||
        t.tokens * t.pack > t.variant->rows || t.tokens > longest)
        fail("the tiles do not fit", c, s);
    double got = simulate(c, s, causal, t.variant, t.pack, sm_count), best = got;
    if (t.us > got * 1.0001)
        fail("the estimate is not a lower bound", c, s);
    for (int i = 0; i < 2; i++)
        for (int pack = 1; pack <= group && pack <= table[i].rows; pack++)
            if (group % pack == 0) {
                double us = simulate(c, s, causal, &table[i], pack, sm_count);
                best = us < best ? us : best;
            }
    if (got > 1.5 * best)
        fail("a candidate is much faster than the choice", c, s);
    *worst = got / best > *worst ? got / best : *worst;
}

/* What the choice is for. */
static void check_known(void)
{
    cuda_tiling t;
    cuda_flash_shape s = {24, 2, 72, 40, 8, CUDA_BF16};
    mock_case c = {.phase = SOL_CONTEXT, .b = 190, .s = 3};
    if (!cuda_tiling_choose(&c, &s, true, table, N_TABLE, SMEM_B, 132, &t) ||
        t.pack != 12)
        fail("heads of short requests are not packed", &c, &s);
    c.b = 3;
    c.s = 9001;
    if (!cuda_tiling_choose(&c, &s, true, table, N_TABLE, SMEM_B, 132, &t) ||
        t.variant != &table[0])
        fail("long requests do not get large tiles", &c, &s);
    if (!cuda_tiling_choose(&c, &s, true, table, N_TABLE, 99999, 132, &t) ||
        t.variant != &table[1])
        fail("shared memory is not respected", &c, &s);
    if (cuda_tiling_choose(&c, &s, true, table, N_TABLE, 70000, 132, &t))
        fail("chosen with too little shared memory", &c, &s);
    s.rope = 0;
    if (cuda_tiling_choose(&c, &s, true, table, N_TABLE, SMEM_B, 132, &t))
        fail("chosen for a shape that was not compiled", &c, &s);
}

/* Tiles of 16 rows: for short requests only, the more so the fewer heads share keys; not
 * below what the L2 cache passes on, some 12 MB a us at most; ragged requests count as
 * they are. */
static void check_short(void)
{
    cuda_tiling t;
    int64_t lengths[128];
    mock_case c = {.phase = SOL_CONTEXT, .b = 128, .s = 1};
    cuda_flash_shape alone = {128, 128, 72, 40, 8, CUDA_BF16}, one = alone;
    cuda_hopper_variant fast = table[1];
    one.kv_heads = 1;
    for (; c.s <= CUDA_SHORT_ROWS; c.s++) {
        double us = cuda_short_us(&c, &alone, 132), least = 0.612 * (double)c.s;
        if (!cuda_tiling_choose(&c, &alone, true, table, N_TABLE, SMEM_B, 132, &t) ||
            us >= t.us || us < least)
            fail("short requests do not get tiles of 16 rows", &c, &alone);
    }
    if (cuda_short_us(&c, &alone, 132) < INFINITY)
        fail("tiles of 16 rows for longer requests", &c, &alone);
    c.s = CUDA_SHORT_ROWS;
    fast.tile_us = fast.block_us = fast.busy_us = 0.3;
    if (!cuda_tiling_choose(&c, &one, true, &fast, 1, SMEM_B, 132, &t) ||
        cuda_short_us(&c, &one, 132) < t.us)
        fail("tiles of 16 rows where packed heads fill large ones", &c, &one);
    for (int i = 0; i < 128; i++)
        lengths[i] = i == 77 ? 11 : 3;
    c.lengths = lengths;
    double ragged = cuda_short_us(&c, &alone, 132);
    c.lengths = NULL;
    c.s = 3;
    if (!(ragged > cuda_short_us(&c, &alone, 132)))
        fail("a longer request costs nothing", &c, &alone);
    c.s = 4;
    if (!(ragged < cuda_short_us(&c, &alone, 132)))
        fail("the longest request counts for all", &c, &alone);
    lengths[77] = CUDA_SHORT_ROWS + 1;
    c.lengths = lengths;
    if (cuda_short_us(&c, &alone, 132) < INFINITY)
        fail("tiles of 16 rows with one longer request", &c, &alone);
}

int main(void)
{
    unsigned seed = 20263;
    double worst = 1;
    for (int i = 0; i < 1500; i++) {
        int64_t lengths[40], groups[] = {1, 2, 3, 5, 8, 12, 60};
        mock_case c = {.phase = SOL_CONTEXT};
        c.b = 1 + next(&seed) % (i % 3 ? 6 : 40);
        c.s = 1 + next(&seed) % (i % 2 ? 90 : 3000);
        for (int64_t r = 0; r < c.b; r++)
            lengths[r] = 1 + next(&seed) % (unsigned)c.s;
        c.lengths = i % 4 ? NULL : lengths;
        int64_t kv = 1 + next(&seed) % 4, group = groups[next(&seed) % 7];
        cuda_flash_shape s = {kv * group, kv, 72, 40, 8, CUDA_BF16};
        check_choice(&c, &s, i % 5 != 0, 3 + (int)(next(&seed) % 18), &worst);
        check_walk(&c, &s, 1 + (int)(next(&seed) % 200), 1, 1 + (int)(next(&seed) % 140),
                   1 + (int64_t)next(&seed) * 4);
        check_walk(&c, &s, 1 + (int)(next(&seed) % 30), (int)group, 77, 1 << 20);
    }
    check_known();
    check_short();
    printf("worst choice %.3f of the best\n", worst);
    return n_failed > 0;
}
