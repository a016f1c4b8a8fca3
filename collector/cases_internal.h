/* solcheck - reading case files: what its parts share.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_CASES_INTERNAL_H
#define SC_COLLECTOR_CASES_INTERNAL_H

#include "collector/cases.h"

typedef const sc_yaml_node node;

typedef struct cases_reader {
    col_cases *cases;
    const sol_op *op;
    const char *name; /* `op` of the file, or the entry's when `plan` */
    bool plan;        /* reads what there is to measure */
    col_findings *findings;
    sc_diag *diag;
    node **seen; /* lists whose values have been checked */
    size_t n_seen;
    size_t capacity; /* of cases->sweep */
} cases_reader;

/* Reports with the reader's findings. */
#define CASES_REPORT(r, at, severity, code, hint, ...)                                   \
    col_cases_report((r)->cases, (r)->findings, at, severity, code, hint, __VA_ARGS__)

/* A key of the sweep: the innermost map that has it counts. NULL: none has. */
node *col_sweep_get(const col_sweep *sweep, const char *key);

/* The first list or number under one of the names, each as <phase>_<name> before <name>;
 * inner maps come first. *prefixed: found with the phase. */
node *col_sweep_find(const col_sweep *sweep, const char *const *name, node **key,
                     bool *prefixed);

/* Names under which a target's values may stand, the op file's first; *n of them. */
#define CASES_MAX_NAMES 12
size_t col_sweep_names(const col_sweep *sweep, const sol_op *op, const char *target,
                       const char *name[CASES_MAX_NAMES + 1], char text[3][96]);
const sol_case_list *col_sweep_list(const col_sweep *sweep, const char *target);

/* Marks a list; false when it has been marked before. */
bool col_cases_first(cases_reader *r, node *list);

/* Reads the values under a target; out->n stays 0 where there are none. lo, hi: what is
 * possible and what the op sweeps. Errors: SC_ENOMEM. */
sc_status col_cases_values(cases_reader *r, const col_sweep *sweep, const char *target,
                           double lo, double hi, col_case_values *out, bool *prefixed);
/* Dtypes of a sweep. Errors: SC_ENOMEM. */
sc_status col_cases_dtypes(cases_reader *r, col_sweep *sweep);
/* Constraints of the file and limits of the op file. Errors: SC_ENOMEM. */
sc_status col_cases_rules(cases_reader *r, col_sweep *sweep);

/* What a symbol of a rule stands for in a sweep. */
typedef enum cases_meaning {
    CASES_NOTHING,
    CASES_AXIS,
    CASES_PARAM,
    CASES_TP,
    CASES_TOKENS,
    CASES_INPUT, /* tokens that are in the KV cache before the step */
    CASES_NUMBER,
    CASES_ANY /* one of the numbers of a list that nothing else is: sweep->any */
} cases_meaning;
cases_meaning col_sweep_meaning(const col_cases *cases, const col_sweep *sweep,
                                const char *symbol, int *index, double *number);

#endif
