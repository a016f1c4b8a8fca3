/* solcheck - op definitions from YAML: every key checked, every complaint with a position.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sol/op.h"
#include "sol/proof.h" /* SOL_MAX_AXES */

#define MAX_EXACT 9007199254740992.0 /* 2^53: integers beyond are not exact doubles */

typedef struct name_list { /* a growing scope */
    const char **name;
    const sol_expr **expr;
    size_t n, capacity;
} name_list;

typedef struct loader {
    sol_op *op;
    const sc_yaml *doc;
    name_list scope;        /* parameters, tp, lets of the op, then those of a phase */
    const char **slot;  /* slot names, for bytes() */
    const sol_expr **slot_bytes;
    sc_diag *diag;
} loader;

typedef const sc_yaml_node node;

#define TRY(call)                                                                        \
    do {                                                                                 \
        sc_status try_status = (call);                                                   \
        if (try_status != SC_OK)                                                         \
            return try_status;                                                           \
    } while (0)

/* ---- small readers ---- */

static sc_status nomem(loader *ld)
{
    return sc_diag_nomem(ld->diag);
}

static sc_status fail(loader *ld, node *at, sc_code code, const char *fmt, ...)
    SC_PRINTF(4, 5);

static sc_status fail(loader *ld, node *at, sc_code code, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return sc_yaml_fail(ld->doc, at, SC_EPARSE, code, ld->diag, "%s", text);
}

static sc_status known(loader *ld, node *map, const char *const *keys, size_t n)
{
    return sc_yaml_known(ld->doc, map, keys, n, ld->diag);
}

#define KNOWN(ld, map, ...)                                                              \
    do {                                                                                 \
        static const char *const keys[] = {__VA_ARGS__};                                 \
        TRY(known(ld, map, keys, sizeof keys / sizeof *keys));                           \
    } while (0)

/* The value of a required key. */
static sc_status need(loader *ld, node *map, const char *key, node **out)
{
    *out = sc_yaml_get(map, key);
    return *out ? SC_OK : fail(ld, map, SC1102, "key '%s' is missing here", key);
}

static sc_status kind(loader *ld, node *at, sc_yaml_kind wanted, const char *what)
{
    if (at->kind == wanted)
        return SC_OK;
    return fail(ld, at, SC1104, "expected %s", what);
}

/* Text of an optional scalar, "" when absent. */
static sc_status text_of(loader *ld, node *map, const char *key, char **out)
{
    node *at = sc_yaml_get(map, key);
    if (at)
        TRY(kind(ld, at, SC_YAML_SCALAR, "a text"));
    *out = sc_strdup(at ? at->text : "");
    return *out ? SC_OK : nomem(ld);
}

/* A NULL-terminated list from a scalar or a list of scalars; empty when absent. */
static sc_status texts_of(loader *ld, node *map, const char *key, char ***out)
{
    node *at = sc_yaml_get(map, key);
    size_t n = !at ? 0 : at->kind == SC_YAML_SEQ ? at->n : 1;
    char **list = sc_calloc(n + 1, sizeof *list);
    if (!list)
        return nomem(ld);
    *out = list;
    for (size_t i = 0; i < n; i++) {
        node *item = at->kind == SC_YAML_SEQ ? at->item[i] : at;
        TRY(kind(ld, item, SC_YAML_SCALAR, "a text or a list of texts"));
        if (!(list[i] = sc_strdup(item->text)))
            return nomem(ld);
    }
    return SC_OK;
}

static sol_place place_of(node *at)
{
    return (sol_place){at->line, at->col};
}

static sc_status range_of(loader *ld, node *at, double *lo, double *hi)
{
    if (at->kind != SC_YAML_SEQ || at->n != 2)
        return fail(ld, at, SC1104, "expected a range [lowest, highest]");
    TRY(sc_yaml_double(ld->doc, at->item[0], lo, ld->diag));
    TRY(sc_yaml_double(ld->doc, at->item[1], hi, ld->diag));
    if (*lo > *hi)
        return fail(ld, at, SC1105, "the range is empty: %s is above %s",
                    at->item[0]->text, at->item[1]->text);
    return SC_OK;
}

/* ---- scope ---- */

static sc_status is_name(loader *ld, node *at)
{
    const char *t = at->text;
    bool good = (*t >= 'a' && *t <= 'z') || (*t >= 'A' && *t <= 'Z') || *t == '_';
    for (; *t && good; t++)
        good = (*t >= 'a' && *t <= 'z') || (*t >= 'A' && *t <= 'Z') || *t == '_' ||
               (*t >= '0' && *t <= '9');
    if (good && strlen(at->text) < 60)
        return SC_OK;
    return fail(ld, at, SC1104, "'%.80s' is not a name (letters, digits, _)", at->text);
}

static sc_status declare(loader *ld, node *at, const char *name, const sol_expr *expr)
{
    static const char *const reserved[] = {"min", "max",   "floor", "ceil", "ceil_div",
                                           "pow", "if",  "bytes", "sum"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(reserved[i], name) == 0)
            return fail(ld, at, SC1106, "'%s' is the name of a function", name);
    for (size_t i = 0; i < ld->scope.n; i++)
        if (strcmp(ld->scope.name[i], name) == 0)
            return fail(ld, at, SC1106, "'%s' is defined twice", name);
    if (!expr)
        return nomem(ld);
    if (ld->scope.n == ld->scope.capacity) {
        size_t capacity = ld->scope.capacity ? 2 * ld->scope.capacity : 32;
        const char **grown = sc_reallocarray(ld->scope.name, capacity, sizeof *grown);
        if (!grown)
            return nomem(ld);
        ld->scope.name = grown;
        const sol_expr **expr_list =
            sc_reallocarray(ld->scope.expr, capacity, sizeof *expr_list);
        if (!expr_list)
            return nomem(ld);
        ld->scope.expr = expr_list;
        ld->scope.capacity = capacity;
    }
    ld->scope.name[ld->scope.n] = name;
    ld->scope.expr[ld->scope.n++] = expr;
    return SC_OK;
}

