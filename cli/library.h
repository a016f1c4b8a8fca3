/* solcheck - ops and systems for commands that work on tables, which name neither.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_LIBRARY_H
#define SC_CLI_LIBRARY_H

#include "cli/session.h"
#include "collector/table.h"

typedef struct cli_known_system {
    char name[128];
    sol_system *system; /* NULL: there is none of that name */
} cli_known_system;

typedef struct cli_library {
    cli_session *cli;
    sol_op **op;
    size_t n_ops;
    cli_known_system *known; /* systems asked for so far */
    size_t n_known;
} cli_library;

/* Loads all ops; one that does not load is a warning. --op leaves the one that it names.
 * Release with cli_library_clear in any case. Errors: those of sol_op_find. */
sc_status cli_library_load(cli_session *cli, cli_library *lib);
void cli_library_clear(cli_library *lib);

/* *out: the system of a table, by --system or by the table's directory; NULL where none is
 * known. Owned by the library. Errors: those of sol_system_find when --system is given,
 * SC_ENOMEM. */
sc_status cli_library_system(cli_library *lib, const char *path, const sol_system **out);

/* Length of the longest stem by which an op claims the table for a phase, 0: none. */
size_t cli_op_claim(const sol_op *op, sol_phase_kind phase, const char *path);

/* The tables of a file: one of a CSV or Parquet file; of a record store one for each op
 * and phase, its path being <store>/<op>_<phase>. */
typedef struct cli_tables {
    col_table **table;
    size_t n;
} cli_tables;
/* Errors: those of col_table_load, col_export_load. Release with cli_tables_free. */
sc_status cli_tables_load(const char *path, cli_tables *out, sc_diag *diag);
void cli_tables_free(cli_tables *tables);

/* The part of a file that is of one op and phase. */
typedef struct cli_part {
    const sol_op *op;
    sol_phase_kind phase;
    const sol_system *system; /* NULL: not known */
    const col_table *table;
    col_points points;
} cli_part;

typedef struct cli_parts {
    cli_part *part;
    size_t n;
    cli_tables tables;
    bool *mapped; /* [tables.n]: some op takes rows of it */
} cli_parts;
/* Loads a file and maps it to the ops of the library: by --op, else those whose tables
 * section claims the file's name, else the one that the column op_name names. The system
 * is that of cli_library_system, else the one whose name the column device holds. No part
 * at all is no error. Errors: those of cli_tables_load, cli_library_system; with --op
 * those of col_points_map. Release with cli_parts_clear. */
sc_status cli_parts_load(cli_library *lib, const char *path, cli_parts *out);
void cli_parts_clear(cli_parts *parts);

/* May the table be of the op and phase: by --op, else by its file's name, else by the
 * column op_name? */
bool cli_table_may_be(const cli_library *lib, const col_table *table, const sol_op *op,
                      sol_phase_kind phase);
/* The system whose name the device's holds, NULL where none is known. */
sc_status cli_library_device(cli_library *lib, const char *device, const sol_system **out);

/* Does the device's name hold the first word of the system's, as "NVIDIA H100 80GB HBM3"
 * holds that of h100_sxm? */
bool cli_same_model(const char *device, const char *system);

#endif
