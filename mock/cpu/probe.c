/* solcheck - what the CPU can do at most: passes over memory, multiply-adds,
 * exponentials.
 *
 * Each task has memory or registers of its own; the number of tasks is four times that of
 * the threads, so that one that was held up does not hold up the rest.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/cpu/cpu.h"

enum { LINE = 64, CHAINS = 8, STEPS = 1 << 14, EXPS = 1 << 13 };

typedef float v4 __attribute__((vector_size(16)));

/* The bytes [*begin, *end) of task i out of n, whole cache lines. */
static void share(size_t size_B, int64_t i, int64_t n, size_t *begin, size_t *end)
{
    size_t lines = size_B / LINE;
    *begin = lines * (size_t)i / (size_t)n * LINE;
    *end = lines * (size_t)(i + 1) / (size_t)n * LINE;
}

/* So that the compiler has to make what goes in here. */
static void keep(const void *p)
{
    __asm__ volatile("" : : "r"(p) : "memory");
}

static void empty_task(void *user, int64_t task, int thread)
{
    (void)task, (void)thread;
    keep(user);
}

static void read_task(void *user, int64_t task, int thread)
{
    const mock_exec *exec = user;
    size_t begin, end;
    uint64_t sum[LINE / 8] = {0}, word[LINE / 8];
    (void)thread;
    share(exec->probe.size_B, task, exec->step[0].n_tasks, &begin, &end);
    for (int pass = 0; pass < exec->probe.passes; pass++) {
        for (const char *p = (const char *)exec->work + begin;
             p < (const char *)exec->work + end; p += LINE) {
            memcpy(word, p, LINE);
            for (int i = 0; i < LINE / 8; i++)
                sum[i] += word[i];
        }
        keep(sum);
    }
}

static void write_task(void *user, int64_t task, int thread)
{
    const mock_exec *exec = user;
    size_t begin, end;
    (void)thread;
    share(exec->probe.size_B, task, exec->step[0].n_tasks, &begin, &end);
    memset((char *)exec->work + begin, (int)task, end - begin);
    keep(exec->work);
}

static void copy_task(void *user, int64_t task, int thread)
{
    const mock_exec *exec = user;
    size_t begin, end, half_B = exec->probe.size_B / 2;
    (void)thread;
    share(half_B, task, exec->step[0].n_tasks, &begin, &end);
    memcpy((char *)exec->work + half_B + begin, (const char *)exec->work + begin,
           end - begin);
    keep(exec->work);
}

static void fma_task(void *user, int64_t task, int thread)
{
    v4 x[CHAINS], a = {0.75f, 0.5f, 0.25f, 0.125f};
    (void)user, (void)thread;
    for (int i = 0; i < CHAINS; i++)
        x[i] = (v4){(float)task, (float)i, 1, 2};
    for (int step = 0; step < STEPS; step++)
        for (int i = 0; i < CHAINS; i++)
            x[i] = x[i] * a + a;
    keep(x);
}

static void exp_task(void *user, int64_t task, int thread)
{
    float x[16];
    (void)user, (void)thread;
    for (int i = 0; i < 16; i++)
        x[i] = 1e-3f * (float)(task + i);
    for (int step = 0; step < EXPS / 16; step++)
        for (int i = 0; i < 16; i++)
            x[i] = expf(-x[i]);
    keep(x);
}

static sc_status refuse(const mock_probe *probe, sc_diag *diag)
{
    return sc_diag_fail(diag, SC_EUNABLE, SC3005,
                        probe->kind == MOCK_PROBE_GEMM
                            ? "a CPU has no tensor cores"
                            : "the CPU device computes in fp32, not in %s",
                        sol_dtype_name(probe->dtype));
}

static sc_status take_memory(mock_exec *exec, sc_diag *diag)
{
    void *memory;
    size_t size_B = exec->probe.size_B / (2 * LINE) * (2 * LINE);
    exec->probe.size_B = size_B;
    sc_status status = mock_cpu_alloc(exec->dev, size_B, &memory, diag);
    if (!status) {
        exec->work = memory;
        memset(memory, 0x5a, size_B); /* so that every page exists */
    }
    return status;
}

static sc_status set_up(mock_exec *exec, double *work, sc_diag *diag)
{
    static mock_cpu_task *const fn[] = {
        [MOCK_PROBE_EMPTY] = empty_task, [MOCK_PROBE_READ] = read_task,
        [MOCK_PROBE_WRITE] = write_task, [MOCK_PROBE_COPY] = copy_task,
        [MOCK_PROBE_FMA] = fma_task,     [MOCK_PROBE_EXP] = exp_task,
        [MOCK_PROBE_GEMM] = NULL};
    static const char *const name[] = {"cpu_empty", "cpu_read", "cpu_write",
                                       "cpu_copy",  "cpu_fma",  "cpu_exp"};
    const mock_probe *p = &exec->probe;
    int64_t tasks = 4 * mock_cpu_pool_threads(exec->dev->pool);
    sc_status status = SC_OK;
    if (!fn[p->kind] || (p->kind == MOCK_PROBE_FMA && p->dtype != SOL_FP32))
        return refuse(p, diag);
    exec->step[0] = (mock_cpu_step){fn[p->kind], tasks};
    exec->n_steps = 1;
    exec->source = name[p->kind];
    *work = 0;
    if (p->kind == MOCK_PROBE_FMA)
        *work = (double)tasks * STEPS * CHAINS * 4 * 2;
    if (p->kind == MOCK_PROBE_EXP)
        *work = (double)tasks * EXPS;
    if (p->kind == MOCK_PROBE_READ || p->kind == MOCK_PROBE_WRITE ||
        p->kind == MOCK_PROBE_COPY) {
        status = take_memory(exec, diag);
        *work = (double)exec->probe.size_B * (p->kind == MOCK_PROBE_READ ? p->passes : 1);
    }
    return status;
}

sc_status mock_cpu_probe(mock_device *dev, const mock_probe *probe, mock_exec **out,
                         double *work, sc_diag *diag)
{
    double amount = 0;
    mock_exec *exec = sc_calloc(1, sizeof *exec);
    if (!exec)
        return sc_diag_nomem(diag);
    exec->dev = dev;
    exec->probe = *probe;
    sc_status status = set_up(exec, &amount, diag);
    if (status) {
        sc_free(exec);
        return status;
    }
    *work = amount;
    *out = exec;
    return SC_OK;
}
