"""The confirmation burst: whom to ask at once when a probe fails where nobody expected it. Pure but for its memory.

A first failure asks a random half of the siblings that were well a slot before: the boards of other hosts in the
country, of the same provider and of others. They are asked by ordinary requests (balise_wire.request), once a stretch,
spread over seconds where the country's risk is low and over a whole interval elsewhere, since a burst is an oracle that
lists the lines; never where the risk is high, and bounded by the bytes of a day. References are asked within seconds
where a series fails: only they know whether it fails abroad as well, nothing is decided without their word on the same
minutes, and nobody at home can tell what they ask for. What all of them answer are measurements like all others.
Nothing here is kept: a replay needs none of it, and after a restart nobody is known to be well before he has said so.
Must not live here: sending (the registry and intake do), judging, chance and time (both are given).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

import msgspec

from balise_collector.detect.evidence import SHARES
from balise_collector.fleet.members import AT_RISK, Fleet, Member
from balise_collector.judge import Verdict, VerdictState
from balise_wire.assignment import Target, Timetable
from balise_wire.experiments import OF_TARGETS, REGISTRY, cost, usual
from balise_wire.experiments.traits import RunShape
from balise_wire.request import Request
from balise_wire.words import Design, Experiment, Profile

SPREAD: Final = 20.0
"""Clock seconds over which siblings are asked where the country's risk is low."""
STRETCH: Final = 3_600.0
"""Clock seconds without a blocked verdict after which the next one begins another stretch."""
_REST: Final = 900.0
"""Clock seconds between two bursts of one cell that single failures begin: most of these are noise."""
_JUST_ASKED: Final = 600.0
"""Clock seconds for which the answers of one burst are also those that the next would ask for."""
_FRESH: Final = 600.0
"""Clock seconds after which a failure is no news: what was delivered late asks nobody."""
_WITHIN: Final = 300.0
"""Clock seconds within which what is asked must have begun."""
CLAIMS: Final = frozenset({VerdictState.BLOCKED, VerdictState.THROTTLED})
"""States that accuse."""
_KEEP: Final = 86_400.0
_CONTROLS: Final = 4
"""Arms beside the subject, for the reckoning of bytes: the generous side."""
_SINGLE: Final = ".anomaly"
_UNDECIDED: Final = (_SINGLE, ".waits")
"""How the ids of the rules end that hold a failure back: a single one, and one that references have not spoken of."""
_ABROAD: Final = 4
"""References that are asked."""
_MORE_ABROAD: Final = 10
"""How many times the bytes of a home a reference may spend: it stands on a server's line."""
_AGAIN_ABROAD: Final = 300.0
"""Clock seconds between two askings of references about one target: one interval of the timetable."""


KeyT = TypeVar("KeyT")


class Risk(StrEnum):
    """What measuring may cost the hosts of a country, on the operator's word."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


@dataclass(frozen=True, kw_only=True)
class BurstRules:
    """What the operator says."""

    enabled: bool = True
    risk: Mapping[str, Risk] = field(default_factory=dict)
    """By country; what is not named is ``medium``: nobody said that it is low."""
    bytes_per_day: int = 400_000
    """What bursts may cost a probe a UTC day, by what runs usually cost; single failures may use half of it. What the
    probe's own budget leaves holds whatever is asked: it counts what really crosses."""
    timetable: Timetable = field(default_factory=Timetable)
    """How often targets are measured, and by what."""

    def spread(self, country: str) -> float | None:
        """Return over how many seconds siblings are asked; ``None`` where nobody is."""
        risk = self.risk.get(country, Risk.MEDIUM)
        if not self.enabled or risk is Risk.HIGH:
            return None
        return SPREAD if risk is Risk.LOW else float(self.timetable.interval)


@dataclass(frozen=True, kw_only=True)
class Chance:
    """What must not be foreseen, given from outside."""

    share: Callable[[Sequence[str], int], Sequence[str]]
    """Draws so many of the probes."""
    part: Callable[[], float]
    """Draws from 0 up to 1."""
    id: Callable[[], str]
    """Makes the id of a request: 32 hex digits."""


class Asking(NamedTuple):
    """One request to one probe."""

    probe: str
    request: Request


class _Place(NamedTuple):
    country: str
    service: str
    layer: Experiment
    family: int


class _Failure(NamedTuple):
    verdict: Verdict
    blocked: bool
    at: float


class _Price(NamedTuple):
    """What a run is reckoned to cost a probe's day, and what it may cost at most."""

    usual: int
    most: int


