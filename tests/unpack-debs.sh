#!/bin/sh
# Unpacks Debian packages into a directory, without root rights. Nothing is installed or started.
#
#   [SUITE=testing] tests/unpack-debs.sh DIR PACKAGE[=VERSION]...
#
# The packages come from this machine's Debian release, or from SUITE on the same mirror. Their
# dependencies are unpacked too, except those that this machine has. DIR/bin has a wrapper for each
# program, which runs it with the unpacked libraries.
set -eu

dir=$1
shift

if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
    echo "this machine has no apt-get, so Debian's packages cannot be fetched: $*" >&2
    exit 1
fi

rm -rf "$dir"
mkdir -p "$dir/bin" "$dir/root" "$dir/apt/lists/partial" "$dir/apt/archives/partial"
dir=$(cd "$dir" && pwd)

if [ -n "${SUITE:-}" ]; then
    mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -m 1 '/debian/*$')
    echo "deb $mirror $SUITE main" >"$dir/apt/sources.list"
    suite="-o Dir::Etc::SourceList=$dir/apt/sources.list -o Dir::Etc::SourceParts=/dev/null"
fi

# Separate package lists are always fresh, need no root rights, and do not change the system's
# lists.
apt() {
    # shellcheck disable=SC2086  # options, or nothing
    apt-get -qq ${suite:-} \
        -o Dir::State::Lists="$dir/apt/lists" -o Dir::Cache="$dir/apt" \
        -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Retries=3 "$@"
}

echo "downloading $* and their dependencies into $dir"
apt update
apt install --download-only --reinstall --no-install-recommends --yes "$@" >/dev/null
for deb in "$dir"/apt/archives/*.deb; do
    dpkg-deb --extract "$deb" "$dir/root"
done
if [ -d "$dir/root/lib" ] && [ ! -L "$dir/root/lib" ]; then # the wrappers search usr/lib
    cp -a "$dir/root/lib/." "$dir/root/usr/lib"
fi
if [ -d "$dir/root/usr/sbin" ] && [ ! -L "$dir/root/usr/sbin" ]; then # the loop needs usr/bin
    mkdir -p "$dir/root/usr/bin"
    cp -a "$dir/root/usr/sbin/." "$dir/root/usr/bin"
fi
rm -rf "$dir/apt" "$dir/root/usr/share" # 200 MB of manuals and web pages in prometheus

for program in "$dir"/root/usr/bin/*; do
    [ -e "$program" ] || continue # a package of libraries
    cat >"$dir/bin/${program##*/}" <<'WRAPPER'
#!/bin/sh
self=$(readlink -f "$0")
root=${self%/*/*}/root
libraries=$(echo "$root"/usr/lib/*-linux-gnu*)
# A newer C library needs the loader from its package.
for loader in "$root"/usr/lib/*-linux-gnu*/ld-linux-*.so.*; do
    [ -x "$loader" ] && exec "$loader" --library-path "$libraries" "$root/usr/bin/${self##*/}" "$@"
done
LD_LIBRARY_PATH=$libraries exec "$root/usr/bin/${self##*/}" "$@"
WRAPPER
    chmod +x "$dir/bin/${program##*/}"
done
