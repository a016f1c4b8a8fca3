/* solcheck - case files: what the op, its proof and the target say of the sweeps.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/cases_internal.h"
#include "collector/keyset.h"
#include "collector/validate.h"
#include "sol/regime.h"

/* Configurations of one sweep, and keys of one file, that are looked at. */
#define MAX_CONFIGS 20000
#define MAX_KEYS 4000000
#define MAX_POINTS 20000000 /* of one file */

/* Fewer x with two points, or points in all, than a fit needs (fit/fit.h: 8 points, 4 of
 * them distinct) leave the decision untested. */
#define MIN_ISO_X 4

/* A regime that holds at less than this share of the op's grid is a corner. */
#define REGIME_SHARE 0.01

#define INDEX_MOST 2147483647.0 /* of a signed 32-bit integer */

/* Time of a case as `solcheck measure --plan` takes it: allocation and fill, then 15
 * batches of 1 ms or one launch, whichever is longer, but no more than 0.1 s unless three
 * launches take longer. */
#define LAUNCH_S 5e-6
#define UTILISATION 0.5
#define SETUP_S 5e-3
#define FILL_B_S 200e9
#define BATCHES 15
#define BATCH_S 1e-3
#define MOST_S 0.1

typedef struct example { /* of the cases that something is wrong with */
    size_t n;
    char text[200];
    double worst;
} example;

typedef struct checker {
    const col_cases *cases;
    const sol_op *op;
    col_findings *findings;
    sc_diag *diag;
    col_axes decision[SOL_N_PHASES];
    bool proved[SOL_N_PHASES];
    bool covers[SOL_N_PHASES][SOL_N_RESOURCES];
    int iso[SOL_N_PHASES]; /* x with two points or more, the most of any sweep */
    size_t iso_points[SOL_N_PHASES];
    const col_sweep *first[SOL_N_PHASES];
    col_keyset keys, local; /* with and without tp */
    col_cost cost;
    struct told { /* of a list that several sweeps share, each code once */
        node *at;
        sc_code code;
    } * told;
    size_t n_told;
    /* of the sweep at hand */
    const col_sweep *sweep;
    size_t n_configs, n_cases, n_product;
    size_t n_points; /* of the file */
    example guard, memory, index, again, clash;
    int guard_index, term;
    sc_diag model;     /* why a configuration cannot be evaluated */
    sol_program *gate; /* the op's guards */
} checker;

#define REPORT(c, at, severity, code, hint, ...)                                         \
    col_cases_report((c)->cases, (c)->findings, at, severity, code, hint, __VA_ARGS__)

static const sol_phase *phase_of(const checker *c)
{
    return c->op->phase[c->sweep->phase];
}

/* The list that a finding about the grid points at. */
static node *grid_node(const col_sweep *sweep, const sol_phase *phase)
{
    if (sweep->over_tokens)
        return sweep->tokens.key;
    for (int i = phase->n_axes; i-- > 0;)
        if (sweep->axis[i].key && !phase->axis[i].optional)
            return sweep->axis[i].key;
    return sweep->at;
}

/* "b=3, s=5, num_heads=7, tp=2" */
static void case_text(const checker *c, const col_case_grid *grid, size_t k, char *out,
                      size_t out_B)
{
    const sol_phase *phase = phase_of(c);
    size_t n = 0;
    *out = 0;
    for (int i = 0; i < phase->n_axes && n < out_B; i++)
        if (!phase->axis[i].optional || c->sweep->axis[i].key)
            n += (size_t)snprintf(out + n, out_B - n, "%s%s=%.9g", n ? ", " : "",
                                  phase->axis[i].name, grid->axis[i][k]);
    for (int i = 0; i < c->op->n_params && n < out_B; i++)
        if (c->sweep->param[i].n > 1 || c->op->param[i].shard_tp)
            n += (size_t)snprintf(out + n, out_B - n, ", %s=%.9g", c->op->param[i].name,
                                  grid->config->param[i]);
    if (c->sweep->tp.n > 1 && n < out_B)
        snprintf(out + n, out_B - n, ", tp=%.9g", grid->config->tp);
}

