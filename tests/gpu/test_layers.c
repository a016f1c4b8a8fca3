/* solcheck - the CUDA module on a real GPU: every layer, phase and dtype against the
 * class references, exact inputs, random fills, graphs, refusals and out-of-memory.
 *
 * Exits 77 (skipped) with a line that says why where there is no GPU; 1 on a failure.
 * "--quick" checks the smallest cases only (for memory checkers), "--quick LAYER" those
 * of one layer, "--bench" adds a table of timings, "--bench N" times case N of that table
 * only (for profilers), "--points FILE" times the points of a file only (read_points),
 * "--layers A,B" (among the last) restricts the cases and timings to those layers,
 * "--route own|cudnn" (there too) chooses who runs them; alone, cudnn runs its checks.
 * SOLCHECK_CUDA_SM=80 runs what an older GPU would. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "mock/harness.h"
#include "mock/layers/layers.h"

static const mock_device_ops *ops;
static mock_device *dev;
static mock_choice choice; /* of every case */
static const char *only;   /* names of layers, joined by commas; NULL: all */
static mock_device_info info;
static int n_checks, n_failed;

static void judge(bool ok, const char *what, const char *seen)
{
    n_checks++;
    n_failed += !ok;
    if (!ok)
        printf("FAIL %s: %s\n", what, seen);
}

static void judge_status(sc_status got, sc_status want, const sc_diag *diag,
                         const char *what)
{
    char seen[700];
    snprintf(seen, sizeof seen, "status %s, wanted %s: %s", sc_status_name(got),
             sc_status_name(want), diag->message);
    judge(got == want, what, seen);
}

static bool wanted(const char *layer)
{
    char list[200], name[40];
    snprintf(list, sizeof list, ",%s,", only ? only : layer);
    snprintf(name, sizeof name, ",%s,", layer);
    return strstr(list, name) != NULL;
}

/* ---- cases ---- */

typedef struct gpu_case {
    const char *layer;
    sol_phase_kind phase;
    int64_t b, s;
    int64_t param[MOCK_MAX_PARAMS]; /* -1: the class's default */
    bool ragged;
    bool quick; /* part of --quick */
} gpu_case;

/* gemm: n, k. attention: heads, kv heads, head_dim, causal. mla: heads. mla_bmm: heads,
 * lora, nope, v, post. moe: hidden, inter, experts, top_k, ep, shared, gated, router,
 * uniform. rmsnorm: hidden, residual. rope: heads, kv heads, width. activation: width,
 * gated. embedding: width, rows. */
static const gpu_case cases[] = {
    {"gemm", SOL_CONTEXT, 1, 1, {1, 1}, false, true},
    {"gemm", SOL_CONTEXT, 3, 43, {77, 129}, true, true},
    {"gemm", SOL_CONTEXT, 2, 65, {130, 66}, false, false},
    {"gemm", SOL_CONTEXT, 2, 100, {260, 516}, false, false},
    {"gemm", SOL_GENERATION, 5, 9, {264, 1000}, false, false},
    {"gemm", SOL_GENERATION, 1, 1, {4097, 2049}, false, false},
    {"attention", SOL_CONTEXT, 1, 1, {4, 2, 64, 1}, false, true},
    {"attention", SOL_CONTEXT, 3, 131, {4, 2, 64, 1}, true, true},
    {"attention", SOL_CONTEXT, 3, 200, {6, 2, 64, 0}, true, false},
    {"attention", SOL_CONTEXT, 1, 1, {2, 2, 128, 1}, false, false},
    {"attention", SOL_CONTEXT, 4, 333, {8, 2, 128, 1}, true, false},
    {"attention", SOL_CONTEXT, 2, 129, {5, 5, 128, 0}, true, true},
    {"attention", SOL_CONTEXT, 2, 640, {16, 1, 128, 1}, false, false},
    {"attention", SOL_CONTEXT, 7, 65, {3, 1, 128, 1}, true, false},
    {"attention", SOL_CONTEXT, 3, 1000, {9, 3, 64, 1}, true, false},
    {"attention", SOL_CONTEXT, 9, 700, {24, 8, 128, 1}, true, false},
    {"attention", SOL_CONTEXT, 3, 900, {4, 4, 64, 0}, true, false},
    {"attention", SOL_CONTEXT, 2, 190, {4, 2, 256, 1}, true, true},
    {"attention", SOL_CONTEXT, 2, 64, {4, 4, 256, 0}, false, false},
    {"attention", SOL_CONTEXT, 5, 19, {8, 1, 64, 1}, true, true},
    {"attention", SOL_CONTEXT, 150, 3, {40, 8, 64, 1}, true, false},
    {"attention", SOL_CONTEXT, 90, 1, {12, 4, 128, 1}, false, true},
    {"attention", SOL_CONTEXT, 40, 33, {96, 1, 128, 1}, true, false},
    {"attention", SOL_CONTEXT, 3, 77, {10, 2, 128, 0}, true, true},
    {"attention", SOL_CONTEXT, 1, 700, {14, 2, 128, 1}, false, false},
    {"attention", SOL_CONTEXT, 11, 9, {48, 2, 256, 1}, true, true},
    {"attention", SOL_CONTEXT, 70, 101, {9, 9, 256, 1}, true, false},
    {"attention", SOL_CONTEXT, 3, 1003, {24, 8, 256, 1}, true, false},
    {"attention", SOL_CONTEXT, 2, 515, {6, 1, 256, 0}, true, false},
    {"attention", SOL_CONTEXT, 6, 11, {6, 3, 64, 0}, true, true},
    {"attention", SOL_CONTEXT, 13, 7, {12, 4, 128, 1}, true, true},
    {"attention", SOL_CONTEXT, 5, 16, {4, 4, 256, 1}, true, false},
    {"attention", SOL_CONTEXT, 37, 3, {33, 11, 128, 0}, true, false},
    {"mla", SOL_CONTEXT, 1, 1, {3, -1, -1, -1, -1}, false, true},
    {"mla", SOL_CONTEXT, 3, 131, {2, -1, -1, -1, -1}, true, true},
    {"mla", SOL_CONTEXT, 5, 515, {7, -1, -1, -1, -1}, true, false},
    {"mla", SOL_CONTEXT, 1, 1025, {16, -1, -1, -1, -1}, false, false},
    {"mla", SOL_CONTEXT, 60, 21, {12, -1, -1, -1, -1}, true, false},
    {"mla", SOL_CONTEXT, 30, 190, {9, -1, -1, -1, -1}, true, false},
    {"mla", SOL_CONTEXT, 33, 1, {6, -1, -1, -1, -1}, false, true},
    {"mla", SOL_CONTEXT, 7, 5, {9, -1, -1, -1, -1}, true, true},
    {"mla", SOL_CONTEXT, 19, 16, {13, -1, -1, -1, -1}, true, false},
    {"mla", SOL_CONTEXT, 5, 17, {3, -1, -1, -1, -1}, true, true},
    {"attention", SOL_GENERATION, 1, 1, {4, 2, 64, 1}, false, true},
    {"attention", SOL_GENERATION, 5, 130, {8, 2, 64, 1}, true, true},
    {"attention", SOL_GENERATION, 3, 700, {20, 1, 64, 1}, true, false},
    {"attention", SOL_GENERATION, 4, 257, {8, 8, 128, 1}, true, true},
    {"attention", SOL_GENERATION, 3, 65, {32, 4, 128, 1}, true, true},
    {"attention", SOL_GENERATION, 1, 3001, {32, 8, 128, 1}, false, false},
    {"attention", SOL_GENERATION, 2, 1500, {40, 1, 128, 1}, true, false},
    {"attention", SOL_GENERATION, 2, 500, {160, 2, 128, 1}, true, false},
    {"attention", SOL_GENERATION, 129, 300, {16, 4, 128, 1}, true, false},
    {"mla", SOL_GENERATION, 1, 1, {16, -1, -1, -1, -1}, false, true},
    {"mla", SOL_GENERATION, 3, 130, {1, -1, -1, -1, -1}, true, true},
    {"mla", SOL_GENERATION, 5, 700, {16, -1, -1, -1, -1}, true, false},
    {"mla", SOL_GENERATION, 2, 4000, {16, -1, -1, -1, -1}, true, false},
    {"mla", SOL_GENERATION, 3, 300, {31, -1, -1, -1, -1}, true, true},
    {"mla", SOL_GENERATION, 2, 900, {64, -1, -1, -1, -1}, true, false},
    {"mla", SOL_GENERATION, 2, 777, {65, -1, -1, -1, -1}, true, true},
    {"mla", SOL_GENERATION, 3, 1025, {128, -1, -1, -1, -1}, true, false},
    {"mla", SOL_GENERATION, 1, 1, {128, -1, -1, -1, -1}, false, true},
    {"mla", SOL_GENERATION, 7, 450, {40, -1, -1, -1, -1}, true, false},
    {"mla", SOL_GENERATION, 150, 333, {64, -1, -1, -1, -1}, true, false},
    {"mla", SOL_GENERATION, 200, 70, {128, -1, -1, -1, -1}, true, false},
    {"mla", SOL_GENERATION, 140, 200, {16, -1, -1, -1, -1}, true, false},
    {"mla_bmm", SOL_GENERATION, 1, 1, {1, -1, -1, -1, 0}, false, true},
    {"mla_bmm", SOL_CONTEXT, 3, 43, {5, -1, -1, -1, 1}, true, true},
    {"mla_bmm", SOL_CONTEXT, 2, 65, {3, 130, 66, 40, 0}, true, false},
    {"mla_bmm", SOL_GENERATION, 131, 9, {16, -1, -1, -1, 1}, false, false},
    {"moe", SOL_GENERATION, 1, 1, {64, 24, 5, 2, 1, 0, 1, 0, 1}, false, true},
    {"moe", SOL_CONTEXT, 3, 43, {136, 72, 7, 3, 1, 1, 1, 0, 1}, true, true},
    {"moe", SOL_CONTEXT, 5, 301, {72, 40, 9, 4, 3, 2, 1, 0, 0}, true, true},
    {"moe", SOL_CONTEXT, 4, 777, {520, 200, 16, 6, 1, 1, 1, 0, 1}, true, false},
    {"moe", SOL_CONTEXT, 2, 3001, {264, 136, 64, 8, 2, 0, 1, 0, 0}, true, false},
    {"moe", SOL_GENERATION, 33, 5, {1024, 264, 200, 8, 1, 1, 1, 0, 1}, false, false},
    /* Tiles of every width, bands of tiles, sorting in one block and in many. */
    {"moe", SOL_CONTEXT, 3, 67, {208, 80, 5, 2, 1, 1, 1, 0, 1}, true, true},
    {"moe", SOL_CONTEXT, 2, 700, {192, 112, 6, 3, 1, 0, 1, 0, 0}, true, false},
    {"moe", SOL_CONTEXT, 5, 3001, {96, 48, 3, 2, 1, 1, 1, 0, 0}, true, false},
    {"moe", SOL_GENERATION, 150, 3, {1040, 272, 40, 8, 5, 0, 1, 0, 1}, false, false},
    {"moe", SOL_GENERATION, 7, 3, {2064, 528, 24, 6, 4, 1, 1, 0, 0}, false, true},
    {"gemm", SOL_CONTEXT, 3, 43, {80, 144}, true, true},
    {"gemm", SOL_GENERATION, 7, 5, {272, 1040}, false, false},
    {"mla_bmm", SOL_CONTEXT, 2, 65, {3, 144, 80, 48, 0}, true, true},
    {"rmsnorm", SOL_GENERATION, 1, 1, {7, 0}, false, true},
    {"rmsnorm", SOL_CONTEXT, 3, 43, {77, 1}, true, true},
    {"rmsnorm", SOL_CONTEXT, 3, 43, {1032, 1}, true, true},
    {"rmsnorm", SOL_GENERATION, 5, 9, {7168, 0}, false, false},
    {"rmsnorm", SOL_CONTEXT, 2, 300, {7168, 1}, true, false},
    {"rmsnorm", SOL_GENERATION, 3, 9, {32776, 1}, false, false},
    {"rope", SOL_GENERATION, 1, 1, {1, 1, 2}, false, true},
    {"rope", SOL_CONTEXT, 3, 43, {3, 2, 26}, true, true},
    {"rope", SOL_CONTEXT, 3, 131, {7, 2, 64}, true, true},
    {"rope", SOL_GENERATION, 9, 4099, {128, 1, 64}, true, false},
    {"activation", SOL_GENERATION, 1, 1, {5, 1}, false, true},
    {"activation", SOL_CONTEXT, 3, 43, {2056, 1}, true, true},
    {"activation", SOL_CONTEXT, 3, 43, {301, 0}, true, true},
    {"activation", SOL_CONTEXT, 5, 99, {14336, 0}, true, false},
    {"embedding", SOL_GENERATION, 3, 1, {9, 31}, false, true},
    {"embedding", SOL_CONTEXT, 3, 43, {1032, 501}, true, true},
    {"embedding", SOL_CONTEXT, 2, 300, {16392, 1003}, true, false},
};

