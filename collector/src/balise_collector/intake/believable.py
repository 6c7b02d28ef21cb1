"""Whether every number and every text of a measurement is one that a probe could have sent: pure and total.

Lives here: the bounds of what all experiments share, and one walk over whatever the wire's types allow. What only one
experiment's observations hold is bounded in its own folder (experiments/<x>/intake.py); a field that nobody names has
the bounds of its type. Must not live here: times against the receive time and who may say what (validate.py).
"""

import typing
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, Final, NamedTuple

import msgspec

from balise_collector.experiments import BOUNDS, word_of
from balise_collector.experiments.bounds import (
    BYTE,
    BYTES,
    COUNT,
    MS,
    Bounds,
    Check,
    address,
    long,
    quoted,
    route,
    shaped,
    word,
)
from balise_wire.measurement import Measurement
from balise_wire.trial import Trial
from balise_wire.words import Experiment

_WHOLE: Final = (-(2**53), 2**53)
"""What every reader of JSON takes exactly (RFC 8259 6), and a database's integer holds."""
_REAL: Final = (-1e15, 1e15)
SHARED: Final = Bounds(
    numbers={
        "ack": (-(2**33), 2**33),
        "address_age": (0, 1e10),
        "asn": (0, 2**32 - 1),
        "at": _REAL,
        "connect_ms": MS,
        "domestic": COUNT,
        "domestic_ok": COUNT,
        "elapsed_ms": MS,
        "flood_bytes": BYTES,
        "international": COUNT,
        "international_ok": COUNT,
        "ip_id": (0, 65_535),
        "ipv4": COUNT,
        "ipv4_ok": COUNT,
        "ipv6": COUNT,
        "ipv6_ok": COUNT,
        "length": (0, 2**24),
        "others": COUNT,
        "others_ok": COUNT,
        "port": (0, 65_535),
        "rtt_ms": MS,
        "seq": (-(2**33), 2**33),
        "t_us": (-1e15, 1e15),
        "tap_drops": (0, 2**53),
        "tos": BYTE,
        "ttl": BYTE,
        "window": (0, 2**32),
    },
    texts={
        "address": address,
        "addresses": address,
        "catalogue": word(300),
        "country": word(8),
        "hop": route,
        "host": word(300),
        "id": shaped("[0-9a-f]{32}", "not 32 hex digits"),
        "own_failure": long(1100),
        "region": word(100),
        "service": word(300),
        "software": word(300),
        "target": word(300),
    },
    items={"limited_by": 32, "observations": 200, "packets": 4000},
)
"""What the measurement itself, its packets and most observations hold; the wire gives one name one meaning."""
_OTHER: Final = long(300)
"""What a text may be where none is named: at most 300 characters, whatever they are."""
_ITEMS_MOST: Final = 1000


def unbelievable(measurement: Measurement) -> str:
    """Return what in a measurement no probe can have seen, with its field; empty where all is believable."""
    return _walk(Measurement, measurement, None)


def bounds_of(own: Experiment | None) -> Bounds:
    """Return the bounds of an experiment's records, those that all share among them."""
    mine = Bounds() if own is None else BOUNDS.get(own, Bounds())
    return Bounds(
        numbers={**SHARED.numbers, **mine.numbers},
        texts={**SHARED.texts, **mine.texts},
        items={**SHARED.items, **mine.items},
    )


class _Plan(NamedTuple):
    """What is looked at in one kind of record; compiled once, since a batch holds ten thousand packets."""

    numbers: tuple[tuple[str, float, float], ...]
    texts: tuple[tuple[str, Check], ...]
    lists: tuple[tuple[str, int, Check | None], ...]
    """Field, most items, and the check of each text in it; records in it are walked."""
    records: tuple[str, ...]


def _walk(kind: type, record: Any, own: Experiment | None) -> str:
    """Say what is wrong in a record of an experiment, or in one that all share; empty where nothing is."""
    plan = _plan(kind, own)
    for name, low, high in plan.numbers:
        value = getattr(record, name)
        if value is not None and not low <= value <= high:  # NaN is between nothing
            return f"{name} is {quoted(value)}, {low:g} to {high:g} are believable"
    for name, check in plan.texts:
        value = getattr(record, name)
        wrong = check(value) if value is not None else ""
        if wrong:
            return f"{name} {wrong}"
    for name, most, each in plan.lists:
        items = getattr(record, name)
        wrong = _walk_list(items, most, each, own) if items is not None else ""
        if wrong:
            return f"{name}{wrong}"
    for name in plan.records:
        value = getattr(record, name)
        wrong = _walk(type(value), value, own) if value is not None else ""
        if wrong:
            return f"{name}.{wrong}"
    return ""


def _walk_list(items: tuple[Any, ...], most: int, check: Check | None, own: Experiment | None) -> str:
    if len(items) > most:
        return f" has {len(items)} items, {most} are allowed"
    for place, item in enumerate(items):
        if isinstance(item, msgspec.Struct):
            wrong = _walk(type(item), item, word_of(item) if isinstance(item, Trial) else own)
            if wrong:
                return f"[{place}].{wrong}"
        elif check is not None:
            for text in item if isinstance(item, tuple) else (item,):
                wrong = check(text)
                if wrong:
                    return f"[{place}] {wrong}"
    return ""


@cache
def _plan(kind: type, own: Experiment | None) -> _Plan:
    """Read off a record's annotations what there is to look at; an experiment's own bounds come before the shared."""
    bounds = bounds_of(own)
    numbers, texts, lists, records = [], [], [], []
    for name, hint in typing.get_type_hints(kind).items():
        if name not in kind.__struct_fields__:  # type: ignore[attr-defined]  # every kind here is a msgspec.Struct
            continue
        kinds = [one for one in _members(hint) if one is not type(None)]
        check = bounds.texts.get(f"{kind.__name__}.{name}") or bounds.texts.get(name) or _OTHER
        if any(typing.get_origin(one) is tuple for one in kinds):
            holds_text = str in {part for one in kinds for part in _leaves(one)}
            lists.append((name, bounds.items.get(name, _ITEMS_MOST), check if holds_text else None))
        elif any(isinstance(one, type) and issubclass(one, msgspec.Struct) for one in kinds):
            records.append(name)
        elif str in kinds:
            texts.append((name, check))
        elif {int, float} & set(kinds):
            numbers.append((name, *bounds.numbers.get(name, _REAL if float in kinds else _WHOLE)))
        elif not all(isinstance(one, type) and issubclass(one, bool | StrEnum) for one in kinds):
            msg = f"{kind.__name__}.{name}: no rule for {hint}"
            raise TypeError(msg)
    return _Plan(tuple(numbers), tuple(texts), tuple(lists), tuple(records))


def _members(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in {UnionType, typing.Union} else (hint,)


def _leaves(hint: Any) -> list[Any]:
    """Return the types at the bottom of a tuple's annotation."""
    parts = [one for one in typing.get_args(hint) if one is not Ellipsis]
    return [leaf for one in parts for leaf in _leaves(one)] if parts else [hint]