static void note_example(const checker *c, const col_case_grid *grid, size_t k,
                         double how, example *e)
{
    if (e->n++ == 0 || how > e->worst) {
        e->worst = how;
        case_text(c, grid, k, e->text, sizeof e->text);
    }
}

/* True when the code has not been reported at the node yet. */
static bool is_new(checker *c, node *at, sc_code code)
{
    for (size_t i = 0; i < c->n_told; i++)
        if (c->told[i].at == at && c->told[i].code == code)
            return false;
    struct told *more = sc_reallocarray(c->told, c->n_told + 1, sizeof *more);
    if (more) { /* at worst a finding twice */
        c->told = more;
        c->told[c->n_told++] = (struct told){at, code};
    }
    return true;
}

/* ---- decision ---- */

/* What the proof says at a configuration; unknown: nothing is judged. */
static sc_status prove(checker *c, const sol_config *config)
{
    sol_phase_kind phase = c->sweep->phase;
    sc_diag why;
    if (c->proved[phase])
        return SC_OK;
    c->proved[phase] = true;
    if (c->decision[phase] != COL_AXES_PROOF)
        return SC_OK;
    sol_proof *proof = sc_calloc(1, sizeof *proof);
    if (!proof)
        return sc_diag_nomem(c->diag);
    sc_status status =
        sol_prove(c->op, phase, config, c->cases->system, SOL_ARCHITECTURAL, proof, &why);
    if (status == SC_ENOMEM)
        status = sc_diag_nomem(c->diag);
    else if (!status)
        c->decision[phase] = proof->sol.verdict == SOL_PROVED      ? COL_AXES_TOKENS
                             : proof->sol.verdict == SOL_DISPROVED ? COL_AXES_ALL
                                                                   : COL_AXES_PROOF;
    sc_free(proof);
    return status == SC_ENOMEM ? status : SC_OK;
}

static sc_status check_decision(checker *c)
{
    const col_sweep *sweep = c->sweep;
    col_axes decision = c->decision[sweep->phase];
    const char *phase = sol_phase_name(sweep->phase);
    if (sweep->over_tokens && decision == COL_AXES_ALL &&
        is_new(c, sweep->tokens.key, SC2110))
        return REPORT(
            c, sweep->tokens.key, SC_ERROR, SC2110,
            "sweep batch sizes and sequence lengths separately; solcheck explain "
            "shows two points of equal x that differ",
            "%s of op %s is no function of the token count alone", phase, c->op->name);
    if (!sweep->over_tokens && decision == COL_AXES_TOKENS &&
        is_new(c, grid_node(sweep, phase_of(c)), SC2117))
        return REPORT(c, grid_node(sweep, phase_of(c)), SC_WARNING, SC2117,
                      "token counts are enough: points of equal x repeat each other",
                      "%s of op %s is a function of the token count alone", phase,
                      c->op->name);
    return SC_OK;
}

/* ---- TP and local values ---- */

static sc_status check_local(checker *c, int p)
{
    const col_case_values *v = &c->sweep->param[p], *tp = &c->sweep->tp;
    const char *name = c->op->param[p].name;
    if (v->n != (tp->key ? tp->n : 1))
        return REPORT(c, v->key, SC_ERROR, SC2132,
                      "give one value for each TP size, in the same order",
                      "%zu local values of %s for %zu TP sizes", v->n, name,
                      tp->key ? tp->n : 1);
    for (size_t i = 1; i < v->n; i++)
        if (v->number[i] * tp->number[i] != v->number[0] * tp->number[0])
            return REPORT(c, v->at[i], SC_ERROR, SC2132,
                          "a local value is that of the model divided by the TP size",
                          "%s: %.9g at TP %.9g, but %.9g at TP %.9g: not of one model",
                          name, v->number[i], tp->number[i], v->number[0], tp->number[0]);
    return SC_OK;
}

