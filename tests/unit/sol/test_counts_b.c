/* Counts of elementwise ops, quantisation, embedding, output layer and hyper-connections:
 * the algorithms as plain loops that count, compared with the op files term by term.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

#include "count.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* A step: b requests of s new tokens in the context phase, of one in the generation
 * phase. */
typedef struct step {
    sol_phase_kind phase;
    int b, s;
} step;

static const step steps[] = {
    {SOL_CONTEXT, 1, 1},    {SOL_CONTEXT, 3, 5},    {SOL_CONTEXT, 2, 13},
    {SOL_GENERATION, 1, 7}, {SOL_GENERATION, 5, 1}, {SOL_GENERATION, 11, 29},
};

static size_t tokens_of(const step *at)
{
    return (size_t)(at->phase == SOL_CONTEXT ? at->b * at->s : at->b);
}

static void compare(const count_case *o, const step *at, const count_tally *tally)
{
    const double axis[] = {at->b, at->s};
    count_compare_tally(o, at->phase, axis, tally, (double)tokens_of(at));
}

/* ---- RMSNorm ---- */

static count_tally count_rmsnorm(size_t x, size_t width, bool residual, double act_B,
                                 double weight_B)
{
    count_tally tally = {0};
    count_buffer in = count_buffer_new(x * width), add = count_buffer_new(x * width);
    count_buffer gain = count_buffer_new(width), out = count_buffer_new(x * width);
    count_buffer sum = count_buffer_new(x * width);
    double adds = 0, squares = 0, scales = 0;
    for (size_t t = 0; t < x; t++) {
        for (size_t i = 0; i < width; i++) {
            count_mark(&in, t * width + i);
            if (residual) {
                count_mark(&add, t * width + i);
                count_mark(&sum, t * width + i);
                adds++;
            }
            squares += 2; /* sum += v*v */
        }
        for (size_t i = 0; i < width; i++) {
            count_mark(&gain, i);
            count_mark(&out, t * width + i);
            scales += 2; /* v * rms * gain */
        }
    }
    count_add(&tally, "add", adds);
    count_add(&tally, "squares", squares);
    count_add(&tally, "scale", scales);
    count_bytes(&tally, "in", &in, act_B);
    count_bytes(&tally, "residual_in", &add, act_B);
    count_bytes(&tally, "weight", &gain, weight_B);
    count_bytes(&tally, "out", &out, act_B);
    count_bytes(&tally, "residual_out", &sum, act_B);
    return tally;
}

Test(counts_b, rmsnorm)
{
    count_case o = count_open("rmsnorm", "");
    count_set_dtype(&o, "weight", "fp32");
    for (size_t i = 0; i < COUNT(steps); i++)
        for (int residual = 0; residual < 2; residual++) {
            count_set(&o, "hidden_size", 37);
            count_set(&o, "residual", residual);
            count_tally tally = count_rmsnorm(tokens_of(&steps[i]), 37, residual,
                                              count_width("bf16"), count_width("fp32"));
            compare(&o, &steps[i], &tally);
        }
    count_close(&o);
}

/* ---- RoPE ---- */

/* Rotates pairs (i, i + half) of each head of one tensor, in place. */
static double rotate(count_buffer *in, count_buffer *out, size_t token, size_t heads,
                     size_t dim)
{
    double flop = 0;
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < dim / 2; i++) {
            size_t low = (token * heads + h) * dim + i, high = low + dim / 2;
            count_mark(in, low);
            count_mark(in, high);
            flop += 1 + 2; /* low*c, then -high*s on top */
            flop += 1 + 2; /* high*c, then low*s on top */
            count_mark(out, low);
            count_mark(out, high);
        }
    return flop;
}