/* The symbol of a name, with the values that it takes. */
static const sol_expr *symbol(loader *ld, const char *name, sol_domain domain, int *out)
{
    *out = sol_symbol_intern(ld->op->ctx, name);
    if (*out < 0)
        return NULL;
    sol_symbol_declare(ld->op->ctx, *out, domain);
    return sol_symbol(ld->op->ctx, *out);
}

/* Moves a parser's complaint from the scalar's text to its place in the file. */
static void relocate(const sc_yaml *doc, node *at, sc_diag *diag)
{
    if (!diag || diag->line == 0)
        return;
    int offset = diag->col - 1;
    const char *p = at->text;
    for (int line = 1; line < diag->line; line++) {
        const char *end = strchr(p, '\n');
        if (!end)
            break;
        p = end + 1;
    }
    sc_yaml_locate(doc, at, (int)(p - at->text) + offset, diag->width, diag);
}

static sc_status parse(const sc_yaml *doc, sol_context *ctx, node *at,
                       const sol_scope *scope, const sol_expr **out, sc_diag *diag)
{
    const sol_origin origin = {sc_yaml_name(doc), 1, 1, NULL};
    if (at->kind != SC_YAML_SCALAR)
        return sc_yaml_fail(doc, at, SC_EPARSE, SC1104, diag, "expected an expression");
    sc_status status = sol_expr_parse(ctx, at->text, scope, &origin, out, diag);
    if (status == SC_EPARSE)
        relocate(doc, at, diag);
    return status;
}

static sc_status expression(loader *ld, node *at, const sol_expr **out)
{
    const sol_scope scope = {ld->scope.n,  ld->scope.name, ld->scope.expr,
                             (size_t)ld->op->n_slots, ld->slot, ld->slot_bytes, false};
    return parse(ld->doc, ld->op->ctx, at, &scope, out, ld->diag);
}

static sc_status lets(loader *ld, node *map)
{
    if (!map)
        return SC_OK;
    TRY(kind(ld, map, SC_YAML_MAP, "a map of names to expressions"));
    for (size_t i = 0; i < map->n; i++) {
        const sol_expr *expr;
        TRY(is_name(ld, map->key[i]));
        TRY(expression(ld, map->item[i], &expr));
        TRY(declare(ld, map->key[i], map->key[i]->text, expr));
    }
    return SC_OK;
}

/* ---- parameters and dtypes ---- */

static sc_status load_shard(loader *ld, node *map, bool *out)
{
    node *at = sc_yaml_get(map, "shard");
    if (!at)
        return SC_OK;
    if (at->kind != SC_YAML_SCALAR || strcmp(at->text, "tp") != 0)
        return fail(ld, at, SC1104, "shard can only be tp");
    *out = true;
    return SC_OK;
}

static sc_status load_system_key(loader *ld, node *map, bool *out)
{
    node *at = sc_yaml_get(map, "system");
    if (!at)
        return SC_OK;
    if (at->kind != SC_YAML_SCALAR || strcmp(at->text, "num_gpus_per_node") != 0)
        return fail(ld, at, SC1104, "system can only be num_gpus_per_node");
    *out = true;
    return SC_OK;
}

static sc_status load_param(loader *ld, node *key, node *map, sol_param *p)
{
    node *at;
    p->place = place_of(key);
    p->lo = 1;
    p->hi = MAX_EXACT;
    TRY(is_name(ld, key));
    TRY(kind(ld, map, SC_YAML_MAP, "a map with default and meaning"));
    KNOWN(ld, map, "default", "shard", "meaning", "unit", "model_config", "range", "system");
    if (!(p->name = sc_strdup(key->text)))
        return nomem(ld);
    TRY(need(ld, map, "default", &at));
    TRY(sc_yaml_double(ld->doc, at, &p->value, ld->diag));
    TRY(text_of(ld, map, "meaning", &p->meaning));
    TRY(text_of(ld, map, "unit", &p->unit));
    TRY(text_of(ld, map, "model_config", &p->model_config));
    TRY(load_shard(ld, map, &p->shard_tp));
    TRY(load_system_key(ld, map, &p->node_size));
    if ((at = sc_yaml_get(map, "range")))
        TRY(range_of(ld, at, &p->lo, &p->hi));
    if (p->value < p->lo || p->value > p->hi)
        return fail(ld, sc_yaml_get(map, "default"), SC1105,
                    "the default lies outside [%g, %g]", p->lo, p->hi);
    /* A fractional default or range end makes a parameter fractional. */
    bool integer = p->value == floor(p->value) && p->lo == floor(p->lo) &&
                   p->hi == floor(p->hi);
    sol_domain domain = {p->lo, p->hi < MAX_EXACT ? p->hi : INFINITY, integer};
    return declare(ld, key, p->name, symbol(ld, p->name, domain, &p->symbol));
}

static sc_status load_params(loader *ld, node *map)
{
    sol_op *op = ld->op;
    TRY(declare(ld, sc_yaml_root(ld->doc), "tp", 
                symbol(ld, "tp", (sol_domain){1, INFINITY, true}, &op->tp_symbol)));
    if (!map)
        return SC_OK;
    TRY(kind(ld, map, SC_YAML_MAP, "a map of parameters"));
    op->param = sc_calloc(map->n, sizeof *op->param);
    if (!op->param)
        return nomem(ld);
    for (size_t i = 0; i < map->n; i++) {
        op->n_params++; /* counted first, so that a half-loaded one is freed */
        TRY(load_param(ld, map->key[i], map->item[i], &op->param[i]));
    }
    return SC_OK;
}

static sc_status dtype_of(loader *ld, node *at, sol_dtype *out)
{
    if (at->kind == SC_YAML_SCALAR && sol_dtype_parse(at->text, out))
        return SC_OK;
    sc_status status = fail(ld, at, SC1107, "'%.60s' is not a dtype", at->text);
    const char *list[SOL_N_DTYPES];
    char near[128];
    for (int i = 0; i < SOL_N_DTYPES; i++)
        list[i] = sol_dtype_name((sol_dtype)i);
    if (sc_suggest(at->text, list, SOL_N_DTYPES, near, sizeof near) > 0)
        sc_diag_hint(ld->diag, "did you mean %s?", near);
    return status;
}

