/* solcheck - effects on trial: what is in the measurements enters, what is not stays out.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>

#include "truth.h"

static fit_point pt[4096];
static fit_options options;
static fit_result result;
static truth t;

static void setup(void)
{
    gsl_set_error_handler_off();
    fit_options_defaults(&options);
    t = truth_default;
    t.noise = 0.004;
}

TestSuite(effects, .init = setup);

/* Points whose bounds are known; the latency is then set from bent ones. */
static size_t points(void)
{
    return truth_attention(&t, 2, 9, 11, pt);
}

static void relabel(size_t n, double (*compute)(const fit_point *),
                    double (*memory)(const fit_point *))
{
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    for (size_t i = 0; rng && i < n; i++) {
        pt[i].latency_s = truth_latency(&t, compute(&pt[i]), memory(&pt[i])) *
                          exp(gsl_ran_gaussian(rng, t.noise));
    }
    gsl_rng_free(rng);
}

static double same_compute(const fit_point *p)
{
    return p->compute_s;
}

static double same_memory(const fit_point *p)
{
    return p->memory_s;
}

static double stairs(const fit_point *p)
{
    return p->compute_s * ceil(p->s / 256) * 256 / p->s;
}

static double idle_compute(const fit_point *p)
{
    return p->compute_s * (p->b < 64 ? 64 / p->b : 1);
}

static double idle_memory(const fit_point *p)
{
    return p->memory_s * (p->b < 64 ? 64 / p->b : 1);
}

static const fit_effect *find(int kind)
{
    for (int i = 0; i < result.n_effects; i++) {
        if (result.effect[i].kind == kind) {
            return &result.effect[i];
        }
    }
    return NULL;
}

static void decide(size_t n)
{
    sc_diag diag = {0};
    cr_assert_eq(fit_decide(pt, n, &options, &result, &diag), SC_OK, "%s", diag.message);
}

Test(effects, none_where_there_is_none)
{
    size_t n = points();
    relabel(n, same_compute, same_memory);
    decide(n);
    for (int i = 0; i < result.n_effects; i++) {
        cr_expect_not(result.effect[i].entered, "%s entered: %g without, %g with",
                      result.effect[i].name, result.effect[i].without,
                      result.effect[i].with);
    }
    const fit_effect *floor = find(FIT_NO_FLOOR);
    cr_assert(floor);
    cr_expect_gt(floor->with, 3 * floor->without, "the floor plays no part");
    cr_expect_null(find(FIT_DRAM_ONLY), "no other bound is known");
    fit_result_clear(&result);
}

Test(effects, stairs_in_s)
{
    size_t n = points();
    relabel(n, stairs, same_memory);
    decide(n);
    const fit_effect *e = find(FIT_STAIRS_S);
    cr_assert(e && e->entered);
    cr_expect_eq(e->size, 256, "%g", e->size);
    cr_expect_lt(e->with, 0.5 * e->without);
    fit_result_clear(&result);
}

Test(effects, few_requests)
{
    size_t n = points();
    relabel(n, idle_compute, idle_memory);
    decide(n);
    const fit_effect *e = find(FIT_FEW_REQUESTS);
    cr_assert(e && e->entered);
    cr_expect_eq(e->size, 64, "%g", e->size);
    cr_expect_eq(e->power, 1, "%g", e->power);
    fit_result_clear(&result);
}

/* The hot bound is no bound of this kernel: it reads everything from DRAM. */
Test(effects, dram_only)
{
    size_t n = points();
    relabel(n, same_compute, same_memory);
    for (size_t i = 0; i < n; i++) {
        pt[i].compute_s *= 1e-3;
    }
    relabel(n, same_compute, same_memory);
    for (size_t i = 0; i < n; i++) {
        pt[i].memory_cold_s = pt[i].memory_s;
        pt[i].memory_s *= pt[i].memory_s < 1e-5 ? 0.2 : 1 - 0.8e-5 / pt[i].memory_s;
    }
    decide(n);
    const fit_effect *e = find(FIT_DRAM_ONLY);
    cr_assert(e && e->entered);
    cr_expect_lt(e->with, 0.5 * e->without);
    fit_result_clear(&result);
}

Test(effects, a_bad_bound_is_named)
{
    sc_diag diag = {0};
    size_t n = points();
    pt[3].memory_cold_s = -1e-6;
    cr_expect_eq(fit_decide(pt, n, &options, &result, &diag), SC_EDOMAIN);
    cr_expect(strstr(diag.message, "from DRAM"), "%s", diag.message);
}