/* Lengths from 1 to s, neither sorted nor multiples of anything; [0] = s. */
static int64_t *ragged(int64_t b, int64_t s)
{
    int64_t *length = sc_malloc((size_t)b * sizeof *length);
    for (int64_t r = 0; length && r < b; r++)
        length[r] = r == 0 ? s : r == 1 ? 1 : 1 + (r * 7919 + 13) % s;
    return length;
}

static const mock_class *make_case(const gpu_case *g, sol_dtype dtype, int64_t *lengths,
                                   mock_case *c, char *text, size_t text_B)
{
    const mock_class *cls = mock_class_find(g->layer);
    mock_case_init(cls, g->phase, g->b, g->s, c);
    int at = snprintf(text, text_B, "%s %s b=%lld s=%lld%s %s", g->layer,
                      sol_phase_name(g->phase), (long long)g->b, (long long)g->s,
                      lengths ? " ragged" : "", sol_dtype_name(dtype));
    for (int i = 0; i < cls->n_params; i++) {
        if (g->param[i] < 0)
            continue;
        c->param[i] = g->param[i];
        at += snprintf(text + at, text_B - (size_t)at, " %s=%lld", cls->param[i].name,
                       (long long)g->param[i]);
    }
    for (int i = 0; i < cls->n_slots; i++)
        c->dtype[i] = dtype;
    c->lengths = lengths;
    c->seed = 20261;
    c->choice = choice;
    if (choice != MOCK_CHOICE_AUTO)
        snprintf(text + at, text_B - (size_t)at, " route=%s", mock_choice_name(choice));
    return cls;
}

/* ---- against the reference, and graphs against eager runs ---- */

static void check_compare(mock_bench *bench, const char *text, const char *how)
{
    mock_compare cmp;
    sc_diag diag;
    char what[300], seen[300];
    snprintf(what, sizeof what, "%s (%s)", text, how);
    sc_status status = mock_bench_compare(bench, 24, &cmp, &diag);
    if (status) {
        judge_status(status, SC_OK, &diag, what);
        return;
    }
    snprintf(seen, sizeof seen,
             "%lld of %lld bad, %lld not finite, worst %.3g of tolerance, rel l2 %.3g",
             (long long)cmp.n_bad, (long long)cmp.n, (long long)cmp.n_nonfinite,
             cmp.worst, cmp.rel_l2);
    judge(mock_compare_ok(&cmp), what, seen);
}

