#!/bin/sh
# Measures the points of a directory of tables with the best latency on record, into one
# store, and prints how we compare:
#   framework_ratio.sh REFERENCE_DIR STORE [MEASURE-OPTIONS...]
# Of every table that framework_goals.csv (beside this script, or $GOALS) has a goal for, $SAMPLE
# points (170) are drawn, spread over its whole range, by $SEED (1); with ALL=1 of those without
# a goal too. $ONLY is a pattern for the names of ops. The plan of each says how long it will
# take; a store that has points already is resumed. $SOLCHECK (solcheck) and $FRAMEWORK_RATIO
# name the programs; in a bundle (make bindist) they are found beside this script. Exit status:
# 0 every goal is met, 1 some are not or points failed, 2 trouble.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u

test $# -ge 2 || { echo "usage: $0 REFERENCE_DIR STORE [MEASURE-OPTIONS...]" >&2; exit 2; }
reference=$1 store=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
bundle=$here/../../..
goals=${GOALS:-$here/framework_goals.csv}
find_program() { # its name, the default
    for at in "$bundle/bin/$1" "$here/$1"; do
        if test -x "$at"; then echo "$at"; return; fi
    done
    echo "$2"
}
solcheck=${SOLCHECK:-$(find_program solcheck solcheck)}
ratio=${FRAMEWORK_RATIO:-$(find_program framework_ratio framework_ratio)}
if test -d "$bundle/share/solcheck/sol/ops"; then
    SOLCHECK_DATA_DIR=${SOLCHECK_DATA_DIR:-$bundle/share/solcheck}
    export SOLCHECK_DATA_DIR
fi
test -r "$goals" || { echo "$0: no $goals" >&2; exit 2; }
command -v "$solcheck" > /dev/null || { echo "$0: no $solcheck" >&2; exit 2; }

failed=0
measure() { # table op phase where, then options
    table=$1 op=$2 phase=$3 where=$4
    shift 4
    "$solcheck" measure --op "$op" --phase "$phase" --points "$reference/$table" \
        ${where:+--where "$where"} --sample "${SAMPLE:-170}" --seed "${SEED:-1}" "$@"
}
now() { date +%s; }
start=$(now)
{
    read -r header
    while IFS=, read -r table op phase where mean p90; do
        if test -z "$mean$p90" && test "${ALL:-0}" != 1; then continue; fi
        case $op in ${ONLY:-*}) ;; *) continue ;; esac
        plan=$(measure "$table" "$op" "$phase" "$where" "$@" --plan 2>/dev/null |
            grep ' points, about ') || plan="no plan"
        echo "== $op $phase ${where:-all rows}: $plan"
        begun=$(now)
        measure "$table" "$op" "$phase" "$where" --store "$store" "$@" < /dev/null || failed=1
        echo "   took $(($(now) - begun)) s"
    done
} < "$goals"
echo "measured in $(($(now) - start)) s"

if ! command -v "$ratio" > /dev/null; then
    echo "no framework_ratio here: run it on $store elsewhere"
    exit $failed
fi
"$ratio" --goals "$goals" --worst "${WORST:-3}" "$reference" "$store"
status=$?
test $status = 0 && status=$failed
exit $status
