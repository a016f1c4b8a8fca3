/* solcheck - cases files that list whole shapes, as the table of their points.
 *
 * The reference ecosystem's files give, for each op, lists of values whose product are
 * the cases (all_frameworks_op_cases.<op>.cases), or lists for a model's shape
 * (common_case_values with parallel sizes), and limits. The product becomes a table that
 * is read like that of --points: head counts and widths are those of one GPU.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/plan.h"
#include "collector/table.h"

#define MAX_CHOICES 16

typedef struct expander expander;
typedef struct choice choice;

/* Takes one item of a list into the current case; *skip: there is no such case. */
typedef sc_status set_fn(expander *e, const choice *from, const sc_yaml_node *item,
                         bool *skip);

struct choice {
    const sc_yaml_node *list;
    set_fn *set;
    int at; /* parameter or slot */
    bool axis;
};

typedef struct pair {
    double b, s;
} pair;

struct expander {
    cli_session *cli;
    const sc_yaml *doc;
    const sc_yaml_node *lists; /* of one case, or common_case_values.<op> */
    const sol_phase *phase;
    choice choice[MAX_CHOICES];
    int n_choices;
    double b, s, tp;
    double *param;   /* [n_params] of one GPU */
    double *whole;   /* [n_params] of the whole model */
    sol_dtype *slot; /* [n_slots] */
    bool *slot_used; /* [n_slots] a list sets it */
    pair *pair;      /* of the current configuration */
    size_t n_pairs, capacity;
    sc_buf *out;
};

/* ---- the items ---- */

static sc_status number(expander *e, const sc_yaml_node *item, double least, double *out)
{
    int64_t value;
    sc_status status = sc_yaml_int(e->doc, item, &value, &e->cli->diag);
    if (status == SC_OK && (double)value < least)
        status = sc_yaml_fail(e->doc, item, SC_EPARSE, SC1105, &e->cli->diag,
                              "must be at least %g", least);
    if (status == SC_OK)
        *out = (double)value;
    return status;
}

static sc_status set_b(expander *e, const choice *from, const sc_yaml_node *item,
                       bool *skip)
{
    (void)from, (void)skip;
    return number(e, item, 1, &e->b);
}

static sc_status set_s(expander *e, const choice *from, const sc_yaml_node *item,
                       bool *skip)
{
    (void)from, (void)skip;
    return number(e, item, 1, &e->s);
}

/* Tokens of a step: one request of x tokens, or x requests in generation. */
static sc_status set_tokens(expander *e, const choice *from, const sc_yaml_node *item,
                            bool *skip)
{
    bool generation = e->phase->kind == SOL_GENERATION;
    (void)from, (void)skip;
    e->b = e->s = 1;
    return number(e, item, 1, generation ? &e->b : &e->s);
}

static sc_status set_param(expander *e, const choice *from, const sc_yaml_node *item,
                           bool *skip)
{
    (void)skip;
    return number(e, item, 0, &e->param[from->at]);
}

/* Key and value heads: as many as query heads ("self"), or a smaller divisor of these. */
static sc_status set_kv_heads(expander *e, const choice *from, const sc_yaml_node *item,
                              bool *skip)
{
    double heads = e->param[sol_op_param_index(e->cli->op, "num_heads")], n = heads;
    sc_status status = SC_OK;
    if (item && strcmp(item->text, "self") != 0) {
        status = number(e, item, 1, &n);
        *skip = n >= heads || fmod(heads, n) != 0;
    }
    e->param[from->at] = n;
    return status;
}

static sc_status set_slot(expander *e, const choice *from, const sc_yaml_node *item,
                          bool *skip)
{
    (void)skip;
    if (sol_dtype_parse(item->text, &e->slot[from->at]))
        return SC_OK;
    return sc_yaml_fail(e->doc, item, SC_EPARSE, SC1102, &e->cli->diag,
                        "'%s' is no dtype", item->text);
}

/* {fp8_kv_cache: BOOL, fp8_context_fmha: BOOL} */
static sc_status set_precision(expander *e, const choice *from, const sc_yaml_node *item,
                               bool *skip)
{
    static const char *const key[] = {"fp8_kv_cache", "fp8_context_fmha"};
    static const char *const slot[] = {"kv", "attn"};
    (void)from, (void)skip;
    for (int i = 0; i < 2; i++) {
        const sc_yaml_node *flag = sc_yaml_get(item, key[i]);
        int at = sol_op_slot_index(e->cli->op, slot[i]);
        bool fp8 = false;
        sc_status status = flag ? sc_yaml_bool(e->doc, flag, &fp8, &e->cli->diag) : SC_OK;
        if (status != SC_OK)
            return status;
        if (at >= 0)
            e->slot[at] = fp8 ? SOL_FP8 : SOL_BF16;
    }
    return SC_OK;
}

