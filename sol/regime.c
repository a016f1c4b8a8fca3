/* solcheck - regimes and their boundaries.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "sol/regime.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_roots.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sol/normal_internal.h"
#include "sol/proof_internal.h"

#define DIGITS 6 /* of printed coefficients */

const char *sol_resource_name(int resource)
{
    static const char *const link[SOL_N_LINKS][SOL_N_DIRECTIONS] = {
        {"link in the node, out", "link in the node, in"},
        {"link between nodes, out", "link between nodes, in"},
        {"all links, out", "all links, in"}};
    if (resource < SOL_N_ENGINES)
        return sol_engine_name((sol_engine)resource);
    if (resource == SOL_RESOURCE_MEMORY)
        return "memory";
    if (resource == SOL_RESOURCE_L2)
        return "L2 size";
    int at = resource - SOL_RESOURCE_MEMORY - 1;
    return link[at / SOL_N_DIRECTIONS][at % SOL_N_DIRECTIONS];
}

typedef struct finder {
    sol_prover p;
    const sol_system *system;
    sol_ceiling ceiling;
    sol_program *program; /* roots: times of the resources, then bytes */
    const double **in;    /* by symbol */
    unsigned char *stride;
    double *time[SOL_N_RESOURCES + 1]; /* [p.n] each, in the order of the roots */
    double *term;                      /* [p.n * n_terms] work */
    sol_regimes *out;
} finder;

/* One equation, as an expression over the swept axes and as a function of one of them. */
typedef struct equation {
    finder *f;
    int resource[2]; /* ids */
    int root[2];     /* roots of the program; the second one -1: a constant */
    double constant;
    int axis;
    double point[SOL_MAX_AXES];
} equation;

/* ---- evaluation ---- */

static sc_status nomem(finder *f)
{
    return sc_diag_nomem(f->p.diag);
}

static sc_status compile(finder *f)
{
    const sol_expr *root[SOL_N_RESOURCES + 1];
    sol_prover *p = &f->p;
    int n_symbols = sol_symbol_count(p->ctx);
    for (int r = 0; r < p->n_resources; r++)
        root[r] = p->resource[r];
    root[p->n_resources] = p->quantity[1];
    f->in = sc_calloc((size_t)n_symbols, sizeof *f->in);
    f->stride = sc_calloc((size_t)n_symbols, 1);
    if (!f->in || !f->stride)
        return nomem(f);
    return sol_program_new(p->ctx, root, p->n_resources + 1, &f->program, p->diag);
}

static sc_status evaluate_grid(finder *f)
{
    sol_prover *p = &f->p;
    size_t n_terms = (size_t)p->phase->n_terms;
    sol_model *model = NULL;
    sol_bound *bound = sc_calloc(p->n, sizeof *bound);
    f->term = sc_calloc(p->n * n_terms, sizeof *f->term);
    sc_status status = bound && f->term ? SC_OK : nomem(f);
    for (int r = 0; r <= p->n_resources && status == SC_OK; r++)
        if (!(f->time[r] = sc_calloc(p->n, sizeof **f->time)))
            status = nomem(f);
    if (status == SC_OK)
        status = sol_model_new(p->op, p->phase->kind, p->config, f->system, f->ceiling,
                               &model, p->diag);
    if (status == SC_OK)
        status = sol_model_eval(model, p->n, (const double *const *)p->axis, bound,
                                f->term, p->diag);
    for (int i = 0; i < p->n_axes; i++) {
        f->in[p->symbol[i]] = p->axis[i];
        f->stride[p->symbol[i]] = 1;
    }
    if (status == SC_OK &&
        sol_program_eval(f->program, f->in, f->stride, p->n, f->time) != SC_OK)
        status = nomem(f);
    sol_model_free(model);
    sc_free(bound);
    return status;
}

