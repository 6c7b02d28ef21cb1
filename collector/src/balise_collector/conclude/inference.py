"""From journal rows to verdicts, episodes and incidents: the chain judge -> detect -> incidents, driven by given times.

Pure but for its own memory: rows and times come in, conclusions go out, so that a replay of the journal concludes what
the live run did. Lives here: the judge's tables, corrected clocks, second looks when references report late, silence,
and the memory that survives a restart. Must not live here: files, threads, clocks (pipeline.py).
"""

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from balise_collector.conclude.given_addresses import KEPT, GivenAddresses
from balise_collector.conclude.instruments import Instruments
from balise_collector.conclude.judgement import judge, note
from balise_collector.conclude.second_looks import SecondLooks
from balise_collector.conclude.silence import LastHeard
from balise_collector.detect import CellEvent, CellEventKind, Detector, DetectorConfig
from balise_collector.detect.model import INTERNET
from balise_collector.experiments.dns import strangers
from balise_collector.fleet.catalogue import Catalogue
from balise_collector.fleet.claims import as_targeted, disagrees, given
from balise_collector.fleet.members import Fleet
from balise_collector.fleet.whereabouts import Placed, Sighting, Where, Whereabouts
from balise_collector.incidents import Incident, IncidentBook, IncidentChange
from balise_collector.journal import JournalRow, PresenceRow
from balise_collector.judge import OWN, Bar, Context, Fingerprints, ReferenceTable, Verdict, VerdictState
from balise_collector.judge.limits import BUDGET, SHARED
from balise_collector.judge.witnesses import Stand, witness_of
from balise_collector.system.faults import Faults
from balise_wire.addresses import BOGONS
from balise_wire.addresses import Network as IpNetwork
from balise_wire.bins import BIN
from balise_wire.experiments.line import LineObservation
from balise_wire.measurement import Measurement, Network
from balise_wire.words import Experiment, TargetRole

STEP: Final = 60.0
"""Clock seconds between two looks of the detector; a fifth of its bin."""
WARM: Final = 3 * 3600.0
"""Seconds of references' results that the judge's table is filled with after a restart."""
_FORGET_EVERY: Final = 86_400.0
_REFERENCES_KEPT: Final = 31 * 86_400.0
"""Seconds for which the judge's table remembers what no reference says any more."""
_LEARNED_MOST: Final = 2
"""Addresses that a target is given where its catalogue entry names none."""
_UNSURE: Final = frozenset({VerdictState.INSUFFICIENT, VerdictState.DOWN, VerdictState.BLOCKED})
"""States that what references say later can change: it may excuse as well as accuse."""
_SETTLED: Final = ("line.", "own.", "board.", "record.", "clock.")
"""Rules that no reference can change."""

LEARNED: Final = "agreed"
"""Name of the learned addresses in the memory. What one reference alone taught an earlier version has another name, and
is forgotten."""
INSTRUMENTS: Final = "instruments"
"""Name of what probes measure with in the memory."""
TOLD: Final = "told"
"""Name of what resolvers told probes in the memory."""
_RESOLVED_WELL: Final = frozenset({"dns.ok", "dns.consistent"})
Learned = dict[tuple[str, int], tuple[str, ...]]
"""Addresses by (host, family)."""


