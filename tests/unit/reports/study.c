/* A study built from an op in the text below, with invented measurements.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "study.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

const char test_twist[] =
    "op: twist\n"
    "title: \"Twist `touch pwned` $(touch pwned) 'q' \\\"dq\\\" \\\\n @m | <b> é\"\n"
    "source: [invented]\n"
    "granularity: kernel\n"
    "excludes: [\"projections | `x`\"]\n"
    "params:\n"
    "  heads: {default: 24, shard: tp, meaning: heads of the model, unit: heads,\n"
    "          model_config: num_attention_heads}\n"
    "  width: {default: 72, meaning: \"width | of a head\"}\n"
    "  spare: {default: 3, meaning: used by no expression}\n"
    "  lambda: {default: 5, meaning: named like a keyword of Python}\n"
    "dtypes:\n"
    "  io: {default: bf16, allowed: [bf16, fp8], min_sm: {fp8: 89}}\n"
    "phases:\n"
    "  context:\n"
    "    axes: {b: requests, s: \"new 'tokens' `touch pwned`\", prefix: cached tokens}\n"
    "    ranges: {b: [1, 48], s: [1, 20000], prefix: [0, 9000]}\n"
    "    defaults: {prefix: 0}\n"
    "    guards: [b*s <= 40960, b*lambda*heads/tp <= 9000]\n"
    "    tokens: b*s\n"
    "    let: {h: heads/tp}\n"
    "    flops:\n"
    "      qk: {expr: 4*b*h*width*s*(s + prefix), engine: tensor, dtype: io, source: x}\n"
    "      sm: {expr: b*h*s*s, engine: exp, source: x}\n"
    "    bytes:\n"
    "      in:  {expr: 3*b*s*h*width*bytes(io), access: read, dtype: io, source: x}\n"
    "      out: {expr: b*s*h*width*bytes(io), access: write, dtype: io, source: x}\n"
    "    output: {shape: [b*s, h*width], dtype: io}\n"
    "  generation:\n"
    "    axes: {b: requests, s: KV length}\n"
    "    ranges: {b: [1, 700], s: [1, 3000]}\n"
    "    guards: [b*s <= 900000]\n"
    "    tokens: b\n"
    "    flops:\n"
    "      mm: {expr: 2*b*heads/tp*width*4096, engine: tensor, dtype: io, source: x}\n"
    "    bytes:\n"
    "      in: {expr: b*4096*bytes(io), access: read, dtype: io, source: x}\n"
    "      w:  {expr: heads/tp*width*4096*bytes(io), access: read, dtype: io, source: "
    "x}\n"
    "      out: {expr: b*heads/tp*width*bytes(io), access: write, dtype: io, source: x}\n"
    "    output: {shape: [b, heads/tp*width], dtype: io}\n";

static void must(sc_status status, const sc_diag *diag)
{
    cr_assert_eq(status, SC_OK, "%s (%s)", diag->message, sc_status_name(status));
}

void test_put(const char *dir, const char *name, const char *text)
{
    char *path = sc_path_join(dir, name);
    sc_diag diag;
    must(sc_file_write(path, text, strlen(text), &diag), &diag);
    sc_free(path);
}

void test_study_init(test_study *t, const char *op_text)
{
    sc_diag diag;
    sc_diag_clear(&diag);
    memset(t, 0, sizeof *t);
    strcpy(t->dir, "/tmp/solcheck-test-XXXXXX");
    cr_assert_not_null(mkdtemp(t->dir));
    test_put(t->dir, "op.yaml", op_text);
    char *path = sc_path_join(t->dir, "op.yaml");
    must(sol_op_load(path, &t->op, &diag), &diag);
    unlink(path);
    sc_free(path);
    must(sol_system_load(SC_SOURCE_DIR "/sol/systems/h100_sxm.yaml", &t->system, &diag),
         &diag);
    rep_study *s = &t->study;
    must(sol_config_init(t->op, &s->config, &diag), &diag);
    s->op = t->op;
    s->system = t->system;
    s->source = REP_NONE;
    s->fit_options = (fit_options){
        .tolerance = 0.0525, .alpha = 0.01, .folds = 7, .bootstrap = 123, .seed = 42};
    strcpy(s->command, "solcheck --op ./op.yaml");
    strcpy(s->date, "2031-02-03");
    for (int k = 0; k < SOL_N_PHASES; k++) {
        rep_phase *p = &s->phase[k];
        if (!t->op->phase[k]) {
            continue;
        }
        p->present = true;
        p->phase = t->op->phase[k];
        must(sol_prove(t->op, (sol_phase_kind)k, &s->config, t->system, SOL_ARCHITECTURAL,
                       &p->proof, &diag),
             &diag);
        p->kind = p->proof.sol.verdict == SOL_PROVED ? FIT_TOKEN_EQUIVALENT
                                                     : FIT_TOKEN_NON_EQUIVALENT;
        p->agreement = REP_OPEN;
        strcpy(p->why, "by proof alone");
    }
}

/* An invented fit: every number different, so that a mix-up shows. */
static void invent_fit(rep_phase *p)
{
    fit_result *f = &p->fit;
    p->fitted = true;
    f->kind = p->kind;
    strcpy(f->reason, "invented reason");
    f->n_models[FIT_AXES_X] = 1;
    f->n_models[FIT_AXES_BS] = 2;
    f->best[FIT_AXES_BS] = 1;
    f->model[FIT_AXES_X][0] =
        (fit_score){"x | model", 0.2387, 0.7176, -0.0625, -11.25, 3};
    f->model[FIT_AXES_BS][0] = (fit_score){"physical", 0.0986, 0.1876, 0.0136, NAN, 4};
    f->model[FIT_AXES_BS][1] = (fit_score){"spline", 0.0326, 0.0916, 0.0046, -222.5, 17};
    f->error_ratio = (fit_interval){7.84, 5.53, 9.61};
    f->iso_cost = (fit_interval){0.415, 0.3915, 0.5135};
    f->cost = 0.626;
    f->physical = (fit_physical){.valid = true,
                                 .t0_s = {4.385e-6, 4.1e-6, 4.6e-6},
                                 .eta_compute = {0.6126, 0.59, 0.64},
                                 .eta_memory = {0.7135, 0.68, 0.75},
                                 .sharpness = {NAN, NAN, NAN}};
    f->lof = (fit_lack_of_fit){.n_points = 21,
                               .n_x = 8,
                               .f = 312.8,
                               .df1 = 13,
                               .df2 = 44,
                               .p = 3.5e-9,
                               .noise = 0.0035,
                               .noise_measured = true,
                               .spread_median = 0.275,
                               .spread_p90 = 3.5,
                               .spread_max = 9.5};
}

