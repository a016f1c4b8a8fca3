/* solcheck - what the layer classes share: checks of a case, index tensors, and a plain
 * attention.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdint.h>

#include "base/alloc.h"
#include "mock/kvcache.h"
#include "mock/layers/layers.h"

int64_t mock_case_length(const mock_case *c, int64_t r)
{
    return c->lengths ? c->lengths[r] : c->s;
}

static sc_status check_axes(const mock_class *cls, const mock_case *c, sc_diag *diag)
{
    if (c->b < 1 || c->s < 1)
        return sc_diag_fail(diag, SC_EINVAL, SC3005,
                            "%s needs b and s of at least 1, not b=%lld s=%lld",
                            cls->name, (long long)c->b, (long long)c->s);
    if (c->b >= INT32_MAX || c->s >= INT32_MAX)
        return sc_diag_fail(diag, SC_EUNABLE, SC3005,
                            "b=%lld s=%lld overflows the 32-bit index tensors",
                            (long long)c->b, (long long)c->s);
    for (int64_t r = 0; c->lengths && r < c->b; r++)
        if (c->lengths[r] < 1 || c->lengths[r] > c->s)
            return sc_diag_fail(diag, SC_EINVAL, SC3005,
                                "length %lld of request %lld is outside [1, %lld]",
                                (long long)c->lengths[r], (long long)r, (long long)c->s);
    if (mock_case_tokens(c) >= INT32_MAX || mock_plan_blocks(c) >= INT32_MAX)
        return sc_diag_fail(diag, SC_EUNABLE, SC3005,
                            "b*s=%lld tokens overflow the 32-bit index tensors",
                            (long long)(c->b * c->s));
    return SC_OK;
}

sc_status mock_plan_check(const mock_class *cls, const mock_case *c, sc_diag *diag)
{
    sc_status status = check_axes(cls, c, diag);
    if (status)
        return status;
    for (int i = 0; i < cls->n_params; i++) {
        const mock_param *p = &cls->param[i];
        if (c->param[i] < p->lo || c->param[i] > p->hi)
            return sc_diag_fail(diag, SC_EINVAL, SC3005,
                                "%s of %s is %lld, outside [%lld, %lld]", p->name,
                                cls->name, (long long)c->param[i], (long long)p->lo,
                                (long long)p->hi);
    }
    if (c->scope == MOCK_SCOPE_OP && !cls->scoped)
        return sc_diag_fail(diag, SC_EINVAL, SC3005,
                            "layer %s has no scope op: there is nothing to rotate or "
                            "to append",
                            cls->name);
    if (c->choice != MOCK_CHOICE_AUTO && !cls->routed)
        return sc_diag_fail(diag, SC_EINVAL, SC3005,
                            "layer %s has one route: there is nothing to choose",
                            cls->name);
    for (int i = 0; i < cls->n_slots; i++)
        if (c->dtype[i] != SOL_BF16 && c->dtype[i] != SOL_FP16 &&
            c->dtype[i] != SOL_FP32 && !(c->dtype[i] == SOL_FP8 && cls->fp8[i]))
            return sc_diag_fail(diag, SC_EINVAL, SC3005, "%s has no %s for %s, only %s",
                                cls->name, sol_dtype_name(c->dtype[i]), cls->slot[i],
                                cls->fp8[i] ? "bf16, fp16, fp32 and fp8"
                                            : "bf16, fp16 and fp32");
    return SC_OK;
}

void mock_plan_add(mock_tensor *tensor, int *n, const char *name, mock_role role,
                   sol_dtype dtype, double scale, const int64_t dim[MOCK_MAX_RANK])
{
    mock_tensor *t = &tensor[(*n)++];
    *t = (mock_tensor){.name = name, .role = role, .dtype = dtype, .scale = scale};
    while (t->rank < MOCK_MAX_RANK && dim[t->rank] > 0) {
        t->dim[t->rank] = dim[t->rank];
        t->rank++;
    }
}

sc_status mock_plan_finish(const mock_tensor *tensor, int n, sc_diag *diag)
{
    size_t total = 0;
    for (int i = 0; i < n; i++) {
        size_t size_B = mock_tensor_bytes(&tensor[i]);
        if (size_B == 0 || size_B > SIZE_MAX / 2 - total)
            return sc_diag_fail(diag, SC_EUNABLE, SC3005,
                                "the size of tensor %s overflows", tensor[i].name);
        total += size_B;
    }
    return SC_OK;
}

sc_status mock_plan_deliver(const mock_tensor *list, int count, mock_tensor *tensor,
                            int *n, sc_diag *diag)
{
    sc_status status = mock_plan_finish(list, count, diag);
    if (status)
        return status;
    for (int i = 0; i < count; i++)
        tensor[i] = list[i];
    *n = count;
    return SC_OK;
}

int64_t mock_plan_blocks(const mock_case *c)
{
    return mock_kvcache_blocks(c->b, c->s, MOCK_KV_BLOCK);
}

int64_t mock_plan_width(const mock_case *c)
{
    return mock_kvcache_blocks(1, c->s, MOCK_KV_BLOCK);
}

sc_status mock_fill_nothing(const mock_case *c, void *const host[], sc_diag *diag)
{
    (void)c, (void)host, (void)diag;
    return SC_OK;
}

void mock_fill_offsets(const mock_case *c, int32_t *offset)
{
    int64_t sum = 0;
    for (int64_t r = 0; r < c->b; r++) {
        offset[r] = (int32_t)sum;
        sum += mock_case_length(c, r);
    }
    offset[c->b] = (int32_t)sum;
}

sc_status mock_fill_tables(const mock_case *c, int32_t *table, int32_t *length,
                           sc_diag *diag)
{
    mock_kvcache *cache = NULL;
    int64_t width = mock_plan_width(c);
    sc_status status =
        mock_kvcache_new(mock_plan_blocks(c), MOCK_KV_BLOCK, c->seed, &cache, diag);
    for (int64_t r = 0; !status && r < c->b; r++) {
        int request = 0;
        status = mock_kvcache_open(cache, &request, diag);
        if (!status)
            status = mock_kvcache_append(cache, request, mock_case_length(c, r), diag);
        if (status)
            break;
        mock_kvcache_table(cache, request, table + r * width, width);
        length[r] = (int32_t)mock_kvcache_length(cache, request);
    }
    if (!status)
        status = mock_kvcache_check(cache, diag);
    mock_kvcache_free(cache);
    return status;
}

/* In generation the new token is the last of its request. */
void mock_fill_positions(const mock_case *c, int32_t *position)
{
    int64_t n = 0;
    for (int64_t r = 0; r < c->b; r++) {
        int64_t length = mock_case_length(c, r);
        for (int64_t i = c->phase == SOL_CONTEXT ? 0 : length - 1; i < length; i++)
            position[n++] = (int32_t)i;
    }
}

