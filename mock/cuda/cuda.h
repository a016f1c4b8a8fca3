/* solcheck - inside of the CUDA module: device, prepared layer, checks, routes.
 *
 * Files: device.c (memory, fills, telemetry, the table of functions), exec.c (run,
 * graphs, time), route.c (which kernel runs what), gemm.c, attention.c, hopper.c, cudnn.c,
 * append.c, decode.c, moe.c, moe_hopper.c, stream.c (hosts of the kernels), schedule.c
 * (division of decode work), tiling.c (of context attention), case.c, nvml.c, clock.c (SM
 * clock of a sample), probe.c (calibration), trace.c (kernel times by CUPTI).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CUDA_CUDA_H
#define SC_MOCK_CUDA_CUDA_H

#include <cuda_runtime_api.h>

#include "mock/cuda/kernels.h"
#include "mock/device.h"

typedef struct cuda_nvml cuda_nvml; /* nvml.c */
typedef struct cuda_cudnn cuda_cudnn; /* cudnn.c */

struct mock_device {
    int ordinal;
    mock_device_info info;
    cudaStream_t stream;
    cudaEvent_t start, stop;
    int smem_block_B; /* most shared memory of one thread block */
    cuda_nvml *nvml;  /* NULL: no telemetry */
    uint64_t *stamps; /* clock.c: [2][SMs][2] cycles and ns, before and after a sample; */
    unsigned long long *stamps_device; /* where the kernel leaves them */
    double clock_hz;                   /* of the last sample; NaN: too short to tell */
    void *lt;                          /* cublasLtHandle_t, made by the first gemm */
    void *lt_workspace; /* device memory, CUDA_LT_WORKSPACE_B and a scale */
    void *lt_memo;      /* gemm.c: what was found for the last shape */
    void *moe_memo;     /* moe_hopper.c: the same for the last case */
    cuda_cudnn *cudnn;  /* NULL until the first case that asks for it */
};

#define CUDA_LT_WORKSPACE_B ((size_t)32 << 20) /* what cuBLAS recommends for Hopper */

typedef struct cuda_graph {
    int n;       /* launches */
    int n_execs; /* that they run in turn */
    cudaGraphExec_t exec;
    struct cuda_graph *next;
} cuda_graph;

/* One way to run one phase of one layer. */
typedef struct cuda_route {
    const char *layer;
    bool phase[SOL_N_PHASES];
    mock_choice choice; /* that it is, AUTO: there is nothing to choose */
    /* Fills exec->state and exec->source. Errors: SC_EUNABLE SC3005 with the reason (the
     * next route of the layer is tried), others. What it has put in exec->state is
     * released in either case. */
    sc_status (*prepare)(mock_exec *exec, sc_diag *diag);
    /* Enqueues one run on the device's stream. */
    sc_status (*launch)(mock_exec *exec, sc_diag *diag);
    void (*release)(mock_exec *exec);
} cuda_route;

struct mock_exec {
    mock_device *dev;
    const mock_case *c;
    void *ptr[MOCK_MAX_TENSORS];
    struct cuda_fresh_state *fresh; /* what runs before the route, NULL: nothing */
    const cuda_route *route;
    void *state; /* the route's */
    char source[96];
    cuda_graph *graph; /* most recent first */
};

/* ---- checks ---- */

/* SC_OK, or SC_EGPU SC3003 with the call's text, the error's name and the place; clears
 * the runtime's last error, so that a later check does not report it again. */
sc_status cuda_check(cudaError_t error, const char *call, const char *file, int line,
                     sc_diag *diag);
#define CU(call, diag) cuda_check((call), #call, __FILE__, __LINE__, diag)

/* ---- device.c ---- */

/* Errors: SC_ENOMEM SC3004 with advice, SC_EGPU. */
sc_status cuda_alloc(mock_device *dev, size_t size_B, void **out, sc_diag *diag);
sc_status cuda_select(const mock_device *dev, sc_diag *diag);
/* Copies to the device and waits. */
sc_status cuda_upload(mock_device *dev, void *to, const void *from, size_t size_B,
                      sc_diag *diag);

/* ---- exec.c ---- */

sc_status cuda_prepare(mock_device *dev, const char *layer, const mock_case *c,
                       void *const ptr[], mock_exec **out, sc_diag *diag);
void cuda_release(mock_exec *exec);
const char *cuda_source(const mock_exec *exec);
sc_status cuda_run(mock_exec *exec, sc_diag *diag);
sc_status cuda_time(mock_exec *exec, mock_launch launch, int n, double *seconds,
                    sc_diag *diag);
sc_status cuda_rotate(mock_exec *const exec[], int n_execs, mock_launch launch, int n,
                      double *seconds, sc_diag *diag);

/* Forgets the captured graphs: for routes that try several kernels. */
void cuda_graphs_drop(mock_exec *exec);

/* ---- clock.c: around what is timed, on the device's stream ---- */

