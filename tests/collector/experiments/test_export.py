"""What entries in OONI's shapes share."""

from __future__ import annotations

from balise_collector.experiments.export import common, connect, endpoint
from balise_wire.failures import Failure
from balise_wire.trial import Trial
from balise_wire.words import Arm


def test_an_endpoint_is_written_as_uris_do() -> None:
    """IPv6 stands in brackets (RFC 3986 3.2.2)."""
    assert (endpoint("192.0.2.1", 443), endpoint("2001:db8::1", 443)) == ("192.0.2.1:443", "[2001:db8::1]:443")


def test_times_are_seconds_from_the_measurements_begin() -> None:
    """``t - t0`` is what the trial took."""
    one = Trial(arm=Arm.CONTROL, at=1001.5, elapsed_ms=250.0, failure=Failure.EOF)
    assert common(one, 1000.0) == {"failure": "eof_error", "t0": 1.5, "t": 1.75, "tags": ["control"]}


def test_a_connection_that_came_about_did_not_fail() -> None:
    """What failed then is the next layer's; without a connection the failure is its own."""
    one = Trial(arm=Arm.SUBJECT, at=0.0, elapsed_ms=900.0, failure=Failure.CONNECTION_RESET)
    good, bad = connect(one, 0.0, "192.0.2.1", 443, 40.0), connect(one, 0.0, "192.0.2.1", 443, None)
    assert (good["status"]["success"], good["t"]) == (True, 0.04)
    assert (bad["status"]["failure"], bad["t"]) == ("connection_reset", 0.9)
