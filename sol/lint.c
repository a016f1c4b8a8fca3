/* solcheck - lint of op files.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "sol/lint.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "sol/normal.h"
#include "sol/proof.h"
#include "sol/shape.h"

#define MAX_TP 64

typedef struct linter {
    const sol_op *op;
    const sol_system *system;
    sol_config config;
    int n_symbols;
    bool *used;    /* [n_symbols] by anything */
    bool *depends; /* [n_symbols] scratch */
    sc_diags *findings;
    sc_diag *diag;
} linter;

static sc_status nomem(linter *l)
{
    return sc_diag_nomem(l->diag);
}

/* ---- findings ---- */

/* The key of a map, for its position; NULL if absent. */
static const sc_yaml_node *key_of(const sc_yaml_node *map, const char *name)
{
    for (size_t i = 0; map && map->kind == SC_YAML_MAP && i < map->n; i++)
        if (strcmp(map->key[i]->text, name) == 0)
            return map->key[i];
    return NULL;
}

static const sc_yaml_node *root_of(const linter *l)
{
    return sc_yaml_root(l->op->doc);
}

static const sc_yaml_node *phase_of(const linter *l, const sol_phase *phase)
{
    return sc_yaml_get(sc_yaml_get(root_of(l), "phases"), sol_phase_name(phase->kind));
}

static const sc_yaml_node *term_of(const linter *l, const sol_phase *phase,
                                   const sol_term *term)
{
    const sc_yaml_node *section =
        sc_yaml_get(phase_of(l, phase), sol_term_kind_name(term->kind));
    return key_of(section, term->name);
}

/* Keeps one finding at a node (the top of the file when there is none). */
static sc_status report(linter *l, const sc_yaml_node *at, sc_diag *finding)
{
    char hint[sizeof finding->hint];
    memcpy(hint, finding->hint, sizeof hint);
    if (at)
        sc_yaml_locate(l->op->doc, at, 0, at->width, finding);
    else
        sc_diag_at(finding, l->op->path, 1, 1, 1, NULL);
    memcpy(finding->hint, hint, sizeof hint);
    return sc_diags_add(l->findings, finding) == SC_OK ? SC_OK : nomem(l);
}

/* ---- normal forms of terms ---- */

static sc_status normal_of(linter *l, const sol_expr *expr, sol_normal **out)
{
    return sol_normal_new(l->op->ctx, expr, out, l->diag);
}

/* Fills l->depends for an expression. */
static sc_status depends_on(linter *l, const sol_expr *expr)
{
    sol_normal *n;
    sc_status status = normal_of(l, expr, &n);
    if (status == SC_OK) {
        sol_normal_depends(n, l->depends, l->n_symbols);
        sol_normal_free(n);
    }
    return status;
}

static sc_status is_zero(linter *l, const sol_expr *expr, bool *zero)
{
    sol_normal *n;
    if (!expr)
        return nomem(l);
    sc_status status = normal_of(l, expr, &n);
    if (status == SC_OK) {
        *zero = sol_normal_is_zero(n);
        sol_normal_free(n);
    }
    return status;
}

static const sol_expr *binary(linter *l, sol_opcode op, const sol_expr *a,
                              const sol_expr *b)
{
    const sol_expr *kid[2] = {a, b};
    return a && b ? sol_node(l->op->ctx, op, 2, kid) : NULL;
}

/* ---- parameters ---- */

static sc_status mark_used(linter *l, const sol_expr *expr)
{
    sc_status status = depends_on(l, expr);
    for (int i = 0; i < l->n_symbols && status == SC_OK; i++)
        l->used[i] |= l->depends[i];
    return status;
}

static sc_status survey(linter *l)
{
    sc_status status = SC_OK;
    for (int p = 0; p < SOL_N_PHASES; p++) {
        const sol_phase *phase = l->op->phase[p];
        for (int t = 0; phase && t < phase->n_terms && status == SC_OK; t++)
            status = mark_used(l, phase->term[t].expr);
        for (int g = 0; phase && g < phase->n_guards && status == SC_OK; g++)
            sol_expr_symbols(phase->guard[g].expr, l->used, l->n_symbols);
        if (phase)
            sol_expr_symbols(phase->tokens, l->used, l->n_symbols);
    }
    return status;
}