sc_status cuda_clock_open(mock_device *dev, sc_diag *diag);
void cuda_clock_close(mock_device *dev);
sc_status cuda_clock_begin(mock_device *dev, sc_diag *diag);
/* Waits, and sets clock_hz. */
sc_status cuda_clock_end(mock_device *dev, sc_diag *diag);

/* ---- append.c: of attention and mla ---- */

/* Scope op, or fp8 keys in context: memory for what is turned or made wide, to which
 * exec->ptr then points, and "rope_append+" or so in *what. Errors: SC_EUNABLE (a mixture
 * of dtypes, a width), SC_ENOMEM. */
sc_status cuda_fresh_prepare(mock_exec *exec, const char *layer, const char **what,
                             sc_diag *diag);
sc_status cuda_fresh_launch(mock_exec *exec, sc_diag *diag);
void cuda_fresh_release(mock_exec *exec);

/* ---- route.c ---- */

const cuda_route *cuda_routes(int *n);

/* ---- case.c ---- */

/* SC_EUNABLE SC3005, for routes that cannot run a case. */
sc_status cuda_refuse(sc_diag *diag, const char *fmt, ...) SC_PRINTF(2, 3);
/* Kernel kind of a dtype; false where the kernels have none. */
bool cuda_kind(sol_dtype dtype, int *kind);
/* The slots that must be of one dtype, bf16 or fp16. Errors: SC_EUNABLE. */
sc_status cuda_kind_of_case(const mock_case *c, int n_slots, int *kind, sc_diag *diag);
/* fp8 products need compute capability 8.9. Errors: SC_EUNABLE. */
sc_status cuda_check_fp8(const mock_device *dev, sc_diag *diag);
int64_t cuda_length(const mock_case *c, int64_t request);
int64_t cuda_longest(const mock_case *c);
int64_t cuda_tokens(const mock_case *c);

/* ---- attention.c: what the routes of context attention ask of a case ---- */

/* The numbers of a case that choose the kernel. */
typedef struct cuda_flash_shape {
    int64_t heads, kv_heads, dqk, dv, rope;
    int kind;
} cuda_flash_shape;

/* The shape but its kind, and the tensors of args. */
void cuda_flash_describe(const mock_exec *exec, cuda_flash_shape *shape,
                         cuda_flash_args *args);
/* The same with the kind, for the own kernels. Errors: SC_EUNABLE. */
sc_status cuda_flash_case(const mock_exec *exec, cuda_flash_shape *shape,
                          cuda_flash_args *args, sc_diag *diag);
/* The rest of args for tiles of so many tokens of `pack` heads. Errors: SC_EUNABLE. */
sc_status cuda_flash_tiles(const mock_exec *exec, const cuda_flash_shape *shape,
                           int tokens, int pack, cuda_flash_args *args, sc_diag *diag);

/* ---- tiling.c ---- */

/* Tiles of so many (request, pack of heads) pairs are walked together, long tiles first;
 * the last of the groups has all that are left. */
typedef struct cuda_walk {
    int pairs, groups;
} cuda_walk;

/* Groups whose keys and values, and a tile of queries and outputs each, fill a quarter of
 * the L2 cache; the last one has three tiles an SM where there are as many, so that short
 * tiles are left to fill the end. b*heads*tiles fits an int32. */
cuda_walk cuda_walk_make(const mock_case *c, const cuda_flash_shape *shape, int tokens,
                         int pack, const mock_device_info *info);

typedef struct cuda_tiling {
    const cuda_hopper_variant *variant;
    int pack, tokens; /* of a tile: heads that share keys, tokens of each */
    double us;        /* estimate, good for comparing only */
} cuda_tiling;

/* The kernel and the tiles with the least estimated time. false: no variant has the
 * shape within so many bytes of shared memory. Tested by tests/gpu/test_tiling. */
bool cuda_tiling_choose(const mock_case *c, const cuda_flash_shape *shape, bool causal,
                        const cuda_hopper_variant *variant, int n, int smem_block_B,
                        int sm_count, cuda_tiling *out);

/* The same estimate for tiles of CUDA_SHORT_ROWS rows on compute capability 9.0
 * (flash_short.cuh); infinite where a request is longer. Tested there, too. */
double cuda_short_us(const mock_case *c, const cuda_flash_shape *shape, int sm_count);

/* ---- hopper.c ---- */

/* Describes data[tokens,heads,cols] (bf16 or fp16) to the copy engine: boxes of 64
 * columns by one head by box_tokens, 128-byte swizzle, zeros beyond the last token. cols
 * is a multiple of 8, box_tokens at most 256. Errors: SC_EUNABLE, SC_EGPU. */
sc_status cuda_tensor_map(CUtensorMap *out, int kind, const void *data, int64_t cols,
                          int64_t heads, int64_t tokens, int box_tokens, sc_diag *diag);
