/* solcheck - case files: values of one list, dtypes, constraints.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/cases_internal.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "collector/keyset.h"

#define MAX_COMBINATIONS 65536

/* ---- values ---- */

/* A scalar as an integer of at least lo; false (and findings, if `report`) otherwise. */
static sc_status read_value(cases_reader *r, node *at, const char *target, double lo,
                            double hi, bool report, double *out, bool *good)
{
    double value;
    *good = false;
    if (at->kind != SC_YAML_SCALAR || at->quoted || !sc_parse_double(at->text, &value))
        return report ? CASES_REPORT(r, at, SC_ERROR, SC2103,
                                     "write decimal digits: no quotes, separators, units "
                                     "or lists in the list",
                                     "a value of %s is no number", target)
                      : SC_OK;
    if (at->text[0] == '0' && isdigit((unsigned char)at->text[1]))
        return report ? CASES_REPORT(r, at, SC_ERROR, SC2103,
                                     "write it without zeros in front",
                                     "%s = %.40s is octal to other readers of YAML 1.1",
                                     target, at->text)
                      : SC_OK;
    if (value != floor(value))
        return report ? CASES_REPORT(r, at, SC_ERROR, SC2105, "write an integer",
                                     "%s = %.40s is not an integer", target, at->text)
                      : SC_OK;
    if (value < lo)
        return report ? CASES_REPORT(r, at, SC_ERROR, SC2106,
                                     "take the value out, or mend it",
                                     "%s = %.40s: op %s begins at %.9g", target, at->text,
                                     r->op->name, lo)
                      : SC_OK;
    *good = true;
    *out = value;
    if (value > hi && report)
        return CASES_REPORT(r, at, SC_WARNING, SC2115,
                            "the op file's ranges say how far it is meant to be swept",
                            "%s = %.40s is above the range of op %s, which ends at %.9g",
                            target, at->text, r->op->name, hi);
    return SC_OK;
}

/* Reports the values that are in the list before. */
static sc_status check_twins(cases_reader *r, const col_case_values *values,
                             const char *target)
{
    col_keyset seen = {0};
    sc_status status = SC_OK;
    for (size_t i = 0; i < values->n && !status; i++) {
        bool there;
        if (isnan(values->number[i]))
            continue;
        if (col_keyset_add(&seen, col_key_mix(col_key_start(0), values->number[i]),
                           &there))
            status = sc_diag_nomem(r->diag);
        else if (there)
            status = CASES_REPORT(r, values->at[i], SC_ERROR, SC2108,
                                  "its cases would be measured twice: take one out",
                                  "%s = %.9g is listed twice", target, values->number[i]);
    }
    col_keyset_clear(&seen);
    return status;
}

/* In order, up or down, and each value once. */
static sc_status check_order(cases_reader *r, const col_case_values *values,
                             const char *target)
{
    sc_status status = check_twins(r, values, target);
    int direction = 0;
    for (size_t i = 1; i < values->n && !status; i++) {
        double a = values->number[i - 1], b = values->number[i];
        int now = isnan(a) || isnan(b) ? 0 : (b > a) - (b < a);
        if (now && direction && now != direction)
            return CASES_REPORT(r, values->at[i], SC_WARNING, SC2107,
                                "sort the list: readers and interpolation expect it",
                                "%s = %.9g after %.9g: neither ascending nor descending",
                                target, b, a);
        direction = direction ? direction : now;
    }
    return status;
}

/* The label of an item: a word, or the values of a map joined by _, as in power_law_1.2.
 */
static void item_label(node *at, char *out, size_t out_B)
{
    size_t n = at->kind == SC_YAML_MAP ? at->n : 1, used = 0;
    *out = 0;
    for (size_t i = 0; i < n && used < out_B; i++) {
        node *part = at->kind == SC_YAML_MAP ? at->item[i] : at;
        if (part->kind == SC_YAML_SCALAR)
            used += (size_t)snprintf(out + used, out_B - used, "%s%s", used ? "_" : "",
                                     part->text);
    }
}

/* The number that a label stands for; *known is false where none does. */
static double labelled(const sol_case_list *how, node *at, bool *known)
{
    char label[96];
    *known = false;
    item_label(at, label, sizeof label);
    for (int i = 0; how && i < how->n_cases; i++)
        if (strcmp(how->cases[i].label, label) == 0) {
            *known = true;
            return how->cases[i].number;
        }
    return NAN;
}

