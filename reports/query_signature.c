/* solcheck - reports: query_signature.py, the planned perf_database query and operations
 * class for the decision.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/internal.h"

static bool by_tokens(const rep_phase *p)
{
    return p->kind == FIT_TOKEN_EQUIVALENT;
}

/* mla -> MlaQuantMode */
static void add_mode_type(sc_buf *out, const sol_op *op)
{
    if (isdigit((unsigned char)op->name[0])) {
        sc_buf_add(out, "Op");
    }
    rep_add_camel(out, op->name);
    sc_buf_add(out, "QuantMode");
}

/* Parameters that a quantisation mode tells are no arguments of their own. */
static bool is_argument(const sol_op *op, int param)
{
    return !rep_told_by_mode(op, param);
}

static void add_query_name(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    sc_buf name = {0};
    sc_buf_printf(&name, "query_%s_%s", sol_phase_name(p->phase->kind), study->op->name);
    rep_add_snake(out, sc_buf_text(&name));
    out->failed |= name.failed;
    sc_buf_free(&name);
}

static void add_class_name(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    rep_add_camel(out, sol_phase_name(p->phase->kind));
    rep_add_camel(out, study->op->name);
}

/* Does the axis appear in the signature? Those of the decision, and optional ones. */
static bool axis_listed(const rep_phase *p, const sol_axis *axis)
{
    if (by_tokens(p)) {
        return false;
    }
    const char *name[SOL_MAX_AXES];
    int n = rep_decision_axes(p, name);
    for (int i = 0; i < n; i++) {
        if (strcmp(name[i], axis->name) == 0) {
            return true;
        }
    }
    return axis->optional;
}

/* One argument per line: axes, parameters, quantisation modes, database mode. */
void rep_add_query_def(sc_buf *out, const rep_study *study, const rep_phase *p,
                       const char *indent)
{
    const sol_op *op = study->op;
    sc_buf_printf(out, "%sdef ", indent);
    add_query_name(out, study, p);
    sc_buf_printf(out, "(\n%s    self,\n", indent);
    if (by_tokens(p)) {
        sc_buf_printf(out, "%s    x: int,\n", indent);
    }
    for (int optional = 0; optional < 2; optional++) {
        for (int i = 0; i < p->phase->n_axes; i++) {
            const sol_axis *a = &p->phase->axis[i];
            if (a->optional != (optional != 0) || !axis_listed(p, a)) {
                continue;
            }
            sc_buf_printf(out, "%s    ", indent);
            rep_add_snake(out, a->name);
            sc_buf_add(out, ": int");
            if (a->optional) {
                sc_buf_printf(out, " = %s", rep_number(a->value).c);
            }
            sc_buf_add(out, ",\n");
        }
    }
    sc_buf_printf(out, "%s    *,\n", indent);
    for (int i = 0; i < op->n_params; i++) {
        if (!is_argument(op, i)) {
            continue;
        }
        sc_buf_printf(out, "%s    ", indent);
        rep_add_snake(out, op->param[i].name);
        /* a sharded value is the caller's to divide, so that it has no default */
        sc_buf_add(out, ": int");
        if (!op->param[i].shard_tp) {
            sc_buf_printf(out, " = %s", rep_number(study->config.param[i]).c);
        }
        sc_buf_add(out, ",\n");
    }
    if (op->n_modes > 0) {
        sc_buf_printf(out, "%s    quant_mode: ", indent);
        add_mode_type(out, op);
        sc_buf_add(out, ",\n");
    }
    sc_buf_printf(out,
                  "%s    database_mode: common.DatabaseMode | None = None,\n%s) -> "
                  "PerformanceResult | tuple[float, float, float]:\n",
                  indent, indent);
}

/* Outermost first: quantisation mode, parameters, axes. */
static void add_nesting(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    const sol_op *op = study->op;
    const char *sep = op->n_modes > 0 ? " > " : "";
    sc_buf_add(out, op->n_modes > 0 ? "quant_mode" : "");
    for (int i = 0; i < op->n_params; i++) {
        if (!is_argument(op, i)) {
            continue;
        }
        sc_buf_add(out, sep);
        rep_add_snake(out, op->param[i].name);
        sep = " > ";
    }
    const char *name[SOL_MAX_AXES];
    int n = rep_decision_axes(p, name);
    /* The axis that latency bends along is innermost, where tables are densest. */
    for (int i = 0; i < n; i++) {
        sc_buf_add(out, sep);
        rep_add_snake(out, name[i]);
        sep = " > ";
    }
}

static void add_range(sc_buf *out, const sol_axis *a)
{
    sc_buf_printf(out, "%s to %s", rep_number(a->lo).c, rep_number(a->hi).c);
}

