/* Counting by doing: see count.h.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "count.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the op's side ---- */

static const char *data_dir(void)
{
    const char *dir = getenv("SOLCHECK_DATA_DIR");
    return dir ? dir : ".";
}

void count_set(count_case *k, const char *name, double value)
{
    sc_diag diag = {0};
    sc_status status = strcmp(name, "tp") == 0
                           ? sol_config_set_tp(k->op, &k->config, value, &diag)
                           : sol_config_set_param(k->op, &k->config, name, value, &diag);
    cr_assert_eq(status, SC_OK, "%s: %s", name, diag.message);
}

void count_set_dtype(count_case *k, const char *slot, const char *label)
{
    sc_diag diag = {0};
    cr_assert_eq(sol_config_set_dtype(k->op, &k->config, slot, label, &diag), SC_OK,
                 "%s: %s", slot, diag.message);
}

static void apply(count_case *k, char *word)
{
    char *value = strpbrk(word, "=:");
    cr_assert_not_null(value, "%s", word);
    bool dtype = *value == ':';
    *value++ = '\0';
    if (dtype)
        count_set_dtype(k, word, value);
    else
        count_set(k, word, atof(value));
}

count_case count_open(const char *op, const char *setting)
{
    count_case k = {0};
    sc_diag diag = {0};
    char copy[512];
    cr_assert_eq(sol_op_find(op, NULL, data_dir(), &k.op, &diag), SC_OK, "%s:%d:%d: %s",
                 op, diag.line, diag.col, diag.message);
    cr_assert_eq(sol_config_init(k.op, &k.config, &diag), SC_OK);
    cr_assert(strlen(setting) < sizeof copy);
    strcpy(copy, setting);
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " "))
        apply(&k, word);
    return k;
}

void count_close(count_case *k)
{
    sol_config_clear(&k->config);
    sol_op_free(k->op);
}

double count_param(const count_case *k, const char *name)
{
    int at = sol_op_param_index(k->op, name);
    if (strcmp(name, "tp") == 0)
        return k->config.tp;
    cr_assert(at >= 0, "%s", name);
    return k->config.param[at];
}

double count_width(const char *label)
{
    static const struct {
        const char *label;
        double width_B;
    } widths[] = {{"bf16", 2}, {"fp16", 2}, {"fp32", 4}, {"int32", 4},
                  {"fp8", 1},  {"int8", 1}, {"fp4", 0.5}};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        if (strcmp(widths[i].label, label) == 0)
            return widths[i].width_B;
    cr_assert_fail("no width for '%s'", label);
    return NAN;
}

static double exact(const count_case *k, const sol_phase *phase, const sol_expr *expr,
                    const double *axis)
{
    int n = sol_symbol_count(k->op->ctx);
    double *plain = calloc((size_t)n, sizeof *plain);
    fmpq *value = calloc((size_t)n, sizeof *value);
    fmpq_t out;
    sc_diag diag = {0};
    cr_assert(plain && value);
    sol_config_values(k->op, phase, &k->config, plain);
    for (int i = 0; i < phase->n_axes; i++)
        plain[phase->axis[i].symbol] = axis[i];
    fmpq_init(out);
    for (int i = 0; i < n; i++) {
        fmpq_init(&value[i]);
        if (isfinite(plain[i])) /* multiples of 1/2: bytes of an element of 4 bits */
            fmpq_set_si(&value[i], (long)(2 * plain[i]), 2);
        fmpq_canonicalise(&value[i]);
    }
    cr_assert_eq(sol_expr_exact(k->op->ctx, expr, value, out, &diag), SC_OK, "%s",
                 diag.message);
    double result = fmpz_get_d(fmpq_numref(out)) / fmpz_get_d(fmpq_denref(out));
    fmpq_clear(out);
    for (int i = 0; i < n; i++)
        fmpq_clear(&value[i]);
    free(plain);
    free(value);
    return result;
}

/* One rounding of the evaluator apart: quotients such as (n - 1)/n are not exact. */
static bool equal(double got, double want)
{
    return fabs(got - want) <= 4e-15 * fabs(want);
}

