/* solcheck - gemm and mla_bmm on cuBLASLt, float accumulators: out[T,n] = x[T,k]
 * w[n,k]^T, and per head h out[T,h,n] = x[T,h,k] w[h,k,n], strided over the heads.
 *
 * cuBLASLt is column-major: out^T[n,T] = op_T(w) x^T with leading dimensions k, k, n; of
 * a head w^T x^T, with n, H*k, H*n, one head after k*n, k, n elements. The heuristic's
 * candidates are timed on the case's own data; the fastest is kept, and found again for
 * further execs of the same shape. Kernels that load 16 bytes at a time need n and k to
 * be multiples of 8; for other sizes the heuristic itself offers narrower ones, which the
 * source shows ("align2").
 *
 * fp8 (e4m3, one scale a tensor) multiplies rows of k with rows of k only, so that a
 * head's matrix is w[h,n,k] there; out is bf16. The sums
 * keep the tensor cores' own precision, as inference frameworks have them ("fast
 * accumulation"). SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission,
 * see LICENSE */
#include "mock/cuda/cuda.h"

#include <cublasLt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"

enum { MAX_CANDIDATES = 32, MAX_REPEATS = 20, ROUNDS = 3, FINALISTS = 4 };

typedef struct gemm_state {
    cublasLtMatmulDesc_t matmul;
    cublasLtMatrixLayout_t w, x, out;
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulHeuristicResult_t candidate[MAX_CANDIDATES];
    int n, chosen;
} gemm_state;

static sc_status lt_check(cublasStatus_t status, const char *call, const char *file,
                          int line, sc_diag *diag)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return SC_OK;
    sc_diag_fail(diag, SC_EGPU, SC3003, "%s: %s", call, cublasLtGetStatusString(status));
    sc_diag_at(diag, file, line, 0, 0, NULL);
    return SC_EGPU;
}
#define LT(call, diag) lt_check((call), #call, __FILE__, __LINE__, diag)

/* The handle, and the workspace with the scale of fp8 tensors, 1, behind it. */
static sc_status make_library(mock_device *dev, sc_diag *diag)
{
    static const float one = 1;
    void *workspace = NULL;
    sc_status status = SC_OK;
    if (!dev->lt)
        status = LT(cublasLtCreate((cublasLtHandle_t *)&dev->lt), diag);
    if (status || dev->lt_workspace)
        return status;
    status = cuda_alloc(dev, CUDA_LT_WORKSPACE_B + sizeof one, &workspace, diag);
    if (status)
        return status;
    status =
        cuda_upload(dev, (char *)workspace + CUDA_LT_WORKSPACE_B, &one, sizeof one, diag);
    if (status)
        cudaFree(workspace);
    else
        dev->lt_workspace = workspace;
    return status;
}

/* Tensors 0, 1 and 2 of either layer are x, w and out. */
typedef struct gemm_shape {
    cudaDataType_t type, out_type;
    int64_t tokens, n, k;
    int heads;
    bool by_head; /* rows of x and out hold all heads */
    bool k_rows;  /* w[h,n,k] instead of w[h,k,n] */
} gemm_shape;

/* What the search found for a shape: all cases of that shape run the same algorithm. */
typedef struct gemm_memo {
    gemm_shape shape;
    cublasLtMatmulHeuristicResult_t chosen;
    char source[96];
} gemm_memo;

static bool same_shape(const gemm_shape *a, const gemm_shape *b)
{
    return a->type == b->type && a->tokens == b->tokens && a->n == b->n && a->k == b->k &&
           a->heads == b->heads && a->by_head == b->by_head;
}

static gemm_shape shape_of(const mock_exec *exec, int kind)
{
    const mock_case *c = exec->c;
    bool bmm = strcmp(exec->route->layer, "mla_bmm") == 0, narrow = kind == CUDA_FP8;
    return (gemm_shape){.type = narrow              ? CUDA_R_8F_E4M3
                                : kind == CUDA_BF16 ? CUDA_R_16BF
                                                    : CUDA_R_16F,
                        .out_type = kind == CUDA_FP16 ? CUDA_R_16F : CUDA_R_16BF,
                        .tokens = cuda_tokens(c),
                        .n = bmm ? mock_bmm_n(c) : c->param[MOCK_GEMM_N],
                        .k = bmm ? mock_bmm_k(c) : c->param[MOCK_GEMM_K],
                        .heads = bmm ? (int)c->param[MOCK_MLA_BMM_HEADS] : 1,
                        .by_head = bmm,
                        .k_rows = !bmm || narrow};
}

