/* solcheck - calibration on a GPU: hosts of probe.cu, and matrix products of cuBLASLt.
 *
 * A matrix product is tried with all algorithms that cuBLASLt's heuristic offers; the one
 * with the shortest of some runs is kept. Its operands are normal random numbers: the
 * power that a tensor core takes, and with it the clock, depends on the bits that change.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <cublasLt.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { CANDIDATES = 16, TRIES = 4, TILE_VECTORS = 8 * CUDA_PROBE_THREADS };

typedef struct probe_state {
    cudaError_t (*kernel)(const cuda_probe_args *args, cudaStream_t stream);
    cuda_probe_args args;
    /* The matrix product. */
    cublasLtMatmulDesc_t matmul;
    cublasLtMatrixLayout_t w, x, out;
    cublasLtMatmulPreference_t preference;
    cublasLtMatmulHeuristicResult_t candidate[CANDIDATES];
    int n, chosen;
    bool integer;
    void *memory[3]; /* w, x, out */
} probe_state;

static sc_status lt_check(cublasStatus_t status, const char *call, int line,
                          sc_diag *diag)
{
    if (status == CUBLAS_STATUS_SUCCESS)
        return SC_OK;
    sc_diag_fail(diag, SC_EGPU, SC3003, "%s: %s", call, cublasLtGetStatusString(status));
    sc_diag_at(diag, __FILE__, line, 0, 0, NULL);
    return SC_EGPU;
}
#define LT(call, diag) lt_check((call), #call, __LINE__, diag)

/* ---- kernels of probe.cu ---- */

static sc_status probe_launch(mock_exec *exec, sc_diag *diag)
{
    const probe_state *p = exec->state;
    return CU(p->kernel(&p->args, exec->dev->stream), diag);
}

static void probe_release(mock_exec *exec)
{
    probe_state *p = exec->state;
    if (!p)
        return;
    if (p->preference)
        cublasLtMatmulPreferenceDestroy(p->preference);
    if (p->out)
        cublasLtMatrixLayoutDestroy(p->out);
    if (p->x)
        cublasLtMatrixLayoutDestroy(p->x);
    if (p->w)
        cublasLtMatrixLayoutDestroy(p->w);
    if (p->matmul)
        cublasLtMatmulDescDestroy(p->matmul);
    for (int i = 0; i < 3; i++)
        cudaFree(p->memory[i]);
    sc_free(p);
}

static const cuda_route kernel_route = {
    .layer = "probe", .launch = probe_launch, .release = probe_release};

/* Memory of whole rounds: every SM has as many tiles as any other. */
static sc_status take_memory(mock_exec *exec, const mock_probe *probe, sc_diag *diag)
{
    probe_state *p = exec->state;
    int sms = exec->dev->info.sm_count;
    bool copy = probe->kind == MOCK_PROBE_COPY;
    size_t round_B = (size_t)sms * TILE_VECTORS * 16;
    size_t rounds = probe->size_B / (copy ? 2 : 1) / round_B;
    rounds = rounds ? rounds : 1;
    p->args.n = (int64_t)(rounds * round_B / 16);
    p->args.passes = probe->passes;
    p->args.blocks = sms * (rounds < 4 ? (int)rounds : 4);
    sc_status status = cuda_alloc(exec->dev, rounds * round_B, &p->memory[0], diag);
    if (!status && copy)
        status = cuda_alloc(exec->dev, rounds * round_B, &p->memory[1], diag);
    p->args.in = p->memory[0];
    p->args.out = copy ? p->memory[1] : p->memory[0];
    if (!status)
        status = CU(cuda_fill_random(p->memory[0], CUDA_FP32, 4 * p->args.n,
                                     MOCK_INPUTS_NORMAL, 7, 1, exec->dev->stream),
                    diag);
    if (!status)
        status = CU(cudaStreamSynchronize(exec->dev->stream), diag);
    return status;
}

