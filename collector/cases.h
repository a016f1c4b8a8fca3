/* solcheck - case files: what a collector sweeps, read against an op.
 *
 * The layouts are those of the reference ecosystem (schema_version 1):
 * common_case_values.<entry> with lists, all_frameworks_op_cases.<entry>.cases, and
 * framework_specific_op_cases.<framework>.<entry>.cases, whose items override the keys of
 * the item with the same id. An entry <entry>_<framework> of common_case_values overrides
 * <entry>. Which list is which axis or parameter the op file's `cases` section says;
 * where it says nothing, names follow the ecosystem's style (docs/validate.md). Tests:
 * tests/unit/collector/test_cases.c. SPDX-License-Identifier: GPL-3.0-or-later WITH
 * additional permission, see LICENSE */
#ifndef SC_COLLECTOR_CASES_H
#define SC_COLLECTOR_CASES_H

#include "collector/findings.h"
#include "sol/proof.h"
#include "sol/system.h"

/* Values of one axis, parameter or tp, in the order of the file. */
typedef struct col_case_values {
    const sc_yaml_node *key; /* the list or number; NULL: not in the file */
    double *number;          /* [n]; NaN: as the parameter `same` has */
    const sc_yaml_node **at; /* [n] */
    size_t n;
    int same;   /* index of a parameter, -1; with n = 0: always its value */
    bool local; /* of a sharded parameter: values of one GPU, one for each tp */
} col_case_values;

#define COL_CASE_DEPTH 4

typedef struct col_sweep {
    sol_phase_kind phase;
    const char *framework, *entry, *id, *profile; /* "" where there is none */
    const sc_yaml_node *at;                       /* where it stands */
    const sc_yaml_node *chain[COL_CASE_DEPTH];    /* maps, the innermost first */
    int n_chain;
    const sol_case_map *map; /* of the op file; NULL: by convention */
    bool over_tokens;        /* x in place of b and s */
    bool any_phase;          /* its lists name no phase */
    col_case_values axis[SOL_MAX_AXES], tokens, tp;
    col_case_values *param; /* [n_params] */
    sol_dtype *dtype;       /* [n_combinations][n_slots] */
    bool *able;             /* [n_combinations] the target runs all of them */
    double
        *mode_param; /* [n_combinations][n_params] of quantisation modes; NaN: not set */
    size_t n_combinations;
    const sc_yaml_node *any; /* a list of numbers, one of which a rule has to hold for */
    double max_tokens;       /* max_<phase>_tokens, infinite where there is none */
    const sc_yaml_node *max_tokens_at;
    struct col_rule { /* constraints of the file and limits of the op file */
        const sol_expr *expr;
        const sc_yaml_node *at; /* NULL: of the op file */
    } * rule;
    size_t n_rules;
} col_sweep;

typedef struct col_cases {
    sc_yaml *doc;
    const sol_config
        *base; /* what the file leaves open, borrowed; NULL: the op's defaults */
    const sol_op *op;
    const sol_system *system; /* the target */
    sol_context *names;       /* of all rules */
    col_sweep *sweep;
    size_t n;
} col_cases;

/* The op that a case file is about: `op:` is its name, or one in its `cases` section.
 * NULL where none is. */
const sol_op *col_cases_op(const sc_yaml *doc, const sol_op *const *op, size_t n);

/* Reads a document, which the result takes over. Everything that is wrong becomes a
 * finding (SC21xx); what can be read is read. Errors: SC_ENOMEM. Release with
 * col_cases_free. */
sc_status col_cases_read(sc_yaml *doc, const sol_op *op, const sol_system *system,
                         col_findings *findings, col_cases **out, sc_diag *diag);
void col_cases_free(col_cases *cases);

/* Reads what there is to measure of an op: entries of other ops, of frameworks, missing
 * phases and versions are no findings; token counts that name no phase serve each phase;
 * `base`, which outlives the result, fills what the file leaves open. Errors: as above.
 */
sc_status col_cases_read_plan(sc_yaml *doc, const sol_op *op, const sol_system *system,
                              const sol_config *base, col_findings *findings,
                              col_cases **out, sc_diag *diag);

/* Reports at a node of the file; legal with findings NULL. Errors: SC_ENOMEM. */
sc_status col_cases_report(const col_cases *cases, col_findings *findings,
                           const sc_yaml_node *at, sc_severity severity, sc_code code,
                           const char *hint, const char *fmt, ...) SC_PRINTF(7, 8);

/* The points of one sweep at one configuration. */
typedef struct col_case_grid {
    const col_sweep *sweep;
    const sol_config *config;   /* of the whole model, dtypes included */
    bool able;                  /* the target runs its dtypes */
    double *axis[SOL_MAX_AXES]; /* [n], admitted by the file; order of phase->axis */
    size_t n;
    size_t n_product; /* before the file's own limits */
} col_case_grid;
typedef sc_status col_case_visit(void *user, const col_case_grid *grid);

/* Visits every configuration of a sweep: tp, parameters, and dtypes or (all_dtypes false)
 * the first combination alone; `most` ends the visit early, *visited says how many there
 * were. TP sizes that do not divide are left out. Errors: those of visit; SC_ENOMEM. */
sc_status col_cases_visit(const col_cases *cases, const col_sweep *sweep, bool all_dtypes,
                          size_t most, col_case_visit *visit, void *user, size_t *visited,
                          sc_diag *diag);

#endif
