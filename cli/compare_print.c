/* solcheck compare: the report as text, JSON and JUnit. Latencies in ms, as in the
 * tables. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#include <config.h>

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "cli/compare.h"
#include "cli/json.h"

#define LISTED 10 /* points of one kind in the text */

static const char *decision(const compare_side *side)
{
    return side->n == 0 ? "none" : side->fitted ? fit_kind_name(side->kind) : "none";
}

static const char *outcome(const compare_report *report)
{
    return report->failed ? "REGRESSED" : "PASSED";
}

static size_t in_common(const col_comparison *c)
{
    return c->n - c->count[COL_ONLY_A] - c->count[COL_ONLY_B];
}

/* ---- text ---- */

static void pair_text(const col_pair *p, sc_buf *out)
{
    if (isnan(p->ratio))
        sc_buf_printf(out, "    %s: %.4g ms\n", p->key,
                      1e3 * (isnan(p->a_s) ? p->b_s : p->a_s));
    else
        sc_buf_printf(out, "    %s: %.4g ms -> %.4g ms, ratio %.3f (%.3f to %.3f)\n",
                      p->key, 1e3 * p->a_s, 1e3 * p->b_s, p->ratio, p->lo, p->hi);
}

static void more_text(size_t n, sc_buf *out)
{
    if (n > LISTED)
        sc_buf_printf(out, "    and %zu more\n", n - LISTED);
}

/* The worst of those that regressed. */
static void regressed_text(const col_comparison *c, sc_buf *out)
{
    const col_pair *last = NULL;
    if (c->n_regressed)
        sc_buf_add(out, "  regressed, worst first:\n");
    for (size_t k = 0; k < LISTED && k < c->n_regressed; k++) {
        const col_pair *next = NULL;
        for (const col_pair *p = c->pair; p < c->pair + c->n; p++) {
            bool listed = last && (p->ratio > last->ratio ||
                                   (p->ratio == last->ratio && p <= last));
            if (p->regressed && !listed && (!next || p->ratio > next->ratio))
                next = p;
        }
        pair_text(next, out);
        last = next;
    }
    more_text(c->n_regressed, out);
}

static void only_text(const col_comparison *c, col_verdict verdict, sc_buf *out)
{
    size_t n = 0;
    if (c->count[verdict])
        sc_buf_printf(out, "  only in %s:\n", verdict == COL_ONLY_A ? "A" : "B");
    for (size_t i = 0; i < c->n && n < LISTED; i++)
        if (c->pair[i].verdict == verdict) {
            pair_text(&c->pair[i], out);
            n++;
        }
    more_text(c->count[verdict], out);
}

static void head_text(const compare_report *report, const compare_result *r, sc_buf *out)
{
    const col_comparison *c = &r->comparison;
    size_t assumed = r->side[0].n_assumed + r->side[1].n_assumed;
    sc_buf_printf(out, "%s%s%s: %zu point%s in common", r->name, r->system ? ", on " : "",
                  r->system ? r->system->name : "", in_common(c),
                  in_common(c) == 1 ? "" : "s");
    for (int v = COL_ONLY_A; v < COL_N_VERDICTS; v++)
        sc_buf_printf(out, ", %zu only in %s", c->count[v], v == COL_ONLY_A ? "A" : "B");
    sc_buf_add(out, "\n ");
    for (int v = 0; v < COL_ONLY_A; v++)
        sc_buf_printf(out, " %s %zu%s", col_verdict_name((col_verdict)v), c->count[v],
                      v + 1 < COL_ONLY_A ? "," : "");
    sc_buf_printf(out, "; slower by more than %g %%: %zu\n",
                  1e2 * report->options.threshold, c->n_regressed);
    if (assumed)
        sc_buf_printf(out, "  %zu of %zu rows have no dispersion: %g %% is taken\n",
                      assumed, r->side[0].n + r->side[1].n, 1e2 * report->options.noise);
}

static void result_text(const compare_report *report, const compare_result *r,
                        sc_buf *out)
{
    const col_comparison *c = &r->comparison;
    head_text(report, r, out);
    if (in_common(c))
        sc_buf_printf(out, "  latency B / A: median %.4f (%.4f to %.4f at %g %%)%s\n",
                      c->median, c->median_lo, c->median_hi,
                      1e2 * (1 - report->options.alpha),
                      c->shifted ? ", slower on the whole" : "");
    if (!isnan(c->sol_a) && !isnan(c->sol_b))
        sc_buf_printf(out,
                      "  SOL / latency: median %.1f %% -> %.1f %% (architectural "
                      "ceiling)\n",
                      1e2 * c->sol_a, 1e2 * c->sol_b);
    if (r->op) {
        sc_buf_printf(out, "  decision: %s -> %s%s\n", decision(&r->side[0]),
                      decision(&r->side[1]), r->changed ? ", CHANGED" : "");
        for (int k = 0; k < 2; k++)
            if (r->side[k].n &&
                (r->side[0].kind != r->side[1].kind || !r->side[k].fitted))
                sc_buf_printf(out, "    %s: %s\n", k ? "B" : "A", r->side[k].why);
    }
    regressed_text(c, out);
    only_text(c, COL_ONLY_A, out);
    only_text(c, COL_ONLY_B, out);
}

