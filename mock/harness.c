/* solcheck - timing of a prepared case: warm-up, batches, stopping rule, graph fallback.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "mock/harness.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mock/bench.h"

/* Launches a graph at most holds: enough for 1 ms of the shortest kernels. */
#define MAX_BATCH 2048

void mock_timing_defaults(mock_timing_options *options)
{
    *options = (mock_timing_options){
        .warmup = 5,
        .min_samples = 10,
        .max_samples = 100,
        .noise = 0.005,      /* nvbench's default */
        .min_batch_s = 1e-3, /* 2000 times the 0.5 us resolution of CUDA events */
        .max_time_s = 1.0,
        .max_backoff_s = 0.2,
        .graph = true,
        .allow_graph_fail = false,
    };
}

/* Hot: the same memory each time. Cold: n is a multiple of n_list, so that a batch ends
 * where the next one does not begin. */
static sc_status time_launches(mock_bench *bench, mock_launch launch, int n,
                               double *seconds, sc_diag *diag)
{
    return bench->list
               ? bench->ops->rotate(bench->list, bench->n_list, launch, n, seconds, diag)
               : bench->ops->time(bench->exec, launch, n, seconds, diag);
}

/* One timed batch; changes over to eager launches where capture fails and that is
 * allowed. */
static sc_status time_batch(mock_bench *bench, const mock_timing_options *options, int n,
                            mock_timing *out, double *seconds, sc_diag *diag)
{
    sc_diag why;
    sc_diag_clear(&why);
    sc_status status = time_launches(bench, out->launch, n, seconds, &why);
    if (status == SC_EUNABLE && why.code == SC3006 && out->launch == MOCK_GRAPH &&
        options->allow_graph_fail) {
        out->launch = MOCK_EAGER;
        snprintf(out->graph_note, sizeof out->graph_note, "%.*s",
                 (int)sizeof out->graph_note - 1, why.message);
        sc_diag_clear(&why);
        status = time_launches(bench, out->launch, n, seconds, &why);
    }
    if (status && diag)
        *diag = why;
    return status;
}

/* Finds a batch that lasts min_batch_s, and long enough for the timer; the batch it ends
 * with has run once. */
