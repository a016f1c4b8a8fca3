/* solcheck - context attention and context mla by cuDNN's fused attention: an operation
 * graph of its backend C API, planned by its heuristics.
 *
 * The library is loaded at run time, so that the module loads without it; its header is
 * needed to compile this (configure: HAVE_CUDNN). The graph is the one that the engines
 * for attention are matched to: S = scale Q K^T, masks, softmax as a maximum,
 * exponentials of differences, a sum and a quotient, then S V (NVIDIA cuDNN Backend API,
 * "Fused Attention fprop"). SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#include <config.h>

#include "mock/cuda/cuda.h"

#ifdef HAVE_CUDNN

#include <cudnn_backend.h>
#include <dlfcn.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"

/* X(member, symbol) */
#define CUDNN_LIST(X)                                                                    \
    X(version, cudnnGetVersion)                                                          \
    X(create, cudnnCreate)                                                               \
    X(destroy, cudnnDestroy)                                                             \
    X(set_stream, cudnnSetStream)                                                        \
    X(error_name, cudnnGetErrorString)                                                   \
    X(last_error, cudnnGetLastErrorString)                                               \
    X(desc_new, cudnnBackendCreateDescriptor)                                            \
    X(desc_free, cudnnBackendDestroyDescriptor)                                          \
    X(set, cudnnBackendSetAttribute)                                                     \
    X(get, cudnnBackendGetAttribute)                                                     \
    X(finalize, cudnnBackendFinalize)                                                    \
    X(execute, cudnnBackendExecute)

typedef cudnnBackendDescriptor_t desc;

/* What a plan is made for; only how long each request is may differ between its runs. */
typedef struct plan_key {
    cuda_flash_shape shape;
    int64_t b, s, window;
    bool causal, ragged;
} plan_key;

enum { MAX_DESCS = 128, MAX_OPS = 32, MAX_CONFIGS = 8 };

/* A plan and all descriptors under it; shared by prepared cases of one key. */
typedef struct plan {
    const cuda_cudnn *lib;
    plan_key key;
    int refs;
    desc made[MAX_DESCS]; /* freed in reverse */
    int n_made;
    desc op[MAX_OPS];
    int n_ops;
    int64_t last_uid;
    desc execution;
    int64_t workspace_B, engine;
    cudnnStatus_t status; /* of the first call that failed; later ones do nothing */
    const char *failed;   /* which */
} plan;

struct cuda_cudnn {
    void *library;
    cudnnHandle_t handle;
    plan *memo; /* the last one made */
#define X(member, symbol) __typeof__(symbol) *member;
    CUDNN_LIST(X)
#undef X
};

/* Unique ids of what an execution is given; those of tensors inside follow. */
enum {
    UID_Q = 1,
    UID_K,
    UID_V,
    UID_OUT,
    UID_Q_AT, /* ragged: where requests begin in each of the four */
    UID_K_AT,
    UID_V_AT,
    UID_OUT_AT,
    UID_LENGTH,
    UID_SCALE,
    UID_HIDDEN,
    UID_WINDOW,
    UID_INSIDE
};

typedef struct cudnn_state {
    plan *plan;
    desc pack;
    void *workspace, *k; /* device; k: of mla, [T,H,nope+rope] */
    void *index;         /* device: offset[4][b+1] i64, length[b] i32; ragged only */
    cuda_concat_args concat;
    float scale, hidden, window; /* the numbers that the executions read */
} cudnn_state;

/* ---- the library ---- */

static void library_close(cuda_cudnn *lib)
{
    if (lib->handle)
        lib->destroy(lib->handle);
    if (lib->library)
        dlclose(lib->library);
    sc_free(lib);
}

static sc_status refuse(const cuda_cudnn *lib, cudnnStatus_t code, const char *what,
                        sc_diag *diag)
{
    char why[300] = "";
    lib->last_error(why, sizeof why);
    why[strcspn(why, "\n")] = '\0';
    return cuda_refuse(diag, "cuDNN %zu: %s: %s%s%s", lib->version(), what,
                       lib->error_name(code), why[0] ? ": " : "", why);
}

