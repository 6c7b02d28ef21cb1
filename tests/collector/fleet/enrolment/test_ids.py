"""Opaque ids: well-formed, never twice, nothing that is misread."""

from __future__ import annotations

import secrets

from balise_collector.fleet.enrolment.ids import draw
from balise_wire.topics import is_probe_id


def test_an_id_is_one_and_never_taken() -> None:
    """What is taken is drawn again."""
    first = draw(secrets.choice, ())
    assert is_probe_id(first)
    assert not set(first) & set("01ilou")
    characters = iter("aaaaaaaabbbbbbbb")
    assert draw(lambda _text: next(characters), {"aaaaaaaa"}) == "bbbbbbbb"
