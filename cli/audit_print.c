/* solcheck audit: the report as text and as JSON. Latencies in ms, as in the tables.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/audit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/json.h"

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

const char *audit_ceiling(const audit_result *r)
{
    return r->audit.fell_back ? "datasheet" : "architectural";
}

static void finding_text(const col_finding *f, sc_buf *out)
{
    const char *what = f->violation ? "faster than the bound by up to"
                       : f->slow    ? "too slow to be true, the best at"
                                    : "faster than DRAM allows by up to";
    sc_buf_printf(out, "    %zu row%s %s %.3gx: suspect %s%s%s (%s%s%s)\n", f->n_rows,
                  plural(f->n_rows), what, f->largest, col_suspect_name(f->suspect),
                  f->also != f->suspect ? ", or " : "",
                  f->also != f->suspect ? col_suspect_name(f->also) : "",
                  col_limiter_name(f->limiter), *f->dtypes ? "; " : "", f->dtypes);
    if (f->also == f->suspect)
        sc_buf_printf(out, "      %s\n", f->evidence);
    else
        sc_buf_printf(out, "      %s: %s\n      %s: %s\n", col_suspect_name(f->suspect),
                      f->evidence, col_suspect_name(f->also), f->also_evidence);
    sc_buf_printf(out, "      %s: line %d, %s: bound %.4g ms / latency %.4g ms = %.3f\n",
                  f->slow ? "best" : "worst", f->line, f->worst, 1e3 * f->bound_s,
                  1e3 * f->latency_s, f->bound_s / f->latency_s);
}

static void share_text(const char *name, const col_share *s, sc_buf *out)
{
    sc_buf_printf(
        out, "    %-4s  median %5.1f %%  p90 %5.1f %%  p99 %5.1f %%  largest %5.1f %%\n",
        name, 1e2 * s->median, 1e2 * s->p90, 1e2 * s->p99, 1e2 * s->largest);
}

double audit_coverage(const col_evidence *e)
{
    return e->n_cells ? (double)e->n_filled / (double)e->n_cells : NAN;
}

static void evidence_text(const col_evidence *e, sc_buf *out)
{
    if (e->n_iso)
        sc_buf_printf(out,
                      "    %zu row%s share x with another point, in %zu group%s: latency "
                      "spreads %.2fx in the median, p90 %.2fx, largest %.3gx\n",
                      e->n_iso_rows, plural(e->n_iso_rows), e->n_iso, plural(e->n_iso),
                      e->iso_median, e->iso_p90, e->iso_largest);
    if (e->n_cells)
        sc_buf_printf(out,
                      "    coverage %.1f %%: %zu of the %zu combinations of its own "
                      "values\n",
                      1e2 * audit_coverage(e), e->n_filled, e->n_cells);
    if (e->n_inverted)
        sc_buf_printf(out,
                      "    %zu row%s more than %.0f %% faster than the next smaller "
                      "one, by up to %.3gx: line %d\n",
                      e->n_inverted, plural(e->n_inverted), 1e2 * COL_AGREE,
                      e->inverted_ratio, e->inverted_line);
    if (e->n_repeated)
        sc_buf_printf(out,
                      "    %zu row%s repeat%s another one, %zu of them with another "
                      "latency%s",
                      e->n_repeated, plural(e->n_repeated), e->n_repeated == 1 ? "s" : "",
                      e->n_contradictory, e->n_contradictory ? "" : "\n");
    if (e->n_contradictory)
        sc_buf_printf(out, ": line %d\n", e->contradictory_line);
}

static void result_text(const audit_result *r, sc_buf *out)
{
    const col_audit *a = &r->audit;
    if (*r->unaudited) {
        sc_buf_printf(out, "%s\n  not audited, %zu row%s: %s\n", r->path, r->n_table,
                      plural(r->n_table), r->unaudited);
        return;
    }
    sc_buf_printf(out, "%s\n  %s, %s, on %s (%s ceiling): %zu of %zu row%s", r->path,
                  r->op->name, sol_phase_name(r->phase), r->system->name,
                  audit_ceiling(r), a->n_rows, r->n_table, plural(r->n_table));
    if (r->n_dropped)
        sc_buf_printf(out, ", %zu left out", r->n_dropped);
    sc_buf_printf(out, "\n    SOL / latency\n");
    share_text("cold", &a->cold, out);
    share_text("hot", &a->hot, out);
    if (a->n_large)
        sc_buf_printf(out,
                      "    %zu row%s of 0.1 ms or more: p99 %.1f %% of the hot bound\n",
                      a->n_large, plural(a->n_large), 1e2 * a->large_p99_hot);
    evidence_text(&a->evidence, out);
    for (size_t i = 0; i < a->n_findings; i++)
        finding_text(&a->finding[i], out);
}

audit_totals audit_count(const audit_report *report)
{
    audit_totals t = {0};
    const char *last = "";
    for (size_t i = 0; i < report->n; i++) {
        const audit_result *r = &report->result[i];
        if (*r->unaudited) {
            t.unaudited++;
            t.rows_unaudited += r->n_table;
            continue;
        }
        t.audited += strcmp(last, r->path) != 0;
        last = r->path;
        t.rows += r->audit.n_rows;
        t.violations += r->audit.n_violations;
        t.below_cold += r->audit.n_below_cold;
        t.inverted += r->audit.evidence.n_inverted;
        t.contradictory += r->audit.evidence.n_contradictory;
        for (size_t k = 0; k < r->audit.n_findings; k++) {
            const col_finding *f = &r->audit.finding[k];
            t.suspect[f->suspect] += f->n_rows;
            t.also[f->also] += f->also != f->suspect ? f->n_rows : 0;
        }
    }
    return t;
}

sc_status audit_text(cli_session *cli, const audit_report *report, sc_buf *out)
{
    audit_totals t = audit_count(report);
    for (size_t i = 0; i < report->n && !cli_has(&cli->options, CLI_OPT_QUIET); i++)
        result_text(&report->result[i], out);
    sc_buf_printf(out,
                  "%s%zu table%s, %zu audited with %zu row%s; not audited: %zu "
                  "row%s of %zu table%s\n",
                  out->n ? "\n" : "", report->n_files, plural(report->n_files), t.audited,
                  t.rows, plural(t.rows), t.rows_unaudited, plural(t.rows_unaudited),
                  t.unaudited, plural(t.unaudited));
    sc_buf_printf(out,
                  "faster than the bound of their cache state: %zu row%s; only than "
                  "DRAM allows: %zu\n",
                  t.violations, plural(t.violations), t.below_cold);
    for (int s = 0; s < COL_N_SUSPECTS; s++) {
        if (t.suspect[s])
            sc_buf_printf(out, "  %-9s %8zu row%s: %s\n",
                          col_suspect_name((col_suspect)s), t.suspect[s],
                          plural(t.suspect[s]), col_suspect_text((col_suspect)s));
        if (t.also[s])
            sc_buf_printf(out, "  %-9s %8zu row%s, or another suspect: %s\n",
                          col_suspect_name((col_suspect)s), t.also[s], plural(t.also[s]),
                          col_suspect_text((col_suspect)s));
    }
    return out->failed ? sc_diag_nomem(&cli->diag) : SC_OK;
}

/* ---- JSON ---- */

