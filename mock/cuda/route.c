/* solcheck - which kernels run what: the one place where routes are chosen.
 *
 * Routes of a layer are tried in order; the first that does not refuse (SC_EUNABLE) runs,
 * and its name is the exec's source.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include "mock/cuda/cuda.h"

#define ROUTE(name) cuda_##name##_prepare, cuda_##name##_launch, cuda_##name##_release

#define STREAM(name) cuda_##name##_prepare, cuda_##name##_launch, cuda_stream_release

/* layer, {context, generation}, --route, functions */
static const cuda_route routes[] = {
    {"gemm", {true, true}, MOCK_CHOICE_AUTO, ROUTE(gemm)},
    {"attention", {true, false}, MOCK_CHOICE_OWN, ROUTE(hopper)},
    {"attention", {true, false}, MOCK_CHOICE_OWN, ROUTE(flash)},
    {"attention", {true, false}, MOCK_CHOICE_CUDNN, ROUTE(cudnn)},
    {"attention", {false, true}, MOCK_CHOICE_OWN, ROUTE(decode)},
    {"mla", {true, false}, MOCK_CHOICE_OWN, ROUTE(hopper)},
    {"mla", {true, false}, MOCK_CHOICE_OWN, ROUTE(flash)},
    {"mla", {true, false}, MOCK_CHOICE_CUDNN, ROUTE(cudnn)},
    {"mla", {false, true}, MOCK_CHOICE_OWN, ROUTE(decode)},
    {"mla_bmm", {true, true}, MOCK_CHOICE_AUTO, ROUTE(gemm)},
    {"moe", {true, true}, MOCK_CHOICE_AUTO, ROUTE(moe_hopper)},
    {"moe", {true, true}, MOCK_CHOICE_AUTO, ROUTE(moe)},
    {"rmsnorm", {true, true}, MOCK_CHOICE_AUTO, STREAM(rmsnorm)},
    {"rope", {true, true}, MOCK_CHOICE_AUTO, STREAM(rope)},
    {"activation", {true, true}, MOCK_CHOICE_AUTO, STREAM(activation)},
    {"embedding", {true, true}, MOCK_CHOICE_AUTO, STREAM(embedding)},
};

const cuda_route *cuda_routes(int *n)
{
    *n = (int)(sizeof routes / sizeof routes[0]);
    return routes;
}
