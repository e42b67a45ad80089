"""Compares the code with three tables in ARCHITECTURE.md: "Layers", "Rooms" and "Only here".

    tests/architecture.py [ROOT]

Prints the number of entries, arrows and circles of each tree, and each violation of the tables.
"""

import re
import sys
from itertools import product
from pathlib import Path

from arrows import Tree, imports_by_computed_name, read, read_users, room
from rust_source import product_files, renamed, scopes, tokens

ROOT = Path(__file__).resolve().parents[1]
# Each tree with the most entries that it may have, if there is a limit.
TREES: dict[str, int | None] = {
    "core/src": 14,
    "python/src": 14,
    "ffi/src": None,
    "python/dataclay_metrics": None,
}
# Each folder of core whose parts have levels.
ROOMS = ("core/src/count", "core/src/encode", "core/src/exposition", "core/src/metrics")
# These trees have one row each, which names the trees that they may use.
USERS = ("benches", "tests")


def circles(arrows: dict[str, set[str]]) -> list[list[str]]:
    """Returns the sets of files that use each other, directly or through others (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(file: str) -> None:
        index[file] = low[file] = len(index)
        stack.append(file)
        for target in arrows.get(file, ()):
            if target not in index:
                visit(target)
                low[file] = min(low[file], low[target])
            elif target in stack:
                low[file] = min(low[file], index[target])
        if low[file] == index[file]:
            members = stack[stack.index(file) :]
            del stack[-len(members) :]
            if len(members) > 1:
                found.append(sorted(members))

    for file in sorted(arrows):
        if file not in index:
            visit(file)
    return sorted(found)


Layers = dict[str, dict[str, set[str]]]


def rows_of(page: str, heading: str) -> list[list[list[str]]]:
    """Returns the table under a heading: the names in each cell of each row.

    A row whose first cell is empty continues the row before.
    """
    section = page.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    rows: list[list[list[str]]] = []
    for line in re.findall(r"^\| *[`|].*\|$", section, re.MULTILINE):
        cells = [re.findall(r"`([^`]+)`", cell) for cell in line.split("|")[1:-1]]
        if cells[0]:
            rows.append(cells)
        else:
            rows[-1] = [before + more for before, more in zip(rows[-1], cells, strict=True)]
    return rows


def layers(page: str) -> Layers:
    """Reads the table of layers: the entries of each tree, and what each entry may use.

    The entry `""` is the whole tree, with the other trees that it may use.
    """
    table: Layers = {}
    for trees, entries, targets in rows_of(page, "Layers"):
        for tree, entry in product(trees, entries or [""]):
            rows = table.setdefault(tree, {})
            assert entry not in rows, f"two rows for {tree} {entry}"
            rows[entry] = set(targets)
    return table


def violations(tree: Tree, table: Layers, limit: int | None = None) -> list[str]:
    """Returns a line for each place where a tree violates the table of layers."""
    rows = dict(table.get(tree.name, {}))
    allowed_trees = rows.pop("", set())
    arrows = tree.entry_arrows()
    found = [
        f"{tree.name} may not use {other}: {', '.join(sorted(tree.others[other]))}"
        for other in sorted(tree.others.keys() - allowed_trees)
    ]
    found += [
        f"{tree.name}/{source} may not use {target}: {'; '.join(arrows[source, target])}"
        for source, target in sorted(arrows)
        if target not in rows.get(source, {target})
    ]
    unused = [(tree.name, other) for other in allowed_trees - tree.others.keys()]
    unused += [
        (f"{tree.name}/{source}", target)
        for source, targets in rows.items()
        for target in targets
        if (source, target) not in arrows
    ]
    found += [
        f"{source} may use {target}, and does not: delete it from the table"
        for source, target in sorted(unused)
    ]
    entries = tree.entries()
    found += [f"{tree.name}/{entry} has no row" for entry in sorted(entries - rows.keys())]
    found += [f"{tree.name}/{entry} does not exist" for entry in sorted(rows.keys() - entries)]
    found += [
        f"{tree.name} has a circle of {len(circle)} files: {', '.join(circle)}"
        for circle in circles(tree.arrows)
    ]
    if limit is not None and len(entries) > limit:
        found.append(f"{tree.name} has {len(entries)} entries, and may have {limit}")
    return found


def rooms(page: str) -> dict[str, list[list[str]]]:
    """Reads the table of rooms: the folders, each with its levels from the top down."""
    section = page.partition("\n## Rooms")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| *`([^`]+)` *\|(.*)\|$", section, re.MULTILINE)
    return {
        folder: [re.findall(r"`([^`]+)`", level) for level in levels.split(">")]
        for folder, levels in rows
    }


def upward(tree: Tree, levels: list[list[str]]) -> list[str]:
    """Returns a line for each arrow in a room that does not lead to a lower level.

    `*` in a level is every entry that the table does not name.
    """
    level_of = {entry: at for at, level in enumerate(levels) for entry in level}
    entries = tree.entries()
    if (level := level_of.pop("*", None)) is not None:
        level_of |= dict.fromkeys(entries - level_of.keys(), level)
    found = [f"{tree.name}/{entry} has no level" for entry in sorted(entries - level_of.keys())]
    found += [f"{tree.name}/{entry} does not exist" for entry in sorted(level_of.keys() - entries)]
    return found + [
        f"{tree.name}/{source} may not use {target}: {'; '.join(arrows)}"
        for (source, target), arrows in sorted(tree.entry_arrows().items())
        if {source, target} <= level_of.keys() and level_of[source] >= level_of[target]
    ]


def misplaced(root: Path, page: str) -> list[str]:
    """Returns a line for each use of a name in a file where "Only here" does not allow it."""
    found = []
    sources = {
        path.relative_to(root): tokens(path.read_text())
        for tree in ("core/src", "python/src", "ffi/src")
        for path in product_files(root / tree)
    }
    used = {
        file: {name for name in code if name == "unsafe"}
        | {"::".join(path) for path in renamed(scopes(code, ()))}
        for file, code in sources.items()
    }
    package = root / "python/dataclay_metrics"
    used |= {
        path.relative_to(root): {"computed import"}
        for path in package.rglob("*.py")
        if imports_by_computed_name(path.read_text())
    }
    for names, trees, places in rows_of(page, "Only here"):
        users = {
            file
            for file, paths in used.items()
            if any(file.is_relative_to(tree) for tree in trees)
            and any(f"::{name}::" in f"::{path}::" for name in names for path in paths)
        }
        allowed = {file for file in users if any(file.is_relative_to(place) for place in places)}
        found += [f"{file} may not use {' or '.join(names)}" for file in sorted(users - allowed)]
        found += [
            f"{place} may use {' or '.join(names)}, and does not: delete it from the table"
            for place in places
            if not any(file.is_relative_to(place) for file in users)
        ]
    return found


def trees(root: Path) -> list[tuple[Tree, int | None]]:
    """Returns all trees of the repository, each with the most entries that it may have."""
    found = [(read(root, name), limit) for name, limit in TREES.items()]
    return found + [(read_users(root, name), None) for name in USERS]


def main(root: Path) -> int:
    page = (root / "ARCHITECTURE.md").read_text()
    table = layers(page)
    read_trees = trees(root)
    columns = "tree", "files", "entries", "arrows between entries", "circles"
    print("{:25}{:>7}{:>9}{:>24}{:>9}".format(*columns))
    for tree, _ in read_trees:
        if tree.files:
            counts = len(tree.files), len(tree.entries()), len(tree.entry_arrows())
            print("{:25}{:7}{:9}{:24}{:9}".format(tree.name, *counts, len(circles(tree.arrows))))
    found = [line for tree, limit in read_trees for line in violations(tree, table, limit)]
    core = next(tree for tree, _ in read_trees if tree.name == "core/src")
    for folder in ROOMS:
        found += upward(room(core, folder), rooms(page).get(folder, []))
    found += misplaced(root, page)
    print("\n".join(found) or "All tables hold.")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
