"""Finds the files that each file uses: by the paths and macros in Rust, by Python's imports.

A path counts for the deepest file that it names, so a path through a re-export is an arrow to the
file that re-exports. Code that only tests see does not count, and neither do `mod` lines.

A call of a method needs no path. It counts if an `impl` outside the type's file defines the method,
and no other function of the tree has its name.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

# Crates and packages by the names under which another tree uses them.
NAMES = {
    "dataclay_metrics_core": "core/src",
    "dataclay_metrics_ffi": "ffi/src",
    "dataclay_metrics": "python/dataclay_metrics",
    "_native": "python/src",
}

Module = tuple[str, ...]


@dataclass
class Tree:
    """The arrows of one folder of sources."""

    name: str
    files: dict[str, Module] = field(default_factory=dict)
    """Each file, by its path in the tree, with the module that it is."""
    arrows: dict[str, set[str]] = field(default_factory=dict)
    """For each file the files that it uses."""
    others: dict[str, set[str]] = field(default_factory=dict)
    """For each other tree that is used the files that use it."""

    def entry(self, file: str) -> str:
        """Returns the folder at the top that holds a file, or the file without its suffix."""
        return file.split("/")[0].removesuffix(".rs").removesuffix(".pyi").removesuffix(".py")

    def entries(self) -> set[str]:
        return {self.entry(file) for file in self.files}

    def entry_arrows(self) -> dict[tuple[str, str], list[str]]:
        """Returns the arrows between entries, each with the arrows between files behind it."""
        found: dict[tuple[str, str], list[str]] = {}
        for source, targets in sorted(self.arrows.items()):
            for target in sorted(targets):
                pair = (self.entry(source), self.entry(target))
                if pair[0] != pair[1]:
                    found.setdefault(pair, []).append(f"{source} -> {target}")
        return found


def home(homes: dict[Module, str], target: Module) -> str:
    """Returns the deepest file on the way to a module or an item."""
    while target not in homes:
        target = target[:-1]
    return homes[target]


def read(root: Path, name: str) -> Tree:
    """Returns the tree of a folder, read as Rust or as Python by what it holds."""
    rust = product_files(root / name)
    return read_rust(root, name, rust) if rust else read_python(root, name)


# Rust

TOKEN = re.compile(
    r"""
    (?P<skip> \s+ | //[^\n]* | /\*.*?\*/
        | [bc]?r(?P<hashes>\#*)".*?"(?P=hashes) | [bc]?"(?:\\.|[^"\\])*"
        | b?'(?:\\(?:x..|u\{[^}]*\}|.)|[^'\\])' | '[A-Za-z_]\w* )
    | (?P<token> (?:r\#|\$)?[A-Za-z_]\w* | :: | . )
    """,
    re.VERBOSE | re.DOTALL,
)
CLOSING = {"(": ")", "[": "]", "{": "}"}
FILE_OF_TESTS = re.compile(r"^#\[cfg\((?:all\()?test\b.*\)\]\nmod (\w+);", re.MULTILINE)


def product_files(folder: Path) -> list[Path]:
    """Returns the Rust files below a folder, without those that are modules for tests."""
    files = sorted(folder.rglob("*.rs"))
    tests = {
        (path.parent if path.stem in ("lib", "main", "mod") else path.with_suffix("")) / name
        for path in files
        for name in FILE_OF_TESTS.findall(path.read_text())
    }
    return [path for path in files if tests.isdisjoint([path.with_suffix(""), *path.parents])]


def tokens(source: str) -> list[str]:
    """Returns the tokens of Rust code without comments, strings, characters and lifetimes."""
    found = [match["token"] for match in TOKEN.finditer(source) if match["token"]]
    return without_tests(found)


def end_of_group(code: list[str], start: int) -> int:
    """Returns the place after the bracket that closes the one at `start`."""
    opening, closing, depth = code[start], CLOSING[code[start]], 0
    for at in range(start, len(code)):
        depth += (code[at] == opening) - (code[at] == closing)
        if depth == 0:
            return at + 1
    return len(code)


def end_of_item(code: list[str], start: int) -> int:
    """Returns the place after the item that begins at `start`."""
    at = start
    while at < len(code) and code[at] != ";":
        if code[at] in CLOSING:
            ends = code[at] == "{" and "use" not in code[start:at]
            at = end_of_group(code, at)
            if ends:
                return at
        else:
            at += 1
    return at + 1


def is_for_tests(attribute: list[str]) -> bool:
    """Returns whether `#[cfg(...)]` names `test`, other than as `not(test)`."""
    return "cfg" in attribute[:3] and any(
        word == "test" and attribute[at - 2 : at] != ["not", "("]
        for at, word in enumerate(attribute)
    )


def without_tests(code: list[str]) -> list[str]:
    """Returns the code without attributes and without items that only tests see."""
    kept: list[str] = []
    at, tested = 0, False
    while at < len(code):
        inner = code[at : at + 3] == ["#", "!", "["]
        if inner or code[at : at + 2] == ["#", "["]:
            start = at + (2 if inner else 1)
            at = end_of_group(code, start)
            tested |= not inner and is_for_tests(code[start:at])
        elif tested:
            at, tested = end_of_item(code, at), False
        else:
            kept.append(code[at])
            at += 1
    return kept


def is_name(token: str) -> bool:
    return re.fullmatch(r"(?:r#|\$)?[A-Za-z_]\w*", token) is not None


def names_after(code: list[str], *words: str) -> set[str]:
    """Returns the names that follow these tokens."""
    starts = range(len(code) - len(words))
    return {code[at + len(words)] for at in starts if tuple(code[at : at + len(words)]) == words}


def names_before(code: list[str], word: str) -> set[str]:
    """Returns the names that a token follows."""
    return {name for name, after in pairwise(code) if after == word}


def use_tree(code: list[str], at: int, prefix: Module) -> tuple[list[tuple[Module, str]], int]:
    """Reads `a::{b, c as d}`. Returns each path with the name that it gets, and where it ends."""
    path, found = prefix, []
    while at < len(code):
        if code[at] == "{":
            at += 1
            while code[at] != "}":
                inner, at = use_tree(code, at, path)
                found += inner
                at += code[at] == ","
            return found, at + 1
        if code[at] == "::":
            at += 1
        elif code[at] == "*":
            return [(path, "")], at + 1
        elif code[at] == "as":
            return [(path, code[at + 1])], at + 2
        elif is_name(code[at]):
            path = path if code[at] == "self" and path else (*path, code[at])
            at += 1
        else:
            break
    return [(path, path[-1] if path else "")], at


@dataclass
class Scope:
    """A module in a file: the names that it imports, and the paths in its code."""

    module: Module
    uses: list[tuple[Module, str]] = field(default_factory=list)
    paths: list[Module] = field(default_factory=list)
    children: set[str] = field(default_factory=set)


def scopes(code: list[str], module: Module) -> list[Scope]:
    """Returns the module of a file and the modules written inside it."""
    found = [Scope(module)]
    open_braces: list[Scope | None] = []
    at = 0
    while at < len(code):
        token = code[at]
        inside = next((scope for scope in reversed(open_braces) if scope), found[0])
        before = code[at - 1] if at else ""
        if token == "mod" and is_name(code[at + 1]):
            inside.children.add(code[at + 1])
            if code[at + 2] == "{":
                found.append(Scope((*inside.module, code[at + 1])))
                open_braces.append(found[-1])
            at += 3
        elif token == "use" and before not in (".", "::") and not code[at + 1].startswith("<"):
            uses, at = use_tree(code, at + 1, ("",) if code[at + 1] == "::" else ())
            inside.uses += uses
        elif token == "{":
            open_braces.append(None)
            at += 1
        elif token == "}":
            if open_braces:
                open_braces.pop()
            at += 1
        elif is_name(token) and before not in ("::", ".") and code[at + 1 : at + 2] == ["::"]:
            path = [token]
            while code[at + 1 : at + 2] == ["::"] and is_name(code[at + 2]):
                path.append(code[at + 2])
                at += 2
            inside.paths.append(tuple(path))
            at += 1
        else:
            at += 1
    return found


def absolute(path: Module, scope: Scope, names: dict[str, Module]) -> Module | None:
    """Returns a path from the root of its crate, or nothing if it leaves the crate."""
    first, rest = path[0], path[1:]
    if first in ("crate", "$crate"):
        return rest
    if first == "self":
        return (*scope.module, *rest)
    if first == "super":
        module = scope.module[:-1]
        while rest[:1] == ("super",):
            module, rest = module[:-1], rest[1:]
        return (*module, *rest)
    if first in scope.children:
        return (*scope.module, *path)
    if first in names:
        return (*names[first], *rest)
    return None


def methods_outside(code: list[str]) -> set[str]:
    """Returns the methods that a file defines for types of other files, without those of traits."""
    types = names_after(code, "struct") | names_after(code, "enum") | names_after(code, "type")
    found: set[str] = set()
    for at, token in enumerate(code):
        if token == "impl" and (at == 0 or code[at - 1] in ("}", ";", "unsafe")):
            start = code.index("{", at)
            head = code[at:start]
            if "for" not in head and types.isdisjoint(head):
                found |= names_after(code[start : end_of_group(code, start)], "fn")
    return found


def methods_called(code: list[str]) -> set[str]:
    """Returns the names in `.name(`, `.name::<` and `Type::name`."""
    return {
        name
        for before, mark, name, after in zip(code, code[1:], code[2:], code[3:], strict=False)
        if (mark == "." and after in ("(", "::")) or (mark == "::" and before[0].isupper())
    }


def homes_of_methods(code: dict[str, list[str]]) -> dict[str, str]:
    """Returns the file of each such method whose name no other function has."""
    functions = Counter(
        name for words in code.values() for token, name in pairwise(words) if token == "fn"
    )
    return {
        method: file
        for file, words in code.items()
        for method in methods_outside(words)
        if functions[method] == 1
    }


def read_rust(root: Path, name: str, paths: list[Path]) -> Tree:
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
            # A module that is only the first part of paths counts where they lead.
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


# Python


def imports(source: str, package: Module) -> Iterator[Module]:
    """Yields what a Python file of a package imports, each with its full name."""

    def relative(name: str) -> Module:
        level = len(name) - len(name.lstrip("."))
        return (*package[: len(package) - level + 1], *name.lstrip(".").split("."))

    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            name = "." * node.level + (node.module or "")
            start = relative(name) if node.level else tuple(name.split("."))
            start = tuple(part for part in start if part)
            yield from ((*start, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            name = str(node.args[0].value) if isinstance(node.args[0], ast.Constant) else ""
            yield relative(name) if name.startswith(".") else tuple(name.split("."))


def lazy_imports(source: str, package: Module) -> Iterator[Module]:
    """Yields the values of a table `_LAZY`, whose modules `import_module` imports by need."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_LAZY":
            for value in ast.literal_eval(node.value).values():
                yield (*package, *value.lstrip(".").split("."))


IMPORT_IN_RUST = re.compile(r"""\bimport\([^"\n]*"([\w.]+)\"""")


def imports_of_native(root: Path, package: Module) -> Iterator[Module]:
    """Yields the modules of a package that its Rust code imports by their names."""
    for path in product_files(root / NAMES["_native"]):
        for name in IMPORT_IN_RUST.findall(path.read_text()):
            if name.split(".")[0] == package[0]:
                yield tuple(name.split("."))


def read_python(root: Path, name: str) -> Tree:
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
    """Returns a tree of which only the other trees that it uses are read."""
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
