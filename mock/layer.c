/* solcheck - mock layers: the table of classes and what follows from a plan.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include "mock/layer.h"

#include <string.h>

#include "mock/layers/layers.h"

static const mock_class *const classes[] = {
#define X(name) &mock_class_##name,
    MOCK_CLASS_LIST(X)
#undef X
};

const mock_class *const *mock_classes(int *n)
{
    *n = (int)(sizeof classes / sizeof classes[0]);
    return classes;
}

const mock_class *mock_class_find(const char *name)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strcmp(classes[i]->name, name) == 0)
            return classes[i];
    return NULL;
}

const char *mock_scope_name(mock_scope scope)
{
    return scope == MOCK_SCOPE_OP ? "op" : "kernel";
}

const char *mock_inputs_name(mock_inputs inputs)
{
    static const char *const name[MOCK_N_INPUTS] = {
#define X(id, text) text,
        MOCK_INPUTS_LIST(X)
#undef X
    };
    return name[inputs];
}

const char *mock_choice_name(mock_choice choice)
{
    static const char *const name[MOCK_N_CHOICES] = {"auto", "own", "cudnn"};
    return name[choice];
}

int mock_class_param(const mock_class *cls, const char *name)
{
    for (int i = 0; i < cls->n_params; i++)
        if (strcmp(cls->param[i].name, name) == 0)
            return i;
    return -1;
}

const mock_route *mock_class_route(const mock_class *cls, sol_phase_kind phase,
                                   int sm_version, const char *source)
{
    const char *plus = strrchr(source, '+');
    const char *name = plus ? plus + 1 : source;
    for (int i = 0; i < cls->n_routes; i++) {
        const mock_route *r = &cls->route[i];
        if (r->phase[phase] && sm_version >= r->sm_from && sm_version <= r->sm_to &&
            strncmp(name, r->source, strlen(r->source)) == 0)
            return r;
    }
    return NULL;
}

size_t mock_tensor_bytes(const mock_tensor *tensor)
{
    size_t bits = (size_t)sol_dtype_bits(tensor->dtype);
    if (tensor->rank < 1 || tensor->rank > MOCK_MAX_RANK || bits == 0)
        return 0;
    size_t n = 1;
    for (int i = 0; i < tensor->rank; i++)
        if (tensor->dim[i] < 1 || __builtin_mul_overflow(n, (size_t)tensor->dim[i], &n))
            return 0;
    /* Elements are counted in int64 and multiplied by widths of up to 32 bits below. */
    if (n > (size_t)INT64_MAX / 32)
        return 0;
    return (n * bits + 7) / 8;
}

void mock_case_init(const mock_class *cls, sol_phase_kind phase, int64_t b, int64_t s,
                    mock_case *out)
{
    *out = (mock_case){.phase = phase, .b = b, .s = s, .seed = 1};
    for (int i = 0; i < cls->n_params; i++)
        out->param[i] = cls->param[i].value;
    for (int i = 0; i < cls->n_slots; i++)
        out->dtype[i] = SOL_BF16;
}

int64_t mock_case_tokens(const mock_case *c)
{
    if (c->phase == SOL_GENERATION)
        return c->b;
    if (!c->lengths)
        return c->b * c->s;
    int64_t sum = 0;
    for (int64_t r = 0; r < c->b; r++)
        sum += c->lengths[r];
    return sum;
}

int64_t mock_class_hidden(const mock_class *cls, const mock_case *c)
{
    mock_tensor tensor[MOCK_MAX_TENSORS];
    int n = 0;
    if (cls->plan(c, tensor, &n, NULL))
        return 0;
    for (int i = 0; i < n; i++)
        if (tensor[i].role == MOCK_OUTPUT)
            return tensor[i].dim[tensor[i].rank - 1];
    return 0;
}
