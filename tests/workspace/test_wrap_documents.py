"""tools/wrap-documents: what it fills anew, what it leaves as it is, and that the documents of this tree fit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.testbed import scripts

TOOL = scripts.load("wrap-documents")
LONG = "one word after another " * 12


def test_every_document_of_this_tree_fits() -> None:
    """No paragraph has a line above 120 columns; tables and code may."""
    texts = {file.relative_to(TOOL.ROOT): file.read_text(encoding="utf-8") for file in TOOL.documents()}
    assert len(texts) > 40
    assert [str(name) for name, text in texts.items() if TOOL.wrap(text) != text] == []


@pytest.mark.parametrize("start", ["", "- ", "12. ", "  * "], ids=["prose", "item", "number", "below"])
def test_a_paragraph_that_is_too_wide_is_filled(start: str) -> None:
    """Its words stay, an item's further lines stand below its first word, and the result is left as it is."""
    text = f"{start}{LONG.strip()}\n"
    wrapped = TOOL.wrap(text)
    assert wrapped.split() == text.split()
    assert max(map(len, wrapped.splitlines())) <= TOOL.WIDTH
    assert all(line.startswith(" " * len(start)) for line in wrapped.splitlines()[1:])
    assert TOOL.wrap(wrapped) == wrapped


@pytest.mark.parametrize(
    "text",
    [
        "short\nlines\nthat somebody broke by hand\n",
        f"| a | {LONG}|\n|---|---|\n",
        f"# {LONG}\n",
        f"    {LONG}\n",
        f"> {LONG}\n",
        f"```\n{LONG}\n```\n",
        f"[name]: {LONG}\n",
    ],
    ids=["narrow", "table", "heading", "indented", "quoted", "fenced", "reference"],
)
def test_what_is_no_wide_paragraph_is_left(text: str) -> None:
    """Tables, headings, code and paragraphs that fit keep every character."""
    assert TOOL.wrap(text) == text


def test_a_line_never_begins_something_else() -> None:
    """No word that Markdown reads as a list, a heading or a quotation comes to stand first in a line."""
    for word in ("-", "+", "1.", "#", ">", "|"):
        for length in range(100, 130):
            wrapped = TOOL.wrap(f"{'x' * length} {word} {'y' * 60}\n")
            assert not any(line.startswith(word) for line in wrapped.splitlines())


def test_a_command_is_not_torn() -> None:
    """A code span stays in one line: people copy it, and test_documents reads it."""
    wrapped = TOOL.wrap(f"{LONG}`balise-collector fleet token --country PK` {LONG}\n")
    assert "`balise-collector fleet token --country PK`" in wrapped


@given(st.text(st.sampled_from("ab -*#>|`1.\n\t«»:"), max_size=400))
def test_words_are_never_changed(text: str) -> None:
    """Whatever a document looks like, only the white space between its words moves, and once is enough."""
    wrapped = TOOL.wrap(text)
    assert wrapped.split() == text.split()
    assert TOOL.wrap(wrapped) == wrapped