static void check_case(const gpu_case *g, sol_dtype dtype)
{
    char text[256];
    mock_case c;
    sc_diag diag;
    sc_diag_clear(&diag);
    int64_t *lengths = g->ragged ? ragged(g->b, g->s) : NULL;
    const mock_class *cls = make_case(g, dtype, lengths, &c, text, sizeof text);
    mock_bench *bench = NULL;
    sc_status status = mock_bench_new(cls, &c, ops, dev, &bench, &diag);
    if (status) {
        judge_status(status, SC_OK, &diag, text);
        sc_free(lengths);
        return;
    }
    check_compare(bench, text, "eager");
    mock_timing_options options;
    mock_timing timing;
    mock_timing_defaults(&options);
    options.min_samples = options.max_samples = 2;
    options.min_batch_s = 0;
    status = mock_bench_time(bench, &options, &timing, &diag);
    judge_status(status, SC_OK, &diag, text);
    judge(status || (timing.launch == MOCK_GRAPH && timing.median_s > 0), text,
          "no graph was timed");
    check_compare(bench, text, "after graphs");
    judge(status || mock_class_route(cls, c.phase, info.sm_version, timing.source), text,
          "its route is not documented");
    if (!status && dtype != SOL_FP16)
        printf("ok   %-62s %s\n", text, timing.source);
    mock_bench_free(bench);
    sc_free(lengths);
}

/* fp8 where the GPU and the sizes allow it; where not, the refusal says why. */
static void check_fp8(const gpu_case *g)
{
    char text[256];
    mock_case c;
    sc_diag diag;
    mock_bench *bench = NULL;
    const mock_class *cls = make_case(g, SOL_FP8, NULL, &c, text, sizeof text);
    bool moe = strcmp(g->layer, "moe") == 0, bmm = strcmp(g->layer, "mla_bmm") == 0;
    int64_t sizes = bmm ? mock_bmm_k(&c) | mock_bmm_n(&c) : c.param[0] | c.param[1];
    bool able = moe || info.sm_version >= 89, even = sizes % 16 == 0;
    sc_diag_clear(&diag);
    sc_status status =
        able && even ? SC_OK : mock_bench_new(cls, &c, ops, dev, &bench, &diag);
    if (status) {
        judge_status(status, SC_EUNABLE, &diag, text);
        judge(strstr(diag.message, able ? "multiples of 16" : "8.9") != NULL, text,
              diag.message);
        return;
    }
    mock_bench_free(bench);
    judge(able, text, "was not refused");
    check_case(g, SOL_FP8); /* cuBLASLt has some for other sizes, too */
}

/* ---- attention and mla: fp8 caches, scope op, windows, groups of heads ---- */

/* attention: heads, kv heads, head_dim, causal, window. mla: heads. */
static const struct attend_case {
    gpu_case at;
    sol_dtype kv; /* SOL_FP8; else the activations' */
    mock_scope scope;
} attend_cases[] = {
#define A "attention", SOL_GENERATION
#define M "mla", SOL_GENERATION
#define F SOL_FP8, MOCK_SCOPE_KERNEL
#define O SOL_BF16, MOCK_SCOPE_OP
#define FO SOL_FP8, MOCK_SCOPE_OP
#define P SOL_BF16, MOCK_SCOPE_KERNEL
    {{A, 1, 1, {4, 2, 64, 1, 0}, false, true}, F},
    {{A, 5, 130, {8, 2, 64, 1, 0}, true, true}, F},
    {{A, 3, 700, {20, 1, 64, 1, 0}, true, false}, F},
    {{A, 3, 431, {66, 1, 64, 1, 0}, true, true}, F},
    {{A, 4, 257, {8, 8, 128, 1, 0}, true, true}, F},
    {{A, 3, 1065, {32, 4, 128, 1, 0}, true, false}, F},
    {{A, 2, 700, {24, 1, 128, 1, 0}, true, false}, F},
    {{A, 2, 300, {47, 1, 128, 1, 0}, true, true}, F},
    {{A, 140, 300, {128, 2, 128, 1, 0}, true, false}, F},
    {{A, 3, 200, {6, 2, 256, 1, 0}, true, true}, F},
    {{A, 2, 901, {20, 1, 256, 1, 0}, true, true}, F},
    {{A, 3, 431, {66, 1, 64, 1, 0}, true, true}, P},
    {{A, 2, 1500, {80, 2, 64, 1, 0}, true, false}, P},
    {{A, 2, 300, {47, 1, 128, 1, 0}, true, true}, P},
    {{A, 150, 300, {128, 1, 128, 1, 0}, true, false}, P},
    {{A, 1, 1, {1, 1, 256, 1, 0}, false, true}, P},
    {{A, 3, 200, {6, 2, 256, 1, 0}, true, true}, P},
    {{A, 2, 1901, {20, 1, 256, 1, 0}, true, true}, P},
    {{A, 140, 260, {96, 2, 256, 1, 0}, true, false}, P},
    {{A, 5, 700, {8, 2, 64, 1, 100}, true, true}, P},
    {{A, 3, 1700, {32, 4, 128, 1, 513}, true, true}, P},
    {{A, 3, 1700, {32, 4, 128, 1, 1}, true, false}, F},
    {{A, 3, 900, {40, 1, 128, 1, 64}, true, true}, P},
    {{A, 4, 900, {20, 1, 256, 1, 127}, true, false}, FO},
    {{A, 1, 1, {4, 2, 64, 1, 0}, false, true}, O},
    {{A, 5, 130, {8, 2, 128, 1, 0}, true, true}, O},
    {{A, 3, 700, {40, 4, 256, 1, 0}, true, false}, O},
    {{A, 5, 130, {8, 2, 128, 1, 0}, true, true}, FO},
    {{A, 129, 400, {32, 8, 64, 1, 0}, true, false}, FO},
    {{M, 1, 1, {16, -1, -1, -1, -1}, false, true}, F},
    {{M, 3, 130, {1, -1, -1, -1, -1}, true, true}, F},
    {{M, 5, 1700, {16, -1, -1, -1, -1}, true, false}, F},
    {{M, 3, 300, {31, -1, -1, -1, -1}, true, true}, F},
    {{M, 2, 777, {65, -1, -1, -1, -1}, true, true}, F},
    {{M, 140, 300, {128, -1, -1, -1, -1}, true, false}, F},
    {{M, 3, 130, {3, -1, -1, -1, -1}, true, true}, O},
    {{M, 7, 450, {128, -1, -1, -1, -1}, true, false}, O},
    {{M, 3, 130, {16, -1, -1, -1, -1}, true, true}, FO},
    {{M, 33, 450, {64, -1, -1, -1, -1}, true, false}, FO},
#undef A
#undef M
#define A "attention", SOL_CONTEXT
#define M "mla", SOL_CONTEXT
    {{A, 3, 131, {4, 2, 64, 1, 0}, true, true}, F},
    {{A, 4, 333, {8, 2, 128, 1, 0}, true, false}, F},
    {{A, 2, 190, {4, 4, 256, 0, 0}, true, false}, F},
    {{A, 3, 131, {4, 2, 64, 1, 0}, true, true}, O},
    {{A, 4, 333, {8, 2, 128, 1, 0}, true, false}, O},
    {{A, 3, 131, {6, 2, 128, 1, 0}, true, true}, FO},
    {{A, 3, 431, {4, 2, 64, 1, 1}, true, true}, P},
    {{A, 3, 431, {4, 2, 64, 1, 64}, true, true}, P},
    {{A, 4, 733, {8, 2, 128, 1, 100}, true, false}, P},
    {{A, 2, 1290, {4, 4, 128, 1, 513}, true, false}, P},
    {{A, 3, 390, {2, 1, 256, 1, 65}, true, true}, P},
    {{A, 2, 190, {4, 2, 128, 1, 4096}, true, false}, P},
    {{A, 3, 331, {6, 2, 128, 1, 127}, true, true}, FO},
    {{A, 5, 13, {6, 2, 64, 1, 4}, true, true}, P},
    {{A, 5, 14, {6, 6, 128, 1, 14}, true, false}, FO},
    {{M, 3, 131, {2, -1, -1, -1, -1}, true, true}, F},
    {{M, 3, 131, {2, -1, -1, -1, -1}, true, true}, O},
    {{M, 5, 515, {7, -1, -1, -1, -1}, true, false}, FO},
    {{M, 5, 13, {7, -1, -1, -1, -1}, true, true}, FO},
#undef A
#undef M
#undef F
#undef O
#undef FO
#undef P
};

