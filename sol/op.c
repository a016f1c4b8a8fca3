/* solcheck - ops: finding, freeing, configurations, admissible points.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "sol/op.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sol/find.h"

const char *sol_phase_name(sol_phase_kind kind)
{
    return kind == SOL_CONTEXT ? "context" : "generation";
}

const char *sol_engine_name(sol_engine engine)
{
    static const char *const name[] = {"tensor", "cuda", "exp"};
    return name[engine];
}

const char *sol_link_name(sol_link link)
{
    static const char *const name[] = {"intra", "inter", "any"};
    return name[link];
}

const char *sol_direction_name(sol_direction direction)
{
    return direction == SOL_OUT ? "out" : "in";
}

const char *sol_term_kind_name(sol_term_kind kind)
{
    static const char *const name[] = {"flops", "bytes", "network"};
    return name[kind];
}

/* ---- freeing ---- */

void sol_names_free(char **names)
{
    if (!names)
        return;
    for (char **p = names; *p; p++)
        sc_free(*p);
    sc_free(names);
}

static void free_phase(sol_phase *phase)
{
    if (!phase)
        return;
    for (int i = 0; i < phase->n_axes; i++) {
        sc_free(phase->axis[i].name);
        sc_free(phase->axis[i].meaning);
        sc_free(phase->axis[i].independent);
    }
    for (int i = 0; i < phase->n_guards; i++)
        sc_free(phase->guard[i].text);
    for (int i = 0; i < phase->n_terms; i++) {
        sc_free(phase->term[i].name);
        sc_free(phase->term[i].source);
        sc_free(phase->term[i].text);
    }
    sc_free(phase->axis);
    sc_free(phase->guard);
    sc_free(phase->term);
    sc_free(phase);
}

static void clear_dtypes(struct sol_table_dtype *dtype, int n)
{
    for (int i = 0; i < n; i++) {
        sc_free(dtype[i].slot);
        sc_free(dtype[i].column);
        sc_free(dtype[i].label);
        for (int k = 0; k < dtype[i].n_cases; k++)
            sc_free(dtype[i].cases[k].label);
        sc_free(dtype[i].cases);
    }
    sc_free(dtype);
}

static void clear_cases(sol_case_map *map)
{
    for (int i = 0; i < map->n_lists; i++) {
        sc_free(map->list[i].target);
        sc_free(map->list[i].label);
        for (int k = 0; k < map->list[i].n_cases; k++)
            sc_free(map->list[i].cases[k].label);
        sc_free(map->list[i].cases);
        sol_names_free(map->list[i].name);
    }
    for (int i = 0; i < map->n_limits; i++)
        sc_free(map->limit[i].text);
    clear_dtypes(map->dtype, map->n_dtypes);
    sol_context_free(map->names);
    sol_names_free(map->other);
    sc_free(map->name);
    sc_free(map->profiles);
    sc_free(map->list);
    sc_free(map->limit);
}

static void clear_table(sol_table_map *table)
{
    for (int i = 0; i < table->n_columns; i++) {
        sc_free(table->column[i].target);
        sc_free(table->column[i].text);
        for (int k = 0; k < table->column[i].n_cases; k++)
            sc_free(table->column[i].cases[k].label);
        sc_free(table->column[i].cases);
    }
    clear_dtypes(table->dtype, table->n_dtypes);
    for (int i = 0; i < table->n_rows; i++) {
        sc_free(table->rows[i].column);
        sol_names_free(table->rows[i].value);
    }
    sc_free(table->rows);
    sol_names_free(table->ignored);
    sc_free(table->stem);
    sc_free(table->op_name);
    sol_context_free(table->columns);
    sc_free(table->column);
}

