/* solcheck - multi-head latent attention, generation, on Hopper with more than 32 heads:
 * what latent.cu computes, with wgmma, the tensor copy engine and warp specialisation; a
 * page is copied once and is key and value, as in FlashMLA.
 *
 * Shapes and floors as in latent.cu: H=128 has 242 FLOPs a byte, 810 TFLOP/s at 3.35
 * TB/s, so DRAM and tensor cores are nearly balanced.
 *
 * One thread block: 64 heads; three warpgroups. The first has Q[64,496] in registers (124
 * a thread) and the other 80 columns in shared memory, which leaves room for three pages;
 * it computes S = Q L^T of a page and the softmax, and writes the weights P[64,64] over
 * the rotary columns of the page, which nobody needs any more. The other two have half of
 * O[64,512] each in registers and add P L to it while the first works on the pages that
 * follow. When both have used a page, another is copied into its place.
 *
 * Prediction: a page is 8.9 MFLOP, 2176 clocks of tensor core for S of one page and P L
 * of another, between which the softmax hides: 950 TFLOP/s, above the 810 that DRAM
 * allows. 550 to 650 are expected. Measured: docs/kernels.md. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/decode.cuh"
#include "mock/cuda/wgmma.cuh"

template <typename C>
__global__ void latent_wg_kernel(const __grid_constant__ cuda_decode_args a);

template <typename T_> struct latent_wg_config {
    typedef T_ T;
    static constexpr bool FP8 = false;
    static constexpr int ROWS = 64, D = 576, DV = 512, STAGES = 3, THREADS = 384;
    static constexpr int Q_STEPS = 31; /* of 16 columns, kept in registers */
    /* Three times 168, what the registers of an SM allow 384 threads to start with. */
    static constexpr int SCORE_REGS = 184, VALUE_REGS = 160;
    static constexpr int PANEL_B = PAGE * 128, PAGE_B = D / 64 * PANEL_B;
    static constexpr int Q_TAIL_B = ROWS * 32; /* the 16 columns before the last 64 */
    static constexpr int PLACE_B = STAGES * PAGE_B + PANEL_B + Q_TAIL_B;
    static constexpr int SMEM_B = PLACE_B + 848; /* latent_shared */
    static_assert(Q_STEPS * 16 + 16 == DV, "the tail of Q is one step");
    static constexpr decode_kernel *kernel()
    {
        return latent_wg_kernel<latent_wg_config>;
    }
};

#if SC_HOPPER

struct latent_shared {
    uint64_t full[3];    /* a page, or Q, is there */
    uint64_t weights[3]; /* P of the page is there, and what goes with it */
    uint64_t used[3];    /* nobody needs the page (or Q) any more */
    float shrink[3][64]; /* what O is to be multiplied by before P of this page */
};

/* What both kinds of warpgroup know. */
template <typename C> struct latent_place {
    uint32_t pages;
    uint32_t q_rope; /* last columns of Q; after the run's last S, sums of the weights */
    uint32_t q_tail; /* 16 columns of Q as 8 x 8 core matrices, rows before columns */
    latent_shared *sh;
    ring<C::STAGES> at; /* Q and pages, in the order of their copies */
    int tile, head0, heads;
};

/* A run: pages [page0, page0+n) of one request. */
struct latent_pages {
    int request, page0, n, length, slot;
    const int32_t *table;
};

__device__ __forceinline__ latent_pages latent_run_of(const cuda_decode_args &a, int i)
{
    cuda_work w = a.work[i];
    latent_pages r;
    r.request = w.request;
    r.page0 = w.page0;
    r.length = a.length[w.request];
    r.n = min(w.page1, (r.length + PAGE - 1) / PAGE) - w.page0;
    r.slot = w.slot;
    r.table = a.table + (int64_t)w.request * a.table_width;
    return r;
}

/* ---- scores ---- */

/* One thread: 64 rows of 576 columns into the next buffer, once that has been used; the
 * last 64 columns to `rope`. */