static void check_attend(const struct attend_case *g, sol_dtype dtype)
{
    char text[256], what[300];
    mock_case c;
    sc_diag diag;
    sc_diag_clear(&diag);
    int64_t *lengths = g->at.ragged ? ragged(g->at.b, g->at.s) : NULL;
    const mock_class *cls = make_case(&g->at, dtype, lengths, &c, text, sizeof text);
    mock_bench *bench = NULL;
    mock_timing_options options;
    mock_timing timing;
    c.dtype[1] = g->kv == SOL_FP8 ? SOL_FP8 : dtype;
    c.scope = g->scope;
    snprintf(what, sizeof what, "%s kv=%s scope=%s", text, sol_dtype_name(c.dtype[1]),
             mock_scope_name(c.scope));
    sc_status status = mock_bench_new(cls, &c, ops, dev, &bench, &diag);
    judge_status(status, SC_OK, &diag, what);
    if (!status) {
        check_compare(bench, what, "eager");
        mock_timing_defaults(&options);
        options.min_samples = options.max_samples = 2;
        options.min_batch_s = 0;
        status = mock_bench_time(bench, &options, &timing, &diag);
        judge_status(status, SC_OK, &diag, what);
        check_compare(bench, what, "after graphs");
        if (!status && dtype == SOL_BF16)
            printf("ok   %-78s %s\n", what, timing.source);
        mock_bench_free(bench);
    }
    sc_free(lengths);
}

static void check_attends(bool quick)
{
    for (size_t i = 0; i < sizeof attend_cases / sizeof attend_cases[0]; i++) {
        if ((quick && !attend_cases[i].at.quick) || !wanted(attend_cases[i].at.layer))
            continue;
        check_attend(&attend_cases[i], SOL_BF16);
        check_attend(&attend_cases[i], SOL_FP16);
        fflush(stdout);
    }
}

/* ---- a layer on tensors of our own ---- */

typedef struct own {
    void *ptr[MOCK_MAX_TENSORS];
    mock_tensor tensor[MOCK_MAX_TENSORS];
    void *host[MOCK_MAX_TENSORS];
    int n, output;
} own;

static void own_free(own *o)
{
    for (int i = 0; i < o->n; i++) {
        ops->free(dev, o->ptr[i]);
        sc_free(o->host[i]);
    }
}

static bool own_make(own *o, const mock_class *cls, const mock_case *c)
{
    sc_diag diag;
    memset(o, 0, sizeof *o);
    if (cls->plan(c, o->tensor, &o->n, &diag))
        return false;
    for (int i = 0; i < o->n; i++) {
        size_t size_B = mock_tensor_bytes(&o->tensor[i]);
        o->host[i] = sc_calloc(1, size_B);
        if (!o->host[i] || ops->alloc(dev, size_B, &o->ptr[i], &diag))
            return false;
        if (o->tensor[i].role == MOCK_OUTPUT)
            o->output = i;
    }
    return true;
}

static sc_status own_run(own *o, const mock_class *cls, const mock_case *c, sc_diag *diag)
{
    mock_exec *exec = NULL;
    sc_status status = cls->fill(c, o->host, diag);
    for (int i = 0; i < o->n && !status; i++)
        status = ops->upload(dev, o->ptr[i], o->host[i], mock_tensor_bytes(&o->tensor[i]),
                             diag);
    size_t out_B = mock_tensor_bytes(&o->tensor[o->output]);
    if (!status)
        status = ops->prepare(dev, cls->name, c, o->ptr, &exec, diag);
    if (!status)
        status = ops->fill_byte(dev, o->ptr[o->output], 0xff, out_B, diag);
    if (!status)
        status = ops->run(exec, diag);
    if (!status)
        status = ops->download(dev, o->host[o->output], o->ptr[o->output], out_B, diag);
    ops->release(exec);
    return status;
}

static int64_t elements(const mock_tensor *t)
{
    int64_t n = 1;
    for (int i = 0; i < t->rank; i++)
        n *= t->dim[i];
    return n;
}

/* gemm on small integers: every sum is exact in float and in bf16. */
static void check_exact_gemm(void)
{
    const mock_class *cls = mock_class_find("gemm");
    mock_case c;
    own o;
    sc_diag diag;
    mock_case_init(cls, SOL_CONTEXT, 1, 37, &c);
    c.param[MOCK_GEMM_N] = 72;
    c.param[MOCK_GEMM_K] = 40;
    if (!own_make(&o, cls, &c)) {
        judge(false, "gemm, exact inputs", "cannot be set up");
        own_free(&o);
        return;
    }
    for (int64_t i = 0; i < elements(&o.tensor[0]); i++)
        mock_set(o.host[0], SOL_BF16, i, (double)(i * 5 % 3 - 1));
    for (int64_t i = 0; i < elements(&o.tensor[1]); i++)
        mock_set(o.host[1], SOL_BF16, i, (double)(i * 7 % 5 - 2));
    sc_status status = own_run(&o, cls, &c, &diag);
    judge_status(status, SC_OK, &diag, "gemm, exact inputs");
    int64_t bad = 0;
    for (int64_t t = 0; !status && t < 37; t++)
        for (int64_t j = 0; j < 72; j++) {
            double sum = 0;
            for (int64_t e = 0; e < 40; e++)
                sum += mock_get(o.host[0], SOL_BF16, t * 40 + e) *
                       mock_get(o.host[1], SOL_BF16, j * 40 + e);
            bad += mock_get(o.host[2], SOL_BF16, t * 72 + j) != sum;
        }
    judge(bad == 0, "gemm, exact inputs", "an element differs");
    own_free(&o);
}

/* With zero queries all weights are equal, so the output is the plain mean of the values;
 * these depend on the column alone, hence it is exactly the value. value(column) spans
 * -8..7, all exact in bf16. For mla generation the value is the latent's first part. */
static double column_value(int64_t column)
{
    return (double)(column * 5 % 16 - 8);
}

static void check_exact_attention(const char *layer, sol_phase_kind phase, int64_t s,
                                  int value_tensor, int64_t heads, int64_t dv,
                                  int64_t row_width)
{
    const mock_class *cls = mock_class_find(layer);
    char what[96];
    int64_t lengths[3] = {s / 2 + 2, 1, s};
    mock_case c;
    own o;
    sc_diag diag;
    snprintf(what, sizeof what, "%s %s s=%lld, equal weights", layer,
             sol_phase_name(phase), (long long)s);
    mock_case_init(cls, phase, 3, s, &c);
    c.lengths = lengths;
    c.param[0] = heads;
    c.choice = choice;
    if (!own_make(&o, cls, &c)) {
        judge(false, what, "cannot be set up");
        own_free(&o);
        return;
    }
    for (int64_t i = 0; i < elements(&o.tensor[value_tensor]); i++)
        mock_set(o.host[value_tensor], SOL_BF16, i,
                 i % row_width < dv ? column_value(i % row_width) : 0.5);
    sc_status status = own_run(&o, cls, &c, &diag);
    judge_status(status, SC_OK, &diag, what);
    int64_t bad = 0;
    for (int64_t i = 0; !status && i < elements(&o.tensor[o.output]); i++)
        bad += mock_get(o.host[o.output], SOL_BF16, i) != column_value(i % dv);
    judge(bad == 0, what, "an element is not the value of its column");
    own_free(&o);
}

/* Inputs for which every step is exact, and so is the output in bf16; width: the hidden
 * size of moe, whose experts are 32 wide. */
