/* solcheck - system files: our layout and the flat one of the aiconfigurator repository.
 *
 * Our layout states what is printed in documents (SMs, work per clock and SM, clocks, bus
 * width); the architectural rates are computed here, so that no file can hold a product
 * that disagrees with its factors.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "sol/system.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "sol/find.h"
#include "base/yaml.h"

#define SUFFIX ".yaml"
#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *sol_ceiling_name(sol_ceiling ceiling)
{
    static const char *const names[SOL_N_CEILINGS] = {"architectural", "datasheet"};
    return (unsigned)ceiling < SOL_N_CEILINGS ? names[ceiling] : "?";
}

/* ---- construction and release ---- */

/* Calls visit on every quantity of a system. */
static void each_quantity(sol_system *s, void (*visit)(sol_quantity *))
{
    sol_quantity *single[] = {&s->sm_count,  &s->sm_clock_max_hz,
                              &s->l2_B,      &s->mem_capacity_B,
                              &s->l2_bw_B_s, &s->num_gpus_per_node,
                              &s->power_W,   &s->link_bw_B_s[SOL_INTRA],
                              &s->link_bw_B_s[SOL_INTER], &s->mem_clock_max_hz,
                              &s->measured_bw_B_s, &s->measured_l2_bw_B_s};
    for (size_t i = 0; i < COUNT(single); i++)
        visit(single[i]);
    for (int e = 0; e < SOL_N_ENGINES; e++)
        for (int d = 0; d < SOL_N_DTYPES; d++)
            visit(&s->measured_rate[e][d]);
    for (int c = 0; c < SOL_N_CEILINGS; c++) {
        visit(&s->mem_bw_B_s[c]);
        for (int e = 0; e < SOL_N_ENGINES; e++)
            for (int d = 0; d < SOL_N_DTYPES; d++)
                visit(&s->rate[c][e][d]);
    }
}

static void quantity_init(sol_quantity *q)
{
    q->value = NAN;
    q->source = NULL;
}

static void quantity_free(sol_quantity *q)
{
    sc_free(q->source);
}

/* Readers may print any source: "" where none was given. */
static const char *quantity_source(const sol_quantity *q)
{
    return q->source ? q->source : "";
}

void sol_system_free(sol_system *system)
{
    if (!system)
        return;
    each_quantity(system, quantity_free);
    sc_free(system->path);
    sc_free(system->name);
    sc_free(system->title);
    sc_free(system);
}

/* ---- reading ---- */

/* What a loader works on: the document, the system being filled, the diagnostic. */
typedef struct reader {
    const sc_yaml *doc;
    sol_system *system;
    sc_diag *diag;
} reader;

static sc_status set(sol_quantity *q, double value, const char *source, sc_diag *diag)
{
    char *copy = sc_strdup(source);
    if (!copy)
        return sc_diag_nomem(diag);
    sc_free(q->source);
    q->value = value;
    q->source = copy;
    return SC_OK;
}

/* As set, for computed numbers: the source is formatted. */
static sc_status derive(sol_quantity *q, sc_diag *diag, double value, const char *fmt,
                        ...) SC_PRINTF(4, 5);

static sc_status derive(sol_quantity *q, sc_diag *diag, double value, const char *fmt,
                        ...)
{
    va_list ap;
    sc_buf text = {0};
    va_start(ap, fmt);
    sc_status status = sc_buf_vprintf(&text, fmt, ap);
    va_end(ap);
    status = status ? sc_diag_nomem(diag) : set(q, value, sc_buf_text(&text), diag);
    sc_buf_free(&text);
    return status;
}

/* Fails at map unless it is a mapping. */
static sc_status want_map(const reader *r, const sc_yaml_node *node, const char *what)
{
    if (node->kind == SC_YAML_MAP)
        return SC_OK;
    return sc_yaml_fail(r->doc, node, SC_EPARSE, SC1104, r->diag, "%s must be a mapping",
                        what);
}

