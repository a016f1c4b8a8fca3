/* Each check must fail on the device that has its fault, and only that check.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "fake.h"
#include "mock/cpu/cpu.h"
#include "mock/layers/layers.h"

typedef struct seen {
    int n, n_pass, n_skip;
    char failed[512]; /* "check|check|" in order, each once a phase */
    mock_finding last_failed, agreement;
    int stop_after; /* 0 = never */
} seen;

static bool note(void *user, const mock_finding *f)
{
    seen *s = user;
    s->n++;
    s->n_pass += f->outcome == MOCK_PASS;
    s->n_skip += f->outcome == MOCK_SKIP;
    cr_assert(f->check[0] && f->where[0] && f->seen[0], "a finding says nothing");
    if (strcmp(f->check, "agreement") == 0)
        s->agreement = *f;
    if (f->outcome == MOCK_FAIL) {
        size_t at = strlen(s->failed);
        snprintf(s->failed + at, sizeof s->failed - at, "%s|", f->check);
        s->last_failed = *f;
    }
    return s->stop_after == 0 || s->n < s->stop_after;
}

static bool ignore(void *user, const mock_finding *f)
{
    (void)user, (void)f;
    return true;
}

static sc_status check_in(const char *layer, fake_fault fault, sol_phase_kind phase,
                          sol_dtype dtype, bool allow_graph_fail, seen *s, int *n_failed)
{
    mock_device *dev;
    mock_device_info info;
    mock_check_options options;
    sc_diag diag;
    const mock_class *cls = mock_class_find(layer);
    const mock_device_ops *ops = fake_open(fault, &dev, &info);
    cr_assert_not_null(ops);
    mock_check_defaults(cls, &options);
    fake_small(cls, options.param);
    for (int i = 0; i < cls->n_slots; i++)
        if (dtype != SOL_FP8 || cls->fp8[i])
            options.dtype[i] = dtype;
    options.phase[SOL_CONTEXT] = phase == SOL_CONTEXT;
    options.phase[SOL_GENERATION] = phase == SOL_GENERATION;
    options.allow_graph_fail = allow_graph_fail;
    sc_diag_clear(&diag);
    sc_status status =
        mock_check(cls, ops, dev, &info, &options, note, s, n_failed, &diag);
    ops->close(dev);
    return status;
}

static sc_status check(const char *layer, fake_fault fault, sol_phase_kind phase,
                       bool allow_graph_fail, seen *s, int *n_failed)
{
    return check_in(layer, fault, phase, SOL_BF16, allow_graph_fail, s, n_failed);
}

/* Every check, not the one of dtypes alone, runs in the dtypes asked for. */
Test(check, runs_in_fp8_where_a_layer_has_it)
{
    int n, n_fp8 = 0;
    const mock_class *const *classes = mock_classes(&n);
    for (int i = 0; i < n; i++) {
        seen s = {0};
        int n_failed = -1;
        const mock_class *cls = classes[i];
        if (!cls->fp8[0] && !cls->fp8[1])
            continue;
        n_fp8++;
        cr_assert_eq(check_in(cls->name, FAKE_SOUND, SOL_GENERATION, SOL_FP8, false, &s,
                              &n_failed),
                     SC_OK);
        cr_assert_eq(n_failed, 0, "%s: %s: %s", cls->name, s.failed, s.last_failed.seen);
        cr_assert(strstr(s.agreement.where, "fp8"), "%s", s.agreement.where);
    }
    cr_assert_geq(n_fp8, 3);
}

Test(check, fp8_sees_faults)
{
    static const fake_fault faults[] = {FAKE_SCALED, FAKE_NAN, FAKE_UNWRITTEN,
                                        FAKE_PAST_END};
    static const char *const expected[] = {"agreement|", "no NaN|", "output format|",
                                           "output format|"};
    for (int i = 0; i < 4; i++) {
        seen s = {0};
        int n_failed = -1;
        cr_assert_eq(
            check_in("gemm", faults[i], SOL_CONTEXT, SOL_FP8, false, &s, &n_failed),
            SC_OK);
        cr_assert_str_eq(s.failed, expected[i]);
    }
}

Test(check, sound_device_passes_everything)
{
    int n;
    const mock_class *const *classes = mock_classes(&n);
    for (int i = 0; i < n; i++)
        for (int phase = 0; phase < SOL_N_PHASES; phase++) {
            seen s = {0};
            int n_failed = -1;
            cr_assert_eq(check(classes[i]->name, FAKE_SOUND, (sol_phase_kind)phase, false,
                               &s, &n_failed),
                         SC_OK);
            cr_assert_eq(n_failed, 0, "%s: %s: %s", classes[i]->name, s.failed,
                         s.last_failed.seen);
            cr_assert_geq(s.n_pass, 11);
        }
}

