/* solcheck - reports: parameters.md, every number that an op can be given.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/internal.h"

#define UNBOUNDED 9007199254740992.0 /* 2^53, the loader's default upper end */

static void add_range(sc_buf *out, double lo, double hi)
{
    if (hi >= UNBOUNDED) {
        sc_buf_printf(out, "%s and up", rep_number(lo).c);
    } else {
        sc_buf_printf(out, "%s to %s", rep_number(lo).c, rep_number(hi).c);
    }
}

/* used[symbol] for every symbol of every expression of the op. */
static void used_symbols(const sol_op *op, bool *used, int n)
{
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const sol_phase *phase = op->phase[k];
        if (!phase) {
            continue;
        }
        sol_expr_symbols(phase->tokens, used, n);
        for (int i = 0; i < phase->n_terms; i++) {
            sol_expr_symbols(phase->term[i].expr, used, n);
        }
        for (int i = 0; i < phase->n_guards; i++) {
            sol_expr_symbols(phase->guard[i].expr, used, n);
        }
        for (int i = 0; i < phase->output.rank; i++) {
            sol_expr_symbols(phase->output.dim[i], used, n);
        }
    }
}

/* The column of public tables that holds a parameter, when it is called otherwise there.
 */
static void add_foreign_column(sc_buf *out, const sol_op *op, const char *name)
{
    for (int t = 0; t < op->n_tables; t++) {
        for (int c = 0; c < op->table[t].n_columns; c++) {
            const sol_table_column *column = &op->table[t].column[c];
            if (strcmp(column->target, name) == 0 && strcmp(column->text, name) != 0) {
                bool constant =
                    strspn(column->text, "0123456789.") == strlen(column->text);
                sc_buf_add(out, constant ? ", in public tables " : ", read from ");
                rep_add_code(out, column->text);
                return;
            }
        }
    }
}

static sc_status add_params(sc_buf *out, const rep_study *study, sc_diag *diag)
{
    const sol_op *op = study->op;
    if (op->n_params == 0) {
        return SC_OK;
    }
    int n = sol_symbol_count(op->ctx);
    bool *used = sc_calloc((size_t)n, sizeof *used);
    if (!used) {
        return sc_diag_nomem(diag);
    }
    used_symbols(op, used, n);
    sc_buf_add(out,
               "## Parameters\n\n"
               "Values are those of the whole model. A parameter that tensor parallelism "
               "(TP) shards is\nstored in tables as its value on one GPU, value / tp.\n\n"
               "| name | meaning | unit | default | range | this study | `model_config` "
               "| TP shards | persisted key |\n"
               "|---|---|---|--:|---|--:|---|---|---|\n");
    for (int i = 0; i < op->n_params; i++) {
        const sol_param *p = &op->param[i];
        sc_buf_add(out, "| ");
        rep_add_code(out, p->name);
        sc_buf_add(out, " | ");
        rep_add_md(out, p->meaning);
        sc_buf_add(out, " | ");
        rep_add_md(out, p->unit[0] ? p->unit : "1");
        sc_buf_printf(out, " | %s | ", rep_number(p->value).c);
        add_range(out, p->lo, p->hi);
        sc_buf_printf(out, " | %s | ", rep_number(study->config.param[i]).c);
        if (p->model_config[0]) {
            rep_add_code(out, p->model_config);
        } else {
            sc_buf_add(out, "none");
        }
        sc_buf_printf(out, " | %s | ", p->shard_tp ? "yes" : "no");
        sc_buf_add(out, !used[p->symbol]          ? "no: no expression uses it"
                        : rep_told_by_mode(op, i) ? "yes, told by the quantisation mode"
                        : p->shard_tp             ? "yes, value on one GPU"
                                                  : "yes");
        add_foreign_column(out, op, p->name);
        sc_buf_add(out, " |\n");
    }
    sc_buf_printf(out, "\n`tp` is %s in this study", rep_number(study->config.tp).c);
    sc_buf_add(out, " and stored as `tp_size`.\n");
    sc_free(used);
    return SC_OK;
}

