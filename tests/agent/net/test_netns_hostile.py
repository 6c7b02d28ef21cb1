"""The net layer on a hostile network: floods are facts, cost nobody else anything, and do not spend the day."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.netns

Play = Callable[[str], Any]
KINDS = ("dns", "hello", "page", "stream", "odd")


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_not_asked_for_is_counted_apart(hostile_play: Play, kind: str) -> None:
    """Twenty megabytes, the day of a standard line, come back for one question: what counts against it stays small.

    A hello's window of one segment lets no flood in at all.
    """
    found = hostile_play("floods")["trials"][kind]
    assert found["counted"] < 100_000
    assert (found["beyond"] > 0) is (kind not in {"odd", "hello"})


@pytest.mark.parametrize("kind", KINDS)
def test_an_honest_plan_beside_a_flood_notices_nothing(hostile_play: Play, kind: str) -> None:
    """Whoever floods one flow must not hold the others: every page of an honest server is read, in its time."""
    assert hostile_play("floods")["trials"][kind]["honest"]["failures"] == 0
    assert hostile_play("floods")["trials"][kind]["honest"]["longest"] < 1.0


def test_a_flood_of_datagrams_is_evidence(hostile_play: Play) -> None:
    """The genuine answer is kept, the flood is a fact beside it, and the kernel drops what comes after a bound."""
    found = hostile_play("floods")["trials"]["dns"]
    (trial,) = found["observations"]
    assert trial["answers"][0]["addresses"] == ["192.0.2.1"]
    assert 65_536 < trial["flood_bytes"] < 8_000_000
    assert found["muted"] == 1


def test_a_stream_without_end_ends(hostile_play: Play) -> None:
    """A body that never ends is a response too large, with its status, well before any time-out.

    What comes beyond it is counted apart; how much of that came before the trial was closed depends on both machines.
    """
    found = hostile_play("floods")["trials"]["stream"]
    (trial,) = found["observations"]
    assert (trial["status"], trial["failure"]) == (200, "response_too_large")
    assert found["beyond"] > 0
    assert found["beyond"] >= trial.get("flood_bytes", 0)
    assert found["seconds"] < 3.0


def test_a_certificate_that_our_library_refuses_is_a_fact(hostile_play: Play) -> None:
    """OpenSSL completes the handshake, our library refuses version 24: no exception, and the issuer is told."""
    assert hostile_play("floods")["errors"] == []
    (full,) = hostile_play("floods")["trials"]["odd"]["observations"]
    assert full["record"] == "server_hello"
    assert (full["failure"], full["verified"]) == ("ssl_invalid_certificate", False)
    assert full["chain"][0]["issuer"] == "CN=Interceptor"


def test_packets_that_nobody_asked_for_cost_nothing(hostile_play: Play) -> None:
    """A spoofed flood to every port of ours: strangers' packets are dropped unread, counted nowhere, hold nobody."""
    found = hostile_play("spoofed")
    assert found["strange"] > 1_000
    assert (found["honest"]["failures"], found["beyond"]) == (0, 0)
    assert found["counted"] < 20_000
