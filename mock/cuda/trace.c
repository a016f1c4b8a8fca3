/* solcheck - names and times of a layer's kernels, by the activity API of CUPTI, which is
 * loaded when it is asked for.
 *
 * The few declarations below are CUPTI's documented ABI, written out so that its headers
 * are not needed: the record of a kernel begins alike from CUpti_ActivityKernel4 (CUDA 9)
 * to CUpti_ActivityKernel10 (CUDA 13), that of a memset from CUpti_ActivityMemset on.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum { CUPTI_OK = 0, KIND_MEMSET = 2, KIND_KERNEL = 10, FLUSH_FORCED = 1 };
enum { REPEATS = 5, MAX_RECORDS = REPEATS * MOCK_MAX_KERNELS, BUFFER_B = 1 << 20 };

typedef struct kernel_record {
    uint32_t kind;
    uint8_t cache_config, shared_config;
    uint16_t registers;
    uint32_t cache_requested, cache_executed;
    uint64_t start_ns, end_ns, completed_ns;
    uint32_t device, context, stream;
    int32_t grid[3], block[3];
    int32_t smem_static_B, smem_dynamic_B;
    uint32_t local_B, local_total_B, correlation;
    int64_t grid_id;
    const char *name;
} kernel_record;
_Static_assert(offsetof(kernel_record, start_ns) == 16 &&
                   offsetof(kernel_record, smem_static_B) == 76 &&
                   offsetof(kernel_record, name) == 104,
               "CUpti_ActivityKernel4");

typedef struct memset_record {
    uint32_t kind, value;
    uint64_t size_B, start_ns, end_ns;
} memset_record;

typedef void request_fn(uint8_t **buffer, size_t *size_B, size_t *max_records);
typedef void complete_fn(void *context, uint32_t stream, uint8_t *buffer, size_t size_B,
                         size_t valid_B);

/* X(member, symbol, arguments) */
#define CUPTI_LIST(X)                                                                    \
    X(register_callbacks, "cuptiActivityRegisterCallbacks",                              \
      (request_fn *, complete_fn *))                                                     \
    X(enable, "cuptiActivityEnable", (uint32_t kind))                                    \
    X(disable, "cuptiActivityDisable", (uint32_t kind))                                  \
    X(flush, "cuptiActivityFlushAll", (uint32_t flag))                                   \
    X(next, "cuptiActivityGetNextRecord", (uint8_t *, size_t, void **))                  \
    X(explain, "cuptiGetResultString", (int result, const char **text))

/* CUPTI's callbacks take no argument of ours: one trace of a process at a time. */
static struct {
    void *library;
#define X(member, symbol, arguments) int(*member) arguments;
    CUPTI_LIST(X)
#undef X
    mock_kernel record[MAX_RECORDS];
    uint64_t start_ns[MAX_RECORDS];
    int n;
    bool lost;
} cupti;

static sc_status unable(sc_diag *diag, const char *why)
{
    sc_diag_fail(diag, SC_EUNABLE, SC3016, "kernels cannot be profiled: %s", why);
    sc_diag_hint(diag, "libcupti comes with the CUDA Toolkit (lib64 or "
                       "extras/CUPTI/lib64): name its directory in LD_LIBRARY_PATH");
    return SC_EUNABLE;
}

static sc_status load(sc_diag *diag)
{
    static const char *const name[] = {"libcupti.so.13", "libcupti.so.12", "libcupti.so"};
    for (size_t i = 0; i < sizeof name / sizeof name[0] && !cupti.library; i++)
        cupti.library = dlopen(name[i], RTLD_NOW | RTLD_LOCAL);
    if (!cupti.library)
        return unable(diag, "libcupti.so is not found");
    bool all = true;
    void *found;
#define X(member, symbol, arguments)                                                     \
    found = dlsym(cupti.library, symbol);                                                \
    memcpy(&cupti.member, &found, sizeof found);                                         \
    all &= found != NULL;
    CUPTI_LIST(X)
#undef X
    return all ? SC_OK : unable(diag, "libcupti.so lacks the activity API");
}

static sc_status check(int result, const char *call, sc_diag *diag)
{
    const char *text = NULL;
    char why[200];
    if (result == CUPTI_OK)
        return SC_OK;
    cupti.explain(result, &text);
    snprintf(why, sizeof why, "%s: %s", call, text ? text : "error");
    return unable(diag, why);
}

/* ---- records ---- */

/* C++ names as they were written; the runtime of C++ is in every module that nvcc links.
 */
extern char *__cxa_demangle(const char *name, char *to, size_t *n, int *status);

static void copy_name(mock_kernel *to, const char *name)
{
    int status = 0;
    char *readable = __cxa_demangle(name, NULL, NULL, &status);
    snprintf(to->name, sizeof to->name, "%s", readable ? readable : name);
    free(readable); /* __cxa_demangle's own malloc */
}