/* Each column is a point that goes round a circle, turned on by one step a position: its
 * error grows by 2^-53 a step and stays far below float's. */
void mock_fill_turns(float *table, int64_t positions, int64_t n)
{
    const double base = 10000; /* arXiv 2104.09864, section 3.2.2 */
    int64_t half = n / 2;
    for (int64_t i = 0; i < half; i++) {
        double angle = pow(base, -(double)i / (double)half);
        double step_x = cos(angle), step_y = sin(angle), x = 1, y = 0;
        for (int64_t p = 0; p < positions; p++) {
            table[p * n + i] = (float)x;
            table[p * n + half + i] = (float)y;
            double next = x * step_x - y * step_y;
            y = y * step_x + x * step_y;
            x = next;
        }
    }
}

int64_t mock_ref_request(const int32_t *offset, int64_t b, int64_t t)
{
    int64_t lo = 0, hi = b - 1; /* the request lies in [lo, hi] */
    while (lo < hi) {
        int64_t mid = (lo + hi + 1) / 2;
        if (offset[mid] <= t)
            lo = mid;
        else
            hi = mid - 1;
    }
    return lo;
}

int64_t mock_ref_slot(const int32_t *table, int64_t width, int64_t request, int64_t t)
{
    return (int64_t)table[request * width + t / MOCK_KV_BLOCK] * MOCK_KV_BLOCK +
           t % MOCK_KV_BLOCK;
}

sc_status mock_ref_attend(const mock_ref_head *head, const double *q, int64_t n,
                          double *out, sc_diag *diag)
{
    double *score =
        sc_reallocarray(NULL, (size_t)(n + head->dqk + head->dv), sizeof(double));
    if (!score)
        return sc_diag_nomem(diag);
    double *key = score + n, *value = key + head->dqk;
    double max = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) {
        double dot = 0;
        head->load(head->user, j, key, NULL);
        for (int64_t e = 0; e < head->dqk; e++)
            dot += q[e] * key[e];
        score[j] = dot * head->scale;
        max = fmax(max, score[j]);
    }
    for (int64_t j = 0; j < n; j++) {
        score[j] = exp(score[j] - max);
        sum += score[j];
    }
    for (int64_t e = 0; e < head->dv; e++)
        out[e] = 0;
    for (int64_t j = 0; j < n; j++) {
        head->load(head->user, j, NULL, value);
        for (int64_t e = 0; e < head->dv; e++)
            out[e] += score[j] / sum * value[e];
    }
    sc_free(score);
    return SC_OK;
}
