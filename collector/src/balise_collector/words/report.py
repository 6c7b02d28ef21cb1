"""The incident report: plain text that a journalist can read aloud and quote, in the reader's language.

Pure: incidents and names in, text out. Incidents that coincide (same country, same group) make one section, each
service keeping its own times. Layout lives here; the words live in tables.py.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Final

import msgspec

from balise_collector.fleet.watches import WatchWindow
from balise_collector.incidents.lengths import Past
from balise_collector.incidents.model import WITNESSES, Incident, IncidentKind, IncidentState, MechanismShare
from balise_collector.incidents.parts import Part
from balise_collector.words import wording
from balise_collector.words.tables import REPORT
from balise_collector.words.translation import ENGLISH, Language, translated
from balise_wire.words import TargetRole

WIDTH: Final = 78
_LABEL: Final = 14


class ReportFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a report needs beside the incidents."""

    services: Mapping[str, str]
    """Service id -> the name people know."""
    countries: Mapping[str, str]
    """Country code -> its name in the report's language."""
    zones: Mapping[str, tzinfo]
    """Country code -> the zone its times are told in."""
    written_at: float
    """UNIX seconds."""
    past: Mapping[str, Past] = {}
    """How long an incident lasts beside the earlier ones, by its id."""
    parts: Mapping[str, tuple[Part, ...]] = {}
    """How each part of the service does when the report is written, by the id of an incident that goes on."""
    watched: Mapping[str, tuple[WatchWindow, ...]] = {}
    """The operator's watch windows in which an incident began, by its id."""
    home: str = ""
    """Country whose zone the report's head is written in."""
    rules: str = ""


def report(incidents: Sequence[Incident], facts: ReportFacts, language: Language = ENGLISH) -> str:
    """Return the whole report; it ends with one newline."""
    texts = _texts(language)
    zone = _zone(facts, facts.home)
    head = texts["written"].format(
        at=wording.clock(facts.written_at, zone, language), zone=_zone_name(zone), rules=facts.rules or "-"
    )
    lines = [texts["title"], *textwrap.wrap(head, WIDTH), "=" * WIDTH]
    if not incidents:
        lines += ["", *textwrap.wrap(texts["none"], WIDTH)]
    for section in _sections(incidents):
        lines += ["", *_section(section, facts, language)]
    lines += ["", "-" * WIDTH, *textwrap.wrap(texts["unknown"], WIDTH)]
    return "\n".join(lines) + "\n"


def _sections(incidents: Sequence[Incident]) -> list[list[Incident]]:
    """Put incidents that coincide together, in order of their onset."""
    ordered = sorted(incidents, key=lambda one: (one.onset.latest, one.service))
    sections: dict[tuple[str, str, str, str], list[Incident]] = {}
    for one in ordered:
        key = (one.country, one.kind, "" if one.confirmed else "u", one.group or one.id)
        sections.setdefault(key, []).append(one)
    return list(sections.values())


def _section(group: Sequence[Incident], facts: ReportFacts, language: Language) -> list[str]:
    """One event: a headline, then what is common, then what each service has of its own."""
    texts, first = _texts(language), group[0]
    lines = [*textwrap.wrap(_headline(group, facts, language), WIDTH), ""]
    if len(group) == 1:
        lines += _own(first, facts, language)
    else:
        for one in group:
            lines += [f"  {_service(one, facts)}", *_own(one, facts, language), ""]
    lines += _common(group, language)
    if len(group) > 1 and (llr := max((one.group_llr or 0.0) for one in group)) > 0:
        lines += _row(texts["together"], texts["coincide"].format(odds=wording.odds(llr, language)))
    return lines


def headline(one: Incident, facts: ReportFacts, language: Language = ENGLISH, *, whole: bool = True) -> str:
    """Say one incident in one sentence, without its times: ``Pakistan: Twitter blocked on 2 of 3 measured ...``.

    Args:
        one: the incident.
        facts: names.
        language: the reader's.
        whole: say what is not known of its doer too; who leaves that out says it beside the sentence.
    """
    return _headline([one], facts, language, whole=whole)


def doubt(language: Language = ENGLISH) -> str:
    """Return what is not known of a doubtful incident, as a sentence's end that can stand alone."""
    return _texts(language)["doubtful"].format(headline="").strip("; ")


