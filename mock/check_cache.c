/* solcheck - validation of the paged KV cache: the manager's books, and whether a layer
 * reads tokens through the block table and no others.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/check.h"
#include "mock/kvcache.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

static const char check_name[] = "KV cache";

/* ---- the manager ---- */

/* Opens, grows and closes requests until every block has changed hands. */
static sc_status churn(mock_kvcache *cache, const mock_case *c, sc_diag *diag)
{
    int64_t blocks = mock_kvcache_free_blocks(cache);
    for (int round = 0; round < 5; round++) {
        int first = 0, second = 0;
        sc_status status = mock_kvcache_open(cache, &first, diag);
        if (!status)
            status = mock_kvcache_open(cache, &second, diag);
        if (!status)
            status = mock_kvcache_append(cache, first, c->s / 2 + 1, diag);
        if (!status)
            status = mock_kvcache_append(cache, second, c->s, diag);
        if (!status)
            status = mock_kvcache_append(cache, first, c->s - c->s / 2 - 1, diag);
        if (!status)
            status = mock_kvcache_check(cache, diag);
        if (!status)
            status = mock_kvcache_close(cache, first, diag);
        if (!status)
            status = mock_kvcache_close(cache, second, diag);
        if (!status)
            status = mock_kvcache_check(cache, diag);
        if (status)
            return status;
    }
    if (mock_kvcache_free_blocks(cache) != blocks)
        return sc_diag_fail(diag, SC_EUNABLE, SC3008, "closed requests keep blocks");
    return SC_OK;
}

static sc_status check_manager(const mock_case *c, sc_diag *diag)
{
    mock_kvcache *cache = NULL;
    sc_status status =
        mock_kvcache_new(mock_plan_blocks(c), MOCK_KV_BLOCK, c->seed, &cache, diag);
    if (!status)
        status = churn(cache, c, diag);
    mock_kvcache_free(cache);
    return status;
}

/* The tables on the device: every block in range and owned once. */
static sc_status check_tables(const mock_observed *o, sc_diag *diag)
{
    const mock_case *c = &o->bench->c;
    int t = mock_bench_find(o->bench, "table"), l = mock_bench_find(o->bench, "length");
    if (t < 0 || l < 0)
        return sc_diag_fail(diag, SC_EUNABLE, SC3008,
                            "the layer has no tensors 'table' and 'length'");
    const int32_t *table = o->inputs.ptr[t], *length = o->inputs.ptr[l];
    int64_t blocks = mock_plan_blocks(c), width = mock_plan_width(c);
    unsigned char *owned = sc_calloc((size_t)blocks, 1);
    if (!owned)
        return sc_diag_nomem(diag);
    sc_status status = SC_OK;
    for (int64_t i = 0; i < c->b * width && !status; i++) {
        bool used = i % width < mock_kvcache_blocks(1, length[i / width], MOCK_KV_BLOCK);
        if (!used && table[i] == -1)
            continue;
        if (!used || table[i] < 0 || table[i] >= blocks || owned[table[i]]++)
            status =
                sc_diag_fail(diag, SC_EUNABLE, SC3008,
                             "table entry %lld of request %lld is %d: unused, out of "
                             "range or owned twice",
                             (long long)(i % width), (long long)(i / width), table[i]);
    }
    sc_free(owned);
    return status;
}

/* ---- what the layer reads ---- */

/* Writes other numbers over some tokens of one block in all pools, or puts the old ones
 * back. */
static sc_status overwrite(const mock_observed *o, int32_t block, int64_t slot, int64_t n,
                           bool restore, sc_diag *diag)
{
    const mock_bench *bench = o->bench;
    for (int i = 0; i < bench->n; i++) {
        const mock_tensor *t = &bench->tensor[i];
        if (t->role != MOCK_CACHE)
            continue;
        size_t token_B = mock_tensor_bytes(t) / (size_t)(t->dim[0] * t->dim[1]);
        size_t at = (size_t)(block * t->dim[1] + slot) * token_B;
        size_t size_B = token_B * (size_t)n;
        unsigned char *p = sc_malloc(size_B);
        if (!p)
            return sc_diag_nomem(diag);
        if (restore)
            memcpy(p, (const char *)o->inputs.ptr[i] + at, size_B);
        else
            mock_fill_random(p, t->dtype,
                             (int64_t)(size_B * 8 / (size_t)sol_dtype_bits(t->dtype)),
                             bench->c.inputs, bench->c.seed ^ 0x5bd1e995u, 3 * t->scale);
        sc_status status =
            bench->ops->upload(bench->dev, (char *)bench->ptr[i] + at, p, size_B, diag);
        sc_free(p);
        if (status)
            return status;
    }
    return SC_OK;
}