/* A column-major matrix, one a head, `stride` elements apart. */
static sc_status make_layout(cublasLtMatrixLayout_t *out, const gemm_shape *s,
                             cudaDataType_t type, int64_t rows, int64_t columns,
                             int64_t leading, int64_t stride, sc_diag *diag)
{
    sc_status status = LT(
        cublasLtMatrixLayoutCreate(out, type, (uint64_t)rows, (uint64_t)columns, leading),
        diag);
    if (!status && s->by_head)
        status =
            LT(cublasLtMatrixLayoutSetAttribute(*out, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                                &s->heads, sizeof s->heads),
               diag);
    if (!status && s->by_head)
        status = LT(cublasLtMatrixLayoutSetAttribute(
                        *out, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
                        sizeof stride),
                    diag);
    return status;
}

static sc_status set(gemm_state *g, cublasLtMatmulDescAttributes_t attribute,
                     const void *value, size_t size_B, sc_diag *diag)
{
    return LT(cublasLtMatmulDescSetAttribute(g->matmul, attribute, value, size_B), diag);
}

static sc_status describe_fp8(gemm_state *g, const mock_device *dev, sc_diag *diag)
{
    const void *scale = (const char *)dev->lt_workspace + CUDA_LT_WORKSPACE_B;
    int8_t fast = 1;
    sc_status status =
        set(g, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, &scale, sizeof scale, diag);
    if (!status)
        status = set(g, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, &scale, sizeof scale, diag);
    if (!status)
        status = set(g, CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast, sizeof fast, diag);
    return status;
}

static sc_status describe(gemm_state *g, const gemm_shape *s, const mock_device *dev,
                          sc_diag *diag)
{
    cublasOperation_t op = s->k_rows ? CUBLAS_OP_T : CUBLAS_OP_N;
    int64_t n = s->n, k = s->k, h = s->heads;
    size_t workspace_B = CUDA_LT_WORKSPACE_B;
    sc_status status =
        LT(cublasLtMatmulDescCreate(&g->matmul, CUBLAS_COMPUTE_32F, CUDA_R_32F), diag);
    if (!status)
        status = set(g, CUBLASLT_MATMUL_DESC_TRANSA, &op, sizeof op, diag);
    if (!status && s->type == CUDA_R_8F_E4M3)
        status = describe_fp8(g, dev, diag);
    if (!status)
        status = s->k_rows ? make_layout(&g->w, s, s->type, k, n, k, k * n, diag)
                           : make_layout(&g->w, s, s->type, n, k, n, k * n, diag);
    if (!status)
        status = make_layout(&g->x, s, s->type, k, s->tokens, h * k, k, diag);
    if (!status)
        status = make_layout(&g->out, s, s->out_type, n, s->tokens, h * n, n, diag);
    if (!status)
        status = LT(cublasLtMatmulPreferenceCreate(&g->preference), diag);
    if (!status)
        status = LT(cublasLtMatmulPreferenceSetAttribute(
                        g->preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                        &workspace_B, sizeof workspace_B),
                    diag);
    return status;
}

/* Seconds of one launch of the chosen candidate: the least of so many batches. One that
 * is far behind `bound` after its warm-up is not timed again. */
