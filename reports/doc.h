/* solcheck - reports: headings, lines and tables as text, Markdown or LaTeX.
 * Not installed. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission,
 * see LICENSE */
#ifndef SC_REPORTS_DOC_H
#define SC_REPORTS_DOC_H

#include "reports/report.h"

/* A cell or line holds words, or an expression that LaTeX sets as a formula. */
typedef enum rep_kind { REP_WORDS, REP_FORMULA } rep_kind;

#define REP_MAX_COLUMNS 12

typedef struct rep_doc {
    rep_format format;
    sc_buf *out; /* failures show in out->failed */
    /* the table being filled */
    int n_columns, n_cells;
    char **cell; /* the header's first */
    rep_kind *kind;
    int capacity;
} rep_doc;

void rep_doc_heading(rep_doc *doc, int level, const char *text);
void rep_doc_line(rep_doc *doc, rep_kind kind, const char *label, const char *text);
/* Starts a table; columns are separated by '|'. */
void rep_doc_table(rep_doc *doc, const char *columns);
void rep_doc_cell(rep_doc *doc, rep_kind kind, const char *fmt, ...) SC_PRINTF(3, 4);
/* Writes and releases the table; one without rows is left out. */
void rep_doc_table_end(rep_doc *doc);
/* Around the whole: LaTeX has none, so that the result can be \input. */
void rep_doc_clear(rep_doc *doc);

#endif
