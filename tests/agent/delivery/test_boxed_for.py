"""The newest signed word about boxes is followed, and remembered over a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from balise_agent.delivery.boxed_for import BoxedFor
from balise_wire.box import is_box, private_key, public_hex
from tests.agent.conftest import fill

if TYPE_CHECKING:
    from balise_agent.delivery.spool.spool import Spool

COLLECTOR = "ab" * 32
KEY = public_hex(private_key(bytes(32)).public_key())


def boxed(spool: Spool) -> bool:
    """Whether what is recorded now is boxed."""
    fill(spool, 1)
    return is_box(spool.rows(0, 100)[-1].frame)


def test_a_word_is_followed_and_remembered(spool: Spool) -> None:
    """Nothing is said: nothing is boxed. A key is said: from then on everything is, after a restart too."""
    keeper = BoxedFor(spool, COLLECTOR)
    keeper.hear(1.0, None)
    assert not boxed(spool)
    keeper.hear(5.0, KEY)
    assert boxed(spool)
    BoxedFor(spool, COLLECTOR)
    assert boxed(spool)


def test_an_older_word_takes_nothing_back_and_a_newer_one_does(spool: Spool) -> None:
    """A broker may have kept an old message; a collector that was put back says anew that it opens no boxes."""
    keeper = BoxedFor(spool, COLLECTOR)
    keeper.hear(5.0, KEY)
    keeper.hear(4.0, "")
    assert boxed(spool)
    keeper.hear(6.0, "")
    assert not boxed(spool)


def test_another_collectors_word_is_not_this_ones(spool: Spool) -> None:
    """A probe that changed its collector boxes for nobody until the new one speaks."""
    BoxedFor(spool, COLLECTOR).hear(5.0, KEY)
    BoxedFor(spool, "cd" * 32)
    assert not boxed(spool)
