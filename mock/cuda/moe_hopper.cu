/* solcheck - mixture of experts on Hopper: the grouped products of moe.cu with wgmma, the
 * tensor copy engine and warp specialisation; bf16, fp16 and fp8.
 *
 * Tokens are gathered in the order of their experts first, so that the rows of an expert
 * lie together. A tile is ROWS rows of an expert's matrix by up to MAX_N of its entries.
 * The matrix is wgmma's first operand (64 rows an instruction) and the entries the
 * second: a tile with few entries runs narrow instructions, and nothing is padded to 64
 * entries. In the first product gate and up rows alternate by eight, so that a thread
 * holds both halves of an output; silu(gate)*up is all that is written. In fp8 it is
 * rounded to fp8.
 *
 * One persistent thread block an SM (two of 64 rows): warpgroup 0 is the producer, of
 * which one thread draws tiles from a counter and has the copy engine fill a ring of
 * stages, 128 bytes of every row deep; the others multiply 64 rows each. Stages are
 * filled across the ends of tiles. Tiles are numbered by expert, then by band of so many
 * entries, then by column: what runs at a time shares rows and matrix in the L2 cache.
 *
 * Floors as in moe.cu. Few entries an expert: the matrices, 3.35 TB/s; 64 KB in flight an
 * SM are more than latency times bandwidth, 25 KB. Many: a stage of 128 rows by 256
 * entries is 4.2 MFLOP, 1024 clocks of the tensor cores, in which 48 KB come from L2 and
 * 80 KB are read by wgmma, 128 bytes a clock: just balanced. Predictions and
 * measurements: docs/kernels.md.
 *
 * Every kernel waits for the one before it (programmatic dependent launch): the second
 * product's blocks start as those of the first end, and fetch their first matrix rows.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/decode.cuh"
#include "mock/cuda/kernels.h"
#include "mock/cuda/wgmma_rows.cuh"

enum { BAND = 16 }; /* tiles of entries that are walked together */

template <typename T_, int GROUPS_, int MAX_N_, int STAGES_, bool UP_>
struct product_config {
    typedef T_ T;
    static constexpr int GROUPS = GROUPS_; /* consumer warpgroups */
    static constexpr int MAX_N = MAX_N_;   /* entries a tile, at most */
    static constexpr int STAGES = STAGES_;
    static constexpr bool UP = UP_;
    static constexpr int ROWS = 64 * GROUPS;          /* of the matrix */
    static constexpr int COLS = UP ? ROWS / 2 : ROWS; /* outputs */
    static constexpr int BOX = CUDA_MOE_BOX;          /* entries a copy */
    static constexpr int DEEP = 128 / (int)sizeof(T); /* of a stage */
    static constexpr int STAGE_B = (ROWS + MAX_N) * 128;
    static constexpr int THREADS = 128 * (GROUPS + 1);
    static constexpr int PER_SM = GROUPS == 1 ? 2 : 1;
    static constexpr int SMEM_B = STAGES * STAGE_B + 1024; /* for alignment */
};

/* What a product of a format is written in. */
template <typename T> struct product_result {
    typedef T type;
};
template <> struct product_result<fp8> {
    typedef bf16 type;
};

#if SC_HOPPER

template <int STAGES> struct product_shared {
    uint64_t full[STAGES], empty[STAGES], tile_full[2], tile_empty[2];
    int tile[2]; /* -1: there are no more */
};

struct product_tile {
    int expert, row0, rows, col0; /* row0: first sorted entry; col0: first output */
};

template <typename C>
__device__ __forceinline__ product_tile product_locate(const cuda_moe_product &p,
                                                       int index)
{
    product_tile t;
    t.expert = p.tile_expert[index / p.across];
    int begin = p.first_tile[t.expert], tiles = p.first_tile[t.expert + 1] - begin;
    int number = index - begin * p.across, band = number / (BAND * p.across);
    int rest = number - band * BAND * p.across, height = min(BAND, tiles - band * BAND);
    int first = p.first[t.expert], row = (band * BAND + rest % height) * C::MAX_N;
    t.row0 = first + row;
    t.rows = min(C::MAX_N, p.first[t.expert + 1] - t.row0);
    t.col0 = rest / height * C::COLS;
    return t;
}

/* ---- producer ---- */

template <typename C>
__device__ __forceinline__ void product_load_matrix(const cuda_moe_product &p,
                                                    const product_tile &t, int step,
                                                    uint32_t to, uint64_t *full)
{
    if (C::UP) {
        const int at[5] = {step * C::DEEP, 0, 0, t.col0 / 8, t.expert};
        tensor_load5(to, &p.matrix, at, full);
    } else {
        tensor_load(to, &p.matrix, step * C::DEEP, t.col0, t.expert, full);
    }
}