static sc_status time_candidate(mock_exec *exec, int rounds, double bound,
                                double *seconds, sc_diag *diag)
{
    double once = 0, best = 0;
    sc_status status = cuda_time(exec, MOCK_EAGER, 1, &once, diag); /* warm-up */
    if (!status)
        status = cuda_time(exec, MOCK_EAGER, 1, &once, diag);
    *seconds = once;
    if (status || (bound > 0 && once > 1e-4 && once > 1.3 * bound))
        return status;
    int n = once * MAX_REPEATS < 1e-3 ? MAX_REPEATS : 1 + (int)(1e-3 / once);
    mock_launch launch = MOCK_GRAPH; /* eager launches of short kernels time the host */
    for (int i = 0; i < rounds && !status; i++) {
        double all = 0;
        status = cuda_time(exec, launch, n, &all, diag);
        if (status == SC_EUNABLE && launch == MOCK_GRAPH) {
            launch = MOCK_EAGER;
            status = cuda_time(exec, launch, n, &all, diag);
        }
        if (i == 0 || all < best)
            best = all;
    }
    cuda_graphs_drop(exec);
    *seconds = best / n;
    return status;
}

/* The fastest that has not been taken; -1: none. */
static int least_of(const double *seconds, int n)
{
    int at = -1;
    for (int i = 0; i < n; i++)
        if (seconds[i] > 0 && (at < 0 || seconds[i] < seconds[at]))
            at = i;
    return at;
}

/* Times every candidate once, the fastest few again; one that fails to run is passed
 * over. */
static sc_status search(mock_exec *exec, sc_diag *diag)
{
    gemm_state *g = exec->state;
    double first[MAX_CANDIDATES] = {0}, best = 0;
    int chosen = -1;
    sc_diag why;
    sc_diag_clear(&why);
    for (g->chosen = 0; g->chosen < g->n; g->chosen++) {
        double *t = &first[g->chosen];
        if (g->candidate[g->chosen].state != CUBLAS_STATUS_SUCCESS)
            continue;
        if (time_candidate(exec, 1, best, t, &why))
            *t = 0;
        else if (best == 0 || *t < best)
            best = *t;
    }
    best = 0;
    for (int i = 0; i < FINALISTS && (g->chosen = least_of(first, g->n)) >= 0; i++) {
        double seconds = 0;
        first[g->chosen] = 0;
        if (time_candidate(exec, ROUNDS, best, &seconds, &why) == SC_OK &&
            (chosen < 0 || seconds < best)) {
            best = seconds;
            chosen = g->chosen;
        }
    }
    if (chosen < 0) {
        if (diag)
            *diag = why;
        return SC_EGPU;
    }
    g->chosen = chosen;
    return SC_OK;
}

static int config(const cublasLtMatmulAlgo_t *algo,
                  cublasLtMatmulAlgoConfigAttributes_t a)
{
    int value = -1;
    size_t written = 0;
    if (cublasLtMatmulAlgoConfigGetAttribute(algo, a, &value, sizeof value, &written) !=
        CUBLAS_STATUS_SUCCESS)
        return -1;
    return value;
}

static void name_source(mock_exec *exec, const gemm_shape *s)
{
    const gemm_state *g = exec->state;
    const cublasLtMatmulAlgo_t *algo = &g->candidate[g->chosen].algo;
    int64_t both = s->n | s->k;
    const char *align = s->type == CUDA_R_8F_E4M3 ? ":fp8"
                        : both % 8 == 0           ? ""
                        : both % 4 == 0           ? ":align8"
                        : both % 2 == 0           ? ":align4"
                                                  : ":align2";
    snprintf(exec->source, sizeof exec->source,
             "cublaslt%s:algo%d:tile%d:stages%d:splitk%d:choice%dof%d%s",
             s->by_head ? "_batched" : "", config(algo, CUBLASLT_ALGO_CONFIG_ID),
             config(algo, CUBLASLT_ALGO_CONFIG_TILE_ID),
             config(algo, CUBLASLT_ALGO_CONFIG_STAGES_ID),
             config(algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM), g->chosen + 1, g->n, align);
}

/* bf16, fp16, or fp8 where the tensor cores have it. */
static sc_status pick_kind(const mock_exec *exec, int *kind, sc_diag *diag)
{
    if (exec->c->dtype[0] != SOL_FP8)
        return cuda_kind_of_case(exec->c, 1, kind, diag);
    *kind = CUDA_FP8;
    return cuda_check_fp8(exec->dev, diag);
}

