/* solcheck measure: a mock layer over a plan of points, into a store or perf tables.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "cli/commit.h"
#include "cli/runner.h"
#include "collector/store.h"

typedef struct table_file {
    FILE *file;
    char *path;
    bool continued; /* rows follow those of an earlier run: no second header */
    bool started;
} table_file;

static sc_status cannot_write(const char *path, sc_diag *diag)
{
    sc_status status = sc_diag_fail(diag, SC_EIO, SC5000, "cannot write '%s': %s", path,
                                    strerror(errno));
    sc_diag_hint(diag, "name a directory that you may write to with --out DIR");
    return status;
}

/* Appends text; every row reaches the disk's cache before the next one is measured. */
static sc_status write_rows(void *user, const char *text, size_t n, sc_diag *diag)
{
    table_file *out = user;
    if (out->continued && !out->started) { /* the first text starts with the header */
        const char *row = memchr(text, '\n', n);
        n -= (size_t)(row + 1 - text);
        text = row + 1;
    }
    out->started = true;
    if (fwrite(text, 1, n, out->file) != n || fflush(out->file) != 0)
        return cannot_write(out->path, diag);
    return SC_OK;
}

static sc_status open_table(const char *dir, const char *layer, sol_phase_kind phase,
                            table_file *out, sc_diag *diag)
{
    out->path = cli_table_path(dir, layer, phase, "csv");
    if (!out->path)
        return sc_diag_nomem(diag);
    out->file = fopen(out->path, "a");
    if (!out->file)
        return cannot_write(out->path, diag);
    fseek(out->file, 0, SEEK_END);
    out->continued = ftell(out->file) > 0;
    return SC_OK;
}

static sc_status close_table(table_file *out, sc_status status, sc_diag *diag)
{
    if (out->file && fclose(out->file) != 0 && status == SC_OK)
        status = cannot_write(out->path, diag);
    sc_free(out->path);
    memset(out, 0, sizeof *out);
    return status;
}

