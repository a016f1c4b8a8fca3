/* solcheck - fuzz target: case files, read against three ops that ship and checked. What
 * is wrong becomes findings; anything else is a lack of memory or a mistake of ours.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <stdlib.h>

#include "collector/validate.h"
#include "tests/fuzz/fuzz.h"

static const char *const name[] = {"attention", "gemm", "mla"};
#define N_OPS (sizeof name / sizeof *name)

static sol_op *op[N_OPS];
static sol_system *target;

static void load(void)
{
    const char *data = getenv("SOLCHECK_DATA_DIR");
    sc_diag diag;
    for (size_t i = 0; i < N_OPS; i++)
        if (sol_op_find(name[i], NULL, data ? data : ".", &op[i], &diag) != SC_OK)
            abort();
    if (sol_system_find("h100_sxm", data ? data : ".", &target, &diag) != SC_OK)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    sc_yaml *doc;
    col_cases *cases;
    col_findings *findings;
    sc_diag diag = {0};
    if (!target)
        load();
    if (sc_yaml_parse("cases.yaml", (const char *)data, n, &doc, &diag) != SC_OK)
        return 0;
    const sol_op *of = col_cases_op(doc, (const sol_op *const *)op, N_OPS);
    if (!of) {
        sc_yaml_free(doc);
        return 0;
    }
    if (col_findings_new(5, &findings, &diag) != SC_OK)
        abort();
    sc_status status = col_cases_read(doc, of, target, findings, &cases, &diag);
    if (status == SC_OK) {
        status = col_cases_check(cases, NULL, findings, NULL, &diag);
        col_cases_free(cases);
    }
    if (status != SC_OK && status != SC_ENOMEM)
        abort();
    col_findings_free(findings);
    return 0;
}
