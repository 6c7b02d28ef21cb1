"""Whether what was said of a situation is right: each expectation against what the centre told, and when.

Lives here: the comparison, and which of four ways something is not right. Must not live here: what a situation is
(situation.py), or printing (table.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final

from balise_collector.detect.interval import Interval
from balise_collector.incidents import Incident, IncidentState
from balise_collector.judge import Level, Verdict
from balise_lab.field.play import Played
from balise_lab.field.situation import Expect, Never, VerdictRule, Wanted, When

_GRADES: Final = ("", "C", "B", "A")
"""From the least."""
_RATE: Final = 0.15
"""Share by which a rate may miss the truth."""
_ROUNDING: Final = 1.0
"""Seconds by which an edge may miss the truth."""


class Way(StrEnum):
    """How a situation was told."""

    RIGHT = "right"
    LATE = "late"
    """All of it, and later than it must be."""
    SILENT = "silent"
    """Something was not said, or less than is known."""
    FALSE = "false"
    """Something was said that is not so."""


@dataclass(frozen=True)
class Miss:
    """One expectation that does not hold."""

    way: Way
    what: str


@dataclass
class Judged:
    """How one situation was told."""

    played: Played
    misses: list[Miss] = field(default_factory=list)

    @property
    def way(self) -> Way:
        """The worst of it."""
        ways = {miss.way for miss in self.misses}
        return next((way for way in (Way.FALSE, Way.SILENT, Way.LATE) if way in ways), Way.RIGHT)

    def miss(self, way: Way, what: str) -> None:
        """Note one that does not hold."""
        self.misses.append(Miss(way, what))


def judged(played: Played) -> Judged:
    """Return what of a situation's expectations does not hold."""
    found = Judged(played)
    expect = played.situation.expect
    matched = _incidents(found, expect)
    _others(found, expect, matched)
    _never(found, expect)
    _verdicts(found, expect)
    for words, times in list(played.mistakes.items())[:3]:
        found.miss(Way.FALSE, f"a program failed {times} times: {words[:300]}")
    text = " ".join(played.text.lower().split())  # A word of several may stand on two lines.
    for word in expect.says:
        if word.lower() not in text:
            found.miss(Way.SILENT, f"the report does not say {word!r}")
    for word in expect.not_says:
        if word.lower() in text:
            found.miss(Way.FALSE, f"the report says {word!r}")
    if expect.discarded_at_most is not None:
        discarded, all_ = discarded_of(played)
        share = discarded / all_ if all_ else 0.0
        if share > expect.discarded_at_most:
            found.miss(Way.SILENT, f"{discarded} of {all_} paired verdicts were set aside ({share:.1%})")
    return found


def discarded_of(played: Played) -> tuple[int, int]:
    """Return how many paired verdicts of probes (not references) were set aside, and how many there were."""
    paired = [v for v in played.centre.verdicts if not v.reference and v.design.controlled]
    return sum(v.level is Level.DISCARDED for v in paired), len(paired)


# ---------------------------------------------------------------- incidents


def _incidents(found: Judged, expect: Expect) -> set[str]:
    """Look for each incident that must be said; return the ids of those that something was matched with."""
    matched: set[str] = set()
    for wanted in expect.incidents:
        for service in wanted.services or ("",):
            said = [one for one in found.played.centre.incidents() if _is_about(one, wanted, service)]
            matched |= {one.id for one in said}
            live = [one for one in said if one.state is not IncidentState.WITHDRAWN]
            tries = [_held(found.played, one, wanted) for one in live]
            name = f"{wanted.kind} {wanted.country} {service}".strip()
            if not tries:
                found.miss(Way.SILENT, f"no {name}" + (" (one was taken back)" if said else ""))
                continue
            best = min(tries, key=lambda misses: (len(misses), sum(m.way is Way.FALSE for m in misses)))
            found.misses += [Miss(miss.way, f"{name}: {miss.what}") for miss in best]
    return matched


def _is_about(one: Incident, wanted: Wanted, service: str) -> bool:
    return one.kind is wanted.kind and wanted.country in {"", one.country} and service in {"", one.service}


