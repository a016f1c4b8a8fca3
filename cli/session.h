/* solcheck - what every command works on: options, data directory, op, system,
 * configuration, and where complaints go.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_SESSION_H
#define SC_CLI_SESSION_H

#include "cli/options.h"
#include "sol/op.h"
#include "sol/roofline.h"

typedef struct cli_session {
    cli_options options;
    int argc;
    char **argv;
    char *data_dir;
    sol_op *op;         /* NULL until cli_load */
    sol_system *system; /* likewise */
    sol_config config;
    bool phase[SOL_N_PHASES]; /* asked for and defined */
    sol_ceiling ceiling;
    const char *ceiling_name; /* as asked for: also observed, measured */
    uint64_t seed;
    sc_diags warnings;
    sc_diag diag;
} cli_session;

/* The whole program: parses, runs, complains; returns the exit status. May be called
 * again. Test: tests/unit/cli/test_allocation.c. */
int cli_main(int argc, char **argv);

/* Each command; results go to standard output. Returns the status; *exit_code is preset
 * to 0 and set by commands whose result is a verdict. */
typedef sc_status cli_run(cli_session *cli, int *exit_code);
cli_run cli_decide, cli_plot, cli_list, cli_explain, cli_eval, cli_check, cli_measure,
    cli_export, cli_lint, cli_audit, cli_validate, cli_model, cli_compare, cli_calibrate,
    cli_design, cli_fit;

/* Finds the data directory: $SOLCHECK_DATA_DIR, the source tree when run from the build
 * tree,
 * ../share/solcheck next to the executable, the installed one. Errors: SC_ENOMEM. */
sc_status cli_find_data(char **out, sc_diag *diag);

/* Loads op, system and configuration from the options. Errors: those of sol_op_find,
 * sol_system_find, sol_config_set_*; SC_EINVAL SC6001, SC6002. */
sc_status cli_load(cli_session *cli);

/* Number of an option's value. Errors: SC_EINVAL SC6001. */
sc_status cli_number(cli_session *cli, const char *option, const char *text, double *out);

/* The point that --set or --against gives, over the axes of a phase; optional axes
 * default, required ones have to be given. Errors: SC_EINVAL SC6001, SC1113. */
sc_status cli_point(cli_session *cli, cli_option option, const sol_phase *phase,
                    double *axis);

/* Exit status of a failure; docs/decisions.md. */
int cli_exit_code(sc_status status);

/* Writes a diagnostic to standard error. */
void cli_complain(const sc_diag *diag);

/* Appends a word of a shell command, quoted where a shell would take it apart. */
void cli_add_word(sc_buf *out, const char *text);
/* Appends the command as typed, fit for a shell; without --out where with_out is false. */
void cli_add_command(const cli_session *cli, bool with_out, sc_buf *out);
/* "DIR/<op>_<phase>.<format>", as tables of measurements are named, or NULL without memory;
 * release with sc_free. */
char *cli_table_path(const char *dir, const char *op, sol_phase_kind phase,
                     const char *format);

/* Writes a buffer to standard output. Errors: SC_EIO SC1001, SC_ENOMEM. */
sc_status cli_print(cli_session *cli, sc_buf *text);

#endif
