"""The stub of the native module holds the docstrings that help() shows."""

from stub import STUB, with_docstrings


def test_the_stub_holds_the_docstrings_of_the_module() -> None:
    """If not, `make build && .venv/bin/python tests/stub.py` copies them."""
    source = STUB.read_text()
    assert with_docstrings(source) == source
