/* solcheck - case files: the points of a sweep, one configuration after the other.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/cases_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

typedef struct place {
    double key, value;
    size_t at;
} place;

typedef struct walk {
    const col_cases *cases;
    const col_sweep *sweep;
    const sol_phase *phase;
    sol_program *program; /* of the rules, NULL: none */
    const double **in;    /* [n_symbols] */
    unsigned char *stride;
    double *constant;          /* [n_symbols] */
    double *tokens, *input;    /* [n_grid] */
    double *rule_value, **out; /* [n_rules][n_grid] */
    double *full[SOL_MAX_AXES], *kept[SOL_MAX_AXES];
    size_t n_grid;
    sol_config config;
    bool *keep;   /* [n_grid] */
    place *place; /* [n_grid] */
    double base_tp;
    double *base; /* [n_params], before a quantisation mode sets some */
    sc_diag *diag;
} walk;

/* ---- the grid of axes, the same for all configurations ---- */

/* Splits x tokens into axes within their ranges: one request, or as few as the ranges
 * allow; where tokens do not grow with the second axis, requests alone. */
static bool split_tokens(const walk *w, double x, double *axis)
{
    const sol_phase *phase = w->phase;
    int b = sol_phase_axis_index(phase, "b"), s = sol_phase_axis_index(phase, "s");
    for (int i = 0; i < phase->n_axes; i++)
        axis[i] = phase->axis[i].optional ? phase->axis[i].value : phase->axis[i].lo;
    if (b < 0 || s < 0) {
        int only = b >= 0 ? b : s;
        if (only >= 0)
            axis[only] = x;
        return only >= 0;
    }
    if (phase->kind == SOL_GENERATION) {
        axis[b] = x;
        return true;
    }
    double n = ceil(x / phase->axis[s].hi);
    for (; n <= phase->axis[b].hi && fmod(x, n) != 0; n++)
        ;
    axis[b] = n <= phase->axis[b].hi ? n : 1;
    axis[s] = x / axis[b];
    return true;
}

static size_t count_grid(const walk *w)
{
    size_t n = 1;
    if (w->sweep->over_tokens)
        return w->sweep->tokens.n;
    for (int i = 0; i < w->phase->n_axes; i++)
        if (w->sweep->axis[i].key)
            n *= w->sweep->axis[i].n;
    return n;
}

static void fill_grid(walk *w)
{
    for (size_t k = 0; k < w->n_grid; k++) {
        double axis[SOL_MAX_AXES];
        size_t at = k;
        if (w->sweep->over_tokens)
            split_tokens(w, w->sweep->tokens.number[k], axis);
        for (int i = w->phase->n_axes; i-- > 0 && !w->sweep->over_tokens;) {
            const col_case_values *v = &w->sweep->axis[i];
            axis[i] = v->key ? v->number[at % v->n] : w->phase->axis[i].value;
            at /= v->key ? v->n : 1;
        }
        for (int i = 0; i < w->phase->n_axes; i++)
            w->full[i][k] = axis[i];
    }
}

static sc_status fill_tokens(walk *w)
{
    int s = sol_phase_axis_index(w->phase, "s");
    const sol_op *op = w->cases->op;
    sol_program *program = NULL;
    size_t n = (size_t)sol_symbol_count(op->ctx);
    const double **in = sc_calloc(n, sizeof *in);
    double *value = sc_calloc(n, sizeof *value);
    unsigned char *stride = sc_calloc(n, 1);
    sc_status status = in && value && stride ? SC_OK : sc_diag_nomem(w->diag);
    if (!status)
        status = sol_program_new(op->ctx, &w->phase->tokens, 1, &program, w->diag);
    if (!status) {
        sol_config_values(op, w->phase, &w->config, value);
        for (size_t i = 0; i < n; i++)
            in[i] = &value[i];
        for (int i = 0; i < w->phase->n_axes; i++) {
            in[w->phase->axis[i].symbol] = w->full[i];
            stride[w->phase->axis[i].symbol] = 1;
        }
        if (sol_program_eval(program, in, stride, w->n_grid, &w->tokens))
            status = sc_diag_nomem(w->diag);
    }
    for (size_t k = 0; k < w->n_grid && !status; k++)
        w->input[k] = s < 0 ? 0 : w->full[s][k] - (w->phase->kind == SOL_GENERATION);
    sol_program_free(program);
    sc_free(in);
    sc_free(value);
    sc_free(stride);
    return status;
}

/* ---- rules ---- */

