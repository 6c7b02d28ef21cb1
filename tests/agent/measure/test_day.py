"""The account of the day: what was counted, delivery among it, and what is in flight."""

from __future__ import annotations

from balise_agent.measure.day import Day
from balise_agent.policy.limits import Reserve
from balise_wire.words import Experiment

ONE = (("s/web/a.example/4", 4, Experiment.TLS, ""), "")
NOON = 43_200.0


def test_a_count_stands_for_all_that_ended() -> None:
    """Estimates never add up beside the line's own count (layout F11)."""
    day = Day(NOON, 1_000)
    day.starts(ONE, 5_000)
    assert (day.settled, day.spent) == (1_000, 6_000)
    day.ends(ONE, 4_000)
    assert day.spent == 5_000
    day.count(7_000)
    assert day.spent == 7_000
    day.starts(ONE, 5_000)
    day.count(7_500)
    assert day.spent == 12_500


def test_midnight_begins_anew_and_goes_on_with_what_flies() -> None:
    """A run over midnight belongs to the day in which it costs; what was said is said again."""
    day = Day(NOON, 1_000)
    day.starts(ONE, 5_000)
    assert day.is_news("fetches")
    assert not day.is_news("fetches")
    day.turn(NOON + 86_400.0)
    assert day.spent == 5_000
    assert day.is_news("fetches")


def test_what_is_heavy_rests_first_and_a_series_goes_on_to_the_end() -> None:
    """Fetches from 70 %, hellos from 90 %, everything at the end; what flies holds back what is heavy alone."""
    day = Day(NOON, 699)
    assert day.rest(Experiment.HTTP, 1_000, anomaly=False) is None
    day.starts(ONE, 250)
    told = [day.rest(word, 1_000, anomaly=False) for word in (Experiment.HTTP, Experiment.TLS, Experiment.TCP)]
    assert [rest and rest.what for rest in told] == ["http", "tls", None]
    assert day.rest(Experiment.HTTP, 1_000, anomaly=True) is None
    day.count(1_000)
    assert [rest and rest.what for rest in (day.rest(Experiment.TCP, 1_000, anomaly=True),)] == ["everything"]


def test_the_devices_reserve_holds_back_what_is_heavy() -> None:
    """First on schedule, then in series too: the end of a day is not dark."""
    day = Day(NOON, 0)
    day.reserve = Reserve.ANOMALIES
    assert (rest := day.rest(Experiment.TLS, 1_000, anomaly=False)) is not None
    assert rest.what == "tls, http, path, quic, throughput, call, vpn and clienthello on schedule"
    assert day.rest(Experiment.TLS, 1_000, anomaly=True) is None
    day.reserve = Reserve.NAMES
    assert day.rest(Experiment.TLS, 1_000, anomaly=True) is not None
    assert day.rest(Experiment.DNS, 1_000, anomaly=False) is None
