/* solcheck - case files: from a document to sweeps.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/cases_internal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static const char *const sections[] = {"common_case_values", "all_frameworks_op_cases",
                                       "framework_specific_op_cases"};

/* Points of one sweep at one configuration; the largest grid on record has 324. */
#define MAX_GRID (1 << 20)

sc_status col_cases_report(const col_cases *cases, col_findings *findings,
                           const sc_yaml_node *at, sc_severity severity, sc_code code,
                           const char *hint, const char *fmt, ...)
{
    sc_diag finding;
    char text[480];
    va_list ap;
    if (!findings)
        return SC_OK;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sc_diag_clear(&finding);
    if (col_findings_lists(findings, code)) {
        sc_yaml_fail(cases->doc, at, SC_EPARSE, code, &finding, "%s", text);
    } else {
        sc_diag_fail(&finding, SC_EPARSE, code, "%s", text);
        sc_diag_at(&finding, sc_yaml_name(cases->doc), at->line, at->col, at->width,
                   NULL);
    }
    finding.severity = severity;
    if (hint)
        sc_diag_hint(&finding, "%s", hint);
    return col_findings_add(findings, &finding);
}

/* ---- which op ---- */

const sol_op *col_cases_op(const sc_yaml *doc, const sol_op *const *op, size_t n)
{
    node *at = sc_yaml_get(sc_yaml_root(doc), "op");
    if (!at || at->kind != SC_YAML_SCALAR)
        return NULL;
    for (size_t i = 0; i < n; i++)
        for (int k = 0; k < op[i]->n_cases; k++)
            if (strcmp(op[i]->cases[k].name, at->text) == 0)
                return op[i];
    for (size_t i = 0; i < n; i++)
        if (strcmp(op[i]->name, at->text) == 0)
            return op[i];
    return NULL;
}

/* ---- looking keys up ---- */

node *col_sweep_get(const col_sweep *sweep, const char *key)
{
    for (int i = 0; i < sweep->n_chain; i++) {
        node *at = sc_yaml_get(sweep->chain[i], key);
        if (at)
            return at;
    }
    return NULL;
}

/* The key node of an item of a map. */
static node *key_of(node *map, node *item)
{
    for (size_t i = 0; i < map->n; i++)
        if (map->item[i] == item)
            return map->key[i];
    return item;
}

node *col_sweep_find(const col_sweep *sweep, const char *const *name, node **key,
                     bool *prefixed)
{
    char text[160];
    for (int i = 0; i < sweep->n_chain; i++)
        for (const char *const *n = name; *n; n++) {
            snprintf(text, sizeof text, "%s_%s", sol_phase_name(sweep->phase), *n);
            node *at = sc_yaml_get(sweep->chain[i], text);
            *prefixed = at != NULL;
            if (!at)
                at = sc_yaml_get(sweep->chain[i], *n);
            if (at) {
                *key = key_of(sweep->chain[i], at);
                return at;
            }
        }
    return NULL;
}

const sol_case_list *col_sweep_list(const col_sweep *sweep, const char *target)
{
    for (int i = 0; sweep->map && i < sweep->map->n_lists; i++)
        if (strcmp(sweep->map->list[i].target, target) == 0)
            return &sweep->map->list[i];
    return NULL;
}

size_t col_sweep_names(const col_sweep *sweep, const sol_op *op, const char *target,
                       const char *name[CASES_MAX_NAMES + 1], char text[3][96])
{
    static const struct {
        const char *target, *name;
    } style[] = {{"b", "batch_sizes"},
                 {"s", "target_sequence_lengths"},
                 {"s", "sequence_lengths"},
                 {"x", "token_counts"},
                 {"tp", "tensor_parallel_sizes"}};
    const sol_case_list *list = col_sweep_list(sweep, target);
    size_t n = 0;
    for (char **own = list ? list->name : NULL; own && *own && n < CASES_MAX_NAMES; own++)
        name[n++] = *own;
    for (size_t i = 0; i < sizeof style / sizeof *style && n < CASES_MAX_NAMES; i++)
        if (strcmp(style[i].target, target) == 0)
            name[n++] = style[i].name;
    snprintf(text[0], sizeof text[0], "%ss", target);
    snprintf(text[1], sizeof text[1], "local_%s", target);
    snprintf(text[2], sizeof text[2], "%s", target);
    int count = sol_op_param_index(op, target) >= 0 ? 3 : 1;
    for (int i = 0; i < count && n < CASES_MAX_NAMES; i++)
        name[n++] = text[i];
    name[n] = NULL;
    return n;
}

