/* solcheck design: the chosen points as a cases file.
 *
 * The layout is the reference ecosystem's all_frameworks_op_cases: a list of cases, each
 * batch sizes by sequence lengths. Points that are no full grid become several cases:
 * batch sizes that share their lengths make one.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "cli/design.h"

typedef struct spot {
    int group, b_axis, s_axis;
    const double *axis; /* of the point, in the order of the phase's axes */
    bool written;
} spot;

static int compare(double a, double b)
{
    return (a > b) - (a < b);
}

/* By configuration, optional axes, b and s. */
static int by_case(const void *va, const void *vb)
{
    const spot *p = va, *q = vb;
    int c = (p->group > q->group) - (p->group < q->group);
    for (int k = 0; k < SOL_MAX_AXES && !c; k++)
        if (k != p->b_axis && k != p->s_axis)
            c = compare(p->axis[k], q->axis[k]);
    c = c ? c : compare(p->axis[p->b_axis], q->axis[p->b_axis]);
    return c ? c : compare(p->axis[p->s_axis], q->axis[p->s_axis]);
}

/* Are both of one case but for b and s? */
static bool same_block(const spot *p, const spot *q)
{
    bool same = p->group == q->group;
    for (int k = 0; k < SOL_MAX_AXES && same; k++)
        same = k == p->b_axis || k == p->s_axis || p->axis[k] == q->axis[k];
    return same;
}

/* The end of the run of equal b that begins at i. */
static size_t row_end(const spot *p, size_t i, size_t end)
{
    size_t j = i + 1;
    while (j < end && p[j].axis[p->b_axis] == p[i].axis[p->b_axis])
        j++;
    return j;
}

static bool same_lengths(const spot *p, size_t i, size_t i_end, size_t k, size_t k_end)
{
    bool same = i_end - i == k_end - k;
    for (size_t q = 0; same && q < i_end - i; q++)
        same = p[i + q].axis[p->s_axis] == p[k + q].axis[p->s_axis];
    return same;
}

static void add_value(sc_buf *out, double value)
{
    char text[32];
    sc_format_double(value, text);
    sc_buf_printf(out, "      - %s\n", text);
}

static void add_head(const design_phase *ph, const spot *p, int number, sc_buf *out)
{
    const sol_op *op = ph->points.op;
    const sol_config *c = &ph->points.config[p->group];
    const char *phase = sol_phase_name(ph->phase->kind), *glue = "";
    char text[32];
    sc_buf_printf(out, "    - id: %s_%d\n      phase: %s\n", phase, number, phase);
    sc_buf_printf(out, "      tensor_parallel_sizes:\n      - %.0f\n", c->tp);
    sc_buf_add(out, "      parameters: {");
    for (int k = 0; k < op->n_params; k++) {
        sc_format_double(c->param[k], text);
        sc_buf_printf(out, "%s%s: %s", glue, op->param[k].name, text);
        glue = ", ";
    }
    sc_buf_add(out, "}\n      dtypes: {");
    glue = "";
    for (int k = 0; k < op->n_slots; k++) {
        sc_buf_printf(out, "%s%s: %s", glue, op->slot[k].name,
                      sol_dtype_name(c->slot[k]));
        glue = ", ";
    }
    sc_buf_add(out, "}\n");
    for (int k = 0; k < ph->phase->n_axes; k++)
        if (ph->phase->axis[k].optional && p->axis[k] != ph->phase->axis[k].value) {
            sc_format_double(p->axis[k], text);
            sc_buf_printf(out, "      fixed_axes: {%s: %s}\n", ph->phase->axis[k].name,
                          text);
        }
}

/* One case: the rows of the block p[i..end) that have the lengths of the first. */
static void add_case(const design_phase *ph, spot *p, size_t i, size_t end, int number,
                     sc_buf *out)
{
    size_t i_end = row_end(p, i, end);
    bool context = ph->phase->kind == SOL_CONTEXT;
    add_head(ph, &p[i], number, out);
    sc_buf_add(out, "      batch_sizes:\n");
    for (size_t k = i; k < end; k = row_end(p, k, end)) {
        size_t k_end = row_end(p, k, end);
        if (p[k].written || !same_lengths(p, i, i_end, k, k_end))
            continue;
        add_value(out, p[k].axis[p->b_axis]);
        for (size_t q = k; q < k_end; q++)
            p[q].written = true;
    }
    sc_buf_printf(out, "      %s:\n",
                  context ? "sequence_lengths" : "target_sequence_lengths");
    for (size_t q = i; q < i_end; q++)
        add_value(out, p[q].axis[p->s_axis]);
}

/* Rows of one site are one case. */
static size_t drop_repeats(spot *p, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_case(&p[kept - 1], &p[i]) != 0)
            p[kept++] = p[i];
    return kept;
}

static sc_status add_phase(const design *d, const design_phase *ph, sc_buf *out)
{
    int b = sol_phase_axis_index(ph->phase, "b"), number = 0;
    int s = sol_phase_axis_index(ph->phase, "s");
    if (b < 0 || s < 0)
        return sc_diag_fail(&d->cli->diag, SC_EINVAL, SC3005,
                            "cases have b and s; the %s phase lacks one",
                            sol_phase_name(ph->phase->kind));
    size_t n = ph->chosen, end;
    spot *p = sc_malloc(n * sizeof *p);
    if (!p)
        return sc_diag_nomem(&d->cli->diag);
    for (size_t q = 0; q < n; q++) {
        const col_point *point = &ph->points.point[ph->order[q]];
        p[q] = (spot){point->group, b, s, point->axis, false};
    }
    qsort(p, n, sizeof *p, by_case);
    n = drop_repeats(p, n);
    for (size_t i = 0; i < n; i = end) {
        for (end = i; end < n && same_block(&p[i], &p[end]); end++)
            ;
        for (size_t k = i; k < end; k = row_end(p, k, end))
            if (!p[k].written)
                add_case(ph, p, k, end, ++number, out);
    }
    sc_free(p);
    return SC_OK;
}

sc_status design_cases(const design *d, sc_buf *out)
{
    sc_status status = SC_OK;
    sc_buf_printf(
        out,
        "# Written by solcheck design, target %.3g %%:\n"
        "#   solcheck measure --op %s --cases THIS\n"
        "schema_version: 1\nop: %s\nall_frameworks_op_cases:\n  %s:\n    cases:\n",
        1e2 * d->target, d->cli->op->name, d->cli->op->name, d->cli->op->name);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (d->phase[p].present)
            status = add_phase(d, &d->phase[p], out);
    if (status != SC_OK)
        return status;
    return out->failed ? sc_diag_nomem(&d->cli->diag) : SC_OK;
}
