/* solcheck plot: one figure of a study, into files or in the terminal.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/design.h"
#include "cli/study.h"
#include "reports/figures.h"

typedef struct wish {
    bool kind[REP_N_FIGURES], all;
    const char *format;
    const char *dir; /* NULL: standard output */
    bool keep;
} wish;

static sc_status read_kind(cli_session *cli, wish *w)
{
    const char *name = cli_value(&cli->options, CLI_OPT_KIND, "latency");
    rep_figure kind;
    w->all = strcmp(name, "all") == 0;
    for (int k = 0; k < REP_N_FIGURES; k++)
        w->kind[k] = w->all;
    if (w->all)
        return SC_OK;
    if (rep_figure_find(name, &kind)) {
        w->kind[kind] = true;
        return SC_OK;
    }
    sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "'%.100s' is no kind of figure", name);
    sc_diag_hint(&cli->diag,
                 "one of latency, roofline, share, spread, residuals, error, all");
    return SC_EINVAL;
}

static sc_status read_wish(cli_session *cli, wish *w)
{
    w->dir = cli_value(&cli->options, CLI_OPT_OUT, NULL);
    w->format = cli_value(&cli->options, CLI_OPT_FORMAT, w->dir ? "svg" : "dumb");
    w->keep = cli_has(&cli->options, CLI_OPT_KEEP_SCRIPTS);
    if (!rep_is_format(w->format)) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "'%.100s' is no format of a figure",
                     w->format);
        sc_diag_hint(&cli->diag, "one of svg, png, pdf, dumb");
        return SC_EINVAL;
    }
    if (!w->dir && (w->keep || strcmp(w->format, "dumb") != 0)) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6002, "%s needs a directory to write to",
                     w->keep ? "--keep-scripts" : "a format other than dumb");
        sc_diag_hint(&cli->diag, "give one with --out DIR");
        return SC_EINVAL;
    }
    return read_kind(cli, w);
}

static sc_status write_in(cli_session *cli, const char *dir, const char *name,
                          const sc_buf *text)
{
    char *path = sc_path_join(dir, name);
    sc_status status = path ? sc_file_write(path, sc_buf_text(text), text->n, &cli->diag)
                            : sc_diag_nomem(&cli->diag);
    sc_free(path);
    return status;
}

static sc_status deliver(cli_session *cli, const wish *w, const char *stem,
                         const char *file, const sc_buf *script)
{
    sc_buf drawn = {0};
    char name[80];
    sc_status status = rep_figure_draw(script, file, &drawn, &cli->diag);
    if (status == SC_OK && !w->dir)
        status = cli_print(cli, &drawn);
    if (status == SC_OK && w->dir)
        status = sc_mkdirs(w->dir, &cli->diag);
    if (status == SC_OK && w->dir)
        status = write_in(cli, w->dir, file, &drawn);
    if (status == SC_OK && w->keep) {
        snprintf(name, sizeof name, "%s.gp", stem);
        status = write_in(cli, w->dir, name, script);
    }
    if (status == SC_OK && w->dir && !cli_has(&cli->options, CLI_OPT_QUIET))
        printf("%s/%s\n", w->dir, file);
    sc_buf_free(&drawn);
    return status;
}

/* Held-out error over number of points, as `solcheck design` has it. */
static sc_status add_curve(cli_session *cli, rep_phase *p)
{
    design d = {.cli = cli, .sketch = true};
    design_phase ph = {.phase = p->phase, .points = p->points, .n_measured = p->points.n};
    if (p->points.n == 0)
        return SC_OK;
    sc_status status = design_run(&d, &ph);
    if (status == SC_OK)
        p->error = sc_calloc(ph.n_steps, sizeof *p->error);
    if (status == SC_OK && !p->error)
        status = sc_diag_nomem(&cli->diag);
    for (size_t i = 0; i < ph.n_steps && status == SC_OK; i++)
        p->error[p->n_errors++] =
            (rep_error){ph.step[i].n, ph.step[i].median, ph.step[i].p90};
    design_clear(&ph);
    return status;
}

/* *drawn counts; with `all`, a figure that has nothing to show is a warning. */
static sc_status draw(cli_session *cli, const wish *w, const rep_study *study,
                      rep_figure kind, rep_phase *p, int *drawn)
{
    sc_buf script = {0};
    char stem[64], file[80];
    snprintf(stem, sizeof stem, "%s-%s", rep_figure_name(kind),
             sol_phase_name(p->phase->kind));
    snprintf(file, sizeof file, "%s.%s", stem,
             strcmp(w->format, "dumb") == 0 ? "txt" : w->format);
    sc_status status = kind == REP_FIGURE_ERROR ? add_curve(cli, p) : SC_OK;
    if (status == SC_OK)
        status = rep_figure_script(study, p, kind, w->format, file, &script, &cli->diag);
    bool empty = status == SC_EDOMAIN && w->all &&
                 (cli->diag.code == SC5003 || cli->diag.code == SC4000);
    if (status == SC_OK) {
        status = deliver(cli, w, stem, file, &script);
        (*drawn)++;
    }
    sc_buf_free(&script);
    if (!empty)
        return status;
    cli->diag.severity = SC_WARNING;
    status = sc_diags_add(&cli->warnings, &cli->diag);
    sc_diag_clear(&cli->diag);
    return status == SC_OK ? SC_OK : sc_diag_nomem(&cli->diag);
}

static sc_status draw_all(cli_session *cli, const wish *w, rep_study *study)
{
    sc_status status = SC_OK;
    int drawn = 0;
    for (int k = 0; k < REP_N_FIGURES; k++)
        for (int p = 0; p < SOL_N_PHASES && w->kind[k] && status == SC_OK; p++)
            if (study->phase[p].present)
                status = draw(cli, w, study, (rep_figure)k, &study->phase[p], &drawn);
    return status;
}

sc_status cli_plot(cli_session *cli, int *exit_code)
{
    wish w = {0};
    (void)exit_code;
    sc_status status = read_wish(cli, &w);
    if (status != SC_OK)
        return status;
    rep_study *study = sc_calloc(1, sizeof *study);
    if (!study)
        return sc_diag_nomem(&cli->diag);
    if (cli_has(&cli->options, CLI_OPT_TARGET))
        status = design_target(cli, "", &study->target);
    bool fits = w.all || !w.kind[REP_FIGURE_ERROR]; /* which that figure does not show */
    if (status == SC_OK)
        status = fits ? cli_study(cli, study) : cli_study_points(cli, study);
    if (status == SC_OK)
        status = draw_all(cli, &w, study);
    cli_study_clear(study);
    sc_free(study);
    return status;
}