/* Largest change of a request's row relative to the row's root mean square. */
static double change(const mock_observed *o, const void *output, int64_t request)
{
    const mock_tensor *t = &o->bench->tensor[o->bench->output];
    double sum2 = 0, worst = 0;
    for (int64_t e = 0; e < o->hidden; e++) {
        double a = mock_get(o->output, t->dtype, request * o->hidden + e);
        double b = mock_get(output, t->dtype, request * o->hidden + e);
        sum2 += a * a;
        if (!(fabs(a - b) <= worst))
            worst = isnan(a - b) ? INFINITY : fabs(a - b);
    }
    return worst / sqrt(sum2 / (double)o->hidden);
}

/* A changed token of `request` (-1: of none) must change that request's row and no other.
 */
static sc_status follows(const mock_observed *o, int64_t request, int32_t block,
                         int64_t slot, int64_t n, sc_diag *diag)
{
    const mock_bench *bench = o->bench;
    void *output = NULL;
    /* What rounding alone may do between two runs, see tolerance() in bench.c; a token
     * among a hundred with three times the usual values does far more. */
    double noise = 8 * mock_dtype_roundoff(bench->tensor[bench->output].dtype);
    sc_status status = overwrite(o, block, slot, n, false, diag);
    if (!status)
        status = mock_bench_poison(bench, MOCK_POISON, diag);
    if (!status)
        status = bench->ops->run(bench->exec, diag);
    if (!status)
        status = mock_bench_output(bench, &output, diag);
    for (int64_t r = 0; r < bench->c.b && !status; r++) {
        double d = change(o, output, r);
        if (r == request ? d > noise : d <= noise)
            continue;
        status = sc_diag_fail(
            diag, SC_EUNABLE, SC3007,
            "block %d slot %lld (%s request %lld) was changed, and row %lld %s",
            (int)block, (long long)slot, request < 0 ? "not to be read by" : "read by",
            (long long)(request < 0 ? r : request), (long long)r,
            r == request ? "did not change" : "changed");
    }
    sc_free(output);
    sc_status restored = overwrite(o, block, slot, n, true, status ? NULL : diag);
    return status ? status : restored;
}

/* Nobody reads what stands before the window, or where the run itself writes. */
static bool is_read(const mock_observed *o, int64_t request, int64_t token)
{
    const mock_case *c = &o->bench->c;
    int window = mock_class_param(o->bench->cls, "window");
    int64_t length = mock_case_length(c, request);
    if (window >= 0 && c->param[window] > 0 && token < length - c->param[window])
        return false;
    return c->scope != MOCK_SCOPE_OP || token + 1 < length;
}

/* One token in every block of every request, then the stale slots behind each request. */
static sc_status check_reads(const mock_observed *o, int64_t *n_tokens, sc_diag *diag)
{
    const mock_bench *bench = o->bench;
    const int32_t *table = o->inputs.ptr[mock_bench_find(bench, "table")];
    const int32_t *length = o->inputs.ptr[mock_bench_find(bench, "length")];
    int64_t width = mock_plan_width(&bench->c);
    sc_status status = SC_OK;
    *n_tokens = 0;
    for (int64_t r = 0; r < bench->c.b; r++) {
        for (int64_t j = 0; j * MOCK_KV_BLOCK < length[r] && !status; j++) {
            int64_t in_block = length[r] - j * MOCK_KV_BLOCK;
            in_block = in_block < MOCK_KV_BLOCK ? in_block : MOCK_KV_BLOCK;
            int64_t slot = (17 * r + 29 * j + 5) % in_block;
            bool read = is_read(o, r, j * MOCK_KV_BLOCK + slot);
            status = follows(o, read ? r : -1, table[r * width + j], slot, 1, diag);
            ++*n_tokens;
        }
        int64_t tail = length[r] % MOCK_KV_BLOCK;
        if (tail && !status)
            status = follows(o, -1, table[r * width + length[r] / MOCK_KV_BLOCK], tail,
                             MOCK_KV_BLOCK - tail, diag);
    }
    return status;
}

/* The last word on a cache check: why holds the reason if status is not SC_OK. */
static sc_status conclude(mock_checker *k, sc_status status, const sc_diag *why,
                          const char *seen)
{
    const mock_case *c = &k->base.bench->c;
    if (status == SC_EGPU || status == SC_ENOMEM)
        return mock_checker_broke(k, check_name, c, k->options->tp, status, why);
    mock_checker_gate(k, check_name, c, status == SC_OK, "%s",
                      status ? why->message : seen);
    return SC_OK;
}