/* Local values of what tp divides; a tp that does not divide them is no case. */
static sc_status set_tp(expander *e, const choice *from, const sc_yaml_node *item,
                        bool *skip)
{
    const sol_op *op = e->cli->op;
    (void)from;
    sc_status status = number(e, item, 1, &e->tp);
    for (int i = 0; i < op->n_params && status == SC_OK; i++)
        if (op->param[i].shard_tp) {
            e->param[i] = e->whole[i] / e->tp;
            *skip |= e->param[i] != floor(e->param[i]);
        }
    return status;
}

/* Experts over the ranks, whose number is one of gpu_counts together with tp. */
static sc_status set_ep(expander *e, const choice *from, const sc_yaml_node *item,
                        bool *skip)
{
    const sc_yaml_node *gpus = sc_yaml_get(e->lists, "gpu_counts");
    int experts = sol_op_param_index(e->cli->op, "num_experts");
    double ep = 1, n;
    bool listed = !gpus;
    sc_status status = number(e, item, 1, &ep);
    for (size_t i = 0; gpus && i < gpus->n && status == SC_OK; i++) {
        status = number(e, gpus->item[i], 1, &n);
        listed |= n == e->tp * ep;
    }
    e->param[from->at] = ep;
    *skip = !listed || (experts >= 0 && fmod(e->param[experts], ep) != 0);
    return status;
}

/* {name: balanced} or {name: power_law, power_law_alpha: 1.2}: the two that layers have.
 */
static sc_status set_routing(expander *e, const choice *from, const sc_yaml_node *item,
                             bool *skip)
{
    const sc_yaml_node *name = sc_yaml_get(item, "name");
    const sc_yaml_node *alpha = sc_yaml_get(item, "power_law_alpha");
    double power = 0;
    sc_status status =
        alpha ? sc_yaml_double(e->doc, alpha, &power, &e->cli->diag) : SC_OK;
    bool even = name && (strcmp(name->text, "balanced") == 0 ||
                         strcmp(name->text, "uniform") == 0);
    e->param[from->at] = even;
    *skip = !even && power != 1.2;
    return status;
}

/* ---- which lists ---- */

/* X(list, what it sets: a parameter's or slot's name or "", setter, of the axes) */
#define LISTS(X)                                                                         \
    X("tensor_parallel_sizes", "", set_tp, false)                                        \
    X("expert_parallel_sizes", "ep", set_ep, false)                                      \
    X("token_expert_distributions", "uniform", set_routing, false)                       \
    X("query_head_counts", "num_heads", set_param, false)                                \
    X("head_counts", "num_heads", set_param, false)                                      \
    X("kv_head_options", "num_kv_heads", set_kv_heads, false)                            \
    X("head_dims", "head_dim", set_param, false)                                         \
    X("window_sizes", "window", set_param, false)                                        \
    X("feature_sizes", "k", set_param, false)                                            \
    X("gemm_types", "mm", set_slot, false)                                               \
    X("dtypes", "mm", set_slot, false)                                                   \
    X("precision_cases", "", set_precision, false)                                       \
    X("batch_sizes", "", set_b, true)                                                    \
    X("target_sequence_lengths", "", set_s, true)                                        \
    X("sequence_lengths", "", set_s, true)                                               \
    X("token_counts", "", set_tokens, true)

static const struct list_word {
    const char *list, *target;
    set_fn *set;
    bool axis;
} words[] = {
#define X(list, target, set, axis) {list, target, set, axis},
    LISTS(X)
#undef X
};

/* <phase>_<name>, or <name>. */
static const sc_yaml_node *find_list(const expander *e, const char *name)
{
    char key[96];
    snprintf(key, sizeof key, "%s_%s", sol_phase_name(e->phase->kind), name);
    const sc_yaml_node *list = sc_yaml_get(e->lists, key);
    list = list ? list : sc_yaml_get(e->lists, name);
    return list && list->kind == SC_YAML_SEQ ? list : NULL;
}

