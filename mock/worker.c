/* solcheck - worker processes.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "mock/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/alloc.h"

/* How long a killed process may take to go: one inside of the driver can be stuck. */
#define REAP_S 5.0
#define LEAVE_S 0.5

struct mock_worker {
    pid_t pid; /* -1: gone */
    int to, from;
    size_t request_B, reply_B;
    bool busy;
    double due_s, limit_s;
    int how;           /* wait status of one that is gone */
    mock_worker *next; /* of this process */
};

/* A new worker inherits the ends of the older ones, and has to close them: an older one
 * would not see that the parent has closed its own, and would have to be killed. */
static mock_worker *workers;

typedef struct answer { /* in front of each reply */
    sc_status status;
    sc_diag diag;
} answer;

static bool write_all(int fd, const void *data, size_t n)
{
    const char *at = data;
    while (n > 0) {
        ssize_t k = write(fd, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

/* ---- the worker's side ---- */

static bool read_all(int fd, void *data, size_t n)
{
    char *at = data;
    while (n > 0) {
        ssize_t k = read(fd, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        at += k;
        n -= (size_t)k;
    }
    return true;
}

static bool answer_with(int fd, const answer *head, const void *reply, size_t n)
{
    return write_all(fd, head, sizeof *head) && write_all(fd, reply, n);
}

static void serve(const mock_worker_job *job, int in, int out)
{
    static answer head;
    size_t most = job->hello_B > job->reply_B ? job->hello_B : job->reply_B;
    char *request = sc_calloc(1, job->request_B), *reply = sc_calloc(1, most);
    if (!request || !reply)
        _exit(1); /* the parent sees a crash */
    head.status = job->open(job->user, reply, &head.diag);
    if (!answer_with(out, &head, reply, job->hello_B) || head.status)
        _exit(0);
    while (read_all(in, request, job->request_B)) {
        sc_diag_clear(&head.diag);
        memset(reply, 0, job->reply_B);
        head.status = job->serve(job->user, request, reply, &head.diag);
        if (!answer_with(out, &head, reply, job->reply_B))
            break;
    }
    _exit(0);
}

static void become_worker(const mock_worker_job *job, int in, int out, pid_t parent)
{
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent) /* it went before we could ask for the signal */
        _exit(0);
    serve(job, in, out);
}

/* ---- the parent's side ---- */

/* Waits for the end of the process, at most limit_s. */
static bool reap(mock_worker *worker, double limit_s)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    double end = sc_now_s() + limit_s;
    while (worker->pid > 0) {
        pid_t seen = waitpid(worker->pid, &worker->how, WNOHANG);
        if (seen == worker->pid || (seen < 0 && errno == ECHILD))
            worker->pid = -1;
        else if (sc_now_s() >= end)
            return false;
        else
            nanosleep(&pause, NULL);
    }
    return true;
}

static void end_worker(mock_worker *worker)
{
    if (worker->pid > 0) {
        kill(worker->pid, SIGKILL);
        reap(worker, REAP_S);
        worker->pid = -1; /* one that is stuck is left to its fate */
    }
    worker->busy = false;
}

static sc_status crashed(mock_worker *worker, sc_diag *diag)
{
    worker->how = -1;
    if (!reap(worker, LEAVE_S))
        end_worker(worker);
    int how = worker->how;
    worker->busy = false;
    if (how != -1 && WIFSIGNALED(how))
        return sc_diag_fail(diag, SC_EGPU, SC3011, "the worker crashed: signal %d (%s)",
                            WTERMSIG(how), strsignal(WTERMSIG(how)));
    return sc_diag_fail(diag, SC_EGPU, SC3011,
                        "the worker ended without an answer (status %d)",
                        how == -1 ? -1 : WEXITSTATUS(how));
}

static sc_status overdue(mock_worker *worker, sc_diag *diag)
{
    end_worker(worker);
    return sc_diag_fail(diag, SC_EGPU, SC3012,
                        "no answer within %.3g s: the worker was killed",
                        worker->limit_s);
}

/* Reads n bytes before the answer is due. */
static sc_status read_before_due(mock_worker *worker, void *data, size_t n, sc_diag *diag)
{
    char *at = data;
    while (n > 0) {
        double left = worker->due_s - sc_now_s();
        struct pollfd ready = {.fd = worker->from, .events = POLLIN};
        int seen = poll(&ready, 1, left > 0 ? (int)(left * 1e3) + 1 : 0);
        if (seen < 0 && errno != EINTR)
            return crashed(worker, diag);
        if (seen == 0 && left <= 0)
            return overdue(worker, diag);
        if (seen <= 0)
            continue;
        ssize_t k = read(worker->from, at, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return crashed(worker, diag);
        at += k;
        n -= (size_t)k;
    }
    return SC_OK;
}

static sc_status take_answer(mock_worker *worker, void *out, size_t n, sc_diag *diag)
{
    answer head;
    char *reply = sc_malloc(n);
    if (!reply)
        return sc_diag_nomem(diag);
    sc_status status = read_before_due(worker, &head, sizeof head, diag);
    if (!status)
        status = read_before_due(worker, reply, n, diag);
    if (!status && head.status) {
        status = head.status;
        if (diag)
            *diag = head.diag;
    }
    if (!status)
        memcpy(out, reply, n);
    worker->busy = false;
    sc_free(reply);
    return status;
}

static bool make_pipes(int ends[4])
{
    if (pipe(ends) != 0)
        return false;
    if (pipe(ends + 2) != 0) {
        close(ends[0]);
        close(ends[1]);
        return false;
    }
    for (int i = 0; i < 4; i++)
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    return true;
}

static sc_status spawn(const mock_worker_job *job, mock_worker *worker, sc_diag *diag)
{
    int ends[4]; /* requests: 0 <- 1, replies: 2 <- 3 */
    if (!make_pipes(ends))
        return sc_diag_fail(diag, SC_EIO, SC1001, "no pipe for a worker: %s",
                            strerror(errno));
    pid_t parent = getpid();
    worker->pid = fork();
    if (worker->pid == 0) {
        close(ends[1]);
        close(ends[2]);
        for (const mock_worker *other = workers; other; other = other->next) {
            close(other->to);
            close(other->from);
        }
        become_worker(job, ends[0], ends[3], parent); /* does not return */
    }
    close(ends[0]);
    close(ends[3]);
    worker->to = ends[1];
    worker->from = ends[2];
    worker->next = workers;
    workers = worker;
    if (worker->pid > 0)
        return SC_OK;
    return sc_diag_fail(diag, SC_EIO, SC1001, "no process for a worker: %s",
                        strerror(errno));
}

sc_status mock_worker_start(const mock_worker_job *job, double limit_s, void *hello,
                            mock_worker **out, sc_diag *diag)
{
    mock_worker *worker = sc_calloc(1, sizeof *worker);
    if (!worker)
        return sc_diag_nomem(diag);
    *worker = (mock_worker){.pid = -1,
                            .to = -1,
                            .from = -1,
                            .busy = true,
                            .request_B = job->request_B,
                            .reply_B = job->reply_B,
                            .limit_s = limit_s,
                            .due_s = sc_now_s() + limit_s};
    signal(SIGPIPE, SIG_IGN); /* a worker that is gone is told by write() */
    sc_status status = spawn(job, worker, diag);
    if (!status)
        status = take_answer(worker, hello, job->hello_B, diag);
    if (status) {
        mock_worker_stop(worker);
        return status;
    }
    *out = worker;
    return SC_OK;
}

void mock_worker_stop(mock_worker *worker)
{
    if (!worker)
        return;
    if (worker->to >= 0)
        close(worker->to); /* an idle worker leaves */
    if (worker->busy || !reap(worker, LEAVE_S))
        end_worker(worker);
    if (worker->from >= 0)
        close(worker->from);
    for (mock_worker **at = &workers; *at; at = &(*at)->next)
        if (*at == worker) {
            *at = worker->next;
            break;
        }
    sc_free(worker);
}

bool mock_worker_busy(const mock_worker *worker)
{
    return worker->busy;
}

bool mock_worker_alive(const mock_worker *worker)
{
    return worker->pid > 0;
}

sc_status mock_worker_send(mock_worker *worker, const void *request, double limit_s,
                           sc_diag *diag)
{
    if (worker->pid <= 0 || !write_all(worker->to, request, worker->request_B))
        return crashed(worker, diag);
    worker->busy = true;
    worker->limit_s = limit_s;
    worker->due_s = sc_now_s() + limit_s;
    return SC_OK;
}

int mock_worker_wait(mock_worker *const worker[], int n, double timeout_s)
{
    enum { MOST = 64 };
    struct pollfd ready[MOST];
    int index[MOST], k = 0;
    double now = sc_now_s(), end = now + timeout_s;
    for (int i = 0; i < n && k < MOST; i++) {
        if (!worker[i] || !worker[i]->busy)
            continue;
        if (worker[i]->due_s <= now)
            return i;
        end = worker[i]->due_s < end ? worker[i]->due_s : end;
        ready[k] = (struct pollfd){.fd = worker[i]->from, .events = POLLIN};
        index[k++] = i;
    }
    if (k == 0 || poll(ready, (nfds_t)k, (int)((end - now) * 1e3) + 1) < 0)
        return -1;
    for (int i = 0; i < k; i++)
        if (ready[i].revents || worker[index[i]]->due_s <= sc_now_s())
            return index[i];
    return -1;
}

sc_status mock_worker_receive(mock_worker *worker, void *reply, sc_diag *diag)
{
    return take_answer(worker, reply, worker->reply_B, diag);
}
