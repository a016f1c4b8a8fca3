/* solcheck - quantiles by selection against quantiles of sorted values.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <gsl/gsl_rng.h>
#include <math.h>
#include <string.h>

#include "fit/internal.h"

#define N 257

Test(stat, selected_quantiles_are_those_of_sorted_values)
{
    static const double level[] = {0, 0.13, 0.5, 0.9, 0.999, 1};
    gsl_rng *rng = gsl_rng_alloc(gsl_rng_mt19937);
    for (size_t n = 1; n <= N; n += n < 12 ? 1 : 49) {
        for (size_t q = 0; q < sizeof level / sizeof *level; q++) {
            double v[N], sorted[N];
            for (size_t i = 0; i < n; i++) { /* with ties */
                v[i] = 0.37 * (double)gsl_rng_uniform_int(rng, 1 + n / 2) - 1.7;
            }
            memcpy(sorted, v, n * sizeof *v);
            fit_sort(sorted, n);
            double want = fit_quantile_sorted(sorted, n, level[q]);
            double got = fit_quantile(v, n, level[q]);
            cr_assert(fabs(got - want) <= 1e-15, "n %zu, q %g: %.17g, not %.17g", n,
                      level[q], got, want);
        }
    }
    cr_assert(isnan(fit_quantile(NULL, 0, 0.5)));
    gsl_rng_free(rng);
}