static sc_status bind_all(cuda_cudnn *lib, sc_diag *diag)
{
    void *found;
#define X(member, symbol)                                                                \
    found = dlsym(lib->library, #symbol);                                                \
    if (!found)                                                                          \
        return cuda_refuse(diag, "libcudnn.so.9 has no " #symbol);                       \
    memcpy(&lib->member, &found, sizeof found);
    CUDNN_LIST(X)
#undef X
    return SC_OK;
}

static sc_status library_open(mock_device *dev, sc_diag *diag)
{
    if (dev->cudnn)
        return SC_OK;
    cuda_cudnn *lib = sc_calloc(1, sizeof *lib);
    if (!lib)
        return sc_diag_nomem(diag);
    lib->library = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);
    sc_status status = lib->library ? bind_all(lib, diag)
                                    : cuda_refuse(diag, "no cuDNN 9: %s", dlerror());
    cudnnStatus_t code = CUDNN_STATUS_SUCCESS;
    if (!status)
        code = lib->create(&lib->handle);
    if (!status && code == CUDNN_STATUS_SUCCESS)
        code = lib->set_stream(lib->handle, dev->stream);
    if (!status && code != CUDNN_STATUS_SUCCESS)
        status = refuse(lib, code, "no handle", diag);
    if (status)
        library_close(lib);
    else
        dev->cudnn = lib;
    return status;
}

/* ---- descriptors ---- */

static void done(plan *p, cudnnStatus_t code, const char *what)
{
    if (p->status == CUDNN_STATUS_SUCCESS && code != CUDNN_STATUS_SUCCESS) {
        p->status = code;
        p->failed = what;
    }
}

static desc make(plan *p, cudnnBackendDescriptorType_t type, const char *what)
{
    desc d = NULL;
    if (p->n_made == MAX_DESCS)
        done(p, CUDNN_STATUS_INTERNAL_ERROR, what);
    if (p->status == CUDNN_STATUS_SUCCESS)
        done(p, p->lib->desc_new(type, &d), what);
    if (d)
        p->made[p->n_made++] = d;
    return d;
}

static void set(plan *p, desc d, cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type, int64_t n, const void *value,
                const char *what)
{
    if (p->status == CUDNN_STATUS_SUCCESS)
        done(p, p->lib->set(d, name, type, n, value), what);
}

#define SET(d, name, type, value, what)                                                  \
    set(p, d, CUDNN_ATTR_##name, CUDNN_TYPE_##type, 1, value, what)
#define SET_DESC(d, name, value, what)                                                   \
    SET(d, name, BACKEND_DESCRIPTOR, &(desc){value}, what)

static desc finish(plan *p, desc d, const char *what)
{
    if (p->status == CUDNN_STATUS_SUCCESS)
        done(p, p->lib->finalize(d), what);
    return d;
}

typedef struct tensor_spec {
    int64_t uid; /* 0: inside of the graph, in no memory */
    cudnnDataType_t type;
    int64_t dim[4], stride[4];
    bool by_value;
    desc ragged;
} tensor_spec;

static desc tensor(plan *p, const tensor_spec *t, const char *what)
{
    desc d = make(p, CUDNN_BACKEND_TENSOR_DESCRIPTOR, what);
    const int64_t alignment = 16;
    bool inside = t->uid == 0, by_value = t->by_value;
    int64_t uid = inside ? ++p->last_uid : t->uid;
    SET(d, TENSOR_DATA_TYPE, DATA_TYPE, &t->type, what);
    set(p, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, t->dim, what);
    set(p, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, t->stride, what);
    SET(d, TENSOR_UNIQUE_ID, INT64, &uid, what);
    SET(d, TENSOR_BYTE_ALIGNMENT, INT64, &alignment, what);
    SET(d, TENSOR_IS_VIRTUAL, BOOLEAN, &inside, what);
    if (by_value)
        SET(d, TENSOR_IS_BY_VALUE, BOOLEAN, &by_value, what);
    if (t->ragged)
        SET_DESC(d, TENSOR_RAGGED_OFFSET_DESC, t->ragged, what);
    return finish(p, d, what);
}

/* One number, given with each execution from the host's memory. */
static desc number(plan *p, int64_t uid, cudnnDataType_t type)
{
    const tensor_spec t = {uid, type, {1, 1, 1, 1}, {1, 1, 1, 1}, true, NULL};
    return tensor(p, &t, "a number");
}

/* Of the scores' [b,H,s,n]: n is s, or 1 for what each row has. */
static desc scores(plan *p, int64_t n, cudnnDataType_t type)
{
    int64_t s = p->key.s, h = p->key.shape.heads;
    const tensor_spec t = {0,     type, {p->key.b, h, s, n}, {h * s * n, s * n, n, 1},
                           false, NULL};
    return tensor(p, &t, "scores");
}

/* ---- operations ---- */

static void add(plan *p, desc op)
{
    if (p->n_ops == MAX_OPS)
        done(p, CUDNN_STATUS_INTERNAL_ERROR, "too many operations");
    else
        p->op[p->n_ops++] = op;
}

typedef struct pointwise_spec {
    cudnnPointwiseMode_t mode;
    cudnnDataType_t math;
    int64_t axis; /* of GEN_INDEX */
    desc x, b, t; /* NULL: the mode has fewer */
} pointwise_spec;

static desc pointwise(plan *p, const pointwise_spec *s, desc y)
{
    const char *what = "a pointwise operation";
    desc d = make(p, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, what);
    SET(d, POINTWISE_MODE, POINTWISE_MODE, &s->mode, what);
    SET(d, POINTWISE_MATH_PREC, DATA_TYPE, &s->math, what);
    if (s->mode == CUDNN_POINTWISE_GEN_INDEX)
        SET(d, POINTWISE_AXIS, INT64, &s->axis, what);
    finish(p, d, what);
    desc op = make(p, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, what);
    SET_DESC(op, OPERATION_POINTWISE_PW_DESCRIPTOR, d, what);
    SET_DESC(op, OPERATION_POINTWISE_XDESC, s->x, what);
    if (s->b)
        SET_DESC(op, OPERATION_POINTWISE_BDESC, s->b, what);
    if (s->t)
        SET_DESC(op, OPERATION_POINTWISE_TDESC, s->t, what);
    SET_DESC(op, OPERATION_POINTWISE_YDESC, y, what);
    add(p, finish(p, op, what));
    return y;
}

/* x (mode) b in float, as wide as x. */
static desc combine(plan *p, cudnnPointwiseMode_t mode, desc x, desc b,
                    cudnnDataType_t type)
{
    const pointwise_spec spec = {mode, CUDNN_DATA_FLOAT, 0, x, b, NULL};
    return pointwise(p, &spec, scores(p, p->key.s, type));
}

static desc reduce(plan *p, cudnnReduceTensorOp_t mode, desc x)
{
    const char *what = "a reduction";
    const cudnnDataType_t math = CUDNN_DATA_FLOAT;
    desc y = scores(p, 1, CUDNN_DATA_FLOAT);
    desc d = make(p, CUDNN_BACKEND_REDUCTION_DESCRIPTOR, what);
    SET(d, REDUCTION_OPERATOR, REDUCTION_OPERATOR_TYPE, &mode, what);
    SET(d, REDUCTION_COMP_TYPE, DATA_TYPE, &math, what);
    finish(p, d, what);
    desc op = make(p, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, what);
    SET_DESC(op, OPERATION_REDUCTION_DESC, d, what);
    SET_DESC(op, OPERATION_REDUCTION_XDESC, x, what);
    SET_DESC(op, OPERATION_REDUCTION_YDESC, y, what);
    add(p, finish(p, op, what));
    return y;
}

/* c = a b; the lengths of requests bound rows, and columns of the first product or what
 * the second sums over. */
static void matmul(plan *p, desc a, desc b, desc c, desc length, bool second)
{
    const char *what = second ? "the product with values" : "the product with keys";
    const cudnnDataType_t math = CUDNN_DATA_FLOAT;
    const double padding = 0;
    desc d = make(p, CUDNN_BACKEND_MATMUL_DESCRIPTOR, what);
    SET(d, MATMUL_COMP_TYPE, DATA_TYPE, &math, what);
    if (length && !second)
        SET(d, MATMUL_PADDING_VALUE, DOUBLE, &padding, what);
    finish(p, d, what);
    desc op = make(p, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, what);
    SET_DESC(op, OPERATION_MATMUL_ADESC, a, what);
    SET_DESC(op, OPERATION_MATMUL_BDESC, b, what);
    SET_DESC(op, OPERATION_MATMUL_CDESC, c, what);
    SET_DESC(op, OPERATION_MATMUL_DESC, d, what);
    if (length) {
        SET_DESC(op, OPERATION_MATMUL_GEMM_M_OVERRIDE_DESC, length, what);
        if (second)
            SET_DESC(op, OPERATION_MATMUL_GEMM_K_OVERRIDE_DESC, length, what);
        else
            SET_DESC(op, OPERATION_MATMUL_GEMM_N_OVERRIDE_DESC, length, what);
    }
    add(p, finish(p, op, what));
}

/* ---- masks ---- */

enum { ROW = 2, COLUMN = 3 };

static desc place(plan *p, desc like, int64_t axis, cudnnDataType_t type)
{
    const pointwise_spec spec = {CUDNN_POINTWISE_GEN_INDEX, type, axis, like, NULL, NULL};
    return pointwise(p, &spec, scores(p, p->key.s, type));
}

static desc compare(plan *p, cudnnPointwiseMode_t mode, desc x, desc b)
{
    const pointwise_spec spec = {mode, CUDNN_DATA_BOOLEAN, 0, x, b, NULL};
    return pointwise(p, &spec, scores(p, p->key.s, CUDNN_DATA_BOOLEAN));
}

/* x where seen, minus infinity elsewhere. */
static desc select_seen(plan *p, desc x, desc seen, desc hidden)
{
    const pointwise_spec spec = {
        CUDNN_POINTWISE_BINARY_SELECT, CUDNN_DATA_FLOAT, 0, x, hidden, seen};
    return pointwise(p, &spec, scores(p, p->key.s, CUDNN_DATA_FLOAT));
}

/* Rows and columns of a request's own tokens. */
static desc mask_lengths(plan *p, desc x, desc length, desc hidden)
{
    desc row = place(p, x, ROW, CUDNN_DATA_INT32);
    desc column = place(p, x, COLUMN, CUDNN_DATA_INT32);
    row = compare(p, CUDNN_POINTWISE_CMP_LT, row, length);
    column = compare(p, CUDNN_POINTWISE_CMP_LT, column, length);
    return select_seen(p, x, compare(p, CUDNN_POINTWISE_LOGICAL_AND, row, column),
                       hidden);
}

/* Columns up to the row's own; queries and keys are as many. */
static desc mask_later(plan *p, desc x, desc hidden)
{
    desc row = place(p, x, ROW, CUDNN_DATA_INT32);
    desc column = place(p, x, COLUMN, CUDNN_DATA_INT32);
    return select_seen(p, x, compare(p, CUDNN_POINTWISE_CMP_GE, row, column), hidden);
}

/* Columns of which the window still holds the row: column + window > row. */
static desc mask_earlier(plan *p, desc x, desc hidden)
{
    desc row = place(p, x, ROW, CUDNN_DATA_FLOAT);
    desc column = place(p, x, COLUMN, CUDNN_DATA_FLOAT);
    desc window = number(p, UID_WINDOW, CUDNN_DATA_FLOAT);
    column = combine(p, CUDNN_POINTWISE_ADD, column, window, CUDNN_DATA_FLOAT);
    return select_seen(p, x, compare(p, CUDNN_POINTWISE_CMP_GT, column, row), hidden);
}

static desc mask(plan *p, desc x, desc length)
{
    if (!length && !p->key.causal)
        return x;
    desc hidden = number(p, UID_HIDDEN, CUDNN_DATA_FLOAT);
    if (length)
        x = mask_lengths(p, x, length, hidden);
    if (p->key.causal)
        x = mask_later(p, x, hidden);
    if (p->key.window > 0)
        x = mask_earlier(p, x, hidden);
    return x;
}

/* ---- the graph ---- */

/* Packed [tokens,heads,width] as [b,heads,s,width]; transposed: [b,heads,width,s]. */
static desc packed(plan *p, int64_t uid, int64_t heads, int64_t width, bool transposed)
{
    const plan_key *key = &p->key;
    int64_t row = heads * width;
    tensor_spec t = {.uid = uid,
                     .type = key->shape.kind == CUDA_BF16 ? CUDNN_DATA_BFLOAT16
                                                          : CUDNN_DATA_HALF,
                     .dim = {key->b, heads, key->s, width},
                     .stride = {key->s * row, width, row, 1}};
    if (transposed) {
        t.dim[2] = width, t.dim[3] = key->s;
        t.stride[2] = 1, t.stride[3] = row;
    }
    if (key->ragged) {
        const tensor_spec at = {.uid = uid - UID_Q + UID_Q_AT,
                                .type = CUDNN_DATA_INT64,
                                .dim = {key->b + 1, 1, 1, 1},
                                .stride = {1, 1, 1, 1}};
        t.ragged = tensor(p, &at, "offsets");
    }
    return tensor(p, &t, "queries, keys, values or output");
}

/* The engines are matched by a graph that has the logarithm of the sums of exponentials
 * too, here in no memory: nothing reads it. */
static desc softmax(plan *p, desc x)
{
    const cudnnDataType_t out =
        p->key.shape.kind == CUDA_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_HALF;
    desc most = reduce(p, CUDNN_REDUCE_TENSOR_MAX, x);
    x = combine(p, CUDNN_POINTWISE_SUB, x, most, CUDNN_DATA_FLOAT);
    x = combine(p, CUDNN_POINTWISE_EXP, x, NULL, CUDNN_DATA_FLOAT);
    desc sum = reduce(p, CUDNN_REDUCE_TENSOR_ADD, x);
    const pointwise_spec logarithm = {
        CUDNN_POINTWISE_LOG, CUDNN_DATA_FLOAT, 0, sum, NULL, NULL};
    desc log_sum = pointwise(p, &logarithm, scores(p, 1, CUDNN_DATA_FLOAT));
    const pointwise_spec stats = {
        CUDNN_POINTWISE_ADD, CUDNN_DATA_FLOAT, 0, most, log_sum, NULL};
    pointwise(p, &stats, scores(p, 1, CUDNN_DATA_FLOAT));
    return combine(p, CUDNN_POINTWISE_DIV, x, sum, out);
}

static desc graph(plan *p)
{
    const cuda_flash_shape *s = &p->key.shape;
    desc length = NULL;
    p->last_uid = UID_INSIDE;
    desc q = packed(p, UID_Q, s->heads, s->dqk, false);
    desc k = packed(p, UID_K, s->kv_heads, s->dqk, true);
    desc v = packed(p, UID_V, s->kv_heads, s->dv, false);
    desc out = packed(p, UID_OUT, s->heads, s->dv, false);
    if (p->key.ragged) {
        const tensor_spec t = {.uid = UID_LENGTH,
                               .type = CUDNN_DATA_INT32,
                               .dim = {p->key.b, 1, 1, 1},
                               .stride = {1, 1, 1, 1}};
        length = tensor(p, &t, "lengths");
    }
    desc x = scores(p, p->key.s, CUDNN_DATA_FLOAT);
    matmul(p, q, k, x, length, false);
    desc scale = number(p, UID_SCALE, CUDNN_DATA_FLOAT);
    x = combine(p, CUDNN_POINTWISE_MUL, x, scale, CUDNN_DATA_FLOAT);
    x = softmax(p, mask(p, x, length));
    matmul(p, x, v, out, length, true);
    const char *what = "the operation graph";
    desc g = make(p, CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, what);
    set(p, g, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, p->n_ops,
        p->op, what);
    SET(g, OPERATIONGRAPH_HANDLE, HANDLE, &p->lib->handle, what);
    return finish(p, g, what);
}

/* ---- the plan ---- */

static void plan_release(plan *p)
{
    if (!p || --p->refs > 0)
        return;
    while (p->n_made > 0)
        p->lib->desc_free(p->made[--p->n_made]);
    sc_free(p);
}

static int64_t get_number(const plan *p, desc d, cudnnBackendAttributeName_t name)
{
    int64_t value = 0, n = 0;
    p->lib->get(d, name, CUDNN_TYPE_INT64, 1, &n, &value);
    return value;
}

/* Engine configurations by preference; returns how many. */
static int64_t propose(plan *p, desc g, desc config[MAX_CONFIGS])
{
    const char *what = "the heuristics";
    const cudnnBackendHeurMode_t mode = CUDNN_HEUR_MODE_A;
    int64_t n = 0;
    desc h = make(p, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR, what);
    SET_DESC(h, ENGINEHEUR_OPERATION_GRAPH, g, what);
    SET(h, ENGINEHEUR_MODE, HEUR_MODE, &mode, what);
    finish(p, h, what);
    for (int i = 0; i < MAX_CONFIGS; i++)
        config[i] = make(p, CUDNN_BACKEND_ENGINECFG_DESCRIPTOR, what);
    if (p->status == CUDNN_STATUS_SUCCESS)
        done(p,
             p->lib->get(h, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                         MAX_CONFIGS, &n, config),
             what);
    if (n < 1)
        done(p, CUDNN_STATUS_NOT_SUPPORTED, "no engine takes the graph");
    return p->status == CUDNN_STATUS_SUCCESS ? n : 0;
}

/* The first configuration that can be built; sets execution, engine and workspace_B. */
static void choose(plan *p, const desc config[MAX_CONFIGS], int64_t n)
{
    const char *what = "an execution plan";
    cudnnStatus_t code = CUDNN_STATUS_NOT_SUPPORTED;
    for (int64_t i = 0; i < n && p->status == CUDNN_STATUS_SUCCESS; i++) {
        int64_t one = 0;
        desc engine = make(p, CUDNN_BACKEND_ENGINE_DESCRIPTOR, what);
        desc d = make(p, CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, what);
        SET(d, EXECUTION_PLAN_HANDLE, HANDLE, &p->lib->handle, what);
        SET_DESC(d, EXECUTION_PLAN_ENGINE_CONFIG, config[i], what);
        if (p->status != CUDNN_STATUS_SUCCESS)
            return;
        code = p->lib->finalize(d);
        if (code != CUDNN_STATUS_SUCCESS)
            continue;
        p->lib->get(config[i], CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR,
                    1, &one, &engine);
        p->engine = get_number(p, engine, CUDNN_ATTR_ENGINE_GLOBAL_INDEX);
        p->workspace_B = get_number(p, d, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
        p->execution = d;
        return;
    }
    done(p, code, what);
}

static sc_status plan_make(const cuda_cudnn *lib, const plan_key *key, plan **out,
                           sc_diag *diag)
{
    desc config[MAX_CONFIGS];
    plan *p = sc_calloc(1, sizeof *p);
    if (!p)
        return sc_diag_nomem(diag);
    p->lib = lib;
    p->key = *key;
    p->refs = 1;
    desc g = graph(p);
    choose(p, config, propose(p, g, config));
    if (p->status != CUDNN_STATUS_SUCCESS) {
        sc_status status = refuse(lib, p->status, p->failed, diag);
        plan_release(p);
        return status;
    }
    *out = p;
    return SC_OK;
}

static bool same_key(const plan_key *x, const plan_key *y)
{
    const cuda_flash_shape *s = &x->shape, *t = &y->shape;
    return x->b == y->b && x->s == y->s && x->window == y->window &&
           x->causal == y->causal && x->ragged == y->ragged && s->heads == t->heads &&
           s->kv_heads == t->kv_heads && s->dqk == t->dqk && s->dv == t->dv &&
           s->kind == t->kind;
}

/* That of the last case, or a new one; building one compiles kernels. */
static sc_status plan_find(cuda_cudnn *lib, const plan_key *key, plan **out,
                           sc_diag *diag)
{
    if (!lib->memo || !same_key(&lib->memo->key, key)) {
        plan *made = NULL;
        sc_status status = plan_make(lib, key, &made, diag);
        if (status)
            return status;
        plan_release(lib->memo);
        lib->memo = made;
    }
    lib->memo->refs++;
    *out = lib->memo;
    return SC_OK;
}

/* ---- a case ---- */

/* Where requests begin in q, k, v and out, in numbers, and how long they are. */
static sc_status make_index(mock_exec *exec, const plan_key *key, sc_diag *diag)
{
    cudnn_state *state = exec->state;
    const cuda_flash_shape *s = &key->shape;
    const int64_t row[4] = {s->heads * s->dqk, s->kv_heads * s->dqk, s->kv_heads * s->dv,
                            s->heads * s->dv};
    size_t n = (size_t)key->b + 1, offset_B = 4 * n * sizeof(int64_t);
    size_t size_B = offset_B + (size_t)key->b * sizeof(int32_t);
    char *host = sc_malloc(size_B);
    if (!host)
        return sc_diag_nomem(diag);
    int64_t *offset = (int64_t *)host, at = 0;
    int32_t *length = (int32_t *)(host + offset_B);
    for (size_t r = 0; r < n; r++) {
        for (size_t t = 0; t < 4; t++)
            offset[t * n + r] = at * row[t];
        if (r + 1 < n) {
            length[r] = (int32_t)cuda_length(exec->c, (int64_t)r);
            at += length[r];
        }
    }
    sc_status status = cuda_alloc(exec->dev, size_B, &state->index, diag);
    if (!status)
        status = cuda_upload(exec->dev, state->index, host, size_B, diag);
    sc_free(host);
    return status;
}

/* The keys of mla, side by side. */
static sc_status make_keys(mock_exec *exec, const plan_key *key, cuda_flash_args *a,
                           sc_diag *diag)
{
    cudnn_state *state = exec->state;
    const cuda_flash_shape *s = &key->shape;
    int64_t tokens = cuda_tokens(exec->c);
    if (s->rope % 8 || s->dqk % 8)
        return cuda_refuse(diag, "parts of a head that are no multiple of 8");
    sc_status status =
        cuda_alloc(exec->dev, (size_t)(tokens * s->heads * s->dqk) * 2, &state->k, diag);
    state->concat = (cuda_concat_args){.nope = a->k,
                                       .rope = a->k_rope,
                                       .out = state->k,
                                       .tokens = tokens,
                                       .heads = (int)s->heads,
                                       .n_nope = (int)(s->dqk - s->rope),
                                       .n_rope = (int)s->rope};
    a->k = state->k;
    return status;
}

/* What an execution reads and writes. */
static sc_status make_pack(mock_exec *exec, const plan_key *key, const cuda_flash_args *a,
                           sc_diag *diag)
{
    enum { MOST = UID_INSIDE };
    cudnn_state *state = exec->state;
    const cuda_cudnn *lib = exec->dev->cudnn;
    int64_t uid[MOST] = {UID_Q, UID_K, UID_V, UID_OUT, UID_SCALE}, n = 5;
    void *data[MOST] = {(void *)(uintptr_t)a->q, (void *)(uintptr_t)a->k,
                        (void *)(uintptr_t)a->v, a->out, &state->scale};
    if (key->ragged) {
        int64_t *offset = state->index;
        for (int t = 0; t <= 4; t++, n++) { /* lengths come after the four */
            uid[n] = t < 4 ? UID_Q_AT + t : UID_LENGTH;
            data[n] = offset + t * (key->b + 1);
        }
    }
    if (key->ragged || key->causal)
        uid[n] = UID_HIDDEN, data[n++] = &state->hidden;
    if (key->window > 0)
        uid[n] = UID_WINDOW, data[n++] = &state->window;
    cudnnStatus_t code =
        lib->desc_new(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR, &state->pack);
    if (!code)
        code = lib->set(state->pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64,
                        n, uid);
    if (!code)
        code = lib->set(state->pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS,
                        CUDNN_TYPE_VOID_PTR, n, data);
    if (!code)
        code = lib->set(state->pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE,
                        CUDNN_TYPE_VOID_PTR, 1, &state->workspace);
    if (!code)
        code = lib->finalize(state->pack);
    return code ? refuse(lib, code, "the variant pack", diag) : SC_OK;
}

/* Refuses what the graph above cannot say. */
static sc_status describe(const mock_exec *exec, plan_key *key, cuda_flash_args *a,
                          sc_diag *diag)
{
    const mock_case *c = exec->c;
    cuda_flash_describe(exec, &key->shape, a);
    key->b = c->b;
    key->s = cuda_longest(c);
    key->causal = a->causal;
    key->ragged = c->lengths != NULL;
    key->window = key->shape.rope ? 0 : c->param[MOCK_ATTENTION_WINDOW];
    if (key->window >= key->s)
        key->window = 0;
    if (key->window > 0 && !key->causal)
        return cuda_refuse(diag, "the cuDNN route has windows of causal attention only");
    /* Keys and values have the queries' dtype here, see append.c. */
    return cuda_kind_of_case(c, 1, &key->shape.kind, diag);
}

static void name_source(mock_exec *exec)
{
    const cudnn_state *state = exec->state;
    size_t v = exec->dev->cudnn->version();
    snprintf(exec->source, sizeof exec->source, "%scudnn:engine%lld_v%zu.%zu.%zu",
             state->k ? "concat_k+" : "", (long long)state->plan->engine, v / 10000,
             v / 100 % 100, v % 100);
}

sc_status cuda_cudnn_prepare(mock_exec *exec, sc_diag *diag)
{
    plan_key key;
    cuda_flash_args a;
    cudnn_state *state = exec->state = sc_calloc(1, sizeof *state);
    if (!state)
        return sc_diag_nomem(diag);
    sc_status status = describe(exec, &key, &a, diag);
    if (!status)
        status = library_open(exec->dev, diag);
    if (!status)
        status = plan_find(exec->dev->cudnn, &key, &state->plan, diag);
    if (!status && key.shape.rope > 0)
        status = make_keys(exec, &key, &a, diag);
    if (!status && key.ragged)
        status = make_index(exec, &key, diag);
    if (!status && state->plan->workspace_B > 0)
        status = cuda_alloc(exec->dev, (size_t)state->plan->workspace_B,
                            &state->workspace, diag);
    if (status)
        return status;
    state->scale = (float)(1 / sqrt((double)key.shape.dqk));
    state->hidden = exec->dev->cudnn->version() < 91000 ? -FLT_MAX : -INFINITY;
    state->window = (float)key.window;
    status = make_pack(exec, &key, &a, diag);
    if (!status)
        name_source(exec);
    return status;
}

sc_status cuda_cudnn_launch(mock_exec *exec, sc_diag *diag)
{
    const cudnn_state *state = exec->state;
    const cuda_cudnn *lib = exec->dev->cudnn;
    if (state->k) {
        sc_status status = CU(cuda_concat(&state->concat, exec->dev->stream), diag);
        if (status)
            return status;
    }
    cudnnStatus_t code = lib->execute(lib->handle, state->plan->execution, state->pack);
    if (code == CUDNN_STATUS_SUCCESS)
        return SC_OK;
    sc_diag why;
    sc_diag_clear(&why);
    refuse(lib, code, "execution", &why);
    return sc_diag_fail(diag, SC_EGPU, SC3003, "%s", why.message);
}

void cuda_cudnn_release(mock_exec *exec)
{
    cudnn_state *state = exec->state;
    if (!state)
        return;
    if (state->pack)
        exec->dev->cudnn->desc_free(state->pack);
    plan_release(state->plan);
    cudaFree(state->workspace);
    cudaFree(state->k);
    cudaFree(state->index);
    sc_free(state);
}

void cuda_cudnn_close(mock_device *dev)
{
    if (!dev->cudnn)
        return;
    plan_release(dev->cudnn->memo);
    library_close(dev->cudnn);
}

#else

sc_status cuda_cudnn_prepare(mock_exec *exec, sc_diag *diag)
{
    (void)exec;
    return cuda_refuse(diag, "built without cuDNN: no header cudnn_backend.h");
}

sc_status cuda_cudnn_launch(mock_exec *exec, sc_diag *diag)
{
    (void)exec;
    return cuda_refuse(diag, "built without cuDNN");
}

void cuda_cudnn_release(mock_exec *exec)
{
    (void)exec;
}

void cuda_cudnn_close(mock_device *dev)
{
    (void)dev;
}

#endif
