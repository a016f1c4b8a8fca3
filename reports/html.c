/* solcheck - reports: report.html, one self-contained page for a study.
 *
 * No network, no framework: style and script are inline, plots are inline SVG, symbols
 * are MathML. The table of points is data in a script element and drawn a window at a
 * time, so that 20 000 rows stay quick. Foreign text passes rep_add_html; inside of
 * scripts "<" is written \u003c. SPDX-License-Identifier: GPL-3.0-or-later WITH
 * additional permission, see LICENSE */
#include <config.h>

#include "reports/html.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/note.h"

const char rep_page_style[] =
    ":root{--bg:#fff;--fg:#1c2330;--soft:#5b6675;--line:#d5dbe3;--card:#f5f7fa;"
    "--yes:#00664a;--no:#a33c00;--open:#7a5c00;--accent:#0072b2}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14181f;--fg:#e4e8ee;--soft:#9aa6b5;"
    "--line:#333c49;--card:#1d232d;--yes:#4fc9a0;--no:#f0935a;--open:#e0bb4a;"
    "--accent:#6db7ea}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);"
    "font:16px/1.5 system-ui,sans-serif}\n"
    "main{max-width:68rem;margin:0 auto;padding:1.5rem 1rem 4rem;overflow-wrap:anywhere}"
    "th,td{overflow-wrap:normal}\n"
    "h1{font-size:1.7rem;margin:0 0 .2rem}h2{margin:2.2rem 0 .6rem;font-size:1.35rem;"
    "border-bottom:1px solid var(--line)}h3{margin:1.4rem 0 .4rem;font-size:1.05rem}\n"
    ".soft{color:var(--soft)}.cards{display:grid;gap:1rem;"
    "grid-template-columns:repeat(auto-fit,minmax(17rem,1fr));margin:1.2rem 0}\n"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:.5rem;"
    "padding:.9rem 1rem}.card b{font-size:1.15rem}.card p{margin:.3rem 0 0}\n"
    ".equivalent b{color:var(--yes)}.non b{color:var(--no)}.open b{color:var(--open)}\n"
    ".wide{overflow-x:auto}table{border-collapse:collapse;margin:.4rem 0;"
    "font-variant-numeric:tabular-nums}th,td{padding:.25rem .7rem;text-align:right;"
    "border-bottom:1px solid var(--line);white-space:nowrap}th:first-child,"
    "td:first-child{text-align:left}th{color:var(--soft);font-weight:600}"
    ".note th,.note td{text-align:left}.note th.n,.note td.n{text-align:right}"
    ".note .w{white-space:normal;min-width:7rem;overflow-wrap:anywhere}\n"
    "@media(max-width:40rem){.wide{font-size:.85rem}.wide th,.wide td{"
    "padding:.2rem .35rem}.wide td:first-child{white-space:normal}}\n"
    "figure{margin:1rem 0;background:#fff;border:1px solid var(--line);"
    "border-radius:.5rem;overflow-x:auto}figure svg{display:block;width:100%;height:auto;"
    "min-width:40rem}\n"
    "math{font-size:1.05rem}.formula{overflow-x:auto;padding:.2rem 0}\n"
    "pre{background:var(--card);border:1px solid var(--line);padding:.8rem;"
    "overflow-x:auto;font-size:.85rem}summary{cursor:pointer;color:var(--accent)}\n"
    "input{font:inherit;padding:.3rem .6rem;width:100%;max-width:24rem;color:inherit;"
    "background:var(--card);border:1px solid var(--line);border-radius:.4rem}\n"
    "#points{max-height:28rem;overflow:auto;border:1px solid var(--line)}#points th{"
    "position:sticky;top:0;background:var(--card);cursor:pointer}\n"
    "#points td:last-child,#points th:last-child{text-align:left}\n"
    "@media print{input,.pad{display:none}main{max-width:none;padding:0}"
    "#points{max-height:none;overflow:visible;font-size:.65rem}#points td{padding:0 "
    ".3rem}#points td:last-child{white-space:normal;min-width:22rem}#points::after{"
    "content:'Printed are the rows in view and those around them; the page has all.'}"
    "h2,h3,summary{break-after:avoid}figure,tr,.card{break-inside:avoid}"
    "figure svg{min-width:0}}\n";

