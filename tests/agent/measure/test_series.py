"""Series of long incidents: the day is spread, and one an hour of each service's experiment is made in any case."""

from __future__ import annotations

from balise_agent.measure.entry import Entry
from balise_agent.measure.series import CONFIRM, Series, ahead
from balise_wire.assignment import Target
from balise_wire.words import Experiment, TargetRole


def place(name: str, word: Experiment = Experiment.TLS) -> Entry:
    """Return a place of the service."""
    return Entry(Target(id=f"s/web/{name}/4", service="s", role=TargetRole.WEB, host=name), 4, word)


def test_one_an_hour_in_any_case() -> None:
    """Of a service's experiment, whichever of its endpoints it is."""
    series, one, two, other = Series(), place("a.example"), place("b.example"), place("a.example", Experiment.DNS)
    assert series.is_wanted(one, 0.0)
    series.started(one, 100.0)
    assert one.series_at == 100.0
    assert not series.is_wanted(two, 99.0 + CONFIRM)
    assert series.is_wanted(two, 100.0 + CONFIRM)
    assert series.is_wanted(other, 101.0)
    series.forget()
    assert series.is_wanted(two, 102.0)


def test_a_day_is_not_spent_in_its_first_hours() -> None:
    """A quarter may go at once; the rest with the time; and something is left when it ends."""
    assert not ahead(240_000, 1_000_000, 0.0)
    assert ahead(260_000, 1_000_000, 0.0)
    assert not ahead(590_000, 1_000_000, 43_200.0)
    assert ahead(610_000, 1_000_000, 43_200.0)
    assert ahead(951_000, 1_000_000, 86_399.0)
    assert ahead(240_000, 0, 43_200.0)
