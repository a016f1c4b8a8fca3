/* Counts of linear attention: Mamba-2, gated delta net, Kimi delta attention. The
 * recurrence and chunked schedules run with real numbers and count; all have to give the
 * same output, none may spend less than the op file says, and what it says is reached
 * token by token by the cheaper of pairs and state. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "count.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))
#define MAX_S 24
#define MAX_HEADS 6
#define MAX_DIM 8
#define MAX_OUT (MAX_S * MAX_HEADS * MAX_DIM)

/* ---- one model of all three ----
 * Per head h, S is a [dk][dv] state:  S_t = decay_t S_(t-1) + k_t d_t^T,  o_t = S_t^T
 * q_t, with d_t = v_t (Mamba-2: q = C, k = B, v = dt x), or, for the delta rule, d_t =
 * beta_t (v_t - (decay_t S_(t-1))^T k_t). Heads of a group share q and k. */
typedef struct shape {
    size_t groups, heads, dk, dv; /* heads is a multiple of groups */
    bool delta;                   /* the delta rule */
    bool channel_decay;           /* a decay for each key channel, not for each head */
} shape;

typedef struct inputs {
    double q[MAX_S][MAX_HEADS][MAX_DIM], k[MAX_S][MAX_HEADS][MAX_DIM]; /* by group */
    double v[MAX_S][MAX_HEADS][MAX_DIM], beta[MAX_S][MAX_HEADS];
    double decay[MAX_S][MAX_HEADS][MAX_DIM]; /* by key channel */
    double state[MAX_HEADS][MAX_DIM][MAX_DIM];
} inputs;

/* Multiply-adds of one request, token by token. */
typedef struct spent {
    double build[MAX_S], retrieve[MAX_S], read[MAX_S];
} spent;

static double draw(unsigned *seed)
{
    *seed = *seed * 1103515245u + 12345u;
    return ((*seed >> 8) % 2001 - 1000.0) / 1000;
}

static void fill(inputs *in, const shape *sh, bool cached)
{
    unsigned seed = 20231;
    memset(in, 0, sizeof *in);
    for (size_t t = 0; t < MAX_S; t++)
        for (size_t h = 0; h < MAX_HEADS; h++) {
            double shared = 0.7 + 0.3 * fabs(draw(&seed));
            in->beta[t][h] = 0.5 + 0.5 * draw(&seed);
            for (size_t i = 0; i < MAX_DIM; i++) {
                in->q[t][h][i] = draw(&seed);
                in->k[t][h][i] = draw(&seed) / 2;
                in->v[t][h][i] = draw(&seed);
                in->decay[t][h][i] =
                    sh->channel_decay ? 0.7 + 0.3 * fabs(draw(&seed)) : shared;
            }
        }
    for (size_t h = 0; cached && h < MAX_HEADS; h++)
        for (size_t i = 0; i < MAX_DIM; i++)
            for (size_t j = 0; j < MAX_DIM; j++)
                in->state[h][i][j] = draw(&seed);
}

typedef double state_of[MAX_HEADS][MAX_DIM][MAX_DIM];

/* out[dv] += (scale * S)^T key. Counts where the state is known not to be zero. */
static void from_state(const shape *sh, double (*s)[MAX_DIM], const double *scale,
                       const double *key, double *out, double *macs)
{
    for (size_t i = 0; i < sh->dk; i++)
        for (size_t j = 0; j < sh->dv; j++) {
            out[j] += scale[i] * s[i][j] * key[i];
            ++*macs;
        }
}

/* The recurrence: everything through the state, read after the update. */
static void recur(const shape *sh, const inputs *in, size_t n, bool cached, double *out,
                  state_of s, spent *sp)
{
    static const double one[MAX_DIM] = {1, 1, 1, 1, 1, 1, 1, 1};
    memset(sp, 0, sizeof *sp);
    memcpy(s, in->state, sizeof(state_of));
    for (size_t t = 0; t < n; t++)
        for (size_t h = 0; h < sh->heads; h++) {
            size_t g = h / (sh->heads / sh->groups);
            double d[MAX_DIM] = {0}, *o = &out[(t * sh->heads + h) * sh->dv];
            for (size_t i = 0; i < sh->dk; i++)
                for (size_t j = 0; j < sh->dv; j++)
                    s[h][i][j] *= in->decay[t][h][i]; /* folds into later factors */
            if (sh->delta && (t > 0 || cached))
                from_state(sh, s[h], one, in->k[t][g], d, &sp->retrieve[t]);
            for (size_t j = 0; j < sh->dv; j++)
                d[j] =
                    sh->delta ? in->beta[t][h] * (in->v[t][h][j] - d[j]) : in->v[t][h][j];
            for (size_t i = 0; i < sh->dk; i++)
                for (size_t j = 0; j < sh->dv; j++) {
                    s[h][i][j] += in->k[t][g][i] * d[j];
                    sp->build[t]++;
                }
            memset(o, 0, sh->dv * sizeof *o);
            from_state(sh, s[h], one, in->q[t][g], o, &sp->read[t]);
        }
}

