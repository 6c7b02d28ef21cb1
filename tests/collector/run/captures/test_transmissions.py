"""The segments of a transfer in a capture: which were lost, and when the others arrived."""

from __future__ import annotations

import struct

from balise_collector.run.captures.limiters import Limiter, classify
from balise_collector.run.captures.transmissions import transmissions

SERVER, CLIENT = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
SEGMENT = 1_448


def frame(at: float, *, down: bool, seq: int = 0, ack: int = 0, length: int = 0) -> bytes:
    """Return one record of a capture of raw IPv4 that holds headers alone."""
    ports = (443, 40_000) if down else (40_000, 443)
    source, target = (SERVER, CLIENT) if down else (CLIENT, SERVER)
    tcp = struct.pack("!HHIIBBHHH", *ports, seq % (1 << 32), ack % (1 << 32), 5 << 4, 0x10, 65_000, 0, 0)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 40 + length, 1, 0, 64, 6, 0, source, target) + tcp
    whole, part = divmod(at, 1.0)
    return struct.pack("<IIII", int(whole), round(part * 1e6), len(ip), 40 + length) + ip


def capture(*frames: bytes) -> bytes:
    """Return a capture file of them."""
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101) + b"".join(frames)


def shaped(count: int = 200, base: int = 4_294_960_000) -> list[bytes]:
    """Return a transfer at 1 Mb/s, whose numbers pass through zero: each segment is acknowledged a tenth later."""
    found = []
    for place in range(count):
        seq, at = base + place * SEGMENT, 10.0 + place * SEGMENT / 125_000
        found += [frame(at, down=True, seq=seq, length=SEGMENT), frame(at + 0.1, down=False, ack=seq + SEGMENT)]
    return found


def test_an_acknowledgement_says_when_a_segment_arrived() -> None:
    """Whatever the numbers begin with."""
    ((hosts, sent),) = transmissions(capture(*shaped())).items()
    assert hosts == (SERVER, CLIENT)
    assert [round((one.delivered or 0.0) - one.at, 3) for one in sent] == [0.1] * 200
    found = classify(sent)
    assert (found.limiter, found.loss, round(found.kbps / 100)) == (Limiter.SHAPED, 0.0, 10)


def test_what_is_sent_again_was_lost() -> None:
    """The first copy of it, not the second."""
    again = frame(11.0, down=True, seq=4_294_960_000 + 5 * SEGMENT, length=SEGMENT)
    ((_, sent),) = transmissions(capture(*shaped(), again)).items()
    assert [one.lost for one in sent].count(True) == 1
    assert sent[5].lost


def test_a_few_segments_are_no_transfer() -> None:
    """A page says nothing of a limit."""
    assert transmissions(capture(*shaped(20))) == {}
