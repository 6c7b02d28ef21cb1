"""The word for a service, or for one part of it, in one country: the rule alone. Pure.

Lives here: what makes of fresh measurements and standing incidents one word, and why it is that word. The rule is
conservative: only several probes that agree make a word, and whatever is stale, contradictory or thin is "We cannot
tell". Must not live here: what makes an incident (incidents/), sentences (answer.py, parts.py), k-anonymity (the view).
"""

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from balise_collector.conclude.history import TROUBLE, UNCONFIRMED
from balise_collector.incidents.findings import findings
from balise_collector.incidents.model import Incident, IncidentKind
from balise_collector.judge.verdict import Verdict, VerdictState
from balise_collector.pages.views import formatting
from balise_wire.words import TargetRole

ENOUGH: Final = 2
"""Probes that must have measured it to work before it is called reachable."""


class AnswerWord(StrEnum):
    """The answer."""

    REACHABLE = "reachable"
    BLOCKED = "blocked"
    SLOWED = "slowed"
    FAILING = "failing"
    """By the network or by the service: that is not known."""
    UNKNOWN = "unknown"


STATES: Final = {
    AnswerWord.REACHABLE: VerdictState.OK,
    AnswerWord.BLOCKED: VerdictState.BLOCKED,
    AnswerWord.SLOWED: VerdictState.THROTTLED,
    AnswerWord.FAILING: VerdictState.INSUFFICIENT,
    AnswerWord.UNKNOWN: VerdictState.INSUFFICIENT,
}
"""The state whose colour and shape each word is shown with."""


class AnswerReason(StrEnum):
    """Why it is that word."""

    CLEAN = "clean"
    INCIDENT = "incident"
    DOUBTFUL = "doubtful"
    NOTHING = "nothing"
    VANISHED = "vanished"
    SERVICE_FAULT = "service_fault"
    EDGE_FAULT = "edge_fault"
    SERVER_SIDE = "server_side"
    OUTAGE = "outage"
    UNCONFIRMED = "unconfirmed"
    FEW = "few"


_OTHERS: Final = {
    IncidentKind.SERVICE_FAULT: AnswerReason.SERVICE_FAULT,
    IncidentKind.EDGE_FAULT: AnswerReason.EDGE_FAULT,
    IncidentKind.SERVER_SIDE: AnswerReason.SERVER_SIDE,
    IncidentKind.OUTAGE: AnswerReason.OUTAGE,
}
FOUND: Final = frozenset({AnswerWord.BLOCKED, AnswerWord.SLOWED, AnswerWord.FAILING})
_HAMPERED: Final = frozenset({VerdictState.BLOCKED, VerdictState.THROTTLED})


def decide(held: Sequence[Verdict], incidents: Sequence[Incident]) -> tuple[AnswerWord, AnswerReason]:
    """Return the answer.

    Args:
        held: what each probe of the country said last of each endpoint and layer, none of it stale.
        incidents: those of the service, and outages of the country, that cover the moment; only findings count.
    """
    if not held:
        return AnswerWord.UNKNOWN, AnswerReason.NOTHING
    told = findings(incidents)
    blocks = [one for one in told if one.kind is IncidentKind.INTERFERENCE]
    if blocks:
        affected = {asn for one in blocks for asn in one.scope.affected}
        if not any(verdict.state in _HAMPERED and verdict.network.asn in affected for verdict in held):
            return AnswerWord.UNKNOWN, AnswerReason.VANISHED
        slow = all(formatting.is_slow(one) for one in blocks)
        if all(one.doubtful for one in blocks):
            return AnswerWord.SLOWED if slow else AnswerWord.FAILING, AnswerReason.DOUBTFUL
        return AnswerWord.SLOWED if slow else AnswerWord.BLOCKED, AnswerReason.INCIDENT
    for one in told:
        if one.kind in _OTHERS:
            return AnswerWord.UNKNOWN, _OTHERS[one.kind]
    if any(verdict.state in TROUBLE or verdict.rule == UNCONFIRMED for verdict in held):
        return AnswerWord.UNKNOWN, AnswerReason.UNCONFIRMED
    by_role: dict[TargetRole, dict[str, set[VerdictState]]] = defaultdict(lambda: defaultdict(set))
    for verdict in held:
        by_role[verdict.role][verdict.probe].add(verdict.state)
    for probes in by_role.values():
        fine = sum(states == {VerdictState.OK} for states in probes.values())
        if fine < ENOUGH or fine * 2 <= len(probes):
            return AnswerWord.UNKNOWN, AnswerReason.FEW
    return AnswerWord.REACHABLE, AnswerReason.CLEAN