static sc_status check_params(linter *l)
{
    const sc_yaml_node *map = sc_yaml_get(root_of(l), "params");
    sc_status status = SC_OK;
    for (int i = 0; i < l->op->n_params && status == SC_OK; i++) {
        const sol_param *p = &l->op->param[i];
        sc_diag finding;
        if (l->used[p->symbol])
            continue;
        sc_diag_warn(&finding, SC1300, "no term and no guard depends on parameter '%s'",
                     p->name);
        sc_diag_hint(&finding, "use it, or remove it: two rows of a table that differ in "
                               "it would have the same bound");
        status = report(l, key_of(map, p->name), &finding);
    }
    return status;
}

static bool tp_divides(const linter *l, double tp)
{
    for (int i = 0; i < l->op->n_params; i++)
        if (l->op->param[i].shard_tp && fmod(l->config.param[i], tp) != 0)
            return false;
    return true;
}

static sc_status check_tp(linter *l)
{
    const sol_param *sharded = NULL;
    sc_diag finding;
    for (int i = 0; i < l->op->n_params; i++)
        if (l->op->param[i].shard_tp && (!sharded || l->config.param[i] > 1))
            sharded = &l->op->param[i];
    if (!sharded)
        return SC_OK;
    for (double tp = 2; tp <= MAX_TP; tp++)
        if (tp_divides(l, tp))
            return SC_OK;
    sc_diag_warn(&finding, SC1313,
                 "no TP size from 2 to %d divides the defaults of all sharded parameters",
                 MAX_TP);
    sc_diag_hint(&finding, "leave shard: tp out where tensor parallelism replicates, or "
                           "correct the default");
    return report(l, key_of(sc_yaml_get(root_of(l), "params"), sharded->name), &finding);
}

/* Twice (or three times) as many of everything that TP shards over as many more GPUs
 * leaves the work of one GPU as it is. `extra`: a parameter that counts as sharded too.
 */
static sc_status scales_out(linter *l, const sol_expr *expr, long factor, int extra,
                            bool *same)
{
    const sol_expr **map = sc_calloc((size_t)l->n_symbols, sizeof *map);
    const sol_expr *times = sol_number_si(l->op->ctx, factor), *scaled;
    sc_status status = map && times ? SC_OK : nomem(l);
    for (int i = 0; i <= l->op->n_params && status == SC_OK; i++) {
        bool tp = i == l->op->n_params;
        int symbol = tp ? l->op->tp_symbol : l->op->param[i].symbol;
        if (!tp && !l->op->param[i].shard_tp && i != extra)
            continue;
        map[symbol] = sol_mul(l->op->ctx, times, sol_symbol(l->op->ctx, symbol));
        status = map[symbol] ? SC_OK : nomem(l);
    }
    if (status == SC_OK)
        status =
            sol_expr_substitute(l->op->ctx, expr, map, l->n_symbols, &scaled, l->diag);
    if (status == SC_OK)
        status = is_zero(l, binary(l, SOL_OP_SUB, scaled, expr), same);
    sc_free(map);
    return status;
}

/* Does each of 2 GPUs do for 1 of something what it does for 2, as ceil_div(1, 2) says?
 */
static sc_status rounds_up(linter *l, const sol_expr *expr, int param, bool *same)
{
    const sol_expr **map = sc_calloc((size_t)l->n_symbols, sizeof *map), *of[2];
    sc_status status = map ? SC_OK : nomem(l);
    for (int i = 0; i < 2 && status == SC_OK; i++) {
        map[l->op->param[param].symbol] = sol_number_si(l->op->ctx, i + 1);
        map[l->op->tp_symbol] = sol_number_si(l->op->ctx, 2);
        status =
            map[l->op->param[param].symbol] && map[l->op->tp_symbol] ? SC_OK : nomem(l);
        if (status == SC_OK)
            status =
                sol_expr_substitute(l->op->ctx, expr, map, l->n_symbols, &of[i], l->diag);
    }
    if (status == SC_OK)
        status = is_zero(l, binary(l, SOL_OP_SUB, of[0], of[1]), same);
    sc_free(map);
    return status;
}

