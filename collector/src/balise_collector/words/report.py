"""The incident report: plain text that a journalist can read aloud and quote, in the reader's language.

Pure: incidents and names in, text out. Incidents that coincide (same country, same group) make one section, each
service keeping its own times. Layout lives here; the words live in tables.py.
"""

import textwrap
from collections.abc import Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Final

import msgspec

from balise_collector.incidents.model import WITNESSES, Incident, IncidentKind, IncidentState, MechanismShare
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
    if roles := [wording.role(role, language) for role in one.roles if role != TargetRole.LINE]:
        lines += _row(texts["parts"], ", ".join(roles))
    for number, share in enumerate(one.mechanisms):
        lines += _row(texts["how"] if number == 0 else "", _share(share, language))
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


def _share(share: MechanismShare, language: Language) -> str:
    """One mechanism with the providers it was seen on."""
    words = wording.mechanism(share.mechanism, language)
    providers = wording.providers(share.asns, language, withheld=not share.asns)
    return f"{words} [{share.mechanism}]: {providers}"


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