def _headline(group: Sequence[Incident], facts: ReportFacts, language: Language, *, whole: bool = True) -> str:
    """Say it in one sentence."""
    texts, first = _texts(language), group[0]
    values = {
        "country": facts.countries.get(first.country, first.country),
        "services": wording.join_words([_service(one, facts) for one in group], language),
        "kind": wording.what(group, language),
        "affected": len({asn for one in group for asn in one.scope.affected}),
        "measured": len({asn for one in group for asn in (*one.scope.affected, *one.scope.clean)}),
        "providers": wording.providers(first.scope.affected, language),
    }
    sentence = texts[_form(group)].format(**values)
    if whole and first.confirmed and any(one.doubtful for one in group):
        sentence = texts["doubtful"].format(headline=sentence)
    if first.state in {IncidentState.STANDING, IncidentState.WITHDRAWN}:
        sentence = texts[first.state.value].format(headline=sentence)
    if not first.confirmed and first.state is not IncidentState.WITHDRAWN:
        return texts["unconfirmed" if first.witnesses < WITNESSES else "unclaimed"].format(headline=sentence)
    return sentence


def _form(group: Sequence[Incident]) -> str:
    """Return which form of headline says no more than is told of the providers."""
    told = any(one.scope.affected for one in group)
    if group[0].kind == IncidentKind.SERVICE_FAULT:
        return "headline_world"
    if group[0].kind == IncidentKind.OUTAGE:
        return "headline_net" if told or not any(one.scope.withheld for one in group) else "headline_net_none"
    if any({"affected", "clean"} & set(one.scope.withheld) for one in group):
        return "headline_some" if told else "headline_none"
    return "headline"


def _own(one: Incident, facts: ReportFacts, language: Language) -> list[str]:
    """The rows in which incidents of one event may differ: times, parts, mechanisms, providers."""
    texts, zone = _texts(language), _zone(facts, one.country if one.country in facts.zones else facts.home)
    lines = _row(texts["began"], wording.interval(one.onset, zone, language))
    if one.rolled_out:
        times = (f"AS{each.asn} {wording.interval(each.onset, zone, language)}" for each in one.providers)
        lines += _row("", texts["rolled_out"].format(times="; ".join(times)))
    lines += _row(texts["ended"], wording.interval(one.end, zone, language) if one.end else texts["ongoing"])
    lines += [line for said in shown_only(one, facts, language) for line in _row(texts["shown"], said)]
    lines += [line for said in before(one, facts, language) for line in _row(texts["before"], said)]
    if roles := [wording.role(role, language) for role in one.roles if role != TargetRole.LINE]:
        lines += _row(texts["parts"], ", ".join(roles))
    for number, said in enumerate(_each_part(one, facts, zone, language)):
        lines += _row(texts["each_part"] if number == 0 else "", said)
    for number, said in enumerate(by_proxy(one, language)):
        lines += _row(texts["by_proxy"] if number == 0 else "", said)
    for number, share in enumerate(one.mechanisms):
        when = wording.share_times(share, zone, language) if len(one.mechanisms) > 1 else ""
        lines += _row(texts["how"] if number == 0 else "", _share(share, when, language))
    for label, asns in (
        ("affected", one.scope.affected),
        ("clean", one.scope.clean),
        ("not_measured", one.scope.not_measured),
    ):
        named = wording.providers(asns, language, withheld=label in one.scope.withheld)
        if label == "not_measured":
            named = texts["unmeasured"].format(providers=named)
        lines += _row(texts[label], named)
    probes = texts["probes"].format(affected=one.scope.affected_probes, measured=one.scope.measured_probes)
    if not one.scope.measured_probes and one.scope.withheld:
        probes = texts["probes_withheld"]
    sure = f"{wording.grade(one.grade, language)}; {probes}"
    return [*lines, *_row(texts["sure"], f"{sure}; {texts['forged']}" if one.forged else sure)]


def shown_only(one: Incident, facts: ReportFacts, language: Language = ENGLISH) -> tuple[str, ...]:
    """Say what is shown beside a beginning and never scored: the clock face, and a watch window that was on.

    Load-shedding and everybody's timers begin on the hour too (attribution.md 2.5), and who looks more often sees more.
    """
    texts, zone = _texts(language), _zone(facts, one.country if one.country in facts.zones else facts.home)
    told = []
    if (at := wording.clock_face(one.onset, zone)) is not None:
        told.append(texts["clock_face"].format(time=wording.clock(at, zone, language, day=False)))
    told += [
        texts["watched"].format(
            minutes=f"{window.interval / 60:g}",
            since=wording.clock(window.since, zone, language),
            until=wording.clock(window.until, zone, language),
        )
        for window in facts.watched.get(one.id, ())
    ]
    return tuple(told)


