/* solcheck - rows of a table against a plan: rows that it does not have, and holes.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/bounds.h"
#include "collector/keyset.h"
#include "collector/tablerows.h"

#define MAX_CONFIGS 200000

typedef struct plan {
    const col_table *table;
    const col_table_check *what;
    const sol_phase *phase;
    const col_points *points;
    col_findings *findings;
    sc_diag *diag;
    col_keyset measured; /* of the rows: by axes and by tokens */
    col_keyset planned;
    size_t n_holes, n_cases;
} plan;

/* Key of a configuration: local values and dtypes of the slots. */
static uint64_t config_key(const sol_op *op, const sol_config *config)
{
    uint64_t hash = col_key_start(1);
    for (int i = 0; i < op->n_params; i++)
        hash = col_key_mix(hash, sol_config_local(op, config, i));
    for (int i = 0; i < op->n_slots; i++)
        hash = col_key_mix(hash, (double)config->slot[i]);
    return hash;
}

/* With the axes, or (tokens) with x in their place. */
static uint64_t point_key(uint64_t config, const sol_phase *phase, const double *axis,
                          bool tokens, double x)
{
    uint64_t hash = col_key_mix(config, tokens);
    if (tokens)
        return col_key_mix(hash, x);
    for (int i = 0; i < phase->n_axes; i++)
        hash = col_key_mix(hash, axis[i]);
    return hash;
}

static sc_status tokens_of(const plan *p, const sol_config *config, const double *axis,
                           double *x)
{
    return sol_op_value(p->what->op, p->phase, config, axis, p->phase->tokens, x,
                        p->diag);
}

static sc_status add_rows(plan *p)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < p->points->n && !status; i++) {
        const col_point *point = &p->points->point[i];
        const sol_config *config = &p->points->config[point->group];
        uint64_t key = config_key(p->what->op, config);
        bool there;
        double x = 0;
        status = tokens_of(p, config, point->axis, &x);
        if (!status)
            status = col_keyset_add(
                &p->measured, point_key(key, p->phase, point->axis, false, x), &there);
        if (!status)
            status = col_keyset_add(
                &p->measured, point_key(key, p->phase, point->axis, true, x), &there);
    }
    return status;
}

static void case_text(const plan *p, const col_case_grid *grid, size_t k, char *out,
                      size_t out_B)
{
    const sol_op *op = p->what->op;
    size_t n = 0;
    *out = 0;
    for (int i = 0; i < p->phase->n_axes && n < out_B; i++)
        if (!p->phase->axis[i].optional)
            n += (size_t)snprintf(out + n, out_B - n, "%s%s=%.9g", n ? ", " : "",
                                  p->phase->axis[i].name, grid->axis[i][k]);
    for (int i = 0; i < op->n_params && n < out_B; i++)
        if (op->param[i].shard_tp || grid->sweep->param[i].n > 1)
            n += (size_t)snprintf(out + n, out_B - n, ", %s=%.9g", op->param[i].name,
                                  grid->config->param[i]);
    for (int i = 0; i < op->n_slots && n < out_B; i++)
        n += (size_t)snprintf(out + n, out_B - n, ", %s=%s", op->slot[i].name,
                              sol_dtype_name(grid->config->slot[i]));
    if (grid->config->tp > 1 && n < out_B)
        snprintf(out + n, out_B - n, ", tp=%.9g", grid->config->tp);
}

/* Does any store say that the case failed? */
static sc_status has_failed(const plan *p, const col_case_grid *grid, size_t k, bool *out)
{
    const sol_op *op = p->what->op;
    int b = sol_phase_axis_index(p->phase, "b"), s = sol_phase_axis_index(p->phase, "s");
    *out = false;
    for (size_t i = 0; i < p->what->n_stores; i++) {
        sc_status status = col_store_failed(p->what->store[i], op, grid->config,
                                            p->what->phase, b < 0 ? 1 : grid->axis[b][k],
                                            s < 0 ? 1 : grid->axis[s][k], out, p->diag);
        if (status || *out)
            return status;
    }
    return SC_OK;
}

