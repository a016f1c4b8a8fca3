/* solcheck - op definitions: parameters, dtypes, phases and terms, loaded from YAML.
 * The file format is described in docs/op-format.md.
 * Tests: tests/unit/sol/test_op.c, tests/lang/.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_OP_H
#define SC_SOL_OP_H

#include <stdint.h>

#include "base/export.h"
#include "base/yaml.h"
#include "sol/dtype.h"
#include "sol/expr.h"

SC_BEGIN_DECLS

typedef enum sol_phase_kind { SOL_CONTEXT, SOL_GENERATION, SOL_N_PHASES } sol_phase_kind;
const char *sol_phase_name(sol_phase_kind kind); /* "context", "generation" */

typedef enum sol_engine { SOL_TENSOR, SOL_CUDA, SOL_EXP, SOL_N_ENGINES } sol_engine;
const char *sol_engine_name(sol_engine engine); /* "tensor", "cuda", "exp" */

typedef struct sol_place { /* where something stands in the op file */
    int line, col;
} sol_place;

typedef struct sol_param {
    char *name, *meaning, *unit, *model_config; /* "" when not given */
    int symbol;
    double value;  /* default */
    double lo, hi; /* legal range, default [1, 2^53] */
    bool shard_tp; /* TP divides it */
    bool node_size; /* its default is the system's number of GPUs in a node */
    sol_place place;
} sol_param;

typedef struct sol_slot { /* a named dtype that a user picks */
    char *name;
    int bytes_symbol; /* symbol of bytes(name) */
    sol_dtype value;  /* default */
    int follows;      /* index of an earlier slot whose dtype it has unless set, or -1 */
    bool allowed[SOL_N_DTYPES];
    int min_sm[SOL_N_DTYPES]; /* compute capability x10 that the dtype needs, 0 = any */
    sol_place place;
} sol_slot;

/* A quantisation mode: dtypes that a kernel takes together, with the parameters that say how
 * scales are shared. */
typedef struct sol_mode {
    char *name;
    sol_dtype *slot;  /* [n_slots] */
    double *param;    /* [n_params], NaN: whatever the configuration says */
    int min_sm;       /* compute capability x10 that it needs, dtypes included; 0 = any */
    sol_place place;  /* line 0: derived, the op file has no `modes` */
} sol_mode;

typedef struct sol_axis {
    char *name, *meaning;
    int symbol;
    double lo, hi;
    bool optional; /* has a default: not swept unless asked for */
    double value;  /* the default */
    char *independent; /* why it is an axis although no term depends on it; "" */
    sol_place place;
} sol_axis;

typedef enum sol_term_kind { SOL_FLOPS, SOL_BYTES, SOL_NETWORK } sol_term_kind;
typedef enum sol_access { SOL_READ, SOL_WRITE } sol_access;

/* What carries NETWORK bytes out of, or into, one GPU. ANY: bytes that may take either link,
 * so that only the sum of both rates bounds them. Links are full duplex: each direction is a
 * resource of its own. */
typedef enum sol_link { SOL_INTRA, SOL_INTER, SOL_ANY, SOL_N_LINKS } sol_link;
typedef enum sol_direction { SOL_OUT, SOL_IN, SOL_N_DIRECTIONS } sol_direction;
const char *sol_link_name(sol_link link);                /* "intra", "inter", "any" */
const char *sol_direction_name(sol_direction direction); /* "out", "in" */
/* Sections of a phase, and what reports call a term: "flops" (also for SOL_EXP), "bytes",
 * "network". */
const char *sol_term_kind_name(sol_term_kind kind);

typedef struct sol_term {
    char *name, *source, *text; /* text: the expression as written */
    sol_term_kind kind;
    const sol_expr *expr; /* FLOP (or exponentials for SOL_EXP), or bytes */
    sol_engine engine;    /* FLOPS */
    sol_access access;    /* BYTES */
    sol_link link;        /* NETWORK */
    sol_direction direction; /* NETWORK */
    int slot;             /* index of the dtype slot, -1 if none */
    sol_place place;
} sol_term;

typedef struct sol_guard {
    char *text;
    const sol_expr *expr; /* non-zero = admissible */
    sol_place place;
} sol_guard;

typedef struct sol_output {
    int rank;
    const sol_expr *dim[4]; /* last one is the hidden size of the op */
    int slot;
} sol_output;

