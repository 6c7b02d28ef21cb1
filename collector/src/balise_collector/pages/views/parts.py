"""Each part of a service in a country, as one word: works, blocked, slowed, cannot tell, not measured. Pure.

Lives here: what of verdicts and incidents speaks of one part, and since when it is as it is. The rule for the word is
that of the whole service (decision.py), asked of the part alone. Must not live here: markup, k-anonymity (the view).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from balise_collector.conclude.history import newest
from balise_collector.detect.interval import Interval
from balise_collector.incidents.findings import findings
from balise_collector.incidents.model import Incident, IncidentKind
from balise_collector.incidents.parts import Part, PartWord
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.views.decision import ENOUGH, AnswerReason, AnswerWord, decide
from balise_collector.pages.views.matrix import WINDOW
from balise_collector.pages.views.read_model import INTERNET, View
from balise_collector.words.countries import WORLD
from balise_wire.words import Experiment, TargetRole

_WORDS: Final = {
    AnswerWord.REACHABLE: PartWord.WORKS,
    AnswerWord.BLOCKED: PartWord.BLOCKED,
    AnswerWord.SLOWED: PartWord.SLOWED,
    AnswerWord.FAILING: PartWord.FAILING,
    AnswerWord.UNKNOWN: PartWord.UNKNOWN,
}
_FOUND: Final = frozenset({PartWord.BLOCKED, PartWord.SLOWED, PartWord.FAILING, PartWord.REFUSED})
_THE_SERVERS: Final = frozenset({AnswerReason.FEW, AnswerReason.UNCONFIRMED})
"""Why it cannot be told, where what the server itself said may tell more."""
CHALLENGE: Final = "server.challenge"
"""Rule of a test for robots over verified TLS."""
_NO_PART: Final = frozenset({TargetRole.LINE, TargetRole.CONTROL})


def held_of(verdicts: Iterable[Verdict], country: str) -> list[Verdict]:
    """Return what each probe of a country said last of each endpoint and layer."""
    return newest(one for one in verdicts if one.network.country == country and not one.reference)


def covering(incidents: Iterable[Incident], country: str, service: str, at: float) -> list[Incident]:
    """Return the incidents of a service that cover a moment, and the outages of its country; findings first."""
    found = [
        one
        for one in incidents
        if one.service in {service, INTERNET}
        and one.country in {country, WORLD}
        and one.onset.latest <= at
        and (one.end is None or at < one.end.latest)
    ]
    return sorted(found, key=lambda one: (one.kind is not IncidentKind.INTERFERENCE, one.onset.latest))


def parts(view: View, country: str, service: str, at: float) -> tuple[Part, ...]:
    """Return how each part that the catalogue has, or that was measured, does at a moment.

    Args:
        view: where conclusions come from.
        country: code in capitals.
        service: id of the catalogue.
        at: UNIX seconds.
    """
    held = held_of(view.store.verdicts(at - WINDOW, at, None, service), country)
    return parts_of(view, (country, service), at, held, view.store.incidents())


def parts_of(
    view: View, place: tuple[str, str], at: float, held: Sequence[Verdict], incidents: Sequence[Incident]
) -> tuple[Part, ...]:
    """Return the same from what each probe said last.

    Args:
        view: which parts the catalogue has.
        place: country and service.
        at: UNIX seconds.
        held: what each probe there said last of the service.
        incidents: all that may be told.
    """
    country, service = place
    measured = {one.role for one in held}
    listed = set(view.roles.get(service, ()))
    sure = view.confidence.get(service, {})
    return tuple(
        _part(role, [one for one in held if one.role is role], _about(incidents, country, service, role), at, sure)
        for role in TargetRole
        if role in measured | listed and role not in _NO_PART
    )


def _about(incidents: Iterable[Incident], country: str, service: str, role: TargetRole) -> list[Incident]:
    """Return what incidents say of one part: those of the network as a whole as they are."""
    found = []
    for one in incidents:
        if one.country not in {country, WORLD} or one.service not in {service, INTERNET}:
            continue
        if one.service == INTERNET:
            found.append(one)
        elif role in one.roles:
            shares = tuple(share for share in one.mechanisms if not share.roles or role in share.roles)
            found.append(msgspec.structs.replace(one, mechanisms=shares or one.mechanisms))
    return found


def _part(
    role: TargetRole, held: Sequence[Verdict], about: Sequence[Incident], at: float, sure: Mapping[str, str]
) -> Part:
    now = [one for one in about if one.onset.latest <= at and (one.end is None or at < one.end.latest)]
    word, reason = decide(held, now)
    found = _WORDS[word]
    if reason is AnswerReason.NOTHING:
        found = PartWord.NOT_MEASURED
    elif reason is AnswerReason.SERVER_SIDE:
        found = PartWord.REFUSED
    elif found is PartWord.UNKNOWN and reason in _THE_SERVERS:
        found = _the_servers_own(held) or found
    own = [one for one in findings(about) if one.service != INTERNET]
    cause = next(iter(sorted(findings(now), key=lambda one: one.onset.latest)), None) if found in _FOUND else None
    ended = [one for one in own if one.end is not None and one.end.latest <= at]
    return Part(
        role=role,
        word=found,
        since=_since(found, role, cause, ended),
        incident="" if cause is None else cause.id,
        times=sum(one.kind is IncidentKind.INTERFERENCE for one in ended),
        confidence=sure.get(role.value, ""),
    )


def _the_servers_own(held: Sequence[Verdict]) -> PartWord | None:
    """Return what the authentic server says to most probes that asked for a page; ``None`` where it says nothing so.

    No incident needs to be told of it: a sign-up that is refused, or stands behind a test for robots, is the service's
    own doing from the first two probes on, and whether it means the country or their addresses is not claimed.
    """
    asked: dict[str, Verdict] = {one.probe: one for one in held if one.layer is Experiment.HTTP}
    refused = sum(one.state is VerdictState.SERVER_SIDE for one in asked.values())
    challenged = sum(one.rule == CHALLENGE for one in asked.values())
    for number, word in ((refused, PartWord.REFUSED), (challenged, PartWord.CHALLENGED)):
        if number >= ENOUGH and number * 2 > len(asked):
            return word
    return None


def _since(word: PartWord, role: TargetRole, cause: Incident | None, ended: Sequence[Incident]) -> Interval | None:
    """Return when it became what it is: the part's own share where it is dated, or the end of what was before."""
    if cause is not None:
        dated = [share.onset for share in cause.mechanisms if share.onset is not None and role in share.roles]
        return min(dated, key=lambda one: one.latest, default=cause.onset)
    if word is PartWord.WORKS:
        return max((one.end for one in ended if one.end is not None), key=lambda one: one.latest, default=None)
    return None
