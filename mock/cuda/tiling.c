/* solcheck - how the work of context attention is cut on Hopper: which kernel, and how
 * many heads that share their keys go into one tile.
 *
 * Short requests leave most rows of a tile empty; heads of one group fill them, and small
 * tiles, several thread blocks an SM, hide each other's start and end. The least estimate
 * wins. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
 */
#include "mock/cuda/cuda.h"

#include <math.h>

/* Tiles of `tokens` tokens, of all requests and one pack of heads. */
typedef struct tile_count {
    double tiles, blocks;      /* in all; of keys */
    int64_t shortest, longest; /* blocks of a tile */
} tile_count;

static int64_t up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static void count_request(int64_t length, int64_t tokens, int64_t cols, bool causal,
                          tile_count *n)
{
    int64_t most = up(length, cols),
            least = causal ? up(length < tokens ? length : tokens, cols) : most;
    n->tiles += (double)up(length, tokens);
    if (!causal)
        n->blocks += (double)(up(length, tokens) * most);
    for (int64_t end = tokens; causal && end < length + tokens; end += tokens)
        n->blocks += (double)up(end < length ? end : length, cols);
    if (most > n->longest)
        n->longest = most;
    if (n->shortest == 0 || least < n->shortest)
        n->shortest = least;
}

static tile_count count(const mock_case *c, int64_t tokens, int64_t cols, bool causal)
{
    tile_count n = {0, 0, 0, 0};
    if (!c->lengths) {
        count_request(c->s, tokens, cols, causal, &n);
        n.tiles *= (double)c->b;
        n.blocks *= (double)c->b;
    }
    for (int64_t r = 0; c->lengths && r < c->b; r++)
        count_request(c->lengths[r], tokens, cols, causal, &n);
    return n;
}

static double most_of(double a, double b)
{
    return a > b ? a : b;
}

/* Microseconds: the thread blocks draw tiles, long ones first, so the time is close to
 * the largest of these bounds: the longest tile; all tiles shared evenly; as many of the
 * shortest as one thread block gets; what the SMs' tensor cores can do. */
static double estimate(const cuda_hopper_variant *v, const tile_count *n, double packs,
                       int sm_count)
{
    double tiles = n->tiles * packs, blocks = n->blocks * packs;
    double slots = (double)sm_count * v->per_sm;
    int64_t waves = up((int64_t)tiles, (int64_t)slots);
    double longest = v->tile_us + (double)n->longest * v->block_us;
    double even = (tiles * v->tile_us + blocks * v->block_us) / slots;
    double rounds = (double)waves * (v->tile_us + (double)n->shortest * v->block_us);
    double busy = blocks * v->busy_us / sm_count;
    return most_of(most_of(longest, even), most_of(rounds, busy));
}

cuda_walk cuda_walk_make(const mock_case *c, const cuda_flash_shape *s, int tokens,
                         int pack, const mock_device_info *info)
{
    int64_t pairs = c->b * s->heads / pack, longest = cuda_longest(c),
            width = s->dqk + s->dv;
    int64_t kv_B = longest * width * 2 * s->kv_heads * pack / s->heads;
    int64_t tile_B = (longest < tokens ? longest : tokens) * pack * width * 2;
    int64_t l2_B = info->l2_B > 0 ? info->l2_B : (int64_t)32 << 20;
    int64_t group = l2_B / 4 / (kv_B + tile_B);
    group = group < 1 ? 1 : group > pairs ? pairs : group;
    int64_t last = up(3 * (int64_t)info->sm_count, up(longest, tokens));
    int64_t groups = pairs > last ? (pairs - last) / group + 1 : 1;
    if (groups > pairs / group)
        groups = pairs / group;
    return (cuda_walk){(int)group, (int)groups};
}

/* The time that memory needs is in none of the estimates, as no choice changes it. What
 * is left here is what the SMs and the L2 cache pass on, keys and values once for each
 * query head. Both constants are fitted to 44 cases on an H100, docs/kernels.md. */
double cuda_short_us(const mock_case *c, const cuda_flash_shape *s, int sm_count)
{
    const double start_us = 0.5, sm_B_us = 55e3;
    if (cuda_longest(c) > CUDA_SHORT_ROWS)
        return INFINITY;
    double passed_B = 4.0 * (double)(cuda_tokens(c) * s->heads * (s->dqk + s->dv));
    return start_us + passed_B / (sm_B_us * sm_count);
}

bool cuda_tiling_choose(const mock_case *c, const cuda_flash_shape *s, bool causal,
                        const cuda_hopper_variant *variant, int n, int smem_block_B,
                        int sm_count, cuda_tiling *out)
{
    int64_t group = s->heads / s->kv_heads, longest = cuda_longest(c);
    bool found = false;
    for (int i = 0; i < n; i++) {
        const cuda_hopper_variant *v = &variant[i];
        if (v->dqk != s->dqk || v->dv != s->dv || v->rope != s->rope ||
            v->smem_B > smem_block_B)
            continue;
        for (int64_t pack = 1; pack <= group && pack <= v->rows; pack++) {
            if (group % pack)
                continue;
            int64_t tokens = v->rows / pack < longest ? v->rows / pack : longest;
            tile_count of = count(c, tokens, v->cols, causal);
            double us = estimate(v, &of, (double)(s->heads / pack), sm_count);
            if (!found || us < out->us)
                *out = (cuda_tiling){v, (int)pack, (int)tokens, us};
            found = true;
        }
    }
    return found;
}
