"""The comparison around a stretch without InfluxDB: a missing point and a slower ingest are both told."""

from collections import Counter

from balise_lab.compare import influx_outage
from balise_lab.compare.influx_outage import Arrival, Outage, Stored

AWAY = Outage(600.0, 1200.0)
STARTS = 1_000_000.0
WANTED = {
    name: Counter({"a 1": 1, "b 2": 1})
    for name in ("balise_verdict", "balise_line", "balise_rollup 5m", "balise_rollup 1h")
}


def arriving(every: float, late: float = 1.0, slow: float = 0.0) -> list[Arrival]:
    """Return batches of two, one each ``every`` seconds, ``late`` on the way and ``slow`` more while it is away."""
    moments = [n * every for n in range(int(1800 / every))]
    extra = [slow if AWAY.begins <= moment < AWAY.ends else 0.0 for moment in moments]
    return [
        Arrival(STARTS + moment - late - more, STARTS + moment, 2) for moment, more in zip(moments, extra, strict=True)
    ]


def test_a_point_that_is_missing_is_counted_by_its_key() -> None:
    """As many points as wanted are not enough: they must be the same ones, each as often as it ought to be."""
    held = {**WANTED, "balise_verdict": Counter({"a 1": 1, "c 3": 1})}
    kept = {one.measurement: one for one in influx_outage.compare(WANTED, held)}
    verdicts = kept["balise_verdict"]
    assert (verdicts.wanted, verdicts.held, verdicts.missing, verdicts.more) == (2, 2, 1, 1)
    assert not influx_outage.rows(Stored(tuple(kept.values())))[0].ok
    assert influx_outage.rows(Stored(influx_outage.compare(WANTED, WANTED)))[0].ok
    assert "verdict 1/2" in influx_outage.rows(Stored(tuple(kept.values())))[0].found


def test_nothing_to_compare_is_no_success() -> None:
    """A run that concluded nothing proves nothing."""
    nothing = {name: Counter[str]() for name in WANTED}
    assert not influx_outage.rows(Stored(influx_outage.compare(nothing, nothing)))[0].ok
    assert not influx_outage.rows(Stored(()))[0].ok


def test_an_ingest_that_goes_on_is_steady() -> None:
    """The same rate and age in three windows of one length."""
    before, away, after = ingest = influx_outage.ingest_around(AWAY, STARTS, arriving(10.0))
    assert [one.window for one in ingest] == ["before", "away", "after"]
    assert before.per_minute == away.per_minute == after.per_minute == 12.0
    assert influx_outage.steady(ingest)
    assert influx_outage.told(ingest).startswith("before 12.0 a minute, 1.0 s old; away 12.0")


def test_an_ingest_that_waits_is_not_steady() -> None:
    """Fewer measurements meanwhile, older ones, or none at all."""
    fewer = [one for one in arriving(10.0) if not 600.0 <= one.received - STARTS < 900.0]
    assert not influx_outage.steady(influx_outage.ingest_around(AWAY, STARTS, fewer))
    assert not influx_outage.steady(influx_outage.ingest_around(AWAY, STARTS, arriving(10.0, slow=60.0)))
    assert not influx_outage.steady(influx_outage.ingest_around(AWAY, STARTS, []))
