/* solcheck - expressions: parsing, printing, exact and floating evaluation.
 *
 * Grammar (lowest to highest precedence), names are [A-Za-z_][A-Za-z0-9_]*:
 *   comparison  a < b, <=, >, >=, ==, !=        value 1 or 0, not chainable
 *   sum         a + b, a - b
 *   product     a * b, a / b                    exact division, never truncating
 *   unary       -a, +a
 *   power       a ^ n                           right associative; n an integer constant
 *   primary     number, name, ( expr ), f(args)
 * Functions: min(a,...), max(a,...), floor(a), ceil(a), ceil_div(a,b), pow(a,n),
 *   if(cond,a,b), bytes(slot), sum(i, lo, hi, expr).
 * Numbers: 12, 0.5, 1e12, 1.5e-3; all held as exact rationals.
 * pow(a,n) has a value where n is an integer (and not negative for a = 0); it is for
 *   exponents that are not constant: a^n takes constants only.
 * sum() runs over the integers lo..hi; it is 0 for hi = lo - 1 and has no value below.
 *
 * Nodes are immutable, hash-consed (equal expressions are equal pointers) and owned by
 * their context; a context is not shared between threads.
 * Tests: tests/unit/sol/test_expr.c, tests/prop/.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_EXPR_H
#define SC_SOL_EXPR_H

#include <flint/fmpq.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"
#include "base/export.h"
#include "base/text.h"

SC_BEGIN_DECLS

/* X(id, spelling, arity; -1 = variadic) - feeds the enum, the parser and the printer. */
#define SOL_OPCODE_LIST(X)                                                               \
    X(NUMBER, "", 0)                                                                     \
    X(SYMBOL, "", 0)                                                                     \
    X(ADD, "+", 2)                                                                       \
    X(SUB, "-", 2)                                                                       \
    X(MUL, "*", 2)                                                                       \
    X(DIV, "/", 2)                                                                       \
    X(POW, "^", 2)                                                                       \
    X(NEG, "-", 1)                                                                       \
    X(LT, "<", 2)                                                                        \
    X(LE, "<=", 2)                                                                       \
    X(GT, ">", 2)                                                                        \
    X(GE, ">=", 2)                                                                       \
    X(EQ, "==", 2)                                                                       \
    X(NE, "!=", 2)                                                                       \
    X(MIN, "min", 2)                                                                     \
    X(MAX, "max", 2)                                                                     \
    X(FLOOR, "floor", 1)                                                                 \
    X(CEIL, "ceil", 1)                                                                   \
    X(CEIL_DIV, "ceil_div", 2)                                                           \
    X(IPOW, "pow", 2) /* exponent: any expression whose value is an integer */           \
    X(IF, "if", 3)                                                                       \
    X(SUM, "sum", 4) /* kids: bound symbol, lo, hi, body */

typedef enum sol_opcode {
#define X(id, spelling, arity) SOL_OP_##id,
    SOL_OPCODE_LIST(X)
#undef X
        SOL_N_OPCODES
} sol_opcode;

#define SOL_MAX_KIDS 4

typedef struct sol_expr sol_expr;
typedef struct sol_context sol_context;

/* Read-only outside sol/expr*.c. */
struct sol_expr {
    sol_opcode op;
    int id;     /* dense, in order of creation: children before parents */
    int symbol; /* SYMBOL: index into the context's symbol table, else -1 */
    int n_kids;
    int size; /* nodes when written out as a tree, saturating */
    const sol_expr *kid[SOL_MAX_KIDS];
    fmpq_t number; /* NUMBER: exact value */
    double value;  /* NUMBER: nearest double */
};

/* NULL without memory. */
sol_context *sol_context_new(void);
void sol_context_free(sol_context *ctx);

/* Symbols get dense indices 0,1,2... in order of first use. -1 without memory. */
int sol_symbol_intern(sol_context *ctx, const char *name);
int sol_symbol_find(const sol_context *ctx, const char *name); /* -1 if absent */
const char *sol_symbol_name(const sol_context *ctx, int symbol);
int sol_symbol_count(const sol_context *ctx);

/* What is known of a symbol's values: lo <= value <= hi (infinities: nothing), and whether it
 * takes integers only. Normal forms simplify by it, hence hold for such values only. The
 * default knows nothing; symbols that sum() binds are integers. */
