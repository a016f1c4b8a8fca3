/* solcheck - points per second of the speed-of-light evaluator.
 *
 * mla, context phase, every term and both bounds, in streamed blocks whose memory does
 * not grow with the number of points. Next to it, in the same run: the same formula
 * written out as a C loop (what a compiler makes of it once op and parameters are fixed),
 * and the exact tree-walking evaluator for scale. Times of one core are processor time of
 * the thread; those of all cores are wall time. The largest number of points is
 * 10^$SC_BENCH_DECADES (8). SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "sol/kernels.h"
#include "sol/roofline.h"

#define CHUNK 1024 /* points made, evaluated and folded at a time */

static double clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- points ---- */

/* Point number i: b and s run over coprime cycles. One division per chunk, no more: the
 * points are not what is measured. */
static void make_points(size_t first, size_t n, double *b, double *s)
{
    size_t ib = first % 61, is = first % 4099;
    for (size_t i = 0; i < n; i++) {
        b[i] = (double)(ib + 1);
        s[i] = (double)(7 * is + 3);
        ib = ib == 60 ? 0 : ib + 1;
        is = is == 4098 ? 0 : is + 1;
    }
}

typedef struct job { /* one thread's share */
    const sol_model *model;
    size_t first, n;
    int kind;
    double sum; /* of both bounds, so that nothing is optimised away */
    bool failed;
} job;

enum { POINTS, COLUMNS, STRUCTS, PLAIN, N_KINDS };

/* ---- the formula written out ---- */

typedef struct plain {
    double heads, dqk, rope, nope, dv, bytes, tensor, exp, bw, l2_bw, l2;
} plain;

static plain constants;

typedef struct plain_out {
    double term[8][CHUNK], flop[CHUNK], exps[CHUNK], bytes[CHUNK], tensor[CHUNK],
        exp[CHUNK];
    double compute[CHUNK], cold[CHUNK], hot[CHUNK], sol_cold[CHUNK], sol_hot[CHUNK];
} plain_out;

#if defined(__GNUC__) && !defined(__clang__)
__attribute__((optimize("O3")))
#endif
static void
plain_eval(const plain *k, size_t n, const double *restrict b, const double *restrict s,
           plain_out *restrict o)
{
    for (size_t i = 0; i < n; i++) {
        double pairs = s[i] * (s[i] + 1) / 2, x = b[i] * s[i];
        double qk = 2 * b[i] * k->heads * k->dqk * pairs;
        double pv = 2 * b[i] * k->heads * k->dv * pairs;
        double softmax = b[i] * k->heads * pairs;
        double q = x * k->heads * k->dqk * k->bytes;
        double nope = x * k->heads * k->nope * k->bytes, rope = x * k->rope * k->bytes;
        double v = x * k->heads * k->dv * k->bytes, out = v;
        double bytes = q + nope + rope + v + out;
        double tensor = qk / k->tensor + pv / k->tensor, exp = softmax / k->exp;
        double compute = tensor > exp ? tensor : exp;
        double cold = bytes / k->bw, pass = bytes / k->l2_bw;
        double miss = (bytes - (bytes < k->l2 ? bytes : k->l2)) / k->bw;
        double hot = miss > pass ? miss : pass;
        hot = hot < cold ? hot : cold;
        o->term[0][i] = qk, o->term[1][i] = pv, o->term[2][i] = softmax;
        o->term[3][i] = q, o->term[4][i] = nope, o->term[5][i] = rope;
        o->term[6][i] = v, o->term[7][i] = out;
        o->flop[i] = qk + pv, o->exps[i] = softmax, o->bytes[i] = bytes;
        o->tensor[i] = tensor, o->exp[i] = exp, o->compute[i] = compute;
        o->cold[i] = cold, o->hot[i] = hot;
        o->sol_cold[i] = compute > cold ? compute : cold;
        o->sol_hot[i] = compute > hot ? compute : hot;
    }
}

/* ---- one thread ---- */

typedef struct buffers {
    double b[CHUNK], s[CHUNK];
    sol_bound bound[CHUNK];
    double column[11 + 16][CHUNK];
    plain_out plain;
} buffers;

static sol_columns columns_of(buffers *m, double **term)
{
    for (int t = 0; t < 16; t++)
        term[t] = m->column[11 + t];
    return (sol_columns){.flop = m->column[0],
                         .exps = m->column[1],
                         .bytes_B = m->column[2],
                         .engine_s = {m->column[3], m->column[4], m->column[5]},
                         .memory_cold_s = m->column[6],
                         .memory_hot_s = m->column[7],
                         .compute_s = m->column[8],
                         .sol_cold_s = m->column[9],
                         .sol_hot_s = m->column[10],
                         .term = term};
}