static count_tally count_rope(size_t x, size_t heads, size_t kv_heads, size_t dim)
{
    count_tally tally = {0};
    size_t nq = x * heads * dim, nk = x * kv_heads * dim;
    count_buffer q = count_buffer_new(nq), k = count_buffer_new(nk),
                 pos = count_buffer_new(x);
    count_buffer q_out = count_buffer_new(nq), k_out = count_buffer_new(nk);
    double flop = 0;
    for (size_t t = 0; t < x; t++) {
        count_mark(&pos, t);
        flop += rotate(&q, &q_out, t, heads, dim);
        flop += rotate(&k, &k_out, t, kv_heads, dim);
    }
    count_add(&tally, "rotate", flop);
    count_bytes(&tally, "q_in", &q, count_width("fp16"));
    count_bytes(&tally, "k_in", &k, count_width("fp16"));
    count_bytes(&tally, "position", &pos, count_width("int32"));
    count_bytes(&tally, "q_out", &q_out, count_width("fp16"));
    count_bytes(&tally, "k_out", &k_out, count_width("fp16"));
    return tally;
}

Test(counts_b, rope)
{
    count_case o = count_open("rope", "");
    count_set_dtype(&o, "act", "fp16");
    count_set(&o, "num_heads", 12);
    count_set(&o, "num_kv_heads", 4);
    count_set(&o, "rotary_dim", 6);
    for (size_t i = 0; i < COUNT(steps); i++)
        for (int tp = 1; tp <= 4; tp *= 2) {
            count_set(&o, "tp", tp);
            count_tally tally =
                count_rope(tokens_of(&steps[i]), 12 / (size_t)tp, 4 / (size_t)tp, 6);
            compare(&o, &steps[i], &tally);
        }
    count_close(&o);
}

/* ---- activation, elementwise ---- */

static count_tally count_activation(size_t x, size_t width, bool gated, double act_B)
{
    count_tally tally = {0};
    count_buffer gate = count_buffer_new(x * width), up = count_buffer_new(x * width);
    count_buffer out = count_buffer_new(x * width);
    double silu = 0, multiply = 0, exps = 0;
    for (size_t i = 0; i < x * width; i++) {
        count_mark(&gate, i);
        exps++;    /* e = exp(-g) */
        silu += 1; /* 1 + e */
        silu += 1; /* g times its reciprocal */
        if (gated) {
            count_mark(&up, i);
            multiply++;
        }
        count_mark(&out, i);
    }
    count_add(&tally, "silu", silu);
    count_add(&tally, "multiply", multiply);
    count_add(&tally, "exp", exps);
    count_bytes(&tally, "gate", &gate, act_B);
    count_bytes(&tally, "up", &up, act_B);
    count_bytes(&tally, "out", &out, act_B);
    return tally;
}

Test(counts_b, activation)
{
    count_case o = count_open("activation", "");
    count_set(&o, "intermediate_size", 51);
    for (size_t i = 0; i < COUNT(steps); i++)
        for (int gated = 0; gated < 2; gated++) {
            count_set(&o, "gated", gated);
            count_set(&o, "tp", gated ? 3 : 1);
            count_tally tally = count_activation(tokens_of(&steps[i]), gated ? 17 : 51,
                                                 gated, count_width("bf16"));
            compare(&o, &steps[i], &tally);
        }
    count_close(&o);
}

/* A concatenation and cast: each output element comes from one input element or from two.
 */
static count_tally count_elementwise(size_t x, size_t n_in, size_t n_out)
{
    count_tally tally = {0};
    count_buffer in = count_buffer_new(x * n_in), out = count_buffer_new(x * n_out);
    double flop = 0;
    for (size_t t = 0; t < x; t++)
        for (size_t i = 0; i < n_out; i++) {
            for (size_t k = i; k < n_in; k += n_out)
                count_mark(&in, t * n_in + k);
            flop += 3;
            count_mark(&out, t * n_out + i);
        }
    count_add(&tally, "op", flop);
    count_bytes(&tally, "in", &in, count_width("bf16"));
    count_bytes(&tally, "out", &out, count_width("fp8"));
    return tally;
}

Test(counts_b, elementwise)
{
    count_case o = count_open("elementwise", "");
    count_set_dtype(&o, "out", "fp8");
    count_set(&o, "dim_in", 38);
    count_set(&o, "dim_out", 22);
    count_set(&o, "flop_per_output", 3);
    count_set(&o, "tp", 2);
    for (size_t i = 0; i < COUNT(steps); i++) {
        count_tally tally = count_elementwise(tokens_of(&steps[i]), 19, 11);
        compare(&o, &steps[i], &tally);
    }
    count_close(&o);
}

