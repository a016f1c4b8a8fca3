/* solcheck - a case with its memory on a device: allocation, fill, comparison.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "mock/bench.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

sc_status mock_case_bytes(const mock_class *cls, const mock_case *c, size_t *size_B,
                          sc_diag *diag)
{
    mock_tensor tensor[MOCK_MAX_TENSORS];
    int n = 0;
    sc_status status = cls->plan(c, tensor, &n, diag);
    if (status)
        return status;
    size_t sum = 0; /* the plan has checked that this does not overflow */
    for (int i = 0; i < n; i++)
        sum += mock_tensor_bytes(&tensor[i]);
    *size_B = sum;
    return SC_OK;
}

uint64_t mock_bench_seed(const mock_bench *bench, int i)
{
    return bench->c.seed * MOCK_MAX_TENSORS + (uint64_t)i;
}

static int64_t elements(const mock_tensor *tensor)
{
    int64_t n = 1;
    for (int i = 0; i < tensor->rank; i++)
        n *= tensor->dim[i];
    return n;
}

/* All memory first: a case that does not fit fails before anything is filled. */
static sc_status allocate(mock_bench *bench, sc_diag *diag)
{
    for (int i = 0; i < bench->n; i++) {
        size_t size_B = mock_tensor_bytes(&bench->tensor[i]);
        sc_status status =
            bench->ops->alloc(bench->dev, size_B + MOCK_GUARD_B, &bench->ptr[i], diag);
        if (status)
            return status;
    }
    return SC_OK;
}

/* Has the class write the index tensors in host memory. Released by the caller, on errors
 * too. */
static sc_status make_index(const mock_bench *bench, mock_host *host, sc_diag *diag)
{
    for (int i = 0; i < bench->n; i++) {
        if (bench->tensor[i].role != MOCK_INDEX)
            continue;
        host->ptr[i] = sc_calloc(1, mock_tensor_bytes(&bench->tensor[i]));
        if (!host->ptr[i])
            return sc_diag_nomem(diag);
    }
    return bench->cls->fill(&bench->c, host->ptr, diag);
}

static sc_status upload_index(mock_bench *bench, const mock_host *host, sc_diag *diag)
{
    sc_status status = SC_OK;
    for (int i = 0; i < bench->n && !status; i++)
        if (bench->tensor[i].role == MOCK_INDEX)
            status = bench->ops->upload(bench->dev, bench->ptr[i], host->ptr[i],
                                        mock_tensor_bytes(&bench->tensor[i]), diag);
    return status;
}

static sc_status fill(mock_bench *bench, const mock_host *index, sc_diag *diag)
{
    const mock_device_ops *ops = bench->ops;
    for (int i = 0; i < bench->n; i++) {
        const mock_tensor *t = &bench->tensor[i];
        size_t size_B = mock_tensor_bytes(t);
        sc_status status = ops->fill_byte(bench->dev, (char *)bench->ptr[i] + size_B,
                                          MOCK_GUARD, MOCK_GUARD_B, diag);
        if (!status && (t->role == MOCK_OUTPUT || t->role == MOCK_SIDE))
            status = ops->fill_byte(bench->dev, bench->ptr[i], MOCK_POISON, size_B, diag);
        else if (!status && t->role != MOCK_INDEX)
            status = ops->fill_random(bench->dev, bench->ptr[i], t->dtype, elements(t),
                                      bench->c.inputs, mock_bench_seed(bench, i),
                                      t->scale, diag);
        if (status)
            return status;
    }
    if (index)
        return upload_index(bench, index, diag);
    mock_host made = {{NULL}};
    sc_status status = make_index(bench, &made, diag);
    if (!status)
        status = upload_index(bench, &made, diag);
    mock_host_free(&made);
    return status;
}

/* index: NULL has the class make it. */
static sc_status bench_new(const mock_class *cls, const mock_case *c,
                           const mock_device_ops *ops, mock_device *dev,
                           const mock_host *index, mock_bench **out, sc_diag *diag)
{
    mock_bench *bench = sc_calloc(1, sizeof *bench);
    if (!bench)
        return sc_diag_nomem(diag);
    bench->cls = cls;
    bench->ops = ops;
    bench->dev = dev;
    bench->c = *c;
    sc_status status = cls->plan(c, bench->tensor, &bench->n, diag);
    for (int i = 0; i < bench->n; i++)
        if (bench->tensor[i].role == MOCK_OUTPUT)
            bench->output = i;
    if (!status)
        status = allocate(bench, diag);
    if (!status)
        status = fill(bench, index, diag);
    if (!status)
        status = ops->prepare(dev, cls->name, &bench->c, bench->ptr, &bench->exec, diag);
    if (status) {
        mock_bench_free(bench);
        return status;
    }
    *out = bench;
    return SC_OK;
}

