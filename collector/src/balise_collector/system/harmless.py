"""Text that came from elsewhere, made harmless for where it is shown: markup, tables, a terminal, a log. Pure.

What a probe, a server, a catalogue or an operator's settings say can hold characters that end a document (U+FFFE is no
character of XML 1.0), move a terminal's cursor or rewrite what stands before it (ECMA-48 escapes, C1 controls), begin a
line that we did not write, or turn the reading direction around (Unicode bidirectional controls, as in CVE-2021-42574).
Everything that is written out passes here once: the pages' templates and drawings, the feed, tables, and what the
command line and the log say. Must not live here: what is cut at the door (validate.py), HTML escaping.
"""

import re
from typing import Any, Final, TextIO, TypeVar, cast

from markupsafe import Markup

_BIDI: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_UNSEEN: Final = (
    "\u00ad\u115f\u1160\u180e\u200b\u2028\u2029\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e0fff"
)
"""Characters without a shape that change what follows or hide in a word; not U+200C and U+200D, which Persian needs."""
_NONE: Final = "\ud800-\udfff\ufdd0-\ufdef" + "".join(
    f"{chr(plane | 0xFFFE)}{chr(plane | 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
"""Surrogates and noncharacters (Unicode 15.1, 23.7)."""
_CONTROL: Final = "\x00-\x08\x0b-\x1f\x7f-\x9f"
"""Every control but tab and line feed."""
BAD: Final = re.compile(f"[{_CONTROL}{_NONE}{_BIDI}{_UNSEEN}]")
_LINE: Final = re.compile(f"[\t\n{_CONTROL}{_NONE}{_BIDI}{_UNSEEN}]")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
LONGEST: Final = 4000
"""Characters of one value that are shown; nothing that we write ourselves is as long."""
Text = TypeVar("Text", bound=str)


def shown(text: Text) -> Text:
    """Return text for a page, a drawing or a feed: what cannot be shown is U+FFFD. Markup stays markup."""
    if BAD.search(text) is None:
        return text
    changed = BAD.sub("\ufffd", text)
    return cast("Text", Markup(changed) if isinstance(text, Markup) else changed)  # noqa: S704 - it was markup, and no markup is added


def value(text: str, longest: int = LONGEST) -> str:
    """Return one value for a page: of a bounded length, and as ``shown``."""
    return shown(cut(text, longest))


def cut(text: str, longest: int = LONGEST) -> str:
    """Return text of a bounded length; where some of it was cut off it ends so."""
    return text if len(text) <= longest else text[: longest - 1] + "\u2026"


def line(text: str) -> str:
    """Return text as one line for a terminal or a log: what would move a cursor or begin a line is an escape."""
    return text if _LINE.search(text) is None else _LINE.sub(_escape, text)


def lines(text: str) -> str:
    """Return text of several lines for a terminal: as ``line``, with its line feeds and tabs."""
    return text if BAD.search(text) is None else BAD.sub(_escape, text)


def cell(text: str) -> str:
    """Return text for a cell of CSV: one line, and nothing that a spreadsheet takes for a formula."""
    told = line(cut(text))
    return f"'{told}" if told.startswith(_FORMULA) else told


def findings(text: str) -> str:
    """Return the first character of text that may not be in settings, as an escape; empty where there is none."""
    found = _LINE.search(text)
    return _escape(found) if found else ""


def _escape(found: "re.Match[str]") -> str:
    """Return a character as JSON and people write it."""
    code = ord(found[0])
    if code <= 0xFFFF:
        return f"\\u{code:04x}"
    return f"\\u{0xD800 + ((code - 0x10000) >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


class Terminal:
    """What stands in the place of standard output or error: everything that is written there is made harmless."""

    def __init__(self, under: TextIO) -> None:
        """Write to ``under``."""
        self._under = under

    def write(self, text: str) -> int:
        """Write it; returns the number of characters that were given."""
        self._under.write(lines(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        """Return anything else of what is below."""
        return getattr(self._under, name)


def printable(text: str) -> str:
    """Return a text with a mark in the place of what moves a cursor, hides, or turns around what stands beside it."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def only_printable(text: str) -> str:
    """Return a text without what a terminal or a page would obey."""
    return "".join(letter for letter in text if letter.isprintable())
