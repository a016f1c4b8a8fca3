/* solcheck - tests of reports/cases.c and sweep.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/internal.h"
#include "study.h"

typedef struct cases {
    sc_yaml *doc;
    const sc_yaml_node *op; /* common_case_values.<op> */
    char *text;
} cases;

static cases cases_of(const rep_study *study)
{
    cases c = {0};
    sc_buf out = {0};
    sc_diag diag;
    cr_assert_eq(rep_cases(study, &out, &diag), SC_OK, "%s", diag.message);
    cr_assert_eq(sc_yaml_parse("cases.yaml", out.text, out.n, &c.doc, &diag), SC_OK,
                 "%d: %s\n%s", diag.line, diag.message, out.text);
    const sc_yaml_node *root = sc_yaml_root(c.doc);
    const sc_yaml_node *common = sc_yaml_get(root, "common_case_values");
    cr_assert_str_eq(sc_yaml_get(root, "schema_version")->text, "1");
    cr_assert_str_eq(sc_yaml_get(root, "op")->text, study->op->name);
    c.op = sc_yaml_get(common, study->op->name);
    cr_assert_not_null(c.op);
    c.text = sc_buf_take(&out);
    return c;
}

static void cases_clear(cases *c)
{
    sc_yaml_free(c->doc);
    sc_free(c->text);
}

/* Values of a list, which must ascend; their number. */
static size_t values_of(const cases *c, const char *key, double *out)
{
    const sc_yaml_node *list = sc_yaml_get(c->op, key);
    cr_assert_not_null(list, "%s is missing", key);
    cr_assert_eq(list->kind, SC_YAML_SEQ);
    for (size_t i = 0; i < list->n; i++) {
        cr_assert(sc_parse_double(list->item[i]->text, &out[i]));
        cr_assert_eq(out[i], floor(out[i]), "%s: %g", key, out[i]);
        cr_assert(i == 0 || out[i] > out[i - 1], "%s does not ascend", key);
    }
    return list->n;
}

static bool holds(const double *v, size_t n, double wanted)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i] == wanted) {
            return true;
        }
    }
    return false;
}

Test(cases, axes_are_those_of_the_decision)
{
    test_study t;
    test_study_init(&t, test_twist);
    cases c = cases_of(&t.study);
    double v[200];
    size_t n = values_of(&c, "context_batch_sizes", v);
    cr_expect(v[0] == 1 && v[n - 1] == 48 && holds(v, n, 32) && !holds(v, n, 64));
    n = values_of(&c, "context_sequence_lengths", v);
    cr_expect(v[0] == 1 && v[n - 1] == 20000 && holds(v, n, 1536));
    n = values_of(&c, "generation_token_counts", v);
    cr_expect(v[0] == 1 && v[n - 1] == 700);
    cr_expect_null(sc_yaml_get(c.op, "context_token_counts"));
    cr_expect_null(sc_yaml_get(c.op, "generation_batch_sizes"));
    cr_expect_null(sc_yaml_get(c.op, "generation_target_sequence_lengths"));
    cases_clear(&c);
    test_study_clear(&t);
}

Test(cases, the_decision_and_not_the_op_picks_the_axes)
{
    test_study t;
    test_study_init(&t, test_twist);
    t.study.phase[SOL_CONTEXT].kind = FIT_TOKEN_EQUIVALENT;
    t.study.phase[SOL_GENERATION].kind = FIT_TOKEN_NON_EQUIVALENT;
    cases c = cases_of(&t.study);
    double v[200];
    size_t n = values_of(&c, "context_token_counts", v);
    /* the largest b*s that both guards admit: b <= 75 by the second one, so 40960 */
    cr_expect(v[n - 1] <= 40960 && v[n - 1] > 30000, "%g", v[n - 1]);
    cr_expect_null(sc_yaml_get(c.op, "context_batch_sizes"));
    values_of(&c, "generation_batch_sizes", v);
    n = values_of(&c, "generation_target_sequence_lengths", v);
    cr_expect_eq(v[n - 1], 3000);
    cr_expect_not_null(
        strstr(c.text, "generation: input_length == target_sequence_length - 1"));
    cases_clear(&c);
    test_study_clear(&t);
}

Test(cases, guards_and_fixed_axes_are_told)
{
    test_study t;
    test_study_init(&t, test_twist);
    cases c = cases_of(&t.study);
    cr_expect_str_eq(sc_yaml_get(c.op, "max_context_tokens")->text, "40960");
    cr_expect_str_eq(sc_yaml_get(sc_yaml_get(c.op, "context_fixed_axes"), "prefix")->text,
                     "0");
    const sc_yaml_node *list = sc_yaml_get(c.op, "constraints");
    cr_assert_eq(list->n, 3);
    cr_expect_str_eq(list->item[0]->text,
                     "context: batch_size * sequence_length <= max_context_tokens");
    cr_expect_str_eq(list->item[1]->text, "context: batch_size*lambda*heads/tp <= 9000");
    cr_expect_str_eq(list->item[2]->text,
                     "generation: token_count <= max_generation_tokens");
    cases_clear(&c);
    test_study_clear(&t);
}

