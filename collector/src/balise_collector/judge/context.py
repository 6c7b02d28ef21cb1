"""What the judge may know beside the measurement: the probe, the catalogue's expectations, the references' results.

Lives here: Context, and why a measurement may be barred. Must not live here: what references saw (references.py),
rules, storage, clocks; all times are given.
"""

import ipaddress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from balise_collector.judge.fingerprints import OWN, Fingerprints
from balise_collector.judge.limits import BUDGET
from balise_collector.judge.references import ReferenceTable
from balise_wire.addresses import BOGONS, Network
from balise_wire.measurement import LINE_TOLERANCE


class Bar(StrEnum):
    """Why a measurement is not judged at all, whatever it shows; the values are ids of rules (record.py)."""

    NONE = ""
    UNKNOWN = "record.unknown"
    """The probe is not in the fleet: nobody vouches for it."""
    COUNTRY = "record.country"
    """It says that it stood in a country for which nobody ever vouched."""
    TARGET = "record.target"
    """Its words contradict its own target."""
    CLOCK = "clock.doubtful"
    """It came late, and its probe's clock or its way may be to blame: in the wrong minute it would mislead."""
    ELSEWHERE = "line.elsewhere"
    """The line is not where the record says: a tunnel, or a board that moved."""


BARRED: Final = frozenset(bar.value for bar in Bar if bar)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """The tables for one measurement."""

    probe: str
    bar: Bar = Bar.NONE
    """Why it is not judged; the record is asked before the measurement is."""
    reference: bool = False
    clock_offset: float = 0.0
    """Seconds, probe minus collector; subtracted from every time of the measurement."""
    references: ReferenceTable = field(default_factory=ReferenceTable)
    addresses: frozenset[str] = frozenset()
    """The target's addresses by the catalogue."""
    names: frozenset[str] = frozenset()
    """The hosts of the target's service by the catalogue: its own site leads to them."""
    pins: frozenset[str] = frozenset()
    """SHA-256 of the public keys that the catalogue expects."""
    fingerprints: Fingerprints = OWN
    bogons: tuple[Network, ...] = BOGONS
    line_seconds: float = LINE_TOLERANCE
    """Most seconds between a measurement and the line health that gates it; probes keep to the same figure."""
    scale: float = 1.0
    """Seconds of the probe's clock in a second of its trials: 1 but in a laboratory, whose clock runs faster."""
    no_limits: frozenset[str] = BUDGET
    """Words of ``limited_by`` that say nothing of the board (limits.py)."""

    def is_bogon(self, address: str) -> bool:
        """Tell whether no public service can have this address; text that is no address is none."""
        try:
            ip = ipaddress.ip_address(address)
        except ValueError:
            return True
        return any(ip.version == network.version and ip in network for network in self.bogons)
