"""Finds the sentences in comments, documentation, pages and strings."""

import ast
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Line:
    """A line of prose, without the characters that mark a comment."""

    number: int
    text: str
    starts: bool = False
    """Whether a new comment starts here, such as one after code."""


Block = list[Line]


@dataclass(frozen=True)
class Sentence:
    """A sentence, and the line that it starts on."""

    line: int
    text: str
    prose: str
    """The same text with its code and addresses replaced by `x`."""


SLASHES = re.compile(
    r"""
    (?P<line> //[^\n]* ) | (?P<block> /\*.*?\*/ )
    | [bc]?r(?P<hashes>\#*)"(?P<raw>.*?)"(?P=hashes) | "(?P<string>(?:\\.|[^"\\])*)"
    | '(?:\\[^']+|[^'\\\n])'
    """,
    re.VERBOSE | re.DOTALL,
)


def slash_comments(source: str) -> Iterator[Line]:
    """Yields the lines of comments in Rust, C, C++ and Go."""
    for match in SLASHES.finditer(source):
        number = source.count("\n", 0, match.start()) + 1
        starts = bool(source[source.rfind("\n", 0, match.start()) + 1 : match.start()].strip())
        if match["line"]:
            yield Line(number, re.sub(r"^//[/!]? ?", "", match["line"]), starts)
        elif match["block"]:
            for at, text in enumerate(match["block"].split("\n")):
                text = re.sub(r"^\s*(?:/\*+|\*(?!/)) ?|\s*\*/$", "", text)
                yield Line(number + at, text.lstrip() if starts else text, at == 0)


def python_prose(source: str) -> Iterator[Line]:
    """Yields the lines of comments and docstrings in Python."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        is_comment = token.type == tokenize.COMMENT
        if is_comment and not re.match(r"#!|# *(?:type|noqa|fmt|ruff|mypy)\b:?", token.string):
            starts = bool(token.line[: token.start[1]].strip())
            yield Line(token.start[0], token.string.lstrip("# "), starts)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(text := getattr(node.value, "value", 0), str):
            for at, line in enumerate(text.split("\n")):
                yield Line(node.lineno + at, line.removeprefix(" " * node.col_offset))


def rust_strings(source: str) -> Iterator[Line]:
    """Yields the lines of string literals in Rust, but only those that may be sentences."""
    for match in SLASHES.finditer(source):
        if match["string"] is None and match["raw"] is None:
            continue
        text = match["raw"]
        if text is None:
            text = re.sub(r"\\\n\s*", "", match["string"]).replace("\\n", "\n")
            text = re.sub(r"\\(.)", r"\1", text)
        is_reason = re.search(r"\breason\s*=\s*$", source[: match.start()][-20:])
        number = source.count("\n", 0, match.start()) + 1
        yield from sentence_lines(number, text, 1 if is_reason else SENTENCE)


def python_strings(source: str) -> Iterator[Line]:
    """Yields the lines of strings in Python, but only those that may be sentences."""
    tree = ast.parse(source)
    parts: set[ast.AST] = set()  # parts of strings with fields, and documentation
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts.update(node.values)
            texts = (
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
            yield from sentence_lines(node.lineno, "".join(texts), SENTENCE)
        elif isinstance(node, ast.Expr):
            parts.add(node.value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            yield from sentence_lines(node.lineno, node.value, SENTENCE)


def sentence_lines(number: int, text: str, words: int) -> Iterator[Line]:
    """Yields the lines of a string that have at least that many words."""
    for line in re.sub(r"\{[^{}]*\}", "x", text).split("\n"):
        if len(re.findall(r"[A-Za-z]\S*", line)) >= words:
            yield Line(number, line.strip(), starts=True)


def rust_names(source: str) -> Iterator[Line]:
    """Yields the names of functions in Rust as words."""
    code = SLASHES.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
    for match in re.finditer(r"\bfn (\w+)", code):
        yield Line(code.count("\n", 0, match.start()) + 1, match[1].replace("_", " "))


def python_names(source: str) -> Iterator[Line]:
    """Yields the names of functions in Python as words."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Line(node.lineno, node.name.replace("_", " "))