bool col_cases_first(cases_reader *r, node *list)
{
    for (size_t i = 0; i < r->n_seen; i++)
        if (r->seen[i] == list)
            return false;
    node **more = sc_reallocarray(r->seen, r->n_seen + 1, sizeof *more);
    if (!more)
        return true; /* at worst a finding twice */
    r->seen = more;
    r->seen[r->n_seen++] = list;
    return true;
}

/* ---- keys ---- */

/* Does a key name something of the op: an axis, a parameter, a number of a limit? */
static bool op_knows(const cases_reader *r, const sol_case_map *map, const char *key)
{
    col_sweep sweep = {.map = map};
    const char *name[CASES_MAX_NAMES + 1];
    char text[3][96];
    for (int p = 0; p < SOL_N_PHASES; p++) {
        const char *phase = sol_phase_name((sol_phase_kind)p), *bare = key;
        size_t n = strlen(phase);
        if (strncmp(key, phase, n) == 0 && key[n] == '_')
            bare = key + n + 1;
        const sol_phase *of = r->op->phase[p];
        int n_axes = of ? of->n_axes : 0, n_targets = n_axes + r->op->n_params + 2;
        for (int i = 0; of && i < n_targets; i++) {
            const char *target =
                i < n_axes          ? of->axis[i].name
                : i < n_targets - 2 ? r->op->param[i - n_axes].name
                                    : (const char *const[]){"tp", "x"}[n_targets - 1 - i];
            col_sweep_names(&sweep, r->op, target, name, text);
            for (const char **at = name; *at; at++)
                if (strcmp(*at, bare) == 0)
                    return true;
        }
    }
    if (!map)
        return false;
    for (char **other = map->other; *other; other++)
        if (strcmp(*other, key) == 0)
            return true;
    for (int i = 0; i < map->n_dtypes; i++)
        if (strcmp(map->dtype[i].column, key) == 0)
            return true;
    return (*map->profiles && strcmp(map->profiles, key) == 0) ||
           sol_symbol_find(map->names, key) >= 0;
}

/* Keys that any entry may have, whatever the op. */
static const char *const common_keys[] = {"id",
                                          "phase",
                                          "fixed_axes",
                                          "min_batch_options_per_sequence",
                                          "drop_largest_sequence_for_batch_at_least",
                                          "description",
                                          "constraints",
                                          "dtypes",
                                          "parameters",
                                          "quantization_modes",
                                          "skip_shapes",
                                          "index_bits",
                                          "context_fixed_axes",
                                          "context_token_counts",
                                          "generation_token_counts",
                                          "generation_fixed_axes",
                                          "max_context_tokens",
                                          "max_generation_tokens"};
#define N_COMMON (sizeof common_keys / sizeof *common_keys)

static bool knows_key(const cases_reader *r, const char *key)
{
    for (size_t i = 0; i < N_COMMON; i++)
        if (strcmp(common_keys[i], key) == 0)
            return true;
    if (op_knows(r, NULL, key))
        return true;
    for (int i = 0; i < r->op->n_cases; i++)
        if (strcmp(r->op->cases[i].name, r->name) == 0 &&
            op_knows(r, &r->op->cases[i], key))
            return true;
    return false;
}

