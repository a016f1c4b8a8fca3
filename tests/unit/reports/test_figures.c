/* solcheck - tests of reports/figures.c and figure_draw.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/figures.h"
#include "study.h"

/* Predictions that are 10 and 1 % too long, so that there are residuals. */
static double too_long(const col_point *point, int axes, double user)
{
    (void)point;
    (void)user;
    return axes ? 1.01 : 1.1;
}

/* A curve of error that falls to none at all. */
static void invent_curve(rep_phase *p)
{
    static const rep_error curve[] = {{5, 0.173, 0.61}, {11, 0.0457, 0.291}, {230, 0, 0}};
    p->error = sc_calloc(3, sizeof *p->error);
    cr_assert_not_null(p->error);
    memcpy(p->error, curve, sizeof curve);
    p->n_errors = 3;
}

/* In the generation phase, where points of the study share x. */
static void draw(const rep_study *study, rep_figure kind, const char *format, sc_buf *out)
{
    sc_buf script = {0};
    sc_diag diag = {0};
    cr_assert_eq(rep_figure_script(study, &study->phase[SOL_GENERATION], kind, format,
                                   "f", &script, &diag),
                 SC_OK, "%s: %s", rep_figure_name(kind), diag.message);
    cr_assert_eq(rep_figure_draw(&script, "f", out, &diag), SC_OK, "%s: %s",
                 rep_figure_name(kind), diag.message);
    sc_buf_free(&script);
}

Test(figures, every_kind_draws_in_every_format)
{
    static const struct {
        const char *format, *start;
    } format[] = {{"svg", "<?xml"}, {"png", "\x89PNG"}, {"pdf", "%PDF"}, {"dumb", ""}};
    test_study t;
    if (!test_gnuplot())
        cr_skip_test("SKIPPED: no gnuplot");
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    test_hold_out(&t.study.phase[SOL_GENERATION], too_long, 0);
    invent_curve(&t.study.phase[SOL_GENERATION]);
    for (int k = 0; k < REP_N_FIGURES; k++)
        for (size_t i = 0; i < sizeof format / sizeof *format; i++) {
            sc_buf out = {0};
            draw(&t.study, (rep_figure)k, format[i].format, &out);
            cr_expect_eq(strncmp(out.text, format[i].start, strlen(format[i].start)), 0,
                         "%s as %s", rep_figure_name((rep_figure)k), format[i].format);
            cr_expect_gt(out.n, 1000);
            sc_buf_free(&out);
        }
    test_study_clear(&t);
}

Test(figures, a_hostile_title_stays_text)
{
    test_study t;
    sc_buf script = {0};
    sc_diag diag = {0};
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    snprintf(t.study.source_text, sizeof t.study.source_text,
             "x'; system('touch /tmp/pwned'); '\nset output '/tmp/pwned'");
    cr_assert_eq(rep_figure_script(&t.study, &t.study.phase[SOL_CONTEXT],
                                   REP_FIGURE_ROOFLINE, "svg", "f", &script, &diag),
                 SC_OK);
    cr_expect_null(strstr(sc_buf_text(&script), "\nset output '/tmp"));
    cr_expect_not_null(strstr(sc_buf_text(&script), "x''; system(''touch"));
    sc_buf_free(&script);
    test_study_clear(&t);
}

Test(figures, without_measurements_there_is_only_sol)
{
    test_study t;
    test_study_init(&t, test_twist);
    for (int k = 0; k < REP_N_FIGURES; k++) {
        sc_buf script = {0};
        sc_diag diag = {0};
        sc_status status = rep_figure_script(&t.study, &t.study.phase[SOL_CONTEXT],
                                             (rep_figure)k, "svg", "f", &script, &diag);
        cr_expect_eq(status, k == REP_FIGURE_LATENCY ? SC_OK : SC_EDOMAIN, "%s",
                     rep_figure_name((rep_figure)k));
        cr_expect(status == SC_OK || diag.code == SC5003);
        sc_buf_free(&script);
    }
    test_study_clear(&t);
}

/* Where not all configurations are drawn the figure says which ones are. */
Test(figures, a_choice_of_configurations_names_the_first)
{
    test_study t;
    sc_buf script = {0};
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    rep_phase *p = &t.study.phase[SOL_CONTEXT];
    size_t n = p->points.n_configs;
    sol_config config[6];
    for (size_t i = 0; i < 6; i++) {
        config[i] = p->points.config[i % n];
        config[i].tp = (double)(i + 1);
    }
    sol_config *own = p->points.config;
    p->points.config = config;
    p->points.n_configs = 6;
    for (size_t i = 0; i < p->points.n; i++)
        p->points.point[i].group = (int)(i % 6);
    cr_assert_eq(
        rep_figure_script(&t.study, p, REP_FIGURE_LATENCY, "svg", "f", &script, NULL),
        SC_OK);
    const char *said =
        strstr(sc_buf_text(&script), "4 of 6 measured configurations shown");
    cr_assert_not_null(said);
    cr_expect_not_null(strstr(said, ", the first: "));
    cr_expect_not_null(strstr(said, "heads "));
    p->points.config = own;
    p->points.n_configs = n;
    sc_buf_free(&script);
    test_study_clear(&t);
}

