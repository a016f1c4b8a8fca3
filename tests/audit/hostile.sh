#!/bin/sh
# Hostile input: each file gets a diagnostic within bounded time and memory, and the sound
# table among them is audited all the same.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u
build=$(cd "${SC_TOP_BUILDDIR:-.}" && pwd)
top=$(cd "${SC_TOP_SRCDIR:-.}" && pwd)
python=${PYTHON3:-python3}
"$python" -c '' 2>/dev/null || { echo "SKIPPED: no python3"; exit 77; }
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 2
passed=0 failed=0
verdict() { # what outcome
    if test "$2" = 0; then passed=$((passed + 1)); else
        failed=$((failed + 1)); echo "FAIL $1"
    fi
}

# One directory a table, as in a database; the name says what is wrong with it.
"$python" - <<'END'
import os
HEAD = b"m,n,k,gemm_dtype,latency\n"
GOOD = HEAD + b"4096,8192,8192,bfloat16,0.75\n"
def put(name, data, end="csv"):
    os.makedirs(f"db/h100_sxm/gemm/fw/{name}")
    with open(f"db/h100_sxm/gemm/fw/{name}/gemm_perf.{end}", "wb") as f:
        f.write(data)
put("good", GOOD)
put("good-bom-crlf", b"\xef\xbb\xbf" + GOOD.replace(b"\n", b"\r\n"))
put("good-quoted", GOOD.replace(b"bfloat16", b'"bfloat16"'))
put("empty", b"")
put("nul", HEAD + b"1,16,16,bfl\0at16,1\n")
put("utf16", GOOD.decode().encode("utf-16"))
put("ragged", GOOD + b"1,2\n")
put("open-quote", HEAD + b'"1,16,16,bfloat16,1\n' * 1000)
put("wide", b",".join(b"c%d" % i for i in range(10**6)) + b"\n")
put("twice", b"m,m,k,gemm_dtype,latency\n1,1,1,bfloat16,1\n")
put("nan", HEAD + b"1,16,16,bfloat16,nan\n")
put("negative", HEAD + b"1,16,16,bfloat16,-1\n")
put("text", HEAD + b"many,16,16,bfloat16,1\n")
put("long-cell", HEAD + b"1" * 20_000_000 + b",16,16,bfloat16,1\n")
put("binary", bytes(range(256)) * 4096)
put("not-parquet", GOOD, "parquet")
put("only-magic", b"PAR1PAR1", "parquet")
put("huge-footer", b"PAR1" + b"\0" * 64 + b"\xff\xff\xff\x7fPAR1", "parquet")
os.symlink("..", "db/h100_sxm/loop")
os.symlink("nowhere", "db/h100_sxm/gemm/fw/dangling_perf.csv")
os.mkfifo("db/h100_sxm/gemm/fw/pipe_perf.csv")
os.makedirs("db/h100_sxm/gemm/fw/dir_perf.csv")
END

ulimit -t 60           # seconds of processor time
timeout 100 "$build/solcheck" audit db > out 2> err
status=$?
verdict "exit status $status, want 3: some could not be read" "$(test $status = 3; echo $?)"
for name in good good-bom-crlf good-quoted; do
    grep -A1 "/$name/gemm_perf" out | grep -q "1 of 1 row"
    verdict "$name is audited" $?
done
for name in empty nul utf16 ragged open-quote wide twice binary not-parquet only-magic \
    huge-footer nan negative text long-cell; do
    grep -q "/$name/gemm_perf[^ ]*: .*\[SC[0-9]*\]" err
    verdict "$name has a diagnostic with its place and code" $?
done
grep -q "loop: warning: passed over" err
verdict "the loop of links is passed over, and said to be" $?
verdict "no line of a diagnostic is longer than a screen of text" \
    "$(awk 'length > 2000 {n++} END {print n + 0}' err)"

# A Parquet file with one byte changed, or cut off: each a table, or a diagnostic.
if test -f "$build/solcheck_parquet.so" &&
    "$python" "$top/tests/fuzz/parquet_corpus.py" . 2> /dev/null; then
    "$python" - <<'END'
import os, random
rng = random.Random(11)
whole = open("dictionary", "rb").read()
for i in range(300):
    data = bytearray(whole)
    if i % 3:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    else:
        del data[rng.randrange(len(data)):]
    os.makedirs(f"pq/h100_sxm/gemm/fw/{i}")
    open(f"pq/h100_sxm/gemm/fw/{i}/gemm_perf.parquet", "wb").write(data)
END
    timeout 100 "$build/solcheck" audit pq --json > out 2> err
    status=$?
    verdict "exit status $status of damaged Parquet, want 1 or 3" \
        "$(test $status = 3 -o $status = 1; echo $?)"
    "$python" - <<'END'
import json, sys
report = json.load(open("out"))
seen = {t["path"] for t in report["tables"]}
sys.exit(not (report["files"] == 300 == len(seen) and report["unreadable"] >= 100))
END
    verdict "each of 300 damaged files is in the report" $?
else
    echo "SKIPPED: damaged Parquet files: no Parquet module, or no pyarrow"
fi
echo "$passed passed, $failed failed, 0 skipped"
test $failed = 0
