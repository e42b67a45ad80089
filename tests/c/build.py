"""Compiles programs as users do: with pkg-config, as C and C++, against either library."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests/c"
HEADER = ROOT / "ffi/include/dataclay_metrics.h"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-pthread"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]
VALGRIND = (
    "valgrind",
    "--quiet",
    "--error-exitcode=99",
    "--leak-check=full",
    # "Possible" leaks are ignored. They are blocks that are only reached by a pointer to their
    # middle. Rust's reference counts and hash tables are such blocks, and some are in statics.
    "--show-leak-kinds=definite,indirect",
    "--errors-for-leak-kinds=definite,indirect",
)


@dataclass
class Way:
    """One way to build and run the tests."""

    name: str
    compiler: list[str]
    pkg_config: tuple[str, ...] = ("--cflags", "--libs")
    under: tuple[str, ...] = ()
    """The command that runs the program, if it does not run directly."""
    has_tools: bool = False
    """Whether valgrind or the sanitizers replace the allocator."""
    increments: int = 1_000_000


WAYS = [
    Way("C99", ["cc", "-std=c99", "-O2"]),
    Way("C++17", ["g++", "-std=c++17", "-x", "c++", "-O2"]),
    Way("static", ["cc", "-std=c99", "-static"], ("--static", "--cflags", "--libs")),
    Way("sanitizers", ["cc", "-std=c99", *SANITIZE], has_tools=True),
    Way("valgrind", ["cc", "-std=c99"], under=VALGRIND, has_tools=True, increments=20_000),
]


def output(*command: str | Path) -> str:
    """Returns what a command prints. Fails if the command does."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def flags(prefix: Path, *options: str) -> list[str]:
    """Returns the flags of the installed library from pkg-config."""
    os.environ["PKG_CONFIG_PATH"] = str(prefix / "lib/pkgconfig")
    return output("pkg-config", *options, "dataclay_metrics").split()


def succeeds(*command: str | Path) -> tuple[bool, str]:
    """Runs a command. Returns whether it succeeds, and its output with its errors."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode == 0, done.stdout


def build(way: Way, source: Path, out: Path, prefix: Path) -> str:
    """Compiles one program. Returns the errors of the compiler, or an empty string."""
    rpath = f"-Wl,-rpath,{prefix / 'lib'}"
    command = [*way.compiler, *STRICT, f"-I{TESTS}", "-o", str(out), str(source)]
    command += ["-x", "none"] if "-x" in way.compiler else []
    compiles, errors = succeeds(*command, *flags(prefix, *way.pkg_config), rpath, "-ldl")
    # Warnings are ignored, because glibc warns about every static program that resolves host names.
    return "" if compiles else errors.strip() or "no output"
