#!/bin/sh
# CSV to Parquet to CSV. Tables as solcheck writes them come back byte by byte; others (with
# 1.50, 1e-05 or 17 digits where 16 say the same) cell by cell with the same double, and
# byte by byte from then on.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u
build=$(cd "${SC_TOP_BUILDDIR:-.}" && pwd)
top=$(cd "${SC_TOP_SRCDIR:-.}" && pwd)
python=${PYTHON3:-python3}
test -f "$build/solcheck_parquet.so" || { echo "SKIPPED: no Parquet module"; exit 77; }
"$python" -c '' 2>/dev/null || { echo "SKIPPED: no python3"; exit 77; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
verdict() { # what outcome
    if test "$2" = 0; then passed=$((passed + 1)); else
        failed=$((failed + 1)); echo "FAIL $1"
    fi
}

"$python" - "$work" <<'END' || exit 2
import random, sys
rng = random.Random(2385)
with open(sys.argv[1] + "/foreign.csv", "w") as f:
    f.write('device,version,note,m,latency,ratio,sparse,empty,late\r\n')
    for i in range(3000):
        f.write('"GPU, ""X""",1.10,%s,%d,%r,%.3f,%s,,%s\r\n' % (
            rng.choice(["a", "b c", '"two\nlines"']), rng.randrange(-9, 1 << 53),
            10 ** rng.uniform(-9, 4), rng.uniform(-1, 1), rng.choice(["", "1e-05", "7"]),
            i if i < 2900 else "x%d" % i))
END

there_and_back() { # from to
    "$build/solcheck" export "$1" --out "$work/t.parquet" > /dev/null &&
        "$build/solcheck" export "$work/t.parquet" --out "$2" > /dev/null
}

n=0
for file in "$work/foreign.csv" "$top"/data/recordings/*/*.csv; do
    test -f "$file" || continue
    name=$(basename "$file")
    there_and_back "$file" "$work/once.csv"
    verdict "$name is converted" $?
    "$python" - "$file" "$work/once.csv" <<'END'
import csv, sys
a, b = (list(csv.reader(open(name, newline=""))) for name in sys.argv[1:])
def same(x, y):
    try:
        return x == y or float(x) == float(y)
    except ValueError:
        return False
assert a[0] == b[0] and len(a) == len(b)
names = [n for n in a[0] if n in ("framework", "version", "device", "op_name", "note", "late")]
for x, y in zip(a[1:], b[1:]):
    assert len(x) == len(y) and all(map(same, x, y)), (x, y)
    assert all(x[a[0].index(n)] == y[a[0].index(n)] for n in names), "labels are no numbers"
END
    verdict "$name: every cell has its value" $?
    there_and_back "$work/once.csv" "$work/twice.csv" && cmp "$work/once.csv" "$work/twice.csv"
    verdict "$name: what solcheck wrote comes back byte by byte" $?
    "$build/solcheck" export "$work/once.csv" --out "$work/plain.csv" > /dev/null &&
        cmp "$work/once.csv" "$work/plain.csv"
    verdict "$name: so it does without Parquet" $?
    n=$((n + 1))
done
verdict "there was more than one table" "$(test $n -gt 1; echo $?)"
echo "$passed passed, $failed failed, 0 skipped"
test $failed = 0
