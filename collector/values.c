/* solcheck - columns in few bytes.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/values.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"

static size_t width_B(col_width width)
{
    static const size_t bytes[] = {0, 1, 2, 4, 8};
    return bytes[width];
}

/* ---- reading ---- */

/* The least integer stands for an empty cell. */
#define READ(type, least)                                                                \
    for (size_t i = 0; i < n; i++) {                                                     \
        type cell = ((const type *)values->cell)[first + i];                             \
        out[i] = cell == (least) ? NAN : (double)cell;                                   \
    }                                                                                    \
    break

void col_values_read(const col_values *values, size_t first, size_t n, double *out)
{
    switch (values->width) {
    case COL_ONE:
        for (size_t i = 0; i < n; i++)
            out[i] = values->n ? values->same : NAN;
        break;
    case COL_INT8:
        READ(int8_t, INT8_MIN);
    case COL_INT16:
        READ(int16_t, INT16_MIN);
    case COL_INT32:
        READ(int32_t, INT32_MIN);
    case COL_DOUBLE:
        memcpy(out, (const double *)values->cell + first, n * sizeof *out);
        break;
    }
}

double col_values_at(const col_values *values, size_t row)
{
    double value;
    col_values_read(values, row, 1, &value);
    return value;
}

/* ---- writing ---- */

#define WRITE(type, least)                                                               \
    for (size_t i = 0; i < n; i++)                                                       \
        ((type *)to)[first + i] = isnan(cell[i]) ? (least) : (type)cell[i];              \
    break

static void write_cells(void *to, col_width width, size_t first, const double *cell,
                        size_t n)
{
    switch (width) {
    case COL_ONE:
        break;
    case COL_INT8:
        WRITE(int8_t, INT8_MIN);
    case COL_INT16:
        WRITE(int16_t, INT16_MIN);
    case COL_INT32:
        WRITE(int32_t, INT32_MIN);
    case COL_DOUBLE:
        memcpy((double *)to + first, cell, n * sizeof *cell);
        break;
    }
}

static bool is_same(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (isnan(a) && isnan(b));
}

/* The narrowest width that holds the cells as they are; -0 is no integer. */
static col_width width_of(const double *cell, size_t n)
{
    double least = 0, most = 0;
    for (size_t i = 0; i < n; i++) {
        if (isnan(cell[i]))
            continue;
        if (!(fabs(cell[i]) <= INT32_MAX) || cell[i] != (double)(int32_t)cell[i] ||
            (cell[i] == 0 && signbit(cell[i])))
            return COL_DOUBLE;
        least = cell[i] < least ? cell[i] : least;
        most = cell[i] > most ? cell[i] : most;
    }
    if (most <= INT8_MAX && least > INT8_MIN)
        return COL_INT8;
    return most <= INT16_MAX && least > INT16_MIN ? COL_INT16 : COL_INT32;
}

/* Room for `capacity` cells of a width; those that are there are carried over. */
static bool widen(col_values *values, col_width width, size_t capacity)
{
    enum { AT_ONCE = 512 };
    double part[AT_ONCE];
    if (width == values->width && width != COL_ONE) {
        void *more = sc_reallocarray(values->cell, capacity, width_B(width));
        if (!more)
            return false;
        values->cell = more;
        values->capacity = capacity;
        return true;
    }
    void *cell = sc_reallocarray(NULL, capacity, width_B(width));
    if (!cell)
        return false;
    for (size_t first = 0, n; first < values->n; first += n) {
        n = values->n - first < AT_ONCE ? values->n - first : AT_ONCE;
        col_values_read(values, first, n, part);
        write_cells(cell, width, first, part, n);
    }
    sc_free(values->cell);
    values->cell = cell;
    values->width = width;
    values->capacity = capacity;
    return true;
}

bool col_values_add(col_values *values, const double *cell, size_t n, size_t expected)
{
    size_t i = 0, need = values->n + n;
    if (!n)
        return true;
    double same = values->n ? values->same : cell[0];
    while (values->width == COL_ONE && i < n && is_same(cell[i], same))
        i++;
    if (i < n) {
        col_width width = width_of(cell, n);
        if (values->width == COL_ONE && values->n) {
            col_width own = width_of(&same, 1);
            width = own > width ? own : width;
        }
        width = values->width > width ? values->width : width;
        size_t capacity = need > 2 * values->capacity ? need : 2 * values->capacity;
        capacity = need <= expected ? expected : capacity;
        if ((width != values->width || need > values->capacity) &&
            !widen(values, width, capacity))
            return false;
        write_cells(values->cell, width, values->n, cell, n);
    } else {
        values->same = same;
    }
    values->n = need;
    return true;
}

