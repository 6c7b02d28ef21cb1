"""How sure: A, B, C or nothing (attribution.md 2.5), from the posterior, counts and proofs. Pure."""

from collections.abc import Iterable
from typing import Final

from balise_collector.experiments import RULES, SIGNS
from balise_collector.incidents.model import WITNESSES, IncidentKind, IncidentScope, Locality
from balise_collector.judge.verdict import VerdictState

PROOFS: Final = frozenset(sign.id for sign in SIGNS.values() if sign.excludes_fault)
"""Signs that no server, edge or limiter can produce."""
LEAST: Final = {"A": 0.99, "B": 0.95, "C": 0.8}
"""How likely the incident's kind must be, all hypotheses weighed."""
_NOT_THE_SERVICE: Final = frozenset(
    rule.id
    for rule in RULES.values()
    if rule.state in {VerdictState.BLOCKED, VerdictState.THROTTLED}
    and not (rule.rests_on_silence or rule.server_not_excluded)
)
"""Rules that saw what the service cannot do itself. A SYN that vanishes or a name that is cut it can: at most C without
a proof. A clean provider does not exclude it: fronts stand in regions, and serve providers from different ones. What is
no claim itself, as a series that failed in part beside others that failed whole, makes nothing surer."""


def grade(
    kind: IncidentKind,
    locality: Locality,
    probability: float,
    scope: IncidentScope,
    proofs: Iterable[str],
    rules: Iterable[str],
    witnesses: int,
) -> str:
    """Return the grade of an incident; empty text is ``insufficient``.

    Args:
        kind: only interference is graded by proofs; the others by counts.
        locality: where the references do not settle it, interference is not claimed above C.
        probability: how likely the kind is, all hypotheses weighed.
        scope: who is affected and who is clean.
        proofs: signs in the evidence that two witnesses have.
        rules: ids of the rules that matched, for two witnesses.
        witnesses: independent ones; boards of one operator are one.
    """
    probes, providers = min(witnesses, scope.affected_probes), len(scope.affected)
    if probes < WITNESSES or kind is IncidentKind.OWN_FAULT or probability < LEAST["C"]:
        return ""
    if kind is not IncidentKind.INTERFERENCE:
        return "B" if probes >= 3 and probability >= LEAST["B"] else "C"
    proof = bool(PROOFS & set(proofs))
    if locality is not Locality.LOCAL or probability < LEAST["B"] or not (proof or _NOT_THE_SERVICE & set(rules)):
        return "C"
    if proof and probability >= LEAST["A"] and probes >= 3 and (providers >= 2 or not scope.clean):
        return "A"
    return "B"
