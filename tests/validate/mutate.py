#!/usr/bin/env python3
"""Faults, seeded one at a time into correct case files and tables: each has to be found under
its own code, and the originals raise nothing. Then formats, baselines, exit statuses, and that
docs/validate.md lists every code.

mutate.py SOLCHECK SOURCE_TREE; $SC_SHARED_DATA (default ../shared/data beside the tree) may hold
published case files, which must have no errors.
SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE"""
import csv
import io
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

SOLCHECK, TOP = sys.argv[1:3]
WORK = tempfile.mkdtemp(prefix="solcheck-validate.")
passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", what)


def solcheck(*args):
    run = subprocess.run([SOLCHECK, *args], capture_output=True, cwd=WORK)
    return run.returncode, run.stdout.decode("utf-8", "replace"), run.stderr.decode("utf-8", "replace")


def put(name, text):
    path = os.path.join(WORK, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text if isinstance(text, bytes) else text.encode())
    return path


def findings(path, *args):
    status, out, err = solcheck("validate", path, "--json", *args)
    try:
        return status, json.loads(out)["findings"]
    except ValueError:
        check(False, f"validate {path}: status {status}, no JSON: {err}")
        return status, []


def once(path, *args):
    """No finding comes twice, word by word."""
    found = [(f["code"], f["line"], f["column"], f["message"]) for f in findings(path, *args)[1]]
    check(len(set(found)) == len(found), f"{path}: {[f for f in found if found.count(f) > 1][:2]}")


def clean(path, *args):
    status, found = findings(path, "--strict", *args)
    loud = [f for f in found if f["severity"] != "note"]
    check(status == 0 and not loud, f"{path} {args}: status {status}, {loud[:3]}")


def cases_of(path):
    """What validate says of the number of cases."""
    status, out, err = solcheck("validate", path, "--json")
    return json.loads(out)["cases"]


seeded = set()


def fault(code, name, text, *args, severity=None, position=True, says="", hint=""):
    """The file must have a finding of the code that says so, and fail unless notes were expected."""
    seeded.add(code)
    path = put(name, text)
    status, found = findings(path, "--strict", *args)
    mine = [f for f in found if f["code"] == code]
    check(mine, f"{code} {name} {args}: not found; found {sorted({f['code'] for f in found})}")
    if not mine:
        return
    check(says in mine[0]["message"] and hint in mine[0]["hint"], f"{code} {name}: {mine[0]}")
    if severity:
        check(mine[0]["severity"] == severity, f"{code} {name}: {mine[0]['severity']}")
    wanted = 0 if mine[0]["severity"] == "note" else 3 if mine[0]["code"] < "SC2011" and len(
        found) == 1 and status == 3 else 1
    check(status == wanted or mine[0]["severity"] == "note",
          f"{code} {name}: exit status {status}, not {wanted}")
    check(not position or mine[0]["line"] > 0, f"{code} {name}: no position")


def swap(text, old, new, count=1):
    check(old in text, f"the mutation finds nothing to change: {old!r}")
    return text.replace(old, new, count)


def numbers(key, text):
    """The list under a key, as written."""
    return re.search(rf"^    {key}:.*\n((?:    - .*\n)+)", text, re.M).group(0)


def with_list(text, key, values):
    return swap(text, numbers(key, text),
                f"    {key}:\n" + "".join(f"    - {v}\n" for v in values) if values else f"    {key}: []\n")


# ---- case files that solcheck writes ----

cases = {}
for op in "mla", "gemm", "attention", "moe", "mla_bmm":
    out = os.path.join(WORK, op)
    status, _, err = solcheck("--op", op, "--no-plots", "--quiet", "--out", out)
    check(status == 0, f"--op {op}: {err}")
    clean(os.path.join(out, "cases.yaml"))
    cases[op] = open(os.path.join(out, "cases.yaml")).read()

mla, gemm = cases["mla"], cases["gemm"]
put("copy/cases.yaml", mla)
clean("copy/cases.yaml")  # by proof alone: no axis-decision.json beside it

