#!/bin/sh
# Installs the C library: shared and static library, header, pkg-config file.
#
#   ffi/install.sh BUILT PREFIX
#
# BUILT is the directory where cargo left the libraries. LIBDIR names another place for libraries
# than PREFIX/lib (lib/x86_64-linux-gnu, lib64); DESTDIR, which packagers know, is put before
# everything that is written.
set -eu

built=$1
prefix=$2
here=$(dirname "$0")
case $prefix in
    /*) ;;
    *) echo "PREFIX=$prefix: must be an absolute path" >&2; exit 1 ;;
esac
libdir=${LIBDIR:-lib}
case $libdir in /*) ;; *) libdir=$prefix/$libdir ;; esac
lib=${DESTDIR:-}$libdir
include=${DESTDIR:-}$prefix/include

# The header is what users compile against, so the version is the one that it tells.
version=$(sed -n 's/^#define DCM_VERSION "\(.*\)"$/\1/p' "$here/include/dataclay_metrics.h")
name=libdataclay_metrics
soname=$(objdump -p "$built/$name.so" | sed -n 's/^ *SONAME *//p')

mkdir -p "$lib/pkgconfig" "$include"
# Removed first: a process that runs with the old library keeps it.
rm -f "$lib/$name.so.$version" "$lib/$name.a"
install -m 755 "$built/$name.so" "$lib/$name.so.$version"
strip --strip-unneeded "$lib/$name.so.$version"
ln -sf "$name.so.$version" "$lib/$soname"
ln -sf "$soname" "$lib/$name.so"
install -m 644 "$built/$name.a" "$lib/$name.a"
strip --strip-debug "$lib/$name.a"
install -m 644 "$here/include/dataclay_metrics.h" "$include/dataclay_metrics.h"
sed -e "s|@prefix@|$prefix|" -e "s|@libdir@|$libdir|" -e "s|@version@|$version|" \
    "$here/dataclay_metrics.pc.in" >"$lib/pkgconfig/dataclay_metrics.pc"
chmod 644 "$lib/pkgconfig/dataclay_metrics.pc"
echo "installed dataclay_metrics $version in $lib and $include"
