/* solcheck - CPU kernels of attention and mla: one online-softmax core over blocks of 64
 * keys (Milakov, Gimelshein, arXiv 1805.02867; FlashAttention, arXiv 2205.14135), whole
 * rows in context, split along the keys and combined in generation.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/cpu/cpu.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

enum { KEYS = 64, ROWS = 64 }; /* of a tile */
enum { WANTED_TASKS = 16 };    /* generation is split until there are so many */

/* Scratch of one thread, carved out of mock_cpu_scratch. */
typedef struct tile {
    float *q;           /* [ROWS,dqk] */
    float *key;         /* [dqk,KEYS], transposed */
    float *line;        /* [dqk] */
    float *value;       /* [KEYS,dv_pad] */
    float *score;       /* [ROWS,KEYS] */
    float *sum;         /* [ROWS,dv_pad] */
    float *max, *total; /* [ROWS] */
} tile;

static size_t scratch_floats(const mock_cpu_attend *p)
{
    return (size_t)(ROWS * p->dqk + p->dqk * KEYS + p->dqk + KEYS * p->dv_pad +
                    ROWS * KEYS + ROWS * p->dv_pad + 2 * ROWS);
}

static tile carve(const mock_cpu_attend *p, float *at)
{
    tile t;
    t.q = at;
    t.key = t.q + ROWS * p->dqk;
    t.line = t.key + p->dqk * KEYS;
    t.value = t.line + p->dqk;
    t.score = t.value + KEYS * p->dv_pad;
    t.sum = t.score + ROWS * KEYS;
    t.max = t.sum + ROWS * p->dv_pad;
    t.total = t.max + ROWS;
    return t;
}

/* Packed token of key j of a request. */
static int64_t find_key(const mock_cpu_attend *p, int64_t request, int64_t j)
{
    if (p->offset)
        return p->offset[request] + j;
    return (int64_t)p->table[request * p->width + j / MOCK_KV_BLOCK] * MOCK_KV_BLOCK +
           j % MOCK_KV_BLOCK;
}

static void load_part(const mock_cpu_part *part, int64_t token, int64_t kv_head,
                      float *out)
{
    mock_load_float(part->data, part->dtype,
                    token * part->token_stride + kv_head * part->head_stride, part->width,
                    out);
    if (part->scale != 1)
        for (int64_t e = 0; e < part->width; e++)
            out[e] *= part->scale;
}

/* Loads n keys (transposed) and values from key j0 on; what lies beyond n counts as 0. */
static void load_keys(const mock_cpu_attend *p, tile *t, int64_t request, int64_t kv_head,
                      int64_t j0, int64_t n)
{
    if (n < KEYS)
        memset(t->key, 0, (size_t)(p->dqk * KEYS) * sizeof *t->key);
    for (int64_t j = 0; j < n; j++) {
        int64_t token = find_key(p, request, j0 + j);
        load_part(&p->key[0], token, kv_head, t->line);
        load_part(&p->key[1], token, kv_head, t->line + p->key[0].width);
        for (int64_t e = 0; e < p->dqk; e++)
            t->key[e * KEYS + j] = t->line[e];
        float *value = t->value + j * p->dv_pad;
        load_part(&p->value, token, kv_head, value);
        for (int64_t e = p->dv; e < p->dv_pad; e++)
            value[e] = 0;
    }
}

/* Rescales one row's running sums to the new maximum and turns its scores of n keys, of
 * which it sees those from `from` to `seen`, into weights. */
static void soften(const mock_cpu_attend *p, tile *t, int64_t row, int64_t n,
                   int64_t from, int64_t seen)
{
    float *score = t->score + row * KEYS, *sum = t->sum + row * p->dv_pad;
    float max = t->max[row];
    for (int64_t j = from; j < seen; j++) {
        score[j] *= p->scale;
        max = fmaxf(max, score[j]);
    }
    for (int64_t j = 0; j < n; j++)
        score[j] = j >= from && j < seen ? score[j] : 0;
    if (from >= seen)
        return;
    float shrink = expf(t->max[row] - max), total = t->total[row] * shrink;
    for (int64_t j = from; j < seen; j++) {
        score[j] = expf(score[j] - max);
        total += score[j];
    }
    for (int64_t e = 0; e < p->dv_pad; e++)
        sum[e] *= shrink;
    t->total[row] = total;
    t->max[row] = max;
}

