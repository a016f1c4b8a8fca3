/* solcheck - proof of the axes: normal forms prove, exact witnesses disprove.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sol/normal.h"
#include "sol/proof_internal.h"

const char *sol_verdict_name(sol_verdict verdict)
{
    static const char *const name[] = {"UNKNOWN", "PROVED", "DISPROVED"};
    return name[verdict];
}

/* ---- expressions ---- */

static sc_status nomem(sol_prover *p)
{
    return sc_diag_nomem(p->diag);
}

/* Puts in everything but the required axes: parameters, tp and widths as configured, the
 * defaults of optional axes. The claims are about one configuration: what another choice of
 * a parameter would add must not blur them. */
sc_status sol_prover_close_axes(sol_prover *p, const sol_expr *expr, const sol_expr **out)
{
    int n = sol_symbol_count(p->ctx);
    const sol_expr **map = sc_calloc((size_t)n, sizeof *map);
    double *value = sc_calloc((size_t)n, sizeof *value);
    sc_status status = map && value ? SC_OK : nomem(p);
    if (status == SC_OK)
        sol_config_values(p->op, p->phase, p->config, value);
    for (int i = 0; i < p->n_axes && status == SC_OK; i++)
        if (p->swept[i])
            value[p->symbol[i]] = NAN;
    for (int i = 0; i < n && status == SC_OK; i++)
        if (!isnan(value[i]) && !(map[i] = sol_number_double(p->ctx, value[i])))
            status = nomem(p);
    if (status == SC_OK)
        status = sol_expr_substitute(p->ctx, expr, map, n, out, p->diag);
    sc_free(map);
    sc_free(value);
    return status;
}

static sc_status accumulate(sol_prover *p, const sol_expr **sum, const sol_expr *term)
{
    *sum = *sum ? sol_add(p->ctx, *sum, term) : term;
    return *sum ? SC_OK : nomem(p);
}

/* Adds value/rate to a resource's time. */
static sc_status spend(sol_prover *p, const sol_expr **time, const sol_expr *value, double rate)
{
    const sol_expr *cost = sol_div(p->ctx, value, sol_number_double(p->ctx, rate));
    return cost ? accumulate(p, time, cost) : nomem(p);
}

int sol_term_resource(const sol_term *term, const sol_config *config,
                      const sol_system *system, sol_ceiling ceiling, double *rate)
{
    bool fallback;
    sol_dtype dtype = term->slot >= 0 ? config->slot[term->slot] : SOL_FP32;
    switch (term->kind) {
    case SOL_BYTES:
        *rate = sol_system_mem_bw(system, ceiling, &fallback);
        return SOL_RESOURCE_MEMORY;
    case SOL_NETWORK:
        *rate = sol_system_link_bw(system, term->link);
        return SOL_RESOURCE_MEMORY + 1 + (int)term->link * SOL_N_DIRECTIONS +
               (int)term->direction;
    case SOL_FLOPS:
        break;
    }
    *rate = sol_system_rate(system, ceiling, term->engine, dtype, &fallback);
    return (int)term->engine;
}

/* Sums the terms: totals of FLOPs and bytes, and the time of every resource. */
sc_status sol_prover_collect(sol_prover *p, const sol_system *system, sol_ceiling ceiling)
{
    const sol_expr *time[SOL_N_RESOURCES] = {0};
    sc_status status = SC_OK;
    for (int t = 0; t < p->phase->n_terms && status == SC_OK; t++) {
        const sol_term *term = &p->phase->term[t];
        const sol_expr *value;
        double rate;
        bool bytes = term->kind == SOL_BYTES;
        bool counted =
            bytes || (term->kind == SOL_FLOPS && term->engine != SOL_EXP);
        int resource = sol_term_resource(term, p->config, system, ceiling, &rate);
        status = sol_prover_close_axes(p, term->expr, &value);
        if (status == SC_OK && counted)
            status = accumulate(p, &p->quantity[bytes], value);
        if (status == SC_OK)
            status = spend(p, &time[resource], value, rate);
    }
    for (int i = 0; i < SOL_N_RESOURCES && status == SC_OK; i++)
        if (time[i]) {
            p->resource_id[p->n_resources] = i;
            p->resource[p->n_resources++] = time[i];
            p->quantity[2] = p->quantity[2] ? sol_max(p->ctx, p->quantity[2], time[i])
                                            : time[i];
            status = p->quantity[2] ? SC_OK : nomem(p);
        }
    for (int q = 0; q < 2 && status == SC_OK; q++)
        if (!p->quantity[q] && !(p->quantity[q] = sol_number_si(p->ctx, 0)))
            status = nomem(p);
    return status == SC_OK ? sol_prover_close_axes(p, p->phase->tokens, &p->tokens) : status;
}