static void use_slots(expander *e, const choice *c)
{
    if (c->set == set_slot)
        e->slot_used[c->at] = true;
    for (int i = 0; c->set == set_precision && i < e->cli->op->n_slots; i++)
        e->slot_used[i] |= strcmp(e->cli->op->slot[i].name, "kv") == 0 ||
                           strcmp(e->cli->op->slot[i].name, "attn") == 0;
}

/* A list of something that the op does not have counts for nothing. */
static void choose(expander *e, const sc_yaml_node *list, const char *target, set_fn *set,
                   bool axis)
{
    const sol_op *op = e->cli->op;
    int at = set == set_slot ? sol_op_slot_index(op, target)
             : *target       ? sol_op_param_index(op, target)
                             : 0;
    if (!list || at < 0 || e->n_choices == MAX_CHOICES)
        return;
    choice *c = &e->choice[e->n_choices++];
    *c = (choice){.list = list, .set = set, .at = at, .axis = axis};
    use_slots(e, c);
}

/* Configurations before axes, so that the pairs of each come together. family: the list
 * of query heads where generation keeps two, and of their key and value heads. */
static void choose_all(expander *e, const char *heads, const char *kv_heads)
{
    e->n_choices = 0;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const sc_yaml_node *list = find_list(e, words[i].list);
        if (words[i].set == set_tokens && find_list(e, "batch_sizes"))
            continue;
        if (strcmp(words[i].list, "feature_sizes") == 0) { /* in, then out */
            const sc_yaml_node *wide = find_list(e, "output_feature_sizes");
            choose(e, wide ? wide : list, "n", set_param, false);
        }
        if (strcmp(words[i].list, "kv_head_options") == 0 && *heads) {
            choose(e, find_list(e, heads), "num_heads", set_param, false);
            choose(e, find_list(e, *kv_heads ? kv_heads : heads), "num_kv_heads",
                   set_kv_heads, false);
        } else {
            choose(e, list, words[i].target, words[i].set, words[i].axis);
        }
    }
}

/* ---- limits ---- */

static sc_status limit(const expander *e, const char *key, double otherwise, double *out)
{
    const sc_yaml_node *node = sc_yaml_get(e->lists, key);
    *out = otherwise;
    return node ? sc_yaml_double(e->doc, node, out, &e->cli->diag) : SC_OK;
}

static double param(const expander *e, const char *name)
{
    int at = sol_op_param_index(e->cli->op, name);
    return at < 0 ? NAN : e->param[at];
}

/* Limits on tokens and on elements of the cache; of attention by kind of heads. */
static sc_status within_limits(const expander *e, bool *ok)
{
    char key[64];
    double heads = param(e, "num_heads"), kv = param(e, "num_kv_heads"), most, batch,
           elements;
    bool self = heads == kv, context = e->phase->kind == SOL_CONTEXT;
    snprintf(key, sizeof key, "max_%s_tokens", sol_phase_name(e->phase->kind));
    sc_status status = limit(e, key, INFINITY, &most);
    if (status == SC_OK && !sc_yaml_get(e->lists, key))
        status = limit(
            e, self ? "max_tokens_self_attention" : "max_tokens_grouped_query_attention",
            INFINITY, &most);
    if (status == SC_OK)
        status = limit(e, "max_batch_size_self_attention", INFINITY, &batch);
    if (status == SC_OK)
        status = limit(e, "max_kv_elements", INFINITY, &elements);
    *ok = e->b * e->s <= most && !(self && context && e->b > batch) &&
          !(2 * e->b * e->s * kv * param(e, "head_dim") >= elements);
    /* Generation: whole batches of so many tokens, heads counted. */
    if (status == SC_OK)
        status = limit(e, self ? "max_mha_tokens_per_step" : "max_xqa_tokens_per_step",
                       INFINITY, &most);
    *ok &= !(isfinite(most) && e->b > floor(floor(most / e->s) / heads));
    return status;
}

