/* solcheck - how far two runs of one plan differ, and what they cost.
 *
 *   repeat [--floor US] FIRST.db SECOND.db
 *
 * Points with equal keys in both stores, at least US microseconds long (default 20): the
 * relative difference |a - b| / min(a, b), its median and 99th percentile over each op
 * and phase and over all, and the points that differ most. The cost of a store is the
 * device time of its samples: latency * launches, summed. Exit status: 0 the median is at
 * most 0.5 % and the 99th percentile 3 %, 1 not, 2 trouble. SPDX-License-Identifier:
 * GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define MEDIAN_GOAL 0.005
#define P99_GOAL 0.03
#define WORST 5

typedef struct sample {
    char group[64]; /* "mla context" */
    char *key;
    double first_s, second_s, difference;
} sample;

typedef struct list {
    sample *item;
    size_t n, capacity;
} list;

static int fail(sqlite3 *db, const char *what)
{
    fprintf(stderr, "repeat: %s: %s\n", what, db ? sqlite3_errmsg(db) : "out of memory");
    return 2;
}

static bool add(list *all, sqlite3_stmt *from)
{
    if (all->n == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 256;
        sample *more = sc_reallocarray(all->item, capacity, sizeof *more);
        if (!more)
            return false;
        all->item = more;
        all->capacity = capacity;
    }
    sample *new = &all->item[all->n];
    *new = (sample){.first_s = sqlite3_column_double(from, 3),
                    .second_s = sqlite3_column_double(from, 4)};
    new->key = sc_strdup((const char *)sqlite3_column_text(from, 2));
    if (!new->key)
        return false;
    snprintf(new->group, sizeof new->group, "%s %s", sqlite3_column_text(from, 0),
             sqlite3_column_text(from, 1));
    new->difference =
        fabs(new->first_s - new->second_s) / fmin(new->first_s, new->second_s);
    all->n++;
    return true;
}

/* The points that both stores have, by op and phase. */
static int read_pairs(sqlite3 *db, double floor_s, list *all)
{
    static const char sql[] =
        "SELECT a.op_name, a.phase, a.key, a.latency_s, b.latency_s"
        " FROM main.points a JOIN other.points b ON a.key = b.key"
        " WHERE a.state = 'done' AND b.state = 'done'"
        " AND min(a.latency_s, b.latency_s) >= ? ORDER BY a.op_name, a.phase";
    sqlite3_stmt *from;
    int code = SQLITE_DONE;
    if (sqlite3_prepare_v2(db, sql, -1, &from, NULL) != SQLITE_OK)
        return fail(db, "cannot read");
    sqlite3_bind_double(from, 1, floor_s);
    bool ok = true;
    while (ok && (code = sqlite3_step(from)) == SQLITE_ROW)
        ok = add(all, from);
    sqlite3_finalize(from);
    return !ok ? fail(NULL, "cannot read") : code == SQLITE_DONE ? 0 : fail(db, "rows");
}

static int print_cost(sqlite3 *db, const char *schema, const char *path)
{
    char sql[320];
    sqlite3_stmt *from;
    snprintf(sql, sizeof sql,
             "SELECT count(DISTINCT p.id), total(s.latency_s * p.batch) FROM %s.points p"
             " JOIN %s.samples s ON s.point = p.id WHERE p.state = 'done'",
             schema, schema);
    if (sqlite3_prepare_v2(db, sql, -1, &from, NULL) != SQLITE_OK ||
        sqlite3_step(from) != SQLITE_ROW)
        return fail(db, path);
    printf("%s: %d points, %.1f s of timed launches\n", path, sqlite3_column_int(from, 0),
           sqlite3_column_double(from, 1));
    sqlite3_finalize(from);
    return 0;
}

static int by_difference(const void *a, const void *b)
{
    const sample *p = a, *q = b;
    return (p->difference > q->difference) - (p->difference < q->difference);
}

/* One line for item[0..n), which it sorts; true: within the goals. */
static bool print_line(const char *name, sample *item, size_t n)
{
    double *sorted = sc_calloc(n, sizeof *sorted);
    if (!sorted)
        return false;
    qsort(item, n, sizeof *item, by_difference);
    for (size_t i = 0; i < n; i++)
        sorted[i] = item[i].difference;
    double median = gsl_stats_median_from_sorted_data(sorted, 1, n);
    double p99 = gsl_stats_quantile_from_sorted_data(sorted, 1, n, 0.99);
    printf("%-24s %6zu %9.3f%% %9.3f%% %9.3f%%\n", name, n, 100 * median, 100 * p99,
           100 * sorted[n - 1]);
    sc_free(sorted);
    return median <= MEDIAN_GOAL && p99 <= P99_GOAL;
}

static int report(list *all, double floor_s)
{
    if (all->n == 0) {
        fprintf(stderr, "repeat: no point of at least %g us is in both\n", floor_s * 1e6);
        return 2;
    }
    printf("%-24s %6s %10s %10s %10s   (points of at least %g us)\n", "op phase",
           "points", "median", "p99", "max", floor_s * 1e6);
    for (size_t i = 0, end; i < all->n; i = end) {
        for (end = i;
             end < all->n && strcmp(all->item[end].group, all->item[i].group) == 0;)
            end++;
        char group[64];
        snprintf(group, sizeof group, "%s", all->item[i].group);
        print_line(group, all->item + i, end - i);
    }
    bool met = print_line("all", all->item, all->n);
    for (size_t i = all->n; i-- > 0 && all->n - i <= WORST;)
        printf("  %8.3f%%  %10.2f us %10.2f us  %s\n", 100 * all->item[i].difference,
               all->item[i].first_s * 1e6, all->item[i].second_s * 1e6, all->item[i].key);
    printf("goal: median at most %g %%, 99th percentile at most %g %%: %s\n",
           100 * MEDIAN_GOAL, 100 * P99_GOAL, met ? "met" : "not met");
    return met ? 0 : 1;
}

static int compare(const char *first, const char *second, double floor_s)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *attach = NULL;
    list all = {0};
    if (sqlite3_open_v2(first, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return fail(db, first);
    if (sqlite3_prepare_v2(db, "ATTACH ? AS other", -1, &attach, NULL) != SQLITE_OK)
        return fail(db, second);
    sqlite3_bind_text(attach, 1, second, -1, SQLITE_STATIC);
    int status = sqlite3_step(attach) == SQLITE_DONE ? 0 : fail(db, second);
    sqlite3_finalize(attach);
    if (!status)
        status = print_cost(db, "main", first);
    if (!status)
        status = print_cost(db, "other", second);
    if (!status)
        status = read_pairs(db, floor_s, &all);
    if (!status)
        status = report(&all, floor_s);
    for (size_t i = 0; i < all.n; i++)
        sc_free(all.item[i].key);
    sc_free(all.item);
    sqlite3_close(db);
    return status;
}

int main(int argc, char **argv)
{
    double floor_us = 20;
    int i = 1;
    if (argc > 2 && strcmp(argv[1], "--floor") == 0) {
        if (!sc_parse_double(argv[2], &floor_us) || !(floor_us >= 0))
            return fail(NULL, "--floor wants microseconds");
        i = 3;
    }
    if (argc != i + 2) {
        fputs("usage: repeat [--floor US] FIRST.db SECOND.db\n", stderr);
        return 2;
    }
    return compare(argv[i], argv[i + 1], floor_us * 1e-6);
}