sc_status mock_check_cache(mock_checker *k)
{
    const mock_observed *o = &k->base;
    const mock_case *c = &o->bench->c;
    sc_diag why;
    char seen[200];
    int64_t n_tokens = 0;
    sc_diag_clear(&why);
    if (!k->cls->needs_cache[SOL_CONTEXT] && !k->cls->needs_cache[SOL_GENERATION]) {
        mock_checker_report(k, check_name, NULL, 1, MOCK_SKIP,
                            "the layer needs no KV cache");
        return SC_OK;
    }
    if (mock_checker_skip(k, check_name))
        return SC_OK;
    sc_status status = check_manager(c, &why);
    if (status || !k->cls->needs_cache[k->phase])
        return conclude(
            k, status, &why,
            "manager consistent; keys and values of this phase are packed inputs");
    status = check_tables(o, &why);
    if (!status)
        status = check_reads(o, &n_tokens, &why);
    snprintf(
        seen, sizeof seen,
        "%lld blocks of %d tokens, each owned once; each of %lld changed tokens changes "
        "its request alone",
        (long long)mock_plan_blocks(c), MOCK_KV_BLOCK, (long long)n_tokens);
    return conclude(k, status, &why, seen);
}

/* ---- what the layer writes ---- */

/* Marks the slots of the new tokens; each must be in range and one token's. */
static sc_status mark_slots(const mock_bench *bench, const int32_t *slot,
                            unsigned char *owned, sc_diag *diag)
{
    int64_t slots = mock_plan_blocks(&bench->c) * MOCK_KV_BLOCK;
    for (int64_t i = 0; i < mock_case_tokens(&bench->c); i++)
        if (slot[i] < 0 || slot[i] >= slots || owned[slot[i]]++)
            return sc_diag_fail(diag, SC_EUNABLE, SC3008,
                                "new token %lld goes to slot %d: out of range, or "
                                "another token's",
                                (long long)i, (int)slot[i]);
    return SC_OK;
}

/* No slot but those of new tokens may have changed. */
static sc_status check_rest(const mock_observed *o, const mock_host *after, int pool,
                            const unsigned char *owned, sc_diag *diag)
{
    const mock_tensor *t = &o->bench->tensor[pool];
    int64_t slots = t->dim[0] * t->dim[1];
    size_t token_B = mock_tensor_bytes(t) / (size_t)slots;
    for (int64_t i = 0; i < slots; i++) {
        size_t at = (size_t)i * token_B;
        if (!owned[i] && memcmp((const char *)after->ptr[pool] + at,
                                (const char *)o->inputs.ptr[pool] + at, token_B) != 0)
            return sc_diag_fail(diag, SC_EUNABLE, SC3007,
                                "slot %lld of %s changed, and no new token goes there",
                                (long long)i, t->name);
    }
    return SC_OK;
}

/* The cache as it was before any run, then one run. */
static sc_status append_again(const mock_observed *o, mock_host *after, sc_diag *diag)
{
    const mock_bench *bench = o->bench;
    sc_status status = SC_OK;
    for (int i = 0; i < bench->n && !status; i++)
        if (bench->tensor[i].role == MOCK_CACHE)
            status = bench->ops->upload(bench->dev, bench->ptr[i], o->inputs.ptr[i],
                                        mock_tensor_bytes(&bench->tensor[i]), diag);
    if (!status)
        status = bench->ops->run(bench->exec, diag);
    return status ? status : mock_host_inputs(bench, after, diag);
}

static sc_status check_appended(const mock_observed *o, mock_compare *r, sc_diag *diag)
{
    const mock_bench *bench = o->bench;
    mock_host after;
    unsigned char *owned = sc_calloc((size_t)mock_plan_blocks(&bench->c), MOCK_KV_BLOCK);
    sc_status status = owned ? append_again(o, &after, diag) : sc_diag_nomem(diag);
    if (status) {
        sc_free(owned);
        return status;
    }
    status = mark_slots(bench, after.ptr[mock_bench_find(bench, "slot")], owned, diag);
    for (int i = 0; i < bench->n && !status; i++)
        if (bench->tensor[i].role == MOCK_CACHE)
            status = check_rest(o, &after, i, owned, diag);
    if (!status)
        status = mock_bench_judge_cache(bench, &after, INT64_MAX, r, diag);
    mock_host_free(&after);
    sc_free(owned);
    return status;
}

sc_status mock_check_append(mock_checker *k)
{
    static const char check[] = "cache append";
    const mock_case *c = &k->base.bench->c;
    mock_compare r = {0};
    char text[160];
    sc_diag why;
    sc_diag_clear(&why);
    if (c->scope != MOCK_SCOPE_OP || mock_checker_skip(k, check))
        return SC_OK;
    sc_status status = check_appended(&k->base, &r, &why);
    if (status == SC_EGPU || status == SC_ENOMEM)
        return mock_checker_broke(k, check, c, k->options->tp, status, &why);
    mock_checker_describe(&r, text, sizeof text);
    mock_checker_gate(k, check, c, !status && mock_compare_ok(&r), "%s",
                      status ? why.message : text);
    return SC_OK;
}