fault("SC1003", "m/yaml.yaml", swap(mla, "op: mla", "op: [mla"))
fault("SC1004", "m/twice.yaml", swap(mla, "op: mla\n", "op: mla\nop: mla\n"))
fault("SC1005", "m/deep.yaml", swap(mla, "schema_version", "model_ops: " + "[" * 300 + "]" * 300 + "\nschema_version"))
fault("SC1006", "m/latin.yaml", mla.encode().replace(b"description: '", b"description: '\xe9\xff"))
fault("SC2100", "m/version.yaml", swap(mla, "schema_version: 1", "schema_version: 7"))
fault("SC2101", "m/key.yaml", swap(mla, "context_fixed_axes", "contxt_fixed_axes"))
fault("SC2102", "m/noop.yaml", swap(mla, "op: mla\n", ""))
fault("SC2102", "m/nolist.yaml", swap(mla, numbers("context_batch_sizes", mla), ""))
fault("SC2103", "m/word.yaml", swap(mla, "    - 64\n", "    - many\n"))
fault("SC2104", "m/op.yaml", swap(mla, "op: mla", "op: mlaa"))
fault("SC2104", "m/entry.yaml", swap(mla, "common_case_values:\n", "common_case_values:\n  gemm: {token_counts: [1]}\n"))
fault("SC2104", "m/other.yaml", mla, "--op", "gemm")
fault("SC2103", "m/octal.yaml", swap(mla, "    - 64\n", "    - 0100\n"), says="octal")
fault("SC2105", "m/half.yaml", swap(mla, "    - 64\n", "    - 64.5\n"))
fault("SC2106", "m/zero.yaml", swap(mla, "    - 1\n", "    - 0\n"))
fault("SC2107", "m/order.yaml", swap(mla, "    - 64\n    - 128\n", "    - 128\n    - 64\n"))
fault("SC2108", "m/double.yaml", swap(mla, "    - 64\n", "    - 64\n    - 64\n"))
fault("SC2109", "m/empty.yaml", with_list(mla, "context_batch_sizes", []))
x_only = swap(swap(mla, numbers("context_sequence_lengths", mla), ""), "context_batch_sizes", "context_token_counts")
fault("SC2110", "m/tokens.yaml", x_only)
no_generation = swap(swap(mla, numbers("generation_batch_sizes", mla), ""),
                     numbers("generation_target_sequence_lengths", mla), "")
fault("SC2111", "m/phase.yaml", no_generation)
fault("SC2112", "m/input.yaml", swap(mla, "target_sequence_length - 1", "target_sequence_length"))
fault("SC2113", "m/noinput.yaml", re.sub(r".*input_length ==.*\n", "", mla))
fault("SC2114", "m/guard.yaml", swap(mla, "max_context_tokens: 65536", "max_context_tokens: 262144"))
fault("SC2115", "m/range.yaml", swap(mla, "    - 32768\n", "    - 32768\n    - 49153\n"))
fault("SC2116", "m/none.yaml", swap(mla, "    constraints:\n", "    constraints:\n    - 'context: batch_size > 300'\n"))
fault("SC2117", "m/axes.yaml", swap(
    swap(gemm, numbers("context_token_counts", gemm), "    context_batch_sizes: [1, 2, 4, 8]\n"
         "    context_sequence_lengths: [16, 32, 64, 128, 256, 512, 1024, 2048]\n"),
    "    - 'context: token_count <= max_context_tokens'\n", ""))
whole = re.sub(r"    local_num_heads:.*\n(?:    - .*\n)+", "    num_heads: [128]\n", mla)
put("m/whole.yaml", whole)
clean("m/whole.yaml")
fault("SC2118", "m/tp.yaml", with_list(whole, "tensor_parallel_sizes", [1, 3]))
fault("SC2119", "m/local.yaml", swap(whole, "num_heads: [128]", "num_heads: [64, 128]"))
fault("SC2120", "m/dtype.yaml", swap(mla, "kv: fp8}", "kv: fp9}"))
by_name = re.sub(r"\n      min_sm: .*\n      dtypes: .*|\n      dtypes: .*", "", mla)
put("m/by_name.yaml", by_name)
clean("m/by_name.yaml")  # names alone mean the op file's modes
check(cases_of("m/by_name.yaml") == cases_of("mla/cases.yaml"), "modes by name are those in full")
fault("SC2120", "m/mode.yaml", swap(by_name, "name: fp8_kv_cache", "name: fp8_kv_cash"))
fault("SC2121", "m/slot.yaml", swap(mla, "kv: fp8}", "kv: int8}"))
fault("SC2108", "m/modes.yaml", swap(mla, "attn: bf16, kv: fp8}", "attn: bf16, kv: bf16}"))
fault("SC2133", "m/modeslot.yaml", swap(mla, "kv: fp8}", "kw: fp8}"))
fault("SC2133", "m/modeparam.yaml", swap(gemm, "act_group: 128", "act_grup: 128"))
fault("SC2103", "m/modeword.yaml", re.sub(r"quantization_modes:\n(?:    - .*\n|      .*\n)+", "quantization_modes: fp8\n", mla))
fault("SC2103", "m/modelist.yaml", re.sub(r"parameters: \{act_group.*", "parameters: 128", gemm))
fault("SC2103", "m/modevalue.yaml", swap(gemm, "act_group: 128", "act_group: -1"))
fault("SC2122", "m/target.yaml", mla.replace("      min_sm: 89\n", ""), "--system", "a100_sxm")
fault("SC2123", "m/minsm.yaml", swap(mla, "min_sm: 89", "min_sm: 80"))
fault("SC2124", "m/memory.yaml", swap(mla, "kv_lora_rank: 512", "kv_lora_rank: 4096"))
fault("SC2125", "m/index.yaml", re.sub(r".*index_bits: 64.*\n", "", mla))
fault("SC2126", "m/regime.yaml", with_list(mla, "context_sequence_lengths", [1, 2, 4, 8, 16]))
fault("SC2127", "m/iso.yaml", with_list(mla, "context_batch_sizes", [3]))
fault("SC2128", "m/keys.yaml", swap(mla, "kv_lora_rank: 512", "kv_lora_rank: [256, 512]"))
fault("SC2130", "m/syntax.yaml", swap(mla, "batch_size * sequence_length", "batch_size * * sequence_length"))
fault("SC2130", "m/and.yaml", swap(mla, "<= max_context_tokens", "<= max_context_tokens and batch_size < 9"),
      hint="one comparison")
