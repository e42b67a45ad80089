"""Checks what the header declares, what the library exports, and what an increment calls."""

import platform
import re
from pathlib import Path

from build import HEADER, ROOT, TARGET, TESTS, output
from header import code_of, declarations, functions_of
from tap import Tap


def check_names(tap: Tap, prefix: Path) -> None:
    """Compares the functions in the header with those that the library exports."""
    declared = functions_of(HEADER)
    library = prefix / "lib/libdataclay_metrics.so"
    symbols = output("nm", "-D", "--defined-only", library).splitlines()
    exported = {line.split()[-1] for line in symbols}
    tap.test(
        declared == exported,
        "the header declares the functions that the library exports",
        f"{declared ^ exported}",
    )


def check_tests(tap: Tap) -> None:
    """Checks that null.c and after_free.c test every function."""
    declared = functions_of(HEADER)
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
    missing: object = declared - functions_of(TESTS / "null.c") or pointers - nulls
    tap.test(not missing, "null.c passes NULL for every pointer of every function", f"{missing}")

    with_handle = functions_of(HEADER, r"(?:const )?dcm_(?!registry)\w+ \*\w")
    missing = with_handle - functions_of(TESTS / "after_free.c")
    tap.test(not missing, "after_free.c calls every function of a handle", f"{missing}")


def check_sources(tap: Tap) -> None:
    """Checks where the sources of the library export functions, and where they are unsafe."""
    sources = {file: file.read_text() for file in (ROOT / "ffi/src").rglob("*.rs")}
    attributes = [file.name for file, text in sources.items() if "no_mangle" in text]
    tap.test(
        attributes == ["export.rs"]
        and sources[ROOT / "ffi/src/boundary/export.rs"].count("no_mangle") == 1,
        "only the guarded macro exports functions",
        f"no_mangle in {attributes}",
    )
    unsafe = {
        file.parent.name
        for file, text in sources.items()
        if re.search(r"\bunsafe\s*(\{|impl|fn|extern)", text)
    }
    tap.test(unsafe == {"boundary"}, "only the folder boundary has unsafe code", f"{unsafe}")


def check_increment(tap: Tap) -> None:
    """Proves from the machine code that an increment cannot panic.

    It may call only the TLS descriptor, the first increment of a thread, and the code that finds a
    gauge in a segment. The guard handles a panic in that code.
    """
    gauge = r"catch_unwind::cleanup|remember_panic|panic_cannot_unwind|update_shared"
    allowed = "add_first|observe_first|Table::search"
    if platform.machine() == "x86_64":
        allowed += r"|^\*\(%rax\)$"  # the descriptor; linking.py proves that it is the only one
    else:
        allowed += "|__tls_get_addr"
    library = TARGET / "release/libdataclay_metrics.so"
    counts = ("counter_inc", "counter_inc_by", "histogram_observe", "summary_observe")
    for function in (*(f"dcm_{count}" for count in counts), "dcm_gauge_inc", "dcm_gauge_set"):
        code = output("objdump", "-dC", "--no-show-raw-insn", f"--disassemble={function}", library)
        calls = re.findall(r"\b(?:call|bl)\s+(?:\w+ <(?=.*>))?(.*?)>?$", code, re.MULTILINE)
        expected = f"{allowed}|{gauge}" if "gauge" in function else allowed
        others = [call for call in calls if not re.search(expected, call)]
        is_found = f"<{function}>:" in code
        tap.test(is_found and not others, f"{function} cannot panic", f"{others}")


def check_numbers(tap: Tap) -> None:
    """Compares the version and the statuses in the header with those in the sources."""
    cargo = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)
    header = re.search(r'DCM_VERSION "(.*)"', HEADER.read_text())
    config = output("pkg-config", "--modversion", "dataclay_metrics").strip()
    versions = {cargo and cargo[1], header and header[1], config}
    tap.test(
        len(versions) == 1,
        "the header, pkg-config and Cargo.toml have the same version",
        f"{versions}",
    )
    status = (ROOT / "ffi/src/status.rs").read_text()
    in_library = {
        (re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).upper(), number)
        for name, number in re.findall(r"^    (\w+) = (\d+),", status, re.MULTILINE)
    }
    in_header = set(
        re.findall(r"DCM_(?:ERROR_)?(\w+) = (\d+)", enum_of_statuses(HEADER.read_text()))
    )
    tap.test(
        in_library == in_header,
        "the header and the library have the same numbers of statuses",
        f"{in_library ^ in_header}",
    )


def enum_of_statuses(header: str) -> str:
    """Returns the text of ``enum dcm_status``."""
    return header.split("typedef enum dcm_status {")[1].split("}")[0]
