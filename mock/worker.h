/* solcheck - worker processes: what may hang or crash runs in a child.
 *
 * A worker is forked before its parent has touched CUDA (a context does not survive fork)
 * and opens the device itself. Requests and replies are fixed-size structs over pipes:
 * both ends are the same program. A worker that crashes or exceeds its time limit loses
 * the request in flight only; the parent starts another. Workers ignore SIGINT (the
 * parent decides when to end) and are killed with their parent. The parent must be
 * single-threaded while it forks.
 * Tests: tests/unit/mock/test_worker.c.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_MOCK_WORKER_H
#define SC_MOCK_WORKER_H

#include "base/diag.h"

typedef struct mock_worker_job {
    /* Both are called in the worker. open runs once and fills hello[hello_B]; serve
     * answers one request. A status that is not SC_OK travels back with its diagnostic.
     */
    sc_status (*open)(void *user, void *hello, sc_diag *diag);
    sc_status (*serve)(void *user, const void *request, void *reply, sc_diag *diag);
    void *user;
    size_t hello_B, request_B, reply_B;
} mock_worker_job;

typedef struct mock_worker mock_worker;

/* Starts a worker and waits until it has opened, at most limit_s. Keeps nothing of *job
 * but its sizes. SIGPIPE is ignored in this process from then on. Errors: those of
 * job->open; SC_EGPU SC3011, SC3012; SC_EIO SC1001 (no process or pipe to be had);
 * SC_ENOMEM. Release with mock_worker_stop. */
sc_status mock_worker_start(const mock_worker_job *job, double limit_s, void *hello,
                            mock_worker **out, sc_diag *diag);

/* Ends the worker: it has half a second to leave by itself, then it is killed. NULL is
 * legal. */
void mock_worker_stop(mock_worker *worker);

/* Hands a request over. The worker must be idle. Its answer is due after limit_s.
 * Errors: SC_EGPU SC3011 (it is gone). */
sc_status mock_worker_send(mock_worker *worker, const void *request, double limit_s,
                           sc_diag *diag);
bool mock_worker_busy(const mock_worker *worker);

/* Waits until one of the busy workers has answered, died or is overdue, at most timeout_s
 * or until a signal comes. NULL entries are skipped. Returns its index, or -1. */
int mock_worker_wait(mock_worker *const worker[], int n, double timeout_s);

/* Takes the answer of a busy worker; waits for it until it is due. Errors: those of
 * job->serve; SC_EGPU SC3011 (it crashed: names the signal), SC3012 (overdue: it was
 * killed). After these two mock_worker_alive is false: stop it and start another. */
sc_status mock_worker_receive(mock_worker *worker, void *reply, sc_diag *diag);
bool mock_worker_alive(const mock_worker *worker);

#endif