/* The last point of a chunk stands for it: every point is computed and stored all the
 * same. */
static void *stream(void *data)
{
    job *j = data;
    buffers *m = malloc(sizeof *m);
    double *term[16];
    j->failed = !m;
    for (size_t at = 0; at < j->n && !j->failed; at += CHUNK) {
        size_t n = j->n - at < CHUNK ? j->n - at : CHUNK;
        const double *axis[] = {m->b, m->s, NULL};
        make_points(j->first + at, n, m->b, m->s);
        if (j->kind == COLUMNS) {
            const sol_columns out = columns_of(m, term);
            j->failed = sol_model_eval_columns(j->model, n, axis, &out, NULL) != SC_OK;
            j->sum += out.sol_cold_s[n - 1] + out.sol_hot_s[n - 1];
        } else if (j->kind == STRUCTS) {
            j->failed = sol_model_eval(j->model, n, axis, m->bound, NULL, NULL) != SC_OK;
            j->sum += m->bound[n - 1].sol_cold_s + m->bound[n - 1].sol_hot_s;
        } else if (j->kind == PLAIN) {
            plain_eval(&constants, n, m->b, m->s, &m->plain);
            __asm__ volatile("" : : "r"(&m->plain) : "memory"); /* keep every store */
            j->sum += m->plain.sol_cold[n - 1] + m->plain.sol_hot[n - 1];
        } else {
            __asm__ volatile("" : : "r"(m) : "memory");
            j->sum += m->b[n - 1] + m->s[n - 1];
        }
    }
    free(m);
    return NULL;
}

/* Seconds for n points on n_threads; NAN on a failure. *sum receives the check sum. */
static double run(const sol_model *model, int kind, size_t n, int n_threads, double *sum)
{
    pthread_t thread[256];
    static job jobs[256];
    clockid_t clock = n_threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
    size_t share = n / (size_t)n_threads;
    double start = clock_s(clock);
    bool failed = false;
    *sum = 0;
    for (int t = 0; t < n_threads; t++) {
        size_t first = (size_t)t * share;
        size_t mine = t == n_threads - 1 ? n - first : share;
        jobs[t] = (job){model, first, mine, kind, 0, false};
        if (n_threads == 1)
            stream(&jobs[t]);
        else if (pthread_create(&thread[t], NULL, stream, &jobs[t]))
            return NAN;
    }
    for (int t = 0; t < n_threads; t++) {
        if (n_threads > 1)
            pthread_join(thread[t], NULL);
        failed |= jobs[t].failed;
        *sum += jobs[t].sum;
    }
    return failed ? NAN : clock_s(clock) - start;
}

/* The best of several runs, which together take about 0.2 s. */
static double best_s(const sol_model *model, int kind, size_t n, int n_threads,
                     double *sum)
{
    double best = HUGE_VAL, total = 0;
    for (int r = 0; r < 3 || (total < 0.2 && r < 2000); r++) {
        double took = run(model, kind, n, n_threads, sum);
        if (isnan(took))
            return NAN;
        best = fmin(best, took);
        total += took;
    }
    return best;
}

/* ---- the exact evaluator ---- */

static double exact_points_s(const sol_op *op, const sol_config *config)
{
    const sol_phase *phase = op->phase[SOL_CONTEXT];
    int n = sol_symbol_count(op->ctx);
    double *plain_value = calloc((size_t)n, sizeof *plain_value);
    fmpq *value = calloc((size_t)n, sizeof *value);
    fmpq_t out;
    if (!plain_value || !value) {
        free(plain_value);
        free(value);
        return NAN;
    }
    sol_config_values(op, phase, config, plain_value);
    for (int i = 0; i < n; i++) {
        fmpq_init(&value[i]);
        if (isfinite(plain_value[i]))
            fmpq_set_si(&value[i], (slong)plain_value[i], 1);
    }
    fmpq_init(out);
    double start = clock_s(CLOCK_THREAD_CPUTIME_ID);
    for (int i = 0; i < 1000; i++) {
        fmpq_set_si(&value[phase->axis[0].symbol], 1 + i % 61, 1);
        fmpq_set_si(&value[phase->axis[1].symbol], 3 + 7 * i, 1);
        for (int t = 0; t < phase->n_terms; t++)
            if (sol_expr_exact(op->ctx, phase->term[t].expr, value, out, NULL) != SC_OK)
                return NAN;
    }
    double took = clock_s(CLOCK_THREAD_CPUTIME_ID) - start;
    for (int i = 0; i < n; i++)
        fmpq_clear(&value[i]);
    fmpq_clear(out);
    free(value);
    free(plain_value);
    return 1000 / took;
}

