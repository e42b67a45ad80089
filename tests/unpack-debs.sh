#!/bin/sh
# Unpacks Debian packages into a directory: needs no root, installs nothing, starts nothing.
#
#   [SUITE=testing] tests/unpack-debs.sh DIR PACKAGE[=VERSION]...
#
# The packages are those of this machine's Debian, or of the suite that is given, from the same mirror.
# With the packages come those of their dependencies that this machine lacks. Afterwards DIR/bin
# holds a wrapper for each program, which runs it with the libraries unpacked beside it.
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

# Package lists of our own are fresh on any machine, need no root, and leave the system's alone.
apt() {
    # shellcheck disable=SC2086  # options, or nothing
    apt-get -qq ${suite:-} \
        -o Dir::State::Lists="$dir/apt/lists" -o Dir::Cache="$dir/apt" \
        -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Retries=3 "$@"
}

echo "fetching $* and what they need into $dir"
apt update
apt install --download-only --reinstall --no-install-recommends --yes "$@" >/dev/null
for deb in "$dir"/apt/archives/*.deb; do
    dpkg-deb --extract "$deb" "$dir/root"
done
if [ -d "$dir/root/lib" ]; then # some packages still ship /lib; the wrappers search one place
    cp -a "$dir/root/lib/." "$dir/root/usr/lib"
fi
rm -rf "$dir/apt" "$dir/root/usr/share" # of prometheus alone, 200 MB of manuals and web pages

for program in "$dir"/root/usr/bin/*; do
    cat >"$dir/bin/${program##*/}" <<'WRAPPER'
#!/bin/sh
self=$(readlink -f "$0")
root=${self%/*/*}/root
LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu*) exec "$root/usr/bin/${self##*/}" "$@"
WRAPPER
    chmod +x "$dir/bin/${program##*/}"
done
