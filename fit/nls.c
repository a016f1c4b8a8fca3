/* solcheck - robust nonlinear least squares on gsl_multifit_nlinear.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "fit/nls.h"

#include <gsl/gsl_blas.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_linalg.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>
#include <string.h>

#include "fit/internal.h"

/* Iteration ends when it takes less than this part off the length of the residuals; from
 * a warm start 1e-4, a small part of a standard error of the coefficients up to some
 * thousand points, and beyond they are known too well for it to matter. */
#define LEAST_GAIN 1e-5
#define WARM_GAIN 1e-4

typedef struct solver {
    const fit_nls_problem *problem;
    gsl_multifit_nlinear_workspace *work;
    gsl_vector *theta, *weight;
    gsl_matrix *cov;
    gsl_matrix *scaled;                  /* [rows,p] Jacobian with columns of length 1 */
    gsl_vector *tau, *step, *rhs, *rest; /* of its least-squares problem */
    double *f, *abs_f;                   /* [n] */
    double *jac;                         /* [n * p] */
    double at[FIT_NLS_MAX_P];            /* theta of f and jac, if known */
    bool known;
    size_t rows; /* n and one per parameter with a prior */
} solver;

/* Prior rows come after the data. */
static void prior_rows(const solver *s, const gsl_vector *theta, gsl_vector *f,
                       gsl_matrix *jac)
{
    const fit_nls_problem *q = s->problem;
    for (size_t j = 0; q->prior_weight && j < q->p; j++) {
        double w = q->prior_weight[j];
        if (f) {
            gsl_vector_set(f, q->n + j,
                           w * (gsl_vector_get(theta, j) - q->prior_mean[j]));
        }
        for (size_t k = 0; jac && k < q->p; k++) {
            gsl_matrix_set(jac, q->n + j, k, k == j ? w : 0);
        }
    }
}

/* GSL asks for residuals and, almost always at the same theta, for the Jacobian next;
 * both are computed at once. */
static bool evaluate(solver *s, const gsl_vector *theta)
{
    const fit_nls_problem *q = s->problem;
    double th[FIT_NLS_MAX_P];
    bool same = s->known;
    for (size_t j = 0; j < q->p; j++) {
        th[j] = gsl_vector_get(theta, j);
        same = same && th[j] == s->at[j];
    }
    if (same) {
        return true;
    }
    memcpy(s->at, th, q->p * sizeof *th);
    s->known = q->eval(th, q->context, s->f, s->jac);
    return s->known;
}

static int eval_f(const gsl_vector *theta, void *params, gsl_vector *f)
{
    solver *s = params;
    if (!evaluate(s, theta)) {
        return GSL_EDOM;
    }
    memcpy(f->data, s->f, s->problem->n * sizeof *s->f);
    prior_rows(s, theta, f, NULL);
    return GSL_SUCCESS;
}

static int eval_jac(const gsl_vector *theta, void *params, gsl_matrix *jac)
{
    solver *s = params;
    if (!evaluate(s, theta)) {
        return GSL_EDOM;
    }
    memcpy(jac->data, s->jac, s->problem->n * s->problem->p * sizeof *s->jac);
    prior_rows(s, theta, NULL, jac);
    return GSL_SUCCESS;
}

static void solver_clear(solver *s)
{
    gsl_multifit_nlinear_free(s->work);
    gsl_vector_free(s->theta);
    gsl_vector_free(s->weight);
    gsl_matrix_free(s->cov);
    gsl_matrix_free(s->scaled);
    gsl_vector_free(s->tau);
    gsl_vector_free(s->step);
    gsl_vector_free(s->rhs);
    gsl_vector_free(s->rest);
    sc_free(s->f);
    sc_free(s->abs_f);
    sc_free(s->jac);
}

static bool solver_init(solver *s, const fit_nls_problem *q)
{
    memset(s, 0, sizeof *s);
    s->problem = q;
    s->rows = q->n + (q->prior_weight ? q->p : 0);
    gsl_multifit_nlinear_parameters par = gsl_multifit_nlinear_default_parameters();
    par.solver = q->accurate ? gsl_multifit_nlinear_solver_qr
                             : gsl_multifit_nlinear_solver_cholesky;
    s->work = gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &par, s->rows, q->p);
    s->theta = gsl_vector_alloc(q->p);
    s->weight = gsl_vector_alloc(s->rows);
    s->cov = gsl_matrix_alloc(q->p, q->p);
    s->scaled = gsl_matrix_alloc(s->rows, q->p);
    s->tau = gsl_vector_alloc(q->p);
    s->step = gsl_vector_alloc(q->p);
    s->rhs = gsl_vector_alloc(s->rows);
    s->rest = gsl_vector_alloc(s->rows);
    s->f = sc_malloc(q->n * sizeof *s->f);
    s->abs_f = sc_malloc(q->n * sizeof *s->abs_f);
    s->jac = sc_malloc(q->n * q->p * sizeof *s->jac);
    bool linear = s->scaled && s->tau && s->step && s->rhs && s->rest;
    if (linear && s->work && s->theta && s->weight && s->cov && s->f && s->abs_f &&
        s->jac) {
        return true;
    }
    solver_clear(s);
    return false;
}

