/* References against numbers worked out by hand, the CPU device against the references.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "fake.h"
#include "mock/bench.h"
#include "mock/cpu/cpu.h"
#include "mock/layers/layers.h"
#include "mock/random.h"

#define LN3 1.0986122886681098

/* ---- classes and plans ---- */

Test(layer, classes_are_found_by_name)
{
    int n;
    const mock_class *const *classes = mock_classes(&n);
    cr_assert_eq(n, 9);
    for (int i = 0; i < n; i++) {
        cr_assert_eq(mock_class_find(classes[i]->name), classes[i]);
        cr_assert_gt(classes[i]->n_slots, 0);
        for (int p = 0; p < classes[i]->n_params; p++) {
            const mock_param *q = &classes[i]->param[p];
            cr_assert_eq(mock_class_param(classes[i], q->name), p);
            cr_assert(q->lo <= q->value && q->value <= q->hi && q->meaning[0]);
        }
    }
    cr_assert_null(mock_class_find("mlp"));
    cr_assert_eq(mock_class_param(classes[0], "num_heads"), -1);
}

Test(layer, plans_have_the_documented_shapes)
{
    static const int64_t lengths[] = {5, 130, 64};
    mock_case c;
    mock_tensor t[MOCK_MAX_TENSORS];
    int n;
    const mock_class *mla = mock_class_find("mla");
    mock_case_init(mla, SOL_GENERATION, 3, 130, &c);
    c.dtype[1] = SOL_FP16;
    cr_assert_eq(mla->plan(&c, t, &n, NULL), SC_OK);
    cr_assert_eq(n, 5);
    cr_assert_str_eq(t[1].name, "pool");
    cr_assert(t[1].role == MOCK_CACHE && t[1].dtype == SOL_FP16 && t[1].rank == 3);
    cr_assert(t[1].dim[0] == 9 && t[1].dim[1] == 64 && t[1].dim[2] == 576);
    cr_assert(t[2].dim[0] == 3 && t[2].dim[1] == 3 && t[2].dtype == SOL_INT32);
    cr_assert_eq(mock_class_hidden(mla, &c), 128 * 512);
    cr_assert_eq(mock_tensor_bytes(&t[1]), 9 * 64 * 576 * 2);
    mock_case_init(mla, SOL_CONTEXT, 3, 130, &c);
    c.lengths = lengths;
    cr_assert_eq(mock_case_tokens(&c), 199);
    cr_assert_eq(mla->plan(&c, t, &n, NULL), SC_OK);
    cr_assert(t[0].dim[0] == 199 && t[0].dim[1] == 128 && t[0].dim[2] == 192);
    cr_assert_eq(mock_class_hidden(mla, &c), 128 * 128);
    size_t sum = 0, all = 0;
    for (int i = 0; i < n; i++)
        sum += mock_tensor_bytes(&t[i]);
    cr_assert_eq(mock_case_bytes(mla, &c, &all, NULL), SC_OK);
    cr_assert_eq(all, sum);
}

Test(layer, plans_refuse_what_cannot_be)
{
    static const int64_t too_long[] = {5, 131}, empty[] = {0, 4};
    struct {
        int64_t b, s;
        const int64_t *lengths;
        int param;
        int64_t value;
        sol_dtype dtype;
        sc_status status;
    } bad[] = {
        {0, 4, NULL, 0, 8, SOL_BF16, SC_EINVAL},
        {4, 0, NULL, 0, 8, SOL_BF16, SC_EINVAL},
        {2, 130, too_long, 0, 8, SOL_BF16, SC_EINVAL},
        {2, 130, empty, 0, 8, SOL_BF16, SC_EINVAL},
        {2, 130, NULL, 0, 0, SOL_BF16, SC_EINVAL},
        {2, 130, NULL, 1, 3, SOL_BF16, SC_EINVAL}, /* 3 KV heads for 32 */
        {2, 130, NULL, 0, 8, SOL_INT8, SC_EINVAL},
        {1 << 20, 1 << 20, NULL, 0, 8, SOL_BF16, SC_EUNABLE},
        {(int64_t)1 << 40, 1, NULL, 0, 8, SOL_BF16, SC_EUNABLE},
    };
    const mock_class *cls = mock_class_find("attention");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        mock_case c;
        mock_tensor t[MOCK_MAX_TENSORS];
        int n = -7;
        sc_diag diag;
        mock_case_init(cls, SOL_CONTEXT, bad[i].b, bad[i].s, &c);
        c.lengths = bad[i].lengths;
        c.param[bad[i].param] = bad[i].value;
        c.dtype[0] = bad[i].dtype;
        cr_assert_eq(cls->plan(&c, t, &n, &diag), bad[i].status, "case %zu", i);
        cr_assert_eq(diag.code, SC3005);
        cr_assert_eq(n, -7, "outputs are written on success only");
        cr_assert_eq(mock_class_hidden(cls, &c), 0);
    }
}

/* What fp8 multiplies is written in bf16; slots that cannot have fp8 say so. */
Test(layer, routes_are_chosen_where_there_are_two)
{
    sc_diag diag;
    mock_case c;
    mock_tensor t[MOCK_MAX_TENSORS];
    void *ptr[MOCK_MAX_TENSORS] = {NULL};
    mock_exec *exec = NULL;
    int n, n_routed = 0;
    const mock_class *const *classes = mock_classes(&n);
    for (int i = 0, count; i < n; i++) {
        const mock_class *cls = classes[i];
        sc_status want = cls->routed ? SC_OK : SC_EINVAL;
        n_routed += cls->routed;
        mock_case_init(cls, SOL_CONTEXT, 2, 31, &c);
        cr_assert_eq(c.choice, MOCK_CHOICE_AUTO);
        c.choice = MOCK_CHOICE_OWN;
        sc_diag_clear(&diag);
        cr_assert_eq(cls->plan(&c, t, &count, &diag), want, "%s", cls->name);
        cr_assert(cls->routed || diag.code == SC3005);
    }
    cr_assert_eq(n_routed, 2);
    mock_device *dev;
    mock_device_info info;
    cr_assert_eq(mock_cpu_ops()->open(0, &dev, &info, NULL), SC_OK);
    mock_case_init(mock_class_find("mla"), SOL_CONTEXT, 2, 31, &c);
    c.choice = MOCK_CHOICE_CUDNN;
    sc_diag_clear(&diag);
    cr_assert_eq(mock_cpu_ops()->prepare(dev, "mla", &c, ptr, &exec, &diag), SC_EUNABLE);
    cr_assert(strstr(diag.message, "needs a GPU"), "%s", diag.message);
    cr_assert_null(exec);
    mock_cpu_ops()->close(dev);
    cr_assert_str_eq(mock_choice_name(MOCK_CHOICE_CUDNN), "cudnn");
}

