# mock/cuda/: the CUDA module, solcheck_cuda.so, which solcheck loads at run time.
#
# Host code is C in a plain archive, position-independent and with its own copy of what it
# needs of base/ and sol/ (the module must load into any program). Kernels are compiled and
# the module linked by nvcc; the CUDA runtime is linked statically, cuBLASLt dynamically;
# cuDNN, NVML and CUPTI are loaded at run time where they are.
MOCK_CUDA_KERNELS = \
	mock/cuda/append.cu \
	mock/cuda/clock.cu \
	mock/cuda/combine.cu \
	mock/cuda/concat.cu \
	mock/cuda/fill.cu \
	mock/cuda/flash_bf16.cu \
	mock/cuda/flash_fp16.cu \
	mock/cuda/flash_hopper_bf16.cu \
	mock/cuda/flash_hopper_fp16.cu \
	mock/cuda/latent.cu \
	mock/cuda/latent_hopper.cu \
	mock/cuda/moe.cu \
	mock/cuda/moe_hopper.cu \
	mock/cuda/paged_bf16.cu \
	mock/cuda/paged_fp16.cu \
	mock/cuda/probe.cu \
	mock/cuda/stream.cu
MOCK_CUDA_INCLUDES = \
	mock/cuda/cuda.h \
	mock/cuda/decode.cuh \
	mock/cuda/flash.cuh \
	mock/cuda/flash_hopper.cuh \
	mock/cuda/flash_short.cuh \
	mock/cuda/fp8.cuh \
	mock/cuda/kernels.h \
	mock/cuda/mma.cuh \
	mock/cuda/paged.cuh \
	mock/cuda/vector.cuh \
	mock/cuda/wgmma.cuh \
	mock/cuda/wgmma_rows.cuh
MOCK_CUDA_HOST = \
	mock/cuda/append.c \
	mock/cuda/attention.c \
	mock/cuda/case.c \
	mock/cuda/clock.c \
	mock/cuda/cudnn.c \
	mock/cuda/decode.c \
	mock/cuda/device.c \
	mock/cuda/exec.c \
	mock/cuda/gemm.c \
	mock/cuda/hopper.c \
	mock/cuda/moe.c \
	mock/cuda/moe_hopper.c \
	mock/cuda/nvml.c \
	mock/cuda/probe.c \
	mock/cuda/route.c \
	mock/cuda/schedule.c \
	mock/cuda/stream.c \
	mock/cuda/tiling.c \
	mock/cuda/trace.c
EXTRA_DIST += $(MOCK_CUDA_KERNELS) $(MOCK_CUDA_INCLUDES) $(MOCK_CUDA_HOST)

if HAVE_CUDA
MOCK_CUDA_OBJECTS = $(MOCK_CUDA_KERNELS:.cu=.cu.o)

# Never archived: the rule below links the objects.
EXTRA_LIBRARIES = mock/cuda/libsccuda.a
mock_cuda_libsccuda_a_SOURCES = $(MOCK_CUDA_HOST) \
	base/alloc.c base/status.c base/diag.c base/text.c sol/dtype.c mock/number.c
mock_cuda_libsccuda_a_CPPFLAGS = $(AM_CPPFLAGS) -isystem $(CUDA_HOME)/include
mock_cuda_libsccuda_a_CFLAGS = $(AM_CFLAGS) -fPIC

moduledir = $(pkglibdir)
module_SCRIPTS = solcheck_cuda.so
CLEANFILES += solcheck_cuda.so $(MOCK_CUDA_OBJECTS) $(MOCK_CUDA_OBJECTS:.o=.d)

SC_NVCC_V = $(SC_NVCC_V_$(V))
SC_NVCC_V_ = $(SC_NVCC_V_$(AM_DEFAULT_VERBOSITY))
SC_NVCC_V_0 = @echo "  NVCC    " $@;
SC_NVCC_V_1 =

mock/cuda/%.cu.o: $(top_srcdir)/mock/cuda/%.cu
	@$(MKDIR_P) mock/cuda
	$(SC_NVCC_V)$(NVCC) $(CUDA_GENCODE) $(NVCCFLAGS) -I$(top_srcdir) \
		-Xcompiler -fPIC,-fvisibility=hidden -MD -MP -MF mock/cuda/$*.cu.d -MT $@ \
		-c -o $@ $<

# Make knows a rule that links x from x.o, and would try it on x.cu in a build in the source
# tree: sources are made from nothing.
$(addprefix $(top_srcdir)/,$(MOCK_CUDA_KERNELS)): ;

# Headers, once the first build has found them; all of ours before that.
$(MOCK_CUDA_OBJECTS): $(MOCK_CUDA_INCLUDES) mock/random.h
-include $(MOCK_CUDA_OBJECTS:.o=.d)

# The objects by name: nvcc moves linker options to the front, --whole-archive too.
solcheck_cuda.so: $(MOCK_CUDA_OBJECTS) $(mock_cuda_libsccuda_a_OBJECTS)
	$(SC_NVCC_V)$(NVCC) $(CUDA_GENCODE) -shared -cudart static -o $@ $(MOCK_CUDA_OBJECTS) \
		$(mock_cuda_libsccuda_a_OBJECTS) -Xlinker --exclude-libs=ALL \
		-Xlinker -rpath -Xlinker $(CUDA_HOME)/lib64 -lcublasLt -ldl
endif

include tests/gpu/local.mk
