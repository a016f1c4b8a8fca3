#!/usr/bin/env python3
# Makes the corpus of the Parquet fuzz target in a directory: small files in each encoding
# and compression that perf tables come in. Exit status 77 without pyarrow.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
import sys

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError:
    sys.exit(77)

table = pa.table({
    "m": pa.array([1, 7, None, 4096], pa.int64()),
    "n": pa.array([16, 16, 48, 48], pa.uint8()),
    "k": pa.array([64, 64, 64, 64], pa.int32()),
    "gemm_dtype": ["bfloat16", "fp8", "bfloat16", None],
    "latency": pa.array([0.011, 0.013, 0.5, 2.5], pa.float64()),
    "list": [[1], [2, 3], [], None],
})
kinds = {
    "plain": dict(use_dictionary=False, compression="none"),
    "dictionary": dict(compression="snappy"),
    "groups": dict(row_group_size=1, compression="gzip"),
    "new": dict(version="2.6", data_page_version="2.0", compression="zstd"),
}
for name, options in kinds.items():
    pq.write_table(table, f"{sys.argv[1]}/{name}", **options)