/* The keys that a mistyped one resembles. */
static void suggest(const cases_reader *r, const char *key, char *out, size_t out_B)
{
    const char *name[160];
    char text[64][96];
    size_t n = 0, used = 0;
    static const char *const style[] = {"batch_sizes", "sequence_lengths",
                                        "target_sequence_lengths", "token_counts"};
    for (size_t i = 0; i < N_COMMON; i++)
        name[n++] = common_keys[i];
    for (size_t i = 0; i < sizeof style / sizeof *style; i++) {
        name[n++] = style[i];
        for (int p = 0; p < SOL_N_PHASES; p++) {
            snprintf(text[used], sizeof text[used], "%s_%s",
                     sol_phase_name((sol_phase_kind)p), style[i]);
            name[n++] = text[used++];
        }
    }
    name[n++] = "tensor_parallel_sizes";
    for (int i = 0; i < r->op->n_params && used < 64; i++) {
        snprintf(text[used], sizeof text[used], "local_%s", r->op->param[i].name);
        name[n++] = text[used++];
    }
    for (int k = 0; k < r->op->n_cases; k++)
        for (int i = 0; i < r->op->cases[k].n_lists; i++)
            for (char **own = r->op->cases[k].list[i].name; *own && n < 160; own++)
                name[n++] = *own;
    *out = 0;
    sc_suggest(key, name, n, out, out_B);
}

static sc_status check_keys(cases_reader *r, node *map)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < map->n && !status; i++) {
        char near[200], hint[256];
        const char *key = map->key[i]->text;
        if (knows_key(r, key))
            continue;
        suggest(r, key, near, sizeof near);
        snprintf(hint, sizeof hint,
                 *near ? "did you mean %s?" : "nothing is swept by it%s", near);
        status = CASES_REPORT(r, map->key[i], SC_WARNING, SC2101, hint,
                              "key '%.80s' is not known here", key);
    }
    return status;
}

/* ---- sweeps ---- */

static void clear_values(col_case_values *values)
{
    sc_free(values->number);
    sc_free(values->at);
}

static void clear_sweep(const sol_op *op, col_sweep *sweep)
{
    for (int i = 0; i < SOL_MAX_AXES; i++)
        clear_values(&sweep->axis[i]);
    clear_values(&sweep->tokens);
    clear_values(&sweep->tp);
    for (int i = 0; sweep->param && i < op->n_params; i++)
        clear_values(&sweep->param[i]);
    sc_free(sweep->param);
    sc_free(sweep->dtype);
    sc_free(sweep->able);
    sc_free(sweep->mode_param);
    sc_free(sweep->rule);
}

void col_cases_free(col_cases *cases)
{
    if (!cases)
        return;
    for (size_t i = 0; i < cases->n; i++)
        clear_sweep(cases->op, &cases->sweep[i]);
    sc_free(cases->sweep);
    sol_context_free(cases->names);
    sc_yaml_free(cases->doc);
    sc_free(cases);
}

/* Values of optional axes under <phase>_fixed_axes, of parameters under `parameters`. */
static sc_status read_fixed(cases_reader *r, const col_sweep *sweep, const char *section,
                            const char *target, double lo, double hi,
                            col_case_values *out)
{
    node *map = col_sweep_get(sweep, section), *at = sc_yaml_get(map, target);
    if (!at || at->kind == SC_YAML_MAP)
        return SC_OK;
    col_sweep inner = {.phase = sweep->phase, .chain = {map}, .n_chain = 1};
    bool prefixed;
    return col_cases_values(r, &inner, target, lo, hi, out, &prefixed);
}

/* Keys of `parameters`, `<phase>_fixed_axes` have to be names of the op. */
static sc_status check_names(cases_reader *r, const col_sweep *sweep, const char *section,
                             bool params)
{
    node *map = col_sweep_get(sweep, section);
    sc_status status = SC_OK;
    if (!map || !col_cases_first(r, map))
        return SC_OK;
    if (map->kind != SC_YAML_MAP)
        return CASES_REPORT(r, map, SC_ERROR, SC2103, "write NAME: VALUE a line",
                            "%s is no map", section);
    for (size_t i = 0; i < map->n && !status; i++) {
        const char *key = map->key[i]->text;
        int axis = sol_phase_axis_index(r->op->phase[sweep->phase], key);
        bool good = params ? sol_op_param_index(r->op, key) >= 0 : axis >= 0;
        if (!good)
            status = CASES_REPORT(r, map->key[i], SC_ERROR, SC2133,
                                  "solcheck explain --op OP names them all",
                                  "op %s has no %s '%.60s'", r->op->name,
                                  params ? "parameter" : "axis", key);
    }
    return status;
}