/* ---- the table ---- */

static int table(const sol_model *model, int decades, int n_cores)
{
    printf("%10s %10s %10s %10s %10s %8s %9s %8s\n", "points", "arrays", "structs",
           "plain C", "all cores", "vs plain", "scaling", "rss_MB");
    printf("%10s %10s %10s %10s %10s %8s %9s %8s\n", "", "Mpoints/s", "Mpoints/s",
           "Mpoints/s", "Mpoints/s", "", "", "");
    for (int d = 3; d <= decades; d++) {
        size_t n = (size_t)pow(10, d);
        double sum[N_KINDS], rate[N_KINDS], all_sum;
        double points_s = best_s(model, POINTS, n, 1, &sum[POINTS]);
        for (int k = COLUMNS; k < N_KINDS; k++)
            rate[k] = 1e-6 * (double)n / (best_s(model, k, n, 1, &sum[k]) - points_s);
        double all = 1e-6 * (double)n / best_s(model, COLUMNS, n, n_cores, &all_sum);
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        printf("%10zu %10.1f %10.1f %10.1f %10.1f %8.2f %9.2f %8.1f\n", n, rate[COLUMNS],
               rate[STRUCTS], rate[PLAIN], all, rate[COLUMNS] / rate[PLAIN],
               all / rate[COLUMNS], (double)usage.ru_maxrss / 1024);
        fflush(stdout);
        if (!(sum[COLUMNS] == sum[STRUCTS]) ||
            !(fabs(sum[COLUMNS] / sum[PLAIN] - 1) < 1e-12)) {
            fprintf(stderr, "the results differ: %.17g, %.17g, %.17g\n", sum[COLUMNS],
                    sum[STRUCTS], sum[PLAIN]);
            return 1;
        }
    }
    return 0;
}

static void set_constants(const sol_op *op, const sol_config *c, const sol_system *gpu)
{
    bool fallback;
    constants = (plain){
        .heads = c->param[sol_op_param_index(op, "num_heads")],
        .nope = c->param[sol_op_param_index(op, "qk_nope_head_dim")],
        .rope = c->param[sol_op_param_index(op, "qk_rope_head_dim")],
        .dv = c->param[sol_op_param_index(op, "v_head_dim")],
        .bytes = 2,
        .tensor =
            sol_system_rate(gpu, SOL_ARCHITECTURAL, SOL_TENSOR, SOL_BF16, &fallback),
        .exp = sol_system_rate(gpu, SOL_ARCHITECTURAL, SOL_EXP, SOL_FP32, &fallback),
        .bw = sol_system_mem_bw(gpu, SOL_ARCHITECTURAL, &fallback),
        .l2_bw = gpu->l2_bw_B_s.value,
        .l2 = gpu->l2_B.value};
    constants.dqk = constants.nope + constants.rope;
    if (!isfinite(constants.l2_bw))
        constants.l2_bw = HUGE_VAL;
    if (!isfinite(constants.l2))
        constants.l2 = 0;
}

int main(void)
{
    const char *dir = getenv("SOLCHECK_DATA_DIR"), *most = getenv("SC_BENCH_DECADES");
    sol_op *op = NULL;
    sol_system *gpu = NULL;
    sol_config config = {0};
    sol_model *model = NULL;
    sc_diag diag = {0};
    long n_cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (!dir)
        dir = SC_SOURCE_DIR;
    if (sol_op_find("mla", NULL, dir, &op, &diag) ||
        sol_system_find("h100_sxm", dir, &gpu, &diag) ||
        sol_config_init(op, &config, &diag) ||
        sol_model_new(op, SOL_CONTEXT, &config, gpu, SOL_ARCHITECTURAL, &model, &diag)) {
        fprintf(stderr, "bench_sol_eval: %s\n", diag.message);
        return 1;
    }
    set_constants(op, &config, gpu);
    printf("mla, context phase: %d terms, both bounds; loops for %s\n",
           op->phase[SOL_CONTEXT]->n_terms, sol_kernels_best()->name);
    int failed = table(model, most ? atoi(most) : 8, n_cores > 256 ? 256 : (int)n_cores);
    printf("exact evaluator, terms alone: %.4f Mpoints/s\n",
           1e-6 * exact_points_s(op, &config));
    sol_model_free(model);
    sol_config_clear(&config);
    sol_system_free(gpu);
    sol_op_free(op);
    flint_cleanup_master();
    return failed;
}