static double value_of(const count_case *k, const sol_phase *phase, const double *axis,
                       const sol_expr *expr)
{
    double value = NAN, truth = exact(k, phase, expr, axis);
    sc_diag diag = {0};
    cr_assert_eq(sol_op_value(k->op, phase, &k->config, axis, expr, &value, &diag), SC_OK,
                 "%s", diag.message);
    cr_assert(equal(value, truth), "%s %s at %g, %g: %.17g, exactly %.17g", k->op->name,
              sol_phase_name(phase->kind), axis[0], axis[1], value, truth);
    return truth;
}

double count_term(const count_case *k, sol_phase_kind phase, const char *name,
                  const double *axis)
{
    const sol_phase *p = k->op->phase[phase];
    for (int t = 0; t < p->n_terms; t++)
        if (strcmp(p->term[t].name, name) == 0)
            return value_of(k, p, axis, p->term[t].expr);
    cr_assert_fail("%s has no term '%s' in %s", k->op->name, name, sol_phase_name(phase));
    return NAN;
}

sol_proof count_prove(const count_case *k, sol_phase_kind phase)
{
    sol_system *system;
    sol_proof proof;
    sc_diag diag = {0};
    cr_assert_eq(sol_system_find("h100_sxm", data_dir(), &system, &diag), SC_OK, "%s",
                 diag.message);
    cr_assert_eq(
        sol_prove(k->op, phase, &k->config, system, SOL_ARCHITECTURAL, &proof, &diag),
        SC_OK, "%s %s: %s", k->op->name, sol_phase_name(phase), diag.message);
    cr_assert(proof.flops.verdict != SOL_UNKNOWN && proof.bytes.verdict != SOL_UNKNOWN,
              "%s %s: FLOPs %s, bytes %s", k->op->name, sol_phase_name(phase),
              sol_verdict_name(proof.flops.verdict),
              sol_verdict_name(proof.bytes.verdict));
    sol_system_free(system);
    return proof;
}

/* ---- buffers and tallies ---- */

count_buffer count_buffer_new(size_t n)
{
    count_buffer buffer = {calloc(n ? n : 1, 1), n, 0};
    cr_assert(buffer.mark != NULL);
    return buffer;
}

void count_buffer_free(count_buffer *buffer)
{
    free(buffer->mark);
    buffer->mark = NULL;
}

void count_mark(count_buffer *buffer, size_t i)
{
    cr_assert_lt(i, buffer->n, "element %zu of %zu", i, buffer->n);
    buffer->touched += !buffer->mark[i];
    buffer->mark[i] = 1;
}

void count_add(count_tally *tally, const char *name, double value)
{
    for (int i = 0; i < tally->n; i++)
        if (strcmp(tally->term[i].name, name) == 0) {
            tally->term[i].value += value;
            return;
        }
    cr_assert_lt(tally->n, COUNT_MAX);
    tally->term[tally->n].name = name;
    tally->term[tally->n++].value = value;
}

double count_get(const count_tally *tally, const char *name)
{
    for (int i = 0; i < tally->n; i++)
        if (strcmp(tally->term[i].name, name) == 0)
            return tally->term[i].value;
    cr_assert_fail("nothing was counted for '%s'", name);
    return NAN;
}

void count_bytes(count_tally *tally, const char *name, count_buffer *buffer,
                 double width_B)
{
    count_add(tally, name, (double)buffer->touched * width_B);
    count_buffer_free(buffer);
}

void count_compare_tally(const count_case *k, sol_phase_kind phase, const double *axis,
                         const count_tally *tally, double x)
{
    const sol_phase *p = k->op->phase[phase];
    const char *op = k->op->name, *kind = sol_phase_name(phase);
    sc_diag diag = {0};
    cr_assert_eq(sol_phase_admits(k->op, p, &k->config, axis, &diag), SC_OK, "%s",
                 diag.message);
    cr_assert_eq(p->n_terms, tally->n, "%s %s: %d terms, %d counts", op, kind, p->n_terms,
                 tally->n);
    for (int t = 0; t < p->n_terms; t++) {
        double got = value_of(k, p, axis, p->term[t].expr);
        double want = count_get(tally, p->term[t].name);
        cr_assert(equal(got, want), "%s %s, term %s at %g, %g: %.17g, counted %.17g", op,
                  kind, p->term[t].name, axis[0], axis[1], got, want);
    }
    double tokens = value_of(k, p, axis, p->tokens);
    cr_assert(equal(tokens, x), "%s %s: x is %g, counted %g", op, kind, tokens, x);
}