static void add_slots(sc_buf *out, const rep_study *study)
{
    const sol_op *op = study->op;
    if (op->n_slots == 0) {
        return;
    }
    sc_buf_add(out,
               "\n## Dtypes\n\n"
               "| slot | default | this study | allowed (compute capability needed) |\n"
               "|---|---|---|---|\n");
    for (int i = 0; i < op->n_slots; i++) {
        const sol_slot *slot = &op->slot[i];
        sc_buf_add(out, "| ");
        rep_add_code(out, slot->name);
        sc_buf_printf(out, " | %s | %s | ", sol_dtype_name(slot->value),
                      sol_dtype_name(study->config.slot[i]));
        const char *sep = "";
        for (int d = 0; d < SOL_N_DTYPES; d++) {
            if (!slot->allowed[d]) {
                continue;
            }
            sc_buf_printf(out, "%s%s", sep, sol_dtype_name((sol_dtype)d));
            if (slot->min_sm[d] > 0) {
                sc_buf_printf(out, " (%s)", rep_capability(slot->min_sm[d]).c);
            }
            sep = ", ";
        }
        sc_buf_add(out, " |\n");
    }
}

static sc_status add_modes(sc_buf *out, const rep_study *study, sc_diag *diag)
{
    const sol_op *op = study->op;
    rep_mode *mode = NULL;
    int n = 0;
    sc_status status = rep_modes(study, &mode, &n, diag);
    if (status == SC_OK && n > 0) {
        sc_buf_add(out,
                   "\n## Quantisation modes\n\n| mode | dtypes | parameters | compute "
                   "capability needed |\n|---|---|---|---|\n");
    }
    for (int m = 0; status == SC_OK && m < n; m++) {
        sc_buf_add(out, "| ");
        rep_add_code(out, mode[m].name);
        sc_buf_add(out, " | ");
        rep_add_mode_dtypes(out, op, &mode[m]);
        sc_buf_add(out, " | ");
        const char *sep = "";
        for (int i = 0; mode[m].param && i < op->n_params; i++) {
            if (!isnan(mode[m].param[i])) {
                sc_buf_add(out, sep);
                rep_add_code(out, op->param[i].name);
                sc_buf_printf(out, " %s", rep_number(mode[m].param[i]).c);
                sep = ", ";
            }
        }
        sc_buf_printf(out, " | %s |\n",
                      mode[m].min_sm > 0 ? rep_capability(mode[m].min_sm).c : "any");
    }
    sc_free(mode);
    return status;
}

static bool swept(const rep_phase *p, const sol_axis *axis)
{
    const char *name[SOL_MAX_AXES];
    int n = rep_decision_axes(p, name);
    for (int i = 0; i < n; i++) {
        if (strcmp(name[i], axis->name) == 0) {
            return true;
        }
    }
    return false;
}

static sc_status add_axes(sc_buf *out, const rep_study *study, sc_diag *diag)
{
    sc_buf_add(out, "\n## Axes\n\n"
                    "| phase | axis | meaning | range | default | role |\n"
                    "|---|---|---|---|--:|---|\n");
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &study->phase[k];
        if (!p->present) {
            continue;
        }
        bool by_tokens = p->kind == FIT_TOKEN_EQUIVALENT;
        for (int i = 0; i < p->phase->n_axes; i++) {
            const sol_axis *a = &p->phase->axis[i];
            sc_buf_printf(out, "| %s | ", sol_phase_name(p->phase->kind));
            rep_add_code(out, a->name);
            sc_buf_add(out, " | ");
            rep_add_md(out, a->meaning);
            sc_buf_add(out, " | ");
            add_range(out, a->lo, a->hi);
            sc_buf_printf(out, " | %s | ", a->optional ? rep_number(a->value).c : "");
            sc_buf_add(out, a->optional   ? "fixed at its default"
                            : by_tokens   ? "enters through x only"
                            : swept(p, a) ? "swept and stored"
                                          : "free: latency does not depend on it");
            sc_buf_add(out, " |\n");
        }
        sc_buf_printf(out, "| %s | `x` | tokens, ", sol_phase_name(p->phase->kind));
        sc_buf_add(out, "`");
        sc_status status = rep_add_expr(out, study->op, p->phase, p->phase->tokens,
                                        &study->config, diag);
        if (status != SC_OK) {
            return status;
        }
        sc_buf_printf(out, "` | | | %s |\n", by_tokens ? "swept and stored" : "derived");
    }
    return SC_OK;
}

sc_status rep_parameters(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    sc_buf text = {0};
    sc_buf_add(&text, "# Parameters of ");
    rep_add_code(&text, study->op->name);
    sc_buf_add(&text, "\n\n");
    rep_add_md(&text, study->op->title);
    sc_buf_add(&text, ".\n\n");
    sc_status status = add_params(&text, study, diag);
    if (status == SC_OK) {
        add_slots(&text, study);
        status = add_modes(&text, study, diag);
    }
    if (status == SC_OK) {
        status = add_axes(&text, study, diag);
    }
    return rep_append(out, &text, status, diag);
}
