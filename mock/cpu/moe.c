/* solcheck - CPU kernels of moe: entries (token, expert) are sorted by expert, then every
 * expert multiplies all of its tokens at once, 64 by 64 tiles.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "mock/cpu/cpu.h"
#include "mock/layers/layers.h"
#include "mock/number.h"

enum { TILE = MOCK_CPU_TILE, DEEP = MOCK_CPU_DEEP };
enum { X_IN, W13, W2, EXPERT, GATE, OUT };

/* The numbers of a case, and what the steps hand on in the work memory. */
typedef struct moe {
    const mock_case *c;
    int64_t tokens, d, width, choices, local, entries;
    int32_t *first; /* [local+1] sorted entries of each local expert */
    int32_t *order; /* [entries] sorted: the entry token*choices + j */
    int32_t *place; /* [entries] where it went, -1: another rank's */
    float *hidden;  /* [entries,width] sorted */
    float *result;  /* [entries,d] sorted */
} moe;

static size_t ints_of(const moe *m)
{
    return (size_t)(m->local + 1 + 2 * m->entries);
}

static moe describe(const mock_exec *exec)
{
    const int64_t *p = exec->c->param;
    moe m = {.c = exec->c,
             .tokens = mock_case_tokens(exec->c),
             .d = p[MOCK_MOE_HIDDEN],
             .width = p[MOCK_MOE_INTER],
             .choices = mock_moe_choices(exec->c),
             .local = mock_moe_here(exec->c)};
    m.entries = m.tokens * m.choices;
    if (exec->work) {
        m.first = (int32_t *)(void *)exec->work;
        m.order = m.first + m.local + 1;
        m.place = m.order + m.entries;
        m.hidden = exec->work + ints_of(&m);
        m.result = m.hidden + m.entries * m.width;
    }
    return m;
}

/* Counting sort, one task. */
static void sort(void *user, int64_t task, int thread)
{
    (void)task, (void)thread;
    mock_exec *exec = user;
    moe m = describe(exec);
    const int32_t *expert = exec->ptr[EXPERT];
    memset(m.first, 0, (size_t)(m.local + 1) * sizeof *m.first);
    for (int64_t i = 0; i < m.entries; i++)
        if (expert[i] >= 0)
            m.first[expert[i] + 1]++;
    for (int64_t e = 0; e < m.local; e++)
        m.first[e + 1] += m.first[e];
    for (int64_t i = 0; i < m.entries; i++) {
        m.place[i] = expert[i] >= 0 ? m.first[expert[i]]++ : -1;
        if (m.place[i] >= 0)
            m.order[m.place[i]] = (int32_t)i;
    }
    for (int64_t e = m.local; e > 0;
         e--) /* the counters are at the ends: shift them back */
        m.first[e] = m.first[e - 1];
    m.first[0] = 0;
}

/* Finds the tile-th tile of rows, of any expert; false past the last one. */
static bool find_tile(const moe *m, int64_t tile, int64_t *expert, int64_t *row0,
                      int64_t *rows)
{
    for (int64_t e = 0; e < m->local; e++) {
        int64_t tiles = mock_cpu_ceil_div(m->first[e + 1] - m->first[e], TILE);
        if (tile < tiles) {
            *expert = e;
            *row0 = m->first[e] + tile * TILE;
            *rows = mock_cpu_least(TILE, m->first[e + 1] - *row0);
            return true;
        }
        tile -= tiles;
    }
    return false;
}

/* One product of a tile: a rows from x through order, or from hidden; w rows col0.. of a
 * matrix that starts at row w0 and is k wide. */
typedef struct product {
    int64_t row0, rows, col0, cols, k;
    const void *w;
    int64_t w0;
    bool gather;
} product;

static void multiply(const mock_exec *exec, const moe *m, const product *p, float *room,
                     float *sum)
{
    float *as = room, *ws = as + TILE * DEEP;
    const sol_dtype *dtype = m->c->dtype;
    memset(sum, 0, TILE * TILE * sizeof *sum);
    memset(ws, 0, DEEP * TILE * sizeof *ws);
    for (int64_t k0 = 0; k0 < p->k; k0 += DEEP) {
        int64_t deep = mock_cpu_least(DEEP, p->k - k0);
        for (int64_t i = 0; i < p->rows; i++) {
            if (p->gather)
                mock_load_float(exec->ptr[X_IN], dtype[0],
                                m->order[p->row0 + i] / m->choices * m->d + k0, deep,
                                as + i * DEEP);
            else
                memcpy(as + i * DEEP, m->hidden + (p->row0 + i) * m->width + k0,
                       (size_t)deep * sizeof *as);
        }
        mock_cpu_load_columns(p->w, dtype[1], p->k, p->w0 + p->col0, p->cols, k0, deep,
                              ws);
        mock_cpu_multiply(sum, TILE, as, DEEP, ws, TILE, p->rows, deep, TILE);
    }
}

