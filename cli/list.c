/* solcheck list: the ops, or with --system the systems.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <jansson.h>
#include <stdlib.h>

#include "cli/json.h"
#include "cli/session.h"

/* One line or object for an op or a system; a file that does not load says so. */
static void describe(const cli_session *cli, const char *name, bool systems, sc_buf *text,
                     json_t *list)
{
    sol_op *op = NULL;
    sol_system *system = NULL;
    sc_diag diag = {0};
    const char *title = diag.message;
    if (systems) {
        if (sol_system_find(name, cli->data_dir, &system, &diag) == SC_OK)
            title = system->title;
    } else if (sol_op_find(name, getenv("SOLCHECK_OP_PATH"), cli->data_dir, &op, &diag) ==
               SC_OK) {
        title = op->title;
    }
    sc_buf_printf(text, "%-20s %s%s\n", name, title == diag.message ? "unreadable: " : "",
                  title);
    json_array_append_new(list, json_pack("{s:s, s:s}", "name", name, "title", title));
    sol_op_free(op);
    sol_system_free(system);
}

sc_status cli_list(cli_session *cli, int *exit_code)
{
    (void)exit_code;
    bool systems = cli_has(&cli->options, CLI_OPT_SYSTEM);
    char **names;
    sc_status status = systems ? sol_system_names(cli->data_dir, &names, &cli->diag)
                               : sol_op_names(getenv("SOLCHECK_OP_PATH"), cli->data_dir,
                                              &names, &cli->diag);
    if (status != SC_OK)
        return status;
    sc_buf text = {0};
    json_t *list = json_array();
    for (char **name = names; *name && list; name++)
        describe(cli, *name, systems, &text, list);
    if (cli_has(&cli->options, CLI_OPT_JSON)) {
        sc_buf_free(&text);
        status = cli_json_dump(json_incref(list), &text, &cli->diag);
    }
    if (status == SC_OK)
        status = cli_print(cli, &text);
    json_decref(list);
    sc_buf_free(&text);
    sol_names_free(names);
    return status;
}
