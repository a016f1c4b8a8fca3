/* solcheck - reports: one figure by itself, in a directory that goes away.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "reports/figures.h"
#include "reports/internal.h"

#define SCRIPT_NAME "figure.gp"
#define LIMIT_S 60.0
#define MOST_B ((size_t)1 << 28)

/* Runs the script in dir and reads what it drew. */
static sc_status draw_in(const char *dir, const sc_buf *script, const char *file,
                         sc_buf *out, sc_diag *diag)
{
    char *path = sc_path_join(dir, SCRIPT_NAME), *drawn = sc_path_join(dir, file);
    char *text = NULL;
    size_t n = 0;
    sc_status status = path && drawn
                           ? sc_file_write(path, sc_buf_text(script), script->n, diag)
                           : sc_diag_nomem(diag);
    if (status == SC_OK)
        status = rep_gnuplot_run(dir, SCRIPT_NAME, LIMIT_S, diag);
    if (status == SC_OK)
        status = sc_file_read(drawn, MOST_B, &text, &n, diag);
    if (status == SC_OK && n == 0) /* it ends with status 0 on a full disk */
        status = sc_diag_fail(diag, SC_EIO, SC5002, "gnuplot drew nothing");
    if (status == SC_OK && sc_buf_addn(out, text, n))
        status = sc_diag_nomem(diag);
    sc_free(text);
    if (path)
        unlink(path);
    if (drawn)
        unlink(drawn);
    sc_free(path);
    sc_free(drawn);
    return status;
}

sc_status rep_figure_draw(const sc_buf *script, const char *file, sc_buf *out,
                          sc_diag *diag)
{
    const char *above = getenv("TMPDIR");
    char *dir = sc_path_join(above && *above ? above : "/tmp", "solcheck-plot-XXXXXX");
    if (!dir)
        return sc_diag_nomem(diag);
    if (!mkdtemp(dir)) {
        sc_status status = sc_diag_fail(diag, SC_EIO, SC5000, "%s: cannot be made: %s",
                                        dir, strerror(errno));
        sc_diag_hint(diag, "set TMPDIR to a directory that can be written");
        sc_free(dir);
        return status;
    }
    sc_status status = draw_in(dir, script, file, out, diag);
    char *log = sc_path_join(dir, "gnuplot.log");
    if (log)
        unlink(log);
    sc_free(log);
    rmdir(dir);
    sc_free(dir);
    return status;
}