static sc_status read_params(cases_reader *r, col_sweep *sweep)
{
    sc_status status = check_names(r, sweep, "parameters", true);
    sweep->param = sc_calloc((size_t)r->op->n_params + 1, sizeof *sweep->param);
    if (!sweep->param)
        return sc_diag_nomem(r->diag);
    for (int i = 0; i < r->op->n_params && !status; i++) {
        const sol_param *p = &r->op->param[i];
        col_case_values *out = &sweep->param[i];
        bool prefixed;
        status = col_cases_values(r, sweep, p->name, p->lo, p->hi, out, &prefixed);
        if (!status && !out->key)
            status = read_fixed(r, sweep, "parameters", p->name, p->lo, p->hi, out);
        out->local = out->key && strncmp(out->key->text, "local_", 6) == 0;
    }
    return status;
}

/* max_<phase>_tokens */
static sc_status read_limit(cases_reader *r, col_sweep *sweep)
{
    char key[64];
    double value;
    snprintf(key, sizeof key, "max_%s_tokens", sol_phase_name(sweep->phase));
    node *at = col_sweep_get(sweep, key);
    sweep->max_tokens = INFINITY;
    if (!at)
        return SC_OK;
    if (at->kind == SC_YAML_SCALAR && sc_parse_double(at->text, &value) && value >= 1 &&
        value == floor(value)) {
        sweep->max_tokens = value;
        sweep->max_tokens_at = at;
        return SC_OK;
    }
    if (!col_cases_first(r, at))
        return SC_OK;
    return CASES_REPORT(r, at, SC_ERROR, SC2136, "give the largest number of tokens",
                        "%s is no positive integer", key);
}

/* The axes of a sweep; *any says whether there are. */
static sc_status read_axes(cases_reader *r, col_sweep *sweep, bool *any)
{
    const sol_phase *phase = r->op->phase[sweep->phase];
    char section[64];
    bool prefixed = false, of_axes = false, of_tokens = false;
    snprintf(section, sizeof section, "%s_fixed_axes", sol_phase_name(sweep->phase));
    sc_status status = check_names(r, sweep, section, false);
    if (!status)
        status = col_cases_values(r, sweep, "x", 1, INFINITY, &sweep->tokens, &of_tokens);
    for (int i = 0; i < phase->n_axes && !status; i++) {
        const sol_axis *a = &phase->axis[i];
        status =
            col_cases_values(r, sweep, a->name, a->lo, a->hi, &sweep->axis[i], &prefixed);
        if (!status && !sweep->axis[i].key)
            status =
                read_fixed(r, sweep, section, a->name, a->lo, a->hi, &sweep->axis[i]);
        if (!status && !sweep->axis[i].key)
            status = read_fixed(r, sweep, "fixed_axes", a->name, a->lo, a->hi,
                                &sweep->axis[i]);
        if (sweep->axis[i].key && !a->optional) {
            *any = true;
            of_axes |= prefixed;
        }
    }
    /* In one and the same map, x beside b and s: the axes count. */
    sweep->over_tokens = !*any && sweep->tokens.key;
    *any |= sweep->over_tokens;
    sweep->any_phase = !(sweep->over_tokens ? of_tokens : of_axes);
    return status;
}

/* An axis list has to stand for every required axis, and none may be empty. */
static sc_status check_axes(cases_reader *r, const col_sweep *sweep, bool *complete)
{
    const sol_phase *phase = r->op->phase[sweep->phase];
    sc_status status = SC_OK;
    *complete = true;
    for (int i = 0; i < phase->n_axes && !status; i++) {
        const sol_axis *a = &phase->axis[i];
        if (a->optional || sweep->over_tokens || sweep->axis[i].key)
            continue;
        *complete = false;
        status = CASES_REPORT(r, sweep->at, SC_ERROR, SC2102,
                              "list every axis, or token counts alone",
                              "%s of op %s: no list for the axis %s",
                              sol_phase_name(sweep->phase), r->op->name, a->name);
    }
    return status;
}

