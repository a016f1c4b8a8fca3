/* solcheck - YAML documents as trees that keep positions (on libyaml's event parser).
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "base/yaml.h"

#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "base/alloc.h"

#define MAX_FILE_B (16u << 20)
#define MAX_DEPTH 64
#define MAX_EXPANDED 1000000 /* nodes, aliases counted as often as they are used */

typedef struct node { /* sc_yaml_node with what only the loader needs */
    sc_yaml_node pub;
    struct node *next; /* all nodes of a document */
    size_t capacity;
    const sc_yaml_node **key, **item;
    char *text;
    char *anchor;
    size_t expanded; /* nodes in this subtree, aliases expanded */
    bool open;       /* being built: an alias to it would be a cycle */
    yaml_scalar_style_t style;
} node;

struct sc_yaml {
    char *name;
    char *text;
    size_t n;
    const char **line; /* start of each line */
    size_t n_lines;
    node *nodes;
    const sc_yaml_node *root;
};

typedef struct loader {
    sc_yaml *doc;
    yaml_parser_t parser;
    yaml_event_t event;
    bool have_event;
    sc_diag *diag;
    struct { /* the last place asked for: a line of a million items is walked once */
        size_t line, character;
        const char *at;
        int col;
    } last;
} loader;

/* ---- positions ---- */

static const char *source_line(const sc_yaml *doc, int line)
{
    return line >= 1 && (size_t)line <= doc->n_lines ? doc->line[line - 1] : "";
}

/* Byte column, from 1, of the character'th character (from 0) of a line. */
static int byte_column(loader *load, size_t line, size_t character)
{
    if (load->last.line != line || load->last.character > character || !load->last.at) {
        load->last.line = line;
        load->last.character = 0;
        load->last.at = source_line(load->doc, (int)line);
        load->last.col = 1;
    }
    const char *p = load->last.at;
    int col = load->last.col;
    for (; load->last.character < character && *p && *p != '\n'; load->last.character++) {
        p++, col++;
        while (((unsigned char)*p & 0xc0) == 0x80)
            p++, col++;
    }
    load->last.at = p;
    load->last.col = col;
    return col;
}

/* Bytes of the line break at p, 0 if there is none: those of YAML 1.1, section 4.2, which
 * libyaml counts. */
static size_t line_break(const char *p, const char *end)
{
    static const char *const breaks[] = {"\r\n",     "\r",           "\n",
                                         "\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9"};
    for (size_t i = 0; i < sizeof breaks / sizeof *breaks; i++) {
        size_t n = strlen(breaks[i]);
        if ((size_t)(end - p) >= n && memcmp(p, breaks[i], n) == 0)
            return n;
    }
    return 0;
}

/* Start of the next line, or end. */
static const char *next_line(const char *p, const char *end)
{
    while (p < end && line_break(p, end) == 0)
        p++;
    return p + (p < end ? line_break(p, end) : 0);
}

static sc_status split_lines(sc_yaml *doc)
{
    const char *last = doc->text + doc->n;
    size_t n = 1;
    for (const char *q = doc->text; q < last; q = next_line(q, last))
        n++;
    doc->line = sc_reallocarray(NULL, n, sizeof *doc->line);
    if (!doc->line)
        return SC_ENOMEM;
    const char *p = doc->text;
    for (doc->n_lines = 0; doc->n_lines < n; doc->n_lines++) {
        doc->line[doc->n_lines] = p;
        p = next_line(p, last);
    }
    return SC_OK;
}

static sc_status fail_at(loader *load, yaml_mark_t mark, sc_code code, const char *text)
{
    sc_status status = sc_diag_fail(load->diag, SC_EPARSE, code, "%s", text);
    size_t line = mark.line + 1;
    sc_diag_at(load->diag, load->doc->name, (int)line,
               byte_column(load, line, mark.column), 1,
               source_line(load->doc, (int)line));
    return status;
}

