"""How fast a scenario can be played on this machine just now.

Lives here: the one decision, before anything is started, since every program's clock is given to it at its start. Must
not live here: measuring the machine (world/machine.py), or the clock.
"""

from dataclasses import replace
from typing import Final

from balise_lab.scenario.clock import pause
from balise_lab.scenario.schema import Scenario
from balise_lab.world import machine

_OURS: Final = 2.5
"""Up to so slow a machine will do: five runs side by side on two cores leave each of them that much."""
_APART: Final = 0.5
"""Real seconds between two measures: a burst of somebody else's is over by then."""
_MOST: Final = 4.0
"""A run of five minutes then takes twenty."""
_MOST_BEFORE_OTHERS: Final = 3.0
"""The same for a run that goes before all other work: what slows it then is another such run, and ends with it."""


def at_speed(scenario: Scenario, *, beside_others: bool = False) -> Scenario:
    """Return the scenario as this machine can play it: on a busy one its clock and time-outs are slower alike.

    Args:
        scenario: as its file has it.
        beside_others: whether other runs of ours go on: it takes no precedence then. A run that does leaves those that
            found the machine idle, and play at full speed, next to nothing of it.
    """
    if _slowness() <= _OURS:
        return scenario
    most = _MOST_BEFORE_OTHERS if not beside_others and machine.take_precedence() else _MOST
    slowed = min(most, _slowness() / _OURS)
    return scenario if slowed <= 1.0 else replace(scenario, scale=scenario.scale / slowed, slowed=slowed)


def slower(scenario: Scenario, times: float) -> Scenario:
    """Return a scenario as it is played by a machine that turned out slower than it was measured, so many times."""
    slowed = min(_MOST, scenario.slowed * times)
    return replace(scenario, scale=scenario.scale * scenario.slowed / slowed, slowed=slowed)


def _slowness() -> float:
    """Return the least of three measures of the machine."""
    found = machine.slowness()
    for _ in range(2):
        if found <= _OURS:
            break
        pause(_APART)
        found = min(found, machine.slowness())
    return found
