#!/bin/sh
# Soundness and tightness on recorded tables: $SC_SHARED_DATA (default ../shared/data beside
# the source tree) holds perf_tables/<system>/<family>/<backend>/<version>/*. Prints a line a
# table, and fails when
# - a row is faster than the hot bound and the suspect is a formula or a bandwidth, unless the
#   evidence names columns that the op does not know;
# - the 99th percentile of SOL / latency over large rows of mla or gemm is 0.6 or less.
# Skips, and says so, without tables, python3 or the Parquet module.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u

build=$(cd "${SC_TOP_BUILDDIR:-.}" && pwd)
top=$(cd "${SC_TOP_SRCDIR:-.}" && pwd)
data=${SC_SHARED_DATA:-$top/../shared/data}
skip() { echo "SKIPPED: $*"; exit 77; }

test -d "$data/perf_tables" || skip "no $data/perf_tables (set SC_SHARED_DATA)"
test -f "$build/solcheck_parquet.so" || skip "this build has no Parquet module"
python=${PYTHON3:-python3}
"$python" -c '' 2>/dev/null || skip "no python3"

out=$(mktemp) || exit 2
trap 'rm -f "$out"' EXIT
"$build/solcheck" audit "$data/perf_tables" --json > "$out"
status=$?
test $status = 0 || test $status = 1 || {
    echo "solcheck audit failed with status $status"
    exit 1
}
"$build/solcheck" audit "$data/perf_tables" --json --jobs 1 | cmp - "$out" || {
    echo "the report depends on the number of jobs"
    exit 1
}
"$python" - "$out" <<'END'
import json, sys

report = json.load(open(sys.argv[1]))
passed = failed = 0

def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAIL", what)

for table in report["tables"]:
    name = table["path"].split("perf_tables/")[-1]
    if "unaudited" in table:
        print(f"{name}: {table['table_rows']} rows not audited: {table['unaudited']}")
        continue
    print(f"{name}: {table['op']} {table['phase']}, {table['rows']} rows of "
          f"{table['table_rows']}; SOL/latency cold median {table['cold']['median']:.3f} p99 "
          f"{table['cold']['p99']:.3f}, hot median {table['hot']['median']:.3f} p99 "
          f"{table['hot']['p99']:.3f}; {table['large_rows']} large, p99 "
          f"{table['large_p99_hot'] or 0:.3f}; {table['violations']} violations, "
          f"{table['below_cold']} below cold")
    for finding in table["findings"]:
        print(f"    {finding['rows']} rows, {finding['suspect']}: {finding['evidence']}")
        unsure = finding["violation"] and finding["suspect"] in ("formula", "bandwidth")
        check(not unsure or "does not know" in finding["evidence"],
              f"{name}: {finding['worst']}")
    if table["op"] in ("mla", "gemm") and table["large_rows"]:
        check(table["large_p99_hot"] > 0.6, f"{name}: large rows reach too little")
# Known findings, where their tables are at hand: suspects and evidence.
KNOWN = [
    ("l40s/mla/trtllm/1.0.0/generation_mla", ["cache"], ["fit into the 101 MB of L2"]),
    ("b300_sxm/mla/sglang/0.5.14/context_mla", ["label", "peak"],
     ["same tensor peak reach at most 0.70 of it",
      "violations of the table share attn=bf16, kv=fp8 and cluster at 1.01 to 1.09 of the "
      "tensor peak"]),
    ("h100_sxm/moe/sglang/0.5.6.post2/moe", ["timer"], ["not divided out"])]
for name, suspects, evidence in KNOWN:
    for table in (t for t in report["tables"] if name in t["path"]):
        first = (table.get("findings") or [None])[0]
        found = [first, first["also"]] if first and first["also"] else [first]
        check(first and [f["suspect"] for f in found] == suspects and
              all(e in f["evidence"] for e, f in zip(evidence, found)), f"{name}: {found}")
check(report["unreadable"] == 0, "unreadable tables")
check(report["rows"] > 0, "no row was audited")
print(f"{passed} passed, {failed} failed, 0 skipped")
sys.exit(failed > 0)
END
