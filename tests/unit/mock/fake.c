/* SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "fake.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "mock/cpu/cpu.h"
#include "mock/random.h"

fake_timer fake_time;

static fake_fault fault;
static const mock_device_ops *cpu;
static mock_device_ops ops;
static bool dead; /* FAKE_OOM_FATAL has struck */

/* What is prepared, and the one that runs. */
typedef struct prepared {
    mock_exec *exec;
    const mock_case *c;
    void *ptr[MOCK_MAX_TENSORS];
    mock_tensor tensor[MOCK_MAX_TENSORS];
    int n;
} prepared;
static prepared live[64], *now;

static void pick(const mock_exec *exec)
{
    for (now = live; now->exec != exec; now++)
        ;
}

/* FAKE_OVERCOMMIT: addresses that were promised and do not exist. */
static char *const nowhere = (char *)(uintptr_t)0x100000000000;
static const size_t nowhere_B = (size_t)1 << 44;
static size_t promised_B;

static bool is_nowhere(const void *p)
{
    return (uintptr_t)p >= (uintptr_t)nowhere &&
           (uintptr_t)p < (uintptr_t)nowhere + nowhere_B;
}

static int find(const char *name)
{
    for (int i = 0; i < now->n; i++)
        if (strcmp(now->tensor[i].name, name) == 0)
            return i;
    return -1;
}

static sc_status fake_alloc(mock_device *dev, size_t size_B, void **out, sc_diag *diag)
{
    if (dead)
        return sc_diag_fail(diag, SC_EGPU, SC3003, "the device is gone");
    if (fault == FAKE_OVERCOMMIT && size_B > FAKE_MEMORY_B) {
        *out = nowhere + promised_B;
        promised_B += size_B;
        return SC_OK;
    }
    sc_status status = cpu->alloc(dev, size_B, out, diag);
    if (status && fault == FAKE_OOM_MUTE)
        return sc_diag_fail(diag, SC_ENOMEM, SC1000, "out of memory");
    dead = status && fault == FAKE_OOM_FATAL;
    return status;
}

static void fake_free(mock_device *dev, void *p)
{
    if (!is_nowhere(p))
        cpu->free(dev, p);
}

static sc_status fake_upload(mock_device *dev, void *to, const void *from, size_t size_B,
                             sc_diag *diag)
{
    return is_nowhere(to) ? SC_OK : cpu->upload(dev, to, from, size_B, diag);
}

static sc_status fake_fill_random(mock_device *dev, void *p, sol_dtype dtype, int64_t n,
                                  mock_inputs inputs, uint64_t seed, double scale,
                                  sc_diag *diag)
{
    return is_nowhere(p) ? SC_OK
                         : cpu->fill_random(dev, p, dtype, n, inputs,
                                            seed + (fault == FAKE_RANDOM), scale, diag);
}

static sc_status fake_fill_byte(mock_device *dev, void *p, int value, size_t size_B,
                                sc_diag *diag)
{
    return is_nowhere(p) ? SC_OK : cpu->fill_byte(dev, p, value, size_B, diag);
}

static sc_status fake_prepare(mock_device *dev, const char *layer, const mock_case *c,
                              void *const p[], mock_exec **out, sc_diag *diag)
{
    if (c->dtype[0] == SOL_FP16 && fault == FAKE_FP16_REFUSED)
        return sc_diag_fail(diag, SC_EUNABLE, SC3005, "no fp16 before sm_900");
    if (c->dtype[0] == SOL_FP16 && fault == FAKE_FP16_MUTE)
        return SC_EUNABLE;
    sc_status status = cpu->prepare(dev, layer, c, p, out, diag);
    if (status)
        return status;
    pick(NULL); /* a free place */
    now->exec = *out;
    now->c = c;
    memcpy(now->ptr, p, sizeof now->ptr);
    return mock_class_find(layer)->plan(c, now->tensor, &now->n, diag);
}

static void fake_release(mock_exec *exec)
{
    if (!exec)
        return;
    pick(exec);
    now->exec = NULL;
    cpu->release(exec);
}

/* Multiplies the output. */
static void scale(double factor)
{
    int out = find("out");
    int64_t n = (int64_t)(mock_tensor_bytes(&now->tensor[out]) * 8) /
                sol_dtype_bits(now->tensor[out].dtype);
    for (int64_t i = 0; i < n; i++)
        mock_set(now->ptr[out], now->tensor[out].dtype, i,
                 factor * mock_get(now->ptr[out], now->tensor[out].dtype, i));
}

