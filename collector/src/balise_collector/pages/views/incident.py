"""One incident as a page: what is said, since when, how far, how, how sure, and the packets. Pure.

Lives here: which facts stand where. Must not live here: markup (templates), drawing (svg.py), words of the closed lists
(wording.py) or conclusions.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from balise_collector.conclude.history import bins, runs, step_for
from balise_collector.conclude.store import HistoryCell
from balise_collector.conclude.whereabouts import Whereabouts, sentence
from balise_collector.incidents.model import Incident, IncidentKind, Interval, Locality, MechanismShare
from balise_collector.incidents.parts import Part
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.drawing import svg
from balise_collector.pages.views import formatting
from balise_collector.pages.views.evidence import Exhibit, exhibit
from balise_collector.pages.views.overview import Freshness, freshness, lasted, together
from balise_collector.pages.views.read_model import View
from balise_collector.pages.views.report_facts import with_past
from balise_collector.words import tables, wording
from balise_collector.words.countries import WORLD
from balise_collector.words.report import before, by_proxy, headline, report, shown_only
from balise_collector.words.translation import Language
from balise_wire.words import TargetRole

_log = logging.getLogger(__name__)
_EXHIBITS: Final = 6
"""Measurements shown in full; the rest is in the JSON."""
_MARGIN: Final = 3_600.0
"""Seconds shown before the onset and after the end."""
_LONGEST: Final = 14 * 86_400.0
"""Seconds of an incident that are drawn: the last two weeks of a longer one."""
_TICKS: Final = 8
_TICK_STEPS: Final = (300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


@dataclass(frozen=True, slots=True, kw_only=True)
class MechanismRow:
    """One mechanism, ready to be shown."""

    words: str
    id: str
    providers: str
    parts: str
    began: str
    ended: str
    results: int
    rate: str = ""
    """How fast it was, beside its control; empty where no rate was measured."""
    flows: str = ""
    """Which share of the connections fails; empty where all do, or none were counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One revision: what we said, and when."""

    revision: int
    at: float
    sentence: str
    state: str
    changed: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A stretch of one row of the timeline, for the table that says the same."""

    row: str
    state: VerdictState | None
    first: float
    last: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentPage:
    """Everything the page shows."""

    incident: Incident
    state: VerdictState
    headline: str
    standing: str
    standing_means: str
    kind_means: str
    began: str
    ended: str
    lasted: str
    parts: str
    zone: str
    fresh: Freshness
    together: tuple[tuple[str, str], ...]
    scope: tuple[tuple[str, str, str], ...]
    """(word, count, providers) of the three counts."""
    probes: str
    mechanisms: tuple[MechanismRow, ...]
    grade: str
    grade_needs: str
    where: tuple[tuple[str, str], ...]
    """(provider and part, where on the way it is cut) of each run that looked for it; for the operator."""
    proofs: tuple[tuple[str, int], ...]
    locality: str
    references: str
    countries: tuple[str, ...]
    unknown: tuple[str, ...]
    """What we do not know."""
    quote: str
    shown_only: tuple[str, ...]
    """What is never scored: the clock face, a watch window."""
    before: tuple[str, ...]
    """How it compares with those before it."""
    by_proxy: tuple[str, ...]
    """What became of each part by way of a proxy."""
    each_part: tuple[tuple[str, str, str, str], ...]
    """(part, its word, since when, what is not sure of its hosts) of the whole service now, where it goes on."""
    language: Language
    timeline: Markup
    stretches: tuple[Stretch, ...]
    exhibits: tuple[Exhibit, ...]
    more: int
    """Evidence that is not shown."""
    history: tuple[Said, ...]
    providers: tuple[tuple[str, str, str], ...]
    """(provider, began, ended) of each affected one, the first first; empty where there is but one."""
    weighed: tuple[tuple[str, float], ...]
    """(hypothesis, probability) of the two likeliest; for the operator."""
    reasons: tuple[str, ...]
    """What told the first from the second, strongest first; for the operator."""