Test(layer, fp8_is_per_slot_and_its_results_are_bf16)
{
    static const char *const names[] = {"gemm", "mla_bmm", "moe"};
    mock_case c;
    mock_tensor t[MOCK_MAX_TENSORS];
    int n;
    sc_diag diag;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const mock_class *cls = mock_class_find(names[i]);
        mock_case_init(cls, SOL_CONTEXT, 3, 5, &c);
        c.dtype[0] = c.dtype[1] = SOL_FP8;
        cr_assert_eq(cls->plan(&c, t, &n, NULL), SC_OK);
        cr_assert(t[0].dtype == SOL_FP8 && t[1].dtype == SOL_FP8);
        cr_assert(t[n - 1].role == MOCK_OUTPUT && t[n - 1].dtype == SOL_BF16);
    }
    const mock_class *norm = mock_class_find("rmsnorm");
    mock_case_init(norm, SOL_CONTEXT, 3, 5, &c);
    c.dtype[1] = SOL_FP8;
    sc_diag_clear(&diag);
    cr_assert_eq(norm->plan(&c, t, &n, &diag), SC_EINVAL);
    cr_assert_str_eq(diag.message,
                     "rmsnorm has no fp8 for weight, only bf16, fp16 and fp32");
}

Test(layer, tensor_bytes_see_overflow)
{
    mock_tensor t = {.dtype = SOL_BF16, .rank = 3, .dim = {3, 5, 7}};
    cr_assert_eq(mock_tensor_bytes(&t), 210);
    t.dtype = SOL_INT4;
    cr_assert_eq(mock_tensor_bytes(&t), 53);
    t.dim[0] = (int64_t)1 << 61;
    cr_assert_eq(mock_tensor_bytes(&t), 0);
    t.dim[0] = 0;
    cr_assert_eq(mock_tensor_bytes(&t), 0);
    t.dim[0] = -1;
    cr_assert_eq(mock_tensor_bytes(&t), 0);
    t.rank = 5;
    cr_assert_eq(mock_tensor_bytes(&t), 0);
}

/* ---- references by hand ---- */

static void expect(const mock_class *cls, const mock_case *c, const void *const *host,
                   int64_t row, const double *want, int n)
{
    double out[16];
    sc_diag diag;
    cr_assert_eq(cls->reference(c, host, &row, 1, out, &diag), SC_OK);
    for (int i = 0; i < n; i++)
        cr_assert_float_eq(out[i], want[i], 1e-6,
                           "%s row %d element %d is %.9g, not %.9g", cls->name, (int)row,
                           i, out[i], want[i]);
}

static mock_case tiny(const mock_class *cls, sol_phase_kind phase, int64_t b, int64_t s,
                      const int64_t *param)
{
    mock_case c;
    mock_case_init(cls, phase, b, s, &c);
    memcpy(c.param, param, (size_t)cls->n_params * sizeof *param);
    c.dtype[0] = c.dtype[1] = SOL_FP32;
    return c;
}

Test(reference, gemm_by_hand)
{
    const mock_class *cls = mock_class_find("gemm");
    float x[] = {1, 2, 3, 4, 5, 6}, w[] = {1, 0, -1, 2, 1, 0.5f};
    const void *host[] = {x, w};
    mock_case c = tiny(cls, SOL_CONTEXT, 1, 2, (int64_t[]){2, 3});
    expect(cls, &c, host, 0, (double[]){-2, 5.5}, 2);
    expect(cls, &c, host, 1, (double[]){-2, 16}, 2);
}

/* Two requests of lengths 1 and 2, two heads on one KV head, width 1: scores are q*k, and
 * a key of ln 3 against one of 0 weighs 3 to 1. */
Test(reference, attention_context_by_hand)
{
    const mock_class *cls = mock_class_find("attention");
    static const int64_t lengths[] = {1, 2};
    float q[] = {5, 5, 0, 0, 1, 2}, k[] = {-9, 0, (float)LN3}, v[] = {7, 10, 20};
    int32_t offset[] = {0, 1, 3};
    const void *host[] = {q, k, v, offset};
    mock_case c = tiny(cls, SOL_CONTEXT, 2, 2, (int64_t[]){2, 1, 1, 1, 0});
    c.lengths = lengths;
    expect(cls, &c, host, 0, (double[]){7, 7}, 2);
    expect(cls, &c, host, 1, (double[]){10, 10}, 2);
    expect(cls, &c, host, 2, (double[]){17.5, 19}, 2); /* 1:3 and 1:9 */
    c.param[MOCK_ATTENTION_CAUSAL] = 0;
    expect(cls, &c, host, 1, (double[]){15, 15}, 2); /* q = 0: the mean of both */
}

/* Sixty-six tokens in blocks 2 and 0; all keys are 0 but the last one's. */
Test(reference, attention_generation_by_hand)
{
    const mock_class *cls = mock_class_find("attention");
    static float k[3 * 64 * 4], v[3 * 64 * 4];
    float q[] = {1, 1, 1, 1, 0, 0, 0, 0};
    int32_t table[] = {2, 0}, length[] = {66};
    const void *host[] = {q, k, v, table, length};
    mock_case c = tiny(cls, SOL_GENERATION, 1, 66, (int64_t[]){2, 1, 4, 1, 0});
    for (int e = 0; e < 4; e++) {
        k[1 * 4 + e] = (float)(log(65) / 2); /* block 0 slot 1: token 65 */
        v[1 * 4 + e] = (float)e;
        v[2 * 64 * 4 + 63 * 4 + e] = 130;   /* block 2 slot 63: token 63 */
        k[2 * 4 + e] = v[2 * 4 + e] = 1e6f; /* block 0 slot 2: behind the end */
    }
    /* Head 0: score 4 * ln(65)/2 / sqrt(4) = ln 65: token 65 weighs as much as the other
     * 65 together. Head 1: all weigh the same. */
    double want[8];
    for (int e = 0; e < 4; e++) {
        want[e] = 0.5 * e + 0.5 * 130 / 65;
        want[4 + e] = (e + 130.0) / 66;
    }
    expect(cls, &c, host, 0, want, 8);
}

