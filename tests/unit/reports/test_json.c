/* solcheck - tests of reports/json.c
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <jansson.h>
#include <math.h>
#include <string.h>

#include "study.h"

static json_t *parsed(const rep_study *study)
{
    sc_buf out = {0};
    sc_diag diag;
    cr_assert_eq(rep_json(study, &out, &diag), SC_OK);
    cr_assert_null(strstr(sc_buf_text(&out), "nan"));
    cr_assert_null(strstr(sc_buf_text(&out), "NaN"));
    json_error_t error;
    json_t *root = json_loads(sc_buf_text(&out), JSON_REJECT_DUPLICATES, &error);
    cr_assert_not_null(root, "%d: %s", error.line, error.text);
    sc_buf_free(&out);
    return root;
}

/* Follows a path such as "phases/0/decision/kind". */
static json_t *at(json_t *node, const char *path)
{
    char step[64];
    while (*path && node) {
        size_t n = strcspn(path, "/");
        memcpy(step, path, n);
        step[n] = 0;
        node = json_is_array(node) ? json_array_get(node, (size_t)(step[0] - '0'))
                                   : json_object_get(node, step);
        path += n + (path[n] == '/');
    }
    return node;
}

static void expect_number(json_t *root, const char *path, double want)
{
    json_t *v = at(root, path);
    cr_expect(json_is_number(v), "%s is no number", path);
    cr_expect(!(fabs(json_number_value(v) - want) > 1e-12 * fabs(want)), "%s: %g, not %g",
              path, json_number_value(v), want);
}

static void expect_string(json_t *root, const char *path, const char *want)
{
    json_t *v = at(root, path);
    cr_assert(json_is_string(v), "%s is no string", path);
    cr_expect_str_eq(json_string_value(v), want, "%s: %s", path, json_string_value(v));
}

static void expect_axes(json_t *root, const char *path, const char *const *want)
{
    json_t *v = at(root, path);
    cr_assert(json_is_array(v), "%s is no array", path);
    size_t n = 0;
    for (; want[n]; n++) {
        cr_expect_str_eq(json_string_value(json_array_get(v, n)), want[n]);
    }
    cr_expect_eq(json_array_size(v), n, "%s", path);
}

Test(json, a_measured_study_has_every_key_of_the_schema)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    json_t *root = parsed(&t.study);
    expect_string(root, "solcheck", PACKAGE_VERSION);
    expect_string(root, "op", "twist");
    expect_string(root, "system", "h100_sxm");
    expect_string(root, "source", "recording");
    cr_expect_eq(json_array_size(at(root, "phases")), 2);
    expect_string(root, "phases/0/phase", "context");
    expect_string(root, "phases/0/decision/kind", "token-non-equivalent");
    expect_axes(root, "phases/0/decision/axes", (const char *[]){"b", "s", NULL});
    expect_string(root, "phases/0/proof/verdict", "DISPROVED");
    expect_axes(root, "phases/0/proof/axes", (const char *[]){"b", "s", NULL});
    expect_number(root, "phases/0/measured/points", (double)t.study.phase[0].points.n);
    expect_number(root, "phases/0/measured/token_model/median_error", 0.2387);
    expect_number(root, "phases/0/measured/token_model/p90_error", 0.7176);
    expect_number(root, "phases/0/measured/bs_model/median_error", 0.0326);
    expect_number(root, "phases/0/measured/bs_model/p90_error", 0.0916);
    expect_number(root, "phases/0/measured/lack_of_fit_p", 3.5e-9);
    cr_expect(json_is_true(at(root, "phases/0/agree")));
    expect_string(root, "phases/1/decision/kind", "token-equivalent");
    expect_axes(root, "phases/1/decision/axes", (const char *[]){"x", NULL});
    expect_string(root, "phases/1/proof/verdict", "PROVED");
    expect_axes(root, "phases/1/proof/axes", (const char *[]){"x", NULL});
    cr_expect(json_is_null(at(root, "phases/1/proof/witness")));
    json_decref(root);
    test_study_clear(&t);
}

Test(json, extra_keys)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    json_t *root = parsed(&t.study);
    expect_string(root, "phases/0/quantities/flops/verdict", "DISPROVED");
    expect_string(root, "phases/0/quantities/bytes/verdict", "PROVED");
    expect_number(root, "phases/0/spread/largest", t.study.phase[0].proof.spread.largest);
    expect_number(root, "phases/0/cost", 0.626);
    expect_number(root, "phases/0/tolerance", 0.0525);
    expect_number(root, "phases/0/physical/t0_us/value", 4.385);
    expect_number(root, "phases/0/physical/eta_memory/hi", 0.75);
    cr_expect(json_is_null(at(root, "phases/0/physical/sharpness/value")));
    cr_expect(json_is_null(at(root, "phases/0/measured/models/bs/0/aicc")));
    expect_number(root, "configuration/params/width", 72);
    expect_string(root, "configuration/dtypes/io", "bf16");
    double most =
        json_number_value(at(root, "phases/0/measured/sol_share/architectural/most"));
    cr_expect(most > 0.2 && most < 0.64, "%g", most);
    json_decref(root);
    test_study_clear(&t);
}

