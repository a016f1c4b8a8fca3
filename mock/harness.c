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
        .noise = 0.005, /* nvbench's default */
        .drift = 0.1, /* simulated: normal noise gets there in 100 samples 1 time in 6 */
        .min_batch_s = 1e-3, /* 2000 times the 0.5 us resolution of CUDA events */
        .max_time_s = 1.0,
        .rest = 1.0,
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
    const double wanted_s =
        fmax(options->min_batch_s, options->timer_s / MOCK_TIMER_SHARE);
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
        *out = MOCK_NO_TELEMETRY;
    if (isfinite(out->sample_clock_hz))
        out->sm_clock_hz = out->sample_clock_hz;
}

/* Median absolute deviation from a value. */
static double mad(const double *value, int n, double from)
{
    double deviation[MOCK_MAX_SAMPLES];
    for (int i = 0; i < n; i++)
        deviation[i] = fabs(value[i] - from);
    return median(deviation, n);
}

static void summarise(mock_timing *out)
{
    double sum = 0;
    out->median_s = median(out->sample_s, out->n);
    out->min_s = out->max_s = out->sample_s[0];
    for (int i = 0; i < out->n; i++) {
        sum += out->sample_s[i];
        out->min_s = fmin(out->min_s, out->sample_s[i]);
        out->max_s = fmax(out->max_s, out->sample_s[i]);
    }
    out->mean_s = sum / out->n;
    out->mad_s = mad(out->sample_s, out->n, out->median_s);
}

/* Standard error of the median: for normal noise the MAD times 1.4826 estimates the
 * standard deviation, and the median's is sqrt(pi/2) = 1.2533 times the mean's. */
static double median_error(double deviation, int n)
{
    return 1.2533 * 1.4826 * deviation / sqrt(n);
}

