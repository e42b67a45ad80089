#!/bin/sh
# Compiles crates with the oldest Rust that Cargo.toml supports.
#
#   tests/msrv.sh -p CRATE...
#
# Uses the Rust on PATH, or rustup's, or Debian's, which is unpacked into target/msrv. Without any
# of them, the check is skipped, and the output states it.
set -eu

rust=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
debian=target/msrv/debian
export RUSTUP_AUTO_INSTALL=0 # a check must not download a toolchain

has_version() {
    "$@" cargo --version >/dev/null 2>&1 &&
        "$@" rustc --version 2>/dev/null | grep -q "^rustc $rust\."
}

# The package is rustc-web in Debian 12 and rustc in Debian 13. libstd-rust-dev is named, because
# apt chooses its newest version otherwise, and then refuses it.
unpack_debian() {
    for suffix in -web ''; do
        tests/unpack-debs.sh "$debian" \
            "rustc$suffix=$rust.*" "libstd-rust$suffix-dev=$rust.*" "cargo$suffix=$rust.*" && return
    done
    return 1
}

if has_version env; then
    with=env
elif has_version rustup run "$rust"; then
    with="rustup run $rust"
elif has_version env PATH="$PWD/$debian/bin:$PATH" || unpack_debian; then
    PATH="$PWD/$debian/bin:$PATH"
    with=env
    has_version env || { echo "Debian's Rust $rust does not start" >&2; exit 1; }
else
    echo
    echo "SKIPPED  Rust $rust: not on PATH, not in rustup, not in Debian's packages;"
    echo "         \`rustup toolchain install $rust\` lets this check run"
    echo "MSRV: 0 passed, 0 failed, 1 skipped"
    exit
fi

# As maturin does: the stable ABI needs no interpreter, and an extension is not linked with one.
export PYO3_NO_PYTHON=1 PYO3_BUILD_EXTENSION_MODULE=1
echo "cargo check with $($with rustc --version)"
$with cargo check --locked --target-dir target/msrv/build "$@"
