/* solcheck - growable text buffers, files and small string helpers.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "base/text.h"

#include <errno.h>
#include <float.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/diag.h"

/* ---- buffers ---- */

static sc_status reserve(sc_buf *buf, size_t more)
{
    if (buf->failed)
        return SC_ENOMEM;
    if (more < buf->capacity - buf->n)
        return SC_OK;
    size_t capacity = buf->capacity ? buf->capacity : 256;
    while (capacity - buf->n <= more) {
        if (capacity > SIZE_MAX / 2) {
            buf->failed = true;
            return SC_ENOMEM;
        }
        capacity *= 2;
    }
    char *text = sc_realloc(buf->text, capacity);
    if (!text) {
        buf->failed = true;
        return SC_ENOMEM;
    }
    buf->text = text;
    buf->capacity = capacity;
    return SC_OK;
}

sc_status sc_buf_addn(sc_buf *buf, const char *text, size_t n)
{
    if (reserve(buf, n) != SC_OK)
        return SC_ENOMEM;
    memcpy(buf->text + buf->n, text, n);
    buf->n += n;
    buf->text[buf->n] = '\0';
    return SC_OK;
}

sc_status sc_buf_add(sc_buf *buf, const char *text)
{
    return sc_buf_addn(buf, text, strlen(text));
}

sc_status sc_buf_vprintf(sc_buf *buf, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0 || reserve(buf, (size_t)n) != SC_OK) {
        buf->failed = true;
        va_end(again);
        return SC_ENOMEM;
    }
    vsnprintf(buf->text + buf->n, (size_t)n + 1, fmt, again);
    buf->n += (size_t)n;
    va_end(again);
    return SC_OK;
}

sc_status sc_buf_printf(sc_buf *buf, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    sc_status status = sc_buf_vprintf(buf, fmt, ap);
    va_end(ap);
    return status;
}

sc_status sc_buf_add_csv(sc_buf *buf, const char *text)
{
    if (!text[strcspn(text, ",\"\r\n")])
        return sc_buf_add(buf, text);
    sc_buf_add(buf, "\"");
    for (; *text; text++) {
        if (*text == '"')
            sc_buf_add(buf, "\"");
        sc_buf_addn(buf, text, 1);
    }
    return sc_buf_add(buf, "\"");
}

sc_status sc_buf_add_xml(sc_buf *buf, const char *text)
{
    for (size_t n; *text; text += n ? n : 1) {
        n = sc_utf8_length(text);
        switch (*text) {
        case '&':
            sc_buf_add(buf, "&amp;");
            break;
        case '<':
            sc_buf_add(buf, "&lt;");
            break;
        case '>':
            sc_buf_add(buf, "&gt;");
            break;
        case '"':
            sc_buf_add(buf, "&quot;");
            break;
        default:
            if (!n || (unsigned char)*text < ' ')
                sc_buf_add(buf, "?");
            else
                sc_buf_addn(buf, text, n);
        }
    }
    return buf->failed ? SC_ENOMEM : SC_OK;
}

const char *sc_buf_text(const sc_buf *buf)
{
    return buf->text ? buf->text : "";
}

char *sc_buf_take(sc_buf *buf)
{
    char *text = NULL;
    if (!buf->failed && (buf->text || sc_buf_add(buf, "") == SC_OK)) {
        text = buf->text;
        buf->text = NULL;
    }
    sc_buf_free(buf);
    return text;
}

void sc_buf_free(sc_buf *buf)
{
    sc_free(buf->text);
    memset(buf, 0, sizeof *buf);
}

/* ---- files ---- */

static sc_status unreadable(const char *path, int error, sc_diag *diag)
{
    sc_status status =
        sc_diag_fail(diag, SC_EIO, SC1001, "cannot read '%s': %s", path, strerror(error));
    sc_diag_at(diag, path, 0, 0, 0, NULL);
    return status;
}

/* Reads until the end or beyond max_B; short on memory it says so. */
static sc_status read_all(FILE *file, const char *path, size_t max_B, sc_buf *buf,
                          sc_diag *diag)
{
    char chunk[65536];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) {
        if (buf->n + got > max_B) {
            sc_status status = sc_diag_fail(diag, SC_EPARSE, SC1002,
                                            "'%s' is larger than %zu bytes", path, max_B);
            sc_diag_at(diag, path, 0, 0, 0, NULL);
            return status;
        }
        if (sc_buf_addn(buf, chunk, got) != SC_OK)
            return sc_diag_nomem(diag);
    }
    if (ferror(file))
        return unreadable(path, errno ? errno : EIO, diag);
    if (sc_buf_add(buf, "") != SC_OK) /* an empty file still has a text */
        return sc_diag_nomem(diag);
    return SC_OK;
}

