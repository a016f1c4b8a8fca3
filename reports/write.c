/* solcheck - reports: all files in place, or none.
 *
 * Everything is written to a private directory inside the target directory (the same file
 * system, so that rename works), then moved. A file that a move replaces is kept aside
 * until the last move has worked, and put back if one fails. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "reports/figures.h"
#include "reports/html.h"
#include "reports/internal.h"

#define GNUPLOT_LIMIT_S 60.0

/* Every file that solcheck may leave in an output directory. */
typedef enum artefact {
    NOTE,
    JSON,
    CASES,
    SIGNATURE,
    PARAMETERS,
    HTML,
    CONTEXT_SVG,
    CONTEXT_PNG,
    GENERATION_SVG,
    GENERATION_PNG,
    SCRIPT,
    N_ARTEFACTS
} artefact;

static const char *const artefact_name[N_ARTEFACTS] = {
    [NOTE] = "axis-decision.md",
    [JSON] = "axis-decision.json",
    [CASES] = "cases.yaml",
    [SIGNATURE] = "query_signature.py",
    [PARAMETERS] = "parameters.md",
    [HTML] = "report.html",
    [CONTEXT_SVG] = "sol-vs-measured-context.svg",
    [CONTEXT_PNG] = "sol-vs-measured-context.png",
    [GENERATION_SVG] = "sol-vs-measured-generation.svg",
    [GENERATION_PNG] = "sol-vs-measured-generation.png",
    [SCRIPT] = "plot.gp",
};

static artefact plot_name(sol_phase_kind phase, bool png)
{
    return phase == SOL_CONTEXT ? (png ? CONTEXT_PNG : CONTEXT_SVG)
                                : (png ? GENERATION_PNG : GENERATION_SVG);
}

/* ---- the staging directory ---- */

static sc_status stage_new(const char *dir, char **out, sc_diag *diag)
{
    char *stage = sc_path_join(dir, ".solcheck-XXXXXX");
    if (!stage) {
        return sc_diag_nomem(diag);
    }
    if (!mkdtemp(stage)) {
        sc_status status = sc_diag_fail(diag, SC_EIO, SC5000, "%s: cannot write here: %s",
                                        dir, strerror(errno));
        sc_diag_hint(diag, "name another directory with --out");
        sc_free(stage);
        return status;
    }
    *out = stage;
    return SC_OK;
}

static void stage_free(char *stage)
{
    if (!stage) {
        return;
    }
    DIR *d = opendir(stage);
    if (d) {
        int fd = dirfd(d);
        for (struct dirent *entry; (entry = readdir(d));) {
            if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
                unlinkat(fd, entry->d_name, 0);
            }
        }
        closedir(d);
    }
    rmdir(stage);
    sc_free(stage);
}

static sc_status stage_write(const char *stage, const char *name, const sc_buf *text,
                             sc_diag *diag)
{
    char *path = sc_path_join(stage, name);
    if (!path) {
        return sc_diag_nomem(diag);
    }
    sc_status status = sc_file_write(path, sc_buf_text(text), text->n, diag);
    sc_free(path);
    return status;
}

/* ---- plots ---- */

/* Figures of the page alone, unless there are so many points that it would be slow. */
#define PAGE_MAX_POINTS 4000

typedef struct page_name {
    char c[64];
} page_name;

static page_name page_figure(rep_figure kind, sol_phase_kind phase)
{
    page_name name;
    snprintf(name.c, sizeof name.c, "page-%s-%s.svg", rep_figure_name(kind),
             sol_phase_name(phase));
    return name;
}

/* One that has nothing to show is left out. */
static sc_status add_page_figures(const rep_study *study, const rep_phase *p,
                                  sc_buf *script, sc_diag *diag)
{
    for (int k = REP_FIGURE_LATENCY + 1; k < REP_N_FIGURES; k++) {
        sc_buf one = {0};
        page_name file = page_figure((rep_figure)k, p->phase->kind);
        sc_status status =
            rep_figure_script(study, p, (rep_figure)k, "svg", file.c, &one, diag);
        if (status == SC_OK)
            sc_buf_addn(script, one.text, one.n);
        sc_buf_free(&one);
        if (status != SC_OK && status != SC_EDOMAIN)
            return status;
        sc_diag_clear(diag);
    }
    return SC_OK;
}

static sc_status add_scripts(const rep_study *study, sc_buf *script, bool *drawn,
                             sc_diag *diag)
{
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &study->phase[k];
        for (int png = 0; png < 2 && p->present; png++) {
            artefact a = plot_name((sol_phase_kind)k, png != 0);
            sc_status status = rep_plot_script(study, p, png ? "png" : "svg",
                                               artefact_name[a], script, diag);
            if (status != SC_OK) {
                return status;
            }
            drawn[a] = true;
        }
        if (p->present && p->points.n > 0 && p->points.n <= PAGE_MAX_POINTS) {
            sc_status status = add_page_figures(study, p, script, diag);
            if (status != SC_OK) {
                return status;
            }
        }
    }
    return rep_done(script, diag);
}

