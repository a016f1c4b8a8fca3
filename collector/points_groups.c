/* solcheck - groups of rows with equal configurations, and merging points.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/points_internal.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

static uint64_t hash_bytes(uint64_t hash, const void *data, size_t n)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ byte[i]) * 1099511628211u; /* FNV-1a */
    return hash;
}

uint64_t col_config_hash(const sol_op *op, const sol_config *config)
{
    uint64_t hash = 14695981039346656037u;
    for (int i = 0; i < op->n_params; i++) {
        double value = config->param[i] + 0.0; /* -0 equals 0 */
        hash = hash_bytes(hash, &value, sizeof value);
    }
    hash = hash_bytes(hash, &config->tp, sizeof config->tp);
    return hash_bytes(hash, config->slot, (size_t)op->n_slots * sizeof *config->slot);
}

/* col_points.apart of the group of a row. */
static uint64_t plan_apart(const col_plan *p, size_t row)
{
    uint64_t hash = 0;
    for (int i = 0; i < COL_N_APART; i++) {
        if (p->apart[i] < 0 || p->used[p->apart[i]])
            continue;
        const char *name = p->table->column[p->apart[i]];
        const char *text = col_plan_label(p, row, p->apart[i]);
        if (strcmp(text, col_apart_default(name)) != 0)
            hash = hash_bytes(hash + (uint64_t)i + 1, text, strlen(text));
    }
    return hash;
}

static uint64_t hash_row(const col_plan *p, const sol_config *config, size_t row)
{
    uint64_t hash = col_config_hash(p->op, config);
    for (int i = 0; i < p->n_extra; i++) {
        const col_values *cells = col_plan_values(p, p->extra[i]);
        double cell = cells->is_text ? NAN : col_values_at(cells, row) + 0.0;
        const char *text = cells->is_text ? col_plan_label(p, row, p->extra[i]) : "";
        if (!isnan(cell)) /* every NaN is the same empty cell */
            hash = hash_bytes(hash, &cell, sizeof cell);
        hash = hash_bytes(hash, text, strlen(text) + 1);
    }
    return hash;
}

bool col_config_same(const sol_op *op, const sol_config *a, const sol_config *b)
{
    for (int i = 0; i < op->n_params; i++)
        if (a->param[i] != b->param[i])
            return false;
    for (int i = 0; i < op->n_slots; i++)
        if (a->slot[i] != b->slot[i])
            return false;
    return a->tp == b->tp;
}

static bool same_group(const col_plan *p, const col_points *points, const col_groups *g,
                       size_t i, const sol_config *config, size_t row)
{
    if (!col_config_same(p->op, &points->config[i], config))
        return false;
    for (int e = 0; e < p->n_extra; e++)
        if (!col_plan_same(p, g->row[i], row, p->extra[e]))
            return false;
    return true;
}

static sc_status groups_grow(const col_plan *p, const col_points *points, col_groups *g)
{
    size_t n_slots = g->n_slots ? 2 * g->n_slots : 64;
    size_t *slot = sc_calloc(n_slots, sizeof *slot);
    if (!slot)
        return sc_diag_nomem(p->diag);
    for (size_t i = 0; i < points->n_configs; i++) {
        size_t at = hash_row(p, &points->config[i], g->row[i]) % n_slots;
        while (slot[at])
            at = (at + 1) % n_slots;
        slot[at] = i + 1;
    }
    sc_free(g->slot);
    g->slot = slot;
    g->n_slots = n_slots;
    return SC_OK;
}

static sc_status add_config(const col_plan *p, col_points *points, col_groups *g,
                            const sol_config *config, size_t row)
{
    size_t n = points->n_configs;
    if (n == g->capacity) {
        size_t capacity = n ? 2 * n : 8;
        sol_config *more = sc_reallocarray(points->config, capacity, sizeof *more);
        if (!more)
            return sc_diag_nomem(p->diag);
        points->config = more;
        uint64_t *apart = sc_reallocarray(points->apart, capacity, sizeof *apart);
        if (!apart)
            return sc_diag_nomem(p->diag);
        points->apart = apart;
        size_t *rows = sc_reallocarray(g->row, capacity, sizeof *rows);
        if (!rows)
            return sc_diag_nomem(p->diag);
        g->row = rows;
        g->capacity = capacity;
    }
    sc_status status = sol_config_copy(p->op, config, &points->config[n], p->diag);
    if (status)
        return status;
    g->row[n] = row;
    points->apart[n] = plan_apart(p, row);
    points->n_configs++;
    return SC_OK;
}

/* *group receives the index of the row's configuration, a new one if need be. */
sc_status col_groups_find(const col_plan *p, col_points *points, col_groups *g,
                          const sol_config *config, size_t row, int *group)
{
    if (2 * (points->n_configs + 1) > g->n_slots) {
        sc_status status = groups_grow(p, points, g);
        if (status)
            return status;
    }
    size_t at = hash_row(p, config, row) % g->n_slots;
    for (; g->slot[at]; at = (at + 1) % g->n_slots)
        if (same_group(p, points, g, g->slot[at] - 1, config, row)) {
            *group = (int)(g->slot[at] - 1);
            return SC_OK;
        }
    sc_status status = add_config(p, points, g, config, row);
    if (status)
        return status;
    g->slot[at] = points->n_configs;
    *group = (int)points->n_configs - 1;
    return SC_OK;
}

/* ---- merging ---- */

