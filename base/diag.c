/* solcheck - diagnostics with positions.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "base/diag.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

void sc_diag_clear(sc_diag *diag)
{
    if (diag)
        memset(diag, 0, sizeof *diag);
}

static void set(sc_diag *diag, sc_severity severity, sc_code code, const char *fmt,
                va_list ap)
{
    sc_diag_clear(diag);
    diag->severity = severity;
    diag->code = code;
    vsnprintf(diag->message, sizeof diag->message, fmt, ap);
    sc_utf8_mend(diag->message); /* foreign text, or cut inside of a character */
}

sc_status sc_diag_fail(sc_diag *diag, sc_status status, sc_code code, const char *fmt,
                       ...)
{
    if (diag) {
        va_list ap;
        va_start(ap, fmt);
        set(diag, SC_ERROR, code, fmt, ap);
        va_end(ap);
    }
    return status;
}

void sc_diag_warn(sc_diag *diag, sc_code code, const char *fmt, ...)
{
    if (!diag)
        return;
    va_list ap;
    va_start(ap, fmt);
    set(diag, SC_WARNING, code, fmt, ap);
    va_end(ap);
}

/* Copies the first line of source, tabs as single spaces so that the caret stays aligned.
 */
static void copy_line(char *to, size_t size_B, const char *source)
{
    size_t n = 0;
    while (source[n] && source[n] != '\n' && source[n] != '\r' && n + 1 < size_B) {
        to[n] = source[n] == '\t' ? ' ' : source[n];
        n++;
    }
    to[n] = '\0';
}

void sc_diag_at(sc_diag *diag, const char *file, int line, int col, int width,
                const char *source)
{
    if (!diag)
        return;
    snprintf(diag->file, sizeof diag->file, "%s", file ? file : "");
    diag->line = line;
    diag->col = col;
    diag->width = width > 0 ? width : 1;
    copy_line(diag->source, sizeof diag->source, source ? source : "");
}

void sc_diag_hint(sc_diag *diag, const char *fmt, ...)
{
    if (!diag)
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(diag->hint, sizeof diag->hint, fmt, ap);
    va_end(ap);
    sc_utf8_mend(diag->hint);
}

sc_status sc_diag_nomem(sc_diag *diag)
{
    return sc_diag_fail(diag, SC_ENOMEM, SC1000, "out of memory");
}

/* A caret under each byte column of the offending text, one per displayed character. */
static void underline(const sc_diag *diag, sc_buf *out)
{
    size_t length = strlen(diag->source);
    if (diag->col < 1 || (size_t)diag->col > length + 1)
        return;
    sc_buf_add(out, "    ");
    for (int i = 0; i < diag->col - 1; i++)
        if (((unsigned char)diag->source[i] & 0xc0) != 0x80) /* not a UTF-8 tail byte */
            sc_buf_add(out, " ");
    sc_buf_add(out, "^");
    for (size_t i = (size_t)diag->col; i < (size_t)(diag->col - 1 + diag->width); i++)
        if (i < length && ((unsigned char)diag->source[i] & 0xc0) != 0x80)
            sc_buf_add(out, "~");
    sc_buf_add(out, "\n");
}

sc_status sc_diag_format(const sc_diag *diag, sc_buf *out)
{
    static const char *const severity[] = {"note", "warning", "error"};
    if (diag->file[0]) {
        sc_buf_add(out, diag->file);
        if (diag->line > 0)
            sc_buf_printf(out, ":%d", diag->line);
        if (diag->line > 0 && diag->col > 0)
            sc_buf_printf(out, ":%d", diag->col);
        sc_buf_add(out, ": ");
    }
    sc_buf_printf(out, "%s: %s", severity[diag->severity], diag->message);
    if (diag->code != SC_CODE_NONE)
        sc_buf_printf(out, " [%s]", sc_code_name(diag->code));
    sc_buf_add(out, "\n");
    if (diag->source[0]) {
        sc_buf_printf(out, "    %s\n", diag->source);
        underline(diag, out);
    }
    if (diag->hint[0])
        sc_buf_printf(out, "  hint: %s\n", diag->hint);
    return out->failed ? SC_ENOMEM : SC_OK;
}

sc_status sc_diags_add(sc_diags *list, const sc_diag *diag)
{
    if (!list)
        return SC_OK;
    if (list->n == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 4;
        sc_diag *item = sc_reallocarray(list->item, capacity, sizeof *item);
        if (!item)
            return SC_ENOMEM;
        list->item = item;
        list->capacity = capacity;
    }
    list->item[list->n++] = *diag;
    return SC_OK;
}

void sc_diags_free(sc_diags *list)
{
    if (!list)
        return;
    sc_free(list->item);
    memset(list, 0, sizeof *list);
}
