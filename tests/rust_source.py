"""Reads Rust code without its tests: the tokens, the modules of a file and the paths in them."""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

Module = tuple[str, ...]

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
    """Returns the index after the bracket that closes the one at `start`."""
    opening, closing, depth = code[start], CLOSING[code[start]], 0
    for at in range(start, len(code)):
        depth += (code[at] == opening) - (code[at] == closing)
        if depth == 0:
            return at + 1
    return len(code)


def end_of_item(code: list[str], start: int) -> int:
    """Returns the index after the item that begins at `start`."""
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
    """Returns whether an attribute is `#[cfg(...)]` with `test`, but not `not(test)`."""
    return "cfg" in attribute[:3] and any(
        word == "test" and attribute[at - 2 : at] != ["not", "("]
        for at, word in enumerate(attribute)
    )


def without_tests(code: list[str]) -> list[str]:
    """Returns the code without items for tests, and without the attributes `cfg`."""
    kept: list[str] = []
    at, tested = 0, False
    while at < len(code):
        inner = code[at : at + 3] == ["#", "!", "["]
        if inner or code[at : at + 2] == ["#", "["]:
            start = at + (2 if inner else 1)
            end = end_of_group(code, start)
            tested |= not inner and is_for_tests(code[start:end])
            if not tested and code[start + 1] != "cfg":
                kept += code[at:end]
            at = end
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
    """Reads `a::{b, c as d}`. Returns each path with its imported name, and the index after all."""
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
    aliases: list[tuple[Module, str]] = field(default_factory=list)
    """The paths of `type name = path`, each with the name."""


def scopes(code: list[str], module: Module) -> list[Scope]:
    """Returns the module of a file, and the modules inside it."""
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
        elif token == "type" and code[at + 2 : at + 3] == ["="]:
            alias, _ = use_tree(code, at + 3, ())
            inside.aliases += [(path, code[at + 1]) for path, _ in alias]
            at += 3
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


def renamed(modules: list[Scope]) -> set[Module]:
    """Returns the paths of a file, also without renames and aliases, and with `std` for `core`."""
    uses = [use for scope in modules for use in scope.uses + scope.aliases]
    paths = {path for path, _ in uses} | {path for scope in modules for path in scope.paths}
    names: dict[str, set[Module]] = {}
    for path, given in uses:
        if given and path:
            names.setdefault(given, set()).add(path)
    globs = [path for path, given in uses if not given and path[:1] in (("std",), ("core",))]
    found: set[Module] = set()
    while paths:
        path = paths.pop()
        found.add(path)
        while path[:1] and path[0] in ("self", "super", ""):
            path = path[1:]
        if path[:1] and path[0] in ("core", "alloc"):
            path = ("std", *path[1:])
        longer = {(*start, *path[1:]) for start in names.get(path[0] if path else "", ())}
        if path[:1] != ("std",):
            longer |= {(*glob, *path) for glob in globs}
        paths |= ({path} | {one for one in longer if len(one) <= 20}) - found
    return found


def absolute(path: Module, scope: Scope, names: dict[str, Module]) -> Module | None:
    """Returns a path from the root of its crate, or None if it is in another crate."""
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
    """Returns the methods that a file defines for types of other files, except those of traits."""
    types = names_after(code, "struct") | names_after(code, "enum") | names_after(code, "type")
    found: set[str] = set()
    for at, token in enumerate(code):
        if token == "impl" and (at == 0 or code[at - 1] in ("}", ";", "]", "unsafe")):
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
    """Returns the file of each method outside its type's file whose name no other function has."""
    functions = Counter(
        name for words in code.values() for token, name in pairwise(words) if token == "fn"
    )
    return {
        method: file
        for file, words in code.items()
        for method in methods_outside(words)
        if functions[method] == 1
    }
