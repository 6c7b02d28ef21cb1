"""Chaos: which program is killed when, as data.

Pure. Lives here: drawing the kills of a run from a seed, and what must hold after them. Must not live here: killing
(runner) or counting what survived (tally).
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from balise_lab.centre import influx
from balise_lab.compare.expect import Row
from balise_lab.compare.influx_outage import Outage
from balise_lab.compare.tally import Counts
from balise_lab.run.programs import COLLECTOR
from balise_lab.scenario.schema import Scenario

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


def draw(scenario: Scenario, kills: int, seed: int, *, with_influx: bool = False) -> tuple[Kill, ...]:
    """Return ``kills`` kills in the order they happen: broker, collector, some agent and InfluxDB have equal shares."""
    chance = random.Random(seed)  # noqa: S311 - a test's chance, seeded to be repeated
    probes = [probe.id for probe in scenario.probes]
    victims = (BROKER, COLLECTOR, "", *((INFLUX,) if with_influx else ()))
    kinds = [victims[n % len(victims)] for n in range(kills)]
    chance.shuffle(kinds)
    moments = sorted(chance.uniform(_FROM, _TO) * scenario.ends for _ in range(kills))
    return tuple(
        Kill(moment, kind or chance.choice(probes), round(chance.uniform(*_DOWN), 2))
        for moment, kind in zip(moments, kinds, strict=True)
    )


def rows(killed: Sequence[str], counts: Counts) -> tuple[Row, ...]:
    """Return what must be so after programs were killed: each recorded measurement is in the journal, and once."""
    if not killed:
        return ()
    victims = Counter(name if name in {BROKER, COLLECTOR, INFLUX} else "agent" for name in killed)
    what = ", ".join(f"{name} {number}" for name, number in sorted(victims.items()))
    found = f"{counts.recorded} recorded, {counts.missing} lost, {counts.repeated} duplicated"
    even = counts.recorded > 0 and not counts.missing and not counts.repeated and not counts.unknown
    unknown = f", {counts.unknown} of nobody" if counts.unknown else ""
    return (Row(f"{len(killed)} kill -9 ({what})", "0 lost, 0 duplicated", found + unknown, ok=even),)


def outage(scenario: Scenario, away: Outage) -> Kill:
    """Return the kill that takes InfluxDB away for a stretch of the scenario."""
    return Kill(away.begins, INFLUX, (away.ends - away.begins) / scenario.scale)
