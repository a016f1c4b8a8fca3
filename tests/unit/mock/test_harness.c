/* The stopping rule on scripted timers; the graph fallback; devices by name.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fake.h"
#include "mock/bench.h"

static mock_bench *open_bench(fake_fault fault, const mock_device_ops **ops,
                              mock_device **dev)
{
    mock_device_info info;
    mock_case c;
    mock_bench *bench = NULL;
    const mock_class *cls = mock_class_find("gemm");
    *ops = fake_open(fault, dev, &info);
    mock_case_init(cls, SOL_GENERATION, 3, 5, &c);
    fake_small(cls, c.param);
    cr_assert_eq(mock_bench_new(cls, &c, *ops, *dev, &bench, NULL), SC_OK);
    return bench;
}

static sc_status timed(fake_fault fault, const mock_timing_options *options,
                       mock_timing *out, sc_diag *diag)
{
    const mock_device_ops *ops;
    mock_device *dev;
    mock_bench *bench = open_bench(fault, &ops, &dev);
    fake_time.on = true;
    sc_status status = mock_bench_time(bench, options, out, diag);
    mock_bench_free(bench);
    ops->close(dev);
    return status;
}

Test(harness, stops_when_the_noise_is_reached)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.drift = 0;
    fake_time = (fake_timer){.launch_s = 37e-6, .noise = 0.02, .seed = 5};
    options.max_samples = 200;
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert(t.converged);
    cr_assert(t.n >= options.min_samples && t.n < 200, "%d samples", t.n);
    double error = 1.2533 * 1.4826 * t.mad_s / (t.median_s * sqrt(t.n));
    cr_assert_lt(error, options.noise);
    /* Normal noise of 2 % needs about (1.2533 * 0.02 / 0.005)^2 = 25 samples. */
    cr_assert(t.n >= 10 && t.n <= 60, "%d samples", t.n);
    cr_assert_float_eq(t.median_s, 37e-6, 0.03 * 37e-6);
    cr_assert(t.min_s <= t.median_s && t.median_s <= t.max_s && t.mad_s > 0);
    cr_assert(t.mean_s >= t.min_s && t.mean_s <= t.max_s);
    cr_assert_eq(t.launch, MOCK_GRAPH);
    cr_assert_str_eq(t.graph_note, "");
    cr_assert_gt(strlen(t.source), 0);
}

/* The published rule, recomputed: at every earlier sample it had not been met. */
Test(harness, stops_no_sooner_and_no_later)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        mock_timing_options options;
        mock_timing t;
        mock_timing_defaults(&options);
        options.noise = 0.011;
        options.drift = 0;
        options.min_samples = 4;
        fake_time = (fake_timer){.launch_s = 2e-3, .noise = 0.05, .seed = seed};
        cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
        for (int n = options.min_samples; n <= t.n; n++) {
            double x[256], dev[256];
            memcpy(x, t.sample_s, sizeof x);
            for (int pass = 0; pass < 2;
                 pass++) { /* insertion sort, then of deviations */
                double *v = pass ? dev : x;
                for (int i = 1; i < n; i++)
                    for (int j = i; j > 0 && v[j] < v[j - 1]; j--) {
                        double swap = v[j];
                        v[j] = v[j - 1];
                        v[j - 1] = swap;
                    }
                double mid = (x[(n - 1) / 2] + x[n / 2]) / 2;
                for (int i = 0; i < n && !pass; i++)
                    dev[i] = fabs(x[i] - mid);
            }
            double median = (x[(n - 1) / 2] + x[n / 2]) / 2;
            double mad = (dev[(n - 1) / 2] + dev[n / 2]) / 2;
            double error = 1.2533 * 1.4826 * mad / (median * sqrt(n));
            if (n < t.n)
                cr_assert_geq(error, options.noise, "seed %d: late at %d", (int)seed, n);
            else
                cr_assert_eq(t.converged, error < options.noise);
        }
        cr_assert(t.converged || t.n == options.max_samples);
    }
}

