/* Op files against loop nests that do the algorithm and count: gemm, attention,
 * encoder_attention, mla, mla_module, mla_bmm, moe, dsa, dsv4, msa.
 *
 * A generation step is one new token on s - 1 cached ones; the nests below know nothing
 * of phases. Where the data choose what is read (sparse attention), the nest chooses what
 * touches the fewest cached elements: the newest tokens, which this step computed itself.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "count.h"
#include "sol/proof.h"

/* The point of a step: b requests, each with `fresh` new tokens on `past` cached ones. */
typedef struct step {
    long b, fresh, past;
} step;

static const step steps[] = {{1, 1, 0},  {3, 5, 0},  {2, 7, 3},
                             {1, 4, 11}, {2, 1, 13}, {3, 9, 6}};
#define N_STEPS (sizeof steps / sizeof *steps)

#define P(name) ((long)count_param(k, name))

typedef void (*nest)(const count_case *k, step at, sol_phase_kind phase, count *c);

/* Runs the nest at every step, as a context step and, for one new token, as a generation
 * step, and compares all terms. */
static void check(const char *op, const char *setting, nest run)
{
    count_case k;
    k = count_open(op, setting);
    for (size_t i = 0; i < N_STEPS; i++)
        for (int phase = 0; phase < SOL_N_PHASES; phase++) {
            const sol_phase *p = k.op->phase[phase];
            step at = steps[i];
            count c = {0};
            bool prefix = p && sol_phase_axis_index(p, "prefix") >= 0;
            if (!p || (phase == SOL_GENERATION && at.fresh != 1))
                continue;
            if (phase == SOL_CONTEXT && !prefix)
                at.past = 0;
            long context[] = {at.b, at.fresh, at.past};
            long generation[] = {at.b, at.past + 1};
            run(&k, at, (sol_phase_kind)phase, &c);
            count_compare(&k, (sol_phase_kind)phase,
                          phase == SOL_CONTEXT ? context : generation, &c, NULL);
            count_clear(&c);
        }
    count_close(&k);
}

/* ---- gemm ---- */

static void run_gemm(const count_case *k, step at, sol_phase_kind phase, count *c)
{
    long x = at.b * at.fresh, n = P("n") / P("tp"), width = P("k");
    long group = P("act_group"), gk = P("weight_group_k"),
         gn = P("weight_group_n") ? P("weight_group_n") : 1;
    (void)phase;
    for (long i = 0; i < x; i++)
        for (long j = 0; j < n; j++) {
            for (long l = 0; l < width; l++) {
                count_work(c, "mm", 2);
                count_touch(c, "in", (size_t)(i * width + l));
                count_touch(c, "weight", (size_t)(j * width + l));
                if (group)
                    count_touch(c, "in_scales", (size_t)(i * width + l / group));
                if (gk)
                    count_touch(c, "weight_scales", (size_t)(j / gn * width + l / gk));
            }
            count_touch(c, "out", (size_t)(i * n + j));
        }
}

Test(counts, gemm)
{
    check("gemm", "n=10 k=7", run_gemm);
    check("gemm", "n=12 k=9 tp=3 mm:fp8 weight:int4 out:fp32", run_gemm);
    check("gemm", "n=26 k=23 tp=2 mm:fp8 act_group=4 weight_group_k=4 weight_group_n=4",
          run_gemm);
    check("gemm", "n=6 k=35 mm:fp4 scale:fp8 act_group=16 weight_group_k=16", run_gemm);
    check("gemm", "n=6 k=35 weight:int8", run_gemm);
}

Test(counts, weight_dtype_follows_the_activations)
{
    count_case k;
    const double at[] = {3, 2};
    k = count_open("gemm", "n=10 k=7 mm:fp8");
    cr_assert_eq(count_term(&k, SOL_CONTEXT, "weight", at), 70);
    count_close(&k);
    k = count_open("gemm", "n=10 k=7 weight:bf16 mm:fp8");
    cr_assert_eq(count_term(&k, SOL_CONTEXT, "weight", at), 140);
    count_close(&k);
}

/* ---- attention ---- */

/* h query heads on hkv key heads; q, out: dq and dv wide. Names: k, v or their caches. */
static void attend(count *c, step at, long h, long hkv, long dim, bool causal,
                   long window, const char *key, const char *value)
{
    long length = at.past + at.fresh;
    for (long r = 0; r < at.b; r++)
        for (long i = 0; i < at.fresh; i++)
            for (long j = 0; j < length; j++) {
                long position = at.past + i;
                if ((causal && j > position) || (window && j <= position - window))
                    continue;
                for (long head = 0; head < h; head++) {
                    size_t row = (size_t)(((r * at.fresh + i) * h + head) * dim);
                    size_t kv =
                        (size_t)(((r * length + j) * hkv + head / (h / hkv)) * dim);
                    count_work(c, "qk", 2.0 * (double)dim);
                    count_work(c, "softmax", 1);
                    count_work(c, "pv", 2.0 * (double)dim);
                    count_touches(c, "q", row, (size_t)dim);
                    count_touches(c, key, kv, (size_t)dim);
                    count_touches(c, value, kv, (size_t)dim);
                    count_touches(c, "out", row, (size_t)dim);
                }
            }
}

