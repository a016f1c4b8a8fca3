/* solcheck - running a plan.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "cli/runner.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "mock/worker.h"

#define MAX_DEVICES 16
#define OPEN_LIMIT_S 120.0 /* the first CUDA call takes tens of seconds */
#define TICK_S 0.5         /* of the progress bar */
#define IDLE_S 0.3         /* without work: clocks may be down */
#define WARM_S 0.05
/* Of the available memory: alignment of allocations, workspaces of libraries, graphs. */
#define MEMORY_SHARE 0.98
#define VERIFY_FLOP 1e8 /* a tenth of a second of double-precision loops */

/* ---- the worker's side ---- */

typedef struct request {
    sol_phase_kind phase;
    size_t config;
    double b, s, bytes_B;
    bool cold;
    bool kernels; /* to be profiled, not timed */
} request;

typedef union reply {
    mock_timing timing;
    struct {
        mock_kernel kernel[MOCK_MAX_KERNELS];
        int n;
    } profile;
} reply;

typedef struct hello {
    mock_device_info info;
    size_t free_B;
} hello;

typedef struct child { /* one worker's; filled before the fork, used after it */
    cli_session *cli;
    const mock_class *cls;
    const cli_plan *plan; /* its configurations */
    char spec[32];
    cli_device device;
    mock_timing_options timing;
    double backoff_s;    /* of timing at the start */
    bool *verified;      /* [n_configs * SOL_N_PHASES] */
    double idle_since_s; /* when the last point ended; 0: long ago */
} child;

static sc_status child_open(void *user, void *out, sc_diag *diag)
{
    child *me = user;
    hello *answer = out;
    sc_status status = mock_device_open(me->spec, &me->device.ops, &me->device.dev,
                                        &me->device.info, diag);
    if (status != SC_OK)
        return status;
    answer->info = me->device.info;
    me->verified = sc_calloc(me->plan->n_configs * SOL_N_PHASES, sizeof *me->verified);
    if (!me->verified)
        return sc_diag_nomem(diag);
    cli_timing_options(me->cli, &me->device.info, &me->timing);
    status = cli_stopping_options(me->cli, &me->timing);
    if (status != SC_OK) {
        *diag = me->cli->diag;
        return status;
    }
    me->backoff_s = me->timing.max_backoff_s;
    status = mock_floor_measure(me->device.ops, me->device.dev, &me->timing.floor, diag);
    if (status != SC_OK)
        return status;
    return me->device.ops->available(me->device.dev, &answer->free_B, diag);
}

static bool same_slots(const sol_op *op, const sol_config *a, const sol_config *b)
{
    for (int i = 0; i < op->n_slots; i++)
        if (a->slot[i] != b->slot[i])
            return false;
    return true;
}

/* Floating-point operations of the reference on the case that cli_verify_layer runs. */
static sc_status reference_cost(child *me, sol_phase_kind phase, double *out)
{
    cli_axes at = {.b = 3, .s = 70};
    sc_status status = cli_axes_estimate(me->cli, me->cli->op->phase[phase], &at, 1);
    *out = at.cost * fmin(1, CLI_VERIFY_ROWS / at.x);
    return status;
}

/* What is timed computes the right thing: a configuration is compared with the reference
 * before its first point is timed. Of a table, which can have hundreds of them, those are
 * passed over whose reference takes long, but the first of its phase and dtypes. */
static sc_status verify_once(child *me, sol_phase_kind phase, size_t config)
{
    double flop = 0;
    bool seen = false;
    const sol_config *all = me->plan->config;
    bool *mine = &me->verified[phase * me->plan->n_configs];
    if (mine[config])
        return SC_OK;
    for (size_t i = 0; i < me->plan->n_configs; i++)
        seen |= mine[i] && same_slots(me->cli->op, &all[i], &all[config]);
    sc_status status = me->plan->table && seen ? reference_cost(me, phase, &flop) : SC_OK;
    if (status != SC_OK || flop > VERIFY_FLOP)
        return status;
    status = cli_verify_layer(me->cli, &me->device, me->cls, phase);
    if (status != SC_OK)
        return status;
    mine[config] = true;
    if (!seen) {
        cli_settle(&me->device);
        me->idle_since_s = 0; /* the wait let the clocks down */
    }
    return SC_OK;
}

