"""One service in one country as one word: reachable, blocked, slowed, or that we cannot tell. Pure.

Lives here: the facts that stand beside the word. Must not live here: the rule that finds it (decision.py), the parts'
own words (parts.py), what makes an incident (incidents/), markup, k-anonymity (the view).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from balise_collector.conclude.history import packed_bins, settle
from balise_collector.conclude.tally import TallySeries
from balise_collector.incidents.findings import findings
from balise_collector.incidents.model import Incident, IncidentKind, Locality
from balise_collector.incidents.parts import Part, PartWord
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.drawing import svg
from balise_collector.pages.views import formatting
from balise_collector.pages.views.decision import FOUND, STATES, AnswerReason, AnswerWord, decide
from balise_collector.pages.views.matrix import DAY, WINDOW
from balise_collector.pages.views.overview import Freshness, freshness
from balise_collector.pages.views.parts import covering, held_of, parts_of
from balise_collector.pages.views.read_model import View
from balise_collector.words import wording
from balise_collector.words.countries import WORLD
from balise_wire.bins import BIN
from balise_wire.words import TargetRole

_MOST_SAID: Final = 60
"""Statements of the past that are shown."""


# ---------------------------------------------------------------- the page


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerCell:
    """One part of the service on one provider."""

    state: VerdictState | None
    """``None``: not measured in the window."""
    numbers: str
    strip: Markup


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What we said once."""

    at: float
    incident: str
    standing: str
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartLine:
    """One part of the service, in words."""

    name: str
    state: VerdictState | None
    """Whose colour and shape it is shown with; ``None``: not measured."""
    word: str
    since: str
    """Empty where nothing else was ever found of it."""
    incident: str
    before: str
    """How many times it was interrupted before; empty for never."""
    doubt: str
    """What is not sure of its hosts; empty where nothing is doubted."""


