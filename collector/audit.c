/* solcheck - bounds of every row of a table, and what they say about it.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/audit_rows.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

const char *col_suspect_name(col_suspect suspect)
{
    static const char *const names[] = {
#define X(id, name, text) name,
        COL_SUSPECT_LIST(X)
#undef X
    };
    return (unsigned)suspect < COL_N_SUSPECTS ? names[suspect] : "?";
}

const char *col_suspect_text(col_suspect suspect)
{
    static const char *const texts[] = {
#define X(id, name, text) text,
        COL_SUSPECT_LIST(X)
#undef X
    };
    return (unsigned)suspect < COL_N_SUSPECTS ? texts[suspect] : "?";
}

const char *col_limiter_name(col_limiter limiter)
{
    static const char *const names[] = {
#define X(id, name) name,
        COL_LIMITER_LIST(X)
#undef X
    };
    return (unsigned)limiter < COL_N_LIMITERS ? names[limiter] : "?";
}

/* ---- bounds ---- */

/* Rows that are evaluated at a time: what they take stays in the second-level cache. */
#define BATCH 1024

typedef struct batch {
    double axis[SOL_MAX_AXES][BATCH];
    double engine_s[SOL_N_ENGINES][BATCH];
    double bytes_B[BATCH], memory_cold_s[BATCH], memory_hot_s[BATCH];
    double network_s[BATCH], cold_s[BATCH], hot_s[BATCH];
    double is_hot[BATCH];
    col_audit_row row[BATCH];
} batch;

struct col_bounds {
    const col_rows *rows;
    const sol_system *system;
    const col_row_order *order;
    const sol_phase *phase;
    bool fell_back, knows_l2; /* of the models so far */
    batch at;
};

sc_status col_bounds_new(const col_rows *rows, const sol_system *system,
                         const col_row_order *order, col_bounds **out, sc_diag *diag)
{
    col_bounds *bounds = sc_calloc(1, sizeof *bounds);
    if (!bounds)
        return sc_diag_nomem(diag);
    bounds->rows = rows;
    bounds->system = system;
    bounds->order = order;
    bounds->phase = rows->about.op->phase[rows->about.phase];
    *out = bounds;
    return SC_OK;
}

void col_bounds_free(col_bounds *bounds)
{
    sc_free(bounds);
}

static sc_status make_model(col_bounds *bounds, size_t config, sol_model **out,
                            sc_diag *diag)
{
    const col_points *about = &bounds->rows->about;
    sc_status status = sol_model_new(about->op, about->phase, &about->config[config],
                                     bounds->system, SOL_ARCHITECTURAL, out, diag);
    if (!status) {
        bounds->fell_back |= sol_model_fell_back(*out);
        bounds->knows_l2 = sol_model_knows_l2(*out);
    }
    return status;
}

/* Axes of n rows; an optional one that is at its default in all of the table is left to
 * the model, which has folded it. */
static void gather_axes(col_bounds *bounds, const unsigned *row, size_t n,
                        const double *axis[SOL_MAX_AXES])
{
    for (int k = 0; k < bounds->phase->n_axes; k++) {
        const sol_axis *a = &bounds->phase->axis[k];
        const col_values *column = &bounds->rows->axis[k];
        axis[k] = NULL;
        if (a->optional && column->width == COL_ONE && column->same == a->value)
            continue;
        col_rows_gather(column, row, n, bounds->at.axis[k]);
        axis[k] = bounds->at.axis[k];
    }
}

/* The resource that takes longest in the row's own cache state. */
static col_limiter find_limiter(const col_bounds *bounds, size_t i, bool hot)
{
    static const col_limiter of_engine[SOL_N_ENGINES] = {[SOL_TENSOR] =
                                                             COL_LIMITER_TENSOR,
                                                         [SOL_CUDA] = COL_LIMITER_CUDA,
                                                         [SOL_EXP] = COL_LIMITER_EXP};
    const batch *b = &bounds->at;
    double memory_s = hot ? b->memory_hot_s[i] : b->memory_cold_s[i], most_s = memory_s;
    double l2_bw = bounds->system->l2_bw_B_s.value;
    bool from_l2 = hot && isfinite(l2_bw) && memory_s < b->memory_cold_s[i] &&
                   b->bytes_B[i] / l2_bw >= memory_s * (1 - 1e-9);
    col_limiter limiter = from_l2 ? COL_LIMITER_L2 : COL_LIMITER_MEMORY;
    for (int e = 0; e < SOL_N_ENGINES; e++)
        if (b->engine_s[e][i] > most_s) {
            most_s = b->engine_s[e][i];
            limiter = of_engine[e];
        }
    return b->network_s[i] > most_s ? COL_LIMITER_NETWORK : limiter;
}

