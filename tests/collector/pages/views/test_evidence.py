"""What any trial may have seen beside its experiment's own."""

from __future__ import annotations

import msgspec
import pytest

from balise_collector.pages.views.evidence import also
from balise_wire.evidence import Direction, Packet
from balise_wire.experiments.tcp import TcpObservation
from balise_wire.words import Arm

TRIAL = TcpObservation(arm=Arm.SUBJECT, at=0.0, address="198.51.100.1", port=443)


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({}, ()),
        ({"icmp_errors": 3}, ("3 ICMP errors",)),
        ({"flood_bytes": 1_000_000}, ("flooded with 1,000,000 bytes that nobody had asked for",)),
        (
            {"packets": (Packet(t_us=1, direction=Direction.IN, protocol="icmp", icmp="3/13", hop="192.0.2.9"),) * 2},
            ("an ICMP error came from 192.0.2.9",),
        ),
    ],
)
def test_a_fact_without_a_column_has_a_sentence(facts: dict[str, object], told: tuple[str, ...]) -> None:
    """What leaves a probe with every measurement can be looked at by who doubts a verdict."""
    assert also(msgspec.structs.replace(TRIAL, **facts)) == told
