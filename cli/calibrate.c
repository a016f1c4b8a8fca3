/* solcheck calibrate: measured ceilings of a device, as a system file.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/commit.h"
#include "cli/json.h"
#include "cli/library.h"
#include "cli/sweep.h"
#include "mock/calibrate.h"
#include "sol/find.h"
#include "sol/merge.h"

/* Of the architectural rate: what is above it was not measured on that part. */
#define BEYOND 1.02
#define CPU_VERSION 1 /* sm_version in the files of CPUs */

typedef struct calibration {
    cli_session *cli;
    cli_device device;
    mock_reading reading[MOCK_N_CEILINGS];
    sc_yaml *base; /* the system file that the numbers go into */
    char *source[MOCK_N_CEILINGS];
    char *path; /* of the file to write */
} calibration;

/* ---- what is printed ---- */

static void print_reading(void *user, mock_ceiling which, const mock_reading *r)
{
    const mock_ceiling_info *info = mock_ceiling_describe(which);
    const cli_session *cli = user;
    if (cli_has(&cli->options, CLI_OPT_JSON) || cli_has(&cli->options, CLI_OPT_QUIET))
        return;
    if (!isfinite(r->value)) {
        printf("%-26s -           %s\n", info->text, r->why);
        fflush(stdout);
        return;
    }
    bool time = strcmp(info->unit, "s") == 0;
    printf("%-26s %9.4g %-8s +-%5.2f %%  n=%-3d", info->text,
           r->value * (time ? 1e6 : 1e-12),
           time                             ? "us"
           : strcmp(info->unit, "B/s") == 0 ? "TB/s"
           : strcmp(info->unit, "1/s") == 0 ? "T/s"
                                            : "TFLOP/s",
           100 * r->noise, r->samples);
    if (isfinite(r->telemetry.sm_clock_hz))
        printf("  %4.0f MHz %3.0f W  throttle 0x%llx", 1e-6 * r->telemetry.sm_clock_hz,
               r->telemetry.power_W, (unsigned long long)r->telemetry.throttle);
    printf("  %s\n", r->how);
    fflush(stdout);
}

static sc_status print_json(const calibration *c)
{
    sc_buf text = {0};
    json_t *all = json_array();
    for (int i = 0; i < MOCK_N_CEILINGS; i++) {
        const mock_ceiling_info *info = mock_ceiling_describe((mock_ceiling)i);
        const mock_reading *r = &c->reading[i];
        json_array_append_new(
            all,
            json_pack("{s:s, s:s, s:o, s:o, s:i, s:o, s:o, s:o, s:I, s:s, s:s}", "name",
                      info->text, "unit", info->unit, "value", cli_json_number(r->value),
                      "noise", cli_json_number(r->noise), "samples", r->samples,
                      "sm_clock_hz", cli_json_number(r->telemetry.sm_clock_hz),
                      "mem_clock_hz", cli_json_number(r->telemetry.mem_clock_hz),
                      "power_W", cli_json_number(r->telemetry.power_W), "throttle",
                      (json_int_t)r->telemetry.throttle, "how", r->how, "why", r->why));
    }
    json_t *root =
        json_pack("{s:s, s:o}", "device", c->device.info.name, "readings", all);
    char *dumped =
        root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    sc_status status = SC_ENOMEM;
    if (dumped && sc_buf_printf(&text, "%s\n", dumped) == SC_OK)
        status = cli_print(c->cli, &text);
    else
        sc_diag_nomem(&c->cli->diag);
    json_malloc_t take;
    json_free_t release;
    json_get_alloc_funcs(&take, &release);
    if (dumped)
        release(dumped);
    json_decref(root);
    sc_buf_free(&text);
    return status;
}

/* ---- the system that it is ---- */

