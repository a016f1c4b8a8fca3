/* solcheck - a GPU as a device: memory, fills, telemetry, and the module's table.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <nvtx3/nvToolsExt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

sc_status cuda_check(cudaError_t error, const char *call, const char *file, int line,
                     sc_diag *diag)
{
    if (error == cudaSuccess)
        return SC_OK;
    cudaGetLastError(); /* a sticky error comes back at the next call */
    sc_diag_fail(diag, SC_EGPU, SC3003, "%s: %s: %s", call, cudaGetErrorName(error),
                 cudaGetErrorString(error));
    sc_diag_at(diag, file, line, 0, 0, NULL);
    return SC_EGPU;
}

sc_status cuda_select(const mock_device *dev, sc_diag *diag)
{
    return CU(cudaSetDevice(dev->ordinal), diag);
}

static sc_status wait(mock_device *dev, sc_diag *diag)
{
    return CU(cudaStreamSynchronize(dev->stream), diag);
}

/* ---- open and close ---- */

static sc_status find_device(int ordinal, sc_diag *diag)
{
    int n = 0;
    cudaError_t error = cudaGetDeviceCount(&n);
    if (error != cudaSuccess) {
        cudaGetLastError();
        return sc_diag_fail(diag, SC_ENOGPU, SC3001, "no usable GPU: %s",
                            cudaGetErrorString(error));
    }
    if (ordinal < 0 || ordinal >= n)
        return sc_diag_fail(diag, SC_ENOGPU, SC3001, "no GPU %d: there %s %d", ordinal,
                            n == 1 ? "is" : "are", n);
    return SC_OK;
}

static sc_status describe(mock_device *dev, sc_diag *diag)
{
    struct cudaDeviceProp prop;
    int driver = 0, runtime = 0;
    char bus[32] = "";
    mock_device_info *info = &dev->info;
    sc_status status = CU(cudaGetDeviceProperties(&prop, dev->ordinal), diag);
    if (!status)
        status = CU(cudaDriverGetVersion(&driver), diag);
    if (!status)
        status = CU(cudaRuntimeGetVersion(&runtime), diag);
    if (!status)
        status = CU(cudaDeviceGetPCIBusId(bus, sizeof bus, dev->ordinal), diag);
    if (status)
        return status;
    if (prop.major < 8)
        return sc_diag_fail(diag, SC_ENOGPU, SC3001,
                            "%s has compute capability %d.%d; the kernels need 8.0",
                            prop.name, prop.major, prop.minor);
    dev->nvml = cuda_nvml_open(bus);
    snprintf(info->kind, sizeof info->kind, "cuda");
    snprintf(info->name, sizeof info->name, "%.*s", (int)sizeof info->name - 1,
             prop.name);
    snprintf(info->driver, sizeof info->driver, "CUDA %d.%d", driver / 1000,
             driver % 1000 / 10);
    cuda_nvml_driver(dev->nvml, info->driver, sizeof info->driver);
    snprintf(info->runtime, sizeof info->runtime, "%d.%d", runtime / 1000,
             runtime % 1000 / 10);
    info->sm_version = 10 * prop.major + prop.minor;
    const char *as = getenv("SOLCHECK_CUDA_SM"); /* to run what older GPUs would */
    if (as && atoi(as) >= 80 && atoi(as) < info->sm_version)
        info->sm_version = atoi(as);
    info->sm_count = prop.multiProcessorCount;
    info->memory_B = (int64_t)prop.totalGlobalMem;
    info->l2_B = prop.l2CacheSize;
    info->timer_s = 0.5e-6; /* CUDA Runtime API, cudaEventElapsedTime: about 0.5 us */
    dev->smem_block_B = (int)prop.sharedMemPerBlockOptin;
    return SC_OK;
}

static void device_close(mock_device *dev)
{
    if (!dev)
        return;
    cuda_select(dev, NULL);
    cuda_gemm_close(dev);
    cuda_cudnn_close(dev);
    sc_free(dev->moe_memo);
    cuda_clock_close(dev);
    cuda_nvml_close(dev->nvml);
    if (dev->stop)
        cudaEventDestroy(dev->stop);
    if (dev->start)
        cudaEventDestroy(dev->start);
    if (dev->stream)
        cudaStreamDestroy(dev->stream);
    sc_free(dev);
}

static sc_status device_open(int ordinal, mock_device **out, mock_device_info *info,
                             sc_diag *diag)
{
    sc_status status = find_device(ordinal, diag);
    if (status)
        return status;
    mock_device *dev = sc_calloc(1, sizeof *dev);
    if (!dev)
        return sc_diag_nomem(diag);
    dev->ordinal = ordinal;
    status = cuda_select(dev, diag);
    if (!status)
        status = describe(dev, diag);
    if (!status)
        status = CU(cudaStreamCreateWithFlags(&dev->stream, cudaStreamNonBlocking), diag);
    if (!status)
        status = CU(cudaEventCreate(&dev->start), diag);
    if (!status)
        status = CU(cudaEventCreate(&dev->stop), diag);
    if (!status)
        status = cuda_clock_open(dev, diag);
    if (status) {
        device_close(dev);
        return status;
    }
    if (info)
        *info = dev->info;
    *out = dev;
    return SC_OK;
}

