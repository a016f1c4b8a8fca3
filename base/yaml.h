/* solcheck - YAML documents as trees that keep positions (on libyaml).
 *
 * One document per file; anchors and aliases are followed (shared, never copied), with a
 * limit on the expanded size; duplicate keys, tags other than the core schema's and
 * merge keys are errors.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_BASE_YAML_H
#define SC_BASE_YAML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "base/export.h"

SC_BEGIN_DECLS

typedef enum sc_yaml_kind { SC_YAML_SCALAR, SC_YAML_SEQ, SC_YAML_MAP } sc_yaml_kind;

typedef struct sc_yaml_node sc_yaml_node;
typedef struct sc_yaml sc_yaml;

/* Read-only outside base/yaml.c; owned by the document. */
struct sc_yaml_node {
    sc_yaml_kind kind;
    int line, col;      /* from 1; of a scalar: the first character of its text proper */
    int width;          /* columns of a one-line scalar, else 1 */
    bool quoted;        /* scalar: was quoted, hence text even if it looks like a number */
    const char *text;   /* scalar: NUL-terminated value; else "" */
    size_t n;           /* seq: items; map: pairs */
    const sc_yaml_node *const *key;  /* map: scalar keys, in file order */
    const sc_yaml_node *const *item; /* seq: items; map: values */
};

/* Loads a file of at most 16 MiB, or text under a display name.
 * Errors: SC_EIO SC1001, SC_EPARSE SC1002..SC1006, SC_ENOMEM. Release with sc_yaml_free. */
sc_status sc_yaml_load(const char *path, sc_yaml **out, sc_diag *diag);
sc_status sc_yaml_parse(const char *name, const char *text, size_t n, sc_yaml **out,
                        sc_diag *diag);
void sc_yaml_free(sc_yaml *doc);

const char *sc_yaml_name(const sc_yaml *doc);         /* file name as given */
const sc_yaml_node *sc_yaml_root(const sc_yaml *doc); /* never NULL: empty = empty scalar */

/* Value of a map's key, or NULL (also when node is NULL or no map). */
const sc_yaml_node *sc_yaml_get(const sc_yaml_node *map, const char *key);

/* Reports a failure at a node's position, with its source line. Returns status. */
sc_status sc_yaml_fail(const sc_yaml *doc, const sc_yaml_node *node, sc_status status,
                       sc_code code, sc_diag *diag, const char *fmt, ...) SC_PRINTF(6, 7);
/* Adds the position of offset characters into a scalar node to a filled diagnostic. */
void sc_yaml_locate(const sc_yaml *doc, const sc_yaml_node *node, int offset, int width,
                    sc_diag *diag);

/* Typed reads; on a mismatch SC_EPARSE SC1104 at the node. Outputs only on success. */
sc_status sc_yaml_double(const sc_yaml *doc, const sc_yaml_node *node, double *out,
                         sc_diag *diag);
sc_status sc_yaml_int(const sc_yaml *doc, const sc_yaml_node *node, int64_t *out,
                      sc_diag *diag);
sc_status sc_yaml_bool(const sc_yaml *doc, const sc_yaml_node *node, bool *out,
                       sc_diag *diag);
/* Every key of map must be among names[0..n); else SC_EPARSE SC1103 with suggestions. */
sc_status sc_yaml_known(const sc_yaml *doc, const sc_yaml_node *map,
                        const char *const *names, size_t n, sc_diag *diag);

SC_END_DECLS

#endif
