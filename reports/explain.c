/* solcheck - reports: FLOPs and bytes of one phase, symbolically and term by term.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <string.h>

#include "reports/internal.h"

#define COLUMNS 90
#define INDENT "                "

static void add_field(sc_buf *out, const char *label, const char *text)
{
    sc_buf clean = {0};
    rep_add_clean(&clean, text);
    out->failed |= clean.failed;
    sc_buf_printf(out, "  %-13s ", label);
    rep_add_wrapped(out, sc_buf_text(&clean), (int)strlen(INDENT), COLUMNS, INDENT);
    sc_buf_add(out, "\n");
    sc_buf_free(&clean);
}

/* One wrapped field whose text is a normal form. */
static sc_status add_expr_field(sc_buf *out, const char *label, const sol_op *op,
                                const sol_phase *phase, const sol_expr *expr,
                                sc_diag *diag)
{
    sc_buf text = {0};
    sc_buf_add(&text, "= ");
    sc_status status = rep_add_expr(&text, op, phase, expr, NULL, diag);
    if (status == SC_OK) {
        status = rep_done(&text, diag);
    }
    if (status == SC_OK) {
        add_field(out, label, sc_buf_text(&text));
    }
    sc_buf_free(&text);
    return status;
}

static sc_status add_head(sc_buf *out, const sol_op *op, const sol_phase *phase,
                          sc_diag *diag)
{
    rep_add_clean(out, op->name);
    sc_buf_printf(out, ", %s: ", sol_phase_name(phase->kind));
    rep_add_clean(out, op->title);
    sc_buf_add(out, "\n");
    for (int i = 0; i < phase->n_axes; i++) {
        const sol_axis *a = &phase->axis[i];
        sc_buf_printf(out, "  axis %-8s ", a->name);
        rep_add_clean(out, a->meaning);
        sc_buf_printf(out, ", %s to %s", rep_number(a->lo).c, rep_number(a->hi).c);
        if (a->optional) {
            sc_buf_printf(out, " (default %s)", rep_number(a->value).c);
        }
        sc_buf_add(out, "\n");
    }
    for (int i = 0; i < phase->n_guards; i++) {
        add_field(out, "guard", phase->guard[i].text);
    }
    return add_expr_field(out, "tokens x", op, phase, phase->tokens, diag);
}

static sc_status add_term(sc_buf *out, const sol_op *op, const sol_phase *phase,
                          const sol_term *term, sc_diag *diag)
{
    sc_buf_add(out, "  ");
    rep_add_clean(out, term->name);
    sc_buf_printf(out, "%*s",
                  (int)strlen(term->name) < 14 ? 14 - (int)strlen(term->name) : 1, "");
    if (term->kind == SOL_FLOPS) {
        sc_buf_printf(out, "%s", sol_engine_name(term->engine));
    } else if (term->kind == SOL_BYTES) {
        sc_buf_printf(out, "%s", term->access == SOL_WRITE ? "write" : "read");
    } else {
        sc_buf_printf(out, "%s, %s", sol_link_name(term->link),
                      sol_direction_name(term->direction));
    }
    if (term->slot >= 0) {
        sc_buf_printf(out, ", dtype %s", op->slot[term->slot].name);
    }
    sc_buf_add(out, "\n");
    add_field(out, "", term->text);
    sc_status status = add_expr_field(out, "", op, phase, term->expr, diag);
    if (status == SC_OK && term->source[0]) {
        sc_buf source = {0};
        sc_buf_add(&source, "[");
        rep_add_clean(&source, term->source);
        sc_buf_add(&source, "]");
        status = rep_done(&source, diag);
        add_field(out, "", sc_buf_text(&source));
        sc_buf_free(&source);
    }
    return status;
}

static sc_status add_section(sc_buf *out, const sol_op *op, const sol_phase *phase,
                             rep_total total, const char *title, sc_diag *diag)
{
    if (!rep_has_total(phase, total)) {
        return SC_OK;
    }
    sc_buf_printf(out, "\n%s\n", title);
    sc_status status = SC_OK;
    for (int i = 0; i < phase->n_terms && status == SC_OK; i++) {
        if (rep_term_in(&phase->term[i], total)) {
            status = add_term(out, op, phase, &phase->term[i], diag);
        }
    }
    if (total == REP_NETWORK) {
        return status; /* links and directions run side by side: nothing to add up */
    }
    sc_buf sum = {0};
    sc_buf_add(&sum, "= ");
    if (status == SC_OK) {
        status = rep_add_total(&sum, op, phase, total, NULL, diag);
    }
    if (status == SC_OK) {
        status = rep_done(&sum, diag);
    }
    if (status == SC_OK) {
        add_field(out, "total", sc_buf_text(&sum));
    }
    sc_buf_free(&sum);
    return status;
}

sc_status rep_explain(const sol_op *op, const sol_phase *phase, sc_buf *out,
                      sc_diag *diag)
{
    static const char *const title[] = {
        [REP_FLOP] = "FLOP",
        [REP_EXPS] = "exponentials",
        [REP_BYTES] = "bytes",
        [REP_NETWORK] = "network: bytes of one GPU"};
    sc_buf text = {0};
    sc_status status = add_head(&text, op, phase, diag);
    for (int t = 0; t < REP_N_TOTALS && status == SC_OK; t++) {
        status = add_section(&text, op, phase, (rep_total)t, title[t], diag);
    }
    return rep_append(out, &text, status, diag);
}
