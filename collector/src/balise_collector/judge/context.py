"""What the judge may know beside the measurement: the probe, the catalogue's expectations, the references' results.

Lives here: Context, and ReferenceTable, which the pipeline fills from earlier verdicts. The table holds what references
saw, never what they mean. Must not live here: rules, storage, clocks; all times are given.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from balise_collector.judge.fingerprints import OWN, Fingerprints
from balise_collector.judge.limits import BUDGET, fell_silent, limited
from balise_collector.judge.verdict import State, Verdict
from balise_collector.judge.witnesses import ENOUGH, UNKNOWN, Stand, independent, witness_of
from balise_wire.addresses import BOGONS, Network
from balise_wire.observations import (
    DnsObservation,
    HttpObservation,
    LineObservation,
    PathObservation,
    TcpObservation,
    TlsObservation,
)
from balise_wire.words import Arm, Experiment, Resolver

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from balise_wire.measurement import Measurement


GAP: Final = 900.0
"""Seconds between two equal results of one reference beyond which they are not one stretch."""
_NEAR: Final = 300.0
"""Seconds around a window in which references still say how it was: one interval of the timetable."""


@dataclass(slots=True)
class _Stretch:
    """Equal results of one reference on one key, ``first``..``last`` in UNIX seconds, no gap above GAP."""

    first: float
    last: float
    ok: bool


@dataclass(frozen=True, slots=True)
class Tally:
    """How many references reached something in a window, and how many tried in vain.

    Each is a number of witnesses: references of one network or one host say a thing once (witnesses.py). A reference
    with both counts as what it saw last.
    """

    ok: int = 0
    failed: int = 0

    @property
    def reached(self) -> bool:
        """At least two reached it, and no more failed than did."""
        return self.ok >= ENOUGH and self.ok > self.failed

    @property
    def dead(self) -> bool:
        """At least two tried, and at least two thirds of those failed (attribution.md 2.1)."""
        return self.failed >= ENOUGH and self.failed >= 2 * self.ok

    @property
    def too_few(self) -> bool:
        """Fewer than two references say anything."""
        return self.ok + self.failed < ENOUGH


@dataclass(frozen=True, slots=True)
class Seen:
    """What references saw between the first and the last failing trial of a probe, and around that time."""

    during: Tally = Tally()
    """Only results from inside the window; a reference that failed there at all counts as failed."""
    around: Tally = Tally()
    """Up to five minutes more on both sides; a reference counts as what it saw last."""

    @property
    def reached(self) -> bool:
        """References got through at the very time: the only thing that accuses the way."""
        return self.during.reached

    @property
    def dead(self) -> bool:
        """References failed at that time or, where they said nothing then, around it."""
        return self.during.dead or (not self.during.reached and self.around.dead)


@dataclass(frozen=True, slots=True)
class Page:
    """What a reference got over HTTP."""

    status: int | None
    body_bytes: int
    sha256: str
    title: str
    location: str
    at: float
    """UNIX seconds."""
    stand: Stand = UNKNOWN
    """Of the reference."""
    redacted_sha256: str = ""


def backed(pages: Iterable[Page]) -> int:
    """Return how many witnesses stand behind pages."""
    return independent(page.stand for page in pages)


class ReferenceTable:
    """Recent results of the reference probes, per (address, port), per target and per service.

    Results are kept as stretches of equal outcome, so a year of steady results costs a few bytes an endpoint. Whatever
    is asked of it is answered in witnesses: no single reference, network or host decides anything.
    """

    def __init__(self, hosts: Mapping[str, str] | None = None) -> None:
        """Know nothing; ``hosts`` is who keeps which reference, on the operator's word."""
        self._hosts: Mapping[str, str] = hosts or {}
        self._asns: dict[str, int] = {}
        self._known: dict[str, str] | None = None
        """Whom each reference counts as; ``None`` where that is to be worked out anew."""
        self._results: defaultdict[tuple[str, ...], dict[str, list[_Stretch]]] = defaultdict(dict)
        self._answers: defaultdict[tuple[str, int], dict[str, dict[str, float]]] = defaultdict(dict)
        """By name and family, and reference: each address with the time it was last given, UNIX seconds."""
        self._keys: defaultdict[str, dict[str, frozenset[str]]] = defaultdict(dict)
        self._pages: defaultdict[str, dict[str, deque[Page]]] = defaultdict(dict)
        self._reached: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        """By service and role: the addresses of ``_results`` at which some reference reached it."""
        self._kept: Counter[str] = Counter()
        """How many keys of ``_results`` each reference stands in."""
        self._no_limits = BUDGET

    def keep(self, hosts: Mapping[str, str], no_limits: frozenset[str] = BUDGET) -> None:
        """Take a changed table of hosts, and of words that are no limits, into account from now on."""
        self._hosts, self._known = hosts, None
        self._no_limits = no_limits

    def _stand(self, probe: str) -> Stand:
        return Stand(self._asns.get(probe, 0), self._hosts.get(probe, ""))

    def _witnesses(self, probes: Iterable[str]) -> int:
        """Return how many witnesses some references are."""
        if self._known is None:
            self._known = witness_of({probe: self._stand(probe) for probe in sorted(self._asns)})
        return len({self._known.get(probe, probe) for probe in probes})

    # ------------------------------------------------------------ filled by the pipeline

    def note(self, verdict: Verdict, measurement: Measurement) -> None:
        """Take in one measurement of a reference with its verdict; those of other probes are ignored."""
        if not verdict.reference or verdict.rule in BARRED:
            return
        if self._asns.get(verdict.probe) != verdict.network.asn:
            self._asns[verdict.probe], self._known = verdict.network.asn, None
        shift = -verdict.clock_offset
        if verdict.rule.startswith(("line.", "own.")):
            return
        # A limited board's silence says that no server is dead, as it says that none is blocked.
        deaf = limited(measurement, self._no_limits) and fell_silent(measurement)
        if verdict.state is State.OK or not deaf:
            ok = verdict.state is State.OK
            self._mark(("target", verdict.target, verdict.layer), verdict.probe, verdict.at, ok=ok)
        for trial in measurement.observations:
            if trial.arm is not Arm.SUBJECT or _KIND[type(trial)] is not measurement.experiment:
                continue
            if isinstance(trial, TcpObservation) and (trial.synacks or not deaf):
                self._endpoint(verdict, trial.address, trial.port, trial.at + shift, ok=trial.synacks > 0)
            elif isinstance(trial, TlsObservation):
                self._tls(verdict, measurement, trial, trial.at + shift)
            elif isinstance(trial, HttpObservation):
                self._http(verdict, measurement, trial)
            elif isinstance(trial, DnsObservation):
                self._dns(verdict, measurement, trial)

    def _endpoint(self, verdict: Verdict, address: str, port: int, at: float, *, ok: bool) -> None:
        """Note one attempt at an address and port, also under the service it belongs to."""
        self._mark(("address", address, str(port)), verdict.probe, at, ok=ok)
        if ok:
            self._mark(("service", verdict.service, verdict.role, address), verdict.probe, at, ok=True)

    def _tls(self, verdict: Verdict, measurement: Measurement, trial: TlsObservation, at: float) -> None:
        """Note that TCP was reached, and the keys of the chain."""
        if trial.connect_ms is not None:
            self._endpoint(verdict, trial.address, trial.port, at, ok=True)
        if trial.chain and trial.sni == measurement.host:
            seen = frozenset(certificate.spki_sha256 for certificate in trial.chain if certificate.spki_sha256)
            self._keys[trial.sni][verdict.probe] = seen

    def _http(self, verdict: Verdict, measurement: Measurement, trial: HttpObservation) -> None:
        """Keep the newest pages of each reference."""
        if trial.status is not None:
            held = self._pages[measurement.target].setdefault(verdict.probe, deque(maxlen=_MOST_PAGES))
            at = trial.at - verdict.clock_offset
            where = dict(trial.headers).get("location", "")
            stand = self._stand(verdict.probe)
            page = Page(trial.status, trial.body_bytes, trial.body_sha256, trial.title, where, at, stand)
            held.append(replace(page, redacted_sha256=trial.body_redacted_sha256))

    def _dns(self, verdict: Verdict, measurement: Measurement, trial: DnsObservation) -> None:
        """Keep the addresses that each reference was given lately: a CDN turns its answers over."""
        if trial.resolver is Resolver.SILENT or verdict.state is not State.OK or trial.name != measurement.host:
            return
        found = {address for answer in trial.answers for address in answer.addresses}
        at = trial.at - verdict.clock_offset
        held = self._answers[measurement.host, measurement.family].setdefault(verdict.probe, {})
        for address in found:
            if _version(address) == measurement.family:
                held[address] = max(at, held.get(address, at))
        for address in sorted(held, key=lambda one: (held[one], one))[:-_MOST_ANSWERS]:
            del held[address]

    def _mark(self, key: tuple[str, ...], probe: str, at: float, *, ok: bool) -> None:
        """Put one result into its place in time, growing a stretch where it can."""
        if probe not in self._results.get(key, ()):
            if self._kept[probe] >= KEYS_MOST:
                return  # No reference meets so many addresses; one that says so fills its own share, and nobody else's.
            self._kept[probe] += 1
            if key[0] == "service":
                self._reached[key[1], key[2]].add(key[3])
        stretches = self._results[key].setdefault(probe, [])
        place = bisect_right(stretches, at, key=lambda stretch: stretch.first)
        before = stretches[place - 1] if place else None
        if before is not None and before.ok is ok and at - before.last <= GAP:
            before.last = max(before.last, at)
            return
        if before is not None and before.last > at:
            # A result that contradicts a stretch from inside it: cut the stretch there.
            stretches.insert(place, _Stretch(at, before.last, before.ok))
            before.last = at
        stretches.insert(place, _Stretch(at, at, ok))
        if len(stretches) > _MOST_STRETCHES:
            del stretches[: len(stretches) - _MOST_STRETCHES]

    def forget(self, before: float) -> None:
        """Let go of what no reference has said anew since ``before`` (UNIX seconds): addresses come and go."""
        for key, probes in list(self._results.items()):
            for probe, stretches in list(probes.items()):
                stretches[:] = [stretch for stretch in stretches if stretch.last >= before]
                if not stretches:
                    del probes[probe]
                    self._kept[probe] -= 1
            if not probes:
                del self._results[key]
                if key[0] == "service":
                    self._reached[key[1], key[2]].discard(key[3])
        for held in self._answers.values():
            for probe, addresses in list(held.items()):
                for address in [address for address, at in addresses.items() if at < before]:
                    del addresses[address]
                if not addresses:
                    del held[probe]
        for pages in self._pages.values():
            for probe in [probe for probe, kept in pages.items() if kept and kept[-1].at < before]:
                del pages[probe]

    # ------------------------------------------------------------ asked by the rules

    def _seen(self, key: tuple[str, ...], since: float, until: float) -> Seen:
        """Count what references saw in a window and around it."""
        ok: set[str] = set()
        failed: set[str] = set()
        near_ok: set[str] = set()
        near_failed: set[str] = set()
        for probe, stretches in self._results.get(key, {}).items():
            within = [s.ok for s in stretches if s.last >= since and s.first <= until]
            if within:
                # One failure inside the window is enough: a server that came back must not accuse the way to it.
                (ok if all(within) else failed).add(probe)
            near = [s.ok for s in stretches if s.last >= since - _NEAR and s.first <= until + _NEAR]
            if near:
                (near_ok if near[-1] else near_failed).add(probe)
        ours = self._witnesses
        return Seen(Tally(ours(ok), ours(failed)), Tally(ours(near_ok), ours(near_failed)))

    def at_address(self, address: str, port: int, since: float, until: float) -> Seen:
        """Return which references got a SYN-ACK from this very address and port.

        Args:
            address: the address the probe was given.
            port: its port.
            since: UNIX seconds of the first failing trial.
            until: UNIX seconds of the last failing trial.
        """
        return self._seen(("address", address, str(port)), since, until)

    def of_target(self, target: str, layer: str, since: float, until: float) -> Seen:
        """Return for which references a target was ok on a layer, in the window and around it."""
        return self._seen(("target", target, layer), since, until)

    def elsewhere(self, service: str, role: str, address: str, since: float) -> bool:
        """Tell whether enough references reached the service's role at another address since ``since``."""
        return self._witnesses(
            {
                probe
                for other in self._reached.get((service, role), ())
                if other != address
                for probe, stretches in self._results.get(("service", service, role, other), {}).items()
                if any(s.ok and s.last >= since for s in stretches)
            }
        ) >= ENOUGH  # fmt: skip

    def answers(self, host: str, family: int, since: float = float("-inf")) -> frozenset[str]:
        """Return every address that enough references were given for a name since ``since`` (UNIX seconds)."""
        given: defaultdict[str, set[str]] = defaultdict(set)
        for probe, addresses in self._answers.get((host, family), {}).items():
            for address, at in addresses.items():
                if at >= since:
                    given[address].add(probe)
        return frozenset(address for address, probes in given.items() if self._witnesses(probes) >= ENOUGH)

    def keys(self, host: str) -> frozenset[str]:
        """Return every public key (SHA-256, hex) that enough references saw in chains for a name."""
        shown: defaultdict[str, set[str]] = defaultdict(set)
        for probe, keys in self._keys.get(host, {}).items():
            for key in keys:
                shown[key].add(probe)
        return frozenset(key for key, probes in shown.items() if self._witnesses(probes) >= ENOUGH)

    def pages(self, target: str, since: float, until: float) -> tuple[Page, ...]:
        """Return the newest page that each reference got in [since, until], UNIX seconds."""
        found = []
        for held in self._pages.get(target, {}).values():
            within = [page for page in held if since <= page.at <= until]
            if within:
                found.append(max(within, key=lambda page: page.at))
        return tuple(found)


