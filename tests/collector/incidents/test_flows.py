"""Which share of the connections fails: what is counted is cut off below, and an interval says how much is known."""

import random

import pytest

from balise_collector.detect.model import Note
from balise_collector.incidents.flows import flow_shares
from balise_collector.judge.verdict import Flows
from balise_wire.mechanisms import Mechanism


def _notes(*failed: int, rule: str = "ip.drop.share") -> list[Note]:
    """Series of six SYNs of which so many had no answer."""
    flows = [Flows(failed=one, tried=6, least=4) for one in failed]
    rules = ["ip.drop" if one == 6 else rule for one in failed]
    return [Note(measurement=str(n), at=float(n), rule=rules[n], flows=each) for n, each in enumerate(flows)]


@pytest.mark.parametrize("share", [0.5, 0.6, 0.75, 0.9])
def test_the_share_is_found_although_small_counts_told_of_nothing(share: float) -> None:
    """The mean of what is counted would be two in three at least, whatever the share."""
    chance = random.Random(3)
    drawn = [sum(chance.random() < share for _ in range(6)) for _ in range(2_000)]
    found = flow_shares(_notes(*(one for one in drawn if one >= 4)))[Mechanism.IP_DROP]
    assert found.share == pytest.approx(share, abs=0.05)
    assert found.low <= share <= found.high
    assert found.high - found.low < 0.15


def test_few_series_say_little() -> None:
    """Two series leave a wide interval."""
    found = flow_shares(_notes(4, 5))[Mechanism.IP_DROP]
    assert found.high - found.low > 0.4
    assert found.series == 2


def test_what_fails_as_a_whole_is_no_share() -> None:
    """Nor is what counts no connections."""
    assert flow_shares(_notes(6, 6, 6)) == {}
    assert flow_shares([Note(measurement="m", at=1.0, rule="sni.drop")]) == {}
