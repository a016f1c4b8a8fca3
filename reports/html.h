/* solcheck - reports: the pieces of report.html. Not installed.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_REPORTS_HTML_H
#define SC_REPORTS_HTML_H

#include "reports/figures.h"
#include "reports/internal.h"

/* Appends foreign text with &, <, > and quotes as entities, safe in text and attributes.
 */
void rep_add_html(sc_buf *out, const char *text);
/* One byte of text that is known to be clean, likewise. */
void rep_add_html_char(sc_buf *out, char c);

/* Appends what note.c and note_evidence.c have written as HTML; pictures are left out. */
void rep_add_markdown(sc_buf *out, const char *text);

/* What every page shares: its style, and the script that sorts, filters and draws the
 * table whose columns and rows stand as JSON in #data: a window of rows at a time, into
 * #points; #filter and #count are its input and its counter. "unit" names the rows
 * (default points); a text after a row's last column is where its first cell links to. */
extern const char rep_page_style[], rep_page_script[];

/* Inside of a script element: a number with a comma before it, null when not finite; a
 * text as JSON that cannot end the element. */
void rep_add_script_number(sc_buf *out, double value);
void rep_add_script_text(sc_buf *out, const char *text);

/* Appends an expression as MathML (inline). Errors show in out->failed. */
void rep_add_mathml(sc_buf *out, const sol_context *ctx, const sol_expr *expr);

/* As rep_add_mathml for the text of a normal form; text that does not parse back (atoms
 * that the language cannot spell) is shown as code. Errors: SC_ENOMEM. */
sc_status rep_add_math_text(sc_buf *out, const char *text, sc_diag *diag);

/* Figures as SVG texts; NULL: there is none. */
typedef struct rep_svgs {
    char *text[SOL_N_PHASES][REP_N_FIGURES];
} rep_svgs;

/* report.html: the whole study on one page, self-contained. Errors: SC_ENOMEM, those of
 * the writers that it embeds. */
sc_status rep_html(const rep_study *study, const rep_svgs *svg, sc_buf *out,
                   sc_diag *diag);

#endif
