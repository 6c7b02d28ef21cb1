"""STUN as the lab sees it agrees with what the probe writes and reads, of which it shares nothing."""

from __future__ import annotations

from balise_agent.codec import stun
from balise_agent.codec.stun import OTHER, StunAnswer
from balise_lab.stun_packets import binding_answer, is_marked, is_request, rewritten


def test_a_box_knows_the_cookie_alone() -> None:
    """As many bytes without it are a request all the same."""
    marked, classic = stun.binding(3), stun.classic(3)
    assert (is_marked(marked), is_marked(classic), is_marked(marked[:8])) == (True, False, False)
    assert (is_request(marked), is_request(classic), is_request(marked + b"\0")) == (True, True, False)


def test_a_server_answers_each_request_in_its_form() -> None:
    """XORed to one with the cookie, plain to one without (RFC 8489 14.2, RFC 3489 11.2.1)."""
    for request, mapped in ((stun.binding(3), "xor"), (stun.classic(3), "plain")):
        answer = binding_answer(request, 0xC6120101, 40_000)
        assert stun.read_answer(answer, request) == StunAnswer("binding", mapped)
        assert stun.read_answer(answer[:-3], request) == OTHER


def test_a_gateway_rewrites_plain_addresses_alone() -> None:
    """What is XORed it does not find: that is what the XOR is for (RFC 8489 14.2)."""
    plain = binding_answer(stun.classic(3), 0xC6120101, 40_000)
    assert rewritten(plain, 0xC0A80107) == plain[:-4] + b"\xc0\xa8\x01\x07"
    xored = binding_answer(stun.binding(3), 0xC6120101, 40_000)
    assert rewritten(xored, 0xC0A80107) == xored