/* nope 3, rope 1: the scale is 1/2, so that ln 3 from each part makes ln 3. */
Test(reference, mla_context_by_hand)
{
    const mock_class *cls = mock_class_find("mla");
    float q[16] = {0}, k_nope[12] = {0}, k_rope[2] = {0, (float)LN3};
    float v[] = {1, 2, 3, 4, 5, 6, 7, 8}; /* [token, head, 2] */
    int32_t offset[] = {0, 2};
    const void *host[] = {q, k_nope, k_rope, v, offset};
    mock_case c = tiny(cls, SOL_CONTEXT, 1, 2, (int64_t[]){2, 2, 3, 1, 2});
    q[8 + 4 + 0] = 1, q[8 + 4 + 3] = 1; /* token 1, head 1: nope 0 and rope */
    k_nope[6 + 3 + 0] = (float)LN3;     /* token 1, head 1 */
    expect(cls, &c, host, 0, (double[]){1, 2, 3, 4}, 4);
    expect(cls, &c, host, 1, (double[]){3, 4, 6, 7}, 4);
}

Test(reference, mla_generation_by_hand)
{
    const mock_class *cls = mock_class_find("mla");
    static float pool[2 * 64 * 3]; /* latent 2, rope 1 */
    float q[] = {1, 0, 1, 0, 0, 0};
    int32_t table[] = {1}, length[] = {2};
    const void *host[] = {q, pool, table, length};
    mock_case c = tiny(cls, SOL_GENERATION, 1, 2, (int64_t[]){2, 2, 3, 1, 7});
    float *token1 = pool + (64 + 1) * 3;
    token1[0] = (float)LN3, token1[1] = 8, token1[2] = (float)LN3;
    expect(cls, &c, host, 0, (double[]){0.75 * LN3, 6, 0.5 * LN3, 4}, 4);
}

/* One request of three tokens, of which the last is new: a quarter turn swaps its pair.
 * The slot that it goes to holds something else until the layer has run. */
Test(reference, scope_op_by_hand)
{
    const mock_class *cls = mock_class_find("attention");
    static float k_pool[64 * 2], v_pool[64 * 2];
    float q[] = {0, 1}, k[] = {0, (float)(LN3 * M_SQRT2)}, v[] = {7, 9}, turns[6] = {0};
    int32_t table[] = {0}, length[] = {3}, position[] = {2}, slot[] = {2};
    const void *host[] = {q,     k_pool,   v_pool, table, length, NULL,
                          turns, position, slot,   k,     v};
    mock_case c = tiny(cls, SOL_GENERATION, 1, 3, (int64_t[]){1, 1, 2, 1, 0});
    c.scope = MOCK_SCOPE_OP;
    turns[2 * 2 + 1] = 1;         /* position 2: cosine 0, sine 1: (a, b) to (-b, a) */
    k_pool[4] = 1e6f;             /* slot 2: stale */
    v_pool[0] = 1, v_pool[2] = 3; /* tokens 0 and 1 */
    /* q = (-1, 0), k = (-ln 3 sqrt 2, 0): the new token weighs 3, the others 1 each. */
    expect(cls, &c, host, 0, (double[]){(1 + 3 + 3 * 7) / 5.0, 27 / 5.0}, 2);
    double out[2];
    cls->appended(&c, host, 1, 0, out);
    cr_assert_float_eq(out[0], -LN3 * M_SQRT2, 1e-6);
    cr_assert_float_eq(out[1], 0, 1e-9);
    cls->appended(&c, host, 2, 0, out);
    cr_assert(out[0] == 7 && out[1] == 9);
    c.param[MOCK_ATTENTION_WINDOW] = 2; /* token 0 is out of sight */
    expect(cls, &c, host, 0, (double[]){(3 + 3 * 7) / 4.0, 27 / 4.0}, 2);
}

/* Numbers of an fp8 cache are in units of its scale. */
Test(reference, fp8_cache_by_hand)
{
    const mock_class *cls = mock_class_find("attention");
    static uint8_t k_pool[64], v_pool[64];
    float q[] = {1}, scale[] = {0.37f, 5};
    int32_t table[] = {0}, length[] = {2};
    const void *host[] = {q, k_pool, v_pool, table, length, NULL, scale};
    mock_case c = tiny(cls, SOL_GENERATION, 1, 2, (int64_t[]){1, 1, 1, 1, 0});
    c.dtype[1] = SOL_FP8;
    mock_set(k_pool, SOL_FP8, 1, 3);
    mock_set(v_pool, SOL_FP8, 0, 1.5);
    mock_set(v_pool, SOL_FP8, 1, -0.75);
    double w = exp(3 * (double)0.37f);
    expect(cls, &c, host, 0, (double[]){5 * (1.5 - 0.75 * w) / (1 + w)}, 1);
}

/* Two heads; pre: two inputs of three outputs a head; post: three of one. */
Test(reference, mla_bmm_by_hand)
{
    const mock_class *cls = mock_class_find("mla_bmm");
    float x[] = {1, 2, 3, -1}, w[] = {1, 0, -1, 2, 1, 0.5f, 10, 20, 30, 1, 2, 3};
    const void *host[] = {x, w};
    mock_case c = tiny(cls, SOL_GENERATION, 1, 9, (int64_t[]){2, 3, 2, 1, 0});
    cr_assert_eq(mock_class_hidden(cls, &c), 6);
    expect(cls, &c, host, 0, (double[]){5, 2, 0, 29, 58, 87}, 6);
    float o[] = {1, 2, 3, 4, 5, 6};
    const void *post[] = {o, w};
    c.param[MOCK_MLA_BMM_POST] = 1;
    cr_assert_eq(mock_class_hidden(cls, &c), 2);
    expect(cls, &c, post, 0, (double[]){1 - 3, 8 + 5 + 3}, 2);
}

Test(reference, rmsnorm_by_hand)
{
    const mock_class *cls = mock_class_find("rmsnorm");
    float x[] = {9, 9, 3, 1}, w[] = {2, -1}, residual[] = {0, 0, 4, 0};
    const void *host[] = {x, w, NULL, residual, NULL};
    mock_case c = tiny(cls, SOL_CONTEXT, 1, 2, (int64_t[]){2, 0});
    double root = sqrt(5 + 1e-6); /* (9 + 1) / 2 */
    expect(cls, &c, host, 1, (double[]){6 / root, -1 / root}, 2);
    c.param[MOCK_RMSNORM_RESIDUAL] = 1;
    expect(cls, &c, host, 1, (double[]){14.0 / 5, -1.0 / 5}, 2); /* (49 + 1) / 2 */
    float tiny_x[] = {1e-3f, -1e-3f};
    host[0] = tiny_x, c.param[MOCK_RMSNORM_RESIDUAL] = 0;
    expect(cls, &c, host, 0, (double[]){sqrt(2), sqrt(0.5)}, 2); /* epsilon = x^2 */
}

