"""What hellos mean: what heats, what they cost, what people read."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.task import Endpoint
from balise_agent.experiments.tls.outcome import READER
from balise_wire.experiments.tls import CHAIN, HELLO, UNHEARD, TlsObservation
from balise_wire.experiments.traits import UNANSWERED
from balise_wire.failures import Failure
from balise_wire.words import Arm

FINE = TlsObservation(
    arm=Arm.SUBJECT, at=1.0, address="198.18.1.1", port=443, sni="a.example", connect_ms=40.0, bytes_received=7,
    record="server_hello",
)  # fmt: skip
CUT = msgspec.structs.replace(FINE, failure=Failure.CONNECTION_RESET, bytes_received=0, record="")


def test_a_cut_hello_heats_and_a_chain_that_does_not_verify_is_odd() -> None:
    """The endpoint rests where the name was shown; a bad chain is a failure too."""
    bad = msgspec.structs.replace(FINE, full=True, failure=Failure.SSL_UNKNOWN_AUTHORITY, verified=False)
    assert READER.heated((CUT,)) == [Endpoint("198.18.1.1", 443)]
    assert READER.anomaly((FINE, bad)) is bad
    assert READER.anomaly((FINE,)) is None
    # A hello alone looks at no chain; a handshake that died at the hello is seen by a hello as well.
    silent = msgspec.structs.replace(bad, bytes_received=0)
    assert [READER.read(one).by_more for one in (bad, silent, CUT, FINE)] == [True, False, False, False]


def test_bytes_by_what_came_back() -> None:
    """Nothing, a hello's flight, or a whole handshake."""
    full = msgspec.structs.replace(FINE, full=True)
    dropped = msgspec.structs.replace(CUT, failure=Failure.GENERIC_TIMEOUT)
    unconnected = msgspec.structs.replace(dropped, connect_ms=None)
    assert [READER.read(one).spent for one in (CUT, FINE, full)] == [UNANSWERED, HELLO, CHAIN]
    assert [READER.read(one).spent for one in (dropped, unconnected)] == [UNHEARD, UNANSWERED]


def test_a_control_after_the_failure_tells_whether_the_endpoint_remembers() -> None:
    """Residual blocking would have cut the control as well."""
    after = msgspec.structs.replace(FINE, arm=Arm.AFTER, sni="control.example")
    cut = msgspec.structs.replace(after, failure=Failure.CONNECTION_RESET)
    assert READER.remembering((CUT, after)) == {Endpoint("198.18.1.1", 443): False}
    assert READER.remembering((CUT, cut)) == {Endpoint("198.18.1.1", 443): True}
    assert READER.remembering((CUT,)) == {}


def test_a_person_reads_what_the_server_said() -> None:
    """Silence after a connection is told apart from no connection at all."""
    assert READER.describe(FINE).back == "server_hello, 7 bytes"
    assert READER.describe(CUT).back == "connected, then not a byte"
    assert READER.describe(msgspec.structs.replace(CUT, connect_ms=None)).back == ""
