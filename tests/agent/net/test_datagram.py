"""Exchanges of datagrams on a real network of namespaces: what leaves when, and all that comes back."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.netns

Play = Callable[[str], Any]


def said(play: Play, key: str) -> dict[str, Any]:
    """Return one reply of the play."""
    found: dict[str, Any] = play("datagrams")["replies"][key]
    return found


@pytest.mark.parametrize(("key", "ttl"), [("answered4", 62), ("answered6", 62)])
def test_every_answer_is_kept_with_its_packet(play: Play, key: str, ttl: int) -> None:
    """Both answers, with their TTL and time; a copy that was not needed did not leave."""
    reply = said(play, key)
    assert [base64.b64decode(one["data"]) for one in reply["answers"]] == [b"re " + b"x" * 1200] * 2
    assert [one["ttl"] for one in reply["answers"]] == [ttl] * 2
    assert all(0.0 < one["at_ms"] < 500.0 for one in reply["answers"])
    assert reply["sent_ms"][0] == 0.0
    assert reply["sent_ms"][1] is None
    assert reply["failure"] is None
    out = [packet for packet in reply["packets"] if packet["direction"] == "out"]
    assert [(packet["length"], packet["protocol"]) for packet in out] == [(1200, "udp")]
    assert key == "answered6" or out[0]["df"]


def test_it_ends_as_soon_as_enough_was_heard(play: Play) -> None:
    """A window of twenty seconds is not waited for."""
    assert said(play, "enough")["elapsed_ms"] < 10_000.0


def test_a_flow_that_dies_is_asked_again(play: Play) -> None:
    """What was heard before a second does not count for what is asked at it."""
    reply = said(play, "late")
    assert len(reply["answers"]) == 2
    assert [at is not None for at in reply["sent_ms"]] == [True, True, True]


def test_a_long_exchange_keeps_as_many_answers_as_it_says(play: Play) -> None:
    """A train of sixty, each answered twice; what was to be expected is no flood."""
    train, few = said(play, "train"), said(play, "few")
    assert all(at is not None for at in train["sent_ms"])
    assert len(train["answers"]) == 120
    assert len({base64.b64decode(one["data"]) for one in train["answers"]}) == 60
    assert train.get("flood", 0) == 0
    assert len(few["answers"]) == 32
    assert len([packet for packet in train["packets"] if packet["direction"] == "out"]) == 10


def test_a_flow_is_gone_on_with_from_its_port(play: Play) -> None:
    """What the next exchange sends is of the same flow, to whoever is on the way."""
    begun, gone_on = said(play, "begun"), said(play, "gone_on")
    assert begun["source"] == gone_on["source"] > 0
    assert len(gone_on["answers"]) == 2
    assert said(play, "train")["source"] != begun["source"]


@pytest.mark.parametrize(
    ("key", "failure", "icmp"),
    [
        ("closed", "connection_refused", "3/3"),
        ("prohibited", "icmp_admin_prohibited", "3/13"),
        ("black", None, ""),
        ("nowhere", "network_unreachable", ""),
    ],
)
def test_refusals_are_told_apart(play: Play, key: str, failure: str | None, icmp: str) -> None:
    """A closed port, a router's word, silence, and no way at all."""
    reply = said(play, key)
    assert (reply["failure"], reply.get("icmp", "")) in {(failure, icmp), ("host_unreachable", icmp)}
    assert not reply["answers"]
    left = [at is not None for at in reply["sent_ms"]]
    assert left == {"nowhere": [False, False], "black": [True, True]}.get(key, [True, False])
