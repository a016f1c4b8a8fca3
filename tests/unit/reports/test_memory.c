/* solcheck - allocations of reports/ fail: SC_ENOMEM, no crash, nothing written.
 * SC_ALLOC_STRIDE=1 fails every one, once alone and once with all that follow; the
 * default draws some. SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/html.h"
#include "reports/internal.h"
#include "study.h"

typedef sc_status writer(const rep_study *, sc_buf *, sc_diag *);

static sc_status explain(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    return rep_explain(study->op, study->op->phase[SOL_CONTEXT], out, diag);
}

static sc_status plot(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    return rep_plot_script(study, &study->phase[SOL_GENERATION], "svg", "f.svg", out,
                           diag);
}

static sc_status page(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    const rep_svgs none = {{{NULL}}};
    return rep_html(study, &none, out, diag);
}

/* Fails the nth allocation for n = 1, 1 + step, ... until the writer succeeds. */
static void starve(const rep_study *study, writer *write, const char *name)
{
    const char *stride = getenv("SC_ALLOC_STRIDE");
    unsigned long step = stride ? strtoul(stride, NULL, 10) : 0, n = 1;
    sc_buf want = {0};
    cr_assert_eq(write(study, &want, NULL), SC_OK);
    for (bool sticky = false;; sticky = !sticky) {
        sc_buf out = {0};
        sc_diag diag;
        sc_diag_clear(&diag);
        sc_alloc_fail_at(n, sticky);
        sc_status status = write(study, &out, &diag);
        sc_alloc_fail_at(0, 0);
        if (status == SC_OK) {
            cr_expect_str_eq(sc_buf_text(&out), sc_buf_text(&want), "%s differs at %lu",
                             name, n);
            sc_buf_free(&out);
            break;
        }
        cr_assert_eq(status, SC_ENOMEM, "%s at %lu: %s", name, n, diag.message);
        cr_assert_eq(diag.code, SC1000, "%s at %lu: %s", name, n, diag.message);
        sc_buf_free(&out);
        n += !step ? 1 + n / 40 : sticky ? step : 0;
    }
    cr_expect(n > 10, "%s: only %lu allocations", name, n);
    sc_buf_free(&want);
}

Test(memory, writers_survive_every_failure)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    starve(&t.study, rep_json, "json");
    starve(&t.study, rep_summary, "summary");
    starve(&t.study, rep_note, "note");
    starve(&t.study, page, "page");
    starve(&t.study, rep_cases, "cases");
    starve(&t.study, rep_query_signature, "query signature");
    starve(&t.study, rep_parameters, "parameters");
    starve(&t.study, explain, "explain");
    starve(&t.study, plot, "plot");
    test_study_clear(&t);
}

/* An op context keeps numbers once made; a fresh one for every failure makes them anew.
 */
Test(memory, a_fresh_op_survives_too)
{
    test_study t;
    test_study_init(&t, test_twist);
    sc_buf want = {0};
    cr_assert_eq(rep_note(&t.study, &want, NULL), SC_OK);
    unsigned long n = 1;
    for (bool done = false; !done; n += 1 + n / 16) {
        test_study fresh;
        sc_buf out = {0};
        sc_diag diag;
        test_study_init(&fresh, test_twist);
        sc_alloc_fail_at(n, 0);
        sc_status status = rep_note(&fresh.study, &out, &diag);
        sc_alloc_fail_at(0, 0);
        done = status == SC_OK;
        cr_assert(done || status == SC_ENOMEM, "at %lu: %s", n, diag.message);
        if (done) { /* but for the op file's path */
            cr_expect_eq(out.n, want.n, "differs at %lu", n);
        }
        sc_buf_free(&out);
        test_study_clear(&fresh);
    }
    cr_expect(n > 100, "only %lu allocations", n);
    sc_buf_free(&want);
    test_study_clear(&t);
}

Test(memory, write_leaves_nothing_behind)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    char *dir = sc_path_join(t.dir, "out");
    for (unsigned long n = 1;; n += 1 + n / 10) {
        sc_diag diag;
        sc_alloc_fail_at(n, 1);
        sc_status status = rep_write(&t.study, dir, false, NULL, &diag);
        sc_alloc_fail_at(0, 0);
        if (status == SC_OK) {
            break;
        }
        cr_assert_eq(status, SC_ENOMEM, "at %lu: %s", n, diag.message);
        cr_assert_eq(test_count(dir), -1, "left behind at %lu", n);
    }
    cr_expect_eq(test_count(dir), TEST_N_TEXTS);
    sc_free(dir);
    test_study_clear(&t);
}
