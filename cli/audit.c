/* solcheck audit: every row of every table against its speed of light, several tables at
 * a time. SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see
 * LICENSE */
#include <config.h>

#include "cli/audit.h"

#include <errno.h>
#include <flint/flint.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "collector/walk.h"

#define MOST_JOBS 64
#define TICK_S 0.25  /* of the progress bar */
#define PATIENCE_S 1 /* without one */

typedef struct auditor {
    cli_session *cli;
    col_files files;
    const sol_system **system; /* [files.n] */
    audit_outcome *outcome;    /* [files.n] */
    audit_turn *turn;          /* [files.n] large ones first, so that none ends late */
    double size_B;             /* of all files */
    audit_worker *worker;      /* [n_workers] */
    int n_workers;
    /* Under the lock: */
    pthread_mutex_t lock;
    pthread_cond_t done, room;
    size_t n_done, rows_done;
    double done_B, in_hand_B; /* in_hand: memory that the tables at work take */
    bool stop;                /* a worker met what ends the audit */
    int n_running;
} auditor;

/* ---- workers ---- */

typedef struct thread_of {
    auditor *a;
    int number;
} thread_of;

/* Waits until there is memory for one more table; false when none is left. */
static bool take(auditor *a, audit_turn *next)
{
    size_t i = a->files.n;
    bool left = true;
    pthread_mutex_lock(&a->lock);
    while (!a->stop && left &&
           (i = audit_pick(a->turn, a->files.n, a->in_hand_B, &left)) == a->files.n)
        if (left)
            pthread_cond_wait(&a->room, &a->lock);
    bool more = !a->stop && left;
    if (more) {
        a->turn[i].taken = true;
        a->in_hand_B += a->turn[i].memory_B;
        *next = a->turn[i];
    }
    pthread_mutex_unlock(&a->lock);
    return more;
}

static int by_size(const void *a, const void *b)
{
    const audit_turn *x = a, *y = b;
    if (x->size_B != y->size_B)
        return x->size_B < y->size_B ? 1 : -1;
    return (x->file > y->file) - (x->file < y->file);
}

static sc_status order_files(auditor *a)
{
    a->turn = sc_calloc(a->files.n + 1, sizeof *a->turn);
    if (!a->turn)
        return sc_diag_nomem(&a->cli->diag);
    for (size_t i = 0; i < a->files.n; i++) {
        struct stat info;
        bool known = stat(a->files.path[i], &info) == 0;
        a->turn[i] = audit_turn_of(i, a->files.path[i], known ? (double)info.st_size : 0);
        a->size_B += a->turn[i].size_B;
    }
    qsort(a->turn, a->files.n, sizeof *a->turn, by_size);
    return SC_OK;
}

static void give(auditor *a, const audit_turn *file, const audit_outcome *outcome)
{
    pthread_mutex_lock(&a->lock);
    a->n_done++;
    a->done_B += file->size_B;
    a->in_hand_B -= file->memory_B;
    a->rows_done += outcome->n_rows;
    a->stop |= outcome->status != SC_OK;
    pthread_cond_signal(&a->done);
    pthread_cond_broadcast(&a->room);
    pthread_mutex_unlock(&a->lock);
}

/* Ops are loaded by each worker for itself: expressions are not shared between threads.
 */
static void *work(void *argument)
{
    const thread_of *self = argument;
    auditor *a = self->a;
    audit_worker *worker = &a->worker[self->number];
    audit_turn next;
    sc_status status = SC_OK;
    if (self->number > 0) /* the first one is there, with its warnings */
        status = audit_worker_init(worker, a->cli);
    while (!status && take(a, &next)) {
        audit_outcome *out = &a->outcome[next.file];
        out->status =
            audit_file(worker, a->files.path[next.file], a->system[next.file], out);
        give(a, &next, out);
    }
    pthread_mutex_lock(&a->lock);
    a->n_running--; /* one that could not load its ops leaves its share to the others */
    pthread_cond_signal(&a->done);
    pthread_mutex_unlock(&a->lock);
    if (self->number > 0)
        flint_cleanup();
    return NULL;
}

