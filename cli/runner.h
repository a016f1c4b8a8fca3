/* solcheck - running a plan: one worker process a device, watchdog, progress, signals.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_RUNNER_H
#define SC_CLI_RUNNER_H

#include "cli/plan.h"

/* Receives what comes of the plan, in the parent process. cli->config is the point's.
 * Each returns SC_OK or an error that ends the run. */
typedef struct cli_sink {
    /* The first device is open. May set points of the plan to CLI_STORED or
     * CLI_FAILED_BEFORE, which are then not run. */
    sc_status (*opened)(void *user, const mock_device_info *info, cli_plan *plan);
    sc_status (*measured)(void *user, const mock_device_info *info,
                          const cli_job *point, const mock_case *c,
                          const mock_timing *timing);
    sc_status (*failed)(void *user, const mock_device_info *info, const cli_job *point,
                        const mock_case *c, const sc_diag *why);
    /* With --kernels, once all points are measured: is the point's layer to be profiled?
     * Asked for points that were measured or are in the store. */
    sc_status (*kernels_wanted)(void *user, const mock_device_info *info,
                                const cli_job *point, const mock_case *c, bool *wanted);
    sc_status (*profiled)(void *user, const mock_device_info *info, const cli_job *point,
                          const mock_case *c, const mock_kernel *kernel, int n);
    void *user;
} cli_sink;

/* Runs the points to do on --device (cuda:all: one worker each). A point that does not
 * fit or that the layer refuses is left out; one that crashes, hangs or breaks the device
 * is failed and its worker replaced. SIGINT or SIGTERM ends after the points in flight, a
 * second one at once; *signal is then its number, else 0. With --kernels the layers are
 * profiled after the last point, in processes in which nothing is timed; what cannot be
 * profiled is a warning. Errors: those of opening a
 * device; SC_EGPU SC3007 (wrong output), SC3014 (--max-failures in a row); of the sink.
 */
sc_status cli_run_plan(cli_session *cli, const mock_class *cls, cli_plan *plan,
                       const cli_sink *sink, int *signal);

#endif
