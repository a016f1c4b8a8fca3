/* solcheck - mock layer moe: routed experts of gated MLPs. Routing is an input: which
 * experts a token goes to and how they are weighted is drawn by the class.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/layers/layers.h"
#include "mock/number.h"
#include "mock/random.h"

static const mock_param params[] = {MOCK_MOE_PARAMS(MOCK_PARAM_ENTRY)};
static const char *const slots[] = {"mm", "weight"};

enum { X_IN, W13, W2, EXPERT, GATE };

static sc_status check(const mock_case *c, sc_diag *diag)
{
    const int64_t *p = c->param;
    sc_status status = mock_plan_check(&mock_class_moe, c, diag);
    if (status)
        return status;
    if (p[MOCK_MOE_TOPK] > p[MOCK_MOE_EXPERTS])
        return sc_diag_fail(diag, SC_EINVAL, SC3005,
                            "top_k %lld exceeds the %lld experts",
                            (long long)p[MOCK_MOE_TOPK], (long long)p[MOCK_MOE_EXPERTS]);
    if (p[MOCK_MOE_EXPERTS] % p[MOCK_MOE_EP])
        return sc_diag_fail(diag, SC_EINVAL, SC3005,
                            "%lld ranks do not divide %lld experts",
                            (long long)p[MOCK_MOE_EP], (long long)p[MOCK_MOE_EXPERTS]);
    if (mock_case_tokens(c) * mock_moe_choices(c) >= INT32_MAX)
        return sc_diag_fail(diag, SC_EUNABLE, SC3005,
                            "tokens times top_k overflow the 32-bit index tensors");
    return SC_OK;
}

static sc_status plan(const mock_case *c, mock_tensor *tensor, int *n, sc_diag *diag)
{
    sc_status status = check(c, diag);
    if (status)
        return status;
    mock_tensor list[MOCK_MAX_TENSORS];
    int count = 0;
    int64_t t = mock_case_tokens(c), d = c->param[MOCK_MOE_HIDDEN];
    int64_t width = c->param[MOCK_MOE_INTER], k = mock_moe_choices(c);
    int64_t local = mock_moe_here(c);
    sol_dtype dtype = c->dtype[0], weight = c->dtype[1];
    mock_plan_add(list, &count, "x", MOCK_INPUT, dtype, 1, MOCK_DIMS(t, d));
    mock_plan_add(list, &count, "w13", MOCK_WEIGHT, weight, 1 / sqrt((double)d),
                  MOCK_DIMS(local, 2 * width, d));
    mock_plan_add(list, &count, "w2", MOCK_WEIGHT, weight, 1 / sqrt((double)width),
                  MOCK_DIMS(local, d, width));
    mock_plan_add(list, &count, "expert", MOCK_INDEX, SOL_INT32, 0, MOCK_DIMS(t, k));
    mock_plan_add(list, &count, "gate", MOCK_INDEX, SOL_FP32, 0, MOCK_DIMS(t, k));
    mock_plan_add(list, &count, "out", MOCK_OUTPUT, mock_result_dtype(dtype), 1,
                  MOCK_DIMS(t, d));
    return mock_plan_deliver(list, count, tensor, n, diag);
}

/* ---- routing ---- */

/* Shares of the experts, largest first: equal, or the quantiles (i + 1/2)/E of a power
 * law p(load) ~ load^-1.2 between 1 and 0.8 T, by inverse transform. */
static void draw_shares(const mock_case *c, double *share, int64_t experts)
{
    const double power = 1 - 1.2;
    double top = fmax(0.8 * (double)mock_case_tokens(c), 2);
    for (int64_t i = 0; i < experts; i++) {
        double u = 1 - ((double)i + 0.5) / (double)experts;
        share[i] = c->param[MOCK_MOE_UNIFORM]
                       ? 1
                       : pow(u * (pow(top, power) - 1) + 1, 1 / power);
    }
}

/* Whole entries to every expert in proportion to the shares, at most T each (a token goes
 * to an expert once), T*topk in all. Too much and rounding go to the next experts. */