void sol_op_free(sol_op *op)
{
    if (!op)
        return;
    for (int i = 0; i < op->n_params; i++) {
        sc_free(op->param[i].name);
        sc_free(op->param[i].meaning);
        sc_free(op->param[i].unit);
        sc_free(op->param[i].model_config);
    }
    for (int i = 0; i < op->n_slots; i++)
        sc_free(op->slot[i].name);
    for (int i = 0; i < SOL_N_PHASES; i++)
        free_phase(op->phase[i]);
    for (int i = 0; i < op->n_tables; i++)
        clear_table(&op->table[i]);
    for (int i = 0; i < op->n_cases; i++)
        clear_cases(&op->cases[i]);
    for (int i = 0; i < op->n_modes; i++) {
        sc_free(op->mode[i].name);
        sc_free(op->mode[i].slot);
        sc_free(op->mode[i].param);
    }
    sc_free(op->mode);
    sc_free(op->param);
    sc_free(op->slot);
    sc_free(op->table);
    sc_free(op->cases);
    sol_names_free(op->source);
    sol_names_free(op->excludes);
    sc_free(op->path);
    sc_free(op->name);
    sc_free(op->title);
    sc_free(op->granularity);
    sc_free(op->layer);
    sc_free(op->when);
    for (int p = 0; p < SOL_N_PHASES; p++)
        sc_free(op->without[p]);
    sol_context_free(op->ctx);
    sc_yaml_free(op->doc);
    sc_free(op);
}

/* ---- finding ---- */

sc_status sol_op_names(const char *op_path, const char *data_dir, char ***out,
                       sc_diag *diag)
{
    return sol_find_names(op_path, data_dir, "sol/ops", out, diag);
}

sc_status sol_op_find(const char *name, const char *op_path, const char *data_dir,
                      sol_op **out, sc_diag *diag)
{
    char *path;
    const sol_find_what what = {"op", "sol/ops", SC1100};
    sc_status status = sol_find_path(&what, name, op_path, data_dir, &path, diag);
    if (status != SC_OK)
        return status;
    status = sol_op_load(path, out, diag);
    sc_free(path);
    return status;
}

bool sol_table_dtype_parse(const struct sol_table_dtype *map, const char *label,
                           sol_dtype *out)
{
    for (int i = 0; i < map->n_cases; i++)
        if (strcmp(map->cases[i].label, label) == 0) {
            *out = map->cases[i].dtype;
            return true;
        }
    return sol_dtype_parse(label, out);
}

int sol_op_param_index(const sol_op *op, const char *name)
{
    for (int i = 0; i < op->n_params; i++)
        if (strcmp(op->param[i].name, name) == 0)
            return i;
    return -1;
}

int sol_op_slot_index(const sol_op *op, const char *name)
{
    for (int i = 0; i < op->n_slots; i++)
        if (strcmp(op->slot[i].name, name) == 0)
            return i;
    return -1;
}

int sol_phase_axis_index(const sol_phase *phase, const char *name)
{
    for (int i = 0; i < phase->n_axes; i++)
        if (strcmp(phase->axis[i].name, name) == 0)
            return i;
    return -1;
}

/* ---- configurations ---- */

static sc_status allocate(const sol_op *op, sol_config *config, sc_diag *diag)
{
    memset(config, 0, sizeof *config);
    config->param = sc_calloc((size_t)op->n_params, sizeof *config->param);
    config->given = sc_calloc((size_t)op->n_params, sizeof *config->given);
    config->slot = sc_calloc((size_t)op->n_slots, sizeof *config->slot);
    config->slot_given = sc_calloc((size_t)op->n_slots, sizeof *config->slot_given);
    if (config->param && config->given && config->slot && config->slot_given)
        return SC_OK;
    sol_config_clear(config);
    return sc_diag_nomem(diag);
}

sc_status sol_config_init(const sol_op *op, sol_config *config, sc_diag *diag)
{
    sc_status status = allocate(op, config, diag);
    if (status != SC_OK)
        return status;
    for (int i = 0; i < op->n_params; i++)
        config->param[i] = op->param[i].value;
    for (int i = 0; i < op->n_slots; i++)
        config->slot[i] = op->slot[i].value;
    config->tp = 1;
    return SC_OK;
}

sc_status sol_config_copy(const sol_op *op, const sol_config *from, sol_config *to,
                          sc_diag *diag)
{
    sol_config copy;
    sc_status status = allocate(op, &copy, diag);
    if (status != SC_OK)
        return status;
    for (int i = 0; i < op->n_params; i++) {
        copy.param[i] = from->param[i];
        copy.given[i] = from->given[i];
    }
    for (int i = 0; i < op->n_slots; i++) {
        copy.slot[i] = from->slot[i];
        copy.slot_given[i] = from->slot_given[i];
    }
    copy.tp = from->tp;
    copy.tp_given = from->tp_given;
    *to = copy;
    return SC_OK;
}