/* decay from behind token j up to token t, by key channel */
static void decay_between(const inputs *in, size_t h, size_t j, size_t t, double *scale)
{
    for (size_t i = 0; i < MAX_DIM; i++)
        scale[i] = 1;
    for (size_t u = j + 1; u <= t; u++)
        for (size_t i = 0; i < MAX_DIM; i++)
            scale[i] *= in->decay[u][h][i];
}

/* out[dv] += sum over tokens [from, to) of (key . k_j, decayed) d_j. The dot product is
 * counted once for a group where its heads have one decay each, to be multiplied later.
 */
static void from_pairs(const shape *sh, const inputs *in, size_t h, size_t t, size_t from,
                       size_t to, const double *key, double (*d)[MAX_HEADS][MAX_DIM],
                       double *out, double *macs)
{
    size_t per = sh->heads / sh->groups, g = h / per;
    for (size_t j = from; j < to; j++) {
        double scale[MAX_DIM], dot = 0;
        decay_between(in, h, j, t, scale);
        for (size_t i = 0; i < sh->dk; i++) {
            dot += key[i] * scale[i] * in->k[j][g][i];
            *macs += sh->channel_decay || h % per == 0;
        }
        for (size_t c = 0; c < sh->dv; c++) {
            out[c] += dot * d[j][h][c];
            ++*macs;
        }
    }
}

/* Chunks of `chunk` tokens: what came before a chunk through the state, the rest by
 * pairs. */
static void scan_chunks(const shape *sh, const inputs *in, size_t n, bool cached,
                        size_t chunk, double *out, state_of s, spent *sp)
{
    double d[MAX_S][MAX_HEADS][MAX_DIM] = {0}, scale[MAX_DIM];
    memset(sp, 0, sizeof *sp);
    memcpy(s, in->state, sizeof(state_of));
    for (size_t first = 0; first < n; first += chunk) {
        size_t end = first + chunk < n ? first + chunk : n;
        bool known = first > 0 || cached; /* is there anything in the state? */
        for (size_t t = first; t < end; t++)
            for (size_t h = 0; h < sh->heads; h++) {
                size_t g = h / (sh->heads / sh->groups);
                double *o = &out[(t * sh->heads + h) * sh->dv], got[MAX_DIM] = {0};
                decay_between(in, h, first, t, scale);
                for (size_t i = 0; i < MAX_DIM; i++)
                    scale[i] *= in->decay[first][h][i];
                if (sh->delta && known)
                    from_state(sh, s[h], scale, in->k[t][g], got, &sp->retrieve[t]);
                if (sh->delta)
                    from_pairs(sh, in, h, t, first, t, in->k[t][g], d, got,
                               &sp->retrieve[t]);
                for (size_t j = 0; j < sh->dv; j++)
                    d[t][h][j] = sh->delta ? in->beta[t][h] * (in->v[t][h][j] - got[j])
                                           : in->v[t][h][j];
                memset(o, 0, sh->dv * sizeof *o);
                if (known)
                    from_state(sh, s[h], scale, in->q[t][g], o, &sp->read[t]);
                from_pairs(sh, in, h, t, first, t + 1, in->q[t][g], d, o, &sp->read[t]);
            }
        for (size_t h = 0; h < sh->heads; h++) {
            size_t g = h / (sh->heads / sh->groups);
            decay_between(in, h, first, end - 1, scale);
            for (size_t i = 0; i < sh->dk; i++)
                for (size_t j = 0; j < sh->dv; j++)
                    s[h][i][j] *= scale[i] * in->decay[first][h][i];
            for (size_t t = first; t < end; t++) {
                decay_between(in, h, t, end - 1, scale);
                for (size_t i = 0; i < sh->dk; i++)
                    for (size_t j = 0; j < sh->dv; j++) {
                        s[h][i][j] += scale[i] * in->k[t][g][i] * d[t][h][j];
                        sp->build[t]++;
                    }
            }
        }
    }
}

