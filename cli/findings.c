/* solcheck - findings as text, JSON, SARIF 2.1.0 or JUnit.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/findings.h"
#include "cli/json.h"

#include <stdlib.h>
#include <string.h>

static const char *severity_name(sc_severity severity)
{
    static const char *const name[] = {"note", "warning", "error"};
    return name[severity];
}

sc_status cli_pick_format(cli_session *cli, cli_format *out)
{
    static const char *const name[] = {"text", "json", "sarif", "junit"};
    bool json = cli_has(&cli->options, CLI_OPT_JSON);
    const char *format = cli_value(&cli->options, CLI_OPT_FORMAT, json ? "json" : "text");
    if (json && strcmp(format, "json") != 0)
        return sc_diag_fail(&cli->diag, SC_EINVAL, SC6002,
                            "--json and --format %s contradict each other", format);
    for (size_t i = 0; i < sizeof name / sizeof *name; i++)
        if (strcmp(format, name[i]) == 0) {
            *out = (cli_format)i;
            return SC_OK;
        }
    return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                        "--format is text, json, sarif or junit, not '%s'", format);
}

/* ---- text and JSON ---- */

static sc_status as_text(const cli_findings *all, bool quiet, sc_buf *out)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < all->list->n && status == SC_OK; i++)
        status = sc_diag_format(&all->list->item[i], out);
    if (!quiet && status == SC_OK)
        status =
            sc_buf_printf(out, "%zu %s%s: %zu error%s, %zu warning%s%s\n", all->n_files,
                          all->noun, all->n_files == 1 ? "" : "s", all->n[SC_ERROR],
                          all->n[SC_ERROR] == 1 ? "" : "s", all->n[SC_WARNING],
                          all->n[SC_WARNING] == 1 ? "" : "s", all->tail ? all->tail : "");
    return status;
}

static json_t *finding_json(const sc_diag *d)
{
    return json_pack("{s:s, s:s, s:o, s:i, s:i, s:s, s:s}", "code", sc_code_name(d->code),
                     "severity", severity_name(d->severity), "file",
                     cli_json_text(d->file), "line", d->line, "column", d->col, "message",
                     d->message, "hint", d->hint);
}

