/* solcheck - tests of reports/write.c, gnuplot.c and plot.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "reports/internal.h"
#include "study.h"

static const char *const text_name[] = {"axis-decision.md", "axis-decision.json",
                                        "cases.yaml", "query_signature.py",
                                        "parameters.md", "report.html"};
static const char *const plot_name[] = {
    "sol-vs-measured-context.svg", "sol-vs-measured-context.png",
    "sol-vs-measured-generation.svg", "sol-vs-measured-generation.png"};
#define N_TEXTS TEST_N_TEXTS
#define N_PLOTS 4

static void measured_study(test_study *t)
{
    test_study_init(t, test_twist);
    test_study_measure(t);
}

/* dir/name, owned by the caller. */
static char *under(const test_study *t, const char *name)
{
    char *path = sc_path_join(t->dir, name);
    cr_assert_not_null(path);
    return path;
}

static void expect_files(const char *dir, const char *const *name, int n, bool there)
{
    for (int i = 0; i < n; i++) {
        char *path = sc_path_join(dir, name[i]);
        cr_expect_eq(access(path, R_OK) == 0, there, "%s", name[i]);
        sc_free(path);
    }
}

Test(write, all_files_and_nothing_else)
{
    test_study t;
    measured_study(&t);
    char *dir = under(&t, "new/deep");
    sc_diags warnings = {0};
    sc_diag diag;
    bool gnuplot = test_gnuplot();
    cr_assert_eq(rep_write(&t.study, dir, true, &warnings, &diag), SC_OK, "%s",
                 diag.message);
    expect_files(dir, text_name, N_TEXTS, true);
    expect_files(dir, plot_name, N_PLOTS, gnuplot);
    cr_expect_eq(warnings.n, gnuplot ? 0 : 1);
    cr_expect_eq(test_count(dir), N_TEXTS + (gnuplot ? N_PLOTS : 0));
    struct stat st;
    char *note = sc_path_join(dir, text_name[0]);
    cr_assert_eq(stat(note, &st), 0);
    cr_expect_eq(st.st_mode & 0444, 0444 & ~umask(022), "readable like any file");
    sc_free(note);
    sc_free(dir);
    sc_diags_free(&warnings);
    test_study_clear(&t);
}

/* The big-endian 32-bit number at p. */
static unsigned big32(const char *p)
{
    const unsigned char *u = (const unsigned char *)p;
    return (unsigned)u[0] << 24 | (unsigned)u[1] << 16 | (unsigned)u[2] << 8 | u[3];
}

static void expect_xml(const test_study *t)
{
    int status = test_python(t->dir,
                             "import glob, xml.dom.minidom\n"
                             "for name in glob.glob('out/*.svg'):\n"
                             "    xml.dom.minidom.parse(name)\n",
                             "");
    cr_expect(status <= 0, "SVG is no XML");
}

Test(write, hostile_texts_run_nothing_and_stay_readable)
{
    test_study t;
    measured_study(&t);
    if (!test_gnuplot()) {
        test_study_clear(&t);
        return;
    }
    cr_assert_eq(chdir(t.dir), 0);
    sc_diags warnings = {0};
    sc_diag diag;
    cr_assert_eq(rep_write(&t.study, "out", true, &warnings, &diag), SC_OK, "%s",
                 diag.message);
    cr_expect_eq(warnings.n, 0, "%s", warnings.n ? warnings.item[0].message : "");
    cr_expect_eq(access("pwned", F_OK), -1);
    cr_expect_eq(access("out/pwned", F_OK), -1);
    char *svg = test_read("out", plot_name[0]);
    cr_assert_not_null(svg);
    cr_expect_not_null(strstr(svg, "Invented `touch pwned` GPU"));
    cr_expect_not_null(strstr(svg, "it's `touch pwned`.csv"), "quotes survive");
    cr_expect_not_null(strstr(svg, "2031-02-03"));
    cr_expect_not_null(strstr(svg, "latency (ms)"));
    sc_free(svg);
    char *png = test_read("out", plot_name[1]);
    cr_assert_not_null(png);
    cr_expect_eq(big32(png + 16), 1200);
    cr_expect_eq(big32(png + 20), 800);
    sc_free(png);
    expect_xml(&t);
    sc_diags_free(&warnings);
    test_study_clear(&t);
}