static sc_status positive(const reader *r, const sc_yaml_node *node, const char *what,
                          double *out)
{
    double value = NAN;
    sc_status status = sc_yaml_double(r->doc, node, &value, r->diag);
    if (status)
        return status;
    if (!(value > 0 && value < 1e30))
        return sc_yaml_fail(r->doc, node, SC_EPARSE, SC1105, r->diag,
                            "%s must be positive and below 1e30", what);
    *out = value;
    return SC_OK;
}

/* What else a measured number may say: numbers from 0 on, for readers of the file. */
static sc_status check_circumstances(const reader *r, const sc_yaml_node *node,
                                     const char *const *keys, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const sc_yaml_node *item = sc_yaml_get(node, keys[i]);
        double value = 0;
        sc_status status = item ? sc_yaml_double(r->doc, item, &value, r->diag) : SC_OK;
        if (status)
            return status;
        if (!(value >= 0))
            return sc_yaml_fail(r->doc, item, SC_EPARSE, SC1105, r->diag,
                                "%s must not be negative", keys[i]);
    }
    return SC_OK;
}

/* Reads map.key = {value, source} if it is there; *out keeps NaN otherwise. */
static sc_status read_quantity(const reader *r, const sc_yaml_node *map, const char *key,
                               sol_quantity *out)
{
    static const char *const keys[] = {"value",        "source",  "noise",   "samples",
                                       "sm_clock_hz",  "mem_clock_hz", "power_W",
                                       "throttle"};
    const sc_yaml_node *node = sc_yaml_get(map, key);
    if (!node)
        return SC_OK;
    sc_status status = want_map(r, node, key);
    if (!status)
        status = sc_yaml_known(r->doc, node, keys, COUNT(keys), r->diag);
    if (!status)
        status = check_circumstances(r, node, keys + 2, COUNT(keys) - 2);
    if (status)
        return status;
    for (size_t i = 0; i < 2; i++)
        if (!sc_yaml_get(node, keys[i]))
            return sc_yaml_fail(r->doc, node, SC_EPARSE, SC1102, r->diag,
                                "%s needs a %s: {value: NUMBER, source: TEXT}", key,
                                keys[i]);
    const sc_yaml_node *source = sc_yaml_get(node, "source");
    if (source->kind != SC_YAML_SCALAR || !*source->text)
        return sc_yaml_fail(r->doc, source, SC_EPARSE, SC1104, r->diag,
                            "the source of %s must be text", key);
    double value = NAN;
    status = positive(r, sc_yaml_get(node, "value"), key, &value);
    return status ? status : set(out, value, source->text, r->diag);
}

/* Quantities of a map that the file keeps for its readers: they must be well-formed. */
static sc_status check_quantities(const reader *r, const sc_yaml_node *map,
                                  const char *const *keys, size_t n)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < n && !status; i++) {
        sol_quantity unused;
        quantity_init(&unused);
        status = read_quantity(r, map, keys[i], &unused);
        quantity_free(&unused);
    }
    return status;
}

/* As read_quantity, but the key must be there. */
static sc_status need_quantity(const reader *r, const sc_yaml_node *map, const char *key,
                               sol_quantity *out)
{
    if (!sc_yaml_get(map, key))
        return sc_yaml_fail(r->doc, map, SC_EPARSE, SC1102, r->diag, "%s is missing",
                            key);
    return read_quantity(r, map, key, out);
}

/* A section: a mapping with known keys only. *out is NULL when it is absent. */
static sc_status section(const reader *r, const char *name, const char *const *keys,
                         size_t n, const sc_yaml_node **out)
{
    *out = sc_yaml_get(sc_yaml_root(r->doc), name);
    if (!*out)
        return SC_OK;
    sc_status status = want_map(r, *out, name);
    return status ? status : sc_yaml_known(r->doc, *out, keys, n, r->diag);
}