sc_status mock_bench_new(const mock_class *cls, const mock_case *c,
                         const mock_device_ops *ops, mock_device *dev, mock_bench **out,
                         sc_diag *diag)
{
    return bench_new(cls, c, ops, dev, NULL, out, diag);
}

sc_status mock_bench_copy(const mock_bench *bench, const mock_host *index,
                          mock_bench **out, sc_diag *diag)
{
    return bench_new(bench->cls, &bench->c, bench->ops, bench->dev, index, out, diag);
}

void mock_bench_free(mock_bench *bench)
{
    if (!bench)
        return;
    for (int i = 0; i + 1 < bench->n_list; i++)
        mock_bench_free(bench->copy[i]);
    sc_free(bench->copy);
    sc_free(bench->list);
    bench->ops->release(bench->exec);
    for (int i = 0; i < bench->n; i++)
        bench->ops->free(bench->dev, bench->ptr[i]);
    sc_free(bench);
}

void mock_host_free(mock_host *host)
{
    for (int i = 0; i < MOCK_MAX_TENSORS; i++)
        sc_free(host->ptr[i]);
}

static sc_status download(const mock_bench *bench, int i, void **out, sc_diag *diag)
{
    size_t size_B = mock_tensor_bytes(&bench->tensor[i]);
    void *p = sc_malloc(size_B);
    if (!p)
        return sc_diag_nomem(diag);
    sc_status status = bench->ops->download(bench->dev, p, bench->ptr[i], size_B, diag);
    if (status) {
        sc_free(p);
        return status;
    }
    *out = p;
    return SC_OK;
}

/* Downloads the tensors whose role has its bit set. */
static sc_status host_roles(const mock_bench *bench, unsigned roles, mock_host *out,
                            sc_diag *diag)
{
    mock_host host = {{NULL}};
    for (int i = 0; i < bench->n; i++) {
        if (!(roles >> bench->tensor[i].role & 1))
            continue;
        sc_status status = download(bench, i, &host.ptr[i], diag);
        if (status) {
            mock_host_free(&host);
            return status;
        }
    }
    *out = host;
    return SC_OK;
}

sc_status mock_host_inputs(const mock_bench *bench, mock_host *out, sc_diag *diag)
{
    return host_roles(bench, ~(1U << MOCK_OUTPUT | 1U << MOCK_SIDE), out, diag);
}

sc_status mock_host_index(const mock_bench *bench, mock_host *out, sc_diag *diag)
{
    return host_roles(bench, 1U << MOCK_INDEX, out, diag);
}

sc_status mock_bench_output(const mock_bench *bench, void **out, sc_diag *diag)
{
    return download(bench, bench->output, out, diag);
}

sc_status mock_bench_poison(const mock_bench *bench, int value, sc_diag *diag)
{
    return bench->ops->fill_byte(bench->dev, bench->ptr[bench->output], value,
                                 mock_tensor_bytes(&bench->tensor[bench->output]), diag);
}

sc_status mock_bench_guards(const mock_bench *bench, int *broken, sc_diag *diag)
{
    int found = -1;
    for (int i = 0; i < bench->n && found < 0; i++) {
        unsigned char guard[MOCK_GUARD_B];
        sc_status status = bench->ops->download(bench->dev, guard,
                                                (const char *)bench->ptr[i] +
                                                    mock_tensor_bytes(&bench->tensor[i]),
                                                sizeof guard, diag);
        if (status)
            return status;
        for (int k = 0; k < MOCK_GUARD_B; k++)
            if (guard[k] != MOCK_GUARD)
                found = i;
    }
    *broken = found;
    return SC_OK;
}

/* ---- comparison ---- */