/* A block of rows of one request and KV head; row i is query i / group of the request,
 * head i % group of the KV head's group. */
typedef struct rows {
    int64_t request, kv_head, first, n; /* rows first..first+n-1 */
    int64_t group, length;
    int64_t query; /* packed index of the request's first query */
} rows;

/* Keys that row i of the block sees. */
static int64_t visible(const mock_cpu_attend *p, const rows *r, int64_t i)
{
    return p->causal ? (r->first + i) / r->group + 1 : r->length;
}

/* The first of them. */
static int64_t window_start(const mock_cpu_attend *p, const rows *r, int64_t i)
{
    int64_t end = visible(p, r, i);
    return p->window && end > p->window ? end - p->window : 0;
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : mock_cpu_least(x, hi);
}

static int64_t element(const mock_cpu_attend *p, const rows *r, int64_t i, int64_t width)
{
    int64_t row = r->first + i;
    return ((r->query + row / r->group) * p->heads + r->kv_head * r->group +
            row % r->group) *
           width;
}

/* Sums over keys key0..key1-1: t->sum is not yet divided by t->total. */
static void attend(const mock_exec *exec, tile *t, const rows *r, int64_t key0,
                   int64_t key1)
{
    const mock_cpu_attend *p = &exec->attend;
    for (int64_t i = 0; i < r->n; i++) {
        mock_load_float(p->q, exec->c->dtype[0], element(p, r, i, p->dqk), p->dqk,
                        t->q + i * p->dqk);
        t->max[i] = -INFINITY;
        t->total[i] = 0;
    }
    memset(t->sum, 0, (size_t)(r->n * p->dv_pad) * sizeof *t->sum);
    for (int64_t j0 = key0; j0 < key1; j0 += KEYS) {
        int64_t n = mock_cpu_least(KEYS, key1 - j0);
        load_keys(p, t, r->request, r->kv_head, j0, n);
        memset(t->score, 0, (size_t)(r->n * KEYS) * sizeof *t->score);
        mock_cpu_multiply(t->score, KEYS, t->q, p->dqk, t->key, KEYS, r->n, p->dqk, KEYS);
        for (int64_t i = 0; i < r->n; i++) {
            soften(p, t, i, n, clamp(window_start(p, r, i) - j0, 0, n),
                   clamp(visible(p, r, i) - j0, 0, n));
        }
        mock_cpu_multiply(t->sum, p->dv_pad, t->score, KEYS, t->value, p->dv_pad, r->n, n,
                          p->dv_pad);
    }
}

/* ---- context: one task is one block of rows ---- */

static void context_task(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    const mock_cpu_attend *p = &exec->attend;
    rows r = {.group = p->heads / p->kv_heads};
    r.first = task % p->row_blocks * ROWS;
    r.kv_head = task / p->row_blocks % p->kv_heads;
    r.request = task / p->row_blocks / p->kv_heads;
    r.query = p->offset[r.request];
    r.length = p->offset[r.request + 1] - r.query;
    r.n = mock_cpu_least(ROWS, r.length * r.group - r.first);
    if (r.n <= 0)
        return; /* a shorter request than the longest */
    tile t = carve(p, mock_cpu_scratch(exec, thread));
    attend(exec, &t, &r, window_start(p, &r, 0) / KEYS * KEYS, visible(p, &r, r.n - 1));
    for (int64_t i = 0; i < r.n; i++) {
        float *sum = t.sum + i * p->dv_pad;
        for (int64_t e = 0; e < p->dv; e++)
            sum[e] /= t.total[i];
        mock_store_float(p->out, exec->c->dtype[0], element(p, &r, i, p->dv), p->dv, sum);
    }
}

/* ---- generation: partial results per split, then their combination ---- */