static void judge(col_bounds *bounds, int config, const unsigned *row, size_t n)
{
    batch *b = &bounds->at;
    for (size_t i = 0; i < n; i++) {
        double latency_s = bounds->rows->latency_s[row[i]];
        bool hot = b->is_hot[i] != 0;
        col_audit_row *to = &b->row[i];
        *to = (col_audit_row){.row = row[i],
                              .config = config,
                              .is_hot = hot,
                              .latency_s = latency_s,
                              .cold = b->cold_s[i] / latency_s,
                              .hot = b->hot_s[i] / latency_s,
                              .bound_s = hot ? b->hot_s[i] : b->cold_s[i],
                              .bytes_B = b->bytes_B[i],
                              .limiter = find_limiter(bounds, i, hot)};
        to->ratio = hot ? to->hot : to->cold;
    }
}

static sc_status visit_config(col_bounds *bounds, size_t config, col_visit *visit,
                              void *user, sc_diag *diag)
{
    batch *b = &bounds->at;
    const unsigned *row = bounds->order->row + bounds->order->first[config];
    size_t n = bounds->order->first[config + 1] - bounds->order->first[config];
    const sol_columns columns = {
        .bytes_B = b->bytes_B,
        .engine_s = {b->engine_s[0], b->engine_s[1], b->engine_s[2]},
        .memory_cold_s = b->memory_cold_s,
        .memory_hot_s = b->memory_hot_s,
        .network_s = b->network_s,
        .sol_cold_s = b->cold_s,
        .sol_hot_s = b->hot_s};
    _Static_assert(SOL_N_ENGINES == 3, "each engine has its column");
    sol_model *model;
    sc_status status = make_model(bounds, config, &model, diag);
    if (status)
        return status;
    for (size_t first = 0, m; first < n && !status; first += m) {
        const double *axis[SOL_MAX_AXES];
        m = n - first < BATCH ? n - first : BATCH;
        gather_axes(bounds, row + first, m, axis);
        col_rows_gather(&bounds->rows->hot, row + first, m, b->is_hot);
        status = sol_model_eval_columns(model, m, axis, &columns, diag);
        if (!status) {
            judge(bounds, (int)config, row + first, m);
            status = visit(user, b->row, m);
        }
    }
    sol_model_free(model);
    return status;
}

sc_status col_bounds_visit(col_bounds *bounds, col_visit *visit, void *user,
                           sc_diag *diag)
{
    sc_status status = SC_OK;
    for (size_t g = 0; g < bounds->rows->about.n_configs && !status; g++)
        status = visit_config(bounds, g, visit, user, diag);
    return status;
}

/* ---- tokens, and the evidence that rests on them ---- */

static sc_status tokens(col_bounds *bounds, size_t config, double *x, sc_diag *diag)
{
    const unsigned *row = bounds->order->row + bounds->order->first[config];
    size_t n = bounds->order->first[config + 1] - bounds->order->first[config];
    sol_model *model;
    sc_status status = make_model(bounds, config, &model, diag);
    if (status)
        return status;
    for (size_t first = 0, m; first < n && !status; first += m) {
        const double *axis[SOL_MAX_AXES];
        m = n - first < BATCH ? n - first : BATCH;
        gather_axes(bounds, row + first, m, axis);
        status = sol_model_tokens(model, m, axis, x + first, diag);
    }
    sol_model_free(model);
    return status;
}

static sc_status collect_evidence(col_bounds *bounds, col_evidence *out, sc_diag *diag)
{
    const col_row_order *order = bounds->order;
    col_survey *survey;
    double *x = NULL;
    size_t most = 0;
    sc_status status = col_survey_new(bounds->rows, &survey, diag);
    if (status)
        return status;
    for (size_t g = 0; g < bounds->rows->about.n_configs; g++)
        most = order->first[g + 1] - order->first[g] > most
                   ? order->first[g + 1] - order->first[g]
                   : most;
    if (!(x = sc_reallocarray(NULL, most + 1, sizeof *x)))
        status = sc_diag_nomem(diag);
    for (size_t g = 0; g < bounds->rows->about.n_configs && !status; g++) {
        status = tokens(bounds, g, x, diag);
        if (!status)
            status = col_survey_add(survey, order->row + order->first[g],
                                    order->first[g + 1] - order->first[g], x, diag);
    }
    if (!status)
        status = col_survey_end(survey, out, diag);
    sc_free(x);
    col_survey_free(survey);
    return status;
}

/* ---- distributions ---- */

