/* solcheck - tests of the readable reports: summary, explain, note, parameters
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/internal.h"
#include "study.h"

typedef sc_status writer(const rep_study *, sc_buf *, sc_diag *);

static char *written(writer *write, const rep_study *study)
{
    sc_buf out = {0};
    sc_diag diag;
    cr_assert_eq(write(study, &out, &diag), SC_OK, "%s", diag.message);
    return sc_buf_take(&out);
}

static void expect_holds(const char *text, const char *part)
{
    cr_expect_not_null(strstr(text, part), "'%s' is not in:\n%s", part, text);
}

static void expect_lacks(const char *text, const char *part)
{
    cr_expect_null(strstr(text, part), "'%s' is in:\n%s", part, text);
}

/* Lines, and the columns of the longest one. */
static int measure(const char *text, int *columns)
{
    int lines = 0, width = 0;
    *columns = 0;
    for (const char *p = text; *p; p++) {
        if (*p == '\n') {
            lines++;
            width = 0;
        } else if ((*p & 0xc0) != 0x80) {
            width++;
            *columns = width > *columns ? width : *columns;
        }
    }
    return lines;
}

Test(summary, fits_a_screen_with_the_decision_last)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    char *text = written(rep_summary, &t.study);
    int columns, lines = measure(text, &columns);
    cr_expect(lines <= 40, "%d lines", lines);
    cr_expect(columns <= 90, "%d columns", columns);
    const char *last = strstr(text, "\ndecision\n");
    cr_assert_not_null(last);
    cr_expect_str_eq(
        last,
        "\ndecision\n"
        "  context    token-non-equivalent: collect over b, s (proof and measurement "
        "agree)\n"
        "  generation token-equivalent: collect over x (proof and measurement agree)\n");
    expect_holds(text, "FLOP       6912*b*s^2\n"); /* 4 * 24 * 72 */
    expect_holds(text, "bytes      13824*b*s\n");  /* 4 * 24 * 72 * 2 */
    expect_holds(text, "token equivalence DISPROVED; SOL depends on b, s");
    expect_holds(text, "23.9 %"); /* of the x model, not of the others */
    expect_lacks(text, "\x1b");
    sc_free(text);
    test_study_clear(&t);
}

Test(summary, without_measurements)
{
    test_study t;
    test_study_init(&t, test_twist);
    char *text = written(rep_summary, &t.study);
    expect_holds(text, "no measurements; decided by proof alone");
    expect_holds(text, "(by proof, nothing measured)");
    expect_lacks(text, "measured ");
    expect_lacks(text, "n/a");
    sc_free(text);
    test_study_clear(&t);
}

Test(summary, disagreement_and_indecision_are_loud)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    t.study.phase[0].agreement = REP_DISAGREE;
    t.study.phase[1].kind = FIT_UNDECIDED;
    t.study.phase[1].agreement = REP_OPEN;
    char *text = written(rep_summary, &t.study);
    expect_holds(text, "proof and measurement DISAGREE");
    expect_holds(text, "undecided: keep b, s (proof and measurement do not settle it)");
    sc_free(text);
    test_study_clear(&t);
}

Test(explain, every_term_and_the_totals)
{
    test_study t;
    test_study_init(&t, test_twist);
    sc_buf out = {0};
    cr_assert_eq(rep_explain(t.op, t.op->phase[SOL_CONTEXT], &out, NULL), SC_OK);
    const char *text = sc_buf_text(&out);
    expect_holds(text, "  qk            tensor, dtype io\n");
    expect_holds(text, "4*b*h*width*s*(s + prefix)");
    expect_holds(text, "  sm            exp\n");
    expect_holds(text, "  out           write, dtype io\n");
    expect_holds(text, "[x]");
    expect_holds(text, "axis prefix   cached tokens, 0 to 9000 (default 0)");
    const char *total = strstr(strstr(text, "\nbytes\n"), "  total ");
    cr_assert_not_null(total);
    expect_holds(total, "4*b*s*heads*width*bytes(io)");
    int columns;
    measure(text, &columns);
    cr_expect(columns <= 90, "%d columns", columns);
    sc_buf_free(&out);
    test_study_clear(&t);
}

