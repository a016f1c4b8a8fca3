#!/bin/sh
# Lists the functions that headers declare: exports.sh COMPILER FLAGS... -- HEADER...
# The preprocessor takes comments and macros away; what is left and stands before a
# parenthesis is a function.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -eu
command=
while test "$1" != --; do
    command="$command '$(printf %s "$1" | sed "s/'/'\\\\''/g")'"
    shift
done
shift
names=$(printf '#include "%s"\n' "$@" | eval "$command -E -P -xc -" |
    grep -oE '\b(sc|sol|fit)_[a-z0-9_]+ ?\(' | tr -d ' (' | sort -u)
test -n "$names"
printf '%s\n' "$names"
