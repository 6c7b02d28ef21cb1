"""From what the detector and the fleet know to counts by group: the evidence of one incident. Pure.

Three values throughout: a group of which nobody saw anything is left out, never zero of one. Must not live here: what a
count means (table.py), or which probes are affected (detect/).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from balise_collector.detect.evidence import SHARES, SILENT_RULE
from balise_collector.detect.model import INTERNET, AffectedProbe, RuleCount, Sight
from balise_collector.incidents.hypotheses.model import Count, Group, effective
from balise_collector.incidents.rates import CONVERGED, spread
from balise_collector.judge.verdict import VerdictState
from balise_wire.words import Experiment

TOGETHER: Final = 900.0
"""Seconds within which two troubles begin together: a cadence of paired runs, twice."""
_NEAR_ADDRESS: Final = ("ip.", "port.")
"""Rules that hold only where references reached the very same address at the time."""
_BY_NAME: Final = ("sni.", "http.", "dns.", "tls.")
_WIDE: Final = frozenset({"ip.prefix", "ip.as", "tcp.wide"})
"""Rules and mechanisms of whole ranges: a neighbouring address was dead too."""
_OTHER_PORT: Final = frozenset({"port.drop", "line.port"})
_NO_PORT: Final = frozenset({"line.dead", "line.international"})
"""Rules of a line of which no port was answered: the judge says ``line.port`` before these wherever one was."""
_SIGNS: Final[Mapping[str, tuple[Group, float]]] = {
    "neighbour_ok": (Group.NEIGHBOUR, 1.0),
    "other_port_ok": (Group.PORT, 1.0),
    "neutral_swap": (Group.SWAP, 0.0),
    "neutral_swap_ok": (Group.SWAP, 1.0),
    "through_proxy": (Group.TUNNEL, 1.0),
    "through_proxy_failed": (Group.TUNNEL, 0.0),
    "through_relay": (Group.TUNNEL, 1.0),
}
"""Signs that say what a group saw; without the sign it is not known that the group was asked."""
_BEYOND: Final = "resolver_beyond"
"""The sign of a resolver's word that is not the home's own."""
_OF_WELL_LINES: Final = frozenset({VerdictState.BLOCKED, VerdictState.THROTTLED, VerdictState.SERVER_SIDE})
"""States that the judge gives only where the line was well in the same minute."""
_LINE_ALIVE: Final = frozenset({"line.international", "line.port"})
"""Rules of a line over which something at home answers."""
_UNREACHED: Final = frozenset({"line.dead"})


class FleetFacts(Protocol):
    """What attribution asks of the fleet; each answer may be that it is not known."""

    def region(self, probe: str) -> str:
        """Return the district that the operator wrote down; empty for not known."""
        ...

    def versions(self, probe: str) -> tuple[str, str]:
        """Return the versions of program and catalogue that a probe measures with; empty for not known."""
        ...

    def ran_on(self, probe: str, since: float) -> bool | None:
        """Tell whether a board that was silent at ``since`` ran on meanwhile; ``None`` where that is not known."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What an incident is about, for those who gather evidence."""

    service: str
    members: Sequence[AffectedProbe]
    """The affected probes; one may stand in several cells."""
    cells: frozenset[tuple[str, int, str]]
    """(role, family, layer) of the cells that failed."""
    cells_of: Mapping[int, frozenset[tuple[str, int, str]]] = field(default_factory=dict)
    """The same by provider, where they are known: what one provider does to names the next does to pages."""
    home: Sequence[Sight]
    """What the country's probes saw of everything meanwhile."""
    abroad: Sequence[Sight]
    """What references saw of the service meanwhile."""
    signs: Mapping[str, frozenset[str]]
    """Signs in the evidence, by probe."""
    proofs: frozenset[str]
    """Signs that no server, edge or limiter can produce."""
    witness: Callable[[str], str]
    fleet: FleetFacts
    rates: Mapping[int, Sequence[float]] = field(default_factory=dict)
    """Rates of slowed transfers by provider, kilobits a second."""

    @property
    def affected(self) -> frozenset[str]:
        """The probes."""
        return frozenset(m.probe for m in self.members)


Shares = dict[str, list[float]]