/* work[b, heads, splits, dv + 2]: sums, maximum, total. */
static float *partial(const mock_exec *exec, int64_t request, int64_t head, int64_t split)
{
    const mock_cpu_attend *p = &exec->attend;
    return exec->work + ((request * p->heads + head) * p->splits + split) * (p->dv + 2);
}

static void split_task(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    const mock_cpu_attend *p = &exec->attend;
    int64_t split = task % p->splits, block = task / p->splits;
    rows r = {.group = p->heads / p->kv_heads};
    r.first = block % p->row_blocks * ROWS;
    r.kv_head = block / p->row_blocks % p->kv_heads;
    r.request = r.query = block / p->row_blocks / p->kv_heads;
    r.length = p->length[r.request];
    r.n = mock_cpu_least(ROWS, r.group - r.first);
    tile t = carve(p, mock_cpu_scratch(exec, thread));
    int64_t key0 = split * p->split_tokens, skip = window_start(p, &r, 0) / KEYS * KEYS;
    attend(exec, &t, &r, key0 > skip ? key0 : skip,
           mock_cpu_least(r.length, key0 + p->split_tokens));
    for (int64_t i = 0; i < r.n; i++) {
        float *to = partial(exec, r.request, r.kv_head * r.group + r.first + i, split);
        memcpy(to, t.sum + i * p->dv_pad, (size_t)p->dv * sizeof *to);
        to[p->dv] = t.max[i];
        to[p->dv + 1] = t.total[i];
    }
}

static void combine_task(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    const mock_cpu_attend *p = &exec->attend;
    float *sum = carve(p, mock_cpu_scratch(exec, thread)).sum;
    float max = -INFINITY, total = 0;
    const float *first = partial(exec, task / p->heads, task % p->heads, 0);
    for (int64_t i = 0; i < p->splits; i++)
        max = fmaxf(max, first[i * (p->dv + 2) + p->dv]);
    memset(sum, 0, (size_t)p->dv * sizeof *sum);
    for (int64_t i = 0; i < p->splits; i++) {
        const float *from = first + i * (p->dv + 2);
        float weight = expf(from[p->dv] - max); /* 0 for a split without keys */
        total += weight * from[p->dv + 1];
        for (int64_t e = 0; e < p->dv; e++)
            sum[e] += weight * from[e];
    }
    for (int64_t e = 0; e < p->dv; e++)
        sum[e] /= total;
    mock_store_float(p->out, exec->c->dtype[0], task * p->dv, p->dv, sum);
}

/* ---- preparation ---- */

static void add_step(mock_exec *exec, mock_cpu_task *fn, int64_t n_tasks)
{
    exec->step[exec->n_steps++] = (mock_cpu_step){fn, n_tasks};
}

static sc_status prepare_split(mock_exec *exec, sc_diag *diag)
{
    mock_cpu_attend *p = &exec->attend;
    const mock_case *c = exec->c;
    p->row_blocks = mock_cpu_ceil_div(p->heads / p->kv_heads, ROWS);
    int64_t blocks = c->b * p->kv_heads * p->row_blocks,
            tiles = mock_cpu_ceil_div(c->s, KEYS);
    p->splits = mock_cpu_least(mock_cpu_ceil_div(WANTED_TASKS, blocks), tiles);
    p->split_tokens = mock_cpu_ceil_div(tiles, p->splits) * KEYS;
    add_step(exec, split_task, blocks * p->splits);
    add_step(exec, combine_task, c->b * p->heads);
    exec->source =
        exec->n_fresh ? "cpu_rope_append+cpu_paged_split_kv" : "cpu_paged_split_kv";
    size_t floats = (size_t)(c->b * p->heads * p->splits) * (size_t)(p->dv + 2);
    void *work = NULL;
    sc_status status = mock_cpu_alloc(exec->dev, floats * sizeof(float), &work, diag);
    if (!status)
        exec->work = work;
    return status;
}