/* The default of a slot: a dtype, or the name of an earlier slot that it follows. */
static sc_status load_default(loader *ld, node *at, int index)
{
    sol_slot *slot = &ld->op->slot[index];
    slot->follows = -1;
    for (int i = 0; i < index && at->kind == SC_YAML_SCALAR; i++)
        if (strcmp(ld->op->slot[i].name, at->text) == 0)
            slot->follows = i;
    if (slot->follows < 0)
        return dtype_of(ld, at, &slot->value);
    slot->value = ld->op->slot[slot->follows].value;
    return SC_OK;
}

/* What the slot that it follows may be, it has to be able to be. */
static sc_status check_follows(loader *ld, node *map, const sol_slot *slot)
{
    if (slot->follows < 0)
        return SC_OK;
    const sol_slot *other = &ld->op->slot[slot->follows];
    for (int d = 0; d < SOL_N_DTYPES; d++)
        if (other->allowed[d] && !slot->allowed[d])
            return fail(ld, sc_yaml_get(map, "default"), SC1107,
                        "%s follows %s, which may be %s, but is not allowed to be",
                        slot->name, other->name, sol_dtype_name((sol_dtype)d));
    return SC_OK;
}

static sc_status load_allowed(loader *ld, node *map, sol_slot *slot)
{
    node *at = sc_yaml_get(map, "allowed");
    sol_dtype dtype;
    slot->allowed[slot->value] = !at;
    if (at)
        TRY(kind(ld, at, SC_YAML_SEQ, "a list of dtypes"));
    for (size_t i = 0; at && i < at->n; i++) {
        TRY(dtype_of(ld, at->item[i], &dtype));
        slot->allowed[dtype] = true;
    }
    if (!slot->allowed[slot->value])
        return fail(ld, at, SC1107, "the default dtype is not among the allowed ones");
    at = sc_yaml_get(map, "min_sm");
    if (at)
        TRY(kind(ld, at, SC_YAML_MAP, "a map of dtypes to compute capabilities"));
    for (size_t i = 0; at && i < at->n; i++) {
        int64_t sm;
        TRY(dtype_of(ld, at->key[i], &dtype));
        TRY(sc_yaml_int(ld->doc, at->item[i], &sm, ld->diag));
        if (sm < 10 || sm > 999)
            return fail(ld, at->item[i], SC1105,
                        "a compute capability is written like 89, for 8.9");
        slot->min_sm[dtype] = (int)sm;
    }
    return SC_OK;
}

static sc_status load_slot(loader *ld, node *key, node *map, int index)
{
    sol_slot *slot = &ld->op->slot[index];
    char symbol_name[80];
    node *at;
    slot->place = place_of(key);
    TRY(is_name(ld, key));
    TRY(kind(ld, map, SC_YAML_MAP, "a map with default and allowed"));
    KNOWN(ld, map, "default", "allowed", "min_sm", "meaning");
    if (!(slot->name = sc_strdup(key->text)))
        return nomem(ld);
    TRY(need(ld, map, "default", &at));
    TRY(load_default(ld, at, index));
    TRY(load_allowed(ld, map, slot));
    TRY(check_follows(ld, map, slot));
    snprintf(symbol_name, sizeof symbol_name, "bytes(%s)", slot->name);
    ld->slot[index] = slot->name;
    ld->slot_bytes[index] = symbol(ld, symbol_name, (sol_domain){0, INFINITY, false},
                                   &slot->bytes_symbol);
    return ld->slot_bytes[index] ? SC_OK : nomem(ld);
}

static sc_status load_slots(loader *ld, node *map)
{
    sol_op *op = ld->op;
    if (!map)
        return SC_OK;
    TRY(kind(ld, map, SC_YAML_MAP, "a map of dtype slots"));
    op->slot = sc_calloc(map->n, sizeof *op->slot);
    ld->slot = sc_calloc(map->n, sizeof *ld->slot);
    ld->slot_bytes = sc_calloc(map->n, sizeof *ld->slot_bytes);
    if (!op->slot || !ld->slot || !ld->slot_bytes)
        return nomem(ld);
    for (size_t i = 0; i < map->n; i++) {
        op->n_slots++;
        TRY(load_slot(ld, map->key[i], map->item[i], (int)i));
    }
    return SC_OK;
}

/* ---- phases ---- */

/* Axes become symbols before anything else, so that they lead in normal forms. */
static sc_status intern_axes(loader *ld, node *phases)
{
    for (size_t i = 0; i < phases->n; i++) {
        node *axes = sc_yaml_get(phases->item[i], "axes");
        for (size_t k = 0; axes && axes->kind == SC_YAML_MAP && k < axes->n; k++)
            if (sol_symbol_intern(ld->op->ctx, axes->key[k]->text) < 0)
                return nomem(ld);
    }
    return SC_OK;
}

static sc_status load_axis(loader *ld, node *map, node *key, node *meaning, sol_axis *axis)
{
    node *ranges = sc_yaml_get(map, "ranges"), *defaults = sc_yaml_get(map, "defaults");
    node *independent = sc_yaml_get(map, "independent"), *at;
    axis->place = place_of(key);
    axis->lo = 1;
    axis->hi = MAX_EXACT;
    TRY(is_name(ld, key));
    TRY(kind(ld, meaning, SC_YAML_SCALAR, "the meaning of the axis, a text"));
    axis->name = sc_strdup(key->text);
    axis->meaning = sc_strdup(meaning->text);
    if (!axis->name || !axis->meaning)
        return nomem(ld);
    TRY(text_of(ld, independent, axis->name, &axis->independent));
    if ((at = sc_yaml_get(defaults, axis->name))) {
        axis->optional = true;
        TRY(sc_yaml_double(ld->doc, at, &axis->value, ld->diag));
        axis->lo = 0;
    }
    if (!(at = sc_yaml_get(ranges, axis->name)))
        return fail(ld, ranges ? ranges : key, SC1102, "axis '%s' has no range",
                    axis->name);
    TRY(range_of(ld, at, &axis->lo, &axis->hi));
    if (axis->lo < 0 || axis->lo != floor(axis->lo) || axis->hi != floor(axis->hi))
        return fail(ld, at, SC1105, "axes run over non-negative integers");
    if (axis->optional && (axis->value < axis->lo || axis->value > axis->hi))
        return fail(ld, sc_yaml_get(defaults, axis->name), SC1105,
                    "the default lies outside [%g, %g]", axis->lo, axis->hi);
    sol_domain domain = {axis->lo, axis->hi < MAX_EXACT ? axis->hi : INFINITY, true};
    /* Phases share the symbols of their axes: what holds in both is known. */
    int shared = sol_symbol_find(ld->op->ctx, axis->name);
    for (int k = 0; k < SOL_N_PHASES && shared >= 0; k++) {
        const sol_phase *other = ld->op->phase[k];
        int same = other ? sol_phase_axis_index(other, axis->name) : -1;
        if (same < 0 || &other->axis[same] == axis)
            continue;
        domain.lo = fmin(domain.lo, other->axis[same].lo);
        domain.hi = fmax(domain.hi, other->axis[same].hi);
    }
    return declare(ld, key, axis->name, symbol(ld, axis->name, domain, &axis->symbol));
}