Test(harness, gives_up_on_noise_and_says_so)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    fake_time = (fake_timer){.launch_s = 1e-3, .noise = 0.15, .seed = 9};
    options.max_samples = 23;
    options.noise = 1e-4;
    options.drift = 0;
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_not(t.converged);
    cr_assert_eq(t.n, 23);
    options.max_samples = 100000; /* more than a mock_timing holds */
    options.max_time_s = 1e9;
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.n, MOCK_MAX_SAMPLES);
}

Test(harness, stops_at_the_time_limit)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    fake_time = (fake_timer){.launch_s = 0.3, .noise = 0.1, .seed = 2};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_not(t.converged);
    cr_assert(t.n >= 3 && t.n <= 5, "%d samples", t.n);
    cr_assert_eq(t.batch, 1);
}

Test(harness, batches_short_launches)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.graph = false;
    fake_time = (fake_timer){.launch_s = 2.3e-6, .overhead_s = 8e-6, .seed = 2};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert(t.batch * 2.3e-6 + 8e-6 >= options.min_batch_s, "batch %d", t.batch);
    cr_assert_lt(t.batch * 2.3e-6, 3 * options.min_batch_s);
    cr_assert_eq(t.launch, MOCK_EAGER);
    cr_assert_eq(fake_time.graph_launches, 0);
    cr_assert(t.converged && t.n == options.min_samples, "no noise: the fewest samples");
    cr_assert_eq(t.mad_s, 0);
    /* A timer that sees nothing must not ask for batches without end. */
    fake_time = (fake_timer){.launch_s = 1e-12};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_leq(t.batch, 2048);
}

Test(harness, warms_up_first)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.warmup = 17;
    fake_time = (fake_timer){.launch_s = 4e-3};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_geq(fake_time.eager_launches, 17);
    cr_assert_geq(fake_time.graph_launches, (uint64_t)(t.n * t.batch));
}

Test(harness, falls_back_to_eager_only_when_allowed)
{
    mock_timing_options options;
    mock_timing t = {.n = -5};
    sc_diag diag;
    mock_timing_defaults(&options);
    fake_time = (fake_timer){.launch_s = 4e-4, .noise = 0.001, .seed = 3};
    cr_assert_eq(timed(FAKE_CAPTURE, &options, &t, &diag), SC_EUNABLE);
    cr_assert_eq(diag.code, SC3006);
    cr_assert_eq(t.n, -5, "outputs are written on success only");
    options.allow_graph_fail = true;
    cr_assert_eq(timed(FAKE_CAPTURE, &options, &t, &diag), SC_OK);
    cr_assert_eq(t.launch, MOCK_EAGER);
    cr_assert(strstr(t.graph_note, "operation not permitted"), "%s", t.graph_note);
    cr_assert_eq(fake_time.graph_launches, 0);
}

Test(harness, distrusts_a_broken_timer)
{
    static const double bad[] = {0, -1e-3, NAN, INFINITY};
    for (int i = 0; i < 4; i++) {
        mock_timing_options options;
        mock_timing t;
        sc_diag diag;
        mock_timing_defaults(&options);
        fake_time = (fake_timer){.launch_s = bad[i]};
        cr_assert_eq(timed(FAKE_SOUND, &options, &t, &diag), SC_EGPU, "%g", bad[i]);
        cr_assert_eq(diag.code, SC3003);
    }
}

Test(harness, refuses_senseless_options)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.max_samples = 0;
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_EINVAL);
    mock_timing_defaults(&options);
    options.noise = NAN;
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_EINVAL);
}