static sc_status make_memory(mock_exec *exec, const mock_probe *probe, double *work,
                             sc_diag *diag)
{
    probe_state *p = exec->state;
    p->kernel = probe->kind == MOCK_PROBE_READ    ? cuda_probe_read
                : probe->kind == MOCK_PROBE_WRITE ? cuda_probe_write
                                                  : cuda_probe_copy;
    sc_status status = take_memory(exec, probe, diag);
    *work = 16 * (double)p->args.n *
            (probe->kind == MOCK_PROBE_READ ? probe->passes
                                            : 1 + (probe->kind == MOCK_PROBE_COPY));
    return status;
}

static sc_status make_chains(mock_exec *exec, const mock_probe *probe, double *work,
                             sc_diag *diag)
{
    probe_state *p = exec->state;
    bool half = probe->dtype == SOL_FP16 || probe->dtype == SOL_BF16;
    if (probe->kind == MOCK_PROBE_FMA && probe->dtype != SOL_FP32 && !half)
        return cuda_refuse(diag, "CUDA cores multiply and add in fp32, fp16 or bf16");
    p->args.blocks = 4 * exec->dev->info.sm_count; /* 2048 threads an SM */
    p->kernel = probe->kind == MOCK_PROBE_EXP ? cuda_probe_exp
                : !half                       ? cuda_probe_fma_fp32
                : probe->dtype == SOL_FP16    ? cuda_probe_fma_fp16
                                              : cuda_probe_fma_bf16;
    *work = (double)p->args.blocks * CUDA_PROBE_THREADS * CUDA_PROBE_CHAINS *
            CUDA_PROBE_STEPS;
    if (probe->kind == MOCK_PROBE_FMA)
        *work *= half ? 4 : 2;
    return SC_OK;
}

/* ---- matrix products ---- */

typedef struct lt_types {
    sol_dtype dtype;
    cudaDataType_t in, out, scale;
    cublasComputeType_t compute;
} lt_types;