static sc_status need_section(const reader *r, const char *name, const char *const *keys,
                              size_t n, const sc_yaml_node **out)
{
    sc_status status = section(r, name, keys, n, out);
    if (!status && !*out)
        return sc_yaml_fail(r->doc, sc_yaml_root(r->doc), SC_EPARSE, SC1102, r->diag,
                            "section %s is missing", name);
    return status;
}

/* sm_version is an integer in the struct; it still needs its source in the file. */
static sc_status read_sm_version(const reader *r, const sc_yaml_node *gpu)
{
    sol_quantity version;
    quantity_init(&version);
    sc_status status = need_quantity(r, gpu, "sm_version", &version);
    if (!status && !(version.value == floor(version.value) && version.value < 1000))
        status = sc_yaml_fail(r->doc, sc_yaml_get(gpu, "sm_version"), SC_EPARSE, SC1105,
                              r->diag, "sm_version is the compute capability times 10");
    if (!status)
        r->system->sm_version = (int)version.value;
    quantity_free(&version);
    return status;
}

static sc_status read_gpu(const reader *r)
{
    static const char *const keys[] = {"sm_version", "sm_count", "sm_clock_max_hz",
                                       "power_W"};
    const sc_yaml_node *gpu;
    sol_system *s = r->system;
    sc_status status = need_section(r, "gpu", keys, COUNT(keys), &gpu);
    if (!status)
        status = read_sm_version(r, gpu);
    if (!status)
        status = need_quantity(r, gpu, "sm_count", &s->sm_count);
    if (!status)
        status = need_quantity(r, gpu, "sm_clock_max_hz", &s->sm_clock_max_hz);
    return status ? status : read_quantity(r, gpu, "power_W", &s->power_W);
}

static sc_status read_memory(const reader *r)
{
    static const char *const keys[] = {"capacity_B", "bandwidth_B_s", "clock_hz",
                                       "bus_bits",   "measured_B_s",  "read_B_s",
                                       "write_B_s",  "copy_B_s"};
    const sc_yaml_node *memory;
    sol_system *s = r->system;
    sol_quantity bus, *clock = &s->mem_clock_max_hz;
    quantity_init(&bus);
    sc_status status = need_section(r, "memory", keys, COUNT(keys), &memory);
    if (!status)
        status = need_quantity(r, memory, "capacity_B", &s->mem_capacity_B);
    if (!status)
        status = need_quantity(r, memory, "bandwidth_B_s", &s->mem_bw_B_s[SOL_DATASHEET]);
    if (!status)
        status = read_quantity(r, memory, "clock_hz", clock);
    if (!status)
        status = read_quantity(r, memory, "measured_B_s", &s->measured_bw_B_s);
    if (!status)
        status = check_quantities(r, memory, keys + 5, 3);
    if (!status)
        status = read_quantity(r, memory, "bus_bits", &bus);
    if (!status && isfinite(clock->value) && isfinite(bus.value))
        status = derive(
            &s->mem_bw_B_s[SOL_ARCHITECTURAL], r->diag, 2 * clock->value * bus.value / 8,
            "2 transfers x %.6g MHz (%s) x %.6g bits (%s) / 8", clock->value * 1e-6,
            quantity_source(clock), bus.value, quantity_source(&bus));
    quantity_free(&bus);
    return status;
}

/* The bandwidth of L2 from its slices (bytes_clk) or from the ports of the SMs
 * (bytes_clk_sm): both bound it from above, so the smaller one counts. */
static sc_status l2_bandwidth(const reader *r, const sol_quantity *slices,
                              const sol_quantity *port)
{
    sol_system *s = r->system;
    double by_slices = slices->value * s->sm_clock_max_hz.value;
    double by_ports = s->sm_count.value * port->value * s->sm_clock_max_hz.value;
    double mhz = s->sm_clock_max_hz.value * 1e-6;
    if (isfinite(by_slices) && !(by_ports < by_slices))
        return derive(&s->l2_bw_B_s, r->diag, by_slices,
                      "%.6g B per clock (%s) x %.6g MHz", slices->value,
                      quantity_source(slices), mhz);
    if (isfinite(by_ports))
        return derive(&s->l2_bw_B_s, r->diag, by_ports,
                      "%.6g SMs x %.6g B per clock and SM (%s) x %.6g MHz",
                      s->sm_count.value, port->value, quantity_source(port), mhz);
    return SC_OK;
}