/* The CPU device, for real: both launch modes run, and take about as long. */
Test(harness, times_the_cpu_device)
{
    mock_device *dev;
    mock_device_info info;
    const mock_device_ops *ops;
    mock_case c;
    mock_bench *bench = NULL;
    mock_timing_options options;
    mock_timing t[2];
    const mock_class *cls = mock_class_find("mla");
    cr_assert_eq(mock_device_open("cpu", &ops, &dev, &info, NULL), SC_OK);
    mock_case_init(cls, SOL_GENERATION, 2, 300, &c);
    fake_small(cls, c.param);
    cr_assert_eq(mock_bench_new(cls, &c, ops, dev, &bench, NULL), SC_OK);
    mock_timing_defaults(&options);
    options.max_time_s = 0.2;
    for (int graph = 0; graph < 2; graph++) {
        options.graph = graph;
        cr_assert_eq(mock_bench_time(bench, &options, &t[graph], NULL), SC_OK);
        cr_assert_eq(t[graph].launch, graph ? MOCK_GRAPH : MOCK_EAGER);
        cr_assert(t[graph].median_s > 1e-6 && t[graph].median_s < 1);
        cr_assert(isnan(t[graph].telemetry.sm_clock_hz));
        cr_assert_str_eq(t[graph].source, "cpu_paged_split_kv");
    }
    mock_bench_free(bench);
    ops->close(dev);
}

/* ---- devices by name ---- */

Test(device, names_are_parsed_strictly)
{
    static const char *const bad[] = {"",       "gpu",        "cuda:",   "cuda:x",
                                      "cpu:-1", "cpu:",       "cpu:0x1", "CPU",
                                      ":0",     "cuda:99999", "cpu 0",   "cudacuda:1"};
    const mock_device_ops *ops = NULL;
    mock_device *dev = NULL;
    mock_device_info info;
    sc_diag diag;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        cr_assert_eq(mock_device_open(bad[i], &ops, &dev, &info, &diag), SC_EINVAL,
                     "'%s'", bad[i]);
        cr_assert_eq(diag.code, SC6001);
        cr_assert_gt(strlen(diag.hint), 0);
    }
    cr_assert_null(ops);
    cr_assert_eq(mock_device_open("cpu:0", &ops, &dev, &info, &diag), SC_OK);
    ops->close(dev);
    cr_assert_eq(mock_device_open("cpu:1", &ops, &dev, &info, &diag), SC_ENOGPU);
    cr_assert_eq(diag.code, SC3001);
}

Test(device, missing_and_foreign_modules_are_named_in_one_line)
{
    const mock_device_ops *ops = NULL;
    sc_diag diag;
    Dl_info self;
    setenv("SOLCHECK_CUDA_MODULE", "/nonexistent/solcheck_cuda.so", 1);
    cr_assert_eq(mock_cuda_ops(&ops, &diag), SC_ENOGPU);
    cr_assert_eq(diag.code, SC3002);
    cr_assert(strstr(diag.message, "/nonexistent/solcheck_cuda.so"));
    setenv("SOLCHECK_CUDA_MODULE", "/proc/self/status", 1); /* no library at all */
    cr_assert_eq(mock_cuda_ops(&ops, &diag), SC_ENOGPU);
    cr_assert(strstr(diag.message, "cannot be loaded"));
    cr_assert_null(strchr(diag.message, '\n'));
    /* A library without our entry: the C library's, whatever its path is here. */
    void *libc = dlsym(RTLD_DEFAULT, "qsort");
    cr_assert(dladdr(libc, &self));
    setenv("SOLCHECK_CUDA_MODULE", self.dli_fname, 1);
    cr_assert_eq(mock_cuda_ops(&ops, &diag), SC_ENOGPU);
    cr_assert_eq(diag.code, SC3002);
    cr_assert(strstr(diag.message, "no solcheck module"), "%s", diag.message);
    cr_assert_null(ops);
}

/* ---- stopping rules ---- */

