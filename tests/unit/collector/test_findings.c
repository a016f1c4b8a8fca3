/* Findings: listing, holding back, switching off, baselines.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/findings.h"

static sc_diag make(sc_code code, sc_severity severity, const char *file, int line,
                    const char *message)
{
    sc_diag d;
    sc_diag_fail(&d, SC_EPARSE, code, "%s", message);
    d.severity = severity;
    sc_diag_at(&d, file, line, 0, 0, NULL);
    return d;
}

static col_findings *fresh(size_t most)
{
    col_findings *all = NULL;
    cr_assert_eq(col_findings_new(most, &all, NULL), SC_OK);
    return all;
}

static void add(col_findings *all, sc_code code, sc_severity severity, const char *file,
                int line, const char *message)
{
    sc_diag d = make(code, severity, file, line, message);
    cr_assert_eq(col_findings_add(all, &d), SC_OK);
}

Test(findings, counts_by_severity_and_keeps_order)
{
    col_findings *all = fresh(0);
    add(all, SC2202, SC_WARNING, "a.csv", 7, "one");
    add(all, SC2003, SC_ERROR, "a.csv", 3, "two");
    add(all, SC2218, SC_NOTE, "a.csv", 5, "three");
    cr_assert_eq(col_findings_end(all), SC_OK);
    col_finding_counts n = col_findings_count(all);
    cr_assert(n.n[SC_NOTE] == 1 && n.n[SC_WARNING] == 1 && n.n[SC_ERROR] == 1);
    const sc_diags *list = col_findings_list(all);
    cr_assert_eq(list->n, 3);
    cr_assert_eq(list->item[0].line, 7);
    cr_assert_eq(list->item[2].code, SC2218);
    col_findings_free(all);
}

Test(findings, holds_back_what_repeats_and_sums_it_up_for_each_file)
{
    col_findings *all = fresh(3);
    for (int file = 0; file < 2; file++) {
        for (int i = 0; i < 11; i++)
            add(all, SC2002, SC_ERROR, file ? "b.csv" : "a.csv", 17 + i, "same");
        add(all, SC2003, SC_ERROR, file ? "b.csv" : "a.csv", 99, "another");
        cr_assert_eq(col_findings_end(all), SC_OK);
    }
    const sc_diags *list = col_findings_list(all);
    cr_assert_eq(list->n, 2 * (3 + 1 + 1));
    cr_assert_eq(list->item[4].line, 20, "the first one held back is the fourth");
    cr_assert(strstr(list->item[4].message, "8 more"));
    cr_assert_eq(col_findings_count(all).n[SC_ERROR], 24);
    col_findings_free(all);
}

Test(findings, drops_codes_that_are_switched_off_and_refuses_others)
{
    col_findings *all = fresh(0);
    sc_diag diag;
    cr_assert_eq(col_findings_disable(all, "SC2202", &diag), SC_OK);
    cr_assert_eq(col_findings_disable(all, "SC0815", &diag), SC_EINVAL);
    cr_assert_eq(diag.code, SC6001);
    add(all, SC2202, SC_WARNING, "a.csv", 7, "one");
    add(all, SC2203, SC_WARNING, "a.csv", 7, "one");
    cr_assert_eq(col_findings_list(all)->n, 1);
    cr_assert_eq(col_findings_count(all).n_disabled, 1);
    cr_assert_eq(col_findings_add(NULL, &diag), SC_OK);
    col_findings_free(all);
}

static char path[] = "/tmp/test_findings.XXXXXX";

static void write_baseline(void)
{
    col_findings *all = fresh(0);
    int file = mkstemp(path);
    cr_assert(file >= 0);
    close(file);
    col_findings_keep(all);
    add(all, SC2202, SC_WARNING, "/data/h100/mla/x/1.0/a.csv", 7,
        "b=3, s=17 is there twice");
    add(all, SC2202, SC_WARNING, "/data/h100/mla/x/1.0/a.csv", 9,
        "b=3, s=17 is there twice");
    add(all, SC2218, SC_NOTE, "/data/h100/mla/x/1.0/a.csv", 9, "a note is not kept");
    cr_assert_eq(col_findings_write_baseline(all, path, NULL), SC_OK);
    col_findings_free(all);
}

/* Another root and other lines are the same finding; another version, message or number
 * of times is not. */
Test(findings, baseline_knows_findings_by_place_in_the_database_and_message)
{
    write_baseline();
    col_findings *all = fresh(0);
    cr_assert_eq(col_findings_baseline(all, path, NULL), SC_OK);
    const char *same = "elsewhere/h100/mla/x/1.0/a.csv";
    add(all, SC2202, SC_WARNING, same, 70, "b=3, s=17 is there twice");
    add(all, SC2202, SC_WARNING, same, 71, "b=3, s=17 is there twice");
    cr_assert_eq(col_findings_count(all).n_known, 2);
    cr_assert_eq(col_findings_list(all)->n, 0);
    add(all, SC2202, SC_WARNING, same, 72, "b=3, s=17 is there twice");
    add(all, SC2202, SC_WARNING, "d/h100/mla/x/1.1/a.csv", 7, "b=3, s=17 is there twice");
    add(all, SC2202, SC_WARNING, same, 7, "b=3, s=18 is there twice");
    add(all, SC2203, SC_WARNING, same, 7, "b=3, s=17 is there twice");
    add(all, SC2218, SC_NOTE, same, 9, "a note is not kept");
    cr_assert_eq(col_findings_list(all)->n, 5);
    col_findings_free(all);
    remove(path);
}

Test(findings, baseline_that_is_none_is_refused_with_its_line)
{
    col_findings *all = fresh(0);
    sc_diag diag;
    char name[] = "/tmp/test_findings.XXXXXX";
    int file = mkstemp(name);
    cr_assert(file >= 0);
    cr_assert_eq(write(file, "# head\nSC2202 zz\n", 17), 17);
    close(file);
    cr_assert_eq(col_findings_baseline(all, name, &diag), SC_EPARSE);
    cr_assert(diag.code == SC2190 && diag.line == 2);
    cr_assert_eq(col_findings_baseline(all, "/nowhere/at/all", &diag), SC_EIO);
    remove(name);
    col_findings_free(all);
}
