/* solcheck - cold caches: one case on many copies of its memory, in rotation.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>

#include "base/alloc.h"
#include "mock/bench.h"

/* Between two uses of a copy all the others are used once: (copies - 1) * touched_B bytes
 * pass through the cache. Twice its size evicts everything whatever the replacement,
 * short of one that protects old lines. */
sc_status mock_cold_copies(double l2_B, double touched_B, int *copies, sc_diag *diag)
{
    if (!(l2_B > 0) || !isfinite(l2_B))
        return sc_diag_fail(
            diag, SC_EUNABLE, SC3013,
            "not called cold: the device does not tell the size of its cache");
    if (!(touched_B > 0) || !isfinite(touched_B))
        return sc_diag_fail(
            diag, SC_EUNABLE, SC3013,
            "not called cold: the bytes that a launch touches are not known");
    double needed = 1 + ceil(2 * l2_B / touched_B);
    if (!(needed <= MOCK_MAX_COPIES))
        return sc_diag_fail(
            diag, SC_EUNABLE, SC3013,
            "not called cold: a launch touches %.3g MB, twice the cache is "
            "%.3g MB: %.0f copies in rotation, at most %d",
            touched_B / 1e6, 2 * l2_B / 1e6, needed, MOCK_MAX_COPIES);
    *copies = (int)needed;
    return SC_OK;
}

sc_status mock_bench_make_cold(mock_bench *bench, double l2_B, double touched_B,
                               sc_diag *diag)
{
    int n;
    mock_host index;
    sc_status status = mock_cold_copies(l2_B, touched_B, &n, diag);
    if (status)
        return status;
    bench->copy = sc_calloc((size_t)n, sizeof *bench->copy);
    bench->list = sc_calloc((size_t)n, sizeof *bench->list);
    if (!bench->copy || !bench->list)
        return sc_diag_nomem(diag);
    status = mock_host_index(bench, &index, diag);
    if (status)
        return status;
    bench->list[0] = bench->exec;
    bench->n_list = 1;
    while (bench->n_list < n && !status) {
        mock_bench **copy = &bench->copy[bench->n_list - 1];
        status = mock_bench_copy(bench, &index, copy, diag);
        if (!status)
            bench->list[bench->n_list++] = (*copy)->exec;
    }
    mock_host_free(&index);
    bench->between_B = (bench->n_list - 1) * touched_B;
    return status;
}