/* Keys of ranges and defaults have to be axes. */
static sc_status only_axes(loader *ld, const sol_phase *phase, node *map)
{
    const char *list[SOL_MAX_AXES];
    if (!map)
        return SC_OK;
    for (int i = 0; i < phase->n_axes; i++)
        list[i] = phase->axis[i].name;
    return known(ld, map, list, (size_t)phase->n_axes);
}

static sc_status load_axes(loader *ld, node *map, sol_phase *phase)
{
    node *axes;
    TRY(need(ld, map, "axes", &axes));
    TRY(kind(ld, axes, SC_YAML_MAP, "a map of axes to their meanings"));
    if (axes->n == 0 || axes->n > SOL_MAX_AXES)
        return fail(ld, axes, SC1105, "a phase has 1 to %d axes", SOL_MAX_AXES);
    phase->axis = sc_calloc(axes->n, sizeof *phase->axis);
    if (!phase->axis)
        return nomem(ld);
    int required = 0;
    for (size_t i = 0; i < axes->n; i++) {
        sol_axis *axis = &phase->axis[phase->n_axes++];
        TRY(load_axis(ld, map, axes->key[i], axes->item[i], axis));
        required += !axis->optional;
    }
    if (required == 0)
        return fail(ld, axes, SC1105, "at least one axis has to be without a default");
    TRY(only_axes(ld, phase, sc_yaml_get(map, "ranges")));
    TRY(only_axes(ld, phase, sc_yaml_get(map, "independent")));
    return only_axes(ld, phase, sc_yaml_get(map, "defaults"));
}

static sc_status load_guards(loader *ld, node *list, sol_phase *phase)
{
    if (!list)
        return SC_OK;
    TRY(kind(ld, list, SC_YAML_SEQ, "a list of conditions such as b*s <= 65536"));
    phase->guard = sc_calloc(list->n, sizeof *phase->guard);
    if (!phase->guard)
        return nomem(ld);
    for (size_t i = 0; i < list->n; i++) {
        sol_guard *guard = &phase->guard[phase->n_guards++];
        TRY(expression(ld, list->item[i], &guard->expr));
        guard->place = place_of(list->item[i]);
        if (!(guard->text = sc_strdup(list->item[i]->text)))
            return nomem(ld);
    }
    return SC_OK;
}

/* x = b*s in the context phase and b in the generation phase, unless `tokens` says else. */
static sc_status load_tokens(loader *ld, node *key, node *map, sol_phase *phase)
{
    node *at = sc_yaml_get(map, "tokens");
    if (at)
        return expression(ld, at, &phase->tokens);
    int b = sol_phase_axis_index(phase, "b"), s = sol_phase_axis_index(phase, "s");
    bool both = phase->kind == SOL_CONTEXT;
    if (b < 0 || (both && s < 0)) {
        sc_status status =
            fail(ld, key, SC1102, "key 'tokens' is missing and there is no axis b%s",
                 both ? " or s" : "");
        sc_diag_hint(ld->diag, "say how many tokens one step processes, e.g. tokens: b*s");
        return status;
    }
    phase->tokens = sol_symbol(ld->op->ctx, phase->axis[b].symbol);
    if (both && phase->tokens)
        phase->tokens = sol_mul(ld->op->ctx, phase->tokens,
                                sol_symbol(ld->op->ctx, phase->axis[s].symbol));
    return phase->tokens ? SC_OK : nomem(ld);
}

static sc_status choice(loader *ld, node *map, const char *key, const char *const *names,
                        int n, int *out)
{
    node *at;
    TRY(need(ld, map, key, &at));
    for (int i = 0; i < n; i++)
        if (at->kind == SC_YAML_SCALAR && strcmp(at->text, names[i]) == 0) {
            *out = i;
            return SC_OK;
        }
    sc_buf list = {0};
    for (int i = 0; i < n; i++)
        sc_buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    sc_status status =
        fail(ld, at, SC1104, "%s is one of %s", key, sc_buf_text(&list));
    sc_buf_free(&list);
    return status;
}

static sc_status slot_of(loader *ld, node *map, bool required, int *out)
{
    node *at = sc_yaml_get(map, "dtype");
    *out = -1;
    if (!at)
        return required ? fail(ld, map, SC1102, "key 'dtype' is missing here") : SC_OK;
    for (int i = 0; i < ld->op->n_slots; i++)
        if (strcmp(ld->op->slot[i].name, at->text) == 0)
            *out = i;
    if (*out >= 0)
        return SC_OK;
    sc_status status = fail(ld, at, SC1107, "'%.60s' is not a dtype slot", at->text);
    sc_diag_hint(ld->diag, "slots are declared under dtypes");
    return status;
}

static sc_status load_resource(loader *ld, node *map, sol_term *term)
{
    static const char *const engines[] = {"tensor", "cuda", "exp"};
    static const char *const accesses[] = {"read", "write"};
    static const char *const links[] = {"intra", "inter", "any"};
    static const char *const directions[] = {"out", "in"};
    int picked;
    if (term->kind == SOL_FLOPS) {
        TRY(choice(ld, map, "engine", engines, SOL_N_ENGINES, &picked));
        term->engine = (sol_engine)picked;
    } else if (term->kind == SOL_BYTES) {
        TRY(choice(ld, map, "access", accesses, 2, &picked));
        term->access = (sol_access)picked;
    } else {
        TRY(choice(ld, map, "link", links, SOL_N_LINKS, &picked));
        term->link = (sol_link)picked;
        TRY(choice(ld, map, "direction", directions, SOL_N_DIRECTIONS, &picked));
        term->direction = (sol_direction)picked;
    }
    return SC_OK;
}