template <typename C>
__device__ __forceinline__ void latent_load(const latent_place<C> &m,
                                            ring<C::STAGES> &next, const CUtensorMap *map,
                                            int row, uint32_t rope)
{
    uint64_t *full = &m.sh->full[next.stage];
    uint32_t to = m.pages + next.stage * C::PAGE_B;
    barrier_wait(&m.sh->used[next.stage], next.parity ^ 1);
    barrier_expect(full, C::PAGE_B);
#pragma unroll
    for (int i = 0; i < C::DV / 64; i++)
        tensor_load(to + i * C::PANEL_B, map, 64 * i, 0, row, full);
    tensor_load(rope ? rope : to + C::DV / 64 * C::PANEL_B, map, C::DV, 0, row, full);
    next.next();
}

/* The block that holds a page of the run; -1: there is no such page. */
__device__ __forceinline__ int latent_block_of(const latent_pages &r, int page)
{
    return page < r.n ? r.table[r.page0 + page] : -1;
}

template <typename C>
__device__ __forceinline__ void latent_load_page(const latent_place<C> &m,
                                                 ring<C::STAGES> &next,
                                                 const cuda_decode_args &a, int block)
{
    if (block >= 0 && threadIdx.x == 0)
        latent_load<C>(m, next, &a.latent_map, block * PAGE, 0);
    __syncwarp();
}

/* One thread: until the page before `next`, the last of a run, has been used. */
template <typename C>
__device__ __forceinline__ void latent_wait_last(const latent_place<C> &m,
                                                 const ring<C::STAGES> &next)
{
    bool wraps = next.stage == 0;
    barrier_wait(&m.sh->used[wraps ? C::STAGES - 1 : next.stage - 1],
                 wraps ? next.parity ^ 1 : next.parity);
}

/* The copies of Q and the first pages. */
template <typename C>
__device__ __forceinline__ void
latent_load_first(const latent_place<C> &m, ring<C::STAGES> &next,
                  const cuda_decode_args &a, const latent_pages &r, bool again)
{
    if (threadIdx.x == 0) {
        if (again)
            latent_wait_last<C>(m, next);
        latent_load<C>(m, next, &a.q_map, r.request * a.heads + m.head0, m.q_rope);
    }
    latent_load_page<C>(m, next, a, latent_block_of(r, 0));
    latent_load_page<C>(m, next, a, latent_block_of(r, 1));
}

/* Q from the first buffer of the run into registers, 16 columns of it to q_tail. */
template <typename C>
__device__ __forceinline__ void latent_take_q(latent_place<C> &m,
                                              uint32_t (&q)[C::Q_STEPS][4])
{
    int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, row = warp * 16 + (lane & 15);
    barrier_wait(&m.sh->full[m.at.stage], m.at.parity);
    uint32_t from = m.pages + m.at.stage * C::PAGE_B, tail[4];
#pragma unroll
    for (int i = 0; i < C::Q_STEPS; i++)
        load4(q[i],
              from + i / 4 * C::PANEL_B + swizzle(row, i % 4 * 2 + (lane >> 4), 128));
    load4(tail, from + C::Q_STEPS / 4 * C::PANEL_B +
                    swizzle(row, C::Q_STEPS % 4 * 2 + (lane >> 4), 128));
#pragma unroll
    for (int i = 0; i < 4; i++) /* rows 8 * (i & 1), columns 8 * (i / 2) of the warp's */
        store_shared(m.q_tail + (warp * 4 + (i & 1) * 2 + i / 2) * 128 + lane * 4,
                     tail[i]);
    async_fence();
    named_sync(1, 128);
    barrier_arrive(&m.sh->weights[m.at.stage]);
    barrier_arrive_warp(&m.sh->used[m.at.stage]);
    m.at.next();
}

/* s = Q L^T of a page, committed. */
template <typename C>
__device__ __forceinline__ void
latent_product(float (&s)[PAGE / 2], const uint32_t (&q)[C::Q_STEPS][4], uint32_t q_tail,
               uint32_t q_rope, uint32_t page)
{
    uint64_t kd = wgmma_tile(page, 0), qd = wgmma_tile(q_rope, 0);
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < C::Q_STEPS; i++)
        wgmma<typename C::T, PAGE, 0>::rs(
            s, q[i], kd + (i / 4 * C::PANEL_B + i % 4 * 32) / 16, i > 0);
    wgmma<typename C::T, PAGE, 0>::ss(
        s, wgmma_cores(q_tail, 128, 256),
        kd + (C::Q_STEPS / 4 * C::PANEL_B + C::Q_STEPS % 4 * 32) / 16, 1);
