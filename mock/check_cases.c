/* solcheck - validation over many cases: boundaries, dtypes, local heads, graphs, memory.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/check.h"
#include "mock/number.h"

/* ---- boundary cases ---- */

/* One case as a check of its own. */
static sc_status boundary(mock_checker *k, const char *check, const mock_case *c)
{
    mock_compare r;
    char text[160], source[96];
    sc_diag why;
    sc_status status;
    if (!mock_checker_try(k, c, 12, &r, source, &status, &why))
        return mock_checker_broke(k, check, c, k->options->tp, status, &why);
    mock_checker_describe(&r, text, sizeof text);
    mock_checker_report(k, check, c, k->options->tp,
                        mock_compare_ok(&r) ? MOCK_PASS : MOCK_FAIL, "%s, %s", text,
                        source);
    return SC_OK;
}

sc_status mock_check_boundaries(mock_checker *k)
{
    static const struct {
        const char *check;
        int64_t b, s[SOL_N_PHASES];
        bool ragged;
    } cases[] = {
        {"boundary: batch 1", 1, {65, 65}, false},
        {"boundary: seq 1", 5, {1, 1}, false},
        {"boundary: large batch", 101, {7, 33}, false},
        {"boundary: ragged lengths", 7, {130, 130}, true},
    };
    /* Around the block size, the shortest, the longest. */
    static const int64_t lengths[] = {1, 130, 63, 64, 65, 2, 129};
    sc_status status = SC_OK;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] && !status && !k->stopped;
         i++) {
        mock_case c;
        if (mock_checker_skip(k, cases[i].check))
            continue;
        mock_checker_case(k, k->options->tp, cases[i].b, cases[i].s[k->phase], &c);
        c.lengths = cases[i].ragged ? lengths : NULL;
        status = boundary(k, cases[i].check, &c);
    }
    return status;
}

/* ---- dtypes ---- */

/* In every slot; fp8 in those that can have it, the others as they are. False where there
 * is none. */
static bool set_dtype(const mock_class *cls, sol_dtype dtype, mock_case *c)
{
    bool any = false;
    for (int i = 0; i < cls->n_slots; i++)
        if (dtype != SOL_FP8 || cls->fp8[i]) {
            c->dtype[i] = dtype;
            any = true;
        }
    return any;
}

/* Runs the layer in one dtype; appends what was seen. *failed on anything but a correct
 * run or a refusal with a reason. */
static sc_status try_dtype(mock_checker *k, sol_dtype dtype, sc_buf *seen, sc_buf *absent,
                           bool *failed, bool *ran)
{
    mock_case c;
    mock_tensor tensor[MOCK_MAX_TENSORS];
    mock_compare r;
    char text[160], source[96];
    int n;
    sc_diag why;
    sc_status status;
    mock_checker_case(k, k->options->tp, 2, 67, &c);
    if (!set_dtype(k->cls, dtype, &c)) {
        sc_buf_printf(absent, " %s", sol_dtype_name(dtype));
        return SC_OK;
    }
    const char *comma = seen->n ? ", " : "", *name = sol_dtype_name(dtype);
    sc_diag_clear(&why);
    if (k->cls->plan(&c, tensor, &n, &why)) { /* no such layer on any device */
        *failed |= !why.message[0];
        sc_buf_printf(absent, " %s", name);
        return SC_OK;
    }
    if (mock_checker_try(k, &c, 4, &r, source, &status, &why)) {
        mock_checker_describe(&r, text, sizeof text);
        *failed |= !mock_compare_ok(&r);
        *ran |= mock_compare_ok(&r);
        if (mock_compare_ok(&r))
            sc_buf_printf(seen, "%s%s runs", comma, name);
        else
            sc_buf_printf(seen, "%s%s is wrong: %s", comma, name, text);
        return SC_OK;
    }
    bool refused = status == SC_EUNABLE && why.code == SC3005 && why.message[0];
    *failed |= !refused;
    sc_buf_printf(seen, "%s%s %s: %s", comma, name, refused ? "refused" : "failed",
                  why.message[0] ? why.message : "no reason given");
    if (k->diag && status == SC_EGPU)
        *k->diag = why;
    return status == SC_EGPU ? status : SC_OK;
}

