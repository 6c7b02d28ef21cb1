"""A receipt says what the journal has committed, under the collector's seal, and is said again to a new connection."""

from __future__ import annotations

from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from balise_collector.intake.receipts import Receipts
from balise_collector.intake.sealing import ProbeSealer
from balise_collector.system.clock import Clock
from balise_wire.envelope import Kind, decode_envelope
from balise_wire.seal import unseal
from balise_wire.status import Receipt
from balise_wire.topics import Leaf, topic
from tests.collector.field_probe import FieldProbe
from tests.collector.journal.memory import MemoryJournal
from tests.collector.journal.test_interface import AT, batch_of


class _Wire:
    """A connection that remembers what was published."""

    def __init__(self) -> None:
        self.said: list[tuple[str, bytes]] = []

    def publish(self, where: str, payload: bytes) -> None:
        """Note it."""
        self.said.append((where, payload))


def test_a_receipt_is_what_is_committed_and_is_said_again() -> None:
    """At its time; a broker that forgot it hears what holds by then."""
    probe, journal, key = FieldProbe(), MemoryJournal(), Ed25519PrivateKey.generate()
    clock = Clock(system=lambda: AT)
    receipts = Receipts(journal, ProbeSealer(key, clock), clock.now)
    first: Any = _Wire()
    second: Any = _Wire()
    journal.append([batch_of(probe, probe.measurement(), sequence=1)], (), (), AT)
    receipts.publish(probe.id, probe.stream, [first])
    journal.append([batch_of(probe, probe.measurement(), sequence=3)], (), (), AT)
    receipts.repeat(second)
    told = []
    for where, payload in (*first.said, *second.said):
        assert where == topic(probe.id, Leaf.RECEIPT)
        envelope = decode_envelope(unseal(payload, key.public_key(), most=1 << 16))
        assert (envelope.kind, envelope.probe) == (Kind.RECEIPT, probe.id)
        said = msgspec.json.decode(envelope.body, type=Receipt)
        told.append((said.stream, said.through, said.beyond))
    assert told == [(probe.stream, 1, ()), (probe.stream, 1, (3,))]