/* ---- embedding ---- */

/* A step whose tokens take `unique` different values in turn, on the GPU that holds most
 * of their rows when row r lies on GPU r mod tp. */
static count_tally count_embedding(size_t x, size_t width, size_t unique, size_t tp)
{
    count_tally tally = {0};
    size_t different = unique < x ? unique : x;
    count_buffer ids = count_buffer_new(x), table = count_buffer_new(unique * width);
    count_buffer out = count_buffer_new(x * width);
    for (size_t t = 0; t < x; t++) {
        size_t row = t % different;
        count_mark(&ids, t);
        for (size_t i = 0; i < width; i++) {
            if (row % tp == 0)
                count_mark(&table, row * width + i);
            count_mark(&out, t * width + i); /* zero where another GPU has the row */
        }
    }
    count_bytes(&tally, "ids", &ids, count_width("int32"));
    count_bytes(&tally, "table", &table, count_width("bf16"));
    count_bytes(&tally, "out", &out, count_width("bf16"));
    return tally;
}

Test(counts_b, embedding)
{
    count_case o = count_open("embedding", "");
    count_set(&o, "hidden_size", 23);
    for (size_t i = 0; i < COUNT(steps); i++)
        for (size_t unique = 1; unique <= 9; unique += 4) {
            count_set(&o, "unique", (double)unique);
            count_tally tally = count_embedding(tokens_of(&steps[i]), 23, unique, 1);
            compare(&o, &steps[i], &tally);
        }
    /* More tokens than rows, so that the rows spread over the GPUs. */
    count_set(&o, "tp", 4);
    count_set(&o, "unique", 7);
    count_tally tally = count_embedding(tokens_of(&steps[2]), 23, 7, 4);
    compare(&o, &steps[2], &tally);
    count_close(&o);
}

/* ---- output layer ---- */

static count_tally count_lm_head(const step *at, size_t width, size_t vocab, bool all)
{
    count_tally tally = {0};
    size_t x = tokens_of(at), per_request = x / (size_t)at->b;
    count_buffer in = count_buffer_new(x * width),
                 weight = count_buffer_new(vocab * width);
    count_buffer out = count_buffer_new(x * vocab);
    double flop = 0;
    for (size_t t = 0; t < x; t++) {
        if (!all && (t + 1) % per_request != 0)
            continue; /* not the last token of its request */
        for (size_t v = 0; v < vocab; v++) {
            for (size_t i = 0; i < width; i++) {
                count_mark(&in, t * width + i);
                count_mark(&weight, v * width + i);
                flop += 2;
            }
            count_mark(&out, t * vocab + v);
        }
    }
    count_add(&tally, "mm", flop);
    count_bytes(&tally, "in", &in, count_width("bf16"));
    count_bytes(&tally, "weight", &weight, count_width("bf16"));
    count_bytes(&tally, "out", &out, count_width("fp32"));
    return tally;
}

Test(counts_b, lm_head)
{
    count_case o = count_open("lm_head", "");
    count_set_dtype(&o, "out", "fp32");
    count_set(&o, "hidden_size", 7);
    count_set(&o, "vocab_size", 33);
    count_set(&o, "tp", 3);
    for (size_t i = 0; i < COUNT(steps); i++)
        for (int all = 0; all < 2; all++) {
            count_set(&o, "all_positions", all);
            count_tally tally = count_lm_head(&steps[i], 7, 11, all);
            compare(&o, &steps[i], &tally);
            /* The claim of the op file: not token-equivalent unless all positions count.
             */
            sol_verdict want =
                all || steps[i].phase == SOL_GENERATION ? SOL_PROVED : SOL_DISPROVED;
            cr_assert_eq(count_prove(&o, steps[i].phase).flops.verdict, want);
        }
    count_close(&o);
}

/* ---- quantisation ---- */