typedef struct sol_domain {
    double lo, hi;
    bool integer;
} sol_domain;
void sol_symbol_declare(sol_context *ctx, int symbol, sol_domain domain);
sol_domain sol_symbol_domain(const sol_context *ctx, int symbol);

/* Constructors; fold constants exactly and nothing else. NULL without memory or on a NULL
 * argument, so that they nest. Division by the constant 0 also yields NULL: test before. */
const sol_expr *sol_number_si(sol_context *ctx, long value);
const sol_expr *sol_number_fmpq(sol_context *ctx, const fmpq_t value);
/* The decimal text of value (17 digits at most) taken exactly: 3.35e12 is 3350000000000. */
const sol_expr *sol_number_double(sol_context *ctx, double value);
const sol_expr *sol_symbol(sol_context *ctx, int symbol);
const sol_expr *sol_node(sol_context *ctx, sol_opcode op, int n_kids,
                         const sol_expr *const *kid);
const sol_expr *sol_add(sol_context *ctx, const sol_expr *a, const sol_expr *b);
const sol_expr *sol_mul(sol_context *ctx, const sol_expr *a, const sol_expr *b);
const sol_expr *sol_div(sol_context *ctx, const sol_expr *a, const sol_expr *b);
const sol_expr *sol_max(sol_context *ctx, const sol_expr *a, const sol_expr *b);

/* Names that a text may use, and what each stands for. With open set, an unknown name
 * becomes a new symbol instead of an error. dtype slots are legal in bytes() only. */
typedef struct sol_scope {
    size_t n;
    const char *const *name;
    const sol_expr *const *expr;
    size_t n_slots;
    const char *const *slot;
    const sol_expr *const *slot_bytes; /* value of bytes(slot) */
    bool open;
} sol_scope;

/* Where a text stands, for diagnostics. */
typedef struct sol_origin {
    const char *file;
    int line, col;      /* of the text's first character */
    const char *source; /* the whole source line, or NULL: the text itself is shown */
} sol_origin;

/* Parses text. Errors: SC_EPARSE SC1010..SC1017 with position, caret and hint; SC_ENOMEM.
 * *out only on success, owned by ctx. */
sc_status sol_expr_parse(sol_context *ctx, const char *text, const sol_scope *scope,
                         const sol_origin *origin, const sol_expr **out, sc_diag *diag);

/* Appends text that parses back to the same node (bytes(slot) symbols print as such). */
sc_status sol_expr_print(const sol_context *ctx, const sol_expr *expr, sc_buf *out);

/* Replaces symbols: map[symbol] is the replacement or NULL, for symbols below n_map.
 * Errors: SC_EPARSE SC1013 when a constant denominator becomes 0; SC_ENOMEM. */
sc_status sol_expr_substitute(sol_context *ctx, const sol_expr *expr,
                              const sol_expr *const *map, int n_map, const sol_expr **out,
                              sc_diag *diag);

/* Sets used[symbol] for every free symbol of expr, for symbols below n. */
void sol_expr_symbols(const sol_expr *expr, bool *used, int n);

/* Exact value at a point: value[symbol], all of sol_symbol_count() given.
 * Errors: SC_EDOMAIN SC1013/SC1016 (division by zero, sum() range); SC_ENOMEM. */
sc_status sol_expr_exact(const sol_context *ctx, const sol_expr *expr, const fmpq *value,
                         fmpq_t out, sc_diag *diag);

/* ---- compiled form: evaluates several expressions over blocks of points ---- */

typedef struct sol_program sol_program;

/* Compiles root[0..n). Common subexpressions are computed once.
 * Errors: SC_ENOMEM, SC_EUNABLE (SC1014). Release with sol_program_free. Keeps no pointer
 * into ctx, so it may outlive it and be shared between threads. */
sc_status sol_program_new(const sol_context *ctx, const sol_expr *const *root, int n,
                          sol_program **out, sc_diag *diag);
void sol_program_free(sol_program *program);

/* Evaluates all roots at n points. in[symbol] points to n values when stride[symbol] is 1,
 * to one value when it is 0 (constant over the block); symbols that no root uses may be
 * NULL. out[root] receives n values. Division by zero and empty descending sums yield
 * non-finite values: callers check with isfinite. No result may overlap an input.
 * Errors: SC_ENOMEM. Thread-safe. */
sc_status sol_program_eval(const sol_program *program, const double *const *in,
                           const unsigned char *stride, size_t n, double *const *out);

SC_END_DECLS

#endif
