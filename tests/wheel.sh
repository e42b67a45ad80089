#!/usr/bin/env bash
# Tests the wheel in DIST with every CPython of this machine, each in a clean environment without
# the source tree on its path. Then pip builds and installs the source distribution in an empty
# environment, where the demo must run.
#
#   tests/wheel.sh DIST PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."
dist=$(realpath "$1") python=$(realpath --no-symlinks "$2")
mkdir -p target/test-wheel
# The tests are copied, because pytest could import the sources next to them.
rm -rf target/test-wheel/tests
mkdir -p target/test-wheel/tests
cp -r tests/python tests/golden target/test-wheel/tests/
cp -r README.md docs benches target/test-wheel/

# These do not test the wheel.
others=()
for name in 'dataclay_*' c 'c_*' architecture 'deploy*' documentation stub words; do
    others+=(--ignore-glob="*/test_$name.py")
done
# No file of the packages may have a path of the machine that built it.
unpacked=$(mktemp -d)
trap 'rm -rf "$unpacked"' EXIT
"$python" -m zipfile -e "$dist"/dataclay_metrics-*x86_64.whl "$unpacked"
tar -xzf "$dist"/dataclay_metrics-*.tar.gz -C "$unpacked"
if grep -rlaF -e "$HOME/" -e "$PWD" "$unpacked"; then
    echo "these files contain paths of this machine" >&2
    exit 1
fi

for interpreter in $("$python" tests/interpreters.py); do
    version=$("$interpreter" -c 'import platform; print(platform.python_version())')
    environment=$PWD/target/test-wheel/$version
    echo "== CPython $version ($interpreter)"
    "$interpreter" -m venv --clear "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-index \
        --find-links "$dist" dataclay-metrics
    "$environment/bin/pip" install --quiet --disable-pip-version-check \
        --constraint python/requirements-dev.txt \
        pytest pytest-timeout pytest-xdist prometheus_client protobuf \
        billiard celery eventlet gevent gunicorn multiprocess pathos uvicorn
    (
        cd target/test-wheel
        PATH="$environment/bin:$PATH"
        pytest=(-m pytest -q -p no:cacheprovider "${others[@]}" tests/python)
        python "${pytest[@]}" -n 4 --dist loadfile -m "not timed"
        python -X dev -W error "${pytest[@]}" --at-once=10
        python "${pytest[@]}" -n 2 --dist loadfile -m timed
    )
done

echo "== the source distribution"
environment=$PWD/target/test-wheel/sdist
"$python" -m venv --clear "$environment"
(
    cd target/test-wheel
    "$environment/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        "$dist"/dataclay_metrics-*.tar.gz
    "$environment/bin/dataclay-metrics" demo --seconds 1 --port 0
)
