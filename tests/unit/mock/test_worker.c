/* Workers that answer, refuse, crash and hang.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "fake.h"
#include "mock/worker.h"

typedef enum wish { ANSWER, REFUSE, CRASH, LEAVE, HANG } wish;
typedef struct request {
    wish what;
    int value;
} request;
typedef struct reply {
    int twice;
    pid_t pid;
    int n_open; /* files */
    double latency_s;
    char padding[100000]; /* more than a pipe holds */
} reply;
typedef struct scene { /* what open does */
    wish open;
    const mock_device_ops *ops;
    mock_device *dev;
} scene;

static sc_status open_device(void *user, void *hello, sc_diag *diag)
{
    scene *s = user;
    mock_device_info info;
    if (s->open == REFUSE)
        return sc_diag_fail(diag, SC_ENOGPU, SC3001, "there is no such device");
    if (s->open == CRASH)
        abort();
    if (s->open == HANG)
        pause();
    s->ops = fake_open(FAKE_SOUND, &s->dev, &info);
    *(int *)hello = 4711;
    return SC_OK;
}

/* Times a gemm on the fake device: the worker is a process that uses a device. */
static sc_status time_gemm(scene *s, double *latency_s, sc_diag *diag)
{
    mock_case c;
    mock_bench *bench;
    mock_timing_options options;
    static mock_timing timing;
    const mock_class *cls = mock_class_find("gemm");
    mock_case_init(cls, SOL_GENERATION, 3, 5, &c);
    fake_small(cls, c.param);
    mock_timing_defaults(&options);
    fake_time = (fake_timer){.on = true, .launch_s = 37e-6};
    sc_status status = mock_bench_new(cls, &c, s->ops, s->dev, &bench, diag);
    if (status)
        return status;
    status = mock_bench_time(bench, &options, &timing, diag);
    mock_bench_free(bench);
    *latency_s = timing.median_s;
    return status;
}

static sc_status serve(void *user, const void *from, void *to, sc_diag *diag)
{
    const request *r = from;
    reply *answer = to;
    switch (r->what) {
    case REFUSE:
        return sc_diag_fail(diag, SC_ENOMEM, SC3004, "no room for %d", r->value);
    case CRASH:
        raise(r->value);
        break;
    case LEAVE:
        _exit(r->value);
    case HANG:
        for (;;)
            pause();
    case ANSWER:
        break;
    }
    answer->twice = 2 * r->value;
    answer->pid = getpid();
    for (int fd = 0; fd < 1024; fd++)
        answer->n_open += fcntl(fd, F_GETFD) >= 0;
    return time_gemm(user, &answer->latency_s, diag);
}

static scene stage;
static const mock_worker_job job = {.open = open_device,
                                    .serve = serve,
                                    .user = &stage,
                                    .hello_B = sizeof(int),
                                    .request_B = sizeof(request),
                                    .reply_B = sizeof(reply)};
static reply got;

static mock_worker *start(void)
{
    mock_worker *worker = NULL;
    sc_diag diag = {0};
    int hello = 0;
    cr_assert_eq(mock_worker_start(&job, 20, &hello, &worker, &diag), SC_OK, "%s",
                 diag.message);
    cr_assert_eq(hello, 4711);
    cr_assert(mock_worker_alive(worker));
    return worker;
}

static sc_status ask(mock_worker *worker, wish what, int value, double limit_s,
                     sc_diag *diag)
{
    request r = {what, value};
    sc_status status = mock_worker_send(worker, &r, limit_s, diag);
    return status ? status : mock_worker_receive(worker, &got, diag);
}

Test(worker, answers_and_reports_errors_and_lives_on)
{
    mock_worker *worker = start();
    sc_diag diag = {0};
    for (int i = 17; i < 20; i++) {
        cr_assert_eq(ask(worker, ANSWER, i, 20, &diag), SC_OK, "%s", diag.message);
        cr_assert_eq(got.twice, 2 * i);
        cr_assert_float_eq(got.latency_s, 37e-6, 1e-12);
        cr_assert_neq(got.pid, getpid());
    }
    got.twice = -1;
    cr_assert_eq(ask(worker, REFUSE, 23, 20, &diag), SC_ENOMEM);
    cr_assert_eq(diag.code, SC3004);
    cr_assert_str_eq(diag.message, "no room for 23");
    cr_assert_eq(got.twice, -1, "outputs only on success");
    cr_assert(mock_worker_alive(worker));
    cr_assert_eq(ask(worker, ANSWER, 3, 20, &diag), SC_OK);
    pid_t pid = got.pid;
    mock_worker_stop(worker);
    cr_assert_eq(kill(pid, 0), -1, "the worker outlives its stop");
}

static void expect_crash(wish what, int value, const char *word)
{
    mock_worker *worker = start();
    sc_diag diag = {0};
    cr_assert_eq(ask(worker, what, value, 20, &diag), SC_EGPU);
    cr_assert_eq(diag.code, SC3011);
    cr_assert_not_null(strstr(diag.message, word), "%s", diag.message);
    cr_assert_not(mock_worker_alive(worker));
    cr_assert_eq(ask(worker, ANSWER, 1, 20, &diag), SC_EGPU, "the dead answer");
    mock_worker_stop(worker);
    worker = start(); /* its replacement */
    cr_assert_eq(ask(worker, ANSWER, 31, 20, &diag), SC_OK);
    cr_assert_eq(got.twice, 62);
    mock_worker_stop(worker);
}