/* Is the product of the axes small enough to be laid out? */
static sc_status check_size(cases_reader *r, const col_sweep *sweep, bool *complete)
{
    const sol_phase *phase = r->op->phase[sweep->phase];
    double n = sweep->over_tokens ? (double)sweep->tokens.n : 1;
    for (int i = 0; i < phase->n_axes && !sweep->over_tokens; i++)
        n *= sweep->axis[i].key ? (double)sweep->axis[i].n : 1;
    if (n <= MAX_GRID)
        return SC_OK;
    *complete = false;
    return CASES_REPORT(r, sweep->at, SC_ERROR, SC2138, "shorten the lists",
                        "%s: %.3g points of the axes; %d are looked at",
                        sol_phase_name(sweep->phase), n, MAX_GRID);
}

static sc_status add_sweep(cases_reader *r, const col_sweep *sweep)
{
    col_cases *cases = r->cases;
    if (cases->n == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 8;
        col_sweep *more = sc_reallocarray(cases->sweep, capacity, sizeof *more);
        if (!more)
            return sc_diag_nomem(r->diag);
        cases->sweep = more;
        r->capacity = capacity;
    }
    cases->sweep[cases->n++] = *sweep;
    return SC_OK;
}

/* One phase of one map; *found says whether the file sweeps it. */
static sc_status read_phase(cases_reader *r, const col_sweep *from, sol_phase_kind phase,
                            bool *found, bool *any_phase)
{
    col_sweep sweep = *from;
    bool any = false, complete = false;
    sweep.phase = phase;
    sc_status status = read_axes(r, &sweep, &any);
    if (!status && any) {
        *found = true;
        *any_phase |= sweep.any_phase && sweep.over_tokens;
        status = check_axes(r, &sweep, &complete);
        if (!status && complete)
            status = check_size(r, &sweep, &complete);
    }
    if (!status && complete)
        status = read_params(r, &sweep);
    if (!status && complete)
        status = col_cases_values(r, &sweep, "tp", 1, 1024, &sweep.tp, &(bool){false});
    if (!status && complete)
        status = read_limit(r, &sweep);
    if (!status && complete)
        status = col_cases_dtypes(r, &sweep);
    if (!status && complete)
        status = col_cases_rules(r, &sweep);
    if (!status && complete)
        status = add_sweep(r, &sweep);
    if (status || !complete)
        clear_sweep(r->op, &sweep);
    return status;
}

/* Is a block about a phase? The op file says so, or its own key `phase`. */
static bool about(const cases_reader *r, const col_sweep *from, int phase)
{
    node *own = col_sweep_get(from, "phase");
    return r->op->phase[phase] &&
           !(from->map && from->map->phased && (int)from->map->phase != phase) &&
           !(own && own->kind == SC_YAML_SCALAR &&
             strcmp(own->text, sol_phase_name((sol_phase_kind)phase)) != 0);
}

/* All phases of one map of the op file (NULL: by convention). A list that names no phase
 * is read for every phase, token counts for the first one alone: they serve all. */
static sc_status read_phases(cases_reader *r, const col_sweep *from)
{
    bool found[SOL_N_PHASES] = {false}, any_phase = false, any = false;
    sc_status status = SC_OK;
    for (int p = 0; p < SOL_N_PHASES && !status; p++) {
        if (!about(r, from, p) || (any_phase && !r->plan))
            continue;
        status = read_phase(r, from, (sol_phase_kind)p, &found[p], &any_phase);
        any |= found[p];
    }
    for (int p = 0; p < SOL_N_PHASES && !status; p++) {
        if (!about(r, from, p) || found[p] || any_phase || r->plan)
            continue;
        status =
            any ? CASES_REPORT(r, from->at, SC_ERROR, SC2111,
                               "add its lists; an op file without that phase says why",
                               "op %s has a %s phase, and no list sweeps it", r->op->name,
                               sol_phase_name((sol_phase_kind)p))
                : SC_OK;
    }
    if (!any && !status && !r->plan)
        status =
            CASES_REPORT(r, from->at, SC_ERROR, SC2102,
                         "add batch sizes and sequence lengths, or token counts",
                         "nothing is swept: no list of an axis of op %s", r->op->name);
    return status;
}