/* Sorts, filters and draws the table of points, a window of rows at a time. */
const char rep_page_script[] =
    "const d=JSON.parse(document.getElementById('data').textContent);\n"
    "const box=document.getElementById('points'),q=document.getElementById('filter'),"
    "count=document.getElementById('count');\n"
    "let rows=d.rows,sorted=-1,up=true;const H=30;\n"
    "const cell=v=>v===null?'':typeof v==='number'?(Number.isInteger(v)?String(v):"
    "String(+v.toPrecision(4))):v;\n"
    "const table=document.createElement('table'),head=document.createElement('thead'),"
    "body=document.createElement('tbody');\n"
    "table.append(head,body);box.append(table);\n"
    "const tr=document.createElement('tr');head.append(tr);\n"
    "d.columns.forEach((name,i)=>{const th=document.createElement('th');"
    "th.textContent=name;th.tabIndex=0;th.onclick=()=>{up=sorted===i?!up:true;sorted=i;"
    "apply()};th.onkeydown=e=>{if(e.key==='Enter')th.onclick()};tr.append(th)});\n"
    "function pad(n){const r=document.createElement('tr'),c=document.createElement('td');"
    "c.colSpan=d.columns.length;c.style.height=n*H+'px';c.style.padding=0;"
    "c.style.border=0;r.className='pad';r.append(c);return r}\n"
    "function draw(){const from=Math.max(0,Math.floor(box.scrollTop/H)-20),"
    "to=Math.min(rows.length,from+80);const f=document.createDocumentFragment();"
    "f.append(pad(from));for(let i=from;i<to;i++){const r=document.createElement('tr');"
    "r.style.height=H+'px';const n=d.columns.length;rows[i].slice(0,n).forEach((v,k)=>{"
    "const c=document.createElement('td');if(k===0&&rows[i][n]){const a="
    "document.createElement('a');a.href='#'+rows[i][n];a.textContent=cell(v);c.append(a)}"
    "else c.textContent=cell(v);r.append(c)});f.append(r)}f.append(pad(rows.length-to));"
    "body.replaceChildren(f)}\n"
    "function apply(){const words=q.value.toLowerCase().split(/\\s+/).filter(w=>w);"
    "rows=d.rows.filter(r=>words.every(w=>{const m=w.match(/^(\\w+)(<=|>=|=|<|>)"
    "(-?[\\d.]+)$/);if(!m)return r.some(v=>String(cell(v)).toLowerCase().includes(w));"
    "const i=d.columns.findIndex(c=>c.split(' ')[0]===m[1]);if(i<0)return false;"
    "const a=r[i],b=+m[3];return m[2]==='='?a===b:m[2]==='<'?a<b:m[2]==='>'?a>b:"
    "m[2]==='<='?a<=b:a>=b}));if(sorted>=0){const i=sorted;rows.sort((a,b)=>{const "
    "x=a[i],"
    "y=b[i];const o=x===null?1:y===null?-1:x<y?-1:x>y?1:0;return up?o:-o})}"
    "[...tr.children].forEach((th,i)=>th.setAttribute('aria-sort',i!==sorted?'none':up?"
    "'ascending':'descending'));count.textContent=rows.length+' of '+d.rows.length+"
    "' '+(d.unit||'points');box.scrollTop=0;draw()}\n"
    "box.onscroll=draw;q.oninput=apply;apply();\n"
    "addEventListener('beforeprint',()=>document.querySelectorAll('details.figure')"
    ".forEach(x=>{x.open=true}));\n";

/* ---- small pieces ---- */

static void head_and_title(const rep_study *study, sc_buf *out)
{
    sc_buf_add(out,
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
               "<title>Axis decision: ");
    rep_add_html(out, study->op->name);
    sc_buf_printf(out,
                  "</title>\n<style>\n%s</style>\n</head>\n<body>\n<main>\n<h1>Axis "
                  "decision: ",
                  rep_page_style);
    rep_add_html(out, study->op->name);
    sc_buf_add(out, "</h1>\n<p class=\"soft\">");
    rep_add_html(out, study->op->title);
    sc_buf_add(out, " &#183; ");
    rep_add_html(out, study->system->name);
    sc_buf_add(out, " &#183; ");
    rep_add_html(out, study->source == REP_NONE ? "no measurements" : study->source_text);
    sc_buf_printf(out, " &#183; %s &#183; solcheck %s</p>\n", study->date,
                  PACKAGE_VERSION);
}

