"""What stands before every layer: measurements that are not judged, because of who made them or where the line stands.

Lives here: one rule for each bar, in the order in which they are asked. Must not live here: how a bar is found (the
inference holds the measurement against the member's record), or anything that looks at trials.
"""

from typing import Final

from balise_collector.judge.context import Bar
from balise_collector.judge.rules import Facts, Rule
from balise_collector.judge.verdict import Level, VerdictState
from balise_wire.words import Experiment

_REASONS: Final = {
    Bar.UNKNOWN: "The probe is not in the fleet: nobody vouches for where it stands.",
    Bar.COUNTRY: "The probe names a country in which nobody vouched for it.",
    Bar.TARGET: "The measurement contradicts the target that it names.",
    Bar.CLOCK: "It came late, and whether the probe's clock or its connection is to blame is not known.",
    Bar.ELSEWHERE: "The line is not where the record says: a tunnel, or a board that moved.",
}


def bars(layer: Experiment) -> tuple[Rule[Facts], ...]:
    """Return the rules that stand before those of a layer."""
    return tuple(_bar(layer, bar) for bar in _REASONS)


def _bar(layer: Experiment, bar: Bar) -> Rule[Facts]:
    return Rule(
        id=bar.value,
        layer=layer,
        state=VerdictState.INSUFFICIENT,
        level=Level.DISCARDED,
        when=lambda f: f.bar is bar,
        reason=_REASONS[bar],
        source="ours: who says it, and is that the probe's to say",
    )