static sc_status read_l2(const reader *r)
{
    static const char *const keys[] = {"capacity_B", "bytes_clk", "bytes_clk_sm",
                                       "measured_B_s"};
    const sc_yaml_node *l2;
    sol_quantity slices, port;
    quantity_init(&slices);
    quantity_init(&port);
    sc_status status = section(r, "l2", keys, COUNT(keys), &l2);
    if (!status && l2)
        status = need_quantity(r, l2, "capacity_B", &r->system->l2_B);
    if (!status && l2)
        status = read_quantity(r, l2, "bytes_clk", &slices);
    if (!status && l2)
        status = read_quantity(r, l2, "bytes_clk_sm", &port);
    if (!status && l2)
        status = read_quantity(r, l2, "measured_B_s", &r->system->measured_l2_bw_B_s);
    if (!status)
        status = l2_bandwidth(r, &slices, &port);
    quantity_free(&slices);
    quantity_free(&port);
    return status;
}

/* Both ceilings of one engine and dtype from map: work per clock and SM under per_clk,
 * the printed rate under printed. */
static sc_status read_rate(const reader *r, const sc_yaml_node *map, const char *per_clk,
                           const char *printed, sol_engine engine, sol_dtype dtype)
{
    const char *reached = engine == SOL_EXP ? "measured_per_s" : "measured_flop_s";
    const char *const keys[] = {per_clk, printed, reached, "sustained_flop_s"};
    sol_system *s = r->system;
    sol_quantity work;
    quantity_init(&work);
    sc_status status = sc_yaml_known(r->doc, map, keys, COUNT(keys), r->diag);
    if (!status)
        status = need_quantity(r, map, per_clk, &work);
    if (!status)
        status = read_quantity(r, map, printed, &s->rate[SOL_DATASHEET][engine][dtype]);
    if (!status)
        status = read_quantity(r, map, reached, &s->measured_rate[engine][dtype]);
    if (!status)
        status = check_quantities(r, map, keys + 3, 1);
    if (!status)
        status =
            derive(&s->rate[SOL_ARCHITECTURAL][engine][dtype], r->diag,
                   s->sm_count.value * work.value * s->sm_clock_max_hz.value,
                   "%.6g SMs x %.6g per clock and SM (%s) x %.6g MHz", s->sm_count.value,
                   work.value, quantity_source(&work), s->sm_clock_max_hz.value * 1e-6);
    quantity_free(&work);
    return status;
}

/* A section of dtypes: tensor or cuda. */
static sc_status read_engine(const reader *r, const char *name, sol_engine engine)
{
    const char *names[SOL_N_DTYPES];
    const sc_yaml_node *map;
    for (int d = 0; d < SOL_N_DTYPES; d++)
        names[d] = sol_dtype_name((sol_dtype)d);
    sc_status status = section(r, name, names, SOL_N_DTYPES, &map);
    for (int d = 0; !status && map && d < SOL_N_DTYPES; d++) {
        const sc_yaml_node *entry = sc_yaml_get(map, names[d]);
        if (!entry)
            continue;
        status = want_map(r, entry, names[d]);
        if (!status)
            status = read_rate(r, entry, "flop_clk_sm", "datasheet_flop_s", engine,
                               (sol_dtype)d);
    }
    return status;
}

static sc_status read_exp(const reader *r)
{
    static const char *const keys[] = {"per_clk_sm", "datasheet_per_s", "measured_per_s"};
    const sc_yaml_node *map;
    sc_status status = section(r, "exp", keys, COUNT(keys), &map);
    if (status || !map)
        return status;
    return read_rate(r, map, keys[0], keys[1], SOL_EXP, (sol_dtype)0);
}