static sc_status hinted(loader *load, sc_status status, const char *hint)
{
    sc_diag_hint(load->diag, "%s", hint);
    return status;
}

/* ---- events ---- */

static void drop_event(loader *load)
{
    if (load->have_event)
        yaml_event_delete(&load->event);
    load->have_event = false;
}

static sc_status next_event(loader *load)
{
    drop_event(load);
    if (yaml_parser_parse(&load->parser, &load->event)) {
        load->have_event = true;
        return SC_OK;
    }
    const yaml_parser_t *parser = &load->parser;
    if (parser->error == YAML_MEMORY_ERROR)
        return sc_diag_nomem(load->diag);
    yaml_mark_t mark = parser->problem_mark;
    char text[256];
    snprintf(text, sizeof text, "malformed YAML: %s%s%s",
             parser->problem ? parser->problem : "unreadable text",
             parser->context ? ", " : "", parser->context ? parser->context : "");
    sc_code code = parser->error == YAML_READER_ERROR ? SC1006 : SC1003;
    sc_status status = fail_at(load, mark, code, text);
    sc_diag_hint(load->diag, "indent with spaces, quote texts that hold ': ' or '#', and "
                             "close every bracket");
    return status;
}

static sc_status new_node(loader *load, sc_yaml_kind kind, node **out)
{
    node *made = sc_calloc(1, sizeof *made);
    if (!made)
        return sc_diag_nomem(load->diag);
    made->next = load->doc->nodes;
    load->doc->nodes = made;
    made->pub.kind = kind;
    made->pub.text = "";
    made->pub.line = (int)load->event.start_mark.line + 1;
    made->pub.col =
        byte_column(load, load->event.start_mark.line + 1, load->event.start_mark.column);
    made->pub.width = 1;
    made->expanded = 1;
    *out = made;
    return SC_OK;
}

static sc_status set_anchor(loader *load, node *made, const yaml_char_t *anchor)
{
    if (!anchor)
        return SC_OK;
    made->anchor = sc_strdup((const char *)anchor);
    return made->anchor ? SC_OK : sc_diag_nomem(load->diag);
}

static sc_status build_scalar(loader *load, node **out)
{
    node *made;
    sc_status status = new_node(load, SC_YAML_SCALAR, &made);
    if (status != SC_OK)
        return status;
    size_t n = load->event.data.scalar.length;
    if (memchr(load->event.data.scalar.value, 0, n))
        return fail_at(load, load->event.start_mark, SC1006, "text holds a NUL byte");
    made->text = sc_strndup((const char *)load->event.data.scalar.value, n);
    if (!made->text)
        return sc_diag_nomem(load->diag);
    made->pub.text = made->text;
    made->style = load->event.data.scalar.style;
    made->pub.quoted = made->style != YAML_PLAIN_SCALAR_STYLE;
    bool marks = made->style == YAML_SINGLE_QUOTED_SCALAR_STYLE ||
                 made->style == YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    made->pub.col += marks;
    if (load->event.start_mark.line == load->event.end_mark.line && n > 0)
        made->pub.width = (int)n;
    *out = made;
    return set_anchor(load, made, load->event.data.scalar.anchor);
}

/* The latest node with that anchor: YAML lets a later one replace an earlier one. */
static sc_status find_alias(loader *load, node **out)
{
    const char *wanted = (const char *)load->event.data.alias.anchor;
    for (node *p = load->doc->nodes; p; p = p->next) {
        if (!p->anchor || strcmp(p->anchor, wanted) != 0)
            continue;
        if (p->open)
            return fail_at(load, load->event.start_mark, SC1005,
                           "an alias refers to a node that contains it");
        *out = p;
        return SC_OK;
    }
    return fail_at(load, load->event.start_mark, SC1003,
                   "malformed YAML: alias without an anchor");
}