static double exact_value(const char *layer, const char *tensor, int64_t width, int64_t i)
{
    double digit = (double)(i * 7 % 11 % 3 - 1);
    if (strcmp(layer, "activation") == 0) /* silu(64) = 64 to the last bit */
        return i % 144 < 72 ? 64 : digit;
    if (strcmp(tensor, "cos_sin") == 0) /* quarter turns */
        return i % 32 < 16 ? 0 : 1;
    if (strcmp(tensor, "w13") == 0) /* gate = 64 x[0], x[0] = 1; up: short sums */
        return i / width % 64 < 32 ? (i % width == 0 ? 64 : 0)
               : i % width < 4     ? digit
                                   : 0;
    if (strcmp(tensor, "w2") == 0) /* one input each */
        return i % 32 == i / 32 % 32 ? digit : 0;
    if (strcmp(tensor, "gate") == 0)
        return 0.5;
    if (strcmp(layer, "moe") == 0)
        return i % width == 0 ? 1 : digit;
    return digit;
}

/* own_run fills the index tensors; real ones among them are overwritten, so that the run
 * is done here. */
static sc_status exact_run(own *o, const mock_class *cls, const mock_case *c,
                           sc_diag *diag)
{
    sc_status status = cls->fill(c, o->host, diag);
    mock_exec *exec = NULL;
    for (int i = 0; i < o->n && !status; i++) {
        const mock_tensor *t = &o->tensor[i];
        bool real = t->role != MOCK_INDEX || t->dtype == SOL_FP32;
        for (int64_t e = 0; real && e < elements(t); e++)
            mock_set(o->host[i], t->dtype, e,
                     exact_value(cls->name, t->name, c->param[0], e));
        status = ops->upload(dev, o->ptr[i], o->host[i], mock_tensor_bytes(t), diag);
    }
    if (!status)
        status = ops->prepare(dev, cls->name, c, o->ptr, &exec, diag);
    if (!status)
        status = ops->run(exec, diag);
    for (int i = 0; i < o->n && !status; i++)
        if (i == o->output || o->tensor[i].role == MOCK_SIDE)
            status = ops->download(dev, o->host[i], o->ptr[i],
                                   mock_tensor_bytes(&o->tensor[i]), diag);
    ops->release(exec);
    return status;
}

static void check_exact(const gpu_case *g, sol_dtype dtype)
{
    char text[256], what[300];
    mock_case c;
    own o;
    sc_diag diag;
    const mock_class *cls = make_case(g, dtype, NULL, &c, text, sizeof text);
    snprintf(what, sizeof what, "%s, exact inputs", text);
    sc_status status = own_make(&o, cls, &c) ? SC_OK : SC_ENOMEM;
    int64_t rows = mock_case_tokens(&c), hidden = mock_class_hidden(cls, &c), bad = 0;
    double *want = sc_calloc((size_t)hidden, sizeof *want);
    if (!status && want)
        status = exact_run(&o, cls, &c, &diag);
    judge_status(want ? status : SC_ENOMEM, SC_OK, &diag, what);
    for (int64_t r = 0; !status && r < rows; r++) {
        status = cls->reference(&c, (const void *const *)o.host, &r, 1, want, &diag);
        for (int64_t e = 0; !status && e < hidden; e++)
            bad += mock_get(o.host[o.output], SOL_BF16, r * hidden + e) != want[e];
    }
    judge(bad == 0, what, "an element differs");
    sc_free(want);
    own_free(&o);
}

static void check_exact_others(void)
{
    static const gpu_case exact[] = {
        {"mla_bmm", SOL_CONTEXT, 3, 11, {3, 48, 40, 24, 0}, false, true},
        {"mla_bmm", SOL_GENERATION, 37, 1, {5, 40, 8, 72, 1}, false, true},
        {"moe", SOL_CONTEXT, 1, 2, {72, 32, 7, 3, 1, 0, 1, 0, 1}, false, true},
        {"moe", SOL_CONTEXT, 5, 41, {72, 32, 7, 3, 1, 1, 1, 0, 1}, false, true},
        {"moe", SOL_CONTEXT, 9, 333, {72, 32, 6, 3, 2, 0, 1, 0, 0}, false, true},
        {"rope", SOL_CONTEXT, 3, 7, {3, 2, 32}, false, true},
        {"activation", SOL_GENERATION, 5, 7, {72, 1}, false, true},
        {"embedding", SOL_CONTEXT, 3, 11, {72, 50}, false, true},
    };
    for (size_t i = 0; i < sizeof exact / sizeof exact[0]; i++)
        if (wanted(exact[i].layer))
            check_exact(&exact[i], SOL_BF16);
    static const gpu_case narrow[] = {
        {"mla_bmm", SOL_CONTEXT, 3, 11, {3, 48, 80, 16, 0}, false, true},
        {"moe", SOL_CONTEXT, 5, 41, {144, 32, 7, 3, 1, 1, 1, 0, 1}, false, true},
        {"moe", SOL_CONTEXT, 9, 333, {144, 32, 6, 3, 2, 0, 1, 0, 0}, false, true},
    };
    for (size_t i = 0; i < sizeof narrow / sizeof narrow[0]; i++)
        if (wanted(narrow[i].layer) &&
            (info.sm_version >= 89 || strcmp(narrow[i].layer, "moe") == 0))
            check_exact(&narrow[i], SOL_FP8);
}

/* The second output of rmsnorm, and nothing behind it: rows of every kernel. */
static void check_norm_sum(void)
{
    static const int64_t widths[] = {77, 1032, 7168, 32776};
    for (size_t k = 0; k < sizeof widths / sizeof widths[0]; k++) {
        const mock_class *cls = mock_class_find("rmsnorm");
        mock_case c;
        own o;
        sc_diag diag;
        int64_t bad = 0;
        mock_case_init(cls, SOL_GENERATION, 3, 5, &c);
        c.param[MOCK_RMSNORM_HIDDEN] = widths[k];
        sc_status status = own_make(&o, cls, &c) ? SC_OK : SC_ENOMEM;
        if (!status)
            status = exact_run(&o, cls, &c, &diag);
        judge_status(status, SC_OK, &diag, "rmsnorm, residual");
        for (int64_t i = 0; !status && i < 3 * widths[k]; i++)
            bad += mock_get(o.host[MOCK_RMSNORM_SUM], SOL_BF16, i) !=
                   2 * exact_value("rmsnorm", "x", widths[k], i);
        judge(bad == 0, "rmsnorm, residual", "an element of the sum differs");
        own_free(&o);
    }
}

/* ---- the rest of the interface ---- */

static void check_fill(void)
{
    static const sol_dtype dtypes[] = {SOL_BF16, SOL_FP16, SOL_FP32, SOL_FP8};
    enum { N = 100003 };
    for (size_t k = 0; k < MOCK_N_INPUTS * sizeof dtypes / sizeof dtypes[0]; k++) {
        size_t d = k / MOCK_N_INPUTS;
        mock_inputs inputs = (mock_inputs)(k % MOCK_N_INPUTS);
        size_t size_B = (size_t)N * (size_t)sol_dtype_bits(dtypes[d]) / 8;
        void *p = NULL, *got = sc_malloc(size_B), *want = sc_malloc(size_B);
        sc_diag diag;
        sc_status status = got && want ? ops->alloc(dev, size_B, &p, &diag) : SC_ENOMEM;
        if (!status)
            status =
                ops->fill_random(dev, p, dtypes[d], N, inputs, 987654321, 0.37, &diag);
        if (!status)
            status = ops->download(dev, got, p, size_B, &diag);
        judge_status(status, SC_OK, &diag, "random fill");
        if (!status) {
            char what[48];
            snprintf(what, sizeof what, "random fill, %s", mock_inputs_name(inputs));
            mock_fill_random(want, dtypes[d], N, inputs, 987654321, 0.37);
            judge(memcmp(got, want, size_B) == 0, what, sol_dtype_name(dtypes[d]));
        }
        ops->free(dev, p);
        sc_free(got);
        sc_free(want);
    }
}

