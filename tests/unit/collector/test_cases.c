/* Case files: which op, sweeps, points of each configuration. Faults are seeded in
 * tests/validate/mutate.py.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/cases.h"
#include "fixture.h"

static sol_op *op;
static sol_system *target;

static void setup(void)
{
    sc_diag diag;
    op = toy_op();
    cr_assert_eq(sol_system_find("h100_sxm", getenv("SOLCHECK_DATA_DIR"), &target, &diag),
                 SC_OK, "%s", diag.message);
}

static void teardown(void)
{
    sol_op_free(op);
    sol_system_free(target);
}

TestSuite(cases, .init = setup, .fini = teardown);

static col_cases *cases_of(const char *text, col_findings *findings)
{
    sc_yaml *doc;
    col_cases *cases = NULL;
    sc_diag diag;
    cr_assert_eq(sc_yaml_parse("toy.yaml", text, strlen(text), &doc, &diag), SC_OK, "%s",
                 diag.message);
    cr_assert_eq(col_cases_read(doc, op, target, findings, &cases, &diag), SC_OK, "%s",
                 diag.message);
    return cases;
}

typedef struct tally {
    size_t n_grids, n_points;
    double tokens;       /* sum of b*s */
    double heads, width; /* of the last configuration */
} tally;

static sc_status count(void *user, const col_case_grid *grid)
{
    tally *t = user;
    t->n_grids++;
    t->n_points += grid->n;
    for (size_t i = 0; i < grid->n; i++)
        t->tokens += grid->axis[0][i] * grid->axis[1][i];
    t->heads = grid->config->param[0];
    t->width = grid->config->param[1];
    return SC_OK;
}

static tally visit(const col_cases *cases, size_t sweep, bool all)
{
    tally t = {0};
    size_t visited;
    sc_diag diag;
    cr_assert_eq(col_cases_visit(cases, &cases->sweep[sweep], all, 1000, count, &t,
                                 &visited, &diag),
                 SC_OK, "%s", diag.message);
    cr_assert_eq(visited, t.n_grids);
    return t;
}

#define HEAD                                                                             \
    "schema_version: 1\n"                                                                \
    "op: toy\n"                                                                          \
    "common_case_values:\n"                                                              \
    "  toy:\n"

Test(cases, crosses_axes_and_applies_the_limits_of_the_file)
{
    col_cases *cases =
        cases_of(HEAD "    context_batch_sizes: [1, 3, 5]\n"
                      "    context_sequence_lengths: [7, 11]\n"
                      "    generation_batch_sizes: [2]\n"
                      "    generation_sequence_lengths: [9, 10]\n"
                      "    max_context_tokens: 33\n"
                      "    constraints: ['generation: sequence_length % 2 == 1']\n",
                 NULL);
    cr_assert_eq(cases->n, 2);
    tally t = visit(cases, 0, false);
    cr_assert_eq(t.n_points, 4); /* 1x7 1x11 3x7 3x11; 5x7 = 35 is too much */
    cr_assert_eq(t.tokens, 7 + 11 + 21 + 33);
    t = visit(cases, 1, false);
    cr_assert_eq(t.n_points, 1);
    cr_assert_eq(t.tokens, 18);
    col_cases_free(cases);
}

Test(cases, local_values_are_those_of_one_model_at_each_tp)
{
    col_cases *cases = cases_of(HEAD "    batch_sizes: [3]\n"
                                     "    sequence_lengths: [7]\n"
                                     "    tensor_parallel_sizes: [1, 2, 3]\n"
                                     "    local_heads: [12, 6, 4]\n"
                                     "    parameters: {width: 48}\n"
                                     "    dtypes: {act: [bf16, fp8], kv: [bf16]}\n",
                                NULL);
    cr_assert_eq(cases->n, 2, "lists without a phase are of both");
    tally t = visit(cases, 0, false);
    cr_assert_eq(t.n_grids, 3);
    cr_assert(t.heads == 12 && t.width == 48);
    cr_assert_eq(visit(cases, 0, true).n_grids, 6);
    col_cases_free(cases);
}

Test(cases, tp_that_does_not_divide_is_left_out)
{
    col_cases *cases = cases_of(HEAD "    batch_sizes: [3]\n"
                                     "    sequence_lengths: [7]\n"
                                     "    heads: [24, 20]\n"
                                     "    tensor_parallel_sizes: [1, 8]\n",
                                NULL);
    cr_assert_eq(visit(cases, 0, false).n_grids, 3); /* 20 heads at TP 8 are not there */
    col_cases_free(cases);
}