/* How GPUs are connected. A node with no links holds one GPU, so that all may be missing. */
static sc_status read_node(const reader *r)
{
    static const char *const keys[] = {"num_gpus_per_node", "intra_node_bw",
                                       "inter_node_bw"};
    sol_system *s = r->system;
    const sc_yaml_node *map;
    sc_status status = section(r, "node", keys, COUNT(keys), &map);
    if (status || !map)
        return status;
    status = need_quantity(r, map, keys[0], &s->num_gpus_per_node);
    if (!status)
        status = read_quantity(r, map, keys[1], &s->link_bw_B_s[SOL_INTRA]);
    return status ? status
                  : read_quantity(r, map, keys[2], &s->link_bw_B_s[SOL_INTER]);
}

/* What launching costs: for readers of the file. */
static sc_status read_launch(const reader *r)
{
    static const char *const keys[] = {"stream_s", "graph_node_s", "graph_replay_s"};
    const sc_yaml_node *map;
    sc_status status = section(r, "launch", keys, COUNT(keys), &map);
    return status || !map ? status : check_quantities(r, map, keys, COUNT(keys));
}

/* Our own layout. */
static sc_status read_own(const reader *r)
{
    static const char *const keys[] = {"system", "title", "gpu",  "memory", "l2",
                                       "tensor", "cuda",  "exp",  "node", "launch"};
    const sc_yaml_node *root = sc_yaml_root(r->doc), *title = sc_yaml_get(root, "title");
    sc_status status = sc_yaml_known(r->doc, root, keys, COUNT(keys), r->diag);
    if (status)
        return status;
    const sc_yaml_node *name = sc_yaml_get(root, "system");
    if (name->kind != SC_YAML_SCALAR || !*name->text)
        return sc_yaml_fail(r->doc, name, SC_EPARSE, SC1104, r->diag,
                            "system must be a name");
    if (title && title->kind != SC_YAML_SCALAR)
        return sc_yaml_fail(r->doc, title, SC_EPARSE, SC1104, r->diag,
                            "title must be text");
    r->system->name = sc_strdup(name->text);
    r->system->title = sc_strdup(title ? title->text : name->text);
    if (!r->system->name || !r->system->title)
        return sc_diag_nomem(r->diag);
    status = read_gpu(r);
    if (!status)
        status = read_memory(r);
    if (!status)
        status = read_l2(r);
    if (!status)
        status = read_engine(r, "tensor", SOL_TENSOR);
    if (!status)
        status = read_engine(r, "cuda", SOL_CUDA);
    if (!status)
        status = read_exp(r);
    if (!status)
        status = read_launch(r);
    return status ? status : read_node(r);
}

/* ---- the flat layout (ai-dynamo/aiconfigurator, systems/<name>.yaml) ---- */

/* Work per clock and SM by compute capability, to scale a printed tensor rate to engines
 * that the flat layout does not mention: SM count and clock cancel.
 * Source: CUDA C++ Programming Guide, table "Throughput of Native Arithmetic
 * Instructions" (fp32 multiply-adds, exponentials); dense tensor rates from the
 * architecture whitepapers of GA100, GA102, AD102 and GH100 and, for 10.x, from 2250
 * TFLOP/s of the HGX B200 = 148 SMs x 8192 x 1.86 GHz; twice the exponentials on 10.3:
 * NVIDIA technical blog, "Making Softmax More Efficient with NVIDIA Blackwell Ultra". */
static const struct {
    int sm_version;
    double tensor_bf16, cuda_fp32, exps;
} per_clock[] = {
    {80, 2048, 128, 16}, {86, 1024, 256, 16},  {89, 1024, 256, 16},
    {90, 4096, 256, 16}, {100, 8192, 256, 16}, {103, 8192, 256, 32},
};

