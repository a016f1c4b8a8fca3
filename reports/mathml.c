/* solcheck - reports: expressions as MathML, for report.html.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <string.h>

#include "base/alloc.h"
#include "reports/html.h"

void rep_add_html_char(sc_buf *out, char c)
{
    const char *entity = c == '&'    ? "&amp;"
                         : c == '<'  ? "&lt;"
                         : c == '>'  ? "&gt;"
                         : c == '"'  ? "&quot;"
                         : c == '\'' ? "&#39;"
                                     : NULL;
    if (entity)
        sc_buf_add(out, entity);
    else
        sc_buf_addn(out, &c, 1);
}

void rep_add_html(sc_buf *out, const char *text)
{
    sc_buf clean = {0};
    rep_add_clean(&clean, text);
    for (const char *p = sc_buf_text(&clean); *p; p++)
        rep_add_html_char(out, *p);
    out->failed |= clean.failed;
    sc_buf_free(&clean);
}

/* How tightly a node binds: sums, products, powers and what needs no brackets. */
enum { LOOSE, SUM, PRODUCT, POWER, ATOM };

static int binding(const sol_expr *e)
{
    switch (e->op) {
    case SOL_OP_NUMBER:
        return fmpq_sgn(e->number) < 0                ? SUM
               : !fmpz_is_one(fmpq_denref(e->number)) ? POWER
                                                      : ATOM;
    case SOL_OP_ADD:
    case SOL_OP_SUB:
    case SOL_OP_NEG:
        return SUM;
    case SOL_OP_MUL:
        return PRODUCT;
    case SOL_OP_DIV: /* a fraction needs brackets as a base and nowhere else */
    case SOL_OP_POW:
    case SOL_OP_IPOW:
        return POWER;
    case SOL_OP_LT:
    case SOL_OP_LE:
    case SOL_OP_GT:
    case SOL_OP_GE:
    case SOL_OP_EQ:
    case SOL_OP_NE:
        return LOOSE;
    default:
        return ATOM;
    }
}

static void put(sc_buf *out, const sol_context *ctx, const sol_expr *e, int at_least);

static void put_operator(sc_buf *out, const char *text)
{
    sc_buf_printf(out, "<mo>%s</mo>", text);
}

static void put_infix(sc_buf *out, const sol_context *ctx, const sol_expr *e,
                      const char *operator, int left, int right)
{
    put(out, ctx, e->kid[0], left);
    put_operator(out, operator);
    put(out, ctx, e->kid[1], right);
}

static void put_pair(sc_buf *out, const sol_context *ctx, const sol_expr *e,
                     const char *element, int first)
{
    sc_buf_printf(out, "<%s><mrow>", element);
    put(out, ctx, e->kid[0], first);
    sc_buf_add(out, "</mrow><mrow>");
    put(out, ctx, e->kid[1], LOOSE);
    sc_buf_printf(out, "</mrow></%s>", element);
}

static void put_call(sc_buf *out, const sol_context *ctx, const sol_expr *e)
{
    static const char *const name[] = {
#define X(id, spelling, arity) spelling,
        SOL_OPCODE_LIST(X)
#undef X
    };
    sc_buf_add(out, "<mi>");
    rep_add_html(out, name[e->op]);
    sc_buf_add(out, "</mi><mo>(</mo>");
    for (int i = 0; i < e->n_kids; i++) {
        if (i)
            put_operator(out, ",");
        put(out, ctx, e->kid[i], LOOSE);
    }
    put_operator(out, ")");
}

static void put_sum(sc_buf *out, const sol_context *ctx, const sol_expr *e)
{
    sc_buf_add(out, "<munderover><mo>&#8721;</mo><mrow>");
    put(out, ctx, e->kid[0], LOOSE);
    put_operator(out, "=");
    put(out, ctx, e->kid[1], LOOSE);
    sc_buf_add(out, "</mrow><mrow>");
    put(out, ctx, e->kid[2], LOOSE);
    sc_buf_add(out, "</mrow></munderover>");
    put(out, ctx, e->kid[3], PRODUCT);
}

