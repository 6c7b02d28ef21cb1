"""What may be seen of what was concluded: the one filter that everything public goes through. Pure.

k-anonymity (nothing of a provider that fewer than k probes measured), a delay, times rounded outward to five minutes,
ids that lead nowhere inside, nothing that one witness alone saw (incidents/findings.py; single results: together.py),
and evidence only redrawn, a day old and released by the operator (attribution.md 3). Every number is a sum of groups
that k witnesses measured (together.py), so that no two answers differ by less. Must not live here: pages, routes, SQL.
A Public is asked as the store is and gives less.
"""

import hashlib
import hmac
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec

from balise_collector.conclude.history import TROUBLE, UNCONFIRMED
from balise_collector.conclude.k_anonymity import Answered, CountPlace, Measured
from balise_collector.conclude.store import HistoryCell
from balise_collector.conclude.tally import Packed, TallySeries
from balise_collector.conclude.together import WIDTHS, WINDOW, SeenRow, told_together
from balise_collector.fleet.members import Member
from balise_collector.incidents.findings import Finding, told
from balise_collector.incidents.model import (
    WITNESSES,
    Incident,
    IncidentScope,
    IncidentState,
    Interval,
    MechanismShare,
    RateShare,
)
from balise_collector.journal import JournalRow
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.public.sanitised import Drawn, Sanitised, common, sanitise
from balise_collector.pages.views.read_model import ReadStore, View
from balise_collector.system.sentences import Say, gettext_noop
from balise_collector.words.countries import WORLD
from balise_collector.words.translation import ENGLISH, Language
from balise_wire.bins import BIN
from balise_wire.measurement import Network

EVIDENCE_AGE: Final = 86_400.0
"""Seconds that a measurement must be old before it is redrawn: logs of flows are kept for less, and memory fades."""
EXHIBITS: Final = 6
_DAY: Final = 86_400.0
_MARGIN: Final = 3_600.0
_WITHHELD: Final = gettext_noop("not published")


class Counted(Protocol):
    """How many witnesses stand behind what was measured; ``k_anonymity.WitnessCounts`` answers."""

    def masks(
        self, since: float, until: float, least: int, states: frozenset[VerdictState] = frozenset()
    ) -> dict[CountPlace, Packed]:
        """Return the bins of five minutes of each place that ``least`` witnesses measured, to be in ``states``."""
        ...

    def rows(self, since: float, until: float, service: str) -> dict[CountPlace, list[SeenRow[Measured]]]:
        """Return what was measured of a service: (state, how often) of each witness in each bin of five minutes."""
        ...

    def by_provider(
        self, since: float, until: float, service: str, country: str | None = None
    ) -> dict[tuple[str, int], int]:
        """Return how many witnesses measured a service, by country and AS number."""
        ...

    def kept(self, question: Hashable, ask: Callable[[], Answered]) -> Answered:
        """Return what ``ask`` answers; it may have been asked before while the horizon stands."""
        ...

    def incident_ids(self) -> list[str]:
        """Return the id of every incident there ever was."""
        ...

    def newest(self, until: float, least: int) -> float | None:
        """Return the newest bin of five minutes before ``until`` that ``least`` witnesses measured."""
        ...


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the operator decided."""

    least: int
    """k: probes that must have measured what is told."""
    delay: float
    """Seconds."""
    secret: bytes
    """Keys the public ids: an incident's own id is a hash of the second in which the first probe failed."""

    def horizon(self, now: float) -> float:
        """Return the moment that the public view speaks of: now, less the delay, on a boundary of five minutes."""
        return down(now - self.delay)

    def alias(self, name: str) -> str:
        """Return the public id of an incident or a group; empty for none."""
        return hmac.new(self.secret, name.encode(), hashlib.sha256).hexdigest()[:12] if name else ""


def down(at: float) -> float:
    """Return the boundary of five minutes at or before a moment."""
    return math.floor(at / BIN) * float(BIN)


def up(at: float) -> float:
    """Return the boundary of five minutes at or after a moment."""
    return math.ceil(at / BIN) * float(BIN)


def window(at: float) -> float:
    """Return the boundary of a quarter of an hour at or before a moment: windows of that width begin and end there."""
    return math.floor(at / WINDOW) * float(WINDOW)