/* A quarter turn, and the positions that the class fills in. */
Test(reference, rope_by_hand)
{
    const mock_class *cls = mock_class_find("rope");
    static const int64_t lengths[] = {3, 1};
    float x[16] = {0}, table[3 * 4] = {0};
    int32_t position[4];
    void *filled[] = {NULL, position, table, NULL};
    const void *host[] = {x, position, table};
    mock_case c = tiny(cls, SOL_CONTEXT, 2, 3, (int64_t[]){1, 0, 4});
    c.param[MOCK_ROPE_KV_HEADS] = 1; /* two heads of 4: 8 elements a token */
    c.lengths = lengths;
    mock_tensor t[MOCK_MAX_TENSORS];
    int n = 0;
    cr_assert_eq(cls->plan(&c, t, &n, NULL), SC_OK);
    cr_assert(t[0].dim[0] == 4 && t[0].dim[1] == 2 && t[2].dim[0] == 3);
    cr_assert_eq(cls->fill(&c, filled, NULL), SC_OK);
    cr_assert(position[0] == 0 && position[1] == 1 && position[2] == 2);
    cr_assert_eq(position[3], 0, "every request starts at 0");
    cr_assert_float_eq(table[4], cos(1), 1e-7);
    cr_assert_float_eq(table[2 * 4 + 2], sin(2), 1e-7);
    cr_assert_float_eq(table[2 * 4 + 3], sin(2 / 100.0), 1e-7, "10000^(-1/2)");
    float turns[] = {1, 1, 0, 0, 0, 0.5f, 1, 0.25f}; /* position 1: two pairs */
    memcpy(table, turns, sizeof turns);
    for (int e = 0; e < 8; e++)
        x[8 + e] = (float)(e + 1);
    expect(cls, &c, host, 1, (double[]){-3, 1 - 1, 1, 2 + 0.5, -7, 3 - 2, 5, 4 + 1.5}, 8);
    c.phase = SOL_GENERATION;
    cr_assert_eq(cls->fill(&c, filled, NULL), SC_OK);
    cr_assert(position[0] == 2 && position[1] == 0, "the last token of each request");
    c.param[MOCK_ROPE_DIM] = 3;
    cr_assert_eq(cls->plan(&c, t, &n, NULL), SC_EINVAL);
}

Test(reference, activation_by_hand)
{
    const mock_class *cls = mock_class_find("activation");
    float x[] = {0, (float)LN3, 5, 8, -(float)LN3, 40, 4, 0.5f};
    const void *host[] = {x};
    mock_case c = tiny(cls, SOL_GENERATION, 2, 5, (int64_t[]){2, 1});
    expect(cls, &c, host, 0, (double[]){0, 6 * LN3}, 2); /* sigmoid(ln 3) = 3/4 */
    expect(cls, &c, host, 1, (double[]){-LN3, 20}, 2);
    c.param[MOCK_ACTIVATION_GATED] = 0;
    expect(cls, &c, host, 0, (double[]){0, 0.75 * LN3}, 2);
}

Test(reference, embedding_by_hand)
{
    const mock_class *cls = mock_class_find("embedding");
    float table[] = {1, 2, 3, 4, 5, 6};
    int32_t token[] = {2, 0, 2};
    const void *host[] = {token, table};
    mock_case c = tiny(cls, SOL_CONTEXT, 1, 3, (int64_t[]){2, 3});
    expect(cls, &c, host, 1, (double[]){1, 2}, 2);
    expect(cls, &c, host, 2, (double[]){5, 6}, 2);
    enum { T = 500 };
    int32_t drawn[T], seen[3] = {0};
    void *filled[] = {drawn, NULL, NULL};
    c.s = T;
    cr_assert_eq(cls->fill(&c, filled, NULL), SC_OK);
    for (int i = 0; i < T; i++) {
        cr_assert(drawn[i] >= 0 && drawn[i] < 3);
        seen[drawn[i]]++;
    }
    cr_assert(seen[0] > 100 && seen[1] > 100 && seen[2] > 100);
}

/* Two experts of width 1 on tokens of width 2, and a shared one. Expert 0: gate ln 3, up
 * 8, hidden 6 ln 3. Expert 1 is on another rank. */
Test(reference, moe_by_hand)
{
    const mock_class *cls = mock_class_find("moe");
    float x[] = {1, 0, 0, 1}, w13[] = {(float)LN3, 0, 8, 1, 0, 40, 0, 0.5f};
    float w2[] = {1, -1, 3, 0}, gate[] = {0.25f, 0.75f, 1, 0.5f, 0.5f, 1};
    int32_t expert[] = {0, -1, -1, -1, 0, 1};
    const void *host[] = {x, w13, w2, expert, gate};
    mock_case c = tiny(cls, SOL_CONTEXT, 1, 2, (int64_t[]){2, 1, 2, 2, 2, 1, 1, 0, 1});
    cr_assert_eq(mock_moe_here(&c), 2);
    cr_assert_eq(mock_moe_choices(&c), 3);
    expect(cls, &c, host, 0, (double[]){1.5 * LN3, -1.5 * LN3}, 2);
    expect(cls, &c, host, 1, (double[]){60, 0}, 2); /* silu(0) = 0; 3 * 40 * 0.5 */
}

/* Routing: top_k different experts a token, weights of sum 1, every expert equally often
 * where balanced and the first ranks' most where not; the busiest rank is this one. */