static sc_status read_list(cases_reader *r, const col_sweep *sweep, node *list, node *key,
                           const char *target, double lo, double hi, col_case_values *out)
{
    const sol_case_list *how = col_sweep_list(sweep, target);
    bool report = col_cases_first(r, list);
    size_t n = list->kind == SC_YAML_SEQ ? list->n : 1;
    sc_status status = SC_OK;
    out->number = sc_calloc(n + 1, sizeof *out->number);
    out->at = sc_calloc(n + 1, sizeof *out->at);
    out->key = key;
    if (!out->number || !out->at)
        return sc_diag_nomem(r->diag);
    if (list->kind == SC_YAML_MAP)
        return report ? CASES_REPORT(r, list, SC_ERROR, SC2103, "write a list of numbers",
                                     "%.60s is a map", key->text)
                      : SC_OK;
    for (size_t i = 0; i < n && !status; i++) {
        node *at = list->kind == SC_YAML_SEQ ? list->item[i] : list;
        bool good;
        out->at[out->n] = at;
        if (how && how->n_cases) {
            out->number[out->n] = labelled(how, at, &good);
            out->n += good;
            if (!good && report)
                status = CASES_REPORT(r, at, SC_NOTE, SC2139,
                                      "the op file's cases section says what is known",
                                      "an item of %.60s stands for no %s of op %s: it is "
                                      "not counted",
                                      key->text, target, r->op->name);
            continue;
        }
        if (how && *how->label && at->kind == SC_YAML_SCALAR &&
            strcmp(at->text, how->label) == 0) {
            out->number[out->n++] = NAN;
            out->same = how->same;
            continue;
        }
        status = read_value(r, at, target, lo, hi, report, &out->number[out->n], &good);
        out->n += good;
    }
    if (n == 0 && report && !status && sol_op_param_index(r->op, target) < 0)
        status = CASES_REPORT(r, list, SC_ERROR, SC2109, "give at least one value",
                              "%.60s is empty: nothing would be swept", key->text);
    return !status && report ? check_order(r, out, target) : status;
}

sc_status col_cases_values(cases_reader *r, const col_sweep *sweep, const char *target,
                           double lo, double hi, col_case_values *out, bool *prefixed)
{
    const char *name[CASES_MAX_NAMES + 1];
    char text[3][96];
    node *key = NULL, *list;
    const sol_case_list *how = col_sweep_list(sweep, target);
    *out = (col_case_values){.same = -1};
    *prefixed = false;
    if (how && !*how->name) { /* fixed, or as another parameter */
        out->same = how->same;
        if (isnan(how->fixed))
            return SC_OK;
        out->number = sc_calloc(1, sizeof *out->number);
        out->at = sc_calloc(1, sizeof *out->at);
        if (!out->number || !out->at)
            return sc_diag_nomem(r->diag);
        out->number[0] = how->fixed;
        out->at[0] = out->key = sweep->at;
        out->n = 1;
        return SC_OK;
    }
    col_sweep_names(sweep, r->op, target, name, text);
    list = col_sweep_find(sweep, name, &key, prefixed);
    return list ? read_list(r, sweep, list, key, target, lo, hi, out) : SC_OK;
}

/* ---- dtypes ---- */

typedef struct label { /* of one slot */
    sol_dtype dtype;
    bool good, able;
} label;

/* A number in a label's map; fallback where there is none. */
static double number_in(node *map, const char *key, double fallback)
{
    node *at = sc_yaml_get(map, key);
    double value;
    return at && at->kind == SC_YAML_SCALAR && sc_parse_double(at->text, &value)
               ? value
               : fallback;
}

/* What the file says in `limits`, and the op file, of the compute capability that a label
 * needs. */
