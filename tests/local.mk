# tests/
TESTS += tests/lang/run.sh tests/memory/valgrind.sh tests/docs/run.sh tests/docs/options.sh tests/audit/real.sh tests/audit/hostile.sh tests/audit/anchors.sh tests/audit/roundtrip.sh
dist_check_SCRIPTS += tests/lang/run.sh tests/memory/valgrind.sh tests/docs/run.sh tests/docs/options.sh tests/audit/real.sh tests/audit/hostile.sh tests/audit/anchors.sh tests/audit/roundtrip.sh
EXTRA_DIST += \
	tests/lang/audit.test \
	tests/lang/compare.test \
	tests/lang/decide.test \
	tests/lang/design.test \
	tests/lang/eval.test \
	tests/lang/explain.test \
	tests/lang/lint.test \
	tests/lang/model.test \
	tests/lang/op-files.test \
	tests/lang/plot.test \
	tests/lang/recordings.test \
	tests/lang/tables.test \
	tests/lang/usage.test \
	tests/lang/models/deepseek_v3.json \
	tests/lang/models/deepseek_v32.json \
	tests/lang/models/gpt_oss.json \
	tests/lang/models/llama31.json \
	tests/lang/models/mixtral.json \
	tests/lang/models/nemotron_h.json \
	tests/lang/models/qwen3.json \
	tests/lang/models/qwen3_moe.json \
	tests/lang/ops/rmsnorm.yaml \
	tests/lang/ops/window_attention.yaml

# tests/measure/: solcheck measure on a GPU that is none
check_LTLIBRARIES += fake_module.la
fake_module_la_SOURCES = tests/measure/fake_module.c
fake_module_la_LDFLAGS = $(AM_LDFLAGS) -module -avoid-version -rpath /nowhere
fake_module_la_LIBADD = libscmock.la libscsol.la libscbase.la $(SC_LIBS)
TESTS += tests/measure/run.sh tests/measure/calibrate.sh
dist_check_SCRIPTS += tests/measure/run.sh tests/measure/calibrate.sh

# tests/validate/: seeded faults
TESTS += tests/validate/run.sh
dist_check_SCRIPTS += tests/validate/run.sh
EXTRA_DIST += tests/validate/mutate.py

# tests/cuda_stub/: the CUDA sources without the Toolkit
TESTS += tests/cuda_stub/run.sh
dist_check_SCRIPTS += tests/cuda_stub/run.sh
EXTRA_DIST += \
	tests/cuda_stub/cublasLt.h \
	tests/cuda_stub/cuda.h \
	tests/cuda_stub/cudaTypedefs.h \
	tests/cuda_stub/cuda_bf16.h \
	tests/cuda_stub/cuda_fp16.h \
	tests/cuda_stub/cuda_fp8.h \
	tests/cuda_stub/cuda_runtime.h \
	tests/cuda_stub/cudnn_backend.h \
	tests/cuda_stub/cuda_runtime_api.h \
	tests/cuda_stub/nvtx3/nvToolsExt.h \
	tests/cuda_stub/probe.cu \
	tests/cuda_stub/wrong.cu
