# SC_CUDA: the CUDA module (mock layers on a GPU), a loadable library that solcheck opens at
# run time. --with-cuda=DIR|no; default: nvcc on PATH or in /usr/local/cuda.
# Tells "found" from "found but cannot compile".
AC_DEFUN([SC_CUDA], [
  AC_ARG_WITH([cuda],
    [AS_HELP_STRING([--with-cuda=DIR], [CUDA Toolkit for the GPU module, or no @<:@auto@:>@])],
    [], [with_cuda=auto])
  AC_ARG_VAR([NVCC], [CUDA compiler])
  AC_ARG_VAR([NVCCFLAGS], [flags for the CUDA compiler])
  AC_ARG_VAR([CUDA_GENCODE], [nvcc -gencode options; default sm_80, sm_90a and PTX])
  sc_cuda=no
  sc_cuda_why="not asked for"
  AS_IF([test "x$with_cuda" != xno], [
    AS_CASE([$with_cuda],
      [auto|yes], [sc_cuda_path="$PATH:/usr/local/cuda/bin"],
      [sc_cuda_path="$with_cuda/bin"])
    AC_PATH_PROG([NVCC], [nvcc], [], [$sc_cuda_path])
    AS_IF([test -z "$NVCC"], [sc_cuda_why="nvcc not found"], [
      CUDA_HOME=`AS_DIRNAME(["$NVCC"])`/..
      AS_IF([test -z "$CUDA_GENCODE"],
        [CUDA_GENCODE="-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a -gencode arch=compute_90,code=compute_90"])
      AS_IF([test -z "$NVCCFLAGS"], [NVCCFLAGS="-O3 -lineinfo"])
      AC_MSG_CHECKING([whether $NVCC compiles and links a shared module with cuBLASLt])
      cat > conftest.cu <<_SCEOF
#include <cublasLt.h>
__global__ void k(float *p) { *p = 1; }
extern "C" int sc(float *p) { k<<<1, 1>>>(p); cublasLtHandle_t h; return cublasLtCreate(&h); }
_SCEOF
      AS_IF([$NVCC $CUDA_GENCODE -shared -Xcompiler -fPIC -o conftest.so conftest.cu -lcublasLt >conftest.log 2>&1],
        [sc_cuda=yes
         sc_cuda_why="$NVCC"],
        [sc_cuda_why="$NVCC found but it cannot compile and link (see config.log)"
         cat conftest.log >&AS_MESSAGE_LOG_FD])
      rm -f conftest.cu conftest.so conftest.log
      AC_MSG_RESULT([$sc_cuda])
    ])
    AS_IF([test "x$sc_cuda" = xno && test "x$with_cuda" != xauto],
      [AC_MSG_ERROR([--with-cuda was given but: $sc_cuda_why])])
  ])
  # cuDNN is loaded at run time; its header alone is needed to compile the route.
  sc_cudnn=no
  sc_cudnn_why="no CUDA module"
  AS_IF([test "x$sc_cuda" = xyes], [
    AC_MSG_CHECKING([for cudnn_backend.h of cuDNN 9 or later])
    sc_save_CPPFLAGS=$CPPFLAGS
    CPPFLAGS="$CPPFLAGS -isystem $CUDA_HOME/include"
    AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <cudnn_version.h>
#include <cudnn_backend.h>
#if CUDNN_MAJOR < 9
#error older than cuDNN 9
#endif]], [[cudnnBackendDescriptor_t d; (void)d; (void)CUDNN_TYPE_HANDLE;]])],
      [sc_cudnn=yes
       sc_cudnn_why="header found; the library is loaded at run time"
       AC_DEFINE([HAVE_CUDNN], [1], [Define to 1 if you have <cudnn_backend.h> of cuDNN 9.])],
      [sc_cudnn_why="cudnn_backend.h of cuDNN 9 or later not found"])
    CPPFLAGS=$sc_save_CPPFLAGS
    AC_MSG_RESULT([$sc_cudnn])
  ])
  AC_SUBST([CUDA_GENCODE])
  AC_SUBST([CUDA_HOME])
  AM_CONDITIONAL([HAVE_CUDA], [test "x$sc_cuda" = xyes])
])
