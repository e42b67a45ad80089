"""The pages name files that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
TREES = "core|python|ffi|tests|benches|docs"


def named(page: Path) -> set[Path]:
    """Returns the files of the project that a page names in code or links to."""
    text = page.read_text()
    code = re.findall(rf"`((?:{TREES})/[^`\s]*)`", text)
    links = re.findall(r"\]\((?!\w+:)([^)#]+)", text)
    return {ROOT / name for name in code} | {page.parent / name for name in links}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_each_file_exists(page: Path) -> None:
    # The page on a new metric type names files that are to be written.
    files = {file for file in named(page) if "histogram" not in file.name}
    missing = [file for file in files if not list(file.parent.glob(file.name))]
    assert missing == []


def test_each_dependency_has_a_reason() -> None:
    page = (ROOT / "docs/dependencies.md").read_text()
    for crate in ("core", "ffi", "python"):
        manifest = (ROOT / crate / "Cargo.toml").read_text()
        section = manifest.partition("\n[dependencies]\n")[2].partition("\n[")[0]
        names = set(re.findall(r"(?m)^([\w-]+)[ .=]", section)) - {"dataclay-metrics-core"}
        assert names, f"{crate} has no dependencies"
        assert {name for name in names if f"`{name}`" not in page} == set(), crate


def test_each_decision_is_listed_and_has_its_three_parts() -> None:
    folder = ROOT / "docs/decisions"
    pages = sorted(folder.glob("[0-9]*.md"))
    listed = re.findall(r"\]\((\d\d-[^)]*)\)", (folder / "README.md").read_text())
    assert listed == [page.name for page in pages]
    for page in pages:
        headings = re.findall(r"(?m)^## (.*)$", page.read_text())
        assert headings == ["Question", "What was measured", "Answer"], page.name


def test_the_version_is_the_same_everywhere_and_dated_in_the_changelog() -> None:
    manifest = (ROOT / "Cargo.toml").read_text()
    (version,) = set(
        re.findall(r'(?m)^(?:dataclay-.*)?\bversion = "([\d.]+)"(?:$|, def)', manifest)
    )
    header = (ROOT / "ffi/include/dataclay_metrics.h").read_text()
    assert f'#define DCM_VERSION "{version}"' in header
    assert f"so.{version}`" in (ROOT / "docs/c.md").read_text()
    headings = re.findall(r"(?m)^## (.*)$", (ROOT / "CHANGELOG.md").read_text())
    assert headings[0] == "Unreleased"
    assert re.fullmatch(rf"{re.escape(version)} - \d{{4}}-\d\d-\d\d", headings[1])
