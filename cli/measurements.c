/* solcheck - where a study's measurements come from: tables, a mock layer now, a
 * recording.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/yaml.h"
#include "cli/library.h"
#include "cli/study.h"
#include "cli/runner.h"

/* Maps a table onto one phase and adds its points. A table without rows for the phase is
 * passed over; *n_found counts the tables that had some. */
static sc_status add_table(cli_session *cli, rep_study *study, const col_table *table,
                           sol_phase_kind phase, int *n_found)
{
    col_points points = {0};
    sc_diag diag = {0};
    sc_status status = col_points_map(table, cli->op, phase, &cli->config, &points,
                                      &cli->warnings, &diag);
    if (status == SC_EDOMAIN && diag.code == SC2004)
        return SC_OK;
    if (status != SC_OK) {
        cli->diag = diag;
        return status;
    }
    ++*n_found;
    col_points *into = &study->phase[phase].points;
    if (into->n == 0) { /* the first table that has any */
        *into = points;
        return SC_OK;
    }
    status = col_points_merge(into, &points, &cli->diag);
    col_points_clear(&points);
    return status;
}

static void note_source(rep_study *study, rep_source source, const char *text)
{
    size_t used = strlen(study->source_text);
    study->source = source;
    snprintf(study->source_text + used, sizeof study->source_text - used, "%s%s",
             used ? ", " : "", text);
}

static sc_status add_file(cli_session *cli, rep_study *study, const char *path)
{
    cli_tables tables;
    int n_found = 0;
    sc_status status = cli_tables_load(path, &tables, &cli->diag);
    if (status != SC_OK)
        return status;
    for (size_t i = 0; i < tables.n; i++)
        for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
            if (study->phase[p].present)
                status =
                    add_table(cli, study, tables.table[i], (sol_phase_kind)p, &n_found);
    if (status == SC_OK && n_found == 0) {
        sc_diag_fail(&cli->diag, SC_EDOMAIN, SC2004,
                     "the table has no row for this op, phase and configuration");
        sc_diag_at(&cli->diag, path, 0, 0, 0, NULL);
        sc_diag_hint(&cli->diag, "leave out --param, --dtype and --tp to use all rows");
        status = SC_EDOMAIN;
    }
    cli_tables_free(&tables);
    return status;
}

static sc_status from_data(cli_session *cli, rep_study *study)
{
    const cli_values *files = &cli->options.given[CLI_OPT_DATA];
    sc_status status = SC_OK;
    for (int i = 0; i < files->n && status == SC_OK; i++) {
        status = add_file(cli, study, files->text[i]);
        note_source(study, REP_DATA, files->text[i]);
    }
    return status;
}

/* ---- the recording that ships ---- */

static sc_status recording_path(cli_session *cli, sol_phase_kind phase, char **out)
{
    sc_buf path = {0};
    sc_buf_printf(&path, "%s/data/recordings/%s/%s_%s.csv", cli->data_dir,
                  cli->system->name, cli->op->layer, sol_phase_name(phase));
    *out = sc_buf_take(&path);
    return *out ? SC_OK : sc_diag_nomem(&cli->diag);
}

static sc_status no_recording(cli_session *cli)
{
    sc_diag warning;
    bool decides = cli->options.command == CLI_DECIDE;
    sc_diag_warn(&warning, SC2008, "no recording of op %s on %s: %s", cli->op->name,
                 cli->system->name,
                 decides ? "decided by proof alone" : "designed from SOL alone");
    sc_diag_hint(&warning,
                 !decides ? "give a table: solcheck design --op OP TABLE"
                 : cli->op->layer[0]
                     ? "measure with --measure, or give a table with --data FILE"
                     : "give a table with --data FILE");
    return sc_diags_add(&cli->warnings, &warning) == SC_OK ? SC_OK
                                                           : sc_diag_nomem(&cli->diag);
}

/* A date without its time, earlier or later ones kept. Texts of one form sort by time. */
static void span(const char *date, char first[12], char last[12])
{
    char day[12];
    snprintf(day, sizeof day, "%.10s", date);
    if (!first[0] || strcmp(day, first) < 0)
        memcpy(first, day, sizeof day);
    if (strcmp(day, last) > 0)
        memcpy(last, day, sizeof day);
}

/* When the layer was recorded, from provenance.yaml; a recording without says nothing. */
static sc_status note_dates(cli_session *cli, rep_study *study)
{
    sc_buf path = {0};
    sc_yaml *doc = NULL;
    char first[12] = "", last[12] = "";
    sc_buf_printf(&path, "%s/data/recordings/%s/provenance.yaml", cli->data_dir,
                  cli->system->name);
    sc_status status = path.failed ? SC_ENOMEM : sc_yaml_load(path.text, &doc, NULL);
    const sc_yaml_node *root = doc ? sc_yaml_root(doc) : NULL;
    for (size_t i = 0; root && root->kind == SC_YAML_SEQ && i < root->n; i++) {
        bool map = root->item[i]->kind == SC_YAML_MAP;
        const sc_yaml_node *layer = map ? sc_yaml_get(root->item[i], "layer") : NULL;
        const sc_yaml_node *date = map ? sc_yaml_get(root->item[i], "date") : NULL;
        if (layer && date && layer->text && date->text &&
            strcmp(layer->text, cli->op->layer) == 0)
            span(date->text, first, last);
    }
    sc_yaml_free(doc);
    sc_buf_free(&path);
    if (status == SC_ENOMEM)
        return sc_diag_nomem(&cli->diag);
    size_t used = strlen(study->source_text);
    bool one = strcmp(first, last) == 0;
    if (first[0])
        snprintf(study->source_text + used, sizeof study->source_text - used,
                 ", recorded %s%s%s", first, one ? "" : " to ", one ? "" : last);
    return SC_OK;
}

