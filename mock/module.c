/* solcheck - finding and loading the CUDA module, and opening devices by name.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "mock/device.h"

#define MODULE_FILE "solcheck_cuda.so"
#ifndef SC_MODULE_DIR
#define SC_MODULE_DIR "/usr/local/lib/solcheck"
#endif

/* The file that the user named, else the first that exists. A libtool program runs from
 * .libs, hence the second place. */
static sc_status find_module(char out[4200], sc_diag *diag)
{
    char dir[4096];
    const char *named = getenv("SOLCHECK_CUDA_MODULE");
    if (named && *named) {
        snprintf(out, 4200, "%s", named);
        if (access(out, R_OK) == 0)
            return SC_OK;
        return sc_diag_fail(diag, SC_ENOGPU, SC3002,
                            "$SOLCHECK_CUDA_MODULE names %s, which cannot be read",
                            named);
    }
    static const char *const beside[] = {"", "/..", "/../lib/solcheck"};
    bool known = sc_program_dir(dir, sizeof dir);
    for (size_t i = 0; known && i < sizeof beside / sizeof beside[0]; i++) {
        snprintf(out, 4200, "%s%s/" MODULE_FILE, dir, beside[i]);
        if (access(out, R_OK) == 0)
            return SC_OK;
    }
    snprintf(out, 4200, "%s/" MODULE_FILE, SC_MODULE_DIR);
    if (access(out, R_OK) == 0)
        return SC_OK;
    sc_diag_fail(diag, SC_ENOGPU, SC3002,
                 "this build has no CUDA module (" MODULE_FILE ")");
    sc_diag_hint(diag, "install the CUDA Toolkit and build again, or set "
                       "SOLCHECK_CUDA_MODULE, or use --device cpu");
    return SC_ENOGPU;
}

static sc_status load_failed(const char *path, sc_diag *diag)
{
    const char *why = dlerror();
    why = why ? why : "unknown reason";
    if (strstr(why, "libcuda.so")) {
        sc_diag_fail(diag, SC_ENOGPU, SC3001,
                     "no NVIDIA driver: libcuda.so.1 is missing");
        sc_diag_hint(diag, "use --device cpu, or a machine with an NVIDIA GPU");
        return SC_ENOGPU;
    }
    return sc_diag_fail(diag, SC_ENOGPU, SC3002, "%s cannot be loaded: %s", path, why);
}

sc_status mock_cuda_ops(const mock_device_ops **out, sc_diag *diag)
{
    char path[4200];
    sc_status status = find_module(path, diag);
    if (status)
        return status;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return load_failed(path, diag);
    /* POSIX has a function pointer fit a void pointer; ISO C has no cast for it. */
    mock_module_entry_fn *entry = NULL;
    void *symbol = dlsym(library, MOCK_MODULE_ENTRY);
    memcpy(&entry, &symbol, sizeof entry);
    const mock_device_ops *ops = entry ? entry() : NULL;
    if (ops && ops->abi == MOCK_ABI) {
        *out = ops; /* the library stays loaded */
        return SC_OK;
    }
    if (!ops)
        status = sc_diag_fail(diag, SC_ENOGPU, SC3002, "%s is no solcheck module", path);
    else
        status = sc_diag_fail(diag, SC_ENOGPU, SC3002,
                              "%s has interface %d, this solcheck needs %d", path,
                              ops->abi, MOCK_ABI);
    dlclose(library);
    return status;
}

/* Splits "kind" or "kind:N"; the kind is "cpu" or "cuda". */
static bool parse_spec(const char *spec, char kind[8], int *ordinal)
{
    const char *colon = strchr(spec, ':');
    size_t n = colon ? (size_t)(colon - spec) : strlen(spec);
    if (n == 0 || n >= 8)
        return false;
    memcpy(kind, spec, n);
    kind[n] = '\0';
    int64_t value = 0;
    if (colon && (colon[1] < '0' || colon[1] > '9' || !sc_parse_int(colon + 1, &value)))
        return false;
    if (value < 0 || value > 1023)
        return false;
    *ordinal = (int)value;
    return strcmp(kind, "cpu") == 0 || strcmp(kind, "cuda") == 0;
}

static sc_status no_device(const char *spec, const char *names, sc_diag *diag)
{
    sc_diag_fail(diag, SC_EINVAL, SC6001, "no device is called '%s'", spec);
    sc_diag_hint(diag, "write %s", names);
    return SC_EINVAL;
}

sc_status mock_device_check(const char *spec, sc_diag *diag)
{
    char kind[8];
    int ordinal;
    if (parse_spec(spec, kind, &ordinal) || strcmp(spec, "cuda:all") == 0)
        return SC_OK;
    return no_device(spec, "cpu, cuda, cuda:N or cuda:all", diag);
}

sc_status mock_device_open(const char *spec, const mock_device_ops **ops,
                           mock_device **dev, mock_device_info *info, sc_diag *diag)
{
    char kind[8];
    int ordinal = 0;
    const mock_device_ops *found = mock_cpu_ops();
    sc_status status = SC_OK;
    if (!parse_spec(spec, kind, &ordinal))
        return no_device(spec, "cpu, cuda or cuda:N", diag);
    if (strcmp(kind, "cuda") == 0)
        status = mock_cuda_ops(&found, diag);
    if (!status)
        status = found->open(ordinal, dev, info, diag);
    if (!status)
        *ops = found;
    return status;
}