void sol_config_clear(sol_config *config)
{
    if (!config)
        return;
    sc_free(config->param);
    sc_free(config->given);
    sc_free(config->slot);
    sc_free(config->slot_given);
    memset(config, 0, sizeof *config);
}

/* Adds "did you mean" for a name out of n, got through a getter. */
static void suggest(sc_diag *diag, const char *name, const char *const *names, int n)
{
    char near[256];
    if (sc_suggest(name, names, (size_t)n, near, sizeof near) > 0)
        sc_diag_hint(diag, "did you mean %s?", near);
}

sc_status sol_config_set_param(const sol_op *op, sol_config *config, const char *name,
                               double value, sc_diag *diag)
{
    int at = sol_op_param_index(op, name);
    if (at < 0) {
        sc_status status = sc_diag_fail(diag, SC_EINVAL, SC1108,
                                        "op %s has no parameter '%s'", op->name, name);
        const char **names = sc_calloc((size_t)op->n_params, sizeof *names);
        for (int i = 0; names && i < op->n_params; i++)
            names[i] = op->param[i].name;
        if (names)
            suggest(diag, name, names, op->n_params);
        sc_free(names);
        return status;
    }
    const sol_param *p = &op->param[at];
    if (!(value >= p->lo && value <= p->hi))
        return sc_diag_fail(diag, SC_EINVAL, SC1105, "%s = %g lies outside [%g, %g]", name,
                            value, p->lo, p->hi);
    config->param[at] = value;
    config->given[at] = true;
    return SC_OK;
}

static void hint_slots(const sol_op *op, sc_diag *diag)
{
    sc_buf all = {0};
    for (int i = 0; i < op->n_slots; i++)
        sc_buf_printf(&all, "%s%s", i ? ", " : "", op->slot[i].name);
    sc_diag_hint(diag, "its slots are %s", sc_buf_text(&all));
    sc_buf_free(&all);
}

static void hint_dtypes(const sol_slot *slot, sc_diag *diag)
{
    sc_buf all = {0};
    for (int i = 0; i < SOL_N_DTYPES; i++)
        if (slot->allowed[i])
            sc_buf_printf(&all, "%s%s", all.n ? ", " : "", sol_dtype_name((sol_dtype)i));
    sc_diag_hint(diag, "it can be %s", sc_buf_text(&all));
    sc_buf_free(&all);
}

sc_status sol_config_set_dtype(const sol_op *op, sol_config *config, const char *slot,
                               const char *label, sc_diag *diag)
{
    int at = sol_op_slot_index(op, slot);
    sol_dtype dtype;
    if (at < 0) {
        sc_status status = sc_diag_fail(diag, SC_EINVAL, SC1107,
                                        "op %s has no dtype slot '%s'", op->name, slot);
        if (op->n_slots > 0)
            hint_slots(op, diag);
        return status;
    }
    if (!sol_dtype_parse(label, &dtype))
        return sc_diag_fail(diag, SC_EINVAL, SC1107, "'%s' is not a dtype", label);
    if (!op->slot[at].allowed[dtype]) {
        sc_diag_fail(diag, SC_EINVAL, SC1107, "slot %s of op %s cannot be %s", slot,
                     op->name, sol_dtype_name(dtype));
        hint_dtypes(&op->slot[at], diag);
        return SC_EINVAL;
    }
    config->slot[at] = dtype;
    config->slot_given[at] = true;
    sol_config_follow(op, config);
    return SC_OK;
}

void sol_config_follow(const sol_op *op, sol_config *config)
{
    for (int i = 0; i < op->n_slots; i++) /* a slot follows an earlier one */
        if (op->slot[i].follows >= 0 && !config->slot_given[i])
            config->slot[i] = config->slot[op->slot[i].follows];
}