static void progress(const auditor *a, double elapsed_s, bool last)
{
    if (elapsed_s < PATIENCE_S || !isatty(STDERR_FILENO) ||
        cli_has(&a->cli->options, CLI_OPT_QUIET))
        return;
    fputs("\r\033[K", stderr);
    if (!last && a->done_B > 0)
        fprintf(stderr, "%zu/%zu tables  %.3g M rows  %.2g M rows/s  %.0f s left",
                a->n_done, a->files.n, 1e-6 * (double)a->rows_done,
                1e-6 * (double)a->rows_done / elapsed_s,
                elapsed_s * (a->size_B - a->done_B) / a->done_B);
    fflush(stderr);
}

/* Waits until no worker is left, and says how far they are. */
static void watch(auditor *a)
{
    double start_s = sc_now_s();
    pthread_mutex_lock(&a->lock);
    while (a->n_running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += (long)(TICK_S * 1e9);
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_timedwait(&a->done, &a->lock, &until) == ETIMEDOUT)
            progress(a, sc_now_s() - start_s, false);
    }
    pthread_mutex_unlock(&a->lock);
    progress(a, sc_now_s() - start_s, true);
}

static sc_status count_workers(auditor *a)
{
    double asked = (double)sysconf(_SC_NPROCESSORS_ONLN);
    const char *text = cli_value(&a->cli->options, CLI_OPT_JOBS, NULL);
    sc_status status = text ? cli_number(a->cli, "jobs", text, &asked) : SC_OK;
    if (status)
        return status;
    if (text && (asked < 1 || asked > MOST_JOBS || asked != floor(asked)))
        return sc_diag_fail(&a->cli->diag, SC_EINVAL, SC6001,
                            "--jobs takes an integer from 1 to %d, not '%s'", MOST_JOBS,
                            text);
    a->n_workers = (int)fmax(1, fmin(MOST_JOBS, asked));
    if ((size_t)a->n_workers > a->files.n)
        a->n_workers = a->files.n ? (int)a->files.n : 1;
    return SC_OK;
}

/* The first worker is this thread where there is no more than one, so that --jobs 1
 * starts none. */
