#!/bin/sh
# The main job and others under valgrind: no invalid access, no leak. Skips without
# valgrind and in builds with a sanitizer, which valgrind cannot run.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -eu
solcheck=${SC_TOP_BUILDDIR:-.}/solcheck
skip() { echo "valgrind test skipped: $*"; exit 77; }
case ${VALGRIND:-no} in no) skip "valgrind is not installed" ;; esac
# Of the program's flags alone: those of the fuzz targets name a sanitizer in every build.
if grep -Eq '^(SC_)?(C|LD)FLAGS = .*-fsanitize' "${SC_TOP_BUILDDIR:-.}/Makefile"; then
    skip "built with a sanitizer"
fi

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
clean() { # what, exit status of the job where it finds no error, its arguments
    what=$1 wanted=$2 code=0; shift 2
    "${SC_TOP_BUILDDIR:-.}/libtool" --quiet --mode=execute "$VALGRIND" -q \
        --error-exitcode=99 --child-silent-after-fork=yes --leak-check=full \
        --errors-for-leak-kinds=definite,indirect "$solcheck" "$@" > "$log" 2>&1 || code=$?
    if test "$code" -ne "$wanted"; then
        echo "solcheck $what under valgrind ended with $code, not $wanted:"
        cat "$log"
        exit 1
    fi
    echo "solcheck $what: clean"
}
log=$out/log
rows=$out/rows.csv
table=${SC_TOP_SRCDIR:-.}/data/recordings/h100_sxm/mla_generation.csv
awk 'NR % 23 == 1' "$table" > "$rows"

for op in mla gemm; do
    clean "--op $op" 0 --op "$op" --no-plots --quiet --out "$out/$op"
done
clean "validate" 0 validate "$rows"
clean "audit" 0 audit "$rows" --json
clean "compare" 0 compare "$rows" "$rows" --json
# So few rows do not reach the target.
clean "design" 4 design "$rows" --op mla --phase generation --json
clean "measure" 0 measure --op rmsnorm --phase context --param hidden_size=72 --device cpu \
    --set b=1 --set s=3 --max-time 0.02 --store "$out/a.db" --out "$out/tables"
clean "export" 0 export "$out/a.db" --out "$out/a.csv"