static sc_status load_term(loader *ld, node *key, node *map, sol_term_kind what,
                           sol_term *term)
{
    node *at;
    term->kind = what;
    term->slot = -1;
    term->place = place_of(key);
    TRY(is_name(ld, key));
    TRY(kind(ld, map, SC_YAML_MAP, "a map with expr"));
    if (what == SOL_FLOPS)
        KNOWN(ld, map, "expr", "engine", "dtype", "source");
    else if (what == SOL_BYTES)
        KNOWN(ld, map, "expr", "access", "dtype", "source");
    else
        KNOWN(ld, map, "expr", "link", "direction", "dtype", "source");
    if (!(term->name = sc_strdup(key->text)))
        return nomem(ld);
    TRY(text_of(ld, map, "source", &term->source));
    TRY(text_of(ld, map, "expr", &term->text));
    TRY(need(ld, map, "expr", &at));
    TRY(expression(ld, at, &term->expr));
    TRY(load_resource(ld, map, term));
    return slot_of(ld, map, what == SOL_FLOPS && term->engine == SOL_TENSOR, &term->slot);
}

static sc_status load_terms(loader *ld, node *map, sol_phase *phase)
{
    static const sol_term_kind kinds[] = {SOL_FLOPS, SOL_BYTES, SOL_NETWORK};
    enum { N_PARTS = sizeof kinds / sizeof *kinds };
    node *part[N_PARTS];
    size_t n = 0;
    for (int p = 0; p < N_PARTS; p++) {
        part[p] = sc_yaml_get(map, sol_term_kind_name(kinds[p]));
        if (part[p])
            TRY(kind(ld, part[p], SC_YAML_MAP, "a map of terms"));
        n += part[p] ? part[p]->n : 0;
    }
    if (n == 0)
        return fail(ld, map, SC1102, "a phase needs terms under flops, bytes or network");
    phase->term = sc_calloc(n, sizeof *phase->term);
    if (!phase->term)
        return nomem(ld);
    for (int p = 0; p < N_PARTS; p++)
        for (size_t i = 0; part[p] && i < part[p]->n; i++) {
            sol_term *term = &phase->term[phase->n_terms++];
            TRY(load_term(ld, part[p]->key[i], part[p]->item[i], kinds[p], term));
        }
    return SC_OK;
}

static sc_status load_output(loader *ld, node *map, sol_phase *phase)
{
    node *at = sc_yaml_get(map, "output"), *shape;
    if (!at)
        return SC_OK;
    TRY(kind(ld, at, SC_YAML_MAP, "a map with shape and dtype"));
    KNOWN(ld, at, "shape", "dtype");
    TRY(need(ld, at, "shape", &shape));
    TRY(kind(ld, shape, SC_YAML_SEQ, "a list of dimensions"));
    if (shape->n == 0 || shape->n > 4)
        return fail(ld, shape, SC1105, "an output has 1 to 4 dimensions");
    for (size_t i = 0; i < shape->n; i++)
        TRY(expression(ld, shape->item[i], &phase->output.dim[i]));
    phase->output.rank = (int)shape->n;
    return slot_of(ld, at, false, &phase->output.slot);
}

static sc_status load_phase(loader *ld, node *key, node *map, sol_phase *phase)
{
    size_t outer = ld->scope.n; /* names of a phase are its own */
    phase->place = place_of(key);
    phase->output.slot = -1;
    TRY(kind(ld, map, SC_YAML_MAP, "a map with axes, flops and bytes"));
    KNOWN(ld, map, "axes", "ranges", "defaults", "independent", "guards", "tokens", "let", "flops",
          "bytes", "network", "output");
    TRY(load_axes(ld, map, phase));
    TRY(lets(ld, sc_yaml_get(map, "let")));
    TRY(load_guards(ld, sc_yaml_get(map, "guards"), phase));
    TRY(load_tokens(ld, key, map, phase));
    TRY(load_terms(ld, map, phase));
    TRY(load_output(ld, map, phase));
    ld->scope.n = outer;
    return SC_OK;
}

static sc_status load_phases(loader *ld, node *map)
{
    static const char *const kinds[] = {"context", "generation"};
    TRY(kind(ld, map, SC_YAML_MAP, "a map with context or generation"));
    TRY(known(ld, map, kinds, 2));
    if (map->n == 0)
        return fail(ld, map, SC1102, "an op has a context or a generation phase");
    for (size_t i = 0; i < map->n; i++) {
        int which = strcmp(map->key[i]->text, "generation") == 0;
        sol_phase *phase = sc_calloc(1, sizeof *phase);
        if (!phase)
            return nomem(ld);
        phase->kind = (sol_phase_kind)which;
        ld->op->phase[which] = phase;
        TRY(load_phase(ld, map->key[i], map->item[i], phase));
    }
    return SC_OK;
}

/* ---- tables ---- */

static bool is_target(const sol_op *op, const sol_phase *phase, const char *name)
{
    return strcmp(name, "tp") == 0 || sol_op_param_index(op, name) >= 0 ||
           sol_phase_axis_index(phase, name) >= 0;
}

/* {LABEL: NUMBER...} */
static sc_status load_labels(loader *ld, node *at, struct sol_case **out, int *n)
{
    TRY(kind(ld, at, SC_YAML_MAP, "a map of labels to numbers"));
    *out = sc_calloc(at->n + 1, sizeof **out);
    if (!*out)
        return nomem(ld);
    for (size_t i = 0; i < at->n; i++) {
        struct sol_case *c = &(*out)[(*n)++];
        TRY(sc_yaml_double(ld->doc, at->item[i], &c->number, ld->diag));
        if (!(c->label = sc_strdup(at->key[i]->text)))
            return nomem(ld);
    }
    return SC_OK;
}

