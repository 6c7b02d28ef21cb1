"""The net layer where life is ordinary: old servers, long hellos (netns_field.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.netns

Play = Callable[[str], Any]


@pytest.mark.parametrize(
    ("kind", "version"),
    [
        ("no_rfc5746", "TLSv1.2"),
        ("tls10", "TLSv1"),
        ("tls11", "TLSv1.1"),
        ("small_dh", "TLSv1.2"),
        ("static_rsa", "TLSv1.2"),
        ("small_key", "TLSv1.2"),
        ("modern", "TLSv1.3"),
    ],
)
def test_the_chain_of_an_old_server_is_seen(field_play: Play, kind: str, version: str) -> None:
    """People reach servers without RFC 5746, of TLS 1.0, with small keys and old ciphers: so does the measurement."""
    trial = field_play("old_tls")["trials"][kind]
    assert (trial["version"], trial["verified"], trial.get("failure")) == (version, True, None)
    assert len(trial["chain"]) == 1


@pytest.mark.parametrize(("kind", "failure"), [("reset", "connection_reset"), ("refuses_name", "tls_alert")])
def test_a_cut_or_a_refused_name_is_not_tried_again(field_play: Play, kind: str, failure: str) -> None:
    """What may be a censor's doing is the trial's outcome at once, with the one connection's packets."""
    trial = field_play("old_tls")["trials"][kind]
    assert (trial["failure"], trial.get("verified")) == (failure, None)
    syns = [packet for packet in trial["packets"] if packet.get("flags") == "S"]
    assert len(syns) == 1


def test_a_hello_of_several_segments_is_carried(field_play: Play) -> None:
    """A hello with a post-quantum share takes two segments; nothing here counts on one."""
    trials = field_play("old_tls")["trials"]
    assert (trials["long_hello"]["version"], trials["long_hello"]["alpn"]) == ("TLSv1.3", "")
    sent = [p for p in trials["long_hello_closed"]["packets"] if p["direction"] == "out" and p.get("length", 0) > 1000]
    assert len(sent) >= 2