static double total(const double *each, size_t n)
{
    double sum = 0;
    for (size_t t = 0; t < n; t++)
        sum += each[t];
    return sum;
}

static void same(const double *a, const double *b, size_t n, const char *what,
                 size_t chunk)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabs(a[i] - b[i]) <= 1e-10 * (1 + fabs(b[i]))))
            cr_assert_fail("%s %zu, chunks of %zu: %g instead of %g", what, i, chunk,
                           a[i], b[i]);
}

typedef struct scan_flops {
    double build, retrieve, read; /* FLOP of one request */
} scan_flops;

/* The cheaper of state and pairs for every token; checks all chunk lengths on the way. */
static scan_flops least_flops(const shape *sh, size_t n, bool cached)
{
    static inputs in;
    static double want[MAX_OUT], got[MAX_OUT];
    static state_of want_state, got_state;
    spent by_state, by_pairs, chunked;
    scan_flops least = {0};
    fill(&in, sh, cached);
    recur(sh, &in, n, cached, want, want_state, &by_state);
    scan_chunks(sh, &in, n, cached, n, got, got_state, &by_pairs);
    for (size_t t = 0; t < n; t++) {
        least.build += 2 * by_state.build[t];
        least.retrieve += 2 * fmin(by_state.retrieve[t], by_pairs.retrieve[t]);
        least.read += 2 * fmin(by_state.read[t], by_pairs.read[t]);
    }
    for (size_t chunk = 1; chunk <= n; chunk++) {
        scan_chunks(sh, &in, n, cached, chunk, got, got_state, &chunked);
        same(got, want, n * sh->heads * sh->dv, "output", chunk);
        same(&got_state[0][0][0], &want_state[0][0][0],
             COUNT(want_state) * MAX_DIM * MAX_DIM, "state", chunk);
        cr_assert(2 * total(chunked.build, n) == least.build &&
                  2 * total(chunked.retrieve, n) >= least.retrieve &&
                  2 * total(chunked.read, n) >= least.read);
    }
    return least;
}

/* ---- traffic, convolution and exponentials ---- */

typedef struct layer {
    shape sh;
    size_t channels, taps;
    bool bias, mamba, conv, scan, cached;
    size_t gates, decays; /* per token */
    double act_B, state_B;
    size_t b, s; /* s = 1 in generation */
    sol_phase_kind phase;
} layer;

/* Ring buffers of taps - 1 inputs: each new input takes the place of the oldest. */
static void count_conv(const layer *l, count_tally *tally)
{
    size_t n = l->b * l->s * l->channels, keep = l->taps - 1;
    count_buffer in = count_buffer_new(n), out = count_buffer_new(n);
    count_buffer weight = count_buffer_new(l->channels * (l->taps + 1));
    count_buffer before = count_buffer_new(l->b * l->channels * keep);
    count_buffer after = count_buffer_new(l->b * l->channels * keep);
    double flop = 0, silu = 0;
    for (size_t r = 0; r < l->b && l->conv; r++)
        for (size_t c = 0; c < l->channels; c++)
            for (size_t t = 0; t < l->s; t++) {
                for (size_t tap = 0; tap < l->taps; tap++) {
                    if (tap > t && !l->cached)
                        continue; /* zeros stand before a fresh prompt */
                    count_mark(&weight, c * (l->taps + 1) + tap);
                    if (tap <= t)
                        count_mark(&in, (r * l->s + t - tap) * l->channels + c);
                    else
                        count_mark(&before, (r * l->channels + c) * keep + tap - t - 1);
                    flop += 2;
                }
                if (l->bias)
                    count_mark(&weight, c * (l->taps + 1) + l->taps);
                silu++;
                if (!l->scan)
                    count_mark(&out, (r * l->s + t) * l->channels + c);
                if (keep)
                    count_mark(&after, (r * l->channels + c) * keep + t % keep);
            }
    /* Taps that no token of a short prompt uses are loaded all the same. */
    for (size_t i = 0; i < l->channels * (l->taps + 1) && l->conv; i++)
        if (i % (l->taps + 1) < l->taps)
            count_mark(&weight, i);
    count_add(tally, "conv", flop);
    count_add(tally, "silu", silu);
    count_bytes(tally, l->mamba ? "xbc" : "qkv", &in, l->act_B);
    count_bytes(tally, "conv_weight", &weight, l->act_B);
    count_bytes(tally, "window_in", &before, l->act_B);
    count_bytes(tally, "window_out", &after, l->act_B);
    count_bytes(tally, "conv_out", &out, l->act_B);
}

