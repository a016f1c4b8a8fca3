/* solcheck - reports: the note's Markdown as HTML, so that report.html says what the note
 * says, word for word.
 *
 * Not Markdown at large but what note.c and note_evidence.c write: headings, paragraphs,
 * lists, fenced blocks, tables, **bold**, `code` and backslash escapes. Pictures are left
 * out: the page has its own. SPDX-License-Identifier: GPL-3.0-or-later WITH additional
 * permission, see LICENSE */
#include <config.h>

#include <stdio.h>
#include <string.h>

#include "reports/html.h"

#define MAX_COLUMNS 12 /* those beyond stand at the left */
#define LONG 24        /* bytes of a cell that may be broken into lines */

/* Text of one line or cell, n bytes. */
static void add_inline(sc_buf *out, const char *p, size_t n)
{
    bool bold = false, code = false;
    for (const char *end = p + n; p < end; p++) {
        if (*p == '\\' && p + 1 < end && (!code || p[1] == '|')) {
            rep_add_html_char(out, *++p);
        } else if (*p == '`') {
            sc_buf_add(out, code ? "</code>" : "<code>");
            code = !code;
        } else if (!code && *p == '*' && p + 1 < end && p[1] == '*') {
            sc_buf_add(out, bold ? "</b>" : "<b>");
            bold = !bold;
            p++;
        } else {
            rep_add_html_char(out, *p);
        }
    }
    sc_buf_add(out, code ? "</code>" : "");
    sc_buf_add(out, bold ? "</b>" : "");
}

/* ---- tables ---- */

/* The next cell of a row, without blanks around it; false after the last. */
static bool next_cell(const char **row, const char **cell, size_t *n)
{
    const char *p = *row;
    if (*p != '|' || p[1] == '\n' || p[1] == 0)
        return false;
    for (*cell = ++p; *p && *p != '\n' && *p != '|'; p++)
        p += *p == '\\' && p[1] != 0 && p[1] != '\n';
    *row = p;
    while (p > *cell && p[-1] == ' ')
        p--;
    while (*cell < p && **cell == ' ')
        ++*cell;
    *n = (size_t)(p - *cell);
    return true;
}

static void add_row(sc_buf *out, const char *row, const bool *right, const char *tag)
{
    const char *cell;
    size_t n;
    sc_buf_add(out, "<tr>");
    for (int c = 0; next_cell(&row, &cell, &n); c++) {
        bool number = c < MAX_COLUMNS && right[c];
        sc_buf_printf(out, "<%s%s>", tag,
                      number     ? " class=\"n\""
                      : n > LONG ? " class=\"w\""
                                 : "");
        add_inline(out, cell, n);
        sc_buf_printf(out, "</%s>", tag);
    }
    sc_buf_add(out, "</tr>\n");
}

static const char *next_line(const char *p)
{
    p += strcspn(p, "\n");
    return *p ? p + 1 : p;
}

static const char *add_table(sc_buf *out, const char *p)
{
    bool right[MAX_COLUMNS] = {false};
    const char *rule = next_line(p), *at = rule, *cell;
    size_t n;
    for (int c = 0; c < MAX_COLUMNS && next_cell(&at, &cell, &n); c++)
        right[c] = n > 0 && cell[n - 1] == ':';
    sc_buf_add(out, "<div class=\"wide\"><table class=\"note\">\n");
    if (strncmp(p, "| | |", 5) != 0) /* a header that says nothing */
        add_row(out, p, right, "th");
    for (p = next_line(rule); *p == '|'; p = next_line(p))
        add_row(out, p, right, "td");
    sc_buf_add(out, "</table></div>\n");
    return p;
}

/* ---- other blocks ---- */

static const char *add_fence(sc_buf *out, const char *p)
{
    sc_buf_add(out, "<pre>");
    for (p = next_line(p); *p && strncmp(p, "```", 3) != 0; p = next_line(p)) {
        for (size_t i = 0, n = strcspn(p, "\n"); i < n; i++)
            rep_add_html_char(out, p[i]);
        sc_buf_add(out, "\n");
    }
    sc_buf_add(out, "</pre>\n");
    return next_line(p);
}

static const char *add_heading(sc_buf *out, const char *p)
{
    size_t level = strspn(p, "#");
    p += level + (p[level] == ' ');
    sc_buf_printf(out, "<h%zu>", level);
    add_inline(out, p, strcspn(p, "\n"));
    sc_buf_printf(out, "</h%zu>\n", level);
    return next_line(p);
}

/* Lines up to a blank one or, in a list, up to the next item. */
static const char *add_lines(sc_buf *out, const char *p, bool item)
{
    const char *end = p;
    do
        end = next_line(end);
    while (*end && *end != '\n' && !(item && *end == '-'));
    size_t n = (size_t)(end - p);
    while (n > 0 && p[n - 1] == '\n')
        n--;
    add_inline(out, p, n);
    return end;
}

static const char *add_list(sc_buf *out, const char *p)
{
    sc_buf_add(out, "<ul>\n");
    while (strncmp(p, "- ", 2) == 0) {
        sc_buf_add(out, "<li>");
        p = add_lines(out, p + 2, true);
        sc_buf_add(out, "</li>\n");
    }
    sc_buf_add(out, "</ul>\n");
    return p;
}

void rep_add_markdown(sc_buf *out, const char *text)
{
    const char *p = text;
    while (*p) {
        if (*p == '\n' || strncmp(p, "![", 2) == 0) {
            p = next_line(p);
        } else if (*p == '#') {
            p = add_heading(out, p);
        } else if (*p == '|') {
            p = add_table(out, p);
        } else if (strncmp(p, "```", 3) == 0) {
            p = add_fence(out, p);
        } else if (strncmp(p, "- ", 2) == 0) {
            p = add_list(out, p);
        } else {
            sc_buf_add(out, "<p>");
            p = add_lines(out, p, false);
            sc_buf_add(out, "</p>\n");
        }
    }
}
