/* solcheck - perf tables: what cells say before anything is mapped.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "collector/columns.h"
#include "collector/unit.h"
#include "collector/validate.h"

/* No kernel launch is shorter (an empty one in a graph takes about 1 us on an H100), no
 * collector lets one run as long. */
#define LEAST_MS 1e-4
#define MOST_MS 6e4

/* How the columns of a table are read. */
typedef enum reading { UNKNOWN, TEXT, KEY, LATENCY, OPTIONAL } reading;

typedef struct cells {
    const col_table *table;
    const sol_op *const *op;
    size_t n_ops;
    col_findings *findings;
    sc_diag *diag;
    reading *how; /* [n_columns] */
    bool *bad;    /* [n_rows] rows that cannot be used */
} cells;

sc_status col_table_report(const col_table *table, col_findings *findings, int line,
                           sc_severity severity, sc_code code, const char *hint,
                           const char *fmt, ...)
{
    sc_diag finding;
    char text[480];
    va_list ap;
    if (!findings)
        return SC_OK;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    sc_diag_fail(&finding, SC_EPARSE, code, "%s", text);
    finding.severity = severity;
    sc_diag_at(&finding, table->path, line, 0, 0, NULL);
    sc_diag_hint(&finding, "%s", hint ? hint : "");
    return col_findings_add(findings, &finding);
}

#define REPORT(c, line, severity, code, hint, ...)                                       \
    col_table_report((c)->table, (c)->findings, line, severity, code, hint, __VA_ARGS__)

/* ---- which column is what ---- */

static bool is_one_of(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* Is the column a number of the op: of its tables' expressions, an axis, a parameter? */
static bool is_key(const sol_op *op, const char *name)
{
    static const char *const style[] = {"batch_size", "isl",     "seq_len",
                                        "step",       "tp_size", "tp"};
    if (is_one_of(name, style, sizeof style / sizeof *style) ||
        sol_op_param_index(op, name) >= 0)
        return true;
    for (int p = 0; p < SOL_N_PHASES; p++)
        if (op->phase[p] && sol_phase_axis_index(op->phase[p], name) >= 0)
            return true;
    for (int i = 0; i < op->n_tables; i++)
        if (sol_symbol_find(op->table[i].columns, name) >= 0)
            return true;
    return false;
}

/* Is the column a label that the op knows: a dtype, a case, one that it ignores? */
static bool is_label(const sol_op *op, const char *name)
{
    for (int i = 0; i < op->n_slots; i++) {
        char own[128];
        snprintf(own, sizeof own, "%s_dtype", op->slot[i].name);
        if (strcmp(own, name) == 0 || strcmp(op->slot[i].name, name) == 0)
            return true;
    }
    for (int i = 0; i < op->n_tables; i++) {
        const sol_table_map *map = &op->table[i];
        for (char **ignored = map->ignored; *ignored; ignored++)
            if (strcmp(*ignored, name) == 0)
                return true;
        for (int k = 0; k < map->n_dtypes; k++)
            if (strcmp(map->dtype[k].column, name) == 0)
                return true;
        for (int k = 0; k < map->n_columns; k++)
            if (!map->column[k].expr && strcmp(map->column[k].text, name) == 0)
                return true;
        for (int k = 0; k < map->n_rows; k++)
            if (strcmp(map->rows[k].column, name) == 0)
                return true;
    }
    return false;
}

static const char *const metadata[] = {
#define X(id, name) name,
    COL_METADATA_LIST(X)
#undef X
};
#define N_METADATA (sizeof metadata / sizeof *metadata)

static reading reading_of(const cells *c, const char *name)
{
    static const char *const text[] = {
        "framework",  "version",      "device", "op_name", "kernel_source",
        "phase",      "launch",       "cache",  "date",    "model",
        "model_name", "architecture", "scope",  "inputs",  "throttle"};
    if (strcmp(name, "latency") == 0)
        return LATENCY;
    for (size_t i = 0; i < c->n_ops; i++)
        if (is_label(c->op[i], name))
            return TEXT;
    for (size_t i = 0; i < c->n_ops; i++)
        if (is_key(c->op[i], name))
            return KEY;
    if (is_one_of(name, text, sizeof text / sizeof *text))
        return TEXT;
    return is_one_of(name, metadata, N_METADATA) ? OPTIONAL : UNKNOWN;
}

/* latency_us, "latency [ms]", time_ms: a latency whose unit may be another. */
static bool names_a_unit(const char *name)
{
    static const char *const unit[] = {"_us", "_ns", "_s",  "_ms",
                                       "us]", "ns]", "[s]", "ms]"};
    bool time = strcasestr(name, "latency") || strcasestr(name, "time");
    for (size_t i = 0; i < sizeof unit / sizeof *unit && time; i++)
        if (sc_ends_with(name, unit[i]))
            return true;
    return false;
}

/* The names that an unknown column resembles. */
static void suggest(const cells *c, const char *name, char *out, size_t out_B)
{
    const char *list[256];
    size_t n = 0;
    for (; n < N_METADATA; n++)
        list[n] = metadata[n];
    for (size_t i = 0; i < c->n_ops; i++) {
        for (int k = 0; k < c->op[i]->n_params && n < 200; k++)
            list[n++] = c->op[i]->param[k].name;
        for (int k = 0; k < c->op[i]->n_tables; k++) {
            const sol_table_map *map = &c->op[i]->table[k];
            for (int s = 0; s < sol_symbol_count(map->columns) && n < 240; s++)
                list[n++] = sol_symbol_name(map->columns, s);
            for (int d = 0; d < map->n_dtypes && n < 256; d++)
                list[n++] = map->dtype[d].column;
        }
    }
    *out = 0;
    sc_suggest(name, list, n, out, out_B);
}

static size_t first_other(const col_table *t, int column);

/* A column that is not known: a note where it is the same in all rows and resembles
 * nothing. */
static sc_status check_columns(cells *c)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < c->table->n_columns && !status; i++) {
        const char *name = c->table->column[i];
        char near[200], hint[256];
        c->how[i] = reading_of(c, name);
        if (c->how[i] != UNKNOWN || !c->n_ops)
            continue;
        suggest(c, name, near, sizeof near);
        snprintf(hint, sizeof hint,
                 names_a_unit(name) ? "milliseconds under the name latency are read%.0s"
                 : *near            ? "did you mean %s?"
                                    : "rows that differ in it are other groups%s",
                 near);
        bool same = first_other(c->table, (int)i) >= c->table->n_rows;
        status = REPORT(c, 1, same && !*near ? SC_NOTE : SC_WARNING, SC2200, hint,
                        "op %s knows no column '%.80s'", c->op[0]->name, name);
    }
    return status;
}