static void check_out_of_memory(void)
{
    void *p = &p;
    sc_diag diag;
    sc_diag_clear(&diag);
    sc_status status = ops->alloc(dev, (size_t)1 << 46, &p, &diag);
    judge_status(status, SC_ENOMEM, &diag, "out of memory");
    judge(p == &p, "out of memory", "the output was written");
    judge(diag.code == SC3004 && strstr(diag.message, "70368744177664"), "out of memory",
          diag.message);
    judge(strstr(diag.hint, "lower b or s") != NULL, "out of memory, hint", diag.hint);
    status = ops->alloc(dev, 1000, &p, &diag);
    judge_status(status, SC_OK, &diag, "small allocation after out of memory");
    ops->free(dev, status ? NULL : p);
}

static void check_refusals(void)
{
    static const struct {
        const char *layer;
        sol_phase_kind phase;
        int param;
        int64_t value;
        sol_dtype dtype;
        const char *reason;
    } table[] = {
        {"attention", SOL_CONTEXT, MOCK_ATTENTION_DIM, 80, SOL_BF16, "80"},
        {"attention", SOL_GENERATION, MOCK_ATTENTION_DIM, 96, SOL_BF16, "96"},
        {"mla", SOL_CONTEXT, MOCK_MLA_NOPE, 96, SOL_BF16, "160"},
        {"mla", SOL_GENERATION, MOCK_MLA_LORA, 256, SOL_BF16, "320"},
        {"mla", SOL_GENERATION, MOCK_MLA_LORA, 512, SOL_FP8, "fp8"},
        {"gemm", SOL_CONTEXT, MOCK_GEMM_N, 64, SOL_FP32, "fp32"},
        {"mla_bmm", SOL_GENERATION, MOCK_MLA_BMM_HEADS, 4, SOL_FP32, "fp32"},
        {"moe", SOL_CONTEXT, MOCK_MOE_HIDDEN, 516, SOL_BF16, "516"},
        {"moe", SOL_CONTEXT, MOCK_MOE_INTER, 100, SOL_BF16, "100"},
        {"rmsnorm", SOL_CONTEXT, MOCK_RMSNORM_HIDDEN, 512, SOL_FP32, "fp32"},
        {"rope", SOL_CONTEXT, MOCK_ROPE_HEADS, 4, SOL_FP32, "fp32"},
        {"activation", SOL_CONTEXT, MOCK_ACTIVATION_INTER, 512, SOL_FP32, "fp32"},
        {"embedding", SOL_CONTEXT, MOCK_EMBEDDING_HIDDEN, 512, SOL_FP32, "fp32"},
    };
    void *ptr[MOCK_MAX_TENSORS] = {NULL};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const mock_class *cls = mock_class_find(table[i].layer);
        mock_case c;
        mock_exec *exec = NULL;
        sc_diag diag;
        sc_diag_clear(&diag);
        mock_case_init(cls, table[i].phase, 2, 70, &c);
        if (cls->routed)
            c.choice = MOCK_CHOICE_OWN;
        c.param[table[i].param] = table[i].value;
        for (int k = 0; k < cls->n_slots; k++)
            c.dtype[k] = table[i].dtype;
        sc_status status = ops->prepare(dev, table[i].layer, &c, ptr, &exec, &diag);
        judge_status(status, SC_EUNABLE, &diag, "refusal");
        judge(diag.code == SC3005 && strstr(diag.message, table[i].reason),
              "reason of a refusal", diag.message);
        ops->release(exec);
    }
}

static void check_telemetry(void)
{
    mock_telemetry t;
    sc_diag diag;
    char seen[200];
    judge_status(ops->telemetry(dev, &t, &diag), SC_OK, &diag, "telemetry");
    snprintf(seen, sizeof seen,
             "SM %.0f MHz, memory %.0f MHz, %.0f W of %.0f W, throttle %llx",
             1e-6 * t.sm_clock_hz, 1e-6 * t.mem_clock_hz, t.power_W, t.power_limit_W,
             (unsigned long long)t.throttle);
    printf("telemetry: %s\n", seen);
    judge(!(t.sm_clock_hz <= 0) && !(t.power_W < 0), "telemetry", seen);
}

/* ---- cuDNN's route of context attention and mla ---- */

/* Beside the cases of the own kernels: what those lack. */
static const gpu_case cudnn_cases[] = {
    {"attention", SOL_CONTEXT, 3, 131, {4, 2, 80, 1, 0}, true, true},
    {"attention", SOL_CONTEXT, 2, 333, {6, 6, 96, 0, 0}, true, false},
    {"attention", SOL_CONTEXT, 2, 190, {6, 1, 40, 1, 0}, false, true},
    {"attention", SOL_CONTEXT, 3, 431, {8, 2, 128, 1, 31}, true, true},
    {"attention", SOL_CONTEXT, 2, 1300, {4, 4, 64, 1, 513}, true, false},
    {"attention", SOL_CONTEXT, 2, 700, {4, 2, 128, 1, 1}, false, false},
    {"attention", SOL_CONTEXT, 2, 70, {4, 2, 128, 1, 70}, false, true},
    {"mla", SOL_CONTEXT, 3, 131, {5, -1, 96, 32, 96}, true, true},
};

/* Is there a cuDNN to run? Says so where there is none. */
static bool have_cudnn(void)
{
    const mock_class *cls = mock_class_find("attention");
    void *ptr[MOCK_MAX_TENSORS] = {NULL}, *some = NULL;
    mock_case c;
    mock_exec *exec = NULL;
    sc_diag diag;
    sc_diag_clear(&diag);
    judge_status(ops->alloc(dev, 256, &some, &diag), SC_OK, &diag, "alloc");
    for (int i = 0; i < MOCK_MAX_TENSORS; i++)
        ptr[i] = some; /* prepared, not run */
    mock_case_init(cls, SOL_GENERATION, 2, 70, &c);
    c.choice = MOCK_CHOICE_CUDNN;
    sc_status status = ops->prepare(dev, "attention", &c, ptr, &exec, &diag);
    judge_status(status, SC_EUNABLE, &diag, "cuDNN in generation");
    c.phase = SOL_CONTEXT;
    c.param[MOCK_ATTENTION_CAUSAL] = 0;
    c.param[MOCK_ATTENTION_WINDOW] = 31;
    status = ops->prepare(dev, "attention", &c, ptr, &exec, &diag);
    judge_status(status, SC_EUNABLE, &diag, "a window that is not causal, by cuDNN");
    judge(strstr(diag.message, "window") != NULL, "its reason", diag.message);
    c.param[MOCK_ATTENTION_WINDOW] = 0;
    status = ops->prepare(dev, "attention", &c, ptr, &exec, &diag);
    ops->release(exec);
    ops->free(dev, some);
    if (status == SC_EUNABLE &&
        (strstr(diag.message, "no cuDNN 9") || strstr(diag.message, "without cuDNN"))) {
        printf("SKIP: cuDNN's route was not run: %s\n", diag.message);
        return false;
    }
    judge_status(status, SC_OK, &diag, "cuDNN");
    return status == SC_OK;
}

static bool by_cudnn(const gpu_case *g, bool quick)
{
    return mock_class_find(g->layer)->routed && g->phase == SOL_CONTEXT &&
           (!quick || g->quick) && wanted(g->layer);
}