sc_status sc_file_open(const char *path, FILE **out, sc_diag *diag)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return unreadable(path, errno, diag);
    if (S_ISDIR(info.st_mode))
        return unreadable(path, EISDIR, diag);
    FILE *file = fopen(path, "rb");
    if (!file)
        return unreadable(path, errno, diag);
    *out = file;
    return SC_OK;
}

sc_status sc_file_read(const char *path, size_t max_B, char **text, size_t *n,
                       sc_diag *diag)
{
    FILE *file;
    sc_status status = sc_file_open(path, &file, diag);
    if (status)
        return status;
    sc_buf buf = {0};
    status = read_all(file, path, max_B, &buf, diag);
    fclose(file);
    if (status == SC_OK) {
        *n = buf.n;
        *text = sc_buf_take(&buf);
    }
    sc_buf_free(&buf);
    return status;
}

static sc_status unwritable(const char *path, int error, sc_diag *diag)
{
    sc_status status = sc_diag_fail(diag, SC_EIO, SC5000, "cannot write '%s': %s", path,
                                    strerror(error));
    sc_diag_at(diag, path, 0, 0, 0, NULL);
    sc_diag_hint(diag, "name a directory that you may write to, e.g. --out DIR");
    return status;
}

static bool write_fd(int fd, const char *text, size_t n)
{
    while (n > 0) {
        ssize_t wrote = write(fd, text, n);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        text += wrote;
        n -= (size_t)wrote;
    }
    return true;
}

sc_status sc_file_write(const char *path, const char *text, size_t n, sc_diag *diag)
{
    sc_buf name = {0};
    if (sc_buf_printf(&name, "%s.XXXXXX", path) != SC_OK) {
        sc_buf_free(&name);
        return sc_diag_nomem(diag);
    }
    int fd = mkstemp(name.text);
    if (fd < 0) {
        sc_status status = unwritable(path, errno, diag);
        sc_buf_free(&name);
        return status;
    }
    mode_t mask = umask(0);
    umask(mask);
    bool ok = write_fd(fd, text, n) && fchmod(fd, 0666 & ~mask) == 0;
    int error = ok ? 0 : errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (ok && rename(name.text, path) != 0) {
        ok = false;
        error = errno;
    }
    if (!ok)
        unlink(name.text);
    sc_buf_free(&name);
    return ok ? SC_OK : unwritable(path, error, diag);
}

/* ---- numbers ---- */

/* strtod under the C locale, so that "1.5" reads the same everywhere. */
static locale_t locale_c;

static void make_c_locale(void)
{
    locale_c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static locale_t c_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_c_locale);
    return locale_c;
}

bool sc_parse_double(const char *text, double *value)
{
    const char *p = text;
    if (*p == '+' || *p == '-')
        p++;
    if (!((*p >= '0' && *p <= '9') || *p == '.')) /* no inf, nan, blanks */
        return false;
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X'))
        return false;
    locale_t locale = c_locale();
    char *end;
    errno = 0;
    double got = locale ? strtod_l(text, &end, locale) : strtod(text, &end);
    if (end == text || *end || !isfinite(got))
        return false;
    *value = got;
    return true;
}

bool sc_parse_int(const char *text, int64_t *value)
{
    const char *p = *text == '-' || *text == '+' ? text + 1 : text;
    if (*p < '0' || *p > '9')
        return false;
    char *end;
    errno = 0;
    long long got = strtoll(text, &end, 10);
    if (errno || *end)
        return false;
    *value = got;
    return true;
}

void sc_format_duration(double seconds, char out[32])
{
    if (seconds < 99.5)
        snprintf(out, 32, seconds < 9.95 ? "%.1f s" : "%.0f s", seconds);
    else if (seconds < 99.5 * 60)
        snprintf(out, 32, "%.0f min", seconds / 60);
    else
        snprintf(out, 32, "%.1f h", seconds / 3600);
}

