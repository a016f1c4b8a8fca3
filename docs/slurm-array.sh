#!/bin/sh
# Measures one plan with an array of Slurm jobs, one GPU each:
#   sbatch --array=0-7 --gres=gpu:1 --time=1:00:00 --signal=B:TERM@60 \
#       docs/slurm-array.sh DIR --op mla --tp 1,2,4,8 --grid full
# Every task measures its shard into a store of its own, DIR/shard-I-of-N.db (SQLite's WAL
# does not work on network file systems between nodes). A task that is requeued goes on where
# it stopped. Some tasks of that array again, numbered from 0:
#   SHARDS=8 sbatch --array=3,5 ...
# Afterwards: solcheck export DIR/*.db --out tables/
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -eu
dir=${1:?"usage: slurm-array.sh DIR MEASURE-OPTIONS..."}
shift
id=${SLURM_ARRAY_TASK_ID:?"not started as a Slurm array"}
count=${SHARDS:-${SLURM_ARRAY_TASK_COUNT:?"not started as a Slurm array"}}
if test "${SHARDS:-}"; then task=$((id + 1)); else
    task=$(((id - ${SLURM_ARRAY_TASK_MIN:-0}) / ${SLURM_ARRAY_TASK_STEP:-1} + 1))
fi
if test "$task" -gt "$count"; then
    echo "slurm-array.sh: task $id is none of $count: SHARDS=N says of how many this array has some" >&2
    exit 2
fi
mkdir -p "$dir"
exec solcheck measure --shard "$task/$count" --store "$dir/shard-$task-of-$count.db" "$@"