static json_t *share_json(const col_share *s)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "median", cli_json_number(s->median), "p90",
                     cli_json_number(s->p90), "p99", cli_json_number(s->p99), "largest",
                     cli_json_number(s->largest));
}

static json_t *finding_json(const col_finding *f)
{
    json_t *json =
        json_pack("{s:b, s:b, s:s, s:o, s:s, s:s, s:I, s:I, s:o, s:o}", "violation",
                  (int)f->violation, "slow", (int)f->slow, "suspect",
                  col_suspect_name(f->suspect), "evidence", cli_json_text(f->evidence),
                  "limiter", col_limiter_name(f->limiter), "dtypes", f->dtypes, "rows",
                  (json_int_t)f->n_rows, "peers", (json_int_t)f->n_peers, "median",
                  cli_json_number(f->median), "largest", cli_json_number(f->largest));
    json_t *worst = json_pack("{s:i, s:o, s:f, s:f}", "line", f->line, "point",
                              cli_json_text(f->worst), "latency_ms", 1e3 * f->latency_s,
                              "bound_ms", 1e3 * f->bound_s);
    json_t *also = f->also != f->suspect
                       ? json_pack("{s:s, s:o}", "suspect", col_suspect_name(f->also),
                                   "evidence", cli_json_text(f->also_evidence))
                       : json_null();
    json_object_set_new(json, "worst", worst);
    json_object_set_new(json, "also", also);
    return json;
}

