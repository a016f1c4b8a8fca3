# mock/: layers, KV cache, devices (the CPU here, GPUs in mock/cuda), harness, checks
noinst_LTLIBRARIES += libscmock.la
libscmock_la_SOURCES = \
	mock/bench.c mock/bench.h \
	mock/cold.c \
	mock/calibrate.c mock/calibrate.h \
	mock/check.c mock/check.h mock/check_cache.c mock/check_cases.c \
	mock/cpu/append.c \
	mock/cpu/attend.c \
	mock/cpu/cpu.h \
	mock/cpu/device.c \
	mock/cpu/gemm.c \
	mock/cpu/moe.c \
	mock/cpu/pool.c \
	mock/cpu/probe.c \
	mock/cpu/rows.c \
	mock/device.h \
	mock/harness.c mock/harness.h \
	mock/kvcache.c mock/kvcache.h mock/kvcache_private.h \
	mock/layer.c mock/layer.h \
	mock/layers/activation.c \
	mock/layers/attend.c \
	mock/layers/attention.c \
	mock/layers/common.c \
	mock/layers/embedding.c \
	mock/layers/gemm.c \
	mock/layers/layers.h \
	mock/layers/mla.c \
	mock/layers/mla_bmm.c \
	mock/layers/moe.c \
	mock/layers/rmsnorm.c \
	mock/layers/rope.c \
	mock/module.c \
	mock/number.c mock/number.h \
	mock/random.h \
	mock/worker.c mock/worker.h

if HAVE_CRITERION
check_PROGRAMS += tests/unit/test_mock
TESTS += tests/unit/test_mock
tests_unit_test_mock_SOURCES = \
	tests/unit/mock/fake.c tests/unit/mock/fake.h \
	tests/unit/mock/test_calibrate.c \
	tests/unit/mock/test_check.c \
	tests/unit/mock/test_harness.c \
	tests/unit/mock/test_kvcache.c \
	tests/unit/mock/test_layer.c \
	tests/unit/mock/test_number.c \
	tests/unit/mock/test_worker.c
tests_unit_test_mock_CFLAGS = $(AM_CFLAGS) $(CRITERION_CFLAGS)
tests_unit_test_mock_LDADD = libscmock.la libscsol.la libscbase.la $(SC_LIBS) $(CRITERION_LIBS)
endif
