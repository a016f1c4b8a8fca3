/* solcheck - ops and systems for commands that work on tables, which name neither.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_LIBRARY_H
#define SC_CLI_LIBRARY_H

#include "cli/session.h"

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

#endif
