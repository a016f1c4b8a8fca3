/* solcheck - tests of report.html: what it holds, and that foreign text cannot break it.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "reports/html.h"
#include "study.h"

static const sol_scope any = {.open = true};
static const sol_origin nowhere = {"", 1, 1, NULL};

static void math_is(const char *text, const char *want)
{
    sol_context *ctx = sol_context_new();
    const sol_expr *expr;
    sc_buf out = {0};
    cr_assert_eq(sol_expr_parse(ctx, text, &any, &nowhere, &expr, NULL), SC_OK);
    rep_add_mathml(&out, ctx, expr);
    cr_assert_str_eq(sc_buf_text(&out), want, "%s became %s", text, sc_buf_text(&out));
    sc_buf_free(&out);
    sol_context_free(ctx);
}

#define M(inner) "<math><mrow>" inner "</mrow></math>"

Test(html, expressions_become_mathematics)
{
    math_is("b*s", M("<mi>b</mi><mo>&#8901;</mo><mi>s</mi>"));
    math_is("1/2*b", M("<mfrac><mn>1</mn><mn>2</mn></mfrac><mo>&#8901;</mo><mi>b</mi>"));
    math_is("(b + s)^2",
            M("<msup><mrow><mo>(</mo><mi>b</mi><mo>+</mo><mi>s</mi><mo>)</mo>"
              "</mrow><mrow><mn>2</mn></mrow></msup>"));
    math_is("pow(31/32, b)",
            M("<msup><mrow><mo>(</mo><mfrac><mn>31</mn><mn>32</mn></mfrac>"
              "<mo>)</mo></mrow><mrow><mi>b</mi></mrow></msup>"));
    math_is("b - (s - 1)", M("<mi>b</mi><mo>&#8722;</mo><mo>(</mo><mi>s</mi><mo>&#8722;"
                             "</mo><mn>1</mn><mo>)</mo>"));
    math_is("b/s", M("<mfrac><mrow><mi>b</mi></mrow><mrow><mi>s</mi></mrow></mfrac>"));
    math_is("min(s, 4)", M("<mi>min</mi><mo>(</mo><mi>s</mi><mo>,</mo><mn>4</mn>"
                           "<mo>)</mo>"));
    math_is("sum(i, 1, s, i)",
            M("<munderover><mo>&#8721;</mo><mrow><mi>i</mi><mo>=</mo><mn>1</mn></mrow>"
              "<mrow><mi>s</mi></mrow></munderover><mi>i</mi>"));
}

Test(html, text_that_is_no_expression_is_shown_as_code)
{
    sc_buf out = {0};
    cr_assert_eq(rep_add_math_text(&out, "less(a, <b>)", NULL), SC_OK);
    cr_assert_str_eq(sc_buf_text(&out), "<code>less(a, &lt;b&gt;)</code>");
    sc_buf_free(&out);
}

Test(html, foreign_text_is_escaped)
{
    sc_buf out = {0};
    rep_add_html(&out, "<script>\"a\" & 'b'</script>\x01");
    cr_assert_str_eq(sc_buf_text(&out), "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;"
                                        "&lt;/script&gt; ");
    sc_buf_free(&out);
}

static void markdown_is(const char *text, const char *want)
{
    sc_buf out = {0};
    rep_add_markdown(&out, text);
    cr_assert_str_eq(sc_buf_text(&out), want, "%s became %s", text, sc_buf_text(&out));
    sc_buf_free(&out);
}

Test(html, the_notes_markdown_becomes_html)
{
    markdown_is("## A `b` \\<i\\>\n", "<h2>A <code>b</code> &lt;i&gt;</h2>\n");
    markdown_is("**Cost of `x`.** 3 * 4 &\nmore\n\nnext\n",
                "<p><b>Cost of <code>x</code>.</b> 3 * 4 &amp;\nmore</p>\n<p>next</p>\n");
    markdown_is("- one\n  two\n- three\n",
                "<ul>\n<li>one\n  two</li>\n<li>three</li>\n</ul>\n");
    markdown_is("```\na < `b` ** c\n\n| d\n```\nend",
                "<pre>a &lt; `b` ** c\n\n| d\n</pre>\n<p>end</p>\n");
    markdown_is("![a picture](f.svg)\n\nend\n", "<p>end</p>\n");
    markdown_is("| a \\| b | `c\\|d` |\n|---|--:|\n| | 7 |\n",
                "<div class=\"wide\"><table class=\"note\">\n<tr><th>a | b</th><th "
                "class=\"n\"><code>c|d</code></th></tr>\n<tr><td></td><td "
                "class=\"n\">7</td></tr>\n</table></div>\n");
    markdown_is(
        "| | |\n|---|---|\n| k | a text of more than twenty-four bytes |\n",
        "<div class=\"wide\"><table class=\"note\">\n<tr><td>k</td><td class="
        "\"w\">a text of more than twenty-four bytes</td></tr>\n</table></div>\n");
    markdown_is("ends in \\", "<p>ends in \\</p>\n");
    markdown_is("| row\n", "<div class=\"wide\"><table class=\"note\">\n<tr><th>row</th>"
                           "</tr>\n</table></div>\n");
}

/* The rows of the table of points, as data. */
static json_t *data_of(const char *page)
{
    const char *start = strstr(page, "type=\"application/json\">");
    cr_assert_not_null(start);
    start = strchr(start, '\n');
    const char *end = strstr(start, "</script>");
    json_error_t error;
    json_t *data = json_loadb(start, (size_t)(end - start), 0, &error);
    cr_assert_not_null(data, "%s", error.text);
    return data;
}