/* A map with its lists, once for each map of the op file and each profile. */
static sc_status read_block(cases_reader *r, col_sweep *from)
{
    bool mapped = false;
    sc_status status = r->plan ? SC_OK : check_keys(r, from->at);
    for (int k = 0; k <= r->op->n_cases && !status; k++) {
        const sol_case_map *map = k < r->op->n_cases ? &r->op->cases[k] : NULL;
        if (map ? strcmp(map->name, r->name) != 0 : mapped)
            continue;
        mapped = true;
        from->map = map;
        node *profiles =
            map && *map->profiles ? col_sweep_get(from, map->profiles) : NULL;
        if (!profiles || profiles->kind != SC_YAML_SEQ) {
            status = read_phases(r, from);
            continue;
        }
        for (size_t i = 0; i < profiles->n && !status; i++) {
            col_sweep inner = *from;
            node *id = sc_yaml_get(profiles->item[i], "id");
            inner.profile = id ? id->text : "";
            inner.at = profiles->item[i];
            for (int c = inner.n_chain++; c > 0; c--)
                inner.chain[c] = inner.chain[c - 1];
            inner.chain[0] = profiles->item[i];
            if (col_cases_first(r, profiles->item[i]) &&
                profiles->item[i]->kind == SC_YAML_MAP)
                status = check_keys(r, profiles->item[i]);
            if (!status)
                status = read_phases(r, &inner);
        }
    }
    return status;
}

/* ---- sections ---- */

static sc_status no_map(cases_reader *r, node *at, const char *what)
{
    return CASES_REPORT(r, at, SC_ERROR, SC2103, NULL, "%s is no map", what);
}

/* Does an entry of a plan hold cases of the op? By its name, that of its layer, one in
 * its `cases` section, or as the only entry of common_case_values. */
static bool names_op(const cases_reader *r, const char *key, bool only)
{
    bool named = only || strcmp(key, r->op->name) == 0 || strcmp(key, r->op->layer) == 0;
    for (int k = 0; k < r->op->n_cases && !named; k++)
        named = strcmp(r->op->cases[k].name, key) == 0;
    return named;
}

static sc_status read_items(cases_reader *r, const char *framework, node *list,
                            node *base);

/* What there is to measure: entries of the op, whatever else there is. */
static sc_status read_plan(cases_reader *r, node *common, node *all)
{
    sc_status status = SC_OK;
    for (size_t i = 0; all && i < all->n && all->kind == SC_YAML_MAP && !status; i++) {
        node *list = sc_yaml_get(all->item[i], "cases");
        r->name = all->key[i]->text;
        if (names_op(r, r->name, false) && list)
            status = read_items(r, "", list, NULL);
    }
    for (size_t i = 0; common && i < common->n && common->kind == SC_YAML_MAP && !status;
         i++) {
        r->name = common->key[i]->text;
        if (!names_op(r, r->name, common->n == 1 && !all))
            continue;
        col_sweep from = {.framework = "",
                          .entry = r->name,
                          .id = "",
                          .profile = "",
                          .at = common->item[i],
                          .chain = {common->item[i]},
                          .n_chain = 1};
        status = read_block(r, &from);
    }
    return status;
}

