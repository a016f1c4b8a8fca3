/* solcheck - our latencies over the best on record, op by op.
 *
 *   framework_ratio [--goals FILE] [--where COLUMN=V,..]... [--worst N] [--all FILE.csv]
 *                   REFERENCE_DIR STORE|TABLE|DIRECTORY...
 *
 * FILE (bench/framework_goals.csv) names a table of REFERENCE_DIR, the op and phase it is
 * about, which of its rows count, and the geometric mean and 90th percentile to reach.
 * Our rows come from record stores, from tables, or from directories of
 * <layer>_<phase>.csv. Both sides go through the op files' maps of tables and are
 * compared where everything that one GPU sees is equal: local parameters, dtypes, axes.
 * Of ours, --where (default cache=hot) chooses rows by columns; two of ours at one point
 * are an error. Exit status: 0 every goal is met, 1 some are not, 2 trouble.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "collector/store.h"
#include "collector/table.h"

#define ENOUGH 150 /* points that a statement about an op and phase needs */
#define MOST_PATHS 64
#define MOST_WHERE 16
#define MOST_VALUES 16

typedef struct arguments {
    const char *goals, *all, *reference;
    const char *where[MOST_WHERE];
    int n_where, worst;
    const char *path[MOST_PATHS];
    int n_paths;
} arguments;

typedef struct side { /* one op and phase of one side */
    col_table *table;
    col_points points;
    double *key; /* [points.n * width] what one GPU sees */
    size_t *order;
} side;

typedef struct pair {
    double ratio;
    const col_point *ours, *best;
} pair;

typedef struct goal {
    const char *table, *op, *phase, *where;
    double mean, p90; /* NaN: none */
} goal;

static sc_status trouble(sc_diag *diag, const char *what, const char *name)
{
    sc_diag_fail(diag, SC_EINVAL, SC6001, "%s '%s'", what, name);
    return SC_EINVAL;
}

/* ---- rows that count ---- */

/* "COLUMN=V,V"; a column that is not there chooses nothing when `lenient`. */
static sc_status keep(col_table *table, const char *where, bool lenient, sc_diag *diag)
{
    char text[256];
    const char *value[MOST_VALUES + 1];
    int n = 0;
    size_t n_dropped;
    snprintf(text, sizeof text, "%s", where);
    char *at = strchr(text, '=');
    if (!at)
        return trouble(diag, "not COLUMN=VALUE,..:", where);
    *at++ = '\0';
    for (char *word = strtok(at, ","); word && n < MOST_VALUES; word = strtok(NULL, ","))
        value[n++] = word;
    value[n] = NULL;
    if (lenient && col_table_column(table, text) < 0)
        return SC_OK;
    return col_table_keep(table, text, value, &n_dropped, diag);
}

/* ---- keys ---- */

static int width_of(const sol_op *op, const sol_phase *phase)
{
    return op->n_params + op->n_slots + phase->n_axes;
}

/* Parameters local to one GPU, dtypes, axes. */
static void set_key(const col_points *points, const col_point *p, double *key)
{
    const sol_op *op = points->op;
    const sol_config *config = &points->config[p->group];
    for (int i = 0; i < op->n_params; i++)
        *key++ = sol_config_local(op, config, i);
    for (int i = 0; i < op->n_slots; i++)
        *key++ = config->slot[i];
    for (int i = 0; i < op->phase[points->phase]->n_axes; i++)
        *key++ = p->axis[i];
}

static int compare_keys(const double *a, const double *b, int width)
{
    for (int i = 0; i < width; i++)
        if (a[i] != b[i])
            return a[i] < b[i] ? -1 : 1;
    return 0;
}

static const side *sorted; /* qsort has no argument for it */
static int sorted_width;

static int by_key(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    int order = compare_keys(sorted->key + i * (size_t)sorted_width,
                             sorted->key + j * (size_t)sorted_width, sorted_width);
    double x = sorted->points.point[i].latency_s, y = sorted->points.point[j].latency_s;
    return order ? order : (x > y) - (x < y); /* the best comes first */
}

/* Maps a table and sorts its points. */
static sc_status side_map(side *s, const sol_op *op, sol_phase_kind phase, sc_diag *diag)
{
    sc_diags ignored = {0};
    int width = width_of(op, op->phase[phase]);
    sc_status status =
        col_points_map(s->table, op, phase, NULL, &s->points, &ignored, diag);
    sc_diags_free(&ignored);
    if (status)
        return status;
    s->key = sc_calloc(s->points.n * (size_t)width, sizeof *s->key);
    s->order = sc_calloc(s->points.n, sizeof *s->order);
    if (!s->key || !s->order)
        return sc_diag_nomem(diag);
    for (size_t i = 0; i < s->points.n; i++) {
        set_key(&s->points, &s->points.point[i], s->key + i * (size_t)width);
        s->order[i] = i;
    }
    sorted = s;
    sorted_width = width;
    qsort(s->order, s->points.n, sizeof *s->order, by_key);
    return SC_OK;
}