def page(view: View, incident_id: str, language: Language) -> IncidentPage | None:
    """Return the page of one incident; ``None`` where there is no such incident."""
    revisions = view.store.revisions(incident_id)
    if not revisions:
        return None
    one = revisions[-1][1]
    zone = view.zone(one.country)
    fresh = freshness(view)
    shown = _timeline(view, one, fresh)
    verdicts = _verdicts(view, one)
    exhibits = _exhibits(view, verdicts)
    facts = with_past(view.facts(one, language), view, [one])
    needs = view.gettext(tables.GRADE_NEEDS[one.grade]) if one.grade in tables.GRADE_NEEDS else ""
    return IncidentPage(
        incident=one,
        state=formatting.state_of(one),
        headline=headline(one, view.facts(one), view.language),
        standing=formatting.standing(one, view),
        standing_means=" ".join(view.gettext(text) for text in wording.standing_means(one)),
        kind_means=view.gettext(tables.KIND_MEANINGS[one.kind]),
        began=wording.interval(one.onset, zone, view.language),
        ended=wording.interval(one.end, zone, view.language) if one.end else "",
        lasted=lasted(one, view),
        parts=", ".join(wording.role(role, view.language) for role in one.roles if role is not TargetRole.LINE),
        zone=str(zone),
        fresh=fresh,
        together=together(one, view.store.incidents(), view),
        scope=_scope(one, view),
        probes=_probes(one, view),
        mechanisms=tuple(_mechanism(share, view, one) for share in one.mechanisms),
        where=tuple((_looked(each), sentence(each, view.gettext)) for each in view.where(one)),
        grade=wording.grade(one.grade, view.language),
        grade_needs=needs,
        proofs=_proofs(view, verdicts),
        locality=wording.locality(one.locality, view.language),
        references=_references(one, view),
        countries=_countries(one, view),
        unknown=_unknown(one, view),
        quote=report([one], facts, language),
        before=before(one, facts, view.language),
        shown_only=shown_only(one, facts, view.language),
        by_proxy=by_proxy(one, view.language),
        each_part=tuple(_part(part, view, one) for part in facts.parts.get(one.id, ())),
        language=language,
        timeline=svg.timeline(shown),
        stretches=_stretches(shown),
        exhibits=exhibits,
        more=max(0, len(one.evidence) - len(exhibits)),
        history=_history(revisions, view),
        providers=_by_provider(one, view),
        weighed=tuple((each.hypothesis, each.probability) for each in one.hypotheses),
        reasons=tuple(f"{each.group} {each.ok:g}/{each.n:g}: {each.nats:+.2f}" for each in one.reasons),
    )


# ---------------------------------------------------------------- facts


def _part(part: Part, view: View, one: Incident) -> tuple[str, str, str, str]:
    """Return one part of the service as it does now."""
    since = "" if part.since is None else wording.interval(part.since, view.zone(one.country), view.language)
    doubt = wording.doubt_of_hosts(part.confidence, view.language)
    return wording.role(part.role, view.language), wording.part(part.word, view.language), since, doubt


def _scope(one: Incident, view: View) -> tuple[tuple[str, str, str], ...]:
    """Return the three counts, always together; where providers are withheld, their count is not told either."""
    told = (
        (view.gettext("affected"), "affected", one.scope.affected),
        (view.gettext("measured and clean"), "clean", one.scope.clean),
        (view.gettext("not measured"), "not_measured", one.scope.not_measured),
    )
    withheld = set(one.scope.withheld)
    rows = [
        (
            words,
            wording.providers((), view.language, withheld=True)
            if name in withheld and not asns
            else _counted(asns, name in withheld, view),
            wording.providers(asns, view.language, withheld=name in withheld),
        )
        for words, name, asns in told
    ]
    # Those that we do not look from are never clean, and never counted as none.
    return (*rows, (view.gettext("without a probe of ours"), view.gettext("unknown"), "-"))


def _by_provider(one: Incident, view: View) -> tuple[tuple[str, str, str], ...]:
    """Return beginning and end on each provider, where there are several."""
    zone = view.zone(one.country)
    rows = [
        (
            formatting.provider(each.asn),
            wording.interval(each.onset, zone, view.language),
            wording.interval(each.end, zone, view.language) if each.end else view.gettext("not ended"),
        )
        for each in one.providers
    ]
    return tuple(rows) if len(rows) > 1 else ()


def _counted(asns: Sequence[int], more: bool, view: View) -> str:
    """Count providers; ``or more`` where some are withheld."""
    told = formatting.providers(view, len(asns))
    return view.gettext("{providers} or more").format(providers=told) if more else told


def _probes(one: Incident, view: View) -> str:
    """Say how many probes measured it, where that may be told."""
    if one.scope.withheld and not one.scope.measured_probes:
        return view.gettext("How many probes saw it is not published")
    return view.gettext("Seen by {affected} of {probes} that measured").format(
        affected=one.scope.affected_probes, probes=formatting.probes(view, one.scope.measured_probes)
    )


