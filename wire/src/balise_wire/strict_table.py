"""A table of settings held against its shape, in words for whoever wrote it: the agent's and the collector's alike.

Lives here: unknown keys with the nearest known one, and msgspec's complaints as a person who reads TOML says them. Must
not live here: files, any particular shape, or whose settings they are (docs/decisions/0023), sockets or clocks.
"""

import difflib
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from balise_wire.word import complaint

Shape = TypeVar("Shape", bound=msgspec.Struct)


class TableError(ValueError):
    """The table is not what its shape says; the message names the place and what is wrong."""


def shaped(table: dict[str, Any], shape: type[Shape]) -> Shape:
    """Turn a table, whose keys are all known (``unknown_key``), into ``shape``.

    Raises:
        TableError: a value is of another type, out of its bounds, or a word that is not in its list.
    """
    try:
        made = msgspec.convert(table, shape)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        place = where.rstrip("`") or "the file"
        raise TableError(f"{place}: {_plain(what)}") from None
    if wrong := complaint(table, made):
        raise TableError(wrong)
    return made


def unknown_key(table: dict[str, Any], shape: type[msgspec.Struct], place: str = "") -> str:
    """Name the first key that a shape does not have, and which one was probably meant; empty where all are known."""
    hints = get_type_hints(shape)
    for key, value in table.items():
        where = f"{place}.{key}" if place else key
        if key not in hints:
            near = difflib.get_close_matches(key, hints, n=1, cutoff=0.5)
            mend = f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(sorted(hints))}"
            return f"unknown key {where!r}; {mend}"
        inner = next((kind for kind in (hints[key], *get_args(hints[key])) if _is_struct(kind)), None)
        if inner is None:
            continue
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, dict):
                found = unknown_key(item, inner, f"{where}[{index}]" if isinstance(value, list) else where)
                if found:
                    return found
    return ""


def _plain(message: str) -> str:
    """Turn msgspec's sentence into one for a person who reads TOML."""
    for ours, theirs in (
        ("text", "`str`"),
        ("a whole number", "`int`"),
        ("a number", "`float`"),
        ("true or false", "`bool`"),
        ("a list", "`array`"),
        ("a table", "`object`"),
    ):
        message = message.replace(theirs, ours)
    return message[:1].lower() + message[1:]


def _is_struct(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