Test(stopping, an_unmet_criterion_is_named)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.max_samples = 20;
    fake_time = (fake_timer){.launch_s = 1e-3, .noise = 0.15, .seed = 9};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_not(t.converged);
    cr_assert_eq(strncmp(t.unmet, "stopped after 20 samples: noise ", 32), 0, "%s",
                 t.unmet);
    cr_assert_not_null(strstr(t.unmet, " % > 0.5 %"), "%s", t.unmet);
    options.max_time_s = 0.0123;
    fake_time = (fake_timer){.launch_s = 1e-3, .noise = 0.15, .seed = 9};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(strncmp(t.unmet, "stopped by time: noise ", 23), 0, "%s", t.unmet);
    /* No noise at all, and time for seven samples of the ten that are wanted. */
    options.max_time_s = 0.1;
    fake_time = (fake_timer){.launch_s = 0.0147, .seed = 9};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_not(t.converged);
    cr_assert_str_eq(t.unmet, "stopped by time: 7 samples < 10");
    options.stop = MOCK_STOP_TIME;
    options.max_samples = 6;
    fake_time = (fake_timer){.launch_s = 0.013, .seed = 9};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_str_eq(t.unmet, "stopped after 6 samples: 0.078 s of samples < 0.1 s");
    options.stop = MOCK_STOP_NOISE;
    options.max_samples = 20;
    fake_time = (fake_timer){.launch_s = 1e-3, .noise = 1e-4, .seed = 9};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert(t.converged);
    cr_assert_str_eq(t.unmet, "");
}

Test(stopping, by_time_spends_the_time_whatever_the_noise)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.stop = MOCK_STOP_TIME;
    options.max_time_s = 0.0437;
    fake_time = (fake_timer){.launch_s = 1.3e-3, .noise = 0, .seed = 9};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.n, 34, "%d samples of 1.3 ms", t.n); /* 33 last 42.9 ms */
    cr_assert(t.converged);
}

/* Entropy stops on a settled distribution though its spread is wide, and goes on while
 * new values keep coming: a clock that drifts. */
Test(stopping, by_entropy_when_the_distribution_has_settled)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.stop = MOCK_STOP_ENTROPY;
    options.noise = 0.02;
    options.drift = 0.05;
    options.max_samples = 200;
    options.max_time_s = 100;
    fake_time = (fake_timer){.launch_s = 2e-3, .noise = 0.02, .seed = 5};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert(t.converged, "%s", t.unmet);
    cr_assert_lt(t.n, 200);
    options.noise = 1e-6; /* every sample a bin of its own: entropy log2(n), no end */
    options.max_samples = 30;
    fake_time = (fake_timer){.launch_s = 2e-3, .noise = 0.02, .seed = 5};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_not(t.converged);
    cr_assert_not_null(strstr(t.unmet, "entropy"), "%s", t.unmet);
}

/* Noise of 30 % does not get below 0.5 % in reasonable time. Once its spread has settled
 * that is known and more samples tell nothing new: by the published rule, recomputed. */
Test(stopping, noise_that_has_settled_is_enough)
{
    mock_timing_options options;
    mock_timing t, all;
    mock_timing_defaults(&options);
    options.max_time_s = 1e9;
    options.max_samples = MOCK_MAX_SAMPLES;
    fake_time = (fake_timer){.launch_s = 1.3e-3, .noise = 0.3, .seed = 7};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert(t.converged, "%s", t.unmet);
    cr_assert(t.n >= 20 && t.n < MOCK_MAX_SAMPLES, "%d samples", t.n);
    const double drift = options.drift;
    options.drift = 0;
    fake_time = (fake_timer){.launch_s = 1.3e-3, .noise = 0.3, .seed = 7};
    cr_assert_eq(timed(FAKE_SOUND, &options, &all, NULL), SC_OK);
    cr_assert_not(all.converged);
    cr_assert_eq(all.n, MOCK_MAX_SAMPLES);
    cr_assert_arr_eq(all.sample_s, t.sample_s, (size_t)t.n * sizeof *t.sample_s);
    double low = 1, high = 0, sum = 0;
    for (int n = t.n / 2 + 1; n <= t.n; n++) {
        options.max_samples = n;
        fake_time = (fake_timer){.launch_s = 1.3e-3, .noise = 0.3, .seed = 7};
        cr_assert_eq(timed(FAKE_SOUND, &options, &all, NULL), SC_OK);
        double spread = all.mad_s / all.median_s;
        low = fmin(low, spread);
        high = fmax(high, spread);
        sum += spread;
    }
    cr_assert_lt(high - low, drift * sum / (t.n - t.n / 2));
}