static void run_attention(const count_case *k, step at, sol_phase_kind phase, count *c)
{
    bool context = phase == SOL_CONTEXT;
    attend(c, at, P("num_heads") / P("tp"), P("num_kv_heads") / P("tp"), P("head_dim"),
           P("causal"), P("window"), context ? "k" : "k_cache",
           context ? "v" : "v_cache");
}

Test(counts, attention)
{
    check("attention", "num_heads=6 num_kv_heads=2 head_dim=5", run_attention);
    check("attention", "num_heads=6 num_kv_heads=6 head_dim=3 kv:fp8", run_attention);
    check("attention", "num_heads=6 num_kv_heads=1 head_dim=5 causal=0", run_attention);
    check("attention", "num_heads=8 num_kv_heads=4 tp=2 head_dim=3", run_attention);
    for (int window = 1; window < 18; window++) {
        char setting[80];
        snprintf(setting, sizeof setting,
                 "num_heads=4 num_kv_heads=2 head_dim=3 window=%d", window);
        check("attention", setting, run_attention);
    }
}

static void run_encoder(const count_case *k, step at, sol_phase_kind phase, count *c)
{
    long h = P("num_heads") / P("tp");
    (void)phase;
    attend(c, at, h, h, P("head_dim"), false, 0, "k", "v");
}

Test(counts, encoder_attention)
{
    check("encoder_attention", "num_heads=6 head_dim=5", run_encoder);
    check("encoder_attention", "num_heads=6 head_dim=5 tp=3 attn:fp8", run_encoder);
}

/* ---- MLA ---- */

typedef struct mla {
    long h, rank, nope, rope, v;
} mla;

static mla mla_of(const count_case *k)
{
    return (mla){P("num_heads") / P("tp"), P("kv_lora_rank"), P("qk_nope_head_dim"),
                 P("qk_rope_head_dim"), P("v_head_dim")};
}

static void run_mla(const count_case *k, step at, sol_phase_kind phase, count *c)
{
    mla m = mla_of(k);
    bool context = phase == SOL_CONTEXT;
    long length = at.past + at.fresh, key = context ? m.nope + m.rope : m.rank + m.rope;
    long value = context ? m.v : m.rank;
    for (long r = 0; r < at.b; r++)
        for (long i = 0; i < at.fresh; i++)
            for (long j = 0; j <= at.past + i; j++)
                for (long head = 0; head < m.h; head++) {
                    size_t row = (size_t)((r * at.fresh + i) * m.h + head);
                    size_t token = (size_t)(r * length + j);
                    size_t own = token * (size_t)m.h + (size_t)head;
                    count_work(c, "softmax", 1);
                    for (long d = 0; d < key; d++)
                        count_work(c, "qk", 2);
                    for (long d = 0; d < value; d++)
                        count_work(c, "pv", 2);
                    count_touches(c, "q", row * (size_t)key, (size_t)key);
                    count_touches(c, "out", row * (size_t)value, (size_t)value);
                    if (!context) {
                        count_touches(c, "cache", token * (size_t)key, (size_t)key);
                        continue;
                    }
                    count_touches(c, "k_nope", own * (size_t)m.nope, (size_t)m.nope);
                    count_touches(c, "k_rope", token * (size_t)m.rope, (size_t)m.rope);
                    count_touches(c, "v", own * (size_t)m.v, (size_t)m.v);
                }
}

Test(counts, mla)
{
    check(
        "mla",
        "num_heads=3 kv_lora_rank=11 qk_nope_head_dim=5 qk_rope_head_dim=2 v_head_dim=4",
        run_mla);
    check("mla",
          "num_heads=6 tp=2 kv_lora_rank=7 qk_nope_head_dim=5 qk_rope_head_dim=3 "
          "v_head_dim=6 kv:fp8 attn:fp16",
          run_mla);
}

static void run_bmm(const count_case *k, step at, sol_phase_kind phase, count *c)
{
    long h = P("num_heads") / P("tp"), x = at.b * at.fresh;
    long in = P("post") ? P("kv_lora_rank") : P("qk_nope_head_dim");
    long out = P("post") ? P("v_head_dim") : P("kv_lora_rank");
    (void)phase;
    for (long head = 0; head < h; head++) {
        count_project(c, "mm", "weight", (size_t)(head * in * out), x, in, out);
        for (long t = 0; t < x; t++) {
            count_touches(c, "in", (size_t)((t * h + head) * in), (size_t)in);
            count_touches(c, "out", (size_t)((t * h + head) * out), (size_t)out);
        }
    }
}

