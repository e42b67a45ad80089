"""Runs test suites in parallel, and prints how many tests passed, failed and were skipped.

    tests/report.py Rust: COMMAND... Python: COMMAND... C: COMMAND... then Python: COMMAND...

The suites after `then` measure time, so they start when all suites before it have ended. The name
of a suite selects the reader of its output. The output is printed when the suite ends. Suites with
the same name are counted together. All suites run, even after a failure. Skipped tests are listed
with their reasons. The exit status is 1 if a test or a suite failed, or if a suite ran no test.
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field


@dataclass
class Result:
    """The counts of one suite so far."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: list[str] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.reasons += other.reasons


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


@dataclass
class Suite:
    """A command. Its name selects the reader of its output."""

    name: str
    command: list[str] = field(default_factory=list)


def run(suite: Suite) -> tuple[Suite, Result, list[str]]:
    """Runs one suite. Returns its counts and its output, unchanged."""
    began = time.monotonic()
    result, lines = Result(), [f"\n== {suite.name}: {' '.join(suite.command)}\n"]
    error = run_command(suite.command, lines)
    for line in lines:
        READERS[suite.name](re.sub(r"\x1b\[[\d;]*m", "", line.rstrip()), result)  # no colours
    if error and not result.failed:
        lines.append(f"{suite.name}: the suite failed without a failed test: {error}\n")
        result.failed = 1
    if result.passed + result.failed == 0:
        lines.append(f"{suite.name}: the suite ran no test, which counts as a failure\n")
        result.failed = 1
    lines.append(f"== {suite.name}: {time.monotonic() - began:.0f} s\n")
    return suite, result, lines


def run_command(command: list[str], lines: list[str]) -> str:
    """Runs a command and appends the lines of its output. Returns its error, or an empty string."""
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, stdout=pipe, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except OSError as error:
        return str(error)
    with process:
        assert process.stdout is not None
        lines.extend(process.stdout)
    return f"status {process.returncode}" if process.returncode else ""


def phases(words: list[str]) -> list[list[Suite]]:
    """Splits the command line at each `then`, and at the names of suites."""
    found: list[list[Suite]] = [[]]
    for word in words:
        if word == "then":
            found.append([])
        elif word.endswith(":") and word[:-1] in READERS:
            found[-1].append(Suite(word[:-1]))
        elif found[-1]:
            found[-1][-1].command.append(word)
        else:
            sys.exit(f"{word} comes before any of {', '.join(f'{name}:' for name in READERS)}")
    return found


def main() -> int:
    results: dict[str, Result] = {}
    for suites in phases(sys.argv[1:]):
        with ThreadPoolExecutor(max_workers=len(suites) or 1) as pool:
            for ended in as_completed([pool.submit(run, suite) for suite in suites]):
                suite, result, lines = ended.result()
                print("".join(lines), end="", flush=True)
                results.setdefault(suite.name, Result()).add(result)
    print()
    for name, result in results.items():
        for reason in result.reasons:
            print(f"{name} skipped {reason}")
    for name, result in results.items():
        print(f"{name}: {result.passed} passed, {result.failed} failed, {result.skipped} skipped")
    return int(not results or any(result.failed for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())