static sc_status check_tp(checker *c)
{
    sc_status status = SC_OK;
    for (int p = 0; p < c->op->n_params && !status; p++) {
        const col_case_values *v = &c->sweep->param[p], *tp = &c->sweep->tp;
        if (v->local)
            status = check_local(c, p);
        if (!c->op->param[p].shard_tp || v->local || v->same >= 0)
            continue;
        for (size_t t = 0; t < tp->n && !status; t++)
            for (size_t i = 0; i < (v->key ? v->n : 1) && !status; i++) {
                double value = v->key ? v->number[i] : c->op->param[p].value;
                if (fmod(value, tp->number[t]) != 0)
                    status = REPORT(c, tp->at[t], SC_ERROR, SC2118,
                                    "such cases cannot run: take the TP size out",
                                    "TP %.9g does not divide %s = %.9g%s", tp->number[t],
                                    c->op->param[p].name, value,
                                    v->key ? "" : " (the op's default)");
            }
    }
    return status;
}

/* ---- the input length of the generation phase ---- */

static const char target_key[] = "target_sequence_lengths";

/* Does a rule that names input_length hold at input = s - 1, and at no other? */
static sc_status holds(const checker *c, const sol_expr *expr, double shift, bool *out)
{
    const col_cases *cases = c->cases;
    int n = sol_symbol_count(cases->names);
    fmpq *value = sc_calloc((size_t)n + 1, sizeof *value);
    if (!value)
        return SC_ENOMEM;
    fmpq_t result;
    fmpq_init(result);
    for (int i = 0; i < n; i++) {
        int index;
        double number;
        fmpq_init(&value[i]);
        cases_meaning what = col_sweep_meaning(
            cases, c->sweep, sol_symbol_name(cases->names, i), &index, &number);
        fmpq_set_si(&value[i], what == CASES_INPUT ? (long)(17 + shift) : 18, 1);
    }
    sc_status status = sol_expr_exact(cases->names, expr, value, result, NULL);
    *out = !status && !fmpq_is_zero(result);
    for (int i = 0; i < n; i++)
        fmpq_clear(&value[i]);
    fmpq_clear(result);
    sc_free(value);
    return status == SC_ENOMEM ? SC_ENOMEM : SC_OK;
}

static sc_status check_input(checker *c)
{
    const col_sweep *sweep = c->sweep;
    int s = sol_phase_axis_index(phase_of(c), "s"), input = -1;
    bool named = false;
    if (sweep->phase != SOL_GENERATION || s < 0 || !sweep->axis[s].key)
        return SC_OK;
    input = sol_symbol_find(c->cases->names, "input_length");
    for (size_t i = 0; i < sweep->n_rules; i++) {
        int n = sol_symbol_count(c->cases->names);
        bool *used = sc_calloc((size_t)n + 1, sizeof *used), now, off, good;
        if (!used)
            return sc_diag_nomem(c->diag);
        sol_expr_symbols(sweep->rule[i].expr, used, n);
        bool mine = input >= 0 && used[input] && sweep->rule[i].at;
        sc_free(used);
        if (!mine)
            continue;
        named = true;
        if (holds(c, sweep->rule[i].expr, 0, &now) ||
            holds(c, sweep->rule[i].expr, 1, &off))
            return sc_diag_nomem(c->diag);
        good = now && !off;
        if (!good)
            return REPORT(c, sweep->rule[i].at, SC_ERROR, SC2112,
                          "generation: input_length == target_sequence_length - 1",
                          "s counts the token being generated: the input is one shorter");
    }
    if (!named && strstr(sweep->axis[s].key->text, target_key))
        return REPORT(c, sweep->axis[s].key, SC_WARNING, SC2113,
                      "add the constraint 'generation: input_length == "
                      "target_sequence_length - 1'",
                      "nothing says how long the input is for a target length");
    return SC_OK;
}

/* ---- shapes to skip ---- */

