/* solcheck - command-line options: one table feeds the parser and the help texts.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_CLI_OPTIONS_H
#define SC_CLI_OPTIONS_H

#include <stdint.h>

#include "base/diag.h"

/* X(id, name, first line of help). The first one is what `solcheck --op OP` does. */
#define CLI_COMMAND_LIST(X)                                                              \
    X(DECIDE, "", "decide the axes: proof, measurements, fit, report")                   \
    X(PLOT, "plot", "draw a figure, into a file or in the terminal")                     \
    X(LIST, "list", "list the ops, or with --system the systems")                        \
    X(EXPLAIN, "explain", "print FLOPs and bytes symbolically, and what follows")        \
    X(EVAL, "eval", "evaluate the speed of light at points")                             \
    X(LINT, "lint", "look for mistakes in op files: lint [OP...]")                       \
    X(CHECK, "check", "validate the mock layer of an op on a device")                    \
    X(MEASURE, "measure", "measure a mock layer over a grid and write a perf table")     \
    X(CALIBRATE, "calibrate", "measure what a device reaches, and write a system file")  \
    X(EXPORT, "export", "write perf tables from record stores, or convert: export FILE...") \
    X(AUDIT, "audit", "hold perf tables against the speed of light: audit PATH...")      \
    X(VALIDATE, "validate", "check case files and perf tables: validate FILE...")         \
    X(MODEL, "model", "list the ops that a model needs: model CONFIG.json")              \
    X(COMPARE, "compare", "compare two perf tables or record stores: compare A B")       \
    X(DESIGN, "design", "choose the fewest points to measure: design [TABLE...]")        \
    X(FIT, "fit", "fit the models to tables: errors, coefficients, lack of fit")

typedef enum cli_command {
#define X(id, name, help) CLI_##id,
    CLI_COMMAND_LIST(X)
#undef X
        CLI_N_COMMANDS
} cli_command;

#define CLI_ON(command) (1u << CLI_##command)
#define CLI_EVERY ((1u << CLI_N_COMMANDS) - 1)
/* These work on files and name no op. */
#define CLI_NO_OP                                                                        \
    (CLI_ON(EXPORT) | CLI_ON(LINT) | CLI_ON(AUDIT) | CLI_ON(MODEL) | CLI_ON(COMPARE) | \
     CLI_ON(VALIDATE))
/* These take file names as arguments. */
#define CLI_FILES (CLI_NO_OP | CLI_ON(DESIGN) | CLI_ON(FIT))
/* Those that work on an op file, and those that may be given one. */
#define CLI_ALL (CLI_EVERY & ~CLI_NO_OP & ~CLI_ON(CALIBRATE))
#define CLI_OPS (CLI_EVERY & ~CLI_ON(CALIBRATE))
#define CLI_RUNS (CLI_ON(DECIDE) | CLI_ON(CHECK) | CLI_ON(MEASURE))

