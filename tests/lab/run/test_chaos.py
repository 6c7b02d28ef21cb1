"""Drawing the kills of a run."""

from dataclasses import replace

from balise_lab.compare.influx_outage import Outage
from balise_lab.compare.tally import Counts
from balise_lab.run import chaos
from balise_lab.run.programs import COLLECTOR
from balise_lab.scenario.load import parse

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
    kill = chaos.outage(SCENARIO, Outage(600.0, 1500.0))
    assert (kill.at, kill.program, kill.down) == (600.0, chaos.INFLUX, 900.0 / SCENARIO.scale)


def test_influx_has_its_share_where_the_run_has_one() -> None:
    """Four kinds of programs, a quarter of the kills each."""
    programs = [kill.program for kill in chaos.draw(SCENARIO, 200, seed=3, with_influx=True)]
    assert [programs.count(name) for name in (chaos.BROKER, COLLECTOR, chaos.INFLUX)] == [50, 50, 50]


def test_any_loss_or_repeat_is_wrong() -> None:
    """After kills each recorded measurement is there, once; without a measurement nothing was shown."""
    even = Counts(recorded=9, journalled=9, missing=0, repeated=0, unknown=0, quarantined=0)
    (row,) = chaos.rows(["broker", "collector", "asn64501p1", "influx", "broker"], even)
    assert row.ok
    assert row.what == "5 kill -9 (agent 1, broker 2, collector 1, influx 1)"
    assert row.found == "9 recorded, 0 lost, 0 duplicated"
    for field in ("missing", "repeated", "unknown"):
        (row,) = chaos.rows(["broker"], replace(even, **{field: 1}))
        assert not row.ok
    assert not chaos.rows(["broker"], replace(even, recorded=0))[0].ok
    assert chaos.rows([], even) == ()
