"""What a verdict is kept as, and what a bin of it shows. Must not live here: what that is worth (stretches.py)."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from balise_collector.detect.stretches import Symbol
from balise_collector.experiments import RULES, SIGNS
from balise_collector.judge.rules import Weight
from balise_collector.judge.verdict import Level, Verdict, VerdictState
from balise_wire.mechanisms import Mechanism

SILENT_RULE: Final = "line.silent"
"""The detector's own code for a probe that has gone quiet; no measurement carries it."""


class Severity:
    """Which verdict stands for a bin that has several: the worst; a real one always before silence."""

    SILENT = 0
    VOID = 1
    OK = 2
    PARTIAL = 3
    DOWN = 4
    SERVER_SIDE = 5
    SHARE = 6
    THROTTLED = 7
    BLOCKED = 8
    PROVED = 9


class Code(NamedTuple):
    """How verdicts of one rule enter the history of a cell."""

    rule: str
    state: VerdictState
    mechanism: Mechanism | None
    severity: int
    proof: bool = False
    """Its verdicts show what no server and no line at home can produce."""

    blind_to: frozenset[Mechanism] = frozenset()
    """Of a success: the mechanisms that it does not look at, and neither contradicts nor ends."""

    @property
    def fails(self) -> bool:
        """Counts as a failure when distinct probes are counted."""
        return self.severity >= Severity.DOWN or self.severity == Severity.SILENT

    @property
    def positive(self) -> bool:
        """Speaks for a block."""
        return self.severity not in {Severity.OK, Severity.VOID}

    @property
    def symbol(self) -> Symbol:
        """What a bin of it shows; of one that is void: an ok, which nobody must ask."""
        if self.severity == Severity.SILENT:
            return Symbol.SILENT
        if self.severity == Severity.PARTIAL:
            return Symbol.PARTIAL
        if self.severity == Severity.SHARE:
            return Symbol.SHARE
        if self.severity >= Severity.DOWN:
            return Symbol.PROOF if self.proof else Symbol.FAIL
        return Symbol.OK


def blind(codes: Sequence[Code], at_stake: Collection[Mechanism]) -> frozenset[int]:
    """Return the indexes of the successes that look at nothing of what is at stake: they speak neither way."""
    return frozenset(n for n, code in enumerate(codes) if at_stake and code.blind_to.issuperset(at_stake))


_BY_STATE: Final[dict[VerdictState, int]] = {
    VerdictState.BLOCKED: Severity.BLOCKED,
    VerdictState.THROTTLED: Severity.THROTTLED,
    VerdictState.SERVER_SIDE: Severity.SERVER_SIDE,
    VerdictState.DOWN: Severity.DOWN,
    VerdictState.OK: Severity.OK,
}
_BY_WEIGHT: Final[dict[Weight, int]] = {
    Weight.PARTIAL: Severity.PARTIAL,
    Weight.SHARE: Severity.SHARE,
    # The line's own trouble replaces an assumed silence without being evidence itself.
    Weight.VOID: Severity.VOID,
}
_BY_RULE: Final[dict[str, int]] = {
    # Homes lose power and Wi-Fi; silence is the weakest failure there is.
    SILENT_RULE: Severity.SILENT,
    **{rule.id: _BY_WEIGHT[rule.weight] for rule in RULES.values() if rule.weight in _BY_WEIGHT},
}
SHARES: Final = frozenset(rule.id for rule in RULES.values() if rule.weight is Weight.SHARE)
"""Rules of a series most of which failed: what acts on a share of the flows."""
_PROOFS: Final = frozenset(sign.id for sign in SIGNS.values() if sign.excludes_fault)


def proves(verdict: Verdict) -> bool:
    """Whether a verdict carries a sign that no server and no line at home can produce."""
    return bool(verdict.proof) and not _PROOFS.isdisjoint(verdict.proof)


def code(rule: str, state: VerdictState, mechanism: Mechanism | None, *, proof: bool = False) -> Code | None:
    """Return how a verdict is kept; ``None`` where it says nothing (state insufficient)."""
    found = _BY_RULE.get(rule, _BY_STATE.get(state))
    if found is None:
        return None
    proof = proof and found == Severity.BLOCKED
    blind: frozenset[Mechanism] = getattr(RULES.get(rule), "no_word_on", frozenset())
    return Code(rule, state, mechanism, Severity.PROVED if proof else found, proof, blind)


def code_of(verdict: Verdict) -> Code | None:
    """Return how a verdict is kept.

    A probe's own ``down`` on a service is not evidence of a block: references fail too, and tell it themselves.
    """
    if verdict.reference and verdict.layer == "line":
        return None  # A reference's own line is no service of the world.
    local_down = verdict.state is VerdictState.DOWN and not verdict.reference and verdict.layer != "line"
    proof = proves(verdict)
    set_aside = verdict.level is Level.DISCARDED and not verdict.rule.startswith("line.")
    if (local_down or set_aside) and verdict.state is not VerdictState.OK:
        return None
    return code(verdict.rule, verdict.state, verdict.mechanism, proof=proof)
