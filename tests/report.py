"""Runs test suites in turn and prints how many tests passed, failed and were skipped.

    tests/report.py Rust: COMMAND... Python: COMMAND... C: COMMAND...

The name of a suite selects how its output is read. All suites run, even after a failure. Skipped
tests are listed with their reasons. The exit status is 1 if a test failed, if a suite ended badly
in any other way, or if it ran no test.
"""

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Result:
    """The counts of one suite so far."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: list[str] = field(default_factory=list)


def read_libtest(line: str, result: Result) -> None:
    """Reads Rust's output: one summary per test program, and one per crate's documentation."""
    if counts := re.match(r"test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", line):
        result.passed += int(counts[1])
        result.failed += int(counts[2])
        result.skipped += int(counts[3])
    elif ignored := re.match(r"test (.+) \.\.\. ignored(?:, (.*))?$", line):
        result.reasons.append(f"{ignored[1]}: {ignored[2] or 'no reason given'}")


def read_pytest(line: str, result: Result) -> None:
    """Reads pytest's last line. An expected failure proves nothing, so it counts as skipped."""
    if re.search(r"\d+ \w+.* in [\d.]+s", line):
        counts = {word: int(n) for n, word in re.findall(r"(\d+) (\w+)", line)}
        result.passed = counts.get("passed", 0) + counts.get("xpassed", 0)
        result.failed = sum(counts.get(word, 0) for word in ("failed", "error", "errors"))
        result.skipped = counts.get("skipped", 0) + counts.get("xfailed", 0)
    elif reason := re.match(r"(?:SKIPPED|XFAIL) (.*)", line):
        result.reasons.append(reason[1])


def read_tap(line: str, result: Result) -> None:
    """Reads TAP: `ok 1 - name`, `not ok 2 - name`, `ok 3 - name # SKIP reason`."""
    if not (test := re.match(r"(not )?ok\b[ \d-]*(.*?)(?: # SKIP\S* ?(.*))?$", line)):
        return
    if test[3] is not None:
        result.skipped += 1
        result.reasons.append(f"{test[2]}: {test[3] or 'no reason given'}")
    elif test[1]:
        result.failed += 1
    else:
        result.passed += 1


READERS: dict[str, Callable[[str, Result], None]] = {
    "Rust": read_libtest,
    "Python": read_pytest,
    "Python-threads": read_pytest,
    "C": read_tap,
}


def run(name: str, command: list[str]) -> Result:
    """Runs one suite, and prints its output unchanged."""
    print(f"\n== {name}: {' '.join(command)}", flush=True)
    result = Result()
    ending = follow(command, lambda line: READERS[name](line, result))
    if ending and not result.failed:
        print(f"{name}: the suite itself failed: {ending}")
        result.failed = 1
    if result.passed + result.failed == 0:
        print(f"{name}: the suite ran no test, which counts as a failure")
        result.failed = 1
    return result


def follow(command: list[str], read: Callable[[str], None]) -> str:
    """Runs a command and reads each line of its output. Returns why it failed, or nothing."""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace")
    except OSError as error:
        return str(error)
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            print(line, end="", flush=True)
            read(re.sub(r"\x1b\[[\d;]*m", "", line.rstrip()))  # without its colours
    return f"status {process.returncode}" if process.returncode else ""


def suites(words: list[str]) -> dict[str, list[str]]:
    """Splits the command line at the names of suites."""
    commands: dict[str, list[str]] = {}
    for word in words:
        if word.endswith(":") and word[:-1] in READERS:
            command = commands[word[:-1]] = []
        elif commands:
            command.append(word)
        else:
            sys.exit(f"{word} comes before any of {', '.join(f'{name}:' for name in READERS)}")
    return commands


def main() -> int:
    results = {name: run(name, command) for name, command in suites(sys.argv[1:]).items()}
    print()
    for name, result in results.items():
        for reason in result.reasons:
            print(f"{name} skipped {reason}")
    for name, result in results.items():
        print(f"{name}: {result.passed} passed, {result.failed} failed, {result.skipped} skipped")
    return int(not results or any(result.failed for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