/* X(id, name, value or "", commands that take it, help). */
#define CLI_OPTION_LIST(X)                                                               \
    X(OP, "op", "OP", CLI_OPS, "op name, or path of an op file")                       \
    X(PHASE, "phase", "PHASE", CLI_ALL, "context, generation or both (default)")         \
    X(SYSTEM, "system", "NAME",                                                          \
      CLI_ALL | CLI_ON(AUDIT) | CLI_ON(COMPARE) | CLI_ON(CALIBRATE) | CLI_ON(VALIDATE),  \
      "system name or file (default h100_sxm; of tables: by their directory or device; calibrate: by the device's name)") \
    X(PARAM, "param", "K=V", CLI_ALL, "set a parameter of the op; may be repeated")      \
    X(DTYPE, "dtype", "K=V", CLI_ALL, "set a dtype slot, e.g. kv=fp8; may be repeated")  \
    X(TP, "tp", "N", CLI_ALL, "tensor parallelism: local heads = heads / N")             \
    X(MODEL, "model", "FILE", CLI_ALL & ~CLI_ON(LIST),                                   \
      "a Hugging Face config.json: parameters that --param leaves")                      \
    X(DATA, "data", "FILE", CLI_ON(DECIDE) | CLI_ON(EVAL) | CLI_ON(PLOT),                               \
      "measurements: a perf table; may be repeated")                                     \
    X(MEASURE, "measure", "", CLI_ON(DECIDE), "measure the mock layer now")              \
    X(DEVICE, "device", "DEV", CLI_RUNS | CLI_ON(CALIBRATE), "cpu, cuda, cuda:N or, to measure, cuda:all (default cuda; check: cpu where there is none)") \
    X(GRID, "grid", "KIND", CLI_ON(DECIDE) | CLI_ON(MEASURE) | CLI_ON(EVAL),             \
      "points to measure: small, coarse or full; eval: AXIS=1,2,4:256*2,300:900+100")                                        \
    X(CASES, "cases", "FILE", CLI_ON(MEASURE) | CLI_ON(VALIDATE) | CLI_ON(DESIGN),        \
      "points to measure, from a cases file; validate: the plan of the tables; design: whose redundant cases to list") \
    X(TARGET, "target", "PCT", CLI_ON(DESIGN) | CLI_ON(PLOT),                       \
      "held-out error to reach, median (design: default 3; plot: a line in --kind error)") \
    X(POINTS, "points", "FILE", CLI_ON(MEASURE),                                          \
      "points to measure, from the rows of a table (axes, parameters, dtypes)")           \
    X(WHERE, "where", "COL=V,..", CLI_ON(MEASURE),                                        \
      "of the listed points: rows with one of these values; may be repeated")                      \
    X(SAMPLE, "sample", "N", CLI_ON(MEASURE),                                             \
      "of the listed points: N of each phase, spread over the range of their times") \
    X(STORE, "store", "FILE", CLI_ON(MEASURE) | CLI_ON(VALIDATE),                         \
      "record store; points that it has are skipped; validate: its failures explain holes") \
    X(PLAN, "plan", "", CLI_ON(MEASURE), "print points, memory and time; measure nothing") \
    X(CACHE, "cache", "KIND", CLI_ON(MEASURE), "hot (default), cold or both")            \
    X(SCOPE, "scope", "KIND", CLI_ON(MEASURE) | CLI_ON(CHECK),                           \
      "kernel (default), or op: with RoPE and the append to the KV cache")               \
    X(INPUTS, "inputs", "KIND", CLI_RUNS,                                                \
      "what inputs are drawn from: normal (default), uniform (of the same spread); measure: or zeros") \
    X(ROUTE, "route", "KIND", CLI_ON(MEASURE) | CLI_ON(CHECK),                           \
      "kernels of context attention and mla: auto (default), own or cudnn")              \
    X(STOP, "stop", "RULE", CLI_ON(MEASURE), "stop sampling by noise (default), time or entropy") \
    X(NOISE, "noise", "PCT", CLI_ON(MEASURE) | CLI_ON(COMPARE),                          \
      "relative error of the median to reach (default 0.5); compare: where none is stored (default 1)") \
    X(DRIFT, "drift", "PCT", CLI_ON(MEASURE),                                              \
      "change below which the spread (default 10) or the entropy (5) has settled; 0: never") \
    X(MAX_TIME, "max-time", "S", CLI_ON(MEASURE), "seconds of samples a point at most (default 0.1)") \
    X(MIN_SAMPLES, "min-samples", "N", CLI_ON(MEASURE), "samples a point at least (default 10; CPU 5)") \
    X(KERNELS, "kernels", "", CLI_ON(MEASURE) | CLI_ON(EXPORT),                           \
      "measure: profile the kernels of each point, after the timing; export: write them")  \
    X(SHARD, "shard", "I/N", CLI_ON(MEASURE), "measure the I-th of N equal parts of the plan") \
    X(RETRY, "retry-failed", "", CLI_ON(MEASURE),                                         \
      "try points again that the store says failed")                                      \
    X(LIMIT, "point-limit", "S", CLI_ON(MEASURE),                                         \
      "seconds after which a point counts as hung (default 120)")                         \
    X(MAX_FAILURES, "max-failures", "N", CLI_ON(MEASURE),                                 \
      "stop after N failed points in a row (default 5)")                                  \
    X(SET, "set", "AXIS=V", CLI_ON(EVAL) | CLI_ON(EXPLAIN) | CLI_ON(MEASURE),            \
      "value of an axis; may be repeated; measure: the only point")                      \
    X(AGAINST, "against", "AXIS=V,..", CLI_ON(EXPLAIN),                                  \
      "a second point: what changes from --set to it")                                   \
    X(SWEEP, "sweep", "AXIS", CLI_ON(EXPLAIN),                                           \
      "treat an optional axis, such as prefix, like the others")                         \
    X(LAYER, "layer", "", CLI_ON(EXPLAIN),                                               \
      "the mock layer in place of the op: parameters, dtypes, routes, reference")        \
    X(FORMAT, "format", "KIND",                                                          \
      CLI_ON(EXPORT) | CLI_ON(EXPLAIN) | CLI_ON(EVAL) | CLI_ON(LINT) | CLI_ON(CHECK) | CLI_ON(COMPARE) |  \
          CLI_ON(VALIDATE) | CLI_ON(DESIGN) | CLI_ON(PLOT),                                             \
      "plot: svg, png, pdf, dumb; export: csv, parquet; explain: text, markdown, latex, json; eval: text, csv, json; lint, validate: text, json, sarif, junit; check, compare: text, json, junit; design: text, json, csv, yaml") \
    X(CEILING, "ceiling", "KIND", CLI_ON(DECIDE) | CLI_ON(EVAL) | CLI_ON(EXPLAIN),       \
      "architectural (default, sound), datasheet, observed or measured")                 \
    X(SM_CLOCK, "sm-clock", "MHZ", CLI_ON(DECIDE) | CLI_ON(EVAL) | CLI_ON(EXPLAIN),      \
      "SM clock of --ceiling observed")                                                  \
    X(MEM_CLOCK, "mem-clock", "MHZ", CLI_ON(DECIDE) | CLI_ON(EVAL) | CLI_ON(EXPLAIN),    \
      "memory clock of --ceiling observed")                                              \
    X(TOLERANCE, "tolerance", "PCT", CLI_ON(DECIDE) | CLI_ON(FIT),                                     \
      "relative error accepted for fewer axes (default 5%)")                             \
    X(THRESHOLD, "threshold", "PCT", CLI_ON(COMPARE),                                    \
      "change that counts as a regression (default 5)")                                  \
    X(STRICT, "strict", "", CLI_ON(COMPARE) | CLI_ON(VALIDATE),                          \
      "fail on points that are ambiguous or missing in B, too; validate: on warnings")     \
    X(DISABLE, "disable", "SC1234", CLI_ON(VALIDATE),                                    \
      "do not report a code; may be repeated, or a list with commas")                    \
    X(BASELINE, "baseline", "FILE", CLI_ON(VALIDATE), "do not report findings that it lists") \
    X(WRITE_BASELINE, "write-baseline", "FILE", CLI_ON(VALIDATE),                        \
      "write the warnings and errors found to a baseline")                               \
    X(LIST_ALL, "all", "", CLI_ON(VALIDATE), "list every finding (default: 20 of a code a file)")                          \
    X(SEED, "seed", "N", CLI_RUNS | CLI_ON(COMPARE) | CLI_ON(DESIGN) | CLI_ON(FIT), "seed of random inputs and resampling (default 1)")   \
    X(GRAPH_FAIL, "allow-graph-fail", "", CLI_RUNS,                                      \
      "fall back to eager launches where graph capture fails")                           \
    X(REPRO, "repro", "", CLI_ON(EXPORT), "print the command that repeats each row")     \
    X(OUT, "out", "DIR", CLI_ON(DECIDE) | CLI_ON(PLOT) | CLI_ON(MEASURE) | CLI_ON(EXPORT) | CLI_ON(CALIBRATE) | CLI_ON(DESIGN), \
      "output directory (default solcheck-out/OP; design: none; export: FILE.csv, FILE.parquet or DIR/; calibrate: FILE, default SYSTEM-measured.yaml)")            \
    X(HTML, "html", "FILE", CLI_ON(AUDIT), "also write a page to browse")                \
    X(JOBS, "jobs", "N", CLI_ON(AUDIT), "tables at a time (default: one a processor)")   \
    X(KIND, "kind", "KIND", CLI_ON(PLOT),                                                \
      "latency (default), roofline, share, spread, residuals, error or all")             \
    X(KEEP_SCRIPTS, "keep-scripts", "", CLI_ON(DECIDE) | CLI_ON(PLOT),                   \
      "keep the gnuplot scripts, data inside")                                           \
    X(NO_PLOTS, "no-plots", "", CLI_ON(DECIDE), "do not draw plots")                     \
    X(JSON, "json", "", CLI_ALL | CLI_ON(AUDIT) | CLI_ON(MODEL) | CLI_ON(COMPARE) | CLI_ON(CALIBRATE) | CLI_ON(VALIDATE), "print JSON on standard output") \
    X(QUIET, "quiet", "", CLI_EVERY, "print no summary and no progress; check: failures and one line")                   \
    X(HELP, "help", "", CLI_EVERY, "print help and exit")                                  \
    X(VERSION, "version", "", CLI_EVERY, "print the version and exit")

