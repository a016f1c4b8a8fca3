/* solcheck - running a mock layer over a grid of points: op file -> cases -> table rows.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_SWEEP_H
#define SC_CLI_SWEEP_H

#include "cli/session.h"
#include "collector/record.h"
#include "mock/harness.h"

typedef struct cli_device { /* an open device */
    const mock_device_ops *ops;
    mock_device *dev;
    mock_device_info info;
} cli_device;

/* Opens what --device names, by default a GPU. Errors: those of mock_device_open. */
sc_status cli_device_open(cli_session *cli, cli_device *out);
void cli_device_close(cli_device *device);

/* The mock layer of the op. Errors: SC_EINVAL SC3010 (the op names none), SC3000. */
sc_status cli_find_layer(cli_session *cli, const mock_class **out);

/* explain --layer: prints what the op's mock layer takes and how it runs. Errors: those
 * of cli_find_layer, SC_EINVAL SC6001 (--format). */
sc_status cli_explain_layer(cli_session *cli);

/* The case of one point at cli->config: parameters local to one GPU, dtypes by slot name.
 * Errors: SC_EINVAL SC3005 (a value that is no integer, or outside the layer's range),
 * SC_EUNABLE SC3005 (the op has a feature on that the layer does not have). */
sc_status cli_make_case(cli_session *cli, const mock_class *cls, sol_phase_kind phase,
                        double b, double s, mock_case *out);

/* What --scope asks for. Errors: SC_EINVAL SC6001. */
sc_status cli_scope(cli_session *cli, mock_scope *out);
/* What --route asks for. Errors: SC_EINVAL SC6001. */
sc_status cli_route(cli_session *cli, mock_choice *out);

/* What --inputs asks for. Errors: SC_EINVAL SC6001. */
sc_status cli_inputs(cli_session *cli, mock_inputs *out);

/* One point of a grid. */
typedef struct cli_axes {
    double b, s;
    double x;       /* tokens */
    double cost;    /* FLOPs and bytes, to sort by */
    double sol_s;   /* the hot bound */
    double bytes_B; /* compulsory: a launch touches at least these */
} cli_axes;

/* The points of a grid (small, coarse or full) by rising cost; release with sc_free.
 * Errors: SC_EINVAL SC6001 (kind), SC3005 (the phase lacks b or s), those of sol_grid and
 * sol_model. */
sc_status cli_grid_points(cli_session *cli, const sol_phase *phase, const char *kind,
                          cli_axes **out, size_t *n);
/* Fills all but b and s of n points. Errors: those of sol_model. */
sc_status cli_axes_estimate(cli_session *cli, const sol_phase *phase, cli_axes *point,
                            size_t n);

/* Compares CLI_VERIFY_ROWS rows, fewer where their reference takes long, of a small
 * ragged case, b=3 and s=70, reduced by the class, with the reference; on normal inputs
 * where
 * --inputs asks for zeros.
 * Errors: SC_EGPU SC3007. */
#define CLI_VERIFY_ROWS 16
sc_status cli_verify_layer(cli_session *cli, const cli_device *device,
                           const mock_class *cls, sol_phase_kind phase);

/* How points are timed on a device of that kind, by the options given. */
void cli_timing_options(const cli_session *cli, const mock_device_info *info,
                        mock_timing_options *timing);
/* Checks --stop, --noise, --max-time and --min-samples and lays them over *timing.
 * Errors: SC_EINVAL SC6001. */
sc_status cli_stopping_options(cli_session *cli, mock_timing_options *timing);

/* The row of a timed case at cli->config.tp; texts are borrowed. t NULL: keys alone. */
void cli_fill_record(const cli_session *cli, const mock_device_info *info,
                     const mock_class *cls, const mock_case *c, const mock_timing *t,
                     col_record *r);

/* Waits until the device reports no throttling, so that the first points do not pay for
 * the sweep before. Devices without telemetry need no wait. */
void cli_settle(const cli_device *device);

#endif
