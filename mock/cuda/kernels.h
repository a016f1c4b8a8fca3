/* solcheck - what the host part of the CUDA module knows of the kernels: argument structs
 * and tables of compiled variants. C and CUDA C; launchers return a cudaError_t as int.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_CUDA_KERNELS_H
#define SC_MOCK_CUDA_KERNELS_H

#include <cuda.h>
#include <cuda_runtime_api.h>
#include <stddef.h>
#include <stdint.h>

#include "mock/random.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- fill.cu ---- */

/* Element i of p[n] = scale * mock_draw(inputs, seed, i), the values of mock_fill_random.
 * `kind` is CUDA_BF16 ... */
enum { CUDA_BF16, CUDA_FP16, CUDA_FP32, CUDA_FP8, CUDA_N_KINDS };
cudaError_t cuda_fill_random(void *p, int kind, int64_t n, mock_inputs inputs,
                             uint64_t seed, double scale, cudaStream_t stream);

/* ---- probe.cu: known amounts of work ---- */

typedef struct cuda_probe_args {
    void *in, *out; /* 16-byte vectors; in: read, copy; out: write, copy */
    int64_t n;      /* vectors */
    int passes;     /* over in */
    int blocks;
} cuda_probe_args;

#define CUDA_PROBE_THREADS 512
#define CUDA_PROBE_CHAINS 8 /* independent chains of a thread */
#define CUDA_PROBE_STEPS 4096 /* operations of each; packed types do two at a time */
cudaError_t cuda_probe_empty(const cuda_probe_args *args, cudaStream_t stream);
cudaError_t cuda_probe_read(const cuda_probe_args *args, cudaStream_t stream);
cudaError_t cuda_probe_write(const cuda_probe_args *args, cudaStream_t stream);
cudaError_t cuda_probe_copy(const cuda_probe_args *args, cudaStream_t stream);
cudaError_t cuda_probe_fma_fp32(const cuda_probe_args *args, cudaStream_t stream);
cudaError_t cuda_probe_fma_fp16(const cuda_probe_args *args, cudaStream_t stream);
cudaError_t cuda_probe_fma_bf16(const cuda_probe_args *args, cudaStream_t stream);
cudaError_t cuda_probe_exp(const cuda_probe_args *args, cudaStream_t stream);

/* ---- flash_*.cu: context attention ---- */

/* q[T,H,dqk]; k[T,Hkv,dqk-rope]; k_rope[T,rope] shared by all heads (rope may be 0);
 * v[T,Hkv,dv]; out[T,H*dv]; offset[b+1]. */
typedef struct cuda_flash_args {
    const void *q, *k, *k_rope, *v;
    void *out;
    const int32_t *offset;
    int b, heads, kv_heads, causal;
    int window;       /* keys that a query sees, its own included; 0: all. Causal ones only */
    int q_tiles;      /* tiles of the longest request */
    int head_group;   /* (request, head) pairs walked together, for the L2 cache */
    int groups;       /* of them; the last one takes all that are left */
    float scale_log2; /* softmax scale * log2(e) */
    int longest;      /* request, in tokens */
} cuda_flash_args;

#define CUDA_SHORT_ROWS 16 /* flash_short.cuh: rows a tile, tokens of the longest request */

typedef struct cuda_flash_variant {
    const char *name;
    int kind, dqk, dv, rope;
    int rows; /* query rows a tile */
    int smem_B;
    cudaError_t (*setup)(void); /* once per device, before the first launch */
    cudaError_t (*launch)(const cuda_flash_args *args, cudaStream_t stream);
} cuda_flash_variant;

const cuda_flash_variant *cuda_flash_bf16(int *n);
const cuda_flash_variant *cuda_flash_fp16(int *n);

/* ---- flash_hopper_*.cu: context attention on compute capability 9.0 ---- */

/* Tensor maps of boxes of 64 columns by pack heads by tokens (q), or by one head by as
 * many tokens as kv_panel_B has rows of 128 bytes (k, k_rope, v); 128-byte swizzle. */
typedef struct cuda_hopper_args {
    CUtensorMap q, k, k_rope, v;
    cuda_flash_args flash; /* its q, k, k_rope, v are not used; head_group counts packs */
    int n_tiles;
    int pack, tokens;          /* of a tile: heads that share keys, tokens of each */
    int q_panel_B, kv_panel_B; /* of one box */
    int *counter; /* device, [2]: zero before the first launch, and after every one */
} cuda_hopper_args;

typedef struct cuda_hopper_variant {
    const char *name;
    int kind, dqk, dv, rope;
    int rows, cols; /* query rows a tile, keys a block */
    int smem_B;
    int per_sm; /* thread blocks an SM */
    /* What choosing among variants goes by: a thread block needs tile_us + n * block_us
     * for a tile of n blocks of keys, an SM cannot do more than one block every busy_us.
     */
    double tile_us, block_us, busy_us;
    /* Once per device; cudaErrorInvalidDeviceFunction: not compiled for it. */
    cudaError_t (*setup)(void);
    cudaError_t (*launch)(const cuda_hopper_args *args, int blocks, cudaStream_t stream);
} cuda_hopper_variant;