static sc_status open_rules(walk *w)
{
    size_t n = w->sweep->n_rules, n_symbols = (size_t)sol_symbol_count(w->cases->names);
    w->in = sc_calloc(n_symbols + 1, sizeof *w->in);
    w->stride = sc_calloc(n_symbols + 1, 1);
    w->constant = sc_calloc(n_symbols + 1, sizeof *w->constant);
    w->rule_value = sc_calloc(n * w->n_grid + 1, sizeof *w->rule_value);
    w->out = sc_calloc(n + 1, sizeof *w->out);
    const sol_expr **root = sc_calloc(n + 1, sizeof *root);
    sc_status status =
        w->in && w->stride && w->constant && w->rule_value && w->out && root
            ? SC_OK
            : sc_diag_nomem(w->diag);
    for (size_t i = 0; i < n && !status; i++) {
        root[i] = w->sweep->rule[i].expr;
        w->out[i] = w->rule_value + i * w->n_grid;
    }
    if (!status && n)
        status = sol_program_new(w->cases->names, root, (int)n, &w->program, w->diag);
    sc_free(root);
    return status;
}

/* Binds the symbols of the rules for w->config, and the `which`-th number of the list
 * that has to hold for one of them. */
static void bind(walk *w, size_t which)
{
    int n = sol_symbol_count(w->cases->names);
    for (int i = 0; i < n; i++) {
        int index = 0;
        double number = NAN;
        w->in[i] = &w->constant[i];
        w->stride[i] = 0;
        switch (col_sweep_meaning(w->cases, w->sweep, sol_symbol_name(w->cases->names, i),
                                  &index, &number)) {
        case CASES_AXIS:
            w->in[i] = w->full[index];
            w->stride[i] = 1;
            break;
        case CASES_TOKENS:
            w->in[i] = w->tokens;
            w->stride[i] = 1;
            break;
        case CASES_INPUT:
            w->in[i] = w->input;
            w->stride[i] = 1;
            break;
        case CASES_PARAM:
            number = w->config.param[index];
            break;
        case CASES_TP:
            number = w->config.tp;
            break;
        case CASES_ANY:
            sc_parse_double(w->sweep->any->item[which]->text, &number);
            break;
        case CASES_NUMBER:
        case CASES_NOTHING:
            break;
        }
        w->constant[i] = number;
    }
}

/* Shapes that `skip_shapes` names: each item's names and values, `reason` apart. */
static bool skipped(const walk *w)
{
    node *list = col_sweep_get(w->sweep, "skip_shapes");
    for (size_t i = 0; list && list->kind == SC_YAML_SEQ && i < list->n; i++) {
        node *map = list->item[i];
        size_t matched = 0, wanted = 0;
        for (size_t k = 0; k < map->n; k++) {
            int index = 0;
            double value, number;
            if (map->item[k]->kind != SC_YAML_SCALAR ||
                !sc_parse_double(map->item[k]->text, &value))
                continue;
            wanted++;
            matched += col_sweep_meaning(w->cases, w->sweep, map->key[k]->text, &index,
                                         &number) == CASES_PARAM &&
                       w->config.param[index] == value;
        }
        if (wanted && matched == wanted)
            return true;
    }
    return false;
}

/* ---- configurations ---- */

/* Sets the i-th value of a parameter; false where it repeats another one of the list. */
static bool set_param(walk *w, int param, size_t i, size_t tp)
{
    const col_case_values *v = &w->sweep->param[param];
    double *value = &w->config.param[param];
    if (!v->key)
        return true;
    double number = v->number[v->local && v->n == w->sweep->tp.n ? tp : i];
    if (v->local)
        number *= w->config.tp;
    *value = number;
    w->config.given[param] = true;
    return true;
}

/* Parameters that take the value of another one, once all others are set. */
static bool set_same(walk *w)
{
    for (int p = 0; p < w->cases->op->n_params; p++) {
        const col_case_values *v = &w->sweep->param[p];
        if (v->same < 0 || (v->n && !isnan(w->config.param[p])))
            continue;
        w->config.param[p] = w->config.param[v->same];
        w->config.given[p] = true;
        for (size_t i = 0; i < v->n; i++)
            if (v->number[i] == w->config.param[p])
                return false; /* the number is in the list as well */
    }
    return true;
}

static bool divides(const walk *w)
{
    for (int p = 0; p < w->cases->op->n_params; p++)
        if (w->cases->op->param[p].shard_tp &&
            fmod(w->config.param[p], w->config.tp) != 0)
            return false;
    return true;
}

