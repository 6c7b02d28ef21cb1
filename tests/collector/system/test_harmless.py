"""Text from elsewhere: nothing of it ends a document, moves a cursor, begins a line or turns one around."""

from __future__ import annotations

import io
import json
import logging
import unicodedata
from typing import TextIO, cast
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from balise_collector.pages.drawing.svg import element
from balise_collector.system import harmless
from balise_collector.system.clock import Clock
from balise_collector.system.harmless import LONGEST, Terminal, cell, findings, line, lines, shown, value
from balise_collector.system.log_lines import ClockFormatter, Sparing

ANYTHING = st.text(st.characters(exclude_categories=()), max_size=40)
"""Every code point there is, surrogates and noncharacters among them."""
HOSTILE = (
    "\ufffe", "\uffff", "\U0001fffe", "\x00", "\x08", "\x1b[2J", "\x9b31m", "\x07", "\x7f", "\ud800", "\udfff",
    "\u202e", "\u2066", "\u200f", "\u2028", "\u200b", "\ufeff", "\U000e0041", "\u00ad", "\r",
)  # fmt: skip
PLAIN = "l\u2019app, \u00ab guillemets\u00a0\u00bb, \u0645\u06cc\u200c\u062e\u0648\u0627, \u4e2d\u6587, \U0001f4e1"


def test_ordinary_writing_stays_as_it_is() -> None:
    """French blanks, Persian with its joiners, Chinese, a picture: nobody's name is mended away."""
    assert shown(PLAIN) is PLAIN
    assert line(PLAIN) is PLAIN
    assert lines(f"{PLAIN}\n\t{PLAIN}") == f"{PLAIN}\n\t{PLAIN}"
    assert cell(PLAIN) == PLAIN
    assert findings(PLAIN) == ""


@pytest.mark.parametrize("bad", HOSTILE)
def test_what_is_hostile_is_replaced_where_it_is_shown_and_escaped_where_it_is_told(bad: str) -> None:
    """On a page it is U+FFFD; in a terminal, a log or a table it is an escape that a person can read."""
    assert bad[0] not in shown(f"a{bad}b")
    assert "\ufffd" in shown(f"a{bad}b")
    for told in (line(f"a{bad}b"), lines(f"a{bad}b"), cell(f"a{bad}b")):
        assert bad[0] not in told
        assert json.loads(f'"{told}"') == f"a{bad}b"
    assert findings(f"a{bad}b").startswith("\\u")


@given(ANYTHING)
def test_nothing_makes_a_drawing_that_is_no_xml(text: str) -> None:
    """In content and in attributes, whatever it is, a strict reader takes the document."""
    drawn = str(element("svg", element("title", text, id=text), lang=text))
    document = ET.fromstring(drawn.encode())  # noqa: S314 - our own text
    title = document.find("title")
    assert title is not None


@given(ANYTHING)
def test_nothing_controls_a_terminal_or_a_table(text: str) -> None:
    """No control, no surrogate, no character that is none; one line stays one, and no cell is a formula."""
    for told in (line(text), cell(text)):
        assert not [one for one in told if unicodedata.category(one) in {"Cc", "Cs", "Zl", "Zp"}]
    assert cell(text)[:1] not in {"=", "+", "-", "@"}
    lines(text).encode()
    shown(text).encode()


def test_markup_stays_markup() -> None:
    """A template must not escape a second time what was escaped, nor trust what was not."""
    assert isinstance(shown(Markup("<b>\ufffe</b>")), Markup)
    assert type(shown("<b>\ufffe</b>")) is str
    assert shown(Markup("<b>\ufffe</b>")) == Markup("<b>\ufffd</b>")


def test_a_value_is_bounded() -> None:
    """A title of a megabyte is no page."""
    assert len(value("x" * 1_000_000)) == LONGEST
    assert len(cell("x" * 1_000_000)) == LONGEST
    assert value("x" * LONGEST) == "x" * LONGEST


def test_the_terminal_stands_for_what_is_below() -> None:
    """What is printed is harmless, and all else is as it was."""
    below = io.StringIO()
    print("a\x1b[2Jb\n\tc", file=cast("TextIO", Terminal(below)), flush=True)
    assert below.getvalue() == "a\\u001b[2Jb\n\tc\n"
    assert not Terminal(below).isatty()


def record(message: str, *arguments: object, at: float = 0.0, name: str = "x") -> logging.LogRecord:
    """Return a line of the log."""
    made = logging.LogRecord(name, logging.INFO, __file__, 1, message, arguments, None)
    made.created = at
    return made


def test_a_line_of_the_log_is_one_line() -> None:
    """Whoever can have something logged cannot write a line of his own, nor without end."""
    told = ClockFormatter(Clock()).format(record("refused %s", "x\n2020-01-01T00:00:00Z INFO all is well\x1b[1A"))
    assert "\n" not in told
    assert "\x1b" not in told
    assert "\\u000a2020" in told
    assert len(ClockFormatter(Clock()).format(record("%s", "x" * 100_000))) < 2100


def test_a_traceback_keeps_its_lines() -> None:
    """What we wrote ourselves is readable."""

    def fails() -> None:
        raise ValueError("\x1b[2J")

    made = record("failed")
    try:
        fails()
    except ValueError as error:
        made.exc_info = (ValueError, error, error.__traceback__)
    told = ClockFormatter(Clock()).format(made)
    assert "\nTraceback (most recent call last):\n" in told
    assert "\x1b" not in told


def test_lines_of_one_kind_about_one_subject_are_bounded() -> None:
    """A hundred, then one a second that says how many were left out; other subjects and kinds go on."""
    sparing = Sparing()
    assert sum(sparing.filter(record("from %s: %s", "probe1", n)) for n in range(5000)) == 100
    assert sparing.filter(record("from %s: %s", "probe2", "x"))
    assert sparing.filter(record("another", at=0.0))
    after = record("from %s: %s", "probe1", "x", at=1.5)
    assert sparing.filter(after)
    assert after.getMessage() == "from probe1: x (4900 lines like this were left out)"
    assert not sparing.filter(record("from %s: %s", "probe1", "x", at=1.6))
    assert not sparing.filter(record("from %s: %s", "probe1", "x", at=-3600.0))
    for n in range(5000):
        sparing.filter(record("from %s", f"somebody{n}"))
    assert len(sparing._kinds) == 2000


def test_every_character_is_found_once() -> None:
    """The pattern for one line is the pattern for several, with their ends."""
    assert harmless.BAD.search("\n\t") is None
    assert findings("a\tb") == "\\u0009"