def outward(moment: Interval) -> Interval:
    """Return an interval with both ends on boundaries of five minutes, still around the moment."""
    earliest = None if moment.earliest is None else down(moment.earliest)
    return msgspec.structs.replace(moment, earliest=earliest, latest=up(moment.latest))


def published(
    one: Incident, counts: Mapping[int, int], standing: Mapping[int, int], countries: frozenset[str], policy: Policy
) -> Finding | None:
    """Return a finding as the public may see it; ``None`` for what is none, and where too few probes measured it.

    Args:
        one: the finding.
        counts: probes that measured it, by AS number.
        standing: approved probes, by AS number.
        countries: those that enough references stand in.
        policy: the operator's.
    """
    if not isinstance(one, Finding) or sum(counts.values()) < policy.least:
        return None
    told = {asn for asn, probes in counts.items() if probes >= policy.least}
    known = {asn for asn, probes in standing.items() if probes >= policy.least}
    return msgspec.structs.replace(
        one,
        id=policy.alias(one.id),
        onset=outward(one.onset),
        end=outward(one.end) if one.end else None,
        scope=_scope(one.scope, counts, told, known, policy.least),
        mechanisms=tuple(
            kept for share in one.mechanisms if (kept := _share(share, counts, told, policy.least)) is not None
        ),
        references=msgspec.structs.replace(
            one.references,
            countries_ok=tuple(code for code in one.references.countries_ok if code in countries),
            countries_withheld=not countries.issuperset(one.references.countries_ok),
            countries_failed=tuple(code for code in one.references.countries_failed if code in countries),
            countries_dark=tuple(code for code in one.references.countries_dark if code in countries),
        ),
        providers=tuple(
            msgspec.structs.replace(
                each, onset=outward(each.onset), end=outward(each.end) if each.end else None, witnesses=0
            )
            for each in one.providers
            if each.asn in told
        ),
        # What was weighed counts single probes: for the operator alone.
        hypotheses=(),
        reasons=(),
        score=float(round(one.score)),
        # Finer, they would tell seconds: of failures, and of what of it was a single probe's.
        duty_cycle=None if one.duty_cycle is None else round(one.duty_cycle, 1),
        group_llr=None if one.group_llr is None else float(round(one.group_llr)),
        # Numbers in the place of measurements: enough to count the proofs, and they lead nowhere.
        evidence=tuple(f"{policy.alias(one.id)}/{number}" for number in range(len(one.evidence))),
        group=policy.alias(one.group),
        opened_at=down(one.opened_at),
        closed_at=None if one.closed_at is None else up(one.closed_at),
    )


def _scope(
    scope: IncidentScope, counts: Mapping[int, int], told: set[int], known: set[int], least: int
) -> IncidentScope:
    """Leave out providers with too few probes, and the sum too where it would give them away."""
    kept = {
        "affected": tuple(asn for asn in scope.affected if asn in told),
        "clean": tuple(asn for asn in scope.clean if asn in told),
        "not_measured": tuple(asn for asn in scope.not_measured if asn in known),
    }
    hidden = sum(counts.get(asn, 1) for asn in {*scope.affected, *scope.clean} - told)
    summed = hidden == 0 or hidden >= least
    return IncidentScope(
        **kept,
        affected_probes=scope.affected_probes if summed else 0,
        measured_probes=scope.measured_probes if summed else 0,
        withheld=tuple(name for name, asns in kept.items() if asns != getattr(scope, name)),
    )


def _rate(seen: RateShare) -> RateShare:
    """Return a rate in two digits: the third is one line's own, and a single probe's least and most are nobody's."""

    def rounded(value: float) -> float:
        return float(f"{value:.2g}")

    kbps = rounded(seen.kbps)
    return msgspec.structs.replace(
        seen,
        ratio=rounded(seen.ratio),
        low=None if seen.low is None else rounded(seen.low),
        high=None if seen.high is None else rounded(seen.high),
        kbps=kbps,
        least_kbps=kbps,
        most_kbps=kbps,
        control_kbps=rounded(seen.control_kbps),
        spread=None if seen.spread is None else rounded(seen.spread),
    )


