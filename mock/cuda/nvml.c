/* solcheck - clocks, power and throttling through NVML, loaded at run time; read only.
 *
 * The few declarations below are NVML's documented ABI (NVML API Reference:
 * nvmlClockType_t, nvmlReturn_t, clocks event reasons), written out so that the header is
 * not needed. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#include "mock/cuda/cuda.h"

#include <dlfcn.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

typedef struct nvmlDevice_st *nvml_device;
enum { NVML_OK = 0, NVML_CLOCK_SM = 1, NVML_CLOCK_MEM = 2 };

/* Clocks event reasons that slow the clock: software power cap, hardware slowdown,
 * software and hardware thermal slowdown, power brake. Not: idle (0x1), application
 * clocks (0x2), sync boost (0x10), display clock (0x100). */
#define SLOWING (0x4ull | 0x8ull | 0x20ull | 0x40ull | 0x80ull)

/* X(member, symbol, newer or older name to try next, arguments) */
#define NVML_LIST(X)                                                                     \
    X(init, "nvmlInit_v2", NULL, (void))                                                 \
    X(shutdown, "nvmlShutdown", NULL, (void))                                            \
    X(by_bus, "nvmlDeviceGetHandleByPciBusId_v2", NULL, (const char *, nvml_device *))   \
    X(driver, "nvmlSystemGetDriverVersion", NULL, (char *, unsigned))                    \
    X(clock, "nvmlDeviceGetClockInfo", NULL, (nvml_device, int, unsigned *))             \
    X(max_clock, "nvmlDeviceGetMaxClockInfo", NULL, (nvml_device, int, unsigned *))      \
    X(power, "nvmlDeviceGetPowerUsage", NULL, (nvml_device, unsigned *))                 \
    X(limit, "nvmlDeviceGetEnforcedPowerLimit", "nvmlDeviceGetPowerManagementLimit",     \
      (nvml_device, unsigned *))                                                         \
    X(reasons, "nvmlDeviceGetCurrentClocksEventReasons",                                 \
      "nvmlDeviceGetCurrentClocksThrottleReasons", (nvml_device, unsigned long long *))

struct cuda_nvml {
    void *library;
    nvml_device device;
    double sm_clock_max_hz; /* NaN: not known. Asked for once: it takes milliseconds */
#define X(member, symbol, other, arguments) int(*member) arguments;
    NVML_LIST(X)
#undef X
};

static void bind(void *library, const char *symbol, const char *other, void *to)
{
    void *found = dlsym(library, symbol);
    if (!found && other)
        found = dlsym(library, other);
    memcpy(to, &found, sizeof found);
}

cuda_nvml *cuda_nvml_open(const char *pci_bus_id)
{
    cuda_nvml *nvml = sc_calloc(1, sizeof *nvml);
    if (!nvml)
        return NULL;
    nvml->library = dlopen("libnvidia-ml.so.1", RTLD_LAZY | RTLD_LOCAL);
    if (!nvml->library) {
        sc_free(nvml);
        return NULL;
    }
#define X(member, symbol, other, arguments)                                              \
    bind(nvml->library, symbol, other, &nvml->member);
    NVML_LIST(X)
#undef X
    if (!nvml->init || !nvml->shutdown || !nvml->by_bus || nvml->init() != NVML_OK) {
        dlclose(nvml->library);
        sc_free(nvml);
        return NULL;
    }
    if (nvml->by_bus(pci_bus_id, &nvml->device) != NVML_OK) {
        cuda_nvml_close(nvml);
        return NULL;
    }
    unsigned value = 0;
    bool known = nvml->max_clock &&
                 nvml->max_clock(nvml->device, NVML_CLOCK_SM, &value) == NVML_OK;
    nvml->sm_clock_max_hz = known ? 1e6 * value : NAN; /* NVML: MHz */
    return nvml;
}

void cuda_nvml_close(cuda_nvml *nvml)
{
    if (!nvml)
        return;
    nvml->shutdown();
    dlclose(nvml->library);
    sc_free(nvml);
}

void cuda_nvml_driver(cuda_nvml *nvml, char *text, size_t size_B)
{
    char version[96] = "";
    if (nvml && nvml->driver && nvml->driver(version, sizeof version) == NVML_OK) {
        size_t n = strnlen(version, size_B - 1);
        memcpy(text, version, n);
        text[n] = '\0';
    }
}

void cuda_nvml_read(cuda_nvml *nvml, mock_telemetry *out)
{
    *out = MOCK_NO_TELEMETRY;
    if (!nvml)
        return;
    unsigned value = 0;
    unsigned long long reasons = 0;
    if (nvml->clock && nvml->clock(nvml->device, NVML_CLOCK_SM, &value) == NVML_OK)
        out->sm_clock_hz = 1e6 * value; /* NVML: MHz */
    if (nvml->clock && nvml->clock(nvml->device, NVML_CLOCK_MEM, &value) == NVML_OK)
        out->mem_clock_hz = 1e6 * value;
    out->sm_clock_max_hz = nvml->sm_clock_max_hz;
    if (nvml->power && nvml->power(nvml->device, &value) == NVML_OK)
        out->power_W = 1e-3 * value; /* NVML: milliwatts */
    if (nvml->limit && nvml->limit(nvml->device, &value) == NVML_OK)
        out->power_limit_W = 1e-3 * value;
    if (nvml->reasons && nvml->reasons(nvml->device, &reasons) == NVML_OK)
        out->throttle = reasons & SLOWING;
}
