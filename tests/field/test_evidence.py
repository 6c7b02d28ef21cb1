"""Evidence kept: with the shipped catalogue, good series are not thrown away for the line's look that rides along."""

from __future__ import annotations

import pytest

from balise_lab.field.expect import discarded_of
from balise_lab.field.play import play
from balise_lab.field.situation import Event, Probes, Situation
from balise_wire.words import Profile

HOUR = 3600.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("profile", "hours", "series"),
    [
        (Profile.STANDARD, 2, 8),
        (Profile.LEAN, 2, 4),
        (Profile.METERED, 6, 1),
    ],
)
def test_good_series_are_kept(profile: Profile, hours: int, series: int) -> None:
    """A block of one service: at most 3 % of the series are discarded (55 to 83 % before), and some say blocked."""
    played = play(
        Situation(
            id=f"evidence-{profile.value}",
            title="hellos with Twitter's names die",
            start="2026-11-10T06:00:00Z",
            lasts=hours * HOUR,
            probes=(Probes(country="PK", provider=64501, count=1, profile=profile),),
            events=(
                Event(
                    kind="sni.drop", at=HOUR / 2, until=hours * HOUR, countries=("PK",), extra={"services": ["twitter"]}
                ),
            ),
        )
    )
    discarded, paired = discarded_of(played)
    assert paired >= series
    assert discarded <= 0.03 * paired
    verdicts = [verdict for verdict in played.centre.verdicts if not verdict.reference]
    assert sum(verdict.state == "blocked" for verdict in verdicts) >= series