Test(counts, mla_bmm)
{
    check("mla_bmm", "num_heads=6 tp=2 kv_lora_rank=7 qk_nope_head_dim=5 v_head_dim=4",
          run_bmm);
    check("mla_bmm",
          "num_heads=3 kv_lora_rank=7 qk_nope_head_dim=5 v_head_dim=4 post=1 mm:fp8",
          run_bmm);
}

/* Hidden state in, latents into the cache, hidden state out, of every new token. */
static void token_io(count *c, step at, long hidden, long latent)
{
    size_t x = (size_t)(at.b * at.fresh);
    count_touches(c, "in", 0, x * (size_t)hidden);
    count_touches(c, "out", 0, x * (size_t)hidden);
    count_touches(c, "cache_write", 0, x * (size_t)latent);
}

/* Attention of one query to one cached or new token in either form. */
static void mla_pair(count *c, const mla *m, bool absorbed)
{
    for (long head = 0; head < m->h; head++) {
        count_work(c, "softmax", 1);
        count_work(c, "qk",
                   2.0 * (double)(absorbed ? m->rank + m->rope : m->nope + m->rope));
        count_work(c, "pv", 2.0 * (double)(absorbed ? m->rank : m->v));
    }
}

/* Per head: W_UK and W_UV of the checkpoint, applied to `rows` tokens or queries. */
static void mla_kv_b(count *c, const mla *m, long rows)
{
    for (long head = 0; head < m->h; head++)
        count_project(c, "kv_b", "w_kv_b", (size_t)(head * m->rank * (m->nope + m->v)),
                      rows, m->rank, m->nope + m->v);
}

static void mla_projections(const count_case *k, count *c, const mla *m, long x)
{
    long hidden = P("hidden_size"), rank = P("q_lora_rank"), key = m->nope + m->rope;
    if (rank > 0) {
        count_project(c, "q", "w_q", 0, x, hidden, rank);
        count_project(c, "q", "w_q", (size_t)(hidden * rank), x, rank, m->h * key);
    } else {
        count_project(c, "q", "w_q", 0, x, hidden, m->h * key);
    }
    count_project(c, "kv_a", "w_kv_a", 0, x, hidden, m->rank + m->rope);
    count_project(c, "o", "w_o", 0, x, m->h * m->v, hidden);
}

static void mla_form(const count_case *k, step at, bool absorbed, count *c)
{
    mla m = mla_of(k);
    long x = at.b * at.fresh, latent = m.rank + m.rope;
    token_io(c, at, P("hidden_size"), latent);
    mla_projections(k, c, &m, x);
    mla_kv_b(c, &m, absorbed ? x : at.b * (at.past + at.fresh));
    for (long r = 0; r < at.b; r++)
        for (long i = 0; i < at.fresh; i++)
            for (long j = 0; j <= at.past + i; j++) {
                mla_pair(c, &m, absorbed);
                if (j < at.past)
                    count_touches(c, "cache", (size_t)((r * at.past + j) * latent),
                                  (size_t)latent);
            }
}

static double width(const count_case *k, const char *slot)
{
    return sol_dtype_bits(k->config.slot[sol_op_slot_index(k->op, slot)]) / 8.0;
}

/* What the forms differ in, in units of time on tensor cores. */
static double form_cost(const count_case *k, const count *c)
{
    return count_worked(c, "kv_b") * width(k, "gemm") +
           (count_worked(c, "qk") + count_worked(c, "pv")) * width(k, "attn");
}

static void run_mla_module(const count_case *k, step at, sol_phase_kind phase, count *c)
{
    count other = {0};
    (void)phase;
    mla_form(k, at, true, &other);
    mla_form(k, at, false, c);
    if (form_cost(k, &other) < form_cost(k, c)) {
        count swap = *c;
        *c = other;
        other = swap;
    }
    count_clear(&other);
}

Test(counts, mla_module)
{
    check("mla_module",
          "hidden_size=6 num_heads=2 q_lora_rank=5 kv_lora_rank=7 qk_nope_head_dim=3 "
          "qk_rope_head_dim=2 v_head_dim=4",
          run_mla_module);
    check("mla_module",
          "hidden_size=5 num_heads=4 tp=2 q_lora_rank=0 kv_lora_rank=9 "
          "qk_nope_head_dim=2 qk_rope_head_dim=1 v_head_dim=3 gemm:fp8 kv:fp8",
          run_mla_module);
    check("mla_module",
          "hidden_size=4 num_heads=1 q_lora_rank=3 kv_lora_rank=3 qk_nope_head_dim=9 "
          "qk_rope_head_dim=2 v_head_dim=8 attn:fp8",
          run_mla_module);
}

