"""Compiles the C tests as users build their programs, runs them, and prints TAP.

    tests/c/run.py DIR

DIR/prefix holds the installed library. The test programs are written to DIR.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import library
import linking
from build import HEADER, TESTS, WAYS, Way, build, flags, output
from tap import Tap, run

PROGRAMS = [
    *("metrics", "options", "own_options", "null", "strings", "errors", "after_free", "threads"),
    *("environment", "ports", "fork", "fork_locks", "fork_at_once", "fork_order", "fork_waits"),
    *("daemon", "golden", "signals", "cancel", "in_malloc", "memory", "segment"),
]
# These fork while other threads allocate. In the child, valgrind reports the memory of those
# threads as a leak, and the allocator of the sanitizers may stay locked.
WITHOUT_TOOLS = {"fork_locks", "fork_at_once", "fork_order", "fork_waits", "daemon"}
# These replace functions of the C library, cancel threads, or read figures of its allocator. C++,
# static programs and the tools change the same functions.
ONLY_C = {"signals", "cancel", "in_malloc", "memory", "fork_waits"}
# The leak check of valgrind reads the whole mapping of a segment, which fills 8.3 GiB of tmpfs.
NO_LEAK_CHECK = {"segment"}


def programs(tap: Tap, directory: Path, prefix: Path) -> Iterator[tuple[Way, str, Path]]:
    """Compiles each program in each way. Yields those that compile: way, name, path."""
    sources = {program: TESTS / f"{program}.c" for program in PROGRAMS}
    sources["strings"] = directory / "strings.c"
    sources["strings"].write_text(output(sys.executable, TESTS / "strings.py", HEADER))
    for way in WAYS:
        for program, source in sources.items():
            if program in WITHOUT_TOOLS and way.has_tools:
                continue
            if program in ONLY_C and way != WAYS[0]:
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
    library.check_names(tap, prefix)
    library.check_tests(tap)
    library.check_sources(tap)
    library.check_numbers(tap)
    library.check_increment(tap)
    linking.check_panic(tap, directory, prefix)
    linking.check_tls(tap, directory, prefix)
    linking.check_install(tap, directory)
    linking.check_static(tap, directory, prefix)
    linking.check_page(tap, directory, prefix)
    for way, program, out in programs(tap, directory, prefix):
        arguments = {
            "threads": [str(way.increments)],
            "fork_locks": ["50"],
            "fork_at_once": ["50"],
            "golden": [str(file) for file in linking.GOLDEN],
        }
        under = [*way.under, *["--leak-check=no"] * (bool(way.under) and program in NO_LEAK_CHECK)]
        run(tap, f"{way.name}: {program}", *under, out, *arguments.get(program, []))
    print(f"1..{tap.count}")
    return int(tap.failed)


if __name__ == "__main__":
    sys.exit(main())
