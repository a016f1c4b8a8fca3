/* Independent counts for the op library: loop nests of an algorithm tell what they
 * multiply and touch, and the sums are compared with the terms of the op file.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_TESTS_COUNT_H
#define SC_TESTS_COUNT_H

#include <stdbool.h>
#include <stddef.h>

#include "sol/proof.h"

#define COUNT_MAX 40

/* ---- an op of the library with a configuration ---- */

typedef struct count_case {
    sol_op *op;
    sol_config config;
} count_case;

/* setting: "num_heads=6 kv:fp8 tp=2", parameters, dtypes and tp; "" for the defaults. All
 * fail the test when the op does not take it. */
count_case count_open(const char *op, const char *setting);
void count_close(count_case *k);
void count_set(count_case *k, const char *name, double value); /* tp included */
void count_set_dtype(count_case *k, const char *slot, const char *label);
double count_param(const count_case *k, const char *name); /* tp included */
/* Bytes of an element by the names that users write, from a table of its own. */
double count_width(const char *label);
/* Value of one term at the point axis[], in the order of the phase's axes: by exact
 * evaluation, with which that in floating point has to agree. */
double count_term(const count_case *k, sol_phase_kind phase, const char *name,
                  const double *axis);
/* Neither FLOPs nor bytes are UNKNOWN; returns the proof. */
sol_proof count_prove(const count_case *k, sol_phase_kind phase);

/* ---- buffers that remember which of their elements were touched ---- */

typedef struct count_buffer {
    unsigned char *mark;
    size_t n, touched; /* distinct elements */
} count_buffer;

count_buffer count_buffer_new(size_t n);
void count_buffer_free(count_buffer *buffer);
/* Fails the test when i is outside of the buffer. */
void count_mark(count_buffer *buffer, size_t i);

/* ---- what an algorithm was seen to spend, by the names of the terms ---- */

typedef struct count_tally {
    struct {
        const char *name;
        double value;
    } term[COUNT_MAX];
    int n;
} count_tally;

void count_add(count_tally *tally, const char *name, double value);
double count_get(const count_tally *tally,
                 const char *name); /* fails on an unknown name */
/* Distinct elements of the buffer times bytes an element; then frees the buffer. */
void count_bytes(count_tally *tally, const char *name, count_buffer *buffer,
                 double width_B);
/* Every term of the phase equals its count, every count has its term; tokens equals x.
 * The point has to be admissible. */
void count_compare_tally(const count_case *k, sol_phase_kind phase, const double *axis,
                         const count_tally *tally, double x);

/* ---- the same with buffers by name that grow as they are touched ---- */

/* What a loop nest did. Zero-initialised; cleared with count_clear. */
typedef struct count {
    count_tally work; /* of flops terms */
    struct {
        const char *name; /* of a bytes term */
        count_buffer marks;
    } buffer[COUNT_MAX];
    int n_buffers;
    double scale; /* all is divided by it when compared; 0: 1 */
} count;

void count_clear(count *c);
void count_work(count *c, const char *name, double n);      /* n operations */
void count_touch(count *c, const char *name, size_t index); /* one element */
void count_touches(count *c, const char *name, size_t first, size_t n);
double count_worked(const count *c, const char *name);  /* 0 if never named */
double count_touched(const count *c, const char *name); /* distinct elements */
/* rows x (n_in -> n_out): multiply-adds under `name`, weights in `weight` from offset. */
void count_project(count *c, const char *name, const char *weight, size_t offset,
                   long rows, long n_in, long n_out);
/* Compares every term of the phase with what was counted, elements at the width of the
 * term's dtype; names in `but`, NULL-terminated, excepted. Counts that no term has fail.
 */
void count_compare(const count_case *k, sol_phase_kind phase, const long *axis,
                   const count *c, const char *const *but);

#endif