/* skip_shapes: [{input_features: K, output_features: N}] */
static sc_status skipped(const expander *e, bool *skip)
{
    const sc_yaml_node *list = sc_yaml_get(e->lists, "skip_shapes");
    for (size_t i = 0; list && i < list->n; i++) {
        const sc_yaml_node *in = sc_yaml_get(list->item[i], "input_features");
        const sc_yaml_node *out = sc_yaml_get(list->item[i], "output_features");
        double k = NAN, n = NAN;
        sc_status status = in ? sc_yaml_double(e->doc, in, &k, &e->cli->diag) : SC_OK;
        if (status == SC_OK && out)
            status = sc_yaml_double(e->doc, out, &n, &e->cli->diag);
        if (status != SC_OK)
            return status;
        *skip |= k == param(e, "k") && n == param(e, "n");
    }
    return SC_OK;
}

/* ---- rows ---- */

static sc_status add_pair(expander *e)
{
    bool ok, skip = false;
    sc_status status = within_limits(e, &ok);
    if (status == SC_OK)
        status = skipped(e, &skip);
    if (status != SC_OK || !ok || skip)
        return status;
    if (e->n_pairs == e->capacity) {
        size_t capacity = e->capacity ? 2 * e->capacity : 256;
        pair *more = sc_reallocarray(e->pair, capacity, sizeof *more);
        if (!more)
            return sc_diag_nomem(&e->cli->diag);
        e->pair = more;
        e->capacity = capacity;
    }
    e->pair[e->n_pairs++] = (pair){e->b, e->s};
    return SC_OK;
}

/* Lengths that fewer batch sizes than min_batch_options_per_sequence reach go. */
static void drop_rare(expander *e, double least)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->n_pairs; i++) {
        double n = 0;
        for (size_t k = 0; k < e->n_pairs; k++)
            n += e->pair[k].s == e->pair[i].s;
        if (n < least)
            e->pair[i].b = -e->pair[i].b;
    }
    for (size_t i = 0; i < e->n_pairs; i++)
        if (e->pair[i].b > 0)
            e->pair[kept++] = e->pair[i];
    e->n_pairs = kept;
}

/* The largest length of each batch size from `from` on goes. */
static void drop_longest(expander *e, double from)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->n_pairs; i++) {
        double longest = 0;
        for (size_t k = 0; k < e->n_pairs; k++)
            if (fabs(e->pair[k].b) == fabs(e->pair[i].b))
                longest = fmax(longest, e->pair[k].s);
        if (e->pair[i].b >= from && e->pair[i].s == longest)
            e->pair[i].b = -e->pair[i].b;
    }
    for (size_t i = 0; i < e->n_pairs; i++)
        if (e->pair[i].b > 0)
            e->pair[kept++] = e->pair[i];
    e->n_pairs = kept;
}

static void add_number(sc_buf *out, double value)
{
    char text[32];
    sc_format_double(value, text);
    sc_buf_printf(out, ",%s", text);
}

static void write_row(expander *e, const pair *p)
{
    const sol_op *op = e->cli->op;
    sc_buf_add(e->out, sol_phase_name(e->phase->kind));
    add_number(e->out, p->b);
    add_number(e->out, p->s);
    add_number(e->out, e->tp);
    for (int i = 0; i < op->n_params; i++)
        add_number(e->out, e->param[i]);
    for (int i = 0; i < op->n_slots; i++) {
        int lead = op->slot[i].follows;
        bool follows = lead >= 0 && !e->slot_used[i] && !e->cli->config.slot_given[i];
        if (follows)
            e->slot[i] = e->slot[lead];
        sc_buf_printf(e->out, ",%s", sol_dtype_name(e->slot[i]));
    }
    sc_buf_add(e->out, "\n");
}

/* The pairs of one configuration are complete. */
static sc_status flush(expander *e)
{
    double least, from;
    sc_status status = limit(e, "min_batch_options_per_sequence", 0, &least);
    if (status == SC_OK)
        status = limit(e, "drop_largest_sequence_for_batch_at_least", INFINITY, &from);
    if (status != SC_OK)
        return status;
    drop_rare(e, least);
    drop_longest(e, from);
    for (size_t i = 0; i < e->n_pairs; i++)
        write_row(e, &e->pair[i]);
    e->n_pairs = 0;
    return e->out->failed ? sc_diag_nomem(&e->cli->diag) : SC_OK;
}