/* Difference of the two sides at one point; NaN without memory. */
static double difference_at(equation *e, double value)
{
    double result[SOL_N_RESOURCES + 1], *out[SOL_N_RESOURCES + 1];
    finder *f = e->f;
    for (int r = 0; r <= f->p.n_resources; r++)
        out[r] = &result[r];
    e->point[e->axis] = value;
    for (int i = 0; i < f->p.n_axes; i++) {
        f->in[f->p.symbol[i]] = &e->point[i];
        f->stride[f->p.symbol[i]] = 0;
    }
    if (sol_program_eval(f->program, f->in, f->stride, 1, out) != SC_OK)
        return NAN;
    return result[e->root[0]] - (e->root[1] >= 0 ? result[e->root[1]] : e->constant);
}

static double gsl_difference(double value, void *equation_)
{
    return difference_at(equation_, value);
}

static double grid_difference(const equation *e, size_t i)
{
    const finder *f = e->f;
    return f->time[e->root[0]][i] -
           (e->root[1] >= 0 ? f->time[e->root[1]][i] : e->constant);
}

/* ---- regimes ---- */

static int slowest(const finder *f, size_t i)
{
    int slow = 0;
    for (int r = 1; r < f->p.n_resources; r++)
        slow = f->time[r][i] > f->time[slow][i] ? r : slow;
    return slow;
}

/* The largest term of a resource at a point, and its share of the resource's time. */
static int largest_term(const finder *f, int resource, double time, size_t i,
                        double *share)
{
    const sol_phase *phase = f->p.phase;
    int largest = -1;
    double most = -1;
    for (int t = 0; t < phase->n_terms; t++) {
        double rate;
        if (sol_term_resource(&phase->term[t], f->p.config, f->system, f->ceiling,
                              &rate) != resource)
            continue;
        double value = f->term[i * (size_t)phase->n_terms + (size_t)t] / rate;
        if (value > most) {
            most = value;
            largest = t;
        }
    }
    *share = time > 0 ? most / time : 1;
    return largest;
}

/* Fills the regime of one resource; n stays 0 where it never is the slowest. */
static sc_status fill_regime(finder *f, int r, sol_regime *regime)
{
    sol_prover *p = &f->p;
    size_t *votes = sc_calloc((size_t)p->phase->n_terms, sizeof *votes);
    double *share = sc_calloc(p->n, sizeof *share);
    sc_status status = votes && share ? SC_OK : nomem(f);
    int id = p->resource_id[r], best = -1;
    regime->resource = id;
    for (size_t i = 0; i < p->n && status == SC_OK; i++)
        if (slowest(f, i) == r) {
            double unused;
            int t = largest_term(f, id, f->time[r][i], i, &unused);
            regime->n++;
            votes[t]++;
            best = best < 0 || votes[t] > votes[best] ? t : best;
        }
    size_t n = 0;
    for (size_t i = 0; i < p->n && status == SC_OK && best >= 0; i++)
        if (slowest(f, i) == r &&
            largest_term(f, id, f->time[r][i], i, &share[n]) == best)
            n++;
    if (n > 0) {
        qsort(share, n, sizeof *share, sol_by_value);
        regime->share = (double)regime->n / (double)p->n;
        regime->term = best;
        regime->term_points = (double)n / (double)regime->n;
        regime->term_share = (share[(n - 1) / 2] + share[n / 2]) / 2;
    }
    sc_free(votes);
    sc_free(share);
    return status;
}

static sc_status fill_regimes(finder *f)
{
    sol_regimes *out = f->out;
    for (int r = 0; r < f->p.n_resources; r++) {
        sol_regime regime = {0};
        sc_status status = fill_regime(f, r, &regime);
        if (status != SC_OK)
            return status;
        if (regime.n == 0)
            continue;
        int at = out->n_regimes++;
        for (; at > 0 && out->regime[at - 1].n < regime.n; at--)
            out->regime[at] = out->regime[at - 1];
        out->regime[at] = regime;
    }
    return SC_OK;
}