/* {of: COLUMN, cases: {LABEL: NUMBER...}, else: NUMBER}: a number by a column's label. */
static sc_status load_cases(loader *ld, node *map, sol_table_column *column)
{
    node *at;
    KNOWN(ld, map, "of", "cases", "else");
    TRY(need(ld, map, "of", &at));
    TRY(text_of(ld, map, "of", &column->text));
    column->otherwise = NAN;
    if ((at = sc_yaml_get(map, "else")))
        TRY(sc_yaml_double(ld->doc, at, &column->otherwise, ld->diag));
    TRY(need(ld, map, "cases", &at));
    return load_labels(ld, at, &column->cases, &column->n_cases);
}

static sc_status load_columns(loader *ld, node *map, const sol_phase *phase,
                              sol_table_map *table)
{
    static const sol_scope any = {.open = true};
    TRY(kind(ld, map, SC_YAML_MAP, "a map of axes and parameters to columns"));
    table->column = sc_calloc(map->n, sizeof *table->column);
    if (!table->column)
        return nomem(ld);
    for (size_t i = 0; i < map->n; i++) {
        sol_table_column *column = &table->column[table->n_columns++];
        column->place = place_of(map->key[i]);
        if (!is_target(ld->op, phase, map->key[i]->text))
            return fail(ld, map->key[i], SC1103,
                        "'%.60s' is no axis of the phase and no parameter",
                        map->key[i]->text);
        if (!(column->target = sc_strdup(map->key[i]->text)))
            return nomem(ld);
        if (map->item[i]->kind == SC_YAML_MAP) {
            TRY(load_cases(ld, map->item[i], column));
            continue;
        }
        TRY(parse(ld->doc, table->columns, map->item[i], &any, &column->expr, ld->diag));
        if (!(column->text = sc_strdup(map->item[i]->text)))
            return nomem(ld);
    }
    return SC_OK;
}

/* COLUMN, or {of: COLUMN, cases: {LABEL: DTYPE...}} for labels that name no dtype or another
 * one; label: KEY where an item of a case file is a map. */
static sc_status load_table_dtype(loader *ld, node *at, struct sol_table_dtype *dtype)
{
    node *cases;
    if (at->kind != SC_YAML_MAP) {
        TRY(kind(ld, at, SC_YAML_SCALAR, "the name of a column"));
        dtype->column = sc_strdup(at->text);
        return dtype->column ? SC_OK : nomem(ld);
    }
    KNOWN(ld, at, "of", "cases", "label");
    TRY(need(ld, at, "of", &cases));
    TRY(text_of(ld, at, "of", &dtype->column));
    if (sc_yaml_get(at, "label"))
        TRY(text_of(ld, at, "label", &dtype->label));
    TRY(need(ld, at, "cases", &cases));
    TRY(kind(ld, cases, SC_YAML_MAP, "a map of labels to dtypes"));
    dtype->cases = sc_calloc(cases->n, sizeof *dtype->cases);
    if (!dtype->cases)
        return nomem(ld);
    for (size_t i = 0; i < cases->n; i++) {
        struct sol_dtype_case *c = &dtype->cases[dtype->n_cases++];
        TRY(dtype_of(ld, cases->item[i], &c->dtype));
        if (!(c->label = sc_strdup(cases->key[i]->text)))
            return nomem(ld);
    }
    return SC_OK;
}

static sc_status load_dtypes(loader *ld, node *map, struct sol_table_dtype **out, int *n)
{
    if (!map)
        return SC_OK;
    TRY(kind(ld, map, SC_YAML_MAP, "a map of dtype slots to columns"));
    *out = sc_calloc(map->n, sizeof **out);
    if (!*out)
        return nomem(ld);
    for (size_t i = 0; i < map->n; i++) {
        if (sol_op_slot_index(ld->op, map->key[i]->text) < 0)
            return fail(ld, map->key[i], SC1107, "'%.60s' is not a dtype slot",
                        map->key[i]->text);
        struct sol_table_dtype *dtype = &(*out)[(*n)++];
        if (!(dtype->slot = sc_strdup(map->key[i]->text)))
            return nomem(ld);
        TRY(load_table_dtype(ld, map->item[i], dtype));
    }
    return SC_OK;
}

/* rows: {column: value, column: [value, ...]} */
static sc_status load_rows(loader *ld, node *map, sol_table_map *table)
{
    if (!map)
        return SC_OK;
    TRY(kind(ld, map, SC_YAML_MAP, "a map of columns to the values that rows must have"));
    table->rows = sc_calloc(map->n, sizeof *table->rows);
    if (!table->rows)
        return nomem(ld);
    for (size_t i = 0; i < map->n; i++) {
        struct sol_table_rows *rows = &table->rows[table->n_rows++];
        if (!(rows->column = sc_strdup(map->key[i]->text)))
            return nomem(ld);
        TRY(texts_of(ld, map, map->key[i]->text, &rows->value));
    }
    return SC_OK;
}

static sc_status load_table(loader *ld, node *map, sol_table_map *table)
{
    static const char *const kinds[] = {"context", "generation"};
    node *at;
    int which;
    table->place = place_of(map);
    TRY(kind(ld, map, SC_YAML_MAP, "a map with phase, file and columns"));
    KNOWN(ld, map, "phase", "file", "op_name", "rows", "ignore", "columns", "dtypes");
    TRY(choice(ld, map, "phase", kinds, 2, &which));
    table->phase = (sol_phase_kind)which;
    if (!ld->op->phase[which])
        return fail(ld, sc_yaml_get(map, "phase"), SC1109, "the op has no such phase");
    TRY(need(ld, map, "file", &at));
    TRY(text_of(ld, map, "file", &table->stem));
    TRY(text_of(ld, map, "op_name", &table->op_name));
    TRY(load_rows(ld, sc_yaml_get(map, "rows"), table));
    TRY(texts_of(ld, map, "ignore", &table->ignored));
    if (!(table->columns = sol_context_new()))
        return nomem(ld);
    TRY(need(ld, map, "columns", &at));
    TRY(load_columns(ld, at, ld->op->phase[which], table));
    return load_dtypes(ld, sc_yaml_get(map, "dtypes"), &table->dtype, &table->n_dtypes);
}