/* A CPU has no data sheet here: what was measured stands for what it can do. */
static sc_status cpu_base(calibration *c)
{
    sc_buf t = {0};
    const mock_device_info *info = &c->device.info;
    double memory = c->reading[MOCK_CEILING_DRAM].value;
    double fma = c->reading[MOCK_CEILING_CUDA_FP32].value;
    double exps = c->reading[MOCK_CEILING_EXP].value;
    const char *source = "no data sheet: as measured";
    if (!(memory > 0 && fma > 0 && exps > 0))
        return sc_diag_fail(&c->cli->diag, SC_EUNABLE, SC3017,
                            "no memory bandwidth was measured: %s",
                            c->reading[MOCK_CEILING_DRAM].why);
    sc_buf_printf(
        &t,
        "system: cpu\ntitle: \"%s\"\n"
        "gpu:\n  sm_version: {value: %d, source: \"a CPU: no compute capability\"}\n"
        "  sm_count: {value: 1, source: \"a CPU: taken as a whole\"}\n"
        "  sm_clock_max_hz: {value: 1e9, source: \"a CPU: work is stated per "
        "nanosecond\"}\n"
        "memory:\n  capacity_B: {value: %lld, source: \"/proc/meminfo\"}\n"
        "  bandwidth_B_s: {value: %.6g, source: \"%s\"}\n",
        strpbrk(info->name, "\"\\") ? "CPU" : info->name, CPU_VERSION,
        (long long)info->memory_B, memory, source);
    if (info->l2_B > 0)
        sc_buf_printf(&t,
                      "l2:\n  capacity_B: {value: %lld, source: \"/sys, last level\"}\n",
                      (long long)info->l2_B);
    sc_buf_printf(&t, "tensor:\n");
    for (int i = 0; i < 2; i++)
        sc_buf_printf(&t,
                      "  %s: {flop_clk_sm: {value: %.6g, source: \"no tensor cores: the "
                      "multiply-adds of fp32, %s\"}}\n",
                      i ? "fp16" : "bf16", fma / 1e9, source);
    sc_buf_printf(&t,
                  "cuda:\n  fp32: {flop_clk_sm: {value: %.6g, source: \"%s\"}}\n"
                  "exp:\n  per_clk_sm: {value: %.6g, source: \"%s\"}\n",
                  fma / 1e9, source, exps / 1e9, source);
    sc_status status =
        t.failed ? sc_diag_nomem(&c->cli->diag)
                 : sc_yaml_parse("cpu", sc_buf_text(&t), t.n, &c->base, &c->cli->diag);
    sc_buf_free(&t);
    return status;
}

static sc_status wrong_system(calibration *c, const char *given)
{
    const mock_device_info *info = &c->device.info;
    sc_diag *diag = &c->cli->diag;
    const sol_system *s = c->cli->system;
    if (given)
        sc_diag_fail(diag, SC_EINVAL, SC6002,
                     "system %s has compute capability %d.%d, the device (%s) %d.%d",
                     s->name, s->sm_version / 10, s->sm_version % 10, info->name,
                     info->sm_version / 10, info->sm_version % 10);
    else
        sc_diag_fail(diag, SC_EINVAL, SC6001, "which system is the %s?", info->name);
    sc_diag_hint(diag, "--system NAME or FILE says which file the numbers belong into; "
                       "solcheck list --system all names those that ship");
    return SC_EINVAL;
}

/* The system of which the device's name holds the first word; cli->system stays NULL
 * where there is none. */
static sc_status system_of_device(calibration *c)
{
    cli_session *cli = c->cli;
    char **names = NULL;
    sc_status status = sol_system_names(cli->data_dir, &names, &cli->diag);
    for (size_t i = 0; names && names[i] && status == SC_OK && !cli->system; i++)
        if (cli_same_model(c->device.info.name, names[i]))
            status = sol_system_find(names[i], cli->data_dir, &cli->system, &cli->diag);
    if (names)
        sol_names_free(names);
    return status;
}

/* Before anything is measured: which file. A CPU's is made from its readings. */
static sc_status find_system(calibration *c)
{
    cli_session *cli = c->cli;
    const char *given = cli_value(&cli->options, CLI_OPT_SYSTEM, NULL);
    const mock_device_info *info = &c->device.info;
    bool cpu = strcmp(info->kind, "cpu") == 0;
    if (!given && cpu)
        return SC_OK;
    sc_status status =
        given ? sol_system_find(given, cli->data_dir, &cli->system, &cli->diag)
              : system_of_device(c);
    if (status != SC_OK)
        return status;
    if (!cli->system || cli->system->sm_version != (cpu ? CPU_VERSION : info->sm_version))
        return wrong_system(c, given);
    return sc_yaml_load(cli->system->path, &c->base, &cli->diag);
}

