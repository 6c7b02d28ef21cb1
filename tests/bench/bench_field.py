"""P13: quiet fleets with ordinary homes over days, through the whole chain; what of it is published is false.

Every board, plan, verdict, cell, incident and word is the product's own; the network is the model's, and nobody
interferes in it (``balise_lab.field``). Run alone it takes days, fleets and the first seed:
``python tests/bench/bench_field.py 7 4 100``. The detector's own simulator (bench_detect.py) plays hundreds of years
of the same lives without packets; this plays few days of them with everything.
"""

from __future__ import annotations

import sys
from typing import Any, Final

from balise_lab.field.expect import line_of
from balise_lab.field.households import DAY, dwellings, events
from balise_lab.field.play import Played, play
from balise_lab.field.situation import Probes, Situation

SERVICES: Final = ("twitter", "zoom")
HOSTS: Final = ("twitter.com", "x.com", "pbs.twimg.com", "zoom.us")
FLEETS: Final = ((2,), (3, 2), (2, 2, 1))
"""Homes of each provider."""
DAYS: Final = 2.0
MOST: Final = 0.1
"""Published false incidents a (country, service)-year."""
YEAR: Final = 365.0


def fleet(layout: tuple[int, ...], days: float, seed: int) -> Situation:
    """Return one fleet's days."""
    providers = [(64_501 + place, count) for place, count in enumerate(layout)]
    homes = dwellings(providers, "PK", ("north", "south"))
    return Situation(
        id=f"quiet-{'-'.join(map(str, layout))}-{seed}",
        title="ordinary homes, nobody interferes",
        start="2026-11-10T00:00:00Z",
        lasts=days * DAY,
        services=SERVICES,
        probes=tuple(Probes(country="PK", provider=provider, count=count) for provider, count in providers),
        events=events(homes, days, seed, hosts=HOSTS),
        seed=seed,
    )


def said(played: Played) -> list[str]:
    """Return what was published, ever: each is false."""
    found: dict[str, str] = {}
    for _, incident in played.centre.store.told:
        if incident.confirmed:
            found.setdefault(incident.id, line_of(incident, played.start))
    return list(found.values())


def figures(days: float = DAYS, fleets: int = len(FLEETS), seed: int = 1) -> list[dict[str, Any]]:
    """Play the fleets and return the table's line."""
    told: list[str] = []
    played_days = 0.0
    for number in range(fleets):
        situation = fleet(FLEETS[number % len(FLEETS)], days, seed + number)
        published = said(play(situation))
        told += published
        played_days += days
        print(f"bench: {situation.id}: {days:g} days, published {len(published)}", file=sys.stderr, flush=True)
        for line in published:
            print(f"  {line}", file=sys.stderr, flush=True)
    years = played_days * len(SERVICES) / YEAR
    return [
        {
            "id": "P13 field",
            "what": "published of quiet fleets with ordinary homes, whole chain",
            "goal": f"<= {MOST} a (country, service)-year",
            "limit": "0",
            "figure": f"{len(told)} in {played_days:g} fleet-days ({len(told) / years:.2f} a year)",
            "ok": len(told) / years <= MOST,
        }
    ]


if __name__ == "__main__":
    asked = [float(each) for each in sys.argv[1:]] or [DAYS, float(len(FLEETS)), 1.0]
    print(figures(asked[0], int(asked[1]), int(asked[2])))