/* ---- normal forms ---- */

static sc_status find_product(sol_prover *p)
{
    sol_normal *n;
    bool exact;
    sc_status status = sol_normal_new(p->ctx, p->tokens, &n, p->diag);
    if (status != SC_OK)
        return status;
    int rank = sol_normal_rank(n, p->n_axes, p->symbol, p->exponent);
    p->product = rank == 1;
    for (int i = 0; i < p->n_axes; i++)
        p->product &= p->exponent[i] >= 0;
    p->product = p->product && sol_normal_function_of(n, p->n_axes, p->symbol, p->exponent,
                                                      &exact);
    sol_normal_free(n);
    return SC_OK;
}

/* What the normal form of one expression proves, merged into a claim: all of several
 * expressions have to be functions of x; an axis counts if any depends on it. */
static sc_status prove(sol_prover *p, const sol_expr *expr, bool first, sol_claim *claim)
{
    sol_normal *n;
    bool exact;
    int vector[SOL_MAX_AXES];
    int n_symbols = sol_symbol_count(p->ctx);
    bool *depends = sc_calloc((size_t)n_symbols, sizeof *depends);
    if (!depends)
        return nomem(p);
    sc_status status = sol_normal_new(p->ctx, expr, &n, p->diag);
    if (status == SC_OK) {
        bool holds = p->product && sol_normal_function_of(n, p->n_axes, p->symbol,
                                                          p->exponent, &exact);
        if (first)
            claim->verdict = holds ? SOL_PROVED : SOL_UNKNOWN;
        else if (!holds)
            claim->verdict = SOL_UNKNOWN;
        sol_normal_depends(n, depends, n_symbols);
        for (int i = 0; i < p->n_axes; i++)
            claim->depends[i] |= depends[p->symbol[i]];
        int rank = sol_normal_rank(n, p->n_axes, p->symbol, vector);
        claim->rank = rank > claim->rank ? rank : claim->rank;
        sol_normal_free(n);
    }
    sc_free(depends);
    return status;
}

/* Optional axes were closed above; whether the terms as written depend on them. */
static sc_status mark_optional(sol_prover *p, sol_proof *proof)
{
    int n_symbols = sol_symbol_count(p->ctx);
    bool *depends = sc_calloc((size_t)n_symbols, sizeof *depends);
    sc_status status = depends ? SC_OK : nomem(p);
    for (int t = 0; t < p->phase->n_terms && status == SC_OK; t++) {
        const sol_term *term = &p->phase->term[t];
        sol_normal *n;
        status = sol_normal_new(p->ctx, term->expr, &n, p->diag);
        if (status != SC_OK)
            break;
        sol_normal_depends(n, depends, n_symbols);
        sol_normal_free(n);
        bool counted = term->kind == SOL_FLOPS && term->engine != SOL_EXP;
        for (int i = 0; i < p->n_axes; i++) {
            if (p->swept[i] || !depends[p->symbol[i]])
                continue;
            proof->sol.depends[i] = true;
            proof->flops.depends[i] |= counted;
            proof->bytes.depends[i] |= term->kind == SOL_BYTES;
        }
    }
    sc_free(depends);
    return status;
}

/* ---- grid and witnesses ---- */

