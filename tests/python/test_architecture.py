"""Compares ARCHITECTURE.md with the code, and tests the program that does so."""

from pathlib import Path

import pytest
from architecture import ROOMS, ROOT, layers, misplaced, rooms, rows_of, trees, upward, violations
from arrows import Tree, read, room

pytestmark = pytest.mark.alone  # ten threads would write the same files

PAGE = (ROOT / "ARCHITECTURE.md").read_text()
TREES = {tree.name: (tree, bound) for tree, bound in trees(ROOT)}


@pytest.mark.parametrize("name", TREES)
def test_the_code_follows_the_table_of_layers(name: str) -> None:
    tree, bound = TREES[name]
    found = violations(tree, layers(PAGE), bound)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("folder", ROOMS)
def test_the_code_follows_the_levels_of_a_room(folder: str) -> None:
    found = upward(room(TREES["core/src"][0], folder), rooms(PAGE)[folder])
    assert not found, "\n".join(found)


def test_restricted_names_are_used_only_where_the_page_allows_it() -> None:
    found = misplaced(ROOT, PAGE)
    assert not found, "\n".join(found)


def test_the_page_has_at_most_150_lines() -> None:
    assert len(PAGE.splitlines()) <= 150


def test_the_map_lists_every_folder() -> None:
    """A folder that has only a `mod.rs` and its unit tests counts as a file, without a row."""
    folders = {
        f"{tree.name}/{folder}"
        for tree, _ in TREES.values()
        for folder, _, name in (file.rpartition("/") for file in tree.files)
        if folder and name != "mod.rs"
    }
    rows = {folder for folders, *_ in rows_of(PAGE, "The map") for folder in folders}
    assert folders - rows == set()
    assert {folder for folder in rows if not (ROOT / folder).is_dir()} == set()


# Example trees, whose file `a` refers to others in each way that Rust and Python have.

RUST = {
    "core/src/lib.rs": "mod a; pub mod b; pub use b::deep::Item;",
    "core/src/b/mod.rs": "pub mod deep; macro_rules! shout { () => {} }",
    "core/src/b/deep.rs": "",
}
PYTHON = {
    "python/dataclay_metrics/__init__.py": "",
    "python/dataclay_metrics/b/__init__.py": "",
    "python/dataclay_metrics/b/deep.py": "",
}


