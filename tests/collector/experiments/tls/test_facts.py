"""How one hello ended, in one word."""

from __future__ import annotations

from typing import Any

import pytest

from balise_collector.experiments.tls.facts import Outcome, outcome
from balise_wire.failures import Failure
from tests.testbed.cases import Case


@pytest.mark.parametrize(
    ("end", "word"),
    [
        ("ok", Outcome.ANSWERED),
        ("rst", Outcome.RST),
        ("silence", Outcome.SILENCE),
        ("fin", Outcome.FIN),
        ("refused", Outcome.NO_CONNECT),
        ("untrusted", Outcome.CERTIFICATE),
        ("expired", Outcome.CERTIFICATE),
    ],
)
def test_a_hello_ends_in_one_way(case: Case, end: str, word: Outcome) -> None:
    """Any byte back is an answer; a connection that did not come about is TCP's."""
    assert outcome(case.hello(end=end)) is word


def test_bytes_that_are_no_tls_are_somebody_elses(case: Case) -> None:
    """A page in clear on port 443 is no answer of a TLS server; a version that we do not speak is one."""
    bytes_back: dict[str, Any] = {"failure": Failure.TLS_MALFORMED, "bytes_received": 300}
    assert outcome(case.hello(**bytes_back)) is Outcome.OTHER
    assert outcome(case.hello(**bytes_back, record="server_hello")) is Outcome.ANSWERED