static void check_cudnn(bool quick)
{
    if (!have_cudnn())
        return;
    choice = MOCK_CHOICE_CUDNN;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (by_cudnn(&cases[i], quick)) {
            check_case(&cases[i], SOL_BF16);
            check_case(&cases[i], SOL_FP16);
        }
    for (size_t i = 0; i < sizeof attend_cases / sizeof attend_cases[0]; i++)
        if (by_cudnn(&attend_cases[i].at, quick))
            check_attend(&attend_cases[i], SOL_BF16);
    check_exact_attention("attention", SOL_CONTEXT, 130, 2, 32, 128, 128);
    check_exact_attention("mla", SOL_CONTEXT, 130, 3, 5, 128, 128);
    choice = MOCK_CHOICE_AUTO; /* falls back to it */
    for (size_t i = 0; i < sizeof cudnn_cases / sizeof cudnn_cases[0]; i++)
        if (by_cudnn(&cudnn_cases[i], quick)) {
            check_case(&cudnn_cases[i], SOL_BF16);
            check_case(&cudnn_cases[i], SOL_FP16);
        }
    fflush(stdout);
}

/* ---- timings ---- */

static const gpu_case timed[] = {
    {"gemm", SOL_CONTEXT, 1, 8192, {8192, 8192}, false, false},
    {"gemm", SOL_CONTEXT, 1, 4096, {7168, 18432}, false, false},
    {"gemm", SOL_CONTEXT, 1, 1024, {7168, 2048}, false, false},
    {"gemm", SOL_GENERATION, 16, 1, {7168, 2048}, false, false},
    {"attention", SOL_CONTEXT, 1, 4096, {32, 8, 128, 1}, false, false},
    {"attention", SOL_CONTEXT, 1, 8192, {64, 8, 128, 1}, false, false},
    {"attention", SOL_CONTEXT, 16, 1024, {32, 8, 128, 1}, false, false},
    {"attention", SOL_CONTEXT, 1, 8192, {32, 8, 64, 1}, false, false},
    {"attention", SOL_CONTEXT, 1, 4096, {16, 8, 256, 1}, false, false},
    {"attention", SOL_GENERATION, 1, 4096, {32, 8, 128, 1}, false, false},
    {"attention", SOL_GENERATION, 16, 2048, {32, 8, 128, 1}, false, false},
    {"attention", SOL_GENERATION, 64, 4096, {32, 8, 128, 1}, false, false},
    {"attention", SOL_GENERATION, 64, 8192, {32, 8, 128, 1}, false, false},
    {"attention", SOL_GENERATION, 32, 8192, {64, 1, 128, 1}, false, false},
    {"attention", SOL_GENERATION, 64, 8192, {32, 8, 64, 1}, false, false},
    {"mla", SOL_CONTEXT, 1, 512, {128, -1, -1, -1, -1}, false, false},
    {"mla", SOL_CONTEXT, 1, 1024, {128, -1, -1, -1, -1}, false, false},
    {"mla", SOL_CONTEXT, 1, 4096, {128, -1, -1, -1, -1}, false, false},
    {"mla", SOL_CONTEXT, 4, 4096, {128, -1, -1, -1, -1}, false, false},
    {"mla", SOL_CONTEXT, 64, 128, {16, -1, -1, -1, -1}, false, false},
    {"attention", SOL_CONTEXT, 1, 16384, {32, 8, 128, 1}, false, false},
    {"mla", SOL_CONTEXT, 8, 1024, {128, -1, -1, -1, -1}, false, false},
    {"mla", SOL_CONTEXT, 1, 16384, {16, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 1, 4096, {16, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 8, 4096, {16, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 64, 4096, {16, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 128, 8192, {16, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 64, 4096, {32, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 1, 4096, {128, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 16, 4096, {128, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 64, 4096, {128, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 128, 8192, {128, -1, -1, -1, -1}, false, false},
    {"mla", SOL_GENERATION, 64, 4096, {64, -1, -1, -1, -1}, false, false},
    {"mla_bmm", SOL_GENERATION, 1, 1, {128, -1, -1, -1, 0}, false, false},
    {"mla_bmm", SOL_GENERATION, 128, 1, {128, -1, -1, -1, 0}, false, false},
    {"mla_bmm", SOL_GENERATION, 128, 1, {128, -1, -1, -1, 1}, false, false},
    {"mla_bmm", SOL_CONTEXT, 1, 4096, {16, -1, -1, -1, 1}, false, false},
    {"moe", SOL_GENERATION, 1, 1, {7168, 2048, 256, 8, 8, 0, 1, 0, 1}, false, false},
    {"moe", SOL_GENERATION, 64, 1, {7168, 2048, 256, 8, 8, 0, 1, 0, 1}, false, false},
    {"moe", SOL_GENERATION, 128, 1, {4096, 1536, 128, 8, 1, 0, 1, 0, 1}, false, false},
    {"moe", SOL_CONTEXT, 1, 4096, {4096, 1536, 128, 8, 1, 0, 1, 0, 1}, false, false},
    {"moe", SOL_CONTEXT, 1, 8192, {4096, 14336, 8, 2, 1, 0, 1, 0, 1}, false, false},
    {"rmsnorm", SOL_GENERATION, 1, 1, {7168, 1}, false, false},
    {"rmsnorm", SOL_CONTEXT, 1, 8192, {7168, 1}, false, false},
    {"rmsnorm", SOL_CONTEXT, 1, 8192, {7168, 0}, false, false},
    {"rope", SOL_GENERATION, 1, 1, {32, 8, 128}, false, false},
    {"rope", SOL_CONTEXT, 1, 8192, {32, 8, 128}, false, false},
    {"rope", SOL_CONTEXT, 1, 8192, {128, 1, 64}, false, false},
    {"activation", SOL_GENERATION, 1, 1, {14336, 1}, false, false},
    {"activation", SOL_CONTEXT, 1, 8192, {14336, 1}, false, false},
    {"embedding", SOL_GENERATION, 1, 1, {7168, 32000}, false, false},
    {"embedding", SOL_CONTEXT, 1, 8192, {7168, 32000}, false, false},
};

/* The layers beside gemm and attention: every tensor once, but for experts and rows that
 * no token needs. */
static void work_of_tensors(const gpu_case *g, const mock_case *c, double *flop,
                            double *byte)
{
    mock_tensor t[MOCK_MAX_TENSORS];
    int n = 0;
    const mock_class *cls = mock_class_find(g->layer);
    double tokens = (double)mock_case_tokens(c), unused = 0;
    *flop = *byte = 0;
    cls->plan(c, t, &n, NULL);
    for (int i = 0; i < n; i++)
        *byte += (double)mock_tensor_bytes(&t[i]);
    if (strcmp(g->layer, "mla_bmm") == 0)
        *flop = 2 * tokens * (double)(g->param[0] * mock_bmm_k(c) * mock_bmm_n(c));
    if (strcmp(g->layer, "embedding") == 0)
        unused = (double)mock_tensor_bytes(&t[1]) - (double)mock_tensor_bytes(&t[2]);
    if (strcmp(g->layer, "moe") == 0) { /* balanced: this rank has its share */
        double entries =
            tokens * (double)c->param[MOCK_MOE_TOPK] / (double)c->param[MOCK_MOE_EP];
        double expert =
            3.0 * (double)(c->param[MOCK_MOE_HIDDEN] * c->param[MOCK_MOE_INTER]);
        double idle = (double)mock_moe_here(c) - entries;
        *flop = 2 * entries * expert;
        unused = idle > 0 ? 2 * idle * expert : 0;
    }
    *byte -= unused > 0 ? unused : 0;
}

/* FLOPs and compulsory bytes of one launch, two bytes an element. */
static void work_of(const gpu_case *g, const mock_case *c, double *flop, double *byte)
{
    double b = (double)c->b, s = (double)c->s, h = (double)c->param[0];
    bool context = c->phase == SOL_CONTEXT;
    if (strcmp(g->layer, "gemm") == 0) {
        double t = context ? b * s : b, n = h, k = (double)c->param[1];
        *flop = 2 * t * n * k;
        *byte = 2 * (t * n + t * k + n * k);
        return;
    }
    bool mla = strcmp(g->layer, "mla") == 0;
    if (!mla && strcmp(g->layer, "attention") != 0) {
        work_of_tensors(g, c, flop, byte);
        return;
    }
    double dqk = mla ? (context ? 192 : 576) : (double)c->param[2];
    double dv = mla ? (context ? 128 : 512) : dqk;
    double kv = mla ? (context ? h : 1) : (double)c->param[1];
    double rows = context ? b * s : b, pairs = context ? b * s * (s + 1) / 2 : b * s;
    double cached = mla && !context ? 576 : kv * (dqk + dv);
    *flop = 2 * h * pairs * (dqk + dv);
    *byte = 2 * (rows * h * (dqk + dv) + b * s * cached);
}

static void time_case(const gpu_case *g)
{
    char text[256];
    mock_case c;
    sc_diag diag;
    mock_bench *bench = NULL;
    mock_timing t;
    mock_timing_options options;
    double flop = 0, byte = 0;
    const mock_class *cls = make_case(g, SOL_BF16, NULL, &c, text, sizeof text);
    sc_status status = mock_bench_new(cls, &c, ops, dev, &bench, &diag);
    mock_timing_defaults(&options);
    options.max_time_s = 0.08;
    if (!status)
        status = mock_bench_time(bench, &options, &t, &diag);
    judge_status(status, SC_OK, &diag, text);
    if (!status) {
        work_of(g, &c, &flop, &byte);
        printf("%-58s %10.2f us %6.1f TFLOP/s %7.1f GB/s %4.0f MHz %s\n", text,
               1e6 * t.median_s, 1e-12 * flop / t.median_s, 1e-9 * byte / t.median_s,
               1e-6 * t.telemetry.sm_clock_hz, t.source);
    }
    fflush(stdout);
    mock_bench_free(status && !bench ? NULL : bench);
}

/* Lines "layer phase dtype b s param...", -1 for defaults; # begins a comment. Each is
 * written back with its median in microseconds and its kernels. */
static void time_line(char *line)
{
    char *word[5 + MOCK_MAX_PARAMS], *rest = line, text[256];
    int n = 0, phase = 0, dtype = 0;
    while (n < 5 + MOCK_MAX_PARAMS && (word[n] = strtok_r(rest, " \t\n", &rest)))
        n++;
    if (n < 5 || word[0][0] == '#')
        return;
    phase = strcmp(word[1], "generation") == 0 ? SOL_GENERATION : SOL_CONTEXT;
    while (dtype < SOL_N_DTYPES && strcmp(word[2], sol_dtype_name((sol_dtype)dtype)) != 0)
        dtype++;
    gpu_case g = {
        word[0], (sol_phase_kind)phase, atoll(word[3]), atoll(word[4]), {0}, false,
        false};
    for (int i = 0; i < MOCK_MAX_PARAMS; i++)
        g.param[i] = 5 + i < n ? atoll(word[5 + i]) : -1;
    if (!mock_class_find(g.layer) || dtype == SOL_N_DTYPES) {
        judge(false, "points", word[0]);
        return;
    }
    mock_case c;
    sc_diag diag;
    mock_bench *bench = NULL;
    mock_timing t;
    mock_timing_options options;
    const mock_class *cls = make_case(&g, (sol_dtype)dtype, NULL, &c, text, sizeof text);
    for (int i = 0; i < cls->n_slots; i++)
        c.dtype[i] = (sol_dtype)dtype;
    mock_timing_defaults(&options);
    options.max_time_s = 0.05;
    options.min_samples = 5;
    sc_status status = mock_bench_new(cls, &c, ops, dev, &bench, &diag);
    if (!status)
        status = mock_bench_time(bench, &options, &t, &diag);
    printf("point %s:", text);
    if (status)
        printf(" refused: %s\n", diag.message);
    else
        printf(" %.3f us %.0f MHz %s\n", 1e6 * t.median_s, 1e-6 * t.telemetry.sm_clock_hz,
               t.source);
    fflush(stdout);
    mock_bench_free(bench);
}

static void read_points(const char *path)
{
    char line[400];
    FILE *f = fopen(path, "r");
    judge(f != NULL, "points", path);
    while (f && fgets(line, sizeof line, f))
        time_line(line);
    if (f)
        fclose(f);
}

static int skip(const sc_diag *diag)
{
    printf("SKIP: no GPU test was run: %s\n", diag->message);
    return 77;
}

static void check_rest(bool quick)
{
    check_exact_gemm();
    check_exact_others();
    check_norm_sum();
    check_exact_attention("attention", SOL_CONTEXT, 130, 2, 32, 128, 128);
    check_exact_attention("attention", SOL_CONTEXT, 7, 2, 32, 128, 128);
    check_exact_attention("attention", SOL_GENERATION, 130, 2, 32, 128, 128);
    check_exact_attention("mla", SOL_CONTEXT, 130, 3, 5, 128, 128);
    check_exact_attention("mla", SOL_CONTEXT, 13, 3, 5, 128, 128);
    check_exact_attention("mla", SOL_GENERATION, 130, 1, 16, 512, 576);
    check_exact_attention("mla", SOL_GENERATION, 130, 1, 100, 512, 576);
    check_fill();
    if (!quick) /* a failing cudaMalloc is an error to memory checkers */
        check_out_of_memory();
    check_refusals();
    check_telemetry();
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    bool bench = argc > 1 && strcmp(argv[1], "--bench") == 0;
    sc_diag diag;
    sc_diag_clear(&diag);
    setenv("SOLCHECK_CUDA_MODULE", SC_BUILD_DIR "/solcheck_cuda.so", 0);
    sc_status status = mock_cuda_ops(&ops, &diag);
    if (!status)
        status = ops->open(0, &dev, &info, &diag);
    if (status) {
        bool fine = status == SC_ENOGPU && !strstr(diag.message, "undefined symbol");
        return fine ? skip(&diag) : (printf("FAIL open: %s\n", diag.message), 1);
    }
    printf("%s, sm_%d, %d SMs, driver %s, CUDA %s\n", info.name, info.sm_version,
           info.sm_count, info.driver, info.runtime);
    for (; argc > 2; argc -= 2) {
        if (strcmp(argv[argc - 2], "--layers") == 0)
            only = argv[argc - 1];
        else if (strcmp(argv[argc - 2], "--route") == 0)
            choice =
                strcmp(argv[argc - 1], "own") == 0 ? MOCK_CHOICE_OWN : MOCK_CHOICE_CUDNN;
        else
            break;
    }
    if (choice == MOCK_CHOICE_CUDNN && argc == 1 + quick) {
        check_cudnn(quick);
        ops->close(dev);
        printf("%d checks, %d failed\n", n_checks, n_failed);
        return n_failed > 0;
    }
    bool alone = quick && argc > 2; /* "--quick LAYER": its cases and nothing else */
    if (alone)
        only = argv[2];
    if (bench && argc > 2) {
        size_t i = strtoul(argv[2], NULL, 10);
        time_case(&timed[i % (sizeof timed / sizeof timed[0])]);
        ops->close(dev);
        return n_failed > 0;
    }
    if (argc > 2 && strcmp(argv[1], "--points") == 0) {
        read_points(argv[2]);
        ops->close(dev);
        return n_failed > 0;
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if ((quick && !cases[i].quick) || !wanted(cases[i].layer))
            continue;
        check_case(&cases[i], SOL_BF16);
        check_case(&cases[i], SOL_FP16);
        if (mock_class_find(cases[i].layer)->fp8[0])
            check_fp8(&cases[i]);
        fflush(stdout);
    }
    check_attends(quick);
    if (!alone) { /* memory checkers look at one layer, and for faults of our own */
        check_rest(quick);
        check_cudnn(quick);
    }
    for (size_t i = 0; bench && i < sizeof timed / sizeof timed[0]; i++)
        if (wanted(timed[i].layer))
            time_case(&timed[i]);
    ops->close(dev);
    printf("%d checks, %d failed\n", n_checks, n_failed);
    return n_failed > 0;
}
