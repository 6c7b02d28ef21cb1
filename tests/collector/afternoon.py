"""A made afternoon: two providers in one country, three references abroad, and addresses that one provider drops.

Lives here: the measurements of every slot as the probes would seal them, and the journal they fill. Must not live here:
expectations.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from balise_collector.journal import Batch
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.measurement import LineHealth, Measurement
from balise_wire.words import Arm, ClockState, Design
from tests.collector.field_probe import FieldProbe

if TYPE_CHECKING:
    from balise_collector.journal.interface import Journal

SLOT = 300.0


@dataclass
class Afternoon:
    """When it begins, how long it lasts, and between which slots which providers drop the address."""

    probes: list[FieldProbe]
    start: float
    slots: int = 36
    blocked: range = field(default_factory=lambda: range(12, 24))
    dropping: frozenset[int] = frozenset({64501})
    mute: frozenset[str] = frozenset()
    """Probes of which nothing arrives while the block lasts."""

    def measurements(self, slot: int, number: int, probe: FieldProbe) -> list[Measurement]:
        """What one probe measures in one slot: a sentinel, and the paired series when it fails."""
        chance = random.Random(f"{slot} {number}")
        at = self.start + slot * SLOT + chance.uniform(0.0, 60.0)
        dead = slot in self.blocked and probe.asn in self.dropping
        line = LineHealth(
            at=at, gateway_ok=True, domestic=1, domestic_ok=1, international=3, international_ok=3, resolver_ok=True
        )
        named = {"id": f"{chance.getrandbits(128):032x}"}
        sentinel = probe.measurement(at, line=line, observations=(_trial(at, dead=dead),), **named)
        if not dead:
            return [sentinel]
        later = at + 185.0
        trials = (_trial(at, dead=True, carried=True), *(_trial(later + 2 * n, dead=True) for n in range(2)))
        paired = probe.measurement(
            later,
            id=f"{chance.getrandbits(128):032x}",
            design=Design.PAIRED,
            ended=later + 9.0,
            line=msgspec.structs.replace(line, at=later),
            observations=trials,
        )
        return [sentinel, paired]

    def fill(self, journal: Journal, until: int | None = None, since: int = 0) -> int:
        """Append the batches of slots [since, until) in the order of their arrival; returns how many measurements."""
        arrivals = []
        for slot in range(since, self.slots if until is None else until):
            for number, probe in enumerate(self.probes):
                if probe.id in self.mute and slot in self.blocked:
                    continue
                made = self.measurements(slot, number, probe)
                arrivals.append((made[-1].ended + 20.0, number, made))
        for received_at, number, made in sorted(arrivals, key=lambda arrival: arrival[:2]):
            probe = self.probes[number]
            if journal.watching is None:
                journal.watch(received_at)
            journal.append([batch_of(probe, made, received_at - 1.0)], (), (), received_at)
        return sum(len(made) for _, _, made in arrivals)


def batch_of(probe: FieldProbe, made: list[Measurement], sent_at: float, **changes: Any) -> Batch:
    """Seal measurements and return what ingest would append."""
    frame = probe.batch(*made, sent_at=sent_at, **changes)
    return Batch(
        probe=probe.id,
        public_key=probe.public_hex,
        stream=probe.stream,
        sequence=probe.sequence,
        sent_at=sent_at,
        clock_state=changes.get("clock_state", ClockState.SYNCED),
        historical=changes.get("historical", False),
        frame=frame,
        measurements=tuple((place, m.id) for place, m in enumerate(made)),
    )


def _trial(at: float, *, dead: bool, carried: bool = False) -> TcpObservation:
    return TcpObservation(
        arm=Arm.SUBJECT,
        at=at,
        address="198.18.0.10",
        port=443,
        syns=3,
        synacks=0 if dead else 3,
        rtt_ms=None if dead else 41.0,
        carried=carried,
    )
