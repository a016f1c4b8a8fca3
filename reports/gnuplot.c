/* solcheck - reports: running gnuplot, without a shell, in a directory of its own.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "reports/internal.h"

#define LOG_NAME "gnuplot.log"

/* After fork: only async-signal-safe calls. Reports errno through report_fd on failure.
 */
static void become_gnuplot(const char *dir, const char *script, int report_fd)
{
    char *const argv[] = {(char *)"gnuplot", (char *)"--default-settings", (char *)script,
                          NULL};
    int error = 0;
    if (chdir(dir) != 0) {
        error = errno;
    } else {
        int in = open("/dev/null", O_RDONLY), nowhere = open("/dev/null", O_WRONLY);
        int log = open(LOG_NAME, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (in < 0 || nowhere < 0 || log < 0 || dup2(in, 0) < 0 || dup2(nowhere, 1) < 0 ||
            dup2(log, 2) < 0) {
            error = errno;
        } else {
            execvp(argv[0], argv);
            error = errno;
        }
    }
    ssize_t n = write(report_fd, &error, sizeof error);
    (void)n;
    _exit(127);
}

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Waits for pid; kills it after limit_s. True when it ended by itself. */
static bool wait_limited(pid_t pid, double limit_s, int *wait_status)
{
    double end = now_s() + limit_s;
    struct timespec nap = {0, 2000000};
    for (;;) {
        pid_t got = waitpid(pid, wait_status, WNOHANG);
        if (got == pid) {
            return true;
        }
        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (now_s() > end) {
            kill(pid, SIGKILL);
            while (waitpid(pid, wait_status, 0) < 0 && errno == EINTR) {
            }
            return false;
        }
        nanosleep(&nap, NULL);
    }
}

/* What gnuplot complained about first: a line of its log that names one of the script. */
static void first_complaint(const char *dir, char *out, size_t out_B)
{
    out[0] = 0;
    char *path = sc_path_join(dir, LOG_NAME), *text = NULL;
    size_t n = 0;
    if (path && sc_file_read(path, 1 << 20, &text, &n, NULL) == SC_OK) {
        for (char *line = text; line && *line;) {
            char *end = strchr(line, '\n');
            if (end) {
                *end++ = 0;
            }
            char *at = strstr(line, ": ");
            if (at && strstr(line, "line ")) {
                snprintf(out, out_B, "%s", line + strspn(line, " \t\""));
                break;
            }
            line = end;
        }
    }
    sc_free(text);
    sc_free(path);
}

static sc_status judge(const char *dir, bool ended, int wait_status, double limit_s,
                       sc_diag *diag)
{
    if (!ended) {
        return sc_diag_fail(diag, SC_EIO, SC5002, "gnuplot did not end within %g s",
                            limit_s);
    }
    if (WIFSIGNALED(wait_status)) {
        return sc_diag_fail(diag, SC_EIO, SC5002, "gnuplot was killed by signal %d",
                            WTERMSIG(wait_status));
    }
    if (WEXITSTATUS(wait_status) != 0) {
        char complaint[200];
        first_complaint(dir, complaint, sizeof complaint);
        return sc_diag_fail(diag, SC_EIO, SC5002, "gnuplot failed with status %d%s%s",
                            WEXITSTATUS(wait_status), complaint[0] ? ": " : "",
                            complaint);
    }
    return SC_OK;
}

sc_status rep_gnuplot_run(const char *dir, const char *script, double limit_s,
                          sc_diag *diag)
{
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) {
        return sc_diag_fail(diag, SC_EIO, SC5002, "cannot start gnuplot: %s",
                            strerror(errno));
    }
    pid_t pid = fork();
    if (pid < 0) {
        int error = errno;
        close(report[0]);
        close(report[1]);
        return sc_diag_fail(diag, SC_EIO, SC5002, "cannot start gnuplot: %s",
                            strerror(error));
    }
    if (pid == 0) {
        become_gnuplot(dir, script, report[1]);
    }
    close(report[1]);
    int error = 0, wait_status = 0;
    ssize_t n;
    do { /* end of file as soon as exec succeeds */
        n = read(report[0], &error, sizeof error);
    } while (n < 0 && errno == EINTR);
    close(report[0]);
    bool ended = wait_limited(pid, limit_s, &wait_status);
    if (n == (ssize_t)sizeof error) {
        if (error == ENOENT) {
            sc_diag_fail(diag, SC_EIO, SC5001, "gnuplot is not in PATH: no plots");
            sc_diag_hint(diag, "install gnuplot (Debian: apt-get install gnuplot-nox)");
            return SC_EIO;
        }
        return sc_diag_fail(diag, SC_EIO, SC5002, "cannot run gnuplot: %s",
                            strerror(error));
    }
    return judge(dir, ended, wait_status, limit_s, diag);
}
