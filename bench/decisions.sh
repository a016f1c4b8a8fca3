#!/bin/sh
# Do decisions agree with the axes that recorded tables were collected on?
#   decisions.sh TABLES [MAX-ROWS]
# TABLES is laid out <system>/<family>/<backend>/<version>/*; passed over, with the reason, are
# tables larger than MAX-ROWS (default: none is) and rows of no op or phase. Prints a line a table
# and phase. A table was collected on b and s where it holds points of equal x and different
# (b,s), else on x alone. Exits with 1 where a decision contradicts that ("undecided" does not) or
# where nothing was decided. $SOLCHECK names the program.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u
test $# -ge 1 || { echo "usage: $0 TABLES [MAX-ROWS]" >&2; exit 2; }
exec "${PYTHON3:-python3}" - "${SOLCHECK:-solcheck}" "$@" <<'END'
import json, os, subprocess, sys, tempfile

program, tables = sys.argv[1], sys.argv[2]
most = int(sys.argv[3]) if len(sys.argv) > 3 else 10**9

def run(*words):
    done = subprocess.run([program, *words], capture_output=True, text=True)
    return json.loads(done.stdout) if done.stdout.strip() else None

def system_of(table):
    """The name of a system, or the file beside the tables where there is none of ours."""
    if any(s["name"] == table["system"] for s in run("list", "--system", "all", "--json") or []):
        return table["system"]
    at = tables
    for _ in range(4):
        for below in (".", "systems", "../systems"):
            path = os.path.join(at, below, table["system"] + ".yaml")
            if os.path.exists(path):
                return path
        at = os.path.dirname(os.path.abspath(at))
    return table["system"]

contradictions = decided = 0
print(f"{'table':58} {'op':18} {'phase':10} {'rows':>7} {'collected':9} {'proof':9} "
      f"{'measured':20} {'decision':20} agree")
for table in run("audit", "--json", tables)["tables"]:
    name = os.path.relpath(table["path"], tables)
    why = table.get("unaudited") or (table["table_rows"] > most and f"more than {most}")
    if why:
        print(f"{name}: passed over, {table['table_rows']} rows: {why}")
        continue
    with tempfile.TemporaryDirectory() as out:
        got = run("--op", table["op"], "--phase", table["phase"], "--data", table["path"],
                  "--system", system_of(table), "--json", "--no-plots", "--out", out)
    if not got:
        print(f"{name}: no answer")
        contradictions += 1
        continue
    phase = got["phases"][0]
    measured, kind = phase["measured"], phase["decision"]["kind"]
    pairs = measured.get("lack_of_fit", {}).get("points", 0)
    want = "token-non-equivalent" if pairs else "token-equivalent"
    agree = "open" if kind == "undecided" else "yes" if kind == want else "NO"
    contradictions += agree == "NO"
    decided += 1
    print(f"{name[-58:]:58} {table['op']:18} {table['phase']:10} {measured['points']:7} "
          f"{'b, s' if pairs else 'x':9} {phase['proof']['verdict']:9} "
          f"{measured.get('decision', '-'):20} {kind:20} {agree}", flush=True)
    if agree != "yes":
        print(f"    {phase['why']}")
sys.exit(contradictions > 0 or decided == 0)
END
