"""Blocking by Host: what each box sends into the flow."""

import pytest

from balise_lab.boxes.engine.classify import ACK, FIN, PSH
from tests.lab.boxes.packets import REQUEST, decided, request


def test_a_block_page_ends_the_connection() -> None:
    """The page comes with FIN in the server's name; an on-path box resets the server behind the true request."""
    decision, (page, server) = decided("http.blockpage", request(), title="Surf Safely", inline=False)
    assert not decision.strike
    assert page.flags == FIN | ACK | PSH
    assert page.payload.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"<title>Surf Safely</title>" in page.payload
    assert server.sequence == 1000 + len(REQUEST)


def test_a_redirect_leads_where_it_is_told() -> None:
    """The location is the file's."""
    _, (redirect, _server) = decided("http.redirect", request(), location="http://elsewhere.lab/")
    assert b"Location: http://elsewhere.lab/\r\n" in redirect.payload


@pytest.mark.parametrize("word", ["http.drop"])
def test_a_dropped_request_is_answered_by_nobody(word: str) -> None:
    """The flow dies in silence: nothing is sent to either side."""
    decision, forged = decided(word, request())
    assert decision.strike
    assert forged == []
