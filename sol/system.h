/* solcheck - system files: what a GPU can do at most, every number with its source.
 *
 * Two layouts load: ours (values as {value, source}) and the flat one of the aiconfigurator
 * repository (gpu.mem_bw, gpu.bfloat16_tc_flops, ...), whose numbers are datasheet ones.
 * Tests: tests/unit/sol/test_system.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_SYSTEM_H
#define SC_SOL_SYSTEM_H

#include "base/export.h"
#include "sol/dtype.h"
#include "sol/op.h"

SC_BEGIN_DECLS

/* Which ceiling a rate stands for; docs/sol.md tells them apart. OBSERVED is the
 * architectural ceiling at a clock that the caller gives. */
typedef enum sol_ceiling { SOL_ARCHITECTURAL, SOL_DATASHEET, SOL_N_CEILINGS } sol_ceiling;
const char *sol_ceiling_name(sol_ceiling ceiling);

typedef struct sol_quantity {
    double value; /* NaN: not given */
    char *source; /* "" when the file gives none */
} sol_quantity;

typedef struct sol_system {
    char *path, *name, *title;
    int sm_version; /* compute capability x10, e.g. 90 */
    sol_quantity sm_count;
    sol_quantity sm_clock_max_hz;
    sol_quantity mem_capacity_B;
    sol_quantity mem_bw_B_s[SOL_N_CEILINGS];
    sol_quantity mem_clock_max_hz;
    /* Reached on a machine of this kind, by a benchmark that the source names. */
    sol_quantity measured_bw_B_s, measured_l2_bw_B_s;
    sol_quantity measured_rate[SOL_N_ENGINES][SOL_N_DTYPES];
    sol_quantity l2_B;
    sol_quantity l2_bw_B_s; /* architectural upper bound of L2 to SM traffic */
    sol_quantity power_W;
    /* What one GPU sends (and, at the same time, receives) over its links to the GPUs of its
     * node, SOL_INTRA, and to other nodes, SOL_INTER: signalling rates, hence both ceilings. */
    sol_quantity link_bw_B_s[SOL_ANY];
    sol_quantity num_gpus_per_node;
    /* Rate in FLOP/s (exponentials/s for SOL_EXP, dtype ignored). */
    sol_quantity rate[SOL_N_CEILINGS][SOL_N_ENGINES][SOL_N_DTYPES];
} sol_system;

/* Finds NAME in data_dir/sol/systems or loads a path. Errors as sol_op_find, SC1101. */
sc_status sol_system_find(const char *name, const char *data_dir, sol_system **out,
                          sc_diag *diag);
sc_status sol_system_load(const char *path, sol_system **out, sc_diag *diag);
void sol_system_free(sol_system *system);
sc_status sol_system_names(const char *data_dir, char ***out, sc_diag *diag);

/* Rates with the fallbacks that every caller needs: the datasheet number where the
 * architectural one is missing (*fallback = true), and dtypes that share a rate
 * (fp16 = bf16). NaN when the system has neither. */
double sol_system_rate(const sol_system *system, sol_ceiling ceiling, sol_engine engine,
                       sol_dtype dtype, bool *fallback);
double sol_system_mem_bw(const sol_system *system, sol_ceiling ceiling, bool *fallback);
/* Bytes per second in one direction; SOL_ANY: both links together. NaN when not given. */
double sol_system_link_bw(const sol_system *system, sol_link link);

/* Gives the parameters that ask for it (`system: num_gpus_per_node`) the system's value,
 * unless they were set explicitly or the system does not say. */
void sol_config_fit_system(const sol_op *op, const sol_system *system, sol_config *config);

/* Two more ceilings, each in the place of the architectural one of a loaded system.
 *
 * observe: the architectural ceiling at the clocks seen during a measurement (NaN: as it
 * is). measured: rates that were reached, where the file holds them, else as they are.
 * Errors: SC_EINVAL SC1105 (a clock that is not in (0, maximum]), SC1110 (the file lacks
 * the maximum clock, or any measured rate). Test: tests/unit/sol/test_system.c. */
sc_status sol_system_observe(sol_system *system, double sm_clock_hz, double mem_clock_hz,
                             sc_diag *diag);
sc_status sol_system_use_measured(sol_system *system, sc_diag *diag);

SC_END_DECLS

#endif
