/* solcheck export: perf tables from record stores, and CSV to Parquet and back.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "cli/session.h"
#include "collector/parquet.h"
#include "collector/store.h"

static bool is_directory(const char *path)
{
    struct stat info;
    return sc_ends_with(path, "/") || (stat(path, &info) == 0 && S_ISDIR(info.st_mode));
}

/* A table as CSV or, where the name ends in .parquet, as Parquet. */
static sc_status save(cli_session *cli, const char *path, const sc_buf *text)
{
    col_table *table;
    if (!sc_ends_with(path, ".parquet"))
        return sc_file_write(path, sc_buf_text(text), text->n, &cli->diag);
    sc_status status =
        col_table_parse(path, sc_buf_text(text), text->n, &table, &cli->diag);
    if (status != SC_OK)
        return status;
    status = col_parquet_save(path, table, &cli->diag);
    col_table_free(table);
    return status;
}

static sc_status deliver(cli_session *cli, const char *path, sc_buf *text)
{
    return path ? save(cli, path, text) : cli_print(cli, text);
}

/* One table, or the commands, to a file or to standard output. */
static sc_status write_one(cli_session *cli, const col_export *all, const char *path)
{
    sc_buf text = {0};
    sc_status status = cli_has(&cli->options, CLI_OPT_REPRO)
                           ? col_export_repro(all, &text, &cli->diag)
                           : col_export_csv(all, SIZE_MAX, &text, &cli->diag);
    if (status == SC_OK)
        status = deliver(cli, path, &text);
    sc_buf_free(&text);
    return status;
}

/* DIR/<op>_<phase>.csv (or .parquet) for each table. */
static sc_status write_each(cli_session *cli, const col_export *all, const char *dir,
                            const char *format)
{
    col_export_table table;
    sc_status status = sc_mkdirs(dir, &cli->diag);
    for (size_t i = 0; status == SC_OK && col_export_table_at(all, i, &table); i++) {
        sc_buf text = {0};
        char *path = cli_table_path(dir, table.op_name, table.phase, format);
        status =
            path ? col_export_csv(all, i, &text, &cli->diag) : sc_diag_nomem(&cli->diag);
        if (status == SC_OK)
            status = save(cli, path, &text);
        if (status == SC_OK && !cli_has(&cli->options, CLI_OPT_QUIET))
            printf("%s: %zu row%s\n", path, table.n_rows, table.n_rows == 1 ? "" : "s");
        sc_free(path);
        sc_buf_free(&text);
    }
    return status;
}

/* A table in place of a store: CSV to Parquet and back. */
static sc_status convert(cli_session *cli, const char *from, const char *to)
{
    col_table *table;
    sc_buf text = {0};
    sc_status status = col_table_load(from, &table, &cli->diag);
    if (status != SC_OK)
        return status;
    if (to && sc_ends_with(to, ".parquet")) {
        status = col_parquet_save(to, table, &cli->diag);
    } else {
        status = col_table_csv(table, &text, &cli->diag);
        if (status == SC_OK)
            status = deliver(cli, to, &text);
    }
    sc_buf_free(&text);
    col_table_free(table);
    return status;
}

/* The kernels of all points, one table. */
static sc_status write_kernels(cli_session *cli)
{
    const cli_values *stores = &cli->options.files;
    const char *path = cli_value(&cli->options, CLI_OPT_OUT, NULL);
    sc_buf text = {0};
    sc_status status =
        col_kernels_csv(stores->text, (size_t)stores->n,
                        cli_value(&cli->options, CLI_OPT_OP, NULL), &text, &cli->diag);
    if (status == SC_OK)
        status = deliver(cli, path, &text);
    sc_buf_free(&text);
    return status;
}

static bool is_table(const char *path)
{
    return sc_ends_with(path, ".csv") || sc_ends_with(path, ".parquet");
}

/* What goes into one file, and what is read from one. */
static sc_status check_one_file(cli_session *cli, const char *out)
{
    const cli_values *stores = &cli->options.files;
    bool repro = cli_has(&cli->options, CLI_OPT_REPRO),
         kernels = cli_has(&cli->options, CLI_OPT_KERNELS);
    sc_diag *diag = &cli->diag;
    if (repro && kernels)
        return sc_diag_fail(diag, SC_EINVAL, SC6002,
                            "--repro and --kernels contradict each other");
    if ((repro || kernels) && out && is_directory(out))
        return sc_diag_fail(diag, SC_EINVAL, SC6002,
                            "--%s writes one file: '%s' is a directory",
                            repro ? "repro" : "kernels", out);
    if (repro && out && sc_ends_with(out, ".parquet"))
        return sc_diag_fail(diag, SC_EINVAL, SC6002,
                            "--repro writes commands, not a table: '%s'", out);
    for (int i = 0; i < stores->n; i++)
        if (is_table(stores->text[i]) && (stores->n > 1 || repro || kernels))
            return sc_diag_fail(diag, SC_EINVAL, SC6002,
                                "'%s' is a table: it can be converted, alone and without "
                                "--repro and --kernels",
                                stores->text[i]);
    if (is_table(stores->text[0]) && out && is_directory(out))
        return sc_diag_fail(diag, SC_EINVAL, SC6002,
                            "a table is converted into one file: '%s' is a directory",
                            out);
    return SC_OK;
}

sc_status cli_export(cli_session *cli, int *exit_code)
{
    (void)exit_code;
    const cli_values *stores = &cli->options.files;
    const char *out = cli_value(&cli->options, CLI_OPT_OUT, NULL);
    col_export *all;
    if (stores->n == 0) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "no store is named");
        sc_diag_hint(&cli->diag, "solcheck export STORE... --out FILE.csv");
        return SC_EINVAL;
    }
    const char *format = cli_value(&cli->options, CLI_OPT_FORMAT, "csv");
    if (strcmp(format, "csv") != 0 && strcmp(format, "parquet") != 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--format is csv or parquet, not '%s'", format);
    if (!(out && is_directory(out)) && cli_has(&cli->options, CLI_OPT_FORMAT))
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                            "--format goes with --out DIR/; a file's name tells its own");
    sc_status status = check_one_file(cli, out);
    if (status != SC_OK)
        return status;
    if (cli_has(&cli->options, CLI_OPT_KERNELS))
        return write_kernels(cli);
    if (is_table(stores->text[0]))
        return convert(cli, stores->text[0], out);
    status =
        col_export_load(stores->text, (size_t)stores->n,
                        cli_value(&cli->options, CLI_OPT_OP, NULL), &all, &cli->diag);
    if (status != SC_OK)
        return status;
    status = out && is_directory(out) ? write_each(cli, all, out, format)
                                      : write_one(cli, all, out);
    col_export_free(all);
    return status;
}
