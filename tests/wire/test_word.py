"""Words that grow: one that a reader does not know costs the fact it stands for, never the message around it."""

from __future__ import annotations

import importlib
import pkgutil
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec
import pytest

import balise_wire
from balise_wire.card import CardSettings
from balise_wire.measurement import Network
from balise_wire.topics import Leaf
from balise_wire.word import Word, complaint, unknown_places
from balise_wire.words import Access, ClockState, Design, Experiment

GOLDEN = Path(__file__).parent / "golden"
TOMORROW = "a-word-of-tomorrow"


def _lists() -> list[type[StrEnum]]:
    """Return every enum of text in the wire's modules."""
    found: set[type[StrEnum]] = set()
    for module in pkgutil.iter_modules(balise_wire.__path__, "balise_wire."):
        for one in vars(importlib.import_module(module.name)).values():
            if isinstance(one, type) and issubclass(one, StrEnum) and one not in {StrEnum, Word}:
                found.add(one)
    return sorted(found, key=lambda one: one.__name__)


@pytest.mark.parametrize("words", [one for one in _lists() if one is not Leaf], ids=lambda one: one.__name__)
def test_every_list_reads_a_word_of_tomorrow(words: type[Word]) -> None:
    """Each enum of the wire is a Word: JSON and Python read what they do not know as UNKNOWN, and nothing else so."""
    unknown = words["UNKNOWN"]
    assert issubclass(words, Word)
    assert msgspec.json.decode(f'"{TOMORROW}"', type=words) is unknown
    assert words(TOMORROW) is unknown
    assert unknown not in words.known()
    assert {msgspec.json.decode(msgspec.json.encode(word), type=words) for word in words} == set(words)
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode("7", type=words)


def test_what_a_person_typed_is_held_to_the_list() -> None:
    """A typing error in settings is a mistake to be told, not a word of tomorrow."""
    assert Experiment.exact("tls") is Experiment.TLS
    for text in ("tsl", "unknown"):
        with pytest.raises(ValueError, match="none of dns, tcp"):
            Experiment.exact(text)
    settings = msgspec.convert({"access": TOMORROW}, CardSettings)
    assert complaint({"access": TOMORROW}, settings) == f"access: {TOMORROW!r} is none of fixed, mobile, satellite"
    assert list(unknown_places((Network(country="PK", asn=1), {"card": settings}))) == [((1, "card", "access"), Access)]


def test_an_unknown_word_is_the_cautious_answer() -> None:
    """Nobody vouches for a clock in an unknown state, and an unknown design is no paired one."""
    assert {state for state in ClockState if not state.vouched} == {ClockState.UNSYNCED, ClockState.UNKNOWN}
    assert {design for design in Design if not design.controlled} == {Design.SENTINEL, Design.UNKNOWN}


def _word_places(value: Any, place: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Return where a decoded message holds a word, as paths into its JSON."""
    if isinstance(value, Word):
        return [place]
    if isinstance(value, msgspec.Struct):
        pairs: Any = ((name, getattr(value, name)) for name in value.__struct_fields__)
    elif isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list | tuple):
        pairs = enumerate(value)
    else:
        return []
    return [found for key, one in pairs for found in _word_places(one, (*place, key))]


def _at(value: Any, place: tuple[str | int, ...]) -> Any:
    for key in place:
        value = getattr(value, str(key)) if isinstance(value, msgspec.Struct) else value[key]
    return value


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.name)
def test_a_message_with_a_word_of_tomorrow_is_read(path: Path, golden_types: dict[str, Any]) -> None:
    """Today's reader, tomorrow's word: in every place of every message, all else is read as it was."""
    kind = golden_types[path.stem.rpartition("-")[0]]
    whole = msgspec.json.decode(path.read_bytes(), type=kind)
    for place in _word_places(whole):
        message = msgspec.json.decode(path.read_bytes())
        holder = message
        try:
            holder = _at(message, place[:-1])
        except (KeyError, IndexError):
            continue  # a default that is not written
        if isinstance(holder, dict) and place[-1] not in holder:
            continue
        before, holder[place[-1]] = holder[place[-1]], TOMORROW
        read = msgspec.json.decode(msgspec.json.encode(message), type=kind)
        assert _at(read, place).name == "UNKNOWN", place
        again = msgspec.json.decode(msgspec.json.encode(read))
        _at(again, place[:-1])[place[-1]] = before
        assert again == msgspec.json.decode(path.read_bytes())