/* Latencies: 5 us + bound / 0.63, in two configurations. */
static void invent_points(test_study *t, rep_phase *p)
{
    static const double b[] = {1, 3, 8, 48, 17, 5, 2}, s[] = {7, 96, 640, 2048, 13000};
    col_points *points = &p->points;
    sc_diag diag;
    points->op = t->op;
    points->phase = p->phase->kind;
    points->point = sc_calloc(70, sizeof *points->point);
    points->config = sc_calloc(2, sizeof *points->config);
    points->n_configs = 2;
    points->n_dropped = 11;
    strcpy(points->device, "Invented `touch pwned` GPU");
    for (int g = 0; g < 2; g++) {
        must(sol_config_copy(t->op, &t->study.config, &points->config[g], &diag), &diag);
    }
    must(sol_config_set_tp(t->op, &points->config[1], 4, &diag), &diag);
    p->bound = sc_calloc(70, sizeof *p->bound);
    p->bound_sheet = sc_calloc(70, sizeof *p->bound_sheet);
    for (int i = 0; i < 70; i++) {
        int group = i % 2;
        const double axis[SOL_MAX_AXES] = {b[i / 2 % 7], s[i / 14], 0};
        const sol_config *config = &points->config[group];
        if (sol_phase_admits(t->op, p->phase, config, axis, NULL) != SC_OK) {
            continue;
        }
        col_point *point = &points->point[points->n];
        memcpy(point->axis, axis, sizeof axis);
        point->group = group;
        point->hot = i % 3 != 0;
        point->samples = 10;
        const double *pointer[SOL_MAX_AXES] = {&axis[0], &axis[1], &axis[2]};
        for (int c = 0; c < SOL_N_CEILINGS; c++) {
            sol_model *model;
            must(sol_model_new(t->op, points->phase, config, t->system, (sol_ceiling)c,
                               &model, &diag),
                 &diag);
            sol_bound *bound = c == SOL_DATASHEET ? p->bound_sheet : p->bound;
            must(sol_model_eval(model, 1, pointer, &bound[points->n], NULL, &diag),
                 &diag);
            sol_model_free(model);
        }
        point->latency_s = 5e-6 + p->bound[points->n].sol_cold_s / 0.63;
        point->noise = i % 5 ? 0.004 : NAN;
        points->n++;
    }
}