static void check_routing(int64_t b, const int64_t *param)
{
    const mock_class *cls = mock_class_find("moe");
    mock_case c = tiny(cls, SOL_GENERATION, b, 3, param);
    int64_t k = mock_moe_choices(&c), topk = param[MOCK_MOE_TOPK], here = 0;
    int64_t routed = param[MOCK_MOE_EXPERTS] / param[MOCK_MOE_EP], load[64] = {0};
    int32_t *expert = sc_calloc((size_t)(b * k), sizeof *expert);
    float *gate = sc_calloc((size_t)(b * k), sizeof *gate);
    void *host[] = {NULL, NULL, NULL, expert, gate, NULL};
    cr_assert_eq(cls->fill(&c, host, NULL), SC_OK);
    for (int64_t t = 0; t < b; t++) {
        double sum = 0;
        for (int64_t j = 0; j < k; j++) {
            int32_t e = expert[t * k + j];
            cr_assert(e >= -1 && e < mock_moe_here(&c));
            for (int64_t i = 0; i < j && e >= 0; i++)
                cr_assert_neq(expert[t * k + i], e);
            if (j >= topk)
                cr_assert_eq(e,
                             t % param[MOCK_MOE_EP] ? -1 : (int32_t)(routed + j - topk));
            sum += j < topk ? gate[t * k + j] : 0;
            here += j < topk && e >= 0;
            if (e >= 0)
                load[e]++;
        }
        cr_assert_float_eq(sum, 1, 1e-6);
    }
    cr_assert_geq(here * param[MOCK_MOE_EP], b * topk, "this rank is not the busiest");
    int64_t least = b, most = 0;
    for (int64_t e = 0; e < routed; e++) {
        least = load[e] < least ? load[e] : least;
        most = load[e] > most ? load[e] : most;
    }
    if (param[MOCK_MOE_UNIFORM])
        cr_assert_leq(most - least, 1);
    else
        cr_assert_gt(most, 3 * least);
    sc_free(gate);
    sc_free(expert);
}

/* What is compared before anything is timed: experts enough for every choice, on every rank,
 * and some to spare; never more than there are. */
Test(reference, moe_is_compared_on_fewer_experts)
{
    static const int64_t cases[][4] = {/* experts, top_k, ep, those that are left */
                                       {256, 8, 1, 16}, {256, 8, 4, 16}, {96, 3, 4, 8},
                                       {64, 1, 32, 32}, {6, 3, 1, 6},    {7, 5, 1, 7}};
    const mock_class *cls = mock_class_find("moe");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        mock_case c;
        mock_tensor tensor[MOCK_MAX_TENSORS];
        int n = 0;
        mock_case_init(cls, SOL_CONTEXT, 3, 70, &c);
        c.param[MOCK_MOE_EXPERTS] = cases[i][0];
        c.param[MOCK_MOE_TOPK] = cases[i][1];
        c.param[MOCK_MOE_EP] = cases[i][2];
        mock_case whole = c;
        cls->reduce(&c);
        cr_assert_eq(c.param[MOCK_MOE_EXPERTS], cases[i][3], "case %zu", i);
        cr_assert_eq(cls->plan(&c, tensor, &n, NULL), SC_OK);
        whole.param[MOCK_MOE_EXPERTS] = cases[i][3];
        cr_assert_arr_eq(&c, &whole, sizeof c, "nothing else may change");
    }
}

Test(reference, moe_routing)
{
    check_routing(1, (int64_t[]){8, 8, 16, 4, 1, 0, 1, 0, 1});
    check_routing(333, (int64_t[]){8, 8, 7, 3, 1, 2, 1, 0, 1});
    check_routing(101, (int64_t[]){8, 8, 48, 5, 4, 1, 1, 0, 1});
    check_routing(997, (int64_t[]){8, 8, 64, 6, 1, 0, 1, 0, 0});
    check_routing(500, (int64_t[]){8, 8, 60, 8, 3, 1, 1, 0, 0});
    check_routing(13, (int64_t[]){8, 8, 5, 5, 1, 0, 1, 0, 1}); /* every expert, always */
    mock_case c = tiny(mock_class_find("moe"), SOL_CONTEXT, 1, 2,
                       (int64_t[]){8, 8, 6, 7, 1, 0, 1, 0, 1});
    cr_assert_eq(mock_class_hidden(mock_class_find("moe"), &c), 0, "top_k > experts");
    c.param[MOCK_MOE_TOPK] = 2, c.param[MOCK_MOE_EP] = 4;
    cr_assert_eq(mock_class_hidden(mock_class_find("moe"), &c), 0, "4 ranks, 6 experts");
}

/* ---- the CPU device against the reference ---- */

static const struct {
    const char *layer;
    int64_t param[9];
} shapes[] = {
    {"gemm", {1, 1}},
    {"gemm", {65, 257}},
    {"gemm", {130, 300}},
    {"gemm", {7, 513}},
    {"attention", {6, 2, 20, 1}},
    {"attention", {4, 4, 64, 0}},
    {"attention", {71, 1, 9, 1}},
    {"mla", {3, 40, 12, 4, 20}},
    {"mla", {67, 33, 17, 5, 11}},
    {"mla_bmm", {3, 33, 70, 21, 0}},
    {"mla_bmm", {5, 131, 7, 66, 1}},
    {"rmsnorm", {129, 0}},
    {"rmsnorm", {77, 1}},
    {"rope", {3, 2, 26}},
    {"rope", {1, 1, 2}},
    {"activation", {67, 1}},
    {"activation", {129, 0}},
    {"embedding", {35, 19}},
    {"moe", {72, 33, 7, 3, 1, 0, 1, 0, 1}},
    {"moe", {65, 70, 6, 2, 2, 1, 1, 0, 0}},
    {"moe", {9, 300, 64, 5, 4, 2, 1, 0, 0}},
};