def _others(found: Judged, expect: Expect, matched: set[str]) -> None:
    """Say what was published beside what must be: every revision counts, for what was told was told."""
    seen: dict[str, tuple[float, Incident]] = {}
    alone: dict[str, Incident] = {}
    for at, one in found.played.centre.store.told:
        if one.id in matched or one.kind in expect.may or "*" in expect.may:
            continue
        if one.confirmed:
            seen.setdefault(one.id, (at, one))
        elif one.kind != "outage":
            alone.setdefault(one.id, one)
    for at, one in seen.values():
        minutes = (at - found.played.start) / 60
        found.miss(Way.FALSE, f"at {minutes:.0f} min: {line_of(one, found.played.start)}")
    if not expect.unconfirmed:
        for one in alone.values():
            if one.id not in seen:
                found.miss(Way.FALSE, f"of one witness: {line_of(one, found.played.start)}")


def _never(found: Judged, expect: Expect) -> None:
    """Say what was published at any time that must never be."""
    told: set[str] = set()
    for at, one in found.played.centre.store.told:
        if not one.confirmed or one.id in told:
            continue
        above = expect.grade_at_most is not None and _GRADES.index(one.grade) > _GRADES.index(expect.grade_at_most)
        if above or any(_is_such(one, pattern) for pattern in expect.never):
            told.add(one.id)
            minutes = (at - found.played.start) / 60
            found.miss(Way.FALSE, f"never this, at {minutes:.0f} min: {line_of(one, found.played.start)}")


def _is_such(one: Incident, never: Never) -> bool:
    mechanisms = [share.mechanism.value for share in one.mechanisms]
    return (
        never.kind in {None, one.kind}
        and never.country in {"", one.country}
        and (not never.services or one.service in never.services)
        and (
            not never.mechanisms
            or any(fnmatchcase(word, pattern) for word in mechanisms for pattern in never.mechanisms)
        )
        and (not never.affected or not set(never.affected).isdisjoint(one.scope.affected))
        and (not never.grade or one.grade in never.grade)
        and (not never.locality or one.locality in never.locality)
    )


def _held(played: Played, one: Incident, wanted: Wanted) -> list[Miss]:
    """Return what of a wanted incident one does not hold."""
    misses: list[Miss] = []

    def need(holds: bool, way: Way, what: str) -> None:
        if not holds:
            misses.append(Miss(way, what))

    mechanisms = {share.mechanism.value for share in one.mechanisms}
    if wanted.mechanisms:
        named = ", ".join(sorted(mechanisms)) or "none"
        fits = any(fnmatchcase(word, pattern) for word in mechanisms for pattern in wanted.mechanisms)
        need(fits, Way.FALSE, f"by {named}, not {' or '.join(wanted.mechanisms)}")
    for pattern in wanted.not_mechanisms:
        need(not any(fnmatchcase(word, pattern) for word in mechanisms), Way.FALSE, f"names {pattern}")
    if wanted.affected is not None:
        less, more = set(wanted.affected) - set(one.scope.affected), set(one.scope.affected) - set(wanted.affected)
        need(not less, Way.SILENT, f"affected lacks {_listed(less)}")
        need(not more, Way.FALSE, f"affected names {_listed(more)}")
    if wanted.kbps is not None:
        told = [share.rate.kbps for share in one.mechanisms if share.rate is not None]
        need(bool(told), Way.SILENT, "no rate")
        fits = all(abs(kbps / wanted.kbps - 1.0) <= _RATE for kbps in told)
        need(fits, Way.FALSE, f"at {', '.join(f'{kbps:g}' for kbps in told)} kb/s, not {wanted.kbps:g}")
    missing = set(wanted.clean) - set(one.scope.clean)
    need(not missing, Way.SILENT, f"clean lacks {_listed(missing)}")
    if wanted.locality:
        need(one.locality in wanted.locality, Way.SILENT, f"locality {one.locality}, not {'/'.join(wanted.locality)}")
    misses += _graded(one, wanted)
    misses += _timed(played, one, wanted)
    for name, value in (("staggered", wanted.staggered), ("standing", wanted.standing)):
        if value is not None:
            need(_is(one, name) == value, Way.FALSE, f"{'not ' if value else ''}{name}")
    need(wanted.published or not one.confirmed, Way.FALSE, "published")
    need(not wanted.published or one.confirmed, Way.SILENT, "seen by one witness only")
    return misses


