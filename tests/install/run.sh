#!/bin/sh
# Installs into an empty directory, builds examples/embed.c against what pkg-config says of the
# installed library, and runs it; the library exports what its headers declare, every header
# stands alone, and nothing points back to the build.
# SPDX-License-Identifier: GPL-3.0-or-later WITH additional permission, see LICENSE
set -eu
top=$(cd "${SC_TOP_SRCDIR:-.}" && pwd)
build=$(cd "${SC_TOP_BUILDDIR:-.}" && pwd)
pkg_config=${PKG_CONFIG:-pkg-config}
command -v "$pkg_config" > /dev/null || { echo "SKIPPED: no pkg-config"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAIL $*"; }
variable() { sed -n "s/^$1 = //p" "$build/Makefile" | head -n 1; }

(unset MAKEFLAGS MFLAGS MAKELEVEL; cd "$build" && ${MAKE:-make} -s install DESTDIR="$work") \
    > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
libdir=$(sed -n 's/^libdir=//p' "$build/lib/solcheck.pc" |
    sed "s|\${exec_prefix}|$(variable exec_prefix)|; s|\${prefix}|$(variable prefix)|")
root=$work$libdir
PKG_CONFIG_PATH=$root/pkgconfig PKG_CONFIG_SYSROOT_DIR=$work
export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
flags=$($pkg_config --cflags solcheck) libs=$($pkg_config --libs solcheck)
data=$work$(PKG_CONFIG_SYSROOT_DIR= $pkg_config --variable=pkgdatadir solcheck)
test "$($pkg_config --modversion solcheck)" = "$(variable VERSION)" && ok || bad version
cc=$(variable CC)
options=$(variable CFLAGS)
case $(variable SC_LDFLAGS) in *-fsanitize*) options="$options $(variable SC_LDFLAGS)" ;; esac

# The example, outside of the source tree, without its include path.
cp "$top/examples/embed.c" "$work"
cd "$work"
$cc $options $flags embed.c $libs -o embed && ok || bad "the example does not build"
got=$(env -u SOLCHECK_DATA_DIR LD_LIBRARY_PATH="$root" ./embed "$data") && ok || bad "exit status"
want='bound: 0.1761 ms, 164 GFLOP
token equivalence of mla, context: DISPROVED
decision: token-equivalent'
test "$got" = "$want" && ok || bad "the example prints: $got"

include=${flags#-I}
(cd "${include%% *}" && ls */*.h) > headers
for header in $(cat headers); do
    printf '#include <%s>\nint main(void) { return 0; }\n' "$header" > one.c
    $cc $options $flags -fsyntax-only one.c && ok || bad "$header does not stand alone"
done

if command -v c++ > /dev/null; then
    (cd "$work" && sed -n 's/^/#include </; s/$/>/; p' headers && echo 'int main() { return fit_kind_name(FIT_UNDECIDED) == nullptr; }') > all.cc
    c++ $options $flags all.cc $libs -o all 2> log && LD_LIBRARY_PATH=$root ./all && ok || bad "C++: $(cat log)"
fi

# What is exported is declared; what a header declares is there; internals are neither.
nm -D --defined-only "$root/libsolcheck.so" | awk '$2 == "T" { print $3 }' | sort > exported
sort "$build/libsolcheck.sym" > declared
comm -23 exported declared > more
test -s exported && test ! -s more && ok || bad "exported, but not declared: $(cat more)"
for name in fit_decide sol_prove sc_diag_format; do
    grep -qx $name exported && ok || bad "$name is not exported"
done
# Functions that are declared and not defined would fail only when somebody calls them.
comm -13 exported declared > less
test ! -s less && ok || bad "declared, but not exported: $(cat less)"
readelf -d "$root/libsolcheck.so" 2> /dev/null | grep -q 'SONAME.*libsolcheck\.so\.0' && ok || bad soname
grep -q "$build" "$root/pkgconfig/solcheck.pc" && bad "solcheck.pc names the build" || ok
echo "$passed passed, $failed failed, 0 skipped"
test $failed = 0
