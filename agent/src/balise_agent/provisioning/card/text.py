r"""From bytes to numbered lines: whatever an editor, a Mac or a power cut made of the file.

Lives here: encodings (UTF-8, UTF-16, an old Windows code page), marks in front, NUL bytes that FAT leaves after a power
cut, line ends, the size bound, and the recognition of what is no text at all. Must not live here: keys and values.
Lines end at \r\n, \n or \r only: str.splitlines would also break at characters that may stand in a Wi-Fi name.
"""

import codecs
import re
from typing import Final

from balise_agent.provisioning.card.findings import CardProblem, Notes

LARGEST: Final = 64 * 1024
"""Bytes that are read; the commented file has about 5,000."""
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_ODD_SHARE: Final = 0.3
"""Share of characters that no text has, above which the file is no text."""
_KINDS: Final = (
    (b"{\\rtf", "a word processor's document (RTF)"),
    (b"PK\x03\x04", "a word processor's document or an archive"),
    (b"\xd0\xcf\x11\xe0", "an old word processor's document"),
    (b"%PDF", "a PDF"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
)
_PLAIN: Final = "write the settings into a plain text file (Notepad, or TextEdit with Format > Make Plain Text)"


def lines_of(data: bytes, notes: Notes) -> list[str] | None:
    """Return the file's lines, or ``None`` where it holds no text; line n of an editor is item n - 1."""
    if not data.strip(b" \t\r\n\0\xff\xfe\xef\xbb\xbf"):
        _note_nothing(data, notes)
        return None
    if len(data) > LARGEST:
        data = data[:LARGEST]
        notes.ignored(
            CardProblem.TOO_LARGE,
            0,
            f"the file is larger than {LARGEST // 1024} KB",
            "only its beginning was read; settings need one page",
        )
    kind = next((name for start, name in _KINDS if data.lstrip()[: len(start)].lower() == start.lower()), None)
    if kind is not None:
        notes.wrong(CardProblem.WORD_PROCESSOR, 0, f"the file is {kind}", _PLAIN)
        return None
    text = _without_nul(_decoded(data, notes), notes)
    odd = sum(letter == "\ufffd" or (letter < " " and letter not in "\t\r\n\f") for letter in text)
    if odd > _ODD_SHARE * len(text):
        notes.wrong(CardProblem.NOT_TEXT, 0, "the file is not text", f"copy the file you were given again, or {_PLAIN}")
        return None
    return _split(text, notes)


def _note_nothing(data: bytes, notes: Notes) -> None:
    """Note a file of nothing; after a power cut FAT may keep its length and lose its content."""
    if b"\0" in data:
        notes.wrong(
            CardProblem.NUL,
            0,
            "the file has only zero bytes, as after a power cut while it was saved",
            "copy the file you were given onto the card again",
        )
    else:
        notes.wrong(CardProblem.EMPTY, 0, "the file is empty", "copy the file you were given onto the card again")


def _decoded(data: bytes, notes: Notes) -> str:
    """Return the text in whatever encoding it was saved."""
    if data.startswith(codecs.BOM_UTF8):
        notes.mended(CardProblem.MARK, 1, "an invisible mark stands in front (UTF-8 with BOM)", "read without it")
        data = data[len(codecs.BOM_UTF8) :]
    elif found := _wide(data):
        notes.mended(CardProblem.ENCODING, 1, f"the file is saved as {found.upper()}", "read as such; UTF-8 is better")
        return data.decode(found, errors="replace").removeprefix("\ufeff")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character that the size bound or a power cut left half is no other encoding.
        if error.end >= len(data) and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8")
        line = len(_LINE_END.findall(data[: error.start].decode("latin-1"))) + 1
    # cp1252 leaves five bytes undefined; latin-1 knows all.
    notes.mended(
        CardProblem.ENCODING,
        line,
        "letters in an old encoding",
        "read as Windows-1252; check names with accents, and save as UTF-8",
    )
    return data.decode("cp1252", errors="replace")


def _wide(data: bytes) -> str | None:
    """Tell UTF-16 by its mark, or by the zero bytes that ASCII in UTF-16 has in every second place."""
    if data.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if data.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    sample = data[:512]
    half = len(sample) // 2
    if half >= 4 and sample[1::2].count(0) > 0.7 * half and sample[::2].count(0) < 0.1 * half:
        return "utf-16-le"
    if half >= 4 and sample[::2].count(0) > 0.7 * half and sample[1::2].count(0) < 0.1 * half:
        return "utf-16-be"
    return None


def _without_nul(text: str, notes: Notes) -> str:
    """Drop NUL characters and say where the first stood."""
    place = text.find("\0")
    if place < 0:
        return text
    line = len(_LINE_END.findall(text[:place])) + 1
    notes.mended(
        CardProblem.NUL,
        line,
        "zero bytes, as after a power cut while the file was saved",
        "left out; if something is missing, copy the file again",
    )
    return text.replace("\0", "")


def _split(text: str, notes: Notes) -> list[str]:
    """Split at line ends; an old Mac's are read and told."""
    ends = _LINE_END.findall(text)
    if "\r" in ends and "\n" not in ends and "\r\n" not in ends:
        notes.mended(CardProblem.LINE_ENDS, 1, "lines end as on an old Mac", "read as ordinary ones")
    return _LINE_END.split(text)
