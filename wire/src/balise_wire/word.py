"""What a word of the wire is: one of a list that grows, read by programs that are older than the list.

Every enum that crosses the wire derives from ``Word``: a word that this program does not know is read as ``UNKNOWN``,
so that it costs the one fact it stands for and never the message around it (docs/wire.md, versioning law 2). UNKNOWN is
a third value: it is neither success nor failure, it accuses nobody, and we never send it. What a person has typed is
another matter: there an unknown word is a mistake, which ``exact`` and ``complaint`` find. Must not live here: any
list of words.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Self

import msgspec

Place = tuple[str | int, ...]
"""The way to a value: names of fields or keys, and indices."""


class Word(StrEnum):
    """A closed list for its writer and an open one for its reader; each list has a member ``UNKNOWN``."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        """Read any text that is not in the list as ``UNKNOWN`` (msgspec asks here as well)."""
        return cls["UNKNOWN"] if isinstance(value, str) else None

    @classmethod
    def known(cls) -> tuple[Self, ...]:
        """Return the words that may be written: all but ``UNKNOWN``, in the order of the list."""
        return tuple(word for word in cls if word.name != "UNKNOWN")

    @classmethod
    def exact(cls, text: str) -> Self:
        """Return the word that ``text`` is (ValueError for one that may not be written)."""
        word = cls(text)
        if word.name == "UNKNOWN":
            raise ValueError(f"{text!r} is none of {', '.join(cls.known())}")
        return word


def unknown_places(value: object, place: Place = ()) -> Iterator[tuple[Place, type[Word]]]:
    """Yield where a decoded structure holds a word that this program does not know, and of which list.

    Args:
        value: a structure, or a tuple, list or mapping of them.
        place: where that stands in the whole.
    """
    if isinstance(value, Word):
        if value.name == "UNKNOWN":
            yield place, type(value)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from unknown_places(getattr(value, name), (*place, name))
    elif isinstance(value, dict):
        for key, one in value.items():
            yield from unknown_places(one, (*place, key))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from unknown_places(one, (*place, index))


def complaint(written: Any, made: object) -> str:
    """Say which word of a file is none of its list, for the person who wrote it; empty where all are.

    Args:
        written: the file's table.
        made: the structure that was made of it; its fields have the names of the table's keys.
    """
    for place, words in unknown_places(made):
        for key in place:
            written = written[key]
        where = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in place).lstrip(".")
        return f"{where}: {written!r} is none of {', '.join(words.known())}"
    return ""
