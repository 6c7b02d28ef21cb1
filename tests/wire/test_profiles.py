"""Shares, paces and what delivery costs: the least for whom nobody knows, and a day's delivery within its share."""

from __future__ import annotations

import pytest

from balise_wire.profiles import PACES, SHARES, delivery_bytes, pace_of, share_of
from balise_wire.words import Profile


def test_an_unknown_profile_gets_the_least() -> None:
    """A word of a newer card must not let a probe use more of a line than any profile may."""
    assert share_of(Profile.UNKNOWN) == min(SHARES.values(), key=lambda share: share.bytes_per_day)
    assert pace_of(Profile.UNKNOWN) == max(PACES.values(), key=lambda pace: pace.batch_seconds)


@pytest.mark.parametrize("profile", Profile.known())
def test_every_profile_has_both(profile: Profile) -> None:
    """One that only one table knew would be thinned by one end and not by the other."""
    assert profile in SHARES
    assert profile in PACES
    assert SHARES[profile].bytes_per_incident < SHARES[profile].bytes_per_day


@pytest.mark.parametrize(
    ("profile", "results"), [(Profile.STANDARD, 2000), (Profile.LEAN, 1000), (Profile.METERED, 500)]
)
def test_delivery_leaves_room_for_measuring(profile: Profile, results: int) -> None:
    """It grows with the results, and a day of them costs less than the day may."""
    day = delivery_bytes(profile, results, 3600.0)
    assert delivery_bytes(profile, 0, 3600.0) < day < share_of(profile).bytes_per_day
