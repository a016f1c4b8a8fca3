#!/bin/sh
# Runs the quick cases of every layer under compute-sanitizer: memcheck, racecheck, initcheck
# and synccheck. Prints a line a tool and layer and fails on any finding. Needs a GPU.
#
#   tests/gpu/sanitize.sh [-j JOBS] [-t "TOOL..."] [-o DIR] [TEST_LAYERS [LAYER...]]
#
# TEST_LAYERS is the program tests/gpu/test_layers of a CUDA build (SOLCHECK_CUDA_MODULE names
# another module than the one it was built with). JOBS (12) run at a time: most of the time
# goes into instrumenting kernels on the host. Logs of findings are kept in DIR. Exit status:
# 0 clean, 1 findings, 2 usage, 77 no GPU or no compute-sanitizer.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u
jobs=12 tools="memcheck racecheck initcheck synccheck" keep=
while getopts j:t:o: option; do
    case $option in
    j) jobs=$OPTARG ;;
    t) tools=$OPTARG ;;
    o) keep=$OPTARG ;;
    *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
shift $((OPTIND - 1))
program=${1-${SC_TOP_BUILDDIR:-.}/tests/gpu/test_layers}
test $# = 0 || shift
layers=${*:-gemm attention mla mla_bmm moe rmsnorm rope activation embedding}
sanitizer=${COMPUTE_SANITIZER:-compute-sanitizer}
test -x "$program" || { echo "sanitize: no program $program" >&2; exit 2; }
command -v "$sanitizer" >/dev/null 2>&1 || PATH=$PATH:/usr/local/cuda/bin
command -v "$sanitizer" >/dev/null 2>&1 || { echo "SKIP: no compute-sanitizer"; exit 77; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM

# One tool on one layer, as a script of its own for xargs. The summary line must be there and
# count nothing: a tool that did not come that far has shown nothing.
cat > "$work/check" <<'SCRIPT'
tool=$1 layer=$2 log=$WORK/$1.$2 start=$(date +%s) options=
if test "$tool" = racecheck; then options="--racecheck-report all"; fi
# shellcheck disable=SC2086
"$SANITIZER" --tool "$tool" $options --error-exitcode 99 --print-limit 20 \
    "$PROGRAM" --quick "$layer" > "$log" 2>&1
status=$?
seconds=$(($(date +%s) - start))
if test $status = 77; then
    echo skip > "$log.result"
elif test $status = 0 && grep -q '^[1-9][0-9]* checks, 0 failed$' "$log" &&
    grep -q 'SUMMARY: 0 \(errors\|hazards\)' "$log"; then
    n=$(sed -n 's/^\([0-9]*\) checks, 0 failed$/\1/p' "$log")
    echo "$tool $layer: clean, $n checks, $seconds s" > "$log.result"
else
    {
        echo "$tool $layer: FAIL (exit status $status), $seconds s"
        grep -v '^=========  *Host Frame\|^=========  *Saved' "$log" | head -30
    } > "$log.result"
    if test -n "$KEEP"; then mkdir -p "$KEEP" && cp "$log" "$KEEP/$tool.$layer.log"; fi
fi
SCRIPT

# racecheck takes longest: first.
for tool in $tools; do
    for layer in $layers; do
        test "$tool" = racecheck && echo 0 "$tool" "$layer" || echo 1 "$tool" "$layer"
    done
done | sort -s -k 1,1 | cut -d ' ' -f 2- |
    WORK=$work KEEP=$keep SANITIZER=$sanitizer PROGRAM=$program \
        xargs -P "$jobs" -n 2 sh "$work/check"

failed=0 clean=0 skipped=0
for layer in $layers; do
    for tool in $tools; do
        result=$work/$tool.$layer.result
        case $(head -n 1 "$result" 2>/dev/null) in
        skip) skipped=$((skipped + 1)) ;;
        *": clean"*) clean=$((clean + 1)); cat "$result" ;;
        *) failed=$((failed + 1)); cat "$result" 2>/dev/null || echo "$tool $layer: no result" ;;
        esac
    done
done
echo "$clean clean, $failed with findings, $skipped skipped"
if test $failed -gt 0; then exit 1; fi
if test $clean = 0; then echo "SKIP: no GPU"; exit 77; fi