/* The one check that must fail, by phase; NULL: the fault cannot be seen in that phase.
 */
static const struct {
    fake_fault fault;
    const char *layer;
    const char *failed[SOL_N_PHASES];
} faults[] = {
    {FAKE_SCALED, "attention", {"agreement|", "agreement|"}},
    {FAKE_SCALED, "gemm", {"agreement|", "agreement|"}},
    {FAKE_NAN, "mla", {"no NaN|", "no NaN|"}},
    {FAKE_NAN, "gemm", {"no NaN|", "no NaN|"}},
    {FAKE_ZEROS, "mla", {"not all zeros|", "not all zeros|"}},
    {FAKE_ZERO_ROW, "gemm", {"not all zeros|", "not all zeros|"}},
    {FAKE_UNWRITTEN, "attention", {"output format|", "output format|"}},
    {FAKE_PAST_END, "mla", {"output format|", "output format|"}},
    {FAKE_INPUT, "attention", {"input format|", "input format|"}},
    {FAKE_RANDOM, "gemm", {"input format|", "input format|"}},
    {FAKE_TABLE, "mla", {NULL, "KV cache|"}},
    {FAKE_TABLE, "attention", {NULL, "KV cache|"}},
    {FAKE_STALE, "mla", {NULL, "KV cache|"}},
    {FAKE_STALE, "attention", {NULL, "KV cache|"}},
    {FAKE_LENGTHS, "mla", {"boundary: ragged lengths|", "boundary: ragged lengths|"}},
    {FAKE_LENGTHS,
     "attention",
     {"boundary: ragged lengths|", "boundary: ragged lengths|"}},
    {FAKE_BATCH_1, "mla", {"boundary: batch 1|", "boundary: batch 1|"}},
    {FAKE_SEQ_1, "attention", {"boundary: seq 1|", "boundary: seq 1|"}},
    {FAKE_LARGE_BATCH, "gemm", {"boundary: large batch|", "boundary: large batch|"}},
    {FAKE_FP16, "mla", {"dtype support|", "dtype support|"}},
    {FAKE_FP16_MUTE, "gemm", {"dtype support|", "dtype support|"}},
    {FAKE_FP16_REFUSED, "gemm", {"", ""}},
    {FAKE_HEADS_2, "mla", {"tensor parallelism|", "tensor parallelism|"}},
    {FAKE_CAPTURE, "attention", {"graph capture|", "graph capture|"}},
    {FAKE_GRAPH_STALE, "mla", {"graph capture|", "graph capture|"}},
    {FAKE_OVERCOMMIT, "gemm", {"out of memory|", "out of memory|"}},
    {FAKE_OOM_MUTE, "attention", {"out of memory|", "out of memory|"}},
};

Test(check, each_fault_fails_its_check_alone)
{
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        for (int phase = 0; phase < SOL_N_PHASES; phase++) {
            seen s = {0};
            int n_failed = -1;
            if (!faults[i].failed[phase])
                continue;
            sc_status status = check(faults[i].layer, faults[i].fault,
                                     (sol_phase_kind)phase, false, &s, &n_failed);
            cr_expect_eq(status, SC_OK);
            cr_expect_str_eq(s.failed, faults[i].failed[phase],
                             "fault %d of %s in %s: failed '%s', not '%s' (%s)",
                             faults[i].fault, faults[i].layer,
                             sol_phase_name((sol_phase_kind)phase), s.failed,
                             faults[i].failed[phase], s.last_failed.seen);
            cr_expect_eq(n_failed, faults[i].failed[phase][0] ? 1 : 0);
        }
}

/* With RoPE and the append: everything passes, and a cache that does not hold the new
 * tokens, or holds them elsewhere, is seen. */
Test(check, scope_op_is_checked_with_its_cache)
{
    static const char *const layers[] = {"attention", "mla"};
    static const fake_fault append_faults[] = {FAKE_SOUND, FAKE_NO_APPEND,
                                               FAKE_APPEND_OFF};
    for (int i = 0; i < 3 * 2 * 2 * 2; i++) {
        fake_fault fault = append_faults[i % 3];
        const mock_class *cls = mock_class_find(layers[i / 3 % 2]);
        mock_device *dev;
        mock_device_info info;
        mock_check_options options;
        sc_diag diag;
        seen s = {0};
        int n_failed = -1;
        const mock_device_ops *ops = fake_open(fault, &dev, &info);
        mock_check_defaults(cls, &options);
        fake_small(cls, options.param);
        options.scope = MOCK_SCOPE_OP;
        options.dtype[1] = i / 6 % 2 ? SOL_FP8 : SOL_BF16;
        options.phase[i / 12] = false;
        cr_assert_eq(
            mock_check(cls, ops, dev, &info, &options, note, &s, &n_failed, &diag),
            SC_OK);
        ops->close(dev);
        bool seen_append = strstr(s.failed, "cache append|") != NULL;
        if (fault == FAKE_SOUND)
            cr_expect_eq(n_failed, 0, "%s: %s: %s", cls->name, s.failed,
                         s.last_failed.seen);
        else /* a value that is missing from the cache is missing from the output too */
            cr_expect(seen_append || strstr(s.failed, "KV cache|"), "%s %d: '%s'",
                      cls->name, i, s.failed);
    }
}