static sc_status check_sharding(linter *l, const sol_phase *phase, const sol_term *term)
{
    bool two = true, three = true, sharded = false, whole = false;
    sc_status status = depends_on(l, term->expr);
    for (int i = 0; i < l->op->n_params; i++)
        sharded |= l->op->param[i].shard_tp && l->depends[l->op->param[i].symbol];
    if (status != SC_OK || !sharded || term->kind == SOL_NETWORK)
        return status;
    int undeclared = -1; /* a parameter that scales as sharded ones do */
    for (int extra = -1; extra < l->op->n_params; extra++) {
        status = scales_out(l, term->expr, 2, extra, &two);
        if (status == SC_OK && two)
            status = scales_out(l, term->expr, 3, extra, &three);
        if (status != SC_OK || (extra < 0 && two && three))
            return status;
        if (!two || !three || !l->depends[l->op->param[extra].symbol])
            continue;
        undeclared = extra;
        /* Replicated where there are fewer of it than GPUs: tp need not divide it. */
        status = rounds_up(l, term->expr, extra, &whole);
        if (status != SC_OK || whole)
            return status;
    }
    sc_diag finding;
    if (undeclared >= 0) {
        const char *name = l->op->param[undeclared].name;
        sc_diag_warn(&finding, SC1314, "term '%s' divides %s by tp, which no shard says",
                     term->name, name);
        sc_diag_hint(&finding, "write shard: tp at the parameter %s", name);
    } else {
        sc_diag_warn(&finding, SC1314,
                     "term '%s' uses a sharded parameter other than divided by tp",
                     term->name);
        sc_diag_hint(&finding, "what one GPU holds is parameter / tp");
    }
    return report(l, term_of(l, phase, term), &finding);
}

/* ---- dtypes ---- */

static sc_status check_dtypes(linter *l, const sol_phase *phase, const sol_term *term)
{
    const sol_op *op = l->op;
    int n = 0, found = -1;
    sc_diag finding;
    sol_normal *normal;
    sc_status status = normal_of(l, term->expr, &normal);
    if (status != SC_OK)
        return status;
    sol_normal_depends(normal, l->depends, l->n_symbols);
    for (int i = 0; i < op->n_slots; i++) {
        bool in_atoms;
        /* FLOPs may well branch on widths: the cheaper of two ways depends on them. */
        bool counts =
            term->kind == SOL_FLOPS
                ? sol_normal_degree(normal, op->slot[i].bytes_symbol, &in_atoms) != 0
                : l->depends[op->slot[i].bytes_symbol];
        if (counts) {
            n++;
            found = found < 0 || i == term->slot ? i : found;
        }
    }
    sol_normal_free(normal);
    if (term->kind == SOL_FLOPS && n > 0) {
        sc_diag_fail(&finding, SC_OK, SC1303, "FLOPs of term '%s' scale with bytes(%s)",
                     term->name, op->slot[found].name);
        sc_diag_hint(&finding,
                     "a dtype changes the rate of FLOPs (dtype: %s), not their "
                     "number",
                     op->slot[found].name);
    } else if (term->kind != SOL_FLOPS && n > 1) {
        sc_diag_fail(&finding, SC_OK, SC1302, "term '%s' has bytes of two dtypes",
                     term->name);
        sc_diag_hint(&finding, "make it two terms, one per dtype");
    } else if (term->kind == SOL_BYTES && n == 1 && term->slot >= 0 &&
               found != term->slot) {
        sc_diag_fail(&finding, SC_OK, SC1302,
                     "term '%s' says dtype %s but counts bytes(%s)", term->name,
                     op->slot[term->slot].name, op->slot[found].name);
        sc_diag_hint(&finding, "name the same dtype slot in both");
    } else if (term->kind == SOL_BYTES && n == 0) {
        sc_diag_warn(&finding, SC1301, "bytes of term '%s' depend on no dtype",
                     term->name);
        sc_diag_hint(&finding,
                     "multiply elements by bytes(SLOT); give indices, scales and "
                     "other fixed formats a slot with one allowed dtype");
    } else {
        return SC_OK;
    }
    return report(l, term_of(l, phase, term), &finding);
}

static sc_status check_source(linter *l, const sol_phase *phase, const sol_term *term)
{
    sc_diag finding;
    if (term->source[0])
        return SC_OK;
    sc_diag_warn(&finding, SC1310, "term '%s' has no source", term->name);
    sc_diag_hint(&finding, "say where its count comes from: source: paper, section or "
                           "one line of reasoning");
    return report(l, term_of(l, phase, term), &finding);
}

/* ---- shared data counted too often ---- */

static bool sharded_in(linter *l, const sol_normal *n, int param)
{
    bool in_atoms;
    return l->op->param[param].shard_tp &&
           sol_normal_degree(n, l->op->param[param].symbol, &in_atoms) > 0;
}

