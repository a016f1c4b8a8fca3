/* solcheck - findings of a validation.
 *
 * A finding is recognised by its code, the last five components of its file's path
 * (system, family, backend, version and name in a perf database) and its message, not by
 * its line: a baseline survives edits elsewhere in the file and another root.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/findings.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define HEADER "# solcheck baseline 1: code, fingerprint, number, file, message\n"
#define MAX_BASELINE_B (64u << 20)
#define PATH_PARTS 5
#define REACH 64 /* findings back among which the same one is looked for */

typedef struct print { /* findings that look alike */
    uint64_t hash;
    size_t n;
    char *text; /* "file: message", NULL for those of a baseline */
    sc_code code;
} print;

typedef struct prints {
    print *item;
    size_t n, capacity;
} prints;

typedef struct tally { /* of a code, in the file at hand */
    sc_diag first;     /* of those held back */
    size_t n, n_held;
} tally;

struct col_findings {
    size_t most;
    bool keep; /* for a baseline */
    sc_diags list;
    sc_code *off;
    size_t n_off;
    prints known, seen;
    tally *tally;
    size_t n_tallies;
    col_finding_counts count;
};

sc_status col_findings_new(size_t most, col_findings **out, sc_diag *diag)
{
    col_findings *all = sc_calloc(1, sizeof *all);
    if (!all)
        return sc_diag_nomem(diag);
    all->most = most;
    *out = all;
    return SC_OK;
}

static void prints_free(prints *all)
{
    for (size_t i = 0; i < all->n; i++)
        sc_free(all->item[i].text);
    sc_free(all->item);
}

void col_findings_free(col_findings *all)
{
    if (!all)
        return;
    sc_diags_free(&all->list);
    prints_free(&all->known);
    prints_free(&all->seen);
    sc_free(all->tally);
    sc_free(all->off);
    sc_free(all);
}

sc_status col_findings_disable(col_findings *all, const char *code, sc_diag *diag)
{
    static const sc_code codes[] = {
#define X(number, text) SC##number,
        SC_CODE_LIST(X)
#undef X
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (strcmp(sc_code_name(codes[i]), code) != 0)
            continue;
        sc_code *more = sc_reallocarray(all->off, all->n_off + 1, sizeof *more);
        if (!more)
            return sc_diag_nomem(diag);
        all->off = more;
        all->off[all->n_off++] = codes[i];
        return SC_OK;
    }
    sc_diag_fail(diag, SC_EINVAL, SC6001, "--disable: '%s' is no code", code);
    sc_diag_hint(diag, "codes look like SC2107; docs/validate.md lists them");
    return SC_EINVAL;
}

/* ---- fingerprints ---- */

static const char *last_parts(const char *path)
{
    const char *at = path + strlen(path);
    for (int parts = 0; at > path; at--)
        if (at[-1] == '/' && ++parts == PATH_PARTS)
            return at;
    return path;
}

static uint64_t mix(uint64_t hash, const char *text)
{
    do
        hash = (hash ^ (unsigned char)*text) * 1099511628211u; /* FNV-1a */
    while (*text++);
    return hash;
}

static uint64_t fingerprint(const sc_diag *d)
{
    uint64_t hash = mix(14695981039346656037u, sc_code_name(d->code));
    return mix(mix(hash, last_parts(d->file)), d->message);
}