/* Tokens before the window are not read, those in it are. */
Test(check, window_bounds_what_is_read)
{
    static const int64_t windows[] = {1, 41, 64, 65, 1000};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        const mock_class *cls = mock_class_find("attention");
        mock_device *dev;
        mock_device_info info;
        mock_check_options options;
        sc_diag diag;
        seen s = {0};
        int n_failed = -1;
        const mock_device_ops *ops = fake_open(FAKE_SOUND, &dev, &info);
        mock_check_defaults(cls, &options);
        fake_small(cls, options.param);
        options.param[MOCK_ATTENTION_WINDOW] = windows[i];
        cr_assert_eq(
            mock_check(cls, ops, dev, &info, &options, note, &s, &n_failed, &diag),
            SC_OK);
        ops->close(dev);
        cr_expect_eq(n_failed, 0, "window %d: %s: %s", (int)windows[i], s.failed,
                     s.last_failed.seen);
    }
}

Test(check, allowed_graph_failure_is_skipped_and_said)
{
    seen s = {0};
    int n_failed = -1;
    cr_assert_eq(check("mla", FAKE_CAPTURE, SOL_GENERATION, true, &s, &n_failed), SC_OK);
    cr_assert_eq(n_failed, 0);
    cr_assert_eq(s.n_skip, 1);
}

Test(check, fatal_device_error_ends_the_run)
{
    seen s = {0};
    int n_failed = 123;
    cr_assert_eq(check("gemm", FAKE_OOM_FATAL, SOL_CONTEXT, false, &s, &n_failed),
                 SC_EGPU);
    cr_assert_str_eq(s.failed, "out of memory|");
    cr_assert_eq(n_failed, 123, "outputs are written on success only");
}

/* No crash and no leak (ASan); what does not fit on the host ends the run. */
Test(check, survives_failed_allocations)
{
    int failures = 0;
    for (unsigned long nth = 1; nth < 4000; nth += nth < 60 ? 1 : 37) {
        seen s = {0};
        int n_failed = -1;
        mock_device *dev;
        mock_device_info info;
        mock_check_options options;
        sc_diag diag;
        const mock_class *cls = mock_class_find("gemm");
        const mock_device_ops *ops = fake_open(FAKE_SOUND, &dev, &info);
        mock_check_defaults(cls, &options);
        fake_small(cls, options.param);
        options.phase[SOL_GENERATION] = false;
        sc_alloc_fail_at(nth, 0);
        sc_status status =
            mock_check(cls, ops, dev, &info, &options, ignore, &s, &n_failed, &diag);
        sc_alloc_fail_at(0, 0);
        cr_assert(status == SC_OK || status == SC_ENOMEM);
        cr_assert_eq(dev->used_B, 0, "device memory leaks at allocation %lu", nth);
        failures += status == SC_ENOMEM || n_failed > 0;
        ops->close(dev);
    }
    cr_assert_gt(failures, 40);
}

Test(check, emit_can_stop_the_run)
{
    seen s = {.stop_after = 4};
    int n_failed = -1;
    cr_assert_eq(check("mla", FAKE_SOUND, SOL_CONTEXT, false, &s, &n_failed), SC_OK);
    cr_assert_eq(s.n, 4);
}

Test(check, refuses_impossible_options)
{
    mock_device *dev;
    mock_device_info info;
    mock_check_options options;
    sc_diag diag;
    seen s = {0};
    int n_failed;
    const mock_class *cls = mock_class_find("mla");
    const mock_device_ops *ops = fake_open(FAKE_SOUND, &dev, &info);
    mock_check_defaults(cls, &options);
    options.tp = 3; /* 128 heads */
    cr_assert_eq(mock_check(cls, ops, dev, &info, &options, note, &s, &n_failed, &diag),
                 SC_EINVAL);
    cr_assert_eq(diag.code, SC1114);
    options.tp = 0;
    cr_assert_eq(mock_check(cls, ops, dev, &info, &options, note, &s, &n_failed, &diag),
                 SC_EINVAL);
    options.tp = 1;
    options.param[0] = 0;
    cr_assert_eq(mock_check(cls, ops, dev, &info, &options, note, &s, &n_failed, &diag),
                 SC_EINVAL);
    cr_assert_eq(diag.code, SC3005);
    cr_assert_eq(s.n, 0);
    ops->close(dev);
}
