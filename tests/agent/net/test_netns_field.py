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


# --- resolvers --------------------------------------------------------------------------------------------------------


def heard(reply: dict[str, Any]) -> list[tuple[int, str]]:
    """Return how many addresses each answer has, and how the question was asked."""
    return [(len(answer.get("addresses", [])), answer.get("way", "edns")) for answer in reply.get("answers", [])]


@pytest.mark.parametrize(
    ("kind", "answers", "aside"),
    [
        ("ok", [(1, "edns")], 0),
        ("formerr", [(1, "plain")], 1),
        ("notimp", [(1, "plain")], 1),
        ("servfail_edns", [(1, "plain")], 1),
        ("drop_edns", [(1, "plain")], 0),
        ("truncated", [(1, "tcp")], 1),
        ("truncated_part", [(1, "tcp")], 1),
        ("fragmented", [(64, "edns")], 0),
        ("fragmented6", [(64, "edns")], 0),
        ("lost_fragments", [(1, "tcp")], 1),
        ("link_local", [(1, "edns")], 0),
        ("link_local_bare", [(1, "edns")], 0),
    ],
)
def test_ordinary_resolvers_are_understood(
    field_play: Play, kind: str, answers: list[tuple[int, str]], aside: int
) -> None:
    """EDNS refused or dropped, truncated, fragmented, link-local: what people's programs get, the measurement gets."""
    reply = field_play("names")["replies"][kind]
    assert heard(reply) == answers
    assert len(reply.get("set_aside", [])) == aside
    assert reply.get("failure") is None


@pytest.mark.parametrize(
    ("kind", "silent"), [("dead first", 1), ("closed first", 1), ("no such zone", 1), ("two first", 2)]
)
def test_a_dead_resolver_is_followed_by_the_next(field_play: Play, kind: str, silent: int) -> None:
    """As every stub resolver does, and how many were silent is part of the reply."""
    reply = field_play("names")["replies"][kind]
    assert heard(reply) == [(1, "edns")]
    assert reply["silent_resolvers"] == silent


def test_the_first_resolver_that_answers_is_the_only_one_asked(field_play: Play) -> None:
    """What it says is what people get: the second is no judge over it."""
    replies = field_play("names")["replies"]
    for kind in ("link_local first", "drop_edns first", "servfail", "truncated"):
        assert replies[kind].get("silent_resolvers", 0) == 0
    assert heard(replies["drop_edns first"]) == [(1, "plain")]


def test_what_no_resolver_can_mend_is_told(field_play: Play) -> None:
    """Truncated and no TCP: the failure is TCP's and the answer is set aside; silence and a closed port as ever."""
    replies = field_play("names")["replies"]
    assert replies["no_tcp"]["failure"] == "connection_refused"
    assert [answer["tc"] for answer in replies["no_tcp"]["set_aside"]] == [True]
    assert replies["closed"]["failure"] == "connection_refused"
    assert (replies["dead"].get("failure"), replies["dead"]["questions"]) == (None, 3)


def test_a_validating_resolver_is_asked_not_to_check(field_play: Play) -> None:
    """SERVFAIL, and with CD the address."""
    replies = field_play("names")["replies"]
    assert replies["validating"]["answers"][0]["rcode"] == 2
    assert heard(replies["unchecked"]) == [(1, "edns")]


@pytest.mark.parametrize("key", ["fragmented", "lost_fragments", "truncated"])
def test_marks_of_the_packet_are_kept(field_play: Play, key: str) -> None:
    """An answer that was put together by the kernel, or came over TCP, still has its first packet's TTL and time."""
    answer = field_play("names")["replies"][key]["answers"][0]
    assert answer["ttl"] == 62
    assert 0.0 < answer["rtt_ms"] < 1000.0


@pytest.mark.parametrize(
    "kind",
    [
        *("ok", "formerr", "notimp", "servfail_edns", "drop_edns", "truncated", "fragmented", "fragmented6"),
        *("link_local", "link_local_bare", "validating", "dead first", "closed first", "two first", "no such zone"),
    ],
)
def test_the_brokers_own_name_is_found(field_play: Play, kind: str) -> None:
    """The agent's look-up before it dials takes the same resolvers: a probe that finds no broker is lost."""
    assert field_play("names")["found"][kind][0] == "192.0.2.1"
