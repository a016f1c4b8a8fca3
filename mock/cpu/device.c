/* solcheck - the CPU as a device.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "base/alloc.h"
#include "mock/cpu/cpu.h"
#include "mock/layers/layers.h"

/* ---- memory ---- */

/* Finds "key: value" in a /proc file; the value's text up to the end of the line. */
static bool proc_value(const char *path, const char *key, char *out, size_t out_B)
{
    char line[512];
    bool found = false;
    FILE *file = fopen(path, "r");
    while (file && !found && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, key, strlen(key)) != 0 || !colon)
            continue;
        colon += 1 + strspn(colon + 1, " \t");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(out, out_B, "%s", colon);
        found = true;
    }
    if (file)
        fclose(file);
    return found;
}

/* One number from a file of the control group; SIZE_MAX for "max" or without the file. */
static size_t group_value(const char *path)
{
    char text[64];
    size_t value = SIZE_MAX;
    FILE *file = fopen(path, "r");
    if (file && fgets(text, sizeof text, file) && text[0] >= '0' && text[0] <= '9')
        value = (size_t)strtoull(text, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

/* Memory of the machine or of the control group, whichever is less; 0 if unknown. */
static size_t memory_B(const char *key)
{
    char text[64] = "";
    size_t machine = SIZE_MAX;
    if (proc_value("/proc/meminfo", key, text, sizeof text))
        machine = (size_t)strtoull(text, NULL, 10) * 1024; /* in kB */
    size_t group = group_value("/sys/fs/cgroup/memory.max");
    if (group != SIZE_MAX && strcmp(key, "MemAvailable") == 0) {
        size_t used = group_value("/sys/fs/cgroup/memory.current");
        group = used < group ? group - used : 0;
    }
    size_t least = machine < group ? machine : group;
    return least == SIZE_MAX ? 0 : least;
}

/* Memory that is not promised to anyone. Allocated pages are touched late, so what the
 * system calls available is compared with our own account too. */
static size_t free_memory(const mock_device *dev)
{
    size_t ours = dev->limit_B > dev->used_B ? dev->limit_B - dev->used_B : 0;
    size_t now = memory_B("MemAvailable");
    return now && now < ours ? now : ours;
}

enum { HEADER = 64 }; /* keeps the size of an allocation, and its alignment */

static sc_status out_of_memory(size_t size_B, size_t free_B, sc_diag *diag)
{
    sc_diag_fail(diag, SC_ENOMEM, SC3004,
                 "out of device memory: asked for %.3f GiB, %.3f GiB are available",
                 (double)size_B / 0x1p30, (double)free_B / 0x1p30);
    sc_diag_hint(diag, "lower b or s");
    return SC_ENOMEM;
}

sc_status mock_cpu_alloc(mock_device *dev, size_t size_B, void **out, sc_diag *diag)
{
    size_t free_B = free_memory(dev);
    if (size_B > SIZE_MAX - 2 * HEADER || size_B + 2 * HEADER > free_B)
        return out_of_memory(size_B, free_B, diag);
    char *p = sc_malloc(size_B + 2 * HEADER);
    if (!p)
        return out_of_memory(size_B, free_B, diag);
    char *at = p + HEADER + (HEADER - (uintptr_t)p % HEADER) % HEADER;
    /* In front of the aligned memory: what was allocated, and how much. */
    memcpy(at - sizeof p, &p, sizeof p);
    memcpy(at - sizeof p - sizeof size_B, &size_B, sizeof size_B);
    dev->used_B += size_B;
    *out = at;
    return SC_OK;
}

void mock_cpu_free(mock_device *dev, void *memory)
{
    if (!memory)
        return;
    char *at = memory, *p;
    size_t size_B;
    memcpy(&p, at - sizeof p, sizeof p);
    memcpy(&size_B, at - sizeof p - sizeof size_B, sizeof size_B);
    dev->used_B -= size_B;
    sc_free(p);
}

static sc_status cpu_available(mock_device *dev, size_t *free_B, sc_diag *diag)
{
    (void)diag;
    *free_B = free_memory(dev);
    return SC_OK;
}

static sc_status cpu_copy(mock_device *dev, void *to, const void *from, size_t size_B,
                          sc_diag *diag)
{
    (void)dev, (void)diag;
    memcpy(to, from, size_B);
    return SC_OK;
}

static sc_status cpu_fill_random(mock_device *dev, void *p, sol_dtype dtype, int64_t n,
                                 mock_inputs inputs, uint64_t seed, double scale,
                                 sc_diag *diag)
{
    (void)dev, (void)diag;
    mock_fill_random(p, dtype, n, inputs, seed, scale);
    return SC_OK;
}

static sc_status cpu_fill_byte(mock_device *dev, void *p, int value, size_t size_B,
                               sc_diag *diag)
{
    (void)dev, (void)diag;
    memset(p, value, size_B);
    return SC_OK;
}

/* ---- device ---- */

/* Size of the last level of cache, which is what has to be outrun; 0 if unknown. */
static int64_t last_cache_B(void)
{
    int64_t found = 0;
    for (int level = 2; level <= 4; level++) {
        char path[80], unit = 'K';
        long long size = 0;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size",
                 level);
        FILE *file = fopen(path, "r");
        if (file && fscanf(file, "%lld%c", &size, &unit) >= 1 && size > 0)
            found = size * (unit == 'M' ? 1 << 20 : 1 << 10);
        if (file)
            fclose(file);
    }
    return found;
}

static void describe(mock_device_info *info)
{
    *info = (mock_device_info){.kind = "cpu", .name = "CPU"};
    proc_value("/proc/cpuinfo", "model name", info->name, sizeof info->name);
    struct utsname system;
    if (uname(&system) == 0)
        snprintf(info->driver, sizeof info->driver, "%.*s", (int)sizeof info->driver - 1,
                 system.release);
    info->memory_B = (int64_t)memory_B("MemTotal");
    info->l2_B = last_cache_B();
    struct timespec timer;
    if (clock_getres(CLOCK_MONOTONIC, &timer) == 0)
        info->timer_s = (double)timer.tv_sec + 1e-9 * (double)timer.tv_nsec;
}

static sc_status cpu_open(int ordinal, mock_device **out, mock_device_info *info,
                          sc_diag *diag)
{
    if (ordinal != 0)
        return sc_diag_fail(diag, SC_ENOGPU, SC3001,
                            "there is one CPU device, not cpu:%d", ordinal);
    mock_device *dev = sc_calloc(1, sizeof *dev);
    if (!dev || !(dev->pool = mock_cpu_pool_new())) {
        sc_free(dev);
        return sc_diag_nomem(diag);
    }
    dev->limit_B = memory_B("MemAvailable");
    if (dev->limit_B == 0) /* not Linux: let the allocator decide */
        dev->limit_B = SIZE_MAX;
    describe(info);
    *out = dev;
    return SC_OK;
}

static void cpu_close(mock_device *dev)
{
    if (!dev)
        return;
    mock_cpu_pool_free(dev->pool);
    sc_free(dev);
}

static sc_status cpu_telemetry(mock_device *dev, mock_telemetry *out, sc_diag *diag)
{
    (void)dev, (void)diag;
    *out = MOCK_NO_TELEMETRY;
    return SC_OK;
}

static void cpu_range_push(const char *name)
{
    (void)name;
}

static void cpu_range_pop(void)
{
}

/* ---- executions ---- */

/* X(layer) calls mock_cpu_prepare_<layer>. */
static const struct {
    const char *layer;
    sc_status (*prepare)(mock_exec *exec, sc_diag *diag);
} layers[] = {
#define X(name) {#name, mock_cpu_prepare_##name},
    MOCK_CLASS_LIST(X)
#undef X
};

float *mock_cpu_scratch(const mock_exec *exec, int thread)
{
    return exec->scratch_p + (size_t)thread * exec->scratch;
}

static void cpu_release(mock_exec *exec)
{
    if (!exec)
        return;
    mock_cpu_free(exec->dev, exec->turned);
    mock_cpu_free(exec->dev, exec->work);
    mock_cpu_free(exec->dev, exec->scratch_p);
    sc_free(exec->graph);
    sc_free(exec);
}

static sc_status prepare_exec(mock_exec *exec, const char *layer, sc_diag *diag)
{
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        if (strcmp(layers[i].layer, layer) != 0)
            continue;
        sc_status status = layers[i].prepare(exec, diag);
        void *scratch = NULL;
        size_t threads = (size_t)mock_cpu_pool_threads(exec->dev->pool);
        if (!status)
            status = mock_cpu_alloc(exec->dev, threads * exec->scratch * sizeof(float),
                                    &scratch, diag);
        if (!status)
            exec->scratch_p = scratch;
        return status;
    }
    return sc_diag_fail(diag, SC_EUNABLE, SC3005, "the CPU device has no layer %s",
                        layer);
}

