/* Kernels in the record store: written with their point, replaced, exported, gone with
 * it. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
 */
#include <config.h>

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collector/store.h"

static char dir[] = "/tmp/sc_kernels_XXXXXX";
static char path[64];

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/a.db", dir);
}

static col_record point(double b)
{
    return (col_record){.framework = "solcheck",
                        .version = "0.1.0",
                        .device = "A \"part\", odd",
                        .op_name = "toy",
                        .kernel_source = "flash",
                        .n_params = 1,
                        .param = {"heads"},
                        .value = {6},
                        .n_slots = 1,
                        .slot = {"kv"},
                        .dtype = {SOL_FP8},
                        .phase = SOL_GENERATION,
                        .b = b,
                        .s = 131,
                        .tp = 4,
                        .latency_s = 23.85e-6,
                        .mean_s = 24e-6,
                        .min_s = 23e-6,
                        .max_s = 31e-6,
                        .mad_s = 1e-8,
                        .floor_s = NAN,
                        .samples = 3,
                        .batch = 12,
                        .launch = "graph",
                        .cache = "hot"};
}

static const col_kernel kernels[] = {
    {"split<64, float>", 17.25e-6, {132, 2, 1}, {384, 1, 1}, 168, 232448},
    {"combine", 3.5e-6, {16, 1, 1}, {128, 1, 1}, 40, 0}};

static col_store *open_with_points(void)
{
    col_store *store;
    col_run run = {.device = "A \"part\", odd", .date = "2026-11-22T13:33:39Z"};
    int64_t id;
    cr_assert_eq(col_store_open(path, true, &store, NULL), SC_OK);
    cr_assert_eq(col_store_add_run(store, &run, &id, NULL), SC_OK);
    for (int b = 3; b <= 5; b++) {
        col_record r = point(b);
        cr_assert_eq(col_store_add(store, id, &r, NULL, 0, NULL), SC_OK);
    }
    return store;
}

static bool has(col_store *store, double b)
{
    bool found = false;
    col_record key = point(b);
    cr_assert_eq(col_store_has_kernels(store, &key, &found, NULL), SC_OK);
    return found;
}

TestSuite(kernels, .init = set_up);

Test(kernels, are_written_and_replaced_with_their_point)
{
    col_store *store = open_with_points();
    col_record key = point(4);
    cr_assert_not(has(store, 4));
    cr_assert_eq(col_store_set_kernels(store, &key, kernels, 2, NULL), SC_OK);
    cr_assert(has(store, 4) && !has(store, 3) && !has(store, 5));
    cr_assert_eq(col_store_set_kernels(store, &key, kernels + 1, 1, NULL), SC_OK);
    sc_buf text = {0};
    const char *const stores[] = {path};
    cr_assert_eq(col_kernels_csv(stores, 1, NULL, &text, NULL), SC_OK);
    cr_assert_null(strstr(sc_buf_text(&text), "split"), "the old ones are still there");
    sc_buf_free(&text);
    /* The point is measured again: its kernels were those of another measurement. */
    cr_assert_eq(col_store_add(store, 1, &key, NULL, 0, NULL), SC_OK);
    cr_assert_not(has(store, 4));
    col_store_close(store);
}

Test(kernels, of_a_point_that_is_not_there_are_an_error)
{
    col_store *store = open_with_points();
    sc_diag diag = {0};
    col_record key = point(7);
    cr_assert_eq(col_store_set_kernels(store, &key, kernels, 2, &diag), SC_EIO);
    cr_assert_eq(diag.code, SC2010);
    key = point(4);
    cr_assert_eq(col_store_set_kernels(store, &key, kernels, 2, NULL), SC_OK,
                 "the transaction is still open");
    col_store_close(store);
}

Test(kernels, are_exported_in_order_each_point_once)
{
    col_store *store = open_with_points();
    for (int b = 5; b >= 3; b -= 2) {
        col_record key = point(b);
        cr_assert_eq(col_store_set_kernels(store, &key, kernels, 2, NULL), SC_OK);
    }
    col_store_close(store);
    sc_buf text = {0};
    const char *const twice[] = {path, path};
    cr_assert_eq(col_kernels_csv(twice, 2, "toy", &text, NULL), SC_OK);
    cr_assert_str_eq(
        sc_buf_text(&text),
        "device,op_name,params,dtypes,phase,b,s,tp_size,cache,latency,kernel,kernel_name,"
        "kernel_latency,grid,block,registers,smem_B\n"
        "\"A \"\"part\"\", "
        "odd\",toy,\"{\"\"heads\"\":6.0}\",\"{\"\"kv\"\":\"\"fp8\"\"}\","
        "generation,3,131,4,hot,0.02385,1,\"split<64, "
        "float>\",0.01725,132x2x1,384x1x1,168,"
        "232448\n"
        "\"A \"\"part\"\", "
        "odd\",toy,\"{\"\"heads\"\":6.0}\",\"{\"\"kv\"\":\"\"fp8\"\"}\","
        "generation,3,131,4,hot,0.02385,2,combine,0.0035,16x1x1,128x1x1,40,0\n"
        "\"A \"\"part\"\", "
        "odd\",toy,\"{\"\"heads\"\":6.0}\",\"{\"\"kv\"\":\"\"fp8\"\"}\","
        "generation,5,131,4,hot,0.02385,1,\"split<64, "
        "float>\",0.01725,132x2x1,384x1x1,168,"
        "232448\n"
        "\"A \"\"part\"\", "
        "odd\",toy,\"{\"\"heads\"\":6.0}\",\"{\"\"kv\"\":\"\"fp8\"\"}\","
        "generation,5,131,4,hot,0.02385,2,combine,0.0035,16x1x1,128x1x1,40,0\n");
    sc_buf_free(&text);
    sc_diag diag = {0};
    cr_assert_eq(col_kernels_csv(twice, 1, "gemm", &text, &diag), SC_EDOMAIN);
    cr_assert_eq(diag.code, SC2004);
    cr_assert_eq(text.n, 0, "outputs are written on success only");
}
