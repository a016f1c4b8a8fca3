/* solcheck design: the smallest grid of cases that reaches a stated held-out error.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/design.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/fitting.h"
#include "cli/study.h"
#include "sol/regime.h"

/* ---- candidates ---- */

/* Appends a copy of cli->config to the configurations of ph. */
static sc_status add_config(cli_session *cli, design_phase *ph)
{
    col_points *p = &ph->points;
    sol_config *more = sc_reallocarray(p->config, p->n_configs + 1, sizeof *more);
    if (!more)
        return sc_diag_nomem(&cli->diag);
    p->config = more;
    sc_status status =
        sol_config_copy(cli->op, &cli->config, &more[p->n_configs], &cli->diag);
    p->n_configs += status == SC_OK;
    return status;
}

/* Appends a candidate of the last configuration; one that is there already is left out.
 */
static sc_status add_point(cli_session *cli, design_phase *ph, const double *axis)
{
    col_points *p = &ph->points;
    int group = (int)p->n_configs - 1;
    for (size_t i = p->n; i > 0 && p->point[i - 1].group == group; i--)
        if (memcmp(p->point[i - 1].axis, axis, sizeof p->point->axis) == 0)
            return SC_OK;
    if ((p->n & (p->n - 1)) == 0) { /* grow at powers of two */
        col_point *more = sc_reallocarray(p->point, p->n ? 2 * p->n : 16, sizeof *more);
        if (!more)
            return sc_diag_nomem(&cli->diag);
        p->point = more;
    }
    col_point *point = &p->point[p->n++];
    *point = (col_point){.latency_s = NAN, .noise = NAN, .group = group, .hot = true};
    memcpy(point->axis, axis, sizeof point->axis);
    return SC_OK;
}

static void default_axes(const sol_phase *phase, double axis[SOL_MAX_AXES])
{
    memset(axis, 0, SOL_MAX_AXES * sizeof *axis);
    for (int i = 0; i < phase->n_axes; i++)
        axis[i] = phase->axis[i].value;
}

static sc_status add_grid(cli_session *cli, design_phase *ph)
{
    double *column[SOL_MAX_AXES] = {0}, axis[SOL_MAX_AXES];
    size_t n = 0;
    sc_status status = sol_grid(cli->op, ph->phase, &cli->config, column, &n, &cli->diag);
    for (size_t i = 0; i < n && status == SC_OK; i++) {
        default_axes(ph->phase, axis);
        for (int k = 0; k < ph->phase->n_axes; k++)
            if (!ph->phase->axis[k].optional)
                axis[k] = column[k][i];
        status = add_point(cli, ph, axis);
    }
    for (int k = 0; k < ph->phase->n_axes; k++)
        sc_free(column[k]);
    return status;
}

/* The whole numbers on both sides of a point of a boundary. */
static sc_status add_crossing(cli_session *cli, design_phase *ph,
                              const sol_boundary *boundary, const sol_crossing *crossing)
{
    sc_status status = SC_OK;
    for (int side = 0; side < 2 && status == SC_OK; side++) {
        double axis[SOL_MAX_AXES];
        default_axes(ph->phase, axis);
        for (int k = 0; k < ph->phase->n_axes; k++) {
            double v = crossing->axis[k];
            if (k == boundary->axis)
                axis[k] = fmax(1, floor(v) + side);
            else if (!ph->phase->axis[k].optional)
                axis[k] = nearbyint(v);
        }
        if (sol_phase_admits(cli->op, ph->phase, &cli->config, axis, NULL) == SC_OK)
            status = add_point(cli, ph, axis);
    }
    return status;
}

