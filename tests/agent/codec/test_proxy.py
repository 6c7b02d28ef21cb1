"""What is said to proxies, and what of their answers is believed."""

from __future__ import annotations

import pytest

from balise_agent.codec import proxy
from balise_wire.through import ProxyStage


def test_a_socks_request_names_an_address_and_never_a_name() -> None:
    """RFC 1928 4: the proxy resolves nothing, so that both ways lead to one server."""
    assert proxy.greeting(named=False) == bytes.fromhex("050100")
    assert proxy.greeting(named=True) == bytes.fromhex("050102")
    assert proxy.credentials("me", "pw") == bytes.fromhex("01026d65027077")
    assert proxy.request("198.18.1.1", 443) == bytes.fromhex("05010001c612010101bb")
    assert proxy.request("2001:db8::1", 5222) == bytes.fromhex("05010004" + "20010db8" + "00" * 11 + "01" + "1466")


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        ("0500000101", 5),
        ("0500000401", 17),
        ("0500000309", 11),
        ("0400000101", None),
        ("0500", None),
        ("0500000901", None),
    ],
)
def test_the_length_of_an_answer_is_known_from_its_head(head: str, rest: int | None) -> None:
    """RFC 1928 6: an answer of an unknown shape is none."""
    assert proxy.rest_of_reply(bytes.fromhex(head)) == rest


@pytest.mark.parametrize(
    ("code", "stage"),
    [(0, ProxyStage.OPEN), (1, ProxyStage.NO_WAY), (4, ProxyStage.NO_WAY), (5, ProxyStage.NO_WAY),
     (2, ProxyStage.REFUSED), (7, ProxyStage.REFUSED), (99, ProxyStage.REFUSED)],
)  # fmt: skip
def test_a_rule_of_the_proxys_is_no_word_on_the_server(code: int, stage: ProxyStage) -> None:
    """What the proxy does not do for us says nothing of whom we asked for."""
    assert proxy.stage_of_reply(bytes([5, code, 0, 1, 0])) is stage


def test_a_connect_carries_its_credentials() -> None:
    """RFC 9110 9.3.6 and RFC 7617 2."""
    words = proxy.connect("2001:db8::1", 443, "me", "pw")
    assert words.startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n")
    assert words.endswith(b"Proxy-Authorization: Basic bWU6cHc=\r\n\r\n")
    assert b"Authorization" not in proxy.connect("198.18.1.1", 443, "", "")


@pytest.mark.parametrize(
    ("answer", "stage"),
    [(b"HTTP/1.1 200 Connection established\r\n\r\n", ProxyStage.OPEN), (b"HTTP/1.0 204 \r\n\r\n", ProxyStage.OPEN),
     (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", ProxyStage.NO_WAY), (b"HTTP/1.1 504 x\r\n\r\n", ProxyStage.NO_WAY),
     (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", ProxyStage.REFUSED),
     (b"HTTP/1.1 200 Connection", ProxyStage.REFUSED), (b"SSH-2.0-x\r\n\r\n", ProxyStage.REFUSED),
     (b"", ProxyStage.REFUSED)],
)  # fmt: skip
def test_an_answer_to_connect_is_read_strictly(answer: bytes, stage: ProxyStage) -> None:
    """Only a whole head of a success opens; whoever answers otherwise is no proxy that serves us."""
    assert proxy.stage_of_answer(answer) is stage