/* ---- cells ---- */

static sc_status check_latency(cells *c, size_t row, int column)
{
    char scratch[32];
    const char *text = col_table_text(c->table, row, column, scratch);
    double value_s = NAN;
    int line = col_table_line(c->table, row);
    bool number = col_ms_parse(text, &value_s);
    const char *bare = text + (*text == '-' || *text == '+');
    if (!number && strncasecmp(bare, "nan", 3) && strncasecmp(bare, "inf", 3)) {
        c->bad[row] = true;
        return REPORT(c, line, SC_ERROR, SC2002,
                      "write milliseconds without a unit or separators of thousands, and "
                      "decimals with a point",
                      "latency '%.60s' is not a number", text);
    }
    if (!number || !(value_s > 0)) {
        c->bad[row] = true;
        return REPORT(c, line, SC_ERROR, SC2003,
                      "such a row is a failed measurement: leave it out",
                      "latency %.60s is not positive and finite", text);
    }
    if (value_s * 1e3 < LEAST_MS || value_s * 1e3 > MOST_MS)
        return REPORT(c, line, SC_WARNING, SC2201, "latency is in milliseconds",
                      "latency of %.6g ms: no launch takes so %s", value_s * 1e3,
                      value_s * 1e3 < LEAST_MS ? "little" : "long");
    return SC_OK;
}

static sc_status check_key(cells *c, size_t row, size_t column)
{
    char scratch[32];
    double value;
    int line = col_table_line(c->table, row);
    const char *name = c->table->column[column];
    const char *text = col_table_text(c->table, row, (int)column, scratch);
    if (!col_table_number(c->table, row, (int)column, &value)) {
        c->bad[row] = true;
        return REPORT(c, line, SC_ERROR, SC2002, "mend the row or leave it out",
                      "%.60s '%.60s' is not a number", name, text);
    }
    if (value == floor(value))
        return SC_OK;
    c->bad[row] = true;
    return REPORT(c, line, SC_ERROR, SC2223, "axes and parameters are integers",
                  "%.60s = %.60s is not an integer", name, text);
}

static sc_status check_optional(cells *c, size_t row, size_t column)
{
    char scratch[32];
    double value;
    const char *text = col_table_text(c->table, row, (int)column, scratch);
    if (!*text || col_table_number(c->table, row, (int)column, &value))
        return SC_OK;
    c->bad[row] = true;
    return REPORT(c, col_table_line(c->table, row), SC_ERROR, SC2002,
                  "leave the cell empty where it is unknown",
                  "%.60s '%.60s' is not a number", c->table->column[column], text);
}

