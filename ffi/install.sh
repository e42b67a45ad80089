#!/bin/sh
# Installs the C library: shared and static library, header, pkg-config file.
#
#   ffi/install.sh BUILT PREFIX
#
# BUILT is the directory of the libraries that cargo built. LIBDIR is where to install libraries: a
# directory below PREFIX, or an absolute path. The default is lib. DESTDIR is put before every path
# that is written, as packagers expect.
set -eu

built=$1
prefix=${2%/}
here=$(dirname "$0")
case $2 in
    /*) ;;
    *) echo "PREFIX=$2: must be an absolute path" >&2; exit 1 ;;
esac
[ -e "$built/libdataclay_metrics.so" ] || { echo "$built has no libdataclay_metrics.so" >&2; exit 1; }
libdir=${LIBDIR:-lib}
libdir=${libdir%/}
case $libdir in /*) ;; *) libdir=$prefix/$libdir ;; esac
lib=${DESTDIR:-}$libdir
include=${DESTDIR:-}$prefix/include

# The version of the header, because users compile against it.
version=$(sed -n 's/^#define DCM_VERSION "\(.*\)"$/\1/p' "$here/include/dataclay_metrics.h")
name=libdataclay_metrics
soname=$(objdump -p "$built/$name.so" | sed -n 's/^ *SONAME *//p')

mkdir -p "$lib/pkgconfig" "$include"
# Deletes the old files and does not overwrite them, because a running process may use them.
rm -f "$lib/$name.so.$version" "$lib/$name.a"
install -m 755 "$built/$name.so" "$lib/$name.so.$version"
strip --strip-unneeded "$lib/$name.so.$version"
ln -sf "$name.so.$version" "$lib/$soname"
ln -sf "$soname" "$lib/$name.so"
# The static library is one object, which shows only the functions of the header. Otherwise the
# symbols of Rust's standard library clash with those of another Rust library in the same program.
# Rust's section groups are dissolved, because the linker merges groups of the same name.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nm -D --defined-only "$built/$name.so" | sed 's/.* //' >"$work/exported"
ld -r --force-group-allocation $(sed 's/^/-u /' "$work/exported") -o "$work/all.o" "$built/$name.a"
objcopy --keep-global-symbols="$work/exported" --strip-debug -R .llvmbc -R .llvmcmd \
    "$work/all.o" "$work/$name.o"
ar crsD "$lib/$name.a" "$work/$name.o"
chmod 644 "$lib/$name.a"
install -m 644 "$here/include/dataclay_metrics.h" "$include/dataclay_metrics.h"

# Writes a backslash before special characters, as pkg-config files need it.
escape() {
    printf '%s\n' "$1" | sed 's|[^A-Za-z0-9_./-]|\\&|g'
}

# The prefix is relative to the pkg-config file, so that the installed tree can be moved. It is
# absolute if LIBDIR is not below PREFIX.
case $libdir/ in
    *//* | */./* | */../*) below= ;;
    "$prefix"/*) below=${libdir#"$prefix"/} ;;
    *) below= ;;
esac
if [ -n "$below" ]; then
    pc_prefix='${pcfiledir}/..'$(printf '%s\n' "$below" | sed 's|[^/]*|..|g; s|^|/|')
    pc_libdir='${prefix}/'$(escape "$below")
else
    pc_prefix=$(escape "$prefix")
    pc_libdir=$(escape "$libdir")
fi
cat >"$lib/pkgconfig/dataclay_metrics.pc" <<PC
prefix=$pc_prefix
libdir=$pc_libdir
includedir=\${prefix}/include

Name: dataclay_metrics
Description: Counters for hot paths, exported to Prometheus
URL: https://github.com/bsc-dom/dataclay-metrics
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -ldataclay_metrics
Libs.private: -lutil -lrt -lpthread -lm -ldl
PC
chmod 644 "$lib/pkgconfig/dataclay_metrics.pc"
echo "installed dataclay_metrics $version in $lib and $include"