Test(html, page_holds_decision_points_and_plots_and_nothing_foreign)
{
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    char first[] = "<?xml version=\"1.0\"?><svg id=\"plot0\"></svg>";
    char second[] =
        "<svg><g id='a'/><use href='#a'/><path fill='#a00' x='url(#a)'/></svg>";
    rep_svgs svg = {{{NULL}}};
    svg.text[SOL_CONTEXT][REP_FIGURE_LATENCY] = first;
    svg.text[SOL_CONTEXT][REP_FIGURE_SPREAD] = second;
    snprintf(t.study.source_text, sizeof t.study.source_text, "</script><b>x");
    sc_buf out = {0};
    sc_diag diag = {0};
    cr_assert_eq(rep_html(&t.study, &svg, &out, &diag), SC_OK, "%s", diag.message);
    const char *page = sc_buf_text(&out);
    cr_assert_not_null(strstr(page, "<svg id=\"plot0\">"));
    cr_assert_null(strstr(page, "<?xml"));
    cr_assert_not_null(strstr(page,
                              "<g id='spread-context-a'/><use href='#spread-context-a'/>"
                              "<path fill='#a00' x='url(#spread-context-a)'/>"));
    cr_assert_null(strstr(page, "</script><b>x"));
    cr_assert_null(strstr(page, "http")); /* nothing is fetched */
    size_t n = 0;
    for (int k = 0; k < SOL_N_PHASES; k++)
        if (t.study.phase[k].present) {
            n += t.study.phase[k].points.n;
            cr_assert_not_null(strstr(page, fit_kind_name(t.study.phase[k].kind)));
        }
    static const char *const said[] = {
        "<b>Decision.</b>",      "r.className='pad'", "input,.pad{display:none}",
        "'beforeprint'",         "<b>Measured: ",     "<b>Witness.</b>",
        "<b>Cost of <code>x",    "t0, fixed cost",    "Share of SOL",
        "Frozen collector axes", "<h2>Parameters",    "Limits of validity",
        "How to reproduce"};
    for (size_t i = 0; i < sizeof said / sizeof *said; i++)
        cr_expect_not_null(strstr(page, said[i]), "the page lacks %s", said[i]);
    json_t *data = data_of(page);
    cr_assert_eq(json_array_size(json_object_get(data, "rows")), n);
    size_t columns = json_array_size(json_object_get(data, "columns"));
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(json_array_size(json_array_get(json_object_get(data, "rows"), i)),
                     columns);
    json_decref(data);
    sc_buf_free(&out);
    test_study_clear(&t);
}