static sc_status flat_number(const reader *r, const char *part, const char *key,
                             sol_quantity *out)
{
    const sc_yaml_node *node =
        sc_yaml_get(sc_yaml_get(sc_yaml_root(r->doc), part), key);
    double value = NAN;
    if (!node)
        return SC_OK;
    sc_status status = positive(r, node, key, &value);
    return status ? status
                  : derive(out, r->diag, value, "%s.%s of %s", part, key,
                           sc_path_base(r->system->path));
}

/* CUDA-core and exponential rates that go with the file's bf16 tensor rate. */
static sc_status flat_derive(const reader *r)
{
    sol_quantity(*rate)[SOL_N_DTYPES] = r->system->rate[SOL_DATASHEET];
    double tensor = rate[SOL_TENSOR][SOL_BF16].value;
    for (size_t i = 0; i < COUNT(per_clock); i++) {
        if (per_clock[i].sm_version != r->system->sm_version || !isfinite(tensor))
            continue;
        double unit = tensor / per_clock[i].tensor_bf16;
        sc_status status = derive(
            &rate[SOL_CUDA][SOL_FP32], r->diag, unit * per_clock[i].cuda_fp32,
            "derived: gpu.bfloat16_tc_flops x %.6g / %.6g per clock and SM of sm_%d",
            per_clock[i].cuda_fp32, per_clock[i].tensor_bf16, per_clock[i].sm_version);
        if (status)
            return status;
        return derive(&rate[SOL_EXP][0], r->diag, unit * per_clock[i].exps,
                      "derived: gpu.bfloat16_tc_flops x %.6g / %.6g per clock and SM of "
                      "sm_%d",
                      per_clock[i].exps, per_clock[i].tensor_bf16,
                      per_clock[i].sm_version);
    }
    return SC_OK;
}

/* The file's name without directory and suffix, which is what the flat layout goes by. */
static char *stem(const char *path)
{
    const char *base = sc_path_base(path);
    size_t n = strlen(base);
    if (sc_ends_with(base, SUFFIX))
        n -= strlen(SUFFIX);
    return sc_strndup(base, n);
}

static sc_status read_flat(const reader *r)
{
    static const struct {
        const char *key;
        sol_dtype dtype;
    } rates[] = {{"bfloat16_tc_flops", SOL_BF16}, {"float16_tc_flops", SOL_FP16},
                 {"fp8_tc_flops", SOL_FP8},       {"int8_tc_flops", SOL_INT8},
                 {"fp4_tc_flops", SOL_FP4},       {"int4_tc_flops", SOL_INT4}};
    const sc_yaml_node *gpu = sc_yaml_get(sc_yaml_root(r->doc), "gpu");
    sol_system *s = r->system;
    int64_t version;
    s->name = stem(s->path);
    s->title = stem(s->path);
    if (!s->name || !s->title)
        return sc_diag_nomem(r->diag);
    if (!sc_yaml_get(gpu, "sm_version"))
        return sc_yaml_fail(r->doc, gpu, SC_EPARSE, SC1102, r->diag,
                            "gpu.sm_version is missing");
    sc_status status =
        sc_yaml_int(r->doc, sc_yaml_get(gpu, "sm_version"), &version, r->diag);
    if (!status && (version < 1 || version > 999))
        status = sc_yaml_fail(r->doc, sc_yaml_get(gpu, "sm_version"), SC_EPARSE, SC1105,
                              r->diag, "sm_version is the compute capability times 10");
    if (!status) {
        s->sm_version = (int)version;
        status = flat_number(r, "gpu", "mem_bw", &s->mem_bw_B_s[SOL_DATASHEET]);
    }
    if (!status)
        status = flat_number(r, "gpu", "mem_capacity", &s->mem_capacity_B);
    if (!status)
        status = flat_number(r, "gpu", "power", &s->power_W);
    if (!status)
        status = flat_number(r, "node", "num_gpus_per_node", &s->num_gpus_per_node);
    if (!status)
        status = flat_number(r, "node", "intra_node_bw", &s->link_bw_B_s[SOL_INTRA]);
    if (!status)
        status = flat_number(r, "node", "inter_node_bw", &s->link_bw_B_s[SOL_INTER]);
    for (size_t i = 0; !status && i < COUNT(rates); i++)
        status = flat_number(r, "gpu", rates[i].key,
                             &s->rate[SOL_DATASHEET][SOL_TENSOR][rates[i].dtype]);
    return status ? status : flat_derive(r);
}

