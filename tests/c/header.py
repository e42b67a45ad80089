"""Finds the functions, parameters and fields that a C file declares or calls."""

import re
from pathlib import Path


def code_of(file: Path) -> str:
    """Returns a C file without its comments."""
    return re.sub(r"/\*.*?\*/", "", file.read_text(), flags=re.DOTALL)


def declarations(header: Path) -> list[tuple[str, list[tuple[str, str]]]]:
    """Returns each function with the type and the name of each parameter."""
    # The pattern below cannot skip the parentheses in the type of a pointer to a function.
    code = re.sub(r"void \(\*(\w+)\)\([^()]*\)", r"void *\1", code_of(header))
    return [
        (function, re.findall(r"(\w[\w *]*?) *\b(\w+)(?:,|$)", " ".join(declared.split())))
        for function, declared in re.findall(r"\b(dcm_\w+)\(([^()]*)\);", code)
    ]


def fields_of(header: Path, struct: str) -> list[tuple[str, str]]:
    """Returns the type and the name of each field of a struct."""
    body = re.search(rf"typedef struct {struct} \{{([^}}]*)\}} {struct};", code_of(header))
    return re.findall(r"(\w[\w *]*?) *\b(\w+);", body[1]) if body else []


def functions_of(file: Path, first: str = "") -> set[str]:
    """Returns the functions that a C file declares or calls, if `first` matches their arguments."""
    return set(re.findall(rf"\b(dcm_\w+)\s*\({first}", code_of(file)))