static count_tally count_quantize(size_t x, size_t k, bool find, bool apply, size_t group,
                                  double out_B)
{
    count_tally tally = {0};
    size_t per_row = group ? (k + group - 1) / group : 1;
    count_buffer in = count_buffer_new(x * k), out = count_buffer_new(x * k);
    count_buffer given = count_buffer_new(x * per_row),
                 found = count_buffer_new(x * per_row);
    double amax = 0, scale = 0;
    for (size_t t = 0; t < x; t++)
        for (size_t i = 0; i < k; i++) {
            size_t at = group ? t * per_row + i / group : 0;
            if (find) {
                count_mark(&in, t * k + i);
                amax++;
                count_mark(&found, at);
            }
            if (apply) {
                count_mark(&in, t * k + i);
                if (!find)
                    count_mark(&given, at);
                scale++;
                count_mark(&out, t * k + i);
            }
        }
    count_add(&tally, "amax", amax);
    count_add(&tally, "scale", scale);
    count_bytes(&tally, "in", &in, count_width("bf16"));
    count_bytes(&tally, "scales_in", &given, count_width("fp32"));
    count_bytes(&tally, "scales_out", &found, count_width("fp32"));
    count_bytes(&tally, "out", &out, out_B);
    return tally;
}

Test(counts_b, quantize)
{
    static const char *const outs[] = {"fp8", "fp4"};
    count_case o = count_open("quantize", "");
    count_set(&o, "k", 46);
    for (size_t i = 0; i < COUNT(steps); i++)
        for (int kind = 1; kind < 4;
             kind++) /* bit 0: find the scales, bit 1: apply them */
            for (size_t group = 0; group <= 16; group += 16) {
                const char *out = outs[i % 2];
                count_set_dtype(&o, "out", out);
                count_set(&o, "compute_scale", kind & 1);
                count_set(&o, "scale_matrix", kind >> 1);
                count_set(&o, "group", (double)group);
                count_tally tally = count_quantize(tokens_of(&steps[i]), 46, kind & 1,
                                                   kind >> 1, group, count_width(out));
                compare(&o, &steps[i], &tally);
                count_prove(&o, steps[i].phase);
            }
    count_close(&o);
}

/* ---- hyper-connections ---- */

typedef struct mhc {
    size_t x, width, n, iters; /* n copies */
    bool pre, post;
    count_tally tally;
    count_buffer residual, weight, input, mix_out, mix_in, sublayer, out;
} mhc;

/* One token before the sublayer. */
static void mhc_pre(mhc *m, size_t t)
{
    size_t n = m->n, flat = n * m->width, mixes = n + n + n * n;
    for (size_t i = 0; i < flat; i++) {
        count_mark(&m->residual, t * flat + i);
        count_add(&m->tally, "squares", 2);
    }
    for (size_t k = 0; k < mixes; k++) {
        for (size_t i = 0; i < flat; i++) {
            count_mark(&m->weight, k * flat + i);
            count_add(&m->tally, "mixes", 2);
        }
        count_mark(&m->weight, mixes * flat + k);     /* bias */
        count_mark(&m->weight, mixes * flat + mixes + /* scale */
                                   (k < n       ? 0
                                    : k < 2 * n ? 1
                                                : 2));
        count_add(&m->tally, "gates", 1); /* sigmoid of pre and post, exp of comb */
    }
    for (size_t iter = 0; iter < m->iters; iter++)
        for (int columns = 0; columns < 2; columns++)
            for (size_t row = 0; row < n; row++)
                for (size_t i = 0; i < n; i++) {
                    count_add(&m->tally, "sinkhorn", i > 0); /* sum */
                    count_add(&m->tally, "sinkhorn", 1);     /* quotient */
                }
    for (size_t d = 0; d < m->width; d++) {
        for (size_t i = 0; i < n; i++)
            count_add(&m->tally, "reduce", 2);
        count_mark(&m->input, t * m->width + d);
    }
    for (size_t i = 0; i < n + n * n && !m->post; i++)
        count_mark(&m->mix_out, t * (n + n * n) + i);
}