/* Why a case has no row. */
static sc_status explain(plan *p, const col_case_grid *grid, size_t k)
{
    const sol_system *system = p->what->plan->system;
    char text[256];
    sol_model *model = NULL;
    sol_bound bound = {0};
    const double *axis[SOL_MAX_AXES] = {NULL};
    bool failed = false;
    sc_diag why;
    case_text(p, grid, k, text, sizeof text);
    for (int i = 0; i < p->phase->n_axes; i++)
        axis[i] = &grid->axis[i][k];
    if (!grid->able)
        return col_table_report(p->table, p->findings, 0, SC_NOTE, SC2206, NULL,
                                "no row for %s: %s cannot run the dtypes", text,
                                system->name);
    sc_status status = sol_model_new(p->what->op, p->what->phase, grid->config, system,
                                     SOL_ARCHITECTURAL, &model, &why);
    if (!status)
        status = sol_model_eval(model, 1, axis, &bound, NULL, &why);
    sol_model_free(model);
    if (status == SC_ENOMEM)
        return status;
    if (!status && bound.bytes_B > system->mem_capacity_B.value)
        return col_table_report(p->table, p->findings, 0, SC_NOTE, SC2205, NULL,
                                "no row for %s: it needs %.3g GB or more, %s has %.3g",
                                text, bound.bytes_B / 1e9, system->name,
                                system->mem_capacity_B.value / 1e9);
    status = has_failed(p, grid, k, &failed);
    if (status)
        return status;
    if (failed)
        return col_table_report(p->table, p->findings, 0, SC_NOTE, SC2207, NULL,
                                "no row for %s: the store says that it failed", text);
    return col_table_report(p->table, p->findings, 0, SC_WARNING, SC2208,
                            "measure it, or give the store that knows with --store",
                            "no row for %s, and nothing says why", text);
}

static sc_status visit(void *user, const col_case_grid *grid)
{
    plan *p = user;
    uint64_t config = config_key(p->what->op, grid->config);
    sc_status status = SC_OK;
    for (size_t k = 0; k < grid->n && !status; k++) {
        double axis[SOL_MAX_AXES], x = 0;
        bool there;
        for (int i = 0; i < p->phase->n_axes; i++)
            axis[i] = grid->axis[i][k];
        status = tokens_of(p, grid->config, axis, &x);
        uint64_t key = point_key(config, p->phase, axis, grid->sweep->over_tokens, x);
        p->n_cases++;
        if (!status)
            status = col_keyset_add(&p->planned, key, &there);
        if (!status && !there && !col_keyset_find(&p->measured, key, NULL)) {
            p->n_holes++;
            status = explain(p, grid, k);
        }
    }
    return status == SC_ENOMEM ? sc_diag_nomem(p->diag) : status;
}

/* Rows whose keys no sweep has. */
static sc_status check_rows(plan *p)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < p->points->n && !status; i++) {
        const col_point *point = &p->points->point[i];
        const sol_config *config = &p->points->config[point->group];
        uint64_t key = config_key(p->what->op, config);
        double x = 0;
        char text[200];
        size_t n = 0;
        status = tokens_of(p, config, point->axis, &x);
        if (status ||
            col_keyset_find(&p->planned, point_key(key, p->phase, point->axis, false, x),
                            NULL) ||
            col_keyset_find(&p->planned, point_key(key, p->phase, point->axis, true, x),
                            NULL))
            continue;
        for (int k = 0; k < p->phase->n_axes && n < sizeof text; k++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%.9g", n ? ", " : "",
                                  p->phase->axis[k].name, point->axis[k]);
        status = col_table_report(p->table, p->findings, point->line, SC_WARNING, SC2204,
                                  "add it to the case file, or take the row out",
                                  "%s: no case of the plan has this row's keys", text);
    }
    return status;
}

sc_status col_table_check_plan(const col_table *table, const col_table_check *what,
                               const col_points *points, col_findings *findings,
                               sc_diag *diag)
{
    plan p = {.table = table,
              .what = what,
              .phase = what->op->phase[what->phase],
              .points = points,
              .findings = findings,
              .diag = diag};
    sc_status status = add_rows(&p);
    for (size_t i = 0; i < what->plan->n && !status; i++) {
        size_t visited;
        if (what->plan->sweep[i].phase == what->phase)
            status = col_cases_visit(what->plan, &what->plan->sweep[i], true, MAX_CONFIGS,
                                     visit, &p, &visited, diag);
    }
    if (!status)
        status = check_rows(&p);
    col_keyset_clear(&p.measured);
    col_keyset_clear(&p.planned);
    return status == SC_ENOMEM ? sc_diag_nomem(diag) : status;
}
