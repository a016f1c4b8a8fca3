/* solcheck - sets of hashes: open addressing, at most half full.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/keyset.h"

#include <string.h>

#include "base/alloc.h"

/* Finaliser of splitmix64 (Steele, Lea, Flood, OOPSLA 2014). */
static uint64_t scramble(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t col_key_start(uint64_t seed)
{
    return scramble(seed + 0x9e3779b97f4a7c15u);
}

uint64_t col_key_mix(uint64_t hash, double value)
{
    uint64_t bits;
    value += 0.0; /* -0 and 0 are equal */
    memcpy(&bits, &value, sizeof bits);
    return scramble((hash ^ bits) + 0x9e3779b97f4a7c15u);
}

uint64_t col_key_mix_text(uint64_t hash, const char *text)
{
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 1099511628211u;
    return scramble(hash);
}

static struct col_key *place(const col_keyset *set, uint64_t hash)
{
    size_t at = (size_t)hash & (set->n_slots - 1);
    while (set->slot[at].hash && set->slot[at].hash != hash)
        at = (at + 1) & (set->n_slots - 1);
    return &set->slot[at];
}

static sc_status grow(col_keyset *set)
{
    col_keyset more = {.n_slots = set->n_slots ? 2 * set->n_slots : 256, .n = set->n};
    more.slot = sc_calloc(more.n_slots, sizeof *more.slot);
    if (!more.slot)
        return SC_ENOMEM;
    for (size_t i = 0; i < set->n_slots; i++)
        if (set->slot[i].hash)
            *place(&more, set->slot[i].hash) = set->slot[i];
    sc_free(set->slot);
    *set = more;
    return SC_OK;
}

sc_status col_keyset_put(col_keyset *set, uint64_t hash, size_t *number, bool *there)
{
    hash += hash == 0;
    if (2 * (set->n + 1) > set->n_slots && grow(set))
        return SC_ENOMEM;
    struct col_key *at = place(set, hash);
    *there = at->hash != 0;
    if (*there) {
        *number = at->number;
        return SC_OK;
    }
    *at = (struct col_key){hash, *number};
    set->n++;
    return SC_OK;
}

sc_status col_keyset_add(col_keyset *set, uint64_t hash, bool *there)
{
    size_t number = set->n;
    return col_keyset_put(set, hash, &number, there);
}

bool col_keyset_find(const col_keyset *set, uint64_t hash, size_t *number)
{
    hash += hash == 0;
    if (!set->n_slots)
        return false;
    const struct col_key *at = place(set, hash);
    if (at->hash && number)
        *number = at->number;
    return at->hash != 0;
}

void col_keyset_clear(col_keyset *set)
{
    sc_free(set->slot);
    memset(set, 0, sizeof *set);
}