static sc_status check_capability(cases_reader *r, node *at, node *limits,
                                  const char *name, const sol_slot *slot, bool report,
                                  label *out)
{
    double sm = r->cases->system->sm_version, needs = slot->min_sm[out->dtype];
    double says = fmax(number_in(limits, "min_sm", 0),
                       number_in(limits, "min_sm_exclusive", -1) + 1);
    double below = number_in(limits, "max_sm_exclusive", INFINITY);
    out->able = sm >= needs && sm >= says && sm < below;
    if (!report)
        return SC_OK;
    if (says > 0 && says < needs)
        return CASES_REPORT(r, at, SC_WARNING, SC2123, "raise min_sm",
                            "dtype %.60s is let in from compute capability %.9g on, but "
                            "slot %s of op %s needs %.9g",
                            name, says, slot->name, r->op->name, needs);
    if (sm < needs && sm >= says && sm < below)
        return CASES_REPORT(
            r, at, SC_WARNING, SC2122,
            "add min_sm, or take the dtype out for this target",
            "dtype %.60s in slot %s needs compute capability %.9g; %s has %.9g", name,
            slot->name, needs, r->cases->system->name, sm);
    return SC_OK;
}

/* limits: the map that says which targets have it. */
static sc_status read_label(cases_reader *r, node *at, node *limits, const sol_slot *slot,
                            const struct sol_table_dtype *how, bool report, label *out)
{
    const char *key = how && how->label ? how->label : "name";
    node *name = at->kind == SC_YAML_MAP ? sc_yaml_get(at, key) : at;
    *out = (label){.dtype = slot->value};
    if (!name && how && how->label) { /* a flag that is not set */
        out->good = out->able = true;
        return SC_OK;
    }
    if (!name || name->kind != SC_YAML_SCALAR)
        return report ? CASES_REPORT(r, at, SC_ERROR, SC2103,
                                     "write a dtype, or {name: DTYPE, min_sm: N}",
                                     "a dtype has no name")
                      : SC_OK;
    bool known = how ? sol_table_dtype_parse(how, name->text, &out->dtype)
                     : sol_dtype_parse(name->text, &out->dtype);
    if (!known)
        return report ? CASES_REPORT(r, name, SC_ERROR, SC2120,
                                     "docs/op-format.md names the dtypes",
                                     "'%.60s' is no dtype", name->text)
                      : SC_OK;
    if (!slot->allowed[out->dtype])
        return report ? CASES_REPORT(r, name, SC_ERROR, SC2121,
                                     "the op file's dtypes section says which are",
                                     "slot %s of op %s cannot be %.60s", slot->name,
                                     r->op->name, name->text)
                      : SC_OK;
    out->good = true;
    return check_capability(r, at, limits, name->text, slot, report, out);
}

/* Room for n combinations, defaults in all slots. */
static sc_status alloc_dtypes(cases_reader *r, col_sweep *sweep, size_t n)
{
    size_t slots = (size_t)r->op->n_slots, params = (size_t)r->op->n_params;
    sweep->dtype = sc_calloc(n * slots + 1, sizeof *sweep->dtype);
    sweep->able = sc_calloc(n + 1, sizeof *sweep->able);
    sweep->mode_param = sc_calloc(n * params + 1, sizeof *sweep->mode_param);
    if (!sweep->dtype || !sweep->able || !sweep->mode_param)
        return sc_diag_nomem(r->diag);
    sweep->n_combinations = n;
    for (size_t i = 0; i < n * params; i++)
        sweep->mode_param[i] = NAN;
    for (size_t i = 0; i < n; i++) {
        sweep->able[i] = true;
        for (size_t k = 0; k < slots; k++)
            sweep->dtype[i * slots + k] =
                r->cases->base ? r->cases->base->slot[k] : r->op->slot[k].value;
    }
    return SC_OK;
}

/* Slots that nothing names take the dtype of the slot that they follow. */
static void follow(const cases_reader *r, sol_dtype *dtype, const bool *named)
{
    const sol_op *op = r->op;
    const bool *given = r->cases->base ? r->cases->base->slot_given : NULL;
    for (int k = 0; k < op->n_slots; k++)
        if (!named[k] && op->slot[k].follows >= 0 && !(given && given[k]))
            dtype[k] = dtype[op->slot[k].follows];
}

/* ---- quantisation modes ---- */

/* A mode being read into combination `at`. */
typedef struct mode_reader {
    cases_reader *r;
    col_sweep *sweep;
    const char *key; /* of the list */
    size_t at;
    bool report, good, able;
    bool *named; /* [n_slots] */
} mode_reader;