def hash_comments(source: str) -> Iterator[Line]:
    """Yields the lines of comments in shell scripts, makefiles and settings."""
    for number, text in enumerate(source.split("\n"), 1):
        if comment := re.search(r"(?:^|\s)#+ (.*)$", text):
            yield Line(number, comment[1], bool(text[: comment.start()].strip()))


def page(source: str) -> Iterator[Line]:
    """Yields the lines of a page that are outside blocks of code."""
    fenced = False
    for number, text in enumerate(source.split("\n"), 1):
        fence = text.strip().startswith("```")
        fenced ^= fence
        if not fenced and not fence:
            yield Line(number, text)


SENTENCE = 4
"""The number of words from which a string is a sentence."""

READERS = {
    **dict.fromkeys((".rs", ".c", ".h", ".cpp", ".go"), slash_comments),
    **dict.fromkeys((".py", ".pyi"), python_prose),
    **dict.fromkeys(
        (".sh", ".toml", ".ini", ".yml", "Makefile", "run", ".gitignore"), hash_comments
    ),
    ".md": page,
}


CODE_READERS = {
    ".rs": [rust_strings, rust_names],
    ".py": [python_strings, python_names],
    ".pyi": [python_strings, python_names],
}


def code_lines(file: str, source: str) -> Iterator[Line]:
    """Yields the strings that may be sentences, and the names of functions as words."""
    for reader in CODE_READERS.get(kind(file), []):
        yield from reader(source)


def prose_lines(file: str, source: str) -> list[Line]:
    return sorted(READERS[kind(file)](source), key=lambda line: line.number)


def blocks(lines: Iterable[Line]) -> Iterator[Block]:
    """Yields paragraphs, items of lists, headings and cells of tables, but no blocks of code.

    As in Markdown, lines after an empty one that are four columns further right are code.
    """
    block: Block = []
    fenced = False
    for line in lines:
        text = line.text.strip()
        if text.startswith("```"):
            fenced = not fenced
        starts = line.starts or re.match(r"(?:[-*+]|\d+\.) |#+ |\||>>>|\.\. |.*\w {2,}\S", text)
        apart = block and line.number != block[-1].number + 1
        indented = line.text.startswith("    ") and not starts and (not block or apart)
        if block and (fenced or not text or starts or apart or text.startswith("```")):
            yield block
            block = []
        if fenced or indented or not re.search(r"\w", text) or text.startswith(("```", ">>>")):
            continue
        if text.startswith("|"):
            # A cell contains items of a list, or sentences.
            cells = re.split(r"\||;(?= )", hide(text))
            at = 0
            for cell in cells:
                yield [Line(line.number, text[at : at + len(cell)].strip())]
                at += len(cell) + 1
        elif text.startswith("#"):
            yield [Line(line.number, text.lstrip("# "))]
        else:
            block.append(Line(line.number, re.sub(r"^(?:[-*+]|\d+\.) ", "", text)))
    if block:
        yield block


def hide(text: str) -> str:
    """Replaces code and addresses by `x`. The length stays the same."""

    def replaced(match: re.Match[str]) -> str:
        return re.sub(r"[^`]", "x", match[0])

    text = re.sub(r"(`+).+?\1", replaced, text)
    text = re.sub(r"\]\([^)]*\)", lambda match: "]" + " " * (len(match[0]) - 1), text)
    return re.sub(r"https?://[^\s>)]*", replaced, text)


# A sentence may start with a name such as dataClay, but not after an ellipsis or an abbreviation.
SENTENCE_END = re.compile(
    r"""[.!?]["')*_]*\s+(?=[^a-z\s]) | (?<![.\s].)[.!?]["')]*\s+""", re.VERBOSE
)


def sentences(block: Block) -> Iterator[Sentence]:
    """Yields the sentences of a block."""
    shown = " ".join(line.text for line in block)
    hidden = hide(shown)
    starts = [0] + [end.end() for end in SENTENCE_END.finditer(hidden)]
    for start, end in zip(starts, [*starts[1:], len(hidden)], strict=True):
        at = 0
        for line in block:
            if at + len(line.text) >= start:
                break
            at += len(line.text) + 1
        yield Sentence(line.number, shown[start:end].strip(), hidden[start:end].strip())


def kind(file: str) -> str:
    """Returns the key of a file in READERS, or an empty string."""
    path = Path(file)
    return next((key for key in (path.suffix, path.name) if key in READERS), "")
