#!/bin/sh
# Makes bindist/solcheck-VERSION-linux-ARCH.tar.xz from a built tree: a directory that runs
# from anywhere on a machine with the C library alone.
#   bin/solcheck                 finds its libraries in ../lib, its data in ../share/solcheck
#   bin/{framework_ratio,repeat} compare record stores (bench/)
#   lib/                         shared libraries but those of glibc and CUDA
#   lib/solcheck/                the GPU module, where it was built
#   share/solcheck/{sol,data}    ops, systems, recordings
#   share/solcheck/bench         the scripts that measure what those compare
#   share/doc/solcheck/          licences, ours and those of the libraries
# Called by `make bindist` in the build directory, with MAKE, VERSION, LDFLAGS, CC, STRIP.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -eu

srcdir=$1
make=${MAKE:-make}
name=solcheck-$VERSION-linux-$(uname -m)
out=$PWD/bindist
stage=$out/$name

die() { printf 'bindist: %s\n' "$*" >&2; exit 1; }

# Libraries that every machine has with its C library, or gets with its GPU driver.
provided() {
    case $1 in
    linux-vdso.so* | ld-linux* | libc.so* | libm.so* | libdl.so* | libpthread.so* | \
        librt.so* | libresolv.so* | libutil.so* | libcuda.so* | libcudart.so* | \
        libcublas.so* | libcublasLt.so* | libcudnn*.so* | libnvidia-ml.so* | \
        libcupti.so*) return 0 ;;
    esac
    return 1
}

# "soname path" of every library that $1 loads, itself or through others.
libraries() {
    ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $1, $3 }
                    $2 == "=>" && $3 == "not" { print $1, "not-found" }'
}

# A program once more, with a run path beside it. DT_RPATH, not DT_RUNPATH: it also holds
# for what the libraries load themselves.
link_program() {
    made=$1 to=$stage/bin/${1##*/}
    if test -f "$made"; then
        mv "$made" "$made.bindist-keep"
        trap 'mv -f "$made.bindist-keep" "$made"' EXIT
    fi
    "$make" -s "$made" \
        LDFLAGS="${LDFLAGS-} -Wl,--disable-new-dtags -Wl,-rpath,\\\$\$ORIGIN/../lib" >&2
    mv "$made" "$to"
    if test -f "$made.bindist-keep"; then mv -f "$made.bindist-keep" "$made"; fi
    trap - EXIT
    readelf -d "$to" | grep -q 'RPATH.*\[$ORIGIN/\.\./lib\]' ||
        die "the run path was not set: $(readelf -d "$to" | grep -i path)"
    "${STRIP:-strip}" "$to"
}

copy_libraries() {
    mkdir -p "$stage/lib" "$stage/share/doc/solcheck/libraries"
    libraries solcheck > "$out/libraries"
    while read -r soname path; do
        if provided "$soname"; then continue; fi
        test "$path" != not-found || die "$soname is not found"
        cp -L "$path" "$stage/lib/$soname"
        chmod 755 "$stage/lib/$soname"
        # Debian keeps each library's licence in its package.
        real=$(readlink -f "$path")
        owner=$(dpkg -S "$real" 2>/dev/null | sed 's/[:,].*//;q') || owner=
        licence=/usr/share/doc/$owner/copyright
        if test -n "$owner" && test -f "$licence"; then
            cp "$licence" "$stage/share/doc/solcheck/libraries/$owner"
        fi
    done < "$out/libraries"
    rm -f "$out/libraries"
}

# Does it run on its own, and do all libraries come from here or from glibc?
verify() {
    env -i PATH=/usr/bin:/bin "$stage/bin/solcheck" --version >/dev/null ||
        die "the program does not run"
    libraries "$stage/bin/solcheck" | while read -r soname path; do
        provided "$soname" && continue
        case $path in
        "$stage"/*) ;;
        *) die "$soname comes from $path" ;;
        esac
    done
}

rm -rf "$stage" "$out/install"
mkdir -p "$stage/bin"
"$make" -s install DESTDIR="$out/install" prefix=/p exec_prefix=/p bindir=/p/bin \
    libdir=/p/lib datarootdir=/p/share datadir=/p/share >&2
mkdir -p "$stage/share"
cp -R "$out/install/p/share/." "$stage/share/"
mkdir -p "$stage/lib/solcheck"
if test -d "$out/install/p/lib/solcheck"; then
    cp -R "$out/install/p/lib/solcheck/." "$stage/lib/solcheck/"
fi
rm -rf "$out/install"
for program in solcheck bench/framework_ratio bench/repeat; do
    link_program "$program"
done
mkdir -p "$stage/share/solcheck/bench"
cp "$srcdir/bench/framework_ratio.sh" "$srcdir/bench/framework_goals.csv" \
    "$srcdir/bench/repeat.sh" "$stage/share/solcheck/bench/"
copy_libraries
for file in LICENSE README.md CHANGELOG.md; do
    cp "$srcdir/$file" "$stage/share/doc/solcheck/"
done
verify
(
    cd "$out"
    epoch=${SOURCE_DATE_EPOCH:-$(date +%s)}
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$epoch" -cf - "$name" |
        xz -T0 -6 > "$name.tar.xz"
)
printf 'bindist/%s.tar.xz\n' "$name"