template <typename C>
__device__ __forceinline__ void product_load_rows(const cuda_moe_product &p,
                                                  const product_tile &t, int step,
                                                  uint32_t to, uint64_t *full)
{
    to += C::ROWS * 128;
    for (int r = 0; r < t.rows; r += C::BOX)
        tensor_load2(to + r * 128, &p.entries, step * C::DEEP, t.row0 + r, full);
}

template <typename C> __device__ __forceinline__ int product_bytes(const product_tile &t)
{
    return (C::ROWS + (t.rows + C::BOX - 1) / C::BOX * C::BOX) * 128;
}

/* One thread. */
template <typename C>
__device__ __forceinline__ void product_produce(const cuda_moe_product &p, uint32_t smem,
                                                product_shared<C::STAGES> *sh)
{
    ring<C::STAGES> at;
    ring<2> tile_at;
    product_tile t;
    int index = blockIdx.x, steps = (p.depth + C::DEEP - 1) / C::DEEP, early = 0;
    if (C::UP)
        wait_for_kernel();
    int total = p.first_tile[p.here] * p.across;
    if (!C::UP) { /* the order of the entries is older than the kernel that is waited for
                   */
        if (index < total) {
            t = product_locate<C>(p, index);
            for (; early < C::STAGES && early < steps; early++) {
                barrier_expect(&sh->full[early], product_bytes<C>(t));
                product_load_matrix<C>(p, t, early, smem + early * C::STAGE_B,
                                       &sh->full[early]);
            }
        }
        wait_for_kernel();
    }
    for (;;) {
        barrier_wait(&sh->tile_empty[tile_at.stage], tile_at.parity ^ 1);
        sh->tile[tile_at.stage] = index < total ? index : -1;
        barrier_arrive(&sh->tile_full[tile_at.stage]);
        tile_at.next();
        if (index >= total)
            return;
        int next = gridDim.x + atomicAdd(p.counter, 1);
        t = product_locate<C>(p, index);
        for (int step = 0; step < steps; step++, early--) {
            uint64_t *full = &sh->full[at.stage];
            uint32_t to = smem + at.stage * C::STAGE_B;
            if (early <= 0) {
                barrier_wait(&sh->empty[at.stage], at.parity ^ 1);
                barrier_expect(full, product_bytes<C>(t));
                product_load_matrix<C>(p, t, step, to, full);
            }
            product_load_rows<C>(p, t, step, to, full);
            at.next();
        }
        index = next;
    }
}

/* ---- consumers ---- */

__device__ __forceinline__ float silu(float x)
{
    return __fdividef(x, 1.f + __expf(-x));
}

/* How: two bytes an output, or one. */
struct product_wide {
};
struct product_narrow {
};
template <bool NARROW> struct product_pick {
    typedef product_wide how;
};
template <> struct product_pick<true> {
    typedef product_narrow how;
};

/* Output e of octet j of entries: h 0 or 1 (first or second eight rows of the matrix). */
template <bool UP, int N>
__device__ __forceinline__ float product_value(const float (&acc)[N], int j, int e, int h)
{
    float v = acc[4 * j + e + (UP ? 0 : 2 * h)];
    return UP ? silu(v) * acc[4 * j + 2 + e] : v;
}

/* Bytes between rows of `out` that are so many apart; worked out anew for every tile, or
 * the compiler keeps all of its multiples in registers across tiles. */
template <typename R>
__device__ __forceinline__ int64_t product_step(const cuda_moe_product &p, int rows)
{
    int64_t step = (int64_t)p.width * rows * (int)sizeof(R);
    asm volatile("" : "+l"(step));
    return step;
}

/* 16-bit outputs: a lane gets two neighbouring ones of entry 8 j + lane/4. */
template <typename C, int NN>
__device__ __forceinline__ void
product_store(const cuda_moe_product &p, const product_tile &t,
              const float (&acc)[NN / 2], int col, product_wide)
{
    typedef typename product_result<typename C::T>::type R;
    int lane = threadIdx.x & 31, row = lane >> 2;
    char *out =
        (char *)p.out + product_step<R>(p, t.row0 + row) + 4 * (lane & 3) + 2 * col;
    int64_t step = product_step<R>(p, 8);
    bool in0 = col < p.width, in1 = col + 8 < p.width;
#pragma unroll
    for (int j = 0; j < NN / 8; j++) {
        bool valid = row < t.rows;
        uint32_t x = transpose8(pack2<R>(product_value<C::UP>(acc, j, 0, 0),
                                         product_value<C::UP>(acc, j, 1, 0)));
        if (valid && in0)
            *(uint32_t *)out = x;
        if (!C::UP) {
            x = transpose8(pack2<R>(product_value<C::UP>(acc, j, 0, 1),
                                    product_value<C::UP>(acc, j, 1, 1)));
            if (valid && in1)
                *(uint32_t *)(out + 16) = x;
        }
        row += 8;
        out += step;
    }
}

