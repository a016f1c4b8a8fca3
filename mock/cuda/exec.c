/* solcheck - prepared layers on a GPU: choice of route, runs, captured graphs, timing.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { MAX_GRAPHS = 8 }; /* kept per exec; the oldest goes first */

static void graph_free(cuda_graph *graph)
{
    cudaGraphExecDestroy(graph->exec);
    sc_free(graph);
}

void cuda_graphs_drop(mock_exec *exec)
{
    while (exec->graph) {
        cuda_graph *next = exec->graph->next;
        graph_free(exec->graph);
        exec->graph = next;
    }
}

static void route_release(mock_exec *exec)
{
    cuda_graphs_drop(exec);
    if (exec->route)
        exec->route->release(exec);
    exec->state = NULL;
    exec->route = NULL;
}

void cuda_release(mock_exec *exec)
{
    if (!exec)
        return;
    cuda_select(exec->dev, NULL);
    route_release(exec);
    cuda_fresh_release(exec);
    sc_free(exec);
}

/* Asks one route. Where cuDNN stood in for own kernels the reason has both refusals. */
static sc_status ask(mock_exec *exec, const cuda_route *route, sc_diag *diag)
{
    char before[sizeof diag->message] = "";
    bool stands_in =
        route->choice == MOCK_CHOICE_CUDNN && exec->c->choice == MOCK_CHOICE_AUTO;
    if (stands_in && diag)
        memcpy(before, diag->message, sizeof before);
    exec->route = route;
    sc_status status = route->prepare(exec, diag);
    if (!status) {
        sc_diag_clear(diag);
        return SC_OK;
    }
    route_release(exec);
    if (status == SC_EUNABLE && before[0]) {
        char why[sizeof before];
        memcpy(why, diag->message, sizeof why);
        return cuda_refuse(diag, "%s; %s", before, why);
    }
    return status;
}

/* The first route that takes the case; else the refusal of the last that was asked. */
static sc_status choose(mock_exec *exec, const char *layer, sc_diag *diag)
{
    int n = 0;
    const cuda_route *route = cuda_routes(&n);
    mock_choice choice = exec->c->choice;
    sc_status status =
        choice == MOCK_CHOICE_AUTO
            ? cuda_refuse(diag, "the CUDA module has no layer %s", layer)
            : cuda_refuse(diag, "the CUDA module has no route %s for %s in %s",
                          choice == MOCK_CHOICE_OWN ? "own" : "cudnn", layer,
                          exec->c->phase == SOL_CONTEXT ? "context" : "generation");
    for (int i = 0; i < n; i++) {
        if (strcmp(route[i].layer, layer) != 0 || !route[i].phase[exec->c->phase] ||
            (choice != MOCK_CHOICE_AUTO && route[i].choice != choice))
            continue;
        status = ask(exec, &route[i], diag);
        if (status != SC_EUNABLE)
            return status;
    }
    return status;
}

/* What runs before the route stands before its name. */
static void name_fresh(mock_exec *exec, const char *what)
{
    char route[sizeof exec->source];
    memcpy(route, exec->source, sizeof route);
    snprintf(exec->source, sizeof exec->source, "%s%.*s", what,
             (int)(sizeof route - 1 - strlen(what)), route);
}

sc_status cuda_prepare(mock_device *dev, const char *layer, const mock_case *c,
                       void *const ptr[], mock_exec **out, sc_diag *diag)
{
    sc_status status = cuda_select(dev, diag);
    if (status)
        return status;
    mock_exec *exec = sc_calloc(1, sizeof *exec);
    if (!exec)
        return sc_diag_nomem(diag);
    exec->dev = dev;
    exec->c = c;
    for (int i = 0; i < MOCK_MAX_TENSORS; i++)
        exec->ptr[i] = ptr[i];
    const char *what = "";
    status = cuda_fresh_prepare(exec, layer, &what, diag);
    if (!status)
        status = choose(exec, layer, diag);
    if (status) {
        cuda_release(exec);
        return status;
    }
    name_fresh(exec, what);
    *out = exec;
    return SC_OK;
}

const char *cuda_source(const mock_exec *exec)
{
    return exec->source;
}

/* n launches, exec[0], exec[1], ... in turn. */
static sc_status launch_n(mock_exec *const exec[], int n_execs, int n, sc_diag *diag)
{
    sc_status status = SC_OK;
    for (int i = 0; i < n && !status; i++) {
        mock_exec *next = exec[i % n_execs];
        status = cuda_fresh_launch(next, diag);
        if (!status)
            status = next->route->launch(next, diag);
    }
    return status;
}

sc_status cuda_run(mock_exec *exec, sc_diag *diag)
{
    sc_status status = cuda_select(exec->dev, diag);
    if (!status)
        status = launch_n(&exec, 1, 1, diag);
    if (!status)
        status = CU(cudaStreamSynchronize(exec->dev->stream), diag);
    return status;
}