@dataclass(frozen=True, kw_only=True)
class OperatorContext:
    """What does not come from the journal: the operator's word."""

    fleet: Fleet
    catalogue: Catalogue
    interval: float = 300.0
    """Seconds between two measurements of a target."""
    silence: float = 900.0
    """Seconds without a word after which a probe is silent."""
    laboratory: tuple[str, ...] = ()
    """Prefixes that are public here although IANA reserved them."""
    scale: float = 1.0
    """Seconds of every program's clock in a real second: 1 but in a laboratory."""
    observed: bool = False
    """Whether there is a table by which the sources of connections were looked up."""
    same_provider: tuple[frozenset[int], ...] = ()
    """AS numbers that are one provider's."""
    fingerprints: Fingerprints = OWN
    """Known block pages and forged addresses."""

    def bogons(self) -> tuple[IpNetwork, ...]:
        """Return the addresses that no public service has, here."""
        public = [ipaddress.ip_network(text) for text in self.laboratory]
        return tuple(bogon for bogon in BOGONS if not any(_overlap(bogon, ours) for ours in public))

    def witnesses(self) -> dict[str, str]:
        """Return whom each probe counts as, where it does not count for itself.

        Boards of one host are one witness; so are references of one network, since what breaks or buys one has both.
        """
        members = self.fleet.members.values()
        home = {one.id: Stand(0, one.host) for one in members if not one.reference}
        abroad = {one.id: Stand(one.network.asn, one.host) for one in members if one.reference}
        return {probe: who for probe, who in {**witness_of(home), **witness_of(abroad)}.items() if probe != who}

    def references(self) -> dict[str, str]:
        """Return the country of every reference (incidents.FleetView)."""
        return {one.id: one.network.country for one in self.fleet.active() if one.reference}

    def region(self, probe: str) -> str:
        """Return the district that the operator wrote down for a probe; empty for not known (incidents.FleetView)."""
        member = self.fleet.members.get(probe)
        return member.network.region if member is not None else ""

    def known_asns(self, country: str) -> frozenset[int]:
        """Return the providers in which a country has approved probes (incidents.FleetView)."""
        return frozenset(
            member.network.asn
            for member in self.fleet.active()
            if member.network.country == country and not member.reference
        )


@dataclass(frozen=True)
class Concluded:
    """What one step brought."""

    verdicts: list[tuple[int, Verdict]] = field(default_factory=list)
    """Verdicts that changed, with their place in the journal."""
    changes: tuple[IncidentChange, ...] = ()


@dataclass(frozen=True)
class _KnownFleet:
    """The operator's word and what probes measure with, as the book asks for it (incidents.FleetView)."""

    operator: OperatorContext
    instruments: Instruments

    def known_asns(self, country: str) -> frozenset[int]:
        """Return the providers in which a country has approved probes."""
        return self.operator.known_asns(country)

    def references(self) -> Mapping[str, str]:
        """Return the country of every reference."""
        return self.operator.references()

    def region(self, probe: str) -> str:
        """Return a probe's district; empty for not known."""
        return self.operator.region(probe)

    def versions(self, probe: str) -> tuple[str, str]:
        """Return the versions of program and catalogue that a probe measures with; empty for not known."""
        return self.instruments.versions(probe)

    def ran_on(self, probe: str, since: float) -> bool | None:
        """Tell whether a board that was silent at ``since`` ran on meanwhile; ``None`` where that is not known."""
        return self.instruments.ran_on(probe, since)


