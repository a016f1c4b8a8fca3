/* solcheck - what the layer classes share, and their parameters by index.
 *
 * One X-macro per class feeds the parameter table and the enum by which devices read
 * mock_case.param.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_LAYERS_LAYERS_H
#define SC_MOCK_LAYERS_LAYERS_H

#include "mock/layer.h"

/* X(class): mock/layers/<class>.c defines mock_class_<class>. */
#define MOCK_CLASS_LIST(X)                                                               \
    X(gemm)                                                                              \
    X(attention) X(mla) X(mla_bmm) X(moe) X(rmsnorm) X(rope) X(activation) X(embedding)

#define X(name) extern const mock_class mock_class_##name;
MOCK_CLASS_LIST(X)
#undef X

/* X(id, name, meaning, unit, default, lowest, highest, key, shard_tp) */
#define MOCK_GEMM_PARAMS(X)                                                              \
    X(N, "n", "output features", "elements", 4096, 1, 1 << 24, true, false)              \
    X(K, "k", "input features, summed over", "elements", 4096, 1, 1 << 24, true, false)

#define MOCK_ATTENTION_PARAMS(X)                                                         \
    X(HEADS, "num_heads", "query heads", "heads", 32, 1, 4096, true, true)               \
    X(KV_HEADS, "num_kv_heads", "key and value heads, a divisor of num_heads", "heads",  \
      8, 1, 4096, true, true)                                                            \
    X(DIM, "head_dim", "width of one head", "elements", 128, 1, 1024, true, false)       \
    X(CAUSAL, "causal", "1: a token sees itself and earlier ones; context only", "flag", \
      1, 0, 1, true, false)                                                              \
    X(WINDOW, "window", "keys that a query sees, its own included; 0: all", "tokens", 0, \
      0, 1 << 20, true, false)

#define MOCK_MLA_PARAMS(X)                                                               \
    X(HEADS, "num_heads", "query heads", "heads", 128, 1, 4096, true, true)              \
    X(LORA, "kv_lora_rank", "rank of the compressed KV latent", "elements", 512, 1,      \
      4096, true, false)                                                                 \
    X(NOPE, "qk_nope_head_dim", "part of a head without position", "elements", 128, 1,   \
      1024, true, false)                                                                 \
    X(ROPE, "qk_rope_head_dim", "part of a head with rotary position", "elements", 64,   \
      1, 1024, true, false)                                                              \
    X(V, "v_head_dim", "width of one value head", "elements", 128, 1, 1024, true, false)

#define MOCK_MLA_BMM_PARAMS(X)                                                           \
    X(HEADS, "num_heads", "query heads", "heads", 128, 1, 4096, true, true)              \
    X(LORA, "kv_lora_rank", "rank of the compressed KV latent", "elements", 512, 1,      \
      4096, true, false)                                                                 \
    X(NOPE, "qk_nope_head_dim", "part of a head without position", "elements", 128, 1,   \
      1024, true, false)                                                                 \
    X(V, "v_head_dim", "width of one value head", "elements", 128, 1, 1024, true, false) \
    X(POST, "post", "0: queries into the latent space, 1: outputs out of it", "flag", 0, \
      0, 1, true, false)

/* The defaults are small, so that every check runs on a CPU too. */
#define MOCK_MOE_PARAMS(X)                                                               \
    X(HIDDEN, "hidden_size", "width of a token", "elements", 512, 1, 65536, true, false) \
    X(INTER, "moe_intermediate_size", "width of an expert", "elements", 256, 1, 65536,   \
      true, true)                                                                        \
    X(EXPERTS, "num_experts", "routed experts of the whole model", "experts", 16, 1,     \
      1024, true, false)                                                                 \
    X(TOPK, "top_k", "routed experts of a token", "experts", 4, 1, 64, true, false)      \
    X(EP, "ep", "ranks that share the experts; this is the busiest", "ranks", 1, 1,      \
      1024, true, false)                                                                 \
    X(SHARED, "n_shared_experts", "experts that every token passes", "experts", 1, 0,    \
      64, true, false)                                                                   \
    X(GATED, "gated", "1: gate and up projection", "flag", 1, 1, 1, true, false)         \
    X(ROUTER, "router", "0: the routing is given", "flag", 0, 0, 0, true, false)         \
    X(UNIFORM, "uniform", "1: balanced routing, 0: a power law of exponent 1.2", "flag", \
      1, 0, 1, true, false)