static sc_status load_tables(loader *ld, node *list)
{
    if (!list)
        return SC_OK;
    TRY(kind(ld, list, SC_YAML_SEQ, "a list of tables"));
    ld->op->table = sc_calloc(list->n, sizeof *ld->op->table);
    if (!ld->op->table)
        return nomem(ld);
    for (size_t i = 0; i < list->n; i++)
        TRY(load_table(ld, list->item[i], &ld->op->table[ld->op->n_tables++]));
    return SC_OK;
}

/* ---- quantisation modes ---- */

/* One key of a mode: a dtype slot, a parameter, or min_sm. */
static sc_status load_mode_key(loader *ld, node *key, node *at, sol_mode *mode, bool *set)
{
    const sol_op *op = ld->op;
    int slot = sol_op_slot_index(op, key->text), param = sol_op_param_index(op, key->text);
    int64_t sm;
    if (strcmp(key->text, "min_sm") == 0) {
        TRY(sc_yaml_int(ld->doc, at, &sm, ld->diag));
        if (sm < 0 || sm > 1000)
            return fail(ld, at, SC1105, "a compute capability is from 0 to 1000, as 89");
        mode->min_sm = (int)sm;
        return SC_OK;
    }
    if (slot >= 0) {
        TRY(dtype_of(ld, at, &mode->slot[slot]));
        set[slot] = true;
        return op->slot[slot].allowed[mode->slot[slot]]
                   ? SC_OK
                   : fail(ld, at, SC1107, "slot %s is not allowed to be %s",
                          op->slot[slot].name, sol_dtype_name(mode->slot[slot]));
    }
    if (param < 0)
        return fail(ld, key, SC1103, "'%.60s' is no dtype slot and no parameter", key->text);
    TRY(sc_yaml_double(ld->doc, at, &mode->param[param], ld->diag));
    if (!(mode->param[param] >= op->param[param].lo &&
          mode->param[param] <= op->param[param].hi))
        return fail(ld, at, SC1105, "%s is from %.9g to %.9g", op->param[param].name,
                    op->param[param].lo, op->param[param].hi);
    return SC_OK;
}

/* name: {SLOT: DTYPE, PARAMETER: NUMBER, min_sm: NUMBER} */
static sc_status load_mode(loader *ld, node *key, node *map, bool *set)
{
    sol_op *op = ld->op;
    TRY(is_name(ld, key));
    TRY(kind(ld, map, SC_YAML_MAP, "a map of slots to dtypes, {} for the defaults"));
    sol_mode *mode = sol_op_add_mode(op, key->text, strlen(key->text));
    if (!mode)
        return nomem(ld);
    mode->place = place_of(key);
    memset(set, 0, (size_t)op->n_slots * sizeof *set);
    for (size_t i = 0; i < map->n; i++)
        TRY(load_mode_key(ld, map->key[i], map->item[i], mode, set));
    for (int i = 0; i < op->n_slots; i++)
        if (!set[i] && op->slot[i].follows >= 0)
            mode->slot[i] = mode->slot[op->slot[i].follows];
    sol_mode_capability(op, mode);
    return SC_OK;
}

static sc_status load_modes(loader *ld, node *map)
{
    if (!map)
        return sol_op_derive_modes(ld->op, ld->diag);
    TRY(kind(ld, map, SC_YAML_MAP, "a map of quantisation modes"));
    if (map->n == 0 || ld->op->n_slots == 0)
        return fail(ld, map, SC1104, "an op with dtypes has a mode, one without has none");
    bool *set = sc_calloc((size_t)ld->op->n_slots, sizeof *set);
    sc_status status = set ? SC_OK : nomem(ld);
    for (size_t i = 0; i < map->n && !status; i++)
        status = load_mode(ld, map->key[i], map->item[i], set);
    sc_free(set);
    return status;
}

/* ---- case files ---- */

/* The parameter that a node names. */
static sc_status load_same(loader *ld, node *at, int *out)
{
    *out = at->kind == SC_YAML_SCALAR ? sol_op_param_index(ld->op, at->text) : -1;
    return *out >= 0 ? SC_OK : fail(ld, at, SC1108, "expected the name of a parameter");
}

/* KEY, [KEY...], {of: KEY or [KEY...], same: {LABEL: PARAMETER}, cases: {LABEL: NUMBER}},
 * {same: PARAMETER} or {is: NUMBER}. */
static sc_status load_case_list(loader *ld, node *map, node *key, sol_case_list *list)
{
    node *at = sc_yaml_get(map, key->text), *same = sc_yaml_get(at, "same");
    list->place = place_of(key);
    list->same = -1;
    list->fixed = NAN;
    if (!(list->target = sc_strdup(key->text)))
        return nomem(ld);
    if (at->kind != SC_YAML_MAP) {
        TRY(text_of(ld, NULL, "", &list->label));
        return texts_of(ld, map, key->text, &list->name);
    }
    KNOWN(ld, at, "of", "same", "cases", "is");
    TRY(texts_of(ld, at, "of", &list->name));
    if (sc_yaml_get(at, "cases"))
        TRY(load_labels(ld, sc_yaml_get(at, "cases"), &list->cases, &list->n_cases));
    if (sc_yaml_get(at, "is"))
        TRY(sc_yaml_double(ld->doc, sc_yaml_get(at, "is"), &list->fixed, ld->diag));
    if (same && same->kind == SC_YAML_MAP && same->n != 1)
        return fail(ld, same, SC1104, "expected one label and its parameter");
    bool labelled = same && same->kind == SC_YAML_MAP;
    if (same)
        TRY(load_same(ld, labelled ? same->item[0] : same, &list->same));
    list->label = sc_strdup(labelled ? same->key[0]->text : "");
    return list->label ? SC_OK : nomem(ld);
}

static sc_status load_case_lists(loader *ld, node *map, sol_case_map *out)
{
    if (!map)
        return SC_OK;
    TRY(kind(ld, map, SC_YAML_MAP, "a map of axes and parameters to keys"));
    out->list = sc_calloc(map->n, sizeof *out->list);
    if (!out->list)
        return nomem(ld);
    for (size_t i = 0; i < map->n; i++) {
        bool known = strcmp(map->key[i]->text, "x") == 0;
        for (int p = 0; p < SOL_N_PHASES; p++)
            known |= ld->op->phase[p] &&
                     is_target(ld->op, ld->op->phase[p], map->key[i]->text);
        if (!known)
            return fail(ld, map->key[i], SC1103,
                        "'%.60s' is no axis and no parameter", map->key[i]->text);
        TRY(load_case_list(ld, map, map->key[i], &out->list[out->n_lists++]));
    }
    return SC_OK;
}

