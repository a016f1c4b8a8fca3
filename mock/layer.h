/* solcheck - mock layers: what a layer is, apart from the device that runs it.
 *
 * A layer class describes its parameters, the tensors of one case (shapes and dtypes per
 * phase), how index tensors are filled, and an independent reference in double precision.
 * Devices (mock/device.h) run a class by name on tensors laid out as the class planned.
 * Layouts are row-major; every tensor is packed.
 * Tests: tests/unit/mock/.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_LAYER_H
#define SC_MOCK_LAYER_H

#include <stdint.h>

#include "base/diag.h"
#include "mock/random.h"
#include "sol/dtype.h"
#include "sol/op.h" /* sol_phase_kind */

#define MOCK_MAX_PARAMS 16
#define MOCK_MAX_SLOTS 4
#define MOCK_MAX_TENSORS 12
#define MOCK_MAX_RANK 4
#define MOCK_KV_BLOCK 64 /* tokens a block of the paged KV cache */

typedef enum mock_role {
    MOCK_INPUT,   /* activations: random */
    MOCK_WEIGHT,  /* random */
    MOCK_CACHE,   /* a pool of KV-cache blocks: random */
    MOCK_INDEX,   /* filled by the class: lengths, offsets, block tables (int32); routing
                     weights and cosines (fp32) */
    MOCK_OUTPUT,  /* one a class; poisoned before every checked run */
    MOCK_SIDE,    /* a second output, poisoned once: part of the work, not compared */
    MOCK_N_ROLES
} mock_role;

typedef struct mock_tensor {
    const char *name;
    mock_role role;
    sol_dtype dtype;
    int rank;
    int64_t dim[MOCK_MAX_RANK];
    double scale; /* random fill: standard deviation */
} mock_tensor;

size_t mock_tensor_bytes(const mock_tensor *tensor); /* 0 on overflow or a bad shape */

/* One parameter of a layer. Values are local to one GPU (heads already divided by TP). */
typedef struct mock_param {
    const char *name, *meaning, *unit;
    int64_t value, lo, hi; /* default and legal range */
    bool key;              /* part of a perf table's key */
    bool shard_tp;         /* TP divides it */
} mock_param;

/* What a launch of attention or mla includes. */
typedef enum mock_scope {
    MOCK_SCOPE_KERNEL, /* the bare kernel */
    MOCK_SCOPE_OP,     /* RoPE on new queries and keys, and the append to the cache too */
} mock_scope;
const char *mock_scope_name(mock_scope scope); /* "kernel", "op" */
const char *mock_inputs_name(mock_inputs inputs); /* "normal"; mock/random.h */

/* Whose kernels run a layer that has both. AUTO: own kernels, cuDNN where they lack the
 * case. */
typedef enum mock_choice {
    MOCK_CHOICE_AUTO,
    MOCK_CHOICE_OWN,
    MOCK_CHOICE_CUDNN,
    MOCK_N_CHOICES
} mock_choice;
const char *mock_choice_name(mock_choice choice); /* "auto", "own", "cudnn" */

/* A route that a device takes for a layer: what mock_device_ops.source begins with, after
 * whatever stands before a '+' (preparation in the same launch). */
typedef struct mock_route {
    const char *source;
    int sm_from, sm_to; /* compute capability x10, both included; 0, 0: the CPU */
    bool phase[SOL_N_PHASES];
    const char *what; /* which cases, how */
} mock_route;
#define MOCK_SM_ANY 9999

/* One point to run, all numbers resolved. */
typedef struct mock_case {
    sol_phase_kind phase;
    int64_t b;                      /* requests */
    int64_t s;                      /* context: new tokens per request;
                                       generation: KV length per request, the token that is
                                       being generated included */
    int64_t param[MOCK_MAX_PARAMS]; /* in the order of class->param, local values */
    sol_dtype dtype[MOCK_MAX_SLOTS]; /* in the order of class->slot */
    mock_scope scope;
    mock_inputs inputs;             /* what random tensors are filled with */
    mock_choice choice;
    const int64_t *lengths;         /* [b] ragged lengths, each in [1, s]; NULL: all s */
    uint64_t seed;                  /* of block tables and random fills */
} mock_case;