def _share(share: MechanismShare, counts: Mapping[int, int], told: set[int], least: int) -> MechanismShare | None:
    """Leave providers with too few probes out of a mechanism; ``None`` where that leaves too few altogether.

    A mechanism that one witness alone saw, within what others confirm, is not told either.
    """
    if 0 < share.witnesses < WITNESSES:
        return None
    asns = tuple(asn for asn in share.asns if asn in told)
    if not asns and sum(counts.get(asn, 0) for asn in share.asns) < least:
        return None
    whole = asns == share.asns
    return msgspec.structs.replace(
        share,
        asns=asns,
        verdicts=0,  # a sum that grows measurement by measurement: two revisions would differ by one of them
        rate=_rate(share.rate) if share.rate is not None and whole else None,
        # How many series it rests on grows measurement by measurement.
        flows=msgspec.structs.replace(share.flows, series=0) if share.flows is not None and whole else None,
        onset=outward(share.onset) if share.onset and whole else None,
        end=outward(share.end) if share.end and whole else None,
    )


def shown_verdicts(verdicts: Iterable[Verdict], least: int, hosts: Mapping[str, str] | None = None) -> list[Verdict]:
    """Return the verdicts of groups that enough witnesses measured, with numbers in the place of names.

    The numbers tell probes and targets of one answer apart and hold for no other answer. Times are those of the window.
    Trouble that one witness of a group alone met is told as what it is for everybody else: we cannot tell.

    Args:
        verdicts: of whole windows.
        least: k.
        hosts: who keeps each probe; the empty text is nobody knows, and all such are one.
    """
    known = hosts or {}
    places: defaultdict[CountPlace, list[SeenRow[Verdict]]] = defaultdict(list)
    for one in verdicts:
        places[_place(one)].append(SeenRow(one.at, known.get(one.probe, one.probe), one))
    told = [
        row.what
        for rows in places.values()
        for row in told_together(rows, WINDOW, least, lambda one: one.state in TROUBLE, _untold)
    ]
    names: defaultdict[str, str] = defaultdict(lambda: str(len(names) + 1))
    targets: defaultdict[str, str] = defaultdict(lambda: str(len(targets) + 1))
    return [_shown(one, names[one.probe], targets[one.target]) for one in sorted(told, key=lambda one: one.at)]


def _shown(one: Verdict, probe: str, target: str) -> Verdict:
    """Return what of a verdict leads to no probe."""
    return Verdict(
        measurement="",
        probe=probe,
        network=Network(country=one.network.country, asn=_place(one).asn),
        reference=one.reference,
        service=one.service,
        role=one.role,
        target=target,
        layer=one.layer,
        design=one.design,
        at=window(one.at),
        since=window(one.at),
        state=one.state,
        rule=one.rule,
        mechanism=one.mechanism,
    )


def _untold(one: Verdict) -> Verdict:
    """Return a verdict without what the probe met."""
    return msgspec.structs.replace(one, state=VerdictState.INSUFFICIENT, rule=UNCONFIRMED, mechanism=None)


def _untold_state(what: Measured) -> Measured:
    """Return counted verdicts without what the probe met."""
    return VerdictState.INSUFFICIENT.value, what[1]


def _place(one: Verdict) -> CountPlace:
    """Return the place that a verdict speaks of."""
    asn = 0 if one.reference else one.network.asn
    return CountPlace(one.network.country, asn, one.reference, one.service, one.role.value, one.layer.value)


def shown_members(members: Iterable[Member], least: int) -> tuple[Member, ...]:
    """Return the probes of providers (references: of countries) that enough stand on, without names and keys."""
    held: defaultdict[tuple[str, int, bool], list[Member]] = defaultdict(list)
    for one in members:
        held[one.network.country, 0 if one.reference else one.network.asn, one.reference].append(one)
    return tuple(
        Member(id=str(number), public_key="", network=Network(country=country, asn=asn), role=one.role)
        for (country, asn, _), found in sorted(held.items())
        if len({_witness(one) for one in found}) >= least
        for number, one in enumerate(found)
    )


def members_by(members: Iterable[Member], moment: float) -> tuple[Member, ...]:
    """Return the members that were so by a moment: who joins shows no sooner than what is measured."""
    return tuple(one for one in members if max(one.approved_at, one.enrolled_at or 0.0) <= moment)


