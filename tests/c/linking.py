"""Loads, installs and links the libraries in unusual ways, and runs the results."""

import os
import platform
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from build import HEADER, ROOT, STRICT, TARGET, TESTS, WAYS, build, output, succeeds
from header import functions_of
from tap import Tap, run

GOLDEN = [ROOT / "tests/golden" / name for name in ("metrics.txt", "metrics.openmetrics.txt")]


def check_panic(tap: Tap, directory: Path, prefix: Path) -> None:
    """Runs panic.c with a library that exports a function that panics."""
    build_panic = ["cargo", "build", "--quiet", "-p", "dataclay-metrics-ffi"]
    subprocess.run([*build_panic, "--features", "test-panic"], cwd=ROOT, check=True)
    problems = build(WAYS[0], TESTS / "panic.c", directory / "panic", prefix)
    tap.test(not problems, "panic.c compiles", problems)
    run(tap, "panic", directory / "panic", TARGET / "debug/libdataclay_metrics.so")


def check_tls(tap: Tap, directory: Path, prefix: Path) -> None:
    """Loads the library with and without room in the static thread-local storage of glibc."""
    library = prefix / "lib/libdataclay_metrics.so"
    if platform.machine() == "x86_64":
        relocations = output("readelf", "--relocs", "--wide", library).count("R_X86_64_TLSDESC")
        tap.test(relocations == 1, "an increment uses a TLS descriptor", f"{relocations}")
    flags_1 = output("readelf", "--dynamic", "--wide", library)
    tap.test("STATIC_TLS" not in flags_1, "the library can be loaded by dlopen", flags_1)

    filler = directory / "filler.so"
    compiler = ["cc", "-std=c99", "-O2", "-shared", "-fPIC"]
    subprocess.run([*compiler, "-o", filler, TESTS / "static_tls.c"], check=True)
    fillers = [shutil.copy(filler, directory / f"filler{number}.so") for number in range(64)]
    not_linked = replace(WAYS[0], pkg_config=("--cflags",))
    problems = build(not_linked, TESTS / "tls.c", directory / "tls", prefix)
    tap.test(not problems, "tls.c compiles without warnings", problems)
    none = "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=0"
    run(tap, "tls, with room", directory / "tls", library, "static")
    run(tap, "tls, without reserved room", "env", none, directory / "tls", library, "dynamic")
    run(tap, "tls, with the room filled by others", directory / "tls", library, "dynamic", *fillers)


def check_install(tap: Tap, directory: Path) -> None:
    """Installs below a path with special characters, moves the tree, and compiles against it."""
    first, second = directory / "first & last|one", directory / "moved & last|two"
    target = directory / "another target"
    for path in (first, second):
        shutil.rmtree(path, ignore_errors=True)
    target.unlink(missing_ok=True)
    target.symlink_to(TARGET)
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
    tap.test(f"{first}/lib/own" in installed.stdout, "make install-c prints where it installed")
    first.rename(second)
    os.environ["PKG_CONFIG_PATH"] = str(second / "lib/own/pkgconfig")
    try:
        options = shlex.split(output("pkg-config", "--cflags", "--libs", "dataclay_metrics"))
        private = output("pkg-config", "--static", "--libs", "dataclay_metrics").split()
    finally:
        os.environ["PKG_CONFIG_PATH"] = str(directory / "prefix/lib/pkgconfig")
    source, program = TESTS / "golden.c", directory / "moved"
    compiles, errors = succeeds("cc", "-std=c99", *STRICT, "-o", program, source, *options)
    tap.test(compiles, "a program compiles against a tree that was moved", errors)
    loaded = f"LD_LIBRARY_PATH={second / 'lib/own'}"
    run(tap, "golden, with the moved tree", "env", loaded, program, *GOLDEN)
    tap.test(
        "-lc" not in private, "pkg-config does not add -lc, because the compiler does", f"{private}"
    )


def check_static(tap: Tap, directory: Path, prefix: Path) -> None:
    """Links the static library with another Rust static library, and into a Rust program."""
    library = prefix / "lib/libdataclay_metrics.a"
    symbols = output("nm", "-g", "--defined-only", library).splitlines()
    visible = {line.split()[2] for line in symbols if len(line.split()) == 3}
    difference = visible ^ functions_of(HEADER)
    what = "the static library shows only the functions of the header"
    tap.test(not difference, what, f"{difference}")

    rustc: list[str | Path] = ["rustc", "--edition=2024", "-O"]
    other, program = directory / "libother_staticlib.a", directory / "rust_links"
    as_library = "--crate-type=staticlib"
    subprocess.run([*rustc, as_library, "-o", other, TESTS / "other_staticlib.rs"], check=True)
    # check_panic has built a library that exports dcm_test_panic.
    install = [ROOT / "ffi/install.sh", TARGET / "debug", directory / "panicking"]
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
        links, errors = succeeds(*compiler, TESTS / "two_staticlibs.c", *libraries, *private)
        tap.test(links, f"two Rust static libraries link: {name}", errors)
        if links:
            run(tap, f"two_staticlibs, {name}", out)
    with_ours = ["-L", f"{prefix}/lib", "-l", "static=dataclay_metrics", "-o", str(program)]
    subprocess.run([*rustc, *with_ours, TESTS / "rust_links.rs"], check=True)
    run(tap, "rust_links", program)


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
    status = subprocess.run([directory / "page"], check=False).returncode if not problems else -1
    tap.test(status == 0, "the example of docs/c.md runs", f"{problems} status {status}")