/* ---- loading and finding ---- */

static sc_status read_document(const reader *r)
{
    const sc_yaml_node *root = sc_yaml_root(r->doc), *gpu = sc_yaml_get(root, "gpu");
    if (sc_yaml_get(root, "system"))
        return read_own(r);
    if (gpu && gpu->kind == SC_YAML_MAP && sc_yaml_get(gpu, "mem_bw"))
        return read_flat(r);
    sc_status status = sc_yaml_fail(r->doc, root, SC_EPARSE, SC1102, r->diag,
                                    "this is no system file: neither 'system:' nor "
                                    "'gpu: mem_bw:' is there");
    sc_diag_hint(r->diag, "docs/system-format.md describes both layouts");
    return status;
}

sc_status sol_system_load(const char *path, sol_system **out, sc_diag *diag)
{
    sc_yaml *doc = NULL;
    sc_status status = sc_yaml_load(path, &doc, diag);
    if (status)
        return status;
    sol_system *system = sc_calloc(1, sizeof *system);
    if (!system) {
        sc_yaml_free(doc);
        return sc_diag_nomem(diag);
    }
    each_quantity(system, quantity_init);
    system->path = sc_strdup(path);
    reader r = {doc, system, diag};
    status = system->path ? read_document(&r) : sc_diag_nomem(diag);
    sc_yaml_free(doc);
    if (status)
        sol_system_free(system);
    else
        *out = system;
    return status;
}

sc_status sol_system_names(const char *data_dir, char ***out, sc_diag *diag)
{
    return sol_find_names(NULL, data_dir, "sol/systems", out, diag);
}

sc_status sol_system_find(const char *name, const char *data_dir, sol_system **out,
                          sc_diag *diag)
{
    static const sol_find_what what = {"system", "sol/systems", SC1101};
    char *path;
    sc_status status = sol_find_path(&what, name, NULL, data_dir, &path, diag);
    if (status)
        return status;
    status = sol_system_load(path, out, diag);
    sc_free(path);
    return status;
}

/* ---- rates ---- */

/* The rate under one ceiling, with the dtypes that share one. */
static double rate_of(const sol_system *s, sol_ceiling ceiling, sol_engine engine,
                      sol_dtype dtype)
{
    const sol_quantity *rate = s->rate[ceiling][engine];
    if (engine == SOL_EXP)
        return rate[0].value;
    if (isfinite(rate[dtype].value))
        return rate[dtype].value;
    if (dtype == SOL_FP16 || dtype == SOL_BF16)
        if (isfinite(rate[SOL_FP16 + SOL_BF16 - dtype].value))
            return rate[SOL_FP16 + SOL_BF16 - dtype].value;
    if (engine != SOL_CUDA)
        return NAN;
    /* CUDA cores convert what they have no arithmetic for; the fastest arithmetic they
     * have bounds that from above. */
    double best = NAN;
    for (int d = 0; d < SOL_N_DTYPES; d++)
        best = fmax(best, rate[d].value);
    return best;
}

double sol_system_rate(const sol_system *system, sol_ceiling ceiling, sol_engine engine,
                       sol_dtype dtype, bool *fallback)
{
    sol_ceiling other = ceiling == SOL_DATASHEET ? SOL_ARCHITECTURAL : SOL_DATASHEET;
    double rate = rate_of(system, ceiling, engine, dtype);
    *fallback = isnan(rate);
    if (*fallback)
        rate = rate_of(system, other, engine, dtype);
    return rate;
}

