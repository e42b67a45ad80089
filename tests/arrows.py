"""Finds the files that each file uses, by paths and macros in Rust, and by imports in Python.

A path is an arrow to the deepest file that it names. So a path through a re-export is an arrow to
the file that re-exports. Code for tests does not count, and neither do `mod` lines.

A room is a folder in a tree. Its own tree has the arrows inside the folder.

A call of a method has no path. It counts if an `impl` outside the type's file defines the method,
and no other function of the tree has its name.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rust_source import (
    Module,
    Scope,
    absolute,
    homes_of_methods,
    methods_called,
    names_after,
    names_before,
    product_files,
    scopes,
    tokens,
)

# The trees by the names with which Rust and Python import them.
NAMES = {
    "dataclay_metrics_core": "core/src",
    "dataclay_metrics_ffi": "ffi/src",
    "dataclay_metrics": "python/dataclay_metrics",
    "_native": "python/src",
}


@dataclass
class Tree:
    """The arrows of one folder of sources."""

    name: str
    files: dict[str, Module] = field(default_factory=dict)
    """The module of each file, by its path in the tree."""
    arrows: dict[str, set[str]] = field(default_factory=dict)
    """The files that each file uses."""
    others: dict[str, set[str]] = field(default_factory=dict)
    """The files that use another tree, by that tree."""

    def entry(self, file: str) -> str:
        """Returns the folder at the top that holds a file, or the file without its suffix."""
        return file.split("/")[0].removesuffix(".rs").removesuffix(".pyi").removesuffix(".py")

    def entries(self) -> set[str]:
        return {self.entry(file) for file in self.files}

    def entry_arrows(self) -> dict[tuple[str, str], list[str]]:
        """Returns the arrows between entries, each with its arrows between files."""
        found: dict[tuple[str, str], list[str]] = {}
        for source, targets in sorted(self.arrows.items()):
            for target in sorted(targets):
                pair = (self.entry(source), self.entry(target))
                if pair[0] != pair[1]:
                    found.setdefault(pair, []).append(f"{source} -> {target}")
        return found


def room(tree: Tree, folder: str) -> Tree:
    """Returns the arrows inside a folder of a tree."""
    start = folder.removeprefix(f"{tree.name}/") + "/"
    inside = {file: file.removeprefix(start) for file in tree.files if file.startswith(start)}
    arrows = {
        inside[source]: {inside[target] for target in targets & inside.keys()}
        for source, targets in tree.arrows.items()
        if source in inside
    }
    return Tree(folder, {inside[file]: tree.files[file] for file in inside}, arrows)


def home(homes: dict[Module, str], target: Module) -> str:
    """Returns the deepest file on the way to a module or an item."""
    while target not in homes:
        target = target[:-1]
    return homes[target]


def read(root: Path, name: str) -> Tree:
    """Returns the tree of a folder. Reads Python if the folder has no Rust."""
    rust = product_files(root / name)
    return read_rust(root, name, rust) if rust else read_python(root, name)


def read_rust(root: Path, name: str, paths: list[Path]) -> Tree:
    """Returns a tree of Rust files."""
    tree = Tree(name)
    homes: dict[Module, str] = {}  # the file of each module
    macros: dict[str, str] = {}  # the file of each macro
    code: dict[str, list[str]] = {}
    found: dict[str, list[Scope]] = {}
    for path in paths:
        file = path.relative_to(root / name)
        parts = file.with_suffix("").parts
        module = parts[:-1] if parts[-1] in ("lib", "main", "mod") else parts
        tree.files[str(file)] = module
        homes[module] = str(file)
        code[str(file)] = tokens(path.read_text())
        found[str(file)] = scopes(code[str(file)], module)
        macros |= dict.fromkeys(names_after(code[str(file)], "macro_rules", "!"), str(file))
        for scope in found[str(file)]:
            homes.setdefault(scope.module, str(file))
    methods = homes_of_methods(code)
    for user, modules in found.items():
        arrows = tree.arrows.setdefault(user, set())
        arrows |= {methods[name] for name in methods_called(code[user]) & methods.keys()}
        arrows |= {macros[name] for name in names_before(code[user], "!") if name in macros}
        for scope in modules:
            names: dict[str, Module] = {}
            for used, given in scope.uses:
                if given and (target := absolute(used, scope, {})) is not None:
                    names[given] = target
            # If a module only starts paths, the ends of those paths count instead.
            prefixes = {used[0] for used in scope.paths} & {
                given for given, target in names.items() if target in homes
            }
            uses = [used for used, given in scope.uses if used and given not in prefixes]
            for used in uses + scope.paths:
                target = absolute(used, scope, names)
                if target is not None:
                    arrows.add(home(homes, target))
                elif other := NAMES.get(used[0]):
                    tree.others.setdefault(other, set()).add(user)
        arrows.discard(user)
    return tree


def imports(source: str, package: Module) -> Iterator[Module]:
    """Yields the full names that a Python file of a package imports."""

    def relative(name: str) -> Module:
        level = len(name) - len(name.lstrip("."))
        return (*package[: len(package) - level + 1], *name.lstrip(".").split("."))

    tree = ast.parse(source)
    names = loaders(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            start = relative(name) if node.level else tuple(name.split("."))
            start = tuple(part for part in start if part)
            yield from ((*start, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and (called := module_imported(node, names)):
            yield relative(called) if called.startswith(".") else tuple(called.split("."))


LOADERS = {"import_module", "__import__"}


def loaders(tree: ast.AST) -> set[str]:
    """Returns the names that a file has for the functions that import a module by its name."""
    return LOADERS | {
        alias.asname
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.name in LOADERS and alias.asname
    }


def is_loader(node: ast.AST, names: set[str]) -> bool:
    """Returns whether an expression is a function that imports a module by its name."""
    if isinstance(node, ast.Attribute):
        return node.attr in LOADERS
    return isinstance(node, ast.Name) and node.id in names


def module_imported(node: ast.Call, names: set[str]) -> str | None:
    """Returns the module that a call imports by a constant name, relative to this package."""
    if not is_loader(node.func, names) or not node.args or node.keywords:
        return None
    match [ast.unparse(argument) for argument in node.args[1:]]:
        case [] | ["__package__"] | ["__name__"]:
            name = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            return name if isinstance(name, str) else None
    return None


def imports_by_computed_name(source: str) -> bool:
    """Returns whether a Python file may import modules that its text does not name."""
    tree = ast.parse(source)
    names = loaders(tree)
    constant = {
        id(node.func)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and module_imported(node, names)
    }
    return any(is_loader(node, names) and id(node) not in constant for node in ast.walk(tree))


def lazy_imports(source: str, package: Module) -> Iterator[Module]:
    """Yields the modules that `_LAZY` and `_MODULES` name: a file imports them at first use."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.AnnAssign):
            name, value = ast.unparse(node.target), node.value
        elif isinstance(node, ast.Assign):
            name, value = ast.unparse(node.targets[0]), node.value
        else:
            continue
        if name in ("_LAZY", "_MODULES") and value is not None:
            table = ast.literal_eval(value)
            for module in table.values() if isinstance(table, dict) else table:
                yield (*package, *module.lstrip(".").split("."))