_PART_STATES: Final = {
    PartWord.WORKS: VerdictState.OK,
    PartWord.BLOCKED: VerdictState.BLOCKED,
    PartWord.SLOWED: VerdictState.THROTTLED,
    PartWord.FAILING: VerdictState.INSUFFICIENT,
    PartWord.REFUSED: VerdictState.SERVER_SIDE,
    PartWord.CHALLENGED: VerdictState.SERVER_SIDE,
    PartWord.UNKNOWN: VerdictState.INSUFFICIENT,
    PartWord.NOT_MEASURED: None,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPage:
    """Everything the page shows."""

    country: str
    country_name: str
    service: str
    service_name: str
    word: AnswerWord
    state: VerdictState
    spoken: str
    """The word, as it is said."""
    because: str
    at: float
    back: bool
    """Whether a moment of the past was asked for."""
    fresh: Freshness
    numbers: str
    """n: measurements, probes, providers."""
    coverage: str
    parts: tuple[PartLine, ...]
    """Each part of the service in one word."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[AnswerCell, ...]], ...]
    """(part, its cells in the order of the columns)."""
    mechanisms: tuple[str, ...]
    locality: str
    unknown: tuple[str, ...]
    incidents: tuple[tuple[str, VerdictState, str], ...]
    """(id, state, sentence) of those that cover the moment."""
    said: tuple[Statement, ...]
    path: str
    """The permalink, from the root of these pages."""
    quote: str
    rules: str


def spoken(word: AnswerWord, view: View) -> str:
    """Return the answer as it is said."""
    return {
        AnswerWord.REACHABLE: view.gettext("Reachable"),
        AnswerWord.BLOCKED: view.gettext("Blocked"),
        AnswerWord.SLOWED: view.gettext("Slowed"),
        AnswerWord.FAILING: view.gettext("Failing"),
        AnswerWord.UNKNOWN: view.gettext("We cannot tell"),
    }[word]


def page(view: View, country: str, service: str, at: float | None = None, base: str = "") -> AnswerPage | None:
    """Return the answer for a service in a country; ``None`` where we know nothing of either.

    Args:
        view: where conclusions come from.
        country: code in capitals.
        service: id of the catalogue.
        at: the moment asked for, UNIX seconds; ``None`` for now.
        base: scheme and host to write before the permalink in the quote.
    """
    if service not in view.services or country not in countries(view):
        return None
    fresh = freshness(view)
    moment = min(at, view.now) if at is not None else fresh.as_of
    held = held_of(view.store.verdicts(moment - WINDOW, moment, None, service), country)
    every = view.store.incidents()
    covered = covering(every, country, service, moment)
    word, reason = decide(held, covered)
    measured = {verdict.network.asn for verdict in held}
    known = measured | _known(view, country)
    rows, missing = _rows(view, country, service, moment, held, sorted(known))
    path = f"/{country}/{service}?at={formatting.query_time(moment)}"
    numbers = _numbers(view, held)
    rules = next((verdict.rules_version for verdict in reversed(held) if verdict.rules_version), "") or view.rules
    told = findings(covered)
    why = because(view, reason, [one for one in told if one.kind is IncidentKind.INTERFERENCE])
    return AnswerPage(
        country=country,
        country_name=view.country(country),
        service=service,
        service_name=view.service(service),
        word=word,
        state=STATES[word],
        spoken=spoken(word, view),
        because=why,
        at=moment,
        back=at is not None,
        fresh=fresh,
        numbers=numbers,
        coverage=view.gettext("{measured} of {known} providers that we know of there were measured.").format(
            measured=len(measured), known=len(known)
        ),
        parts=tuple(_part_line(view, country, one) for one in parts_of(view, (country, service), moment, held, every)),
        columns=tuple(formatting.provider(asn) for asn in sorted(known)),
        rows=rows,
        mechanisms=_mechanisms(view, told) if word in FOUND else (),
        locality=_locality(view, word, told),
        unknown=_unknown(view, sorted(known - measured), missing, told),
        incidents=tuple((one.id, formatting.state_of(one), formatting.sentence(one, view)) for one in covered),
        said=_said(view, country, service),
        path=path,
        quote=_quote(view, country, service, word, moment, (why, numbers), (base + path, rules)),
        rules=rules,
    )


def words(view: View) -> tuple[tuple[str, str, tuple[tuple[str, str, VerdictState, str], ...]], ...]:
    """Return the answers of now: (country, its name, ((service, its name, state, the word), ...)) each."""
    moment = freshness(view).as_of
    verdicts, incidents = view.store.verdicts(moment - WINDOW, moment), view.store.incidents()
    found = []
    for code in sorted(countries(view), key=view.country):
        row = []
        for service in sorted(view.services, key=view.service):
            held = held_of((one for one in verdicts if one.service == service), code)
            word, _ = decide(held, covering(incidents, code, service, moment))
            row.append((service, view.service(service), STATES[word], spoken(word, view)))
        found.append((code, view.country(code), tuple(row)))
    return tuple(found)


def countries(view: View) -> set[str]:
    """Return the countries that we can say anything about: those with probes, and those with incidents."""
    probes = {member.network.country for member in view.members if not member.reference}
    return (probes | {one.country for one in view.store.incidents()}) - {WORLD}


# ---------------------------------------------------------------- facts


def _known(view: View, country: str) -> set[int]:
    """Return the providers of a country that we have probes on."""
    return {one.network.asn for one in view.members if one.network.country == country and not one.reference}


def _part_line(view: View, country: str, one: Part) -> PartLine:
    """Return one part as it is shown."""
    return PartLine(
        name=wording.role(one.role, view.language),
        state=_PART_STATES[one.word],
        word=wording.part(one.word, view.language),
        since="" if one.since is None else wording.interval(one.since, view.zone(country), view.language),
        incident=one.incident,
        before=view.ngettext("{n} time before", "{n} times before", one.times).format(n=one.times) if one.times else "",
        doubt=wording.doubt_of_hosts(one.confidence, view.language),
    )


def _numbers(view: View, held: Sequence[Verdict]) -> str:
    """Say what the answer rests on."""
    probes, networks = {one.probe for one in held}, {one.network.asn for one in held}
    return view.gettext("n = {measurements} by {probes} on {providers}").format(
        measurements=formatting.measurements(view, len(held)),
        probes=formatting.probes(view, len(probes)),
        providers=formatting.providers(view, len(networks)),
    )


def _rows(
    view: View, country: str, service: str, at: float, held: Sequence[Verdict], columns: Sequence[int]
) -> tuple[tuple[tuple[str, tuple[AnswerCell, ...]], ...], list[str]]:
    """Return a row for each part of the service, and the parts that were measured in the day but not now."""
    until = (int(at) // BIN + 1) * BIN
    past: dict[tuple[TargetRole, int], list[TallySeries]] = defaultdict(list)
    for series in view.store.series(until - DAY, DAY // BIN, service):
        if series.country == country and not series.reference:
            past[TargetRole(series.role), series.asn].append(series)
    measured = {one.role for one in held}
    rows, missing = [], []
    for role in (role for role in TargetRole if role in measured or any(role is known for known, _ in past)):
        name = wording.role(role, view.language)
        cells = tuple(_cell(view, role, asn, name, held, past[role, asn]) for asn in columns)
        rows.append((name, cells))
        if role not in measured:
            missing.append(name)
    return tuple(rows), missing


def _cell(
    view: View, role: TargetRole, asn: int, name: str, held: Sequence[Verdict], past: Sequence[TallySeries]
) -> AnswerCell:
    """Return one part on one provider."""
    here = [one for one in held if one.role is role and one.network.asn == asn]
    state = settle(Counter(one.state for one in here))
    alike = sum(one.state is state for one in here)
    title = view.gettext("{part}, {provider}, the 24 hours before").format(part=name, provider=formatting.provider(asn))
    return AnswerCell(
        state=state,
        numbers=""
        if state is None
        else view.gettext("{alike} of n = {measurements}, {probes}").format(
            alike=alike,
            measurements=formatting.measurements(view, len(here)),
            probes=formatting.probes(view, len({one.probe for one in here})),
        ),
        strip=svg.strip(packed_bins(past, DAY // BIN), title, f"{role.value}-{asn}", view.gettext),
    )


def because(view: View, reason: AnswerReason, told: Sequence[Incident]) -> str:
    """Say why it is that word, in one sentence."""
    if reason is AnswerReason.INCIDENT:
        affected = {asn for one in told for asn in one.scope.affected}
        measured = affected | {asn for one in told for asn in one.scope.clean}
        if any(one.scope.withheld for one in told):
            return view.gettext("Measured; on how many providers is not published. Controls on the same lines worked.")
        return view.gettext(
            "Interference measured on {affected} of {measured}; controls on the same lines worked."
        ).format(affected=len(affected), measured=formatting.providers(view, len(measured)))
    if reason is AnswerReason.DOUBTFUL:
        affected = {asn for one in told for asn in one.scope.affected}
        return view.gettext(
            "It fails on {affected}; it is not known whether the network or the service does it."
        ).format(affected=formatting.providers(view, len(affected)))
    return {
        AnswerReason.CLEAN: view.gettext("Every part that we measure worked from at least two probes."),
        AnswerReason.NOTHING: view.gettext("Nothing was measured in the 15 minutes before."),
        AnswerReason.VANISHED: view.gettext(
            "An incident has not ended by our rules, and the newest measurements do not show it. We wait for more."
        ),
        AnswerReason.SERVICE_FAULT: view.gettext(
            "The service fails for references abroad too: it is the service's own fault, and hides all else."
        ),
        AnswerReason.EDGE_FAULT: view.gettext(
            "The service's servers for this region are dead from abroad too, which hides all else."
        ),
        AnswerReason.SERVER_SIDE: view.gettext(
            "The service's own server answers and refuses. That is no interference."
        ),
        AnswerReason.OUTAGE: view.gettext("A network there is down as a whole, which hides all else."),
        AnswerReason.UNCONFIRMED: view.gettext(
            "Some measurements failed, and too few probes agree to call it a finding."
        ),
        AnswerReason.FEW: view.gettext(
            "Fewer than two probes, or no more than half of them, measured every part to work."
        ),
    }[reason]


def _mechanisms(view: View, told: Sequence[Incident]) -> tuple[str, ...]:
    """Return how, in words, each way once."""
    ways = [share.mechanism for one in told for share in one.mechanisms]
    return tuple(wording.mechanism(way, view.language) for way in dict.fromkeys(ways))


def _locality(view: View, word: AnswerWord, told: Sequence[Incident]) -> str:
    """Say whether it is local or global, where there is anything to be local."""
    if not told:
        return view.gettext("Nothing is amiss that could be local or global.") if word is AnswerWord.REACHABLE else ""
    localities = {one.locality for one in told}
    shown = localities.pop() if len(localities) == 1 else Locality.UNKNOWN
    said = wording.locality(shown, view.language)
    return said[:1].upper() + said[1:] + "."


def _unknown(view: View, silent: Sequence[int], missing: Sequence[str], found: Sequence[Incident]) -> tuple[str, ...]:
    """Say what we do not know."""
    told = [view.gettext("Who or what causes it, or why. Measurements show how and where, and nothing more.")]
    if not found:
        told = [view.gettext("How it is where we have no probe. Filters can differ from street to street.")]
    if silent:
        told.append(
            view.gettext("How it is on {providers}: we have probes there, and nothing fresh of them.").format(
                providers=wording.join_words([formatting.provider(asn) for asn in silent], view.language)
            )
        )
    if missing:
        told.append(
            view.gettext("How these parts are now: {parts}. They were last measured earlier in the day.").format(
                parts=wording.join_words(missing, view.language)
            )
        )
    if any(one.locality is Locality.UNKNOWN for one in found):
        told.append(view.gettext("Whether it is local: too few references abroad measured the same endpoints."))
    told.append(view.gettext("What happens inside the app after login, and how many people meet it."))
    return tuple(told)


def _said(view: View, country: str, service: str) -> tuple[Statement, ...]:
    """Return what we said when, the newest first; a revision that says the same again is left out."""
    last: dict[str, tuple[str, str]] = {}
    told = []
    for at, one in view.store.told(country, service):
        said = (formatting.standing(one, view), formatting.sentence(one, view))
        if last.get(one.id) != said:
            told.append(Statement(at=at, incident=one.id, standing=said[0], sentence=said[1]))
        last[one.id] = said
    return tuple(reversed(told[-_MOST_SAID:]))


def _quote(
    view: View,
    country: str,
    service: str,
    word: AnswerWord,
    at: float,
    reasons: tuple[str, str],
    source: tuple[str, str],
) -> str:
    """Return the sentences to copy.

    Args:
        view: of the reader.
        country: which.
        service: which.
        word: the answer.
        at: UNIX seconds of the moment that it is about.
        reasons: why, and the numbers.
        source: where it comes from, and by which rules it was made.
    """
    because, numbers = reasons
    link, rules = source
    head = view.gettext("{service} in {country}: {word}, as of {at}.").format(
        service=view.service(service),
        country=view.country(country),
        word=spoken(word, view).lower(),
        at=formatting.both_times(at, view.zone(country), view.language),
    )
    made = view.gettext("balise, rules {rules}, {link}").format(rules=rules, link=link)
    return f"{head} {because} ({numbers}.)\n{made}\n"
