/* solcheck - what every command works on.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/session.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "sol/llm.h"

int cli_exit_code(sc_status status)
{
    switch (status) {
    case SC_OK:
        return 0;
    case SC_EPARSE:
    case SC_EDOMAIN: /* the input has no usable value */
        return 3;
    case SC_EUNABLE:
        return 4;
    case SC_ENOGPU:
    case SC_EGPU:
        return 5;
    case SC_EINVAL:
    case SC_ENOMEM:
    case SC_EIO:
        break;
    }
    return 2;
}

void cli_complain(const sc_diag *diag)
{
    sc_buf text = {0};
    if (sc_diag_format(diag, &text) == SC_OK)
        fputs(sc_buf_text(&text), stderr);
    else
        fprintf(stderr, "error: %s [%s]\n", diag->message, sc_code_name(diag->code));
    sc_buf_free(&text);
}

sc_status cli_print(cli_session *cli, sc_buf *text)
{
    if (text->failed)
        return sc_diag_nomem(&cli->diag);
    if (fwrite(sc_buf_text(text), 1, text->n, stdout) != text->n || fflush(stdout) != 0 ||
        ferror(stdout))
        return sc_diag_fail(&cli->diag, SC_EIO, SC1001, "cannot write standard output");
    return SC_OK;
}

sc_status cli_number(cli_session *cli, const char *option, const char *text, double *out)
{
    if (sc_parse_double(text, out))
        return SC_OK;
    return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "--%s wants a number, not '%s'",
                        option, text);
}

/* ---- data directory ---- */

static bool has_ops(const char *dir)
{
    struct stat info;
    char *ops = dir ? sc_path_join(dir, "sol/ops") : NULL;
    bool found = ops && stat(ops, &info) == 0 && S_ISDIR(info.st_mode);
    sc_free(ops);
    return found;
}

sc_status cli_find_data(char **out, sc_diag *diag)
{
    const char *dir = getenv("SOLCHECK_DATA_DIR");
    char own[PATH_MAX];
    char *shared = NULL;
    if ((!dir || !*dir) && sc_program_dir(own, sizeof own)) {
        const char *name = strrchr(own, '/');
        if (name && strcmp(name, "/.libs") == 0) /* libtool's uninstalled program */
            own[name - own] = '\0';
        shared = sc_path_join(own, "../share/solcheck");
        dir = strcmp(own, SC_BUILD_DIR) == 0 ? SC_SOURCE_DIR
              : has_ops(shared)              ? shared
                                             : NULL;
    }
    *out = sc_strdup(dir && *dir ? dir : SC_DATA_DIR);
    sc_free(shared);
    return *out ? SC_OK : sc_diag_nomem(diag);
}

/* ---- loading ---- */

static sc_status pick_phases(cli_session *cli)
{
    const char *text = cli_value(&cli->options, CLI_OPT_PHASE, "both");
    bool both = strcmp(text, "both") == 0, any = false;
    for (int i = 0; i < SOL_N_PHASES; i++) {
        bool named = strcmp(text, sol_phase_name((sol_phase_kind)i)) == 0;
        if (named && !cli->op->phase[i])
            return sc_diag_fail(&cli->diag, SC_EINVAL, SC1109, "op %s has no %s phase",
                                cli->op->name, text);
        cli->phase[i] = (both || named) && cli->op->phase[i];
        any |= cli->phase[i];
    }
    if (any)
        return SC_OK;
    return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                        "--phase is context, generation or both, not '%s'", text);
}

static sc_status set_params(cli_session *cli)
{
    const cli_values *given = &cli->options.given[CLI_OPT_PARAM];
    char key[64];
    const char *text;
    double value;
    for (int i = 0; i < given->n; i++) {
        sc_status status =
            cli_split(given->text[i], "param", key, sizeof key, &text, &cli->diag);
        if (status == SC_OK)
            status = cli_number(cli, "param", text, &value);
        if (status == SC_OK)
            status = sol_config_set_param(cli->op, &cli->config, key, value, &cli->diag);
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}

static sc_status set_dtypes(cli_session *cli)
{
    const cli_values *given = &cli->options.given[CLI_OPT_DTYPE];
    char key[64];
    const char *text;
    for (int i = 0; i < given->n; i++) {
        sc_status status =
            cli_split(given->text[i], "dtype", key, sizeof key, &text, &cli->diag);
        if (status == SC_OK)
            status = sol_config_set_dtype(cli->op, &cli->config, key, text, &cli->diag);
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}

/* A clock option in Hz; NaN when it is not given. */
static sc_status read_clock(cli_session *cli, cli_option option, const char *name,
                            double *out)
{
    const char *text = cli_value(&cli->options, option, NULL);
    *out = NAN;
    if (!text)
        return SC_OK;
    sc_status status = cli_number(cli, name, text, out);
    *out *= 1e6;
    return status;
}

/* Observed and measured ceilings take the place of the architectural one. */
static sc_status set_ceiling(cli_session *cli)
{
    const char *name = cli_value(&cli->options, CLI_OPT_CEILING, "architectural");
    bool observed = strcmp(name, "observed") == 0;
    double sm, mem;
    sc_status status = read_clock(cli, CLI_OPT_SM_CLOCK, "sm-clock", &sm);
    if (status == SC_OK)
        status = read_clock(cli, CLI_OPT_MEM_CLOCK, "mem-clock", &mem);
    if (status != SC_OK)
        return status;
    if (observed == (isnan(sm) && isnan(mem))) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                     observed ? "--ceiling observed needs the clock that was observed"
                              : "a clock goes with --ceiling observed");
        sc_diag_hint(&cli->diag, "--ceiling observed --sm-clock MHZ [--mem-clock MHZ]");
        return SC_EINVAL;
    }
    cli->ceiling_name = name;
    if (observed)
        return sol_system_observe(cli->system, sm, mem, &cli->diag);
    if (strcmp(name, "measured") == 0)
        return sol_system_use_measured(cli->system, &cli->diag);
    for (int i = 0; i < SOL_N_CEILINGS; i++)
        if (strcmp(name, sol_ceiling_name((sol_ceiling)i)) == 0) {
            cli->ceiling = (sol_ceiling)i;
            return SC_OK;
        }
    return sc_diag_fail(
        &cli->diag, SC_EINVAL, SC6001,
        "--ceiling is architectural, datasheet, observed or measured, not "
        "'%s'",
        name);
}