static double relative_error(const mock_timing *t)
{
    return median_error(t->mad_s / t->median_s, t->n);
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

/* Sampling of one point. */
typedef struct progress {
    double spent_s;
    double spread[MOCK_MAX_SAMPLES]; /* MAD / median of the first i + 1 samples */
    int least, most;                 /* samples */
} progress;

/* More samples of a spread that has settled only count the same noise again. */
static bool settled(const mock_timing_options *options, const progress *p, int n)
{
    double low = INFINITY, high = 0, sum = 0;
    if (n < 2 * p->least || n < 4)
        return false;
    for (int i = n / 2; i < n; i++) {
        low = fmin(low, p->spread[i]);
        high = fmax(high, p->spread[i]);
        sum += p->spread[i];
    }
    return high - low < options->drift * sum / (n - n / 2);
}

/* Judges the criterion of --stop; while it is unmet, says how far off it is. */
static bool judged(const mock_timing_options *options, const progress *p, mock_timing *t)
{
    double value;
    switch (options->stop) {
    case MOCK_STOP_NOISE:
        value = relative_error(t);
        snprintf(t->unmet, sizeof t->unmet, "noise %.3g %% > %.3g %%", 100 * value,
                 100 * options->noise);
        return value < options->noise || settled(options, p, t->n);
    case MOCK_STOP_ENTROPY:
        value = entropy_drift(t, options->noise);
        snprintf(t->unmet, sizeof t->unmet, "drift of the entropy %.3g %% > %.3g %%",
                 100 * value, 100 * options->drift);
        return value < options->drift;
    case MOCK_STOP_TIME:
        snprintf(t->unmet, sizeof t->unmet, "%.3g s of samples < %.3g s", p->spent_s,
                 options->max_time_s);
        return p->spent_s >= options->max_time_s;
    }
    return false;
}

static bool met(const mock_timing_options *options, const progress *p, mock_timing *t)
{
    t->timer_share = options->timer_s / (t->median_s * t->batch);
    if (!judged(options, p, t))
        return false;
    t->unmet[0] = '\0';
    if (t->timer_share > MOCK_TIMER_SHARE)
        snprintf(t->unmet, sizeof t->unmet, "resolution of the timer %.3g %% > %.3g %%",
                 100 * t->timer_share, 100 * MOCK_TIMER_SHARE);
    else if (t->n < p->least)
        snprintf(t->unmet, sizeof t->unmet, "%d samples < %d", t->n, p->least);
    return !t->unmet[0];
}

/* Says what stopped the sampling before the criterion did. */
static void name_stop(const mock_timing_options *options, const progress *p,
                      mock_timing *t)
{
    char what[sizeof t->unmet];
    if (t->converged)
        return;
    memcpy(what, t->unmet, sizeof what);
    if (p->spent_s >= options->max_time_s)
        snprintf(t->unmet, sizeof t->unmet, "stopped by time: %.90s", what);
    else
        snprintf(t->unmet, sizeof t->unmet, "stopped after %d samples: %.90s", t->n,
                 what);
}

static void idle(double seconds)
{
    const struct timespec pause = {.tv_sec = (time_t)seconds,
                                   .tv_nsec = (long)(1e9 * (seconds - floor(seconds)))};
    nanosleep(&pause, NULL);
}

/* Did the clock fall while the sample ran? By its own clock, where that is known; what it
 * can be at best depends on the kernel, so the best of the point is the measure. Else by
 * the driver's reasons. They stay set for up to a second after heavy work, with a clock
 * one step (0.8 % on an H100) below its maximum: waiting for the last step costs more
 * than it changes. */
static bool slowed(const mock_telemetry *seen, double best_hz)
{
    if (isfinite(seen->sample_clock_hz))
        return seen->sample_clock_hz < (1 - MOCK_CLOCK_FALL) * best_hz;
    return seen->throttle &&
           !(seen->sm_clock_hz >= (1 - MOCK_CLOCK_SLACK) * seen->sm_clock_max_hz &&
             seen->sm_clock_max_hz > 0);
}

/* A throttled sample is thrown away and the device given time to recover, a little more
 * each time; once max_backoff_s have been waited they are taken as they come. */
static bool discard(const mock_timing_options *options, bool slow, double *waited_s,
                    mock_timing *out)
{
    if (!slow || *waited_s >= options->max_backoff_s)
        return false;
    double pause_s = fmin(fmax(0.005, *waited_s), options->max_backoff_s - *waited_s);
    idle(pause_s);
    *waited_s += pause_s + 1e-6; /* so that it ends, however short the rest */
    out->n_discarded++;
    return true;
}

/* Numbers that follow from the samples, after some were taken out. */
static void recount(mock_timing *out, progress *p)
{
    for (int n = 1; n <= out->n; n++) {
        double middle = median(out->sample_s, n);
        p->spread[n - 1] = mad(out->sample_s, n, middle) / middle;
    }
    if (out->n > 0)
        summarise(out);
}

/* Throws away what was taken before a sample with a higher clock showed that it was slow.
 */
static void drop_slow(mock_timing *out, double best_hz, progress *p)
{
    int kept = 0;
    for (int i = 0; i < out->n; i++) {
        if (slowed(&out->sample_telemetry[i], best_hz)) {
            p->spent_s -= out->sample_s[i] * out->batch;
            continue;
        }
        out->sample_s[kept] = out->sample_s[i];
        out->sample_telemetry[kept++] = out->sample_telemetry[i];
    }
    if (kept == out->n)
        return;
    out->n_discarded += out->n - kept;
    out->n = kept;
    recount(out, p);
}

/* Is the first half of the samples from before the latency had come to rest? Then it
 * goes. Where half of the traffic are writes, steps of several percent are seen after a
 * dozen milliseconds; the MAD is blind to them while one side has the majority. */
static bool drop_early(const mock_timing_options *options, mock_timing *out, progress *p)
{
    const int half = out->n / 2;
    if (half < 3 || options->stop == MOCK_STOP_TIME)
        return false;
    double first = median(out->sample_s, half),
           last = median(out->sample_s + half, out->n - half), step = first / last - 1;
    double error =
        median_error(fmax(mad(out->sample_s, half, first) / first,
                          mad(out->sample_s + half, out->n - half, last) / last),
                     half);
    double limit = fmax(MOCK_STEP * options->noise, 3 * sqrt(2) * error);
    if (fabs(step) <= limit)
        return false;
    out->n -= half;
    memmove(out->sample_s, out->sample_s + half, (size_t)out->n * sizeof *out->sample_s);
    memmove(out->sample_telemetry, out->sample_telemetry + half,
            (size_t)out->n * sizeof *out->sample_telemetry);
    out->n_discarded += half;
    recount(out, p);
    snprintf(out->unmet, sizeof out->unmet, "step of latency %.3g %% > %.3g %%",
             100 * fabs(step), 100 * limit);
    return true;
}

static sc_status sample(mock_bench *bench, const mock_timing_options *options,
                        mock_timing *out, sc_diag *diag)
{
    progress p = {.most = options->max_samples < MOCK_MAX_SAMPLES ? options->max_samples
                                                                  : MOCK_MAX_SAMPLES};
    p.least = options->min_samples < p.most ? options->min_samples : p.most;
    double waited_s = 0, best_hz = NAN;
    do {
        double seconds = 0;
        mock_telemetry seen;
        sc_status status = time_batch(bench, options, out->batch, out, &seconds, diag);
        if (status)
            return status;
        if (!(seconds > 0) || !isfinite(seconds))
            return sc_diag_fail(diag, SC_EGPU, SC3003,
                                "the device's timer gave %g s for %d launches", seconds,
                                out->batch);
        read_telemetry(bench, &seen);
        if (isfinite(seen.sample_clock_hz)) {
            idle(options->rest * seconds);
            if (!(seen.sample_clock_hz <= best_hz))
                drop_slow(out, best_hz = seen.sample_clock_hz, &p);
        }
        bool slow = slowed(&seen, best_hz);
        if (discard(options, slow, &waited_s, out))
            continue;
        out->slowed |= slow;
        p.spent_s += seconds;
        out->sample_telemetry[out->n] = seen;
        out->sample_s[out->n++] = seconds / out->batch;
        summarise(out);
        p.spread[out->n - 1] = out->mad_s / out->median_s;
        out->converged = met(options, &p, out) && !drop_early(options, out, &p);
    } while (out->n == 0 || (!out->converged && out->n < p.most &&
                             (out->n < 2 || p.spent_s < options->max_time_s)));
    name_stop(options, &p, out);
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
    out->floor_s =
        out->launch == MOCK_GRAPH ? options->floor.node_s : options->floor.stream_s;
    if (!(out->floor_s > 0))
        out->floor_s = NAN;
    snprintf(out->source, sizeof out->source, "%s", bench->ops->source(bench->exec));
    return SC_OK;
}

void mock_timing_adapt(mock_timing_options *options, const mock_timing *timing,
                       double most_s)
{
    if (!timing->slowed)
        options->max_backoff_s = most_s;
    else if (timing->n_discarded > 0)
        options->max_backoff_s /= 2;
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
        !(options->noise >= 0) || !(options->drift >= 0) || !(options->timer_s >= 0) ||
        !(options->warm_s >= 0))
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
