/* A CUDA module for tests: the CPU behind the name of a GPU, with faults on request.
 *
 * $SC_FAKE_FAULTS is a list like "hang:b=2,s=4 crash:b=4,s=1"; a fault strikes when the
 * case with these b and s is prepared. Faults: hang, crash (SIGSEGV), sticky (a CUDA
 * error), oom, slow (each launch takes 0.05 s). $SC_FAKE_MEMORY: bytes of device memory.
 * There are $SC_FAKE_DEVICES devices (1). $SC_FAKE_LOG: a file that gets a line a
 * prepared case and one a trace. $SC_FAKE_SM: its compute capability, $SC_FAKE_NAME its
 * name; $SC_FAKE_NO_PROBES, $SC_FAKE_NO_PROFILER: it refuses these. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission,
 * see LICENSE */
#include <config.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mock/cpu/cpu.h"

static mock_device_ops ops;
static bool slow;

static long number(const char *name, long fallback)
{
    const char *text = getenv(name);
    return text ? strtol(text, NULL, 10) : fallback;
}

static bool struck(const char *fault, const mock_case *c)
{
    char wanted[96];
    const char *faults = getenv("SC_FAKE_FAULTS");
    snprintf(wanted, sizeof wanted, "%s:b=%lld,s=%lld ", fault, (long long)c->b,
             (long long)c->s);
    return faults && strstr(faults, wanted);
}

static sc_status open_fake(int ordinal, mock_device **out, mock_device_info *info,
                           sc_diag *diag)
{
    if (ordinal >= number("SC_FAKE_DEVICES", 1))
        return sc_diag_fail(diag, SC_ENOGPU, SC3001, "there is no device %d", ordinal);
    sc_status status = mock_cpu_ops()->open(0, out, info, diag);
    if (status)
        return status;
    (*out)->limit_B = (size_t)number("SC_FAKE_MEMORY", 1L << 28);
    snprintf(info->kind, sizeof info->kind, "cpu");
    const char *name = getenv("SC_FAKE_NAME");
    snprintf(info->name, sizeof info->name, "%s", name ? name : "Fake GPU");
    info->l2_B = number("SC_FAKE_L2", 0);
    info->sm_version = (int)number("SC_FAKE_SM", 0);
    if (info->sm_version > 0)
        snprintf(info->kind, sizeof info->kind, "cuda");
    return SC_OK;
}

static sc_status probe(mock_device *dev, const mock_probe *p, mock_exec **out, double *work,
                       sc_diag *diag)
{
    if (getenv("SC_FAKE_NO_PROBES"))
        return sc_diag_fail(diag, SC_EUNABLE, SC3005, "no probes today");
    return mock_cpu_ops()->probe(dev, p, out, work, diag);
}

/* Times must not be taken in a process that has traced: the log shows who did what. */
static sc_status trace(mock_exec *exec, mock_kernel *out, int *n, sc_diag *diag)
{
    const char *log = getenv("SC_FAKE_LOG");
    FILE *file = log ? fopen(log, "a") : NULL;
    if (file) {
        fprintf(file, "trace pid=%d\n", (int)getpid());
        fclose(file);
    }
    if (getenv("SC_FAKE_NO_PROFILER"))
        return sc_diag_fail(diag, SC_EUNABLE, SC3016,
                            "kernels cannot be profiled: libcupti.so is not found");
    return mock_cpu_ops()->trace(exec, out, n, diag);
}

static sc_status prepare(mock_device *dev, const char *layer, const mock_case *c,
                         void *const ptr[], mock_exec **out, sc_diag *diag)
{
    const char *log = getenv("SC_FAKE_LOG");
    FILE *file = log ? fopen(log, "a") : NULL;
    if (file) {
        fprintf(file, "%s b=%lld s=%lld pid=%d\n", sol_phase_name(c->phase),
                (long long)c->b, (long long)c->s, (int)getpid());
        fclose(file);
    }
    if (struck("hang", c))
        for (;;)
            pause();
    if (struck("crash", c)) {
        signal(SIGSEGV, SIG_DFL); /* sanitizers catch it */
        raise(SIGSEGV);
    }
    if (struck("sticky", c))
        return sc_diag_fail(diag, SC_EGPU, SC3003, "an illegal memory access");
    if (struck("oom", c))
        return sc_diag_fail(diag, SC_ENOMEM, SC3004,
                            "out of device memory: no workspace");
    slow = struck("slow", c) || number("SC_FAKE_SLOW", 0);
    return mock_cpu_ops()->prepare(dev, layer, c, ptr, out, diag);
}

static sc_status time_fake(mock_exec *exec, mock_launch launch, int n, double *seconds,
                           sc_diag *diag)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    if (slow)
        nanosleep(&pause, NULL);
    return mock_cpu_ops()->time(exec, launch, n, seconds, diag);
}

static sc_status rotate_fake(mock_exec *const exec[], int n_execs, mock_launch launch,
                             int n, double *seconds, sc_diag *diag)
{
    return mock_cpu_ops()->rotate(exec, n_execs, launch, n, seconds, diag);
}

__attribute__((visibility("default"))) const mock_device_ops *mock_module_entry(void);
const mock_device_ops *mock_module_entry(void)
{
    ops = *mock_cpu_ops();
    ops.kind = "cuda";
    ops.open = open_fake;
    ops.prepare = prepare;
    ops.time = time_fake;
    ops.rotate = rotate_fake;
    ops.probe = probe;
    ops.trace = trace;
    return &ops;
}
