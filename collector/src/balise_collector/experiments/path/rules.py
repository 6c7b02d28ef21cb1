"""The rules over a path measurement: a path shows where, not whether.

Must not live here: how a fact is found (facts.py). Ids are permanent.
"""

from typing import Final

from balise_collector.judge.rules import Facts, Rule, own_failure
from balise_collector.judge.verdict import VerdictState
from balise_wire.words import Experiment

_LAYER: Final = Experiment.PATH
RULES: Final[tuple[Rule[Facts], ...]] = (
    own_failure(_LAYER),
    Rule(
        id="path.evidence",
        layer=_LAYER,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="A path shows where, not whether.",
        source="detectors.md, common rule (f)",
    ),
)
"""First match wins."""
