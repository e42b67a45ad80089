"""Checks the language of comments, documentation, pages, strings and names of functions.

    tests/words.py [--counts | --all | --sample N] [FOLDER or FILE ...]

Prints each place that breaks a rule, with its file and line. Some rules are only counted, because
good sentences break them too. `--counts` prints the number of places for each rule, and `--all`
lists them. `--sample` prints random sentences. CONTRIBUTING.md has the rules.
"""

import argparse
import ast
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prose import blocks, code_lines, kind, prose_lines, sentences

COLUMNS = 100
WORDS = 25
WITH_OTHER_STRINGS = [
    "tests/words.py",  # the patterns of the rules
    "tests/python/test_words.py",  # sentences that break the rules
    "tests/python/messages.py",  # lists of fields
]
"""The files whose strings are not checked."""


@dataclass(frozen=True)
class Rule:
    """A pattern that a sentence should not match, and what to write instead."""

    name: str
    pattern: str
    instead: str
    held: bool = True
    """Whether a match is an error. If not, matches are only counted."""


THE = r"(?:the|an?|one|its|their|this|each|every|all|it|`x+`)"
DONE = r"(?:export|call|count|run|serve|push|write|read|take|give)"
AT = r"(?:at|by|before|after|when|whenever|in|once)"
# A question may start with Who or Which.
STATEMENT = r"(?![^?]*\?)"
IS = r"\b(?:is|are|was|were|comes|goes|does|has|stays|remains|counts|means)\b"
RULES = [
    Rule("of ours", r"\bof (?:ours|theirs|yours|mine)\b", "name the owner"),
    Rule("std's", r"\bstd's\b", "in `std`"),
    Rule("from now on", r"\bfrom (?:now|then) on\b|\bmoment on\b", "say since when"),
    Rule("no longer", r"\bno longer\b", "say what happens instead"),
    Rule("at the most", r"\bat the (?:most|least)\b", "at most, at least"),
    Rule("for ever", r"\bfor ever\b", "say until when"),
    Rule("is no X", r"(?<!there )\b(?:is|are|was|were) no\b(?! (?:longer|more)\b)", "is not a"),
    Rule("lies in", r"\b(?:lies?|lay) (?:in|at|on|there|beyond|between|behind|among)\b", "is in"),
    Rule("beside", r"\bbeside\b", "next to, in addition to"),
    Rule("at hand", r"\bat hand\b", "current, that it has"),
    Rule("goes on", r"\bgo(?:es)? on\b", "continues"),
    Rule("is told", r"\b(?:is|are|was|were|be|been|being|unless) told\b", "is set, is called"),
    Rule(
        "has X do",
        rf"\bha(?:s|ve|d|ving) {THE} (?:[\w-]+ ){{0,2}}(?:{DONE} {THE}|(?:called|run) {AT}\b)"
        rf"|^Has (?:{THE}|what) (?:[\w-]+ ){{0,12}}?(?:written|report|look|run|called|made)\b",
        "name who does it: registers, calls, runs",
    ),
    Rule("starts with Who", rf"^Who\b{STATEMENT}", "name the subject"),
    Rule("starts with That of", r"^(?:That|Those|The ones?) of\b", "name the thing"),
    Rule("starts with Here and", r"^Here,? and\b", "say why"),
    Rule(
        "starts with Which",
        rf"^(?:Which|Whose|(?:Under|To|By|From|On|With|For|At|Of) (?:which|whom))\b{STATEMENT}",
        "name the subject",
    ),
    Rule("starts with Else", r"^Else\b", "Otherwise"),
    Rule("of its own", r"\bof (?:its|their|our|your) own\b|\w's own\b", "its", held=False),
    Rule(
        "tells, says, gives",
        r"\b(?:tells?|told|says?|said|gives?|gave|given|answers?)\b",
        "the standard verb",
        held=False,
    ),
]
OF_COMMENTS = [
    Rule("comment starts with What", rf"^What\b(?!.*{IS}.*{IS}){STATEMENT}", "say what it does"),
    Rule(
        "comment starts with How",
        rf"^(?:(?:How|Why)\b(?!.*{IS}.*{IS})|(?:When|Where)\b(?!.*, (?!which|whose))){STATEMENT}",
        "The number of, The time of, The reason why",
    ),
    Rule("comment starts with Does the same", r"^Does the same\b", "say what it does"),
]
LONG_LINE = Rule(f"line over {COLUMNS} columns", "", "break the line")
LONG_SENTENCE = Rule(f"sentence over {WORDS} words", "", "one idea a sentence")
NO_VERB = Rule("function's doc without a verb first", "", "Returns, removes, ...", held=False)


