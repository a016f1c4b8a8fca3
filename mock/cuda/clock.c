/* solcheck - the SM clock while launches were timed, from the SMs' own counters: NVML's
 * reading is an age of tens of milliseconds old, many samples long.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

/* Spans shorter than this say too little: the timer may move in steps of 1 us. */
#define LEAST_SPAN_NS 200000.0

static size_t stamps_B(const mock_device *dev)
{
    return (size_t)dev->info.sm_count * 2 * sizeof(uint64_t);
}

sc_status cuda_clock_open(mock_device *dev, sc_diag *diag)
{
    dev->clock_hz = NAN;
    dev->stamps = sc_malloc(2 * stamps_B(dev));
    if (!dev->stamps)
        return sc_diag_nomem(diag);
    void *p = NULL;
    sc_status status = cuda_alloc(dev, 2 * stamps_B(dev), &p, diag);
    dev->stamps_device = p;
    if (!status)
        status = CU(cudaMemsetAsync(p, 0, 2 * stamps_B(dev), dev->stream), diag);
    return status;
}

void cuda_clock_close(mock_device *dev)
{
    if (dev->stamps_device)
        cudaFree(dev->stamps_device);
    sc_free(dev->stamps);
}

sc_status cuda_clock_begin(mock_device *dev, sc_diag *diag)
{
    return CU(cuda_clock_stamp(dev->stamps_device, dev->info.sm_count, dev->stream),
              diag);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over the SMs of cycles a second between the stamps; NaN: too short to tell. */
static double mean_clock(const uint64_t *begin, const uint64_t *end, int sms, double *hz)
{
    int n = 0;
    for (int i = 0; i < sms; i++) {
        double cycles = (double)(end[2 * i] - begin[2 * i]);
        double ns = (double)(end[2 * i + 1] - begin[2 * i + 1]);
        if (begin[2 * i] && end[2 * i] > begin[2 * i] && ns >= LEAST_SPAN_NS && ns < 1e12)
            hz[n++] = 1e9 * cycles / ns;
    }
    if (n == 0)
        return NAN;
    qsort(hz, (size_t)n, sizeof *hz, by_value);
    return hz[n / 2];
}

sc_status cuda_clock_end(mock_device *dev, sc_diag *diag)
{
    const int sms = dev->info.sm_count;
    uint64_t *end = dev->stamps + 2 * sms;
    dev->clock_hz = NAN;
    sc_status status =
        CU(cuda_clock_stamp(dev->stamps_device + 2 * sms, sms, dev->stream), diag);
    if (!status)
        status = CU(cudaMemcpyAsync(dev->stamps, dev->stamps_device, 2 * stamps_B(dev),
                                    cudaMemcpyDeviceToHost, dev->stream),
                    diag);
    if (!status)
        status = CU(cudaStreamSynchronize(dev->stream), diag);
    if (status)
        return status;
    double *hz = sc_malloc((size_t)sms * sizeof *hz);
    if (!hz)
        return sc_diag_nomem(diag);
    dev->clock_hz = mean_clock(dev->stamps, end, sms, hz);
    sc_free(hz);
    return SC_OK;
}