/* common_case_values: the entry of the op, then those that frameworks override. */
static sc_status read_common(cases_reader *r, node *map)
{
    node *base = sc_yaml_get(map, r->name);
    size_t n = strlen(r->name);
    sc_status status = SC_OK;
    if (map->kind != SC_YAML_MAP)
        return no_map(r, map, sections[0]);
    for (size_t i = 0; i < map->n && !status; i++) {
        const char *key = map->key[i]->text;
        bool own = strcmp(key, r->name) == 0;
        if (!own && !(strncmp(key, r->name, n) == 0 && key[n] == '_')) {
            status =
                CASES_REPORT(r, map->key[i], SC_ERROR, SC2104,
                             "one file holds the cases of one op: mend `op:`, or move it",
                             "entry '%.60s' is not of op '%.60s'", key, r->name);
            continue;
        }
        if (map->item[i]->kind != SC_YAML_MAP) {
            status = no_map(r, map->item[i], key);
            continue;
        }
        col_sweep from = {.framework = own ? "" : key + n + 1,
                          .entry = key,
                          .id = "",
                          .profile = "",
                          .at = map->item[i],
                          .chain = {map->item[i], own ? NULL : base},
                          .n_chain = own || !base ? 1 : 2};
        status = read_block(r, &from);
    }
    return status;
}

/* <entry>.cases of one framework, or of all: items override base items of the same id. */
static sc_status read_items(cases_reader *r, const char *framework, node *list,
                            node *base)
{
    sc_status status = SC_OK;
    if (list->kind == SC_YAML_SCALAR && strcmp(list->text, "all") == 0)
        return SC_OK;
    if (list->kind != SC_YAML_SEQ)
        return CASES_REPORT(r, list, SC_ERROR, SC2103, "a list of maps, or all",
                            "cases is no list");
    for (size_t i = 0; i < list->n && !status; i++) {
        node *item = list->item[i], *id = sc_yaml_get(item, "id"), *over = NULL;
        if (item->kind != SC_YAML_MAP) {
            status = no_map(r, item, "an item of cases");
            continue;
        }
        for (size_t k = 0; id && k < i && !status; k++) {
            node *other = sc_yaml_get(list->item[k], "id");
            if (other && strcmp(other->text, id->text) == 0)
                status =
                    CASES_REPORT(r, id, SC_ERROR, SC2129, "give each item its own id",
                                 "id '%.80s' is used twice", id->text);
        }
        for (size_t k = 0; id && base && base->kind == SC_YAML_SEQ && k < base->n; k++) {
            node *other = sc_yaml_get(base->item[k], "id");
            if (other && strcmp(other->text, id->text) == 0)
                over = base->item[k];
        }
        if (*framework && base && !over && !status)
            status = CASES_REPORT(r, id ? id : item, SC_WARNING, SC2134,
                                  "an item overrides the one with the same id",
                                  "all_frameworks_op_cases has no item of this id");
        col_sweep from = {.framework = framework,
                          .entry = r->name,
                          .id = id ? id->text : "",
                          .profile = "",
                          .at = item,
                          .chain = {item, over},
                          .n_chain = over ? 2 : 1};
        if (!status)
            status = read_block(r, &from);
    }
    return status;
}

/* <entry>.cases in a section; NULL (and findings) where it is not there. */
static sc_status cases_in(cases_reader *r, node *section, node **out)
{
    *out = NULL;
    if (section->kind != SC_YAML_MAP)
        return no_map(r, section, "a section of cases");
    node *entry = sc_yaml_get(section, r->name);
    sc_status status = SC_OK;
    for (size_t i = 0; i < section->n && !status; i++)
        if (section->item[i] != entry)
            status = CASES_REPORT(
                r, section->key[i], SC_ERROR, SC2104,
                "one file holds the cases of one op: mend `op:`, or move it",
                "entry '%.60s' is not of op '%.60s'", section->key[i]->text, r->name);
    if (status || !entry)
        return status;
    *out = sc_yaml_get(entry, "cases");
    return *out ? SC_OK
                : CASES_REPORT(r, entry, SC_ERROR, SC2102, "add cases: a list of maps",
                               "entry %.60s has no cases", r->name);
}

static sc_status read_frameworks(cases_reader *r, node *map, node *base)
{
    sc_status status = SC_OK;
    if (map->kind != SC_YAML_MAP)
        return no_map(r, map, sections[2]);
    for (size_t i = 0; i < map->n && !status; i++) {
        node *list;
        status = cases_in(r, map->item[i], &list);
        if (!status && list)
            status = read_items(r, map->key[i]->text, list, base);
    }
    return status;
}