IMPORT_IN_RUST = re.compile(r"""\bimport\([^"\n]*"([\w.]+)\"""")


def imports_of_native(root: Path, package: Module) -> Iterator[Module]:
    """Yields the modules of a package that its Rust code imports by their names."""
    for path in product_files(root / NAMES["_native"]):
        for name in IMPORT_IN_RUST.findall(path.read_text()):
            if name.split(".")[0] == package[0]:
                yield tuple(name.split("."))


def read_python(root: Path, name: str) -> Tree:
    """Returns a tree of Python files."""
    tree = Tree(name)
    package = (name.split("/")[-1],)
    homes: dict[Module, str] = {}
    folder = root / name
    for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.pyi")]):
        file = path.relative_to(folder)
        parts = file.with_suffix("").parts
        module = (*package, *(parts[:-1] if parts[-1] == "__init__" else parts))
        if module not in homes:
            tree.files[str(file)] = module
            homes[module] = str(file)
    for user, module in tree.files.items():
        source = (folder / user).read_text()
        parent = module if Path(user).stem == "__init__" else module[:-1]
        arrows = tree.arrows.setdefault(user, set())
        targets = [*imports(source, parent), *lazy_imports(source, parent)]
        if user == "_native.pyi":
            targets += imports_of_native(root, package)
        for target in targets:
            if target[:1] == package:
                arrows.add(home(homes, target))
            if "_native" in target and user != "_native.pyi":
                tree.others.setdefault(NAMES["_native"], set()).add(user)
        arrows.discard(user)
    return tree


def read_users(root: Path, name: str) -> Tree:
    """Returns a tree with nothing but the other trees that it uses."""
    tree = Tree(name)
    for path in sorted((root / name).rglob("*")):
        used: set[str] = set()
        if path.suffix == ".rs":
            for scope in scopes(tokens(path.read_text()), ()):
                used |= {used[0] for used, _ in scope.uses if used} | {p[0] for p in scope.paths}
        elif path.suffix == ".py":
            used |= {target[0] for target in imports(path.read_text(), ()) if target}
        for other in {NAMES[first] for first in used if first in NAMES}:
            tree.others.setdefault(other, set()).add(str(path.relative_to(root / name)))
    return tree
