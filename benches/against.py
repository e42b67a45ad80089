"""Compares the core of the working tree with that of another revision, in one run.

    python3 benches/against.py REVISION [ROUNDS]

Copies the core of the revision into target/against twice. Builds one program, benches/against.rs,
from both copies and the working tree. The copies get different versions, because Cargo's lock file
has each name and version once. All three use the working tree's profile and lock file, so only core
differs.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "target/against"

MANIFEST = """
[package]
name = "against"
version = "0.0.0"
edition = "2024"

[[bin]]
name = "against"
path = "{root}/benches/against.rs"

[dependencies]
dataclay-metrics-benches = {{ path = "{root}/benches" }}
base = {{ package = "dataclay-metrics-core", path = "../base/core", default-features = false }}
base_again = {{ package = "dataclay-metrics-core", path = "../base_again/core", default-features = false }}
new = {{ package = "dataclay-metrics-core", path = "{root}/core", default-features = false }}

[workspace]
"""


def copy(revision, name, version):
    """Writes the core of a revision to target/against/NAME, as a package of that version."""
    directory = HERE / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    command = ["git", "archive", "--format=tar", revision, "core", "Cargo.toml"]
    tar = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", directory], check=True, input=tar)
    manifest = directory / "Cargo.toml"
    text = re.sub(r'(?m)^version = ".*"$', f'version = "{version}"', manifest.read_text(), count=1)
    manifest.write_text(text)


def profile():
    """Returns the release profile of the working tree as variables of the environment.

    Cargo prefers these variables to the settings of the machine, and those to a manifest.
    """
    manifest = (ROOT / "Cargo.toml").read_text()
    release = re.search(r"(?ms)^\[profile\.release\]\n.*?(?=^\[|\Z)", manifest).group()
    values = {"opt-level": "3"}  # Cargo's default
    values |= re.findall(r'(?m)^([a-z-]+) = "?([^"\n]+)"?$', release)
    prefix = "CARGO_PROFILE_RELEASE_"
    return {prefix + key.upper().replace("-", "_"): value for key, value in values.items()}


def main():
    if not sys.argv[1:]:
        sys.exit(__doc__)
    revision, *rounds = sys.argv[1:]
    command = ["git", "rev-parse", "--verify", "--short", f"{revision}^{{commit}}"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{revision!r} is not a revision of this repository")
    base = done.stdout.strip()
    copy(base, "base", "0.0.1")
    copy(base, "base_again", "0.0.2")
    program = HERE / "program"
    program.mkdir(exist_ok=True)
    (program / "Cargo.toml").write_text(MANIFEST.format(root=ROOT))
    shutil.copy(ROOT / "Cargo.lock", program)
    build = ["cargo", "build", "--quiet", "--release", "--target-dir", HERE / "build"]
    environment = os.environ | profile()
    if subprocess.run(build, cwd=program, env=environment, check=False).returncode:
        sys.exit(
            f"The program does not compile with the core of {base}. If that core lacks a call that"
            "\nbenches/against.rs makes, compare with a later revision, or remove the row."
        )
    print(f"base: {base}; new: the working tree", flush=True)
    subprocess.run([HERE / "build/release/against", *rounds], check=True)


if __name__ == "__main__":
    main()
