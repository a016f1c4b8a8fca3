/* solcheck model: which op files a model needs, and what in its configuration none
 * covers. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#include <config.h>

#include <jansson.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/yaml.h"
#include "cli/json.h"
#include "cli/session.h"
#include "sol/llm.h"

typedef struct survey {
    cli_session *cli;
    sol_llm *llm;
    sc_buf text;
    sc_buf general; /* ops whose shapes no key gives */
    json_t *ops;
    int n_needed;
} survey;

/* The parameters that the configuration fills: "num_heads=128 v_head_dim=128". */
static sc_status describe(survey *s, const sol_op *op)
{
    sol_config config;
    sc_diag *diag = &s->cli->diag;
    json_t *params = json_object();
    bool *found = sc_calloc((size_t)op->n_params, sizeof *found);
    sc_status status =
        found && params ? sol_config_init(op, &config, diag) : sc_diag_nomem(diag);
    if (status == SC_OK) {
        status = sol_llm_fill(s->llm, op, &config, found, diag);
        sc_buf_printf(&s->text, "  %-18s", op->name);
        for (int i = 0; i < op->n_params && status == SC_OK; i++) {
            if (!found[i])
                continue;
            sc_buf_printf(&s->text, " %s=%.12g", op->param[i].name, config.param[i]);
            json_object_set_new(params, op->param[i].name, json_real(config.param[i]));
        }
        sc_buf_add(&s->text, "\n");
        sol_config_clear(&config);
    }
    if (status == SC_OK)
        json_array_append_new(s->ops,
                              json_pack("{s:s, s:O}", "op", op->name, "params", params));
    json_decref(params);
    sc_free(found);
    return status;
}

static sc_status look_at(survey *s, const char *name)
{
    sol_op *op = NULL;
    sol_need need = SOL_NOT_NEEDED;
    sc_diag *diag = &s->cli->diag;
    sc_status status =
        sol_op_find(name, getenv("SOLCHECK_OP_PATH"), s->cli->data_dir, &op, diag);
    if (status == SC_OK)
        status = sol_llm_mark(s->llm, op, diag);
    if (status == SC_OK)
        status = sol_llm_need(s->llm, op, &need, diag);
    if (status == SC_OK && need == SOL_NEEDED) {
        s->n_needed++;
        status = describe(s, op);
    }
    if (status == SC_OK && need == SOL_GENERAL)
        sc_buf_printf(&s->general, " %s", op->name);
    sol_op_free(op);
    return status;
}

/* Patterns of keys that cost nothing or say how often an op runs: sol/model-keys.yaml. */
static sc_status ignored_keys(survey *s, sc_yaml **doc, const char ***out, size_t *n)
{
    sc_diag *diag = &s->cli->diag;
    char *path = sc_path_join(s->cli->data_dir, "sol/model-keys.yaml");
    sc_status status = path ? sc_yaml_load(path, doc, diag) : sc_diag_nomem(diag);
    sc_free(path);
    if (status != SC_OK)
        return status;
    const sc_yaml_node *root = sc_yaml_root(*doc);
    size_t total = 0;
    for (size_t i = 0; i < root->n; i++)
        total += root->item[i]->n;
    const char **list = sc_calloc(total, sizeof *list);
    if (!list)
        return sc_diag_nomem(diag);
    *n = 0;
    for (size_t i = 0; i < root->n; i++)
        for (size_t k = 0; k < root->item[i]->n; k++)
            list[(*n)++] = root->item[i]->item[k]->text;
    *out = list;
    return SC_OK;
}

static sc_status finish(survey *s, char *const *left, int *exit_code)
{
    json_t *none = json_array();
    sc_status status = SC_OK;
    if (s->n_needed == 0)
        sc_buf_add(&s->text, "  (none)\n");
    if (s->general.n > 0)
        sc_buf_printf(&s->text, "\nshapes by --param, no key gives them:%s\n",
                      sc_buf_text(&s->general));
    sc_buf_add(&s->text, left[0] ? "\nno op file accounts for\n"
                                 : "\nop files account for every key\n");
    for (char *const *key = left; *key; key++) {
        sc_buf_printf(&s->text, "  %s\n", *key);
        json_array_append_new(none, json_string(*key));
    }
    if (cli_has(&s->cli->options, CLI_OPT_JSON)) {
        json_t *root = json_pack("{s:s, s:O, s:O}", "model_type", sol_llm_type(s->llm),
                                 "needs", s->ops, "unaccounted", none);
        sc_buf_free(&s->text);
        status = cli_json_dump(root, &s->text, &s->cli->diag);
    }
    json_decref(none);
    *exit_code = left[0] || s->n_needed == 0 ? 1 : 0;
    return status ? status : cli_print(s->cli, &s->text);
}

sc_status cli_model(cli_session *cli, int *exit_code)
{
    survey s = {.cli = cli, .ops = json_array()};
    sc_yaml *keys = NULL;
    const char **ignored = NULL;
    char **names = NULL, **left = NULL;
    size_t n_ignored = 0;
    if (cli->options.files.n != 1)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "solcheck model wants one config.json");
    sc_status status = s.ops
                           ? sol_llm_load(cli->options.files.text[0], &s.llm, &cli->diag)
                           : sc_diag_nomem(&cli->diag);
    if (status == SC_OK)
        status =
            sol_op_names(getenv("SOLCHECK_OP_PATH"), cli->data_dir, &names, &cli->diag);
    if (status == SC_OK)
        sc_buf_printf(&s.text, "%s needs\n",
                      *sol_llm_type(s.llm) ? sol_llm_type(s.llm) : "the model");
    for (char **name = names; name && *name && status == SC_OK; name++)
        status = look_at(&s, *name);
    if (status == SC_OK)
        status = ignored_keys(&s, &keys, &ignored, &n_ignored);
    if (status == SC_OK)
        status = sol_llm_unmarked(s.llm, ignored, n_ignored, &left, &cli->diag);
    if (status == SC_OK)
        status = finish(&s, left, exit_code);
    sol_names_free(left);
    sol_names_free(names);
    sc_free(ignored);
    sc_yaml_free(keys);
    sol_llm_free(s.llm);
    json_decref(s.ops);
    sc_buf_free(&s.text);
    sc_buf_free(&s.general);
    return status;
}
