/* solcheck check: the validation checks of a mock layer, one line each.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "cli/json.h"
#include "cli/sweep.h"

typedef struct listing {
    bool quiet;
    json_t *json; /* NULL: text, printed as checks end */
    bool junit;
    sc_buf cases; /* JUnit: the testcase elements so far */
    int count[3]; /* by outcome */
    bool failed;
} listing;

static void add_testcase(sc_buf *out, const mock_finding *f)
{
    static const char *const element[] = {NULL, "failure", "skipped"};
    sc_buf_add(out, "  <testcase classname=\"");
    sc_buf_add_xml(out, f->check);
    sc_buf_add(out, "\" name=\"");
    sc_buf_add_xml(out, f->where);
    sc_buf_add(out, "\">");
    if (element[f->outcome]) {
        sc_buf_printf(out, "<%s message=\"", element[f->outcome]);
        sc_buf_add_xml(out, f->seen);
        sc_buf_add(out, "\"/>");
    }
    sc_buf_add(out, "</testcase>\n");
}

static sc_status finish_junit(cli_session *cli, const cli_device *device, listing *list)
{
    sc_buf out = {0};
    sc_buf_add(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"");
    sc_buf_add_xml(&out, cli->op->layer);
    sc_buf_add(&out, " on ");
    sc_buf_add_xml(&out, device->info.name);
    sc_buf_printf(&out, "\" tests=\"%d\" failures=\"%d\" skipped=\"%d\" errors=\"0\">\n",
                  list->count[MOCK_PASS] + list->count[MOCK_FAIL] +
                      list->count[MOCK_SKIP],
                  list->count[MOCK_FAIL], list->count[MOCK_SKIP]);
    sc_buf_add(&out, sc_buf_text(&list->cases));
    sc_buf_add(&out, "</testsuite>\n");
    out.failed |= list->cases.failed;
    sc_status status = cli_print(cli, &out);
    sc_buf_free(&out);
    return status;
}

/* --json is --format json. */
static sc_status pick_format(cli_session *cli, listing *list)
{
    bool json = cli_has(&cli->options, CLI_OPT_JSON);
    const char *format = cli_value(&cli->options, CLI_OPT_FORMAT, json ? "json" : "text");
    list->junit = strcmp(format, "junit") == 0;
    if (json && strcmp(format, "json") != 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                            "--json and --format %s contradict each other", format);
    if (strcmp(format, "json") == 0)
        return (list->json = json_array()) ? SC_OK : sc_diag_nomem(&cli->diag);
    if (!list->junit && strcmp(format, "text") != 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                            "--format of check is text, json or junit, not '%s'", format);
    return SC_OK;
}

static bool show(void *user, const mock_finding *f)
{
    static const char *const word[] = {"pass", "FAIL", "skip"};
    listing *list = user;
    list->count[f->outcome]++;
    if (list->junit) {
        add_testcase(&list->cases, f);
    } else if (list->json) {
        json_t *object =
            json_pack("{s:s, s:s, s:s, s:s}", "check", f->check, "where", f->where,
                      "seen", f->seen, "outcome", word[f->outcome]);
        list->failed |= !object || json_array_append_new(list->json, object) != 0;
    } else if (!list->quiet || f->outcome == MOCK_FAIL) {
        printf("%s  %-24s %-38s %s\n", word[f->outcome], f->check, f->where, f->seen);
        fflush(stdout);
    }
    return !list->failed;
}

static sc_status finish(cli_session *cli, const cli_device *device, listing *list)
{
    if (list->junit)
        return finish_junit(cli, device, list);
    if (!list->json) {
        printf("%s on %s: %d passed, %d failed, %d skipped\n", cli->op->layer,
               device->info.name, list->count[MOCK_PASS], list->count[MOCK_FAIL],
               list->count[MOCK_SKIP]);
        return SC_OK;
    }
    json_t *root = json_pack("{s:s, s:s, s:i, s:i, s:i, s:O}", "layer", cli->op->layer,
                             "device", device->info.name, "passed",
                             list->count[MOCK_PASS], "failed", list->count[MOCK_FAIL],
                             "skipped", list->count[MOCK_SKIP], "checks", list->json);
    sc_buf text = {0};
    sc_status status = cli_json_dump(root, &text, &cli->diag);
    if (status == SC_OK)
        status = list->failed ? sc_diag_nomem(&cli->diag) : cli_print(cli, &text);
    sc_buf_free(&text);
    return status;
}