/* A label of one slot; the first slot that objects reports. */
static sc_status mode_slot(mode_reader *m, node *at, node *item, int slot,
                           const struct sol_table_dtype *how)
{
    const sol_op *op = m->r->op;
    label one;
    sc_status status =
        read_label(m->r, at, item, &op->slot[slot], how, m->report && m->good, &one);
    m->sweep->dtype[m->at * (size_t)op->n_slots + (size_t)slot] = one.dtype;
    m->named[slot] = true;
    m->good &= one.good;
    m->able &= one.able;
    return status;
}

/* dtypes: {slot: DTYPE} of a mode */
static sc_status mode_dtypes(mode_reader *m, node *item, node *map)
{
    sc_status status = SC_OK;
    if (map->kind != SC_YAML_MAP)
        return m->report ? CASES_REPORT(m->r, map, SC_ERROR, SC2103,
                                        "write dtypes: {SLOT: DTYPE}", "dtypes is no map")
                         : SC_OK;
    for (size_t i = 0; i < map->n && !status; i++) {
        int slot = sol_op_slot_index(m->r->op, map->key[i]->text);
        if (slot >= 0)
            status = mode_slot(m, map->item[i], item, slot, NULL);
        else if (m->report)
            status = CASES_REPORT(m->r, map->key[i], SC_ERROR, SC2133,
                                  "solcheck explain --op OP names them all",
                                  "op %s has no dtype slot '%.60s'", m->r->op->name,
                                  map->key[i]->text);
    }
    return status;
}

/* parameters: {NAME: NUMBER} of a mode */
static sc_status mode_params(mode_reader *m, node *map)
{
    const sol_op *op = m->r->op;
    double *out = &m->sweep->mode_param[m->at * (size_t)op->n_params];
    sc_status status = SC_OK;
    if (map->kind != SC_YAML_MAP && m->report)
        status = CASES_REPORT(m->r, map, SC_ERROR, SC2103,
                              "write parameters: {NAME: NUMBER}", "parameters is no map");
    for (size_t i = 0; map->kind == SC_YAML_MAP && i < map->n && !status; i++) {
        int param = sol_op_param_index(op, map->key[i]->text);
        double value;
        if (param >= 0 && map->item[i]->kind == SC_YAML_SCALAR &&
            sc_parse_double(map->item[i]->text, &value) && value >= op->param[param].lo &&
            value <= op->param[param].hi)
            out[param] = value;
        else if (m->report && param < 0)
            status = CASES_REPORT(m->r, map->key[i], SC_ERROR, SC2133,
                                  "solcheck explain --op OP names them all",
                                  "op %s has no parameter '%.60s'", op->name,
                                  map->key[i]->text);
        else if (m->report)
            status = CASES_REPORT(m->r, map->item[i], SC_ERROR, SC2103,
                                  "a number in the range of the op file",
                                  "%.60s is no value of %s", map->item[i]->text,
                                  op->param[param].name);
    }
    return status;
}

/* A mode by its name alone: as the op's case map reads the list, else the op's mode. */
static sc_status mode_by_name(mode_reader *m, node *item, const sol_mode *mode)
{
    const sol_case_map *map = m->sweep->map;
    const sol_op *op = m->r->op;
    node *name = item->kind == SC_YAML_MAP ? sc_yaml_get(item, "name") : item;
    sc_status status = SC_OK;
    bool mapped = false;
    for (int i = 0; map && i < map->n_dtypes && !status; i++)
        if (strcmp(map->dtype[i].column, m->key) == 0) {
            mapped = true;
            status = mode_slot(m, item, item, sol_op_slot_index(op, map->dtype[i].slot),
                               &map->dtype[i]);
        }
    if (mapped || status)
        return status;
    if (!mode) {
        m->good = false;
        return m->report ? CASES_REPORT(m->r, name ? name : item, SC_ERROR, SC2120,
                                        "the op file's modes section says which are",
                                        "op %s has no quantisation mode '%.60s'",
                                        op->name, name ? name->text : "")
                         : SC_OK;
    }
    for (int i = 0; i < op->n_slots; i++) {
        m->sweep->dtype[m->at * (size_t)op->n_slots + (size_t)i] = mode->slot[i];
        m->named[i] = true;
    }
    double sm = m->r->cases->system->sm_version;
    m->able = sm >= mode->min_sm && sm >= number_in(item, "min_sm", 0) &&
              sm > number_in(item, "min_sm_exclusive", -1) &&
              sm < number_in(item, "max_sm_exclusive", INFINITY);
    return SC_OK;
}

