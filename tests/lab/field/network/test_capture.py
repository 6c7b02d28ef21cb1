"""Evidence of one flow."""

from random import Random

from balise_lab.field.network.capture import Capture


def test_evidence_is_what_was_heard_by_then() -> None:
    """Packets that lie ahead are not told, those that came late are in the order of time, ten each way at most."""
    capture = Capture(Random(1), 52, v6=False)
    capture.sent(0.0, "S")
    capture.heard(0.2, "SA", 0, 1)
    capture.heard(0.9, "A", 1, 1)
    capture.heard(0.5, "A", 1, 1)
    assert [packet.t_us for packet in capture.until(0.6)] == [0, 200_000, 500_000]
    for number in range(30):
        capture.heard(1.0 + number, "A", 1, 1)
    assert len(capture.until(99.0)) == 11


def test_ip_ids_are_counters_but_for_what_linux_sends_with_zero() -> None:
    """SYN-ACK and RST have 0 (Linux), data counts on; IPv6 has none and no DF."""
    capture = Capture(Random(1), 52, v6=False)
    capture.heard(0.1, "SA", 0, 1)
    capture.heard(0.2, "A", 1, 1)
    capture.heard(0.3, "PA", 1, 1, length=9)
    capture.heard(0.4, "R", 10, 0)
    ids = [packet.ip_id for packet in capture.packets]
    assert ids[0] == ids[3] == 0
    assert ids[2] == ids[1] + 1
    six = Capture(Random(1), 52, v6=True)
    six.sent(0.0, "S")
    assert (six.packets[0].ip_id, six.packets[0].df) == (0, False)