/* CUDA events resolve 0.5 us: a sample must last so long that this is below 0.5 %. */
Test(stopping, event_resolution_is_below_half_a_percent_of_a_sample)
{
    static const double launch_s[] = {0.6e-6, 2.3e-6, 37e-6, 4.1e-3};
    for (int i = 0; i < 4; i++) {
        mock_timing_options options;
        mock_timing t;
        mock_timing_defaults(&options);
        fake_time = (fake_timer){.launch_s = launch_s[i]};
        cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
        cr_assert_lt(0.5e-6 / (t.batch * t.median_s), 0.005, "launch of %g s",
                     launch_s[i]);
    }
}

/* A coarse timer gets longer samples; where the longest are still too short for it, that
 * is the criterion that was not met, though the samples agree to the last bit. */
Test(stopping, a_coarse_timer_gets_longer_samples_or_is_named)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.timer_s = 1.1e-5;
    fake_time = (fake_timer){.launch_s = 2.3e-6, .timer_s = 1.1e-5};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_geq(t.batch * 2.3e-6, 1.09e-5 / 0.005, "batch %d", t.batch);
    cr_assert(t.converged, "%s", t.unmet);
    cr_assert_lt(t.timer_share, 0.005);
    cr_assert_float_eq(t.median_s, 2.3e-6, 0.005 * 2.3e-6);
    options.timer_s = 1e-3; /* the 2048 launches of the largest batch last 4.7 ms */
    fake_time = (fake_timer){.launch_s = 2.3e-6, .timer_s = 1e-3};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_not(t.converged);
    cr_assert_not_null(strstr(t.unmet, "resolution of the timer 20 % > 0.5 %"), "%s",
                       t.unmet);
}

Test(stopping, work_comes_before_the_first_sample_where_it_is_asked_for)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    fake_time = (fake_timer){.launch_s = 1e-4};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    uint64_t cold = fake_time.graph_launches;
    options.warm_s = 0.0537;
    fake_time = (fake_timer){.launch_s = 1e-4};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    double more_s = 1e-4 * (double)(fake_time.graph_launches - cold);
    cr_assert(more_s >= 0.0537 && more_s < 0.0537 + 2e-3, "%g s", more_s);
}

Test(floor, says_which_latencies_are_mostly_launch)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.floor = (mock_floor){.stream_s = 2.7e-6, .node_s = 1.3e-6, .replay_s = 4e-6};
    fake_time = (fake_timer){.launch_s = 2.5e-6};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.floor_s, 1.3e-6);
    cr_assert(mock_timing_near_floor(&t));
    fake_time = (fake_timer){.launch_s = 2.7e-6};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_not(mock_timing_near_floor(&t));
    options.graph = false;
    fake_time = (fake_timer){.launch_s = 2.7e-6};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.floor_s, 2.7e-6);
    cr_assert(mock_timing_near_floor(&t));
    options.floor = (mock_floor){NAN, NAN, NAN};
    fake_time = (fake_timer){.launch_s = 2.7e-6};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert(isnan(t.floor_s) && !mock_timing_near_floor(&t));
}

Test(throttle, samples_are_discarded_but_never_all_of_them)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.max_backoff_s = 0.08;
    fake_time = (fake_timer){.launch_s = 1.3e-3, .seed = 9, .throttled = 3};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.n_discarded, 3);
    cr_assert_eq(t.telemetry.throttle, 0);
    cr_assert_eq(t.n, options.min_samples);
    cr_assert_eq(t.sample_telemetry[4].sm_clock_hz, 1.755e9);
    fake_time = (fake_timer){.launch_s = 1.3e-3, .seed = 9, .throttled = -1};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.n, options.min_samples, "an empty result");
    cr_assert_gt(t.n_discarded, 2);
    cr_assert_eq(t.telemetry.throttle, 4, "it does not say that it was throttled");
}

