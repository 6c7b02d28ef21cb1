"""Whether every number and every text of a measurement is one that a probe could have sent: pure and total.

Lives here: the range of each number and the shape of each text, by the field's name, and one walk over whatever the
wire's types allow. A field that is not named here has the bounds of its type, so that a field which is added to the
wire is bounded on the day it is added. What the network wrote (titles, certificates, headers) is bounded in length and
otherwise free: a page that could make a measurement unbelievable could mute the probe that saw it. Must not live here:
times against the receive time and who may say what (validate.py).
"""

import ipaddress
import re
import typing
from collections.abc import Callable
from enum import StrEnum
from functools import cache, lru_cache
from types import UnionType
from typing import Any, Final, NamedTuple

import msgspec

from balise_wire.measurement import Measurement

_MS: Final = (-1e9, 1e9)
"""Milliseconds: eleven days. A clock that was set between two looks makes an ordinary duration negative."""
_BYTE: Final = (0, 255)
_COUNT: Final = (0, 1_000_000)
_BYTES: Final = (0, 2**40)
_WHOLE: Final = (-(2**53), 2**53)
"""What every reader of JSON takes exactly (RFC 8259 6), and a database's integer holds."""
_REAL: Final = (-1e15, 1e15)
NUMBERS: Final[dict[str, tuple[float, float]]] = {
    "asn": (0, 2**32 - 1),
    "at": _REAL,
    "body_bytes": _BYTES,
    "bytes_received": _BYTES,
    "clock_offset_ms": (-1e14, 1e14),
    "connect_ms": _MS,
    "domestic": _COUNT,
    "domestic_ok": _COUNT,
    "elapsed_ms": _MS,
    "flood_bytes": _BYTES,
    "gateway_rtt_ms": _MS,
    "goodput_kbps": (0, 1e12),
    "household": _COUNT,
    "icmp_errors": _COUNT,
    "international": _COUNT,
    "international_ok": _COUNT,
    "ip_id": (0, 65_535),
    "length": (0, 2**24),
    "loss": (0, 1),
    "not_after": (-1e12, 1e12),
    "not_before": (-1e12, 1e12),
    "port": (0, 65_535),
    "questions": _COUNT,
    "rcode": (0, 4095),
    "resets": _COUNT,
    "rr_ttl": (-1, 2**32 - 1),
    "rtt_ms": _MS,
    "seq": (-(2**33), 2**33),
    "silent_resolvers": _COUNT,
    "ack": (-(2**33), 2**33),
    "status": (0, 999),
    "synacks": _COUNT,
    "syns": _COUNT,
    "t_us": (-1e15, 1e15),
    "tap_drops": (0, 2**53),
    "tos": _BYTE,
    "ttl": _BYTE,
    "window": (0, 2**32),
}
"""Least and most of each number, by its field's name; the wire gives one name one meaning."""

_Check = Callable[[str], str]
"""Says what is wrong with a text; empty when nothing is."""


def _long(most: int) -> _Check:
    """Bound what the network wrote."""
    return lambda text: f"has {len(text)} characters, {most} are allowed" if len(text) > most else ""


def _word(most: int) -> _Check:
    """Bound what we or the operator named: no line breaks, no control characters, no code points that are none."""

    def check(text: str) -> str:
        if len(text) > most:
            return f"is longer than {most} characters"
        return "" if text.isprintable() else "holds characters that cannot be printed"

    return check


def _shaped(pattern: str, what: str) -> _Check:
    shape = re.compile(pattern)
    return lambda text: "" if shape.fullmatch(text) else f"is {_quoted(text)}, {what}"


def _address(text: str) -> str:
    return "" if not text or _is_address(text) else f"is {_quoted(text)}, no address"


def _route(text: str) -> str:
    """A router's address leaves the probe as its prefix, or as the word for what is inside the home (scrub.py)."""
    if text in {"", "private"} or _is_address(text) or _is_prefix(text):
        return ""
    return f"is {_quoted(text)}, no address and no prefix"