const cuda_hopper_variant *cuda_hopper_bf16(int *n);
const cuda_hopper_variant *cuda_hopper_fp16(int *n);

/* ---- decode: one new token a request over a paged cache ---- */

/* A run of pages of one (request, kv head), worked on by one thread block. */
typedef struct cuda_work {
    int32_t request, kv_head;
    int32_t page0, page1; /* [page0, page1) of 64 tokens */
    int32_t slot;         /* where the partial result goes, -1: straight to the output */
} cuda_work;

/* Where the partial results of one (request, kv head) are. */
typedef struct cuda_parts {
    int32_t first, count; /* slots; count 0: written already */
} cuda_parts;

typedef struct cuda_decode_args {
    const void *q;     /* [b,H,dqk] */
    const float *scale; /* fp8 pools: of keys (or latent) and values, device; else NULL */
    int window;         /* tokens that are seen; 0: all */
    const void *k, *v; /* pools [N,64,Hkv,d]; mla: k is the latent pool, v unused */
    const int32_t *table, *length;
    void *out; /* [b,H*dv] */
    int b, heads, kv_heads, table_width;
    int m_tiles; /* tiles of query heads in one group */
    float scale_log2;
    const cuda_work *work;     /* device */
    const int32_t *work_begin; /* device, [n_ranges+1] */
    int n_ranges;
    const cuda_parts *parts; /* device, [b*kv_heads] */
    int overlap;     /* launch the combine kernel early (compute capability 9.0) */
    int max_parts;   /* most slots of any pair; 0: no combine needed */
    float *part_out; /* [slot][m_tile][rows][dv] */
    float *part_lse; /* [slot][m_tile][rows], base 2 */
    /* latent_hopper.cu only: q and the latent pool as rows of 576, boxes of 64 by 64. */
    CUtensorMap q_map, latent_map;
} cuda_decode_args;

typedef struct cuda_decode_variant {
    const char *name;
    int kind, kv_kind, dqk, dv;
    int rows; /* query heads a tile */
    int smem_B;
    cudaError_t (*setup)(int *blocks_per_sm);
    cudaError_t (*launch)(const cuda_decode_args *args, cudaStream_t stream);
} cuda_decode_variant;

const cuda_decode_variant *cuda_paged_bf16(int *n);      /* paged_*.cu: attention */
const cuda_decode_variant *cuda_paged_fp16(int *n);
const cuda_decode_variant *cuda_latent_variants(int *n); /* latent.cu: mla */

/* latent_hopper.cu: mla with many heads on compute capability 9.0. Its setup may return
 * cudaErrorInvalidDeviceFunction: not compiled for the device. */
const cuda_decode_variant *cuda_latent_hopper(int kind);

/* combine.cu: merges the partial results of split requests into out. */
cudaError_t cuda_combine(const cuda_decode_args *args, int kind, int rows, int dv,
                         cudaStream_t stream);

/* ---- append.cu: new tokens before the attention ---- */

#define CUDA_MAX_FRESH 4

/* [tokens,heads,width], rows of `stride` numbers a head; widths and strides are multiples
 * of 8, the width of a turned part of 16. */
typedef struct cuda_fresh_part {
    const void *from;
    void *to;   /* of the same layout, or NULL */
    void *pool; /* [slots,pool_stride], or NULL */
    int64_t pool_stride;
    int heads, width, stride;
    int turned, value; /* by RoPE; in the cache: of the values, in units of scale[1] */
    int units;         /* of a token: width/8 a head, or width/16 if turned */
} cuda_fresh_part;

typedef struct cuda_fresh_args {
    cuda_fresh_part part[CUDA_MAX_FRESH];
    int n_parts;
    int64_t tokens;
    const int32_t *position, *slot; /* [tokens] */
    const float *turns;             /* [positions,width of turned parts] */
    const float *scale;             /* fp8 cache: device, [2]; else NULL */
} cuda_fresh_args;

cudaError_t cuda_fresh(const cuda_fresh_args *args, int kind, cudaStream_t stream);
/* n fp8 numbers, a multiple of 16, times *scale (device) in bf16 or fp16. */
cudaError_t cuda_widen(const void *from, void *to, int64_t n, const float *scale, int kind,
                       cudaStream_t stream);

/* ---- stream.cu: rmsnorm, rope, activation, embedding; shapes in mock/layer.h ---- */

typedef struct cuda_norm_args {
    const void *x, *residual, *weight; /* residual NULL: none, and sum is not written */
    void *out, *sum;
    int64_t rows;
    int width;
    float epsilon;
} cuda_norm_args;

typedef struct cuda_rope_args {
    const void *x;
    const int32_t *position; /* [rows] */
    const float *turns;      /* [positions,dim] */
    void *out;
    int64_t rows;
    int heads, dim; /* heads: queries' and keys' together */
} cuda_rope_args;

typedef struct cuda_activate_args {
    const void *x;
    void *out;
    int64_t rows;
    int width, gated;
} cuda_activate_args;