/* Does a read grow with an axis that no write grows with: is it stored data? */
static sc_status is_cache(linter *l, const sol_phase *phase, const sol_term *term,
                          bool *cache)
{
    bool written[SOL_MAX_AXES] = {false};
    sc_status status = SC_OK;
    *cache = false;
    if (term->kind != SOL_BYTES || term->access != SOL_READ)
        return SC_OK;
    for (int t = 0; t < phase->n_terms && status == SC_OK; t++) {
        const sol_term *other = &phase->term[t];
        if (other->kind != SOL_BYTES || other->access != SOL_WRITE)
            continue;
        status = depends_on(l, other->expr);
        for (int i = 0; i < phase->n_axes; i++)
            written[i] |= l->depends[phase->axis[i].symbol];
    }
    if (status == SC_OK)
        status = depends_on(l, term->expr);
    for (int i = 0; i < phase->n_axes && status == SC_OK; i++)
        *cache |= l->depends[phase->axis[i].symbol] && !written[i];
    return status;
}

/* Does one cache read scale with a sharded parameter that outputs do not scale with? Then
 * that one counts what is stored, and another that scales with the outputs' is
 * suspicious. */
static sc_status sharing_param(linter *l, const sol_phase *phase, const sol_term *term,
                               int *own, int *outputs)
{
    sol_normal *n, *w;
    *own = *outputs = -1;
    sc_status status = normal_of(l, term->expr, &n);
    if (status != SC_OK)
        return status;
    for (int p = 0; p < l->op->n_params && status == SC_OK; p++) {
        bool written = false;
        if (!sharded_in(l, n, p))
            continue;
        for (int t = 0; t < phase->n_terms && status == SC_OK; t++) {
            const sol_term *other = &phase->term[t];
            if (other->kind != SOL_BYTES || other->access != SOL_WRITE)
                continue;
            status = normal_of(l, other->expr, &w);
            if (status != SC_OK)
                break;
            written |= sharded_in(l, w, p);
            sol_normal_free(w);
        }
        *(written ? outputs : own) = p;
    }
    sol_normal_free(n);
    return status;
}

static sc_status check_shared_cache(linter *l, const sol_phase *phase)
{
    int shared = -1, shared_term = -1, own, outputs;
    bool cache;
    sc_status status = SC_OK;
    for (int round = 0; round < 2; round++)
        for (int t = 0; t < phase->n_terms && status == SC_OK; t++) {
            const sol_term *term = &phase->term[t];
            status = is_cache(l, phase, term, &cache);
            if (status != SC_OK || !cache)
                continue;
            status = sharing_param(l, phase, term, &own, &outputs);
            if (status == SC_OK && round == 0 && own >= 0 && outputs < 0) {
                shared = own;
                shared_term = t;
            }
            if (status != SC_OK || round == 0 || shared < 0 || outputs < 0)
                continue;
            sc_diag finding;
            sc_diag_fail(
                &finding, SC_OK, SC1304,
                "stored data of term '%s' is multiplied by %s, that of '%s' by %s",
                term->name, l->op->param[outputs].name, phase->term[shared_term].name,
                l->op->param[shared].name);
            sc_diag_hint(&finding,
                         "a cache that several heads share is read once for all "
                         "of them");
            status = report(l, term_of(l, phase, term), &finding);
        }
    return status;
}

/* Is a / b free of axes and parameters (widths of dtypes apart)? */
static sc_status proportional(linter *l, const sol_expr *a, const sol_expr *b, bool *yes)
{
    bool zero;
    *yes = false;
    sc_status status = is_zero(l, b, &zero);
    if (status != SC_OK || zero)
        return status;
    status = depends_on(l, sol_div(l->op->ctx, a, b));
    *yes = status == SC_OK;
    for (int i = 0; i < l->n_symbols && *yes; i++) {
        bool width = false;
        for (int k = 0; k < l->op->n_slots; k++)
            width |= l->op->slot[k].bytes_symbol == i;
        *yes = width || !l->depends[i];
    }
    return status;
}

/* Reads that grow with x alone and as fast as tensor FLOPs do: no operand is used twice.
 * What is also written back is a state of its own for every request, not a weight. */