static sc_status from_recording(cli_session *cli, rep_study *study)
{
    bool any = false;
    for (int p = 0; p < SOL_N_PHASES && cli->op->layer[0]; p++) {
        char *path;
        if (!study->phase[p].present)
            continue;
        sc_status status = recording_path(cli, (sol_phase_kind)p, &path);
        if (status == SC_OK && access(path, F_OK) == 0) {
            status = add_file(cli, study, path);
            note_source(study, REP_RECORDING, sc_path_base(path));
            any = true;
        }
        sc_free(path);
        if (status != SC_OK)
            return status;
    }
    return any ? note_dates(cli, study) : no_recording(cli);
}

/* ---- the mock layer, now ---- */

typedef struct fresh { /* rows as text, a table a phase */
    cli_session *cli;
    const mock_class *cls;
    sc_buf text[SOL_N_PHASES];
    char device[96];
} fresh;

static sc_status now_opened(void *user, const mock_device_info *info, cli_plan *plan)
{
    fresh *all = user;
    (void)plan;
    snprintf(all->device, sizeof all->device, "%s", info->name);
    return SC_OK;
}

static sc_status now_measured(void *user, const mock_device_info *info,
                              const cli_job *point, const mock_case *c,
                              const mock_timing *timing)
{
    fresh *all = user;
    col_record record;
    sc_buf *text = &all->text[point->phase];
    sc_status status = SC_OK;
    cli_fill_record(all->cli, info, all->cls, c, timing, &record);
    if (text->n == 0)
        status = col_record_header(&record, text, &all->cli->diag);
    return status ? status : col_record_append(&record, text, &all->cli->diag);
}

static sc_status now_failed(void *user, const mock_device_info *info,
                            const cli_job *point, const mock_case *c, const sc_diag *why)
{
    (void)user, (void)info, (void)point, (void)c, (void)why; /* the runner warns */
    return SC_OK;
}

static sc_status now_rows(fresh *all, rep_study *study, sol_phase_kind phase)
{
    char name[128];
    col_table *table;
    int n_found = 0;
    if (all->text[phase].n == 0)
        return SC_OK;
    snprintf(name, sizeof name, "%s_%s (measured now)", all->cls->name,
             sol_phase_name(phase));
    sc_status status = col_table_parse(name, sc_buf_text(&all->text[phase]),
                                       all->text[phase].n, &table, &all->cli->diag);
    if (status != SC_OK)
        return status;
    status = add_table(all->cli, study, table, phase, &n_found);
    col_table_free(table);
    return status;
}

/* Without a GPU, and unless one was named, one line says so and the recording serves. */
static sc_status fall_back(cli_session *cli, rep_study *study, sc_status status)
{
    bool named = cli_has(&cli->options, CLI_OPT_DEVICE);
    if (named || status != SC_ENOGPU)
        return status;
    sc_diag warning = cli->diag;
    warning.severity = SC_WARNING;
    snprintf(warning.hint, sizeof warning.hint,
             "using the recording instead; --device cpu measures on the CPU");
    sc_diag_clear(&cli->diag);
    if (sc_diags_add(&cli->warnings, &warning) != SC_OK)
        return sc_diag_nomem(&cli->diag);
    return from_recording(cli, study);
}

static sc_status run_now(fresh *all, rep_study *study)
{
    cli_session *cli = all->cli;
    cli_sink sink = {.opened = now_opened,
                     .measured = now_measured,
                     .failed = now_failed,
                     .user = all};
    cli_plan plan;
    int number = 0;
    sc_status status = cli_plan_make(cli, all->cls, &plan);
    if (status != SC_OK)
        return status;
    status = cli_run_plan(cli, all->cls, &plan, &sink, &number);
    cli_plan_clear(&plan);
    if (status == SC_OK && number)
        status =
            sc_diag_fail(&cli->diag, SC_EGPU, SC3015, "stopped by signal %d", number);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        status = now_rows(all, study, (sol_phase_kind)p);
    if (status == SC_OK)
        note_source(study, REP_MEASURED, all->device);
    return status;
}

static sc_status from_device(cli_session *cli, rep_study *study)
{
    fresh all = {.cli = cli};
    sc_status status = cli_find_layer(cli, &all.cls);
    if (status != SC_OK)
        return status;
    status = run_now(&all, study);
    for (int p = 0; p < SOL_N_PHASES; p++)
        sc_buf_free(&all.text[p]);
    return fall_back(cli, study, status);
}

/* ---- all of it ---- */

sc_status cli_measurements(cli_session *cli, rep_study *study)
{
    bool data = cli_has(&cli->options, CLI_OPT_DATA);
    bool now = cli_has(&cli->options, CLI_OPT_MEASURE);
    if (data && now)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                            "--data and --measure contradict each other");
    if (cli_has(&cli->options, CLI_OPT_DEVICE) && !now)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002, "--device needs --measure");
    if (cli_has(&cli->options, CLI_OPT_INPUTS) && !now)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002, "--inputs needs --measure");
    sc_status status = data  ? from_data(cli, study)
                       : now ? from_device(cli, study)
                             : from_recording(cli, study);
    study->sol_comparable = study->source != REP_NONE;
    for (int p = 0; p < SOL_N_PHASES; p++)
        if (study->phase[p].points.n > 0)
            study->sol_comparable &=
                cli_same_model(study->phase[p].points.device, cli->system->name);
    return status;
}