def _witness(one: Member) -> str:
    """Return whom a board stands for."""
    return one.keeper


@dataclass(kw_only=True)
class PublicStore:
    """The store as the public may ask it, for the length of one request; satisfies ``view.Conclusions``."""

    store: ReadStore
    witness_counts: Counted
    policy: Policy
    now: float
    """UNIX seconds on the collector's clock."""
    members: Sequence[Member] = ()
    """The approved probes."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    """Who keeps each probe (``Member.keeper``): boards of one host are one witness."""
    released: Mapping[str, float] = field(default_factory=dict)
    """Incident (its own id) -> when the operator released its evidence."""
    _known: dict[str, list[tuple[float, Finding]]] = field(default_factory=dict)
    _standing: frozenset[tuple[str, int, str, bool]] | None = None

    @property
    def horizon(self) -> float:
        """UNIX seconds; nothing later is seen."""
        return self.policy.horizon(self.now)

    def incidents(self) -> list[Incident]:
        """Return every incident that stands and may be seen, as it was told by the horizon."""
        return [one for one in self._newest() if one.state is not IncidentState.WITHDRAWN]

    def withdrawn(self) -> list[Incident]:
        """Return every incident that was told and taken back by the horizon: nothing that was said goes silently."""
        return [one for one in self._newest() if one.state is IncidentState.WITHDRAWN]

    def _newest(self) -> list[Incident]:
        """Return what was told last of each incident, by onset."""
        newest = [said[-1][1] for name in self._names().values() if (said := self._told(name))]
        return sorted(newest, key=lambda one: (one.onset.latest, one.id))

    def revisions(self, incident_id: str) -> list[tuple[float, Incident]]:
        """Return what was told of an incident by the horizon; empty where there is nothing that may be seen."""
        inside = self._names().get(incident_id)
        return [*self._told(inside)] if inside else []

    def told(self, country: str, service: str) -> list[tuple[float, Incident]]:
        """Return all that was ever told of a service in a country or everywhere by the horizon, oldest first."""
        found = [
            entry
            for name in self._names().values()
            for entry in self._told(name)
            if entry[1].service == service and entry[1].country in {country, WORLD}
        ]
        return sorted(found, key=lambda entry: (entry[0], entry[1].id, entry[1].revision))

    def verdicts(
        self,
        since: float | None = None,
        until: float | None = None,
        probe: str | None = None,
        service: str | None = None,
    ) -> list[Verdict]:
        """Return verdicts of places that enough probes measured; there are none of a probe, and none without bounds.

        Both bounds are moved down to quarters of an hour: windows that slide would single probes out.
        """
        if probe is not None or since is None:
            return []
        first, last = window(since), window(min(self.horizon if until is None else until, self.horizon))
        found = [one for one in self.store.verdicts(first, last, None, service) if one.at < last]
        return shown_verdicts(found, self.policy.least, self.hosts)

    def history(self, since: float, until: float, step: float, service: str | None = None) -> list[HistoryCell]:
        """Return counts of what may be told; bins lie on boundaries of their own width (together.WIDTHS).

        Args:
            since: UNIX seconds; the first bin is the one in which it lies.
            until: bins that are not over by then, or by the horizon, are left out.
            step: seconds of a bin.
            service: of this one only; it is needed where bins are wider than five minutes.
        """
        wide = int(step)
        first, last = since // wide * wide, min(until, self.horizon) // wide * wide
        if wide == BIN:
            return self._history(first, last, service)
        if service is None or wide not in WIDTHS:
            return []
        counts: Counter[tuple[CountPlace, int, str]] = Counter()
        for place, rows in self.witness_counts.rows(first, last, service).items():
            for row in told_together(rows, wide, self.policy.least, lambda what: what[0] in TROUBLE, _untold_state):
                state, count = row.what
                counts[place, int((row.at - first) // wide), state] += count
        return [
            HistoryCell(**place._asdict(), bin=column, state=state, verdicts=count)
            for (place, column, state), count in counts.items()
        ]

    def _history(self, first: float, last: float, service: str | None) -> list[HistoryCell]:
        """Return counts in bins of five minutes."""
        masks = self.witness_counts.masks(first, last, self.policy.least)
        sure = self.witness_counts.masks(first, last, WITNESSES, TROUBLE)
        counts: Counter[tuple[CountPlace, int, str]] = Counter()
        for cell in self.store.history(first, last, float(BIN), service):
            place, bit = _place_of(cell), 1 << 32 * cell.bin
            if masks.get(place, 0) & bit:
                alone = cell.state in TROUBLE and not sure.get(place, 0) & bit
                counts[place, cell.bin, VerdictState.INSUFFICIENT.value if alone else cell.state] += cell.verdicts
        return [
            HistoryCell(**place._asdict(), bin=column, state=state, verdicts=count)
            for (place, column, state), count in counts.items()
        ]

    def series(self, since: float, columns: int, service: str | None = None) -> list[TallySeries]:
        """Return the bins of five minutes that may be told, packed."""
        first = down(since)
        last = min(first + columns * BIN, self.horizon)
        masks = self.witness_counts.masks(first, last, self.policy.least)
        sure = self.witness_counts.masks(first, last, WITNESSES, TROUBLE)
        found = []
        for one in self.store.series(first, columns, service):
            place = _place_of(one)
            counts: Counter[str] = Counter()
            for state, packed in one.counts.items():
                kept = packed & masks.get(place, 0)
                confirmed = kept & sure.get(place, 0) if state in TROUBLE else kept
                counts[state] += confirmed
                # What one witness alone met; packed counts add up bin by bin.
                counts[VerdictState.INSUFFICIENT.value] += kept - confirmed
            if any(counts.values()):
                told = {state: packed for state, packed in counts.items() if packed}
                found.append(msgspec.structs.replace(one, asn=place.asn, counts=told))
        return found

    def verdict(self, measurement: str) -> Verdict | None:
        """Return what is told of a numbered piece of evidence: its rule and its proofs."""
        public, _, number = measurement.partition("/")
        found = self._evidence(public)
        if not number.isdecimal() or int(number) >= len(found):
            return None
        one = self.store.verdict(found[int(number)])
        if one is None:
            return None
        nowhere = Network(country=one.network.country, asn=0)
        signs = self.witness_counts.kept(("signs", public), lambda: self._signs(public))
        proof = tuple(sign for sign in one.proof if sign in signs)
        return msgspec.structs.replace(_shown(one, "1", "1"), network=nowhere, proof=proof)

    def measurement_row(self, measurement: str) -> JournalRow | None:  # noqa: ARG002 - what the store is asked
        """Return nothing: no measurement is public; ``exhibits`` redraws them."""
        return None

    def latest_verdict_at(self) -> float | None:
        """Return the newest bin of five minutes that may be seen."""
        return self.witness_counts.newest(self.horizon, self.policy.least)

    def is_released(self, incident_id: str) -> bool:
        """Whether the operator released the evidence of an incident."""
        return self._names().get(incident_id) in self.released

    def exhibits(
        self, incident_id: str, say: Say = gettext_noop, language: Language = ENGLISH
    ) -> tuple[Sanitised, ...]:
        """Return the redrawn evidence of an incident: only where it was released, and only what is a day old."""
        inside = self._names().get(incident_id)
        if inside is None or inside not in self.released or not self._told(inside):
            return ()
        drawn = []
        for name in self._evidence(incident_id):
            row, verdict = self.store.measurement_row(name), self.store.verdict(name)
            # A day on the clock of arrival as well: a probe's clock may be wrong.
            if row is None or verdict is None or max(verdict.at, row.received_at) > self.now - EVIDENCE_AGE:
                continue
            drawn.append(Drawn(self._who(verdict), verdict.network.asn, sanitise(row, verdict, "", say, language)))
        return tuple(common(drawn, self.policy.least, say(_WITHHELD))[:EXHIBITS])

    def _who(self, one: Verdict) -> str:
        """Return whom a verdict's probe stands for."""
        return self.hosts.get(one.probe, one.probe)

    def _signs(self, incident_id: str) -> frozenset[str]:
        """Return the proofs that measurements of k witnesses bear: one that a single line shows would mark it."""
        witnesses: defaultdict[str, set[str]] = defaultdict(set)
        for name in self._evidence(incident_id):
            if (verdict := self.store.verdict(name)) is not None:
                for sign in verdict.proof:
                    witnesses[sign].add(self._who(verdict))
        return frozenset(sign for sign, who in witnesses.items() if len(who) >= self.policy.least)

    def _evidence(self, incident_id: str) -> tuple[str, ...]:
        """Return the measurements behind the newest revision that may be seen."""
        inside = self._names().get(incident_id)
        said = self._by_horizon(inside) if inside else []
        return said[-1][1].evidence if said else ()

    def _names(self) -> dict[str, str]:
        """Return public id -> own id of every incident there ever was."""
        return self.witness_counts.kept(
            "names", lambda: {self.policy.alias(name): name for name in self.witness_counts.incident_ids()}
        )

    def _by_horizon(self, inside: str) -> list[tuple[float, Finding]]:
        """Return what was told by the horizon: whatever this module says of an incident comes through here."""
        return told([entry for entry in self.store.revisions(inside) if entry[0] <= self.horizon])

    def _told(self, inside: str) -> list[tuple[float, Finding]]:
        """Return the revisions of an incident that may be seen; none where it was only ever unconfirmed."""
        if inside not in self._known:
            question = ("told", inside, self.policy.least, self._stand())
            self._known[inside] = self.witness_counts.kept(question, lambda: self._find_told(inside))
        return self._known[inside]

    def _find_told(self, inside: str) -> list[tuple[float, Finding]]:
        known = self._by_horizon(inside)
        if not known:
            return []
        counts = self._measured(known[-1][1])
        standing = Counter(asn for _, asn, _, _ in self._stand())
        references = Counter(
            country for country, _ in {(country, who) for country, _, who, reference in self._stand() if reference}
        )
        countries = frozenset(code for code, number in references.items() if number >= self.policy.least)
        return [
            (up(noted), shown)
            for noted, one in known
            if (shown := published(one, counts, standing, countries, self.policy)) is not None
        ]

    def _stand(self) -> frozenset[tuple[str, int, str, bool]]:
        """Return where witnesses stand by the horizon: country, AS number, who, and whether as a reference."""
        if self._standing is None:
            self._standing = frozenset(
                (one.network.country, one.network.asn, _witness(one), one.reference)
                for one in members_by(self.members, self.horizon)
            )
        return self._standing

    def _measured(self, one: Incident) -> dict[int, int]:
        """Return how many probes measured an incident, by AS number: over its first and its last day, the greater.

        Its first day begins an hour before it, and counts for as long as it goes on: a line that is dead for a week
        measures nothing, and what was told of it must not go away for that.
        """
        ended = one.end.latest if one.end else one.closed_at if one.closed_at is not None else self.horizon
        until = min(ended, self.horizon) + 1.0
        began = (one.onset.latest if one.onset.earliest is None else one.onset.earliest) - _MARGIN
        spans = {(max(began, until - _DAY), until), (began, min(until, began + _DAY))}
        country = None if one.country == WORLD else one.country
        counts: Counter[int] = Counter()
        for since, last in spans:
            here: Counter[int] = Counter()
            for (_, asn), probes in self.witness_counts.by_provider(since, last, one.service, country).items():
                here[asn] += probes
            counts |= here
        return dict(counts)


@dataclass(frozen=True, kw_only=True)
class PublicView(View):
    """A view that only shows what may be seen."""

    seen: PublicStore
    """The same as ``store``, with the evidence that was released."""


def public_view(view: View, seen: PublicStore) -> PublicView:
    """Return a view of which nothing but what may be seen can be asked."""
    return PublicView(
        store=seen,
        seen=seen,
        now=seen.horizon,
        services=view.services,
        members=shown_members(members_by(view.members, seen.horizon), seen.policy.least),
        interval=view.interval,
        country_names=view.country_names,
        rules=view.rules,
        roles=view.roles,
        watches=tuple(one for one in view.watches if one.since <= seen.horizon),
        confidence=view.confidence,
        language=view.language,
    )


def _place_of(one: HistoryCell | TallySeries) -> CountPlace:
    """Return the place that counts speak of."""
    return CountPlace(one.country, 0 if one.reference else one.asn, one.reference, one.service, one.role, one.layer)