/* gnuplot ends with status 0 on a full disk: every plot must be there and complete. */
static sc_status check_plots(const char *stage, const bool *drawn, sc_diag *diag)
{
    for (int a = 0; a < N_ARTEFACTS; a++) {
        if (!drawn[a]) {
            continue;
        }
        bool png = sc_ends_with(artefact_name[a], ".png");
        const char *end = png ? "IEND\xae\x42\x60\x82" : "</svg>";
        size_t end_B = png ? 8 : strlen(end), n = 0;
        char *path = sc_path_join(stage, artefact_name[a]), *text = NULL;
        if (!path) {
            return sc_diag_nomem(diag);
        }
        sc_status status = sc_file_read(path, (size_t)1 << 28, &text, &n, diag);
        while (status == SC_OK && n > 0 && !png && strchr(" \r\n", text[n - 1])) {
            n--;
        }
        bool whole =
            status == SC_OK && n > end_B && memcmp(text + n - end_B, end, end_B) == 0;
        sc_free(text);
        sc_free(path);
        if (status == SC_ENOMEM) {
            return status;
        }
        if (!whole) {
            return sc_diag_fail(diag, SC_EIO, SC5002, "gnuplot left %s incomplete",
                                artefact_name[a]);
        }
    }
    return SC_OK;
}

/* Draws every plot. Anything but SC_ENOMEM costs the plots only: it becomes a warning and
 * drawn[] stays false. */
static sc_status draw(const rep_study *study, const char *stage, bool *drawn,
                      sc_diags *warnings, sc_diag *diag)
{
    bool planned[N_ARTEFACTS] = {false};
    sc_buf script = {0};
    sc_diag why;
    sc_diag_clear(&why);
    sc_status status = add_scripts(study, &script, planned, &why);
    if (status == SC_OK) {
        status = stage_write(stage, artefact_name[SCRIPT], &script, &why);
        if (status == SC_EIO) {
            sc_buf_free(&script);
            if (diag) {
                *diag = why;
            }
            return status;
        }
    }
    if (status == SC_OK) {
        status = rep_gnuplot_run(stage, artefact_name[SCRIPT], GNUPLOT_LIMIT_S, &why);
    }
    if (status == SC_OK) {
        status = check_plots(stage, planned, &why);
    }
    sc_buf_free(&script);
    if (status == SC_ENOMEM) {
        return sc_diag_nomem(diag);
    }
    if (status == SC_OK) {
        memcpy(drawn, planned, sizeof planned);
        return SC_OK;
    }
    why.severity = SC_WARNING;
    return sc_diags_add(warnings, &why) == SC_OK ? SC_OK : sc_diag_nomem(diag);
}

/* ---- texts ---- */

/* The text of a staged file; NULL when there is none. */
static sc_status staged(const char *stage, const char *name, char **text, sc_diag *diag)
{
    size_t n;
    char *path = sc_path_join(stage, name);
    if (!path) {
        return sc_diag_nomem(diag);
    }
    sc_status status = access(path, R_OK) == 0
                           ? sc_file_read(path, (size_t)1 << 28, text, &n, diag)
                           : SC_OK;
    sc_free(path);
    return status;
}

/* The page with the staged SVG plots inside. */
static sc_status render_html(const rep_study *study, const char *stage, bool plots,
                             sc_buf *out, sc_diag *diag)
{
    rep_svgs svg = {{{NULL}}};
    sc_status status = SC_OK;
    for (int k = 0; k < SOL_N_PHASES && plots && status == SC_OK; k++) {
        sol_phase_kind phase = (sol_phase_kind)k;
        for (int f = 0; f < REP_N_FIGURES && status == SC_OK; f++) {
            page_name name = page_figure((rep_figure)f, phase);
            status = staged(
                stage,
                f == REP_FIGURE_LATENCY ? artefact_name[plot_name(phase, false)] : name.c,
                &svg.text[k][f], diag);
        }
    }
    if (status == SC_OK) {
        status = rep_html(study, &svg, out, diag);
    }
    for (int k = 0; k < SOL_N_PHASES; k++) {
        for (int f = 0; f < REP_N_FIGURES; f++) {
            sc_free(svg.text[k][f]);
        }
    }
    return status;
}

static sc_status render(const rep_study *study, artefact a, const char *stage, bool plots,
                        sc_buf *out, sc_diag *diag)
{
    switch (a) {
    case NOTE:
        return rep_note_of(study, plots, out, diag);
    case JSON:
        return rep_json(study, out, diag);
    case CASES:
        return rep_cases(study, out, diag);
    case SIGNATURE:
        return rep_query_signature(study, out, diag);
    case PARAMETERS:
        return rep_parameters(study, out, diag);
    case HTML:
        return render_html(study, stage, plots, out, diag);
    default:
        return SC_OK;
    }
}

static sc_status write_texts(const rep_study *study, const char *stage, bool plots,
                             bool *made, sc_diag *diag)
{
    for (int a = NOTE; a <= HTML; a++) {
        sc_buf text = {0};
        sc_status status = render(study, (artefact)a, stage, plots, &text, diag);
        if (status == SC_OK) {
            status = stage_write(stage, artefact_name[a], &text, diag);
        }
        sc_buf_free(&text);
        if (status != SC_OK) {
            return status;
        }
        made[a] = true;
    }
    return SC_OK;
}