/* fp8 outputs of the first product: two octets of entries go through one transposition,
 * as pairs of neighbouring entries. */
template <typename C, int NN>
__device__ __forceinline__ void
product_store(const cuda_moe_product &p, const product_tile &t,
              const float (&acc)[NN / 2], int col, product_narrow)
{
    int lane = threadIdx.x & 31, row = 8 * (lane >> 2 & 1) + 2 * (lane >> 3);
    char *out = (char *)p.out + product_step<fp8>(p, t.row0 + row) + col + 2 * (lane & 3);
    int64_t step = product_step<fp8>(p, 16);
    bool in = col < p.width;
#pragma unroll
    for (int j = 0; j < NN / 8; j += 2) {
        uint32_t lo = pack_fp8(product_value<true>(acc, j, 0, 0),
                               product_value<true>(acc, j, 1, 0));
        uint32_t hi = pack_fp8(product_value<true>(acc, j + 1, 0, 0),
                               product_value<true>(acc, j + 1, 1, 0));
        uint32_t x = transpose8(lo | hi << 16);
        if (in && row < t.rows)
            *(uint16_t *)out = (uint16_t)__byte_perm(x, 0, 0x4420);
        if (in && row + 1 < t.rows)
            *(uint16_t *)(out + p.width) = (uint16_t)__byte_perm(x, 0, 0x4431);
        row += 16;
        out += step;
    }
}

/* What a consumer warpgroup carries from tile to tile. */
template <typename C> struct product_consumer {
    uint32_t smem;
    int group;
    ring<C::STAGES> at;
    product_shared<C::STAGES> *sh;
};

template <typename C, int NN>
__device__ __forceinline__ void
product_multiply(product_consumer<C> &c, const cuda_moe_product &p, const product_tile &t)
{
    typedef typename C::T T;
    float acc[NN / 2];
    int steps = (p.depth + C::DEEP - 1) / C::DEEP, before = 0;
#pragma unroll
    for (int i = 0; i < NN / 2; i++) /* undefined, they would stay alive between tiles */
        acc[i] = 0.f;
    wgmma_hold(acc);
    for (int step = 0; step < steps; step++) {
        barrier_wait(&c.sh->full[c.at.stage], c.at.parity);
        uint32_t from = c.smem + c.at.stage * C::STAGE_B;
        uint64_t a = wgmma_tile(from + c.group * 64 * 128, 0);
        uint64_t b = wgmma_tile(from + C::ROWS * 128, 0);
        wgmma_fence();
#pragma unroll
        for (int i = 0; i < 4; i++)
            wgmma_rows<T, NN>::run(acc, a + i * 2, b + i * 2, 1);
        wgmma_commit();
        wgmma_wait<1>(); /* the step before has read its stage */
        if (step > 0)
            barrier_arrive_warp(&c.sh->empty[before]);
        before = c.at.stage;
        c.at.next();
    }
    wgmma_wait<0>();
    wgmma_hold(acc);
    barrier_arrive_warp(&c.sh->empty[before]);
    int warp = threadIdx.x >> 5 & 3, octets = C::UP ? 1 : 2;
    int col = t.col0 + (c.group * 4 + warp) * 8 * octets;
    product_store<C, NN>(p, t, acc, col,
                         typename product_pick < C::UP && sizeof(T) == 1 > ::how());
}

template <typename C>
__device__ __forceinline__ void product_consume(const cuda_moe_product &p,
                                                product_consumer<C> &c)
{
    ring<2> tile_at;
    for (;;) {
        barrier_wait(&c.sh->tile_full[tile_at.stage], tile_at.parity);
        int index = *(volatile int *)&c.sh->tile[tile_at.stage];
        index = __shfl_sync(0xffffffffu, index, 0);
        barrier_arrive_warp(&c.sh->tile_empty[tile_at.stage]);
        tile_at.next();
        if (index < 0)
            return;
        product_tile t = product_locate<C>(p, index);
        if (t.rows <= 16)
            product_multiply<C, 16>(c, p, t);
        else if (C::MAX_N >= 32 && t.rows <= 32)
            product_multiply<C, C::MAX_N >= 32 ? 32 : 16>(c, p, t);
        else if (t.rows <= 64)
            product_multiply<C, C::MAX_N >= 64 ? 64 : 16>(c, p, t);
        else if (t.rows <= 128)
            product_multiply<C, C::MAX_N >= 128 ? 128 : 16>(c, p, t);
        else if (t.rows <= 192)
            product_multiply<C, C::MAX_N >= 256 ? 192 : 16>(c, p, t);
        else
            product_multiply<C, C::MAX_N >= 256 ? 256 : 16>(c, p, t);
    }
}