def gather(scene: Scene) -> dict[Group, Count]:
    """Return what each group saw of an incident; groups that nobody asked are not there."""
    found: dict[Group, Count | None] = {
        **_target(scene),
        **_elsewhere(scene),
        **_line(scene),
        **_ways(scene),
        **_versions(scene),
        Group.REFERENCES: _references(scene),
        Group.TOGETHER: _together(scene),
        Group.ONE_RATE: _one_rate(scene),
    }
    if scene.service == INTERNET:
        found |= _heartbeats(scene)
    return {group: count for group, count in found.items() if count is not None}


def _one_rate(scene: Scene) -> Count | None:
    """Whether several providers slow down to one rate; where they do not, that says nothing."""
    found = spread(scene.rates)
    return Count(1.0, 1.0) if found is not None and found < CONVERGED else None


# ---------------------------------------------------------------- shares of probes


def _share(sights: Iterable[Sight]) -> float | None:
    """Return which share of a probe's bins was ok; ``None`` where there was none.

    What acts on a share of the flows is there at every look, also at those that it lets pass: these are not ok.
    """
    ok = failed = some = 0
    for each in sights:
        ok, failed = ok + each.ok, failed + each.failed
        some += sum(rule.bins for rule in each.rules if rule.rule in SHARES)
    if some >= _AGAIN and failed >= _OFTEN * (ok + failed):
        return 0.0
    return ok / (ok + failed) if ok + failed else None


_AGAIN: Final = 2
_OFTEN: Final = 0.125
"""Of looks of two attempts, either of which is enough; half of the flows fail a quarter of them, and a series is rarer
than they."""


def _by_probe(scene: Scene, sights: Iterable[Sight], cluster: Callable[[Sight], str] | None = None) -> Count | None:
    """Count probes by the share of their bins that were ok; boards of one witness are one, providers are clusters."""
    held: defaultdict[tuple[str, str], list[Sight]] = defaultdict(list)
    for each in sights:
        held[str(each.asn) if cluster is None else cluster(each), scene.witness(each.probe)].append(each)
    shares: Shares = defaultdict(list)
    for (where, _), own in held.items():
        share = _share(own)
        if share is not None:
            shares[where].append(share)
    return effective(shares)


def _is_target(scene: Scene, sight: Sight) -> bool:
    return sight.service == scene.service and (sight.role, sight.family, sight.layer) in scene.cells


def _fails_there(scene: Scene, sight: Sight) -> bool:
    return (sight.role, sight.family, sight.layer) in scene.cells_of.get(sight.asn, scene.cells)


def _target(scene: Scene) -> dict[Group, Count | None]:
    """The affected parts: from the affected, and from all homes of their providers, each by what fails there."""
    asns = {m.asn for m in scene.members}
    own = [s for s in scene.home if _is_target(scene, s)]
    there = [s for s in own if _fails_there(scene, s)]
    return {
        Group.TARGET: _by_probe(scene, (s for s in there if s.probe in scene.affected)),
        Group.SIBLINGS: _by_probe(scene, (s for s in there if s.asn in asns)),
        Group.OTHERS: _others(scene, own),
    }


def _others(scene: Scene, own: Sequence[Sight]) -> Count | None:
    """Other providers than the one with most affected probes, each by the mean of its homes."""
    most = Counter(m.asn for m in {m.probe: m for m in scene.members}.values())
    if not most:
        return None
    first = min(most, key=lambda asn: (-most[asn], asn))
    by_asn: defaultdict[int, list[Sight]] = defaultdict(list)
    for sight in own:
        if sight.asn != first:
            by_asn[sight.asn].append(sight)
    means = {asn: _by_probe(scene, sights) for asn, sights in by_asn.items()}
    return effective({str(asn): [mean.ok / mean.n] for asn, mean in means.items() if mean is not None})


def _elsewhere(scene: Scene) -> dict[Group, Count | None]:
    """The same probes: the service's other parts, other services, the other IP version."""
    ours = [s for s in scene.home if s.probe in scene.affected and s.service != INTERNET]
    roles = {role for role, _, _ in scene.cells}
    families = {family for _, family, _ in scene.cells}
    same = [s for s in ours if s.service == scene.service]
    rest = [s for s in ours if s.service != scene.service]
    crossed = None
    if len(families) == 1:
        # A resolver's AAAA answers came over whatever version it was asked by: only what failed is compared.
        layers = {layer for _, _, layer in scene.cells}
        crossed = _by_probe(
            scene, (s for s in same if s.role in roles and s.layer in layers and s.family not in families)
        )
    return {
        Group.ROLES: _by_probe(scene, (s for s in same if s.role not in roles)),
        Group.SERVICES: _by_probe(scene, (s for s in rest if s.family in families or scene.service == INTERNET)),
        Group.FAMILY: crossed,
        Group.FAMILY_CONTROL: _by_probe(scene, (s for s in rest if s.family in families)) if crossed else None,
    }