/* ---- putting them in place ---- */

typedef struct move {
    char *from, *to, *aside; /* staged file, target, where the old target waits */
    bool replaced, moved;
} move;

static void moves_clear(move *m)
{
    for (int a = 0; a < N_ARTEFACTS; a++) {
        sc_free(m[a].from);
        sc_free(m[a].to);
        sc_free(m[a].aside);
    }
}

static sc_status moves_init(move *m, const char *stage, const char *dir, sc_diag *diag)
{
    for (int a = 0; a < N_ARTEFACTS; a++) {
        char aside[64];
        snprintf(aside, sizeof aside, "old-%s", artefact_name[a]);
        m[a].from = sc_path_join(stage, artefact_name[a]);
        m[a].to = sc_path_join(dir, artefact_name[a]);
        m[a].aside = sc_path_join(stage, aside);
        if (!m[a].from || !m[a].to || !m[a].aside) {
            return sc_diag_nomem(diag);
        }
    }
    return SC_OK;
}

/* Moves one file; a target that this run does not make (a plot of an earlier run) goes
 * too, or the directory would show figures that the note does not belong to. */
static sc_status move_one(move *m, bool made, sc_diag *diag)
{
    struct stat st;
    if (lstat(m->to, &st) == 0) {
        if (S_ISDIR(st.st_mode)) {
            return sc_diag_fail(diag, SC_EIO, SC5000, "%s is a directory", m->to);
        }
        if (rename(m->to, m->aside) != 0) {
            return sc_diag_fail(diag, SC_EIO, SC5000, "%s: cannot be replaced: %s", m->to,
                                strerror(errno));
        }
        m->replaced = true;
    }
    if (made && rename(m->from, m->to) != 0) {
        return sc_diag_fail(diag, SC_EIO, SC5000, "%s: cannot be written: %s", m->to,
                            strerror(errno));
    }
    m->moved = made;
    return SC_OK;
}

static sc_status put_in_place(const char *stage, const char *dir, const bool *made,
                              sc_diag *diag)
{
    move m[N_ARTEFACTS];
    memset(m, 0, sizeof m);
    sc_status status = moves_init(m, stage, dir, diag);
    for (int a = 0; a < N_ARTEFACTS && status == SC_OK; a++) {
        status = move_one(&m[a], made[a], diag);
    }
    for (int a = 0; a < N_ARTEFACTS && status != SC_OK; a++) {
        if (m[a].moved) {
            unlink(m[a].to);
        }
        if (m[a].replaced) {
            (void)rename(m[a].aside,
                         m[a].to); /* the first failure is the one to report */
        }
    }
    moves_clear(m);
    return status;
}

/* The directories that we made: length[i] is that of the i-th one's path. */
typedef struct made_dirs {
    char *path; /* a copy to cut, so that taking back needs no memory */
    size_t *length;
    size_t n;
} made_dirs;

/* Creates dir and its parents, remembering which of them were not there. */
static sc_status make_dirs(const char *dir, made_dirs *made, sc_diag *diag)
{
    size_t n = strlen(dir);
    made->path = sc_strndup(dir, n);
    made->length = sc_reallocarray(NULL, n + 1, sizeof *made->length);
    if (!made->path || !made->length) {
        return sc_diag_nomem(diag);
    }
    for (size_t i = 1; i <= n; i++) {
        if (dir[i] != '/' && dir[i] != 0) {
            continue;
        }
        made->path[i] = 0;
        if (mkdir(made->path, 0777) == 0) {
            made->length[made->n++] = i;
        }
        made->path[i] = dir[i];
    }
    return sc_mkdirs(dir, diag); /* all there by now, or the reason why not */
}

/* Removes the directories that we made, the last one first; one in use stays. */
static void unmake_dirs(made_dirs *made)
{
    while (made->n > 0) {
        made->path[made->length[--made->n]] = 0;
        rmdir(made->path);
    }
}

sc_status rep_write(const rep_study *study, const char *dir, rep_plots plots,
                    sc_diags *warnings, sc_diag *diag)
{
    bool made[N_ARTEFACTS] = {false};
    char *stage = NULL;
    made_dirs dirs = {0};
    sc_status status = make_dirs(dir, &dirs, diag);
    if (status == SC_OK) {
        status = stage_new(dir, &stage, diag);
    }
    if (status == SC_OK && plots != REP_NO_PLOTS) {
        status = draw(study, stage, made, warnings, diag);
    }
    bool drawn = false;
    for (int a = 0; a < N_ARTEFACTS; a++) {
        drawn |= made[a];
    }
    made[SCRIPT] = drawn && plots == REP_PLOTS_AND_SCRIPT;
    if (status == SC_OK) {
        status = write_texts(study, stage, drawn, made, diag);
    }
    if (status == SC_OK) {
        status = put_in_place(stage, dir, made, diag);
    }
    stage_free(stage);
    if (status != SC_OK) {
        unmake_dirs(&dirs);
    }
    sc_free(dirs.path);
    sc_free(dirs.length);
    return status;
}