Test(write, hostile_op_name_and_titles_reach_gnuplot_as_text)
{
    test_study t;
    measured_study(&t);
    if (!test_gnuplot()) {
        test_study_clear(&t);
        return;
    }
    sc_free(t.op->name);
    t.op->name =
        sc_strdup("x'; system('touch pwned'); '`touch pwned`@y\nsystem('touch pwned')");
    strcpy(t.study.source_text, "<b>&amp;&no;{/Bold no}^2_3 ]]> \xff");
    cr_assert_eq(chdir(t.dir), 0);
    sc_diags warnings = {0};
    sc_diag diag;
    cr_assert_eq(rep_write(&t.study, "out", true, &warnings, &diag), SC_OK, "%s",
                 diag.message);
    cr_expect_eq(warnings.n, 0, "%s", warnings.n ? warnings.item[0].message : "");
    cr_expect_eq(access("pwned", F_OK), -1);
    cr_expect_eq(access("out/pwned", F_OK), -1);
    char *svg = test_read("out", plot_name[0]);
    cr_expect_not_null(
        strstr(svg, "x'; system('touch pwned'); '`touch pwned`@y system("));
    cr_expect_not_null(strstr(svg, "&lt;b>&amp;amp;&amp;no;{/Bold no}^2_3 ]] > ?"));
    expect_xml(&t);
    sc_free(svg);
    sc_diags_free(&warnings);
    test_study_clear(&t);
}

Test(write, a_directory_that_cannot_be_made_leaves_nothing)
{
    test_study t;
    measured_study(&t);
    test_put(t.dir, "file", "in the way");
    char *dir = under(&t, "file/out"), *deep = under(&t, "a/b/../../file/c");
    sc_diag diag;
    cr_expect_eq(rep_write(&t.study, dir, false, NULL, &diag), SC_EIO);
    cr_expect_eq(diag.code, SC5000);
    cr_expect_eq(rep_write(&t.study, deep, false, NULL, &diag), SC_EIO);
    cr_expect_eq(test_count(t.dir), 1, "only the file itself");
    sc_free(dir);
    sc_free(deep);
    test_study_clear(&t);
}

Test(write, a_target_that_cannot_be_replaced_restores_the_others)
{
    test_study t;
    measured_study(&t);
    char *dir = under(&t, "out"), *block = under(&t, "out/parameters.md");
    cr_assert_eq(mkdir(dir, 0777), 0);
    cr_assert_eq(mkdir(block, 0777), 0);
    test_put(dir, "cases.yaml", "the old cases\n");
    sc_diag diag;
    cr_expect_eq(rep_write(&t.study, dir, false, NULL, &diag), SC_EIO);
    cr_expect_eq(diag.code, SC5000);
    cr_expect_not_null(strstr(diag.message, "parameters.md"));
    char *cases = test_read(dir, "cases.yaml");
    cr_assert_not_null(cases);
    cr_expect_str_eq(cases, "the old cases\n");
    cr_expect_eq(test_count(dir), 2);
    sc_free(cases);
    sc_free(dir);
    sc_free(block);
    test_study_clear(&t);
}

Test(write, a_full_disk_leaves_nothing)
{
    test_study t;
    measured_study(&t);
    char *dir = under(&t, "out/sub"), *top = under(&t, "out");
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, tight = {2000, 2000};
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight.rlim_max = old.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
    sc_diag diag;
    sc_status status = rep_write(&t.study, dir, false, NULL, &diag);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    cr_expect_eq(status, SC_EIO);
    cr_expect_eq(diag.code, SC5000);
    cr_expect_eq(test_count(top), -1, "directories that were made are gone");
    sc_free(dir);
    sc_free(top);
    test_study_clear(&t);
}

/* Runs with PATH = t->dir/bin, which holds gnuplot if script is not NULL; the code of the
 * only warning. */
static sc_code write_with_gnuplot(test_study *t, const char *script, const char *dir)
{
    char *bin = under(t, "bin");
    cr_assert_eq(mkdir(bin, 0777), 0);
    if (script) {
        test_put(bin, "gnuplot", script);
        char *path = sc_path_join(bin, "gnuplot");
        cr_assert_eq(chmod(path, 0755), 0);
        sc_free(path);
    }
    char *saved = sc_strdup(getenv("PATH"));
    setenv("PATH", bin, 1);
    sc_diags warnings = {0};
    sc_diag diag;
    sc_status status = rep_write(&t->study, dir, true, &warnings, &diag);
    setenv("PATH", saved, 1);
    sc_free(saved);
    sc_free(bin);
    cr_assert_eq(status, SC_OK, "%s", diag.message);
    cr_assert_eq(warnings.n, 1);
    cr_expect_eq(warnings.item[0].severity, SC_WARNING);
    sc_code code = warnings.item[0].code;
    sc_diags_free(&warnings);
    return code;
}

