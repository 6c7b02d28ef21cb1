"""Drawing the kills of a run."""

from balise_lab import chaos
from balise_lab.programs import COLLECTOR
from balise_lab.scenario.load import parse
from balise_lab.stretch import Away

SCENARIO = parse("""\
name: x
country: {code: PK, tz: Asia/Karachi, starts: 2020-05-17T21:30}
isps: {asn64501: {probes: 2}}
services: {twitter: {web: twitter.lab}}
ends: 23:30
""")


def test_kills_are_spread_over_programs_and_time() -> None:
    """Broker, collector and agents get a third each, in the order of time, within the run."""
    kills = chaos.draw(SCENARIO, 21, seed=1)
    programs = [kill.program for kill in kills]
    assert (programs.count(chaos.BROKER), programs.count(COLLECTOR)) == (7, 7)
    assert set(programs) <= {chaos.BROKER, COLLECTOR, "asn64501p1", "asn64501p2"}
    moments = [kill.at for kill in kills]
    assert moments == sorted(moments)
    assert 0 < moments[0] < moments[-1] < SCENARIO.ends


def test_a_seed_repeats_its_kills() -> None:
    """A run that failed can be played again."""
    assert chaos.draw(SCENARIO, 9, seed=5) == chaos.draw(SCENARIO, 9, seed=5)
    assert chaos.draw(SCENARIO, 9, seed=5) != chaos.draw(SCENARIO, 9, seed=6)


def test_influx_goes_for_a_stretch_of_the_scenario() -> None:
    """Its moment is the scenario's, its absence in real seconds, as the clock runs."""
    kill = chaos.stretch(SCENARIO, Away(600.0, 1500.0))
    assert (kill.at, kill.program, kill.down) == (600.0, chaos.INFLUX, 900.0 / SCENARIO.scale)