/* ---- DeepSeek sparse attention ---- */

/* The indexer's work for one query that sees `seen` tokens and has to select. */
static void index_query(const count_case *k, count *c, long hidden, long seen)
{
    long heads = P("index_n_heads"), dim = P("index_head_dim"), rank = P("q_lora_rank");
    count_project(c, "index_q", "w_index_q", 0, 1, rank, heads * dim);
    count_project(c, "index_q", "w_index_q", (size_t)(rank * heads * dim), 1, hidden,
                  heads);
    for (long j = 0; j < seen; j++)
        for (long head = 0; head < heads; head++) {
            count_work(c, "index_qk", 2.0 * (double)dim);
            count_work(c, "relu", 1);
        }
    count_work(c, "topk", (double)(seen - 1));
}

static void dsa_query(const count_case *k, count *c, const mla *m, step at, long r,
                      long i, bool absorbed)
{
    long seen = at.past + i + 1, topk = P("index_topk"), latent = m->rank + m->rope;
    long dim = P("index_head_dim"), first = seen > topk ? seen - topk : 0;
    if (P("indexer") && seen > topk) {
        index_query(k, c, P("hidden_size"), seen);
        for (long j = 0; j < at.past; j++) {
            count_touches(c, "index_cache", (size_t)((r * at.past + j) * dim),
                          (size_t)dim);
            count_touch(c, "index_scale", (size_t)(r * at.past + j));
        }
    }
    for (long j = first; j < seen; j++) {
        mla_pair(c, m, absorbed);
        if (j < at.past)
            count_touches(c, "cache", (size_t)((r * at.past + j) * latent),
                          (size_t)latent);
    }
}

static void dsa_form(const count_case *k, step at, bool absorbed, count *c)
{
    mla m = mla_of(k);
    long x = at.b * at.fresh, length = at.past + at.fresh, topk = P("index_topk");
    token_io(c, at, P("hidden_size"), m.rank + m.rope);
    mla_projections(k, c, &m, x);
    /* Expanded: the least that any selection needs is the same index_topk tokens for all.
     */
    mla_kv_b(c, &m, absorbed ? x : at.b * (length < topk ? length : topk));
    if (P("indexer")) {
        long dim = P("index_head_dim");
        count_project(c, "index_k", "w_index_k", 0, x, P("hidden_size"), dim);
        count_touches(c, "index_write", 0, (size_t)(x * dim));
        count_touches(c, "scale_write", 0, (size_t)x);
    }
    for (long r = 0; r < at.b; r++)
        for (long i = 0; i < at.fresh; i++)
            dsa_query(k, c, &m, at, r, i, absorbed);
}

static void run_dsa(const count_case *k, step at, sol_phase_kind phase, count *c)
{
    bool dense = at.past + at.fresh <= P("index_topk");
    count other = {0};
    (void)phase;
    dsa_form(k, at, true, c);
    dsa_form(k, at, false, &other);
    if ((dense || !P("mqa")) && form_cost(k, &other) <= form_cost(k, c)) {
        count swap = *c;
        *c = other;
        other = swap;
    }
    count_clear(&other);
}

#define DSA                                                                              \
    "hidden_size=5 num_heads=4 tp=2 q_lora_rank=3 kv_lora_rank=6 qk_nope_head_dim=3 "    \
    "qk_rope_head_dim=2 v_head_dim=2 index_n_heads=3 index_head_dim=4 "

Test(counts, dsa)
{
    char setting[400];
    for (int topk = 1; topk < 17; topk++) {
        snprintf(setting, sizeof setting, DSA "index_topk=%d kv:fp8", topk);
        check("dsa", setting, run_dsa);
        snprintf(setting, sizeof setting, DSA "index_topk=%d mqa=0 gemm:fp8", topk);
        check("dsa", setting, run_dsa);
        snprintf(setting, sizeof setting, DSA "index_topk=%d indexer=0", topk);
        if (topk >= 16) /* reused selections: no scores of its own */
            check("dsa", setting, run_dsa);
    }
}

/* ---- DeepSeek-V4 ---- */

typedef struct v4 {
    long hidden, h, dim, ratio, topk, window, coff;
    bool indexer;
} v4;

