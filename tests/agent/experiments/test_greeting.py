"""One greeting over TCP: what is sent in which pieces, and what the first bytes back are called."""

from __future__ import annotations

import pytest

from balise_agent.codec.clienthello import client_hello
from balise_agent.experiments.greeting import first_record, greet, segments
from balise_agent.experiments.steps import Connect, Failed, Plan, Send
from balise_agent.experiments.task import Endpoint, Task
from balise_agent.testing import FakeNetwork
from balise_wire.evidence import Direction, Packet


def test_each_piece_leaves_by_itself(network: FakeNetwork, task: Task) -> None:
    """Two sends are two segments, whose order is that of the pieces."""
    seen, hello = [], client_hello("a.example", 1)

    def plan() -> Plan:
        seen.append((yield from greet(task, Endpoint("198.18.1.1", 443), (hello[:100], hello[100:]))))
        return ()

    network.play(plan())
    assert [step.data for step in network.asked(Send)] == [hello[:100], hello[100:]]
    assert len(network.asked(Connect)) == 1
    assert network.names() == ["a.example"]
    assert [(one.failure, one.record) for one in seen if not isinstance(one, Failed)] == [(None, "server_hello")]


def test_segments_are_told_by_their_numbers() -> None:
    """One that left twice is one."""
    out = [Packet(t_us=n, direction=Direction.OUT, seq=seq, length=9) for n, seq in enumerate((1, 1, 10))]
    assert segments([*out, Packet(t_us=9, direction=Direction.IN, seq=7, length=9)]) == 2


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", ""),
        (b"\x16\x03\x03\x00\x7a\x02\x00", "server_hello"),
        (b"\x16", "server_hello"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "alert:40"),
        (b"\x15\x03\x01", "alert:"),
        (b"HTTP/1.", "other"),
        (b"\x16\x03\x03\x00\x7a\x0b\x00", "other"),
    ],
)
def test_first_record(data: bytes, name: str) -> None:
    """The first record is named by its bytes; what is no TLS is ``other``."""
    assert first_record(data) == name
