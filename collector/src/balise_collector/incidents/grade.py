"""How sure: A, B, C or nothing (attribution.md 2.5), from counts and proofs. Pure.

This is the first, coarse version: no posterior over hypotheses yet, so A asks for what no server or edge fault can
produce, and everything else stays below it.
"""

from collections.abc import Iterable
from typing import Final

from balise_collector.experiments import RULES, SIGNS
from balise_collector.incidents.model import WITNESSES, IncidentKind, IncidentScope, Locality

PROOFS: Final = frozenset(sign.id for sign in SIGNS.values() if sign.excludes_fault)
"""Signs that no server or edge fault can produce."""
_OF_SILENCE: Final = frozenset(rule.id for rule in RULES.values() if rule.rests_on_silence or rule.server_not_excluded)
"""Rules that saw what the service can do itself: a SYN that vanishes, a name that is cut; at most C without a proof."""


def grade(
    kind: IncidentKind,
    locality: Locality,
    scope: IncidentScope,
    proofs: Iterable[str],
    rules: Iterable[str],
    witnesses: int,
) -> str:
    """Return the grade of an incident; empty text is ``insufficient``.

    Args:
        kind: only interference is graded by proofs; the others by counts.
        locality: where references fail too, interference is not claimed above C.
        scope: who is affected and who is clean.
        proofs: signs in the evidence.
        rules: ids of the rules that matched.
        witnesses: independent ones; boards of one operator are one.
    """
    probes, providers = min(witnesses, scope.affected_probes), len(scope.affected)
    all_measured = not scope.clean
    proof = bool(PROOFS & set(proofs))
    only_silence = set(rules) <= _OF_SILENCE
    if probes < WITNESSES:
        return ""
    if kind is not IncidentKind.INTERFERENCE:
        return "B" if probes >= 3 else "C"
    if locality is not Locality.LOCAL or (only_silence and not proof):
        return "C"
    if proof and probes >= 3 and (providers >= 2 or all_measured):
        return "A"
    return "B"