static void side_clear(side *s)
{
    col_points_clear(&s->points);
    col_table_free(s->table);
    sc_free(s->key);
    sc_free(s->order);
    *s = (side){0};
}

/* ---- our side ---- */

static bool is_directory(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_table(const char *path)
{
    return sc_ends_with(path, ".csv") || sc_ends_with(path, ".parquet");
}

/* Of all stores at once: of equal points the newest counts. */
static sc_status from_stores(const char *const *path, size_t n, const sol_op *op,
                             sol_phase_kind phase, col_table **out, sc_diag *diag)
{
    col_export *all;
    col_export_table about;
    sc_buf text = {0};
    sc_status status = col_export_load(path, n, op->layer, &all, diag);
    if (status)
        return status;
    status = SC_EDOMAIN;
    for (size_t i = 0; status == SC_EDOMAIN && col_export_table_at(all, i, &about); i++)
        if (about.phase == phase)
            status = col_export_csv(all, i, &text, diag);
    if (!status)
        status = col_table_parse("store", sc_buf_text(&text), text.n, out, diag);
    sc_buf_free(&text);
    col_export_free(all);
    return status;
}

/* The first path that has the op's table: SC_EDOMAIN where none has. */
static sc_status load_ours(const arguments *args, const sol_op *op, sol_phase_kind phase,
                           col_table **out, sc_diag *diag)
{
    const char *store[MOST_PATHS];
    size_t n_stores = 0;
    char prefix[128], path[4096];
    snprintf(prefix, sizeof prefix, "%s_%s", op->layer, sol_phase_name(phase));
    for (int i = 0; i < args->n_paths; i++) {
        const char *from = args->path[i];
        bool dir = is_directory(from);
        snprintf(path, sizeof path, dir ? "%s/%s.csv" : "%s", from, prefix);
        if (dir && access(path, R_OK) != 0)
            continue;
        if (!dir && !is_table(from))
            store[n_stores++] = from;
        else if (dir || strncmp(sc_path_base(from), prefix, strlen(prefix)) == 0)
            return col_table_load(path, out, diag);
    }
    return n_stores ? from_stores(store, n_stores, op, phase, out, diag) : SC_EDOMAIN;
}

static sc_status choose_ours(const arguments *args, col_table *table, sc_diag *diag)
{
    bool cache = false;
    sc_status status = SC_OK;
    for (int i = 0; i < args->n_where && !status; i++) {
        cache |= strncmp(args->where[i], "cache=", 6) == 0;
        status = keep(table, args->where[i], false, diag);
    }
    return status || cache ? status : keep(table, "cache=hot", true, diag);
}

/* ---- pairs ---- */

static const double *key_at(const side *s, size_t i, int width)
{
    return s->key + s->order[i] * (size_t)width;
}

static sc_status twice(const side *s, size_t i, sc_diag *diag)
{
    const col_point *a = &s->points.point[s->order[i - 1]];
    const col_point *b = &s->points.point[s->order[i]];
    sc_diag_fail(diag, SC_EINVAL, SC2005, "rows %d and %d of ours are one point", a->line,
                 b->line);
    sc_diag_hint(diag, "choose with --where, e.g. --where scope=kernel");
    return SC_EINVAL;
}

static sc_status join(const side *ours, const side *best, int width, pair *out, size_t *n,
                      sc_diag *diag)
{
    size_t j = 0;
    *n = 0;
    for (size_t i = 0; i < ours->points.n; i++) {
        const double *key = key_at(ours, i, width);
        if (i > 0 && compare_keys(key_at(ours, i - 1, width), key, width) == 0)
            return twice(ours, i, diag);
        while (j < best->points.n && compare_keys(key_at(best, j, width), key, width) < 0)
            j++;
        if (j == best->points.n || compare_keys(key_at(best, j, width), key, width) != 0)
            continue;
        const col_point *a = &ours->points.point[ours->order[i]];
        const col_point *b = &best->points.point[best->order[j]];
        out[(*n)++] = (pair){a->latency_s / b->latency_s, a, b};
    }
    return SC_OK;
}

static int by_ratio(const void *a, const void *b)
{
    const pair *p = a, *q = b;
    return (p->ratio > q->ratio) - (p->ratio < q->ratio);
}

/* ---- printing ---- */

static size_t row_of(const col_table *table, int line)
{
    size_t row = 0;
    while (row < table->n_rows && table->line[row] != line)
        row++;
    return row;
}

static void print_row(const col_table *table, int line, const char *between, FILE *to)
{
    size_t row = row_of(table, line);
    char scratch[32];
    for (size_t c = 0; c < table->n_columns && row < table->n_rows; c++)
        fprintf(to, "%s%s=%s", c ? between : "", table->column[c],
                col_table_text(table, row, (int)c, scratch));
}

static void print_pair(const pair *p, const side *ours, const side *best)
{
    char scratch[32];
    int source = col_table_column(ours->table, "kernel_source");
    size_t row = row_of(ours->table, p->ours->line);
    printf("    %6.3f  %10.2f us  %-28.60s ", p->ratio, p->ours->latency_s * 1e6,
           source >= 0 && row < ours->table->n_rows
               ? col_table_text(ours->table, row, source, scratch)
               : "");
    print_row(best->table, p->best->line, " ", stdout);
    putchar('\n');
}

static void write_all(const pair *p, size_t n, const goal *g, const side *best, FILE *to)
{
    for (size_t i = 0; i < n; i++) {
        fprintf(to, "%s,%s,%.6g,%.9g,%.9g,\"", g->op, g->phase, p[i].ratio,
                p[i].ours->latency_s * 1e3, p[i].best->latency_s * 1e3);
        print_row(best->table, p[i].best->line, " ", to);
        fputs("\"\n", to);
    }
}

static void print_number(double value, const char *if_none)
{
    if (isfinite(value))
        printf(" %8.3f", value);
    else
        printf(" %8s", if_none);
}

/* Prints the line of a goal, worst points below it; true: met. */
static bool print_goal(const goal *g, pair *p, size_t n, size_t n_best, int worst,
                       const side *ours, const side *best)
{
    double *ratio = sc_calloc(n, sizeof *ratio), mean = NAN, p90 = NAN, sum = 0;
    qsort(p, n, sizeof *p, by_ratio);
    for (size_t i = 0; ratio && i < n; i++) {
        ratio[i] = p[i].ratio;
        sum += log(p[i].ratio);
    }
    if (ratio && n) {
        mean = exp(sum / (double)n);
        p90 = gsl_stats_quantile_from_sorted_data(ratio, 1, n, 0.9);
    }
    sc_free(ratio);
    bool none = isnan(g->mean) && isnan(g->p90);
    bool met = n >= ENOUGH && !isnan(mean) && !(mean > g->mean) && !(p90 > g->p90);
    printf("%-11s %-10s %-20s %6zu %8zu", g->op, g->phase, *g->where ? g->where : "-", n,
           n_best);
    print_number(mean, "-");
    print_number(g->mean, "none");
    print_number(p90, "-");
    print_number(g->p90, "none");
    printf("  %s\n", none         ? "-"
                     : n < ENOUGH ? "not met: fewer than 150 points"
                     : met        ? "met"
                                  : "not met");
    for (size_t i = n; i-- > 0 && (int)(n - i) <= worst;)
        print_pair(&p[i], ours, best);
    return met || none;
}

/* ---- a goal ---- */

static bool find_phase(const char *name, sol_phase_kind *out)
{
    for (int p = 0; p < SOL_N_PHASES; p++)
        if (strcmp(sol_phase_name((sol_phase_kind)p), name) == 0) {
            *out = (sol_phase_kind)p;
            return true;
        }
    return false;
}

static sc_status load_best(const arguments *args, const goal *g, col_table **out,
                           sc_diag *diag)
{
    char *path = sc_path_join(args->reference, g->table);
    sc_status status = path ? col_table_load(path, out, diag) : sc_diag_nomem(diag);
    sc_free(path);
    return status || !*g->where ? status : keep(*out, g->where, false, diag);
}

static sc_status compare(const arguments *args, const goal *g, const sol_op *op,
                         sol_phase_kind phase, FILE *all, bool *met, sc_diag *diag)
{
    side ours = {0}, best = {0};
    pair *pairs = NULL;
    size_t n = 0;
    sc_status status = load_best(args, g, &best.table, diag);
    if (!status)
        status = side_map(&best, op, phase, diag);
    if (!status)
        status = load_ours(args, op, phase, &ours.table, diag);
    if (!status)
        status = choose_ours(args, ours.table, diag);
    if (!status)
        status = side_map(&ours, op, phase, diag);
    if (!status) {
        pairs = sc_calloc(ours.points.n, sizeof *pairs);
        status = pairs
                     ? join(&ours, &best, width_of(op, op->phase[phase]), pairs, &n, diag)
                     : sc_diag_nomem(diag);
    }
    if (status == SC_EDOMAIN) { /* nothing of ours */
        sc_diag_clear(diag);
        status = SC_OK;
    }
    if (!status) {
        *met &= print_goal(g, pairs, n, best.points.n, args->worst, &ours, &best);
        if (all)
            write_all(pairs, n, g, &best, all);
    }
    sc_free(pairs);
    side_clear(&ours);
    side_clear(&best);
    return status;
}

static sc_status one_goal(const arguments *args, const goal *g, const char *data,
                          FILE *all, bool *met, sc_diag *diag)
{
    sol_op *op;
    sol_phase_kind phase;
    sc_status status = sol_op_find(g->op, getenv("SOLCHECK_OP_PATH"), data, &op, diag);
    if (status)
        return status;
    if (!find_phase(g->phase, &phase) || !op->phase[phase])
        status = trouble(diag, "no such phase:", g->phase);
    else
        status = compare(args, g, op, phase, all, met, diag);
    sol_op_free(op);
    return status;
}

static sc_status all_goals(const arguments *args, const char *data, FILE *all, bool *met,
                           sc_diag *diag)
{
    static const char *const name[] = {"table",          "op", "phase", "where",
                                       "geometric_mean", "p90"};
    col_table *goals;
    int column[6];
    char text[4][32];
    sc_status status = col_table_load(args->goals, &goals, diag);
    if (status)
        return status;
    for (int i = 0; i < 6 && !status; i++)
        if ((column[i] = col_table_column(goals, name[i])) < 0)
            status = trouble(diag, "the goals lack a column", name[i]);
    printf("%-11s %-10s %-20s %6s %8s %8s %8s %8s %8s\n", "op", "phase", "where",
           "points", "on record", "geomean", "goal", "p90", "goal");
    for (size_t row = 0; row < goals->n_rows && !status; row++) {
        goal g = {.mean = NAN, .p90 = NAN};
        const char **word[] = {&g.table, &g.op, &g.phase, &g.where};
        for (int i = 0; i < 4; i++)
            *word[i] = col_table_text(goals, row, column[i], text[i]);
        col_table_number(goals, row, column[4], &g.mean);
        col_table_number(goals, row, column[5], &g.p90);
        status = one_goal(args, &g, data, all, met, diag);
    }
    col_table_free(goals);
    return status;
}

/* ---- the command ---- */

static bool parse(int argc, char **argv, arguments *args)
{
    *args = (arguments){.goals = SC_SOURCE_DIR "/bench/framework_goals.csv", .worst = 3};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (strncmp(argv[i], "--", 2) == 0 && !value)
            return false;
        if (strcmp(argv[i], "--goals") == 0)
            args->goals = argv[++i];
        else if (strcmp(argv[i], "--all") == 0)
            args->all = argv[++i];
        else if (strcmp(argv[i], "--worst") == 0)
            args->worst = atoi(argv[++i]);
        else if (strcmp(argv[i], "--where") == 0 && args->n_where < MOST_WHERE)
            args->where[args->n_where++] = argv[++i];
        else if (strncmp(argv[i], "--", 2) == 0)
            return false;
        else if (!args->reference)
            args->reference = argv[i];
        else if (args->n_paths < MOST_PATHS)
            args->path[args->n_paths++] = argv[i];
    }
    return args->n_paths > 0;
}

int main(int argc, char **argv)
{
    arguments args;
    sc_diag diag;
    bool met = true;
    const char *data = getenv("SOLCHECK_DATA_DIR");
    sc_diag_clear(&diag);
    if (!parse(argc, argv, &args)) {
        fputs("usage: framework_ratio [--goals FILE] [--where COLUMN=V,..] [--worst N] "
              "[--all FILE.csv] REFERENCE_DIR STORE|TABLE|DIRECTORY...\n",
              stderr);
        return 2;
    }
    FILE *all = args.all ? fopen(args.all, "w") : NULL;
    if (all)
        fputs("op,phase,ratio,ours_ms,best_ms,point\n", all);
    sc_status status = args.all && !all ? trouble(&diag, "cannot write", args.all)
                                        : all_goals(&args, data ? data : SC_SOURCE_DIR,
                                                    all, &met, &diag);
    if (all)
        fclose(all);
    if (status) {
        sc_buf text = {0};
        sc_diag_format(&diag, &text);
        fputs(sc_buf_text(&text), stderr);
        sc_buf_free(&text);
        return 2;
    }
    return met ? 0 : 1;
}