/* What the recurrence touches, token by token. */
static void count_scan(const layer *l, count_tally *tally)
{
    const shape *sh = &l->sh;
    size_t x = l->b * l->s, state = sh->heads * sh->dk * sh->dv;
    count_buffer in = count_buffer_new(x * l->channels),
                 gate = count_buffer_new(x * l->gates);
    count_buffer out = count_buffer_new(x * sh->heads * sh->dv);
    count_buffer before = count_buffer_new(l->b * state),
                 after = count_buffer_new(l->b * state);
    count_buffer params = count_buffer_new(3 * sh->heads);
    double decay = 0, skip = 0;
    for (size_t t = 0; t < x && l->scan; t++) {
        size_t r = t / l->s;
        for (size_t c = 0; c < l->channels && !l->conv; c++)
            count_mark(&in, t * l->channels + c);
        for (size_t g = 0; g < l->gates; g++)
            count_mark(&gate, t * l->gates + g);
        decay += (double)l->decays;
        for (size_t i = 0; i < 3 * sh->heads; i++)
            count_mark(&params, i);
        for (size_t i = 0; i < state; i++) {
            if (l->cached)
                count_mark(&before, r * state + i);
            count_mark(&after, r * state + i);
        }
        for (size_t i = 0; i < sh->heads * sh->dv; i++) {
            count_mark(&out, t * sh->heads * sh->dv + i);
            skip += 2; /* D x on top of the output */
        }
    }
    count_add(tally, "decay", decay);
    if (l->mamba) {
        count_add(tally, "skip", skip);
        count_bytes(tally, "head_params", &params, count_width("fp32"));
    } else {
        count_buffer_free(&params);
    }
    count_bytes(tally, "scan_in", &in, l->act_B);
    count_bytes(tally, l->mamba ? "dt" : "gate", &gate, l->act_B);
    count_bytes(tally, "state_in", &before, l->state_B);
    count_bytes(tally, "state_out", &after, l->state_B);
    count_bytes(tally, l->mamba ? "y" : "out", &out, l->act_B);
}

static count_tally count_layer(const layer *l)
{
    count_tally tally = {0};
    scan_flops least = l->scan ? least_flops(&l->sh, l->s, l->cached) : (scan_flops){0};
    count_conv(l, &tally);
    count_scan(l, &tally);
    count_add(&tally, "build", (double)l->b * least.build);
    count_add(&tally, "read", (double)l->b * least.read);
    if (l->sh.delta)
        count_add(&tally, "retrieve", (double)l->b * least.retrieve);
    return tally;
}

/* Both phases, cached and fresh, each stage alone and both together, at lengths below and
 * above where the state becomes cheaper than pairs. */
static void check_layer(count_case *o, layer *l)
{
    static const size_t lengths[] = {1, 2, 3, 5, 11, MAX_S};
    for (int stages = 1; stages < 4; stages++)
        for (size_t i = 0; i < 2 * COUNT(lengths); i++) {
            size_t length = lengths[i / 2];
            double axis[3];
            l->conv = stages & 1;
            l->scan = stages >> 1;
            count_set(o, "conv", l->conv);
            count_set(o, "scan", l->scan);
            l->cached = i % 2;
            l->b = 1 + i % 3;
            l->s = length;
            axis[0] = (double)l->b;
            axis[1] = (double)length;
            axis[2] = l->cached ? 17 : 0;
            count_tally tally = count_layer(l);
            count_compare_tally(o, SOL_CONTEXT, axis, &tally, (double)(l->b * length));
            l->cached = true; /* generation: one token behind others */
            l->s = 1;
            tally = count_layer(l);
            count_compare_tally(o, SOL_GENERATION, axis, &tally, (double)l->b);
        }
}

