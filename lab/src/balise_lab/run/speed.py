"""How fast a scenario can be played on this machine just now.

Lives here: the one decision, before anything is started, since every program's clock is given to it at its start. Must
not live here: measuring the machine (world/machine.py), or the clock.
"""

from dataclasses import replace
from typing import Final

from balise_lab.scenario.schema import Scenario
from balise_lab.world import machine

_OURS: Final = 1.5
"""Up to so slow a machine is ours alone: what a run needs of two cores leaves room for it."""
_MOST: Final = 12.0
"""A run of five minutes then takes an hour."""


def at_speed(scenario: Scenario) -> Scenario:
    """Return the scenario as this machine can play it: on a busy one its clock and time-outs are slower alike."""
    if machine.slowness() <= _OURS:
        return scenario
    machine.take_precedence()
    slowed = min(_MOST, max(machine.slowness() for _ in range(3)) / _OURS)
    return scenario if slowed <= 1.0 else replace(scenario, scale=scenario.scale / slowed, slowed=slowed)