/* Candidates of the heuristic; fp8 is refused for sizes that it has no kernels for. */
static sc_status find(mock_exec *exec, const gemm_shape *s, sc_diag *diag)
{
    gemm_state *g = exec->state;
    bool narrow = s->type == CUDA_R_8F_E4M3;
    cublasStatus_t found = cublasLtMatmulAlgoGetHeuristic(
        exec->dev->lt, g->matmul, g->w, g->x, g->out, g->out, g->preference,
        MAX_CANDIDATES, g->candidate, &g->n);
    bool odd = narrow && (s->n % 16 || s->k % 16);
    if (found == CUBLAS_STATUS_NOT_SUPPORTED || (!found && g->n == 0) || (found && odd))
        return cuda_refuse(diag, "cuBLASLt has no algorithm for T=%lld n=%lld k=%lld%s",
                           (long long)s->tokens, (long long)s->n, (long long)s->k,
                           odd ? " in fp8: multiples of 16 have one" : "");
    return LT(found, diag);
}

/* Keeps what was found; without memory it is searched for again. */
static void remember(mock_device *dev, const gemm_shape *s, const mock_exec *exec)
{
    const gemm_state *g = exec->state;
    if (!dev->lt_memo)
        dev->lt_memo = sc_calloc(1, sizeof(gemm_memo));
    gemm_memo *memo = dev->lt_memo;
    if (!memo)
        return;
    memo->shape = *s;
    memo->chosen = g->candidate[g->chosen];
    memcpy(memo->source, exec->source, sizeof memo->source);
}

static bool recall(mock_exec *exec, const gemm_shape *s)
{
    gemm_state *g = exec->state;
    const gemm_memo *memo = exec->dev->lt_memo;
    if (!memo || !same_shape(&memo->shape, s))
        return false;
    g->candidate[0] = memo->chosen;
    g->n = 1;
    g->chosen = 0;
    memcpy(exec->source, memo->source, sizeof exec->source);
    return true;
}

sc_status cuda_gemm_prepare(mock_exec *exec, sc_diag *diag)
{
    int kind = 0;
    sc_status status = pick_kind(exec, &kind, diag);
    if (status)
        return status;
    gemm_state *g = exec->state = sc_calloc(1, sizeof *g);
    if (!g)
        return sc_diag_nomem(diag);
    gemm_shape s = shape_of(exec, kind);
    status = make_library(exec->dev, diag);
    if (!status)
        status = describe(g, &s, exec->dev, diag);
    if (status || recall(exec, &s))
        return status;
    status = find(exec, &s, diag);
    if (!status)
        status = search(exec, diag);
    if (status)
        return status;
    name_source(exec, &s);
    remember(exec->dev, &s, exec);
    return SC_OK;
}

sc_status cuda_gemm_launch(mock_exec *exec, sc_diag *diag)
{
    const gemm_state *g = exec->state;
    mock_device *dev = exec->dev;
    static const float one = 1, zero = 0;
    return LT(cublasLtMatmul(dev->lt, g->matmul, &one, exec->ptr[1], g->w, exec->ptr[0],
                             g->x, &zero, exec->ptr[2], g->out, exec->ptr[2], g->out,
                             &g->candidate[g->chosen].algo, dev->lt_workspace,
                             CUDA_LT_WORKSPACE_B, dev->stream),
              diag);
}

void cuda_gemm_release(mock_exec *exec)
{
    gemm_state *g = exec->state;
    if (!g)
        return;
    if (g->preference)
        cublasLtMatmulPreferenceDestroy(g->preference);
    if (g->out)
        cublasLtMatrixLayoutDestroy(g->out);
    if (g->x)
        cublasLtMatrixLayoutDestroy(g->x);
    if (g->w)
        cublasLtMatrixLayoutDestroy(g->w);
    if (g->matmul)
        cublasLtMatmulDescDestroy(g->matmul);
    sc_free(g);
}

void cuda_gemm_close(mock_device *dev)
{
    if (dev->lt)
        cublasLtDestroy(dev->lt);
    cudaFree(dev->lt_workspace);
    sc_free(dev->lt_memo);
}