/* w->keep: where all rules hold, for one number at least of the list `any`. */
static sc_status eval_rules(walk *w)
{
    size_t n = w->sweep->any ? w->sweep->any->n : 1;
    memset(w->keep, !w->program, w->n_grid * sizeof *w->keep);
    for (size_t v = 0; v < n && w->program; v++) {
        bind(w, v);
        if (sol_program_eval(w->program, w->in, w->stride, w->n_grid, w->out))
            return sc_diag_nomem(w->diag);
        for (size_t k = 0; k < w->n_grid; k++) {
            bool good = true;
            for (size_t i = 0; i < w->sweep->n_rules && good; i++)
                good = w->out[i][k] != 0 && !isnan(w->out[i][k]);
            w->keep[k] |= good;
        }
    }
    return SC_OK;
}

/* A number of the file, `otherwise` where there is none. */
static double number_of(const col_sweep *sweep, const char *key, double otherwise)
{
    node *at = col_sweep_get(sweep, key);
    double value;
    return at && at->kind == SC_YAML_SCALAR && sc_parse_double(at->text, &value)
               ? value
               : otherwise;
}

static int by_key(const void *a, const void *b)
{
    double x = ((const place *)a)->key, y = ((const place *)b)->key;
    return (x > y) - (x < y);
}

/* w->place: the points in order of one axis, with the value of another. */
static void sort_points(walk *w, const col_case_grid *grid, int key, int value)
{
    for (size_t i = 0; i < grid->n; i++)
        w->place[i] = (place){grid->axis[key][i], grid->axis[value][i], i};
    qsort(w->place, grid->n, sizeof *w->place, by_key);
}

static void drop_unkept(const walk *w, col_case_grid *grid)
{
    size_t kept = 0;
    for (size_t i = 0; i < grid->n; i++) {
        if (!w->keep[i])
            continue;
        for (int a = 0; a < w->phase->n_axes; a++)
            grid->axis[a][kept] = grid->axis[a][i];
        kept++;
    }
    grid->n = kept;
}

/* What the ecosystem's files leave out besides: lengths that fewer batch sizes than
 * min_batch_options_per_sequence reach; then the longest one of each batch size from
 * drop_largest_sequence_for_batch_at_least on. */
static void drop_rare(walk *w, col_case_grid *grid)
{
    int b = sol_phase_axis_index(w->phase, "b"), s = sol_phase_axis_index(w->phase, "s");
    double least = number_of(w->sweep, "min_batch_options_per_sequence", 0);
    double from =
        number_of(w->sweep, "drop_largest_sequence_for_batch_at_least", INFINITY);
    for (int pass = 0; pass < 2 && b >= 0 && s >= 0; pass++) {
        if (pass == 0 ? !(least > 1) : isinf(from))
            continue;
        sort_points(w, grid, pass == 0 ? s : b, pass == 0 ? b : s);
        for (size_t i = 0, end; i < grid->n; i = end) {
            double longest = 0;
            for (end = i; end < grid->n && w->place[end].key == w->place[i].key; end++)
                longest = fmax(longest, w->place[end].value);
            for (size_t k = i; k < end; k++)
                w->keep[w->place[k].at] = pass == 0 ? (double)(end - i) >= least
                                                    : !(w->place[k].key >= from &&
                                                        w->place[k].value == longest);
        }
        drop_unkept(w, grid);
    }
}

static sc_status visit_one(walk *w, bool able, col_case_visit *visit, void *user)
{
    col_case_grid grid = {
        .sweep = w->sweep, .config = &w->config, .able = able, .n_product = w->n_grid};
    sc_status status = eval_rules(w);
    for (size_t k = 0; k < w->n_grid && !status; k++) {
        int b = sol_phase_axis_index(w->phase, "b"),
            s = sol_phase_axis_index(w->phase, "s");
        double size = w->sweep->over_tokens || b < 0 || s < 0
                          ? w->tokens[k]
                          : w->full[b][k] * w->full[s][k];
        if (!w->keep[k] || size > w->sweep->max_tokens)
            continue;
        for (int i = 0; i < w->phase->n_axes; i++)
            w->kept[i][grid.n] = w->full[i][k];
        grid.n++;
    }
    if (status)
        return status;
    memcpy(grid.axis, w->kept, sizeof grid.axis);
    drop_rare(w, &grid);
    return visit(user, &grid);
}

