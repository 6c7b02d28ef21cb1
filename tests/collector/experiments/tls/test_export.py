"""Greetings as OONI writes them (df-005-tcpconnect, df-006-tlshandshake)."""

from __future__ import annotations

from balise_collector.experiments.tls.export import export
from balise_wire.words import Arm
from tests.testbed.cases import EARLIER, HOST, NOW, Case


def test_a_reset_after_the_hello_is_the_handshakes_and_not_the_connections(case: Case) -> None:
    """The layer that failed is what a reader asks first."""
    found = export(case.measured(case.hello(end="rst"))).test_keys
    (connection,), (handshake,) = found["tcp_connect"], found["tls_handshakes"]
    assert connection["status"] == {"failure": None, "success": True}
    assert (handshake["failure"], handshake["server_name"]) == ("connection_reset", HOST)
    assert handshake["no_tls_verify"] is True


def test_without_a_connection_there_is_no_handshake(case: Case) -> None:
    """A hello that was never sent says nothing of TLS."""
    found = export(case.measured(case.hello(end="refused"))).test_keys
    assert found["tls_handshakes"] == []
    assert found["tcp_connect"][0]["status"]["success"] is False


def test_certificates_are_told_by_their_digests(case: Case) -> None:
    """The DER never leaves the probe: what is not there is not made up."""
    one = case.hello(full=True, verified=True, chain=(case.certificate("good"),))
    (handshake,) = export(case.measured(one)).test_keys["tls_handshakes"]
    assert (handshake["peer_certificates"], handshake["x_peer_certificates_sha256"]) == ([], ["cert good"])


def test_a_trial_that_rides_along_began_before_the_measurement(case: Case) -> None:
    """Times are relative to the measurement, and its cause lies before it."""
    found = export(case.measured(case.hello(Arm.NEIGHBOUR), case.hello(at=EARLIER, carried=True))).test_keys
    assert found["tls_handshakes"][1]["t0"] == EARLIER - NOW
    assert found["tls_handshakes"][1]["tags"] == ["subject", "carried"]
