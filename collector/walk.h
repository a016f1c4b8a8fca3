/* solcheck - the tables of a perf database: directories of
 * <system>/<family>/<backend>/<version>/<name>_perf.{parquet,csv,txt}, of recordings.
 * Tests: tests/unit/collector/test_walk.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_COLLECTOR_WALK_H
#define SC_COLLECTOR_WALK_H

#include "base/diag.h"

typedef struct col_files {
    char **path; /* sorted within each directory, files before directories */
    size_t n, capacity;
} col_files;

/* Adds path: itself when it is a file, whatever its name; of a directory all files below
 * it that are named *.parquet, *.csv or *_perf.txt. Links to directories are not
 * followed, and more than 32 levels not entered; either is a warning (SC2020), as is a
 * directory that cannot be read. Errors: SC_EIO SC1001 (path itself), SC_ENOMEM. Release
 * with col_files_free.
 */
sc_status col_walk(const char *path, col_files *files, sc_diags *warnings, sc_diag *diag);
void col_files_free(col_files *files);

/* The name of the system that a table's place gives, the fourth directory above it; false
 * when there are not as many (out has room for out_B bytes). dir, if not NULL, receives
 * the path of that directory. Links in path are resolved. */
bool col_system_of(const char *path, char *out, size_t out_B, char *dir, size_t dir_B);

/* Does the device's name hold the first word of the system's, whatever the case, as
 * "NVIDIA H100 80GB HBM3" holds that of h100_sxm? */
bool col_device_is(const char *device, const char *system);

#endif