static void put_symbol(sc_buf *out, const char *name)
{
    sc_buf_add(out, "<mi>");
    if (*name == '$') /* a bound symbol: $<level><name> */
        name += 1 + strspn(name + 1, "0123456789");
    rep_add_html(out, name);
    sc_buf_add(out, "</mi>");
}

static void put_number(sc_buf *out, const sol_context *ctx, const sol_expr *e)
{
    sc_buf text = {0};
    if (sol_expr_print(ctx, e, &text) != SC_OK)
        out->failed = true;
    char *slash = text.text ? strchr(text.text, '/') : NULL;
    if (slash) {
        *slash = '\0';
        sc_buf_printf(out, "<mfrac><mn>%s</mn><mn>%s</mn></mfrac>", text.text, slash + 1);
    } else {
        sc_buf_printf(out, "<mn>%s</mn>", sc_buf_text(&text));
    }
    sc_buf_free(&text);
}

static void put_bare(sc_buf *out, const sol_context *ctx, const sol_expr *e)
{
    switch (e->op) {
    case SOL_OP_NUMBER:
        put_number(out, ctx, e);
        break;
    case SOL_OP_SYMBOL:
        put_symbol(out, sol_symbol_name(ctx, e->symbol));
        break;
    case SOL_OP_ADD:
        put_infix(out, ctx, e, "+", SUM, SUM);
        break;
    case SOL_OP_SUB:
        put_infix(out, ctx, e, "&#8722;", SUM, PRODUCT);
        break;
    case SOL_OP_NEG:
        put_operator(out, "&#8722;");
        put(out, ctx, e->kid[0], PRODUCT);
        break;
    case SOL_OP_MUL:
        put_infix(out, ctx, e, "&#8901;", PRODUCT, POWER);
        break;
    case SOL_OP_DIV:
        put_pair(out, ctx, e, "mfrac", LOOSE);
        break;
    case SOL_OP_POW:
    case SOL_OP_IPOW:
        put_pair(out, ctx, e, "msup", ATOM);
        break;
    case SOL_OP_LT:
        put_infix(out, ctx, e, "&lt;", SUM, SUM);
        break;
    case SOL_OP_LE:
        put_infix(out, ctx, e, "&#8804;", SUM, SUM);
        break;
    case SOL_OP_GT:
        put_infix(out, ctx, e, "&gt;", SUM, SUM);
        break;
    case SOL_OP_GE:
        put_infix(out, ctx, e, "&#8805;", SUM, SUM);
        break;
    case SOL_OP_EQ:
        put_infix(out, ctx, e, "=", SUM, SUM);
        break;
    case SOL_OP_NE:
        put_infix(out, ctx, e, "&#8800;", SUM, SUM);
        break;
    case SOL_OP_SUM:
        put_sum(out, ctx, e);
        break;
    default:
        put_call(out, ctx, e);
    }
}

static void put(sc_buf *out, const sol_context *ctx, const sol_expr *e, int at_least)
{
    bool bracket = binding(e) < at_least;
    if (bracket)
        put_operator(out, "(");
    put_bare(out, ctx, e);
    if (bracket)
        put_operator(out, ")");
}

void rep_add_mathml(sc_buf *out, const sol_context *ctx, const sol_expr *expr)
{
    sc_buf_add(out, "<math><mrow>");
    put(out, ctx, expr, LOOSE);
    sc_buf_add(out, "</mrow></math>");
}

sc_status rep_add_math_text(sc_buf *out, const char *text, sc_diag *diag)
{
    static const sol_scope any = {.open = true};
    static const sol_origin nowhere = {"", 1, 1, NULL};
    const sol_expr *expr;
    sol_context *ctx = sol_context_new();
    if (!ctx)
        return sc_diag_nomem(diag);
    sc_status status = sol_expr_parse(ctx, text, &any, &nowhere, &expr, NULL);
    if (status == SC_OK) {
        rep_add_mathml(out, ctx, expr);
    } else {
        sc_buf_add(out, "<code>");
        rep_add_html(out, text);
        sc_buf_add(out, "</code>");
    }
    sol_context_free(ctx);
    return status == SC_ENOMEM ? sc_diag_nomem(diag) : rep_done(out, diag);
}
