"""Tests the documentation: the files that it names, its lists, and the README's Rust program."""

import os
import re
import shutil
import subprocess
import sys
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
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    # adding-a-metric.md names files that its reader will create.
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


@pytest.mark.timeout(600)  # the first run compiles the library
def test_the_rust_program_of_the_readme_runs_with_its_manifest(tmp_path: Path) -> None:
    """Uses this copy of the library, because the address in the manifest needs a network."""
    readme = (ROOT / "README.md").read_text()
    manifest, program = (
        readme.split(f"```{language}\n")[1].split("```")[0] for language in ("toml", "rust")
    )
    address = 'git = "https://github.com/bsc-dom/dataclay-metrics"'
    assert address in manifest
    local = manifest.replace(address, f'path = "{ROOT / "core"}"')
    # In target/, so that a second run compiles only the program.
    folder = ROOT / "target/readme"
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "Cargo.toml").write_text(f"{local}\n[workspace]\n")
    (folder / "src/main.rs").write_text(program)
    shutil.copy(ROOT / "Cargo.lock", folder)
    done = subprocess.run(
        ["cargo", "run", "--quiet", "--offline"],
        cwd=folder,
        env=os.environ
        | {"CARGO_TARGET_DIR": str(folder / "target"), "CARGO_PROFILE_DEV_DEBUG": "0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics\n", done.stdout)


def test_the_figures_of_the_readme_are_those_of_the_last_benchmark() -> None:
    command = [sys.executable, str(ROOT / "benches/readme.py"), "--check"]
    assert subprocess.run(command, check=False).returncode == 0