/* Minimises for the present weights from theta; true when theta is finite afterwards. */
static bool minimise(solver *s, double *theta)
{
    size_t p = s->problem->p;
    gsl_multifit_nlinear_fdf fdf = {
        .f = eval_f, .df = eval_jac, .n = s->rows, .p = p, .params = s};
    for (size_t j = 0; j < p; j++) {
        gsl_vector_set(s->theta, j, theta[j]);
    }
    if (gsl_multifit_nlinear_winit(s->theta, s->weight, &fdf, s->work)) {
        return false;
    }
    double tolerance = s->problem->accurate ? 1e-15 : 1e-6;
    double least = s->problem->warm ? WARM_GAIN : LEAST_GAIN;
    double before = HUGE_VAL;
    if (s->problem->warm) {
        before = gsl_blas_dnrm2(gsl_multifit_nlinear_residual(s->work));
    }
    for (int i = 0; i < s->problem->max_iterations; i++) {
        int info = 0;
        if (gsl_multifit_nlinear_iterate(s->work) ||
            gsl_multifit_nlinear_test(tolerance, tolerance, 0, &info, s->work) ==
                GSL_SUCCESS) {
            break;
        }
        double now = gsl_blas_dnrm2(gsl_multifit_nlinear_residual(s->work));
        if (!s->problem->accurate && !(before - now > least * now)) {
            break;
        }
        before = now;
    }
    const gsl_vector *at = gsl_multifit_nlinear_position(s->work);
    bool finite = true;
    for (size_t j = 0; j < p; j++) {
        finite = finite && isfinite(gsl_vector_get(at, j));
    }
    for (size_t j = 0; finite && j < p; j++) {
        theta[j] = gsl_vector_get(at, j);
    }
    return finite;
}

/* Residuals at theta, their robust scale and Huber loss. */
static bool judge(solver *s, const double *theta, double *scale, double *loss)
{
    const fit_nls_problem *q = s->problem;
    gsl_vector_const_view at = gsl_vector_const_view_array(theta, q->p);
    if (!evaluate(s, &at.vector)) {
        return false;
    }
    for (size_t i = 0; i < q->n; i++) {
        s->abs_f[i] = fabs(s->f[i]);
    }
    *scale = fmax(fit_quantile(s->abs_f, q->n, 0.5) / 0.6744897501960817, q->scale_min);
    *loss = 0;
    double c = q->huber > 0 ? q->huber * *scale : HUGE_VAL;
    for (size_t i = 0; i < q->n; i++) {
        double a = fabs(s->f[i]);
        *loss += a <= c ? a * a : 2 * c * a - c * c;
    }
    return isfinite(*loss);
}

static double huber_loss(const solver *s, double scale)
{
    double c = s->problem->huber * scale, loss = 0;
    for (size_t i = 0; i < s->problem->n; i++) {
        double a = fabs(s->f[i]);
        loss += a <= c ? a * a : 2 * c * a - c * c;
    }
    return loss;
}

static void set_weights(solver *s, double scale)
{
    gsl_vector_set_all(s->weight, 1);
    double c = s->problem->huber * scale;
    for (size_t i = 0; c > 0 && i < s->problem->n; i++) {
        double a = fabs(s->f[i]);
        gsl_vector_set(s->weight, i, a <= c ? 1 : c / a);
    }
}

/* Copies a Jacobian with its columns brought to length 1, which polynomials need; a
 * column of zeros keeps its length. */
static void scale_columns(solver *s, const gsl_matrix *jac, double *length)
{
    gsl_matrix_memcpy(s->scaled, jac);
    for (size_t j = 0; j < s->problem->p; j++) {
        gsl_vector_view column = gsl_matrix_column(s->scaled, j);
        length[j] = gsl_blas_dnrm2(&column.vector);
        if (!(length[j] > 0) || !isfinite(length[j])) {
            length[j] = 1;
        }
        gsl_vector_scale(&column.vector, 1 / length[j]);
    }
}

