# tests/gpu/: test_layers is skipped (77) where there is no GPU; the others need none
check_PROGRAMS += tests/gpu/test_layers
TESTS += tests/gpu/test_layers
tests_gpu_test_layers_SOURCES = tests/gpu/test_layers.c
tests_gpu_test_layers_LDADD = libscmock.la libscsol.la libscbase.la $(SC_LIBS)
EXTRA_DIST += tests/gpu/test_schedule.c tests/gpu/sanitize.sh tests/gpu/test_tiling.c
if HAVE_CUDA
EXTRA_tests_gpu_test_layers_DEPENDENCIES = solcheck_cuda.so

check_PROGRAMS += tests/gpu/test_schedule tests/gpu/test_tiling
TESTS += tests/gpu/test_schedule tests/gpu/test_tiling
tests_gpu_test_schedule_SOURCES = tests/gpu/test_schedule.c \
	mock/cuda/case.c mock/cuda/schedule.c mock/cuda/cuda.h
tests_gpu_test_schedule_CPPFLAGS = $(AM_CPPFLAGS) -isystem $(CUDA_HOME)/include
tests_gpu_test_schedule_LDADD = libscsol.la libscbase.la $(SC_LIBS)
tests_gpu_test_tiling_SOURCES = tests/gpu/test_tiling.c \
	mock/cuda/case.c mock/cuda/tiling.c mock/cuda/cuda.h
tests_gpu_test_tiling_CPPFLAGS = $(AM_CPPFLAGS) -isystem $(CUDA_HOME)/include
tests_gpu_test_tiling_LDADD = libscsol.la libscbase.la $(SC_LIBS)
endif