/* The columns of dispersion, -1 where there is none. */
typedef struct spread {
    int latency, mean, least, most, mad, samples;
} spread;

static double number_at(const cells *c, size_t row, int column)
{
    double value = NAN;
    if (column >= 0)
        col_table_number(c->table, row, column, &value);
    return value;
}

/* min <= latency, mean <= max; no deviation beyond max - min; a sample or more. */
static sc_status check_spread(cells *c, size_t row, const spread *s)
{
    double latency = number_at(c, row, s->latency), mean = number_at(c, row, s->mean);
    double least = number_at(c, row, s->least), most = number_at(c, row, s->most);
    double mad = number_at(c, row, s->mad), samples = number_at(c, row, s->samples);
    double slack = 1e-9 * fabs(latency);
    const char *what = NULL;
    if (latency < least - slack || mean < least - slack)
        what = "latency or latency_mean is below latency_min";
    else if (latency > most + slack || mean > most + slack)
        what = "latency or latency_mean is above latency_max";
    else if (mad < 0 || mad > most - least + slack)
        what = "latency_mad is negative, or larger than latency_max - latency_min";
    else if (samples < 1 || samples != (isnan(samples) ? samples : floor(samples)))
        what = isnan(samples) ? NULL : "samples is no positive integer";
    return what ? REPORT(c, col_table_line(c->table, row), SC_ERROR, SC2220,
                         "the row was edited, or statistics are of other samples", "%s",
                         what)
                : SC_OK;
}

static sc_status check_rows(cells *c)
{
    const col_table *t = c->table;
    const spread s = {
        col_table_column(t, "latency"),     col_table_column(t, "latency_mean"),
        col_table_column(t, "latency_min"), col_table_column(t, "latency_max"),
        col_table_column(t, "latency_mad"), col_table_column(t, "samples")};
    bool any = s.least >= 0 || s.most >= 0 || s.mad >= 0 || s.samples >= 0;
    sc_status status = SC_OK;
    for (size_t row = 0; row < t->n_rows && !status; row++) {
        for (size_t i = 0; i < t->n_columns && !status && !c->bad[row]; i++)
            status = c->how[i] == LATENCY    ? check_latency(c, row, (int)i)
                     : c->how[i] == KEY      ? check_key(c, row, i)
                     : c->how[i] == OPTIONAL ? check_optional(c, row, i)
                                             : SC_OK;
        if (any && !c->bad[row] && !status)
            status = check_spread(c, row, &s);
    }
    return status;
}

/* ---- what describes the measurement ---- */

/* What a describing column may hold: a number in [least, most], or one of the words. */
typedef struct description {
    const char *column, *meaning;
    double least, most;
    const char *word[3];
} description;

static const description descriptions[] = {
    {"sm_clock_mhz", "MHz", 50, 2e4, {NULL}},
    {"mem_clock_mhz", "MHz", 50, 2e4, {NULL}},
    {"power", "W", 0, 1e4, {NULL}},
    {"power_limit", "W", 0, 1e4, {NULL}},
    {"scope", "kernel or op", 0, 0, {"kernel", "op"}},
    {"inputs", "normal, uniform or zeros", 0, 0, {"normal", "uniform", "zeros"}},
    {"launch", "graph or eager", 0, 0, {"graph", "eager"}},
};

static bool describes(const cells *c, const description *d, size_t row, int column)
{
    char scratch[32];
    const char *text = col_table_text(c->table, row, column, scratch);
    double value = number_at(c, row, column);
    if (!*text || c->bad[row])
        return true;
    if (!d->word[0])
        return value >= d->least && value <= d->most;
    for (int i = 0; i < 3 && d->word[i]; i++)
        if (strcmp(d->word[i], text) == 0)
            return true;
    return false;
}

static sc_status check_description(cells *c, const description *d)
{
    char scratch[32], hint[128];
    const col_table *t = c->table;
    int column = col_table_column(t, d->column);
    size_t n = 0, first = 0;
    for (size_t row = 0; row < t->n_rows && column >= 0; row++)
        if (!describes(c, d, row, column) && n++ == 0)
            first = row;
    if (!n)
        return SC_OK;
    if (d->word[0])
        snprintf(hint, sizeof hint, "it is %s, or empty", d->meaning);
    else
        snprintf(hint, sizeof hint, "it is in %s, between %g and %g, or empty",
                 d->meaning, d->least, d->most);
    return REPORT(c, col_table_line(t, first), SC_WARNING, SC2224, hint,
                  "%s = %.60s cannot be, in %zu of %zu rows", d->column,
                  col_table_text(t, first, column, scratch), n, t->n_rows);
}

