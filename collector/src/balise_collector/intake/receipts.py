"""What probes may forget: a receipt of each stream, sealed and published after its commit.

Must not live here: what is committed (the journal), when something is (writer.py).
"""

from collections.abc import Callable, Iterable

import msgspec

from balise_collector.intake.broker import Connection
from balise_collector.intake.sealing import ProbeSealer
from balise_collector.journal.interface import JournalWriter
from balise_wire.envelope import Kind
from balise_wire.status import Receipt
from balise_wire.topics import Leaf, topic


class Receipts:
    """The receipts that were given, so that a broker that forgot them is told again."""

    def __init__(self, journal: JournalWriter, sealer: ProbeSealer, now: Callable[[], float]) -> None:
        """Prepare; ``now`` gives UNIX seconds."""
        self._journal = journal
        self._sealer = sealer
        self._now = now
        self._stream_of: dict[str, str] = {}

    def publish(self, probe: str, stream: str, connections: Iterable[Connection]) -> None:
        """Tell a probe what it may forget of a stream: what the journal has committed (JournalError)."""
        self._stream_of[probe] = stream
        position = self._journal.position(probe, stream)
        receipt = Receipt(stream=stream, through=position.through, beyond=position.beyond, at=self._now())
        frame = self._sealer.seal(Kind.RECEIPT, probe, msgspec.json.encode(receipt))
        for connection in connections:
            connection.publish(topic(probe, Leaf.RECEIPT), frame)

    def repeat(self, connection: Connection) -> None:
        """Say each probe's last receipt again, as it stands now, to a broker that may have forgotten it."""
        for probe, stream in self._stream_of.items():
            self.publish(probe, stream, [connection])
