/* solcheck - system files with measured numbers.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_SOL_MERGE_H
#define SC_SOL_MERGE_H

#include "base/text.h"
#include "base/yaml.h"

/* A number that was measured, and where it belongs: section.key, or section.entry.key.
 * NaN: not known. */
typedef struct sol_measurement {
    const char *section, *entry, *key; /* entry "": none */
    double value;
    const char *source;
    double noise; /* of the samples, relative */
    int samples;
    double sm_clock_hz, mem_clock_hz, power_W;
    uint64_t throttle;
} sol_measurement;

/* Appends the text of a system file in our layout with measurement[n] in the place of, or
 * beside, what it holds; comments are lost. A section is added where the file has none,
 * an entry of tensor or cuda is not: its work per clock is not known. *n_merged counts
 * those that went in. Errors: SC_EPARSE SC1102 (not our layout), SC_ENOMEM. Test:
 * tests/unit/sol/test_system.c. */
sc_status sol_system_merge(const sc_yaml *base, const sol_measurement *measurement,
                           size_t n, sc_buf *out, size_t *n_merged, sc_diag *diag);

#endif