static sc_status push(loader *load, node *parent, const node *key, const node *item)
{
    if (parent->pub.n == parent->capacity) {
        size_t capacity = parent->capacity ? 2 * parent->capacity : 8;
        const sc_yaml_node **items =
            sc_reallocarray(parent->item, capacity, sizeof *items);
        if (!items)
            return sc_diag_nomem(load->diag);
        parent->item = items;
        const sc_yaml_node **keys = sc_reallocarray(parent->key, capacity, sizeof *keys);
        if (!keys)
            return sc_diag_nomem(load->diag);
        parent->key = keys;
        parent->capacity = capacity;
    }
    parent->key[parent->pub.n] = key ? &key->pub : NULL;
    parent->item[parent->pub.n++] = &item->pub;
    parent->pub.key = parent->key;
    parent->pub.item = parent->item;
    parent->expanded += item->expanded;
    if (parent->expanded > MAX_EXPANDED)
        return fail_at(load, load->event.start_mark, SC1005,
                       "the document expands to more than a million nodes");
    return SC_OK;
}

static sc_status build(loader *load, int depth, node **out);

/* Checks a map's key; the current event is the key's. */
static sc_status check_key(loader *load, const node *parent, const node *key)
{
    yaml_mark_t mark = load->event.start_mark;
    if (key->pub.kind != SC_YAML_SCALAR)
        return fail_at(load, mark, SC1003,
                       "malformed YAML: a key has to be a plain text");
    if (!key->pub.quoted && strcmp(key->text, "<<") == 0)
        return hinted(load,
                      fail_at(load, mark, SC1003, "merge keys (<<) are not supported"),
                      "write the keys out; anchors and aliases of whole lists work");
    if (!sc_yaml_get(&parent->pub, key->text))
        return SC_OK;
    char text[200];
    snprintf(text, sizeof text, "key '%.100s' is given twice", key->text);
    sc_status status = fail_at(load, mark, SC1004, text);
    if (load->diag)
        load->diag->width = key->pub.width;
    sc_diag_hint(load->diag, "the first one is in line %d; remove or rename one of them",
                 sc_yaml_get(&parent->pub, key->text)->line);
    return status;
}

static sc_status build_collection(loader *load, int depth, node **out)
{
    bool map = load->event.type == YAML_MAPPING_START_EVENT;
    yaml_event_type_t end = map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;
    node *made;
    sc_status status = new_node(load, map ? SC_YAML_MAP : SC_YAML_SEQ, &made);
    if (status == SC_OK)
        status = set_anchor(load, made,
                            map ? load->event.data.mapping_start.anchor
                                : load->event.data.sequence_start.anchor);
    if (status != SC_OK)
        return status;
    if (depth >= MAX_DEPTH)
        return fail_at(load, load->event.start_mark, SC1005, "YAML nests too deeply");
    made->open = true;
    while ((status = next_event(load)) == SC_OK && load->event.type != end) {
        node *key = NULL, *item;
        if (map) {
            status = build(load, depth + 1, &key);
            if (status == SC_OK)
                status = check_key(load, made, key);
            if (status == SC_OK)
                status = next_event(load);
        }
        if (status == SC_OK)
            status = build(load, depth + 1, &item);
        if (status == SC_OK)
            status = push(load, made, key, item);
        if (status != SC_OK)
            return status;
    }
    made->open = false;
    *out = made;
    return status;
}

/* Builds the node that the current event starts; leaves its last event current. */
static sc_status build(loader *load, int depth, node **out)
{
    switch (load->event.type) {
    case YAML_SCALAR_EVENT:
        return build_scalar(load, out);
    case YAML_ALIAS_EVENT:
        return find_alias(load, out);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return build_collection(load, depth, out);
    default:
        return fail_at(load, load->event.start_mark, SC1003, "malformed YAML");
    }
}

