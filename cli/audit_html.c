/* solcheck audit: a page to browse, self-contained: all tables in one that sorts and
 * filters, then each with its distribution, evidence and findings.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/audit.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "reports/html.h"

static const char more_style[] =
    ".bad{color:var(--no)}.path{overflow-wrap:anywhere}dl{display:grid;gap:.1rem 1rem;"
    "grid-template-columns:max-content 1fr}dt{color:var(--soft)}dd{margin:0}\n"
    "section{border-top:1px solid var(--line);padding:.6rem 0}section h3{margin:.2rem "
    "0}\n"
    "svg.bar{width:100%;max-width:32rem;height:2.2rem;display:block}\n"
    ".finding{border-left:.25rem solid var(--line);padding-left:.8rem;margin:.7rem 0}"
    ".finding.violation{border-color:var(--no)}\n"
    "#points td:first-child{max-width:26rem;overflow:hidden;text-overflow:ellipsis}\n"
    "a{color:var(--accent)}"
    "section:target{background:var(--card)}\n";

/* Length of the directories that all paths share: said once, left off elsewhere. */
static size_t common_dir(const audit_report *report)
{
    const char *first = report->n ? report->result[0].path : "";
    size_t n = strlen(first);
    for (size_t i = 0; i < report->n; i++) {
        size_t same = 0;
        while (same < n && report->result[i].path[same] == first[same])
            same++;
        n = same;
    }
    while (n > 0 && first[n - 1] != '/')
        n--;
    return n;
}

/* ---- the summary ---- */

static void card(const char *kind, size_t number, const char *what, sc_buf *out)
{
    sc_buf_printf(out, "<div class=\"card %s\"><b>%zu</b><p>", kind, number);
    rep_add_html(out, what);
    sc_buf_add(out, "</p></div>\n");
}

static void summary(const audit_report *report, sc_buf *out)
{
    audit_totals t = audit_count(report);
    sc_buf_add(out, "<div class=\"cards\">\n");
    card("", t.audited, "tables audited", out);
    card("", t.rows, "rows held against their speed of light", out);
    card(t.violations ? "non" : "equivalent", t.violations,
         "rows faster than the bound of their cache state", out);
    card("", t.below_cold, "rows faster than DRAM allows, out of L2", out);
    card(t.inverted ? "open" : "", t.inverted, "rows faster than the next smaller one",
         out);
    card(t.rows_unaudited || report->n_failed ? "open" : "", t.rows_unaudited,
         "rows that are not audited, see below why", out);
    sc_buf_add(out, "</div>\n<div class=\"wide\"><table><tr><th>suspect</th><th>rows</th>"
                    "<th style=\"text-align:left\">what to do</th></tr>\n");
    for (int s = 0; s < COL_N_SUSPECTS; s++)
        for (int also = 0; also < 2; also++) {
            size_t n = also ? t.also[s] : t.suspect[s];
            if (n)
                sc_buf_printf(out,
                              "<tr><td>%s</td><td>%zu</td><td style=\"text-align:left\">"
                              "%s%s</td></tr>\n",
                              col_suspect_name((col_suspect)s), n,
                              also ? "or another suspect: " : "",
                              col_suspect_text((col_suspect)s));
        }
    sc_buf_add(out, "</table></div>\n");
}

/* ---- the table of tables ---- */

static void suspects(const col_audit *a, sc_buf *out)
{
    for (size_t i = 0; i < a->n_findings; i++) {
        const col_finding *f = &a->finding[i];
        sc_buf_printf(out, "%s%s%s%s", i ? ", " : "", col_suspect_name(f->suspect),
                      f->also != f->suspect ? " or " : "",
                      f->also != f->suspect ? col_suspect_name(f->also) : "");
    }
}

static void table_row(const audit_result *r, size_t number, size_t common, sc_buf *out)
{
    const col_audit *a = &r->audit;
    const col_evidence *e = &a->evidence;
    bool audited = !*r->unaudited;
    sc_buf names = {0};
    char link[32];
    snprintf(link, sizeof link, "table-%zu", number);
    if (audited)
        suspects(a, &names);
    sc_buf_add(out, "[");
    rep_add_script_text(out, r->path + common);
    sc_buf_add(out, ",");
    rep_add_script_text(out, r->op ? r->op->name : "");
    sc_buf_printf(out, ",\"%s\",", audited ? sol_phase_name(r->phase) : "");
    rep_add_script_text(out, audited ? r->system->name : "");
    rep_add_script_number(out, (double)(audited ? a->n_rows : r->n_table));
    rep_add_script_number(out, audited ? 1e2 * a->hot.median : NAN);
    rep_add_script_number(out, audited ? 1e2 * a->hot.p99 : NAN);
    rep_add_script_number(out, audited && a->n_large ? 1e2 * a->large_p99_hot : NAN);
    rep_add_script_number(out, audited ? (double)a->n_violations : NAN);
    rep_add_script_number(out, audited ? (double)a->n_below_cold : NAN);
    rep_add_script_number(out, audited ? (double)e->n_inverted : NAN);
    rep_add_script_number(out, audited ? 1e2 * audit_coverage(e) : NAN);
    rep_add_script_number(out, audited && e->n_iso ? e->iso_median : NAN);
    sc_buf_add(out, ",");
    rep_add_script_text(out, audited ? sc_buf_text(&names) : r->unaudited);
    sc_buf_add(out, ",");
    rep_add_script_text(out, link);
    sc_buf_add(out, "]");
    out->failed |= names.failed;
    sc_buf_free(&names);
}

