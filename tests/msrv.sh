#!/bin/sh
# Compiles crates with the oldest Rust that Cargo.toml promises.
#
#   tests/msrv.sh -p CRATE...
#
# That Rust is the one on PATH, rustup's, or Debian's unpacked into target/msrv, whichever is found
# first. Where there is none the check counts as skipped, and says so.
set -eu

rust=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
debian=target/msrv/debian
export RUSTUP_AUTO_INSTALL=0 # a check downloads no toolchain behind its user's back

gives_it() {
    "$@" cargo --version >/dev/null 2>&1 &&
        "$@" rustc --version 2>/dev/null | grep -q "^rustc $rust\."
}

# Debian 12 has it as rustc-web, Debian 13 as rustc. The development library is named because its
# newest version would else be chosen, and refused.
unpack() {
    for suffix in -web ''; do
        tests/unpack-debs.sh "$debian" \
            "rustc$suffix=$rust.*" "libstd-rust$suffix-dev=$rust.*" "cargo$suffix=$rust.*" && return
    done
    return 1
}

if gives_it env; then
    with=env
elif gives_it rustup run "$rust"; then
    with="rustup run $rust"
elif gives_it env PATH="$PWD/$debian/bin:$PATH" || unpack; then
    PATH="$PWD/$debian/bin:$PATH"
    with=env
    gives_it env || { echo "Debian's Rust $rust does not start" >&2; exit 1; }
else
    echo
    echo "SKIPPED  Rust $rust: not on PATH, not in rustup, not in Debian's packages;"
    echo "         \`rustup toolchain install $rust\` lets this check run"
    echo "MSRV: 0 passed, 0 failed, 1 skipped"
    exit
fi

# As maturin builds: the stable ABI needs no interpreter, an extension links to none.
export PYO3_NO_PYTHON=1 PYO3_BUILD_EXTENSION_MODULE=1
echo "cargo check with $($with rustc --version)"
$with cargo check --locked --target-dir target/msrv/build "$@"