/* What is small fills the figure; what is not measured names no table. */
Test(figures, scales_follow_the_data)
{
    test_study t;
    sc_buf script = {0};
    test_study_init(&t, test_twist);
    rep_phase *p = &t.study.phase[SOL_GENERATION];
    t.study.source = REP_RECORDING;
    snprintf(t.study.source_text, sizeof t.study.source_text, "twist_context.csv");
    cr_assert_eq(
        rep_figure_script(&t.study, p, REP_FIGURE_LATENCY, "svg", "f", &script, NULL),
        SC_OK);
    cr_expect_null(strstr(sc_buf_text(&script), "twist_context.csv"));
    sc_buf_free(&script);
    test_study_measure(&t);
    test_hold_out(p, too_long, 0);
    cr_assert_eq(
        rep_figure_script(&t.study, p, REP_FIGURE_RESIDUALS, "svg", "f", &script, NULL),
        SC_OK);
    cr_expect_not_null(strstr(sc_buf_text(&script), "set yrange [-1"), "%s",
                       sc_buf_text(&script));
    cr_expect_null(strstr(sc_buf_text(&script), "beyond 100 %"));
    sc_buf_free(&script);
    for (size_t i = 0; i < p->points.n; i++)
        p->points.point[i].latency_s = 7.1e-6 * (1 + 0.02 * (double)(i % 3));
    cr_assert_eq(
        rep_figure_script(&t.study, p, REP_FIGURE_SPREAD, "svg", "f", &script, NULL),
        SC_OK);
    cr_expect_null(strstr(sc_buf_text(&script), "set logscale y"));
    cr_expect_not_null(strstr(sc_buf_text(&script), "set yrange [0.998"), "%s",
                       sc_buf_text(&script));
    sc_buf_free(&script);
    cr_assert_eq(
        rep_figure_script(&t.study, p, REP_FIGURE_SHARE, "svg", "f", &script, NULL),
        SC_OK);
    cr_expect_not_null(strstr(sc_buf_text(&script), "set xlabel 's: KV length'\n"));
    sc_buf_free(&script);
    test_study_clear(&t);
}

Test(figures, the_curve_of_error_shows_medians_percentiles_table_and_target)
{
    test_study t;
    sc_buf script = {0};
    char table[64];
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    rep_phase *p = &t.study.phase[SOL_GENERATION];
    invent_curve(p);
    for (int target = 0; target < 2; target++) {
        t.study.target = target ? 0.0271 : 0;
        cr_assert_eq(
            rep_figure_script(&t.study, p, REP_FIGURE_ERROR, "svg", "f", &script, NULL),
            SC_OK);
        const char *text = sc_buf_text(&script);
        cr_expect_not_null(
            strstr(text, "\n5 17.3 61\n11 4.57 29.1\n\n230 0.0001 0.0001\n"));
        p->error[2].n = p->points.n; /* the same without a gap of a decade */
        p->error[1].n = p->points.n / 2;
        sc_buf_free(&script);
        cr_assert_eq(
            rep_figure_script(&t.study, p, REP_FIGURE_ERROR, "svg", "f", &script, NULL),
            SC_OK);
        text = sc_buf_text(&script);
        cr_expect_not_null(strstr(text, " 4.57 29.1\n\n"));
        p->error[2].n = 230;
        p->error[1].n = 11;
        snprintf(table, sizeof table, "'%zu points in the table'", p->points.n);
        cr_expect_not_null(strstr(text, table));
        cr_expect_eq(strstr(text, "title 'target 2.71 %'") != NULL, target);
        cr_expect_not_null(strstr(text, "set logscale x\n"));
        cr_expect_not_null(strstr(text, "set logscale y\n"));
        sc_buf_free(&script);
    }
    test_study_clear(&t);
}

Test(figures, survives_failing_allocations)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    test_hold_out(&t.study.phase[SOL_GENERATION], too_long, 0);
    invent_curve(&t.study.phase[SOL_GENERATION]);
    for (int k = 0; k < REP_N_FIGURES; k++)
        for (unsigned long n = 1; n < 100000; n += 1 + n / 16) {
            sc_buf script = {0};
            sc_diag diag = {0};
            long live = sc_alloc_live();
            sc_alloc_fail_at(n, true);
            sc_status status =
                rep_figure_script(&t.study, &t.study.phase[SOL_GENERATION], (rep_figure)k,
                                  "svg", "f", &script, &diag);
            sc_alloc_fail_at(0, false);
            sc_buf_free(&script);
            cr_assert(status == SC_OK || status == SC_ENOMEM, "%d", (int)status);
            cr_assert_eq(sc_alloc_live(), live);
            if (status == SC_OK)
                break;
        }
    test_study_clear(&t);
}