#define MOCK_RMSNORM_PARAMS(X)                                                           \
    X(HIDDEN, "hidden_size", "width of a token", "elements", 7168, 1, 1 << 17, true,     \
      false)                                                                             \
    X(RESIDUAL, "residual", "1: adds the residual first, and writes the sum", "flag", 1, \
      0, 1, true, false)

#define MOCK_ROPE_PARAMS(X)                                                              \
    X(HEADS, "num_heads", "query heads", "heads", 32, 1, 4096, true, true)               \
    X(KV_HEADS, "num_kv_heads", "key heads", "heads", 8, 1, 4096, true, true)            \
    X(DIM, "rotary_dim", "rotated part of a head, even", "elements", 128, 2, 1024, true, \
      false)

#define MOCK_ACTIVATION_PARAMS(X)                                                        \
    X(INTER, "intermediate_size", "width of the gate, and of the output", "elements",    \
      2048, 1, 1 << 20, true, true)                                                      \
    X(GATED, "gated", "1: multiplied by a second half", "flag", 1, 0, 1, true, false)

#define MOCK_EMBEDDING_PARAMS(X)                                                         \
    X(HIDDEN, "hidden_size", "width of a row", "elements", 1024, 1, 1 << 17, true,       \
      false)                                                                             \
    X(VOCAB, "vocab_size", "rows of the table", "rows", 8192, 1, 1 << 24, true, false)

#define MOCK_RMSNORM_EPSILON                                                             \
    1e-6 /* of the models with MLA; float arithmetic keeps it                            \
          */

#define X(id, ...) MOCK_GEMM_##id,
enum { MOCK_GEMM_PARAMS(X) MOCK_GEMM_N_PARAMS };
#undef X
#define X(id, ...) MOCK_ATTENTION_##id,
enum { MOCK_ATTENTION_PARAMS(X) MOCK_ATTENTION_N_PARAMS };
#undef X
#define X(id, ...) MOCK_MLA_##id,
enum { MOCK_MLA_PARAMS(X) MOCK_MLA_N_PARAMS };
#undef X
#define X(id, ...) MOCK_MLA_BMM_##id,
enum { MOCK_MLA_BMM_PARAMS(X) MOCK_MLA_BMM_N_PARAMS };
#undef X
#define X(id, ...) MOCK_MOE_##id,
enum { MOCK_MOE_PARAMS(X) MOCK_MOE_N_PARAMS };
#undef X
#define X(id, ...) MOCK_RMSNORM_##id,
enum { MOCK_RMSNORM_PARAMS(X) MOCK_RMSNORM_N_PARAMS };
#undef X
#define X(id, ...) MOCK_ROPE_##id,
enum { MOCK_ROPE_PARAMS(X) MOCK_ROPE_N_PARAMS };
#undef X
#define X(id, ...) MOCK_ACTIVATION_##id,
enum { MOCK_ACTIVATION_PARAMS(X) MOCK_ACTIVATION_N_PARAMS };
#undef X
#define X(id, ...) MOCK_EMBEDDING_##id,
enum { MOCK_EMBEDDING_PARAMS(X) MOCK_EMBEDDING_N_PARAMS };
#undef X
#define MOCK_PARAM_ENTRY(id, name, meaning, unit, value, lo, hi, key, shard)             \
    {name, meaning, unit, value, lo, hi, key, shard},

/* Tensors by index that only some cases have, and those before them. */
enum { MOCK_RMSNORM_X, MOCK_RMSNORM_WEIGHT, MOCK_RMSNORM_OUT };
enum { MOCK_RMSNORM_RESIDUAL_IN = 3, MOCK_RMSNORM_SUM };

/* Inner and outer dimension of an mla_bmm case's matrices, w[H,k,n]. */
static inline int64_t mock_bmm_k(const mock_case *c)
{
    return c->param[c->param[MOCK_MLA_BMM_POST] ? MOCK_MLA_BMM_LORA : MOCK_MLA_BMM_NOPE];
}

