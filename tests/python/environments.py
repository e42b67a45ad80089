"""Creates environments with dataClay in target/dataclay, for each interpreter of this machine.

`make test` runs this as a program during the compilation, because pip is slow.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSIONS = ["3.10", "3.11", "3.12"]  # both dataClay 4.3.1 and this package support them


def find(version: str) -> str | None:
    """Returns an interpreter of that version: the current one, one on PATH, or one of pyenv."""
    if sys.version.startswith(f"{version}."):
        return sys.executable
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = shutil.which(f"python{version}")
    for candidate in [on_path, *sorted(map(str, pyenv.glob(f"{version}.*/bin/python")))]:
        # pyenv has a shim for each version, which starts only if that version is selected.
        if (
            candidate
            and not subprocess.run(
                [candidate, "-c", ""], capture_output=True, check=False
            ).returncode
        ):
            return candidate
    return None


def environment(version: str) -> Path | None:
    """Creates the environment unless it exists. Returns None if there is no such interpreter."""
    if (found := find(version)) is None:
        return None
    folder = ROOT / "target" / "dataclay" / version
    if not (folder / "ready").exists():
        subprocess.run([found, "-m", "venv", "--clear", str(folder)], check=True)
        requirements = ["--requirement", str(ROOT / "python/requirements-dataclay.txt")]
        subprocess.run([*pip_install(folder), *requirements], check=True)
        (folder / "ready").touch()
    return folder


def pip_install(folder: Path) -> list[str]:
    """Returns the start of a command that installs packages in an environment."""
    return [str(folder / "bin/pip"), "install", "--quiet", "--disable-pip-version-check"]


if __name__ == "__main__":
    for version in VERSIONS:
        environment(version)