double sol_system_mem_bw(const sol_system *system, sol_ceiling ceiling, bool *fallback)
{
    double bw = system->mem_bw_B_s[ceiling].value;
    *fallback = isnan(bw);
    if (*fallback)
        bw =
            system
                ->mem_bw_B_s[ceiling == SOL_DATASHEET ? SOL_ARCHITECTURAL : SOL_DATASHEET]
                .value;
    return bw;
}

/* ---- ceilings of a measurement ---- */

static sc_status clock_share(const sol_system *s, const char *what, double clock_hz,
                             const sol_quantity *most, double *out, sc_diag *diag)
{
    *out = 1;
    if (isnan(clock_hz))
        return SC_OK;
    if (isnan(most->value))
        return sc_diag_fail(diag, SC_EINVAL, SC1110,
                            "system %s does not say its maximum %s clock", s->name, what);
    if (!(clock_hz > 0 && clock_hz <= most->value))
        return sc_diag_fail(diag, SC_EINVAL, SC1105,
                            "%s clock %.6g MHz is not in (0, %.6g MHz] of %s", what,
                            clock_hz * 1e-6, most->value * 1e-6, s->name);
    *out = clock_hz / most->value;
    return SC_OK;
}

sc_status sol_system_observe(sol_system *system, double sm_clock_hz, double mem_clock_hz,
                             sc_diag *diag)
{
    double sm, mem;
    sc_status status = clock_share(system, "SM", sm_clock_hz, &system->sm_clock_max_hz, &sm,
                                   diag);
    if (!status)
        status = clock_share(system, "memory", mem_clock_hz, &system->mem_clock_max_hz,
                             &mem, diag);
    if (status)
        return status;
    system->mem_bw_B_s[SOL_ARCHITECTURAL].value *= mem;
    system->l2_bw_B_s.value *= sm;
    for (int e = 0; e < SOL_N_ENGINES; e++)
        for (int d = 0; d < SOL_N_DTYPES; d++)
            system->rate[SOL_ARCHITECTURAL][e][d].value *= sm;
    return SC_OK;
}

static int take_measured(sol_quantity *rate, const sol_quantity *measured)
{
    if (!isfinite(measured->value))
        return 0;
    rate->value = measured->value;
    return 1;
}

sc_status sol_system_use_measured(sol_system *system, sc_diag *diag)
{
    int n = take_measured(&system->mem_bw_B_s[SOL_ARCHITECTURAL], &system->measured_bw_B_s);
    n += take_measured(&system->l2_bw_B_s, &system->measured_l2_bw_B_s);
    for (int e = 0; e < SOL_N_ENGINES; e++)
        for (int d = 0; d < SOL_N_DTYPES; d++)
            n += take_measured(&system->rate[SOL_ARCHITECTURAL][e][d],
                               &system->measured_rate[e][d]);
    if (n > 0)
        return SC_OK;
    sc_diag_fail(diag, SC_EINVAL, SC1110, "system %s holds no measured rates",
                 system->name);
    sc_diag_hint(diag, "add measured_flop_s and measured_B_s to its file");
    return SC_EINVAL;
}

double sol_system_link_bw(const sol_system *system, sol_link link)
{
    if (link == SOL_ANY)
        return system->link_bw_B_s[SOL_INTRA].value + system->link_bw_B_s[SOL_INTER].value;
    return system->link_bw_B_s[link].value;
}

void sol_config_fit_system(const sol_op *op, const sol_system *system, sol_config *config)
{
    double gpus = system->num_gpus_per_node.value;
    for (int i = 0; i < op->n_params; i++) {
        const sol_param *p = &op->param[i];
        if (p->node_size && !config->given[i] && gpus >= p->lo && gpus <= p->hi)
            config->param[i] = gpus;
    }
}
