#!/bin/sh
# Puts a headless Chromium into DIR/bin, for the test of the live page.
#
#   tests/browser.sh DIR
#
# A Chromium on PATH is linked. Otherwise Debian's package is unpacked, which has 64 MB.
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
    # Debian's script starts the installed browser, so this one replaces it. The libraries are in
    # several folders.
    cat >"$dir/bin/chromium-headless-shell" <<'WRAPPER'
#!/bin/sh
root=$(readlink -f "$(dirname "$(readlink -f "$0")")/../root")
LD_LIBRARY_PATH=$(find "$root/usr/lib" -name '*.so*' -printf '%h\n' | sort -u | paste -sd :)
export LD_LIBRARY_PATH
exec "$root/usr/lib/chromium/chromium-headless-shell" "$@"
WRAPPER
fi
"$dir/bin/chromium-headless-shell" --version
