/* solcheck - finding the tables of a perf database.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "config.h"

#include "collector/walk.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"

#define MAX_DEPTH 32

static sc_status add_path(col_files *files, char *path, sc_diag *diag)
{
    if (files->n == files->capacity) {
        size_t capacity = files->capacity ? 2 * files->capacity : 32;
        char **more = sc_reallocarray(files->path, capacity, sizeof *more);
        if (!more) {
            sc_free(path);
            return sc_diag_nomem(diag);
        }
        files->path = more;
        files->capacity = capacity;
    }
    files->path[files->n++] = path;
    return SC_OK;
}

void col_files_free(col_files *files)
{
    for (size_t i = 0; i < files->n; i++)
        sc_free(files->path[i]);
    sc_free(files->path);
    *files = (col_files){0};
}

static sc_status pass_over(const char *path, const char *why, sc_diags *warnings,
                           sc_diag *diag)
{
    sc_diag warning;
    sc_diag_clear(&warning);
    sc_diag_warn(&warning, SC2020, "passed over: %s", why);
    sc_diag_at(&warning, path, 0, 0, 0, NULL);
    return sc_diags_add(warnings, &warning) ? sc_diag_nomem(diag) : SC_OK;
}

/* Text files are of many kinds, tables and Parquet files are not. */
static bool is_table(const char *name)
{
    return sc_ends_with(name, ".parquet") || sc_ends_with(name, ".csv") ||
           sc_ends_with(name, "_perf.txt");
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Paths of all that is in a directory, sorted; false with errno set. */
static bool list(const char *dir, col_files *out)
{
    DIR *handle = opendir(dir);
    if (!handle)
        return false;
    sc_status status = SC_OK;
    for (struct dirent *entry; !status && (entry = readdir(handle));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *path = sc_path_join(dir, entry->d_name);
        status = path ? add_path(out, path, NULL) : SC_ENOMEM;
    }
    closedir(handle);
    if (!status && out->n)
        qsort(out->path, out->n, sizeof *out->path, by_name);
    errno = status ? ENOMEM : 0;
    return !status;
}

static sc_status walk_dir(const char *dir, int depth, col_files *files,
                          sc_diags *warnings, sc_diag *diag);

/* One entry: tables in the first pass over a directory, directories in the second. */
static sc_status visit(const char *path, bool dirs, int depth, col_files *files,
                       sc_diags *warnings, sc_diag *diag)
{
    struct stat info, target;
    if (lstat(path, &info) != 0)
        return dirs ? SC_OK : pass_over(path, strerror(errno), warnings, diag);
    bool link = S_ISLNK(info.st_mode);
    if (link && stat(path, &target) == 0)
        info = target;
    if (S_ISDIR(info.st_mode)) {
        if (!dirs)
            return SC_OK;
        if (link)
            return pass_over(path, "a link to a directory", warnings, diag);
        return walk_dir(path, depth + 1, files, warnings, diag);
    }
    if (dirs || !S_ISREG(info.st_mode) || !is_table(path))
        return SC_OK;
    char *copy = sc_strdup(path);
    return copy ? add_path(files, copy, diag) : sc_diag_nomem(diag);
}

static sc_status walk_dir(const char *dir, int depth, col_files *files,
                          sc_diags *warnings, sc_diag *diag)
{
    col_files entries = {0};
    sc_status status = SC_OK;
    if (depth > MAX_DEPTH)
        return pass_over(dir, "more than 32 directories deep", warnings, diag);
    if (!list(dir, &entries)) {
        int why = errno;
        col_files_free(&entries);
        return why == ENOMEM ? sc_diag_nomem(diag)
                             : pass_over(dir, strerror(why), warnings, diag);
    }
    for (int dirs = 0; dirs < 2; dirs++)
        for (size_t i = 0; !status && i < entries.n; i++)
            status = visit(entries.path[i], dirs == 1, depth, files, warnings, diag);
    col_files_free(&entries);
    return status;
}

sc_status col_walk(const char *path, col_files *files, sc_diags *warnings, sc_diag *diag)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        sc_diag_fail(diag, SC_EIO, SC1001, "cannot read '%s': %s", path, strerror(errno));
        sc_diag_at(diag, path, 0, 0, 0, NULL);
        return SC_EIO;
    }
    if (S_ISDIR(info.st_mode))
        return walk_dir(path, 1, files, warnings, diag);
    char *copy = sc_strdup(path);
    return copy ? add_path(files, copy, diag) : sc_diag_nomem(diag);
}

bool col_system_of(const char *path, char *out, size_t out_B, char *dir, size_t dir_B)
{
    char whole[PATH_MAX];
    if (!realpath(path, whole))
        return false;
    for (int up = 0; up < 4; up++) {
        char *slash = strrchr(whole, '/');
        if (!slash || slash == whole)
            return false;
        *slash = '\0';
    }
    const char *name = sc_path_base(whole);
    if (!*name || strlen(name) >= out_B || (dir && strlen(whole) >= dir_B))
        return false;
    snprintf(out, out_B, "%s", name);
    if (dir)
        snprintf(dir, dir_B, "%s", whole);
    return true;
}

bool col_device_is(const char *device, const char *system)
{
    size_t n = strcspn(system, "_-. ");
    for (; *device && n > 0; device++) {
        size_t i = 0;
        while (i < n &&
               tolower((unsigned char)device[i]) == tolower((unsigned char)system[i]))
            i++;
        if (i == n)
            return true;
    }
    return false;
}