/* ---- closed forms ---- */

/* Can the numerator be solved for an axis? Its degree, 0 if it cannot or has none. */
static int solvable(const sol_normal *n, const fmpq_mpoly_t p, int variable)
{
    for (int i = 0; i < n->n_atoms; i++)
        if (n->atom[i].depends[variable] &&
            fmpq_mpoly_degree_si(p, n->n_symbols + i, n->poly) > 0)
            return 0;
    slong degree = fmpq_mpoly_degree_si(p, variable, n->poly);
    return degree == 1 || degree == 2 ? (int)degree : 0;
}

/* out = coefficient of variable^k */
static void coefficient(const sol_normal *n, const fmpq_mpoly_t p, int variable, slong k,
                        fmpq_mpoly_t out)
{
    fmpq_mpoly_univar_t by_power;
    fmpq_mpoly_univar_init(by_power, n->poly);
    fmpq_mpoly_to_univar(by_power, p, variable, n->poly);
    fmpq_mpoly_zero(out, n->poly);
    for (slong i = 0; i < fmpq_mpoly_univar_length(by_power, n->poly); i++)
        if (fmpq_mpoly_univar_get_term_exp_si(by_power, i, n->poly) == k)
            fmpq_mpoly_univar_get_term_coeff(out, by_power, i, n->poly);
    fmpq_mpoly_univar_clear(by_power, n->poly);
}

/* Appends num/den in lowest terms with rounded coefficients. */
static sc_status print_ratio(sol_normal *n, const fmpq_mpoly_t num,
                             const fmpq_mpoly_t den, sc_buf *out, sc_diag *diag)
{
    sol_builder b = {.n = n, .diag = diag};
    sol_normal shown = *n; /* borrows everything but the value */
    shown.digits = DIGITS;
    sol_q_init(n, &shown.value);
    fmpq_mpoly_set(shown.value.num, num, n->poly);
    fmpq_mpoly_set(shown.value.den, den, n->poly);
    sc_status status = sol_q_reduce(&b, &shown.value);
    if (status == SC_OK && sol_normal_print(&shown, out) != SC_OK)
        status = sc_diag_nomem(diag);
    sol_q_clear(n, &shown.value);
    return status;
}

static sc_status solve_linear(sol_normal *n, const fmpq_mpoly_t p, int variable,
                              sc_buf *out, sc_diag *diag)
{
    fmpq_mpoly_t level, slope;
    fmpq_mpoly_init(level, n->poly);
    fmpq_mpoly_init(slope, n->poly);
    coefficient(n, p, variable, 0, level);
    coefficient(n, p, variable, 1, slope);
    fmpq_mpoly_neg(level, level, n->poly);
    sc_status status = print_ratio(n, level, slope, out, diag);
    fmpq_mpoly_clear(level, n->poly);
    fmpq_mpoly_clear(slope, n->poly);
    return status;
}

/* v = -h +- sqrt(h^2 - c) with h = c1/(2 c2) and c = c0/c2. */
static sc_status solve_quadratic(sol_normal *n, const fmpq_mpoly_t p, int variable,
                                 sc_buf *out, sc_diag *diag)
{
    fmpq_mpoly_t c0, c1, c2;
    fmpq_mpoly_init(c0, n->poly);
    fmpq_mpoly_init(c1, n->poly);
    fmpq_mpoly_init(c2, n->poly);
    coefficient(n, p, variable, 0, c0);
    coefficient(n, p, variable, 1, c1);
    coefficient(n, p, variable, 2, c2);
    fmpq_mpoly_scalar_mul_si(c2, c2, 2, n->poly);
    fmpq_mpoly_neg(c1, c1, n->poly);
    sc_buf half = {0}, rest = {0};
    sc_status status = print_ratio(n, c1, c2, &half, diag); /* -h */
    fmpq_mpoly_scalar_mul_si(c0, c0, 2, n->poly);
    if (status == SC_OK)
        status = print_ratio(n, c0, c2, &rest, diag);
    if (status == SC_OK)
        sc_buf_printf(out, "%s +- sqrt((%s)^2 - (%s))", sc_buf_text(&half),
                      sc_buf_text(&half), sc_buf_text(&rest));
    if (status == SC_OK && (out->failed || half.failed || rest.failed))
        status = sc_diag_nomem(diag);
    sc_buf_free(&half);
    sc_buf_free(&rest);
    fmpq_mpoly_clear(c0, n->poly);
    fmpq_mpoly_clear(c1, n->poly);
    fmpq_mpoly_clear(c2, n->poly);
    return status;
}

