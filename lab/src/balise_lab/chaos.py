"""Chaos: which program is killed when, as data.

Pure. Lives here: drawing the kills of a run from a seed. Must not live here: killing (runner) or counting what survived
(tally).
"""

import random
from dataclasses import dataclass
from typing import Final

from balise_lab.programs import COLLECTOR
from balise_lab.scenario.schema import Scenario
from balise_lab.services import influx
from balise_lab.stretch import Away

BROKER: Final = "broker"
INFLUX: Final = "influx"
SERVERS: Final = {BROKER: (BROKER,), INFLUX: (influx.SERVER, influx.FRONT)}
"""Programs that are servers of the lab, not ours, and what each of them consists of."""
_FROM, _TO = 0.08, 0.92
"""Kills fall within this share of the run: after the first measurements, and early enough to see what survived."""
_DOWN: Final = (0.1, 1.5)
"""Real seconds that a killed program stays down."""


@dataclass(frozen=True, slots=True)
class Kill:
    """One program ends by SIGKILL and is started again."""

    at: float
    """Moment of the scenario."""
    program: str
    """``broker``, ``influx``, ``collector`` or a probe's id."""
    down: float
    """Real seconds until it is started again."""


def draw(scenario: Scenario, kills: int, seed: int) -> tuple[Kill, ...]:
    """Return ``kills`` kills in the order they happen; a third each hits broker, collector and some agent."""
    chance = random.Random(seed)  # noqa: S311 - a test's chance, seeded to be repeated
    probes = [probe.id for probe in scenario.probes]
    kinds = [(BROKER, COLLECTOR, "")[n % 3] for n in range(kills)]
    chance.shuffle(kinds)
    moments = sorted(chance.uniform(_FROM, _TO) * scenario.ends for _ in range(kills))
    return tuple(
        Kill(moment, kind or chance.choice(probes), round(chance.uniform(*_DOWN), 2))
        for moment, kind in zip(moments, kinds, strict=True)
    )


def stretch(scenario: Scenario, away: Away) -> Kill:
    """Return the kill that takes InfluxDB away for a stretch of the scenario."""
    return Kill(away.begins, INFLUX, (away.ends - away.begins) / scenario.scale)