static sc_status check_skips(checker *c)
{
    node *list = sc_yaml_get(c->sweep->at, "skip_shapes");
    sc_status status = SC_OK;
    for (size_t i = 0; list && list->kind == SC_YAML_SEQ && i < list->n && !status; i++) {
        node *map = list->item[i];
        for (size_t k = 0; k < map->n && !status; k++) {
            int index = 0;
            double value, number;
            if (!sc_parse_double(map->item[k]->text, &value))
                continue;
            cases_meaning what =
                col_sweep_meaning(c->cases, c->sweep, map->key[k]->text, &index, &number);
            const col_case_values *v = &c->sweep->param[index];
            bool found = what == CASES_PARAM && !v->key;
            for (size_t n = 0; what == CASES_PARAM && n < v->n; n++)
                found |= v->number[n] == value;
            if (!found)
                status = REPORT(c, map->item[k], SC_WARNING, SC2135,
                                "take the item out, or mend its name or value",
                                "%.60s = %.9g is not swept: nothing is skipped",
                                map->key[k]->text, value);
        }
    }
    return status;
}

/* ---- one configuration ---- */

static double guard_holds(const double *out, size_t n, int guard, size_t k)
{
    double value = out[(size_t)guard * n + k];
    return value != 0 && !isnan(value);
}

/* Counts the points that a guard of the op forbids, at the first guard that does. */
static sc_status check_guards(checker *c, const col_case_grid *grid)
{
    const sol_phase *phase = phase_of(c);
    size_t n = (size_t)sol_symbol_count(c->op->ctx),
           n_out = (size_t)phase->n_guards * grid->n;
    if (!c->gate || !grid->n)
        return SC_OK;
    double *value = sc_calloc(n, sizeof *value), *holds = sc_calloc(n_out, sizeof *holds);
    const double **in = sc_calloc(n, sizeof *in);
    double **out = sc_calloc((size_t)phase->n_guards, sizeof *out);
    unsigned char *stride = sc_calloc(n, 1);
    sc_status status = value && holds && in && out && stride ? SC_OK : SC_ENOMEM;
    if (!status) {
        sol_config_values(c->op, phase, grid->config, value);
        for (size_t i = 0; i < n; i++)
            in[i] = &value[i];
        for (int i = 0; i < phase->n_axes; i++) {
            in[phase->axis[i].symbol] = grid->axis[i];
            stride[phase->axis[i].symbol] = 1;
        }
        for (int i = 0; i < phase->n_guards; i++)
            out[i] = holds + (size_t)i * grid->n;
        status = sol_program_eval(c->gate, in, stride, grid->n, out);
    }
    for (size_t k = 0; k < grid->n && !status; k++)
        for (int i = 0; i < phase->n_guards; i++)
            if (!guard_holds(holds, grid->n, i, k)) {
                if (!c->guard.n)
                    c->guard_index = i;
                note_example(c, grid, k, 0, &c->guard);
                break;
            }
    sc_free(value);
    sc_free(holds);
    sc_free(in);
    sc_free(out);
    sc_free(stride);
    return status ? sc_diag_nomem(c->diag) : SC_OK;
}

/* Hashes what a row of the case would be found by. */
static uint64_t key_hash(const checker *c, const col_case_grid *grid, size_t k, bool tp)
{
    uint64_t hash = col_key_start((uint64_t)c->sweep->phase);
    for (const char *f = c->sweep->framework; *f; f++)
        hash = col_key_mix(hash, (double)*f);
    for (int i = 0; i < phase_of(c)->n_axes; i++)
        hash = col_key_mix(hash, grid->axis[i][k]);
    for (int i = 0; i < c->op->n_params; i++)
        hash = col_key_mix(hash, sol_config_local(c->op, grid->config, i));
    for (size_t i = 0; i < c->sweep->n_combinations * (size_t)c->op->n_slots; i++)
        hash = col_key_mix(hash, (double)c->sweep->dtype[i]);
    for (size_t i = 0; i < c->sweep->n_combinations * (size_t)c->op->n_params; i++) {
        double told = c->sweep->mode_param[i];
        hash = col_key_mix(hash, isnan(told) ? -1 : told);
    }
    return tp ? col_key_mix(hash, grid->config->tp) : hash;
}

