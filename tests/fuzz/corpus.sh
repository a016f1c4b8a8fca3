#!/bin/sh
# Replays the corpus of every fuzz target. That of Parquet is made here: it is binary.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -e
build=${SC_TOP_BUILDDIR:-.}
top=${SC_TOP_SRCDIR:-.}
SOLCHECK_DATA_DIR=$top; export SOLCHECK_DATA_DIR
for target in cases expr op system table; do
    "$build/tests/fuzz/replay_$target" "$top/tests/fuzz/corpus/$target"
done
test -x "$build/tests/fuzz/replay_parquet" || {
    echo "SKIPPED: the Parquet corpus: this build has no Parquet module"
    exit 0
}
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
"${PYTHON3:-python3}" "$top/tests/fuzz/parquet_corpus.py" "$made" || {
    echo "SKIPPED: the Parquet corpus: no pyarrow to make it"
    exit 0
}
SOLCHECK_PARQUET_MODULE=${build%/}/solcheck_parquet.so
export SOLCHECK_PARQUET_MODULE
"$build/tests/fuzz/replay_parquet" "$made"