/* Faults that change what the layer reads; undone by the copy that run_cpu keeps. */
static void confuse(int32_t *index, const int32_t *table)
{
    const mock_case *c = now->c;
    int64_t width = (c->s + 63) / 64;
    if (fault == FAKE_TABLE)
        for (int64_t i = 0; i < c->b * width; i++)
            index[i] = (int32_t)i;
    if (fault == FAKE_STALE)
        for (int64_t r = 0; r < c->b; r++)
            index[r] = (index[r] + 63) / 64 * 64;
    if (fault == FAKE_LENGTHS && c->phase == SOL_CONTEXT)
        for (int64_t r = 0; r < c->b; r++)
            index[r] = (int32_t)(r * index[c->b] / c->b);
    if (fault == FAKE_LENGTHS && c->phase == SOL_GENERATION)
        for (int64_t r = 0; r < c->b; r++) {
            int64_t owned = 0;
            while (owned < width && table[r * width + owned] >= 0)
                owned++;
            index[r] = (int32_t)(owned * 64 < c->s ? owned * 64 : c->s);
        }
}

static const char *confused_tensor(void)
{
    bool generation = now->c->phase == SOL_GENERATION;
    if (fault == FAKE_TABLE && generation)
        return "table";
    if (fault == FAKE_STALE && generation)
        return "length";
    if (fault == FAKE_LENGTHS)
        return generation ? "length" : "offset";
    return "";
}

static sc_status run_cpu(mock_exec *exec, sc_diag *diag)
{
    int i = find(confused_tensor()), t = find("table");
    if (i < 0)
        return cpu->run(exec, diag);
    size_t size_B = mock_tensor_bytes(&now->tensor[i]);
    void *copy = malloc(size_B);
    memcpy(copy, now->ptr[i], size_B);
    confuse(now->ptr[i], t < 0 ? NULL : now->ptr[t]);
    sc_status status = cpu->run(exec, diag);
    memcpy(now->ptr[i], copy, size_B);
    free(copy);
    return status;
}

static bool strikes(void)
{
    const mock_case *c = now->c;
    return fault == FAKE_SCALED || (fault == FAKE_BATCH_1 && c->b == 1) ||
           (fault == FAKE_SEQ_1 && c->s == 1) ||
           (fault == FAKE_LARGE_BATCH && c->b > 100) ||
           (fault == FAKE_FP16 && c->dtype[0] == SOL_FP16) ||
           (fault == FAKE_HEADS_2 && c->param[0] == 2);
}

static int find_pool(void)
{
    int i = find("v_pool");
    return i < 0 ? find("pool") : i;
}

static void *copy_pool(void)
{
    int i = find_pool();
    void *copy = malloc(mock_tensor_bytes(&now->tensor[i]));
    return memcpy(copy, now->ptr[i], mock_tensor_bytes(&now->tensor[i]));
}

/* The last new token goes elsewhere. */
static void shift_slots(int by)
{
    int i = fault == FAKE_APPEND_OFF ? find("slot") : -1;
    if (i >= 0)
        ((int32_t *)now->ptr[i])[mock_case_tokens(now->c) - 1] += by;
}

static sc_status fake_run(mock_exec *exec, sc_diag *diag)
{
    pick(exec);
    int out = find("out");
    mock_tensor *t = &now->tensor[out];
    unsigned char *p = now->ptr[out], last[4];
    size_t size_B = mock_tensor_bytes(t), width = (size_t)sol_dtype_bits(t->dtype) / 8;
    size_t row_B = (size_t)t->dim[t->rank - 1] * width;
    memcpy(last, p + size_B - width, width);
    void *pool = fault == FAKE_NO_APPEND ? copy_pool() : NULL;
    shift_slots(1);
    sc_status status = run_cpu(exec, diag);
    shift_slots(-1);
    if (pool) {
        int i = find_pool();
        memcpy(now->ptr[i], pool, mock_tensor_bytes(&now->tensor[i]));
        free(pool);
    }
    if (strikes())
        scale(1.05);
    if (fault == FAKE_NAN)
        mock_set(p, t->dtype, 3, NAN);
    if (fault == FAKE_ZEROS)
        memset(p, 0, size_B);
    if (fault == FAKE_ZERO_ROW)
        memset(p + size_B - row_B, 0, row_B);
    if (fault == FAKE_UNWRITTEN)
        memcpy(p + size_B - width, last, width);
    if (fault == FAKE_PAST_END)
        p[size_B + 5] = 0;
    if (fault == FAKE_INPUT)
        ((unsigned char *)now->ptr[0])[3] = 0x11;
    return status;
}

