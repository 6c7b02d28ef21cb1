"""What people see of one trial: every field of it has words, and none of a stranger's harm."""

from __future__ import annotations

from balise_collector.experiments.tcp.evidence import EVIDENCE
from balise_collector.system.sentences import gettext_noop
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.words import Arm


def test_syns_and_errors_are_counted() -> None:
    """What leaves a probe with every measurement can be looked at by who doubts a verdict."""
    one = TcpObservation(arm=Arm.SUBJECT, at=0.0, address="198.51.100.1", port=443, syns=6, synacks=2, icmp_errors=3)
    assert EVIDENCE.told(one, gettext_noop) == ("198.51.100.1 port 443, 6 SYN", "2 of 6 answered")
    assert EVIDENCE.also(one, gettext_noop) == ["3 ICMP errors"]