static void v4_projections(const count_case *k, count *c, const v4 *m, long x)
{
    long rank = P("q_lora_rank"), low = P("o_lora_rank"),
         groups = P("o_groups") / P("tp");
    long index = P("index_head_dim"), inputs = m->h / groups * m->dim;
    count_project(c, "q", "w_q", 0, x, m->hidden, rank);
    count_project(c, "q", "w_q", (size_t)(m->hidden * rank), x, rank, m->h * m->dim);
    count_project(c, "kv", "w_kv", 0, x, m->hidden, m->dim);
    count_project(c, "compress", "w_compress", 0, x, m->hidden, 2 * m->coff * m->dim);
    if (m->indexer)
        count_project(c, "index_k", "w_index_k", 0, x, m->hidden, 2 * m->coff * index);
    for (long g = 0; g < groups; g++)
        count_project(c, "o", "w_o", (size_t)(g * inputs * low), x, inputs, low);
    count_project(c, "o", "w_o", (size_t)(groups * inputs * low), x, groups * low,
                  m->hidden);
}

static void v4_pair(count *c, const v4 *m)
{
    for (long head = 0; head < m->h; head++) {
        count_work(c, "qk", 2.0 * (double)m->dim);
        count_work(c, "pv", 2.0 * (double)m->dim);
        count_work(c, "softmax", 1);
    }
}

static void v4_query(const count_case *k, count *c, const v4 *m, step at, long r, long i)
{
    long position = at.past + i, groups = (position + 1) / m->ratio;
    long cached = at.past / m->ratio, first = 0, index = P("index_head_dim");
    for (long j = 0; j <= position; j++) {
        if (j <= position - m->window)
            continue;
        v4_pair(c, m);
        if (j < at.past)
            count_touches(c, "window", (size_t)((r * at.past + j) * m->dim),
                          (size_t)m->dim);
    }
    if (m->indexer && groups > m->topk) {
        index_query(k, c, m->hidden, groups);
        count_touches(c, "index_cache", (size_t)(r * cached * index),
                      (size_t)(cached * index));
        first = groups - m->topk;
    }
    for (long g = first; g < groups; g++) {
        v4_pair(c, m);
        if (g < cached)
            count_touches(c, "cache", (size_t)((r * cached + g) * m->dim),
                          (size_t)m->dim);
    }
}

static void run_dsv4(const count_case *k, step at, sol_phase_kind phase, count *c)
{
    v4 m = {P("hidden_size"),    P("num_heads") / P("tp"), P("head_dim"),
            P("compress_ratio"), P("index_topk"),          P("sliding_window"),
            1 + P("overlap"),    P("indexer") != 0};
    long x = at.b * at.fresh, length = at.past + at.fresh;
    (void)phase;
    v4_projections(k, c, &m, x);
    count_touches(c, "in", 0, (size_t)(x * m.hidden));
    count_touches(c, "out", 0, (size_t)(x * m.hidden));
    for (long r = 0; r < at.b; r++) {
        for (long i = 0; i < at.fresh; i++)
            v4_query(k, c, &m, at, r, i);
        for (long j = at.past; j < length; j++) { /* what the next query may still need */
            if (j > length - 1 - m.window)
                count_touches(c, "window_write", (size_t)((r * length + j) * m.dim),
                              (size_t)m.dim);
            if ((j + 1) % m.ratio != 0)
                continue;
            count_touches(c, "cache_write", (size_t)((r * length + j) * m.dim),
                          (size_t)m.dim);
            if (m.indexer)
                count_touches(c, "index_write",
                              (size_t)((r * length + j) * P("index_head_dim")),
                              (size_t)P("index_head_dim"));
        }
    }
}

#define V4                                                                               \
    "hidden_size=5 num_heads=8 tp=2 head_dim=3 q_lora_rank=4 o_lora_rank=3 o_groups=4 "  \
    "index_n_heads=3 index_head_dim=2 "

Test(counts, dsv4)
{
    char setting[400];
    for (int ratio = 1; ratio < 6; ratio++)
        for (int topk = 1; topk < 5; topk++) {
            snprintf(setting, sizeof setting,
                     V4 "compress_ratio=%d index_topk=%d sliding_window=%d kv:fp8", ratio,
                     topk, 2 * topk - 1);
            check("dsv4", setting, run_dsv4);
        }
    check("dsv4", V4 "compress_ratio=3 sliding_window=4 overlap=0 indexer=0", run_dsv4);
    check("dsv4", V4 "compress_ratio=7 sliding_window=20 overlap=0 indexer=0 gemm:fp8",
          run_dsv4);
}

/* ---- MiniMax ---- */

typedef struct minimax {
    long hidden, h, hkv, hi, dim, index, block, topk;
} minimax;

/* Scores blocks 0..own-1: all tokens, then the maximum of each block. */
static void msa_score(count *c, const minimax *m, step at, long r, long own)
{
    count_project(c, "index_q", "w_index_q", 0, 1, m->hidden, m->hi * m->index);
    for (long j = 0; j < own * m->block; j++) {
        count_work(c, "index_qk", 2.0 * (double)(m->hi * m->index));
        if (j % m->block != 0)
            count_work(c, "pool", (double)m->hi);
        if (j < at.past)
            count_touches(c, "index_cache", (size_t)((r * at.past + j) * m->index),
                          (size_t)m->index);
    }
}