typedef struct cuda_embed_args {
    const int32_t *token; /* [rows] */
    const void *weight;
    void *out;
    int64_t rows;
    int row_B;
} cuda_embed_args;

int cuda_norm_wide(int width); /* does the 16-byte kernel take rows of that width? */
cudaError_t cuda_rmsnorm(const cuda_norm_args *args, int kind, cudaStream_t stream);
cudaError_t cuda_rope(const cuda_rope_args *args, int kind, cudaStream_t stream);
cudaError_t cuda_activate(const cuda_activate_args *args, int kind, cudaStream_t stream);
cudaError_t cuda_embed(const cuda_embed_args *args, cudaStream_t stream);

/* ---- concat.cu: keys of context mla side by side, as cuDNN reads them ---- */

typedef struct cuda_concat_args {
    const void *nope, *rope; /* [tokens,heads,n_nope], [tokens,n_rope] */
    void *out;               /* [tokens,heads,n_nope+n_rope] */
    int64_t tokens;
    int heads, n_nope, n_rope; /* numbers of 16 bits; multiples of 8 */
} cuda_concat_args;

cudaError_t cuda_concat(const cuda_concat_args *args, cudaStream_t stream);

/* ---- moe.cu ---- */

typedef struct cuda_moe_args {
    const void *x, *w13, *w2; /* [T,hidden], [here,2*inter,hidden], [here,hidden,inter] */
    const int32_t *expert;    /* [entries], -1: not here */
    const float *gate;        /* [entries] */
    void *out;                /* [T,hidden] */
    int tokens, hidden, inter, choices, here;
    int entries;   /* tokens*choices */
    int expected;  /* of them here, if all ranks had the same */
    int tile_rows; /* 16, 64 or 128 entries a tile */
    int max_tiles;
    /* Work memory, on the device. */
    int32_t *count;       /* [here] entries of each expert */
    int32_t *rank;        /* [entries] number among its expert's */
    int32_t *first;       /* [here+1] sorted entries before each expert's */
    int32_t *first_tile;  /* [here+1] */
    int32_t *tile_expert; /* [max_tiles] */
    int32_t *order;       /* [entries] sorted: the entry */
    int32_t *place;       /* [entries] where it went, -1: not here */
    int32_t *counter;     /* [2] set to 0 by the sort */
    void *sorted;         /* moe_hopper.cu: [entries,hidden] tokens in that order */
    void *middle;         /* [entries,inter] sorted */
    void *result;         /* [entries,hidden] sorted; moe.cu: times gate */
} cuda_moe_args;

#define CUDA_MOE_MAX_EXPERTS 1088
/* Once per device and tile height, before the first launch; */
cudaError_t cuda_moe_setup(int kind, int tile_rows);
int cuda_moe_smem(int tile_rows); /* bytes of shared memory of its largest block */
cudaError_t cuda_moe(const cuda_moe_args *args, int kind, cudaStream_t stream);
/* Its first step alone: count to place, and counter. */
cudaError_t cuda_moe_sort(const cuda_moe_args *args, cudaStream_t stream);

/* ---- clock.cu ---- */

/* out[2*i], out[2*i+1]: cycles of SM i, and ns. */
cudaError_t cuda_clock_stamp(unsigned long long *out, int sms, cudaStream_t stream);

/* ---- moe_hopper.cu: the same on compute capability 9.0 ---- */

#define CUDA_MOE_BOX 16           /* entries of a box of a tensor map */
#define CUDA_MOE_MOST_ENTRIES 256 /* of a tile, in the variant with the largest */

/* One grouped product: rows of `entries` times an expert's matrix. */
typedef struct cuda_moe_product {
    /* Boxes of 128 bytes by `rows` rows; of w13 they are 8 gate rows, 8 up rows in turn:
     * dimensions hidden, 8, 2, inter/8, experts. */
    CUtensorMap matrix;
    CUtensorMap entries; /* boxes of 128 bytes by CUDA_MOE_BOX */
    void *out;           /* [entries,width] sorted */
    const int32_t *first, *first_tile, *tile_expert;
    int32_t *counter;
    int here, depth, width;
    int across; /* tiles along the outputs */
    int max_tiles;
} cuda_moe_product;

typedef struct cuda_moe_hopper {
    cuda_moe_args args;
    cuda_moe_product up, down;
    int sms;
} cuda_moe_hopper;

typedef struct cuda_moe_variant {
    const char *name;
    int kind;
    int rows;    /* of the matrix, in a tile; outputs of `up` are half as many */
    int entries; /* of a tile at most: args.tile_rows */
    int smem_B;
    /* Once per device; cudaErrorInvalidDeviceFunction: not compiled for it. */
    cudaError_t (*setup)(void);
    /* What follows the sort. */
    cudaError_t (*launch)(const cuda_moe_hopper *args, cudaStream_t stream);
} cuda_moe_variant;

const cuda_moe_variant *cuda_moe_variants(int *n);

#ifdef __cplusplus
}
#endif
#endif