void sc_format_double(double value, char out[32])
{
    if (!isfinite(value)) {
        snprintf(out, 32, "%s", isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
        return;
    }
    if (value == floor(value) && fabs(value) < 1e15) {
        snprintf(out, 32, "%.0f", value);
        return;
    }
    /* Decimals of up to 15 digits survive normal doubles, so that 15 digits without the
     * zeros at their end are the shortest text wherever one as short exists. */
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(out, 32, "%.*g", digits, value);
        double back;
        if (sc_parse_double(out, &back) && back == value)
            return;
    }
}

/* ---- names ---- */

static int min3(int a, int b, int c)
{
    int m = a < b ? a : b;
    return m < c ? m : c;
}

#define MAX_NAME 64

int sc_edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX_NAME || m > MAX_NAME) /* longer texts are never "near" */
        return (int)(n > m ? n : m);
    int row[3][MAX_NAME + 1];
    int *before = row[0], *last = row[1], *now = row[2];
    for (size_t j = 0; j <= m; j++)
        last[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            now[j] =
                min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        int *rotated = before;
        before = last;
        last = now;
        now = rotated;
    }
    return last[m];
}

int sc_suggest(const char *wanted, const char *const *names, size_t n, char *out,
               size_t out_B)
{
    const char *best[3] = {NULL, NULL, NULL};
    int distance[3] = {0, 0, 0};
    int found = 0;
    int limit = (int)strlen(wanted) / 3 + 1; /* a third of the letters may be wrong */
    for (size_t i = 0; i < n; i++) {
        int d = sc_edit_distance(wanted, names[i]);
        bool contains = (strlen(wanted) >= 3 && strstr(names[i], wanted)) ||
                        (strlen(names[i]) >= 3 && strstr(wanted, names[i]));
        if (d > limit && !contains)
            continue;
        int at = found < 3 ? found++ : 3;
        while (at > 0 && d < distance[at - 1]) {
            if (at < 3) {
                best[at] = best[at - 1];
                distance[at] = distance[at - 1];
            }
            at--;
        }
        if (at < 3) {
            best[at] = names[i];
            distance[at] = d;
        }
    }
    size_t used = 0;
    if (out_B > 0)
        out[0] = '\0';
    for (int i = 0; i < found; i++) {
        const char *glue = i == 0 ? "" : i + 1 == found ? " or " : ", ";
        int wrote = snprintf(out + used, out_B - used, "%s%s", glue, best[i]);
        if (wrote < 0 || (size_t)wrote >= out_B - used)
            return i;
        used += (size_t)wrote;
    }
    return found;
}

size_t sc_utf8_length(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    if (p[0] < 0x80)
        return 1;
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ||
        (p[0] == 0xef && p[1] == 0xbf && p[2] >= 0xbe))
        return 0;
    return n;
}

void sc_utf8_mend(char *text)
{
    for (size_t n; *text; text += n ? n : 1) {
        n = sc_utf8_length(text);
        if (!n)
            *text = '?';
    }
}

bool sc_ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text), m = strlen(suffix);
    return n >= m && strcmp(text + n - m, suffix) == 0;
}

/* ---- paths ---- */

char *sc_path_join(const char *dir, const char *name)
{
    sc_buf buf = {0};
    sc_buf_printf(&buf, "%s/%s", dir, name);
    return sc_buf_take(&buf);
}

const char *sc_path_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

sc_status sc_mkdirs(const char *path, sc_diag *diag)
{
    char *copy = sc_strdup(path);
    if (!copy)
        return sc_diag_nomem(diag);
    int error = 0;
    for (char *p = copy + 1; *copy && !error; p++) {
        if (*p != '/' && *p)
            continue;
        char kept = *p;
        *p = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            error = errno;
        *p = kept;
        if (!kept)
            break;
    }
    struct stat info;
    if (!error && (stat(path, &info) != 0 || !S_ISDIR(info.st_mode)))
        error = ENOTDIR;
    sc_free(copy);
    return error ? unwritable(path, error, diag) : SC_OK;
}

/* ---- the running program ---- */

bool sc_program_dir(char *out, size_t out_B)
{
    ssize_t n = readlink("/proc/self/exe", out, out_B - 1);
    if (n <= 0 || (size_t)n >= out_B - 1) /* a full buffer may hold a cut path */
        return false;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

double sc_now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