static void date_text(char date[32])
{
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    strftime(date, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* A double-quoted YAML scalar. */
static void add_quoted(const char *text, sc_buf *out)
{
    sc_buf_add(out, "\"");
    for (; *text; text++)
        sc_buf_printf(out, strchr("\"\\", *text) ? "\\%c" : "%c", *text);
    sc_buf_add(out, "\"");
}

/* Adds what ran, where and when to provenance.yaml, one document entry a command. */
static sc_status write_provenance(cli_session *cli, const mock_device_info *info,
                                  const char *dir, const size_t *n_rows)
{
    char date[32];
    date_text(date);
    sc_buf path = {0}, text = {0}, command = {0};
    sc_buf_printf(&path, "%s/provenance.yaml", dir);
    sc_buf_printf(
        &text,
        "- date: %s\n  device: \"%s\"\n  compute_capability: %d\n  driver: \"%s\"\n"
        "  cuda: \"%s\"\n  solcheck: %s\n  commit: %s\n  layer: %s\n  scope: %s\n"
        "  inputs: %s\n  rows:",
        date, info->name, info->sm_version, info->driver, info->runtime, PACKAGE_VERSION,
        SC_COMMIT, cli->op->layer, cli_value(&cli->options, CLI_OPT_SCOPE, "kernel"),
        cli_value(&cli->options, CLI_OPT_INPUTS, "normal"));
    for (int p = 0; p < SOL_N_PHASES; p++)
        if (cli->phase[p])
            sc_buf_printf(&text, "%s %s: %zu", p && cli->phase[0] ? "," : " {",
                          sol_phase_name((sol_phase_kind)p), n_rows[p]);
    cli_add_command(cli, false, &command);
    sc_buf_add(&text, "}\n  command: ");
    add_quoted(sc_buf_text(&command), &text);
    sc_buf_add(&text, "\n");
    sc_status status =
        path.failed || text.failed || command.failed ? sc_diag_nomem(&cli->diag) : SC_OK;
    FILE *file = status == SC_OK ? fopen(path.text, "a") : NULL;
    if (status == SC_OK && (!file || fputs(text.text, file) < 0))
        status = cannot_write(path.text, &cli->diag);
    if (file && fclose(file) != 0 && status == SC_OK)
        status = cannot_write(path.text, &cli->diag);
    sc_buf_free(&path);
    sc_buf_free(&text);
    sc_buf_free(&command);
    return status;
}

/* ---- the sink ---- */

typedef struct output {
    cli_session *cli;
    const mock_class *cls;
    const cli_plan *plan;
    char *dir; /* of the tables, NULL: none */
    table_file table[SOL_N_PHASES];
    size_t n_rows[SOL_N_PHASES];
    size_t n_measured, n_near_floor;
    double floor_s;   /* of the last point that was near it */
    col_store *store; /* NULL: none */
    int64_t run;
    mock_device_info info;
} output;

static sc_status start_run(output *out)
{
    char date[32];
    sc_buf command = {0};
    cli_add_command(out->cli, true, &command);
    date_text(date);
    col_run run = {.device = out->info.name,
                   .driver = out->info.driver,
                   .cuda = out->info.runtime,
                   .compute_capability = out->info.sm_version,
                   .version = PACKAGE_VERSION,
                   .commit = SC_COMMIT,
                   .date = date,
                   .command = sc_buf_text(&command)};
    sc_status status =
        command.failed ? sc_diag_nomem(&out->cli->diag)
                       : col_store_add_run(out->store, &run, &out->run, &out->cli->diag);
    sc_buf_free(&command);
    return status;
}

/* Keys of a point; what was measured as well where there is a timing. */
static void fill_record(const output *out, const mock_device_info *info,
                        const cli_job *point, const mock_case *c, const mock_timing *t,
                        col_record *r)
{
    cli_fill_record(out->cli, info, out->cls, c, t, r);
    r->cache = point->cold ? "cold" : "hot";
}

/* Marks a point that the store has under equal keys. */
static sc_status look_up(output *out, const cli_plan *plan, cli_job *point)
{
    mock_case c;
    col_record key;
    col_state state;
    sc_diag *diag = &out->cli->diag;
    sc_status status = cli_plan_case(out->cli, out->cls, plan, point, &c);
    if (status != SC_OK)
        return status;
    fill_record(out, &out->info, point, &c, NULL, &key);
    status = col_store_find(out->store, &key, &state, diag);
    if (status == SC_OK && state == COL_DONE)
        point->state = CLI_STORED;
    else if (status == SC_OK && state == COL_FAILED &&
             !cli_has(&out->cli->options, CLI_OPT_RETRY))
        point->state = CLI_FAILED_BEFORE;
    return status;
}

static sc_status opened(void *user, const mock_device_info *info, cli_plan *plan)
{
    output *out = user;
    out->info = *info;
    if (!out->store)
        return SC_OK;
    sc_status status = start_run(out);
    for (size_t i = 0; i < plan->n && status == SC_OK; i++)
        if (plan->point[i].state == CLI_TODO)
            status = look_up(out, plan, &plan->point[i]);
    size_t stored = cli_plan_count(plan, CLI_STORED);
    size_t failed = cli_plan_count(plan, CLI_FAILED_BEFORE);
    if (status == SC_OK && stored + failed > 0 &&
        !cli_has(&out->cli->options, CLI_OPT_QUIET))
        fprintf(stderr,
                "resuming: %zu points are in the store, %zu failed before "
                "(--retry-failed tries these again)\n",
                stored, failed);
    return status;
}

static sc_status store_point(output *out, const col_record *r, const mock_timing *t)
{
    col_sample *sample = sc_calloc((size_t)t->n, sizeof *sample);
    if (!sample)
        return sc_diag_nomem(&out->cli->diag);
    for (int i = 0; i < t->n; i++)
        sample[i] =
            (col_sample){t->sample_s[i], t->sample_telemetry[i].sm_clock_hz,
                         t->sample_telemetry[i].power_W, t->sample_telemetry[i].throttle};
    sc_status status =
        col_store_add(out->store, out->run, r, sample, (size_t)t->n, &out->cli->diag);
    sc_free(sample);
    return status;
}

static sc_status add_row(output *out, const col_record *r)
{
    sc_buf text = {0};
    table_file *table = &out->table[r->phase];
    sc_diag *diag = &out->cli->diag;
    sc_status status = SC_OK;
    if (!table->file)
        status = open_table(out->dir, out->cls->name, r->phase, table, diag);
    if (status == SC_OK && !table->started)
        status = col_record_header(r, &text, diag);
    if (status == SC_OK)
        status = col_record_append(r, &text, diag);
    if (status == SC_OK)
        status = write_rows(table, sc_buf_text(&text), text.n, diag);
    sc_buf_free(&text);
    out->n_rows[r->phase] += status == SC_OK;
    return status;
}

static sc_status measured(void *user, const mock_device_info *info, const cli_job *point,
                          const mock_case *c, const mock_timing *timing)
{
    output *out = user;
    col_record r;
    sc_buf repro = {0};
    fill_record(out, info, point, c, timing, &r);
    r.wall_s = point->wall_s;
    cli_plan_repro(out->cli, out->plan, point, &repro);
    r.repro = sc_buf_text(&repro);
    out->n_measured++;
    if (mock_timing_near_floor(timing)) {
        out->n_near_floor++;
        out->floor_s = timing->floor_s;
    }
    sc_status status = repro.failed ? sc_diag_nomem(&out->cli->diag)
                       : out->store ? store_point(out, &r, timing)
                                    : SC_OK;
    if (status == SC_OK && out->dir)
        status = add_row(out, &r);
    sc_buf_free(&repro);
    return status;
}

static sc_status failed(void *user, const mock_device_info *info, const cli_job *point,
                        const mock_case *c, const sc_diag *why)
{
    output *out = user;
    col_record r;
    if (!out->store)
        return SC_OK;
    fill_record(out, info, point, c, NULL, &r);
    sc_buf repro = {0};
    cli_plan_repro(out->cli, out->plan, point, &repro);
    r.repro = sc_buf_text(&repro);
    sc_status status = repro.failed ? sc_diag_nomem(&out->cli->diag)
                                    : col_store_add_failure(out->store, out->run, &r, why,
                                                            &out->cli->diag);
    sc_buf_free(&repro);
    return status;
}

/* ---- kernels ---- */

static sc_status kernels_wanted(void *user, const mock_device_info *info,
                                const cli_job *point, const mock_case *c, bool *wanted)
{
    output *out = user;
    col_record key;
    bool stored = false;
    sc_status status = SC_OK;
    fill_record(out, info, point, c, NULL, &key);
    if (out->store && point->state == CLI_STORED)
        status = col_store_has_kernels(out->store, &key, &stored, &out->cli->diag);
    *wanted = !stored;
    return status;
}

/* One table a point: each kernel with its share of the sum. */
static sc_status print_kernels(output *out, const cli_job *point,
                               const mock_kernel *kernel, int n)
{
    sc_buf text = {0};
    double sum_s = 0;
    for (int i = 0; i < n; i++)
        sum_s += kernel[i].seconds;
    sc_buf_printf(&text, "%s %s tp=%.0f b=%.0f s=%.0f: %d kernel%s, %.4g us\n",
                  out->cls->name, sol_phase_name(point->phase), out->cli->config.tp,
                  point->at.b, point->at.s, n, n == 1 ? "" : "s", 1e6 * sum_s);
    for (int i = 0; i < n; i++) {
        const mock_kernel *k = &kernel[i];
        sc_buf_printf(&text,
                      "  %2d %9.4g us %3.0f %%  grid %lldx%lldx%lld  block %lldx%lldx%lld"
                      "  %3d registers %4.0f KiB  %s\n",
                      i + 1, 1e6 * k->seconds, sum_s > 0 ? 100 * k->seconds / sum_s : 0,
                      (long long)k->grid[0], (long long)k->grid[1], (long long)k->grid[2],
                      (long long)k->block[0], (long long)k->block[1],
                      (long long)k->block[2], k->registers, (double)k->smem_B / 1024,
                      k->name);
    }
    sc_status status = cli_print(out->cli, &text);
    sc_buf_free(&text);
    return status;
}

static sc_status profiled(void *user, const mock_device_info *info, const cli_job *point,
                          const mock_case *c, const mock_kernel *kernel, int n)
{
    output *out = user;
    col_record key;
    col_kernel row[MOCK_MAX_KERNELS];
    sc_status status = SC_OK;
    if (!cli_has(&out->cli->options, CLI_OPT_QUIET))
        status = print_kernels(out, point, kernel, n);
    if (status != SC_OK || !out->store)
        return status;
    fill_record(out, info, point, c, NULL, &key);
    for (int i = 0; i < n; i++) {
        const mock_kernel *k = &kernel[i];
        row[i] = (col_kernel){.name = k->name,
                              .latency_s = k->seconds,
                              .grid = {k->grid[0], k->grid[1], k->grid[2]},
                              .block = {k->block[0], k->block[1], k->block[2]},
                              .registers = k->registers,
                              .smem_B = k->smem_B};
    }
    return col_store_set_kernels(out->store, &key, row, (size_t)n, &out->cli->diag);
}

/* ---- the command ---- */

/* Without --store, or with --out, rows go to tables. */
static sc_status open_output(output *out)
{
    cli_session *cli = out->cli;
    const char *dir = cli_value(&cli->options, CLI_OPT_OUT, NULL);
    const char *store = cli_value(&cli->options, CLI_OPT_STORE, NULL);
    sc_status status = SC_OK;
    if (dir || !store) {
        sc_buf text = {0};
        sc_buf_printf(&text, dir ? "%s" : "solcheck-out/%s", dir ? dir : cli->op->name);
        out->dir = sc_buf_take(&text);
        status = out->dir ? sc_mkdirs(out->dir, &cli->diag) : sc_diag_nomem(&cli->diag);
    }
    if (status == SC_OK && store)
        status = col_store_open(store, true, &out->store, &cli->diag);
    return status;
}

/* Nothing on standard output but what was asked for. */
static bool silent(const cli_session *cli)
{
    return cli_has(&cli->options, CLI_OPT_QUIET) || cli_has(&cli->options, CLI_OPT_JSON);
}

static sc_status close_output(output *out, sc_status status)
{
    bool quiet = silent(out->cli), any = false;
    for (int p = 0; p < SOL_N_PHASES; p++) {
        if (out->table[p].file && status == SC_OK && !quiet)
            printf("%s: %zu row%s\n", out->table[p].path, out->n_rows[p],
                   out->n_rows[p] == 1 ? "" : "s");
        any |= out->table[p].file != NULL;
        status = close_table(&out->table[p], status, &out->cli->diag);
    }
    if (status == SC_OK && any)
        status = write_provenance(out->cli, &out->info, out->dir, out->n_rows);
    col_store_close(out->store);
    sc_free(out->dir);
    return status;
}

static sc_status summarise(const output *out, const cli_plan *plan)
{
    if (cli_has(&out->cli->options, CLI_OPT_JSON))
        return cli_plan_report(out->cli, plan);
    if (!out->store || silent(out->cli))
        return SC_OK;
    printf("%s: %zu measured, %zu there already, %zu left out, %zu failed",
           cli_value(&out->cli->options, CLI_OPT_STORE, ""),
           cli_plan_count(plan, CLI_MEASURED), cli_plan_count(plan, CLI_STORED),
           cli_plan_count(plan, CLI_LEFT_OUT),
           cli_plan_count(plan, CLI_FAILED) + cli_plan_count(plan, CLI_FAILED_BEFORE));
    size_t rest = cli_plan_count(plan, CLI_TODO);
    printf(rest ? ", %zu to do\n" : "\n", rest);
    return SC_OK;
}

static sc_status name_near_floor(const output *out)
{
    sc_diag warning;
    if (out->n_near_floor == 0)
        return SC_OK;
    sc_diag_clear(&warning);
    sc_diag_warn(&warning, SC3018,
                 "%zu of %zu points take less than %g times the %.3g us of a launch of "
                 "nothing: these latencies say more of launching than of the layer",
                 out->n_near_floor, out->n_measured, MOCK_FLOOR_NEAR, 1e6 * out->floor_s);
    sc_diag_hint(&warning, "the column launch_floor has the floor of each row");
    return sc_diags_add(&out->cli->warnings, &warning) == SC_OK
               ? SC_OK
               : sc_diag_nomem(&out->cli->diag);
}

static sc_status interrupted(cli_session *cli, int number, int *exit_code)
{
    sc_diag warning;
    sc_diag_clear(&warning);
    sc_diag_warn(&warning, SC3015, "stopped by signal %d; the same command goes on%s",
                 number,
                 cli_has(&cli->options, CLI_OPT_STORE) ? "" : " if it has a --store");
    *exit_code = 128 + number;
    return sc_diags_add(&cli->warnings, &warning) == SC_OK ? SC_OK
                                                           : sc_diag_nomem(&cli->diag);
}

static sc_status run_plan(cli_session *cli, const mock_class *cls, cli_plan *plan,
                          int *exit_code)
{
    output out = {.cli = cli, .cls = cls, .plan = plan};
    cli_sink sink = {opened, measured, failed, kernels_wanted, profiled, &out};
    int number = 0;
    sc_status status = open_output(&out);
    if (status == SC_OK)
        status = cli_run_plan(cli, cls, plan, &sink, &number);
    if (status == SC_OK)
        status = summarise(&out, plan);
    if (status == SC_OK)
        status = name_near_floor(&out);
    status = close_output(&out, status);
    if (status == SC_OK && cli_plan_count(plan, CLI_FAILED) > 0)
        *exit_code = 1;
    return status == SC_OK && number ? interrupted(cli, number, exit_code) : status;
}

sc_status cli_measure(cli_session *cli, int *exit_code)
{
    const mock_class *cls;
    cli_plan plan;
    sc_status status = cli_find_layer(cli, &cls);
    if (status == SC_OK)
        status = cli_plan_make(cli, cls, &plan);
    if (status != SC_OK)
        return status;
    status = cli_has(&cli->options, CLI_OPT_PLAN) ? cli_plan_print(cli, &plan)
                                                  : run_plan(cli, cls, &plan, exit_code);
    cli_plan_clear(&plan);
    return status;
}