sc_status mock_check_dtypes(mock_checker *k)
{
    sc_buf seen = {0}, absent = {0};
    bool failed = false, ran = false;
    sc_status status = SC_OK;
    if (mock_checker_skip(k, "dtype support"))
        return SC_OK;
    for (int d = 0; d < SOL_N_DTYPES && !status; d++)
        status = try_dtype(k, (sol_dtype)d, &seen, &absent, &failed, &ran);
    mock_checker_report(
        k, "dtype support", NULL, 1, failed || !ran || status ? MOCK_FAIL : MOCK_PASS,
        "%s; not in this layer:%s", sc_buf_text(&seen), sc_buf_text(&absent));
    sc_buf_free(&absent);
    sc_buf_free(&seen);
    return status;
}

/* ---- tensor parallelism ---- */

static bool is_sharded(const mock_class *cls)
{
    for (int i = 0; i < cls->n_params; i++)
        if (cls->param[i].shard_tp)
            return true;
    return false;
}

/* Local heads of one rank: correct, and the ranks' outputs together as wide as one GPU's;
 * or, where they are to be added up, each as wide. */
static sc_status try_shard(mock_checker *k, int tp, sc_buf *seen, bool *failed)
{
    mock_case c, whole;
    mock_compare r;
    char text[160], source[96];
    sc_diag why;
    sc_status status;
    const char *comma = seen->n ? ", " : "";
    mock_checker_case(k, 1, 2, 67, &whole);
    if (!mock_checker_case(k, tp, 2, 67, &c)) {
        sc_buf_printf(seen, "%stp=%d does not divide the heads", comma, tp);
        return SC_OK;
    }
    int64_t hidden = mock_class_hidden(k->cls, &c),
            all = mock_class_hidden(k->cls, &whole);
    if (k->cls->partial_sums ? hidden != all : hidden * tp != all) {
        *failed = true;
        sc_buf_printf(seen, "%stp=%d: hidden size %lld is no share of %lld", comma, tp,
                      (long long)hidden, (long long)all);
        return SC_OK;
    }
    if (!mock_checker_try(k, &c, 4, &r, source, &status, &why)) {
        *failed = true;
        sc_buf_printf(seen, "%stp=%d: %s", comma, tp, why.message);
        if (k->diag && status == SC_EGPU)
            *k->diag = why;
        return status == SC_EGPU ? status : SC_OK;
    }
    mock_checker_describe(&r, text, sizeof text);
    *failed |= !mock_compare_ok(&r);
    if (mock_compare_ok(&r))
        sc_buf_printf(seen, "%stp=%d hidden %lld", comma, tp, (long long)hidden);
    else
        sc_buf_printf(seen, "%stp=%d is wrong: %s", comma, tp, text);
    return SC_OK;
}

sc_status mock_check_shards(mock_checker *k)
{
    const char *check = "tensor parallelism";
    sc_buf seen = {0};
    bool failed = false;
    sc_status status = SC_OK;
    if (!is_sharded(k->cls)) {
        mock_checker_report(k, check, NULL, 1, MOCK_SKIP,
                            "no parameter is divided by tp");
        return SC_OK;
    }
    if (mock_checker_skip(k, check))
        return SC_OK;
    for (int tp = 1; tp <= 8 && !status; tp *= 2)
        status = try_shard(k, tp, &seen, &failed);
    mock_checker_report(k, check, NULL, 1, failed ? MOCK_FAIL : MOCK_PASS, "%s",
                        sc_buf_text(&seen));
    sc_buf_free(&seen);
    return status;
}

/* ---- graph capture ---- */

/* Elements of b that are not a, beyond what rounding in another order explains. */
static int64_t count_different(const mock_tensor *t, const void *a, const void *b,
                               int64_t n)
{
    double sum2 = 0, u = mock_dtype_roundoff(t->dtype);
    int64_t different = 0;
    for (int64_t i = 0; i < n; i++)
        sum2 += pow(mock_get(a, t->dtype, i), 2);
    double rms = sqrt(sum2 / (double)n);
    for (int64_t i = 0; i < n; i++) {
        double x = mock_get(a, t->dtype, i), y = mock_get(b, t->dtype, i);
        different += !(fabs(x - y) <= 4 * u * (fabs(x) + rms));
    }
    return different;
}