/* One token behind the sublayer. */
static void mhc_post(mhc *m, size_t t)
{
    size_t n = m->n;
    for (size_t i = 0; i < n + n * n && !m->pre; i++)
        count_mark(&m->mix_in, t * (n + n * n) + i);
    for (size_t to = 0; to < n; to++)
        for (size_t d = 0; d < m->width; d++) {
            count_mark(&m->sublayer, t * m->width + d);
            count_add(&m->tally, "spread", 2); /* output times post */
            for (size_t from = 0; from < n; from++) {
                count_mark(&m->residual, (t * n + from) * m->width + d);
                count_add(&m->tally, "spread", 2); /* copy times comb */
            }
            count_mark(&m->out, (t * n + to) * m->width + d);
        }
}

/* One site; the counts of further ones, with buffers of their own, add up. */
static void mhc_site(mhc *m)
{
    static const char *const flops[] = {"mixes", "squares", "sinkhorn",
                                        "gates", "reduce",  "spread"};
    size_t n = m->n, flat = n * m->width, mixes = 2 * n + n * n;
    m->residual = count_buffer_new(m->x * flat);
    m->weight = count_buffer_new(mixes * flat + mixes + 3);
    m->input = count_buffer_new(m->x * m->width);
    m->mix_out = count_buffer_new(m->x * (n + n * n));
    m->mix_in = count_buffer_new(m->x * (n + n * n));
    m->sublayer = count_buffer_new(m->x * m->width);
    m->out = count_buffer_new(m->x * flat);
    for (size_t i = 0; i < COUNT(flops); i++)
        count_add(&m->tally, flops[i], 0);
    for (size_t t = 0; t < m->x; t++) {
        if (m->pre)
            mhc_pre(m, t);
        if (m->post)
            mhc_post(m, t);
    }
    count_bytes(&m->tally, "residual", &m->residual, count_width("bf16"));
    count_bytes(&m->tally, "weight", &m->weight, count_width("fp32"));
    count_bytes(&m->tally, "input", &m->input, count_width("bf16"));
    count_bytes(&m->tally, "mix_out", &m->mix_out, count_width("fp32"));
    count_bytes(&m->tally, "mix_in", &m->mix_in, count_width("fp32"));
    count_bytes(&m->tally, "sublayer", &m->sublayer, count_width("bf16"));
    count_bytes(&m->tally, "out", &m->out, count_width("bf16"));
}

Test(counts_b, mhc)
{
    count_case o = count_open("mhc", "");
    count_set(&o, "hidden_size", 5);
    for (size_t i = 0; i < COUNT(steps); i++)
        for (int kind = 1; kind < 4; kind++) {
            size_t n = 2 + i % 3, iters = 1 + i, sites = 1 + i % 2;
            count_set(&o, "hc_mult", (double)n);
            count_set(&o, "sinkhorn_iters", (double)iters);
            count_set(&o, "sites", (double)sites);
            count_set(&o, "pre", kind & 1);
            count_set(&o, "post", kind >> 1);
            mhc m = {.x = tokens_of(&steps[i]),
                     .width = 5,
                     .n = n,
                     .iters = iters,
                     .pre = kind & 1,
                     .post = kind >> 1};
            for (size_t site = 0; site < sites; site++)
                mhc_site(&m);
            compare(&o, &steps[i], &m.tally);
        }
    count_close(&o);
}

/* ---- verdicts ---- */

/* Nothing here is a function of anything but the tokens, lm_head apart. */
Test(counts_b, verdicts)
{
    static const char *const names[] = {"rmsnorm",   "rope", "activation", "elementwise",
                                        "embedding", "mhc",  "quantize"};
    for (size_t i = 0; i < COUNT(names); i++) {
        count_case o = count_open(names[i], "");
        for (int p = 0; p < SOL_N_PHASES; p++) {
            sol_proof proof = count_prove(&o, (sol_phase_kind)p);
            cr_assert(proof.flops.verdict == SOL_PROVED &&
                          proof.bytes.verdict == SOL_PROVED &&
                          proof.sol.verdict == SOL_PROVED,
                      "%s", names[i]);
        }
        count_close(&o);
    }
}