static const char *card_class(const rep_phase *p)
{
    return p->kind == FIT_TOKEN_EQUIVALENT       ? "equivalent"
           : p->kind == FIT_TOKEN_NON_EQUIVALENT ? "non"
                                                 : "open";
}

static void decision_card(const rep_phase *p, sc_buf *out)
{
    const char *name[SOL_MAX_AXES];
    int n = rep_decision_axes(p, name);
    sc_buf_printf(out,
                  "<div class=\"card %s\"><span class=\"soft\">%s phase</span><br><b>%s"
                  "</b><p>collect and query over ",
                  card_class(p), sol_phase_name(p->phase->kind), fit_kind_name(p->kind));
    for (int i = 0; i < n; i++) {
        sc_buf_add(out, i ? ", <code>" : "<code>");
        rep_add_html(out, name[i]);
        sc_buf_add(out, "</code>");
    }
    sc_buf_printf(out, "</p><p class=\"soft\">proof: %s; ",
                  sol_verdict_name(p->proof.sol.verdict));
    rep_add_html(out, p->why);
    sc_buf_add(out, "</p></div>\n");
}

/* ---- speed of light ---- */

static sc_status formula(const rep_study *study, const rep_phase *p, rep_total total,
                         const char *label, sc_buf *out, sc_diag *diag)
{
    sc_buf text = {0};
    if (!rep_has_total(p->phase, total))
        return SC_OK;
    sc_status status =
        rep_add_total(&text, study->op, p->phase, total, &study->config, diag);
    if (status == SC_OK) {
        sc_buf_printf(out, "<p class=\"formula\">%s = ", label);
        status = rep_add_math_text(out, sc_buf_text(&text), diag);
        sc_buf_add(out, "</p>\n");
    }
    sc_buf_free(&text);
    return status;
}

/* ---- what the note says ---- */

static void add_note(sc_buf *out, sc_buf *note)
{
    rep_add_markdown(out, sc_buf_text(note));
    out->failed |= note->failed;
    sc_buf_free(note);
}

static sc_status proof(const rep_study *study, const rep_phase *p, sc_buf *out,
                       sc_diag *diag)
{
    sc_buf note = {0};
    sc_status status = rep_add_proof(&note, study, p, diag);
    add_note(out, &note);
    return status;
}

static sc_status evidence(const rep_study *study, const rep_phase *p, sc_buf *out,
                          sc_diag *diag)
{
    sc_buf note = {0};
    if (p->points.n == 0)
        return SC_OK;
    sc_buf_printf(out, "<h3>Measurements: %zu point%s", p->points.n,
                  p->points.n == 1 ? "" : "s");
    if (p->points.device[0]) {
        sc_buf_add(out, " on ");
        rep_add_html(out, p->points.device);
    }
    sc_buf_add(out, "</h3>\n");
    sc_status status = rep_add_phase_evidence(&note, study, p, diag);
    add_note(out, &note);
    return status;
}

/* The SVG element of a document, without its XML prologue. gnuplot numbers ids from 1 in
 * every file: they get a prefix, so that figures of one page do not share them. */
static void add_svg(const char *start, const char *prefix, sc_buf *out)
{
    static const char *const mark[] = {"id='", "href='#", "url(#"};
    while (*start) {
        const char *next = NULL;
        size_t length = 0;
        for (size_t i = 0; i < sizeof mark / sizeof *mark; i++) {
            const char *at = strstr(start, mark[i]);
            if (at && (!next || at < next)) {
                next = at;
                length = strlen(mark[i]);
            }
        }
        if (!next)
            break;
        sc_buf_addn(out, start, (size_t)(next - start) + length);
        sc_buf_add(out, prefix);
        start = next + length;
    }
    sc_buf_add(out, start);
}