fault("SC2130", "m/prefill.yaml", swap(mla, "'context: batch", "'prefill: batch"), hint="'context:'")
fault("SC2131", "m/nolimit.yaml", swap(mla, "    max_context_tokens: 65536\n", ""), severity="warning",
      hint="add a key max_context_tokens")
fault("SC1003", "m/merge.yaml", swap(mla, "  mla:\n", "  mla:\n    <<: {index_bits: 64}\n"), hint="write the keys out")
fault("SC1003", "m/documents.yaml", mla + "---\n" + mla, hint="a file for each")
fault("SC2131", "m/typo.yaml", swap(mla, "context: batch_size *", "context: batch_sise *"), severity="warning")
fault("SC2132", "m/shards.yaml", re.sub(r"(local_num_heads:.*\n    - 128\n    - )64", r"\g<1>60", mla))
once("m/shards.yaml")
once("m/tp.yaml")
fault("SC2133", "m/param.yaml", swap(mla, "kv_lora_rank: 512", "kv_lora_rnak: 512"))
fault("SC2133", "m/axis.yaml", swap(mla, "      prefix: 0", "      prefixx: 0"))
fault("SC2136", "m/limit.yaml", swap(mla, "max_context_tokens: 65536", "max_context_tokens: plenty"))

endless = list(range(1, 3001))
fault("SC2138", "m/endless.yaml", swap(swap(mla, numbers("context_batch_sizes", mla), f"    context_batch_sizes: {endless}\n"),
                                       numbers("context_sequence_lengths", mla),
                                       f"    context_sequence_lengths: {endless}\n"), severity="error")

# ---- a case file with frameworks and profiles, in the reference ecosystem's layout ----

layers = """schema_version: 1
op: gemm
all_frameworks_op_cases:
  gemm:
    cases:
    - id: wide
      token_counts: [1, 3, 17, 95, 384, 385, 1021, 4096]
      feature_sizes: [96, 1536]
      output_feature_sizes: [96, 5120]
      skip_shapes:
      - {input_features: 1536, output_features: 5120, reason: awkward}
    - id: tall
      token_counts: [1, 3, 17, 95, 384, 385, 1021, 4096]
      feature_sizes: [224, 7168]
framework_specific_op_cases:
  some_engine:
    gemm:
      cases:
      - id: tall
        gemm_types: [bfloat16, fp8]
"""
put("l/cases.yaml", layers)
clean("l/cases.yaml")
fault("SC2129", "l/ids.yaml", swap(layers, "id: tall", "id: wide"))
fault("SC2134", "l/over.yaml", swap(layers, "      - id: tall\n        gemm", "      - id: tell\n        gemm"))
fault("SC2135", "l/skip.yaml", swap(layers, "input_features: 1536", "input_features: 1537"))
fault("SC2128", "l/clash.yaml", swap(layers, "feature_sizes: [224, 7168]", "feature_sizes: [96, 7168]"))
fault("SC2103", "l/list.yaml", swap(layers, "    cases:\n    - id: wide", "    cases: some\n    more:\n    - id: wide"))
fault("SC2138", "l/many.yaml", swap(layers, "feature_sizes: [224, 7168]",
                                    f"feature_sizes: {list(range(64, 64 + 151 * 8, 8))}"), severity="note")

