/* solcheck - writing perf tables as CSV.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/record.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "collector/columns.h"
#include "collector/unit.h"

enum {
#define X(id, name) ORIGIN_##id,
    COL_ORIGIN_LIST(X)
#undef X
        N_ORIGIN
};

typedef enum result_column {
#define X(id, name) RESULT_##id,
    COL_RESULT_LIST(X)
#undef X
        N_RESULT
} result_column;

/* A cell and the comma before it, quoted where RFC 4180 asks for it. */
static void add_cell(sc_buf *out, const char *text, bool first)
{
    if (!first)
        sc_buf_add(out, ",");
    sc_buf_add_csv(out, text ? text : "");
}

/* Shortest text that reads back to the same double; nothing for NaN. */
static void add_number(sc_buf *out, double value)
{
    char text[32] = "";
    if (isfinite(value))
        col_number_format(value, text);
    add_cell(out, text, false);
}

static void add_ms(sc_buf *out, double value_s)
{
    char text[32];
    col_ms_format(value_s, text);
    add_cell(out, text, false);
}

static sc_status check_keys(const col_record *record, sc_diag *diag)
{
    if (record->n_params < 0 || record->n_params > COL_MAX_KEYS || record->n_slots < 0 ||
        record->n_slots > COL_MAX_KEYS)
        return sc_diag_fail(diag, SC_EINVAL, SC2005, "a record has at most %d keys",
                            COL_MAX_KEYS);
    return SC_OK;
}

static sc_status finish(const sc_buf *out, sc_diag *diag)
{
    return out->failed ? sc_diag_nomem(diag) : SC_OK;
}

sc_status col_record_header(const col_record *record, sc_buf *out, sc_diag *diag)
{
    static const char *const origin[] = {
#define X(id, name) name,
        COL_ORIGIN_LIST(X)
#undef X
    };
    static const char *const result[] = {
#define X(id, name) name,
        COL_RESULT_LIST(X)
#undef X
    };
    sc_status status = check_keys(record, diag);
    if (status)
        return status;
    for (int i = 0; i < N_ORIGIN; i++)
        add_cell(out, origin[i], i == 0);
    for (int i = 0; i < record->n_params; i++)
        add_cell(out, record->param[i], false);
    for (int i = 0; i < record->n_slots; i++) {
        add_cell(out, record->slot[i], false);
        sc_buf_add(out, "_dtype");
    }
    for (int i = 0; i < N_RESULT; i++)
        add_cell(out, result[i], false);
    sc_buf_add(out, "\n");
    return finish(out, diag);
}

/* The result columns, in the order of COL_RESULT_LIST: the switch has no default, so that
 * a new column without a case is a warning. */
static void add_result(const col_record *r, result_column column, sc_buf *out)
{
    bool context = r->phase == SOL_CONTEXT;
    char bits[32];
    switch (column) {
    case RESULT_PHASE:
        add_cell(out, sol_phase_name(r->phase), false);
        return;
    case RESULT_BATCH_SIZE:
        add_number(out, r->b);
        return;
    case RESULT_ISL: /* the reference ecosystem: isl + step is the KV length */
        add_number(out, context ? r->s : 1);
        return;
    case RESULT_STEP:
        add_number(out, context ? 0 : r->s - 1);
        return;
    case RESULT_TP_SIZE:
        add_number(out, r->tp);
        return;
    case RESULT_LATENCY:
        add_ms(out, r->latency_s);
        return;
    case RESULT_LATENCY_MEAN:
        add_ms(out, r->mean_s);
        return;
    case RESULT_LATENCY_MIN:
        add_ms(out, r->min_s);
        return;
    case RESULT_LATENCY_MAX:
        add_ms(out, r->max_s);
        return;
    case RESULT_LATENCY_MAD:
        add_ms(out, r->mad_s);
        return;
    case RESULT_SAMPLES:
        add_number(out, r->samples > 0 ? r->samples : NAN);
        return;
    case RESULT_BATCH:
        add_number(out, r->batch > 0 ? r->batch : NAN);
        return;
    case RESULT_LAUNCH_FLOOR:
        add_ms(out, r->floor_s);
        return;
    case RESULT_LAUNCH:
        add_cell(out, r->launch, false);
        return;
    case RESULT_CACHE:
        add_cell(out, r->cache, false);
        return;
    case RESULT_SCOPE:
        add_cell(out, r->scope, false);
        return;
    case RESULT_INPUTS:
        add_cell(out, r->inputs, false);
        return;
    case RESULT_SM_CLOCK_MHZ:
        add_number(out, r->sm_clock_hz / 1e6);
        return;
    case RESULT_MEM_CLOCK_MHZ:
        add_number(out, r->mem_clock_hz / 1e6);
        return;
    case RESULT_THROTTLE:
        snprintf(bits, sizeof bits, "%" PRIu64, r->throttle);
        add_cell(out, bits, false);
        return;
    case RESULT_POWER:
        add_number(out, r->power_W);
        return;
    case RESULT_POWER_LIMIT:
        add_number(out, r->power_limit_W);
        return;
    case N_RESULT:
        return;
    }
}

sc_status col_record_check(const col_record *record, sc_diag *diag)
{
    sc_status status = check_keys(record, diag);
    if (status)
        return status;
    if (!(record->latency_s > 0 && isfinite(record->latency_s)))
        return sc_diag_fail(diag, SC_EINVAL, SC2003,
                            "latency %g s is not positive and finite", record->latency_s);
    if (!(record->b >= 1 && record->s >= 1))
        return sc_diag_fail(diag, SC_EINVAL, SC1105, "b=%g and s=%g must be at least 1",
                            record->b, record->s);
    return SC_OK;
}

sc_status col_record_append(const col_record *record, sc_buf *out, sc_diag *diag)
{
    const char *const origin[N_ORIGIN] = {
        [ORIGIN_FRAMEWORK] = record->framework,
        [ORIGIN_VERSION] = record->version,
        [ORIGIN_DEVICE] = record->device,
        [ORIGIN_OP_NAME] = record->op_name,
        [ORIGIN_KERNEL_SOURCE] = record->kernel_source,
    };
    sc_status status = col_record_check(record, diag);
    if (status)
        return status;
    for (int i = 0; i < N_ORIGIN; i++)
        add_cell(out, origin[i], i == 0);
    for (int i = 0; i < record->n_params; i++)
        add_number(out, record->value[i]);
    for (int i = 0; i < record->n_slots; i++)
        add_cell(out, sol_dtype_name(record->dtype[i]), false);
    for (int i = 0; i < N_RESULT; i++)
        add_result(record, (result_column)i, out);
    sc_buf_add(out, "\n");
    return finish(out, diag);
}

void col_csv_cell(sc_buf *out, const char *text, bool first)
{
    add_cell(out, text, first);
}