static sc_status check_weights(linter *l, const sol_phase *phase, const sol_term *term)
{
    bool same = false, state = false;
    sc_status status = SC_OK;
    if (term->kind != SOL_BYTES || term->access != SOL_READ)
        return SC_OK;
    for (int t = 0; t < phase->n_terms && status == SC_OK; t++) {
        const sol_term *other = &phase->term[t];
        bool yes, tensor = other->kind == SOL_FLOPS && other->engine == SOL_TENSOR;
        bool write = other->kind == SOL_BYTES && other->access == SOL_WRITE;
        if (!tensor && !write)
            continue;
        status = proportional(l, term->expr, other->expr, &yes);
        same |= status == SC_OK && tensor && yes;
        state |= status == SC_OK && write && yes;
    }
    if (status == SC_OK && same && !state) { /* a function of x? */
        status = depends_on(l, sol_div(l->op->ctx, term->expr, phase->tokens));
        for (int i = 0; i < phase->n_axes && status == SC_OK; i++)
            same &= !l->depends[phase->axis[i].symbol];
    }
    if (status != SC_OK || !same || state)
        return status;
    sc_diag finding;
    sc_diag_fail(&finding, SC_OK, SC1305,
                 "term '%s' reads as much for every token as tensor FLOPs need operands",
                 term->name);
    sc_diag_hint(&finding,
                 "weights that all tokens share are read once, not once a token");
    return report(l, term_of(l, phase, term), &finding);
}

/* ---- output ---- */

/* bytes written - bytes of the output */
static sc_status written_surplus(linter *l, const sol_phase *phase, const sol_expr **out)
{
    sol_context *ctx = l->op->ctx;
    const sol_expr *held = sol_number_si(ctx, 1), *written = sol_number_si(ctx, 0);
    for (int i = 0; i < phase->output.rank; i++)
        held = sol_mul(ctx, held, phase->output.dim[i]);
    if (phase->output.slot >= 0)
        held = sol_mul(ctx, held,
                       sol_symbol(ctx, l->op->slot[phase->output.slot].bytes_symbol));
    for (int t = 0; t < phase->n_terms; t++)
        if (phase->term[t].kind == SOL_BYTES && phase->term[t].access == SOL_WRITE)
            written = sol_add(ctx, written, phase->term[t].expr);
    *out = binary(l, SOL_OP_SUB, written, held);
    return *out ? SC_OK : nomem(l);
}

/* Smallest value of an expression over grid points, as a multiple of `unit`. */
static sc_status least_on_grid(linter *l, const sol_phase *phase, const sol_expr *expr,
                               double *axis[SOL_MAX_AXES], size_t n, double *least)
{
    sol_program *program = NULL;
    double *value = sc_calloc((size_t)l->n_symbols, sizeof *value);
    const double **in = sc_calloc((size_t)l->n_symbols, sizeof *in);
    unsigned char *stride = sc_calloc((size_t)l->n_symbols, 1);
    double *result = sc_calloc(n, sizeof *result);
    sc_status status = value && in && stride && result ? SC_OK : nomem(l);
    if (status == SC_OK)
        status = sol_program_new(l->op->ctx, &expr, 1, &program, l->diag);
    if (status == SC_OK) {
        sol_config_values(l->op, phase, &l->config, value);
        for (int i = 0; i < l->n_symbols; i++)
            in[i] = &value[i];
        for (int i = 0; i < phase->n_axes; i++) {
            in[phase->axis[i].symbol] = axis[i];
            stride[phase->axis[i].symbol] = 1;
        }
        if (sol_program_eval(program, in, stride, n, &result) != SC_OK)
            status = nomem(l);
    }
    *least = INFINITY;
    for (size_t i = 0; i < n && status == SC_OK; i++)
        *least = fmin(*least, result[i]);
    sol_program_free(program);
    sc_free(value);
    sc_free(in);
    sc_free(stride);
    sc_free(result);
    return status;
}