/* Work before the first sample, where the device has not had any for a while: an idle
 * GPU lets its clocks down in about a second and takes tens of milliseconds to raise
 * them. */
static double warm_s(const child *me)
{
    bool cpu = strcmp(me->device.info.kind, "cpu") == 0;
    return !cpu && sc_now_s() - me->idle_since_s > IDLE_S ? WARM_S : 0;
}

/* The case of a request on the device, in the cache state asked for. */
static sc_status child_bench(child *me, const request *r, mock_bench **out)
{
    mock_case c;
    mock_bench *bench;
    size_t planned_B = 0;
    sc_diag *diag = &me->cli->diag;
    sc_status status = cli_make_case(me->cli, me->cls, r->phase, r->b, r->s, &c);
    if (status == SC_OK)
        status =
            mock_bench_new(me->cls, &c, me->device.ops, me->device.dev, &bench, diag);
    if (status != SC_OK)
        return status;
    if (r->cold && !r->kernels) { /* no more than there is can be touched */
        status = mock_case_bytes(me->cls, &c, &planned_B, diag);
        if (status == SC_OK)
            status = mock_bench_make_cold(bench, (double)me->device.info.l2_B,
                                          fmin(r->bytes_B, (double)planned_B), diag);
    }
    if (status != SC_OK)
        mock_bench_free(bench);
    else
        *out = bench;
    return status;
}

static sc_status child_run(child *me, const request *r, reply *out)
{
    mock_bench *bench;
    const cli_job point = {.config = r->config};
    cli_plan_use(me->cli, me->plan, &point);
    sc_status status = r->kernels ? SC_OK : verify_once(me, r->phase, r->config);
    if (status == SC_OK)
        status = child_bench(me, r, &bench);
    if (status != SC_OK)
        return status;
    me->timing.warm_s = warm_s(me);
    status = r->kernels
                 ? mock_bench_trace(bench, out->profile.kernel, &out->profile.n,
                                    &me->cli->diag)
                 : mock_bench_time(bench, &me->timing, &out->timing, &me->cli->diag);
    if (status == SC_OK && !r->kernels)
        mock_timing_adapt(&me->timing, &out->timing, me->backoff_s);
    mock_bench_free(bench);
    me->idle_since_s = sc_now_s();
    return status;
}

static sc_status child_serve(void *user, const void *from, void *to, sc_diag *diag)
{
    child *me = user;
    sc_diag_clear(&me->cli->diag);
    sc_status status = child_run(me, from, to);
    if (status != SC_OK)
        *diag = me->cli->diag;
    return status;
}

/* ---- the parent's side ---- */

typedef struct lane { /* a device */
    child child;
    hello hello;
    cli_job *point; /* in flight */
    double since_s; /* when the one before it ended */
} lane;

typedef struct runner {
    cli_session *cli;
    const mock_class *cls;
    cli_plan *plan;
    const cli_sink *sink;
    lane lane[MAX_DEVICES];
    mock_worker *worker[MAX_DEVICES];
    int n;                          /* lanes */
    size_t next, n_done, n_planned; /* n_planned: to do at the start */
    size_t n_unmet;                 /* ended before their criterion was met */
    double limit_s, start_s, planned_s, done_s;
    int in_a_row, most_in_a_row;
    reply *reply;
} runner;

static volatile sig_atomic_t caught, times_caught;

static void on_signal(int number)
{
    caught = number;
    if (++times_caught > 2) { /* the second one waits for a device that does not answer */
        signal(number, SIG_DFL);
        raise(number);
    }
}

static void catch_signals(struct sigaction old[2])
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: poll returns */
    caught = times_caught = 0;
    sigaction(SIGINT, &action, &old[0]);
    sigaction(SIGTERM, &action, &old[1]);
}

