"""What people see of one trial of throughput."""

from __future__ import annotations

from balise_collector.experiments.throughput.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from balise_wire.words import Arm, TransferDirection, TransferEnd
from tests.collector.experiments.throughput.trials import transfer


def test_a_transfer_and_its_rate_have_words() -> None:
    """Which name went where, how much moved and how fast."""
    asked, came = EVIDENCE.told(transfer(130.0), gettext_noop)
    assert asked == "bytes from twitter.com at 104.244.42.1 port 443"
    assert came == "65536 bytes at 130 kbit/s"
    up = transfer(None, Arm.NEUTRAL, direction=TransferDirection.UP)
    assert EVIDENCE.told(up, gettext_noop) == ("bytes to twitter.com at 104.244.42.1 port 443", "65536 bytes")


def test_what_was_odd_is_said() -> None:
    """That it grew, that it stopped, what was lost."""
    told = EVIDENCE.also(transfer(130.0, settled=False, end=TransferEnd.FROZEN, lost=3), gettext_noop)
    assert told == [
        "it was still growing: the line may be faster", "it stopped in the middle", "3 of 46 segments lost",
    ]  # fmt: skip
