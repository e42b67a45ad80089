#!/bin/sh
# Puts valgrind and pkg-config into DIR/bin, which the C tests need in addition to a compiler.
#
#   tests/c/tools.sh DIR
#
# A program that is already on PATH is not fetched. The others come from Debian packages.
set -eu

dir=$1
rm -rf "$dir"
packages=
command -v valgrind >/dev/null || packages="valgrind libc6-dbg"
command -v pkg-config >/dev/null || packages="$packages pkgconf pkgconf-bin libpkgconf3"
mkdir -p "$dir/bin"
# shellcheck disable=SC2086  # the list is meant to be split
[ -z "$packages" ] || tests/unpack-debs.sh "$dir" $packages

if [ -e "$dir/root/usr/bin/valgrind" ]; then
    # By default, valgrind searches for its tools where Debian installs them.
    cat >"$dir/bin/valgrind" <<'WRAPPER'
#!/bin/sh
root=$(readlink -f "$(dirname "$(readlink -f "$0")")/../root")
VALGRIND_LIB=$root/usr/libexec/valgrind exec "$root/usr/bin/valgrind" \
    --extra-debuginfo-path="$root/usr/lib/debug" "$@"
WRAPPER
fi
PATH="$dir/bin:$PATH"
valgrind --quiet --error-exitcode=1 /bin/true || { echo "valgrind does not start" >&2; exit 1; }
valgrind --version
pkg-config --version
