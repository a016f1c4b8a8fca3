/* Which table is audited next: large ones first, and never more of them at a time than
 * memory allows. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission,
 * see LICENSE */
#include <config.h>

#include <criterion/criterion.h>

#include "cli/audit.h"

static audit_turn turn[4] = {
    {.memory_B = 4.7e8}, {.memory_B = 2.45e8}, {.memory_B = 2.4e8}, {.memory_B = 3.5e7}};

Test(audit_turn, large_tables_are_not_together)
{
    bool left;
    cr_assert_eq(audit_pick(turn, 4, 0, &left), 0,
                 "one that fits beside nothing goes alone");
    turn[0].taken = true;
    cr_assert_eq(audit_pick(turn, 4, 4.7e8, &left), 4);
    cr_assert(left, "the others wait");
    cr_assert_eq(audit_pick(turn, 4, 0, &left), 1);
    turn[1].taken = true;
    cr_assert_eq(audit_pick(turn, 4, 2.45e8, &left), 3,
                 "a small one passes a large one by");
    turn[3].taken = true;
    cr_assert_eq(audit_pick(turn, 4, 2.8e8, &left), 4);
    cr_assert(left);
    cr_assert_eq(audit_pick(turn, 4, 3.5e7, &left), 2);
    turn[2].taken = true;
    cr_assert_eq(audit_pick(turn, 4, 0, &left), 4);
    cr_assert_not(left);
}

Test(audit_turn, memory_is_told_by_rows_or_size)
{
    cr_assert_float_eq(audit_turn_of(3, "x.csv", 5.3e8).memory_B, 5.3e8, 1);
    cr_assert_float_eq(audit_turn_of(3, "none.parquet", 5.3e8).memory_B, 5.3e8, 1);
    cr_assert_eq(audit_turn_of(3, "x.csv", 5.3e8).file, 3);
}