static double sum_of_squares(const solver *s)
{
    double sum = 0;
    for (size_t i = 0; i < s->problem->n; i++) {
        sum += s->f[i] * s->f[i];
    }
    return sum;
}

/* Gauss-Newton steps by QR of the scaled Jacobian: what the trust region leaves when its
 * own steps no longer lower the loss by more than roundoff. Without weights and prior. */
static void polish(solver *s, double *theta)
{
    size_t n = s->problem->n, p = s->problem->p;
    double length[FIT_NLS_MAX_P], next[FIT_NLS_MAX_P];
    for (int round = 0; round < 4; round++) {
        gsl_vector_view at = gsl_vector_view_array(theta, p);
        if (!evaluate(s, &at.vector)) {
            return;
        }
        double before = sum_of_squares(s);
        gsl_matrix_const_view jac = gsl_matrix_const_view_array(s->jac, n, p);
        scale_columns(s, &jac.matrix, length);
        memcpy(s->rhs->data, s->f, n * sizeof *s->f);
        if (gsl_linalg_QR_decomp(s->scaled, s->tau) ||
            gsl_linalg_QR_lssolve(s->scaled, s->tau, s->rhs, s->step, s->rest)) {
            return;
        }
        for (size_t j = 0; j < p; j++) {
            next[j] = theta[j] - gsl_vector_get(s->step, j) / length[j];
            if (!isfinite(next[j])) {
                return;
            }
        }
        gsl_vector_view there = gsl_vector_view_array(next, p);
        if (!evaluate(s, &there.vector) || sum_of_squares(s) > before * (1 + 1e-12)) {
            return;
        }
        memcpy(theta, next, p * sizeof *theta);
    }
}

static void finish(solver *s, fit_nls_result *out)
{
    const fit_nls_problem *q = s->problem;
    double rss = 0, mass = 0;
    for (size_t i = 0; i < q->n; i++) {
        double w = gsl_vector_get(s->weight, i);
        rss += w * s->f[i] * s->f[i];
        mass += w;
    }
    out->dof = fmax(mass - (double)q->p, 1);
    out->scale = sqrt(rss / out->dof);
    double length[FIT_NLS_MAX_P];
    scale_columns(s, gsl_multifit_nlinear_jac(s->work), length);
    gsl_multifit_nlinear_covar(s->scaled, 1e-14, s->cov);
    for (size_t j = 0; j < q->p * q->p; j++) {
        double unit = out->scale * out->scale / (length[j / q->p] * length[j % q->p]);
        out->cov[j] = s->cov->data[j / q->p * s->cov->tda + j % q->p] * unit;
    }
}

/* Reweights until the loss at a fixed scale stops falling. */
static bool reweight(solver *s, double *theta, fit_nls_result *out)
{
    double scale, previous, now = HUGE_VAL;
    gsl_vector_set_all(s->weight, 1);
    if (s->problem->warm) {
        if (!judge(s, theta, &scale, &out->loss)) {
            return false;
        }
        set_weights(s, scale);
        return minimise(s, theta) && judge(s, theta, &scale, &out->loss);
    }
    if (!minimise(s, theta) || !judge(s, theta, &scale, &out->loss)) {
        return false;
    }
    for (int round = 0; s->problem->huber > 0 && round < 8; round++) {
        previous = huber_loss(s, scale);
        set_weights(s, scale);
        if (!minimise(s, theta) || !judge(s, theta, &scale, &now)) {
            return false;
        }
        out->loss = now;
        if (fabs(previous - now) <= 1e-3 * now) {
            break;
        }
    }
    return true;
}

sc_status fit_nls_solve(const fit_nls_problem *q, double *theta, fit_nls_result *result,
                        sc_diag *diag)
{
    if (q->p < 1 || q->p > FIT_NLS_MAX_P || q->n < q->p) {
        return sc_diag_fail(diag, SC_EINVAL, SC4000, "%zu points for %zu coefficients",
                            q->n, q->p);
    }
    solver s;
    if (!solver_init(&s, q)) {
        return sc_diag_nomem(diag);
    }
    double th[FIT_NLS_MAX_P];
    memcpy(th, theta, q->p * sizeof *th);
    fit_nls_result out = {0};
    bool ok = reweight(&s, th, &out);
    if (ok && q->accurate && !(q->huber > 0) && !q->prior_weight) {
        double scale;
        polish(&s, th);
        ok = judge(&s, th, &scale, &out.loss);
    }
    if (ok) {
        finish(&s, &out);
        memcpy(theta, th, q->p * sizeof *th);
        *result = out;
    }
    solver_clear(&s);
    return ok ? SC_OK
              : sc_diag_fail(diag, SC_EUNABLE, SC4002, "no finite minimum was reached");
}
