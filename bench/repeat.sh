#!/bin/sh
# Does the same plan give the same numbers twice, and what does collecting it cost?
#   repeat.sh CASES.yaml DIR [MEASURE-OPTIONS...]
# Measures the points of a cases file for --op $OP (mla), both phases, TP 1 to 8, twice, into
# DIR/first.db and DIR/second.db, prints the seconds of both and what `repeat` says of them.
# $SOLCHECK and $REPEAT name the programs; in a bundle they are found beside this script.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -eu
test $# -ge 2 || { echo "usage: $0 CASES.yaml DIR [MEASURE-OPTIONS...]" >&2; exit 2; }
cases=$1 dir=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
bundle=$here/../../..
find_program() {
    for at in "$bundle/bin/$1" "$here/$1"; do
        if test -x "$at"; then echo "$at"; return; fi
    done
    echo "$1"
}
solcheck=${SOLCHECK:-$(find_program solcheck)}
repeat=${REPEAT:-$(find_program repeat)}
if test -d "$bundle/share/solcheck/sol/ops"; then
    SOLCHECK_DATA_DIR=${SOLCHECK_DATA_DIR:-$bundle/share/solcheck}
    export SOLCHECK_DATA_DIR
fi
mkdir -p "$dir"
"$solcheck" measure --op "${OP:-mla}" --tp "${TP:-1,2,4,8}" --cases "$cases" "$@" --plan |
    grep ' points, about '
for run in first second; do
    begun=$(date +%s)
    "$solcheck" measure --op "${OP:-mla}" --tp "${TP:-1,2,4,8}" --cases "$cases" "$@" \
        --store "$dir/$run.db"
    echo "$run run: $(($(date +%s) - begun)) s"
done
"$repeat" "$dir/first.db" "$dir/second.db"
