/* solcheck - devices that run mock layers: the CPU, or a GPU through the CUDA module.
 *
 * The interface is a table of C functions, so that the CUDA module can be loaded at run
 * time (symbol MOCK_MODULE_ENTRY) and solcheck itself links no CUDA library.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_DEVICE_H
#define SC_MOCK_DEVICE_H

#include "mock/layer.h"

#define MOCK_ABI 5
#define MOCK_MODULE_ENTRY "mock_module_entry"

typedef struct mock_device mock_device; /* defined by each backend */
typedef struct mock_exec mock_exec;     /* a layer prepared for one case */

typedef struct mock_device_info {
    char kind[8];  /* "cpu" or "cuda" */
    char name[96]; /* as the vendor names it */
    char driver[32], runtime[32];
    int sm_version; /* compute capability x10; 0 for the CPU */
    int sm_count;
    int64_t memory_B, l2_B; /* total device memory; L2 cache, 0 unknown */
    double timer_s;         /* resolution of the timer behind `time`; 0: not known */
} mock_device_info;

typedef struct mock_telemetry { /* NaN or 0: not known */
    double sm_clock_hz, mem_clock_hz;
    double power_W, power_limit_W;
    uint64_t throttle; /* NVML clocks-event-reasons bits that slow the clock: power,
                          thermal, hardware; idle and application clocks masked out */
    double sm_clock_max_hz;
    double sample_clock_hz; /* SM clock, mean over what was timed last, by the SMs' own
                               counters: the driver's reading is up to 100 ms old */
} mock_telemetry;
#define MOCK_NO_TELEMETRY ((mock_telemetry){NAN, NAN, NAN, NAN, 0, NAN, NAN})

/* What calibration runs in the place of a layer: a launch is a known amount of one kind
 * of work. EMPTY does none, READ, WRITE and COPY pass over memory, FMA multiplies and
 * adds in registers, EXP takes exponentials, GEMM is the vendor's matrix product out[m,n]
 * = x[m,k] w[n,k]^T, the fastest of its algorithms. */
typedef enum mock_probe_kind {
    MOCK_PROBE_EMPTY,
    MOCK_PROBE_READ,
    MOCK_PROBE_WRITE,
    MOCK_PROBE_COPY,
    MOCK_PROBE_FMA,
    MOCK_PROBE_EXP,
    MOCK_PROBE_GEMM
} mock_probe_kind;

typedef struct mock_probe {
    mock_probe_kind kind;
    sol_dtype dtype; /* FMA, GEMM */
    size_t size_B;   /* READ, WRITE, COPY: the memory in use (COPY: both halves) */
    int passes;      /* READ: how often a launch passes over it */
    int64_t m, n, k; /* GEMM */
} mock_probe;

/* A kernel of one launch of a layer, as a profiler saw it. */
#define MOCK_MAX_KERNELS 32
typedef struct mock_kernel {
    char name[200];
    double seconds; /* median of the profiled launches */
    int64_t grid[3], block[3];
    int registers;  /* a thread; 0: not known */
    int64_t smem_B; /* shared memory of a block, static and dynamic */
} mock_kernel;

typedef enum mock_launch { MOCK_EAGER, MOCK_GRAPH } mock_launch;