/* Configurations by hash: open addressing, at most half full. */
typedef struct lookup {
    const sol_op *op;
    const sol_config *config;
    uint64_t *apart; /* [n] of the points of each */
    size_t *slot;    /* [n_slots] index + 1 of the first of equal ones, 0: empty */
    size_t *twins;   /* [n] how many are equal to that one */
    size_t n_slots;
} lookup;

/* The slot of a configuration, or the empty one where it would be. */
static size_t lookup_slot(const lookup *all, const sol_config *config, uint64_t apart)
{
    size_t at = (col_config_hash(all->op, config) ^ apart) % all->n_slots;
    for (; all->slot[at]; at = (at + 1) % all->n_slots) {
        size_t i = all->slot[at] - 1;
        if (all->apart[i] == apart && col_config_same(all->op, &all->config[i], config))
            break;
    }
    return at;
}

static bool lookup_make(lookup *all, const col_points *of)
{
    size_t n = of->n_configs;
    *all = (lookup){.op = of->op, .config = of->config, .n_slots = 2 * n + 1};
    all->slot = sc_calloc(all->n_slots, sizeof *all->slot);
    all->twins = sc_calloc(n + 1, sizeof *all->twins);
    all->apart = sc_calloc(n + 1, sizeof *all->apart);
    if (!all->slot || !all->twins || !all->apart)
        return false;
    for (size_t i = 0; i < n && of->apart; i++)
        all->apart[i] = of->apart[i];
    for (size_t i = 0; i < n; i++) {
        size_t at = lookup_slot(all, &all->config[i], all->apart[i]);
        if (!all->slot[at])
            all->slot[at] = i + 1;
        all->twins[all->slot[at] - 1]++;
    }
    return true;
}

static void lookup_free(lookup *all)
{
    sc_free(all->apart);
    sc_free(all->slot);
    sc_free(all->twins);
}

/* to[i]: where configuration i of more stands in into, or its place behind them. Equal
 * configurations of equal scope and inputs meet unless more itself holds two of them
 * (told apart by a column that the op does not know). *n: of all. False without memory.
 */
static bool match_configs(const col_points *into, const col_points *more, size_t *to,
                          size_t *n)
{
    lookup there = {0}, here = {0};
    size_t next = into->n_configs;
    bool ok = lookup_make(&there, into) && lookup_make(&here, more);
    for (size_t i = 0; i < more->n_configs && ok; i++) {
        const sol_config *config = &more->config[i];
        size_t first = here.slot[lookup_slot(&here, config, here.apart[i])] - 1;
        size_t found = there.slot[lookup_slot(&there, config, here.apart[i])];
        to[i] = here.twins[first] == 1 && found ? found - 1 : next++;
    }
    lookup_free(&there);
    lookup_free(&here);
    *n = next;
    return ok;
}

sc_status col_configs_merge(col_points *into, col_points *more, size_t **to,
                            sc_diag *diag)
{
    size_t *place = sc_calloc(more->n_configs + 1, sizeof *place), n = 0;
    bool matched = place && match_configs(into, more, place, &n);
    sol_config *config = matched ? sc_calloc(n + 1, sizeof *config) : NULL;
    uint64_t *apart = matched ? sc_calloc(n + 1, sizeof *apart) : NULL;
    if (!config || !apart) {
        sc_free(place);
        sc_free(config);
        sc_free(apart);
        return sc_diag_nomem(diag);
    }
    if (into->n_configs)
        memcpy(config, into->config, into->n_configs * sizeof *config);
    if (into->n_configs && into->apart)
        memcpy(apart, into->apart, into->n_configs * sizeof *apart);
    for (size_t i = 0; i < more->n_configs; i++) {
        if (more->apart)
            apart[place[i]] = more->apart[i];
        if (place[i] >= into->n_configs)
            config[place[i]] = more->config[i];
        else
            sol_config_clear(&more->config[i]);
    }
    col_points_keep(into->device, sizeof into->device, more->device);
    col_points_keep(into->framework, sizeof into->framework, more->framework);
    col_points_keep(into->date, sizeof into->date, more->date);
    sc_free(into->config);
    sc_free(into->apart);
    into->config = config;
    into->apart = apart;
    into->n_configs = n;
    into->n_dropped += more->n_dropped;
    more->n_configs = 0; /* moved or released */
    *to = place;
    return SC_OK;
}

sc_status col_points_merge(col_points *into, col_points *more, sc_diag *diag)
{
    if (into->op != more->op || into->phase != more->phase)
        return sc_diag_fail(diag, SC_EINVAL, SC2005,
                            "points of different ops or phases cannot be merged");
    if (into->n == 0 && into->n_configs == 0 && into->n_dropped == 0) {
        *into = *more;
        *more = (col_points){.op = into->op, .phase = into->phase};
        return SC_OK;
    }
    size_t *to;
    col_point *point = sc_calloc(into->n + more->n, sizeof *point);
    if (!point)
        return sc_diag_nomem(diag);
    sc_status status = col_configs_merge(into, more, &to, diag);
    if (status) {
        sc_free(point);
        return status;
    }
    if (into->n)
        memcpy(point, into->point, into->n * sizeof *point);
    for (size_t i = 0; i < more->n; i++) {
        point[into->n + i] = more->point[i];
        point[into->n + i].group = (int)to[more->point[i].group];
    }
    sc_free(into->point);
    sc_free(to);
    into->point = point;
    into->n += more->n;
    col_points_clear(more);
    return SC_OK;
}
