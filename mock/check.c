/* solcheck - validation of mock layers: the run over all checks, and those checks that
 * look at one result: formats, NaN, zeros, agreement.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "mock/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

/* The base case: three requests, a length that fills no block and spans two. */
enum { BASE_B = 3, BASE_S = 97 };

void mock_check_defaults(const mock_class *cls, mock_check_options *options)
{
    *options = (mock_check_options){.phase = {true, true}, .tp = 1, .seed = 20240517};
    for (int i = 0; i < MOCK_MAX_PARAMS; i++)
        options->param[i] = -1;
    for (int i = 0; i < cls->n_slots; i++)
        options->dtype[i] = SOL_BF16;
}

/* ---- what all checks use ---- */

bool mock_checker_case(const mock_checker *k, int tp, int64_t b, int64_t s,
                       mock_case *out)
{
    mock_case_init(k->cls, k->phase, b, s, out);
    out->seed = k->options->seed;
    out->scope = k->options->scope;
    out->inputs = k->options->inputs;
    out->choice = k->options->choice;
    for (int i = 0; i < k->cls->n_params; i++) {
        if (k->options->param[i] >= 0)
            out->param[i] = k->options->param[i];
        if (!k->cls->param[i].shard_tp)
            continue;
        if (out->param[i] % tp)
            return false;
        out->param[i] /= tp;
    }
    for (int i = 0; i < k->cls->n_slots; i++)
        out->dtype[i] = k->options->dtype[i];
    return true;
}

/* "bf16", "bf16 kv=fp8" */
static void name_dtypes(const mock_class *cls, const mock_case *c, char *out,
                        size_t out_B)
{
    int at = snprintf(out, out_B, "%s", sol_dtype_name(c->dtype[0]));
    for (int i = 1; i < cls->n_slots && (size_t)at < out_B; i++)
        if (c->dtype[i] != c->dtype[0])
            at += snprintf(out + at, out_B - (size_t)at, " %s=%s", cls->slot[i],
                           sol_dtype_name(c->dtype[i]));
}

static void report(mock_checker *k, const char *check, const mock_case *c, int tp,
                   mock_outcome outcome, const char *fmt, va_list ap)
{
    mock_finding f = {.outcome = outcome};
    char dtypes[40];
    snprintf(f.check, sizeof f.check, "%s", check);
    if (c) {
        name_dtypes(k->cls, c, dtypes, sizeof dtypes);
        snprintf(f.where, sizeof f.where, "%s b=%lld s=%lld tp=%d %s%s",
                 sol_phase_name(k->phase), (long long)c->b, (long long)c->s, tp, dtypes,
                 c->lengths ? " ragged" : "");
    } else
        snprintf(f.where, sizeof f.where, "%s", sol_phase_name(k->phase));
    vsnprintf(f.seen, sizeof f.seen, fmt, ap);
    k->n_failed += outcome == MOCK_FAIL;
    if (!k->stopped && !k->emit(k->user, &f))
        k->stopped = true;
}

void mock_checker_report(mock_checker *k, const char *check, const mock_case *c, int tp,
                         mock_outcome outcome, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(k, check, c, tp, outcome, fmt, ap);
    va_end(ap);
}

void mock_checker_gate(mock_checker *k, const char *check, const mock_case *c, bool pass,
                       const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    report(k, check, c, k->options->tp, pass ? MOCK_PASS : MOCK_FAIL, fmt, ap);
    va_end(ap);
    if (!pass && !k->culprit[0])
        snprintf(k->culprit, sizeof k->culprit, "%s", check);
}

bool mock_checker_skip(mock_checker *k, const char *check)
{
    if (!k->culprit[0])
        return false;
    mock_checker_report(k, check, NULL, 1, MOCK_SKIP, "not judged: '%s' failed",
                        k->culprit);
    return true;
}

sc_status mock_checker_broke(mock_checker *k, const char *check, const mock_case *c,
                             int tp, sc_status status, const sc_diag *why)
{
    mock_checker_report(k, check, c, tp, MOCK_FAIL, "%s%s%s",
                        why->message[0] ? why->message : sc_status_name(status),
                        why->hint[0] ? "; " : "", why->hint);
    if (status != SC_EGPU && !(status == SC_ENOMEM && why->code != SC3004))
        return SC_OK;
    if (k->diag)
        *k->diag = *why;
    return status;
}

bool mock_checker_try(const mock_checker *k, const mock_case *c, int64_t max_rows,
                      mock_compare *out, char source[96], sc_status *status, sc_diag *why)
{
    mock_bench *bench = NULL;
    sc_diag_clear(why);
    *status = mock_bench_new(k->cls, c, k->ops, k->dev, &bench, why);
    if (*status)
        return false;
    *status = mock_bench_compare(bench, max_rows, out, why);
    snprintf(source, 96, "%s", k->ops->source(bench->exec));
    mock_bench_free(bench);
    return *status == SC_OK;
}

