"""The comparison: what a scenario expects against what the collector found, as rows of a table.

Pure: scenario and findings in, rows out. Here must not live: asking the collector, printing, exit codes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from balise_lab.compare.findings import UNPUBLISHED, Findings, FoundIncident, FoundInterval, FoundVerdict
from balise_lab.scenario.schema import IncidentExpectation, Scenario, VerdictExpectation

_FAILING = frozenset({"blocked", "down", "throttled", "server_side"})
"""States that contradict an expected ``ok``."""
_ACCUSING = frozenset({"blocked", "throttled"})
"""States that a quiet service must never be given."""


Late = Mapping[float, float]
"""When what the timeline says of a moment was in fact carried out, by that moment; both in seconds of the scenario."""


class _Held(NamedTuple):
    """What is asked of a moment."""

    within: float
    """Seconds."""
    contains: bool
    late: Late


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    what: str
    expected: str
    found: str
    ok: bool
    line: int = 0
    """Line of the scenario file that expects it."""


def compare(scenario: Scenario, findings: Findings, late: Late | None = None) -> tuple[Row, ...]:
    """Return a row for everything the scenario expects; none where it expects nothing.

    Args:
        scenario: what was played.
        findings: what the collector says.
        late: what a busy machine carried out later than the timeline says.
    """
    expect = scenario.expect
    if expect is None:
        return ()
    published = tuple(one for one in findings.incidents if one.confirmed and one.state not in UNPUBLISHED)
    told = tuple(one for one in findings.incidents if one.told)
    rows: list[Row] = []
    for wanted in expect.incidents:
        rows.extend(_incident_rows(scenario, wanted, told, late or {}))
    rows.extend(_count_rows(scenario, told))
    for wanted_verdict in expect.verdicts:
        rows.extend(_verdict_rows(scenario, wanted_verdict, findings.verdicts))
    rows.extend(_quiet_row(service, published, findings.verdicts) for service in expect.quiet)
    if expect.nothing:
        rows.append(Row("incidents", "none", _said(_named(published)), ok=not published))
    return tuple(rows)


def _incident_rows(
    scenario: Scenario, wanted: IncidentExpectation, published: tuple[FoundIncident, ...], late: Late
) -> Iterator[Row]:
    """Compare one expectation with the best incident of each service it names."""
    named: set[str] = set()
    complete = True
    for service in wanted.services:
        found = _best(scenario, wanted, service, published)
        what = f"{service}: {wanted.kind}"
        if found is None:
            others = [incident for incident in published if incident.service == service]
            yield Row(what, "an incident", _said(_named(others), "no incident"), ok=False, line=wanted.line)
            complete = False
            continue
        yield Row(what, "an incident", f"{found.kind}, {found.state}", ok=True, line=wanted.line)
        yield from _facts(scenario, wanted, service, found, late)
        named.update(share.mechanism for share in found.mechanisms)
    if wanted.mechanisms and complete and not set(wanted.mechanisms) <= named:
        missing = ", ".join(sorted(set(wanted.mechanisms) - named))
        what = f"{', '.join(wanted.services)}: every mechanism played"
        yield Row(what, ", ".join(wanted.mechanisms), f"nowhere {missing}", ok=False, line=wanted.line)


def _best(
    scenario: Scenario, wanted: IncidentExpectation, service: str, published: tuple[FoundIncident, ...]
) -> FoundIncident | None:
    """Return the incident of that service and kind whose onset is nearest to the expected one."""
    candidates = [one for one in published if one.service == service and one.kind == wanted.kind]
    if wanted.onset is None:
        return candidates[0] if candidates else None
    truth = scenario.unix(wanted.onset)
    return min(candidates, key=lambda one: abs(one.onset.latest - truth), default=None)


def _facts(
    scenario: Scenario, wanted: IncidentExpectation, service: str, found: FoundIncident, late: Late
) -> Iterator[Row]:
    """Compare the facts of one incident, as far as the expectation names them."""
    line = wanted.line
    held = _Held(wanted.within, wanted.contains, late)
    if wanted.onset is not None:
        yield _moment(scenario, f"{service}: onset", wanted.onset, found.onset, held, line)
    if wanted.still_open:
        ended = "not ended" if found.end is None else _interval(scenario, found.end)
        yield Row(f"{service}: end", "not ended", ended, ok=found.end is None, line=line)
    if wanted.end is not None:
        yield _moment(scenario, f"{service}: end", wanted.end, found.end, held, line)
    if wanted.affected is not None:
        ok = set(found.scope.affected) == set(wanted.affected)
        yield Row(f"{service}: affected", _asns(wanted.affected), _asns(found.scope.affected), ok=ok, line=line)
    if wanted.clean is not None:
        ok = set(wanted.clean) <= set(found.scope.clean)
        yield Row(f"{service}: clean", _asns(wanted.clean), _asns(found.scope.clean), ok=ok, line=line)
    if wanted.mechanisms:
        seen = tuple(sorted({share.mechanism for share in found.mechanisms}))
        ok = bool(seen) and set(seen) <= set(wanted.mechanisms)
        yield Row(f"{service}: mechanism", " or ".join(wanted.mechanisms), _said(seen), ok=ok, line=line)
    if wanted.locality:
        ok = found.locality == wanted.locality
        yield Row(f"{service}: locality", wanted.locality, found.locality, ok=ok, line=line)
    if wanted.roles:
        ok = set(wanted.roles) <= set(found.roles)
        yield Row(f"{service}: roles", _said(wanted.roles), _said(found.roles), ok=ok, line=line)
    yield from _standing(scenario, wanted, service, found)
    yield from _how(wanted, service, found)
    yield from _through(wanted, service, found)
    for asn, onset, end in wanted.providers:
        of_it = next((one for one in found.providers if one.asn == asn), None)
        for word, truth in (("onset", onset), ("end", end)):
            if truth is not None:
                moment = getattr(of_it, word, None)
                yield _moment(scenario, f"{service}: {word} on AS{asn}", truth, moment, held, line)


def _how(wanted: IncidentExpectation, service: str, found: FoundIncident) -> Iterator[Row]:
    """Compare over which IP version alone it is told, at what rate, and what most probably happened."""
    if wanted.hypothesis:
        ok = found.likeliest == wanted.hypothesis
        said = found.likeliest or "none"
        yield Row(f"{service}: hypothesis", wanted.hypothesis, said, ok=ok, line=wanted.line)
    if wanted.family:
        only = {"4": "IPv4 alone", "6": "IPv6 alone", "both": "no IP version alone"}
        ok = found.family == wanted.family
        yield Row(f"{service}: family", only[wanted.family], only[found.family], ok=ok, line=wanted.line)
    if wanted.rate is not None:
        kbps, within = wanted.rate
        told = [share.rate.kbps for share in found.mechanisms if share.rate is not None]
        ok = bool(told) and all(abs(one / kbps - 1.0) <= within for one in told)
        expected = f"{kbps:g} kbit/s within {within:.0%}"
        said = _said([f"{one:g} kbit/s" for one in told])
        yield Row(f"{service}: rate", expected, said, ok=ok, line=wanted.line)


def _through(wanted: IncidentExpectation, service: str, found: FoundIncident) -> Iterator[Row]:
    """Compare what is told of each part by way of a proxy."""
    told = {path.role: "works" if path.works else "fails" for path in found.other_path}
    for role, word in wanted.through:
        said = told.get(role, "unknown")
        yield Row(f"{service}: {role} through a proxy", word, said, ok=said == word, line=wanted.line)


def _standing(scenario: Scenario, wanted: IncidentExpectation, service: str, found: FoundIncident) -> Iterator[Row]:
    """Compare how sure it is, how soon it was told, and what is said of its beginning."""
    line = wanted.line
    if wanted.grades:
        grade = found.grade or "none"
        yield Row(f"{service}: grade", " or ".join(wanted.grades), grade, ok=grade in wanted.grades, line=line)
    if wanted.opened_within is not None and wanted.onset is not None:
        took = found.opened_at - scenario.unix(wanted.onset)
        said = f"after {took / 60:.1f} min"
        ok = took <= wanted.opened_within
        yield Row(f"{service}: opened", f"within {wanted.opened_within / 60:g} min", said, ok=ok, line=line)
    if wanted.duty_cycle is not None:
        low, high = wanted.duty_cycle
        duty = found.duty_cycle
        ok = duty is not None and low <= duty <= high
        said = "none" if duty is None else f"{duty:.2f}"
        yield Row(f"{service}: duty cycle", f"{low:g} to {high:g}", said, ok=ok, line=line)
    facts = (
        ("standing", wanted.standing, found.onset.earliest is None),
        ("staggered", wanted.staggered, found.onset.staggered),
        ("masked", wanted.masked, found.onset.masked),
    )
    for word, expected, is_so in facts:
        if expected is not None:
            answers = {True: "yes", False: "no"}
            ok = expected is is_so
            yield Row(f"{service}: {word}", answers[expected], answers[is_so], ok=ok, line=line)


def _moment(scenario: Scenario, what: str, truth: float, found: FoundInterval | None, held: _Held, line: int) -> Row:
    """Compare a moment: both edges of the interval must lie within the tolerance, and hold the truth where asked.

    Where a busy machine carried it out late, the truth lies between the moment of the timeline and that of the deed.
    """
    within, contains, late = held
    expected = f"{scenario.local(truth):%H:%M} within {within / 60:g} min{', held' if contains else ''}"
    if found is None:
        return Row(what, expected, "none", ok=False, line=line)
    unix = scenario.unix(truth)
    edges = [edge for edge in (found.earliest, found.latest) if edge is not None]
    ok = all(abs(edge - unix) <= within for edge in edges)
    if contains:
        done = scenario.unix(max(truth, late.get(truth, truth)))
        ok = ok and (found.earliest is None or found.earliest <= done) and unix <= found.latest
    return Row(what, expected, _interval(scenario, found), ok=ok, line=line)


def _count_rows(scenario: Scenario, published: tuple[FoundIncident, ...]) -> Iterator[Row]:
    """Note services with more incidents of an expected kind than expected: a block told twice is told wrong."""
    expected = [(service, one.kind) for one in _incidents(scenario) for service in one.services]
    for pair in dict.fromkeys(expected):
        service, kind = pair
        found = [one for one in published if (one.service, one.kind) == pair]
        if len(found) > expected.count(pair):
            spans = "; ".join(f"{_interval(scenario, one.onset)} {one.state}" for one in found)
            yield Row(f"{service}: how many {kind}", str(expected.count(pair)), f"{len(found)}: {spans}", ok=False)


def _incidents(scenario: Scenario) -> tuple[IncidentExpectation, ...]:
    """Return the expected incidents."""
    return scenario.expect.incidents if scenario.expect else ()


def _verdict_rows(scenario: Scenario, wanted: VerdictExpectation, verdicts: tuple[FoundVerdict, ...]) -> Iterator[Row]:
    """Compare one expectation for each probe it names."""
    since, until = scenario.unix(wanted.since), scenario.unix(wanted.until)
    between = f"{scenario.local(wanted.since):%H:%M}-{scenario.local(wanted.until):%H:%M}"
    for probe in wanted.probes:
        seen = [
            verdict
            for verdict in verdicts
            if verdict.probe == probe
            and since <= verdict.at <= until
            and is_target(verdict, wanted.target)
            and wanted.layer in {"", verdict.layer}
        ]
        fits = [verdict for verdict in seen if _fits(verdict, wanted)]
        against = [verdict for verdict in seen if _contradicts(verdict, wanted)]
        words = [word for word in (wanted.state, wanted.layer, wanted.rule, wanted.mechanism) if word]
        states = sorted({f"{verdict.layer} {verdict.state} ({verdict.rule})" for verdict in (against or seen)})
        yield Row(
            what=f"{probe} {wanted.target} {between}",
            expected=" ".join(words),
            found=f"{len(fits)} of {len(seen)}: {', '.join(states)}" if seen else "no verdict",
            ok=bool(fits) and not against,
            line=wanted.line,
        )


def _fits(verdict: FoundVerdict, wanted: VerdictExpectation) -> bool:
    """Whether a verdict says what is expected."""
    return (
        verdict.state == wanted.state
        and wanted.rule in {"", verdict.rule}
        and wanted.mechanism in {"", verdict.mechanism or ""}
    )


def _contradicts(verdict: FoundVerdict, wanted: VerdictExpectation) -> bool:
    """Whether a verdict says the opposite; ``insufficient`` never does, and other layers have their own truth."""
    if wanted.state == "ok":
        return verdict.state in _FAILING
    if wanted.state == "insufficient":
        return verdict.state in _ACCUSING
    return bool(wanted.layer) and verdict.state not in {wanted.state, "insufficient"}


def is_target(verdict: FoundVerdict, wanted: str) -> bool:
    """Whether a verdict is about ``wanted``: a target id or its beginning, a service, or a host."""
    return (
        wanted == verdict.service
        or f"{verdict.target}/".startswith(f"{wanted}/")
        or wanted in verdict.target.split("/")
    )


def _quiet_row(service: str, published: tuple[FoundIncident, ...], verdicts: tuple[FoundVerdict, ...]) -> Row:
    """A quiet service has no incident and nothing of it is judged blocked."""
    incidents = [incident for incident in published if incident.service == service]
    accused = [verdict for verdict in verdicts if verdict.service == service and verdict.state in _ACCUSING]
    parts = [*_named(incidents), *sorted({f"{one.probe} {one.layer} {one.state} ({one.rule})" for one in accused})]
    return Row(f"{service}: quiet", "no incident, nothing blocked", _said(parts, "quiet"), ok=not parts)


def _named(incidents: Iterable[FoundIncident]) -> list[str]:
    """Name incidents in short."""
    return [f"{incident.service} {incident.kind} ({incident.state})" for incident in incidents]


def _interval(scenario: Scenario, interval: FoundInterval) -> str:
    """Return an interval in the country's time."""
    latest = scenario.local(interval.latest - scenario.starts)
    if interval.earliest is None:
        return f"before {latest:%H:%M:%S}"
    return f"{scenario.local(interval.earliest - scenario.starts):%H:%M:%S} to {latest:%H:%M:%S}"


def _asns(numbers: Iterable[int]) -> str:
    """Return AS numbers for people."""
    return _said([f"AS{number}" for number in sorted(numbers)])


def _said(parts: Iterable[object], nothing: str = "none") -> str:
    """Join parts, or say that there are none."""
    return ", ".join(str(part) for part in parts) or nothing