static void tables(const audit_report *report, size_t common, sc_buf *out)
{
    sc_buf_add(
        out, "<h2>Tables</h2>\n<p><input id=\"filter\" type=\"search\" placeholder=\""
             "filter: mla violations&gt;0\" aria-label=\"filter tables\"> <span id=\""
             "count\" class=\"soft\"></span></p>\n<div id=\"points\"></div>\n"
             "<script id=\"data\" type=\"application/json\">\n{\"unit\":\"tables\","
             "\"columns\":[\"table\",\"op\",\"phase\",\"system\",\"rows\",\"median "
             "(SOL%)\",\"p99 (SOL%)\",\"large p99 (SOL%)\",\"violations\",\"below_DRAM\","
             "\"inverted\",\"coverage (%)\",\"iso-token spread\",\"suspects\"],\n"
             "\"rows\":[");
    for (size_t i = 0; i < report->n; i++) {
        sc_buf_add(out, i ? ",\n" : "\n");
        table_row(&report->result[i], i, common, out);
    }
    sc_buf_printf(out,
                  "]}\n</script>\n<p class=\"soft\">SOL%%: bound of a hot L2 over "
                  "latency. Large rows: bound of 0.1 ms or more.</p>\n<script>\n%s"
                  "</script>\n",
                  rep_page_script);
}

/* ---- one table ---- */

#define BAR_W 640.0
#define BAR_MOST 1.25 /* SOL / latency at the right end */

static double bar_x(double share)
{
    return BAR_W * fmin(share, BAR_MOST) / BAR_MOST;
}

/* Median to 99th percentile as a bar, the largest as a tick, the bound as a line. */
static void bar(const col_share *s, sc_buf *out)
{
    sc_buf_printf(
        out,
        "<svg class=\"bar\" viewBox=\"0 0 %g 36\" role=\"img\" aria-label=\"SOL "
        "over latency\"><g fill=\"currentColor\" font-size=\"11\">"
        "<rect x=\"0\" y=\"10\" width=\"%g\" height=\"1\" opacity=\".4\"/>"
        "<rect x=\"%.1f\" y=\"5\" width=\"%.1f\" height=\"11\" fill=\"var("
        "--accent)\"/><rect x=\"%.1f\" y=\"3\" width=\"2\" height=\"15\"/>"
        "<rect x=\"%.1f\" y=\"0\" width=\"2\" height=\"21\" fill=\"var(--no)\"/>",
        BAR_W, BAR_W, bar_x(s->median), bar_x(s->p99) - bar_x(s->median) + 1,
        bar_x(s->largest), bar_x(1));
    for (int k = 0; k <= 5; k++)
        sc_buf_printf(out, "<text x=\"%.1f\" y=\"34\" text-anchor=\"%s\">%d %%</text>",
                      bar_x(0.25 * k),
                      k == 0   ? "start"
                      : k == 5 ? "end"
                               : "middle",
                      25 * k);
    sc_buf_add(out, "</g></svg>\n");
}

static void shares(const char *name, const col_share *s, sc_buf *out)
{
    sc_buf_printf(out,
                  "<dt>SOL%%, %s</dt><dd>median %.1f, p90 %.1f, p99 %.1f, largest "
                  "%.1f</dd>\n",
                  name, 1e2 * s->median, 1e2 * s->p90, 1e2 * s->p99, 1e2 * s->largest);
}

static void evidence(const col_evidence *e, sc_buf *out)
{
    if (e->n_iso)
        sc_buf_printf(out,
                      "<dt>iso-token spread</dt><dd>median %.2fx, p90 %.2fx, largest "
                      "%.3gx over %zu groups of %zu rows</dd>\n",
                      e->iso_median, e->iso_p90, e->iso_largest, e->n_iso, e->n_iso_rows);
    if (e->n_cells)
        sc_buf_printf(out,
                      "<dt>coverage</dt><dd>%.1f %%: %zu of the %zu combinations of "
                      "its own values</dd>\n",
                      1e2 * audit_coverage(e), e->n_filled, e->n_cells);
    sc_buf_printf(out, "<dt>anomalies</dt><dd>%zu rows faster than the next smaller one",
                  e->n_inverted);
    if (e->n_inverted)
        sc_buf_printf(out, " (by up to %.3gx, line %d)", e->inverted_ratio,
                      e->inverted_line);
    sc_buf_printf(out, "; %zu repeated keys, %zu with another latency", e->n_repeated,
                  e->n_contradictory);
    if (e->n_contradictory)
        sc_buf_printf(out, " (line %d)", e->contradictory_line);
    sc_buf_add(out, "</dd>\n");
}