/* The product of the choices from `at` on. */
static sc_status expand(expander *e, int at)
{
    const choice *c = &e->choice[at];
    bool axes = at == e->n_choices || c->axis;
    bool first = axes && (at == 0 || !e->choice[at - 1].axis);
    sc_status status = SC_OK;
    if (at == e->n_choices)
        status = add_pair(e);
    /* As many key and value heads as query heads: one case, not a list. */
    bool self = at < e->n_choices && c->set == set_kv_heads && at > 0 &&
                c->list == e->choice[at - 1].list;
    for (size_t i = 0; at < e->n_choices && i < (self ? 1 : c->list->n) && !status; i++) {
        bool skip = false;
        status = c->set(e, c, self ? NULL : c->list->item[i], &skip);
        if (status == SC_OK && !skip)
            status = expand(e, at + 1);
    }
    return status == SC_OK && first ? flush(e) : status;
}

/* ---- entries of the file ---- */

/* Does "mla_bmm_gen_pre" name the op, and the phase? What is left of the name is a label
 * that the op's maps of tables know: it sets a parameter. */
static bool names_op(expander *e, const char *key)
{
    const sol_op *op = e->cli->op;
    size_t n = strlen(op->name);
    if (strncmp(key, op->name, n) != 0 || (key[n] && key[n] != '_'))
        return false;
    const char *rest = key + n;
    if (strcmp(rest, "") == 0)
        return true;
    if (strcmp(rest + 1, "context") == 0 || strcmp(rest + 1, "generation") == 0)
        return strcmp(rest + 1, sol_phase_name(e->phase->kind)) == 0;
    for (int i = 0; i < op->n_tables; i++)
        for (int k = 0; k < op->table[i].n_columns; k++)
            for (int j = 0; j < op->table[i].column[k].n_cases; j++) {
                int at = sol_op_param_index(op, op->table[i].column[k].target);
                if (op->table[i].phase == e->phase->kind && at >= 0 &&
                    sc_ends_with(op->table[i].column[k].cases[j].label, rest)) {
                    e->param[at] = op->table[i].column[k].cases[j].number;
                    return true;
                }
            }
    return false;
}

static void reset(expander *e)
{
    const sol_op *op = e->cli->op;
    e->tp = 1;
    e->b = e->s = 1;
    for (int i = 0; i < op->n_params; i++)
        e->param[i] = e->whole[i] = e->cli->config.param[i];
    for (int i = 0; i < op->n_slots; i++)
        e->slot[i] = e->cli->config.slot[i];
}

/* `phase`, and `parameters` and `dtypes` as mappings, with values for the whole model: as
 * `solcheck design` writes them. *mine is false for a case of another phase. */
static sc_status enter_case(expander *e, const sc_yaml_node *one, bool *mine)
{
    const sol_op *op = e->cli->op;
    const sc_yaml_node *phase = sc_yaml_get(one, "phase");
    sc_status status = SC_OK;
    *mine = !phase || strcmp(phase->text, sol_phase_name(e->phase->kind)) == 0;
    for (int i = 0; i < op->n_params && status == SC_OK; i++) {
        const sc_yaml_node *node =
            sc_yaml_get(sc_yaml_get(one, "parameters"), op->param[i].name);
        if (node)
            status = sc_yaml_double(e->doc, node, &e->whole[i], &e->cli->diag);
        if (node)
            e->param[i] = e->whole[i];
    }
    for (int i = 0; i < op->n_slots && status == SC_OK; i++) {
        const choice slot = {.at = i};
        const sc_yaml_node *node =
            sc_yaml_get(sc_yaml_get(one, "dtypes"), op->slot[i].name);
        bool skip;
        if (!node)
            continue;
        status = set_slot(e, &slot, node, &skip);
        e->slot_used[i] = true;
    }
    return status;
}

/* Takes back what enter_case set. */
static void leave_case(expander *e, const sc_yaml_node *one)
{
    const sol_op *op = e->cli->op;
    for (int i = 0; i < op->n_params; i++)
        if (sc_yaml_get(sc_yaml_get(one, "parameters"), op->param[i].name))
            e->param[i] = e->whole[i] = e->cli->config.param[i];
    for (int i = 0; i < op->n_slots; i++)
        if (sc_yaml_get(sc_yaml_get(one, "dtypes"), op->slot[i].name)) {
            e->slot[i] = e->cli->config.slot[i];
            e->slot_used[i] = false;
        }
}

/* Generation attention lists heads twice: with as many key and value heads, and with
 * fewer. */