Test(cases, tp_local_values_and_modes)
{
    test_study t;
    test_study_init(&t, test_twist);
    cases c = cases_of(&t.study);
    const sc_yaml_node *tp = sc_yaml_get(c.op, "tensor_parallel_sizes");
    const sc_yaml_node *heads = sc_yaml_get(c.op, "local_heads");
    cr_assert_eq(tp->n, 4); /* 24 heads: 1, 2, 4, 8, but not 16 */
    cr_assert_eq(heads->n, 4);
    cr_expect_str_eq(tp->item[3]->text, "8");
    cr_expect_str_eq(heads->item[3]->text, "3");
    cr_expect_str_eq(sc_yaml_get(sc_yaml_get(c.op, "parameters"), "width")->text, "72");
    cr_expect_null(sc_yaml_get(sc_yaml_get(c.op, "parameters"), "heads"));
    const sc_yaml_node *mode = sc_yaml_get(c.op, "quantization_modes");
    cr_assert_eq(mode->n, 2);
    cr_expect_null(sc_yaml_get(mode->item[0], "min_sm"));
    cr_expect_null(sc_yaml_get(mode->item[0], "parameters"));
    cr_expect_str_eq(sc_yaml_get(mode->item[1], "name")->text, "fp8");
    cr_expect_str_eq(sc_yaml_get(mode->item[1], "min_sm")->text, "89");
    cr_expect_str_eq(sc_yaml_get(sc_yaml_get(mode->item[1], "dtypes"), "io")->text,
                     "fp8");
    cases_clear(&c);
    test_study_clear(&t);
}

Test(cases, a_study_with_its_own_tp_keeps_it)
{
    test_study t;
    test_study_init(&t, test_twist);
    cr_assert_eq(sol_config_set_tp(t.op, &t.study.config, 3, NULL), SC_OK);
    double tp[REP_MAX_TP];
    int n = rep_tp_sizes(&t.study, tp);
    cr_assert_eq(n, 5);
    cr_expect(tp[0] == 1 && tp[1] == 2 && tp[2] == 3 && tp[3] == 4 && tp[4] == 8);
    test_study_clear(&t);
}

/* Whether one point is memory-bound, by a model of its own. */
static bool memory_bound(test_study *t, sol_phase_kind phase, double b, double s)
{
    sol_model *model;
    sol_bound bound;
    const double *axis[] = {&b, &s, NULL};
    cr_assert_eq(sol_model_new(t->op, phase, &t->study.config, t->system,
                               SOL_ARCHITECTURAL, &model, NULL),
                 SC_OK);
    cr_assert_eq(sol_model_eval(model, 1, axis, &bound, NULL, NULL), SC_OK);
    sol_model_free(model);
    return bound.memory_bound;
}

Test(cases, boundary_points_lie_at_the_boundary)
{
    test_study t;
    test_study_init(&t, test_twist);
    rep_sweep sweep = {0};
    cr_assert_eq(rep_sweep_axis(&t.study, &t.study.phase[SOL_CONTEXT], 1, &sweep, NULL),
                 SC_OK);
    int n = 0;
    for (size_t i = 0; i < sweep.n; i++) {
        if (sweep.ridge[i]) {
            n++;
            cr_expect(memory_bound(&t, SOL_CONTEXT, 1, sweep.value[i] - 1));
            cr_expect(!memory_bound(&t, SOL_CONTEXT, 1, sweep.value[i]));
        }
    }
    cr_expect_eq(n, 1, "%d boundaries", n);
    rep_sweep_clear(&sweep);
    cr_assert_eq(rep_sweep_tokens(&t.study, &t.study.phase[SOL_GENERATION], &sweep, NULL),
                 SC_OK);
    n = 0;
    for (size_t i = 0; i < sweep.n; i++) {
        if (sweep.ridge[i]) {
            n++;
            cr_expect(memory_bound(&t, SOL_GENERATION, sweep.value[i] - 1, 1));
            cr_expect(!memory_bound(&t, SOL_GENERATION, sweep.value[i], 1));
        }
    }
    cr_expect_eq(n, 1, "%d boundaries", n);
    rep_sweep_clear(&sweep);
    test_study_clear(&t);
}

Test(cases, the_stated_number_of_points_is_the_one_that_the_lists_give)
{
    test_study t;
    test_study_init(&t, test_twist);
    cases c = cases_of(&t.study);
    double b[200], s[200];
    size_t nb = values_of(&c, "context_batch_sizes", b), count = 0;
    size_t ns = values_of(&c, "context_sequence_lengths", s);
    for (size_t i = 0; i < nb; i++) {
        for (size_t j = 0; j < ns; j++) {
            count += b[i] * s[j] <= 40960 && b[i] * 5 * 24 <= 9000;
        }
    }
    char line[80];
    snprintf(line, sizeof line, "# context: %zu points", count);
    cr_expect_not_null(strstr(c.text, line), "expected '%s' in\n%s", line, c.text);
    cases_clear(&c);
    test_study_clear(&t);
}

Test(cases, a_name_that_is_no_plain_scalar_is_quoted)
{
    test_study t;
    test_study_init(&t, test_twist);
    sc_free(t.op->name);
    t.op->name = sc_strdup("no: 'x' #{\n- y");
    sc_buf out = {0};
    cr_assert_eq(rep_cases(&t.study, &out, NULL), SC_OK);
    sc_yaml *doc;
    sc_diag diag;
    cr_assert_eq(sc_yaml_parse("cases.yaml", out.text, out.n, &doc, &diag), SC_OK, "%s",
                 diag.message);
    cr_expect_str_eq(sc_yaml_get(sc_yaml_root(doc), "op")->text, "no: 'x' #{ - y");
    sc_yaml_free(doc);
    sc_buf_free(&out);
    test_study_clear(&t);
}
