/* solcheck - reports: the quantisation modes that a study is about.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "reports/internal.h"

/* Does the mode agree with what the user gave? */
static bool agrees(const rep_study *study, const sol_mode *mode)
{
    const sol_config *config = &study->config;
    bool good = true;
    for (int i = 0; i < study->op->n_slots && good; i++)
        good = !config->slot_given[i] || mode->slot[i] == config->slot[i];
    for (int i = 0; i < study->op->n_params && good; i++)
        good = !config->given[i] || isnan(mode->param[i]) ||
               mode->param[i] == config->param[i];
    return good;
}

/* The study's own dtypes: bf16_fp8 for bf16 and fp8. */
static void own_mode(const rep_study *study, rep_mode *out)
{
    size_t used = 0;
    *out = (rep_mode){.slot = study->config.slot};
    for (int i = 0; i < study->op->n_slots; i++) {
        const sol_dtype dtype = study->config.slot[i];
        const char *name = sol_dtype_name(dtype);
        int needs = study->op->slot[i].min_sm[dtype];
        out->min_sm = needs > out->min_sm ? needs : out->min_sm;
        if (used + strlen(name) + 2 > sizeof out->name)
            continue;
        if (used)
            out->name[used++] = '_';
        strcpy(out->name + used, name);
        used += strlen(name);
    }
}

sc_status rep_modes(const rep_study *study, rep_mode **out, int *n, sc_diag *diag)
{
    const sol_op *op = study->op;
    rep_mode *list = sc_calloc((size_t)op->n_modes + 1, sizeof *list);
    int found = 0;
    if (!list)
        return sc_diag_nomem(diag);
    for (int i = 0; i < op->n_modes; i++) {
        const sol_mode *mode = &op->mode[i];
        if (!agrees(study, mode))
            continue;
        list[found] =
            (rep_mode){.slot = mode->slot, .param = mode->param, .min_sm = mode->min_sm};
        strncpy(list[found++].name, mode->name, sizeof list->name - 1);
    }
    if (found == 0 && op->n_slots > 0)
        own_mode(study, &list[found++]);
    *out = list;
    *n = found;
    return SC_OK;
}

void rep_add_mode_dtypes(sc_buf *out, const sol_op *op, const rep_mode *mode)
{
    for (int i = 0; i < op->n_slots; i++)
        sc_buf_printf(out, "%s%s: %s", i ? ", " : "", op->slot[i].name,
                      sol_dtype_name(mode->slot[i]));
}

bool rep_told_by_mode(const sol_op *op, int param)
{
    for (int i = 0; i < op->n_modes; i++)
        if (!isnan(op->mode[i].param[param]))
            return true;
    return false;
}