static sc_status build_document(loader *load)
{
    node *root = NULL;
    sc_status status = next_event(load); /* stream start */
    if (status == SC_OK)
        status = next_event(load);
    if (status == SC_OK && load->event.type == YAML_STREAM_END_EVENT) {
        status = new_node(load, SC_YAML_SCALAR, &root); /* an empty file */
    } else if (status == SC_OK) {
        status = next_event(load); /* past document start */
        if (status == SC_OK)
            status = build(load, 0, &root);
        if (status == SC_OK)
            status = next_event(load); /* document end */
        if (status == SC_OK)
            status = next_event(load);
        if (status == SC_OK && load->event.type != YAML_STREAM_END_EVENT)
            status = hinted(load,
                            fail_at(load, load->event.start_mark, SC1003,
                                    "malformed YAML: more than one document in a file"),
                            "write a file for each");
    }
    if (status == SC_OK)
        load->doc->root = &root->pub;
    return status;
}

/* Takes ownership of text. */
static sc_status load_text(const char *name, char *text, size_t n, sc_yaml **out,
                           sc_diag *diag)
{
    loader load = {.diag = diag};
    load.doc = sc_calloc(1, sizeof *load.doc);
    if (!load.doc) {
        sc_free(text);
        return sc_diag_nomem(diag);
    }
    load.doc->text = text;
    load.doc->n = n;
    load.doc->name = sc_strdup(name);
    if (!load.doc->name || split_lines(load.doc) != SC_OK ||
        !yaml_parser_initialize(&load.parser)) {
        sc_yaml_free(load.doc);
        return sc_diag_nomem(diag);
    }
    yaml_parser_set_input_string(&load.parser, (const unsigned char *)text, n);
    sc_status status = build_document(&load);
    drop_event(&load);
    yaml_parser_delete(&load.parser);
    if (status != SC_OK) {
        sc_yaml_free(load.doc);
        return status;
    }
    *out = load.doc;
    return SC_OK;
}

sc_status sc_yaml_parse(const char *name, const char *text, size_t n, sc_yaml **out,
                        sc_diag *diag)
{
    char *copy = sc_malloc(n + 1);
    if (!copy)
        return sc_diag_nomem(diag);
    memcpy(copy, text, n);
    copy[n] = '\0';
    return load_text(name, copy, n, out, diag);
}

sc_status sc_yaml_load(const char *path, sc_yaml **out, sc_diag *diag)
{
    char *text;
    size_t n;
    sc_status status = sc_file_read(path, MAX_FILE_B, &text, &n, diag);
    return status == SC_OK ? load_text(path, text, n, out, diag) : status;
}

void sc_yaml_free(sc_yaml *doc)
{
    if (!doc)
        return;
    for (node *p = doc->nodes; p;) {
        node *next = p->next;
        sc_free(p->key);
        sc_free(p->item);
        sc_free(p->text);
        sc_free(p->anchor);
        sc_free(p);
        p = next;
    }
    sc_free(doc->line);
    sc_free(doc->text);
    sc_free(doc->name);
    sc_free(doc);
}

/* ---- reading ---- */

const char *sc_yaml_name(const sc_yaml *doc)
{
    return doc->name;
}

const sc_yaml_node *sc_yaml_root(const sc_yaml *doc)
{
    return doc->root;
}

const sc_yaml_node *sc_yaml_get(const sc_yaml_node *map, const char *key)
{
    if (!map || map->kind != SC_YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->key[i]->text, key) == 0)
            return map->item[i];
    return NULL;
}

