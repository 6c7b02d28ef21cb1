"""A whole handshake is tried in an old dialect only where a TLS server did not like ours."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from balise_agent.experiments import REGISTRY
from balise_agent.experiments.secure import speaks_another_dialect
from balise_agent.experiments.steps import Connect, Failed, Handshake
from balise_agent.experiments.task import Task
from balise_agent.testing import FakeNetwork
from balise_wire.experiments.dns import DnsAnswer, DnsObservation
from balise_wire.experiments.http import HttpObservation
from balise_wire.experiments.tls import TlsObservation
from balise_wire.failures import Failure
from balise_wire.words import Experiment

TLS, HTTP, DNS = (REGISTRY[word] for word in (Experiment.TLS, Experiment.HTTP, Experiment.DNS))


@pytest.mark.parametrize(
    ("failure", "data", "detail", "again"),
    [
        (Failure.TLS_ALERT, b"\x15\x03\x01\x00\x02\x02\x46", "alert 70", True),
        (Failure.TLS_ALERT, b"\x15\x03\x03\x00\x02\x02\x28", "alert 40", True),
        (Failure.TLS_ALERT, b"\x15\x03\x03\x00\x02\x02\x70", "alert 112", False),
        (Failure.TLS_ALERT, b"\x15\x03\x03\x00\x02\x02\x31", "alert 49", False),
        (Failure.SSL_FAILED_HANDSHAKE, b"\x16\x03\x03\x00\x7a\x02", "unsafe_legacy_renegotiation_disabled", True),
        (Failure.TLS_MALFORMED, b"HTTP/1.1 400", "http_request", False),
        (Failure.SSL_FAILED_HANDSHAKE, b"", "", False),
        (Failure.CONNECTION_RESET, b"\x16\x03\x03\x00\x7a\x02", "", False),
        (Failure.GENERIC_TIMEOUT, b"", "", False),
        (Failure.EOF, b"", "", False),
    ],
)
def test_when_it_is_tried_again(failure: Failure, data: bytes, detail: str, again: bool) -> None:
    """Never after a cut, a silence, a refused name or bytes that are no TLS: those are findings."""
    reply = Failed(at=1.0, elapsed_ms=1.0, failure=failure, data=data, detail=detail)
    assert speaks_another_dialect(reply) is again


def test_an_old_server_is_no_anomaly(network: FakeNetwork, task: Task) -> None:
    """Its chain is seen at the second connection, with the version that was spoken."""
    network.old_tls.add("twitter.example")
    (full,) = network.play(TLS.plan.sentinel(msgspec.structs.replace(task, full=True)), TlsObservation)
    assert (full.failure, full.version, full.verified) == (None, "TLSv1", True)
    assert [step.old for step in network.steps if isinstance(step, Handshake)] == [False, True]


def test_a_modern_server_costs_one_connection(network: FakeNetwork, task: Task) -> None:
    """The old dialect is never shown to a server that did not ask for it."""
    network.play(TLS.plan.sentinel(msgspec.structs.replace(task, full=True)), TlsObservation)
    assert [step.old for step in network.steps if isinstance(step, Handshake)] == [False]
    assert sum(isinstance(step, Connect) for step in network.steps) == 1


def test_pages_of_old_servers_are_fetched(network: FakeNetwork, task: Task, changed: Callable[..., Task]) -> None:
    """HTTP over TLS takes the same way."""
    network.old_tls.add("twitter.example")
    (page,) = network.play(HTTP.plan.sentinel(changed(task, http_port=443)), HttpObservation)
    assert (page.status, page.tls_verified, page.failure) == (200, True, None)


def test_a_dialect_that_nobody_speaks_is_no_wrong_certificate(network: FakeNetwork, task: Task) -> None:
    """An answer's address that shows no chain at all is not known to be another server's."""
    network.old_tls.add("twitter.example")
    network.dns["twitter.example", ""] = (DnsAnswer(rtt_ms=9.0, addresses=("198.18.5.5",)),)
    (seen,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert (seen.tls_consistent, seen.tls_address) == (True, "198.18.5.5")
    network.no_tls = {"twitter.example"}
    (unseen,) = network.play(DNS.plan.sentinel(task), DnsObservation)
    assert (unseen.tls_consistent, unseen.tls_address) == (None, "198.18.5.5")
    assert DNS.reader.anomaly((unseen,)) is None