/* An op whose regimes cannot be analysed has none. */
static sc_status add_boundaries(cli_session *cli, design_phase *ph)
{
    sol_regimes *regimes = NULL;
    sc_diag diag = {0};
    sc_status status =
        sol_regimes_find(cli->op, ph->phase->kind, &cli->config, cli->system,
                         SOL_ARCHITECTURAL, NULL, &regimes, &diag);
    if (status != SC_OK) {
        if (status == SC_ENOMEM)
            cli->diag = diag;
        return status == SC_ENOMEM ? status : SC_OK;
    }
    for (int i = 0; i < regimes->n_boundaries && status == SC_OK; i++) {
        const sol_boundary *b = &regimes->boundary[i];
        for (int k = 0; k < b->n_crossings && status == SC_OK; k++)
            status = add_crossing(cli, ph, b, &b->crossing[k]);
    }
    sol_regimes_free(regimes);
    return status;
}

static sc_status add_cases(cli_session *cli, design_phase *ph, const char *path)
{
    cli_axes *at;
    size_t n;
    int b = sol_phase_axis_index(ph->phase, "b"),
        s = sol_phase_axis_index(ph->phase, "s");
    if (b < 0 || s < 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC3005,
                            "cases have b and s; the %s phase lacks one",
                            sol_phase_name(ph->phase->kind));
    sc_status status = cli_case_points(cli, path, ph->phase, &at, &n);
    if (status != SC_OK)
        return status;
    for (size_t i = 0; i < n && status == SC_OK; i++) {
        double axis[SOL_MAX_AXES];
        default_axes(ph->phase, axis);
        axis[b] = at[i].b;
        axis[s] = at[i].s;
        status = add_point(cli, ph, axis);
    }
    sc_free(at);
    return status;
}

/* The cases of a file that lists whole shapes: each has its configuration. */
static sc_status list_shapes(cli_session *cli, design_phase *ph, const char *path)
{
    col_table *table;
    sc_status status = cli_cases_table(cli, path, &table);
    if (status != SC_OK)
        return status;
    status = col_points_list(table, cli->op, ph->phase->kind, NULL, &ph->points,
                             &cli->warnings, &cli->diag);
    for (size_t i = 0; status == SC_OK && i < ph->points.n; i++) {
        ph->points.point[i].latency_s = ph->points.point[i].noise = NAN;
        ph->points.point[i].hot = true;
    }
    col_table_free(table);
    return status;
}

/* *listed: the file lists whole shapes, and they are the candidates now. */
static sc_status try_shapes(cli_session *cli, design_phase *ph, const char *path,
                            bool *listed)
{
    sc_yaml *doc;
    sc_status status = sc_yaml_load(path, &doc, &cli->diag);
    if (status != SC_OK)
        return status;
    *listed = cli_cases_list_shapes(cli, doc);
    sc_yaml_free(doc);
    return *listed ? list_shapes(cli, ph, path) : SC_OK;
}

/* ---- latencies of cases, from a table ---- */

static bool same_config(const sol_op *op, const sol_config *a, const sol_config *b)
{
    bool same = true, shards = false;
    for (int i = 0; i < op->n_params && same; i++) {
        shards |= op->param[i].shard_tp;
        same = sol_config_local(op, a, i) == sol_config_local(op, b, i);
    }
    for (int i = 0; i < op->n_slots && same; i++)
        same = a->slot[i] == b->slot[i];
    return same && (shards || a->tp == b->tp);
}

static void take_latencies(design_phase *ph, const col_points *table)
{
    for (size_t i = 0; i < ph->points.n; i++) {
        col_point *p = &ph->points.point[i];
        for (size_t k = 0; k < table->n && isnan(p->latency_s); k++) {
            const col_point *q = &table->point[k];
            if (memcmp(p->axis, q->axis, (size_t)ph->phase->n_axes * sizeof *p->axis) ==
                    0 &&
                same_config(table->op, &ph->points.config[p->group],
                            &table->config[q->group])) {
                p->latency_s = q->latency_s;
                p->hot = q->hot;
            }
        }
    }
}

/* ---- from options to candidates ---- */

typedef struct tp_list {
    double tp[16];
    int n; /* 0: not given */
} tp_list;