static double sample_clock(void)
{
    const fake_timer *f = &fake_time;
    return f->clock_hz ? f->clock_hz[f->reads < f->n_clock ? f->reads : f->n_clock - 1]
                       : NAN;
}

static sc_status scripted(mock_launch launch, int n, double *seconds)
{
    fake_timer *f = &fake_time;
    double noise = f->noise * (double)mock_normal(f->seed, f->calls++);
    if (launch == MOCK_GRAPH)
        f->graph_launches += (uint64_t)n;
    else
        f->eager_launches += (uint64_t)n;
    double slower = f->clock_hz ? f->clock_hz[0] / sample_clock() : 1;
    if (f->reads < f->slow)
        slower *= f->slower;
    *seconds = f->overhead_s + n * f->launch_s * (1 + noise) * slower;
    if (f->timer_s > 0)
        *seconds = f->timer_s * round(*seconds / f->timer_s);
    return SC_OK;
}

static sc_status fake_time_op(mock_exec *exec, mock_launch launch, int n, double *seconds,
                              sc_diag *diag)
{
    if (launch == MOCK_GRAPH && fault == FAKE_CAPTURE)
        return sc_diag_fail(diag, SC_EUNABLE, SC3006,
                            "capture failed: operation not permitted");
    if (fake_time.on)
        return scripted(launch, n, seconds);
    *seconds = 1e-3 * n;
    if (launch == MOCK_GRAPH && fault == FAKE_GRAPH_STALE)
        return SC_OK;
    sc_status status = SC_OK;
    for (int i = 0; i < n && !status; i++)
        status = fake_run(exec, diag);
    return status;
}

static sc_status fake_rotate(mock_exec *const exec[], int n_execs, mock_launch launch,
                             int n, double *seconds, sc_diag *diag)
{
    for (int i = 0; i < n; i++)
        if (fake_time.n_turns < 8192)
            fake_time.turn[fake_time.n_turns++] = exec[i % n_execs];
    return fake_time_op(exec[0], launch, n, seconds, diag);
}

static sc_status fake_telemetry(mock_device *dev, mock_telemetry *out, sc_diag *diag)
{
    (void)dev, (void)diag;
    bool hot = fake_time.throttled < 0 || fake_time.reads < fake_time.throttled;
    *out = (mock_telemetry){1.755e9,     2.619e9,          431.33,        700,
                            hot ? 4 : 0, fake_time.max_hz, sample_clock()};
    fake_time.reads++;
    return SC_OK;
}

const mock_device_ops *fake_open(fake_fault which, mock_device **dev,
                                 mock_device_info *info)
{
    fault = which;
    cpu = mock_cpu_ops();
    ops = *cpu;
    ops.alloc = fake_alloc;
    ops.free = fake_free;
    ops.upload = fake_upload;
    ops.fill_random = fake_fill_random;
    ops.fill_byte = fake_fill_byte;
    ops.prepare = fake_prepare;
    ops.release = fake_release;
    ops.run = fake_run;
    ops.time = fake_time_op;
    ops.rotate = fake_rotate;
    ops.telemetry = fake_telemetry;
    if (cpu->open(0, dev, info, NULL))
        return NULL;
    (*dev)->limit_B = FAKE_MEMORY_B;
    info->memory_B = FAKE_MEMORY_B;
    return &ops;
}

void fake_small(const mock_class *of, int64_t param[MOCK_MAX_PARAMS])
{
    static const struct {
        const char *name;
        int64_t value;
    } small[] = {{"n", 40},
                 {"k", 72},
                 {"num_heads", 8},
                 {"num_kv_heads", 8},
                 {"head_dim", 24},
                 {"kv_lora_rank", 40},
                 {"v_head_dim", 20},
                 {"qk_nope_head_dim", 24},
                 {"qk_rope_head_dim", 12},
                 {"hidden_size", 40},
                 {"moe_intermediate_size", 24},
                 {"intermediate_size", 40},
                 {"top_k", 3},
                 {"num_experts", 6},
                 {"rotary_dim", 12},
                 {"vocab_size", 50}};
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        int at = mock_class_param(of, small[i].name);
        if (at >= 0)
            param[at] = small[i].value;
    }
}
