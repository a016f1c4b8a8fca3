/* solcheck - the plan of a measurement: which points, what they need, how long they take.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_PLAN_H
#define SC_CLI_PLAN_H

#include "base/yaml.h"
#include "cli/sweep.h"
#include "collector/store.h"
#include "collector/table.h"

typedef enum cli_job_state {
    CLI_TODO,
    CLI_OTHER_SHARD,
    CLI_STORED,        /* is in the store already */
    CLI_FAILED_BEFORE, /* the store says that it failed */
    CLI_LEFT_OUT,      /* does not fit, or cannot be run: see why */
    CLI_MEASURED,
    CLI_FAILED,
    CLI_N_JOB_STATES
} cli_job_state;

typedef struct cli_job {
    sol_phase_kind phase;
    size_t config; /* index into cli_plan.config */
    cli_axes at;
    bool cold;
    double latency_s; /* estimated: floor + SOL / utilisation */
    double cost_s;    /* estimated time to measure it */
    double setup_s;   /* of that, what launches nothing */
    size_t need_B;    /* device memory of its tensors, all copies */
    int copies;       /* of the tensors, for a cold cache; 1 */
    cli_job_state state;
    double measured_s, mad_s; /* median and its spread, once it is measured */
    double wall_s;            /* all that it took, from the end of the one before */
    int samples;
    char source[96], unmet[128]; /* route; stopping criterion that was not met */
    sc_code code;                /* why it is left out or failed */
    char why[256];
} cli_job;

typedef struct cli_plan {
    cli_job
        *point; /* by configuration, phase, cache state and cost; of a table by cost */
    size_t n;
    sol_config *config; /* [n_configs], tp included */
    size_t n_configs;
    bool table;  /* the points come from a table or list shapes: many configurations */
    bool learnt; /* --store told what its points took beside launches */
    bool guessed[SOL_N_PHASES]; /* no recording: latencies are SOL / 0.5 + 5 us, on a CPU
                                    by the operation */
    bool cpu;                   /* it is for a CPU */
    int shard, n_shards;        /* from 1; 1 of 1 */
} cli_plan;

/* How points of a phase are expected to fare: measured ones of the system's recording, or
 * a guess. */
typedef struct cli_speed {
    double floor_s, utilisation;
    bool guessed;
    bool cpu;         /* else a GPU: latencies from FLOPs and bytes, not from the bound */
    double backoff_s; /* a point, in the mean, while the device throttles */
} cli_speed;

/* Makes the plan from --grid, --cases, --points or --set, --tp, --cache and --shard;
 * opens no device but a CPU, whose cache cold points have to outrun. Else the same on
 * every machine: time estimates come from the system file and the recordings that ship. A
 * shard is filled with the costliest point that is left, always the least loaded one.
 * Release with cli_plan_clear. Errors: SC_EINVAL SC6001, SC6002, SC1114, those of the
 * cases file or the table. */
sc_status cli_plan_make(cli_session *cli, const mock_class *cls, cli_plan *out);
void cli_plan_clear(cli_plan *plan);

/* Sets cli->config to that of a point. */
void cli_plan_use(cli_session *cli, const cli_plan *plan, const cli_job *point);
/* The case of a point; cli->config becomes its configuration. Errors: those of
 * cli_make_case. */
sc_status cli_plan_case(cli_session *cli, const mock_class *cls, const cli_plan *plan,
                        const cli_job *point, mock_case *out);
/* "tp=8 b=4 s=128", and of a table's point its configuration. Errors show in out. */
void cli_plan_name(const cli_session *cli, const cli_plan *plan, const cli_job *point,
                   sc_buf *out);
/* The command that measures this point alone. */
void cli_plan_repro(const cli_session *cli, const cli_plan *plan, const cli_job *point,
                    sc_buf *out);

/* Prints the plan: points with memory and time each, then sums; with --json as JSON. */
sc_status cli_plan_print(cli_session *cli, const cli_plan *plan);
/* Prints what has become of every point, as JSON. */
sc_status cli_plan_report(cli_session *cli, const cli_plan *plan);

size_t cli_plan_count(const cli_plan *plan, cli_job_state state);
double cli_plan_seconds(const cli_plan *plan); /* of the points to do */

/* ---- for making a plan ---- */

/* Appends cli->config. Errors: SC_ENOMEM. */
sc_status cli_plan_add_config(cli_session *cli, cli_plan *plan, size_t *index);
typedef struct cli_listed { /* a point of a table */
    sol_phase_kind phase;
    size_t config;
    cli_axes at;
} cli_listed;
/* The rows of a table, --points FILE unless given, that --where and --sample leave, by
 * phase and rising cost; their configurations are appended to the plan. Release with
 * sc_free. Errors: those of col_points_list; SC_EINVAL SC6001, SC_EDOMAIN SC2004 (no row
 * is left). */
sc_status cli_listed_points(cli_session *cli, const mock_class *cls, cli_plan *plan,
                            cli_listed **out, size_t *n);
/* Does a cases file list whole shapes (all_frameworks_op_cases, or common values with
 * parallel sizes), and so have the tp of each point? */
bool cli_cases_list_shapes(const cli_session *cli, const sc_yaml *doc);
/* Their table: a row a point, with its phase, axes, tp, and parameters as one GPU sees
 * them, of the phases in cli->phase; what the file leaves open is as in cli->config.
 * Release with col_table_free. Errors: SC_EIO SC1001, SC_EPARSE SC1102 (no case of the
 * op), SC21xx (the first error that `validate` would tell), SC_ENOMEM. Test:
 * tests/measure/run.sh. */
sc_status cli_cases_table(cli_session *cli, const char *path, col_table **out);
/* What the recording of the system tells of a phase. Errors: SC_ENOMEM, those of a
 * recording that cannot be read. */
sc_status cli_speed_find(cli_session *cli, const sol_phase *phase, cli_speed *out);
/* Expected latency and time to measure of a point whose memory is known. */
void cli_speed_apply(const cli_speed *speed, const mock_timing_options *timing,
                     cli_job *point);

/* Corrects the costs of a plan, once it is divided, by what the points in the store took:
 * the division has to be the same on every machine. Errors: those of col_store_walls. */
sc_status cli_speed_correct(cli_session *cli, col_store *store, const mock_class *cls,
                            const mock_timing_options *timing, cli_plan *plan);

/* Points of a cases file for one phase, in the reference ecosystem's layout
 * (common_case_values, batch sizes by sequence lengths or token counts); those that the
 * op or the file's own max_<phase>_tokens does not admit are dropped. Release with
 * sc_free. Errors: SC_EIO SC1001, SC_EPARSE SC1102, SC21xx with position. */
sc_status cli_case_points(cli_session *cli, const char *path, const sol_phase *phase,
                          cli_axes **out, size_t *n);

#endif
