#!/usr/bin/env python3
# Benchmark of `solcheck audit`: rows a second, processor time a row and peak memory over a
# database of Parquet tables made here, against what decoding alone takes (pyarrow, all
# columns), with one job and with as many as there are processors. On a machine that others
# use, processor time says more than rows a second.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
"""usage: audit.py SOLCHECK [MILLIONS_OF_ROWS]"""
import os
import random
import subprocess
import sys
import tempfile
import time

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    sys.exit("bench/audit.py needs pyarrow to make its tables: skipped")

GROUP = 1 << 17  # rows of a row group


def write(path, columns):
    """A table with the reference ecosystem's columns."""
    n = len(columns["latency"])
    same = {"framework": "bench", "version": "1", "device": "made up", "kernel_source": "none"}
    columns = {k: [v] * n for k, v in same.items()} | columns
    os.makedirs(os.path.dirname(path), exist_ok=True)
    pq.write_table(pa.table(columns), path, row_group_size=GROUP, compression="snappy")


def mla(rng, n):
    heads, batch = [8, 16, 32, 64, 128], [2**i for i in range(9)]
    rows = [(rng.choice(heads), rng.choice(batch), rng.randrange(1, 257)) for _ in range(n)]
    return {
        "op_name": ["mla_context"] * n,
        "mla_dtype": ["bfloat16"] * n,
        "kv_cache_dtype": [rng.choice(("bfloat16", "fp8")) for _ in range(n)],
        "num_heads": [h for h, _, _ in rows],
        "batch_size": [b for _, b, _ in rows],
        "isl": [s for _, _, s in rows],
        "tp_size": [1] * n,
        "step": [0] * n,
        "latency": [0.004 + 2e-9 * b * h * s * (s + 800) for h, b, s in rows],
    }


def gemm(rng, n):
    sizes = [256 * i for i in range(1, 40)]
    rows = [(rng.randrange(1, 8193), rng.choice(sizes), rng.choice(sizes)) for _ in range(n)]
    return {
        "gemm_dtype": ["bfloat16"] * n,
        "m": [m for m, _, _ in rows],
        "n": [k for _, k, _ in rows],
        "k": [k for _, _, k in rows],
        "latency": [0.004 + 4e-12 * m * a * b + 3e-9 * (a * b) for m, a, b in rows],
    }


def make(root, millions):
    """Tables of 0.5 and 1 million rows, alternately mla and gemm."""
    rng, left, number = random.Random(7), int(1e6 * millions), 0
    while left > 0:
        n = min(left, 500_000 if number % 3 else 1_000_000)
        stem, rows = (("context_mla", mla), ("gemm", gemm))[number % 2]
        write(f"{root}/h100_sxm/{stem}/bench/{number}/{stem}_perf.parquet", rows(rng, n))
        left, number = left - n, number + 1
    return number


def decode(root):
    start, rows = time.process_time(), 0
    for folder, _, names in os.walk(root):
        for name in names:
            rows += pq.read_table(os.path.join(folder, name), use_threads=False).num_rows
    return rows, time.process_time() - start


# What a process of its own measures: the peak memory of a child counts that of its parent
# at the start, and this one has held tables.
WATCH = """
import os, subprocess, sys, time
start = time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
out = child.stdout.read()
_, status, used = os.wait4(child.pid, 0)
print(os.waitstatus_to_exitcode(status), time.monotonic() - start,
      used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.stdout.buffer.write(out)
"""


def audit(solcheck, root, jobs):
    child = subprocess.run(
        [sys.executable, "-c", WATCH, solcheck, "audit", root, "--quiet", "--jobs", str(jobs)],
        capture_output=True, text=True)
    used, _, out = child.stdout.partition("\n")
    status, seconds, cpu, memory = map(float, used.split())
    if status not in (0, 1):
        sys.exit(f"the audit failed: {out}")
    return out, seconds, cpu, memory


def main():
    solcheck = os.path.abspath(sys.argv[1])
    millions = float(sys.argv[2]) if len(sys.argv) > 2 else 10
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as root:
        tables = make(root, millions)
        rows, plain = decode(root)
        print(f"{tables} tables, {rows} rows; decoding all columns alone, one thread: "
              f"{1e9 * plain / rows:.0f} ns of processor time a row")
        print(f"{'jobs':>4} {'seconds':>8} {'M rows/s':>9} {'CPU s':>6} {'CPU ns/row':>10} "
              f"{'/ decoding':>11} {'cores kept busy':>16} {'MB':>6}")
        for jobs in sorted({1, cores}):
            out, seconds, cpu, memory = audit(solcheck, root, jobs)
            print(f"{jobs:>4} {seconds:>8.2f} {1e-6 * rows / seconds:>9.2f} {cpu:>6.2f} "
                  f"{1e9 * cpu / rows:>10.0f} {cpu / plain:>11.2f} {cpu / seconds:>16.2f} "
                  f"{memory:>6.0f}")
            if f"with {rows} rows" not in out:
                sys.exit(f"not all rows were audited:\n{out}")


if __name__ == "__main__":
    main()