typedef struct mock_class {
    const char *name; /* "mla" */
    const char *title;
    const mock_param *param;
    int n_params;
    const char *const *slot; /* dtype slots, first one is the activations' */
    int n_slots;
    bool fp8[MOCK_MAX_SLOTS]; /* slots that may be fp8, beside bf16, fp16 and fp32 */
    bool needs_cache[SOL_N_PHASES]; /* reads a paged KV cache in that phase */
    bool scoped; /* has MOCK_SCOPE_OP */
    bool routed; /* has MOCK_CHOICE_OWN and MOCK_CHOICE_CUDNN */
    const mock_route *route; /* [n_routes] documentation: `solcheck explain --layer` */
    int n_routes;
    const char *formula;      /* what the reference computes */
    const char *const *paper; /* where it is from; NULL-terminated */
    bool partial_sums; /* ranks of a TP group each write a whole row, to be added up */

    /* Tensors of one case, in the order devices expect them. Errors: SC_EINVAL (a parameter
     * or dtype that the layer cannot have, SC3005), SC_EUNABLE (index overflow, SC3005). */
    sc_status (*plan)(const mock_case *c, mock_tensor tensor[MOCK_MAX_TENSORS], int *n,
                      sc_diag *diag);

    /* Fills the MOCK_INDEX tensors; host[i] is the i-th planned tensor's memory or NULL for
     * other roles. Errors: SC_ENOMEM, SC3008. */
    sc_status (*fill)(const mock_case *c, void *const host[], sc_diag *diag);

    /* Expected rows of the output in double precision, by the plainest algorithm: row[i]
     * indexes the flattened leading dimensions of the output; out[n_rows * hidden].
     * host[i] holds every planned tensor but the output. Errors: SC_ENOMEM. */
    sc_status (*reference)(const mock_case *c, const void *const host[],
                           const int64_t *row, int64_t n_rows, double *out,
                           sc_diag *diag);

    /* Scope op: the numbers (in units of the tensor's scale) that new token `token` must
     * have left in cache tensor `tensor`, out[elements a token], before rounding; they
     * stand at host's "slot"[token]. NULL: nothing is appended. */
    void (*appended)(const mock_case *c, const void *const host[], int tensor,
                     int64_t token, double *out);

    /* The case with less memory and work that is alike, on the same route: what is compared
     * before anything is timed. NULL: as it is. */
    void (*reduce)(mock_case *c);

    /* Terms accumulated into one output element; tolerances follow from it. */
    int64_t (*depth)(const mock_case *c);

    /* Unit roundoff of a value that the layer rounds on its way to the output, where that is
     * coarser than the output's; 0: there is none. NULL: never. */
    double (*between)(const mock_case *c);
} mock_class;

/* All classes, and one by name (NULL if absent). X-macro table in mock/layer.c. */
const mock_class *const *mock_classes(int *n);
const mock_class *mock_class_find(const char *name);
int mock_class_param(const mock_class *cls, const char *name); /* index or -1 */
/* The documented route that a source names, on a device of that compute capability (x10, 0:
 * CPU); NULL: none. Test: tests/unit/mock/test_layer.c, tests/gpu/test_layers.c. */
const mock_route *mock_class_route(const mock_class *cls, sol_phase_kind phase,
                                   int sm_version, const char *source);

/* A case with the class's defaults. */
void mock_case_init(const mock_class *cls, sol_phase_kind phase, int64_t b, int64_t s,
                    mock_case *out);
/* Tokens of a case: sum of lengths in context, b in generation. */
int64_t mock_case_tokens(const mock_case *c);
/* Last dimension of the output: the hidden size of the op; 0 if the case has no plan. */
int64_t mock_class_hidden(const mock_class *cls, const mock_case *c);

/* ---- numbers in memory ---- */
/* The dtype of results of products in a dtype: bf16 for fp8, else the same. */
sol_dtype mock_result_dtype(sol_dtype dtype);
uint16_t mock_bf16_from(float value); /* round to nearest even, NaN kept */
float mock_bf16_to(uint16_t bits);
uint16_t mock_fp16_from(float value);
float mock_fp16_to(uint16_t bits);
/* Element i of a packed tensor as double. */
double mock_get(const void *data, sol_dtype dtype, int64_t i);
void mock_set(void *data, sol_dtype dtype, int64_t i, double value);
/* Fills n elements with numbers of mean 0 and standard deviation scale from a counter-based
 * generator: element i depends on (inputs, seed, i) only, so that every device produces the
 * same values (mock/random.h): the float product mock_draw(inputs, seed, i) * (float)scale,
 * rounded to dtype to nearest even. */
void mock_fill_random(void *data, sol_dtype dtype, int64_t n, mock_inputs inputs,
                      uint64_t seed, double scale);