/* One item: a name, or {name: .., min_sm: .., dtypes: {..}, parameters: {..}}. */
static sc_status read_mode(mode_reader *m, node *item)
{
    const sol_op *op = m->r->op;
    node *name = item->kind == SC_YAML_MAP ? sc_yaml_get(item, "name") : item;
    node *dtypes = sc_yaml_get(item, "dtypes"), *params = sc_yaml_get(item, "parameters");
    const sol_mode *mode =
        name && name->kind == SC_YAML_SCALAR ? sol_op_mode(op, name->text) : NULL;
    m->good = m->able = true;
    memset(m->named, 0, (size_t)op->n_slots * sizeof *m->named);
    sc_status status =
        dtypes ? mode_dtypes(m, item, dtypes) : mode_by_name(m, item, mode);
    follow(m->r, &m->sweep->dtype[m->at * (size_t)op->n_slots], m->named);
    for (int i = 0; mode && !params && i < op->n_params; i++)
        m->sweep->mode_param[m->at * (size_t)op->n_params + (size_t)i] = mode->param[i];
    if (params && !status)
        status = mode_params(m, params);
    return status;
}

/* A mode with the dtypes and parameters of one before it is swept twice. */
static sc_status check_repeated(mode_reader *m, node *item)
{
    const col_sweep *sweep = m->sweep;
    size_t slots = (size_t)m->r->op->n_slots, params = (size_t)m->r->op->n_params;
    for (size_t c = 0; m->report && m->good && c < m->at; c++) {
        bool same = true;
        for (size_t i = 0; i < slots && same; i++)
            same = sweep->dtype[c * slots + i] == sweep->dtype[m->at * slots + i];
        for (size_t i = 0; i < params && same; i++) {
            double a = sweep->mode_param[c * params + i],
                   b = sweep->mode_param[m->at * params + i];
            same = a == b || (isnan(a) && isnan(b));
        }
        if (same)
            return CASES_REPORT(m->r, item, SC_ERROR, SC2108,
                                "take one out: its cases would be measured twice",
                                "a quantisation mode is there twice");
    }
    return SC_OK;
}

/* A list of modes: quantization_modes, or what the op's case map calls it. */
static sc_status by_mode(cases_reader *r, col_sweep *sweep, bool *named)
{
    const sol_case_map *map = sweep->map;
    const char *key = "quantization_modes";
    node *list = col_sweep_get(sweep, key);
    for (int i = 0; map && i < map->n_dtypes && !list; i++)
        list = col_sweep_get(sweep, key = map->dtype[i].column);
    if (!list || list->kind != SC_YAML_SEQ || list->n == 0) {
        sc_status bad = list && list->kind != SC_YAML_SEQ && col_cases_first(r, list)
                            ? CASES_REPORT(r, list, SC_ERROR, SC2103,
                                           "a list of names, or of maps with a name",
                                           "%.60s is no list", key)
                            : SC_OK;
        return bad ? bad : alloc_dtypes(r, sweep, 1);
    }
    mode_reader m = {.r = r, .sweep = sweep, .key = key, .named = named};
    m.report = col_cases_first(r, list);
    sc_status status = alloc_dtypes(r, sweep, list->n);
    for (size_t k = 0; k < list->n && !status; k++) {
        status = read_mode(&m, list->item[k]);
        if (!status)
            status = check_repeated(&m, list->item[k]);
        sweep->able[m.at] = m.able;
        m.at += m.good;
    }
    sweep->n_combinations = m.at ? m.at : 1;
    return status;
}

