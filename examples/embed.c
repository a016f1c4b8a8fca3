/* Embedding solcheck: the bound of an op at a point, the proof of its axes, and a decision
 * from measurements of one's own.
 *
 *     cc embed.c $(pkg-config --cflags --libs solcheck) -o embed
 *     ./embed "$(pkg-config --variable=pkgdatadir solcheck)"
 *
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#include <stdio.h>
#include <stdlib.h>

#include <base/text.h>
#include <fit/fit.h>
#include <sol/proof.h>

/* Libraries report into a caller-owned diagnostic and never print. */
static int complain(const sc_diag *diag)
{
    sc_buf text = {0};
    sc_diag_format(diag, &text);
    fputs(sc_buf_text(&text), stderr);
    sc_buf_free(&text);
    return EXIT_FAILURE;
}

/* SOL latency of b = 4 requests of s = 1000 new tokens. */
static sc_status bound(const sol_op *op, const sol_config *config,
                       const sol_system *system, sc_diag *diag)
{
    const sol_phase *phase = op->phase[SOL_CONTEXT];
    double value[SOL_MAX_AXES];
    const double *axis[SOL_MAX_AXES];
    sol_bound out;
    sol_model *model;
    for (int i = 0; i < phase->n_axes; i++) {
        value[i] = phase->axis[i].value; /* the default of an optional axis */
        axis[i] = &value[i];
    }
    value[sol_phase_axis_index(phase, "b")] = 4;
    value[sol_phase_axis_index(phase, "s")] = 1000;
    sc_status status = sol_model_new(op, SOL_CONTEXT, config, system, SOL_ARCHITECTURAL,
                                     &model, diag);
    if (status != SC_OK)
        return status;
    status = sol_model_eval(model, 1, axis, &out, NULL, diag);
    if (status == SC_OK)
        printf("bound: %.4g ms, %.4g GFLOP\n", 1e3 * out.sol_cold_s, 1e-9 * out.flop);
    sol_model_free(model);
    return status;
}

/* Latencies that grow with b*s alone: 5 us and 3 ns a token. */
static sc_status decision(sc_diag *diag)
{
    fit_point point[64];
    fit_options options;
    fit_result result;
    size_t n = 0;
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 8; k++) {
            double b = 1 << i, s = 16 << k, x = b * s;
            point[n++] = (fit_point){.b = b,
                                     .s = s,
                                     .x = x,
                                     .compute_s = 2e-9 * x,
                                     .memory_s = 1e-9 * x,
                                     .latency_s = 5e-6 + 3e-9 * x,
                                     .noise = 0.002};
        }
    fit_options_defaults(&options);
    sc_status status = fit_decide(point, n, &options, &result, diag);
    if (status == SC_OK) {
        printf("decision: %s\n", fit_kind_name(result.kind));
        fit_result_clear(&result);
    }
    return status;
}

int main(int argc, char **argv)
{
    sol_op *op = NULL;
    sol_system *system = NULL;
    sol_config config = {0};
    sol_proof proof;
    sc_diag diag = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: embed DATADIR\n");
        return 2;
    }
    sc_status status = sol_op_find("mla", NULL, argv[1], &op, &diag);
    if (status == SC_OK)
        status = sol_system_find("h100_sxm", argv[1], &system, &diag);
    if (status == SC_OK)
        status = sol_config_init(op, &config, &diag);
    if (status == SC_OK)
        status = bound(op, &config, system, &diag);
    if (status == SC_OK)
        status = sol_prove(op, SOL_CONTEXT, &config, system, SOL_ARCHITECTURAL, &proof,
                           &diag);
    if (status == SC_OK)
        printf("token equivalence of %s, context: %s\n", op->name,
               sol_verdict_name(proof.sol.verdict));
    if (status == SC_OK)
        status = decision(&diag);
    sol_config_clear(&config);
    sol_system_free(system);
    sol_op_free(op);
    return status == SC_OK ? EXIT_SUCCESS : complain(&diag);
}