/* Every "## " and "### " heading is followed by text before the next heading. */
static void expect_no_empty_section(const char *text)
{
    for (const char *p = text; (p = strstr(p, "\n#"));) {
        const char *body = strchr(p + 1, '\n');
        cr_assert_not_null(body);
        bool upper = p[1] == '#' && p[2] == '#' && p[3] != '#';
        bool sub = strncmp(body, "\n\n### ", 6) == 0;
        cr_expect(strncmp(body, "\n\n", 2) == 0 && body[2] &&
                      (body[2] != '#' || (upper && sub)),
                  "empty section: %.60s", p + 1);
        p = body;
    }
}

Test(note, decision_first_in_two_sentences)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    char *text = written(rep_note, &t.study);
    expect_no_empty_section(text);
    const char *start = strstr(text, "**Decision.** ");
    cr_assert(start && start - text < 40);
    const char *end = strstr(start, "\n\n");
    int sentences = 0;
    for (const char *p = start + strlen("**Decision.** "); p < end; p++) {
        sentences += *p == '.' && (p[1] == ' ' || p[1] == '\n');
    }
    cr_expect_eq(sentences, 2);
    expect_holds(
        text, "is collected and queried over `b` and `s` (token-non-equivalent) in the\n"
              "context phase, and is collected and queried over `x`");
    sc_free(text);
    test_study_clear(&t);
}

Test(note, states_the_evidence_with_units)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    char *text = written(rep_note, &t.study);
    expect_holds(text,
                 "| **b, s** | **spline** | **3.3 %** | 9.2 % | 0.5 % | 17 | -222.5 |");
    expect_holds(text, "| b, s | physical | 9.9 % | 18.8 % | 1.4 % | 4 | n/a |");
    expect_holds(text, "| **x** | **x \\| model** | **23.9 %** |");
    expect_holds(text, "4.38 us (4.10 us to 4.60 us)");
    expect_holds(text, "61.3 % (59.0 % to 64.0 %) | 656 TFLOP/s of 1071 TFLOP/s");
    expect_holds(text, "F(13, 44) = 313, p = 3.5e-09");
    expect_holds(text, "local heads = 24; local heads = 6");
    expect_holds(
        text, "![SOL and measured latency, context phase](sol-vs-measured-context.svg)");
    expect_holds(text, "seed 42");
    expect_holds(text, "SOL depends on it, so that it needs an axis of its own");
    expect_lacks(text, "nan");
    expect_lacks(text, "inf ");
    expect_lacks(text, "sharpness"); /* NaN: no row */
    sc_free(text);
    test_study_clear(&t);
}

Test(note, without_plots_names_none)
{
    test_study t;
    test_study_init(&t, test_twist);
    sc_buf out = {0};
    cr_assert_eq(rep_note_of(&t.study, false, &out, NULL), SC_OK);
    expect_lacks(sc_buf_text(&out), ".svg");
    expect_lacks(sc_buf_text(&out), "## Evidence");
    expect_holds(sc_buf_text(&out), "nothing has been measured yet");
    expect_no_empty_section(sc_buf_text(&out));
    sc_buf_free(&out);
    test_study_clear(&t);
}

Test(note, open_questions_come_with_what_to_measure)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    rep_phase *p = &t.study.phase[SOL_GENERATION];
    p->kind = p->fit.kind = FIT_UNDECIDED;
    p->agreement = REP_OPEN;
    strcpy(p->why, "too few points of equal x");
    p->fit.n_next = 2;
    p->fit.next_b[0] = 37;
    p->fit.next_s[0] = 1009;
    p->fit.next_b[1] = 74;
    p->fit.next_s[1] = 504;
    char *text = written(rep_note, &t.study);
    expect_holds(text, "**Generation, open point.** Too few points of equal x.");
    expect_holds(text, "measure (b = 37, s = 1009), (b = 74, s = 504).");
    expect_holds(text, "undecided");
    sc_free(text);
    test_study_clear(&t);
}

Test(note, says_what_a_reader_would_have_to_ask)
{
    test_study t;
    test_study_init(&t, test_twist);
    char *text = written(rep_note, &t.study);
    expect_holds(text, "On `h100_sxm`, from a cold cache, it is");
    expect_holds(text, "Summed over all terms:");
    expect_holds(text, "| generation | `x` | x 1 to 700; b 1 to 700, s 1 to 3000 |");
    expect_holds(text, "Nothing was measured.");
    sc_free(text);
    test_study_measure(&t);
    rep_phase *p = &t.study.phase[SOL_CONTEXT];
    p->fit.physical.eta_compute = (fit_interval){0.93, 0.00071, 0.998};
    p->fit.n_effects = 1;
    p->fit.effect[0] =
        (fit_effect){FIT_STAIRS_S, "stairs in s", 0.1875, 0.0625, 48, 0, true};
    text = written(rep_note, &t.study);
    expect_holds(text, "not determined by these points (0.07 % to 99.8 %) | |");
    expect_holds(text, "One that enters");
    expect_holds(text, "**Measured: token-non-equivalent.**");
    sc_free(text);
    test_study_clear(&t);
}

