/* solcheck - reports: cases.yaml, the test-case layout that the decision freezes.
 *
 * The keys are the reference ecosystem's (schema_version 1, common_case_values); where it
 * has none (parameters, dtypes, other axes than b and s) they follow its style.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <ctype.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"

#include "reports/internal.h"

/* What the ecosystem calls the axes b and s; others keep their own name. */
static const char *quantity_name(const rep_phase *p, const char *axis)
{
    if (strcmp(axis, "b") == 0) {
        return "batch_size";
    }
    if (strcmp(axis, "s") == 0) {
        return p->phase->kind == SOL_GENERATION ? "target_sequence_length"
                                                : "sequence_length";
    }
    return strcmp(axis, "x") == 0 ? "token_count" : axis;
}

/* Appends a key: plain where YAML reads it back as the same text. */
static void add_key(sc_buf *out, const char *name)
{
    static const char *const special[] = {"y",  "n",   "yes",  "no",    "true",
                                          "on", "off", "null", "false", "~"};
    bool plain = isalpha((unsigned char)name[0]) != 0;
    for (const char *p = name; *p && plain; p++) {
        plain = (*p & 0x80) == 0 && (isalnum((unsigned char)*p) || *p == '_');
    }
    for (size_t i = 0; i < sizeof special / sizeof *special && plain; i++) {
        plain = strcasecmp(name, special[i]) != 0;
    }
    if (plain) {
        sc_buf_add(out, name);
    } else {
        rep_add_yaml(out, name);
    }
}

/* Appends `text` with whole-word axis names replaced by the ecosystem's. */
static void add_renamed(sc_buf *out, const rep_phase *p, const char *text)
{
    while (*text) {
        size_t n = 0;
        while (isalnum((unsigned char)text[n]) || text[n] == '_') {
            n++;
        }
        if (n == 0) {
            sc_buf_addn(out, text++, 1);
            continue;
        }
        const char *to = NULL;
        for (int i = 0; i < p->phase->n_axes && !to; i++) {
            const char *name = p->phase->axis[i].name;
            if (strlen(name) == n && memcmp(name, text, n) == 0) {
                to = quantity_name(p, name);
            }
        }
        if (to) {
            sc_buf_add(out, to);
        } else {
            sc_buf_addn(out, text, n);
        }
        text += n;
    }
}

static void add_sweep(sc_buf *out, const rep_phase *p, const char *axis,
                      const rep_sweep *sweep)
{
    sc_buf key = {0};
    sc_buf_printf(&key, "%s_%ss", sol_phase_name(p->phase->kind), quantity_name(p, axis));
    sc_buf_add(out, "    ");
    add_key(out, sc_buf_text(&key));
    sc_buf_add(out, ":\n");
    for (size_t i = 0; i < sweep->n; i++) {
        sc_buf_printf(out, "    - %s%s\n", rep_number(sweep->value[i]).c,
                      sweep->ridge[i] ? " # compute/memory boundary" : "");
    }
    out->failed |= key.failed;
    sc_buf_free(&key);
}

/* The sweeps of one phase; token_limit receives the largest x of a token sweep. */
static sc_status add_phase_sweeps(sc_buf *out, const rep_study *study, const rep_phase *p,
                                  double *token_limit, sc_diag *diag)
{
    const char *name[SOL_MAX_AXES];
    int n = rep_decision_axes(p, name);
    for (int i = 0; i < n; i++) {
        rep_sweep sweep = {0};
        sc_status status;
        if (p->kind == FIT_TOKEN_EQUIVALENT) {
            status = rep_sweep_tokens(study, p, &sweep, diag);
        } else {
            int axis = sol_phase_axis_index(p->phase, name[i]);
            status = rep_sweep_axis(study, p, axis, &sweep, diag);
        }
        if (status != SC_OK) {
            return status;
        }
        add_sweep(out, p, name[i], &sweep);
        if (p->kind == FIT_TOKEN_EQUIVALENT) {
            *token_limit = sweep.value[sweep.n - 1];
        }
        rep_sweep_clear(&sweep);
    }
    return SC_OK;
}