def tree_of(root: Path, files: dict[str, str]) -> Tree:
    """Writes the files, and reads the tree of the first one."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return read(root, "/".join(next(iter(files)).split("/")[:2]))


def arrows_of_a(tree: Tree) -> set[str]:
    return next(targets for file, targets in tree.arrows.items() if file.startswith("a."))


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("use crate::b::deep::Item;", "b/deep.rs"),
        ("use crate::{b::{deep::{self, Item}}};", "b/deep.rs"),
        ("use super::b::deep::*;", "b/deep.rs"),
        ("use crate::b as c; fn f() -> c::deep::Item {}", "b/deep.rs"),
        ("fn f() { use crate::b::deep; }", "b/deep.rs"),
        ("fn f() { crate::b::deep::f::<u8>() }", "b/deep.rs"),
        ("macro_rules! m { () => { $crate::b::deep::f() } }", "b/deep.rs"),
        ("mod inside { use super::super::b::deep::Item; }", "b/deep.rs"),
        ("fn f() { shout!(1) }", "b/mod.rs"),
        ("use crate::b::Item;", "b/mod.rs"),
        ("use crate::Item;", "lib.rs"),
        ("#[cfg(not(test))] use crate::b::deep;", "b/deep.rs"),
        ("fn f(#[pyo3(from_py_with = crate::b::deep::x)] a: u8) {}", "b/deep.rs"),
        ("#[derive(crate::b::deep::Item)] struct A;", "b/deep.rs"),
        ("#[cfg(crate::b::deep)] struct A;", None),
        ("#[cfg(test)] #[derive(crate::b::deep::Item)] struct A;", None),
        ("#[cfg(test)] mod tests { use crate::b::deep; }", None),
        ("#[cfg(test)] use crate::{b::deep}; struct A;", None),
        ("// crate::b::deep\n/* crate::b::deep */", None),
        ('const A: &str = "crate::b::deep"; const B: &str = r#"crate::b::deep"#;', None),
        ("use std::b::deep;", None),
        ("mod inside { pub struct B; } use self::inside::B;", None),
    ],
)
def test_a_reference_in_rust_is_an_arrow(tmp_path: Path, code: str, target: str | None) -> None:
    tree = tree_of(tmp_path, RUST | {"core/src/a.rs": code})
    assert arrows_of_a(tree) == ({target} if target else set())


METHODS = "use super::Item; impl<T> Item<T> { fn unique(&self) {} fn common(&self) {} }"


@pytest.mark.parametrize(
    ("code", "targets"),
    [
        ("fn f(item: &Item) { item.unique() }", {"b/deep.rs"}),
        ("fn f() { Item::unique; }", {"b/deep.rs"}),
        ("fn f(item: &Item) { item.common() } fn common() {}", set()),
        ("fn f() { unique() }", set()),
        ("fn f(item: &Item) { item.own() }", set()),
        ("fn f(item: &Item) { item.of_trait() }", set()),
    ],
)
def test_a_method_call_is_an_arrow_to_the_file_that_extends_the_type(
    tmp_path: Path, code: str, targets: set[str]
) -> None:
    item = "pub struct Item; impl Item { fn own(&self) {} }"
    deep = f"{METHODS} impl Trait for Item {{ fn of_trait(&self) {{}} }}"
    files = {"core/src/b/mod.rs": item, "core/src/b/deep.rs": deep, "core/src/a.rs": code}
    assert arrows_of_a(tree_of(tmp_path, RUST | files)) == targets


@pytest.mark.parametrize(
    ("code", "target"),
    [
        ("from .b.deep import Item", "b/deep.py"),
        ("from .b import deep", "b/deep.py"),
        ("from . import b", "b/__init__.py"),
        ("from .b import Item", "b/__init__.py"),
        ("from . import Item", "__init__.py"),
        ("import dataclay_metrics.b.deep as deep", "b/deep.py"),
        ("from dataclay_metrics.b import deep", "b/deep.py"),
        ("def f():\n    from .b import deep", "b/deep.py"),
        ("if TYPE_CHECKING:\n    from .b import deep", "b/deep.py"),
        ("importlib.import_module('.b.deep', __package__)", "b/deep.py"),
        ("__import__('dataclay_metrics.b.deep')", "b/deep.py"),
        ("from importlib import import_module as load\nload('.b.deep', __package__)", "b/deep.py"),
        ("_LAZY = {'Item': 'b.deep'}", "b/deep.py"),
        ("_LAZY: 'dict[str, str]' = {'Item': 'b.deep'}", "b/deep.py"),
        ("_MODULES = {'b.deep'}", "b/deep.py"),
        ("_MODULES = {'Item': '.b.deep'}", "b/deep.py"),
        ("from b import deep", None),
        ("# from .b import deep", None),
    ],
)
def test_an_import_in_python_is_an_arrow(tmp_path: Path, code: str, target: str | None) -> None:
    tree = tree_of(tmp_path, PYTHON | {"python/dataclay_metrics/a.py": code})
    assert arrows_of_a(tree) == ({target} if target else set())


def test_an_import_in_the_native_module_is_an_arrow(tmp_path: Path) -> None:
    rust = """
        fn f() { py.import(intern!(py, "dataclay_metrics.b.deep"))?; py.import("sys")?; }
        #[pyclass(module = "dataclay_metrics.b")] struct B;
    """
    files = {"python/dataclay_metrics/_native.pyi": "", "python/src/lib.rs": rust}
    tree = tree_of(tmp_path, PYTHON | files)
    assert tree.arrows["_native.pyi"] == {"b/deep.py"}


@pytest.mark.parametrize(
    ("parent", "tests"),
    [
        ("core/src/lib.rs", "core/src/tests.rs"),
        ("core/src/b/mod.rs", "core/src/b/tests.rs"),
        ("core/src/a.rs", "core/src/a/tests.rs"),
        ("core/src/a.rs", "core/src/a/tests/mod.rs"),
    ],
)
def test_a_file_of_tests_is_not_product_code(tmp_path: Path, parent: str, tests: str) -> None:
    files = RUST | {parent: "mod tests;", tests: "use crate::b::deep; use std::net::A;"}
    file = tests.removeprefix("core/src/")
    assert tree_of(tmp_path, files).arrows[file] == {"b/deep.rs"}
    violation = f"{tests} may not use std::net or thread::Builder"
    assert violation in misplaced(tmp_path, ONLY_HERE)
    for condition in ("test", "all(test, not(miri))"):
        tree = tree_of(tmp_path, {parent: f"#[cfg({condition})]\nmod tests;"})
        assert file not in tree.files
        assert violation not in misplaced(tmp_path, ONLY_HERE)


TABLE = """
## Layers