typedef struct sol_phase {
    sol_phase_kind kind;
    sol_axis *axis;
    int n_axes;
    const sol_expr *tokens; /* x: tokens processed by one step of this phase */
    sol_guard *guard;
    int n_guards;
    sol_term *term;
    int n_terms;
    sol_output output;
    sol_place place;
} sol_phase;

/* How a perf table's columns become axes, parameters and dtypes. */
typedef struct sol_table_column {
    char *target;         /* axis or parameter name */
    const sol_expr *expr; /* over column names, in the map's own context; NULL: by label */
    char *text;           /* the expression, or the name of the column of labels */
    struct sol_case {
        char *label;
        double number;
    } *cases;
    int n_cases;
    double otherwise; /* of other labels; NaN: rows with another label are left out */
    sol_place place;
} sol_table_column;

typedef struct sol_table_map {
    sol_phase_kind phase;
    char *stem;    /* file name starts with it, e.g. context_mla_perf */
    char *op_name; /* value of column op_name, "" = any */
    struct sol_table_rows { /* rows that the map is about: column = one of value[] */
        char *column, **value; /* value: NULL-terminated */
    } *rows;
    int n_rows;
    char **ignored; /* columns that follow from others or change nothing; NULL-terminated */
    sol_context *columns;
    sol_table_column *column;
    int n_columns;
    struct sol_table_dtype {
        char *slot, *column;
        char *label; /* in case files: key of an item that is a map; NULL: its name */
        struct sol_dtype_case { /* labels that do not mean the dtype of their name */
            char *label;
            sol_dtype dtype;
        } *cases;
        int n_cases;
    } *dtype;
    int n_dtypes;
    sol_place place;
} sol_table_map;

/* How case files of collectors name what they sweep. */
typedef struct sol_case_list {
    char *target; /* axis, parameter, "tp", or "x": tokens in place of the axes */
    char **name;  /* keys, the first one that is there counts; NULL-terminated */
    char *label;  /* stands for the value of the parameter `same`; "" */
    struct sol_case *cases; /* labels that stand for numbers; other values are left out */
    int n_cases;
    int same;     /* index of a parameter, -1; without names: always its value */
    double fixed; /* NaN: not */
    sol_place place;
} sol_case_list;

typedef struct sol_case_map {
    char *name; /* `op` of the case file */
    bool phased; /* the file is about `phase` alone */
    sol_phase_kind phase;
    char *profiles; /* key of a list of maps, each of which overrides keys; "" */
    char **other;   /* keys that change no grid; NULL-terminated */
    sol_case_list *list;
    int n_lists;
    struct sol_table_dtype *dtype; /* column: key of a list of labels */
    int n_dtypes;
    sol_context *names; /* of targets and of numbers in the case file */
    sol_guard *limit;   /* what the collector itself leaves out */
    int n_limits;
    sol_place place;
} sol_case_map;

typedef struct sol_op {
    char *path; /* file it came from */
    char *name, *title, *granularity;
    char **source, **excludes; /* NULL-terminated */
    char *without[SOL_N_PHASES]; /* why there is no such phase; "" */
    char *layer;               /* mock layer that runs it, "" = none */
    char *when;                /* condition over a model configuration, sol/llm.h; "" = none */
    sol_place when_place;
    sol_context *ctx;
    sol_param *param;
    int n_params;
    int tp_symbol; /* the symbol `tp` */
    sol_slot *slot;
    int n_slots;
    sol_mode *mode; /* those of the op file, or derived; none without dtypes */
    int n_modes;
    sol_phase *phase[SOL_N_PHASES]; /* NULL: the op has no such phase */
    sol_table_map *table;
    int n_tables;
    sol_case_map *cases;
    int n_cases;
    sc_yaml *doc; /* for later diagnostics */
} sol_op;

/* Finds NAME in the directories of op_path (colon-separated, searched first; NULL = none)
 * and in data_dir/sol/ops, or loads it as a path when it contains '/' or ends in .yaml.
 * Errors: SC_EINVAL SC1100 (unknown, nearest names in the hint), SC_EIO SC1001,
 * SC_EPARSE SC1003..SC1107, SC_ENOMEM. Release with sol_op_free. */
