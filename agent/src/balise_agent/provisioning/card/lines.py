"""From lines to entries: tables, keys and raw values, read the way a person means them.

TOML (toml.io/en/v1.0.0) as far as one page of settings needs it: tables, dotted keys, strings, plain words, lists of
strings. Beside it everything editors and people make of that: curly quotation marks, ``:`` for ``=``, missing quotation
marks, invisible blanks, wrapped lines, other remark signs. Each mend is noted with its line. Must not live here: which
keys there are, and what their values may be.
"""

import re
import tomllib
from dataclasses import dataclass
from typing import Final

from balise_agent.provisioning.card.findings import CardProblem, Notes
from balise_wire.card import END_MARK

_ODD_BLANKS: Final = "\u00a0\u0085\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f\u2060\u3000\ufeff"
_UNSEEN: Final = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060\ufeff]+")
"""Those of them that have no width: hyphenation points, joiners, marks of direction."""
_BLANK: Final = rf"[ \t\v\f{_ODD_BLANKS}]"
_ODD: Final = re.compile(f"[{_ODD_BLANKS}]")
_DOUBLE: Final = '"\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033\uff02'
_SINGLE: Final = "'\u2018\u2019\u201a\u201b\u2032`\u00b4\u2039\u203a"
_GUILLEMETS: Final = frozenset("\u00ab\u00bb\u2039\u203a")
"""Set off by a blank on their inner side in French; word processors put U+00A0 or U+202F there by themselves."""
_BEGINS: Final = (*_DOUBLE, *_SINGLE, "[")
"""What a value begins with of which one can see whether it has ended."""
_STRING: Final = re.compile(f"[{_DOUBLE}{_SINGLE}][^{_DOUBLE}{_SINGLE}]*[{_DOUBLE}{_SINGLE}]")
_REMARK: Final = re.compile(r"(#|\uff03)|;|//|--|\u2014|\*|<!--")
_HEADER: Final = re.compile(rf"(\[+){_BLANK}*[\"']?([\w .-]{{1,40}}?)[\"']?{_BLANK}*(\]*){_BLANK}*(?:[#;].*)?")
_PAIR: Final = re.compile(
    rf"[\"']?([^\W\d_][\w .-]{{0,39}}?)[\"']?{_BLANK}*(:=|==|=>|->|=|:|\uff1d|\uff1a){_BLANK}*(.*)"
)
_NO_SIGN: Final = re.compile(rf"([^\W\d_][\w-]{{0,39}}){_BLANK}+([{_DOUBLE}{_SINGLE}].*)")
_WORD: Final = re.compile(r"[^\W\d_][\w-]{0,39}:?")
_END: Final = re.compile(rf"{_BLANK}*([,;]?){_BLANK}*((?:#|\uff03|//).*)?")
_LONGEST: Final = 2000
"""Characters of a line that are read; an SSH key of 8,192 bits has 1,400."""
_WRAPS: Final = 4
"""Lines over which one value may have been wrapped, by a mail program for instance."""


@dataclass(frozen=True)
class CardLine:
    """One key with its value as it was written."""

    table: str
    """As written, in lower case; empty above the first table."""
    key: str
    """As written."""
    line: int
    values: tuple[str, ...]
    """One text, or the items of a list."""
    quoted: bool
    listed: bool


@dataclass(frozen=True)
class Scan:
    """Everything that could be read."""

    entries: tuple[CardLine, ...]
    tables: tuple[tuple[str, int], ...]
    """Table names in lower case, with their lines."""
    cut: bool
    """The file ends where it should not: what is missing was not taken out by a person."""


def scan(lines: list[str], tables: frozenset[str], notes: Notes) -> Scan:
    """Read all lines; ``tables`` are the names that stand for a table even without their brackets."""
    entries: list[CardLine] = []
    seen: list[tuple[str, int]] = []
    lines = [line[:_LONGEST] for line in lines]
    table, at, cut = "", 0, _ends_early(lines)
    while at < len(lines):
        number, line = at + 1, lines[at]
        at += 1
        text = _trimmed(line, number, notes)
        if not text or _is_remark(text, number, notes):
            continue
        if (name := _header(text, number, tables, notes)) is not None:
            table = name
            seen.append((table, number))
            continue
        pair = _pair(text, number, notes)
        if pair is None:
            if number == len(lines) and cut:
                break
            notes.ignored(
                CardProblem.NOT_UNDERSTOOD,
                number,
                "this line is not understood",
                'left out; a setting is  key = "value" , a remark begins with #',
            )
            continue
        key, rest = pair
        rest, more = _joined(rest, lines[at : at + _WRAPS])
        if more and not rest.startswith("["):
            notes.mended(CardProblem.WRAPPED, number, "the value goes on in the next line", "read as one")
        at += more
        if at >= len(lines) and lines[-1] and (_is_open(rest) or (cut and rest[:1] not in _BEGINS)):
            cut = True
            break
        above, _, below = key.rpartition(".")
        values, quoted = _list(rest, number, notes) if rest.startswith("[") else _text(rest, number, notes)
        entries.append(CardLine(above.strip().lower() or table, below.strip(), number, values, quoted, rest[:1] == "["))
    if cut:
        notes.ignored(
            CardProblem.CUT,
            len(lines),
            "the file ends here, too early",
            "what is missing stays as it was last; copy the whole file onto the card again",
        )
    return Scan(tuple(entries), tuple(seen), cut)