static inline int64_t mock_bmm_n(const mock_case *c)
{
    return c->param[c->param[MOCK_MLA_BMM_POST] ? MOCK_MLA_BMM_V : MOCK_MLA_BMM_LORA];
}

/* In fp8 they are w[H,n,k]: its products need rows of k on both sides. */
static inline bool mock_bmm_k_rows(const mock_case *c)
{
    return c->dtype[0] == SOL_FP8;
}

/* ---- attention and mla ---- */

/* Their tensors by index, -1: the case has none. One function for plan and devices. */
typedef struct mock_attend_at {
    int q, k, k_rope, v, latent; /* of new tokens */
    int k_pool, v_pool;          /* the cache; mla's one pool is k_pool */
    int offset, table, length;
    int out;
    int cos_sin, position, slot; /* scope op */
    int scale;                   /* fp8 cache */
    int n;
} mock_attend_at;

static inline mock_attend_at mock_attend_tensors(bool mla, const mock_case *c)
{
    mock_attend_at at = {-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 0};
    bool context = c->phase == SOL_CONTEXT, op = c->scope == MOCK_SCOPE_OP;
    at.q = at.n++;
    if (context) {
        at.k = at.n++;
        at.k_rope = mla ? at.n++ : -1;
        at.v = at.n++;
        at.offset = at.n++;
    } else {
        at.k_pool = at.n++;
        at.v_pool = mla ? -1 : at.n++;
        at.table = at.n++;
        at.length = at.n++;
    }
    at.out = at.n++;
    if (op) {
        at.cos_sin = at.n++;
        at.position = at.n++;
        at.slot = at.n++;
        at.latent = mla ? at.n++ : -1;
        if (context) {
            at.k_pool = at.n++;
            at.v_pool = mla ? -1 : at.n++;
        } else {
            at.k_rope = mla ? at.n++ : -1;
            at.k = mla ? -1 : at.n++;
            at.v = mla ? -1 : at.n++;
        }
    }
    if (c->dtype[1] == SOL_FP8 && (!context || op || !mla))
        at.scale = at.n++;
    return at;
}

/* Experts that a moe case has here, and experts that a token goes to at most. */
static inline int64_t mock_moe_here(const mock_case *c)
{
    return c->param[MOCK_MOE_EXPERTS] / c->param[MOCK_MOE_EP] + c->param[MOCK_MOE_SHARED];
}

static inline int64_t mock_moe_choices(const mock_case *c)
{
    return c->param[MOCK_MOE_TOPK] + c->param[MOCK_MOE_SHARED];
}

/* Length of request r. */
int64_t mock_case_length(const mock_case *c, int64_t r);

/* ---- for plan() ---- */

/* Everything that all classes demand of a case: b, s, lengths, parameters in range, float
 * dtypes, tokens and blocks within int32. Errors: SC_EINVAL, SC_EUNABLE SC3005. */
sc_status mock_plan_check(const mock_class *cls, const mock_case *c, sc_diag *diag);
/* Appends a tensor; dims end at the first 0. */
void mock_plan_add(mock_tensor *tensor, int *n, const char *name, mock_role role,
                   sol_dtype dtype, double scale, const int64_t dim[MOCK_MAX_RANK]);
#define MOCK_DIMS(...) ((const int64_t[MOCK_MAX_RANK]){__VA_ARGS__})
/* Every tensor must have a size that fits size_t. Errors: SC_EUNABLE SC3005. */
sc_status mock_plan_finish(const mock_tensor *tensor, int n, sc_diag *diag);
/* mock_plan_finish, and the list becomes the class's answer. */
sc_status mock_plan_deliver(const mock_tensor *list, int count, mock_tensor *tensor,
                            int *n, sc_diag *diag);
/* Blocks in the pool of a generation case, and columns of its block table. */
int64_t mock_plan_blocks(const mock_case *c);
int64_t mock_plan_width(const mock_case *c);

/* ---- for fill() ---- */