typedef enum cli_option {
#define X(id, name, value, commands, help) CLI_OPT_##id,
    CLI_OPTION_LIST(X)
#undef X
        CLI_N_OPTIONS
} cli_option;

#define CLI_MAX_VALUES 1024 /* a store a task of a large job array */

typedef struct cli_values { /* of one option, in order; borrowed from argv */
    const char *text[CLI_MAX_VALUES];
    int n;
} cli_values;

typedef struct cli_options {
    cli_command command;
    cli_values given[CLI_N_OPTIONS]; /* flags count their uses */
    cli_values files;                /* arguments that are no options */
} cli_options;

/* Parses argv[1..argc). `--name value` and `--name=value` are the same. Errors: SC_EINVAL
 * SC6000 (unknown, nearest names offered), SC6001 (value missing or not wanted). */
sc_status cli_options_parse(int argc, char **argv, cli_options *out, sc_diag *diag);

bool cli_has(const cli_options *options, cli_option option);
/* The last value given, or fallback. */
const char *cli_value(const cli_options *options, cli_option option, const char *fallback);

/* "set" for CLI_OPT_SET. */
const char *cli_option_name(cli_option option);

/* Splits "K=V" at the first '='. Errors: SC_EINVAL SC6001. */
sc_status cli_split(const char *text, const char *option, char *key, size_t key_B,
                    const char **value, sc_diag *diag);

/* Help: of the whole tool, or of one command. Errors: SC_ENOMEM. */
sc_status cli_help(cli_command command, bool whole, sc_buf *out);

#endif