/* A reason that is still set does not matter where the clock is up. */
Test(throttle, is_what_costs_more_than_a_hundredth_of_the_clock)
{
    static const double share[] = {0.9925, 0.9875};
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.max_backoff_s = 0.02;
    for (int i = 0; i < 2; i++) {
        fake_time = (fake_timer){.launch_s = 1.3e-3, .throttled = -1};
        fake_time.max_hz = 1.755e9 / share[i];
        cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
        cr_assert_eq(t.n_discarded > 0, i);
        cr_assert_eq(t.slowed, i);
        cr_assert_eq(t.telemetry.throttle, 4, "what was seen is told all the same");
    }
}

/* A device that stays at its power limit: each point waits half as long as the one
 * before, until one has gone unthrottled. */
Test(throttle, what_was_waited_in_vain_is_waited_less_of)
{
    mock_timing_options options;
    mock_timing t;
    double want_s = 0.04;
    mock_timing_defaults(&options);
    options.max_backoff_s = want_s;
    for (int i = 0; i < 4; i++) {
        fake_time = (fake_timer){.launch_s = 1.3e-3, .throttled = -1};
        cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
        mock_timing_adapt(&options, &t, 0.04);
        want_s /= 2;
        cr_assert_float_eq(options.max_backoff_s, want_s, 1e-12);
    }
    /* Throttled without having waited: nothing is learnt. */
    t.n_discarded = 0;
    mock_timing_adapt(&options, &t, 0.04);
    cr_assert_float_eq(options.max_backoff_s, want_s, 1e-12);
    fake_time = (fake_timer){.launch_s = 1.3e-3, .throttled = 1};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    mock_timing_adapt(&options, &t, 0.04);
    cr_assert_eq(options.max_backoff_s, 0.04);
}

#define CLOCK(...)                                                                       \
    .clock_hz = (const double[]){__VA_ARGS__},                                           \
    .n_clock = (int)(sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

/* Also where the driver says "throttled" all along. */
Test(throttle, clock_of_the_sample_decides_where_it_is_known)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.max_backoff_s = 0.08;
    fake_time = (fake_timer){.launch_s = 1.3e-3, .throttled = -1, CLOCK(1.63e9)};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.n_discarded, 0);
    cr_assert_eq(t.sample_telemetry[3].sm_clock_hz, 1.63e9, "the clock is the driver's");
    fake_time = (fake_timer){.launch_s = 1.3e-3,
                             CLOCK(1.63e9, 1.62e9, 1.63e9, 1.45e9, 1.46e9, 1.625e9)};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.n_discarded, 2);
    cr_assert_eq(t.n, options.min_samples);
    cr_assert_lt(t.max_s, 1.01 * 1.3e-3, "a slow sample was kept");
}

Test(throttle, slow_samples_before_the_first_fast_one_are_dropped)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    fake_time = (fake_timer){.launch_s = 1.3e-3, CLOCK(1.45e9, 1.45e9, 1.45e9, 1.63e9)};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.n_discarded, 3);
    cr_assert_eq(t.n, options.min_samples);
    for (int i = 0; i < t.n; i++)
        cr_assert_eq(t.sample_telemetry[i].sm_clock_hz, 1.63e9);
    cr_assert_float_eq(t.median_s, 1.3e-3 * 1.45 / 1.63, 1e-9);
}

Test(throttle, a_clock_that_stays_low_does_not_end_in_an_empty_result)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    options.max_backoff_s = 0.03;
    fake_time = (fake_timer){.launch_s = 1.3e-3, CLOCK(1.63e9, 1.45e9)};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_eq(t.n, options.min_samples);
    cr_assert_gt(t.n_discarded, 2);
    cr_assert_float_eq(t.median_s, 1.3e-3 * 1.63 / 1.45, 1e-9);
}

/* Six slow samples, then fast ones for good, at one clock: as long as the slow ones are
 * the majority their median is theirs, to within a MAD that looks like convergence. */