/* ---- graphs ---- */

/* SC_EUNABLE SC3006 with the reason that is in *why; the stream is out of capture and has
 * no pending error. A device that is broken for good is SC_EGPU all the same. */
static sc_status capture_failed(mock_exec *exec, const sc_diag *why, sc_diag *diag)
{
    cudaGetLastError();
    sc_status status = CU(cudaStreamSynchronize(exec->dev->stream), diag);
    if (status)
        return status;
    return sc_diag_fail(diag, SC_EUNABLE, SC3006, "CUDA graph capture of %s failed: %s",
                        exec->source[0] ? exec->source : exec->route->layer,
                        why->message);
}

/* Captures n launches. Whatever goes wrong, the capture is ended. */
static sc_status capture(mock_exec *const exec[], int n_execs, int n, cudaGraph_t *out,
                         sc_diag *why)
{
    cudaStream_t stream = exec[0]->dev->stream;
    cudaGraph_t graph = NULL;
    sc_diag ignored;
    sc_status status =
        CU(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), why);
    if (status)
        return status;
    status = launch_n(exec, n_execs, n, why);
    sc_status ended = CU(cudaStreamEndCapture(stream, &graph), status ? &ignored : why);
    if (!status)
        status = ended;
    if (status) {
        if (graph)
            cudaGraphDestroy(graph);
        return status;
    }
    *out = graph;
    return SC_OK;
}

static void forget_oldest(mock_exec *exec)
{
    int n = 1;
    for (cuda_graph **at = &exec->graph; *at; at = &(*at)->next)
        if (n++ >= MAX_GRAPHS) {
            cuda_graph *last = *at;
            *at = last->next;
            graph_free(last);
            return;
        }
}

static sc_status graph_make(mock_exec *const list[], int n_execs, int n, cuda_graph **out,
                            sc_diag *diag)
{
    mock_exec *exec = list[0];
    sc_diag why;
    sc_diag_clear(&why);
    cudaGraph_t graph = NULL;
    cuda_graph *made = sc_calloc(1, sizeof *made);
    if (!made)
        return sc_diag_nomem(diag);
    sc_status status = capture(list, n_execs, n, &graph, &why);
    if (!status) {
        status = CU(cudaGraphInstantiate(&made->exec, graph, 0), &why);
        cudaGraphDestroy(graph);
    }
    if (status) {
        sc_free(made);
        return capture_failed(exec, &why, diag);
    }
    forget_oldest(exec);
    made->n = n;
    made->n_execs = n_execs;
    made->next = exec->graph;
    exec->graph = made;
    status = CU(cudaGraphUpload(made->exec, exec->dev->stream), diag);
    if (!status)
        *out = made;
    return status;
}

static sc_status graph_find(mock_exec *const exec[], int n_execs, int n, cuda_graph **out,
                            sc_diag *diag)
{
    for (cuda_graph *graph = exec[0]->graph; graph; graph = graph->next)
        if (graph->n == n && graph->n_execs == n_execs) {
            *out = graph;
            return SC_OK;
        }
    return graph_make(exec, n_execs, n, out, diag);
}

sc_status cuda_time(mock_exec *exec, mock_launch launch, int n, double *seconds,
                    sc_diag *diag)
{
    return cuda_rotate(&exec, 1, launch, n, seconds, diag);
}

sc_status cuda_rotate(mock_exec *const exec[], int n_execs, mock_launch launch, int n,
                      double *seconds, sc_diag *diag)
{
    cuda_graph *graph = NULL;
    if (n < 1 || n_execs < 1)
        return sc_diag_fail(diag, SC_EINVAL, SC3005, "cannot time %d launches of %d", n,
                            n_execs);
    mock_device *dev = exec[0]->dev;
    sc_status status = cuda_select(dev, diag);
    if (!status && launch == MOCK_GRAPH)
        status = graph_find(exec, n_execs, n, &graph, diag);
    if (!status)
        status = cuda_clock_begin(dev, diag);
    if (!status)
        status = CU(cudaEventRecord(dev->start, dev->stream), diag);
    if (!status && graph)
        status = CU(cudaGraphLaunch(graph->exec, dev->stream), diag);
    else if (!status)
        status = launch_n(exec, n_execs, n, diag);
    if (!status)
        status = CU(cudaEventRecord(dev->stop, dev->stream), diag);
    if (!status)
        status = cuda_clock_end(dev, diag);
    float ms = 0;
    if (!status)
        status = CU(cudaEventElapsedTime(&ms, dev->start, dev->stop), diag);
    if (!status)
        *seconds = 1e-3 * ms;
    return status;
}