/* Is the guard `b*s <= N` over two axes (in either order)? */
static bool is_token_limit(const rep_phase *p, const sol_guard *guard, double *limit)
{
    const sol_expr *e = guard->expr;
    if (e->op != SOL_OP_LE || e->kid[1]->op != SOL_OP_NUMBER ||
        e->kid[0]->op != SOL_OP_MUL) {
        return false;
    }
    int b = sol_phase_axis_index(p->phase, "b"), s = sol_phase_axis_index(p->phase, "s");
    const sol_expr *left = e->kid[0]->kid[0], *right = e->kid[0]->kid[1];
    if (b < 0 || s < 0 || left->op != SOL_OP_SYMBOL || right->op != SOL_OP_SYMBOL) {
        return false;
    }
    int sb = p->phase->axis[b].symbol, ss = p->phase->axis[s].symbol;
    if (!((left->symbol == sb && right->symbol == ss) ||
          (left->symbol == ss && right->symbol == sb))) {
        return false;
    }
    *limit = e->kid[1]->value;
    return true;
}

/* `max_<phase>_tokens` of one phase, and its constraints to `constraints`. */
static sc_status add_phase_limits(sc_buf *out, sc_buf *constraints,
                                  const rep_study *study, const rep_phase *p,
                                  double token_limit, sc_diag *diag)
{
    const char *phase = sol_phase_name(p->phase->kind);
    if (p->kind == FIT_TOKEN_EQUIVALENT) {
        sc_buf_printf(out, "    max_%s_tokens: %s\n", phase, rep_number(token_limit).c);
        sc_buf_printf(constraints, "    - '%s: token_count <= max_%s_tokens'\n", phase,
                      phase);
        return SC_OK;
    }
    bool limited = false;
    for (int i = 0; i < p->phase->n_guards; i++) {
        const sol_guard *guard = &p->phase->guard[i];
        double limit = 0;
        if (!limited && is_token_limit(p, guard, &limit)) {
            limited = true;
            sc_buf_printf(out, "    max_%s_tokens: %s\n", phase, rep_number(limit).c);
            sc_buf_printf(constraints, "    - '%s: batch_size * %s <= max_%s_tokens'\n",
                          phase, quantity_name(p, "s"), phase);
            continue;
        }
        sc_buf text = {0};
        if (sol_expr_print(study->op->ctx, guard->expr, &text) != SC_OK) {
            sc_buf_free(&text);
            return sc_diag_nomem(diag);
        }
        sc_buf_printf(constraints, "    - '%s: ", phase);
        add_renamed(constraints, p, sc_buf_text(&text));
        sc_buf_add(constraints, "'\n");
        sc_buf_free(&text);
    }
    if (p->phase->kind == SOL_GENERATION && sol_phase_axis_index(p->phase, "s") >= 0) {
        sc_buf_add(constraints,
                   "    - 'generation: input_length == target_sequence_length - 1'\n");
    }
    return SC_OK;
}

static void add_fixed_axes(sc_buf *out, const rep_phase *p)
{
    bool any = false;
    for (int i = 0; i < p->phase->n_axes; i++) {
        const sol_axis *a = &p->phase->axis[i];
        if (!a->optional) {
            continue;
        }
        if (!any) {
            sc_buf_printf(out, "    %s_fixed_axes:\n", sol_phase_name(p->phase->kind));
            any = true;
        }
        sc_buf_add(out, "      ");
        add_key(out, a->name);
        sc_buf_printf(out, ": %s\n", rep_number(a->value).c);
    }
}