static void figure(const char *svg, const rep_phase *p, rep_figure kind, sc_buf *out)
{
    const char *start = svg ? strstr(svg, "<svg") : NULL;
    char prefix[64];
    if (!start)
        return;
    snprintf(prefix, sizeof prefix, "%s-%s-", rep_figure_name(kind),
             sol_phase_name(p->phase->kind));
    sc_buf_add(out, "<figure aria-label=\"");
    rep_add_html(out, rep_figure_text(kind));
    sc_buf_printf(out, ", %s phase\">\n", sol_phase_name(p->phase->kind));
    add_svg(start, prefix, out);
    sc_buf_add(out, "</figure>\n");
}

static void figures(char *const svg[REP_N_FIGURES], const rep_phase *p, sc_buf *out)
{
    figure(svg[REP_FIGURE_LATENCY], p, REP_FIGURE_LATENCY, out);
    for (int k = REP_FIGURE_LATENCY + 1; k < REP_N_FIGURES; k++) {
        if (!svg[k])
            continue;
        sc_buf_printf(out, "<details class=\"figure\"><summary>%s: ",
                      rep_figure_name((rep_figure)k));
        rep_add_html(out, rep_figure_text((rep_figure)k));
        sc_buf_add(out, "</summary>\n");
        figure(svg[k], p, (rep_figure)k, out);
        sc_buf_add(out, "</details>\n");
    }
}

static sc_status phase_section(const rep_study *study, const rep_phase *p,
                               char *const svg[REP_N_FIGURES], sc_buf *out, sc_diag *diag)
{
    sc_buf tokens = {0};
    const char *name = p->phase->kind == SOL_CONTEXT ? "Context" : "Generation";
    sc_status status = sol_expr_print(study->op->ctx, p->phase->tokens, &tokens);
    sc_buf_printf(out, "<h2>%s phase: x = ", name);
    if (status == SC_OK)
        status = rep_add_math_text(out, sc_buf_text(&tokens), diag);
    sc_buf_add(out, "</h2>\n<h3>Speed of light</h3>\n");
    sc_buf_free(&tokens);
    if (status == SC_OK)
        status = formula(study, p, REP_FLOP, "FLOP", out, diag);
    if (status == SC_OK)
        status = formula(study, p, REP_BYTES, "bytes", out, diag);
    if (status == SC_OK)
        status = formula(study, p, REP_NETWORK, "network bytes", out, diag);
    if (status != SC_OK)
        return status == SC_ENOMEM ? sc_diag_nomem(diag) : status;
    status = proof(study, p, out, diag);
    if (status == SC_OK)
        status = evidence(study, p, out, diag);
    figures(svg, p, out);
    return status == SC_OK ? rep_done(out, diag) : status;
}

/* ---- points ---- */

void rep_add_script_number(sc_buf *out, double value)
{
    char text[32];
    sc_format_double(value, text);
    sc_buf_printf(out, ",%s", isfinite(value) ? text : "null");
}

void rep_add_script_text(sc_buf *out, const char *text)
{
    sc_buf clean = {0};
    rep_add_clean(&clean, text);
    sc_buf_add(out, "\"");
    for (const char *p = sc_buf_text(&clean); *p; p++) {
        if (*p == '"' || *p == '\\')
            sc_buf_printf(out, "\\%c", *p);
        else if (*p == '<')
            sc_buf_add(out, "\\u003c");
        else
            sc_buf_addn(out, p, 1);
    }
    sc_buf_add(out, "\"");
    out->failed |= clean.failed;
    sc_buf_free(&clean);
}

static double axis_value(const rep_phase *p, const char *name, const col_point *point)
{
    int at = sol_phase_axis_index(p->phase, name);
    return at >= 0 ? point->axis[at] : NAN;
}

static void point_row(const rep_study *study, const rep_phase *p, size_t i, sc_buf *out)
{
    const col_point *point = &p->points.point[i];
    const sol_bound *bound = &p->bound[i];
    double sol = point->hot ? bound->sol_hot_s : bound->sol_cold_s;
    sc_buf config = {0};
    rep_add_config(&config, study->op, &p->points.config[point->group]);
    sc_buf_printf(out, "[\"%s\"", sol_phase_name(p->phase->kind));
    rep_add_script_number(out, axis_value(p, "b", point));
    rep_add_script_number(out, axis_value(p, "s", point));
    rep_add_script_number(out, point->latency_s * 1e3);
    rep_add_script_number(out, sol * 1e3);
    rep_add_script_number(out, rep_point_share(p, i, SOL_ARCHITECTURAL) * 100);
    double held = p->fitted && p->fit.held_out[FIT_AXES_BS]
                      ? (p->fit.held_out[FIT_AXES_BS][i] / point->latency_s - 1) * 100
                      : NAN;
    rep_add_script_number(out, held);
    sc_buf_add(out, ",");
    rep_add_script_text(out, sc_buf_text(&config));
    sc_buf_add(out, "]");
    out->failed |= config.failed;
    sc_buf_free(&config);
}