sc_status compare_text(const compare_report *report, bool quiet, sc_buf *out,
                       sc_diag *diag)
{
    sc_buf_printf(out, "A: %s\nB: %s\n", report->path[0], report->path[1]);
    for (size_t i = 0; i < report->n && !quiet; i++) {
        sc_buf_add(out, "\n");
        result_text(report, &report->result[i], out);
    }
    sc_buf_printf(out,
                  "%s%s: %zu point%s slower by more than %g %%, %zu decision%s "
                  "changed",
                  quiet ? "" : "\n", outcome(report), report->n_regressed,
                  report->n_regressed == 1 ? "" : "s", 1e2 * report->options.threshold,
                  report->n_changed, report->n_changed == 1 ? "" : "s");
    if (report->n_shifted)
        sc_buf_printf(out, ", %zu part%s slower on the whole", report->n_shifted,
                      report->n_shifted == 1 ? "" : "s");
    if (report->strict)
        sc_buf_printf(out, ", %zu ambiguous or missing in B", report->n_loose);
    sc_buf_add(out, "\n");
    return out->failed ? sc_diag_nomem(diag) : SC_OK;
}

/* ---- JSON ---- */

static json_t *pair_json(const col_pair *p)
{
    return json_pack("{s:o, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "key",
                     cli_json_text(p->key), "verdict", col_verdict_name(p->verdict),
                     "regressed", (int)p->regressed, "a_ms",
                     cli_json_number(1e3 * p->a_s), "b_ms", cli_json_number(1e3 * p->b_s),
                     "ratio", cli_json_number(p->ratio), "lo", cli_json_number(p->lo),
                     "hi", cli_json_number(p->hi), "sol_a", cli_json_number(p->sol_a),
                     "sol_b", cli_json_number(p->sol_b));
}

static json_t *side_json(const compare_side *side)
{
    return json_pack("{s:I, s:I, s:s, s:o}", "rows", (json_int_t)side->n,
                     "rows_without_dispersion", (json_int_t)side->n_assumed, "decision",
                     decision(side), "reason", cli_json_text(side->why));
}

static json_t *result_json(const compare_result *r)
{
    const col_comparison *c = &r->comparison;
    json_t *count = json_object(), *points = json_array();
    for (int v = 0; v < COL_N_VERDICTS; v++)
        json_object_set_new(count, col_verdict_name((col_verdict)v),
                            json_integer((json_int_t)c->count[v]));
    for (size_t i = 0; i < c->n; i++)
        json_array_append_new(points, pair_json(&c->pair[i]));
    json_t *ratio =
        json_pack("{s:o, s:o, s:o}", "median", cli_json_number(c->median), "lo",
                  cli_json_number(c->median_lo), "hi", cli_json_number(c->median_hi));
    return json_pack("{s:o, s:s?, s:s?, s:s?, s:o, s:o, s:o, s:I, s:b, s:b, s:o, s:o, "
                     "s:o, s:o}",
                     "name", cli_json_text(r->name), "op", r->op ? r->op->name : NULL,
                     "phase", r->op ? sol_phase_name(r->phase) : NULL, "system",
                     r->system ? r->system->name : NULL, "a", side_json(&r->side[0]), "b",
                     side_json(&r->side[1]), "count", count, "regressed",
                     (json_int_t)c->n_regressed, "shifted", (int)c->shifted,
                     "decision_changed", (int)r->changed, "ratio", ratio, "sol_a",
                     cli_json_number(c->sol_a), "sol_b", cli_json_number(c->sol_b),
                     "points", points);
}