def _is(one: Incident, name: str) -> bool:
    if name == "standing":
        return one.state is IncidentState.STANDING
    return bool(getattr(one, name, False))


def _graded(one: Incident, wanted: Wanted) -> list[Miss]:
    place = _GRADES.index(one.grade)
    misses: list[Miss] = []
    if wanted.grade and one.grade not in wanted.grade:
        higher = place > max(_GRADES.index(grade) for grade in wanted.grade)
        misses.append(
            Miss(Way.FALSE if higher else Way.SILENT, f"grade {one.grade or '-'}, not {'/'.join(wanted.grade)}")
        )
    if wanted.grade_at_most is not None and place > _GRADES.index(wanted.grade_at_most):
        misses.append(Miss(Way.FALSE, f"grade {one.grade}, {wanted.grade_at_most or '-'} at most"))
    if wanted.grade_at_least is not None and place < _GRADES.index(wanted.grade_at_least):
        misses.append(Miss(Way.SILENT, f"grade {one.grade or '-'}, {wanted.grade_at_least} at least"))
    return misses


def _timed(played: Played, one: Incident, wanted: Wanted) -> list[Miss]:
    misses = [*_edge(played, "onset", one.onset, wanted.onset), *_edge(played, "end", one.end, wanted.end)]
    if wanted.ended is not None and (one.end is not None) != wanted.ended:
        misses.append(Miss(Way.LATE, "not ended") if wanted.ended else Miss(Way.FALSE, "said to have ended"))
    if wanted.opened_within is not None and wanted.onset is not None:
        told = next((at for at, each in played.centre.store.told if each.id == one.id and each.confirmed), None)
        minutes = None if told is None else (told - played.start - wanted.onset.contains) / 60
        if minutes is None or minutes * 60 > wanted.opened_within:
            after = "never published" if minutes is None else f"published {minutes:.0f} min after it began"
            misses.append(Miss(Way.LATE, f"{after}, {wanted.opened_within / 60:.0f} at most"))
    for asn, span in wanted.per_provider.items():
        held = spans_of(one).get(int(asn))
        if held is None:
            misses.append(Miss(Way.SILENT, f"no times of AS{asn}"))
            continue
        misses += _edge(played, f"onset on AS{asn}", held[0], span.onset)
        misses += _edge(played, f"end on AS{asn}", held[1], span.end)
    return misses


def spans_of(one: Incident) -> dict[int, tuple[Interval | None, Interval | None]]:
    """Return when it began and ended on each provider, where that is said."""
    found: dict[int, tuple[Interval | None, Interval | None]] = {}
    for span in getattr(one, "providers", ()):
        found[span.asn] = (span.onset, span.end)
    return found


def _edge(played: Played, name: str, held: Interval | None, wanted: When | None) -> list[Miss]:
    if wanted is None:
        return []
    if held is None:
        return [Miss(Way.LATE if name.startswith("end") else Way.SILENT, f"no {name}")]
    early = float("-inf") if held.earliest is None else held.earliest - played.start
    late = held.latest - played.start
    misses: list[Miss] = []
    if not early - _ROUNDING <= wanted.contains <= late + _ROUNDING:
        misses.append(
            Miss(Way.FALSE, f"{name} {early / 60:.1f} to {late / 60:.1f} min does not hold {wanted.contains / 60:.1f}")
        )
    if wanted.width is not None and late - early > wanted.width + _ROUNDING:
        misses.append(
            Miss(Way.SILENT, f"{name} is {(late - early) / 60:.1f} min wide, {wanted.width / 60:.0f} at most")
        )
    return misses


