"""What happens to boards and to their operators' records, and not to a network: power, clocks, versions, moves, lies.

Lives here: each such kind with its parameters, and carrying it out on a timeline. Must not live here: what happens on
the way of a packet (network/).
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import msgspec

from balise_collector.fleet.members import Record
from balise_lab.field.centre import Centre
from balise_lab.field.probe import Lie, VirtualProbe
from balise_lab.field.situation import Event
from balise_lab.field.timeline import Timeline
from balise_wire.measurement import Measurement, Network
from balise_wire.words import ProbeRole


class Kind(NamedTuple):
    """One kind of event of boards."""

    means: str
    takes: Mapping[str, str] = MappingProxyType({})
    """Parameter -> what it is."""


KINDS: Final[dict[str, Kind]] = {
    "power": Kind("the boards have no power; at its end they start again, with what they had recorded"),
    "reboot": Kind("the boards start again at once (a watchdog, an update)"),
    "joins": Kind("the boards are switched on for the first time now"),
    "leaves": Kind("the boards are off for good", {"told": "true: their operator retires them at that moment"}),
    "clock": Kind("the boards' clocks are wrong and claim to be synchronised", {"seconds": "ahead; minus: behind"}),
    "version": Kind("the boards run another version of the agent (they start again)", {"version": "its name"}),
    "moves": Kind(
        "the boards stand elsewhere; give the network's own event for the line that they stand on",
        {"country": "where to", "provider": "its AS number", "told": "true: their operator writes it down"},
    ),
    "lies": Kind(
        "the boards alter what they measured before they deliver it",
        {
            "how": "`hides`: failing trials are left out; `claims`: another network; `dates`: other times",
            "country": "claimed", "provider": "claimed", "seconds": "added to all times",
        },
    ),
}  # fmt: skip
"""Every kind that a network knows nothing of."""


def complaint(event: Event) -> str:
    """Say what is wrong with an event of these kinds; empty where nothing is."""
    takes = KINDS[event.kind].takes
    strange = sorted(set(event.extra) - set(takes))
    if strange:
        return f"{event.kind} takes no {', '.join(strange)}; it takes {', '.join(takes) or 'nothing more'}"
    if event.kind == "lies" and event.extra.get("how") not in _LIES:
        return f"lies: how is one of {', '.join(_LIES)}"
    return ""


def windows(event: Event, lasts: float) -> Iterator[tuple[float, float]]:
    """Yield from when to when it holds, in seconds from the start."""
    end = lasts * 2 if event.until is None else event.until
    if len(event.duty) != 2:
        yield event.at, end
        return
    on, off = event.duty
    for number in itertools.count():
        begins = event.at + number * (on + off)
        if begins >= end:
            return
        yield begins, min(begins + on, end)


def is_named(patterns: Iterable[str], name: str) -> bool:
    """Whether a board's id is one of these, or fits one of them (``pk64501*``)."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def selected(event: Event, boards: Iterable[tuple[VirtualProbe, str]]) -> list[VirtualProbe]:
    """Return the boards of an event; each comes with its district."""
    return [
        one
        for one, district in boards
        if (not event.probes or is_named(event.probes, one.board.id))
        and (not event.providers or one.board.asn in event.providers)
        and (not event.countries or one.board.country in event.countries)
        and (not event.districts or district in event.districts)
        # Without a word of where, references are left alone.
        and (event.probes or event.countries or one.board.role is ProbeRole.PROBE)
    ]


def arrange(
    event: Event, who: list[VirtualProbe], timeline: Timeline, start: float, lasts: float, centre: Centre
) -> None:
    """Put an event on the timeline."""
    begin, end = _deeds(event, centre)
    for begins, ends in windows(event, lasts):
        for one in who:
            timeline.at(start + begins, _bound(begin, one, start + begins))
            if end is not None and ends <= lasts:
                timeline.at(start + ends, _bound(end, one, start + ends))


_Deed = Callable[[VirtualProbe, float], None]


def _bound(deed: _Deed, one: VirtualProbe, at: float) -> Callable[[], None]:
    return lambda: deed(one, at)


def _deeds(event: Event, centre: Centre) -> tuple[_Deed, _Deed | None]:
    """Return what begins and what ends it."""
    extra = event.extra
    match event.kind:
        case "power":
            return (lambda one, _at: one.stop()), (lambda one, _at: one.start())
        case "reboot":
            return (lambda one, _at: _restart(one)), None
        case "joins":
            return (lambda one, _at: one.start()), None
        case "leaves":
            return (lambda one, at: _leave(one, at, centre, told=bool(extra.get("told")))), None
        case "clock":
            return (lambda one, _at: _set(one, float(extra.get("seconds", 0)))), (lambda one, _at: _set(one, 0.0))
        case "version":
            return (lambda one, _at: _install(one, str(extra.get("version", "0.2.0")))), None
        case "moves":
            return (lambda one, at: _move(one, at, centre, extra)), None
        case _:
            lie = _LIES[extra["how"]](extra)
            return (lambda one, _at: setattr(one, "lie", lie)), (lambda one, _at: setattr(one, "lie", None))


def _restart(one: VirtualProbe) -> None:
    one.stop()
    one.start()


def _set(one: VirtualProbe, seconds: float) -> None:
    one.wrong = seconds


def _install(one: VirtualProbe, version: str) -> None:
    one.version = version
    _restart(one)


def _leave(one: VirtualProbe, at: float, centre: Centre, *, told: bool) -> None:
    one.stop()
    if told:
        name = one.board.id
        centre.enrolled[name] = replace(centre.enrolled[name], retired_at=at)
        centre.look_at_fleet()


def _move(one: VirtualProbe, at: float, centre: Centre, extra: dict[str, Any]) -> None:
    board = one.board
    country, asn = str(extra.get("country", board.country)), int(extra.get("provider", board.asn))
    one.board = replace(board, country=country, asn=asn)
    if extra.get("told"):
        held = centre.enrolled[board.id]
        before = held.records or (Record(since=0.0, network=board.network, role=board.role),)
        after = Record(since=at, network=one.board.network, role=board.role)
        centre.enrolled[board.id] = replace(held, board=one.board, records=(*before, after))
        centre.look_at_fleet()
    _restart(one)


# ---------------------------------------------------------------- lies


def _hides(_extra: dict[str, Any]) -> Lie:
    def lie(m: Measurement) -> Measurement:
        kept = tuple(trial for trial in m.observations if trial.failure is None)
        return msgspec.structs.replace(m, observations=kept) if kept else m

    return lie


def _claims(extra: dict[str, Any]) -> Lie:
    def lie(m: Measurement) -> Measurement:
        network = Network(
            country=str(extra.get("country", m.network.country)), asn=int(extra.get("provider", m.network.asn))
        )
        return msgspec.structs.replace(m, network=network)

    return lie


def _dates(extra: dict[str, Any]) -> Lie:
    shift = float(extra.get("seconds", 0))

    def lie(m: Measurement) -> Measurement:
        moved = tuple(msgspec.structs.replace(trial, at=trial.at + shift) for trial in m.observations)
        return msgspec.structs.replace(m, started=m.started + shift, ended=m.ended + shift, observations=moved)

    return lie


_LIES: Final[dict[str, Callable[[dict[str, Any]], Lie]]] = {"hides": _hides, "claims": _claims, "dates": _dates}