def _mechanism(share: MechanismShare, view: View, one: Incident) -> MechanismRow:
    """Return one mechanism in words."""
    zone = view.zone(one.country)
    return MechanismRow(
        words=wording.mechanism(share.mechanism, view.language),
        id=share.mechanism.value,
        providers=wording.providers(share.asns, view.language, withheld=not share.asns),
        parts=", ".join(wording.role(role, view.language) for role in share.roles),
        began=wording.interval(share.onset, zone, view.language) if share.onset else "-",
        ended=wording.interval(share.end, zone, view.language) if share.end else "-",
        results=share.verdicts,
        rate="" if share.rate is None else wording.rate(share.rate, view.language),
        flows="" if share.flows is None else wording.flows(share.flows, view.language),
    )


def _looked(each: Whereabouts) -> str:
    """Name the provider and the host of a run that looked where a name is cut."""
    return (
        f"{formatting.provider(each.asn)}, {each.target.split('/')[2] if each.target.count('/') > 1 else each.target}"
    )


def _references(one: Incident, view: View) -> str:
    """Say what the references saw."""
    seen = one.references
    total = seen.ok + seen.failed
    if one.kind is IncidentKind.OUTAGE:
        return view.gettext(
            "An outage of a provider's own network is the country's own; references abroad are not asked about it."
        )
    if not total:
        return view.gettext("No reference abroad measured the same endpoints in this window.")
    return view.gettext("{ok} of {references} abroad reached the same endpoints in the same window.").format(
        ok=seen.ok, references=formatting.references(view, total)
    )


def _countries(one: Incident, view: View) -> tuple[str, ...]:
    """Return where the references stand that reached it."""
    named = [view.country(code) for code in one.references.countries_ok]
    return (*named, *([wording.others(view.language)] if one.references.countries_withheld and named else []))


def _unknown(one: Incident, view: View) -> tuple[str, ...]:
    """Say what we do not know of it."""
    say = view.gettext
    told = [say("Who or what caused it, or why. Measurements show how and where, and nothing more.")]
    if one.scope.not_measured:
        told.append(
            say("How it was on {providers}: we have probes there, and they did not measure it.").format(
                providers=wording.providers(one.scope.not_measured, view.language)
            )
        )
    told.append(say("How it was on providers where we have no probe, how many those are, and how many people it met."))
    if one.references.countries_dark:
        named = ", ".join(view.country(code) for code in one.references.countries_dark)
        told.append(say("What our references in {countries} saw: nothing came from them.").format(countries=named))
    if one.kind is IncidentKind.INTERFERENCE and one.locality is Locality.UNKNOWN:
        told.append(say("Whether it was local: too few references abroad measured the same endpoints."))
    if one.doubtful:
        told.append(say("Whether the network or the service itself does it: the evidence excludes neither."))
    return tuple(told)


def _proofs(view: View, verdicts: Mapping[str, Verdict]) -> tuple[tuple[str, int], ...]:
    """Return the proofs in the evidence, in words, with the number of measurements that bear each."""
    counts = Counter(sign for verdict in verdicts.values() for sign in verdict.proof)
    return tuple((view.gettext(tables.PROOFS.get(sign, sign)), n) for sign, n in counts.most_common())


def _verdicts(view: View, one: Incident) -> dict[str, Verdict]:
    """Return the verdict on each measurement of the evidence, in its order; each is looked up once."""
    found = ((name, view.store.verdict(name)) for name in one.evidence)
    return {name: verdict for name, verdict in found if verdict is not None}


def _exhibits(view: View, verdicts: Mapping[str, Verdict]) -> tuple[Exhibit, ...]:
    """Return the strongest measurements: first one of each rule and provider, so that each mechanism is seen.

    Only those that are shown are fetched: unsealing a batch costs a millisecond.
    """
    seen: Counter[tuple[str, int]] = Counter()
    ranked: list[tuple[int, int, str]] = []
    for place, (name, verdict) in enumerate(verdicts.items()):
        key = (verdict.rule, verdict.network.asn)
        ranked.append((seen[key], place, name))
        seen[key] += 1
    found: list[Exhibit] = []
    for _, _, name in sorted(ranked):
        row = view.store.measurement_row(name) if len(found) < _EXHIBITS else None
        if row is None:
            continue
        try:
            found.append(exhibit(row, verdicts[name], view.gettext))
        except Exception:  # noqa: BLE001 - one measurement that cannot be shown costs itself, not the page
            _log.exception("measurement %s cannot be shown as evidence", name)
    return tuple(found)