Test(worker, a_crash_is_told_with_its_signal_and_loses_one_request)
{
    expect_crash(CRASH, SIGKILL, "signal 9 (Killed)");
    expect_crash(CRASH, SIGTERM, "signal 15");
    expect_crash(LEAVE, 7, "status 7");
}

Test(worker, a_hang_ends_at_its_limit)
{
    mock_worker *worker = start();
    sc_diag diag = {0};
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    cr_assert_eq(ask(worker, HANG, 0, 0.31, &diag), SC_EGPU);
    clock_gettime(CLOCK_MONOTONIC, &b);
    double took = (double)(b.tv_sec - a.tv_sec) + 1e-9 * (double)(b.tv_nsec - a.tv_nsec);
    cr_assert_eq(diag.code, SC3012);
    cr_assert_not_null(strstr(diag.message, "0.31 s"), "%s", diag.message);
    cr_assert(took >= 0.3 && took < 5, "took %g s", took);
    cr_assert_not(mock_worker_alive(worker));
    mock_worker_stop(worker);
}

Test(worker, what_happens_while_it_opens)
{
    mock_worker *worker = NULL;
    sc_diag diag = {0};
    int hello = 5;
    stage.open = REFUSE;
    cr_assert_eq(mock_worker_start(&job, 20, &hello, &worker, &diag), SC_ENOGPU);
    cr_assert_str_eq(diag.message, "there is no such device");
    stage.open = CRASH;
    cr_assert_eq(mock_worker_start(&job, 20, &hello, &worker, &diag), SC_EGPU);
    cr_assert_eq(diag.code, SC3011);
    stage.open = HANG;
    cr_assert_eq(mock_worker_start(&job, 0.2, &hello, &worker, &diag), SC_EGPU);
    cr_assert_eq(diag.code, SC3012);
    cr_assert_null(worker);
    cr_assert_eq(hello, 5);
}

Test(worker, of_two_the_one_that_is_ready_is_found)
{
    mock_worker *both[3] = {start(), NULL, start()};
    request hang = {HANG, 0}, quick = {ANSWER, 9};
    cr_assert_eq(mock_worker_wait(both, 3, 0.01), -1, "nobody works");
    cr_assert_eq(mock_worker_send(both[0], &hang, 0.4, NULL), SC_OK);
    cr_assert_eq(mock_worker_send(both[2], &quick, 20, NULL), SC_OK);
    cr_assert_eq(mock_worker_wait(both, 3, 20), 2);
    cr_assert_eq(mock_worker_receive(both[2], &got, NULL), SC_OK);
    cr_assert_eq(got.twice, 18);
    cr_assert(mock_worker_busy(both[0]) && !mock_worker_busy(both[2]));
    cr_assert_eq(mock_worker_wait(both, 3, 20), 0, "the overdue one");
    cr_assert_eq(mock_worker_receive(both[0], &got, NULL), SC_EGPU);
    mock_worker_stop(both[0]);
    mock_worker_stop(both[2]);
}

/* One that keeps the pipes of another would keep it from leaving. */
Test(worker, has_no_files_of_another)
{
    int n_open[3];
    mock_worker *worker[3];
    for (int i = 0; i < 3; i++)
        worker[i] = start();
    mock_worker_stop(worker[1]);
    worker[1] = start();
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(ask(worker[i], ANSWER, i, 20, NULL), SC_OK);
        n_open[i] = got.n_open;
    }
    cr_expect_eq(n_open[1], n_open[0]);
    cr_expect_eq(n_open[2], n_open[0]);
    for (int i = 0; i < 3; i++)
        mock_worker_stop(worker[i]);
}

/* A parent that is killed takes its worker along. */
Test(worker, does_not_outlive_a_killed_parent)
{
    int ends[2];
    pid_t worker_pid = 0;
    cr_assert_eq(pipe(ends), 0);
    pid_t parent = fork();
    if (parent == 0) {
        mock_worker *worker = NULL;
        int hello;
        request hang = {HANG, 0}, first = {ANSWER, 1};
        if (mock_worker_start(&job, 20, &hello, &worker, NULL) ||
            mock_worker_send(worker, &first, 20, NULL) ||
            mock_worker_receive(worker, &got, NULL) ||
            mock_worker_send(worker, &hang, 100, NULL) ||
            write(ends[1], &got.pid, sizeof got.pid) != (ssize_t)sizeof got.pid)
            _exit(1);
        pause();
        _exit(2);
    }
    cr_assert_eq(read(ends[0], &worker_pid, sizeof worker_pid),
                 (ssize_t)sizeof worker_pid);
    kill(parent, SIGKILL);
    cr_assert_eq(waitpid(parent, NULL, 0), parent);
    bool gone = false;
    const struct timespec wait = {.tv_nsec = 10000000};
    for (int i = 0; i < 500 && !gone; i++) {
        char stat[64], state = 'R';
        snprintf(stat, sizeof stat, "/proc/%d/stat", (int)worker_pid);
        FILE *file = fopen(stat, "r"); /* an orphan may stay a zombie in a container */
        gone = !file || (fscanf(file, "%*d %*s %c", &state) == 1 && state == 'Z');
        if (file)
            fclose(file);
        nanosleep(&wait, NULL);
    }
    cr_assert(gone, "the worker lives on");
}