void mock_checker_describe(const mock_compare *r, char *out, size_t out_B)
{
    if (mock_compare_ok(r))
        snprintf(out, out_B,
                 "worst %.2f of the tolerance over %lld elements, rel. error %.1e",
                 r->worst, (long long)r->n, r->rel_l2);
    else
        snprintf(out, out_B,
                 "%lld of %lld elements are off (%lld not finite, %lld zero), worst %.3g "
                 "times "
                 "the tolerance, rel. error %.1e",
                 (long long)r->n_bad, (long long)r->n, (long long)r->n_nonfinite,
                 (long long)r->n_zero, r->worst, r->rel_l2);
}

/* ---- the base case ---- */

/* Runs over one poison and downloads what came out. */
static sc_status run_over(const mock_bench *bench, int poison, void **out, sc_diag *diag)
{
    sc_status status = mock_bench_poison(bench, poison, diag);
    if (!status)
        status = bench->ops->run(bench->exec, diag);
    if (!status)
        status = mock_bench_output(bench, out, diag);
    return status;
}

static bool all_bytes(const unsigned char *p, size_t n, int value)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != value)
            return false;
    return true;
}

/* Counts what is wrong in the output. An element is unwritten if it still holds both
 * poisons: one alone could be a computed NaN. */
static void count(mock_observed *o, const void *other, int poison)
{
    const mock_tensor *t = &o->bench->tensor[o->bench->output];
    size_t width = (size_t)sol_dtype_bits(t->dtype) / 8;
    int64_t zeros = 0;
    o->hidden = t->dim[t->rank - 1];
    o->n = (int64_t)(mock_tensor_bytes(t) / width);
    for (int64_t i = 0; i < o->n; i++) {
        double value = mock_get(o->output, t->dtype, i);
        const unsigned char *a = (const unsigned char *)o->output + (size_t)i * width;
        const unsigned char *b = (const unsigned char *)other + (size_t)i * width;
        zeros = i % o->hidden == 0 ? 0 : zeros;
        zeros += value == 0;
        o->zero_rows += zeros == o->hidden;
        if (all_bytes(a, width, MOCK_POISON) && all_bytes(b, width, poison))
            o->unwritten++;
        else
            o->nonfinite += !isfinite(value);
    }
}

/* First input whose bytes are no longer those seen before the runs, or -1. */
static sc_status find_changed(const mock_observed *o, int *out, sc_diag *diag)
{
    mock_host now;
    sc_status status = mock_host_inputs(o->bench, &now, diag);
    if (status)
        return status;
    *out = -1;
    bool appends = o->bench->c.scope == MOCK_SCOPE_OP;
    for (int i = o->bench->n - 1; i >= 0; i--)
        if (now.ptr[i] && !(appends && o->bench->tensor[i].role == MOCK_CACHE) &&
            memcmp(now.ptr[i], o->inputs.ptr[i],
                   mock_tensor_bytes(&o->bench->tensor[i])) != 0)
            *out = i;
    mock_host_free(&now);
    return SC_OK;
}

static sc_status observe(mock_checker *k, const mock_case *c, sc_diag *diag)
{
    enum { OTHER_POISON = 0x7b }; /* finite in every dtype */
    mock_observed *o = &k->base;
    void *other = NULL;
    sc_status status = mock_bench_new(k->cls, c, k->ops, k->dev, &o->bench, diag);
    if (!status)
        status = mock_host_inputs(o->bench, &o->inputs, diag);
    if (!status)
        status = run_over(o->bench, OTHER_POISON, &other, diag);
    if (!status)
        status = run_over(o->bench, MOCK_POISON, &o->output, diag);
    if (!status)
        status = mock_bench_guards(o->bench, &o->guard, diag);
    if (!status)
        status = find_changed(o, &o->changed, diag);
    if (!status)
        count(o, other, OTHER_POISON);
    sc_free(other);
    return status;
}

static void forget(mock_observed *o)
{
    mock_host_free(&o->inputs);
    sc_free(o->output);
    mock_bench_free(o->bench);
    *o = (mock_observed){0};
}

/* ---- checks on its result ---- */

/* Appends "name[3,32,128] bf16". */
static void add_shape(sc_buf *buf, const mock_tensor *t)
{
    sc_buf_printf(buf, "%s%s[", buf->n ? ", " : "", t->name);
    for (int i = 0; i < t->rank; i++)
        sc_buf_printf(buf, "%s%lld", i ? "," : "", (long long)t->dim[i]);
    sc_buf_printf(buf, "] %s", sol_dtype_name(t->dtype));
}

