"""What of an assignment this probe can read: piece by piece, so that a word of tomorrow costs one piece. Pure.

Lives here: from the JSON of a verified message to an Assignment of what is known, and what was left out, in words. Must
not live here: signatures and versions (assignments.py), or what this device allows (limits.py).
"""

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from balise_wire.assignment import Assignment, Control, StunServer, Target
from balise_wire.word import unknown_places
from balise_wire.words import Experiment

MAX_TOLD: Final = 50
"""Pieces left out that are named one by one; the rest is a count."""
MAX_PIECES: Final = 2_000
"""Pieces of a list that are looked at; the limits refuse a task of fewer already."""
_LONGEST: Final = 80
_NEEDED: Final = ("version", "expires")
_TYPES: Final[dict[str, Any]] = {field.name: field.type for field in msgspec.structs.fields(Assignment)}
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])
_LISTS: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    "targets": msgspec.json.Decoder(Target),
    "controls": msgspec.json.Decoder(Control),
    "stun_servers": msgspec.json.Decoder(StunServer),
}
"""What is read one by one."""
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


@dataclass(frozen=True)
class Read:
    """As much of an assignment as this probe knows."""

    assignment: Assignment
    left_out: tuple[tuple[str, str], ...] = ()
    """What, and why; at most ``MAX_TOLD`` and a count."""


class _Name(msgspec.Struct, frozen=True):
    """What a piece calls itself, whatever else is in it."""

    id: str = ""
    name: str = ""


_name = msgspec.json.Decoder(_Name)


def read(body: bytes | msgspec.Raw) -> Read:
    """Return what this probe knows of an assignment.

    Raises:
        msgspec.DecodeError: it is no JSON object, or has no version or end that could be kept to.
    """
    left_out: list[tuple[str, str]] = []
    fields = _fields.decode(body)
    values: dict[str, Any] = {"catalogue": "", "targets": ()}
    for name in _NEEDED:
        if name not in fields:
            raise msgspec.ValidationError(f"Object missing required field `{name}`")
    for name in _TYPES.keys() & fields.keys():
        try:
            values[name] = (
                _pieces(name, fields[name], left_out)
                if name in _LISTS
                else msgspec.json.decode(fields[name], type=_TYPES[name])
            )
        except _UNREADABLE as error:
            if name in _NEEDED:
                raise
            left_out.append((name, f"not understood: {error}"[:_LONGEST]))
    return Read(Assignment(**values), _bounded(left_out))


def _pieces(what: str, raw: msgspec.Raw, left_out: list[tuple[str, str]]) -> tuple[Any, ...]:
    """Return the pieces of a list that can be read, and note the others."""
    kept = []
    pieces = _list.decode(raw)
    for place, one in enumerate(pieces[:MAX_PIECES]):
        try:
            piece, why = _known(_LISTS[what].decode(one))
        except _UNREADABLE as error:
            piece, why = None, f"{error}"[:_LONGEST]
        if why:
            left_out.append((_called(one) or f"{what}[{place}]", f"not understood: {why}"))
        if piece is not None:
            kept.append(piece)
    if len(pieces) > MAX_PIECES:
        left_out.append((what, f"{len(pieces)} of them; the first {MAX_PIECES} were looked at"))
    return tuple(kept)


def _known(piece: Any) -> tuple[Any, str]:
    """Return what is known of a piece (``None`` where it is of no use), and what of it is not."""
    strange = list(dict.fromkeys(str(place[0]) for place, _ in unknown_places(piece)))
    if not strange:
        return piece, ""
    why = f"a word of {', '.join(strange)} is newer than this software"
    known: tuple[Experiment, ...] = ()
    if strange == ["experiments"]:
        known = tuple(word for word in piece.experiments if word is not Experiment.UNKNOWN)
    return (msgspec.structs.replace(piece, experiments=known) if known else None), why


def _called(raw: msgspec.Raw) -> str:
    """Return what a piece that cannot be read calls itself; empty where it does not."""
    try:
        name = _name.decode(raw)
    except _UNREADABLE:
        return ""
    return ascii(name.id or name.name)[1:-1][:_LONGEST]


def _bounded(left_out: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return at most ``MAX_TOLD`` of what was left out, and how many more there are."""
    rest = len(left_out) - MAX_TOLD
    return (*left_out[:MAX_TOLD], *([("...", f"and {rest} more not understood")] if rest > 0 else []))