#pragma unroll
    for (int i = 0; i < (C::D - C::DV) / 16; i++)
        wgmma<typename C::T, PAGE, 0>::ss(
            s, qd + i * 32 / 16, kd + (C::DV / 64 * C::PANEL_B + i * 32) / 16, 1);
    wgmma_commit();
}

/* s becomes the weights, relative to the row maxima; `left` tokens of the page exist. */
template <typename C>
__device__ __forceinline__ void latent_soft(float (&s)[PAGE / 2], float (&top)[2],
                                            float (&sum)[2], float (&shrink)[2], int left,
                                            float scale_log2)
{
    int col = 2 * (threadIdx.x & 3);
    if (left < PAGE)
#pragma unroll
        for (int i = 0; i < PAGE / 2; i++)
            if (i / 4 * 8 + i % 2 + col >= left)
                s[i] = -INFINITY;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        float m = top[h], add = 0.f;
#pragma unroll
        for (int j = 0; j < PAGE / 8; j++)
            m = fmaxf(m, fmaxf(s[4 * j + 2 * h], s[4 * j + 2 * h + 1]));
        m = quad_max(m);
        float base = m * scale_log2;
        shrink[h] = power2(fmaf(top[h], scale_log2, -base));
        top[h] = m;
#pragma unroll
        for (int j = 0; j < PAGE / 8; j++)
#pragma unroll
            for (int e = 0; e < 2; e++) {
                float w = power2(fmaf(s[4 * j + 2 * h + e], scale_log2, -base));
                s[4 * j + 2 * h + e] = w;
                add += w;
            }
        sum[h] = sum[h] * shrink[h] + add;
    }
}

/* Weights, shrink, and after the last page of a run the sums, to shared memory. */
template <typename C>
__device__ __forceinline__ void
latent_publish(const latent_place<C> &m, const float (&s)[PAGE / 2],
               const float (&sum)[2], const float (&shrink)[2], bool last)
{
    int lane = threadIdx.x & 31, c = lane & 3;
    uint32_t to = m.pages + m.at.stage * C::PAGE_B + C::DV / 64 * C::PANEL_B;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int row = (threadIdx.x >> 5) * 16 + 8 * h + (lane >> 2);
#pragma unroll
        for (int j = 0; j < PAGE / 8; j++)
            store_shared(to + swizzle(row, j, 128) + 4 * c,
                         pack2<typename C::T>(s[4 * j + 2 * h], s[4 * j + 2 * h + 1]));
        if (c == 0) {
            m.sh->shrink[m.at.stage][row] = shrink[h];
            if (last)
                store_shared(m.q_rope + row * 4, __float_as_uint(sum[h]));
        }
    }
    async_fence();
    barrier_arrive(&m.sh->weights[m.at.stage]);
}

/* The logarithms of a slot's weights, for the combine kernel. */
template <typename C>
__device__ __forceinline__ void
latent_write_lse(const latent_place<C> &m, const cuda_decode_args &a, int slot,
                 const float (&top)[2], const float (&total)[2])
{
    int lane = threadIdx.x & 31;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int row = (threadIdx.x >> 5) * 16 + 8 * h + (lane >> 2);
        if (row < m.heads && (lane & 3) == 0)
            a.part_lse[decode_part_row(slot, a.m_tiles, m.tile, C::ROWS) + row] =
                top[h] * a.scale_log2 + log2f(total[h]);
    }
}

template <typename C>
__device__ __forceinline__ void latent_score_runs(const cuda_decode_args &a,
                                                  latent_place<C> &m, int begin, int end)
{
    uint32_t q[C::Q_STEPS][4];
    ring<C::STAGES> next;
    for (int i = begin; i < end; i++) {
        latent_pages r = latent_run_of(a, i);
        float top[2] = {-INFINITY, -INFINITY}, sum[2] = {0.f, 0.f};
        latent_load_first<C>(m, next, a, r, i > begin);
        latent_take_q<C>(m, q);
        for (int page = 0; page < r.n; page++) {
            float s[PAGE / 2], shrink[2];
            int ahead = latent_block_of(r, page + 2);
            barrier_wait(&m.sh->full[m.at.stage], m.at.parity);
            latent_product<C>(s, q, m.q_tail, m.q_rope, m.pages + m.at.stage * C::PAGE_B);
            latent_load_page<C>(m, next, a, ahead);
            wgmma_wait<0>();
            wgmma_hold(s);
            latent_soft<C>(s, top, sum, shrink, r.length - (r.page0 + page) * PAGE,
                           a.scale_log2);
            bool last = page + 1 == r.n;
            if (last) {
                sum[0] = quad_sum(sum[0]);
                sum[1] = quad_sum(sum[1]);
                named_sync(1, 128); /* q_rope and q_tail have been read */
            }
            latent_publish<C>(m, s, sum, shrink, last);
            barrier_arrive_warp(&m.sh->used[m.at.stage]);
            m.at.next();
        }
        if (r.slot >= 0)
            latent_write_lse<C>(m, a, r.slot, top, sum);
    }
}