static sc_status read_sections(cases_reader *r, node *root)
{
    node *common = sc_yaml_get(root, sections[0]), *base = NULL;
    node *all = sc_yaml_get(root, sections[1]), *some = sc_yaml_get(root, sections[2]);
    sc_status status = SC_OK;
    if (r->plan)
        return read_plan(r, common, all);
    if (!common && !all && !some)
        return CASES_REPORT(r, root, SC_ERROR, SC2102,
                            "add common_case_values, or all_frameworks_op_cases",
                            "the file has no cases");
    if (common)
        status = read_common(r, common);
    if (all && !status)
        status = cases_in(r, all, &base);
    if (base && !status)
        status = read_items(r, "", base, NULL);
    if (some && !status)
        status = read_frameworks(r, some, base);
    return status;
}

static sc_status check_root(cases_reader *r, node *root)
{
    static const char *const keys[] = {"schema_version",
                                       "op",
                                       "description",
                                       "model_ops",
                                       "common_case_values",
                                       "all_frameworks_op_cases",
                                       "framework_specific_op_cases"};
    node *version = sc_yaml_get(root, "schema_version");
    int64_t number = 0;
    sc_status status = SC_OK;
    for (size_t i = 0; i < root->n && !status; i++) {
        size_t k = 0, n = sizeof keys / sizeof *keys;
        char near[200], hint[256];
        while (k < n && strcmp(keys[k], root->key[i]->text) != 0)
            k++;
        if (k < n)
            continue;
        bool any = sc_suggest(root->key[i]->text, keys, n, near, sizeof near) > 0;
        snprintf(hint, sizeof hint, "did you mean %s?", near);
        status = CASES_REPORT(r, root->key[i], SC_WARNING, SC2101, any ? hint : NULL,
                              "key '%.80s' is not known here", root->key[i]->text);
    }
    bool good = version && version->kind == SC_YAML_SCALAR &&
                sc_parse_int(version->text, &number) && number == 1;
    if (!good && !status)
        status = CASES_REPORT(r, version ? version : root, SC_ERROR, SC2100,
                              "write schema_version: 1",
                              version ? "schema_version '%.40s' is not supported"
                                      : "schema_version is missing%s",
                              version ? version->text : "");
    return status;
}

static sc_status read_cases(sc_yaml *doc, const sol_op *op, const sol_system *system,
                            bool plan, const sol_config *base, col_findings *findings,
                            col_cases **out, sc_diag *diag)
{
    col_cases *cases = sc_calloc(1, sizeof *cases);
    node *root = sc_yaml_root(doc), *name = sc_yaml_get(root, "op");
    if (!cases) {
        sc_yaml_free(doc);
        return sc_diag_nomem(diag);
    }
    *cases = (col_cases){.doc = doc, .op = op, .system = system, .base = base};
    cases_reader r = {.cases = cases,
                      .op = op,
                      .name =
                          name && name->kind == SC_YAML_SCALAR ? name->text : op->name,
                      .plan = plan,
                      .findings = findings,
                      .diag = diag};
    sc_status status = (cases->names = sol_context_new()) ? SC_OK : sc_diag_nomem(diag);
    if (!status && root->kind != SC_YAML_MAP)
        status = no_map(&r, root, "a case file");
    else if (!status) {
        status = plan ? SC_OK : check_root(&r, root);
        if (!status)
            status = read_sections(&r, root);
    }
    sc_free(r.seen);
    if (status) {
        col_cases_free(cases);
        return status == SC_ENOMEM ? sc_diag_nomem(diag) : status;
    }
    *out = cases;
    return SC_OK;
}

sc_status col_cases_read(sc_yaml *doc, const sol_op *op, const sol_system *system,
                         col_findings *findings, col_cases **out, sc_diag *diag)
{
    return read_cases(doc, op, system, false, NULL, findings, out, diag);
}

sc_status col_cases_read_plan(sc_yaml *doc, const sol_op *op, const sol_system *system,
                              const sol_config *base, col_findings *findings,
                              col_cases **out, sc_diag *diag)
{
    return read_cases(doc, op, system, true, base, findings, out, diag);
}