/* ---- memory ---- */

static sc_status device_available(mock_device *dev, size_t *free_B, sc_diag *diag)
{
    size_t unused = 0, total = 0;
    sc_status status = cuda_select(dev, diag);
    if (!status)
        status = CU(cudaMemGetInfo(&unused, &total), diag);
    if (!status)
        *free_B = unused;
    return status;
}

static sc_status out_of_memory(mock_device *dev, size_t size_B, sc_diag *diag)
{
    const double MiB = 1024 * 1024;
    size_t free_B = 0;
    char room[64] = "";
    if (device_available(dev, &free_B, NULL) == SC_OK)
        snprintf(room, sizeof room, ", %.1f MiB of %.1f MiB are free",
                 (double)free_B / MiB, (double)dev->info.memory_B / MiB);
    sc_diag_fail(diag, SC_ENOMEM, SC3004,
                 "%zu bytes (%.1f MiB) do not fit in GPU memory%s", size_B,
                 (double)size_B / MiB, room);
    sc_diag_hint(diag, "lower b or s: the tensors grow with both");
    return SC_ENOMEM;
}

sc_status cuda_alloc(mock_device *dev, size_t size_B, void **out, sc_diag *diag)
{
    void *p = NULL;
    sc_status status = cuda_select(dev, diag);
    if (status)
        return status;
    cudaError_t error = cudaMalloc(&p, size_B ? size_B : 1);
    if (error == cudaErrorMemoryAllocation) {
        cudaGetLastError();
        return out_of_memory(dev, size_B, diag);
    }
    status = cuda_check(error, "cudaMalloc", __FILE__, __LINE__, diag);
    if (!status)
        *out = p;
    return status;
}

static void device_free(mock_device *dev, void *p)
{
    if (p && cuda_select(dev, NULL) == SC_OK)
        cudaFree(p);
}

static sc_status copy(mock_device *dev, void *to, const void *from, size_t size_B,
                      enum cudaMemcpyKind kind, sc_diag *diag)
{
    sc_status status = cuda_select(dev, diag);
    if (!status)
        status = CU(cudaMemcpyAsync(to, from, size_B, kind, dev->stream), diag);
    if (!status)
        status = wait(dev, diag);
    return status;
}

sc_status cuda_upload(mock_device *dev, void *to, const void *from, size_t size_B,
                      sc_diag *diag)
{
    return copy(dev, to, from, size_B, cudaMemcpyHostToDevice, diag);
}

static sc_status device_download(mock_device *dev, void *to, const void *from,
                                 size_t size_B, sc_diag *diag)
{
    return copy(dev, to, from, size_B, cudaMemcpyDeviceToHost, diag);
}

static sc_status device_fill_random(mock_device *dev, void *p, sol_dtype dtype, int64_t n,
                                    mock_inputs inputs, uint64_t seed, double scale,
                                    sc_diag *diag)
{
    int kind = 0;
    if (!cuda_kind(dtype, &kind))
        return cuda_refuse(diag, "the CUDA module cannot fill %s at random",
                           sol_dtype_name(dtype));
    sc_status status = cuda_select(dev, diag);
    if (!status && n > 0)
        status = CU(cuda_fill_random(p, kind, n, inputs, seed, scale, dev->stream), diag);
    if (!status)
        status = wait(dev, diag);
    return status;
}

static sc_status device_fill_byte(mock_device *dev, void *p, int value, size_t size_B,
                                  sc_diag *diag)
{
    sc_status status = cuda_select(dev, diag);
    if (!status)
        status = CU(cudaMemsetAsync(p, value, size_B, dev->stream), diag);
    if (!status)
        status = wait(dev, diag);
    return status;
}

/* ---- telemetry and the table ---- */

static sc_status device_telemetry(mock_device *dev, mock_telemetry *out, sc_diag *diag)
{
    (void)diag;
    cuda_nvml_read(dev->nvml, out);
    out->sample_clock_hz = dev->clock_hz;
    return SC_OK;
}

static void range_push(const char *name)
{
    nvtxRangePushA(name);
}

static void range_pop(void)
{
    nvtxRangePop();
}

static const mock_device_ops cuda_ops = {
    .abi = MOCK_ABI,
    .kind = "cuda",
    .open = device_open,
    .close = device_close,
    .alloc = cuda_alloc,
    .free = device_free,
    .available = device_available,
    .upload = cuda_upload,
    .download = device_download,
    .fill_random = device_fill_random,
    .fill_byte = device_fill_byte,
    .prepare = cuda_prepare,
    .release = cuda_release,
    .source = cuda_source,
    .run = cuda_run,
    .time = cuda_time,
    .rotate = cuda_rotate,
    .probe = cuda_probe,
    .trace = cuda_trace,
    .telemetry = device_telemetry,
    .range_push = range_push,
    .range_pop = range_pop,
};

__attribute__((visibility("default"))) mock_module_entry_fn mock_module_entry;

const mock_device_ops *mock_module_entry(void)
{
    return &cuda_ops;
}