/* ---- buffers by name ---- */

void count_clear(count *c)
{
    for (int i = 0; i < c->n_buffers; i++)
        count_buffer_free(&c->buffer[i].marks);
    memset(c, 0, sizeof *c);
}

void count_work(count *c, const char *name, double n)
{
    count_add(&c->work, name, n);
}

static count_buffer *buffer(count *c, const char *name)
{
    int i = 0;
    while (i < c->n_buffers && strcmp(c->buffer[i].name, name) != 0)
        i++;
    if (i == c->n_buffers) {
        cr_assert(c->n_buffers < COUNT_MAX);
        c->buffer[c->n_buffers++].name = name;
    }
    return &c->buffer[i].marks;
}

void count_touches(count *c, const char *name, size_t first, size_t n)
{
    count_buffer *b = buffer(c, name);
    if (first + n > b->n) {
        size_t size = 2 * (first + n);
        b->mark = realloc(b->mark, size);
        cr_assert_not_null(b->mark);
        memset(b->mark + b->n, 0, size - b->n);
        b->n = size;
    }
    for (size_t i = first; i < first + n; i++)
        count_mark(b, i);
}

void count_touch(count *c, const char *name, size_t index)
{
    count_touches(c, name, index, 1);
}

double count_worked(const count *c, const char *name)
{
    for (int i = 0; i < c->work.n; i++)
        if (strcmp(c->work.term[i].name, name) == 0)
            return c->work.term[i].value;
    return 0;
}

double count_touched(const count *c, const char *name)
{
    for (int i = 0; i < c->n_buffers; i++)
        if (strcmp(c->buffer[i].name, name) == 0)
            return (double)c->buffer[i].marks.touched;
    return 0;
}

void count_project(count *c, const char *name, const char *weight, size_t offset,
                   long rows, long n_in, long n_out)
{
    for (long r = 0; r < rows; r++)
        for (long o = 0; o < n_out; o++)
            for (long i = 0; i < n_in; i++) {
                count_work(c, name, 2);
                count_touch(c, weight, offset + (size_t)(o * n_in + i));
            }
}

static bool listed(const char *const *list, const char *name)
{
    for (; list && *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool has_term(const sol_phase *p, sol_term_kind kind, const char *name)
{
    for (int t = 0; t < p->n_terms; t++)
        if (p->term[t].kind == kind && strcmp(p->term[t].name, name) == 0)
            return true;
    return false;
}

void count_compare(const count_case *k, sol_phase_kind phase, const long *axis,
                   const count *c, const char *const *but)
{
    const sol_phase *p = k->op->phase[phase];
    double at[SOL_MAX_AXES] = {0};
    double scale = c->scale > 0 ? c->scale : 1;
    for (int i = 0; i < p->n_axes; i++)
        at[i] = (double)axis[i];
    for (int t = 0; t < p->n_terms; t++) {
        const sol_term *term = &p->term[t];
        double want = term->kind == SOL_FLOPS ? count_worked(c, term->name)
                                              : count_touched(c, term->name);
        if (term->kind == SOL_BYTES) {
            cr_assert(term->slot >= 0, "%s has no dtype", term->name);
            want *= sol_dtype_bits(k->config.slot[term->slot]) / 8.0;
        }
        double got = value_of(k, p, at, term->expr);
        if (!listed(but, term->name))
            cr_assert(fabs(got - want / scale) <= 1e-13 * fabs(want / scale),
                      "%s %s %s at %g,%g,%g: %.17g, counted %.17g", k->op->name,
                      sol_phase_name(phase), term->name, at[0], at[1], at[2], got,
                      want / scale);
    }
    for (int i = 0; i < c->work.n; i++)
        cr_assert(has_term(p, SOL_FLOPS, c->work.term[i].name), "%s has no flops term %s",
                  k->op->name, c->work.term[i].name);
    for (int i = 0; i < c->n_buffers; i++)
        cr_assert(has_term(p, SOL_BYTES, c->buffer[i].name), "%s has no bytes term %s",
                  k->op->name, c->buffer[i].name);
}