static int variable_of(const sol_normal *n, int symbol)
{
    for (int v = 0; v < n->n_symbols; v++)
        if (n->symbol[v] == symbol)
            return v;
    return -1;
}

/* Axis to solve for: the lowest degree, of equal ones the last; else the last axis that
 * the difference depends on at all, with degree 0. */
static int pick_axis(const finder *f, const sol_normal *n, const fmpq_mpoly_t p,
                     int *degree)
{
    int axis = -1, last = -1;
    bool *depends = sc_calloc((size_t)sol_symbol_count(f->p.ctx), sizeof *depends);
    *degree = 0;
    if (!depends)
        return -1;
    sol_normal_depends(n, depends, sol_symbol_count(f->p.ctx));
    for (int i = 0; i < f->p.n_axes; i++) {
        int v = variable_of(n, f->p.symbol[i]);
        if (v < 0 || !f->p.swept[i])
            continue;
        last = depends[f->p.symbol[i]] ? i : last;
        int d = solvable(n, p, v);
        if (d > 0 && (*degree == 0 || d <= *degree)) {
            *degree = d;
            axis = i;
        }
    }
    sc_free(depends);
    return axis >= 0 ? axis : last;
}

/* Solves the equation; *axis is -1 when the two sides differ by no axis. */
static sc_status solve(finder *f, const sol_expr *difference, sol_boundary *b)
{
    sol_normal *n;
    sc_buf text = {0};
    sc_diag *diag = f->p.diag;
    sc_status status = sol_normal_new(f->p.ctx, difference, &n, diag);
    if (status != SC_OK)
        return status;
    fmpq_mpoly_t p, common;
    fmpq_mpoly_init(p, n->poly);
    fmpq_mpoly_init(common, n->poly);
    fmpq_mpoly_set(p, n->value.num, n->poly);
    if (!fmpq_mpoly_is_zero(p, n->poly)) { /* powers of axes in every term: never 0 */
        fmpq_mpoly_term_content(common, p, n->poly);
        fmpq_mpoly_divides(p, p, common, n->poly);
    }
    b->axis = pick_axis(f, n, p, &b->degree);
    int v = b->axis >= 0 ? variable_of(n, f->p.symbol[b->axis]) : -1;
    if (b->degree == 1)
        status = solve_linear(n, p, v, &text, diag);
    else if (b->degree == 2)
        status = solve_quadratic(n, p, v, &text, diag);
    else
        sc_buf_add(&text, "");
    if (status == SC_OK && !(b->formula = sc_buf_take(&text)))
        status = nomem(f);
    sc_buf_free(&text);
    fmpq_mpoly_clear(p, n->poly);
    fmpq_mpoly_clear(common, n->poly);
    sol_normal_free(n);
    return status;
}

/* ---- crossings ---- */

/* The root between two values of opposite sign. */
static sc_status brent(equation *e, double lo, double hi, double *root)
{
    gsl_root_fsolver *solver = gsl_root_fsolver_alloc(gsl_root_fsolver_brent);
    gsl_function function = {gsl_difference, e};
    if (!solver)
        return nomem(e->f);
    int code = gsl_root_fsolver_set(solver, &function, lo, hi);
    for (int i = 0; i < 200 && code == GSL_SUCCESS; i++) {
        code = gsl_root_fsolver_iterate(solver);
        lo = gsl_root_fsolver_x_lower(solver);
        hi = gsl_root_fsolver_x_upper(solver);
        if (gsl_root_test_interval(lo, hi, 0, 1e-12) == GSL_SUCCESS)
            break;
    }
    *root = gsl_root_fsolver_root(solver);
    gsl_root_fsolver_free(solver);
    return SC_OK;
}