static const lt_types *find_types(sol_dtype dtype)
{
    static const lt_types all[] = {
        {SOL_BF16, CUDA_R_16BF, CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F},
        {SOL_FP16, CUDA_R_16F, CUDA_R_16F, CUDA_R_32F, CUBLAS_COMPUTE_32F},
        {SOL_FP8, CUDA_R_8F_E4M3, CUDA_R_16BF, CUDA_R_32F, CUBLAS_COMPUTE_32F},
        {SOL_INT8, CUDA_R_8I, CUDA_R_32I, CUDA_R_32I, CUBLAS_COMPUTE_32I}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (all[i].dtype == dtype)
            return &all[i];
    return NULL;
}

static sc_status gemm_launch(mock_exec *exec, sc_diag *diag)
{
    static const float one = 1, zero = 0;
    static const int32_t int_one = 1, int_zero = 0;
    const probe_state *p = exec->state;
    mock_device *dev = exec->dev;
    const void *alpha = p->integer ? (const void *)&int_one : &one;
    const void *beta = p->integer ? (const void *)&int_zero : &zero;
    return LT(cublasLtMatmul(dev->lt, p->matmul, alpha, p->memory[0], p->w, p->memory[1],
                             p->x, beta, p->memory[2], p->out, p->memory[2], p->out,
                             &p->candidate[p->chosen].algo, dev->lt_workspace,
                             CUDA_LT_WORKSPACE_B, dev->stream),
              diag);
}

static const cuda_route gemm_route = {
    .layer = "gemm probe", .launch = gemm_launch, .release = probe_release};

/* Normal numbers of which a period, no multiple of a tile, is made on the host. */
static sc_status fill(mock_device *dev, void *to, sol_dtype dtype, int64_t n,
                      uint64_t seed, sc_diag *diag)
{
    enum { PERIOD = 1000003 };
    size_t width_B = (size_t)sol_dtype_bits(dtype) / 8;
    size_t period_B = PERIOD * width_B, size_B = (size_t)n * width_B;
    void *period = sc_malloc(period_B);
    if (!period)
        return sc_diag_nomem(diag);
    mock_fill_random(period, dtype, PERIOD, MOCK_INPUTS_NORMAL, seed,
                     dtype == SOL_INT8 ? 32 : 1);
    size_t done = period_B < size_B ? period_B : size_B;
    sc_status status = cuda_upload(dev, to, period, done, diag);
    while (done < size_B && !status) { /* whole periods, twice as many each time */
        size_t more = done < size_B - done ? done : size_B - done;
        status = CU(cudaMemcpyAsync((char *)to + done, to, more, cudaMemcpyDeviceToDevice,
                                    dev->stream),
                    diag);
        done += more;
    }
    sc_free(period);
    return status ? status : CU(cudaStreamSynchronize(dev->stream), diag);
}

/* Column-major: out^T[n,m] = w[n,k] x[m,k]^T, with both stored k first. */
static sc_status describe(probe_state *p, const mock_probe *g, const lt_types *t,
                          sc_diag *diag)
{
    cublasOperation_t transposed = CUBLAS_OP_T;
    int8_t fast = 1; /* accumulators of fp8 products: what frameworks run */
    size_t workspace_B = CUDA_LT_WORKSPACE_B;
    sc_status status =
        LT(cublasLtMatmulDescCreate(&p->matmul, t->compute, t->scale), diag);
    if (!status)
        status = LT(cublasLtMatmulDescSetAttribute(p->matmul, CUBLASLT_MATMUL_DESC_TRANSA,
                                                   &transposed, sizeof transposed),
                    diag);
    if (!status && t->dtype == SOL_FP8)
        status = LT(cublasLtMatmulDescSetAttribute(
                        p->matmul, CUBLASLT_MATMUL_DESC_FAST_ACCUM, &fast, sizeof fast),
                    diag);
    uint64_t m = (uint64_t)g->m, n = (uint64_t)g->n, k = (uint64_t)g->k;
    if (!status)
        status = LT(cublasLtMatrixLayoutCreate(&p->w, t->in, k, n, g->k), diag);
    if (!status)
        status = LT(cublasLtMatrixLayoutCreate(&p->x, t->in, k, m, g->k), diag);
    if (!status)
        status = LT(cublasLtMatrixLayoutCreate(&p->out, t->out, n, m, g->n), diag);
    if (!status)
        status = LT(cublasLtMatmulPreferenceCreate(&p->preference), diag);
    if (!status)
        status = LT(cublasLtMatmulPreferenceSetAttribute(
                        p->preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                        &workspace_B, sizeof workspace_B),
                    diag);
    return status;
}

static sc_status take_operands(mock_exec *exec, const mock_probe *g, const lt_types *t,
                               sc_diag *diag)
{
    probe_state *p = exec->state;
    size_t in_B = (size_t)sol_dtype_bits(t->dtype) / 8;
    size_t out_B = t->out == CUDA_R_32I ? 4 : 2;
    size_t size_B[3] = {(size_t)(g->n * g->k) * in_B, (size_t)(g->m * g->k) * in_B,
                        (size_t)(g->m * g->n) * out_B};
    sc_status status = SC_OK;
    for (int i = 0; i < 3 && !status; i++)
        status = cuda_alloc(exec->dev, size_B[i], &p->memory[i], diag);
    if (!status)
        status = fill(exec->dev, p->memory[0], t->dtype, g->n * g->k, 11, diag);
    return status ? status
                  : fill(exec->dev, p->memory[1], t->dtype, g->m * g->k, 12, diag);
}

/* The fastest candidate by the shortest of TRIES runs; one that fails is passed over. */
static sc_status search(mock_exec *exec, sc_diag *diag)
{
    probe_state *p = exec->state;
    double best = 0;
    int chosen = -1;
    for (p->chosen = 0; p->chosen < p->n; p->chosen++) {
        sc_status status = SC_OK;
        for (int i = 0; i < TRIES && !status; i++) {
            double seconds = 0;
            status = cuda_time(exec, MOCK_EAGER, 1, &seconds, diag);
            if (!status && (chosen < 0 || seconds < best)) {
                best = seconds;
                chosen = p->chosen;
            }
        }
    }
    p->chosen = chosen;
    if (chosen < 0)
        return SC_EGPU; /* *diag says what the last one failed with */
    sc_diag_clear(diag);
    return SC_OK;
}

static sc_status make_gemm(mock_exec *exec, const mock_probe *g, double *work,
                           sc_diag *diag)
{
    probe_state *p = exec->state;
    mock_device *dev = exec->dev;
    const lt_types *t = find_types(g->dtype);
    if (!t || (g->dtype == SOL_FP8 && dev->info.sm_version < 89))
        return cuda_refuse(diag, "no %s matrix product on compute capability %d.%d",
                           sol_dtype_name(g->dtype), dev->info.sm_version / 10,
                           dev->info.sm_version % 10);
    p->integer = t->scale == CUDA_R_32I;
    sc_status status = SC_OK;
    if (!dev->lt)
        status = LT(cublasLtCreate((cublasLtHandle_t *)&dev->lt), diag);
    if (!status && !dev->lt_workspace)
        status = cuda_alloc(dev, CUDA_LT_WORKSPACE_B, &dev->lt_workspace, diag);
    if (!status)
        status = describe(p, g, t, diag);
    if (status)
        return status;
    cublasStatus_t found =
        cublasLtMatmulAlgoGetHeuristic(dev->lt, p->matmul, p->w, p->x, p->out, p->out,
                                       p->preference, CANDIDATES, p->candidate, &p->n);
    if (found == CUBLAS_STATUS_NOT_SUPPORTED || (!found && p->n == 0))
        return cuda_refuse(diag, "cuBLASLt has no algorithm for %s",
                           sol_dtype_name(g->dtype));
    status = LT(found, diag);
    if (!status)
        status = take_operands(exec, g, t, diag);
    if (!status)
        status = search(exec, diag);
    *work = 2 * (double)g->m * (double)g->n * (double)g->k;
    return status;
}

/* ---- the interface ---- */

static sc_status make(mock_exec *exec, const mock_probe *probe, double *work,
                      sc_diag *diag)
{
    static const char *const name[] = {"empty", "read", "write",   "copy",
                                       "fma",   "exp",  "cublaslt"};
    probe_state *p = exec->state = sc_calloc(1, sizeof *p);
    if (!p)
        return sc_diag_nomem(diag);
    snprintf(exec->source, sizeof exec->source, "%s", name[probe->kind]);
    *work = 0;
    switch (probe->kind) {
    case MOCK_PROBE_EMPTY:
        p->kernel = cuda_probe_empty;
        return SC_OK;
    case MOCK_PROBE_READ:
    case MOCK_PROBE_WRITE:
    case MOCK_PROBE_COPY:
        return make_memory(exec, probe, work, diag);
    case MOCK_PROBE_FMA:
    case MOCK_PROBE_EXP:
        return make_chains(exec, probe, work, diag);
    case MOCK_PROBE_GEMM:
        exec->route = &gemm_route;
        return make_gemm(exec, probe, work, diag);
    }
    return cuda_refuse(diag, "there is no such probe");
}

sc_status cuda_probe(mock_device *dev, const mock_probe *probe, mock_exec **out,
                     double *work, sc_diag *diag)
{
    double amount = 0;
    sc_diag why;
    sc_diag_clear(&why);
    sc_status status = cuda_select(dev, diag);
    if (status)
        return status;
    mock_exec *exec = sc_calloc(1, sizeof *exec);
    if (!exec)
        return sc_diag_nomem(diag);
    exec->dev = dev;
    exec->route = &kernel_route;
    status = make(exec, probe, &amount, &why);
    if (status) {
        if (diag)
            *diag = why;
        cuda_release(exec);
        return status;
    }
    *work = amount;
    *out = exec;
    return SC_OK;
}
