#!/bin/sh
# solcheck calibrate on the CPU and on GPUs that are none; measure --kernels; the launch floor.
# Ends with "N passed, N failed, N skipped".
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u
build=$(cd "${SC_TOP_BUILDDIR:-.}" && pwd)
PATH=$build:$PATH
export SOLCHECK_CUDA_MODULE=$build/.libs/fake_module.so
test -r "$SOLCHECK_CUDA_MODULE" || { echo "no $SOLCHECK_CUDA_MODULE"; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/solcheck-calibrate.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
cd "$work" || exit 2
passed=0 failed=0 skipped=0
ok() { # what, then a command that has to hold
    what=$1; shift
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1)); echo "FAIL: $what: $*"; cat err 2>/dev/null
    fi
}
is() { ok "$1" test "$2" = "$3"; } # what, got, wanted
has() { grep -q -e "$1" "$2"; }
calibrate() { solcheck calibrate "$@" > out 2> err; }

# A CPU's file is made from its readings, loads, and is what --ceiling measured uses.
calibrate --device cpu --out cpu.yaml; is "cpu: status" $? 0
ok "cpu: memory" has '^DRAM read .*TB/s' out
ok "cpu: refusals have reasons" has '^tensor bf16, burst .*a CPU has no tensor cores' out
ok "cpu: provenance" has 'measured_B_s: {value: .*source: "solcheck .* calibrate, 20..-..-..T.*samples: ' cpu.yaml
ok "cpu: launch floor" has 'graph_node_s: {value: ' cpu.yaml
ok "cpu: explain" solcheck explain --op gemm --system ./cpu.yaml --ceiling measured > out
rate=$(sed -n 's/.*measured_B_s: {value: \([^,]*\),.*/\1/p' cpu.yaml | head -1)
bytes_ms=$(solcheck eval --op rmsnorm --phase generation --system ./cpu.yaml --ceiling measured \
    --set b=1000 --set s=5 --json 2> err |
    awk -v rate="$rate" '/"bytes":/ { gsub(/[^0-9.e+]/, "", $2); bytes = $2 }
        /"memory_ms":/ { gsub(/[^0-9.e+-]/, "", $2); ms = $2 }
        END { e = bytes / rate * 1e3 / ms - 1; print (e < 1e-4 && e > -1e-4) ? "same" : bytes " " rate " " ms }')
is "cpu: the bound is bytes over the measured bandwidth" "$bytes_ms" same
calibrate --device cpu --system ./cpu.yaml --out again.yaml; is "cpu: its own file again" $? 0
calibrate --device cpu --json --out j.yaml; is "json: status" $? 0
ok "json: readings" has '"name": "DRAM read"' out
calibrate --device cpu --system h100_sxm --out x.yaml; is "cpu into a GPU's file: status" $? 2
ok "cpu into a GPU's file: nothing written" test ! -e x.yaml

calibrate --device cpu --out nowhere/x.yaml; is "cpu: no place: status" $? 2
ok "cpu: no place: why" has "cannot write 'nowhere/x.yaml': No such file" err
is "cpu: no place: nothing was measured" "$(cat out)" ""
calibrate --device cpu --out .; is "cpu: into a directory: nothing was measured" "$(cat out)" ""

# A GPU is found by its name; its file keeps what it held.
export SC_FAKE_SM=90 SC_FAKE_NAME="NVIDIA H100 of straw" SC_FAKE_MEMORY=1000000000
calibrate --device cuda; is "by name: status" $? 0
ok "by name: the file" has '^system: "h100_sxm"' h100_sxm-measured.yaml
ok "by name: kept" has 'bus_bits: {value: 5120' h100_sxm-measured.yaml
ok "by name: one number for each place" test "$(grep -c ' measured_B_s: ' h100_sxm-measured.yaml)" = 2
SC_FAKE_NAME="Some part" calibrate --device cuda --out u.yaml; is "unknown part: status" $? 2
ok "unknown part: asks" has 'which system is the Some part' err
SC_FAKE_SM=80 calibrate --device cuda --system h100_sxm --out u.yaml; is "other part: status" $? 2

# Nonsense is not written: nothing measured; faster than the part can be.
SC_FAKE_NO_PROBES=1 calibrate --device cuda --out n.yaml; is "nothing: status" $? 4
ok "nothing: says so" has 'nothing could be measured: no probes today \[SC3017\]' err
cat > slow.yaml <<'YAML'
system: slow
gpu:
  sm_version: {value: 90, source: made up}
  sm_count: {value: 1, source: made up}
  sm_clock_max_hz: {value: 1e3, source: made up}
memory:
  capacity_B: {value: 1e9, source: made up}
  bandwidth_B_s: {value: 1e3, source: made up}
cuda:
  fp32: {flop_clk_sm: {value: 2, source: made up}}
YAML
calibrate --device cuda --system ./slow.yaml --out n.yaml; is "too fast: status" $? 2
ok "too fast: says so" has 'slow can do 2000: nothing is written \[SC3017\]' err
ok "nonsense: not written" test ! -e n.yaml

# Kernels: profiled by another process than the one that timed, kept, exported.
unset SC_FAKE_SM SC_FAKE_NAME
measure() { SC_FAKE_LOG=log solcheck measure --op gemm --param n=64 --param k=96 --grid small \
    --phase generation --device cuda "$@" > out 2> err; }
measure --store k.db --kernels; is "kernels: status" $? 0
n=$(solcheck export k.db | tail -n +2 | wc -l)
is "kernels: a table a point" "$(grep -c '^gemm generation .*: 1 kernel' out)" "$n"
solcheck export k.db --kernels > kernels.csv
is "kernels: exported" "$(tail -n +2 kernels.csv | wc -l)" "$n"
timed=$(sed -n 's/^generation.*b=1 .*pid=//p' log | head -1)
traced=$(sed -n 's/^trace pid=//p' log | sort -u)
is "kernels: one process" "$(echo "$traced" | wc -l)" 1
ok "kernels: not the one that timed" test "$timed" != "$traced"
ok "kernels: all timed before" awk '/^trace/ { t = 1 } !/^trace/ { n += !t } END { exit !(n >= 10) }' log
measure --store k.db --kernels; ok "kernels: not twice" test "$(grep -c 1.kernel out)" = 0
measure --store l.db --quiet; measure --store l.db --kernels
is "kernels: of stored points" "$(grep -c 1.kernel out)" "$n"
SC_FAKE_NO_PROFILER=1 measure --store p.db --kernels; is "no profiler: status" $? 0
ok "no profiler: one warning" test "$(grep -c 'libcupti.so is not found \[SC3016\]' err)" = 1
is "no profiler: all points" "$(solcheck export p.db | tail -n +2 | wc -l)" "$n"
solcheck export p.db --kernels > out 2> err; is "no kernels: status" $? 3

# The launch floor is in every row.
solcheck export k.db > table.csv
at=$(head -1 table.csv | tr , '\n' | grep -n '^launch_floor$' | cut -d: -f1)
ok "floor: column" test -n "$at"
is "floor: in every row" "$(tail -n +2 table.csv | cut -d, -f"${at:-1}" | grep -c '^[0-9.e-]*[1-9]')" "$n"

echo "$passed passed, $failed failed, $skipped skipped"
test $failed = 0
