"""Runs every Python example of the README and the guides, each in a new interpreter."""

import re
from pathlib import Path

import interpreter
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = [
    example
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    for example in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    if "from dataclay import" not in example  # test_dataclay_readme.py runs it
]


def test_the_pages_have_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_each_example_runs(example: str) -> None:
    # Another program on this machine may use the default port.
    ended = interpreter.run("-W", "error", "-c", example, DATACLAY_METRICS_PORT="0")
    assert ended.status == 0, ended.stderr