static void take(const void *record)
{
    const kernel_record *k = record;
    const memset_record *m = record;
    if (k->kind != KIND_KERNEL && k->kind != KIND_MEMSET)
        return;
    if (cupti.n == MAX_RECORDS) {
        cupti.lost = true;
        return;
    }
    mock_kernel *to = &cupti.record[cupti.n];
    memset(to, 0, sizeof *to);
    if (k->kind == KIND_MEMSET) {
        snprintf(to->name, sizeof to->name, "memset");
        to->seconds = 1e-9 * (double)(m->end_ns - m->start_ns);
        cupti.start_ns[cupti.n++] = m->start_ns;
        return;
    }
    copy_name(to, k->name ? k->name : "?");
    to->seconds = 1e-9 * (double)(k->end_ns - k->start_ns);
    for (int i = 0; i < 3; i++) {
        to->grid[i] = k->grid[i];
        to->block[i] = k->block[i];
    }
    to->registers = k->registers;
    to->smem_B = (int64_t)k->smem_static_B + k->smem_dynamic_B;
    cupti.start_ns[cupti.n++] = k->start_ns;
}

static void on_request(uint8_t **buffer, size_t *size_B, size_t *max_records)
{
    /* 8-byte alignment is asked for; NULL makes CUPTI drop records, which is noticed. */
    *buffer = sc_malloc(BUFFER_B);
    *size_B = *buffer ? BUFFER_B : 0;
    *max_records = 0; /* as many as fit */
}

static void on_complete(void *context, uint32_t stream, uint8_t *buffer, size_t size_B,
                        size_t valid_B)
{
    void *record = NULL;
    (void)context, (void)stream, (void)size_B;
    while (valid_B > 0 && cupti.next(buffer, valid_B, &record) == CUPTI_OK)
        take(record);
    sc_free(buffer);
}

/* ---- one trace ---- */

/* Buffers may come in any order: by start. */
static void sort_records(void)
{
    for (int i = 1; i < cupti.n; i++)
        for (int k = i; k > 0 && cupti.start_ns[k - 1] > cupti.start_ns[k]; k--) {
            mock_kernel record = cupti.record[k];
            uint64_t start = cupti.start_ns[k];
            cupti.record[k] = cupti.record[k - 1];
            cupti.start_ns[k] = cupti.start_ns[k - 1];
            cupti.record[k - 1] = record;
            cupti.start_ns[k - 1] = start;
        }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Launches are alike: the i-th kernel of each is one kernel. */
static sc_status gather(mock_kernel *out, int *n, sc_diag *diag)
{
    int each = cupti.n / REPEATS;
    char why[128];
    snprintf(why, sizeof why, "%d records of %d launches%s", cupti.n, REPEATS,
             cupti.lost ? ", and more than fit" : "");
    if (each == 0 || cupti.n % REPEATS != 0 || cupti.lost)
        return unable(diag, why);
    for (int i = 0; i < each; i++) {
        double seconds[REPEATS];
        for (int r = 0; r < REPEATS; r++)
            seconds[r] = cupti.record[r * each + i].seconds;
        qsort(seconds, REPEATS, sizeof seconds[0], by_value);
        out[i] = cupti.record[i];
        out[i].seconds = seconds[REPEATS / 2];
    }
    *n = each;
    return SC_OK;
}

static sc_status profile(mock_exec *exec, sc_diag *diag)
{
    sc_status status =
        check(cupti.enable(KIND_KERNEL), "cuptiActivityEnable(kernels)", diag);
    if (!status)
        status = check(cupti.enable(KIND_MEMSET), "cuptiActivityEnable(memset)", diag);
    for (int i = 0; i < REPEATS && !status; i++)
        status = cuda_run(exec, diag);
    cupti.disable(KIND_KERNEL);
    cupti.disable(KIND_MEMSET);
    return status ? status
                  : check(cupti.flush(FLUSH_FORCED), "cuptiActivityFlushAll", diag);
}

sc_status cuda_trace(mock_exec *exec, mock_kernel *out, int *n, sc_diag *diag)
{
    sc_status status = SC_OK;
    if (!cupti.library) {
        status = load(diag);
        if (!status)
            status = check(cupti.register_callbacks(on_request, on_complete),
                           "cuptiActivityRegisterCallbacks", diag);
    }
    if (!status)
        status = cuda_run(exec, diag); /* what a first launch loads is not its work */
    if (status)
        return status;
    cupti.n = 0;
    cupti.lost = false;
    status = profile(exec, diag);
    if (status)
        return status;
    sort_records();
    return gather(out, n, diag);
}