static mock_worker_job job_of(lane *at)
{
    return (mock_worker_job){.open = child_open,
                             .serve = child_serve,
                             .user = &at->child,
                             .hello_B = sizeof(hello),
                             .request_B = sizeof(request),
                             .reply_B = sizeof(reply)};
}

static sc_status open_lane(runner *run, int i, const char *spec)
{
    lane *at = &run->lane[i];
    at->child = (child){.cli = run->cli, .cls = run->cls, .plan = run->plan};
    snprintf(at->child.spec, sizeof at->child.spec, "%s", spec);
    mock_worker_job job = job_of(at);
    fflush(NULL);
    return mock_worker_start(&job, OPEN_LIMIT_S, &at->hello, &run->worker[i],
                             &run->cli->diag);
}

/* --device: one, or cuda:all. */
static sc_status open_lanes(runner *run)
{
    const char *spec = cli_value(&run->cli->options, CLI_OPT_DEVICE, "cuda");
    size_t n = strlen(spec);
    bool all = sc_ends_with(spec, ":all") && n < 16;
    sc_status status = SC_OK;
    while (status == SC_OK && run->n < (all ? MAX_DEVICES : 1)) {
        char one[64];
        snprintf(one, sizeof one, "%.*s:%d", (int)n - 4, spec, run->n);
        status = open_lane(run, run->n, all ? one : spec);
        run->n += status == SC_OK;
    }
    bool end = all && run->n > 0 && status == SC_ENOGPU;
    if (end)
        sc_diag_clear(&run->cli->diag);
    return end ? SC_OK : status;
}

static int terminal_width(void)
{
    struct winsize size;
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return known ? size.ws_col : 80;
}

static void progress_line(const runner *run, const cli_job *point, sc_buf *out)
{
    char left[32];
    double elapsed_s = sc_now_s() - run->start_s;
    /* The estimate, corrected by how it has fared so far. */
    double pace = run->done_s > 0 ? elapsed_s / run->done_s : 1;
    sc_format_duration(pace * fmax(0, run->planned_s - run->done_s), left);
    sc_buf_printf(out, "%zu/%zu points  %.2g/s  %s left", run->n_done, run->n_planned,
                  elapsed_s > 0 ? (double)run->n_done / elapsed_s : 0, left);
    if (run->n_unmet > 0)
        sc_buf_printf(out, "  %zu unmet", run->n_unmet);
    sc_buf_add(out, point->cold ? "  cold " : "  ");
    cli_plan_name(run->cli, run->plan, point, out);
}

static void progress(const runner *run, const cli_job *point)
{
    if (cli_has(&run->cli->options, CLI_OPT_QUIET) || !isatty(STDERR_FILENO))
        return;
    sc_buf line = {0};
    if (point)
        progress_line(run, point, &line);
    /* One that wraps would not be overwritten. */
    fprintf(stderr, "\r\033[K%.*s", terminal_width() - 1, sc_buf_text(&line));
    sc_buf_free(&line);
}

/* ---- outcomes ---- */

static sc_status warn_point(runner *run, const cli_job *point, const char *what,
                            sc_code code, const char *why)
{
    sc_diag warning;
    sc_buf name = {0};
    cli_plan_name(run->cli, run->plan, point, &name);
    sc_diag_clear(&warning);
    sc_diag_warn(&warning, code, "%.160s %s: %.300s", sc_buf_text(&name), what, why);
    sc_buf_free(&name);
    return sc_diags_add(&run->cli->warnings, &warning) == SC_OK
               ? SC_OK
               : sc_diag_nomem(&run->cli->diag);
}

static sc_status leave_out(runner *run, cli_job *point, sc_code code, const char *why)
{
    point->state = CLI_LEFT_OUT;
    point->code = code;
    snprintf(point->why, sizeof point->why, "%.250s", why);
    return warn_point(run, point, "is left out", code, why);
}

static sc_status case_of(runner *run, const cli_job *point, mock_case *c)
{
    return cli_plan_case(run->cli, run->cls, run->plan, point, c);
}

