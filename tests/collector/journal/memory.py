"""A journal that is no file: the second back end, which proves that the interface is one.

It keeps what the interface promises and nothing of how SQLite does it; it ends with its process. The same tests hold
both (test_interface.py). Must not live here: damage, migrations, room on a disk.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_collector.fleet.quota import Account
from balise_collector.fleet.whereabouts import Sighting
from balise_collector.journal import (
    Aside,
    Batch,
    Counts,
    EventRow,
    HealthRow,
    JournalRow,
    Notice,
    NoticeRow,
    Piece,
    Position,
    Presence,
    PresenceRow,
    RefusedMessage,
    Report,
    Totals,
)
from balise_collector.journal.frames import Opened, Pointer, Taken, id64
from balise_collector.journal.receipt_position import StreamPosition
from balise_collector.journal.sqlite.events import EVENTS_KEPT
from balise_collector.journal.sqlite.notices import NOTICE_LASTS
from balise_collector.system.faults import Fault
from balise_wire.status import Event, EventKind

_event = msgspec.json.Decoder(Event)


@dataclass
class _Kept:
    """All of it; a commit works on a copy, which takes its place at the end."""

    rows: list[JournalRow] = field(default_factory=list)
    batches: int = 0
    frame_bytes: int = 0
    events: list[EventRow] = field(default_factory=list)
    said: set[tuple[str, bytes]] = field(default_factory=set)
    last_event: int = 0
    presence: list[tuple[PresenceRow, int]] = field(default_factory=list)
    voices: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    health: list[HealthRow] = field(default_factory=list)
    streams: dict[tuple[str, str], StreamPosition] = field(default_factory=dict)
    notices: list[NoticeRow] = field(default_factory=list)
    sightings: list[Sighting] = field(default_factory=list)
    refused: list[tuple[float, RefusedMessage]] = field(default_factory=list)
    accounts: dict[str, Account] = field(default_factory=dict)
    cursors: dict[str, int] = field(default_factory=dict)
    watches: dict[float, float] = field(default_factory=dict)
    asides: list[Aside] = field(default_factory=list)
    set_aside: int = 0

    def copied(self) -> _Kept:
        """Return a copy that can be changed."""
        made = _Kept(**{name: copy.copy(value) for name, value in vars(self).items()})
        made.streams = copy.deepcopy(self.streams)
        return made


class MemoryJournal:
    """What every reader and the one writer of a test share."""

    def __init__(self) -> None:
        """Begin empty."""
        self._kept = _Kept()
        self._watching: float | None = None

    def close(self) -> None:
        """Keep it: there is nothing to close."""

    # ------------------------------------------------------------ writing

    def append(
        self,
        batches: Sequence[Batch],
        refused: Sequence[RefusedMessage],
        presence: Sequence[Presence],
        received_at: float,
        health: Sequence[Report] = (),
        notices: Sequence[Notice] = (),
        accounts: Mapping[str, Account] | None = None,
        sightings: Sequence[Sighting] = (),
    ) -> int:
        """Keep all of it, or nothing."""
        kept = self._kept.copied()
        new = sum(_take_batch(kept, batch, received_at) for batch in batches)
        for report in health:
            _heard(kept, report.probe, report.session, report.stream, report.oldest)
            no = len(kept.health) + 1
            kept.health.append(HealthRow(no=no, received_at=received_at, probe=report.probe, health=report.health))
        for heard in presence:
            _take_presence(kept, heard, received_at)
        kept.refused.extend((received_at, one) for one in refused)
        for notice in notices:
            _take_notice(kept, notice, received_at)
        kept.accounts.update(accounts or {})
        for seen in sightings:
            last = next((one for one in reversed(kept.sightings) if one.probe == seen.probe), None)
            if last is None or (last.asn, last.country) != (seen.asn, seen.country):
                kept.sightings.append(msgspec.structs.replace(seen, no=len(kept.sightings) + 1))
        if self._watching is not None:
            kept.watches[self._watching] = received_at
        self._kept = kept
        return new

    def position(self, probe: str, stream: str) -> Position:
        """See the interface."""
        held = self._kept.streams.get((probe, stream), StreamPosition())
        return Position(stream=stream, through=held.through, beyond=tuple(sorted(held.beyond)))

    def fresh(self, probe: str, ids: Sequence[str]) -> frozenset[str]:
        """See the interface."""
        known = {row.measurement.id for row in self._kept.rows if row.probe == probe}
        return frozenset(ids) - known

    def accounts(self) -> dict[str, Account]:
        """See the interface."""
        return dict(self._kept.accounts)

    @property
    def watching(self) -> float | None:
        """See the interface."""
        return self._watching

    def watch(self, at: float | None) -> None:
        """See the interface."""
        self._watching = at
        if at is not None:
            self._kept.watches[at] = at

    # ------------------------------------------------------------ measurements

    def piece(self, after: int, most: int) -> Piece:
        """See the interface."""
        rows = tuple(self._kept.rows[after : after + most])
        return Piece(rows=rows, through=rows[-1].seq if rows else after, ended=len(rows) < most)

    def read(self, after: int, most: int) -> list[JournalRow]:
        """See the interface."""
        return list(self.piece(after, most).rows)

    def rows(self, places: Sequence[int]) -> list[JournalRow]:
        """See the interface."""
        return [self._kept.rows[seq - 1] for seq in sorted(set(places)) if 0 < seq <= len(self._kept.rows)]

    def find(self, measurement_id: str) -> JournalRow | None:
        """See the interface."""
        return next((row for row in self._kept.rows if row.measurement.id == measurement_id), None)

    def head(self) -> int:
        """See the interface."""
        return len(self._kept.rows)

    def cursor(self, name: str) -> int:
        """See the interface."""
        return self._kept.cursors.get(name, 0)

    def advance(self, name: str, seq: int) -> None:
        """See the interface."""
        self._kept.cursors[name] = seq

    # ------------------------------------------------------------ presence, health, events, notices

    def presence(self, after: float, until: float) -> list[PresenceRow]:
        """See the interface."""
        return [row for row, _ in self._kept.presence if after < row.at <= until]

    def latest_presence(self) -> dict[str, PresenceRow]:
        """See the interface."""
        return {row.probe: row for row, _ in self._kept.presence}

    def watched(self, before: float | None = None) -> list[tuple[float, float]]:
        """See the interface."""
        return [one for one in sorted(self._kept.watches.items()) if before is None or one[0] <= before]

    def health(self, after: int, most: int) -> list[HealthRow]:
        """See the interface."""
        return self._kept.health[after : after + most]

    def reported(self, after: float, until: float) -> dict[str, float]:
        """See the interface."""
        return {row.probe: row.received_at for row in self._kept.health if after < row.received_at <= until}

    def latest_health(self) -> dict[str, HealthRow]:
        """See the interface."""
        return {row.probe: row for row in self._kept.health}

    def last_health(self) -> int:
        """See the interface."""
        return len(self._kept.health)

    def events(self, after: int, most: int) -> list[EventRow]:
        """See the interface."""
        return [row for row in self._kept.events if row.no > after][:most]

    def events_of(self, probe: str, most: int, kind: EventKind | None = None) -> list[EventRow]:
        """See the interface."""
        newest = [row for row in reversed(self._kept.events) if row.probe == probe]
        return [row for row in newest if kind in {None, row.event.kind}][:most]

    def last_event(self) -> int:
        """See the interface."""
        return self._kept.last_event

    def latest_notices(self) -> dict[str, tuple[NoticeRow, ...]]:
        """See the interface."""
        newest = {(row.probe, row.kind): row for row in self._kept.notices}
        found: defaultdict[str, tuple[NoticeRow, ...]] = defaultdict(tuple)
        for row in sorted(newest.values(), key=lambda row: (-row.at, row.no)):
            found[row.probe] += (row,)
        return dict(found)

    def sightings(self, after: int) -> list[Sighting]:
        """See the interface."""
        return self._kept.sightings[after:]

    # ------------------------------------------------------------ what was refused or set aside

    def quarantine(self, most: int = 100) -> list[tuple[float, str, str, str]]:
        """See the interface."""
        newest = reversed(self._kept.refused)
        return [(at, one.probe, one.topic, one.reason) for at, one in newest][:most]

    def set_aside(self, reader: str, faults: Sequence[Fault], at: float) -> list[Fault]:
        """See the interface."""
        fresh = []
        for fault in faults:
            place = next((n for n, one in enumerate(self._kept.asides) if _same(one, reader, fault)), None)
            if place is None:
                self._kept.asides.append(Aside(reader=reader, fault=fault, first_at=at, last_at=at, times=1))
                fresh.append(fault)
            else:
                before = self._kept.asides[place]
                told = msgspec.structs.replace(before.fault, error=fault.error)
                self._kept.asides[place] = msgspec.structs.replace(
                    before, fault=told, last_at=at, times=before.times + 1
                )
        self._kept.set_aside += sum(fault.rows for fault in fresh)
        return fresh

    def take_up(self, reader: str) -> None:
        """See the interface."""
        self._kept.asides = [one for one in self._kept.asides if one.reader != reader]

    def hand_on(self, reader: str, other: str) -> None:
        """See the interface."""
        self.take_up(other)
        self._kept.asides = [
            msgspec.structs.replace(one, reader=other) if one.reader == reader else one for one in self._kept.asides
        ]

    def asides(self, most: int = 100) -> list[Aside]:
        """See the interface."""
        return self._kept.asides[::-1][:most]

    def aside_counts(self) -> dict[str, int]:
        """See the interface."""
        found: defaultdict[str, int] = defaultdict(int)
        for one in self._kept.asides:
            found[one.reader] += one.fault.rows
        return dict(found)

    # ------------------------------------------------------------ figures

    def totals(self) -> Totals:
        """See the interface."""
        kept = self._kept
        return Totals(
            measurements=len(kept.rows),
            batches=kept.batches,
            events=kept.last_event,
            refused=len(kept.refused),
            refused_dropped=0,
            set_aside=kept.set_aside,
            health=len(kept.health),
            last_received=kept.rows[-1].received_at if kept.rows else None,
        )

    def counts(self) -> Counts:
        """See the interface."""
        kept = self._kept
        return Counts(
            measurements=len(kept.rows),
            batches=kept.batches,
            frame_bytes=kept.frame_bytes,
            quarantined=len(kept.refused),
            quarantined_bytes=sum(len(one.raw) + 200 for _, one in kept.refused),
            events=kept.last_event,
            cursors=dict(kept.cursors),
            set_aside=self.aside_counts(),
        )


def _same(one: Aside, reader: str, fault: Fault) -> bool:
    return (one.reader, one.fault.place, one.fault.seq) == (reader, fault.place, fault.seq)


def _take_batch(kept: _Kept, batch: Batch, received_at: float) -> int:
    known = {row.measurement.id for row in kept.rows if row.probe == batch.probe}
    pointers = [(place, id64(name)) for place, name in batch.measurements if name not in known]
    if pointers:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(batch.public_key))
        opened = Opened(batch.frame, lambda _id: key)
        taken = Taken(received_at, batch.clock_offset, batch.clock_doubtful)
        seq = len(kept.rows)
        kept.rows.extend(
            opened.row(Pointer(seq + n, name, place), taken) for n, (place, name) in enumerate(pointers, 1)
        )
        kept.batches += 1
        kept.frame_bytes += len(batch.frame)
    for body in batch.events:
        if (batch.probe, body) not in kept.said:
            kept.said.add((batch.probe, body))
            kept.last_event += 1
            row = EventRow(no=kept.last_event, received_at=received_at, probe=batch.probe, event=_event.decode(body))
            kept.events.append(row)
            alike = [one for one in kept.events if (one.probe, one.event.kind) == (row.probe, row.event.kind)]
            if len(alike) > EVENTS_KEPT:
                kept.events.remove(alike[0])
    if batch.sequence:
        kept.streams.setdefault((batch.probe, batch.stream), StreamPosition()).note(batch.sequence)
    _heard(kept, batch.probe, batch.session, batch.stream, batch.oldest)
    return len(pointers)


def _heard(kept: _Kept, probe: str, session: int, stream: str, oldest: int) -> None:
    at, _, proves = kept.voices.get(probe, (0, 0, False))
    if session > at:
        kept.voices[probe] = (session, 0, proves and oldest > 0)
    if stream and oldest > 0:
        kept.streams.setdefault((probe, stream), StreamPosition()).holds_from(oldest)


def _take_presence(kept: _Kept, heard: Presence, received_at: float) -> None:
    last = next(((row, session) for row, session in reversed(kept.presence) if row.probe == heard.probe), None)
    session, number, proves = kept.voices.get(heard.probe, (0, 0, False))
    if heard.session < (session or (last[1] if last else 0)) or (proves and not heard.proved):
        return
    if heard.proved and proves and heard.number and heard.session == session and heard.number <= number:
        return
    if heard.proved:
        _heard(kept, heard.probe, heard.session, heard.stream, heard.oldest)
        now = kept.voices.get(heard.probe, (0, 0, False))
        kept.voices[heard.probe] = (heard.session, heard.number or now[1], True)
    if last is None or (last[0].state, last[1]) != (heard.state, heard.session):
        kept.presence.append((PresenceRow(at=received_at, probe=heard.probe, state=heard.state), heard.session))


def _take_notice(kept: _Kept, notice: Notice, at: float) -> None:
    alike = [n for n, one in enumerate(kept.notices) if (one.probe, one.kind) == (notice.probe, notice.kind)]
    if alike and at - kept.notices[alike[-1]].at <= NOTICE_LASTS:
        before = kept.notices[alike[-1]]
        again = msgspec.structs.replace(before, at=at, times=before.times + 1, detail=notice.detail)
        kept.notices[alike[-1]] = again
    else:
        no = len(kept.notices) + 1
        kept.notices.append(
            NoticeRow(no=no, probe=notice.probe, kind=notice.kind, began=at, at=at, times=1, detail=notice.detail)
        )