Test(note, long_sums_are_left_to_explain)
{
    static const char head[] =
        "op: long\ntitle: t\nsource: [x]\nparams:\n  kx: {default: 3, meaning: m}\n"
        "dtypes:\n  io: {default: bf16, allowed: [bf16]}\nphases:\n  context:\n"
        "    axes: {b: requests, s: tokens}\n    ranges: {b: [1, 8], s: [1, 64]}\n"
        "    flops:\n";
    sc_buf op = {0};
    test_study t;
    sc_buf_add(&op, head);
    for (int i = 0; i < 120; i++)
        sc_buf_printf(&op,
                      "      f%d: {expr: \"b*s*max(kx, %d)\", engine: cuda, source: x}\n",
                      i, i);
    sc_buf_add(&op,
               "    bytes:\n      in: {expr: b*s*bytes(io), access: read, dtype: io, "
               "source: x}\n    output: {shape: [b*s], dtype: io}\n");
    test_study_init(&t, sc_buf_text(&op));
    char *text = written(rep_note, &t.study);
    expect_holds(text, "`solcheck explain --op long`");
    expect_lacks(text, "max(kx, 17)");
    sc_free(text);
    sc_buf_free(&op);
    test_study_clear(&t);
}

/* A term that a parameter switches off has no rate. */
Test(note, the_rate_is_that_of_the_terms_that_are_there)
{
    static const char op[] =
        "op: off\ntitle: t\nsource: [x]\nparams:\n  gate: {default: 0, range: [0, 1], "
        "meaning: m}\n"
        "dtypes:\n  io: {default: bf16, allowed: [bf16]}\nphases:\n  context:\n"
        "    axes: {b: requests, s: tokens}\n    ranges: {b: [1, 8], s: [1, 64]}\n"
        "    flops:\n      g: {expr: b*s*gate, engine: cuda, source: x}\n"
        "      f: {expr: 71*b*s, engine: tensor, dtype: io, source: x}\n"
        "    bytes:\n      in: {expr: b*s*bytes(io), access: read, dtype: io, source: "
        "x}\n"
        "    output: {shape: [b*s], dtype: io}\n";
    test_study t;
    test_study_init(&t, op);
    rep_phase *p = &t.study.phase[SOL_CONTEXT];
    cr_expect_float_eq(rep_compute_rate(&t.study, p, SOL_ARCHITECTURAL), 1.0706e15, 1e12);
    t.study.config.param[0] = 1;
    cr_expect(isnan(rep_compute_rate(&t.study, p, SOL_ARCHITECTURAL)));
    test_study_clear(&t);
}

Test(note, points_faster_than_light_are_a_finding)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    rep_phase *p = &t.study.phase[SOL_CONTEXT];
    p->points.point[4].latency_s = p->bound[4].sol_hot_s / 3;
    char *text = written(rep_note, &t.study);
    expect_holds(text, "**Impossible points.** 1 of ");
    t.study.sol_comparable = false;
    char *other = written(rep_note, &t.study);
    expect_lacks(other, "Impossible");
    expect_holds(other, "The measurements are not from the GPU");
    sc_free(text);
    sc_free(other);
    test_study_clear(&t);
}

Test(parameters, every_parameter_dtype_and_axis)
{
    test_study t;
    test_study_init(&t, test_twist);
    char *text = written(rep_parameters, &t.study);
    expect_holds(text, "| `heads` | heads of the model | heads | 24 | 1 and up | 24 | "
                       "`num_attention_heads` | yes | yes, value on one GPU |");
    expect_holds(text, "| `width` | width \\| of a head | 1 | 72 |");
    expect_holds(text, "| no: no expression uses it |");
    expect_holds(text, "| `io` | bf16 | bf16 | bf16, fp8 (8.9) |");
    expect_holds(text,
                 "| context | `prefix` | cached tokens | 0 to 9000 | 0 | fixed at its");
    expect_holds(text, "| generation | `x` | tokens, `b` | | | swept and stored |");
    sc_free(text);
    test_study_clear(&t);
}