/* ---- values ---- */

/* This thread's first row of a tile; the other is 8 below. Worked out anew where it is
 * wanted: there is hardly a register left beside o. */
__device__ __forceinline__ int latent_row()
{
    int tid = thread_now();
    return (tid >> 5 & 3) * 16 + (tid >> 2 & 7);
}

/* o[64,256] = o * shrink + P L[:, 256*half ...] */
template <typename C>
__device__ __forceinline__ void latent_add(float (&o)[128], const latent_place<C> &m,
                                           uint32_t page, int half)
{
    int row = latent_row();
    float shrink0 = m.sh->shrink[m.at.stage][row];
    float shrink1 = m.sh->shrink[m.at.stage][row + 8];
    if (__any_sync(0xffffffffu, shrink0 != 1.f || shrink1 != 1.f)) {
#pragma unroll
        for (int i = 0; i < 128; i++)
            o[i] *= i / 2 % 2 ? shrink1 : shrink0;
    }
    uint64_t pd = wgmma_tile(page + C::DV / 64 * C::PANEL_B, 0);
    uint64_t vd = wgmma_tile(page + half * (C::DV / 128 * C::PANEL_B), C::PANEL_B);
    wgmma_hold(o);
    wgmma_fence();
#pragma unroll
    for (int i = 0; i < PAGE / 16; i++)
        wgmma<typename C::T, 256, 1>::ss(o, pd + i * 32 / 16, vd + i * 2048 / 16, 1);
    wgmma_commit();
    wgmma_wait<0>();
    wgmma_hold(o);
}

/* Half h of the rows of a thread, times inverse: final ones. */
template <typename C>
__device__ __forceinline__ void latent_write_rows(const float (&o)[128], int h,
                                                  float inverse, typename C::T *to,
                                                  bool valid)
{
    uint4 *out = (uint4 *)to + (thread_now() & 3);
#pragma unroll
    for (int g = 0; g < 8; g++) {
        uint32_t x[4];
#pragma unroll
        for (int i = 0; i < 4; i++)
            x[i] = pack2<typename C::T>(o[16 * g + 4 * i + 2 * h] * inverse,
                                        o[16 * g + 4 * i + 2 * h + 1] * inverse);
        quad_transpose(x);
        if (valid)
            out[4 * g] = make_uint4(x[0], x[1], x[2], x[3]);
    }
}

/* Rows / total: final ones, or a slot's. */
template <typename C>
__device__ __forceinline__ void
latent_write(const float (&o)[128], const float (&total)[2], const cuda_decode_args &a,
             const latent_place<C> &m, int i, int half)
{
    int request = a.work[i].request, slot = a.work[i].slot;
#pragma unroll
    for (int h = 0; h < 2; h++) {
        int row = latent_row() + 8 * h;
        bool valid = row < m.heads;
        float inverse = 1.f / total[h];
        if (slot < 0) {
            int64_t at =
                ((int64_t)request * a.heads + m.head0 + row) * C::DV + 256 * half;
            latent_write_rows<C>(o, h, inverse, (typename C::T *)a.out + at, valid);
        } else if (valid) {
            int64_t part = decode_part_row(slot, a.m_tiles, m.tile, C::ROWS) + row;
            int c = thread_now() & 3;
            float *out = a.part_out + part * C::DV + 256 * half + 2 * c;
#pragma unroll
            for (int j = 0; j < 32; j++)
                *(float2 *)(out + 8 * j) = make_float2(o[4 * j + 2 * h] * inverse,
                                                       o[4 * j + 2 * h + 1] * inverse);
        }
    }
}

