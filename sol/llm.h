/* solcheck - model configurations: a Hugging Face config.json fills the parameters of
 * ops, and tells which ops a model needs.
 *
 * A parameter's `model_config` is an expression over keys of the file (dots reach into
 * nested objects), or several, separated by `|`: the first one whose keys are all there
 * counts. An op's `when` is a condition over keys: an absent key, null, false and an
 * empty list are 0, true, text and other lists 1. Without `when` a model needs an op when
 * the file has every key that its parameters name. Keys are looked up at the top and,
 * failing that, in text_config, llm_config and language_config. No name of a model plays
 * a part. Tests: tests/unit/sol/test_llm.c, tests/lang/model.test.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_LLM_H
#define SC_SOL_LLM_H

#include "base/export.h"
#include "sol/op.h"

SC_BEGIN_DECLS

typedef struct sol_llm sol_llm;

/* Errors: SC_EIO SC1001, SC_EPARSE SC1115 (position), SC_ENOMEM. Release with
 * sol_llm_free. */
sc_status sol_llm_load(const char *path, sol_llm **out, sc_diag *diag);
void sol_llm_free(sol_llm *llm);
/* "model_type" of the file, "" when it has none: to print, never to decide. */
const char *sol_llm_type(const sol_llm *llm);

/* Sets the parameters of config that the file has a value for, as if given by the user,
 * and reports in found[n_params], which may be NULL, which these are. A value of null is
 * 0 where the parameter may be 0. Errors: SC_EINVAL SC1116 (the file has none of the keys
 * that op names), those of sol_config_set_param, of sol_expr_parse; SC_ENOMEM. */
sc_status sol_llm_fill(const sol_llm *llm, const sol_op *op, sol_config *config,
                       bool *found, sc_diag *diag);

typedef enum sol_need {
    SOL_NEEDED, /* by its condition, or because every key that it names is there */
    SOL_NOT_NEEDED,
    SOL_GENERAL /* it names no key: shapes come from elsewhere */
} sol_need;

/* Errors: those of sol_expr_parse, SC_ENOMEM. */
sc_status sol_llm_need(const sol_llm *llm, const sol_op *op, sol_need *out,
                       sc_diag *diag);

/* Marks every key of the file that the op's `model_config` and `when` name; keys that
 * several ops name are marked once. Errors: as sol_llm_need. */
sc_status sol_llm_mark(sol_llm *llm, const sol_op *op, sc_diag *diag);

/* Keys that nothing marked, that hold a number above 0, true, or an object, and that
 * match none of the shell patterns; NULL-terminated "key = value", release with
 * sol_names_free. Nested objects are named by paths. Errors: SC_ENOMEM. */
sc_status sol_llm_unmarked(const sol_llm *llm, const char *const *ignored,
                           size_t n_ignored, char ***out, sc_diag *diag);

SC_END_DECLS

#endif
