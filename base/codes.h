/* solcheck - diagnostic codes: one table feeds the enum, the names and the manual.
 * Ranges: 10xx files, YAML and expressions; 11xx op and system definitions; 12xx analysis;
 * 13xx lint;
 * 20xx tables; 21xx case files; 22xx what rows say; 30xx mock layers, devices and checks;
 * 40xx fits; 50xx reports; 60xx command line.
 * SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE */
#ifndef SC_BASE_CODES_H
#define SC_BASE_CODES_H

#include "base/export.h"

SC_BEGIN_DECLS

#define SC_CODE_LIST(X)                                                                  \
    X(1000, "out of memory")                                                             \
    X(1001, "file cannot be read")                                                       \
    X(1002, "file is too large")                                                         \
    X(1003, "malformed YAML")                                                            \
    X(1004, "YAML key is duplicated")                                                    \
    X(1005, "YAML nests too deeply or expands too far")                                  \
    X(1006, "text is not valid UTF-8 or holds a NUL byte")                               \
    X(1010, "syntax error in an expression")                                             \
    X(1011, "unknown name in an expression")                                             \
    X(1012, "wrong number of arguments")                                                 \
    X(1013, "division by zero")                                                          \
    X(1014, "expression is too deep or too large")                                       \
    X(1015, "exponent is not a small integer")                                           \
    X(1016, "sum() has too many terms or an empty descending range")                     \
    X(1017, "number cannot be represented")                                              \
    X(1100, "no such op")                                                                \
    X(1101, "no such system")                                                            \
    X(1102, "key is missing")                                                            \
    X(1103, "key is not known here")                                                     \
    X(1104, "value has the wrong type")                                                  \
    X(1105, "value is out of range")                                                     \
    X(1106, "name is defined twice")                                                     \
    X(1107, "dtype is not known or not allowed")                                         \
    X(1108, "parameter is not known")                                                    \
    X(1109, "phase is not defined by the op")                                            \
    X(1110, "system lacks a number that the op needs")                                   \
    X(1111, "guards admit no point")                                                     \
    X(1112, "expression has no finite value at a point")                                 \
    X(1113, "point violates a range or a guard")                                         \
    X(1114, "tensor parallelism does not divide a sharded parameter")                    \
    X(1115, "malformed model configuration")                                             \
    X(1116, "the model configuration has no key of the op")                              \
    X(1200, "analysis is not possible")                                                  \
    X(1300, "lint: no term or guard depends on a parameter")                             \
    X(1301, "lint: a bytes term depends on no dtype")                                    \
    X(1302, "lint: a term counts bytes of two dtypes, or of another one than it says")   \
    X(1303, "lint: FLOPs scale with a dtype")                                            \
    X(1304, "lint: a shared cache is counted once a query head")                         \
    X(1305, "lint: weights are counted once a token")                                    \
    X(1306, "lint: the output is not written, or not all of it")                         \
    X(1307, "lint: no term depends on an axis")                                          \
    X(1308, "lint: guards keep an axis off an end of its range")                         \
    X(1309, "lint: the guards admit no point")                                           \
    X(1310, "lint: a source is missing")                                                 \
    X(1311, "lint: SOL latency falls as an axis grows")                                  \
    X(1312, "lint: a phase is missing")                                                  \
    X(1313, "lint: no TP size divides the sharded parameters")                           \
    X(1314, "lint: a sharded parameter is used without dividing it by tp")               \
    X(1315, "lint: a quantisation mode repeats another one, or none has the defaults")   \
    X(1316, "lint: min_sm of a quantisation mode is below what its dtypes need")         \
    X(2000, "malformed table")                                                           \
    X(2001, "column is missing")                                                         \
    X(2002, "value in a table is not a number")                                          \
    X(2003, "latency is not positive and finite")                                        \
    X(2004, "table has no usable row")                                                   \
    X(2005, "table cannot be mapped to the op")                                          \
    X(2006, "table format is not supported by this build")                               \
    X(2007, "rows outside the ranges or guards of the op")                               \
    X(2008, "no recording")                                                              \
    X(2010, "record store cannot be used")                                               \
    X(2020, "file or directory is passed over")                                          \
    X(2100, "cases: schema_version is missing or not supported")                         \
    X(2101, "cases: key is not known here")                                              \
    X(2102, "cases: key is missing")                                                     \
    X(2103, "cases: value has the wrong type")                                           \
    X(2104, "cases: entry is not of the file's op")                                      \
    X(2105, "cases: value is not an integer")                                            \
    X(2106, "cases: value is below what is possible")                                    \
    X(2107, "cases: values are not in order")                                            \
    X(2108, "cases: value is listed twice")                                              \
    X(2109, "cases: list is empty")                                                      \
    X(2110, "cases: axes contradict the decision")                                       \
    X(2111, "cases: a phase is missing")                                                 \
    X(2112, "cases: input length contradicts the length of the KV cache")                \
    X(2113, "cases: relation of input and target length is missing")                     \
    X(2114, "cases: points violate a guard of the op")                                   \
    X(2115, "cases: value is above the op's range")                                      \
    X(2116, "cases: no point is left")                                                   \
    X(2117, "cases: more axes than the decision needs")                                  \
    X(2118, "cases: TP size does not divide a sharded parameter")                        \
    X(2119, "cases: what one GPU runs repeats at another TP size")                       \
    X(2120, "cases: dtype is not known")                                                 \
    X(2121, "cases: dtype is not allowed in a slot")                                     \
    X(2122, "cases: the target cannot run a dtype")                                      \
    X(2123, "cases: the compute capability that a dtype needs is understated")           \
    X(2124, "cases: more memory than the target has")                                    \
    X(2125, "cases: a tensor exceeds 32-bit indices")                                    \
    X(2126, "cases: no point covers a regime")                                           \
    X(2127, "cases: too few iso-token pairs to test the decision")                       \
    X(2128, "cases: persisted keys collide")                                             \
    X(2129, "cases: id is used twice")                                                   \
    X(2130, "cases: constraint is malformed")                                            \
    X(2131, "cases: constraint is not applied")                                          \
    X(2132, "cases: local values do not follow from the TP sizes")                       \
    X(2133, "cases: name of a parameter, axis or slot is not known")                     \
    X(2134, "cases: a framework overrides an id that there is not")                      \
    X(2135, "cases: shape to skip is not swept")                                         \
    X(2136, "cases: limit is not a positive integer")                                    \
    X(2137, "cases: number and estimated GPU time")                                      \
    X(2138, "cases: too many to look at each")                                           \
    X(2139, "case file: an item of a list stands for nothing of the op")                 \
    X(2190, "malformed baseline")                                                        \
    X(2200, "table: column is not known to the op")                                      \
    X(2201, "table: latency is implausible")                                             \
    X(2202, "table: rows of equal keys differ in latency")                               \
    X(2203, "table: row is repeated")                                                    \
    X(2204, "table: row is not in the plan")                                             \
    X(2205, "table: case without a row: too large for the memory")                       \
    X(2206, "table: case without a row: the device cannot run it")                       \
    X(2207, "table: case without a row: it failed")                                      \
    X(2208, "table: case without a row: nothing says why")                               \
    X(2209, "table: latency falls as an axis grows")                                     \
    X(2210, "table: latency has a spike")                                                \
    X(2211, "table: latencies are constant")                                             \
    X(2212, "table: latencies are quantised")                                            \
    X(2213, "table: latencies have another unit")                                        \
    X(2214, "table: latency of a row has another unit")                                  \
    X(2215, "table: several devices in one file")                                        \
    X(2216, "table: several frameworks or versions in one file")                         \
    X(2217, "table: rows are faster than the speed of light")                            \
    X(2218, "table: rows are as fast as L2 allows, and DRAM does not")                   \
    X(2219, "table: large rows are too slow to be true")                                 \
    X(2220, "table: dispersion contradicts the latency")                                 \
    X(2221, "table: device is not the system's")                                         \
    X(2222, "table: no op maps it")                                                      \
    X(2223, "table: value of an axis or parameter is not an integer")                    \
    X(2224, "table: what describes the measurement is implausible")                      \
    X(2225, "table: the clock was slow, or differs between rows")                        \
    X(2226, "table: rows say that they are of another op or phase")                      \
    X(2227, "table: latencies are copies of another configuration's")                    \
    X(3000, "no mock layer of that name")                                                \
    X(3001, "no usable GPU")                                                             \
    X(3002, "CUDA module cannot be loaded")                                              \
    X(3003, "CUDA call failed")                                                          \
    X(3004, "out of device memory")                                                      \
    X(3005, "layer cannot run this case on this device")                                 \
    X(3006, "CUDA graph capture failed")                                                 \
    X(3007, "output is wrong")                                                           \
    X(3008, "KV cache is inconsistent or exhausted")                                     \
    X(3009, "measurement did not reach its stopping criterion")                          \
    X(3010, "op names no mock layer")                                                    \
    X(3011, "worker process crashed")                                                    \
    X(3012, "worker process did not answer in time")                                     \
    X(3013, "cold cache cannot be proved")                                               \
    X(3014, "too many points failed in a row")                                           \
    X(3015, "stopped by a signal")                                                       \
    X(3016, "kernels cannot be profiled")                                                \
    X(3017, "nothing usable was calibrated")                                             \
    X(3018, "latencies are close to the launch floor")                                   \
    X(3019, "inputs are zeros")                                                          \
    X(3020, "sampling stopped before its criterion was met")                             \
    X(4000, "too few points for a fit")                                                  \
    X(4001, "input to a fit is degenerate")                                              \
    X(4002, "fit did not converge")                                                      \
    X(4003, "measurements cannot decide the axes")                                       \
    X(5000, "output directory cannot be written")                                        \
    X(5001, "gnuplot is missing")                                                        \
    X(5003, "nothing to draw")                                                           \
    X(5002, "gnuplot failed")                                                            \
    X(6000, "unknown command or option")                                                 \
    X(6001, "option needs a value or the value is malformed")                            \
    X(6002, "options contradict each other")                                             \
    X(6003, "proof and measurement disagree")                                            \
    X(6004, "decided by proof alone")

typedef enum sc_code {
    SC_CODE_NONE = 0,
#define X(number, text) SC##number = number,
    SC_CODE_LIST(X)
#undef X
} sc_code;

/* "SC1234" for a code, "" for SC_CODE_NONE; static storage. */
const char *sc_code_name(sc_code code);
/* The one-line meaning of a code, as in the manual; "" when unknown. */
const char *sc_code_title(sc_code code);

SC_END_DECLS

#endif
