#!/bin/sh
# The CUDA sources without the CUDA Toolkit: syntax and types of the host files by the C
# compiler, of the kernels by clang in CUDA mode (for the host, and for the device as compute
# capability 8.0 and 9.0), all against the small headers beside this script. Ends with "N
# passed, N failed, N skipped"; exits 77 where nothing can be checked.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -u
top=$(cd "${SC_TOP_SRCDIR:-.}" && pwd)
build=$(cd "${SC_TOP_BUILDDIR:-.}" && pwd)
stub=$top/tests/cuda_stub
cd "$top" || exit 2
log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
passed=0 failed=0 skipped=0
check() { # what, then a compiler's command
    what=$1; shift
    if "$@" > "$log" 2>&1; then passed=$((passed + 1)); else
        failed=$((failed + 1)); echo "FAIL: $what"; head -n 20 "$log"
    fi
}
host() {
    $cc -std=gnu11 -Wall -Wextra -Wmissing-prototypes -Werror -fsyntax-only \
        -I"$top" -I"$build" -isystem "$stub" "$@"
}
kernel() { # side, file
    # shellcheck disable=SC2086
    "$clang" -x cuda -std=c++17 -nocudainc -nocudalib --cuda-gpu-arch=sm_80 -fsyntax-only \
        -Werror -Wno-unknown-cuda-version -Wno-builtin-macro-redefined $1 \
        -include "$stub/cuda_runtime.h" -isystem "$stub" -I"$top" "$2"
}
# Does it take kernels at all? gcc does not, nor does a clang without the NVPTX target.
works() {
    clang=$1
    command -v "$clang" > /dev/null 2>&1 && kernel --cuda-device-only "$stub/probe.cu" > "$log" 2>&1
}

cc=${CC:-gcc}
if command -v "${cc%% *}" > /dev/null 2>&1; then
    for file in mock/cuda/*.c; do check "$file" host "$file"; done
    check "mock/cuda/cudnn.c, with cuDNN" host -DHAVE_CUDNN=1 mock/cuda/cudnn.c
else
    echo "SKIP: no C compiler: the host files of the CUDA module are NOT checked"
    skipped=$((skipped + 1))
fi

found=
for name in "${CLANG:-clang}" clang-19 clang-18 clang-17 clang-16 clang-15 clang-14; do
    if works "$name"; then found=$name; break; fi
done
if test -n "$found"; then
    clang=$found
    for file in mock/cuda/*.cu; do
        check "$file, host" kernel --cuda-host-only "$file"
        check "$file, 8.0" kernel --cuda-device-only "$file"
        check "$file, 9.0" kernel "--cuda-device-only -U__CUDA_ARCH__ -D__CUDA_ARCH__=900 -D__CUDA_ARCH_FEAT_SM90_ALL" "$file"
    done
    # What it is for: a call that does not fit its kernel is found.
    if kernel --cuda-host-only "$stub/wrong.cu" > "$log" 2>&1; then
        failed=$((failed + 1)); echo "FAIL: a wrong argument of a kernel was accepted"
    else
        passed=$((passed + 1))
    fi
else
    echo "SKIP: no clang that takes CUDA (apt-get install clang): kernels are NOT checked"
    skipped=$((skipped + 1))
fi
echo "$passed passed, $failed failed, $skipped skipped"
if test $passed = 0 && test $failed = 0; then exit 77; fi
test $failed = 0