static void up(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    moe m = describe(exec);
    int64_t across = mock_cpu_ceil_div(m.width, TILE), expert = 0;
    float *gate = mock_cpu_scratch(exec, thread), *room = gate + 2 * TILE * TILE;
    product p = {
        .col0 = task % across * TILE, .k = m.d, .w = exec->ptr[W13], .gather = true};
    if (!find_tile(&m, task / across, &expert, &p.row0, &p.rows))
        return;
    p.cols = mock_cpu_least(TILE, m.width - p.col0);
    p.w0 = expert * 2 * m.width;
    multiply(exec, &m, &p, room, gate);
    p.w0 += m.width;
    multiply(exec, &m, &p, room, gate + TILE * TILE);
    for (int64_t i = 0; i < p.rows; i++)
        for (int64_t j = 0; j < p.cols; j++) {
            float x = gate[i * TILE + j], y = gate[TILE * TILE + i * TILE + j];
            float h = x / (1 + expf(-x)) * y;
            if (m.c->dtype[0] == SOL_FP8) /* as the second product gets it on GPUs */
                h = mock_fp8_unpack(mock_fp8_pack(h));
            m.hidden[(p.row0 + i) * m.width + p.col0 + j] = h;
        }
}

static void down(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    moe m = describe(exec);
    int64_t across = mock_cpu_ceil_div(m.d, TILE), expert = 0;
    float *sum = mock_cpu_scratch(exec, thread), *room = sum + 2 * TILE * TILE;
    product p = {.col0 = task % across * TILE, .k = m.width, .w = exec->ptr[W2]};
    if (!find_tile(&m, task / across, &expert, &p.row0, &p.rows))
        return;
    p.cols = mock_cpu_least(TILE, m.d - p.col0);
    p.w0 = expert * m.d;
    multiply(exec, &m, &p, room, sum);
    for (int64_t i = 0; i < p.rows; i++)
        memcpy(m.result + (p.row0 + i) * m.d + p.col0, sum + i * TILE,
               (size_t)p.cols * sizeof *sum);
}

/* One token: its experts' results, weighted. */
static void combine(void *user, int64_t task, int thread)
{
    mock_exec *exec = user;
    moe m = describe(exec);
    const float *gate = exec->ptr[GATE];
    float *sum = mock_cpu_scratch(exec, thread);
    memset(sum, 0, (size_t)m.d * sizeof *sum);
    for (int64_t i = task * m.choices; i < (task + 1) * m.choices; i++) {
        const float *from = m.result + (int64_t)m.place[i] * m.d;
        for (int64_t e = 0; m.place[i] >= 0 && e < m.d; e++)
            sum[e] += gate[i] * from[e];
    }
    mock_store_float(exec->ptr[OUT], mock_result_dtype(m.c->dtype[0]), task * m.d, m.d,
                     sum);
}

sc_status mock_cpu_prepare_moe(mock_exec *exec, sc_diag *diag)
{
    moe m = describe(exec);
    void *work = NULL;
    size_t floats = ints_of(&m) + (size_t)(m.entries * (m.width + m.d));
    int64_t tiles = m.entries / TILE + mock_cpu_least(m.local, m.entries);
    sc_status status = mock_cpu_alloc(exec->dev, floats * sizeof(float), &work, diag);
    if (status)
        return status;
    exec->work = work;
    exec->step[0] = (mock_cpu_step){sort, 1};
    exec->step[1] = (mock_cpu_step){up, tiles * mock_cpu_ceil_div(m.width, TILE)};
    exec->step[2] = (mock_cpu_step){down, tiles * mock_cpu_ceil_div(m.d, TILE)};
    exec->step[3] = (mock_cpu_step){combine, m.tokens};
    exec->n_steps = 4;
    exec->source = "cpu_moe_sorted_64x64x256";
    exec->scratch = 2 * TILE * DEEP + 2 * TILE * TILE;
    if (exec->scratch < (size_t)m.d)
        exec->scratch = (size_t)m.d;
    return SC_OK;
}