Test(harness, samples_before_latency_has_settled_are_dropped)
{
    mock_timing_options options;
    mock_timing t;
    mock_timing_defaults(&options);
    fake_time =
        (fake_timer){.launch_s = 1.3e-3, .noise = 1e-4, .slow = 6, .slower = 1.08};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert(t.converged);
    cr_assert_str_eq(t.unmet, "");
    cr_assert_float_eq(t.median_s, 1.3e-3, 1e-6);
    cr_assert_geq(t.n, options.min_samples);
    cr_assert_geq(t.n_discarded, 5);
    options.max_time_s = 15e-3; /* no time for ten settled ones: it says so */
    fake_time =
        (fake_timer){.launch_s = 1.3e-3, .noise = 1e-4, .slow = 6, .slower = 1.08};
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    cr_assert_not(t.converged);
    cr_assert_not_null(strstr(t.unmet, "samples < 10"), "%s", t.unmet);
}

Test(throttle, a_device_that_tells_its_clock_rests_after_each_sample)
{
    mock_timing_options options;
    mock_timing t;
    struct timespec begin, end;
    mock_timing_defaults(&options);
    options.rest = 1.7;
    fake_time = (fake_timer){.launch_s = 2.9e-3, CLOCK(1.63e9)};
    clock_gettime(CLOCK_MONOTONIC, &begin);
    cr_assert_eq(timed(FAKE_SOUND, &options, &t, NULL), SC_OK);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double spent = (double)(end.tv_sec - begin.tv_sec) +
                   1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
    cr_assert_geq(spent, 1.7 * options.min_samples * 2.9e-3);
}

/* ---- cold caches ---- */

/* Every use of a copy is preceded, since its last use, by launches on other copies that
 * touch at least twice the cache: within batches, graphs and across their borders. */
static void check_distances(double l2_B, double touched_B)
{
    cr_assert_gt(fake_time.n_turns, 50);
    for (int i = 0; i < fake_time.n_turns; i++) {
        int k = i - 1;
        while (k >= 0 && fake_time.turn[k] != fake_time.turn[i])
            k--;
        if (k >= 0)
            cr_assert_geq((i - k - 1) * touched_B, 2 * l2_B, "launch %d", i);
    }
}

Test(cold, twice_the_cache_is_touched_between_uses)
{
    static const double l2_B[] = {3.1e4, 9e3, 1e2};
    for (int i = 0; i < 3; i++) {
        const mock_device_ops *ops;
        mock_device *dev;
        mock_timing_options options;
        mock_timing t;
        sc_diag diag = {0};
        const double touched_B = 6137;
        mock_bench *bench = open_bench(FAKE_SOUND, &ops, &dev);
        mock_timing_defaults(&options);
        fake_time = (fake_timer){.on = true, .launch_s = 37e-6, .noise = 0.01, .seed = 3};
        cr_assert_eq(mock_bench_make_cold(bench, l2_B[i], touched_B, &diag), SC_OK, "%s",
                     diag.message);
        cr_assert_eq(mock_bench_time(bench, &options, &t, &diag), SC_OK, "%s",
                     diag.message);
        cr_assert_eq(t.batch % t.copies, 0);
        cr_assert_geq(t.copies, 2);
        cr_assert_geq(t.between_B, 2 * l2_B[i]);
        cr_assert_float_eq(t.median_s, 37e-6, 1e-6);
        check_distances(l2_B[i], touched_B);
        mock_bench_free(bench);
        ops->close(dev);
    }
}

Test(cold, what_cannot_be_proved_is_refused)
{
    sc_diag diag = {0};
    int copies = -1;
    cr_assert_eq(mock_cold_copies(0, 5e6, &copies, &diag), SC_EUNABLE);
    cr_assert_eq(diag.code, SC3013);
    cr_assert_eq(mock_cold_copies(NAN, 5e6, &copies, &diag), SC_EUNABLE);
    cr_assert_eq(mock_cold_copies(5e7, 0, &copies, &diag), SC_EUNABLE);
    cr_assert_eq(mock_cold_copies(5e7, 1e8 / 256, &copies, &diag), SC_EUNABLE);
    cr_assert_not_null(strstr(diag.message, "257 copies"), "%s", diag.message);
    cr_assert_eq(copies, -1);
    cr_assert_eq(mock_cold_copies(5e7, 1e8 / 254.5, &copies, &diag), SC_OK);
    cr_assert_eq(copies, 256);
    cr_assert_eq(mock_cold_copies(5e7, 7e9, &copies, &diag), SC_OK);
    cr_assert_eq(copies, 2);
}