/* Distinct values of an axis on the grid, ascending; *out is released with sc_free. */
static sc_status axis_values(finder *f, int axis, double **out, size_t *n)
{
    double *v = sc_calloc(f->p.n, sizeof *v);
    if (!v)
        return nomem(f);
    memcpy(v, f->p.axis[axis], f->p.n * sizeof *v);
    qsort(v, f->p.n, sizeof *v, sol_by_value);
    *n = 0;
    for (size_t i = 0; i < f->p.n; i++)
        if (*n == 0 || v[i] > v[*n - 1])
            v[(*n)++] = v[i];
    *out = v;
    return SC_OK;
}

/* Is the point next to a crossing (its axis rounded) admissible? */
static bool admissible(const equation *e)
{
    double at[SOL_MAX_AXES];
    const sol_prover *p = &e->f->p;
    memcpy(at, e->point, sizeof at);
    at[e->axis] = round(at[e->axis]);
    return sol_phase_admits(p->op, p->phase, p->config, at, NULL) == SC_OK;
}

/* Crossings along the axis, the others as they stand in e->point. */
static sc_status scan(equation *e, const double *value, size_t n, sol_boundary *b)
{
    double before = difference_at(e, value[0]);
    for (size_t i = 1; i < n && b->n_crossings < SOL_MAX_CROSSINGS; i++) {
        double now = difference_at(e, value[i]), root = 0;
        if (before != 0 && now != 0 && signbit(before) != signbit(now) &&
            isfinite(before) && isfinite(now)) {
            bool second = before < 0; /* the second side is the larger one below */
            sc_status status = brent(e, value[i - 1], value[i], &root);
            if (status != SC_OK)
                return status;
            e->point[e->axis] = root;
            if (admissible(e)) {
                if (b->n_crossings == 0) {
                    b->resource[0] = e->resource[second];
                    b->resource[1] = e->resource[!second];
                }
                memcpy(b->crossing[b->n_crossings++].axis, e->point, sizeof e->point);
            }
        }
        before = now != 0 ? now : before;
    }
    return SC_OK;
}

/* Puts the other axes to their low, middle and high values in turn. */
static sc_status find_crossings(equation *e, sol_boundary *b)
{
    finder *f = e->f;
    double *value = NULL;
    size_t n = 0;
    sc_status status = axis_values(f, e->axis, &value, &n);
    for (int place = 0; place < 3 && status == SC_OK; place++) {
        bool moved = place == 0;
        for (int i = 0; i < f->p.n_axes && status == SC_OK; i++) {
            double *other = NULL;
            size_t m = 0;
            if (i == e->axis)
                continue;
            status = axis_values(f, i, &other, &m);
            if (status != SC_OK)
                break;
            e->point[i] = other[place == 0 ? 0 : place == 1 ? m / 2 : m - 1];
            moved |= m > 1;
            sc_free(other);
        }
        if (status == SC_OK && moved)
            status = scan(e, value, n, b);
    }
    sc_free(value);
    return status;
}

/* ---- boundaries ---- */

static bool crossed(const equation *e)
{
    bool above = false, below = false;
    for (size_t i = 0; i < e->f->p.n; i++) {
        double d = grid_difference(e, i);
        above |= d > 0;
        below |= d < 0;
    }
    return above && below;
}