static void keep_timing(lane *at, const mock_timing *t)
{
    cli_job *point = at->point;
    double now_s = sc_now_s();
    point->state = CLI_MEASURED;
    point->wall_s = now_s - at->since_s;
    at->since_s = now_s;
    point->measured_s = t->median_s;
    point->mad_s = t->mad_s;
    point->samples = t->n;
    snprintf(point->source, sizeof point->source, "%s", t->source);
    snprintf(point->unmet, sizeof point->unmet, "%s", t->unmet);
}

static sc_status note_failure(runner *run, lane *at, const sc_diag *why)
{
    mock_case c;
    cli_job *point = at->point;
    point->state = CLI_FAILED;
    point->code = why->code;
    snprintf(point->why, sizeof point->why, "%.250s", why->message);
    sc_status status = case_of(run, point, &c);
    if (status == SC_OK)
        status = run->sink->failed(run->sink->user, &at->hello.info, point, &c, why);
    if (status == SC_OK)
        status = warn_point(run, point, "failed", why->code, why->message);
    if (status != SC_OK || ++run->in_a_row < run->most_in_a_row)
        return status;
    return sc_diag_fail(&run->cli->diag, SC_EGPU, SC3014,
                        "%d points in a row failed, the last one with: %.300s",
                        run->in_a_row, why->message);
}

/* A device that has failed stays broken in its process: the process is replaced. */
static sc_status replace(runner *run, int i)
{
    char spec[32];
    snprintf(spec, sizeof spec, "%s", run->lane[i].child.spec);
    mock_worker_stop(run->worker[i]);
    run->worker[i] = NULL;
    return open_lane(run, i, spec);
}

static sc_status take_failure(runner *run, int i, sc_status status, const sc_diag *why)
{
    lane *at = &run->lane[i];
    bool fits_not = status == SC_ENOMEM && why->code == SC3004;
    bool runs_not = status == SC_EUNABLE && why->code != SC3006;
    if (fits_not || runs_not)
        return leave_out(run, at->point, why->code, why->message);
    if (status != SC_EGPU || why->code == SC3007) {
        run->cli->diag = *why;
        return status;
    }
    status = note_failure(run, at, why);
    return status == SC_OK ? replace(run, i) : status;
}

static sc_status take_answer(runner *run, int i)
{
    sc_diag why;
    mock_case c;
    lane *at = &run->lane[i];
    sc_diag_clear(&why);
    sc_status status = mock_worker_receive(run->worker[i], run->reply, &why);
    run->n_done++;
    run->done_s += at->point->cost_s;
    if (status != SC_OK) {
        status = take_failure(run, i, status, &why);
        at->since_s = sc_now_s();
    } else {
        run->in_a_row = 0;
        run->n_unmet += run->reply->timing.unmet[0] != '\0';
        keep_timing(at, &run->reply->timing);
        status = case_of(run, at->point, &c);
        if (status == SC_OK)
            status = run->sink->measured(run->sink->user, &at->hello.info, at->point, &c,
                                         &run->reply->timing);
    }
    at->point = NULL;
    return status;
}

/* ---- the loop ---- */

/* The next point that is worth a try, or NULL. */
static sc_status next_point(runner *run, const lane *at, cli_job **out)
{
    *out = NULL;
    for (; run->next < run->plan->n; run->next++) {
        cli_job *point = &run->plan->point[run->next];
        char why[160];
        if (point->state != CLI_TODO)
            continue;
        if ((double)point->need_B <= MEMORY_SHARE * (double)at->hello.free_B) {
            *out = point;
            run->next++;
            return SC_OK;
        }
        snprintf(why, sizeof why, "it needs %.3f GiB, %.3f GiB are available (predicted)",
                 (double)point->need_B / 0x1p30, (double)at->hello.free_B / 0x1p30);
        run->done_s += point->cost_s;
        run->n_done++;
        sc_status status = leave_out(run, point, SC3004, why);
        if (status != SC_OK)
            return status;
    }
    return SC_OK;
}