fault("SC2139", "m/law.yaml", swap(cases["moe"], "    parameters:\n", "    token_expert_distributions:\n"
      "    - {name: power_law, power_law_alpha: 1.01}\n    - {name: balanced, power_law_alpha: 0.0}\n"
      "    parameters:\n"), severity="note")

# ---- tables ----

recordings = os.path.join(TOP, "data/recordings/h100_sxm")
for name in sorted(os.listdir(recordings)):
    if name.endswith(".csv"):
        clean(os.path.join(recordings, name))


def table(rows, drop=()):
    text = io.StringIO()
    keys = [k for k in rows[0] if k not in drop]
    out = csv.DictWriter(text, keys, extrasaction="ignore", lineterminator="\n")
    out.writeheader()
    out.writerows(rows)
    return text.getvalue()


STATISTICS = ("latency_mean", "latency_min", "latency_max", "latency_mad", "samples")


def measured(point):
    """A row as `measure` writes it, at 2.9 times its bound, launch and jitter on top."""
    b, s = int(point["b"]), int(point["s"])
    ms = 0.0041 + 2.9 * float(point["sol_ms"]) * (1 + 0.0131 * ((7 * b + s // 16) % 5 - 2))
    return {k: str(v) for k, v in dict(
        framework="solcheck", version="0.1.0", device="NVIDIA H100 80GB HBM3", op_name="mla",
        kernel_source="flash", num_heads=128, kv_lora_rank=512, qk_nope_head_dim=128, qk_rope_head_dim=64,
        v_head_dim=128, attn_dtype="bf16", kv_dtype="bf16", phase="context", batch_size=b, isl=s, step=0,
        tp_size=1, latency=ms, latency_mean=ms * 1.001, latency_min=ms * 0.991, latency_max=ms * 1.017,
        latency_mad=ms * 0.0023, samples=11, batch=162, launch="graph", cache="cold", sm_clock_mhz=1980,
        mem_clock_mhz=2619, throttle=0, power=412.7, power_limit=700).items()}


status, out, err = solcheck("eval", "--op", "mla", "--phase", "context", "--grid", "b=1:256*2,3:192*2", "--grid",
                            "s=64:32768*2,96:24576*2", "--format", "csv")
check(status == 0, f"eval: {err}")
base = [measured(point) for point in csv.DictReader(io.StringIO(out))]


def find(b, s):
    return next(i for i, r in enumerate(base) if (r["batch_size"], r["isl"]) == (str(b), str(s)))


def edit(row, **change):
    rows = [dict(r) for r in base]
    rows[row].update({k: str(v) for k, v in change.items()})
    return rows


def scaled(factor, rows=None):
    return [dict(r, latency=repr(float(r["latency"]) * factor)) for r in rows or base]


def one(b, s, factor):
    i = find(b, s)
    return table(edit(i, latency=float(base[i]["latency"]) * factor), STATISTICS)


# The reference collector's columns for the same points.
published = [dict(framework="TRTLLM", version="1", device=r["device"], op_name="mla_context", kernel_source="default",
                  mla_dtype="bfloat16", kv_cache_dtype="bfloat16", num_heads=r["num_heads"], batch_size=r["batch_size"],
                  isl=r["isl"], tp_size=r["tp_size"], step=r["step"], latency=r["latency"]) for r in base]

b_all = sorted({int(r["batch_size"]) for r in base})
s_all = sorted({int(r["isl"]) for r in base})
plan = f"""schema_version: 1
op: mla
common_case_values:
  mla:
    context_batch_sizes: {b_all}
    context_sequence_lengths: {s_all}
    generation_batch_sizes: [1, 2, 4, 8, 16]
    generation_target_sequence_lengths: [512, 1024, 2048, 4096]
    max_context_tokens: 65536
    constraints:
    - 'generation: input_length == target_sequence_length - 1'
    dtypes: {{attn: [bf16], kv: [bf16]}}
"""
put("t/plan.yaml", plan)
clean("t/plan.yaml")
put("t/mla_context.csv", table(base))
clean("t/mla_context.csv")
clean("t/mla_context.csv", "--cases", "t/plan.yaml")
clean(put("t/context_mla_perf.csv", table(published)))
mid = find(4, 2048)

fault("SC2000", "t/ragged.csv", table(base) + "1,2,3\n")
fault("SC2000", "t/cut.csv", table(base)[:-40])
fault("SC2000", "t/semicolons.csv", table(base).replace(",", ";"))
fault("SC2000", "t/tabs.csv", table(base).replace(",", "\t"))
fault("SC2000", "t/blanks.csv", table(base).replace(",", ", "))
fault("SC2000", "t/comment.csv", "# by hand\n" + table(base))
fault("SC1006", "t/latin.csv", table(edit(mid, kernel_source="fl\u00e4sh")).encode("latin-1"))
fault("SC2001", "t/mla_column.csv", table(base, ("isl",)))
fault("SC2002", "t/mla_word.csv", table(edit(mid, latency="fast")))
fault("SC2002", "t/mla_key.csv", table(edit(mid, num_heads="all")))
fault("SC2003", "t/mla_minus.csv", table(edit(mid, latency="-0.125")))
fault("SC2003", "t/mla_nan.csv", table(edit(mid, latency="nan")))
fault("SC2004", "t/mla_out.csv", table([dict(r, isl="99999") for r in base]))
fault("SC2005", "t/mla_phase.csv", table(edit(mid, phase="contxt")))
fault("SC2007", "t/mla_range.csv", table(edit(mid, isl="65536")))
fault("SC1107", "t/mla_dtype.csv", table(edit(mid, attn_dtype="int8")))
fault("SC2200", "t/mla_name.csv", swap(table(base), "kernel_source", "kernel_sauce"))
fault("SC2201", "t/mla_little.csv", table(edit(mid, latency="0.00001"), STATISTICS))
fault("SC2202", "t/mla_twins.csv", table(base + [dict(base[mid], latency=repr(float(base[mid]["latency"]) * 1.07))],
                                         STATISTICS))
fault("SC2203", "t/mla_again.csv", table(base + [base[mid]]))
fault("SC2204", "t/mla_extra.csv", table(base), "--cases", put("t/less.yaml", swap(plan, str(s_all), str(s_all[:-1]))))
fault("SC2205", "t/mla_memory.csv", table(base), "--cases",
      put("t/huge.yaml", plan + "    parameters: {qk_nope_head_dim: 65536}\n"), severity="note", position=False)
fault("SC2206", "t/mla_able.csv", table(base), "--system", "a100_sxm", "--cases",
      put("t/fp8.yaml", swap(plan, "attn: [bf16]", "attn: [bf16, {name: fp8, min_sm: 89}]")), severity="note",
      position=False)
fault("SC2208", "t/mla_hole.csv", table(base[:mid] + base[mid + 1:]), "--cases", "t/plan.yaml", position=False)
fault("SC2209", "t/mla_falls.csv", one(256, 256, 1 / 4.7))
fault("SC2210", "t/mla_spike.csv", one(4, 2048, 7.3))
fault("SC2211", "t/mla_stuck.csv", table([dict(r, latency="0.0531") for r in base], STATISTICS))
fault("SC2212", "t/mla_steps.csv", table([dict(r, latency=repr(0.037 * (1 + int(float(r["latency"]) / 0.037))))
                                          for r in base], STATISTICS))
fault("SC2213", "t/mla_us.csv", table(scaled(1e3), STATISTICS))
fault("SC2213", "t/mla_s.csv", table(scaled(1e-3), STATISTICS))
fault("SC2214", "t/mla_row_us.csv", one(4, 2048, 1e3))
fault("SC2214", "t/mla_row_s.csv", one(4, 2048, 1e-3))
fault("SC2215", "t/mla_device.csv", table(edit(mid, device="NVIDIA A100-SXM4-80GB")))
fault("SC2216", "t/mla_version.csv", table(edit(mid, version="0.0.7")))
fault("SC2216", "t/mla_framework.csv", table(edit(mid, framework="other")))
fault("SC2217", "t/mla_fast.csv", table(edit(find(1, 32768), latency=float(base[find(1, 32768)]["latency"]) / 11),
                                        STATISTICS))
fault("SC2219", "t/mla_slow.csv", table(scaled(23), STATISTICS))
fault("SC2220", "t/mla_spread.csv", table(edit(mid, latency_min=float(base[mid]["latency"]) * 1.01)))
fault("SC2220", "t/mla_samples.csv", table(edit(mid, samples="0")))
fault("SC2221", "t/mla_system.csv", table(base), "--system", "l40s")
fault("SC2222", "t/unknown.csv", table([dict(r, op_name="mystery") for r in base]))
fault("SC2223", "t/mla_half.csv", table(edit(mid, batch_size="1.5")))
fault("SC2007", "t/mla_swap.csv", table([dict(r, batch_size=r["isl"], isl=r["batch_size"]) for r in base]),
      hint="b and s exchanged")
fault("SC2007", "t/mla_nobody.csv", table(edit(mid, num_heads="0")), says="num_heads = 0")
fault("SC2007", "t/mla_notp.csv", table(edit(mid, tp_size="0")), says="tp = 0")
fault("SC1107", "t/mla_label.csv", table(edit(mid, kv_dtype="bfloat61")), says="kv_dtype 'bfloat61'")
fault("SC2002", "t/mla_unit.csv", table(edit(mid, latency="0.125 ms")), hint="without a unit")
fault("SC2002", "t/mla_comma.csv", table(edit(mid, latency="1,250.5")), hint="separators")
fault("SC2001", "t/mla_microseconds.csv", swap(table(base, STATISTICS), "latency", "latency_us"), hint="in milliseconds")
fault("SC2004", "t/mla_head.csv", table(base).splitlines(True)[0], says="no rows")
fault("SC2222", "t/mla_verify.csv", table(edit(mid, op_name="mla_verify", phase="verify") + base), says="1 of")
for column, value in (("sm_clock_mhz", "1.98"), ("mem_clock_mhz", "2619000000"), ("power", "412700"), ("power_limit", "-1"),
                      ("scope", "opp"), ("inputs", "gauss"), ("launch", "grph")):
    fault("SC2224", f"t/mla_{column}.csv", table([dict(r, **{column: value}) for r in base]), says=column)
fault("SC2225", "t/mla_hot.csv", table(edit(mid, throttle="64")), says="1 of")
fault("SC2225", "t/mla_clock.csv", table(edit(mid, sm_clock_mhz="990")), says="990 MHz")
fault("SC2226", "t/context_mla_perf.csv", table([dict(r, op_name="gemm") for r in published]), says="gemm")
fault("SC2226", "t/mla_tokens.csv", table([dict(r, phase="generation") for r in base]), says="isl = ")
# Two configurations: half of the heads take 0.57 of the time.
half = [dict(r, num_heads="64", latency=repr(0.57 * float(r["latency"]) + 0.0017)) for r in base]
put("t/mla_heads.csv", table(base + half, STATISTICS))
clean("t/mla_heads.csv")
fault("SC2213", "t/mla_half_us.csv", table(base + scaled(1e3, half), STATISTICS), says="num_heads=64")
fault("SC2213", "t/mla_half_s.csv", table(base + scaled(1e-3, half), STATISTICS), says="num_heads=64")
fault("SC2227", "t/mla_copied.csv", table(base + [dict(r, num_heads="64") for r in base], STATISTICS),
      says="digit by digit")
fault("SC2010", "t/broken.db", b"SQLite format 3\0" + b"\x01" * 400, position=False)

# ---- record stores: our own measurement, its export, and a failure that explains a hole ----

status, _, err = solcheck("measure", "--op", "mla", "--device", "cpu", "--phase", "context", "--param", "num_heads=3",
                          "--grid", "small", "--store", "own.db", "--max-time", "0.01", "--min-samples", "3",
                          "--out", "own.csv", "--quiet")
check(status == 0, f"measure: {err}")
QUIET = "SC2209,SC2210,SC2202"  # a busy CPU is slow when it likes
clean("own.db", "--disable", QUIET)
status, _, err = solcheck("export", "own.db", "--out", "own_mla_context.csv", "--quiet")
check(status == 0, f"export: {err}")
clean("own_mla_context.csv", "--disable", QUIET)
with open(os.path.join(WORK, "own_mla_context.csv"), newline="") as file:
    own = list(csv.DictReader(file))
lost = own[len(own) // 2]
store = sqlite3.connect(os.path.join(WORK, "own.db"))
store.execute("UPDATE points SET state = 'failed' WHERE b = ? AND s = ?",
              (float(lost["batch_size"]), float(lost["isl"])))
store.commit()
store.close()
own_plan = put("own.yaml", f"""schema_version: 1
op: mla
common_case_values:
  mla:
    context_batch_sizes: {sorted({int(r['batch_size']) for r in own})}
    context_sequence_lengths: {sorted({int(r['isl']) for r in own})}
    max_context_tokens: {max(int(r['isl']) * int(r['batch_size']) for r in own)}
    num_heads: [3]
    dtypes: {{attn: [{lost['attn_dtype']}], kv: [{lost['kv_dtype']}]}}
""")
fault("SC2207", "t/mla_context_failed.csv", table([r for r in own if r is not lost]), "--cases", own_plan, "--store",
      "own.db", "--disable", QUIET, severity="note", position=False)

# ---- what `measure` writes for every op that has a layer: its columns are known, and all are there ----

NOISE = QUIET + ",SC2201,SC2211,SC2212,SC2213,SC2214"  # what latencies of tiny cases on a busy CPU say
ops = os.path.join(TOP, "sol/ops")
for op in sorted(os.listdir(ops)):
    text = open(os.path.join(ops, op)).read()
    op, layer = op[:-len(".yaml")], re.search(r"^layer: ", text, re.M)
    if not layer:
        continue
    wide = re.findall(r"^  (\w+): +\{default: (?:[5-9]\d|\d{3,}),", text[:text.index("\nphases:")], re.M)
    grid = put(f"w/{op}.yaml", f"schema_version: 1\nop: {op}\ncommon_case_values:\n  {op}:\n"
               "    batch_sizes: [1, 2, 3]\n    sequence_lengths: [5, 17, 70]\n")
    status, _, err = solcheck("measure", "--op", op, "--device", "cpu", "--cases", grid, "--max-time", "0.001",
                              "--min-samples", "3", "--out", f"w/{op}", "--quiet",
                              *(arg for name in wide for arg in ("--param", f"{name}=48")))
    check(status == 0, f"measure --op {op}: {err}")
    for phase in "context", "generation":
        if re.search(rf"^  {phase}:", text, re.M):
            clean(f"w/{op}/{op}_{phase}.csv", "--disable", NOISE)

# ---- Parquet ----

try:
    import pyarrow.csv
    import pyarrow.parquet
    parquet = os.path.exists(os.path.join(os.path.dirname(SOLCHECK), "solcheck_parquet.so"))
except ImportError:
    parquet = False
if parquet:
    for name in "mla_context", "mla_twins", "mla_row_us":
        pyarrow.parquet.write_table(pyarrow.csv.read_csv(os.path.join(WORK, f"t/{name}.csv")),
                                    os.path.join(WORK, f"{name}.parquet"))
    clean("mla_context.parquet")
    clean("mla_context.parquet", "--cases", "t/plan.yaml")
    for name, code in ("mla_twins", "SC2202"), ("mla_row_us", "SC2214"):
        check(code in {f["code"] for f in findings(f"{name}.parquet")[1]}, f"{code} in Parquet")
else:
    print("Parquet left out: no pyarrow, or no Parquet module")

# ---- formats ----

# A name that is no UTF-8 is no JSON: it has to come out all the same.
status, found = findings(os.fsdecode(put(os.fsdecode(b"t/mla_\xe9.csv"), table(edit(mid, latency="1e-320")))))
check(status == 1 and found and all("mla_?.csv" in f["file"] for f in found), f"a name in Latin-1: {found[:1]}")
status, out, err = solcheck("audit", os.fsdecode(b"t/mla_\xe9.csv"), "--json")
check(status == 1 and json.loads(out)["tables"], f"audit of a latency next to nothing: {status} {err}")

two = [os.path.join(WORK, "m/limit.yaml"), os.path.join(WORK, "t/mla_minus.csv")]
status, out, err = solcheck("validate", *two, "t/mla_context.csv", "--format", "sarif")
sarif = json.loads(out)
check(status == 1, f"sarif: status {status}")
# Required properties of SARIF 2.1.0: sections 3.13, 3.14, 3.18, 3.19, 3.27, 3.11, 3.49.
check(sarif["version"] == "2.1.0" and isinstance(sarif["runs"], list), "sarifLog")
run = sarif["runs"][0]
rules = run["tool"]["driver"]["rules"]
check(run["tool"]["driver"]["name"], "toolComponent.name")
check(len({r["id"] for r in rules}) == len(rules) > 1, "reportingDescriptor.id is unique")
check(len(run["results"]) >= 2, "results")
for result in run["results"]:
    check(isinstance(result["message"].get("text"), str) and result["message"]["text"], "message.text")
    check(result["level"] in ("none", "note", "warning", "error"), "result.level")
    check(rules[result["ruleIndex"]]["id"] == result["ruleId"], "result.ruleIndex")
    for location in result["locations"]:
        where = location["physicalLocation"]
        check(where["artifactLocation"]["uri"], "artifactLocation.uri")
        region = where["region"]
        check(region["startLine"] >= 1 and region["startColumn"] >= 1, "region starts at 1")
        check(region["endColumn"] > region["startColumn"], "region is not empty")

status, out, err = solcheck("validate", *two, "t/mla_context.csv", "--format", "junit", "--disable", "SC2137")
suite = xml.etree.ElementTree.fromstring(out)
check(suite.tag == "testsuite" and int(suite.get("tests")) == len(suite.findall("testcase")), "JUnit tests")
check(int(suite.get("failures")) == len(suite.findall("testcase/failure")) == 2, "JUnit failures")

status, out, err = solcheck("validate", two[0])
check(re.search(r"m/limit\.yaml:\d+:\d+: error: .* \[SC2136\]\n.*\n +\^~*\n +hint: ", out), f"text: {out}")
check(re.search(r"\n1 file: 1 error, \d+ warnings\n$", out), f"sum: {out}")

# ---- exit statuses, switches, baselines ----

check(solcheck("validate")[0] == 2, "no file is usage")
check(solcheck("validate", "nowhere.csv")[0] == 2, "a path that does not exist")
check(solcheck("validate", "t/mla_context.csv", "--disable", "SC0815")[0] == 2, "--disable of no code")
check(solcheck("validate", "m/yaml.yaml")[0] == 3, "malformed alone is 3")
check(solcheck("validate", "m/yaml.yaml", "m/limit.yaml")[0] == 1, "an error stands above it")
check(solcheck("validate", "m/range.yaml")[0] == 0, "warnings are allowed")
check(solcheck("validate", "m/range.yaml", "--strict")[0] == 1, "with --strict they are not")
check(solcheck("validate", "m/range.yaml", "--strict", "--disable", "SC2137,SC2115")[0] == 0, "--disable")

os.mkdir(os.path.join(WORK, "db"))
put("db/mla_context_perf.csv", open(os.path.join(WORK, "t/mla_twins.csv")).read())
check(solcheck("validate", "db", "--write-baseline", "known.txt")[0] == 0, "--write-baseline")
check(solcheck("validate", "db", "--strict")[0] == 1, "known findings without the baseline")
status, out, err = solcheck("validate", "db", "--strict", "--baseline", "known.txt")
check(status == 0 and "in the baseline" in out, f"baseline: {status} {out} {err}")
rows = open(os.path.join(WORK, "db/mla_context_perf.csv")).read().splitlines(True)
put("db/mla_context_perf.csv", "".join(rows[:1] + rows[-1:] + rows[1:-1] + rows[5:6]))  # moved; one more
status, found = findings("db", "--strict", "--baseline", "known.txt")
check(status == 1 and {f["code"] for f in found if f["severity"] != "note"} == {"SC2203"},
      f"a new finding is told: {status} {found}")
put("bad.txt", "SC2107 what\n")
check(solcheck("validate", "db", "--baseline", "bad.txt")[0] == 3, "malformed baseline")
seeded.add("SC2190")
many = put("t/mla_many.csv", table([dict(r, batch_size="0.5") for r in base]))
check(sum(f["code"] == "SC2223" for f in findings(many)[1]) == 21, "20 findings of a code, and their number")
check(sum(f["code"] == "SC2223" for f in findings(many, "--all")[1]) == len(base), "--all")

# ---- the table of codes ----

codes = set(re.findall(r"X\((2[12]\d\d),", open(os.path.join(TOP, "base/codes.h")).read()))
page = open(os.path.join(TOP, "docs/validate.md")).read()
for code in sorted(codes):
    check(f"SC{code}" in page, f"docs/validate.md lacks SC{code}")
for code in sorted(c for c in codes if c not in ("2137", "2218")):  # sums, not faults
    check(f"SC{code}" in seeded, f"no fault of SC{code} is seeded")
check(len(seeded) >= 40, f"{len(seeded)} kinds of fault")

# ---- published files ----

shared = os.environ.get("SC_SHARED_DATA") or os.path.join(TOP, "../shared/data")
published = os.path.join(shared, "collector_cases")
if os.path.isdir(published):
    for name in sorted(os.listdir(published)):
        status, found = findings(os.path.join(published, name))
        check(status == 0, f"{name}: {[f for f in found if f['severity'] == 'error']}")
    if parquet:
        status, out, err = solcheck("validate", os.path.join(shared, "perf_tables"), "--json")
        check(status in (0, 1) and json.loads(out)["unreadable"] == 0, f"perf_tables: {err}")
else:
    print(f"published case files left out: no {published}")

subprocess.run(["rm", "-rf", WORK], check=True)
print(f"{passed} passed, {failed} failed; {len(seeded)} kinds of fault")
sys.exit(failed > 0)
