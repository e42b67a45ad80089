"""Copies the docstrings of the native module into its stub, where editors read them.

    tests/stub.py

They are written once, in Rust. The stub adds the types. Special methods and constants have no
docstring at run time, so the stub keeps those that it has.
"""

import ast
import inspect
import textwrap
from pathlib import Path

from dataclay_metrics import _native

STUB = Path(__file__).resolve().parents[1] / "python" / "dataclay_metrics" / "_native.pyi"
WIDTH = 100


def docstring(text: str, indent: int) -> list[str]:
    """Returns the lines of a docstring in source code."""
    space = " " * indent
    single = f'{space}"""{text}"""'
    if "\n" not in text and len(single) <= WIDTH:
        return [single]
    lines: list[str] = []
    for paragraph in text.split("\n\n"):
        begin = f'{space}"""' if not lines else space
        # The first line of a continued paragraph is the only one that is shorter by the quotes.
        wrapped = textwrap.wrap(paragraph, WIDTH, initial_indent=begin, subsequent_indent=space)
        lines += ["", *wrapped] if lines else wrapped
    return [*lines, f'{space}"""']


def with_docstrings(source: str) -> str:
    """Returns a stub with the docstrings of the module at run time."""
    changes: list[tuple[int, int, list[str]]] = []

    def visit(body: list[ast.stmt], owner: object) -> None:
        for node in body:
            if not isinstance(node, ast.ClassDef | ast.FunctionDef) or node.name[0] == "_":
                continue
            here = getattr(owner, node.name)
            text = inspect.cleandoc(here.__doc__ or "")
            first = node.body[0]
            if text and isinstance(first, ast.Expr):
                lines = docstring(text, first.col_offset)
                changes.append((first.lineno - 1, first.end_lineno or first.lineno, lines))
            if isinstance(node, ast.ClassDef):
                visit(node.body, here)

    visit(ast.parse(source).body, _native)
    lines = source.splitlines()
    for start, end, new in reversed(changes):
        # A body `...` is on the line of its function.
        before = lines[start]
        if before.endswith(": ..."):
            new = [before.removesuffix(" ..."), *new]
        lines[start:end] = new
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    STUB.write_text(with_docstrings(STUB.read_text()))