sc_status sol_config_set_tp(const sol_op *op, sol_config *config, double tp,
                            sc_diag *diag)
{
    if (!(tp >= 1 && tp <= 1024 && tp == floor(tp)))
        return sc_diag_fail(diag, SC_EINVAL, SC1105,
                            "tp = %g is not an integer from 1 to 1024", tp);
    for (int i = 0; i < op->n_params; i++)
        if (op->param[i].shard_tp && fmod(config->param[i], tp) != 0) {
            sc_status status =
                sc_diag_fail(diag, SC_EINVAL, SC1114, "tp = %g does not divide %s = %g", tp,
                             op->param[i].name, config->param[i]);
            sc_diag_hint(diag, "choose a divisor, or set --param %s=VALUE",
                         op->param[i].name);
            return status;
        }
    config->tp = tp;
    config->tp_given = true;
    return SC_OK;
}

double sol_config_local(const sol_op *op, const sol_config *config, int param)
{
    double value = config->param[param];
    return op->param[param].shard_tp ? value / config->tp : value;
}

void sol_config_values(const sol_op *op, const sol_phase *phase, const sol_config *config,
                       double *value)
{
    int n = sol_symbol_count(op->ctx);
    for (int i = 0; i < n; i++)
        value[i] = NAN;
    for (int i = 0; i < op->n_params; i++)
        value[op->param[i].symbol] = config->param[i];
    for (int i = 0; i < op->n_slots; i++)
        value[op->slot[i].bytes_symbol] = sol_dtype_bits(config->slot[i]) / 8.0;
    value[op->tp_symbol] = config->tp;
    for (int i = 0; phase && i < phase->n_axes; i++)
        if (phase->axis[i].optional)
            value[phase->axis[i].symbol] = phase->axis[i].value;
}

/* ---- admissible points ---- */

static sc_status outside(const sol_op *op, sol_place place, sc_diag *diag)
{
    sc_diag_at(diag, op->path, place.line, place.col, 1, NULL);
    return SC_EINVAL;
}

static sc_status check_ranges(const sol_op *op, const sol_phase *phase, const double *axis,
                              sc_diag *diag)
{
    for (int i = 0; i < phase->n_axes; i++) {
        const sol_axis *a = &phase->axis[i];
        if (axis[i] >= a->lo && axis[i] <= a->hi && axis[i] == floor(axis[i]))
            continue;
        sc_diag_fail(diag, SC_EINVAL, SC1113, "%s = %g is no integer in [%g, %g]", a->name,
                     axis[i], a->lo, a->hi);
        return outside(op, a->place, diag);
    }
    return SC_OK;
}

sc_status sol_op_value(const sol_op *op, const sol_phase *phase, const sol_config *config,
                       const double *axis, const sol_expr *expr, double *out,
                       sc_diag *diag)
{
    size_t n = (size_t)sol_symbol_count(op->ctx);
    double *value = sc_calloc(n, sizeof *value), result = NAN, *results = &result;
    const double **in = sc_calloc(n, sizeof *in);
    unsigned char *stride = sc_calloc(n, 1);
    sol_program *program = NULL;
    sc_status status = value && in && stride ? SC_OK : sc_diag_nomem(diag);
    if (status == SC_OK)
        status = sol_program_new(op->ctx, &expr, 1, &program, diag);
    if (status == SC_OK) {
        sol_config_values(op, phase, config, value);
        for (int i = 0; axis && i < phase->n_axes; i++)
            value[phase->axis[i].symbol] = axis[i];
        for (size_t i = 0; i < n; i++)
            in[i] = &value[i];
        if (sol_program_eval(program, in, stride, 1, &results) != SC_OK)
            status = sc_diag_nomem(diag);
    }
    if (status == SC_OK)
        *out = result;
    sol_program_free(program);
    sc_free(value);
    sc_free(in);
    sc_free(stride);
    return status;
}

sc_status sol_phase_admits(const sol_op *op, const sol_phase *phase,
                           const sol_config *config, const double *axis, sc_diag *diag)
{
    sc_status status = check_ranges(op, phase, axis, diag);
    for (int i = 0; i < phase->n_guards && status == SC_OK; i++) {
        double holds = 0;
        status = sol_op_value(op, phase, config, axis, phase->guard[i].expr, &holds, diag);
        if (status == SC_OK && (holds == 0 || isnan(holds))) {
            sc_diag_fail(diag, SC_EINVAL, SC1113, "the guard %s does not hold",
                         phase->guard[i].text);
            status = outside(op, phase->guard[i].place, diag);
        }
    }
    return status;
}