static int by_tokens(const void *a, const void *b)
{
    const sol_grid_point *p = a, *q = b;
    if (p->x != q->x)
        return p->x < q->x ? -1 : 1;
    return p->index < q->index ? -1 : p->index > q->index;
}

sc_status sol_prover_evaluate_grid(sol_prover *p, const sol_system *system, sol_ceiling ceiling)
{
    sol_model *model = NULL;
    sol_bound *bound = NULL;
    double *x = NULL;
    sc_status status = sol_grid_over(p->op, p->phase, p->config, p->swept, p->axis, &p->n,
                                     p->diag);
    if (status == SC_OK) {
        bound = sc_calloc(p->n, sizeof *bound);
        x = sc_calloc(p->n, sizeof *x);
        p->by_x = sc_calloc(p->n, sizeof *p->by_x);
        for (int q = 0; q < SOL_N_QUANTITIES; q++)
            p->value[q] = sc_calloc(p->n, sizeof *p->value[q]);
        if (!bound || !x || !p->by_x || !p->value[0] || !p->value[1] || !p->value[2])
            status = nomem(p);
    }
    if (status == SC_OK)
        status = sol_model_new(p->op, p->phase->kind, p->config, system, ceiling, &model,
                               p->diag);
    const double *const *axis = (const double *const *)p->axis;
    if (status == SC_OK)
        status = sol_model_eval(model, p->n, axis, bound, NULL, p->diag);
    if (status == SC_OK)
        status = sol_model_tokens(model, p->n, axis, x, p->diag);
    for (size_t i = 0; i < p->n && status == SC_OK; i++) {
        p->by_x[i] = (sol_grid_point){x[i], i};
        p->value[0][i] = bound[i].flop;
        p->value[1][i] = bound[i].bytes_B;
        p->value[2][i] = bound[i].sol_cold_s;
    }
    if (status == SC_OK)
        qsort(p->by_x, p->n, sizeof *p->by_x, by_tokens);
    sol_model_free(model);
    sc_free(bound);
    sc_free(x);
    return status;
}

/* Exact values of an expression at two grid points; *differ tells whether they are not
 * equal. Points where it has no value do not differ. */
sc_status sol_prover_exact_differ(sol_prover *p, const sol_expr *expr, size_t a, size_t b,
                              bool *differ)
{
    int n = sol_symbol_count(p->ctx);
    double *plain = sc_calloc((size_t)n, sizeof *plain);
    fmpq *value = sc_calloc((size_t)n, sizeof *value);
    fmpq_t result[2];
    sc_status status = plain && value ? SC_OK : nomem(p);
    fmpq_init(result[0]);
    fmpq_init(result[1]);
    for (int i = 0; i < n && status == SC_OK; i++)
        fmpq_init(&value[i]);
    for (int k = 0; k < 2 && status == SC_OK; k++) {
        sol_config_values(p->op, p->phase, p->config, plain);
        for (int i = 0; i < p->n_axes; i++)
            plain[p->symbol[i]] = p->axis[i][k ? b : a];
        for (int i = 0; i < n && status == SC_OK; i++) {
            const sol_expr *number =
                isnan(plain[i]) ? NULL : sol_number_double(p->ctx, plain[i]);
            if (number)
                fmpq_set(&value[i], number->number);
            else if (!isnan(plain[i]))
                status = nomem(p);
        }
        if (status == SC_OK)
            status = sol_expr_exact(p->ctx, expr, value, result[k], NULL);
    }
    if (status == SC_OK)
        *differ = !fmpq_equal(result[0], result[1]);
    else if (status == SC_EDOMAIN) {
        *differ = false;
        status = SC_OK;
    }
    for (int i = 0; i < n && value; i++)
        fmpq_clear(&value[i]);
    fmpq_clear(result[0]);
    fmpq_clear(result[1]);
    sc_free(plain);
    sc_free(value);
    return status == SC_ENOMEM ? nomem(p) : status;
}