static void msa_query(count *c, const minimax *m, step at, long r, long i)
{
    long position = at.past + i, own = position / m->block, first = 0;
    if (own + 1 > m->topk) {
        msa_score(c, m, at, r, own);
        first = own + 1 - m->topk;
    }
    for (long j = first * m->block; j <= position; j++)
        for (long head = 0; head < m->h; head++) {
            size_t kv =
                (size_t)(((r * at.past + j) * m->hkv + head / (m->h / m->hkv)) * m->dim);
            count_work(c, "qk", 2.0 * (double)m->dim);
            count_work(c, "pv", 2.0 * (double)m->dim);
            count_work(c, "softmax", 1);
            if (j < at.past) {
                count_touches(c, "k_cache", kv, (size_t)m->dim);
                count_touches(c, "v_cache", kv, (size_t)m->dim);
            }
        }
}

static void run_msa(const count_case *k, step at, sol_phase_kind phase, count *c)
{
    long tp = P("tp"), x = at.b * at.fresh;
    long hkv = P("num_kv_heads") / tp, hi = P("index_n_heads") / tp;
    minimax m = {P("hidden_size"), P("num_heads") / tp, hkv > 0 ? hkv : 1,
                 hi > 0 ? hi : 1,  P("head_dim"),       P("index_dim"),
                 P("block_size"),  P("topk_blocks")};
    (void)phase;
    count_project(c, "q", "w_q", 0, x, m.hidden, m.h * m.dim);
    count_project(c, "kv", "w_kv", 0, x, m.hidden, 2 * m.hkv * m.dim);
    count_project(c, "index_k", "w_index_k", 0, x, m.hidden, m.index);
    count_project(c, "o", "w_o", 0, x, m.h * m.dim, m.hidden);
    count_touches(c, "in", 0, (size_t)(x * m.hidden));
    count_touches(c, "out", 0, (size_t)(x * m.hidden));
    count_touches(c, "index_write", 0, (size_t)(x * m.index));
    count_touches(c, "kv_write", 0, (size_t)(2 * x * m.hkv * m.dim));
    for (long r = 0; r < at.b; r++)
        for (long i = 0; i < at.fresh; i++)
            msa_query(c, &m, at, r, i);
}

#define MSA                                                                              \
    "hidden_size=5 num_heads=8 num_kv_heads=2 index_n_heads=2 head_dim=3 index_dim=4 "

Test(counts, msa)
{
    char setting[400];
    for (int block = 1; block < 6; block++)
        for (int topk = 1; topk < 5; topk++) {
            snprintf(setting, sizeof setting,
                     MSA "tp=%d block_size=%d topk_blocks=%d kv:fp8", 1 << topk % 3,
                     block, topk);
            check("msa", setting, run_msa);
        }
}

/* ---- mixture of experts ---- */

typedef struct moe {
    long hidden, inter, experts, topk, ep, shared, gated, router, gk, gn;
} moe;

static moe moe_of(const count_case *k)
{
    return (moe){P("hidden_size"),
                 P("moe_intermediate_size") / P("tp"),
                 P("num_experts"),
                 P("top_k"),
                 P("ep"),
                 P("n_shared_experts"),
                 P("gated"),
                 P("router"),
                 P("weight_group_k"),
                 P("weight_group_n") ? P("weight_group_n") : 1};
}

/* Scales of one matrix n_out x n_in; returns their number. */
static long moe_scales(count *c, const moe *m, const char *name, long offset, long n_in,
                       long n_out)
{
    long columns = (n_in + m->gk - 1) / m->gk, rows = (n_out + m->gn - 1) / m->gn;
    for (long o = 0; o < n_out; o++)
        for (long i = 0; i < n_in; i++)
            count_touch(c, name, (size_t)(offset + o / m->gn * columns + i / m->gk));
    return rows * columns;
}

/* A token passes expert e, a slice of which is on this GPU. */
static void moe_expert(count *c, const moe *m, const char *up, const char *down,
                       const char *weight, const char *scales, long e)
{
    long wide = (1 + m->gated) * m->inter;
    long size = wide * m->hidden + m->inter * m->hidden;
    count_project(c, up, weight, (size_t)(e * size), 1, m->hidden, wide);
    count_project(c, down, weight, (size_t)(e * size + wide * m->hidden), 1, m->inter,
                  m->hidden);
    if (m->gk > 0) {
        long offset = e * 2 * size;
        offset += moe_scales(c, m, scales, offset, m->hidden, wide);
        moe_scales(c, m, scales, offset, m->inter, m->hidden);
    }
}