static void draw_loads(const mock_case *c, const double *share, int64_t *load,
                       int64_t experts)
{
    int64_t t = mock_case_tokens(c), left = t * c->param[MOCK_MOE_TOPK];
    double all = 0;
    for (int64_t i = 0; i < experts; i++)
        all += share[i];
    for (int64_t i = 0; i < experts; i++) {
        double want = all > 0 ? (double)left * share[i] / all : 0;
        int64_t behind = (experts - 1 - i) * t; /* what later experts can take */
        load[i] = (int64_t)ceil(want - 1e-9);
        if (load[i] > t)
            load[i] = t;
        if (load[i] < left - behind)
            load[i] = left - behind;
        if (load[i] > left)
            load[i] = left;
        left -= load[i];
        all -= share[i];
    }
}

/* Shuffles the experts, then makes rank 0 the busiest: its time is the step's. */
static void place_loads(const mock_case *c, int64_t *load, int64_t experts)
{
    int64_t ranks = c->param[MOCK_MOE_EP], local = experts / ranks, busiest = 0,
            most = -1;
    uint64_t key = mock_mix64(c->seed + 17);
    for (int64_t i = experts - 1; i > 0; i--) {
        int64_t j = (int64_t)(mock_mix64(key + (uint64_t)i) % (uint64_t)(i + 1));
        int64_t swap = load[i];
        load[i] = load[j];
        load[j] = swap;
    }
    for (int64_t r = 0; r < ranks; r++) {
        int64_t sum = 0;
        for (int64_t i = 0; i < local; i++)
            sum += load[r * local + i];
        if (sum > most) {
            most = sum;
            busiest = r;
        }
    }
    for (int64_t i = 0; i < local; i++) {
        int64_t swap = load[i];
        load[i] = load[busiest * local + i];
        load[busiest * local + i] = swap;
    }
}

/* Entry j of the list of all experts' entries belongs to token j mod T: an expert has at
 * most T entries in a row, so no token gets one twice, and each token gets top_k. */
static void deal(const mock_case *c, const int64_t *load, int32_t *expert)
{
    int64_t t = mock_case_tokens(c), topk = c->param[MOCK_MOE_TOPK], j = 0;
    int64_t k = mock_moe_choices(c), ep = c->param[MOCK_MOE_EP];
    int64_t routed = c->param[MOCK_MOE_EXPERTS] / ep;
    for (int32_t e = 0; j < t * topk; e++)
        for (int64_t i = 0; i < load[e]; i++, j++)
            expert[j % t * k + j / t] = e < routed ? e : -1;
    for (int64_t i = 0; i < t; i++)
        for (j = topk; j < k; j++)
            expert[i * k + j] = i % ep == 0 ? (int32_t)(routed + j - topk) : -1;
}

/* Weights of a token's routed experts: positive, of sum 1; shared ones have 1. */
static void weigh(const mock_case *c, float *gate)
{
    int64_t t = mock_case_tokens(c), topk = c->param[MOCK_MOE_TOPK];
    int64_t k = mock_moe_choices(c);
    uint64_t key = mock_mix64(c->seed + 18);
    for (int64_t i = 0; i < t; i++) {
        double sum = 0;
        for (int64_t j = 0; j < topk; j++) {
            uint64_t r = mock_mix64(key + (uint64_t)(i * topk + j)) >> 40;
            gate[i * k + j] = (float)(0.5 + (double)r * 0x1p-24);
            sum += gate[i * k + j];
        }
        for (int64_t j = 0; j < k; j++)
            gate[i * k + j] = j < topk ? (float)(gate[i * k + j] / sum) : 1;
    }
}

static sc_status fill(const mock_case *c, void *const host[], sc_diag *diag)
{
    int64_t experts = c->param[MOCK_MOE_EXPERTS];
    double *share = sc_reallocarray(NULL, (size_t)experts, sizeof *share);
    int64_t *load = sc_reallocarray(NULL, (size_t)experts, sizeof *load);
    sc_status status = share && load ? SC_OK : sc_diag_nomem(diag);
    if (!status) {
        draw_shares(c, share, experts);
        draw_loads(c, share, load, experts);
        place_loads(c, load, experts);
        deal(c, load, host[EXPERT]);
        weigh(c, host[GATE]);
    }
    sc_free(load);
    sc_free(share);
    return status;
}

/* ---- reference ---- */

/* Adds gate * expert(x) to out[d]; h and w are room for a hidden layer and a weight row.
 */