# ---------------------------------------------------------------- what we said when


def _history(revisions: list[tuple[float, Incident]], view: View) -> tuple[Said, ...]:
    """Return every revision, the newest first, each with what changed."""
    told = []
    before: Incident | None = None
    for at, one in revisions:
        told.append(
            Said(
                revision=one.revision,
                at=at,
                sentence=formatting.sentence(one, view),
                state=formatting.standing(one, view),
                changed=_changed(before, one, view),
            )
        )
        before = one
    return tuple(reversed(told))


def _changed(before: Incident | None, one: Incident, view: View) -> str:
    """Say in what a revision differs from the one before it."""
    say = view.gettext
    added, removed = say("{what} added"), say("{what} removed")
    if before is None:
        return say("first said")
    zone = view.zone(one.country)
    changes = []
    if (before.state, before.confirmed) != (one.state, one.confirmed):
        changes.append(say("now {state}").format(state=formatting.standing(one, view)))
    for name, old, new in (
        (say("provider"), before.scope.affected, one.scope.affected),
        (say("clean provider"), before.scope.clean, one.scope.clean),
    ):
        changes += [added.format(what=f"{name} {formatting.provider(asn)}") for asn in sorted(set(new) - set(old))]
        changes += [removed.format(what=f"{name} {formatting.provider(asn)}") for asn in sorted(set(old) - set(new))]
    changes += [added.format(what=wording.role(role, view.language)) for role in one.roles if role not in before.roles]
    changes += [
        removed.format(what=wording.role(role, view.language)) for role in before.roles if role not in one.roles
    ]
    old_ways, new_ways = ({share.mechanism for share in each.mechanisms} for each in (before, one))
    changes += [added.format(what=way.value) for way in sorted(new_ways - old_ways)]
    changes += [removed.format(what=way.value) for way in sorted(old_ways - new_ways)]
    if before.onset != one.onset:
        changes.append(say("beginning was {when}").format(when=wording.interval(before.onset, zone, view.language)))
    if before.end != one.end and before.end is not None:
        changes.append(say("end was {when}").format(when=wording.interval(before.end, zone, view.language)))
    if before.locality is not one.locality:
        changes.append(say("now {state}").format(state=wording.locality(one.locality, view.language)))
    if before.grade != one.grade:
        changes.append(
            say("grade {before} became {now}").format(before=before.grade or say("none"), now=one.grade or say("none"))
        )
    if before.scope.affected_probes != one.scope.affected_probes:
        changes.append(
            say("measured by {probes}, {before} before").format(
                probes=formatting.probes(view, one.scope.affected_probes), before=before.scope.affected_probes
            )
        )
    return "; ".join(changes) or say("numbers and evidence only")


# ---------------------------------------------------------------- the timeline