/* Experts chosen by one token: the routing-th set of topk out of all. */
static unsigned moe_choice(const moe *m, long routing)
{
    for (unsigned set = 0;; set++)
        if (__builtin_popcount(set) == (int)m->topk && routing-- == 0)
            return set;
}

static long choices(const moe *m)
{
    long n = 1;
    for (long i = 0; i < m->topk; i++)
        n = n * (m->experts - i) / (i + 1);
    return n;
}

/* What GPU `rank` does when token t chooses set[t]. */
static void moe_rank(count *c, const moe *m, long tokens, const unsigned *set, long rank)
{
    long here = m->experts / m->ep;
    for (long t = 0; t < tokens; t++) {
        bool arrives = false;
        for (long e = rank * here; e < (rank + 1) * here; e++)
            if (set[t] >> e & 1) {
                arrives = true;
                moe_expert(c, m, "gate_up", "down", "w_experts", "expert_scales", e);
            }
        if (arrives) {
            count_touches(c, "in", (size_t)(t * m->hidden), (size_t)m->hidden);
            count_touches(c, "out", (size_t)(t * m->hidden), (size_t)m->hidden);
        }
        if (t % m->ep != rank) /* tokens are spread over the group for the rest */
            continue;
        if (m->router) {
            count_project(c, "router", "w_router", 0, 1, m->hidden, m->experts);
            count_work(c, "topk", (double)(m->experts - 1));
        }
        for (long e = 0; e < m->shared; e++)
            moe_expert(c, m, "shared", "shared", "w_shared", "shared_scales", e);
    }
}

/* The sets of routing number n of all tokens. */
static void moe_routing(const moe *m, long tokens, long n, unsigned *set)
{
    for (long t = 0; t < tokens; t++) {
        set[t] = moe_choice(m, n % choices(m));
        n /= choices(m);
    }
}

static void near(const char *name, double got, double want)
{
    cr_assert(fabs(got - want) <= 1e-12 * fabs(want), "%s: %.17g, counted %.17g", name,
              got, want);
}

/* Means over all equally likely routings. */
static void moe_expected(const char *setting, long tokens)
{
    static const char *const flops[] = {"router", "topk", "gate_up", "down", "shared"};
    static const char *const bytes[] = {"w_router", "w_experts",     "expert_scales",
                                        "w_shared", "shared_scales", "in",
                                        "out"};
    double work[5] = {0}, touched[7] = {0};
    count_case k;
    unsigned set[8];
    k = count_open("moe", setting);
    moe m = moe_of(&k);
    long n = 1;
    for (long t = 0; t < tokens; t++)
        n *= choices(&m);
    for (long routing = 0; routing < n; routing++) {
        count c = {0};
        moe_routing(&m, tokens, routing, set);
        moe_rank(&c, &m, tokens, set, 0);
        for (int i = 0; i < 5; i++)
            work[i] += count_worked(&c, flops[i]) / (double)n;
        for (int i = 0; i < 7; i++)
            touched[i] += count_touched(&c, bytes[i]) / (double)n;
        count_clear(&c);
    }
    for (int phase = 0; phase < SOL_N_PHASES; phase++) {
        const sol_phase *p = k.op->phase[phase];
        const double context[] = {1, (double)tokens}, generation[] = {(double)tokens, 5};
        const double *at = phase == SOL_CONTEXT ? context : generation;
        cr_assert_eq(p->n_terms, 12);
        for (int i = 0; i < 5; i++)
            near(flops[i], count_term(&k, (sol_phase_kind)phase, flops[i], at), work[i]);
        for (int i = 0; i < 7; i++) {
            double got = count_term(&k, (sol_phase_kind)phase, bytes[i], at);
            for (int t = 0; t < p->n_terms; t++)
                if (strcmp(p->term[t].name, bytes[i]) == 0)
                    got /= sol_dtype_bits(k.config.slot[p->term[t].slot]) / 8.0;
            if (i < 5 || m.ep == 1 || m.topk == 1)
                near(bytes[i], got, touched[i]);
            else /* a bound: sampling with replacement */
                cr_assert(got <= touched[i] && got > 0.8 * touched[i], "%s: %g of %g",
                          bytes[i], got, touched[i]);
        }
    }
    count_close(&k);
}

Test(counts, moe_uniform_routing)
{
    moe_expected(
        "hidden_size=3 moe_intermediate_size=4 num_experts=4 top_k=2 n_shared_experts=0 "
        "router=0 weight:int4",
        3);
    moe_expected(
        "hidden_size=3 moe_intermediate_size=4 tp=2 num_experts=5 top_k=3 mm:fp8", 3);
    moe_expected(
        "hidden_size=3 moe_intermediate_size=2 num_experts=4 top_k=2 ep=2 gated=0 "
        "n_shared_experts=2",
        4);
    moe_expected("hidden_size=2 moe_intermediate_size=3 num_experts=6 top_k=1 ep=3", 3);
    moe_expected(
        "hidden_size=5 moe_intermediate_size=7 num_experts=3 top_k=2 weight_group_k=2 "
        "weight_group_n=3 scale:fp8",
        2);
}