/* ---- the file ---- */

/* The rate that the system's architecture allows; NaN: none is known. */
static double allowed(const sol_system *s, mock_ceiling which)
{
    const mock_ceiling_info *info = mock_ceiling_describe(which);
    sol_dtype dtype = SOL_FP32;
    bool fallback;
    if (strcmp(info->section, "memory") == 0)
        return s->mem_bw_B_s[SOL_ARCHITECTURAL].value;
    if (strcmp(info->section, "l2") == 0)
        return s->l2_bw_B_s.value;
    if (strcmp(info->section, "exp") == 0)
        return sol_system_rate(s, SOL_ARCHITECTURAL, SOL_EXP, dtype, &fallback);
    if (info->entry[0] && sol_dtype_parse(info->entry, &dtype))
        return sol_system_rate(s, SOL_ARCHITECTURAL,
                               strcmp(info->section, "cuda") == 0 ? SOL_CUDA : SOL_TENSOR,
                               dtype, &fallback);
    return NAN;
}

static sc_status check_sense(const calibration *c)
{
    const sol_system *s = c->cli->system;
    if (!s || s->sm_version == CPU_VERSION) /* its file holds no more than measurements */
        return SC_OK;
    for (int i = 0; i < MOCK_N_CEILINGS; i++) {
        double most = allowed(s, (mock_ceiling)i);
        const mock_ceiling_info *info = mock_ceiling_describe((mock_ceiling)i);
        if (c->reading[i].value > BEYOND * most) {
            sc_diag_fail(&c->cli->diag, SC_EINVAL, SC3017,
                         "%s: measured %.4g %s, %s can do %.4g: nothing is written",
                         info->text, c->reading[i].value, info->unit, s->name, most);
            sc_diag_hint(&c->cli->diag, "the system file is of another part, or the "
                                        "device's timer is wrong");
            return SC_EINVAL;
        }
    }
    return SC_OK;
}

static sc_status make_source(calibration *c, int i, const char *date)
{
    sc_buf text = {0};
    const mock_device_info *info = &c->device.info;
    sc_buf_printf(&text, "solcheck %s (%s) calibrate, %s, %s, driver %s", PACKAGE_VERSION,
                  SC_COMMIT, date, info->name, info->driver);
    if (info->runtime[0])
        sc_buf_printf(&text, ", CUDA %s", info->runtime);
    sc_buf_printf(&text, ": %s, median of %d samples", c->reading[i].how,
                  c->reading[i].samples);
    c->source[i] = sc_buf_take(&text);
    return c->source[i] ? SC_OK : sc_diag_nomem(&c->cli->diag);
}

static sc_status compose(calibration *c, sc_buf *out, size_t *n_merged)
{
    sol_measurement m[MOCK_N_CEILINGS];
    char date[32];
    time_t now = time(NULL);
    struct tm utc;
    size_t n = 0;
    gmtime_r(&now, &utc);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &utc);
    for (int i = 0; i < MOCK_N_CEILINGS; i++) {
        const mock_reading *r = &c->reading[i];
        const mock_ceiling_info *info = mock_ceiling_describe((mock_ceiling)i);
        if (!(isfinite(r->value) && r->value > 0))
            continue;
        sc_status status = make_source(c, i, date);
        if (status != SC_OK)
            return status;
        m[n++] = (sol_measurement){info->section,
                                   info->entry,
                                   info->key,
                                   r->value,
                                   c->source[i],
                                   r->noise,
                                   r->samples,
                                   r->telemetry.sm_clock_hz,
                                   r->telemetry.mem_clock_hz,
                                   r->telemetry.power_W,
                                   r->telemetry.throttle};
    }
    sc_buf_printf(out,
                  "# Measured by solcheck calibrate, %s. Format: "
                  "docs/system-format.md.\n",
                  date);
    return sol_system_merge(c->base, m, n, out, n_merged, &c->cli->diag);
}

