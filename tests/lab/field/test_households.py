"""Ordinary homes: rates as they are said, whole lives by a seed, and no board that is switched on while it is dark."""

import itertools
from collections import defaultdict

from balise_lab.field.households import DAY, HOUR, Dwelling, Rates, dwellings, events

HOMES = dwellings([(64501, 3), (64502, 2)], "PK", ("north", "south"))
QUIET = Rates(
    wifi_minutes_a_day=0.0,
    flaky_resolver_days=1e9,
    bad_evenings=0.0,
    lossy_hours_a_week=0.0,
    power_cuts_a_week=0.0,
    home_cuts_a_month=0.0,
    nights=0.0,
    unplugged_a_year=0.0,
    filters=0.0,
    tunnels=0.0,
    clocks=0.0,
    liars=0,
)


def test_homes_are_named_as_a_situation_names_its_boards() -> None:
    """AS number and place, over the districts in turn."""
    assert [home.id for home in HOMES] == ["pk64501n1", "pk64501n2", "pk64501n3", "pk64502n1", "pk64502n2"]
    assert [home.district for home in HOMES] == ["north", "south", "north", "south", "north"]


def test_a_seed_is_a_life() -> None:
    """The same homes, days and seed give the same events; another seed others."""
    once = events(HOMES, 14, 7, hosts=["twitter.com"])
    assert once == events(HOMES, 14, 7, hosts=["twitter.com"])
    assert once != events(HOMES, 14, 8, hosts=["twitter.com"])


def test_wifi_is_gone_as_long_as_its_rate_says() -> None:
    """20 minutes a day on average, over many days."""
    days = 400.0
    found = [event for event in events(HOMES, days, 3) if event.kind == "wifi"]
    gone = sum((event.until or 0.0) - event.at for event in found) / 60.0 / len(HOMES) / days
    assert 16.0 < gone < 24.0


def test_a_home_without_power_stays_so_until_the_last_of_its_causes_ends() -> None:
    """Cuts of the district, of the home, and nights are joined: no two spans of one board overlap."""
    rates = Rates(power_cuts_a_week=20.0, home_cuts_a_month=60.0, nights=1.0)
    spans = defaultdict(list)
    for event in events(HOMES, 30, 5, rates=rates):
        if event.kind == "power":
            spans[event.probes].append((event.at, event.until or 0.0))
    assert len(spans) == len(HOMES)
    for mine in spans.values():
        assert all(ends < begins for (_, ends), (begins, _) in itertools.pairwise(mine))


def test_where_every_rate_is_nothing_nothing_happens() -> None:
    """Each rate is the only cause of its events."""
    assert events(HOMES, 30, 1, hosts=["twitter.com"], rates=QUIET) == ()


def test_evenings_are_local() -> None:
    """From 19 to 23 by the zone's clock, every day, in the homes of a bad provider."""
    one = (Dwelling(id="a", provider=1),)
    rates = Rates(**{**{name: getattr(QUIET, name) for name in QUIET.__struct_fields__}, "bad_evenings": 1.0})
    found = [event for event in events(one, 3, 1, rates=rates) if event.kind == "line.slow"]
    assert [event.at for event in found] == [day * DAY + 14 * HOUR for day in range(3)]
    assert all(event.until == event.at + 4 * HOUR for event in found)