/* The pair of equal x whose values have the largest ratio; false if no x has two. */
static bool worst_pair(const sol_prover *p, const double *value, size_t pair[2], double *ratio)
{
    *ratio = 0;
    for (size_t from = 0, to; from < p->n; from = to) {
        size_t least = p->by_x[from].index, most = least;
        for (to = from + 1; to < p->n && p->by_x[to].x == p->by_x[from].x; to++) {
            size_t at = p->by_x[to].index;
            least = value[at] < value[least] ? at : least;
            most = value[at] > value[most] ? at : most;
        }
        double r = value[least] > 0 ? value[most] / value[least] : value[most] > 0;
        if (to - from > 1 && r > *ratio) {
            *ratio = r;
            pair[0] = least;
            pair[1] = most;
        }
    }
    return *ratio > 0;
}

/* Tries to disprove an unproved claim; returns the pair in witness, if asked for. */
static sc_status disprove(sol_prover *p, int q, sol_claim *claim, size_t pair[2], bool *found)
{
    double ratio;
    *found = false;
    if (claim->verdict == SOL_PROVED || !worst_pair(p, p->value[q], pair, &ratio))
        return SC_OK;
    sc_status status = sol_prover_exact_differ(p, p->quantity[q], pair[0], pair[1], found);
    if (status == SC_OK && *found)
        claim->verdict = SOL_DISPROVED;
    return status;
}

#define MAX_PAIRS 2000000

/* Looks for two points that differ in one axis only and in the exact value. */
static sc_status confirm_axis(sol_prover *p, int q, int axis, sol_claim *claim)
{
    long budget = MAX_PAIRS;
    for (size_t a = 0; a < p->n; a++)
        for (size_t b = a + 1; b < p->n && budget-- > 0; b++) {
            bool others = true, differ;
            for (int i = 0; i < p->n_axes; i++)
                others &= i == axis || p->axis[i][a] == p->axis[i][b];
            if (!others || p->axis[axis][a] == p->axis[axis][b] ||
                p->value[q][a] == p->value[q][b])
                continue;
            sc_status status = sol_prover_exact_differ(p, p->quantity[q], a, b, &differ);
            if (status != SC_OK)
                return status;
            if (differ) {
                claim->confirmed[axis] = true;
                return SC_OK;
            }
        }
    return SC_OK;
}

static sc_status claim_quantity(sol_prover *p, int q, sol_claim *claim, size_t pair[2],
                                bool *found)
{
    sc_status status = SC_OK;
    if (q < 2)
        status = prove(p, p->quantity[q], true, claim);
    for (int r = 0; q == 2 && r < p->n_resources && status == SC_OK; r++)
        status = prove(p, p->resource[r], r == 0, claim);
    if (status == SC_OK)
        status = disprove(p, q, claim, pair, found);
    for (int i = 0; i < p->n_axes && status == SC_OK; i++)
        if (claim->depends[i])
            status = confirm_axis(p, q, i, claim);
    return status;
}

static void fill_witness(const sol_prover *p, const size_t pair[2], sol_witness *witness)
{
    const double *value = p->value[2];
    witness->found = true;
    for (size_t i = 0; i < p->n; i++)
        if (p->by_x[i].index == pair[0])
            witness->x = p->by_x[i].x;
    for (int k = 0; k < 2; k++) {
        for (int i = 0; i < p->n_axes; i++)
            witness->axis[k][i] = p->axis[i][pair[k]];
        witness->sol_s[k] = value[pair[k]];
    }
    witness->ratio = value[pair[1]] / value[pair[0]];
}

int sol_by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

void sol_spread_summarise(sol_spread *spread, double *each)
{
    if (spread->n_x == 0)
        return;
    qsort(each, (size_t)spread->n_x, sizeof *each, sol_by_value);
    spread->largest = each[spread->n_x - 1];
    spread->median = (each[(spread->n_x - 1) / 2] + each[spread->n_x / 2]) / 2;
}

