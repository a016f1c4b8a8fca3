#!/bin/sh
# solcheck validate: seeded faults, formats, baselines. Needs python3; skips without.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u
top=$(cd "${SC_TOP_SRCDIR:-.}" && pwd)
build=$(cd "${SC_TOP_BUILDDIR:-.}" && pwd)
SOLCHECK_DATA_DIR=$top; export SOLCHECK_DATA_DIR
python=${PYTHON3:-python3}
"$python" -c '' 2>/dev/null || { echo "SKIPPED: no python3"; exit 77; }
exec "$python" "$top/tests/validate/mutate.py" "$build/solcheck" "$top"