/* Do the device's random numbers and index tensors equal those made on the host? *wrong
 * is the first tensor that differs, or -1. */
static sc_status compare_inputs(const mock_observed *o, int *wrong, sc_diag *diag)
{
    const mock_bench *bench = o->bench;
    mock_host want = {{NULL}};
    sc_status status = SC_OK;
    for (int i = 0; i < bench->n && !status; i++) {
        const mock_tensor *t = &bench->tensor[i];
        if (i == bench->output || t->role == MOCK_SIDE)
            continue;
        size_t size_B = mock_tensor_bytes(t);
        want.ptr[i] = sc_calloc(1, size_B);
        if (!want.ptr[i])
            status = sc_diag_nomem(diag);
        else if (t->role != MOCK_INDEX)
            mock_fill_random(want.ptr[i], t->dtype,
                             (int64_t)(size_B * 8 / (size_t)sol_dtype_bits(t->dtype)),
                             bench->c.inputs, mock_bench_seed(bench, i), t->scale);
    }
    if (!status)
        status = bench->cls->fill(&bench->c, want.ptr, diag);
    *wrong = -1;
    for (int i = bench->n - 1; i >= 0 && !status; i--)
        if (want.ptr[i] && memcmp(want.ptr[i], o->inputs.ptr[i],
                                  mock_tensor_bytes(&bench->tensor[i])) != 0)
            *wrong = i;
    mock_host_free(&want);
    return status;
}

sc_status mock_check_input(mock_checker *k)
{
    const mock_observed *o = &k->base;
    const mock_bench *bench = o->bench;
    sc_buf shapes = {0};
    sc_diag why;
    int wrong = -1;
    sc_diag_clear(&why);
    sc_status status = compare_inputs(o, &wrong, &why);
    if (status)
        return mock_checker_broke(k, "input format", &bench->c, k->options->tp, status,
                                  &why);
    for (int i = 0; i < bench->n; i++)
        if (i != bench->output && bench->tensor[i].role != MOCK_SIDE)
            add_shape(&shapes, &bench->tensor[i]);
    if (wrong >= 0)
        mock_checker_gate(k, "input format", &bench->c, false,
                          "%s on the device is not what was filled in",
                          bench->tensor[wrong].name);
    else if (o->changed >= 0)
        mock_checker_gate(k, "input format", &bench->c, false, "the layer overwrites %s",
                          bench->tensor[o->changed].name);
    else
        mock_checker_gate(k, "input format", &bench->c, true, "%s on %s %s",
                          sc_buf_text(&shapes), k->info->kind, k->info->name);
    sc_buf_free(&shapes);
    return SC_OK;
}

/* Rows must be the tokens of the case, the last dimension the hidden size of the layer.
 */
static bool output_shape_ok(const mock_bench *bench)
{
    const mock_tensor *t = &bench->tensor[bench->output];
    int64_t rows = 1;
    for (int i = 0; i < t->rank - 1; i++)
        rows *= t->dim[i];
    return t->rank >= 2 && rows == mock_case_tokens(&bench->c) &&
           t->dim[t->rank - 1] == mock_class_hidden(bench->cls, &bench->c) &&
           t->dtype == mock_result_dtype(bench->c.dtype[0]);
}

sc_status mock_check_output(mock_checker *k)
{
    const mock_observed *o = &k->base;
    const mock_case *c = &o->bench->c;
    const char *check = "output format";
    sc_buf shape = {0};
    add_shape(&shape, &o->bench->tensor[o->bench->output]);
    if (!output_shape_ok(o->bench))
        mock_checker_gate(k, check, c, false, "%s is not tokens by hidden size",
                          sc_buf_text(&shape));
    else if (o->guard >= 0)
        mock_checker_gate(k, check, c, false, "the layer writes past the end of %s",
                          o->bench->tensor[o->guard].name);
    else
        mock_checker_gate(k, check, c, o->unwritten == 0,
                          "%s, hidden size %lld, %lld of %lld elements not written",
                          sc_buf_text(&shape), (long long)o->hidden,
                          (long long)o->unwritten, (long long)o->n);
    sc_buf_free(&shape);
    return SC_OK;
}

sc_status mock_check_finite(mock_checker *k)
{
    const mock_observed *o = &k->base;
    if (!mock_checker_skip(k, "no NaN"))
        mock_checker_gate(k, "no NaN", &o->bench->c, o->nonfinite == 0,
                          "%lld of %lld elements are NaN or infinite",
                          (long long)o->nonfinite, (long long)o->n);
    return SC_OK;
}