static void add_expert(const mock_case *c, const void *const host[], int64_t expert,
                       double gate, const double *x, double *h, double *w, double *out)
{
    int64_t d = c->param[MOCK_MOE_HIDDEN], width = c->param[MOCK_MOE_INTER];
    for (int64_t j = 0; j < 2 * width; j++) {
        double sum = 0;
        mock_load_double(host[W13], c->dtype[1], (expert * 2 * width + j) * d, d, w);
        for (int64_t e = 0; e < d; e++)
            sum += x[e] * w[e];
        h[j] = sum;
    }
    for (int64_t j = 0; j < width; j++)
        h[j] = h[j] / (1 + exp(-h[j])) * h[width + j];
    for (int64_t e = 0; e < d; e++) {
        double sum = 0;
        mock_load_double(host[W2], c->dtype[1], (expert * d + e) * width, width, w);
        for (int64_t j = 0; j < width; j++)
            sum += h[j] * w[j];
        out[e] += gate * sum;
    }
}

static sc_status reference(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out, sc_diag *diag)
{
    int64_t d = c->param[MOCK_MOE_HIDDEN], width = c->param[MOCK_MOE_INTER];
    int64_t k = mock_moe_choices(c);
    const int32_t *expert = host[EXPERT];
    const float *gate = host[GATE];
    double *x = sc_reallocarray(NULL, (size_t)(2 * d + 3 * width), sizeof *x);
    if (!x)
        return sc_diag_nomem(diag);
    memset(out, 0, (size_t)(n_rows * d) * sizeof *out);
    for (int64_t i = 0; i < n_rows; i++) {
        mock_load_double(host[X_IN], c->dtype[0], row[i] * d, d, x);
        for (int64_t j = row[i] * k; j < (row[i] + 1) * k; j++)
            if (expert[j] >= 0)
                add_expert(c, host, expert[j], gate[j], x, x + d, x + d + 2 * width,
                           out + i * d);
    }
    sc_free(x);
    return SC_OK;
}

/* Experts differ in their weights alone. Twice as many as a token chooses leave some of
 * them without tokens. */
static void reduce(mock_case *c)
{
    int64_t ep = c->param[MOCK_MOE_EP];
    int64_t local = (2 * c->param[MOCK_MOE_TOPK] + ep - 1) / ep;
    if (local * ep < c->param[MOCK_MOE_EXPERTS])
        c->param[MOCK_MOE_EXPERTS] = local * ep;
}

/* The longest sum; the ones before and after it are covered by its square root. */
static int64_t depth(const mock_case *c)
{
    return c->param[MOCK_MOE_HIDDEN] + c->param[MOCK_MOE_INTER] + mock_moe_choices(c);
}

/* In fp8 the activations between the products are fp8 too, like every input of one. */
static double between(const mock_case *c)
{
    return c->dtype[0] == SOL_FP8 ? mock_dtype_roundoff(SOL_FP8) : 0;
}

static const mock_route routes[] = {
    {"grouped_wgmma",
     90,
     90,
     {true, true},
     "tokens sorted by expert, one launch a product for all experts, wgmma"},
    {"grouped_mma",
     80,
     MOCK_SM_ANY,
     {true, true},
     "the same by mma: other shapes and GPUs; fp8 widened to bf16"},
    {"cpu_moe_sorted", 0, 0, {true, true}, "tokens sorted by expert, a product each"},
};
static const char *const papers[] = {
    "Outrageously Large Neural Networks, arXiv 1701.06538, section 2",
    "GLU Variants Improve Transformer, arXiv 2002.05202, section 2", NULL};

const mock_class mock_class_moe = {
    .name = "moe",
    .title = "routed experts: permute, gate and up, silu and multiply, down, combine",
    .param = params,
    .n_params = MOCK_MOE_N_PARAMS,
    .route = routes,
    .n_routes = sizeof routes / sizeof *routes,
    .formula = "out_t = sum over the experts e of token t here: gate[t,e] w2_e "
               "(silu(w1_e x_t) * (w3_e x_t))",
    .paper = papers,
    .slot = slots,
    .n_slots = 2,
    .fp8 = {true, true},
    .needs_cache = {false, false},
    .partial_sums = true,
    .plan = plan,
    .fill = fill,
    .reference = reference,
    .reduce = reduce,
    .depth = depth,
    .between = between,
};