def _ends_early(lines: list[str]) -> bool:
    """Tell whether the file has the marks between our sections and lacks the one at the end."""
    marks = [line for line in lines if line.startswith("# --- ")]
    return bool(marks) and not any(line.startswith(END_MARK) for line in marks)


def _trimmed(line: str, number: int, notes: Notes) -> str:
    """Return the line without blanks at its ends, visible or not."""
    text = re.sub(rf"^{_BLANK}+|{_BLANK}+$", "", line)
    if _ODD.search(line) and not text.startswith("#"):
        bare = re.sub(rf"[{_DOUBLE}{_SINGLE}].*", "", line)
        if _ODD.search(bare) or _ODD.search(line[len(line.rstrip()) - 1 :]) or text != line.strip(" \t\v\f"):
            notes.mended(
                CardProblem.BLANKS, number, "invisible blanks that are no ordinary ones", "read as ordinary ones"
            )
    quote = re.search(f"[{_DOUBLE}{_SINGLE}]", text)
    outside = quote.start() if quote else len(text)
    text = _UNSEEN.sub("", text[:outside]) + text[outside:]
    return "".join(letter for letter in text if letter == "\t" or letter >= " ")


def _is_remark(text: str, number: int, notes: Notes) -> bool:
    """Tell whether the line is a remark; other signs than # are accepted and told."""
    sign = _REMARK.match(text)
    if sign is None:
        return False
    if text[0] != "#":
        notes.mended(CardProblem.COMMENT, number, f"a remark that begins with {sign[0]}", "read as one; the sign is #")
    return True


def _header(text: str, number: int, tables: frozenset[str], notes: Notes) -> str | None:
    """Return the name of the table that begins here, in lower case."""
    found = _HEADER.fullmatch(text)
    if found is None:
        word = text.rstrip(":]").strip().lower()
        if word not in tables or not _WORD.fullmatch(text.rstrip("]").strip()):
            return None
        notes.mended(CardProblem.BRACKETS, number, f"{word} without its brackets", f"read as [{word}]")
        return word
    name = found[2].strip().lower()
    if found[1] != "[" or found[3] != "]":
        notes.mended(CardProblem.BRACKETS, number, "the brackets are not one [ and one ]", f"read as [{name}]")
    if found[2].strip() != name:
        notes.mended(CardProblem.CASE, number, f"[{found[2].strip()}] in capitals", f"read as [{name}]")
    return name


def _pair(text: str, number: int, notes: Notes) -> tuple[str, str] | None:
    """Return key and the rest of the line."""
    if found := _PAIR.fullmatch(text):
        if found[2] != "=":
            notes.mended(CardProblem.SEPARATOR, number, f"{found[2]} after {found[1]}", "read as =")
        return found[1].strip(), found[3]
    if found := _NO_SIGN.fullmatch(text):
        notes.mended(CardProblem.SEPARATOR, number, f"no = after {found[1]}", "read as if it stood there")
        return found[1], found[2]
    return None


def _is_open(rest: str) -> bool:
    """Tell whether a value that began has not ended."""
    if rest.startswith("["):
        return "]" not in _STRING.sub("", rest)
    for marks in (_DOUBLE, _SINGLE):
        if rest[:1] and rest[0] in marks:
            return not any(letter in marks for letter in rest[1:])
    return False


def _joined(rest: str, following: list[str]) -> tuple[str, int]:
    """Join a value with the lines it goes on in; return it and how many those are."""
    if not _is_open(rest):
        return rest, 0
    whole = rest
    for count, line in enumerate(following, 1):
        text = line.strip()
        listed = rest.startswith("[")
        if not listed and (not text or text[0] in "#[" or _PAIR.fullmatch(text)):
            break
        whole += re.sub(r"(^|\s)#.*", "", text) if listed else text
        if not _is_open(whole):
            return whole, count
    return rest, 0


def _list(rest: str, number: int, notes: Notes) -> tuple[tuple[str, ...], bool]:
    """Return the items of a list; they hold no blanks and no commas (addresses)."""
    # From the right: an IPv6 address has brackets of its own.
    inside, closed, _ = re.sub(r"\s#.*", "", rest[1:]).rpartition("]")
    if not closed:
        inside = rest[1:]
        notes.mended(CardProblem.BRACKETS, number, "the list has no ] at its end", "read up to the end of the line")
    if any(mark in inside for mark in (_DOUBLE + _SINGLE).replace('"', "").replace("'", "")):
        notes.mended(CardProblem.QUOTES, number, "curly quotation marks", "read as straight ones")
    bare = "".join(" " if letter in _DOUBLE + _SINGLE + ",;" else letter for letter in inside)
    return tuple(bare.split()), True