static sc_status check_keys(checker *c, const col_case_grid *grid)
{
    for (size_t k = 0; k < grid->n; k++) {
        bool there, local;
        if (c->keys.n >= MAX_KEYS)
            return SC_OK;
        if (col_keyset_add(&c->keys, key_hash(c, grid, k, true), &there) ||
            col_keyset_add(&c->local, key_hash(c, grid, k, false), &local))
            return sc_diag_nomem(c->diag);
        if (there)
            note_example(c, grid, k, 0, &c->clash);
        else if (local)
            note_example(c, grid, k, 0, &c->again);
    }
    return SC_OK;
}

/* Elements of the largest tensor of a point: bytes by the width of the dtype. */
static double most_elements(const checker *c, const col_case_grid *grid,
                            const double *term, int *which)
{
    const sol_phase *phase = phase_of(c);
    double most = 0;
    for (int t = 0; t < phase->n_terms; t++) {
        const sol_term *of = &phase->term[t];
        if (of->kind != SOL_BYTES || of->slot < 0)
            continue;
        double n = term[t] * 8 / sol_dtype_bits(grid->config->slot[of->slot]);
        if (n > most) {
            most = n;
            *which = t;
        }
    }
    return most;
}

static void cover(checker *c, const sol_bound *b)
{
    double most = b->memory_cold_s;
    int resource = SOL_RESOURCE_MEMORY;
    for (int e = 0; e < SOL_N_ENGINES; e++)
        if (b->engine_s[e] > most) {
            most = b->engine_s[e];
            resource = e;
        }
    for (int link = 0; link < SOL_N_LINKS; link++)
        for (int d = 0; d < SOL_N_DIRECTIONS; d++)
            if (b->link_s[link][d] > most) {
                most = b->link_s[link][d];
                resource = SOL_RESOURCE_MEMORY + 1 + link * SOL_N_DIRECTIONS + d;
            }
    c->covers[c->sweep->phase][resource] = true;
}

static double cost_s(const sol_bound *b)
{
    double launch_s = LAUNCH_S + b->sol_cold_s / UTILISATION;
    return SETUP_S + b->bytes_B / FILL_B_S +
           fmax(3 * launch_s, fmin(MOST_S, BATCHES * fmax(BATCH_S, launch_s)));
}

static void judge_points(checker *c, const col_case_grid *grid, const sol_bound *bound,
                         const double *term)
{
    const sol_phase *phase = phase_of(c);
    double capacity_B = c->cases->system->mem_capacity_B.value;
    size_t able = 0;
    for (size_t i = 0; i < c->sweep->n_combinations; i++)
        able += c->sweep->able[i];
    for (size_t k = 0; k < grid->n; k++) {
        int which = 0;
        double n = most_elements(c, grid, term + k * (size_t)phase->n_terms, &which);
        if (bound[k].bytes_B > capacity_B)
            note_example(c, grid, k, bound[k].bytes_B, &c->memory);
        if (n > INDEX_MOST) {
            if (n > c->index.worst)
                c->term = which;
            note_example(c, grid, k, n, &c->index);
        }
        cover(c, &bound[k]);
        c->cost.gpu_s += (double)able * cost_s(&bound[k]);
    }
    c->cost.n_cases += (double)(able * grid->n);
}

static sc_status check_points(checker *c, const col_case_grid *grid)
{
    const sol_phase *phase = phase_of(c);
    sol_model *model = NULL;
    sol_bound *bound = sc_calloc(grid->n + 1, sizeof *bound);
    double *term = sc_calloc(grid->n * (size_t)phase->n_terms + 1, sizeof *term);
    sc_status status = bound && term ? SC_OK : SC_ENOMEM;
    if (!status)
        status = sol_model_new(c->op, c->sweep->phase, grid->config, c->cases->system,
                               SOL_ARCHITECTURAL, &model, &c->model);
    if (!status)
        status = sol_model_eval(model, grid->n, (const double *const *)grid->axis, bound,
                                term, &c->model);
    if (!status)
        judge_points(c, grid, bound, term);
    sol_model_free(model);
    sc_free(bound);
    sc_free(term);
    return status == SC_ENOMEM ? sc_diag_nomem(c->diag) : SC_OK;
}

