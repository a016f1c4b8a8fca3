/* solcheck - bounds of every row of a table, and what they say about it.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/audit_rows.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- rows ---- */

/* The resource that takes longest in the row's own cache state. */
static col_limiter find_limiter(const sol_bound *b, const sol_system *system, bool hot)
{
    static const col_limiter of_engine[SOL_N_ENGINES] = {[SOL_TENSOR] =
                                                             COL_LIMITER_TENSOR,
                                                         [SOL_CUDA] = COL_LIMITER_CUDA,
                                                         [SOL_EXP] = COL_LIMITER_EXP};
    double memory_s = hot ? b->memory_hot_s : b->memory_cold_s, most_s = memory_s;
    double l2_bw = system->l2_bw_B_s.value;
    bool from_l2 = hot && isfinite(l2_bw) && memory_s < b->memory_cold_s &&
                   b->bytes_B / l2_bw >= memory_s * (1 - 1e-9);
    col_limiter limiter = from_l2 ? COL_LIMITER_L2 : COL_LIMITER_MEMORY;
    for (int e = 0; e < SOL_N_ENGINES; e++)
        if (b->engine_s[e] > most_s) {
            most_s = b->engine_s[e];
            limiter = of_engine[e];
        }
    return b->network_s > most_s ? COL_LIMITER_NETWORK : limiter;
}

static void judge(const col_points *points, const sol_system *system, const sol_bound *b,
                  col_audit_row *row)
{
    const col_point *point = row->point;
    row->cold = b->sol_cold_s / point->latency_s;
    row->hot = b->sol_hot_s / point->latency_s;
    row->bound_s = point->hot ? b->sol_hot_s : b->sol_cold_s;
    row->ratio = point->hot ? row->hot : row->cold;
    row->bytes_B = b->bytes_B;
    row->limiter = find_limiter(b, system, point->hot);
    row->config = &points->config[point->group];
}

/* Rows that are evaluated at a time: a bound takes a quarter of a kilobyte. */
#define BATCH 512

typedef struct batch {
    double value[SOL_MAX_AXES][BATCH];
    double x[BATCH];
    sol_bound bound[BATCH];
} batch;

static sc_status evaluate_batch(const sol_model *model, int n_axes, col_audit_row *row,
                                size_t n, batch *work, sc_diag *diag)
{
    const double *axis[SOL_MAX_AXES];
    for (int i = 0; i < n_axes; i++) {
        axis[i] = work->value[i];
        for (size_t k = 0; k < n; k++)
            work->value[i][k] = row[k].point->axis[i];
    }
    sc_status status = sol_model_eval(model, n, axis, work->bound, NULL, diag);
    return status ? status : sol_model_tokens(model, n, axis, work->x, diag);
}

/* Evaluates row[0..n), all of one configuration; x in the order of the points. */
static sc_status evaluate(const col_points *points, const sol_system *system,
                          col_audit_row *row, size_t n, batch *work, double *x,
                          col_audit *audit, sc_diag *diag)
{
    sol_model *model;
    int n_axes = points->op->phase[points->phase]->n_axes;
    sc_status status =
        sol_model_new(points->op, points->phase, &points->config[row->point->group],
                      system, SOL_ARCHITECTURAL, &model, diag);
    if (status)
        return status;
    for (size_t first = 0, m; first < n && !status; first += m) {
        m = n - first < BATCH ? n - first : BATCH;
        status = evaluate_batch(model, n_axes, row + first, m, work, diag);
        for (size_t k = 0; k < m && !status; k++) {
            judge(points, system, &work->bound[k], &row[first + k]);
            x[row[first + k].point - points->point] = work->x[k];
        }
    }
    audit->fell_back |= sol_model_fell_back(model);
    audit->knows_l2 = sol_model_knows_l2(model);
    sol_model_free(model);
    return status;
}

/* Rows by configuration, in the order of the table within one. A counting sort. */
static sc_status order_rows(const col_points *points, col_audit_row *row, sc_diag *diag)
{
    size_t *next = sc_calloc(points->n_configs + 1, sizeof *next);
    if (!next)
        return sc_diag_nomem(diag);
    for (size_t i = 0; i < points->n; i++)
        next[points->point[i].group + 1]++;
    for (size_t g = 0; g < points->n_configs; g++)
        next[g + 1] += next[g];
    for (size_t i = 0; i < points->n; i++)
        row[next[points->point[i].group]++].point = &points->point[i];
    sc_free(next);
    return SC_OK;
}

static sc_status evaluate_all(const col_points *points, const sol_system *system,
                              col_audit_row *row, double *x, col_audit *audit,
                              sc_diag *diag)
{
    batch *work = sc_calloc(1, sizeof *work);
    sc_status status = work ? order_rows(points, row, diag) : sc_diag_nomem(diag);
    for (size_t i = 0, n; !status && i < points->n; i += n) {
        for (n = 1; i + n < points->n && row[i + n].point->group == row[i].point->group;)
            n++;
        status = evaluate(points, system, row + i, n, work, x, audit, diag);
    }
    sc_free(work);
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

static sc_status distributions(const col_audit_row *row, size_t n, col_audit *audit,
                               sc_diag *diag)
{
    double *value = sc_calloc(n, sizeof *value);
    if (!value)
        return sc_diag_nomem(diag);
    for (size_t i = 0; i < n; i++)
        value[i] = row[i].cold;
    audit->cold = share(value, n);
    for (size_t i = 0; i < n; i++)
        value[i] = row[i].hot;
    audit->hot = share(value, n);
    for (size_t i = 0; i < n; i++) {
        bool hot = row[i].point->hot;
        if (row[i].hot * row[i].point->latency_s >= COL_LARGE_S)
            value[audit->n_large++] = row[i].hot;
        audit->n_violations += row[i].ratio > 1 + COL_ROUNDING;
        audit->n_below_cold +=
            hot && row[i].cold > 1 + COL_ROUNDING && row[i].ratio <= 1 + COL_ROUNDING;
    }
    col_share large = share(value, audit->n_large);
    audit->large_p99_hot = large.p99;
    audit->large_best_hot = large.largest;
    sc_free(value);
    return SC_OK;
}

bool col_audit_slow(const col_audit *audit)
{
    return audit->n_large >= COL_SLOW_ROWS && audit->large_best_hot < COL_SLOW;
}

sc_status col_audit_points(const col_points *points, const sol_system *system,
                           col_audit *out, sc_diag *diag)
{
    col_audit audit = {.n_rows = points->n};
    if (!points->n)
        return sc_diag_fail(diag, SC_EDOMAIN, SC2004, "there are no points to audit");
    col_audit_row *row = sc_calloc(points->n, sizeof *row);
    double *x = sc_calloc(points->n, sizeof *x);
    sc_status status = row && x ? SC_OK : sc_diag_nomem(diag);
    if (!status)
        status = evaluate_all(points, system, row, x, &audit, diag);
    if (!status)
        status = col_evidence_points(points, x, &audit.evidence, diag);
    sc_free(x);
    if (!status)
        status = distributions(row, points->n, &audit, diag);
    if (!status && (audit.n_violations + audit.n_below_cold || col_audit_slow(&audit)))
        status = col_audit_suspect(points, system, row, &audit, diag);
    sc_free(row);
    if (status)
        col_audit_clear(&audit);
    else
        *out = audit;
    return status;
}

void col_audit_clear(col_audit *audit)
{
    sc_free(audit->finding);
    audit->finding = NULL;
    audit->n_findings = 0;
}