/* A file that could not be used is not left behind. */
static sc_status write_checked(calibration *c, const char *path, const sc_buf *text)
{
    sol_system *system = NULL;
    sc_buf trial = {0};
    sc_diag *diag = &c->cli->diag;
    sc_buf_printf(&trial, "%s.%ld", path, (long)getpid());
    sc_status status = trial.failed
                           ? sc_diag_nomem(diag)
                           : sc_file_write(trial.text, text->text, text->n, diag);
    if (status == SC_OK) {
        status = sol_system_load(trial.text, &system, diag);
        if (status == SC_OK)
            status = sol_system_use_measured(system, diag);
        sol_system_free(system);
        unlink(trial.text);
    }
    if (status == SC_OK)
        status = sc_file_write(path, text->text, text->n, diag);
    sc_buf_free(&trial);
    return status;
}

static const char *system_name(const calibration *c)
{
    return c->cli->system ? c->cli->system->name : "cpu";
}

/* The error of writing a file there, 0: none is foreseen. */
static int place_error(const char *path, const char *dir)
{
    struct stat info;
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return EISDIR;
    return access(dir, W_OK) == 0 ? 0 : errno;
}

/* Where the file goes. A place that cannot be written to is noticed before anything is
 * measured. */
static sc_status choose_path(calibration *c)
{
    sc_buf path = {0}, dir = {0};
    const char *out = cli_value(&c->cli->options, CLI_OPT_OUT, NULL);
    sc_buf_printf(&path, out ? "%s" : "%s-measured.yaml", out ? out : system_name(c));
    if (!(c->path = sc_buf_take(&path)))
        return sc_diag_nomem(&c->cli->diag);
    sc_buf_printf(&dir, "%.*s.", (int)(sc_path_base(c->path) - c->path), c->path);
    int error = dir.failed ? 0 : place_error(c->path, dir.text);
    sc_status status =
        dir.failed ? sc_diag_nomem(&c->cli->diag)
        : error    ? sc_diag_fail(&c->cli->diag, SC_EIO, SC5000, "cannot write '%s': %s",
                                  c->path, strerror(error))
                   : SC_OK;
    sc_buf_free(&dir);
    return status;
}

static sc_status write_system(calibration *c)
{
    sc_buf text = {0};
    size_t n = 0;
    sc_status status = compose(c, &text, &n);
    if (status == SC_OK && n == 0)
        status =
            sc_diag_fail(&c->cli->diag, SC_EUNABLE, SC3017,
                         "system %s has no place for what was measured", system_name(c));
    if (status == SC_OK)
        status = write_checked(c, c->path, &text);
    if (status == SC_OK && !cli_has(&c->cli->options, CLI_OPT_QUIET) &&
        !cli_has(&c->cli->options, CLI_OPT_JSON))
        printf("%s: %zu measured numbers; use it with --system %s%s --ceiling measured\n",
               c->path, n, strchr(c->path, '/') ? "" : "./", c->path);
    sc_buf_free(&text);
    return status;
}

static sc_status calibrate(calibration *c)
{
    mock_calibrate_options options;
    cli_session *cli = c->cli;
    sc_status status = find_system(c);
    if (status != SC_OK)
        return status;
    status = choose_path(c);
    if (status != SC_OK)
        return status;
    mock_calibrate_defaults(&c->device.info, &options);
    status = mock_calibrate(c->device.ops, c->device.dev, &c->device.info, &options,
                            print_reading, cli, c->reading, &cli->diag);
    if (status == SC_OK)
        status = check_sense(c);
    if (status == SC_OK && !c->base)
        status = cpu_base(c);
    if (status == SC_OK)
        status = write_system(c);
    if (status == SC_OK && cli_has(&cli->options, CLI_OPT_JSON))
        status = print_json(c);
    return status;
}

sc_status cli_calibrate(cli_session *cli, int *exit_code)
{
    (void)exit_code;
    calibration *c = sc_calloc(1, sizeof *c);
    if (!c)
        return sc_diag_nomem(&cli->diag);
    c->cli = cli;
    sc_status status = cli_device_open(cli, &c->device);
    if (status == SC_OK)
        status = calibrate(c);
    cli_device_close(&c->device);
    sc_yaml_free(c->base);
    for (int i = 0; i < MOCK_N_CEILINGS; i++)
        sc_free(c->source[i]);
    sc_free(c->path);
    sc_free(c);
    return status;
}