static sc_status cpu_prepare(mock_device *dev, const char *layer, const mock_case *c,
                             void *const ptr[], mock_exec **out, sc_diag *diag)
{
    if (c->choice == MOCK_CHOICE_CUDNN)
        return sc_diag_fail(diag, SC_EUNABLE, SC3005, "cuDNN needs a GPU");
    mock_exec *exec = sc_calloc(1, sizeof *exec);
    if (!exec)
        return sc_diag_nomem(diag);
    exec->dev = dev;
    exec->c = c;
    memcpy(exec->ptr, ptr, sizeof exec->ptr);
    sc_status status = prepare_exec(exec, layer, diag);
    if (status) {
        cpu_release(exec);
        return status;
    }
    *out = exec;
    return SC_OK;
}

static const char *cpu_source(const mock_exec *exec)
{
    return exec->source;
}

/* Writes the steps of one launch. */
static void record(const mock_exec *exec, mock_cpu_step *to)
{
    memcpy(to, exec->step, (size_t)exec->n_steps * sizeof *to);
}

static void replay(mock_exec *exec, const mock_cpu_step *step, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        mock_cpu_pool_run(exec->dev->pool, step[i].n_tasks, step[i].fn, exec);
}

static sc_status cpu_run(mock_exec *exec, sc_diag *diag)
{
    (void)diag;
    mock_cpu_step list[MOCK_CPU_MAX_STEPS];
    record(exec, list);
    replay(exec, list, exec->n_steps);
    return SC_OK;
}

