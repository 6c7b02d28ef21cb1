"""What people see of one trial: every field of it has words, and none of a stranger's harm."""

from __future__ import annotations

from balise_collector.experiments.path.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from balise_wire.experiments.path import Hop, HopReply, PathObservation
from balise_wire.words import Arm


def path(payload: str, *hops: Hop) -> PathObservation:
    """Return a path to one address."""
    return PathObservation(arm=Arm.SUBJECT, at=0.0, address="198.51.100.1", port=443, payload=payload, hops=hops)


def test_hops_are_told_to_the_operator_alone() -> None:
    """What leaves a probe with every measurement can be looked at by who doubts a verdict; hops find the probe."""
    forged = (HopReply(kind="rst", ttl=61, rtt_ms=2.04), HopReply(kind="ack", ttl=55))
    heard = Hop(ttl=1, address="192.0.2.1", rtt_ms=1.25, answer="time exceeded")
    one = path("ClientHello", heard, Hop(ttl=2), Hop(ttl=3, replies=forged))
    assert EVIDENCE.also(one, gettext_noop) == [
        "probes carried ClientHello",
        "1: 192.0.2.1 1.2 ms time exceeded",
        "2: *",
        "3: *, rst (TTL 61, 2.0 ms), ack (TTL 55)",
    ]
    assert not EVIDENCE.public


def test_a_stranger_writes_no_control_characters() -> None:
    """Hops are printed as text: no line of theirs begins a line of ours."""
    hostile = "a\n\u202eb\x1b[31m"
    odd = (HopReply(kind=hostile, ttl=1),)
    for told in EVIDENCE.also(path(hostile, Hop(ttl=1, address=hostile, answer=hostile, replies=odd)), gettext_noop):
        assert all(letter.isprintable() for letter in told), told
