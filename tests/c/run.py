"""Compiles the C tests as users build their programs, runs them, and prints TAP.

    tests/c/run.py DIR

DIR/prefix holds the installed library. The test programs are written to DIR.
"""

import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from header import code_of, declarations, functions_of

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests/c"
HEADER = ROOT / "ffi/include/dataclay_metrics.h"
PROGRAMS = [
    *("metrics", "options", "own_options", "null", "strings", "errors", "after_free", "threads"),
    *("environment", "ports", "fork", "fork_locks", "fork_at_once", "fork_order", "fork_waits"),
    *("daemon", "golden", "signals", "cancel", "in_malloc", "memory", "segment"),
]
GOLDEN = [ROOT / "tests/golden" / name for name in ("metrics.txt", "metrics.openmetrics.txt")]
# These fork while other threads allocate. In the child, valgrind reports the memory of those
# threads as a leak, and the allocator of the sanitizers may stay locked.
ONLY_PLAIN = {"fork_locks", "fork_at_once", "fork_order", "fork_waits", "daemon"}
# These replace functions of the C library, are cancelled, or read its allocator's figures. That is
# for C alone, without tools that do the same.
ONLY_C = {"signals", "cancel", "in_malloc", "memory", "fork_waits"}
# The leak check of valgrind reads the whole mapping of a segment, and so fills 8.3 GiB of tmpfs.
NO_LEAK_CHECK = {"segment"}
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-pthread"]
PATIENCE = 300  # seconds until a program that does not end is killed


@dataclass
class Way:
    """One way to build and run the tests."""

    name: str
    compiler: list[str]
    pkg_config: tuple[str, ...] = ("--cflags", "--libs")
    under: tuple[str, ...] = ()
    plain: bool = True
    increments: int = 1_000_000


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
WAYS = [
    Way("C99", ["cc", "-std=c99", "-O2"]),
    Way("C++17", ["g++", "-std=c++17", "-x", "c++", "-O2"]),
    Way("static", ["cc", "-std=c99", "-static"], ("--static", "--cflags", "--libs")),
    Way("sanitizers", ["cc", "-std=c99", *SANITIZE], plain=False),
    Way("valgrind", ["cc", "-std=c99"], under=VALGRIND, plain=False, increments=20_000),
]


class Tap:
    """Numbers the results and prints them as TAP."""

    def __init__(self) -> None:
        self.count = 0
        self.failed = False

    def test(self, holds: bool, what: str, detail: str = "") -> None:
        self.count += 1
        self.failed |= not holds
        print(f"{'ok' if holds else 'not ok'} {self.count} - {what}")
        if not holds and detail:
            print("\n".join(f"# {line}" for line in detail.splitlines()))
        sys.stdout.flush()


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def flags(prefix: Path, *options: str) -> list[str]:
    """Returns the flags from pkg-config."""
    os.environ["PKG_CONFIG_PATH"] = str(prefix / "lib/pkgconfig")
    return [*output("pkg-config", *options, "dataclay_metrics").split()]