static sc_status size_batch(mock_bench *bench, const mock_timing_options *options,
                            mock_timing *out, sc_diag *diag)
{
    const int least = bench->list ? bench->n_list : 1;
    const double wanted_s = fmax(options->min_batch_s, options->timer_s / MOCK_TIMER_SHARE);
    int n = least;
    for (;;) {
        double seconds = 0;
        mock_launch launch = out->launch;
        sc_status status = time_batch(bench, options, n, out, &seconds, diag);
        if (status)
            return status;
        /* The first launch of a graph pays for its upload: look again before growing. */
        if (n == least && out->launch == launch)
            status = time_batch(bench, options, n, out, &seconds, diag);
        if (status)
            return status;
        if (seconds >= wanted_s || n >= MAX_BATCH)
            break;
        double want = 1.2 * n * wanted_s / fmax(seconds, 1e-9);
        int limit = n > MAX_BATCH / 32 ? MAX_BATCH : 32 * n;
        n = want >= limit ? limit : (int)want > n ? (int)want : n + 1;
        n = (n + least - 1) / least * least;
    }
    out->batch = n;
    return SC_OK;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *value, int n)
{
    double sorted[MOCK_MAX_SAMPLES];
    memcpy(sorted, value, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return n % 2 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

static void read_telemetry(mock_bench *bench, mock_telemetry *out)
{
    if (bench->ops->telemetry(bench->dev, out, NULL))
        *out = (mock_telemetry){NAN, NAN, NAN, NAN, 0};
}

static void summarise(mock_timing *out)
{
    double deviation[MOCK_MAX_SAMPLES], sum = 0;
    out->median_s = median(out->sample_s, out->n);
    out->min_s = out->max_s = out->sample_s[0];
    for (int i = 0; i < out->n; i++) {
        sum += out->sample_s[i];
        out->min_s = fmin(out->min_s, out->sample_s[i]);
        out->max_s = fmax(out->max_s, out->sample_s[i]);
        deviation[i] = fabs(out->sample_s[i] - out->median_s);
    }
    out->mean_s = sum / out->n;
    out->mad_s = median(deviation, out->n);
}

/* Relative standard error of the median: for normal noise the MAD times 1.4826 estimates
 * the standard deviation, and the median's is sqrt(pi/2) = 1.2533 times the mean's. */
static double relative_error(const mock_timing *t)
{
    return 1.2533 * 1.4826 * t->mad_s / (t->median_s * sqrt(t->n));
}

/* Entropy in bits of the samples 0..n-1, in bins as wide as the noise that is asked for.
 */
static double entropy(const mock_timing *t, int n, double noise)
{
    double sorted[MOCK_MAX_SAMPLES], sum = 0, width = fmax(noise, 1e-6) * t->median_s;
    memcpy(sorted, t->sample_s, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    for (int i = 0; i < n;) {
        int first = i;
        double bin = floor(sorted[i] / width);
        while (i < n && floor(sorted[i] / width) == bin)
            i++;
        double p = (double)(i - first) / n;
        sum -= p * log2(p);
    }
    return sum;
}

/* Largest change of the entropy while the last half of the samples came in, relative to
 * what n samples can have at most, log2(n). */
static double entropy_drift(const mock_timing *t, double noise)
{
    double low = INFINITY, high = -INFINITY;
    for (int n = t->n / 2 > 1 ? t->n / 2 : 1; n <= t->n; n++) {
        double value = entropy(t, n, noise);
        low = fmin(low, value);
        high = fmax(high, value);
    }
    return (high - low) / log2(t->n > 2 ? t->n : 2);
}

#define ENTROPY_DRIFT 0.05

/* Judges the criterion; while it is unmet, says how far off it is. */
static bool met(const mock_timing_options *options, double spent_s, mock_timing *t)
{
    double value = 0, limit = 0;
    switch (options->stop) {
    case MOCK_STOP_NOISE:
        value = relative_error(t);
        limit = options->noise;
        snprintf(t->unmet, sizeof t->unmet, "noise %.3g %% of the median, wanted %.3g %%",
                 100 * value, 100 * limit);
        break;
    case MOCK_STOP_ENTROPY:
        value = entropy_drift(t, options->noise);
        limit = ENTROPY_DRIFT;
        snprintf(t->unmet, sizeof t->unmet, "entropy still moves by %.3g, wanted %.3g",
                 value, limit);
        break;
    case MOCK_STOP_TIME:
        value = -spent_s;
        limit = -options->max_time_s;
        snprintf(t->unmet, sizeof t->unmet, "%.3g s of samples, wanted %.3g s", spent_s,
                 options->max_time_s);
        break;
    }
    bool done = options->stop == MOCK_STOP_TIME ? value <= limit : value < limit;
    t->timer_share = options->timer_s / (t->median_s * t->batch);
    if (done && t->timer_share > MOCK_TIMER_SHARE) {
        snprintf(t->unmet, sizeof t->unmet,
                 "the timer's resolution is %.3g %% of a sample, at most %.3g %%",
                 100 * t->timer_share, 100 * MOCK_TIMER_SHARE);
        return false;
    }
    if (done)
        t->unmet[0] = '\0';
    return done;
}

/* A throttled sample is thrown away and the device given time to recover, a little more
 * each time; once max_backoff_s have been waited they are taken as they come. */
static bool discard(const mock_timing_options *options, const mock_telemetry *seen,
                    double *waited_s, mock_timing *out)
{
    if (!seen->throttle || *waited_s >= options->max_backoff_s)
        return false;
    double pause_s = fmin(fmax(0.005, *waited_s), options->max_backoff_s - *waited_s);
    const struct timespec pause = {.tv_sec = (time_t)pause_s,
                                   .tv_nsec = (long)(1e9 * (pause_s - floor(pause_s)))};
    nanosleep(&pause, NULL);
    *waited_s += pause_s + 1e-6; /* so that it ends, however short the rest */
    out->n_discarded++;
    return true;
}

static sc_status sample(mock_bench *bench, const mock_timing_options *options,
                        mock_timing *out, sc_diag *diag)
{
    int most =
        options->max_samples < MOCK_MAX_SAMPLES ? options->max_samples : MOCK_MAX_SAMPLES;
    int least = options->min_samples < most ? options->min_samples : most;
    double spent = 0, waited_s = 0;
    do {
        double seconds = 0;
        mock_telemetry *seen = &out->sample_telemetry[out->n];
        sc_status status = time_batch(bench, options, out->batch, out, &seconds, diag);
        if (status)
            return status;
        if (!(seconds > 0) || !isfinite(seconds))
            return sc_diag_fail(diag, SC_EGPU, SC3003,
                                "the device's timer gave %g s for %d launches", seconds,
                                out->batch);
        read_telemetry(bench, seen);
        if (discard(options, seen, &waited_s, out))
            continue;
        spent += seconds;
        out->sample_s[out->n++] = seconds / out->batch;
        summarise(out);
        out->converged = met(options, spent, out) && out->n >= least;
    } while (out->n == 0 || (!out->converged && out->n < most &&
                             (out->n < 2 || spent < options->max_time_s)));
    return SC_OK;
}

/* Clocks of an idle device are low and take some time to rise. */
static sc_status warm_up(mock_bench *bench, const mock_timing_options *options,
                         mock_timing *out, sc_diag *diag)
{
    double spent = 0, seconds = 0;
    sc_status status = SC_OK;
    while (!status && spent < options->warm_s) {
        status = time_batch(bench, options, out->batch, out, &seconds, diag);
        spent += fmax(seconds, 1e-6); /* so that it ends, whatever the timer says */
    }
    return status;
}

static sc_status measure(mock_bench *bench, const mock_timing_options *options,
                         mock_timing *out, sc_diag *diag)
{
    double ignored;
    sc_status status = SC_OK;
    out->launch = options->graph ? MOCK_GRAPH : MOCK_EAGER;
    if (options->warmup > 0)
        status =
            bench->ops->time(bench->exec, MOCK_EAGER, options->warmup, &ignored, diag);
    if (!status)
        status = size_batch(bench, options, out, diag);
    if (!status)
        status = warm_up(bench, options, out, diag);
    if (!status)
        status = sample(bench, options, out, diag);
    if (status)
        return status;
    out->telemetry = out->sample_telemetry[out->n - 1];
    for (int i = 0; i < out->n; i++)
        out->telemetry.throttle |= out->sample_telemetry[i].throttle;
    out->copies = bench->list ? bench->n_list : 1;
    out->between_B = bench->between_B;
    out->floor_s = out->launch == MOCK_GRAPH ? options->floor.node_s
                                             : options->floor.stream_s;
    if (!(out->floor_s > 0))
        out->floor_s = NAN;
    snprintf(out->source, sizeof out->source, "%s", bench->ops->source(bench->exec));
    return SC_OK;
}

bool mock_timing_near_floor(const mock_timing *timing)
{
    return timing->median_s < MOCK_FLOOR_NEAR * timing->floor_s;
}

sc_status mock_bench_trace(mock_bench *bench, mock_kernel *out, int *n, sc_diag *diag)
{
    return bench->ops->trace(bench->exec, out, n, diag);
}

sc_status mock_bench_time(mock_bench *bench, const mock_timing_options *options,
                          mock_timing *out, sc_diag *diag)
{
    if (options->max_samples < 1 || options->warmup < 0 || !(options->min_batch_s >= 0) ||
        !(options->noise >= 0) || !(options->timer_s >= 0) || !(options->warm_s >= 0))
        return sc_diag_fail(diag, SC_EINVAL, SC6001, "timing options are out of range");
    char range[96];
    snprintf(range, sizeof range, "%s %s b=%lld s=%lld", bench->cls->name,
             sol_phase_name(bench->c.phase), (long long)bench->c.b,
             (long long)bench->c.s);
    mock_timing timing = {0};
    bench->ops->range_push(range);
    sc_status status = measure(bench, options, &timing, diag);
    bench->ops->range_pop();
    if (!status)
        *out = timing;
    return status;
}
