#!/bin/sh
# Puts a headless Chromium into DIR/bin. The test of the live page drives it.
#
#   tests/browser.sh DIR
#
# One on PATH is linked. Otherwise Debian's package is unpacked: 64 MB, without a window system.
set -eu

dir=$1
rm -rf "$dir"
mkdir -p "$dir/bin"
for program in chromium-headless-shell chromium; do
    if path=$(command -v "$program"); then
        ln -s "$path" "$dir/bin/chromium-headless-shell"
        break
    fi
done

if [ ! -e "$dir/bin/chromium-headless-shell" ]; then
    "$(dirname "$0")/unpack-debs.sh" "$dir" chromium-headless-shell
    # Debian's script starts the installed browser; some libraries are in folders next to the
    # others.
    cat >"$dir/bin/chromium-headless-shell" <<'WRAPPER'
#!/bin/sh
root=$(readlink -f "$(dirname "$(readlink -f "$0")")/../root")
LD_LIBRARY_PATH=$(find "$root/usr/lib" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :)
export LD_LIBRARY_PATH
exec "$root/usr/lib/chromium/chromium-headless-shell" "$@"
WRAPPER
fi
"$dir/bin/chromium-headless-shell" --version