template <typename C>
__device__ __forceinline__ void product_init(product_shared<C::STAGES> *sh)
{
    for (int i = 0; i < C::STAGES; i++) {
        barrier_init(&sh->full[i], 1);
        barrier_init(&sh->empty[i], 4 * C::GROUPS); /* one lane of every warp */
    }
    for (int i = 0; i < 2; i++) {
        barrier_init(&sh->tile_full[i], 1);
        barrier_init(&sh->tile_empty[i], 4 * C::GROUPS);
    }
    barrier_init_done();
}

#endif

template <typename C>
__global__ __launch_bounds__(C::THREADS, C::PER_SM) void product_kernel(
    const __grid_constant__ cuda_moe_product p)
{
#if SC_HOPPER
    extern __shared__ unsigned char memory[];
    __shared__ product_shared<C::STAGES> sh;
    uint32_t smem = (smem_address(memory) + 1023) & ~1023u;
    if (threadIdx.x == 0)
        product_init<C>(&sh);
    release_next_kernel();
    __syncthreads();
    int group = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
    if (group == 0) {
        if (C::GROUPS == 2)
            registers_lower<40>();
        if (threadIdx.x == 0)
            product_produce<C>(p, smem, &sh);
    } else {
        if (C::GROUPS == 2)
            registers_raise<232>();
        product_consumer<C> c;
        c.smem = smem;
        c.group = group - 1;
        c.sh = &sh;
        product_consume<C>(p, c);
    }
#endif
}

/* ---- gather and sum ---- */

enum { MOVE_THREADS = 128 };

/* Rows of tokens, 16 bytes at a time, to where their entries are. */
__global__ __launch_bounds__(MOVE_THREADS) void gather_kernel(const cuda_moe_args a,
                                                              int chunks)
{
    wait_for_kernel();
    release_next_kernel();
    const int32_t *place = a.place + (int64_t)blockIdx.x * a.choices;
    int chunk = blockIdx.y * MOVE_THREADS + threadIdx.x;
    if (chunk >= chunks)
        return;
    uint4 v = ((const uint4 *)a.x)[(int64_t)blockIdx.x * chunks + chunk];
    for (int j = 0; j < a.choices; j++)
        if (place[j] >= 0)
            ((uint4 *)a.sorted)[(int64_t)place[j] * chunks + chunk] = v;
}

