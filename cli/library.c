/* solcheck - ops and systems for commands that work on tables, which name neither.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/library.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "collector/store.h"
#include "collector/walk.h"

/* ---- ops ---- */

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

/* The system of that name, which need not exist. Ours come first: they hold architectural
 * numbers; then those above dir, unless NULL. */
static sc_status remember_system(cli_library *lib, const char *name, const char *dir,
                                 const sol_system **out)
{
    sc_diag diag = {0};
    bool given = cli_has(&lib->cli->options, CLI_OPT_SYSTEM);
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
    sc_status status = sol_system_find(name, lib->cli->data_dir, &entry->system, &diag);
    if (status == SC_EINVAL && dir)
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

sc_status cli_library_system(cli_library *lib, const char *path, const sol_system **out)
{
    const char *given = cli_value(&lib->cli->options, CLI_OPT_SYSTEM, NULL);
    char name[128] = "", dir[PATH_MAX] = "";
    *out = NULL;
    if (given)
        return remember_system(lib, given, NULL, out);
    if (!col_system_of(path, name, sizeof name, dir, sizeof dir))
        return SC_OK;
    return remember_system(lib, name, dir, out);
}

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

/* ---- files ---- */

/* Does the file begin as SQLite databases do? */
static bool is_store(const char *path)
{
    static const char magic[16] = "SQLite format 3";
    char head[sizeof magic];
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(head, 1, sizeof head, file) : 0;
    if (file)
        fclose(file);
    return n == sizeof head && memcmp(head, magic, sizeof head) == 0;
}

/* The i-th table of a store, through the text that `solcheck export` writes. */
static sc_status stored_table(const char *path, const col_export *all, size_t i,
                              const col_export_table *entry, col_table **out,
                              sc_diag *diag)
{
    sc_buf name = {0}, text = {0};
    sc_buf_printf(&name, "%s/%s_%s", path, entry->op_name, sol_phase_name(entry->phase));
    sc_status status =
        name.failed ? sc_diag_nomem(diag) : col_export_csv(all, i, &text, diag);
    if (status == SC_OK)
        status = col_table_parse(name.text, sc_buf_text(&text), text.n, out, diag);
    sc_buf_free(&name);
    sc_buf_free(&text);
    return status;
}

static sc_status load_store(const char *path, cli_tables *out, sc_diag *diag)
{
    col_export *all;
    col_export_table entry;
    size_t n = 0;
    sc_status status = col_export_load(&path, 1, NULL, &all, diag);
    if (status != SC_OK)
        return status;
    while (col_export_table_at(all, n, &entry))
        n++;
    out->table = sc_calloc(n, sizeof(col_table *));
    if (!out->table)
        status = sc_diag_nomem(diag);
    for (size_t i = 0; i < n && status == SC_OK && col_export_table_at(all, i, &entry);
         i++) {
        status = stored_table(path, all, i, &entry, &out->table[i], diag);
        out->n += status == SC_OK;
    }
    col_export_free(all);
    return status;
}

sc_status cli_tables_load(const char *path, cli_tables *out, sc_diag *diag)
{
    cli_tables tables = {0};
    sc_status status;
    if (is_store(path)) {
        status = load_store(path, &tables, diag);
    } else {
        tables.table = sc_calloc(1, sizeof(col_table *));
        status = tables.table ? col_table_load(path, &tables.table[0], diag)
                              : sc_diag_nomem(diag);
        tables.n = status == SC_OK;
    }
    if (status != SC_OK)
        cli_tables_free(&tables);
    else
        *out = tables;
    return status;
}

void cli_tables_free(cli_tables *tables)
{
    for (size_t i = 0; i < tables->n; i++)
        col_table_free(tables->table[i]);
    sc_free(tables->table);
    *tables = (cli_tables){0};
}

/* ---- parts ---- */

bool cli_same_model(const char *device, const char *system)
{
    return col_device_is(device, system);
}

/* By the column device of the table. */
sc_status cli_library_device(cli_library *lib, const char *device,
                             const sol_system **out)
{
    char **names = NULL;
    *out = NULL;
    sc_status status =
        *device ? sol_system_names(lib->cli->data_dir, &names, &lib->cli->diag) : SC_OK;
    for (size_t i = 0; names && names[i] && status == SC_OK && !*out; i++)
        if (cli_same_model(device, names[i]))
            status = remember_system(lib, names[i], NULL, out);
    if (names)
        sol_names_free(names);
    return status;
}

/* Is the op, by its name or that of its layer, what the first row names? */
static bool is_named(const sol_op *op, const col_table *table)
{
    char scratch[32];
    int column = col_table_column(table, "op_name");
    const char *name =
        column < 0 || !table->n_rows ? "" : col_table_text(table, 0, column, scratch);
    return *name && (strcmp(op->name, name) == 0 || strcmp(op->layer, name) == 0);
}

/* The longest claim of any op on the table. */
static size_t longest_claim(const cli_library *lib, const char *path)
{
    size_t longest = 0;
    for (size_t i = 0; i < lib->n_ops; i++)
        for (int p = 0; p < SOL_N_PHASES; p++) {
            size_t n = lib->op[i]->phase[p]
                           ? cli_op_claim(lib->op[i], (sol_phase_kind)p, path)
                           : 0;
            longest = n > longest ? n : longest;
        }
    return longest;
}

bool cli_table_may_be(const cli_library *lib, const col_table *table, const sol_op *op,
                      sol_phase_kind phase)
{
    size_t longest = longest_claim(lib, table->path);
    return op->phase[phase] && (cli_has(&lib->cli->options, CLI_OPT_OP) ? true
                                : longest ? cli_op_claim(op, phase, table->path) == longest
                                          : is_named(op, table));
}

typedef struct refusal { /* why a table is not of an op and phase */
    sc_status status;
    sc_diag diag;
} refusal;

/* A table that is not of the op and phase is passed over; held says why. */
static sc_status add_part(cli_library *lib, const char *path, const col_table *table,
                          const sol_op *op, sol_phase_kind phase, cli_parts *out,
                          refusal *held)
{
    cli_part part = {.op = op, .phase = phase, .table = table};
    cli_session *cli = lib->cli;
    sc_status status =
        col_points_map(table, op, phase, NULL, &part.points, NULL, &held->diag);
    if (status == SC_ENOMEM) {
        cli->diag = held->diag;
    } else if (status != SC_OK) {
        held->status = status;
        return SC_OK;
    }
    if (status == SC_OK)
        status = cli_library_system(lib, path, &part.system);
    if (status == SC_OK && !part.system)
        status = cli_library_device(lib, part.points.device, &part.system);
    cli_part *more =
        status == SC_OK ? sc_reallocarray(out->part, out->n + 1, sizeof *more) : NULL;
    if (status == SC_OK && !more)
        status = sc_diag_nomem(&cli->diag);
    if (status != SC_OK) {
        col_points_clear(&part.points);
        return status;
    }
    out->part = more;
    out->part[out->n++] = part;
    return SC_OK;
}

static sc_status map_table(cli_library *lib, const char *path, const col_table *table,
                           cli_parts *out)
{
    sc_status status = SC_OK;
    refusal held = {0};
    bool only = cli_has(&lib->cli->options, CLI_OPT_OP);
    size_t before = out->n;
    for (size_t i = 0; i < lib->n_ops; i++)
        for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++) {
            const sol_op *op = lib->op[i];
            sol_phase_kind phase = (sol_phase_kind)p;
            if (cli_table_may_be(lib, table, op, phase))
                status = add_part(lib, path, table, op, phase, out, &held);
        }
    if (status == SC_OK && only && out->n == before) {
        lib->cli->diag = held.diag;
        status = held.status;
    }
    return status;
}

sc_status cli_parts_load(cli_library *lib, const char *path, cli_parts *out)
{
    cli_parts parts = {0};
    sc_status status = cli_tables_load(path, &parts.tables, &lib->cli->diag);
    if (status == SC_OK &&
        !(parts.mapped = sc_calloc(parts.tables.n, sizeof *parts.mapped)))
        status = sc_diag_nomem(&lib->cli->diag);
    for (size_t i = 0; i < parts.tables.n && status == SC_OK; i++) {
        size_t before = parts.n;
        status = map_table(lib, path, parts.tables.table[i], &parts);
        parts.mapped[i] = parts.n > before;
    }
    if (status != SC_OK)
        cli_parts_clear(&parts);
    else
        *out = parts;
    return status;
}

void cli_parts_clear(cli_parts *parts)
{
    for (size_t i = 0; i < parts->n; i++)
        col_points_clear(&parts->part[i].points);
    sc_free(parts->part);
    sc_free(parts->mapped);
    cli_tables_free(&parts->tables);
    *parts = (cli_parts){0};
}