Test(json, the_witness_is_reproducible)
{
    test_study t;
    test_study_init(&t, test_twist);
    json_t *root = parsed(&t.study);
    double x = json_number_value(at(root, "phases/0/proof/witness/x")), sol[2];
    for (int k = 0; k < 2; k++) {
        json_t *point =
            json_array_get(at(root, "phases/0/proof/witness/points"), (size_t)k);
        double b = json_number_value(json_object_get(point, "b"));
        double s = json_number_value(json_object_get(point, "s"));
        cr_expect_eq(b * s, x);
        cr_expect_null(json_object_get(point, "prefix"));
        const double *axis[] = {&b, &s, NULL};
        sol_model *model;
        sol_bound bound;
        cr_assert_eq(sol_model_new(t.op, SOL_CONTEXT, &t.study.config, t.system,
                                   SOL_ARCHITECTURAL, &model, NULL),
                     SC_OK);
        cr_assert_eq(sol_model_eval(model, 1, axis, &bound, NULL, NULL), SC_OK);
        sol_model_free(model);
        sol[k] = json_number_value(json_object_get(point, "sol_ms"));
        cr_expect(fabs(sol[k] / (1e3 * bound.sol_cold_s) - 1) < 1e-9);
    }
    double ratio = fmax(sol[0] / sol[1], sol[1] / sol[0]);
    cr_expect(fabs(ratio / json_number_value(at(root, "phases/0/proof/witness/ratio")) -
                   1) < 1e-9);
    json_decref(root);
    test_study_clear(&t);
}

Test(json, nothing_measured_is_null)
{
    test_study t;
    test_study_init(&t, test_twist);
    json_t *root = parsed(&t.study);
    expect_string(root, "source", "none");
    cr_expect(json_is_null(at(root, "phases/0/measured")));
    cr_expect(json_is_null(at(root, "phases/0/agree")));
    cr_expect(json_is_null(at(root, "phases/0/cost")));
    json_decref(root);
    test_study_clear(&t);
}

Test(json, absent_numbers_are_null_and_foreign_bytes_are_tamed)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    rep_phase *p = &t.study.phase[0];
    p->fit.lof.p = NAN;
    p->fit.model[FIT_AXES_X][0].p90_error = INFINITY;
    p->fit.cost = NAN;
    p->agreement = REP_DISAGREE;
    strcpy(t.study.source_text, "broken \xff\xc3 name");
    json_t *root = parsed(&t.study);
    cr_expect(json_is_null(at(root, "phases/0/measured/lack_of_fit_p")));
    cr_expect(json_is_null(at(root, "phases/0/measured/token_model/p90_error")));
    cr_expect(json_is_null(at(root, "phases/0/cost")));
    cr_expect(json_is_false(at(root, "phases/0/agree")));
    expect_string(root, "source_text", "broken ?? name");
    json_decref(root);
    test_study_clear(&t);
}

Test(json, absent_phases_are_left_out)
{
    test_study t;
    test_study_init(&t, test_twist);
    t.study.phase[SOL_CONTEXT].present = false;
    json_t *root = parsed(&t.study);
    cr_expect_eq(json_array_size(at(root, "phases")), 1);
    expect_string(root, "phases/0/phase", "generation");
    json_decref(root);
    test_study_clear(&t);
}

Test(json, a_disagreement_is_explained_by_the_largest_effect)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    rep_phase *p = &t.study.phase[0];
    p->agreement = REP_DISAGREE;
    p->fit.kind = FIT_TOKEN_EQUIVALENT;
    p->fit.n_effects = 3;
    p->fit.effect[0] =
        (fit_effect){FIT_STAIRS_S, "stairs in s", 0.1875, 0.0625, 48, 0, true};
    p->fit.effect[1] =
        (fit_effect){FIT_FEW_REQUESTS, "few requests", 0.1875, 0.0156, 7, 0.5, false};
    p->fit.effect[2] =
        (fit_effect){FIT_NO_FLOOR, "no launch floor", 0.1875, 0.3125, NAN, NAN, false};
    json_t *root = parsed(&t.study);
    expect_string(root, "phases/0/explained_by/effect", "stairs in s"); /* it entered */
    expect_number(root, "phases/0/explained_by/error_without", 0.1875);
    expect_number(root, "phases/0/explained_by/error_with", 0.0625);
    cr_expect(json_is_null(at(root, "phases/1/explained_by")), "phase 1 agrees");
    json_decref(root);
    p->fit.effect[2].with = 0.75; /* 4-fold, against 3-fold */
    root = parsed(&t.study);
    expect_string(root, "phases/0/explained_by/effect", "no launch floor");
    expect_number(root, "phases/0/explained_by/error_with", 0.75);
    json_decref(root);
    p->fit.kind = FIT_TOKEN_NON_EQUIVALENT; /* no floor tells points of equal x apart */
    root = parsed(&t.study);
    expect_string(root, "phases/0/explained_by/effect", "stairs in s");
    json_decref(root);
    p->fit.effect[0].entered = false;
    p->fit.effect[2].with = 0.125;
    root = parsed(&t.study);
    cr_expect(json_is_null(at(root, "phases/0/explained_by/effect")));
    cr_expect(json_is_null(at(root, "phases/0/explained_by/error_with")));
    const char *reason = json_string_value(at(root, "phases/0/explained_by/reason"));
    cr_assert_not_null(reason);
    cr_expect(strstr(reason, "none of these effects"), "%s", reason);
    json_decref(root);
    test_study_clear(&t);
}