/* Tolerance of one element of the output, |got - want| <= tolerance.
 *
 * Inputs are the same bits on both sides, so the difference is rounding alone. Let u be
 * the unit roundoff of the output's dtype, D the number of accumulated terms, R the root
 * mean square of the wanted row: a sum of D independent terms has partial sums of at most
 * about R.
 *
 * 1. The result is rounded to the dtype: at most u |want|.
 * 2. Attention kernels round the probabilities p_j to the dtype before they multiply
 * values. The errors delta_j <= u are independent, so their sum has a standard deviation
 * of at most u/sqrt(3) * sqrt(sum p_j^2 v_j^2) = u R / sqrt(3); six of them, enough for
 * 1e9 elements, are 3.5 u R. Where one probability dominates it is at most u |want|, and
 * a split along the sequence rounds once more: 4 u (|want| + R) covers 1 and 2.
 * 3. Sums are kept in binary32. Rounding to nearest errs by a random walk, standard
 * deviation at most sqrt(D) 2^-24 R, six of them taken. Tensor cores truncate, which is
 * biased: at most 2^-23 R a step, and a step adds at least 8 terms: D/8 * 2^-23 R = D/4 *
 * 2^-24 R.
 *    Hopper's fp8 products keep some 14 bits of their sums (DeepSeek-V3, arXiv
 * 2412.19437, section 3.3.2), by truncation: 2^-13 R a step instead of 2^-23 R.
 * 4. Exponentials: scores of up to about 16 are rounded in binary32 before exp() and
 * exp() itself errs by 2 units: below 64 * 2^-24 R in all.
 *
 * 5. What a layer rounds on its way, to a dtype coarser than the output's (moe in fp8:
 * the activations between its two products), errs as in 2 with that dtype's u: 3.5 u R,
 * and u |want| where one term dominates.
 *
 * An element that misses one term of D stands out by about R/sqrt(D); this test alone
 * sees that for D < (1/(8u))^2, about 1000 in bf16. The checks use short sequences for
 * that. */
typedef struct rounding {
    double output, between; /* unit roundoffs; between: 0 if there is none */
    double step;            /* of a truncated sum, relative */
    double depth;
} rounding;

static rounding rounding_of(const mock_class *cls, const mock_case *c, sol_dtype output)
{
    return (rounding){.output = mock_dtype_roundoff(output),
                      .between = cls->between ? cls->between(c) : 0,
                      .step = c->dtype[0] == SOL_FP8 ? 0x1p-13 : 0x1p-23,
                      .depth = (double)cls->depth(c)};
}

static double tolerance(const rounding *r, double want, double rms)
{
    return 4 * (r->output + r->between) * (fabs(want) + rms) +
           (6 * sqrt(r->depth) + 64) * 0x1p-24 * rms + r->depth / 8 * r->step * rms;
}

static void compare_row(const double *got, const double *want, int64_t n,
                        const rounding *r, mock_compare *out, double *error2,
                        double *want2)
{
    double sum2 = 0;
    for (int64_t i = 0; i < n; i++)
        sum2 += want[i] * want[i];
    double rms = sqrt(sum2 / (double)n);
    for (int64_t i = 0; i < n; i++) {
        double d = fabs(got[i] - want[i]), tol = tolerance(r, want[i], rms);
        double ratio = d == 0 ? 0 : d / tol;
        out->n++;
        out->n_bad += !(d <= tol);
        out->n_nonfinite += !isfinite(got[i]);
        out->n_zero += got[i] == 0;
        if (!(ratio <= out->worst)) /* NaN gets stuck as infinity */
            out->worst = isnan(ratio) ? INFINITY : ratio;
        *error2 += d * d;
    }
    *want2 += sum2;
}

/* Picks rows of the output, ascending, at most max: half of them spread evenly, half the
 * last rows of requests (in context those see every key). row[max]. */
static int64_t pick_rows(const mock_case *c, int64_t max, int64_t *row)
{
    int64_t total = mock_case_tokens(c), n = 0;
    if (total <= max) {
        for (int64_t i = 0; i < total; i++)
            row[n++] = i;
        return n;
    }
    int64_t ends = c->phase == SOL_CONTEXT ? max / 2 : 0, even = max - ends;
    if (ends > c->b)
        ends = c->b;
    int64_t next_even = 0, next_end = 0, end = -1, r = -1;
    while (next_even < even || next_end < ends) {
        int64_t a = INT64_MAX, z = INT64_MAX;
        if (next_even < even)
            a = even > 1 ? next_even * (total - 1) / (even - 1) : 0;
        if (next_end < ends) {
            int64_t want = ends > 1 ? next_end * (c->b - 1) / (ends - 1) : c->b - 1;
            while (r < want)
                end += mock_case_length(c, ++r);
            z = end;
        }
        int64_t low = a < z ? a : z;
        next_even += a == low;
        next_end += z == low;
        if (n == 0 || row[n - 1] != low)
            row[n++] = low;
    }
    return n;
}