static void agree(const mock_device_ops *ops, mock_device *dev, int shape,
                  sol_phase_kind phase, sol_dtype attn, sol_dtype kv)
{
    static const int64_t lengths[] = {1, 193, 63, 64, 65, 2};
    const mock_class *cls = mock_class_find(shapes[shape].layer);
    mock_case c;
    mock_bench *bench = NULL;
    mock_compare r;
    sc_diag diag;
    mock_case_init(cls, phase, 6, 193, &c);
    memcpy(c.param, shapes[shape].param, (size_t)cls->n_params * sizeof c.param[0]);
    c.lengths = lengths;
    c.dtype[0] = attn;
    c.dtype[1] = kv;
    c.seed = 77 + (uint64_t)shape;
    cr_assert_eq(mock_bench_new(cls, &c, ops, dev, &bench, &diag), SC_OK, "%s",
                 diag.message);
    cr_assert_eq(mock_bench_compare(bench, 1000, &r, &diag), SC_OK);
    cr_assert_eq(r.n, mock_case_tokens(&c) * mock_class_hidden(cls, &c), "all rows");
    cr_assert(mock_compare_ok(&r), "%s shape %d %s %s: %lld of %lld bad, worst %g",
              cls->name, shape, sol_phase_name(phase), sol_dtype_name(attn),
              (long long)r.n_bad, (long long)r.n, r.worst);
    /* Far below the tolerance, or the tolerance is slack; above 0, or nothing was
     * rounded. Only copies are exact. */
    cr_assert_lt(r.worst, 0.6);
    bool exact = strcmp(cls->name, "embedding") == 0 ||
                 (attn == SOL_FP8 && cls->depth(&c) == 1); /* 4 by 4 bits fit bf16 */
    cr_assert((r.rel_l2 > 0) == !exact);
    /* moe in fp8 rounds its activations to three bits and a hidden one on the way. */
    bool coarse = attn == SOL_FP8 && cls->between && cls->between(&c) == 0x1p-4;
    cr_assert_eq(coarse, attn == SOL_FP8 && strcmp(cls->name, "moe") == 0);
    cr_assert(!coarse || (r.rel_l2 > 1e-2 && r.rel_l2 < 5e-2), "%g", r.rel_l2);
    cr_assert(coarse || r.rel_l2 < (attn == SOL_FP16   ? 6e-4
                                    : attn == SOL_FP32 ? 2e-6
                                                       : 4e-3));
    mock_bench_free(bench);
}

/* explain --layer lists the route that runs. */
Test(cpu, routes_are_documented)
{
    int n;
    const mock_class *const *all = mock_classes(&n);
    const mock_device_ops *ops = mock_cpu_ops();
    mock_device *dev;
    mock_device_info info;
    cr_assert_eq(ops->open(0, &dev, &info, NULL), SC_OK);
    for (int i = 0; i < n; i++)
        for (int p = 0; p < SOL_N_PHASES; p++) {
            mock_case c;
            mock_bench *bench = NULL;
            sc_diag diag;
            mock_case_init(all[i], (sol_phase_kind)p, 2, 3, &c);
            cr_assert_eq(mock_bench_new(all[i], &c, ops, dev, &bench, &diag), SC_OK, "%s",
                         diag.message);
            const char *source = ops->source(bench->exec);
            const mock_route *r = mock_class_route(all[i], c.phase, 0, source);
            cr_assert(r != NULL, "%s: %s", all[i]->name, source);
            cr_assert(mock_class_route(all[i], c.phase, 90, source) == NULL);
            mock_bench_free(bench);
        }
    cr_assert_str_eq(mock_class_route(mock_class_find("mla"), SOL_GENERATION, 90,
                                      "rope_append+latent_wgmma_m64_t64x3_whole")
                         ->source,
                     "latent_wgmma");
    cr_assert(mock_class_route(mock_class_find("mla"), SOL_GENERATION, 80,
                               "latent_wgmma_m64_t64x3_whole") == NULL);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < all[i]->n_params; k++)
            cr_assert(*all[i]->param[k].meaning && *all[i]->param[k].unit);
    ops->close(dev);
}

Test(cpu, agrees_with_the_reference_at_awkward_sizes)
{
    mock_device *dev;
    mock_device_info info;
    const mock_device_ops *ops;
    cr_assert_eq(mock_device_open("cpu", &ops, &dev, &info, NULL), SC_OK);
    cr_assert_str_eq(info.kind, "cpu");
    cr_assert(info.name[0] && info.memory_B > 0);
    for (int i = 0; i < (int)(sizeof shapes / sizeof shapes[0]); i++)
        for (int phase = 0; phase < SOL_N_PHASES; phase++) {
            agree(ops, dev, i, (sol_phase_kind)phase, SOL_BF16, SOL_BF16);
            agree(ops, dev, i, (sol_phase_kind)phase, SOL_FP16, SOL_FP16);
            agree(ops, dev, i, (sol_phase_kind)phase, SOL_FP32, SOL_FP32);
            agree(ops, dev, i, (sol_phase_kind)phase, SOL_BF16, SOL_FP16);
            const mock_class *cls = mock_class_find(shapes[i].layer);
            if (cls->fp8[0])
                agree(ops, dev, i, (sol_phase_kind)phase, SOL_FP8, SOL_FP8);
            if (cls->fp8[1])
                agree(ops, dev, i, (sol_phase_kind)phase, SOL_BF16, SOL_FP8);
        }
    ops->close(dev);
}

/* With RoPE and the append in front, in every mixture of dtypes, also over windows. */
Test(cpu, scope_op_agrees_at_awkward_sizes)
{
    static const int64_t lengths[] = {1, 193, 63, 64, 65, 2};
    static const sol_dtype dtypes[][2] = {{SOL_BF16, SOL_BF16}, {SOL_FP16, SOL_FP16},
                                          {SOL_FP32, SOL_FP32}, {SOL_BF16, SOL_FP8},
                                          {SOL_FP16, SOL_FP8},  {SOL_BF16, SOL_FP16}};
    static const struct {
        const char *layer;
        int64_t param[5];
    } cases[] = {{"attention", {6, 2, 26, 1, 0}},
                 {"attention", {3, 3, 40, 1, 37}},
                 {"attention", {70, 1, 8, 1, 64}},
                 {"mla", {5, 33, 17, 10, 21}},
                 {"mla", {2, 64, 3, 2, 9}}};
    mock_device *dev;
    mock_device_info info;
    const mock_device_ops *ops;
    cr_assert_eq(mock_device_open("cpu", &ops, &dev, &info, NULL), SC_OK);
    for (int i = 0; i < 5 * 6 * 2; i++) {
        const mock_class *cls = mock_class_find(cases[i / 12].layer);
        const sol_dtype *dtype = dtypes[i / 2 % 6];
        mock_case c;
        mock_bench *bench = NULL;
        mock_compare r;
        sc_diag diag;
        mock_case_init(cls, (sol_phase_kind)(i % 2), 6, 193, &c);
        memcpy(c.param, cases[i / 12].param, sizeof cases[0].param);
        c.lengths = lengths;
        c.scope = MOCK_SCOPE_OP;
        c.dtype[0] = dtype[0];
        c.dtype[1] = dtype[1];
        cr_assert_eq(mock_bench_new(cls, &c, ops, dev, &bench, &diag), SC_OK, "%s",
                     diag.message);
        cr_assert_eq(mock_bench_compare(bench, 1000, &r, &diag), SC_OK);
        int64_t outputs = mock_case_tokens(&c) * mock_class_hidden(cls, &c);
        cr_assert_gt(r.n, outputs, "outputs, and what was appended");
        cr_assert(mock_compare_ok(&r), "%s %d: %lld of %lld bad, worst %g", cls->name, i,
                  (long long)r.n_bad, (long long)r.n, r.worst);
        mock_bench_free(bench);
    }
    ops->close(dev);
}

