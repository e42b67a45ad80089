"""Prints the path of each CPython from 3.10 up on this machine, one per version and build.

Looks on PATH, and where pyenv keeps its versions. Omits free-threaded builds: the wheel uses the
stable ABI, which does not load there.
"""

import os
import subprocess
from pathlib import Path

PROBE = """
import sys, sysconfig
usable = (
    sys.implementation.name == "cpython"
    and sys.version_info >= (3, 10)
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
)
if usable:
    print(sys.base_prefix, ".".join(map(str, sys.version_info[:3])), sep="\\t")
"""


def candidates() -> list[Path]:
    """Returns executables that may be a CPython, the preferred ones first."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = sorted(pyenv.glob("versions/*/bin/python3"))
    for folder in [*os.environ.get("PATH", "").split(os.pathsep), "/usr/bin", "/usr/local/bin"]:
        found += sorted(Path(folder).glob("python3.[0-9]*[0-9]"))
    return found


def interpreters() -> list[str]:
    """Returns the paths, the oldest version first."""
    seen: dict[tuple[str, str], str] = {}
    for path in candidates():
        # A shim of pyenv fails for a version that is not selected, so it is not an interpreter.
        probed = subprocess.run(
            [path, "-I", "-c", PROBE], capture_output=True, text=True, timeout=60, check=False
        )
        if probed.returncode == 0 and probed.stdout:
            prefix, version = probed.stdout.strip().split("\t")
            seen.setdefault((version, prefix), str(path))
    by_version = sorted(seen.items(), key=lambda item: [int(n) for n in item[0][0].split(".")])
    return [path for _, path in by_version]


if __name__ == "__main__":
    print("\n".join(interpreters()))
