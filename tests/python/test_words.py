"""Tests the checker of the language: it finds bad sentences and names, and accepts good ones."""

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
    "When the process ends, its counts stay. Where a name is in quotes, its end is too.",
    "How long does it wait? It waits for a second. That is how often it tries.",
    "How long it waits is a setting, which is in seconds.",
    "It does the same as the other one.",
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
    "comment starts with How": "How many bytes are read at once.",
    "comment starts with Does the same": "Does the same for many slots.",
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


OTHER_SENTENCES = [
    ("has X do", "Has the poll report new peers."),
    ("has X do", "Has what waits written."),
    ("comment starts with How", "How often the lock was taken: once for each call."),
    ("comment starts with How", "When this process was forked, which is when its counts began."),
    ("comment starts with How", "Where the number of each line begins."),
    ("comment starts with How", "Why a thread cannot have a block."),
]
"""Sentences with other forms of these patterns."""
# The forms of a string that a sentence is in.
STRINGS = {
    "a.rs": [
        'const A: &str = "{}";',
        'const A: &str = r#"{}"#;',
        'fn f() {{ panic!("a \\"quoted\\" {{name}}. {}") }}',
        'fn f() {{ assert!(x, "a text\\n{}") }}',
    ],
    "a.py": [
        'A = "{}"',
        'print(f"{{x}}. {}")',
        'raise ValueError("a text. " "{}")',
        'A = """a text\n{}\n"""',
        'def f(a="{}"): ...',
    ],
    "a.pyi": ['A: Literal["{}"]'],
}


def broken_rules(file: str, source: str) -> set[str]:
    """Returns the names of the broken rules, without those that are only counted."""
    return {hit.rule.name for hit in check(file, source) if hit.rule.held}


@pytest.mark.parametrize("file", FORMS)
@pytest.mark.parametrize("rule", BAD)
def test_a_bad_sentence_is_found(file: str, rule: str) -> None:
    for form in FORMS[file]:
        of_comments = rule.startswith("comment starts") and file.endswith(".md")
        in_a_table = rule == "line over 100 columns" and form.startswith("|")
        found = set() if of_comments or in_a_table else {rule}
        assert broken_rules(file, form.format(BAD[rule]) + "\n") == found, form


@pytest.mark.parametrize(("rule", "sentence"), OTHER_SENTENCES)
def test_every_form_of_a_pattern_is_found(rule: str, sentence: str) -> None:
    assert broken_rules("a.rs", f"/// {sentence}\n") == {rule}


@pytest.mark.parametrize("file", STRINGS)
@pytest.mark.parametrize("rule", BAD)
def test_a_bad_sentence_in_a_string_is_found(file: str, rule: str) -> None:
    is_checked = not rule.startswith("comment") and rule != "line over 100 columns"
    for form in STRINGS[file]:
        found = {rule} if is_checked else set()
        assert broken_rules(file, form.format(BAD[rule]) + "\n") == found, form


@pytest.mark.parametrize("file", STRINGS)
@pytest.mark.parametrize("sentence", GOOD)
def test_a_good_sentence_in_a_string_is_accepted(file: str, sentence: str) -> None:
    for form in STRINGS[file]:
        assert broken_rules(file, form.format(sentence) + "\n") == set(), form


@pytest.mark.parametrize(
    ("file", "source", "rule"),
    [
        ("a.rs", "fn go_on() {}", "goes on"),
        ("a.rs", "    pub(crate) async fn works_no_longer(&self) {}", "no longer"),
        ("a.rs", "#[test]\nfn a_path_that_is_no_directory_fails() {}", "is no X"),
        ("a.py", "def test_it_no_longer_works(): ...", "no longer"),
        ("a.py", "class A:\n    async def go_on(self): ...", "goes on"),
        ("a.pyi", "def go_on() -> None: ...", "goes on"),
    ],
)
def test_a_bad_name_of_a_function_is_found(file: str, source: str, rule: str) -> None:
    assert broken_rules(file, source + "\n") == {rule}


@pytest.mark.parametrize(
    "reason", ["it goes on", "what lies behind", "the program promises what lies behind it"]
)
def test_a_bad_reason_is_found_even_if_it_is_short(reason: str) -> None:
    for source in [
        f'#![allow(unsafe_code, reason = "{reason}")]',
        f'#[expect(a,\nreason="{reason}")]',
    ]:
        assert len(broken_rules("a.rs", source + "\n")) == 1, source


@pytest.mark.parametrize("file", FORMS)
@pytest.mark.parametrize("sentence", GOOD)
def test_a_good_sentence_is_accepted(file: str, sentence: str) -> None:
    for form in FORMS[file]:
        assert broken_rules(file, form.format(sentence) + "\n") == set(), form


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("a.rs", 'const A: &str = "ours // no longer";\n'),
        ("a.rs", 'const A: &str = "no longer"; // It starts here and goes further.\n'),
        ("a.rs", 'const A: [&str; 2] = ["it is no", "longer there now"];\n'),
        ("a.rs", "// fn go_on()\nfn there_is_no_room() {}\nfn lists_ago_one() {}\n"),
        ("a.rs", 'const A: &str = "fn go_on() {}";\n'),
        ("tests/python/messages.py", 'A = "it is no longer there"\n'),
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


def test_a_string_over_two_lines_is_one_sentence_and_reported_where_it_starts() -> None:
    sources = {
        "a.rs": 'fn f() {\n    panic!("it is no \\\n        longer there");\n}\n',
        "a.py": 'def f():\n    raise ValueError("it is no "\n        f"longer {x}")\n',
    }
    for file, source in sources.items():
        found = [(hit.line, hit.rule.name) for hit in check(file, source) if hit.rule.held]
        assert found == [(2, "no longer")], file