@dataclass(frozen=True)
class Hit:
    """A place that breaks a rule."""

    file: str
    line: int
    rule: Rule
    text: str


def check(file: str, source: str) -> Iterator[Hit]:
    """Yields the places of a file that break a rule."""
    lines = prose_lines(file, source)
    columns = source.split("\n")
    for number in sorted({line.number for line in lines}):
        text = columns[number - 1]
        if len(text) > COLUMNS and not re.search(r"https?://|^\W*\|.*\|\W*$", text):
            yield Hit(file, number, LONG_LINE, text.strip())
    for block in blocks(lines):
        for at, sentence in enumerate(sentences(block)):
            # A heading or a cell of a table is not always a sentence.
            whole = sentence.prose.endswith((".", ":"))
            is_comment = at == 0 and not file.endswith(".md")
            rules = [*RULES, *OF_COMMENTS] if is_comment else RULES
            for rule in broken(sentence.prose, rules, whole):
                yield Hit(file, sentence.line, rule, sentence.text)
    if file not in WITH_OTHER_STRINGS:
        yield from check_code(file, source)
    for number, text in function_docs(file, source):
        if not re.match(r"(?:[A-Z][a-z]*s|As|Yields|Tells whether)\b", text):
            yield Hit(file, number, NO_VERB, text)


def check_code(file: str, source: str) -> Iterator[Hit]:
    """Yields the strings and the names of functions that break a rule."""
    held = [rule for rule in RULES if rule.held]
    for line in code_lines(file, source):
        for sentence in sentences([line]):
            for rule in broken(sentence.prose, held, sentence.prose.endswith((".", ":"))):
                yield Hit(file, line.number, rule, sentence.text)


def broken(text: str, rules: list[Rule], is_whole: bool) -> Iterator[Rule]:
    """Yields the rules that a sentence breaks. Some apply only to a whole sentence."""
    for rule in rules:
        anywhere = not rule.pattern.startswith("^")
        flags = re.IGNORECASE if anywhere else 0
        if (is_whole or anywhere) and re.search(rule.pattern, text, flags):
            yield rule
    if len(re.findall(r"[^\s\w]*\w\S*", text)) > WORDS:
        yield LONG_SENTENCE


def function_docs(file: str, source: str) -> Iterator[tuple[int, str]]:
    """Yields the first line of each function's documentation, with its number."""
    if file.endswith(".rs"):
        for match in re.finditer(
            r"(?m)((?:^\s*///.*\n)+)(?:^\s*#\[.*\n)*^\s*(?:pub(?:\(\w+\))? )?(?:\w+ )*?fn ", source
        ):
            if "#[getter]" in match[0]:
                continue  # a property, whose documentation names the value
            first = match[1].strip().split("\n")[0]
            yield source.count("\n", 0, match.start()) + 1, first.lstrip("/ ")
    elif file.endswith((".py", ".pyi")):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                is_property = any("property" in ast.unparse(d) for d in node.decorator_list)
                if (text := ast.get_docstring(node)) and not is_property:
                    yield node.body[0].lineno, text.split("\n")[0]


def files(root: Path, within: list[str]) -> list[str]:
    """Returns the files of a work tree that hold prose."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *within],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    return [file for file in listed.stdout.split("\n") if kind(file) and (root / file).exists()]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("within", nargs="*", help="folders or files; all if there is none")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    parser.add_argument("--counts", action="store_true", help="print a count for each rule")
    parser.add_argument("--all", action="store_true", help="also list places that are only counted")
    parser.add_argument("--sample", type=int, metavar="N", help="print N random sentences")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    root: Path = arguments.root
    sources = {file: (root / file).read_text() for file in files(root, arguments.within)}
    if arguments.sample:
        prose = [
            f"{file}:{sentence.line}: {sentence.text}"
            for file, source in sources.items()
            for block in blocks(prose_lines(file, source))
            for sentence in sentences(block)
            if sentence.text.endswith(".") and len(sentence.text.split()) > 5
        ]
        print("\n".join(random.Random(arguments.seed).sample(prose, arguments.sample)))
        return 0
    hits = [hit for file, source in sources.items() for hit in check(file, source)]
    if arguments.counts:
        for rule in [*RULES, *OF_COMMENTS, LONG_LINE, LONG_SENTENCE, NO_VERB]:
            count = sum(hit.rule is rule for hit in hits)
            print(f"{rule.name:38}{count:6}{'' if rule.held else '  only counted'}")
        return 0
    for hit in hits:
        if hit.rule.held or arguments.all:
            print(f"{hit.file}:{hit.line}: {hit.rule.name} ({hit.rule.instead}): {hit.text[:120]}")
    return int(any(hit.rule.held for hit in hits))


if __name__ == "__main__":
    sys.exit(main())
