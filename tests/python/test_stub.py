"""Tests that the stub of the native module has the docstrings that help() shows."""

import pytest
from stub import STUB, with_docstrings


@pytest.mark.alone  # CPython 3.11 shares the limit on the depth of a syntax tree among threads
def test_the_stub_has_the_docstrings_of_the_module() -> None:
    """Fails until `make build && .venv/bin/python tests/stub.py` has copied them."""
    source = STUB.read_text()
    assert with_docstrings(source) == source