def _version(address: str) -> int | None:
    """Return the IP version of what a reference calls an address; ``None`` where it is none."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None


_KIND: Final = {
    DnsObservation: Experiment.DNS,
    TcpObservation: Experiment.TCP,
    TlsObservation: Experiment.TLS,
    HttpObservation: Experiment.HTTP,
    LineObservation: Experiment.LINE,
    PathObservation: Experiment.PATH,
}
"""The experiment whose trials an observation is; a stranger among them teaches nothing."""


class Bar(StrEnum):
    """Why a measurement is not judged at all, whatever it shows; the values are ids of rules (record.py)."""

    NONE = ""
    UNKNOWN = "record.unknown"
    """The probe is not in the fleet: nobody vouches for it."""
    COUNTRY = "record.country"
    """It says that it stood in a country for which nobody ever vouched."""
    TARGET = "record.target"
    """Its words contradict its own target."""
    CLOCK = "clock.doubtful"
    """It came late, and its probe's clock or its way may be to blame: in the wrong minute it would mislead."""
    ELSEWHERE = "line.elsewhere"
    """The line is not where the record says: a tunnel, or a board that moved."""


BARRED: Final = frozenset(bar.value for bar in Bar if bar)

_MOST_PAGES: Final = 24
"""Pages kept of each reference: two hours."""
_MOST_STRETCHES: Final = 256
KEYS_MOST: Final = 20_000
"""Endpoints, targets and addresses of which one reference's results are kept."""
_MOST_ANSWERS: Final = 64
"""Addresses of a name kept of each reference, those given last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The tables for one measurement."""

    probe: str
    bar: Bar = Bar.NONE
    """Why it is not judged; the record is asked before the measurement is."""
    reference: bool = False
    clock_offset: float = 0.0
    """Seconds, probe minus collector; subtracted from every time of the measurement."""
    references: ReferenceTable = field(default_factory=ReferenceTable)
    addresses: frozenset[str] = frozenset()
    """The target's addresses by the catalogue."""
    pins: frozenset[str] = frozenset()
    """SHA-256 of the public keys that the catalogue expects."""
    fingerprints: Fingerprints = OWN
    bogons: tuple[Network, ...] = BOGONS
    line_seconds: float = 120.0
    """Most seconds between a measurement and the line health that gates it."""
    no_limits: frozenset[str] = BUDGET
    """Words of ``limited_by`` that say nothing of the board (limits.py)."""

    def is_bogon(self, address: str) -> bool:
        """Tell whether no public service can have this address; text that is no address is none."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return True
        return any(ip.version == network.version and ip in network for network in self.bogons)