static void run_workers(auditor *a)
{
    pthread_t thread[MOST_JOBS];
    thread_of self[MOST_JOBS];
    int n = 0;
    a->n_running = a->n_workers;
    for (int i = 0; i < a->n_workers; i++)
        self[i] = (thread_of){a, i};
    if (a->n_workers == 1) {
        work(&self[0]);
        return;
    }
    for (int i = 0; i < a->n_workers; i++) {
        if (pthread_create(&thread[n], NULL, work, &self[i]) == 0)
            n++;
        else if (i == 0)
            work(&self[0]); /* no threads to be had: one after the other */
        else {
            pthread_mutex_lock(&a->lock);
            a->n_running--;
            pthread_mutex_unlock(&a->lock);
        }
    }
    watch(a);
    for (int i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
}

static sc_status audit_all(auditor *a)
{
    sc_status status = count_workers(a);
    size_t n = a->files.n;
    if (!status)
        status = order_files(a);
    if (status)
        return status;
    a->outcome = sc_calloc(n + 1, sizeof *a->outcome);
    a->system = sc_calloc(n + 1, sizeof *a->system);
    a->worker = sc_calloc((size_t)a->n_workers, sizeof *a->worker);
    if (!a->outcome || !a->system || !a->worker)
        return sc_diag_nomem(&a->cli->diag);
    audit_worker *first = &a->worker[0];
    status = audit_worker_init(first, a->cli);
    for (size_t i = 0; i < n && !status; i++)
        status = cli_library_system(&first->lib, a->files.path[i], &a->system[i]);
    if (status)
        a->cli->diag = first->cli.diag;
    for (size_t i = 0; i < first->cli.warnings.n; i++)
        if (sc_diags_add(&a->cli->warnings, &first->cli.warnings.item[i]))
            status = sc_diag_nomem(&a->cli->diag);
    if (!status)
        run_workers(a);
    return status;
}

/* ---- results, in the order of the files ---- */

static sc_status merge(auditor *a, audit_report *report)
{
    size_t n = 0;
    for (size_t i = 0; i < a->files.n; i++) {
        if (a->outcome[i].status) {
            a->cli->diag = a->outcome[i].diag;
            return a->outcome[i].status;
        }
        n += a->outcome[i].n;
    }
    report->result = sc_calloc(n + 1, sizeof *report->result);
    if (!report->result)
        return sc_diag_nomem(&a->cli->diag);
    report->n_files = a->files.n;
    for (size_t i = 0; i < a->files.n; i++) {
        const audit_outcome *out = &a->outcome[i];
        report->n_failed += out->failed;
        for (size_t k = 0; k < out->n; k++)
            report->result[report->n++] = out->result[k];
        for (size_t k = 0; k < out->warnings.n; k++)
            if (sc_diags_add(&a->cli->warnings, &out->warnings.item[k]))
                return sc_diag_nomem(&a->cli->diag);
    }
    return SC_OK;
}

static sc_status print(auditor *a, const audit_report *report)
{
    sc_buf out = {0}, page = {0};
    const char *html = cli_value(&a->cli->options, CLI_OPT_HTML, NULL);
    sc_status status = cli_has(&a->cli->options, CLI_OPT_JSON)
                           ? audit_json(a->cli, report, &out)
                           : audit_text(a->cli, report, &out);
    if (!status && html)
        status = audit_html(a->cli, report, &page);
    if (!status && html)
        status = sc_file_write(html, sc_buf_text(&page), page.n, &a->cli->diag);
    if (!status)
        status = cli_print(a->cli, &out);
    sc_buf_free(&out);
    sc_buf_free(&page);
    return status;
}

static void auditor_free(auditor *a)
{
    for (size_t i = 0; a->outcome && i < a->files.n; i++)
        audit_outcome_clear(&a->outcome[i]);
    for (int i = 0; a->worker && i < a->n_workers; i++)
        audit_worker_clear(&a->worker[i]);
    sc_free(a->worker);
    sc_free(a->turn);
    sc_free(a->system);
    sc_free(a->outcome);
    col_files_free(&a->files);
    pthread_cond_destroy(&a->done);
    pthread_cond_destroy(&a->room);
    pthread_mutex_destroy(&a->lock);
}

sc_status cli_audit(cli_session *cli, int *exit_code)
{
    auditor a = {.cli = cli,
                 .lock = PTHREAD_MUTEX_INITIALIZER,
                 .done = PTHREAD_COND_INITIALIZER,
                 .room = PTHREAD_COND_INITIALIZER};
    audit_report report = {0};
    const cli_values *paths = &cli->options.files;
    size_t violations = 0;
    if (paths->n == 0) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "nothing to audit is named");
        sc_diag_hint(&cli->diag, "solcheck audit PATH...: perf tables, or directories "
                                 "<system>/<family>/<backend>/<version> of them");
        return SC_EINVAL;
    }
    sc_status status = SC_OK;
    for (int i = 0; i < paths->n && !status; i++)
        status = col_walk(paths->text[i], &a.files, &cli->warnings, &cli->diag);
    if (!status)
        status = audit_all(&a);
    if (!status)
        status = merge(&a, &report);
    if (!status)
        status = print(&a, &report);
    for (size_t i = 0; i < report.n; i++)
        violations += report.result[i].audit.n_violations;
    *exit_code = violations ? 1 : report.n_failed ? 3 : 0;
    sc_free(report.result);
    auditor_free(&a);
    return status;
}