static sc_status check_output(linter *l, const sol_phase *phase,
                              double *axis[SOL_MAX_AXES], size_t n)
{
    bool any = false, network = false;
    const sol_expr *surplus;
    double least;
    sc_diag finding;
    for (int t = 0; t < phase->n_terms; t++) {
        any |= phase->term[t].kind == SOL_BYTES && phase->term[t].access == SOL_WRITE;
        network |= phase->term[t].kind == SOL_NETWORK;
    }
    const sc_yaml_node *phases = sc_yaml_get(root_of(l), "phases");
    const sc_yaml_node *at = key_of(phase_of(l, phase), "output");
    at = at ? at : key_of(phases, sol_phase_name(phase->kind));
    if (network) /* what arrives over a link is written by it, or stays where it is */
        return SC_OK;
    if (!any) {
        sc_diag_fail(&finding, SC_OK, SC1306, "the %s phase writes nothing",
                     sol_phase_name(phase->kind));
        sc_diag_hint(&finding, "add a bytes term with access: write for its output");
        return report(l, at, &finding);
    }
    if (phase->output.rank == 0 || phase->output.slot < 0)
        return SC_OK;
    sc_status status = written_surplus(l, phase, &surplus);
    if (status == SC_OK)
        status = least_on_grid(l, phase, surplus, axis, n, &least);
    if (status != SC_OK || !(least < -0.5)) /* half a byte: rounding */
        return status;
    sc_diag_fail(&finding, SC_OK, SC1306,
                 "the %s phase writes fewer bytes than its output holds (by %.0f or more "
                 "at one point)",
                 sol_phase_name(phase->kind), -least);
    sc_diag_hint(&finding, "add the missing write term, or correct the shape");
    return report(l, at, &finding);
}

/* ---- axes ---- */

static sc_status check_unused_axis(linter *l, const sol_phase *phase, int i)
{
    const sol_axis *axis = &phase->axis[i];
    const sc_yaml_node *axes = sc_yaml_get(phase_of(l, phase), "axes");
    bool used = false;
    sc_status status = SC_OK;
    sc_diag finding;
    for (int t = 0; t < phase->n_terms && status == SC_OK; t++) {
        status = depends_on(l, phase->term[t].expr);
        used |= status == SC_OK && l->depends[axis->symbol];
    }
    if (status != SC_OK || used == !axis->independent[0])
        return status;
    if (used) {
        sc_diag_fail(&finding, SC_OK, SC1307,
                     "axis '%s' is declared independent but terms depend on it",
                     axis->name);
        sc_diag_hint(&finding, "remove it from independent, or correct the terms");
    } else {
        sc_diag_warn(&finding, SC1307, "no term depends on axis '%s'", axis->name);
        sc_diag_hint(&finding,
                     "remove it, or say why it is there: independent: {%s: why}",
                     axis->name);
    }
    return report(l, key_of(axes, axis->name), &finding);
}

/* Do guards depend on parameters? What they admit then changes with these. */
static bool guards_vary(linter *l, const sol_phase *phase)
{
    memset(l->depends, 0, (size_t)l->n_symbols * sizeof *l->depends);
    for (int g = 0; g < phase->n_guards; g++)
        sol_expr_symbols(phase->guard[g].expr, l->depends, l->n_symbols);
    for (int i = 0; i < l->op->n_params; i++)
        if (l->depends[l->op->param[i].symbol])
            return true;
    return l->depends[l->op->tp_symbol];
}

/* Do the guards admit both ends of a range? */
static sc_status check_range(linter *l, const sol_phase *phase, int i,
                             const double *value, size_t n)
{
    const sol_axis *axis = &phase->axis[i];
    const sc_yaml_node *ranges = sc_yaml_get(phase_of(l, phase), "ranges");
    double least = INFINITY, most = -INFINITY;
    sc_diag finding;
    for (size_t p = 0; p < n; p++) {
        least = fmin(least, value[p]);
        most = fmax(most, value[p]);
    }
    if (axis->optional || guards_vary(l, phase) ||
        (least <= axis->lo && most >= axis->hi))
        return SC_OK;
    sc_diag_warn(&finding, SC1308, "the guards keep axis '%s' off %s %.0f of its range",
                 axis->name, most < axis->hi ? "the end" : "the start",
                 most < axis->hi ? axis->hi : axis->lo);
    sc_diag_hint(&finding,
                 "on the grid it stays in [%.0f, %.0f]: narrow the range or widen "
                 "the guards",
                 least, most);
    return report(l, key_of(ranges, axis->name), &finding);
}

/* A pair of grid points that differ in one axis only, the larger value with less SOL. */
static bool falls(const sol_phase *phase, int i, double *const *axis, const double *sol_s,
                  size_t n, size_t pair[2])
{
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < n; b++) {
            bool others = axis[i][b] > axis[i][a] && sol_s[b] < sol_s[a] * (1 - 1e-9);
            for (int k = 0; k < phase->n_axes && others; k++)
                others = k == i || axis[k][a] == axis[k][b];
            if (others) {
                pair[0] = a;
                pair[1] = b;
                return true;
            }
        }
    return false;
}