static void expect_texts_only(test_study *t, const char *dir)
{
    expect_files(dir, text_name, N_TEXTS, true);
    cr_expect_eq(test_count(dir), N_TEXTS);
    char *note = test_read(dir, "axis-decision.md");
    cr_expect_null(strstr(note, ".svg"), "the note names a plot that is not there");
    sc_free(note);
    (void)t;
}

Test(write, no_gnuplot_costs_the_plots_only_and_removes_stale_ones)
{
    test_study t;
    measured_study(&t);
    char *dir = under(&t, "out");
    cr_assert_eq(mkdir(dir, 0777), 0);
    test_put(dir, plot_name[2], "of an earlier run");
    cr_expect_eq(write_with_gnuplot(&t, NULL, dir), SC5001);
    expect_texts_only(&t, dir);
    sc_free(dir);
    test_study_clear(&t);
}

Test(write, a_gnuplot_that_fails_costs_the_plots_only)
{
    test_study t;
    measured_study(&t);
    char *dir = under(&t, "out");
    cr_expect_eq(write_with_gnuplot(&t, "#!/bin/sh\nexit 3\n", dir), SC5002);
    expect_texts_only(&t, dir);
    sc_free(dir);
    test_study_clear(&t);
}

Test(write, a_gnuplot_that_writes_half_a_plot_is_found_out)
{
    test_study t;
    measured_study(&t);
    char *dir = under(&t, "out");
    cr_expect_eq(write_with_gnuplot(&t,
                                    "#!/bin/sh\n"
                                    "for f in context generation; do\n"
                                    "  echo '<svg' > sol-vs-measured-$f.svg\n"
                                    "  echo 'PNG' > sol-vs-measured-$f.png\n"
                                    "done\n",
                                    dir),
                 SC5002);
    expect_texts_only(&t, dir);
    sc_free(dir);
    test_study_clear(&t);
}

Test(write, foreign_files_in_the_directory_stay)
{
    test_study t;
    measured_study(&t);
    char *dir = under(&t, "out");
    cr_assert_eq(mkdir(dir, 0777), 0);
    test_put(dir, "mine.txt", "keep me");
    cr_assert_eq(rep_write(&t.study, dir, false, NULL, NULL), SC_OK);
    char *mine = test_read(dir, "mine.txt");
    cr_assert_not_null(mine);
    cr_expect_str_eq(mine, "keep me");
    sc_free(mine);
    sc_free(dir);
    test_study_clear(&t);
}

Test(gnuplot, a_hanging_one_is_stopped)
{
    test_study t;
    measured_study(&t);
    test_put(t.dir, "gnuplot", "#!/bin/sh\nexec sleep 30\n");
    char *path = under(&t, "gnuplot"), *old = sc_strdup(getenv("PATH"));
    chmod(path, 0755);
    sc_buf both = {0};
    sc_buf_printf(&both, "%s:%s", t.dir, old);
    setenv("PATH", sc_buf_text(&both), 1);
    sc_diag diag;
    cr_expect_eq(rep_gnuplot_run(t.dir, "x.gp", 0.25, &diag), SC_EIO);
    cr_expect_eq(diag.code, SC5002);
    cr_expect_not_null(strstr(diag.message, "0.25 s"));
    setenv("PATH", old, 1);
    sc_buf_free(&both);
    sc_free(old);
    sc_free(path);
    test_study_clear(&t);
}

Test(gnuplot, its_complaint_is_passed_on)
{
    if (!test_gnuplot()) {
        return;
    }
    test_study t;
    measured_study(&t);
    test_put(t.dir, "x.gp", "set terminal svg\nplot [ nonsense\n");
    sc_diag diag;
    cr_expect_eq(rep_gnuplot_run(t.dir, "x.gp", 30, &diag), SC_EIO);
    cr_expect_eq(diag.code, SC5002);
    cr_expect_not_null(strstr(diag.message, "line 2"), "%s", diag.message);
    test_study_clear(&t);
}