static sc_status expand_lists(expander *e, const sc_yaml_node *lists)
{
    static const char *const family[][2] = {{"mha_query_head_counts", ""},
                                            {"xqa_query_head_counts", "kv_head_counts"}};
    sc_status status = SC_OK;
    bool families = false;
    e->lists = lists;
    for (int i = 0; i < 2 && status == SC_OK; i++) {
        if (!find_list(e, family[i][0]))
            continue;
        families = true;
        choose_all(e, family[i][0], family[i][1]);
        status = expand(e, 0);
    }
    if (status != SC_OK || families)
        return status;
    choose_all(e, "", "");
    return e->n_choices ? expand(e, 0) : SC_OK;
}

static sc_status expand_entry(expander *e, const sc_yaml_node *entry)
{
    const sc_yaml_node *cases = sc_yaml_get(entry, "cases");
    sc_status status = SC_OK;
    for (size_t i = 0; cases && i < cases->n && status == SC_OK; i++) {
        bool mine;
        status = enter_case(e, cases->item[i], &mine);
        if (status == SC_OK && mine)
            status = expand_lists(e, cases->item[i]);
        leave_case(e, cases->item[i]);
    }
    return status;
}

static sc_status expand_phase(expander *e, const sc_yaml_node *root)
{
    const sc_yaml_node *all = sc_yaml_get(root, "all_frameworks_op_cases");
    const sc_yaml_node *common =
        sc_yaml_get(sc_yaml_get(root, "common_case_values"), e->cli->op->name);
    sc_status status = SC_OK;
    reset(e);
    for (size_t i = 0; all && i < all->n && status == SC_OK; i++)
        if (names_op(e, all->key[i]->text))
            status = expand_entry(e, all->item[i]);
    if (status == SC_OK && common && sc_yaml_get(common, "tensor_parallel_sizes"))
        status = expand_lists(e, common);
    return status;
}

bool cli_cases_list_shapes(const cli_session *cli, const sc_yaml *doc)
{
    const sc_yaml_node *root = sc_yaml_root(doc);
    const sc_yaml_node *common =
        sc_yaml_get(sc_yaml_get(root, "common_case_values"), cli->op->name);
    return sc_yaml_get(root, "all_frameworks_op_cases") ||
           sc_yaml_get(common, "tensor_parallel_sizes");
}

static sc_status expand_all(expander *e, const sc_yaml *doc)
{
    const sol_op *op = e->cli->op;
    sc_status status = SC_OK;
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (e->cli->phase[p]) {
            e->phase = op->phase[p];
            status = expand_phase(e, sc_yaml_root(doc));
        }
    if (status == SC_OK && e->out->n == 0)
        return sc_yaml_fail(doc, sc_yaml_root(doc), SC_EPARSE, SC1102, &e->cli->diag,
                            "the file lists no case of op %s", op->name);
    return status;
}

static void write_header(const sol_op *op, sc_buf *out)
{
    sc_buf_add(out, "phase,b,s,tp");
    for (int i = 0; i < op->n_params; i++)
        sc_buf_printf(out, ",%s", op->param[i].name);
    for (int i = 0; i < op->n_slots; i++)
        sc_buf_printf(out, ",%s_dtype", op->slot[i].name);
    sc_buf_add(out, "\n");
}

sc_status cli_cases_table(cli_session *cli, const sc_yaml *doc, col_table **out)
{
    sc_buf rows = {0}, text = {0};
    expander e = {.cli = cli, .doc = doc, .out = &rows};
    e.param = sc_calloc((size_t)cli->op->n_params, sizeof *e.param);
    e.whole = sc_calloc((size_t)cli->op->n_params, sizeof *e.whole);
    e.slot = sc_calloc((size_t)cli->op->n_slots, sizeof *e.slot);
    e.slot_used = sc_calloc((size_t)cli->op->n_slots, sizeof *e.slot_used);
    sc_status status = e.param && e.whole && e.slot && e.slot_used ? expand_all(&e, doc)
                                                        : sc_diag_nomem(&cli->diag);
    if (status == SC_OK) {
        write_header(cli->op, &text);
        sc_buf_addn(&text, sc_buf_text(&rows), rows.n);
        status = text.failed ? sc_diag_nomem(&cli->diag)
                             : col_table_parse(sc_yaml_name(doc), sc_buf_text(&text),
                                               text.n, out, &cli->diag);
    }
    sc_buf_free(&rows);
    sc_buf_free(&text);
    sc_free(e.pair);
    sc_free(e.param);
    sc_free(e.whole);
    sc_free(e.slot);
    sc_free(e.slot_used);
    return status;
}
