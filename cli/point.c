/* solcheck - one point from options: --set b=4 --set s=1024, or --against b=4,s=1024.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <config.h>

#include <math.h>
#include <string.h>

#include "cli/session.h"

/* One NAME=VALUE. */
static sc_status set_axis(cli_session *cli, const char *option, const sol_phase *phase,
                          const char *text, double *axis)
{
    char key[64];
    const char *digits;
    double value;
    sc_status status = cli_split(text, option, key, sizeof key, &digits, &cli->diag);
    if (status == SC_OK)
        status = cli_number(cli, option, digits, &value);
    if (status != SC_OK)
        return status;
    int at = sol_phase_axis_index(phase, key);
    if (at < 0) {
        sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                     "the %s phase of op %s has no axis '%s'",
                     sol_phase_name(phase->kind), cli->op->name, key);
        sc_diag_hint(&cli->diag, "parameters are set with --param %s=%s", key, digits);
        return SC_EINVAL;
    }
    axis[at] = value;
    return SC_OK;
}

/* "b=4,s=1024", item by item. */
static sc_status set_axes(cli_session *cli, const char *option, const sol_phase *phase,
                          const char *text, double *axis)
{
    char item[128];
    sc_status status = SC_OK;
    while (*text && status == SC_OK) {
        size_t n = strcspn(text, ",");
        if (n >= sizeof item)
            return sc_diag_fail(&cli->diag, SC_EINVAL, SC6001,
                                "--%s %.40s... is too long", option, text);
        memcpy(item, text, n);
        item[n] = '\0';
        status = set_axis(cli, option, phase, item, axis);
        text += n + (text[n] == ',');
    }
    return status;
}

sc_status cli_point(cli_session *cli, cli_option option, const sol_phase *phase,
                    double *axis)
{
    const cli_values *given = &cli->options.given[option];
    const char *name = cli_option_name(option);
    for (int i = 0; i < phase->n_axes; i++)
        axis[i] = phase->axis[i].optional ? phase->axis[i].value : NAN;
    for (int i = 0; i < given->n; i++) {
        sc_status status = set_axes(cli, name, phase, given->text[i], axis);
        if (status != SC_OK)
            return status;
    }
    for (int i = 0; i < phase->n_axes; i++)
        if (isnan(axis[i])) {
            sc_diag_fail(&cli->diag, SC_EINVAL, SC6001, "axis %s has no value",
                         phase->axis[i].name);
            sc_diag_hint(&cli->diag, "--%s %s=VALUE (%s)", name, phase->axis[i].name,
                         phase->axis[i].meaning);
            return SC_EINVAL;
        }
    return sol_phase_admits(cli->op, phase, &cli->config, axis, &cli->diag);
}