sc_status mock_check_zeros(mock_checker *k)
{
    const mock_observed *o = &k->base;
    if (!mock_checker_skip(k, "not all zeros"))
        mock_checker_gate(k, "not all zeros", &o->bench->c, o->zero_rows == 0,
                          "%lld of %lld rows are all zeros", (long long)o->zero_rows,
                          (long long)(o->n / o->hidden));
    return SC_OK;
}

/* One longer case, of several tiles: enough for split kernels to split. */
static sc_status agree_long(mock_checker *k)
{
    mock_case c;
    mock_compare r;
    char text[160], source[96];
    sc_diag why;
    sc_status status;
    mock_checker_case(k, k->options->tp, 2, k->phase == SOL_CONTEXT ? 211 : 1237, &c);
    if (!mock_checker_try(k, &c, 4, &r, source, &status, &why))
        return mock_checker_broke(k, "agreement", &c, k->options->tp, status, &why);
    mock_checker_describe(&r, text, sizeof text);
    mock_checker_gate(k, "agreement", &c, mock_compare_ok(&r), "%s, %s", text, source);
    return SC_OK;
}

sc_status mock_check_agreement(mock_checker *k)
{
    const mock_observed *o = &k->base;
    const mock_case *c = &o->bench->c;
    mock_compare r;
    char text[160];
    sc_diag why;
    if (mock_checker_skip(k, "agreement"))
        return SC_OK;
    sc_diag_clear(&why);
    sc_status status = mock_bench_judge(o->bench, &o->inputs, o->output, 16, &r, &why);
    if (status)
        return mock_checker_broke(k, "agreement", c, k->options->tp, status, &why);
    mock_checker_describe(&r, text, sizeof text);
    mock_checker_gate(k, "agreement", c, mock_compare_ok(&r), "%s, %s", text,
                      k->ops->source(o->bench->exec));
    return mock_compare_ok(&r) && !k->stopped ? agree_long(k) : SC_OK;
}

/* ---- the run ---- */

static mock_check_fn *const checks[] = {
    mock_check_input,  mock_check_output, mock_check_finite,    mock_check_zeros,
    mock_check_cache,  mock_check_append, mock_check_agreement, mock_check_boundaries,
    mock_check_dtypes, mock_check_shards, mock_check_graph,     mock_check_memory,
};

static sc_status check_phase(mock_checker *k)
{
    mock_case c;
    sc_diag why;
    sc_diag_clear(&why);
    k->culprit[0] = '\0';
    mock_checker_case(k, k->options->tp, BASE_B, BASE_S, &c);
    sc_status status = observe(k, &c, &why);
    if (status) {
        status = mock_checker_broke(k, "run", &c, k->options->tp, status, &why);
        forget(&k->base);
        return status;
    }
    for (size_t i = 0; i < sizeof checks / sizeof checks[0] && !status && !k->stopped;
         i++)
        status = checks[i](k);
    forget(&k->base);
    return status;
}

/* tp and parameters must make a legal case, or the run cannot begin. */
static sc_status check_options(const mock_class *cls, const mock_check_options *options,
                               mock_checker *k, sc_diag *diag)
{
    mock_case c;
    mock_tensor tensor[MOCK_MAX_TENSORS];
    int n;
    if (options->tp < 1)
        return sc_diag_fail(diag, SC_EINVAL, SC1105, "tp must be at least 1, not %d",
                            options->tp);
    if (!mock_checker_case(k, options->tp, BASE_B, BASE_S, &c))
        return sc_diag_fail(diag, SC_EINVAL, SC1114,
                            "tp=%d does not divide the heads of %s", options->tp,
                            cls->name);
    return cls->plan(&c, tensor, &n, diag);
}

sc_status mock_check(const mock_class *cls, const mock_device_ops *ops, mock_device *dev,
                     const mock_device_info *info, const mock_check_options *options,
                     mock_finding_fn *emit, void *user, int *n_failed, sc_diag *diag)
{
    mock_checker k = {.cls = cls,
                      .ops = ops,
                      .dev = dev,
                      .info = info,
                      .options = options,
                      .emit = emit,
                      .user = user,
                      .diag = diag};
    sc_status status = check_options(cls, options, &k, diag);
    for (int phase = 0; phase < SOL_N_PHASES && !status && !k.stopped; phase++) {
        if (!options->phase[phase])
            continue;
        char range[96];
        k.phase = (sol_phase_kind)phase;
        snprintf(range, sizeof range, "check %s %s", cls->name, sol_phase_name(k.phase));
        ops->range_push(range);
        status = check_phase(&k);
        ops->range_pop();
    }
    if (!status)
        *n_failed = k.n_failed;
    return status;
}