def before(one: Incident, facts: ReportFacts, language: Language = ENGLISH) -> tuple[str, ...]:
    """Say how an incident compares with those before it: its rank, or that there are too few; and a baseline.

    Args:
        one: the incident.
        facts: with what is known of its past; without that nothing is said.
        language: the reader's.
    """
    texts, known = _texts(language), facts.past.get(one.id)
    if known is None:
        return ()
    told = []
    if known.baseline:
        told.append(texts["baseline" if one.end is None else "unblock"])
    if known.percentile is not None:
        ranked = texts["before_rank"].format(
            shorter=known.shorter, dated=known.dated, percentile=round(known.percentile)
        )
        told.append(ranked if one.end else texts["before_so_far"].format(said=ranked))
    elif known.earlier:
        told.append(texts["before_few"].format(n=known.earlier, shorter=known.shorter))
    return tuple(told)


def by_proxy(one: Incident, language: Language = ENGLISH) -> tuple[str, ...]:
    """Say which parts were reached by way of a proxy while they failed directly, and which were not, each with an id.

    A part that nobody asked so, or no proxy that works, is not among them.
    """
    texts = _texts(language)
    blocked = one.kind is IncidentKind.INTERFERENCE and not one.doubtful
    told = []
    for works, form in ((True, "proxy_works" if blocked else "proxy_works_direct_fails"), (False, "proxy_fails")):
        parts = [wording.role(path.role, language) for path in one.other_path if path.works is works]
        if parts:
            told.append(texts[form].format(parts=wording.join_words(parts, language)))
    return tuple(told)


def _each_part(one: Incident, facts: ReportFacts, zone: tzinfo, language: Language) -> Iterator[str]:
    """Say how each part does when the report is written: of one service text may work while calls fail."""
    texts = _texts(language)
    for part in facts.parts.get(one.id, ()):
        values = {"part": wording.role(part.role, language), "word": wording.part(part.word, language)}
        said = texts["part_now"].format(**values)
        if part.since is not None:
            said = texts["part_since"].format(**values, began=wording.interval(part.since, zone, language))
        if part.times:
            said = texts["part_before"].format(said=said, n=part.times)
        if doubt := wording.doubt_of_hosts(part.confidence, language):
            said = texts["part_doubt"].format(said=said, doubt=doubt)
        yield said


def _common(group: Sequence[Incident], language: Language) -> list[str]:
    """Local or global, from the references of the whole group."""
    texts = _texts(language)
    locality = {one.locality for one in group}
    shown = group[0].locality if len(locality) == 1 else None
    rows: list[str] = []
    for one in group if shown is None else group[:1]:
        seen = one.references
        codes = [*seen.countries_ok, *([wording.others(language)] if seen.countries_withheld else [])]
        countries = f" ({', '.join(codes)})" if codes else ""
        said = texts["references"].format(ok=seen.ok, all=seen.ok + seen.failed, countries=countries)
        if seen.countries_dark:
            said += "; " + texts["dark"].format(countries=", ".join(seen.countries_dark))
        rows += _row(texts["where"], f"{wording.locality(one.locality, language)}; {said}")
    return rows


def _share(share: MechanismShare, when: str, language: Language) -> str:
    """One mechanism with the providers it was seen on, its rate, and when."""
    words = wording.mechanism(share.mechanism, language)
    providers = wording.providers(share.asns, language, withheld=not share.asns)
    rate = wording.rate(share.rate, language) if share.rate is not None else ""
    flows = wording.flows(share.flows, language) if share.flows is not None else ""
    return "; ".join(part for part in (f"{words} [{share.mechanism}]: {providers}", rate, flows, when) if part)


def _row(label: str, text: str) -> list[str]:
    """One labelled row, wrapped under its text."""
    wrapped = textwrap.wrap(text, WIDTH - _LABEL - 4) or [""]
    return [f"    {label:<{_LABEL}}{wrapped[0]}", *(" " * (_LABEL + 4) + rest for rest in wrapped[1:])]


def _service(one: Incident, facts: ReportFacts) -> str:
    """The name people know."""
    return facts.services.get(one.service, one.service)


def _zone(facts: ReportFacts, country: str) -> tzinfo:
    """The zone of a country, or of any country of the report, for its head; UTC where it is about none."""
    return facts.zones.get(country) or next(iter(facts.zones.values()), UTC)


def _zone_name(zone: tzinfo) -> str:
    """``Asia/Karachi`` rather than a number: it stays right when an offset changes."""
    return str(zone)


def _texts(language: Language) -> dict[str, str]:
    """The report's own texts in a language."""
    return {name: translated(language, text, "report") for name, text in REPORT.items()}
