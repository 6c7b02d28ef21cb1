"""Measurements of any shape that the wire's types allow, for hypothesis: plausible, extreme and absurd ones mixed.

Lives here: one strategy for each kind of field, found through the annotations, so that a field that is added to the
wire is tried on the day it is added. Must not live here: expectations.
"""

from __future__ import annotations

import typing
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Any, NamedTuple

import msgspec
from hypothesis import strategies as st

from balise_collector.experiments.bounds import Bounds
from balise_collector.intake import believable
from balise_wire.measurement import Measurement, Network
from balise_wire.words import Experiment

NUMBERS = (0, 1, -1, 2, 80, 443, 200, 255, 256, 65_535, 65_536, 2**31, 2**32, 2**53, 2**63, 2**64, 10**30, -(2**63))
REALS = (0.0, -0.0, 1.0, 0.5, -1.0, 1e3, 1e9, 1e15, 1e18, 1e300, -1e300, 5e-324)
TEXTS = (
    "", "A", "twitter.com", "twitter/web/twitter.com/4", "198.18.0.10", "198.18.0.0/24", "2001:db8::1", "fe80::1%eth0",
    "::ffff:198.18.0.10", "not an address", "999.1.1.1", "\x00", "\x1b[2J", "\u202e", "\ufffe", "a" * 300, "b" * 5000,
    "0" * 8, "0" * 32, "f" * 64, "private", "http://[::1", "//", "[", "%", "\u0661\u0669", "location", "S", "SA", "R",
    "FA",
)  # fmt: skip

_BOUNDS = [believable.bounds_of(word) for word in Experiment.known()]
_BELIEVED = Bounds(
    numbers={name: limits for bounds in _BOUNDS for name, limits in bounds.numbers.items()},
    texts={name: check for bounds in _BOUNDS for name, check in bounds.texts.items()},
)
"""What is believed of any field, whichever experiment it is of."""


@cache
def any_measurement(now: float) -> st.SearchStrategy[Measurement]:
    """Return measurements whose times are mostly near ``now`` (UNIX seconds), and all else anything."""
    return of(Measurement, now)


@cache
def believed_measurement(now: float, network: Network) -> st.SearchStrategy[Measurement]:
    """Return measurements at the edges of what is believed: each number and text is allowed, their company is odd."""
    made = of(Measurement, now, bounded=True)
    return made.map(
        lambda one: msgspec.structs.replace(
            one, network=network, ended=one.started + 1.0, family=6 - 2 * (one.family % 2)
        )
    )


@cache
def of(kind: Any, now: float, *, bounded: bool = False) -> st.SearchStrategy[Any]:
    """Return records of one kind, anything in each field or (``bounded``) anything that is believed.

    Made once: a strategy is walked through before its first example, and those of a measurement are a thousand.
    """
    hints = typing.get_type_hints(kind)
    given: dict[str, st.SearchStrategy[Any]] = {}
    for field in msgspec.structs.fields(kind):
        if kind is Measurement and field.name == "id":
            given[field.name] = st.binary(min_size=16, max_size=16).map(bytes.hex)
        elif field.name in {"at", "started", "ended"}:
            given[field.name] = _moments(now, bounded=bounded)
        else:
            made = _hinted(hints[field.name], _Field(kind.__name__, field.name, now, bounded))
            given[field.name] = made if field.required else made | st.just(field.default)
    return st.builds(kind, **given)


class _Field(NamedTuple):
    """Where a value is to go."""

    kind: str
    name: str
    now: float
    bounded: bool


def _moments(now: float, *, bounded: bool) -> st.SearchStrategy[float]:
    near = st.floats(0.0, 400.0).map(lambda ago: now - ago)
    edges = (now - 86_400.0, now - 86_400.0 * 399, now + 86_000.0)
    return near | near | near | st.sampled_from(edges if bounded else (0.0, *edges, *REALS))


def _hinted(hint: Any, where: _Field) -> st.SearchStrategy[Any]:
    if typing.get_origin(hint) in {UnionType, typing.Union}:
        return st.one_of([_hinted(one, where) for one in typing.get_args(hint)])
    if typing.get_origin(hint) is tuple:
        parts = typing.get_args(hint)
        if parts[-1] is Ellipsis:
            return st.lists(_hinted(parts[0], where), max_size=4).map(tuple)
        return st.tuples(*(_hinted(one, where) for one in parts))
    if hint is type(None):
        return st.none()
    if hint is bool:
        return st.booleans()
    if hint is int or hint is float:
        return _numbers(hint, where)
    if hint is str:
        return _texts(where)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    return of(hint, where.now, bounded=where.bounded)


def _numbers(kind: type, where: _Field) -> st.SearchStrategy[Any]:
    if not where.bounded:
        few = st.integers(0, 300) if kind is int else st.floats(0.0, 1000.0)
        return st.sampled_from(NUMBERS if kind is int else REALS) | few
    low, high = _BELIEVED.numbers.get(where.name, (-(2**53), 2**53))
    edges = [kind(low), kind(high), *(kind(one) for one in (0, 1, 2, 80, 200, 443) if low <= one <= high)]
    return st.sampled_from(edges)


def _texts(where: _Field) -> st.SearchStrategy[str]:
    if not where.bounded:
        return st.sampled_from(TEXTS) | st.text(max_size=20)
    check = _BELIEVED.texts.get(f"{where.kind}.{where.name}") or _BELIEVED.texts.get(where.name)
    allowed = [one for one in TEXTS if (not check(one) if check else len(one) < 100 and one.isprintable())]
    return st.sampled_from(allowed)
