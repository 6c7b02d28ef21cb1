"""Plays verdicts to a detector: who measures, what is blocked from when to when, in one line each.

Must not live here: expectations.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from balise_collector.detect import CellEvent, Detector, DetectorConfig
from balise_collector.judge import Level, Verdict, VerdictState
from balise_wire.measurement import Network
from balise_wire.mechanisms import Mechanism
from balise_wire.words import Design, Experiment, TargetRole

START: Final = 1_589_733_000.0 // 300 * 300
"""A bin's beginning near 2020-05-17T16:30Z."""
SLOT: Final = 300.0


@dataclass(frozen=True)
class Seat:
    """One probe and where it stands."""

    probe: str
    asn: int = 64501
    country: str = "PK"
    reference: bool = False


THREE: Final = (Seat("pk01"), Seat("pk02"), Seat("pk03"))
SEVEN: Final = (*THREE, Seat("pk04", 64502), Seat("pk05", 64502), Seat("pk06", 64503), Seat("pk07", 64503))
ABROAD: Final = (
    Seat("de01", 64700, "DE", reference=True),
    Seat("de02", 64700, "DE", reference=True),
    Seat("sg01", 64800, "SG", reference=True),
)


@dataclass
class Play:
    """Verdicts in five-minute slots; a rule of the play says when which probe fails."""

    detector: Detector = field(default_factory=Detector)
    start: float = START
    slot: float = SLOT
    three: tuple[Seat, ...] = THREE
    seven: tuple[Seat, ...] = SEVEN
    abroad: tuple[Seat, ...] = ABROAD
    seat: type[Seat] = Seat

    def at(self, slot: float) -> float:
        """UNIX seconds of a slot's beginning."""
        return self.start + slot * SLOT

    def verdict(self, seat: Seat, at: float, *, ok: bool = True, **changes: Any) -> Verdict:
        """One verdict: ``tls.ok``, or ``sni.drop`` (for references ``tcp.reference_failed``)."""
        failed = (VerdictState.DOWN, "tcp.reference_failed", Mechanism.SERVER_DOWN)
        blocked = (VerdictState.BLOCKED, "sni.drop", Mechanism.SNI_DROP)
        state, rule, mechanism = (VerdictState.OK, "tls.ok", None) if ok else failed if seat.reference else blocked
        service, layer = changes.get("service", "twitter"), changes.get("layer", Experiment.TLS)
        usual: dict[str, Any] = {
            "measurement": f"{seat.probe}-{service}-{layer}-{at:.0f}",
            "probe": seat.probe,
            "network": Network(country=seat.country, asn=seat.asn),
            "reference": seat.reference,
            "service": service,
            "role": TargetRole.WEB,
            "target": f"{service}/web",
            "layer": layer,
            "design": Design.SENTINEL if ok else Design.PAIRED,
            "at": at,
            "since": at,
            "state": state,
            "rule": rule,
            "mechanism": mechanism,
            "level": Level.NONE if ok else Level.SCORED,
        }
        return Verdict(**{**usual, **changes})

    def slots(
        self,
        first: int,
        last: int,
        seats: tuple[Seat, ...],
        failing: Callable[[Seat, float], bool] = lambda _seat, _at: False,
        seed: int = 1,
        **changes: Any,
    ) -> Iterator[Verdict]:
        """Verdicts of every seat in slots ``first``..``last - 1``, each at its own moment of the slot."""
        chance = random.Random(seed)
        for number in range(first, last):
            for seat in seats:
                at = self.at(number) + chance.random() * 290.0
                yield self.verdict(seat, at, ok=not failing(seat, at), **changes)

    def run(self, verdicts: Iterable[Verdict], until: float | None = None) -> list[CellEvent]:
        """Observe in order of time and advance at the end of each slot; returns every event."""
        events: list[CellEvent] = []
        waiting = sorted(verdicts, key=lambda v: v.at)
        now = min((v.at for v in waiting), default=self.at(0)) // SLOT * SLOT
        last = max((v.at for v in waiting), default=now) if until is None else until
        while now <= last + SLOT:
            now += SLOT
            while waiting and waiting[0].at < now:
                self.detector.observe(waiting.pop(0))
            events.extend(self.detector.advance(now))
        return events

    def between(self, first: float, last: float, asns: tuple[int, ...] = (64501,)) -> Callable[[Seat, float], bool]:
        """A block: the providers' probes fail from slot ``first`` to slot ``last``."""
        return lambda seat, at: seat.asn in asns and self.at(first) <= at < self.at(last)


@pytest.fixture
def play() -> Play:
    """Return a play with a fresh detector."""
    return Play()


@pytest.fixture
def make_play() -> Callable[..., Play]:
    """Return a maker of plays, e.g. with operators that run several probes."""

    def make(**config: Any) -> Play:
        return Play(detector=Detector(DetectorConfig(**config)))

    return make