typedef struct mock_device_ops {
    int abi; /* MOCK_ABI */
    const char *kind;

    /* Errors: SC_ENOGPU SC3001 (none, or no such ordinal), SC_EGPU SC3003. */
    sc_status (*open)(int ordinal, mock_device **out, mock_device_info *info,
                      sc_diag *diag);
    void (*close)(mock_device *dev); /* NULL is legal */

    /* Device memory. SC_ENOMEM SC3004 names the size and advises to lower b or s. */
    sc_status (*alloc)(mock_device *dev, size_t size_B, void **out, sc_diag *diag);
    void (*free)(mock_device *dev, void *p);
    sc_status (*available)(mock_device *dev, size_t *free_B, sc_diag *diag);
    sc_status (*upload)(mock_device *dev, void *to, const void *from, size_t size_B,
                        sc_diag *diag);
    sc_status (*download)(mock_device *dev, void *to, const void *from, size_t size_B,
                          sc_diag *diag);
    /* The values of mock_fill_random, made on the device. */
    sc_status (*fill_random)(mock_device *dev, void *p, sol_dtype dtype, int64_t n,
                             mock_inputs inputs, uint64_t seed, double scale,
                             sc_diag *diag);
    /* Sets every byte: 0xff is NaN in every float type used here. */
    sc_status (*fill_byte)(mock_device *dev, void *p, int value, size_t size_B,
                           sc_diag *diag);

    /* Prepares a layer for one case on device tensors ptr[] in planned order; may
     * allocate workspace. c must outlive the exec. Errors: SC_EUNABLE SC3005 with the
     * reason (layer unknown, dtype, shape or compute capability), SC_ENOMEM SC3004,
     * SC_EGPU. */
    sc_status (*prepare)(mock_device *dev, const char *layer, const mock_case *c,
                         void *const ptr[], mock_exec **out, sc_diag *diag);
    void (*release)(mock_exec *exec); /* NULL is legal */
    /* The kernel route, e.g. "flash_mma_192x128" or "cublaslt:algo23"; owned by the exec.
     */
    const char *(*source)(const mock_exec *exec);
    /* Runs once and waits. Errors: SC_EGPU SC3003. */
    sc_status (*run)(mock_exec *exec, sc_diag *diag);
    /* Runs n times back to back, as one replayed graph (captured and kept on first use
     * for this n) or eagerly; *seconds is the whole time by device events. Graph mode:
     * SC_EUNABLE SC3006 when capture fails; nothing was run then. */
    sc_status (*time)(mock_exec *exec, mock_launch launch, int n, double *seconds,
                      sc_diag *diag);

    /* The same over a list of execs of one device and layer in turn: launch i runs
     * exec[i % n_execs]. The captured graph belongs to exec[0]. */
    sc_status (*rotate)(mock_exec *const exec[], int n_execs, mock_launch launch, int n,
                        double *seconds, sc_diag *diag);

    /* Makes a probe, to be timed and released like a layer. *work: bytes, FLOP or
     * exponentials of one launch; 0 for EMPTY. Errors: SC_EUNABLE SC3005 with the reason
     * (no such dtype or kind on this device), SC_ENOMEM SC3004, SC_EGPU. */
    sc_status (*probe)(mock_device *dev, const mock_probe *probe, mock_exec **out,
                       double *work, sc_diag *diag);
    /* Profiles some launches: out[0..*n) are the kernels of one, in order; n is at most
     * MOCK_MAX_KERNELS. The profiler is attached for this call only, but what it leaves
     * behind is not known: no launch of the same process is to be timed afterwards.
     * Errors: SC_EUNABLE SC3016 (no profiler, with the reason), SC_EGPU. */
    sc_status (*trace)(mock_exec *exec, mock_kernel *out, int *n, sc_diag *diag);

    sc_status (*telemetry)(mock_device *dev, mock_telemetry *out, sc_diag *diag);
    void (*range_push)(const char *name); /* NVTX; no-op where absent */
    void (*range_pop)(void);
} mock_device_ops;

/* What the module exports under MOCK_MODULE_ENTRY. */
typedef const mock_device_ops *mock_module_entry_fn(void);

/* The CPU as a device: float kernels, unlike the double references. Never fails. */
const mock_device_ops *mock_cpu_ops(void);

/* Loads the CUDA module: $SOLCHECK_CUDA_MODULE, else next to the executable, else in the
 * installed module directory. The library stays loaded. Errors: SC_ENOGPU SC3001 or
 * SC3002, one line that says what is missing. */
sc_status mock_cuda_ops(const mock_device_ops **out, sc_diag *diag);

/* Is it a name that mock_device_open takes, or "cuda:all"? Opens nothing. Errors: SC_EINVAL
 * SC6001. Test: tests/measure/run.sh. */
sc_status mock_device_check(const char *spec, sc_diag *diag);
/* "cpu", "cuda", "cuda:1". Errors: SC_EINVAL SC6001, those of mock_cuda_ops and open. */
sc_status mock_device_open(const char *spec, const mock_device_ops **ops,
                           mock_device **dev, mock_device_info *info, sc_diag *diag);

#endif