void col_values_move(col_values *values, size_t from, size_t to)
{
    size_t bytes = width_B(values->width);
    if (bytes && from != to)
        memcpy((char *)values->cell + to * bytes, (char *)values->cell + from * bytes,
               bytes);
}

/* ---- texts ---- */

#define BLOCK_B 16384

typedef struct block {
    struct block *next;
    char text[];
} block;

typedef struct col_texts {
    size_t *slot; /* [n_slots], number of a text + 1, 0 free; open addressing */
    size_t n_slots, capacity;
    block *blocks;
    size_t left_B; /* of the first block */
    char *at;
} col_texts;

/* FNV-1a. */
static size_t hash_text(const char *text, size_t n)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ (unsigned char)text[i]) * 1099511628211u;
    return (size_t)(hash ^ hash >> 32);
}

static bool texts_grow(col_values *values, col_texts *set)
{
    size_t n_slots = set->n_slots ? 2 * set->n_slots : 16;
    size_t *slot = sc_calloc(n_slots, sizeof *slot);
    if (!slot)
        return false;
    for (size_t i = 0; i < values->n_texts; i++) {
        const char *text = values->text[i];
        size_t at = hash_text(text, strlen(text)) % n_slots;
        while (slot[at])
            at = (at + 1) % n_slots;
        slot[at] = i + 1;
    }
    sc_free(set->slot);
    set->slot = slot;
    set->n_slots = n_slots;
    return true;
}

static char *keep_text(col_texts *set, const char *text, size_t n)
{
    if (n + 1 > set->left_B) {
        size_t size_B = n + 1 > BLOCK_B ? n + 1 : set->blocks ? BLOCK_B : 256 + n;
        block *more = sc_malloc(sizeof *more + size_B);
        if (!more)
            return NULL;
        more->next = set->blocks;
        set->blocks = more;
        set->at = more->text;
        set->left_B = size_B;
    }
    char *own = set->at;
    memcpy(own, text, n);
    own[n] = 0;
    set->at += n + 1;
    set->left_B -= n + 1;
    return own;
}

static bool texts_add(col_values *values, col_texts *set, const char *text, size_t n)
{
    if (values->n_texts == set->capacity) {
        size_t capacity = set->capacity ? 2 * set->capacity : 8;
        const char **more = sc_reallocarray(values->text, capacity, sizeof *more);
        if (!more)
            return false;
        values->text = more;
        set->capacity = capacity;
    }
    char *own = keep_text(set, text, n);
    if (own)
        values->text[values->n_texts++] = own;
    return own != NULL;
}

int col_values_intern(col_values *values, const char *text, size_t n)
{
    if (!values->texts && !(values->texts = sc_calloc(1, sizeof *values->texts)))
        return -1;
    values->is_text = true;
    col_texts *set = values->texts;
    if (2 * (values->n_texts + 1) > set->n_slots && !texts_grow(values, set))
        return -1;
    size_t at = hash_text(text, n) % set->n_slots;
    for (; set->slot[at]; at = (at + 1) % set->n_slots) {
        const char *known = values->text[set->slot[at] - 1];
        if (strncmp(known, text, n) == 0 && !known[n])
            return (int)set->slot[at] - 1;
    }
    if (!texts_add(values, set, text, n))
        return -1;
    set->slot[at] = values->n_texts;
    return (int)values->n_texts - 1;
}

/* ---- the whole column ---- */

bool col_values_select(const col_values *values, size_t n, const bool *leave_out,
                       col_values *out)
{
    enum { AT_ONCE = 512 };
    double part[AT_ONCE];
    *out = (col_values){.is_text = values->is_text};
    for (size_t i = 0; i < values->n_texts; i++)
        if (col_values_intern(out, values->text[i], strlen(values->text[i])) < 0)
            return false;
    for (size_t first = 0, m; first < n; first += m) {
        size_t kept = 0;
        m = n - first < AT_ONCE ? n - first : AT_ONCE;
        col_values_read(values, first, m, part);
        for (size_t i = 0; i < m; i++)
            if (!leave_out[first + i])
                part[kept++] = part[i];
        if (!col_values_add(out, part, kept, 0))
            return false;
    }
    return true;
}

void col_values_clear(col_values *values)
{
    col_texts *set = values->texts;
    for (block *b = set ? set->blocks : NULL, *next; b; b = next) {
        next = b->next;
        sc_free(b);
    }
    if (set)
        sc_free(set->slot);
    sc_free(set);
    sc_free(values->text);
    sc_free(values->cell);
    *values = (col_values){0};
}
