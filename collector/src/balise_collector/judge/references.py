"""What the references saw: the table that tells a fault of the server from one on the way. Pure; all times are given.

Lives here: outcomes in time by target, by address and by service, the addresses that names have, and the place where
an experiment remembers more (``memory``; experiments/<x>/references.py). The table holds what references saw, never
what it means. Must not live here: any one experiment, rules, storage, clocks.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol, TypeVar, cast

from balise_collector.judge.limits import BUDGET
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.judge.witnesses import ENOUGH, Stand, witness_of
from balise_wire.experiments.traits import Transport
from balise_wire.measurement import Measurement
from balise_wire.trial import Trial

_MOST_STRETCHES: Final = 256
KEYS_MOST: Final = 20_000
"""Endpoints, targets and addresses of which one reference's results are kept."""
_MOST_ANSWERS: Final = 64
"""Addresses of a name kept of each reference, those given last."""
GAP: Final = 900.0
"""Seconds between two equal results of one reference beyond which they are not one stretch."""
_NEAR: Final = 300.0
"""Seconds around a window in which references still say how it was: one interval of the timetable."""
_KNOWN: Final = 86_400.0
"""Seconds for which a reference that tested something is expected to test it again."""
_NEXT: Final = 3600.0
"""Seconds after a window in which a reference's first word is still about it: a hello an hour is the slowest timetable
that references have."""
_COUNTRIES: Final = 2
"""Countries in which references must fail before a fault is the world's: one may block the service itself."""


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
    ok_in: frozenset[str] = field(default=frozenset(), compare=False)
    """Countries (ISO 3166-1 alpha-2) in which any reference reached it."""
    failed_in: frozenset[str] = field(default=frozenset(), compare=False)
    """Countries in which references tried, and none reached it."""

    @property
    def reached(self) -> bool:
        """At least two reached it, and more references, or references of more countries, than failed."""
        return self.ok >= ENOUGH and (self.ok > self.failed or len(self.ok_in) > len(self.failed_in))

    @property
    def dead(self) -> bool:
        """At least two failed, in two countries, and at least two thirds of all that tried (attribution.md 2.1).

        What references of one country cannot reach may be blocked there, or its routes be broken.
        """
        enough = self.failed >= ENOUGH and len(self.failed_in) >= _COUNTRIES
        return enough and self.failed >= 2 * self.ok

    @property
    def doubted(self) -> bool:
        """Some failed, and no country's references got through, or no more countries' than failed."""
        worldwide = len(self.failed_in) >= _COUNTRIES and len(self.failed_in) >= len(self.ok_in)
        return self.failed > 0 and (not self.ok_in or worldwide)

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
    word: Tally = Tally()
    """By each reference's word on the window: what it saw inside, else what it saw first afterwards."""
    expected: bool = False
    """Some reference has tested it within the last day, so that its word can be waited for."""
    home: int = 0
    """Other probes of the country that were in order at that time, and failed neither then nor around it."""

    @property
    def reached(self) -> bool:
        """References got through at the very time: the only thing that accuses the way."""
        return self.during.reached

    @property
    def answered(self) -> bool:
        """References got through at the very time or, where they said nothing then, by their first word afterwards."""
        return self.during.reached or self.word.reached

    @property
    def dead(self) -> bool:
        """References failed at that time or, where they said nothing then, around it; and it is no better at home."""
        return not self.home and (self.during.dead or (not self.during.reached and self.around.dead))

    @property
    def waited_for(self) -> bool:
        """References test it, and none has spoken of these minutes yet."""
        return self.expected and self.word.ok + self.word.failed == 0

    @property
    def doubted(self) -> bool:
        """References failed too, and nobody says that it works elsewhere: the server may do it to everybody."""
        return self.home < ENOUGH and self.word.doubted


class Memory(Protocol):
    """What one experiment remembers of references beside outcomes; ``ReferenceTable.memory`` makes it on first use."""

    def forget(self, before: float) -> None:
        """Let go of what no reference has said anew since ``before`` (UNIX seconds)."""