| tree | entries | may use |
|---|---|---|
| `core/src` | | |
| `core/src` | `lib` | `b` |
| `core/src` | `a` | `b` |
| `core/src` | `b` | |
"""
USES = RUST | {"core/src/a.rs": "use crate::b::deep;"}


@pytest.mark.parametrize(
    ("files", "table", "violation"),
    [
        ({}, TABLE, None),
        (
            {"core/src/b/mod.rs": "use crate::a::f;"},
            TABLE,
            "core/src/b may not use a: b/mod.rs -> a.rs",
        ),
        (
            {"core/src/a.rs": ""},
            TABLE,
            "core/src/a may use b, and does not: delete it from the table",
        ),
        ({"core/src/c.rs": ""}, TABLE, "core/src/c has no row"),
        ({}, TABLE + "| `core/src` | `c` | |\n", "core/src/c does not exist"),
        (
            {"core/src/b/deep.rs": "use super::other;", "core/src/b/other.rs": "use super::deep;"},
            TABLE,
            "core/src has a circle of 2 files: b/deep.rs, b/other.rs",
        ),
        (
            {"core/src/b/deep.rs": "use dataclay_metrics_ffi::f;"},
            TABLE,
            "core/src may not use ffi/src: b/deep.rs",
        ),
        (
            {},
            TABLE.replace("`core/src` | | |", "`core/src` | | `ffi/src` |"),
            "core/src may use ffi/src, and does not: delete it from the table",
        ),
    ],
)
def test_each_violation_of_the_layers_is_reported(
    tmp_path: Path, files: dict[str, str], table: str, violation: str | None
) -> None:
    tree = tree_of(tmp_path, USES | files)
    assert violations(tree, layers(table)) == ([violation] if violation else [])


def test_rows_of_one_tree_are_merged() -> None:
    page = "\n## Layers\n\n| `x` `y` | `a` `b` | `c` |\n| | | `d` `e` |\n| `x` | `c` | |\n"
    assert rows_of(page, "Layers") == [
        [["x", "y"], ["a", "b"], ["c", "d", "e"]],
        [["x"], ["c"], []],
    ]
    joined = {"a": {"c", "d", "e"}, "b": {"c", "d", "e"}}
    assert layers(page) == {"x": joined | {"c": set()}, "y": joined}


def test_too_many_entries_are_reported(tmp_path: Path) -> None:
    tree = tree_of(tmp_path, USES)
    assert violations(tree, layers(TABLE), 2) == ["core/src has 3 entries, and may have 2"]
    assert violations(tree, layers(TABLE), 3) == []


LEVELS = "\n## Rooms\n\n| `core/src/x` | `mod` > `a` `b` > `c` |\n"
ROOM = {
    "core/src/x/mod.rs": "mod a; mod b; mod c; use a::A;",
    "core/src/x/a.rs": "use super::c::C; use crate::other::O;",
    "core/src/x/b/mod.rs": "mod deep;",
    "core/src/x/b/deep.rs": "use crate::x::c::C;",
    "core/src/x/c.rs": "",
    "core/src/other.rs": "",
}


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, []),
        (
            {"core/src/x/a.rs": "use crate::x::b::deep::Item;"},
            ["core/src/x/a may not use b: a.rs -> b/deep.rs"],
        ),
        (
            {"core/src/x/c.rs": "use super::a::A;"},
            ["core/src/x/c may not use a: c.rs -> a.rs"],
        ),
        (
            {"core/src/x/c.rs": "use super::A;"},
            ["core/src/x/c may not use mod: c.rs -> mod.rs"],
        ),
        ({"core/src/x/d.rs": "use super::a::A;"}, ["core/src/x/d has no level"]),
    ],
)
def test_each_arrow_up_in_a_room_is_reported(
    tmp_path: Path, files: dict[str, str], found: list[str]
) -> None:
    tree = tree_of(tmp_path, RUST | ROOM | files)
    levels = rooms(LEVELS)["core/src/x"]
    assert levels == [["mod"], ["a", "b"], ["c"]]
    assert upward(room(tree, "core/src/x"), levels) == found
    more = upward(room(tree, "core/src/x"), [*levels, ["e"]])
    assert "core/src/x/e does not exist" in more


def test_a_star_is_every_part_without_a_level(tmp_path: Path) -> None:
    inside = room(tree_of(tmp_path, RUST | ROOM), "core/src/x")
    assert upward(inside, [["mod"], ["*"], ["c"]]) == []
    found = upward(inside, [["mod"], ["c"], ["*"]])
    assert found == [
        "core/src/x/a may not use c: a.rs -> c.rs",
        "core/src/x/b may not use c: b/deep.rs -> c.rs",
    ]


UNUSED = "does not: delete it from the table"
ONLY_HERE = """
## Only here

