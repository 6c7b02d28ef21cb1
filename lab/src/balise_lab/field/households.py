"""Ordinary homes: what happens in them in so many days when nobody interferes with anything. Events as data.

Lives here: how often Wi-Fi, power, resolvers, evenings, filters, tunnels, clocks and boards trouble a home, and the
events of one fleet by a seed. The rates are guesses of people who run such boards (field.md 5), on the gloomy side.
Must not live here: playing them (play.py), or what may be said of them (expect.py).
"""

from collections.abc import Iterable, Iterator, Sequence
from random import Random
from typing import Any, Final

import msgspec

from balise_lab.field.situation import Event

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0
Span = tuple[float, float]
"""From when to when, in seconds from the start."""


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """How often, on average."""

    wifi_minutes_a_day: float = 20.0
    """In two gaps or three."""
    wifi_no_route: float = 0.5
    """Share of homes whose boards lose their routes with the Wi-Fi."""
    flaky_resolver_days: float = 14.0
    """Days between the bad hours of a provider's resolvers; they last three hours."""
    flaky_share: float = 0.25
    """Share of the questions that come to nothing in them."""
    evening_ms: float = 120.0
    evening_loss: float = 0.01
    """From 19 to 23 local time, in every home of the bad providers."""
    bad_evenings: float = 0.5
    """Share of providers with such evenings."""
    lossy_hours_a_week: float = 2.0
    """Hours of a home in which the line loses one packet in twenty."""
    power_cuts_a_week: float = 1.0
    """Of a district, half an hour to three hours each."""
    home_cuts_a_month: float = 1.0
    """Of one home."""
    nights: float = 0.08
    """Share of homes whose hosts pull the plug at night."""
    unplugged_a_year: float = 1.0
    """Boards that are unplugged for one to four days, per home."""
    filters: float = 0.12
    """Share of homes with a filter of their own that knows one of the services."""
    tunnels: float = 0.06
    """Share of homes that use a tunnel on some evenings."""
    clocks: float = 0.04
    """Share of homes whose clock is two hours wrong for half a day, once."""
    liars: int = 1
    """Boards of the fleet that claim other times than those of their measurements."""


class Dwelling(msgspec.Struct, frozen=True, kw_only=True):
    """One home of the fleet, as far as it matters here."""

    id: str
    provider: int
    district: str = ""


def events(
    homes: Sequence[Dwelling],
    days: float,
    seed: int,
    *,
    hosts: Sequence[str] = (),
    rates: Rates | None = None,
    zone_hours: float = 5.0,
) -> tuple[Event, ...]:
    """Return what happens in so many days.

    Args:
        homes: of the fleet.
        days: from the start on.
        seed: of all chance.
        hosts: names that a home's filter may know.
        rates: how often.
        zone_hours: local time minus UTC; the start is taken for 00:00 UTC.
    """
    chance, rates = Random(f"households|{seed}"), rates or Rates()  # noqa: S311 - the same fleet for the same seed
    found: list[Event] = []
    for provider in sorted({home.provider for home in homes}):
        found += _of_provider(provider, days, chance, rates, zone_hours)
    cuts = {
        district: list(_cuts(days, chance, rates.power_cuts_a_week / 7.0, 3.0))
        for district in sorted({home.district for home in homes if home.district})
    }
    for home in homes:
        found += _of_home(home, days, chance, rates, hosts, zone_hours)
        dark = [*cuts.get(home.district, ()), *_dark(days, chance, rates, zone_hours)]
        found += [_event("power", at, until, probes=(home.id,)) for at, until in _joined(dark)]
    liars = chance.sample(sorted(home.id for home in homes), min(rates.liars, len(homes)))
    found += [_event("lies", 0.0, None, probes=(liar,), how="dates", seconds=1800.0) for liar in liars]
    return tuple(sorted(found, key=lambda event: event.at))


def _event(kind: str, at: float, until: float | None, **more: Any) -> Event:
    where = {name: more.pop(name) for name in ("probes", "providers", "districts", "duty") if name in more}
    return Event(kind=kind, at=at, until=until, extra=more, **where)


def _moments(chance: Random, days: float, a_day: float) -> Iterator[float]:
    """Yield moments of a Poisson process, in seconds."""
    if a_day <= 0.0:
        return
    at = chance.expovariate(a_day)
    while at < days:
        yield at * DAY
        at += chance.expovariate(a_day)