#define MAX_TREND 3000 /* grid points whose pairs are looked at */

static sc_status check_trends(linter *l, const sol_phase *phase,
                              double *axis[SOL_MAX_AXES], size_t n)
{
    sol_model *model = NULL;
    sc_diag unable = {0};
    sol_bound *bound = sc_calloc(n, sizeof *bound);
    double *sol_s = sc_calloc(n, sizeof *sol_s);
    sc_status status = bound && sol_s ? SC_OK : nomem(l);
    if (status == SC_OK)
        status = sol_model_new(l->op, phase->kind, &l->config, l->system,
                               SOL_ARCHITECTURAL, &model, &unable);
    if (status == SC_OK)
        status =
            sol_model_eval(model, n, (const double *const *)axis, bound, NULL, &unable);
    bool known = status == SC_OK;
    if (status == SC_EDOMAIN) /* a term is negative somewhere: a finding in itself */
        status = sc_diags_add(l->findings, &unable);
    else if (status == SC_EINVAL) /* the system lacks a rate */
        status = SC_OK;
    for (size_t i = 0; i < n && known; i++)
        sol_s[i] = bound[i].sol_cold_s;
    for (int i = 0; i < phase->n_axes && known && n <= MAX_TREND && status == SC_OK;
         i++) {
        size_t pair[2];
        sc_diag finding;
        if (!falls(phase, i, axis, sol_s, n, pair))
            continue;
        sc_diag_warn(&finding, SC1311,
                     "SOL latency falls in axis '%s': %.4g us at %.0f, %.4g us at %.0f",
                     phase->axis[i].name, 1e6 * sol_s[pair[0]], axis[i][pair[0]],
                     1e6 * sol_s[pair[1]], axis[i][pair[1]]);
        sc_diag_hint(&finding,
                     "more tokens cannot take less work: look for a subtraction "
                     "or a branch that is wrong");
        status = report(
            l, key_of(sc_yaml_get(phase_of(l, phase), "axes"), phase->axis[i].name),
            &finding);
    }
    sol_model_free(model);
    sc_free(bound);
    sc_free(sol_s);
    return status == SC_ENOMEM ? nomem(l) : status;
}

/* ---- quantisation modes ---- */

static bool has_defaults(const sol_op *op, const sol_mode *mode)
{
    bool good = true;
    for (int i = 0; i < op->n_slots; i++)
        good &= mode->slot[i] == op->slot[i].value;
    for (int i = 0; i < op->n_params; i++)
        good &= isnan(mode->param[i]) || mode->param[i] == op->param[i].value;
    return good;
}

static sc_status check_mode(linter *l, int index)
{
    const sol_op *op = l->op;
    const sol_mode *mode = &op->mode[index];
    const sc_yaml_node *modes = sc_yaml_get(root_of(l), "modes");
    const sc_yaml_node *stated = sc_yaml_get(sc_yaml_get(modes, mode->name), "min_sm");
    sc_diag finding;
    sc_status status = SC_OK;
    int64_t sm;
    for (int i = 0; i < index && status == SC_OK; i++)
        if (sol_mode_equal(op, mode, &op->mode[i])) {
            sc_diag_warn(&finding, SC1315, "mode '%s' is mode '%s' again", mode->name,
                         op->mode[i].name);
            sc_diag_hint(&finding, "cases of either would be measured twice");
            status = report(l, key_of(modes, mode->name), &finding);
        }
    if (stated && sc_parse_int(stated->text, &sm) && sm < mode->min_sm && !status) {
        sc_diag_warn(&finding, SC1316,
                     "mode '%s' is said to need %lld, its dtypes need %d", mode->name,
                     (long long)sm, mode->min_sm);
        sc_diag_hint(&finding, "leave min_sm out where its dtypes alone decide");
        status = report(l, stated, &finding);
    }
    return status;
}

/* Modes that the op file names; derived ones are right by construction. */
static sc_status check_modes(linter *l)
{
    const sc_yaml_node *modes = key_of(root_of(l), "modes");
    sc_status status = SC_OK;
    bool defaults = false;
    sc_diag finding;
    if (!modes)
        return SC_OK;
    for (int i = 0; i < l->op->n_modes && status == SC_OK; i++) {
        defaults |= has_defaults(l->op, &l->op->mode[i]);
        status = check_mode(l, i);
    }
    if (defaults || status)
        return status;
    sc_diag_warn(&finding, SC1315, "no mode has the default dtypes");
    sc_diag_hint(&finding, "add one, such as %s: {}",
                 sol_dtype_name(l->op->slot[0].value));
    return report(l, modes, &finding);
}