/* x with two points of different axes or more; points are compared by their tokens. */
static sc_status count_iso(checker *c, const col_case_grid *grid)
{
    sol_phase_kind phase = c->sweep->phase;
    sol_model *model = NULL;
    sc_diag why;
    int n_x = 0;
    double *x = sc_calloc(grid->n + 1, sizeof *x);
    sc_status status = x ? sol_model_new(c->op, phase, grid->config, c->cases->system,
                                         SOL_ARCHITECTURAL, &model, &why)
                         : SC_ENOMEM;
    if (!status)
        status =
            sol_model_tokens(model, grid->n, (const double *const *)grid->axis, x, &why);
    for (size_t i = 0; i < grid->n && !status; i++) {
        size_t same = 0, earlier = 0;
        for (size_t k = 0; k < grid->n; k++) {
            same += x[k] == x[i];
            earlier += k < i && x[k] == x[i];
        }
        n_x += same >= 2 && !earlier;
    }
    if (!status && n_x >= c->iso[phase]) {
        c->iso[phase] = n_x;
        c->iso_points[phase] = grid->n;
    }
    sol_model_free(model);
    sc_free(x);
    return status == SC_ENOMEM ? sc_diag_nomem(c->diag) : SC_OK;
}

static sc_status check_config(void *user, const col_case_grid *grid)
{
    checker *c = user;
    sc_status status = SC_OK;
    c->n_cases += grid->n;
    c->n_product += grid->n_product;
    if ((c->n_points += grid->n_product) > MAX_POINTS) {
        c->cost.at_least = true;
        return SC_OK;
    }
    if (c->n_configs++ == 0) {
        status = prove(c, grid->config);
        if (!status && !c->sweep->over_tokens && grid->n <= 4096)
            status = count_iso(c, grid);
    }
    if (!status)
        status = check_guards(c, grid);
    if (!status)
        status = check_keys(c, grid);
    return status || !grid->n ? status : check_points(c, grid);
}

/* ---- what a sweep's configurations came to ---- */

static sc_status report_memory(checker *c, node *at)
{
    double capacity_B = c->cases->system->mem_capacity_B.value;
    const sol_phase *phase = phase_of(c);
    node *bits = col_sweep_get(c->sweep, "index_bits");
    sc_status status = SC_OK;
    if (c->memory.n && is_new(c, at, SC2124))
        status =
            REPORT(c, at, SC_WARNING, SC2124, "lower max tokens, or skip the shapes",
                   "%zu of %zu %s cases need more memory than %s has: %.3g of %.3g GB "
                   "for inputs and outputs alone at %s",
                   c->memory.n, c->n_cases, sol_phase_name(c->sweep->phase),
                   c->cases->system->name, c->memory.worst / 1e9, capacity_B / 1e9,
                   c->memory.text);
    if (c->index.n && !status && !(bits && strcmp(bits->text, "64") == 0) &&
        is_new(c, at, SC2125))
        status =
            REPORT(c, at, SC_WARNING, SC2125,
                   "kernels must index with 64 bits there; index_bits: 64 says that "
                   "they do",
                   "%zu of %zu %s cases: tensor %s has %.4g elements at %s, more than "
                   "32-bit indices reach",
                   c->index.n, c->n_cases, sol_phase_name(c->sweep->phase),
                   phase->term[c->term].name, c->index.worst, c->index.text);
    return status;
}