void test_study_measure(test_study *t)
{
    t->study.source = REP_RECORDING;
    t->study.sol_comparable = true;
    strcpy(t->study.source_text, "data/it's `touch pwned`.csv");
    for (int k = 0; k < SOL_N_PHASES; k++) {
        rep_phase *p = &t->study.phase[k];
        if (p->present) {
            invent_points(t, p);
            invent_fit(p);
            p->agreement = REP_AGREE;
        }
    }
}

void test_hold_out(rep_phase *p, test_scale *scale, double user)
{
    fit_result *fit = &p->fit;
    fit->n = p->points.n;
    for (int a = 0; a < 2; a++) {
        sc_free(fit->held_out[a]);
        fit->held_out[a] = sc_calloc(fit->n, sizeof(double));
        cr_assert_not_null(fit->held_out[a]);
        for (size_t i = 0; i < fit->n; i++) {
            const col_point *point = &p->points.point[i];
            fit->held_out[a][i] = point->latency_s * scale(point, a, user);
        }
    }
}

void test_study_clear(test_study *t)
{
    for (int k = 0; k < SOL_N_PHASES; k++) {
        rep_phase *p = &t->study.phase[k];
        for (size_t g = 0; g < p->points.n_configs; g++) {
            sol_config_clear(&p->points.config[g]);
        }
        sc_free(p->points.config);
        sc_free(p->points.point);
        sc_free(p->bound);
        sc_free(p->bound_sheet);
        fit_result_clear(&p->fit);
        sc_free(p->error);
    }
    sol_config_clear(&t->study.config);
    sol_op_free(t->op);
    sol_system_free(t->system);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", t->dir);
    cr_assert_eq(system(command), 0);
}

char *test_read(const char *dir, const char *name)
{
    char *path = sc_path_join(dir, name), *text = NULL;
    size_t n;
    if (sc_file_read(path, 1 << 24, &text, &n, NULL) != SC_OK) {
        text = NULL;
    }
    sc_free(path);
    return text;
}

int test_count(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d) {
        return -1;
    }
    int n = -2; /* . and .. */
    while (readdir(d)) {
        n++;
    }
    closedir(d);
    return n;
}

int test_python(const char *dir, const char *script, const char *arguments)
{
    const char *python = getenv("PYTHON3");
    if (!python || !python[0] || strcmp(python, "no") == 0) {
        fprintf(stderr, "SKIPPED: no python3: the generated Python is not checked\n");
        return -1;
    }
    test_put(dir, "check.py", script);
    char command[512];
    snprintf(command, sizeof command, "cd '%s' && '%s' check.py %s >python.log 2>&1", dir,
             python, arguments);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

bool test_gnuplot(void)
{
    if (system("command -v gnuplot >/dev/null 2>&1") == 0) {
        return true;
    }
    fprintf(stderr, "SKIPPED: no gnuplot: the plots are not checked\n");
    return false;
}