def _evenings(days: float, zone_hours: float) -> Iterator[float]:
    """Yield 19:00 local time of each day."""
    at = (19.0 - zone_hours) % 24.0 * HOUR
    while at < days * DAY:
        yield at
        at += DAY


def _of_provider(provider: int, days: float, chance: Random, rates: Rates, zone_hours: float) -> Iterator[Event]:
    for at in _moments(chance, days, 1.0 / rates.flaky_resolver_days):
        yield _event("resolver.flaky", at, at + 3 * HOUR, providers=(provider,), share=rates.flaky_share)
    if chance.random() >= rates.bad_evenings:
        return
    for at in _evenings(days, zone_hours):
        ends = at + 4 * HOUR
        yield _event("line.slow", at, ends, providers=(provider,), ms=rates.evening_ms, kbps=2_000.0)
        yield _event("line.loss", at, ends, providers=(provider,), loss=rates.evening_loss)


def _cuts(days: float, chance: Random, a_day: float, longest: float) -> Iterator[Span]:
    """Yield when electricity is gone, for at most so many hours each."""
    for at in _moments(chance, days, a_day):
        yield at, at + chance.uniform(0.3, longest) * HOUR


def _dark(days: float, chance: Random, rates: Rates, zone_hours: float) -> Iterator[Span]:
    """Yield when one home's board has no power."""
    yield from _cuts(days, chance, rates.home_cuts_a_month / 30.0, 4.0)
    for at in _moments(chance, days, rates.unplugged_a_year / 365.0):
        yield at, at + chance.uniform(1.0, 4.0) * DAY
    if chance.random() < rates.nights:
        for evening in _evenings(days, zone_hours):
            at = evening + chance.uniform(3.0, 5.0) * HOUR
            yield at, at + chance.uniform(6.0, 9.0) * HOUR


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """Yield spans of which no two overlap."""
    begins = ends = -1.0
    for at, until in sorted(spans):
        if at <= ends:
            ends = max(ends, until)
            continue
        if ends > begins:
            yield begins, ends
        begins, ends = at, until
    if ends > begins:
        yield begins, ends


def _of_home(
    home: Dwelling, days: float, chance: Random, rates: Rates, hosts: Sequence[str], zone_hours: float
) -> Iterator[Event]:
    mine = (home.id,)
    act = "no_route" if chance.random() < rates.wifi_no_route else "silent"
    gap = rates.wifi_minutes_a_day / 2.5 * MINUTE
    for at in _moments(chance, days, 2.5 if gap else 0.0):
        yield _event("wifi", at, at + max(30.0, chance.expovariate(1.0 / gap)), probes=mine, act=act)
    for at in _moments(chance, days, rates.lossy_hours_a_week / 7.0):
        yield _event("line.loss", at, at + HOUR, probes=mine, loss=0.05)
    yield from _habits(home, days, chance, rates, hosts, zone_hours)


def _habits(
    home: Dwelling, days: float, chance: Random, rates: Rates, hosts: Sequence[str], zone_hours: float
) -> Iterator[Event]:
    """Yield what only some homes have."""
    mine = (home.id,)
    if hosts and chance.random() < rates.filters:
        known = (chance.choice(list(hosts)),)
        act = chance.choice(("zero", "nodata", "nxdomain", "fake"))
        yield _event("router.filter", chance.uniform(0.0, days) * DAY, None, probes=mine, hosts=known, act=act)
    if chance.random() < rates.tunnels:
        for evening in _evenings(days, zone_hours):
            if chance.random() < 0.3:
                at = evening + chance.uniform(0.0, 2.0) * HOUR
                yield _event("vpn", at, at + 2 * HOUR, probes=mine, country="NL", asn=9_009)
    if chance.random() < rates.clocks:
        at = chance.uniform(0.0, days) * DAY
        yield _event("clock", at, at + 0.5 * DAY, probes=mine, seconds=chance.choice((-7_200.0, 7_200.0)))


def dwellings(providers: Iterable[tuple[int, int]], country: str, districts: Sequence[str]) -> tuple[Dwelling, ...]:
    """Return the homes of a fleet, named as a situation names its boards.

    Args:
        providers: AS number and how many homes, each.
        country: of all of them.
        districts: over which they are spread.
    """
    found = [
        Dwelling(id=f"{country.lower()}{provider}n{number}", provider=provider)
        for provider, count in providers
        for number in range(1, count + 1)
    ]
    return tuple(
        msgspec.structs.replace(home, district=districts[place % len(districts)] if districts else "")
        for place, home in enumerate(found)
    )