static print *find(const prints *all, uint64_t hash)
{
    size_t lo = 0, hi = all->n;
    while (lo < hi) {
        size_t middle = lo + (hi - lo) / 2;
        if (all->item[middle].hash < hash)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo < all->n && all->item[lo].hash == hash ? &all->item[lo] : NULL;
}

static bool append(prints *all, const print *one)
{
    if (all->n == all->capacity) {
        size_t capacity = all->capacity ? 2 * all->capacity : 32;
        print *more = sc_reallocarray(all->item, capacity, sizeof *more);
        if (!more)
            return false;
        all->item = more;
        all->capacity = capacity;
    }
    all->item[all->n++] = *one;
    return true;
}

static int by_hash(const void *a, const void *b)
{
    uint64_t x = ((const print *)a)->hash, y = ((const print *)b)->hash;
    return (x > y) - (x < y);
}

/* ---- baseline files ---- */

static sc_status bad_line(const char *path, int line, const char *text, sc_diag *diag)
{
    sc_diag_fail(diag, SC_EPARSE, SC2190, "no finding of a baseline");
    sc_diag_at(diag, path, line, 1, 1, text);
    sc_diag_hint(diag, "write the file with --write-baseline");
    return SC_EPARSE;
}

sc_status col_findings_baseline(col_findings *all, const char *path, sc_diag *diag)
{
    char *text;
    size_t n;
    sc_status status = sc_file_read(path, MAX_BASELINE_B, &text, &n, diag);
    if (status)
        return status;
    int line = 0;
    for (char *at = text, *next; !status && *at; at = next) {
        char *end = strchr(at, '\n');
        int code, used = 0;
        print one = {0};
        next = end ? end + 1 : at + strlen(at);
        if (end)
            *end = 0;
        line++;
        if (*at == '#' || !*at)
            continue;
        if (sscanf(at, "SC%4d %16" SCNx64 " %zu %n", &code, &one.hash, &one.n, &used) !=
                3 ||
            !used)
            status = bad_line(path, line, at, diag);
        else if (!append(&all->known, &one))
            status = sc_diag_nomem(diag);
    }
    sc_free(text);
    if (!status && all->known.n)
        qsort(all->known.item, all->known.n, sizeof *all->known.item, by_hash);
    return status;
}

static int by_text(const void *a, const void *b)
{
    const print *x = a, *y = b;
    int order = strcmp(x->text, y->text);
    return order ? order : (x->code > y->code) - (x->code < y->code);
}

sc_status col_findings_write_baseline(const col_findings *all, const char *path,
                                      sc_diag *diag)
{
    sc_buf out = {0};
    print *sorted = sc_calloc(all->seen.n + 1, sizeof *sorted);
    if (!sorted)
        return sc_diag_nomem(diag);
    if (all->seen.n)
        memcpy(sorted, all->seen.item, all->seen.n * sizeof *sorted);
    qsort(sorted, all->seen.n, sizeof *sorted, by_text);
    sc_buf_add(&out, HEADER);
    for (size_t i = 0, n; i < all->seen.n; i += n) {
        for (n = 1; i + n < all->seen.n && sorted[i + n].hash == sorted[i].hash;)
            n++;
        sc_buf_printf(&out, "%s %016" PRIx64 " %zu %s\n", sc_code_name(sorted[i].code),
                      sorted[i].hash, n, sorted[i].text);
    }
    sc_free(sorted);
    sc_status status = out.failed ? sc_diag_nomem(diag)
                                  : sc_file_write(path, sc_buf_text(&out), out.n, diag);
    sc_buf_free(&out);
    return status;
}

/* ---- adding ---- */

void col_findings_keep(col_findings *all)
{
    all->keep = true;
}

bool col_findings_lists(const col_findings *all, sc_code code)
{
    for (size_t i = 0; i < all->n_off; i++)
        if (all->off[i] == code)
            return false;
    for (size_t i = 0; i < all->n_tallies && all->most; i++)
        if (all->tally[i].first.code == code)
            return all->tally[i].n < all->most || !all->tally[i].n_held;
    return true;
}

/* Keeps what a baseline would say of a finding. */
static sc_status remember(col_findings *all, const sc_diag *finding, uint64_t hash)
{
    sc_buf text = {0};
    sc_buf_printf(&text, "%s: %s", last_parts(finding->file), finding->message);
    print one = {hash, 1, sc_buf_take(&text), finding->code};
    if (!one.text)
        return SC_ENOMEM;
    for (char *c = one.text; *c; c++)
        *c = *c == '\n' || *c == '\r' ? ' ' : *c;
    if (append(&all->seen, &one))
        return SC_OK;
    sc_free(one.text);
    return SC_ENOMEM;
}

static tally *tally_of(col_findings *all, sc_code code)
{
    for (size_t i = 0; i < all->n_tallies; i++)
        if (all->tally[i].first.code == code)
            return &all->tally[i];
    tally *more = sc_reallocarray(all->tally, all->n_tallies + 1, sizeof *more);
    if (!more)
        return NULL;
    all->tally = more;
    memset(&more[all->n_tallies], 0, sizeof *more);
    more[all->n_tallies].first.code = code;
    return &more[all->n_tallies++];
}

/* Was the same told of the same place? Both phases look at lists that they share. */
static bool was_told(const col_findings *all, const sc_diag *finding)
{
    for (size_t i = all->list.n; i-- > 0 && i + REACH >= all->list.n;) {
        const sc_diag *d = &all->list.item[i];
        if (d->code == finding->code && d->line == finding->line &&
            d->col == finding->col && strcmp(d->message, finding->message) == 0 &&
            strcmp(d->file, finding->file) == 0)
            return finding->col > 0; /* rows of tables have no column */
    }
    return false;
}

sc_status col_findings_add(col_findings *all, const sc_diag *finding)
{
    if (!all || was_told(all, finding))
        return SC_OK;
    for (size_t i = 0; i < all->n_off; i++)
        if (all->off[i] == finding->code) {
            all->count.n_disabled++;
            return SC_OK;
        }
    uint64_t hash = fingerprint(finding);
    if (all->keep && finding->severity > SC_NOTE && remember(all, finding, hash))
        return SC_ENOMEM;
    print *known = find(&all->known, hash);
    if (known && known->n > 0) {
        known->n--;
        all->count.n_known++;
        return SC_OK;
    }
    tally *t = tally_of(all, finding->code);
    if (!t)
        return SC_ENOMEM;
    all->count.n[finding->severity]++;
    if (!all->most || t->n < all->most) {
        t->n++;
        return sc_diags_add(&all->list, finding);
    }
    if (t->n_held++ == 0)
        t->first = *finding;
    return SC_OK;
}

sc_status col_findings_end(col_findings *all)
{
    sc_status status = SC_OK;
    for (size_t i = 0; i < all->n_tallies && !status; i++) {
        tally *t = &all->tally[i];
        if (!t->n_held)
            continue;
        snprintf(t->first.message, sizeof t->first.message,
                 "%zu more of this kind, the first of them here: %s", t->n_held,
                 sc_code_title(t->first.code));
        sc_diag_hint(&t->first, "--all lists them");
        status = sc_diags_add(&all->list, &t->first);
    }
    all->n_tallies = 0;
    return status;
}

col_finding_counts col_findings_count(const col_findings *all)
{
    return all->count;
}

const sc_diags *col_findings_list(const col_findings *all)
{
    return &all->list;
}
