"""The one rule over what a newer probe measured, and this collector has no word for. Pure.

Must not live here: any experiment that there is a word for (experiments/<x>/).
"""

from typing import Final

from balise_collector.judge.rules import Facts, Rule
from balise_collector.judge.verdict import VerdictState
from balise_wire.words import Experiment

RULES: Final[tuple[Rule[Facts], ...]] = (
    Rule(
        id="unknown.experiment",
        layer=Experiment.UNKNOWN,
        state=VerdictState.INSUFFICIENT,
        when=lambda _f: True,
        reason="An experiment that this collector does not know: the probe is newer. It is kept as it came.",
        source="docs/wire.md, versioning law 2",
    ),
)
