/* solcheck - sets of 64-bit hashes of keys, each with a number.
 * Two keys of one hash are taken for equal: among 4 million keys that happens with
 * probability 4e-7. Tests: tests/unit/collector/test_keyset.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_KEYSET_H
#define SC_COLLECTOR_KEYSET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct col_keyset { /* zero-initialise before use */
    struct col_key {
        uint64_t hash; /* 0: empty */
        size_t number;
    } * slot;
    size_t n, n_slots;
} col_keyset;

uint64_t col_key_start(uint64_t seed);
uint64_t col_key_mix(uint64_t hash, double value);
uint64_t col_key_mix_text(uint64_t hash, const char *text);

/* Adds a key with number n() so far; *there says whether it was in the set. Errors:
 * SC_ENOMEM. */
sc_status col_keyset_add(col_keyset *set, uint64_t hash, bool *there);
/* As col_keyset_add, with a number of the caller's; *number is that of the first. */
sc_status col_keyset_put(col_keyset *set, uint64_t hash, size_t *number, bool *there);
/* Is the key in the set? *number, if not NULL, receives its number. */
bool col_keyset_find(const col_keyset *set, uint64_t hash, size_t *number);
void col_keyset_clear(col_keyset *set);

#endif