/* dtypes: {slot: [labels]}: every combination of them. */
static sc_status by_slot(cases_reader *r, col_sweep *sweep, node *map, bool *named)
{
    const sol_op *op = r->op;
    size_t slots = (size_t)op->n_slots, n = 1;
    bool first = col_cases_first(r, map);
    sc_status status = SC_OK;
    for (size_t i = 0; i < map->n && !status; i++) {
        int slot = sol_op_slot_index(op, map->key[i]->text);
        if (slot < 0 && first)
            status = CASES_REPORT(r, map->key[i], SC_ERROR, SC2133,
                                  "solcheck explain --op OP names them all",
                                  "op %s has no dtype slot '%.60s'", op->name,
                                  map->key[i]->text);
        if (slot >= 0 && map->item[i]->kind == SC_YAML_SEQ && map->item[i]->n)
            n *= map->item[i]->n < MAX_COMBINATIONS / n ? map->item[i]->n : 1;
    }
    if (!status)
        status = alloc_dtypes(r, sweep, n);
    for (size_t i = 0, step = 1; i < map->n && !status; i++) {
        int slot = sol_op_slot_index(op, map->key[i]->text);
        node *list = map->item[i];
        size_t n_labels = list->kind == SC_YAML_SEQ ? list->n : 1;
        if (slot < 0 || n_labels == 0 || step * n_labels > n)
            continue;
        named[slot] = true;
        for (size_t k = 0; k < n_labels && !status; k++) {
            label one;
            node *item = list->kind == SC_YAML_SEQ ? list->item[k] : list;
            status = read_label(r, item, item, &op->slot[slot], NULL, first, &one);
            for (size_t c = 0; c < n; c++)
                if (c / step % n_labels == k) {
                    sweep->dtype[c * slots + (size_t)slot] = one.dtype;
                    sweep->able[c] &= one.able;
                }
        }
        step *= n_labels;
    }
    return status;
}

sc_status col_cases_dtypes(cases_reader *r, col_sweep *sweep)
{
    bool *named = sc_calloc((size_t)r->op->n_slots + 1, sizeof *named);
    node *map = col_sweep_get(sweep, "dtypes");
    if (!named)
        return sc_diag_nomem(r->diag);
    bool slots = map && map->kind == SC_YAML_MAP;
    sc_status status = slots ? by_slot(r, sweep, map, named) : by_mode(r, sweep, named);
    for (size_t i = 0; slots && !status && i < sweep->n_combinations; i++)
        follow(r, &sweep->dtype[i * (size_t)r->op->n_slots], named);
    sc_free(named);
    return status;
}

/* ---- rules ---- */

/* Is `symbol` one of the target's names, or one of them less its plural s? */
static bool names_target(const col_sweep *sweep, const sol_op *op, const char *target,
                         const char *symbol)
{
    const char *name[CASES_MAX_NAMES + 1];
    char text[3][96];
    size_t n = strlen(symbol);
    if (strcmp(symbol, target) == 0)
        return true;
    col_sweep_names(sweep, op, target, name, text);
    for (const char **at = name; *at; at++)
        if (strncmp(*at, symbol, n) == 0 &&
            (!(*at)[n] || ((*at)[n] == 's' && !(*at)[n + 1])))
            return true;
    return false;
}

/* A list of numbers by its name, or by the singular of that; NULL: none. */
static node *any_list(const col_sweep *sweep, const char *symbol)
{
    char many[120];
    double value;
    snprintf(many, sizeof many, "%ss", symbol);
    node *list = col_sweep_get(sweep, symbol);
    list = list ? list : col_sweep_get(sweep, many);
    bool numbers = list && list->kind == SC_YAML_SEQ && list->n > 0;
    for (size_t i = 0; numbers && i < list->n; i++)
        numbers = list->item[i]->kind == SC_YAML_SCALAR &&
                  sc_parse_double(list->item[i]->text, &value);
    return numbers ? list : NULL;
}

cases_meaning col_sweep_meaning(const col_cases *cases, const col_sweep *sweep,
                                const char *symbol, int *index, double *number)
{
    const sol_op *op = cases->op;
    const sol_phase *phase = op->phase[sweep->phase];
    for (int i = 0; i < phase->n_axes; i++)
        if (names_target(sweep, op, phase->axis[i].name, symbol)) {
            *index = i;
            return CASES_AXIS;
        }
    for (int i = 0; i < op->n_params; i++)
        if (names_target(sweep, op, op->param[i].name, symbol)) {
            *index = i;
            return CASES_PARAM;
        }
    if (names_target(sweep, op, "tp", symbol))
        return CASES_TP;
    if (names_target(sweep, op, "x", symbol))
        return CASES_TOKENS;
    if (strcmp(symbol, "input_length") == 0)
        return CASES_INPUT;
    node *at = col_sweep_get(sweep, symbol);
    if (at && at->kind == SC_YAML_SCALAR && sc_parse_double(at->text, number))
        return CASES_NUMBER;
    return sweep->any && any_list(sweep, symbol) == sweep->any ? CASES_ANY
                                                               : CASES_NOTHING;
}