/* Inputs for which every intermediate is exact: small integers for gemm; for attention q
 * = 0, a power of two of keys and values that are its multiples. Any difference is then a
 * wrong algorithm, not rounding. */
static void make_exact(mock_bench *bench, int64_t s)
{
    bool gemm = strcmp(bench->cls->name, "gemm") == 0;
    for (int i = 0; i < bench->n; i++) {
        const mock_tensor *t = &bench->tensor[i];
        if (t->role == MOCK_INDEX || t->role == MOCK_OUTPUT)
            continue;
        int64_t n = (int64_t)(mock_tensor_bytes(t) * 8) / sol_dtype_bits(t->dtype);
        for (int64_t e = 0; e < n; e++) {
            int digit = (int)(mock_mix64((uint64_t)(i * 1000003 + e)) % 3) - 1;
            bool query = strcmp(t->name, "q") == 0;
            mock_set(bench->ptr[i], t->dtype, e, gemm ? digit : query ? 0 : digit * s);
        }
    }
}

static void exact(const mock_device_ops *ops, mock_device *dev, int shape,
                  sol_phase_kind phase, sol_dtype dtype)
{
    const mock_class *cls = mock_class_find(shapes[shape].layer);
    mock_case c;
    mock_bench *bench = NULL;
    mock_compare r;
    /* Causal rows see 1 and 2 keys; without a mask, or in generation, 128. */
    bool causal = phase == SOL_CONTEXT &&
                  !(strcmp(cls->name, "attention") == 0 && shapes[shape].param[3] == 0);
    int64_t s = causal ? 2 : 128;
    mock_case_init(cls, phase, 3, s, &c);
    memcpy(c.param, shapes[shape].param, (size_t)cls->n_params * sizeof c.param[0]);
    if (strcmp(cls->name, "gemm") == 0 && c.param[MOCK_GEMM_K] > 250)
        c.param[MOCK_GEMM_K] = 251; /* sums of up to 256 are exact in bf16 */
    c.dtype[0] = c.dtype[1] = dtype;
    cr_assert_eq(mock_bench_new(cls, &c, ops, dev, &bench, NULL), SC_OK);
    make_exact(bench, s);
    cr_assert_eq(mock_bench_compare(bench, 1000, &r, NULL), SC_OK);
    cr_assert(r.worst == 0 && r.n_bad == 0 && r.want_rms > 0.1, "%s %s: worst %g",
              cls->name, sol_phase_name(phase), r.worst);
    mock_bench_free(bench);
}

Test(cpu, is_exact_on_exact_inputs)
{
    mock_device *dev;
    mock_device_info info;
    const mock_device_ops *ops;
    cr_assert_eq(mock_device_open("cpu", &ops, &dev, &info, NULL), SC_OK);
    for (int i = 1; i < (int)(sizeof shapes / sizeof shapes[0]) &&
                    strcmp(shapes[i].layer, "mla_bmm") != 0;
         i++)
        for (int phase = 0; phase < SOL_N_PHASES; phase++) {
            exact(ops, dev, i, (sol_phase_kind)phase, SOL_BF16);
            exact(ops, dev, i, (sol_phase_kind)phase, SOL_FP16);
        }
    ops->close(dev);
}

/* The same for the other layers, by hand: what to write into which tensor. */
static double exact_value(const char *layer, const char *tensor, int64_t i)
{
    double digit = (double)(mock_mix64((uint64_t)i + 77) % 3) - 1;
    if (strcmp(layer, "activation") == 0) /* silu(64) = 64 to the last bit */
        return i % 134 < 67 ? 64 : digit;
    if (strcmp(tensor, "cos_sin") == 0) /* quarter turns */
        return i % 26 < 13 ? 0 : 1;
    if (strcmp(tensor, "w13") == 0) { /* gate = 64 x[0], x[0] = 1; up: digits */
        bool gate = i / 72 % 66 < 33;
        return gate ? (i % 72 == 0 ? 64 : 0) : i % 72 < 4 ? digit : 0;
    }
    if (strcmp(tensor, "w2") == 0) /* one input each: sums stay short */
        return i % 33 == i / 33 % 33 ? digit : 0;
    if (strcmp(tensor, "gate") == 0)
        return 0.5;
    if (strcmp(layer, "moe") == 0) /* x */
        return i % 72 == 0 ? 1 : digit;
    return digit;
}

static void exact_by_hand(const mock_device_ops *ops, mock_device *dev, int shape,
                          sol_phase_kind phase, sol_dtype dtype)
{
    const mock_class *cls = mock_class_find(shapes[shape].layer);
    mock_case c;
    mock_bench *bench = NULL;
    mock_compare r;
    mock_case_init(cls, phase, 5, 41, &c);
    memcpy(c.param, shapes[shape].param, (size_t)cls->n_params * sizeof c.param[0]);
    c.dtype[0] = c.dtype[1] = dtype;
    cr_assert_eq(mock_bench_new(cls, &c, ops, dev, &bench, NULL), SC_OK);
    for (int i = 0; i < bench->n; i++) {
        const mock_tensor *t = &bench->tensor[i];
        int64_t n = (int64_t)(mock_tensor_bytes(t) * 8) / sol_dtype_bits(t->dtype);
        bool real = t->role != MOCK_INDEX || t->dtype == SOL_FP32;
        for (int64_t e = 0; real && e < n; e++)
            mock_set(bench->ptr[i], t->dtype, e, exact_value(cls->name, t->name, e));
    }
    cr_assert_eq(mock_bench_compare(bench, 1000, &r, NULL), SC_OK);
    cr_assert(r.worst == 0 && r.n_bad == 0 && r.want_rms > 0.1, "%s %s: worst %g",
              cls->name, sol_phase_name(phase), r.worst);
    mock_bench_free(bench);
}