static sc_status report_sweep(checker *c)
{
    const sol_phase *phase = phase_of(c);
    const char *name = sol_phase_name(c->sweep->phase);
    node *at = grid_node(c->sweep, phase);
    sc_status status = SC_OK;
    if (c->n_product && !c->n_cases)
        return REPORT(c, at, SC_ERROR, SC2116, "widen the limits, or the lists",
                      "%s: the constraints leave none of %zu points", name, c->n_product);
    node *limit = c->sweep->max_tokens_at ? c->sweep->max_tokens_at : at;
    if (c->guard.n && is_new(c, limit, SC2114))
        status =
            c->guard.n == c->n_cases
                ? REPORT(c, at, SC_ERROR, SC2116, "widen the lists",
                         "%s: the guard `%s` of op %s admits none of %zu cases", name,
                         phase->guard[c->guard_index].text, c->op->name, c->n_cases)
                : REPORT(c, limit, SC_WARNING, SC2114,
                         "such points are not collected by solcheck: lower the limit, "
                         "or widen the op file",
                         "%s: %zu of %zu cases are outside of the guard `%s` of op %s, "
                         "the first: %s",
                         name, c->guard.n, c->n_cases, phase->guard[c->guard_index].text,
                         c->op->name, c->guard.text);
    if (!status)
        status = report_memory(c, at);
    if (c->clash.n && !status)
        status =
            REPORT(c, c->sweep->at, SC_WARNING, SC2128,
                   "rows of a table would be told apart by nothing: take one out",
                   "%s: %zu cases are listed before with the same keys, the first: %s",
                   name, c->clash.n, c->clash.text);
    if (c->again.n && !status)
        status =
            REPORT(c, c->sweep->tp.key ? c->sweep->tp.key : c->sweep->at, SC_WARNING,
                   SC2119, "measure each local shape once",
                   "%s: %zu cases run what another TP size runs on one GPU, the first: "
                   "%s",
                   name, c->again.n, c->again.text);
    if (*c->model.message && !status)
        status = REPORT(c, at, SC_WARNING, c->model.code, NULL, "%s", c->model.message);
    return status;
}

/* Does a table of the op have a column for a parameter? True when no table says. */
static bool is_persisted(const sol_op *op, sol_phase_kind phase, const char *param)
{
    bool any = false;
    for (int i = 0; i < op->n_tables; i++) {
        const sol_table_map *map = &op->table[i];
        any |= map->phase == phase;
        for (int k = 0; k < map->n_columns && map->phase == phase; k++)
            if (strcmp(map->column[k].target, param) == 0)
                return true;
    }
    return !any;
}

static sc_status check_persisted(checker *c)
{
    sc_status status = SC_OK;
    for (int p = 0; p < c->op->n_params && !status; p++) {
        const col_case_values *v = &c->sweep->param[p];
        if (v->n > 1 && !v->local &&
            !is_persisted(c->op, c->sweep->phase, c->op->param[p].name))
            status = REPORT(
                c, v->key, SC_WARNING, SC2128,
                "collect it in a table that has a column for it, or take one value",
                "%s is swept, but no table of op %s has a column for it: rows "
                "would have equal keys",
                c->op->param[p].name, c->op->name);
    }
    return status;
}

static sc_status check_sweep(checker *c, const col_sweep *sweep)
{
    const sol_phase *phase = c->op->phase[sweep->phase];
    const sol_expr **root = sc_calloc((size_t)phase->n_guards + 1, sizeof *root);
    size_t visited = 0;
    c->sweep = sweep;
    c->n_configs = c->n_cases = c->n_product = 0;
    c->guard = c->memory = c->index = c->again = c->clash = (example){0};
    sc_diag_clear(&c->model);
    if (!c->first[sweep->phase])
        c->first[sweep->phase] = sweep;
    if (!root)
        return sc_diag_nomem(c->diag);
    for (int i = 0; i < phase->n_guards; i++)
        root[i] = phase->guard[i].expr;
    sc_status status = check_tp(c);
    if (!status && phase->n_guards)
        status = sol_program_new(c->op->ctx, root, phase->n_guards, &c->gate, c->diag);
    if (!status)
        status = check_input(c);
    if (!status)
        status = check_skips(c);
    if (!status)
        status = check_persisted(c);
    if (!status)
        status = col_cases_visit(c->cases, sweep, false, MAX_CONFIGS, check_config, c,
                                 &visited, c->diag);
    if (!status)
        status = check_decision(c);
    if (!status)
        status = report_sweep(c);
    if (visited == MAX_CONFIGS)
        c->cost.at_least = true;
    if (c->cost.at_least && !status && is_new(c, sc_yaml_root(c->cases->doc), SC2138))
        status =
            REPORT(c, sweep->at, SC_NOTE, SC2138, NULL,
                   "not all cases were looked at: %d configurations of a sweep at most, "
                   "%d points of a file",
                   MAX_CONFIGS, MAX_POINTS);
    sol_program_free(c->gate);
    c->gate = NULL;
    sc_free(root);
    return status;
}

