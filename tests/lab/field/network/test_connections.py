"""What a kernel makes of segments, true and forged (RFC 9293 3.10.7, RFC 5961 3.2)."""

import itertools

import pytest

from balise_lab.field.network.answering import Answer, Arrival
from balise_lab.field.network.capture import Marks
from balise_lab.field.network.connections import DATA, END, RESET, Connection
from tests.lab.field.network.playing import SERVICE, Bed

FORGED = Marks(44, 7, False, "RA", 1)


@pytest.fixture
def connection() -> Connection:
    """Return one that stands."""
    bed = Bed()
    home = bed.accesses["p1"].home
    address = bed.world.addresses_of(SERVICE)[0]
    return Connection(home, address, 443, bed.world.servers[address], home.way(address))


def read(connection: Connection) -> list[tuple[str, bytes]]:
    """Return what the program will read."""
    return [(one.what, one.data) for one in connection.queue]


def test_a_reset_before_the_data_ends_a_connection(connection: Connection) -> None:
    """What the server sent comes to a closed port, and is evidence."""
    arrivals = (Arrival(0.01, "RA", look=FORGED), Arrival(0.3, "PA", b"hello"))
    connection.sends(10, "", Answer(arrivals))
    assert read(connection) == [(RESET, b"")]
    assert [p.flags for p in connection.capture.until(9.0)][-2:] == ["PA", "R"]


def test_a_reset_that_lost_the_race_is_a_challenge(connection: Connection) -> None:
    """With a number that is no longer expected it is answered and ends nothing."""
    arrivals = (Arrival(0.1, "PA", b"hello"), Arrival(0.2, "RA", look=FORGED, skip=3))
    connection.sends(10, "", Answer(arrivals))
    assert read(connection) == [(DATA, b"hello")]
    assert not connection.ended


def test_injected_data_takes_the_place_of_the_server_s(connection: Connection) -> None:
    """What of the true answer stands behind the forged one is read, the rest was received before."""
    arrivals = (Arrival(0.01, "PA", b"BLOCK", FORGED), Arrival(0.2, "PA", b"true answer"))
    connection.sends(10, "", Answer(arrivals))
    assert read(connection) == [(DATA, b"BLOCK"), (DATA, b"answer")]


def test_an_end_comes_after_its_data(connection: Connection) -> None:
    """However the arrivals are ordered, FIN is read last."""
    connection.sends(10, "", Answer((Arrival(0.2, "PA", bytes(50_000)), Arrival(0.2, "FA"))))
    assert sum(len(data) for what, data in read(connection) if what == DATA) == 50_000
    assert read(connection)[-1] == (END, b"")


def test_what_nobody_acknowledges_is_sent_again(connection: Connection) -> None:
    """As Linux does: a probe of the tail first, then after 200 ms and more, doubled each time."""
    connection.sends(10, "aa", Answer(heard=False))
    times = [packet.t_us / 1e6 for packet in connection.capture.until(60.0) if packet.length]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert len(times) >= 7
    assert all(1.9 < later / earlier < 2.1 for earlier, later in itertools.pairwise(gaps[1:]))
