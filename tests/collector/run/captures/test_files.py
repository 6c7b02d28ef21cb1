"""Files of capture: damage is said with its mend, and nothing else goes wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balise_collector.run.captures.connections import connections
from balise_collector.run.captures.files import Damaged
from tests.collector.run.captures import made
from tests.collector.run.captures.made import a_reset as _talk
from tests.collector.run.captures.made import pcap, pcapng


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "empty"),
        (b"<html>", "pcap or pcapng"),
        (b"\x1f\x8b\x08\0", "gunzip"),
        (pcap(_talk())[:20], "first 24 bytes"),
        (pcap(_talk())[:-3], "packet 5"),
        (pcap(_talk())[:50], "packet 1"),
        (pcapng(_talk())[:-5], "ends within a block"),
        (pcapng(_talk())[:-2] + b"\xff\xff", "two lengths"),
        (pcap(_talk(), made.RAW).replace(b"\x65\0\0\0", b"\x69\0\0\0", 1), "link type 105"),
    ],
)
def test_damage_is_one_line_that_says_the_mend(data: bytes, told: str) -> None:
    """What is wrong, where, and what to do."""
    with pytest.raises(Damaged, match=told) as caught:
        connections(data)
    assert "\n" not in str(caught.value)
    assert ";" in str(caught.value)


@given(at=st.integers(0, 600), value=st.integers(0, 255), ng=st.booleans())
def test_one_wrong_byte_raises_nothing_but_damage(at: int, value: int, ng: bool) -> None:
    """Every byte is hostile."""
    data = bytearray((pcapng if ng else pcap)(_talk()))
    data[at % len(data)] = value
    try:
        connections(bytes(data))
    except Damaged:
        return