static void finding(const col_finding *f, sc_buf *out)
{
    sc_buf_printf(out,
                  "<div class=\"finding%s\"><p><b>%zu of %zu rows</b> %s %.3gx. "
                  "Suspect: <b>%s</b>",
                  f->violation ? " violation" : "", f->n_rows, f->n_peers,
                  f->violation ? "are faster than the bound by up to"
                  : f->slow    ? "are too slow to be true, the best at"
                               : "are faster than DRAM allows by up to",
                  f->largest, col_suspect_name(f->suspect));
    if (f->also != f->suspect)
        sc_buf_printf(out, ", or <b>%s</b>", col_suspect_name(f->also));
    sc_buf_printf(out, " (%s", col_limiter_name(f->limiter));
    sc_buf_add(out, *f->dtypes ? "; " : "");
    rep_add_html(out, f->dtypes);
    sc_buf_add(out, ")</p>\n<p>");
    if (f->also != f->suspect)
        sc_buf_printf(out, "<b>%s</b>: ", col_suspect_name(f->suspect));
    rep_add_html(out, f->evidence);
    if (f->also != f->suspect) {
        sc_buf_printf(out, "<br><b>%s</b>: ", col_suspect_name(f->also));
        rep_add_html(out, f->also_evidence);
    }
    sc_buf_printf(out, "</p>\n<p class=\"soft\">%s: line %d, ",
                  f->slow ? "best" : "worst", f->line);
    rep_add_html(out, f->worst);
    sc_buf_printf(out, ": bound %.4g ms / latency %.4g ms = %.3f</p></div>\n",
                  1e3 * f->bound_s, 1e3 * f->latency_s, f->bound_s / f->latency_s);
}

static void one_table(const audit_result *r, size_t number, size_t common, sc_buf *out)
{
    const col_audit *a = &r->audit;
    sc_buf_printf(out, "<section id=\"table-%zu\"><h3 class=\"path\">", number);
    rep_add_html(out, r->path + common);
    sc_buf_add(out, "</h3>\n");
    if (*r->unaudited) {
        sc_buf_printf(out, "<p class=\"bad\">not audited, %zu rows: ", r->n_table);
        rep_add_html(out, r->unaudited);
        sc_buf_add(out, "</p></section>\n");
        return;
    }
    sc_buf_add(out, "<p class=\"soft\">");
    rep_add_html(out, r->op->name);
    sc_buf_printf(out, ", %s, on ", sol_phase_name(r->phase));
    rep_add_html(out, r->system->name);
    sc_buf_printf(out, " (%s ceiling): %zu of %zu rows", audit_ceiling(r), a->n_rows,
                  r->n_table);
    if (r->n_dropped)
        sc_buf_printf(out, ", %zu left out", r->n_dropped);
    sc_buf_add(out, "</p>\n");
    bar(&a->hot, out);
    sc_buf_add(out, "<dl>\n");
    shares("hot", &a->hot, out);
    shares("cold", &a->cold, out);
    if (a->n_large)
        sc_buf_printf(out,
                      "<dt>large rows</dt><dd>%zu, p99 %.1f %% of the hot bound</dd>\n",
                      a->n_large, 1e2 * a->large_p99_hot);
    evidence(&a->evidence, out);
    sc_buf_add(out, "</dl>\n");
    for (size_t i = 0; i < a->n_findings; i++)
        finding(&a->finding[i], out);
    sc_buf_add(out, "</section>\n");
}

sc_status audit_html(cli_session *cli, const audit_report *report, sc_buf *out)
{
    size_t common = common_dir(report);
    sc_buf dir = {0};
    sc_buf_printf(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
        "<title>Audit of perf tables</title>\n<style>\n%s%s</style>\n</head>\n"
        "<body>\n<main>\n<h1>Audit of perf tables</h1>\n<p class=\"soft\">%zu "
        "tables &#183; ",
        rep_page_style, more_style, report->n_files);
    if (common && !sc_buf_addn(&dir, report->result[0].path, common))
        rep_add_html(out, sc_buf_text(&dir));
    out->failed |= dir.failed;
    sc_buf_free(&dir);
    sc_buf_printf(out, "%ssolcheck %s</p>\n", common ? " &#183; " : "", PACKAGE_VERSION);
    summary(report, out);
    tables(report, common, out);
    sc_buf_add(out,
               "<h2>Findings and distributions</h2>\n<p class=\"soft\">Bars: SOL over "
               "latency with a hot L2, from the median to the 99th percentile; the thin "
               "mark is the largest, the coloured one the bound.</p>\n");
    for (size_t i = 0; i < report->n; i++)
        one_table(&report->result[i], i, common, out);
    sc_buf_add(out, "</main>\n</body>\n</html>\n");
    return out->failed ? sc_diag_nomem(&cli->diag) : SC_OK;
}
