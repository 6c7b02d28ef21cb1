"""What SYNs mean: they show no name, so they heat nothing."""

from __future__ import annotations

import msgspec

from balise_agent.experiments.task import Endpoint
from balise_agent.experiments.tcp.outcome import READER
from balise_wire.experiments.tcp import SYN, TcpObservation
from balise_wire.failures import Failure
from balise_wire.words import Arm

DEAD = TcpObservation(
    arm=Arm.SUBJECT, at=1.0, failure=Failure.GENERIC_TIMEOUT, address="198.18.1.1", port=443, syns=6, flood_bytes=1
)


def test_a_dead_address_stays_cool() -> None:
    """The series that is to tell what it died of must not wait for others' time-outs; a flood is another matter."""
    assert READER.anomaly((DEAD,)) is DEAD
    assert READER.heated((DEAD,)) == []
    assert READER.flooding((DEAD,)) == [Endpoint("198.18.1.1", 443)]
    assert READER.spent((DEAD,)) == 6 * SYN


def test_an_address_that_shut_its_other_port_meanwhile_rests() -> None:
    """It counts what one home sends: the next series waits until that is forgotten."""
    before = msgspec.structs.replace(DEAD, arm=Arm.OTHER_PORT, port=80, syns=2, synacks=2, failure=None, flood_bytes=0)
    after = msgspec.structs.replace(before, synacks=0, failure=Failure.GENERIC_TIMEOUT)
    assert READER.heated((before, DEAD, before)) == []
    assert set(READER.heated((before, DEAD, after))) == {Endpoint("198.18.1.1", 80), Endpoint("198.18.1.1", 443)}


def test_a_person_reads_how_many_went_out_and_came_back() -> None:
    """Counts, and no verdict."""
    told = READER.describe(DEAD)
    assert (told.sent, told.back) == ("6 SYN to 198.18.1.1:443", "0 SYN-ACK, 0 RST, 0 ICMP")


def test_what_found_no_way_out_is_no_anomaly() -> None:
    """No SYN left this machine: a home without IPv6 says nothing of an address."""
    unsent = msgspec.structs.replace(DEAD, syns=0, failure=Failure.NETWORK_UNREACHABLE)
    assert READER.anomaly((unsent,)) is None
    assert (READER.read(unsent).unsent, READER.read(DEAD).unsent) == (True, False)
