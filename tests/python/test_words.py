"""Tests the checker of the language: it finds bad sentences, and accepts good ones."""

import pytest
from words import check

GOOD = [
    "Removes the child with these label values, if there is one.",
    "The registry has a lock that every call takes. It has its own count on its own line.",
    "Every line has the form that `x` has at the end.",
    "That is the reason. Those are the others. Here is another one.",
    "What remains is a comparison, which is one instruction.",
    "Who calls this? Which thread runs it?",
    "Whichever comes first. Whoever asks waits.",
    "There is no lock. It is no more than that. It lies about its size.",
    "The setting is named in the error that tells why.",
    "It lasts forever; most of them do.",
    f"It waits. Returns {'a ' * 23}b.",
    f"It has {'a ' * 13}word. dataClay has {'a ' * 13}word.",
]
BAD = {
    "of ours": "No lock of ours is held.",
    "std's": "It takes a lock of std's.",
    "from now on": "From now on it is read.",
    "no longer": "It is no longer read.",
    "at the most": "It takes a second at the most.",
    "for ever": "Nothing waits for ever.",
    "is no X": "It fails if the path is no directory.",
    "lies in": "The file lies in tmpfs.",
    "beside": "A thread reads beside it.",
    "at hand": "It sends the values at hand.",
    "goes on": "The loop goes on.",
    "is told": "It holds 100 children unless told otherwise.",
    "has X do": "Has a registry export the counter.",
    "starts with Who": "It waits. Who is in a section cannot.",
    "starts with That of": "That of the next call.",
    "starts with Here and": "Here and not behind the pointer: the increment follows none.",
    "starts with Which": "Under which a thread remembers children.",
    "starts with Else": "It waits. Else it would fail.",
    "comment starts with What": "What the thread remembers.",
    "line over 100 columns": f"Returns {'a' * 100}.",
    "sentence over 25 words": f"It waits. Returns {'a ' * 24}b.",
}
# The forms of a comment in each language, and of a sentence in a page.
FORMS = {
    "a.rs": ["// {}", "/// {}", "//! {}", "fn f() {{}} // {}", "/* {} */"],
    "a.h": ["/* {} */", "/**\n * {}\n */"],
    "a.py": ["# {}", '"""{}"""', 'def f():\n    """{}"""', "x = 1  # {}"],
    "a.sh": ["# {}", "true # {}"],
    "Makefile": ["target: ## {}"],
    "a.md": ["{}", "* {}", "| a | {} |"],
}


OTHER_SENTENCES = ["Has the poll report new peers.", "Has what waits written."]
"""Sentences with other forms of "has X do"."""


def broken_rules(file: str, source: str) -> set[str]:
    """Returns the names of the broken rules, without those that are only counted."""
    return {hit.rule.name for hit in check(file, source) if hit.rule.held}


@pytest.mark.parametrize("file", FORMS)
@pytest.mark.parametrize("rule", BAD)
def test_a_bad_sentence_is_found(file: str, rule: str) -> None:
    for form in FORMS[file]:
        of_comments = rule == "comment starts with What" and file.endswith(".md")
        in_a_table = rule == "line over 100 columns" and form.startswith("|")
        found = set() if of_comments or in_a_table else {rule}
        assert broken_rules(file, form.format(BAD[rule]) + "\n") == found, form


@pytest.mark.parametrize("sentence", OTHER_SENTENCES)
def test_every_form_of_has_x_do_is_found(sentence: str) -> None:
    assert broken_rules("a.rs", f"/// {sentence}\n") == {"has X do"}


@pytest.mark.parametrize("file", FORMS)
@pytest.mark.parametrize("sentence", GOOD)
def test_a_good_sentence_is_accepted(file: str, sentence: str) -> None:
    for form in FORMS[file]:
        assert broken_rules(file, form.format(sentence) + "\n") == set(), form


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("a.rs", 'const A: &str = "No lock of ours // no longer";\n'),
        ("a.rs", "/// Returns `of ours`.\n"),
        ("a.rs", "/// ```\n/// let no_longer = of(ours); // no longer\n/// ```\n"),
        ("a.py", 'A = "# no longer"\n'),
        ("a.py", f"{'a' * 90} = 1  # type: ignore[attr-defined]\n"),
        ("a.md", "```\nno longer\n```\n"),
        ("a.md", f"```\n{'a' * 110}\n```\n"),
        ("a.md", f"See <https://example.com/{'a' * 100}>.\n"),
        ("a.h", f"/* Use it:\n *\n *     f({'a, ' * 28});\n */\n"),
        ("a.py", f'def f():\n    """Uses it.\n\n        f({"a, " * 26})\n    """\n'),
    ],
)
def test_code_and_addresses_are_not_checked(file: str, source: str) -> None:
    assert broken_rules(file, source) == set()


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("a.h", "int a; /* {0} */\nint b; /* {0} */\n"),
        ("a.h", "int a; /* {0} */\n/* {0} */\nint b;\n"),
        ("a.rs", "a: u8, // {0}\nb: u8, // {0}\n"),
        ("a.py", "a = 1  # {0}\nb = 2  # {0}\n"),
        ("a.toml", "a = 1 # {0}\nb = 2 # {0}\n"),
        ("a.md", "| a | {0} | {0} |\n"),
        ("a.md", "| {0}; {0} |\n"),
        ("a.md", "* {0}\n* {0}\n"),
    ],
)
def test_two_comments_cells_or_points_are_two_sentences(file: str, source: str) -> None:
    assert broken_rules(file, source.format("a " * 15)) == set()


def test_a_sentence_over_many_lines_is_reported_where_it_starts() -> None:
    source = "/// Removes the child. No lock\n/// of ours is held.\nfn f() {}\n\n// It is no longer\n// read.\n"
    found = [(hit.line, hit.rule.name) for hit in check("a.rs", source) if hit.rule.held]
    assert found == [(1, "of ours"), (5, "no longer")]