/* Nearest rank (Hyndman and Fan, The American Statistician 50, 1996, definition 1). */
static size_t rank_of(size_t n, double q)
{
    size_t rank = (size_t)ceil(q * (double)n);
    return rank ? rank - 1 : 0;
}

double col_audit_quantile(const double *sorted, size_t n, double q)
{
    return n ? sorted[rank_of(n, q)] : NAN;
}

/* Selection, not sorting: what is above one quantile stays above it. */
static col_share share(double *value, size_t n)
{
    static const double q[] = {0.5, 0.9, 0.99};
    double found[3];
    size_t from = 0;
    if (!n)
        return (col_share){NAN, NAN, NAN, NAN};
    for (int i = 0; i < 3; i++) {
        size_t rank = rank_of(n, q[i]);
        found[i] = gsl_stats_select(value + from, 1, n - from, rank - from);
        from = rank;
    }
    return (col_share){.median = found[0],
                       .p90 = found[1],
                       .p99 = found[2],
                       .largest = gsl_stats_max(value + from, 1, n - from)};
}

typedef struct shares {
    col_audit *audit;
    double *cold, *hot; /* [n_rows] */
    size_t n;
} shares;

static sc_status count_rows(void *user, const col_audit_row *row, size_t n)
{
    shares *s = user;
    for (size_t i = 0; i < n; i++) {
        s->cold[s->n] = row[i].cold;
        s->hot[s->n++] = row[i].hot;
        s->audit->n_violations += col_row_is_bad(&row[i]);
        s->audit->n_below_cold += col_row_is_explained(&row[i]);
    }
    return SC_OK;
}

/* The shares of large rows move to the front of s->cold. */
static size_t take_large(const shares *s, const col_bounds *bounds)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        if (s->hot[i] * bounds->rows->latency_s[bounds->order->row[i]] >= COL_LARGE_S)
            s->cold[n++] = s->hot[i];
    return n;
}

static sc_status distributions(col_bounds *bounds, col_audit *audit, sc_diag *diag)
{
    size_t n = bounds->rows->n;
    shares s = {.audit = audit};
    s.cold = sc_reallocarray(NULL, n, sizeof *s.cold);
    s.hot = sc_reallocarray(NULL, n, sizeof *s.hot);
    sc_status status = s.cold && s.hot ? SC_OK : sc_diag_nomem(diag);
    if (!status)
        status = col_bounds_visit(bounds, count_rows, &s, diag);
    if (!status) {
        audit->fell_back = bounds->fell_back;
        audit->knows_l2 = bounds->knows_l2;
        audit->cold = share(s.cold, n);
        audit->n_large = take_large(&s, bounds);
        audit->hot = share(s.hot, n);
        col_share large = share(s.cold, audit->n_large);
        audit->large_p99_hot = large.p99;
        audit->large_best_hot = large.largest;
    }
    sc_free(s.cold);
    sc_free(s.hot);
    return status;
}

bool col_audit_slow(const col_audit *audit)
{
    return audit->n_large >= COL_SLOW_ROWS && audit->large_best_hot < COL_SLOW;
}

/* ---- all of it ---- */

sc_status col_audit_rows(const col_rows *rows, const sol_system *system, col_audit *out,
                         sc_diag *diag)
{
    col_audit audit = {.n_rows = rows->n};
    col_row_order order = {0};
    col_bounds *bounds = NULL;
    if (!rows->n)
        return sc_diag_fail(diag, SC_EDOMAIN, SC2004, "there are no points to audit");
    sc_status status = col_row_order_make(rows, &order, diag);
    if (!status)
        status = col_bounds_new(rows, system, &order, &bounds, diag);
    if (!status)
        status = collect_evidence(bounds, &audit.evidence, diag);
    if (!status)
        status = distributions(bounds, &audit, diag);
    if (!status && (audit.n_violations + audit.n_below_cold || col_audit_slow(&audit)))
        status = col_audit_suspect(rows, system, bounds, &audit, diag);
    col_bounds_free(bounds);
    col_row_order_clear(&order);
    if (status)
        col_audit_clear(&audit);
    else
        *out = audit;
    return status;
}

sc_status col_audit_points(const col_points *points, const sol_system *system,
                           col_audit *out, sc_diag *diag)
{
    col_rows rows;
    sc_status status = col_rows_of(points, &rows, diag);
    if (status)
        return status;
    status = col_audit_rows(&rows, system, out, diag);
    col_rows_clear(&rows);
    return status;
}

void col_audit_clear(col_audit *audit)
{
    sc_free(audit->finding);
    audit->finding = NULL;
    audit->n_findings = 0;
}