static sc_status prepare(mock_exec *exec, const mock_attend_at *at,
                         mock_cpu_fresh_fn *fresh, sc_diag *diag)
{
    mock_cpu_attend *p = &exec->attend;
    const mock_case *c = exec->c;
    p->q = exec->ptr[at->q];
    p->out = exec->ptr[at->out];
    p->offset = at->offset >= 0 ? exec->ptr[at->offset] : NULL;
    p->table = at->table >= 0 ? exec->ptr[at->table] : NULL;
    p->length = at->length >= 0 ? exec->ptr[at->length] : NULL;
    p->width = mock_plan_width(c);
    p->dqk = p->key[0].width + p->key[1].width;
    p->dv = p->value.width;
    p->dv_pad = mock_cpu_ceil_div(p->dv, 8) * 8;
    exec->scratch = scratch_floats(p);
    if (c->scope == MOCK_SCOPE_OP) {
        sc_status status = fresh(exec, at, diag);
        if (status)
            return status;
        add_step(exec, mock_cpu_append_task, mock_case_tokens(c));
    }
    if (c->phase == SOL_GENERATION)
        return prepare_split(exec, diag);
    p->row_blocks = mock_cpu_ceil_div(c->s * (p->heads / p->kv_heads), ROWS);
    add_step(exec, context_task, c->b * p->kv_heads * p->row_blocks);
    exec->source = exec->n_fresh ? "cpu_rope_append+cpu_flash_64x64" : "cpu_flash_64x64";
    return SC_OK;
}

sc_status mock_cpu_prepare_attention(mock_exec *exec, sc_diag *diag)
{
    const mock_case *c = exec->c;
    mock_cpu_attend *p = &exec->attend;
    mock_attend_at at = mock_attend_tensors(false, c);
    bool context = c->phase == SOL_CONTEXT, cached = !context || at.slot < 0;
    int64_t d = c->param[MOCK_ATTENTION_DIM];
    p->heads = c->param[MOCK_ATTENTION_HEADS];
    p->kv_heads = c->param[MOCK_ATTENTION_KV_HEADS];
    p->scale = 1 / sqrtf((float)d);
    p->causal = context && c->param[MOCK_ATTENTION_CAUSAL];
    p->window = c->param[MOCK_ATTENTION_WINDOW];
    p->key[0] = (mock_cpu_part){exec->ptr[context ? at.k : at.k_pool],
                                c->dtype[cached],
                                d,
                                p->kv_heads * d,
                                d,
                                cached ? mock_cpu_cache_scale(exec, &at, false) : 1};
    p->value = p->key[0];
    p->value.data = exec->ptr[context ? at.v : at.v_pool];
    p->value.scale = cached ? mock_cpu_cache_scale(exec, &at, true) : 1;
    return prepare(exec, &at, mock_cpu_fresh_attention, diag);
}

sc_status mock_cpu_prepare_mla(mock_exec *exec, sc_diag *diag)
{
    const mock_case *c = exec->c;
    mock_cpu_attend *p = &exec->attend;
    mock_attend_at at = mock_attend_tensors(true, c);
    int64_t nope = c->param[MOCK_MLA_NOPE], rope = c->param[MOCK_MLA_ROPE];
    int64_t vd = c->param[MOCK_MLA_V], lora = c->param[MOCK_MLA_LORA];
    sol_dtype attn = c->dtype[0];
    p->heads = c->param[MOCK_MLA_HEADS];
    p->scale = 1 / sqrtf((float)(nope + rope));
    if (c->phase == SOL_CONTEXT) {
        p->kv_heads = p->heads;
        p->causal = true;
        p->key[0] =
            (mock_cpu_part){exec->ptr[at.k], attn, nope, p->heads * nope, nope, 1};
        p->key[1] = (mock_cpu_part){exec->ptr[at.k_rope], attn, rope, rope, 0, 1};
        p->value = (mock_cpu_part){exec->ptr[at.v], attn, vd, p->heads * vd, vd, 1};
    } else {
        p->kv_heads = 1;
        p->key[0] = (mock_cpu_part){
            exec->ptr[at.k_pool], c->dtype[1], lora + rope,
            lora + rope,          0,           mock_cpu_cache_scale(exec, &at, false)};
        p->value = p->key[0];
        p->value.width = lora;
    }
    return prepare(exec, &at, mock_cpu_fresh_mla, diag);
}