def _line(scene: Scene) -> dict[Group, Count | None]:
    """What the affected probes' own lines said, where they spoke.

    A line that is the trouble itself is asked of the looks that found it dead: what it reaches once it is well again
    says nothing of what it reached before.
    """
    shares: dict[Group, Shares] = {g: defaultdict(list) for g in (Group.DOMESTIC, Group.FOREIGN, Group.GATEWAY)}
    for sight in scene.home:
        if sight.layer != Experiment.LINE or sight.probe not in scene.affected:
            continue
        rules = {r.rule: r.bins for r in sight.rules}
        alive, dead = sum(rules.get(one, 0) for one in _LINE_ALIVE), sum(rules.get(one, 0) for one in _UNREACHED)
        well = 0 if scene.service == INTERNET and alive + dead else sight.ok
        local, where = rules.get("line.local", 0), str(sight.asn)
        if total := alive + dead:
            shares[Group.DOMESTIC][where].append(alive / total)
        if total := alive + dead + well:
            shares[Group.FOREIGN][where].append((rules.get("line.port", 0) + well) / total)
        if total := alive + dead + sight.ok + local:
            shares[Group.GATEWAY][where].append((total - local) / total)
    if not shares[Group.GATEWAY] and scene.service != INTERNET:
        # The judge says blocked only where controls of the same minute answered, so through the home's own router.
        for asn in {m.probe: m.asn for m in scene.members if _is_judged_well(m)}.values():
            shares[Group.GATEWAY][str(asn)].append(1.0)
    return {group: effective(held) for group, held in shares.items()}


def _is_judged_well(member: AffectedProbe) -> bool:
    """Whether a member's verdicts say that its own line was well."""
    return any(
        r.state in {VerdictState.BLOCKED, VerdictState.THROTTLED, VerdictState.SERVER_SIDE} for r in member.rules
    )


def _ways(scene: Scene) -> dict[Group, Count | None]:
    """By what the affected probes' verdicts went: address, port, range, name, rate, refusal, forgery."""
    shares: dict[Group, Shares] = defaultdict(lambda: defaultdict(list))
    merged: defaultdict[str, list[AffectedProbe]] = defaultdict(list)
    for member in scene.members:
        merged[member.probe].append(member)
    reached = False
    for probe, own in merged.items():
        where = str(own[0].asn)
        rules = [r for m in own for r in m.rules if r.rule != SILENT_RULE]
        total = sum(r.bins for r in rules)
        signs = scene.signs.get(probe, frozenset())
        if total and scene.service != INTERNET:
            for group, amiss in (
                (Group.UNSLOWED, _bins(rules, lambda r: r.state is VerdictState.THROTTLED)),
                (Group.UNREFUSED, _bins(rules, lambda r: r.state is VerdictState.SERVER_SIDE)),
            ):
                shares[group][where].append(1.0 - amiss / total)
            shares[Group.UNFORGED][where].append(float(not signs & scene.proofs))
            named = _bins(rules, lambda r: r.rule.startswith(_BY_NAME))
            near = _bins(rules, lambda r: r.rule.startswith(_NEAR_ADDRESS))
            if named + near:
                shares[Group.BY_NAME][where].append(near / (named + near))
            # What a resolver past the home said is no filter of the home's.
            at_home = 0 if _BEYOND in signs else _bins(rules, lambda r: r.rule.startswith("dns."))
            shares[Group.BEYOND_DNS][where].append(1.0 - at_home / total)
            reached |= near > 0
        if any(r.rule in _OTHER_PORT for r in rules):
            shares[Group.PORT][where].append(1.0)
        elif any(r.rule in _NO_PORT for r in rules):
            shares[Group.PORT][where].append(0.0)
        if any(r.rule in _WIDE or r.mechanism in _WIDE for r in rules):
            shares[Group.SIBLING_ADDRESS][where].append(0.0)
        for sign in signs:
            if sign in _SIGNS:
                group, ok = _SIGNS[sign]
                shares[group][where].append(ok)
    found: dict[Group, Count | None] = {group: effective(held) for group, held in shares.items()}
    if reached:
        found[Group.ADDRESS] = Count(2.0, 2.0)  # the judge asks two witnesses before it says any of these
    return found


