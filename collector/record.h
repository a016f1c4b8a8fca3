/* solcheck - writing perf tables: one row a measured point, the columns of
 * docs/tables.md.
 *
 * What is written here is read back by col_points_map without loss.
 * Tests: tests/unit/collector/test_record.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_RECORD_H
#define SC_COLLECTOR_RECORD_H

#include "base/diag.h"
#include "sol/op.h"

#define COL_MAX_KEYS 16

/* One measured point. Texts are borrowed and may be NULL or "" (an empty cell); numbers
 * that are NaN become empty cells. */
typedef struct col_record {
    const char *framework, *version, *device, *op_name, *kernel_source;
    int n_params;
    const char *param[COL_MAX_KEYS]; /* names of the key parameters */
    double value[COL_MAX_KEYS];      /* their values, local to one GPU */
    int n_slots;
    const char *slot[COL_MAX_KEYS]; /* dtype slots */
    sol_dtype dtype[COL_MAX_KEYS];
    sol_phase_kind phase;
    double b, s; /* as in the op's axes; generation: s counts the token being generated */
    double tp;   /* ranks that the whole model is sharded over */
    double latency_s, mean_s, min_s, max_s, mad_s; /* median first; per launch */
    int samples, batch;                            /* launches a sample: batch */
    double floor_s; /* of a launch of an empty kernel on the same path */
    double wall_s;  /* all of the point: from the end of the one before to its own; only
                       stores keep it */
    const char *repro; /* command that measures this point alone; only stores keep it */
    const char *unmet; /* stopping criterion that was not met; only stores keep it */
    const char *launch, *cache; /* graph|eager, hot|cold */
    const char *scope;          /* kernel|op: with RoPE and the append; "": kernel */
    const char *inputs;         /* normal|uniform|zeros; "": normal */
    const char *route; /* that was asked for; NULL, "auto": none. Keys of stores have it,
                          tables show what ran, kernel_source */
    double sm_clock_hz, mem_clock_hz;
    uint64_t throttle; /* bits; 0: not throttled */
    double power_W, power_limit_W;
} col_record;

/* Appends the header line for records with the keys of `record`. Errors: SC_EINVAL (more
 * keys than COL_MAX_KEYS), SC_ENOMEM. */
sc_status col_record_header(const col_record *record, sc_buf *out, sc_diag *diag);

/* Appends one row, in the order of the header. Errors: SC_EINVAL SC2003 (latency not
 * positive and finite: such a row could not be read back), SC1105 (b or s), SC_ENOMEM. */
sc_status col_record_append(const col_record *record, sc_buf *out, sc_diag *diag);

/* Could the record be read back? Errors: as col_record_append, SC_ENOMEM apart. */
sc_status col_record_check(const col_record *record, sc_diag *diag);

/* Appends a cell of CSV, quoted where it has to be, after a comma unless it is the first
 * of its row. NULL: empty. */
void col_csv_cell(sc_buf *out, const char *text, bool first);

#endif
