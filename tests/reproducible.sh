#!/usr/bin/env bash
# Builds the wheel and the source distribution of the last commit again, in another folder with
# another target folder. Their bytes must equal those of the files in DIST.
#
#   tests/reproducible.sh DIST
set -euo pipefail
dist=$(realpath "$1")
cd "$(dirname "$0")/.."
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "commit first" >&2; exit 1; }
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git clone --quiet . "$copy/tree"
ln -s "$PWD/.venv" "$copy/tree/.venv"
for stamp in ready maturin wheel; do touch ".venv/$stamp"; done # newer than the copy
CARGO_TARGET_DIR=$copy/target make -C "$copy/tree" wheel
for file in "$dist"/dataclay_metrics-*; do
    cmp "$file" "$copy/tree/dist/$(basename "$file")"
    sha256sum "$file"
done