/* Records n launches, once per n. */
static sc_status capture(mock_exec *exec, int n, sc_diag *diag)
{
    if (exec->graph_n == n)
        return SC_OK;
    mock_cpu_step *graph =
        sc_reallocarray(exec->graph, (size_t)n * (size_t)exec->n_steps, sizeof *graph);
    if (!graph)
        return sc_diag_nomem(diag);
    for (int i = 0; i < n; i++)
        record(exec, graph + (size_t)i * (size_t)exec->n_steps);
    exec->graph = graph;
    exec->graph_n = n;
    return SC_OK;
}

static sc_status cpu_time(mock_exec *exec, mock_launch launch, int n, double *seconds,
                          sc_diag *diag)
{
    sc_status status = SC_OK;
    if (n < 1)
        return sc_diag_fail(diag, SC_EINVAL, SC3005, "cannot time %d launches", n);
    if (launch == MOCK_GRAPH)
        status = capture(exec, n, diag);
    if (status)
        return status;
    double start = sc_now_s();
    if (launch == MOCK_GRAPH)
        replay(exec, exec->graph, (int64_t)n * exec->n_steps);
    for (int i = 0; launch == MOCK_EAGER && i < n; i++)
        cpu_run(exec, diag);
    *seconds = sc_now_s() - start;
    return SC_OK;
}

static sc_status cpu_rotate(mock_exec *const exec[], int n_execs, mock_launch launch,
                            int n, double *seconds, sc_diag *diag)
{
    if (n < 1 || n_execs < 1)
        return sc_diag_fail(diag, SC_EINVAL, SC3005, "cannot time %d launches of %d", n,
                            n_execs);
    for (int i = 0; i < n_execs && launch == MOCK_GRAPH; i++) {
        sc_status status = capture(exec[i], 1, diag);
        if (status)
            return status;
    }
    double start = sc_now_s();
    for (int i = 0; i < n; i++) {
        mock_exec *next = exec[i % n_execs];
        if (launch == MOCK_GRAPH)
            replay(next, next->graph, next->n_steps);
        else
            cpu_run(next, diag);
    }
    *seconds = sc_now_s() - start;
    return SC_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The CPU needs no profiler: steps are timed one by one. */
static sc_status cpu_trace(mock_exec *exec, mock_kernel *out, int *n, sc_diag *diag)
{
    enum { REPEATS = 5 };
    double seconds[MOCK_CPU_MAX_STEPS][REPEATS];
    (void)diag;
    for (int r = 0; r < REPEATS; r++)
        for (int i = 0; i < exec->n_steps; i++) {
            double start = sc_now_s();
            replay(exec, &exec->step[i], 1);
            seconds[i][r] = sc_now_s() - start;
        }
    for (int i = 0; i < exec->n_steps; i++) {
        qsort(seconds[i], REPEATS, sizeof seconds[i][0], by_value);
        out[i] = (mock_kernel){.seconds = seconds[i][REPEATS / 2],
                               .grid = {exec->step[i].n_tasks, 1, 1},
                               .block = {1, 1, 1}};
        snprintf(out[i].name, sizeof out[i].name, "%s.step%d", exec->source, i + 1);
    }
    *n = exec->n_steps;
    return SC_OK;
}

static const mock_device_ops cpu_ops = {
    .abi = MOCK_ABI,
    .kind = "cpu",
    .open = cpu_open,
    .close = cpu_close,
    .alloc = mock_cpu_alloc,
    .free = mock_cpu_free,
    .available = cpu_available,
    .upload = cpu_copy,
    .download = cpu_copy,
    .fill_random = cpu_fill_random,
    .fill_byte = cpu_fill_byte,
    .prepare = cpu_prepare,
    .release = cpu_release,
    .source = cpu_source,
    .run = cpu_run,
    .time = cpu_time,
    .rotate = cpu_rotate,
    .probe = mock_cpu_probe,
    .trace = cpu_trace,
    .telemetry = cpu_telemetry,
    .range_push = cpu_range_push,
    .range_pop = cpu_range_pop,
};

const mock_device_ops *mock_cpu_ops(void)
{
    return &cpu_ops;
}
