/* solcheck - ops and systems for commands that work on tables, which name neither.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/library.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "collector/walk.h"

/* ---- ops ---- */

/* Loads all ops; one that does not load is a warning. --op leaves the one that it names.
 */
sc_status cli_library_load(cli_session *cli, cli_library *lib)
{
    lib->cli = cli;
    const char *path = getenv("SOLCHECK_OP_PATH");
    const char *only = cli_value(&cli->options, CLI_OPT_OP, NULL);
    char **names = NULL;
    size_t n = 1;
    sc_status status =
        only ? SC_OK : sol_op_names(path, cli->data_dir, &names, &cli->diag);
    if (status)
        return status;
    while (names && names[n - 1])
        n++;
    lib->op = sc_calloc(n, sizeof(sol_op *));
    if (!lib->op)
        status = sc_diag_nomem(&cli->diag);
    for (size_t i = 0; !status && (only ? i < 1 : names[i] != NULL); i++) {
        sc_diag diag = {0};
        const char *name = only ? only : names[i];
        sc_status loaded =
            sol_op_find(name, path, cli->data_dir, &lib->op[lib->n_ops], &diag);
        if (!loaded) {
            lib->n_ops++;
        } else if (only || loaded == SC_ENOMEM) {
            cli->diag = diag;
            status = loaded;
        } else if (sc_diags_add(&cli->warnings, &diag)) {
            status = sc_diag_nomem(&cli->diag);
        }
    }
    if (names)
        sol_names_free(names);
    return status;
}

/* ---- systems ---- */

/* <name>.yaml in the directories above the tables, or in systems/ there: as the reference
 * ecosystem lays them out. */
static sc_status system_above(const char *dir, const char *name, sol_system **out,
                              sc_diag *diag)
{
    static const char *const below[] = {"", "/systems"};
    char path[PATH_MAX + 300], up[PATH_MAX];
    snprintf(up, sizeof up, "%s", dir);
    for (int level = 0; level < 4; level++) {
        char *slash = strrchr(up, '/');
        if (!slash)
            break;
        *slash = '\0';
        for (size_t i = 0; i < sizeof below / sizeof *below; i++) {
            snprintf(path, sizeof path, "%s%s/%s.yaml", up, below[i], name);
            if (access(path, R_OK) == 0)
                return sol_system_load(path, out, diag);
        }
    }
    return SC_EINVAL;
}

/* *out: the system of a table, NULL where none is known. Ours come first: they hold
 * architectural numbers. */
sc_status cli_library_system(cli_library *lib, const char *path, const sol_system **out)
{
    const char *given = cli_value(&lib->cli->options, CLI_OPT_SYSTEM, NULL);
    char name[128] = "", dir[PATH_MAX] = "";
    sc_diag diag = {0};
    *out = NULL;
    if (given)
        snprintf(name, sizeof name, "%s", given);
    else if (!col_system_of(path, name, sizeof name, dir, sizeof dir))
        return SC_OK;
    for (size_t i = 0; i < lib->n_known; i++)
        if (strcmp(lib->known[i].name, name) == 0) {
            *out = lib->known[i].system;
            return SC_OK;
        }
    cli_known_system *more = sc_reallocarray(lib->known, lib->n_known + 1, sizeof *more);
    if (!more)
        return sc_diag_nomem(&lib->cli->diag);
    lib->known = more;
    cli_known_system *entry = &lib->known[lib->n_known];
    *entry = (cli_known_system){0};
    snprintf(entry->name, sizeof entry->name, "%s", name);
    sc_status status =
        sol_system_find(given ? given : name, lib->cli->data_dir, &entry->system, &diag);
    if (status == SC_EINVAL && !given)
        status = system_above(dir, name, &entry->system, &diag);
    if (status == SC_ENOMEM || (status && given)) {
        lib->cli->diag = diag;
        return status;
    }
    lib->n_known++;
    *out = entry->system;
    if (status && diag.code && diag.code != SC1101)
        return sc_diags_add(&lib->cli->warnings, &diag) ? SC_ENOMEM : SC_OK;
    return SC_OK;
}

/* Length of the longest stem by which an op claims the table for a phase, 0: none. */
size_t cli_op_claim(const sol_op *op, sol_phase_kind phase, const char *path)
{
    const char *base = sc_path_base(path);
    size_t longest = 0;
    for (int i = 0; i < op->n_tables; i++) {
        size_t n = strlen(op->table[i].stem);
        if (op->table[i].phase == phase && n > longest &&
            strncmp(base, op->table[i].stem, n) == 0)
            longest = n;
    }
    return longest;
}

void cli_library_clear(cli_library *lib)
{
    for (size_t i = 0; i < lib->n_ops; i++)
        sol_op_free(lib->op[i]);
    for (size_t i = 0; i < lib->n_known; i++)
        sol_system_free(lib->known[i].system);
    sc_free(lib->op);
    sc_free(lib->known);
    *lib = (cli_library){0};
}
