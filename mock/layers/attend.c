/* solcheck - what attention and mla share: their tensors, index fills, rotation of new
 * tokens, the append to the cache, and the walk over the keys that a query sees.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

/* Stored number = value / scale; keys (or the latent) first, then values. Of N(0,1) the
 * largest of 1e12 stays below 448 then. Powers of two: what a kernel rounds after scaling
 * is what it would have rounded before. */
static const float cache_scale[2] = {0x1p-5f, 0x1p-4f};

double mock_attend_scale(const mock_case *c, bool values)
{
    return c->dtype[1] == SOL_FP8 ? (double)cache_scale[values] : 1;
}

void mock_attend_put(mock_tensor *list, int at, const char *name, mock_role role,
                     sol_dtype dtype, double scale, const int64_t dim[MOCK_MAX_RANK])
{
    if (at >= 0)
        mock_plan_add(list, &at, name, role, dtype, scale, dim);
}

void mock_attend_plan(const mock_case *c, const mock_attend_at *at, int64_t rotary,
                      mock_tensor *list)
{
    int64_t b = c->b, t = mock_case_tokens(c);
    const mock_role role = MOCK_INDEX;
    mock_attend_put(list, at->offset, "offset", role, SOL_INT32, 0, MOCK_DIMS(b + 1));
    mock_attend_put(list, at->table, "table", role, SOL_INT32, 0,
                    MOCK_DIMS(b, mock_plan_width(c)));
    mock_attend_put(list, at->length, "length", role, SOL_INT32, 0, MOCK_DIMS(b));
    mock_attend_put(list, at->cos_sin, "cos_sin", role, SOL_FP32, 0,
                    MOCK_DIMS(c->s, rotary));
    mock_attend_put(list, at->position, "position", role, SOL_INT32, 0, MOCK_DIMS(t));
    mock_attend_put(list, at->slot, "slot", role, SOL_INT32, 0, MOCK_DIMS(t));
    mock_attend_put(list, at->scale, "scale", role, SOL_FP32, 0, MOCK_DIMS(2));
}

sc_status mock_attend_check(const mock_case *c, int64_t rotary, sc_diag *diag)
{
    if (c->scope == MOCK_SCOPE_OP && rotary % 2)
        return sc_diag_fail(diag, SC_EINVAL, SC3005,
                            "RoPE turns pairs of numbers: %lld is odd",
                            (long long)rotary);
    return SC_OK;
}

/* ---- index tensors ---- */

/* Where the new tokens go: block * 64 + place in the block, from a table[b,width]. */
static void fill_slots(const mock_case *c, const int32_t *table, int32_t *slot)
{
    int64_t n = 0, width = mock_plan_width(c);
    for (int64_t r = 0; r < c->b; r++) {
        int64_t length = mock_case_length(c, r);
        for (int64_t i = c->phase == SOL_CONTEXT ? 0 : length - 1; i < length; i++)
            slot[n++] = (int32_t)mock_ref_slot(table, width, r, i);
    }
}

/* In context no tensor holds the table: the slots tell all that is needed of it. */
static sc_status fill_context_slots(const mock_case *c, int32_t *slot, sc_diag *diag)
{
    size_t width = (size_t)mock_plan_width(c), b = (size_t)c->b;
    int32_t *table = sc_reallocarray(NULL, b * (width + 1), sizeof *table);
    if (!table)
        return sc_diag_nomem(diag);
    sc_status status = mock_fill_tables(c, table, table + b * width, diag);
    if (!status)
        fill_slots(c, table, slot);
    sc_free(table);
    return status;
}

sc_status mock_attend_fill(const mock_case *c, const mock_attend_at *at, int64_t rotary,
                           void *const host[], sc_diag *diag)
{
    sc_status status = SC_OK;
    if (at->offset >= 0)
        mock_fill_offsets(c, host[at->offset]);
    if (at->table >= 0)
        status = mock_fill_tables(c, host[at->table], host[at->length], diag);
    if (!status && at->scale >= 0)
        for (int i = 0; i < 2; i++)
            ((float *)host[at->scale])[i] = cache_scale[i];
    if (status || at->slot < 0)
        return status;
    mock_fill_turns(host[at->cos_sin], c->s, rotary);
    mock_fill_positions(c, host[at->position]);
    if (at->table < 0)
        return fill_context_slots(c, host[at->slot], diag);
    fill_slots(c, host[at->table], host[at->slot]);
    return SC_OK;
}

/* ---- references ---- */

double mock_attend_factor(const mock_attend_place *p, bool values)
{
    return p->at.scale >= 0 ? ((const float *)p->host[p->at.scale])[values] : 1.0;
}

/* Pairs (i, i + n/2) of a head turned by its token's position. */
static void turn(const mock_attend_place *p, int64_t token, int64_t n, double *x)
{
    const int32_t *position = p->host[p->at.position];
    const float *by = (const float *)p->host[p->at.cos_sin] + position[token] * n;
    int64_t half = n / 2;
    for (int64_t i = 0; i < half; i++) {
        double a = x[i], b = x[half + i];
        x[i] = a * by[i] - b * by[half + i];
        x[half + i] = b * by[i] + a * by[half + i];
    }
}

void mock_attend_new(const mock_attend_place *p, int64_t token, const mock_piece *piece,
                     int n_pieces, double *out)
{
    const mock_case *c = p->c;
    bool op = c->scope == MOCK_SCOPE_OP;
    for (int i = 0; i < n_pieces; i++) {
        const mock_piece *from = &piece[i];
        /* Keys and values of attention's bare kernel are as a cache has them; those of
         * mla (which have a k_rope) are expanded from it. */
        bool cached = !op && p->at.k_rope < 0 && from->tensor != p->at.q;
        double scale = cached ? mock_attend_factor(p, from->tensor == p->at.v) : 1;
        mock_load_double(p->host[from->tensor], c->dtype[cached], from->at, from->n, out);
        for (int64_t e = 0; cached && e < from->n; e++)
            out[e] *= scale;
        if (op && from->turned)
            turn(p, token, from->n, out);
        out += from->n;
    }
}

void mock_attend_round(const mock_attend_place *p, bool cached, bool values, int64_t n,
                       double *x)
{
    float number[1] = {0}; /* room for any dtype */
    sol_dtype dtype = p->c->dtype[cached];
    double scale = cached ? mock_attend_factor(p, values) : 1;
    for (int64_t i = 0; i < n && p->c->scope == MOCK_SCOPE_OP; i++) {
        mock_set(number, dtype, 0, x[i] / scale);
        x[i] = mock_get(number, dtype, 0) * scale;
    }
}

void mock_attend_cached(const mock_attend_place *p, int pool, int64_t at, int64_t n,
                        double *out)
{
    double scale = mock_attend_factor(p, pool == p->at.v_pool);
    mock_load_double(p->host[pool], p->c->dtype[1], at, n, out);
    for (int64_t i = 0; i < n; i++)
        out[i] *= scale;
}

int64_t mock_attend_see(mock_attend_place *p, int64_t row, bool causal, int64_t window)
{
    int64_t end;
    if (p->c->phase == SOL_GENERATION) {
        p->request = row;
        end = ((const int32_t *)p->host[p->at.length])[row];
    } else {
        const int32_t *offset = p->host[p->at.offset];
        p->request = mock_ref_request(offset, p->c->b, row);
        p->first = offset[p->request];
        end = (causal ? row + 1 : offset[p->request + 1]) - p->first;
    }
    p->length = end;
    p->skip = window > 0 && end > window ? end - window : 0;
    return end - p->skip;
}