static sc_status add_boundary(finder *f, equation *e, const sol_expr *difference)
{
    sol_regimes *out = f->out;
    if (!difference)
        return nomem(f);
    if (!crossed(e))
        return SC_OK;
    sol_boundary *grown =
        sc_reallocarray(out->boundary, (size_t)out->n_boundaries + 1, sizeof *grown);
    if (!grown)
        return nomem(f);
    out->boundary = grown;
    sol_boundary *b = &grown[out->n_boundaries++];
    *b = (sol_boundary){.axis = -1};
    b->resource[0] = e->resource[0];
    b->resource[1] = e->resource[1];
    sc_status status = solve(f, difference, b);
    if (status == SC_OK && b->axis < 0)
        return nomem(f); /* a difference that changes sign depends on an axis */
    e->axis = b->axis;
    return status == SC_OK ? find_crossings(e, b) : status;
}

static bool has_regime(const finder *f, int resource)
{
    for (int i = 0; i < f->out->n_regimes; i++)
        if (f->out->regime[i].resource == resource)
            return true;
    return false;
}

static sc_status fill_boundaries(finder *f)
{
    sol_prover *p = &f->p;
    sc_status status = SC_OK;
    for (int i = 0; i < p->n_resources; i++)
        for (int k = i + 1; k < p->n_resources && status == SC_OK; k++) {
            equation e = {.f = f,
                          .root = {i, k},
                          .resource = {p->resource_id[i], p->resource_id[k]}};
            if (!has_regime(f, e.resource[0]) || !has_regime(f, e.resource[1]))
                continue;
            const sol_expr *side[2] = {p->resource[i], p->resource[k]};
            status = add_boundary(f, &e, sol_node(p->ctx, SOL_OP_SUB, 2, side));
        }
    double l2_B = f->system->l2_B.value;
    if (status == SC_OK && isfinite(l2_B)) {
        equation e = {.f = f,
                      .root = {p->n_resources, -1},
                      .constant = l2_B,
                      .resource = {SOL_RESOURCE_MEMORY, SOL_RESOURCE_L2}};
        const sol_expr *side[2] = {p->quantity[1], sol_number_double(p->ctx, l2_B)};
        status =
            add_boundary(f, &e, side[1] ? sol_node(p->ctx, SOL_OP_SUB, 2, side) : NULL);
    }
    return status;
}

static void finder_clear(finder *f)
{
    sol_prover_end(&f->p);
    sol_program_free(f->program);
    sc_free(f->in);
    sc_free(f->stride);
    sc_free(f->term);
    for (int r = 0; r <= SOL_N_RESOURCES; r++)
        sc_free(f->time[r]);
}

sc_status sol_regimes_find(const sol_op *op, sol_phase_kind phase,
                           const sol_config *config, const sol_system *system,
                           sol_ceiling ceiling, const bool *swept, sol_regimes **out,
                           sc_diag *diag)
{
    finder f = {.system = system, .ceiling = ceiling};
    sc_status status = sol_prover_start(op, phase, config, swept, &f.p, diag);
    if (status != SC_OK)
        return status;
    f.out = sc_calloc(1, sizeof *f.out);
    status = f.out ? sol_prover_evaluate_grid(&f.p, system, ceiling) : nomem(&f);
    if (status == SC_OK)
        status = sol_prover_collect(&f.p, system, ceiling);
    if (status == SC_OK)
        status = compile(&f);
    if (status == SC_OK)
        status = evaluate_grid(&f);
    if (status == SC_OK)
        status = fill_regimes(&f);
    if (status == SC_OK)
        status = fill_boundaries(&f);
    if (status == SC_OK)
        f.out->n_grid = f.p.n;
    finder_clear(&f);
    if (status == SC_OK)
        *out = f.out;
    else
        sol_regimes_free(f.out);
    return status;
}

void sol_regimes_free(sol_regimes *regimes)
{
    if (!regimes)
        return;
    for (int i = 0; i < regimes->n_boundaries; i++)
        sc_free(regimes->boundary[i].formula);
    sc_free(regimes->boundary);
    sc_free(regimes);
}
