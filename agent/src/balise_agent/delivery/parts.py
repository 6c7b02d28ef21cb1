"""What a publisher is made of, what it asks, and what it hands over: records and one port, without behaviour.

Must not live here: anything that decides.
"""

import random
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from balise_agent.delivery.dial import Lookup
from balise_agent.delivery.spool.spool import Spool
from balise_agent.system.clock import Clock
from balise_agent.system.config import Broker
from balise_agent.system.reactor import Reactor
from balise_wire.profiles import AT_ONCE, Pace
from balise_wire.seal import Sealer
from balise_wire.status import Meta


class Budget(Protocol):
    """The account of the host's line; ``policy.egress.Egress``, or a test's."""

    @property
    def silent(self) -> bool:
        """Whether it has nothing left for us at all."""

    def delivers(self, size: int) -> bool:
        """Whether ``size`` bytes more may go to the collector today."""

    def reported(self, sent: int, received: int) -> None:
        """Count bytes that delivery cost."""


@dataclass(frozen=True)
class Assigned:
    """A sealed assignment arrived; nothing of it is verified yet."""

    frame: bytes


@dataclass(frozen=True)
class Requested:
    """A message of the open requests arrived, empty where there are none; nothing of it is verified yet."""

    frame: bytes


@dataclass(frozen=True)
class Greeted:
    """A broker takes our messages from now on; nothing of the spool went out in this session yet."""


@dataclass(frozen=True)
class Narrowed:
    """Full packets are lost on the way to the broker."""

    segment: int
    """Bytes of our segments from now on; 0: any again."""


Arrival = Assigned | Requested | Greeted | Narrowed


class Counters:
    """What the publisher did since start; read by health and by tests."""

    def __init__(self) -> None:
        self.connections = 0
        self.sent_batches = 0
        self.sent_bytes = 0
        self.received_bytes = 0
        self.receipts = 0
        self.forged = 0
        """Messages on our topics that the collector did not sign for us."""
        self.resends = 0
        self.receipt_at: float | None = None
        """UNIX seconds of the last receipt for our stream, on the probe's clock."""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What a publisher is made of."""

    brokers: tuple[Broker, ...]
    probe: str
    meta: Meta
    sealer: Sealer
    collector: Ed25519PublicKey
    spool: Spool
    clock: Clock
    reactor: Reactor
    lookup: Lookup
    budget: Budget
    rng: random.Random
    """Spreads connections; keeps no secret."""
    pace: Pace = AT_ONCE
    boot: str = ""