/* The first name in a rule that means nothing here, NULL: all do. The first list that a
 * rule names, and that is nothing else, becomes sweep->any. */
static const char *meaningless(const col_cases *cases, col_sweep *sweep,
                               const sol_context *ctx, const sol_expr *expr, bool *used)
{
    int n = sol_symbol_count(ctx), index;
    double number;
    memset(used, 0, (size_t)n * sizeof *used);
    sol_expr_symbols(expr, used, n);
    for (int i = 0; i < n; i++) {
        const char *symbol = sol_symbol_name(ctx, i);
        if (!used[i] ||
            col_sweep_meaning(cases, sweep, symbol, &index, &number) != CASES_NOTHING)
            continue;
        if (sweep->any || !(sweep->any = any_list(sweep, symbol)))
            return symbol;
    }
    return NULL;
}

/* "a % b" between names or numbers as a - b*floor(a/b). */
static void without_modulo(const char *text, sc_buf *out)
{
    const char *percent = strchr(text, '%');
    if (!percent) {
        sc_buf_add(out, text);
        return;
    }
    const char *a = percent, *b = percent + 1;
    while (a > text && a[-1] == ' ')
        a--;
    const char *a_end = a;
    while (a > text && (isalnum((unsigned char)a[-1]) || a[-1] == '_'))
        a--;
    while (*b == ' ')
        b++;
    const char *b_end = b;
    while (isalnum((unsigned char)*b_end) || *b_end == '_')
        b_end++;
    int na = (int)(a_end - a), nb = (int)(b_end - b);
    sc_buf_addn(out, text, (size_t)(a - text));
    sc_buf_printf(out, "(%.*s - %.*s*floor(%.*s/%.*s))", na, a, nb, b, na, a, nb, b);
    without_modulo(b_end, out);
}

static sc_status add_rule(cases_reader *r, col_sweep *sweep, const sol_expr *expr,
                          node *at)
{
    struct col_rule *more =
        sc_reallocarray(sweep->rule, sweep->n_rules + 1, sizeof *more);
    if (!more)
        return sc_diag_nomem(r->diag);
    sweep->rule = more;
    sweep->rule[sweep->n_rules++] = (struct col_rule){expr, at};
    return SC_OK;
}

/* Does a name that is unknown look like one that is known? */
static bool resembles(const cases_reader *r, const col_sweep *sweep, const char *unknown,
                      char *out, size_t out_B)
{
    static const char *const style[] = {
        "batch_size",   "sequence_length",      "target_sequence_length",
        "token_count",  "tensor_parallel_size", "max_context_tokens",
        "input_length", "max_generation_tokens"};
    const char *name[64];
    size_t n = 0;
    for (; n < sizeof style / sizeof *style; n++)
        name[n] = style[n];
    for (int i = 0; i < r->op->n_params && n < 64; i++)
        name[n++] = r->op->param[i].name;
    for (size_t i = 0; i < sweep->at->n && n < 64; i++)
        name[n++] = sweep->at->key[i]->text;
    return sc_suggest(unknown, name, n, out, out_B) > 0;
}