template <typename R>
__global__ __launch_bounds__(MOVE_THREADS) void sum_kernel(const cuda_moe_args a)
{
    wait_for_kernel();
    int col = (blockIdx.y * MOVE_THREADS + threadIdx.x) * 8;
    int64_t first = (int64_t)blockIdx.x * a.choices;
    float sum[8] = {0.f};
    if (col >= a.hidden)
        return;
#pragma unroll 8
    for (int j = 0; j < a.choices; j++) {
        int from = a.place[first + j];
        if (from < 0)
            continue;
        float gate = a.gate[first + j];
        uint4 v = *(const uint4 *)((const R *)a.result + (int64_t)from * a.hidden + col);
        const uint32_t part[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
        for (int e = 0; e < 4; e++) {
            float2 x = unpack2<R>(part[e]);
            sum[2 * e] += gate * x.x;
            sum[2 * e + 1] += gate * x.y;
        }
    }
    *(uint4 *)((R *)a.out + (int64_t)blockIdx.x * a.hidden + col) =
        make_uint4(pack2<R>(sum[0], sum[1]), pack2<R>(sum[2], sum[3]),
                   pack2<R>(sum[4], sum[5]), pack2<R>(sum[6], sum[7]));
}

/* ---- launch ---- */

/* Starts while the kernel before it still runs; the kernel itself waits. */
template <typename... A, typename... B>
static cudaError_t launch_early(void (*kernel)(A...), dim3 grid, int threads, int smem_B,
                                cudaStream_t stream, const B &...args)
{
    cudaLaunchConfig_t config = {};
    cudaLaunchAttribute early = {};
    early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    early.val.programmaticStreamSerializationAllowed = 1;
    config.gridDim = grid;
    config.blockDim = dim3((unsigned)threads);
    config.dynamicSmemBytes = (size_t)smem_B;
    config.stream = stream;
    config.attrs = &early;
    config.numAttrs = 1;
    return cudaLaunchKernelEx(&config, kernel, args...);
}

template <typename T>
static cudaError_t gather(const cuda_moe_args *a, cudaStream_t stream)
{
    int chunks = a->hidden * (int)sizeof(T) / 16;
    dim3 grid((unsigned)a->tokens,
              (unsigned)((chunks + MOVE_THREADS - 1) / MOVE_THREADS));
    return launch_early(gather_kernel, grid, MOVE_THREADS, 0, stream, *a, chunks);
}

template <typename R> static cudaError_t sum(const cuda_moe_args *a, cudaStream_t stream)
{
    int each = 8 * MOVE_THREADS;
    dim3 grid((unsigned)a->tokens, (unsigned)((a->hidden + each - 1) / each));
    return launch_early(sum_kernel<R>, grid, MOVE_THREADS, 0, stream, *a);
}

template <typename C>
static cudaError_t product(const cuda_moe_product *p, int sms, cudaStream_t stream)
{
    int64_t tiles = (int64_t)p->max_tiles * p->across, blocks = (int64_t)sms * C::PER_SM;
    dim3 grid((unsigned)(tiles < blocks ? tiles : blocks));
    return launch_early(product_kernel<C>, grid, C::THREADS, C::SMEM_B, stream, *p);
}

template <typename T, int GROUPS, int MAX_N, int STAGES>
static cudaError_t run(const cuda_moe_hopper *h, cudaStream_t stream)
{
    cudaError_t e = gather<T>(&h->args, stream);
    if (e == cudaSuccess)
        e = product<product_config<T, GROUPS, MAX_N, STAGES, true>>(&h->up, h->sms,
                                                                    stream);
    if (e == cudaSuccess)
        e = product<product_config<T, GROUPS, MAX_N, STAGES, false>>(&h->down, h->sms,
                                                                     stream);
    if (e == cudaSuccess)
        e = sum<typename product_result<T>::type>(&h->args, stream);
    return e;
}

/* cudaErrorInvalidDeviceFunction: there is no code for this device in the module. */
template <typename C> static cudaError_t allow(void)
{
    cudaFuncAttributes is;
    cudaError_t e = cudaFuncGetAttributes(&is, product_kernel<C>);
    if (e == cudaSuccess && is.sharedSizeBytes == 0)
        e = cudaErrorInvalidDeviceFunction;
    return e != cudaSuccess
               ? e
               : cudaFuncSetAttribute(product_kernel<C>,
                                      cudaFuncAttributeMaxDynamicSharedMemorySize,
                                      C::SMEM_B);
}

template <typename T, int GROUPS, int MAX_N, int STAGES> static cudaError_t setup(void)
{
    cudaError_t e = allow<product_config<T, GROUPS, MAX_N, STAGES, true>>();
    return e != cudaSuccess ? e
                            : allow<product_config<T, GROUPS, MAX_N, STAGES, false>>();
}

template <typename T, int GROUPS, int MAX_N, int STAGES>
static constexpr cuda_moe_variant variant(const char *name, int kind)
{
    typedef product_config<T, GROUPS, MAX_N, STAGES, false> C;
    return {name,
            kind,
            C::ROWS,
            C::MAX_N,
            C::SMEM_B,
            setup<T, GROUPS, MAX_N, STAGES>,
            run<T, GROUPS, MAX_N, STAGES>};
}

/* The compiled shapes: warpgroups of 64 rows, entries, stages. */
#define MOE_VARIANTS(T, KIND)                                                            \
    variant<T, 1, 32, 8>("grouped_wgmma_64x32", KIND),                                   \
        variant<T, 2, 64, 8>("grouped_wgmma_128x64", KIND),                              \
        variant<T, 2, 128, 6>("grouped_wgmma_128x128", KIND),                            \
        variant<T, 2, CUDA_MOE_MOST_ENTRIES, 4>("grouped_wgmma_128x256", KIND)

const cuda_moe_variant *cuda_moe_variants(int *n)
{
    static const cuda_moe_variant variants[] = {MOE_VARIANTS(bf16, CUDA_BF16),
                                                MOE_VARIANTS(fp16, CUDA_FP16),
                                                MOE_VARIANTS(fp8, CUDA_FP8)};
    *n = (int)(sizeof variants / sizeof variants[0]);
    return variants;
}