def build(way: Way, source: Path, out: Path, prefix: Path) -> str:
    """Compiles one program. Returns the errors of the compiler, or an empty text."""
    rpath = f"-Wl,-rpath,{prefix / 'lib'}"
    command = [*way.compiler, *STRICT, f"-I{TESTS}", "-o", str(out), str(source)]
    command += ["-x", "none"] if "-x" in way.compiler else []
    done = subprocess.run(
        [*command, *flags(prefix, *way.pkg_config), rpath, "-ldl"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    # Warnings are ignored, because glibc warns about every static program that resolves host names.
    says = [line for line in done.stdout.splitlines() if line.strip()]
    return "" if done.returncode == 0 else "\n".join(says)


def run(tap: Tap, name: str, *command: str | Path) -> None:
    """Runs one test program. Reports one test, and one more for each failed check in it."""
    try:
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        return tap.test(False, f"{name}: ends in time", str(late))
    lines = done.stdout.splitlines()
    passed = sum(line.startswith("ok ") for line in lines)
    for line in lines:
        if refuted := re.match(r"not ok \d+ - (.*)", line):
            tap.test(False, f"{name}: {refuted[1]}")
    well = done.returncode == 0 and f"1..{passed}" in lines
    rest = [line for line in lines if not line.startswith("ok ")]
    tap.test(
        well, f"{name}: {passed} checks", "\n".join([f"status {done.returncode}", *rest[-50:]])
    )


def check_names(tap: Tap, prefix: Path) -> None:
    """Compares the names in the header, in the library and in the tests."""
    declared = functions_of(HEADER)
    symbols = output("nm", "-D", "--defined-only", prefix / "lib/libdataclay_metrics.so").split(
        "\n"
    )
    exported = {line.split()[-1] for line in symbols if line}
    tap.test(
        declared == exported,
        "the header declares what the library exports",
        f"{declared ^ exported}",
    )
    pointers = {
        (function, at)
        for function, parameters in declarations(HEADER)
        for at, (kind, _) in enumerate(parameters)
        if kind.endswith(("*", "_function"))
    }
    nulls = {
        (function, at)
        for function, arguments in re.findall(r"\b(dcm_\w+)\(([^()]*)\)", code_of(TESTS / "null.c"))
        for at, argument in enumerate(arguments.split(","))
        if argument.strip() == "NULL"
    }
    missing = declared - functions_of(TESTS / "null.c") or pointers - nulls
    tap.test(not missing, "null.c passes NULL for every pointer of every function", f"{missing}")

    of_handles = functions_of(HEADER, r"(?:const )?dcm_(?!registry)\w+ \*\w")
    missing = of_handles - functions_of(TESTS / "after_free.c")
    tap.test(not missing, "after_free.c calls every function of a handle", f"{missing}")

    sources = {file: file.read_text() for file in (ROOT / "ffi/src").rglob("*.rs")}
    attributes = [file.name for file, text in sources.items() if "no_mangle" in text]
    tap.test(
        attributes == ["export.rs"]
        and sources[ROOT / "ffi/src/boundary/export.rs"].count("no_mangle") == 1,
        "only the guarded macro exports",
        f"no_mangle in {attributes}",
    )
    unsafe = {
        file.parent.name
        for file, text in sources.items()
        if re.search(r"\bunsafe\s*(\{|impl|fn|extern)", text)
    }
    tap.test(unsafe == {"boundary"}, "only the folder boundary has unsafe code", f"{unsafe}")


def check_increment(tap: Tap) -> None:
    """Proves from the machine code that an increment cannot panic. It may call only the TLS
    descriptor, the first increment of a thread, and the code that finds a gauge in a segment. The
    guard handles a panic in that code."""
    gauge = r"catch_unwind::cleanup|remember_panic|panic_cannot_unwind|update_shared"
    allowed = "add_first|observe_first|Table::search"
    if platform.machine() == "x86_64":
        allowed += r"|^\*\(%rax\)$"  # the descriptor; check_tls proves that it is the only one
    else:
        allowed += "|__tls_get_addr"
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    library = target / "release/libdataclay_metrics.so"
    counts = ("counter_inc", "counter_inc_by", "histogram_observe", "summary_observe")
    for function in (*(f"dcm_{count}" for count in counts), "dcm_gauge_inc", "dcm_gauge_set"):
        code = output("objdump", "-dC", "--no-show-raw-insn", f"--disassemble={function}", library)
        calls = re.findall(r"\b(?:call|bl)\s+(?:\w+ <(?=.*>))?(.*?)>?$", code, re.MULTILINE)
        known = f"{allowed}|{gauge}" if "gauge" in function else allowed
        strange = [call for call in calls if not re.search(known, call)]
        found = f"<{function}>:" in code
        tap.test(found and not strange, f"{function} calls nothing that can panic", f"{strange}")


def check_numbers(tap: Tap, prefix: Path) -> None:
    """Compares the version and the statuses in the header with those in the library."""
    cargo = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    header = re.search(r'DCM_VERSION "(.*)"', HEADER.read_text())
    config = output("pkg-config", "--modversion", "dataclay_metrics").strip()
    versions = {cargo and cargo[1], header and header[1], config}
    tap.test(
        len(versions) == 1, "header, pkg-config and Cargo.toml have the same version", f"{versions}"
    )
    status = (ROOT / "ffi/src/status.rs").read_text()
    ours = {
        (re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper(), number)
        for name, number in re.findall(r"^    (\w+) = (\d+),", status, re.MULTILINE)
    }
    theirs = set(re.findall(r"DCM_(?:ERROR_)?(\w+) = (\d+)", enum_of_statuses(HEADER.read_text())))
    tap.test(
        ours == theirs, "header and library have the same numbers of statuses", f"{ours ^ theirs}"
    )


def enum_of_statuses(header: str) -> str:
    """Returns the text of ``enum dcm_status``."""
    return header.split("typedef enum dcm_status {")[1].split("}")[0]


def check_panic(tap: Tap, directory: Path, prefix: Path) -> None:
    """Tests the panic guard with a library that exports a function that panics."""
    build_panic = ["cargo", "build", "--quiet", "-p", "dataclay-metrics-ffi"]
    subprocess.run([*build_panic, "--features", "test-panic"], cwd=ROOT, check=True)
    problems = build(WAYS[0], TESTS / "panic.c", directory / "panic", prefix)
    tap.test(not problems, "panic.c compiles", problems)
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    run(tap, "panic", directory / "panic", target / "debug/libdataclay_metrics.so")


def check_tls(tap: Tap, directory: Path, prefix: Path) -> None:
    """Tests thread-local storage: static if glibc has room, and the library always loads."""
    library = prefix / "lib/libdataclay_metrics.so"
    if platform.machine() == "x86_64":
        relocations = output("readelf", "--relocs", "--wide", library).count("R_X86_64_TLSDESC")
        tap.test(relocations == 1, "an increment uses a TLS descriptor", f"{relocations}")
    flags_1 = output("readelf", "--dynamic", "--wide", library)
    tap.test("STATIC_TLS" not in flags_1, "the library can be loaded by dlopen", flags_1)

    hog = directory / "hog.so"
    compiler = ["cc", "-std=c99", "-O2", "-shared", "-fPIC"]
    subprocess.run([*compiler, "-o", hog, TESTS / "static_tls.c"], check=True)
    hogs = [shutil.copy(hog, directory / f"hog{number}.so") for number in range(64)]
    not_linked = replace(WAYS[0], pkg_config=("--cflags",))
    problems = build(not_linked, TESTS / "tls.c", directory / "tls", prefix)
    tap.test(not problems, "tls.c compiles without warnings", problems)
    none = "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=0"
    run(tap, "tls, with room for the storage", directory / "tls", library, "static")
    run(tap, "tls, without reserved room", "env", none, directory / "tls", library, "dynamic")
    run(tap, "tls, with the room used by others", directory / "tls", library, "dynamic", *hogs)


def check_install(tap: Tap, directory: Path) -> None:
    """Installs below a path with special characters, moves the tree, and builds against it."""
    first, second = directory / "first & last|one", directory / "moved & last|two"
    target = directory / "another target"
    for path in (first, second):
        shutil.rmtree(path, ignore_errors=True)
    target.unlink(missing_ok=True)
    target.symlink_to(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    installed = subprocess.run(
        ["make", "install-c", f"PREFIX={first}", "DESTDIR=", "LIBDIR=lib/own"],
        env=os.environ | {"CARGO_TARGET_DIR": str(target)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    target.unlink()
    tap.test(installed.returncode == 0, "make install-c takes any PREFIX", installed.stdout)
    tap.test(f"{first}/lib/own" in installed.stdout, "make install-c says where it has installed")
    first.rename(second)
    os.environ["PKG_CONFIG_PATH"] = str(second / "lib/own/pkgconfig")
    try:
        options = shlex.split(output("pkg-config", "--cflags", "--libs", "dataclay_metrics"))
        private = output("pkg-config", "--static", "--libs", "dataclay_metrics").split()
    finally:
        os.environ["PKG_CONFIG_PATH"] = str(directory / "prefix/lib/pkgconfig")
    source, program = TESTS / "golden.c", directory / "moved"
    built = subprocess.run(
        ["cc", "-std=c99", *STRICT, "-o", program, source, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    tap.test(built.returncode == 0, "a tree that was moved can be built against", built.stdout)
    loaded = f"LD_LIBRARY_PATH={second / 'lib/own'}"
    run(tap, "golden, with the moved tree", "env", loaded, program, *GOLDEN)
    tap.test("-lc" not in private, "the compiler adds -lc, not pkg-config", f"{private}")


def check_static(tap: Tap, directory: Path, prefix: Path) -> None:
    """Links the static library with another one of Rust, and into a Rust program."""
    library = prefix / "lib/libdataclay_metrics.a"
    symbols = output("nm", "-g", "--defined-only", library).splitlines()
    visible = {line.split()[2] for line in symbols if len(line.split()) == 3}
    strange = visible ^ functions_of(HEADER)
    tap.test(not strange, "only the header's functions are visible", f"{strange}")

    rustc: list[str | Path] = ["rustc", "--edition=2024", "-O"]
    other, program = directory / "libother_staticlib.a", directory / "rust_links"
    as_library: list[str | Path] = [
        "--crate-type=staticlib",
        "-o",
        other,
        TESTS / "other_staticlib.rs",
    ]
    subprocess.run([*rustc, *as_library], check=True)
    # check_panic has built a library that exports dcm_test_panic.
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    install = [ROOT / "ffi/install.sh", target / "debug", directory / "panicking"]
    subprocess.run(install, check=True, stdout=subprocess.DEVNULL)
    ours = directory / "panicking/lib/libdataclay_metrics.a"
    private = ["-lutil", "-lrt", "-lpthread", "-lm", "-ldl"]
    linked: dict[str, list[str | Path]] = {
        "after": [other, ours],
        "before": [ours, other],
        "static": ["-static", ours, other],
        "whole": ["-Wl,--whole-archive", ours, "-Wl,--no-whole-archive", other],
        "collected": ["-Wl,--gc-sections", ours, other],
    }
    for name, libraries in linked.items():
        out = directory / f"two_staticlibs-{name}"
        compiler: list[str | Path] = [*WAYS[0].compiler, *STRICT, f"-I{TESTS}"]
        compiler += [f"-I{prefix}/include", "-o", out]
        built = subprocess.run(
            [*compiler, TESTS / "two_staticlibs.c", *libraries, *private],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        tap.test(built.returncode == 0, f"two Rust static libraries link: {name}", built.stdout)
        if built.returncode == 0:
            run(tap, f"two_staticlibs, {name}", out)
    with_ours: list[str | Path] = [
        "-L",
        prefix / "lib",
        "-l",
        "static=dataclay_metrics",
        "-o",
        program,
    ]
    subprocess.run([*rustc, *with_ours, TESTS / "rust_links.rs"], check=True)
    run(tap, "a Rust program with the static library", program)


def check_page(tap: Tap, directory: Path, prefix: Path) -> None:
    """Runs the example of options in docs/c.md."""
    example = (ROOT / "docs/c.md").read_text().split("```c\n")[1].split("```")[0]
    source = directory / "page.c"
    source.write_text(
        "#include <dataclay_metrics.h>\nint main(void) {\ndcm_registry *registry;\n"
        "if (dcm_registry_new(&registry) != DCM_OK) return 1;\n"
        f"{example}return status != DCM_OK;\n}}\n"
    )
    problems = build(WAYS[0], source, directory / "page", prefix)
    done = subprocess.run([directory / "page"], check=False).returncode if not problems else -1
    tap.test(done == 0, "the example of docs/c.md runs", f"{problems} status {done}")


def programs(tap: Tap, directory: Path, prefix: Path) -> Iterator[tuple[Way, str, Path]]:
    sources = {program: TESTS / f"{program}.c" for program in PROGRAMS}
    sources["strings"] = directory / "strings.c"
    sources["strings"].write_text(output(sys.executable, TESTS / "strings.py", HEADER))
    for way in WAYS:
        for program, source in sources.items():
            if (program in ONLY_PLAIN and not way.plain) or (program in ONLY_C and way != WAYS[0]):
                continue
            out = directory / f"{program}-{way.name}"
            problems = build(way, source, out, prefix)
            tap.test(not problems, f"{way.name}: {program}.c compiles without warnings", problems)
            if not problems:
                yield way, program, out


def main() -> int:
    directory = Path(sys.argv[1]).resolve()
    prefix = directory / "prefix"
    tap = Tap()
    flags(prefix, "--cflags")
    check_names(tap, prefix)
    check_numbers(tap, prefix)
    check_increment(tap)
    check_panic(tap, directory, prefix)
    check_tls(tap, directory, prefix)
    check_install(tap, directory)
    check_static(tap, directory, prefix)
    check_page(tap, directory, prefix)
    for way, program, out in programs(tap, directory, prefix):
        of_program = {
            "threads": [str(way.increments)],
            "fork_locks": ["50"],
            "fork_at_once": ["50"],
            "golden": [str(file) for file in GOLDEN],
        }
        under = [*way.under, *["--leak-check=no"] * (bool(way.under) and program in NO_LEAK_CHECK)]
        run(tap, f"{way.name}: {program}", *under, out, *of_program.get(program, []))
    print(f"1..{tap.count}")
    return int(tap.failed)


if __name__ == "__main__":
    sys.exit(main())