sc_status compare_json(const compare_report *report, sc_buf *out, sc_diag *diag)
{
    json_t *parts = json_array();
    for (size_t i = 0; i < report->n; i++)
        json_array_append_new(parts, result_json(&report->result[i]));
    json_t *root =
        json_pack("{s:o, s:o, s:s, s:f, s:f, s:f, s:b, s:I, s:I, s:I, s:I, s:o}", "a",
                  cli_json_text(report->path[0]), "b", cli_json_text(report->path[1]),
                  "outcome", outcome(report), "threshold", report->options.threshold,
                  "noise", report->options.noise, "level", 1 - report->options.alpha,
                  "strict", (int)report->strict, "regressed",
                  (json_int_t)report->n_regressed, "decisions_changed",
                  (json_int_t)report->n_changed, "shifted", (json_int_t)report->n_shifted,
                  "ambiguous_or_missing", (json_int_t)report->n_loose, "parts", parts);
    return cli_json_dump(root, out, diag);
}

/* ---- JUnit ---- */

typedef struct junit {
    sc_buf cases;
    size_t tests, failures, skipped;
} junit;

/* element: NULL (passed), "failure" or "skipped". */
static void add_case(junit *j, const char *class, const char *name, const char *element,
                     const char *message)
{
    sc_buf_add(&j->cases, "  <testcase classname=\"");
    sc_buf_add_xml(&j->cases, class);
    sc_buf_add(&j->cases, "\" name=\"");
    sc_buf_add_xml(&j->cases, name);
    sc_buf_add(&j->cases, "\">");
    if (element) {
        sc_buf_printf(&j->cases, "<%s message=\"", element);
        sc_buf_add_xml(&j->cases, message);
        sc_buf_add(&j->cases, "\"/>");
    }
    sc_buf_add(&j->cases, "</testcase>\n");
    j->tests++;
    j->failures += element && strcmp(element, "failure") == 0;
    j->skipped += element && strcmp(element, "skipped") == 0;
}

static void pair_junit(const compare_report *report, const compare_result *r,
                       const col_pair *p, junit *j)
{
    sc_buf text = {0};
    bool loose = p->verdict == COL_AMBIGUOUS || p->verdict == COL_ONLY_A;
    bool fails = p->regressed || (report->strict && loose);
    if (isnan(p->ratio))
        sc_buf_add(&text, col_verdict_name(p->verdict));
    else
        sc_buf_printf(&text, "%s: %.4g ms -> %.4g ms, ratio %.3f (%.3f to %.3f)",
                      col_verdict_name(p->verdict), 1e3 * p->a_s, 1e3 * p->b_s, p->ratio,
                      p->lo, p->hi);
    add_case(j, r->name, p->key,
             fails                               ? "failure"
             : loose || p->verdict == COL_ONLY_B ? "skipped"
                                                 : NULL,
             sc_buf_text(&text));
    j->cases.failed |= text.failed;
    sc_buf_free(&text);
}

static void result_junit(const compare_report *report, const compare_result *r, junit *j)
{
    sc_buf text = {0};
    for (size_t i = 0; i < r->comparison.n; i++)
        pair_junit(report, r, &r->comparison.pair[i], j);
    sc_buf_printf(&text, "median ratio %.4f (%.4f to %.4f)", r->comparison.median,
                  r->comparison.median_lo, r->comparison.median_hi);
    if (in_common(&r->comparison))
        add_case(j, r->name, "all points", r->comparison.shifted ? "failure" : NULL,
                 sc_buf_text(&text));
    j->cases.failed |= text.failed;
    sc_buf_free(&text);
    sc_buf_printf(&text, "%s -> %s", decision(&r->side[0]), decision(&r->side[1]));
    if (r->op && r->side[0].n && r->side[1].n)
        add_case(j, r->name, "decision",
                 r->changed ? "failure"
                 : r->side[0].fitted && r->side[1].fitted &&
                         r->side[0].kind == r->side[1].kind
                     ? NULL
                     : "skipped",
                 sc_buf_text(&text));
    j->cases.failed |= text.failed;
    sc_buf_free(&text);
}

sc_status compare_junit(const compare_report *report, sc_buf *out, sc_diag *diag)
{
    junit j = {0};
    for (size_t i = 0; i < report->n; i++)
        result_junit(report, &report->result[i], &j);
    sc_buf_add(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"");
    sc_buf_add_xml(out, report->path[0]);
    sc_buf_add(out, " to ");
    sc_buf_add_xml(out, report->path[1]);
    sc_buf_printf(out,
                  "\" tests=\"%zu\" failures=\"%zu\" skipped=\"%zu\" errors=\"0\">\n",
                  j.tests, j.failures, j.skipped);
    sc_buf_add(out, sc_buf_text(&j.cases));
    sc_buf_add(out, "</testsuite>\n");
    out->failed |= j.cases.failed;
    sc_buf_free(&j.cases);
    return out->failed ? sc_diag_nomem(diag) : SC_OK;
}