sc_status sc_yaml_fail(const sc_yaml *doc, const sc_yaml_node *at, sc_status status,
                       sc_code code, sc_diag *diag, const char *fmt, ...)
{
    char text[sizeof diag->message];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sc_diag_fail(diag, status, code, "%s", text);
    sc_diag_at(diag, doc->name, at->line, at->col, at->width, source_line(doc, at->line));
    return status;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Source position of character `offset` of a scalar: both texts are walked in step, runs
 * of white space counting alike, which covers plain, quoted, folded and literal styles.
 */
static const char *walk(const char *source, const char *end, const char *text, int offset)
{
    const char *p = source;
    for (int i = 0; i < offset && text[i]; i++) {
        if (blank(text[i])) {
            while (i + 1 < offset && blank(text[i + 1]))
                i++;
            while (p < end && blank(*p))
                p++;
        } else {
            while (p < end && *p != text[i])
                p++;
            p += p < end;
        }
    }
    while (p < end && text[offset] && !blank(text[offset]) && *p != text[offset])
        p++;
    return p;
}

void sc_yaml_locate(const sc_yaml *doc, const sc_yaml_node *at, int offset, int width,
                    sc_diag *diag)
{
    const node *full = (const node *)at;
    const char *end = doc->text + doc->n;
    const char *start = source_line(doc, at->line) + at->col - 1;
    if ((size_t)at->line > doc->n_lines) { /* no such line to look at */
        sc_diag_at(diag, doc->name, at->line, at->col, width, NULL);
        return;
    }
    if (full->style == YAML_LITERAL_SCALAR_STYLE ||
        full->style == YAML_FOLDED_SCALAR_STYLE)
        while (start < end && start[-1] != '\n') /* past the indicator line */
            start++;
    const char *p = walk(start, end, at->text, offset);
    size_t line = (size_t)at->line;
    while (line < doc->n_lines && doc->line[line] <= p)
        line++;
    sc_diag_at(diag, doc->name, (int)line, (int)(p - doc->line[line - 1]) + 1, width,
               doc->line[line - 1]);
}

static sc_status mismatch(const sc_yaml *doc, const sc_yaml_node *at, const char *wanted,
                          sc_diag *diag)
{
    const char *is = at->kind == SC_YAML_MAP   ? "a map"
                     : at->kind == SC_YAML_SEQ ? "a list"
                                               : at->text;
    return sc_yaml_fail(doc, at, SC_EPARSE, SC1104, diag, "expected %s, found '%.80s'",
                        wanted, is);
}

sc_status sc_yaml_double(const sc_yaml *doc, const sc_yaml_node *at, double *out,
                         sc_diag *diag)
{
    if (at->kind != SC_YAML_SCALAR || !sc_parse_double(at->text, out))
        return mismatch(doc, at, "a number", diag);
    return SC_OK;
}

sc_status sc_yaml_int(const sc_yaml *doc, const sc_yaml_node *at, int64_t *out,
                      sc_diag *diag)
{
    if (at->kind != SC_YAML_SCALAR || !sc_parse_int(at->text, out))
        return mismatch(doc, at, "an integer", diag);
    return SC_OK;
}

sc_status sc_yaml_bool(const sc_yaml *doc, const sc_yaml_node *at, bool *out,
                       sc_diag *diag)
{
    if (at->kind == SC_YAML_SCALAR && strcmp(at->text, "true") == 0)
        *out = true;
    else if (at->kind == SC_YAML_SCALAR && strcmp(at->text, "false") == 0)
        *out = false;
    else
        return mismatch(doc, at, "true or false", diag);
    return SC_OK;
}

sc_status sc_yaml_known(const sc_yaml *doc, const sc_yaml_node *map,
                        const char *const *names, size_t n, sc_diag *diag)
{
    if (map->kind != SC_YAML_MAP)
        return mismatch(doc, map, "a map", diag);
    for (size_t i = 0; i < map->n; i++) {
        const char *key = map->key[i]->text;
        size_t j = 0;
        while (j < n && strcmp(names[j], key) != 0)
            j++;
        if (j < n)
            continue;
        sc_status status = sc_yaml_fail(doc, map->key[i], SC_EPARSE, SC1103, diag,
                                        "key '%.80s' is not known here", key);
        char near[200];
        if (sc_suggest(key, names, n, near, sizeof near) > 0)
            sc_diag_hint(diag, "did you mean %s?", near);
        return status;
    }
    return SC_OK;
}