/* Gives every idle worker a point; *busy: some worker has one. */
static sc_status hand_out(runner *run, bool *busy)
{
    *busy = false;
    for (int i = 0; i < run->n; i++) {
        lane *at = &run->lane[i];
        sc_status status = SC_OK;
        if (!at->point && !caught)
            status = next_point(run, at, &at->point);
        if (status == SC_OK && at->point && !mock_worker_busy(run->worker[i])) {
            const cli_job *p = at->point;
            request r = {p->phase,      p->config, p->at.b, p->at.s,
                         p->at.bytes_B, p->cold,   false};
            status = mock_worker_send(run->worker[i], &r, run->limit_s, &run->cli->diag);
        }
        if (status != SC_OK)
            return status;
        *busy |= at->point != NULL;
    }
    return SC_OK;
}

static sc_status loop(runner *run)
{
    for (;;) {
        bool busy;
        sc_status status = hand_out(run, &busy);
        if (status != SC_OK || !busy)
            return status;
        for (int i = 0; i < run->n; i++)
            if (run->lane[i].point) {
                progress(run, run->lane[i].point);
                break;
            }
        if (times_caught > 1)
            return SC_OK;
        int ready = mock_worker_wait(run->worker, run->n, TICK_S);
        if (ready >= 0)
            status = take_answer(run, ready);
        if (status != SC_OK)
            return status;
    }
}

/* ---- kernels: after the last point, in processes that have timed nothing ---- */

/* One point on the first device. A failure is a warning, and its process is replaced;
 * *go_on is false where there is no profiler. */
static sc_status profile_point(runner *run, const cli_job *p, const mock_case *c,
                               bool *go_on)
{
    sc_diag why;
    const hello *device = &run->lane[0].hello;
    request r = {p->phase, p->config, p->at.b, p->at.s, p->at.bytes_B, p->cold, true};
    sc_diag_clear(&why);
    sc_status status = mock_worker_send(run->worker[0], &r, run->limit_s, &why);
    while (status == SC_OK && mock_worker_wait(run->worker, 1, TICK_S) < 0)
        if (times_caught > 1)
            return SC_OK; /* the caller ends the worker */
    if (status == SC_OK)
        status = mock_worker_receive(run->worker[0], run->reply, &why);
    if (status == SC_OK)
        return run->sink->profiled(run->sink->user, &device->info, p, c,
                                   run->reply->profile.kernel, run->reply->profile.n);
    *go_on = why.code != SC3016;
    if (!*go_on) {
        why.severity = SC_WARNING;
        return sc_diags_add(&run->cli->warnings, &why) == SC_OK
                   ? SC_OK
                   : sc_diag_nomem(&run->cli->diag);
    }
    bool broken = status == SC_EGPU;
    status = warn_point(run, p, "is not profiled", why.code, why.message);
    return status == SC_OK && broken ? replace(run, 0) : status;
}

static sc_status profile_plan(runner *run)
{
    bool go_on = true;
    sc_status status = replace(run, 0);
    for (size_t i = 0; i < run->plan->n && status == SC_OK && go_on && !caught; i++) {
        const cli_job *point = &run->plan->point[i];
        mock_case c;
        bool wanted = false;
        if (point->state != CLI_MEASURED && point->state != CLI_STORED)
            continue;
        status = case_of(run, point, &c);
        if (status == SC_OK)
            status = run->sink->kernels_wanted(run->sink->user, &run->lane[0].hello.info,
                                               point, &c, &wanted);
        if (status == SC_OK && wanted)
            status = profile_point(run, point, &c, &go_on);
    }
    return status;
}

static sc_status set_limits(runner *run)
{
    const cli_options *options = &run->cli->options;
    double most;
    sc_status status = cli_number(
        run->cli, "point-limit", cli_value(options, CLI_OPT_LIMIT, "120"), &run->limit_s);
    if (status == SC_OK)
        status = cli_number(run->cli, "max-failures",
                            cli_value(options, CLI_OPT_MAX_FAILURES, "5"), &most);
    if (status != SC_OK)
        return status;
    if (!(run->limit_s > 0 && run->limit_s <= 86400 && most >= 1 && most <= 1e6))
        return sc_diag_fail(
            &run->cli->diag, SC_EINVAL, SC6001,
            "--point-limit is above 0 and at most a day, --max-failures at "
            "least 1");
    run->most_in_a_row = (int)most;
    return SC_OK;
}