template <typename C>
__device__ __forceinline__ void latent_value_runs(const cuda_decode_args &a,
                                                  latent_place<C> &m, int begin, int end,
                                                  int half)
{
    for (int i = begin; i < end; i++) {
        float o[128], total[2];
#pragma unroll
        for (int e = 0; e < 128; e++)
            o[e] = 0.f;
        /* Q is none of their business, but they have a part in its barriers. */
        barrier_wait(&m.sh->full[m.at.stage], m.at.parity);
        barrier_wait(&m.sh->weights[m.at.stage], m.at.parity);
        barrier_arrive_warp(&m.sh->used[m.at.stage]);
        m.at.next();
        for (int left = latent_run_of(a, i).n; left > 0; left--) {
            barrier_wait(&m.sh->full[m.at.stage], m.at.parity);
            barrier_wait(&m.sh->weights[m.at.stage], m.at.parity);
            latent_add<C>(o, m, m.pages + m.at.stage * C::PAGE_B, half);
            if (left == 1) {
                total[0] = load_shared(m.q_rope + latent_row() * 4);
                total[1] = load_shared(m.q_rope + latent_row() * 4 + 32);
            }
            barrier_arrive_warp(&m.sh->used[m.at.stage]);
            m.at.next();
        }
        if (i + 1 == end)
            release_next_kernel();
        latent_write<C>(o, total, a, m, i, half);
    }
}

static_assert(sizeof(latent_shared) <= 848, "room in SMEM_B");

__device__ __forceinline__ void latent_barriers(latent_shared *sh)
{
    for (int i = 0; i < 3; i++) {
        barrier_init(&sh->full[i], 1);
        barrier_init(&sh->weights[i], 128);
        barrier_init(&sh->used[i], 12); /* one lane of every warp */
    }
    barrier_init_done();
}

#endif

template <typename C>
__global__
__launch_bounds__(C::THREADS,
                  1) void latent_wg_kernel(const __grid_constant__ cuda_decode_args a)
{
#if SC_HOPPER
    extern __shared__ __align__(1024) unsigned char smem[];
    latent_place<C> m;
    m.pages = smem_address(smem);
    m.q_rope = m.pages + C::STAGES * C::PAGE_B;
    m.q_tail = m.q_rope + C::PANEL_B;
    m.sh = (latent_shared *)(smem + C::PLACE_B);
    if (m.pages & 1023) /* there is no room to align it ourselves */
        __trap();
    m.tile = blockIdx.x % a.m_tiles;
    m.head0 = m.tile * C::ROWS;
    m.heads = min(C::ROWS, a.heads - m.head0);
    int range = blockIdx.x / a.m_tiles;
    int begin = a.work_begin[range], end = a.work_begin[range + 1];
    if (threadIdx.x == 0)
        latent_barriers(m.sh);
    __syncthreads();
    int group = __shfl_sync(0xffffffffu, threadIdx.x / 128, 0);
    if (group == 0) {
        registers_raise<C::SCORE_REGS>();
        latent_score_runs<C>(a, m, begin, end);
    } else {
        registers_lower<C::VALUE_REGS>();
        latent_value_runs<C>(a, m, begin, end, group - 1);
    }
#endif
}

enum { EMPTY_REGS = 64 }; /* an empty kernel has fewer */

/* cudaErrorInvalidDeviceFunction: there is no code for this device in the module. */
template <typename C> cudaError_t latent_wg_setup(int *blocks_per_sm)
{
    cudaFuncAttributes is;
    cudaError_t e = cudaFuncGetAttributes(&is, latent_wg_kernel<C>);
    if (e == cudaSuccess && is.numRegs < EMPTY_REGS)
        e = cudaErrorInvalidDeviceFunction;
    return e != cudaSuccess ? e : decode_setup<C>(blocks_per_sm);
}

template <typename C> constexpr cuda_decode_variant latent_wg_variant(int kind)
{
    cuda_decode_variant v = decode_variant<C>("latent_wgmma_m64_t64x3", kind);
    v.setup = latent_wg_setup<C>;
    return v;
}

const cuda_decode_variant *cuda_latent_hopper(int kind)
{
    static const cuda_decode_variant of_bf16 =
        latent_wg_variant<latent_wg_config<bf16>>(CUDA_BF16);
    static const cuda_decode_variant of_fp16 =
        latent_wg_variant<latent_wg_config<fp16>>(CUDA_FP16);
    return kind == CUDA_BF16 ? &of_bf16 : &of_fp16;
}