/* All combinations: tp, then each parameter, dtypes innermost. */
static sc_status visit_all(walk *w, bool all_dtypes, size_t most, col_case_visit *visit,
                           void *user, size_t *visited)
{
    const sol_op *op = w->cases->op;
    const col_sweep *sweep = w->sweep;
    size_t n_tp = sweep->tp.key ? sweep->tp.n : 1, total = n_tp;
    for (int p = 0; p < op->n_params; p++) {
        const col_case_values *v = &sweep->param[p];
        size_t n = !v->key || v->local ? 1 : v->n;
        if (n == 0)
            return SC_OK; /* an empty list: this variant is not swept */
        total = total > SIZE_MAX / n ? SIZE_MAX : total * n;
    }
    sc_status status = SC_OK;
    total = total < 64 * most ? total : 64 * most; /* those that are left out count too */
    for (size_t k = 0; k < total && !status && *visited < most; k++) {
        size_t at = k / n_tp, tp = k % n_tp;
        w->config.tp = sweep->tp.key ? sweep->tp.number[tp] : w->base_tp;
        for (int p = 0; p < op->n_params; p++) {
            const col_case_values *v = &sweep->param[p];
            size_t n = !v->key || v->local ? 1 : v->n;
            set_param(w, p, at % n, tp);
            at /= n;
        }
        if (!set_same(w) || !divides(w) || skipped(w))
            continue;
        for (size_t c = 0;
             c < (all_dtypes ? sweep->n_combinations : 1) && !status && *visited < most;
             c++, (*visited)++) {
            if (op->n_slots)
                memcpy(w->config.slot, &sweep->dtype[c * (size_t)op->n_slots],
                       (size_t)op->n_slots * sizeof *sweep->dtype);
            if (op->n_params)
                memcpy(w->base, w->config.param, (size_t)op->n_params * sizeof *w->base);
            for (int p = 0; p < op->n_params; p++) {
                double told = sweep->mode_param[c * (size_t)op->n_params + (size_t)p];
                w->config.param[p] = isnan(told) ? w->base[p] : told;
            }
            status = visit_one(w, sweep->able[c], visit, user);
            if (op->n_params)
                memcpy(w->config.param, w->base, (size_t)op->n_params * sizeof *w->base);
        }
    }
    return status;
}

sc_status col_cases_visit(const col_cases *cases, const col_sweep *sweep, bool all_dtypes,
                          size_t most, col_case_visit *visit, void *user, size_t *visited,
                          sc_diag *diag)
{
    walk w = {.cases = cases,
              .sweep = sweep,
              .phase = cases->op->phase[sweep->phase],
              .diag = diag};
    size_t n = w.n_grid = count_grid(&w);
    *visited = 0;
    sc_status status = cases->base
                           ? sol_config_copy(cases->op, cases->base, &w.config, diag)
                           : sol_config_init(cases->op, &w.config, diag);
    for (int i = 0; i < w.phase->n_axes; i++) {
        w.full[i] = sc_calloc(n + 1, sizeof **w.full);
        w.kept[i] = sc_calloc(n + 1, sizeof **w.kept);
        if ((!w.full[i] || !w.kept[i]) && !status)
            status = sc_diag_nomem(diag);
    }
    w.base = sc_calloc((size_t)cases->op->n_params + 1, sizeof *w.base);
    w.keep = sc_calloc(n + 1, sizeof *w.keep);
    w.place = sc_calloc(n + 1, sizeof *w.place);
    if ((!w.base || !w.keep || !w.place) && !status)
        status = sc_diag_nomem(diag);
    w.tokens = sc_calloc(n + 1, sizeof *w.tokens);
    w.input = sc_calloc(n + 1, sizeof *w.input);
    if ((!w.tokens || !w.input) && !status)
        status = sc_diag_nomem(diag);
    if (!status) {
        w.base_tp = w.config.tp;
        if (!cases->base)
            sol_config_fit_system(cases->op, cases->system, &w.config);
        fill_grid(&w);
        status = fill_tokens(&w);
    }
    if (!status)
        status = open_rules(&w);
    if (!status)
        status = visit_all(&w, all_dtypes, most, visit, user, visited);
    for (int i = 0; i < w.phase->n_axes; i++) {
        sc_free(w.full[i]);
        sc_free(w.kept[i]);
    }
    sol_program_free(w.program);
    sc_free(w.in);
    sc_free(w.stride);
    sc_free(w.constant);
    sc_free(w.base);
    sc_free(w.keep);
    sc_free(w.place);
    sc_free(w.tokens);
    sc_free(w.input);
    sc_free(w.rule_value);
    sc_free(w.out);
    sol_config_clear(&w.config);
    return status;
}
