#!/bin/sh
# Compiles crates with the oldest Rust that Cargo.toml supports.
#
#   tests/msrv.sh -p CRATE...
#
# Takes the first of these: the Rust on PATH, rustup's, Debian's unpacked into target/msrv. If there
# is none, the check is skipped, and the output states it.
set -eu

rust=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
debian=target/msrv/debian
export RUSTUP_AUTO_INSTALL=0 # a check must not download a toolchain

has_it() {
    "$@" cargo --version >/dev/null 2>&1 &&
        "$@" rustc --version 2>/dev/null | grep -q "^rustc $rust\."
}

# Debian 12 has it as rustc-web, Debian 13 as rustc. The development library is named, because apt
# would choose its newest version and then refuse it.
unpack() {
    for suffix in -web ''; do
        tests/unpack-debs.sh "$debian" \
            "rustc$suffix=$rust.*" "libstd-rust$suffix-dev=$rust.*" "cargo$suffix=$rust.*" && return
    done
    return 1
}

if has_it env; then
    with=env
elif has_it rustup run "$rust"; then
    with="rustup run $rust"
elif has_it env PATH="$PWD/$debian/bin:$PATH" || unpack; then
    PATH="$PWD/$debian/bin:$PATH"
    with=env
    has_it env || { echo "Debian's Rust $rust does not start" >&2; exit 1; }
else
    echo
    echo "SKIPPED  Rust $rust: not on PATH, not in rustup, not in Debian's packages;"
    echo "         \`rustup toolchain install $rust\` lets this check run"
    echo "MSRV: 0 passed, 0 failed, 1 skipped"
    exit
fi

# This is like maturin: the stable ABI needs no interpreter, and an extension links to none.
export PYO3_NO_PYTHON=1 PYO3_BUILD_EXTENSION_MODULE=1
echo "cargo check with $($with rustc --version)"
$with cargo check --locked --target-dir target/msrv/build "$@"