/* One warning for what the plan itself leaves out: it can be hundreds of points. */
static sc_status name_left_out(runner *run)
{
    sc_diag warning;
    const cli_job *point = run->plan->point;
    size_t n = cli_plan_count(run->plan, CLI_LEFT_OUT);
    if (n == 0)
        return SC_OK;
    while (point->state != CLI_LEFT_OUT)
        point++;
    sc_diag_clear(&warning);
    sc_diag_warn(&warning, point->code,
                 "the plan leaves %zu point%s out, %s%s b=%.0f s=%.0f: %.240s", n,
                 n == 1 ? "" : "s", n == 1 ? "" : "first ", sol_phase_name(point->phase),
                 point->at.b, point->at.s, point->why);
    sc_diag_hint(&warning, "--plan lists them all");
    return sc_diags_add(&run->cli->warnings, &warning) == SC_OK
               ? SC_OK
               : sc_diag_nomem(&run->cli->diag);
}

/* One warning for all points whose sampling time or number of samples ended, with the
 * noisiest of them. */
static sc_status name_unmet(runner *run)
{
    const cli_job *worst = NULL;
    size_t n = 0;
    for (size_t i = 0; i < run->plan->n; i++) {
        const cli_job *p = &run->plan->point[i];
        if (p->state != CLI_MEASURED || !p->unmet[0])
            continue;
        n++;
        if (!worst || p->mad_s / p->measured_s > worst->mad_s / worst->measured_s)
            worst = p;
    }
    if (n == 0)
        return SC_OK;
    sc_diag warning;
    sc_buf name = {0};
    cli_plan_name(run->cli, run->plan, worst, &name);
    sc_diag_clear(&warning);
    sc_diag_warn(
        &warning, SC3020,
        "%zu of %zu points ended before --stop was met, the noisiest (%.160s): %s", n,
        cli_plan_count(run->plan, CLI_MEASURED), sc_buf_text(&name), worst->unmet);
    sc_diag_hint(&warning,
                 "--max-time and --min-samples give them more samples; a store has "
                 "the reason of each in the column unmet");
    sc_buf_free(&name);
    return sc_diags_add(&run->cli->warnings, &warning) == SC_OK
               ? SC_OK
               : sc_diag_nomem(&run->cli->diag);
}

static sc_status start(runner *run)
{
    sc_status status = set_limits(run);
    if (status == SC_OK)
        status = name_left_out(run);
    if (status == SC_OK)
        status = open_lanes(run);
    if (status == SC_OK)
        status = run->sink->opened(run->sink->user, &run->lane[0].hello.info, run->plan);
    run->start_s = sc_now_s();
    for (int i = 0; i < run->n; i++)
        run->lane[i].since_s = run->start_s;
    run->n_planned = cli_plan_count(run->plan, CLI_TODO);
    run->planned_s = cli_plan_seconds(run->plan);
    return status;
}

sc_status cli_run_plan(cli_session *cli, const mock_class *cls, cli_plan *plan,
                       const cli_sink *sink, int *signal_out)
{
    struct sigaction old[2];
    runner *run = sc_calloc(1, sizeof *run);
    if (!run || !(run->reply = sc_calloc(1, sizeof *run->reply))) {
        sc_free(run);
        return sc_diag_nomem(&cli->diag);
    }
    run->cli = cli;
    run->cls = cls;
    run->plan = plan;
    run->sink = sink;
    catch_signals(old);
    sc_status status = start(run);
    if (status == SC_OK)
        status = loop(run);
    progress(run, NULL);
    if (status == SC_OK)
        status = name_unmet(run);
    if (status == SC_OK && cli_has(&cli->options, CLI_OPT_KERNELS) && !caught)
        status = profile_plan(run);
    for (int i = run->n - 1; i >= 0; i--)
        mock_worker_stop(run->worker[i]);
    *signal_out = caught;
    sigaction(SIGINT, &old[0], NULL);
    sigaction(SIGTERM, &old[1], NULL);
    sc_free(run->reply);
    sc_free(run);
    return status;
}
