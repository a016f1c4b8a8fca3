# tests/fuzz/: libFuzzer targets. Without --enable-fuzz each is linked with a driver that
# replays its corpus and every truncation of it, which is what `make check` does.
EXTRA_PROGRAMS += tests/fuzz/fuzz_cases tests/fuzz/fuzz_expr tests/fuzz/fuzz_op tests/fuzz/fuzz_system \
	tests/fuzz/fuzz_table
if HAVE_PARQUET
EXTRA_PROGRAMS += tests/fuzz/fuzz_parquet
SC_FUZZ_PARQUET = tests/fuzz/fuzz_parquet solcheck_parquet.so
check_PROGRAMS += tests/fuzz/replay_parquet
endif
check_PROGRAMS += tests/fuzz/replay_cases tests/fuzz/replay_expr tests/fuzz/replay_op tests/fuzz/replay_system \
	tests/fuzz/replay_table
TESTS += tests/fuzz/corpus.sh
dist_check_SCRIPTS += tests/fuzz/corpus.sh tests/fuzz/parquet_corpus.py

SC_FUZZ_LIBS = libscsol.la libscbase.la $(SC_LIBS)
SC_REPLAY = tests/fuzz/replay.c tests/fuzz/fuzz.h tests/fuzz/file.c
tests_fuzz_replay_cases_SOURCES = tests/fuzz/fuzz_cases.c $(SC_REPLAY)
tests_fuzz_replay_cases_LDADD = libsccollector.la $(SC_FUZZ_LIBS)
tests_fuzz_replay_expr_SOURCES = tests/fuzz/fuzz_expr.c $(SC_REPLAY)
tests_fuzz_replay_expr_LDADD = $(SC_FUZZ_LIBS)
tests_fuzz_replay_op_SOURCES = tests/fuzz/fuzz_op.c $(SC_REPLAY)
tests_fuzz_replay_op_LDADD = $(SC_FUZZ_LIBS)
tests_fuzz_replay_system_SOURCES = tests/fuzz/fuzz_system.c $(SC_REPLAY)
tests_fuzz_replay_system_LDADD = $(SC_FUZZ_LIBS)
tests_fuzz_replay_table_SOURCES = tests/fuzz/fuzz_table.c $(SC_REPLAY)
tests_fuzz_replay_table_LDADD = libsccollector.la $(SC_FUZZ_LIBS)
tests_fuzz_replay_parquet_SOURCES = tests/fuzz/fuzz_parquet.c $(SC_REPLAY)
tests_fuzz_replay_parquet_LDADD = libsccollector.la $(SC_FUZZ_LIBS)

# `make fuzz` in a tree configured with CC=clang --enable-fuzz builds the real ones.
SC_FUZZ = tests/fuzz/fuzz.h tests/fuzz/file.c
tests_fuzz_fuzz_cases_SOURCES = tests/fuzz/fuzz_cases.c $(SC_FUZZ)
tests_fuzz_fuzz_cases_LDADD = libsccollector.la $(SC_FUZZ_LIBS)
tests_fuzz_fuzz_cases_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_expr_SOURCES = tests/fuzz/fuzz_expr.c $(SC_FUZZ)
tests_fuzz_fuzz_expr_LDADD = $(SC_FUZZ_LIBS)
tests_fuzz_fuzz_expr_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_op_SOURCES = tests/fuzz/fuzz_op.c $(SC_FUZZ)
tests_fuzz_fuzz_op_LDADD = $(SC_FUZZ_LIBS)
tests_fuzz_fuzz_op_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_system_SOURCES = tests/fuzz/fuzz_system.c $(SC_FUZZ)
tests_fuzz_fuzz_system_LDADD = $(SC_FUZZ_LIBS)
tests_fuzz_fuzz_system_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_table_SOURCES = tests/fuzz/fuzz_table.c $(SC_FUZZ)
tests_fuzz_fuzz_table_LDADD = libsccollector.la $(SC_FUZZ_LIBS)
tests_fuzz_fuzz_table_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_parquet_SOURCES = tests/fuzz/fuzz_parquet.c $(SC_FUZZ)
tests_fuzz_fuzz_parquet_LDADD = libsccollector.la $(SC_FUZZ_LIBS)
tests_fuzz_fuzz_parquet_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz: $(SC_FUZZ_PARQUET) tests/fuzz/fuzz_cases tests/fuzz/fuzz_expr tests/fuzz/fuzz_op tests/fuzz/fuzz_system tests/fuzz/fuzz_table
.PHONY: fuzz

EXTRA_DIST += \
	tests/fuzz/corpus/cases/common.yaml \
	tests/fuzz/corpus/cases/layers.yaml \
	tests/fuzz/corpus/cases/profiles.yaml \
	tests/fuzz/corpus/expr/chained \
	tests/fuzz/corpus/expr/lines \
	tests/fuzz/corpus/expr/numbers \
	tests/fuzz/corpus/expr/polynomial \
	tests/fuzz/corpus/expr/steps \
	tests/fuzz/corpus/expr/sums \
	tests/fuzz/corpus/op/anchors.yaml \
	tests/fuzz/corpus/op/broken.yaml \
	tests/fuzz/corpus/op/small.yaml \
	tests/fuzz/corpus/system/flat.yaml \
	tests/fuzz/corpus/system/small.yaml \
	tests/fuzz/corpus/table/crlf.csv \
	tests/fuzz/corpus/table/plain.csv \
	tests/fuzz/corpus/table/ragged.csv