# ---------------------------------------------------------------- verdicts


def _verdicts(found: Judged, expect: Expect) -> None:
    verdicts = found.played.centre.verdicts
    for wanted in expect.verdicts:
        held = [v for v in verdicts if _fits(found.played, v, wanted)]
        name = _named(wanted)
        if len(held) < wanted.at_least:
            found.miss(Way.SILENT, f"{len(held)} verdicts {name}, {wanted.at_least} at least")
        if wanted.at_most is not None and len(held) > wanted.at_most:
            by = ", ".join(sorted({v.rule for v in held}))
            found.miss(Way.FALSE, f"{len(held)} verdicts {name} ({by}), {wanted.at_most} at most")
    rules = {v.rule for v in verdicts if not v.reference}
    for pattern in expect.rules:
        if not any(fnmatchcase(rule, pattern) for rule in rules):
            found.miss(Way.SILENT, f"no verdict by {pattern}")
    for pattern in expect.not_rules:
        if wrong := sorted(rule for rule in rules if fnmatchcase(rule, pattern)):
            found.miss(Way.FALSE, f"verdicts by {', '.join(wrong)}")


def _fits(played: Played, verdict: Verdict, wanted: VerdictRule) -> bool:
    at = verdict.at - played.start
    host = verdict.target.split("/")[2] if verdict.target.count("/") >= 2 else ""
    return (
        not verdict.reference
        and wanted.state in {None, verdict.state}
        and (not wanted.rule or fnmatchcase(verdict.rule, wanted.rule))
        and wanted.layer in {None, verdict.layer}
        and (not wanted.services or verdict.service in wanted.services)
        and (not wanted.hosts or host in wanted.hosts)
        and (not wanted.probes or any(fnmatchcase(verdict.probe, pattern) for pattern in wanted.probes))
        and (not wanted.providers or verdict.network.asn in wanted.providers)
        and (not wanted.design or verdict.design == wanted.design)
        and (wanted.at is None or at >= wanted.at)
        and (wanted.until is None or at <= wanted.until)
    )


def _named(wanted: VerdictRule) -> str:
    words = [wanted.state, wanted.rule, wanted.layer, *wanted.services, *wanted.hosts, *wanted.probes]
    words += [f"AS{asn}" for asn in wanted.providers]
    return " ".join(str(word) for word in words if word) or "at all"


# ---------------------------------------------------------------- words


def line_of(one: Incident, start: float) -> str:
    """Return one incident in a line for a developer; times are minutes from the start."""

    def edge(interval: Interval | None) -> str:
        if interval is None:
            return "-"
        early = "" if interval.earliest is None else f"{(interval.earliest - start) / 60:.1f}"
        return f"{early}..{(interval.latest - start) / 60:.1f}"

    mechanisms = ",".join(f"{share.mechanism}" for share in one.mechanisms) or "-"
    witness = "" if one.confirmed else ", one witness"
    return (
        f"{one.state} {one.kind} {one.country}/{one.service} by {mechanisms}, onset {edge(one.onset)}, "
        f"end {edge(one.end)}, opened {(one.opened_at - start) / 60:.0f}, {one.locality}, "
        f"grade {one.grade or '-'}, affected {_listed(one.scope.affected)}, clean {_listed(one.scope.clean)}{witness}"
    )


def said_of(played: Played) -> str:
    """Return in a few words what was published."""
    found = [one for one in played.centre.incidents() if one.confirmed and one.state is not IncidentState.WITHDRAWN]
    words = [f"{one.kind} {one.country} {one.service}" for one in found]
    return "; ".join(words) or "nothing"


def expected_of(expect: Expect) -> str:
    """Return in a few words what must be said."""
    words = [
        f"{one.kind} {one.country} {','.join(one.services)}".strip() + ("" if one.published else " (unpublished)")
        for one in expect.incidents
    ]
    return "; ".join(words) or "nothing"


def _listed(asns: Iterable[int] | Sequence[int]) -> str:
    return ",".join(str(asn) for asn in sorted(asns)) or "none"