/* ---- what the file as a whole came to ---- */

static sc_status check_regimes(checker *c, sol_phase_kind phase)
{
    sol_regimes *regimes;
    sol_config config;
    sc_diag why;
    c->sweep = c->first[phase];
    sc_status status = sol_config_init(c->op, &config, c->diag);
    if (status)
        return status;
    sol_config_fit_system(c->op, c->cases->system, &config);
    status = sol_regimes_find(c->op, phase, &config, c->cases->system, SOL_ARCHITECTURAL,
                              NULL, &regimes, &why);
    sol_config_clear(&config);
    if (status)
        return status == SC_ENOMEM ? sc_diag_nomem(c->diag) : SC_OK;
    for (int i = 0; i < regimes->n_regimes && !status; i++) {
        const sol_regime *r = &regimes->regime[i];
        if (r->share < REGIME_SHARE || c->covers[phase][r->resource])
            continue;
        status =
            REPORT(c, grid_node(c->sweep, phase_of(c)), SC_WARNING, SC2126,
                   "add points there; solcheck explain gives the boundary",
                   "%s: no case is bound by %s, which binds %.0f %% of the op's grid",
                   sol_phase_name(phase), sol_resource_name(r->resource), 100 * r->share);
    }
    sol_regimes_free(regimes);
    return status;
}

static sc_status check_iso(checker *c, sol_phase_kind phase)
{
    c->sweep = c->first[phase];
    if (c->sweep->over_tokens || c->iso[phase] >= MIN_ISO_X || !c->n_configs)
        return SC_OK;
    return REPORT(
        c, grid_node(c->sweep, phase_of(c)), SC_WARNING, SC2127,
        "add values, powers of two for instance, whose products meet",
        "%s: %d token counts have two points or more, %d are needed to test the "
        "decision",
        sol_phase_name(phase), c->iso[phase], MIN_ISO_X);
}

static sc_status report_cost(checker *c)
{
    double s = c->cost.gpu_s;
    char time[48];
    if (s < 120)
        snprintf(time, sizeof time, "%.0f s", s);
    else if (s < 7200)
        snprintf(time, sizeof time, "%.0f min", s / 60);
    else
        snprintf(time, sizeof time, "%.1f h", s / 3600);
    return REPORT(c, sc_yaml_root(c->cases->doc), SC_NOTE, SC2137, NULL,
                  "%s%.0f cases of op %s, about %s of one %s",
                  c->cost.at_least ? "at least " : "", c->cost.n_cases, c->op->name, time,
                  c->cases->system->name);
}

sc_status col_cases_check(const col_cases *cases, const col_axes decision[SOL_N_PHASES],
                          col_findings *findings, col_cost *out, sc_diag *diag)
{
    checker *c = sc_calloc(1, sizeof *c);
    if (!c)
        return sc_diag_nomem(diag);
    *c = (checker){.cases = cases, .op = cases->op, .findings = findings, .diag = diag};
    for (int p = 0; decision && p < SOL_N_PHASES; p++)
        c->decision[p] = decision[p];
    sc_status status = SC_OK;
    for (size_t i = 0; i < cases->n && !status; i++)
        status = check_sweep(c, &cases->sweep[i]);
    for (int p = 0; p < SOL_N_PHASES && !status; p++) {
        if (!c->first[p])
            continue;
        status = check_regimes(c, (sol_phase_kind)p);
        if (!status)
            status = check_iso(c, (sol_phase_kind)p);
    }
    if (!status && cases->n)
        status = report_cost(c);
    if (!status && out)
        *out = c->cost;
    col_keyset_clear(&c->keys);
    col_keyset_clear(&c->local);
    sc_free(c->told);
    sc_free(c);
    return status == SC_ENOMEM ? sc_diag_nomem(diag) : status;
}