static sc_status set_options(cli_session *cli, const mock_class *cls,
                             mock_check_options *options)
{
    mock_check_defaults(cls, options);
    options->tp = (int)cli->config.tp;
    options->seed = cli->seed;
    options->allow_graph_fail = cli_has(&cli->options, CLI_OPT_GRAPH_FAIL);
    for (int p = 0; p < SOL_N_PHASES; p++)
        options->phase[p] = cli->phase[p];
    for (int i = 0; i < cls->n_params; i++) {
        int at = sol_op_param_index(cli->op, cls->param[i].name);
        if (at >= 0 && cli->config.given[at])
            options->param[i] = (int64_t)cli->config.param[at];
    }
    for (int i = 0; i < cls->n_slots; i++) {
        int at = sol_op_slot_index(cli->op, cls->slot[i]);
        if (at >= 0)
            options->dtype[i] = cli->config.slot[at];
    }
    sc_status status = cli_scope(cli, &options->scope);
    if (status == SC_OK)
        status = cli_route(cli, &options->choice);
    if (status == SC_OK)
        status = cli_inputs(cli, &options->inputs);
    if (status == SC_OK && options->inputs == MOCK_INPUTS_ZEROS)
        return sc_diag_fail(
            &cli->diag, SC_EINVAL, SC6001,
            "--inputs zeros proves nothing: of zeros every layer makes the "
            "zeros that are expected");
    return status;
}

/* The op file and the mock layer state the hidden size each on its own: they must agree.
 */
static sc_status check_hidden(cli_session *cli, const mock_class *cls,
                              const sol_phase *phase, listing *list, int *n_failed)
{
    mock_case c;
    double wanted = 0;
    mock_finding finding = {.check = "hidden size"};
    if (phase->output.rank == 0)
        return SC_OK;
    sc_status status = cli_make_case(cli, cls, phase->kind, 3, 97, &c);
    if (status == SC_OK)
        status =
            sol_op_value(cli->op, phase, &cli->config, NULL,
                         phase->output.dim[phase->output.rank - 1], &wanted, &cli->diag);
    if (status != SC_OK)
        return status;
    double got = (double)mock_class_hidden(cls, &c);
    bool same = got == wanted;
    finding.outcome = same ? MOCK_PASS : MOCK_FAIL;
    snprintf(finding.where, sizeof finding.where, "%s tp=%.0f",
             sol_phase_name(phase->kind), cli->config.tp);
    snprintf(finding.seen, sizeof finding.seen,
             "last dimension: %.0f in the op file, %.0f in the layer", wanted, got);
    *n_failed += !same;
    show(list, &finding);
    return SC_OK;
}

/* Without a GPU, and unless one was named, one line says so and the CPU is checked. */
static sc_status open_device(cli_session *cli, cli_device *device)
{
    sc_status status = cli_device_open(cli, device);
    if (status != SC_ENOGPU || cli_has(&cli->options, CLI_OPT_DEVICE))
        return status;
    cli->diag.severity = SC_WARNING;
    sc_diag_hint(&cli->diag, "checking the CPU layers instead");
    cli_complain(&cli->diag);
    sc_diag_clear(&cli->diag);
    return mock_device_open("cpu", &device->ops, &device->dev, &device->info, &cli->diag);
}

sc_status cli_check(cli_session *cli, int *exit_code)
{
    cli_device device = {0};
    const mock_class *cls;
    mock_check_options options;
    listing list = {.quiet = cli_has(&cli->options, CLI_OPT_QUIET)};
    int n_failed = 0;
    sc_status status = cli_find_layer(cli, &cls);
    if (status == SC_OK)
        status = pick_format(cli, &list);
    if (status == SC_OK)
        status = set_options(cli, cls, &options);
    if (status == SC_OK)
        status = open_device(cli, &device);
    if (status == SC_OK)
        status = mock_check(cls, device.ops, device.dev, &device.info, &options, show,
                            &list, &n_failed, &cli->diag);
    for (int p = 0; p < SOL_N_PHASES && status == SC_OK; p++)
        if (cli->phase[p])
            status = check_hidden(cli, cls, cli->op->phase[p], &list, &n_failed);
    if (status == SC_OK)
        status = finish(cli, &device, &list);
    json_decref(list.json);
    sc_buf_free(&list.cases);
    cli_device_close(&device);
    if (status == SC_OK && n_failed > 0)
        *exit_code = 1;
    return status;
}