class Inference:
    """The chain with its memory. One owner drives it: rows in the journal's order, steps in time's."""

    def __init__(self, around: OperatorContext) -> None:
        self.faults = Faults()
        """What was set aside since somebody last drained it."""
        self._detector = Detector(DetectorConfig(interval=around.interval), self.faults)
        self._book = IncidentBook(faults=self.faults)
        self._table = ReferenceTable()
        self._last_heard = LastHeard()
        self._whereabouts = Whereabouts()
        self._instruments = Instruments()
        self._unsure = SecondLooks()
        self._learned: Learned = {}
        self._given = GivenAddresses()
        self._forgotten = 0.0
        self._stepped = 0.0
        self.set_context(around)

    def set_context(self, around: OperatorContext) -> None:
        """Take a changed fleet or catalogue into account from now on."""
        self._operator = around
        self._bogons = around.bogons()
        self._addresses = {
            f"{service.id}/{entry.role}/{entry.host}/{version}": frozenset(
                address for address in entry.addresses if ipaddress.ip_address(address).version == version
            )
            for service in around.catalogue.services
            for entry in service.targets
            for version in (4, 6)
        }
        self._no_limits = SHARED if around.laboratory else BUDGET
        self._scale = around.scale
        hosts = {member.id: member.host for member in around.fleet.members.values() if member.host}
        self._table.keep(hosts, self._no_limits)
        self._detector.keep(around.witnesses())
        self._whereabouts.same, self._whereabouts.observed = around.same_provider, around.observed
        self._names = {
            service.id: frozenset(entry.host for entry in service.targets) for service in around.catalogue.services
        }
        self._pins = {
            entry.host: frozenset(entry.spki)
            for service in around.catalogue.services
            for entry in service.targets
            if entry.spki
        }

    @property
    def detector(self) -> Detector:
        """The detector, for status and reports; nobody else drives it."""
        return self._detector

    # ------------------------------------------------------------ rows

    def sighted(self, rows: Iterable[Sighting]) -> None:
        """Take in from where probes were seen to connect; in any order towards the rows, since both have their time."""
        self._whereabouts.sighted(rows)

    def take(self, row: JournalRow) -> tuple[int, Verdict] | None:
        """Judge one row and let the detector hear of it; ``None`` for a row that could not be judged.

        Whatever a row makes our own code raise is noted in ``faults``: what comes behind it goes on.
        """
        self._last_heard.note(row.probe, row.received_at)
        m = row.measurement
        self._instruments.note(row.probe, m.software, m.catalogue, row.boot, m.started - row.clock_offset)
        verdict: Verdict | None = None
        with self.faults.set_aside("whereabouts", row.seq):
            self._check_line(row)
        with self.faults.set_aside("judge", row.seq):
            verdict = self._judge(row)
        if verdict is None:
            return None
        with self.faults.set_aside("detect", row.seq):
            self._detector.received(row.received_at)
            self._detector.observe(verdict)
        with self.faults.set_aside("references", row.seq):
            note(self._table, verdict, row.measurement)
        member = self._operator.fleet.members.get(row.probe)
        if member is not None and not verdict.reference and verdict.rule in _RESOLVED_WELL:
            self._given.note(row.measurement, member.keeper, row.received_at)
        if verdict.reference:
            self._unsure.reported(row, verdict)
        elif _may_change(verdict):
            self._unsure.wait(row, verdict)
        return row.seq, verdict

    def _check_line(self, row: JournalRow) -> None:
        """Learn from a line check which way the line takes."""
        if row.measurement.experiment is not Experiment.LINE or row.clock_doubtful:
            return
        for trial in row.measurement.observations:
            if isinstance(trial, LineObservation):
                self._whereabouts.checked(row.probe, trial, row.measurement.started - row.clock_offset)

    def _judge(self, row: JournalRow) -> Verdict:
        """Judge one row as what the operator vouches for: where it stood, and whether as a reference."""
        m, offset = row.measurement, row.clock_offset
        record = self._operator.fleet.record_at(row.probe, m.started - offset, m.network.country)
        bar = Bar.NONE
        if record is None:
            bar, m = Bar.UNKNOWN, _nobody(m)
        else:
            if m.network.country != record.network.country:
                bar = Bar.COUNTRY
            elif disagrees(m):
                bar, m = Bar.TARGET, _nobody(m)
            else:
                m = as_targeted(m)
                at = m.started - offset
                if row.clock_doubtful:
                    bar = Bar.CLOCK
                elif self._whereabouts.line(row.probe, record.network, at) is Where.DIFFERS:
                    bar = Bar.ELSEWHERE
            m = msgspec.structs.replace(m, network=record.network)
        reference = record is not None and record.reference
        return judge(m, self.context(row.probe, m, reference=reference, offset=offset, bar=bar))

    def context(
        self, probe: str, measurement: Measurement, *, reference: bool, offset: float = 0.0, bar: Bar = Bar.NONE
    ) -> Context:
        """Return the judge's tables for one measurement; ``offset`` is the probe's clock minus ours, in seconds."""
        return Context(
            probe=probe,
            bar=bar,
            reference=reference,
            clock_offset=offset,
            references=self._table,
            addresses=self._addresses.get(measurement.target, frozenset()),
            names=self._names.get(measurement.service, frozenset()),
            pins=self._pins.get(measurement.host, frozenset()),
            fingerprints=self._operator.fingerprints,
            bogons=self._bogons,
            scale=self._scale,
            no_limits=self._no_limits,
        )

    # ------------------------------------------------------------ steps

    def step(
        self,
        at: float,
        presence: Iterable[PresenceRow],
        watched: Sequence[tuple[float, float]],
        reported: Mapping[str, float] | None = None,
    ) -> Concluded:
        """Let time pass up to ``at``.

        Args:
            at: UNIX seconds on the collector's clock; steps come in order, STEP apart.
            presence: state messages received since the last step.
            watched: when we listened, oldest first.
            reported: when the last report of a board's health since the last step came, by probe: who moves bytes for
                minutes, alone, measures nothing else meanwhile and is not silent.
        """
        self._stepped = at
        for row in presence:
            self._last_heard.presence(row)
        for probe, heard_at in (reported or {}).items():
            self._last_heard.note(probe, heard_at)
            self._detector.heard(probe, heard_at)
        verdicts = self._look_again(at)
        fleet, patience = self._operator.fleet, self._operator.silence
        self._detector.excuse(lambda probe: fleet.silent_since(probe, at, at, patience) is not None)
        silent = self._last_heard.silent(at, patience, self._operator.interval, watched, fleet.paces)
        for probe, last in silent.items():
            since = fleet.silent_since(probe, last, at, patience)
            line = self._whereabouts.line(probe, fleet.members[probe].network, last) if since is not None else None
            # The silence of a line that is elsewhere tells nothing of the provider in its record.
            if since is not None and line is not Where.DIFFERS:
                self._detector.silence(probe, fleet.members[probe].network, since)
        events = [event for event in self._detector.advance(at) if not self._is_forgotten(event, at)]
        changes = self._book.apply(events, self._detector, self._known(), at)
        if at - self._forgotten >= _FORGET_EVERY:
            self._detector.forget(at)
            self._book.forget(int((at - self._detector.config.keep_days * 86_400.0) // BIN))
            self._table.forget(at - _REFERENCES_KEPT)
            self._given.forget(at - KEPT)
            self._forgotten = at
        return Concluded(verdicts, changes)

    def _look_again(self, at: float) -> list[tuple[int, Verdict]]:
        """Judge anew what could not be decided, where references have reported since."""
        changed: list[tuple[int, Verdict]] = []
        for waiting in self._unsure.due(at):
            row, before = waiting.row, waiting.verdict
            with self.faults.set_aside("second look", row.seq):
                verdict = self._judge(row)
                if (verdict.rule, verdict.state) == (before.rule, before.state):
                    continue
                if verdict.state is VerdictState.OK:
                    # Every trial passed: the one that dated it dates it still, and it stays one point where it is sent.
                    verdict = msgspec.structs.replace(verdict, at=before.at, since=before.at)
                self._detector.observe(verdict)
                changed.append((row.seq, verdict))
                if _may_change(verdict):
                    self._unsure.wait(row, verdict)
                else:
                    self._unsure.settle(row.seq)
        return changed

    # ------------------------------------------------------------ what references teach

    def learn(self) -> Learned:
        """Return addresses for catalogue names that have none, from the references' answers.

        What probes were given is kept beside it (``given``), for the references alone.
        An address counts once references in two networks, of two hosts, were given it (ReferenceTable.answers); nobody
        is sent to one that a single reference names. An address that they still hear stays, so that assignments do not
        turn over with a CDN's rotation; one that they no longer agree on stays while they agree on nothing else.
        """
        before = self._learned
        found: Learned = {}
        names = [(e.host, e.addresses) for service in self._operator.catalogue.services for e in service.targets]
        names += [(control.name, control.addresses) for control in self._operator.catalogue.controls]
        for host, addresses in names:
            for family in (4, 6):
                if addresses:
                    continue
                heard = {address for address in self._table.answers(host, family) if self._may_serve(address, family)}
                kept = tuple(address for address in before.get((host, family), ()) if address in heard)
                chosen = kept or tuple(sorted(heard))[:_LEARNED_MOST] or before.get((host, family), ())
                if chosen:
                    found[host, family] = chosen
                key = given(host), family
                public = self._given.agreed(host, family, before.get(key, ()), self._stepped)
                if more := tuple(address for address in public if self._may_serve(address, family)):
                    found[key] = more
        self._learned = found
        return found

    def _may_serve(self, address: str, family: int) -> bool:
        """Whether an address is of a family and one that a public service can have."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return False
        return ip.version == family and not any(ip.version == one.version and ip in one for one in self._bogons)

    def lines(self, at: float) -> dict[str, Placed]:
        """Return what is known of where each line is now (UNIX seconds), for the operator's eyes."""
        return {one.id: self._whereabouts.told(one.id, one.network, at) for one in self._operator.fleet.active()}

    # ------------------------------------------------------------ memory

    def memory(self) -> dict[str, bytes]:
        """Return what a restart needs beside the journal, the verdicts and the incidents."""
        return {
            "detector": self._detector.snapshot(),
            "hearing": msgspec.json.encode(self._last_heard),
            "unsure": msgspec.json.encode(self._unsure.places()),
            "ways": self._whereabouts.memory(),
            INSTRUMENTS: self._instruments.memory(),
            TOLD: strangers.saved(self._table),
            LEARNED: msgspec.json.encode([(host, family, a) for (host, family), a in self._learned.items()]),
        }

    def restore(
        self,
        memory: Mapping[str, bytes],
        incidents: Sequence[Incident],
        references: Iterable[tuple[Verdict, JournalRow]],
        unsure: Iterable[tuple[Verdict, JournalRow]],
        at: float,
    ) -> tuple[IncidentChange, ...]:
        """Go on where ``memory`` was taken.

        Args:
            memory: from ``memory``.
            incidents: newest revision of each.
            references: the references' verdicts of the last ``WARM`` seconds, oldest first.
            unsure: verdicts whose second look is pending.
            at: UNIX seconds of the last step.

        Returns:
            Incidents that read differently now.

        Raises:
            msgspec.DecodeError: the memory is of another version; start over from the journal.
        """
        self._detector.restore(memory["detector"], at)
        self._last_heard = msgspec.json.decode(memory["hearing"], type=LastHeard)
        self._learned = learned_of(memory.get(LEARNED))
        self._whereabouts.restore(memory.get("ways"))
        self._instruments = Instruments.restored(memory.get(INSTRUMENTS) or None)
        strangers.restore(self._table, memory.get(TOLD))
        self._book = IncidentBook(incidents, self.faults)
        for verdict, row in references:
            with self.faults.set_aside("references", row.seq):
                note(self._table, verdict, row.measurement)
        self._unsure = SecondLooks()
        for verdict, row in unsure:
            self._unsure.wait(row, verdict)
        # The book joins stored incidents to episodes by time, so it must be shown the episodes again.
        known = [CellEvent(kind=CellEventKind.GREW, episode=episode, at=at) for episode in self._detector.episodes]
        kept = [event for event in known if not self._is_forgotten(event, at)]
        return self._book.apply(kept, self._detector, self._known(), at)

    def _known(self) -> _KnownFleet:
        return _KnownFleet(self._operator, self._instruments)

    def _is_forgotten(self, event: CellEvent, at: float) -> bool:
        """Whether an episode closed so long ago that the detector has dropped its histories.

        What it would say of such an episode now, it would say for want of data: the incident stands as it was told.
        """
        closed = event.episode.closed_bin
        horizon = at - (self._detector.config.keep_days - 1.0) * 86_400.0
        return closed is not None and event.kind is not CellEventKind.OPENED and closed * BIN < horizon


def _may_change(verdict: Verdict) -> bool:
    """Tell whether what references say later can change a verdict."""
    settled = verdict.rule.startswith(_SETTLED)
    return verdict.state in _UNSURE and verdict.design.controlled and not settled


def unsure_of(memory: Mapping[str, bytes]) -> list[int]:
    """Return the journal's places of the verdicts whose second look is pending."""
    return msgspec.json.decode(memory["unsure"], type=list[int]) if "unsure" in memory else []


def learned_of(memory: bytes | None) -> Learned:
    """Return what references had taught when the memory was taken."""
    rows = msgspec.json.decode(memory, type=list[tuple[str, int, tuple[str, ...]]]) if memory else []
    return {(host, family): addresses for host, family, addresses in rows}


def _nobody(m: Measurement) -> Measurement:
    """Return a measurement that is not judged, without what it claims of a provider, a service or a role."""
    network = Network(country=m.network.country, asn=0)
    return msgspec.structs.replace(m, network=network, service=INTERNET, role=TargetRole.LINE)


def _overlap(one: IpNetwork, other: IpNetwork) -> bool:
    """Whether two prefixes of one IP version share an address."""
    if isinstance(one, ipaddress.IPv4Network) and isinstance(other, ipaddress.IPv4Network):
        return one.overlaps(other)
    if isinstance(one, ipaddress.IPv6Network) and isinstance(other, ipaddress.IPv6Network):
        return one.overlaps(other)
    return False