static sc_status read_tp(cli_session *cli, tp_list *out)
{
    const char *text = cli_value(&cli->options, CLI_OPT_TP, "");
    while (*text) {
        char one[32];
        size_t n = strcspn(text, ",");
        snprintf(one, sizeof one, "%.*s", n < 31 ? (int)n : 31, text);
        int64_t tp;
        if (out->n == 16 || !sc_parse_int(one, &tp))
            return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                                "--tp wants at most 16 numbers with commas between, not "
                                "'%s'",
                                cli_value(&cli->options, CLI_OPT_TP, ""));
        out->tp[out->n++] = (double)tp;
        text += n + (text[n] == ',');
    }
    return SC_OK;
}

/* Candidates of cases or the grid, for each tp. */
static sc_status make_candidates(cli_session *cli, design_phase *ph, const tp_list *tps,
                                 const char *cases)
{
    bool listed = false;
    sc_status status = cases ? try_shapes(cli, ph, cases, &listed) : SC_OK;
    if (status == SC_OK && listed && tps->n)
        status = sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                              "each case of %s has its tp: --tp contradicts it", cases);
    if (listed || status != SC_OK)
        return status;
    ph->points.op = cli->op;
    ph->points.phase = ph->phase->kind;
    for (int t = 0; t < (tps->n ? tps->n : 1) && status == SC_OK; t++) {
        if (tps->n)
            status = sol_config_set_tp(cli->op, &cli->config, tps->tp[t], &cli->diag);
        if (status == SC_OK)
            status = add_config(cli, ph);
        if (status == SC_OK)
            status = cases ? add_cases(cli, ph, cases) : add_grid(cli, ph);
        if (status == SC_OK && !cases)
            status = add_boundaries(cli, ph);
    }
    if (status == SC_OK && ph->points.n == 0)
        status =
            sc_diag_fail(&cli->diag, SC_EDOMAIN, SC2004,
                         "%s has no case of the %s phase and this configuration",
                         cases ? cases : "the grid", sol_phase_name(ph->phase->kind));
    return status;
}

static void count_measured(design_phase *ph)
{
    for (size_t i = 0; i < ph->points.n; i++)
        ph->n_measured += !isnan(ph->points.point[i].latency_s);
    if (ph->n_measured >= 8)
        return;
    ph->n_measured = 0; /* too few to hold any out */
    for (size_t i = 0; i < ph->points.n; i++)
        ph->points.point[i].latency_s = NAN;
}

static sc_status fill_phase(cli_session *cli, rep_study *study, design_phase *ph,
                            const tp_list *tps)
{
    const char *cases = cli_value(&cli->options, CLI_OPT_CASES, NULL);
    col_points *table = &study->phase[ph->phase->kind].points;
    sc_status status = SC_OK;
    if (table->n > 0 && !cases) {
        ph->points = *table;
        memset(table, 0, sizeof *table);
        snprintf(ph->source, sizeof ph->source, "%s", study->source_text);
    } else {
        status = make_candidates(cli, ph, tps, cases);
        if (table->n > 0 && status == SC_OK)
            take_latencies(ph, table);
        snprintf(ph->source, sizeof ph->source, "%s", cases ? cases : "the op's grid");
    }
    if (status == SC_OK)
        count_measured(ph);
    if (status == SC_OK && ph->n_measured && cases) {
        size_t used = strlen(ph->source);
        snprintf(ph->source + used, sizeof ph->source - used, ", latencies of %.400s",
                 study->source_text);
    }
    return status;
}

static sc_status gather(design *d, rep_study *study)
{
    cli_session *cli = d->cli;
    tp_list tps = {0};
    sc_status status = read_tp(cli, &tps);
    bool files = cli->options.files.n > 0;
    if (status == SC_OK && tps.n == 1)
        status = sol_config_set_tp(cli->op, &cli->config, tps.tp[0], &cli->diag);
    if (status == SC_OK && tps.n > 1 && files && !cli_has(&cli->options, CLI_OPT_CASES))
        status = sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                              "several --tp contradict a table, which says its own");
    cli->options.given[CLI_OPT_DATA] = cli->options.files;
    for (int p = 0; p < SOL_N_PHASES; p++) {
        study->phase[p].present = d->phase[p].present = cli->phase[p];
        study->phase[p].phase = d->phase[p].phase = cli->op->phase[p];
    }
    if (status == SC_OK)
        status = cli_measurements(cli, study);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (d->phase[p].present)
            status = fill_phase(cli, study, &d->phase[p], &tps);
    return status;
}

