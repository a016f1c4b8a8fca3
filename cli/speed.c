/* solcheck - how long the points of a plan will take.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/plan.h"
#include "collector/table.h"

/* Where no recording tells: half of the hot bound above the launch floor of a replayed
 * graph. Good enough to divide work and to say minutes or hours. */
#define GUESS_UTILISATION 0.5
#define GUESS_FLOOR_S 5e-6
/* Time of a point besides its launches, where no store tells: what 291 points of mla on
 * an H100 took, drawn evenly from tensor parallelism 1 to 8 (docs/measure.md):
 * allocation, capture, comparison, commit; filling, at a rate that includes mapping the
 * memory; waiting for a GPU that throttles. */
#define SETUP_S 6e-3
#define FILL_B_S 200e9
#define BACKOFF_S 0.012
/* A CPU: FLOPs and bytes of a launch a second, its start, and filling with random
 * numbers. Small grids of eight layers took 0.1 to 10 times as long on one core of an
 * EPYC. */
#define CPU_RATE 2e9
#define CPU_FLOOR_S 5e-5
#define CPU_FILL_B_S 200e6

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Hot bounds of all points of the recording, each at its own configuration. */
static sc_status recorded_bounds(cli_session *cli, const sol_phase *phase,
                                 const col_points *points, double *sol_s)
{
    for (size_t i = 0; i < points->n; i++) {
        sol_model *model;
        sol_bound bound;
        const double *axis[SOL_MAX_AXES];
        const col_point *p = &points->point[i];
        for (int a = 0; a < phase->n_axes; a++)
            axis[a] = &p->axis[a];
        sc_status status =
            sol_model_new(cli->op, phase->kind, &points->config[p->group], cli->system,
                          SOL_ARCHITECTURAL, &model, &cli->diag);
        if (status != SC_OK)
            return status;
        status = sol_model_eval(model, 1, axis, &bound, NULL, &cli->diag);
        sol_model_free(model);
        if (status != SC_OK)
            return status;
        sol_s[i] = bound.sol_hot_s;
    }
    return SC_OK;
}

/* floor: the fastest point; utilisation: the median of SOL / (latency - floor) over
 * points of at least three floors. */
static void learn(const col_points *points, double *sol_s, cli_speed *out)
{
    size_t n = 0;
    double floor_s = INFINITY;
    for (size_t i = 0; i < points->n; i++)
        floor_s = fmin(floor_s, points->point[i].latency_s);
    for (size_t i = 0; i < points->n; i++)
        if (points->point[i].latency_s >= 3 * floor_s)
            sol_s[n++] = sol_s[i] / (points->point[i].latency_s - floor_s);
    if (n == 0)
        return;
    qsort(sol_s, n, sizeof *sol_s, by_value);
    out->floor_s = floor_s;
    out->utilisation = fmax(sol_s[n / 2], 1e-3);
    out->guessed = false;
}

static sc_status speed_from_table(cli_session *cli, const sol_phase *phase,
                                  const col_table *table, cli_speed *out)
{
    col_points points = {0};
    sc_diag diag = {0};
    if (col_points_map(table, cli->op, phase->kind, NULL, &points, NULL, &diag) != SC_OK)
        return SC_OK; /* a recording of another shape of op: guess */
    double *sol_s = sc_calloc(points.n, sizeof *sol_s);
    sc_status status =
        sol_s ? recorded_bounds(cli, phase, &points, sol_s) : sc_diag_nomem(&cli->diag);
    if (status == SC_OK)
        learn(&points, sol_s, out);
    sc_free(sol_s);
    col_points_clear(&points);
    return status;
}

sc_status cli_speed_find(cli_session *cli, const sol_phase *phase, cli_speed *out)
{
    sc_buf path = {0};
    col_table *table;
    bool cpu = strncmp(cli_value(&cli->options, CLI_OPT_DEVICE, "cuda"), "cpu", 3) == 0;
    *out = (cli_speed){GUESS_FLOOR_S, GUESS_UTILISATION, true, cpu, cpu ? 0 : BACKOFF_S};
    if (cpu)
        return SC_OK;
    sc_buf_printf(&path, "%s/data/recordings/%s/%s_%s.csv", cli->data_dir,
                  cli->system->name, cli->op->layer, sol_phase_name(phase->kind));
    sc_status status = path.failed ? sc_diag_nomem(&cli->diag) : SC_OK;
    if (status == SC_OK && access(path.text, F_OK) == 0) {
        status = col_table_load(path.text, &table, &cli->diag);
        if (status == SC_OK) {
            status = speed_from_table(cli, phase, table, out);
            col_table_free(table);
        }
    }
    sc_buf_free(&path);
    return status;
}

/* Time of the launches of a point, as the harness makes them: warm-up; a round, twice,
 * then batches of up to 32 times more until one is long enough; samples. */
static double launches_s(const mock_timing_options *timing, double latency_s, int copies)
{
    double round_s = copies * latency_s,
           batch_s = fmax(1.2 * timing->min_batch_s, round_s);
    double sizing_s = 2 * round_s;
    for (double s = 32 * round_s; s < batch_s; s *= 32)
        sizing_s += s;
    if (round_s < timing->min_batch_s)
        sizing_s += batch_s;
    double least =
        timing->stop == MOCK_STOP_TIME ? MOCK_MAX_SAMPLES : timing->min_samples;
    double samples = fmin(least, fmax(2, ceil(timing->max_time_s / batch_s)));
    return timing->warmup * latency_s + sizing_s + samples * batch_s;
}

void cli_speed_apply(const cli_speed *speed, const mock_timing_options *timing,
                     cli_job *point)
{
    const double fill_B_s = speed->cpu ? CPU_FILL_B_S : FILL_B_S;
    point->latency_s = speed->cpu ? CPU_FLOOR_S + point->at.cost / CPU_RATE
                                  : speed->floor_s + point->at.sol_s / speed->utilisation;
    point->setup_s = SETUP_S + (double)point->need_B / fill_B_s + speed->backoff_s;
    point->cost_s = point->setup_s + launches_s(timing, point->latency_s, point->copies);
}

/* ---- what a store tells ---- */

#define ENOUGH 10 /* points to believe in */

/* What a stored point took beyond its launches. Cold ones are a round of their copies a
 * sample, unless rounds are short. */
static double rest_s(const mock_timing_options *timing, const col_wall *w, bool cold)
{
    bool one_round = cold && w->batch * w->latency_s >= 2 * timing->min_batch_s;
    return w->wall_s - launches_s(timing, w->latency_s, one_round ? w->batch : 1);
}

sc_status cli_speed_correct(cli_session *cli, col_store *store, const mock_class *cls,
                            const mock_timing_options *timing, cli_plan *plan)
{
    for (int k = 0; k < 2 * SOL_N_PHASES; k++) {
        const sol_phase_kind phase = (sol_phase_kind)(k / 2);
        const bool cold = k % 2;
        col_wall *all = NULL;
        size_t n = 0;
        double sum_s = 0;
        sc_status status = col_store_walls(store, cls->name, phase, cold ? "cold" : "hot",
                                           &all, &n, &cli->diag);
        if (status != SC_OK)
            return status;
        for (size_t i = 0; i < n; i++)
            sum_s += rest_s(timing, &all[i], cold);
        sc_free(all);
        if (n < ENOUGH)
            continue;
        plan->learnt = true;
        for (size_t i = 0; i < plan->n; i++) {
            cli_job *p = &plan->point[i];
            if (p->phase == phase && p->cold == cold)
                p->cost_s += fmax(0, sum_s / (double)n) - p->setup_s;
        }
    }
    return SC_OK;
}