sc_status mock_bench_judge(const mock_bench *bench, const mock_host *inputs,
                           const void *output, int64_t max_rows, mock_compare *out,
                           sc_diag *diag)
{
    const mock_tensor *t = &bench->tensor[bench->output];
    int64_t hidden = t->dim[t->rank - 1], max = max_rows < 2 ? 2 : max_rows;
    double error2 = 0, want2 = 0;
    rounding r = rounding_of(bench->cls, &bench->c, t->dtype);
    int64_t *row = sc_reallocarray(NULL, (size_t)max, sizeof *row);
    double *want = sc_reallocarray(NULL, (size_t)hidden, 2 * sizeof *want);
    if (!row || !want) {
        sc_free(row);
        sc_free(want);
        return sc_diag_nomem(diag);
    }
    sc_status status = SC_OK;
    mock_compare result = {0};
    int64_t n_rows = pick_rows(&bench->c, max, row);
    for (int64_t i = 0; !status && i < n_rows; i++) {
        double *got = want + hidden;
        status = bench->cls->reference(&bench->c, (const void *const *)inputs->ptr,
                                       &row[i], 1, want, diag);
        if (status)
            break;
        mock_load_double(output, t->dtype, row[i] * hidden, hidden, got);
        compare_row(got, want, hidden, &r, &result, &error2, &want2);
    }
    sc_free(row);
    sc_free(want);
    if (status)
        return status;
    result.rel_l2 = sqrt(error2 / want2);
    result.want_rms = sqrt(want2 / (double)result.n);
    *out = result;
    return SC_OK;
}

/* ---- what was appended ---- */

int mock_bench_find(const mock_bench *bench, const char *name)
{
    for (int i = 0; i < bench->n; i++)
        if (strcmp(bench->tensor[i].name, name) == 0)
            return i;
    return -1;
}

/* Rounded once to the dtype, after RoPE in binary32: two products and a sum, each off by
 * 2^-24 of numbers no larger than twice the largest of the token; a subnormal of fp8 is
 * off by 2^-10 at most (others' are too small to matter). */
static void compare_token(const double *got, const double *want, int64_t n,
                          sol_dtype dtype, mock_compare *out)
{
    double largest = 0, u = mock_dtype_roundoff(dtype);
    for (int64_t i = 0; i < n; i++)
        largest = fmax(largest, fabs(want[i]));
    for (int64_t i = 0; i < n; i++) {
        double d = fabs(got[i] - want[i]);
        double tol = u * fabs(want[i]) + 8 * 0x1p-24 * largest +
                     (dtype == SOL_FP8 ? 0x1p-10 : 0x1p-25);
        out->n++;
        out->n_bad += !(d <= tol);
        out->n_nonfinite += !isfinite(got[i]);
        if (!(d / tol <= out->worst))
            out->worst = isnan(d) ? INFINITY : d / tol;
    }
}

static sc_status judge_pool(const mock_bench *bench, const mock_host *after, int pool,
                            int64_t max_tokens, mock_compare *out, sc_diag *diag)
{
    const mock_tensor *t = &bench->tensor[pool];
    const int32_t *slot = after->ptr[mock_bench_find(bench, "slot")];
    int64_t width = elements(t) / (t->dim[0] * t->dim[1]);
    int64_t tokens = mock_case_tokens(&bench->c);
    int64_t n = tokens < max_tokens ? tokens : max_tokens;
    double *want = sc_reallocarray(NULL, (size_t)width, 2 * sizeof *want);
    if (!want)
        return sc_diag_nomem(diag);
    for (int64_t i = 0; i < n; i++) {
        int64_t token = n > 1 ? i * (tokens - 1) / (n - 1) : 0;
        bench->cls->appended(&bench->c, (const void *const *)after->ptr, pool, token,
                             want);
        mock_load_double(after->ptr[pool], t->dtype, slot[token] * width, width,
                         want + width);
        compare_token(want + width, want, width, t->dtype, out);
    }
    sc_free(want);
    return SC_OK;
}

sc_status mock_bench_judge_cache(const mock_bench *bench, const mock_host *after,
                                 int64_t max_tokens, mock_compare *out, sc_diag *diag)
{
    sc_status status = SC_OK;
    for (int i = 0; i < bench->n && !status; i++)
        if (bench->tensor[i].role == MOCK_CACHE)
            status = judge_pool(bench, after, i, max_tokens, out, diag);
    return status;
}

sc_status mock_bench_compare(mock_bench *bench, int64_t max_rows, mock_compare *out,
                             sc_diag *diag)
{
    mock_host inputs;
    void *output = NULL;
    sc_status status = mock_bench_poison(bench, MOCK_POISON, diag);
    if (!status)
        status = bench->ops->run(bench->exec, diag);
    if (!status)
        status = mock_bench_output(bench, &output, diag);
    if (status)
        return status;
    status = mock_host_inputs(bench, &inputs, diag);
    if (!status) {
        status = mock_bench_judge(bench, &inputs, output, max_rows, out, diag);
        if (!status && bench->c.scope == MOCK_SCOPE_OP)
            status = mock_bench_judge_cache(bench, &inputs, max_rows, out, diag);
        mock_host_free(&inputs);
    }
    sc_free(output);
    return status;
}

bool mock_compare_ok(const mock_compare *compare)
{
    return compare->n > 0 && compare->n_bad == 0 && compare->n_nonfinite == 0 &&
           compare->worst <= 1;
}