/* The same with boxes of box_heads heads, at most 256. */
sc_status cuda_tensor_map_packed(CUtensorMap *out, int kind, const void *data,
                                 int64_t cols, int64_t heads, int64_t tokens,
                                 int box_heads, int box_tokens, sc_diag *diag);

/* Any tensor, dim[0] being the innermost and stride_B[i] that of dim[i + 1]; boxes whose
 * rows are 128 bytes, 128-byte swizzle, zeros outside of the tensor. kind: bf16, fp16 or
 * fp8. */
typedef struct cuda_box {
    int rank;
    int64_t dim[5], stride_B[4];
    int box[5];
} cuda_box;

sc_status cuda_tensor_map_box(CUtensorMap *out, int kind, const void *data,
                              const cuda_box *box, sc_diag *diag);

/* ---- moe.c: what both routes of moe share ---- */

/* bf16, fp16 or fp8 for activations and weights. Errors: SC_EUNABLE. */
sc_status cuda_moe_kind(const mock_case *c, int *kind, sc_diag *diag);
int cuda_moe_element_B(int kind);
/* Rows of whole 16 bytes, experts that fit the sort. Errors: SC_EUNABLE. */
sc_status cuda_moe_check(const cuda_moe_args *a, int kind, sc_diag *diag);
/* Tensors and numbers of a case; not yet tiles and work memory. */
void cuda_moe_describe(const mock_exec *exec, cuda_moe_args *a);
/* Tiles of so many entries. */
void cuda_moe_tiles(cuda_moe_args *a, int rows);
/* Sets the pointers into work memory, if there is any; returns the bytes needed. */
size_t cuda_moe_lay_out(cuda_moe_args *a, int element_B, bool gathered, void *memory);

#define CUDA_ROUTE(name)                                                                 \
    sc_status cuda_##name##_prepare(mock_exec *exec, sc_diag *diag);                     \
    sc_status cuda_##name##_launch(mock_exec *exec, sc_diag *diag);                      \
    void cuda_##name##_release(mock_exec *exec);
void cuda_gemm_close(mock_device *dev); /* the library handle and its workspace */
void cuda_cudnn_close(mock_device *dev);
CUDA_ROUTE(gemm)                        /* gemm.c: gemm and mla_bmm */
CUDA_ROUTE(flash)                       /* attention.c: context of attention and mla */
CUDA_ROUTE(hopper)                      /* hopper.c: the same on compute capability 9.0 */
CUDA_ROUTE(cudnn)                       /* cudnn.c: the same by cuDNN */
CUDA_ROUTE(decode)                      /* decode.c: generation of attention and mla */
CUDA_ROUTE(moe)                         /* moe.c */
CUDA_ROUTE(moe_hopper)                  /* moe_hopper.c: on compute capability 9.0 */
#undef CUDA_ROUTE
/* stream.c */
#define CUDA_STREAM_ROUTE(name)                                                          \
    sc_status cuda_##name##_prepare(mock_exec *exec, sc_diag *diag);                     \
    sc_status cuda_##name##_launch(mock_exec *exec, sc_diag *diag);
CUDA_STREAM_ROUTE(rmsnorm)
CUDA_STREAM_ROUTE(rope)
CUDA_STREAM_ROUTE(activation)
CUDA_STREAM_ROUTE(embedding)
void cuda_stream_release(mock_exec *exec);
#undef CUDA_STREAM_ROUTE

/* ---- schedule.c ---- */

typedef struct cuda_schedule {
    cuda_work *work;     /* [n_work] */
    int32_t *work_begin; /* [n_ranges+1] */
    cuda_parts *parts;   /* [b*kv_heads] */
    int n_work, n_ranges, n_slots;
    int max_parts; /* 0: nothing is split */
} cuda_schedule;

/* Divides the pages of b requests times kv_heads (those that hold one of the last
 * `window` tokens; 0: all) among thread blocks, of which `resident` run at a time.
 * Release with cuda_schedule_free. Errors: SC_ENOMEM, SC_EUNABLE. */
sc_status cuda_schedule_make(const mock_case *c, int kv_heads, int64_t window,
                             int resident, cuda_schedule *out, sc_diag *diag);
void cuda_schedule_free(cuda_schedule *schedule);

/* ---- probe.c, trace.c: mock_device_ops.probe and .trace ---- */

sc_status cuda_probe(mock_device *dev, const mock_probe *probe, mock_exec **out,
                     double *work, sc_diag *diag);
sc_status cuda_trace(mock_exec *exec, mock_kernel *out, int *n, sc_diag *diag);

/* ---- nvml.c: all optional, NULL is legal ---- */

cuda_nvml *cuda_nvml_open(const char *pci_bus_id);
void cuda_nvml_close(cuda_nvml *nvml);
void cuda_nvml_driver(cuda_nvml *nvml, char *text, size_t size_B);
void cuda_nvml_read(cuda_nvml *nvml, mock_telemetry *out);

#endif
