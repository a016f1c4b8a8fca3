/* Sets of hashes.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include <criterion/criterion.h>

#include "collector/keyset.h"

Test(keyset, finds_what_was_added_and_nothing_else)
{
    col_keyset set = {0};
    bool there;
    cr_assert(!col_keyset_find(&set, 3, NULL));
    for (int i = 0; i < 5000; i++) {
        cr_assert_eq(col_keyset_add(&set, col_key_mix(col_key_start(7), i * 3), &there),
                     SC_OK);
        cr_assert(!there);
    }
    cr_assert_eq(set.n, 5000);
    for (int i = 0; i < 15000; i++) {
        size_t number = 99999;
        bool found = col_keyset_find(&set, col_key_mix(col_key_start(7), i), &number);
        cr_assert_eq(found, i % 3 == 0);
        cr_assert(!found || number == (size_t)i / 3);
    }
    col_keyset_clear(&set);
    cr_assert_eq(set.n, 0);
}

Test(keyset, keeps_the_first_number_of_a_key)
{
    col_keyset set = {0};
    size_t number = 41;
    bool there;
    cr_assert_eq(col_keyset_put(&set, 0, &number, &there), SC_OK); /* 0 is a key too */
    number = 42;
    cr_assert_eq(col_keyset_put(&set, 0, &number, &there), SC_OK);
    cr_assert(there && number == 41);
    col_keyset_clear(&set);
}

Test(keyset, hashes_tell_order_text_and_number_apart)
{
    uint64_t start = col_key_start(0);
    cr_assert_neq(col_key_mix(col_key_mix(start, 3), 5),
                  col_key_mix(col_key_mix(start, 5), 3));
    cr_assert_eq(col_key_mix(start, 0.0), col_key_mix(start, -0.0));
    cr_assert_neq(col_key_mix_text(start, "bf16"), col_key_mix_text(start, "bf61"));
}