/* Whatever the routing, the busiest GPU does no less; and some routing does no more
 * experts. */
Test(counts, moe_any_routing)
{
    static const char *const settings[] = {
        "hidden_size=2 moe_intermediate_size=3 num_experts=4 top_k=2 ep=2 uniform=0",
        "hidden_size=2 moe_intermediate_size=3 num_experts=4 top_k=3 ep=2 uniform=0",
        "hidden_size=2 moe_intermediate_size=3 num_experts=5 top_k=2 uniform=0"};
    const long tokens = 3;
    const double at[] = {1, (double)tokens};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        count_case k;
        unsigned set[8];
        k = count_open("moe", settings[i]);
        moe m = moe_of(&k);
        double experts = count_term(&k, SOL_CONTEXT, "w_experts", at) / 2;
        double in = count_term(&k, SOL_CONTEXT, "in", at) / 2;
        double up = count_term(&k, SOL_CONTEXT, "gate_up", at), least = INFINITY;
        long n = choices(&m) * choices(&m) * choices(&m);
        for (long routing = 0; routing < n; routing++) {
            double most[3] = {0};
            moe_routing(&m, tokens, routing, set);
            for (long rank = 0; rank < m.ep; rank++) {
                count c = {0};
                moe_rank(&c, &m, tokens, set, rank);
                most[0] = fmax(most[0], count_touched(&c, "w_experts"));
                most[1] = fmax(most[1], count_touched(&c, "in"));
                most[2] = fmax(most[2], count_worked(&c, "gate_up"));
                count_clear(&c);
            }
            cr_assert(most[0] >= experts && most[1] >= in && most[2] >= up - 1e-9, "%ld",
                      routing);
            least = fmin(least, most[0]);
        }
        cr_assert_eq(least, experts, "%s: %g, not %g", settings[i], experts, least);
        count_close(&k);
    }
}

/* ---- verdicts ---- */

Test(counts, every_op_has_a_verdict)
{
    static const struct {
        const char *op, *setting;
    } cases[] = {{"gemm", ""},
                 {"gemm", "mm:fp8 act_group=128 weight_group_k=128 weight_group_n=128"},
                 {"attention", ""},
                 {"attention", "window=128"},
                 {"attention", "causal=0"},
                 {"encoder_attention", ""},
                 {"mla", ""},
                 {"mla_module", ""},
                 {"mla_module", "q_lora_rank=0"},
                 {"mla_bmm", ""},
                 {"mla_bmm", "post=1"},
                 {"moe", ""},
                 {"moe", "ep=8 weight:fp8 weight_group_k=16"},
                 {"moe", "uniform=0 router=0 n_shared_experts=0 gated=0"},
                 {"dsa", ""},
                 {"dsa", "indexer=0"},
                 {"dsa", "mqa=0"},
                 {"dsv4", ""},
                 {"dsv4", "indexer=0 overlap=0 compress_ratio=128"},
                 {"msa", ""}};
    const char *dir = getenv("SOLCHECK_DATA_DIR");
    sol_system *gpu;
    sc_diag diag = {0};
    cr_assert_eq(sol_system_find("h100_sxm", dir ? dir : ".", &gpu, &diag), SC_OK, "%s",
                 diag.message);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        count_case k;
        k = count_open(cases[i].op, cases[i].setting);
        for (int phase = 0; phase < SOL_N_PHASES; phase++) {
            sol_proof proof;
            if (!k.op->phase[phase])
                continue;
            cr_assert_eq(sol_prove(k.op, (sol_phase_kind)phase, &k.config, gpu,
                                   SOL_ARCHITECTURAL, &proof, &diag),
                         SC_OK, "%s: %s", cases[i].op, diag.message);
            cr_log_info("%s %s %s: flops %s, bytes %s, sol %s", cases[i].op,
                        cases[i].setting, sol_phase_name((sol_phase_kind)phase),
                        sol_verdict_name(proof.flops.verdict),
                        sol_verdict_name(proof.bytes.verdict),
                        sol_verdict_name(proof.sol.verdict));
            cr_expect(proof.flops.verdict != SOL_UNKNOWN, "%s %s", cases[i].op,
                      cases[i].setting);
            cr_expect(proof.bytes.verdict != SOL_UNKNOWN, "%s %s", cases[i].op,
                      cases[i].setting);
        }
        count_close(&k);
    }
    sol_system_free(gpu);
}