/* On the CPU, where kernels really run: each copy computes the same. */
Test(cold, runs_on_the_cpu_eager_and_as_a_graph)
{
    mock_case c;
    mock_bench *bench;
    mock_device *dev;
    mock_device_info info;
    mock_timing_options options;
    mock_timing t;
    const mock_device_ops *ops = mock_cpu_ops();
    const mock_class *cls = mock_class_find("gemm");
    cr_assert_eq(ops->open(0, &dev, &info, NULL), SC_OK);
    mock_case_init(cls, SOL_GENERATION, 3, 5, &c);
    fake_small(cls, c.param);
    mock_timing_defaults(&options);
    options.max_samples = 12;
    for (int graph = 0; graph < 2; graph++) {
        options.graph = graph;
        cr_assert_eq(mock_bench_new(cls, &c, ops, dev, &bench, NULL), SC_OK);
        cr_assert_eq(mock_bench_make_cold(bench, 2e4, 6e3, NULL), SC_OK);
        cr_assert_eq(mock_bench_time(bench, &options, &t, NULL), SC_OK);
        cr_assert_eq(t.copies, 8);
        cr_assert_eq(t.launch, graph ? MOCK_GRAPH : MOCK_EAGER);
        cr_assert_gt(t.median_s, 0);
        mock_bench_free(bench);
    }
    ops->close(dev);
}

static const mock_class *counted;
static int n_fills;

static sc_status counting_fill(const mock_case *c, void *const host[], sc_diag *diag)
{
    n_fills++;
    return counted->fill(c, host, diag);
}

/* The cosines of rope take as long to make as the cache is long: once is enough. */
Test(cold, copies_take_their_index_tensors_from_the_first)
{
    mock_case c;
    mock_bench *bench;
    mock_device *dev;
    mock_device_info info;
    mock_compare compare;
    const mock_device_ops *ops = mock_cpu_ops();
    counted = mock_class_find("rope");
    mock_class cls = *counted;
    cls.fill = counting_fill;
    cr_assert_eq(ops->open(0, &dev, &info, NULL), SC_OK);
    mock_case_init(&cls, SOL_GENERATION, 3, 117, &c);
    fake_small(&cls, c.param);
    cr_assert_eq(mock_bench_new(&cls, &c, ops, dev, &bench, NULL), SC_OK);
    cr_assert_eq(mock_bench_make_cold(bench, 2e4, 6e3, NULL), SC_OK);
    cr_assert_eq(bench->n_list, 8);
    cr_assert_eq(n_fills, 1);
    for (int i = 0; i + 1 < bench->n_list; i++) {
        mock_host first, copy;
        cr_assert_eq(mock_host_inputs(bench, &first, NULL), SC_OK);
        cr_assert_eq(mock_host_inputs(bench->copy[i], &copy, NULL), SC_OK);
        for (int k = 0; k < bench->n; k++) {
            cr_assert_neq(bench->copy[i]->ptr[k], bench->ptr[k]);
            cr_assert(!first.ptr[k] || memcmp(first.ptr[k], copy.ptr[k],
                                              mock_tensor_bytes(&bench->tensor[k])) == 0);
        }
        cr_assert_eq(mock_bench_compare(bench->copy[i], 3, &compare, NULL), SC_OK);
        cr_assert(mock_compare_ok(&compare));
        mock_host_free(&first);
        mock_host_free(&copy);
    }
    mock_bench_free(bench);
    ops->close(dev);
}