static void points_section(const rep_study *study, sc_buf *out)
{
    bool first = true;
    sc_buf_add(out,
               "<h2>Points</h2>\n<p><input id=\"filter\" type=\"search\" "
               "placeholder=\"filter: generation b=4 s&gt;=1024\" "
               "aria-label=\"filter points\"> <span id=\"count\" class=\"soft\"></span>"
               "</p>\n<div id=\"points\"></div>\n<script id=\"data\" "
               "type=\"application/json\">\n{\"columns\":[\"phase\",\"b\",\"s\","
               "\"latency (ms)\",\"SOL (ms)\",\"SOL%\",\"error (%)\",\"configuration\"],"
               "\n\"rows\":[");
    for (int k = 0; k < SOL_N_PHASES; k++)
        for (size_t i = 0; study->phase[k].present && i < study->phase[k].points.n; i++) {
            sc_buf_add(out, first ? "\n" : ",\n");
            point_row(study, &study->phase[k], i, out);
            first = false;
        }
    sc_buf_printf(out,
                  "]}\n</script>\n<p class=\"soft\">SOL: architectural ceiling, cache "
                  "state of the measurement. Error: held-out prediction of the best "
                  "(b, s) model over measurement, less one.</p>\n<script>\n%s</script>\n",
                  rep_page_script);
}

/* ---- contract ---- */

typedef sc_status writer(const rep_study *study, sc_buf *out, sc_diag *diag);

static sc_status folded(const rep_study *study, const char *title, writer *write,
                        sc_buf *out, sc_diag *diag)
{
    sc_buf text = {0};
    sc_status status = write(study, &text, diag);
    if (status == SC_OK) {
        sc_buf_printf(out, "<details><summary>%s</summary><pre>", title);
        /* Line by line: rep_add_html turns control characters into blanks. */
        for (char *line = text.text, *end; line && *line; line = end + (*end != 0)) {
            end = line + strcspn(line, "\n");
            char kept = *end;
            *end = '\0';
            rep_add_html(out, line);
            sc_buf_add(out, "\n");
            if (!kept)
                break;
            *end = kept;
        }
        sc_buf_add(out, "</pre></details>\n");
    }
    sc_buf_free(&text);
    return status;
}

sc_status rep_html(const rep_study *study, const rep_svgs *svg, sc_buf *out,
                   sc_diag *diag)
{
    sc_status status = SC_OK;
    bool measured = false;
    sc_buf note = {0};
    head_and_title(study, out);
    sc_buf_add(out, "<div class=\"cards\">\n");
    for (int k = 0; k < SOL_N_PHASES; k++)
        if (study->phase[k].present)
            decision_card(&study->phase[k], out);
    sc_buf_add(out, "</div>\n");
    rep_add_decision(&note, study);
    rep_add_study_facts(&note, study);
    add_note(out, &note);
    for (int k = 0; k < SOL_N_PHASES && status == SC_OK; k++)
        if (study->phase[k].present) {
            measured |= study->phase[k].points.n > 0;
            status = phase_section(study, &study->phase[k], svg->text[k], out, diag);
        }
    if (status == SC_OK && measured)
        points_section(study, out);
    if (status == SC_OK)
        status = rep_add_consequences(&note, study, diag);
    add_note(out, &note);
    sc_buf_add(out, "<h2>Files</h2>\n");
    if (status == SC_OK)
        status = folded(study, "cases.yaml", rep_cases, out, diag);
    if (status == SC_OK)
        status = folded(study, "query_signature.py", rep_query_signature, out, diag);
    if (status != SC_OK)
        return status;
    sc_buf_add(out, "</main>\n</body>\n</html>\n");
    return rep_done(out, diag);
}