def _bins(rules: Iterable[RuleCount], wanted: Callable[[RuleCount], bool]) -> int:
    return sum(rule.bins for rule in rules if wanted(rule))


def _versions(scene: Scene) -> dict[Group, Count | None]:
    """The affected parts by the version of program, or of catalogue, that measured them: what tells the two apart."""
    found = [_by_version(scene, kind) for kind in (0, 1)]
    return max(found, key=_differs)


def _differs(found: Mapping[Group, Count | None]) -> float:
    """Return how well those of another version are, where there are any."""
    other = found.get(Group.OTHER_VERSION)
    return -1.0 if other is None else other.ok / other.n


def _by_version(scene: Scene, kind: int) -> dict[Group, Count | None]:
    """Tell probes with the affected probes' version from others; ``kind`` 0 is the program, 1 the catalogue."""
    versions = {s.probe: scene.fleet.versions(s.probe)[kind] for s in (*scene.home, *scene.abroad)}
    ours = {versions.get(probe, "") for probe in scene.affected} - {""}
    if len(ours) != 1:
        return {}
    asns = {m.asn for m in scene.members}
    own = [s for s in (*scene.home, *scene.abroad) if _is_target(scene, s) and versions[s.probe]]
    country = scene.members[0].country
    far = (s for s in own if (s.asn not in asns or s.country != country) and versions[s.probe] in ours)
    near = (s for s in own if s.asn in asns and s.country == country and versions[s.probe] not in ours)
    return {Group.OTHER_VERSION: _by_probe(scene, near), Group.SAME_VERSION: _by_probe(scene, far)}


def _references(scene: Scene) -> Count | None:
    """References abroad, clustered by country: what one country breaks, all of its references have."""
    own = (s for s in scene.abroad if _is_target(scene, s))
    return _by_probe(scene, own, lambda s: s.country)


def _together(scene: Scene) -> Count | None:
    """Whose trouble began together with another witness's; of what stands since ever nobody knows."""
    begun: dict[str, tuple[float, float, str]] = {}
    for m in scene.members:
        if m.onset.earliest is not None:
            who = scene.witness(m.probe)
            known = begun.get(who)
            if known is None or m.onset.latest < known[1]:
                begun[who] = (m.onset.earliest, m.onset.latest, str(m.asn))
    shares: Shares = defaultdict(list)
    for who, (first, last, where) in begun.items():
        others = [each for other, each in begun.items() if other != who]
        near = any(first - TOGETHER <= late and early <= last + TOGETHER for early, late, _ in others)
        if others:
            shares[where].append(float(near))
    return effective(shares)


# ---------------------------------------------------------------- heartbeats


def _heartbeats(scene: Scene) -> dict[Group, Count | None]:
    """Who lives: of the affected, of their providers, of their districts, of the country."""
    asns, fleet = {m.asn for m in scene.members}, scene.fleet
    counts = Counter(m.asn for m in {m.probe: m for m in scene.members}.values())
    first = min(counts, key=lambda asn: (-counts[asn], asn)) if counts else 0
    districts = {fleet.region(probe) for probe in scene.affected} - {""}
    lines = [s for s in scene.home if s.layer == Experiment.LINE and s.service == INTERNET]
    other = [s for s in lines if s.asn != first]
    near = [s for s in other if fleet.region(s.probe) in districts]
    far = [s for s in other if districts and fleet.region(s.probe) not in districts]
    speaking: Shares = defaultdict(list)
    boots: Shares = defaultdict(list)
    for probe, m in {m.probe: m for m in scene.members}.items():
        silent = sum(r.bins for r in m.rules if r.rule == SILENT_RULE)
        if m.failing_bins:
            speaking[str(m.asn)].append(1.0 - min(1.0, silent / m.failing_bins))
        ran_on = fleet.ran_on(probe, m.onset.latest) if silent else None
        if ran_on is not None:
            boots[str(m.asn)].append(float(ran_on))
    return {
        Group.SPEAKING: effective(speaking),
        Group.SAME_BOOT: effective(boots),
        Group.PROVIDER_ALIVE: _by_probe(scene, (s for s in lines if s.asn in asns)),
        Group.DISTRICT_ALIVE: _by_probe(scene, near),
        Group.COUNTRY_ALIVE: _by_probe(scene, far),
        Group.ELSEWHERE_ALIVE: None if districts else _by_probe(scene, other),
    }