/* "Args:" entry of every axis that the signature lists. */
static sc_status add_axis_docs(sc_buf *out, const rep_study *study, const rep_phase *p,
                               sc_diag *diag)
{
    if (by_tokens(p)) {
        sc_buf_add(out, "            x: tokens, ");
        sc_status status = rep_add_expr(out, study->op, p->phase, p->phase->tokens,
                                        &study->config, diag);
        sc_buf_add(out, ".\n");
        return status;
    }
    for (int i = 0; i < p->phase->n_axes; i++) {
        const sol_axis *a = &p->phase->axis[i];
        if (!axis_listed(p, a)) {
            continue;
        }
        sc_buf_add(out, "            ");
        rep_add_snake(out, a->name);
        sc_buf_add(out, ": ");
        rep_add_docstring(out, a->meaning);
        sc_buf_add(out, ", ");
        add_range(out, a);
        sc_buf_add(out, a->optional ? "; not swept, tables hold the default.\n" : ".\n");
    }
    return SC_OK;
}

static void add_param_docs(sc_buf *out, const rep_study *study)
{
    const sol_op *op = study->op;
    for (int i = 0; i < op->n_params; i++) {
        const sol_param *q = &op->param[i];
        if (!is_argument(op, i)) {
            continue;
        }
        sc_buf_add(out, "            ");
        rep_add_snake(out, q->name);
        sc_buf_add(out, ": ");
        rep_add_docstring(out, q->meaning);
        sc_buf_add(out,
                   q->shard_tp ? "; on one GPU, that is divided by tp_size.\n" : ".\n");
    }
    if (op->n_modes > 0) {
        sc_buf_add(out, "            quant_mode: quantisation mode, with its dtypes");
        const char *sep = " and its ";
        for (int i = 0; i < op->n_params; i++) {
            if (!is_argument(op, i)) {
                sc_buf_add(out, sep);
                rep_add_snake(out, op->param[i].name);
                sep = ", ";
            }
        }
        sc_buf_add(out, ".\n");
    }
}

static void add_axis_names(sc_buf *out, const rep_phase *p)
{
    const char *name[SOL_MAX_AXES];
    int n = rep_decision_axes(p, name);
    rep_add_names(out, name, n, ", ", "");
}

static sc_status add_query(sc_buf *out, const rep_study *study, const rep_phase *p,
                           sc_diag *diag)
{
    sc_buf_add(out, "\n");
    rep_add_query_def(out, study, p, "    ");
    sc_buf_printf(out, "        \"\"\"Latency in ms of one %s step of ",
                  sol_phase_name(p->phase->kind));
    rep_add_docstring(out, study->op->name);
    sc_buf_add(out, ".\n\n        Decision: ");
    sc_buf_printf(
        out, "%s.\n        Nesting order, outermost first: ", fit_kind_name(p->kind));
    add_nesting(out, study, p);
    sc_buf_add(out, ".\n        Interpolation axes: ");
    add_axis_names(out, p);
    sc_buf_add(out, "; in log space; every outer level is an exact key.\n\n"
                    "        Args:\n");
    sc_status status = add_axis_docs(out, study, p, diag);
    add_param_docs(out, study);
    sc_buf_add(
        out,
        "            database_mode: SILICON interpolates the table, HYBRID falls back "
        "to\n"
        "                EMPIRICAL outside it, EMPIRICAL scales SOL, SOL is the bound,\n"
        "                SOL_FULL is the tuple (SOL, compute, memory); None takes the\n"
        "                database's default.\n"
        "        \"\"\"\n"
        "        raise NotImplementedError\n");
    return status;
}

static sc_status add_modes(sc_buf *out, const rep_study *study, sc_diag *diag)
{
    const sol_op *op = study->op;
    rep_mode *mode = NULL;
    int n = 0;
    sc_status status = rep_modes(study, &mode, &n, diag);
    if (status != SC_OK || n == 0) {
        sc_free(mode);
        return status;
    }
    sc_buf_add(out, "\n\nclass ");
    add_mode_type(out, op);
    sc_buf_add(out, "(Enum):\n    \"\"\"Quantisation modes of ");
    rep_add_docstring(out, op->name);
    sc_buf_add(out, ".\"\"\"\n\n");
    for (int m = 0; m < n; m++) {
        sc_buf_add(out, "    ");
        rep_add_snake(out, mode[m].name);
        sc_buf_printf(out, " = \"%s\"  # ", mode[m].name);
        rep_add_mode_dtypes(out, op, &mode[m]);
        for (int i = 0; mode[m].param && i < op->n_params; i++) {
            if (!isnan(mode[m].param[i])) {
                sc_buf_printf(out, ", %s: %s", op->param[i].name,
                              rep_number(mode[m].param[i]).c);
            }
        }
        if (mode[m].min_sm > 0) {
            sc_buf_printf(out, "; compute capability %s and later",
                          rep_capability(mode[m].min_sm).c);
        }
        sc_buf_add(out, "\n");
    }
    sc_free(mode);
    return SC_OK;
}

/* Constructor arguments and their attributes: parameters and the mode are fixed for one
 * operation, axes come with each query. */
