"""What one verdict is worth: lambda = log P(rule | block) / P(rule | ok), in nats.

Lives here: the codes that verdicts are kept as, the hand-set probabilities, and the shrinkage towards what a quiet cell
has shown. Must not live here: sums over time (cusum.py) or over probes (mixture.py).
"""

import math
from typing import Final, NamedTuple

from balise_collector.experiments import RULES
from balise_collector.judge.rules import Weight
from balise_collector.judge.verdict import Level, Verdict, VerdictState
from balise_wire.mechanisms import Mechanism

CAP: Final = 3.0
"""Most nats one verdict can carry: a faulty or hostile probe has bounded influence (attribution.md 2.1)."""
SHRINKAGE: Final = 50.0
"""a: how many quiet bins weigh as much as the hand-set probability (attribution.md 2.1)."""
OK_GIVEN_BLOCK: Final = 0.05
"""P(ok | block): leaks and overload let some through. At .1 a local fault lingers long enough to meet another one and
false alarms double (simulation)."""

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
    THROTTLED = 6
    BLOCKED = 7


class Code(NamedTuple):
    """How verdicts of one rule enter the history of a cell."""

    rule: str
    state: VerdictState
    mechanism: Mechanism | None
    severity: int
    given_block: float
    """P(rule | block), by hand until 50 labelled events."""
    given_ok: float
    """P(rule | ok), by hand; the cell's own quiet bins take over from it."""

    @property
    def fails(self) -> bool:
        """Counts as a failure when distinct probes are counted."""
        return self.severity >= Severity.DOWN or self.severity == Severity.SILENT

    @property
    def positive(self) -> bool:
        """Speaks for a block."""
        return self.severity not in {Severity.OK, Severity.VOID}


_BY_STATE: Final[dict[VerdictState, tuple[int, float, float]]] = {
    VerdictState.BLOCKED: (Severity.BLOCKED, 0.9, 0.01),
    VerdictState.THROTTLED: (Severity.THROTTLED, 0.8, 0.02),
    VerdictState.SERVER_SIDE: (Severity.SERVER_SIDE, 0.9, 0.01),
    VerdictState.DOWN: (Severity.DOWN, 0.9, 0.01),
    VerdictState.OK: (Severity.OK, OK_GIVEN_BLOCK, 0.95),
}
_BY_WEIGHT: Final[dict[Weight, tuple[int, float, float]]] = {
    Weight.PARTIAL: (Severity.PARTIAL, 0.3, 0.06),
    # The line's own trouble replaces an assumed silence without being evidence itself.
    Weight.VOID: (Severity.VOID, 0.5, 0.5),
}
_BY_RULE: Final[dict[str, tuple[int, float, float]]] = {
    # Homes lose power and Wi-Fi; silence is the weakest failure there is.
    SILENT_RULE: (Severity.SILENT, 0.9, 0.06),
    **{rule.id: _BY_WEIGHT[rule.weight] for rule in RULES.values() if rule.weight in _BY_WEIGHT},
}


def code(rule: str, state: VerdictState, mechanism: Mechanism | None) -> Code | None:
    """Return how a verdict is kept; ``None`` where it says nothing (state insufficient)."""
    found = _BY_RULE.get(rule) or _BY_STATE.get(state)
    return None if found is None else Code(rule, state, mechanism, *found)


def code_of(verdict: Verdict) -> Code | None:
    """Return how a verdict is kept.

    A probe's own ``down`` on a service is not evidence of a block: references fail too, and tell it themselves.
    """
    if verdict.reference and verdict.layer == "line":
        return None  # A reference's own line is no service of the world.
    local_down = verdict.state is VerdictState.DOWN and not verdict.reference and verdict.layer != "line"
    if local_down or (verdict.level is Level.DISCARDED and not verdict.rule.startswith("line.")):
        return None if verdict.state is not VerdictState.OK else code(verdict.rule, verdict.state, verdict.mechanism)
    return code(verdict.rule, verdict.state, verdict.mechanism)


def shrunk(failures: float, bins: float, prior: float) -> float:
    """Return P(failure | ok) of a cell: (n_r + a p_r) / (n + a)."""
    return (failures + SHRINKAGE * prior) / (bins + SHRINKAGE)


def weight(kept: Code, failures: float, bins: float) -> float:
    """Return lambda of one bin, within +-CAP nats.

    Args:
        kept: the bin's code.
        failures: quiet bins of the cell that failed.
        bins: quiet bins of the cell in all.
    """
    if kept.severity == Severity.VOID:
        return 0.0
    if kept.severity == Severity.OK:
        failure = shrunk(failures, bins, 1.0 - kept.given_ok)
        return max(-CAP, math.log(kept.given_block / max(1.0 - failure, kept.given_block)))
    return max(0.0, min(CAP, math.log(kept.given_block / shrunk(failures, bins, kept.given_ok))))