/* ---- the tensors of each class, in planned order (shapes in elements) ----
 *
 * gemm (params n, k; slots: mm): T = tokens
 *   x[T,k] input, w[n,k] weight, out[T,n]                      out = x * w^T
 *
 * attention (params num_heads, num_kv_heads, head_dim, causal, window; slots: attn, kv)
 *   context:    q[T,H,d], k[T,Hkv,d], v[T,Hkv,d], offset[b+1] i32 (cumulative lengths),
 *               out[T,H*d]
 *   generation: q[b,H,d], k_pool[N,64,Hkv,d], v_pool[N,64,Hkv,d] cache,
 *               table[b,ceil(s/64)] i32 (block numbers), length[b] i32, out[b,H*d]
 *   softmax scale 1/sqrt(d).
 *
 * mla (params num_heads, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim;
 *      slots: attn, kv)
 *   context:    q[T,H,nope+rope], k_nope[T,H,nope], k_rope[T,rope] (shared by all heads),
 *               v[T,H,vd], offset[b+1] i32, out[T,H*vd]; always causal
 *   generation: q[b,H,lora+rope] (absorbed), pool[N,64,lora+rope] cache (latent, then rope),
 *               table[b,ceil(s/64)] i32, length[b] i32, out[b,H*lora]
 *   softmax scale 1/sqrt(nope+rope) in both phases.
 *
 * attention and mla, scope op, after these: cos_sin[s,r] fp32 (r: what RoPE turns, head_dim
 *   or qk_rope_head_dim), position[T] i32, slot[T] i32 (block * 64 + place), then what the
 *   phase lacks of new tokens and cache: context k_pool, v_pool or latent[T,lora], pool;
 *   generation k, v[b,Hkv,d] or latent[b,lora], k_rope[b,rope]. fp8 in slot kv: last,
 *   scale[2] fp32 (keys or latent, values): number = stored number * scale.
 *   Indices: mock_attend_tensors in mock/layers/layers.h.
 *
 * mla_bmm (params num_heads, kv_lora_rank, qk_nope_head_dim, v_head_dim, post; slots: mm)
 *   pre:  x[T,H,nope], w[H,nope,lora] weight, out[T,H*lora]       out_h = x_h * w_h
 *   post: x[T,H,lora], w[H,lora,vd] weight, out[T,H*vd]
 *   In fp8 the last two dimensions of w are swapped: rows of what is summed over.
 *
 * moe (params hidden_size d, moe_intermediate_size I, num_experts E, top_k, ep,
 *      n_shared_experts S, gated, router, uniform; slots: mm, weight)
 *   L = E/ep + S experts are here, the shared ones last; K = top_k + S
 *   x[T,d] input, w13[L,2I,d] weight (gate, then up), w2[L,d,I] weight,
 *   expert[T,K] i32 (0..L-1, distinct in a row; -1: on another rank), gate[T,K] fp32,
 *   out[T,d]: out_t = sum over j with e = expert[t,j] >= 0 of
 *             gate[t,j] * w2_e (silu(w13_e[:I] x_t) * (w13_e[I:] x_t))
 *   T counts the tokens of all ranks; every ep-th is this rank's, for the shared experts.
 *
 * rmsnorm (params hidden_size d, residual; slots: act, weight)
 *   x[T,d] input, weight[d], out[T,d], and if residual: residual[T,d] input, sum[T,d] side
 *   h = x + residual (written to sum) or x; out = h / sqrt(mean(h^2) + 1e-6) * weight
 *
 * rope (params num_heads, num_kv_heads, rotary_dim r; slots: act)
 *   x[T,H+Hkv,r] input (a token's query heads, then its key heads), position[T] i32,
 *   cos_sin[s,r] fp32 (r/2 cosines, then r/2 sines), out[T,(H+Hkv)*r]
 *   Element i < r/2 is rotated with element i + r/2 ("NeoX" order); base 10000.
 *
 * activation (params intermediate_size I, gated; slots: act)
 *   x[T,2I] input (gate, then up), out[T,I] = silu(gate) * up; not gated: x[T,I], silu(x)
 *
 * embedding (params hidden_size d, vocab_size V; slots: act)
 *   token[T] i32, weight[V,d], out[T,d]
 *
 * Activations (q, k, v and out) have the dtype of slot 0, pools that of slot kv. N is
 * b*ceil(s/64); ragged lengths leave blocks unused. Unused table entries are -1. The names
 * of index and cache tensors are fixed: offset, table, length; pools end in "pool".
 * Parameters by index: the enums in mock/layers/layers.h.
 */

#endif