static sc_status load_limits(loader *ld, node *list, sol_case_map *out)
{
    static const sol_scope any = {.open = true};
    if (!(out->names = sol_context_new()))
        return nomem(ld);
    if (!list)
        return SC_OK;
    TRY(kind(ld, list, SC_YAML_SEQ, "a list of conditions"));
    out->limit = sc_calloc(list->n, sizeof *out->limit);
    if (!out->limit)
        return nomem(ld);
    for (size_t i = 0; i < list->n; i++) {
        sol_guard *limit = &out->limit[out->n_limits++];
        limit->place = place_of(list->item[i]);
        TRY(parse(ld->doc, out->names, list->item[i], &any, &limit->expr, ld->diag));
        if (!(limit->text = sc_strdup(list->item[i]->text)))
            return nomem(ld);
    }
    return SC_OK;
}

static sc_status load_case_map(loader *ld, node *map, sol_case_map *out)
{
    static const char *const kinds[] = {"context", "generation"};
    node *at;
    int which;
    out->place = place_of(map);
    TRY(kind(ld, map, SC_YAML_MAP, "a map with name and lists"));
    KNOWN(ld, map, "name", "phase", "profiles", "other", "lists", "dtypes", "limits");
    TRY(need(ld, map, "name", &at));
    TRY(text_of(ld, map, "name", &out->name));
    TRY(text_of(ld, map, "profiles", &out->profiles));
    TRY(texts_of(ld, map, "other", &out->other));
    if ((at = sc_yaml_get(map, "phase"))) {
        TRY(choice(ld, map, "phase", kinds, 2, &which));
        out->phased = true;
        out->phase = (sol_phase_kind)which;
        if (!ld->op->phase[which])
            return fail(ld, at, SC1109, "the op has no such phase");
    }
    TRY(load_case_lists(ld, sc_yaml_get(map, "lists"), out));
    TRY(load_dtypes(ld, sc_yaml_get(map, "dtypes"), &out->dtype, &out->n_dtypes));
    return load_limits(ld, sc_yaml_get(map, "limits"), out);
}

static sc_status load_case_maps(loader *ld, node *list)
{
    if (!list)
        return SC_OK;
    TRY(kind(ld, list, SC_YAML_SEQ, "a list of case files"));
    ld->op->cases = sc_calloc(list->n, sizeof *ld->op->cases);
    if (!ld->op->cases)
        return nomem(ld);
    for (size_t i = 0; i < list->n; i++)
        TRY(load_case_map(ld, list->item[i], &ld->op->cases[ld->op->n_cases++]));
    return SC_OK;
}

/* ---- the file ---- */

/* Phases that the op does not have, and why. */
static sc_status load_without(loader *ld, node *map)
{
    static const char *const kinds[] = {"context", "generation"};
    if (map) {
        TRY(kind(ld, map, SC_YAML_MAP, "a map of phases to reasons"));
        TRY(known(ld, map, kinds, SOL_N_PHASES));
    }
    for (int i = 0; i < SOL_N_PHASES; i++)
        TRY(text_of(ld, map, kinds[i], &ld->op->without[i]));
    return SC_OK;
}

static sc_status load_op(loader *ld)
{
    sol_op *op = ld->op;
    node *root = sc_yaml_root(ld->doc), *at;
    TRY(kind(ld, root, SC_YAML_MAP, "an op definition: a map with op, params and phases"));
    KNOWN(ld, root, "op", "title", "source", "granularity", "excludes", "without", "layer", "when",
          "params", "dtypes", "modes", "let", "phases", "tables", "cases");
    TRY(need(ld, root, "op", &at));
    TRY(is_name(ld, at));
    TRY(text_of(ld, root, "op", &op->name));
    TRY(text_of(ld, root, "title", &op->title));
    TRY(text_of(ld, root, "granularity", &op->granularity));
    TRY(text_of(ld, root, "layer", &op->layer));
    TRY(text_of(ld, root, "when", &op->when));
    op->when_place = place_of(sc_yaml_get(root, "when") ? sc_yaml_get(root, "when") : root);
    TRY(texts_of(ld, root, "source", &op->source));
    TRY(texts_of(ld, root, "excludes", &op->excludes));
    TRY(load_without(ld, sc_yaml_get(root, "without")));
    TRY(need(ld, root, "phases", &at));
    TRY(kind(ld, at, SC_YAML_MAP, "a map with context or generation"));
    TRY(intern_axes(ld, at));
    TRY(load_params(ld, sc_yaml_get(root, "params")));
    TRY(load_slots(ld, sc_yaml_get(root, "dtypes")));
    TRY(lets(ld, sc_yaml_get(root, "let")));
    TRY(load_phases(ld, at));
    TRY(load_tables(ld, sc_yaml_get(root, "tables")));
    TRY(load_modes(ld, sc_yaml_get(root, "modes")));
    return load_case_maps(ld, sc_yaml_get(root, "cases"));
}

sc_status sol_op_load(const char *path, sol_op **out, sc_diag *diag)
{
    loader ld = {.diag = diag};
    ld.op = sc_calloc(1, sizeof *ld.op);
    if (!ld.op)
        return nomem(&ld);
    sc_status status = sc_yaml_load(path, &ld.op->doc, diag);
    if (status == SC_OK) {
        ld.doc = ld.op->doc;
        ld.op->path = sc_strdup(path);
        ld.op->ctx = sol_context_new();
        status = ld.op->path && ld.op->ctx ? load_op(&ld) : nomem(&ld);
    }
    sc_free(ld.scope.name);
    sc_free(ld.scope.expr);
    sc_free(ld.slot);
    sc_free(ld.slot_bytes);
    if (status == SC_OK)
        *out = ld.op;
    else
        sol_op_free(ld.op);
    return status;
}
