"""Connections: every format and link says the same of the same packets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from balise_collector.run.captures.connections import connections
from balise_wire.evidence import Direction
from tests.collector.run.captures import made
from tests.collector.run.captures.made import Talk, get, pcap, pcapng
from tests.collector.run.captures.made import a_reset as _talk

FORMATS: dict[str, Callable[[Talk], bytes]] = {
    "pcap": pcap,
    "pcap, the other byte order": lambda talk: pcap(talk, order=">"),
    "pcap, nanoseconds": lambda talk: pcap(talk, nano=True),
    "pcap, nanoseconds, other order": lambda talk: pcap(talk, order=">", nano=True),
    "pcap, raw": lambda talk: pcap(talk, made.RAW),
    "pcap, Linux cooked": lambda talk: pcap(talk, made.SLL),
    "pcap, Linux cooked 2": lambda talk: pcap(talk, made.SLL2),
    "pcap, BSD loopback": lambda talk: pcap(talk, made.NULL),
    "pcap, VLAN": lambda talk: pcap(talk, vlans=1),
    "pcap, VLAN in VLAN": lambda talk: pcap(talk, vlans=2),
    "pcapng": pcapng,
    "pcapng, the other byte order": lambda talk: pcapng(talk, order=">"),
    "pcapng, nanoseconds": lambda talk: pcapng(talk, nano=True),
    "pcapng, cooked": lambda talk: pcapng(talk, made.SLL),
    "two sections": lambda talk: pcapng(Talk()) + pcapng(talk, order=">"),
}


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("kind", FORMATS)
def test_every_format_says_the_same(kind: str, six: bool) -> None:
    """The client is who sent the SYN; times count from it, numbers from each side's first."""
    (found,) = connections(FORMATS[kind](_talk(six=six)))
    assert found.name == "blocked.example"
    assert [p.direction for p in found.packets].count(Direction.IN) == 2
    reset = found.packets[-1]
    assert (reset.t_us, reset.flags, reset.ttl, reset.seq, reset.window, reset.length) == (
        80_200,
        "RA",
        201,
        1,
        1500,
        0,
    )
    assert (reset.ip_id, reset.df) == ((0, False) if six else (7, True))
    assert found.packets[3].length == len(get("blocked.example"))
    assert len(found.packets[3].sha256) == 16


def test_a_port_that_is_used_again_is_another_connection() -> None:
    """A SYN with a number of its own; the same one again is the same connection."""
    talk = _talk()
    talk.send(500_000, "S", client=40_001)  # the same SYN once more
    talk.send(900_000, "S", client=40_001, seq=77_777)
    assert [len(each.packets) for each in connections(pcap(talk))] == [6, 1]


def test_what_began_before_the_capture_is_left_out() -> None:
    """Without its SYN nobody knows who asked whom."""
    talk = Talk()
    talk.send(0, "PA", client=40_001, out=False, seq=1, data=b"x")
    assert connections(pcap(talk)) == []


@pytest.mark.real_data
def test_real_captures_are_read(shared_data: Path) -> None:
    """Cooked and Ethernet captures of CenTrace: as many connections as they have SYNs."""
    counts = {file.name: len(connections(file.read_bytes())) for file in (shared_data / "centrace").glob("*.pcap")}
    assert len(counts) == 18
    assert counts["104.16.7.6_notion.site_notion.site.pcap"] == 9
    assert all(counts.values())
