"""For whom a probe boxes: the collector's newest signed word, also over restarts, and nobody else's."""

from __future__ import annotations

import pytest

from balise_agent.delivery.spool.recipient import Recipient, read

ONE, OTHER, KEY = "a" * 64, "b" * 64, "c" * 64


def test_the_newest_word_counts() -> None:
    """An older message, which a broker may have kept, changes nothing; a newer one also takes the word back."""
    known = Recipient(ONE).told(ONE, 10.0, KEY)
    assert known.key == KEY
    assert known.told(ONE, 9.0, "") == known
    assert known.told(ONE, 11.0, "").key == ""
    assert known.told(ONE, 11.0, "").told(ONE, 10.5, KEY).key == ""


def test_another_collector_is_another_word() -> None:
    """A probe that was enrolled anew boxes for nobody until its new collector says so, whatever the old one said."""
    known = Recipient(ONE).told(ONE, 10.0, KEY)
    assert known.told(OTHER, 1.0, "").key == ""
    assert read(known.line(), OTHER) == Recipient(OTHER)


@pytest.mark.parametrize("known", [Recipient(ONE), Recipient(ONE, 1_589_733_000.125, KEY)])
def test_it_is_the_same_after_a_restart(known: Recipient) -> None:
    """Every digit of it."""
    assert read(known.line(), ONE) == known


@pytest.mark.parametrize("place", range(0, 130, 7))
def test_a_damaged_line_names_nobody(place: int) -> None:
    """One flipped bit in the key would box for a key that nobody has, and no result would ever be read again."""
    line = bytearray(Recipient(ONE, 5.0, KEY).line().encode())
    line[place] ^= 1
    assert read(line.decode(), ONE).key == ""


@pytest.mark.parametrize("line", ["", "x", f"{ONE} 1.0 {KEY}", "a b c d", f"{ONE} {KEY}"])
def test_nonsense_names_nobody(line: str) -> None:
    """As after a first start."""
    assert read(line, ONE) == Recipient(ONE)