static json_t *evidence_json(const col_evidence *e)
{
    json_t *iso = json_pack(
        "{s:I, s:I, s:o, s:o, s:o}", "groups", (json_int_t)e->n_iso, "rows",
        (json_int_t)e->n_iso_rows, "median", cli_json_number(e->iso_median), "p90",
        cli_json_number(e->iso_p90), "largest", cli_json_number(e->iso_largest));
    return json_pack(
        "{s:o, s:o, s:I, s:I, s:I, s:o, s:i, s:I, s:I, s:i}", "iso_tokens", iso,
        "coverage", cli_json_number(audit_coverage(e)), "filled", (json_int_t)e->n_filled,
        "cells", (json_int_t)e->n_cells, "inverted", (json_int_t)e->n_inverted,
        "inverted_ratio", cli_json_number(e->n_inverted ? e->inverted_ratio : NAN),
        "inverted_line", e->inverted_line, "repeated", (json_int_t)e->n_repeated,
        "contradictory", (json_int_t)e->n_contradictory, "contradictory_line",
        e->contradictory_line);
}

static json_t *result_json(const audit_result *r)
{
    const col_audit *a = &r->audit;
    if (*r->unaudited)
        return json_pack("{s:o, s:I, s:o}", "path", cli_json_text(r->path), "table_rows",
                         (json_int_t)r->n_table, "unaudited",
                         cli_json_text(r->unaudited));
    json_t *findings = json_array();
    for (size_t i = 0; i < a->n_findings; i++)
        json_array_append_new(findings, finding_json(&a->finding[i]));
    return json_pack(
        "{s:o, s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:b, "
        "s:o, s:o}",
        "path", cli_json_text(r->path), "op", r->op->name, "phase",
        sol_phase_name(r->phase), "system", r->system->name, "ceiling", audit_ceiling(r),
        "table_rows", (json_int_t)r->n_table, "rows", (json_int_t)a->n_rows, "left_out",
        (json_int_t)r->n_dropped, "violations", (json_int_t)a->n_violations, "below_cold",
        (json_int_t)a->n_below_cold, "large_rows", (json_int_t)a->n_large, "cold",
        share_json(&a->cold), "hot", share_json(&a->hot), "large_p99_hot",
        cli_json_number(a->large_p99_hot), "knows_l2", (int)a->knows_l2, "evidence",
        evidence_json(&a->evidence), "findings", findings);
}

sc_status audit_json(cli_session *cli, const audit_report *report, sc_buf *out)
{
    audit_totals t = audit_count(report);
    json_t *tables = json_array(), *suspects = json_object();
    for (size_t i = 0; i < report->n; i++)
        json_array_append_new(tables, result_json(&report->result[i]));
    for (int s = 0; s < COL_N_SUSPECTS; s++)
        json_object_set_new(suspects, col_suspect_name((col_suspect)s),
                            json_integer((json_int_t)t.suspect[s]));
    json_t *root = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}", "files", (json_int_t)report->n_files,
        "unreadable", (json_int_t)report->n_failed, "unaudited", (json_int_t)t.unaudited,
        "rows", (json_int_t)t.rows, "violations", (json_int_t)t.violations, "below_cold",
        (json_int_t)t.below_cold, "suspects", suspects, "tables", tables);
    return cli_json_dump(root, out, &cli->diag);
}
