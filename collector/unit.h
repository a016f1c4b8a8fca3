/* solcheck - seconds inside, milliseconds in tables, converted in decimal: "23.6" is
 * 0.0236, the double nearest to it, and is written as "23.6" again. Binary multiplication
 * by 1000 would leave 23.599999999999998. Tests: tests/unit/collector/test_unit.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_UNIT_H
#define SC_COLLECTOR_UNIT_H

#include <stdbool.h>

/* Reads a number of milliseconds into seconds; false for what sc_parse_double refuses. */
bool col_ms_parse(const char *text, double *value_s);

/* Text of value_s in milliseconds, the shortest of some double, so that a table may go
 * through binary milliseconds (Parquet) and back without changing a byte. col_ms_parse
 * brings it back to the same double of seconds where one of three such texts nearby does,
 * else to a neighbour of it (one value in eight). "" if value_s is not finite. */
void col_ms_format(double value_s, char out[32]);

/* The shortest text that reads back to the same double, as all tables have it: without an
 * exponent from 1e-6 to 1e17; "inf", "-inf", "" for NaN. */
void col_number_format(double value, char out[32]);
/* Is text what col_number_format would write for a finite number, or ""? *value receives
 * that number, NaN for "". */
bool col_number_is_own(const char *text, double *value);

#endif