def _text(rest: str, number: int, notes: Notes) -> tuple[tuple[str, ...], bool]:
    """Return one value and whether quotation marks stood around it."""
    for marks in (_DOUBLE, _SINGLE):
        if rest and rest[0] in marks:
            return (_quoted(rest, marks, number, notes),), True
    bare = re.split(rf"(?:^|{_BLANK})(?:#|\uff03|//).*", rest, maxsplit=1)[0]
    text = re.sub(rf"{_BLANK}*[,;]?{_BLANK}*$", "", bare)
    if text and text[-1] in _DOUBLE + _SINGLE:
        notes.mended(
            CardProblem.QUOTE_MISSING, number, "the quotation mark before the value is missing", "read without"
        )
        return (text[:-1],), True
    return (text,), False


def _quoted(rest: str, marks: str, number: int, notes: Notes) -> str:
    """Return what stands between quotation marks of one sort."""
    plain = marks[0]
    if rest.startswith(plain * 3):
        rest = plain + rest.strip(plain) + plain
        notes.mended(CardProblem.QUOTES, number, "three quotation marks", "read as one")
    opening, body = rest[0], rest[1:]
    ends = [at for at, letter in enumerate(body) if letter in marks and not _escaped(body, at, opening)]
    straight = [at for at in ends if body[at] == plain]
    fitting = [at for at in ends if _END.fullmatch(body[at + 1 :])]
    # A value that ends in a backslash, written by somebody who knows of no escapes: TOML has no end for it there.
    plainly = [at for at, letter in enumerate(body) if letter == plain and at not in ends and _ends(body[at + 1 :])]
    literal = False
    if opening == plain and straight and straight[0] in fitting:
        end = straight[0]
    elif plainly:
        end, literal = plainly[0], True
    elif fitting:
        end = fitting[0]
    elif ends:
        end = ends[0]
        notes.mended(
            CardProblem.TRAILING, number, "text after the closing quotation mark", "left out; a remark needs a #"
        )
    else:
        notes.mended(
            CardProblem.QUOTE_MISSING, number, "the closing quotation mark is missing", "read up to the line's end"
        )
        return re.sub(rf"{_BLANK}+(?:#.*)?$", "", body)
    text = body[:end]
    if opening != plain or body[end] != plain:
        notes.mended(CardProblem.QUOTES, number, "curly quotation marks", "read as straight ones")
    if any(body[at] == plain for at in ends if at < end):
        notes.mended(CardProblem.QUOTES, number, "quotation marks inside the value", "kept as part of it")
    if (tail := _END.fullmatch(body[end + 1 :])) and tail[1]:
        notes.mended(CardProblem.TRAILING, number, f"a {tail[1]} at the end", "left out")
    if body[end + 1 : end + 2] == "#" and body.rstrip()[-1] in marks:
        notes.mended(
            CardProblem.QUOTES,
            number,
            "quotation marks on both sides of a #",
            "read up to the #; a value with such marks in it stands between ' and '",
        )
    if literal:
        return _backslashes(text, number, notes)
    if opening != plain:
        return _within(text, opening, body[end], number, notes)
    return _unescaped(text, number, notes) if opening == '"' and "\\" in text else text


def _ends(rest: str) -> bool:
    """Tell whether what stands after a quotation mark lets a value end there."""
    return _END.fullmatch(rest) is not None


def _within(text: str, opening: str, closing: str, number: int, notes: Notes) -> str:
    """Return what stands between curly marks without the blanks that belong to the marks.

    Those are all blanks of guillemets; elsewhere the no-break ones, which nobody types.
    """
    both = opening in _GUILLEMETS and closing in _GUILLEMETS
    blanks = _BLANK if both else f"[{_ODD_BLANKS}]"
    bare = re.sub(rf"^{blanks}+|{blanks}+$", "", text)
    if bare != text:
        notes.mended(CardProblem.BLANKS, number, "blanks inside the quotation marks", "read as part of the marks")
    return bare


def _escaped(body: str, at: int, opening: str) -> bool:
    r"""Tell whether an odd number of backslashes stands before a place, in a string that knows escapes."""
    before = body[:at]
    return opening == '"' and (len(before) - len(before.rstrip("\\"))) % 2 == 1


def _unescaped(text: str, number: int, notes: Notes) -> str:
    """Read TOML's escapes; where they make no sense the backslashes are meant."""
    try:
        read = tomllib.loads(f'x = "{text}"')["x"]
    except (tomllib.TOMLDecodeError, ValueError):
        read = None
    if isinstance(read, str) and read.isprintable():
        return read
    return _backslashes(text, number, notes)


def _backslashes(text: str, number: int, notes: Notes) -> str:
    """Return the text as it stands, after a note."""
    notes.mended(
        CardProblem.BACKSLASH,
        number,
        "a backslash that begins no escape",
        "read as a backslash; between ' ' it always is",
    )
    return text