sc_status sol_op_find(const char *name, const char *op_path, const char *data_dir,
                      sol_op **out, sc_diag *diag);
sc_status sol_op_load(const char *path, sol_op **out, sc_diag *diag);
void sol_op_free(sol_op *op);

/* Names of all ops that sol_op_find would find, sorted; NULL-terminated, release with
 * sol_names_free. */
sc_status sol_op_names(const char *op_path, const char *data_dir, char ***out,
                       sc_diag *diag);
void sol_names_free(char **names);

/* What a label in the column of a table means for a slot; false: no dtype. */
bool sol_table_dtype_parse(const struct sol_table_dtype *map, const char *label,
                           sol_dtype *out);

/* Derives the modes of an op that names none: the labels that its tables tell dtypes by, else
 * the defaults and, for each other dtype of the first slot, that dtype in all slots that have
 * the same default and allow it. Errors: SC_ENOMEM. Test: tests/unit/sol/test_mode.c. */
sc_status sol_op_derive_modes(sol_op *op, sc_diag *diag);
/* Appends a mode of that name, n bytes, with the dtypes that nothing set and no parameters; the
 * op owns it. NULL: no memory. */
sol_mode *sol_op_add_mode(sol_op *op, const char *name, size_t n);
/* Raises mode->min_sm to what its dtypes need. */
void sol_mode_capability(const sol_op *op, sol_mode *mode);
bool sol_mode_equal(const sol_op *op, const sol_mode *a, const sol_mode *b);
/* NULL if there is none of that name. */
const sol_mode *sol_op_mode(const sol_op *op, const char *name);

int sol_op_param_index(const sol_op *op, const char *name);       /* -1 if absent */
int sol_op_slot_index(const sol_op *op, const char *name);        /* -1 if absent */
int sol_phase_axis_index(const sol_phase *phase, const char *name); /* -1 if absent */

/* ---- a configuration: values for everything but the axes ---- */

typedef struct sol_config {
    double *param;   /* [n_params], values for the whole model */
    bool *given;     /* [n_params], set explicitly by the user */
    sol_dtype *slot; /* [n_slots] */
    bool *slot_given;
    double tp;
    bool tp_given;
} sol_config;

/* Defaults of the op. Release with sol_config_clear. */
sc_status sol_config_init(const sol_op *op, sol_config *config, sc_diag *diag);
sc_status sol_config_copy(const sol_op *op, const sol_config *from, sol_config *to,
                          sc_diag *diag);
void sol_config_clear(sol_config *config);
/* Errors: SC_EINVAL SC1108 (unknown, with suggestions), SC1105 (range), SC1107 (dtype). */
sc_status sol_config_set_param(const sol_op *op, sol_config *config, const char *name,
                               double value, sc_diag *diag);
sc_status sol_config_set_dtype(const sol_op *op, sol_config *config, const char *slot,
                               const char *label, sc_diag *diag);
/* Slots that follow another one and were not set take its dtype. */
void sol_config_follow(const sol_op *op, sol_config *config);
/* Errors: SC_EINVAL SC1105, or SC1114 when tp does not divide a sharded parameter. */
sc_status sol_config_set_tp(const sol_op *op, sol_config *config, double tp,
                            sc_diag *diag);

/* A parameter as one GPU sees it: divided by tp where it is sharded. */
double sol_config_local(const sol_op *op, const sol_config *config, int param);
/* Fills value[symbol] for all symbols of op->ctx: parameters, tp, bytes(slot), and the
 * defaults of the optional axes of phase; required axes get NaN. */
void sol_config_values(const sol_op *op, const sol_phase *phase, const sol_config *config,
                       double *value);

/* Value of an expression of the op at one point; axis may be NULL for an expression without
 * axes. NaN or infinite where there is no value. Errors: SC_ENOMEM, SC_EUNABLE SC1014. */
sc_status sol_op_value(const sol_op *op, const sol_phase *phase, const sol_config *config,
                       const double *axis, const sol_expr *expr, double *out,
                       sc_diag *diag);

/* Checks one point, axis[i] in the order of phase->axis, against ranges and guards.
 * Errors: SC_EINVAL SC1113 naming the range or guard and its place. */
sc_status sol_phase_admits(const sol_op *op, const sol_phase *phase,
                           const sol_config *config, const double *axis, sc_diag *diag);

SC_END_DECLS

#endif