Test(counts_linear, mamba2)
{
    static const struct {
        size_t heads, groups, head_dim, d_state, taps, tp;
    } cases[] = {{2, 1, 3, 5, 4, 1}, {6, 2, 2, 7, 3, 1}, {8, 4, 3, 2, 4, 2},
                 {3, 3, 1, 8, 2, 1}, {8, 2, 2, 3, 4, 4}, {12, 1, 3, 2, 4, 3}};
    count_case o = count_open("mamba2", "");
    count_set_dtype(&o, "state", "fp32");
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t tp = cases[i].tp, heads = cases[i].heads / tp,
               groups = (cases[i].groups + tp - 1) / tp;
        layer l = {
            .sh = {groups, heads, cases[i].d_state, cases[i].head_dim, false, false},
            .taps = cases[i].taps,
            .mamba = true,
            .bias = i % 2 == 0,
            .gates = heads,
            .decays = 2 * heads,
            .act_B = count_width("bf16"),
            .state_B = count_width("fp32")};
        l.channels = heads * cases[i].head_dim + 2 * groups * cases[i].d_state;
        count_set(&o, "tp", 1);
        count_set(&o, "num_heads", (double)cases[i].heads);
        count_set(&o, "n_groups", (double)cases[i].groups);
        count_set(&o, "head_dim", (double)cases[i].head_dim);
        count_set(&o, "d_state", (double)cases[i].d_state);
        count_set(&o, "d_conv", (double)cases[i].taps);
        count_set(&o, "conv_bias", l.bias);
        count_set(&o, "tp", (double)tp);
        check_layer(&o, &l);
    }
    count_close(&o);
}

Test(counts_linear, gdn)
{
    static const struct {
        size_t kh, vh, dk, dv, taps, tp;
    } cases[] = {
        {1, 2, 5, 3, 4, 1}, {2, 6, 3, 4, 3, 1}, {4, 8, 7, 2, 4, 2}, {3, 3, 2, 8, 2, 1}};
    count_case o = count_open("gdn", "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t tp = cases[i].tp, kh = cases[i].kh / tp, vh = cases[i].vh / tp;
        layer l = {.sh = {kh, vh, cases[i].dk, cases[i].dv, true, false},
                   .taps = cases[i].taps,
                   .gates = 2 * vh,
                   .decays = vh,
                   .act_B = count_width("bf16"),
                   .state_B = count_width("bf16")};
        l.channels = 2 * kh * cases[i].dk + vh * cases[i].dv;
        count_set(&o, "tp", 1);
        count_set(&o, "num_k_heads", (double)cases[i].kh);
        count_set(&o, "num_v_heads", (double)cases[i].vh);
        count_set(&o, "head_k_dim", (double)cases[i].dk);
        count_set(&o, "head_v_dim", (double)cases[i].dv);
        count_set(&o, "d_conv", (double)cases[i].taps);
        count_set(&o, "tp", (double)tp);
        check_layer(&o, &l);
    }
    count_close(&o);
}

Test(counts_linear, kda)
{
    static const struct {
        size_t heads, dk, dv, taps, tp;
    } cases[] = {{1, 5, 3, 4, 1}, {3, 3, 4, 3, 1}, {4, 7, 2, 4, 2}, {6, 2, 8, 2, 3}};
    count_case o = count_open("kda", "");
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t tp = cases[i].tp, heads = cases[i].heads / tp;
        layer l = {.sh = {heads, heads, cases[i].dk, cases[i].dv, true, true},
                   .taps = cases[i].taps,
                   .gates = heads * (cases[i].dk + 1),
                   .decays = heads * cases[i].dk,
                   .act_B = count_width("bf16"),
                   .state_B = count_width("fp32")};
        l.channels = heads * (2 * cases[i].dk + cases[i].dv);
        count_set(&o, "tp", 1);
        count_set(&o, "num_heads", (double)cases[i].heads);
        count_set(&o, "head_k_dim", (double)cases[i].dk);
        count_set(&o, "head_v_dim", (double)cases[i].dv);
        count_set(&o, "d_conv", (double)cases[i].taps);
        count_set(&o, "tp", (double)tp);
        check_layer(&o, &l);
    }
    count_close(&o);
}

/* Prompts have a state each, whatever their length; a step of generation has only tokens.
 */
Test(counts_linear, verdicts)
{
    static const char *const names[] = {"mamba2", "gdn", "kda"};
    for (size_t i = 0; i < COUNT(names); i++) {
        count_case o = count_open(names[i], "");
        for (int stages = 1; stages < 4; stages++) {
            count_set(&o, "conv", stages & 1);
            count_set(&o, "scan", stages >> 1);
            sol_proof context = count_prove(&o, SOL_CONTEXT);
            sol_proof generation = count_prove(&o, SOL_GENERATION);
            cr_assert(context.bytes.verdict == SOL_DISPROVED &&
                          generation.bytes.verdict == SOL_PROVED &&
                          generation.flops.verdict == SOL_PROVED,
                      "%s", names[i]);
        }
        count_close(&o);
    }
}
