"""How fast slowed transfers of an incident were, and whether providers agree."""

from __future__ import annotations

import pytest

from balise_collector.detect.model import Note
from balise_collector.incidents.rates import by_provider, rate_shares, spread
from balise_collector.judge.verdict import RateRatio
from balise_wire.mechanisms import Mechanism


def note(probe: str, kbps: float, rule: str = "throughput.policed") -> Note:
    """One failing verdict on a rate."""
    rate = RateRatio(ratio=kbps / 5_000.0, low=0.02, high=0.04, kbps=kbps, control_kbps=5_000.0, pairs=4)
    return Note(measurement=probe * 4, at=1.0, rule=rule, probe=probe, rate=rate)


PROVIDERS = {"a": 64501, "b": 64501, "c": 64502}


def test_each_probe_has_one_voice() -> None:
    """One that was measured often does not outweigh another."""
    share = rate_shares([note("a", 100.0), note("a", 100.0), note("a", 102.0), note("c", 140.0)], PROVIDERS)
    seen = share[Mechanism.RATE_POLICE]
    assert (seen.kbps, seen.least_kbps, seen.most_kbps, seen.low, seen.high) == (120.0, 100.0, 140.0, 0.02, 0.04)


def test_who_does_not_count_is_left_out() -> None:
    """A probe whose provider is not affected says nothing of its rate."""
    assert rate_shares([note("z", 100.0)], PROVIDERS) == {}


def test_mechanisms_are_told_apart() -> None:
    """One provider polices, another shapes."""
    found = rate_shares([note("a", 130.0), note("c", 256.0, "throughput.shaped")], PROVIDERS)
    assert {mechanism: one.kbps for mechanism, one in found.items()} == {
        Mechanism.RATE_POLICE: 130.0, Mechanism.RATE_SHAPE: 256.0,
    }  # fmt: skip


def test_the_spread_is_between_providers() -> None:
    """Homes of one provider that differ say nothing of a common order."""
    notes = [note("a", 128.0), note("b", 132.0), note("c", 131.0)]
    assert spread(by_provider(notes, PROVIDERS)) == pytest.approx(0.0054, abs=0.001)
    assert spread(by_provider(notes[:2], PROVIDERS)) is None
    assert spread({1: [100.0], 2: [300.0]}) == pytest.approx(0.707, abs=0.01)