/* One constraint, its phase already taken off. */
static sc_status read_rule(cases_reader *r, col_sweep *sweep, node *at, const char *text)
{
    static const sol_scope any = {.open = true};
    const sol_origin origin = {sc_yaml_name(r->cases->doc), at->line, at->col, NULL};
    const sol_expr *expr;
    sc_buf clean = {0};
    sc_diag why = {0};
    char near[200], hint[256];
    bool report = col_cases_first(r, at);
    without_modulo(text, &clean);
    sc_status status = clean.failed ? SC_ENOMEM
                                    : sol_expr_parse(r->cases->names, sc_buf_text(&clean),
                                                     &any, &origin, &expr, &why);
    sc_buf_free(&clean);
    if (status == SC_ENOMEM)
        return sc_diag_nomem(r->diag);
    if (status && strstr(text, " when "))
        return report ? CASES_REPORT(r, at, SC_NOTE, SC2131,
                                     "conditions are expressions of docs/op-format.md",
                                     "this constraint is prose: it is not applied")
                      : SC_OK;
    if (status)
        return report ? CASES_REPORT(r, at, SC_ERROR, SC2130,
                                     *why.hint ? why.hint
                                               : "one comparison (== != < <= > >=) an "
                                                 "item, behind 'context:' or "
                                                 "'generation:' where it is of one phase",
                                     "constraint: %s", why.message)
                      : SC_OK;
    bool *used = sc_calloc((size_t)sol_symbol_count(r->cases->names) + 1, sizeof *used);
    if (!used)
        return sc_diag_nomem(r->diag);
    const char *unknown = meaningless(r->cases, sweep, r->cases->names, expr, used);
    sc_free(used);
    if (!unknown)
        return add_rule(r, sweep, expr, at);
    if (!report)
        return SC_OK;
    char list[120]; /* a list that is bound to nothing, in the singular */
    snprintf(list, sizeof list, "%ss", unknown);
    bool typo = !col_sweep_get(sweep, unknown) && !col_sweep_get(sweep, list) &&
                resembles(r, sweep, unknown, near, sizeof near);
    if (typo && strcmp(near, unknown) == 0)
        snprintf(hint, sizeof hint, "add a key %s with the number", unknown);
    else
        snprintf(hint, sizeof hint, typo ? "did you mean %s?" : "%s",
                 typo ? near : "the count of cases is an upper limit");
    return CASES_REPORT(r, at, typo ? SC_WARNING : SC_NOTE, SC2131, hint,
                        "'%.60s' has no single value here: the constraint is not applied",
                        unknown);
}

/* Text behind "context:" or "generation:"; NULL when it is of the other phase. */
static const char *of_phase(const char *text, sol_phase_kind phase)
{
    for (int p = 0; p < SOL_N_PHASES; p++) {
        const char *name = sol_phase_name((sol_phase_kind)p);
        size_t n = strlen(name);
        if (strncmp(text, name, n) == 0 && text[n] == ':')
            return p == (int)phase ? text + n + 1 : NULL;
    }
    return text;
}

static sc_status file_rules(cases_reader *r, col_sweep *sweep)
{
    node *list = col_sweep_get(sweep, "constraints");
    sc_status status = SC_OK;
    if (!list)
        return SC_OK;
    if (list->kind != SC_YAML_SEQ)
        return col_cases_first(r, list)
                   ? CASES_REPORT(r, list, SC_ERROR, SC2103,
                                  "a list of quoted conditions", "constraints is no list")
                   : SC_OK;
    for (size_t i = 0; i < list->n && !status; i++) {
        node *at = list->item[i];
        if (at->kind != SC_YAML_SCALAR) {
            if (col_cases_first(r, at))
                status = CASES_REPORT(r, at, SC_ERROR, SC2130, "quote it: 'context: ...'",
                                      "a constraint is no text");
            continue;
        }
        const char *text = of_phase(at->text, sweep->phase);
        if (text)
            status = read_rule(r, sweep, at, text);
    }
    return status;
}

/* Limits of the op file whose numbers the case file has. */
static sc_status op_rules(cases_reader *r, col_sweep *sweep)
{
    static const sol_scope any = {.open = true};
    sc_status status = SC_OK;
    for (int i = 0; sweep->map && i < sweep->map->n_limits && !status; i++) {
        const sol_guard *limit = &sweep->map->limit[i];
        const sol_origin origin = {r->op->path, limit->place.line, limit->place.col,
                                   NULL};
        const sol_expr *expr;
        status =
            sol_expr_parse(r->cases->names, limit->text, &any, &origin, &expr, r->diag);
        if (status)
            break;
        bool *used =
            sc_calloc((size_t)sol_symbol_count(r->cases->names) + 1, sizeof *used);
        if (!used)
            return sc_diag_nomem(r->diag);
        if (!meaningless(r->cases, sweep, r->cases->names, expr, used))
            status = add_rule(r, sweep, expr, NULL);
        sc_free(used);
    }
    return status;
}

sc_status col_cases_rules(cases_reader *r, col_sweep *sweep)
{
    sc_status status = file_rules(r, sweep);
    return status ? status : op_rules(r, sweep);
}