static void add_parameters(sc_buf *out, const rep_study *study)
{
    const sol_op *op = study->op;
    double tp[REP_MAX_TP];
    int n_tp = rep_tp_sizes(study, tp);
    sc_buf_add(out, "    tensor_parallel_sizes:\n");
    for (int t = 0; t < n_tp; t++) {
        sc_buf_printf(out, "    - %s\n", rep_number(tp[t]).c);
    }
    bool any = false;
    for (int i = 0; i < op->n_params; i++) {
        if (!op->param[i].shard_tp) {
            any = true;
            continue;
        }
        sc_buf_printf(out, "    local_%s: # %s / tensor_parallel_size, same order\n",
                      op->param[i].name, rep_number(study->config.param[i]).c);
        for (int t = 0; t < n_tp; t++) {
            sc_buf_printf(out, "    - %s\n",
                          rep_number(study->config.param[i] / tp[t]).c);
        }
    }
    if (any) {
        sc_buf_add(out, "    parameters:\n");
    }
    for (int i = 0; i < op->n_params; i++) {
        if (!op->param[i].shard_tp) {
            sc_buf_add(out, "      ");
            add_key(out, op->param[i].name);
            sc_buf_printf(out, ": %s\n", rep_number(study->config.param[i]).c);
        }
    }
}

/* What a mode is; *n of them. Slots and parameters are names of the op, plain in YAML but
 * for words such as n. */
static sc_status add_modes(sc_buf *out, const rep_study *study, int *n, sc_diag *diag)
{
    const sol_op *op = study->op;
    rep_mode *mode = NULL;
    sc_status status = rep_modes(study, &mode, n, diag);
    if (status == SC_OK && *n > 0) {
        sc_buf_add(out, "    quantization_modes:\n");
    }
    for (int m = 0; status == SC_OK && m < *n; m++) {
        sc_buf_add(out, "    - name: ");
        add_key(out, mode[m].name);
        if (mode[m].min_sm > 0) {
            sc_buf_printf(out, "\n      min_sm: %d", mode[m].min_sm);
        }
        sc_buf_add(out, "\n      dtypes: {");
        for (int i = 0; i < op->n_slots; i++) {
            sc_buf_add(out, i ? ", " : "");
            add_key(out, op->slot[i].name);
            sc_buf_printf(out, ": %s", sol_dtype_name(mode[m].slot[i]));
        }
        sc_buf_add(out, "}\n");
        const char *sep = "      parameters: {";
        for (int i = 0; mode[m].param && i < op->n_params; i++) {
            if (!isnan(mode[m].param[i])) {
                sc_buf_add(out, sep);
                add_key(out, op->param[i].name);
                sc_buf_printf(out, ": %s", rep_number(mode[m].param[i]).c);
                sep = ", ";
            }
        }
        sc_buf_add(out, *sep == ',' ? "}\n" : "");
    }
    sc_free(mode);
    return status;
}

/* The largest tensor that a phase reads or writes on its grid, at TP 1; *name is its
 * term's. */
static sc_status most_elements(const rep_study *study, const rep_phase *p,
                               const sol_config *config, double *most, const char **name,
                               sc_diag *diag)
{
    const sol_phase *phase = p->phase;
    double *axis[SOL_MAX_AXES] = {NULL};
    size_t n = 0;
    sol_model *model = NULL;
    sc_status status = sol_grid(study->op, phase, config, axis, &n, diag);
    sol_bound *bound = sc_calloc(n + 1, sizeof *bound);
    double *term = sc_calloc(n * (size_t)phase->n_terms + 1, sizeof *term);
    if (status == SC_OK && (!bound || !term)) {
        status = sc_diag_nomem(diag);
    }
    if (status == SC_OK) {
        status = sol_model_new(study->op, phase->kind, config, study->system,
                               SOL_ARCHITECTURAL, &model, diag);
    }
    if (status == SC_OK) {
        status = sol_model_eval(model, n, (const double *const *)axis, bound, term, diag);
    }
    for (size_t i = 0; i < n * (size_t)phase->n_terms && status == SC_OK; i++) {
        const sol_term *of = &phase->term[i % (size_t)phase->n_terms];
        double bits = of->kind == SOL_BYTES && of->slot >= 0
                          ? sol_dtype_bits(config->slot[of->slot])
                          : INFINITY;
        if (term[i] * 8 / bits > *most) {
            *most = term[i] * 8 / bits;
            *name = of->name;
        }
    }
    sol_model_free(model);
    sc_free(bound);
    sc_free(term);
    for (int i = 0; i < SOL_MAX_AXES; i++) {
        sc_free(axis[i]);
    }
    return status;
}