static sc_status measure_spread(sol_prover *p, sol_spread *spread)
{
    double *each = sc_calloc(p->n, sizeof *each);
    if (!each)
        return nomem(p);
    for (size_t from = 0, to; from < p->n; from = to) {
        double least = p->value[2][p->by_x[from].index], most = least;
        for (to = from + 1; to < p->n && p->by_x[to].x == p->by_x[from].x; to++) {
            double v = p->value[2][p->by_x[to].index];
            least = fmin(least, v);
            most = fmax(most, v);
        }
        if (to - from > 1 && least > 0)
            each[spread->n_x++] = most / least - 1;
    }
    sol_spread_summarise(spread, each);
    sc_free(each);
    return SC_OK;
}

static sc_status run(sol_prover *p, const sol_system *system, sol_ceiling ceiling,
                     sol_proof *proof)
{
    sol_claim *claim[SOL_N_QUANTITIES] = {&proof->flops, &proof->bytes, &proof->sol};
    sc_status status = sol_prover_evaluate_grid(p, system, ceiling); /* names a missing rate first */
    if (status == SC_OK)
        status = sol_prover_collect(p, system, ceiling);
    if (status == SC_OK)
        status = find_product(p);
    for (int q = 0; q < SOL_N_QUANTITIES && status == SC_OK; q++) {
        size_t pair[2];
        bool found;
        status = claim_quantity(p, q, claim[q], pair, &found);
        if (status == SC_OK && q == 2 && found)
            fill_witness(p, pair, &proof->witness);
    }
    if (status == SC_OK)
        status = mark_optional(p, proof);
    if (status == SC_OK)
        status = measure_spread(p, &proof->spread);
    if (status == SC_OK)
        status = sol_prover_candidates(p, proof);
    if (status == SC_OK)
        status = sol_prover_regions(p, proof);
    proof->n_grid = (int)p->n;
    return status;
}

sc_status sol_prover_start(const sol_op *op, sol_phase_kind phase,
                           const sol_config *config, const bool *swept, sol_prover *p,
                           sc_diag *diag)
{
    if (!op->phase[phase])
        return sc_diag_fail(diag, SC_EINVAL, SC1109, "op %s has no %s phase", op->name,
                            sol_phase_name(phase));
    *p = (sol_prover){.op = op, .phase = op->phase[phase], .config = config,
                      .ctx = op->ctx, .n_axes = op->phase[phase]->n_axes, .diag = diag};
    for (int i = 0; i < p->n_axes; i++) {
        p->symbol[i] = p->phase->axis[i].symbol;
        p->swept[i] = !p->phase->axis[i].optional || (swept && swept[i]);
    }
    for (int i = 0; i < op->n_params; i++) { /* what is set may be a fraction */
        sol_domain domain = sol_symbol_domain(op->ctx, op->param[i].symbol);
        domain.integer &= config->param[i] == floor(config->param[i]);
        sol_symbol_declare(op->ctx, op->param[i].symbol, domain);
    }
    return SC_OK;
}

void sol_prover_end(sol_prover *p)
{
    for (int i = 0; i < p->n_axes; i++)
        sc_free(p->axis[i]);
    for (int q = 0; q < SOL_N_QUANTITIES; q++)
        sc_free(p->value[q]);
    sc_free(p->by_x);
}

sc_status sol_prove_over(const sol_op *op, sol_phase_kind phase, const sol_config *config,
                         const sol_system *system, sol_ceiling ceiling, const bool *swept,
                         sol_proof *out, sc_diag *diag)
{
    sol_prover p;
    sc_status status = sol_prover_start(op, phase, config, swept, &p, diag);
    if (status != SC_OK)
        return status;
    sol_proof *proof = sc_calloc(1, sizeof *proof); /* large for a stack */
    status = proof ? run(&p, system, ceiling, proof) : nomem(&p);
    sol_prover_end(&p);
    if (status == SC_OK)
        *out = *proof;
    sc_free(proof);
    return status;
}

sc_status sol_prove(const sol_op *op, sol_phase_kind phase, const sol_config *config,
                    const sol_system *system, sol_ceiling ceiling, sol_proof *out,
                    sc_diag *diag)
{
    return sol_prove_over(op, phase, config, system, ceiling, NULL, out, diag);
}