/* NVML's reasons that stand for trouble: hardware slowdown, software and hardware thermal
 * slowdown, power brake. A power cap (0x4) is how large GPUs work. Source: nvml.h,
 * nvmlClocksEventReasons. */
#define TROUBLE (0x8ull | 0x20ull | 0x40ull | 0x80ull)

/* SM clocks of one table that differ by more are of two states of the machine: recordings
 * under a power cap differ by 1.3. */
#define CLOCK_SPREAD 1.6

static sc_status check_trouble(cells *c)
{
    const col_table *t = c->table;
    int column = col_table_column(t, "throttle");
    size_t n = 0, first = 0;
    for (size_t row = 0; row < t->n_rows && column >= 0; row++) {
        double bits = number_at(c, row, column);
        if (bits >= 1 && bits < 0x1p63 && ((unsigned long long)bits & TROUBLE) &&
            n++ == 0)
            first = row;
    }
    return n ? REPORT(c, col_table_line(t, first), SC_WARNING, SC2225,
                      "let the GPU cool, mend its power supply, and measure them again",
                      "%zu of %zu rows were measured while heat or the power supply "
                      "slowed the clock (throttle = %.0f)",
                      n, t->n_rows, number_at(c, first, column))
             : SC_OK;
}

static sc_status check_clock(cells *c)
{
    const col_table *t = c->table;
    int column = col_table_column(t, "sm_clock_mhz");
    double least = INFINITY, most = 0;
    size_t slow = 0, fast = 0;
    for (size_t row = 0; row < t->n_rows && column >= 0; row++) {
        double mhz = number_at(c, row, column);
        if (!(mhz > 0))
            continue;
        if (mhz < least)
            least = mhz, slow = row;
        if (mhz > most)
            most = mhz, fast = row;
    }
    return most > CLOCK_SPREAD * least
               ? REPORT(c, col_table_line(t, slow), SC_WARNING, SC2225,
                        "lock the clocks, or measure the slow rows again: latencies at "
                        "one clock are no neighbours of those at another",
                        "the SM clock is %.4g MHz here and %.4g MHz in row %d", least,
                        most, col_table_line(t, fast))
               : SC_OK;
}

static sc_status check_descriptions(cells *c)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < sizeof descriptions / sizeof *descriptions && !status; i++)
        status = check_description(c, &descriptions[i]);
    if (!status)
        status = check_trouble(c);
    return status ? status : check_clock(c);
}

/* ---- one measurement, one machine ---- */

/* Row of the first cell that differs from the first row's; n_rows: none does. */
static size_t first_other(const col_table *t, int column)
{
    char a[32], b[32];
    size_t row = 1;
    while (column >= 0 && row < t->n_rows &&
           strcmp(col_table_text(t, 0, column, a), col_table_text(t, row, column, b)) ==
               0)
        row++;
    return column >= 0 ? row : t->n_rows;
}

static sc_status check_mixed(cells *c, const char *column, sc_code code, const char *what)
{
    const col_table *t = c->table;
    char a[32], b[32];
    int at = col_table_column(t, column);
    size_t row = first_other(t, at);
    if (row >= t->n_rows)
        return SC_OK;
    return REPORT(
        c, col_table_line(t, row), SC_WARNING, code,
        "write a file for each: latencies of one are no neighbours of the other's",
        "%s of %s: '%.60s' here, '%.60s' in the first row", what, column,
        col_table_text(t, row, at, a), col_table_text(t, 0, at, b));
}

sc_status col_table_check_cells(const col_table *table, const sol_op *const *op, size_t n,
                                col_findings *findings, col_table **out, sc_diag *diag)
{
    cells c = {.table = table, .op = op, .n_ops = n, .findings = findings, .diag = diag};
    c.how = sc_calloc(table->n_columns + 1, sizeof *c.how);
    c.bad = sc_calloc(table->n_rows + 1, sizeof *c.bad);
    sc_status status = c.how && c.bad ? SC_OK : SC_ENOMEM;
    if (!status)
        status = check_columns(&c);
    if (!status)
        status = check_rows(&c);
    if (!status)
        status = check_descriptions(&c);
    if (!status)
        status = check_mixed(&c, "device", SC2215, "two devices");
    if (!status)
        status = check_mixed(&c, "framework", SC2216, "two frameworks");
    if (!status)
        status = check_mixed(&c, "version", SC2216, "two versions");
    bool whole = true;
    for (size_t row = 0; row < table->n_rows && c.bad; row++)
        whole &= !c.bad[row];
    if (!status && whole)
        *out = NULL;
    else if (!status)
        status = col_table_select(table, c.bad, out, diag);
    sc_free(c.how);
    sc_free(c.bad);
    return status == SC_ENOMEM ? sc_diag_nomem(diag) : status;
}