/* Number of lines between "<name> << EOD" and EOD. */
static int block_lines(const char *script, const char *name)
{
    char head[32];
    snprintf(head, sizeof head, "%s << EOD\n", name);
    const char *p = strstr(script, head);
    if (!p) {
        return -1;
    }
    int n = 0;
    for (p += strlen(head); strncmp(p, "EOD\n", 4) != 0; p = strchr(p, '\n') + 1) {
        n++;
    }
    return n;
}

/* Points in the cache state that most points have. */
static int shown(const rep_phase *p)
{
    int n[2] = {0, 0};
    for (size_t i = 0; i < p->points.n; i++) {
        n[p->points.point[i].hot]++;
    }
    return n[1] > n[0] ? n[1] : n[0];
}

/* Points in the data blocks of both panels. */
static int drawn(const char *script)
{
    int n = 0;
    for (int panel = 0; panel < 2; panel++) {
        for (int c = 0; c <= 5; c++) {
            char name[40];
            snprintf(name, sizeof name, "$m%d_%d", panel, c);
            n += block_lines(script, name);
        }
    }
    return n;
}

Test(plot, every_measured_point_is_in_its_panel_once)
{
    test_study t;
    measured_study(&t);
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &t.study.phase[k];
        sc_buf script = {0};
        cr_assert_eq(rep_plot_script(&t.study, p, "svg", "f.svg", &script, NULL), SC_OK);
        int n = drawn(sc_buf_text(&script));
        cr_expect_eq(n, shown(p));
        cr_expect_gt(n, 0);
        cr_expect_eq(block_lines(sc_buf_text(&script), "$m2_0"), -1,
                     "two configurations");
        sc_buf_free(&script);
    }
    test_study_clear(&t);
}

/* One configuration hot, of the other only every third point, or none: panels must not mix. */
Test(plot, one_cache_state_a_figure_and_a_panel_without_it_says_so)
{
    for (int none = 0; none < 2; none++) {
        test_study t;
        measured_study(&t);
        rep_phase *p = &t.study.phase[0];
        int hot = 0;
        for (size_t i = 0; i < p->points.n; i++) {
            col_point *point = &p->points.point[i];
            point->hot = point->group == 1 || (!none && i % 3 == 0);
            hot += point->hot;
        }
        sc_buf script = {0};
        cr_assert_eq(rep_plot_script(&t.study, p, "svg", "f.svg", &script, NULL), SC_OK);
        const char *text = sc_buf_text(&script);
        cr_expect_not_null(strstr(text, ", hot cache"));
        cr_expect_eq(strstr(text, ", cold cache") != NULL, none);
        cr_expect_eq(drawn(text), none ? (int)p->points.n : hot);
        sc_buf_free(&script);
        test_study_clear(&t);
    }
}

Test(plot, bounds_never_exceed_measured_latency_above_them)
{
    test_study t;
    measured_study(&t);
    sc_buf script = {0};
    cr_assert_eq(
        rep_plot_script(&t.study, &t.study.phase[0], "png", "f.png", &script, NULL),
        SC_OK);
    cr_expect_not_null(strstr(sc_buf_text(&script), "local heads = 24"));
    cr_expect_not_null(strstr(sc_buf_text(&script), "local heads = 6"));
    cr_expect_not_null(strstr(sc_buf_text(&script), "noenhanced"));
    cr_expect_null(strstr(sc_buf_text(&script), "nan"));
    cr_expect_null(strchr(sc_buf_text(&script), '"'), "double quotes expand backticks");
    sc_buf_free(&script);
    test_study_clear(&t);
}

Test(plot, nothing_measured_one_point_and_undecided_still_draw)
{
    test_study t;
    measured_study(&t);
    if (!test_gnuplot()) {
        test_study_clear(&t);
        return;
    }
    t.study.phase[0].points.n = 1;
    t.study.phase[1].points.n = 0;
    t.study.phase[1].kind = FIT_UNDECIDED;
    char *dir = under(&t, "out");
    sc_diags warnings = {0};
    cr_assert_eq(rep_write(&t.study, dir, true, &warnings, NULL), SC_OK);
    cr_expect_eq(warnings.n, 0, "%s", warnings.n ? warnings.item[0].message : "");
    expect_files(dir, plot_name, N_PLOTS, true);
    sc_free(dir);
    sc_diags_free(&warnings);
    test_study_clear(&t);
}