/* For classes without index tensors. */
sc_status mock_fill_nothing(const mock_case *c, void *const host[], sc_diag *diag);
/* offset[b+1]: cumulative lengths. */
void mock_fill_offsets(const mock_case *c, int32_t *offset);
/* table[b,width] and length[b] out of a KV-cache manager seeded by the case. */
sc_status mock_fill_tables(const mock_case *c, int32_t *table, int32_t *length,
                           sc_diag *diag);

/* position[tokens]: of a request's tokens in context, of its last one in generation. */
void mock_fill_positions(const mock_case *c, int32_t *position);
/* table[positions,n] of cosines, then sines, for heads of n; base 10000. */
void mock_fill_turns(float *table, int64_t positions, int64_t n);

/* ---- for attention and mla: attend.c ---- */

/* What fill puts into the tensor "scale" (keys or latent first, then values): number in
 * the cache = stored number * scale; 1 but for fp8. */
double mock_attend_scale(const mock_case *c, bool values);
/* Adds a tensor at list[at]; at -1: does nothing. */
void mock_attend_put(mock_tensor *list, int at, const char *name, mock_role role,
                     sol_dtype dtype, double scale, const int64_t dim[MOCK_MAX_RANK]);
/* Adds the index tensors of the case; rotary: width of what RoPE turns. */
void mock_attend_plan(const mock_case *c, const mock_attend_at *at, int64_t rotary,
                      mock_tensor *list);
/* Errors: SC_EINVAL SC3005 (an odd width to turn). */
sc_status mock_attend_check(const mock_case *c, int64_t rotary, sc_diag *diag);
sc_status mock_attend_fill(const mock_case *c, const mock_attend_at *at, int64_t rotary,
                           void *const host[], sc_diag *diag);

/* Where a row of the output looks for keys. */
typedef struct mock_attend_place {
    const mock_case *c;
    const void *const *host;
    mock_attend_at at;
    int64_t request, head; /* head: KV head */
    int64_t first;         /* context: packed token 0 of the request */
    int64_t length;        /* tokens up to the last that is seen */
    int64_t skip;          /* tokens before the window */
} mock_attend_place;
/* Sets request, first, length and skip of row `row`; returns the number of keys seen. */
int64_t mock_attend_see(mock_attend_place *p, int64_t row, bool causal, int64_t window);

/* What stands in the tensor "scale"; 1 where there is none. */
double mock_attend_factor(const mock_attend_place *p, bool values);

/* A run of numbers of a new token's vector: n elements of a tensor, from element at. */
typedef struct mock_piece {
    int tensor;
    int64_t at, n;
    bool turned; /* by RoPE, in scope op */
} mock_piece;
/* The pieces side by side, turned, not rounded. token: of all new ones. */
void mock_attend_new(const mock_attend_place *p, int64_t token, const mock_piece *piece,
                     int n_pieces, double *out);
/* In scope op numbers pass through memory: rounded as activations, or as the cache is. */
void mock_attend_round(const mock_attend_place *p, bool cached, bool values, int64_t n,
                       double *x);
/* n numbers of a pool, from element at, times the scale. */
void mock_attend_cached(const mock_attend_place *p, int pool, int64_t at, int64_t n,
                        double *out);

/* ---- for reference() ---- */

/* Request that token t belongs to, from offset[b+1]. */
int64_t mock_ref_request(const int32_t *offset, int64_t b, int64_t t);
/* Element index of a cached token in units of tokens: block * 64 + slot. */
int64_t mock_ref_slot(const int32_t *table, int64_t width, int64_t request, int64_t t);

/* Loads key and value of one token for one head. */
typedef void mock_ref_load(const void *user, int64_t token, double *key, double *value);
typedef struct mock_ref_head {
    int64_t dqk, dv;
    double scale;
    mock_ref_load *load;
    const void *user;
} mock_ref_head;
/* out[dv] = sum over tokens 0..n-1 of softmax(scale * q.key) * value, in three plain
 * passes. Errors: SC_ENOMEM. */
sc_status mock_ref_attend(const mock_ref_head *head, const double *q, int64_t n,
                          double *out, sc_diag *diag);

#endif