/* ---- output ---- */

typedef sc_status writer(const design *d, sc_buf *out);

static sc_status write_file(design *d, const char *dir, const char *name, writer *write)
{
    sc_buf text = {0};
    char *path = sc_path_join(dir, name);
    sc_status status = path ? write(d, &text) : sc_diag_nomem(&d->cli->diag);
    if (status == SC_OK)
        status = sc_file_write(path, sc_buf_text(&text), text.n, &d->cli->diag);
    sc_buf_free(&text);
    sc_free(path);
    return status;
}

static sc_status write_all(design *d)
{
    const char *dir = cli_value(&d->cli->options, CLI_OPT_OUT, NULL);
    if (!dir)
        return SC_OK;
    sc_status status = sc_mkdirs(dir, &d->cli->diag);
    if (status == SC_OK)
        status = write_file(d, dir, "cases.yaml", design_cases);
    if (status == SC_OK)
        status = write_file(d, dir, "design.json", design_json);
    if (status == SC_OK)
        status = write_file(d, dir, "design.csv", design_csv);
    return status;
}

static sc_status pick_format(cli_session *cli, writer **out)
{
    static const struct {
        const char *name;
        writer *write;
    } format[] = {{"text", design_text},
                  {"json", design_json},
                  {"csv", design_csv},
                  {"yaml", design_cases}};
    bool json = cli_has(&cli->options, CLI_OPT_JSON);
    const char *name = cli_value(&cli->options, CLI_OPT_FORMAT, json ? "json" : "text");
    if (json && strcmp(name, "json") != 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                            "--json and --format %s contradict each other", name);
    for (size_t i = 0; i < sizeof format / sizeof *format; i++)
        if (strcmp(name, format[i].name) == 0) {
            *out = format[i].write;
            return SC_OK;
        }
    return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                        "--format of design is text, json, csv or yaml, not '%s'", name);
}

sc_status design_target(cli_session *cli, const char *fallback, double *target)
{
    char text[32];
    const char *given = cli_value(&cli->options, CLI_OPT_TARGET, fallback);
    snprintf(text, sizeof text, "%s", given);
    size_t n = strlen(text);
    if (n > 0 && text[n - 1] == '%')
        text[n - 1] = '\0';
    if (!sc_parse_double(text, target) || !(*target > 0 && *target < 100))
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--target wants a percentage from 0 to 100, not '%s'", given);
    *target /= 100;
    return SC_OK;
}

static void clear(design *d)
{
    for (int p = 0; p < SOL_N_PHASES; p++) {
        col_points_clear(&d->phase[p].points);
        design_clear(&d->phase[p]);
    }
}

sc_status cli_design(cli_session *cli, int *exit_code)
{
    design d = {.cli = cli};
    writer *write = NULL;
    sc_buf text = {0};
    rep_study *study = sc_calloc(1, sizeof *study);
    sc_status status = study ? SC_OK : sc_diag_nomem(&cli->diag);
    if (status == SC_OK)
        status = design_target(cli, "3%", &d.target);
    if (status == SC_OK)
        status = pick_format(cli, &write);
    if (status == SC_OK)
        status = gather(&d, study);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (d.phase[p].present) {
            status = design_run(&d, &d.phase[p]);
            *exit_code = status == SC_OK && !d.phase[p].reached ? 4 : *exit_code;
        }
    if (status == SC_OK)
        status = write_all(&d);
    if (status == SC_OK && !cli_has(&cli->options, CLI_OPT_QUIET))
        status = write(&d, &text);
    if (status == SC_OK)
        status = cli_print(cli, &text);
    sc_buf_free(&text);
    clear(&d);
    if (study)
        cli_study_clear(study);
    sc_free(study);
    return status;
}