| what | in | only here |
|---|---|---|
| `unsafe` | `core/src` | `core/src/b` |
| `std::net` `thread::Builder` | `core/src` `ffi/src` | `core/src/b/deep.rs` |
"""


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, []),
        ({"python/src/x.rs": "unsafe fn f() {} use std::net::TcpStream;"}, []),
        (
            {"core/src/a.rs": "use std::{fmt, net::{self, TcpStream}};"},
            ["core/src/a.rs may not use std::net or thread::Builder"],
        ),
        (
            {"ffi/src/x.rs": "fn f() { std::thread::Builder::new(); }"},
            ["ffi/src/x.rs may not use std::net or thread::Builder"],
        ),
        (
            {"core/src/b/deep.rs": "", "core/src/b/mod.rs": "unsafe fn f() {}"},
            [f"core/src/b/deep.rs may use std::net or thread::Builder, and {UNUSED}"],
        ),
        *(
            (
                {"core/src/a.rs": code},
                ["core/src/a.rs may not use std::net or thread::Builder"],
            )
            for code in (
                "use core::net::IpAddr;",
                "use std as s; fn f(address: s::net::IpAddr) {}",
                "use std::thread as t; fn f() { t::Builder::new() }",
                "use std::{self as s}; use s::thread as t; use t::Builder as B;",
                "use core::*; fn f(address: net::IpAddr) {}",
                "type B = std::thread::Builder; fn f() { B::new() }",
                "use std::thread as t; mod inside { fn f() { super::t::Builder::new() } }",
            )
        ),
        ({"core/src/a.rs": "// unsafe\nstruct NotUnsafe; use my::net::A;"}, []),
    ],
)
def test_each_violation_of_only_here_is_reported(
    tmp_path: Path, files: dict[str, str], found: list[str]
) -> None:
    used = {"core/src/b/deep.rs": "use std::net::TcpListener; unsafe fn f() {}"}
    tree_of(tmp_path, RUST | used | files)
    assert misplaced(tmp_path, ONLY_HERE) == found


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("import_module(f'.{name}', __name__)", True),
        ("importlib.import_module(name)", True),
        ("import_module(name='.b')", True),
        ("import_module('.b', 'dataclay_metrics.c')", True),
        ("from importlib import import_module as load\nload(name)", True),
        ("load = __import__", True),
        ("__import__(f'dataclay_metrics.{name}')", True),
        ("__import__('b', globals(), locals(), (), 1)", True),
        ("import_module('.b', __package__)", False),
        ("__import__('multiprocessing.util')", False),
        ("def load(name): ...\nload('x')", False),
    ],
)
def test_a_module_with_a_computed_name_is_reported(
    tmp_path: Path, code: str, is_found: bool
) -> None:
    tree_of(tmp_path, PYTHON | {"python/dataclay_metrics/a.py": code})
    table = "\n## Only here\n\n| `computed import` | `python/dataclay_metrics` | |\n"
    violation = "python/dataclay_metrics/a.py may not use computed import"
    assert misplaced(tmp_path, table) == ([violation] if is_found else [])
    allowed = table.replace("| |", "| `python/dataclay_metrics/a.py` |")
    unused = f"python/dataclay_metrics/a.py may use computed import, and {UNUSED}"
    assert misplaced(tmp_path, allowed) == ([] if is_found else [unused])