/* ---- phases and the file ---- */

static sc_status check_on_grid(linter *l, const sol_phase *phase)
{
    double *axis[SOL_MAX_AXES];
    size_t n;
    sc_diag unable = {0};
    sc_status status = sol_grid(l->op, phase, &l->config, axis, &n, &unable);
    if (status == SC_EDOMAIN) {
        unable.code = SC1309;
        return report(l, phase->n_guards ? key_of(phase_of(l, phase), "guards") : NULL,
                      &unable);
    }
    if (status != SC_OK)
        return status == SC_ENOMEM ? nomem(l) : SC_OK; /* too many axes for a grid */
    status = check_output(l, phase, axis, n);
    for (int i = 0; i < phase->n_axes && status == SC_OK; i++)
        status = check_range(l, phase, i, axis[i], n);
    if (status == SC_OK && l->system)
        status = check_trends(l, phase, axis, n);
    for (int i = 0; i < phase->n_axes; i++)
        sc_free(axis[i]);
    return status;
}

static sc_status check_phase(linter *l, const sol_phase *phase)
{
    sc_status status = SC_OK;
    for (int t = 0; t < phase->n_terms && status == SC_OK; t++) {
        const sol_term *term = &phase->term[t];
        status = check_source(l, phase, term);
        if (status == SC_OK)
            status = check_dtypes(l, phase, term);
        if (status == SC_OK)
            status = check_sharding(l, phase, term);
        if (status == SC_OK)
            status = check_weights(l, phase, term);
    }
    if (status == SC_OK)
        status = check_shared_cache(l, phase);
    for (int i = 0; i < phase->n_axes && status == SC_OK; i++)
        status = check_unused_axis(l, phase, i);
    return status == SC_OK ? check_on_grid(l, phase) : status;
}

static sc_status check_file(linter *l)
{
    sc_diag finding;
    sc_status status = SC_OK;
    const sc_yaml_node *phases = key_of(root_of(l), "phases");
    if (!l->op->source[0]) {
        sc_diag_warn(&finding, SC1310, "op '%s' has no source", l->op->name);
        sc_diag_hint(&finding, "source: [paper or reference implementation, section]");
        status = report(l, key_of(root_of(l), "op"), &finding);
    }
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++) {
        const char *name = sol_phase_name((sol_phase_kind)p);
        bool defined = l->op->phase[p] != NULL, without = l->op->without[p][0] != '\0';
        if (defined != without)
            continue;
        sc_diag_warn(&finding, SC1312,
                     defined ? "the %s phase is there although 'without' says it is not"
                             : "the op defines no %s phase",
                     name);
        sc_diag_hint(&finding,
                     defined ? "remove it from without"
                             : "add it, or say why there is none: "
                               "without: {%s: why}",
                     name);
        status = report(l, phases, &finding);
    }
    return status;
}

static sc_status run(linter *l)
{
    sc_status status = survey(l);
    if (status == SC_OK)
        status = check_file(l);
    if (status == SC_OK)
        status = check_params(l);
    if (status == SC_OK)
        status = check_tp(l);
    if (status == SC_OK)
        status = check_modes(l);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (l->op->phase[p])
            status = check_phase(l, l->op->phase[p]);
    return status;
}

sc_status sol_lint(const sol_op *op, const sol_system *system, sc_diags *findings,
                   sc_diag *diag)
{
    linter l = {.op = op, .system = system, .findings = findings, .diag = diag};
    sc_status status = sol_config_init(op, &l.config, diag);
    if (status != SC_OK)
        return status;
    if (system)
        sol_config_fit_system(op, system, &l.config);
    l.n_symbols = sol_symbol_count(op->ctx);
    l.used = sc_calloc((size_t)l.n_symbols, sizeof *l.used);
    l.depends = sc_calloc((size_t)l.n_symbols, sizeof *l.depends);
    status = l.used && l.depends ? run(&l) : sc_diag_nomem(diag);
    sc_free(l.used);
    sc_free(l.depends);
    sol_config_clear(&l.config);
    return status;
}
