/* solcheck - tests of reports/regions.c: what x costs, region by region.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/internal.h"
#include "study.h"

/* The model on x is 30 % off where x > edge and 2 % elsewhere, that on b and s 1 %. */
static double beyond(const col_point *point, int axes, double edge)
{
    double off = point->axis[0] * point->axis[1] > edge ? 1.3 : 0.98;
    return axes == FIT_AXES_BS ? 1.01 : off;
}

static const rep_region *find(const rep_region *region, int n, const char *start)
{
    for (int i = 0; i < n; i++) {
        if (strncmp(region[i].name, start, strlen(start)) == 0) {
            return &region[i];
        }
    }
    return NULL;
}

Test(regions, cost_stands_where_it_is)
{
    test_study t;
    rep_region region[REP_N_REGIONS];
    sc_diag diag = {0};
    int n = -1;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    rep_phase *p = &t.study.phase[SOL_CONTEXT];
    cr_assert_eq(rep_regions(&t.study, p, region, &n, &diag), SC_OK);
    cr_assert_eq(n, 0, "nothing is held out yet");
    test_hold_out(p, beyond, 9000);
    cr_assert_eq(rep_regions(&t.study, p, region, &n, &diag), SC_OK, "%s", diag.message);
    const rep_region *all = find(region, n, "everywhere");
    const rep_region *low = find(region, n, "lower third");
    const rep_region *high = find(region, n, "upper third");
    cr_assert(all && low && high && all == region);
    cr_assert_eq(all->n, p->points.n);
    cr_assert(fabs(all->cost - 0.29) < 1e-9, "%g", all->cost);
    cr_assert(fabs(low->cost - 0.01) < 1e-9, "%g", low->cost);
    cr_assert(fabs(high->cost - 0.29) < 1e-9, "%g", high->cost);
    cr_assert(fabs(high->p90[FIT_AXES_BS] - 0.01) < 1e-9);
    cr_assert(low->x_hi < high->x_lo && low->x_lo > 0 && high->x_hi <= 40960);
    size_t thirds = 0, regimes = 0;
    for (int i = 1; i < n; i++) {
        bool third = strstr(region[i].name, "third of") != NULL;
        *(third ? &thirds : &regimes) += region[i].n;
    }
    cr_assert_leq(thirds, p->points.n);
    cr_assert_gt(regimes, 0);
    t.study.sol_comparable = false; /* another GPU's bounds tell no regime */
    cr_assert_eq(rep_regions(&t.study, p, region, &n, &diag), SC_OK);
    cr_assert_null(find(region, n, "mostly fixed"));
    cr_assert_null(find(region, n, "memory"));
    cr_assert_not_null(find(region, n, "upper third"));
    test_study_clear(&t);
}

/* Note, page and JSON say it. */
Test(regions, are_told)
{
    static sc_status (*const write[])(const rep_study *, sc_buf *,
                                      sc_diag *) = {rep_json, rep_note};
    static const char *const expected[] = {"\"cost_by_region\": [\n",
                                           "| upper third of ln x |"};
    test_study t;
    test_study_init(&t, test_twist);
    test_study_measure(&t);
    test_hold_out(&t.study.phase[SOL_CONTEXT], beyond, 9000);
    for (int k = 0; k < 2; k++) {
        sc_buf out = {0};
        sc_diag diag = {0};
        cr_assert_eq(write[k](&t.study, &out, &diag), SC_OK, "%s", diag.message);
        cr_assert_not_null(strstr(sc_buf_text(&out), expected[k]), "%s", expected[k]);
        sc_buf_free(&out);
    }
    test_study_clear(&t);
}