TEXTS: Final[dict[str, _Check]] = {
    "Hop.address": _route,
    "address": _address,
    "addresses": _address,
    "body_redacted_sha256": _shaped("[0-9a-f]{0,64}", "no digest in hex"),
    "body_sha256": _shaped("[0-9a-f]{0,64}", "no digest in hex"),
    "catalogue": _word(300),
    "cnames": _long(1100),
    "country": _word(8),
    "headers": _long(1100),
    "hop": _route,
    "host": _word(300),
    "id": _shaped("[0-9a-f]{32}", "not 32 hex digits"),
    "issuer": _long(1100),
    "name": _word(300),
    "own_failure": _long(1100),
    "path": _word(2100),
    "qtype": _word(20),
    "region": _word(100),
    "service": _word(300),
    "sha256": _shaped("[0-9a-f]{0,64}", "no digest in hex"),
    "sni": _word(300),
    "software": _word(300),
    "spki_sha256": _shaped("[0-9a-f]{0,64}", "no digest in hex"),
    "subject": _long(1100),
    "target": _word(300),
    "title": _long(1100),
    "tls_address": _address,
}
"""What each text may be, by its field's name; at most 300 characters, whatever they are, where none is named."""
_OTHER: Final = _long(300)
_ITEMS_MOST: Final = 1000
ITEMS: Final = {
    "addresses": 64,
    "answers": 64,
    "chain": 32,
    "cnames": 64,
    "controls": 256,
    "headers": 64,
    "hops": 256,
    "limited_by": 32,
    "observations": 200,
    "packets": 4000,
    "set_aside": 64,
    "unchecked": 64,
}
"""Most items of each list; the probe's scrubber lets less through."""


def unbelievable(measurement: Measurement) -> str:
    """Return what in a measurement no probe can have seen, with its field; empty where all is believable."""
    return _walk(Measurement, measurement)


class _Plan(NamedTuple):
    """What is looked at in one kind of record; compiled once, since a batch holds ten thousand packets."""

    numbers: tuple[tuple[str, float, float], ...]
    texts: tuple[tuple[str, _Check], ...]
    lists: tuple[tuple[str, int, _Check | None], ...]
    """Field, most items, and the check of each text in it; records in it are walked."""
    records: tuple[str, ...]


def _walk(kind: type, record: Any) -> str:
    plan = _plan(kind)
    for name, low, high in plan.numbers:
        value = getattr(record, name)
        if value is not None and not low <= value <= high:  # NaN is between nothing
            return f"{name} is {_quoted(value)}, {low:g} to {high:g} are believable"
    for name, check in plan.texts:
        value = getattr(record, name)
        wrong = check(value) if value is not None else ""
        if wrong:
            return f"{name} {wrong}"
    for name, most, each in plan.lists:
        items = getattr(record, name)
        wrong = _walk_list(items, most, each) if items is not None else ""
        if wrong:
            return f"{name}{wrong}"
    for name in plan.records:
        value = getattr(record, name)
        wrong = _walk(type(value), value) if value is not None else ""
        if wrong:
            return f"{name}.{wrong}"
    return ""


def _walk_list(items: tuple[Any, ...], most: int, check: _Check | None) -> str:
    if len(items) > most:
        return f" has {len(items)} items, {most} are allowed"
    for place, item in enumerate(items):
        if isinstance(item, msgspec.Struct):
            wrong = _walk(type(item), item)
            if wrong:
                return f"[{place}].{wrong}"
        elif check is not None:
            for text in item if isinstance(item, tuple) else (item,):
                wrong = check(text)
                if wrong:
                    return f"[{place}] {wrong}"
    return ""


@cache
def _plan(kind: type) -> _Plan:
    """Read off a record's annotations what there is to look at."""
    numbers, texts, lists, records = [], [], [], []
    for name, hint in typing.get_type_hints(kind).items():
        if name not in kind.__struct_fields__:  # type: ignore[attr-defined]  # every kind here is a msgspec.Struct
            continue
        kinds = [one for one in _members(hint) if one is not type(None)]
        check = TEXTS.get(f"{kind.__name__}.{name}") or TEXTS.get(name) or _OTHER
        if any(typing.get_origin(one) is tuple for one in kinds):
            holds_text = str in {part for one in kinds for part in _leaves(one)}
            lists.append((name, ITEMS.get(name, _ITEMS_MOST), check if holds_text else None))
        elif any(isinstance(one, type) and issubclass(one, msgspec.Struct) for one in kinds):
            records.append(name)
        elif str in kinds:
            texts.append((name, check))
        elif {int, float} & set(kinds):
            numbers.append((name, *NUMBERS.get(name, _REAL if float in kinds else _WHOLE)))
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


@lru_cache(maxsize=65_536)
def _is_address(text: str) -> bool:
    if len(text) > 45 or "%" in text:
        return False
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _is_prefix(text: str) -> bool:
    address, slash, length = text.partition("/")
    return bool(slash) and length.isascii() and length.isdigit() and len(length) <= 3 and _is_address(address)


def _quoted(value: object) -> str:
    """Quote what a stranger wrote, bounded and printable."""
    try:
        return repr(value)[:60]
    except ValueError:  # an integer of thousands of digits
        return f"{value:.6e}" if isinstance(value, float) else type(value).__name__
