"""Waits grow by the round and not by the broker; refusals are met by long ones."""

from __future__ import annotations

import random

from balise_agent.delivery.backoff import REFUSED, Backoff, is_about_dates

LONGEST = 120.0


class Most(random.Random):
    """Draws the longest wait each time."""

    def uniform(self, a: float, b: float) -> float:
        """Return the upper end."""
        return max(a, b)


def backoff(places: int, first: int = 0) -> Backoff:
    """Return one whose waits are as long as they can be."""
    return Backoff(places, first=first, longest=LONGEST, rng=Most())


def test_every_place_is_tried_before_a_wait_grows() -> None:
    """Three brokers that fail cost one round of short waits, then one of twice as long ones, up to the profile's."""
    tried = backoff(3)
    waits, places = [], []
    for _ in range(30):
        waits.append(tried.failed("connection refused"))
        places.append(tried.place)
    assert waits[:9] == [2.0] * 3 + [4.0] * 3 + [8.0] * 3
    assert waits[-1] == LONGEST
    assert places[:4] == [1, 2, 0, 1]
    assert tried.exhausted


def test_a_session_that_lasted_begins_the_count_anew() -> None:
    """What failed an hour ago says nothing of now."""
    tried = backoff(1)
    for _ in range(5):
        tried.failed("reset")
    tried.stood()
    assert (tried.failures, tried.failed("reset")) == (0, 2.0)


def test_a_refusal_by_every_place_waits_for_minutes_up_to_an_hour() -> None:
    """Only a person or a new certificate changes it; one place that only fails is no refusal."""
    tried = backoff(2)
    found = []
    for why in (f"{REFUSED}not authorised", f"{REFUSED}not authorised", *[f"{REFUSED}x"] * 20, "no answer"):
        wait = tried.failed(why)
        found.append((wait, tried.refused))
    assert [refused for _, refused in found] == [False, *[True] * 21, False]
    assert found[1][0] == 300.0
    assert max(wait for wait, _ in found) == 3600.0
    tried.reset()
    assert tried.failures == 0


def test_the_waits_of_a_fleet_are_spread() -> None:
    """Full jitter: two probes that lost the same broker do not come back together."""
    waits = {Backoff(1, first=0, longest=LONGEST, rng=random.Random(seed)).failed("x") for seed in range(20)}
    assert len(waits) == 20
    assert all(0.0 <= wait <= 2.0 for wait in waits)


def test_what_is_about_dates() -> None:
    """Only OpenSSL's two words for a certificate outside its dates: nothing else may be passed over."""
    assert is_about_dates("certificate verify failed: certificate has expired (_ssl.c:1006)")
    assert is_about_dates("certificate is not yet valid")
    assert not is_about_dates("certificate verify failed: self-signed certificate")