static json_t *as_json(const cli_findings *all)
{
    json_t *list = json_array();
    for (size_t i = 0; i < all->list->n; i++)
        if (json_array_append_new(list, finding_json(&all->list->item[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    json_t *root = json_pack("{s:I, s:I, s:I, s:o}", "files", (json_int_t)all->n_files,
                             "errors", (json_int_t)all->n[SC_ERROR], "warnings",
                             (json_int_t)all->n[SC_WARNING], "findings", list);
    if (root && all->more && json_object_update(root, all->more) != 0) {
        json_decref(root);
        return NULL;
    }
    return root;
}

/* ---- SARIF ---- */

/* SARIF 2.1.0, section 3.27: one result. */
static json_t *sarif_result(const sc_diag *d, int rule)
{
    int line = d->line > 0 ? d->line : 1, col = d->col > 0 ? d->col : 1;
    sc_buf message = {0};
    sc_buf_printf(&message, "%s%s%s", d->message, d->hint[0] ? ". Hint: " : "", d->hint);
    json_t *result = json_pack(
        "{s:s, s:i, s:s, s:{s:s}, s:[{s:{s:{s:o}, s:{s:i, s:i, s:i}}}]}", "ruleId",
        sc_code_name(d->code), "ruleIndex", rule, "level", severity_name(d->severity),
        "message", "text", sc_buf_text(&message), "locations", "physicalLocation",
        "artifactLocation", "uri", cli_json_text(d->file), "region", "startLine", line,
        "startColumn", col, "endColumn", col + (d->width > 0 ? d->width : 1));
    sc_buf_free(&message);
    return result;
}

/* Index of a code among the rules, added at its first use; -1 without memory. */
static int sarif_rule(json_t *rules, sc_code code)
{
    size_t n = json_array_size(rules);
    for (size_t i = 0; i < n; i++)
        if (strcmp(json_string_value(json_object_get(json_array_get(rules, i), "id")),
                   sc_code_name(code)) == 0)
            return (int)i;
    json_t *rule = json_pack("{s:s, s:{s:s}}", "id", sc_code_name(code),
                             "shortDescription", "text", sc_code_title(code));
    return json_array_append_new(rules, rule) == 0 ? (int)n : -1;
}

static json_t *as_sarif(const sc_diags *findings)
{
    json_t *rules = json_array(), *results = json_array();
    bool good = rules && results;
    for (size_t i = 0; i < findings->n && good; i++) {
        int rule = sarif_rule(rules, findings->item[i].code);
        good = rule >= 0 && json_array_append_new(
                                results, sarif_result(&findings->item[i], rule)) == 0;
    }
    json_t *root =
        json_pack("{s:s, s:s, s:[{s:{s:{s:s, s:s, s:o}}, s:o}]}", "$schema",
                  "https://json.schemastore.org/sarif-2.1.0.json", "version", "2.1.0",
                  "runs", "tool", "driver", "name", "solcheck", "version",
                  PACKAGE_VERSION, "rules", rules, "results", results);
    if (good)
        return root;
    json_decref(root);
    return NULL;
}

/* ---- JUnit ---- */

static void add_case(sc_buf *out, const sc_diag *d, bool failure)
{
    sc_buf_add(out, "  <testcase classname=\"");
    sc_buf_add_xml(out, sc_code_name(d->code));
    sc_buf_add(out, "\" name=\"");
    sc_buf_add_xml(out, d->file);
    sc_buf_printf(out, ":%d:%d\">", d->line, d->col);
    if (failure) {
        sc_buf_printf(out, "<failure type=\"%s\" message=\"", severity_name(d->severity));
        sc_buf_add_xml(out, d->message);
        sc_buf_add(out, "\"/>");
    } else {
        sc_buf_add(out, "<system-out>");
        sc_buf_add_xml(out, d->message);
        sc_buf_add(out, "</system-out>");
    }
    sc_buf_add(out, "</testcase>\n");
}

static bool has_findings(const sc_diags *list, const char *file)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->item[i].file, file) == 0)
            return true;
    return false;
}

/* A case for each finding (errors, and with --strict warnings, fail), and one for each
 * file without any. */
static sc_status as_junit(const cli_findings *all, bool strict, sc_buf *out)
{
    size_t n = 0, failures = 0;
    sc_buf cases = {0};
    for (size_t i = 0; i < all->list->n; i++, n++) {
        const sc_diag *d = &all->list->item[i];
        bool failure = d->severity == SC_ERROR || (strict && d->severity == SC_WARNING);
        failures += failure;
        add_case(&cases, d, failure);
    }
    for (size_t i = 0; all->file && i < all->n_files; i++) {
        if (has_findings(all->list, all->file[i]))
            continue;
        sc_buf_add(&cases, "  <testcase classname=\"solcheck\" name=\"");
        sc_buf_add_xml(&cases, all->file[i]);
        sc_buf_add(&cases, "\"/>\n");
        n++;
    }
    sc_buf_printf(out,
                  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite "
                  "name=\"solcheck\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n%s"
                  "</testsuite>\n",
                  n, failures, sc_buf_text(&cases));
    out->failed |= cases.failed;
    sc_buf_free(&cases);
    return out->failed ? SC_ENOMEM : SC_OK;
}

/* ---- writing ---- */

sc_status cli_write_findings(cli_session *cli, cli_format format, const cli_findings *all)
{
    sc_buf out = {0};
    sc_status status = SC_OK;
    switch (format) {
    case CLI_TEXT:
        status = as_text(all, cli_has(&cli->options, CLI_OPT_QUIET), &out);
        break;
    case CLI_JSON:
        status = cli_json_dump(as_json(all), &out, &cli->diag);
        break;
    case CLI_SARIF:
        status = cli_json_dump(as_sarif(all->list), &out, &cli->diag);
        break;
    case CLI_JUNIT:
        status = as_junit(all, cli_has(&cli->options, CLI_OPT_STRICT), &out);
        break;
    }
    status = status == SC_OK ? cli_print(cli, &out) : sc_diag_nomem(&cli->diag);
    sc_buf_free(&out);
    return status;
}