def _timeline(view: View, one: Incident, fresh: Freshness) -> svg.Timeline:
    """Return what the drawing shows: a row for each provider and part, the references below."""
    finish = one.end.latest if one.end else max(fresh.as_of, one.onset.latest)
    start = one.onset.earliest if one.onset.earliest is not None else one.onset.latest
    start = max(start, finish - _LONGEST)
    step = step_for(finish - start + 2 * _MARGIN)
    since = (int(start - _MARGIN) // step) * step
    until = min((int(finish + _MARGIN) // step + 1) * step, (int(fresh.as_of) // step + 1) * step)
    until = max(until, since + 4 * step, (int(finish) // step + 1) * step)
    cells = [
        cell
        for cell in view.store.history(since, until, step, one.service)
        if not one.layers or cell.layer in one.layers
    ]
    zone = view.zone(one.country)
    ended = one.end
    moments = [
        svg.Bracket(
            earliest=one.onset.earliest,
            latest=one.onset.latest,
            label=_label(view.gettext("began"), one.onset, view, one),
        )
    ]
    if ended is not None:
        moments.append(
            svg.Bracket(
                earliest=ended.earliest, latest=ended.latest, label=_label(view.gettext("ended"), ended, view, one)
            )
        )
    return svg.Timeline(
        title=view.gettext("Timeline: {headline}").format(headline=headline(one, view.facts(one), view.language)),
        description=(
            view.gettext(
                "One row for each provider and part, from {first} to {last}. Brackets stand around the beginning and "
                "the end. The table below the drawing says the same."
            ).format(
                first=formatting.both_times(since, zone, view.language),
                last=formatting.both_times(until, zone, view.language),
            )
        ),
        since=float(since),
        until=float(until),
        step=step,
        groups=_groups(cells, one, view, (until - since) // step, step),
        moments=tuple(moments),
        ticks=_ticks(view, one, since, until),
        local_name=str(zone) if str(zone) != "UTC" else "",
    )


def _label(word: str, moment: Interval, view: View, one: Incident) -> str:
    """Label a bracket in local time: ``began 21:55-22:00``."""
    zone = view.zone(one.country)
    last = wording.clock(moment.latest, zone, day=False)
    if moment.earliest is None:
        return view.gettext("{word} before {time}").format(word=word, time=last)
    first = wording.clock(moment.earliest, zone, day=False)
    return f"{word} {last}" if first == last else f"{word} {first}-{last}"


def _groups(
    cells: Iterable[HistoryCell], one: Incident, view: View, columns: int, step: int
) -> tuple[svg.DrawnGroup, ...]:
    """Return the rows: affected providers, clean ones, references."""
    inside: dict[tuple[str, int, TargetRole], list[HistoryCell]] = defaultdict(list)
    abroad: dict[str, list[HistoryCell]] = defaultdict(list)
    for cell in cells:
        if one.roles and cell.role not in one.roles:
            continue
        if cell.reference:
            abroad[cell.country].append(cell)
        elif one.country in {WORLD, cell.country}:
            inside[cell.country, cell.asn, TargetRole(cell.role)].append(cell)
    held: dict[str, list[svg.DrawnRow]] = {"affected": [], "clean": [], "others": []}
    order = list(TargetRole)
    for country, asn, role in sorted(inside, key=lambda key: (*key[:2], order.index(key[2]))):
        affected = asn in one.scope.affected
        clean = asn in one.scope.clean
        label = formatting.provider(asn) + (f" {country}" if one.country == WORLD else "")
        if role is not TargetRole.LINE:
            label += f", {wording.role(role, view.language)}"
        states = bins(inside[country, asn, role], columns, step)
        brackets = tuple(
            svg.Bracket(earliest=moment.earliest, latest=moment.latest)
            for share in one.mechanisms
            if affected and asn in share.asns and role in share.roles
            for moment in (share.onset, share.end)
            # What all rows share is drawn once, over all of them.
            if moment is not None and moment not in {one.onset, one.end}
        )
        held["affected" if affected else "clean" if clean else "others"].append(
            svg.DrawnRow(label=label, states=states, brackets=brackets)
        )
    references = [
        svg.DrawnRow(label=view.country(code), states=bins(abroad[code], columns, step)) for code in sorted(abroad)
    ]
    held["references"] = references
    headings = {
        "affected": view.gettext("Affected"),
        "clean": view.gettext("Measured and clean"),
        "others": view.gettext("Others"),
        "references": view.gettext("References abroad"),
    }
    return tuple(svg.DrawnGroup(heading=headings[key], rows=tuple(found)) for key, found in held.items() if found)


def _ticks(view: View, one: Incident, since: int, until: int) -> tuple[svg.Tick, ...]:
    """Return about eight ticks on round local times; midnight carries its date."""
    zone = view.zone(one.country)
    step = next((s for s in _TICK_STEPS if (until - since) / s <= _TICKS), _TICK_STEPS[-1])
    while (until - since) / step > _TICKS:
        step += _TICK_STEPS[-1]
    offset = datetime.fromtimestamp(since, zone).utcoffset()
    shift = int(offset.total_seconds()) if offset else 0
    first = -(-(since + shift) // step) * step - shift
    ticks = []
    for at in range(first, until + 1, step):
        local = datetime.fromtimestamp(at, zone)
        day = local.hour == local.minute == 0 or step >= _TICK_STEPS[-1]
        named = wording.clock(at, zone, view.language)[: -len(" 2020 00:00")] if day else f"{local:%H:%M}"
        ticks.append(svg.Tick(at=float(at), local=named, utc=f"{datetime.fromtimestamp(at, UTC):%H:%M}"))
    return tuple(ticks)


def _stretches(shown: svg.Timeline) -> tuple[Stretch, ...]:
    """Return the drawing as stretches of time."""
    return tuple(
        Stretch(
            row=row.label,
            state=run.state,
            first=shown.since + run.first * shown.step,
            last=shown.since + (run.first + run.bins) * shown.step,
        )
        for group in shown.groups
        for row in group.rows
        for run in runs(row.states)
    )