sc_status mock_check_graph(mock_checker *k)
{
    const char *check = "graph capture";
    const mock_observed *o = &k->base;
    const mock_bench *bench = o->bench;
    const mock_tensor *t = &bench->tensor[bench->output];
    void *output = NULL;
    double seconds = 0;
    sc_diag why;
    sc_diag_clear(&why);
    sc_status status = mock_bench_poison(bench, MOCK_POISON, &why);
    if (!status)
        status = bench->ops->time(bench->exec, MOCK_GRAPH, 3, &seconds, &why);
    if (status == SC_EUNABLE && why.code == SC3006 && k->options->allow_graph_fail) {
        mock_checker_report(k, check, &bench->c, k->options->tp, MOCK_SKIP,
                            "%s; eager launches are allowed", why.message);
        return SC_OK;
    }
    if (!status)
        status = mock_bench_output(bench, &output, &why);
    if (status)
        return mock_checker_broke(k, check, &bench->c, k->options->tp, status, &why);
    bool same = memcmp(output, o->output, mock_tensor_bytes(t)) == 0;
    int64_t different = same ? 0 : count_different(t, o->output, output, o->n);
    mock_checker_report(
        k, check, &bench->c, k->options->tp, different ? MOCK_FAIL : MOCK_PASS,
        "3 launches replayed in %.3g ms, %lld of %lld elements differ from "
        "eager launches",
        1e3 * seconds, (long long)different, (long long)o->n);
    sc_free(output);
    return SC_OK;
}

/* ---- out of memory ---- */

/* Was it refused as it should be: by name, with the advice? */
static bool well_refused(sc_status status, const sc_diag *why)
{
    return status == SC_ENOMEM && why->code == SC3004 &&
           (strstr(why->hint, "lower b or s") || strstr(why->message, "lower b or s"));
}

/* Doubles b or s until the case needs twice the memory that there is; false if the index
 * tensors overflow before. */
static bool too_large(const mock_checker *k, size_t memory_B, mock_case *c,
                      size_t *size_B)
{
    mock_checker_case(k, k->options->tp, 1, 1024, c);
    for (int i = 0; i < 62; i++) {
        if (mock_case_bytes(k->cls, c, size_B, NULL))
            return false;
        if (*size_B / 2 > memory_B)
            return true;
        c->b *= 2;
    }
    return false;
}

/* The case itself if one is large enough, else a plain allocation. */
static sc_status ask_too_much(const mock_checker *k, const mock_case *c, bool whole_case,
                              size_t size_B, sc_diag *why)
{
    if (whole_case) {
        mock_bench *bench = NULL;
        sc_status status = mock_bench_new(k->cls, c, k->ops, k->dev, &bench, why);
        if (!status)
            mock_bench_free(bench);
        return status;
    }
    void *p = NULL;
    sc_status status = k->ops->alloc(k->dev, size_B, &p, why);
    if (!status)
        k->ops->free(k->dev, p);
    return status;
}

sc_status mock_check_memory(mock_checker *k)
{
    const char *check = "out of memory";
    mock_case c;
    mock_compare r;
    char source[96];
    sc_diag why, after;
    size_t memory_B = (size_t)k->info->memory_B, size_B = 0;
    bool whole_case = too_large(k, memory_B, &c, &size_B);
    if (!whole_case)
        size_B = memory_B * 2 + 1;
    sc_diag_clear(&why);
    sc_status status = ask_too_much(k, &c, whole_case, size_B, &why), later;
    if (!well_refused(status, &why)) {
        mock_checker_report(
            k, check, whole_case ? &c : NULL, k->options->tp, MOCK_FAIL,
            "asked for %.1f GiB of %.1f: %s [%s]; no advice to lower b or s",
            (double)size_B / 0x1p30, (double)memory_B / 0x1p30,
            status ? why.message : "granted", sc_status_name(status));
        return SC_OK;
    }
    /* The refusal must leave a device that works. */
    mock_case small;
    mock_checker_case(k, k->options->tp, 1, 3, &small);
    if (!mock_checker_try(k, &small, 2, &r, source, &later, &after))
        return mock_checker_broke(k, check, &small, k->options->tp, later, &after);
    mock_checker_report(k, check, whole_case ? &c : NULL, k->options->tp, MOCK_PASS,
                        "asked for %.1f GiB of %.1f: %s; %s", (double)size_B / 0x1p30,
                        (double)memory_B / 0x1p30, why.message, why.hint);
    return SC_OK;
}