@dataclass(slots=True)
class _Asked:
    blocked: float = float("-inf")
    """When the last blocked verdict of the place was heard."""
    burst: float = float("-inf")
    """When siblings were last asked."""


class Burst:
    """Hears every verdict, and says whom to ask when."""

    def __init__(self, rules: BurstRules, chance: Chance) -> None:
        self._rules, self._chance = rules, chance
        self._well: dict[tuple[str, str, Experiment], tuple[float, VerdictState]] = {}
        """When each probe last said what of each target, clock seconds."""
        self._asked: dict[_Place, _Asked] = {}
        self._asked_abroad: dict[tuple[str, Experiment], _Asked] = {}
        """By target."""
        self._failures: list[_Failure] = []
        self._planned: list[tuple[float, Asking]] = []
        self._spent: dict[tuple[str, int], int] = {}
        """Bytes that bursts were reckoned to cost each probe a UTC day."""
        self._tidied = 0.0

    @property
    def waits(self) -> bool:
        """Whether ``due`` may have something."""
        return bool(self._failures or self._planned)

    def heed(self, verdict: Verdict, received: float) -> None:
        """Take a verdict as it is reached; ``received`` is when its measurement arrived, UNIX seconds."""
        if verdict.reference or verdict.layer not in OF_TARGETS:
            return
        single = verdict.rule.endswith(_UNDECIDED)
        claims = verdict.state in CLAIMS or verdict.rule in SHARES
        if claims or single:
            self._failures.append(_Failure(verdict, not single, received))
        if verdict.state is VerdictState.OK or claims or single:
            self._well[verdict.probe, verdict.target, verdict.layer] = (received, verdict.state)

    def due(self, now: float, fleet: Fleet, target: Callable[[str], Target | None]) -> list[Asking]:
        """Return the requests to make now.

        Args:
            now: UNIX seconds.
            fleet: who may be asked.
            target: finds a target of the catalogue by its id.
        """
        failures, self._failures = self._failures, []
        for failure in failures:
            if now - failure.at <= _FRESH and now - failure.verdict.at <= _FRESH:
                self._plan(failure, now, fleet, target)
        self._tidy(now)
        ready = [asking for at, asking in self._planned if at <= now]
        self._planned = [(at, asking) for at, asking in self._planned if at > now]
        return [Asking(probe, _dated(request, now)) for probe, request in ready if probe in fleet.members]

    def _plan(self, failure: _Failure, now: float, fleet: Fleet, target: Callable[[str], Target | None]) -> None:
        verdict = failure.verdict
        country = verdict.network.country
        self._plan_abroad(failure, now, fleet, target(verdict.target))
        spread = self._rules.spread(country)
        place = _Place(country, verdict.service, verdict.layer, verdict.family)
        held = self._asked.setdefault(place, _Asked())
        wanted = self._wanted(failure, held, country)
        if failure.blocked:
            held.blocked = failure.at
        whole = target(verdict.target)
        if spread is None or not wanted or whole is None:
            return
        design = _design(verdict.layer)
        price = _price(verdict.layer, _shape(design, whole, verdict.family))
        able = self._able(self._siblings(verdict, failure.at, fleet), price.usual, failure, now)
        for probe in self._half(able, verdict.network.asn):
            self._request(probe, verdict, design, price, now, spread)
        if able:
            held.burst = now

    def _plan_abroad(self, failure: _Failure, now: float, fleet: Fleet, whole: Target | None) -> None:
        """Ask references about the same target: what is to be known of these minutes only they can say.

        They look once, as usual, and not at a single failure, which mostly is noise and has a series behind it minutes
        later: a server that takes few connections refuses what all of them ask at the same time, and would seem dead.
        """
        verdict = failure.verdict
        if verdict.rule.endswith(_SINGLE):
            return
        held = self._asked_abroad.setdefault((verdict.target, verdict.layer), _Asked())
        # In a stretch their own timetable has them look as often as anybody, but at what is looked at rarely.
        rarely = self._rules.timetable.every(verdict.layer) * self._rules.timetable.interval >= STRETCH
        fresh = rarely or failure.at - held.blocked >= STRETCH
        wanted = failure.at - held.burst >= _AGAIN_ABROAD and fresh
        if failure.blocked:
            held.blocked = failure.at
        if whole is None or not wanted or not self._rules.enabled:
            return
        price = _price(verdict.layer, _shape(Design.SENTINEL, whole, verdict.family))
        able = self._able([one for one in fleet.active() if one.reference], price.usual, failure, now)
        names = [one.id for one in able]
        for probe in self._chance.share(names, min(_ABROAD, len(names))):
            self._request(probe, verdict, Design.SENTINEL, price, now, SPREAD)
        if able:
            held.burst = now

    def _able(self, members: Sequence[Member], price: int, failure: _Failure, now: float) -> list[Member]:
        """Return those whose day has room for the bytes."""
        day, bound = int(now // _KEEP), self._rules.bytes_per_day // (1 if failure.blocked else 2)
        more = {True: _MORE_ABROAD, False: 1}
        return [one for one in members if self._spent.get((one.id, day), 0) + price <= bound * more[one.reference]]

    def _request(self, probe: str, verdict: Verdict, design: Design, price: _Price, now: float, spread: float) -> None:
        """Plan one request within so many seconds, and reckon its bytes."""
        day = int(now // _KEEP)
        self._spent[probe, day] = self._spent.get((probe, day), 0) + price.usual
        request = Request(
            id=self._chance.id(), experiment=verdict.layer, target=verdict.target, design=design,
            made=now, expires=now, bytes=price.most,
        )  # fmt: skip
        self._planned.append((now + self._chance.part() * spread, Asking(probe, request)))

    def _wanted(self, failure: _Failure, held: _Asked, country: str) -> bool:
        """Tell whether a failure begins a burst: the first of a stretch, or one alone where the risk is low."""
        if failure.at - held.burst < _JUST_ASKED:
            return False
        if failure.blocked:
            return failure.at - held.blocked >= STRETCH
        low = self._rules.risk.get(country) is Risk.LOW
        return low and failure.at - held.burst >= _REST and failure.at - held.blocked >= STRETCH

    def _siblings(self, verdict: Verdict, at: float, fleet: Fleet) -> list[Member]:
        """Return the probes of other hosts in the country that were well a slot before, at the same target."""
        mine = fleet.members.get(verdict.probe)
        found = []
        for member in fleet.active():
            said = self._well.get((member.id, verdict.target, verdict.layer))
            interval = max(self._rules.timetable.interval, fleet.paces.get(member.id, 0))
            near = 2.0 * interval * self._rules.timetable.every(verdict.layer)
            if (
                member.id != verdict.probe
                and not member.reference
                and member.network.country == verdict.network.country
                and member.profile in {Profile.STANDARD, Profile.LEAN}
                and AT_RISK not in member.tags
                and not (mine is not None and member.host and member.host == mine.host)
                and said is not None
                and said[1] is VerdictState.OK
                and at - said[0] <= near
            ):
                found.append(member)
        return found

    def _half(self, able: Sequence[Member], asn: int) -> list[str]:
        """Draw half of each group, one at least: of the same provider, and of the others."""
        same = [one.id for one in able if one.network.asn == asn]
        others = [one.id for one in able if one.network.asn != asn]
        return [probe for group in (same, others) for probe in self._chance.share(group, -(-len(group) // 2))]

    def _tidy(self, now: float) -> None:
        """Forget what is older than a day, once an hour."""
        if now - self._tidied < STRETCH:
            return
        self._tidied = now
        self._well = {key: said for key, said in self._well.items() if now - said[0] <= _KEEP}
        _forget(self._asked, now - _KEEP)
        _forget(self._asked_abroad, now - _KEEP)
        self._spent = {key: spent for key, spent in self._spent.items() if key[1] >= int(now // _KEEP)}


def _forget(held: dict[KeyT, _Asked], before: float) -> None:
    """Forget what was neither blocked nor asked about since ``before`` (UNIX seconds)."""
    for key in [key for key, one in held.items() if max(one.blocked, one.burst) < before]:
        del held[key]


def _design(word: Experiment) -> Design:
    """Return how a sibling is to look: with a series' controls, or as usual where such a series costs a megabyte."""
    return Design.SENTINEL if REGISTRY[word].exclusive else Design.ON_DEMAND


def _price(word: Experiment, shape: RunShape) -> _Price:
    """Return both: bursts are bounded by what they usually cost, and each run by its own bound on the probe."""
    return _Price(usual(word, shape), cost(word, shape))


def _shape(design: Design, target: Target, family: int) -> RunShape:
    """Return the layout of what is asked for, on the generous side."""
    return RunShape(target=target, design=design, family=family, controls=_CONTROLS, full=True)


def _dated(request: Request, now: float) -> Request:
    return msgspec.structs.replace(request, made=now, expires=now + _WITHIN)