MemoryT = TypeVar("MemoryT", bound=Memory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One measurement of a reference with its verdict, as an experiment is given it to remember."""

    verdict: Verdict
    measurement: Measurement
    deaf: bool
    """The board was limited and something did not come: what failed says nothing."""

    def at(self, trial: Trial) -> float:
        """Return when a trial began on the collector's clock, UNIX seconds."""
        return trial.at - self.verdict.clock_offset


class ReferenceTable:
    """Recent results of the reference probes, per (address, port), per target and per service.

    Results are kept as stretches of equal outcome, so a year of steady results costs a few bytes an endpoint. Whatever
    is asked of it is answered in witnesses: no single reference, network or host decides anything.
    """

    def __init__(self, hosts: Mapping[str, str] | None = None) -> None:
        """Know nothing; ``hosts`` is who keeps which reference, on the operator's word."""
        self._hosts: Mapping[str, str] = hosts or {}
        self._asns: dict[str, int] = {}
        self._countries: dict[str, str] = {}
        self._known: dict[str, str] | None = None
        """Whom each reference counts as; ``None`` where that is to be worked out anew."""
        self._results: defaultdict[tuple[str, ...], dict[str, list[_Stretch]]] = defaultdict(dict)
        self._answers: defaultdict[tuple[str, int], dict[str, dict[str, float]]] = defaultdict(dict)
        """By name and family, and reference: each address with the time it was last given, UNIX seconds."""
        self._memories: dict[type[Memory], Memory] = {}
        self._reached: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        """By service and role: the addresses of ``_results`` at which some reference reached it."""
        self._kept: Counter[str] = Counter()
        """How many keys of ``_results`` each reference stands in."""
        self.began: float | None = None
        """When the first of what references said here was measured, UNIX seconds; ``None`` where none spoke."""
        self.no_limits = BUDGET
        """Words of ``limited_by`` that say nothing of a board (limits.py)."""

    def keep(self, hosts: Mapping[str, str], no_limits: frozenset[str] = BUDGET) -> None:
        """Take a changed table of hosts, and of words that are no limits, into account from now on."""
        self._hosts, self._known = hosts, None
        self.no_limits = no_limits

    def stand(self, probe: str) -> Stand:
        """Return what can make a reference one witness with another."""
        return Stand(self._asns.get(probe, 0), self._hosts.get(probe, ""))

    def witnesses(self, probes: Iterable[str]) -> int:
        """Return how many witnesses some references are."""
        if self._known is None:
            self._known = witness_of({probe: self.stand(probe) for probe in sorted(self._asns)})
        return len({self._known.get(probe, probe) for probe in probes})

    def memory(self, kind: type[MemoryT]) -> MemoryT:
        """Return what one experiment remembers beside outcomes, by the type of its memory."""
        found = self._memories.setdefault(kind, kind())
        return cast("MemoryT", found)

    # ------------------------------------------------------------ filled by the pipeline

    def heard(self, verdict: Verdict) -> None:
        """Take in the network that a reference stands in."""
        self._countries[verdict.probe] = verdict.network.country
        self.began = verdict.at if self.began is None else min(self.began, verdict.at)
        if self._asns.get(verdict.probe) != verdict.network.asn:
            self._asns[verdict.probe], self._known = verdict.network.asn, None

    def concluded(self, report: Report) -> None:
        """Note whether a reference's measurement of its target was in order."""
        verdict = report.verdict
        ok = verdict.state is VerdictState.OK
        if ok or not report.deaf:
            self._mark(("target", verdict.target, verdict.layer), verdict.probe, verdict.at, ok=ok)

    def at_home(self, verdict: Verdict, endpoints: Collection[tuple[str, int]]) -> None:
        """Note whether another probe than a reference found its target in order: against that no fault is the world's.

        Args:
            verdict: its verdict.
            endpoints: addresses and ports that its measurement tried.
        """
        ok, country = verdict.state is VerdictState.OK, verdict.network.country
        if ok and endpoints:
            self._mark(("line", str(verdict.family)), verdict.probe, verdict.at, ok=True)
        self._mark(("home", country, verdict.target, verdict.layer), verdict.probe, verdict.at, ok=ok)
        for address, port in endpoints:
            self._mark(("home", country, address, str(port)), verdict.probe, verdict.at, ok=ok)

    def endpoint(self, report: Report, address: str, port: int, at: float, *, ok: bool) -> None:
        """Note one attempt at an address and port, also under the service it belongs to.

        Args:
            report: what the attempt is of.
            address: what was tried.
            port: its port.
            at: UNIX seconds on the collector's clock.
            ok: whether it answered.
        """
        verdict = report.verdict
        self._mark(("address", address, str(port)), verdict.probe, at, ok=ok)
        if ok:
            self._mark(("service", verdict.service, verdict.role, address), verdict.probe, at, ok=True)

    def every_syn(self, report: Report, address: str, port: int, at: float, *, ok: bool) -> None:
        """Note whether every SYN of a trial was answered: what a server drops now and then, it drops for everybody."""
        self._mark(("every_syn", address, str(port)), report.verdict.probe, at, ok=ok)

    def greeted(
        self, report: Report, address: str, port: int, at: float, *, ok: bool, transport: Transport = Transport.TCP
    ) -> None:
        """Note whether a greeting of any name was answered at an address; over TCP, one that took the connection."""
        self._mark(("greeting", transport.value, address, str(port)), report.verdict.probe, at, ok=ok)

    def answered(self, report: Report, found: Iterable[str], at: float) -> None:
        """Keep the addresses that a reference was given for its target's name lately: a CDN turns its answers over."""
        measurement = report.measurement
        held = self._answers[measurement.host, measurement.family].setdefault(report.verdict.probe, {})
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
        for memory in self._memories.values():
            memory.forget(before)

    # ------------------------------------------------------------ asked by the rules

    def _seen(self, key: tuple[str, ...], since: float, until: float, home: int) -> Seen:
        """Count what references saw in a window and around it."""
        during: dict[str, bool] = {}
        around: dict[str, bool] = {}
        word: dict[str, bool] = {}
        expected = False
        for probe, stretches in self._results.get(key, {}).items():
            within = [s.ok for s in stretches if s.last >= since and s.first <= until]
            if within:
                # One failure inside the window is enough: a server that came back must not accuse the way to it.
                during[probe] = word[probe] = all(within)
            near = [s.ok for s in stretches if s.last >= since - _NEAR and s.first <= until + _NEAR]
            if near:
                around[probe] = near[-1]
            after = next((s.ok for s in stretches if until < s.first <= until + _NEXT), None)
            if after is not None:
                word.setdefault(probe, after)
            expected = expected or any(until - _KNOWN <= s.last and s.first <= until for s in stretches)
        return Seen(self._tally(during), self._tally(around), self._tally(word), expected=expected, home=home)

    def _tally(self, results: Mapping[str, bool]) -> Tally:
        """Count witnesses and countries by what each reference saw."""
        ok = [probe for probe, good in results.items() if good]
        failed = [probe for probe, good in results.items() if not good]
        ok_in = frozenset(self._countries.get(probe, "") for probe in ok)
        failed_in = frozenset(self._countries.get(probe, "") for probe in failed) - ok_in
        return Tally(self.witnesses(ok), self.witnesses(failed), ok_in, failed_in)

    def carried(self, probe: str, family: int, since: float, until: float) -> bool:
        """Tell whether a probe's own line carried anything to an address of an IP version in a window, UNIX seconds."""
        own = self._results.get(("line", str(family)), {}).get(probe, ())
        return any(s.last >= since and s.first <= until for s in own)

    def own_word(self, probe: str, country: str, target: str, layer: str, since: float, until: float) -> bool:
        """Tell whether a probe's own last word on a target, in a window and around it, is that it was in order."""
        own = self._results.get(("home", country, target, layer), {}).get(probe, ())
        near = [s.ok for s in own if s.last >= since - _NEAR and s.first <= until + _NEAR]
        return bool(near) and near[-1]

    def _well_at_home(self, key: tuple[str, ...], besides: str, since: float, until: float) -> int:
        """Return how many other probes were in order in a window, and failed neither in it nor around it.

        One that was last in order before it says nothing of a fault that began with it.
        """
        well = 0
        for probe, stretches in self._results.get(key, {}).items():
            if probe != besides:
                within = any(s.last >= since and s.first <= until for s in stretches)
                near = (s.ok for s in stretches if s.last >= since - _NEAR and s.first <= until + _NEAR)
                well += within and all(near)
        return well

    def at_address(
        self, address: str, port: int, since: float, until: float, *, country: str = "", besides: str = ""
    ) -> Seen:
        """Return which references got a SYN-ACK from this very address and port.

        Args:
            address: the address the probe was given.
            port: its port.
            since: UNIX seconds of the first failing trial.
            until: UNIX seconds of the last failing trial.
            country: where the probe stands.
            besides: the probe itself.
        """
        home = self._well_at_home(("home", country, address, str(port)), besides, since, until)
        return self._seen(("address", address, str(port)), since, until, home)

    def every_syn_at(self, address: str, port: int, since: float, until: float) -> Seen:
        """Return which references had each of their SYNs answered by this very address and port; times as there."""
        return self._seen(("every_syn", address, str(port)), since, until, home=0)

    def of_target(
        self, target: str, layer: str, since: float, until: float, *, country: str = "", besides: str = ""
    ) -> Seen:
        """Return for which references a target was ok on a layer, in the window and around it; arguments as there."""
        home = self._well_at_home(("home", country, target, layer), besides, since, until)
        return self._seen(("target", target, layer), since, until, home)

    def greeting_at(
        self, address: str, port: int, since: float, until: float, *, transport: Transport = Transport.TCP
    ) -> Seen:
        """Return which references had an answer to a greeting from this very address and port; times as there."""
        return self._seen(("greeting", transport.value, address, str(port)), since, until, home=0)

    def elsewhere(self, service: str, role: str, address: str, since: float, probe: str = "") -> bool:
        """Tell whether enough references, or ``probe`` itself, reached the service's role at another address since."""
        reached = {
            each
            for other in self._reached.get((service, role), ())
            if other != address
            for each, stretches in self._results.get(("service", service, role, other), {}).items()
            if any(s.ok and s.last >= since for s in stretches)
        }
        return probe in reached or self.witnesses(reached) >= ENOUGH

    def answers(self, host: str, family: int, since: float = float("-inf")) -> frozenset[str]:
        """Return every address that enough references were given for a name since ``since`` (UNIX seconds)."""
        given: defaultdict[str, set[str]] = defaultdict(set)
        for probe, addresses in self._answers.get((host, family), {}).items():
            for address, at in addresses.items():
                if at >= since:
                    given[address].add(probe)
        return frozenset(address for address, probes in given.items() if self.witnesses(probes) >= ENOUGH)


def _version(address: str) -> int | None:
    """Return the IP version of what a reference calls an address; ``None`` where it is none."""
    try:
        return ipaddress.ip_address(address).version
    except ValueError:
        return None
