#!/bin/sh
# solcheck measure from end to end on a device with faults: resume, kill -9, SIGINT, hangs,
# crashes, out of memory, shards, several devices, the Slurm script. Ends with "N passed, N
# failed, N skipped".
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u
build=$(cd "${SC_TOP_BUILDDIR:-.}" && pwd)
top=$(cd "${SC_TOP_SRCDIR:-.}" && pwd)
PATH=$build:$PATH
export SOLCHECK_CUDA_MODULE=$build/.libs/fake_module.so
test -r "$SOLCHECK_CUDA_MODULE" || { echo "no $SOLCHECK_CUDA_MODULE"; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/solcheck-measure.XXXXXX") || exit 2
trap 'rm -rf "$work"' EXIT
trap 'exit 2' HUP INT TERM
cd "$work" || exit 2
passed=0 failed=0
ok() { # what, then a command that has to hold
    what=$1; shift
    if "$@"; then passed=$((passed + 1)); else
        failed=$((failed + 1)); echo "FAIL: $what: $*"; cat err 2>/dev/null
    fi
}
is() { ok "$1" test "$2" = "$3"; } # what, got, wanted
cat > cases.yaml <<'YAML'
schema_version: 1
op: gemm
common_case_values:
  gemm:
    context_batch_sizes: [1, 2, 4]
    context_sequence_lengths: [1, 4, 16]
    generation_batch_sizes: [1, 3]
    generation_target_sequence_lengths: [2]
    max_context_tokens: 32
YAML
measure() {
    solcheck measure --op gemm --param n=64 --param k=96 --cases cases.yaml --device cuda "$@" \
        > out 2> err
}
rows() { solcheck export "$@" 2>/dev/null | tail -n +2 | wc -l; }
has() { grep -q -e "$1" "$2"; }

# 3 x 3 context points, of which 4 x 16 is too many tokens, and 2 of generation.
measure --plan; is "plan: status" $? 0
is "plan: points" "$(grep -c ' hot ' out)" 10
ok "plan: sum" has '^10 points, about ' out
measure --store a.db; is "store: status" $? 0
is "store: rows" "$(rows a.db)" 10
ok "store: summary" has '10 measured, 0 there already, 0 left out, 0 failed' out
measure --store a.db; is "again: status" $? 0
ok "again: says so" has 'resuming: 10 points are in the store' err
ok "again: nothing measured" has '0 measured, 10 there already' out
measure --store a.db --param n=80; is "other keys: rows" "$(rows a.db)" 20
measure --out tables --quiet; is "tables: status" $? 0
is "tables: rows" "$(cat tables/gemm_context.csv tables/gemm_generation.csv | grep -c '^solcheck')" 10
ok "tables: provenance" has 'rows: { context: 8, generation: 2}' tables/provenance.yaml
measure --out quoted --store 'a "b\c.db' --phase generation; ok "tables: quoted command" \
    has "^  command: \".* --store 'a .\"b..c.db' --phase generation\"\$" quoted/provenance.yaml
ok "tables: scope of the provenance" has '^  scope: kernel' tables/provenance.yaml
is "tables: scope" "$(grep -c ',graph,hot,kernel,normal,' tables/gemm_context.csv)" 8
measure --out tables --scope module; is "scope: kind" $? 2
ok "scope: what there is" has 'scope is kernel or op' err
measure --out tables --scope op; is "scope: none" $? 2
ok "scope: why" has 'gemm has no scope op' err
# What stopped the sampling before its criterion did is named: once for all, and for each point.
measure --store unmet.db --noise 0.001 --drift 0 --max-time 0.005; is "unmet: status" $? 0
ok "unmet: summary" has 'of 10 points ended before --stop was met, the noisiest .*: stopped .*: .* \[SC3020\]' err
measure --store unmet2.db --stop time --max-time 0.003 --min-samples 1; is "met by time: status" $? 0
is "met by time" "$(grep -c SC3020 err)" 0
solcheck measure --op gemm --param n=64 --param k=96 --device cuda --set b=2,s=3 --phase context \
    --store unmet2.db --stop time --max-time 0.4 > out 2> err
is "met by a longer time" "$?$(grep -c SC3020 err)" 00
measure --drift 51 --plan; is "drift: range" $? 2

# What inputs are drawn from: a key of its own, in table, store, repeat and provenance.
measure --store inputs.db; measure --store inputs.db --inputs uniform; is "inputs: status" $? 0
is "inputs: rows" "$(rows inputs.db)" 20
measure --store inputs.db --inputs zeros; ok "zeros: warned of" has 'inputs are zeros.*too good \[SC3019\]' err
is "zeros: rows" "$(solcheck export inputs.db | grep -c ',hot,kernel,zeros,')" 10
measure --store inputs.db --inputs uniform; ok "inputs: resumed" has '0 measured, 10 there already' out
is "inputs: repeated" "$(solcheck export inputs.db --repro | grep -c -e '--inputs uniform')" 10
measure --out tables --inputs uniform; ok "inputs: provenance" has '^  inputs: uniform' tables/provenance.yaml
measure --inputs ones --plan; is "inputs: kind" $? 2
ok "inputs: what there is" has 'inputs is normal, uniform or zeros' err
solcheck check --op gemm --device cpu --inputs zeros > out 2> err; is "check: zeros" $? 2
ok "check: why no zeros" has 'zeros proves nothing' err
solcheck fit --op gemm --phase context inputs.db --json > out 2> err
ok "inputs: fitted apart" has '"configurations": 3' out
measure --out tables --route fast; is "route: kind" $? 2
ok "route: what there is" has 'route is auto, own or cudnn' err
measure --out tables --route own; is "route: none" $? 2
ok "route: why" has 'gemm has one route' err
ok "both" measure --store b.db --out both --quiet
solcheck export b.db --op gemm --out exported/ > /dev/null
is "a store's rows are those of the table" "$(sort both/gemm_context.csv)" "$(sort exported/gemm_context.csv)"

# Each row has the command that measures it again.
is "repro: one a row" "$(solcheck export a.db --repro | grep -c '^solcheck measure --op gemm --phase .* --set b=')" 20
eval "$(solcheck export a.db --repro | head -1) --store again.db --quiet" 2> err; is "repro: status" $? 0
is "repro: the same keys" "$(solcheck export again.db | tail -n +2 | cut -d, -f6-12)" \
    "$(solcheck export a.db | sed -n 2p | cut -d, -f6-12)"

# What does not go together is refused; many stores.
for wrong in "--repro --kernels" "--repro --out exported/" "--repro --out a.parquet" "--kernels --out exported"; do
    solcheck export a.db $wrong > out 2> err; is "export $wrong" $? 2
done
is "export: of a refusal no file" "$(ls a.parquet 2>/dev/null)" ""
solcheck export exported/gemm_context.csv a.db > out 2> err; is "export: a table among stores" $? 2
ok "export: why" has "'exported/gemm_context.csv' is a table" err
is "export: 70 stores" "$(rows $(for i in 1 2 3 4 5 6 7; do for k in 0 1 2 3 4 5 6 7 8 9; do echo a.db; done; done))" 20
measure --store nowhere/a.db; ok "no directory: why" has 'nowhere/a.db.*No such file or directory.*SC2010' err

# A closed or full standard output is noticed, and nothing lands in another file.
measure_to() { to=$1; shift; eval 'solcheck measure --op gemm --param n=64 --param k=96 --cases cases.yaml --device cuda "$@"' "$to" 2> err; }
measure_to '>&-' --out closed; is "closed output: status" $? 2
is "closed output: tables" "$(cat closed/*.csv | grep -c -v '^solcheck,\|^framework,')" 0
if test -w /dev/full; then
    measure_to '> /dev/full' --store a.db; is "full output: status" $? 2
    ok "full output: said" has 'cannot write standard output' err
    solcheck check --op rmsnorm --device cpu --json > /dev/full 2> err; is "full output: check" $? 2
fi

# Parquet and back: the same numbers; without the module a refusal and no file.
if test -r "$build/solcheck_parquet.so"; then
    ok "parquet: written" solcheck export b.db --out b.parquet
    ok "parquet: converted" solcheck export b.parquet --out b1.csv
    ok "parquet: and back" solcheck export b1.csv --out b1.parquet
    solcheck export b1.parquet > b2.csv
    ok "parquet: the same" cmp -s b1.csv b2.csv
    is "parquet: rows" "$(wc -l < b1.csv)" 11
    solcheck export b.db --out parquet/ --format parquet > out; is "parquet: directory" $? 0
    ok "parquet: tables" test -s parquet/gemm_context.parquet -a -s parquet/gemm_generation.parquet
fi
SOLCHECK_PARQUET_MODULE=/nowhere solcheck export b.db --out no.parquet 2> err; is "no module: status" $? 3
ok "no module: reason" has 'cannot be written.*SC2006' err
ok "no module: no file" test ! -e no.parquet

# Faults lose their point and no other.
SC_FAKE_FAULTS="hang:b=2,s=4 crash:b=4,s=1 sticky:b=1,s=16 oom:b=2,s=16 " \
    measure --store f.db --point-limit 2; is "faults: status" $? 1
is "faults: the rest is measured" "$(rows f.db)" 6
ok "faults: hang" has 'b=2 s=4 failed: no answer within 2 s: the worker was killed \[SC3012\]' err
ok "faults: crash" has 'b=4 s=1 failed: the worker crashed: signal 11' err
ok "faults: CUDA error" has 'b=1 s=16 failed: an illegal memory access \[SC3003\]' err
ok "faults: memory" has 'b=2 s=16 is left out: out of device memory' err
ok "faults: count" has '6 measured, 0 there already, 1 left out, 3 failed' out
measure --store f.db; is "failed points are not tried again" $? 0
ok "failed: count" has '1 measured, 6 there already, 0 left out, 3 failed' out
measure --store f.db --retry-failed; is "retry: rows" "$(rows f.db)" 10
SC_FAKE_FAULTS="crash:b=1,s=4 crash:b=1,s=16 crash:b=2,s=1 " \
    measure --store g.db --max-failures 3; is "in a row: status" $? 5
ok "in a row: reason" has '3 points in a row failed.*signal 11.*\[SC3014\]' err

# Points of a table: each row its own configuration; rows by value, a sample, one point.
cat > list_context.csv <<'CSV'
n,k,mm_dtype,b,s,kind
64,96,bf16,3,7,x
64,96,bf16,3,7,x
80,96,bf16,5,9,y
80,112,fp16,2,5,x
48,96,fp16,1,13,y
48,96,bf16,99999,13,y
CSV
points() { solcheck measure --op gemm --points list_context.csv --device cuda "$@" > out 2> err; }
points --store p.db; is "points: status" $? 0
is "points: rows" "$(rows p.db)" 4
solcheck export p.db 2>/dev/null | cut -d, -f6-8,10,11 > p.csv
ok "points: what was asked for" has '^80,112,fp16,2,5$' p.csv
ok "points: outside" has '1 row outside the ranges of op gemm left out' err
points --store p.db; ok "points: resumed" has '0 measured, 4 there already' out
points --where kind=y,z --plan; is "where: points" "$(grep -c ' hot ' out)" 2
points --where kind=q --plan; is "where: none is left" $? 3
points --where colour=q --plan; is "where: no such column" $? 2
points --sample 3 --plan; is "sample: points" "$(grep -c ' hot ' out)" 3
grep ' hot ' out > sample1; points --sample 3 --plan; grep ' hot ' out > sample2
ok "sample: the same for the same seed" cmp -s sample1 sample2
points --tp 2 --plan; is "points and tp" $? 2
measure --points list_context.csv --plan; is "points and cases" $? 2
measure --sample 2 --plan; is "sample without points" $? 2
printf 'n,k,act_group,b,s\n64,96,0,1,8\n64,96,32,1,8\n' > groups_context.csv
solcheck measure --op gemm --points groups_context.csv --device cuda --store w.db > out 2> err
is "what a layer lacks: status" $? 0
is "what a layer lacks: rows" "$(rows w.db)" 1
ok "what a layer lacks: reason" has 'layer gemm has no act_group: it runs 0, not 32' err

# Cases files that list whole shapes; counts by hand.
cat > shapes.yaml <<'YAML'
all_frameworks_op_cases:
  gemm: # 3 tokens x (3 x 3 - 1) shapes
    cases: [{id: a, token_counts: [1, 7, 40], feature_sizes: [16, 48, 80],
             skip_shapes: [{input_features: 80, output_features: 80}]}]
  attention_context: # kv heads self: 2 heads x (6 pairs - 1 of 2 x 40) x 2; kv heads 2 (of 4): 6 x 2
    cases: [{id: b, batch_sizes: [1, 2], sequence_lengths: [3, 9, 40], query_head_counts: [2, 4],
             kv_head_options: [self, 2], head_dims: [64], max_tokens_self_attention: 79,
             max_tokens_grouped_query_attention: 80,
             precision_cases: [{id: c, fp8_kv_cache: false}, {id: d, fp8_kv_cache: true}]}]
  # 4 heads: at most 64/s/4 requests: s 2: 4 2 1, s 4: 4 2 1, s 8: 2 1; two at least, and of batch 4
  # the longest goes: 7. 8 heads over 2: 128/s/8, the same 7.
  attention_generation:
    cases: [{id: e, batch_sizes: [1, 2, 4], sequence_lengths: [2, 4, 8, 16], mha_query_head_counts: [4],
             xqa_query_head_counts: [8], kv_head_counts: [2, 8], head_dims: [64],
             max_mha_tokens_per_step: 64, max_xqa_tokens_per_step: 128,
             min_batch_options_per_sequence: 2, drop_largest_sequence_for_batch_at_least: 4}]
  mla_bmm_gen_post: # 2 tokens x 2 heads x 2 dtypes
    cases: [{id: f, token_counts: [1, 5], head_counts: [3, 2], dtypes: [bfloat16, fp8]}]
common_case_values:
  moe: # 2 tokens x 2 distributions x (tp, ep) of 1 1, 1 2, 2 1, 1 4, 2 2; 8 experts, width 6
    {token_counts: [1, 9], tensor_parallel_sizes: [1, 2, 4], expert_parallel_sizes: [1, 2, 4, 16],
     gpu_counts: [1, 2, 4], token_expert_distributions: [{name: balanced, power_law_alpha: 0.0},
     {name: power_law, power_law_alpha: 1.01}, {name: power_law, power_law_alpha: 1.2}]}
YAML
shapes() { solcheck measure --cases shapes.yaml --device cuda --plan "$@" > out 2> err; }
count() { grep -c ' hot ' out; }
shapes --op gemm --phase context; is "shapes: gemm" "$(count)" 24
shapes --op attention --phase context; is "shapes: context attention" "$(count)" 32
ok "shapes: fp8 cache" has 'kv=fp8' out
shapes --op attention --phase context --dtype kv=bf16 --param num_heads=4
is "shapes: filtered" "$(count)" 11
shapes --op attention --phase generation; is "shapes: generation attention" "$(count)" 14
shapes --op mla_bmm --phase generation; is "shapes: mla_bmm" "$(count)" 8
ok "shapes: post" has 'post=1' out
shapes --op moe --phase context --param num_experts=8 --param moe_intermediate_size=6 --param top_k=2 \
    --param hidden_size=32
is "shapes: moe" "$(count)" 20
shapes --op moe --tp 2; is "shapes and tp" $? 2
shapes --op rope; is "shapes: of other ops" $? 3

# The progress line fits the terminal.
if test "${PYTHON3:-no}" != no; then
    cat > terminal.py <<'PY'
import fcntl, os, pty, struct, sys, termios
columns, command = int(sys.argv[1]), sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execvp(command[0], command)
seen = b""
try:
    while True:
        seen += os.read(fd, 4096)
except OSError:
    pass
os.waitpid(pid, 0)
lines = [line for line in seen.replace(b"\n", b"\r").split(b"\r") if b"/10 points " in line]
widest = max(len(line.replace(b"\x1b[K", b"")) for line in lines)
print(len(lines) > 5, widest == columns - 1 if columns < 40 else widest < columns)
PY
    for columns in 37 80; do
        is "progress in $columns columns" "$("$PYTHON3" terminal.py $columns solcheck measure --op gemm \
            --param n=64 --cases cases.yaml --device cuda --store t$columns.db)" "True True"
    done
fi

# JSON: the plan, the results, and for each point the command that measures it again.
if test "${PYTHON3:-no}" != no; then
    # The store says what points take beside their launches; the division into shards stays.
    measure --plan --param n=112 --shard 2/3 > out; grep ' hot ' out | cut -c1-40 > shard1
    ok "plan: nothing learnt yet" has '^beside launches: what points took on an H100' out
    "$PYTHON3" -c 'import sqlite3
c = sqlite3.connect("a.db")
c.execute("UPDATE points SET wall_s = 3.7 WHERE phase = ?", ("context",))
c.commit()'
    measure --plan --param n=112 --store a.db; is "plan: 8 context points of 3.7 s" \
        "$(sed -n 's/^10 points, about //p' out)" "30 s"
    ok "plan: learnt" has '^beside launches: what the points in the store took' out
    measure --plan --param n=112 --store a.db --shard 2/3
    grep ' hot ' out | cut -c1-40 > shard2; ok "plan: the same shard" cmp -s shard1 shard2
    measure --plan --json; is "JSON plan: status" $? 0
    ok "JSON plan" "$PYTHON3" -c 'import json
d = json.load(open("out"))
assert len(d["points"]) == d["count"]["to do"] == 10 and d["seconds_left"] > 0
assert all(p["state"] == "to do" and "result" not in p for p in d["points"])'
    SC_FAKE_FAULTS="crash:b=4,s=1 " measure --store j.db --json; is "JSON: status" $? 1
    ok "JSON: results" "$PYTHON3" -c 'import json
d = json.load(open("out"))
done = [p for p in d["points"] if p["state"] == "measured"]
assert d["count"]["measured"] == len(done) == 9 and d["count"]["failed"] == 1
assert all(p["result"]["latency_s"] > 0 and p["result"]["kernel_source"] for p in done)
bad, = [p for p in d["points"] if p["state"] == "failed"]
assert (bad["b"], bad["s"], bad["code"]) == (4, 1, "SC3011") and "signal 11" in bad["why"]
print(bad["repro"])' > repro
    eval "$(tail -1 repro) --store r.db" > out 2> err; is "repro: status" $? 0
    is "repro: the same point" "$(solcheck export r.db | tail -n +2 | cut -d, -f6-8,10,11)" 64,96,bf16,4,1
fi
measure --set b=1,s=1 --plan; is "set and cases" $? 2

# Memory: predicted from the plan, before anything is allocated.
SC_FAKE_LOG=log SC_FAKE_MEMORY=60000 measure --store m.db --param n=320; is "memory: status" $? 0
ok "memory: predicted" has 'left out: it needs .* GiB, .* GiB are available (predicted) \[SC3004\]' err
ok "memory: not tried" test ! -s log

# kill -9 of the parent at any moment, then the same command.
for round in 1 2 3; do
    SC_FAKE_SLOW=1 SC_FAKE_LOG=log$round measure --store k.db --quiet &
    pid=$!
    n=$(rows k.db)
    while test "$(rows k.db)" -lt $((n + 1)) && kill -0 $pid 2>/dev/null; do sleep 0.1; done
    parent=$(pgrep -P $pid 2>/dev/null | head -1)
    kill -9 ${parent:-$pid} 2>/dev/null; kill -9 $pid 2>/dev/null
    wait $pid 2>/dev/null
done
before=$(rows k.db)
ok "kill -9: some rows" test "$before" -ge 3
measure --store k.db; is "kill -9: resumed" "$(rows k.db)" 10
ok "kill -9: nothing twice" has "$((10 - before)) measured, $before there already" out

# SIGINT ends after the point in flight.
SC_FAKE_SLOW=1 timeout --foreground --preserve-status -s INT 2 solcheck measure --op gemm --param n=64 --param k=96 \
    --cases cases.yaml --device cuda --store i.db > out 2> err
status=$?
is "SIGINT: status" $status 130
ok "SIGINT: said" has 'stopped by signal 2; the same command goes on \[SC3015\]' err
ok "SIGINT: to do" has ', [0-9]* to do' out
measure --store i.db; is "SIGINT: resumed" "$(rows i.db)" 10

# A second signal does not wait for the point in flight, not even while kernels are profiled.
rm -f profile; SC_FAKE_LOG=profile SC_FAKE_FAULTS="hang:b=1,s=1 " measure --store i.db --kernels --point-limit 20 & pid=$!
while test ! -s profile && kill -0 $pid 2>/dev/null; do sleep 0.1; done
child=$(pgrep -P $pid -x solcheck); child=${child:-$pid}
kill -TERM $child; sleep 0.2; kill -TERM $child 2>/dev/null; wait $pid; is "two signals: status" $? 143
ok "two signals: not waited" test "$(grep -c 'no answer within' err)" = 0

# Shards: disjoint, complete, the same each time; stores are merged.
for i in 1 2 3; do measure --store s$i.db --shard $i/3 --quiet; is "shard $i" $? 0; done
is "shards: complete" "$(rows s1.db s2.db s3.db)" 10
is "shards: disjoint" $(($(rows s1.db) + $(rows s2.db) + $(rows s3.db))) 10
measure --shard 4/3 --plan; is "shard 4/3" $? 2
measure --cache both --shard 1/2 --plan; is "shards: what is left out is no work" "$(grep ' hot ' out | wc -l)" 5
measure --tp 2,1,2 --plan; is "a tp twice" $? 2
measure --device cpux --plan; is "plan: no such device" $? 2
measure --device cpu --plan; ok "plan: a CPU's times" has 'guessed from FLOPs and bytes' out
measure --device cuda:all --plan; is "plan: all GPUs" $? 0

# Two processes, one store; two devices, one process.
measure --store two.db --tp 1 --quiet & measure --store two.db --param n=80 --quiet; wait
is "two writers" "$(rows two.db)" 20
SC_FAKE_DEVICES=2 SC_FAKE_SLOW=1 SC_FAKE_LOG=devices measure --device cuda:all --store d.db
is "two devices: rows" "$(rows d.db)" 10
is "two devices: two workers" "$(sed 's/.*pid=//' devices | sort -u | wc -l)" 2

# Cold and hot in one run; what cannot be proved is not called cold.
SC_FAKE_L2=20000 measure --cache both --store c.db --param n=96000; is "cold: status" $? 0
solcheck export c.db > cold.csv
is "cold: hot rows" "$(grep -c ',hot,' cold.csv)" 10
ok "cold: rows" has ',cold,' cold.csv
SC_FAKE_L2=0 measure --cache cold --store c0.db --param n=96000; is "no cache size: status" $? 0
is "no cache size: rows" "$(rows c0.db)" 0
ok "no cache size: reason" has 'not called cold: the device does not tell .*SC3013' err
measure --cache cold --store c1.db; is "too small: status" $? 0
ok "too small: reason" has 'the plan leaves [0-9]* points out, first .*copies in rotation, at most 256 \[SC3013\]' err
measure --cache lukewarm --store c1.db; is "cache kind" $? 2
solcheck measure --op gemm --points groups_context.csv --where act_group=32 --cache cold --device cuda --store c1.db > out 2> err
ok "left out cold, but for another reason" has 'no act_group.*\[SC3005\]' err

# The Slurm array script, as the scheduler would start it.
for task in 0 1; do
    SLURM_ARRAY_TASK_ID=$task SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=0 \
        sh "$top/docs/slurm-array.sh" slurm --op gemm --param n=64 --param k=96 \
        --cases cases.yaml --device cuda --quiet > out 2> err
    is "slurm: task $task" $? 0
done
is "slurm: all points" "$(rows slurm/*.db)" 10
slurm() { sh "$top/docs/slurm-array.sh" slurm --op gemm --param n=64 --param k=96 --cases cases.yaml --device cuda > out 2> err; }
SHARDS=2 SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=1 SLURM_ARRAY_TASK_MIN=1 slurm
ok "slurm: one task again" has '^slurm/shard-2-of-2.db: 0 measured' out
SLURM_ARRAY_TASK_ID=6 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=4 SLURM_ARRAY_TASK_STEP=2 slurm
ok "slurm: a step" has '^slurm/shard-2-of-2.db: 0 measured' out
SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=2 SLURM_ARRAY_TASK_MIN=1 slurm; is "slurm: holes" $? 2
ok "slurm: holes: why" has 'SHARDS' err
ok "slurm: two stores" test "$(ls slurm/*.db | wc -l)" = 2

# JUnit: well-formed, as many cases as the text has lines, failures marked.
check() { solcheck check --op gemm --param n=64 --param k=96 --device cpu "$@" 2> err; }
check > text; check --format junit > junit.xml; is "junit: status" $? 0
is "junit: cases" "$(grep -c '<testcase' junit.xml)" "$(grep -c '^pass\|^skip\|^FAIL' text)"
if test "${PYTHON3:-no}" != no; then
    ok "junit: XML" "$PYTHON3" -c 'import sys, xml.etree.ElementTree as e
r = e.parse("junit.xml").getroot()
sys.exit(not (r.tag == "testsuite" and int(r.get("tests")) == len(r) and r.get("failures") == "0"))'
fi
check --format yaml > out; is "junit: other formats" $? 2
solcheck check --op gemm --format xml > out 2> err; is "check: format before device" "$(grep -c . err)" 1

echo "$passed passed, $failed failed, 0 skipped"
test $failed = 0
