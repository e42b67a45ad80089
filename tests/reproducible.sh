#!/usr/bin/env bash
# Builds the wheel and the source distribution of the last commit again, in another folder and with
# another target folder. The new files must equal those in DIST.
#
#   tests/reproducible.sh DIST
set -euo pipefail
dist=$(realpath "$1")
cd "$(dirname "$0")/.."
if [ -n "$(git status --porcelain --untracked-files=no)" ]; then
    echo "the work tree has changes: commit them first" >&2
    exit 1
fi
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git clone --quiet . "$copy/tree"
ln -s "$PWD/.venv" "$copy/tree/.venv"
for stamp in ready maturin wheel; do touch ".venv/$stamp"; done # newer than the sources
CARGO_TARGET_DIR=$copy/target make -C "$copy/tree" wheel
for file in "$dist"/dataclay_metrics-*; do
    cmp "$file" "$copy/tree/dist/$(basename "$file")"
    sha256sum "$file"
done