/* `index_bits: 64` where a tensor has more elements than 32-bit indices reach. */
static sc_status add_index_bits(sc_buf *out, const rep_study *study, sc_diag *diag)
{
    sol_config config;
    double most = 0;
    const char *name = "";
    sc_status status = sol_config_copy(study->op, &study->config, &config, diag);
    if (status != SC_OK) {
        return status;
    }
    config.tp = 1;
    for (int k = 0; k < SOL_N_PHASES && status == SC_OK; k++) {
        if (study->phase[k].present) {
            status = most_elements(study, &study->phase[k], &config, &most, &name, diag);
        }
    }
    if (status == SC_OK && most > 2147483647.0) {
        sc_buf_printf(out, "    index_bits: 64 # tensor %s has up to %.3g elements\n",
                      name, most);
    }
    sol_config_clear(&config);
    return status;
}

static void add_head(sc_buf *out, const rep_study *study)
{
    const sol_op *op = study->op;
    sc_buf_printf(out, "# Collector cases, written by solcheck %s on ", PACKAGE_VERSION);
    rep_add_clean(out, study->date);
    sc_buf_add(
        out, ".\n# The axes follow axis-decision.md; ranges and guards are those of the "
             "op definition.\n");
    sc_buf_add(out, "schema_version: 1\nop: ");
    add_key(out, op->name);
    sc_buf_add(out, "\ndescription: ");
    rep_add_yaml(out, op->title);
    sc_buf_add(out, "\ncommon_case_values:\n  ");
    add_key(out, op->name);
    sc_buf_add(out, ":\n");
}

static sc_status add_counts(sc_buf *out, const rep_study *study, int modes, sc_diag *diag)
{
    double tp[REP_MAX_TP];
    int n_tp = rep_tp_sizes(study, tp);
    for (int k = 0; k < SOL_N_PHASES; k++) {
        const rep_phase *p = &study->phase[k];
        size_t n = 0;
        if (!p->present) {
            continue;
        }
        sc_status status = rep_count_cases(study, p, &n, diag);
        if (status != SC_OK) {
            return status;
        }
        sc_buf_printf(out,
                      "# %s: %zu points that the constraints admit, times %d TP size%s "
                      "and %d quantisation mode%s: %zu cases at most.\n",
                      sol_phase_name(p->phase->kind), n, n_tp, n_tp == 1 ? "" : "s",
                      modes, modes == 1 ? "" : "s",
                      n * (size_t)n_tp * (size_t)(modes > 0 ? modes : 1));
    }
    return SC_OK;
}

static sc_status add_phases(sc_buf *out, const rep_study *study, sc_diag *diag)
{
    sc_buf constraints = {0};
    double token_limit[SOL_N_PHASES] = {0};
    sc_status status = SC_OK;
    for (int k = 0; k < SOL_N_PHASES && status == SC_OK; k++) {
        if (study->phase[k].present) {
            status =
                add_phase_sweeps(out, study, &study->phase[k], &token_limit[k], diag);
        }
    }
    for (int k = 0; k < SOL_N_PHASES && status == SC_OK; k++) {
        if (study->phase[k].present) {
            add_fixed_axes(out, &study->phase[k]);
            status = add_phase_limits(out, &constraints, study, &study->phase[k],
                                      token_limit[k], diag);
        }
    }
    if (status == SC_OK && constraints.n > 0) {
        sc_buf_printf(out, "    constraints:\n%s", sc_buf_text(&constraints));
    }
    out->failed |= constraints.failed;
    sc_buf_free(&constraints);
    return status;
}

sc_status rep_cases(const rep_study *study, sc_buf *out, sc_diag *diag)
{
    sc_buf text = {0};
    int modes = 0;
    add_head(&text, study);
    sc_status status = add_phases(&text, study, diag);
    if (status == SC_OK) {
        status = add_index_bits(&text, study, diag);
    }
    if (status == SC_OK) {
        add_parameters(&text, study);
        status = add_modes(&text, study, &modes, diag);
    }
    if (status == SC_OK) {
        status = add_counts(&text, study, modes, diag);
    }
    return rep_append(out, &text, status, diag);
}
