/* solcheck - system files with measured numbers: the tree of a file, written again.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "sol/merge.h"

typedef struct merger {
    const sol_measurement *m;
    size_t n, n_merged;
    sc_buf *out;
} merger;

static void put_quoted(sc_buf *out, const char *text)
{
    sc_buf_add(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            sc_buf_add(out, "\\");
        sc_buf_printf(out, (unsigned char)*text < 0x20 ? "\\x%02x" : "%c",
                      (unsigned char)*text);
    }
    sc_buf_add(out, "\"");
}

/* Any node, in one line. */
static void put_node(sc_buf *out, const sc_yaml_node *node)
{
    double number;
    if (node->kind == SC_YAML_SCALAR && !node->quoted &&
        sc_parse_double(node->text, &number)) {
        sc_buf_add(out, node->text);
        return;
    }
    if (node->kind == SC_YAML_SCALAR) {
        put_quoted(out, node->text);
        return;
    }
    bool map = node->kind == SC_YAML_MAP;
    sc_buf_add(out, map ? "{" : "[");
    for (size_t i = 0; i < node->n; i++) {
        if (i > 0)
            sc_buf_add(out, ", ");
        if (map)
            sc_buf_printf(out, "%s: ", node->key[i]->text);
        put_node(out, node->item[i]);
    }
    sc_buf_add(out, map ? "}" : "]");
}

static void put_number(sc_buf *out, const char *key, double value)
{
    char text[32];
    if (!isfinite(value))
        return;
    sc_format_double(value, text);
    sc_buf_printf(out, ", %s: %s", key, text);
}

static void put_measurement(merger *to, const sol_measurement *m)
{
    char text[32];
    sc_format_double(m->value, text);
    sc_buf_printf(to->out, "%s: {value: %s, source: ", m->key, text);
    put_quoted(to->out, m->source);
    put_number(to->out, "noise", m->noise);
    put_number(to->out, "samples", m->samples);
    put_number(to->out, "sm_clock_hz", m->sm_clock_hz);
    put_number(to->out, "mem_clock_hz", m->mem_clock_hz);
    put_number(to->out, "power_W", m->power_W);
    sc_buf_printf(to->out, ", throttle: %" PRIu64 "}", m->throttle);
    to->n_merged++;
}

static bool is_at(const sol_measurement *m, const char *section, const char *entry)
{
    return strcmp(m->section, section) == 0 && strcmp(m->entry, entry) == 0;
}

static bool replaced(const merger *to, const char *section, const char *entry,
                     const char *key)
{
    for (size_t i = 0; i < to->n; i++)
        if (is_at(&to->m[i], section, entry) && strcmp(to->m[i].key, key) == 0)
            return true;
    return false;
}

/* bf16: {flop_clk_sm: ..., measured_flop_s: ...} */
static void put_entry(merger *to, const char *section, const char *entry,
                      const sc_yaml_node *node)
{
    const char *comma = "";
    sc_buf_printf(to->out, "  %s: {", entry);
    for (size_t i = 0; i < node->n; i++) {
        if (replaced(to, section, entry, node->key[i]->text))
            continue;
        sc_buf_printf(to->out, "%s%s: ", comma, node->key[i]->text);
        put_node(to->out, node->item[i]);
        comma = ", ";
    }
    for (size_t i = 0; i < to->n; i++)
        if (is_at(&to->m[i], section, entry)) {
            sc_buf_add(to->out, comma);
            put_measurement(to, &to->m[i]);
            comma = ", ";
        }
    sc_buf_add(to->out, "}\n");
}

/* node NULL: the base has no such section. */
static void put_section(merger *to, const char *section, const sc_yaml_node *node)
{
    bool entries = strcmp(section, "tensor") == 0 || strcmp(section, "cuda") == 0;
    sc_buf_printf(to->out, "%s:\n", section);
    for (size_t i = 0; node && i < node->n; i++) {
        const char *key = node->key[i]->text;
        if (entries && node->item[i]->kind == SC_YAML_MAP) {
            put_entry(to, section, key, node->item[i]);
        } else if (!replaced(to, section, "", key)) {
            sc_buf_printf(to->out, "  %s: ", key);
            put_node(to->out, node->item[i]);
            sc_buf_add(to->out, "\n");
        }
    }
    for (size_t i = 0; i < to->n; i++)
        if (is_at(&to->m[i], section, "")) {
            sc_buf_add(to->out, "  ");
            put_measurement(to, &to->m[i]);
            sc_buf_add(to->out, "\n");
        }
}

/* Sections without a place in the base: of which only `launch` needs no other number. */
static void put_new_sections(merger *to, const sc_yaml_node *root)
{
    for (size_t i = 0; i < to->n; i++)
        if (strcmp(to->m[i].section, "launch") == 0 && !sc_yaml_get(root, "launch")) {
            put_section(to, "launch", NULL);
            return;
        }
}

sc_status sol_system_merge(const sc_yaml *base, const sol_measurement *measurement,
                           size_t n, sc_buf *out, size_t *n_merged, sc_diag *diag)
{
    const sc_yaml_node *root = sc_yaml_root(base);
    merger to = {measurement, n, 0, out};
    if (!sc_yaml_get(root, "system")) {
        sc_status status = sc_yaml_fail(base, root, SC_EPARSE, SC1102, diag,
                                        "this is no system file of our layout: 'system:' "
                                        "is missing");
        sc_diag_hint(diag, "docs/system-format.md describes it");
        return status;
    }
    for (size_t i = 0; i < root->n; i++) {
        const sc_yaml_node *item = root->item[i];
        const char *key = root->key[i]->text;
        if (item->kind == SC_YAML_MAP) {
            put_section(&to, key, item);
        } else {
            sc_buf_printf(out, "%s: ", key);
            put_node(out, item);
            sc_buf_add(out, "\n");
        }
    }
    put_new_sections(&to, root);
    if (out->failed)
        return sc_diag_nomem(diag);
    *n_merged = to.n_merged;
    return SC_OK;
}