static void add_constructor(sc_buf *out, const sol_op *op)
{
    sc_buf_add(out, "    def __init__(\n        self,\n        name: str,\n"
                    "        scale_factor: float,\n");
    for (int i = 0; i < op->n_params; i++) {
        if (is_argument(op, i)) {
            sc_buf_add(out, "        ");
            rep_add_snake(out, op->param[i].name);
            sc_buf_add(out, ": int,\n");
        }
    }
    if (op->n_modes > 0) {
        sc_buf_add(out, "        quant_mode: ");
        add_mode_type(out, op);
        sc_buf_add(out, ",\n");
    }
    sc_buf_add(out, "    ) -> None:\n        super().__init__(name, scale_factor)\n");
    for (int i = 0; i < op->n_params; i++) {
        if (is_argument(op, i)) {
            sc_buf_add(out, "        self._");
            rep_add_snake(out, op->param[i].name);
            sc_buf_add(out, " = ");
            rep_add_snake(out, op->param[i].name);
            sc_buf_add(out, "\n");
        }
    }
    if (op->n_modes > 0) {
        sc_buf_add(out, "        self._quant_mode = quant_mode\n");
    }
}

/* The keyword that the ecosystem passes an axis in: batch_size for b, s for s. */
static const char *caller_keyword(const char *axis)
{
    return strcmp(axis, "b") == 0 ? "batch_size" : axis;
}

static void add_operation_query(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    const sol_op *op = study->op;
    sc_buf_add(out, "\n    def query(self, database: PerfDatabase, **kwargs) -> "
                    "PerformanceResult:\n"
                    "        result = database.");
    add_query_name(out, study, p);
    sc_buf_add(out, "(\n");
    if (by_tokens(p)) {
        sc_buf_add(out, "            x=kwargs[\"x\"],\n");
    }
    for (int i = 0; i < p->phase->n_axes; i++) {
        const sol_axis *a = &p->phase->axis[i];
        if (!axis_listed(p, a)) {
            continue;
        }
        sc_buf_add(out, "            ");
        rep_add_snake(out, a->name);
        if (a->optional) {
            sc_buf_printf(out, "=kwargs.get(\"%s\", %s),\n", caller_keyword(a->name),
                          rep_number(a->value).c);
        } else {
            sc_buf_printf(out, "=kwargs[\"%s\"],\n", caller_keyword(a->name));
        }
    }
    for (int i = 0; i < op->n_params; i++) {
        if (is_argument(op, i)) {
            sc_buf_add(out, "            ");
            rep_add_snake(out, op->param[i].name);
            sc_buf_add(out, "=self._");
            rep_add_snake(out, op->param[i].name);
            sc_buf_add(out, ",\n");
        }
    }
    if (op->n_modes > 0) {
        sc_buf_add(out, "            quant_mode=self._quant_mode,\n");
    }
    sc_buf_add(out, "        )\n        return result * self._scale_factor\n");
}

static void add_operation(sc_buf *out, const rep_study *study, const rep_phase *p)
{
    sc_buf_add(out, "\n\nclass ");
    add_class_name(out, study, p);
    sc_buf_add(out, "(Operation):\n    \"\"\"");
    rep_add_docstring(out, study->op->title);
    sc_buf_printf(out, "; %s phase, queried over ", sol_phase_name(p->phase->kind));
    add_axis_names(out, p);
    sc_buf_add(out, ".\"\"\"\n\n");
    add_constructor(out, study->op);
    add_operation_query(out, study, p);
}

static void add_head(sc_buf *out, const rep_study *study)
{
    sc_buf_add(out, "\"\"\"Planned query signatures of ");
    rep_add_docstring(out, study->op->name);
    sc_buf_printf(out, ", written by solcheck %s on ", PACKAGE_VERSION);
    rep_add_docstring(out, study->date);
    sc_buf_add(out, ".\n\n");
    rep_add_docstring(out, study->op->title);
    sc_buf_add(out, ".\nThe axes are those of axis-decision.md:\n\n");
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &study->phase[k];
        if (p->present) {
            sc_buf_printf(out, "    %-10s  %s: ", sol_phase_name(p->phase->kind),
                          fit_kind_name(p->kind));
            add_axis_names(out, p);
            sc_buf_add(out, "\n");
        }
    }
    sc_buf_add(out, "\"\"\"\n\nfrom __future__ import annotations\n\n"
                    "from enum import Enum\nfrom typing import TYPE_CHECKING\n\n"
                    "from aiconfigurator.sdk.operations.base import Operation\n\n"
                    "if TYPE_CHECKING:\n"
                    "    from aiconfigurator.sdk import common\n"
                    "    from aiconfigurator.sdk.performance_result import "
                    "PerformanceResult\n");
}

sc_status rep_query_signature(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    sc_buf text = {0};
    add_head(&text, study);
    sc_status status = add_modes(&text, study, diag);
    sc_buf_add(&text,
               "\n\nclass PerfDatabase:\n"
               "    \"\"\"The methods to add to perf_database.PerfDatabase.\"\"\"\n");
    for (int k = 0; k < SOL_N_PHASES && status == SC_OK; k++) {
        if (study->phase[k].present) {
            status = add_query(&text, study, &study->phase[k], diag);
        }
    }
    for (int k = 0; k < SOL_N_PHASES; k++) {
        if (study->phase[k].present) {
            add_operation(&text, study, &study->phase[k]);
        }
    }
    return rep_append(out, &text, status, diag);
}