static sc_status set_rest(cli_session *cli)
{
    const char *tp = cli_value(&cli->options, CLI_OPT_TP, NULL);
    const char *seed = cli_value(&cli->options, CLI_OPT_SEED, "1");
    double value;
    int64_t integer;
    if (tp && cli->options.command != CLI_MEASURE &&
        cli->options.command != CLI_DESIGN) { /* these take a list */
        sc_status status = cli_number(cli, "tp", tp, &value);
        if (status == SC_OK)
            status = sol_config_set_tp(cli->op, &cli->config, value, &cli->diag);
        if (status != SC_OK)
            return status;
    }
    if (!sc_parse_int(seed, &integer) || integer < 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--seed wants an integer from 0, not '%s'", seed);
    cli->seed = (uint64_t)integer;
    return set_ceiling(cli);
}

/* Parameters from a model's configuration, before those that the user sets by hand. */
static sc_status fill_model(cli_session *cli)
{
    sol_llm *llm = NULL;
    const char *path = cli_value(&cli->options, CLI_OPT_MODEL, NULL);
    sc_status status = sol_llm_load(path, &llm, &cli->diag);
    if (status == SC_OK)
        status = sol_llm_fill(llm, cli->op, &cli->config, NULL, &cli->diag);
    sol_llm_free(llm);
    return status;
}

sc_status cli_load(cli_session *cli)
{
    const char *name = cli_value(&cli->options, CLI_OPT_OP, NULL);
    if (!name) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "no op is named");
        sc_diag_hint(&cli->diag, "--op NAME; solcheck list names them");
        return SC_EINVAL;
    }
    sc_status status = sol_op_find(name, getenv("SOLCHECK_OP_PATH"), cli->data_dir,
                                   &cli->op, &cli->diag);
    if (status == SC_OK)
        status = pick_phases(cli);
    if (status == SC_OK)
        status = sol_system_find(cli_value(&cli->options, CLI_OPT_SYSTEM, "h100_sxm"),
                                 cli->data_dir, &cli->system, &cli->diag);
    if (status == SC_OK)
        status = sol_config_init(cli->op, &cli->config, &cli->diag);
    if (status == SC_OK)
        sol_config_fit_system(cli->op, cli->system, &cli->config);
    if (status == SC_OK && cli_has(&cli->options, CLI_OPT_MODEL))
        status = fill_model(cli);
    if (status == SC_OK)
        status = set_params(cli);
    if (status == SC_OK)
        status = set_dtypes(cli);
    return status == SC_OK ? set_rest(cli) : status;
}

void cli_add_word(sc_buf *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                "0123456789_./:=,+@%-";
    if (*text && !text[strspn(text, plain)]) {
        sc_buf_add(out, text);
        return;
    }
    sc_buf_add(out, "'");
    for (; *text; text++)
        if (*text == '\'')
            sc_buf_add(out, "'\\''");
        else
            sc_buf_addn(out, text, 1);
    sc_buf_add(out, "'");
}

void cli_add_command(const cli_session *cli, bool with_out, sc_buf *out)
{
    sc_buf_add(out, "solcheck");
    for (int i = 1; i < cli->argc; i++) {
        bool skip = strcmp(cli->argv[i], "--out") == 0;
        if (!with_out && (skip || strncmp(cli->argv[i], "--out=", 6) == 0)) {
            i += skip;
            continue;
        }
        sc_buf_add(out, " ");
        cli_add_word(out, cli->argv[i]);
    }
}

char *cli_table_path(const char *dir, const char *op, sol_phase_kind phase,
                     const char *format)
{
    sc_buf path = {0};
    sc_buf_printf(&path, "%s%s%s_%s.%s", dir, sc_ends_with(dir, "/") ? "" : "/", op,
                  sol_phase_name(phase), format);
    return sc_buf_take(&path);
}
