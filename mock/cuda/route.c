/* solcheck - which kernels run what: the one place where routes are chosen.
 *
 * Routes of a layer are tried in order; the first that does not refuse (SC_EUNABLE) runs,
 * and its name is the exec's source.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#define ROUTE(name) cuda_##name##_prepare, cuda_##name##_launch, cuda_##name##_release

#define STREAM(name) cuda_##name##_prepare, cuda_##name##_launch, cuda_stream_release

/* layer, {context, generation}, functions */
static const cuda_route routes[] = {
    {"gemm", {true, true}, ROUTE(gemm)},
    {"attention", {true, false}, ROUTE(hopper)},
    {"attention", {true, false}, ROUTE(flash)},
    {"attention", {false, true}, ROUTE(decode)},
    {"mla", {true, false}, ROUTE(hopper)},
    {"mla", {true, false}, ROUTE(flash)},
    {"mla", {false, true}, ROUTE(decode)},
    {"mla_bmm", {true, true}, ROUTE(gemm)},
    {"moe", {true, true}, ROUTE(moe_hopper)},
    {"moe", {true, true}, ROUTE(moe)},
    {"rmsnorm", {true, true}, STREAM(rmsnorm)},
    {"rope", {true, true}, STREAM(rope)},
    {"activation", {true, true}, STREAM(activation)},
    {"embedding", {true, true}, STREAM(embedding)},
};

const cuda_route *cuda_routes(int *n)
{
    *n = (int)(sizeof routes / sizeof routes[0]);
    return routes;
}