Test(cases, tokens_become_points_within_the_ranges)
{
    col_cases *cases = cases_of(HEAD "    token_counts: [5, 4098, 8192]\n", NULL);
    cr_assert_eq(cases->n, 1);
    cr_assert(cases->sweep[0].over_tokens && cases->sweep[0].any_phase);
    tally t = visit(cases, 0, false);
    cr_assert_eq(t.n_points, 3);
    cr_assert_eq(t.tokens, 5 + 4098 + 8192, "s ends at 4096: 2 x 2049, 2 x 4096");
    col_cases_free(cases);
}

Test(cases, frameworks_override_keys_of_the_same_id)
{
    col_cases *cases = cases_of(
        "schema_version: 1\nop: toy\n"
        "all_frameworks_op_cases:\n  toy:\n    cases:\n"
        "    - {id: a, batch_sizes: [1, 3], sequence_lengths: [7], width: [40, 56]}\n"
        "framework_specific_op_cases:\n  engine:\n    toy:\n      cases:\n"
        "      - {id: a, batch_sizes: [5]}\n",
        NULL);
    cr_assert_eq(cases->n, 4);
    cr_assert_str_eq(cases->sweep[2].framework, "engine");
    tally t = visit(cases, 2, false);
    cr_assert(t.n_grids == 2 && t.n_points == 2 && t.tokens == 70 && t.width == 56);
    col_cases_free(cases);
}

Test(cases, op_is_found_by_name)
{
    sc_yaml *doc;
    const sol_op *ops[] = {op};
    cr_assert_eq(sc_yaml_parse("x", "op: toy\n", 8, &doc, NULL), SC_OK);
    cr_assert_eq(col_cases_op(doc, ops, 1), op);
    sc_yaml_free(doc);
    cr_assert_eq(sc_yaml_parse("x", "op: tau\n", 8, &doc, NULL), SC_OK);
    cr_assert_null(col_cases_op(doc, ops, 1));
    sc_yaml_free(doc);
}

Test(cases, what_is_wrong_is_told_and_the_rest_is_read)
{
    col_findings *findings;
    cr_assert_eq(col_findings_new(0, &findings, NULL), SC_OK);
    col_cases *cases = cases_of(HEAD "    context_batch_sizes: [1, x, 3]\n"
                                     "    context_sequence_lengths: [7, 0]\n",
                                findings);
    cr_assert_eq(cases->n, 1);
    cr_assert_eq(visit(cases, 0, false).n_points, 2);
    const sc_diags *list = col_findings_list(findings);
    cr_assert_eq(list->n, 3);
    cr_assert(list->item[0].code == SC2103 && list->item[0].line == 5 &&
              list->item[0].col == 30);
    cr_assert(list->item[1].code == SC2106 && list->item[1].line == 6);
    cr_assert_eq(list->item[2].code, SC2111);
    col_cases_free(cases);
    col_findings_free(findings);
}

/* Any allocation may fail: a status, no crash, no leak. */
Test(cases, lack_of_memory_is_a_status)
{
    static const char text[] =
        HEAD "    batch_sizes: [1, 3]\n"
             "    sequence_lengths: [7, 11]\n"
             "    tensor_parallel_sizes: [1, 2]\n"
             "    dtypes: {act: [bf16, fp8]}\n"
             "    constraints: ['batch_size * sequence_length <= 20']\n";
    unsigned long n = 0;
    for (unsigned long fail = 0; fail <= n; fail++) { /* the first run counts */
        sc_yaml *doc = NULL;
        col_cases *cases = NULL;
        tally t = {0};
        size_t visited;
        long live = sc_alloc_live();
        cr_assert_eq(sc_yaml_parse("x", text, sizeof text - 1, &doc, NULL), SC_OK);
        unsigned long before = sc_alloc_count();
        sc_alloc_fail_at(fail, 1);
        sc_status status = col_cases_read(doc, op, target, NULL, &cases, NULL);
        if (status == SC_OK)
            status = col_cases_visit(cases, &cases->sweep[0], true, 100, count, &t,
                                     &visited, NULL);
        sc_alloc_fail_at(0, 0);
        if (fail == 0)
            n = sc_alloc_count() - before;
        cr_assert_eq(status, fail ? SC_ENOMEM : SC_OK, "allocation %lu of %lu", fail, n);
        col_cases_free(cases);
        cr_assert_eq(sc_alloc_live(), live, "allocation %lu of %lu leaks", fail, n);
    }
    cr_assert_gt(n, 50);
}