Test(cpu, is_exact_where_others_are_too)
{
    static const char *const names[] = {"mla_bmm", "rope", "activation", "embedding",
                                        "moe"};
    mock_device *dev;
    mock_device_info info;
    const mock_device_ops *ops;
    cr_assert_eq(mock_device_open("cpu", &ops, &dev, &info, NULL), SC_OK);
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        int i = 0; /* the first shape of the layer */
        while (strcmp(shapes[i].layer, names[k]) != 0)
            i++;
        for (int phase = 0; phase < SOL_N_PHASES; phase++) {
            exact_by_hand(ops, dev, i, (sol_phase_kind)phase, SOL_BF16);
            exact_by_hand(ops, dev, i, (sol_phase_kind)phase, SOL_FP16);
            if (mock_class_find(names[k])->fp8[0])
                exact_by_hand(ops, dev, i, (sol_phase_kind)phase, SOL_FP8);
        }
    }
    ops->close(dev);
}

/* Rows of one magnitude are normalised to the signed weights; the sum is written. */
Test(cpu, rmsnorm_writes_the_sum)
{
    enum { T = 21, D = 75 };
    const mock_class *cls = mock_class_find("rmsnorm");
    mock_device *dev;
    mock_device_info info;
    mock_bench *bench = NULL;
    mock_case c;
    const mock_device_ops *ops;
    cr_assert_eq(mock_device_open("cpu", &ops, &dev, &info, NULL), SC_OK);
    mock_case_init(cls, SOL_CONTEXT, 3, 7, &c);
    c.param[MOCK_RMSNORM_HIDDEN] = D;
    cr_assert_eq(mock_bench_new(cls, &c, ops, dev, &bench, NULL), SC_OK);
    for (int64_t i = 0; i < T * D; i++) {
        double sum = mock_mix64((uint64_t)i) % 2 ? 3 : -3, part = (double)(i % 5);
        mock_set(bench->ptr[MOCK_RMSNORM_X], SOL_BF16, i, part);
        mock_set(bench->ptr[MOCK_RMSNORM_RESIDUAL_IN], SOL_BF16, i, sum - part);
    }
    cr_assert_eq(ops->run(bench->exec, NULL), SC_OK);
    for (int64_t i = 0; i < T * D; i++) {
        double sign = mock_mix64((uint64_t)i) % 2 ? 1 : -1;
        double w = mock_get(bench->ptr[MOCK_RMSNORM_WEIGHT], SOL_BF16, i % D);
        cr_assert_eq(mock_get(bench->ptr[MOCK_RMSNORM_SUM], SOL_BF16, i), 3 * sign);
        cr_assert_eq(mock_get(bench->ptr[MOCK_RMSNORM_OUT], SOL_BF16, i), sign * w);
    }
    mock_bench_free(bench);
    ops->close(dev);
}

/* Rows that are compared: first and last, the ends of requests, no more than asked for.
 */
Test(cpu, spot_checks_see_a_wrong_last_row)
{
    mock_device *dev;
    mock_device_info info;
    mock_bench *bench = NULL;
    mock_compare r;
    mock_case c;
    const mock_class *cls = mock_class_find("gemm");
    const mock_device_ops *ops = fake_open(FAKE_ZERO_ROW, &dev, &info);
    for (int64_t rows = 1; rows < 30; rows += 3) {
        mock_case_init(cls, SOL_CONTEXT, 7, 41, &c);
        fake_small(cls, c.param);
        cr_assert_eq(mock_bench_new(cls, &c, ops, dev, &bench, NULL), SC_OK);
        cr_assert_eq(mock_bench_compare(bench, rows, &r, NULL), SC_OK);
        cr_assert_leq(r.n, (rows < 2 ? 2 : rows) * 40);
        cr_assert_eq(r.n_zero, 40);
        cr_assert_not(mock_compare_ok(&r));
        mock_bench_free(bench);
    }
    ops->close(dev);
}

Test(cpu, refuses_too_much_memory_by_name)
{
    mock_device *dev;
    mock_device_info info;
    const mock_device_ops *ops = mock_cpu_ops();
    sc_diag diag;
    void *p = NULL, *q = NULL;
    size_t after;
    cr_assert_eq(ops->open(0, &dev, &info, NULL), SC_OK);
    cr_assert_eq(ops->alloc(dev, (size_t)info.memory_B, &p, &diag), SC_ENOMEM);
    cr_assert_eq(diag.code, SC3004);
    cr_assert(strstr(diag.hint, "lower b or s"));
    cr_assert_eq(ops->alloc(dev, SIZE_MAX - 3, &p, &diag), SC_ENOMEM);
    cr_assert_null(p);
    /* Promised but untouched memory counts: two thirds do not fit twice. */
    dev->limit_B = 3 << 20;
    cr_assert_eq(ops->alloc(dev, 2 << 20, &p, &diag), SC_OK);
    cr_assert_eq((uintptr_t)p % 64, 0);
    cr_assert_eq(ops->alloc(dev, 2 << 20, &q, &diag), SC_ENOMEM);
    cr_assert_null(q);
    cr_assert_eq(ops->available(dev, &after, NULL), SC_OK);
    cr_assert_eq(after, 1 << 20);
    ops->free(dev, p);
    cr_assert_eq(ops->alloc(dev, 2 << 20, &q, &diag), SC_OK);
    ops->free(dev, q);
    ops->free(dev, NULL);
    ops->close(dev);
    ops->close(NULL);
    cr_assert_eq(ops->open(1, &dev, &info, &diag), SC_ENOGPU);
}

Test(cpu, survives_every_failed_allocation)
{
    mock_device *dev;
    mock_device_info info;
    const mock_device_ops *ops = mock_cpu_ops();
    const mock_class *cls = mock_class_find("attention");
    int failures = 0;
    cr_assert_eq(ops->open(0, &dev, &info, NULL), SC_OK);
    for (unsigned long nth = 1; nth < 400; nth++) {
        mock_bench *bench = NULL;
        mock_compare r;
        mock_case c;
        double seconds;
        mock_case_init(cls, SOL_GENERATION, 2, 70, &c);
        fake_small(cls, c.param);
        sc_alloc_fail_at(nth, 0);
        sc_status status = mock_bench_new(cls, &c, ops, dev, &bench, NULL);
        if (!status)
            status = mock_bench_compare(bench, 4, &r, NULL);
        if (!status)
            status = ops->time(bench->exec, MOCK_GRAPH, 3, &seconds, NULL);
        sc_alloc_fail_at(0, 0);
        mock_bench_free(bench);
        failures += status == SC_ENOMEM;
        cr_assert(status == SC_ENOMEM || status == SC_OK);
        if (status == SC_OK)
            break;
    }
    cr_assert_gt(failures, 25);
    cr_assert_eq(dev->used_B, 0, "device memory leaks");
    ops->close(dev);
}
